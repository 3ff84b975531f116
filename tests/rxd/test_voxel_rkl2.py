from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy.sparse.linalg import expm_multiply

from multiscale.kernels.library import compiled
from multiscale.kernels.settings import jit_enabled
from multiscale.rxd import voxel_rkl2, voxel_stages
from multiscale.rxd.grid import GridMesh, flow_matrix, grid_mesh, varying
from multiscale.rxd.lanes import aligned
from multiscale.rxd.quads import Quads, quads, stack, stages_for
from multiscale.voxelize.voxels import VoxelArrays, assemble

DX = 0.25
needs_jit = pytest.mark.skipif(not jit_enabled(), reason="many steps: too slow as plain Python")


def sampled(inside, low, high, samples=3) -> VoxelArrays:
    """Voxels of a shape whose volumes and apertures are counted at sample points: irregular, with slivers."""
    axes = [np.arange(a, b) for a, b in zip(low, high, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    part = (np.arange(samples) + 0.5) / samples
    volume, face = np.zeros(x.shape), np.zeros((*x.shape, 3))
    for a in part:
        for b in part:
            for c in part:
                volume += inside((x + a) * DX, (y + b) * DX, (z + c) * DX)
            face[..., 0] += inside(x * DX, (y + a) * DX, (z + b) * DX)
            face[..., 1] += inside((x + a) * DX, y * DX, (z + b) * DX)
            face[..., 2] += inside((x + a) * DX, (y + b) * DX, z * DX)
    some = volume > 0
    index = np.stack([x[some], y[some], z[some]], axis=1).astype(np.int32)
    n = len(index)
    return assemble(
        DX, np.zeros(3), index, volume[some] * DX**3 / samples**3, face[some] * DX**2 / samples**2, np.ones(n),
        np.zeros(n, np.int32), np.zeros(n, np.float32),
    )  # fmt: skip


def oblique(radius=0.6, half=2.4, ball=1.4) -> VoxelArrays:
    """An oblique cylinder with a ball and, apart from it, a line one voxel thick."""
    d = np.array([0.8, 0.5, 0.33])
    d /= np.linalg.norm(d)

    def inside(x, y, z):
        s = d[0] * x + d[1] * y + d[2] * z
        r2 = x * x + y * y + z * z
        line = (abs(x - 1.87) < 0.125) & (abs(z + 1.375) < 0.1) & (abs(y) < 0.9)
        return ((abs(s) < half) & (r2 - s * s < radius**2)) | (r2 < ball**2) | line

    return sampled(inside, (-11, -9, -8), (12, 10, 9))


@pytest.fixture(scope="module")
def library() -> ModuleType:
    return compiled(voxel_stages, voxel_rkl2)


@pytest.fixture(scope="module")
def mesh() -> GridMesh:
    return grid_mesh(oblique())


def advance(library, q: Quads, u, d, stages, h, steps=1, ranges=None, dx=DX):
    """Steps in place, or one range of slabs after another into a second array."""
    odd, even = aligned((2, u.size))
    conduct = np.broadcast_to(np.asarray(d, dtype=float), 3) * dx
    for _ in range(steps):
        out = u if ranges is None else u.copy()
        for first, last in [(0, q.n_slabs)] if ranges is None else pairwise(ranges):
            library.rkl2_voxels(
                u, out, q.start, q.rows, q.coef, q.minv, q.full, conduct, first, last, stages, h, odd, even
            )
        u = out
    return u


def slow_step(matrix, u, stages, h):
    """RKL2 as it is written in the paper (its eqs 16-21), for u in voxels and ``matrix = C^-1 K``."""
    s = stages
    b = [1 / 3, 1 / 3, 1 / 3] + [(j * j + j - 2) / (2 * j * (j + 1)) for j in range(3, s + 1)]
    w = 4 / (s * s + s - 2)
    rate = h * (matrix @ u)
    before, now = u, u + b[1] * w * rate
    for j in range(2, s + 1):
        mu, nu = (2 * j - 1) / j * b[j] / b[j - 1], -(j - 1) / j * b[j] / b[j - 2]
        step = mu * w * h * (matrix @ now) - (1 - b[j - 1]) * mu * w * rate
        before, now = now, mu * now + nu * before + (1 - mu - nu) * u + step
    return now


def rates(mesh, d, theta=None):
    return flow_matrix(mesh, d, theta).multiply(1 / mesh.capacity[mesh.lane][:, None]).tocsr()


def rough(mesh, seed=0):
    return mesh.spread(np.random.default_rng(seed).random(mesh.n_voxels))


@pytest.mark.parametrize("stages", [2, 3, 4, 5, 8])
def test_equals_the_slow_twin(library, mesh, stages):
    d = np.array([1.0, 0.4, 0.7])
    q, u = quads(mesh, slab=16), rough(mesh)
    assert 0 < q.n_cut < q.n_quads  # both kinds of quads are there
    assert q.n_slabs > 4
    h = 0.9 * (stages**2 + stages - 2) / 2 / mesh.stiffness(d)
    expected = slow_step(rates(mesh, d), u[mesh.lane], stages, h)
    # different order of operations: a few times 2.2e-16, grown by the recurrence
    np.testing.assert_allclose(advance(library, q, u, d, stages, h)[mesh.lane], expected, rtol=0, atol=1e-12)


def test_own_diffusion_and_absent_species(library, mesh):
    there = mesh.x > -0.5
    theta, largest = varying(mesh, np.where(there, 1.0 + 0.5 * np.sin(3 * mesh.y), 0.0))
    minv = np.where(there, mesh.minv, 0.0)
    u = np.where(there, rough(mesh), 0.25)
    new = advance(library, quads(mesh, theta, minv, slab=8), u.copy(), largest, 3, 0.01)
    expected = slow_step(rates(mesh, largest, theta), u[mesh.lane], 3, 0.01)
    np.testing.assert_allclose(new[mesh.lane], expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(new[~there], u[~there])


def test_plain_python_gives_the_same_numbers(library):
    mesh = grid_mesh(oblique(0.3, 0.5, 0.4).largest())
    q, u = quads(mesh), rough(mesh)
    expected = advance(library, q, u.copy(), 1.0, 3, 0.02)
    # the compiler may fuse a product and a sum into one rounding
    np.testing.assert_allclose(advance(voxel_rkl2, q, u.copy(), 1.0, 3, 0.02), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("stages", [2, 5])
def test_ranges_of_slabs_change_no_bit(library, mesh, stages):
    q, u = quads(mesh, slab=8), rough(mesh)
    whole = advance(library, q, u.copy(), 1.0, stages, 0.01, steps=2)
    for threads in (1, 2, 3, 5, q.n_slabs):
        ranges = q.ranges(threads)
        assert ranges[0] == 0
        assert ranges[-1] == q.n_slabs
        parts = advance(library, q, u.copy(), 1.0, stages, 0.01, steps=2, ranges=ranges)
        np.testing.assert_array_equal(parts[mesh.lane], whole[mesh.lane])


@needs_jit
def test_threads_change_no_bit(library, mesh):
    q, u = quads(mesh, slab=8), rough(mesh)
    whole = advance(library, q, u.copy(), 1.0, 3, 0.01)
    out, conduct = aligned(mesh.n), np.full(3, DX)

    def work(first, last):
        odd, even = aligned((2, mesh.n))
        library.rkl2_voxels(u, out, q.start, q.rows, q.coef, q.minv, q.full, conduct, first, last, 3, 0.01, odd, even)

    for _ in range(50):
        out[:] = 0.0
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda pair: work(*pair), pairwise(q.ranges(3))))
        np.testing.assert_array_equal(out[mesh.lane], whole[mesh.lane])


def test_stacked_sets_are_the_single_ones(library, mesh):
    theta, largest = varying(mesh, 1.0 + 0.5 * np.cos(mesh.z))
    sets = [quads(mesh, slab=8), quads(mesh, theta, slab=8), quads(mesh, slab=8)]
    start, rows, coef, minv, full = stack(sets)
    for i, single in enumerate(sets):
        together = Quads(single.slab, start[i], rows, coef, minv, full[i])
        np.testing.assert_array_equal(
            advance(library, together, rough(mesh), largest, 3, 0.01),
            advance(library, single, rough(mesh), largest, 3, 0.01),
        )


def test_uniform_stays_uniform(library, mesh):
    u = np.full(mesh.n, 0.1)
    assert (advance(library, quads(mesh), u, (1.0, 0.3, 0.7), 4, 0.02, steps=5) == 0.1).all()


@needs_jit
@pytest.mark.parametrize("stages", [2, 3])
def test_mass_over_ten_thousand_steps(library, mesh, stages):
    u = np.where(mesh.x > 0, 1.0, 0.0) + rough(mesh)
    before = mesh.capacity @ u
    h = 0.9 * (stages**2 + stages - 2) / 2 / mesh.stiffness(1.0)
    after = mesh.capacity @ advance(library, quads(mesh), u, 1.0, stages, h, steps=10_000)
    assert after == pytest.approx(before, rel=1e-12)  # rounding of 1e4 steps, 2e-16 each, without a bias


@needs_jit
def test_second_order_in_time(library, mesh):
    matrix, q = rates(mesh, 1.0), quads(mesh)
    u = mesh.spread(np.cos(1.5 * mesh.voxels.centre[:, 0]) + np.sin(mesh.voxels.centre[:, 1]))
    end = 0.4
    exact = expm_multiply(end * matrix, u[mesh.lane])
    errors = []
    for steps in (16, 32, 64):
        h = end / steps
        new = advance(library, q, u.copy(), 1.0, 5, h, steps)  # five stages at all h, or the constant changes too
        errors.append(np.abs(new[mesh.lane] - exact).max())
    order = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((order > 1.9) & (order < 2.1)), order


@needs_jit
def test_no_growth_at_any_step(library, mesh):
    q, u = quads(mesh), rough(mesh)
    used = []
    for r in (0.1, 1.0, 10.0, 100.0, 1000.0):
        h = r * DX**2
        used.append(stages_for(mesh.stiffness(1.0), h))
        v = u.copy()
        size = [mesh.capacity @ v**2]
        for _ in range(3):
            v = advance(library, q, v, 1.0, used[-1], h)
            size.append(mesh.capacity @ v**2)
        # the norm in which the operator is symmetric falls for every mode but the constant one
        assert np.all(np.diff(size) <= 1e-12 * size[0])
    assert stages_for(mesh.stiffness(1.0), 0.4 * DX**2) == 3  # the usual step of 3-D models
    assert used[-1] <= 1.1 * np.sqrt(2 * 14 * 1000)  # s^2/2 = h lambda


def test_stages_damp_all_modes():
    for stages in range(2, 40):
        top = (stages**2 + stages - 2) / 2 + (0.55 + 0.43 / stages if stages % 2 else -0.23)
        assert stages_for(top, 1.0) == stages
        assert stages_for(top * 1.0001, 1.0) == stages + 1
        z = np.linspace(0, top, 20_001)
        w, b = 4 / (stages**2 + stages - 2), (stages**2 + stages - 2) / (2 * stages * (stages + 1))
        factor = (1 - b) + b * legendre.legval(1 - w * z, np.eye(stages + 1)[stages])
        assert np.abs(factor).max() <= 1 + 1e-12
        assert np.abs(factor[z >= 1.7]).max() <= 0.8 + 1e-9


def test_lines_of_one_voxel_and_pieces_apart(library):
    index = np.array([[0, 0, z] for z in range(9)] + [[5, 5, 2], [7, 0, 0], [8, 0, 0]], np.int32)
    n = len(index)
    voxels = assemble(
        DX, np.zeros(3), index, np.full(n, DX**3), np.full((n, 3), DX**2), np.ones(n), np.zeros(n, np.int32),
        np.zeros(n, np.float32),
    )  # fmt: skip
    mesh = grid_mesh(voxels)
    u = rough(mesh)
    piece = voxels.component
    start = np.bincount(piece, u[mesh.lane])
    new = advance(library, quads(mesh), u.copy(), 1.0, 3, 0.05, steps=400)[mesh.lane]
    np.testing.assert_allclose(np.bincount(piece, new), start, rtol=1e-13)  # nothing passes between pieces
    np.testing.assert_allclose(new, (start / np.bincount(piece))[piece], rtol=1e-4)  # each is mixed
    alone = np.bincount(piece)[piece] == 1
    np.testing.assert_array_equal(new[alone], u[mesh.lane][alone])


def test_cosine_in_a_box_is_the_discrete_one(library):
    n = 12
    x, y, z = (a.ravel() for a in np.meshgrid(*[np.arange(n)] * 3, indexing="ij"))
    index, size = np.stack([x, y, z], axis=1).astype(np.int32), n**3
    mesh = grid_mesh(
        assemble(
            DX, np.zeros(3), index, np.full(size, DX**3), np.full((size, 3), DX**2), np.ones(size),
            np.zeros(size, np.int32), np.zeros(size, np.float32),
        )
    )  # fmt: skip
    q = quads(mesh)
    assert q.n_cut == q.n_quads - (n - 2) ** 2  # of each line of three quads the middle one, where the line is inside
    mode = np.cos(np.pi * (index[:, 0] + 0.5) / n) * np.cos(3 * np.pi * (index[:, 2] + 0.5) / n)
    rate = 4 / DX**2 * (np.sin(np.pi / 2 / n) ** 2 + np.sin(3 * np.pi / 2 / n) ** 2)
    h, s = 0.02, 3
    w, b = 4 / (s * s + s - 2), (s * s + s - 2) / (2 * s * (s + 1))
    factor = (1 - b) + b * legendre.legval(1 - w * rate * h, [0, 0, 0, 1])
    new = advance(library, q, mesh.spread(mode), 1.0, s, h)
    np.testing.assert_allclose(new[mesh.lane], factor * mode, rtol=0, atol=1e-14)
