"""Zarr: round trip, streaming with bounded memory, readable while it grows and after a kill, what is refused."""

import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from multiscale.errors import FormatError
from multiscale.export import zarr
from multiscale.export.streaming import StreamingRecorder, ZarrStore
from multiscale.geometry import Cable
from multiscale.rxd.record import Recorder, Selection
from multiscale.rxd.tree import discretize_geometry
from multiscale.solution import Solution

MESH = discretize_geometry(Cable(30.0, diameter=2.0, n=3))
UNITS = {"ca.cyt": "mM", "v": "mV", "clamp.i": "pA"}
SELECTION = Selection(
    ("ca.cyt", "v", "v@(15,0,0)", "ca.cyt@mean(ball(1,(0,0,0)))"),
    (0, 1, 1, 0),
    (np.arange(3), np.array([2, 0]), np.array([1]), np.array([0, 1])),
    (None, None, None, np.array([0.25, 0.75])),
)
PRESENT = np.array([[True, False, True], [True, True, True]])


def template(n_times=0, values=None):
    """A Solution of the selection and one electrode."""
    times = np.arange(n_times, dtype=float)
    shapes = {"ca.cyt": (3,), "v": (2,), "v@(15,0,0)": (1,), "ca.cyt@mean(ball(1,(0,0,0)))": (), "clamp.i": ()}
    fields = values or {name: np.zeros((n_times, *shape)) for name, shape in shapes.items()}
    nodes = {"v": [2, 0], "v@(15,0,0)": [1]}
    return Solution.from_arrays(times, fields, UNITS, MESH, nodes, attrs={"model_hash": "abc", "seed": 3})


def samples(first, count):
    """Times, sampled values and currents that say which sample they are."""
    at = np.arange(first, first + count, dtype=float)
    width = SELECTION.flat()[0].size
    return at, at[:, None] + np.arange(width) / 100, -at[:, None]


@pytest.mark.parametrize("name", ["run.zarr", "run.ZARR"])
def test_round_trip_is_lossless(name, tmp_path):
    rng = np.random.default_rng(1)
    ca = rng.lognormal(size=(4, 3))
    ca[:, 1] = np.nan
    values = {"ca.cyt": ca, "v": rng.normal(size=(4, 2)), "v@(15,0,0)": ca[:, :1], "a/b%": rng.normal(size=4)}
    sol = template(4, values)
    sol.save(tmp_path / name)
    back = Solution.load(tmp_path / name)
    assert back.dataset.load().identical(sol.dataset)
    assert {type(v) for v in back.attrs.values()} <= {str, int, float}
    assert back.dataset["section"].dtype.kind == "U"
    back.save(tmp_path / "again.zarr")
    assert Solution.load(tmp_path / "again.zarr").dataset.load().identical(sol.dataset)
    np.testing.assert_array_equal(back["a/b%"].values, sol["a/b%"].values)


def test_no_times_survive(tmp_path):
    template().save(tmp_path / "run.zarr")
    back = Solution.load(tmp_path / "run.zarr")
    assert back["ca.cyt"].shape == (0, 3)
    assert back["v@(15,0,0)"].shape == (0,)


@pytest.mark.parametrize(("buffer", "chunk"), [(500, 1), (500, 3), (1, 40), (32_000_000, 3)])
def test_streaming_equals_keeping(buffer, chunk, tmp_path):
    kept = Recorder(SELECTION)
    store = ZarrStore(tmp_path / "run.zarr", buffer=buffer)
    streamed = StreamingRecorder(store, SELECTION, template().dataset, PRESENT, ("clamp",))
    for first in range(0, 40, chunk):
        count = min(chunk, 40 - first)
        work = samples(first, count)
        for recorder in (kept, streamed):
            recorder.add(*(np.array(part) for part in work))
    streamed.add(np.zeros(0), np.zeros((0, 8)), np.zeros((0, 1)))
    streamed.writer.close({"run_s": 1.5})
    times, values, currents = kept.all()
    sol = Solution.load(tmp_path / "run.zarr")
    np.testing.assert_array_equal(sol.times, times)
    for name, expected in SELECTION.split(values).items():
        found = sol[name].values.reshape(expected.shape)
        if name == "ca.cyt":
            assert np.isnan(found[:, 1]).all()
            expected = np.where(PRESENT[0], expected, np.nan)  # noqa: PLW2901
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(sol["clamp.i"].values, currents[:, 0])
    assert sol["v"]["node"].values.tolist() == [2, 0]
    assert sol["ca.cyt"].attrs["units"] == "mM"
    assert (sol.attrs["run_s"], sol.attrs["seed"]) == (1.5, 3)


