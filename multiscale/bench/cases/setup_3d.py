"""Set-up of some 200,000 voxels of a CA1 cell with 4 species: from the description to the first state that can run.

No peer and no accuracy: what counts is the set-up time, wanted below 1.5 s on a warm cache and below 10 s on an empty
one. The run that is timed besides is one step of 0.025 ms.
"""

from __future__ import annotations

from time import perf_counter

from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.voxels import our_part

SIDE = 0.295  # um


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale: calcium, a buffer, their complex, and IP3 that decays."""
    from multiscale.model import Model
    from multiscale.processes import Rate, Reaction
    from multiscale.regions import Region
    from multiscale.simulate import Simulation
    from multiscale.species import Species
    from multiscale.units import ms, s, uM, um

    started = perf_counter()
    cyt = Region("cyt")
    d = 20 * um**2 / s
    ca = Species("ca", cyt, d=220 * um**2 / s, initial=0.1 * uM)
    buffer, complex_ = Species("buffer", cyt, d=d, initial=50 * uM), Species("complex", cyt, d=d)
    ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.3 * uM)
    model = Model(
        Reaction("bind", ca[cyt] + buffer[cyt], complex_[cyt], 500 / uM / s, 500 / s),
        Rate("decay", ip3[cyt], -0.14 / s * ip3[cyt]),
    )
    part = our_part(SIDE)
    return [
        measure(
            started,
            prepare=lambda: Simulation(model, part, dt=0.025 * ms, record=()),
            run=lambda sim: sim.run(0.025 * ms),
            answer=lambda sim: {"calcium (mM)": [sim.arrays["ca.cyt"].max()]},
            repeats=repeats,
            version=our_version(),
            setting=f"dx {SIDE} um",
        )
    ]
