"""VTK files, read back by VTK itself: values, places, times, what is hidden; and what cannot be written."""

from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr

from multiscale.errors import FormatError
from multiscale.export import vtk
from multiscale.geometry import Cable, Point
from multiscale.rxd.tree import discretize_geometry
from multiscale.solution import Solution
from multiscale.voxel_image import voxel_images

pyvista = pytest.importorskip("pyvista", reason="reads VTK files: pip install 'multiscale-rxd[test]'")

TIMES = np.array([0.0, 0.1, 2.5])
RADIUS, DX = 2.0, 0.4


@pytest.fixture
def ball():
    """A ball of voxels with three 1-D segments, as a Solution's dataset: two variables, one of them at all nodes."""
    low = np.array([-2.5, -2.3, -2.1])
    parts = np.stack(np.meshgrid(*[low[i] + DX * (np.arange(44) + 0.5) / 4 for i in range(3)], indexing="ij"), axis=-1)
    fraction = (np.linalg.norm(parts, axis=-1) < RADIUS).reshape(11, 4, 11, 4, 11, 4).mean(axis=(1, 3, 5))
    index = np.argwhere(fraction > 0)
    centre = low + DX * (index + 0.5)
    ends = np.array([[2.0, 0, 0], [4.0, 0, 1.0], [5.0, 2.0, 1.0], [9.0, 2.0, 1.0]])
    places = np.vstack([centre, (ends[1:] + ends[:-1]) / 2])
    n = len(places)
    node = {"volume": np.concatenate([fraction[fraction > 0] * DX**3, [0.3, 0.2, 0.1]])}
    node |= {"area": np.full(n, 0.1), "diameter": np.r_[np.full(n - 3, np.nan), 1.0, 0.8, 0.6]}
    for i, axis in enumerate("xyz"):
        node |= {axis: places[:, i], f"grid_{axis}": np.r_[index[:, i], [-1] * 3]}
        node |= {f"start_{axis}": np.r_[np.full(n - 3, np.nan), ends[:-1, i]]}
        node |= {f"end_{axis}": np.r_[np.full(n - 3, np.nan), ends[1:, i]]}
    ca = 1e-4 + places[:, 0] * 1e-5 + TIMES[:, None] * 1e-4
    some = np.array([n - 2, 5])
    variables = {
        "ca.cyt": (("time", "node"), ca, {"units": "mM"}),
        "h": (("time", "h.node"), np.stack([TIMES, -TIMES], axis=1), {"units": "1"}),
        "clamp.i": ("time", TIMES, {"units": "pA"}),
    }
    coords = {key: ("node", values) for key, values in node.items()}
    coords |= {"time": ("time", TIMES), "h.node": ("h.node", some)}
    attrs = {"voxel_dx": DX, "voxel_origin": " ".join(map(repr, low.tolist()))}
    return xr.Dataset(variables, coords, attrs)


def at_places(mesh, places):
    """Numbers of the cells in which places are."""
    return np.array([mesh.find_containing_cell(place) for place in places])


def test_a_series_is_read_back_by_vtk(ball, tmp_path):
    first, *others = vtk.write(Solution(ball), tmp_path / "run.pvd")
    assert first == tmp_path / "run.pvd"
    assert sorted(path.name for path in others) == [
        *(f"tree_{i:04d}.vtu" for i in range(3)),
        *(f"voxels_{i:04d}.vti" for i in range(3)),
    ]
    reader = pyvista.get_reader(first)
    assert reader.time_values == TIMES.tolist()
    for row, time in enumerate(TIMES):
        reader.set_active_time_value(time)
        box, tree = reader.read()
        assert float(box.field_data["TimeValue"][0]) == time
        voxels = ball["grid_x"].values >= 0
        centre = np.stack([ball[axis].values for axis in "xyz"], axis=1)[voxels]
        cells = at_places(box, centre)
        wanted = ball["ca.cyt"].values[row]
        np.testing.assert_allclose(box.cell_data["ca.cyt (mM)"][cells], wanted[voxels], rtol=1e-7)  # single precision
        np.testing.assert_allclose(box.cell_data["volume fraction"].sum() * DX**3, ball["volume"].values[voxels].sum())
        np.testing.assert_allclose(tree.cell_data["ca.cyt (mM)"], wanted[~voxels], rtol=1e-7)
        np.testing.assert_array_equal(tree.cell_data["h"], [np.nan, np.float32(time), np.nan])
        assert box.cell_data["h"][cells][5] == -np.float32(time)


