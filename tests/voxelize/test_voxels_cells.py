"""Voxels of cells: joints, cuts, tips, bridges, somata, thin neurites, and the benchmark cell."""

import io

import numpy as np
import pytest

from multiscale.errors import GeometryError
from multiscale.geometry import Morphology, Section
from multiscale.progress import Progress
from multiscale.voxelize import bricks
from multiscale.voxelize.cells import voxelize_cell
from multiscale.voxelize.primitives import Interval, cell_primitives, intervals
from multiscale.voxelize.readers import example_morphology, read_morphology
from multiscale.voxelize.soma import body


def whole(cell, dx, **options):
    k = len(cell.sections)
    return voxelize_cell(cell, range(k), [0.0] * k, [1.0] * k, dx, **options)


def bent(angle, height, pieces=5, diameter=2.0, seed=0):
    """A tube of equal pieces, each turned by an angle about a random axis."""
    rng = np.random.default_rng(seed)
    way = rng.normal(size=3)
    way /= np.linalg.norm(way)
    points = [rng.uniform(-1, 1, 3)]
    for _ in range(pieces):
        points.append(points[-1] + height * way)
        side = np.cross(way, rng.normal(size=3))
        way = np.cos(angle) * way + np.sin(angle) * side / np.linalg.norm(side)
    return Morphology((Section("tube", tuple((*p, diameter) for p in points)),))


@pytest.mark.parametrize("angle", [0.0, 0.2, 0.6, 1.2])
def test_bent_tubes_have_the_volume_and_area_of_their_frusta(angle):
    errors = []
    for seed in range(4):
        cell = bent(angle, 4.0, seed=seed)
        voxels = whole(cell, 0.25)
        assert voxels.component.max() == 0
        errors.append((voxels.volume.sum() / cell.volume - 1, voxels.area.sum() / cell.area - 1))
    volume, area = np.abs(errors).max(axis=0)
    assert volume < 2e-4  # eight voxels a diameter
    assert area < 1e-3


@pytest.mark.parametrize("angle", [0.8, 1.2, 2.0])
def test_sharp_bends_converge(angle):
    """Frusta shorter than wide, joined by balls: no wall inside, no area of inner ends, second order in dx."""
    cell = bent(angle, 1.5, seed=1)
    found = [(v.volume.sum(), v.area.sum()) for v in (whole(cell, dx) for dx in (0.5, 0.25, 0.0625))]
    coarse, fine = (np.abs(np.array(found[k]) / found[2] - 1) for k in (0, 1))
    assert (coarse < [4e-3, 1.5e-2]).all()
    assert (fine < [1e-3, 4e-3]).all()
    assert found[2][0] < cell.volume * 1.02
    assert found[2][1] < cell.area * 1.02


def test_a_stretch_is_cut_flat_and_its_ends_are_no_membrane():
    points = ((0.1, 0.2, 0.05, 2), (3.1, 0.2, 0.05, 2), (10.1, 0.2, 0.05, 2))
    cell = Morphology((Section("dend", points),))
    voxels = voxelize_cell(cell, [0], [0.25], [0.63], 0.25)
    assert voxels.volume.sum() == pytest.approx(np.pi * 3.8, rel=1e-4)
    assert voxels.area.sum() == pytest.approx(2 * np.pi * 3.8, rel=5e-3)  # one orientation along the grid
    low, high = voxels.centre[:, 0] - 0.125, voxels.centre[:, 0] + 0.125
    assert low.min() == pytest.approx(2.5, abs=1e-12)  # the voxel that holds 2.6, corners at multiples of dx
    assert high.max() == pytest.approx(6.5, abs=1e-12)
    first = voxels.index[:, 0] == voxels.index[:, 0].min()
    assert voxels.volume[first].sum() == pytest.approx(np.pi * (2.75 - 2.6), rel=1e-3)
    vector = np.where(first[:, None], voxels.closed_area(), 0).sum(axis=0)  # the flat end, across the axis
    assert vector == pytest.approx([-np.pi, 0, 0], abs=2e-3)
    assert (voxels.section == 0).all()
    assert voxels.position == pytest.approx((voxels.centre[:, 0] - 0.1) / 10, abs=0.013)  # ends are clipped to the cut
    assert voxels.position.min() >= 0.25 - 1e-6
    assert voxels.position.max() <= 0.63 + 1e-6


def test_stretches_add_up_to_the_whole():
    cell = bent(0.5, 3.0, seed=2)
    every = whole(cell, 0.2)
    parts = [voxelize_cell(cell, [0], [a], [b], 0.2) for a, b in ((0, 0.31), (0.31, 0.7), (0.7, 1))]
    assert sum(part.volume.sum() for part in parts) == pytest.approx(every.volume.sum(), rel=2e-4)
    assert sum(part.area.sum() for part in parts) == pytest.approx(every.area.sum(), rel=2e-3)
    again = voxelize_cell(cell, [0, 0, 0], [0.31, 0, 0.7], [0.7, 0.31, 1], 0.2)
    assert (again.volume == every.volume).all()
    assert intervals([1, 0, 0], [0, 0.5, 0], [1, 1, 0.5]) == [Interval(0, 0, 1), Interval(1, 0, 1)]


