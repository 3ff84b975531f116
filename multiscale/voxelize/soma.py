"""Outlines of cell bodies -> one section: a body of revolution around the longest axis, or a stack of circles."""

from collections.abc import Sequence

import numpy as np

from multiscale.errors import GeometryError
from multiscale.geometry import Point4
from multiscale.segmentation import Floats

SLICES = 20
SAMPLES = 200


def sphere(
    centre: tuple[float, float, float], diameter: float, axis: Sequence[float] | Floats = (1, 0, 0)
) -> tuple[Point4, ...]:
    """A cylinder as long as a sphere's diameter, which has the sphere's area: three points along an axis."""
    direction = 0.5 * diameter * np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    return _rows(np.array([np.asarray(centre) + k * direction for k in (-1, 0, 1)]), np.full(3, diameter))


def body(contours: Sequence[Floats]) -> tuple[Point4, ...]:
    """Points of the soma with one outline or a stack of outlines, each closed, shape (k, 3), um.

    One outline is turned around its principal axis: the diameter is the outline's width across the axis. A stack
    becomes a polyline through the centres with the mean of two diameters: that of the circle of equal perimeter, and
    twice the mean distance from the centre.
    """
    contours = sorted(contours, key=lambda contour: float(contour[:, 2].mean()))
    sampled = [_resample(contour) for contour in contours]
    centres = np.array([points.mean(axis=0) for points in sampled])
    lengths = [_perimeter(contour) for contour in contours]
    if np.ptp(centres, axis=0).max() <= 1e-6 * max(lengths):
        return _revolved(contours[int(np.argmax(lengths))])
    radii = [np.linalg.norm(points - points.mean(axis=0), axis=1).mean() for points in sampled]
    return _rows(centres, np.array(radii) + np.array(lengths) / (2 * np.pi))


def _revolved(contour: Floats) -> tuple[Point4, ...]:
    """Diameters at the ends, where the outline's width is 0, are half of their neighbours'."""
    sampled = _resample(contour)
    centre = sampled.mean(axis=0)
    spread, axes = np.linalg.eigh((sampled - centre).T @ (sampled - centre))
    if spread[1] <= 1e-9 * spread[2]:
        raise GeometryError("the outline is a line, expected one that encloses an area; trace it around the cell body")
    major, minor = axes[:, 2], axes[:, 1]
    major = major * np.sign(major[np.argmax(np.abs(major))])
    along, across = (contour - centre) @ major, (contour - centre) @ minor
    middle, half = 0.5 * (along.max() + along.min()), 0.5 * np.ptp(along)
    place = middle - half * np.cos(np.pi * np.arange(SLICES + 1) / SLICES)  # denser where the width changes most
    width = np.empty(SLICES + 1)
    width[1:-1] = _width(along, across, place[1:-1])
    width[0], width[-1] = 0.5 * width[1], 0.5 * width[-2]
    return _rows(centre + place[:, None] * major, width)


def _width(along: Floats, across: Floats, place: Floats) -> Floats:
    """Distance between the outermost crossings of a polygon with the lines along = place, shape of place."""
    a0, a1, b0, b1 = along, np.roll(along, -1), across, np.roll(across, -1)
    crosses = (np.minimum(a0, a1) <= place[:, None]) & (place[:, None] <= np.maximum(a0, a1)) & (a0 != a1)
    t = (place[:, None] - a0) / np.where(a0 == a1, 1.0, a1 - a0)
    at = b0 + t * (b1 - b0)
    return np.asarray(np.where(crosses, at, -np.inf).max(axis=1) - np.where(crosses, at, np.inf).min(axis=1))


def _resample(contour: Floats) -> Floats:
    """Points at equal distances along a closed outline, shape (SAMPLES, 3)."""
    closed = np.vstack([contour, contour[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(SAMPLES) / SAMPLES * along[-1]
    return np.column_stack([np.interp(at, along, closed[:, j]) for j in range(3)])


def _perimeter(contour: Floats) -> float:
    return float(np.linalg.norm(contour - np.roll(contour, -1, axis=0), axis=1).sum())


def _rows(xyz: Floats, diameter: Floats) -> tuple[Point4, ...]:
    return tuple((x, y, z, d) for x, y, z, d in np.column_stack([xyz, diameter]).tolist())
