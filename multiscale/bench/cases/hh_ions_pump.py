"""A Hodgkin-Huxley axon of 1001 compartments with Na and K concentrations and a Na/K pump, 1,000 steps of 0.025 ms.

Accuracy: each side against LSODA at rtol 1e-8 after 2.5 ms, with the action potential half way. NEURON is
timed with its table of rates and compared without. There the pump is an rxd reaction whose current enters the voltage
equation explicitly (``membrane_flux=True``).
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.bench import axon
from multiscale.bench.measure import Measured

STEPS, PUMP = 1_000, True


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    return axon.ours(STEPS, repeats, pump=PUMP)


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    return axon.neuron(STEPS, repeats, pump=PUMP)


def reference() -> dict[str, NDArray[np.float64]]:
    """Return the converged answer."""
    return axon.reference(pump=PUMP)