def test_only_the_cell_is_shown(ball, tmp_path):
    """Cells outside are hidden: what VTK draws of the box are the faces between inside and outside."""
    vtk.write(ball, tmp_path / "a.vti", time=0.2)
    box = pyvista.read(tmp_path / "a.vti")
    assert float(box.field_data["TimeValue"][0]) == 0.1
    (image,) = voxel_images(ball, "test")
    assert box.dimensions == tuple(size + 1 for size in image.shape)
    assert box.spacing == (DX, DX, DX)
    np.testing.assert_allclose(box.origin, image.corner)
    hidden = box.cell_data["vtkGhostType"] == 32
    assert (~hidden).sum() == image.n
    assert np.isnan(box.cell_data["ca.cyt (mM)"][hidden]).all()
    skin = box.extract_surface(algorithm="geometry")
    open_faces = sum((image.find(image.keys + sign * stride) < 0).sum() for stride in image.strides for sign in (-1, 1))
    assert skin.n_cells == open_faces


def test_the_surface_is_closed_and_coloured(ball, tmp_path):
    paths = vtk.write(ball, tmp_path / "run.pvd", surface=True)
    assert {path.name.split("_")[0] for path in paths[1:]} == {"voxels", "surface", "tree"}
    vtk.write(ball, tmp_path / "skin.vtu", surface=True, time=0.0)
    skin = pyvista.read(tmp_path / "skin.vtu").extract_surface(algorithm="geometry")
    assert skin.n_open_edges == 0
    assert skin.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.04)  # 0.87 (dx/r)^2 of it is lost
    x = skin.points[:, 0]
    assert np.abs(skin.point_data["ca.cyt (mM)"] - (1e-4 + 1e-5 * x)).max() < 1e-5 * DX
    outwards = skin.points / np.linalg.norm(skin.points, axis=1, keepdims=True)
    assert (skin.point_data["Normals"] * outwards).sum(axis=1).min() > 0.9


def test_segments_are_lines_with_a_radius(ball, tmp_path):
    assert vtk.write(ball["ca.cyt"].assign_attrs(ball.attrs), tmp_path / "tree.vtu") == (tmp_path / "tree.vtu",)
    tree = pyvista.read(tmp_path / "tree.vtu")
    assert tree.n_cells == 3
    assert tree.compute_cell_sizes()["Length"] == pytest.approx([np.sqrt(5), np.sqrt(5), 4.0])
    np.testing.assert_allclose(tree.point_data["radius (um)"], [0.5, 0.5, 0.4, 0.4, 0.3, 0.3])
    np.testing.assert_allclose(tree.cell_data["diameter (um)"], [1.0, 0.8, 0.6], rtol=1e-6)
    np.testing.assert_allclose(tree.bounds, [2, 9, 0, 2, 0, 1])


def test_a_box_that_is_too_large_becomes_a_list_of_cubes(ball, tmp_path, monkeypatch):
    monkeypatch.setattr(vtk, "LARGEST_IMAGE", 100)
    paths = vtk.write(ball, tmp_path / "run.pvd")
    (image,) = voxel_images(ball, "test")
    cubes = pyvista.read(next(path for path in paths if path.name == "voxels_0000.vtu"))
    assert cubes.n_cells == image.n
    np.testing.assert_allclose(cubes.compute_cell_sizes()["Volume"], DX**3)
    np.testing.assert_allclose(cubes.cell_centers().points, image.centre, atol=1e-12)
    assert cubes.n_points == np.unique(np.round(cubes.points, 6), axis=0).shape[0]  # corners are shared
    voxels_only = ball.isel(node=image.nodes)
    vtk.write(voxels_only.drop_vars(["h", "clamp.i", "h.node"]), tmp_path / "b.vtu")
    np.testing.assert_allclose(pyvista.read(tmp_path / "b.vtu").cell_centers().points, image.centre, atol=1e-12)


