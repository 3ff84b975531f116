"""SWC: one traced point a line, ``id tag x y z radius parent``. Cannon et al. (1998), J. Neurosci. Methods 84, 49.

The soma is read as follows (see `branches` for how neurites are joined to it):

- one point: a sphere, as the cylinder whose length is its diameter (equal area), along x;
- three points, the second and third without children one radius to either side of the first: the same sphere
  (NeuroMorpho.Org's convention), along the line of the points;
- a closed outline, five or more points in a row whose last is next to the first and whose radii are small compared with
  its extent: a body of revolution (see `soma.body`); the radii are not used;
- else the points themselves, as for any neurite, in several sections if the soma branches.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from multiscale.errors import FormatError, GeometryError
from multiscale.geometry import Morphology, Point4, Section
from multiscale.voxelize.branches import OUTLINE, ROOT, SOMA, Node, sections_of
from multiscale.voxelize.soma import body, sphere


class Sample(NamedTuple):
    """One line of the file: coordinates and radius in um; parent id -1 at the root."""

    id: int
    tag: int
    x: float
    y: float
    z: float
    radius: float
    parent: int
    line: int


def read_swc(path: Path, text: str) -> Morphology:
    """The cell of an SWC file's text; ``path`` is for messages and the source."""
    samples = _in_order(path.name, _samples(path.name, text))
    outline, is_outline = _soma(path.name, samples)
    _check_radii(path.name, samples, is_outline)
    sections = _sections(path.name, samples, outline)
    return Morphology(sections, source=path.name)


def _refuse(name: str, line: int, text: str) -> NoReturn:
    raise FormatError(f"{name} line {line}: {text}")


def _samples(name: str, text: str) -> list[Sample]:
    """The lines, each checked by itself and for a second use of its id."""
    samples: dict[int, Sample] = {}
    for line, content in enumerate(text.splitlines(), start=1):
        columns = content.partition("#")[0].replace(",", " ").split()
        if not columns:
            continue
        sample = _sample(name, line, columns)
        if sample.id in samples:
            used = samples[sample.id].line
            _refuse(name, line, f"id {sample.id} is that of line {used} too, expected a new one; renumber the points")
        samples[sample.id] = sample
    if not samples:
        raise FormatError(f"{name} has no points, expected lines 'id tag x y z radius parent'; check the file")
    return list(samples.values())


def _sample(name: str, line: int, columns: Sequence[str]) -> Sample:
    if len(columns) < 7:
        _refuse(name, line, f"{len(columns)} columns, expected 7: id tag x y z radius parent; complete the line")
    numbers = []
    for what, column in zip(("id", "tag", "x", "y", "z", "radius", "parent"), columns, strict=False):
        try:
            number = float(column)
        except ValueError:
            _refuse(name, line, f"{what} is '{column:.40}', expected a number; correct it")
        if not math.isfinite(number):
            _refuse(name, line, f"{what} is {column}, expected a finite number; correct it")
        if what in {"id", "tag", "parent"} and number != int(number):
            _refuse(name, line, f"{what} is {column}, expected a whole number; correct it")
        numbers.append(number)
    identity, tag, parent = int(numbers[0]), int(numbers[1]), int(numbers[6])
    if identity < 0:
        _refuse(name, line, f"id is {identity}, expected 0 or more; renumber the points")
    if tag < 0:
        _refuse(name, line, f"tag is {tag}, expected 0 or more; use 1 soma, 2 axon, 3 basal or 4 apical dendrite")
    if parent < -1:
        _refuse(name, line, f"parent is {parent}, expected an id or -1 for the root; correct it")
    if parent == identity:
        _refuse(name, line, f"point {identity} is its own parent, expected another id or -1 for the root; correct it")
    x, y, z, radius = numbers[2:6]
    return Sample(identity, tag, x, y, z, radius, parent, line)


