"""Intervals of a cell's sections -> primitives: frusta, joined by mitres or by clipped balls.

Two frusta that follow one another share the plane that halves their angle: each is continued to it and neither has an
end there, so that a bent tube has the volume and area of its frusta. Where that plane would reach too far (sharp bends,
frusta shorter than wide), and where a section starts on the end of another one, both have flat ends, and a ball as wide
as the narrower one fills the wedge between them; it is clipped by the sides of both frusta, continued, and by their
lengths. A neurite that starts apart from the place where it is joined gets a bridge to it, a cylinder.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from multiscale.geometry import Morphology
from multiscale.segmentation import Floats, Ints, Polylines
from multiscale.voxelize.bricks import Primitives

PLANE, CONE, SPHERE = 0.0, 1.0, 2.0
CLOSED, MEMBRANE, TO_NEXT, FROM_PREVIOUS = 0.0, 1.0, 2.0, 3.0

REACH = 0.45  # part of a frustum's length that one mitre may take
STEEP = 0.3  # change of the radius between the middle and the rim of a mitre, over the radius
APART = 1e-6  # um


class Interval(NamedTuple):
    """A stretch of a section, in fractions of its length."""

    section: int
    start: float
    stop: float


@dataclass(frozen=True, eq=False)
class Chains:
    """Points of the filled stretches, one chain after another; a chain is cut where no frustum follows.

    Attributes:
        points: x, y, z and radius, um, shape (m, 4).
        along: fraction of the section's length, shape (m,).
        section: shape (m,).
        ends: whether the chain ends at a point, shape (m,).
        bridge: whether what follows a point is a bridge, shape (m,).
        joints: pairs of points at which two chains meet: the end of one, the start of the other.
    """

    points: Floats
    along: Floats
    section: Ints
    ends: np.ndarray
    bridge: np.ndarray
    joints: list[tuple[int, int]]


def intervals(section: Iterable[int], start: Iterable[float], stop: Iterable[float]) -> list[Interval]:
    """Stretches sorted, those that touch or overlap made one."""
    merged: list[Interval] = []
    for one in sorted(map(Interval, section, start, stop)):
        last = merged[-1] if merged else None
        if last is not None and last.section == one.section and one.start <= last.stop + 1e-9:
            merged[-1] = last._replace(stop=max(last.stop, one.stop))
        else:
            merged.append(one)
    return merged


def chains(cell: Morphology, filled: list[Interval]) -> Chains:
    """The polylines of the filled stretches, with bridges, and where they meet."""
    lines = cell.lines
    parent, place = _joined(cell)
    whole: dict[int, list[tuple[int, Interval]]] = {}
    for k, one in enumerate(filled):
        whole.setdefault(one.section, []).append((k, one))
    points, along, section, bridges = [], [], [], []
    first: list[int] = []
    last: list[int] = []
    meets: list[tuple[int, int, float]] = []
    total = 0
    for one in filled:
        xyzr, fraction = _stretch(lines, one)
        holder = -1
        if one.start == 0 and one.section > 0:
            above, x = int(parent[one.section]), float(place[one.section])
            holder = next((k for k, other in whole.get(above, ()) if other.start <= x <= other.stop), -1)
        bridge = False
        if holder >= 0:
            centre = _at(lines, above, x)[0]
            bridge = bool(np.linalg.norm(centre[:3] - xyzr[0, :3]) > APART)
            if bridge:
                xyzr = np.vstack([[*centre[:3], xyzr[0, 3]], xyzr])
                fraction = np.append(0.0, fraction)
            if x in {0.0, 1.0}:
                meets.append((holder, len(first), x))
        points.append(xyzr)
        along.append(fraction)
        section.append(np.full(fraction.size, one.section))
        bridges.append(np.arange(fraction.size) == (0 if bridge else -1))
        first.append(total)
        total += fraction.size
        last.append(total - 1)
    ends = np.zeros(total, dtype=bool)
    ends[last] = True
    joints = [(last[k] if x == 1.0 else first[k], first[child]) for k, child, x in meets]
    return Chains(
        np.vstack(points), np.concatenate(along), np.concatenate(section), ends, np.concatenate(bridges), joints
    )


def _joined(cell: Morphology) -> tuple[Ints, Floats]:
    """Section and place on it at which each section is joined; what is joined to a start is joined where that is."""
    parent, place = np.array(cell.parents), np.array([s.parent_x for s in cell.sections], dtype=np.float64)
    for i in range(1, parent.size):
        if place[i] == 0.0 and parent[i] > 0:
            parent[i], place[i] = parent[parent[i]], place[parent[i]]
    return parent, place


def _stretch(lines: Polylines, one: Interval) -> tuple[Floats, Floats]:
    """Points with radii, um, shape (k, 4), and fractions of the length, shape (k,), of a stretch of a section."""
    rows = slice(lines.first[one.section], lines.first[one.section + 1])
    length = lines.length[one.section]
    fraction = lines.arc[rows] / length
    points = lines.points[rows] * [1, 1, 1, 0.5]
    tolerance = 1e-9
    inner = (fraction > one.start + tolerance) | (one.start <= 0)
    inner &= (fraction < one.stop - tolerance) | (one.stop >= 1)
    points, fraction = points[inner], fraction[inner]
    if one.start > 0:
        points, fraction = np.vstack([_at(lines, one.section, one.start)[0], points]), np.append(one.start, fraction)
    if one.stop < 1:
        points, fraction = np.vstack([points, _at(lines, one.section, one.stop)[0]]), np.append(fraction, one.stop)
    return points, fraction


def _at(lines: Polylines, section: int, x: float) -> tuple[Floats, int]:
    """x, y, z and radius, um, shape (4,), at a fraction of a section's length, and the point before it."""
    low, high = int(lines.first[section]), int(lines.first[section + 1]) - 1
    arc = x * lines.length[section]
    point = low + int(np.searchsorted(lines.arc[low + 1 : high], arc, side="right"))
    height = lines.height[point]
    t = min(max((arc - lines.arc[point]) / height, 0.0), 1.0) if height > 0 else 0.0
    return np.asarray((lines.points[point] + t * lines.step[point]) * [1, 1, 1, 0.5]), point


