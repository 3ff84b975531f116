"""TriangleMesh: a closed surface of triangles as a value, such as one traced in electron micrographs."""

import hashlib
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from multiscale.errors import GeometryError
from multiscale.segmentation import Floats, Ints, Quantity, positive
from multiscale.solids import Solid
from multiscale.units import um

FARTHEST = 1e7  # um; a coordinate beyond 10 m is a mistake in a unit


@dataclass(frozen=True, eq=False, repr=False)
class TriangleMesh(Solid):
    """A surface of triangles. Two meshes are equal if their numbers are.

    Args:
        vertices: x, y, z of the corners, shape (v, 3), in ``unit``; stored in um, read-only.
        faces: numbers of the corners of each triangle, anticlockwise when seen from outside, shape (m, 3).
        name: for messages, such as the file's name.
        repairs: what was done to the surface before, a sentence each; for `describe`.
        unit: of the numbers in ``vertices``.
    """

    vertices: Floats
    faces: Ints
    name: str = "mesh"
    repairs: tuple[str, ...] = field(default=(), kw_only=True)
    unit: InitVar[Quantity] = 1 * um

    def __post_init__(self, unit: Quantity) -> None:
        what = f"mesh '{self.name}'"
        vertices = _numbers(self.vertices, np.float64, f"{what}: vertices are", "rows of x, y, z")
        faces = _numbers(self.faces, np.int64, f"{what}: faces are", "rows of three numbers of vertices")
        scale = positive(unit, um, f"{what}: unit")
        if vertices.shape[0] < 4 or faces.shape[0] < 4:
            raise GeometryError(
                f"{what} has {vertices.shape[0]} vertices and {faces.shape[0]} triangles, expected at least 4 of each, "
                "which enclose a volume; check where it comes from"
            )
        vertices *= scale
        if not (np.abs(vertices) <= FARTHEST).all():
            where = int(np.argmin((np.abs(vertices) <= FARTHEST).all(axis=1)))
            values = ", ".join(f"{value:g}" for value in vertices[where])
            raise GeometryError(
                f"{what}: vertex {where} is at ({values}) um, expected finite numbers up to {FARTHEST:.0e}; "
                "correct it or the unit"
            )
        if faces.min() < 0 or faces.max() >= vertices.shape[0]:
            bad = int(faces.min() if faces.min() < 0 else faces.max())
            raise GeometryError(
                f"{what}: a face names vertex {bad}, expected 0 to {vertices.shape[0] - 1}; count from 0"
            )
        for key, array in (("vertices", vertices), ("faces", faces)):
            array.flags.writeable = False
            object.__setattr__(self, key, array)
        object.__setattr__(self, "repairs", tuple(self.repairs))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.vertices, self.faces, self.name, self.repairs)

    def __repr__(self) -> str:
        return f"TriangleMesh('{self.name}', {len(self.faces)} triangles)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriangleMesh) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """Hash of vertices and faces."""
        content = hashlib.sha256(np.array([self.vertices.shape[0], self.faces.shape[0]]).tobytes())
        content.update(self.vertices.tobytes())
        content.update(self.faces.tobytes())
        return content.hexdigest()[:32]

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Lowest and highest x, y and z of the triangles, um."""
        used = np.zeros(len(self.vertices), dtype=bool)
        used[self.faces] = True
        points = self.vertices[used]
        (a, b, c), (d, e, f) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return (a, b, c), (d, e, f)

    @cached_property
    def vector_areas(self) -> tuple[Floats, Floats]:
        """First corner, from the middle of all, and vector area of each triangle, um and um^2, shape (m, 3) each."""
        a, b, c = (self.vertices[self.faces[:, d]] for d in range(3))
        return a - 0.5 * (a.min(axis=0) + a.max(axis=0)), 0.5 * np.cross(b - a, c - a)

    @cached_property
    def volume(self) -> float:
        """Enclosed volume, um^3; negative if the triangles face inwards."""
        corner, vector = self.vector_areas
        return float(np.einsum("ij,ij->", corner, vector) / 3)

    @cached_property
    def area(self) -> float:
        """Surface, um^2."""
        return float(np.sqrt(np.einsum("ij,ij->i", *2 * (self.vector_areas[1],))).sum())

    @cached_property
    def bodies(self) -> int:
        """Number of connected surfaces."""
        return int(self.body_of_face.max()) + 1

    @cached_property
    def body_of_face(self) -> Ints:
        """Which connected surface each triangle belongs to, shape (m,)."""
        faces = joined(self)
        row, column = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
        n = self.vertices.shape[0]
        label = connected_components(coo_array((np.ones(row.size, np.int8), (row, column)), shape=(n, n)))[1]
        return np.unique(label[faces[:, 0]], return_inverse=True)[1].astype(np.int64)

    @cached_property
    def flaw(self) -> str:
        """Why no volume is enclosed, for a message; empty if one is."""
        lone, odd = edge_flaws(joined(self))
        if lone:
            return f"is not closed: {lone} edge{'s have' if lone > 1 else ' has'} a triangle on one side only"
        if odd:
            return f"has triangles whose corners run the wrong way around: {odd} edges lie between opposite ones"
        if not abs(self.volume) > 1e-12 * self.area**1.5:
            return f"encloses no volume (it has an area of {self.area:.4g} um^2)"
        if self.volume < 0:
            return f"is inside out: its triangles face inwards and its volume is {self.volume:.4g} um^3"
        return ""

    @property
    def watertight(self) -> bool:
        """Whether the surface is closed, and faces outwards everywhere."""
        return not self.flaw

    def describe(self) -> str:
        """A few lines: triangles, bodies, extent, area, volume, what is wrong or was repaired."""
        (a, b, c), (d, e, f) = self.bounds
        count = f"{self.bodies} bod{'ies' if self.bodies > 1 else 'y'}"
        lines = [
            f"mesh '{self.name}': {len(self.faces)} triangles, {count}",
            f"x {a:.4g} to {d:.4g}, y {b:.4g} to {e:.4g}, z {c:.4g} to {f:.4g} um",
            f"area {self.area:.6g} um^2, volume {self.volume:.6g} um^3",
            f"it {self.flaw}" if self.flaw else "closed",
        ]
        return "\n".join([*lines, *(f"repaired: {text}" for text in self.repairs)])


