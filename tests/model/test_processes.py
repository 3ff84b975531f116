"""What each process adds to which field, and that amount and charge are conserved as expressions."""

import copy
import pickle
from dataclasses import replace

import pytest
import sympy

from multiscale.exchange import RadialExchange
from multiscale.processes import Change, Current, Flux, MembraneCurrent, Rate, Reaction, unit_of
from multiscale.regions import Bath, Interface, Layers, Membrane, Region, Shell
from multiscale.species import Parameter, Species, State
from multiscale.symbols import diameter, tag, time
from multiscale.units import FARADAY, cm, mM, ms, mV, s, uF, uM, um

cyt, er = Region("cyt", fraction=0.8), Region("er", fraction=0.2)
ca = Species("ca", (cyt, er), z=2)
buf, cabuf, na = Species("buf", cyt), Species("cabuf", cyt), Species("na", cyt, z=1)
plasma = Membrane("plasma", cyt, Bath(ca=2 * mM, na=145 * mM), capacitance=1 * uF / cm**2)
kf, kb = Parameter("kf", 1 / uM / s), Parameter("kb", 1 / s)
n = State("n", plasma)


def rates(process):
    return {term.field.name: term.rate for term in process.terms()}


def total(process):
    """Change of the amount per whole-cell volume, summed over the regions."""
    return sympy.expand(sum(term.rate * term.field.place.volume_fraction for term in process.terms()))


def test_mass_action():
    reaction = Reaction("bind", 2 * ca[cyt] + buf[cyt], cabuf[cyt], kf, kb)
    law = kf * ca[cyt] ** 2 * buf - kb * cabuf
    assert reaction.law() == law
    assert rates(reaction) == {"buf.cyt": -law, "ca.cyt": -2 * law, "cabuf.cyt": law}
    assert reaction.reactants == {buf[cyt]: 1, ca[cyt]: 2}
    assert reaction.products == {cabuf[cyt]: 1}


def test_any_rate_law_and_catalysts():
    reaction = Reaction("cat", ca[cyt] + buf, cabuf + buf, rate=kb * ca[cyt])
    assert rates(reaction) == {"ca.cyt": -kb * ca[cyt], "cabuf.cyt": kb * ca[cyt]}


@pytest.mark.parametrize("nothing", [0, None, 0.0])
def test_sources_and_sinks(nothing):
    assert rates(Reaction("decay", buf, nothing, kb)) == {"buf.cyt": -kb * buf}
    assert rates(Reaction("make", nothing, buf, 1e-3)) == {"buf.cyt": sympy.Float(1e-3)}


def test_dimers():
    assert rates(Reaction("dimer", buf + buf, cabuf, kf)) == {"buf.cyt": -2 * kf * buf**2, "cabuf.cyt": kf * buf**2}


def test_states_react_on_a_membrane():
    closed, opened = State("c", plasma, initial=1), State("o", plasma)
    gate = Reaction("open", closed, opened, sympy.exp(plasma.v / (10 * mV)) / ms, 1 / ms)
    assert rates(gate)["o"] == -rates(gate)["c"]


def test_rate():
    assert Rate("gate", n, (1 - n) / ms).terms() == (Change(n[plasma], (1 - n) / ms),)
    assert Rate("clock", buf[cyt], sympy.sin(time / ms) * mM / ms).target == buf[cyt]


def test_flux_conserves_amount():
    flux = Flux("leak", ca[er], ca[cyt], kb * (ca[er] - ca[cyt]))
    assert total(flux).evalf(3) == 0 or abs(total(flux).subs({ca[er]: 1, ca[cyt]: 0, sympy.sympify(kb): 1})) < 1e-15
    assert rates(flux)["ca.cyt"] == sympy.sympify(1 / sympy.Float(0.8)) * (kb * (ca[er] - ca[cyt]))


def test_flux_with_a_bath_leaves():
    flux = Flux("pmca", ca[cyt], ca[plasma.outside], kb * ca[cyt])
    assert list(rates(flux)) == ["ca.cyt"]


def test_flux_across_a_membrane():
    rate = Parameter("p", 1 * um / s) * ca[cyt]
    flux = Flux("pmca", ca[cyt], ca[plasma.outside], rate, membrane=plasma)
    assert rates(flux) == {"ca.cyt": -plasma.area_per_volume / sympy.Float(0.8) * rate}


