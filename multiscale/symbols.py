"""Symbols of model expressions: concentrations, potentials, parameters, position, time, places.

Every symbol compares, hashes, pickles and sorts by value: by its name and the *identity* of the model value it belongs
to, a text that is the same in every process. Expressions built from equal values are therefore equal, and sums and
products stand in the same order whatever order the script used.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any, TypeAlias

import sympy
from sympy.core.function import ArgumentIndexError
from sympy.logic.boolalg import Boolean

from multiscale.errors import CompileError, ModelError
from multiscale.probes import Mean, as_place, place_text
from multiscale.units import UnitSymbol

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def identity(value: Any) -> str:
    """A text that is equal exactly when two model values, or expressions of them, are equal."""
    if isinstance(value, Value):
        return value.identity
    if isinstance(value, sympy.Basic):
        inner = [identity(part) for part in value.args] or [repr(value._hashable_content()) or str(value)]
        return f"{type(value).__name__}({','.join(inner)})"
    if isinstance(value, tuple):
        return f"({','.join(identity(part) for part in value)})"
    return repr(value)


class Value(ABC):
    """A frozen dataclass of the model layer."""

    @cached_property
    def identity(self) -> str:
        """A text that is equal exactly when two values are equal; the same in every process."""
        own: Any = self
        parts = [type(self).__name__, *(identity(getattr(self, field.name)) for field in dataclasses.fields(own))]
        return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()

    @property
    @abstractmethod
    def label(self) -> str:
        """Kind and name, as messages say it: ``species 'ca'``."""


class Operand(ABC):
    """A model value that stands for one symbol and can be used in formulas as if it were that symbol."""

    __array_ufunc__ = None  # numpy scalars leave the operation to this class

    @abstractmethod
    def _sympy_(self) -> sympy.Expr:
        """The symbol."""

    def __add__(self, other: Any) -> Any:
        return self._sympy_() + other

    def __radd__(self, other: Any) -> Any:
        return other + self._sympy_()

    def __sub__(self, other: Any) -> Any:
        return self._sympy_() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._sympy_()

    def __mul__(self, other: Any) -> Any:
        return self._sympy_() * other

    def __rmul__(self, other: Any) -> Any:
        return other * self._sympy_()

    def __truediv__(self, other: Any) -> Any:
        return self._sympy_() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self._sympy_()

    def __pow__(self, other: Any) -> Any:
        return self._sympy_() ** other

    def __rpow__(self, other: Any) -> Any:
        return other ** self._sympy_()

    def __neg__(self) -> Any:
        return -self._sympy_()

    def __lt__(self, other: Any) -> Any:
        return self._sympy_() < other

    def __le__(self, other: Any) -> Any:
        return self._sympy_() <= other

    def __gt__(self, other: Any) -> Any:
        return self._sympy_() > other

    def __ge__(self, other: Any) -> Any:
        return self._sympy_() >= other


class FieldSymbol(sympy.Symbol):
    """What is simulated (or fixed) at every node of a place: ``ca.cyt`` (mM), ``v`` (mV), a state, ``ca.bath`` (mM).

    Attributes:
        owner: the Species, State or Membrane.
        place: the Region, Membrane or Bath.
    """

    owner: Any
    place: Any

    def __new__(cls, owner: Value, place: Value, name: str) -> FieldSymbol:  # noqa: D102 - told by the class
        self = sympy.Symbol.__xnew__(cls, name, real=True)
        self.owner, self.place = owner, place
        return self  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return FieldSymbol, (self.owner, self.place, self.name)

    def _hashable_content(self) -> tuple[str, ...]:
        return (self.name, self.owner.identity, self.place.identity)

    def sort_key(self, order: Any = None) -> Any:
        """Key of sympy's canonical order."""
        return self.class_key(), (1, self._hashable_content()), sympy.S.One.sort_key(), sympy.S.One

    def at(self, place: Any) -> Probe:
        """This field at a location, a point (x, y, z), or the nodes of a Line, Plane, Ball or Box, for recording."""
        return Probe(self, as_place(place))

    def mean(self, place: Any) -> Probe:
        """The mean of this field over the nodes of a place, weighted by volume (on a membrane: by area)."""
        return Probe(self, Mean(place))


@dataclass(frozen=True)
class Probe:
    """A field at a place of a geometry; see `multiscale.probes`."""

    field: FieldSymbol
    location: Any

    @property
    def name(self) -> str:
        """Name of the recorded variable, such as ``ca.cyt@dend(0.5)`` or ``ca.cyt@(1,2,3)``."""
        return f"{self.field.name}@{place_text(self.location)}"


