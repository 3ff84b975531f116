"""The printed elementary functions against numpy, over the range that rates use."""

import math

import numpy as np
import pytest

from multiscale.kernels import cache
from multiscale.kernels.header import header
from multiscale.kernels.settings import jit_enabled
from multiscale.rxd.targets.numpy_ref import _FUNCTIONS

LOOP = """

@JIT
def each(x, y, out):
    for i in range(x.size):
        out[i] = {call}
"""


def run(call, x, y=None):
    module = cache.load(header(jit_enabled()) + LOOP.format(call=call))
    out = np.zeros_like(x)
    module.each(x, np.zeros_like(x) if y is None else y, out)
    return out


def test_exp_is_right_to_two_ulp():
    x = np.concatenate([np.linspace(-700, 700, 20001), np.linspace(-1, 1, 20001)])
    np.testing.assert_allclose(run("_exp(x[i])", x), np.exp(x), rtol=4.5e-16)


def test_log_is_right_to_two_ulp():
    x = np.exp(np.linspace(-300, 300, 20001))
    np.testing.assert_allclose(run("_log(x[i])", x), np.log(x), rtol=4.5e-16, atol=1e-16)


def test_log_outside_its_domain_is_not_a_number():
    assert np.isnan(run("_log(x[i])", np.array([0.0, -1.0]))).all()


def test_power():
    x = np.linspace(0.01, 5, 101)
    y = np.linspace(-3, 3, 101)
    # exp(y log x): the argument's rounding is magnified by its size, |y log x| < 14
    np.testing.assert_allclose(run("_pow(x[i], y[i])", x, y), x**y, rtol=1e-14)
    assert run("_pow(x[i], 2.5)", np.array([0.0]))[0] == 0.0


@pytest.mark.parametrize("name", ["_exprel", "_dexprel"])
def test_quotients_that_vanish(name):
    import mpmath

    x = np.concatenate([np.linspace(-40, 40, 401), np.linspace(-0.11, 0.11, 401), [1e-9, -1e-9, 0.0]])

    def exact(value):
        u = mpmath.mpf(float(value))
        if u == 0:
            return 1.0 if name == "_exprel" else -0.5
        with mpmath.workdps(60):
            e = mpmath.exp(u)
            return float(u / (e - 1)) if name == "_exprel" else float((e - 1 - u * e) / (e - 1) ** 2)

    expected = np.array([exact(v) for v in x])
    # near |x| = 0.1 the closed form subtracts 1 from exp(x): a loss of one digit; two for the derivative
    tolerance = 1e-14 if name == "_exprel" else 1e-12
    np.testing.assert_allclose(run(f"{name}(x[i])", x), expected, rtol=tolerance, atol=1e-17)
    np.testing.assert_allclose(_FUNCTIONS[name](x), expected, rtol=1e-9, atol=1e-17)


def test_choices():
    x = np.array([-2.0, 0.0, 3.0])
    assert run("_select(x[i] > 0.0, 1.0, 2.0)", x).tolist() == [2.0, 2.0, 1.0]
    assert run("_min(x[i], 1.0) + _max(x[i], 1.0)", x).tolist() == [-1.0, 1.0, 4.0]
    assert run("_sign(x[i])", x).tolist() == [-1.0, 0.0, 1.0]
    for call in ("_min(x[i], y[i])", "_max(x[i], y[i])"):  # as numpy's minimum and maximum: no NaN is lost
        assert np.isnan(run(call, np.array([np.nan, 1.0]), np.array([1.0, np.nan]))).all()
    assert math.isclose(run("_tanh(x[i])", x)[2], math.tanh(3.0))
