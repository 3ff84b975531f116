"""Patches of membrane with the library's channels behave as those in a recording rig do."""

import numpy as np
import pytest

from multiscale.electro.channels.cal import cal
from multiscale.electro.channels.hh import hh
from multiscale.electro.channels.k import k as delayed_k
from multiscale.electro.channels.na import na as fast_na
from multiscale.electro.channels.nakatpase import nakatpase
from multiscale.electro.channels.passive import passive
from multiscale.electro.channels.sk import sk
from multiscale.electro.stimuli import IClamp, VClamp
from multiscale.geometry import Cable
from multiscale.model import Model
from multiscale.processes import Rate
from multiscale.regions import Bath, Membrane, Region, Shell
from multiscale.simulate import simulate
from multiscale.species import Species
from multiscale.units import celsius, cm, mM, mS, ms, mV, nM, pA, s, uF, uM, um

CYT = Region("cyt", shell=Shell(0.98, 1.0))  # under the membrane, where channels see calcium
CELL = Cable(20 * um, diameter=20 * um, n=1)
AREA = np.pi * 20 * 20  # um^2
DT = 0.025  # ms
NA = Species("na", CYT, z=1, initial=12 * mM)
POTASSIUM = Species("k", CYT, z=1, initial=140 * mM)
CA = Species("ca", CYT, z=2, initial=50 * nM)


def membrane(degrees, initial=-70.0):
    bath = Bath(na=145 * mM, k=3.5 * mM, ca=2 * mM)
    kept = {"capacitance": 1 * uF / cm**2, "temperature": celsius(degrees), "initial": initial * mV}
    return Membrane("plasma", CYT, bath, **kept)


def fire(model, current, stop=220.0):
    """Potential (times,) and spike times under a current (pA) from 10 ms on."""
    clamp = IClamp(CELL(0.5), current * pA, 10 * ms)
    v = simulate(model, CELL, stop * ms, dt=DT * ms, every=DT * ms, record="v", stimuli=[clamp])["v"].values.ravel()
    return v, DT * np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))


def rate_of(times):
    """Spikes a second."""
    return 1000 / np.diff(times).mean()


def clamped(model, level, hold=-80.0, stop=40.0, initial=None):
    """Current density (uA/cm2) after a step from `hold` to `level` at 5 ms, without the capacitive transient."""
    clamp = VClamp(CELL(0.5), ((5 * ms, hold * mV), (stop * ms, level * mV)))
    solution = simulate(
        model, CELL, (5 + stop) * ms, dt=DT * ms, every=DT * ms, record="v", stimuli=[clamp], initial=initial
    )
    return 100 * solution["vclamp.i"].values[round(5 / DT) + 3 :] / AREA


def peak(current):
    """The value of the largest magnitude."""
    return float(current[np.abs(current).argmax()])


def test_squid_patch_rests_and_fires_repetitively():
    """At 6.3 degrees the classical equations rest at -65 mV and fire at 50 to 100 Hz above about 6 uA/cm2."""
    model = Model(*hh(membrane(6.3, -65)))
    v, spikes = fire(model, 0.0)
    assert abs(v + 65).max() < 0.1
    assert not spikes.size
    assert fire(model, 2.0 * AREA / 100)[1].size == 0
    v, spikes = fire(model, 10.0 * AREA / 100)
    assert 55 < rate_of(spikes) < 80
    assert 35 < v.max() < 45
    assert -78 < v.min() < -70


def test_squid_sodium_and_potassium_in_voltage_clamp():
    model = Model(*hh(membrane(6.3, -65)))
    early, late = clamped(model, 0.0, -65.0)[:80].min(), clamped(model, 0.0, -65.0)[-1]
    assert -1500 < early < -1000  # about 1 mA/cm2 inward, then outward
    assert 1500 < late < 2500
    assert clamped(model, 60.0, -65.0).min() > 0  # beyond the reversal of sodium nothing flows inward


def pyramidal(m):
    return (*fast_na(m), *delayed_k(m), *passive(m, g=0.1 * mS / cm**2, e=-70 * mV))


def test_na_and_k_fire_at_body_temperature():
    model = Model(*pyramidal(membrane(36)))
    v, spikes = fire(model, 0.0)
    assert abs(v + 70).max() < 0.1
    assert not spikes.size
    rates = [rate_of(fire(model, current)[1]) for current in (25.0, 50.0, 100.0)]
    assert 20 < rates[0] < rates[1] < rates[2] < 250
    v, _ = fire(model, 50.0)
    assert 20 < v.max() < 50  # below the reversal of sodium
    assert -90 < v.min() < -60
    assert 0.3 < DT * np.count_nonzero(v > -20) / len(fire(model, 50.0)[1]) < 1.5  # ms, width of a spike


def test_na_activates_fast_and_inactivates():
    model = Model(*fast_na(membrane(36)))
    current = clamped(model, -10.0, -90.0)
    assert DT * np.abs(current).argmax() < 0.5
    assert abs(current[-1]) < 0.05 * abs(peak(current))
    levels = np.arange(-60.0, 80.0, 10.0)
    peaks = np.array([peak(clamped(model, v, -90.0, 5.0)) for v in levels])
    assert -30 <= levels[peaks.argmin()] <= 0
    assert levels[peaks > 1].min() == 60  # reverses at 50 mV
    assert peaks[levels == 60] > 0


