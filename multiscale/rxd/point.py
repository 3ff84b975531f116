"""The adaptive run of a single node: source of its kernels, and the stops between which the electrodes are constant."""

import inspect
import math
import re

import sympy

from multiscale.kernels.header import header
from multiscale.rxd import rodas, sparse_lu
from multiscale.rxd.emit import Emitter
from multiscale.rxd.equations import Equations, Term
from multiscale.rxd.ir import Kernel
from multiscale.rxd.lower import point_kernels
from multiscale.symbols import time as now

WORK_ROWS = 14  # rows of n before the factors begin


def factor_size(eqs: Equations) -> int:
    """Numbers that the factors of one point need: the Jacobian and the eliminated matrix."""
    n = len(eqs.fields)
    return 2 * n * n + 1


def point_source(eqs: Equations, terms: tuple[Term, ...], jit: bool) -> str:
    """Generated file of an adaptive point run: right-hand side, factorised Jacobian, substitution, Rodas5P."""
    right, jacobian = point_kernels(eqs, terms)
    n = len(eqs.fields)
    text = [header(jit), *_rates(right), *_factor(jacobian, n), *_solve(jacobian, n)]
    # in the generated file these three are functions of the file itself
    core = re.sub(r"point_rates,\s*point_factor,\s*point_solve,\s*", "", inspect.getsource(rodas.rodas), count=1)
    return "\n".join(text) + "\n\n\n@JIT\n" + core


def _inputs(kernel: Kernel) -> list[str]:
    lines = [f"    p{i} = P[{i}]" for i in kernel.parameters]
    lines += [f"    q{i} = Q[{i}, 0]" for i in kernel.node_inputs]
    lines += [f"    y{i} = y[{i}]" for i in kernel.rows]
    return [*lines, *[f"    e{i} = E[{i}]" for i in range(4)], *[f"    {a.name} = {a.text}" for a in kernel.body]]


def _rates(kernel: Kernel) -> list[str]:
    lines = ["", "", "@JIT", "def point_rates(t, y, P, Q, E, f, ft):", *_inputs(kernel)]
    return [*lines, *[f"    {name}[{row}] = {value}" for (name, row), value in kernel.outputs]]


def _elements(kernel: Kernel, n: int) -> dict[tuple[int, int], int]:
    """Non-zero elements of the Jacobian with the diagonal → place in the factor array."""
    elements = {(place[1] // n, place[1] % n) for place, _ in kernel.outputs} | {(i, i) for i in range(n)}
    return {ij: k for k, ij in enumerate(sorted(elements))}


def _factor(kernel: Kernel, n: int) -> list[str]:
    """``lu[0:n*n]`` keeps the Jacobian between attempts of one step; the factors stand behind it."""
    places = _elements(kernel, n)
    lines = ["", "", "@JIT", "def point_jacobian(t, y, P, Q, E, lu):", *_inputs(kernel)]
    lines += [f"    lu[{places[place[1] // n, place[1] % n]}] = {value}" for place, value in kernel.outputs]
    given = {(place[1] // n, place[1] % n) for place, _ in kernel.outputs}
    lines += [f"    lu[{k}] = 0.0" for ij, k in places.items() if ij not in given]
    emit = Emitter({})
    matrix = {ij: emit.assign(f"w - lu[{k}]" if ij[0] == ij[1] else f"-lu[{k}]") for ij, k in places.items()}
    factors = sparse_lu.factorise(emit, matrix, n)
    lines += [
        "",
        "",
        "@JIT",
        "def point_factor(t, y, P, Q, E, w, lu, again):",
        "    if not again:",
        "        point_jacobian(t, y, P, Q, E, lu)",
    ]
    lines += [f"    {a.name} = {a.text}" for a in emit.lines]
    for k, name in enumerate(_factor_names(factors)):
        lines.append(f"    lu[{n * n + k}] = {name}")
    lines.append("    least = math.inf")
    lines += [f"    least = _min(least, {pivot})" for pivot in factors.pivots]
    return [*lines, "    return least"]


def _factor_names(factors: sparse_lu.Factors) -> list[str]:
    names = [factors.lower[ij] for ij in sorted(factors.lower)] + [factors.upper[ij] for ij in sorted(factors.upper)]
    return names + [factors.inverse[k] for k in sorted(factors.inverse)]


def _solve(kernel: Kernel, n: int) -> list[str]:
    places = _elements(kernel, n)
    emit = Emitter({})
    pattern = sparse_lu.factorise(emit, {ij: f"m{k}" for ij, k in places.items()}, n)
    names = {name: f"lu[{n * n + k}]" for k, name in enumerate(_factor_names(pattern))}
    stored = sparse_lu.Factors(
        pattern.order,
        {ij: names[v] for ij, v in pattern.lower.items()},
        {ij: names[v] for ij, v in pattern.upper.items()},
        {k: names[v] for k, v in pattern.inverse.items()},
        pattern.pivots,
    )
    emit = Emitter({})
    result = sparse_lu.solve(emit, stored, [f"b[{i}]" for i in range(n)])
    lines = ["", "", "@JIT", "def point_solve(lu, b):", *[f"    {a.name} = {a.text}" for a in emit.lines]]
    return [*lines, *[f"    b[{i}] = {value}" for i, value in enumerate(result)]]


def switch_times(eqs: Equations, start: float, stop: float, values: dict[sympy.Symbol, float]) -> list[float]:
    """Times at which a condition that is linear in time switches: a pulse in a rate is then seen at any tolerance.

    Args:
        eqs: the equations.
        start: ms.
        stop: ms.
        values: parameters' values, base units.
    """
    found = set()
    relations = {
        r for term in eqs.terms for _, rate in term.changes for r in rate.atoms(sympy.core.relational.Relational)
    }
    relations |= {
        r for term in eqs.terms for density, _ in term.currents for r in density.atoms(sympy.core.relational.Relational)
    }
    for relation in relations:
        gap = (relation.lhs - relation.rhs).xreplace(values)
        if gap.free_symbols != {now}:
            continue
        slope = sympy.diff(gap, now)
        if slope.free_symbols or slope == 0:
            continue
        when = float(-gap.subs(now, 0) / slope)
        if math.isfinite(when) and start < when < stop:
            found.add(when)
    return sorted(found)
