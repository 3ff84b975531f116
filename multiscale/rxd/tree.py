"""Point, Cable, Morphology -> TreeMesh: frusta cut exactly at the borders and centres of segments, sections joined."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from multiscale.errors import GeometryError
from multiscale.geometry import Cable, Morphology, Point, Section
from multiscale.rxd.mesh import TreeMesh, node_at
from multiscale.segmentation import (
    Floats,
    Ints,
    MaxLength,
    Polylines,
    SegmentCount,
    frustum_area,
    frustum_axial,
    frustum_volume,
)

Geometry: TypeAlias = Point | Cable | Morphology


def discretize_geometry(geometry: Geometry) -> TreeMesh:
    """The mesh of a shape in 0-D or 1-D."""
    if isinstance(geometry, Point):
        return _point_mesh(geometry)
    if isinstance(geometry, Cable):
        return _morphology_mesh(_as_morphology(geometry))
    if isinstance(geometry, Morphology):
        return _morphology_mesh(geometry)
    solid = callable(getattr(geometry, "voxels", None))
    remedy = "fill it: shape.voxels(dx=0.25 * um)" if solid else "give one of these"
    raise GeometryError(f"geometry is {geometry!r:.80}, expected a Point, a Cable or a Morphology; {remedy}")


def _point_mesh(point: Point) -> TreeMesh:
    """One node; length and diameter are those of the cylinder with the point's volume and lateral area."""
    volume, area = float(point.volume), float(point.area or 0.0)
    diameter = 4 * volume / area
    length = area / (np.pi * diameter)
    zero, one, half = np.zeros(1), np.ones(1), np.array([[0.5 * length, 0.0, 0.0]])
    return TreeMesh(
        parent=np.array([-1]), volume=volume * one, area=area * one, half_self=zero, half_parent=zero,
        run_start=np.array([0]), run_stop=np.array([1]), length=length * one, diameter=diameter * one,
        x=zero, y=zero, z=zero, arc=zero, distance=zero, section=np.array([0]), position=0.5 * one,
        start=0.0 - half, end=half, section_names=("point",), section_tags=(0,),
    )  # fmt: skip


def _as_morphology(cable: Cable) -> Morphology:
    length, diameter = float(cable.length), float(cable.diameter)
    far = diameter if cable.end_diameter is None else float(cable.end_diameter)
    section = Section("cable", ((0.0, 0.0, 0.0, diameter), (length, 0.0, 0.0, far)))
    rule = MaxLength(1.0 if cable.dx is None else cable.dx) if cable.n is None else SegmentCount(cable.n)
    return Morphology((section,), rule)


