"""All that changes during a run: the time, and one contiguous array of numbers a field."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import ModelError

Array = NDArray[np.float64]


@dataclass(eq=False)
class Arrays:
    """State of a run.

    Attributes:
        t: time, ms.
        names: name of each row, for example "ca.cyt", "v", "hh.m".
        values: shape (fields, nodes + junctions), base units. The tail of a row belongs to zero-volume junctions.
        nodes: number of nodes with a volume.
    """

    t: float
    names: tuple[str, ...]
    values: Array
    nodes: int

    def __getitem__(self, name: str) -> Array:
        """One field, shape (nodes,), a live view."""
        if name not in self.names:
            raise ModelError(f"arrays: there is no field '{name}'; there are {', '.join(self.names)}")
        return self.values[self.names.index(name), : self.nodes]

    def __iter__(self) -> Iterator[str]:
        """Names of the fields."""
        return iter(self.names)

    def copy(self) -> "Arrays":
        """An independent copy."""
        return Arrays(self.t, self.names, self.values.copy(), self.nodes)
