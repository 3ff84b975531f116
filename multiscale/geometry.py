"""Where a model is placed in 0-D and 1-D: shapes as values. Lengths are stored as floats in um."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, TypeAlias

import numpy as np

from multiscale.errors import GeometryError, MultiscaleError
from multiscale.segmentation import MaxLength, Polylines, Quantity, Segmentation, check_count, finite_in_base, positive
from multiscale.solids import Near, Part, Voxels
from multiscale.units import um

Point4: TypeAlias = tuple[float, float, float, float]
"""x, y, z and diameter, um."""

TAG_NAMES = {0: "undefined", 1: "soma", 2: "axon", 3: "basal", 4: "apical"}
"""Names of the SWC tags; others are shown as numbers."""


@dataclass(frozen=True)
class Location:
    """A place on a cell: a section's name and the fraction of its length from its start, 0 to 1."""

    section: str
    x: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.x <= 1:
            raise GeometryError(f"section '{self.section}': place {self.x!r} is off it, expected 0 to 1; correct it")

    def __str__(self) -> str:
        return f"{self.section}({self.x:g})"


@dataclass(frozen=True)
class Point:
    """One well-mixed compartment without extent.

    Args:
        volume: um^3.
        area: of the membrane, um^2; None is the surface of a sphere of that volume.
    """

    volume: Quantity = 1 * um**3
    area: Quantity | None = None

    def __post_init__(self) -> None:
        volume = positive(self.volume, um**3, "Point: volume")
        sphere = (36 * np.pi * volume**2) ** (1 / 3)
        area = sphere if self.area is None else positive(self.area, um**2, "Point: area")
        object.__setattr__(self, "volume", volume)
        object.__setattr__(self, "area", float(area))

    def __call__(self, x: float = 0.5) -> Location:
        """The only place there is; for the same script on a point and on a cell."""
        return Location("point", x)


@dataclass(frozen=True)
class Cable:
    """A straight unbranched cable along x, from (0, 0, 0), of equal segments.

    Args:
        length: um.
        diameter: um.
        dx: longest allowed segment, um; 1 um if neither dx nor n is given.
        n: number of segments; instead of dx.
        end_diameter: um; the diameter changes linearly from ``diameter``. None: the same everywhere.
    """

    length: Quantity
    diameter: Quantity = 1 * um
    dx: Quantity | None = None
    n: int | None = None
    end_diameter: Quantity | None = None

    def __post_init__(self) -> None:
        for name in ("length", "diameter", "dx", "end_diameter"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, positive(value, um, f"Cable: {name}"))
        if self.dx is not None and self.n is not None:
            raise GeometryError(f"Cable: got dx = {self.dx:g} and n = {self.n}, expected one of them; leave one out")
        if self.n is not None:
            check_count(self.n, "Cable")

    def __call__(self, x: float = 0.5) -> Location:
        """The place at a fraction of the length."""
        return Location("cable", x)


@dataclass(frozen=True)
class Section:
    """An unbranched piece of a cell: points with diameters, joined to its parent by its first end.

    Args:
        name: unique in its cell.
        points: (x, y, z, diameter) of each point, um; at least two, not all in one place.
        tag: SWC code: 1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite, 0 undefined, others free.
        parent: index or name of the parent section; -1 for the root. The electrical joint does not depend on the
            points: the first need not lie on the parent, and the gap has neither membrane nor resistance.
        parent_x: where on the parent, 0 to 1.
    """

    name: str
    points: tuple[Point4, ...]
    tag: int = 0
    parent: int | str = -1
    parent_x: float = 1.0

    def __post_init__(self) -> None:
        what = f"section {self.name!r}"
        if not isinstance(self.name, str) or not self.name:
            raise GeometryError(f"{what}: this is not a name, expected a text; give one")
        points = _points(self.points, what)
        object.__setattr__(self, "points", tuple(map(tuple, points.tolist())))
        if len(points) < 2:
            raise GeometryError(f"{what} has {len(points)} point, expected at least 2; add its other end")
        if not points[:, 3].min() > 0:
            where = int(np.argmin(points[:, 3]))
            raise GeometryError(
                f"{what}: diameter at point {where} is {points[where, 3]:g}, expected more than 0; correct it"
            )
        if not (points[1:, :3] != points[0, :3]).any():
            raise GeometryError(f"{what} has length 0, expected points in two places or more; move a point")
        if isinstance(self.tag, bool) or not isinstance(self.tag, int | np.integer) or self.tag < 0:
            raise GeometryError(f"{what}: tag is {self.tag!r}, expected an SWC code of 0 or more; give a whole number")
        if not 0 <= self.parent_x <= 1:
            raise GeometryError(f"{what}: parent_x is {self.parent_x!r}, expected 0 to 1; give a fraction")

    def __call__(self, x: float = 0.5) -> Location:
        """The place at a fraction of the length."""
        return Location(self.name, x)

    @property
    def length(self) -> float:
        """Path length, um."""
        return float(Polylines.of((self.points,)).length[0])

    def voxels(self, dx: Quantity, samples: int = 2) -> Voxels:
        """The section filled with cubes of side dx, um; see `Voxels`."""
        return Voxels(self, dx, samples)


