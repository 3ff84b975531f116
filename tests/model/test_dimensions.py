"""The units of whole models: everywhere or nowhere, each quantity what its place asks for."""

import pytest

from multiscale.dimensions import check_units
from multiscale.errors import UnitError
from multiscale.functions import exp
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate, Reaction
from multiscale.regions import Bath, Membrane, Region
from multiscale.species import Parameter, Species, State
from multiscale.symbols import arc, distance, time, x
from multiscale.units import K, cm, mM, mS, ms, mV, pA, s, uF, uM, um

cyt, er = Region("cyt", fraction=0.8), Region("er", fraction=0.2)
ca = Species("ca", (cyt, er), d=60 * um**2 / s, z=2, initial={cyt: 0.1 * uM, er: 250 * uM})
buf = Species("buf", cyt, initial=1 * uM)
h = State("h", cyt, initial=0.8)
v = Parameter("v_serca", 80 * uM / s)
plasma = Membrane("plasma", cyt, Bath(ca=2 * mM), capacitance=1 * uF / cm**2)


def flux(rate, **more):
    return Flux("serca", ca[cyt], ca[er], rate, **more)


RIGHT = (
    flux(v * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Rate("gate", h, (1 / (1 + ca[cyt] / uM) - h) / (2 * s)),
    Reaction("bind", 2 * ca[cyt] + buf, 0, 1 / uM**2 / s),
    Reaction("turn", ca[cyt], buf, rate=v * (1 + exp(-time / ms))),
    Current("leak", None, plasma, 1 * mS / cm**2 * (plasma.v - ca.nernst(plasma))),
    Current("cal", ca, plasma, h * ca.ghk(plasma, 1e-4 * cm / s)),
    Flux("pmca", ca[cyt], ca[plasma.outside], 1 * um / s * ca[cyt], membrane=plasma),
)


def test_a_right_model_passes():
    check_units(Model(*RIGHT))


def test_zero_needs_no_unit():
    check_units(Model(*RIGHT, Rate("none", buf, 0), Reaction("stop", buf, 0, 0)))
    check_units(Model(*RIGHT, Rate("off", buf, Parameter("off", 0) * ca[cyt])))


def test_a_model_without_units_is_not_checked():
    a = Species("a", cyt, d=1, z=1, initial=2)
    membrane = Membrane("m", cyt, Bath(a=3), capacitance=0.01)
    check_units(Model(Rate("r", a, 0.1 - a**2), Current("i", a, membrane, 0.3 * (membrane.v - a.nernst(membrane)))))


def test_library_expressions_may_state_units_in_a_model_that_states_none():
    a = Species("a", cyt, z=1, initial=2)
    membrane = Membrane("m", cyt, Bath(a=3), capacitance=0.01)
    check_units(Model(Current("i", a, membrane, 1 * mS / cm**2 * (membrane.v + 70 * mV))))


def test_positions_and_states_have_their_units():
    graded = Species("g", Region("r", 0.5 + arc / (1000 * um)), initial=1 * uM * exp(-x / (10 * um)))
    level = State("level", cyt, initial=1 * uM, unit=mM)
    check_units(Model(graded, Rate("fill", level, v)))


def one_wrong(part):
    return Model(*RIGHT[1:2], part)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            flux(v * ca[cyt]),
            r"^flux 'serca': rate has dimension concentration²/time, expected concentration/time; check 'v_serca'$",
        ),
        (
            flux(3 * ca[cyt]),
            "^flux 'serca': rate has dimension concentration, expected concentration/time; check the units of its con",
        ),
        (flux(0.5), "flux 'serca': rate has dimension 1, expected concentration/time"),
        (
            Flux("pmca", ca[cyt], ca[plasma.outside], 1 / s * ca[cyt], membrane=plasma),
            "flux 'pmca': rate has dimension concentration/time, expected length·concentration/time",
        ),
        (Rate("gate2", h, v), "rate 'gate2': rate has dimension concentration/time, expected 1/time; check 'v_serca'"),
        (
            Reaction("b", ca[cyt] + buf, 0, 1 / s),
            r"reaction 'b': forward has dimension 1/time, expected 1/\(concentration·time\)",
        ),
        (
            Reaction("b", ca[cyt], buf, 1 / s, 1 / uM),
            "reaction 'b': backward has dimension 1/concentration, expected 1/time",
        ),
        (
            Reaction("b", ca[cyt], buf, rate=1 / s),
            "reaction 'b': rate has dimension 1/time, expected concentration/time",
        ),
        (
            Current("i", None, plasma, plasma.v),
            "current 'i': density has dimension voltage, expected current/length²",
        ),
        (
            Rate("r", buf, (ca[cyt] + 0.15) / s),
            r"rate 'r': rate: 'ca.cyt \+ 0.15' combines .*a pure number.*, expected the same dimension; give both",
        ),
        (
            Rate("r", buf, mM / ms * exp(plasma.v)),
            r"rate 'r': rate: exp\(\) of 'v' has dimension voltage, expected a pure number",
        ),
        (
            Rate("r", buf, v * ca[cyt] ** Parameter("hill", 2)),
            "rate 'r': rate: .* raises concentration to the power 'hill', expected a number as exponent; divide",
        ),
        (Rate("r", h, 1 / ms, where=distance > 50), "rate 'r': where: .* combines .*, expected the same dimension"),
        (
            Species("a", cyt, d=1 * um / s, initial=uM),
            "species 'a': d has dimension length/time, expected length²/time",
        ),
        (Species("a", cyt, initial=1 * mV), "species 'a': initial has dimension voltage, expected concentration"),
        (Species("a", cyt, initial={cyt: 1 / s}), "species 'a': initial has dimension 1/time, expected concentration"),
        (State("st", cyt, initial=1 * mV), "state 'st': initial has dimension voltage, expected 1"),
        (
            State("st", cyt, initial=1 * mV, unit=mM),
            "state 'st': initial has dimension voltage, expected concentration",
        ),
        (
            Membrane("m", cyt, capacitance=1 * uF),
            "membrane 'm': capacitance has dimension current·time/voltage, expected",
        ),
        (
            Membrane("m", cyt, capacitance=uF / cm**2, resistivity=100 * cm),
            "membrane 'm': resistivity has dimension length, expected length·voltage/current",
        ),
        (
            Membrane("m", cyt, capacitance=uF / cm**2, initial=70 * K),
            "membrane 'm': initial has dimension temperature, expected vol",
        ),
        (Membrane("m", cyt, per_volume=2 * um), "membrane 'm': per_volume has dimension length, expected 1/length"),
        (Membrane("m", cyt, area=2 * um), "membrane 'm': area has dimension length, expected 1"),
        (Species("a", Region("r", 0.3 * um)), "region 'r': fraction has dimension length, expected 1"),
        (
            Species("a", Region("r", 0.5 + 0.01 * x)),
            "region 'r': fraction: .* combines a pure number .* with length|combines length",
        ),
        (
            Model(Current("i", ca, Membrane("m", cyt, Bath(ca=3 * mV), capacitance=uF / cm**2), 0)),
            "bath 'bath': concentration of 'ca'",
        ),
        (Rate("p", buf, Parameter("bad", uM + mV) / s), "parameter 'bad': value: .* combines"),
    ],
)
def test_mistakes_in_units(part, message):
    model = part if isinstance(part, Model) else one_wrong(part)
    with pytest.raises(UnitError, match=message):
        check_units(model)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            Species("a", cyt, initial=0.1),
            r"'a': initial is 0.1 without a unit, but .* has one \(.*\), expected units everywhere .*; write 0.1 \* mM",
        ),
        (
            Species("a", cyt, d=0.06, initial=uM),
            r"species 'a': d is 0.06 without a unit, .*; write 0.06 \* \(um\*\*2/ms\)",
        ),
        (Membrane("m", cyt, capacitance=0.01), "membrane 'm': capacitance is 0.01 without a unit"),
        (Membrane("m", cyt, capacitance=uF / cm**2, initial=-70), "membrane 'm': initial is -70 without a unit"),
        (
            Current("i", ca, Membrane("m", cyt, Bath(ca=2), capacitance=uF / cm**2), pA / um**2),
            "concentration of 'ca' is 2 without",
        ),
    ],
)
def test_units_everywhere_or_nowhere(part, message):
    with pytest.raises(UnitError, match=message):
        check_units(one_wrong(part) if not isinstance(part, Current) else Model(part, flux(v)))
