"""Diffusion in three dimensions, D = 1 um^2/ms: a part of a CA1 cell at 0.25 um, steps of 0.025 ms, default stepper.

Accuracy: the largest error in time of each side after 0.5 ms, on its own voxels.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.bench import diffusion_voxels
from multiscale.bench.measure import Measured

D = 1.0  # um^2/ms


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    return diffusion_voxels.ours(D, repeats)


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    return diffusion_voxels.neuron(D, repeats)


def reference() -> dict[str, NDArray[np.float64]]:
    """Return that there is no error in time."""
    return diffusion_voxels.reference()
