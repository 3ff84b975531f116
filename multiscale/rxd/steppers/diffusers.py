"""How species diffuse in voxels; on branches they take RKL2 or elimination on the tree, whatever is chosen here."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from multiscale.errors import ModelError


class Diffuser(ABC):
    """A scheme for diffusion on a grid of voxels."""

    @property
    @abstractmethod
    def method(self) -> int:
        """Number of the scheme in the compiled loop."""


@dataclass(frozen=True)
class RKL2(Diffuser):
    """Super time steps: explicit stages whose number follows the step, second order, no splitting of directions.

    The default. Stable at any step; stages grow with the square root of D dt / dx^2.
    Source: Meyer, Balsara and Aslam (2014), J. Comput. Phys. 257, 594.
    """

    @property
    def method(self) -> int:
        """See `Diffuser`."""
        return 0


@dataclass(frozen=True)
class DouglasGunn(Diffuser):
    """Alternating directions in delta form: second order, one sweep along x, y and z a step.

    On an irregular domain the directions do not commute, and the scheme grows without bound once D dt / dx^2 passes
    some 1 to 4: a step is therefore cut into equal parts in which step times stiffness stays below 10 (D dt / dx^2 of
    0.7). Rough data between 0 and 1 overshoot by 0.01 (a front) to 0.3 (a checkerboard) there.
    Source: Douglas and Gunn (1964), Numer. Math. 6, 428.
    """

    @property
    def method(self) -> int:
        """See `Diffuser`."""
        return 1


@dataclass(frozen=True)
class BackwardEuler(Diffuser):
    """Backward Euler one direction after another: first order, L-stable, and positive for any data and step."""

    @property
    def method(self) -> int:
        """See `Diffuser`."""
        return 2


def check_diffuser(stepper: str, diffusion: object) -> None:
    """Raises ModelError for what is no scheme."""
    if diffusion is not None and not isinstance(diffusion, Diffuser):
        raise ModelError(
            f"stepper {stepper}: diffusion is {diffusion!r}, expected an object such as RKL2(), DouglasGunn() or "
            "BackwardEuler(); pass one of these"
        )
