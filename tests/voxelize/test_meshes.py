"""Voxels of triangle meshes: exact volumes, areas and open faces; degenerate positions; what is refused."""

import pickle
from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull

from multiscale import progress
from multiscale.errors import GeometryError, UnitError
from multiscale.triangles import TriangleMesh
from multiscale.units import ms, nm, um
from multiscale.voxelize import meshes, triangles_kernel
from multiscale.voxelize.example_spine import spine_surface
from multiscale.voxelize.meshes import voxelize_mesh

EXACT = 1e-10  # relative: the sums are exact but for round-off, some 1e-13, and for slivers below 1e-9 of a voxel


def mesh_of(shape, move=(0, 0, 0), name="shape"):
    return TriangleMesh(np.asarray(shape.vertices) + move, np.asarray(shape.faces), name)


def joined(*parts):
    """Several meshes as one, without uniting them."""
    first = np.cumsum([0, *(len(m.vertices) for m in parts)])
    faces = np.vstack([m.faces + k for m, k in zip(parts, first, strict=False)])
    return TriangleMesh(np.vstack([m.vertices for m in parts]), faces, "several")


def turned(shape, seed):
    shape = shape.copy()
    shape.apply_transform(trimesh.transformations.random_rotation_matrix(np.random.default_rng(seed).random(3)))
    return shape


def convex(seed, count=14, reach=4):
    """Hull of points on a grid: many corners, edges and triangles lie exactly in the planes of the voxels."""
    points = np.random.default_rng(seed).integers(-reach, reach + 1, size=(count, 3)).astype(float)
    hull = ConvexHull(points, qhull_options="Qt")
    faces = hull.simplices.copy()
    a, b, c = (points[faces[:, d]] for d in range(3))
    inwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    faces[inwards] = faces[inwards, ::-1]
    return TriangleMesh(points, faces, f"hull {seed}")


def clipped(polygon, low, high):
    """Part of a polygon in a box; slow, one plane after another (Sutherland and Hodgman 1974)."""
    for axis in range(3):
        for sign, bound in ((1, low[axis]), (-1, -high[axis])):
            kept = []
            for a, b in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
                fa, fb = sign * a[axis] - bound, sign * b[axis] - bound
                if fa >= 0:
                    kept.append(a)
                if (fa >= 0) != (fb >= 0):
                    kept.append(a + fa / (fa - fb) * (b - a))
            polygon = kept
    return polygon


def vector_area(polygon):
    fan = [np.cross(b - polygon[0], c - polygon[0]) for b, c in pairwise(polygon[1:])]
    return 0.5 * np.sum(fan, axis=0) if fan else np.zeros(3)


SHAPES = {
    "ball": mesh_of(trimesh.creation.icosphere(3, 1.0), (0.013, 0.027, -0.011)),
    "torus": mesh_of(turned(trimesh.creation.torus(1.0, 0.3, 40, 20), 1)),
    "oblique box": mesh_of(turned(trimesh.creation.box((1.3, 0.7, 0.4)), 2)),
    "needle": mesh_of(turned(trimesh.creation.cylinder(0.03, 2.0, sections=16), 3)),
    "sheet": mesh_of(turned(trimesh.creation.box((1.5, 1.2, 0.02)), 4)),
    "two bodies": joined(
        mesh_of(trimesh.creation.icosphere(2, 0.4)),
        mesh_of(turned(trimesh.creation.box((0.5, 0.5, 0.5)), 5), (1, 0, 0)),
    ),
    "shell": joined(
        mesh_of(trimesh.creation.icosphere(2, 1.0)),
        TriangleMesh(
            trimesh.creation.icosphere(2, 0.8).vertices, trimesh.creation.icosphere(2, 0.8).faces[:, ::-1], "cavity"
        ),
    ),
}


@pytest.mark.parametrize("dx", [0.31, 0.1, 0.043])
@pytest.mark.parametrize("name", SHAPES)
def test_volume_and_area_are_the_meshs_own(name, dx):
    mesh = SHAPES[name]
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    voxels = voxelize_mesh(mesh, dx)
    assert voxels.volume.sum() == pytest.approx(shape.volume, rel=EXACT)
    assert voxels.area.sum() == pytest.approx(shape.area, rel=EXACT)
    assert mesh.volume == pytest.approx(shape.volume, rel=1e-12)  # two sums of the same numbers
    assert mesh.area == pytest.approx(shape.area, rel=1e-12)
    assert voxels.volume.min() > 0
    assert voxels.volume.max() <= dx**3 * (1 + 1e-12)
    assert voxels.face.min() >= 0
    assert voxels.face.max() <= dx**2 * (1 + 1e-12)
    inside, outside = voxels.index.min(axis=0), voxels.index.max(axis=0) + 1
    assert (voxels.origin + dx * inside <= np.array(mesh.bounds[0]) + 1e-9).all()
    assert (voxels.origin + dx * outside >= np.array(mesh.bounds[1]) - 1e-9).all()


