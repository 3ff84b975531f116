"""Coordinates of the nodes of a mesh, as a solution keeps them: places, volumes, voxels, axes of segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from multiscale.rxd.cell_mesh import Mesh

LENGTHS = ("x", "y", "z", "arc", "distance", "diameter")  # arrays of the mesh in um, shape (n,)
ENDS = ("start_x", "start_y", "start_z", "end_x", "end_y", "end_z")  # axis of each segment in um, for drawing


def mesh_coords(mesh: Mesh, visible: NDArray[np.int64]) -> dict[str, Any]:
    """Coordinates along ``node`` as (dimension, values, attributes).

    Args:
        mesh: the nodes.
        visible: those that are shown, ascending, shape (k,).
    """
    tree, first = mesh.tree, mesh.tree_start
    lanes = int(np.searchsorted(visible, first))
    at = visible[lanes:] - first  # segments among the visible nodes
    um, names, tags = {"units": "um"}, np.array(mesh.section_names, dtype=np.str_), np.array(mesh.section_tags)
    section = mesh.section[visible]
    ends = np.full((6, visible.size), np.nan)
    ends[:, lanes:] = np.hstack([tree.start, tree.end])[at].T
    length = np.concatenate([_sides(mesh)[visible[:lanes]], tree.length[at]])
    return {
        "node": ("node", np.arange(visible.size)),
        "section": ("node", names[section]),
        "position": ("node", mesh.position[visible], {"units": "1"}),
        "tag": ("node", tags[section]),
        "parent_node": ("node", _parents(mesh, visible, lanes)),
        "volume": ("node", mesh.volume[visible], {"units": "um^3"}),
        "area": ("node", mesh.area[visible], {"units": "um^2"}),
        **{name: ("node", np.asarray(getattr(mesh, name))[visible], um) for name in LENGTHS},
        "length": ("node", length, um),
        **{name: ("node", values, um) for name, values in zip(ENDS, ends, strict=True)},
        **(_grid_coords(mesh, visible, lanes) if lanes else {}),
    }


def voxel_attrs(mesh: Mesh | None) -> dict[str, Any]:
    """Side and origin of the voxels; of the first grid where there are several, the others numbered."""
    found: dict[str, Any] = {}
    for k, grid in enumerate(getattr(mesh, "grids", ())):
        suffix = f"_{k}" if k else ""
        found[f"voxel_dx{suffix}"] = float(grid.voxels.dx)
        found[f"voxel_origin{suffix}"] = " ".join(f"{value:.17g}" for value in grid.voxels.origin)
    return found


def _sides(mesh: Mesh) -> NDArray[np.float64]:
    """Side of the voxel at each lane, um, shape (lanes,)."""
    grids = getattr(mesh, "grids", ())
    return np.repeat([float(grid.voxels.dx) for grid in grids], [grid.n for grid in grids])


def _parents(mesh: Mesh, visible: NDArray[np.int64], lanes: int) -> NDArray[np.int64]:
    """Visible number of the next segment towards the root, -1 for voxels, the root, and where none is shown."""
    tree, first = mesh.tree, mesh.tree_start
    above = np.asarray(tree.parent)[: tree.n].copy()
    while (above >= tree.n).any():  # a junction has no volume and is not recorded: its parent stands for it
        above = np.where(above >= tree.n, tree.parent[above], above)
    number = np.full(tree.n + 1, -1, dtype=np.int64)
    number[visible[lanes:] - first] = np.arange(lanes, visible.size)
    found = np.full(visible.size, -1, dtype=np.int64)
    found[lanes:] = number[above[visible[lanes:] - first]]
    return found


def _grid_coords(mesh: Any, visible: NDArray[np.int64], lanes: int) -> dict[str, Any]:
    """Integer place of each voxel in its grid, and the number of the grid; -1 for segments."""
    index = np.full((visible.size, 3), -1, dtype=np.int32)
    grid_of = np.full(visible.size, -1, dtype=np.int8)
    for k, (start, grid) in enumerate(zip(mesh.starts, mesh.grids, strict=True)):
        of_lane = np.full((grid.n, 3), -1, dtype=np.int32)
        of_lane[grid.lane] = grid.voxels.index
        mine = np.flatnonzero((visible[:lanes] >= start) & (visible[:lanes] < start + grid.n))
        index[mine], grid_of[mine] = of_lane[visible[mine] - start], k
    names = ("grid_x", "grid_y", "grid_z")
    several = {"grid": ("node", grid_of)} if len(mesh.grids) > 1 else {}
    return {**{name: ("node", index[:, k]) for k, name in enumerate(names)}, **several}