@pytest.mark.parametrize("charge", [1, 2, -1])
def test_electrogenic_flux(charge):
    rate = Parameter("p", 1 * um / s) * ca[cyt]
    (term,) = Flux("pump", ca[cyt], ca[plasma.outside], rate, membrane=plasma, charge=charge).terms()
    assert isinstance(term, MembraneCurrent)
    assert float(term.density / (charge * FARADAY * rate)) == pytest.approx(1, rel=1e-15)
    ((field, coefficient),) = term.moves
    assert field == ca[cyt]
    expected = -plasma.area_per_volume / sympy.Float(0.8) * rate
    assert float(coefficient * term.density / expected) == pytest.approx(1, rel=1e-15)


def test_current_moves_the_ion_in_proportion_to_its_charge():
    (term,) = Current("ca", ca, plasma, 3).terms()
    ((field, coefficient),) = term.moves
    assert field == ca[cyt]
    assert float(coefficient * 2 * FARADAY * sympy.Float(0.8) / plasma.area_per_volume) == pytest.approx(-1, rel=1e-15)


def test_current_between_two_regions_conserves_the_ion():
    space = Region("space", shell=Shell(1.0, 1.1))
    sleeve = Membrane("sleeve", cyt, space, capacitance=0.01)
    k = Species("k", (cyt, space), z=1)
    (term,) = Current("k", k, sleeve, 1).terms()
    amounts = [coefficient * field.place.volume_fraction for field, coefficient in term.moves]
    assert len(amounts) == 2
    assert sympy.simplify(amounts[0] + amounts[1]) == 0


def test_nonspecific_current_moves_nothing():
    assert Current("leak", None, plasma, 1e-3 * (plasma.v + 65)).terms()[0].moves == ()


def test_radial_exchange_is_two_half_shells_in_series():
    layers = Layers("c", (1.0, 0.6, 0.0))
    a = Species("a", layers, d={layers[0]: 2, layers[1]: 1})
    exchange = RadialExchange(a, layers.interfaces[0])
    inner, outer = exchange.fields()
    change = {term.field: term.rate for term in exchange.terms()}
    # per um of a cylinder of radius 1 um (diameter 2): area 2 pi 0.6, resistance 0.3/1 + 0.2/2, volume pi
    conductance = 2 * sympy.pi * 0.6 / (0.3 / 1 + 0.2 / 2) / sympy.pi
    point = {diameter: 2, outer: 5, inner: 3}
    assert float(change[inner].xreplace(point)) == pytest.approx(float(conductance * 2 / 0.36), rel=1e-14)
    assert float(change[outer].xreplace(point)) == pytest.approx(float(-conductance * 2 / 0.64), rel=1e-14)
    assert exchange.name == "a.c0_c1"
    assert RadialExchange(Species("b", layers), layers.interfaces[0]).terms() == ()


def test_interface_joins_shells_of_different_names():
    core, rim = Region("core", shell=Shell(0, 0.7)), Region("rim", shell=Shell(0.7, 1))
    a = Species("a", (core, rim), d=1)
    assert len(RadialExchange(a, Interface("border", core, rim)).terms()) == 2


def test_symbols_are_all_that_occur():
    flux = Flux("pmca", ca[cyt], ca[plasma.outside], kb * n * ca[cyt] * um, membrane=plasma, where=tag("soma"))
    names = {symbol.name for symbol in flux.symbols()}
    assert names == {"ca.cyt", "ca.bath", "kb", "n", "plasma.area_per_volume", "tag('soma')", "um"}
    assert {symbol.name for symbol in Current("i", ca, plasma, 1).symbols()} >= {"v", "ca.cyt"}


def test_units_of_fields():
    assert unit_of(ca[cyt]) == mM
    assert unit_of(plasma.v) == mV
    assert unit_of(State("x", cyt, unit=uM)[cyt]) == uM


@pytest.mark.parametrize(
    "process",
    [
        Reaction("r", 2 * ca[cyt] + buf, cabuf, kf, kb, where=tag("soma")),
        Rate("q", n, (1 - n) / ms),
        Flux("f", ca[cyt], ca[plasma.outside], kb * ca[cyt], membrane=plasma, charge=2),
        Current("c", ca, plasma, 1),
    ],
    ids=lambda process: type(process).__name__,
)
def test_processes_are_values(process):
    for clone in (copy.deepcopy(process), pickle.loads(pickle.dumps(process)), replace(process)):
        assert clone == process
        assert hash(clone) == hash(process)
        assert clone.terms() == process.terms()
    assert replace(process, name="other") != process
