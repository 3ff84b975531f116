"""The circadian clock of Drosophila at a point, 240 hours, adaptive steps, 481 values out: times at equal error.

Both sides run at tolerances from 1e-4 to 1e-10; the error is the largest one of all outputs, relative to the largest
value of that species, against DOP853 at rtol 1e-12. Times are interpolated at powers of ten of that error.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.circadian import INITIAL_NM, NAMES, SBML_IDS, clock_model, clock_sbml, rates
from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import load_roadrunner, roadrunner_version

HOURS, EVERY = 240, 0.5
TOLERANCES = tuple(10.0**-digits for digits in range(4, 11))
ATOL_NM = 0.01  # nM times the relative tolerance, the same on both sides


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.geometry import Point
    from multiscale.rxd.steppers.adaptive import Adaptive
    from multiscale.simulate import Simulation
    from multiscale.units import hour

    clock = clock_model(INITIAL_NM)
    fields = clock.fields

    def at(rtol: float) -> Measured:
        stepper = Adaptive(rtol=rtol, atol=ATOL_NM * 1e-6 * rtol)  # mM
        return measure(
            perf_counter(),
            prepare=lambda: Simulation(clock, Point(), stepper=stepper, record=fields, every=EVERY * hour),
            run=lambda sim: sim.run(HOURS * hour),
            answer=lambda sim: {name: 1e6 * sim.solution[f"{name}.cyt"].values for name in NAMES},
            repeats=5 * repeats,  # milliseconds each
            version=our_version(),
            setting=f"rtol {rtol:.0e}",
        )

    return [at(rtol) for rtol in TOLERANCES]


def roadrunner(repeats: int) -> list[Measured]:
    """Measure libRoadRunner (CVODE, right-hand side compiled with LLVM)."""
    engine = load_roadrunner()

    def at(rtol: float) -> Measured:
        started = perf_counter()
        runner = engine.RoadRunner(clock_sbml())
        runner.timeCourseSelections = ["time", *SBML_IDS]
        runner.integrator.relative_tolerance = rtol
        runner.integrator.absolute_tolerance = ATOL_NM * rtol
        return measure(
            started,
            prepare=runner.reset,
            run=lambda _: runner.simulate(0, HOURS, 1 + round(HOURS / EVERY)),
            answer=lambda _: dict(zip(NAMES, np.array(runner.getSimulationData())[:, 1:].T, strict=True)),
            repeats=5 * repeats,  # milliseconds each
            version=roadrunner_version(),
            setting=f"rtol {rtol:.0e}",
        )

    return [at(rtol) for rtol in TOLERANCES]


def reference() -> dict[str, NDArray[np.float64]]:
    """Integrate with DOP853."""
    from scipy.integrate import solve_ivp

    solution = solve_ivp(
        lambda _, y: np.array(rates(y)),
        (0, HOURS),
        INITIAL_NM,
        method="DOP853",
        rtol=1e-12,
        atol=1e-14,
        t_eval=np.arange(1 + round(HOURS / EVERY)) * EVERY,
    )
    return dict(zip(NAMES, solution.y, strict=True))
