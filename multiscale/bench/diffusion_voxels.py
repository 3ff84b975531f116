"""Pure diffusion of a hill in a part of a CA1 cell in voxels: shared by the benches ``diffusion_3d*``."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from multiscale.bench.bandwidth import memory_note
from multiscale.bench.measure import Measured
from multiscale.bench.voxels import Array, NeuronPart, Steps, measure_ours, neuron_hill, no_error, our_hill, our_part

STEPS = Steps(dt=0.025, block=5, blocks=10, shot=20, finer=8)
NAME = "concentration"


def ours(d: float, repeats: int, stepper: Any = None) -> list[Measured]:
    """Diffuse one species of ``d`` um^2/ms with multiscale; without ``stepper``, with the one used by default."""
    from multiscale.model import Model
    from multiscale.regions import Region
    from multiscale.simulate import Simulation
    from multiscale.species import Species
    from multiscale.units import mM, ms, um

    started = perf_counter()
    model = Model(Species("c", Region("cyt"), d=d * um**2 / ms, initial=(0.1 + our_hill()) * mM))
    part = our_part()

    def prepare(dt: float) -> Simulation:
        return Simulation(model, part, dt=dt * ms, stepper=stepper, record=())

    note = None if stepper else memory_note
    return [measure_ours(started, STEPS, prepare, {NAME: "c.cyt"}, repeats, states=1, note=note)]


def neuron(d: float, repeats: int) -> list[Measured]:
    """Diffuse one species with NEURON."""
    part = NeuronPart.load(reactions=False)
    started = perf_counter()
    cyt = part.region("cyt", inside=True)
    c = part.species(cyt, name="c", d=d, initial=lambda node: 0.1 + neuron_hill(node))
    return [part.measure(started, STEPS, {NAME: c[cyt]}, repeats, states=1)]


def reference() -> dict[str, Array]:
    """Return that there is no error in time."""
    return no_error(NAME)
