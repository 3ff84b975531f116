"""The order of voxels in memory that solvers need: z-lines in aligned groups of four lanes, x-planes contiguous."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.segmentation import Ints
from multiscale.voxelize.voxels import Counts

WIDTH = 4  # lanes of a quad: float64 in one 256-bit register
LINE = 64  # bytes of a cache line


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


def beyond(near: NDArray[np.uint32], values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Values of the neighbours towards plus along an axis, a guard's without one, shape (n,); see `Lanes.near`."""
    if axis == 2:
        return np.append(values[1:], values[:1])
    return np.asarray(values.reshape(-1, WIDTH)[near[1 + 2 * axis]].ravel())


def aligned(shape: int | tuple[int, ...], dtype: Any = np.float64) -> NDArray[Any]:
    """Zeros that begin at a cache line: a quad that lies across two lines costs the kernels a sixth of their speed.

    Rows of a two-dimensional array are aligned to quads if their length is a multiple of 4.
    """
    kind = np.dtype(dtype)
    count = int(np.prod(shape))
    room = np.zeros(count * kind.itemsize + LINE, dtype=np.uint8)
    start = -room.ctypes.data % LINE
    return np.asarray(room[start : start + count * kind.itemsize].view(kind).reshape(shape))


def aligned_copy(values: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins at a cache line."""
    copy = aligned(values.shape, values.dtype)
    copy[...] = values
    return copy
