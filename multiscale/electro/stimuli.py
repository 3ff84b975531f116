"""Electrodes: current clamp, single-electrode voltage clamp, ideal voltage clamp. Values like everything in a model."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import sympy

from multiscale.errors import ModelError
from multiscale.geometry import Location
from multiscale.quantity import in_base
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.run import Electrodes
from multiscale.symbols import check_name
from multiscale.units import ms, mV, pA

Quantity: TypeAlias = float | sympy.Expr


@dataclass(frozen=True)
class Pulse:
    """What an electrode does between two times: current pA, conductance nS, command potential mV; times in ms."""

    start: float
    stop: float
    current: float = 0.0
    conductance: float = 0.0
    command: float = 0.0


class Stimulus(ABC):
    """An electrode at a place."""

    location: Location
    name: str

    @abstractmethod
    def pulses(self) -> tuple[Pulse, ...]:
        """The electrode's pulses in time."""


@dataclass(frozen=True)
class IClamp(Stimulus):
    """Current clamp: a current into the cell (positive depolarises), as NEURON's IClamp.

    Attributes:
        location: for example ``cell.soma(0.5)``.
        amplitude: pA or with unit (NEURON's unit is nA).
        start: ms. duration: ms.
        name: label of the recorded current.
    """

    location: Location
    amplitude: Quantity
    start: Quantity = 0.0
    duration: Quantity = math.inf
    name: str = "iclamp"

    def __post_init__(self) -> None:
        _check(self)
        _set(self, "amplitude", pA, finite=True)
        _set(self, "start", ms, finite=True)
        _set(self, "duration", ms)
        if not float(self.duration) > 0:
            raise ModelError(
                f"stimulus '{self.name}': duration is {self.duration} ms, expected more than 0; "
                "leave it out for a lasting current"
            )

    def pulses(self) -> tuple[Pulse, ...]:
        """One pulse."""
        return (Pulse(float(self.start), float(self.start) + float(self.duration), current=float(self.amplitude)),)


@dataclass(frozen=True)
class SEClamp(Stimulus):
    """Voltage clamp through one electrode with a series resistance, as NEURON's SEClamp.

    Attributes:
        location: for example ``cell.soma(0.5)``.
        levels: pairs (duration ms, command mV), one after another from t = 0.
        resistance: of the electrode, mV/pA (GOhm) or with unit; 1 MOhm is the usual value.
        name: label of the recorded current.
    """

    location: Location
    levels: tuple[tuple[Quantity, Quantity], ...]
    resistance: Quantity = 1e-3
    name: str = "seclamp"

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "levels", _levels(self.name, self.levels))
        _set(self, "resistance", mV / pA, finite=True)
        if not float(self.resistance) > 0:
            raise ModelError(
                f"stimulus '{self.name}': resistance is {self.resistance}, expected more than 0; "
                "use VClamp for an ideal clamp"
            )

    def pulses(self) -> tuple[Pulse, ...]:
        """One pulse a level."""
        return _steps(self.levels, 1.0 / float(self.resistance))


@dataclass(frozen=True)
class VClamp(Stimulus):
    """Ideal voltage clamp: an electrode of 1 Ohm, so that the node follows the command within 1e-6 mV a nA.

    Attributes:
        location: for example ``cell.soma(0.5)``.
        levels: pairs (duration ms, command mV), one after another from t = 0.
        name: label of the recorded current.
    """

    location: Location
    levels: tuple[tuple[Quantity, Quantity], ...]
    name: str = "vclamp"

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "levels", _levels(self.name, self.levels))

    def pulses(self) -> tuple[Pulse, ...]:
        """One pulse a level."""
        return _steps(self.levels, 1e9)


def electrodes(stimuli: Sequence[Stimulus], mesh: TreeMesh) -> Electrodes:
    """Place stimuli on a mesh.

    Raises:
        ModelError: something is no stimulus, or two stimuli have one name.
        GeometryError: a place is not on the mesh.
    """
    if not isinstance(stimuli, Iterable):
        raise ModelError(f"stimuli: got {stimuli!r}, expected a list of electrodes; write stimuli=[IClamp(...)]")
    for s in stimuli:
        if not isinstance(s, Stimulus):
            raise ModelError(f"stimuli: got {s!r}, expected electrodes such as IClamp(...); give those only")
    ordered = sorted(stimuli, key=lambda s: s.name)
    names = tuple(s.name for s in ordered)
    for a, b in pairwise(names):
        if a == b:
            raise ModelError(
                f"stimulus '{a}': the name is used twice, expected one each; give one of them another `name`"
            )
    rows = [(k, mesh.locate(s.location), p) for k, s in enumerate(ordered) for p in s.pulses()]
    return Electrodes(
        names,
        np.array([k for k, _, _ in rows], dtype=np.int64),
        np.array([node for _, node, _ in rows], dtype=np.int64),
        np.array([(p.start, p.stop) for _, _, p in rows], dtype=np.float64).reshape(-1, 2),
        np.array([(p.current, p.conductance, p.command) for _, _, p in rows], dtype=np.float64).reshape(-1, 3),
    )


def _steps(levels: tuple[tuple[Quantity, Quantity], ...], conductance: float) -> tuple[Pulse, ...]:
    pulses, start = [], 0.0
    for duration, command in levels:
        pulses.append(Pulse(start, start + float(duration), conductance=conductance, command=float(command)))
        start += float(duration)
    return tuple(pulses)


def _levels(name: str, levels: Sequence[Sequence[Quantity]]) -> tuple[tuple[float, float], ...]:
    out = []
    for level in levels if isinstance(levels, Iterable) else (levels,):
        if not isinstance(level, Sequence) or len(level) != 2:
            raise ModelError(
                f"stimulus '{name}': a level is {level!r}, expected (duration, potential); "
                "write for example ((10 * ms, -65 * mV),)"
            )
        duration = in_base(level[0], ms, f"stimulus '{name}': duration")
        out.append((duration, _finite(in_base(level[1], mV, what := f"stimulus '{name}': potential"), what)))
    if not out or any(not d > 0 for d, _ in out):
        raise ModelError(
            f"stimulus '{name}': expected levels of durations above 0 ms, got {tuple(out)}; "
            "write for example ((10 * ms, -65 * mV),)"
        )
    return tuple(out)


def _check(stimulus: Stimulus) -> None:
    check_name("stimulus", stimulus.name)
    if not isinstance(stimulus.location, Location):
        raise ModelError(
            f"stimulus '{stimulus.name}': location is {stimulus.location!r}, "
            "expected a place such as cell.soma(0.5); give one"
        )


def _set(stimulus: Stimulus, attribute: str, unit: sympy.Expr, finite: bool = False) -> None:
    what = f"stimulus '{stimulus.name}': {attribute}"
    value = in_base(getattr(stimulus, attribute), unit, what)
    object.__setattr__(stimulus, attribute, _finite(value, what) if finite else value)


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ModelError(f"{what} is {value}, expected a finite number; check how it was computed")
    return value
