"""The circadian clock of Drosophila in 1000 nodes: 10 species a node that do not diffuse, 720 steps of 0.01 hour.

The nodes start out of phase (all ten initial values grow along the cable by half), so that each has its own work.

Accuracy: each side against DOP853 at rtol 1e-12. NEURON's step is of first order; its Jacobian is made by differences
of 1.2e-7 mM whatever the concentrations, so it gets nM as if they were mM, and hours as if they were ms, at which it is
accurate.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.circadian import INITIAL_NM, NAMES, clock_model, rates
from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import (
    load_neuron,
    neuron_cable,
    neuron_start,
    neuron_steps,
    neuron_values,
    neuron_version,
)
from multiscale.bench.reference import cell_centres

LENGTH, NODES, STEPS, DT = 1000.0, 1000, 720, 0.01  # um, -, -, hours


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.geometry import Cable
    from multiscale.simulate import Simulation
    from multiscale.symbols import arc
    from multiscale.units import hour, um

    started = perf_counter()
    clock = clock_model([value * (1 + arc / (2 * LENGTH * um)) for value in INITIAL_NM])
    cable = Cable(LENGTH * um, n=NODES)
    nM = 1e-6  # mM

    return [
        measure(
            started,
            prepare=lambda: Simulation(clock, cable, dt=DT * hour, record=()),
            run=lambda sim: sim.run(STEPS * DT * hour),
            answer=lambda sim: {f"{name} (nM)": sim.arrays[f"{name}.cyt"] / nM for name in NAMES},
            repeats=repeats,
            version=our_version(),
            setting=f"dt {DT} h",
            updates=STEPS * NODES * len(NAMES),
        )
    ]


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON, constants as numbers (as ``rxd.Parameter`` they would cost it 1.5 times more)."""
    h, rxd = load_neuron(reactions=True)
    started = perf_counter()
    cable = neuron_cable(h, LENGTH, NODES)
    cyt = rxd.Region([cable], name="cyt")
    species = [
        rxd.Species(cyt, name=name, initial=lambda node, value=value: value * (1 + node.x / 2))
        for name, value in zip(NAMES, INITIAL_NM, strict=True)
    ]
    changes = [rxd.Rate(one, rate) for one, rate in zip(species, rates([one[cyt] for one in species]), strict=True)]

    return [
        measure(
            started,
            prepare=lambda: neuron_start(h, DT),
            run=lambda _: neuron_steps(h, STEPS),
            answer=lambda _: {f"{n} (nM)": c for n, c in zip(NAMES, neuron_values(species), strict=True)},
            repeats=repeats,
            version=neuron_version(),
            setting=f"dt {DT} h, {len(changes)} rates",
            updates=STEPS * NODES * len(NAMES),
        )
    ]


def reference() -> dict[str, NDArray[np.float64]]:
    """Integrate all nodes side by side with DOP853."""
    from scipy.integrate import solve_ivp

    initial = np.outer(INITIAL_NM, 1 + cell_centres(LENGTH, NODES) / (2 * LENGTH))
    end = solve_ivp(
        lambda _, y: np.array(rates(y.reshape(initial.shape))).ravel(),
        (0, STEPS * DT),
        initial.ravel(),
        method="DOP853",
        rtol=1e-12,
        atol=1e-14,
        t_eval=[STEPS * DT],
    ).y[:, -1]
    return {f"{n} (nM)": c for n, c in zip(NAMES, end.reshape(initial.shape), strict=True)}
