"""The whole volume at once: what is brightest along each line of sight, or the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.cell import THINNEST
from multiscale.plot.paper import finish, sheet, show, tint
from multiscale.plot.raster import Screen, draw_triangles, draw_voxels
from multiscale.plot.scene import bounds, chosen, rods_of, scene_of
from multiscale.plot.shape3d import turned
from multiscale.plot.style import INK, TEXT, Colours, time_of

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from multiscale.voxel_image import VoxelImage

FINER = 2  # pixels of ours along a side of a pixel of the figure
COARSE, WIDE = 6, 5  # pixels: wider voxels are divided; wider ones still are drawn on a screen of larger pixels
MOST = 400_000  # voxels after the division
RIM = 0.3  # how much darker the membrane is where the line of sight grazes it
FADE = 0.2  # how much of its colour the farthest loses to the paper
KINDS = ("maximum", "mean")
Projection: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


def volume(
    data: Any,
    kind: str = "maximum",
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
    """Draw a projection of all voxels, as through a microscope with a long focus.

    ``maximum`` shows the largest value along each line of sight, the paler the farther away it is; ``mean`` shows the
    mean over the volume along it. Between the middles of large voxels values are linear. 1-D segments beside the voxels
    are tubes.

    Args:
        data: a variable on voxels in (node,) or (time, node), a Solution of one variable, or a VoxelArrays.
        kind: maximum or mean.
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
    if kind not in KINDS:
        raise FormatError(f"volume: kind is {kind!r}, expected {' or '.join(map(repr, KINDS))}")
    array, row, images = chosen(data, time, "volume")
    frame = turned(view, upwards)
    rods = rods_of(row, images)
    low, high = bounds(images, rods, frame)
    page = sheet(low[:2], high[:2], size, dark=dark)
    pixel = page.pixel / FINER
    screen = Screen(low[:2], pixel, tuple(np.ceil((high - low)[1::-1] / pixel).astype(int).tolist()))
    scene = scene_of(images, rods, THINNEST / 72 / 2 / page.inches)
    seen = draw_triangles(screen, scene.vertices @ frame.T, scene.triangles)
    values = row.values.astype(float)
    shown, depth = _projected(images[0], values[images[0].nodes], kind, frame, screen)
    for image in images[1:]:
        shown, depth = _joined(kind, (shown, depth), _projected(image, values[image.nodes], kind, frame, screen))
    front = seen.mixed(scene.triangles, scene.values(values))
    there = seen.triangle >= 0  # the outline is that of the surface, without the corners of the voxels
    tube = there & np.isin(scene.first, rods.nodes)[scene.triangles[seen.triangle, 0]]
    over = np.isnan(shown) | (tube & ((kind == "mean") | (front > shown)))
    shown, depth = np.where(over, front, shown), np.where(over, seen.depth, depth)
    tinted = tint(array, shown[there], Colours(limits, robust, log, cmap))
    picture = tinted.of(shown)
    normals = seen.mixed(scene.triangles, scene.normals @ frame.T)
    rim = 1 - RIM * (1 - np.clip(normals[:, 2], 0, 1)) ** 3
    picture[:, :3] *= rim[:, None]
    if kind == "maximum":
        picture[:, :3] = _faded(picture[:, :3], depth, low[2], high[2], dark)
    picture[~there] = 0.0
    axes = page.panels[0]
    show(axes, picture.reshape(*screen.shape, 4), screen.low, pixel)
    words = [f"{kind} along the line of sight", time_of(row, array)]
    axes.set_title(", ".join(filter(None, words)), size=TEXT + 0.5, color=INK, loc="left", pad=4)
    return finish(page, tinted, frame, dark)


def _projected(
    image: VoxelImage, values: NDArray[np.float64], kind: str, frame: NDArray[np.float64], screen: Screen
) -> Projection:
    """Value, and depth or amount, in each pixel of a screen, NaN where there is no voxel, shape (pixels,) each.

    Voxels are divided until they are a few pixels wide, and drawn on a coarser screen if they are still wider.
    """
    from scipy.ndimage import map_coordinates

    while image.dx > COARSE * screen.pixel and 8 * image.n <= MOST:
        image, values = image.refined(values)
    pixel = max(screen.pixel, image.dx / WIDE)
    rows, columns = (int(np.ceil(n * screen.pixel / pixel)) + 1 for n in screen.shape)
    coarse = Screen(screen.low, pixel, (rows, columns))
    known = np.isfinite(values)
    weights = image.fraction[known] if kind == "mean" else None
    shown, depth = draw_voxels(coarse, frame, (image.centre @ frame.T)[known], image.dx, values[known], weights)
    if pixel == screen.pixel:
        inside = np.s_[: screen.shape[0], : screen.shape[1]]
        return shown[inside].ravel(), depth[inside].ravel()
    there = np.isfinite(shown)
    row, column = ((np.arange(n) + 0.5) * screen.pixel / pixel - 0.5 for n in screen.shape)
    places = np.stack(np.meshgrid(row, column, indexing="ij"))
    share, shown, depth = (
        map_coordinates(np.where(there, part, 0.0).astype(np.float32), places, order=1, mode="nearest").ravel()
        for part in (np.ones(there.shape), shown, depth)
    )
    scale = np.where(share > 0.01, 1 / np.maximum(share, 0.01), np.nan)
    return shown * scale, depth * scale


def _joined(kind: str, one: Projection, two: Projection) -> Projection:
    """The projections of two grids as one."""
    if kind == "maximum":
        better = np.isnan(one[0]) | (two[0] > one[0])
        return np.where(better, two[0], one[0]), np.where(better, two[1], one[1])
    amount = np.nan_to_num(one[1]) + np.nan_to_num(two[1])
    total = np.nan_to_num(one[0] * one[1]) + np.nan_to_num(two[0] * two[1])
    return np.where(amount > 0, total / np.where(amount > 0, amount, 1.0), np.nan), amount


def _faded(
    colours: NDArray[np.float64], depth: NDArray[np.float64], low: float, high: float, dark: bool
) -> NDArray[np.float64]:
    """Colours that go over into the paper with the distance from the eye."""
    far = np.clip((high - np.where(np.isfinite(depth), depth, low)) / max(high - low, 1e-9), 0, 1)
    share = (FADE * far)[:, None]
    return np.asarray(colours * (1 - share) + (0.0 if dark else 1.0) * share)
