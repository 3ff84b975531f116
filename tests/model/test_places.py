"""Regions, shells, membranes, baths, species, states and parameters as values."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
import sympy

from multiscale.regions import Bath, Interface, Layers, Membrane, Region, Shell
from multiscale.species import Parameter, Species, State
from multiscale.symbols import distance, tag, x
from multiscale.units import FARADAY, GAS, celsius, cm, mM, ms, mV, ohm, s, strip, uF, uM, um

cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
layers = Layers("shell", (1.0, 0.8, 0.5, 0.0))
plasma = Membrane("plasma", cyt, Bath(ca=2 * mM, k=3.5 * mM), capacitance=1 * uF / cm**2)
VALUES = (
    cyt,
    Region("r", 0.5 + 0.1 * x / (100 * um), where=(distance > 50 * um) & ~tag("soma"), shell=Shell(0, 0.5)),
    layers,
    Interface("border", Region("a", shell=Shell(0, 0.5)), Region("b", shell=Shell(0.5, 1))),
    plasma.outside,
    plasma,
    Species("ca", (cyt, er), d={cyt: 60 * um**2 / s, er: (1, 2, 3)}, z=2, initial={cyt: 1 * uM, er: 250 * uM}),
    State("n", plasma, initial=1 / (1 + sympy.exp(-plasma.v / mV))),
    Parameter("v", 80 * uM / s),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_hashable_and_copy(value):
    for clone in (copy.deepcopy(value), pickle.loads(pickle.dumps(value)), replace(value)):
        assert clone == value
        assert hash(clone) == hash(value)
        assert clone.identity == value.identity
    with pytest.raises(FrozenInstanceError):
        value.name = "other"


def test_volume_fractions():
    assert cyt.volume_fraction == 0.83
    assert Region("whole").volume_fraction == 1
    assert Region("s", shell=Shell(0.5, 1.0)).volume_fraction == 0.75
    assert Region("s", 0.5, shell=Shell(0.5, 1.0)).volume_fraction == 0.375
    assert float(Region("space", shell=Shell(1.0, 1.1)).volume_fraction) == pytest.approx(0.21)
    assert replace(Region("s"), shell=Shell(0, 0.5)).volume_fraction == 0.25


def test_layers():
    assert [region.name for region in layers.regions] == ["shell0", "shell1", "shell2"]
    assert layers.outer is layers[0]
    assert len(layers) == 3
    assert sum(float(region.volume_fraction) for region in layers) == pytest.approx(1)
    assert layers[1].shell == Shell(0.5, 0.8)
    assert [border.name for border in layers.interfaces] == ["shell0_shell1", "shell1_shell2"]
    assert Layers("e", 4).edges == (1, 0.75, 0.5, 0.25, 0)
    assert Layers("e", 2, fraction=0.5)[1].volume_fraction == 0.125
    assert Membrane("m", layers, capacitance=0.01).inside == layers.outer


def test_everywhere_is_none():
    assert Region("a", where=True) == Region("a", where=None)


def test_bath():
    bath = Bath("saline", na=145 * mM, k=2.5)
    assert bath["na"] == 145 * mM
    assert bath["k"] == 2.5
    assert "k" in bath
    assert "ca" not in bath
    assert Bath("saline", {"k": 2.5, "na": 145 * mM}) == bath
    assert Bath().concentrations == ()


def test_membrane_defaults():
    assert plasma.initial == -65 * mV
    assert plasma.temperature == celsius(6.3)
    assert plasma.resistivity == 100 * ohm * cm
    organelle = Membrane("er", er, cyt, per_volume=2 / um)
    assert organelle.capacitance is None
    assert organelle.resistivity is None
    assert str(organelle.area_per_volume) == "er.area_per_volume"


def test_species_order_of_regions_does_not_matter():
    assert Species("a", (cyt, er)) == Species("a", (er, cyt)) == Species("a", [er, cyt])


def test_values_by_region():
    ca = VALUES[6]
    assert ca.d_in(cyt) == 60 * um**2 / s
    assert ca.d_in(er) == (1, 2, 3)
    assert ca.initial_in(er) == 250 * uM
    same = Species("b", (cyt, er), d=(1, 2, 3), initial=2)
    assert same.d_in(cyt) == (1, 2, 3)
    assert same.initial_in(er) == 2


def test_species_in_layers():
    ca = Species("ca", (layers, er), initial={layers: 50e-6, er: 0.25})
    assert [field.name for field in ca.fields] == ["ca.er", "ca.shell0", "ca.shell1", "ca.shell2"]
    assert ca.initial_in(layers[2]) == 50e-6
    assert ca.initial_in(er) == 0.25


def test_nernst():
    k = Species("k", cyt, z=1, initial=140 * mM)
    value = strip(k.nernst(plasma)).xreplace({k[cyt]: 140, k[plasma.outside]: 3.5})
    thermal = 8.314462618 * 279.45 / 96485.33212 * 1e3  # mV
    assert float(value) == pytest.approx(thermal * math.log(3.5 / 140), rel=1e-12)


@pytest.mark.parametrize("v", [-65.0, -1e-9, 0.0, 1e-9, 30.0])
def test_ghk(v):
    ca = Species("ca", cyt, z=2)
    inside, outside, p = 1e-4, 2.0, 1e-3
    density = strip(ca.ghk(plasma, 1e-4 * cm / s)).xreplace({ca[cyt]: inside, ca[plasma.outside]: outside, plasma.v: v})
    u = 2 * v * 96.48533212 / (8.314462618 * 279.45)
    flow = inside - outside if u == 0 else u * (inside - outside * math.exp(-u)) / -math.expm1(-u)
    assert float(density) == pytest.approx(p * 2 * 96.48533212 * flow, rel=1e-8)


def test_ghk_reverses_at_nernst():
    ca = Species("ca", cyt, z=2)
    point = {ca[cyt]: 1e-3, ca[plasma.outside]: 2}
    reversal = strip(ca.nernst(plasma)).xreplace(point)
    assert abs(float(strip(ca.ghk(plasma, 1)).xreplace({**point, plasma.v: reversal}))) < 1e-12


def test_temperature_may_be_a_parameter():
    warm = Parameter("temperature", celsius(37))
    membrane = Membrane("m", cyt, Bath(k=3), capacitance=0.01, temperature=warm)
    assert sympy.sympify(warm) in Species("k", cyt, z=1).nernst(membrane).free_symbols


def test_parameter_uniform():
    assert Parameter("a", 3 * mM).uniform
    assert not Parameter("a", x * mM / um).uniform
    assert (GAS / FARADAY).has(mV)
    assert Parameter("a", 1 / ms).value == 1 / ms
