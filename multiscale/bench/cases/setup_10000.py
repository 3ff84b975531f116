"""Set-up of a 10,000-segment cell with 5 species: from the description to the first state that can run.

No peer and no accuracy: what counts is the set-up time on a warm cache, wanted below 1 s. The run that is timed
besides is one step of 0.025 ms. The cell is a binary tree of 255 tapering sections.
"""

from __future__ import annotations

from time import perf_counter

from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version

LEVELS, SECTION_LENGTH, SEGMENT_LENGTH = 8, 100.0, 2.55  # 255 sections of 40 segments: 10,200


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale: calcium, two buffers, each free and bound, in a branching cell."""
    from multiscale.geometry import Morphology, Section
    from multiscale.model import Model
    from multiscale.processes import Reaction
    from multiscale.regions import Region
    from multiscale.segmentation import MaxLength
    from multiscale.simulate import Simulation
    from multiscale.species import Species
    from multiscale.units import ms, s, uM, um

    started = perf_counter()
    sections = []
    for i in range(2**LEVELS - 1):
        parent, level = (i - 1) // 2, (i + 1).bit_length() - 1
        x, y = level * SECTION_LENGTH, 10.0 * (i + 1 - 2**level)
        points = ((x, y, 0.0, 4.0 / (level + 1)), (x + SECTION_LENGTH, y, 0.0, 4.0 / (level + 2)))
        sections.append(Section(f"dend[{i}]", points, tag=3, parent=parent if i else -1, parent_x=1.0))
    cell = Morphology(tuple(sections), segments=MaxLength(SEGMENT_LENGTH * um))

    cyt = Region("cyt")
    d = 20 * um**2 / s
    ca = Species("ca", cyt, d=220 * um**2 / s, initial=0.1 * uM)
    fast, slow = Species("fast", cyt, d=d, initial=50 * uM), Species("slow", cyt, d=d, initial=50 * uM)
    ca_fast, ca_slow = Species("ca_fast", cyt, d=d), Species("ca_slow", cyt, d=d)
    model = Model(
        Reaction("bind_fast", ca[cyt] + fast[cyt], ca_fast[cyt], 500 / uM / s, 500 / s),
        Reaction("bind_slow", ca[cyt] + slow[cyt], ca_slow[cyt], 5 / uM / s, 2 / s),
    )
    return [
        measure(
            started,
            prepare=lambda: Simulation(model, cell, dt=0.025 * ms, record=()),
            run=lambda sim: sim.run(0.025 * ms),
            answer=lambda sim: {"calcium (mM)": sim.arrays["ca.cyt"]},
            repeats=repeats,
            version=our_version(),
            setting="10,200 segments",
            updates=10_200 * 5,
        )
    ]
