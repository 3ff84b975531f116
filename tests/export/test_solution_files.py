"""Solutions in files: round trip, whole files only, and what is said about files that are not ours."""

import csv as standard_csv

import numpy as np
import pytest

from multiscale.errors import FormatError
from multiscale.export import csv, netcdf, zarr
from multiscale.export.formats import format_of, formats, replacing
from multiscale.geometry import Cable, Point
from multiscale.rxd.tree import discretize_geometry
from multiscale.solution import Solution

TIMES = np.array([0.0, 0.1, 1 / 3])
MESH = discretize_geometry(Cable(30.0, diameter=2.0, n=3))


@pytest.fixture
def sol():
    ca = np.random.default_rng(1).lognormal(size=(3, 3))
    ca[:, 1] = np.nan
    fields = {"ca.cyt": ca, "v": ca[:, [0, 2]] - 65, "v@mid,": ca[:, :1], "clamp.i": TIMES * 1e-7}
    nodes = {"v": [2, 0], "v@mid,": [1]}
    attrs = {"model_hash": "abc", "seed": 3, "run_s": 0.5}
    return Solution.from_arrays(TIMES, fields, {"ca.cyt": "mM", "v": "mV", "clamp.i": "pA"}, MESH, nodes, attrs)


def test_netcdf_round_trip_is_lossless(sol, tmp_path):
    sol.to_netcdf(tmp_path / "run.nc")
    back = Solution.from_netcdf(tmp_path / "run.nc")
    assert back.dataset.identical(sol.dataset)
    for name in sol.names:
        assert back[name].identical(sol[name])
    assert [type(value) for value in back.attrs.values()] == [type(value) for value in sol.attrs.values()]
    assert back.dataset["section"].dtype == sol.dataset["section"].dtype
    back.to_netcdf(tmp_path / "again.nc")
    assert Solution.load(tmp_path / "again.nc").dataset.identical(sol.dataset)


def test_csv_round_trip(sol, tmp_path):
    sol.to_csv(tmp_path / "run.csv")
    back = Solution.load(tmp_path / "run.csv")
    assert back.names == sol.names
    np.testing.assert_array_equal(back.times, sol.times)
    for name in sol.names:
        np.testing.assert_array_equal(back[name].values, sol[name].values)  # bit for bit, NaN included
        assert back[name].attrs["units"] == sol[name].attrs["units"]
        if "section" in sol[name].coords:
            assert back[name]["section"].values.tolist() == sol[name]["section"].values.tolist()
            np.testing.assert_allclose(
                back[name]["position"], sol[name]["position"], rtol=1e-5
            )  # printed with 6 digits
    where = (str(sol["v"]["section"].values[0]), 0.9)
    np.testing.assert_array_equal(back.at("v", where), sol.at("v", where))
    back.save(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "run.csv").read_bytes()


def test_csv_columns_say_place_and_unit(sol, tmp_path):
    sol.save(tmp_path / "run.csv")
    with (tmp_path / "run.csv").open(newline="") as file:
        header = next(standard_csv.reader(file))
    section = str(sol["ca.cyt"]["section"].values[0])
    assert header[0] == "time [ms]"
    assert header[1] == f"ca.cyt [mM] at {section}(0.166667)"
    assert header[4:6] == [f"v [mV] at {section}(0.833333)", f"v [mV] at {section}(0.166667)"]
    assert header[6:] == [f"v@mid, [1] at {section}(0.5)", "clamp.i [pA]"]


@pytest.mark.parametrize("extension", [".nc", ".csv", ".NC"])
def test_a_point_survives(extension, tmp_path):
    sol = Solution.from_arrays(TIMES, {"m": TIMES, "h": 1 - TIMES}, {}, discretize_geometry(Point()))
    sol.save(tmp_path / f"run{extension}")
    back = Solution.load(tmp_path / f"run{extension}")
    assert back["h"].dims == ("time",)
    np.testing.assert_array_equal(back["h"].values, 1 - TIMES)


