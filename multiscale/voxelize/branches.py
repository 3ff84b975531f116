"""Traced points -> sections: unbranched chains of one tag, joined as NEURON's import3d joins them.

A section ends at a branch point and where the tag changes; a child starts with a copy of its parent's last point.
Around the soma:

- A soma given as an outline or a sphere is one section; what starts on it is joined to soma(0.5).
- In a soma of several traced points a neurite is joined to the end 0 or 1 where its parent is the first or the last
  point, and gets a copy of that point with its own diameter; elsewhere it is joined to the middle, 0.5.
- Joined to a middle, a neurite begins at its own first point: the gap to there has no membrane and no resistance. A
  neurite of one point goes from the soma to that point instead.
- Where that first point branches at once, its first child goes on with the section, the others start at its 0 end.
- A section whose points all lie in one place is left out; what starts on it is joined to its parent.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from multiscale.geometry import Point4, Section

ROOT, OUTLINE = -1, -2
SOMA = 1
NAMES = {SOMA: "soma", 2: "axon", 3: "dend", 4: "apic"}


class Node(NamedTuple):
    """A traced point: SWC tag, x, y, z and diameter in um, index of its parent, or ROOT, or OUTLINE (of the soma)."""

    tag: int
    point: Point4
    parent: int


@dataclass
class Piece:
    """A section in the making."""

    tag: int
    points: Sequence[Point4]
    parent: int = -1
    parent_x: float = 1.0


def sections_of(
    nodes: Sequence[Node], outline: Sequence[Point4] = (), *, parent_diameter: bool = True
) -> tuple[Section, ...]:
    """Sections in the order of their first points; a soma given as an outline is the first.

    Args:
        nodes: every parent before its children.
        outline: points of a soma that is not among the nodes, if there is one.
        parent_diameter: whether a child's copy of its parent's last point has the parent's diameter (as in SWC) or the
            child's own (as in ASC, where no copy is made if the child begins there anyway).
    """
    chains = _Chains(nodes)
    pieces = [Piece(SOMA, outline)] if outline else []
    pieces += [chains.piece(k, len(pieces), outline, parent_diameter) for k in range(len(chains.chains))]
    return _named(_without_empty(pieces))


class _Chains:
    """Nodes grouped into unbranched chains.

    Attributes:
        chains: node indices of each chain, from the root outwards, in the order of their first nodes.
        chain_of: index of each node's chain.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.children: list[list[int]] = [[] for _ in nodes]
        for i, node in enumerate(nodes):
            if node.parent >= 0:
                self.children[node.parent].append(i)
        self.chains: list[list[int]] = []
        self.chain_of: list[int] = []
        heirs = [self.heir(i) for i in range(len(nodes))]
        for i, node in enumerate(nodes):
            if node.parent >= 0 and heirs[node.parent] == i:
                self.chain_of.append(self.chain_of[node.parent])
                self.chains[self.chain_of[i]].append(i)
            else:
                self.chain_of.append(len(self.chains))
                self.chains.append([i])

    def alike(self, i: int) -> list[int]:
        """Children with the tag of their parent."""
        return [child for child in self.children[i] if self.nodes[child].tag == self.nodes[i].tag]

    def heir(self, i: int) -> int | None:
        """The child that goes on with a node's section; None where the section ends."""
        node, children, alike = self.nodes[i], self.children[i], self.alike(i)
        if node.parent == ROOT:
            return next(iter(alike or children), None)
        if node.tag != SOMA and self.is_apart(i):
            return next(iter(alike), None)
        rivals = alike if node.tag == SOMA else children  # a neurite does not end a section of the soma
        return alike[0] if len(alike) == len(rivals) == 1 else None

    def soma_place(self, i: int) -> float:
        """Where on the soma's section a neurite is joined whose parent is this node of the soma."""
        if self.nodes[i].parent == ROOT:
            return 0.0
        return 1.0 if self.heir(i) is None else 0.5

    def is_apart(self, i: int) -> bool:
        """Whether a node starts a neurite with a gap to the soma."""
        node = self.nodes[i]
        if node.parent == OUTLINE:
            return True
        if node.tag == SOMA or node.parent < 0 or self.nodes[node.parent].tag != SOMA:
            return False
        return self.soma_place(node.parent) == 0.5 or len(self.alike(node.parent)) > 1

    def piece(self, k: int, shift: int, outline: Sequence[Point4], parent_diameter: bool) -> Piece:
        """The section of a chain; ``shift`` is the number of sections before the first chain's."""
        chain = self.chains[k]
        first, own = chain[0], [self.nodes[i].point for i in chain]
        tag, above = self.nodes[chain[-1]].tag, self.nodes[first].parent
        if above == ROOT:
            return Piece(tag, own)
        if above == OUTLINE:
            x, y, z, _ = outline[len(outline) // 2]
            return Piece(tag, own if len(own) > 1 else [(x, y, z, own[0][3]), *own], 0, 0.5)
        parent, (x, y, z, diameter) = self.chain_of[above], self.nodes[above].point
        on_soma = self.nodes[above].tag == SOMA != tag
        place = self.soma_place(above) if on_soma else float(above == self.chains[parent][-1])
        meets = not parent_diameter and own[0][:3] == (x, y, z)
        if len(own) > 1 and (meets or self.is_apart(first)):
            return Piece(tag, own, parent + shift, place)
        start = (x, y, z, diameter if parent_diameter and not on_soma else own[0][3])
        return Piece(tag, [start, *own], parent + shift, place)


def _without_empty(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces of some length; children of the others are joined to those pieces' parents."""
    kept: list[Piece] = []
    now: list[tuple[int, float | None]] = []  # of each piece: what stands for it, and where on that if it was left out
    for piece in pieces:
        place = piece.parent_x
        if piece.parent >= 0:
            piece.parent, moved = now[piece.parent]
            place = place if moved is None else moved
        if piece.parent >= 0 and all(point[:3] == piece.points[0][:3] for point in piece.points):
            now.append((piece.parent, place))
        else:
            now.append((len(kept), None))
            piece.parent_x = place
            kept.append(piece)
    return kept


def _named(pieces: Sequence[Piece]) -> tuple[Section, ...]:
    """Sections with names as NEURON gives them: soma (soma[i] if there are several), axon[i], dend[i], apic[i]."""
    count = Counter(piece.tag for piece in pieces)
    seen: Counter[int] = Counter()
    sections = []
    for piece in pieces:
        name = NAMES.get(piece.tag, f"dend_{piece.tag}")
        if piece.tag != SOMA or count[SOMA] > 1:
            name += f"[{seen[piece.tag]}]"
        seen[piece.tag] += 1
        sections.append(Section(name, tuple(piece.points), piece.tag, piece.parent, piece.parent_x))
    return tuple(sections)
