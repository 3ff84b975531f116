"""Which terms act at which nodes: groups of nodes with the same terms, one kernel each."""

from dataclasses import dataclass, replace

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.regions import Membrane, Region
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import CellMesh, Mesh
from multiscale.rxd.equations import Equations, Field, Term

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

# a group of nodes joins another one if its own terms are at least this share of the work they have together
_ALIKE = 0.5


@dataclass(frozen=True)
class Group:
    """Nodes at which the same terms act.

    Attributes:
        terms: the terms. nodes: shape (k,), ascending.
        electric: whether they are channels and gates on the tree of a voxelised cell, which see mirrored means.
    """

    terms: tuple[Term, ...]
    nodes: Index
    electric: bool = False

    @property
    def contiguous(self) -> bool:
        """Whether the nodes are consecutive."""
        return bool(self.nodes[-1] - self.nodes[0] + 1 == self.nodes.size)


class Masks:
    """Where regions and membranes exist, each worked out once."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._known: dict[object, Mask] = {}

    def where(self, selector: sympy.Basic | None) -> Mask:
        """Nodes at which a selector holds, shape (n,)."""
        if selector not in self._known:
            mask = places.mask(selector, self.mesh)
            self._known[selector] = mask & self.mesh.exists if isinstance(self.mesh, CellMesh) else mask
        return self._known[selector]

    def place(self, place: Region | Membrane | None) -> Mask:
        """Nodes that a region or membrane covers, shape (n,), whether or not its fields are kept there."""
        if isinstance(place, Membrane):
            mask = self.where(place.where)
            for side in (place.inside, place.outside):
                if isinstance(side, Region):
                    mask = mask & self.where(side.where)
            return mask
        return self.where(None if place is None else place.where)

    def field(self, field: Field) -> Mask:
        """Nodes at which a field is kept, shape (n,)."""
        place = None if field.kind == "potential" else field.symbol.place
        covered = self.place(place)
        if not isinstance(self.mesh, CellMesh):
            return covered
        if is_electric(field):
            return covered & self.mesh.electric
        return covered & self._chemical(place)

    def term(self, term: Term, electric: bool) -> Mask:
        """Nodes at which all that a term reads exists, shape (n,)."""
        mask = self.where(None)
        if isinstance(self.mesh, CellMesh):
            mask = mask & (self.mesh.electric if electric else self.mesh.chemical)
        for place in term.places:
            mask = mask & self.place(place)
            if isinstance(self.mesh, CellMesh) and not electric:
                mask = mask & self._chemical(place)
        return mask

    def _chemical(self, place: Region | Membrane | None) -> Mask:
        """Nodes with concentrations; beside a surface membrane only those with area."""
        assert isinstance(self.mesh, CellMesh)
        surface = isinstance(place, Membrane) and place.per_volume is None
        return self.mesh.membranous if surface else self.mesh.chemical


def is_electric(field: Field) -> bool:
    """Whether a field lives on the tree even where the cell is voxelised: the potential, and what gates it."""
    if field.kind == "potential":
        return True
    place = field.symbol.place
    return isinstance(place, Membrane) and place.capacitance is not None


def split(eqs: Equations, masks: Masks) -> tuple[list[tuple[Term, bool]], list[tuple[Mask, Mask]]]:
    """Terms with the side they act on (True: electric), and where each acts and could act."""
    sides: list[tuple[Term, bool]] = []
    if isinstance(masks.mesh, CellMesh):
        electric = {f.row for f in eqs.fields if is_electric(f)}
        for term in eqs.terms:
            channels = tuple(change for change in term.changes if change[0] in electric)
            chemistry = tuple(change for change in term.changes if change[0] not in electric)
            if channels or term.currents:
                sides.append((replace(term, changes=channels), True))
            if chemistry:
                sides.append((replace(term, changes=chemistry, currents=()), False))
    else:
        sides = [(term, False) for term in eqs.terms]
    where = []
    for term, side in sides:
        possible = masks.term(term, side)
        where.append((masks.where(term.where) & possible, possible))
    return sides, where


def groups_of(eqs: Equations, masks: Masks) -> tuple[Equations, tuple[Group, ...], list[Mask]]:
    """Partition the nodes by the set of terms that act there; see `_partition`."""
    sides, where = split(eqs, masks)
    found: list[Group] = []
    extra: list[Mask] = []
    for electric in (False, True):
        chosen = [k for k, (_, side) in enumerate(sides) if side == electric]
        if chosen:
            eqs, groups, more = _partition(
                eqs, [sides[k][0] for k in chosen], np.array([where[k][0] for k in chosen]),
                np.array([where[k][1] for k in chosen]), len(extra), electric,
            )  # fmt: skip
            found += groups
            extra += more
    return eqs, tuple(found), extra


def _partition(
    eqs: Equations, terms: list[Term], active: Mask, possible: Mask, inputs: int, electric: bool
) -> tuple[Equations, list[Group], list[Mask]]:
    """Groups in order of their first node.

    Groups that share most of their work become one, in which a term that does not act everywhere is multiplied by a
    0/1 node input: one kernel to compile, and longer vectors.

    Args:
        eqs: the equations.
        terms: the terms of one side.
        active: where each term acts, shape (terms, n).
        possible: where it could, shape (terms, n).
        inputs: number of 0/1 inputs so far.
        electric: the side.

    Returns:
        The equations with the added inputs, the groups, and the masks behind these inputs.
    """
    cost = np.array([_cost(term) for term in terms])
    keys, first, inverse = _unique_columns(active)
    nodes = [np.flatnonzero(inverse == g) for g in range(len(keys))]
    clusters: list[tuple[Mask, list[int]]] = []
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
    extra: list[Mask] = []
    groups = []
    for union, members in sorted(clusters, key=lambda c: min(int(first[m]) for m in c[1])):
        own = np.sort(np.concatenate([nodes[m] for m in members])).astype(np.int64)
        chosen = []
        for t in np.flatnonzero(union):
            if active[t, own].all():
                chosen.append(terms[t])
                continue
            symbol = sympy.Symbol(f"acts_{inputs + len(extra)}", real=True)
            eqs = replace(eqs, inputs=(*eqs.inputs, (symbol, sympy.S.One)))
            extra.append(active[t])
            chosen.append(_masked(terms[t], symbol))
        groups.append(Group(tuple(chosen), own, electric))
    return eqs, groups, extra


def _unique_columns(active: Mask) -> tuple[Mask, Index, Index]:
    """Distinct columns as rows of a mask, the first column with each, and which one every column is."""
    codes = np.packbits(active, axis=0, bitorder="little")
    while codes.shape[0] > 1:  # fold the bytes of a column into one number
        pairs = [np.unique(codes[k].astype(np.int64) * 2**32 + codes[k + 1], return_inverse=True)[1].reshape(-1)
                 for k in range(0, codes.shape[0] - 1, 2)]  # fmt: skip
        codes = np.array([*pairs, *codes[len(pairs) * 2 :].astype(np.int64)])
    _, first, inverse = np.unique(codes[0], return_index=True, return_inverse=True)
    return active[:, first].T, first, inverse.reshape(-1)


def _masked(term: Term, symbol: sympy.Symbol) -> Term:
    """The term times a 0/1 node input."""
    changes = tuple((row, symbol * rate) for row, rate in term.changes)
    currents = tuple((symbol * density, moves) for density, moves in term.currents)
    return replace(term, changes=changes, currents=currents)


def _cost(term: Term) -> float:
    expressions = [rate for _, rate in term.changes] + [density for density, _ in term.currents]
    return 1.0 + sum(float(sympy.count_ops(e)) for e in expressions)
