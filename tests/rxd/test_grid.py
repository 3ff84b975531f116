import numpy as np
import pytest
from scipy.sparse import diags_array
from scipy.sparse.linalg import eigsh

from multiscale.errors import GeometryError
from multiscale.kernels.settings import jit_enabled
from multiscale.rxd.capacity import neighbours
from multiscale.rxd.grid import GridMesh, flow_matrix, grid_mesh, varying
from multiscale.rxd.lanes import aligned, beyond
from multiscale.solids import Frustum
from multiscale.voxelize.shapes import voxelize_shape
from multiscale.voxelize.voxels import VoxelArrays, assemble

DX = 0.25


def voxels_at(index, volume=None, face=None) -> VoxelArrays:
    """Voxels, full and open unless said otherwise."""
    index = np.asarray(index, np.int32)
    n = len(index)
    return assemble(
        DX, np.array([1.0, 2.0, 3.0]), index, np.full(n, DX**3) if volume is None else np.asarray(volume) * DX**3,
        (np.ones((n, 3)) if face is None else np.asarray(face)) * DX**2, np.arange(n) * 1.0,
        np.arange(n, dtype=np.int32), np.zeros(n, np.float32),
    )  # fmt: skip


def rough_ball(seed=0, radius=6.3) -> VoxelArrays:
    """A ball of voxels whose volumes and apertures are drawn at random over six decades: slivers everywhere."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(-7, 8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    index = grid[(grid**2).sum(axis=1) < radius**2]
    inner = (index**2).sum(axis=1) < (radius - 2) ** 2
    volume = np.where(inner, 1.0, 10.0 ** rng.uniform(-6, 0, len(index)))
    face = np.where(inner[:, None], 1.0, rng.random((len(index), 3)))
    return voxels_at(index, volume, face)


def symmetric(mesh: GridMesh, d):
    """``C^-1/2 K C^-1/2``, negated: the same eigenvalues as ``C^-1 K``, in D / dx^2 if d = 1."""
    root = diags_array(1 / np.sqrt(mesh.capacity[mesh.lane]))
    return -(root @ flow_matrix(mesh, d) @ root).tocsc()


@pytest.fixture(scope="module")
def ball() -> GridMesh:
    return grid_mesh(rough_ball())


def test_lanes(ball):
    voxels = ball.voxels
    assert ball.n % 4 == 0
    assert ball.near.shape == (4, ball.n // 4)
    assert (np.diff(ball.lane) > 0).all()
    np.testing.assert_array_equal(np.flatnonzero(ball.real), ball.lane)
    z = voxels.index[:, 2]
    assert np.unique((ball.lane - z) % 4).size == 1  # quads are aligned along z
    guards = ball.plane[:, None] * 4 + np.arange(4)
    assert not ball.real[guards].any()
    assert guards[0, 0] == 0
    assert guards[-1, -1] == ball.n - 1
    x = np.searchsorted(ball.plane, ball.lane // 4) - 1
    np.testing.assert_array_equal(x, voxels.index[:, 0] - voxels.index[:, 0].min())


def test_neighbours_of_quads(ball):
    minus, plus = neighbours(ball.voxels)
    number = np.full(ball.n, -1)
    number[ball.lane] = np.arange(ball.n_voxels)
    for axis in range(3):
        below, above = ball.before(number, axis)[ball.lane], beyond(ball.near, number, axis)[ball.lane]
        if axis == 2:  # the lanes before and after are another run's where this one ends, behind a closed face
            below, above = np.where(minus[:, 2] >= 0, below, -1), np.where(plus[:, 2] >= 0, above, -1)
        np.testing.assert_array_equal(below, minus[:, axis])
        np.testing.assert_array_equal(above, plus[:, axis])
    closed = ball.aperture[:, ball.lane][minus.T < 0]
    assert (closed == 0).all()


@pytest.mark.parametrize(("shape", "dtype"), [(7, np.float32), ((3, 12), np.float64), ((2, 1), np.uint32)])
def test_aligned_arrays(shape, dtype):
    for _ in range(5):
        array = aligned(shape, dtype)
        assert array.ctypes.data % 64 == 0
        assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
        assert array.dtype == dtype
        assert not array.any()


@pytest.mark.parametrize("kappa", [6.5, 7.0, 8.0])
def test_capacities(kappa):
    mesh = grid_mesh(rough_ball(), kappa)
    assert mesh.capacity.sum() == pytest.approx(mesh.voxels.volume.sum(), rel=1e-13)
    opening = sum(mesh.aperture[k].astype(float) + beyond(mesh.near, mesh.aperture[k], k) for k in range(3))
    assert (opening * DX**3 <= mesh.capacity * kappa * (1 + 1e-6)).all()  # apertures are rounded to 6e-8
    assert mesh.shifted > 0.2 * mesh.n_voxels
    top = eigsh(symmetric(mesh, 1.0), k=1, return_eigenvectors=False)[0]
    assert 11 < top * DX**2 <= 2 * kappa
    assert top <= mesh.stiffness(1.0) <= 2 * kappa / DX**2 * (1 + 1e-6)


def test_capacities_do_not_depend_on_direction():
    voxels = rough_ball(3)
    turned = voxels_at(-voxels.index)
    minus, _ = neighbours(turned)
    before = np.arange(voxels.n)[::-1]  # reversed signs reverse the order
    face = np.zeros((voxels.n, 3))
    for axis in range(3):
        inner = minus[:, axis] >= 0
        face[inner, axis] = voxels.face[before[minus[inner, axis]], axis] / DX**2
    other = grid_mesh(voxels_at(turned.index, voxels.volume[before] / DX**3, face))
    mesh = grid_mesh(voxels)
    np.testing.assert_allclose(other.capacity[other.lane][::-1], mesh.capacity[mesh.lane], rtol=1e-12)


def test_short_cells_without_help_get_smaller_apertures():
    mesh = grid_mesh(voxels_at([[0, 0, 0], [0, 0, 1]], volume=[1e-3, 1e-3]))
    assert mesh.limited == 2
    assert mesh.aperture[2].max() == pytest.approx(7e-3)
    assert mesh.capacity.sum() == pytest.approx(2e-3 * DX**3)
    assert mesh.stiffness(1.0) == pytest.approx(2 * 7 / DX**2)


def test_anisotropic_bound(ball):
    d = np.array([2.0, 0.1, 0.5])
    top = eigsh(symmetric(ball, d), k=1, return_eigenvectors=False)[0]
    assert top <= ball.stiffness(d) <= 2 * 7 * 2.0 / DX**2 * (1 + 1e-6)


def test_isolated_slivers_are_dropped():
    index = [[0, 0, 0], [0, 0, 1], [3, 0, 0], [6, 0, 0]]
    mesh = grid_mesh(voxels_at(index, volume=[1, 1, 1e-3, 0.5]))
    assert mesh.n_voxels == 3
    assert mesh.dropped == 1
    assert mesh.lost == pytest.approx(1e-3 * DX**3)
    assert mesh.capacity.sum() == pytest.approx(2.5 * DX**3)  # a larger piece of one voxel stays
    with pytest.raises(
        GeometryError, match=r"all 1 voxels are slivers without an open face .* reduce dx \(now 0.25 um"
    ):
        grid_mesh(voxels_at([[0, 0, 0]], volume=[1e-3]))
    with pytest.raises(GeometryError, match="kappa is 6, expected more than 6"):
        grid_mesh(voxels_at(index), kappa=6.0)


def test_lane_arrays():
    mesh = grid_mesh(voxels_at([[0, 0, 0], [0, 0, 1], [0, 0, 5], [2, 1, 0]]))
    centre = mesh.voxels.centre
    for k, lanes in enumerate((mesh.x, mesh.y, mesh.z)):
        np.testing.assert_array_equal(lanes[mesh.lane], centre[:, k])
        assert set(lanes) == set(centre[:, k])  # lanes without a voxel repeat one
    np.testing.assert_array_equal(mesh.area[mesh.lane], [0, 1, 2, 3])
    assert mesh.area.sum() == 6
    np.testing.assert_array_equal(mesh.section[mesh.lane], [0, 1, 2, 3])
    np.testing.assert_array_equal(mesh.minv * mesh.volume, mesh.real)
    assert mesh.position.dtype == np.float32
    assert not mesh.capacity.flags.writeable


def test_varying_coefficients_meet_as_half_voxels_in_series(ball):
    d = 1.0 + ball.x**2
    theta, largest = varying(ball, d)
    matrix = flow_matrix(ball, largest, theta)
    minus, _ = neighbours(ball.voxels)
    here = d[ball.lane]
    for axis in range(3):
        i = np.flatnonzero((minus[:, axis] >= 0) & (ball.aperture[axis][ball.lane] > 0))
        j = minus[i, axis]
        expected = ball.aperture[axis][ball.lane[i]] * DX * 2 / (1 / here[i] + 1 / here[j])
        np.testing.assert_allclose(np.asarray(matrix[i, j]).ravel(), expected, rtol=2e-7)  # apertures are float32
    constant, one = varying(ball, np.full((3, ball.n), 0.7))
    np.testing.assert_array_equal(constant, ball.aperture)
    np.testing.assert_array_equal(one, 0.7)
    none, zero = varying(ball, np.zeros(ball.n))
    assert not none.any()
    assert not zero.any()


@pytest.mark.skipif(not jit_enabled(), reason="voxelizing is slow as plain Python")
@pytest.mark.parametrize(("radius", "tolerance"), [(1, 0.01), (2, 0.002), (4, 0.0005)])
def test_slowest_mode_of_oblique_cylinders(radius, tolerance):
    rng = np.random.default_rng(radius)
    length = 12.0
    for _ in range(3):
        along, start = rng.normal(size=3), rng.random(3)
        end = start + along / np.linalg.norm(along) * length
        mesh = grid_mesh(voxelize_shape(Frustum(tuple(start), tuple(end), radius * DX), DX).largest())
        rates = eigsh(symmetric(mesh, 1.0), k=4, sigma=-1e-3, return_eigenvectors=False)
        exact = (np.pi / length) ** 2
        rate = rates[np.abs(rates - exact).argmin()]  # a sliver behind a pinhole may have a slower mode of its own
        assert rate == pytest.approx(exact, rel=tolerance)
        assert mesh.limited == 0


def test_membrane_of_a_nearly_closed_voxel_is_its_neighbours():
    """A line of three voxels, the last behind a pinhole, with most of the membrane: flux enters where it can leave."""
    index = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2]], np.int32)
    face = np.zeros((3, 3))
    face[1, 2], face[2, 2] = DX**2, 1e-3 * DX**2
    mesh = grid_mesh(
        assemble(
            DX, np.zeros(3), index, np.array([1.0, 0.9, 0.2]) * DX**3, face, np.array([0.4, 0.3, 0.5]) * DX**2,
            np.zeros(3, np.int32), np.zeros(3, np.float32),
        )
    )  # fmt: skip
    np.testing.assert_allclose(mesh.area[mesh.lane] / DX**2, [0.4, 0.8, 0.0])