def test_an_empty_recording_survives(tmp_path):
    sol = Solution.from_arrays([], {"v": np.zeros((0, 3))}, {"v": "mV"}, MESH)
    for name in ("run.nc", "run.csv"):
        sol.save(tmp_path / name)
        assert Solution.load(tmp_path / name)["v"].shape == (0, 3)


def test_what_is_loaded_does_not_hold_the_file(sol, tmp_path):
    path = tmp_path / "run.nc"
    sol.save(path)
    back = Solution.load(path)
    path.unlink()
    assert np.isfinite(back["clamp.i"]).all()


def test_other_programs_read_the_netcdf_file(sol, tmp_path):
    h5py = pytest.importorskip("h5py")
    sol.save(tmp_path / "run.nc")
    with h5py.File(tmp_path / "run.nc") as file:
        np.testing.assert_array_equal(file["time"], TIMES)
        assert file["ca.cyt"].attrs["units"] in (b"mM", "mM")


@pytest.mark.parametrize("module", [netcdf, csv])
def test_a_write_that_fails_leaves_the_old_file(module, sol, tmp_path, monkeypatch):
    path = tmp_path / f"run{module.EXTENSIONS[0]}"
    sol.save(path)
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(FormatError, match=r"run.* cannot be written \(No space left on device\); check the disk"):
        sol.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_named(sol, tmp_path):
    with pytest.raises(FormatError, match=r"folder '.*nowhere' does not exist; create it first"):
        sol.to_netcdf(tmp_path / "nowhere" / "run.nc")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("run.nc", None, r"netCDF file '.*run.nc' does not exist; check the path"),
        (
            "run.nc",
            b"no HDF5 at all " * 100,
            r"netCDF file '.*' is broken or no netCDF-4 file \(.*signature.*\), expected",
        ),
        ("run.csv", None, r"CSV file '.*run.csv' does not exist; check the path"),
        ("run.csv", b"", r"CSV file '.*' has column '', expected 'time \[ms\]'"),
        ("run.csv", b"a,b\n1,2\n", r"CSV file '.*' has column 'a', expected 'time \[ms\]'"),
        ("run.csv", b"v [mV],w [mV]\n1,2\n", r"has column 'v \[mV\]', expected 'time \[ms\]'"),
        (
            "run.csv",
            b"time [ms],v [mV]\n1,x\n",
            r"CSV file '.*' is broken \(could not convert string 'x'.*\), expected",
        ),
        ("run.csv", b"time [ms],v [mV]\n1,2,3\n", r"CSV file '.*' has 3 columns, expected 2 as in its header"),
        ("run.csv", b"\xff\xfe\x00time", r"CSV file '.*' is broken \("),
        ("run.xyz", b"", r"solution file '.*run.xyz' has extension '.xyz', expected .csv or .nc or .zarr; rename"),
        ("run", b"", r"solution file '.*run' has no extension, expected .csv or .nc or .zarr; rename the file"),
    ],
)
def test_a_file_that_is_not_ours_is_one_sentence(name, content, sentence, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=sentence) as caught:
        Solution.load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_one_sentence(sol, tmp_path):
    sol.save(tmp_path / "run.nc")
    whole = (tmp_path / "run.nc").read_bytes()
    (tmp_path / "run.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"is broken or no netCDF-4 file \(.*truncated") as caught:
        Solution.load(tmp_path / "run.nc")
    assert "\n" not in str(caught.value)


def test_netcdf_of_another_program_and_of_the_future(sol, tmp_path):
    import xarray as xr

    path = tmp_path / "other.nc"
    xr.Dataset({"a": ("t", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(
        FormatError, match="holds no solution: attribute 'format' is None, expected 'multiscale-solution'"
    ):
        Solution.load(path)
    netcdf.write(sol.dataset.assign_attrs(format_version=99), path)
    with pytest.raises(FormatError, match="has format version 99, expected 1 or lower; update multiscale-rxd"):
        Solution.load(path)


def test_the_folder_is_listed():
    assert formats("solution") == {".csv": csv, ".nc": netcdf, ".zarr": zarr}
    assert format_of("a/b/run.v2.NC", "solution") is netcdf


def test_replacing_renames_only_what_is_complete(tmp_path):

    def half():
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert list(tmp_path.iterdir()) == []
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
