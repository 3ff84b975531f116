"""Capacities of cut cells: volumes shifted between neighbours so that slivers do not stiffen diffusion.

A sliver with volume V behind an open face of aperture theta follows its neighbour at the rate theta D h / V, which has
no bound. Steady conduction does not know the capacities, so these may be moved a voxel's width at second-order cost:
each cell needs ``C >= h^3 / kappa * sum of its apertures``, which bounds the eigenvalues by ``2 kappa D / h^2``
(Gershgorin). What a cell lacks is taken from the neighbour behind its widest face that has some to spare.
"""

from dataclasses import dataclass

import numpy as np

from multiscale.segmentation import Floats, Ints
from multiscale.voxelize.voxels import VoxelArrays

ROUNDS = 12  # of asking neighbours; the last ones serve a cell in ten thousand
SMALL = 1e-12  # of a full voxel: deficits and slacks below this are round-off


@dataclass(frozen=True, eq=False)
class Capacities:
    """What `shift_capacities` finds.

    Attributes:
        capacity: um^3, shape (n,); the sum is that of the volumes.
        aperture: open share of the faces towards -x, -y, -z after limiting, shape (n, 3).
        shifted: number of voxels that were given capacity.
        limited: number of voxels whose apertures were reduced, as no neighbour had enough to spare.
    """

    capacity: Floats
    aperture: Floats
    shifted: int
    limited: int


def neighbours(voxels: VoxelArrays) -> tuple[Ints, Ints]:
    """Index of the neighbours towards minus and towards plus, -1 without one, both of shape (n, 3)."""
    minus = np.column_stack([voxels.minus(axis) for axis in range(3)])
    plus = np.full_like(minus, -1)
    for axis in range(3):
        inner = np.flatnonzero(minus[:, axis] >= 0)
        plus[minus[inner, axis], axis] = inner
    return minus, plus


def open_sides(aperture: Floats, plus: Ints, at: Ints | slice = slice(None)) -> Floats:
    """Apertures of the six faces (-x, -y, -z, +x, +y, +z) of some voxels, shape (k, 6)."""
    above = plus[at]
    sides = np.empty((above.shape[0], 6))
    sides[:, :3] = aperture[at]
    for axis in range(3):
        sides[:, 3 + axis] = np.where(above[:, axis] >= 0, aperture[above[:, axis], axis], 0.0)
    return sides


def shift_capacities(voxels: VoxelArrays, minus: Ints, plus: Ints, kappa: float) -> Capacities:
    """Volumes -> capacities.

    All cells ask at once and a lender that is asked for too much gives equal shares, so that the result does not depend
    on the order or the direction of the axes.

    Args:
        voxels: the voxels.
        minus: neighbours towards minus, shape (n, 3), see `neighbours`.
        plus: the same towards plus.
        kappa: bound of (sum of apertures) h^3 / capacity; above 6, so that full voxels have some to spare.
    """
    full = voxels.dx**3
    small = SMALL * full
    aperture = (voxels.face / voxels.dx**2).astype(np.float32).astype(np.float64)
    capacity = voxels.volume.copy()
    capacity[np.abs(capacity - full) <= small] = full  # so that kernels know full voxels by comparing
    opening = open_sides(aperture, plus).sum(axis=1)
    spare = capacity - opening * (full / kappa)
    asking = np.flatnonzero(spare < -small)
    shifted = asking.size
    for _ in range(ROUNDS):
        beside = np.concatenate([minus[asking], plus[asking]], axis=1)
        width = np.where((beside >= 0) & (spare[beside] > small), open_sides(aperture, plus, asking), 0.0)
        choice = width.argmax(axis=1)
        row = np.flatnonzero(width[np.arange(asking.size), choice] > 0)
        if row.size == 0:
            break
        asker, lender = asking[row], beside[row, choice[row]]
        wanted = -spare[asker]
        total = np.bincount(lender, wanted, voxels.n)
        granted = wanted * np.minimum(1.0, spare[lender] / total[lender])
        change = np.bincount(asker, granted, voxels.n) - np.bincount(lender, granted, voxels.n)
        capacity += change
        spare += change
        asking = asking[spare[asking] < -small]
    aperture = _limited(aperture, minus, capacity, opening * (full / kappa), asking)
    return Capacities(capacity, aperture, shifted, asking.size)


def _limited(aperture: Floats, minus: Ints, capacity: Floats, need: Floats, short: Ints) -> Floats:
    """Apertures reduced in proportion where the capacity is still short."""
    if short.size:
        scale = np.ones(capacity.size)
        scale[short] = capacity[short] / need[short]
        for axis in range(3):
            below = minus[:, axis]
            aperture[:, axis] *= np.where(below >= 0, np.minimum(scale, scale[below]), 1.0)
    return aperture
