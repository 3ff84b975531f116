"""sympy expressions → single-assignment text: every distinct subexpression is computed once.

Reciprocals are shared (``a/b`` and ``c/b**2`` cost one division), and so are powers.
"""

import math
from collections.abc import Iterable, Mapping

import sympy

from multiscale.errors import CompileError
from multiscale.rxd.ir import Assign
from multiscale.symbols import dexprel, exprel

_CALLS: dict[type, str] = {
    sympy.exp: "_exp", sympy.log: "_log", sympy.tanh: "_tanh", sympy.sin: "_sin", sympy.cos: "_cos",
    sympy.tan: "_tan", sympy.atan: "_atan", sympy.asin: "_asin", sympy.acos: "_acos", sympy.sinh: "_sinh",
    sympy.cosh: "_cosh", sympy.Abs: "_abs", sympy.floor: "_floor", sympy.ceiling: "_ceil", sympy.sign: "_sign",
    sympy.erf: "_erf", sympy.gamma: "_gamma", exprel: "_exprel", dexprel: "_dexprel",
}  # fmt: skip
_RELATIONS: dict[type, str] = {
    sympy.StrictLessThan: "<", sympy.LessThan: "<=", sympy.StrictGreaterThan: ">", sympy.GreaterThan: ">=",
    sympy.Equality: "==", sympy.Unequality: "!=",
}  # fmt: skip
_MAX_INTEGER_POWER = 1024
_STEEPEST = 0.5  # 1/mV: exp(0.5 v) is finite for any |v| < 1400 mV
_MOST_MULTIPLES = 16


