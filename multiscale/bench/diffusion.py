"""Pure diffusion on a closed cable, for any number of species: shared by the benches ``diffusion_*``.

A hill of concentration spreads from the middle of a cable of 1001 nodes and 1 um diameter, 0.025 ms a step; every
species has its own diffusion constant (1, 1.1, 1.2, ... um^2/ms). NEURON takes backward Euler steps. It also solves the
voltage equation of the same cable in every step, asked or not; ``neuron_baseline`` measures that alone, so that the
ratio can be given with and without it.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import load_neuron, neuron_cable, neuron_start, neuron_steps, neuron_values, neuron_version
from multiscale.bench.reference import cell_centres, diffuse_exactly

NODES, DT = 1001, 0.025  # -, ms


def diffusion_constants(count: int) -> list[float]:
    """Return one diffusion constant a species, um^2/ms."""
    return [1 + 0.1 * i for i in range(count)]


def ours(length: float, count: int, steps: int, repeats: int) -> list[Measured]:
    """Diffuse ``count`` species on a cable of ``length`` um with multiscale."""
    from multiscale.functions import exp
    from multiscale.geometry import Cable
    from multiscale.model import Model
    from multiscale.regions import Region
    from multiscale.simulate import Simulation
    from multiscale.species import Species
    from multiscale.symbols import arc
    from multiscale.units import mM, ms, um

    started = perf_counter()
    cyt = Region("cyt")
    hill = (0.1 + exp(-(((arc - length / 2 * um) / (length / 20 * um)) ** 2))) * mM
    species = [Species(f"s{i}", cyt, d=d * um**2 / ms, initial=hill) for i, d in enumerate(diffusion_constants(count))]
    model = Model(*species)
    cable = Cable(length * um, diameter=1 * um, n=NODES)

    return [
        measure(
            started,
            prepare=lambda: Simulation(model, cable, dt=DT * ms, record=()),
            run=lambda sim: sim.run(steps * DT * ms),
            answer=lambda sim: {"concentration (mM)": [sim.arrays[one[cyt].name] for one in species]},
            repeats=repeats,
            version=our_version(),
            setting=f"dt {DT} ms",
            updates=steps * NODES * count,
        )
    ]


def neuron(length: float, count: int, steps: int, repeats: int, *, baseline: bool = False) -> list[Measured]:
    """Diffuse ``count`` species with NEURON's rxd; with ``baseline``, run the same section without rxd."""
    h, rxd = load_neuron(reactions=False)
    started = perf_counter()
    cable = neuron_cable(h, length, NODES)
    species = []
    if not baseline:
        cyt = rxd.Region([cable], name="cyt")
        species = [
            rxd.Species(cyt, name=f"s{i}", d=d, initial=lambda node: 0.1 + np.exp(-((20 * (node.x - 0.5)) ** 2)))
            for i, d in enumerate(diffusion_constants(count))
        ]

    return [
        measure(
            started,
            prepare=lambda: neuron_start(h, DT),
            run=lambda _: neuron_steps(h, steps),
            answer=lambda _: {"concentration (mM)": neuron_values(species)} if species else {},
            repeats=repeats,
            version=neuron_version(),
            setting=f"dt {DT} ms" + (", voltage only" if baseline else ""),
            updates=steps * NODES * max(1, len(species)),
        )
    ]


def reference(length: float, count: int, steps: int) -> dict[str, NDArray[np.float64]]:
    """Diffuse on the same nodes without any error in time."""
    x = cell_centres(length, NODES)
    hill = 0.1 + np.exp(-(((x - length / 2) / (length / 20)) ** 2))
    ends = [diffuse_exactly(hill, d, length, steps * DT) for d in diffusion_constants(count)]
    return {"concentration (mM)": np.array(ends)}
