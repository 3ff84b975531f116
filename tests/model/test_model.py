"""A Model gathers what its processes name, does not care about order, prints, hashes and survives JSON."""

import copy
import json
import pickle
import random
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest
import sympy

from multiscale.electro.channels.hh import hh
from multiscale.errors import FormatError
from multiscale.functions import exp, select
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate, Reaction
from multiscale.regions import Bath, Interface, Layers, Membrane, Region, Shell
from multiscale.species import Parameter, Species, State
from multiscale.symbols import arc, distance, section, tag, time, x
from multiscale.units import cm, mM, mS, ms, mV, nM, s, uF, uM, um

cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
ca = Species("ca", (cyt, er), d=60 * um**2 / s, initial={cyt: 0.1 * uM, er: 250 * uM})
ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.3 * uM)
h = State("h", cyt, initial=0.8)
g, v = Parameter("g_ip3r", 20 / s), Parameter("v_serca", 80 * uM / s)
gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
PARTS = (
    Flux("ip3r", ca[er], ca[cyt], (g * gate**3 + 0.002 / s) * (ca[er] - ca[cyt])),
    Flux("serca", ca[cyt], ca[er], v * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
)
wave = Model(*PARTS, name="calcium wave")


def coupled():
    """The second model of the design: ions, channels, a pump; with shells, places and every kind of expression."""
    shells = Layers("cyt", 3)
    plasma = Membrane("plasma", shells, Bath(na=145 * mM, k=3.5 * mM, ca=2 * mM), capacitance=1 * uF / cm**2)
    organelle = Membrane("er", Region("er", 0.1), shells.outer, per_volume=2 / um, where=section("dend*"))
    na = Species("na", shells, z=1, initial=12 * mM)
    k = Species("k", shells, d=2 * um**2 / ms, z=1, initial=140 * mM)
    ca = Species(
        "ca", (shells, organelle.inside), d=0.2 * um**2 / ms, z=2, initial={shells: 50 * nM, organelle.inside: 0.2 * mM}
    )
    n = State("n", plasma, initial=1 / (1 + exp(-plasma.v / (10 * mV))))
    outer, kd = shells.outer, Parameter("kd", (0.5 + arc / (100 * um)) * uM)
    pump = Parameter("vmax", 1 * uM * um / s) * ca[outer] / (ca[outer] + 1 * uM)
    sk = 0.5 * mS / cm**2 * ca[outer] ** 2 / (ca[outer] ** 2 + kd**2) * (plasma.v - k.nernst(plasma))
    return Model(
        *hh(plasma, na=na, k=k, where=(distance > 50 * um) & ~tag("soma")),
        Rate("n", n, (1 - n) / ms - exp(-plasma.v / (18 * mV)) / ms * n),
        Current("sk", k, plasma, sk),
        Current("cal", ca, plasma, n * ca.ghk(plasma, 1e-4 * cm / s), where=tag(4) | (x < 3 * um)),
        Flux("pmca", ca[outer], ca[plasma.outside], pump, membrane=plasma),
        Flux("electrogenic", ca[outer], ca[plasma.outside], pump, membrane=plasma, charge=2),
        Flux("leak", ca[organelle.inside], ca[outer], 0.1 * um / s * ca[outer], membrane=organelle),
        Rate("light", k[outer], select(time < 5 * ms, 1e-6 * sympy.pi * mM / ms, 0)),
        name="cell",
    )


cell = coupled()


def names(values):
    return [value.name for value in values]


def test_gathers_what_the_processes_name():
    assert names(wave.processes) == ["inactivation", "ip3r", "serca"]
    assert names(wave.species) == ["ca", "ip3"]
    assert names(wave.states) == ["h"]
    assert names(wave.parameters) == ["g_ip3r", "v_serca"]
    assert names(wave.regions) == ["cyt", "er"]
    assert names(wave.fields) == ["ca.cyt", "ca.er", "h.cyt", "ip3.cyt"]
    assert wave.membranes == wave.baths == wave.interfaces == ()
    assert wave.potential is None


def test_gathers_through_membranes_baths_layers_and_initial_values():
    assert names(cell.membranes) == ["er", "plasma"]
    assert names(cell.baths) == ["bath"]
    assert names(cell.regions) == ["cyt0", "cyt1", "cyt2", "er"]
    assert names(cell.interfaces) == ["cyt0_cyt1", "cyt1_cyt2"]
    assert names(cell.parameters) == ["kd", "vmax"]
    assert "v" in names(cell.fields)
    assert not [name for name in names(cell.fields) if name.endswith(".bath")]
    assert names(cell.exchanges) == ["ca.cyt0_cyt1", "ca.cyt1_cyt2", "k.cyt0_cyt1", "k.cyt1_cyt2"]
    assert set(cell.all_processes) == {*cell.processes, *cell.exchanges}
    assert cell.potential.name == "plasma"


def test_parts_without_a_process():
    diffusion = Model(ca)
    assert diffusion.processes == ()
    assert names(diffusion.fields) == ["ca.cyt", "ca.er"]
    assert Model(species=[ca]) == diffusion
    passive = Model(Membrane("m", cyt, capacitance=0.01))
    assert names(passive.fields) == ["v"]
    core, rim = Region("core", shell=Shell(0, 0.7)), Region("rim", shell=Shell(0.7, 1))
    assert names(Model(Species("a", (core, rim), d=1), Interface("b", core, rim)).exchanges) == ["a.b"]


def test_parameters_of_initial_values_and_fractions_are_found():
    start = Parameter("start", 3 * mM)
    assert Model(Species("a", cyt, initial=start)).parameters == (start,)
    share = Parameter("share", 0.3)
    assert Model(Species("a", Region("r", share))).parameters == (share,)


def test_an_interface_that_layers_imply_counts_once():
    shells = Layers("c", 2)
    a = Species("a", shells, d=1)
    assert len(Model(a, Interface("again", shells[1], shells[0])).interfaces) == 1


@pytest.mark.parametrize("seed", range(3))
def test_order_never_matters(seed):
    parts = list(PARTS)
    random.Random(seed).shuffle(parts)
    other = Model(*parts, name="calcium wave")
    assert other == wave
    assert other.hash == wave.hash
    assert json.dumps(other.to_dict()) == json.dumps(wave.to_dict())


@pytest.mark.parametrize("model", [wave, cell], ids=["wave", "cell"])
def test_models_are_values(model):
    for clone in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), replace(model)):
        assert clone == model
        assert hash(clone) == hash(model)
        assert clone.fields == model.fields
    assert replace(model, name="other") != model
    with pytest.raises(FrozenInstanceError):
        model.name = "other"


