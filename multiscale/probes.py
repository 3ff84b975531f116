"""Places at which a field is recorded, besides single locations: lines, planes, and means over a place.

A place is a Location, a point (x, y, z), a Line, a Plane, a solid such as a Ball or Box, or a condition on position,
tags and sections. Lengths are stored as floats in um.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import sympy

from multiscale.errors import GeometryError, ModelError, UnitError
from multiscale.quantity import in_base
from multiscale.units import has_units, um

Length: TypeAlias = float | sympy.Expr
Triple: TypeAlias = tuple[Length, Length, Length]
"""x, y, z; floats in um once it is stored."""

_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
MOST_POINTS = 1_000_000  # on a line; more is a mistake in a unit


@dataclass(frozen=True)
class Line:
    """The nodes that hold equally spaced points of a straight line, ends included, in order from its start.

    A node that holds several of the points is taken once; points outside of the cell are left out.

    Args:
        start: x, y, z, um.
        end: x, y, z, um.
        n: number of points; None is four for each voxel side (on a tree: for the shortest segment).
    """

    start: Triple
    end: Triple
    n: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", point(self.start, "Line: start"))
        object.__setattr__(self, "end", point(self.end, "Line: end"))
        if self.start == self.end:
            raise GeometryError(
                f"Line: start and end are both {place_text(self.start)}, expected two places; move one, "
                "or record at the point itself"
            )
        if self.n is None:
            return
        if isinstance(self.n, bool) or not isinstance(self.n, int | np.integer) or not 2 <= self.n <= MOST_POINTS:
            raise GeometryError(
                f"Line: n is {self.n!r}, expected a whole number of points from 2 to {MOST_POINTS}; "
                "leave it out to take every voxel on the line"
            )
        object.__setattr__(self, "n", int(self.n))

    def __str__(self) -> str:
        ends = f"{place_text(self.start)},{place_text(self.end)}"
        return f"line({ends})" if self.n is None else f"line({ends},n={self.n})"


@dataclass(frozen=True)
class Plane:
    """The voxels (on a tree: segments) that a plane cuts: ``Plane(axis="z", at=3 * um)`` or ``Plane(point, normal)``.

    Args:
        point: x, y, z of any point of it, um.
        normal: its direction; the length does not matter and is stored as 1.
        axis: "x", "y" or "z": the normal, instead of point and normal.
        at: where on this axis, um.
    """

    point: Triple | None = None
    normal: tuple[float, float, float] | None = None
    axis: InitVar[str | None] = None
    at: InitVar[Length | None] = None

    def __post_init__(self, axis: str | None, at: Length | None) -> None:
        if axis is None and at is None:
            if self.point is None or self.normal is None:
                raise GeometryError(
                    f"Plane: got point = {self.point!r} and normal = {self.normal!r}, expected both; "
                    "write Plane((0, 0, 3), (0, 0, 1)) or Plane(axis='z', at=3)"
                )
            object.__setattr__(self, "point", point(self.point, "Plane: point"))
            object.__setattr__(self, "normal", _direction(self.normal))
            return
        if self.point is not None or self.normal is not None:
            raise GeometryError(
                "Plane: got an axis and a point or normal, expected one way to say where it is; "
                "write Plane(axis='z', at=3) or Plane((0, 0, 3), (0, 0, 1))"
            )
        if axis not in _AXES:
            raise GeometryError(f"Plane: axis is {axis!r}, expected 'x', 'y' or 'z'; choose one of these")
        where = _length(0.0 if at is None else at, "Plane: at")
        object.__setattr__(self, "normal", _AXES[axis])
        object.__setattr__(self, "point", tuple(where * component for component in _AXES[axis]))

    def __str__(self) -> str:
        for axis, direction in _AXES.items():
            if self.normal == direction:
                assert self.point is not None
                return f"plane({axis}={_number(self.point['xyz'.index(axis)])})"
        return f"plane({place_text(self.point)},{place_text(self.normal)})"


@dataclass(frozen=True)
class Mean:
    """The mean over the nodes of a place: of a concentration by volume, of what is on a membrane by its area.

    Args:
        place: a Ball, a Box or another solid, a Plane, a Line, or a condition such as ``tag("apical")``.
    """

    place: Any

    def __post_init__(self) -> None:
        if isinstance(self.place, Mean):
            raise GeometryError("Mean: got a mean of a mean, expected a place such as Ball(1 * um); leave one out")
        object.__setattr__(self, "place", as_place(self.place))

    def __str__(self) -> str:
        return f"mean({place_text(self.place)})"


def as_place(place: Any, what: str = "place") -> Any:
    """What a user gave as a place, with the three numbers of a point as a tuple of floats in um; the rest unchanged.

    Raises:
        UnitError, GeometryError: three values that are no lengths.
    """
    if isinstance(place, tuple | list | np.ndarray) and len(place) == 3 and all(map(_is_number, place)):
        return point(place, what)
    return place


def point(given: Any, what: str) -> tuple[float, float, float]:
    """Three finite lengths, um.

    Raises:
        UnitError: a length has another dimension. GeometryError: they are not three numbers.
    """
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray) or len(given) != 3:
        raise GeometryError(f"{what} is {given!r:.80}, expected x, y and z; give three lengths")
    x, y, z = (_length(value, f"{what}: {axis}") for value, axis in zip(given, "xyz", strict=True))
    return x, y, z


def place_text(place: Any) -> str:
    """A place as names of recorded variables say it: ``dend(0.5)``, ``(1,2,3)``, ``ball(2,(0,0,0))``.

    Without blanks: netCDF and Zarr cannot mark a variable whose name has one as a coordinate.
    """
    if isinstance(place, Real) and not isinstance(place, sympy.Basic):
        return _number(float(place))
    if isinstance(place, tuple):
        return f"({','.join(map(place_text, place))})"
    if hasattr(place, "section") and hasattr(place, "x"):
        return str(place)  # a Location says its own name
    if not dataclasses.is_dataclass(place) or isinstance(place, type) or "__str__" in vars(type(place)):
        return str(place).replace(" ", "")
    parts = [place_text(getattr(place, field.name)) for field in dataclasses.fields(place)]
    return f"{type(place).__name__.lower()}({','.join(parts)})"


def _number(value: float) -> str:
    """Shortest text of a number; 12 digits tell any two places apart."""
    return f"{value + 0.0:.12g}"  # + 0.0: no negative zero


def _is_number(value: Any) -> bool:
    """A number, with or without units."""
    if isinstance(value, sympy.Expr):
        return bool(value.is_number) or has_units(value)
    return isinstance(value, Real) and not isinstance(value, bool)


def _length(value: Any, what: str) -> float:
    try:
        number = in_base(value, um, what)
    except UnitError:
        raise
    except ModelError as error:
        raise GeometryError(str(error)) from None
    if not math.isfinite(number):
        raise GeometryError(f"{what} is {number}, expected a finite length; check how it was computed")
    return number + 0.0


def _direction(given: Any) -> tuple[float, float, float]:
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray) or len(given) != 3:
        raise GeometryError(f"Plane: normal is {given!r:.80}, expected a direction; give three numbers: (0, 0, 1)")
    x, y, z = (float(value) if _is_number(value) else math.nan for value in given)
    length = math.hypot(x, y, z)
    if not (length > 0 and math.isfinite(length)):
        raise GeometryError(
            f"Plane: normal is {tuple(given)!r:.80}, expected three finite numbers that are not all 0; give a direction"
        )
    return x / length + 0.0, y / length + 0.0, z / length + 0.0
