"""From expressions to kernels: text against sympy, compiled kernels against the numpy target, ROS2 against scipy."""

import dataclasses

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from multiscale.electro.channels.hh import hh
from multiscale.errors import CompileError, FormatError
from multiscale.functions import Abs, Max, Min, acos, asin, atan, cos, cosh, exp, log, sin, sinh, sqrt, tan, tanh
from multiscale.geometry import Cable, Point
from multiscale.kernels import cache
from multiscale.kernels.header import header
from multiscale.kernels.settings import jit_enabled
from multiscale.model import Model
from multiscale.processes import Flux, Rate, Reaction
from multiscale.regions import Membrane, Region
from multiscale.rxd import program
from multiscale.rxd.emit import Emitter, exponent_slopes
from multiscale.rxd.equations import equations
from multiscale.rxd.lower import membrane_kernel, react_kernel
from multiscale.rxd.steppers.strang import Strang
from multiscale.rxd.system import discretize
from multiscale.rxd.targets.numba_cpu import fission, membrane_source, react_source, work_size
from multiscale.rxd.targets.numpy_ref import run_body, run_kernel
from multiscale.rxd.tree import discretize_geometry
from multiscale.simulate import simulate
from multiscale.species import Parameter, Species, State
from multiscale.symbols import dexprel, exprel, select, time, vtrap
from multiscale.units import cm, mM, ms, uF, uM

a, b, v = sympy.symbols("a b v", real=True)
NAMES = {a: "y0", b: "y1", v: "y2"}
Piecewise, Rational = sympy.Piecewise, sympy.Rational

EXPRESSIONS = [
    a**7, a**-3, a**32, (a + b) ** 4 / a**2, a ** Rational(3, 2), a ** Rational(-1, 3), a**b, 2**a, 1 / sqrt(a),
    sqrt(a * b), (a * b) ** -0.5, a**2.5, a - b - 3, -a, -(a + b), -2 * a * b + a / 3, a / b / v, Rational(1, 3) * v,
    sympy.pi * a, a / (a + b) * b / (a + b) ** 2, 1 / (1 + (b / a) ** 4), log(a) / log(b + 3), log(a * b + 1),
    Piecewise((a, v > 0), (b, v > -40), (Piecewise((a * b, a < b), (a / b, True)), True)),
    Piecewise((1, (a < b) & (v < 0)), (2, (a > 2) | (v > 50)), (3, ~(a < 1)), (4, True)),
    select(sympy.Eq(v, -40), 5, 6) + select(sympy.Ne(v, -40), a, b) + select(a <= b, 1, 0) + select(a >= b, v, 0),
    Min(a, b, 2), Max(a * b, v / 50), Max(0, Min(a, 1) - b), Abs(v + 20), sympy.sign(v + 20), sympy.floor(3 * a),
    sympy.ceiling(b), exprel(a - 1), exprel((v + 40) / 10), exprel(-(v + 40) / 10), dexprel(b - 1),
    dexprel((v + 40) / 25), vtrap(v + 40, 10), exp(v / 18) / (1 + exp(-(v + 35) / 10)),
    0.125 * exp(-(v + 65) / 80) + 4 * exp(-(v + 65) / 18) + 0.07 * exp(-(v + 65) / 20), exp(-a) * exp(b),
    exp(v / 10) + exp(-v / 10) + exp(3 * v / 10) + exp(-(v + 1) / 30) + exprel(v / 30), exp(a * v / 40),
    tanh((v + 20) / 15), sin(v) * cos(a), tan(a / 3), atan(v), asin(a / 4), acos(a / 4), sinh(a), cosh(b),
    sympy.erf(a - 1), sympy.gamma(a + 1),
]  # fmt: skip


