"""Frusta of a polyline with diameters, and the rules that say into how many segments each section is cut.

A section is a list of points with diameters; two neighbouring points span a frustum (a truncated cone).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import GeometryError, ModelError, UnitError
from multiscale.quantity import in_base
from multiscale.units import Hz, cm, ohm, uF, um

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Quantity: TypeAlias = float | sympy.Expr
"""A number in base units, or an expression of numbers and units."""

MAX_SEGMENTS = 100_000_000  # of one section; more is a mistake in a unit


def finite_in_base(value: Any, unit: Any, what: str) -> float:
    """A finite length, time, ... as a float in base units; bare numbers are base units already.

    Args:
        value: what the user wrote.
        unit: an expression of the expected dimension, such as ``um``.
        what: object and quantity for the message.

    Raises:
        UnitError: the value has units of another dimension.
        GeometryError: it is no finite number.
    """
    try:
        number = in_base(value, unit, what)
    except UnitError:
        raise
    except ModelError as error:
        raise GeometryError(str(error)) from None
    if not np.isfinite(number):
        raise GeometryError(f"{what} is {number}, expected a finite number; check how it was computed")
    return number


def positive(value: Any, unit: Any, what: str) -> float:
    """Like `finite_in_base`, and more than zero."""
    number = finite_in_base(value, unit, what)
    if number <= 0:
        raise GeometryError(f"{what} is {number:g}, expected more than 0; give a positive number")
    return number


def frustum_volume(height: Floats, near: Floats, far: Floats) -> Floats:
    """Volume of frusta, um^3, from height and the diameters of the two ends, um, all of one shape."""
    return np.pi / 12 * height * (near * near + near * far + far * far)


def frustum_area(height: Floats, near: Floats, far: Floats) -> Floats:
    """Lateral (slanted) area of frusta, um^2; of height 0: the ring between the two circles."""
    return np.pi / 2 * (near + far) * np.hypot(height, 0.5 * (far - near))


def frustum_axial(height: Floats, near: Floats, far: Floats) -> Floats:
    """Integral of ds/(pi r(s)^2) along frusta, 1/um: axial resistance over resistivity."""
    return 4 / np.pi * height / (near * far)


@dataclass(frozen=True, eq=False)
class Polylines:
    """The points of all sections in one array.

    Attributes:
        points: x, y, z and diameter of all points, um, shape (m, 4), section after section.
        first: index of each section's first point, then m; shape (sections + 1,).
    """

    points: Floats
    first: Ints

    @classmethod
    def of(cls, sections: Sequence[Sequence[tuple[float, float, float, float]]]) -> "Polylines":
        """From the points of each section."""
        first = np.cumsum([0, *map(len, sections)], dtype=np.int64)
        numbers = chain.from_iterable(chain.from_iterable(sections))
        flat = np.fromiter(numbers, dtype=np.float64, count=4 * int(first[-1]))
        return cls(flat.reshape(-1, 4), first)

    @cached_property
    def section(self) -> Ints:
        """Section of each point, shape (m,)."""
        return np.repeat(np.arange(self.first.size - 1), np.diff(self.first))

    @cached_property
    def step(self) -> Floats:
        """x, y, z and diameter of the next point minus this one, shape (m, 4); 0 at the end of a section."""
        step = np.zeros_like(self.points)
        step[:-1] = np.diff(self.points, axis=0)
        step[self.first[1:] - 1] = 0.0
        return step

    @cached_property
    def height(self) -> Floats:
        """Distance to the next point of the section, um, shape (m,); 0 at its end."""
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", self.step[:, :3], self.step[:, :3])))

    @cached_property
    def arc(self) -> Floats:
        """Path length from the start of the section, um, shape (m,)."""
        below = np.concatenate([[0.0], np.cumsum(self.height)[:-1]])
        return np.asarray(below - below[self.first[:-1]][self.section])

    @cached_property
    def length(self) -> Floats:
        """Length of each section, um, shape (sections,)."""
        return self.arc[self.first[1:] - 1]

    def total(self, value: Floats) -> Floats:
        """Sum over the points of each section, shape (sections,), of a value a point that is 0 at section ends."""
        return np.bincount(self.section, value, self.first.size - 1).astype(np.float64, copy=False)

    @cached_property
    def volume(self) -> Floats:
        """Volume of each section, um^3, shape (sections,)."""
        near = self.points[:, 3]
        return self.total(frustum_volume(self.height, near, near + self.step[:, 3]))

    @cached_property
    def area(self) -> Floats:
        """Lateral area of each section, um^2, shape (sections,)."""
        near = self.points[:, 3]
        return self.total(frustum_area(self.height, near, near + self.step[:, 3]))


class Segmentation(ABC):
    """A rule that says into how many segments of equal length each section is cut."""

    @abstractmethod
    def wanted(self, lines: Polylines) -> Floats:
        """Number of segments of each section before it is rounded up, shape (sections,)."""

    @abstractmethod
    def rounded(self, wanted: Floats) -> Floats:
        """Whole numbers from the wanted ones."""

    def counts(self, lines: Polylines) -> Ints:
        """Number of segments of each section, shape (sections,), at least 1."""
        rounded = np.maximum(self.rounded(self.wanted(lines)), 1.0)
        if rounded.max() > MAX_SEGMENTS:
            raise GeometryError(
                f"{self!r} asks for {rounded.max():.3g} segments in one section, expected at most {MAX_SEGMENTS:.0e}; "
                "check its unit"
            )
        return rounded.astype(np.int64)


@dataclass(frozen=True)
class MaxLength(Segmentation):
    """As few segments as needed so that none is longer than ``length`` (um)."""

    length: Quantity = 5 * um

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", positive(self.length, um, "MaxLength: length"))

    def wanted(self, lines: Polylines) -> Floats:
        """Section length over the longest allowed one."""
        return lines.length / float(self.length)

    def rounded(self, wanted: Floats) -> Floats:
        """The next whole number, forgiving round-off: 0.3/0.1 is 3 segments."""
        return np.ceil(wanted * (1 - 1e-12) - 1e-12)


@dataclass(frozen=True)
class DLambda(Segmentation):
    """No segment longer than a fraction of the length constant at a frequency; an odd number, so that one is central.

    The rule of Hines and Carnevale (2001), Neuroscientist 7, 123, with the numbers that NEURON gets: the length
    constant is ``sqrt(d / (pi f Ra Cm)) / 2``, in each frustum for its mean diameter d.

    Args:
        fraction: of the length constant.
        frequency: 1/ms.
        resistivity: of the cytosol, mV/pA um.
        capacitance: of the membrane, pF/um^2.
    """

    fraction: float = 0.1
    frequency: Quantity = 100 * Hz
    resistivity: Quantity = 100 * ohm * cm
    capacitance: Quantity = 1 * uF / cm**2

    def __post_init__(self) -> None:
        units = {"fraction": sympy.S.One, "frequency": Hz, "resistivity": ohm * cm, "capacitance": uF / cm**2}
        for name, unit in units.items():
            object.__setattr__(self, name, positive(getattr(self, name), unit, f"DLambda: {name}"))

    def wanted(self, lines: Polylines) -> Floats:
        """Electrotonic length over the fraction."""
        mean = lines.points[:, 3] + 0.5 * lines.step[:, 3]
        product = np.pi * float(self.frequency) * float(self.resistivity) * float(self.capacitance)
        return lines.total(2 * lines.height / np.sqrt(mean / product)) / self.fraction

    def rounded(self, wanted: Floats) -> Floats:
        """The odd number that NEURON's rule gives: 1 up to 1.1, then 3 up to 3.1 and so on."""
        return np.floor((wanted + 0.9) / 2) * 2 + 1


@dataclass(frozen=True)
class SegmentCount(Segmentation):
    """The same number of segments in every section."""

    n: int = 1

    def __post_init__(self) -> None:
        check_count(self.n, "SegmentCount")

    def wanted(self, lines: Polylines) -> Floats:
        """The given number, everywhere."""
        return np.full(lines.length.shape, float(self.n))

    def rounded(self, wanted: Floats) -> Floats:
        """Whole already."""
        return wanted


def check_count(n: Any, what: str) -> None:
    """Raises GeometryError unless n is a whole number of 1 or more."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise GeometryError(f"{what}: n is {n!r}, expected a whole number of 1 or more; give one")
