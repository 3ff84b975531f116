"""What changes what: reactions, rates, fluxes, currents, and the exchange through open borders of shells."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import sympy
from sympy.logic.boolalg import Boolean

from multiscale.errors import ModelError
from multiscale.regions import Bath, Membrane, check_range
from multiscale.species import Species, State
from multiscale.symbols import FieldSymbol, Operand, Quantity, Value, check_name, condition, quantity
from multiscale.units import FARADAY, mM, ms, mV, pA, um


@final
@dataclass(frozen=True)
class Change:
    """``d(field)/dt += rate``; the rate is that of the field's own place (mM/ms for a concentration)."""

    field: FieldSymbol
    rate: sympy.Expr


@final
@dataclass(frozen=True)
class MembraneCurrent:
    """An outward current density (pA/um**2), and what it moves: ``d(field)/dt += coefficient * density``."""

    membrane: Membrane
    density: sympy.Expr
    moves: tuple[tuple[FieldSymbol, sympy.Expr], ...] = ()


Terms: TypeAlias = tuple[Change | MembraneCurrent, ...]
Expected: TypeAlias = tuple[tuple[str, sympy.Expr, sympy.Expr], ...]


class Process(Value):
    """Something that changes fields. A process is a value; it does nothing until it is part of a Model."""
    name: str
    where: Boolean | None

    @abstractmethod
    def terms(self) -> Terms:
        """What it does, ready to be added up."""

    @abstractmethod
    def expected(self) -> Expected:
        """Quantities as the user wrote them: (name, expression, an expression of the unit that it must have)."""

    @abstractmethod
    def fields(self) -> tuple[FieldSymbol, ...]:
        """The fields that its arguments name, baths included."""

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"{type(self).__name__.lower()} '{self.name}'"

    def symbols(self) -> frozenset[sympy.Symbol]:
        """All symbols that occur in it, units included."""
        found = set(self.fields()) | (set() if self.where is None else self.where.free_symbols)
        for term in self.terms():
            if isinstance(term, Change):
                found |= {term.field} | term.rate.free_symbols
            else:
                found |= {term.membrane.v} | term.density.free_symbols
                for field, coefficient in term.moves:
                    found |= {field} | coefficient.free_symbols
        return frozenset(found)

    def _check(self) -> None:
        check_name(type(self).__name__.lower(), self.name)
        object.__setattr__(self, "where", condition(self.where, f"{self.label}: where"))


@final
@dataclass(frozen=True)
class Reaction(Process):
    """A reaction among the substances of one place.

    Args:
        name: name.
        lhs: what is used up, such as ``2 * ca[cyt] + buf[cyt]``; 0 for nothing.
        rhs: what is made.
        forward: constant of mass action; its unit follows from the order.
        backward: constant of the reverse reaction.
        rate: any rate law in concentration/time, instead of forward and backward.
        where: the places where it happens.
    """

    name: str
    lhs: Any
    rhs: Any
    forward: Quantity | None = None
    backward: Quantity = 0
    rate: Quantity | None = None
    where: Boolean | None = None

    def __post_init__(self) -> None:
        self._check()
        for side in ("lhs", "rhs"):
            object.__setattr__(self, side, self._side(side, getattr(self, side)))
        places = {field.place.identity: field.place for field in self.fields()}
        if not places:
            raise ModelError(f"{self.label}: nothing on either side, expected species; write ca[cyt] + buf[cyt]")
        if len(places) > 1:
            names = ", ".join(sorted(f"'{place.name}'" for place in places.values()))
            raise ModelError(f"{self.label}: it spans {names}, expected one region; use a Flux to move a substance")
        if (self.forward is None) == (self.rate is None) or (self.rate is not None and self.backward != 0):
            given = "both" if self.forward is not None or self.rate is not None else "neither"
            raise ModelError(
                f"{self.label}: {given} of constants and rate given, "
                "expected forward (and backward) or rate=; leave one out"
            )
        for name in ("forward", "backward", "rate"):
            if getattr(self, name) is not None:
                value = quantity(getattr(self, name), f"{self.label}: {name}")
                if name != "rate":
                    check_range(value, f"{self.label}: {name}", 0)
                object.__setattr__(self, name, value)

    def _side(self, side: str, given: Any) -> sympy.Expr:
        if given is None or (not isinstance(given, Operand) and given == 0):
            return sympy.S.Zero
        return quantity(given, f"{self.label}: {side}")

    def _count(self, expression: sympy.Expr) -> Counter[FieldSymbol]:
        found: Counter[FieldSymbol] = Counter()
        for part in sympy.Add.make_args(expression):
            coefficient, field = part.as_coeff_Mul()
            if part == 0:
                continue
            is_field = isinstance(field, FieldSymbol) and isinstance(field.owner, Species | State)
            if not is_field or isinstance(field.place, Bath):
                raise ModelError(
                    f"{self.label}: '{part}' is no reactant, expected a sum such as 2 * ca[cyt] + buf[cyt]; write it so"
                )
            if coefficient != int(coefficient) or coefficient < 1:
                raise ModelError(
                    f"{self.label}: '{part}' has coefficient {coefficient}, expected a positive whole number; change it"
                )
            found[field] += int(coefficient)
        return found

    @property
    def reactants(self) -> dict[FieldSymbol, int]:
        """Coefficients of the left side, sorted by name."""
        return dict(sorted(self._count(self.lhs).items(), key=lambda item: item[0].name))

    @property
    def products(self) -> dict[FieldSymbol, int]:
        """Coefficients of the right side, sorted by name."""
        return dict(sorted(self._count(self.rhs).items(), key=lambda item: item[0].name))

    def law(self) -> sympy.Expr:
        """The rate, concentration/time in the region."""
        if self.rate is not None:
            return self.rate
        ahead = self.forward * sympy.Mul(*(field**n for field, n in self.reactants.items()))
        back = self.backward * sympy.Mul(*(field**n for field, n in self.products.items()))
        return ahead - back

    def fields(self) -> tuple[FieldSymbol, ...]:
        """Reactants and products."""
        return tuple({**self.reactants, **self.products})

    def terms(self) -> Terms:
        """One Change for each substance that is not a catalyst."""
        law, left, right = self.law(), self.reactants, self.products
        net = {field: right.get(field, 0) - left.get(field, 0) for field in self.fields()}
        return tuple(Change(field, n * law) for field, n in net.items() if n)

    def expected(self) -> Expected:
        """The constants by the order of the reaction, or the rate."""
        found = []
        for unit in dict.fromkeys(unit_of(field) for field in self.fields()):
            if self.rate is not None:
                found.append(("rate", self.rate, unit / ms))
                continue
            for name, side in (("forward", self.reactants), ("backward", self.products)):
                order = sympy.Mul(*(unit_of(field) ** n for field, n in side.items()))
                found.append((name, getattr(self, name), unit / ms / order))
        return tuple(found)


