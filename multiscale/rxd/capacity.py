"""Capacities of cut cells: volumes shifted between neighbours so that slivers do not stiffen diffusion.

A sliver with volume V behind an open face of aperture theta follows its neighbour at the rate theta D h / V, which has
no bound. Steady conduction does not know the capacities, so these may be moved by a voxel's width: each cell needs
``C >= h^3 / kappa * sum of its apertures``, which bounds the eigenvalues by ``2 kappa D / h^2`` (Gershgorin). What a
cell lacks is taken from the neighbour behind its widest face that has some to spare, or else from a neighbour's
neighbour.
"""

from dataclasses import dataclass

import numpy as np

from multiscale.segmentation import Floats, Ints
from multiscale.voxelize.voxels import VoxelArrays

ROUNDS = 16  # of asking neighbours; the last ones serve a cell in ten thousand
SMALL = 1e-12  # of a full voxel: deficits and slacks below this are round-off


MOST_CROWDED = 2.0  # membrane area over the area of the open faces; at a plain surface it is 0.2 to 1
MOST_HANDS = 4  # voxels through which membrane may be handed on


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

    All cells ask at once, and a lender that is asked for too much serves all in proportion, so that the result does not
    depend on the numbering of the voxels.

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
    reach = 1
    for _ in range(ROUNDS):
        row, lender, share = _lenders(aperture, minus, plus, spare, asking, reach, small)
        if row.size == 0:
            if reach == 2 or asking.size == 0:
                break
            reach = 2  # who has no neighbour that can spare any asks the neighbours' neighbours
            continue
        asker = asking[row]
        wanted = -spare[asker] * share
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


def _lenders(
    aperture: Floats, minus: Ints, plus: Ints, spare: Floats, asking: Ints, reach: int, small: float
) -> tuple[Ints, Ints, Floats]:
    """Whom some voxels ask: who is behind the widest face, or the widest two, of those that can spare any.

    Returns:
        For each request the place of the voxel in `asking`, the voxel that is asked, and its share where several faces
        are the widest.
    """
    beside = np.concatenate([minus[asking], plus[asking]], axis=1)
    width = open_sides(aperture, plus, asking)
    if reach == 2:
        near = np.maximum(beside, 0).ravel()  # those that do not exist have no width
        beside = np.concatenate([minus[near], plus[near]], axis=1).reshape(asking.size, 36)
        beyond = open_sides(aperture, plus, near).reshape(asking.size, 6, 6)
        width = np.minimum(width[:, :, None], beyond).reshape(asking.size, 36)
    width = np.where((beside >= 0) & (spare[beside] > small), width, 0.0)
    widest = width.max(axis=1, initial=0.0)
    chosen = (width == widest[:, None]) & (width > 0)
    row, side = np.nonzero(chosen)
    return row, beside[row, side], 1.0 / chosen.sum(axis=1)[row]


def shift_area(area: Floats, aperture: Floats, minus: Ints, plus: Ints, dx: float) -> Floats:
    """Membrane of voxels that are nearly closed goes to the neighbour behind their widest face, um^2, shape (n,).

    What enters such a voxel leaves it through pinholes: its concentration would rise by (area / open faces) times that
    of a plain surface, where the cell has no such place. The total stays.

    Args:
        area: of membrane, um^2, shape (n,).
        aperture: open share of the faces towards minus, shape (n, 3).
        minus: neighbours towards minus, shape (n, 3). plus: towards plus.
        plus: see `minus`.
        dx: side of a voxel, um.
    """
    area = area.copy()
    around = np.concatenate([minus, plus], axis=1)
    for _ in range(MOST_HANDS):
        suspects = np.flatnonzero(area > 0)
        sides = open_sides(aperture, plus, suspects)
        closed = area[suspects] > MOST_CROWDED * sides.sum(axis=1) * dx * dx
        closed &= sides.max(axis=1) > 0
        if not closed.any():
            break
        who = suspects[closed]
        to = around[who, sides[closed].argmax(axis=1)]
        given = area[who]
        area[who] = 0.0
        np.add.at(area, to, given)
    return area
