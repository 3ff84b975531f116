"""Pictures of voxels: what is where, to which scale, in which colour; and what is said when it cannot be drawn."""

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from multiscale.errors import FormatError
from multiscale.plot import page, shape, slice, slices, surface, volume
from multiscale.plot.paper import CHALK
from multiscale.plot.raster import Screen, draw_triangles, draw_voxels
from multiscale.plot.scene import Rods, rods_of, scene_of
from multiscale.plot.shape3d import turned
from multiscale.plot.style import INK, to_pixels
from multiscale.voxel_image import dense, geometry_image, voxel_images
from multiscale.voxel_surface import joined, surface_of, thickened

SMALL = (1.6, 1.6)  # inches: enough to look at numbers
TIMES = np.array([0.0, 2.5, 10.0])
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def filled(inside, low, high, dx, parts=4):
    """Grid index and volume fraction of the voxels of a shape, by counting parts^3 points in each."""
    count = np.ceil((np.array(high) - low) / dx - 1e-9).astype(int)
    axes = [low[i] + dx * (np.arange(count[i] * parts) + 0.5) / parts for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    hits = inside(points).reshape(count[0], parts, count[1], parts, count[2], parts).mean(axis=(1, 3, 5))
    return np.argwhere(hits > 0), hits[hits > 0]


def variable(index, fraction, dx, low, value, tree=None, name="ca.cyt", units="mM"):
    """A variable in (time, node) on these voxels, and on 1-D segments (start, end, radius) behind them."""
    centre = low + dx * (index + 0.5)
    start, end, radius = tree or (np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    nowhere = np.full((len(index), 3), np.nan)
    places = np.vstack([centre, (start + end) / 2])
    grid = np.vstack([index, np.full((radius.size, 3), -1)])
    node = {"volume": np.concatenate([fraction * dx**3, np.pi * radius**2 * np.linalg.norm(end - start, axis=1)])}
    node["diameter"] = np.concatenate([np.full(len(index), np.nan), 2 * radius])
    node["section"] = np.array(["soma"] * len(index) + ["dend[0]"] * radius.size)
    for i, axis in enumerate("xyz"):
        node |= {axis: places[:, i], f"grid_{axis}": grid[:, i]}
        node |= {f"start_{axis}": np.vstack([nowhere, start])[:, i], f"end_{axis}": np.vstack([nowhere, end])[:, i]}
    coords = {key: ("node", values) for key, values in node.items()} | {"time": ("time", TIMES, {"units": "ms"})}
    attrs = {"units": units, "voxel_dx": dx, "voxel_origin": " ".join(map(repr, np.asarray(low, dtype=float).tolist()))}
    return xr.DataArray(value(TIMES[:, None], places), coords, ("time", "node"), name, attrs)


def spreading(time, places):
    """A Gaussian that decays and spreads from x = 2."""
    width = 1 + 0.4 * time
    return 1e-4 + 1e-3 * width**-1.5 * np.exp(-((places - [2.0, 0.0, 0.0]) ** 2).sum(axis=-1) / (2 * width))


def ball(radius=3.0, dx=0.5, tree=None, value=spreading):
    low = np.full(3, -radius - 0.3 * dx)  # the surface cuts the voxels, and differently on both sides
    index, fraction = filled(lambda p: (p**2).sum(axis=-1) < radius**2, low, np.full(3, radius + dx), dx)
    return variable(index, fraction, dx, low, value, tree)


def neurite(radius, dx=0.25):
    """A cylinder of 8 um, aslant to all axes."""
    along = np.array([2.0, 1.1, 0.7]) / np.linalg.norm([2.0, 1.1, 0.7])

    def inside(p):
        s = p @ along
        return (((p - s[..., None] * along) ** 2).sum(axis=-1) < radius**2) & (np.abs(s) < 4)

    low = np.array([-4.2, -3.1, -2.3])
    return variable(*filled(inside, low, -low, dx), dx, low, spreading)


DENDRITE = (np.array([[3.0, 0, 0], [5.0, 1, 0]]), np.array([[5.0, 1, 0], [9.0, 1, 2.0]]), np.array([0.5, 0.3]))


@pytest.fixture(scope="module")
def ca():
    return ball()


@pytest.fixture(scope="module")
def mixed():
    return ball(tree=DENDRITE)


@pytest.fixture(scope="module")
def two_grids(ca):
    """The ball, and beside it a second grid of smaller voxels."""
    small = ball(1.0, 0.25)
    moved = {"x": ("node", small["x"].values + 5.0)}
    both = xr.concat([ca.drop_vars("section"), small.drop_vars("section").assign_coords(moved)], "node")
    grid = np.repeat([0, 1], [ca.sizes["node"], small.sizes["node"]])
    low = np.array(small.attrs["voxel_origin"].split(), dtype=float)
    low[0] += 5.0
    attrs = {"voxel_dx_1": 0.25, "voxel_origin_1": " ".join(map(str, low.tolist()))}
    return both.assign_coords(grid=("node", grid)).assign_attrs(ca.attrs | attrs)


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


# the voxels


def test_dense_has_values_inside_and_nan_outside(ca):
    array, origin, dx = dense(ca)
    assert dx == 0.5
    assert array.shape[0] == 3
    assert np.isfinite(array).sum() == ca.size
    i, j, k = (ca[f"grid_{axis}"].values for axis in "xyz")
    low = np.array([i.min(), j.min(), k.min()])
    np.testing.assert_array_equal(array[:, i - low[0], j - low[1], k - low[2]], ca.values)
    place = origin + dx * (np.array([i[7], j[7], k[7]]) - low + 0.5)
    np.testing.assert_allclose(place, [ca[axis].values[7] for axis in "xyz"], atol=1e-12)
    shuffled = ca.isel(node=np.random.default_rng(1).permutation(ca.sizes["node"]))
    np.testing.assert_array_equal(dense(shuffled)[0], array)
    assert dense(ca.isel(time=1))[0].shape == array.shape[1:]


def test_halved_keeps_the_amount_and_refined_is_linear(ca):
    (image,) = voxel_images(ca, "test")
    coarse, means = image.halved(ca.values)
    assert coarse.dx == 1.0
    np.testing.assert_allclose(
        (means * coarse.fraction).sum(axis=1) * coarse.dx**3,
        (ca.values * image.fraction).sum(axis=1) * image.dx**3,
        rtol=1e-12,  # the same sum in another order
    )
    fine, values = image.refined(image.centre @ [1.0, -2.0, 0.5])
    assert fine.n == 8 * image.n
    assert fine.fraction.sum() * fine.dx**3 == pytest.approx(image.fraction.sum() * image.dx**3)
    inner = np.linalg.norm(fine.centre, axis=1) < 2.0  # every neighbour exists
    np.testing.assert_allclose(values[inner], (fine.centre @ [1.0, -2.0, 0.5])[inner], atol=1e-12)


def test_two_grids_are_two_images(two_grids):
    one, two = voxel_images(two_grids, "test")
    assert (one.dx, two.dx) == (0.5, 0.25)
    np.testing.assert_allclose(two.centre[:, 0], two_grids["x"].values[two.nodes])
    with pytest.raises(FormatError, match=r"dense: 'ca.cyt' has 2 grids, expected one; choose with .isel"):
        dense(two_grids)
    assert dense(two_grids.isel(node=two_grids["grid"].values == 0))[0].shape[0] == 3


# the surface


@pytest.mark.parametrize("dx", [1.0, 0.5, 0.25])
def test_the_surface_of_a_ball(dx):
    """Fractions are means over a voxel, so that a ball of radius r loses 0.87 (dx/r)^2 of its volume: second order.

    The area is larger by about 0.4 % at any dx, as the surface is a little rough (measured -0.9 % at dx = r/6, +0.1 %
    at r/12, +0.4 % at r/24).
    """
    (image,) = voxel_images(ball(dx=dx), "test")
    skin = surface_of(image)
    assert skin.watertight
    assert len(skin.vertices) - skin.edge_counts.size + len(skin.triangles) == 2  # Euler: one closed piece, no handle
    lost = 1 - skin.volume / (4 / 3 * np.pi * 27)  # below 1: triangles look outwards
    assert lost == pytest.approx(0.87 * (dx / 3) ** 2, rel=0.1)  # terms of higher order at dx = r/3
    assert skin.area == pytest.approx(4 * np.pi * 9, rel=0.01 + 0.4 * (dx / 3) ** 2)
    outwards = skin.vertices / np.linalg.norm(skin.vertices, axis=1, keepdims=True)
    assert (skin.normals() * outwards).sum(axis=1).min() > 0.95
    assert np.ptp(np.linalg.norm(skin.smoothed().vertices, axis=1)) < np.ptp(np.linalg.norm(skin.vertices, axis=1))


def test_the_surface_of_anything_is_closed():
    """Also where voxels touch at an edge or a corner only: noise has every one of the 256 cases many times."""
    rng = np.random.default_rng(3)
    for level in (0.2, 0.5, 0.8):
        fraction = rng.random((14, 14, 14)) * (rng.random((14, 14, 14)) < 0.8)
        index = np.argwhere(fraction > 0)
        (image,) = voxel_images(variable(index, fraction[fraction > 0], 1.0, np.zeros(3), spreading), "test")
        skin = surface_of(image, level)
        assert skin.watertight
        assert skin.volume > 0
        assert joined([skin, skin]).watertight


def test_values_on_the_surface_are_those_below_it(ca):
    (image,) = voxel_images(ca, "test")
    skin = surface_of(image)
    linear = image.centre @ [0.1, 0.2, -0.3]
    reach = (
        0.5 * image.dx * np.linalg.norm([0.1, 0.2, -0.3])
    )  # without a voxel outside, the value is that of the inside
    assert np.abs(skin.values(linear) - skin.vertices @ [0.1, 0.2, -0.3]).max() < reach
    holes = np.where(np.arange(image.n) % 2, np.nan, 1.0)
    assert set(np.unique(skin.values(holes)[np.isfinite(skin.values(holes))])) == {1.0}


def test_a_neurite_thinner_than_a_voxel_is_one_piece_in_pictures():
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    def pieces(skin):
        ends = skin.triangles[:, [0, 1, 1, 2]].reshape(-1, 2)
        links = coo_array((np.ones(len(ends)), ends.T), shape=(len(skin.vertices),) * 2)
        return connected_components(links)[0]

    (image,) = voxel_images(neurite(0.13), "test")
    assert pieces(surface_of(image)) > 3  # dashes
    shown = surface_of(image, thin=True)
    assert pieces(shown) == 1
    assert np.ptp(shown.vertices[:, 0]) == pytest.approx(8 * 2 / np.sqrt(4 + 1.21 + 0.49), abs=0.5)
    (thick,) = voxel_images(neurite(0.7), "test")
    assert (thickened(thick)[thick.fraction == 1] == 1).all()


# pixels


def test_the_nearest_triangle_is_seen():
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    vertices = np.vstack([square, square * 0.5 + [0.25, 0.25, 1.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    screen = Screen(np.zeros(2), 0.01, (100, 100))
    seen = draw_triangles(screen, vertices, triangles)
    assert (seen.triangle >= 0).mean() == 1.0
    near = np.isin(seen.triangle, [2, 3]).reshape(100, 100)
    assert near.mean() == pytest.approx(0.25, abs=0.011)  # a pixel of border in 50 on each side
    assert near[30:70, 30:70].all()
    np.testing.assert_allclose(seen.depth.reshape(100, 100)[30:70, 30:70], 1.0)
    x = seen.mixed(triangles, vertices[:, 0]).reshape(100, 100)
    np.testing.assert_allclose(x, np.broadcast_to((np.arange(100) + 0.5) / 100, (100, 100)), atol=0.01)  # a pixel
    assert (draw_triangles(screen, vertices, triangles[:, ::-1]).triangle < 0).all()  # from behind


def test_projections_equal_sums_over_the_array(ca):
    """Seen along z, pixels of the size of voxels: the largest and the mean of each column."""
    (image,) = voxel_images(ca, "test")
    array, fraction = dense(ca.isel(time=1))[0], image.dense(image.fraction, 0.0)
    centres = image.centre @ turned((0.0, 0.0), "y").T
    screen = Screen(image.corner[:2], image.dx / 5, (5 * image.shape[1], 5 * image.shape[0]))
    values, frame = ca.values[1][image.nodes], np.eye(3)
    middle = np.s_[2::5, 2::5]
    shown, depth = draw_voxels(screen, frame, centres, image.dx, values)
    columns = np.isfinite(array).any(axis=2)
    expected = np.where(columns, np.nan_to_num(array, nan=-1).max(axis=2), np.nan)
    np.testing.assert_array_equal(shown[middle].T, expected)
    k = np.nan_to_num(array, nan=-1).argmax(axis=2)
    np.testing.assert_allclose(
        depth[middle].T[columns], (image.corner[2] + image.dx * (k + 0.5))[columns], atol=1e-12
    )  # fmt: skip
    mean, _ = draw_voxels(screen, frame, centres, image.dx, values, image.fraction)
    total = np.nansum(array * fraction, axis=2) / np.maximum(fraction.sum(axis=2), 1e-12)
    np.testing.assert_allclose(mean[middle].T[columns], total[columns], rtol=1e-12)


# slice


def test_slice_shows_the_voxels_of_the_fullest_plane(ca):
    figure = slice(ca, time=2.4)
    cell = figure.axes[0]
    (picture,) = cell.images
    shown = picture.get_array()
    array, origin, dx = dense(ca.sel(time=2.5))
    k = int(np.isfinite(array).sum(axis=(0, 1)).argmax())
    np.testing.assert_array_equal(shown[..., 3] > 0, np.isfinite(array[:, :, k]).T)
    assert picture.get_extent() == pytest.approx([origin[0], -origin[0] + 0.2, origin[1], -origin[1] + 0.2], abs=0.5)
    bright = np.unravel_index(shown[..., :3].sum(axis=-1).argmax(), shown.shape[:2])
    assert bright[::-1] == np.unravel_index(np.nanargmax(array[:, :, k]), array.shape[:2])
    assert {"ca.cyt (nM)", "x", "y"} <= set(texts(figure))
    where = origin[2] + dx * (k + 0.5)
    assert f"z = {where:.4g} µm, t = 2.5 ms" in texts(figure)
    outline = picture.get_clip_path()[0] if isinstance(picture.get_clip_path(), tuple) else picture.get_clip_path()
    radius = np.linalg.norm(
        outline.get_fully_transformed_path().transformed(cell.transData.inverted()).vertices, axis=1
    )
    assert radius.max() == pytest.approx(np.sqrt(9 - where**2), abs=0.1)  # the membrane, to a fifth of a voxel


def test_slice_scale_bar_is_to_scale(ca):
    figure = slice(ca, "y", at=0.3)
    figure.canvas.draw()
    cell = figure.axes[0]
    pixels = cell.get_window_extent().width / np.ptp(cell.get_xlim())
    bar = figure.artists[0]
    length = np.ptp(bar.get_xdata()) * figure.get_figwidth() * figure.dpi / pixels
    assert f"{length:g} µm" in texts(figure)
    assert cell.get_window_extent().height / np.ptp(cell.get_ylim()) == pytest.approx(pixels)
    assert [text for text in texts(figure) if text in ("x", "y", "z")] == ["x", "z"]


def test_slice_of_a_mixed_cell_shows_segments_in_the_layer(mixed):
    near = rods_of(mixed, voxel_images(mixed, "test")).between(2, 0.0, 0.5)
    assert near.nodes.tolist() == [mixed.sizes["node"] - 2, mixed.sizes["node"] - 1]
    np.testing.assert_allclose(near.end[1], [5.6, 1.0, 0.3])  # the second climbs out of the layer
    far = rods_of(mixed, voxel_images(mixed, "test")).between(2, 1.5, 0.5)
    np.testing.assert_allclose([far.start[0, 2], far.end[0, 2]], [1.2, 1.8])
    lines = [c for c in slice(mixed, at=0.1).axes[0].collections if len(c.get_segments()) == 2]
    assert len(lines) == 2  # the shadow of all, and those in the layer


def test_slices_in_space_and_in_time(ca):
    space = slices(ca, "x", count=4)
    panels = [axes for axes in space.axes if axes.images]
    assert len(panels) == 4
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == sorted(titles, key=lambda text: float(text.split()[2]))
    assert "t = 10.0 ms" in texts(space)
    when = slices(ca, times=[0, 10])
    assert [axes.get_title(loc="left") for axes in when.axes if axes.images] == ["t = 0.0 ms", "t = 10.0 ms"]
    low, high = when.axes[-1].get_ylim()
    layer = ca.isel(node=np.flatnonzero(ca["grid_z"] == 6)).sel(time=[0, 10]).values * 1e3
    assert (low, high) == pytest.approx((layer.min(), layer.max()), rel=0.05)
    both = slices(ca, "z", at=[-1.0, 1.0], times=TIMES)
    assert len([axes for axes in both.axes if axes.images]) == 6
    assert len(slices(ca, count=50).axes) <= 14


# surface and volume


@pytest.mark.parametrize("draw", [surface, volume])
def test_the_ball_is_round_and_to_scale(ca, draw):
    figure = draw(ca, time=0, size=SMALL)
    picture = figure.axes[0].images[0]
    covered = picture.get_array()[..., 3] > 0
    left, right, low, high = picture.get_extent()
    pixel = (right - left) / covered.shape[1]
    assert covered.sum() * pixel**2 == pytest.approx(np.pi * 9, rel=0.02)  # a hundredth of the radius
    assert (high - low) / covered.shape[0] == pytest.approx(pixel)
    assert {"x", "y", "z", "1 µm"} <= set(texts(figure))


def test_volume_shows_what_the_surface_hides():
    inside = ball(value=lambda t, p: np.where(np.linalg.norm(p, axis=1) < 1, 1.0, 0.1) + 0 * t)
    figures = [draw(inside, view=(0.0, 0.0), size=SMALL) for draw in (surface, volume)]
    pictures = [figure.axes[0].images[0].get_array() for figure in figures]
    middle = [picture[picture.shape[0] // 2, picture.shape[1] // 2, :3] for picture in pictures]
    assert middle[1][0] > 0.8  # yellow behind purple
    assert middle[0][0] < 0.4
    mean = volume(inside, "mean", view=(0.0, 0.0), size=SMALL).axes[1].get_ylim()[1]
    assert mean / 1e3 == pytest.approx(0.1 + 0.9 * 2 / 6, abs=0.06)  # 2 of 6 um are bright; voxels blur the border


def test_segments_are_tubes_of_their_thickness(mixed):
    images = voxel_images(mixed, "test")
    rods = rods_of(mixed, images)
    scene = scene_of(images, rods)
    tubes = np.isin(scene.first, rods.nodes)
    assert tubes.sum() > 0
    end = np.linalg.norm(scene.vertices[tubes] - [9.0, 1.0, 2.0], axis=1)
    assert (np.abs(end - 0.3) < 1e-9).sum() == 12  # the last ring
    values = scene.values(mixed.values[0])
    assert set(values[tubes]) == set(mixed.values[0][rods.nodes])
    turned_in = (scene.triangles[tubes[scene.triangles].all(axis=1)]).astype(int)
    a, b, c = (scene.vertices[turned_in[:, i]] for i in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), scene.normals[turned_in].mean(axis=1)) > 0).all()
    alone = surface(mixed.isel(node=mixed["grid_x"] >= 0), size=SMALL)
    assert surface(mixed, size=SMALL).axes[0].get_xlim()[1] > alone.axes[0].get_xlim()[1] + 2
    none = Rods(rods.nodes[:0], rods.start[:0], rods.end[:0], rods.radius[:0])
    assert not np.isin(scene_of(images, none).first, rods.nodes).any()


def test_every_picture_takes_two_grids_gaps_and_static_data(two_grids, ca):
    gaps = ca.copy()
    gaps[:, : ca.sizes["node"] // 2] = np.nan
    for data in (two_grids, gaps, ca.isel(time=0), ca.max("time", keep_attrs=True)):
        for draw in (slice, slices, surface, volume):
            assert isinstance(draw(data, size=SMALL), Figure)
    assert (
        volume(two_grids, "mean", size=SMALL).axes[0].get_xlim()[1]
        > volume(ca, "mean", size=SMALL).axes[0].get_xlim()[1]
    )


def test_light_and_dark(ca):
    for draw in (slice, slices, surface, volume):
        for dark, ink in ((False, INK), (True, CHALK)):
            figure = draw(ca, dark=dark, size=SMALL)
            words = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
            assert {text.get_color() for text in words} == {ink}
            assert (to_pixels(figure)[0, 0, :3] > 128).all() != dark


def test_log_robust_limits_and_map(ca):
    assert slice(ca, log=True).axes[-1].get_yscale() == "log"
    assert surface(ca, limits=(0.1, 2.0), cmap="magma", size=SMALL).axes[1].get_ylim() == (0.1, 2.0)
    assert isinstance(volume(ca, robust=True, upwards="z", view=(10, 200), size=SMALL), Figure)


def test_a_voxelized_shape_is_drawn_before_anything_runs(ca, tmp_path):
    class Arrays:  # what is read of VoxelArrays
        dx, origin, face = 0.5, np.full(3, -3.15), None
        index = np.stack([ca[f"grid_{axis}"].values for axis in "xyz"], axis=1)
        volume = ca["volume"].values
        area = np.zeros(len(index))

    assert geometry_image(Arrays).name == "volume fraction"
    assert "volume fraction" in texts(surface(Arrays, size=SMALL))
    assert page(Arrays, tmp_path / "shape.html").is_file()


# the page


def unpacked(path):
    """Numbers, arrays by name, and the text of a page."""
    text = path.read_text(encoding="utf-8")
    meta = json.loads(re.search(r'id="meta">(.*?)</script>', text, re.DOTALL)[1])
    blob = gzip.decompress(base64.b64decode(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]))
    arrays = {
        name: np.frombuffer(blob, "<" + kind, length, offset) for name, (kind, offset, length) in meta["arrays"].items()
    }
    return meta, arrays, text


def test_page_holds_the_values_and_nothing_from_elsewhere(mixed, tmp_path):
    meta, arrays, text = unpacked(
        page([mixed, (2 * mixed).rename("ip3.cyt").assign_attrs(mixed.attrs)], tmp_path / "a.html")
    )
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|src=|@import|<link|url\(", text)
    assert len(text) < 200_000
    assert meta["nodes"] == mixed.sizes["node"]
    assert meta["times"] == TIMES.tolist()
    assert [variable["unit"] for variable in meta["variables"]] == ["µM", "µM"]
    image = voxel_images(mixed, "test")[0]
    order = np.concatenate([image.nodes, image.tree])
    for number, variable in enumerate(meta["variables"]):
        steps = np.cumsum(arrays[f"values{number}"].reshape(3, -1).astype(int), axis=0) % 65536
        found = variable["low"] + (variable["high"] - variable["low"]) * steps / meta["steps"]
        wanted = mixed.values[:, order] * 1e3 * (1 + number)
        half = (variable["high"] - variable["low"]) / meta["steps"] / 2
        np.testing.assert_allclose(found, wanted, atol=half * (1 + 1e-9))
    low, high = np.array(meta["low"]), np.array(meta["high"])
    vertices = low + arrays["vertices"].reshape(-1, 3) / 65535 * (high - low)
    scene = scene_of((image,), rods_of(mixed, (image,)))
    np.testing.assert_allclose(vertices, scene.vertices, atol=(high - low).max() / 65535)
    triangles = np.cumsum(arrays["triangles"].astype(np.int64)).reshape(-1, 3) % 2**32
    np.testing.assert_array_equal(triangles, scene.triangles)
    assert meta["sections"] == ["dend[0]", "soma"]
    assert arrays["section"].tolist() == [1] * image.n + [0, 0]


def test_page_says_what_it_leaves_out(ca, tmp_path):
    meta, _, _ = unpacked(page(ca, tmp_path / "a.html", voxels=300, frames=2, title="a <ball> & more", time=0.0))
    assert "voxels of 1 µm, each the mean of up to 8 of the" in meta["statement"]
    assert "2 of 3 times" in meta["statement"]
    assert meta["voxels"] <= 300
    assert meta["frame"] == 0
    assert "<title>a &lt;ball> &amp; more</title>" in (tmp_path / "a.html").read_text(encoding="utf-8")
    meta, _, _ = unpacked(page(ca, tmp_path / "b.htm", log=True, limits={"ca.cyt": (0.1, 1.0)}, dark=True))
    assert (meta["variables"][0]["low"], meta["variables"][0]["high"]) == (0.1, 1.0)
    assert "mean of" not in meta["statement"]


def test_page_is_the_same_again(ca, tmp_path):
    assert page(ca, tmp_path / "a.html").read_bytes() == page(ca, tmp_path / "b.html").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium to run the page")
@pytest.mark.parametrize("mode", ["surface", "cut", "slice", "maximum"])
def test_page_runs_in_a_browser(two_grids, tmp_path, mode):
    path = page(two_grids, tmp_path / "a.html")
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    command += ["--virtual-time-budget=8000", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run(
        [*command, f'{path.as_uri()}#{{"mode":"{mode}"}}'], capture_output=True, text=True, timeout=120, check=False
    )
    assert 'data-ready="yes"' in done.stdout, done.stdout[-2000:]
    assert "t = 10.0 ms" in done.stdout


# what cannot be drawn


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda c: slice(c, "w"), "slice: axis is 'w', expected 'x', 'y' or 'z'"),
        (lambda c: slice(c, at=70), r"slice: at is 70 um, where no voxel is; expected z from -3.15 to 3.35 um"),
        (lambda c: slices(c, times=[]), "slices: times is empty, expected one or more"),
        (lambda c: slices(c, count=0), "slices: count is 0 and columns is None, expected one or more of each"),
        (lambda c: volume(c, "minimum"), "volume: kind is 'minimum', expected 'maximum' or 'mean'"),
        (lambda c: surface(c, upwards="w"), "upwards is 'w', expected 'x', 'y' or 'z'"),
        (lambda c: surface(c.drop_vars("grid_x")), r"surface: 'ca.cyt' has no grid_x, expected a variable on voxels"),
        (lambda c: surface(c.assign_coords(grid_x=-1 + 0 * c.grid_x)), "surface: 'ca.cyt' has no node that is a voxel"),
        (lambda c: slice(c.isel(node=0)), r"slice: 'ca.cyt' has dimensions \(time\), expected \(time, node\)"),
        (lambda c: page(c, "a.txt"), r"page: file 'a.txt' has extension '.txt', expected '.html'; rename"),
        (lambda c: page(c, "a.html", frames=0), "page: frames is 0 and voxels is 400000, expected one or more of each"),
        (lambda _: page([], "a.html"), "page: got no variable with nodes, expected one or more; record all nodes"),
        (
            lambda c: page([c, c.isel(time=0)], "a.html"),
            r"page: 'ca.cyt' has shape \d+, expected 3 x \d+ as 'ca.cyt' has; write two pages",
        ),
        (lambda c: page(c, "/nowhere/a.html"), r"file '/nowhere/a.html' cannot be written: folder '/nowhere' does not"),
        (
            lambda c: surface_of(voxel_images(c, "test")[0], 1.5),
            "surface: level is 1.5, expected a volume fraction above 0",
        ),
        (
            lambda c: surface_of(voxel_images(c.assign_coords(volume=0.01 * c.volume), "test")[0]),
            "surface: no voxel has a volume fraction of 0.5 or more, the largest is 0.01; use smaller voxels",
        ),
        (shape, "shape: 'ca.cyt' has voxels, which are no segments; use plot.surface"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(draw, sentence, ca):
    with pytest.raises(FormatError, match=sentence) as caught:
        draw(ca)
    assert "\n" not in str(caught.value)


def test_a_box_too_large_for_an_array_is_one_sentence(ca):
    (image,) = voxel_images(ca, "test")
    with pytest.raises(
        FormatError, match=r"voxels: the box around \d+ voxels has 13 x 13 x 13 cells, expected at most"
    ):
        image.dense(np.zeros((50_000, image.n), dtype=np.float32))


def test_importing_loads_no_matplotlib():
    code = "import sys, multiscale.plot; assert not {'matplotlib', 'scipy', 'xarray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
