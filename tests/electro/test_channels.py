"""Channels are plain processes: rates of the papers, live reversal potentials, names, places, units."""

import math

import pytest
import sympy

from multiscale.dimensions import check_units
from multiscale.electro.channels.cal import cal
from multiscale.electro.channels.hh import hh
from multiscale.electro.channels.k import k as delayed_k
from multiscale.electro.channels.na import na as fast_na
from multiscale.electro.channels.nakatpase import nakatpase
from multiscale.electro.channels.passive import passive
from multiscale.electro.channels.sk import sk
from multiscale.errors import ModelError
from multiscale.model import Model
from multiscale.processes import Current, Rate
from multiscale.regions import Bath, Membrane, Region
from multiscale.species import Parameter, Species, State
from multiscale.symbols import tag
from multiscale.units import K, celsius, cm, mM, mS, mV, nM, strip, uF

CYT = Region("cyt")
NA = Species("na", CYT, z=1, initial=12 * mM)
POTASSIUM = Species("k", CYT, z=1, initial=140 * mM)
CA = Species("ca", CYT, z=2, initial=50 * nM)
FIELDS = {"na.cyt": 12.0, "k.cyt": 140.0, "ca.cyt": 5e-4, "na.bath": 145.0, "k.bath": 3.5, "ca.bath": 2.0}
RT_F = 8.314462618 * 279.45 / 96485.33212 * 1e3  # mV at 6.3 degrees


def membrane(degrees=6.3):
    bath = Bath(na=145 * mM, k=3.5 * mM, ca=2 * mM)
    return Membrane("plasma", CYT, bath, capacitance=1 * uF / cm**2, temperature=celsius(degrees))


PLASMA = membrane()
ALL = {
    "hh": lambda m, **more: hh(m, NA, POTASSIUM, **more),
    "passive": passive,
    "na": lambda m, **more: fast_na(m, NA, **more),
    "k": lambda m, **more: delayed_k(m, POTASSIUM, **more),
    "cal": lambda m, **more: cal(m, CA, **more),
    "sk": lambda m, **more: sk(m, CA, POTASSIUM, **more),
    "nakatpase": lambda m, **more: nakatpase(m, NA, POTASSIUM, **more),
}


def value(expression, v, **gates):
    """The expression in base units at a potential, with the concentrations above."""
    known = {**FIELDS, "v": v, **{name.replace("_", "."): x for name, x in gates.items()}}
    expression = strip(expression)
    point = {symbol: sympy.Float(known[symbol.name]) for symbol in expression.free_symbols}
    return float(expression.xreplace(point).evalf())


def by_name(processes):
    return {process.name: process for process in processes}


def pole(numerator, scale):
    """numerator / (exp(numerator/scale) - 1)."""
    return scale if numerator == 0 else numerator / math.expm1(numerator / scale)


@pytest.mark.parametrize("name", ALL)
def test_a_channel_is_plain_processes(name):
    processes = ALL[name](PLASMA)
    assert isinstance(processes, tuple)
    assert all(isinstance(process, Rate | Current) for process in processes)
    model = Model(*processes)
    check_units(model)
    assert Model.from_dict(model.to_dict()) == model


@pytest.mark.parametrize("name", ALL)
def test_place_and_name_reach_every_process(name):
    where = tag("apical")
    processes = ALL[name](PLASMA, where=where, name="other")
    assert all(process.where == where for process in processes)
    assert all(process.name.split(".")[0] == "other" for process in processes)
    states = [process.target.name for process in processes if isinstance(process, Rate)]
    assert states == [process.name for process in processes if isinstance(process, Rate)]


@pytest.mark.parametrize("name", ALL)
def test_a_channel_needs_a_potential(name):
    with pytest.raises(ModelError, match=r"membrane 'er'.* no potential.*add capacitance"):
        ALL[name](Membrane("er", CYT, Bath(na=145 * mM, k=3.5 * mM, ca=2 * mM)))


def test_all_channels_side_by_side():
    model = Model(*(process for make in ALL.values() for process in make(PLASMA)))
    check_units(model)
    assert len(model.states) == 8


