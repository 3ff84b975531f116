"""Adaptive run of a single node by Rodas5P, between stops at which an electrode or a condition in time switches."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import CompileError, SolverError
from multiscale.kernels import cache
from multiscale.rxd import rodas
from multiscale.rxd.arrays import Arrays
from multiscale.rxd.point import WORK_ROWS, factor_size, point_source, switch_times
from multiscale.rxd.record import Selection, Sink
from multiscale.rxd.run import Electrodes, Progress, Runner, failure
from multiscale.rxd.steppers.adaptive import LEAST_SCALE, Adaptive
from multiscale.rxd.system import System

Array = NDArray[np.float64]

_SAMPLES_A_CALL = 512


class PointRunner(Runner):
    """One node, all parts together, no splitting."""

    def __init__(
        self,
        system: System,
        control: Adaptive,
        state: Arrays,
        parameters: Array,
        electrodes: Electrodes,
        selection: Selection,
        jit: bool,
    ) -> None:
        self.system, self.control, self.state, self.parameters = system, control, state, parameters
        self.electrodes = electrodes
        self._module = _load(system, jit)
        self._rows = selection.flat()[0]
        n = len(system.fields)
        extra = -(-factor_size(system.equations) // n)
        self._work = np.zeros((WORK_ROWS + extra, n))
        self._counts = np.zeros(3, dtype=np.int64)
        self._step, self._stopped = 0.0, math.nan
        self._least = np.array([LEAST_SCALE[f.kind] for f in system.fields])

    def run(self, stop: float, every: float, recorder: Sink, progress: Progress) -> None:
        """See `Runner`; samples come from the method's dense output, so they do not shorten the steps."""
        start = self.state.t
        count = max(1, round((stop - start) / every))
        wanted = start + (stop - start) * np.arange(1, count + 1) / count
        edges = self._stops(start, stop)
        for a, b in pairwise(edges):
            self._step = 0.0 if a != self._stopped else self._step  # after a switch the solution may jump: start anew
            times = wanted[(wanted > a) & (wanted <= b)]
            for first in range(0, max(1, times.size), _SAMPLES_A_CALL):
                part = times[first : first + _SAMPLES_A_CALL]
                last = first + _SAMPLES_A_CALL >= times.size
                self._stretch(a, b, float(b if last else part[-1]), part, recorder)
                progress(self.state.t)
            self._stopped = stop if b == stop else math.nan

    def _stretch(self, a: float, b: float, stop: float, times: Array, recorder: Sink) -> None:
        state = self.state
        n = len(self.system.fields)
        y = np.ascontiguousarray(state.values[:, 0])
        rtol = self.control.rtol
        self._least = np.maximum(self._least, np.abs(y))
        atol = self.control.absolute(self._least)
        floor = np.array(
            [
                -10.0 * tol - 1e-12 if f.kind == "concentration" else -math.inf
                for f, tol in zip(self.system.fields, atol, strict=True)
            ]
        )
        out = np.zeros((times.size, n))
        electrode = self._electrode(a, b)
        step = min(
            self._step or self._first_step(y, electrode, rtol, stop - state.t), self.control.max_step, stop - state.t
        )
        status, t, step, written = self._module.rodas(
            y, self.parameters, self.system.inputs, electrode, state.t, stop, np.nextafter(a, math.inf),
            np.nextafter(b, -math.inf), step, self.control.max_step, rtol, atol, floor, times, out, rodas.COEFFICIENTS,
            self._work, self._counts,
        )  # fmt: skip
        self._step = float(step)
        state.t = float(t)
        state.values[:, 0] = y
        samples = out[:written]
        recorder.add(times[:written], samples[:, self._rows], self._currents(samples, a, b))
        if status:
            raise self._sentence(int(status), float(step))

    def _first_step(self, y: Array, electrode: Array, rtol: float, span: float) -> float:
        """A hundredth of the fastest present rate of change (Hairer, Norsett and Wanner 1993, sec. II.4)."""
        f, ft = np.zeros(y.size), np.zeros(y.size)
        self._module.point_rates(self.state.t, y, self.parameters, self.system.inputs, electrode, f, ft)
        with np.errstate(all="ignore"):
            speed = np.max(np.abs(f) / (np.abs(y) + self._least * rtol**0.25))
        return float(min(span, 0.01 / speed)) if speed > 0 and math.isfinite(speed) else 1e-3 * span

    def _stops(self, start: float, stop: float) -> list[float]:
        edges = {start, stop}
        edges |= {float(x) for x in self.electrodes.time.ravel() if start < x < stop}
        values = {
            symbol: float(self.parameters[i]) for i, (_, symbol, _) in enumerate(self.system.equations.parameters)
        }
        edges |= set(switch_times(self.system.equations, start, stop, values))
        return sorted(edges)

    def _electrode(self, a: float, b: float) -> Array:
        """Values of the kernels' argument E between two stops, shape (4,).

        Injected density pA/um^2, conductance nS/um^2, command mV, capacitance pF/um^2.
        """
        cable = self.system.cable
        if cable is None or cable.area[0] == 0.0:
            return np.array([0.0, 0.0, 0.0, 1.0])
        area = cable.area[0]
        on = self._on(a, b)
        current, conductance, command = self.electrodes.value[on].T if on.any() else np.zeros((3, 0))
        total = conductance.sum()
        level = float((conductance * command).sum() / total) if total > 0 else 0.0
        return np.array([current.sum() / area, total / area, level, cable.capacitance[0] / area])

    def _on(self, a: float, b: float) -> NDArray[np.bool_]:
        middle = 0.5 * (a + b)
        return (self.electrodes.time[:, 0] <= middle) & (middle < self.electrodes.time[:, 1])

    def _currents(self, samples: Array, a: float, b: float) -> Array:
        entries = np.zeros((samples.shape[0], self.electrodes.node.size))
        if self.system.cable is not None and entries.size:
            v = samples[:, self.system.cable.row]
            on = self._on(a, b)
            entries = on * (
                self.electrodes.value[:, 0] + self.electrodes.value[:, 1] * (self.electrodes.value[:, 2] - v[:, None])
            )
        return self.electrodes.sums(entries)

    def _sentence(self, status: int, step: float) -> SolverError:
        if status in (rodas.NOT_FINITE, rodas.NEGATIVE):
            return failure(self.system, self.state, "lower rtol")
        names = ", ".join(f"'{f.name}'" for f in self.system.fields[:4])
        return SolverError(
            f"solver: the adaptive step fell to {step:.2g} ms at t = {self.state.t:g} ms; "
            f"check the rates of {names}, or raise rtol (now {self.control.rtol:g})"
        )

    def describe(self) -> str:
        """Method and tolerance."""
        return f"{self.control.describe()}, Rodas5P, order 5(4)"

    @property
    def work_done(self) -> dict[str, int]:
        """Accepted and rejected steps, evaluations of the right-hand side."""
        return {"steps": int(self._counts[0]), "rejected": int(self._counts[1]), "evaluations": int(self._counts[2])}


def _load(system: System, jit: bool):  # type: ignore[no-untyped-def]
    terms = tuple(t for g in system.groups for t in g.terms)
    key = cache.digest(f"point {cache.source_digest()} {system.equations.model.hash} {[t.name for t in terms]} {jit}")
    text = cache.lookup(key)
    if text is None:
        if cache.expect_warm():
            raise CompileError(
                "kernel: MULTISCALE_EXPECT_WARM=1 is set, but this model was not in the cache; "
                "run it once without the variable"
            )
        text = point_source(system.equations, terms, jit)
        cache.store(key, text)
    return cache.load(text)
