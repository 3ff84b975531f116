"""A Hodgkin-Huxley axon of 1001 compartments with changing Na and K concentrations, in NEURON's order of operations.

2,000 steps of 0.025 ms. Accuracy: each side against LSODA at rtol 1e-8 after 2.5 ms, with the action potential half
way; both are of first order in the step (``Lie`` here) and differ from each other by far less than either errs.
NEURON is timed with its table of rates, which is faster, and compared without, which is more exact.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.bench import axon
from multiscale.bench.measure import Measured

STEPS, PUMP = 2_000, False


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.rxd.steppers.lie import Lie

    return axon.ours(STEPS, repeats, pump=PUMP, stepper=Lie())


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    return axon.neuron(STEPS, repeats, pump=PUMP)


def reference() -> dict[str, NDArray[np.float64]]:
    """Return the converged answer."""
    return axon.reference(pump=PUMP)
