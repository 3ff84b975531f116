"""Expressions of position at the nodes of a mesh, with what a membrane's area means there."""

from collections.abc import Mapping

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.regions import Membrane
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import CellMesh, Mesh
from multiscale.rxd.targets.numpy_ref import evaluate
from multiscale.symbols import GeometrySymbol, TimeSymbol
from multiscale.units import strip

Array = NDArray[np.float64]


def node_input(expression: sympy.Expr, mesh: Mesh) -> Array:
    """A position-only expression at every node; membranes' area per volume included, shape (n,)."""
    known: dict[sympy.Symbol, object] = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, GeometrySymbol):
            known[symbol] = area_per_volume(symbol.membrane, mesh)
    if not isinstance(mesh, CellMesh):
        return at_nodes(expression, mesh, known)
    with np.errstate(all="ignore"):  # lanes without a voxel may stand anywhere
        return np.where(mesh.exists, at_nodes(expression, mesh, known), 0.0)


def area_per_volume(membrane: Membrane, mesh: Mesh) -> Array:
    """Area of a membrane per whole-cell volume, 1/um, shape (n,)."""
    if membrane.per_volume is not None:
        return places.evaluate(strip(sympy.sympify(membrane.per_volume)), mesh)
    share = places.evaluate(strip(sympy.sympify(membrane.area)), mesh)
    volume = mesh.volume[: mesh.n]
    return np.asarray(share * np.divide(mesh.area[: mesh.n], volume, out=np.zeros(mesh.n), where=volume > 0))


def at_nodes(expression: sympy.Expr, mesh: Mesh, known: Mapping[sympy.Symbol, object]) -> Array:
    """Value at every node, shape (n,)."""
    values: dict[sympy.Symbol, object] = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, TimeSymbol):
            values[symbol] = 0.0
        else:
            values[symbol] = known[symbol] if symbol in known else places.evaluate(symbol, mesh)
    result = np.asarray(evaluate(expression, values), dtype=np.float64)
    return np.array(np.broadcast_to(result, (mesh.n,)))
