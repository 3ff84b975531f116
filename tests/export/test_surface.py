"""Surfaces for other programs, read back by trimesh: closed, to scale, with their values."""

import numpy as np
import pytest
import trimesh
import xarray as xr

from multiscale.errors import FormatError
from multiscale.export import surface
from multiscale.solution import Solution

RADIUS, DX = 2.0, 0.25


@pytest.fixture(scope="module")
def ca():
    low = np.array([-2.5, -2.3, -2.1])
    parts = np.stack(np.meshgrid(*[low[i] + DX * (np.arange(76) + 0.5) / 4 for i in range(3)], indexing="ij"), axis=-1)
    fraction = (np.linalg.norm(parts, axis=-1) < RADIUS).reshape(19, 4, 19, 4, 19, 4).mean(axis=(1, 3, 5))
    index = np.argwhere(fraction > 0)
    centre = low + DX * (index + 0.5)
    coords = {f"grid_{axis}": ("node", index[:, i]) for i, axis in enumerate("xyz")}
    coords |= {"volume": ("node", fraction[fraction > 0] * DX**3), "time": ("time", [0.0, 5.0])}
    attrs = {"units": "mM", "voxel_dx": DX, "voxel_origin": " ".join(map(repr, low.tolist()))}
    return xr.DataArray(np.array([[1.0], [2.0]]) * centre[:, 0], coords, ("time", "node"), "ca.cyt", attrs)


@pytest.mark.parametrize("extension", [".stl", ".ply", ".obj", ".STL"])
def test_other_programs_read_a_closed_surface(ca, extension, tmp_path):
    report = surface.write(ca, tmp_path / f"cell{extension}")
    mesh = trimesh.load_mesh(report.path, file_type=extension[1:].lower())
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert report.watertight
    assert len(mesh.faces) == report.triangles
    assert mesh.volume == pytest.approx(report.volume, rel=1e-5)  # the files hold 7 digits
    assert mesh.area == pytest.approx(report.area, rel=1e-5)
    assert report.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.02)  # 0.87 (dx/r)^2 of it is lost: 1.4 %
    assert report.voxel_volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=1e-3)
    np.testing.assert_allclose(mesh.bounds, [[-RADIUS] * 3, [RADIUS] * 3], atol=DX / 5)
    assert "triangles, watertight, area" in report.describe()
    assert "against the voxels" in report.describe()


def test_ply_holds_the_values_of_a_time(ca, tmp_path):
    for time, factor in ((None, 2.0), (1.0, 1.0)):
        path = surface.write(ca, tmp_path / "cell.ply", time=time).path
        text = path.read_bytes().split(b"end_header")[0].decode()
        assert f"comment quality: ca.cyt (mM) at {5 if time is None else 0} ms" in text
        mesh = trimesh.load_mesh(path, process=False)
        data = mesh.metadata["_ply_raw"]["vertex"]["data"]
        assert np.abs(data["quality"] - factor * mesh.vertices[:, 0]).max() < factor * DX  # values of the voxels below
    several = Solution(ca.to_dataset().assign_attrs(ca.attrs))
    assert b"quality" not in surface.write(several, tmp_path / "a.ply").path.read_bytes()


def test_level_moves_the_surface(ca, tmp_path):
    volumes = [surface.write(ca, tmp_path / "a.stl", level=level).volume for level in (0.2, 0.5, 0.8)]
    assert volumes[0] > volumes[1] > volumes[2]


def test_a_voxelized_shape_and_two_grids(ca, tmp_path):
    class Arrays:  # what is read of VoxelArrays
        dx, origin, face = DX, np.array([-2.5, -2.3, -2.1]), None
        index = np.stack([ca[f"grid_{axis}"].values for axis in "xyz"], axis=1)
        volume = ca["volume"].values
        area = np.zeros(len(index))

    whole = surface.write(Arrays, tmp_path / "a.stl")
    assert whole.volume == surface.write(ca, tmp_path / "b.stl").volume
    apart = ca.isel(node=ca["grid_z"].values != 9)
    number = ("node", (apart["grid_z"].values > 9).astype(int))
    both = apart.assign_coords(grid=number).assign_attrs(voxel_dx_1=DX, voxel_origin_1=ca.attrs["voxel_origin"])
    halves = surface.write(both, tmp_path / "c.stl")
    assert halves.watertight
    assert trimesh.load_mesh(tmp_path / "c.stl").body_count == 2
    assert halves.volume == pytest.approx(whole.volume - np.pi * RADIUS**2 * DX, rel=0.01)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (
            lambda c, p: surface.write(c, p / "a.gltf"),
            r"surface file '.*' has extension '.gltf', expected .stl or .ply or",
        ),
        (
            lambda _, p: surface.write([1.0], p / "a.stl"),
            "surface: got list, expected a solution, a variable or VoxelArr",
        ),
        (lambda c, p: surface.write(c.drop_vars("grid_x"), p / "a.stl"), "surface: 'ca.cyt' has no grid_x, expected a"),
        (
            lambda c, p: surface.write(c, p / "a.stl", level=0.0),
            "surface: level is 0.0, expected a volume fraction above",
        ),
        (
            lambda c, p: surface.write(c, p / "no" / "a.stl"),
            r"file '.*' cannot be written: folder '.*no' does not exist",
        ),
    ],
)
def test_what_cannot_be_written_is_one_sentence(write, sentence, ca, tmp_path):
    with pytest.raises(FormatError, match=sentence) as caught:
        write(ca, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
