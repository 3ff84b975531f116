"""What the space pictures draw: the surface of the voxels, and tubes for the 1-D segments beside them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.plot.cell import at_time
from multiscale.plot.style import variable
from multiscale.voxel_image import VoxelImage, geometry_image, voxel_images
from multiscale.voxel_surface import surface_of

if TYPE_CHECKING:
    import xarray as xr

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

Images: TypeAlias = tuple[VoxelImage, ...]

SIDES = 12  # of a tube


@dataclass(frozen=True, eq=False)
class Rods:
    """The 1-D segments of a variable.

    Args:
        nodes: position of each along the dimension ``node``, shape (m,).
        start: um, shape (m, 3).
        end: um, shape (m, 3).
        radius: um, shape (m,).
    """

    nodes: Ints
    start: Floats
    end: Floats
    radius: Floats

    def between(self, axis: int, middle: float, dx: float) -> Rods:
        """Return what is in a layer of thickness dx, um, or thick enough to reach its middle; cut off at its sides."""
        near = np.maximum(self.radius, dx / 2)
        start, end = self.start[:, axis] - middle, self.end[:, axis] - middle
        rise = np.where(np.abs(end - start) < 1e-9, 1e-9, end - start)
        enter, leave = np.clip(np.sort([(-near - start) / rise, (near - start) / rise], axis=0), 0, 1)[..., None]
        along, there = self.end - self.start, (leave > enter)[:, 0]
        parts = (self.nodes, self.start + enter * along, self.start + leave * along, self.radius)
        return Rods(*(part[there] for part in parts))


@dataclass(frozen=True, eq=False)
class Scene:
    """Triangles whose corners take their values from nodes.

    Args:
        vertices: um, shape (m, 3).
        normals: unit normals, shape (m, 3).
        triangles: numbers of vertices, counter-clockwise seen from outside, shape (k, 3).
        first: position of a node for each vertex, shape (m,).
        second: position of another one, shape (m,).
        share: weight of the second, 0 to 1, shape (m,).
    """

    vertices: Floats
    normals: Floats
    triangles: Ints
    first: Ints
    second: Ints
    share: Floats

    def values(self, values: NDArray[Any]) -> Floats:
        """Values at the vertices, shape (..., m), from those of the nodes, shape (..., nodes)."""
        one, two = values[..., self.first], values[..., self.second]
        mixed = one + self.share * (two - one)
        return np.where(np.isnan(mixed), np.where(np.isnan(one), two, one), mixed)


def given(data: Any) -> xr.DataArray:
    """Return the variable to draw: data as `variable` takes them, or a VoxelArrays, which shows its fractions."""
    return geometry_image(data) if hasattr(data, "face") and hasattr(data, "index") else variable(data)


def chosen(data: Any, time: float | None, user: str) -> tuple[xr.DataArray, xr.DataArray, Images]:
    """Return the variable, its row at a time (None: the last), and where its voxels are."""
    array = given(data)
    return array, at_time(array, time, user), voxel_images(array, user)


def rods_of(array: xr.DataArray, images: Images) -> Rods:
    """Return the 1-D segments of a variable, none if it has only voxels or no coordinates of segments."""
    nodes = images[0].tree if "start_x" in array.coords else images[0].tree[:0]
    ends = [
        np.array([array[f"{end}_{axis}"].values[nodes] for axis in "xyz"], dtype=float).T.reshape(-1, 3)
        for end in ("start", "end")
    ] if nodes.size else [np.zeros((0, 3))] * 2  # fmt: skip
    radius = array["diameter"].values[nodes] / 2 if nodes.size else np.zeros(0)
    known = np.isfinite(ends[0]).all(axis=1) & np.isfinite(ends[1]).all(axis=1) & (radius > 0)
    return Rods(nodes[known], ends[0][known], ends[1][known], radius[known])


def bounds(images: Images, rods: Rods, frame: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest turned coordinates of everything, um, shape (3,) each."""
    parts = [(image.centre @ frame.T, image.dx / 2 * np.abs(frame).sum(axis=1)) for image in images]
    if rods.nodes.size:
        parts += [(end @ frame.T, rods.radius[:, None]) for end in (rods.start, rods.end)]
    lows, highs = ([(place + sign * half) for place, half in parts] for sign in (-1, 1))
    return np.min([low.min(axis=0) for low in lows], axis=0), np.max([high.max(axis=0) for high in highs], axis=0)


