"""Places in space → nodes: points, lines, planes, sub-volumes, means; on a tree, in voxels, and where both meet."""

import dataclasses
import pickle
import time

import numpy as np
import pytest

from multiscale.errors import GeometryError, ModelError, UnitError
from multiscale.geometry import Cable, Location, Morphology, Section
from multiscale.model import Model
from multiscale.probes import Line, Mean, Plane, place_text
from multiscale.processes import Rate
from multiscale.regions import Membrane, Region
from multiscale.rxd.equations import equations
from multiscale.rxd.locate import inside, resolve_probe
from multiscale.rxd.record import Recorder, Selection
from multiscale.rxd.selection import selection
from multiscale.rxd.system import discretize
from multiscale.rxd.tree import discretize_geometry
from multiscale.rxd.voxel_mesh import mesh_of
from multiscale.segmentation import MaxLength
from multiscale.solids import Ball, Box, Frustum, Mixed
from multiscale.species import Species, State
from multiscale.symbols import Probe, section, tag, x
from multiscale.units import cm, ms, nm, uF, um

cyt, er = Region("cyt", fraction=0.5), Region("er", fraction=x / (20 * um), where=x > 4 * um)
plasma = Membrane("plasma", cyt, capacitance=1 * uF / cm**2)
ca, gate = Species("ca", (cyt, er)), State("gate", plasma)
MODEL = Model(
    Rate("a", ca[cyt], -ca[cyt] / ms), Rate("b", ca[er], -ca[er] / ms), Rate("c", gate, (1 - gate) / ms), name="m"
)  # fmt: skip
EQS = equations(MODEL)
ROW = {f.name: f.row for f in EQS.fields}
CABLE = Cable(10.0, diameter=2.0, n=10)
TREE = discretize_geometry(CABLE)
CELL = Morphology(
    (
        Section("soma", ((0, 0, 0, 4), (4, 0, 0, 4)), tag=1),
        Section("dend", ((4, 0, 0, 2), (14, 0, 0, 2)), tag=3, parent=0),
    ),
    MaxLength(1.0),
)


@pytest.fixture(scope="module")
def ball():
    return mesh_of(Ball(1.0 * um).voxels(0.25 * um))


@pytest.fixture(scope="module")
def mixed():
    """A soma of voxels, x from 0 to 4, and a dendrite of segments, x from 4 to 14."""
    return mesh_of(Mixed(CELL, CELL["soma"].voxels(0.5)))


@pytest.fixture(scope="module")
def pair():
    """Voxels of two sizes: 0.5 um in the soma, 0.25 um at the start of the dendrite."""
    near = CELL.part(section("dend") & (x < 8))
    return mesh_of(Mixed(CELL, (CELL["soma"].voxels(0.5), near.voxels(0.25))))


def centres(mesh, nodes):
    return np.column_stack([mesh.x, mesh.y, mesh.z])[nodes]


# ---- values and names


def test_are_values():
    line = Line((0, 0, 0), (1 * um, 500 * nm, 0))
    assert line == Line([0, 0, 0], np.array([1, 0.5, 0])) == pickle.loads(pickle.dumps(line))
    assert dataclasses.replace(line, n=3) == Line((0, 0, 0), (1, 0.5, 0), 3)
    plane = Plane(axis="z", at=3000 * nm)
    assert (plane.point, plane.normal) == ((0.0, 0.0, 3.0), (0.0, 0.0, 1.0))
    assert plane == Plane((0, 0, 3), (0, 0, 2)) == pickle.loads(pickle.dumps(plane))
    assert Plane(axis="x") == Plane((0, 0, 0), (1, 0, 0))
    assert dataclasses.replace(plane, point=(0, 0, 4)) == Plane(axis="z", at=4)
    assert len({line, plane, Line((0, 0, 0), (1, 0.5, 0)), Mean(plane), Mean(Plane(axis="z", at=3))}) == 3


