"""Meshes of points, cables and cells: integrals, joints, order, positions."""

from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest

from multiscale.errors import GeometryError
from multiscale.geometry import Cable, Location, Morphology, Point, Section
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.tree import discretize_geometry
from multiscale.segmentation import DLambda, MaxLength, SegmentCount
from multiscale.units import um

EXACT = 1e-12  # relative: some tens of roundings


def straight(name: str, near: float, far: float, length: float = 10.0, **joint) -> Section:
    return Section(name, ((0, 0, 0, near), (length, 0, 0, far)), **joint)


def random_tree(seed: int, sections: int = 30) -> Morphology:
    """Bent, tapering sections with repeated points, joined at ends, in between and at starts."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(sections):
        steps = rng.normal(size=(rng.integers(2, 9), 4)) * [5, 5, 5, 0]
        points = np.cumsum(steps, axis=0)
        points[:, 3] = rng.uniform(0.3, 4.0, len(points))
        if len(points) > 3:
            points[2, :3] = points[1, :3]  # a sudden change of diameter
        parent = int(rng.integers(0, i)) if i else -1
        made.append(Section(f"s{i}", points, parent=parent, parent_x=float(rng.choice([0, 0.3, 0.5, 1, 1, 1]))))
    return Morphology(tuple(made), MaxLength(3.0))


def slow_integrals(cell: Morphology) -> np.ndarray:
    """The slow twin: volume, area, two axial halves of each segment, frustum by frustum and cut by cut."""
    rows = []
    for section, count in zip(cell.sections, cell.segments.counts(cell.lines), strict=True):
        points = np.array(section.points)
        arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
        cuts = np.linspace(0, arc[-1], 2 * count + 1)
        halves = np.zeros((2 * count, 3))
        for j, (a, b) in enumerate(pairwise(cuts)):
            for (s0, s1), (d0, d1) in zip(pairwise(arc), pairwise(points[:, 3]), strict=True):
                if s0 == s1:
                    if a <= s0 < b:
                        halves[j, 1] += np.pi / 4 * abs(d1**2 - d0**2)
                    continue
                low, high = max(a, s0), min(b, s1)
                if high <= low:
                    continue
                near, far = (d0 + (d1 - d0) * (s - s0) / (s1 - s0) for s in (low, high))
                r, q, h = near / 2, far / 2, high - low
                slant = np.sqrt(h**2 + (r - q) ** 2)
                halves[j] += np.pi * h / 3 * (r * r + r * q + q * q), np.pi * (r + q) * slant, h / (np.pi * r * q)
        volume, area, axial = halves.reshape(count, 2, 3).transpose(2, 0, 1)
        rows.append(np.column_stack([volume.sum(1), area.sum(1), axial]))
    return np.vstack(rows)


def test_point_is_a_sphere_or_has_its_own_area():
    mesh = discretize_geometry(Point(volume=4 / 3 * np.pi))
    assert mesh.n == mesh.n_total == 1
    assert mesh.parent.tolist() == [-1]
    np.testing.assert_allclose([mesh.volume[0], mesh.area[0]], [4 / 3 * np.pi, 4 * np.pi], rtol=EXACT)
    other = discretize_geometry(Point(volume=2 * um**3, area=8 * um**2))
    assert other.area.tolist() == [8.0]
    for point in (mesh, other):  # length and diameter belong to a cylinder of this volume and area
        np.testing.assert_allclose(np.pi * point.diameter * point.length, point.area, rtol=EXACT)
        np.testing.assert_allclose(np.pi / 4 * point.diameter**2 * point.length, point.volume, rtol=EXACT)


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_tapering_cable_is_exact_at_any_number_of_segments(n):
    length, near, far = 200.0, 1.0, 3.0
    mesh = discretize_geometry(Cable(length, near, n=n, end_diameter=far))
    x = np.linspace(0, length, n + 1)
    r = (near + (far - near) * x / length) / 2
    h = length / n
    volume = np.pi * h / 3 * (r[:-1] ** 2 + r[:-1] * r[1:] + r[1:] ** 2)
    area = np.pi * (r[:-1] + r[1:]) * np.sqrt(h**2 + (r[1:] - r[:-1]) ** 2)
    np.testing.assert_allclose(mesh.volume, volume, rtol=1e-11)  # differences of places along the cable
    np.testing.assert_allclose(mesh.area, area, rtol=1e-11)
    middle = (x[:-1] + x[1:]) / 2
    rm = (near + (far - near) * middle / length) / 2
    between = (middle[1:] - middle[:-1]) / (np.pi * rm[:-1] * rm[1:])
    np.testing.assert_allclose((mesh.half_self + mesh.half_parent)[1:], between, rtol=1e-11)
    np.testing.assert_allclose(mesh.x, middle, rtol=EXACT)
    np.testing.assert_allclose(mesh.position, middle / length, rtol=EXACT)
    np.testing.assert_array_equal(mesh.distance, mesh.arc)
    np.testing.assert_allclose(mesh.diameter, np.sqrt(4 * volume / (np.pi * h)), rtol=EXACT * 10)
    np.testing.assert_array_equal(mesh.end[:-1], mesh.start[1:])


def test_dx_is_the_longest_segment():
    assert discretize_geometry(Cable(0.3, dx=0.1)).n == 3
    assert discretize_geometry(Cable(10.1 * um, dx=1 * um)).n == 11
    assert discretize_geometry(Cable(12.5)).n == 13


@pytest.mark.parametrize("seed", range(5))
def test_integrals_equal_the_slow_twin(seed):
    cell = random_tree(seed)
    mesh = discretize_geometry(cell)
    slow = slow_integrals(cell)
    np.testing.assert_allclose(mesh.volume[: mesh.n], slow[:, 0], rtol=1e-10)
    np.testing.assert_allclose(mesh.area[: mesh.n], slow[:, 1], rtol=1e-10)
    inner = np.flatnonzero(mesh.section[1:] == mesh.section[:-1]) + 1
    np.testing.assert_allclose(mesh.half_self[inner], slow[inner, 2], rtol=1e-10)
    np.testing.assert_allclose(mesh.half_parent[inner], slow[inner - 1, 3], rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_totals_do_not_depend_on_the_segments(seed):
    cell = random_tree(seed)
    for rule in (SegmentCount(1), SegmentCount(4), MaxLength(0.7), DLambda(0.01)):
        mesh = discretize_geometry(cell.with_segments(rule))
        np.testing.assert_allclose(mesh.volume.sum(), cell.volume, rtol=EXACT)
        np.testing.assert_allclose(mesh.area.sum(), cell.area, rtol=EXACT)
        np.testing.assert_allclose(mesh.length.sum(), cell.length, rtol=EXACT)


def resistance(mesh: TreeMesh, node: int) -> float:
    """Series axial integral from a node to the root."""
    total = 0.0
    while node > -1:
        total += mesh.half_self[node] + mesh.half_parent[node]
        node = int(mesh.parent[node])
    return total


@pytest.mark.parametrize("n", [1, 3, 8])
def test_axial_resistances_add_up_along_a_path(n):
    joint = {"parent_x": 1.0}
    cell = Morphology(
        (
            straight("a", 4, 2, 30),
            straight("b", 2, 1, 20, parent="a", **joint),
            straight("c", 1, 1, 20, parent="a", **joint),
            straight("d", 1, 0.5, 40, parent="b", **joint),
        ),
        SegmentCount(n),
    )
    mesh = discretize_geometry(cell)
    ends = [4 / np.pi * length / (near * far) for length, near, far in ((30, 4, 2), (20, 2, 1), (40, 1, 0.5))]
    x0 = 30 / (2 * n)  # the root's centre, and the last centre of d
    first = 4 / np.pi * x0 / (4 * (4 - 2 * x0 / 30))
    x1 = 40 / (2 * n)
    last = 4 / np.pi * x1 / (0.5 * (0.5 + 0.5 * x1 / 40))
    tip = mesh.locate(Location("d", 1.0))
    np.testing.assert_allclose(resistance(mesh, tip), sum(ends) - first - last, rtol=EXACT)


def test_joints():
    cell = Morphology(
        (
            straight("root", 2, 2, 9),
            straight("left", 1, 1, parent="root", parent_x=1),
            straight("right", 1, 1, parent="root", parent_x=1),
            straight("series", 1, 1, parent="left", parent_x=1),
            straight("side", 1, 1, parent="root", parent_x=0.5),
            straight("back", 1, 1, parent="root", parent_x=0),
            straight("with_side", 1, 1, parent="side", parent_x=0),
        ),
        SegmentCount(3),
    )
    mesh = discretize_geometry(cell)
    first = {name: 3 * i for i, name in enumerate(mesh.section_names)}
    near, far = mesh.n, mesh.n + 1
    assert (mesh.n, mesh.n_junctions) == (21, 2)
    assert mesh.parent[near] == first["root"]
    assert mesh.parent[far] == first["root"] + 2
    assert mesh.parent[first["left"]] == mesh.parent[first["right"]] == far
    assert mesh.parent[first["series"]] == first["left"] + 2
    assert mesh.parent[first["side"]] == mesh.parent[first["with_side"]] == first["root"] + 1
    assert mesh.parent[first["back"]] == near
    assert not mesh.volume[mesh.n :].any()
    assert not mesh.area[mesh.n :].any()
    assert not mesh.half_self[mesh.n :].any()
    wide, thin = 1.5 / np.pi, (10 / 6) * 4 / np.pi  # half a segment of the root, of the others
    np.testing.assert_allclose(mesh.half_parent[[near, far]], wide, rtol=EXACT)
    starts = [first[name] for name in ("left", "right", "side", "back", "with_side", "series")]
    np.testing.assert_allclose(mesh.half_self[starts], thin, rtol=EXACT)
    np.testing.assert_allclose(mesh.half_parent[starts], [0, 0, 0, 0, 0, thin], rtol=EXACT)


@pytest.mark.parametrize("seed", range(8))
def test_order_of_nodes_and_runs(seed):
    mesh = discretize_geometry(random_tree(seed, sections=60))
    assert mesh.parent[0] == -1
    assert (mesh.parent[1:] >= 0).all()
    assert (np.diff(mesh.section) >= 0).all()
    seen = np.zeros(mesh.n_total, dtype=bool)
    for start, stop in zip(mesh.run_start, mesh.run_stop, strict=True):
        assert mesh.parent[start] == -1 or seen[mesh.parent[start]]
        np.testing.assert_array_equal(mesh.parent[start + 1 : stop], np.arange(start, stop - 1))
        assert start < mesh.n or stop == start + 1
        assert not seen[start:stop].any()
        seen[start:stop] = True
    assert seen.all()
    starts = set(mesh.run_start.tolist())
    assert all(i in starts or mesh.parent[i] == i - 1 for i in range(mesh.n_total))


def test_a_series_of_sections_is_one_run():
    cell = Morphology(tuple(straight(f"s{i}", 1, 1, parent=i - 1) for i in range(5)), SegmentCount(4))
    mesh = discretize_geometry(cell)
    assert (mesh.run_start.tolist(), mesh.run_stop.tolist()) == ([0], [20])
    whole = discretize_geometry(Cable(50, n=20))
    for name in ("volume", "area", "half_self", "half_parent", "distance"):
        np.testing.assert_allclose(getattr(mesh, name), getattr(whole, name), rtol=EXACT)


def test_distance_starts_in_the_middle_of_a_soma():
    soma = straight("soma", 10, 10, 20, tag=1)
    dend, tip = straight("dend", 1, 1, parent=0, parent_x=0.5), straight("tip", 1, 1, parent=0)
    cell = Morphology((soma, dend, tip, straight("x", 1, 1, parent=2)), SegmentCount(2))
    mesh = discretize_geometry(cell)
    np.testing.assert_allclose(mesh.distance, [5, 5, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5], rtol=EXACT)


def test_centres_follow_the_polyline():
    bent = Section("bent", ((0, 0, 0, 1), (3, 0, 0, 1), (3, 5, 0, 1)))
    mesh = discretize_geometry(Morphology((bent,), SegmentCount(2)))
    np.testing.assert_allclose(np.column_stack([mesh.x, mesh.y, mesh.z]), [[2, 0, 0], [3, 3, 0]], atol=EXACT)
    np.testing.assert_allclose(mesh.start, [[0, 0, 0], [3, 1, 0]], atol=EXACT)
    np.testing.assert_allclose(mesh.end, [[3, 1, 0], [3, 5, 0]], atol=EXACT)


def test_locate():
    mesh = discretize_geometry(Cable(10, n=10))
    assert [mesh.locate(Location("cable", x)) for x in (0, 0.05, 0.1, 0.3, 0.7, 0.999, 1)] == [0, 0, 1, 3, 7, 9, 9]
    with pytest.raises(GeometryError, match=r"geometry has no section 'soma', expected one of 'cable'; check the name"):
        mesh.locate(Location("soma"))


def test_arrays_are_read_only_and_of_two_types():
    mesh = discretize_geometry(random_tree(0))
    arrays = [value for value in vars(mesh).values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 18
    for array in arrays:
        assert array.dtype in (np.float64, np.int64)
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_meshing_costs_little():
    """One of the few limits in seconds: generous (measured: 10 ms), it catches a loop over segments."""
    sections = tuple(straight(f"s{i}", 2, 1, 100, parent=(i - 1) // 2 if i else -1) for i in range(250))
    cell = Morphology(sections, SegmentCount(40))
    started = perf_counter()
    assert discretize_geometry(cell).n == 10_000
    assert perf_counter() - started < 0.2


def test_refuses_what_is_no_geometry():
    with pytest.raises(GeometryError, match=r"geometry is 'cell\.swc'.*, expected a Point, a Cable or a Morphology"):
        discretize_geometry("cell.swc")
