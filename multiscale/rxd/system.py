"""Equations + mesh → System: which terms act where, node inputs, capacities and conductances. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import GeometryError, ModelError
from multiscale.regions import Membrane, Region
from multiscale.rxd import places
from multiscale.rxd.equations import Equations, Field, Term
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.targets.numpy_ref import evaluate
from multiscale.species import Species
from multiscale.symbols import GeometrySymbol, TimeSymbol
from multiscale.units import strip

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# a group of nodes joins another one if its own terms are at least this share of the work they have together
_ALIKE = 0.5


@dataclass(frozen=True)
class Group:
    """Nodes at which the same terms act."""

    terms: tuple[Term, ...]
    nodes: Index

    @property
    def contiguous(self) -> bool:
        """Whether the nodes are consecutive."""
        return bool(self.nodes[-1] - self.nodes[0] + 1 == self.nodes.size)


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Species that diffuse.

    Attributes:
        rows: shape (k,).
        mass: capacities, um^3, shape (k, n_total).
        conductance: from each node to its parent, um^3/ms, shape (k, n_total).
        stiffness: bound of the largest eigenvalue (Gershgorin), 1/ms, shape (k,).
    """

    rows: Index
    mass: Array
    conductance: Array
    stiffness: Array


@dataclass(frozen=True, eq=False)
class CableArrays:
    """The potential's row and its arrays: capacitance pF, area um^2, axial conductance nS, each (n_total,)."""

    row: int
    capacitance: Array
    area: Array
    axial: Array
    moved: Index


