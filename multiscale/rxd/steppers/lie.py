"""Lie splitting in NEURON's order of operations: first order, for comparison with NEURON's numbers."""

from dataclasses import dataclass

from multiscale.rxd.steppers.base import Part, Stepper
from multiscale.rxd.steppers.diffusers import BackwardEuler, Diffuser, check_diffuser


@dataclass(frozen=True)
class Lie(Stepper):
    """Potential by backward Euler, then diffusion by backward Euler, then gates and chemistry with the new potential.

    Source of the order: Hines and Carnevale (1997), Neural Comput. 9, 1179; Newton et al. (2018), Front. Neuroinform.
    12, 41. Gates take the exact exponential step (``cnexp``).

    Attributes:
        diffusion: how species diffuse in voxels; None is `BackwardEuler`. NEURON's own scheme is `DouglasGunn`.
    """

    diffusion: Diffuser | None = None

    def __post_init__(self) -> None:
        check_diffuser("Lie", self.diffusion)

    @property
    def implicitness(self) -> float:
        """Backward Euler."""
        return 1.0

    @property
    def tolerance(self) -> float | None:
        """No local error control."""
        return None

    def parts(self, diffuse: bool, react: bool, membrane: bool) -> tuple[Part, ...]:
        """The parts that the model has, in NEURON's order."""
        order = (("membrane", membrane), ("diffuse", diffuse), ("react", react))
        return tuple(Part(kind, 1.0, 0.0) for kind, present in order if present)

    @property
    def voxel_diffusion(self) -> Diffuser | None:
        """Backward Euler unless another was given."""
        return self.diffusion if self.diffusion is not None else BackwardEuler()

    def describe(self) -> str:
        """One line."""
        return "Lie splitting in NEURON's order, backward Euler, first order"