def _in_order(name: str, samples: list[Sample]) -> list[Sample]:
    """Checks that the points are one tree; parents first, else as in the file."""
    by_id = {sample.id: sample for sample in samples}
    roots = [sample for sample in samples if sample.parent == -1]
    for sample in samples:
        if sample.parent != -1 and sample.parent not in by_id:
            _refuse(
                name, sample.line, f"point {sample.id} has the parent {sample.parent}, which is not in the file; "
                "expected an id or -1 for the root; add the point or correct the parent",
            )  # fmt: skip
    if len(roots) > 1:
        _refuse(
            name, roots[1].line, f"a second root (the first is in line {roots[0].line}), expected one tree; "
            "join it to the first or put it in a file of its own",
        )  # fmt: skip
    placed = dict.fromkeys([-1], True)
    ordered: list[Sample] = []
    for sample in samples:
        above = [sample]  # up to the nearest ancestor that has its place already
        while above[-1].parent not in placed:
            above.append(by_id[above[-1].parent])
            if len(above) > len(samples):
                loop = min(_loop(by_id, sample), key=lambda member: member.line)
                _refuse(
                    name, loop.line, f"point {loop.id} is its own ancestor through {loop.parent}, expected a tree; "
                    "break the loop of parents",
                )  # fmt: skip
        for member in reversed(above):
            if member.id not in placed:
                placed[member.id] = True
                ordered.append(member)
    return ordered


def _loop(by_id: dict[int, Sample], sample: Sample) -> list[Sample]:
    """The members of the loop that a point's ancestors run into."""
    seen: set[int] = set()
    while sample.id not in seen:
        seen.add(sample.id)
        sample = by_id[sample.parent]
    members, at = [sample], by_id[sample.parent]
    while at.id != sample.id:
        members.append(at)
        at = by_id[at.parent]
    return members


def _soma(name: str, samples: Sequence[Sample]) -> tuple[tuple[Point4, ...], bool]:
    """The soma's points where it is a sphere or an outline, else empty; and whether it is an outline."""
    soma = [sample for sample in samples if sample.tag == SOMA]
    root = samples[0]
    if not soma or root.tag != SOMA:
        return (), False
    if len(soma) == 1:
        if root.radius <= 0:
            _refuse(name, root.line, f"radius is {root.radius:g}, expected more than 0; correct it")
        return sphere((root.x, root.y, root.z), 2 * root.radius), False
    xyz = np.array([(sample.x, sample.y, sample.z) for sample in soma])
    if _is_sphere(samples, soma, xyz):
        return sphere((root.x, root.y, root.z), 2 * root.radius, xyz[2] - xyz[1]), False
    if _is_outline(soma, xyz):
        try:
            return body([xyz]), True
        except GeometryError as error:
            raise FormatError(f"{name} line {root.line}: {error}") from None
    return (), False


def _is_sphere(samples: Sequence[Sample], soma: Sequence[Sample], xyz: np.ndarray) -> bool:
    """Three points: the root, and two without children at about one radius to either side."""
    root, *sides = soma
    if len(sides) != 2 or any(side.parent != root.id or side.radius != root.radius for side in sides):
        return False
    if {sample.parent for sample in samples} & {side.id for side in sides}:
        return False
    apart = float(np.linalg.norm(xyz[1:] - xyz[0], axis=1).sum())
    return abs(apart - 2 * root.radius) < 0.02 * root.radius and bool((xyz[1] != xyz[2]).any())


def _is_outline(soma: Sequence[Sample], xyz: np.ndarray) -> bool:
    """Five or more points in a row that come back to the first, with radii below a quarter of the mean extent."""
    if len(soma) < 5 or any(b.parent != a.id for a, b in pairwise(soma)):
        return False
    edges = np.linalg.norm(np.diff(xyz, axis=0), axis=1)
    gap = float(np.linalg.norm(xyz[-1] - xyz[0]))
    extent = float(np.linalg.norm(xyz - xyz.mean(axis=0), axis=1).mean())
    return gap <= 1.5 * float(edges.max()) and max(sample.radius for sample in soma) < 0.25 * extent


def _check_radii(name: str, samples: Sequence[Sample], is_outline: bool) -> None:
    for sample in samples:
        if sample.radius < 0 or (sample.radius == 0 and not (is_outline and sample.tag == SOMA)):
            _refuse(name, sample.line, f"radius is {sample.radius:g}, expected more than 0; correct it")


def _sections(name: str, samples: Sequence[Sample], outline: tuple[Point4, ...]) -> tuple[Section, ...]:
    index: dict[int, int] = {-1: ROOT}
    nodes: list[Node] = []
    for sample in samples:
        if outline and sample.tag == SOMA:
            index[sample.id] = OUTLINE
            continue
        index[sample.id] = len(nodes)
        point = (sample.x, sample.y, sample.z, 2 * sample.radius)
        nodes.append(Node(sample.tag, point, index[sample.parent]))
    if not outline and all(node.point[:3] == nodes[0].point[:3] for node in nodes):
        _refuse(
            name, samples[0].line, "all points are in one place and are no soma of one point, expected a cell; "
            "add a second point",
        )  # fmt: skip
    return sections_of(nodes, outline)
