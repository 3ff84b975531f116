"""The surface of voxels as triangles: marching cubes over the volume fractions, on the list of voxels itself.

Source: Lorensen and Cline (1987), Comput. Graph. 21, 163. Their table leaves holes where a face of a cube has two
inside corners across from each other; here the triangles of a cube come from its faces (the inside corners of a face
are always cut off one by one), so that two cubes agree on what they share and every edge has exactly two triangles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.voxel_image import VoxelImage

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CORNERS = np.array([(c & 1, c >> 1 & 1, c >> 2 & 1) for c in range(8)])  # of a cube, in voxels
EDGES = tuple((c, c | 1 << axis, axis) for axis in range(3) for c in range(8) if not c >> axis & 1)  # from, to, axis
FULL = 0.98  # volume fraction from which a voxel counts as full
RIDGE = 1.2  # how much a thin neurite is thickened
NEAREST = 0.01  # a vertex stays this share of an edge away from its ends, so that no triangle shrinks to a point


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles around voxels, each seen counter-clockwise from outside.

    Args:
        vertices: um, shape (m, 3).
        triangles: numbers of vertices, shape (k, 3).
        inside: the voxel inside of the surface next to each vertex, shape (m,).
        outside: the voxel on the other side, -1 where there is none, shape (m,).
        share: weight of the outside voxel in the value at a vertex, 0 to 1, 0 where there is none, shape (m,).
    """

    vertices: Floats
    triangles: Ints
    inside: Ints
    outside: Ints
    share: Floats

    def values(self, values: NDArray[Any]) -> Floats:
        """Values at the vertices, shape (..., m), from those of the voxels, shape (..., n)."""
        inner, outer = values[..., self.inside], values[..., self.outside]
        mixed = inner + self.share * (outer - inner)
        return np.where(np.isnan(mixed), np.where(np.isnan(inner), outer, inner), mixed)

    @cached_property
    def cross(self) -> Floats:
        """Vector area of each triangle, outwards, um^2, shape (k, 3)."""
        a, b, c = (self.vertices[self.triangles[:, i]] for i in range(3))
        return np.asarray(np.cross(b - a, c - a) / 2)

    @property
    def area(self) -> float:
        """Area of all triangles, um^2."""
        return float(np.linalg.norm(self.cross, axis=1).sum())

    @property
    def volume(self) -> float:
        """Volume that the triangles enclose, um^3."""
        middle = self.vertices.mean(axis=0)
        return float(((self.vertices[self.triangles[:, 0]] - middle) * self.cross).sum() / 3)

    @cached_property
    def edge_counts(self) -> Ints:
        """How many triangles share each edge, shape (edges,)."""
        ends = np.sort(self.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        return np.asarray(np.unique(ends[:, 0] * len(self.vertices) + ends[:, 1], return_counts=True)[1])

    @property
    def watertight(self) -> bool:
        """Whether every edge belongs to exactly two triangles."""
        return bool((self.edge_counts == 2).all())

    def mean_of_neighbours(self, values: Floats) -> Floats:
        """Mean over the vertices that share an edge with each, shape (m, d) for values of shape (m, d)."""
        from scipy.sparse import coo_array

        m, ends = len(self.vertices), self.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(m, m)).tocsr()
        return np.asarray((links @ values) / np.maximum(links.sum(axis=1), 1.0)[:, None])

    def normals(self, rounds: int = 2) -> Floats:
        """Unit normals at the vertices, smoothed over neighbours some times, shape (m, 3)."""
        normal = np.stack(
            [
                sum(np.bincount(self.triangles[:, i], self.cross[:, axis], len(self.vertices)) for i in range(3))
                for axis in range(3)
            ],
            axis=1,
        )
        for left in range(rounds, -1, -1):
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
            normal = normal + self.mean_of_neighbours(normal) if left else normal
        return np.asarray(normal)

    def smoothed(self, rounds: int = 4) -> Surface:
        """Return the same surface with the steps of the voxels ironed out, for pictures.

        A step towards the mean of the neighbours and one back, so that it does not shrink. Source: Taubin (1995),
        SIGGRAPH 95, 351, with lambda = 0.5 and mu = -0.53.
        """
        vertices = self.vertices
        for weight in (0.5, -0.53) * rounds:
            vertices = vertices + weight * (self.mean_of_neighbours(vertices) - vertices)
        return replace(self, vertices=vertices)


def surface_of(image: VoxelImage, level: float = 0.5, thin: bool = False) -> Surface:
    """Return the surface at which the volume fraction, linear between the middles of voxels, is ``level``.

    Args:
        image: the voxels.
        level: volume fraction on the surface, above 0 and below 1.
        thin: show what is thinner than a voxel about one voxel thick instead of not at all; for pictures.
    """
    if not 0.0 < level < 1.0:
        raise FormatError(
            f"surface: level is {level}, expected a volume fraction above 0 and below 1; the usual is 0.5"
        )
    fraction = thickened(image) if thin else image.fraction
    if not (fraction >= level).any():
        raise FormatError(
            f"surface: no voxel has a volume fraction of {level} or more, the largest is {fraction.max():.3g}; "
            "use smaller voxels or a lower level"
        )
    inner = np.flatnonzero(fraction >= level)
    ids, surface = _vertices(image, fraction, inner, level)
    cubes, state = _cubes(image, inner)
    table, lengths = _table()
    triangles = []
    for number in range(int(lengths.max())):
        has = lengths[state] > number
        edge = table[state[has], number]
        start = np.array([sum(CORNERS[a] * image.strides) for a, _, _ in EDGES])[edge]
        axis = np.array([axis for _, _, axis in EDGES])[edge]
        triangles.append(np.searchsorted(ids, (cubes[has, None] + start) * 3 + axis))
    return replace(surface, triangles=np.concatenate(triangles))


