"""How exact voxels are: sizes and slowest modes of diffusion of bodies at any angle to the grid, against known ones.

``python -m multiscale.bench.voxel_studies`` prints the tables of ``docs/voxel_accuracy.md``. Bodies are measured in
voxels (dx = 1, D = 1), turned and moved at random; an error is that of a mode's rate of decay, relative.

References: a cylinder's axial modes are cosines; a taper's are computed with Legendre polynomials in coordinates that
follow it (`taper_rate`); a branch point's have no formula, so they are compared with those of finer voxels, which
approach their limit at second order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from multiscale.rxd.grid import GridMesh, grid_mesh
from multiscale.solids import Analytic, Ball, Box, Frustum, Union
from multiscale.voxelize.shapes import voxelize_shape

Array = NDArray[np.float64]
SEED = 7


@dataclass(frozen=True)
class Errors:
    """Errors of one body at several angles.

    Args:
        radius: in voxels.
        voxels: mean number of voxels.
        relative: error of each mode, or of volume and surface, of each body, shape (bodies, 2 or modes).
    """

    radius: float
    voxels: float
    relative: Array

    @property
    def largest(self) -> float:
        """Largest absolute value."""
        return float(np.abs(self.relative).max())

    @property
    def mean(self) -> float:
        """Mean over all bodies and modes."""
        return float(self.relative.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over the bodies."""
        return float(self.relative.std())


def decay_rates(mesh: GridMesh, count: int) -> Array:
    """Return the smallest decay rates besides 0 of diffusion with D = 1, 1/ms, ascending, shape (count,)."""
    from scipy import sparse
    from scipy.sparse.linalg import eigsh

    number = np.arange(mesh.n, dtype=np.float64)
    flow = sparse.csr_array((mesh.n, mesh.n))
    for axis, aperture in enumerate(mesh.aperture):
        here = np.flatnonzero(aperture)
        other = mesh.before(number, axis)[here].astype(np.int64)
        one_way = sparse.coo_array((mesh.voxels.dx * aperture[here].astype(np.float64), (here, other)), flow.shape)
        flow = flow + one_way + one_way.T
    real = np.flatnonzero(mesh.real)
    flow = flow.tocsr()[real][:, real]
    scale = sparse.diags_array(1 / np.sqrt(mesh.capacity[real]))
    matrix = scale @ (sparse.diags_array(flow.sum(axis=1)) - flow) @ scale
    found = eigsh(matrix.tocsc(), k=count + 1, sigma=-1e-4 / mesh.voxels.dx**2, return_eigenvectors=False)
    return np.sort(found)[1:]


def turned(bodies: int, seed: int = SEED) -> Iterable[tuple[Array, Array]]:
    """Return places within one voxel and rotations at random: pairs of shapes (3,) and (3, 3), rows orthonormal."""
    random = np.random.default_rng(seed)
    for _ in range(bodies):
        q, r = np.linalg.qr(random.normal(size=(3, 3)))
        yield random.random(3), (q * np.sign(np.diag(r))).T


def study(
    shape: Callable[[Array, Array], Analytic], exact: Array, radius: float, bodies: int, samples: int = 2
) -> Errors:
    """Return the errors of a body's slowest modes.

    Args:
        shape: a body from a place and a rotation, lengths in voxels.
        exact: rates of its slowest modes, ascending, shape (modes,).
        radius: in voxels, for the record.
        bodies: how many are made.
        samples: pieces a side into which a cut voxel is divided.
    """
    meshes = [grid_mesh(voxelize_shape(shape(*place), 1.0, samples)) for place in turned(bodies)]
    rates = np.array([decay_rates(mesh, exact.size) for mesh in meshes])
    return Errors(radius, float(np.mean([mesh.n_voxels for mesh in meshes])), rates / exact - 1)


def sizes(name: str, radius: float, bodies: int = 20) -> Errors:
    """Return the errors of volume and surface.

    Args:
        name: "cylinder" or "taper" (to half its radius), 8 radii long, or "ball".
        radius: in voxels.
        bodies: how many are made.
    """
    counts, found = [], []
    for at, axes in turned(bodies):
        corner = -12 * radius - at  # the grid begins at a box far away, so that the body lies anywhere in its voxels
        box = Box(tuple(corner), tuple(corner + 3.0))
        end = radius / 2 if name == "taper" else radius
        body = Ball(radius) if name == "ball" else _frustum(at, axes[0], 8 * radius, radius, end)
        made = voxelize_shape(Union((body, box)), 1.0)
        counts.append(made.n)
        volume, area = made.volume.sum() - box.volume, made.area.sum() - box.area
        found.append((volume / body.volume - 1, area / body.area - 1))
    return Errors(radius, float(np.mean(counts)), np.array(found))


def cylinder(radius: float, length: float = 64.0, bodies: int = 20) -> Errors:
    """Return the errors of the slowest mode of cylinders."""
    exact = np.array([(pi / length) ** 2])
    return study(lambda at, axes: _frustum(at, axes[0], length, radius, radius), exact, radius, bodies)


