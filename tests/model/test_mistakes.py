"""Mistakes of a script: each is refused by the value that is wrong, in one sentence that says what to do."""

import math

import pytest
import sympy

from multiscale.errors import ModelError, MultiscaleError, UnitError
from multiscale.model import Model
from multiscale.processes import Rate
from multiscale.regions import Bath, Interface, Layers, Membrane, Region, Shell
from multiscale.species import Parameter, Species, State
from multiscale.symbols import distance, tag, time
from multiscale.units import mM, ms, um

cyt, er, far = Region("cyt", fraction=0.8), Region("er", fraction=0.2), Region("far")
ca = Species("ca", (cyt, er), z=2)
ip3 = Species("ip3", cyt)
layers = Layers("shell", 2)
inner = Species("inner", layers)
bath = Bath(ca=2)
plasma = Membrane("plasma", cyt, bath, capacitance=0.01)
organelle = Membrane("organelle", er, cyt, per_volume=2)
h = State("h", cyt)

PLACES = {
    "bad name": (
        lambda: Region("2cyt"),
        r"region '2cyt': this name cannot be used, expected letters, digits, '_' and '.'",
    ),
    "name with a space": (
        lambda: Species("my ca", cyt),
        "species 'my ca': this name cannot be used, .*; give another name",
    ),
    "name that is no text": (lambda: Parameter(3, 1), "parameter 3: this name cannot be used"),
    "fraction above 1": (
        lambda: Region("r", 1.5),
        "region 'r': fraction is 1.5, expected above 0 and at most 1; change it",
    ),
    "negative fraction": (lambda: Region("r", -0.2), "region 'r': fraction is -0.2, expected above 0"),
    "fraction 0": (lambda: Region("r", 0), "region 'r': fraction is 0, expected above 0"),
    "fraction NaN": (lambda: Region("r", math.nan), "region 'r': fraction is nan, expected a finite number"),
    "fraction that changes": (
        lambda: Region("r", ca[cyt]),
        "region 'r': fraction depends on 'ca.cyt', expected only units, par",
    ),
    "where is no condition": (
        lambda: Region("r", where="soma"),
        "region 'r': where is 'soma', expected a condition such as",
    ),
    "where is never true": (
        lambda: Region("r", where=distance < -1),
        "region 'r': where is never true, expected a place",
    ),
    "where of a concentration": (
        lambda: Region("r", where=ca[cyt] > 1),
        "region 'r': where depends on 'ca.cyt', expected only",
    ),
    "where of time": (lambda: Region("r", where=time > 1), "region 'r': where depends on 't', expected only"),
    "shell is no Shell": (
        lambda: Region("r", shell=(0, 1)),
        r"region 'r': shell is \(0, 1\), expected Shell\(inner, outer\); write",
    ),
    "shell inside out": (
        lambda: Shell(0.9, 0.5),
        "shell: got inner=0.9, outer=0.5, expected 0 <= inner < outer; change one",
    ),
    "shell with a unit": (
        lambda: Shell(0, 1 * um),
        "shell: outer is um, expected a fraction of the radius; give a number",
    ),
    "no layers": (lambda: Layers("c", 0), "layers 'c': got 0 layers, expected 1 or more; change the number"),
    "one edge": (
        lambda: Layers("c", (1.0,)),
        r"layers 'c': edges is \(1.0,\), expected a number of layers or at least two",
    ),
    "rising edges": (
        lambda: Layers("c", (0, 0.5, 1)),
        "layers 'c': edges are .*, expected falling fractions of the radius",
    ),
    "interface without shells": (
        lambda: Interface("i", cyt, er),
        "interface 'i': region 'cyt' has no shell, expected a Region with",
    ),
    "shells apart": (
        lambda: Interface("i", Region("a", shell=Shell(0, 0.4)), Region("b", shell=Shell(0.5, 1))),
        "interface 'i': region 'a' ends at 0.4 of the radius and region 'b' begins at 0.5, expected shells that touch",
    ),
    "bath lacks the ion": (
        lambda: Bath(k=3)["na"],
        r"bath 'bath': it has no concentration of 'na', only of 'k'; write Bath\(na=...\)",
    ),
    "negative bath": (lambda: Bath(k=-3), "bath 'bath': concentration of 'k' is -3, expected at least 0; change it"),
    "changing bath": (
        lambda: Bath(k=Parameter("p", 1)),
        "bath 'bath': concentration of 'k' is .*expected a number with units",
    ),
    "membrane inside a bath": (
        lambda: Membrane("m", bath, cyt),
        "membrane 'm': inside is bath 'bath', expected a Region; give one",
    ),
    "membrane outside text": (
        lambda: Membrane("m", cyt, "out"),
        "membrane 'm': outside is 'out', expected a Region or a Bath",
    ),
    "same on both sides": (
        lambda: Membrane("m", cyt, cyt),
        "membrane 'm': region 'cyt' is on both sides, expected two places",
    ),
    "no capacitance": (
        lambda: organelle.v,
        r"membrane 'organelle': it has no potential because it has no capacitance; add capacitance=1 \* uF / cm\*\*2",
    ),
    "zero capacitance": (
        lambda: Membrane("m", cyt, capacitance=0),
        "membrane 'm': capacitance is 0, expected above 0; change it",
    ),
    "negative resistivity": (
        lambda: Membrane("m", cyt, capacitance=1, resistivity=-1),
        "resistivity is -1, expected above 0",
    ),
    "resistivity alone": (
        lambda: Membrane("m", cyt, resistivity=1),
        "membrane 'm': it has a resistivity but no potential, expec",
    ),
    "area and per_volume": (
        lambda: Membrane("m", cyt, area=0.5, per_volume=2),
        "both area and per_volume are given, expected one",
    ),
    "Celsius as Kelvin": (
        lambda: Membrane("m", cyt, temperature=37),
        r"temperature is 37, expected Kelvin; write celsius\(6.3\)",
    ),
}

