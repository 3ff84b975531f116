"""Units as sympy symbols, conversion to base units, and dimensions of expressions.

Base units are um, ms, mM, mV, pA and K; they are coherent: 1 mM um**3 = 1 amol, 1 pA ms = 1 fC, 1 pA/mV = 1 nS,
1 pA ms/mV = 1 pF. All other units are expressions of these six, exact where the definition is exact.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from multiscale.errors import UnitError


class UnitSymbol(sympy.Symbol):
    """One of the six base units. Positive, so that powers and roots of units simplify."""

    def __new__(cls, name: str, **assumptions: bool) -> "UnitSymbol":  # noqa: D102 - told by the class
        return sympy.Symbol.__new__(cls, name, **{"positive": True, **assumptions})  # type: ignore[no-any-return]


um, ms, mM, mV, pA, K = (UnitSymbol(name) for name in ("um", "ms", "mM", "mV", "pA", "K"))
BASE_UNITS = (um, ms, mM, mV, pA, K)

_kilo, _milli = sympy.Integer(1000), sympy.Rational(1, 1000)

# Length and volume
nm, mm, cm, m = um * _milli, um * _kilo, um * 10**4, um * 10**6
litre = l = um**3 * 10**15  # noqa: E741 - the unit's own name
# Time
us, s = ms * _milli, ms * _kilo
minute, hour = 60 * s, 3600 * s
Hz, kHz = 1 / s, 1 / ms
# Amount and concentration
pM, nM, uM, M = mM / 10**9, mM / 10**6, mM * _milli, mM * _kilo
amol = mM * um**3
fmol, pmol, nmol, umol, mmol, mol = (amol * 10**power for power in (3, 6, 9, 12, 15, 18))
molecule = molecules = amol * sympy.Rational(1000, 602214076)
# Electricity
uV, V = mV * _milli, mV * _kilo
fA, nA, uA, mA, A = pA * _milli, pA * _kilo, pA * 10**6, pA * 10**9, pA * 10**12
nS = pA / mV
pS, uS, mS, S = nS * _milli, nS * _kilo, nS * 10**6, nS * 10**9
Gohm, Mohm, kohm, ohm = mV / pA, mV / nA, mV / uA, mV / mA
pF = pA * ms / mV
nF, uF, F_ = pF * _kilo, pF * 10**6, pF * 10**12
fC, pC = pA * ms, nA * ms

FARADAY = sympy.Float("96.48533212") * fC / amol  # CODATA 2018, pA ms/(mM um**3)
GAS = sympy.Float("8.314462618") * mV * fC / (amol * K)  # CODATA 2018; 1 J/mol = 1 aJ/amol = 1 mV fC/amol


def celsius(degrees: float) -> sympy.Expr:
    """Absolute temperature of a reading in degrees Celsius: ``celsius(6.3)`` is ``279.45*K``."""
    return (sympy.Rational(str(degrees)) + sympy.Rational("273.15")).evalf() * K


degC = celsius


def has_units(expression: Any) -> bool:
    """Whether a unit symbol occurs in a number or expression."""
    return isinstance(expression, sympy.Basic) and expression.has(UnitSymbol)


def strip(expression: Any) -> sympy.Expr:
    """The expression in base units: every unit symbol replaced by 1."""
    return sympy.sympify(expression).xreplace(dict.fromkeys(BASE_UNITS, sympy.S.One))


def brief(expression: Any) -> str:
    """An expression as text, floats without trailing zeros."""
    return str(sympy.sstr(expression, full_prec=False))


def to_base(value: Any, what: str = "value") -> float:
    """A number, or an expression of numbers and unit symbols only, as a float in base units.

    Raises:
        UnitError: other symbols remain; ``what`` says of which quantity.
    """
    expression = strip(value)
    if not expression.is_number:
        names = ", ".join(sorted(f"'{symbol}'" for symbol in expression.free_symbols)) or "something that is no number"
        raise UnitError(f"{what}: '{brief(value)}' contains {names}, expected a number with units; give a number")
    return float(expression)


Dimension: TypeAlias = tuple[Fraction, ...]
"""Exponents of length, time, concentration, voltage, current, temperature."""

DIMENSIONLESS: Dimension = (Fraction(0),) * 6
LENGTH, TIME, CONCENTRATION, VOLTAGE, CURRENT, TEMPERATURE = (
    tuple(Fraction(int(i == j)) for j in range(6)) for i in range(6)
)
_NAMES = ("length", "time", "concentration", "voltage", "current", "temperature")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SAME_KIND = (sympy.Add, sympy.Min, sympy.Max, sympy.Mod)
_KEEPING = (sympy.Abs, sympy.re)
_FREE_ARGUMENT = (sympy.sign, sympy.Heaviside)
_ORDER = ("current", "length", "concentration", "voltage", "temperature", "time")  # as one would say it


def times(dimension: Dimension, other: Dimension, power: int | Fraction = 1) -> Dimension:
    """Dimension of a product ``a * b**power``."""
    return tuple(a + power * b for a, b in zip(dimension, other, strict=True))


def dimension_text(dimension: Dimension) -> str:
    """A dimension in words: ``concentration²/time``; ``1`` for a pure number."""
    powers = dict(zip(_NAMES, dimension, strict=True))

    def words(sign: int) -> list[str]:
        found = []
        for name in _ORDER:
            power = sign * powers[name]
            if power > 0:
                whole = str(power).translate(_SUPERSCRIPTS) if power.denominator == 1 else f"^({power})"
                found.append(name + ("" if power == 1 else whole))
        return found

    above, below = words(1), words(-1)
    numerator = "·".join(above) or "1"
    if not below:
        return numerator
    return f"{numerator}/{below[0]}" if len(below) == 1 else f"{numerator}/({'·'.join(below)})"


def dimension_of(
    expression: Any, lookup: Callable[[sympy.Symbol], Dimension | None] | None = None, what: str = "expression"
) -> Dimension | None:
    """Dimension of an expression, checked on the way down.

    Args:
        expression: number or sympy expression, with unit symbols.
        lookup: dimension of every symbol that is not a unit, None where any will do (a parameter that is 0);
            without it no other symbols may occur.
        what: the object and quantity, for messages.

    Returns:
        The dimension; None for an exact zero, which has any dimension.

    Raises:
        UnitError: a sum, comparison, power or function whose arguments do not fit.
    """

    def walk(e: Any) -> Dimension | None:
        if isinstance(e, UnitSymbol):
            return tuple(Fraction(int(e == unit)) for unit in BASE_UNITS)
        if isinstance(e, sympy.Symbol):
            if lookup is None:
                raise UnitError(f"{what}: '{expression}' contains '{e}', expected a number with units; give a number")
            return lookup(e)
        if isinstance(e, BooleanAtom) or e.is_number:
            return None if e.is_zero else DIMENSIONLESS
        if isinstance(e, sympy.Mul):
            return product(e)
        if isinstance(e, sympy.Pow):
            return power(e)
        if isinstance(e, sympy.Piecewise):
            for _, condition in e.args:
                walk(condition)
            return same([value for value, _ in e.args], e)
        if isinstance(e, _SAME_KIND):
            return same(e.args, e)
        if isinstance(e, Relational | sympy.atan2):
            same(e.args, e)
            return DIMENSIONLESS
        if isinstance(e, _KEEPING):
            return walk(e.args[0])
        if isinstance(e, (BooleanFunction, *_FREE_ARGUMENT)):
            for part in e.args:
                walk(part)
            return DIMENSIONLESS
        if isinstance(e, sympy.Function):
            for part in e.args:
                pure(part, f"{e.func.__name__}() of '{brief(part)}'")
            return DIMENSIONLESS
        raise UnitError(
            f"{what}: {type(e).__name__} '{e}' has no rule for units; write it with arithmetic and functions"
        )

    def pure(e: Any, where: str) -> None:
        found = walk(e)
        if found is not None and found != DIMENSIONLESS:
            raise UnitError(
                f"{what}: {where} has dimension {dimension_text(found)}, "
                "expected a pure number; divide by a constant with that unit"
            )

    def said(dimension: Dimension) -> str:
        return "a pure number" if dimension == DIMENSIONLESS else dimension_text(dimension)

    def same(parts: Any, e: Any) -> Dimension | None:
        known = [(part, found) for part in parts if (found := walk(part)) is not None]
        for (a, first), (b, second) in pairwise(known):
            if first != second:
                raise UnitError(
                    f"{what}: '{brief(e)}' combines {said(first)} ('{brief(a)}') with {said(second)} ('{brief(b)}'), "
                    "expected the same dimension; give both the same kind of unit"
                )
        return known[0][1] if known else None

    def product(e: Any) -> Dimension | None:
        total: Dimension | None = DIMENSIONLESS
        for part in e.args:
            found = walk(part)
            total = None if total is None or found is None else times(total, found)
        return total

    def power(e: Any) -> Dimension | None:
        pure(e.exp, f"exponent '{brief(e.exp)}'")
        base = walk(e.base)
        if base is None or base == DIMENSIONLESS:
            return base
        if not e.exp.is_number:
            raise UnitError(
                f"{what}: '{e}' raises {dimension_text(base)} to the power '{e.exp}', expected a number as exponent; "
                "divide the base by a constant of the same unit first"
            )
        exponent = Fraction(float(e.exp)).limit_denominator(1000)
        return times(DIMENSIONLESS, base, exponent)

    return walk(sympy.sympify(expression))
