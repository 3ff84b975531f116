"""Diffusion of 1 species on a cable of 100 um and 1001 nodes, 20,000 steps of 0.025 ms.

Accuracy: each side against the solution exact in time on the same nodes. Nodes ten times shorter than in
``diffusion_1`` make the equations a hundred times stiffer (d dt / dx^2 = 2.5) at the same cost a step.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.bench import diffusion
from multiscale.bench.measure import Measured

LENGTH, STEPS = 100.0, 20_000


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    return diffusion.ours(LENGTH, 1, STEPS, repeats)


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    return diffusion.neuron(LENGTH, 1, STEPS, repeats)


def neuron_baseline(repeats: int) -> list[Measured]:
    """Measure the voltage solve that NEURON does besides."""
    return diffusion.neuron(LENGTH, 1, STEPS, repeats, baseline=True)


def reference() -> dict[str, NDArray[np.float64]]:
    """Return the answer that is exact in time."""
    return diffusion.reference(LENGTH, 1, STEPS)