def taper(radius: float, length: float = 64.0, bodies: int = 20) -> Errors:
    """Return the errors of the slowest mode of frusta that taper to half their radius."""
    exact = np.array([taper_rate(radius, radius / 2, length)])
    return study(lambda at, axes: _frustum(at, axes[0], length, radius, radius / 2), exact, radius, bodies)


def branch_point(radius: float, limit: float, length: float = 16.0, bodies: int = 20) -> Errors:
    """Return the errors of both slowest modes, which are equal, of three cylinders that meet at 120 degrees.

    Args:
        radius: in voxels.
        limit: the rate times the square of the radius, from finer voxels (`branch_limit`).
        length: of an arm, in radii.
        bodies: how many are made.
    """
    exact = np.full(2, limit / radius**2)
    return study(lambda at, axes: _star(at, axes, radius, length * radius), exact, radius, bodies)


def branch_limit(length: float = 16.0, radii: tuple[float, float] = (4.0, 6.0), bodies: int = 6) -> float:
    """Return the slowest rate of a branch point times the square of its radius, extrapolated at second order."""
    rough, fine = (np.mean(1 + branch_point(radius, 1.0, length, bodies).relative) for radius in radii)
    weight = (radii[1] / radii[0]) ** 2
    return float((weight * fine - rough) / (weight - 1))


def taper_rate(radius: float, end_radius: float, length: float, along: int = 24, across: int = 8) -> float:
    """Return the rate of the slowest mode that is symmetric around the axis of a frustum with flat ends, D = 1.

    A Ritz method: products of Legendre polynomials of z and of (r / R(z))^2, whose natural boundary is closed.

    Args:
        radius: of the first end.
        end_radius: of the second end.
        length: along the axis.
        along: number of polynomials along the axis.
        across: number of polynomials across.
    """
    from numpy.polynomial.legendre import legder, leggauss, legval
    from scipy.linalg import eigh

    t, wt = leggauss(along + across + 2)
    q, wq = leggauss(along + across + 2)
    z, s = (t + 1) * length / 2, (q + 1) / 2
    slope = (end_radius - radius) / length
    wide = radius + slope * z
    p, dp, f, df = (
        [legval(x, c) for c in coefficients]
        for x, coefficients in (
            (t, np.eye(along)),
            (t, [legder(c) for c in np.eye(along)]),
            (q, np.eye(across)),
            (q, [legder(c) for c in np.eye(across)]),
        )
    )
    value = np.einsum("iz,js->ijzs", p, f)
    by_s = 2 * np.einsum("iz,js->ijzs", p, df)
    by_z = (2 / length) * np.einsum("iz,js->ijzs", dp, f) - by_s * (2 * s[None] * slope / wide[:, None])
    by_r = by_s * (2 * np.sqrt(s)[None] / wide[:, None])
    weight = np.einsum("z,s,z->zs", wt, wq, wide**2)
    value, by_z, by_r = (one.reshape(along * across, -1) for one in (value, by_z, by_r))
    stiff = (by_z * weight.ravel()) @ by_z.T + (by_r * weight.ravel()) @ by_r.T
    mass = (value * weight.ravel()) @ value.T
    return float(eigh(stiff, mass, eigvals_only=True, subset_by_index=(1, 1))[0])


def table_of_sizes(name: str, errors: Iterable[Errors]) -> str:
    """Return a table in Markdown: root mean squares of the errors of volume and surface."""
    lines = [f"| {name}: voxels a diameter | voxels | volume | surface |", "|---|---|---|---|"]
    for e in errors:
        volume, area = np.sqrt((e.relative**2).mean(axis=0))
        lines.append(f"| {2 * e.radius:g} | {e.voxels:.0f} | {volume:.4%} | {area:.3%} |")
    return "\n".join(lines)


def table(name: str, errors: Iterable[Errors]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {name}: radius in voxels | voxels | mean error | largest error |", "|---|---|---|---|"]
    rows = (f"| {e.radius:g} | {e.voxels:.0f} | {e.mean:+.4%} | {e.largest:.4%} |" for e in errors)
    return "\n".join([*lines, *rows])


def main() -> None:
    """Print all tables."""
    for name in ("cylinder", "taper", "ball"):
        print(table_of_sizes(name, [sizes(name, radius) for radius in (2, 4, 8)]), end="\n\n")
    print(table("cylinder", [cylinder(radius) for radius in (1, 2, 4)]), end="\n\n")
    print(table("taper to half", [taper(radius) for radius in (1, 2, 4)]), end="\n\n")
    limit = branch_limit()
    print(table("branch point", [branch_point(radius, limit) for radius in (1, 2, 4)]))


def _frustum(at: Array, axis: Array, length: float, radius: float, end_radius: float) -> Frustum:
    x, y, z = at + length * axis
    return Frustum((at[0], at[1], at[2]), (x, y, z), radius, end_radius)


def _star(at: Array, axes: Array, radius: float, length: float) -> Union:
    angles = 2 * pi / 3 * np.arange(3)
    arms = np.cos(angles)[:, None] * axes[0] + np.sin(angles)[:, None] * axes[1]
    return Union(tuple(_frustum(at, arm, length, radius, radius) for arm in arms))


if __name__ == "__main__":
    main()
