"""Where a branch ends in voxels, or two grids touch: areas and distances of the contacts.

At a join, one hub exchanges with the voxels that its cross-section cuts. The hub is the branch's last node, or a point
without volume where two grids of voxels meet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import GeometryError
from multiscale.rxd.grid import GridMesh
from multiscale.rxd.mesh import TreeMesh

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

PER_VOXEL = 8  # sample points of a cross-section a voxel side
MOST_POINTS = 200  # along the diameter of a cross-section


@dataclass(frozen=True, eq=False)
class Joins:
    """Contacts, sorted by hub. A contact conducts ``1 / (near / D_hub + far / D_voxel)`` um^3/ms.

    Attributes:
        hub: tree node (within the tree) of each join, -1 where two grids meet, shape (joins,).
        start: first contact of each join, shape (joins + 1,).
        lane: node number of each contact's voxel, shape (k,).
        near: resistance on the hub's side for unit D, 1/um, shape (k,).
        far: resistance on the voxel's side for unit D, 1/um, shape (k,).
    """

    hub: Index
    start: Index
    lane: Index
    near: Array
    far: Array

    @property
    def count(self) -> int:
        """Number of joins."""
        return self.hub.size


@dataclass(frozen=True)
class Contact:
    """One side of a join, before its voxels are known.

    Attributes:
        hub: tree node that stays one-dimensional, -1 for none.
        inside: voxelised tree node on the other side.
        point: where the two meet, um, shape (3,). axis: unit vector into the voxels, shape (3,).
        diameter: of the cross-section, um.
        resistance: integral of ds/area from the hub's centre to the point, 1/um.
    """

    hub: int
    inside: int
    point: Array
    axis: Array
    diameter: float
    resistance: float


def joins_of(
    tree: TreeMesh, exists: Mask, voxelised: Mask, grid_of: Index, grids: tuple[GridMesh, ...], starts: tuple[int, ...]
) -> Joins:
    """Find the joins of a mesh.

    Args:
        tree: segments.
        exists: tree nodes that are simulated, shape (tree.n,).
        voxelised: those that are voxelised, shape (tree.n,).
        grid_of: number of the grid that holds each voxelised node, -1 elsewhere, shape (tree.n,).
        grids: the grids.
        starts: node number of each grid's first lane.
    """
    hub: list[int] = []
    lanes: list[Index] = []
    near: list[Array] = []
    far: list[Array] = []
    for group in _meetings(tree, exists, voxelised, grid_of):
        found = [(c, *_cross_section(c, grids[grid_of[c.inside]], starts[grid_of[c.inside]])) for c in group]
        hub.append(group[0].hub)
        lanes.append(np.concatenate([lane for _, lane, _, _ in found]))
        near.append(np.concatenate([c.resistance * area.sum() / area for c, _, area, _ in found]))
        far.append(np.concatenate([away / area for _, _, area, away in found]))
    start = np.cumsum([0, *[lane.size for lane in lanes]]).astype(np.int64)
    empty = np.zeros(0)
    return Joins(
        np.array(hub, dtype=np.int64), start, np.concatenate([np.zeros(0, dtype=np.int64), *lanes]),
        np.concatenate([empty, *near]), np.concatenate([empty, *far]),
    )  # fmt: skip


def _meetings(tree: TreeMesh, exists: Mask, voxelised: Mask, grid_of: Index) -> list[list[Contact]]:
    """Joins as lists of contacts: a free node with each voxelised neighbour, or two voxelised nodes of two grids."""
    found: list[list[Contact]] = []
    for members in _neighbourhoods(tree):
        inside = [i for i in members if voxelised[i]]
        free = [i for i in members if not voxelised[i] and exists[i]]
        if not inside:
            continue
        found += [[_contact(tree, i, members[i], inside[0], members[inside[0]])] for i in free]
        by_grid = {int(grid_of[i]): i for i in reversed(inside)}
        if len(by_grid) > 1:
            found.append([_border(tree, i, members[i], members) for _, i in sorted(by_grid.items())])
    return found


def _neighbourhoods(tree: TreeMesh) -> list[dict[int, int]]:
    """Places where nodes meet: node → the end that touches (0 its start, 1 its end, -1 its middle)."""
    places: list[dict[int, int]] = []
    meeting: dict[int, dict[int, int]] = {}
    for i in range(1, tree.n_total):
        parent = int(tree.parent[i])
        if i >= tree.n:  # a junction: at its parent's end, or at the root's start if that is nearer
            at_start = parent == 0 and i == tree.n and starts_at_root(tree)
            meeting.setdefault(i, {})[parent] = 0 if at_start else 1
        elif parent >= tree.n:
            meeting.setdefault(parent, {})[i] = 0
        else:
            middle = tree.half_parent[i] == 0.0
            places.append({parent: -1 if middle else 1, i: 0})
    return places + [members for _, members in sorted(meeting.items())]


def starts_at_root(tree: TreeMesh) -> bool:
    """Whether the first junction stands at the root section's near end: its children begin nearer to that end."""
    children = np.flatnonzero(tree.parent[: tree.n] == tree.n)
    if not children.size:
        return False
    begin = tree.start[children]
    return bool(
        np.linalg.norm(begin - tree.start[0], axis=1).sum() < np.linalg.norm(begin - tree.end[0], axis=1).sum()
    )