def cell_primitives(cell: Morphology, filled: list[Interval]) -> Primitives:
    """Frusta and joints of the filled stretches of a cell; flat ends are closed and no membrane."""
    c = chains(cell, filled)
    step = np.zeros_like(c.points)
    step[:-1] = np.diff(c.points, axis=0)
    height = np.linalg.norm(step[:, :3], axis=1)
    frustum = np.flatnonzero(~c.ends & (height > 1e-9))
    n = frustum.size
    start, end = c.points[frustum], c.points[frustum] + step[frustum]
    height = height[frustum]
    axis = step[frustum, :3] / height[:, None]
    slope = step[frustum, 3] / height
    cosine = 1 / np.hypot(1, slope)
    skin = np.where(c.bridge[frustum], CLOSED, MEMBRANE)
    chain = np.cumsum(c.ends)[frustum] - c.ends[frustum]

    rows = np.zeros((n, 3, 11))
    rows[:, 0] = np.column_stack([np.full(n, CONE), start[:, :3], axis, start[:, 3], slope, cosine, skin])
    rows[:, 1, 1:4], rows[:, 1, 4:7] = start[:, :3], -axis
    rows[:, 2, 1:4], rows[:, 2, 4:7] = end[:, :3], axis

    # pairs of frusta that meet, and at which end of each: 0 its start, 1 its end
    follow = np.flatnonzero(chain[1:] == chain[:-1])
    pairs = [np.column_stack([follow, follow + 1, np.ones_like(follow), np.zeros_like(follow)])]
    pairs += [np.array(_outer_pairs(c, frustum, chain), dtype=np.int64).reshape(-1, 4)]
    a, b, end_a, end_b = np.vstack(pairs).T
    away_a, away_b = np.where(end_a, -1.0, 1.0)[:, None] * axis[a], np.where(end_b, -1.0, 1.0)[:, None] * axis[b]
    at = np.where(end_a[:, None] == 1, end[a], start[a])
    radius_a, radius_b = at[:, 3], np.where(end_b == 1, end[b, 3], start[b, 3])
    tan_half = _tan_half(axis, a, b)
    partners = (
        np.bincount(2 * a + end_a, minlength=2 * n)[2 * a + end_a]
        + np.bincount(2 * b + end_b, minlength=2 * n)[2 * b + end_b]
    )
    mitre = (end_a == 1) & (end_b == 0) & (partners == 2) & (np.abs(radius_a - radius_b) <= 1e-9 * radius_a)
    mitre &= (tan_half <= 1) & (radius_a * tan_half <= REACH * np.minimum(height[a], height[b]))
    mitre &= np.maximum(np.abs(slope[a]), np.abs(slope[b])) * tan_half <= STEEP
    normal = axis[a] + axis[b]
    normal = normal[mitre] / np.linalg.norm(normal[mitre], axis=1)[:, None]
    rows[a[mitre], 2, 4:7], rows[b[mitre], 1, 4:7] = normal, -normal
    rows[a[mitre], 2, 10], rows[b[mitre], 1, 10] = TO_NEXT, FROM_PREVIOUS
    wide = np.full(n, 0.0)  # how far a mitre can reach beyond an end, over the radius
    np.maximum.at(wide, a[mitre], tan_half[mitre])
    np.maximum.at(wide, b[mitre], tan_half[mitre])
    ring = ~mitre & (np.arange(a.size) < follow.size) & (np.abs(radius_a - radius_b) > 1e-9 * radius_a)
    rows[a[ring], 2, 10] = np.where(radius_a > radius_b, MEMBRANE, CLOSED)[ring]
    rows[b[ring], 1, 10] = np.where(radius_b > radius_a, MEMBRANE, CLOSED)[ring]

    ball = ~mitre
    a, b, at, away_a, away_b = a[ball], b[ball], at[ball], away_a[ball], away_b[ball]
    radius = np.minimum(radius_a, radius_b)[ball]
    balls = np.zeros((a.size, 5, 11))
    balls[:, 0, 0], balls[:, 0, 1:4], balls[:, 0, 7], balls[:, 0, 9] = SPHERE, at[:, :3], radius, 1.0
    balls[:, 1], balls[:, 2] = rows[a, 0], rows[b, 0]
    balls[:, 3, 1:4], balls[:, 3, 4:7] = at[:, :3] + height[a, None] * away_a, away_a
    balls[:, 4, 1:4], balls[:, 4, 4:7] = at[:, :3] + height[b, None] * away_b, away_b
    balls[:, :3, 10] = np.minimum(skin[a], skin[b])[:, None]

    section, near, far = c.section[frustum], c.along[frustum], c.along[frustum + 1]
    place = np.column_stack([section, near, far, height])
    joint_place = np.column_stack([section[b], near[b], near[b], np.zeros(b.size)])
    margin = np.maximum(start[:, 3], end[:, 3]) * np.hypot(1, wide) * (1 + np.abs(slope) * wide)
    low = np.minimum(start, end)[:, :3] - margin[:, None]
    high = np.maximum(start, end)[:, :3] + margin[:, None]
    return Primitives(
        np.vstack([rows.reshape(-1, 11), balls.reshape(-1, 11)]),
        np.concatenate([3 * np.arange(n), 3 * n + 5 * np.arange(a.size + 1)]),
        np.vstack([place, joint_place]),
        np.vstack([low, at[:, :3] - radius[:, None]]),
        np.vstack([high, at[:, :3] + radius[:, None]]),
    )


def _tan_half(axis: Floats, a: Ints, b: Ints) -> Floats:
    """Tangent of half the angle by which the direction changes from one frustum to another."""
    total, change = np.linalg.norm(axis[a] + axis[b], axis=1), np.linalg.norm(axis[a] - axis[b], axis=1)
    return np.asarray(change / np.maximum(total, 1e-12))


def _outer_pairs(c: Chains, frustum: Ints, chain: Ints) -> list[tuple[int, int, int, int]]:
    """Frusta of two chains that meet: their numbers, and which end of each, 0 its start or 1 its end."""
    number = np.cumsum(c.ends) - c.ends  # chain of each point
    pairs = []
    for i, j in c.joints:
        found = [np.flatnonzero(chain == number[k]) for k in (i, j)]
        at_end = bool(c.ends[i])
        pairs.append((int(found[0][-1 if at_end else 0]), int(found[1][0]), int(at_end), 0))
    return pairs