def scene_of(images: Images, rods: Rods, least: float = 0.0) -> Scene:
    """Return everything as triangles.

    Args:
        images: the voxels, grid by grid.
        rods: 1-D segments.
        least: smallest radius of a tube, um, so that thin ones stay visible.
    """
    vertices, normals, triangles, node = _tubes(rods, least)
    scenes = [_skin(image) for image in images]
    scenes.append(Scene(vertices, normals, triangles, node, node, np.zeros(node.size)))
    firsts = np.cumsum([0, *(len(scene.vertices) for scene in scenes)])
    moved = [scene.triangles + first for scene, first in zip(scenes, firsts, strict=False)]
    joined = {field.name: np.concatenate([getattr(scene, field.name) for scene in scenes]) for field in fields(Scene)}
    return Scene(**joined | {"triangles": np.concatenate(moved)})


def _skin(image: VoxelImage) -> Scene:
    """The surface of the voxels of one grid."""
    surface = surface_of(image, thin=True).smoothed()
    outside = np.where(surface.outside < 0, surface.inside, surface.outside)
    nodes = (image.nodes[surface.inside], image.nodes[outside])
    return Scene(surface.vertices, surface.normals(), surface.triangles, *nodes, surface.share)


def _tubes(rods: Rods, least: float) -> tuple[Floats, Floats, Ints, Ints]:
    """Vertices, normals, triangles and node of each vertex; neighbours in a row share their rings, ends are closed."""
    along = rods.end - rods.start
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    radius = np.maximum(rods.radius, least)
    joined = (np.abs(rods.start[1:] - rods.end[:-1]).max(axis=1) < 1e-6) if radius.size > 1 else np.zeros(0, dtype=bool)
    before, after = np.concatenate([[False], joined]), np.concatenate([joined, [False]])
    before, after = before[: radius.size], after[: radius.size]
    helper = np.eye(3)[np.abs(along).argmin(axis=1)]
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    rings, normals = [], []
    for place, shared, shift in ((rods.start, before, 1), (rods.end, after, -1)):
        other, wide = np.roll(along, shift, axis=0), np.roll(radius, shift)
        direction = np.where(shared[:, None], along + other, along)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
        size = np.where(shared, (radius + wide) / 2, radius)
        u = helper - (helper * direction).sum(axis=1, keepdims=True) * direction
        u /= np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-12)
        v = np.cross(direction, u)
        normal = np.cos(angles)[:, None] * u[:, None] + np.sin(angles)[:, None] * v[:, None]
        rings.append(place[:, None] + size[:, None, None] * normal)
        normals.append(normal)
    corners = np.concatenate([*rings, rods.start[:, None], rods.end[:, None]], axis=1)  # two rings, two middles
    turn = np.concatenate([*normals, -along[:, None], along[:, None]], axis=1)
    i, j = np.arange(SIDES), np.roll(np.arange(SIDES), -1)
    side = np.vstack([np.stack([i, j, SIDES + i], axis=1), np.stack([j, SIDES + j, SIDES + i], axis=1)])
    back = np.stack([np.full(SIDES, 2 * SIDES), j, i], axis=1)
    front = np.stack([np.full(SIDES, 2 * SIDES + 1), SIDES + i, SIDES + j], axis=1)
    first = np.arange(radius.size)[:, None, None] * (2 * SIDES + 2)
    parts = [first + side, (first + back)[~before], (first + front)[~after]]
    triangles = np.concatenate([part.reshape(-1, 3) for part in parts]).astype(np.int64)
    return corners.reshape(-1, 3), turn.reshape(-1, 3), triangles, np.repeat(rods.nodes, 2 * SIDES + 2)
