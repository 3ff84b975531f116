"""What is there: species that diffuse, states that do not, and named constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import sympy

from multiscale.errors import ModelError
from multiscale.regions import Bath, Layers, Membrane, Region, check_range
from multiscale.symbols import (
    FieldSymbol,
    Operand,
    ParameterSymbol,
    PositionSymbol,
    Quantity,
    Value,
    check_name,
    constant,
    exprel,
    quantity,
)
from multiscale.units import FARADAY, GAS, UnitSymbol, has_units, strip

Places: TypeAlias = Region | Layers | tuple[Region | Layers, ...]
PerRegion: TypeAlias = Mapping[Region | Layers, Any] | tuple[tuple[Region, Any], ...]
_START = (UnitSymbol, ParameterSymbol, PositionSymbol, FieldSymbol)  # what an initial value may depend on


@final
@dataclass(frozen=True)
class Species(Value, Operand):
    """A substance with a concentration (mM) in each of its regions.

    Args:
        name: name; the arrays are called ``name.region``.
        regions: where it lives: a Region, Layers, or several of them.
        d: diffusion coefficient, um**2/ms: a number or expression, three of them (x, y, z), or a dictionary by region.
        z: charge number.
        initial: concentration at the start, mM: a number, an expression of position and other fields, or a dictionary.
    """

    name: str
    regions: Places
    d: Quantity | tuple[Quantity, Quantity, Quantity] | PerRegion = 0
    z: int = 0
    initial: Quantity | PerRegion = 0

    def __post_init__(self) -> None:
        check_name("species", self.name)
        object.__setattr__(self, "regions", _places(self.label, self.regions, (Region, Layers)))
        object.__setattr__(self, "d", self._by_region("d", self.d))
        charge = constant(self.z, f"{self.label}: z")
        if not charge.is_Integer:
            raise ModelError(f"{self.label}: z is {self.z}, expected a whole number of elementary charges; change it")
        object.__setattr__(self, "z", int(charge))
        object.__setattr__(self, "initial", self._by_region("initial", self.initial))

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"species '{self.name}'"

    @property
    def places(self) -> tuple[Region, ...]:
        """All regions, those of layers included."""
        return _flat(self.regions)

    @property
    def fields(self) -> tuple[FieldSymbol, ...]:
        """One symbol a region."""
        return tuple(self[region] for region in self.places)

    def __getitem__(self, place: Region | Bath | Layers) -> FieldSymbol:
        if isinstance(place, Bath):
            _ = place[self.name]  # raises if the bath does not hold it
        elif place not in self.places:
            raise ModelError(_absent(self.label, place, self.places))
        return FieldSymbol(self, place, f"{self.name}.{place.name}")

    __iter__ = None

    def _sympy_(self) -> sympy.Expr:
        return _only(self)

    def d_in(self, region: Region) -> Any:
        """Diffusion coefficient in a region, um**2/ms: an expression, or three of them."""
        return self._value_in(self.d, region)

    def initial_in(self, region: Region) -> sympy.Expr:
        """Concentration at the start in a region, mM."""
        return self._value_in(self.initial, region)

    def nernst(self, membrane: Membrane) -> sympy.Expr:
        """Reversal potential for the live concentrations on both sides, mV."""
        inside, outside = self._sides(membrane, "nernst()")
        return GAS * membrane.temperature / (self.z * FARADAY) * sympy.log(outside / inside)

    def ghk(self, membrane: Membrane, permeability: Quantity) -> sympy.Expr:
        """Outward current density by the Goldman-Hodgkin-Katz equation, pA/um**2.

        Args:
            membrane: a membrane with a potential.
            permeability: um/ms.
        """
        inside, outside = self._sides(membrane, "ghk()")
        p = quantity(permeability, f"{self.label}: permeability")
        u = self.z * FARADAY * membrane.v / (GAS * membrane.temperature)
        return p * self.z * FARADAY * (inside * exprel(-u) - outside * exprel(u))

    def _sides(self, membrane: Membrane, what: str) -> tuple[FieldSymbol, FieldSymbol]:
        if self.z == 0:
            raise ModelError(
                f"{self.label}: {what} needs a charge, but z is 0, expected a whole number; write Species(..., z=2)"
            )
        if not isinstance(membrane, Membrane):
            raise ModelError(f"{self.label}: {what} got {membrane!r}, expected a Membrane; give one")
        return self[membrane.inside], self[membrane.outside]

    def _by_region(self, what: str, value: Any) -> Any:
        """One expression (or triple) for all regions, or (region, expression) pairs sorted by the region's name."""
        if isinstance(value, tuple) and value and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
            value = dict(value)
        if not isinstance(value, Mapping):
            return self._one(what, value)
        table: dict[Region, Any] = {}
        for place, item in value.items():
            for region in place.regions if isinstance(place, Layers) else (place,):
                if region not in self.places:
                    raise ModelError(f"{_absent(self.label, region, self.places)}; take it out of {what}")
                table[region] = self._one(what, item)
        for region in self.places:
            if region not in table:
                raise ModelError(
                    f"{self.label}: {what} is not given in region '{region.name}', expected a value for each; add it"
                )
        return tuple(sorted(table.items(), key=lambda pair: pair[0].name))

    def _one(self, what: str, value: Any) -> Any:
        text = f"{self.label}: {what}"
        if isinstance(value, tuple | list) and what == "d":
            if len(value) != 3:
                raise ModelError(f"{text} has {len(value)} components, expected one or three (x, y, z); give that many")
            return tuple(self._one(what, part) for part in value)
        found = quantity(value, text, _START) if what == "initial" else constant(value, text)
        check_range(found, text, 0)
        return found

    def _value_in(self, value: Any, region: Region) -> Any:
        if region not in self.places:
            raise ModelError(_absent(self.label, region, self.places))
        pairs = isinstance(value, tuple) and isinstance(value[0], tuple)
        return dict(value)[region] if pairs else value


