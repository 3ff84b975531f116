"""Solid shapes as values, and how they are filled with cubic voxels. Lengths are stored as floats in um."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from multiscale.errors import GeometryError
from multiscale.segmentation import Quantity, finite_in_base, positive
from multiscale.units import um

Triple: TypeAlias = tuple[Quantity, Quantity, Quantity]
"""x, y, z; um once it is stored."""

SHAPES = "a Morphology, a part or a Section of one, a TriangleMesh, a Ball, Box, Frustum or Union"
MAX_SAMPLES = 8


@dataclass(frozen=True)
class Voxels:
    """A shape filled with cubes; the cubes that its surface cuts are filled in part.

    Args:
        shape: a Morphology, Part, Section, TriangleMesh, Ball, Box, Frustum or Union.
        dx: side of the cubes, um.
        samples: pieces a side into which a cut cube is divided; the surface is a plane with a correction for its
            curvature in each of them.
    """

    shape: Any
    dx: Quantity
    samples: int = 2

    def __post_init__(self) -> None:
        if isinstance(self.shape, type) or not callable(getattr(self.shape, "voxels", None)):
            raise GeometryError(f"Voxels: shape is {self.shape!r:.80}, expected {SHAPES}; give one of these")
        object.__setattr__(self, "dx", positive(self.dx, um, "Voxels: dx"))
        whole = isinstance(self.samples, int | np.integer) and not isinstance(self.samples, bool)
        if not whole or not 1 <= self.samples <= MAX_SAMPLES:
            raise GeometryError(
                f"Voxels: samples is {self.samples!r}, expected a whole number from 1 to {MAX_SAMPLES}; the usual is 2"
            )


class Solid(ABC):
    """A shape with an inside."""

    def voxels(self, dx: Quantity, samples: int = 2) -> Voxels:
        """The shape filled with cubes of side dx, um; see `Voxels`."""
        return Voxels(self, dx, samples)

    @property
    @abstractmethod
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z, um."""


class Analytic(Solid, ABC):
    """A solid whose volume and surface have formulas; two of them can be joined by ``|``."""

    def __or__(self, other: "Analytic") -> "Union":
        return Union((self, other)) if isinstance(other, Analytic) else NotImplemented


@dataclass(frozen=True)
class Ball(Analytic):
    """A ball; its whole surface is membrane.

    Args:
        radius: um.
        center: x, y, z, um.
    """

    radius: Quantity
    center: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", positive(self.radius, um, "Ball: radius"))
        object.__setattr__(self, "center", _triple(self.center, "Ball: center"))

    @property
    def volume(self) -> float:
        """Volume, um^3."""
        return 4 / 3 * math.pi * float(self.radius) ** 3

    @property
    def area(self) -> float:
        """Surface, um^2."""
        return 4 * math.pi * float(self.radius) ** 2

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z, um."""
        r, (x, y, z) = float(self.radius), _floats(self.center)
        return (x - r, y - r, z - r), (x + r, y + r, z + r)


@dataclass(frozen=True)
class Box(Analytic):
    """A box with sides along x, y and z; its whole surface is membrane.

    Args:
        low: lowest x, y, z, um.
        high: highest x, y, z, um.
    """

    low: Triple
    high: Triple

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", _triple(self.low, "Box: low"))
        object.__setattr__(self, "high", _triple(self.high, "Box: high"))
        for axis, a, b in zip("xyz", _floats(self.low), _floats(self.high), strict=True):
            if not b > a:
                raise GeometryError(f"Box: {axis} goes from {a:g} to {b:g}, expected a side of more than 0; swap them")

    @property
    def sides(self) -> tuple[float, float, float]:
        """Lengths along x, y and z, um."""
        (x, y, z), (u, v, w) = _floats(self.low), _floats(self.high)
        return u - x, v - y, w - z

    @property
    def volume(self) -> float:
        """Volume, um^3."""
        return math.prod(self.sides)

    @property
    def area(self) -> float:
        """Surface, um^2."""
        a, b, c = self.sides
        return 2 * (a * b + b * c + c * a)

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z, um."""
        return _floats(self.low), _floats(self.high)


