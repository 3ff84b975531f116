"""Mistakes of a script: each in processes and whole models is refused at once, in one sentence that says what to do."""

import math

import pytest

from multiscale.errors import ModelError
from multiscale.exchange import RadialExchange
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate, Reaction
from multiscale.regions import Bath, Interface, Layers, Membrane, Region, Shell
from multiscale.species import Parameter, Species, State

cyt, er, far = Region("cyt", fraction=0.8), Region("er", fraction=0.2), Region("far")
ca = Species("ca", (cyt, er), z=2)
ip3 = Species("ip3", cyt)
layers = Layers("shell", 2)
inner = Species("inner", layers)
bath = Bath(ca=2)
plasma = Membrane("plasma", cyt, bath, capacitance=0.01)
organelle = Membrane("organelle", er, cyt, per_volume=2)
h = State("h", cyt)

PROCESSES = {
    "reaction of nothing": (
        lambda: Reaction("r", 0, 0, 1),
        "reaction 'r': nothing on either side, expected species; write ca",
    ),
    "reaction across regions": (
        lambda: Reaction("r", ca[cyt], ca[er], 1),
        "reaction 'r': it spans 'cyt', 'er', expected one region; use a Flux to move a substance",
    ),
    "fractional stoichiometry": (
        lambda: Reaction("r", 0.5 * ca[cyt], 0, 1),
        "reaction 'r': '0.5.*ca.cyt' has coefficient 0.5.*, expected a positive whole number; change it",
    ),
    "negative stoichiometry": (
        lambda: Reaction("r", -2 * ca[cyt], 0, 1),
        "has coefficient -2, expected a positive whole number",
    ),
    "power as stoichiometry": (
        lambda: Reaction("r", ca[cyt] ** 2, 0, 1),
        r"'ca.cyt\*\*2' is no reactant, expected a sum such as",
    ),
    "bath as reactant": (
        lambda: Reaction("r", ca[bath], 0, 1),
        "reaction 'r': 'ca.bath' is no reactant, expected a sum",
    ),
    "potential as reactant": (
        lambda: Reaction("r", plasma.v, 0, 1),
        "reaction 'r': 'v' is no reactant, expected a sum",
    ),
    "reaction without constants": (
        lambda: Reaction("r", ca[cyt], 0),
        "reaction 'r': neither of constants and rate given, expec",
    ),
    "reaction with both": (
        lambda: Reaction("r", ca[cyt], 0, 1, rate=2),
        "reaction 'r': both of constants and rate given, expect",
    ),
    "negative constant": (
        lambda: Reaction("r", ca[cyt], 0, -1),
        "reaction 'r': forward is -1, expected at least 0; change it",
    ),
    "rate of a text": (
        lambda: Rate("r", ca[cyt], "-k*ca"),
        r"rate 'r': rate is '-k\*ca' \(str\), expected a number or an expr",
    ),
    "rate with NaN": (
        lambda: Rate("r", ca[cyt], math.nan * ca[cyt]),
        "rate 'r': rate is 'nan', expected a finite real number",
    ),
    "rate of the potential": (
        lambda: Rate("r", plasma.v, 1),
        "rate 'r': target is the potential 'v', expected a concentration or state; use a Current",
    ),
    "rate of a bath": (
        lambda: Rate("r", ca[bath], 1),
        "rate 'r': target 'ca.bath' is constant, expected a concentration of a reg",
    ),
    "rate of a parameter": (
        lambda: Rate("r", Parameter("p", 1), 1),
        "rate 'r': target is 'p', expected a concentration or state su",
    ),
    "rate of a number": (
        lambda: Rate("r", 3, 1),
        r"rate 'r': target is '3', expected a concentration or state such as ca\[cyt\]",
    ),
    "flux of a state": (
        lambda: Flux("f", h, ca[cyt], 1),
        "flux 'f': source is state 'h', expected a species; a Species with d=0",
    ),
    "flux to itself": (
        lambda: Flux("f", ca[cyt], ca[cyt], 1),
        "flux 'f': from 'ca.cyt' to 'ca.cyt' changes nothing, expected two",
    ),
    "flux beside the membrane": (
        lambda: Flux("f", ca[cyt], ca[er], 1, membrane=plasma),
        "flux 'f': 'ca.er' is not beside membrane 'plasma', expected 'cyt' or 'bath'; take the concentration there",
    ),
    "membrane is a text": (
        lambda: Flux("f", ca[cyt], ca[er], 1, membrane="m"),
        "flux 'f': membrane is 'm', expected a Membrane",
    ),
    "charge without membrane": (
        lambda: Flux("f", ca[cyt], ca[er], 1, charge=2),
        "flux 'f': charge is 2 without a membrane, expected both or none; add membrane=",
    ),
    "charge without potential": (
        lambda: Flux("f", ca[er], ca[cyt], 1, membrane=organelle, charge=2),
        "flux 'f': charge is 2 but membrane 'organelle' has no potential; add capacitance",
    ),
    "current without potential": (
        lambda: Current("i", None, organelle, 1),
        "current 'i': membrane 'organelle' has no potential; add",
    ),
    "current without charge": (
        lambda: Current("i", ip3, plasma, 1),
        r"current 'i': species 'ip3' has z = 0, expected a charge; wr",
    ),
    "current of a text": (
        lambda: Current("i", "ca", plasma, 1),
        "current 'i': ion is 'ca', expected a Species or None; give one",
    ),
    "ion on no side": (
        lambda: Current("i", Species("k", er, z=1), plasma, 1),
        "current 'i': species 'k' is on no side of membrane 'plasma', expected 'cyt' or 'bath'; give it that region",
    ),
    "ion without the bath": (
        lambda: Current("i", Species("k", cyt, z=1), plasma, Species("k", cyt, z=1).nernst(plasma)),
        "it has no concentration of 'k'",
    ),
    "where of a process": (lambda: Rate("r", ca[cyt], 1, where=1.0), "rate 'r': where is 1.0, expected a condition"),
    "radial diffusion in three directions": (
        lambda: RadialExchange(Species("a", layers, d=(1, 1, 1)), layers.interfaces[0]).terms(),
        "species 'a': d has 3 components in layers, expected one for radial diffusion; give one",
    ),
}

