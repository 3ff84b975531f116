"""Model values to and from plain dictionaries. Expressions become nested lists; no text is ever evaluated.

A dictionary holds one table of values, each after those that it names; ``["value", i]`` stands for entry ``i``.
Expressions are ``[head, argument, ...]`` with a head of the closed lists below; whole numbers and floats stand for
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import sympy
from sympy.functions.elementary.piecewise import ExprCondPair

from multiscale.errors import FormatError
from multiscale.processes import Current, Flux, Rate, Reaction
from multiscale.regions import Bath, Interface, Layers, Membrane, Region, Shell
from multiscale.species import Parameter, Species, State
from multiscale.symbols import (
    FieldSymbol,
    GeometrySymbol,
    ParameterSymbol,
    PlaceSymbol,
    PositionSymbol,
    TimeSymbol,
    Value,
    arc,
    dexprel,
    diameter,
    distance,
    exprel,
    section,
    tag,
    time,
    x,
    y,
    z,
)
from multiscale.units import BASE_UNITS, UnitSymbol

FORMAT, VERSION = "multiscale model", 1
PARTS = ("processes", "species", "states", "membranes", "interfaces")
_CLASSES = MappingProxyType(
    {
        cls.__name__: cls
        for cls in (
            *(Region, Shell, Layers, Interface, Bath, Membrane),
            *(Species, State, Parameter),
            *(Reaction, Rate, Flux, Current),
        )
    }
)
# Rebuilt with evaluate=False: the arguments stand as they stood.
_VERBATIM = (
    *(sympy.Add, sympy.Mul, sympy.Pow, sympy.exp, sympy.log, sympy.Abs, sympy.sign, sympy.floor, sympy.ceiling),
    *(sympy.sin, sympy.cos, sympy.tan, sympy.asin, sympy.acos, sympy.atan, sympy.atan2),
    *(sympy.sinh, sympy.cosh, sympy.tanh, sympy.erf, sympy.gamma, sympy.Heaviside, exprel, dexprel, sympy.Piecewise),
    *(sympy.StrictLessThan, sympy.LessThan, sympy.StrictGreaterThan, sympy.GreaterThan),
    *(sympy.Equality, sympy.Unequality),
)
_EVALUATED = (sympy.Min, sympy.Max, sympy.Mod, sympy.And, sympy.Or, sympy.Not, ExprCondPair)
_HEADS = MappingProxyType({cls.__name__: cls for cls in (*_VERBATIM, *_EVALUATED)})
_ATOMS = MappingProxyType(
    {type(atom).__name__: atom for atom in (sympy.pi, sympy.E, sympy.true, sympy.false)}
)
_UNITS = MappingProxyType({unit.name: unit for unit in BASE_UNITS})
_POSITIONS = MappingProxyType({symbol.name: symbol for symbol in (x, y, z, arc, distance, diameter)})
_FLOAT_BITS = 53


def encode(parts: Mapping[str, tuple[Value, ...]]) -> dict[str, Any]:
    """Tuples of values by name, as a table of values and lists of entry numbers."""
    table: dict[str, int] = {}
    rows: list[dict[str, Any]] = []

    def value(item: Value) -> int:
        if item.identity not in table:
            data: Any = item
            content = {field.name: anything(getattr(data, field.name)) for field in fields(data)}
            rows.append({"type": type(item).__name__, **content})
            table[item.identity] = len(rows) - 1
        return table[item.identity]

    def anything(item: Any) -> Any:
        if item is None or isinstance(item, str | int | float):
            return item
        if isinstance(item, tuple):
            return ["tuple", *map(anything, item)]
        if isinstance(item, Value):
            return ["value", value(item)]
        return expression(item)

    def expression(item: Any) -> Any:
        if isinstance(item, sympy.Integer):
            return int(item)
        if isinstance(item, sympy.Rational):
            return ["Rational", item.p, item.q]
        if isinstance(item, sympy.Float):
            return float(item) if item._prec == _FLOAT_BITS else ["Float", list(map(int, item._mpf_)), item._prec]
        if isinstance(item, sympy.Symbol):
            return symbol(item)
        if type(item).__name__ in _ATOMS:
            return [type(item).__name__]
        if _HEADS.get(type(item).__name__) is not type(item):
            raise FormatError(
                f"model: '{item}' is a {type(item).__name__}, expected a function that files can hold; rewrite it"
            )
        return [type(item).__name__, *map(expression, item.args)]

    def symbol(item: Any) -> list[Any]:
        if isinstance(item, FieldSymbol):
            return ["field", value(item.owner), value(item.place)]
        if isinstance(item, ParameterSymbol):
            return ["parameter", value(item.owner)]
        if isinstance(item, GeometrySymbol):
            return ["area_per_volume", value(item.membrane)]
        if isinstance(item, PlaceSymbol):
            return [item.selects, item.pattern]
        return [{UnitSymbol: "unit", PositionSymbol: "position", TimeSymbol: "time"}[type(item)], item.name]

    lists = {name: [value(item) for item in items] for name, items in parts.items()}
    return {"values": rows, **lists}


def decode(data: Any) -> tuple[str, dict[str, tuple[Any, ...]]]:
    """Name and parts of a model, from what `encode` made.

    Raises:
        FormatError: the dictionary is not of this format; the message names the entry.
    """
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise FormatError(
            f"model: the dictionary has no format '{FORMAT}', expected one that Model.to_dict() made; check its source"
        )
    if data.get("version") != VERSION:
        raise FormatError(
            f"model: the dictionary has version {data.get('version')!r}, expected {VERSION}; install a newer multiscale"
        )
    missing = [key for key in ("name", "values", *PARTS) if key not in data]
    unknown = sorted(set(data) - {"format", "version", "name", "values", *PARTS})
    if missing or unknown:
        raise FormatError(
            f"model: the dictionary lacks {missing} and has unknown {unknown}, expected neither; check its source"
        )
    values: list[Any] = []
    for i, row in enumerate(_list(data["values"], "values")):
        values.append(_Reader(values, f"values[{i}]").row(row))
    parts = {}
    for name in PARTS:
        reader = _Reader(values, name)
        parts[name] = tuple(reader.entry(i) for i in _list(data[name], name))
    return data["name"], parts


class _Reader:
    """Reads one entry; the entries before it are known."""

    def __init__(self, values: list[Any], where: str) -> None:
        self.values, self.where = values, where

    def refuse(self, got: Any, expected: str) -> FormatError:
        """The error for something that does not belong."""
        return FormatError(f"model: {self.where} has {str(got)[:80]!r}, expected {expected}; check the file")

    def entry(self, index: Any) -> Any:
        """An earlier entry by its number."""
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(self.values):
            raise self.refuse(index, "the number of an earlier entry")
        return self.values[index]

    def row(self, row: Any) -> Any:
        """One value."""
        if not isinstance(row, Mapping) or row.get("type") not in _CLASSES:
            raise self.refuse(row.get("type") if isinstance(row, Mapping) else row, f"a type of {', '.join(_CLASSES)}")
        cls = _CLASSES[row["type"]]
        names = {field.name for field in fields(cls)}
        if names != set(row) - {"type"}:
            raise self.refuse(sorted(set(row) - {"type"}), f"the fields {sorted(names)} of a {row['type']}")
        return cls(**{name: self.anything(row[name]) for name in sorted(names)})

    def anything(self, item: Any) -> Any:
        """A text, a number, a tuple, a value, or an expression."""
        if item is None or isinstance(item, str | bool):
            return item
        if isinstance(item, list) and item and item[0] == "tuple":
            return tuple(self.anything(part) for part in item[1:])
        if isinstance(item, list) and len(item) == 2 and item[0] == "value":
            return self.entry(item[1])
        return self.expression(item)

    def expression(self, item: Any) -> Any:
        """A number, symbol or tree of known heads."""
        if isinstance(item, int) and not isinstance(item, bool):
            return sympy.Integer(item)
        if isinstance(item, float):
            return sympy.Float(item)
        if not isinstance(item, list) or not item or not isinstance(item[0], str):
            raise self.refuse(item, "a number or [head, argument, ...]")
        head, *arguments = item
        if head in _HEADS:
            return self.build(_HEADS[head], [self.expression(part) for part in arguments])
        if head in _ATOMS and not arguments:
            return _ATOMS[head]
        if head in {"Rational", "Float"}:
            return self.number(head, arguments)
        return self.symbol(head, arguments)

    def build(self, cls: Any, arguments: list[Any]) -> Any:
        """One node of the tree; no text reaches sympy."""
        try:
            return cls(*arguments, evaluate=False) if cls in _VERBATIM else cls(*arguments)
        except (TypeError, ValueError, AttributeError) as error:
            raise self.refuse(f"{cls.__name__} of {len(arguments)} arguments", "arguments that fit") from error

    def number(self, head: str, arguments: list[Any]) -> Any:
        """A fraction, or a float of more than 53 bits."""
        if head == "Rational" and len(arguments) == 2 and all(type(part) is int for part in arguments) and arguments[1]:
            return sympy.Rational(*arguments)
        if head == "Float" and len(arguments) == 2 and isinstance(arguments[0], list) and len(arguments[0]) == 4:
            mpf, bits = arguments
            if all(type(part) is int for part in (*mpf, bits)) and 0 < bits <= 10_000:
                return sympy.Float._new(tuple(mpf), bits)
        raise self.refuse([head, *arguments], "a number")

    def symbol(self, head: str, arguments: list[Any]) -> Any:
        """A symbol of the model, or of its place and time."""
        if head == "field" and len(arguments) == 2:
            owner, place = map(self.entry, arguments)
            if isinstance(owner, Membrane):
                return owner.v
            if isinstance(owner, Species | State):
                return owner[place]
        elif len(arguments) == 1:
            name = arguments[0]
            if head == "parameter" and isinstance(self.entry(name), Parameter):
                return sympy.sympify(self.entry(name))
            if head == "area_per_volume" and isinstance(self.entry(name), Membrane):
                return self.entry(name).area_per_volume
            if head in {"tag", "section"} and isinstance(name, str | int):
                return tag(name) if head == "tag" else section(str(name))
            table: Mapping[str, Any] = {"unit": _UNITS, "position": _POSITIONS, "time": {time.name: time}}.get(head, {})
            if isinstance(name, str) and name in table:
                return table[name]
        raise self.refuse([head, *arguments], "a known head")


def _list(item: Any, what: str) -> list[Any]:
    if not isinstance(item, list):
        raise FormatError(f"model: '{what}' is a {type(item).__name__}, expected a list; check the file")
    return item
