"""The surface of a voxelized cell in false colour, with light and shade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from multiscale.plot.cell import THINNEST
from multiscale.plot.paper import finish, sheet, show, tint
from multiscale.plot.raster import Screen, draw_triangles, lit
from multiscale.plot.scene import bounds, chosen, rods_of, scene_of
from multiscale.plot.shape3d import turned
from multiscale.plot.style import INK, TEXT, Colours, time_of

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

FINER = 2  # pixels of ours along a side of a pixel of the figure


def surface(
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
    dark: bool = False,
) -> Figure:
    """Draw the surface of the voxels, coloured by the values just below it, and 1-D segments as tubes.

    The surface runs where the volume fraction is one half. The projection is parallel, so that the scale bar holds
    everywhere. The light changes the brightness of a colour a little, not its hue.

    Args:
        data: a variable on voxels in (node,) or (time, node), a Solution of one variable, or a VoxelArrays.
        time: time of the row to draw, ms; None: the last one.
        view: how far the eye is above the horizon, and how far it has walked around the cell, degrees.
        upwards: which of x, y, z points up.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: greatest width and height of the cell in the picture, inches; the figure fits around it.
        dark: on black paper.
    """
    array, row, images = chosen(data, time, "surface")
    frame = turned(view, upwards)
    rods = rods_of(row, images)
    low, high = bounds(images, rods, frame)
    page = sheet(low[:2], high[:2], size, dark=dark)
    scene = scene_of(images, rods, THINNEST / 72 / 2 / page.inches)
    pixel = page.pixel / FINER
    screen = Screen(low[:2], pixel, tuple(np.ceil((high - low)[1::-1] / pixel).astype(int).tolist()))
    seen = draw_triangles(screen, scene.vertices @ frame.T, scene.triangles)
    values = scene.values(row.values.astype(float))
    colours = tint(array, values, Colours(limits, robust, log, cmap))
    picture = colours.of(seen.mixed(scene.triangles, values))
    normals = seen.mixed(scene.triangles, scene.normals @ frame.T)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    picture[:, :3] = np.clip(picture[:, :3] * lit(screen, seen, normals)[:, None], 0, 1)
    picture[seen.triangle < 0] = 0.0
    axes = page.panels[0]
    show(axes, picture.reshape(*screen.shape, 4), screen.low, pixel)
    axes.set_title(time_of(row, array), size=TEXT + 0.5, color=INK, loc="left", pad=4)
    return finish(page, colours, frame, dark)
