"""Expressions of position at the nodes of a mesh: numbers with `evaluate`, selectors with `mask`."""

import operator
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational

from multiscale.errors import ModelError
from multiscale.rxd.cell_mesh import Mesh
from multiscale.rxd.targets.numpy_ref import evaluate as evaluate_arrays
from multiscale.symbols import ParameterSymbol, PlaceSymbol, PositionSymbol
from multiscale.units import strip

TAG_CODES = {"soma": (1,), "axon": (2,), "basal": (3,), "apical": (4,), "dendrite": (3, 4)}

_COMPARE = {
    sympy.Lt: operator.lt,
    sympy.Le: operator.le,
    sympy.Gt: operator.gt,
    sympy.Ge: operator.ge,
    sympy.Eq: operator.eq,
    sympy.Ne: operator.ne,
}


def evaluate(expression: Any, mesh: Mesh) -> NDArray[np.float64]:
    """Value of a number or an expression of positions, units and parameters at the real nodes, base units, shape (n,).

    A parameter counts with the value it was made with.
    """
    expression = _with_values(strip(expression))
    values: dict[sympy.Symbol, Any] = {}
    for symbol in sorted(expression.free_symbols, key=str):
        if not isinstance(symbol, PositionSymbol):
            raise ModelError(
                f"expression '{expression}' of position contains '{symbol}', expected x, y, z, arc, distance, diameter "
                f"and numbers; replace '{symbol}' by one of these"
            )
        values[symbol] = getattr(mesh, symbol.name)
    result = np.asarray(evaluate_arrays(expression, values), dtype=np.float64)
    return np.array(np.broadcast_to(result, (mesh.n,)))


def mask(where: Any, mesh: Mesh) -> NDArray[np.bool_]:
    """At which real nodes a selector holds, shape (n,); None holds everywhere.

    Args:
        where: sympy boolean of ``tag(...)``, ``section(...)`` and comparisons of positions, or None.
        mesh: the tree.
    """
    if where is None or where in (True, sympy.true):
        return np.ones(mesh.n, dtype=bool)
    if where in (False, sympy.false):
        return np.zeros(mesh.n, dtype=bool)
    if isinstance(where, PlaceSymbol):
        return _sections(where, mesh)[mesh.section]
    if isinstance(where, sympy.And | sympy.Or | sympy.Xor):
        join = {sympy.And: np.logical_and, sympy.Or: np.logical_or, sympy.Xor: np.logical_xor}[where.func]
        return np.asarray(join.reduce([mask(part, mesh) for part in where.args]))
    if isinstance(where, sympy.Not):
        return ~mask(where.args[0], mesh)
    if isinstance(where, Relational) and where.func in _COMPARE:
        return np.asarray(_COMPARE[where.func](evaluate(where.lhs, mesh), evaluate(where.rhs, mesh)))
    raise ModelError(
        f"where is '{where}', expected tag(...), section(...), comparisons of positions and &, |, ~ of these; "
        "rewrite it"
    )


def _sections(symbol: PlaceSymbol, mesh: Mesh) -> NDArray[np.bool_]:
    """Which sections a tag or name means, shape (sections,); "dend[3]" is that section, not a set of characters."""
    if symbol.selects == "section":
        return np.array([name == symbol.pattern or symbol.matches_section(name) for name in mesh.section_names])
    codes = TAG_CODES[symbol.pattern] if isinstance(symbol.pattern, str) else (symbol.pattern,)
    return np.isin(mesh.section_tags, codes)


def _with_values(expression: sympy.Expr) -> sympy.Expr:
    """The expression with parameters replaced by their values, which may depend on position."""
    while found := expression.atoms(ParameterSymbol):
        expression = expression.xreplace({symbol: strip(symbol.owner.value) for symbol in found})
    return expression
