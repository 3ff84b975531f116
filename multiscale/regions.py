"""Where things are: regions, shells, membranes, baths, and open borders between shells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, final

import sympy
from sympy.logic.boolalg import Boolean

from multiscale.errors import ModelError
from multiscale.symbols import FieldSymbol, GeometrySymbol, Quantity, Value, check_name, condition, constant
from multiscale.units import brief, celsius, cm, mV, ohm, strip


def check_range(value: sympy.Expr, what: str, low: float, high: float | None = None, *, above: bool = False) -> None:
    """Raises ModelError when a quantity that is a number lies outside [low, high], or at `low` with `above`."""
    number = strip(value)
    if not number.is_number:
        return
    if number < low or (above and number == low) or (high is not None and number > high):
        wanted = f"{'above' if above else 'at least'} {low:g}" + ("" if high is None else f" and at most {high:g}")
        raise ModelError(f"{what} is {brief(value)}, expected {wanted}; change it")


@final
@dataclass(frozen=True)
class Shell(Value):
    """A concentric shell between two fractions of the radius; ``outer > 1`` is space around the cell."""

    inner: float
    outer: float

    def __post_init__(self) -> None:
        for name in ("inner", "outer"):
            edge = constant(getattr(self, name), f"shell: {name}")
            if not edge.is_number:
                raise ModelError(f"shell: {name} is {edge}, expected a fraction of the radius; give a number")
            object.__setattr__(self, name, float(edge))
        if not 0 <= self.inner < self.outer:
            raise ModelError(
                f"shell: got inner={self.inner:g}, outer={self.outer:g}, "
                "expected 0 <= inner < outer; change one of them"
            )

    @property
    def label(self) -> str:
        """Kind and edges."""
        return f"shell {self.inner:g} to {self.outer:g}"

    @property
    def share(self) -> float:
        """Volume of the shell as a share of the whole cell's."""
        return self.outer**2 - self.inner**2


@final
@dataclass(frozen=True)
class Region(Value):
    """A part of the cell's volume.

    Args:
        name: name, part of the names of the arrays.
        fraction: share of the cell's volume, or of the shell's volume where there is a shell; may depend on position.
        where: the places that have the region (condition on position, tags, sections); everywhere if None.
        shell: the concentric shell that it lies in.
    """

    name: str
    fraction: Quantity = 1
    where: Boolean | None = None
    shell: Shell | None = None

    def __post_init__(self) -> None:
        check_name("region", self.name)
        fraction = constant(self.fraction, f"{self.label}: fraction")
        check_range(fraction, f"{self.label}: fraction", 0, 1, above=True)
        object.__setattr__(self, "fraction", fraction)
        object.__setattr__(self, "where", condition(self.where, f"{self.label}: where"))
        if self.shell is not None and not isinstance(self.shell, Shell):
            raise ModelError(f"{self.label}: shell is {self.shell!r}, expected Shell(inner, outer); write that")

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"region '{self.name}'"

    @property
    def volume_fraction(self) -> sympy.Expr:
        """Volume as a share of the whole cell's."""
        return self.fraction * sympy.sympify(1 if self.shell is None else self.shell.share)


@final
@dataclass(frozen=True)
class Layers(Value):
    """Concentric shells, from the surface in; species that live in them diffuse radially.

    Args:
        name: the regions are called ``name0`` (outermost), ``name1``, ...
        edges: fractions of the radius from outside in, or the number of layers of equal thickness.
        fraction: share of each shell's volume.
        where: as for `Region`.
    """

    name: str
    edges: int | tuple[float, ...]
    fraction: Quantity = 1
    where: Boolean | None = None

    def __post_init__(self) -> None:
        check_name("layers", self.name)
        edges: Any = self.edges
        if isinstance(edges, int) and not isinstance(edges, bool):
            if edges < 1:
                raise ModelError(f"{self.label}: got {edges} layers, expected 1 or more; change the number")
            edges = tuple(1 - i / edges for i in range(edges + 1))
        elif not isinstance(edges, tuple | list) or len(edges) < 2:
            raise ModelError(
                f"{self.label}: edges is {edges!r}, "
                "expected a number of layers or at least two edges; write (1, 0.8, 0)"
            )
        edges = tuple(float(constant(edge, f"{self.label}: edge")) for edge in edges)
        if any(outer <= inner for outer, inner in pairwise(edges)) or edges[-1] < 0:
            raise ModelError(
                f"{self.label}: edges are {edges}, "
                "expected falling fractions of the radius, 0 or more; sort them from outside in"
            )
        object.__setattr__(self, "edges", edges)
        outermost = Region(f"{self.name}0", self.fraction, self.where)
        object.__setattr__(self, "fraction", outermost.fraction)
        object.__setattr__(self, "where", outermost.where)

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"layers '{self.name}'"

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The shells, outermost first."""
        edges: Any = self.edges
        pairs = pairwise(edges)
        return tuple(
            Region(f"{self.name}{i}", self.fraction, self.where, Shell(inner, outer))
            for i, (outer, inner) in enumerate(pairs)
        )

    @property
    def outer(self) -> Region:
        """The outermost shell."""
        return self.regions[0]

    def __getitem__(self, index: int) -> Region:
        return self.regions[index]

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Open borders between neighbours."""
        return tuple(
            Interface(f"{outer.name}_{inner.name}", inner, outer)
            for outer, inner in pairwise(self.regions)
        )


