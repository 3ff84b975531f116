"""Layers of voxels as squares that are cut off along the membrane, and what lies around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.cell import THINNEST
from multiscale.plot.paper import Sheet
from multiscale.plot.scene import Images, Rods
from multiscale.voxel_image import VoxelImage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

OUTLINE = 0.6  # points
SHADOWS = "#ececec", "#26262c"  # of the whole cell behind a layer, on white and on black
TIPS = 0.02  # layers with less than this share of the fullest one are left out when layers are spread


@dataclass(frozen=True, eq=False)
class Layer:
    """The voxels that a plane cuts, grid by grid.

    Args:
        images: grids that have any.
        which: numbers of the voxels in each of them, shape (k,).
    """

    images: Images
    which: tuple[Ints, ...]

    @classmethod
    def at(cls, images: Images, cut: int, place: float) -> Self:
        """Return the layer at a place, um, along axis 0, 1 or 2."""
        found = []
        for image in images:
            layer = int(np.floor((place - image.origin[cut]) / image.dx + 1e-9))
            which = np.flatnonzero(image.index[:, cut] == layer)
            if which.size:
                found.append((image, which))
        return cls(tuple(image for image, _ in found), tuple(which for _, which in found))

    @property
    def nodes(self) -> Ints:
        """Positions along the dimension ``node``, shape (voxels,)."""
        parts = [image.nodes[which] for image, which in zip(self.images, self.which, strict=True)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])

    def draw(self, axes: Axes, frame: Floats, colours: Floats, outline: str) -> None:
        """Draw the squares.

        Args:
            axes: a panel in um.
            frame: unit vectors to the right, upwards and towards the eye, shape (3, 3).
            colours: of all nodes, shape (nodes, 4).
            outline: colour of the line along the membrane, or none.
        """
        from matplotlib.patches import PathPatch

        limits = (*axes.get_xlim(), *axes.get_ylim())
        for image, which in zip(self.images, self.which, strict=True):
            column, row, wide, tall = _lattice(image, which, frame)
            picture = np.zeros((tall, wide, 4))
            picture[row, column] = colours[image.nodes[which]]
            left, bottom = frame[:2] @ image.corner
            extent = (left, left + wide * image.dx, bottom, bottom + tall * image.dx)
            shown = axes.imshow(
                picture, origin="lower", extent=extent, interpolation="nearest", aspect="auto", zorder=2
            )
            membrane = outline_of(image, which, frame)
            shown.set_clip_path(membrane, axes.transData)
            axes.add_patch(PathPatch(membrane, facecolor="none", edgecolor=outline, linewidth=OUTLINE, zorder=3))
        axes.set(xlim=limits[:2], ylim=limits[2:])


def checked_place(user: str, images: Images, cut: int, place: float) -> float:
    """Return the middle of the layer at a place, um; refuse a place without voxels."""
    layer = Layer.at(images, cut, place)
    if layer.images:
        image = layer.images[0]
        return float(image.origin[cut] + (image.index[layer.which[0][0], cut] + 0.5) * image.dx)
    low = min(image.corner[cut] for image in images)
    high = max(image.corner[cut] + image.dx * image.shape[cut] for image in images)
    raise FormatError(
        f"{user}: at is {place:g} um, where no voxel is; expected {'xyz'[cut]} from {low:.4g} to {high:.4g} um"
    )


def spread_places(images: Images, cut: int, count: int) -> list[float]:
    """Middles of evenly spread layers of the first grid, um; a single one is the fullest."""
    image = images[0]
    amount = np.bincount(image.index[:, cut] - image.low[cut], image.fraction, image.shape[cut])
    full = np.flatnonzero(amount > TIPS * amount.max())
    spread = full[np.linspace(0, full.size - 1, min(count, full.size) + 2)[1:-1].round().astype(int)]
    layers = [int(amount.argmax())] if count == 1 else np.unique(spread).tolist()
    return [float(image.corner[cut] + (layer + 0.5) * image.dx) for layer in layers]


def outline_of(image: VoxelImage, which: Ints, frame: Floats) -> Path:
    """Where the volume fraction of some voxels is one half, or one half of that of the thickest voxel around."""
    from matplotlib.figure import Figure
    from scipy.ndimage import maximum_filter

    column, row, wide, tall = _lattice(image, which, frame)
    fraction = np.zeros((tall + 2, wide + 2))  # a border, so that every contour closes
    np.maximum.at(fraction, (row + 1, column + 1), image.fraction[which])
    fraction /= np.maximum(maximum_filter(fraction, 3), 1e-12)
    left, bottom = frame[:2] @ image.corner
    x, y = left + image.dx * (np.arange(wide + 2) - 0.5), bottom + image.dx * (np.arange(tall + 2) - 0.5)
    (outline,) = Figure().add_subplot().contourf(x, y, fraction, levels=(0.5, 2.0)).get_paths()
    return outline


def draw_shadow(axes: Axes, outlines: list[Path], rods: Rods, frame: Floats, page: Sheet, dark: bool) -> None:
    """The whole cell, seen along the axis that the plane cuts, behind the layer."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import PathPatch

    shadow = SHADOWS[int(dark)]
    for outline in outlines:
        axes.add_patch(PathPatch(outline, facecolor=shadow, edgecolor=shadow, linewidth=OUTLINE, zorder=1))
    draw_rods(axes, rods, frame, page, np.tile(to_rgba(shadow), (int(rods.nodes.max(initial=0)) + 1, 1)))


def draw_rods(axes: Axes, rods: Rods, frame: Floats, page: Sheet, colours: Floats) -> None:
    """1-D segments to scale, in the colours of their nodes, shape (nodes, 4)."""
    from matplotlib.collections import LineCollection

    ends = np.stack([rods.start @ frame[:2].T, rods.end @ frame[:2].T], axis=1)
    widths = np.maximum(2 * rods.radius * page.inches * 72, THINNEST)
    style: Any = {"linewidths": widths, "colors": colours[rods.nodes], "capstyle": "butt", "zorder": 1}
    axes.add_collection(LineCollection(list(ends), **style), autolim=False)


def _lattice(image: VoxelImage, which: Ints, frame: Floats) -> tuple[Any, Any, int, int]:
    """Column and row of some voxels seen along an axis, and the columns and rows of the whole box."""
    column, row = np.abs(frame[:2] @ (image.index[which] - image.low).T).astype(int)
    wide, tall = np.abs(frame[:2] @ np.array(image.shape)).astype(int).tolist()
    return column, row, wide, tall