def test_any_order_of_stretches_gives_the_same_bits():
    cell = read_morphology(example_morphology())
    k = 12
    one = voxelize_cell(cell, range(k), [0] * k, [1] * k, 0.5)
    two = voxelize_cell(cell, range(k - 1, -1, -1), [0] * k, [1] * k, 0.5)
    for name in ("index", "volume", "face", "area", "normal", "section", "position", "component"):
        assert (getattr(one, name) == getattr(two, name)).all()


def test_radius_steps_are_membrane_inside_a_section_only():
    """A ring between two points in one place, as in 1-D; between sections the end of the wider one is closed."""
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    places = [tuple(rotation @ (x, 0, 0)) for x in (0, 3, 3, 8)]
    points = [(*place, diameter) for place, diameter in zip(places, (3, 3, 1, 1), strict=True)]
    one = Morphology((Section("a", tuple(points)),))
    two = Morphology((Section("a", tuple(points[:2])), Section("b", tuple(points[2:]), parent=0)))
    assert one.area == pytest.approx(two.area + np.pi * (1.5**2 - 0.5**2), rel=1e-12)
    for cell in (one, two):
        voxels = whole(cell, 0.125)
        assert voxels.component.max() == 0
        assert voxels.volume.sum() == pytest.approx(cell.volume, rel=1e-3)
        assert voxels.area.sum() == pytest.approx(cell.area, rel=3e-3)


def test_branches_are_joined_without_walls():
    sections = (
        Section("trunk", ((0, 0, 0, 1.2), (5, 0.3, 0.2, 1.0))),
        Section("left", ((5, 0.3, 0.2, 1.0), (8, 3, 0.5, 0.6)), parent=0),
        Section("right", ((5, 0.3, 0.2, 0.8), (8, -2, 1.5, 0.5)), parent=0),
        Section("side", ((2.5, 0.15, 0.1, 0.4), (2.5, 4, 0, 0.4)), parent=0, parent_x=0.5),
    )
    cell = Morphology(sections)
    found = []
    for dx in (0.2, 0.1):
        voxels = whole(cell, dx)
        assert voxels.component.max() == 0
        found.append((voxels.volume.sum(), voxels.area.sum()))
        for k, section in enumerate(sections):  # voxels belong to the section that holds them
            middle = np.mean([section.points[0][:3], section.points[1][:3]], axis=0)
            near = voxels.find(np.floor((middle - voxels.origin) / dx)[None])[0]
            assert voxels.section[near] == k
            assert voxels.position[near] == pytest.approx(0.5, abs=dx / section.length)
    assert found[0] == pytest.approx(found[1], rel=4e-3)
    assert 0.9 * cell.volume < found[1][0] < cell.volume  # less the overlap at the joints
    assert 0.9 * cell.area < found[1][1] < cell.area


def test_a_neurite_that_starts_apart_gets_a_bridge():
    soma = Section("soma", ((-5, 0, 0, 10), (0, 0, 0, 10), (5, 0, 0, 10)), 1)
    dend = Section("dend", ((0.2, 7, 0.1, 1), (0.3, 15, 0.3, 1)), 3, 0, 0.5)
    cell = Morphology((soma, dend))
    both, alone = whole(cell, 0.25), voxelize_cell(cell, [1], [0], [1], 0.25)
    assert both.component.max() == 0
    gap = 7 - 5
    assert both.volume.sum() == pytest.approx(cell.volume + np.pi / 4 * gap, rel=2e-4)
    hole = np.pi / 4  # of the soma's side, where the bridge leaves it; the bridge has no membrane
    assert both.area.sum() == pytest.approx(cell.area - hole, rel=4e-3)  # the soma lies along the grid
    assert alone.volume.sum() == pytest.approx(dend_volume := np.pi / 4 * dend.length, rel=2e-3)
    assert dend_volume < both.volume[both.section == 1].sum() < dend_volume + np.pi / 4 * (gap + 1)


