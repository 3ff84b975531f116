"""Where the voxels of a variable are: from the list of nodes to dense arrays, planes and neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.errors import FormatError

if TYPE_CHECKING:
    import xarray as xr

AXES = ("x", "y", "z")
LARGEST_BOX = 100_000_000  # cells of the box around the voxels that are ever held as a dense array: 0.8 GB


@dataclass(frozen=True, eq=False)
class VoxelImage:
    """Which cube of a regular grid each node is, and which nodes are none.

    Args:
        dx: side of a voxel, um.
        origin: corner of grid index (0, 0, 0), um, shape (3,).
        index: grid index of each voxel, shape (n, 3).
        nodes: position of each voxel along the dimension ``node``, shape (n,).
        fraction: volume of each voxel that is inside the cell, over dx^3, 0 to 1, shape (n,).
        tree: positions of the nodes that are no voxels (1-D segments), shape (m,).
    """

    dx: float
    origin: NDArray[np.float64]
    index: NDArray[np.int64]
    nodes: NDArray[np.int64]
    fraction: NDArray[np.float64]
    tree: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of voxels."""
        return int(self.nodes.size)

    @cached_property
    def low(self) -> NDArray[np.int64]:
        """Lowest grid index of any voxel, shape (3,)."""
        return np.asarray(self.index.min(axis=0))

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the smallest box around all, along x, y, z."""
        nx, ny, nz = (self.index.max(axis=0) - self.low + 1).tolist()
        return nx, ny, nz

    @property
    def corner(self) -> NDArray[np.float64]:
        """Lowest corner of that box, um, shape (3,)."""
        return np.asarray(self.origin + self.dx * self.low)

    @property
    def centre(self) -> NDArray[np.float64]:
        """Middle of each voxel, um, shape (n, 3)."""
        return np.asarray(self.origin + self.dx * (self.index + 0.5))

    def key(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number for each grid index of shape (k, 3), unique up to two steps outside of the box, ascending in z."""
        _, ny, nz = (size + 4 for size in self.shape)
        i, j, k = (index - self.low + 2).T
        return np.asarray((i * ny + j) * nz + k)

    @property
    def strides(self) -> NDArray[np.int64]:
        """By how much the key grows in a step along x, y, z, shape (3,)."""
        _, ny, nz = (size + 4 for size in self.shape)
        return np.array([ny * nz, nz, 1])

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """Key of each voxel, ascending, shape (n,)."""
        return self.key(self.index)

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the voxel with each key, -1 where there is none, any shape."""
        at = np.minimum(np.searchsorted(self.keys, keys), self.n - 1)
        return np.where(self.keys[at] == keys, at, -1)

    def refined(self, values: NDArray[Any]) -> tuple[VoxelImage, NDArray[Any]]:
        """Return voxels of half the size, and values of shape (n,) that are linear between the middles of voxels.

        Towards a side without a neighbour, or with one that has no value, the value stays what it is.
        """
        image, eighths = self, values
        for axis in range(3):
            parts = []
            for side in (0, 1):
                near = image.find(image.keys + (2 * side - 1) * image.strides[axis])
                near = np.where(near < 0, np.arange(image.n), near)
                near = np.where(np.isnan(eighths[near]), np.arange(image.n), near)
                index = image.index.copy()
                index[:, axis] = 2 * index[:, axis] + side
                parts.append((index, image.nodes, image.fraction, 0.75 * eighths + 0.25 * eighths[near]))
            index, nodes, fraction, eighths = (np.concatenate(part) for part in zip(*parts, strict=True))
            order = np.argsort(replace(image, index=index).keys)
            image = replace(image, index=index[order], nodes=nodes[order], fraction=fraction[order])
            eighths = eighths[order]
        return replace(image, dx=self.dx / 2), eighths

    def halved(self, values: NDArray[Any]) -> tuple[VoxelImage, NDArray[Any]]:
        """Return voxels of twice the size, and the mean of values of shape (times, n) over the volume in each.

        The new voxels keep the node of the first old one in each.
        """
        image = replace(self, dx=2 * self.dx, index=self.index // 2)
        order = np.argsort(image.keys, kind="stable")
        first = np.flatnonzero(np.diff(image.keys[order], prepend=-1))
        weights = np.where(np.isfinite(values), self.fraction, 0.0)[:, order]
        total = np.add.reduceat(np.nan_to_num(values[:, order]) * weights, first, axis=1)
        amount = np.add.reduceat(weights, first, axis=1)
        means = np.where(amount > 0, total / np.where(amount > 0, amount, 1.0), np.nan)
        kept, fraction = order[first], np.add.reduceat(self.fraction[order], first) / 8
        return replace(image, index=image.index[kept], nodes=self.nodes[kept], fraction=fraction), means

    def dense(self, values: ArrayLike, outside: float = np.nan) -> NDArray[Any]:
        """Values of the voxels, shape (..., n), in the box around them, shape (..., nx, ny, nz)."""
        values = np.asarray(values)
        if np.prod(self.shape, dtype=float) * np.prod(values.shape[:-1], dtype=float) > LARGEST_BOX:
            raise FormatError(
                f"voxels: the box around {self.n} voxels has {' x '.join(map(str, self.shape))} cells, expected at "
                f"most {LARGEST_BOX} in a dense array; choose fewer times or a smaller part with .isel"
            )
        box = np.full((*values.shape[:-1], *self.shape), outside, dtype=np.result_type(values, np.float32))
        i, j, k = (self.index - self.low).T
        box[..., i, j, k] = values
        return box


def voxel_images(array: xr.DataArray | xr.Dataset, user: str) -> tuple[VoxelImage, ...]:
    """Return where the voxels of a variable or a dataset are, one image a grid.

    Args:
        array: has the coordinates ``grid_x``, ``grid_y``, ``grid_z`` along ``node``, -1 at nodes that are no voxels,
            and the attributes ``voxel_dx`` (um) and ``voxel_origin`` (text, um). With several grids it has a coordinate
            ``grid`` (their number) and the attributes of the others as ``voxel_dx_1``, ...
        user: what needs it, for the message.
    """
    missing = [name for name in ("grid_x", "grid_y", "grid_z") if name not in array.coords]
    missing += [name for name in ("voxel_dx", "voxel_origin") if name not in array.attrs]
    name = getattr(array, "name", None) or "the dataset"
    if missing:
        raise FormatError(
            f"{user}: '{name}' has no {missing[0]}, expected a variable on voxels; simulate with a geometry such as "
            "cell.voxels(dx), or use plot.shape"
        )
    index = np.stack([np.atleast_1d(array[f"grid_{axis}"].values) for axis in AXES], axis=1).astype(np.int64)
    inside = (index >= 0).all(axis=1)
    if not inside.any():
        raise FormatError(f"{user}: '{name}' has no node that is a voxel, expected one or more; use plot.shape")
    number = np.where(inside, array["grid"].values if "grid" in array.coords else 0, -1)
    images = []
    for grid in np.unique(number[inside]).tolist():
        suffix = f"_{grid}" if grid else ""
        dx, place = float(array.attrs[f"voxel_dx{suffix}"]), str(array.attrs[f"voxel_origin{suffix}"])
        nodes = np.flatnonzero(number == grid)
        nodes = nodes[np.lexsort(index[nodes].T[::-1])]
        volume = array["volume"].values[nodes] if "volume" in array.coords else np.full(nodes.size, dx**3)
        origin = np.array(place.split(), dtype=float)
        images.append(
            VoxelImage(dx, origin, index[nodes], nodes, np.clip(volume / dx**3, 0, 1), np.flatnonzero(~inside))
        )
    return tuple(images)


def dense(array: xr.DataArray) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return a variable as a dense array, for image tools.

    Args:
        array: a variable on voxels of one size, in (node,) or (time, node); 1-D segments beside them are left out.

    Returns:
        Values in the box around the voxels, NaN outside of the cell, shape (nx, ny, nz) or (time, nx, ny, nz); the
        lowest corner of the box, um, shape (3,); the side of a voxel, um.
    """
    image, *others = voxel_images(array, "dense")
    if others:
        raise FormatError(
            f"dense: '{array.name}' has {1 + len(others)} grids, expected one; choose with .isel(node=array.grid == 0)"
        )
    values = array.transpose(..., "node").values[..., image.nodes]
    return image.dense(values.astype(float)), image.corner, image.dx


def geometry_image(voxels: Any) -> xr.DataArray:
    """Return the volume fractions of a voxelized shape as a variable that can be drawn and exported.

    Args:
        voxels: a VoxelArrays.
    """
    import xarray as xr

    coords = {f"grid_{axis}": ("node", voxels.index[:, i]) for i, axis in enumerate(AXES)}
    coords |= {"volume": ("node", voxels.volume), "area": ("node", voxels.area)}
    origin = " ".join(repr(float(place)) for place in voxels.origin)
    attrs = {"units": "1", "voxel_dx": float(voxels.dx), "voxel_origin": origin}
    return xr.DataArray(voxels.volume / voxels.dx**3, coords, ("node",), "volume fraction", attrs)
