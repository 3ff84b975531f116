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
SAME = 1e-9  # relative difference of radii that are the same
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


@dataclass(frozen=True, eq=False)
class Frusta:
    """Frusta of some chains; lengths in um.

    Attributes:
        point: the point of the chains where each starts, shape (n,).
        chain: number of its chain, shape (n,).
        ends: x, y, z and radius at both ends, shape (2, n, 4).
        axis: unit vector from start to end, shape (n, 3).
        height: shape (n,).
        slope: change of the radius over the height, shape (n,).
        role: of the side: membrane, or closed for a bridge, shape (n,).
    """

    point: Ints
    chain: Ints
    ends: Floats
    axis: Floats
    height: Floats
    slope: Floats
    role: Floats

    @classmethod
    def of(cls, c: Chains) -> "Frusta":
        """One for every two neighbouring points of a chain that are apart."""
        step = np.zeros_like(c.points)
        step[:-1] = np.diff(c.points, axis=0)
        height = np.linalg.norm(step[:, :3], axis=1)
        point = np.flatnonzero(~c.ends & (height > 1e-9))
        step, height = step[point], height[point]
        ends = np.stack([c.points[point], c.points[point] + step])
        chain = np.cumsum(c.ends)[point] - c.ends[point]
        role = np.where(c.bridge[point], CLOSED, MEMBRANE)
        return cls(point, chain, ends, step[:, :3] / height[:, None], height, step[:, 3] / height, role)

    def features(self) -> Floats:
        """Cone, plane at the start and plane at the end of each, flat and closed, shape (n, 3, 11)."""
        rows = np.zeros((self.height.size, 3, 11))
        rows[:, 0, 0], rows[:, 0, 1:4], rows[:, 0, 4:7] = CONE, self.ends[0, :, :3], self.axis
        rows[:, 0, 7], rows[:, 0, 8], rows[:, 0, 9] = self.ends[0, :, 3], self.slope, 1 / np.hypot(1, self.slope)
        rows[:, 0, 10] = self.role
        rows[:, 1, 1:4], rows[:, 1, 4:7] = self.ends[0, :, :3], -self.axis
        rows[:, 2, 1:4], rows[:, 2, 4:7] = self.ends[1, :, :3], self.axis
        return rows


@dataclass(frozen=True, eq=False)
class Joints:
    """Pairs of frusta that meet.

    Attributes:
        pair: the two frusta, shape (2, m).
        end: which end of each, 0 its start or 1 its end, shape (2, m).
        inner: whether they follow one another in a section, shape (m,).
        at: x, y, z, um, shape (m, 3).
        radius: of both there, um, shape (2, m).
        bend: tangent of half the angle by which the direction changes, shape (m,).
    """

    pair: Ints
    end: Ints
    inner: np.ndarray
    at: Floats
    radius: Floats
    bend: Floats

    @classmethod
    def of(cls, c: Chains, f: Frusta) -> "Joints":
        """Neighbours in a chain, and the frusta at the ends where two chains meet."""
        follow = np.flatnonzero(f.chain[1:] == f.chain[:-1])
        rows = [np.column_stack([follow, follow + 1, np.ones_like(follow), np.zeros_like(follow)])]
        number = np.cumsum(c.ends) - c.ends  # chain of each point
        for i, j in c.joints:
            one, two = (np.flatnonzero(f.chain == number[k]) for k in (i, j))
            if one.size and two.size:
                last = bool(c.ends[i])
                rows.append(np.array([[one[-1 if last else 0], two[0], int(last), 0]]))
        table = np.vstack(rows).T
        pair, end = table[:2], table[2:]
        place = f.ends[end, pair]
        total = np.linalg.norm(f.axis[pair[0]] + f.axis[pair[1]], axis=1)
        change = np.linalg.norm(f.axis[pair[0]] - f.axis[pair[1]], axis=1)
        inner = np.arange(pair.shape[1]) < follow.size
        return cls(pair, end, inner, place[0, :, :3], place[:, :, 3], change / np.maximum(total, 1e-12))

    def mitred(self, f: Frusta) -> np.ndarray:
        """Which of them can share a plane, shape (m,)."""
        a, b = self.pair
        place = 2 * self.pair + self.end
        alone = (np.bincount(place.ravel(), minlength=2 * f.height.size)[place] == 1).all(axis=0)
        same = np.abs(self.radius[0] - self.radius[1]) <= SAME * self.radius[0]
        near = self.radius[0] * self.bend <= REACH * np.minimum(f.height[a], f.height[b])
        gentle = (self.bend <= 1) & (self.steepness(f) * self.bend <= STEEP)
        return np.asarray(alone & same & near & gentle & (self.end[0] == 1) & (self.end[1] == 0))

    def steepness(self, f: Frusta) -> Floats:
        """The larger of the two slopes, without sign, shape (m,)."""
        return np.asarray(np.abs(f.slope[self.pair]).max(axis=0))


