"""The cell in false colour, seen in space from any side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.cell import MARGIN, at_time, draw_cell
from multiscale.plot.style import INK, TEXT, Colours, time_of, variable

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

ARROW = 0.28  # inches: length of the axes that show how the cell is turned


def shape3d(
    data: Any,
    *,
    time: float | None = None,
    view: tuple[float, float] = (20.0, 35.0),
    upwards: str = "y",
    limits: tuple[float, float] | None = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    size: tuple[float, float] = (5.0, 5.0),
) -> Figure:
    """Draw each segment as a line in space, as wide as it is thick, coloured by its value.

    The projection is parallel, so that the scale bar and the widths hold everywhere; what is nearer covers what is
    farther and is set off from it by a thin white line.

    Args:
        data: a variable in (node,) or in (time, node), or a Solution of one variable.
        time: time of the row to draw, ms; None: the last one.
        view: how far the eye is above the horizon, and how far it has walked around the cell, degrees.
        upwards: which of x, y, z points up.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: greatest width and height of the cell in the picture, inches; the figure fits around it.
    """
    array = variable(data)
    row = at_time(array, time, "shape3d")
    frame = turned(view, upwards)
    drawing = draw_cell(row, row.values, frame, Colours(limits, robust, log, cmap), size, halos=True)
    drawing.title.set_text(time_of(row, array))
    _axes_cross(drawing.figure, frame)
    return drawing.figure


def turned(view: tuple[float, float], upwards: str) -> NDArray[np.float64]:
    """Unit vectors to the right, upwards and towards the eye, shape (3, 3).

    Args:
        view: elevation and azimuth, degrees.
        upwards: the axis that points up in the picture.
    """
    if upwards not in ("x", "y", "z"):
        raise FormatError(f"shape3d: upwards is {upwards!r}, expected 'x', 'y' or 'z'")
    elevation, azimuth = np.deg2rad(view)
    up = "xyz".index(upwards)
    east, north, south = np.eye(3)[(up - 1) % 3], np.eye(3)[up], np.eye(3)[(up + 1) % 3]
    if upwards == "y":  # the usual front: x to the right, y up, z towards the eye
        east, south = np.eye(3)[0], np.eye(3)[2]
    right = np.cos(azimuth) * east - np.sin(azimuth) * south
    level = np.sin(azimuth) * east + np.cos(azimuth) * south
    return np.stack(
        [
            right,
            np.cos(elevation) * north - np.sin(elevation) * level,
            np.cos(elevation) * level + np.sin(elevation) * north,
        ]
    )


def _axes_cross(figure: Figure, frame: NDArray[np.float64]) -> None:
    """Three short named lines in the lower right corner: where x, y and z point."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    centre = np.array([width - MARGIN - 1.6 * ARROW, MARGIN + 1.5 * ARROW])
    inch = np.array([1 / width, 1 / height])
    for name, direction in zip("xyz", frame[:2].T, strict=True):
        (x0, y0), (x1, y1), (x2, y2) = (tuple((centre + s * ARROW * direction) * inch) for s in (0.0, 1.0, 1.4))
        figure.add_artist(Line2D([x0, x1], [y0, y1], color=INK, linewidth=1.0))
        figure.text(x2, y2, name, size=TEXT - 1, color=INK, ha="center", va="center")
