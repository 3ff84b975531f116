"""Electrodes as values: what they store, their pulses, how they are placed, and every mistake in one sentence."""

import dataclasses
import math
import pickle

import numpy as np
import pytest

from multiscale.electro.stimuli import IClamp, Pulse, SEClamp, VClamp, electrodes
from multiscale.errors import GeometryError, ModelError, UnitError
from multiscale.geometry import Cable, Location
from multiscale.rxd.tree import discretize_geometry
from multiscale.units import Mohm, ms, mV, nA, pA, s

cable = Cable(10.0, n=10)
place = cable(0.5)
levels = ((10 * ms, -65 * mV), (5.0, 0.0))


def test_are_values_in_base_units():
    clamp = IClamp(place, 0.3 * nA, start=0.001 * s, duration=2)
    assert (clamp.amplitude, clamp.start, clamp.duration) == (300.0, 1.0, 2.0)
    assert clamp == IClamp(place, 300 * pA, 1, 2 * ms) == pickle.loads(pickle.dumps(clamp))
    assert len({clamp, IClamp(place, 300 * pA, 1, 2 * ms)}) == 1
    assert dataclasses.replace(clamp, amplitude=1 * nA).amplitude == 1000.0
    # 1 Mohm is 1 mV/nA = 1e-3 mV/pA, the default
    assert SEClamp(place, levels, resistance=1 * Mohm) == SEClamp(place, [list(pair) for pair in levels])
    assert VClamp(place, levels).levels == ((10.0, -65.0), (5.0, 0.0))


def test_pulses():
    assert IClamp(place, 2.0, start=-1).pulses() == (Pulse(-1.0, math.inf, current=2.0),)
    one, two = SEClamp(place, levels, resistance=4.0).pulses()
    assert one == Pulse(0.0, 10.0, conductance=0.25, command=-65.0)
    assert two == Pulse(10.0, 15.0, conductance=0.25, command=0.0)
    assert [p.conductance for p in VClamp(place, levels).pulses()] == [1e9, 1e9]
    assert VClamp(place, ((math.inf, -65),)).pulses()[0].stop == math.inf


