"""When samples are taken: a regular interval, or chosen times."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import sympy

from multiscale.errors import ModelError
from multiscale.quantity import in_base, positive
from multiscale.units import ms

Quantity: TypeAlias = float | sympy.Expr


@dataclass(frozen=True)
class Sampling:
    """What a script asked for.

    Attributes:
        every: interval, ms; None where nothing was said.
        times: chosen times since the start of the simulation, ms, rising; None for an interval.
    """

    every: float | None
    times: tuple[float, ...] | None

    @classmethod
    def of(cls, every: Quantity | None, times: Iterable[Quantity] | None) -> "Sampling":
        """Check the arguments of a simulation."""
        if times is None:
            return cls(None if every is None else positive(every, ms, "simulation: every"), None)
        if every is not None:
            raise ModelError("simulation: every and times were both given, expected one of them; leave one out")
        if isinstance(times, str | sympy.Basic) or not isinstance(times, Iterable):
            raise ModelError(f"simulation: times is {times!r}, expected a list such as [1 * ms, 5 * ms]; write one")
        values = [_time(value) for value in times]
        if any(b <= a for a, b in pairwise(values)):
            raise ModelError(f"simulation: times are {values}, expected rising ones; sort them and leave out doubles")
        return cls(None, tuple(values))

    def legs(
        self, start: float, length: float, dt: float | None, samples: int, fine: bool
    ) -> list[tuple[float, float]]:
        """Stretches of a run as (stop, interval of the samples in it), ms.

        Args:
            start: present time, ms.
            length: of the run, ms.
            dt: step, ms; None for an adaptive run.
            samples: number of samples where nothing was said.
            fine: take a few more rather than fewer than that number.
        """
        if dt is not None:
            _whole(length, dt, f"duration {length:g} ms")
        if self.times is None:
            return [(start + length, self._interval(length, dt, samples, fine))]
        stops = [t for t in self.times if start + 1e-9 * max(1.0, length) < t < start + length * (1 - 1e-9)]
        edges = [start, *stops, start + length]
        found = []
        for before, stop in pairwise(edges):
            if dt is not None:
                _whole(stop - before, dt, f"a time in times, {stop:g} ms,")
            found.append((stop, stop - before))
        return found

    def _interval(self, length: float, dt: float | None, samples: int, fine: bool) -> float:
        if dt is None:
            return self.every or length / samples
        if self.every is None:
            steps = round(length / dt)
            return dt * max(1, steps // samples if fine else -(-steps // samples))
        return _whole(self.every, dt, f"every {self.every:g} ms") and self.every


def _time(value: Any) -> float:
    time = float(value if isinstance(value, int | float) else in_base(value, ms, "simulation: a time in times"))
    if not (np.isfinite(time) and time >= 0):
        raise ModelError(f"simulation: a time in times is {time:g} ms, expected 0 or more; correct it")
    return time


def _whole(length: float, dt: float, what: str) -> int:
    """Number of steps in a length."""
    steps = round(length / dt)
    if steps < 1 or abs(steps * dt - length) > 1e-6 * dt * max(1, steps):
        raise ModelError(
            f"simulation: {what} is not a whole number of steps, "
            f"expected a multiple of dt = {dt:g} ms; change one of them"
        )
    return steps
