"""Where NEURON 9 is wrong in three dimensions; `tests/analytic/test_voxels.py` tests that we are right there."""

from math import cos, pi, sin

import numpy as np
import pytest

from multiscale.voxelize.readers import example_morphology

pytestmark = pytest.mark.neuron


def test_channels_of_several_sections_move_less_than_they_carry(neuron):
    single, triple = (neuron("voxel_chain", number=n, dt=0.025, stop=8) for n in (1, 3))
    assert single["gained"] / single["carried"] == pytest.approx(1, abs=1e-4)
    assert 0.1 < triple["gained"] / triple["carried"] < 0.3


def test_a_stiff_dimerisation_creates_matter(neuron):
    total = neuron("voxel_doubling", forward=1000, backward=10, dt=0.1, stop=1)["total"]
    assert np.abs(total / 2 - 1).max() > 1e3  # 2 A + B is 2 mM at t = 0


def test_uniform_matter_vanishes_where_a_line_has_one_voxel(neuron):
    found = neuron("voxel_uniform", path=str(example_morphology()), name="apic[130]", dt=0.025, stop=10)
    assert found["x"].min() < 0.5
    assert found["volume"] @ found["x"] / found["volume"].sum() < 0.98


def test_adaptive_steps_of_grids_of_two_sizes_end_the_process(neuron):
    assert neuron("voxel_sizes")["signal"] > 0


def test_a_soma_drawn_as_a_contour_loses_most_of_its_volume(neuron, tmp_path):
    path = tmp_path / "round.asc"
    points = "\n".join(f"({5 * cos(k * pi / 12):.4f} {5 * sin(k * pi / 12):.4f} 0.0 0.2)" for k in range(24))
    path.write_text(f'("CellBody" (Color Red) (CellBody)\n{points}\n)\n((Dendrite) (5 0 0 1) (15 0 0 1))\n')
    found = neuron("voxel_soma", path=str(path), dx=0.25)
    assert found["section"] == pytest.approx(4 / 3 * pi * 5**3, rel=0.03)
    assert found["voxels"] < 0.3 * found["section"]