def test_names_are_readable():
    for place, name in (
        ((1, 2, 3 * um), "ca.cyt@(1,2,3)"),
        ([0.5, -0.25, 1e-7], "ca.cyt@(0.5,-0.25,1e-07)"),
        (Line((0, 0, 0), (10, 0, 0)), "ca.cyt@line((0,0,0),(10,0,0))"),
        (Line((0, 0, 0), (10, 0, 0), n=5), "ca.cyt@line((0,0,0),(10,0,0),n=5)"),
        (Plane(axis="z", at=-3), "ca.cyt@plane(z=-3)"),
        (Plane((1, 2, 3), (0, 3, 4)), "ca.cyt@plane((1,2,3),(0,0.6,0.8))"),
        (Ball(2, (1, 0, 0)), "ca.cyt@ball(2,(1,0,0))"),
        (Box((0, 0, 0), (1, 2, 3)), "ca.cyt@box((0,0,0),(1,2,3))"),
        (tag("soma"), "ca.cyt@tag('soma')"),
        (x > 5, "ca.cyt@x>5"),
    ):
        assert ca[cyt].at(place).name == name
    assert ca[cyt].mean(Ball(2)).name == "ca.cyt@mean(ball(2,(0,0,0)))"
    assert ca[cyt].mean(Plane(axis="z", at=1)) == Probe(ca[cyt], Mean(Plane(axis="z", at=1)))
    assert ca[cyt].at(CABLE(0.5)).name == f"ca.cyt@{CABLE(0.5)}"
    assert place_text((1.0, -0.0)) == "(1,0)"


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Line((0, 0), (1, 0, 0)), GeometryError, r"Line: start is \(0, 0\), expected x, y and z; give thre"),
        (lambda: Line("abc", (1, 0, 0)), GeometryError, r"Line: start is 'abc', expected x, y and z; give three lengt"),
        (lambda: Line((0, 0, 0), (1, 0, 1 * ms)), UnitError, r"Line: end: z is 'ms' of dimension time, expected le"),
        (lambda: Line((0, 0, np.inf), (1, 0, 0)), GeometryError, r"Line: start: z is inf, expected a finite length"),
        (lambda: Line((0, 0, None), (1, 0, 0)), GeometryError, r"Line: start: z is None, expected a number with or"),
        (lambda: Line((0, 0, 0), (0, 0, 0)), GeometryError, r"Line: start and end are both \(0,0,0\), expected two"),
        (lambda: Line((0, 0, 0), (1, 0, 0), 1), GeometryError, r"Line: n is 1, expected a whole number of points f"),
        (lambda: Line((0, 0, 0), (1, 0, 0), 2.5), GeometryError, r"Line: n is 2.5, expected a whole number of poin"),
        (Plane, GeometryError, r"Plane: got point = None and normal = None, expected both; write Plane\("),
        (lambda: Plane((0, 0, 1)), GeometryError, r"Plane: got point = \(0, 0, 1\) and normal = None, expected both"),
        (lambda: Plane((0, 0), (0, 0, 1)), GeometryError, r"Plane: point is \(0, 0\), expected x, y and z; give three"),
        (lambda: Plane((0, 0, 1), 1), GeometryError, r"Plane: normal is 1, expected a direction; give three numbers"),
        (lambda: Plane((0, 0, 1), (0, 0, 0)), GeometryError, r"Plane: normal is \(0, 0, 0\), expected three finite nu"),
        (lambda: Plane((0, 0, 1), (0, "a", 0)), GeometryError, r"Plane: normal is \(0, 'a', 0\), expected three finit"),
        (lambda: Plane(axis="w"), GeometryError, r"Plane: axis is 'w', expected 'x', 'y' or 'z'; choose one of these"),
        (lambda: Plane(at=3), GeometryError, r"Plane: axis is None, expected 'x', 'y' or 'z'; choose one of these"),
        (lambda: Plane((0, 0, 1), axis="z"), GeometryError, r"Plane: got an axis and a point or normal, expected one"),
        (lambda: Plane(axis="z", at=3 * ms), UnitError, r"Plane: at is .* of dimension time, expected length"),
        (lambda: Mean(Mean(Ball(1))), GeometryError, r"Mean: got a mean of a mean, expected a place such as Ball\(1"),
        (lambda: ca[cyt].at((1, 2, 3 * ms)), UnitError, r"place: z is '3\*ms' of dimension time, expected length"),
    ],
)
def test_mistakes_of_values(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


# ---- on a tree


@pytest.mark.parametrize(
    ("place", "nodes"),
    [
        (CABLE(0.55), [5]),
        ((2.5, 0.5, 0.5), [2]),
        ((2.5, 0, 1.9), [2]),  # outside by less than a radius
        ((-0.5, 0, 0), [0]),
        (Line((0, 0, 0), (10, 0, 0)), list(range(10))),
        (Line((10, 0, 0), (0, 0, 0), 4), [9, 6, 3, 0]),
        (Line((2.5, -5, 0), (2.5, 5, 0)), [2]),
        (Plane(axis="x", at=3), [3]),
        (Plane(axis="x", at=2.9), [2]),
        (Plane(axis="y", at=0.5), list(range(10))),
        (Plane((5, 0, 0), (1, 1, 0)), [4, 5]),  # cuts the surface at x from 4 to 6: half open
        (Ball(2, (5, 0, 0)), [3, 4, 5, 6]),
        (Box((0, -1, -1), (3, 1, 1)), [0, 1, 2]),
        (x > 7 * um, [7, 8, 9]),
        (section("cab*"), list(range(10))),
        (Mean(x < 2), [0, 1]),
    ],
)
def test_on_a_tree(place, nodes):
    found = resolve_probe(place, TREE)
    assert found.dtype == np.int64
    if isinstance(place, Plane) and len(nodes) == 2:  # the cylinder reaches a little past the plane on both sides
        assert set(nodes) <= set(found.tolist()) <= {*nodes, nodes[-1] + 1, nodes[0] - 1}
    else:
        assert found.tolist() == nodes


@pytest.mark.parametrize(
    ("place", "error", "sentence"),
    [
        ((2.5, 5, 0), GeometryError, r"wanted at \(2.5,5,0\), 4 um outside of the cell, expected a point inside;"),
        (0.5, GeometryError, r"wanted at 0.5, expected a place such as cell.soma\(0.5\), a point \(x, y, z\), a Li"),
        ((1, 2), GeometryError, r"wanted at \(1, 2\), expected a place such as"),
        (True, GeometryError, r"wanted at True, expected a place such as"),
        (CABLE, GeometryError, r"wanted at Cable\(.*, expected a place such as"),
        (Ball(0.1, (5, 3, 0)), GeometryError, r"wanted at ball\(0.1,\(5,3,0\)\), where there is no node \(the nea"),
        (Plane(axis="z", at=7), GeometryError, r"at plane\(z=7\), where there is no node \(the nearest centre is 7 um"),
        (x > 30, GeometryError, r"wanted at x>30, where there is no node, expected a condition that holds somewhere"),
        (
            Line((0, 5, 0), (10, 5, 0)),
            GeometryError,
            r"at line\(\(0,5,0\),\(10,5,0\)\), none of whose 41 points is in the cell, expected a line through",
        ),
        (Location("soma"), GeometryError, r"geometry has no section 'soma', expected one of 'cable'; check the name"),
        (x, ModelError, r"wanted at a place that is x, expected a condition such as"),
    ],
)
def test_mistakes_of_places(place, error, sentence):
    with pytest.raises(error, match=sentence):
        resolve_probe(place, TREE, what="record: 'ca.cyt' is wanted")


# ---- in voxels


def test_a_point_is_in_the_voxel_that_holds_it(ball):
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.55, 0.55, (200, 3))  # the inner cube: every voxel there exists
    for point in points:
        (node,) = resolve_probe(tuple(point.tolist()), ball)
        assert np.abs(centres(ball, node) - point).max() <= 0.125 * (1 + 1e-12)
        assert ball.chemical[node]


