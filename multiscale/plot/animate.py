"""The cell in false colour, moving: a GIF that slides and web pages show as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.export.formats import replacing
from multiscale.plot.cell import CellDrawing, draw_cell
from multiscale.plot.shape import frame_of
from multiscale.plot.style import Colours, clock, needs, to_pixels, variable

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from PIL.Image import Image

SAMPLES = 8  # frames from which the 256 colours of the file are chosen
NEARLY_WHITE = 246  # of 255, in each of red, green and blue
FINER = 4  # samples a pixel in each direction, for smooth edges


def animate(
    data: Any,
    path: str | Path,
    *,
    frames: int = 90,
    fps: float = 15.0,
    dpi: float = 110.0,
    plane: str = "xy",
    limits: tuple[float, float] | None = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    size: tuple[float, float] = (4.5, 4.5),
) -> Figure:
    """Write a GIF of the cell over time and return the figure of its last frame.

    The colour scale is the same in all frames. Frames are evenly spaced in time.

    Args:
        data: a variable in (time, node), or a Solution of one variable.
        path: file to write, ``.gif``.
        frames: greatest number of frames.
        fps: frames a second.
        dpi: pixels an inch.
        plane: two of x, y, z: what is drawn to the right and upwards.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: greatest width and height of the cell in the picture, inches.
    """
    path, array = Path(path), variable(data)
    needs(array, "animate", "time", "node")
    if path.suffix.lower() != ".gif":
        raise FormatError(f"animate: file '{path}' has extension '{path.suffix}', expected '.gif'; rename the file")
    if frames < 1 or fps <= 0:
        raise FormatError(f"animate: frames is {frames} and fps is {fps}, expected both above zero")
    array = array.transpose("time", "node")
    rows = _evenly(array["time"].values, frames)
    values, times = array.values[rows], array["time"].values[rows]
    colours = Colours(limits, robust, log, cmap)
    drawing = draw_cell(array.isel(time=rows[0]), values, frame_of(plane, "animate"), colours, size)
    drawing.figure.set_dpi(dpi)
    pictures = _draw_frames(drawing, values, times)
    with replacing(path) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / fps),
            loop=0,
            optimize=False,
        )
    return drawing.figure


def _evenly(times: NDArray[np.float64], frames: int) -> NDArray[np.int64]:
    """Rows nearest to evenly spaced times, each once, shape (at most frames,)."""
    if not times.size:
        raise FormatError("animate: the variable has no times, expected one or more")
    wanted = np.linspace(times[0], times[-1], min(frames, times.size))
    after = np.clip(np.searchsorted(times, wanted), 1, max(times.size - 1, 1))
    nearest = np.where(wanted - times[after - 1] <= times[np.minimum(after, times.size - 1)] - wanted, after - 1, after)
    return np.unique(np.minimum(nearest, times.size - 1))


def _draw_frames(drawing: CellDrawing, values: NDArray[np.float64], times: NDArray[np.float64]) -> list[Image]:
    """One palette image a row of values.

    The cell does not move, only its colours change: the share of each segment in each pixel is found once, and a frame
    is a sparse product of shares and colours instead of thousands of lines.
    """
    from PIL import Image

    canvas: Any = drawing.figure.canvas
    pixels, background, shares = _shares(drawing, values.shape[1])
    drawing.title.set_animated(True)
    _hide(drawing, True)
    to_pixels(drawing.figure)
    still, span = canvas.copy_from_bbox(drawing.figure.bbox), float(np.ptp(times))

    def draw(row: int) -> NDArray[np.uint8]:
        canvas.restore_region(still)
        drawing.title.set_text(clock(float(times[row]), span))
        drawing.figure.draw_artist(drawing.title)
        picture = np.array(canvas.buffer_rgba())[..., :3]
        colours = drawing.colours(values[row])[:-1, :3] * 255
        flat = picture.reshape(-1, 3)
        flat[pixels] = np.rint(background[:, None] * flat[pixels] + shares @ colours).astype(np.uint8)
        return picture

    sampled = np.unique(np.linspace(0, len(values) - 1, min(SAMPLES, len(values))).round().astype(int))
    palette = _with_white(Image.fromarray(np.vstack([draw(int(row)) for row in sampled])).quantize(256))
    pictures = [
        Image.fromarray(draw(row)).quantize(palette=palette, dither=Image.Dither.NONE) for row in range(len(values))
    ]
    _hide(drawing, False)
    drawing.paint(values[-1])
    drawing.title.set_animated(False)
    return pictures


def _hide(drawing: CellDrawing, hidden: bool) -> None:
    for collection, _ in drawing.parts:
        collection.set_visible(not hidden)


def _shares(drawing: CellDrawing, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64], Any]:
    """Which pixels the cell covers, and with how much of what.

    Returns:
        Numbers of the covered pixels, shape (pixels,); the share of the background in each, shape (pixels,);
        the share of each segment in each, sparse, shape (pixels, count).
    """
    from scipy.sparse import csr_array

    figure = drawing.figure
    canvas: Any = figure.canvas
    dpi, size = figure.get_dpi(), figure.get_size_inches()
    width, height = np.rint(size * dpi).astype(int).tolist()
    figure.set_size_inches((width + 0.01) / dpi, (height + 0.01) / dpi)  # whole pixels, also of the finer picture
    figure.set_dpi(dpi * FINER)
    to_pixels(figure)
    canvas.get_renderer().clear()
    for collection, nodes in drawing.parts:
        collection.set_color(np.stack([((nodes + 1) >> shift & 255) / 255 for shift in (0, 8, 16)], axis=1))
        collection.set_antialiased(False)
        figure.draw_artist(collection)
        collection.set_antialiased(True)
    rgb = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.int64)
    painted = np.asarray(canvas.buffer_rgba())[..., 3] > 0
    number = np.where(painted, rgb[..., 0] + (rgb[..., 1] << 8) + (rgb[..., 2] << 16), 0)
    figure.set_dpi(dpi)
    samples = number.reshape(height, FINER, width, FINER).swapaxes(1, 2).reshape(height * width, FINER**2)
    pixels = np.flatnonzero(samples.any(axis=1))
    samples = samples[pixels]
    row, column = np.nonzero(samples)
    weights = np.full(row.size, 1 / FINER**2)
    shares = csr_array((weights, (row, samples[row, column] - 1)), shape=(pixels.size, count))
    return pixels, 1 - shares.sum(axis=1), shares


def _with_white(palette: Image) -> Image:
    """The same palette image with what is nearly white made white, as the background is."""
    colours = np.array(palette.getpalette(), dtype=int).reshape(-1, 3)
    colours[(colours.min(axis=1) > NEARLY_WHITE) | (colours.sum(axis=1) == colours.sum(axis=1).max())] = 255
    palette.putpalette(colours.ravel().tolist())
    return palette