@pytest.mark.parametrize("size", [0.7, 3.0, 20.0])
def test_somata_from_outlines_keep_their_volume(size):
    """NEURON loses contour somata of some sizes; here one outline and a stack of outlines, at any size."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ellipse = size * np.column_stack([np.cos(turn), 0.7 * np.sin(turn), 0 * turn])
    heights = np.linspace(-0.7, 0.7, 8)
    stack = [np.sqrt(1 - z * z) * ellipse + (0.05 * size * z, 0, size * z) for z in heights]
    for points in (body([ellipse]), body(stack)):
        cell = Morphology((Section("soma", points, 1),))
        voxels = whole(cell, size / 8)
        assert voxels.component.max() == 0
        assert voxels.volume.sum() == pytest.approx(cell.volume, rel=5e-3)
        assert voxels.area.sum() == pytest.approx(cell.area, rel=1e-2)


@pytest.mark.parametrize("diameter", [0.3, 0.6, 1.0])
def test_thin_neurites_stay_connected_and_keep_their_volume(diameter):
    cell = bent(0.4, 3.0, pieces=20, diameter=diameter, seed=4)
    voxels = whole(cell, 1.0)
    assert voxels.component.max() == 0
    assert voxels.volume.sum() == pytest.approx(cell.volume, rel=3e-3)
    assert voxels.area.sum() == pytest.approx(cell.area, rel=1e-2)


def test_whole_cell_is_one_piece_in_little_memory():
    cell = read_morphology(example_morphology())
    voxels = whole(cell, 0.5)
    assert voxels.component.max() == 0
    assert voxels.nbytes < 80 * voxels.n
    extent = np.ptp(voxels.index, axis=0) + 1
    assert voxels.n < 0.01 * extent.prod()
    # less than the frusta's sum by the overlap of neurites at their joints and inside the soma, more by bridges
    assert 0.97 * cell.volume < voxels.volume.sum() < cell.volume
    assert 0.97 * cell.area < voxels.area.sum() < cell.area
    used = np.bincount(voxels.section, voxels.volume, len(cell.sections))
    assert (used > 0).all()


def benchmark_part(cell):
    """Soma, first two apical sections, and apical sections with their midpoint within 70 um of the soma's middle."""
    length, chosen, start = cell.lines.length, [0], [-0.5 * cell.lines.length[0]]
    apical = 0
    for i, section in enumerate(cell.sections[1:], start=1):
        start.append(start[section.parent] + section.parent_x * length[section.parent])
        apical += section.tag == 4
        if section.tag == 4 and (apical <= 2 or start[i] + 0.5 * length[i] <= 70):
            chosen.append(i)
    return chosen


def test_benchmark_part_is_converged():
    """Error at dx 0.25 um against 0.125 um; the issue asks for less than 0.15 %."""
    cell = read_morphology(example_morphology())
    chosen = benchmark_part(cell)
    assert len(chosen) == 10
    volume, area = [], []
    for dx in (0.5, 0.25):
        voxels = voxelize_cell(cell, chosen, [0] * 10, [1] * 10, dx)
        volume.append(voxels.volume.sum())
        area.append(voxels.area.sum())
    assert 300_000 < voxels.n < 350_000
    assert voxels.component.max() == 0
    assert volume[0] == pytest.approx(volume[1], rel=1e-4)
    assert area[0] == pytest.approx(area[1], rel=1e-3)
    assert volume[1] == pytest.approx(4772.54, rel=2e-5)  # at dx 0.125 and 0.08 um: 4772.54


def test_progress_is_shown_when_it_takes_long(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(bricks, "PATIENCE", 0.0)
    monkeypatch.setattr(bricks, "CHUNK", 4096)
    monkeypatch.setattr(bricks, "Progress", lambda *a, **k: Progress(*a, **k, stream=stream))
    cell = bent(0.3, 4.0)
    shown = whole(cell, 0.2, progress=True)
    assert "voxels: 100%" in stream.getvalue()
    monkeypatch.undo()
    silent = whole(cell, 0.2)
    assert (shown.volume == silent.volume).all()  # in several chunks or in one


@pytest.mark.parametrize(
    ("stretch", "message"),
    [
        (([], [], []), "morphology: no stretch of a section is to be filled, expected one or more; widen the selector"),
        (([3], [0], [1]), "morphology: stretch 0 to 1 of section 3, expected a section of 1 and rising fractions"),
        (([0], [0.5], [0.5]), "morphology: stretch 0.5 to 0.5 of section 0, expected .* rising fractions from 0 to 1"),
        (([0], [0], [1.5]), r"morphology: stretch 0 to 1.5 of section 0"),
    ],
)
def test_impossible_stretches_are_refused(stretch, message):
    with pytest.raises(GeometryError, match=message):
        voxelize_cell(bent(0, 1.0), *stretch, 0.5)


def test_primitives_are_three_features_a_frustum_and_five_a_ball():
    gentle, sharp = (cell_primitives(bent(angle, 4.0), [Interval(0, 0, 1)]) for angle in (0.3, 2.5))
    assert np.diff(gentle.first).tolist() == [3] * 5
    assert np.diff(sharp.first).tolist() == [3] * 5 + [5] * 4
