"""VoxelArrays: layout, neighbours, closing of the six faces, connected pieces, refusals."""

import numpy as np
import pytest

from multiscale.errors import GeometryError
from multiscale.solids import Ball, Box, Frustum
from multiscale.voxelize.shapes import voxelize_shape
from multiscale.voxelize.voxels import assemble


def some():
    return voxelize_shape(Ball(1.0) | Frustum((0, 0, 0), (2, 1, 0.5), 0.4, 0.2), 0.2)


def test_voxels_are_sorted_read_only_and_small():
    voxels = some()
    assert (np.diff(voxels.key) > 0).all()
    order = np.lexsort(voxels.index.T[::-1])
    assert (order == np.arange(voxels.n)).all()
    assert voxels.nbytes <= 80 * voxels.n + 24
    with pytest.raises(ValueError, match="read-only"):
        voxels.volume[0] = 1.0
    assert voxels.volume.min() > 0
    assert voxels.volume.max() <= 0.2**3 * (1 + 1e-12)


def test_centres_lie_in_the_grid_and_are_found_again():
    voxels = some()
    assert (voxels.origin + 1) / 0.2 == pytest.approx([-1, -1, -1], abs=1e-9)  # one voxel below the bounds
    assert voxels.centre[0] == pytest.approx(voxels.origin + 0.2 * (voxels.index[0] + 0.5), abs=1e-12)
    assert (voxels.find(voxels.index) == np.arange(voxels.n)).all()
    assert voxels.find([[-1, 0, 0], [0, 0, 10**6]]).tolist() == [-1, -1]


def test_faces_towards_nothing_are_closed():
    voxels = some()
    for axis in range(3):
        assert (voxels.face[voxels.minus(axis) < 0, axis] == 0).all()
    assert voxels.face.min() >= 0
    assert voxels.face.max() <= 0.2**2 * (1 + 1e-12)


def test_surface_closes_the_faces_of_each_voxel():
    """Open faces plus the surface's vector area vanish; a bent or folded surface has more area than its vector."""
    voxels = some()
    vector = voxels.closed_area()
    plus = np.zeros_like(vector)
    for axis in range(3):
        below = voxels.minus(axis)
        plus[below[below >= 0], axis] = voxels.face[below >= 0, axis]
    assert vector == pytest.approx(voxels.face - plus, abs=1e-15)
    assert vector.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)  # a closed surface has no vector area
    length = np.linalg.norm(vector, axis=1)
    inside = voxels.volume >= 0.2**3 * (1 - 1e-12)
    assert length[inside & (voxels.area == 0)].max() < 0.3 * 0.2**2  # next to a cut face that is not quite full
    at_surface = length > 0.01 * 0.2**2
    assert np.linalg.norm(voxels.normal[at_surface], axis=1) == pytest.approx(1, abs=1e-6)  # single precision
    # 0.5: planes of neighbouring small boxes need not meet, so single voxels with a sliver of surface are less exact
    assert (length - voxels.area).max() < 0.5 * 0.2**2
    assert np.abs(length - voxels.area).sum() < 0.05 * voxels.area.sum()


def test_divergence_theorem_on_a_ball():
    """The flux of the field x through the surface is three times the volume; normals point along the radius."""
    ball = Ball(1.0, (0.03, 0.01, -0.02))
    error = []
    for n in (8, 16):
        voxels = voxelize_shape(ball, 1 / n)
        vector = voxels.closed_area()
        error.append(abs((voxels.centre * vector).sum() / (3 * voxels.volume.sum()) - 1))
        radial = voxels.centre - ball.center
        radial /= np.linalg.norm(radial, axis=1)[:, None]
        cosine = (radial * voxels.normal).sum(axis=1)
        big = np.linalg.norm(vector, axis=1) > 0.3 / n**2
        assert cosine[big].min() > 0.9
        assert np.average(cosine, weights=voxels.area) > 0.99
    # sums over slices of the ball's discs: the end slices of a sphere give h^2/(4 R^2) at worst
    assert error[0] < 0.25 / 8**2
    assert error[1] < 0.25 / 16**2


def test_pieces_are_numbered_by_volume():
    voxels = voxelize_shape(Ball(0.5) | Ball(0.8, (3, 0, 0)) | Ball(0.3, (0, 3, 0)), 0.2)
    total = np.bincount(voxels.component, voxels.volume)
    assert total == pytest.approx(4 / 3 * np.pi * np.array([0.8, 0.5, 0.3]) ** 3, rel=3e-3)
    largest = voxels.largest()
    assert largest.volume.sum() == pytest.approx(total[0], rel=1e-12)
    assert (largest.component == 0).all()
    assert "3 connected pieces" in voxels.describe()
    assert "1 connected piece," in largest.describe()


def test_assemble_takes_any_order():
    voxels = some()
    order = np.random.default_rng(0).permutation(voxels.n)
    columns = (voxels.index, voxels.volume, voxels.face, voxels.area, voxels.section, voxels.position)
    again = assemble(voxels.dx, voxels.origin, *(column[order] for column in columns))
    for name in ("index", "volume", "face", "area", "normal", "component"):
        assert (getattr(again, name) == getattr(voxels, name)).all()


def test_too_many_and_no_voxels_are_refused():
    with pytest.raises(GeometryError, match="Ball: dx is 1e-05 um, which makes more than 2e"):
        voxelize_shape(Ball(0.02), 1e-5)
    with pytest.raises(GeometryError, match=r"Union: dx is .* expected fewer voxels along it; take a larger dx"):
        voxelize_shape(Ball(0.02) | Ball(0.02, (1e9, 1e9, 1e9)), 1e-3)
    with pytest.raises(GeometryError, match="Frustum: no voxel of 1000 um holds any of it"):
        voxelize_shape(Frustum((0, 0, 0), (1, 0, 0), 0.01), 1000)


def test_box_is_exact():
    box = Box((0.1, -0.2, 0.3), (1.1, 0.35, 0.75))
    for dx in (0.25, 0.07):
        voxels = voxelize_shape(box, dx)
        assert voxels.volume.sum() == pytest.approx(box.volume, rel=1e-12)
        assert voxels.area.sum() == pytest.approx(box.area, rel=1e-12)
        for axis, side in enumerate(box.sides):  # open faces between layers: the cross-section
            layers = layers_of(voxels, axis)
            assert layers == pytest.approx(box.volume / side, rel=1e-12)


def layers_of(voxels, axis):
    """Open area of each layer of faces that has one."""
    sums = np.bincount(voxels.index[:, axis], voxels.face[:, axis])
    return sums[sums > 0]