def test_a_point_near_the_surface_and_one_far_away(ball):
    edge = centres(ball, np.flatnonzero(ball.chemical))[:, 0].max() + 0.125
    (node,) = resolve_probe((edge + 0.2, 0.0, 0.0), ball)
    assert centres(ball, node)[0] == edge - 0.125
    with pytest.raises(GeometryError, match=r"at \(3,0,0\), (1.75|2) um outside of the cell, expected a point"):
        resolve_probe((3.0, 0.0, 0.0), ball)


def test_lines(ball):
    nodes = resolve_probe(Line((-2, 0.1, 0.1), (2, 0.1, 0.1)), ball)
    row = ball.chemical & (np.abs(ball.y - 0.125) < 1e-9) & (np.abs(ball.z - 0.125) < 1e-9)
    np.testing.assert_array_equal(centres(ball, nodes)[:, 0], np.sort(ball.x[row]))  # in order, each once
    back = resolve_probe(Line((2, 0.1, 0.1), (-2, 0.1, 0.1)), ball)
    assert back.tolist() == nodes.tolist()[::-1]
    start, end = np.array([-0.9, -0.5, -0.3]), np.array([0.8, 0.6, 0.2])
    slanted = centres(ball, resolve_probe(Line(tuple(start), tuple(end)), ball))
    along = (slanted - start) @ (end - start)
    away = np.linalg.norm(slanted - start - along[:, None] * (end - start) / ((end - start) ** 2).sum(), axis=1)
    assert away.max() <= 0.125 * np.sqrt(3)  # every voxel is cut by the line
    step = np.abs(np.diff(slanted, axis=0)) / 0.25
    assert step.max() == pytest.approx(1)  # no voxel is jumped over: neighbours share at least a corner


