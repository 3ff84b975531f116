"""Comparing two sides: pooled times, differences of answers, and times at equal error for sweeps of tolerances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf, isfinite, log10

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured

Answer = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Difference:
    """Largest difference of two arrays, as it is and relative to the largest value of the second."""

    absolute: float
    relative: float


@dataclass(frozen=True, eq=False)
class Side:
    """All that was measured of one program: one value for fixed work, several for a sweep, none if it is absent."""

    measured: tuple[Measured, ...]
    reference: Answer

    @property
    def headline(self) -> Measured:
        """The value to print where one is wanted: the only one, or the most accurate one of a sweep."""
        return self.measured[-1]

    def errors(self) -> list[float]:
        """Return the largest relative error of each value against the reference."""
        return [worst(differences(one.answer, self.reference)) for one in self.measured]


def pooled(rounds: Sequence[Sequence[Measured]]) -> tuple[Measured, ...]:
    """Join the rounds of one side: all their times, the least set-up time, and what the fastest of them says.

    Args:
        rounds: one list of the same settings a round.

    Returns:
        One value a setting.
    """
    return tuple(
        replace(
            min(same, key=lambda one: one.minimum),
            seconds=sum((one.seconds for one in same), ()),
            setup=min(one.setup for one in same),
        )
        for same in zip(*rounds, strict=True)
    )


def differences(ours: Answer, theirs: Answer) -> dict[str, Difference]:
    """Return the largest difference of each array that both have."""
    found = {}
    for name in ours.keys() & theirs.keys():
        scale = float(np.max(np.abs(theirs[name])))
        gap = float(np.max(np.abs(ours[name] - theirs[name])))
        found[name] = Difference(gap, gap / scale if scale else (0.0 if gap == 0 else inf))
    return {name: found[name] for name in ours if name in found}


def worst(found: Mapping[str, Difference]) -> float:
    """Return the largest relative difference, or NaN if there is nothing to compare."""
    return max((one.relative for one in found.values()), default=float("nan"))


def ratios(theirs: Measured, ours: Measured, baseline: Measured | None = None) -> tuple[float, float]:
    """Return the peer's time over ours, of minima and of medians; a baseline is taken off the peer's times first.

    Where both count their updates and the counts differ, as the voxels of one cell do, times are those of one update.
    """
    less = (baseline.minimum, baseline.median) if baseline else (0.0, 0.0)
    work = ours.updates / theirs.updates if ours.updates and theirs.updates else 1.0
    return work * (theirs.minimum - less[0]) / ours.minimum, work * (theirs.median - less[1]) / ours.median


@dataclass(frozen=True)
class AtEqualError:
    """Times of both sides at one error, interpolated, s."""

    error: float
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """The peer's time over ours."""
        return self.theirs / self.ours


def at_equal_error(ours: Side, theirs: Side, *, median: bool = False) -> tuple[AtEqualError, ...]:
    """Interpolate log(time) against log(error) at every power of ten that both sides reach, the coarsest first.

    Args:
        ours: our sweep.
        theirs: the peer's sweep.
        median: interpolate medians instead of minima.
    """
    curves = [_curve(side, median) for side in (ours, theirs)]
    if any(len(errors) < 2 for errors, _ in curves):
        return ()
    low = max(errors[0] for errors, _ in curves)
    high = min(errors[-1] for errors, _ in curves)
    decades = range(floor(high + 1e-12), ceil(low - 1e-12) - 1, -1)
    times = [[float(10 ** np.interp(x, errors, seconds)) for x in decades] for errors, seconds in curves]
    return tuple(AtEqualError(10.0**x, a, b) for x, a, b in zip(decades, *times, strict=True))


def _curve(side: Side, median: bool) -> tuple[list[float], list[float]]:
    """Return log10 of the errors, ascending, and of the least time that reaches each of them."""
    points = [
        (log10(error), log10(one.median if median else one.minimum))
        for one, error in zip(side.measured, side.errors(), strict=True)
        if isfinite(error) and error > 0
    ]
    errors, seconds, best = [], [], inf
    for error, time in sorted(points):  # a looser tolerance that is slower or no less exact is no use to anyone
        if time < best:
            errors.append(error)
            seconds.append(time)
            best = time
    return errors, seconds