def test_a_fine_mesh_has_the_volume_and_area_of_the_ball_and_the_torus():
    ball = voxelize_mesh(mesh_of(trimesh.creation.icosphere(5, 1.0)), 0.1)
    assert ball.volume.sum() == pytest.approx(4 / 3 * np.pi, rel=1e-3)  # edges of 0.04: (0.04)^2 / 2
    assert ball.area.sum() == pytest.approx(4 * np.pi, rel=1e-3)
    torus = voxelize_mesh(mesh_of(turned(trimesh.creation.torus(1.0, 0.3, 200, 100), 6)), 0.05)
    assert torus.volume.sum() == pytest.approx(2 * np.pi**2 * 0.09, rel=2e-3)  # 100 sides: (2 pi/100)^2 / 6
    assert torus.area.sum() == pytest.approx(4 * np.pi**2 * 0.3, rel=2e-3)


def test_membrane_and_normals_equal_a_slow_clipping_of_every_triangle():
    mesh = mesh_of(turned(trimesh.creation.torus(1.0, 0.35, 12, 8), 7))
    dx = 0.27
    voxels = voxelize_mesh(mesh, dx)
    closed = voxels.closed_area()
    area, vector = np.zeros(voxels.n), np.zeros((voxels.n, 3))
    for triangle in mesh.vertices[mesh.faces]:
        first, last = (np.floor((triangle - voxels.origin) / dx).astype(int) for _ in range(2))
        for index in product(*(range(a, b + 1) for a, b in zip(first.min(axis=0), last.max(axis=0), strict=True))):
            low = voxels.origin + dx * np.array(index)
            piece = clipped(list(triangle), low, low + dx)
            at = voxels.find([index])[0]
            if at >= 0 and len(piece) > 2:
                area[at] += np.linalg.norm(vector_area(piece))
                vector[at] += vector_area(piece)
    assert area.sum() == pytest.approx(mesh.area, rel=1e-12)
    np.testing.assert_allclose(voxels.area, area, rtol=0, atol=1e-12)
    np.testing.assert_allclose(closed, vector, rtol=0, atol=1e-12)  # faces and surface close in each voxel
    length = np.linalg.norm(vector, axis=1)
    cut = length > 1e-6
    np.testing.assert_allclose(voxels.normal[cut], vector[cut] / length[cut, None], atol=1e-6)  # stored in 32 bits
    assert (voxels.area >= length - 1e-12).all()


