"""Cuts of small boxes against exact formulas and dense sampling; the compiled text as plain Python, too."""

import itertools
import math

import numpy as np
import pytest

from multiscale.kernels.library import compiled
from multiscale.voxelize import cuts, frusta, pieces
from multiscale.voxelize.voxels import VoxelArrays

KERNELS = {"python": cuts, "compiled": compiled(cuts, frusta)}


def corner_sum(d, normal, sides):
    """Fraction of a box where d + n x < 0: inclusion and exclusion over the corners, all of n and sides not 0."""
    a = np.abs(normal) * sides
    total = sum(
        (-1) ** sum(corner) * max(0.5 * a.sum() - d - np.dot(corner, a), 0.0) ** 3
        for corner in itertools.product((0, 1), repeat=3)
    )
    return total / (6 * a.prod())


@pytest.mark.parametrize("target", KERNELS)
def test_plane_cuts_a_box(target):
    rng = np.random.default_rng(1)
    plane_box = KERNELS[target].plane_box
    for _ in range(300):
        normal = rng.normal(size=3) * rng.choice([0.1, 1.0], 3)
        normal /= np.linalg.norm(normal)
        sides = rng.uniform(0.5, 2, 3)
        d = rng.uniform(-0.6, 0.6) * np.abs(normal) @ sides
        f, slope = plane_box(d, *normal, *sides)
        expected = corner_sum(d, normal, sides)
        assert f == pytest.approx(expected, abs=1e-9)  # the sum over corners cancels to about that
        step = 1e-5
        centred = (plane_box(d - step, *normal, *sides)[0] - plane_box(d + step, *normal, *sides)[0]) / (2 * step)
        if 0 < expected < 1:
            assert slope == pytest.approx(centred, abs=1e-4)  # the derivative has kinks, where the plane meets corners


@pytest.mark.parametrize("target", KERNELS)
def test_line_cuts_a_face_and_point_cuts_an_edge(target):
    plane_box = KERNELS[target].plane_box
    half = math.sqrt(0.5)
    assert plane_box(0.0, half, half, 0.0, 1.0, 1.0, 0.0)[0] == pytest.approx(0.5, abs=1e-14)
    corner, slope = plane_box(0.5 * half, half, half, 0.0, 1.0, 1.0, 0.0)  # the triangle x + y < 1/2
    assert corner == pytest.approx(0.125, abs=1e-14)
    assert slope == pytest.approx(half, abs=1e-14)  # length of its long side
    assert plane_box(0.25, 0.0, 0.6, 0.8, 0.0, 0.0, 2.0)[0] == pytest.approx(0.5 - 0.25 / 1.6, abs=1e-14)
    assert plane_box(1e-3, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0) == (0.0, 0.0)  # a face in front of which all lies
    assert plane_box(-1e-3, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0) == (1.0, 0.0)


@pytest.mark.parametrize("cosine", [-1.0, -0.5, 0.0, 0.6, 1.0])
def test_two_planes_are_right_in_the_mean_over_their_places(cosine):
    """The mean over all offsets of the part inside both is exact for any angle: here against sampling the same."""
    overlap, plane_box = KERNELS["compiled"].overlap, KERNELS["compiled"].plane_box
    rng = np.random.default_rng(2)
    first = np.array([0.6, 0.64, 0.48])
    across = np.cross(first, [1.0, 0, 0])
    second = cosine * first + math.sqrt(1 - cosine**2) * across / np.linalg.norm(across)
    inside = rng.uniform(-0.5, 0.5, (4000, 3))
    got, surface = 0.0, 0.0
    offsets = (np.arange(60) + 0.5) / 60 * 2 - 1
    for d1, d2, shift in itertools.product(offsets, offsets, (-1 / 60, 1 / 60)):  # no two equal: a tie is round-off
        (f1, g1), (f2, _) = plane_box(d1, *first, 1.0, 1.0, 1.0), plane_box(d2 + shift, *second, 1.0, 1.0, 1.0)
        both, on_first, _ = overlap(f1, f2, *first, *second)
        got += 0.5 * both
        surface += 0.5 * g1 * on_first
    exact = np.mean((1 - inside @ first) * (1 - inside @ second)) * 900  # integral over both offsets of the indicator
    surface_exact = np.mean(1 - inside @ second) * 900
    assert got == pytest.approx(exact, rel=0.01)  # 4000 points; offsets in 60 steps
    assert surface == pytest.approx(surface_exact, rel=0.01)


def test_cut_box_as_plain_python_and_compiled():
    """One union of a cone between two planes and a ball, volume and the three faces of some boxes."""
    features = np.array(
        [
            [1, 0, 0, 0, 0.6, 0, 0.8, 0.5, -0.1, 1 / math.hypot(1, 0.1), 1],
            [0, 0, 0, 0, -0.6, 0, -0.8, 0, 0, 1, 0],
            [0, 1.2, 0, 1.6, 0.6, 0, 0.8, 0, 0, 1, 0],
            [2, 0.1, 0.3, 0, 0, 0, 0, 0.6, 0, 1, 1],
        ]
    )
    active, start = np.arange(4), np.array([0, 3, 4])
    rng = np.random.default_rng(3)
    for _ in range(20):
        corner = rng.uniform(-0.8, 0.8, 3)
        for sides, pieces_a_side in (((0.3,) * 3, (2, 2, 2)), ((0.0, 0.3, 0.3), (1, 3, 3))):
            arguments = (features, active, start, 2, *corner, *sides, *pieces_a_side)
            expected = cuts.cut_box(*arguments)
            # contraction to fused multiply-add changes the last digits, and the fold of surfaces amplifies them
            assert KERNELS["compiled"].cut_box(*arguments) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_neighbours_and_pieces_against_dictionaries():
    rng = np.random.default_rng(4)
    index = np.argwhere(rng.random((7, 6, 9)) < 0.4).astype(np.int32)
    n = len(index)
    zeros = np.zeros(n)
    voxels = VoxelArrays(1, np.zeros(3), index, zeros, np.zeros((n, 3)), zeros, np.zeros((n, 3)), zeros, zeros, zeros)
    where = {tuple(row): i for i, row in enumerate(index.tolist())}
    kernels = {"python": pieces, "compiled": compiled(pieces)}
    below = np.empty((3, n), dtype=np.int32)
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        expected = [where.get(tuple(row), -1) for row in (index - step).tolist()]
        for kernel in kernels.values():
            kernel.find_below(voxels.key, voxels.stride[axis], below[axis])
            assert below[axis].tolist() == expected
        assert voxels.minus(axis).tolist() == expected
    face = np.where(rng.random((n, 3)) < 0.7, 1.0, 0.0)
    labels = {name: np.empty(n, dtype=np.int32) for name in kernels}
    counts = {name: kernel.label_pieces(face, below, labels[name]) for name, kernel in kernels.items()}
    group = list(range(n))
    for _ in range(n):  # the lowest number spreads until nothing changes
        for i, axis in itertools.product(range(n), range(3)):
            if below[axis, i] >= 0 and face[i, axis] > 0:
                group[i] = group[below[axis, i]] = min(group[i], group[below[axis, i]])
    expected = np.unique(group, return_inverse=True)[1].tolist()
    for name in kernels:
        assert labels[name].tolist() == expected
        assert counts[name] == max(expected) + 1