def test_a_tree_without_voxels_and_without_time(tmp_path):
    mesh = discretize_geometry(Cable(30.0, diameter=2.0, n=3))
    v = np.array([[-65.0, -60.0, -55.0], [1.0, 2.0, 3.0]])
    sol = Solution.from_arrays([0.0, 1.0], {"v": v}, {"v": "mV"}, mesh)
    assert [path.name for path in vtk.write(sol, tmp_path / "c.pvd")] == ["c.pvd", "tree_0000.vtu", "tree_0001.vtu"]
    np.testing.assert_allclose(pyvista.read(tmp_path / "c" / "tree_0001.vtu").cell_data["v (mV)"], v[1])
    vtk.write(sol["v"].max("time", keep_attrs=True), tmp_path / "peak.vtu")
    np.testing.assert_allclose(pyvista.read(tmp_path / "peak.vtu").cell_data["v (mV)"], [1.0, 2.0, 3.0])


def test_two_grids_are_two_files(ball, tmp_path):
    number = np.where(ball["grid_x"] >= 6, 1, np.where(ball["grid_x"] >= 0, 0, -1))
    both = ball.drop_vars(["h", "h.node"]).assign_coords(grid=("node", number))
    both = both.assign_attrs(voxel_dx_1=DX, voxel_origin_1=ball.attrs["voxel_origin"])
    names = [path.name for path in vtk.write(both.isel(time=[0]), tmp_path / "run.pvd", surface=True)]
    parts = ["voxels_0000.vti", "voxels_1_0000.vti", "surface_0000.vtu", "surface_1_0000.vtu", "tree_0000.vtu"]
    assert names == ["run.pvd", *parts]
    files = [item.get("file") for item in ElementTree.parse(tmp_path / "run.pvd").getroot().iter("DataSet")]
    assert files == [f"run/{name}" for name in parts]
    one, two, *_ = pyvista.get_reader(tmp_path / "run.pvd").read()
    assert one.bounds[1] == pytest.approx(two.bounds[0])
    with pytest.raises(FormatError, match=r"VTK file '.*a.vti' holds one grid, the solution has 2; write a '.pvd'"):
        vtk.write(both, tmp_path / "a.vti")


def test_long_arrays_are_compressed_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(vtk, "BLOCK", 1000)
    mesh = discretize_geometry(Cable(300.0, n=250))  # 250 floats are exactly one block, the points are several
    sol = Solution.from_arrays([0.0], {"v": np.arange(250.0)[None]}, {"v": "mV"}, mesh)
    vtk.write(sol, tmp_path / "a.vtu")
    tree = pyvista.read(tmp_path / "a.vtu")
    np.testing.assert_array_equal(tree.cell_data["v (mV)"], np.arange(250.0))
    assert tree.compute_cell_sizes()["Length"].sum() == pytest.approx(300.0)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda b, p: vtk.write(b, p / "a.vtk"), r"VTK file '.*a.vtk' has extension '.vtk', expected .pvd or .vti or"),
        (lambda _, p: vtk.write([1.0], p / "a.vtu"), "vtk: got list, expected a solution or a variable with nodes"),
        (lambda b, p: vtk.write(b["clamp.i"], p / "a.vtu"), r"vtk: got dimensions \(time\), expected a solution"),
        (lambda b, p: vtk.write(b[["clamp.i"]].assign_coords(y=b.y), p / "a.vtu"), "vtk: no variable was recorded at"),
        (
            lambda b, p: vtk.write(b, p / "no" / "a.pvd"),
            r"VTK file '.*': folder '.*no' does not exist; create it first",
        ),
        (lambda b, p: vtk.write(b, p / "no" / "a.vti"), r"file '.*' cannot be written: folder '.*no' does not exist"),
        (
            lambda b, p: vtk.write(b.drop_vars("grid_x"), p / "a.pvd", surface=True),
            r"vtk: 'the dataset' has no grid_x, expected a variable on voxels",
        ),
    ],
)
def test_what_cannot_be_written_is_one_sentence(write, sentence, ball, tmp_path):
    with pytest.raises(FormatError, match=sentence) as caught:
        write(ball, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_point_has_no_place(tmp_path):
    sol = Solution.from_arrays([0.0, 1.0], {"m": np.arange(2.0)}, {}, discretize_geometry(Point()))
    with pytest.raises(FormatError, match="vtk: no variable was recorded at several nodes"):
        vtk.write(sol, tmp_path / "a.pvd")
