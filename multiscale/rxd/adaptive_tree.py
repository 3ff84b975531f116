"""Error-controlled run on a tree: Strang steps taken whole and in halves."""

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import SolverError
from multiscale.rxd.record import Sink
from multiscale.rxd.run import Loop, Progress, Runner, Spread, check, diffusion_text, failure
from multiscale.rxd.steppers.adaptive import LEAST_SCALE, Adaptive

Array = NDArray[np.float64]

REMEDY = "lower rtol"
_FINEST = 40  # halvings of the recording interval before the run is given up


class AdaptiveTreeRunner(Runner):
    """Steps of ``every / 2**level``; the level follows the error."""

    def __init__(self, loop: Loop, control: Adaptive) -> None:
        self.loop, self.control = loop, control
        self._kept: dict[float, Spread] = {}
        self._level = 10
        self._scale = np.array([LEAST_SCALE[f.kind] for f in loop.system.fields])
        self._counts = {"steps": 0, "rejected": 0}
        self._smallest, self._largest = np.inf, 0.0

    def run(self, stop: float, every: float, recorder: Sink, progress: Progress) -> None:
        """See `Runner`."""
        loop = self.loop
        start = loop.state.t
        intervals = max(1, round((stop - start) / every))
        every = (stop - start) / intervals
        for k in range(intervals):
            self._interval(start + k * every, every)
            loop.state.t = start + (k + 1) * every
            rows, nodes = loop.record
            entries = loop.scratch[-1].copy()
            recorder.add(
                np.array([loop.state.t]), loop.state.values[rows, nodes][None], loop.electrodes.sums(entries[None])
            )
            progress(loop.state.t)

    def _interval(self, start: float, every: float) -> None:
        """Cross one recording interval; position is counted in units of the finest level, so no rounding adds up."""
        done = 0
        whole = 1 << _FINEST
        while every / 2**self._level > self.control.max_step:
            self._level += 1
        while done < whole:
            size = whole >> self._level
            error = self._attempt(start + every * (done / whole), every / 2**self._level)
            if error <= 1.0:
                done += size
                if (
                    error < 0.1
                    and self._level > 0
                    and done % (2 * size) == 0
                    and every / 2 ** (self._level - 1) <= self.control.max_step
                ):
                    self._level -= 1
            else:
                self._level += 1 if error < 8.0 else 2
                if self._level >= _FINEST - 2:
                    raise SolverError(
                        f"solver: the adaptive step fell to {every / 2**self._level:.2g} ms at t = "
                        f"{start + every * (done / whole):g} ms; "
                        "check the rates there, or raise rtol"
                    )

    def _attempt(self, t: float, h: float) -> float:
        """Take a step of h if its error is allowed; returns the error over its tolerance, and takes a bad step back."""
        loop = self.loop
        state = loop.state
        before = state.values.copy()
        status, _, _, _ = loop.advance(self._spread(h), t, h, 0, 1, 1)
        once = state.values.copy()
        state.values[:] = before
        if status == 0:
            status, _, _, _ = loop.advance(self._spread(0.5 * h), t, 0.5 * h, 0, 2, 1)
        twice = state.values
        n = state.nodes
        if status or not np.all(np.isfinite(twice[:, :n])) or not np.all(np.isfinite(once[:, :n])):
            state.t = t
            if h < 1e-9:
                raise failure(loop.system, state, REMEDY)
            state.values[:] = before
            self._counts["rejected"] += 1
            return 64.0
        scale = np.maximum(self._scale, np.abs(twice[:, :n]).max(axis=1))
        larger = np.maximum(np.abs(before[:, :n]), np.abs(twice[:, :n]))
        allowed = self.control.absolute(scale)[:, None] + self.control.rtol * larger
        error = float((np.abs(twice[:, :n] - once[:, :n]) / (3.0 * allowed)).max(initial=0.0))
        if error > 1.0:
            state.values[:] = before
            self._counts["rejected"] += 1
            return error
        self._scale = scale
        self._counts["steps"] += 2
        self._smallest, self._largest = min(self._smallest, 0.5 * h), max(self._largest, 0.5 * h)
        state.t = t + h
        check(loop.system, state, REMEDY)
        return error

    def _spread(self, h: float) -> Spread:
        if h not in self._kept:
            if len(self._kept) > 64:
                self._kept.clear()
            self._kept[h] = self.loop.spread(h)
        return self._kept[h]

    def describe(self) -> str:
        """Scheme, tolerance and the range of steps."""
        text = f"{self.control.describe()}, Strang with step doubling"
        if self._counts["steps"]:
            text += f", steps {self._smallest:.3g} to {self._largest:.3g} ms" + diffusion_text(
                self.loop.system, self._spread(self._smallest)
            )
        return text

    @property
    def work_done(self) -> dict[str, int]:
        """Accepted and rejected steps."""
        return dict(self._counts)
