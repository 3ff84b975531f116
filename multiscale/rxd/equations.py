"""Model → numbered equations: units out, names replaced by rows, position-only subexpressions set apart.

Rows, parameters and node inputs are numbered in the order of their names, so the order of a script's lines never
matters.
"""

from dataclasses import dataclass

import sympy

from multiscale.dimensions import check_units
from multiscale.model import Model
from multiscale.processes import Change, MembraneCurrent
from multiscale.regions import Bath, Membrane, Region
from multiscale.species import Parameter, Species, State
from multiscale.symbols import FieldSymbol, GeometrySymbol, ParameterSymbol, PositionSymbol, TimeSymbol
from multiscale.units import strip


@dataclass(frozen=True)
class Field:
    """One row of the state: a concentration (mM), a state, or the potential (mV)."""

    name: str
    row: int
    kind: str  # "concentration" | "state" | "potential"
    symbol: FieldSymbol
    unit: str

    @property
    def owner(self) -> Species | State | Membrane:
        """The model value that the field belongs to."""
        owner: Species | State | Membrane = self.symbol.owner
        return owner


@dataclass(frozen=True)
class Term:
    """What one process does: rates of change of rows, and membrane currents with the rows that they move."""

    name: str
    places: tuple[Region | Membrane, ...]
    where: sympy.Basic | None
    changes: tuple[tuple[int, sympy.Expr], ...]
    currents: tuple[tuple[sympy.Expr, tuple[tuple[int, sympy.Expr], ...]], ...]


@dataclass(frozen=True)
class Equations:
    """A model in numbers: rows of fields, terms, uniform parameters and per-node inputs (all in base units)."""

    model: Model
    fields: tuple[Field, ...]
    terms: tuple[Term, ...]
    parameters: tuple[tuple[str, sympy.Symbol, float], ...]
    inputs: tuple[tuple[sympy.Symbol, sympy.Expr], ...]

    def row(self, symbol: sympy.Symbol) -> int:
        """Row of a field's symbol; -1 where it is not one of the simulated fields."""
        return next((f.row for f in self.fields if f.symbol == symbol), -1)

    @property
    def potential(self) -> Field | None:
        """The membrane potential, if the model has one."""
        return next((f for f in self.fields if f.kind == "potential"), None)

    def names(self) -> dict[sympy.Symbol, str]:
        """Canonical name of every symbol that a kernel may read."""
        table: dict[sympy.Symbol, str] = {f.symbol: f"y{f.row}" for f in self.fields}
        table.update({symbol: f"p{i}" for i, (_, symbol, _) in enumerate(self.parameters)})
        table.update({symbol: f"q{i}" for i, (symbol, _) in enumerate(self.inputs)})
        return table


def equations(model: Model) -> Equations:
    """Check the model's units and number its parts.

    Raises:
        UnitError: a quantity has the wrong dimension.
        ModelError: a symbol is not part of the model.
    """
    check_units(model)
    fields = tuple(_field(row, symbol) for row, symbol in enumerate(sorted(model.fields, key=lambda s: s.name)))
    local = _NodeInputs()
    for parameter in model.parameters:
        local.declare(parameter)
    for bath in model.baths:
        local.declare_bath(bath)
    terms = tuple(_term(process, fields, local) for process in model.all_processes)
    return Equations(model, fields, terms, tuple(local.parameters), tuple(local.inputs.items()))


def _field(row: int, symbol: FieldSymbol) -> Field:
    owner = symbol.owner
    if isinstance(owner, Membrane):
        return Field(symbol.name, row, "potential", symbol, "mV")
    if isinstance(owner, Species):
        return Field(symbol.name, row, "concentration", symbol, "mM")
    return Field(symbol.name, row, "state", symbol, str(owner.unit))