def _contact(tree: TreeMesh, node: int, end: int, inside: int, other_end: int) -> Contact:
    """A free node that meets a voxelised one."""
    centre = np.array([tree.x[node], tree.y[node], tree.z[node]])
    point = tree.end[node] if end == 1 else tree.start[node] if end == 0 else centre
    if end == -1:  # the voxelised branch starts at the middle of the free node
        point = tree.start[inside]
        axis = np.array([tree.x[inside], tree.y[inside], tree.z[inside]]) - point
        resistance = 0.0
        diameter = float(tree.diameter[inside])
    else:
        axis = point - centre
        resistance = _half(tree, node, end)
        diameter = float(tree.diameter[node])
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 0 else np.array([1.0, 0.0, 0.0])
    return Contact(node, inside, np.asarray(point), axis, diameter, resistance)


def _border(tree: TreeMesh, node: int, end: int, members: dict[int, int]) -> Contact:
    """A voxelised node at the border of its grid; the axis points into it."""
    centre = np.array([tree.x[node], tree.y[node], tree.z[node]])
    point = tree.end[node] if end == 1 else tree.start[node]
    if end == -1:
        other = next(i for i in members if i != node)
        point = tree.start[other]
    axis = centre - point
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 0 else np.array([1.0, 0.0, 0.0])
    thinnest = min(float(tree.diameter[i]) for i in members)
    return Contact(-1, node, np.asarray(point), axis, thinnest, 0.0)


def _half(tree: TreeMesh, node: int, end: int) -> float:
    """Resistance from a segment's centre to its start (0) or its end (1) for unit D, 1/um."""
    if end == 0:
        exact = float(tree.half_self[node])
    else:  # what its children (a junction among them) were told
        exact = float(tree.half_parent[np.flatnonzero(tree.parent == node)].max(initial=0.0))
    return exact or float(0.5 * tree.length[node] / (np.pi * (0.5 * tree.diameter[node]) ** 2))


def _cross_section(contact: Contact, grid: GridMesh, first: int) -> tuple[Index, Array, Array]:
    """Voxels that a cross-section cuts: node numbers, areas (their sum is the disc's), distances of their centres."""
    voxels, dx = grid.voxels, grid.voxels.dx
    radius = 0.5 * contact.diameter
    helper = np.eye(3)[np.argmin(np.abs(contact.axis))]
    u = np.cross(contact.axis, helper)
    u /= np.linalg.norm(u)
    v = np.cross(contact.axis, u)
    count = int(np.clip(np.ceil(2 * radius / dx * PER_VOXEL), 6, MOST_POINTS))
    line = ((np.arange(count) + 0.5) / count * 2 - 1) * radius
    a, b = np.meshgrid(line, line)
    disc = a**2 + b**2 < radius**2
    points = contact.point + a[disc][:, None] * u + b[disc][:, None] * v
    found = np.zeros(0, dtype=np.int64)
    for depth in (0.25, 0.5, 1.0, 2.0):  # a little inside; farther where the branch only touches the surface
        cube = np.floor((points + depth * dx * contact.axis - voxels.origin) / dx).astype(np.int64)
        found = voxels.find(cube)
        found = found[found >= 0]
        if found.size:
            break
    if not found.size:
        away = np.linalg.norm(voxels.centre - contact.point, axis=1)
        nearest = int(np.argmin(away))
        if away[nearest] > radius + 4 * dx + 20.0:
            raise GeometryError(
                f"voxels: a branch of diameter {contact.diameter:.3g} um ends {away[nearest]:.3g} um away from the "
                "nearest voxel, expected it to touch them; check the morphology there"
            )
        found = np.array([nearest])
    voxel, hits = np.unique(found, return_counts=True)
    area = np.pi * radius**2 * hits / hits.sum()
    away = (voxels.centre[voxel] - contact.point) @ contact.axis
    return first + grid.lane[voxel], area, np.maximum(away, 0.25 * dx)
