"""From processes to everything that they name, and the checks that need the whole: names, overlaps, potentials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, final

import sympy

from multiscale.errors import ModelError
from multiscale.processes import Process
from multiscale.regions import Bath, Interface, Layers, Membrane, Region
from multiscale.species import Parameter, Species, State
from multiscale.symbols import FieldSymbol, GeometrySymbol, ParameterSymbol, Value


@final
@dataclass(frozen=True)
class Gathered:
    """All values of a model, each kind sorted by name."""

    processes: tuple[Process, ...]
    species: tuple[Species, ...]
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    regions: tuple[Region, ...]
    membranes: tuple[Membrane, ...]
    baths: tuple[Bath, ...]
    interfaces: tuple[Interface, ...]

    @property
    def fields(self) -> tuple[FieldSymbol, ...]:
        """Symbols of everything that is simulated, sorted by name."""
        found = [field for species in self.species for field in species.fields]
        found += [field for state in self.states for field in state.fields]
        found += [membrane.v for membrane in self.membranes if membrane.capacitance is not None]
        return tuple(sorted(found, key=lambda field: field.name))

    def check(self, label: str, processes: tuple[Process, ...]) -> None:
        """Raises ModelError when two values of one model cannot stand side by side.

        Args:
            label: the model, for messages.
            processes: all processes, exchanges between shells included.
        """
        for kind in (self.regions, self.membranes, self.baths, self.parameters, self.interfaces):
            _check_names(label, kind)
        _check_processes(label, processes)
        charged = [f"'{membrane.name}'" for membrane in self.membranes if membrane.capacitance is not None]
        if len(charged) > 1:
            raise ModelError(
                f"{label}: membranes {', '.join(charged)} have a potential each, "
                "expected at most one; leave out a capacitance"
            )
        self._check_fields(label)
        for interface in self.interfaces:
            if not any({interface.inner, interface.outer} <= set(species.places) for species in self.species):
                raise ModelError(
                    f"{label}: {interface.label} joins no species, "
                    "expected one on both sides; leave it out or add regions"
                )

    def _check_fields(self, label: str) -> None:
        taken: dict[str, tuple[str, Value]] = {}
        for field in self.fields:
            if field.name not in taken:
                taken[field.name] = (field.name, field.owner)
                continue
            other = taken[field.name][1]
            if type(other) is type(field.owner) and isinstance(other, Species | State):
                raise ModelError(
                    f"{label}: two {'species' if isinstance(other, Species) else 'states'} are named '{other.name}' in "
                    f"'{field.place.name}' and differ in "
                    f"{_difference(other, field.owner)}, "
                    "expected one in each region; rename one or separate their regions"
                )
            raise ModelError(
                f"{label}: {other.label} and {field.owner.label} are both stored as '{field.name}', "
                "expected different names; rename one"
            )
        constants = [(f"{name}.{bath.name}", bath.label) for bath in self.baths for name, _ in bath.concentrations]
        constants += [(parameter.name, parameter.label) for parameter in self.parameters]
        seen: dict[str, str] = {name: owner.label for name, owner in taken.values()}
        for name, owner in constants:
            if name in seen:
                raise ModelError(
                    f"{label}: '{name}' names both {seen[name]} and {owner}, expected different names; rename one"
                )
            seen[name] = owner


def gather(parts: Iterable[Value]) -> Gathered:
    """All values that some parts name, directly or through others."""
    found: dict[str, Value] = {}
    open_list: list[Any] = list(parts)
    while open_list:
        value = open_list.pop()
        if isinstance(value, sympy.Basic):
            for symbol in value.free_symbols:
                if isinstance(symbol, FieldSymbol):
                    open_list += [symbol.owner, symbol.place]
                elif isinstance(symbol, ParameterSymbol):
                    open_list.append(symbol.owner)
                elif isinstance(symbol, GeometrySymbol):
                    open_list.append(symbol.membrane)
        elif isinstance(value, tuple):
            open_list += value
        elif isinstance(value, Value) and value.identity not in found:
            found[value.identity] = value
            data: Any = value
            open_list += [getattr(data, field.name) for field in fields(data)]
            open_list += value.regions + value.interfaces if isinstance(value, Layers) else ()

    def kind(of: type) -> tuple[Any, ...]:
        chosen: list[Any] = [value for value in found.values() if isinstance(value, of)]
        return tuple(sorted(chosen, key=lambda value: (value.name, value.identity)))

    baths = tuple(bath for bath in kind(Bath) if bath.concentrations)
    borders = _borders(kind(Interface))
    places = kind(Region), kind(Membrane), baths, borders
    return Gathered(kind(Process), kind(Species), kind(State), kind(Parameter), *places)


def _borders(interfaces: tuple[Interface, ...]) -> tuple[Interface, ...]:
    """Each border once, also if it was written and follows from layers as well."""
    once = {(border.inner.identity, border.outer.identity): border for border in reversed(interfaces)}
    return tuple(border for border in interfaces if border in once.values())


def _check_names(label: str, values: tuple[Any, ...]) -> None:
    for one, other in pairwise(values):
        if one.name == other.name:
            raise ModelError(
                f"{label}: {one.label} is there twice and differs in {_difference(one, other)}, "
                "expected one value for a name; rename one of them"
            )


def _check_processes(label: str, processes: tuple[Process, ...]) -> None:
    for one, other in pairwise(processes):
        if one.name == other.name:
            raise ModelError(
                f"{label}: two processes are named '{one.name}' (a {type(one).__name__} and a {type(other).__name__}), "
                "expected different names; rename one of them"
            )


def _difference(one: Any, other: Any) -> str:
    """The first field in which two values of one kind differ, with both values."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if a != b:
            said = [part.label if isinstance(part, Value) else str(part) for part in (a, b)]
            return f"{field.name} ({said[0]} and {said[1]})" if not isinstance(a, tuple) else field.name
    return "nothing"