def test_k_is_delayed_and_lasts():
    current = clamped(Model(*delayed_k(membrane(36))), 20.0, -90.0)
    assert 0.4 < DT * np.argmax(current > current[-1] / 2) < 3
    assert current[-1] == pytest.approx(current.max(), rel=1e-3)
    assert 200 < current[-1] < 700


def test_l_type_calcium_current():
    """High threshold, largest around 0 mV, no inactivation, and reversal where Goldman, Hodgkin and Katz put it."""
    m = membrane(35)
    held = Rate("held", CA[CYT], (50 * nM - CA[CYT]) / (1e-3 * ms))
    model = Model(*cal(m, CA), held)
    levels = np.arange(-60.0, 160.0, 5.0)
    last = np.array([clamped(model, v, stop=20.0)[-1] for v in levels])
    assert -10 <= levels[last.argmin()] <= 20
    assert -100 < last.min() < -10  # uA/cm2 at 1e-4 cm/s
    assert abs(last[levels == -60]) < 0.01 * abs(last.min())  # closed at rest
    nernst = 8.314462618e3 * (35 + 273.15) / (2 * 96485.33212) * np.log(2.0 / 50e-6)
    crossing = levels[np.flatnonzero((last[:-1] < 0) & (last[1:] >= 0))]
    assert crossing.size == 1
    assert crossing[0] <= nernst <= crossing[0] + 5


def test_sk_current_grows_with_calcium_as_cited():
    """Half activation at 0.5 uM and a Hill coefficient of 4, whatever the potential; opening within some 5 ms."""
    model = Model(*sk(membrane(36), CA))  # nothing changes the calcium
    doses = np.array([0.2, 0.35, 0.5, 0.7, 1.0, 10.0])  # uM
    low, high = (
        np.array([clamped(model, level, -77.0, 60.0, {CA[CYT]: dose * uM})[-1] for dose in doses])
        for level in (-20.0, 20.0)
    )
    for current in (low, high):
        open_share = current / current[-1]
        assert open_share[doses == 0.5] == pytest.approx(0.5, rel=0.01)
        middle = slice(0, 5)
        hill = np.polyfit(np.log(doses[middle]), np.log(open_share[middle] / (1 - open_share[middle])), 1)[0]
        assert hill == pytest.approx(4, rel=0.02)
    np.testing.assert_allclose(low / high, 57 / 97, rtol=1e-3)  # ohmic, reversal at -77 mV
    assert (high > 0).all()


def test_calcium_entry_through_cal_opens_sk_and_slows_firing():
    m = membrane(36)
    pool = Rate("pool", CA[CYT], (50 * nM - CA[CYT]) / (80 * ms))
    _, free = fire(Model(*pyramidal(m)), 30.0, 420.0)
    _, adapted = fire(Model(*pyramidal(m), *cal(m, CA, pbar=1e-6 * cm / s), *sk(m, CA), pool), 30.0, 420.0)
    assert np.ptp(np.diff(free)) < 0.5  # regular
    assert np.diff(adapted)[-1] > 1.5 * np.diff(adapted)[0]  # intervals grow
    assert 3 < adapted.size < 0.7 * free.size


def test_pump_moves_three_for_two_and_its_current_is_outward():
    model = Model(*nakatpase(membrane(36), NA, POTASSIUM))
    clamp = VClamp(CELL(0.5), ((20 * ms, -70 * mV),))
    for inside in (5.0, 12.0, 50.0):
        start = {NA[CYT]: inside * mM}
        solution = simulate(model, CELL, 20 * ms, dt=DT * ms, every=1 * ms, stimuli=[clamp], initial=start)
        sodium, potassium = solution["na.cyt"].values.ravel(), solution["k.cyt"].values.ravel()
        assert sodium[-1] < sodium[0]
        assert (sodium[-1] - sodium[0]) / (potassium[-1] - potassium[0]) == pytest.approx(-1.5, rel=1e-6)
        current = 100 * solution["vclamp.i"].values[2] / AREA
        assert current == pytest.approx(10 * (inside / (inside + 10)) ** 3 * 0.25, rel=0.02)


def test_pump_hyperpolarises():
    """Blocking the pump (ouabain) depolarises a cell by its current times the input resistance."""
    m = membrane(36)
    leak = passive(m, g=0.1 * mS / cm**2, e=-65 * mV)
    rest = [
        float(simulate(Model(*leak, *pump), CELL, 100 * ms, dt=DT * ms, record="v")["v"].values.ravel()[-1])
        for pump in ((), nakatpase(m, NA, POTASSIUM))
    ]
    assert rest[0] == pytest.approx(-65, abs=0.01)
    expected = 10 * (12 / 22) ** 3 * 0.25 / 0.1  # uA/cm2 over mS/cm2
    assert rest[0] - rest[1] == pytest.approx(expected, rel=0.02)
