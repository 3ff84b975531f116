"""Model: processes and all values that they name, gathered, checked, printed, hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import sympy

from multiscale.errors import ModelError
from multiscale.exchange import RadialExchange
from multiscale.gather import Gathered, gather
from multiscale.processes import Current, Flux, Process, Rate, Reaction
from multiscale.regions import Bath, Interface, Layers, Membrane, Region
from multiscale.serialize import decode, encode
from multiscale.species import Parameter, Species, State
from multiscale.symbols import FieldSymbol, Value
from multiscale.units import brief

_PARTS = (Process, Species, State, Membrane, Interface)


@final
@dataclass(frozen=True, init=False)
class Model(Value):
    """All chemistry and electricity of a cell, as one value; where it is placed comes later.

    ``Model(flux, rate, *hh(plasma), name="cell")``: the species, states, parameters, regions and membranes that the
    processes name become part of the model. A Species (pure diffusion), State, Membrane or Interface that no process
    names can be listed too. The order of the arguments never matters.

    Args:
        parts: processes, and other values that belong to the model.
        name: any text.
        processes, species, states, membranes, interfaces: more parts by keyword, as `dataclasses.replace` passes them.
    """

    processes: tuple[Process, ...]
    species: tuple[Species, ...]
    states: tuple[State, ...]
    membranes: tuple[Membrane, ...]
    interfaces: tuple[Interface, ...]
    name: str

    def __init__(
        self,
        *parts: Process | Species | State | Membrane | Interface,
        name: str = "model",
        processes: Iterable[Process] = (),
        species: Iterable[Species] = (),
        states: Iterable[State] = (),
        membranes: Iterable[Membrane] = (),
        interfaces: Iterable[Interface] = (),
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ModelError(f"model: name is {name!r}, expected a text; give one")
        object.__setattr__(self, "name", name)
        everything = (*parts, *processes, *species, *states, *membranes, *interfaces)
        for part in everything:
            self._check_part(part)
        if not everything:
            raise ModelError(f"{self.label}: nothing is in it, expected processes or species; list at least one")
        found = gather(everything)
        for field in ("processes", "species", "states", "membranes", "interfaces"):
            object.__setattr__(self, field, getattr(found, field))
        self.__dict__["_gathered"] = found
        found.check(self.label, self.all_processes)

    def _check_part(self, part: Any) -> None:
        if isinstance(part, tuple | list):
            raise ModelError(
                f"{self.label}: got a {type(part).__name__} of {len(part)}, expected processes; write a star before it"
            )
        if isinstance(part, Region | Layers | Bath | Parameter):
            raise ModelError(
                f"{self.label}: {part.label} does nothing by itself, expected processes or species; use it in one"
            )
        if not isinstance(part, _PARTS):
            raise ModelError(f"{self.label}: got {part!r}, expected processes such as Flux(...); write that")

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"model '{self.name}'"

    @cached_property
    def _gathered(self) -> Gathered:
        return gather((*self.processes, *self.species, *self.states, *self.membranes, *self.interfaces))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters that occur, sorted by name."""
        return self._gathered.parameters

    @property
    def regions(self) -> tuple[Region, ...]:
        """All regions, those of layers included, sorted by name."""
        return self._gathered.regions

    @property
    def baths(self) -> tuple[Bath, ...]:
        """All baths that hold something, sorted by name."""
        return self._gathered.baths

    @cached_property
    def fields(self) -> tuple[FieldSymbol, ...]:
        """Everything that is simulated, sorted by name: concentrations, states, the potential."""
        return self._gathered.fields

    @property
    def potential(self) -> Membrane | None:
        """The membrane with a potential, if there is one."""
        return next((membrane for membrane in self.membranes if membrane.capacitance is not None), None)

    @cached_property
    def exchanges(self) -> tuple[RadialExchange, ...]:
        """Diffusion through open borders of shells, for each species on both sides, sorted by name."""
        made = (
            RadialExchange(species, interface)
            for interface in self.interfaces
            for species in self.species
            if interface.inner in species.places and interface.outer in species.places
        )
        return tuple(sorted((exchange for exchange in made if exchange.terms()), key=lambda exchange: exchange.name))

    @cached_property
    def all_processes(self) -> tuple[Process, ...]:
        """Processes and exchanges, sorted by name."""
        return tuple(sorted((*self.processes, *self.exchanges), key=lambda process: process.name))

    def to_dict(self) -> dict[str, Any]:
        """The model as numbers, texts and lists, ready for JSON; equal models give equal dictionaries."""
        parts = {field: getattr(self, field) for field in ("processes", "species", "states", "membranes", "interfaces")}
        return {"format": "multiscale model", "version": 1, "name": self.name, **encode(parts)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Model:
        """The model of a dictionary that `to_dict` made; no text in it is ever evaluated.

        Raises:
            FormatError: it is no such dictionary. ModelError, UnitError: it describes an impossible model.
        """
        name, parts = decode(data)
        return cls(name=name, **parts)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON text; the same on every machine."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> str:
        """The model as text: places, substances, constants, and what happens."""
        sections = {
            "regions": [f"{r.name}: fraction {brief(r.volume_fraction)}{_place(r)}" for r in self.regions],
            "membranes": [_membrane(m) for m in self.membranes],
            "baths": [f"{b.name}: {', '.join(f'{n} = {brief(c)}' for n, c in b.concentrations)}" for b in self.baths],
            "species": [
                f"{s.name} in {_names(s.places)}: d = {_value(s.d)}, z = {s.z}, initial = {_value(s.initial)}"
                for s in self.species
            ],
            "states": [
                f"{s.name} on {_names(s.places)}: initial = {brief(s.initial)}, unit {s.unit}" for s in self.states
            ],
            "parameters": [f"{p.name} = {brief(p.value)}" for p in self.parameters],
            "processes": [f"{p.label}: {_action(p)}{_place(p)}" for p in self.processes],
            "exchanges": [f"{e.name}: {' <-> '.join(f.name for f in e.fields())}" for e in self.exchanges],
        }
        lines = [self.label]
        for title, entries in sections.items():
            lines += [f"  {title}", *(f"    {entry}" for entry in entries)] if entries else []
        return "\n".join(lines)


def _names(places: Iterable[Any]) -> str:
    return ", ".join(place.name for place in places)


def _place(part: Any) -> str:
    return "" if part.where is None else f", where {part.where}"


def _value(value: Any) -> str:
    if not isinstance(value, tuple):
        return brief(value)
    if isinstance(value[0], tuple):
        return ", ".join(f"{_value(part)} ({region.name})" for region, part in value)
    return f"({', '.join(str(part) for part in value)})"


def _membrane(m: Membrane) -> str:
    size = f"area {m.area}" if m.per_volume is None else f"{m.per_volume} of area per volume"
    cable = "" if m.capacitance is None else f", {m.capacitance}, {m.resistivity}, v = {m.initial} at the start"
    cable += "" if m.capacitance is None else f", {brief(m.temperature)}"
    return f"{m.name}: {m.inside.name} | {m.outside.name}, {size}{cable}{_place(m)}"


def _action(process: Process) -> str:
    if isinstance(process, Reaction):
        arrow = "->" if process.backward == 0 and process.rate is None else "<->"
        law = f"rate {process.rate}" if process.rate is not None else f"forward {process.forward}"
        back = "" if process.backward == 0 else f", backward {process.backward}"
        return f"{_side(process.lhs)} {arrow} {_side(process.rhs)}, {law}{back}"
    if isinstance(process, Rate):
        return f"d({process.target})/dt += {process.rate}"
    if isinstance(process, Flux):
        across = "" if process.membrane is None else f" across {process.membrane.name}"
        charge = "" if process.charge == 0 else f", charge {process.charge}"
        return f"{process.source} -> {process.target}{across}, rate {process.rate}{charge}"
    if isinstance(process, Current):
        carrier = "nonspecific" if process.ion is None else process.ion.name
        return f"{carrier} through {process.membrane.name}, {process.density}"
    return ", ".join(field.name for field in process.fields())


def _side(side: sympy.Expr) -> str:
    return "nothing" if side == 0 else str(side)
