"""The converged answers of the benches, against each other and against textbook values."""

import numpy as np
import pytest

from multiscale.bench.axon import hh_rates
from multiscale.bench.circadian import INITIAL_NM, NAMES, rates
from multiscale.bench.reference import cable_laplacian, cell_centres, diffuse_exactly, integrate_cable


def test_exact_diffusion_equals_the_integrated_one():
    x = cell_centres(20.0, 40)
    initial = np.exp(-((x - 7) ** 2))
    exact = diffuse_exactly(initial, 0.7, 20.0, 5.0)
    d = np.array([0.7])
    integrated = integrate_cable(lambda _, u: cable_laplacian(u, d, 0.5), initial[:, None], [2.0, 5.0], rtol=1e-9)
    assert integrated[:, 0] == pytest.approx(exact, abs=1e-8)  # LSODA's global error, some ten times its tolerance


def test_exact_diffusion_keeps_the_amount_and_lets_a_cosine_decay_at_its_own_rate():
    nodes, length, d, t = 100, 50.0, 2.0, 9.0
    x = cell_centres(length, nodes)
    mode = np.cos(3 * np.pi * x / length)
    rate = d * (2 * np.sin(3 * np.pi / (2 * nodes)) / (length / nodes)) ** 2
    end = diffuse_exactly(1 + mode, d, length, t)
    assert end == pytest.approx(1 + np.exp(-rate * t) * mode, abs=1e-13)  # round-off of the transforms
    assert end.sum() == pytest.approx(nodes, rel=1e-13)


def test_laplacian_moves_nothing_out_of_the_cable():
    values = np.arange(12.0).reshape(4, 3) ** 2
    assert cable_laplacian(values, np.array([1.0, 0.0, 3.0]), 0.5).sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)


def test_clock_rates_accept_arrays_and_conserve_protein_in_the_nucleus_import():
    values = [np.array([value, 2 * value]) for value in INITIAL_NM]
    found = dict(zip(NAMES, rates(values), strict=True))
    assert all(rate.shape == (2,) for rate in found.values())
    binding = 1.2 * values[3] * values[7] - 0.6 * values[8]
    assert found["C"] + found["CN"] == pytest.approx(binding - 0.01 * (values[8] + values[9]))


def test_clock_rates_scale_with_units():
    small = rates([value * 1e-6 for value in INITIAL_NM], nM=1e-6, hour=3.6e6)
    assert np.array(small) * 1e6 * 3.6e6 == pytest.approx(np.array(rates(INITIAL_NM)), rel=1e-12)


def test_hodgkin_huxley_rates_at_rest_and_at_their_removable_singularities():
    (m, _), _, (n, _) = hh_rates(np.array([-40.0, -55.0]))
    assert m[0] == 1.0
    assert n[1] == pytest.approx(0.1, rel=1e-15)
    at_rest = [opening / (opening + closing) for opening, closing in hh_rates(np.array(-65.0))]
    assert at_rest == pytest.approx([0.0529325, 0.5961208, 0.3176769], rel=1e-6)
