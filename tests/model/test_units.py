"""Base units are coherent, conversions exact, and dimensions of expressions found or refused."""

import copy
import pickle

import pytest
import sympy

from multiscale import units as u
from multiscale.errors import UnitError

X = sympy.Symbol("X", real=True)


def conc(_):
    return u.CONCENTRATION


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (60 * u.um**2 / u.s, 0.06),
        (1 * u.uF / u.cm**2, 0.01),
        (120 * u.mS / u.cm**2, 1.2),
        (0.12 * u.S / u.cm**2, 1.2),
        (1 * u.mA / u.cm**2, 10.0),
        (100 * u.uA / u.cm**2, 1.0),
        (100 * u.ohm * u.cm, 1e-3),
        (250 * u.uM, 0.25),
        (3 * u.nM, 3e-6),
        (1 * u.M, 1e3),
        (1 * u.mol / u.litre, 1e3),
        (1 * u.umol / u.l, 1e-3),
        (602214.076 * u.molecules, 1.0),
        (2 * u.hour, 7.2e6),
        (1 * u.minute, 6e4),
        (20 * u.Hz, 0.02),
        (1 * u.nS * u.mV / u.pA, 1.0),
        (1 * u.pF * u.mV / u.ms / u.pA, 1.0),
        (5 * u.nm, 5e-3),
        (1 * u.Mohm * u.nA, 1.0),
        (1 * u.A * u.s, 1e15),
        (3, 3.0),
        (2.5, 2.5),
    ],
)
def test_to_base(value, base):
    assert u.to_base(value) == pytest.approx(base, rel=1e-15)


def test_constants_are_coherent():
    assert u.to_base(u.GAS / u.FARADAY) == pytest.approx(0.08617333262145, rel=1e-9)  # CODATA's R/F in mV/K
    assert u.to_base(u.FARADAY * u.mM * u.um**3) == pytest.approx(96.48533212)
    assert u.celsius(6.3) == 279.45 * u.K
    assert u.degC(-273.15) == 0


def test_what_is_exact_stays_exact():
    assert 1 / u.s == sympy.Rational(1, 1000) / u.ms
    assert (1000 * u.um) == u.mm
    assert u.uM / u.mM == sympy.Rational(1, 1000)


def test_unit_symbols_survive_copies_and_differ_from_plain_symbols():
    assert pickle.loads(pickle.dumps(u.ms)) == u.ms
    assert copy.deepcopy(u.ms * u.mM) == u.ms * u.mM
    assert sympy.Symbol("ms", positive=True) != u.ms


def test_strip_and_has_units():
    assert u.strip(X * u.uM) == X / 1000
    assert u.strip(5) == 5
    assert u.has_units(3 * u.mV)
    assert not u.has_units(X)
    assert not u.has_units(3.0)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (u.uM**2 / u.s, "concentration²/time"),
        (u.mS / u.cm**2, "current/(length²·voltage)"),
        (sympy.sqrt(u.uM), "concentration^(1/2)"),
        (1 / u.s, "1/time"),
        (u.mM / u.uM, "1"),
        (u.K, "temperature"),
        (u.um * u.mM / u.ms, "length·concentration/time"),
        (X**2 / (X**2 + u.uM**2), "1"),
        (sympy.exp(X / u.mM) * u.mV, "voltage"),
        (sympy.Piecewise((X, u.uM < X), (2 * u.mM, True)), "concentration"),
        (sympy.Max(X, u.uM), "concentration"),
        (abs(X), "concentration"),
        (sympy.sign(X), "1"),
        (X**0.5, "concentration^(1/2)"),
    ],
)
def test_dimension_in_words(expression, text):
    assert u.dimension_text(u.dimension_of(expression, conc)) == text


def test_zero_has_any_dimension():
    assert u.dimension_of(0) is None
    assert u.dimension_of(sympy.Max(X, 0), conc) == u.CONCENTRATION
    assert u.dimension_of(X * u.mV, lambda _: None) is None


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            X + u.mV,
            r"rate: 'X \+ mV' combines concentration \('X'\) with voltage \('mV'\)|combines voltage .* with conc",
        ),
        (
            X + 0.15,
            r"rate: 'X \+ 0\.15' combines a pure number \('0\.15'\) with concentration \('X'\), expected the same",
        ),
        (sympy.exp(X), r"rate: exp\(\) of 'X' has dimension concentration, expected a pure number"),
        (sympy.log(X), r"log\(\) of 'X' has dimension concentration"),
        (X ** sympy.Symbol("n"), r"exponent 'n' has dimension concentration, expected a pure number"),
        (sympy.Piecewise((X, u.mV < X), (0, True)), "combines concentration .* with voltage"),
        (sympy.Derivative(sympy.Function("f")(X), X), "Derivative .* has no rule for units"),
    ],
)
def test_dimensions_that_do_not_fit(expression, message):
    with pytest.raises(UnitError, match=message):
        u.dimension_of(expression, conc, "rate")


def test_power_of_a_dimension_needs_a_number():
    n = sympy.Symbol("n")
    with pytest.raises(UnitError, match="raises concentration to the power 'n', expected a number as exponent; divide"):
        u.dimension_of(u.mM**n, lambda _: u.DIMENSIONLESS)


def test_symbols_need_a_lookup():
    with pytest.raises(UnitError, match="dt: 'X\\*ms' contains 'X', expected a number with units; give a number"):
        u.dimension_of(X * u.ms, what="dt")
    with pytest.raises(UnitError, match="dt: 'X' contains 'X', expected a number with units"):
        u.to_base(X, "dt")