def test_planes(ball):
    for axis, k in (("x", 0), ("y", 1), ("z", 2)):
        for at, layer in ((0.0, 0.125), (0.1, 0.125), (0.25, 0.375), (-0.25, -0.125), (-0.3, -0.375)):
            nodes = resolve_probe(Plane(axis=axis, at=at), ball)
            assert set(centres(ball, nodes)[:, k].round(9)) == {layer}
            every = ball.chemical & (np.abs(np.column_stack([ball.x, ball.y, ball.z])[:, k] - layer) < 1e-9)
            assert nodes.tolist() == np.flatnonzero(every).tolist()
    normal = np.array([1.0, 2.0, -1.0]) / np.sqrt(6)
    nodes = resolve_probe(Plane((0.1, 0, 0), tuple(normal)), ball)
    every = np.flatnonzero(ball.chemical)
    corners = 0.125 * np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    height = (centres(ball, every)[:, None] + corners - [0.1, 0, 0]) @ normal
    cut = (height.min(axis=1) < 0) & (height.max(axis=1) > 0)
    assert nodes.tolist() == every[cut].tolist()


def test_sub_volumes(ball):
    every = centres(ball, np.flatnonzero(ball.chemical))
    for solid, rule in (
        (Ball(0.6, (0.1, 0, 0)), ((every - [0.1, 0, 0]) ** 2).sum(axis=1) <= 0.36),
        (Box((-0.5, -2, 0), (0, 2, 2)), (every[:, 0] >= -0.5) & (every[:, 0] <= 0) & (every[:, 2] >= 0)),
        (Ball(0.3) | Ball(0.2, (0.7, 0, 0)), None),
        (Frustum((-2, 0, 0), (2, 0, 0), 0.4), (every[:, 1:] ** 2).sum(axis=1) <= 0.16),
    ):
        nodes = resolve_probe(solid, ball)
        if rule is None:
            rule = inside(Ball(0.3), every) | inside(Ball(0.2, (0.7, 0, 0)), every)  # noqa: PLW2901
        assert nodes.tolist() == np.flatnonzero(ball.chemical)[rule].tolist()


def test_the_inside_of_a_cone():
    cone = Frustum((0, 0, 0), (0, 0, 2), 1.0, 0.5)
    points = np.array([[0.9, 0, 0.1], [0.9, 0, 1.0], [0.7, 0, 1.0], [0, 0, 2.1], [0, 0, -0.1], [0, 0.45, 1.9]])
    assert inside(cone, points).tolist() == [True, False, True, False, False, True]


# ---- where voxels and segments meet


def test_both_kinds_of_nodes(mixed):
    first = mixed.tree_start
    (node,) = resolve_probe((2.1, 0.1, 0.1), mixed)
    assert node < first
    np.testing.assert_allclose(np.abs(centres(mixed, node) - [2.1, 0.1, 0.1]) <= 0.25, True)
    (node,) = resolve_probe((9.3, 0.2, 0), mixed)
    assert node >= first
    assert mixed.x[node] == pytest.approx(9.5)
    along = resolve_probe(Line((0, 0.1, 0.1), (14, 0.1, 0.1)), mixed)
    place = mixed.x[along]
    assert (np.diff(place) > 0).all()
    assert (place[along < first] < 4).all()
    assert (place[along >= first] > 4).all()
    assert (along < first).sum() >= 8
    assert (along >= first).sum() == 10


