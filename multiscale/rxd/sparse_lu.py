"""Sparse LU written out as straight-line code: only the elements that can be non-zero are ever touched."""

from dataclasses import dataclass

from multiscale.rxd.emit import Emitter


@dataclass(frozen=True)
class Factors:
    """Names that hold the factors: unit lower L, strictly upper U and reciprocal pivots, in elimination order."""

    order: tuple[int, ...]
    lower: dict[tuple[int, int], str]
    upper: dict[tuple[int, int], str]
    inverse: dict[int, str]
    pivots: tuple[str, ...]


def elimination_order(pattern: set[tuple[int, int]], n: int) -> tuple[int, ...]:
    """Order of diagonal pivots with least fill at each step (Markowitz 1957, Manage. Sci. 3, 255); ties by index."""
    rows = {i: {j for j in range(n) if (i, j) in pattern and j != i} for i in range(n)}
    cols = {j: {i for i in range(n) if (i, j) in pattern and i != j} for j in range(n)}
    left = set(range(n))
    order = []
    while left:
        k = min(left, key=lambda i: (len(rows[i] & left) * len(cols[i] & left), i))
        left.remove(k)
        order.append(k)
        for i in cols[k] & left:
            for j in rows[k] & left:
                if i != j:
                    rows[i].add(j)
                    cols[j].add(i)
    return tuple(order)


def factorise(emit: Emitter, matrix: dict[tuple[int, int], str], n: int) -> Factors:
    """Emit the elimination of ``matrix`` (names of its non-zero elements) without row exchanges.

    The diagonal is ``1 - gamma h J_ii`` or a scaled form of it, positive for small enough h; the caller checks the
    pivots and takes smaller steps where one is not.
    """
    order = elimination_order(set(matrix), n)
    a = dict(matrix)
    lower: dict[tuple[int, int], str] = {}
    inverse: dict[int, str] = {}
    pivots = []
    for place, k in enumerate(order):
        pivots.append(a[k, k])
        inverse[k] = emit.assign(f"1.0 / {a[k, k]}")
        rest = order[place + 1 :]
        for i in rest:
            if (i, k) not in a:
                continue
            factor = emit.assign(f"{a[i, k]} * {inverse[k]}")
            lower[i, k] = factor
            for j in rest:
                if (k, j) not in a:
                    continue
                a[i, j] = emit.assign(f"{a[i, j]} - {factor} * {a[k, j]}" if (i, j) in a else f"-{factor} * {a[k, j]}")
    position = {k: place for place, k in enumerate(order)}
    upper = {ij: name for ij, name in a.items() if position[ij[0]] < position[ij[1]]}
    return Factors(order, lower, upper, inverse, tuple(pivots))


def solve(emit: Emitter, factors: Factors, rhs: list[str]) -> list[str]:
    """Emit forward and backward substitution; returns the names of the solution."""
    b = list(rhs)
    for k in factors.order:
        terms = [f" - {factors.lower[k, j]} * {b[j]}" for j in factors.order if (k, j) in factors.lower]
        if terms:
            b[k] = emit.assign(b[k] + "".join(terms))
    for k in reversed(factors.order):
        terms = [f" - {factors.upper[k, j]} * {b[j]}" for j in factors.order if (k, j) in factors.upper]
        inner = f"({b[k]}{''.join(terms)})" if terms else b[k]
        b[k] = emit.assign(f"{inner} * {factors.inverse[k]}")
    return b