leak, more = Rate("leak", ca[cyt], 1), Reaction("leak", ip3, 0, 1)
MODELS = {
    "empty": (Model, "model 'model': nothing is in it, expected processes or species; list at least one"),
    "name": (lambda: Model(leak, name=" "), "model: name is ' ', expected a text; give one"),
    "forgotten star": (
        lambda: Model((leak,)),
        "model 'model': got a tuple of 1, expected processes; write a star before it",
    ),
    "region as part": (
        lambda: Model(cyt),
        "model 'model': region 'cyt' does nothing by itself, expected processes or species",
    ),
    "text as part": (lambda: Model("leak"), "model 'model': got 'leak', expected processes such as Flux"),
    "two processes of a name": (
        lambda: Model(leak, more),
        r"two processes are named 'leak' \(a .* and a .*\), expected different names; rename one of them",
    ),
    "overlapping species": (
        lambda: Model(Species("ca", cyt, d=1), Species("ca", (cyt, er), d=2)),
        r"two species are named 'ca' in 'cyt' and differ in regions, expected one in each region; rename one",
    ),
    "overlapping species with another d": (
        lambda: Model(Species("ca", cyt, d=1), Species("ca", cyt, d=2)),
        r"two species are named 'ca' in 'cyt' and differ in d \((1 and 2|2 and 1)\), expected one in each region",
    ),
    "species and state": (
        lambda: Model(Species("h", cyt), Rate("r", h, 1)),
        "(species|state) 'h' and (species|state) 'h' are both stored as 'h.cyt', expected different names; rename one",
    ),
    "state called v": (
        lambda: Model(Rate("r", State("v", plasma), 1), Current("i", None, plasma, 1)),
        "(state 'v' and membrane 'plasma'|membrane 'plasma' and state 'v') are both stored as 'v'",
    ),
    "two regions of a name": (
        lambda: Model(Species("a", Region("r")), Species("b", Region("r", 0.5))),
        r"region 'r' is there twice and differs in fraction \((1 and 0.5.*|0.5.* and 1)\), expected one value",
    ),
    "two parameters of a name": (
        lambda: Model(Rate("a", ip3, Parameter("p", 1)), Rate("b", ip3, Parameter("p", 2))),
        r"parameter 'p' is there twice and differs in value \(.*\), expected one value for a name; rename one of them",
    ),
    "two baths of a name": (
        lambda: Model(Flux("a", ca[cyt], ca[Bath(ca=1)], 1), Flux("b", ca[cyt], ca[Bath(ca=3)], 1)),
        "bath 'bath' is there twice and differs in concentrations, expected one value for a name",
    ),
    "parameter named like a field": (
        lambda: Model(Rate("a", ip3, Parameter("ip3.cyt", 1))),
        "'ip3.cyt' names both species 'ip3' and parameter 'ip3.cyt', expected different names; rename one",
    ),
    "two potentials": (
        lambda: Model(Current("a", None, plasma, 1), Current("b", None, Membrane("other", er, capacitance=1), 1)),
        "membranes 'other', 'plasma' have a potential each, expected at most one; leave out a capacitance",
    ),
    "border of nothing": (
        lambda: Model(leak, Interface("i", Region("a", shell=Shell(0, 0.5)), Region("b", shell=Shell(0.5, 1)))),
        "interface 'i' joins no species, expected one on both sides; leave it out or add regions",
    ),
}
MISTAKES = {**PROCESSES, **MODELS}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(title):
    make, message = MISTAKES[title]
    with pytest.raises(ModelError, match=message) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text
    assert not text.endswith(".")
