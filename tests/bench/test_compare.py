"""Pooling of rounds, differences of answers, and times at equal error, on made-up measurements."""

from math import isnan

import numpy as np
import pytest

from multiscale.bench.compare import Side, at_equal_error, differences, pooled, ratios, worst
from multiscale.bench.measure import Measured, measure


def made(seconds=(1.0, 2.0, 4.0), answer=None, setup=0.5, updates=10):
    answer = {"c": np.array([1.0, 2.0])} if answer is None else answer
    return Measured("program 1.0", "dt 1", setup, tuple(seconds), updates, answer)


def sweep(constant, exponent, reference=1.0, decades=range(-2, -9, -1)):
    """A program that needs ``constant * error**-exponent`` seconds."""
    errors = [2 * 10.0**decade for decade in decades]
    measured = [made([constant * e**-exponent], {"c": np.array([reference + e])}) for e in errors]
    return Side(tuple(measured), {"c": np.array([reference])})


def test_measure_times_runs_only_and_starts_each_from_a_fresh_state():
    states = []

    def prepare():
        states.append([0])
        return states[-1]

    def run(state):
        state[0] += 1

    got = measure(0.0, prepare, run, lambda state: {"n": state}, 3, version="v", setting="s", updates=7)
    assert len(states) == 4  # one to warm up
    assert [state[0] for state in states] == [1, 1, 1, 1]
    assert len(got.seconds) == 3
    assert got.answer["n"].tolist() == [1.0]
    assert got.updates == 7


def test_measured_survives_json_bit_for_bit():
    one = made([0.1, 1 / 3], {"c": np.array([[np.pi, 1e-300], [0.1, 2.0]])})
    back = Measured.from_dict(one.to_dict())
    assert back.seconds == one.seconds
    assert np.array_equal(back.answer["c"], one.answer["c"])
    assert (back.version, back.setting, back.setup, back.updates) == (one.version, one.setting, one.setup, one.updates)


def test_minimum_and_median():
    assert made().minimum == 1.0
    assert made().median == 2.0


def test_pooled_joins_the_times_of_all_rounds_and_keeps_the_least_set_up():
    (one,) = pooled([[made([3.0], setup=2.0)], [made([1.0, 2.0], setup=1.0)]])
    assert one.seconds == (3.0, 1.0, 2.0)
    assert one.setup == 1.0
    assert pooled([]) == ()


def test_differences_are_absolute_and_relative_to_the_largest_value_of_the_second():
    found = differences({"a": np.array([1.0, -3.0]), "only ours": np.zeros(1)}, {"a": np.array([1.5, -4.0])})
    assert list(found) == ["a"]
    assert found["a"].absolute == 1.0
    assert found["a"].relative == 0.25
    assert worst(found) == 0.25
    assert isnan(worst({}))


def test_ratios_of_minimum_and_of_median_with_and_without_a_baseline():
    ours, theirs, baseline = made([1.0, 2.0, 4.0]), made([10.0, 30.0, 40.0]), made([2.0, 4.0, 4.0])
    assert ratios(theirs, ours) == (10.0, 15.0)
    assert ratios(theirs, ours, baseline) == (8.0, 13.0)


def test_times_at_equal_error_are_interpolated_in_the_logarithm():
    ours, theirs = sweep(1e-3, 0.2), sweep(3e-3, 0.3, decades=range(-1, -6, -1))
    points = at_equal_error(ours, theirs)
    assert [round(np.log10(point.error)) for point in points] == [-2, -3, -4]
    for point in points:  # power laws are straight lines there, so only round-off of 1 + error remains
        assert point.ratio == pytest.approx(3 * point.error**-0.1, rel=1e-6)


def test_a_slower_and_less_exact_tolerance_is_left_out():
    side = sweep(1e-3, 0.2)
    slow = made([1e3], {"c": np.array([1.0 + 3e-5])})
    with_slow = Side((*side.measured, slow), side.reference)
    assert at_equal_error(with_slow, side) == at_equal_error(side, side)


def test_sweeps_that_do_not_overlap_have_no_common_error():
    assert at_equal_error(sweep(1, 0.2, decades=(-2, -3)), sweep(1, 0.2, decades=(-6, -7))) == ()
