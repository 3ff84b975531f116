"""The cell in false colour, in two dimensions and to scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.cell import at_time, draw_cell
from multiscale.plot.style import Colours, time_of, variable

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def shape(
    data: Any,
    *,
    time: float | None = None,
    plane: str = "xy",
    limits: tuple[float, float] | None = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    size: tuple[float, float] = (5.0, 5.0),
) -> Figure:
    """Draw each segment as a line, as wide as it is thick, coloured by its value.

    Args:
        data: a variable in (node,) or in (time, node), or a Solution of one variable.
        time: time of the row to draw, ms; None: the last one.
        plane: two of x, y, z: what is drawn to the right and upwards.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: greatest width and height of the cell in the picture, inches; the figure fits around it.
    """
    array = variable(data)
    row = at_time(array, time, "shape")
    drawing = draw_cell(row, row.values, frame_of(plane, "shape"), Colours(limits, robust, log, cmap), size)
    drawing.title.set_text(time_of(row, array))
    return drawing.figure


def frame_of(plane: str, picture: str) -> NDArray[np.float64]:
    """Unit vectors to the right, upwards and towards the eye, shape (3, 3), for a plane such as ``"xz"``."""
    if len(plane) != 2 or len(set(plane)) != 2 or not set(plane) <= set("xyz"):
        raise FormatError(f"{picture}: plane is {plane!r}, expected two different letters of x, y, z such as 'xz'")
    right, up = np.eye(3)[["xyz".index(axis) for axis in plane]]
    return np.stack([right, up, np.cross(right, up)])