def _rebuilt(vertices: Floats, faces: Ints, name: str, repairs: tuple[str, ...]) -> TriangleMesh:
    return TriangleMesh(vertices, faces, name, repairs=repairs)


def _numbers(given: Any, kind: Any, what: str, expected: str) -> NDArray[Any]:
    """A new array of shape (k, 3)."""
    try:
        array = np.array(given)
    except (TypeError, ValueError):
        array = np.empty(0, dtype=object)
    right = array.dtype.kind in ("iu" if kind is np.int64 else "fiu")
    if array.ndim != 2 or array.shape[1] != 3 or not right:
        shape = f"an array of shape {array.shape} and type {array.dtype}" if array.size else "no array of numbers"
        raise GeometryError(f"{what} {shape}, expected {expected}; give such an array")
    return np.ascontiguousarray(array, dtype=kind)


def joined(mesh: TriangleMesh) -> Ints:
    """Faces with vertices in the very same place under one number, shape (m, 3)."""
    if edge_flaws(mesh.faces) == (0, 0):
        return mesh.faces
    places = np.ascontiguousarray(mesh.vertices + 0.0)  # -0.0 becomes 0.0
    rows = places.view(np.dtype((np.void, 24))).ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    return np.asarray(first[inverse][mesh.faces])


def edge_flaws(faces: Ints) -> tuple[int, int]:
    """Number of edges with triangles on one side only, and of edges that their triangles run along unevenly.

    A surface encloses a volume if each edge is run along as often in one direction as in the other.
    """
    start, end = faces.ravel().astype(np.int64), faces[:, [1, 2, 0]].ravel().astype(np.int64)
    real = start != end
    start, end = start[real], end[real]
    low, high = np.minimum(start, end), np.maximum(start, end)
    key = low * (faces.max() + 1) + high
    order = np.argsort(key)
    key, sign = key[order], np.where(start < end, 1, -1)[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    balance = np.add.reduceat(sign, first)
    count = np.diff(np.append(first, key.size))
    bad = balance != 0
    odd = count % 2 == 1
    return int((bad & odd).sum()), int((bad & ~odd).sum())
