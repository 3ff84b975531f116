"""Douglas-Gunn and split backward Euler on lanes, against sparse matrices, exponentials and their own invariants."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import expm_multiply, splu

from multiscale.kernels.library import compiled
from multiscale.kernels.settings import jit_enabled
from multiscale.rxd import adi, voxel_rkl2, voxel_stages
from multiscale.rxd.adi_factors import DG_LIMIT, adi_parts, dg_factors, lod_factors
from multiscale.rxd.grid import grid_mesh
from multiscale.rxd.lanes import aligned
from multiscale.rxd.quads import quads
from multiscale.voxelize.voxels import assemble

DX = 0.25
needs_jit = pytest.mark.skipif(not jit_enabled(), reason="thousands of steps, too slow as plain Python")


def voxels_of(filled, open_face):
    """Filled fractions (nx, ny, nz) and open fractions of the minus faces (3, nx, ny, nz) -> the largest piece."""
    index = np.argwhere(filled > 0).astype(np.int32)
    n = len(index)
    face = np.stack([part[filled > 0] for part in open_face], axis=1) * DX**2
    none = np.zeros(n)
    all_pieces = assemble(
        DX, np.zeros(3), index, filled[filled > 0] * DX**3, face, none, none.astype(np.int32), none.astype(np.float32)
    )
    return all_pieces.largest()


def branched(size=14):
    """A ball with two oblique arms, cut by its surface: fractions from the distance to it."""
    grid = np.stack(np.meshgrid(*[np.arange(size + 1.0)] * 3, indexing="ij"), axis=-1)
    middle = np.array([0.47, 0.52, 0.5]) * size
    distance = np.linalg.norm(grid - middle, axis=-1) - 0.26 * size
    for direction, radius in (((0.7, 0.5, 0.51), 2.2), ((-0.3, 0.8, -0.52), 1.4)):
        along = np.clip((grid - middle) @ np.array(direction), 0, 0.6 * size)
        arm = np.linalg.norm(grid - middle - along[..., None] * np.array(direction), axis=-1) - radius
        distance = np.minimum(distance, arm)

    def fraction(axes):
        mean = distance
        for axis in range(3):
            low, high = mean.take(range(size), axis), mean.take(range(1, size + 1), axis)
            mean = 0.5 * (low + high) if axis in axes else low
        return np.clip(0.5 - mean / 1.2, 0, 1)

    filled = fraction((0, 1, 2))
    return grid_mesh(voxels_of(filled, [fraction((1, 2)), fraction((0, 2)), fraction((0, 1))]))


def scattered(seed=0, size=6):
    """Voxels with random volumes and faces, many lines one voxel long: worse than any cell."""
    rng = np.random.default_rng(seed)
    filled = rng.random((size, size, size)) ** 4 * (rng.random((size, size, size)) < 0.6)
    return grid_mesh(voxels_of(filled, rng.random((3, size, size, size))))


def box(nx, ny, nz):
    return grid_mesh(voxels_of(np.ones((nx, ny, nz)), np.ones((3, nx, ny, nz))))


MESHES = {"branched": branched, "scattered": scattered, "box": lambda: box(5, 4, 7)}


def matrices(mesh, d=(1.0, 1.0, 1.0)):
    """Capacities (voxels,) and the conductance matrix of each axis, from the arrays of the mesh."""
    lane = mesh.lane
    place = np.full(mesh.n, -1)
    place[lane] = np.arange(lane.size)
    found = []
    for axis in range(3):
        theta = mesh.aperture[axis, lane].astype(float)
        below = lane - 1 if axis == 2 else 4 * mesh.near[2 * axis, lane // 4].astype(int) + lane % 4
        i = np.flatnonzero(theta > 0)
        j, g = place[below[i]], theta[i] * d[axis] * DX
        rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
        found.append(csr_array((np.concatenate([g, g, -g, -g]), (rows, columns)), shape=(lane.size, lane.size)))
    return mesh.capacity[lane], found


def solvers(capacity, laplacians, a):
    """``b -> (C + a L)^-1 b`` of each axis."""
    return [splu((diags_array(capacity) + a * part).tocsc()).solve for part in laplacians]


class Stepper:
    """Steps values on voxels with the kernels of `adi`."""

    def __init__(self, mesh, scheme, d, dt, precise=True, kernels=None):
        self.mesh, self.scheme = mesh, scheme
        make = dg_factors if scheme == "dg" else lod_factors
        self.factors = make(mesh, d, dt, precise=precise)
        self.kernels = compiled(adi) if kernels is None else kernels
        self.u, self.work = np.full(mesh.n, 0.37), np.zeros(mesh.n)

    def lanes(self):
        f, mesh = self.factors, self.mesh
        if self.scheme == "dg":
            self.kernels.dg_step(
                self.u, mesh.aperture, mesh.near, mesh.plane, f.f, f.k, f.p, self.work, *(float(c) for c in f.coupling)
            )
        else:
            self.kernels.lod_step(self.u, f.mass, mesh.near, mesh.plane, f.f, f.k, f.p, self.work)

    def __call__(self, values, steps=1):
        self.u[self.mesh.lane] = values
        for _ in range(steps):
            self.lanes()
        assert (self.u[~self.mesh.real] == 0.37).all()  # lanes without a voxel keep what they hold
        return self.u[self.mesh.lane]


def smooth(mesh):
    x = mesh.voxels.centre
    return np.exp(-((x - x.mean(axis=0)) ** 2).sum(axis=1) / (6 * DX) ** 2)


def rough(mesh, seed=0):
    return (np.random.default_rng(seed).random(mesh.n_voxels) < 0.5).astype(float)


def step_of(r):
    """Length of a step with D = 1 from r = D dt / dx^2."""
    return r * DX**2


@pytest.mark.parametrize("scheme", ["dg", "lod"])
@pytest.mark.parametrize("name", MESHES)
@pytest.mark.parametrize("d", [(1.0, 1.0, 1.0), (0.3, 1.0, 0.05), (0.0, 0.5, 1.0)])
def test_steps_equal_those_of_sparse_matrices(name, scheme, d):
    mesh, dt = MESHES[name](), step_of(0.8)
    capacity, parts = matrices(mesh, d)
    expected = u = rough(mesh)
    solve = solvers(capacity, parts, dt / 2 if scheme == "dg" else dt)
    for _ in range(3):
        if scheme == "dg":
            v = solve[0](-dt * (sum(parts) @ expected))
            v = solve[1](capacity * v)
            expected = expected + solve[2](capacity * v)
        else:
            for one in solve:
                expected = one(capacity * expected)
    # some tens of round-offs on both sides; random volumes span 1e6: a sliver sees round-offs of its large neighbours
    tolerance = 1e-10 if name == "scattered" else 1e-12
    np.testing.assert_allclose(Stepper(mesh, scheme, d, dt)(u, 3), expected, rtol=tolerance, atol=1e-13)


@pytest.mark.parametrize("scheme", ["dg", "lod"])
def test_plain_python_gives_the_compiled_numbers(scheme):
    mesh = scattered(1, 4)
    u = rough(mesh)
    fast, plain = (Stepper(mesh, scheme, 1.0, step_of(1), False, kernels)(u, 2) for kernels in (None, adi))
    # the compiler fuses multiplications and additions: one rounding less for some operations
    np.testing.assert_allclose(fast, plain, rtol=1e-13, atol=1e-14)


def test_a_cosine_in_a_box_decays_by_the_factor_of_the_scheme():
    mesh, r, mode = box(8, 6, 10), 0.7, (2, 1, 3)
    shape = np.array([8, 6, 10])
    u = np.cos(np.pi * np.array(mode) * (mesh.voxels.index + 0.5) / shape).prod(axis=1)
    b = 4 * np.sin(np.pi * np.array(mode) / (2 * shape)) ** 2 * r
    factor = 1 - b.sum() / (1 + b / 2).prod()
    # ten steps, each a few round-offs
    np.testing.assert_allclose(Stepper(mesh, "dg", 1.0, step_of(r))(u, 10), factor**10 * u, rtol=0, atol=1e-13)


@needs_jit
def test_douglas_gunn_is_of_second_order_on_an_irregular_domain():
    mesh = branched()
    capacity, parts = matrices(mesh)
    time = step_of(1.6)
    exact = expm_multiply(csr_array(-diags_array(1 / capacity) @ sum(parts)) * time, smooth(mesh))
    error = [np.abs(Stepper(mesh, "dg", 1.0, time / n)(smooth(mesh), n) - exact).max() for n in (4, 8, 16, 32)]
    np.testing.assert_allclose(error[::2], [1.6e-3, 9.6e-5], rtol=0.05)  # what the docstring of `dg_step` says
    assert (np.diff(-np.log2(error)) >= 1.9).all()


@needs_jit
def test_split_backward_euler_is_of_first_order_on_an_irregular_domain():
    mesh = branched()
    capacity, parts = matrices(mesh)
    time = step_of(1.6)
    exact = expm_multiply(csr_array(-diags_array(1 / capacity) @ sum(parts)) * time, smooth(mesh))
    error = [np.abs(Stepper(mesh, "lod", 1.0, time / n)(smooth(mesh), n) - exact).max() for n in (4, 8, 64, 128, 256)]
    np.testing.assert_allclose(error[:2], [0.036, 0.021], rtol=0.05)  # what the docstring of `lod_step` says
    error = error[2:]
    assert (np.diff(-np.log2(error)) >= 0.9).all()


@needs_jit
@pytest.mark.parametrize("name", MESHES)
def test_explicit_steps_are_positive_and_bounded_at_their_limit(name):
    """One stage of `rkl2_voxels`, with which a step is repeated that would become negative."""
    mesh = MESHES[name]()
    dt = 2 / mesh.stiffness(1.0)
    kernels, q, conduct = compiled(voxel_stages, voxel_rkl2), quads(mesh), np.full(3, DX)
    u, (out, odd, even) = np.full(mesh.n, 0.37), aligned((3, mesh.n))

    def advance(values, steps):
        u[mesh.lane] = values
        for _ in range(steps):
            kernels.rkl2_voxels(
                u, out, q.start, q.rows, q.coef, q.minv, q.full, conduct, 0, q.n_slabs, 1, dt, odd, even
            )
            u[mesh.lane] = out[mesh.lane]
        return u[mesh.lane]

    capacity, parts = matrices(mesh)
    data = rough(mesh)
    np.testing.assert_allclose(advance(data, 1), data - dt * (sum(parts) @ data) / capacity, rtol=1e-12, atol=1e-15)
    end = advance(data, 50)
    assert data.min() <= end.min() <= end.max() <= data.max()
    np.testing.assert_allclose(capacity @ end, capacity @ data, rtol=1e-13)
    if name == "branched":
        time = step_of(1.6)
        steps = 14  # r = 0.114 each, within the limit of the positive steps: an error of first order
        dt = time / steps
        exact = expm_multiply(csr_array(-diags_array(1 / capacity) @ sum(parts)) * time, smooth(mesh))
        assert np.abs(advance(smooth(mesh), steps) - exact).max() < 0.0045


@needs_jit
@pytest.mark.parametrize(("scheme", "r"), [("dg", 0.3), ("dg", 1.0), ("lod", 0.3), ("lod", 1000.0)])
def test_amounts_keep_to_round_off_with_single_precision_factors(scheme, r):
    mesh = branched()
    u = rough(mesh)
    stepper = Stepper(mesh, scheme, (1.0, 0.7, 0.4), step_of(r), precise=False)
    before, capacity = mesh.capacity[mesh.lane] @ u, mesh.capacity[mesh.lane]
    for _ in range(4):
        u = stepper(u, 2500)
        # float64 rounds each of 1e4 steps at 1e-16, mostly at random
        assert abs(capacity @ u / before - 1) < 1e-12


def test_single_precision_factors_change_increments_in_their_seventh_digit():
    mesh = branched()
    u, dt = smooth(mesh), step_of(0.5)
    fine, coarse = (Stepper(mesh, "dg", 1.0, dt, precise)(u, 4) for precise in (True, False))
    assert 0 < np.abs(coarse - fine).max() < 1e-6 * np.abs(fine - u).max()


@needs_jit
@pytest.mark.parametrize("name", MESHES)
def test_uniform_stays_uniform(name):
    mesh = MESHES[name]()
    u = np.full(mesh.n_voxels, 0.1)
    assert (Stepper(mesh, "dg", 1.0, step_of(1), False)(u, 1000) == 0.1).all()  # nothing flows: no rounding at all
    # split backward Euler rounds amounts, at 1e-16 a step; what is uneven is smoothed again
    np.testing.assert_allclose(Stepper(mesh, "lod", 1.0, step_of(30), False)(u, 1000), 0.1, rtol=1e-13)


@pytest.mark.parametrize("name", MESHES)
@pytest.mark.parametrize("r", [0.1, 3.0, 1e3, 1e7])
def test_split_backward_euler_keeps_positive_and_bounded_for_any_data(name, r):
    mesh = MESHES[name]()
    for seed in range(3):
        u = rough(mesh, seed) * 10.0 ** np.random.default_rng(seed).integers(-300, 3, mesh.n_voxels)
        top = u.max()
        stepper = Stepper(mesh, "lod", 1.0, step_of(r), False)
        for _ in range(5):
            u = stepper(u)
            assert u.min() >= 0.0  # to the last bit: products and sums of numbers that are not negative
            assert u.max() <= top * (1 + 1e-12)  # round-off of a sweep


@needs_jit
@pytest.mark.parametrize("r", [1.0, 10.0, 1000.0])
@pytest.mark.parametrize("data", [smooth, rough])
def test_split_backward_euler_does_not_grow(r, data):
    mesh = branched()
    u = data(mesh)
    end = Stepper(mesh, "lod", 1.0, step_of(r), False)(u, 3000)
    assert u.min() - 1e-12 <= end.min() <= end.max() <= u.max() + 1e-12
    assert np.ptp(end) < 1e-12  # and arrives at the mean


@needs_jit
@pytest.mark.parametrize("name", ["branched", "scattered"])
@pytest.mark.parametrize("data", [smooth, rough])
def test_douglas_gunn_does_not_grow_up_to_its_limit(name, data):
    mesh = MESHES[name]()
    u = data(mesh)
    stepper = Stepper(mesh, "dg", 1.0, DG_LIMIT / mesh.stiffness(1.0), False)
    highest = max(np.abs(stepper(u, n)).max() for n in (1, 2, 3, 5, 10, 100))
    assert highest < 1.5  # overshoot of rough data, measured 1.0 to 1.3
    assert np.ptp(stepper(u, 20_000)) < 1e-3 * np.ptp(u)


@needs_jit
def test_douglas_gunn_does_not_overshoot_at_small_steps():
    mesh = branched()
    stepper = Stepper(mesh, "dg", 1.0, step_of(0.4), False)
    u = rough(mesh)
    for _ in range(20):
        u = stepper(u)
        assert -1e-12 < u.min() <= u.max() < 1 + 1e-12


@needs_jit
def test_douglas_gunn_grows_far_above_its_limit_where_the_axes_do_not_commute():
    irregular, regular = branched(), box(6, 7, 8)
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.abs(Stepper(irregular, "dg", 1.0, step_of(30))(rough(irregular), 300)).max() < 1e3
    u = rough(regular)
    assert np.linalg.norm(Stepper(regular, "dg", 1.0, step_of(1000))(u, 300)) <= np.linalg.norm(u)


def test_lines_one_voxel_long():
    filled = np.zeros((4, 4, 9))
    for k, place in enumerate(((0, 0, 3), (0, 0, 4), (1, 0, 4), (1, 1, 4), (1, 1, 5), (2, 1, 5), (2, 2, 5), (2, 2, 8))):
        filled[place] = 0.2 + 0.1 * k  # a staircase, along which each line holds one or two voxels, and one apart
    mesh = grid_mesh(voxels_of(filled, np.ones((3, 4, 4, 9))))
    assert mesh.n_voxels == 7
    u = np.arange(7.0)
    capacity, parts = matrices(mesh)
    end = Stepper(mesh, "lod", 1.0, step_of(1e4), False)(u, 200)
    np.testing.assert_allclose(end, capacity @ u / capacity.sum(), rtol=1e-12)
    exact = expm_multiply(csr_array(-diags_array(1 / capacity) @ sum(parts)) * step_of(1), u)
    np.testing.assert_allclose(Stepper(mesh, "dg", 1.0, step_of(0.02), False)(u, 50), exact, rtol=0, atol=5e-4)


@pytest.mark.parametrize("mesh", [box(1, 1, 1), box(1, 1, 9), box(1, 9, 1), box(9, 1, 1)])
def test_thin_boxes(mesh):
    u = np.arange(mesh.n_voxels, dtype=float)
    for scheme in ("dg", "lod"):
        end = Stepper(mesh, scheme, 1.0, step_of(1), False)(u, 600)
        np.testing.assert_allclose(end, u.mean(), rtol=1e-5)


def test_a_species_of_part_of_the_voxels():
    mesh = branched()
    inside = mesh.x < np.median(mesh.x[mesh.lane])
    theta = mesh.aperture.copy()
    for axis in range(3):
        theta[axis] *= inside & (mesh.before(inside.astype(float), axis) > 0)
    capacity = np.where(inside, 0.3 * mesh.capacity, 0.0)
    kernels = compiled(adi)
    u = np.where(inside & mesh.real, 2.0, 5.0)
    u[mesh.lane[0]] = 3.0
    before = capacity @ u
    outside = u[~inside].copy()
    dg, lod = (make(mesh, 1.0, step_of(0.5), theta, capacity) for make in (dg_factors, lod_factors))
    for _ in range(3):
        coupling = [float(c) for c in dg.coupling]
        kernels.dg_step(u, theta, mesh.near, mesh.plane, dg.f, dg.k, dg.p, np.zeros(mesh.n), *coupling)
        kernels.lod_step(u, lod.mass, mesh.near, mesh.plane, lod.f, lod.k, lod.p, np.zeros(mesh.n))
    assert (u[~inside] == outside).all()
    assert u[mesh.lane[0]] < 2.9
    np.testing.assert_allclose(capacity @ u, before, rtol=1e-14)


@pytest.mark.parametrize("scheme", ["dg", "lod"])
@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_parts_give_the_bits_of_one_thread(scheme, parts):
    mesh = branched()
    one = Stepper(mesh, scheme, 1.0, step_of(0.7), False)
    expected = one(rough(mesh), 2)
    f, kernels, share = one.factors, one.kernels, adi_parts(mesh, parts)
    assert (share.highs - share.lows).sum() == mesh.plane[-1] - mesh.n_planes
    u, work = np.full(mesh.n, 0.37), np.zeros(mesh.n)
    u[mesh.lane] = rough(mesh)

    def lines(t):
        if scheme == "dg":
            coupling = [float(c) for c in f.coupling]
            kernels.dg_lines(
                u, mesh.aperture, mesh.near, f.f, f.k, work, *coupling, share.lows[t], share.highs[t]
            )  # fmt: skip
        else:
            kernels.lod_lines(u, f.mass, mesh.near, f.f, f.k, work, share.lows[t], share.highs[t])

    def planes(t):
        first, stop = int(share.cuts[t]), int(share.cuts[t + 1])
        kernels.adi_planes(u, mesh.near, mesh.plane, f.f, f.k, f.p, work, float(scheme == "dg"), first, stop)

    with ThreadPoolExecutor(parts) as pool:
        for _ in range(2):
            list(pool.map(lines, range(parts)))  # the end of `map` is the barrier
            list(pool.map(planes, range(parts)))
    assert (u[mesh.lane] == expected).all()
