"""VoxelArrays: the cubes that fill a shape, as arrays, and their connected pieces."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.kernels.library import compiled
from multiscale.segmentation import Floats, Ints
from multiscale.voxelize import pieces

Counts: TypeAlias = NDArray[np.int32]
Singles: TypeAlias = NDArray[np.float32]

TYPES: tuple[tuple[str, Any], ...] = (
    ("origin", np.float64), ("index", np.int32), ("volume", np.float64), ("face", np.float64), ("area", np.float64),
    ("normal", np.float32), ("section", np.int32), ("position", np.float32), ("component", np.int32),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class VoxelArrays:
    """Cubes of one size, those at the surface filled in part. All arrays are read-only.

    In each voxel the open areas of the six faces and the surface inside close: the sum of (face towards plus - face
    towards minus) over the axes, and the vector area of the surface, cancel. ``normal`` is the direction of that vector
    area; ``area`` is that of the membrane itself, and a surface that is bent inside the voxel has more.

    Attributes:
        dx: side of a voxel, um.
        origin: x, y, z of the low corner of the voxel with the index (0, 0, 0), um, shape (3,).
        index: integer x, y, z of each voxel, in lexicographic order (z runs fastest), shape (n, 3).
        volume: filled volume, um^3, more than 0, shape (n,).
        face: open area of the faces towards -x, -y, -z, um^2; 0 where no voxel is there; the face towards +x is the
            -x face of the neighbour; shape (n, 3).
        area: of membrane in the voxel, um^2, shape (n,).
        normal: unit normal of the surface, outwards, 0 where there is none, shape (n, 3).
        section: index of the section of a morphology, -1 without one, shape (n,).
        position: place on that section as a fraction of its length, shape (n,).
        component: number of the connected piece, through open faces; the largest is 0; shape (n,).
    """

    dx: float
    origin: Floats
    index: Counts
    volume: Floats
    face: Floats
    area: Floats
    normal: Singles
    section: Counts
    position: Singles
    component: Counts

    def __post_init__(self) -> None:
        object.__setattr__(self, "dx", float(self.dx))
        for name, kind in TYPES:
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if array.flags.writeable:
                array = array.view()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def n(self) -> int:
        """Number of voxels."""
        return self.volume.size

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, bytes."""
        return sum(getattr(self, name).nbytes for name, _ in TYPES)

    @property
    def centre(self) -> Floats:
        """x, y, z of the middle of each voxel, um, shape (n, 3)."""
        return np.asarray(self.origin + self.dx * (self.index + 0.5))

    @cached_property
    def key(self) -> Ints:
        """One number a voxel, ascending; neighbours differ by ``stride`` of the axis; shape (n,)."""
        low = self.bounds[0]
        x, y, z = (self.index[:, axis].astype(np.int64) - low[axis] for axis in range(3))
        return np.asarray(x * self.stride[0] + y * self.stride[1] + z)

    @cached_property
    def bounds(self) -> tuple[Ints, Ints]:
        """Lowest and highest x, y, z of the index, shape (3,) each."""
        columns = [self.index[:, axis] for axis in range(3)]  # much faster than along axis 0
        return np.array([c.min() for c in columns], np.int64), np.array([c.max() for c in columns], np.int64)

    @cached_property
    def stride(self) -> tuple[int, int, int]:
        """Differences of the keys of neighbours along x, y and z."""
        low, high = self.bounds
        _, ny, nz = (high - low + 2).tolist()  # one free, so that no line wraps around
        return ny * nz, nz, 1

    def minus(self, axis: int) -> Ints:
        """Index of the neighbour towards minus along an axis (0, 1, 2), -1 without one, shape (n,)."""
        wanted = self.key - self.stride[axis]
        place = np.searchsorted(self.key, wanted) if axis < 2 else np.arange(-1, self.n - 1)
        place = np.maximum(place, 0)
        return np.where(self.key[place] == wanted, place, -1)

    def find(self, index: Any) -> Ints:
        """Which voxel has an integer x, y, z, shape (k, 3); -1 where there is none, shape (k,)."""
        low, high = self.bounds
        index = np.asarray(index, dtype=np.int64)
        wanted = (index - low) @ np.array(self.stride, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.key, wanted), self.n - 1)
        known = (self.key[place] == wanted) & ((index >= low) & (index <= high)).all(axis=1)
        return np.where(known, place, -1)

    def closed_area(self) -> Floats:
        """Vector area of the surface in each voxel, outwards, um^2, shape (n, 3): what closes the six faces."""
        missing = self.face.copy()
        for axis in range(3):
            below = self.minus(axis)
            inner = below >= 0
            missing[below[inner], axis] -= self.face[inner, axis]
        return missing

    def largest(self) -> "VoxelArrays":
        """Only the largest connected piece."""
        return self.take(self.component == 0)

    def take(self, chosen: NDArray[np.bool_]) -> "VoxelArrays":
        """The chosen voxels, shape (n,); whole connected pieces, or faces stay open towards what is left out."""
        arrays = {name: getattr(self, name)[chosen] for name, _ in TYPES if name != "origin"}
        return replace(self, **arrays)

    def describe(self) -> str:
        """A few lines: number, size, volume, area, pieces, memory."""
        cut = int((self.volume < (1 - 1e-9) * self.dx**3).sum())
        pieces = int(self.component.max()) + 1
        apart = float(self.volume[self.component > 0].sum() / self.volume.sum())
        low, high = self.bounds
        ends = zip("xyz", self.origin + self.dx * low, self.origin + self.dx * (high + 1), strict=True)
        extent = ", ".join(f"{axis} {a:.2f} to {b:.2f}" for axis, a, b in ends)
        return "\n".join(
            (
                f"{self.n} voxels of {self.dx:g} um, {cut / self.n:.0%} cut by the surface; {extent} um",
                f"volume {self.volume.sum():.6g} um^3, membrane {self.area.sum():.6g} um^2",
                f"{pieces} connected piece{'s' * (pieces > 1)}, {apart:.2g} of the volume not in the largest",
                f"{self.nbytes / self.n:.0f} bytes a voxel, {self.nbytes / 1e6:.3g} MB",
            )
        )


