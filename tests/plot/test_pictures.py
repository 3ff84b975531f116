"""Pictures: what is drawn, in which units, to which scale; and what is said when it cannot be drawn."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure
from PIL import Image

from multiscale.errors import FormatError
from multiscale.geometry import Cable, Morphology, Point, Section
from multiscale.plot import animate, kymograph, shape, shape3d, traces
from multiscale.plot.cell import THINNEST, draw_cell
from multiscale.plot.shape import frame_of
from multiscale.plot.shape3d import turned
from multiscale.plot.style import MISSING, Colours, to_pixels
from multiscale.rxd.tree import discretize_geometry
from multiscale.segmentation import MaxLength, SegmentCount
from multiscale.solution import Solution
from multiscale.voxelize.readers import example_morphology, read_morphology

TIMES = np.linspace(0.0, 500.0, 11)


def fork():
    """A soma with two dendrites at its end; the lower one is longer."""
    soma = Section("soma", ((0, 0, 0, 20), (20, 0, 0, 20)), tag=1, parent=-1, parent_x=0.0)
    up = Section("dend[0]", ((20, 0, 0, 4), (140, 90, 10, 4)), tag=3, parent=0, parent_x=1.0)
    down = Section("dend[1]", ((20, 0, 0, 2), (180, -120, -40, 2)), tag=3, parent=0, parent_x=1.0)
    return Morphology((soma, up, down), SegmentCount(5))


def recorded(geometry):
    mesh = discretize_geometry(geometry)
    ca = 1e-4 * (1 + np.exp(-(((TIMES[:, None] - 2 * mesh.distance) / 60) ** 2)))
    fields = {"ca.cyt": ca, "v": -65 + 1e5 * ca, "v@tip": ca[:, -1] * 1e5, "clamp.i": TIMES}
    units = {"ca.cyt": "mM", "v": "mV", "v@tip": "mV", "clamp.i": "pA"}
    return Solution.from_arrays(TIMES, fields, units, mesh, {"v@tip": [mesh.n - 1]} if mesh.n > 1 else None)


@pytest.fixture(scope="module")
def sol():
    return recorded(fork())


def texts(figure):
    """All visible words of a figure."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
    return [text for text in found if text]


