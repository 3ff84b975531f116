"""Shapes as values: units, what is refused, tables; and the rules that cut sections into segments."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import sympy

from multiscale.errors import GeometryError, UnitError
from multiscale.geometry import Cable, Location, Morphology, Point, Section
from multiscale.segmentation import DLambda, MaxLength, Polylines, SegmentCount
from multiscale.units import Hz, cm, mM, ms, nm, ohm, uF, um

POINTS = ((0, 0, 0, 2), (10, 0, 0, 1))
ROOT = Section("soma", POINTS, tag=1)
CELL = Morphology((ROOT, Section("dend", POINTS, tag=3, parent="soma")), source="made.swc")


def test_lengths_are_stored_in_um():
    assert Cable(0.02 * cm, 500 * nm, dx=1 * um) == Cable(200, 0.5, dx=1.0)
    assert Cable(200 * um).length == 200.0
    assert Point(1000 * nm * um**2) == Point(1) == Point()
    assert Section("a", ((0, 0, 0, 2 * um), (10 * um, 0, 0, 1000 * nm))) == Section("a", POINTS)
    assert Section("a", np.array(POINTS)) == Section("a", POINTS)
    assert MaxLength(5000 * nm) == MaxLength() == MaxLength(5)


@pytest.mark.parametrize("value", [Point(2), Cable(10, n=3), ROOT, CELL, Location("a", 0.1), DLambda()])
def test_shapes_are_values(value):
    assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value) == replace(value)
    assert hash(copy.deepcopy(value)) == hash(value)
    with pytest.raises(FrozenInstanceError):
        value.source = 1


def test_places():
    assert CELL["dend"](0.25) == Location("dend", 0.25)
    assert CELL.soma is ROOT
    assert Cable(10)(1) == Location("cable", 1)
    assert Point()() == Location("point")


def test_totals_of_a_cell():
    slant = np.sqrt(10**2 + 0.5**2)
    np.testing.assert_allclose(CELL.length, 20)
    np.testing.assert_allclose(CELL.area, 2 * np.pi * 1.5 * slant)
    np.testing.assert_allclose(CELL.volume, 2 * np.pi * 10 / 3 * (1 + 0.5 + 0.25))
    assert CELL["dend"].length == 10
    assert CELL.parents == (-1, 0)


def test_describe_is_a_table():
    text = CELL.with_segments(SegmentCount(4)).describe().splitlines()
    assert text[0] == "morphology made.swc, segments by SegmentCount(n=4)"
    assert text[1].split()[:5] == ["tag", "sections", "tips", "segments", "points"]
    assert text[2].split() == ["soma", "1", "0", "4", "2", "10.00", "47.18", "18.33"]
    assert text[3].split()[0] == "basal"
    assert text[4].split() == ["all", "2", "1", "8", "4", "20.00", "94.37", "36.65"]
    assert text[5] == "extent x 0.0 to 10.0, y 0.0 to 0.0, z 0.0 to 0.0 um; diameters 1 to 2 um"
    assert len({len(line) for line in text[1:5]}) == 1


def cell(*sections):
    return Morphology((ROOT, *sections))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cable(-1), r"Cable: length is -1, expected more than 0; give a positive number"),
        (lambda: Cable(10, diameter=0), r"Cable: diameter is 0, expected more than 0"),
        (lambda: Cable(10, end_diameter=-2 * um), r"Cable: end_diameter is -2, expected more than 0"),
        (lambda: Cable(float("nan")), r"Cable: length is nan, expected a number"),
        (lambda: Cable(10, dx=float("inf")), r"Cable: dx is inf, expected a finite number"),
        (lambda: Cable("10 um"), r"Cable: length is '10 um', expected a number with or without units"),
        (lambda: Cable(10, dx=1, n=10), r"Cable: got dx = 1 and n = 10, expected one of them; leave one out"),
        (lambda: Cable(10, n=0), r"Cable: n is 0, expected a whole number of 1 or more"),
        (lambda: Cable(10, n=2.5), r"Cable: n is 2\.5, expected a whole number of 1 or more"),
        (lambda: Cable(10)(1.5), r"section 'cable': place 1\.5 is off it, expected 0 to 1"),
        (lambda: Point(0), r"Point: volume is 0, expected more than 0"),
        (lambda: Point(1, area=-1), r"Point: area is -1, expected more than 0"),
        (lambda: Section("", POINTS), r"section '': this is not a name, expected a text"),
        (lambda: Section("a", POINTS[:1]), r"section 'a' has 1 point, expected at least 2"),
        (lambda: Section("a", ()), r"section 'a': points are \(\), expected rows of x, y, z, diameter"),
        (lambda: Section("a", ((0, 0, 0), (1, 1, 1))), r"section 'a': points are .*; give four numbers a point"),
        (lambda: Section("a", ((0, 0, 0, 1), (1, 1))), r"section 'a': points are .*; give four numbers"),
        (lambda: Section("a", "ab"), r"section 'a': a coordinate is 'a', expected a number with or"),
        (lambda: Section("a", ((0, 0, 0, 1), (9, 0, 0, -1))), r"section 'a': diameter at point 1 is -1, exp"),
        (
            lambda: Section("a", ((0, 0, 0, 1), (np.nan, 0, 0, 1))),
            r"section 'a': point 1 is \(nan, 0\.0, 0\.0, 1\.0\), expected finite numbers",
        ),
        (lambda: Section("a", ((1, 2, 3, 1), (1, 2, 3, 4))), r"section 'a' has length 0, expected points in"),
        (lambda: Section("a", POINTS, tag=-1), r"section 'a': tag is -1, expected an SWC code of 0 or more"),
        (lambda: Section("a", POINTS, parent_x=2), r"section 'a': parent_x is 2, expected 0 to 1"),
        (lambda: Morphology(()), r"morphology has no section, expected at least one; add a Section"),
        (lambda: cell(Section("b", POINTS)), r"morphology: section 'b' has no parent, expected one root only"),
        (
            lambda: cell(Section("b", POINTS, parent=2), Section("c", POINTS, parent=1)),
            r"section 'b' has the parent 2, which does not stand before it; expected parents first; .*check for a loop",
        ),
        (lambda: cell(Section("b", POINTS, parent="b")), r"section 'b' has the parent 'b', which does not stand"),
        (lambda: cell(Section("b", POINTS, parent="x")), r"section 'b' has the unknown parent 'x'"),
        (lambda: cell(Section("soma", POINTS, parent=0)), r"morphology has 2 sections named 'soma', expected"),
        (
            lambda: Morphology((Section("b", POINTS, parent=0),)),
            r"the first section 'b' has the parent 0, expected none; list the root first",
        ),
        (lambda: CELL.with_segments(5), r"morphology 'made\.swc': segments is 5, expected a rule such as MaxL"),
        (lambda: CELL["apic"], r"morphology has no section 'apic', expected one of 'soma', 'dend'; see desc"),
        (lambda: Morphology(CELL.sections[:1])["x"], r"morphology has no section 'x', expected one of 'soma';"),
        (lambda: Morphology((Section("a", POINTS),)).soma, r"morphology has no soma, expected a section with"),
        (lambda: MaxLength(0), r"MaxLength: length is 0, expected more than 0"),
        (lambda: DLambda(frequency=-1), r"DLambda: frequency is -1, expected more than 0"),
        (lambda: DLambda(fraction=True), r"DLambda: fraction is True, expected a number with or without units"),
        (lambda: SegmentCount(-3), r"SegmentCount: n is -3, expected a whole number of 1 or more"),
        (lambda: MaxLength(1e-9).counts(CELL.lines), r"asks for 1e\+10 segments in one section, expected at m"),
    ],
)
def test_refused(make, message):
    with pytest.raises(GeometryError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cable(10 * ms), r"Cable: length is '10\*ms' of dimension time, expected length; write it in um"),
        (lambda: Cable(sympy.Symbol("a") * um), r"Cable: length is 'a\*um' and contains 'a', expected a number"),
        (lambda: Cable(sympy.Symbol("a")), r"Cable: length: 'a' contains 'a', expected a number with units"),
        (lambda: Point(1 * um**2), r"Point: volume is 'um\*\*2' of dimension length², expected length³"),
        (lambda: Section("a", ((0, 0, 0, 1 * ms), (1, 0, 0, 1))), r"section 'a': .* of dimension time, expected len"),
        (lambda: MaxLength(1 * mM), r"MaxLength: length is 'mM' of dimension concentration, expected length"),
        (lambda: DLambda(resistivity=1 * ohm), r"DLambda: resistivity is .*, expected .*length.*voltage"),
    ],
)
def test_wrong_units_are_refused(make, message):
    with pytest.raises(UnitError, match=message):
        make()


def lines(*sections) -> Polylines:
    return Polylines.of(sections)


def test_max_length():
    two = lines(((0, 0, 0, 1), (3, 4, 0, 1)), ((0, 0, 0, 1), (0, 0, 6, 1), (0, 0.1, 6, 1)))
    assert MaxLength(5).counts(two).tolist() == [1, 2]
    assert MaxLength(2.5).counts(two).tolist() == [2, 3]
    assert MaxLength(1e9).counts(two).tolist() == [1, 1]
    assert MaxLength(0.1).counts(lines(((0, 0, 0, 1), (0.3, 0, 0, 1)))).tolist() == [3]  # 0.3/0.1 is above 3 in floats


def test_d_lambda_is_the_rule_of_neuron():
    """Its length constant is 1e5 sqrt(d/(4 pi f Ra Cm)) um, with f in Hz, Ra in ohm cm, Cm in uF/cm2."""
    diameter, length = 2.0, 700.0
    constant = 1e5 * np.sqrt(diameter / (4 * np.pi * 100 * 100 * 1))
    expected = int((length / (0.1 * constant) + 0.9) / 2) * 2 + 1
    cylinder = lines(((0, 0, 0, diameter), (length, 0, 0, diameter)))
    assert DLambda().counts(cylinder).tolist() == [expected]
    other = DLambda(0.05, 200 * Hz, 35.4 * ohm * cm, 0.9 * uF / cm**2)
    constant = 1e5 * np.sqrt(diameter / (4 * np.pi * 200 * 35.4 * 0.9))
    assert other.counts(cylinder).tolist() == [int((length / (0.05 * constant) + 0.9) / 2) * 2 + 1]


def test_d_lambda_counts_are_odd_and_at_least_one():
    pieces = [((0, 0, 0, 1), (length, 0, 0, 0.5)) for length in np.geomspace(0.1, 5000, 40)]
    counts = DLambda().counts(lines(*pieces))
    assert (counts % 2 == 1).all()
    assert counts[0] == 1
    assert (np.diff(counts) >= 0).all()


def test_segment_count():
    assert SegmentCount(7).counts(CELL.lines).tolist() == [7, 7]