@dataclass(frozen=True)
class Frustum(Analytic):
    """A cut cone or a cylinder; its side and its two flat caps are membrane.

    Args:
        start: x, y, z of the centre of the first cap, um.
        end: x, y, z of the centre of the second cap, um.
        radius: of the first cap, um.
        end_radius: of the second cap, um; None is the same.
    """

    start: Triple
    end: Triple
    radius: Quantity
    end_radius: Quantity | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _triple(self.start, "Frustum: start"))
        object.__setattr__(self, "end", _triple(self.end, "Frustum: end"))
        object.__setattr__(self, "radius", positive(self.radius, um, "Frustum: radius"))
        end = self.radius if self.end_radius is None else positive(self.end_radius, um, "Frustum: end_radius")
        object.__setattr__(self, "end_radius", end)
        if self.start == self.end:
            raise GeometryError(f"Frustum: start and end are both {self.start}, expected two places; move one")

    @property
    def height(self) -> float:
        """Distance of the caps, um."""
        return math.dist(_floats(self.start), _floats(self.end))

    @property
    def lateral_area(self) -> float:
        """Area of the side alone, um^2."""
        a, b = self._radii
        return math.pi * (a + b) * math.hypot(self.height, b - a)

    @property
    def volume(self) -> float:
        """Volume, um^3."""
        a, b = self._radii
        return math.pi / 3 * self.height * (a * a + a * b + b * b)

    @property
    def area(self) -> float:
        """Surface with caps, um^2."""
        a, b = self._radii
        return self.lateral_area + math.pi * (a * a + b * b)

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z, um."""
        start, end = np.array(_floats(self.start)), np.array(_floats(self.end))
        axis = (end - start) / self.height
        reach = np.sqrt(np.maximum(1 - axis * axis, 0.0))  # of a disc of radius 1 across the axis
        a, b = self._radii
        low = np.minimum(start - a * reach, end - b * reach)
        high = np.maximum(start + a * reach, end + b * reach)
        return _floats(tuple(low)), _floats(tuple(high))

    @property
    def _radii(self) -> tuple[float, float]:
        return float(self.radius), float(self.radius if self.end_radius is None else self.end_radius)


@dataclass(frozen=True)
class Union(Analytic):
    """What lies in any of some shapes; ``a | b`` makes one. Its outer surface is membrane.

    Args:
        parts: two shapes or more; unions among them are taken apart.
    """

    parts: tuple[Analytic, ...]

    def __post_init__(self) -> None:
        given = self.parts if isinstance(self.parts, Iterable) else (self.parts,)
        parts: list[Analytic] = []
        for part in given:
            if not isinstance(part, Analytic):
                raise GeometryError(
                    f"Union: got {part!r:.80}, expected a Ball, Box, Frustum or Union; give one of these"
                )
            parts += part.parts if isinstance(part, Union) else (part,)
        if not parts:
            raise GeometryError("Union has no parts, expected one or more; give it some shapes")
        object.__setattr__(self, "parts", tuple(parts))

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z, um."""
        low = np.min([part.bounds[0] for part in self.parts], axis=0)
        high = np.max([part.bounds[1] for part in self.parts], axis=0)
        return _floats(tuple(low)), _floats(tuple(high))


@dataclass(frozen=True)
class Near:
    """A selector: segments whose middle lies within a path distance of a place.

    Args:
        section: name of the section.
        x: fraction of its length, 0 to 1.
        reach: um.
    """

    section: str
    x: float
    reach: float


@dataclass(frozen=True)
class Part(Solid):
    """Those segments of a cell at which a selector holds.

    Args:
        cell: a Morphology; its rule for segments says where the part can be cut.
        where: boolean expression of ``tag(...)``, ``section(...)``, x, y, z, arc, distance and diameter; or a `Near`.
    """

    cell: Any
    where: Any

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z of the whole cell, um."""
        points = self.cell.lines.points
        low = (points[:, :3] - 0.5 * points[:, 3:]).min(axis=0)
        high = (points[:, :3] + 0.5 * points[:, 3:]).max(axis=0)
        return _floats(tuple(low)), _floats(tuple(high))


@dataclass(frozen=True)
class Mixed:
    """A cell that is 1-D everywhere but where some voxels say that it is 3-D.

    Args:
        cell: a Morphology.
        voxels: Voxels of a Part or of a Section of this cell, or several of them that do not overlap, whose dx may
            differ; stored as a tuple.
    """

    cell: Any
    voxels: Voxels | tuple[Voxels, ...]

    def __post_init__(self) -> None:
        if not hasattr(self.cell, "sections"):
            raise GeometryError(f"Mixed: cell is {self.cell!r:.80}, expected a Morphology; give the cell first")
        if not isinstance(self.voxels, Iterable | Voxels):
            raise GeometryError(f"Mixed: voxels are {self.voxels!r:.80}, expected Voxels; use cell.soma.voxels(dx)")
        voxels = (self.voxels,) if isinstance(self.voxels, Voxels) else tuple(self.voxels)
        if not voxels:
            raise GeometryError("Mixed has no voxels, expected Voxels of a part of the cell; give the cell alone")
        for one in voxels:
            if not isinstance(one, Voxels):
                raise GeometryError(f"Mixed: voxels are {one!r:.80}, expected Voxels of a part; use part.voxels(dx)")
            shape = one.shape
            inside = shape.cell == self.cell if isinstance(shape, Part) else shape in self.cell.sections
            if not inside:
                raise GeometryError(
                    f"Mixed: the voxels fill {shape!r:.80}, which is not of this cell; "
                    "expected a part or a section of it; use cell.part(...) or cell['name']"
                )
        object.__setattr__(self, "voxels", voxels)


def _triple(value: Any, what: str) -> tuple[float, float, float]:
    """Three finite lengths in um."""
    try:
        values = tuple(value)
    except TypeError:
        values = ()
    if len(values) != 3:
        raise GeometryError(f"{what} is {value!r:.80}, expected x, y and z; give three lengths")
    return _floats(tuple(finite_in_base(v, um, f"{what}: {axis}") for v, axis in zip(values, "xyz", strict=True)))


def _floats(values: Any) -> tuple[float, float, float]:
    x, y, z = values
    return float(x), float(y), float(z)
