"""Exact amounts over time steps: integrals of a course in time, however short its pulses are.

An integral is taken between the times at which the course jumps, bends or turns, by Gauss-Legendre quadrature whose
intervals are halved until two estimates agree. Every step has its own intervals and its own tolerance, so a step's
amount does not depend on which other steps are asked for in the same call.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational

from multiscale.errors import SolverError
from multiscale.rxd.targets.numpy_ref import evaluate
from multiscale.symbols import time as now

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ORDER = 8  # nodes of the quadrature: exact for polynomials up to degree 15
TOLERANCE = 1e-12  # of the integral of the absolute value over an interval
FINEST = 50  # halvings; a jump is then located to 1e-15 of a step
MOST_PARTS = 1024  # of a step that are halved at once; more differ by round-off, which no halving removes
SINGULAR = 1e-6  # of a step's amount: what may lie in an interval that cannot be halved any more
MOST_BREAKS = 1_000_000  # in one call; more is a mistake in a unit
_DEGREE = 4  # of polynomials in time whose roots are looked for
_AROUND = 4.0 ** np.arange(-18, 6)  # ms, distances from a turning point at which intervals begin, 1e-11 to 1e3
_BENT = (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Min, sympy.Max)


@dataclass(frozen=True, eq=False)
class Course:
    """An amount per time, ready to be integrated.

    Attributes:
        start: nothing before, ms.
        stop: nothing after, ms.
        expression: of time alone; None for samples.
        times: of samples, or where the expression jumps, bends or turns at a known time, and some around its turning
            points, ms, rising, shape (k,).
        values: of samples, amol/ms, shape (k,).
        steps: arguments of the floor functions in it, linear in time: (slope, offset) each.
        gaps: expressions that change their sign where the course jumps or bends, at times not known beforehand.
    """

    start: float
    stop: float
    expression: sympy.Expr | None
    times: Array
    values: Array
    steps: tuple[tuple[float, float], ...] = ()
    gaps: tuple[sympy.Expr, ...] = ()

    def amounts(self, edges: Array) -> Array:
        """Integral over each interval between neighbouring edges, amol.

        Args:
            edges: ms, rising, shape (k + 1,).

        Raises:
            SolverError: the course is not finite somewhere.
        """
        low, high = max(self.start, edges[0]), min(self.stop, edges[-1])
        if not high > low:
            return np.zeros(edges.size - 1)
        inside = edges[(edges > low) & (edges < high)]
        every = np.unique(np.concatenate([[low], inside, [high]]))
        every = np.union1d(every, self._breaks(every))
        owner = np.searchsorted(edges, every[:-1], side="right") - 1
        left, right = every[:-1], every[1:]
        parts = self._constant(left, right) if self._simple else self._quadrature(left, right)
        return np.asarray(np.bincount(owner, parts, edges.size - 1), dtype=np.float64)

    @property
    def _simple(self) -> bool:
        return self.expression is None or not self.expression.free_symbols

    def _constant(self, left: Array, right: Array) -> Array:
        """Intervals in which the course is constant or linear: the value in the middle."""
        if self.expression is not None:
            return float(self.expression) * (right - left)
        middle = 0.5 * (left + right)
        return np.asarray(np.interp(middle, self.times, self.values, left=0.0, right=0.0) * (right - left))

    def _quadrature(self, left: Array, right: Array) -> Array:
        """Gauss-Legendre on each interval and on its halves; those that differ are halved again."""
        total, sizes, owner = np.zeros(left.size), np.zeros(left.size), np.arange(left.size)
        whole = np.zeros(0)
        for depth in range(FINEST + 1):
            middle, n = 0.5 * (left + right), left.size
            low, high = [left, middle], [middle, right]
            if depth == 0:
                low, high = [*low, left], [*high, right]
            value, size = self._rule(np.concatenate(low), np.concatenate(high))
            lower, upper = value[:n], value[n : 2 * n]
            whole = whole if depth else value[2 * n :]
            error = np.abs(lower + upper - whole)
            done = error <= TOLERANCE * (size[:n] + size[n : 2 * n])
            last = ~done & ((middle <= left) | (middle >= right) | (depth == FINEST))
            sizes = np.maximum(sizes, np.bincount(owner, size[:n] + size[n : 2 * n], total.size))
            if (error[last] > SINGULAR * sizes[owner[last]]).any():
                raise self._not_finite(float(left[last][error[last] > SINGULAR * sizes[owner[last]]].min()))
            done |= last
            done |= np.bincount(owner[~done], minlength=total.size)[owner] > MOST_PARTS
            np.add.at(total, owner[done], (lower + upper)[done])
            more = ~done
            if not more.any():
                break
            left, right = _interleave(left[more], middle[more]), _interleave(middle[more], right[more])
            whole, owner = _interleave(lower[more], upper[more]), np.repeat(owner[more], 2)
        return total

    def _rule(self, left: Array, right: Array) -> tuple[Array, Array]:
        """Integrals of the course and of its absolute value by one rule, shape of left."""
        node, weight = np.polynomial.legendre.leggauss(ORDER)
        half = 0.5 * (right - left)
        value = self._values(0.5 * (left + right) + half * node[:, None])
        integral, size = np.zeros(left.size), np.zeros(left.size)
        for k in range(ORDER):  # node by node, so that the sum's order does not depend on the number of intervals
            integral += weight[k] * value[k]
            size += weight[k] * np.abs(value[k])
        return half * integral, half * size

    def _values(self, times: Array) -> Array:
        value = _at(self.expression, times)
        if not np.isfinite(value).all():
            raise self._not_finite(float(times[~np.isfinite(value)].min()))
        return value

    def _not_finite(self, at: float) -> SolverError:
        return SolverError(
            f"source: its rate '{self.expression}' is not finite at t = {at:g} ms, expected a number at any time; "
            "correct the expression or its start and duration"
        )

    def _breaks(self, edges: Array) -> Array:
        """Times between the first and last edge at which the course jumps, bends or turns, as far as they are found."""
        low, high = edges[0], edges[-1]
        found = [self.times[(self.times > low) & (self.times < high)]]
        found += [_whole(slope, offset, low, high) for slope, offset in self.steps]
        pieces = np.unique(np.concatenate([edges, *found])) if self.gaps else edges
        return np.concatenate([*found, *(_crossings(gap, pieces) for gap in self.gaps)])


def course_of(
    given: sympy.Expr | tuple[Array, Array], start: float, stop: float, parameters: dict[sympy.Symbol, float]
) -> Course:
    """Prepare a course in time.

    Args:
        given: expression of time (ms) without units, or samples: times, ms, and values, amol/ms.
        start: ms.
        stop: ms.
        parameters: value of each other symbol, base units.
    """
    if isinstance(given, tuple):
        times, values = given
        return Course(max(start, float(times[0])), min(stop, float(times[-1])), None, times, values)
    expression = given.xreplace({symbol: sympy.Float(value) for symbol, value in parameters.items()})
    expression = expression.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b))
    known: set[float] = set()
    gaps: list[sympy.Expr] = []
    for gap, bends in _critical(expression):
        roots = _roots(gap, bends)
        if roots is not None:
            known |= roots
            known |= set() if bends else {float(root + away) for root in roots for away in (*_AROUND, *-_AROUND)}
        elif bends:
            gaps.append(gap)
    floors = {part.args[0] for part in expression.atoms(sympy.floor, sympy.ceiling)}
    steps = [(float(a), float(b)) for a, b in (_linear(part) for part in sorted(floors, key=str)) if a]
    times = np.array(sorted(known), dtype=np.float64)
    return Course(start, stop, expression, times, np.zeros(0), tuple(steps), tuple(gaps))


def _critical(expression: sympy.Expr) -> Iterable[tuple[sympy.Expr, bool]]:
    """Expressions whose roots matter; True where the course jumps or bends there, False where it may turn sharply."""
    seen = set()
    for part in sympy.preorder_traversal(expression):
        if part in seen or not part.has(now):
            continue
        seen.add(part)
        if isinstance(part, Relational):
            yield part.lhs - part.rhs, True
        elif isinstance(part, sympy.Min | sympy.Max):
            first, *rest = part.args
            yield from ((first - other, True) for other in rest)
        elif isinstance(part, _BENT):
            yield part.args[0], True
        elif isinstance(part, sympy.Function) and not isinstance(part, sympy.floor | sympy.ceiling | sympy.Piecewise):
            yield part.args[0], False
        elif isinstance(part, sympy.Pow):
            yield part.base, False
            yield part.exp, False


def _linear(argument: sympy.Expr) -> tuple[float, float]:
    """Slope and offset of an expression that is linear in time; slope 0 where it is not."""
    slope = sympy.diff(argument, now)
    return (float(slope), float(argument.subs(now, 0))) if slope.is_number else (0.0, 0.0)


def _roots(gap: sympy.Expr, bends: bool) -> set[float] | None:
    """Real roots of a low polynomial in time, and where nothing bends its turning points; None for anything else."""
    if not gap.has(now):
        return set()
    if not gap.is_polynomial(now):
        return None
    polynomial = sympy.Poly(gap, now)
    if polynomial.degree() > _DEGREE:
        return None
    coefficients = np.array([float(c) for c in polynomial.all_coeffs()])
    roots = np.roots(coefficients)
    real = np.sort(roots.real[np.abs(roots.imag) <= 1e-9 * np.maximum(1.0, np.abs(roots))])
    for _ in range(3 if coefficients.size > 2 else 0):  # Newton on the expression as written: no cancellation
        slope = _at(sympy.diff(gap, now), real)
        real = real - np.divide(_at(gap, real), slope, out=np.zeros(real.size), where=slope != 0)
    turns: Iterable[float] = () if bends else np.roots(np.polyder(coefficients)).real
    return {float(root) for root in (*real, *turns) if math.isfinite(root)}


def _whole(slope: float, offset: float, low: float, high: float) -> Array:
    """Times between low and high at which ``slope t + offset`` is a whole number, shape (k,)."""
    first, last = sorted((slope * low + offset, slope * high + offset))
    if last - first > MOST_BREAKS:
        raise SolverError(
            f"source: its rate has {last - first:.2g} jumps between {low:g} and {high:g} ms, "
            f"expected at most {MOST_BREAKS}; check the units of its period"
        )
    times = (np.arange(math.ceil(first), math.floor(last) + 1) - offset) / slope
    return np.sort(times[(times > low) & (times < high)])


def _crossings(gap: sympy.Expr, edges: Array) -> Array:
    """Sign changes of an expression that is smooth between neighbouring edges, to round-off, shape (k,).

    Each piece is searched in quarters; a pair of crossings within one quarter is not seen.
    """
    quarters = edges[:-1] + np.diff(edges) * np.array([1e-9, 0.25, 0.5, 0.75, 1 - 1e-9])[:, None]
    at = _at(gap, quarters)
    left, right = quarters[:-1].ravel(), quarters[1:].ravel()
    crossing = (at[:-1] * at[1:] <= 0).ravel()
    left, right, rising = left[crossing], right[crossing], (at[:-1] < at[1:]).ravel()[crossing]
    for _ in range(60):
        middle = 0.5 * (left + right)
        above = (_at(gap, middle) > 0) == rising if middle.size else np.zeros(0, dtype=bool)
        left, right = np.where(above, left, middle), np.where(above, middle, right)
    return np.unique(right)


def _at(expression: sympy.Expr, times: Array) -> Array:
    return np.broadcast_to(np.asarray(evaluate(expression, {now: times}), dtype=np.float64), times.shape)


def _interleave(first: Array, second: Array) -> Array:
    return np.column_stack([first, second]).ravel()