@final
@dataclass(frozen=True)
class State(Value, Operand):
    """A variable that does not diffuse: a gate, a fraction of open channels, a bound substance.

    Args:
        name: name; the array is called ``name.region``, or just ``name`` on a membrane.
        regions: where it is: a Region, Layers, a Membrane, or several regions.
        initial: value at the start; may depend on position, parameters and other fields such as ``membrane.v``.
        unit: 1 if dimensionless, otherwise a unit such as ``mM``.
    """

    name: str
    regions: Places | Membrane
    initial: Quantity = 0
    unit: Quantity = 1

    def __post_init__(self) -> None:
        check_name("state", self.name)
        object.__setattr__(self, "regions", _places(self.label, self.regions, (Region, Layers, Membrane)))
        if len(self.places) > 1 and any(isinstance(place, Membrane) for place in self.places):
            names = ", ".join(f"'{place.name}'" for place in self.places)
            raise ModelError(
                f"{self.label}: it lives on {names}, expected a single membrane or regions only; make a state for each"
            )
        object.__setattr__(self, "initial", quantity(self.initial, f"{self.label}: initial", _START))
        unit = quantity(self.unit, f"{self.label}: unit", (UnitSymbol,))
        if not (has_units(unit) or unit == 1):
            raise ModelError(f"{self.label}: unit is {self.unit}, expected 1 or a unit such as mM; change it")
        object.__setattr__(self, "unit", unit)

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"state '{self.name}'"

    @property
    def places(self) -> tuple[Region | Membrane, ...]:
        """All regions, those of layers included, or the membrane."""
        return _flat(self.regions)

    @property
    def fields(self) -> tuple[FieldSymbol, ...]:
        """One symbol a place."""
        return tuple(self[place] for place in self.places)

    def __getitem__(self, place: Region | Membrane) -> FieldSymbol:
        if place not in self.places:
            raise ModelError(_absent(self.label, place, self.places))
        return FieldSymbol(self, place, self.name if isinstance(place, Membrane) else f"{self.name}.{place.name}")

    __iter__ = None

    def _sympy_(self) -> sympy.Expr:
        return _only(self)


@final
@dataclass(frozen=True)
class Parameter(Value, Operand):
    """A named constant; may depend on position, and if it does not, may be changed between runs without recompiling.

    Args:
        name: name.
        value: number or expression with units and positions.
    """

    name: str
    value: Quantity

    def __post_init__(self) -> None:
        check_name("parameter", self.name)
        value = quantity(self.value, f"{self.label}: value", (UnitSymbol, PositionSymbol))
        object.__setattr__(self, "value", value)

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"parameter '{self.name}'"

    @property
    def uniform(self) -> bool:
        """Whether the value is the same everywhere."""
        return bool(strip(self.value).is_number)

    def _sympy_(self) -> sympy.Expr:
        return ParameterSymbol(self, self.name)


def _places(label: str, given: Any, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """The places as a tuple sorted by name."""
    places = tuple(given) if isinstance(given, tuple | list) else (given,)
    if not places:
        raise ModelError(f"{label}: it lives nowhere, expected a Region; give at least one")
    for place in places:
        if not isinstance(place, kinds):
            said = place.label if isinstance(place, Value) else repr(place)
            expected = ", ".join(kind.__name__ for kind in kinds)
            hint = "use a State on the membrane" if isinstance(place, Membrane) else "give one of these"
            raise ModelError(f"{label}: it cannot live in {said}, expected {expected}; {hint}")
    names = [place.name for place in _flat(places)]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"{label}: region '{name}' is listed twice, expected once; leave one out")
    return tuple(sorted(places, key=lambda place: place.name))


def _flat(places: Any) -> tuple[Any, ...]:
    return tuple(region for place in places for region in (place.regions if isinstance(place, Layers) else (place,)))


def _absent(label: str, place: Any, places: tuple[Region | Membrane, ...]) -> str:
    held = ", ".join(f"'{region.name}'" for region in places)
    if isinstance(place, Layers):
        return f"{label}: layers '{place.name}' are {len(place)} regions, expected one; write {place.name}.outer"
    if not isinstance(place, Value):
        return f"{label}: {place!r} is no region, expected one of {held}; give the Region itself"
    if isinstance(place, Region) and place.name in {region.name for region in places}:
        return f"{label} is in another region of the name '{place.name}', expected the same; use one Region for both"
    return f"{label} is not in {place.label}; it is in {held}"


def _only(value: Species | State) -> FieldSymbol:
    if len(value.places) > 1:
        options = " or ".join(f"{value.name}[{place.name}]" for place in value.places)
        raise ModelError(f"{value.label}: it is in several places, expected one in a formula; write {options}")
    return value.fields[0]