def test_are_placed_in_the_order_of_their_names():
    mesh = discretize_geometry(cable)
    second, first = IClamp(cable(0.0), 1.0, name="b"), VClamp(cable(1.0), levels, name="a")
    found = electrodes([second, first], mesh)
    assert found.names == ("a", "b")
    np.testing.assert_array_equal(found.owner, [0, 0, 1])
    np.testing.assert_array_equal(found.node, [9, 9, 0])
    np.testing.assert_array_equal(found.time, [[0, 10], [10, 15], [0, math.inf]])
    np.testing.assert_array_equal(found.value[:, 2], [-65, 0, 0])
    np.testing.assert_array_equal(found.sums(np.array([[1.0, 2.0, 4.0]])), [[3.0, 4.0]])
    empty = electrodes((), mesh)
    assert empty.names == ()
    assert empty.time.shape == (0, 2)
    assert empty.value.shape == (0, 3)
    assert empty.sums(np.zeros((4, 0))).shape == (4, 0)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: IClamp(place, math.nan), ModelError, r"'iclamp': amplitude is nan, expected a number; check how"),
        (lambda: IClamp(place, math.inf), ModelError, r"'iclamp': amplitude is inf, expected a finite number; check"),
        (
            lambda: IClamp(place, 1 * mV),
            UnitError,
            r"'iclamp': amplitude is 'mV' of dimension voltage, expected current",
        ),
        (
            lambda: IClamp(place, "1"),
            ModelError,
            r"'iclamp': amplitude is '1', expected a number with or without units",
        ),
        (lambda: IClamp(place, 1, start=math.nan), ModelError, r"'iclamp': start is nan, expected a number"),
        (lambda: IClamp(place, 1, start=math.inf), ModelError, r"'iclamp': start is inf, expected a finite number"),
        (
            lambda: IClamp(place, 1, duration=0),
            ModelError,
            r"'iclamp': duration is 0.0 ms, expected more than 0; leave",
        ),
        (lambda: IClamp(place, 1, duration=1 * nA), UnitError, r"'iclamp': duration is .* current, expected time"),
        (lambda: IClamp(place, 1, duration=math.nan), ModelError, r"'iclamp': duration is nan, expected a number"),
        (lambda: IClamp(0.5, 1), ModelError, r"'iclamp': location is 0.5, expected a place such as cell.soma\(0.5\)"),
        (lambda: IClamp(cable, 1), ModelError, r"'iclamp': location is Cable\(.*expected a place such as"),
        (lambda: IClamp(place, 1, name=3), ModelError, r"stimulus 3: this name cannot be used, expected letters"),
        (lambda: IClamp(place, 1, name=""), ModelError, r"stimulus '': this name cannot be used, expected letters"),
        (lambda: IClamp(place, 1, name="a/b"), ModelError, r"stimulus 'a/b': this name cannot be used"),
        (
            lambda: VClamp(place, (10 * ms, -65 * mV)),
            ModelError,
            r"'vclamp': a level is 10\*ms, expected \(duration, pot",
        ),
        (
            lambda: VClamp(place, (10, -65)),
            ModelError,
            r"'vclamp': a level is 10, expected \(duration, potential\); write",
        ),
        (
            lambda: VClamp(place, None),
            ModelError,
            r"'vclamp': a level is None, expected \(duration, potential\); write",
        ),
        (
            lambda: VClamp(place, ((1, 2, 3),)),
            ModelError,
            r"'vclamp': a level is \(1, 2, 3\), expected \(duration, poten",
        ),
        (lambda: VClamp(place, ()), ModelError, r"'vclamp': expected levels of durations above 0 ms, got \(\); write"),
        (
            lambda: VClamp(place, ((0, -65),)),
            ModelError,
            r"'vclamp': expected levels of durations above 0 ms, got \(\(0",
        ),
        (lambda: VClamp(place, ((1, math.inf),)), ModelError, r"'vclamp': potential is inf, expected a finite number"),
        (lambda: VClamp(place, ((-65 * mV, 1 * ms),)), UnitError, r"'vclamp': duration is .* voltage, expected time"),
        (
            lambda: SEClamp(place, levels, resistance=0),
            ModelError,
            r"'seclamp': resistance is 0.0, expected more than 0",
        ),
        (
            lambda: SEClamp(place, levels, resistance=math.inf),
            ModelError,
            r"'seclamp': resistance is inf, expected a fin",
        ),
        (
            lambda: SEClamp(place, levels, resistance=1 * nA),
            UnitError,
            r"'seclamp': resistance is .* current, expected ",
        ),
    ],
)
def test_mistakes(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


@pytest.mark.parametrize(
    ("stimuli", "error", "sentence"),
    [
        (
            [IClamp(place, 1), IClamp(cable(0), 2)],
            ModelError,
            "stimulus 'iclamp': the name is used twice, expected one",
        ),
        ([IClamp(Location("soma"), 1)], GeometryError, "no section 'soma', expected one of 'cable'; check the name"),
        (IClamp(place, 1), ModelError, r"stimuli: got IClamp\(.*\), expected a list of electrodes; write stimuli=\["),
        ([3], ModelError, r"stimuli: got 3, expected electrodes such as IClamp\(...\); give those only"),
        ("ab", ModelError, r"stimuli: got 'a', expected electrodes such as IClamp\(...\); give those only"),
        (None, ModelError, r"stimuli: got None, expected a list of electrodes; write stimuli="),
    ],
)
def test_mistakes_of_placing(stimuli, error, sentence):
    with pytest.raises(error, match=sentence):
        electrodes(stimuli, discretize_geometry(cable))
