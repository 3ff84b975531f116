"""A mesh of voxels and branches: where concentrations live, where the potential lives, and how the two see each other.

Nodes are numbered: lanes of the grids, one grid after another, then the nodes of the tree, then its junctions. The
potential, gates and currents live on the tree everywhere; concentrations live in the voxels where the cell is
voxelised, else on the tree too. A voxelised tree node mirrors the mean of its boundary voxels, weighted by membrane
area, for the channels; what channels move goes to these voxels by area.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.geometry import Location
from multiscale.rxd.grid import GridMesh
from multiscale.rxd.joins import Joins
from multiscale.rxd.mesh import TreeMesh

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Boundary:
    """Boundary voxels of the voxelised tree nodes: one entry a pair, sorted by tree node.

    Attributes:
        node: tree node, numbered within the tree, shape (k,).
        lane: node number of the voxel, shape (k,).
        weight: share of the tree node's membrane area that lies in the voxel; sums to 1 a tree node, shape (k,).
        back: change of the voxel's concentration for a unit change of the mirrored mean, shape (k,).
    """

    node: Index
    lane: Index
    weight: Array
    back: Array

    def means(self, values: Array, nodes: int) -> Array:
        """Area-weighted means of one field at the tree's nodes, shape (nodes,); 0 where nothing is voxelised."""
        return np.bincount(self.node, self.weight * values[self.lane], nodes).astype(np.float64)


@dataclass(frozen=True, eq=False)
class CellMesh:
    """Voxels, the tree, and the bookkeeping between them. All arrays are read-only.

    Attributes:
        tree: segments of the whole cell; a single node for a shape without sections.
        grids: the voxelised parts.
        exists: nodes that are simulated: lanes with a voxel, tree nodes of the chosen part, shape (n,).
        voxelised: tree nodes whose concentrations live in voxels, shape (tree.n,).
        host: tree node (within the tree) of each lane, shape (lanes,).
        boundary: what voxelised tree nodes mirror.
        joins: where voxels and branches, or two grids, touch.
        volume: um^3: capacities of the voxels; volumes of the segments; of voxelised tree nodes the capacity that the
            currents see, ``1 / sum(weight^2 / capacity)``, shape (n_total,).
        area: membrane area, um^2, shape (n_total,).
        x: centre, um, shape (n,), as `y` and `z`.
        y: see `x`.
        z: see `x`.
        arc: path length from the start of the section, um, shape (n,).
        distance: path length from the root, um, shape (n,).
        diameter: of the segment, um, shape (n,).
        section: index of the section, shape (n,).
        position: fraction of the section's length, shape (n,).
    """

    tree: TreeMesh
    grids: tuple[GridMesh, ...]
    exists: Mask
    voxelised: Mask
    host: Index
    boundary: Boundary
    joins: Joins
    volume: Array
    area: Array
    x: Array
    y: Array
    z: Array
    arc: Array
    distance: Array
    diameter: Array
    section: Index
    position: Array

    def __post_init__(self) -> None:
        for name in ("exists", "voxelised", "host", "volume", "area", "x", "y", "z", "arc", "distance", "diameter",
                     "section", "position"):  # fmt: skip
            getattr(self, name).flags.writeable = False

    @property
    def tree_start(self) -> int:
        """Number of the tree's first node: the number of lanes."""
        return self.host.size

    @property
    def n(self) -> int:
        """Number of nodes with a volume, padding lanes included."""
        return self.tree_start + self.tree.n

    @property
    def n_total(self) -> int:
        """Number of nodes with the tree's junctions."""
        return self.tree_start + self.tree.n_total

    @property
    def section_names(self) -> tuple[str, ...]:
        """Name of each section."""
        return self.tree.section_names

    @property
    def section_tags(self) -> tuple[int, ...]:
        """SWC code of each section."""
        return self.tree.section_tags

    @property
    def chemical(self) -> Mask:
        """Where concentrations live, shape (n,)."""
        return np.asarray(self.exists & ~np.concatenate([np.zeros(self.tree_start, dtype=bool), self.voxelised]))

    @property
    def electric(self) -> Mask:
        """Where the potential and channels live, shape (n,)."""
        mask: Mask = self.exists.copy()
        mask[: self.tree_start] = False
        return mask

    @property
    def membranous(self) -> Mask:
        """Where a concentration meets the cell's surface, shape (n,): boundary voxels and free segments."""
        return np.asarray(self.chemical & (self.area[: self.n] > 0), dtype=bool)

    @property
    def starts(self) -> tuple[int, ...]:
        """Node number of the first lane of each grid."""
        return tuple(int(k) for k in np.cumsum([0, *[grid.n for grid in self.grids]])[:-1])

    def locate(self, location: Location) -> int:
        """The tree node that holds a place on a section, in the mesh's numbering."""
        return self.tree_start + self.tree.locate(location)

    def locate_voxel(self, location: Location) -> int:
        """The node of a place's concentrations: the voxel nearest to the segment's centre where there is one."""
        node = self.tree.locate(location)
        if not self.voxelised[node]:
            return self.tree_start + node
        mine = np.flatnonzero((self.host == node) & self.exists[: self.tree_start])
        if not mine.size:
            mine = self.boundary.lane[self.boundary.node == node]
        x, y, z = self.tree.x[node], self.tree.y[node], self.tree.z[node]
        away = (self.x[mine] - x) ** 2 + (self.y[mine] - y) ** 2 + (self.z[mine] - z) ** 2
        return int(mine[np.argmin(away)])


Mesh: TypeAlias = TreeMesh | CellMesh


def boundary_of(tree: TreeMesh, voxelised: Mask, host: Index, grids: tuple[GridMesh, ...]) -> tuple[Boundary, Array]:
    """The boundary voxels of every voxelised tree node, and the capacity that its currents see, um^3, shape (tree.n,).

    A node without a boundary voxel of its own (a segment shorter than a voxel) shares the one nearest to it.
    """
    from scipy.spatial import cKDTree

    area = np.concatenate([grid.area for grid in grids])
    capacity = np.concatenate([grid.capacity for grid in grids])
    centre = np.concatenate([np.column_stack([grid.x, grid.y, grid.z]) for grid in grids])
    lane = np.flatnonzero((area > 0) & (capacity > 0))
    if not lane.size:
        lane = np.flatnonzero(capacity > 0)
        area = capacity
    node = host[lane]
    poor = np.setdiff1d(np.flatnonzero(voxelised), node)
    if poor.size:
        near = cKDTree(centre[lane]).query(np.column_stack([tree.x, tree.y, tree.z])[poor])[1]
        lane, node = np.concatenate([lane, lane[near]]), np.concatenate([node, poor])
    order = np.lexsort((lane, node))
    lane, node = lane[order], node[order]
    total = np.bincount(node, area[lane], tree.n)
    weight = area[lane] / total[node]
    seen = np.bincount(node, weight**2 / capacity[lane], tree.n)
    effective = np.divide(1.0, seen, out=tree.volume[: tree.n].copy(), where=seen > 0)
    return Boundary(node, lane, weight, effective[node] * weight / capacity[lane]), effective
