"""TriangleMesh -> VoxelArrays, exact for the triangles: volumes, open faces and membrane without any sampling.

The triangles are cut at all planes of the grid (`triangles_kernel`). The pieces inside a voxel give its membrane, and
by the divergence theorem, summed up along z, the filled volume and the open areas of the faces.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from multiscale.errors import GeometryError
from multiscale.kernels.library import compiled
from multiscale.progress import Progress
from multiscale.segmentation import Floats, Ints
from multiscale.triangles import TriangleMesh
from multiscale.voxelize import triangles_kernel
from multiscale.voxelize.voxels import VoxelArrays, assemble

MAX_VOXELS = 1e9
MANY = 2_000_000  # triangles; they take about a second
EMPTY = 1e-9  # of a voxel; less is round-off
GAP = 1e-6  # of a voxel's face; round-off stays below 1e-9, and one missing triangle far above
OVERLAP = 1e-3  # of the volume


def voxelize_mesh(mesh: TriangleMesh, dx: float, samples: int = 2, progress: bool | None = False) -> VoxelArrays:
    """The voxels that a closed surface fills; the grid begins at the low corner of its bounds.

    Args:
        mesh: closed, its triangles facing outwards.
        dx: side of a voxel, um.
        samples: has no effect, since the voxels of triangles are computed exactly.
        progress: whether to show a bar when it takes long; None: only on a terminal.

    Raises:
        GeometryError: the surface is open, covers itself, or is too small or too large for dx.
    """
    _check(mesh, dx)
    kernel = compiled(triangles_kernel)
    low, high = np.array(mesh.bounds)
    ny, nz = (int(extent) + 2 for extent in ((high - low) / dx)[1:])  # one to spare, should a cut be rounded up
    keys, rows = _collect(kernel, (mesh.vertices - low) / dx, mesh.faces, ny, nz, progress)
    order = np.argsort(keys)
    n = kernel.count_cells(keys, rows, order, nz)
    cell, index = np.empty(n, dtype=np.int64), np.empty((n, 3), dtype=np.int32)
    volume, face, area, report = np.empty(n), np.empty((n, 3)), np.empty(n), np.empty(5)
    kernel.fill_cells(keys, rows, order, ny, nz, cell, index, volume, face, area, report)
    _check_closed(mesh, report[0], report[1] / max(volume.sum(), 1.0))
    kept = volume > EMPTY
    _move_area(cell, (ny * nz, nz, 1), index, volume, face, area, kept)
    index, volume, face, area = index[kept], volume[kept], face[kept], area[kept]
    return assemble(
        dx, low, index, volume * dx**3, face * dx**2, area * dx**2,
        np.full(volume.size, -1, dtype=np.int32), np.zeros(volume.size, dtype=np.float32),
    )  # fmt: skip


def _collect(kernel: Any, grid: Floats, faces: Ints, ny: int, nz: int, progress: bool | None) -> tuple[Ints, Floats]:
    """Keys, shape (c,), and rows, shape (c, 8), of the cells with triangles; see `triangles_kernel.collect`."""
    keys, rows = np.empty(0, dtype=np.int64), np.zeros((0, 8))
    table, poly, stack = np.empty(1, dtype=np.int32), np.empty((5, 32, 4)), np.empty((5, 5), dtype=np.int64)
    done, state = 0, np.array([0, 512 + len(faces) // 4])
    with Progress(len(faces), progress if len(faces) > MANY else False, label="voxels: ", unit="triangles") as bar:
        while done < len(faces):
            count, need = state.tolist()
            if need:
                size = 2 * (count + need)
                keys = np.concatenate([keys[:count], np.empty(size - count, dtype=np.int64)])
                rows = np.concatenate([rows[:count], np.zeros((size - count, 8))])
                table = np.empty(2 * size + 1, dtype=np.int32)
                kernel.enter_all(table, keys, count)
            part = faces[: done + MANY // 4]
            done = kernel.collect(grid, part, done, ny, nz, poly, stack, table, keys, rows, state)
            bar.update(done)
    return keys[: state[0]], rows[: state[0]]


def _check(mesh: TriangleMesh, dx: float) -> None:
    """Raises GeometryError where there is nothing to fill, or far too much."""
    what = f"mesh '{mesh.name}'"
    if not mesh.watertight:
        raise GeometryError(f"{what} {mesh.flaw}, expected a closed surface; use read_mesh(..., repair=True)")
    low, high = np.array(mesh.bounds)
    size = " x ".join(f"{side:.3g}" for side in high - low)
    if (high - low).max() < dx:
        raise GeometryError(
            f"{what} is {size} um, expected more than one voxel of dx = {dx:g} um; take a smaller dx or check its unit"
        )
    if mesh.volume / dx**3 + mesh.area / dx**2 > MAX_VOXELS:
        raise GeometryError(
            f"{what} is {size} um, which is about {mesh.volume / dx**3:.1e} voxels of dx = {dx:g} um, "
            f"expected at most {MAX_VOXELS:.0e}; take a larger dx or check its unit"
        )


def _check_closed(mesh: TriangleMesh, gap: float, overlap: float) -> None:
    """Raises GeometryError where the sweep found that inside and outside contradict each other."""
    if gap > GAP:
        raise GeometryError(
            f"mesh '{mesh.name}' leaks: a line through it enters as often as it leaves but for {gap:.2g} of a voxel's "
            "face, expected 0; use read_mesh(..., repair=True)"
        )
    if overlap > OVERLAP:
        raise GeometryError(
            f"mesh '{mesh.name}' covers itself: {overlap:.1%} of its volume counts twice or is inside out, expected 0; "
            "use read_mesh(..., repair=True), which unites bodies that overlap (by the package manifold3d)"
        )


def _move_area(
    cell: Ints, stride: tuple[int, int, int], index: NDArray[np.int32], volume: Floats, face: Floats, area: Floats,
    kept: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Give the membrane in voxels that are left out to a voxel beside, so that the whole area stays.

    It goes through the widest open face, otherwise to the fullest of the 26 around, otherwise to the nearest kept one.

    Args:
        cell: a number for each voxel, ascending, shape (n,).
        stride: differences of these numbers between neighbours along x, y and z.
        index: x, y, z, shape (n, 3).
        volume: filled fraction, shape (n,).
        face: open fraction of the minus faces, shape (n, 3).
        area: of membrane, changed, shape (n,).
        kept: which voxels stay, shape (n,).
    """
    lost = np.flatnonzero(~kept & (area > 0))
    best, worth = np.full(lost.size, -1), np.zeros(lost.size)
    for shift in np.ndindex(3, 3, 3):
        step = np.array(shift) - 1
        beside = _find(cell, cell[lost] + int(step @ stride))
        value = np.where((beside >= 0) & kept[beside], volume[beside], 0.0)
        if np.abs(step).sum() == 1:
            axis = int(np.argmax(np.abs(step)))
            through = face[lost if step[axis] < 0 else beside, axis]
            value = np.where((value > 0) & (through > EMPTY), 1.0 + through, value)
        better = value > worth
        best[better], worth[better] = beside[better], value[better]
    far = best < 0
    if far.any():
        stays = np.flatnonzero(kept)
        best[far] = stays[cKDTree(index[stays]).query(index[lost[far]])[1]]
    np.add.at(area, best, area[lost])


def _find(keys: Ints, wanted: Ints) -> Ints:
    """Place of each wanted key among ascending ones, -1 where it is missing."""
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[place] == wanted, place, -1)
