"""Strang splitting: second order, symmetric. Source: Strang (1968), SIAM J. Numer. Anal. 5, 506."""

import math
from dataclasses import dataclass

from multiscale.errors import ModelError
from multiscale.rxd.steppers.base import Part, Stepper
from multiscale.rxd.steppers.diffusers import Diffuser, check_diffuser


@dataclass(frozen=True)
class Strang(Stepper):
    """diffusion/2, chemistry/2, membrane, chemistry/2, diffusion/2, each part of second order and L-stable.

    Attributes:
        reaction_tolerance: relative tolerance of the local chemistry; nodes whose error estimate is larger take smaller
            steps. None: one ROS2 step a part (smaller ones only where a concentration would become negative).
        diffusion: how species diffuse in voxels: `RKL2()`, `DouglasGunn()` or `BackwardEuler()`; None chooses by
            the step, and the solution says what.
    """

    reaction_tolerance: float | None = None
    diffusion: Diffuser | None = None

    def __post_init__(self) -> None:
        check_diffuser("Strang", self.diffusion)
        tolerance = self.reaction_tolerance
        if tolerance is not None and (not isinstance(tolerance, int | float) or not tolerance > 0):
            raise ModelError(
                f"stepper Strang: reaction_tolerance is {self.reaction_tolerance}, expected a number above 0; "
                "give for example 1e-4"
            )

    @property
    def implicitness(self) -> float:
        """ROS2."""
        return 1.0 - 1.0 / math.sqrt(2.0)

    @property
    def tolerance(self) -> float | None:
        """Tolerance of the local chemistry."""
        return self.reaction_tolerance

    def parts(self, diffuse: bool, react: bool, membrane: bool) -> tuple[Part, ...]:
        """See the class; parts that the model lacks are left out, so that what remains is not halved in vain."""
        middle: tuple[Part, ...]
        if membrane and react:
            middle = (Part("react", 0.5, 0.0), Part("membrane", 1.0, 0.0), Part("react", 0.5, 0.5))
        elif membrane:
            middle = (Part("membrane", 1.0, 0.0),)
        elif react:
            middle = (Part("react", 1.0, 0.0),)
        else:
            return (Part("diffuse", 1.0, 0.0),) if diffuse else ()
        if not diffuse:
            return middle
        return (Part("diffuse", 0.5, 0.0), *middle, Part("diffuse", 0.5, 0.5))

    @property
    def voxel_diffusion(self) -> Diffuser | None:
        """The scheme that was given, if any."""
        return self.diffusion

    def describe(self) -> str:
        """One line."""
        local = "" if self.reaction_tolerance is None else f", local tolerance {self.reaction_tolerance:g}"
        return f"Strang splitting, ROS2 and RKL2 parts, second order{local}"
