"""Files of triangles -> TriangleMesh, by trimesh: STL, OBJ, PLY, OFF, glTF and GLB."""

from pathlib import Path
from typing import Any

import numpy as np

from multiscale.errors import FormatError, GeometryError
from multiscale.segmentation import Quantity
from multiscale.triangles import TriangleMesh
from multiscale.units import um
from multiscale.voxelize.mesh_repair import repaired

EXTENSIONS = (".stl", ".obj", ".ply", ".off", ".gltf", ".glb")


def read_mesh(path: str | Path, unit: Quantity = 1 * um, repair: bool = False) -> TriangleMesh:
    """The closed surface in a file; several bodies, and cavities whose triangles face inwards, are welcome.

    Args:
        path: the file; its extension (.stl, .obj, .ply, .off, .gltf, .glb) says how to read it.
        unit: of the numbers in the file, which seldom says so itself; glTF files mean metres by definition.
        repair: close cracks and holes, turn triangles that face the wrong way, unite bodies that overlap (this needs
            the package manifold3d); ``describe()`` of the mesh says what was done. Otherwise such a file is refused.

    Raises:
        FormatError: the file holds no closed surface; the message names it and says what is wrong.
    """
    path = Path(path)
    if path.suffix.lower() not in EXTENSIONS:
        known = ", ".join(EXTENSIONS[:-1]) + f" or {EXTENSIONS[-1]}"
        raise FormatError(f"mesh '{path.name}' ends in '{path.suffix}', expected {known}; convert the file")
    if not path.is_file():
        raise FormatError(f"mesh '{path}' cannot be opened, expected a file; check the path")
    vertices, faces = _triangles(path)
    if len(faces) == 0:
        raise FormatError(f"mesh '{path.name}' holds no triangles, expected a closed surface of them; check the file")
    try:
        mesh = TriangleMesh(vertices, faces, path.name, unit=unit)
        if repair:
            mesh = repaired(mesh)
    except GeometryError as error:
        raise FormatError(str(error)) from None
    if mesh.flaw:
        remedy = "close it in a mesh editor" if repair else "use read_mesh(..., repair=True)"
        state = " even after the repair" if repair else ""
        raise FormatError(f"mesh '{path.name}' {mesh.flaw}{state}, expected a closed surface; {remedy}")
    return mesh


def _triangles(path: Path) -> tuple[Any, Any]:
    """Vertices, shape (v, 3), and faces, shape (m, 3), of all that a file holds, as they stand there."""
    try:
        import trimesh
    except ImportError:
        raise FormatError(
            f"mesh '{path.name}': the package trimesh, which reads it, is not installed; run pip install trimesh"
        ) from None
    extension = path.suffix.lower()[1:]
    try:
        # trimesh's own clean-up stays off: it joins vertices by an absolute distance of 1e-8, whatever the unit
        scene = trimesh.load_scene(str(path), file_type=extension, process=False)
        mesh = scene.to_mesh()
        return np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)
    except Exception as error:  # whatever a reader of a broken file may raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(
            f"mesh '{path.name}' cannot be read as {extension.upper()} ({reason:.100}), expected triangles; "
            "check that the file is complete"
        ) from None
