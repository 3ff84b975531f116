"""What a splitting scheme is: the order of a step's parts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from multiscale.rxd.steppers.diffusers import Diffuser


@dataclass(frozen=True)
class Part:
    """One part of a step.

    Attributes:
        kind: "diffuse", "react" (chemistry and gates, potential held) or "membrane" (potential, and what currents
            move).
        share: length of the part as a share of the step.
        offset: where in the step it begins, as a share of the step.
    """

    kind: str
    share: float
    offset: float


class Stepper(ABC):
    """A fixed-step scheme."""

    @abstractmethod
    def parts(self, diffuse: bool, react: bool, membrane: bool) -> tuple[Part, ...]:
        """The parts of one step, in order, for a model that has these kinds of parts."""

    @property
    @abstractmethod
    def implicitness(self) -> float:
        """1: implicit parts are backward Euler. 1 - 1/sqrt(2): they are ROS2."""

    @property
    @abstractmethod
    def tolerance(self) -> float | None:
        """Relative tolerance of the local chemistry, or None for one step of ROS2 a part."""

    @property
    @abstractmethod
    def voxel_diffusion(self) -> Diffuser | None:
        """Scheme for diffusion in voxels; None chooses by the step."""

    @abstractmethod
    def describe(self) -> str:
        """One line for the solution's attributes."""