def test_importing_and_drawing_leave_no_global_state():
    """No pyplot, hence no window and no list of figures that fills up; matplotlib only where something is drawn."""
    code = (
        "import sys, numpy as np, multiscale.plot; assert 'matplotlib' not in sys.modules\n"
        "from multiscale.solution import Solution\n"
        "sol = Solution.from_arrays(np.arange(3.0), {'v': np.arange(3.0)}, {'v': 'mV'})\n"
        "import matplotlib; before = dict(matplotlib.rcParams)\n"
        "figure = multiscale.plot.traces(sol); figure.savefig('/dev/null', format='png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules; assert before == dict(matplotlib.rcParams)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# shape


def test_shape_is_to_scale(sol):
    figure = shape(sol["ca.cyt"], time=100)
    figure.canvas.draw()
    cell = figure.axes[0]
    assert not cell.axison
    across, up = np.ptp(cell.get_xlim()), np.ptp(cell.get_ylim())
    box = cell.get_window_extent()
    points = box.width / across * 72 / figure.dpi  # points a um
    assert box.height / up * 72 / figure.dpi == pytest.approx(points, rel=1e-9)
    lines, bands = cell.collections[1], cell.collections[3]
    diameter = np.sort(sol["ca.cyt"]["diameter"].values[5:])  # the soma is drawn as bands
    corners = np.vstack([path.vertices for path in bands.get_paths()])
    assert (np.ptp(corners[:, 0]), np.ptp(corners[:, 1])) == pytest.approx((20, 20))
    np.testing.assert_allclose(np.sort(lines.get_linewidth()), np.maximum(diameter * points, THINNEST), rtol=1e-9)
    bar = figure.artists[0]
    length = np.ptp(bar.get_xdata()) * figure.get_figwidth() * 72 / points
    assert f"{length:.0f} µm" in texts(figure)


def test_shape_has_unit_time_and_colours(sol):
    figure = shape(sol["ca.cyt"], time=110)
    assert "ca.cyt (nM)" in texts(figure)  # stored as mM
    assert "t = 100 ms" in texts(figure)
    low, high = figure.axes[1].get_ylim()
    row = sol["ca.cyt"].sel(time=100) * 1e6
    assert (low, high) == pytest.approx((float(row.min()), float(row.max())))
    assert "t = 500 ms" in texts(shape(sol["ca.cyt"]))  # the last one
    ticks = shape(sol["ca.cyt"], time=110, log=True).axes[1].get_yticklabels()
    assert {"100", "200"} <= {tick.get_text() for tick in ticks}  # no powers of ten
    assert "v (mV)" in texts(shape(sol["v"].max("time", keep_attrs=True)))  # no time: a map of peaks


def test_shape_shows_missing_values_in_grey(sol):
    row = sol["v"].isel(time=3).copy()
    row[:5] = np.nan
    drawing = draw_cell(row, row.values, frame_of("xy", "test"), Colours(), (4.0, 4.0))
    assert [to_hex(colour) for colour in drawing.colours(row.values)[:5]] == [MISSING] * 5
    assert to_hex(drawing.colours(row.values)[5]) != MISSING


def test_shape_of_a_cable_is_low(sol):
    figure = shape(recorded(Cable(200.0, diameter=2.0, n=20))["v"])
    assert figure.get_figheight() < 1.2 < figure.get_figwidth()
    assert figure.axes[1].get_xlabel() == "v (mV)"  # the colour bar lies


@pytest.mark.parametrize("plane", ["xy", "yx", "xz", "zy"])
def test_planes_are_right_handed(plane):
    frame = frame_of(plane, "test")
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(frame) == pytest.approx(1)
    assert [int(np.argmax(axis)) for axis in frame[:2]] == ["xyz".index(axis) for axis in plane]


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda s: shape(s["ca.cyt"], plane="xx"), "shape: plane is 'xx', expected two different letters"),
        (lambda s: shape(s["ca.cyt"], plane="x"), "shape: plane is 'x', expected two different letters"),
        (
            lambda s: shape(s["clamp.i"]),
            r"shape: 'clamp.i' has dimensions \(time\), expected \(time, node\); use plot.traces",
        ),
        (
            lambda s: kymograph(s["v"].isel(time=0)),
            r"kymograph: 'v' has dimensions \(node\), expected \(time, node\); choose",
        ),
        (
            shape,
            "plot: got a solution of ca.cyt, v, v@tip, clamp.i, expected one variable; pass for example",
        ),
        (lambda _: shape([1.0]), "plot: got list, expected one variable"),
        (
            lambda s: shape(s["v"], limits=(1.0, 1.0)),
            r"plot: limits are \(1.0, 1.0\), expected \(low, high\) with low < high",
        ),
        (
            lambda s: shape(s["v"], limits=(0, 1), log=True),
            r"limits are \(0, 1\), expected \(low, high\) with 0 < low < high",
        ),
        (lambda s: shape(s["v"].drop_vars("start_x")), "shape: 'v' has no coordinates of segments; load the .nc file"),
        (lambda s: shape3d(s["v"], upwards="w"), "shape3d: upwards is 'w', expected 'x', 'y' or 'z'"),
        (
            lambda s: kymograph(s["v"], path=[0, 99]),
            "kymograph: 'v' was not recorded at node 99 of the path; record all",
        ),
        (
            lambda s: kymograph(s["v"], path=0),
            "kymograph: 'v' has 11 times and 1 nodes on the path, expected two or more",
        ),
        (
            lambda s: kymograph(s["v"].drop_vars("distance"), path=[0, 1]),
            "has no coordinate 'distance'; load the .nc file",
        ),
        (lambda _: traces(), "traces: got no variable, expected one or more; pass for example"),
        (
            lambda s: animate(s["v"], "cell.mp4"),
            "animate: file 'cell.mp4' has extension '.mp4', expected '.gif'; rename",
        ),
        (
            lambda s: animate(s["v"], "cell.gif", frames=0),
            "animate: frames is 0 and fps is 15.0, expected both above zero",
        ),
        (
            lambda s: animate(s["v"].isel(time=[]), "cell.gif"),
            "animate: the variable has no times, expected one or more",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(draw, sentence, sol):
    with pytest.raises(FormatError, match=sentence):
        draw(sol)


def test_a_point_cannot_be_drawn_but_traced():
    point = recorded(Point())
    with pytest.raises(FormatError, match=r"use plot.traces"):
        shape(point["ca.cyt"])
    assert isinstance(traces(point), Figure)


# colours


def test_colour_scale():
    values = np.linspace(0.0, 100.0, 1001)
    norm, extend = Colours().norm(values)
    assert (norm.vmin, norm.vmax, extend) == (0.0, 100.0, "neither")
    norm, extend = Colours(robust=True).norm(values)
    assert (norm.vmin, norm.vmax, extend) == (pytest.approx(1.0), pytest.approx(99.0), "both")
    norm, extend = Colours(limits=(-1.0, 50.0)).norm(values)
    assert (norm.vmin, norm.vmax, extend) == (-1.0, 50.0, "max")
    norm, _ = Colours(log=True).norm(values)
    assert isinstance(norm, LogNorm)
    assert norm.vmin == pytest.approx(0.1)
    for constant in (0.0, -65.0, 1e-7):
        norm, _ = Colours().norm([constant, constant, np.nan])
        assert norm.vmin < constant < norm.vmax


def test_default_maps_are_perceptually_uniform():
    assert Colours().map("µM").name == "viridis"
    assert Colours().map("mV").name == "plasma"
    assert Colours(cmap="magma").map("mV").name == "magma"
    for unit in ("mM", "mV"):
        light = Colours().map(unit)(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) > 0).all()
        assert light.max() < 0.9  # still seen on white paper


