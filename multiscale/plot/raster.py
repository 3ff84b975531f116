"""Triangles and voxels as pixels, in numpy: parallel projection with a depth buffer.

matplotlib sorts polygons by their middles and takes seconds for a hundred thousand; here every pixel knows what is
nearest, whatever lies inside what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CHUNK = 1_500_000  # samples that are held at once
DENSER = 1.45  # samples a pixel along each side of a triangle: enough that none is left out between them
LIGHT = np.array([-0.42, 0.52, 0.74])  # towards the lamp: over the left shoulder
AMBIENT, DIFFUSE, CREASES = 0.66, 0.40, 0.5
BLUR = 0.06  # of the width of the picture: what counts as the surroundings of a pixel


@dataclass(frozen=True, eq=False)
class Screen:
    """A grid of pixels that looks along the third axis of turned coordinates.

    Args:
        low: lower left corner, um, shape (2,).
        pixel: side of a pixel, um.
        shape: rows and columns.
    """

    low: Floats
    pixel: float
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a screen shows: for each pixel the nearest triangle.

    Args:
        depth: how near, um, -inf where there is nothing, shape (pixels,).
        triangle: number of the triangle, -1 where there is nothing, shape (pixels,).
        weights: of its three corners, shape (pixels, 3).
    """

    depth: NDArray[np.float32]
    triangle: Ints
    weights: NDArray[np.float32]

    def mixed(self, triangles: Ints, values: NDArray[Any]) -> NDArray[Any]:
        """Values at the corners, shape (vertices, ...), mixed in each pixel; 0 where there is nothing."""
        mixed = np.zeros((self.depth.size, *values.shape[1:]), dtype=np.float32)
        there, values = np.flatnonzero(self.triangle >= 0), values.astype(np.float32)
        corners, weights = triangles[self.triangle[there]], self.weights[there]
        wide = (slice(None),) + (None,) * (values.ndim - 1)
        mixed[there] = sum(weights[:, i][wide] * values[corners[:, i]] for i in range(3))
        return mixed


