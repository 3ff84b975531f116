"""What the kernels of `adi` need: stored factors of the three tridiagonal solves, and ranges of lines for threads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.kernels.library import compiled
from multiscale.rxd import adi
from multiscale.rxd.grid import GridMesh
from multiscale.rxd.lanes import WIDTH
from multiscale.segmentation import Floats, Ints
from multiscale.voxelize.voxels import Singles

# Largest dt times `GridMesh.stiffness` for Douglas-Gunn: D dt / dx^2 = 0.7. Growth was found from D dt / dx^2 = 1 on
# (in one of 18 domains of 2e4 voxels with random volumes and faces; from 1.25 on in most), in tubes from 4 on.
DG_LIMIT = 10.0


@dataclass(frozen=True, eq=False)
class AdiFactors:
    """Stored factors of ``C + a L`` along x, y and z for one species and step; see `adi` for what they mean.

    Attributes:
        f: share of a prefix that passes a face, shape (3, n), float32 or float64.
        k: share that a lane keeps along x and y, shape (2, n); float64, as slivers stand beside full voxels.
        p: reciprocal capacity of a lane and what stands behind it along z, 1/um^3, shape (n,).
        mass: capacities, um^3, and 1 where there is no voxel, shape (n,).
        coupling: dt D dx of each axis, um^3, shape (3,).
    """

    f: NDArray[np.floating]
    k: Floats
    p: Floats
    mass: Floats
    coupling: Floats


@dataclass(frozen=True, eq=False)
class AdiParts:
    """Work dealt to threads: x-lines for the first phase, x-planes for the second.

    Attributes:
        lows: first quad of each part's x-lines in each plane, shape (parts, planes).
        highs: one past the last quad, shape (parts, planes).
        cuts: part t owns the planes ``cuts[t] <= j < cuts[t + 1]``, shape (parts + 1,).
    """

    lows: Ints
    highs: Ints
    cuts: Ints


def dg_factors(
    mesh: GridMesh, d: ArrayLike, dt: float, theta: Singles | None = None, capacity: Floats | None = None,
    precise: bool = False,
) -> AdiFactors:  # fmt: skip
    """Factors for `dg_step`: the implicit share of a step is dt/2.

    Args:
        mesh: the mesh.
        d: diffusion coefficient, um^2/ms: one, or one an axis, shape (3,).
        dt: step, ms.
        theta: the species' own apertures, closed towards lanes where it is absent, shape (3, n); the mesh's if None.
        capacity: its own capacities, um^3, 0 where it is absent, shape (n,); the mesh's if None.
        precise: f in float64. In float32 it is that of apertures changed in the seventh digit, and k and p belong to
            it: amounts keep, and uniform concentrations stay, either way.
    """
    return _factors(mesh, d, dt, 0.5, theta, capacity, precise)


def lod_factors(
    mesh: GridMesh, d: ArrayLike, dt: float, theta: Singles | None = None, capacity: Floats | None = None,
    precise: bool = False,
) -> AdiFactors:  # fmt: skip
    """Factors for `lod_step`: the step is implicit; arguments as in `dg_factors`."""
    return _factors(mesh, d, dt, 1.0, theta, capacity, precise)


def _factors(
    mesh: GridMesh, d: ArrayLike, dt: float, share: float, theta: Singles | None, capacity: Floats | None,
    precise: bool,
) -> AdiFactors:  # fmt: skip
    theta = mesh.aperture if theta is None else theta
    capacity = mesh.capacity if capacity is None else capacity
    n, stop = mesh.n, int(mesh.plane[-1])
    coupling = np.broadcast_to(np.asarray(d, dtype=np.float64), 3) * (dt * mesh.voxels.dx)
    mass = np.where(capacity > 0, capacity, 1.0)
    f = np.zeros((3, n), dtype=np.float64 if precise else np.float32)
    k, p, e = np.ones((2, n)), np.ones(n), np.empty(n)
    kernels = compiled(adi)
    for axis in range(2):
        e[:] = 0.0
        kernels.adi_factor(
            mass, theta[axis], share * coupling[axis], mesh.near[2 * axis], 1, stop, e, f[axis], k[axis]
        )  # fmt: skip
    kernels.adi_factor_z(mass, theta[2], share * coupling[2], 1, stop, f[2], p)
    for array in (f, k, p, mass, coupling):
        array.flags.writeable = False
    return AdiFactors(f, k, p, mass, coupling)


def adi_parts(mesh: GridMesh, parts: int) -> AdiParts:
    """Lines and planes for some threads, about the same number of quads for each."""
    plane = mesh.plane
    first = np.flatnonzero(np.diff(mesh.lane // WIDTH, prepend=-1))  # first voxel of each quad
    quads = mesh.lane[first] // WIDTH
    y = mesh.voxels.index[first, 1].astype(np.int64)
    z = mesh.voxels.index[first, 2] - mesh.lane[first] % WIDTH
    column = (y - y.min()) * (int(np.ptp(z)) + 1) + z - z.min()  # the same number for all quads of an x-line
    row = np.sort(column)
    borders = row[np.minimum(np.arange(1, parts) * row.size // parts, row.size - 1)]
    lows, highs = np.empty((parts, mesh.n_planes), dtype=np.int64), np.empty((parts, mesh.n_planes), dtype=np.int64)
    for j in range(mesh.n_planes):
        inside = column[np.searchsorted(quads, plane[j]) : np.searchsorted(quads, plane[j + 1])]
        cuts = plane[j] + 1 + np.concatenate([[0], np.searchsorted(inside, borders), [inside.size]])
        lows[:, j], highs[:, j] = cuts[:-1], cuts[1:]
    share = np.searchsorted(plane[:-1], np.arange(1, parts) * int(plane[-1]) // parts)
    return AdiParts(lows, highs, np.concatenate([[0], share, [mesh.n_planes]]).astype(np.int64))