@dataclass(frozen=True)
class Morphology:
    """A cell as a tree of sections.

    Args:
        sections: the root first, every other after its parent.
        segments: the rule that cuts sections into segments.
        source: where it comes from, such as a file name.
    """

    sections: tuple[Section, ...]
    segments: Segmentation = field(default_factory=MaxLength)
    source: str = ""

    def __post_init__(self) -> None:
        sections = tuple(self.sections)
        what = f"morphology '{PurePath(self.source).name}'" if self.source else "morphology"
        if not sections:
            raise GeometryError(f"{what} has no section, expected at least one; add a Section")
        index = {section.name: i for i, section in enumerate(sections)}
        if len(index) < len(sections):
            name, count = Counter(section.name for section in sections).most_common(1)[0]
            raise GeometryError(f"{what} has {count} sections named '{name}', expected different names; rename one")
        if not isinstance(self.segments, Segmentation):
            raise GeometryError(
                f"{what}: segments is {self.segments!r}, expected a rule such as MaxLength(5 * um); give one"
            )
        object.__setattr__(self, "sections", tuple(_with_parent(s, i, index, what) for i, s in enumerate(sections)))

    def __getitem__(self, name: str) -> Section:
        """The section of this name."""
        for section in self.sections:
            if section.name == name:
                return section
        known = ", ".join(f"'{section.name}'" for section in self.sections[:5])
        more = "" if len(self.sections) <= 5 else f" and {len(self.sections) - 5} more"
        raise GeometryError(f"morphology has no section '{name}', expected one of {known}{more}; see describe()")

    @property
    def soma(self) -> Section:
        """The first section with tag 1."""
        for section in self.sections:
            if section.tag == 1:
                return section
        raise GeometryError("morphology has no soma, expected a section with tag 1; name the section you mean")

    @property
    def parents(self) -> tuple[int, ...]:
        """Index of each section's parent, -1 for the root."""
        return tuple(int(section.parent) for section in self.sections)

    @property
    def lines(self) -> Polylines:
        """The points of all sections as arrays."""
        return Polylines.of([section.points for section in self.sections])

    @property
    def length(self) -> float:
        """Sum of the lengths of the sections, um."""
        return float(self.lines.length.sum())

    @property
    def area(self) -> float:
        """Sum of the lateral areas, um^2."""
        return float(self.lines.area.sum())

    @property
    def volume(self) -> float:
        """Sum of the volumes, um^3."""
        return float(self.lines.volume.sum())

    def with_segments(self, segments: Segmentation) -> "Morphology":
        """The same cell, cut by another rule."""
        return replace(self, segments=segments)

    def voxels(self, dx: Quantity, samples: int = 2) -> Voxels:
        """The whole cell filled with cubes of side dx, um; see `Voxels`."""
        return Voxels(self, dx, samples)

    def part(self, where: Any) -> Part:
        """The segments at which a selector holds, such as ``tag("soma") | section("apic[0]")``."""
        return Part(self, where)

    def within(self, reach: Quantity, of: Section | Location | None = None) -> Part:
        """The segments whose middle lies within a path distance of a place.

        Args:
            reach: um.
            of: a section (its middle) or a place of the cell; the middle of the soma if nothing is said.
        """
        place = Location(of.name) if isinstance(of, Section) else of if of is not None else Location(self.soma.name)
        if not isinstance(place, Location):
            raise GeometryError(f"within: `of` is {of!r:.80}, expected a section or a place; write cell.soma(0.5)")
        self[place.section]
        return Part(self, Near(place.section, place.x, positive(reach, um, "within: reach")))

    def describe(self) -> str:
        """A table: sections, tips, segments, points, length, area, volume for each tag, and the extent."""
        return "\n".join(_table(self))