def test_voxels_of_two_sizes(pair):
    (coarse,), (fine,) = (resolve_probe((at, 0.05, 0.05), pair) for at in (2.0, 6.0))
    assert pair.volume[coarse] == pytest.approx(0.125, rel=0.5)
    assert pair.volume[fine] == pytest.approx(0.015625, rel=0.5)
    for point in ((2.2, 0.6, -0.3), (6.1, 0.3, 0.2)):
        (node,) = resolve_probe(point, pair)
        side = 0.5 if point[0] < 4 else 0.25
        assert np.abs(centres(pair, node) - point).max() <= 0.5 * side * (1 + 1e-12)
    plane = resolve_probe(Plane(axis="z", at=0.1), pair)
    assert {round(float(z), 9) for z in pair.z[plane[plane < pair.tree_start]]} == {0.125, 0.25}


def test_a_location_is_a_voxel_for_concentrations_and_a_segment_for_the_potential(mixed):
    place = CELL["soma"](0.6)
    (lane,), (segment,) = resolve_probe(place, mixed), resolve_probe(place, mixed, electric=True)
    assert lane < mixed.tree_start <= segment
    assert abs(float(mixed.x[lane]) - 2.4) < 1.0
    (outside,) = resolve_probe(CELL["dend"](0.55), mixed)
    assert outside == resolve_probe(CELL["dend"](0.55), mixed, electric=True)[0] >= mixed.tree_start
    soma = resolve_probe(tag("soma"), mixed)
    assert soma.tolist() == np.flatnonzero(mixed.chemical & (mixed.section == 0)).tolist()
    assert resolve_probe(tag("soma"), mixed, electric=True).size == 4
    part = CELL.within(5.8 * um, of=CELL["soma"])
    near = resolve_probe(part, mixed)
    assert near.tolist() == resolve_probe(tag("soma") | (x < 8), mixed).tolist()


# ---- what is recorded


def test_selection_on_a_tree():
    system = discretize(EQS, TREE)
    line = Line((0, 0, 0), (10, 0, 0))
    wanted = [ca[cyt], ca[cyt].at((2.5, 0, 0)), ca[er].at(line), plasma.v.at(CABLE(0.15)), "gate"]
    chosen = selection(wanted, system.equations, TREE, system.present)
    names = ["ca.cyt", "ca.cyt@(2.5,0,0)", "ca.er@line((0,0,0),(10,0,0))", f"v@{CABLE(0.15)}", "gate"]
    assert list(chosen.names) == names
    assert [n.tolist() for n in chosen.nodes] == [list(range(10)), [2], list(range(10)), [1], list(range(10))]
    assert chosen.row == tuple(ROW[name.partition("@")[0]] for name in names)
    assert all(place is not None for place in chosen.places)


def test_means_are_weighted(mixed):
    system = discretize(EQS, mixed)
    wanted = [
        ca[cyt].mean(Ball(1.5, (2, 0, 0))), ca[er].mean(Box((3, -3, -3), (10, 3, 3))), plasma.v.mean(tag("basal")),
        ca[cyt].at((2, 0, 0)),
    ]  # fmt: skip
    chosen = selection(wanted, system.equations, mixed, system.present)
    assert [place is None for place in chosen.places] == [True, True, True, False]
    values = np.random.default_rng(1).random((len(EQS.fields), mixed.n))
    rows, nodes = chosen.flat()
    kept = chosen.split(values[rows, nodes][None])
    where = np.column_stack([mixed.x, mixed.y, mixed.z])
    for name, field, mask, extent in (
        (wanted[0].name, "ca.cyt", ((where - [2, 0, 0]) ** 2).sum(axis=1) <= 2.25, mixed.volume[: mixed.n]),
        (wanted[1].name, "ca.er", (mixed.x >= 4) & (mixed.x <= 10), mixed.volume[: mixed.n] * mixed.x),
        (wanted[2].name, "v", mixed.section == 1, mixed.area[: mixed.n]),
    ):
        mask = mask & system.present[ROW[field]]  # noqa: PLW2901
        expected = np.average(values[ROW[field], mask], weights=extent[mask])
        assert kept[name].shape == (1,)
        assert kept[name][0] == pytest.approx(expected, rel=1e-13)  # sums of 1e2 to 1e3 positive terms


