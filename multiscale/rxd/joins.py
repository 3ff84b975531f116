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
    """Contacts of each join. A contact conducts ``1 / (near / D_hub + far / D_voxel)`` um^3/ms.

    Attributes:
        hub: tree node (within the tree) of each join, -1 where two grids meet, shape (joins,).
        start: first contact of each join, shape (joins + 1,).
        lane: node number of each contact's voxel, or of a free segment that meets others in the point, shape (k,).
        near: resistance on the hub's side for unit D, 1/um, shape (k,).
        far: resistance on the other side for unit D, 1/um, shape (k,).
        closed: edges of the tree that the joins stand for, named by their child nodes.
    """

    hub: Index
    start: Index
    lane: Index
    near: Array
    far: Array
    closed: Index

    @property
    def count(self) -> int:
        """Number of joins."""
        return self.hub.size


@dataclass(frozen=True)
class Contact:
    """One side of a join, before its voxels are known.

    Attributes:
        inside: voxelised tree node, -1 where the side is a free node.
        free: tree node that stays one-dimensional, -1 where the side is voxels.
        point: where the two meet, um, shape (3,). axis: unit vector into the voxels, shape (3,).
        diameter: of the cross-section, um.
        resistance: integral of ds/area from the free node's centre to the point, 1/um.
    """

    inside: int
    free: int
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
    first = sum(grid.n for grid in grids)
    hub: list[int] = []
    lanes: list[Index] = []
    near: list[Array] = []
    far: list[Array] = []
    closed: list[int] = []
    for place in _places(tree):
        members = [i for i in place.ends if exists[i]]
        if not any(voxelised[i] for i in members):
            continue
        closed += place.edges
        for group in _meetings(tree, place, members, voxelised, grid_of):
            alone = [c for c in group if c.free >= 0]
            center = alone[0] if len(group) == 2 and len(alone) == 1 else None  # a free node and one cross-section
            hub.append(-1 if center is None else center.free)
            parts: list[tuple[Index, Array, Array]] = []
            for c in group:
                if c is center:
                    continue
                if c.free >= 0:
                    parts.append((np.array([first + c.free]), np.zeros(1), np.array([c.resistance])))
                    continue
                k = int(grid_of[c.inside])
                lane, area, away = _cross_section(c, grids[k], starts[k])
                before = np.zeros(area.size) if center is None else center.resistance * area.sum() / area
                parts.append((lane, before, away / area))
            lanes.append(np.concatenate([lane for lane, _, _ in parts]))
            near.append(np.concatenate([before for _, before, _ in parts]))
            far.append(np.concatenate([behind for _, _, behind in parts]))
    start = np.cumsum([0, *[lane.size for lane in lanes]]).astype(np.int64)
    empty = np.zeros(0)
    return Joins(
        np.array(hub, dtype=np.int64), start, np.concatenate([np.zeros(0, dtype=np.int64), *lanes]).astype(np.int64),
        np.concatenate([empty, *near]), np.concatenate([empty, *far]), np.array(sorted(set(closed)), dtype=np.int64),
    )  # fmt: skip


@dataclass(frozen=True)
class _Place:
    """Where nodes meet.

    Attributes:
        parent: the node nearest to the root.
        ends: node → the end that touches: 0 its start, 1 its end, -1 its middle.
        edges: edges of the tree to the junction there, named by their child nodes; none for a series joint.
    """

    parent: int
    ends: dict[int, int]
    edges: list[int]


def _meetings(
    tree: TreeMesh, place: _Place, members: list[int], voxelised: Mask, grid_of: Index
) -> list[list[Contact]]:
    """Joins at one place, as lists of sides.

    Where the parent is voxels, each free or otherwise voxelised child meets it by itself, at its own cross-section.
    Where it is free, all that is not in one grid meets in the point.
    """
    parent = place.parent
    if parent in members and voxelised[parent]:
        found = []
        for i in members:
            if i == parent or grid_of[i] == grid_of[parent]:
                continue
            side = _voxels(tree, i, i) if voxelised[i] else _free(tree, i, place.ends[i])
            found.append([side, _voxels(tree, parent, i)])
        return found
    return [[_voxels(tree, i, i) if voxelised[i] else _free(tree, i, place.ends[i]) for i in members]]


def _places(tree: TreeMesh) -> list[_Place]:
    """All places where nodes meet."""
    places: list[_Place] = []
    children: dict[int, list[int]] = {}
    for i in range(1, tree.n):
        parent = int(tree.parent[i])
        if parent >= tree.n:
            children.setdefault(parent, []).append(i)
        else:
            places.append(_Place(parent, {parent: -1 if tree.half_parent[i] == 0.0 else 1, i: 0}, []))
    for junction in range(tree.n, tree.n_total):
        parent = int(tree.parent[junction])
        at_start = parent == 0 and junction == tree.n and starts_at_root(tree)
        ends = {parent: 0 if at_start else 1, **dict.fromkeys(children[junction], 0)}
        places.append(_Place(parent, ends, [junction, *children[junction]]))
    return places


def starts_at_root(tree: TreeMesh) -> bool:
    """Whether the first junction stands at the root section's near end: its children begin nearer to that end."""
    children = np.flatnonzero(tree.parent[: tree.n] == tree.n)
    if not children.size:
        return False
    begin = tree.start[children]
    return bool(
        np.linalg.norm(begin - tree.start[0], axis=1).sum() < np.linalg.norm(begin - tree.end[0], axis=1).sum()
    )


def _free(tree: TreeMesh, node: int, end: int) -> Contact:
    """A free node; where its middle touches there is nothing in between."""
    nowhere = np.zeros(3)
    return Contact(-1, node, nowhere, nowhere, 0.0, 0.0 if end == -1 else _half(tree, node, end))


def _voxels(tree: TreeMesh, node: int, child: int) -> Contact:
    """Voxels of a node, at the cross-section with which a child begins: the node itself, or a child of it."""
    centre = np.array([tree.x[child], tree.y[child], tree.z[child]])
    axis = centre - tree.start[child]
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 0 else np.array([1.0, 0.0, 0.0])
    inward = axis if node == child else -axis
    return Contact(node, -1, np.asarray(tree.start[child]), inward, float(tree.diameter[child]), 0.0)


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