def cell_primitives(cell: Morphology, filled: list[Interval]) -> Primitives:
    """Frusta and joints of the filled stretches of a cell; flat ends are closed and no membrane."""
    c = chains(cell, filled)
    f = Frusta.of(c)
    j = Joints.of(c, f)
    n, rows = f.height.size, f.features()
    (a, b), mitre = j.pair, j.mitred(f)
    ma, mb = a[mitre], b[mitre]
    normal = f.axis[ma] + f.axis[mb]
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    rows[ma, 2, 4:7], rows[mb, 1, 4:7] = normal, -normal
    rows[ma, 2, 10], rows[mb, 1, 10] = TO_NEXT, FROM_PREVIOUS

    # Flat ends of the other joints: that of the narrower one lies inside the ball and is no surface; where the radius
    # jumps inside a section, the ring between the two circles is membrane, as in 1-D.
    least = j.radius.min(axis=0)
    for k in (0, 1):
        wider = j.radius[k] > least * (1 + SAME)
        ring, hidden = ~mitre & j.inner & wider, ~mitre & ~wider & (j.steepness(f) <= STEEP)
        rows[j.pair[k][ring], 1 + j.end[k][ring], 10] = MEMBRANE
        rows[j.pair[k][hidden], 1 + j.end[k][hidden], 10] = TO_NEXT

    chosen = np.flatnonzero(~mitre)
    a, b, at, radius = a[chosen], b[chosen], j.at[chosen], least[chosen]
    balls = np.zeros((chosen.size, 5, 11))
    balls[:, 0, 0], balls[:, 0, 1:4], balls[:, 0, 7], balls[:, 0, 9] = SPHERE, at, radius, 1.0
    balls[:, 1], balls[:, 2] = rows[a, 0], rows[b, 0]
    for k, one in enumerate((a, b)):  # no farther than the other end of either
        away = np.where(j.end[k][chosen, None] == 1, -1.0, 1.0) * f.axis[one]
        balls[:, 3 + k, 1:4], balls[:, 3 + k, 4:7] = at + f.height[one, None] * away, away
    balls[:, :3, 10] = np.minimum(f.role[a], f.role[b])[:, None]

    near, far = c.along[f.point], c.along[f.point + 1]
    section = c.section[f.point]
    place = np.column_stack([section, near, far, f.height])
    at_joint = np.column_stack([section[b], near[b], near[b], np.zeros(b.size)])
    wide = np.zeros(n)  # how far a mitre reaches beyond an end, over the radius
    np.maximum.at(wide, np.concatenate([ma, mb]), np.tile(j.bend[mitre], 2))
    margin = f.ends[:, :, 3].max(axis=0) * np.hypot(1, wide) * (1 + np.abs(f.slope) * wide)
    return Primitives(
        np.vstack([rows.reshape(-1, 11), balls.reshape(-1, 11)]),
        np.concatenate([3 * np.arange(n), 3 * n + 5 * np.arange(chosen.size + 1)]),
        np.vstack([place, at_joint]),
        np.vstack([f.ends.min(axis=0)[:, :3] - margin[:, None], at - radius[:, None]]),
        np.vstack([f.ends.max(axis=0)[:, :3] + margin[:, None], at + radius[:, None]]),
    )
