"""Neurolucida ASC: nested parentheses with outlines of the cell body and trees of points ``(x y z diameter)``.

Read are outlines marked ``CellBody`` and trees marked ``Axon``, ``Dendrite`` or ``Apical`` (no mark: tag 0). Left
out are other outlines, markers, spines ``<...>``, texts, and properties such as colour and name. The cell body becomes
one section (see `soma.body`); every tree is joined to its middle, as NEURON's import3d does (see `branches`).
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import numpy as np

from multiscale.errors import FormatError, GeometryError
from multiscale.geometry import Morphology, Point4
from multiscale.segmentation import Floats
from multiscale.voxelize.branches import OUTLINE, ROOT, Node, sections_of
from multiscale.voxelize.soma import body

TREES = {"axon": 2, "dendrite": 3, "apical": 4}
BODY = "cellbody"
BODIES = {"cellbody", "cell body", "soma"}  # names of outlines
_TOKEN = re.compile(r'\s*(?:;.*|(?P<string>"[^"]*"?)|(?P<mark>[()<>|,])|(?P<word>[^\s()<>|,;"]+))')
_CLOSING = {"(": ")", "<": ">"}


@dataclass(frozen=True)
class Atom:
    """A word, number, text in quotes, or bar."""

    text: str
    line: int

    @property
    def number(self) -> float | None:
        """Its value if it is a number."""
        try:
            return float(self.text)
        except ValueError:
            return None


@dataclass(frozen=True)
class Group:
    """What stands between two parentheses or angle brackets; ``line`` is that of the first."""

    bracket: str
    line: int
    items: "list[Item]"

    @property
    def head(self) -> "Item | None":
        """The first item."""
        return self.items[0] if self.items else None

    @property
    def is_point(self) -> bool:
        """Whether it starts with a number."""
        return self.bracket == "(" and isinstance(self.head, Atom) and self.head.number is not None

    @property
    def is_split(self) -> bool:
        """Whether it holds branches: it starts with a group or with the bar between two branches."""
        return self.bracket == "(" and (isinstance(self.head, Group) or _is_bar(self.head))


Item: TypeAlias = Atom | Group


def read_asc(path: Path, text: str) -> Morphology:
    """The cell of an ASC file's text; ``path`` is for messages and the source."""
    name = path.name
    if text.lstrip().startswith("<?xml"):
        raise FormatError(f"{name} line 1: this is XML, expected Neurolucida ASC; save it as ASC")
    contours: list[tuple[int, Floats]] = []
    trees: list[tuple[int, Group]] = []
    for group in _groups(name, text):
        marks = {mark for item in group.items if (mark := _mark(item))}
        tags = [TREES[mark] for mark in marks if mark in TREES]
        if BODY in marks or _title(group) in BODIES:
            contours.append((group.line, _contour(name, group)))
        elif tags or (group.is_split and not any(_is_text(item) for item in group.items)):
            trees.append((max(tags, default=0), group))
    if not contours and not trees:
        raise FormatError(f"{name} has no cell body and no tree, expected at least one; check what was traced")
    outline = _outline(name, contours)
    nodes: list[Node] = []
    for tag, tree in trees:
        _grow(name, tag, tree, OUTLINE if outline else ROOT, nodes)
    return Morphology(sections_of(nodes, outline, parent_diameter=False), source=name)


def _refuse(name: str, line: int, text: str) -> NoReturn:
    raise FormatError(f"{name} line {line}: {text}")


def _is_bar(item: Item | None) -> bool:
    return isinstance(item, Atom) and item.text == "|"


def _is_text(item: Item) -> bool:
    return isinstance(item, Atom) and item.text.startswith('"')


def _mark(item: Item) -> str:
    """The word of a property that is a single word, in lower case, else ""."""
    if isinstance(item, Group) and len(item.items) == 1 and isinstance(item.head, Atom):
        return item.head.text.lower()
    return ""


def _title(group: Group) -> str:
    """The name of an outline, in lower case, else ""."""
    return group.head.text.strip('"').lower() if isinstance(group.head, Atom) and _is_text(group.head) else ""


def _atoms(name: str, text: str) -> Iterator[Atom]:
    """Words, texts and brackets, without comments and commas."""
    for line, content in enumerate(text.splitlines(), start=1):
        for match in _TOKEN.finditer(content):
            found = match["string"] or match["mark"] or match["word"]
            if match["string"] and (len(found) < 2 or not found.endswith('"')):
                _refuse(name, line, f"the text {found:.40} has no end, expected a closing quote; add one")
            if found and found != ",":
                yield Atom(found, line)