@dataclass(frozen=True, eq=False)
class System:
    """A model on a mesh, ready to step."""

    equations: Equations
    mesh: TreeMesh
    groups: tuple[Group, ...]
    present: NDArray[np.bool_]
    inputs: Array
    diffusion: Diffusion
    cable: CableArrays | None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Rows of the state."""
        return self.equations.fields


def discretize(eqs: Equations, mesh: TreeMesh) -> System:
    """Place the equations on a mesh.

    Raises:
        GeometryError: nothing of the model lies on the mesh, or a species has a direction-dependent d on a tree.
    """
    n = mesh.n
    masks = _Masks(mesh)
    present = np.array([masks.place(_place(f)) for f in eqs.fields], dtype=bool).reshape(len(eqs.fields), n)
    if eqs.fields and not present.any():
        raise GeometryError(
            f"model '{eqs.model.name}': none of its fields exists at any of the {n} nodes; "
            "check the `where` of its regions"
        )
    known = len(eqs.inputs)
    eqs, groups, extra = _groups(eqs, masks, n)
    inputs = np.zeros((max(1, len(eqs.inputs)), mesh.n_total))
    for k, (_, expression) in enumerate(eqs.inputs[:known]):
        inputs[k, :n] = _node_input(expression, mesh)
    for k, mask in enumerate(extra):
        inputs[known + k, :n] = mask
    return System(eqs, mesh, groups, present, inputs, _diffusion(eqs, mesh, present), _cable(eqs, mesh, masks))


def initial_values(system: System, parameters: Mapping[str, float], changed: Mapping[sympy.Symbol, object]) -> Array:
    """State at t = 0, shape (fields, n_total): initial values of the model, or those in `changed` (symbol → value).

    Raises:
        ModelError: a value is not finite, a concentration is negative, or two initial values need each other.
    """
    eqs, mesh = system.equations, system.mesh
    values = np.zeros((len(eqs.fields), mesh.n_total))
    known: dict[sympy.Symbol, object] = {symbol: parameters[name] for name, symbol, _ in eqs.parameters}
    waiting = {f: strip(sympy.sympify(changed.get(f.symbol, _initial(f)))) for f in eqs.fields}
    waiting = {f: _bath_free(e, eqs) for f, e in waiting.items()}
    while waiting:
        fields = {f.symbol for f in waiting}
        ready = [f for f, e in waiting.items() if not (e.free_symbols & fields)]
        if not ready:
            names = ", ".join(f"'{f.name}'" for f in waiting)
            raise ModelError(
                f"model '{eqs.model.name}': the initial values of {names} need each other; give one of them as a number"
            )
        for f in ready:
            value = _evaluate(waiting.pop(f), mesh, known)
            if not np.all(np.isfinite(value[system.present[f.row]])):
                bad = int(np.flatnonzero(~np.isfinite(value) & system.present[f.row])[0])
                raise ModelError(
                    f"field '{f.name}': its initial value is {value[bad]} at node {bad}, expected a finite number; "
                    "check `initial`"
                )
            if f.kind == "concentration" and np.any(value[system.present[f.row]] < 0):
                least = value[system.present[f.row]].min()
                raise ModelError(
                    f"field '{f.name}': its initial value is negative ({least:g} mM), "
                    "expected a concentration of 0 or more; "
                    "check `initial`"
                )
            values[f.row, : mesh.n] = np.where(system.present[f.row], value, 0.0)
            known[f.symbol] = values[f.row, : mesh.n]
    return values


def _bath_free(expression: sympy.Expr, eqs: Equations) -> sympy.Expr:
    by_name = {name: symbol for name, symbol, _ in eqs.parameters}
    swaps = {s: by_name[s.name] for s in expression.free_symbols if s.name in by_name and s is not by_name[s.name]}
    return expression.xreplace(swaps)


def _initial(field: Field) -> object:
    owner = field.owner
    if isinstance(owner, Membrane):
        return owner.initial
    if isinstance(owner, Species):
        return owner.initial_in(field.symbol.place)
    return owner.initial


def _place(field: Field) -> Region | Membrane | None:
    owner = field.owner
    if isinstance(owner, Membrane):
        return None  # the potential is everywhere
    place: Region | Membrane = field.symbol.place
    return place


class _Masks:
    """Where regions and membranes exist, each worked out once."""

    def __init__(self, mesh: TreeMesh) -> None:
        self.mesh = mesh
        self._known: dict[object, NDArray[np.bool_]] = {}

    def where(self, selector: sympy.Basic | None) -> NDArray[np.bool_]:
        if selector not in self._known:
            self._known[selector] = places.mask(selector, self.mesh)
        return self._known[selector]

    def place(self, place: Region | Membrane | None) -> NDArray[np.bool_]:
        if place is None:
            return self.where(None)
        if isinstance(place, Membrane):
            mask = self.where(place.where)
            for side in (place.inside, place.outside):
                if isinstance(side, Region):
                    mask = mask & self.where(side.where)
            return mask
        return self.where(place.where)


def _groups(eqs: Equations, masks: _Masks, n: int) -> tuple[Equations, tuple[Group, ...], list[NDArray[np.bool_]]]:
    """Partition the nodes by the set of terms that act there; groups in order of their first node.

    Groups that share most of their work become one, in which a term that does not act everywhere is multiplied by a
    0/1 node input: one kernel to compile, and longer vectors.

    Returns:
        The equations with the added inputs, the groups, and the masks behind these inputs.
    """
    if not eqs.terms:
        return eqs, (), []
    active = np.array([_active(term, masks) for term in eqs.terms])
    possible = np.array([_possible(term, masks) for term in eqs.terms])
    cost = np.array([_cost(term) for term in eqs.terms])
    keys, first, inverse = np.unique(active.T, axis=0, return_index=True, return_inverse=True)
    inverse = np.asarray(inverse).reshape(-1)
    nodes = [np.flatnonzero(inverse == g) for g in range(len(keys))]
    clusters: list[tuple[NDArray[np.bool_], list[int]]] = []
    for g in sorted(range(len(keys)), key=lambda g: (-float(cost[keys[g]].sum()), int(first[g]))):
        if not keys[g].any():
            continue
        for k, (union, members) in enumerate(clusters):
            joined = union | keys[g]
            where = np.concatenate([nodes[m] for m in [*members, g]])
            if cost[keys[g]].sum() >= _ALIKE * cost[joined].sum() and possible[joined][:, where].all():
                clusters[k] = (joined, [*members, g])
                break
        else:
            clusters.append((keys[g], [g]))
    extra: list[NDArray[np.bool_]] = []
    groups = []
    for union, members in sorted(clusters, key=lambda c: min(int(first[m]) for m in c[1])):
        own = np.sort(np.concatenate([nodes[m] for m in members])).astype(np.int64)
        terms = []
        for t in np.flatnonzero(union):
            term = eqs.terms[t]
            if active[t, own].all():
                terms.append(term)
                continue
            symbol = sympy.Symbol(f"acts_{len(extra)}", real=True)
            eqs = replace(eqs, inputs=(*eqs.inputs, (symbol, sympy.S.One)))
            extra.append(active[t])
            terms.append(_masked(term, symbol))
        groups.append(Group(tuple(terms), own))
    return eqs, tuple(groups), extra


def _masked(term: Term, symbol: sympy.Symbol) -> Term:
    """The term times a 0/1 node input."""
    changes = tuple((row, symbol * rate) for row, rate in term.changes)
    currents = tuple((symbol * density, moves) for density, moves in term.currents)
    return replace(term, changes=changes, currents=currents)


def _cost(term: Term) -> float:
    expressions = [rate for _, rate in term.changes] + [density for density, _ in term.currents]
    return 1.0 + sum(float(sympy.count_ops(e)) for e in expressions)


def _possible(term: Term, masks: _Masks) -> NDArray[np.bool_]:
    """Where all that the term reads exists."""
    mask = masks.where(None)
    for place in term.places:
        mask = mask & masks.place(place)
    return mask


def _active(term: Term, masks: _Masks) -> NDArray[np.bool_]:
    return masks.where(term.where) & _possible(term, masks)


def _node_input(expression: sympy.Expr, mesh: TreeMesh) -> Array:
    """A position-only expression at every node; membranes' area per volume included, shape (n,)."""
    known: dict[sympy.Symbol, object] = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, GeometrySymbol):
            known[symbol] = _area_per_volume(symbol.membrane, mesh)
    return _evaluate(expression, mesh, known)


