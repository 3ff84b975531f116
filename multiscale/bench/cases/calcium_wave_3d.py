"""A calcium wave in three dimensions, 4 states: a part of a CA1 cell at 0.25 um, steps of 0.1 ms.

Accuracy: the error in time of each side after 2 ms, on its own voxels. NEURON's splitting is of first order in the
step; its limit is taken from steps four times smaller, which hides a quarter of its error.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured
from multiscale.bench.voxels import NeuronPart, Steps, measure_ours, no_error, our_part
from multiscale.bench.wave_voxels import CALCIUM, NeuronWave, OurWave

ROUNDS = 1  # NEURON needs two minutes until it can run
STEPS = Steps(dt=0.1, block=5, blocks=10, shot=20, finer=4)


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.model import Model
    from multiscale.simulate import Simulation
    from multiscale.units import ms

    started = perf_counter()
    model = Model(*OurWave.make().processes, name="calcium wave")
    part = our_part()

    def prepare(dt: float) -> Simulation:
        return Simulation(model, part, dt=dt * ms, record=())

    return [measure_ours(started, STEPS, prepare, CALCIUM, repeats, states=4)]


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    part = NeuronPart.load(reactions=True)
    started = perf_counter()
    wave = NeuronWave.make(part)
    return [part.measure(started, STEPS, wave.calcium, repeats, states=4)]


def reference() -> dict[str, NDArray[np.float64]]:
    """Return that there is no error in time."""
    return no_error(*CALCIUM)
