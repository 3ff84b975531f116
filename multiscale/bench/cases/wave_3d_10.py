"""A calcium wave with 10 diffusing species in three dimensions: a part of a CA1 cell at 0.25 um, steps of 0.025 ms.

The wave of ``calcium_wave_3d``, whose IP3 decays and whose calcium binds to calbindin, to parvalbumin, which binds
magnesium too, and to the dye Oregon Green 488 BAPTA-1: calcium in two places, IP3, four buffers and three complexes
diffuse, and the receptor's gate is an eleventh state. Rates and mobilities of the buffers: Schmidt, Stiefel, Racay,
Schwaller and Eilers (2003), J. Physiol. 551, 13; calbindin's sites count as 160 uM of one kind.

The last section, 0.3 % of the voxels, is left out: three lines of one voxel in it make NEURON write where other things
lie, which it does not survive with so many species.

Accuracy: the error in time of each side after 0.125 ms, on its own voxels. NEURON's splitting is of first order in the
step; its limit is taken from steps four times smaller, which hides a quarter of its error.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured
from multiscale.bench.voxels import SECTIONS, NeuronPart, Steps, measure_ours, no_error, our_part
from multiscale.bench.wave_voxels import CALCIUM, REST, NeuronWave, OurWave

ROUNDS = 1  # NEURON needs four minutes until it can run, and two seconds a step
STEPS = Steps(dt=0.025, block=2, blocks=25, shot=5, finer=4)
NAMES = SECTIONS[:-1]
DECAY, MAGNESIUM = 1.4e-4, 0.6  # of IP3, 1/ms; mM
CALBINDIN = (0.16, 0.02, 43.5, 0.0358)  # total mM, D um^2/ms, binding 1/(mM ms), unbinding 1/ms
PARVALBUMIN = (0.08, 0.043, 107.0, 0.00095)
TO_MAGNESIUM = (0.8, 0.025)  # 1/(mM ms), 1/ms
DYE = (0.1, 0.015, 450.0, 0.14)


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.model import Model
    from multiscale.processes import Rate, Reaction
    from multiscale.simulate import Simulation
    from multiscale.species import Species
    from multiscale.units import mM, ms, um

    started = perf_counter()
    wave = OurWave.make()
    cyt, ca, ip3, rest = wave.cyt, wave.ca, wave.ip3, _resting()

    def species(name: str, d: float) -> Species:
        return Species(name, cyt, d=d * um**2 / ms, initial=rest[name] * mM)

    cb, cacb = species("cb", CALBINDIN[1]), species("cacb", CALBINDIN[1])
    pv, capv, mgpv = (species(name, PARVALBUMIN[1]) for name in ("pv", "capv", "mgpv"))
    dye, cadye = species("dye", DYE[1]), species("cadye", DYE[1])
    per = 1 / (mM * ms)
    model = Model(
        *wave.processes,
        Rate("decay", ip3[cyt], -DECAY / ms * ip3[cyt]),
        Reaction("calbindin", ca[cyt] + cb[cyt], cacb[cyt], CALBINDIN[2] * per, CALBINDIN[3] / ms),
        Reaction("parvalbumin", ca[cyt] + pv[cyt], capv[cyt], PARVALBUMIN[2] * per, PARVALBUMIN[3] / ms),
        Reaction("magnesium", pv[cyt], mgpv[cyt], TO_MAGNESIUM[0] * MAGNESIUM / ms, TO_MAGNESIUM[1] / ms),
        Reaction("dye", ca[cyt] + dye[cyt], cadye[cyt], DYE[2] * per, DYE[3] / ms),
        name="buffered calcium wave",
    )
    part = our_part(names=NAMES)

    def prepare(dt: float) -> Simulation:
        return Simulation(model, part, dt=dt * ms, record=())

    return [measure_ours(started, STEPS, prepare, CALCIUM, repeats, states=11)]


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    part = NeuronPart.load(reactions=True, names=NAMES)
    started = perf_counter()
    wave = NeuronWave.make(part)
    cyt, ca, ip3, rest, rxd = wave.cyt, wave.ca, wave.ip3, _resting(), part.rxd

    def species(name: str, d: float) -> object:
        return part.species(cyt, name=name, d=d, initial=rest[name])[cyt]

    cb, cacb = species("cb", CALBINDIN[1]), species("cacb", CALBINDIN[1])
    pv, capv, mgpv = (species(name, PARVALBUMIN[1]) for name in ("pv", "capv", "mgpv"))
    dye, cadye = species("dye", DYE[1]), species("cadye", DYE[1])
    part.keep(
        (
            rxd.Rate(ip3, -DECAY * ip3[cyt]),
            rxd.Reaction(ca[cyt] + cb, cacb, *CALBINDIN[2:]),
            rxd.Reaction(ca[cyt] + pv, capv, *PARVALBUMIN[2:]),
            rxd.Reaction(pv, mgpv, TO_MAGNESIUM[0] * MAGNESIUM, TO_MAGNESIUM[1]),
            rxd.Reaction(ca[cyt] + dye, cadye, *DYE[2:]),
        )
    )
    return [part.measure(started, STEPS, wave.calcium, repeats, states=11)]


def reference() -> dict[str, NDArray[np.float64]]:
    """Return that there is no error in time."""
    return no_error(*CALCIUM)


def _resting() -> dict[str, float]:
    """Return all buffers at equilibrium with 0.1 uM of calcium, mM."""
    bound = [REST * on / off for _, _, on, off in (CALBINDIN, PARVALBUMIN, DYE)]
    mg = MAGNESIUM * TO_MAGNESIUM[0] / TO_MAGNESIUM[1]
    cb, pv, dye = CALBINDIN[0] / (1 + bound[0]), PARVALBUMIN[0] / (1 + bound[1] + mg), DYE[0] / (1 + bound[2])
    complexes = {"cacb": cb * bound[0], "capv": pv * bound[1], "mgpv": pv * mg, "cadye": dye * bound[2]}
    return {"cb": cb, "pv": pv, "dye": dye, **complexes}
