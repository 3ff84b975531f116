"""Equations of the processes at a node → kernels: local chemistry (ROS2), membrane currents, whole right-hand side.

Local chemistry: gates whose rate is linear in the gate, with coefficients that nothing else in the kernel changes, take
the exact exponential step; everything else takes ROS2 with the analytic Jacobian: L-stable, second order for any
Jacobian. Source: Verwer, Spee, Blom and Hundsdorfer (1999), SIAM J. Sci. Comput. 20, 1456.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import sympy

from multiscale.rxd import sparse_lu
from multiscale.rxd.emit import Emitter, exponent_slopes
from multiscale.rxd.equations import Equations, Term
from multiscale.rxd.ir import Kernel
from multiscale.symbols import time as now

GAMMA = 1.0 - 1.0 / math.sqrt(2.0)
# A pivot of (I - gamma h J) below this means that the step is too long for the reaction; the kernel then halves it.
_LEAST_PIVOT = 0.05
# A concentration may be negative by round-off only: 1e-12 mM is less than one molecule in any cell.
_LEAST_CONCENTRATION = 1e-12


@dataclass(frozen=True)
class Balance:
    """Sums over the active terms: local rate of change of each row, current density, and what the current moves."""

    rates: dict[int, sympy.Expr]
    current: sympy.Expr
    moved: dict[int, sympy.Expr]


def balance(terms: Iterable[Term]) -> Balance:
    """Add up the terms, row by row, in the order of the process names."""
    rates: dict[int, list[sympy.Expr]] = {}
    moved: dict[int, list[sympy.Expr]] = {}
    density = []
    for term in terms:
        for row, rate in term.changes:
            rates.setdefault(row, []).append(rate)
        for current, moves in term.currents:
            density.append(current)
            for row, coefficient in moves:
                moved.setdefault(row, []).append(coefficient * current)
    return Balance(
        {row: sympy.Add(*parts) for row, parts in sorted(rates.items())},
        sympy.Add(*density),
        {row: sympy.Add(*parts) for row, parts in sorted(moved.items())},
    )


def react_kernel(
    name: str, eqs: Equations, terms: Iterable[Term], tolerance: bool, implicitness: float = GAMMA
) -> Kernel | None:
    """Local chemistry and gates over a step ``h`` from time ``t``, potential held; None where nothing reacts.

    Args:
        name: identifier of the kernel.
        eqs: the numbered equations.
        terms: the terms that act at the node.
        tolerance: check the embedded error estimate against ``tol`` (relative; 1e-9 of it absolute in mM) as well.
        implicitness: that of ROS2, or 1 for one stage of linearly implicit Euler, as NEURON's chemistry takes it.
    """
    rates = {row: rate for row, rate in balance(terms).rates.items() if rate != 0}
    if not rates:
        return None
    symbols = {f.row: f.symbol for f in eqs.fields}
    emit = _emitter(eqs, rates.values())
    exact = _exact_gates(rates, symbols)
    outputs: list[tuple[tuple[str, int], str]] = []
    for row, (a, b) in exact.items():
        drift = (
            emit.assign(f"y{row} + h * ({emit(a)})") if b == 0 else _exponential_step(emit, f"y{row}", emit(a), emit(b))
        )
        outputs.append((("y", row), drift))
    unknown = [row for row in rates if row not in exact]
    check = ""
    if unknown:
        new, check = _rosenbrock(emit, eqs, rates, unknown, tolerance, implicitness)
        outputs += [(("y", row), value) for row, value in zip(unknown, new, strict=True)]
    return _kernel(name, eqs, emit, sorted(outputs), check)


def membrane_kernel(name: str, eqs: Equations, terms: Iterable[Term], moved_rows: tuple[int, ...]) -> Kernel | None:
    """Current density, its derivative to v, and concentration rates it causes with theirs; None without currents."""
    total = balance(terms)
    potential = eqs.potential
    if potential is None or total.current == 0:
        return None
    v = potential.symbol
    emit = _emitter(eqs, [total.current])
    outputs = [(("current", 0), emit(total.current)), (("conductance", 0), emit(_derivative(total.current, v)))]
    for place, row in enumerate(moved_rows):
        if row in total.moved:
            outputs.append((("source", place), emit(total.moved[row])))
            outputs.append((("slope", place), emit(_derivative(total.moved[row], v))))
    return _kernel(name, eqs, emit, outputs, "")


def point_kernels(eqs: Equations, terms: Iterable[Term]) -> tuple[Kernel, Kernel]:
    """Whole right-hand side of one node (potential included), and its factorised Jacobian, for adaptive runs.

    The potential's row reads the electrodes from ``e0`` (pA/um^2 into the cell), ``e1`` (nS/um^2) and ``e2`` (mV), and
    the capacitance from ``e3`` (pF/um^2).
    """
    total = balance(terms)
    rates: dict[int, sympy.Expr] = dict(total.rates)
    for row, rate in total.moved.items():
        rates[row] = rates.get(row, sympy.S.Zero) + rate
    names = _names(eqs)
    if eqs.potential is not None:
        electrode = sympy.symbols("e0:4", real=True, cls=sympy.Dummy)
        names.update({s: f"e{i}" for i, s in enumerate(electrode)})
        v = eqs.potential.symbol
        rates[eqs.potential.row] = (-total.current + electrode[0] + electrode[1] * (electrode[2] - v)) / electrode[3]
    n = len(eqs.fields)
    symbols = [f.symbol for f in eqs.fields]
    emit = Emitter(names)
    outputs = [(("f", row), emit(rates.get(row, sympy.S.Zero))) for row in range(n)]
    outputs += [(("ft", row), emit(_derivative(rates.get(row, sympy.S.Zero), now))) for row in range(n)]
    right = _kernel("point_rates", eqs, emit, outputs, "")
    emit = Emitter(names)
    outputs = []
    jacobian = {
        (i, j): _derivative(rates[i], symbols[j])
        for i in rates
        for j in range(n)
        if symbols[j] in rates[i].free_symbols
    }
    for (i, j), element in sorted(jacobian.items()):
        if element != 0:
            outputs.append((("jac", i * n + j), emit(element)))
    return right, _kernel("point_jacobian", eqs, emit, outputs, "")


def _emitter(eqs: Equations, expressions: Iterable[sympy.Expr]) -> Emitter:
    v = eqs.potential.symbol if eqs.potential is not None else None
    return Emitter(_names(eqs), v, exponent_slopes(expressions, v))


def _names(eqs: Equations) -> dict[sympy.Symbol, str]:
    names = eqs.names()
    names[now] = "t"
    return names


def _derivative(expression: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    return sympy.diff(expression, symbol) if symbol in expression.free_symbols else sympy.S.Zero


def _exact_gates(
    rates: dict[int, sympy.Expr], symbols: dict[int, sympy.Symbol]
) -> dict[int, tuple[sympy.Expr, sympy.Expr]]:
    """Rows that obey dy/dt = a - b y with a and b untouched by the other reacting rows: (a, b) of each."""
    reacting = {symbols[row] for row in rates}
    used = {row: rate.free_symbols & reacting for row, rate in rates.items()}
    exact = {}
    for row, rate in rates.items():
        y = symbols[row]
        if used[row] - {y} or any(y in used[other] for other in rates if other != row):
            continue
        slope = sympy.diff(rate, y)
        if y in slope.free_symbols:
            # a product that sympy keeps factored can still be linear: the second derivative decides
            if sympy.simplify(sympy.diff(slope, y)) != 0:
                continue
            slope = sympy.simplify(slope)
        if now in rate.free_symbols:
            continue
        exact[row] = (rate.xreplace({y: sympy.S.Zero}), -slope)
    return exact


def _exponential_step(emit: Emitter, y: str, a: str, b: str) -> str:
    """Y + (a - b y) (1 - exp(-b h)) / b, with the limit h for b → 0."""
    decay = emit.assign(f"_exp(-({b}) * h)")
    slow = emit.assign(f"_abs({b}) < 1e-6")
    weight = emit.assign(f"_select({slow}, h, (1.0 - {decay}) / ({b}))")  # where b is 0 the quotient is not chosen
    return emit.assign(f"{y} + ({a} - ({b}) * {y}) * {weight}")


def _rosenbrock(
    emit: Emitter,
    eqs: Equations,
    rates: dict[int, sympy.Expr],
    unknown: list[int],
    tolerance: bool,
    implicitness: float,
) -> tuple[list[str], str]:
    """ROS2, or one stage of linearly implicit Euler, for the coupled rows: new values and the name of the check."""
    symbols = {f.row: f.symbol for f in eqs.fields}
    n = len(unknown)
    f1 = [emit(rates[row]) for row in unknown]
    matrix: dict[tuple[int, int], str] = {}
    gh = emit.assign(f"{implicitness!r} * h")
    for i, row in enumerate(unknown):
        for j, other in enumerate(unknown):
            element = _derivative(rates[row], symbols[other])
            if element != 0:
                matrix[i, j] = emit.assign(
                    f"1.0 - {gh} * ({emit(element)})" if i == j else f"-{gh} * ({emit(element)})"
                )
            elif i == j:
                matrix[i, i] = "1.0"
    factors = sparse_lu.factorise(emit, matrix, n)
    slopes = [_derivative(rates[row], now) for row in unknown]
    moving = [emit(s) if s != 0 else "" for s in slopes]
    first = [emit.assign(f"{f} + {gh} * ({m})") if m else f for f, m in zip(f1, moving, strict=True)]
    k1 = sparse_lu.solve(emit, factors, first)
    ahead = [emit.assign(f"y{row} + h * {k}") for row, k in zip(unknown, k1, strict=True)]
    if implicitness == 1.0:
        return ahead, _check(emit, eqs, unknown, ahead, [], factors.pivots, False)
    stage = {symbols[row]: name for row, name in zip(unknown, ahead, strict=True)}
    later = {now: emit.assign("t + h")} if any(moving) else {}
    emit.rebind({**stage, **later})
    f2 = [emit(rates[row]) for row in unknown]
    second = [
        emit.assign(f"{f} - 2.0 * {k}" + (f" - {gh} * ({m})" if m else ""))
        for f, k, m in zip(f2, k1, moving, strict=True)
    ]
    k2 = sparse_lu.solve(emit, factors, second)
    new = [emit.assign(f"y{row} + h * (1.5 * {a} + 0.5 * {b})") for row, a, b in zip(unknown, k1, k2, strict=True)]
    return new, _check(emit, eqs, unknown, new, list(zip(k1, k2, strict=True)), factors.pivots, tolerance)


def _check(
    emit: Emitter,
    eqs: Equations,
    unknown: list[int],
    new: list[str],
    stages: list[tuple[str, str]],
    pivots: tuple[str, ...],
    tolerance: bool,
) -> str:
    """A value that is >= 0 exactly when the step may be kept: finite, not negative, pivots safe, error small."""
    least = ""
    for row, value in zip(unknown, new, strict=True):
        if eqs.fields[row].kind == "concentration":
            margin = emit.assign(f"{value} + {_LEAST_CONCENTRATION!r}")
            least = emit.assign(f"_min({least}, {margin})") if least else margin
    for pivot in pivots:
        if pivot != "1.0":
            margin = emit.assign(f"{pivot} - {_LEAST_PIVOT!r}")
            least = emit.assign(f"_min({least}, {margin})") if least else margin
    if tolerance:
        for _row, value, (a, b) in zip(unknown, new, stages, strict=True):
            # the embedded first-order solution y + h k1 differs from the step by h (k1 + k2) / 2
            margin = emit.assign(f"tol * (_abs({value}) + 1e-9) - _abs(0.5 * h * ({a} + {b}))")
            least = emit.assign(f"_min({least}, {margin})") if least else margin
    finite = emit.assign(" + ".join(f"0.0 * {value}" for value in new))
    return emit.assign(f"{least} + {finite}" if least else finite)


def _kernel(name: str, eqs: Equations, emit: Emitter, outputs: list[tuple[tuple[str, int], str]], check: str) -> Kernel:
    words = set()
    for line in emit.lines:
        words |= set(_words(line.text))
    words |= {value for _, value in outputs}
    return Kernel(
        name,
        tuple(f.row for f in eqs.fields if f"y{f.row}" in words),
        tuple(i for i in range(len(eqs.inputs)) if f"q{i}" in words),
        tuple(i for i in range(len(eqs.parameters)) if f"p{i}" in words),
        tuple(emit.lines),
        tuple(outputs),
        check,
    )


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