def test_can_be_read_at_any_time(tmp_path):
    path = tmp_path / "run.zarr"
    streamed = StreamingRecorder(ZarrStore(path, buffer=9 * 8 * 4), SELECTION, template().dataset, None, ("clamp",))
    assert Solution.load(path).times.size == 0
    for k in range(11):
        streamed.add(*samples(k, 1))
        if k == 5:
            streamed.writer.flush()
        opened = xr.open_zarr(path)
        seen = opened.sizes["time"]
        assert seen == streamed.writer.samples == (6 if 5 <= k < 7 else (k + 1) // 4 * 4)
        np.testing.assert_array_equal(opened["ca.cyt"].values[:, 0], np.arange(seen))
        np.testing.assert_array_equal(opened["clamp.i"].values, -np.arange(seen))
    streamed.writer.close()
    assert Solution.load(path).times.tolist() == list(range(11))


def test_is_flushed_after_some_time(tmp_path):
    store = ZarrStore(tmp_path / "run.zarr", seconds=0.05)
    streamed = StreamingRecorder(store, SELECTION, template().dataset, None, ("clamp",))
    streamed.add(*samples(0, 1))
    time.sleep(0.1)
    assert streamed.writer.samples == 0
    streamed.add(*samples(1, 1))
    assert Solution.load(store.path).times.tolist() == [0.0, 1.0]


KILLED = """
import sys
import numpy as np
import xarray as xr
from multiscale.export.netcdf import FORMAT
from multiscale.export.streaming import ZarrStore

n = 5000
variables = {name: (("time", "node"), np.zeros((0, n))) for name in ("a", "b")}
template = xr.Dataset(variables, {"time": ("time", np.zeros(0))}, {"format": FORMAT, "format_version": 1})
writer = ZarrStore(sys.argv[1], buffer=8 * (2 * n + 1) * 3).open(template)  # three samples a chunk
k = 0
while True:
    values = np.full((1, n), float(k))
    writer.append(np.array([float(k)]), {"a": values, "b": -values})
    if k % 5 == 4:
        writer.flush()  # in the middle of a chunk, too
    print(writer.samples, flush=True)
    k += 1
"""


def test_is_complete_up_to_the_last_flush_after_a_kill(tmp_path):
    """Kill -9 at odd moments of a run that writes all the time."""
    for attempt, wait in enumerate((14, 31)):
        path = tmp_path / f"run{attempt}.zarr"
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(wait):
                said = int(process.stdout.readline())
            time.sleep(0.003 * attempt)
            process.send_signal(signal.SIGKILL)
            said = max([said, *(int(line) for line in process.stdout.read().split("\n")[:-1] if line)])
        opened = zarr.read(path)
        seen = opened.sizes["time"]
        assert seen >= said >= wait // 3 * 3  # a flush may be complete and its line not yet said
        np.testing.assert_array_equal(opened["time"], np.arange(seen))
        for name, sign in (("a", 1.0), ("b", -1.0)):
            expected = np.broadcast_to(sign * np.arange(seen)[:, None], (seen, 5000))
            np.testing.assert_array_equal(opened[name], expected)


def test_a_large_run_needs_little_memory(tmp_path):
    """100 samples of 2e5 nodes, 160 MB: held are a few times the buffer."""
    n, count, buffer = 200_000, 100, 8_000_000
    base = np.random.default_rng(0).random(n)
    empty = xr.Dataset({"ca": (("time", "node"), np.zeros((0, n)))}, {"time": ("time", np.zeros(0))})

    def run(path):
        with ZarrStore(path, buffer=buffer).open(empty) as writer:
            for k in range(count):
                writer.append(np.array([float(k)]), {"ca": (base * np.exp(-0.01 * k))[None]})

    tracemalloc.start()
    try:
        run(tmp_path / "traced.zarr")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * buffer  # the buffer, one chunk with its compressed copy, the sample
    last = xr.open_zarr(tmp_path / "traced.zarr", consolidated=True)["ca"][-1]
    np.testing.assert_array_equal(last, base * np.exp(-0.01 * (count - 1)))


def test_an_earlier_solution_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "run.zarr"
    template(3).save(path)
    path_of_store = ZarrStore(path)
    StreamingRecorder(path_of_store, SELECTION, template().dataset, None, ("clamp",)).writer.close()
    assert Solution.load(path).times.size == 0
    template(2).save(path)
    assert Solution.load(path).times.size == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.zarr"]
    for name in ("mine.zarr", "file.zarr"):
        other = tmp_path / name
        if name == "mine.zarr":
            other.mkdir()
            (other / "thesis.txt").write_text("all of it")
        else:
            other.write_text("all of it")
        for attempt in (lambda p=other: template(2).save(p), lambda p=other: ZarrStore(p).open(template().dataset)):
            with pytest.raises(FormatError, match=r"something else is there, expected a free name or an earlier sol"):
                attempt()
    assert (tmp_path / "mine.zarr" / "thesis.txt").read_text() == "all of it"
    (tmp_path / "empty.zarr").mkdir()
    template(2).save(tmp_path / "empty.zarr")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"path": "run.nc"}, r"Zarr store 'run.nc': expected a path that ends in .zarr; rename it"),
        ({"path": 3}, r"Zarr store '3': expected a path that ends in .zarr; rename it"),
        ({"path": "a.zarr", "buffer": 0}, r"Zarr store 'a.zarr': buffer is 0, expected a number above 0; change it"),
        ({"path": "a.zarr", "seconds": "1"}, r"Zarr store 'a.zarr': seconds is '1', expected a number above 0; change"),
    ],
)
def test_mistakes_of_stores(options, sentence):
    with pytest.raises(FormatError, match=sentence):
        ZarrStore(**options)