@pytest.mark.parametrize("v", [-90.0, -65.0, -55.0, -40.0, -35.0, 0.0, 45.0])
@pytest.mark.parametrize("degrees", [6.3, 20.0])
def test_hh_rates(v, degrees):
    """Against the formulas of Hodgkin and Huxley (1952), written out; -55 and -40 mV are removable poles."""
    processes = by_name(hh(membrane(degrees)))
    q10 = 3 ** ((degrees - 6.3) / 10)
    rates = {
        "m": (0.1 * pole(-(v + 40), 10), 4 * math.exp(-(v + 65) / 18)),
        "h": (0.07 * math.exp(-(v + 65) / 20), 1 / (math.exp(-(v + 35) / 10) + 1)),
        "n": (0.01 * pole(-(v + 55), 10), 0.125 * math.exp(-(v + 65) / 80)),
    }
    for gate, (a, b) in rates.items():
        process = processes[f"hh.{gate}"]
        for x in (0.0, 0.3, 1.0):
            expected = q10 * (a * (1 - x) - b * x)
            assert value(process.rate, v, **{f"hh_{gate}": x}) == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert value(process.target.owner.initial, v) == pytest.approx(a / (a + b), rel=1e-13)


def test_hh_currents():
    gates = {"hh_m": 0.2, "hh_h": 0.5, "hh_n": 0.4}
    fixed, live = by_name(hh(PLASMA)), by_name(hh(PLASMA, NA, POTASSIUM))
    assert value(fixed["hh.na"].density, -60, **gates) == pytest.approx(1.2 * 0.2**3 * 0.5 * (-60 - 50), rel=1e-13)
    assert value(fixed["hh.k"].density, -60, **gates) == pytest.approx(0.36 * 0.4**4 * (-60 + 77), rel=1e-13)
    assert value(fixed["hh.leak"].density, -60) == pytest.approx(3e-3 * (-60 + 54.3), rel=1e-12)
    na_reversal, k_reversal = RT_F * math.log(145 / 12), RT_F * math.log(3.5 / 140)
    na_density = 1.2 * 0.2**3 * 0.5 * (-60 - na_reversal)
    assert value(live["hh.na"].density, -60, **gates) == pytest.approx(na_density, rel=1e-12)
    assert value(live["hh.k"].density, -60, **gates) == pytest.approx(0.36 * 0.4**4 * (-60 - k_reversal), rel=1e-12)
    assert fixed["hh.na"].ion is None
    assert (live["hh.na"].ion, live["hh.k"].ion) == (NA, POTASSIUM)
    assert "hh.leak" not in by_name(hh(PLASMA, leak=False))


def test_q10_is_exactly_one_at_its_own_temperature():
    assert not any(process.rate.has(K) for process in hh(PLASMA) if isinstance(process, Rate))
    assert value(by_name(hh(PLASMA))["hh.n"].rate, 0, hh_n=1.0) == -0.125 * math.exp(-65 / 80)


def test_parameters_stay_symbols():
    g = Parameter("g", 36 * mS / cm**2)
    assert sympy.sympify(g) in by_name(hh(PLASMA, gkbar=g))["hh.k"].density.free_symbols


@pytest.mark.neuron
@pytest.mark.parametrize("v", [-80.0, -65.0, -40.0, 10.0])
def test_hh_steady_state_and_conductances_of_neuron(v):
    from neuron import h

    section = h.Section(name="soma")
    section.insert("hh")
    h.celsius, h.usetable_hh = 6.3, 0
    h.finitialize(v)
    theirs = section(0.5).hh
    gates = {f"hh_{gate}": getattr(theirs, gate) for gate in "mhn"}
    for gate in "mhn":
        state = next(p.target.owner for p in hh(PLASMA) if p.name == f"hh.{gate}")
        assert value(state.initial, v) == pytest.approx(getattr(theirs, gate), rel=1e-10)
    density = value(by_name(hh(PLASMA))["hh.na"].density, v, **gates)
    assert density == pytest.approx(10 * section(0.5).ina, rel=1e-10)  # 1 mA/cm2 is 10 pA/um2
    density = value(by_name(hh(PLASMA))["hh.k"].density, v, **gates)
    assert density == pytest.approx(10 * section(0.5).ik, rel=1e-10)


def test_passive():
    (leak,) = passive(PLASMA)
    assert value(leak.density, -60) == pytest.approx(0.01 * 10)