@final
@dataclass(frozen=True)
class Rate(Process):
    """``d(target)/dt += rate``.

    Args:
        name: name.
        target: a concentration or state.
        rate: in the target's unit per time.
        where: the places where it happens.
    """

    name: str
    target: Any
    rate: Quantity
    where: Boolean | None = None

    def __post_init__(self) -> None:
        self._check()
        target = _field(self.target, f"{self.label}: target")
        if isinstance(target.owner, Membrane):
            raise ModelError(
                f"{self.label}: target is the potential '{target}', expected a concentration or state; use a Current"
            )
        if isinstance(target.place, Bath):
            raise ModelError(
                f"{self.label}: target '{target}' is constant, "
                "expected a concentration of a region; use a Region for it"
            )
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "rate", quantity(self.rate, f"{self.label}: rate"))

    def fields(self) -> tuple[FieldSymbol, ...]:
        """The target."""
        return (self.target,)

    def terms(self) -> Terms:
        """One Change."""
        return (Change(self.target, self.rate),)

    def expected(self) -> Expected:
        """The rate, in the target's unit per time."""
        return (("rate", self.rate, unit_of(self.target) / ms),)


@final
@dataclass(frozen=True)
class Flux(Process):
    """Moves a substance between two regions at the same place, or between a region and a bath.

    Args:
        name: name.
        source: concentration that it leaves.
        target: concentration that it enters.
        rate: amount per whole-cell volume and time (mM/ms); with a membrane, per area and time (mM um/ms).
        membrane: the membrane that it crosses.
        charge: elementary charges moved outward for each unit of amount from source to target (electrogenic pumps).
        where: the places where it happens.
    """

    name: str
    source: Any
    target: Any
    rate: Quantity
    membrane: Membrane | None = None
    charge: int = 0
    where: Boolean | None = None

    def __post_init__(self) -> None:
        self._check()
        for end in ("source", "target"):
            field = _field(getattr(self, end), f"{self.label}: {end}")
            if not isinstance(field.owner, Species):
                raise ModelError(
                    f"{self.label}: {end} is {field.owner.label}, "
                    "expected a species; a Species with d=0 does not diffuse"
                )
            object.__setattr__(self, end, field)
        object.__setattr__(self, "rate", quantity(self.rate, f"{self.label}: rate"))
        if self.source == self.target or all(isinstance(field.place, Bath) for field in self.fields()):
            raise ModelError(
                f"{self.label}: from '{self.source}' to '{self.target}' changes nothing, "
                "expected two regions; change one"
            )
        charge = quantity(self.charge, f"{self.label}: charge")
        if not charge.is_number or (charge != 0 and self.membrane is None):
            raise ModelError(
                f"{self.label}: charge is {self.charge} without a membrane, expected both or none; add membrane="
            )
        object.__setattr__(self, "charge", charge)
        if self.membrane is not None:
            self._check_sides(self.membrane)

    def _check_sides(self, membrane: Membrane) -> None:
        _is_membrane(self.label, membrane)
        for field in self.fields():
            if field.place not in (membrane.inside, membrane.outside):
                raise ModelError(
                    f"{self.label}: '{field}' is not beside {membrane.label}, expected '{membrane.inside.name}' or "
                    f"'{membrane.outside.name}'; take the concentration there"
                )
        if self.charge != 0 and membrane.capacitance is None:
            raise ModelError(
                f"{self.label}: charge is {self.charge} but {membrane.label} has no potential; "
                "add capacitance=1 * uF / cm**2"
            )

    def fields(self) -> tuple[FieldSymbol, ...]:
        """Source and target."""
        return (self.source, self.target)

    def terms(self) -> Terms:
        """Two Changes (one with a bath), or a MembraneCurrent when charge moves."""
        rate: Any = self.rate
        per_volume = sympy.S.One if self.membrane is None else self.membrane.area_per_volume
        ends = [
            (field, sign * per_volume / field.place.volume_fraction)
            for sign, field in ((-1, self.source), (1, self.target))
            if not isinstance(field.place, Bath)
        ]
        if self.charge == 0 or self.membrane is None:
            return tuple(Change(field, factor * rate) for field, factor in ends)
        moved = self.charge * FARADAY
        return (MembraneCurrent(self.membrane, moved * rate, tuple((field, factor / moved) for field, factor in ends)),)

    def expected(self) -> Expected:
        """The rate per volume, or per area with a membrane."""
        return (("rate", self.rate, mM / ms if self.membrane is None else mM * um / ms),)