def points():
    """Values of a, b, v, shape (3, n); v = -40 and a = 1 are where some quotients vanish."""
    rng = np.random.default_rng(1)
    drawn = np.array([rng.uniform(0.1, 3, 12), rng.uniform(0.1, 3, 12), rng.uniform(-90, 60, 12)])
    return np.concatenate([drawn, [[1.0, 1.0, 0.5], [1.0, 2.0, 0.5], [-40.0, -40.0 + 1e-9, 0.25]]], axis=1)


def exact(expression, at):
    """sympy's own value at exact rational points, 30 digits, shape (n,)."""
    found = []
    for row in at.T:
        values = {s: Rational(float(x)) for s, x in zip((a, b, v), row, strict=True)}
        found.append(float(expression.subs(values).evalf(30)))
    return np.array(found)


def emitted(expression):
    emit = Emitter(NAMES, v, exponent_slopes([expression], v))
    return emit, emit(expression)


def with_numpy(expression, at):
    emit, result = emitted(expression)
    names = run_body(emit.lines, {"y0": at[0], "y1": at[1], "y2": at[2]})
    return np.broadcast_to(np.asarray(names[result] if result in names else float(result), dtype=float), at.shape[1])


@pytest.fixture(scope="module")
def compiled():
    """One compiled loop over all expressions: values of shape (expressions, points)."""
    lines = ["", "", "@JIT", "def everything(y, out):", "    for i in range(y.shape[1]):"]
    lines += ["        y0 = y[0, i]", "        y1 = y[1, i]", "        y2 = y[2, i]"]
    for k, expression in enumerate(EXPRESSIONS):
        emit, result = emitted(expression)
        lines += [f"        {line.name} = {line.text}" for line in emit.lines] + [f"        out[{k}, i] = {result}"]
    module = cache.load(header(jit_enabled()) + "\n".join(lines) + "\n")
    out = np.zeros((len(EXPRESSIONS), points().shape[1]))
    module.everything(points(), out)
    return out


@pytest.mark.parametrize("k", range(len(EXPRESSIONS)), ids=[str(e)[:40] for e in EXPRESSIONS])
def test_text_equals_sympy(compiled, k):
    """A few roundings, and exp's error times its argument: 1e-13; where terms cancel, of values of order 1 to 100."""
    expected = exact(EXPRESSIONS[k], points())
    np.testing.assert_allclose(with_numpy(EXPRESSIONS[k], points()), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(compiled[k], expected, rtol=1e-12, atol=1e-13)


def grow(inner):
    """Sums, products, quotients and choices of positive values: nothing cancels, so errors stay relative."""
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda p: p[0] + p[1]),
        pair.map(lambda p: p[0] * p[1]),
        pair.map(lambda p: p[0] / (1 + p[1])),
        pair.map(lambda p: Min(*p)),
        pair.map(lambda p: Max(*p)),
        pair.map(lambda p: select(p[0] < p[1], p[1] + 1, p[0])),
        inner.map(lambda e: exp(-e / (1 + e))),
        inner.map(lambda e: tanh(e / (1 + e))),
        inner.map(sqrt),
        inner.map(lambda e: e**3 / (1 + e**3)),
    )


@settings(max_examples=60)
@given(st.recursive(st.sampled_from([a, b, exp(v / 20), exp(-v / 20) / 3, Rational(2, 7)]), grow, max_leaves=8))
def test_text_equals_sympy_for_random_expressions(expression):
    at = points()[:, :4]
    np.testing.assert_allclose(with_numpy(expression, at), exact(expression, at), rtol=1e-11)  # 1e2 roundings at most


def test_equal_parts_are_computed_once():
    shared = tanh(a / (b + 1))
    emit, _ = emitted(shared * a + shared**2 / (1 + shared) + sqrt(b + 1))
    text = "\n".join(line.text for line in emit.lines)
    assert text.count("_tanh(") == 1
    assert text.count("1.0 +") == 2  # 1 + b, and 1 + shared
    assert len({line.text for line in emit.lines}) == len(emit.lines)