def test_what_is_said_about_folders_that_are_not_ours(tmp_path):
    with pytest.raises(FormatError, match=r"Zarr store '.*none.zarr' does not exist; check the path"):
        Solution.load(tmp_path / "none.zarr")
    with pytest.raises(FormatError, match=r"Zarr store '.*run.zarr': folder '.*none' does not exist; create it first"):
        template().save(tmp_path / "none" / "run.zarr")
    (tmp_path / "bad.zarr").mkdir()
    with pytest.raises(FormatError, match=r"Zarr store '.*bad.zarr' is broken or no Zarr store \(.*\), expected one"):
        Solution.load(tmp_path / "bad.zarr")
    xr.Dataset({"a": ("t", [1.0])}).to_zarr(tmp_path / "other.zarr", zarr_format=2, consolidated=True)
    with pytest.raises(FormatError, match=r"holds no solution: attribute 'format' is None, expected 'multiscale-sol"):
        Solution.load(tmp_path / "other.zarr")
    dataset = template(1).dataset.assign_attrs(format_version=99)
    dataset.to_zarr(tmp_path / "new.zarr", zarr_format=2, consolidated=True)
    with pytest.raises(FormatError, match=r"has format version 99, expected 1 or lower; update multiscale-rxd"):
        Solution.load(tmp_path / "new.zarr")


def test_a_disk_that_fails_is_said(tmp_path, monkeypatch):
    writer = ZarrStore(tmp_path / "run.zarr").open(template().dataset)
    shapes = {"ca.cyt": (1, 3), "v": (1, 2), "v@(15,0,0)": (1,), "ca.cyt@mean(ball(1,(0,0,0)))": (1,), "clamp.i": (1,)}
    writer.append(np.zeros(1), {name: np.zeros(shape) for name, shape in shapes.items()})

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FormatError, match=r"run.zarr': cannot be written \(No space left on device\); check the di"):
        writer.flush()
    monkeypatch.undo()
    writer.close()
    assert Solution.load(tmp_path / "run.zarr").times.size == 1
