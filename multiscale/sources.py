"""Release sites, uncaging, synaptic influx: amounts of a substance that enter at places, with any course in time."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeAlias, final

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import ModelError, UnitError
from multiscale.geometry import Location
from multiscale.probes import Line, Plane, as_place, place_text
from multiscale.quantity import in_base
from multiscale.regions import Region
from multiscale.solids import Solid
from multiscale.species import Species
from multiscale.symbols import (
    FieldSymbol,
    Operand,
    ParameterSymbol,
    PlaceSymbol,
    Quantity,
    TimeSymbol,
    Value,
    check_name,
    check_symbols,
    quantity,
)
from multiscale.units import (
    FARADAY,
    TIME,
    Dimension,
    UnitSymbol,
    amol,
    brief,
    dimension_of,
    dimension_text,
    has_units,
    ms,
    pA,
    strip,
    um,
)

Samples: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Times, ms, rising, and values at them; linear in between, 0 before and after."""

KINDS = "a point (x, y, z), a place such as cell.soma(0.5), a Ball or Box, or a list of these"
_IN_TIME = (UnitSymbol, ParameterSymbol, TimeSymbol)


@final
@dataclass(frozen=True)
class Source(Value):
    """An amount of a species that enters one of its regions; a negative one leaves it.

    A current moves its ions only: the membrane potential does not feel it.

    Args:
        name: for messages.
        target: the concentration that it changes, such as ``ca[cyt]``.
        at: where: a point (x, y, z) in um, a Location, a Line, a Plane, a Ball or another solid, a condition, or a list
            of these, which get equal shares. Stored as a tuple of places. Nodes of a place get shares by their volume.
        rate: amount per time, amol/ms: a number, an expression of `time` and parameters, or (times, values): samples,
            joined by straight lines, 0 outside of them.
        current: instead of rate: pA, in the same forms; positive where it carries positive charge into the target.
        start: nothing enters before, ms.
        duration: nothing enters later than this after the start, ms.
        radius: spread a point or Location over the nodes whose centre is not farther away, um; 0 is one node.
    """

    name: str = "source"
    _: KW_ONLY
    target: Any
    at: Any
    rate: Quantity | Samples | None = None
    current: Quantity | Samples | None = None
    start: float | sympy.Expr = 0.0
    duration: float | sympy.Expr = math.inf
    radius: float | sympy.Expr = 0.0

    def __post_init__(self) -> None:
        check_name("source", self.name)
        object.__setattr__(self, "target", _target(self.target, self.label))
        object.__setattr__(self, "at", _places(self.at, self.label))
        if (self.rate is None) == (self.current is None):
            given = "neither rate nor current" if self.rate is None else "both rate and current"
            raise ModelError(f"{self.label}: got {given}, expected one of them; write rate=2 * amol / ms")
        for field, unit in (("rate", amol / ms), ("current", pA)):
            value = getattr(self, field)
            if value is not None:
                object.__setattr__(self, field, _course(value, unit, f"{self.label}: {field}"))
        if self.current is not None and self.target.owner.z == 0:
            raise ModelError(
                f"{self.label}: current is given, but {self.target.owner.label} has z = 0, expected a charged one; "
                "give a rate, or write Species(..., z=2)"
            )
        for field, unit, infinite in (("start", ms, False), ("duration", ms, True), ("radius", um, False)):
            number = in_base(getattr(self, field), unit, what := f"{self.label}: {field}")
            if not (math.isfinite(number) or (infinite and number > 0)):
                raise ModelError(f"{what} is {number}, expected a finite number; check how it was computed")
            object.__setattr__(self, field, number)
        if not float(self.duration) > 0:
            raise ModelError(
                f"{self.label}: duration is {self.duration:g} ms, expected more than 0; "
                "for a very short one divide the amount by a duration of, say, 1 us"
            )
        if float(self.radius) < 0:
            raise ModelError(f"{self.label}: radius is {self.radius:g} um, expected 0 or more; change it")
        wide = next((place for place in self.at if not isinstance(place, Location | tuple)), None)
        if float(self.radius) > 0 and wide is not None:
            raise ModelError(
                f"{self.label}: radius is {self.radius:g} um at {place_text(wide)}, which has an extent of its own, "
                "expected a point or Location; leave radius out"
            )

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"source '{self.name}'"

    @property
    def stop(self) -> float:
        """When it ends, ms."""
        return float(self.start) + float(self.duration)

    @property
    def course(self) -> sympy.Expr | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Amount per time, amol/ms: an expression of time (ms) without units, or times and values, shape (k,)."""
        given = self.rate if self.current is None else self.current
        per_unit = 1.0 if self.current is None else 1.0 / (self.target.owner.z * float(strip(FARADAY)))
        if isinstance(given, tuple):
            return np.array(given[0]), np.array(given[1]) * per_unit
        return strip(given) * (1 if self.current is None else sympy.Float(per_unit))


def _target(target: Any, label: str) -> FieldSymbol:
    if isinstance(target, Operand):
        target = target._sympy_()
    if not (
        isinstance(target, FieldSymbol) and isinstance(target.owner, Species) and isinstance(target.place, Region)
    ):
        raise ModelError(f"{label}: target is {target}, expected a species in a region such as ca[cyt]; give one")
    return target


def _places(at: Any, label: str) -> tuple[Any, ...]:
    one = as_place(at, f"{label}: at")
    several = isinstance(one, list | tuple | np.ndarray) and not (isinstance(one, tuple) and _is_point(one))
    places = tuple(as_place(p, f"{label}: at") for p in one) if several else (one,)
    if not places:
        raise ModelError(f"{label}: at is an empty list, expected {KINDS}; give at least one place")
    for place in places:
        condition = isinstance(place, sympy.logic.boolalg.Boolean) and (
            isinstance(place, PlaceSymbol) or not isinstance(place, sympy.Symbol)
        )
        if not (isinstance(place, Location | Line | Plane | Solid) or condition or _is_point(place)):
            raise ModelError(f"{label}: at is {place!r:.80}, expected {KINDS}; give one")
    return places


def _is_point(place: Any) -> bool:
    return isinstance(place, tuple) and len(place) == 3 and all(isinstance(value, float) for value in place)


def _course(value: Any, unit: sympy.Expr, what: str) -> sympy.Expr | Samples:
    """A number or expression with the dimension of `unit`, or samples in base units."""
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        return _samples(value, unit, what)
    expression = quantity(value, what, _IN_TIME)
    parameters = sorted(expression.atoms(ParameterSymbol), key=str)
    for parameter in parameters:
        check_symbols(parameter.owner.value, f"{what} with parameter '{parameter.name}'", (UnitSymbol,))
    if has_units(expression) or any(has_units(parameter.owner.value) for parameter in parameters):
        found, expected = dimension_of(expression, _dimension, what), dimension_of(unit)
        if found is not None and found != expected:
            raise UnitError(
                f"{what} is '{brief(expression)}' of dimension {dimension_text(found)}, "
                f"expected {dimension_text(expected or ())}; write it in {brief(unit)}"
            )
    return expression


def _dimension(symbol: sympy.Symbol) -> Dimension | None:
    if isinstance(symbol, ParameterSymbol):
        return dimension_of(symbol.owner.value, _dimension, f"parameter '{symbol.name}'")
    return TIME


def _samples(given: Any, unit: sympy.Expr, what: str) -> Samples:
    if len(given) != 2 or any(not isinstance(part, Sequence | np.ndarray) or isinstance(part, str) for part in given):
        raise ModelError(
            f"{what} is {given!r:.80}, expected a number, an expression of time, or (times, values); give one"
        )
    times, values = _floats(given[0], ms, f"{what}: a time"), _floats(given[1], unit, f"{what}: a value")
    if times.size != values.size or times.size < 2:
        raise ModelError(
            f"{what} has {times.size} times and {values.size} values, "
            "expected as many of both, at least 2; add the rest"
        )
    late = np.flatnonzero(np.diff(times) <= 0)
    if late.size:
        k = int(late[0])
        raise ModelError(
            f"{what}: time {k + 1} is {times[k + 1]:g} ms after {times[k]:g} ms, expected rising times; sort them"
        )
    return tuple(times.tolist()), tuple(values.tolist())


def _floats(given: Any, unit: sympy.Expr, what: str) -> NDArray[np.float64]:
    array = np.asarray(given)
    if array.dtype.kind in "OUSb":
        array = np.array([in_base(value, unit, what) for value in given])
    array = array.astype(np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ModelError(f"{what} is not a finite number, expected two lists of numbers; check how they were computed")
    return array