def test_a_recorder_keeps_means_only():
    system = discretize(EQS, TREE)
    chosen = selection([ca[cyt].mean(x < 5), ca[er]], system.equations, TREE, system.present)
    samples = np.random.default_rng(2).random((7, chosen.flat()[0].size))
    kept = Recorder(chosen)
    kept.add(np.arange(4.0), samples[:4], np.zeros((4, 0)))
    kept.add(np.arange(4.0, 7.0), samples[4:], np.zeros((3, 0)))
    times, values, currents = kept.all()
    assert (times.shape, values.shape, currents.shape) == ((7,), (7, 11), (7, 0))
    for parts in (chosen.split(values), chosen.split(samples)):
        np.testing.assert_allclose(parts["ca.cyt@mean(x<5)"], samples[:, :5].mean(axis=1), rtol=1e-14)
        np.testing.assert_array_equal(parts["ca.er"], samples[:, 5:])
    samples[:] = -1.0  # copies were kept
    assert kept.all()[1].min() >= 0


@pytest.mark.parametrize("nodes", [3, 8, 129, 5000])
def test_a_mean_has_the_same_bits_however_many_samples_come_at_once(nodes):
    weights = np.random.default_rng(4).random(nodes)
    chosen = Selection(("m", "v"), (0, 1), (np.arange(nodes), np.array([1])), (weights / weights.sum(), None))
    samples = np.random.default_rng(5).random((40, nodes + 1))
    together = chosen.reduce(samples)
    for first, stop in ((0, 1), (1, 3), (3, 40)):
        assert chosen.reduce(samples[first:stop]).tobytes() == together[first:stop].tobytes()


def test_whole_fields_in_voxels(mixed):
    system = discretize(EQS, mixed)
    chosen = selection(None, system.equations, mixed, system.present)
    nodes = dict(zip(chosen.names, chosen.nodes, strict=True))
    assert nodes["ca.cyt"].tolist() == system.visible.tolist()
    assert nodes["v"].tolist() == nodes["gate"].tolist() == list(range(mixed.tree_start, mixed.tree_start + 14))


@pytest.mark.parametrize(
    ("record", "error", "sentence"),
    [
        (ca[cyt].at(0.5), GeometryError, r"record: 'ca.cyt' is wanted at 0.5, expected a place such as cell.soma\(0.5"),
        (ca[cyt].at((0, 9, 0)), GeometryError, r"record: 'ca.cyt' is wanted at \(0,9,0\), 8 um outside of the cell"),
        (ca[cyt].at(None), GeometryError, r"record: 'ca.cyt' is wanted at None, expected a place such as"),
        ([ca[cyt].at((1, 0, 0))] * 2, ModelError, r"record: 'ca.cyt@\(1,0,0\)' is listed twice, expected once"),
        (
            ca[er].mean(x < 3),
            GeometryError,
            r"record: 'ca.er' is wanted as mean\(x<3\), where it does not exist, expected nodes of region 'er'; choo",
        ),
        (Probe("q", (0, 0, 0)), ModelError, r"record: 'q' is not a field of model 'm'; it has ca.cyt, ca.er, gate, v"),
    ],
)
def test_mistakes_of_recording(record, error, sentence):
    system = discretize(EQS, TREE)
    with pytest.raises(error, match=sentence):
        selection(record, system.equations, TREE, system.present)


def test_a_large_cell_is_searched_quickly():
    """A point, a line, a plane and a ball among 2e5 voxels."""
    begin = time.perf_counter()
    mesh = mesh_of(Box((0, 0, 0), (14.5, 14.5, 14.5)).voxels(0.25))
    built = time.perf_counter()
    assert mesh.exists.sum() > 190_000
    assert resolve_probe((7.0, 7.0, 7.0), mesh).size == 1
    assert resolve_probe(Line((0, 0, 0), (14.5, 14.5, 14.5)), mesh).size >= 58
    assert resolve_probe(Plane(axis="z", at=7), mesh).size == 58 * 58
    assert resolve_probe(Ball(3, (7, 7, 7)), mesh).size == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)
    assert time.perf_counter() - built < 2 * (built - begin)  # about half the time of making the mesh
