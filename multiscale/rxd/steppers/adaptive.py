"""Error-controlled steps: Rodas5P for a single node, Strang with step doubling on a tree."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import ModelError

LEAST_SCALE = {"concentration": 1e-6, "state": 1e-3, "potential": 1.0}  # mM, 1, mV


@dataclass(frozen=True)
class Adaptive:
    """Steps as long as the error allows.

    On a tree each step is taken once whole and once in two halves; the difference, a third of which is the error of the
    halves (Strang is of second order), decides whether it is kept. Step lengths are the recording interval divided by
    powers of two, so that samples fall on steps and the factors are kept.

    Attributes:
        rtol: relative tolerance of each step, of each field.
        atol: absolute tolerance in the field's base unit, or None: 1e-3 rtol of the field's own scale, which is the
            largest magnitude that it has had so far (at least 1e-6 mM, 1e-3 for states, 1 mV).
        max_step: longest step, ms.
    """

    rtol: float = 1e-4
    atol: float | None = None
    max_step: float = math.inf

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol), ("max_step", self.max_step)):
            if value is not None and (not isinstance(value, int | float) or not value > 0):
                raise ModelError(
                    f"stepper Adaptive: {name} is {value}, expected a number above 0; give for example rtol=1e-6"
                )
        if self.rtol >= 0.1:
            raise ModelError(
                f"stepper Adaptive: rtol is {self.rtol}, expected less than 0.1; give for example rtol=1e-4"
            )

    def absolute(self, scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """Absolute tolerance of fields of a given scale, same shape."""
        return 1e-3 * self.rtol * scale if self.atol is None else np.full(scale.shape, self.atol)

    def describe(self) -> str:
        """One line."""
        return f"adaptive, rtol {self.rtol:g}"
