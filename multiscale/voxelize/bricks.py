"""Primitives -> VoxelArrays: sparse bricks of 8 x 8 x 8 voxels, filled by the compiled kernels of `frusta`."""

import math
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from multiscale.errors import GeometryError
from multiscale.kernels.library import compiled
from multiscale.progress import Progress
from multiscale.segmentation import Floats, Ints
from multiscale.voxelize import cuts, frusta
from multiscale.voxelize.voxels import VoxelArrays, assemble

SIDE = 8  # voxels along a brick
CHUNK = 1 << 18  # voxels written between two looks at the clock
MAX_BRICKS = (1 << 22) - 1  # 2e9 voxels: their numbers are 32-bit integers
SLIVER = 1e-2  # of a voxel's volume
PATIENCE = 2.0  # s before a progress bar is shown


@dataclass(frozen=True, eq=False)
class Primitives:
    """Intersections of a few features each; their union is the shape. See `cuts`.

    Attributes:
        features: kind, point, direction, radius, slope, cosine, role; um; shape (m, 11).
        first: first feature of each primitive, then m; shape (n + 1,).
        place: section, fraction of its length at the start and at the end, length in um; shape (n, 4).
        low: lowest x, y, z of each primitive, um, shape (n, 3).
        high: highest x, y, z of each primitive, um, shape (n, 3).
    """

    features: Floats
    first: Ints
    place: Floats
    low: Floats
    high: Floats


def voxelize(
    what: str, primitives: Primitives, origin: Floats, dx: float, samples: int, progress: bool | None
) -> VoxelArrays:
    """Voxels of a union of primitives.

    Args:
        what: kind and name of the shape, for messages.
        primitives: the shape.
        origin: a corner of the grid, um, one voxel or more below the lowest place, shape (3,): the plane that stands
            for a bent surface in a voxel reaches a little beyond it.
        dx: side of a voxel, um.
        samples: pieces a side into which a cut voxel is divided.
        progress: whether to show a bar when it takes long; None: only on a terminal.
    """
    kernels: Any = compiled(cuts, frusta)
    dx, samples = float(dx), int(samples)  # one type each, or all is compiled again
    features, first = primitives.features.copy(), primitives.first
    features[:, 1:4] -= origin
    pair_start, pair, brick = _bricks(what, kernels, primitives, features, origin, dx)
    n, longest = brick.shape[0], int(np.diff(pair_start).max())
    work = [
        np.empty(size, dtype=np.int64) for size in (longest, longest, longest * int(np.diff(first).max()), longest + 1)
    ]
    length = np.ascontiguousarray(primitives.place[:, 3])
    chunks: list[tuple[Any, ...]] = []
    todo, cut, begin, bar = 0, 0, perf_counter(), Progress(n, False)
    while todo < n:
        size = min(CHUNK, (n - todo) * SIDE**3)
        out = *(np.empty(size, dtype=np.int32) for _ in range(3)), np.empty((size, 5))
        todo, voxels, more = kernels.fill_bricks(
            features, first, length, pair_start, pair, brick, todo, n, dx, samples, cut, *work, *out
        )
        cut += more
        chunks.append((*(array[:voxels] for array in out[:3]), out[3][:more].copy()))
        if perf_counter() - begin > PATIENCE:
            bar, begin = Progress(n, progress, label="voxels: ", unit="bricks"), math.inf
        bar.update(todo)
    bar.close(n)
    if not sum(chunk[0].size for chunk in chunks):
        raise GeometryError(f"{what}: no voxel of {dx:g} um holds any of it, expected one or more; take a smaller dx")
    columns = [column[0] if len(column) == 1 else np.concatenate(column) for column in zip(*chunks, strict=True)]
    count = columns[0].size
    arrays = (
        np.empty((count, 3), np.int32), np.empty(count), np.empty((count, 3)), np.empty(count),
        np.empty(count, np.int32), np.empty(count, np.float32),
    )  # fmt: skip
    kernels.arrange(*columns, brick, *_lines(brick), features, first, primitives.place, dx, *arrays)
    return _without_slivers(_without_walls(assemble(dx, origin, *arrays)))


def _without_walls(voxels: VoxelArrays) -> VoxelArrays:
    """Full voxels have membrane only on closed faces: where two solids touch along a face there is none."""
    square = voxels.dx**2
    at = np.flatnonzero((voxels.area > 0) & (voxels.volume >= voxels.dx * square * (1 - 1e-12)))
    if not at.size:
        return voxels
    closed = 3 * square - voxels.face[at].sum(axis=1)
    for axis in range(3):
        above = voxels.find(voxels.index[at] + np.eye(3, dtype=np.int64)[axis])
        closed += square - np.where(above >= 0, voxels.face[above, axis], 0.0)
    area = voxels.area.copy()
    area[at] = np.minimum(area[at], closed)
    return replace(voxels, area=area)


