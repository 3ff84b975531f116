"""What to keep during a run: rows and nodes, and the samples so far."""

from dataclasses import dataclass, field

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
        nodes: nodes of each name, one array a name.
    """

    names: tuple[str, ...]
    row: tuple[int, ...]
    nodes: tuple[Index, ...]

    def flat(self) -> tuple[Index, Index]:
        """Row and node of every sampled value, shape (values,)."""
        rows = [np.full(n.size, r, dtype=np.int64) for r, n in zip(self.row, self.nodes, strict=True)]
        if not rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate(rows), np.concatenate(self.nodes)

    def split(self, values: Array) -> dict[str, Array]:
        """Samples (times, values) → name → (times, nodes of that name)."""
        edges = np.cumsum([0, *[n.size for n in self.nodes]])
        return {name: values[:, a:b] for name, a, b in zip(self.names, edges[:-1], edges[1:], strict=True)}


@dataclass(eq=False)
class Recorder:
    """Samples of a run, in chunks as they come."""

    times: list[Array] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    electrodes: list[Array] = field(default_factory=list)

    def add(self, times: Array, values: Array, electrodes: Array) -> None:
        """Keep copies of some samples: times (k,), values (k, m), electrode currents (k, e)."""
        if times.size:
            self.times.append(np.array(times))
            self.values.append(np.array(values))
            self.electrodes.append(np.array(electrodes))

    def all(self) -> tuple[Array, Array, Array]:
        """Everything so far as three arrays."""
        return np.concatenate(self.times), np.concatenate(self.values), np.concatenate(self.electrodes)