def _area_per_volume(membrane: Membrane, mesh: TreeMesh) -> Array:
    if membrane.per_volume is not None:
        return places.evaluate(strip(sympy.sympify(membrane.per_volume)), mesh)
    share = places.evaluate(strip(sympy.sympify(membrane.area)), mesh)
    return np.asarray(share * mesh.area[: mesh.n] / mesh.volume[: mesh.n])


def _evaluate(expression: sympy.Expr, mesh: TreeMesh, known: Mapping[sympy.Symbol, object]) -> Array:
    """Value at every node, shape (n,)."""
    values: dict[sympy.Symbol, object] = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, TimeSymbol):
            values[symbol] = 0.0
        else:
            values[symbol] = known[symbol] if symbol in known else places.evaluate(symbol, mesh)
    result = np.asarray(evaluate(expression, values), dtype=np.float64)
    return np.array(np.broadcast_to(result, (mesh.n,)))


def _diffusion(eqs: Equations, mesh: TreeMesh, present: NDArray[np.bool_]) -> Diffusion:
    rows, mass, conductance, bound = [], [], [], []
    for f in eqs.fields:
        if not isinstance(f.owner, Species) or mesh.n == 1:
            continue
        d = f.owner.d_in(f.symbol.place)
        if isinstance(d, tuple):
            raise GeometryError(
                f"species '{f.owner.name}': d has {len(d)} components, expected one number on a 1-D tree; "
                "give a scalar d"
            )
        mobility = _evaluate(strip(sympy.sympify(d)), mesh, {s: v for _, s, v in eqs.parameters})
        if not np.all(np.isfinite(mobility)) or np.any(mobility < 0):
            raise ModelError(
                f"species '{f.owner.name}': d is {mobility.min():g} um^2/ms at some node, "
                "expected a finite number of 0 or more; check its formula"
            )
        if not np.any(mobility > 0):
            continue
        fraction = places.evaluate(strip(sympy.sympify(f.symbol.place.volume_fraction)), mesh)
        inside = present[f.row]
        g = edge_conductance(mesh, np.where(inside, mobility * fraction, 0.0))
        m = np.zeros(mesh.n_total)
        m[: mesh.n] = np.where(inside, mesh.volume[: mesh.n] * fraction, 0.0)
        rows.append(f.row)
        mass.append(m)
        conductance.append(g)
        with np.errstate(divide="ignore", invalid="ignore"):
            bound.append(np.max(np.where(m > 0, 2.0 * diagonal(mesh, g) / m, 0.0)))
    shape = (len(rows), mesh.n_total)
    return Diffusion(
        np.array(rows, dtype=np.int64),
        np.array(mass).reshape(shape),
        np.array(conductance).reshape(shape),
        np.array(bound, dtype=np.float64),
    )


def edge_conductance(mesh: TreeMesh, mobility: Array) -> Array:
    """Conductance from each node to its parent: two halves in series, each with its own mobility, shape (n_total,).

    Args:
        mesh: the tree.
        mobility: diffusion coefficient times fraction (or 1/resistivity) at the nodes, shape (n,); 0 closes a node.
    """
    full = np.concatenate([mobility, np.full(mesh.n_total - mesh.n, np.inf)])
    parent = np.where(mesh.parent >= 0, mesh.parent, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mine = np.where(mesh.half_self > 0, mesh.half_self / full, np.where(full > 0, 0.0, np.inf))
        other = np.where(mesh.half_parent > 0, mesh.half_parent / full[parent], np.where(full[parent] > 0, 0.0, np.inf))
        g = 1.0 / (mine + other)
    g = np.where(np.isfinite(g), g, 0.0)
    g[mesh.parent < 0] = 0.0
    return np.asarray(g, dtype=np.float64)


def diagonal(mesh: TreeMesh, conductance: Array) -> Array:
    """Sum of the conductances at each node, shape (n_total,)."""
    total = conductance.copy()
    child = mesh.parent >= 0
    np.add.at(total, mesh.parent[child], conductance[child])
    return total


def _cable(eqs: Equations, mesh: TreeMesh, masks: _Masks) -> CableArrays | None:
    potential = eqs.potential
    if potential is None:
        return None
    membrane = potential.owner
    assert isinstance(membrane, Membrane)
    covered = masks.place(membrane)
    area, capacitance = np.zeros(mesh.n_total), np.zeros(mesh.n_total)
    area[: mesh.n] = np.where(
        covered, mesh.area[: mesh.n] * places.evaluate(strip(sympy.sympify(membrane.area)), mesh), 0.0
    )
    capacitance[: mesh.n] = area[: mesh.n] * places.evaluate(strip(sympy.sympify(membrane.capacitance)), mesh)
    resistivity = places.evaluate(strip(sympy.sympify(membrane.resistivity)), mesh)
    moved = sorted({row for term in eqs.terms for _, moves in term.currents for row, _ in moves})
    return CableArrays(
        potential.row, capacitance, area, edge_conductance(mesh, 1.0 / resistivity), np.array(moved, dtype=np.int64)
    )