class ParameterSymbol(sympy.Symbol):
    """A named constant; stays a symbol in every expression, since its value may change between runs."""

    owner: Any

    def __new__(cls, owner: Value, name: str) -> ParameterSymbol:  # noqa: D102 - told by the class
        self = sympy.Symbol.__xnew__(cls, name, real=True)
        self.owner = owner
        return self  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return ParameterSymbol, (self.owner, self.name)

    def _hashable_content(self) -> tuple[str, ...]:
        return (self.name, self.owner.identity)

    def sort_key(self, order: Any = None) -> Any:
        """Key of sympy's canonical order."""
        return self.class_key(), (1, self._hashable_content()), sympy.S.One.sort_key(), sympy.S.One


class GeometrySymbol(sympy.Symbol):
    """Area of a membrane per whole-cell volume at a node, 1/um; known once the geometry is."""

    membrane: Any

    def __new__(cls, membrane: Value, name: str) -> GeometrySymbol:  # noqa: D102 - told by the class
        self = sympy.Symbol.__xnew__(cls, name, nonnegative=True)
        self.membrane = membrane
        return self  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return GeometrySymbol, (self.membrane, self.name)

    def _hashable_content(self) -> tuple[str, ...]:
        return (self.name, self.membrane.identity)

    def sort_key(self, order: Any = None) -> Any:
        """Key of sympy's canonical order."""
        return self.class_key(), (1, self._hashable_content()), sympy.S.One.sort_key(), sympy.S.One


class PositionSymbol(sympy.Symbol):
    """A length that every node has, in um: see the instances below."""


class TimeSymbol(sympy.Symbol):
    """Time since the start of the run, ms."""


class PlaceSymbol(sympy.Symbol):
    """A boolean that is true at the nodes of some sections: made by `tag` and `section`.

    Attributes:
        selects: "tag" or "section" (``kind`` is taken: sympy has an attribute of that name).
        pattern: name or number of the tag, or the pattern of the section's name.
    """

    selects: str
    pattern: str | int

    def __new__(cls, selects: str, pattern: str | int) -> PlaceSymbol:  # noqa: D102 - told by the class
        self = sympy.Symbol.__xnew__(cls, f"{selects}({pattern!r})")
        self.selects, self.pattern = selects, pattern
        return self  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return PlaceSymbol, (self.selects, self.pattern)

    def matches_section(self, name: str) -> bool:
        """Whether a section's name fits the pattern; only for ``section(...)``."""
        return self.selects == "section" and fnmatch.fnmatchcase(name, str(self.pattern))


x, y, z = (PositionSymbol(name, real=True) for name in "xyz")
arc = PositionSymbol("arc", nonnegative=True)  # arc length from the start of the section
distance = PositionSymbol("distance", nonnegative=True)  # path length from the root
diameter = PositionSymbol("diameter", positive=True)  # of the cylinder with the node's length and volume
time = TimeSymbol("t", real=True)

TAGS = ("soma", "axon", "basal", "apical", "dendrite")


def tag(name: str | int) -> PlaceSymbol:
    """Nodes of all sections with this tag: a name of `TAGS` ("dendrite" is basal or apical) or an SWC number."""
    if isinstance(name, bool) or not (name in TAGS or (isinstance(name, Integral) and name >= 0)):
        raise ModelError(f"tag: got {name!r}, expected one of {', '.join(TAGS)} or an SWC number; choose one of these")
    return PlaceSymbol("tag", name if isinstance(name, str) else int(name))


def section(pattern: str) -> PlaceSymbol:
    """Nodes of all sections whose name fits a pattern with ``*``, ``?`` and ``[...]``, such as ``"dend*"``."""
    if not isinstance(pattern, str) or not pattern:
        raise ModelError(f"section: got {pattern!r}, expected a pattern such as 'dend*'; give a text")
    return PlaceSymbol("section", pattern)


class dexprel(sympy.Function):  # noqa: N801 - a sympy function is spelled as it prints
    """Derivative of `exprel`; -1/2 at 0."""

    nargs = 1

    @classmethod
    def eval(cls, arg: sympy.Expr) -> sympy.Expr | None:
        """Value at exactly zero; everything else stays as written."""
        return sympy.Rational(-1, 2) if arg.is_zero else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Refused: no kernel needs it."""
        raise CompileError(f"exprel: the second derivative of exprel({self.args[0]}) was asked for, expected the first")

    def _eval_evalf(self, prec: int) -> sympy.Expr | None:
        u = self.args[0].evalf(sympy.core.evalf.prec_to_dps(prec) + 20)
        e = sympy.exp(u)
        return ((e * (1 - u) - 1) / (e - 1) ** 2)._eval_evalf(prec) if u.is_number else None


class exprel(sympy.Function):  # noqa: N801
    """``x / (exp(x) - 1)``, 1 at 0, exact near 0."""

    nargs = 1

    @classmethod
    def eval(cls, arg: sympy.Expr) -> sympy.Expr | None:
        """Value at exactly zero; everything else stays as written."""
        return sympy.S.One if arg.is_zero else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Derivative by the argument, as the function `dexprel` that is safe at 0."""
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return dexprel(self.args[0])

    def _eval_evalf(self, prec: int) -> sympy.Expr | None:
        u = self.args[0].evalf(sympy.core.evalf.prec_to_dps(prec) + 20)
        return (u / (sympy.exp(u) - 1))._eval_evalf(prec) if u.is_number else None