@pytest.mark.parametrize("name", ["torus", "oblique box", "two bodies"])
def test_volumes_and_open_faces_equal_those_of_many_rays(name):
    mesh, dx, n = SHAPES[name], 0.25, 20
    voxels = voxelize_mesh(mesh, dx)
    low, count = voxels.index.min(axis=0), np.ptp(voxels.index, axis=0) + 1
    place = tuple((voxels.index - low).T)
    origin = voxels.origin + dx * low
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        size = count[order]
        crossed = rays(mesh.vertices[:, order], mesh.faces, origin[order], dx, size, n)
        filled = np.zeros(tuple(size))
        opened = np.zeros(tuple(size))
        for (i, j), heights in crossed.items():
            for bottom, top in heights.reshape(-1, 2):
                floor = origin[axis] + dx * np.arange(size[2])
                filled[i // n, j // n] += np.clip(np.minimum(top, floor + dx) - np.maximum(bottom, floor), 0, None)
                opened[i // n, j // n] += (bottom < floor) & (floor < top)
        back = [order.index(d) for d in range(3)]
        # the rays cannot see less than their distance, 1/20: at worst half of it all along an edge of a face
        around = filled.transpose(back)[place] * (dx / n) ** 2
        np.testing.assert_allclose(voxels.volume, around, rtol=0, atol=0.025 * dx**3)
        through = opened.transpose(back)[place] * (dx / n) ** 2
        np.testing.assert_allclose(voxels.face[:, axis], through, rtol=0, atol=0.05 * dx**2)
        assert abs(voxels.face[:, axis].sum() / through.sum() - 1) < 5e-3  # errors of both signs


def rays(vertices, faces, origin, dx, size, n):
    """Heights at which rays along the last axis, n a voxel's side, cross the triangles; by ray."""
    across = [origin[d] + dx / n * (np.arange(size[d] * n) + 0.5) for d in range(2)]
    found = {}
    for a, b, c in vertices[faces]:
        twice = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if twice == 0:  # along the rays
            continue
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        first = [np.searchsorted(across[d], low[d]) for d in range(2)]
        x, y = (across[d][first[d] : np.searchsorted(across[d], high[d])] for d in range(2))
        x, y = x[:, None], y[None, :]
        v = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / twice
        w = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / twice
        for i, j in zip(*np.nonzero((v >= 0) & (w >= 0) & (v + w <= 1)), strict=True):
            height = a[2] + v[i, j] * (b[2] - a[2]) + w[i, j] * (c[2] - a[2])
            found.setdefault((first[0] + i, first[1] + j), []).append(height)
    return {key: np.sort(heights) for key, heights in found.items()}


@pytest.mark.parametrize("mesh", [*SHAPES.values(), convex(1), convex(2)], ids=[*SHAPES, "hull 1", "hull 2"])
def test_no_axis_is_special(mesh):
    """Volumes come from sweeps along z, and open faces along x and y from lines in planes: axes swapped, all agree."""
    dx = 0.17 if mesh.vertices.max() < 2.5 else 1.0
    voxels = voxelize_mesh(mesh, dx)
    for order in permutations(range(3)):
        even = order in {(0, 1, 2), (1, 2, 0), (2, 0, 1)}
        faces = mesh.faces if even else mesh.faces[:, ::-1]
        other = voxelize_mesh(TriangleMesh(mesh.vertices[:, order], faces, "swapped"), dx)
        sort = np.lexsort(voxels.index[:, order].T[::-1])
        np.testing.assert_array_equal(other.index, voxels.index[sort][:, order])
        np.testing.assert_allclose(other.volume, voxels.volume[sort], rtol=0, atol=1e-11)
        np.testing.assert_allclose(other.area, voxels.area[sort], rtol=0, atol=1e-11)
        np.testing.assert_allclose(other.face, voxels.face[sort][:, order], rtol=0, atol=1e-11)


@pytest.mark.parametrize("seed", range(12))
def test_corners_edges_and_triangles_in_the_planes_of_the_grid(seed):
    mesh = convex(seed)
    voxels = voxelize_mesh(mesh, 1.0)
    assert voxels.volume.sum() == pytest.approx(mesh.volume, rel=EXACT)
    assert voxels.area.sum() == pytest.approx(mesh.area, rel=EXACT)
    assert voxels.component.max() == 0
    mirrored = voxelize_mesh(TriangleMesh(-mesh.vertices, mesh.faces[:, ::-1], "mirrored"), 1.0)
    cell = voxels.index + np.round(voxels.origin).astype(int)
    back = -1 - (mirrored.index + np.round(mirrored.origin).astype(int))
    order = np.lexsort(back.T[::-1])
    np.testing.assert_array_equal(back[order], cell)  # a plane belongs to neither side
    np.testing.assert_allclose(mirrored.volume[order], voxels.volume, rtol=0, atol=1e-12)
    np.testing.assert_allclose(mirrored.area[order], voxels.area, rtol=0, atol=1e-12)


@pytest.mark.parametrize("low", [0.0, 0.3, -0.7, 1000.1])
def test_a_box_on_the_grid_has_full_voxels_only(low):
    mesh = mesh_of(trimesh.creation.box((1.0, 0.5, 0.3)), (low + 0.5, low + 0.25, low + 0.15))
    voxels = voxelize_mesh(mesh, 0.1)
    assert voxels.n == 150
    np.testing.assert_allclose(voxels.volume, 1e-3, rtol=1e-8)  # round-off of 1000.1 is 1e-12 of a voxel
    low_side = voxels.minus(0) < 0
    assert (voxels.face[low_side, 0] == 0).all()
    np.testing.assert_allclose(voxels.face[~low_side, 0], 0.01, rtol=1e-8)
    assert voxels.area.sum() == pytest.approx(2 * (0.5 + 0.3 + 0.15), rel=1e-9)
    assert voxels.area.max() == pytest.approx(0.03, rel=1e-8)  # at the corners: the area of empty voxels has moved in
    corner = voxels.find([voxels.index.max(axis=0)])[0]
    np.testing.assert_allclose(voxels.normal[corner], 3**-0.5, rtol=1e-6)


def test_a_neck_thinner_than_a_voxel_stays_open():
    """Two balls joined by a tube of a third of a voxel: one piece, with the tube's own section all along."""
    profile = [(0, -1.5), (0.4, -1.3), (0.45, -1.0), (0.03, -0.6), (0.03, 0.6), (0.45, 1.0), (0.4, 1.3), (0, 1.5)]
    shape = trimesh.creation.revolve(np.array(profile), sections=48)
    mesh = mesh_of(shape, (0.031, 0.047, 0.013))
    voxels = voxelize_mesh(mesh, 0.1)
    assert voxels.component.max() == 0
    section = 24 * 0.03**2 * np.sin(2 * np.pi / 48)
    below = voxels.origin[2] + 0.1 * voxels.index[:, 2]
    for plane in np.unique(below[np.abs(below) < 0.5]):
        assert voxels.face[below == plane, 2].sum() == pytest.approx(section, rel=1e-9)


def test_bodies_are_components_by_falling_volume():
    voxels = voxelize_mesh(SHAPES["two bodies"], 0.05)
    assert voxels.component.max() == 1
    volume = np.bincount(voxels.component, voxels.volume)
    ball = trimesh.creation.icosphere(2, 0.4).volume
    np.testing.assert_allclose(volume, [ball, 0.125], rtol=EXACT)
    assert (voxels.section == -1).all()
    assert (voxels.position == 0).all()


def test_memory_follows_the_surface_not_the_box_around_it():
    """A needle across a box of 3e9 voxels."""
    shape = trimesh.creation.cylinder(0.02, 150.0, sections=12)
    shape.apply_transform(trimesh.geometry.align_vectors([0, 0, 1], [1, 1, 1]))
    voxels = voxelize_mesh(mesh_of(shape), 0.06)
    assert np.prod(np.ptp(voxels.index, axis=0).astype(float)) > 2e9
    assert voxels.n < 20_000
    assert voxels.volume.sum() == pytest.approx(shape.volume, rel=1e-9)


def test_a_spine_as_from_electron_micrographs():
    mesh = TriangleMesh(*spine_surface(seed=3, spacing=0.06), "spine")
    assert mesh.watertight
    assert mesh.bodies == 1
    for dx in (0.05, 0.02):
        voxels = voxelize_mesh(mesh, dx)
        assert voxels.component.max() == 0
        assert voxels.volume.sum() == pytest.approx(mesh.volume, rel=EXACT)
        assert voxels.area.sum() == pytest.approx(mesh.area, rel=EXACT)


def test_many_triangles_are_done_in_portions_with_a_bar(monkeypatch, capfd):
    mesh = SHAPES["torus"]
    whole = voxelize_mesh(mesh, 0.1)
    monkeypatch.setattr(meshes, "MANY", 400)
    monkeypatch.setattr(progress, "LOG_INTERVAL", 0.0)
    parts = voxelize_mesh(mesh, 0.1, progress=True)
    np.testing.assert_array_equal(parts.volume, whole.volume)
    np.testing.assert_array_equal(parts.area, whole.area)
    assert "100%" in capfd.readouterr().err
    voxelize_mesh(mesh, 0.1)
    assert capfd.readouterr().err == ""


def test_the_kernel_runs_as_plain_python():
    mesh = convex(5)
    grid = mesh.vertices - mesh.vertices.min(axis=0)
    keys, rows = np.empty(4000, dtype=np.int64), np.zeros((4000, 8))
    table = np.empty(8001, dtype=np.int32)
    triangles_kernel.enter_all(table, keys, 0)
    state = np.zeros(2, dtype=np.int64)
    work = np.empty((5, 32, 4)), np.empty((5, 5), dtype=np.int64)
    done = triangles_kernel.collect(grid, mesh.faces, 0, 12, 12, *work, table, keys, rows, state)
    assert done == len(mesh.faces)
    assert rows[:, 2].sum() == pytest.approx(mesh.area, rel=1e-12)
    assert rows[:, 0].sum() == pytest.approx(0, abs=1e-12)


def test_a_mesh_is_a_value():
    ball = trimesh.creation.icosphere(2, 300.0)
    mesh = TriangleMesh(ball.vertices, ball.faces, "ball", unit=nm)
    assert mesh.volume == pytest.approx(ball.volume * 1e-9, rel=1e-12)
    assert pickle.loads(pickle.dumps(mesh)) == mesh
    assert hash(replace(mesh, name="other")) == hash(mesh)
    assert TriangleMesh(ball.vertices, ball.faces) != mesh
    assert not mesh.vertices.flags.writeable
    assert not pickle.loads(pickle.dumps(mesh)).faces.flags.writeable
    voxels = mesh.voxels(20 * nm)
    assert voxels.shape == mesh
    assert voxels.dx == pytest.approx(0.02)
    assert "320 triangles, 1 body" in mesh.describe()
    assert repr(mesh) == "TriangleMesh('ball', 320 triangles)"


def test_corners_in_the_same_place_are_one_corner():
    ball = trimesh.creation.icosphere(2, 1.0)
    soup = TriangleMesh(ball.triangles.reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3))
    assert soup.watertight
    assert soup.bodies == 1


BALL = trimesh.creation.icosphere(2, 1.0)
RIGHT = (np.asarray(BALL.vertices), np.asarray(BALL.faces))


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (RIGHT[0][:, :2], RIGHT[1], "vertices are an array of shape .* expected rows of x, y, z"),
        ([["a", 1, 2]], RIGHT[1], "vertices are an array of shape .* and type .U"),
        (RIGHT[0], RIGHT[1] + 0.5, "faces are an array .* expected rows of three numbers of vertices"),
        (RIGHT[0], RIGHT[1] + 1, "a face names vertex 162, expected 0 to 161; count from 0"),
        (RIGHT[0], RIGHT[1][:2], "has 162 vertices and 2 triangles, expected at least 4 of each"),
        (RIGHT[0] * np.nan, RIGHT[1], "vertex 0 is at .nan, nan, nan. um, expected finite numbers"),
        (RIGHT[0] * 1e9, RIGHT[1], r"expected finite numbers up to 1e\+07; correct it or the unit"),
    ],
)
def test_arrays_that_are_no_mesh(vertices, faces, message):
    with pytest.raises(GeometryError, match=message):
        TriangleMesh(vertices, faces, "x")