class _NodeInputs:
    """Numbers parameters, and replaces what depends on position alone by one per-node constant."""

    def __init__(self) -> None:
        self.parameters: list[tuple[str, sympy.Symbol, float]] = []
        self.inputs: dict[sympy.Symbol, sympy.Expr] = {}
        self._by_expression: dict[sympy.Expr, sympy.Symbol] = {}
        self._positional: dict[sympy.Symbol, sympy.Expr] = {}

    def declare(self, parameter: Parameter) -> None:
        value = strip(sympy.sympify(parameter.value))
        symbol = sympy.sympify(parameter)
        if value.free_symbols:
            self._positional[symbol] = value
        else:
            self.parameters.append((parameter.name, symbol, float(value)))

    def declare_bath(self, bath: Bath) -> None:
        for species, value in bath.concentrations:
            name = f"{species}.{bath.name}"
            self.parameters.append((name, _BathKey(name), float(strip(sympy.sympify(value)))))

    def reduce(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression with its largest position-only parts replaced by node inputs."""
        stripped = strip(sympy.sympify(expression))
        baths = {
            s: _BathKey(s.name)
            for s in stripped.free_symbols
            if isinstance(s, FieldSymbol) and isinstance(s.place, Bath)
        }
        return self._walk(stripped.xreplace({**baths, **self._positional}))

    def _walk(self, expression: sympy.Expr) -> sympy.Expr:
        free = expression.free_symbols
        if not any(isinstance(s, PositionSymbol | GeometrySymbol) for s in free):
            return expression
        if all(isinstance(s, PositionSymbol | GeometrySymbol) for s in free):
            return self._input(expression)
        if isinstance(expression, sympy.Add | sympy.Mul):
            fixed = [
                a
                for a in expression.args
                if a.free_symbols and all(isinstance(s, PositionSymbol | GeometrySymbol) for s in a.free_symbols)
            ]
            if fixed:
                rest = [self._walk(a) for a in expression.args if a not in fixed]
                return expression.func(self._input(expression.func(*fixed)), *rest)
        return expression.func(*[self._walk(a) for a in expression.args])

    def _input(self, expression: sympy.Expr) -> sympy.Symbol:
        if expression not in self._by_expression:
            symbol = sympy.Symbol(f"node_input_{len(self.inputs)}", real=True)
            self._by_expression[expression] = symbol
            self.inputs[symbol] = expression
        return self._by_expression[expression]


class _BathKey(sympy.Symbol):
    """A bath concentration among the parameters; its own class, so that no user's name can meet it."""


def _term(process: object, fields: tuple[Field, ...], local: _NodeInputs) -> Term:
    rows = {f.symbol: f.row for f in fields}
    changes: list[tuple[int, sympy.Expr]] = []
    currents: list[tuple[sympy.Expr, tuple[tuple[int, sympy.Expr], ...]]] = []
    symbols: set[sympy.Symbol] = set()
    for term in process.terms():  # type: ignore[attr-defined]
        if isinstance(term, Change):
            symbols |= {term.field} | sympy.sympify(term.rate).free_symbols
            if term.field in rows:
                changes.append((rows[term.field], local.reduce(term.rate)))
        elif isinstance(term, MembraneCurrent):
            symbols |= sympy.sympify(term.density).free_symbols | {term.membrane.v}
            moves = []
            for field, coefficient in term.moves:
                symbols |= {field} | sympy.sympify(coefficient).free_symbols
                if field in rows:
                    moves.append((rows[field], local.reduce(coefficient)))
            currents.append((local.reduce(term.density), tuple(moves)))
    return Term(process.name, _places(symbols), process.where, tuple(changes), tuple(currents))  # type: ignore[attr-defined]


def _places(symbols: set[sympy.Symbol]) -> tuple[Region | Membrane, ...]:
    """Regions and membranes that must exist at a node for the process to act there."""
    found: dict[str, Region | Membrane] = {}
    for symbol in symbols:
        place: object = None
        if isinstance(symbol, GeometrySymbol):
            place = symbol.membrane
        elif isinstance(symbol, FieldSymbol):
            place = symbol.owner if isinstance(symbol.owner, Membrane) else symbol.place
        if isinstance(place, Region | Membrane):
            found[place.name] = place
    return tuple(found[name] for name in sorted(found))


__all__ = ["Equations", "Field", "ParameterSymbol", "Term", "TimeSymbol", "equations"]