def _morphology_mesh(cell: Morphology) -> TreeMesh:
    lines = cell.lines
    counts = cell.segments.counts(lines)
    cut = _cut(lines, counts)
    joints = _joints(cell, lines.length)
    n, section = int(counts.sum()), np.repeat(np.arange(counts.size), counts)
    first = np.cumsum(counts) - counts
    position = (np.arange(n) - first[section] + 0.5) / counts[section]
    length, volume = lines.length[section] / counts[section], cut.volume.sum(axis=1)
    arc = position * lines.length[section]
    parent, half_self, half_parent, depth = _connect(joints, counts, cut.axial)
    run_start, run_stop = _runs(parent, depth, n)
    empty = np.zeros(parent.size - n)
    centre = cut.centre
    return TreeMesh(
        parent=parent, volume=np.concatenate([volume, empty]), area=np.concatenate([cut.area.sum(axis=1), empty]),
        half_self=half_self, half_parent=half_parent, run_start=run_start, run_stop=run_stop,
        length=length, diameter=np.sqrt(4 * volume / (np.pi * length)), x=centre[:, 0], y=centre[:, 1], z=centre[:, 2],
        arc=arc, distance=np.where(section == 0, np.abs(arc - joints.origin), joints.distance[section] + arc),
        section=section, position=position, start=cut.start, end=cut.end,
        section_names=tuple(s.name for s in cell.sections), section_tags=tuple(int(s.tag) for s in cell.sections),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Cut:
    """Integrals over the two halves of each segment, shape (n, 2), and its points, shape (n, 3)."""

    volume: Floats
    area: Floats
    axial: Floats
    start: Floats
    centre: Floats
    end: Floats


def _cut(lines: Polylines, counts: Ints) -> _Cut:
    """Cut every section at the borders and centres of its segments and integrate each half segment exactly.

    Points and cuts are merged in one list along the cell, so that no piece between neighbours of the list has a kink;
    the integrals of the pieces of one half segment are then added up.
    """
    halves = 2 * counts
    section = np.repeat(np.arange(counts.size), halves + 1)
    first_cut = np.cumsum(halves + 1) - (halves + 1)
    step = (np.arange(section.size) - first_cut[section]) / halves[section]  # 0..1 along the section
    point, t = _locate_cuts(lines, section, step)

    # An entry (q, t) stands at fraction t < 1 between the points q and q + 1; points come first where both agree.
    m = lines.points.shape[0]
    entry_q, entry_t = np.concatenate([np.arange(m), point]), np.concatenate([np.zeros(m), t])
    order = np.argsort(entry_q + entry_t, kind="stable")
    q, near = entry_q[order], entry_t[order]
    far = np.append(np.where(q[1:] == q[:-1], near[1:], 1.0), 1.0)
    height, slope, diameter = lines.height[q], lines.step[q, 3], lines.points[q, 3]  # height, slope 0 at ends
    piece = ((far - near) * height, diameter + near * slope, diameter + far * slope)

    # Number of the half segment: cuts so far, less one a section; pieces before a section's first cut are empty.
    half = np.maximum(np.cumsum(order >= m) - 1 - lines.section[q], 0)
    total = int(halves.sum())

    def per_half(value: Floats) -> Floats:
        return np.bincount(half, value, total + 1)[:total].reshape(-1, 2).astype(np.float64, copy=False)

    xyz = lines.points[point, :3] + t[:, None] * lines.step[point, :3]
    is_last = np.zeros(section.size, dtype=bool)
    is_last[first_cut + halves] = True
    at = np.flatnonzero(~is_last)[::2]
    return _Cut(
        per_half(frustum_volume(*piece)), per_half(frustum_area(*piece)), per_half(frustum_axial(*piece)),
        xyz[at], xyz[at + 1], xyz[at + 2],
    )  # fmt: skip


def _locate_cuts(lines: Polylines, section: Ints, step: Floats) -> tuple[Ints, Floats]:
    """Point before each cut and the fraction of the way to the next point, 0 <= t < 1.

    Args:
        lines: the points.
        section: of each cut, shape (k,).
        step: fraction of the section's length, from 0 to exactly 1, shape (k,).
    """
    along = lines.arc / lines.length[lines.section]
    point = np.searchsorted(2 * lines.section + along, 2 * section + step, side="right") - 1
    point = np.clip(point, lines.first[section], lines.first[section + 1] - 2)
    height = lines.height[point]
    t = (step * lines.length[section] - lines.arc[point]) / np.where(height > 0, height, 1.0)
    t = np.where((step == 0) | (t < 1e-9), 0.0, t)  # a cut on a point is that point
    point = np.where(step == 0, lines.first[section], point)
    at_next = (t > 1 - 1e-9) | (step == 1)
    point = np.where(step == 1, lines.first[section + 1] - 1, point + at_next)
    return point, np.where(at_next, 0.0, t)


@dataclass(frozen=True, eq=False)
class _Joints:
    """How sections are joined: resolved parent and place on it, sections to the root, path length to the start."""

    parent: Ints
    x: Floats
    depth: Ints
    distance: Floats
    origin: float


def _joints(cell: Morphology, length: Floats) -> _Joints:
    """Joint of each section. One at the start of its parent is joined where the parent is, unless that is the root."""
    lengths: list[float] = length.tolist()
    origin = 0.5 * lengths[0] if cell.sections[0].tag == 1 else 0.0
    parents, places, depths, distances = [-1], [0.0], [0], [-origin]
    for section in cell.sections[1:]:
        parent, x = int(section.parent), float(section.parent_x)
        if x == 0.0 and parent > 0:
            parent, x = parents[parent], places[parent]
        there = distances[parent] + x * lengths[parent]
        parents.append(parent)
        places.append(x)
        depths.append(depths[parent] + 1)
        distances.append(abs(there) if parent == 0 else there)
    return _Joints(np.array(parents), np.array(places), np.array(depths), np.array(distances), origin)


def _connect(joints: _Joints, counts: Ints, axial: Floats) -> tuple[Ints, Floats, Floats, Ints]:
    """Parent, half_self, half_parent and depth of each node, shape (n_total,)."""
    n = int(counts.sum())
    first, last = np.cumsum(counts) - counts, np.cumsum(counts) - 1
    child = np.arange(1, counts.size)
    to, x = joints.parent[1:], joints.x[1:]
    at_end, at_start = x == 1.0, x == 0.0  # at_start: of the root, see _joints
    started = np.bincount(to[at_end], minlength=counts.size)
    forks = np.flatnonzero(started >= 2)  # sections with a junction at their far end
    near_end = int(at_start.any())  # the root's junction at its near end comes first
    junction = np.full(counts.size, -1)
    junction[forks] = n + near_end + np.arange(forks.size)

    total = n + near_end + forks.size
    parent, depth = np.arange(-1, total - 1), np.zeros(total, dtype=np.int64)
    half_self, half_parent = np.zeros(total), np.zeros(total)
    half_self[1:n], half_parent[1:n] = axial[1:, 0], axial[:-1, 1]
    depth[:n] = np.repeat(2 * joints.depth, counts)

    inside = np.array([node_at(*place) for place in zip(x.tolist(), counts[to].tolist(), strict=True)], dtype=np.int64)
    single = at_end & (started[to] == 1)
    joined = np.select([at_start, single, at_end], [np.full(to.size, n), last[to], junction[to]], first[to] + inside)
    parent[first[child]] = joined
    half_parent[first[child]] = np.where(single, axial[last[to], 1], 0.0)

    if near_end:
        parent[n], half_parent[n], depth[n] = 0, axial[0, 0], 1
    parent[junction[forks]] = last[forks]
    half_parent[junction[forks]] = axial[last[forks], 1]
    depth[junction[forks]] = 2 * joints.depth[forks] + 1
    return parent, half_self, half_parent, depth


def _runs(parent: Ints, depth: Ints, n: int) -> tuple[Ints, Ints]:
    """First node and one past the last node of each run, nearest to the root first."""
    index = np.arange(parent.size)
    start = np.flatnonzero((parent != index - 1) | (index == 0) | (index >= n))
    stop = np.append(start[1:], parent.size)
    order = np.argsort(depth[start], kind="stable")
    return start[order], stop[order]