class Emitter:
    """Collects assignments. Symbols are named by `names`; the same expression gets the same name."""

    def __init__(
        self, names: Mapping[sympy.Symbol, str], shared: sympy.Symbol | None = None, slopes: Iterable[float] = ()
    ) -> None:
        """Prepare.

        Args:
            names: canonical name of each symbol.
            shared: the potential, whose exponentials are shared.
            slopes: the slopes of all exponents in it (`exponent_slopes`).
        """
        self.shared = shared
        self.bases = _bases(slopes)
        self._powers: dict[tuple[float, int], str] = {}
        self.names: dict[sympy.Symbol, str] = dict(names)
        self.lines: list[Assign] = []
        self.memo: dict[sympy.Basic, str] = {}

    def assign(self, text: str) -> str:
        """Emit one assignment and return its name."""
        name = f"x{len(self.lines)}"
        self.lines.append(Assign(name, text))
        return name

    def rebind(self, names: Mapping[sympy.Symbol, str]) -> None:
        """Give symbols new values; what depends on them is forgotten, the rest stays shared."""
        changed = set(names)
        self.memo = {e: n for e, n in self.memo.items() if not (e.free_symbols & changed)}
        self.names.update(names)

    def __call__(self, expr: sympy.Basic) -> str:
        """Name (or literal) that holds the value of `expr`."""
        if isinstance(expr, sympy.Symbol):
            if expr not in self.names:
                raise CompileError(f"kernel: symbol '{expr}' has no value here; declare it in the model")
            return self.names[expr]
        if isinstance(expr, sympy.Number | sympy.NumberSymbol):
            return _number(expr)
        known = self.memo.get(expr)
        if known is None:
            known = self._emit(expr)
            self.memo[expr] = known
        return known

    def _emit(self, expr: sympy.Basic) -> str:
        if isinstance(expr, sympy.Add):
            return self._sum(expr)
        if isinstance(expr, sympy.Mul):
            return self._product(expr)
        if isinstance(expr, sympy.Pow):
            return self._power(expr.base, expr.exp)
        if isinstance(expr, sympy.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, sympy.Min | sympy.Max):
            call = "_min" if isinstance(expr, sympy.Min) else "_max"
            return self._fold(call, [self(a) for a in expr.args])
        if isinstance(expr, sympy.logic.boolalg.BooleanAtom):
            return "True" if expr else "False"
        if isinstance(expr, sympy.core.relational.Relational):
            return self.assign(f"{self(expr.lhs)} {_RELATIONS[type(expr)]} {self(expr.rhs)}")
        if isinstance(expr, sympy.And | sympy.Or):
            glue = " & " if isinstance(expr, sympy.And) else " | "
            return self.assign(glue.join(f"({self(a)})" for a in _ordered(expr.args)))
        if isinstance(expr, sympy.Not):
            return self.assign(f"({self(expr.args[0])}) == False")
        if isinstance(expr, sympy.exp):
            return self._exponential(expr.args[0])
        if isinstance(expr, exprel):
            return self._exprel(expr.args[0])
        if isinstance(expr, sympy.Heaviside):  # derivatives of Min and Max bring it
            return self.assign(f"_select({self(expr.args[0])} > 0.0, 1.0, 0.0)")
        if isinstance(expr, sympy.DiracDelta):  # derivative of a jump: not seen by any step
            return "0.0"
        call = _CALLS.get(type(expr), "")
        if not call:
            raise CompileError(
                f"kernel: function '{type(expr).__name__}' is not available in rates; "
                "see functions.py for those that are"
            )
        return self.assign(f"{call}({', '.join(self(a) for a in expr.args)})")

    def _sum(self, expr: sympy.Add) -> str:
        text = ""
        for term in _ordered(expr.args):
            coefficient, rest = term.as_coeff_Mul()
            if coefficient == -1:
                text += f" - {self(rest)}" if text else f"-{self(rest)}"
            elif text and coefficient.is_negative:
                text += f" - {self(-term)}"
            else:
                text += f" + {self(term)}" if text else self(term)
        return self.assign(text)

    def _product(self, expr: sympy.Mul) -> str:
        factors = [self(a) for a in _ordered(expr.args) if a != 1.0]
        if len(factors) == 1:
            return factors[0]
        return self.assign(" * ".join(f"({f})" if f.startswith("-") else f for f in factors))

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> str:
        if exponent.is_number and float(exponent).is_integer() and abs(exponent) <= _MAX_INTEGER_POWER:
            n = int(exponent)
            if n == -1:
                return self.assign(f"1.0 / {self(base)}")
            if n < 0:
                return self._integer_power(sympy.Pow(base, -1), -n)
            return self._integer_power(base, n)
        if exponent == sympy.S.Half:
            return self.assign(f"_sqrt({self(base)})")
        if exponent == -sympy.S.Half:
            return self.assign(f"1.0 / {self(sympy.sqrt(base))}")
        if base == sympy.E:
            return self.assign(f"_exp({self(exponent)})")
        return self.assign(f"_pow({self(base)}, {self(exponent)})")

    def _exponential(self, argument: sympy.Expr) -> str:
        """exp(argument); with a shared variable ``exp(a v + b) = exp(v/s)**n * exp(b)``, n = a s a small integer."""
        v = self.shared
        if v is None or argument.free_symbols != {v}:
            return self.assign(f"_exp({self(argument)})")
        slope = sympy.diff(argument, v)
        if not slope.is_number or not abs(float(slope)) <= _STEEPEST:
            return self.assign(f"_exp({self(argument)})")
        n, base = _as_multiple(float(slope), self.bases)
        if base is None:
            return self.assign(f"_exp({self(argument)})")
        offset = math.exp(float(argument.subs(v, 0)))
        return self.assign(f"{self._base_power(base, n)} * {offset!r}")

    def _base_power(self, base: float, n: int) -> str:
        """``exp(base v)**n`` by squaring; negative powers share one reciprocal."""
        if (base, n) not in self._powers:
            one = 1 if n > 0 else -1
            if n == 1:
                text = f"_exp({self.names[self.shared]} * {base!r})"
            elif n == -1:
                text = f"1.0 / {self._base_power(base, 1)}"
            else:
                half = self._base_power(base, int(n / 2))
                text = f"{half} * {half}" + (f" * {self._base_power(base, one)}" if n % 2 else "")
            self._powers[base, n] = self.assign(text)
        return self._powers[base, n]

    def _exprel(self, argument: sympy.Expr) -> str:
        """``x / (exp(x) - 1)`` with the exponential shared; the Taylor series where that would cancel."""
        if self.shared is None or argument.free_symbols != {self.shared}:
            return self.assign(f"_exprel({self(argument)})")
        return self.assign(f"_exprel_of({self(argument)}, {self(sympy.exp(argument))})")

    def _integer_power(self, base: sympy.Expr, n: int) -> str:
        if n == 1:
            return self(base)
        half = self._memo_power(base, n // 2)
        if n % 2 == 0:
            return self.assign(f"{half} * {half}")
        return self.assign(f"{half} * {half} * {self(base)}")

    def _memo_power(self, base: sympy.Expr, n: int) -> str:
        return self(sympy.Pow(base, n)) if n > 1 else self(base)

    def _piecewise(self, expr: sympy.Piecewise) -> str:
        pairs = list(expr.args)
        value, condition = pairs[-1].args
        result = self(value) if condition == sympy.true else "math.nan"
        if condition != sympy.true:
            pairs.append(pairs[-1])
        for pair in reversed(pairs[:-1]):
            value, condition = pair.args
            result = self.assign(f"_select({self(condition)}, {self(value)}, {result})")
        return result

    def _fold(self, call: str, names: Iterable[str]) -> str:
        result = ""
        for name in names:
            result = self.assign(f"{call}({result}, {name})") if result else name
        return result


def _ordered(args: tuple[sympy.Basic, ...]) -> list[sympy.Basic]:
    """Arguments in an order that depends on their text alone, so that equal models give equal bits."""
    return sorted(args, key=sympy.default_sort_key)


def _number(expr: sympy.Basic) -> str:
    value = float(expr)
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return f"math.{text}" if value > 0 or value != value else "-math.inf"
    return text


def exponent_slopes(expressions: Iterable[sympy.Expr], v: sympy.Symbol | None) -> list[float]:
    """Slopes a of all exponents ``a v + b`` that occur in some expressions, the smallest first."""
    found = set()
    for expression in expressions if v is not None else ():
        for call in expression.atoms(sympy.exp, exprel):
            argument = call.args[0]
            if argument.free_symbols == {v}:
                slope = sympy.diff(argument, v)
                if slope.is_number and 0 < abs(float(slope)) <= _STEEPEST:
                    found.add(float(slope))
    return sorted(found, key=lambda a: (abs(a), a))


def _bases(slopes: Iterable[float]) -> tuple[float, ...]:
    """Slopes of which the others are small multiples, with the sign that most of these have.

    Reciprocals cost a division.
    """
    given = list(slopes)
    bases: list[float] = []
    for slope in given:
        if _as_multiple(slope, bases)[1] is None:
            same = sum(1 if a * slope > 0 else -1 for a in given if _as_multiple(a, (slope,))[1] is not None)
            bases.append(slope if same >= 0 else -slope)
    return tuple(bases)


def _as_multiple(slope: float, bases: Iterable[float]) -> tuple[int, float | None]:
    for base in bases:
        n = round(slope / base)
        if 1 <= abs(n) <= _MOST_MULTIPLES and abs(n * base - slope) <= 1e-14 * abs(slope):
            return n, base
    return 0, None
