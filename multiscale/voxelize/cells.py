"""Stretches of a cell's sections -> VoxelArrays."""

from collections.abc import Iterable
from pathlib import PurePath

import numpy as np

from multiscale.errors import GeometryError
from multiscale.geometry import Morphology
from multiscale.voxelize.bricks import voxelize
from multiscale.voxelize.primitives import cell_primitives, intervals
from multiscale.voxelize.voxels import VoxelArrays


def voxelize_cell(
    cell: Morphology,
    section: Iterable[int],
    start: Iterable[float],
    stop: Iterable[float],
    dx: float,
    samples: int = 2,
    progress: bool | None = False,
) -> VoxelArrays:
    """Voxels of some stretches of a cell's sections. Corners of voxels are at multiples of dx.

    Membrane are the sides of the frusta and of the joints between them; flat ends, at tips and where a stretch is cut
    from the cell, are closed but no membrane, as in 1-D, and neither is a bridge to a neurite that starts apart.

    Args:
        cell: the cell.
        section: index of the section of each stretch, shape (k,).
        start: fraction of the section's length at which the stretch starts, shape (k,).
        stop: fraction at which it stops, more than ``start``, shape (k,).
        dx: side of a voxel, um.
        samples: pieces a side into which a cut voxel is divided.
        progress: whether to show a bar when it takes long; None: only on a terminal.
    """
    name = f"morphology '{PurePath(cell.source).name}'" if cell.source else "morphology"
    filled = intervals(map(int, section), map(float, start), map(float, stop))
    if not filled:
        raise GeometryError(
            f"{name}: no stretch of a section is to be filled, expected one or more; widen the selector"
        )
    for one in filled:
        if not (0 <= one.section < len(cell.sections) and 0 <= one.start < one.stop <= 1):
            raise GeometryError(
                f"{name}: stretch {one.start:g} to {one.stop:g} of section {one.section}, expected a section of "
                f"{len(cell.sections)} and rising fractions from 0 to 1; correct it"
            )
    primitives = cell_primitives(cell, filled)
    origin = dx * (np.floor(primitives.low.min(axis=0) / dx) - 1)
    return voxelize(name, primitives, origin, dx, samples, progress)
