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
    """Alternating directions in delta form: second order, a cost that does not depend on the step.

    On an irregular domain the directions do not commute: rough data overshoot where D dt / dx^2 is 3 or more.
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
