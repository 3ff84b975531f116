"""Symbols compare by value, survive copies, sort the same everywhere, and functions are safe at their poles."""

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sympy

from multiscale import functions
from multiscale.errors import CompileError, ModelError
from multiscale.regions import Bath, Membrane, Region
from multiscale.species import Parameter, Species, State
from multiscale.symbols import (
    FieldSymbol,
    Probe,
    arc,
    condition,
    dexprel,
    diameter,
    distance,
    exprel,
    quantity,
    section,
    select,
    tag,
    time,
    vtrap,
    x,
)
from multiscale.units import K, mM, ms, mV, s, uM, um

cyt, er = Region("cyt", fraction=0.8), Region("er", fraction=0.2)
ca = Species("ca", (cyt, er), z=2, initial={cyt: 0.1 * uM, er: 250 * uM})
plasma = Membrane("plasma", cyt, Bath(ca=2 * mM), capacitance=0.01)
V = Parameter("V", 80 * uM / s)
n = State("n", plasma, initial=1 / (1 + sympy.exp(-plasma.v / (10 * mV))))
EXPRESSION = V * ca[cyt] ** 2 / (ca[er] + 1 * uM) + n * plasma.v * plasma.area_per_volume + arc * time


def test_names():
    assert [str(f) for f in ca.fields] == ["ca.cyt", "ca.er"]
    assert (str(sympy.sympify(n)), str(plasma.v), str(ca[plasma.outside])) == ("n", "v", "ca.bath")
    assert str(State("h", cyt)[cyt]) == "h.cyt"


def test_equal_by_value():
    again = Species("ca", (er, cyt), z=2, initial={er: 250 * uM, cyt: 0.1 * uM})
    assert again == ca
    assert again[cyt] == ca[cyt]
    assert hash(again[cyt]) == hash(ca[cyt])
    assert again[cyt] + ca[cyt] == 2 * ca[cyt]
    other = Species("ca", (cyt, er), z=2, initial=1 * uM)
    assert other[cyt] != ca[cyt]
    assert len((other[cyt] + ca[cyt]).args) == 2
    assert sympy.Symbol("ca.cyt", real=True) != ca[cyt]


def test_whole_floats_and_integers_are_the_same_value():
    assert Species("a", cyt, d=1) == Species("a", cyt, d=1.0)
    assert Species("a", cyt, d=1)[cyt] == Species("a", cyt, d=np.float64(1.0))[cyt]