@final
@dataclass(frozen=True)
class Interface(Value):
    """An open border between two shells that touch: species of both diffuse through it."""

    name: str
    inner: Region
    outer: Region

    def __post_init__(self) -> None:
        check_name("interface", self.name)
        for side in (self.inner, self.outer):
            if not isinstance(side, Region) or side.shell is None:
                raise ModelError(
                    f"{self.label}: {_said(side)} has no shell, "
                    "expected a Region with one; add shell=Shell(inner, outer)"
                )
        inner, outer = self.shells
        if abs(inner.outer - outer.inner) > 1e-9:
            raise ModelError(
                f"{self.label}: region '{self.inner.name}' ends at {inner.outer:g} of the radius and "
                f"region '{self.outer.name}' begins at {outer.inner:g}, expected shells that touch; change one edge"
            )

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"interface '{self.name}'"

    @property
    def shells(self) -> tuple[Shell, Shell]:
        """Inner and outer shell."""
        assert self.inner.shell is not None
        assert self.outer.shell is not None
        return self.inner.shell, self.outer.shell


@final
@dataclass(frozen=True, init=False)
class Bath(Value):
    """A space so large that its concentrations stay: ``Bath(k=3.5 * mM, ca=2 * mM)``, ``bath["k"]``.

    Args:
        name: name of the bath, first argument.
        concentrations: more of them, as a dictionary or pairs, for names that are no keywords.
        named: concentration of each species, mM.
    """

    name: str
    concentrations: tuple[tuple[str, sympy.Expr], ...]

    def __init__(self, name: str = "bath", concentrations: Any = (), **named: Quantity) -> None:
        check_name("bath", name)
        pairs = {**dict(concentrations), **named}
        for species, value in pairs.items():
            what = f"bath '{name}': concentration of '{species}'"
            pairs[species] = constant(value, what)
            if not strip(pairs[species]).is_number:
                raise ModelError(
                    f"{what} is {value}, expected a number with units; change it during a run with sim.set()"
                )
            check_range(pairs[species], what, 0)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "concentrations", tuple(sorted(pairs.items())))

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"bath '{self.name}'"

    def __getitem__(self, species: str) -> sympy.Expr:
        table = dict(self.concentrations)
        if species not in table:
            held = ", ".join(f"'{name}'" for name in table) or "nothing"
            raise ModelError(
                f"{self.label}: it has no concentration of '{species}', only of {held}; write Bath({species}=...)"
            )
        return table[species]

    def __contains__(self, species: str) -> bool:
        return species in dict(self.concentrations)


RESISTIVITY, REST, TEMPERATURE = 100 * ohm * cm, -65 * mV, celsius(6.3)


@final
@dataclass(frozen=True)
class Membrane(Value):
    """A surface between a region and another region or a bath.

    Args:
        name: name, part of the names of the arrays.
        inside: region inside (of layers the outermost).
        outside: region or bath outside.
        capacitance: pF/um**2; given, the membrane has a potential ``v``.
        resistivity: axial, mV um/pA; 100 ohm cm if there is a capacitance and nothing is said.
        initial: potential at the start, mV; may depend on position.
        temperature: K; 6.3 degrees Celsius if nothing is said.
        area: share of the lateral area that is this membrane.
        per_volume: area per whole-cell volume, 1/um, for a membrane that is not the surface; instead of `area`.
        where: the places that have the membrane.
    """

    name: str
    inside: Region | Layers
    outside: Region | Bath | Layers = Bath()
    capacitance: Quantity | None = None
    resistivity: Quantity | None = None
    initial: Quantity = REST
    temperature: Quantity = TEMPERATURE
    area: Quantity = 1
    per_volume: Quantity | None = None
    where: Boolean | None = None

    def __post_init__(self) -> None:
        check_name("membrane", self.name)
        for side in ("inside", "outside"):
            place = getattr(self, side)
            place = place.outer if isinstance(place, Layers) else place
            if not isinstance(place, Region | Bath) or (side == "inside" and isinstance(place, Bath)):
                kinds = "a Region" if side == "inside" else "a Region or a Bath"
                raise ModelError(f"{self.label}: {side} is {_said(place)}, expected {kinds}; give one")
            object.__setattr__(self, side, place)
        if self.inside == self.outside:
            raise ModelError(
                f"{self.label}: region '{self.inside.name}' is on both sides, expected two places; change one of them"
            )
        if self.resistivity is not None and self.capacitance is None:
            raise ModelError(
                f"{self.label}: it has a resistivity but no potential, "
                "expected a capacitance too; add capacitance=1 * uF / cm**2"
            )
        if self.capacitance is not None and self.resistivity is None:
            object.__setattr__(self, "resistivity", RESISTIVITY)
        for field in ("capacitance", "resistivity", "initial", "temperature", "area", "per_volume"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, constant(getattr(self, field), f"{self.label}: {field}"))
        for field in ("capacitance", "resistivity", "temperature", "area", "per_volume"):
            if getattr(self, field) is not None:
                check_range(getattr(self, field), f"{self.label}: {field}", 0, above=True)
        if self.area != 1 and self.per_volume is not None:
            raise ModelError(f"{self.label}: both area and per_volume are given, expected one of them; leave one out")
        kelvin = strip(self.temperature)
        if kelvin.is_number and kelvin < 200:
            raise ModelError(f"{self.label}: temperature is {self.temperature}, expected Kelvin; write celsius(6.3)")
        object.__setattr__(self, "where", condition(self.where, f"{self.label}: where"))

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"membrane '{self.name}'"

    @property
    def v(self) -> FieldSymbol:
        """The potential, inside minus outside, mV."""
        if self.capacitance is None:
            raise ModelError(
                f"{self.label}: it has no potential because it has no capacitance; add capacitance=1 * uF / cm**2"
            )
        return FieldSymbol(self, self, "v")

    @property
    def area_per_volume(self) -> GeometrySymbol:
        """Area of the membrane per whole-cell volume at a node, 1/um."""
        return GeometrySymbol(self, f"{self.name}.area_per_volume")


def _said(value: Any) -> str:
    return value.label if isinstance(value, Value) else repr(value)
