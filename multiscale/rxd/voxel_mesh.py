"""Voxels and Mixed → CellMesh: which segments are filled, the grids, the hosts of the voxels, the joins."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import GeometryError
from multiscale.geometry import Cable, Location, Morphology, Point, Section
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import CellMesh, Mesh, boundary_of
from multiscale.rxd.grid import GridMesh, grid_mesh
from multiscale.rxd.joins import joins_of, starts_at_root
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.tree import discretize_geometry
from multiscale.solids import Analytic, Mixed, Near, Part, Voxels
from multiscale.triangles import TriangleMesh
from multiscale.units import strip
from multiscale.voxelize.cells import voxelize_cell
from multiscale.voxelize.meshes import voxelize_mesh
from multiscale.voxelize.shapes import voxelize_shape
from multiscale.voxelize.voxels import VoxelArrays

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Geometry: TypeAlias = Point | Cable | Morphology | Voxels | Mixed


def mesh_of(geometry: Geometry, progress: bool = False) -> Mesh:
    """The nodes of any geometry: a tree, or voxels with the tree beside them.

    Args:
        geometry: where the model is placed.
        progress: show a bar while a large cell is voxelised.
    """
    if isinstance(geometry, Mixed):
        return _mixed(geometry, progress)
    if not isinstance(geometry, Voxels):
        return discretize_geometry(geometry)
    shape = geometry.shape
    if isinstance(shape, Section):
        shape = _alone(shape)
    if isinstance(shape, Morphology):
        shape = Part(shape, None)
    if isinstance(shape, Part):
        tree = discretize_geometry(shape.cell)
        chosen = _chosen(shape, tree)
        return _cell_mesh(tree, chosen, ((geometry, shape, chosen),), progress)
    return _shape_mesh(voxel_arrays(geometry))


def voxel_arrays(geometry: Voxels, progress: bool = False) -> VoxelArrays:
    """The voxels of a shape, before anything is placed in them."""
    shape, dx, samples = geometry.shape, float(geometry.dx), geometry.samples
    if isinstance(shape, Section):
        shape = _alone(shape)
    if isinstance(shape, Morphology):
        shape = Part(shape, None)
    if isinstance(shape, Part):
        tree = discretize_geometry(shape.cell)
        return voxelize_cell(shape.cell, *_intervals(tree, _chosen(shape, tree)), dx, samples, progress)
    if isinstance(shape, TriangleMesh):
        return voxelize_mesh(shape, dx, samples)
    assert isinstance(shape, Analytic)
    return voxelize_shape(shape, dx, samples)


def _alone(section: Section) -> Morphology:
    return Morphology((Section(section.name, section.points, section.tag),))


def _chosen(part: Part, tree: TreeMesh) -> Mask:
    """Segments of a part, shape (tree.n,)."""
    if isinstance(part.where, Near):
        chosen = path_length(tree, Location(part.where.section, part.where.x)) <= part.where.reach
    else:
        chosen = places.mask(None if part.where is None else strip(part.where), tree)
    if not chosen.any():
        raise GeometryError(
            f"part: no segment of the cell fits '{part.where}', expected at least one; check the selector"
        )
    return chosen


def path_length(tree: TreeMesh, place: Location) -> Array:
    """Length of the path from a place to the middle of each segment, um, shape (n,)."""
    from scipy import sparse
    from scipy.sparse.csgraph import dijkstra

    start = tree.locate(place)
    child = np.arange(1, tree.n_total)
    parent = tree.parent[1:]
    half = np.concatenate([0.5 * tree.length, np.zeros(tree.n_junctions)])
    to_middle = (tree.half_parent[1:] == 0.0) & (parent < tree.n) & (child < tree.n)  # joined to the parent's centre
    step = half[child] + np.where(to_middle, 0.0, half[parent])
    graph = sparse.csr_array((np.maximum(step, 1e-12), (child, parent)), shape=(tree.n_total, tree.n_total))
    away, came = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    hop = np.full(tree.n_total, start)  # through which neighbour of the place's segment each node is reached
    for i in np.argsort(away, kind="stable")[1:]:
        hop[i] = i if came[i] == start else hop[came[i]]
    same = tree.section == tree.section[start]
    count, length = int(same.sum()), float(tree.length[start])
    beyond = (min(place.x * count, count - 1e-9) % 1.0 - 0.5) * length  # the place behind the segment's middle
    through_start = hop == tree.parent[start]
    if start == 0 and starts_at_root(tree):
        through_start |= hop == tree.n
    middle = np.zeros(tree.n_total, dtype=bool)
    middle[1:] = to_middle
    shift = np.where(middle[hop] & ~through_start, abs(beyond), np.where(through_start, beyond, -beyond))
    arc = tree.arc - (tree.arc[start] + beyond)
    return np.asarray(np.where(same, np.abs(arc), (away + shift)[: tree.n]), dtype=np.float64)


def _mixed(geometry: Mixed, progress: bool) -> CellMesh:
    tree = discretize_geometry(geometry.cell)
    pieces: list[tuple[Voxels, Part, Mask]] = []
    taken = np.zeros(tree.n, dtype=bool)
    several: Any = geometry.voxels
    for voxels in several:
        if isinstance(voxels.shape, Section):
            at = [s.name for s in geometry.cell.sections].index(voxels.shape.name)
            chosen = tree.section == at
        else:
            chosen = _chosen(voxels.shape, tree)
        if (taken & chosen).any():
            node = int(np.flatnonzero(taken & chosen)[0])
            raise GeometryError(
                f"Mixed: segment {node} of section '{tree.section_names[tree.section[node]]}' is in two voxelised "
                "parts, expected one; make their selectors exclude each other"
            )
        taken |= chosen
        pieces.append((voxels, Part(geometry.cell, None), chosen))
    pieces.sort(key=lambda piece: int(np.flatnonzero(piece[2])[0]))  # the order of the script does not matter
    return _cell_mesh(tree, np.ones(tree.n, dtype=bool), tuple(pieces), progress)


def _intervals(tree: TreeMesh, chosen: Mask) -> tuple[Index, Array, Array]:
    """Consecutive chosen segments of a section → section, start and stop as fractions of its length."""
    count = np.bincount(tree.section, minlength=len(tree.section_names))
    at = np.arange(tree.n) - np.searchsorted(tree.section, tree.section)
    before = np.concatenate([[False], chosen[:-1]]) & (at > 0)
    after = np.concatenate([chosen[1:], [False]]) & (at < count[tree.section] - 1)
    first, last = np.flatnonzero(chosen & ~before), np.flatnonzero(chosen & ~after)
    section = tree.section[first]
    return section, at[first] / count[section], (at[last] + 1) / count[section]


def _cell_mesh(
    tree: TreeMesh, exists: Mask, pieces: tuple[tuple[Voxels, Part, Mask], ...], progress: bool
) -> CellMesh:
    """Grids of the pieces, beside the tree of their cell."""
    grids, hosts = [], []
    voxelised = np.zeros(tree.n, dtype=bool)
    grid_of = np.full(tree.n, -1, dtype=np.int64)
    for k, (geometry, part, chosen) in enumerate(pieces):
        arrays = voxelize_cell(part.cell, *_intervals(tree, chosen), float(geometry.dx), geometry.samples, progress)
        grids.append(grid_mesh(arrays))
        hosts.append(_hosts(tree, chosen, grids[-1]))
        voxelised |= chosen
        grid_of[chosen] = k
    return _assemble(tree, exists, voxelised, grid_of, tuple(grids), np.concatenate(hosts))


def _hosts(tree: TreeMesh, chosen: Mask, grid: GridMesh) -> Index:
    """The chosen segment that each lane belongs to, shape (lanes,)."""
    sections = len(tree.section_names)
    count = np.bincount(tree.section, minlength=sections)
    first = np.cumsum(count) - count
    section = np.asarray(grid.section, dtype=np.int64)
    at = np.minimum((grid.position * count[section]).astype(np.int64), count[section] - 1)
    node = first[section] + at
    wrong = ~chosen[node]  # round-off at the border of the part, or a voxel that a neighbour's frustum claimed
    if wrong.any():
        inside = np.flatnonzero(chosen)
        mine = inside[np.clip(np.searchsorted(inside, node[wrong]), 0, inside.size - 1)]
        before = inside[np.clip(np.searchsorted(inside, node[wrong]) - 1, 0, inside.size - 1)]
        nearer = np.abs(before - node[wrong]) < np.abs(mine - node[wrong])
        node[wrong] = np.where(nearer, before, mine)
    return node


def _shape_mesh(arrays: VoxelArrays) -> CellMesh:
    """A shape without sections: its voxels, and one electric node of its volume and membrane."""
    grid = grid_mesh(arrays)
    area = max(float(grid.area.sum()), 1e-12)
    tree = discretize_geometry(Point(float(grid.capacity.sum()), area))
    one = np.ones(1, dtype=bool)
    return _assemble(tree, one, one, np.zeros(1, dtype=np.int64), (grid,), np.zeros(grid.n, dtype=np.int64))


def _assemble(
    tree: TreeMesh, exists: Mask, voxelised: Mask, grid_of: Index, grids: tuple[GridMesh, ...], host: Index
) -> CellMesh:
    """Put grids and tree behind one numbering."""
    boundary, effective = boundary_of(tree, voxelised, host, grids)
    starts = tuple(int(k) for k in np.cumsum([0, *[grid.n for grid in grids]])[:-1])
    joins = joins_of(tree, exists, voxelised, grid_of, grids, starts)

    def both(name: str, own: Array | None = None) -> Array:
        lanes = [np.asarray(getattr(grid, name), dtype=np.float64) for grid in grids]
        return np.concatenate([*lanes, getattr(tree, name) if own is None else own])

    real = np.concatenate([grid.real for grid in grids])
    length = np.bincount(tree.section, tree.length, len(tree.section_names))
    position = np.concatenate([np.asarray(grid.position, dtype=np.float64) for grid in grids])
    arc = position * length[tree.section[host]]
    volume = tree.volume.copy()
    volume[: tree.n] = np.where(voxelised, effective, volume[: tree.n])
    return CellMesh(
        tree=tree, grids=grids, exists=np.concatenate([real, exists]), voxelised=voxelised.copy(), host=host,
        boundary=boundary, joins=joins, volume=both("volume", volume), area=both("area"),
        x=both("x"), y=both("y"), z=both("z"), arc=np.concatenate([arc, tree.arc]),
        distance=np.concatenate([_distance(tree, host, np.asarray(arc, dtype=np.float64)), tree.distance]),
        diameter=np.concatenate([tree.diameter[host], tree.diameter]),
        section=np.concatenate([tree.section[host], tree.section]),
        position=np.concatenate([position, tree.position]),
    )  # fmt: skip


def _distance(tree: TreeMesh, host: Index, arc: Array) -> Array:
    """Path length from the root to each lane: that of its segment's centre, corrected along the segment."""
    root = tree.section[host] == 0
    origin = 0.5 * float(tree.length[tree.section == 0].sum()) if tree.section_tags[0] == 1 else 0.0
    beyond = tree.distance[host] + (arc - tree.arc[host])
    return np.asarray(np.where(root, np.abs(arc - origin), np.abs(beyond)))