@pytest.mark.parametrize("model", [wave, cell], ids=["wave", "cell"])
def test_json_round_trip(model):
    back = Model.from_dict(json.loads(json.dumps(model.to_dict())))
    assert back == model
    assert back.hash == model.hash
    assert back.describe() == model.describe()
    for one, other in zip(back.all_processes, model.all_processes, strict=True):
        assert one.terms() == other.terms()


def test_expressions_come_back_as_they_were():
    flat = sympy.Mul(sympy.Float(2), sympy.Add(ca[cyt], ca[er]), evaluate=False)  # sympy would distribute the 2
    precise = sympy.Float("0.1", 40)
    model = Model(Rate("a", ca[cyt], flat), Rate("b", ca[cyt], precise + sympy.Rational(1, 3) + sympy.sqrt(ca[er])))
    back = Model.from_dict(json.loads(json.dumps(model.to_dict())))
    assert back.processes[0].rate == flat
    assert back.processes[0].rate.args == flat.args
    assert back == model


def test_hash_tells_models_apart_and_is_the_same_in_every_process():
    assert Model(*PARTS[:2], name="calcium wave").hash != wave.hash
    assert len(wave.hash) == 64
    code = (
        "from multiscale.model import Model; from multiscale.processes import *; from multiscale.species import *\n"
        "from multiscale.regions import *\n"
        "r = Region('r'); a, b, c = (Species(n, r, initial=i) for i, n in enumerate('abc'))\n"
        "print(Model(Reaction('x', a + b, c, rate=a[r] * b[r] / (a[r] + b[r] + c[r]))).hash)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_describe_of_the_wave():
    text = wave.describe()
    assert text.splitlines()[:4] == [
        "model 'calcium wave'",
        "  regions",
        "    cyt: fraction 0.83",
        "    er: fraction 0.17",
    ]
    assert "    v_serca = mM/(12500*ms)" in text
    assert "flux 'serca': ca.cyt -> ca.er, rate ca.cyt**2*v_serca/(ca.cyt**2 + " in text
    assert "rate 'inactivation': d(h.cyt)/dt += " in text


def test_describe_of_the_cell():
    text = cell.describe()
    for part in (
        "plasma: cyt0 | bath",
        "bath: ca = 2*mM, k = 3.5*mM, na = 145*mM",
        "current 'hh.na': na through plasma",
        "current 'hh.leak': nonspecific through plasma",
        "across plasma, rate",
        "charge 2",
        "where ~tag('soma') & (distance > 50*um)",
        "ca.cyt0_cyt1: ca.cyt1 <-> ca.cyt0",
    ):
        assert part in text


def test_describe_of_reactions():
    text = Model(Reaction("bind", 2 * ca[cyt] + ip3, 0, 1, 2), Reaction("make", 0, ip3, rate=3)).describe()
    assert "reaction 'bind': 2*ca.cyt + ip3.cyt <-> nothing, forward 1, backward 2" in text
    assert "reaction 'make': nothing <-> ip3.cyt, rate 3" in text


def broken(change):
    data = json.loads(json.dumps(wave.to_dict()))
    change(data)
    return data


def rate_of(data, value):
    next(row for row in data["values"] if row["type"] == "Rate")["rate"] = value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no format 'multiscale model', expected one that Model.to_dict"),
        ({"format": "sbml"}, "no format 'multiscale model'"),
        (broken(lambda d: d.update(version=99)), "has version 99, expected 1; install a newer multiscale"),
        (broken(lambda d: d.pop("species")), r"lacks \['species'\] and has unknown \[\]"),
        (broken(lambda d: d.update(extra=1)), r"lacks \[\] and has unknown \['extra'\]"),
        (broken(lambda d: d.update(values={})), "'values' is a dict, expected a list"),
        (broken(lambda d: d["values"][0].update(type="Popen")), r"values\[0\] has 'Popen', expected a type of Region"),
        (broken(lambda d: d["values"].insert(0, 3)), r"values\[0\] has '3', expected a type of"),
        (broken(lambda d: d["values"][0].update(more=1)), r"values\[0\] has .*expected the fields"),
        (broken(lambda d: d["species"].append(999)), "species has '999', expected the number of an earlier entry"),
        (broken(lambda d: d["species"].append(True)), "species has 'True', expected the number of an earlier entry"),
        (broken(lambda d: rate_of(d, ["__import__", "os"])), r"has .*__import__.*, expected a known head"),
        (broken(lambda d: rate_of(d, ["unit", "parsec"])), r"has .*parsec.*, expected a known head"),
        (broken(lambda d: rate_of(d, ["Lambda", 1])), r"has .*Lambda.*, expected a known head"),
        (broken(lambda d: rate_of(d, ["field", 0, 0])), r"has .*field.*, expected a known head"),
        (broken(lambda d: rate_of(d, ["exp", 1, 2, 3])), r"has 'exp of 3 arguments', expected arguments that fit"),
        (broken(lambda d: rate_of(d, ["Rational", 1, 0])), r"has .*Rational.*, expected a number"),
        (broken(lambda d: rate_of(d, ["Add", "os.system('true')"])), r"expected a number or \[head, argument, ...\]"),
        (broken(lambda d: rate_of(d, ["Add", {}])), r"expected a number or \[head, argument, ...\]"),
    ],
)
def test_broken_dictionaries(data, message):
    with pytest.raises(FormatError, match=message):
        Model.from_dict(data)


def test_what_no_file_can_hold():
    odd = Model(Rate("a", ca[cyt], sympy.besselj(0, time / ms) * mM / ms))
    with pytest.raises(
        FormatError, match=r"'besselj\(0, t/ms\)' is a besselj, expected a function that files can hold"
    ):
        odd.to_dict()
