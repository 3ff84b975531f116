"""The order of voxels in memory that solvers need: z-lines in aligned groups of four lanes, x-planes contiguous."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.segmentation import Ints
from multiscale.voxelize.voxels import Counts

WIDTH = 4  # lanes of a quad: float64 in one 256-bit register


@dataclass(frozen=True, eq=False)
class Lanes:
    """Where each voxel stands. A quad is four voxels in a row along z, of which at least one exists.

    Quads are sorted by x, y, z. Each x-plane begins with a guard quad, which holds no voxel, and one more guard ends
    the last plane; quad 0 is therefore a guard, and missing neighbours point to it.

    Attributes:
        lane: lane of each voxel, ascending, shape (voxels,).
        near: quad that is the neighbour towards -x, +x, -y, +y of each quad, 0 without one, shape (4, quads).
        plane: guard quad of each x-plane; the last entry is the guard at the end; shape (planes + 1,).
    """

    lane: Ints
    near: NDArray[np.uint32]
    plane: Ints


def arrange(index: Counts) -> Lanes:
    """Voxels, sorted by x, y, z, shape (n, 3) -> lanes. Groups start where the fewest are needed."""
    x, y, z = (index - index.min(axis=0)).T.astype(np.int64)
    ny = int(y.max()) + 2  # one free, so that a neighbour in y is never in another plane
    nz = int(z.max()) // WIDTH + 2
    line = (x * ny + y) * nz
    shift = min(range(WIDTH), key=lambda s: np.count_nonzero(np.diff(line + (z + s) // WIDTH)))
    key = line + (z + shift) // WIDTH
    new = np.concatenate([[True], np.diff(key) != 0])
    row = np.cumsum(new) - 1
    quads = key[new]
    x_of = quads // (ny * nz)
    new_plane = np.concatenate([[True], np.diff(x_of) != 0])
    number = np.arange(quads.size) + np.cumsum(new_plane)  # each plane's guard pushes the rest on
    total = int(number[-1]) + 2
    near = np.zeros((4, total), dtype=np.uint32)
    for k, step in enumerate((-ny * nz, ny * nz, -nz, nz)):
        place = np.minimum(np.searchsorted(quads, quads + step), quads.size - 1)
        near[k, number] = np.where(quads[place] == quads + step, number[place], 0)
    plane = np.concatenate([number[new_plane] - 1, [total - 1]])
    return Lanes(number[row] * WIDTH + (z + shift) % WIDTH, near, plane)
