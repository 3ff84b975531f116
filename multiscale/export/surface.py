"""The surface of voxels as a triangle mesh for other programs: STL, PLY, OBJ; lengths in um.

Marching cubes over the volume fractions; the mesh is closed, and the report says so from a count of its edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.export.formats import replacing
from multiscale.voxel_image import geometry_image, voxel_images
from multiscale.voxel_surface import Surface, joined, surface_of

EXTENSIONS = (".stl", ".ply", ".obj")
HOLDS = "surface"


@dataclass(frozen=True)
class SurfaceReport:
    """What was written.

    Args:
        path: the file.
        triangles: their number.
        watertight: whether every edge belongs to exactly two triangles.
        area: of the triangles, um^2.
        volume: that they enclose, um^3.
        voxel_volume: sum of the volumes of the voxels, um^3; less of it is inside where parts are thinner than a voxel.
    """

    path: Path
    triangles: int
    watertight: bool
    area: float
    volume: float
    voxel_volume: float

    def describe(self) -> str:
        """One line for people."""
        lost = self.volume / self.voxel_volume - 1
        holes = "watertight" if self.watertight else "NOT watertight"
        return (
            f"{self.path}: {self.triangles} triangles, {holes}, area {self.area:.6g} um^2, "
            f"volume {self.volume:.6g} um^3 ({lost:+.2%} against the voxels)"
        )


def write(data: Any, path: str | Path, *, level: float = 0.5, time: float | None = None) -> SurfaceReport:
    """Write the surface at which the volume fraction is ``level``.

    Each grid has a closed surface of its own.

    Args:
        data: a variable on voxels, a Solution or its dataset, or a VoxelArrays. The values of a single variable go into
            a ``.ply`` file as the property ``quality`` of the vertices, in the unit of the variable.
        path: ``.stl``, ``.ply`` (both binary) or ``.obj``.
        level: volume fraction on the surface, above 0 and below 1.
        time: time of the values, ms; None: the last one.
    """
    path = Path(path)
    if path.suffix.lower() not in EXTENSIONS:
        raise FormatError(f"surface file '{path}' has extension '{path.suffix}', expected {' or '.join(EXTENSIONS)}")
    data = geometry_image(data) if hasattr(data, "face") and hasattr(data, "index") else getattr(data, "dataset", data)
    if not hasattr(data, "coords"):
        raise FormatError(f"surface: got {type(data).__name__}, expected a solution, a variable or VoxelArrays")
    images = voxel_images(data, "surface")
    surfaces = [surface_of(image, level) for image in images]
    surface = joined(surfaces)
    values, text = None, ""
    if not hasattr(data, "data_vars") and data.dims[-1:] == ("node",):
        row = data if "time" not in data.dims else data.isel(time=-1)
        row = data.sel(time=time, method="nearest") if "time" in data.dims and time is not None else row
        given = row.values.astype(float)
        values = np.concatenate([s.values(given[i.nodes]) for s, i in zip(surfaces, images, strict=True)])
        text = f"quality: {row.name} ({row.attrs.get('units', '1')})"
        text += f" at {float(row['time']):g} ms" if "time" in row.coords else ""
    content = {".stl": _stl, ".ply": _ply, ".obj": _obj}[path.suffix.lower()](surface, values, text)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    inside = sum(float(image.fraction.sum()) * image.dx**3 for image in images)
    return SurfaceReport(path, len(surface.triangles), surface.watertight, surface.area, surface.volume, inside)


def _stl(surface: Surface, _values: NDArray[np.float64] | None, _text: str) -> bytes:
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    rows = np.zeros(len(surface.triangles), kind)
    rows["normal"] = surface.cross / np.linalg.norm(surface.cross, axis=1, keepdims=True)
    rows["corners"] = surface.vertices[surface.triangles]
    return b"surface of voxels, um".ljust(80) + np.array(rows.size, dtype="<u4").tobytes() + rows.tobytes()


def _ply(surface: Surface, values: NDArray[np.float64] | None, text: str) -> bytes:
    names = ("x", "y", "z", "quality")[: 3 if values is None else 4]
    vertices = surface.vertices if values is None else np.column_stack([surface.vertices, values])
    header = ["ply", "format binary_little_endian 1.0", "comment lengths in um", *([f"comment {text}"] if text else [])]
    header += [f"element vertex {len(vertices)}", *(f"property float {name}" for name in names)]
    header += [f"element face {len(surface.triangles)}", "property list uchar int vertex_indices", "end_header\n"]
    faces = np.zeros(len(surface.triangles), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
    faces["count"], faces["corners"] = 3, surface.triangles
    return "\n".join(header).encode() + vertices.astype("<f4").tobytes() + faces.tobytes()


def _obj(surface: Surface, _values: NDArray[np.float64] | None, _text: str) -> bytes:
    lines = ["# surface of voxels, um"]
    lines += [f"v {x:.7g} {y:.7g} {z:.7g}" for x, y, z in surface.vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (surface.triangles + 1).tolist()]
    return ("\n".join(lines) + "\n").encode()
