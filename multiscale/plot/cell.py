"""A cell on paper: segments as lines to scale, with colour bar and scale bar, seen along any direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.lines import Part, Segments, flat, in_space
from multiscale.plot.style import (
    INK,
    TEXT,
    Colours,
    colour_bar,
    label,
    needs,
    new_figure,
    round_length,
    shown_unit,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.text import Text

THINNEST = 0.8  # points: thinner segments are drawn this wide, so that they stay visible
FLAT = 1.2  # inches: below a cell lower than this the colour bar lies, beside a higher one it stands
MARGIN, GAP, BAR, BAR_TEXT, BELOW, TITLE = 0.12, 0.15, 0.11, 0.75, 0.42, 0.28  # inches around the cell


@dataclass(frozen=True, eq=False)
class CellDrawing:
    """A drawn cell whose colours can be changed: what an animation reuses from frame to frame.

    Args:
        figure: the whole picture.
        axes: the part with the cell, in um.
        parts: artists of many segments, back to front.
        mapper: from values to colours.
        factor: from the unit of the data to the unit of the colour bar.
        title: text above the cell.
    """

    figure: Figure
    axes: Axes
    parts: tuple[Part, ...]
    mapper: ScalarMappable
    factor: float
    title: Text

    def colours(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Red, green, blue, alpha (0 to 1) for values of shape (nodes,), and white as the last row: (nodes + 1, 4)."""
        colours = np.asarray(self.mapper.to_rgba(np.ma.masked_invalid(values * self.factor)), dtype=float)
        return np.vstack([colours, np.ones(4)])

    def paint(self, values: NDArray[np.float64]) -> None:
        """Colour the segments by values of shape (nodes,), in the unit of the data."""
        colours = self.colours(values)
        for collection, nodes in self.parts:
            collection.set_color(colours[nodes])


def at_time(array: xr.DataArray, time: float | None, picture: str) -> xr.DataArray:
    """Return one row of a variable: the nearest to a time in ms, or the last."""
    if "time" in array.dims:
        needs(array, picture, "time", "node")
        return array.isel(time=-1) if time is None else array.sel(time=time, method="nearest")
    needs(array, picture, "node")
    return array


def draw_cell(
    row: xr.DataArray,
    values: NDArray[np.float64],
    frame: NDArray[np.float64],
    colours: Colours,
    size: tuple[float, float],
    halos: bool = False,
) -> CellDrawing:
    """Draw a cell with colour bar and scale bar.

    Args:
        row: values to begin with, with the coordinates of their segments, shape (nodes,).
        values: all values that the colour scale must hold, any shape.
        frame: unit vectors to the right, upwards and towards the eye, shape (3, 3).
        colours: how values become colours.
        size: greatest width and height of the cell in the picture, inches; the figure fits around it.
        halos: set nearer branches off from those that they cross.
    """
    from matplotlib.cm import ScalarMappable

    ends, diameter = _ends(row) @ frame.T, row["diameter"].values
    figure, axes, bar_axes, scale = _layout(ends[:, :, :2], diameter, size)
    segments = Segments(ends, diameter / 2, np.maximum(diameter * scale, THINNEST), row["section"].values)
    parts = in_space(segments) if halos else flat(segments)
    for level, (collection, _) in enumerate(parts):
        collection.set_zorder(2 + 0.01 * level)  # lines would be drawn above bands
        axes.add_collection(collection, autolim=False)
    factor, unit = shown_unit(values, str(row.attrs.get("units", "1")))
    norm, extend = colours.norm(values * factor)
    mapper = ScalarMappable(norm, colours.map(unit))
    text = label(row.name if row.name is not None else "", unit)
    colour_bar(figure, mapper, bar_axes, text, extend)
    width, height = figure.get_size_inches()
    title = figure.text(MARGIN / width, 1 - 0.08 / height, "", size=TEXT + 0.5, color=INK, va="top")
    drawing = CellDrawing(figure, axes, parts, mapper, factor, title)
    drawing.paint(row.values)
    return drawing


def _ends(row: xr.DataArray) -> NDArray[np.float64]:
    """Start and end of each segment, um, shape (nodes, 2, 3)."""
    if "start_x" not in row.coords:
        raise FormatError(f"shape: '{row.name}' has no coordinates of segments; load the .nc file of the run")
    ends = np.array([[row[f"{end}_{axis}"].values for axis in "xyz"] for end in ("start", "end")], dtype=float)
    if not np.isfinite(ends).all():
        raise FormatError(
            f"shape: '{row.name}' has voxels, which are no segments; use plot.surface, or choose the segments with "
            ".isel(node=array.grid_x < 0)"
        )
    return np.asarray(np.moveaxis(ends, 2, 0))


def _layout(
    ends: NDArray[np.float64], diameter: NDArray[np.float64], size: tuple[float, float]
) -> tuple[Figure, Axes, Axes, float]:
    """A figure that fits around the cell, the axes of cell and colour bar, and the points that one um takes."""
    half = diameter[:, None] / 2
    low, high = (ends.min(axis=1) - half).min(axis=0), (ends.max(axis=1) + half).max(axis=0)
    extent = high - low
    inches = float(min(size[0] / extent[0], size[1] / extent[1]))  # an inch a um
    wide, tall = (float(length) for length in extent * inches)
    lying = tall < FLAT
    width = MARGIN + wide + (MARGIN if lying else GAP + BAR + BAR_TEXT)
    height = BELOW + tall + TITLE + (0.2 if lying else 0.0)
    figure = new_figure(width, height)

    def part(left: float, bottom: float, across: float, up: float) -> Any:
        return figure.add_axes((left / width, bottom / height, across / width, up / height))

    axes = part(MARGIN, height - TITLE - tall, wide, tall)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_axis_off()
    if lying:
        long = min(2.2, 0.5 * wide)
        bar_axes = part(MARGIN + wide - long, BELOW, long, 0.8 * BAR)
    else:
        long = min(tall, 2.2)
        bar_axes = part(MARGIN + wide + GAP, BELOW + (tall - long) / 2, BAR, long)
    _scale_bar(figure, float(extent[0]), inches)
    return figure, axes, bar_axes, inches * 72


def _scale_bar(figure: Figure, across: float, inches: float) -> None:
    """A line of a round number of um below the left end of the cell."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    length = round_length(max(across / 4, 0.4 / inches))
    left, right, y = MARGIN / width, (MARGIN + length * inches) / width, 0.3 / height
    figure.add_artist(Line2D([left, right], [y, y], color=INK, linewidth=1.6, solid_capstyle="butt"))
    figure.text(left, 0.24 / height, f"{length:g} µm", size=TEXT, color=INK, va="top")