def test_exponentials_of_the_potential_are_powers_of_one():
    emit, _ = emitted(exp(v / 10) + exp(-v / 10) + exp((v + 5) / 5) + exp(-3 * v / 10))
    text = "\n".join(line.text for line in emit.lines)
    assert text.count("_exp(") == 1
    assert text.count("1.0 /") == 1


@pytest.mark.parametrize("expression", [sympy.besselj(0, a), sympy.zeta(a), sympy.Function("mine")(a)])
def test_functions_that_kernels_do_not_know(expression):
    name = type(expression).__name__
    with pytest.raises(CompileError, match=rf"kernel: function '{name}' is not available in rates; see functions.py"):
        emitted(expression)
    s = State("s", Region("cell"), initial=0.5)
    model = Model(Rate("r", s, expression.subs(a, s._sympy_())))
    with pytest.raises((CompileError, FormatError), match=f"{name}.*; "):
        simulate(model, Point(), 1.0, dt=0.1)


def test_a_symbol_without_a_value():
    with pytest.raises(CompileError, match="kernel: symbol 'w' has no value here; declare it in the model"):
        emitted(a + sympy.Symbol("w"))


# --- kernels: compiled against numpy ----------------------------------------------------------------------------------

cyt, er = Region("cyt", fraction=0.8), Region("er", fraction=0.2)
plasma = Membrane("plasma", inside=cyt, capacitance=1 * uF / cm**2)
ca = Species("ca", (cyt, er), z=2, initial={cyt: 1 * uM, er: 200 * uM})
buffer, bound = Species("buffer", cyt, initial=50 * uM), Species("bound", cyt, initial=10 * uM)
speed = Parameter("speed", 20 * uM / ms)
model = Model(
    *hh(plasma),
    Reaction("binding", ca[cyt] + buffer[cyt], bound[cyt], 50 / mM / ms, 0.1 / ms),
    Flux("pump", ca[cyt], ca[er], speed * ca[cyt] ** 2 / (4 * uM**2 + ca[cyt] ** 2)),
    Flux("leak", ca[er], ca[cyt], 1e-3 / ms * (ca[er] - ca[cyt]) * (1 + 0.1 * sin(time / ms))),
    name="kernels",
)
LAYOUTS = [(1, True), (8, False), (64, True), (64, False)]


@pytest.fixture(scope="module")
def system():
    return discretize(equations(model), discretize_geometry(Cable(100.0, n=100)))


@pytest.fixture(scope="module")
def kernels(system):
    """The react and membrane kernels of the only group of nodes."""
    (group,) = system.groups
    react = react_kernel("react", system.equations, group.terms, tolerance=False)
    return react, membrane_kernel("membrane", system.equations, group.terms, ())


@pytest.fixture(scope="module")
def module(kernels):
    """Both kernels in all layouts, in one generated file."""
    text = [header(jit_enabled())]
    for block, contiguous in LAYOUTS:
        react, membrane = (dataclasses.replace(k, name=f"{k.name}_{block}_{contiguous}") for k in kernels)
        text += [react_source(react, block, contiguous), membrane_source(membrane, block, contiguous)]
    return cache.load("\n".join(text))


def state(system, seed=0):
    """Values around the initial ones, different at each node, shape (fields, n)."""
    rng = np.random.default_rng(seed)
    start = {"v": -60.0, "ca.cyt": 1e-3, "ca.er": 0.2, "buffer.cyt": 0.05}
    rows = [start.get(f.name, 0.3) * rng.uniform(0.5, 1.5, system.mesh.n) for f in system.fields]
    return np.array(rows)


def nodes_of(contiguous):
    """19 or 83 nodes: no multiple of a block; the second kind with gaps."""
    return np.arange(7, 90) if contiguous else np.sort(np.random.default_rng(2).choice(100, 19, replace=False))


