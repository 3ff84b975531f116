"""Ball, Box, Frustum and Union -> VoxelArrays; the whole surface is membrane."""

from typing import Any

import numpy as np

from multiscale.errors import GeometryError
from multiscale.solids import Analytic, Ball, Box, Frustum, Union
from multiscale.voxelize.bricks import Primitives, voxelize
from multiscale.voxelize.voxels import VoxelArrays

PLANE, CONE, SPHERE = 0.0, 1.0, 2.0
MEMBRANE = 1.0


def voxelize_shape(shape: Analytic, dx: float, samples: int = 2, progress: bool | None = False) -> VoxelArrays:
    """Voxels of an analytic shape; corners of voxels are whole steps from the low corner of its bounds.

    Args:
        shape: Ball, Box, Frustum or Union.
        dx: side of a voxel, um.
        samples: pieces a side into which a cut voxel is divided.
        progress: whether to show a bar when it takes long; None: only on a terminal.
    """
    parts = shape.parts if isinstance(shape, Union) else (shape,)
    rows = [_features(part) for part in parts]
    first = np.cumsum([0, *(len(part) for part in rows)])
    bounds = np.array([part.bounds for part in parts])
    place = np.tile([-1.0, 0.0, 0.0, 0.0], (len(parts), 1))
    place[:, 3] = [part.height if isinstance(part, Frustum) else 0.0 for part in parts]
    features = np.array([row for part in rows for row in part], dtype=np.float64)
    primitives = Primitives(features, first, place, bounds[:, 0], bounds[:, 1])
    origin = bounds[:, 0].min(axis=0) - dx
    return voxelize(type(shape).__name__, primitives, origin, dx, samples, progress)


def _features(shape: Analytic) -> list[tuple[Any, ...]]:
    """Rows of features whose intersection is the shape."""
    if isinstance(shape, Ball):
        return [(SPHERE, *shape.center, 0, 0, 0, shape.radius, 0, 1, MEMBRANE)]
    if isinstance(shape, Box):
        axes = np.eye(3)
        return [(PLANE, *shape.low, *-axes[i], 0, 0, 1, MEMBRANE) for i in range(3)] + [
            (PLANE, *shape.high, *axes[i], 0, 0, 1, MEMBRANE) for i in range(3)
        ]
    if isinstance(shape, Frustum):
        start, end = np.array(shape.start, dtype=np.float64), np.array(shape.end, dtype=np.float64)
        axis = (end - start) / shape.height
        near = float(shape.radius)
        slope = (float(near if shape.end_radius is None else shape.end_radius) - near) / shape.height
        return [
            (CONE, *start, *axis, near, slope, 1 / np.hypot(1, slope), MEMBRANE),
            (PLANE, *start, *-axis, 0, 0, 1, MEMBRANE),
            (PLANE, *end, *axis, 0, 0, 1, MEMBRANE),
        ]
    raise GeometryError(f"shape is {shape!r:.80}, expected a Ball, Box, Frustum or Union; give one of these")
