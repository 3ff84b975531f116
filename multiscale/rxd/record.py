"""What to keep during a run: rows and nodes, and the samples so far."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Selection:
    """Fields and nodes to sample: one entry a sampled value.

    Attributes:
        names: recorded names, in the order given.
        row: row of each name's field, shape (names,).
        nodes: nodes of each name that are sampled, one array a name.
        weights: for each name None where its nodes are kept one by one, or, where only a mean over them is kept, their
            shares in it, which sum to 1; shape of the nodes. Empty: no means.
    """

    names: tuple[str, ...]
    row: tuple[int, ...]
    nodes: tuple[Index, ...]
    weights: tuple[Array | None, ...] = ()

    @property
    def places(self) -> tuple[Index | None, ...]:
        """For each name the nodes that its kept values belong to; None for a mean, which has no node."""
        return tuple(n if w is None else None for n, w in zip(self.nodes, self._weights, strict=True))

    @property
    def _weights(self) -> tuple[Array | None, ...]:
        return self.weights or (None,) * len(self.names)

    def flat(self) -> tuple[Index, Index]:
        """Row and node of every sampled value, shape (values,)."""
        rows = [np.full(n.size, r, dtype=np.int64) for r, n in zip(self.row, self.nodes, strict=True)]
        if not rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate(rows), np.concatenate(self.nodes)

    def reduce(self, values: Array) -> Array:
        """Samples (times, values) → what is kept of them (times, kept values): means instead of their nodes."""
        if not any(w is not None for w in self._weights):
            return values
        # row by row in one order: a matrix product would round differently for different numbers of samples
        parts = [part if w is None else (part * w).sum(axis=1, keepdims=True) for part, w in self._parts(values)]
        return np.concatenate(parts, axis=1)

    def split(self, values: Array) -> dict[str, Array]:
        """Samples (times, values), reduced or not → name → (times, nodes of that name), or (times,) for a mean."""
        if values.shape[1] == sum(n.size for n in self.nodes):
            values = self.reduce(values)
        sizes = [n.size if w is None else 1 for n, w in zip(self.nodes, self._weights, strict=True)]
        parts = _columns(values, sizes)
        named = zip(self.names, self._weights, parts, strict=True)
        return {name: part if w is None else part[:, 0] for name, w, part in named}

    def _parts(self, values: Array) -> list[tuple[Array, Array | None]]:
        """The sampled values of each name, with its weights."""
        return list(zip(_columns(values, [n.size for n in self.nodes]), self._weights, strict=True))


def _columns(values: Array, sizes: list[int]) -> list[Array]:
    """Neighbouring columns, so many at a time."""
    return [values[:, a:b] for a, b in pairwise(np.cumsum([0, *sizes]))]


class Sink(ABC):
    """Takes the samples of a run as they come."""

    @abstractmethod
    def add(self, times: Array, values: Array, electrodes: Array) -> None:
        """Take some samples; the arrays may be overwritten afterwards.

        Args:
            times: ms, shape (k,).
            values: in the order of `Selection.flat`, shape (k, values).
            electrodes: currents, pA, shape (k, electrodes).
        """


class Recorder(Sink):
    """Keeps samples in memory, in chunks as they come."""

    def __init__(self, selection: Selection | None = None) -> None:
        """Prepare.

        Args:
            selection: what is sampled; with it, only the result of a mean is kept.
        """
        self._selection = selection
        self._times: list[Array] = []
        self._values: list[Array] = []
        self._electrodes: list[Array] = []

    def add(self, times: Array, values: Array, electrodes: Array) -> None:
        """Keep copies of some samples."""
        if times.size:
            kept = values if self._selection is None else self._selection.reduce(values)
            self._times.append(np.array(times))
            self._values.append(np.array(kept))
            self._electrodes.append(np.array(electrodes))

    def all(self) -> tuple[Array, Array, Array]:
        """Everything so far: times (n,), kept values (n, m), electrode currents (n, e)."""
        return np.concatenate(self._times), np.concatenate(self._values), np.concatenate(self._electrodes)