def vtrap(numerator: Any, scale: Any) -> sympy.Expr:
    """``numerator / (exp(numerator/scale) - 1)``, exact where the numerator is 0."""
    return scale * exprel(sympy.sympify(numerator) / scale)


def select(condition: Any, yes: Any, no: Any) -> sympy.Expr:
    """``yes`` where the condition holds, ``no`` elsewhere."""
    return sympy.Piecewise((yes, condition), (no, True))


Quantity: TypeAlias = float | sympy.Expr | Operand
"""What a user may write for a number: a number, an expression with units, or a value that stands for a symbol."""

_OURS = (UnitSymbol, FieldSymbol, ParameterSymbol, GeometrySymbol, PositionSymbol, TimeSymbol)


def check_name(kind: str, name: Any) -> None:
    """Raises ModelError unless a name can be part of the names of arrays and files."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ModelError(
            f"{kind} {name!r}: this name cannot be used, "
            "expected letters, digits, '_' and '.', not starting with a digit; "
            "give another name"
        )


def quantity(value: Any, what: str, allowed: tuple[type, ...] = _OURS) -> sympy.Expr:
    """A number or expression as a sympy expression, unchanged but for whole floats, which become integers.

    Args:
        value: what the user wrote.
        what: object and quantity for the message, such as ``"species 'ca': d"``.
        allowed: kinds of symbols that may occur.
    """
    if isinstance(value, Real) and not isinstance(value, bool | sympy.Basic):
        number = float(value)
        if not math.isfinite(number):
            raise ModelError(f"{what} is {number}, expected a finite number; check how it was computed")
        return sympy.Integer(int(number)) if number.is_integer() else sympy.Float(number)
    if isinstance(value, Operand):
        value = value._sympy_()
    if not isinstance(value, sympy.Expr):
        raise ModelError(f"{what} is {value!r} ({type(value).__name__}), expected a number or an expression; give one")
    if value.has(sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I):
        raise ModelError(f"{what} is '{value}', expected a finite real number; check how it was computed")
    check_symbols(value, what, allowed)
    return value


def check_symbols(expression: sympy.Basic, what: str, allowed: Iterable[type]) -> None:
    """Raises ModelError when an expression has a symbol that it may not have."""
    allowed = tuple(allowed)
    for symbol in sorted(expression.free_symbols, key=str):
        if not isinstance(symbol, (*_OURS, PlaceSymbol)):
            raise ModelError(
                f"{what} contains '{symbol}', a symbol of no model value, "
                "expected species, states, parameters and units; "
                f"write Parameter('{symbol}', ...) and use that"
            )
        if not isinstance(symbol, allowed):
            kinds = ", ".join(_SAID[kind] for kind in allowed)
            raise ModelError(f"{what} depends on '{symbol}', expected only {kinds}; write it without '{symbol}'")


_SAID = {
    UnitSymbol: "units",
    FieldSymbol: "fields",
    ParameterSymbol: "parameters",
    GeometrySymbol: "areas",
    PositionSymbol: "positions",
    TimeSymbol: "time",
    PlaceSymbol: "tags and sections",
}
_CONSTANT = (UnitSymbol, ParameterSymbol, PositionSymbol)


def constant(value: Any, what: str) -> sympy.Expr:
    """Like `quantity`, for what does not change during a run: numbers, units, parameters, positions."""
    return quantity(value, what, _CONSTANT)


def condition(value: Any, what: str) -> Boolean | None:
    """A place as a sympy boolean of positions, tags and sections; None where it holds everywhere."""
    if value is None or value is True or value is sympy.true:
        return None
    if value is False or value is sympy.false:
        raise ModelError(f"{what} is never true, expected a place; check the comparison")
    if not isinstance(value, Boolean) or isinstance(value, _OURS):
        raise ModelError(
            f"{what} is {value!r}, "
            "expected a condition such as (distance > 50 * um) & tag('apical'); write a comparison"
        )
    check_symbols(value, what, (UnitSymbol, ParameterSymbol, PositionSymbol, PlaceSymbol))
    return value
