"""What one side of a bench gives back, and how its run phase is timed.

A bench is a file of ``multiscale/bench/cases/`` with

- a module docstring: what is compared and at what accuracy (its first line is the title that is printed),
- ``ours(repeats) -> list[Measured]``,
- one function a peer, named after it: ``neuron(repeats)`` or ``roadrunner(repeats)``, the same way,
- and if it is cheap ``reference() -> dict[str, array]``, the converged answer both are compared with,
- and if a peer does work that was not asked for, ``neuron_baseline(repeats)``, which measures that work alone,
- and if a process takes minutes, ``ROUNDS = 1``: how many processes a side are run in place of the usual three.

A list of one value is a fixed piece of work; of several, a sweep of tolerances, compared at equal error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.errors import MultiscaleError

State = TypeVar("State")


class PeerError(MultiscaleError):
    """A peer is not installed, or cannot work here; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The times and the answer of one side at one setting.

    Args:
        version: program and version, for example ``"neuron 9.0.2"``.
        setting: what was chosen, for example ``"dt 0.025 ms"`` or ``"rtol 1e-06"``.
        setup: seconds from the description of the model to the first state that can run.
        seconds: wall time of the run phase, one number a repeat, s.
        updates: steps times nodes times fields, or 0 where steps are not fixed.
        answer: name to array of any shape; both sides use the same names, shapes and units.
        note: what else is worth knowing, one sentence, or "".
    """

    version: str
    setting: str
    setup: float
    seconds: tuple[float, ...]
    updates: int
    answer: Mapping[str, NDArray[np.float64]]
    note: str = ""

    @property
    def minimum(self) -> float:
        """Least wall time of the run phase, s."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Median wall time of the run phase, s."""
        return median(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; floats survive bit for bit."""
        answer = {name: values.tolist() for name, values in self.answer.items()}
        return {**vars(self), "seconds": list(self.seconds), "answer": answer}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measured:
        """Build from what ``to_dict`` returned."""
        answer = {name: np.asarray(numbers, dtype=float) for name, numbers in values["answer"].items()}
        return cls(**{**values, "seconds": tuple(values["seconds"]), "answer": answer})


def measure(
    started: float,
    prepare: Callable[[], State],
    run: Callable[[State], object],
    answer: Callable[[State], Mapping[str, ArrayLike]],
    repeats: int,
    *,
    version: str,
    setting: str,
    updates: int = 0,
) -> Measured:
    """Time ``run`` alone: prepare and run once to warm up, then ``repeats`` times from the same initial state.

    Args:
        started: ``perf_counter()`` before the model was described, s; the first ``prepare`` ends the set-up time.
        prepare: makes a state at t = 0; not timed after the first call.
        run: the work that is timed.
        answer: name to array from a state that has run; not timed.
        repeats: number of timed runs.
        version: program and version.
        setting: what was chosen.
        updates: steps times nodes times fields.

    Returns:
        The times of all repeats and the answer of the last one.
    """
    state = prepare()
    setup = perf_counter() - started
    run(state)
    seconds = []
    for _ in range(repeats):
        state = prepare()
        begin = perf_counter()
        run(state)
        seconds.append(perf_counter() - begin)
    arrays = {name: np.asarray(values, dtype=float) for name, values in answer(state).items()}
    return Measured(version, setting, setup, tuple(seconds), updates, arrays)