@pytest.mark.parametrize("v", [-70.0, -45.0, -43.0, -18.0, 20.0])
def test_traub_miles_rates(v):
    """-45, -43 and -18 mV are the removable poles at the default threshold of -58 mV."""
    u = v + 58
    rates = {
        "na.m": (0.32 * pole(13 - u, 4), 0.28 * pole(u - 40, 5)),
        "na.h": (0.128 * math.exp((17 - u) / 18), 4 / (1 + math.exp((40 - u) / 5))),
        "k.n": (0.032 * pole(15 - u, 5), 0.5 * math.exp((10 - u) / 40)),
    }
    warm = membrane(36)
    processes = by_name((*fast_na(warm, NA), *delayed_k(warm, POTASSIUM)))
    for name, (a, b) in rates.items():
        gate = {name.replace(".", "_"): 0.4}
        assert value(processes[name].rate, v, **gate) == pytest.approx(a * 0.6 - b * 0.4, rel=1e-11, abs=1e-13)
        assert value(processes[name].target.owner.initial, v) == pytest.approx(a / (a + b), rel=1e-12)


def test_currents_of_na_and_k():
    (*_, na_current), (*_, k_current) = fast_na(PLASMA), delayed_k(PLASMA)
    assert value(na_current.density, 0, na_m=0.5, na_h=0.2) == pytest.approx(0.5 * 0.5**3 * 0.2 * -50)
    assert value(k_current.density, 0, k_n=0.5) == pytest.approx(0.05 * 0.5**4 * 90)
    assert na_current.ion is None
    assert delayed_k(PLASMA, POTASSIUM)[-1].ion == POTASSIUM


@pytest.mark.parametrize("v", [-60.0, -8.9, 0.0, 20.0])
def test_cal(v):
    rate, current = cal(membrane(35), CA)
    a, b = 1.6 / (1 + math.exp(-0.072 * (v - 5))), 0.02 * pole(v + 8.9, 5)
    assert value(rate.rate, v, cal_m=0.4) == pytest.approx(a * 0.6 - b * 0.4, rel=1e-11)
    u = 2 * v / (8.314462618 * 308.15 / 96485.33212 * 1e3)
    flow = 5e-4 - 2.0 if u == 0 else u * (5e-4 - 2.0 * math.exp(-u)) / -math.expm1(-u)
    assert value(current.density, v, cal_m=0.4) == pytest.approx(0.16 * 1e-3 * 2 * 96.48533212 * flow, rel=1e-10)
    assert current.ion == CA


def test_calcium_enters():
    assert value(cal(PLASMA, CA)[-1].density, 0, cal_m=1.0) < 0


def test_sk():
    rate, current = sk(PLASMA, CA, POTASSIUM)
    assert value(rate.rate, 0, sk_z=0.1) == pytest.approx((0.5 - 0.1) / 5)  # ca is at the half activation here
    reversal = RT_F * math.log(3.5 / 140)
    assert value(current.density, -50, sk_z=0.3) == pytest.approx(5e-3 * 0.3 * (-50 - reversal), rel=1e-12)
    assert sk(PLASMA, CA)[-1].ion is None


def test_sk_without_calcium_is_closed():
    steady = sk(PLASMA, CA)[0].target.owner.initial
    assert strip(steady).subs(CA[CYT], 0) == 0


def test_pump_carries_three_for_two():
    out, back = nakatpase(PLASMA, NA, POTASSIUM)
    share = (12 / 22) ** 3 * (3.5 / 7) ** 2
    assert value(out.density, -60) == pytest.approx(3 * 0.1 * share)
    assert value(back.density, -60) == pytest.approx(-2 * 0.1 * share)
    assert sympy.simplify(out.density / back.density) == sympy.Rational(-3, 2)
    assert (out.ion, back.ion) == (NA, POTASSIUM)


def test_gates_of_two_copies_need_two_names():
    with pytest.raises(ModelError, match="two processes are named 'hh"):
        Model(*hh(PLASMA), *hh(PLASMA, gkbar=1 * mS / cm**2))
    twice = Model(*hh(PLASMA), *hh(PLASMA, name="second"))
    assert isinstance(twice.states[0], State)
    assert mV in passive(PLASMA)[0].density.free_symbols