def test_a_unit_of_another_dimension():
    with pytest.raises(UnitError, match=r"mesh 'x': unit is 'ms' of dimension time, expected length"):
        TriangleMesh(*RIGHT, "x", unit=ms)


def one_flipped():
    faces = RIGHT[1].copy()
    faces[7] = faces[7, ::-1]
    return faces


@pytest.mark.parametrize(
    ("mesh", "dx", "message"),
    [
        (TriangleMesh(RIGHT[0], RIGHT[1][1:], "x"), 0.1, "mesh 'x' is not closed: 3 edges have a triangle on one side"),
        (TriangleMesh(RIGHT[0], one_flipped(), "x"), 0.1, "corners run the wrong way around: 3 edges lie between"),
        (TriangleMesh(RIGHT[0], RIGHT[1][:, ::-1], "x"), 0.1, "is inside out: .* its volume is -4.0"),
        (TriangleMesh(RIGHT[0] * [1, 1, 0], RIGHT[1], "x"), 0.1, "encloses no volume"),
        (
            TriangleMesh(*RIGHT, "x"),
            5.0,
            "is 2 x 2 x 2 um, expected more than one voxel of dx = 5 um",
        ),
        (TriangleMesh(*RIGHT, "x"), 1e-4, r"about 4.0e\+12 voxels .* take a larger dx or check its unit"),
        (
            joined(TriangleMesh(*RIGHT), TriangleMesh(RIGHT[0] + [0.6, 0, 0], RIGHT[1])),
            0.1,
            r"covers itself: \d+.\d% of its volume counts twice .* unites bodies that overlap",
        ),
    ],
)
def test_meshes_that_cannot_be_filled(mesh, dx, message):
    with pytest.raises(GeometryError, match=message):
        voxelize_mesh(mesh, dx)


def test_the_sweep_finds_a_leak_by_itself():
    mesh = TriangleMesh(RIGHT[0], RIGHT[1][1:], "x")
    mesh.__dict__["flaw"] = ""  # as if the edges had not been looked at
    with pytest.raises(GeometryError, match="mesh 'x' leaks: a line through it enters as often as it leaves but for"):
        voxelize_mesh(mesh, 0.1)


def test_lengths_with_units():
    assert mesh_of(BALL).voxels(0.2 * um) == mesh_of(BALL).voxels(0.2)
