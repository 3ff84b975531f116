"""A run that is written while it goes on: samples pass through a small buffer into a Zarr store.

What all variables reach is said by one small file, replaced in one piece and written last; so any reader, at any time,
also after the run was killed, sees every variable complete up to the same flush.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.export.zarr import BUFFER, CONSOLIDATED, EXTENSIONS, chunk_rows, create, stored_name, writing
from multiscale.rxd.record import Selection, Sink

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ZarrStore:
    """Where a run is written while it goes on, and how often.

    Args:
        path: of the folder, ending in ``.zarr``; an earlier solution there is replaced, anything else is not.
        buffer: samples held back until they are written, bytes; this bounds the memory of a recording.
        seconds: longest time between two flushes.
    """

    path: str | Path
    buffer: int = BUFFER
    seconds: float = 10.0

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | Path) or Path(self.path).suffix.lower() not in EXTENSIONS:
            raise FormatError(f"Zarr store '{self.path}': expected a path that ends in .zarr; rename it")
        for name in ("buffer", "seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value > 0:
                raise FormatError(
                    f"Zarr store '{self.path}': {name} is {value!r}, expected a number above 0; change it"
                )

    def open(self, template: xr.Dataset) -> ZarrWriter:
        """Write coordinates and attributes, and get ready for samples.

        Args:
            template: a Solution's dataset without times: variables of shape (0,) or (0, nodes), all coordinates.
        """
        return ZarrWriter(self, template)


class ZarrWriter:
    """Appends samples to a store; what was flushed is on disk in full."""

    def __init__(self, store: ZarrStore, template: xr.Dataset) -> None:
        """Create the folder.

        Raises:
            FormatError: there is something else, or it cannot be written.
        """
        import zarr

        self.store, self._path = store, Path(store.path)
        growing = {str(name): variable for name, variable in template.variables.items() if "time" in variable.dims}
        self._rows = chunk_rows(template, store.buffer)
        self._buffers = {name: np.empty((self._rows, *growing[name].shape[1:])) for name in growing}
        create(template, self._path, self._rows)
        with writing(self._path):
            self._group = zarr.open_group(self._path, mode="r+", zarr_format=2, use_consolidated=False)
            self._arrays: dict[str, Any] = {name: self._group[stored_name(name)] for name in growing}
            self._metadata = json.loads((self._path / CONSOLIDATED).read_text(encoding="utf-8"))
        self._written, self._held = 0, 0  # samples in full chunks on disk; samples in the buffers
        self._flushed, self._when = 0, time.monotonic()

    @property
    def samples(self) -> int:
        """Samples that a reader sees."""
        return self._flushed

    def append(self, times: Array, values: Mapping[str, Array]) -> None:
        """Take some samples: times (k,), ms, and name → (k,) or (k, nodes); written when a chunk is full or it is time.

        Raises:
            FormatError: the disk is full or away.
        """
        parts = {"time": times, **values}
        done = 0
        while done < times.size:
            count = min(self._rows - self._held, times.size - done)
            for name, buffer in self._buffers.items():
                buffer[self._held : self._held + count] = parts[name][done : done + count]
            self._held += count
            done += count
            if self._held == self._rows:
                self.flush()
        if self._held and time.monotonic() - self._when > self.store.seconds:
            self.flush()

    def flush(self) -> None:
        """Write what is held back, and then say so in the metadata, all variables at once."""
        total = self._written + self._held
        if total != self._flushed:
            with writing(self._path):
                for name, array in self._arrays.items():
                    array.resize((total, *array.shape[1:]))
                    self._fill(array, self._buffers[name], total)
                    self._metadata["metadata"][f"{array.path}/.zarray"]["shape"][0] = total
                self._publish()
            self._flushed = total
        if self._held == self._rows:
            self._written, self._held = total, 0
        self._when = time.monotonic()

    def _fill(self, array: Any, buffer: Array, total: int) -> None:
        """Write the held samples of one variable, chunk by chunk: all at once would need several copies of them."""
        if buffer.ndim == 1:
            array[self._written : total] = buffer[: self._held]
            return
        width = array.chunks[1]
        for first in range(0, buffer.shape[1], width):
            part = slice(first, first + width)
            array[self._written : total, part] = buffer[: self._held, part]

    def close(self, attrs: Mapping[str, Any] | None = None) -> None:
        """Flush, and replace attributes of the dataset, such as the time that the run took."""
        self.flush()
        if attrs:
            with writing(self._path):
                self._group.update_attributes(dict(attrs))
                self._metadata["metadata"][".zattrs"].update(attrs)
                self._publish()

    def _publish(self) -> None:
        """Replace the file that says how far the variables reach; renaming is all or nothing."""
        new = self._path / f"{CONSOLIDATED}.tmp"
        new.write_text(json.dumps(self._metadata, indent=4), encoding="utf-8")
        new.replace(self._path / CONSOLIDATED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class StreamingRecorder(Sink):
    """Sends the samples of a run to a store; only the store's buffer is held in memory."""

    def __init__(
        self, store: ZarrStore, selection: Selection, template: xr.Dataset, present: NDArray[np.bool_] | None = None,
        electrodes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Create the store.

        Args:
            store: where to.
            selection: what is sampled.
            template: a Solution's dataset without times, with a variable for each name of the selection and
                ``name.i`` for each electrode.
            present: where each field exists, shape (fields, n); NaN is written elsewhere. None is everywhere.
            electrodes: names of the electrodes.
        """
        self._selection, self._electrodes = selection, tuple(electrodes)
        self._absent: dict[str, NDArray[np.bool_]] = {}
        for name, row, nodes in zip(selection.names, selection.row, selection.places, strict=True):
            if present is not None and nodes is not None and not present[row][nodes].all():
                self._absent[name] = ~present[row][nodes]
        self._single = {name for name in selection.names if template.variables[name].ndim == 1}
        self.writer = store.open(template)

    def add(self, times: Array, values: Array, electrodes: Array) -> None:
        """See `Sink`."""
        if not times.size:
            return
        parts = self._selection.split(values)
        for name, absent in self._absent.items():
            parts[name] = np.where(absent, np.nan, parts[name])
        for name in self._single:
            parts[name] = parts[name].reshape(times.size)
        for k, name in enumerate(self._electrodes):
            parts[f"{name}.i"] = electrodes[:, k]
        self.writer.append(times, parts)
