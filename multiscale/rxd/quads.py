"""What `voxel_rkl2` reads for one species: its quads slab by slab, with apertures and capacities where they are cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.rxd.grid import GridMesh
from multiscale.rxd.lanes import WIDTH, aligned_copy, beyond
from multiscale.segmentation import Floats, Ints
from multiscale.voxelize.voxels import Singles

SLAB = 256  # quads: a call a slab and stage is then 2 % of the work, and the slabs in flight fit into the cache


@dataclass(frozen=True, eq=False)
class Quads:
    """The quads of one species, or of all that share apertures and capacities. All arrays are read-only.

    Attributes:
        slab: first lane of each slab (one or more x-planes), and the end, shape (slabs + 1,).
        start: for each slab where in `rows` its full quads and its cut ones start, and how many full ones there are up
            to its end; in the last row the end of `rows`; shape (slabs + 1, 3).
        rows: first lane of each quad and of its neighbours towards -x, +x, -y, +y, 0 without one, shape (5 quads,).
        coef: apertures of the cut quads towards -x, +x, -y, +y, -z, +z, four lanes each, shape (24 cut quads,).
        minv: their reciprocal capacities, 1/um^3, 0 where there is no voxel, shape (4 cut quads,).
        full: reciprocal capacity in the full quads, 1/um^3.
    """

    slab: Ints
    start: Ints
    rows: NDArray[np.uint32]
    coef: Singles
    minv: Floats
    full: float

    def __post_init__(self) -> None:
        for name in ("slab", "start", "rows", "coef", "minv"):
            getattr(self, name).flags.writeable = False

    @property
    def n_slabs(self) -> int:
        """Number of slabs."""
        return self.slab.size - 1

    @property
    def n_quads(self) -> int:
        """Number of quads."""
        return self.rows.size // 5

    @property
    def n_cut(self) -> int:
        """Number of quads that hold a cut voxel or less than four."""
        return self.minv.size // WIDTH

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, all of which a step reads, bytes."""
        return self.start.nbytes + self.rows.nbytes + self.coef.nbytes + self.minv.nbytes

    def ranges(self, threads: int) -> Ints:
        """First slab of each thread's range, and the end, shape (threads + 1,): ranges of about equal work."""
        full = np.concatenate([[0], self.start[:-1, 2]])
        work = 2 * self.start[:, 0] - full  # a cut quad takes nearly twice the time of a full one
        return np.asarray(np.searchsorted(work, work[-1] * np.arange(threads + 1) / threads), dtype=np.int64)


def stack(sets: Sequence[Quads]) -> tuple[Ints, NDArray[np.uint32], Singles, Floats, Floats]:
    """Sets of one mesh, one behind the other: ``start[i]`` and ``full[i]`` choose the set i for `rkl2_voxels`.

    Returns:
        start, shape (sets, slabs + 1, 3); rows, coef and minv of all sets; full, shape (sets,).
    """
    quads_before = np.cumsum([0] + [s.n_quads for s in sets])
    cut_before = np.cumsum([0] + [s.n_cut for s in sets])
    start = np.stack([s.start for s in sets])
    for i, part in enumerate(start):
        part[:, :2] += quads_before[i]
        part[:, 2] += quads_before[i] - cut_before[i]
    rows, coef, minv = (
        aligned_copy(np.concatenate([getattr(s, name) for s in sets])) for name in ("rows", "coef", "minv")
    )
    return start, rows, coef, minv, np.array([s.full for s in sets])


def quads(mesh: GridMesh, theta: Singles | None = None, minv: Floats | None = None, slab: int = SLAB) -> Quads:
    """Lists of full and cut quads.

    Args:
        mesh: the mesh.
        theta: the species' own apertures towards minus, shape (3, n), see `grid.varying`; those of the mesh if None.
        minv: its reciprocal capacities, 1/um^3, 0 where it is absent, shape (n,); those of the mesh if None.
        slab: least number of quads in a slab.
    """
    theta = mesh.aperture if theta is None else theta
    minv = mesh.minv if minv is None else minv
    sides = [side.reshape(-1, WIDTH) for k in range(3) for side in (theta[k], beyond(mesh.near, theta[k], k))]
    lanes = minv.reshape(-1, WIDTH)
    open_ = np.logical_and.reduce([(side == 1.0).all(axis=1) for side in sides])
    full = float(np.median(lanes[open_])) if open_.any() else 1.0 / mesh.voxels.dx**3
    cut = ~(open_ & (lanes == full).all(axis=1))
    slab_of_plane = np.unique((mesh.plane[:-1] - mesh.plane[0]) // slab, return_inverse=True)[1]
    slabs = int(slab_of_plane[-1]) + 1
    first = mesh.plane[np.searchsorted(slab_of_plane, np.arange(slabs))]
    existing = np.flatnonzero(mesh.real.reshape(-1, WIDTH).any(axis=1))
    group = 2 * (np.searchsorted(first, existing, side="right") - 1) + cut[existing]
    order = existing[np.argsort(group, kind="stable")]
    count = np.bincount(group, minlength=2 * slabs)
    begin = np.concatenate([[0], np.cumsum(count)])
    start = np.zeros((slabs + 1, 3), dtype=np.int64)
    start[:, 0] = begin[::2]
    start[:-1, 1] = begin[1::2]
    start[:-1, 2] = np.cumsum(count[::2])
    rows = np.column_stack([order, *mesh.near[:, order]]).astype(np.uint32) * np.uint32(WIDTH)
    chosen = order[cut[order]]
    return Quads(
        slab=WIDTH * np.append(first + 1, mesh.plane[-1]),
        start=start,
        rows=aligned_copy(rows.ravel()),
        coef=aligned_copy(np.stack([side[chosen] for side in sides], axis=1).ravel()),
        minv=aligned_copy(lanes[chosen].ravel()),
        full=full,
    )


def stages_for(stiffness: float, h: float) -> int:
    """Least number of RKL2 stages, at least 2, that damps all modes.

    The usual limit ``h lambda <= (s^2 + s - 2) / 2`` leaves the stiffest mode undamped for even s and could be wider
    for odd s; here the factor of modes with ``h lambda >= 2`` stays within -0.8 and 0.8.

    Args:
        stiffness: bound of the largest eigenvalue, 1/ms.
        h: step, ms.
    """
    s = 2
    while stiffness * h > (s * s + s - 2) / 2 + (0.55 + 0.43 / s if s % 2 else -0.23):
        s += 1
    return s