def draw_triangles(screen: Screen, vertices: Floats, triangles: Ints) -> Seen:
    """Find the nearest triangle in each pixel; those seen from behind are left out.

    Args:
        screen: the pixels.
        vertices: turned coordinates, um, shape (m, 3), the third towards the eye.
        triangles: numbers of vertices, counter-clockwise seen from outside, shape (k, 3).
    """
    depth = np.full(screen.size + 1, -np.inf, dtype=np.float32)
    seen, weights = np.full(screen.size + 1, -1), np.zeros((screen.size + 1, 3), dtype=np.float32)
    turned = vertices.astype(np.float32)
    turned[:, :2] = (turned[:, :2] - screen.low) / screen.pixel
    corners = [turned[triangles[:, i]] for i in range(3)]
    one, two = corners[1] - corners[0], corners[2] - corners[0]
    front = np.flatnonzero(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] > 0)
    sides = np.max([np.hypot(*(corners[i] - corners[i - 1])[front, :2].T) for i in range(3)], axis=0)
    steps = np.maximum(np.ceil(DENSER * sides).astype(int), 1)
    steps = np.where(steps > 8, 2 ** np.ceil(np.log2(steps)).astype(int), steps)
    for count in np.unique(steps):
        i, j = np.nonzero(np.add.outer(np.arange(count + 1), np.arange(count + 1)) <= count)
        mix = np.stack([i, j, count - i - j], axis=1).astype(np.float32) / np.float32(count)
        group = front[steps == count]
        for part in np.array_split(group, -(-group.size * len(mix) // CHUNK)):
            x, y, near = (mix @ np.stack([corner[part, axis] for corner in corners]) for axis in range(3))
            column, row = x.astype(np.int32), y.astype(np.int32)
            outside = (column < 0) | (column >= screen.shape[1]) | (row < 0) | (row >= screen.shape[0])
            pixels = row.astype(np.int64) * screen.shape[1] + column
            pixels[outside] = screen.size  # the last place, which nobody reads
            np.maximum.at(depth, pixels.ravel(), near.ravel())
            sample, number = np.nonzero(near == depth[pixels])
            seen[pixels[sample, number]] = part[number]
            weights[pixels[sample, number]] = mix[sample]
    return Seen(depth[:-1], seen[:-1], weights[:-1])


def lit(screen: Screen, seen: Seen, normals: Floats) -> Floats:
    """Brightness of each pixel, about 0.5 to 1.05: light from the upper left, and shade in creases.

    The shade is the difference between the depth and its surroundings. Source: Luft, Colditz and Deussen (2006), ACM
    Trans. Graph. 25, 1206.

    Args:
        screen: the pixels.
        seen: what they show.
        normals: turned unit normals in each pixel, shape (pixels, 3).
    """
    from scipy.ndimage import uniform_filter

    def blurred(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        for _ in range(2):
            picture = uniform_filter(picture, reach, mode="constant")
        return picture

    towards = normals @ (LIGHT / np.linalg.norm(LIGHT)).astype(np.float32)
    light = AMBIENT + DIFFUSE * np.maximum(towards, 0.0) - 0.10 * (1 - np.clip(normals[:, 2], 0, 1)) ** 2
    there = np.isfinite(seen.depth).reshape(screen.shape)
    if not there.any():
        return np.asarray(light)
    low, high = seen.depth[there.ravel()].min(), seen.depth[there.ravel()].max()
    depth = np.where(there, (seen.depth.reshape(screen.shape) - low) / max(high - low, 1e-9), np.float32(0.0))
    reach = max(3, round(BLUR * max(screen.shape)))
    behind = depth - blurred(depth) / np.maximum(blurred(there.astype(np.float32)), 1e-6)
    return np.asarray(light * (1 + np.clip(CREASES * behind, -0.35, 0.0)).ravel())


def draw_voxels(
    screen: Screen, frame: Floats, centres: Floats, dx: float, values: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Project cubes: the largest value along the line of sight of each pixel, or a weighted mean.

    Args:
        screen: the pixels.
        frame: unit vectors to the right, upwards and towards the eye, shape (3, 3).
        centres: turned middles of the cubes, um, all on the screen, shape (n, 3).
        dx: side of the cubes, um.
        values: finite, shape (n,).
        weights: weight of a um of each cube in the mean, shape (n,); None: the largest value.

    Returns:
        Values, NaN where there is nothing, shape (rows, columns); depth of the largest value, or the sum of weight
        times um for a mean, shape (rows, columns).
    """
    reach = int(np.ceil(np.sqrt(3) / 2 * dx / screen.pixel + 1))
    rows, columns = (count + 2 * reach for count in screen.shape)  # with a border, so that no cube sticks out
    x, y = (offset.ravel() for offset in np.meshgrid(*[np.arange(-reach, reach + 1)] * 2))
    wider = float(dx + screen.pixel * np.abs(frame[:2]).max())  # no gap between cubes where their middles are rounded
    lengths = _chords(screen.pixel * np.stack([x, y], axis=1).astype(float), frame, wider)
    steps, lengths = (y * columns + x)[lengths > 0], lengths[lengths > 0]
    column, row = np.floor((centres[:, :2] - screen.low) / screen.pixel).astype(np.int64).T + reach
    order = np.argsort(values, kind="stable")  # numbers rise with the values, so the largest number is the largest
    pixels = (row * columns + column)[order]
    inside = np.s_[reach : rows - reach, reach : columns - reach]
    if weights is not None:
        total, amount = np.zeros(rows * columns), np.zeros(rows * columns)
        for step, length in zip(steps, lengths, strict=True):
            share = weights[order] * length
            amount += np.bincount(pixels + step, share, rows * columns)
            total += np.bincount(pixels + step, share * values[order], rows * columns)
        mean = np.where(amount > 0, total / np.where(amount > 0, amount, 1.0), np.nan)
        return mean.reshape(rows, columns)[inside], amount.reshape(rows, columns)[inside]
    best, numbers = np.full(rows * columns, -1), np.arange(order.size)
    for step in steps:
        np.maximum.at(best, pixels + step, numbers)
    best = best.reshape(rows, columns)[inside]
    return (
        np.where(best >= 0, values[order[best]], np.nan),
        np.where(best >= 0, centres[order[best], 2], -np.inf),
    )


def _chords(near: Floats, frame: Floats, side: float) -> Floats:
    """How far lines of sight run inside of a cube around 0, um, shape (k,), for places on the screen, shape (k, 2)."""
    start, along = near @ frame[:2], frame[2]
    enter, leave = np.full(len(near), -np.inf), np.full(len(near), np.inf)
    for axis in range(3):
        if abs(along[axis]) < 1e-9:
            leave = np.where(np.abs(start[:, axis]) > side / 2, -np.inf, leave)
            continue
        ends = (np.array([[-side / 2], [side / 2]]) - start[:, axis]) / along[axis]
        enter, leave = np.maximum(enter, ends.min(axis=0)), np.minimum(leave, ends.max(axis=0))
    return np.asarray(np.maximum(leave - enter, 0.0))