SPECIES = {
    "lives nowhere": (lambda: Species("a", ()), "species 'a': it lives nowhere, expected a Region; give at least one"),
    "lives on a membrane": (
        lambda: Species("a", plasma),
        "species 'a': it cannot live in membrane 'plasma', expected Region, Layers; use a State on the membrane",
    ),
    "lives in a text": (
        lambda: Species("a", "cyt"),
        "species 'a': it cannot live in 'cyt', expected Region, Layers; give one",
    ),
    "region twice": (
        lambda: Species("a", (cyt, cyt)),
        "species 'a': region 'cyt' is listed twice, expected once; leave one out",
    ),
    "unknown region": (lambda: ip3[er], "^species 'ip3' is not in region 'er'; it is in 'cyt'$"),
    "unknown region of a state": (lambda: h[er], "^state 'h' is not in region 'er'; it is in 'cyt'$"),
    "twin region": (
        lambda: ip3[Region("cyt")],
        "species 'ip3' is in another region of the name 'cyt', expected the same",
    ),
    "index is no region": (
        lambda: ca["cyt"],
        "species 'ca': 'cyt' is no region, expected one of 'cyt', 'er'; give the Region",
    ),
    "index is layers": (lambda: inner[layers], "layers 'shell' are 2 regions, expected one; write shell.outer"),
    "index is a membrane": (lambda: ca[plasma], "^species 'ca' is not in membrane 'plasma'; it is in 'cyt', 'er'$"),
    "several places": (
        lambda: 2 * ca,
        r"species 'ca': it is in several places, expected one in a formula; write ca\[cyt\] or ca\[er\]",
    ),
    "negative d": (lambda: Species("a", cyt, d=-1), "species 'a': d is -1, expected at least 0; change it"),
    "NaN d": (lambda: Species("a", cyt, d=math.nan), "species 'a': d is nan, expected a finite number; check how"),
    "infinite d": (lambda: Species("a", cyt, d=math.inf), "species 'a': d is inf, expected a finite number"),
    "two components of d": (
        lambda: Species("a", cyt, d=(1, 2)),
        "species 'a': d has 2 components, expected one or three",
    ),
    "negative component": (lambda: Species("a", cyt, d=(1, 2, -3)), "species 'a': d is -3, expected at least 0"),
    "negative concentration": (
        lambda: Species("a", cyt, initial=-1 * mM),
        "species 'a': initial is -mM, expected at least 0",
    ),
    "initial of time": (lambda: Species("a", cyt, initial=time), "species 'a': initial depends on 't', expected only"),
    "initial is a text": (
        lambda: Species("a", cyt, initial="1 mM"),
        r"species 'a': initial is '1 mM' \(str\), expected a number",
    ),
    "initial lacks a region": (
        lambda: Species("a", (cyt, er), initial={cyt: 1}),
        "species 'a': initial is not given in region 'er', expected a value for each; add it",
    ),
    "initial in a foreign region": (
        lambda: Species("a", cyt, initial={cyt: 1, er: 2}),
        "species 'a' is not in region 'er'; it is in 'cyt'; take it out of initial",
    ),
    "half a charge": (
        lambda: Species("a", cyt, z=0.5),
        "species 'a': z is 0.5, expected a whole number of elementary charges",
    ),
    "nernst without charge": (
        lambda: ip3.nernst(plasma),
        r"species 'ip3': nernst\(\) needs a charge, but z is 0, expected a whole number; write Species\(..., z=2\)",
    ),
    "ghk without charge": (lambda: ip3.ghk(plasma, 1), r"species 'ip3': ghk\(\) needs a charge, but z is 0"),
    "nernst of a region": (
        lambda: ca.nernst(cyt),
        r"species 'ca': nernst\(\) got Region.*, expected a Membrane; give one",
    ),
    "nernst without a bath": (
        lambda: Species("k", cyt, z=1).nernst(plasma),
        r"bath 'bath': it has no concentration of 'k', only of 'ca'; write Bath\(k=...\)",
    ),
    "state in two kinds of places": (
        lambda: State("s", (plasma, cyt)),
        "state 's': it lives on 'cyt', 'plasma', expected a single membrane or regions only; make a state for each",
    ),
    "unit of a state": (
        lambda: State("s", cyt, unit=2),
        "state 's': unit is 2, expected 1 or a unit such as mM; change it",
    ),
    "parameter of a field": (
        lambda: Parameter("p", ca[cyt]),
        "parameter 'p': value depends on 'ca.cyt', expected only units, pos",
    ),
    "parameter NaN": (lambda: Parameter("p", math.nan), "parameter 'p': value is nan, expected a finite number"),
    "parameter of a plain symbol": (
        lambda: Parameter("p", sympy.Symbol("q")),
        r"parameter 'p': value contains 'q', a symbol of no model value.*write Parameter\('q', ...\)",
    ),
}

MISTAKES = {**PLACES, **SPECIES}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(title):
    make, message = MISTAKES[title]
    with pytest.raises(ModelError, match=message) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text
    assert not text.endswith(".")


def test_the_error_tree():
    assert issubclass(UnitError, ModelError)
    assert issubclass(ModelError, MultiscaleError)
    assert issubclass(ModelError, ValueError)


def test_species_of_one_name_in_separate_regions_are_fine():
    model = Model(
        Species("ca", cyt, d=1), Species("ca", er, d=2), Rate("r", State("m", far), 1 / ms, where=tag("soma"))
    )
    assert [field.name for field in model.fields] == ["ca.cyt", "ca.er", "m.far"]


def test_species_is_no_sequence():
    with pytest.raises(TypeError, match="not iterable"):
        iter(ca)