@pytest.mark.parametrize(("block", "contiguous"), LAYOUTS)
def test_react_kernels(system, kernels, module, block, contiguous):
    """Same operations; the printed exp and fused multiplications differ by some units in the last place."""
    kernel, nodes = kernels[0], nodes_of(contiguous)
    y, p = state(system), np.array([value for _, _, value in system.equations.parameters])
    expected = run_kernel(kernel, y, system.inputs, p, nodes, t=0.7, h=0.05)
    assert (expected["check", 0] >= 0).all()
    found = y.copy()
    run = getattr(module, f"react_{block}_{contiguous}")
    status = run(found, system.inputs, p, nodes, np.zeros(work_size(kernel, block)), 0.7, 0.05, np.inf)
    assert status == 0
    changed = {row for name, row in expected if name == "y"}
    for row in range(y.shape[0]):
        if row in changed:
            np.testing.assert_allclose(found[row, nodes], expected["y", row], rtol=1e-12)
            assert (found[row, nodes] != y[row, nodes]).all()
        else:
            np.testing.assert_array_equal(found[row], y[row])
    others = np.setdiff1d(np.arange(100), nodes)
    np.testing.assert_array_equal(found[:, others], y[:, others])


@pytest.mark.parametrize(("block", "contiguous"), LAYOUTS)
def test_membrane_kernels(system, kernels, module, block, contiguous):
    """Currents nearly cancel at some potentials: 1e-12 of the largest."""
    kernel, nodes = kernels[1], nodes_of(contiguous)
    y, p = state(system, seed=1), np.array([value for _, _, value in system.equations.parameters])
    expected = run_kernel(kernel, y, system.inputs, p, nodes, t=0.7)
    out = [np.zeros(100), np.zeros(100), np.zeros((1, 100)), np.zeros((1, 100))]
    run = getattr(module, f"membrane_{block}_{contiguous}")
    run(y.copy(), system.inputs, p, nodes, np.zeros(work_size(kernel, block)), 0.7, *out)
    for place, array in (("current", out[0]), ("conductance", out[1])):
        scale = np.abs(expected[place, 0]).max()
        np.testing.assert_allclose(array[nodes], expected[place, 0], rtol=1e-12, atol=1e-12 * scale)
    assert not out[0][np.setdiff1d(np.arange(100), nodes)].any()


def test_the_conductance_is_the_derivative(system, kernels):
    y, p = state(system, seed=1), np.array([value for _, _, value in system.equations.parameters])
    row, nodes = system.cable.row, np.arange(100)
    currents = []
    for step in (1e-4, -1e-4):
        moved = y.copy()
        moved[row] += step
        currents.append(run_kernel(kernels[1], moved, system.inputs, p, nodes)["current", 0])
    slope = run_kernel(kernels[1], y, system.inputs, p, nodes)["conductance", 0]
    np.testing.assert_allclose((currents[0] - currents[1]) / 2e-4, slope, rtol=1e-6)  # central difference


def test_long_kernels_are_cut_into_loops(kernels):
    """Every assignment appears once, in order, and what a piece reads was kept by an earlier one."""
    for kernel in kernels:
        pieces = fission(kernel)
        assert [line for piece in pieces for line in piece.body] == list(kernel.body)
        kept = set()
        for piece in pieces:
            assert set(piece.needs) <= kept
            kept |= set(piece.kept)
    assert len(fission(kernels[0])) > 1


# --- steps that are too long ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hungry():
    """y' = -y/(y + 0.001), and z' = -1 + z^2/10^9: long steps make both negative. Kernels, and the loaded file."""
    y, z = Species("y", cyt, initial=1.0), Species("z", cyt, initial=1.0)
    eaten = Rate("eaten", y[cyt], -y[cyt] / (y[cyt] + 1e-3))
    drained = Rate("drained", z[cyt], -1 + z[cyt] ** 2 * 1e-9)
    found = []
    text = [header(jit_enabled())]
    for name, process in (("eat", eaten), ("drain", drained)):
        eqs = equations(Model(process))
        kernel = react_kernel(name, eqs, eqs.terms, tolerance=False)
        found.append(kernel)
        text.append(react_source(kernel, 8, contiguous=True))
    return found, cache.load("\n".join(text))


