"""Planes through voxels, one or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.cell import at_time
from multiscale.plot.layer import Layer, checked_place, draw_rods, draw_shadow, outline_of, spread_places
from multiscale.plot.paper import CHALK, finish, sheet, tint
from multiscale.plot.scene import chosen, rods_of
from multiscale.plot.style import INK, TEXT, Colours, time_of

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PLANES = {"x": "yz", "y": "xz", "z": "xy"}  # axis that the plane cuts: what is drawn to the right and upwards


def slice(
    data: Any,
    axis: str = "z",
    at: float | None = None,
    *,
    time: float | None = None,
    limits: tuple[float, float] | None = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    size: tuple[float, float] = (5.0, 5.0),
    outline: bool = True,
    dark: bool = False,
) -> Figure:
    """Draw the layer of voxels that a plane cuts.

    Each voxel is a square of one colour; at the membrane the squares are cut off where the volume fraction is one half.
    1-D segments in the layer are lines to scale.

    Args:
        data: a variable on voxels in (node,) or (time, node), a Solution of one variable, or a VoxelArrays.
        axis: x, y or z: the axis that the plane cuts at right angles.
        at: where it cuts it, um; None: the layer with most of the cell in it.
        time: time of the row to draw, ms; None: the last one.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar; None: those of the plane.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: greatest width and height of the plane in the picture, inches; the figure fits around it.
        outline: a line along the membrane.
        dark: on black paper.
    """
    places = None if at is None else [at]
    times = None if time is None else [time]
    colours = Colours(limits, robust, log, cmap)
    return _planes("slice", data, axis, places, times, 1, 1, colours, size, outline, dark)


def slices(
    data: Any,
    axis: str = "z",
    at: Sequence[float] | float | None = None,
    *,
    times: Sequence[float] | float | None = None,
    count: int = 9,
    columns: int | None = None,
    limits: tuple[float, float] | None = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    size: tuple[float, float] = (7.0, 7.0),
    outline: bool = True,
    dark: bool = False,
) -> Figure:
    """Draw several planes with one colour scale: at several places, or one plane at several times.

    Args:
        data: a variable on voxels in (node,) or (time, node), a Solution of one variable, or a VoxelArrays.
        axis: x, y or z: the axis that the planes cut at right angles.
        at: where they cut it, um; None: ``count`` layers from end to end, or the fullest one if times are given.
        times: times of the rows to draw, ms; None: the last one.
        count: number of layers if neither places nor times are given.
        columns: panels in a row; None: what fills the page best.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar; None: those shown.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: greatest width and height of all panels, inches; the figure fits around them.
        outline: a line along the membrane.
        dark: on black paper.
    """
    places = None if at is None else [float(place) for place in np.atleast_1d(at)]
    rows = None if times is None else [float(time) for time in np.atleast_1d(times)]
    if count < 1 or (columns is not None and columns < 1):
        raise FormatError(f"slices: count is {count} and columns is {columns}, expected one or more of each")
    colours = Colours(limits, robust, log, cmap)
    wanted = count if rows is None else 1
    return _planes("slices", data, axis, places, rows, wanted, columns, colours, size, outline, dark)


def _planes(
    user: str, data: Any, axis: str, at: list[float] | None, times: list[float] | None, count: int,
    columns: int | None, colours: Colours, size: tuple[float, float], outline: bool, dark: bool,
) -> Figure:  # fmt: skip
    if axis not in PLANES:
        raise FormatError(f"{user}: axis is {axis!r}, expected 'x', 'y' or 'z', the one that the plane cuts")
    if times is not None and not times:
        raise FormatError(f"{user}: times is empty, expected one or more, ms; None draws the last one")
    array, last, images = chosen(data, None, user)
    rows = [last] if times is None else [at_time(array, time, user) for time in times]
    cut = "xyz".index(axis)
    places = spread_places(images, cut, count) if at is None else [checked_place(user, images, cut, x) for x in at]
    frame = np.eye(3)[["xyz".index(name) for name in PLANES[axis]]]
    frame = np.vstack([frame, np.cross(*frame)])
    low = frame[:2] @ np.min([image.corner - image.dx for image in images], axis=0)
    high = frame[:2] @ np.max([image.corner + image.dx * (np.array(image.shape) + 1) for image in images], axis=0)
    both = len(rows) > 1 and len(places) > 1
    across = columns or (len(places) if both else _columns(high - low, len(rows) * len(places), size))
    page = sheet(low, high, size, len(rows) * len(places), across, dark)
    layers = [Layer.at(images, cut, place) for place in places]
    nodes = np.concatenate([layer.nodes for layer in layers])
    tinted = tint(array, np.stack([row.values[nodes] for row in rows]).astype(float), colours)
    shadow, rods = [outline_of(image, np.arange(image.n), frame) for image in images], rods_of(array, images)
    wheres, clocks = [f"{axis} = {place:.4g} µm" for place in places], [time_of(row, array) for row in rows]
    for number, axes in enumerate(page.panels):
        when, which = divmod(number, len(places))
        painted = tinted.of(rows[when].values.astype(float))
        draw_shadow(axes, shadow, rods, frame, page, dark)
        draw_rods(axes, rods.between(cut, places[which], images[0].dx), frame, page, painted)
        layers[which].draw(axes, frame, painted, (CHALK if dark else INK) if outline else "none")
        words = [wheres[which]] * (len(places) > 1 or len(rows) == 1) + [clocks[when]] * (len(places) == 1 or both)
        axes.set_title(", ".join(filter(None, words)), size=TEXT, color=INK, loc="left", pad=3)
    below = clocks[0] if len(places) > 1 and not both else wheres[0] if len(rows) > 1 and not both else ""
    return finish(page, tinted, frame, dark, below)


def _columns(extent: NDArray[np.float64], count: int, size: tuple[float, float]) -> int:
    """Number of columns at which panels of this extent become largest."""
    columns = np.arange(1, count + 1)
    scale = np.minimum(size[0] / columns / extent[0], size[1] / np.ceil(count / columns) / extent[1])
    return int(columns[scale.argmax()])
