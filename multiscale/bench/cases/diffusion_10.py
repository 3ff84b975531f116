"""Diffusion of 10 species on a cable of 1000 um and 1001 nodes, 4,000 steps of 0.025 ms.

Accuracy: each side against the solution exact in time on the same nodes.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.bench import diffusion
from multiscale.bench.measure import Measured

LENGTH, COUNT, STEPS = 1000.0, 10, 4_000


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    return diffusion.ours(LENGTH, COUNT, STEPS, repeats)


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    return diffusion.neuron(LENGTH, COUNT, STEPS, repeats)


def neuron_baseline(repeats: int) -> list[Measured]:
    """Measure the voltage solve that NEURON does besides."""
    return diffusion.neuron(LENGTH, COUNT, STEPS, repeats, baseline=True)


def reference() -> dict[str, NDArray[np.float64]]:
    """Return the answer that is exact in time."""
    return diffusion.reference(LENGTH, COUNT, STEPS)