def assemble(
    dx: float, origin: Floats, index: Counts, volume: Floats, face: Floats, area: Floats, section: Counts,
    position: Singles,
) -> VoxelArrays:  # fmt: skip
    """Voxels in any order -> VoxelArrays: sorted, faces towards nothing closed, normals and components added.

    Args:
        dx: side of a voxel, um.
        origin: low corner of the voxel with the index (0, 0, 0), um, shape (3,).
        index: integer x, y, z, all different, shape (n, 3).
        volume: um^3, more than 0, shape (n,).
        face: open area towards -x, -y, -z, um^2, shape (n, 3).
        area: membrane, um^2, shape (n,).
        section: index or -1, shape (n,).
        position: fraction of the section's length, shape (n,).
    """
    none: Any = np.zeros(0)
    bare = VoxelArrays(dx, origin, index, volume, face, area, none, section, position, none)
    if (np.diff(bare.key) <= 0).any():
        order = np.argsort(bare.key)
        sort = {name: getattr(bare, name)[order] for name in ("index", "volume", "face", "area", "section", "position")}
        bare = replace(bare, **sort)
    kernels: Any = compiled(pieces)
    n = bare.n
    below, label = np.empty((3, n), dtype=np.int32), np.empty(n, dtype=np.int32)
    face, normal = np.array(bare.face), np.empty((n, 3), dtype=np.float32)
    for axis in range(3):
        kernels.find_below(bare.key, bare.stride[axis], below[axis])
    kernels.close(face, below, np.zeros((n, 3)), normal, 1e-12 * dx * dx)
    count = kernels.label_pieces(face, below, label)
    total = np.bincount(label, bare.volume, count)
    rank = np.empty(count, dtype=np.int32)
    rank[np.argsort(-total, kind="stable")] = np.arange(count, dtype=np.int32)
    return replace(bare, face=face, normal=normal, component=rank[label])
