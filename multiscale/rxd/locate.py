"""Places in space → nodes of a mesh: points, lines, planes, sub-volumes; of voxels and of segments.

A node has two sides: its concentrations live in a voxel where the cell is voxelised, its potential on a segment always.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import GeometryError
from multiscale.geometry import Location
from multiscale.probes import MOST_POINTS, Line, Mean, Plane, place_text
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import Mesh
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.voxel_mesh import path_length
from multiscale.solids import Ball, Box, Frustum, Near, Part, Solid, Union
from multiscale.symbols import condition

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

KINDS = "a place such as cell.soma(0.5), a point (x, y, z), a Line, a Plane, a Ball or Box, or a condition"
_PAIRS = 4_000_000  # points times segments that are compared at once


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes at which a field can be, voxels first, with their extents.

    Attributes:
        mesh: the mesh.
        electric: whether potentials are meant, or what is on membranes.
        number: their numbers in the mesh, ascending, shape (k,).
        centre: x, y, z, um, shape (k, 3).
        side: of the voxels, um; the first nodes are voxels; shape (voxels,).
        start: x, y, z where a segment starts, um, shape (k - voxels, 3).
        end: where it ends, um, shape (k - voxels, 3).
        radius: of the segments, um, shape (k - voxels,).
    """

    mesh: Mesh
    electric: bool
    number: Index
    centre: Array
    side: Array
    start: Array
    end: Array
    radius: Array

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return self.side.size

    def holding(self, points: Array) -> Index:
        """Node that holds each point, shape (p, 3) → shape (p,); -1 where none does."""
        found = self._segments(points)
        if isinstance(self.mesh, TreeMesh) or not self.voxels:
            return found
        for first, grid in zip(self.mesh.starts, self.mesh.grids, strict=True):
            voxel = grid.voxels.find(np.floor((points - grid.voxels.origin) / grid.voxels.dx).astype(np.int64))
            node = first + grid.lane[voxel]
            found = np.where((voxel >= 0) & self._allowed[node], node, found)
        return found

    @cached_property
    def _allowed(self) -> Mask:
        allowed = np.zeros(self.mesh.n, dtype=bool)
        allowed[self.number] = True
        return allowed

    def nearest(self, point: Array) -> tuple[int, float, float]:
        """Node nearest to a point, how far outside of it the point is, um, and how far is near enough, um."""
        beyond = np.maximum(np.abs(point - self.centre[: self.voxels]) - 0.5 * self.side[:, None], 0.0)
        away = np.concatenate([np.sqrt((beyond**2).sum(axis=1)), self._outside(point[None])[0]])
        k = int(np.argmin(away))
        reach = self.side[k] if k < self.voxels else self.radius[k - self.voxels]
        return int(self.number[k]), max(float(away[k]), 0.0), float(reach)

    def _outside(self, points: Array) -> Array:
        """Distance of points from the cylinders of the segments, um, at most 0 inside, shape (p, segments)."""
        axis = self.end - self.start
        square = np.maximum((axis**2).sum(axis=1), 1e-300)
        along = np.clip(((points[:, None] - self.start) * axis).sum(axis=2) / square, 0.0, 1.0)
        gap = points[:, None] - self.start - along[:, :, None] * axis
        return np.asarray(np.sqrt((gap**2).sum(axis=2)) - self.radius)

    def _segments(self, points: Array) -> Index:
        found = np.full(len(points), -1, dtype=np.int64)
        if self.radius.size:
            block = max(1, _PAIRS // self.radius.size)
            for first in range(0, len(points), block):
                away = self._outside(points[first : first + block])
                best = away.argmin(axis=1)
                inside = away[np.arange(best.size), best] <= 0
                found[first : first + block] = np.where(inside, self.number[self.voxels + best], -1)
        return found


def nodes_of(mesh: Mesh, electric: bool = False) -> Nodes:
    """The nodes at which concentrations are, or with `electric` those of the potential and of what is on membranes."""
    tree, first = mesh.tree, mesh.tree_start
    if isinstance(mesh, TreeMesh):
        number, sides = np.arange(mesh.n), np.zeros(0)
    else:
        number = np.flatnonzero(mesh.electric if electric else mesh.chemical)
        sides = np.repeat([grid.voxels.dx for grid in mesh.grids], [grid.n for grid in mesh.grids])
    voxels = int(np.searchsorted(number, first))
    segment = number[voxels:] - first
    centre = np.column_stack([mesh.x[number], mesh.y[number], mesh.z[number]])
    return Nodes(
        mesh, electric, number, centre, np.asarray(sides[number[:voxels]], dtype=np.float64), tree.start[segment],
        tree.end[segment], 0.5 * tree.diameter[segment],
    )  # fmt: skip


def resolve_probe(place: Any, mesh: Mesh, electric: bool = False, what: str = "record: a field is wanted") -> Index:
    """Numbers of the nodes of a place; in order along a Line, else ascending; shape (k,), k >= 1.

    Args:
        place: a Location, a point (x, y, z) in um, a Line, a Plane, a solid (nodes whose centre is inside), a
            condition on position, tags and sections, or the Mean over one of these.
        mesh: the nodes.
        electric: whether a potential or something on a membrane is wanted there.
        what: the beginning of messages.

    Raises:
        GeometryError: it is no place, or no node is there.
    """
    return find(place, nodes_of(mesh, electric), what)


def find(place: Any, nodes: Nodes, what: str) -> Index:
    """Like `resolve_probe`, for nodes that are prepared once for many places."""
    if isinstance(place, Mean):
        place = place.place
    if isinstance(place, Location):
        mesh = nodes.mesh
        one = mesh.locate(place) if isinstance(mesh, TreeMesh) or nodes.electric else mesh.locate_voxel(place)
        return np.array([one], dtype=np.int64)
    if isinstance(place, tuple) and len(place) == 3:
        return np.array([held(np.array(place, dtype=np.float64), nodes, what)], dtype=np.int64)
    if isinstance(place, Line):
        return _on_line(place, nodes, what)
    mask = _mask(place, nodes, what)
    if mask is None:
        raise GeometryError(f"{what} at {place!r:.80}, expected {KINDS}; give one")
    if not mask.any():
        raise GeometryError(f"{what} at {place_text(place)}, where there is no node{_hint(place, nodes)}")
    return nodes.number[mask]


def held(point: Array, nodes: Nodes, what: str) -> int:
    """Node that holds a point, or the nearest one if the point is outside of it by at most a voxel (or a radius).

    Raises:
        GeometryError: the point is farther away.
    """
    node = int(nodes.holding(point[None])[0])
    if node >= 0:
        return node
    node, away, reach = nodes.nearest(point)
    if away > reach:
        x, y, z = (nodes.mesh.x[node], nodes.mesh.y[node], nodes.mesh.z[node])
        text = place_text(tuple(point.tolist()))
        raise GeometryError(
            f"{what} at {text}, {away:.3g} um outside of the cell, expected a point inside; "
            f"move it, the nearest node is at ({x:.4g}, {y:.4g}, {z:.4g})"
        )
    return node


def _on_line(line: Line, nodes: Nodes, what: str) -> Index:
    start, end = np.array(line.start, dtype=np.float64), np.array(line.end, dtype=np.float64)
    length = float(np.sqrt(((end - start) ** 2).sum()))
    lengths = np.sqrt(((nodes.end - nodes.start) ** 2).sum(axis=1))
    finest = np.concatenate([nodes.side, lengths[lengths > 0], [length]]).min()
    count = line.n or int(min(np.ceil(4 * length / finest) + 1, MOST_POINTS))
    found = nodes.holding(start + np.linspace(0.0, 1.0, count)[:, None] * (end - start))
    found = found[found >= 0]
    if not found.size:
        middle = 0.5 * (start + end)
        raise GeometryError(
            f"{what} at {line}, none of whose {count} points is in the cell, expected a line through it; "
            f"move it, its middle is {nodes.nearest(middle)[1]:.3g} um outside"
        )
    return found[np.sort(np.unique(found, return_index=True)[1])]


def _mask(place: Any, nodes: Nodes, what: str) -> Mask | None:
    """Which nodes belong to a place with an extent, shape (k,); None if it is no such place."""
    if isinstance(place, Part):
        return _in_part(place, nodes, what)
    if isinstance(place, sympy.Basic):
        return places.mask(condition(place, f"{what} at a place that"), nodes.mesh)[nodes.number]
    if isinstance(place, Plane):
        return _cut(place, nodes)
    return inside(place, nodes.centre) if isinstance(place, Solid) else None


def _in_part(part: Part, nodes: Nodes, what: str) -> Mask:
    """Segments of a part of a cell, and the voxels that belong to them."""
    mesh = nodes.mesh
    if not isinstance(part.where, Near):
        return places.mask(condition(part.where, f"{what} at a part that"), mesh)[nodes.number]
    chosen = path_length(mesh.tree, Location(part.where.section, part.where.x)) <= float(part.where.reach)
    lanes = np.zeros(0, dtype=np.int64) if isinstance(mesh, TreeMesh) else mesh.host
    host = np.concatenate([lanes, np.arange(mesh.tree.n)])
    return np.asarray(chosen[host[nodes.number]])


def inside(solid: Solid, points: Array) -> Mask:
    """Which points, shape (p, 3), lie in a solid, shape (p,)."""
    if isinstance(solid, Ball):
        return np.asarray(((points - solid.center) ** 2).sum(axis=1) <= float(solid.radius) ** 2)
    if isinstance(solid, Box):
        return np.asarray(((points >= solid.low) & (points <= solid.high)).all(axis=1))
    if isinstance(solid, Frustum):
        start, axis = np.array(solid.start, dtype=np.float64), np.subtract(solid.end, solid.start) / solid.height
        along = (points - start) @ axis
        across = np.sqrt(np.maximum(((points - start) ** 2).sum(axis=1) - along**2, 0.0))
        near = float(solid.radius)
        far = near if solid.end_radius is None else float(solid.end_radius)
        return np.asarray(
            (along >= 0) & (along <= solid.height) & (across <= near + (far - near) * along / solid.height)
        )
    if isinstance(solid, Union):
        return np.asarray(np.logical_or.reduce([inside(part, points) for part in solid.parts]))
    raise GeometryError(f"{place_text(solid)}: its inside is unknown, expected a Ball, Box, Frustum or Union; use one")


def _cut(plane: Plane, nodes: Nodes) -> Mask:
    """Nodes that a plane cuts; a plane on the border of two voxels belongs to the one on its positive side."""
    normal, point = np.array(plane.normal, dtype=np.float64), np.array(plane.point, dtype=np.float64)
    middle = (nodes.centre[: nodes.voxels] - point) @ normal
    half = 0.5 * nodes.side * np.abs(normal).sum()
    start, end = (nodes.start - point) @ normal, (nodes.end - point) @ normal
    axis = nodes.end - nodes.start
    length = np.sqrt((axis**2).sum(axis=1))
    slope = np.divide(axis @ normal, length, out=np.zeros(length.size), where=length > 0)
    reach = nodes.radius * np.sqrt(np.maximum(1.0 - slope**2, 0.0))  # of the cylinder's end across its axis
    low = np.concatenate([middle - half, np.minimum(start, end) - reach])
    high = np.concatenate([middle + half, np.maximum(start, end) + reach])
    tiny = 1e-9 * np.maximum(np.abs(low), np.abs(high))  # round-off of a border
    return np.asarray((low <= tiny) & (high > tiny))


def _hint(place: Any, nodes: Nodes) -> str:
    """How far away the nearest node is, and what to do."""
    if isinstance(place, Solid) and not isinstance(place, Part):
        middle = np.mean(place.bounds, axis=0)
        away = np.sqrt(((nodes.centre - middle) ** 2).sum(axis=1).min())
        return f" (the nearest centre is {away:.3g} um from its middle), expected one inside; enlarge or move it"
    if isinstance(place, Plane):
        away = np.abs((nodes.centre - np.array(plane_point(place))) @ np.array(place.normal)).min()
        return f" (the nearest centre is {away:.3g} um from it), expected a plane that cuts the cell; move it"
    return ", expected a condition that holds somewhere in the cell; correct it"


def plane_point(plane: Plane) -> tuple[float, float, float]:
    """A point of a plane, um."""
    assert plane.point is not None
    x, y, z = plane.point
    return float(x), float(y), float(z)
