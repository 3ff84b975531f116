"""Potentials and spike times equal NEURON's where the same operations come in the same order (`Lie`)."""

import numpy as np
import pytest

from multiscale.electro.channels.hh import hh
from multiscale.electro.channels.passive import passive
from multiscale.electro.stimuli import IClamp, SEClamp
from multiscale.geometry import Cable, Morphology, Section
from multiscale.model import Model
from multiscale.regions import Membrane, Region
from multiscale.rxd.steppers.lie import Lie
from multiscale.segmentation import MaxLength, SegmentCount
from multiscale.simulate import simulate
from multiscale.symbols import tag
from multiscale.units import Mohm, S, cm, ms, mV, nA, ohm, uF, um
from multiscale.voxelize.readers import example_morphology, read_morphology

pytestmark = pytest.mark.neuron

DT = 0.025  # ms, also the time resolution of the printed traces
CYT = Region("cyt")


def membrane(resistivity=100.0, initial=-65.0):
    return Membrane("m", CYT, capacitance=1 * uF / cm**2, resistivity=resistivity * ohm * cm, initial=initial * mV)


def ours(model, geometry, stop, stimuli):
    return simulate(model, geometry, stop * ms, dt=DT * ms, every=DT * ms, stepper=Lie(), record="v", stimuli=stimuli)


def spike_times(v):
    """Printed times at which each column of v (times, nodes) rises through 0 mV."""
    return [np.flatnonzero((column[:-1] < 0) & (column[1:] >= 0)).tolist() for column in v.T]


@pytest.mark.parametrize("electrode", [0.5, 1.0], ids=["middle", "end"])
@pytest.mark.parametrize("segments", [1, 11, 51, 101])
def test_hodgkin_huxley_axon(neuron, segments, electrode):
    m = membrane(35.4)
    cable = Cable(1000 * um, diameter=1 * um, n=segments)
    clamp = IClamp(cable(electrode), 0.3 * nA, start=1 * ms, duration=1 * ms)
    v = ours(Model(*hh(m)), cable, 20, [clamp])["v"].values.reshape(-1, segments)
    expected = neuron("hh_axon", segments=segments, electrode=electrode, dt=DT, stop=20)["v"]
    np.testing.assert_allclose(v, expected, rtol=0, atol=1e-8)  # mV; round-off of 1e-13, grown by the spike
    assert spike_times(v) == spike_times(expected)
    assert all(spike_times(v))


def branching():
    """As in `peers.py`; dendrites begin at the soma's end, middle and start."""

    def cylinder(name, length, diameter, tag, parent=-1, joint=1.0):
        return Section(name, ((0, 0, 0, diameter), (length, 0, 0, diameter)), tag, parent, joint)

    sections = (
        cylinder("soma", 20, 20, 1),
        cylinder("dend0", 200, 3, 3, 0, 1.0),
        cylinder("dend1", 150, 1.2, 3, 0, 0.5),
        cylinder("dend2", 300, 0.7, 3, 0, 0.0),
        cylinder("twig0", 100, 0.6, 3, 1),
        cylinder("twig1", 100, 0.8, 3, 1),
    )
    return Morphology(sections, MaxLength(20 * um))


def cell_model(leak):
    """Hodgkin-Huxley channels in the soma, leak elsewhere."""
    m = membrane()
    dendrites = passive(m, g=leak * S / cm**2, e=-65 * mV, where=~tag("soma"))
    return Model(*hh(m, where=tag("soma")), *dendrites)


def test_branching_cell(neuron):
    cell = branching()
    clamps = [
        IClamp(cell["soma"](0.5), 0.5 * nA, 1 * ms, 1 * ms),
        IClamp(cell["dend2"](1), 0.05 * nA, 3 * ms, 8 * ms, name="tip"),
    ]
    v = ours(cell_model(1e-4), cell, 20, clamps)["v"].values
    expected = neuron("branching", dt=DT, stop=20)["v"]
    np.testing.assert_allclose(v, expected, rtol=0, atol=1e-8)
    assert spike_times(v) == spike_times(expected)
    assert spike_times(v)[0]


def test_reconstructed_cell(neuron):
    """The same sections and segments; NEURON keeps points in single precision, so areas differ by up to 1e-4."""
    path, segments = example_morphology("c91662.swc"), 3
    cell = read_morphology(path, SegmentCount(segments))
    clamps = [IClamp(cell.soma(0.5), 2 * nA, start * ms, 2 * ms, name=f"pulse_{start}") for start in (1, 30)]
    solution = ours(cell_model(5e-5), cell, 40, clamps)
    answer = neuron("morphology", path=str(path), segments=segments, amplitude=2, dt=DT, stop=40)
    v, names = solution["v"].values, np.asarray(solution["v"].coords["section"].values)
    order = np.concatenate([np.flatnonzero(answer["names"] == name) for name in dict.fromkeys(names.tolist())])
    expected = answer["v"][:, order]
    assert v.shape == expected.shape
    np.testing.assert_allclose(v, expected, rtol=0, atol=1e-4)
    assert spike_times(v) == spike_times(expected)
    soma = np.flatnonzero(names == "soma")
    assert len(spike_times(v)[soma[0]]) == 2


@pytest.mark.parametrize("megohm", [0.5, 10.0])
def test_series_resistance_clamp_of_a_passive_cable(neuron, megohm):
    m = membrane(initial=-65)
    cable = Cable(300 * um, diameter=2 * um, n=31)
    levels = ((2 * ms, -65 * mV), (5 * ms, -30 * mV), (3 * ms, -90 * mV))
    clamp = SEClamp(cable(0.5), levels, resistance=megohm * Mohm)
    solution = ours(Model(*passive(m, g=2e-4 * S / cm**2, e=-70 * mV)), cable, 10, [clamp])
    answer = neuron("clamped", resistance=megohm, dt=DT, stop=10)
    np.testing.assert_allclose(solution["v"].values, answer["v"], rtol=0, atol=1e-9)
    current = solution["seclamp.i"].values[1:] * 1e-3  # nA; NEURON's first sample is before the first step
    np.testing.assert_allclose(current, answer["i"][1:], rtol=0, atol=1e-9)
    assert np.ptp(current) > 1
