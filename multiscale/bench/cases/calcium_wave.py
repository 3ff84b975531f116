"""A calcium wave on a cable of 200 um: 4 states in 1001 nodes, 2,000 steps of 0.1 ms.

Calcium in cytosol and endoplasmic reticulum diffuses and crosses the reticulum's membrane through IP3 receptors, a leak
and SERCA pumps; IP3 diffuses; a gate inactivates. A spark of 2 uM on the first 15 um starts the wave.

Accuracy: each side against LSODA on the same nodes at rtol 1e-9. NEURON's splitting is of first order in the step.
NEURON compiles powers as calls of ``pow``, so its cube and squares are written as products, which it runs faster.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import load_neuron, neuron_cable, neuron_start, neuron_steps, neuron_version
from multiscale.bench.reference import cable_laplacian, cell_centres, integrate_cable

LENGTH, NODES, STEPS, DT = 200.0, 1001, 2_000, 0.1  # um, -, -, ms
CYT, ER = "cytosolic calcium (mM)", "reticular calcium (mM)"


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.geometry import Cable
    from multiscale.model import Model
    from multiscale.processes import Flux, Rate
    from multiscale.regions import Region
    from multiscale.simulate import Simulation
    from multiscale.species import Species, State
    from multiscale.symbols import arc, select
    from multiscale.units import ms, s, uM, um

    started = perf_counter()
    cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
    spark = select(arc < 15 * um, 2 * uM, 0.1 * uM)
    ca = Species("ca", (cyt, er), d=60 * um**2 / s, initial={cyt: spark, er: 250 * uM})
    ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.3 * uM)
    h = State("h", cyt, initial=0.8)
    gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
    wave = Model(
        Flux("ip3r", ca[er], ca[cyt], 20 / s * gate**3 * (ca[er] - ca[cyt])),
        Flux("leak", ca[er], ca[cyt], 0.002 / s * (ca[er] - ca[cyt])),
        Flux("serca", ca[cyt], ca[er], 80 * uM / s * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
        Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
        name="calcium wave",
    )
    cable = Cable(LENGTH * um, diameter=1 * um, n=NODES)

    return [
        measure(
            started,
            prepare=lambda: Simulation(wave, cable, dt=DT * ms, record=()),
            run=lambda sim: sim.run(STEPS * DT * ms),
            answer=lambda sim: {CYT: sim.arrays["ca.cyt"], ER: sim.arrays["ca.er"]},
            repeats=repeats,
            version=our_version(),
            setting=f"dt {DT} ms",
            updates=STEPS * NODES * 4,
        )
    ]


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON: fluxes between regions are multi-compartment reactions over 1 um^2 of border per um^3 of cell."""
    h, rxd = load_neuron(reactions=True)
    started = perf_counter()
    cable = neuron_cable(h, LENGTH, NODES)
    cyt = rxd.Region([cable], name="cyt", nrn_region="i", geometry=rxd.FractionalVolume(0.83, surface_fraction=1))
    er = rxd.Region([cable], name="er", geometry=rxd.FractionalVolume(0.17))
    border = rxd.Region([cable], name="border", geometry=rxd.DistributedBoundary(1))
    per_area = 602214.076  # molecules/um^2 for mM um^3/um^2

    def spark(node: object) -> float:
        return 0.25 if node.region is er else 2e-3 if node.x * LENGTH < 15 else 1e-4  # type: ignore[attr-defined]

    ca = rxd.Species([cyt, er], d=0.06, name="ca", charge=2, initial=spark)
    ip3 = rxd.Species(cyt, d=0.28, name="ip3", initial=3e-4)
    inactivation = rxd.State(cyt, name="h", initial=0.8)
    gate = ip3[cyt] / (ip3[cyt] + 1.5e-4) * ca[cyt] / (ca[cyt] + 8e-4) * inactivation[cyt]
    release, leak = per_area * 0.02 * (gate * gate * gate), per_area * 2e-6
    uptake = per_area * 8e-5 * (ca[cyt] * ca[cyt]) / (4e-8 + ca[cyt] * ca[cyt])
    reactions = (
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], release, release, membrane=border),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], leak, leak, membrane=border),
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], uptake, membrane=border, custom_dynamics=True),
        rxd.Rate(inactivation, (4e-4 / (4e-4 + ca[cyt]) - inactivation[cyt]) / 2000),
    )

    return [
        measure(
            started,
            prepare=lambda: neuron_start(h, DT),
            run=lambda _: neuron_steps(h, STEPS),
            answer=lambda _: {CYT: ca[cyt].nodes.concentration, ER: ca[er].nodes.concentration},
            repeats=repeats,
            version=neuron_version(),
            setting=f"dt {DT} ms, {len(reactions)} reactions",
            updates=STEPS * NODES * 4,
        )
    ]


def reference() -> dict[str, NDArray[np.float64]]:
    """Integrate the same nodes with LSODA."""
    initial = np.tile([1e-4, 0.25, 3e-4, 0.8], (NODES, 1))
    initial[cell_centres(LENGTH, NODES) < 15, 0] = 2e-3
    d = np.array([0.06, 0.06, 0.28, 0.0])

    def rate(_: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        ca, er, ip3, h = values.T
        gate = ip3 / (ip3 + 1.5e-4) * ca / (ca + 8e-4) * h
        flux = (0.02 * gate**3 + 2e-6) * (er - ca) - 8e-5 * ca**2 / (4e-8 + ca**2)
        local = np.array([flux / 0.83, -flux / 0.17, 0 * ip3, (4e-4 / (4e-4 + ca) - h) / 2000])
        return np.asarray(cable_laplacian(values, d, LENGTH / NODES) + local.T)

    end = integrate_cable(rate, initial, [STEPS * DT], rtol=1e-9)
    return {CYT: end[:, 0], ER: end[:, 1]}