def _groups(name: str, text: str) -> list[Group]:
    """The outermost groups."""
    outermost = Group("", 0, [])
    open_groups = [outermost]
    for atom in _atoms(name, text):
        if atom.text in _CLOSING:
            group = Group(atom.text, atom.line, [])
            open_groups[-1].items.append(group)
            open_groups.append(group)
        elif atom.text in _CLOSING.values():
            closed = open_groups.pop()
            if closed is outermost:
                _refuse(name, atom.line, f"'{atom.text}' closes nothing, expected an opening bracket before; remove it")
            if _CLOSING[closed.bracket] != atom.text:
                _refuse(
                    name, atom.line, f"'{atom.text}' closes the '{closed.bracket}' of line {closed.line}, "
                    f"expected '{_CLOSING[closed.bracket]}'; correct one of them",
                )  # fmt: skip
        elif open_groups[-1] is outermost:
            _refuse(name, atom.line, f"'{atom.text:.40}' stands outside all parentheses, expected '('; remove it")
        else:
            open_groups[-1].items.append(atom)
    if len(open_groups) > 1:
        _refuse(name, open_groups[-1].line, f"'{open_groups[-1].bracket}' is never closed; add the closing bracket")
    return [item for item in outermost.items if isinstance(item, Group)]


def _numbers(name: str, group: Group, count: int) -> list[float]:
    """The first numbers of a point."""
    numbers: list[float] = []
    for item in group.items[:count]:
        number = item.number if isinstance(item, Atom) else None
        if number is None or not math.isfinite(number):
            what = item.text if isinstance(item, Atom) else item.bracket
            _refuse(name, item.line, f"'{what:.40}' in a point, expected finite numbers x y z diameter; correct it")
        numbers.append(number)
    if len(numbers) < count:
        _refuse(
            name, group.line, f"a point with {len(numbers)} numbers, expected {count} of x y z diameter; complete it"
        )
    return numbers


def _point(name: str, group: Group) -> Point4:
    x, y, z, diameter = _numbers(name, group, 4)
    if diameter <= 0:
        _refuse(name, group.line, f"diameter is {diameter:g}, expected more than 0; correct it")
    return x, y, z, diameter


def _contour(name: str, group: Group) -> Floats:
    """Points of an outline, shape (k, 3)."""
    points = [_numbers(name, item, 3) for item in group.items if isinstance(item, Group) and item.is_point]
    if len(points) < 3:
        _refuse(name, group.line, f"a cell body outlined by {len(points)} points, expected at least 3; complete it")
    return np.array(points)


def _outline(name: str, contours: Sequence[tuple[int, Floats]]) -> tuple[Point4, ...]:
    """The soma's points from its outlines, of which each must overlap an earlier one seen from above."""
    if not contours:
        return ()
    boxes = [(contour[:, :2].min(axis=0), contour[:, :2].max(axis=0)) for _, contour in contours]
    for k in range(1, len(contours)):
        low, high = boxes[k]
        if not any((low <= top).all() and (bottom <= high).all() for bottom, top in boxes[:k]):
            _refuse(
                name, contours[k][0], f"a second cell body apart from that of line {contours[0][0]}, expected one; "
                "put it in a file of its own",
            )  # fmt: skip
    try:
        return body([contour for _, contour in contours])
    except GeometryError as error:
        raise FormatError(f"{name} line {contours[0][0]}: {error}") from None


def _grow(name: str, tag: int, tree: Group, root: int, nodes: list[Node]) -> None:
    """Appends the points of a tree to the nodes; ``root`` is the parent of its first point."""
    waiting: list[tuple[int, list[Item], int]] = [(tree.line, tree.items, root)]
    while waiting:
        line, items, parent = waiting.pop()
        splits: list[Group] = []
        before = len(nodes)
        for item in items:
            if isinstance(item, Atom):
                if _is_bar(item) or item.number is not None:
                    _refuse(name, item.line, f"'{item.text}' between points of a branch; put it in parentheses")
            elif item.is_split:
                splits.append(item)
            elif item.is_point:
                if splits:
                    _refuse(name, item.line, "a point after its branch has split, expected ')'; move it up")
                if parent == ROOT and nodes:
                    _refuse(name, item.line, "a second tree without a cell body, expected one; outline the body")
                nodes.append(Node(tag, _point(name, item), parent))
                parent = len(nodes) - 1
        if len(nodes) == before and not splits:
            _refuse(name, line, "a branch without points, expected at least one; remove it")
        parts = [part for split in splits for part in _parts(split)]
        waiting.extend((at, part, parent) for at, part in reversed(parts))


def _parts(split: Group) -> list[tuple[int, "list[Item]"]]:
    """The branches of a split, which bars separate, with the line where each starts."""
    parts: list[tuple[int, list[Item]]] = [(split.line, [])]
    for item in split.items:
        if _is_bar(item):
            parts.append((item.line, []))
        else:
            parts[-1][1].append(item)
    return parts