# kymograph


def test_kymograph_follows_the_path_to_the_farthest_node(sol):
    figure = kymograph(sol["ca.cyt"])
    axes = figure.axes[0]
    shown = axes.images[0].get_array()
    along = sol["ca.cyt"].isel(node=[*range(5), *range(10, 15)])
    np.testing.assert_allclose(shown, along.values.T * 1e6)
    assert {"time (ms)", "path distance (µm)", "soma(0.1) to dend[1](0.9)"} <= set(texts(figure))
    assert axes.get_ylim() == pytest.approx((0.0, 20.0 + np.hypot(np.hypot(160, 120), 40)))
    other = kymograph(sol["ca.cyt"], path=9).axes[0].images[0].get_array()
    np.testing.assert_allclose(other, sol["ca.cyt"].isel(node=range(10)).values.T * 1e6)
    back = kymograph(sol["ca.cyt"], path=[2, 1, 0]).axes[0].images[0].get_array()
    np.testing.assert_allclose(back, sol["ca.cyt"].isel(node=[2, 1, 0]).values.T * 1e6)


def test_kymograph_of_uneven_times_puts_them_where_they_are():
    cable = recorded(Cable(100.0, n=10))["v"].isel(time=[0, 1, 2, 10])
    figure = kymograph(cable, robust=True, log=False)
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    assert low == pytest.approx(-25)
    assert high == pytest.approx(700)


# traces


def test_traces_pick_six_nodes_from_near_to_far(sol):
    figure = traces(sol["v"])
    axes = figure.axes[0]
    assert len(axes.lines) == 6
    assert {"time (ms)", "v (mV)"} <= set(texts(figure))
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == "soma(0.5), 0 µm"
    assert labels[-1].startswith("dend[1](0.9), ")
    chosen = traces(sol["v"], nodes=[3, 1], labels=["a", "b"]).axes[0]
    np.testing.assert_array_equal(chosen.lines[1].get_ydata(), sol["v"].sel(node=1))
    assert [text.get_text() for text in chosen.get_legend().get_texts()] == ["a", "b"]


