"""Dimension check of a whole model: every quantity against the unit that its place asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy

from multiscale.errors import UnitError
from multiscale.model import Model
from multiscale.processes import unit_of
from multiscale.regions import RESISTIVITY, REST, TEMPERATURE
from multiscale.symbols import FieldSymbol, GeometrySymbol, ParameterSymbol, TimeSymbol
from multiscale.units import (
    DIMENSIONLESS,
    LENGTH,
    TIME,
    Dimension,
    K,
    brief,
    dimension_of,
    dimension_text,
    has_units,
    mM,
    ms,
    mV,
    pA,
    pF,
    um,
)


@dataclass(frozen=True)
class Item:
    """One quantity of a model, and an expression of the unit that it must have (None: any)."""

    label: str
    name: str
    value: Any
    unit: sympy.Expr | None

    @property
    def what(self) -> str:
        """Object and quantity, as messages say it."""
        return f"{self.label}: {self.name}"

    @property
    def bare(self) -> bool:
        """Whether it needs a unit and is a number, or expression of position, without any."""
        needs = self.unit is not None and has_units(self.unit)
        plain = not has_units(self.value) and not self.value.has(ParameterSymbol, FieldSymbol)
        return needs and plain and self.value != 0


def check_units(model: Model) -> None:
    """Check every quantity of a model that states units; one that states none is in base units.

    Raises:
        UnitError: a quantity has another dimension than its place asks for, combines dimensions that do not fit, or
            has no unit while others have.
    """
    declared = [item for item in _declared(model) if not isinstance(item.value, tuple)]
    processes = [
        Item(process.label, name, sympy.sympify(value), unit)
        for process in model.processes
        for name, value, unit in process.expected()
    ]
    places = [Item(part.label, "where", part.where, None) for part in _placed(model) if part.where is not None]
    stated = next((item for item in declared if has_units(item.value)), None)
    bare = next((item for item in declared if item.bare), None)
    if stated is not None and bare is not None:
        raise UnitError(
            f"{bare.what} is {brief(bare.value)} without a unit, but {stated.what} has one ({brief(stated.value)}), "
            f"expected units everywhere or nowhere; write {brief(bare.value)} * {_written(bare.unit)}"
        )
    if bare is not None or (stated is None and not any(has_units(item.value) for item in processes)):
        return
    lookup = cache(_dimension_of_symbol)
    for item in (*declared, *processes, *places):
        _check(item, lookup)


def _check(item: Item, lookup: Any) -> None:
    found = dimension_of(item.value, lookup, item.what)
    if item.unit is None or found is None:
        return
    expected = dimension_of(item.unit) or DIMENSIONLESS
    if found != expected:
        names = sorted(f"'{s.name}'" for s in item.value.free_symbols if isinstance(s, ParameterSymbol))[:3]
        hint = f"check {', '.join(names)}" if names else "check the units of its constants"
        raise UnitError(
            f"{item.what} has dimension {dimension_text(found)}, expected {dimension_text(expected)}; {hint}"
        )


def _dimension_of_symbol(symbol: sympy.Symbol) -> Dimension | None:
    if isinstance(symbol, FieldSymbol):
        return dimension_of(unit_of(symbol))
    if isinstance(symbol, ParameterSymbol):
        return dimension_of(symbol.owner.value, _dimension_of_symbol, f"parameter '{symbol.name}'")
    if isinstance(symbol, GeometrySymbol):
        return dimension_of(1 / um)
    if isinstance(symbol, TimeSymbol):
        return TIME
    return DIMENSIONLESS if symbol.is_Boolean and not symbol.is_Symbol else LENGTH


def _declared(model: Model) -> Iterator[Item]:
    """All quantities outside processes, defaults left out."""
    for species in model.species:
        for name, unit in (("d", um**2 / ms), ("initial", mM)):
            for value in _values(getattr(species, name)):
                yield Item(species.label, name, value, unit)
    for state in model.states:
        yield Item(state.label, "initial", state.initial, sympy.sympify(state.unit))
    for parameter in model.parameters:
        yield Item(parameter.label, "value", parameter.value, None)
    for bath in model.baths:
        for name, value in bath.concentrations:
            yield Item(bath.label, f"concentration of '{name}'", value, mM)
    for region in model.regions:
        yield Item(region.label, "fraction", region.fraction, sympy.S.One)
    quantities = (
        ("capacitance", pF / um**2, None),
        ("resistivity", mV * um / pA, RESISTIVITY),
        ("initial", mV, REST),
        ("temperature", K, TEMPERATURE),
        ("area", sympy.S.One, None),
        ("per_volume", 1 / um, None),
    )
    for membrane in model.membranes:
        for name, unit, default in quantities:
            value = getattr(membrane, name)
            if value is not None and value != default:
                yield Item(membrane.label, name, value, unit)


def _values(value: Any) -> Iterator[sympy.Expr]:
    """The expressions in a number, a triple, or pairs of region and one of these."""
    if not isinstance(value, tuple):
        yield value
    elif isinstance(value[0], tuple):
        for _, part in value:
            yield from _values(part)
    else:
        yield from value


def _placed(model: Model) -> tuple[Any, ...]:
    return (*model.regions, *model.membranes, *model.processes)


def _written(unit: sympy.Expr | None) -> str:
    text = str(unit)
    return f"({text})" if "/" in text else text