def halved(kernel, y, nodes, h, block):
    """The rule in plain words: each block repeats its step in 2, 4, 8, ... equal parts until no part fails."""
    out, most = y.copy(), 1
    none = np.zeros((1, y.shape[1]))
    for first in range(0, nodes.size, block):
        own = nodes[first : first + block]
        parts = 1
        while True:
            trial = y.copy()
            good = True
            for _ in range(parts):
                values = run_kernel(kernel, trial, none, np.zeros(1), own, h=h / parts)
                good = good and bool((values["check", 0] >= 0).all())
                trial[0, own] = values["y", 0]
                if not good:
                    break
            if good:
                break
            parts *= 2
        out[0, own] = trial[0, own]
        most = max(most, parts)
    return out, most


def test_a_block_that_becomes_negative_is_repeated_in_parts(hungry):
    (kernel, _), module = hungry
    y, nodes = np.linspace(0.05, 3.0, 20)[None].copy(), np.arange(20)
    expected, parts = halved(kernel, y, nodes, 0.4, 8)
    assert parts >= 4
    single = run_kernel(kernel, y, np.zeros((1, 20)), np.zeros(1), nodes, h=0.4)
    assert single["y", 0].min() < 0
    found = y.copy()
    work = np.zeros(work_size(kernel, 8))
    assert module.eat(found, np.zeros((1, 20)), np.zeros(1), nodes, work, 0.0, 0.4, np.inf) == 0
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert (found >= 0).all()
    np.testing.assert_allclose(found[0, 16:], single["y", 0][16:], rtol=1e-14)  # the last block is not cut


def test_a_block_that_cannot_be_saved_is_reported(hungry):
    """1 plus the first node of the block; the bad values stay, so that they can be named."""
    (_, kernel), module = hungry
    y, nodes = np.full((1, 20), 5.0), np.arange(20)
    y[0, 13] = 0.2
    work = np.zeros(work_size(kernel, 8))
    assert module.drain(y, np.zeros((1, 20)), np.zeros(1), nodes, work, 0.0, 1.0, np.inf) == 1 + 8
    assert y[0, 13] < 0
    np.testing.assert_allclose(y[0, :8], 4.0, rtol=1e-7)  # z^2/10^9 adds little


def test_ros2_is_of_second_order_on_a_stiff_reaction():
    """Fast buffering (rates of 1e3/ms at steps of 0.01 ms) with a saturating pump, against Radau at 1e-12."""
    c, f, g = (Species(name, cyt, initial=1.0) for name in ("c", "f", "g"))
    pump = 1.0 * c[cyt] / (c[cyt] + 0.2)
    stiff = Model(Reaction("bind", c[cyt] + f[cyt], g[cyt], 1000.0, 1000.0), Rate("pump", c[cyt], -pump))
    eqs = equations(stiff)
    kernel = react_kernel("react", eqs, eqs.terms, tolerance=False)

    def right(t, y):
        flow = 1000 * y[0] * y[1] - 1000 * y[2]
        return [-flow - y[0] / (y[0] + 0.2), -flow, flow]

    start = [0.5, 0.5, 0.25]  # in equilibrium
    reference = solve_ivp(right, (0, 1), start, method="Radau", rtol=1e-12, atol=1e-14).y[:, -1]
    errors = []
    for steps in (50, 100, 200, 400):
        y = np.array(start)[:, None]
        for _ in range(steps):
            values = run_kernel(kernel, y, np.zeros((1, 1)), np.zeros(1), np.array([0]), h=1 / steps)
            assert values["check", 0] >= 0
            for row in range(3):
                y[row] = values["y", row]
        errors.append(np.abs(y[:, 0] - reference).max())
        assert y[0, 0] + y[2, 0] < 0.75
        np.testing.assert_allclose(y[1, 0] + y[2, 0], 0.75, rtol=1e-13)  # a linear invariant, kept to round-off
    # slightly above 2: the part of the error that the fast reaction damps falls off faster
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.25)
    assert errors[-1] < 1e-6


