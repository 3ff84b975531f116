"""A made-up dendritic spine as a surface of triangles, like one traced in electron micrographs; written as STL in nm.

The shape is a signed distance on a grid: a piece of dendrite along x, a bent neck and a bumpy head, smoothly united,
with roughness of some nanometres. Its zero surface is found in tetrahedra (Doi and Koide 1991, IEICE Trans. E74, 214),
which gives a closed surface, with thin triangles among the others as in real data.
"""

from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multiscale.segmentation import Floats, Ints

ROUGHNESS = 0.006  # um, root mean square
WAVES = 60


def example_spine(path: str | Path, seed: int = 1, spacing: float = 0.035) -> Path:
    """Write the surface as binary STL, in nm; read it by ``read_mesh(path, unit=nm)``.

    Args:
        path: the file.
        seed: of bumps and roughness.
        spacing: of the grid on which the surface is found, um; 0.035 gives about 45,000 triangles.
    """
    vertices, faces = spine_surface(seed, spacing)
    corners = (1000.0 * vertices[faces]).astype(np.float32)
    record = np.zeros(len(faces), dtype=[("normal", "<f4", 3), ("corner", "<f4", (3, 3)), ("attribute", "<u2")])
    record["corner"] = corners
    path = Path(path)
    head = b"spine, nm".ljust(80)
    path.write_bytes(head + np.array([len(faces)], dtype="<u4").tobytes() + record.tobytes())
    return path


def spine_surface(seed: int = 1, spacing: float = 0.035) -> tuple[Floats, Ints]:
    """Vertices, um, shape (v, 3), and triangles, anticlockwise from outside, shape (m, 3); see `example_spine`.

    The dendrite has a radius of 0.35 um and reaches from x = -1 to 1 um; the neck has a radius of 0.07 um; the head
    lies around (0.15, 0, 1.15) um and has a radius of about 0.27 um.
    """
    low, high = np.array([-1.1, -0.5, -0.5]), np.array([1.1, 0.5, 1.55])
    axes = [np.arange(a, b + spacing, spacing) for a, b in zip(low, high, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    random = np.random.default_rng(seed)
    dendrite = np.hypot(y, z) - 0.35 - 0.02 * np.sin(5 * x + 1)
    bend = 0.15 * np.clip((z - 0.2) / 0.95, 0, 1) ** 2
    neck = np.maximum(np.hypot(x - bend, y) - 0.07 - 0.01 * np.sin(14 * z), np.maximum(-z, z - 1.1))
    u, v, w = (x - 0.15) / 1.15, y / 1.05, (z - 1.15) / 0.9
    head = 0.95 * (np.sqrt(u * u + v * v + w * w) - 0.27 - _noise(random, x, y, z, (0.3, 0.6), 0.025))
    distance = _blend(_blend(neck, head, 0.06), dendrite, 0.12) - _noise(random, x, y, z, (0.08, 0.25), ROUGHNESS)
    value = np.maximum(distance, np.abs(x) - 1.0)
    least = 0.05 * spacing  # no corner on a grid point: sheets without thickness could hang there
    vertices, faces = zero_surface(np.where(np.abs(value) < least, np.where(value < 0, -least, least), value))
    return low + spacing * vertices, faces


def _noise(
    random: np.random.Generator, x: Floats, y: Floats, z: Floats, lengths: tuple[float, float], size: float
) -> Floats:
    """Sum of waves in random directions, of lengths in a range, um, with a given root mean square."""
    total = np.zeros_like(x)
    for _ in range(WAVES):
        direction = random.normal(size=3)
        a, b, c = 2 * np.pi / random.uniform(*lengths) * direction / np.linalg.norm(direction)
        total += np.sin(a * x + b * y + c * z + random.uniform(0, 2 * np.pi))
    return np.asarray(total * size * np.sqrt(2 / WAVES))


def _blend(a: Floats, b: Floats, width: float) -> Floats:
    """Union of two signed distances with a fillet."""
    overlap = np.maximum(width - np.abs(a - b), 0.0)
    return np.asarray(np.minimum(a, b) - overlap * overlap / (4 * width))


def zero_surface(value: Floats) -> tuple[Floats, Ints]:
    """Closed surface between negative values, inside, and the others on a grid; positive at its border.

    Each cube is cut into the six tetrahedra around its long diagonal; the surface in each is one or two triangles.

    Args:
        value: at the points of the grid, shape (a, b, c).

    Returns:
        vertices in grid spacings, shape (v, 3), and faces, shape (m, 3).
    """
    flat = value.ravel()
    stride = np.array([value.shape[1] * value.shape[2], value.shape[2], 1])
    cubes = np.arange(flat.size).reshape(value.shape)[:-1, :-1, :-1].ravel()
    edges: list[NDArray[np.int64]] = []
    for way in permutations(range(3)):
        odd = (way[0] > way[1]) ^ (way[0] > way[2]) ^ (way[1] > way[2])
        corner = cubes[:, None] + np.concatenate([[0], np.cumsum(stride[list(way)])])
        inside = flat[corner] < 0
        count = inside.sum(axis=1)
        met = (count > 0) & (count < 4)
        corner, inside, count = corner[met], inside[met], count[met]
        order = np.argsort(~inside, axis=1, kind="stable")  # corners inside first
        i, j = np.triu_indices(4, 1)
        turned = odd ^ ((order[:, i] > order[:, j]).sum(axis=1) % 2 == 1)
        a, b, c, d = np.take_along_axis(corner, order, axis=1).T
        for k, shapes in ((1, [(a, b, a, c, a, d)]), (2, [(a, c, a, d, b, d), (a, c, b, d, b, c)]),
                          (3, [(a, d, b, d, c, d)])):  # fmt: skip
            for ends in shapes:
                triangle = np.column_stack(ends).reshape(-1, 3, 2)[count == k]
                flip = turned[count == k, None, None]
                edges.append(np.where(flip, triangle[:, ::-1], triangle))
    pairs = np.sort(np.concatenate(edges).reshape(-1, 2), axis=1)
    key, corner_of = np.unique(pairs[:, 0] * flat.size + pairs[:, 1], return_inverse=True)
    near, far = key // flat.size, key % flat.size
    share = flat[near] / (flat[near] - flat[far])
    start, end = (np.array(np.unravel_index(point, value.shape)).T for point in (near, far))
    return start + share[:, None] * (end - start), corner_of.reshape(-1, 3)
