"""Sources as values: what they store, and every mistake in one sentence."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
import sympy

from multiscale.errors import GeometryError, ModelError, UnitError
from multiscale.geometry import Cable, Location
from multiscale.probes import Line, Mean
from multiscale.regions import Bath, Region
from multiscale.solids import Ball
from multiscale.sources import Source
from multiscale.species import Parameter, Species, State
from multiscale.symbols import select, tag, time, x
from multiscale.units import amol, mM, molecule, ms, mV, nM, nm, pA, s, um, us

cyt, er = Region("cyt", fraction=0.8), Region("er", fraction=0.2)
ca, ip3 = Species("ca", (cyt, er), z=2), Species("ip3", cyt)
cable = Cable(10.0)
RATE = 2 * amol / ms


def source(**changes):
    return Source(**{"target": ca[cyt], "at": (1, 2, 3), "rate": RATE, **changes})


def test_are_values_in_base_units():
    one = source(at=(1 * um, 2000 * nm, 3), start=0.001 * s, duration=500 * us, radius=100 * nm)
    assert (one.at, one.start, one.duration, one.radius) == (((1.0, 2.0, 3.0),), 1.0, 0.5, 0.1)
    assert one.stop == 1.5
    same = source(start=1, duration=0.5, radius=0.1)
    assert one == same == pickle.loads(pickle.dumps(one)) == dataclasses.replace(one)
    assert len({one, same}) == 1
    assert one.identity == same.identity != source().identity
    assert Source("release", target=ip3, at=cable(0.5), rate=1).target == ip3[cyt]
    assert Source("release", target=ip3, at=cable(0.5), rate=1).label == "source 'release'"
    assert math.isinf(source().stop)


def test_places():
    assert source(at=[1, 2.0, 3 * um]).at == ((1.0, 2.0, 3.0),)
    assert source(at=np.array([1, 2, 3])).at == ((1.0, 2.0, 3.0),)
    assert source(at=np.arange(6).reshape(2, 3)).at == ((0.0, 1.0, 2.0), (3.0, 4.0, 5.0))
    mixed = [cable(0.5), (1, 2, 3), Ball(1), tag("soma"), x > 3 * um, Line((0, 0, 0), (1, 0, 0))]
    assert source(at=mixed).at == (mixed[0], (1.0, 2.0, 3.0), *mixed[2:])
    assert source(at=[tag("soma"), tag("axon"), tag("basal")]).at == (tag("soma"), tag("axon"), tag("basal"))


def test_courses_are_amounts_per_time_without_units():
    assert source().course == 2
    assert source(rate=3).course == 3
    assert float(source(rate=1000 * molecule / ms).course) == pytest.approx(1000 / 602214.076, rel=1e-12)
    assert source(rate=RATE * sympy.exp(-time / (5 * ms))).course == 2 * sympy.exp(-time / 5)
    assert source(rate=select(time < 5 * ms, RATE, 0)).course == sympy.Piecewise((2, time < 5), (0, True))
    strength = Parameter("strength", RATE)
    assert source(rate=2 * strength).course == 2 * sympy.sympify(strength)
    # 1 pA of calcium is 1/(2 F) amol/ms, F = 96.48533212 fC/amol
    assert float(source(rate=None, current=1 * pA).course) == pytest.approx(0.5 / 96.48533212, rel=1e-14)
    chloride = source(target=Species("cl", cyt, z=-1)[cyt], rate=None, current=1)
    assert float(chloride.course) == pytest.approx(-1 / 96.48533212, rel=1e-14)


def test_samples_are_stored_as_tuples():
    times, values = np.array([0.0, 1.0, 3.0]), [0.0, 2.0, 1.0]
    sampled = source(rate=(times, values))
    assert sampled.rate == ((0.0, 1.0, 3.0), (0.0, 2.0, 1.0))
    assert sampled == pickle.loads(pickle.dumps(sampled)) == dataclasses.replace(sampled)
    assert hash(sampled) == hash(source(rate=([0, 1, 3], values)))
    np.testing.assert_array_equal(sampled.course[1], values)
    with_units = source(rate=([0 * ms, 0.001 * s, 3], np.array([0.0, 2.0, 1.0]) * amol / ms))
    assert with_units == sampled
    driven = source(rate=None, current=(times, [0, 1, 0]))
    np.testing.assert_allclose(driven.course[1], [0, 0.5 / 96.48533212, 0], rtol=1e-14)


def source_of(**changes):
    return lambda: source(**changes)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (source_of(name="a b"), ModelError, r"source 'a b': this name cannot be used, expected letters"),
        (source_of(target=ca), ModelError, r"species 'ca': it is in several places, expected one in a formula"),
        (source_of(target="ca"), ModelError, r"'source': target is ca, expected a species in a region such as ca\["),
        (source_of(target=State("h", cyt)), ModelError, r"'source': target is h.cyt, expected a species in a region"),
        (source_of(target=ca[Bath(ca=2)]), ModelError, r"'source': target is ca.bath, expected a species in a region"),
        (source_of(at=[]), ModelError, r"'source': at is an empty list, expected a point \(x, y, z\), .*; give at"),
        (source_of(at=0.5), ModelError, r"'source': at is 0.5, expected a point \(x, y, z\), a place such as cell"),
        (source_of(at=(1, 2)), ModelError, r"'source': at is 1, expected a point"),
        (source_of(at=cable), ModelError, r"'source': at is Cable\(.*, expected a point"),
        (source_of(at=x), ModelError, r"'source': at is x, expected a point"),
        (source_of(at=Mean(Ball(1))), ModelError, r"'source': at is Mean\(.*, expected a point"),
        (source_of(at=(1, 2, math.nan)), GeometryError, r"'source': at: z is nan, expected a number; check how"),
        (source_of(at=(1, 2, 3 * ms)), UnitError, r"'source': at: z is '3\*ms' of dimension time, expected length;"),
        (source_of(rate=None), ModelError, r"'source': got neither rate nor current, expected one of them; write r"),
        (source_of(current=1 * pA), ModelError, r"'source': got both rate and current, expected one of them; write"),
        (
            lambda: Source(target=ip3[cyt], at=(0, 0, 0), current=1 * pA),
            ModelError,
            r"'source': current is given, but species 'ip3' has z = 0, expected a charged one; give a rate, or write",
        ),
        (source_of(rate="2"), ModelError, r"'source': rate is '2' \(str\), expected a number or an expression; give"),
        (source_of(rate=math.inf), ModelError, r"'source': rate is inf, expected a finite number; check how it was"),
        (source_of(rate=2 * mM / ms), UnitError, r"'source': rate is .* of dimension concentration/time, expected len"),
        (source_of(rate=RATE * time), UnitError, r"'source': rate is '.*' of dimension length³·concen"),
        (
            source_of(rate=RATE * sympy.exp(-time)),
            UnitError,
            r"'source': rate: exp\(\) of '-t' has dimension time, expected a pure number; divide by a constant",
        ),
        (source_of(rate=RATE * x), ModelError, r"'source': rate depends on 'x', expected only units, parameters, time"),
        (source_of(rate=RATE * ca[cyt]), ModelError, r"'source': rate depends on 'ca.cyt', expected only units, param"),
        (
            source_of(rate=RATE * sympy.Symbol("k")),
            ModelError,
            r"'source': rate contains 'k', a symbol of no model value, expected species",
        ),
        (
            source_of(rate=Parameter("p", 2 * amol / ms * x / um)),
            ModelError,
            r"'source': rate with parameter 'p' depends on 'x', expected only units; write it without 'x'",
        ),
        (source_of(rate=Parameter("p", 2 * mV)), UnitError, r"'source': rate is 'p' of dimension voltage, expected"),
        (source_of(rate=None, current=1 * mV), UnitError, r"'source': current is 'mV' of dimension voltage, expect"),
        (source_of(rate=[1, 2, 3]), ModelError, r"'source': rate is \[1, 2, 3\], expected a number, an expression of"),
        (source_of(rate=([1, 2], 3)), ModelError, r"'source': rate is \(\[1, 2\], 3\), expected a number, an expre"),
        (source_of(rate=([0, 1], [1])), ModelError, r"'source': rate has 2 times and 1 values, expected as many of"),
        (source_of(rate=([0], [1])), ModelError, r"'source': rate has 1 times and 1 values, expected as many of both"),
        (source_of(rate=([0, 0], [1, 2])), ModelError, r"rate: time 1 is 0 ms after 0 ms, expected rising times; sort"),
        (source_of(rate=([0, 1], [1, math.inf])), ModelError, r"rate: a value is not a finite number, expected two li"),
        (source_of(rate=([0, 1], [[1, 2], [3, 4]])), ModelError, r"rate: a value is not a finite number, expected two"),
        (source_of(rate=([0, 1], ["a", 2])), ModelError, r"rate: a value is 'a', expected a number with or without un"),
        (source_of(rate=([0, 1 * mV], [1, 2])), UnitError, r"rate: a time is 'mV' of dimension voltage, expected time"),
        (source_of(start=math.inf), ModelError, r"'source': start is inf, expected a finite number; check how"),
        (source_of(start=1 * um), UnitError, r"'source': start is 'um' of dimension length, expected time"),
        (source_of(duration=0), ModelError, r"'source': duration is 0 ms, expected more than 0; for a very short one"),
        (source_of(duration=-1), ModelError, r"'source': duration is -1 ms, expected more than 0"),
        (source_of(duration=-math.inf), ModelError, r"'source': duration is -inf, expected a finite number"),
        (source_of(radius=-1), ModelError, r"'source': radius is -1 um, expected 0 or more; change it"),
        (source_of(radius=math.inf), ModelError, r"'source': radius is inf, expected a finite number"),
        (source_of(radius=1 * nM), UnitError, r"'source': radius is .* of dimension concentration, expected length"),
        (
            source_of(at=[(0, 0, 0), Ball(2)], radius=1),
            ModelError,
            r"'source': radius is 1 um at ball\(2,\(0,0,0\)\), which has an extent of its own, expected a point or",
        ),
    ],
)
def test_mistakes(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_location_may_carry_a_radius():
    assert source(at=Location("soma"), radius=1).radius == 1