@pytest.mark.parametrize("clone", [copy.deepcopy, copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize(
    "value", [EXPRESSION, (distance > 50 * um) & tag("apical") | ~section("dend*"), exprel(plasma.v)]
)
def test_copies(clone, value):
    back = clone(value)
    assert back == value
    assert hash(back) == hash(value)
    assert back.free_symbols == value.free_symbols


def test_sympy_treats_them_as_atoms():
    assert sympy.diff(EXPRESSION, ca[cyt]).xreplace({ca[cyt]: 1}) == 2 * sympy.sympify(V) / (ca[er] + uM)
    assert EXPRESSION.subs(ca[cyt], 0).free_symbols == EXPRESSION.free_symbols - {ca[cyt], ca[er], sympy.sympify(V), mM}
    assert ca[cyt].is_real


def test_identity_and_order_are_the_same_in_every_process():
    code = (
        "from multiscale.regions import *; from multiscale.species import *; from multiscale.units import *\n"
        "r = Region('cyt'); a, b, c = (Species('ca', r, initial=i * mM) for i in (3, 1, 2))\n"
        "print(a.identity, [f.owner.initial for f in (a[r] + b[r] + c[r]).args])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


@pytest.mark.parametrize("value", [V, n, Species("b", cyt)])
def test_operands_work_like_their_symbol(value):
    symbol = sympy.sympify(value)
    assert isinstance(symbol, sympy.Symbol)
    for result, expected in (
        (1 - value, 1 - symbol),
        (value - 1, symbol - 1),
        (2 * value, 2 * symbol),
        (value * ca[cyt], symbol * ca[cyt]),
        (ca[cyt] * value, symbol * ca[cyt]),
        (1 + value, 1 + symbol),
        (value + value, 2 * symbol),
        (1 / value, 1 / symbol),
        (value / 2, symbol / 2),
        (value**2, symbol**2),
        (2**value, 2**symbol),
        (-value, -symbol),
        (value < 1, symbol < 1),
        (value <= 1, symbol <= 1),
        (value > 1, symbol > 1),
        (value >= 1, symbol >= 1),
        (np.float64(2) * value, 2.0 * symbol),
        (np.float64(2) - value, 2.0 - symbol),
        (sympy.exp(value), sympy.exp(symbol)),
    ):
        assert result == expected


def test_equality_of_operands_is_equality_of_values():
    assert Parameter("a", 1) == Parameter("a", 1)
    assert Parameter("a", 1) != Parameter("a", 2)


def test_probe():
    assert ca[cyt].at("here") == Probe(ca[cyt], "here")


@pytest.mark.parametrize("u", [1e-12, -1e-12, 1e-5, -1e-3, 0.3, -2.0, 20.0])
def test_exprel(u):
    assert float(exprel(sympy.Float(u))) == pytest.approx(u / math.expm1(u), rel=1e-14)
    h = 1e-4
    slope = (h + u) / math.expm1(u + h) - (u - h) / math.expm1(u - h)
    assert float(dexprel(sympy.Float(u))) == pytest.approx(slope / (2 * h), rel=1e-6, abs=1e-12)


def test_exprel_at_zero_and_its_derivative():
    v = plasma.v
    assert exprel(0) == 1
    assert dexprel(0) == sympy.Rational(-1, 2)
    assert sympy.diff(exprel(3 * v), v) == 3 * dexprel(3 * v)
    assert vtrap(v, 10) == 10 * exprel(v / 10)
    with pytest.raises(
        CompileError, match=r"exprel: the second derivative of exprel\(v\) was asked for, expected the first"
    ):
        sympy.diff(dexprel(v), v)


def test_select():
    chosen = select(x > 1, 2, 3)
    assert (chosen.subs(x, 2), chosen.subs(x, 0)) == (2, 3)


def test_functions_are_listed():
    assert all(hasattr(functions, name) for name in functions.__all__)


def test_section_patterns():
    assert section("dend*").matches_section("dend[3]")
    assert not section("dend*").matches_section("axon")
    assert not tag("axon").matches_section("axon")


def test_position_symbols_have_their_sign():
    assert diameter.is_positive
    assert (distance >= 0) is sympy.true
    assert condition(distance >= 0, "where") is None
    assert isinstance(ca[cyt], FieldSymbol)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: tag("apikal"),
            "tag: got 'apikal', expected one of soma, axon, basal, apical, dendrite or an SWC number; choose",
        ),
        (lambda: tag(-1), "tag: got -1, expected one of"),
        (lambda: tag(True), "tag: got True, expected one of"),
        (lambda: section(3), r"section: got 3, expected a pattern such as 'dend\*'; give a text"),
        (lambda: quantity("2 * mM", "x"), r"x is '2 \* mM' \(str\), expected a number or an expression; give one"),
        (lambda: quantity(True, "x"), r"x is True \(bool\), expected a number"),
        (lambda: quantity(None, "x"), r"x is None \(NoneType\), expected a number"),
        (lambda: quantity(np.ones(3), "x"), r"x is array.* \(ndarray\), expected a number"),
        (lambda: quantity(float("nan"), "x"), "x is nan, expected a finite number; check how it was computed"),
        (lambda: quantity(math.inf, "x"), "x is inf, expected a finite number"),
        (lambda: quantity(float("nan") * mM, "x"), "x is 'nan', expected a finite real number"),
        (lambda: quantity(sympy.I * mM, "x"), r"x is 'I\*mM', expected a finite real number"),
        (
            lambda: quantity(sympy.Symbol("q") * mM, "x"),
            r"x contains 'q', a symbol of no model value.*write Parameter\('q', ...\)",
        ),
        (lambda: condition(1.5, "place"), r"place is 1.5, expected a condition such as \(distance > 50 \* um\)"),
        (lambda: condition(ca[cyt] > 1, "place"), r"place depends on 'ca.cyt', expected only .*tags and sections"),
        (lambda: condition(distance < -1, "place"), "place is never true, expected a place; check the comparison"),
        (lambda: condition(V, "place"), "place is Parameter.*expected a condition"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def test_temperature_units_stay():
    assert plasma.temperature == 279.45 * K
    assert V.value == uM * 80 / (1000 * ms)
