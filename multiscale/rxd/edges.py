"""Conductances along a tree."""

import numpy as np
from numpy.typing import NDArray

from multiscale.rxd.mesh import TreeMesh

Array = NDArray[np.float64]


def edge_conductance(mesh: TreeMesh, mobility: Array) -> Array:
    """Conductance from each node to its parent: two halves in series, each with its own mobility, shape (n_total,).

    Args:
        mesh: the tree.
        mobility: diffusion coefficient times fraction (or 1/resistivity) at the nodes, shape (n,); 0 closes a node.
    """
    full = np.concatenate([mobility, np.full(mesh.n_total - mesh.n, np.inf)])
    parent = np.where(mesh.parent >= 0, mesh.parent, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mine = np.where(mesh.half_self > 0, mesh.half_self / full, np.where(full > 0, 0.0, np.inf))
        other = np.where(mesh.half_parent > 0, mesh.half_parent / full[parent], np.where(full[parent] > 0, 0.0, np.inf))
        g = 1.0 / (mine + other)
    g = np.where(np.isfinite(g), g, 0.0)
    g[mesh.parent < 0] = 0.0
    return np.asarray(g, dtype=np.float64)


def diagonal(mesh: TreeMesh, conductance: Array) -> Array:
    """Sum of the conductances at each node, shape (n_total,)."""
    total = conductance.copy()
    child = mesh.parent >= 0
    np.add.at(total, mesh.parent[child], conductance[child])
    return total