def _without_slivers(voxels: VoxelArrays) -> VoxelArrays:
    """Without slivers that have voxels beside them and open faces to none: round-off of the surface's cuts."""
    alone = np.bincount(voxels.component) == 1
    at = np.flatnonzero(alone[voxels.component] & (voxels.volume < SLIVER * voxels.dx**3))
    if not at.size:
        return voxels
    steps = [sign * step for sign in (-1, 1) for step in np.eye(3, dtype=np.int64)]
    beside = np.array([voxels.find(voxels.index[at] + step) >= 0 for step in steps]).any(axis=0)
    if not beside.any():
        return voxels
    keep = np.ones(voxels.n, dtype=bool)
    keep[at[beside]] = False
    rest = voxels.take(keep)
    number = np.cumsum(np.bincount(rest.component) > 0) - 1
    return replace(rest, component=number[rest.component].astype(np.int32))


def _bricks(
    what: str, kernels: Any, primitives: Primitives, features: Floats, origin: Floats, dx: float
) -> tuple[Ints, Ints, Ints]:
    """Lists of primitives of the bricks they reach: start of each list, the lists, and the bricks' x, y, z."""
    side = SIDE * dx
    primitive, low, high = _pieces(primitives, side)
    low, high = np.floor((low - dx - origin) / side), np.floor((high + dx - origin) / side)
    extent = high.max(axis=0) + 1
    n = primitives.first.size - 1
    if not extent.prod() * n < 2.0**62:
        raise GeometryError(
            f"{what}: dx is {dx:g} um for an extent of {extent.max() * side:.3g} um, expected fewer voxels along it; "
            "take a larger dx"
        )
    block = extent[1:].astype(np.int64)
    boxes = primitive, np.maximum(low, 0).astype(np.int64), high.astype(np.int64)
    arguments = (features, primitives.first, *boxes, side, block)
    looked_at = (boxes[2] - boxes[1] + 1).astype(np.float64).prod(axis=1).sum()
    count = kernels.pair_bricks(*arguments, np.empty(0, dtype=np.int64)) if looked_at < 8 * MAX_BRICKS else looked_at
    if count > MAX_BRICKS:
        raise GeometryError(
            f"{what}: dx is {dx:g} um, which makes more than {MAX_BRICKS * SIDE**3:.1g} voxels, expected fewer; "
            "take a larger dx"
        )
    pairs = np.empty(count, dtype=np.int64)
    kernels.pair_bricks(*arguments, pairs)
    key, pair = np.divmod(np.unique(pairs), n)
    start = np.flatnonzero(np.diff(key, prepend=-1))
    key = key[start]
    yz = block[0] * block[1]
    brick = np.column_stack([key // yz, key % yz // block[1], key % block[1]])
    return np.append(start, pair.size), pair, brick


def _pieces(primitives: Primitives, side: float) -> tuple[Ints, Floats, Floats]:
    """Bounds of primitives, of long ones piece by piece along the axis: which one, lowest and highest x, y, z, um."""
    lead = primitives.features[primitives.first[:-1]]  # the cone of a frustum: its axis from its start
    start = lead[:, 1:4]
    end = start + lead[:, 4:7] * primitives.place[:, 3, None]
    margin = np.maximum(np.minimum(start, end) - primitives.low, primitives.high - np.maximum(start, end))
    wide = np.maximum(margin.max(axis=1), 4 * side)
    count = np.maximum(np.ceil(primitives.place[:, 3] / wide).astype(np.int64), 1)
    p = np.repeat(np.arange(count.size), count)
    k = np.arange(p.size) - (np.cumsum(count) - count)[p]
    near, far = (start[p] + (end - start)[p] * (t / count[p])[:, None] for t in (k, k + 1))
    low = np.maximum(primitives.low[p], np.minimum(near, far) - margin[p])
    high = np.minimum(primitives.high[p], np.maximum(near, far) + margin[p])
    whole = (count == 1)[p, None]
    return p, np.where(whole, primitives.low[p], low), np.where(whole, primitives.high[p], high)


def _lines(brick: Ints) -> tuple[Ints, Ints, Ints]:
    """For the counting sort in `frusta.arrange`: first line and step of each brick, and a counter a line."""
    change_x = np.diff(brick[:, 0], prepend=-1) != 0
    column = np.cumsum(change_x | (np.diff(brick[:, 1], prepend=-1) != 0)) - 1
    slab = np.cumsum(change_x) - 1
    slab_first = column[change_x]
    total = int(column[-1]) + 1
    width = np.diff(slab_first, append=total)[slab]
    base = 64 * slab_first[slab] + 8 * (column - slab_first[slab])
    return base, 8 * width, np.zeros(64 * total + 1, dtype=np.int64)