def _points(given: Any, what: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Points as an array of shape (m, 4) of floats in um; with units where the user wrote some."""
    try:
        points = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        try:
            rows = [tuple(finite_in_base(value, um, f"{what}: a coordinate") for value in row) for row in given]
            points = np.array(rows, dtype=np.float64)
        except MultiscaleError:
            raise
        except (TypeError, ValueError):
            points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 4:
        raise GeometryError(
            f"{what}: points are {given!s:.80}, expected rows of x, y, z, diameter; give four numbers a point"
        )
    if not np.isfinite(points).all():
        where = int(np.argmin(np.isfinite(points).all(axis=1)))
        values = tuple(points[where].tolist())
        raise GeometryError(f"{what}: point {where} is {values}, expected finite numbers; correct it")
    return points


def _with_parent(section: Section, i: int, index: dict[str, int], what: str) -> Section:
    """The section with its parent as an index, which is checked."""
    parent = section.parent
    if isinstance(parent, str):
        if parent not in index:
            raise GeometryError(
                f"{what}: section '{section.name}' has the unknown parent '{parent}', expected the name of a section; "
                "check its spelling"
            )
        parent = index[parent]
    if i == 0 and parent != -1:
        raise GeometryError(
            f"{what}: the first section '{section.name}' has the parent {section.parent!r}, expected none; "
            "list the root first"
        )
    if i > 0 and parent == -1:
        raise GeometryError(
            f"{what}: section '{section.name}' has no parent, expected one root only; "
            "name its parent or make it a cell of its own"
        )
    if not -1 <= parent < i:
        raise GeometryError(
            f"{what}: section '{section.name}' has the parent {section.parent!r}, which does not stand before it; "
            "expected parents first; reorder the sections and check for a loop"
        )
    return section if section.parent == parent else replace(section, parent=parent)


def _table(cell: Morphology) -> Iterable[str]:
    lines = cell.lines
    counts = cell.segments.counts(lines)
    tags = np.array([section.tag for section in cell.sections])
    is_tip = np.ones(tags.size, dtype=bool)
    is_tip[[parent for parent in cell.parents if parent >= 0]] = False
    columns = (np.ones(tags.size), is_tip, counts, np.diff(lines.first), lines.length, lines.area, lines.volume)
    heads = ("tag", "sections", "tips", "segments", "points", "length (um)", "area (um^2)", "volume (um^3)")
    rows: list[Sequence[str]] = [heads]
    for tag in [*np.unique(tags).tolist(), None]:
        chosen = np.ones(tags.size, dtype=bool) if tag is None else tags == tag
        name = "all" if tag is None else TAG_NAMES.get(tag, str(tag))
        sums = [column[chosen].sum() for column in columns]
        rows.append((name, *(f"{value:.0f}" for value in sums[:4]), *(f"{value:.2f}" for value in sums[4:])))
    widths = [max(len(row[j]) for row in rows) for j in range(len(heads))]
    yield f"morphology{f' {cell.source}' if cell.source else ''}, segments by {cell.segments}"
    for row in rows:
        yield "  ".join([row[0].ljust(widths[0]), *(row[j].rjust(widths[j]) for j in range(1, len(heads)))])
    low, high = lines.points[:, :3].min(axis=0), lines.points[:, :3].max(axis=0)
    extent = ", ".join(f"{axis} {a:.1f} to {b:.1f}" for axis, a, b in zip("xyz", low, high, strict=True))
    yield f"extent {extent} um; diameters {lines.points[:, 3].min():.3g} to {lines.points[:, 3].max():.3g} um"