def joined(surfaces: Sequence[Surface]) -> Surface:
    """Return several surfaces as one; the numbers of voxels stay those of each."""
    firsts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    parts = [replace(s, triangles=s.triangles + first) for s, first in zip(surfaces, firsts, strict=False)]
    return Surface(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Surface)))


def thickened(image: VoxelImage) -> Floats:
    """Volume fractions for pictures, relative to the largest nearby, 0 to 1, shape (n,).

    Where no voxel nearby is full, a neurite is so thin that its voxels share its cross-section; there the fractions are
    smoothed first, so that it does not fall into dashes.
    """
    sides = [[image.find(image.keys + step) for step in (-stride, stride)] for stride in image.strides]

    def over(combine: Callable[[Floats, Floats, Floats], Floats], values: Floats) -> Floats:
        for low, high in sides:  # one axis after the other, over voxels that exist
            values = combine(values, np.where(low >= 0, values[low], 0.0), np.where(high >= 0, values[high], 0.0))
        return values

    largest = over(lambda middle, low, high: np.maximum(middle, np.maximum(low, high)), image.fraction)
    smooth = over(lambda middle, low, high: middle / 2 + (low + high) / 4, image.fraction)
    ridge = over(lambda middle, low, high: np.maximum(middle, np.maximum(low, high)), smooth)
    return np.where(largest < FULL, np.minimum(RIDGE * smooth / ridge, 1.0), image.fraction / largest)


def _vertices(image: VoxelImage, fraction: Floats, inner: Ints, level: float) -> tuple[Ints, Surface]:
    """Numbers of the crossed edges (key of the lower end times 3, plus axis), ascending, and the vertices on them."""
    inside = np.zeros(image.n, dtype=bool)
    inside[inner] = True
    found: list[tuple[Any, ...]] = []
    for axis, stride in enumerate(image.strides):
        for sign in (-1, 1):
            other = image.find(image.keys[inner] + sign * stride)
            crossed = (other < 0) | ~inside[other]
            near, far = inner[crossed], other[crossed]
            lower = image.keys[near] + (stride if sign < 0 else 0) * sign
            beyond = np.where(far >= 0, fraction[far], 0.0)
            along = np.clip((fraction[near] - level) / (fraction[near] - beyond), NEAREST, 1 - NEAREST)
            place = image.centre[near]
            place[:, axis] += sign * along * image.dx
            found.append((lower * 3 + axis, place, near, far, np.where(far >= 0, along, 0.0)))
    ids, places, near, far, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(ids)
    surface = Surface(places[order], np.zeros((0, 3), dtype=np.int64), near[order], far[order], weight[order])
    return ids[order], surface


def _cubes(image: VoxelImage, inner: Ints) -> tuple[Ints, Ints]:
    """Cubes between eight voxels that the surface crosses: key of the lowest corner, and which corners are inside."""
    offsets = CORNERS @ image.strides
    keys, counts = np.unique((image.keys[inner, None] - offsets).ravel(), return_counts=True)
    keys = keys[counts < 8]
    known = image.keys[inner]
    at = np.minimum(np.searchsorted(known, keys[:, None] + offsets), known.size - 1)
    return keys, (known[at] == keys[:, None] + offsets) @ (1 << np.arange(8))


@cache
def _table() -> tuple[Ints, Ints]:
    """Triangles of a cube by which corners are inside: numbers of edges, shape (256, most, 3), and how many, (256,)."""
    by_state = [_triangles(state) for state in range(256)]
    lengths = np.array([len(triangles) for triangles in by_state])
    table = np.zeros((256, lengths.max(), 3), dtype=np.int64)
    for state, triangles in enumerate(by_state):
        table[state, : len(triangles)] = np.reshape(triangles, (-1, 3))
    return table, lengths


def _faces() -> list[tuple[int, ...]]:
    """Corners of the six faces of a cube, counter-clockwise seen from outside."""
    faces = []
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        faces += [(0, v, u | v, u), tuple((1 << axis) | c for c in (0, u, u | v, v))]
    return faces


def _triangles(state: int) -> list[tuple[int, int, int]]:
    """Cut off the inside corners of each face, join the cuts to loops, and fill these with triangles."""
    number = {frozenset(edge[:2]): at for at, edge in enumerate(EDGES)}
    following: dict[int, int] = {}
    for face in _faces():
        inside = [state >> corner & 1 for corner in face]
        cuts = [number[frozenset((face[i], face[(i + 1) % 4]))] for i in range(4)]
        for i in range(4):
            if inside[i] and not inside[i - 1]:  # a run of inside corners begins: it ends where the next is outside
                end = next(j for j in range(i, i + 4) if not inside[(j + 1) % 4])
                following[cuts[i - 1]] = cuts[end % 4]
    triangles = []
    while following:
        loop = [next(iter(following))]
        while (cut := following.pop(loop[-1])) != loop[0]:
            loop.append(cut)
        triangles += _fan(loop)
    return triangles


def _fan(loop: list[int]) -> list[tuple[int, int, int]]:
    """Triangles of a loop of edges, without a diagonal inside a face, where the next cube could have the same one."""
    for start in range(len(loop)):
        first, *rest = loop[start:] + loop[:start]
        if not any(_share_a_face(first, far) for far in rest[1:-1]):
            return [(first, rest[i], rest[i + 1]) for i in range(len(rest) - 1)]
    raise AssertionError(loop)


def _share_a_face(one: int, two: int) -> bool:
    corners = {*EDGES[one][:2], *EDGES[two][:2]}
    return any(corners <= set(face) for face in _faces())