# --- rates that need derivatives of choices ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "law", [Max(b, 0.2), Min(b, 0.2), Abs(b - 0.2), select(b > 0.2, b, 0.2), sympy.Heaviside(b - 0.2)]
)
def test_rates_with_choices(law):
    """One step from both sides of the kink, where ROS2 follows the branch it is on to third order."""
    s = State("s", cyt)
    eqs = equations(Model(Rate("r", s, 1 - law.subs(b, s._sympy_()) * s[cyt] ** 2)))
    kernel = react_kernel("react", eqs, eqs.terms, tolerance=False)
    y, h = np.array([[0.05, 0.15, 0.25, 0.9]]), 0.02
    found = run_kernel(kernel, y, np.zeros((1, 4)), np.zeros(1), np.arange(4), h=h)["y", 0]
    rate = sympy.lambdify(b, 1 - law * b**2, "numpy")
    exact = [solve_ivp(lambda t, u: rate(u), (0, h), [x], rtol=1e-10, atol=1e-12).y[0, -1] for x in y[0]]
    np.testing.assert_allclose(found, exact, atol=2 * h**3)


@pytest.mark.parametrize("power", [2.0, 3.0, 34, 34.0, -2.0, 1.0])
def test_whole_powers_of_negative_numbers(power):
    """However they are written, they are products."""
    expression = (v / 50) ** power
    np.testing.assert_allclose(with_numpy(expression, points()), exact(expression, points()), rtol=1e-12)
    emit, _ = emitted(expression)
    assert not any("_pow" in line.text for line in emit.lines)
    assert with_numpy((v / 50) ** sympy.Float(0), points())[0] == 1.0


# --- no text of the user in generated code ----------------------------------------------------------------------------


def renamed(names, title):
    """One model with other names; `names` must be sorted as the plain ones are."""
    region, first, second, constant, gate, move, bind, drift = names
    place = Region(region)
    c, d = Species(first, place, d=1.0, initial=0.1), Species(second, place, initial=0.2)
    s = State(gate, place, initial=0.5)
    p = Parameter(constant, 0.3)
    return Model(
        Reaction(bind, c[place], d[place], p, 0.1 * s[place]),
        Rate(drift, s[place], exp(-c[place]) - s[place]),
        Rate(move, d[place], -p * d[place] / (1 + c[place])),
        name=title,
    )


def source(chosen):
    system = discretize(equations(chosen), discretize_geometry(Cable(5.0, n=5)))
    return program._source(system, Strang(), 8, jit=False)


PLAIN = ("cell", "ca", "da", "kp", "sg", "wm", "ab", "ed")
HOSTILE = [
    ("__import__", "a_os.system", "b_exec", "c_eval", "d_open", "z_globals", "e_builtins", "f_lambda"),
    ("W", "P", "Y", "h", "t", "x1", "Q", "math"),
    ("def", "class", "import", "lambda", "return", "yield", "_exp", "for"),
]


@pytest.mark.parametrize("names", HOSTILE, ids=["calls", "canonical", "keywords"])
def test_names_never_reach_generated_code(names):
    """Any names and any title give the very text that plain names give."""
    title = 'x"""\n\nimport os\nos.abort()  # \\" {0} %s'
    region, *rest = names
    ordered = sorted(rest[:2])
    chosen = (region, *ordered, rest[2], rest[3], *sorted(rest[4:])[::-1][:1], *sorted(rest[4:])[:2])
    expected = source(renamed(PLAIN, "plain"))
    found = source(renamed(chosen, title))
    assert found == expected
    for name in ("os.", "__import__", "abort", "a_os", "b_exec", "z_globals"):
        assert name not in found
