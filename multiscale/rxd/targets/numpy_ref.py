"""Kernel IR → numpy: the readable reference of the compiled targets; a whole set of nodes is one array operation."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.rxd.emit import Emitter
from multiscale.rxd.ir import Assign, Kernel

Array = NDArray[np.float64]


def run_body(body: Sequence[Assign], values: Mapping[str, Any]) -> dict[str, Any]:
    """Execute assignments; `values` gives the names that they read. Returns all names."""
    code = "\n".join(f"{a.name} = {a.text}" for a in body)
    names: dict[str, Any] = {**_FUNCTIONS, **values}
    with np.errstate(all="ignore"):
        exec(compile(code, "<kernel>", "exec"), {"__builtins__": {}}, names)  # canonical names and numbers only
    return names


def run_kernel(
    kernel: Kernel,
    y: Array,
    q: Array,
    p: Array,
    nodes: NDArray[np.int64],
    t: float = 0.0,
    h: float = 0.0,
    tol: float = math.inf,
    extra: Mapping[str, Any] | None = None,
) -> dict[tuple[str, int], Array]:
    """Values of a kernel's outputs at `nodes`.

    Args:
        kernel: what to run.
        y: state, shape (fields, n).
        q: node inputs, shape (inputs, n).
        p: parameters, shape (parameters,).
        nodes: node indices, shape (k,).
        t: time, ms.
        h: step, ms.
        tol: relative tolerance of a kernel with an error check.
        extra: further scalars by name.

    Returns:
        Output place → values, shape (k,); the check is under ("check", 0).
    """  # fmt: skip
    values: dict[str, Any] = {f"y{row}": y[row, nodes] for row in kernel.rows}
    values.update({f"q{row}": q[row, nodes] for row in kernel.node_inputs})
    values.update({f"p{i}": p[i] for i in kernel.parameters})
    values.update({"t": t, "h": h, "tol": tol, **(extra or {})})
    names = run_body(kernel.body, values)
    out = {place: _full(_lookup(names, text), nodes.size) for place, text in kernel.outputs}
    if kernel.check:
        out["check", 0] = _full(names[kernel.check], nodes.size)
    return out


def evaluate(expression: sympy.Expr, values: Mapping[sympy.Symbol, Any]) -> Any:
    """Value of an expression in base units for given values (numbers or arrays) of its symbols."""
    names = {symbol: f"a{i}" for i, symbol in enumerate(values)}
    emit = Emitter(names)
    result = emit(sympy.sympify(expression))
    table = run_body(emit.lines, {names[symbol]: value for symbol, value in values.items()})
    return _lookup(table, result)


def _lookup(names: Mapping[str, Any], text: str) -> Any:
    if text in names:
        return names[text]
    return {"math.nan": math.nan, "math.inf": math.inf, "-math.inf": -math.inf}.get(text) or float(text)


def _full(value: Any, size: int) -> Array:
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), (size,)))


def _exprel(x: Any) -> Any:
    x = np.asarray(x, dtype=np.float64)
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, safe / np.expm1(safe))


def _dexprel(x: Any) -> Any:
    x = np.asarray(x, dtype=np.float64)
    small = np.abs(x) < 0.01
    safe = np.where(small, 1.0, x)
    e = np.expm1(safe)
    return np.where(small, -0.5 + x / 6.0 - x**3 / 180.0, 1.0 / e - safe * np.exp(safe) / e**2)


def _elementwise(function: Any) -> Any:
    return np.vectorize(function, otypes=[np.float64])


_FUNCTIONS: dict[str, Any] = {
    "math": math,
    "True": True,
    "False": False,
    "_exp": np.exp,
    "_log": np.log,
    "_pow": np.power,
    "_sqrt": np.sqrt,
    "_tanh": np.tanh,
    "_sin": np.sin,
    "_cos": np.cos,
    "_tan": np.tan,
    "_atan": np.arctan,
    "_asin": np.arcsin,
    "_acos": np.arccos,
    "_sinh": np.sinh,
    "_cosh": np.cosh,
    "_abs": np.abs,
    "_floor": np.floor,
    "_ceil": np.ceil,
    "_sign": np.sign,
    "_min": np.minimum,
    "_max": np.maximum,
    "_select": np.where,
    "_exprel": _exprel,
    "_exprel_of": lambda x, e: _exprel(x),
    "_dexprel": _dexprel,
    "_erf": _elementwise(math.erf),
    "_gamma": _elementwise(math.gamma),
}
