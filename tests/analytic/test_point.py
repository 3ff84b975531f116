"""Adaptive runs of one node: against a converged reference, order of the dense output, pulses, repeatability."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from multiscale.geometry import Cable, Point
from multiscale.model import Model
from multiscale.processes import Rate, Reaction
from multiscale.regions import Region
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.strang import Strang
from multiscale.simulate import simulate
from multiscale.species import Species, State
from multiscale.symbols import select, time
from multiscale.units import hour

ROOT = Path(__file__).parents[2]
NAMES = ("MP", "P0", "P1", "P2", "MT", "T0", "T1", "T2", "C", "CN")
cell = Region("cell")


@pytest.fixture(scope="module")
def clock():
    path = ROOT / "examples" / "circadian_clock.py"
    if not path.is_file():
        pytest.skip("the examples are not beside the tests")
    spec = importlib.util.spec_from_file_location("circadian_clock", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.clock


@pytest.fixture(scope="module")
def reference():
    with (ROOT / "tests" / "data" / "neuron" / "leloup1999_240h.csv").open() as stream:
        return np.array(list(csv.reader(stream))[1:], dtype=float)


def worst(solution, reference):
    """Largest error of any species over its largest value."""
    return max(
        np.abs(solution[f"{n}.cell"].values.reshape(-1) * 1e6 - reference[:, i + 1]).max() / reference[:, i + 1].max()
        for i, n in enumerate(NAMES)
    )


def test_clock_for_ten_days(clock, reference):
    """Leloup et al. 1999, Radau at rtol 1e-12: 1e-6 is asked at rtol 1e-8."""
    solution = simulate(clock, Point(), 240 * hour, stepper=Adaptive(1e-8), every=0.5 * hour)
    assert worst(solution, reference) < 1e-6


def test_error_follows_the_tolerance(clock, reference):
    errors = [
        worst(simulate(clock, Point(), 240 * hour, stepper=Adaptive(r), every=0.5 * hour), reference)
        for r in (1e-4, 1e-6, 1e-8)
    ]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def test_clock_in_a_cable_with_fixed_steps(clock, reference):
    """The same model unchanged in 30 nodes; second order leaves 2e-4 at six minutes a step."""
    solution = simulate(clock, Cable(30.0, n=30), 72 * hour, dt=0.1 * hour, stepper=Strang(), every=0.5 * hour)
    values = solution["MP.cell"].values * 1e6
    assert np.abs(values - values[:, :1]).max() == 0.0  # every node has the same bits
    assert np.abs(values[:, 0] - reference[:145, 1]).max() < 1e-3 * reference[:145, 1].max()


def test_repeats_bit_for_bit(clock):
    runs = [
        simulate(clock, Point(), 48 * hour, stepper=Adaptive(1e-6), every=hour)["CN.cell"].values.tobytes()
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_dense_output_is_of_fourth_order():
    """Sampling between the steps: errors of y' = -y^2 at sample times fall at least as h^4 with forced steps."""
    y = State("y", cell, initial=1.0)
    model = Model(Rate("decay", y[cell], -(y[cell] ** 2)))
    errors = []
    for h in (0.4, 0.2, 0.1):
        solution = simulate(model, Point(), 4.0, stepper=Adaptive(0.09, atol=1.0, max_step=h), every=0.013)
        t = np.asarray(solution.times)
        errors.append(np.abs(solution["y.cell"].values.reshape(-1) - 1 / (1 + t)).max())
    assert np.log2(errors[0] / errors[1]) > 3.7
    assert np.log2(errors[1] / errors[2]) > 3.7


@pytest.mark.parametrize("rtol", [1e-3, 1e-6])
def test_a_short_pulse_in_an_hour_is_seen(rtol):
    """5 ms of influx in the middle of an hour: the run stops where the condition switches."""
    a = Species("a", cell, initial=1.0)
    influx = select((time > 1.8e6) & (time < 1.8e6 + 5), 0.2, 0.0)
    model = Model(Rate("influx", a[cell], influx), Reaction("loss", a[cell], 0, 1e-9))
    solution = simulate(model, Point(), 3.6e6, stepper=Adaptive(rtol), every=3.6e4)
    end = solution["a.cell"].values.reshape(-1)[-1]
    exact = np.exp(-3.6e-3) + 1.0 * np.exp(-1.8e-3)
    assert end == pytest.approx(exact, rel=10 * rtol * 1e-1 + 1e-6)


def test_stiff_stoichiometry_conserves():
    """A > 2 B with a fast rate: 2A + B stays 2 at every step size (the reference system loses a pivot here)."""
    a, b = Species("a", cell, initial=1.0), Species("b", cell, initial=0.0)
    model = Model(Reaction("split", a[cell], 2 * b[cell], 20.0))
    for dt in (0.01, 0.1, 1.0):
        solution = simulate(model, Cable(10.0, n=10), 5 * dt, dt=dt)
        total = 2 * solution["a.cell"].values + solution["b.cell"].values
        np.testing.assert_allclose(total, 2.0, rtol=1e-14)
        assert solution["a.cell"].values.min() >= -1e-12  # less than a molecule in any cell
