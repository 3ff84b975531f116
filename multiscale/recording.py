"""The samples of a run, in memory or streamed to a store, and the solution made of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.export.streaming import StreamingRecorder, ZarrStore
from multiscale.rxd.arrays import Arrays
from multiscale.rxd.cell_mesh import CellMesh
from multiscale.rxd.record import Recorder, Selection, Sink
from multiscale.rxd.run import Electrodes
from multiscale.rxd.system import System
from multiscale.solution import Solution

Array = NDArray[np.float64]

DEFAULT_SAMPLES, LEAST_SAMPLES = 500, 10
DEFAULT_BYTES = 256_000_000  # of samples, where nothing was said about `every`


class Recording:
    """What is kept of one simulation."""

    def __init__(
        self, system: System, selection: Selection, electrodes: Electrodes, store: ZarrStore | str | Path | None
    ) -> None:
        """Prepare; `start` begins.

        Args:
            system: the model on its mesh.
            selection: what is sampled.
            electrodes: whose currents are kept.
            store: where samples go instead of memory.
        """
        self._system, self._selection, self._electrodes = system, selection, electrodes
        self._store = ZarrStore(store) if isinstance(store, str | Path) else store
        self.sink: Sink = Recorder(selection)

    def start(self, state: Arrays, attrs: Mapping[str, Any]) -> None:
        """Begin anew, with a first sample of the present state."""
        memory = Recorder(self._selection)
        self.sink = memory
        self._sample(state)
        if self._store is not None:
            template = self._solution(memory, attrs).dataset.isel(time=slice(0, 0))
            self.sink = StreamingRecorder(
                self._store, self._selection, template, self._system.present, self._electrodes.names
            )
            self._sample(state)

    def solution(self, attrs: Mapping[str, Any]) -> Solution:
        """All samples so far; of a store what was flushed, read when it is used."""
        if isinstance(self.sink, StreamingRecorder):
            assert self._store is not None
            self.sink.writer.flush()
            loaded = Solution.load(self._store.path)
            return Solution(loaded.dataset.assign_attrs({**loaded.attrs, **attrs}))
        assert isinstance(self.sink, Recorder)
        return self._solution(self.sink, attrs)

    def samples(self) -> int:
        """Samples of a run that was not told how many: fewer where each is large, as in voxels, unless streamed."""
        values = max(1, self._selection.flat()[0].size)
        if self._store is not None:
            return DEFAULT_SAMPLES
        return int(min(DEFAULT_SAMPLES, max(LEAST_SAMPLES, DEFAULT_BYTES // (8 * values))))

    def _sample(self, state: Arrays) -> None:
        rows, nodes = self._selection.flat()
        self.sink.add(np.array([state.t]), state.values[rows, nodes][None], np.zeros((1, len(self._electrodes.names))))

    def _solution(self, recorder: Recorder, attrs: Mapping[str, Any]) -> Solution:
        times, values, currents = recorder.all()
        system, chosen_fields = self._system, self._selection
        fields = chosen_fields.split(values)
        units = {f.name: f.unit for f in system.fields}
        nodes: dict[str, Any] = {}
        visible = system.visible
        for name, row, chosen in zip(chosen_fields.names, chosen_fields.row, chosen_fields.places, strict=True):
            units[name] = system.fields[row].unit
            if chosen is None:  # a mean has one value a time and no place
                continue
            nodes[name] = None if np.array_equal(chosen, visible) else chosen
            absent = ~system.present[row][chosen]
            if absent.any():
                fields[name] = np.where(absent, np.nan, fields[name])
        for k, name in enumerate(self._electrodes.names):
            fields[f"{name}.i"], units[f"{name}.i"], nodes[f"{name}.i"] = currents[:, k], "pA", None
        shown = visible if isinstance(system.mesh, CellMesh) else None
        return Solution.from_arrays(
            times, fields, units=units, mesh=system.mesh, nodes=nodes, attrs=attrs, visible=shown
        )