def test_traces_of_a_whole_solution_have_a_panel_each_and_share_units(sol):
    figure = traces(sol)
    assert [axes.get_ylabel() for axes in figure.axes] == ["ca.cyt (nM)", "v (mV)", "v@tip (mV)", "clamp.i (pA)"]
    point = Solution.from_arrays(TIMES * 1e6, {"a": TIMES * 1e-6, "b": TIMES, "c": TIMES}, {"a": "mM", "b": "mM"})
    figure = traces(point, log=True)
    assert [axes.get_ylabel() for axes in figure.axes] == ["mM", "c"]
    assert figure.axes[1].get_xlabel() == "time (h)"
    assert len(figure.axes[0].lines) == 2


# animate


def test_animation_has_even_frames_and_the_colours_of_the_picture(sol, tmp_path):
    figure = animate(sol["v"], tmp_path / "cell.gif", frames=6, fps=10)
    with Image.open(tmp_path / "cell.gif") as gif:
        assert gif.n_frames == 6
        assert gif.info["duration"] == 100
        assert gif.info["loop"] == 0
        gif.seek(5)
        last = np.asarray(gif.convert("RGB"), dtype=float)
    drawn = to_pixels(figure)[..., :3].astype(float)  # the returned figure is the last frame, drawn line by line
    assert last.shape == drawn.shape
    assert np.abs(last - drawn).mean() < 1.5
    assert last[0, 0].tolist() == [255, 255, 255]
    assert "t = 500 ms" in texts(figure)
    low, high = figure.axes[1].get_ylim()
    assert (low, high) == pytest.approx((float(sol["v"][::2].min()), float(sol["v"][::2].max())))


def test_animation_of_one_row_and_of_more_frames_than_rows(sol, tmp_path):
    for rows, frames in ((1, 5), (3, 50)):
        animate(sol["v"].isel(time=slice(0, rows)), tmp_path / "a.gif", frames=frames, size=(2.0, 2.0))
        with Image.open(tmp_path / "a.gif") as gif:
            assert gif.n_frames == rows


# shape3d


def test_shape3d_turns(sol):
    for view in ((0.0, 0.0), (20.0, 35.0), (-50.0, 170.0)):
        for upwards in "xyz":
            frame = turned(view, upwards)
            np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(frame) == pytest.approx(1)
    np.testing.assert_allclose(turned((0.0, 0.0), "y"), np.eye(3), atol=1e-15)
    front = shape3d(sol["v"], time=100)
    side = shape3d(sol["v"], time=100, view=(0.0, 90.0))
    assert np.ptp(front.axes[0].get_xlim()) != pytest.approx(np.ptp(side.axes[0].get_xlim()))
    assert {"v (mV)", "t = 100 ms", "x", "y", "z"} <= set(texts(front))


# a real cell


def test_a_reconstructed_cell(tmp_path):
    """All pictures of a CA1 pyramidal cell: every segment is there, and the path climbs without a jump."""
    sol = recorded(read_morphology(example_morphology(), MaxLength(20.0)))
    ca = sol["ca.cyt"]
    drawing = draw_cell(ca[-1], ca.values, frame_of("xy", "test"), Colours(), (4.0, 4.0))
    drawn = np.concatenate([nodes for _, nodes in drawing.parts[1:]])
    assert set(drawn.tolist()) == set(range(ca.sizes["node"]))
    climbed = kymograph(ca).axes[0].get_ylim()[1]
    farthest = int(ca["distance"].values.argmax())
    soma = float(ca["length"][ca["tag"] == 1].sum())
    assert climbed == pytest.approx(float(ca["distance"][farthest] + ca["length"][farthest] / 2) + soma / 2, abs=soma)
    shape3d(ca)
    animate(ca, tmp_path / "cell.gif", frames=3, size=(3.0, 3.0))


def test_notebooks_get_a_picture(sol):
    assert shape(sol["v"])._repr_png_().startswith(b"\x89PNG")