@final
@dataclass(frozen=True)
class Current(Process):
    """A current across a membrane, outward positive; moves the ion where its concentration is simulated.

    Args:
        name: name.
        ion: the species that carries it; None for a nonspecific current.
        membrane: a membrane with a potential.
        density: pA/um**2 (1 mA/cm**2 = 10 pA/um**2).
        where: the places that have it.
    """

    name: str
    ion: Species | None
    membrane: Membrane
    density: Quantity
    where: Boolean | None = None

    def __post_init__(self) -> None:
        self._check()
        _is_membrane(self.label, self.membrane)
        if self.membrane.capacitance is None:
            raise ModelError(f"{self.label}: {self.membrane.label} has no potential; add capacitance=1 * uF / cm**2")
        object.__setattr__(self, "density", quantity(self.density, f"{self.label}: density"))
        if self.ion is None:
            return
        if not isinstance(self.ion, Species):
            raise ModelError(f"{self.label}: ion is {self.ion!r}, expected a Species or None; give one")
        if self.ion.z == 0:
            raise ModelError(f"{self.label}: {self.ion.label} has z = 0, expected a charge; write Species(..., z=1)")
        if not self.fields():
            raise ModelError(
                f"{self.label}: {self.ion.label} is on no side of {self.membrane.label}, "
                f"expected '{self.membrane.inside.name}' or "
                f"'{self.membrane.outside.name}'; give it that region"
            )

    def fields(self) -> tuple[FieldSymbol, ...]:
        """The ion's concentrations on the two sides, where they are simulated."""
        sides = (self.membrane.inside, self.membrane.outside)
        return () if self.ion is None else tuple(self.ion[side] for side in sides if side in self.ion.places)

    def terms(self) -> Terms:
        """One MembraneCurrent."""
        moves = []
        for field in self.fields():
            charge = (-1 if field.place == self.membrane.inside else 1) * field.owner.z * FARADAY
            moves.append((field, self.membrane.area_per_volume / (charge * field.place.volume_fraction)))
        return (MembraneCurrent(self.membrane, self.density, tuple(moves)),)

    def expected(self) -> Expected:
        """The density."""
        return (("density", self.density, pA / um**2),)


def unit_of(field: FieldSymbol) -> sympy.Expr:
    """Unit of a field, as an expression: mM, mV, or the state's own."""
    if isinstance(field.owner, Species):
        return mM
    if isinstance(field.owner, Membrane):
        return mV
    return field.owner.unit


def _field(value: Any, what: str) -> FieldSymbol:
    if isinstance(value, Operand):
        value = value._sympy_()
    if not isinstance(value, FieldSymbol):
        said = value.label if isinstance(value, Value) else f"'{value}'"
        raise ModelError(f"{what} is {said}, expected a concentration or state such as ca[cyt]; give that")
    return value


def _is_membrane(label: str, membrane: Any) -> None:
    if not isinstance(membrane, Membrane):
        raise ModelError(f"{label}: membrane is {membrane!r}, expected a Membrane; give one")


