"""The axon of ``hh_ions`` by Strang splitting, second order: the same steps, an error fifteen times smaller.

Accuracy: each side against LSODA at rtol 1e-8 after 2.5 ms, with the action potential half way. NEURON is
timed with its table of rates, which is faster, and compared without, which is more exact.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.bench import axon
from multiscale.bench.measure import Measured

STEPS, PUMP = 2_000, False


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    return axon.ours(STEPS, repeats, pump=PUMP)


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    return axon.neuron(STEPS, repeats, pump=PUMP)


def reference() -> dict[str, NDArray[np.float64]]:
    """Return the converged answer."""
    return axon.reference(pump=PUMP)
