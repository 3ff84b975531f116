"""Diffusion, buffers, stores and pumps: NEURON's first-order answers have the limit of our second-order ones."""

import numpy as np
import pytest

from multiscale.geometry import Cable
from multiscale.model import Model
from multiscale.processes import Flux, Reaction
from multiscale.regions import Bath, Membrane, Region
from multiscale.rxd.steppers.lie import Lie
from multiscale.rxd.steppers.strang import Strang
from multiscale.simulate import Simulation
from multiscale.species import Species
from multiscale.symbols import arc, select

pytestmark = pytest.mark.neuron

# base units: um, ms, mM; concentrations around 1 mM, because NEURON's finite differences have a step of 1.2e-7 mM
CYT = Region("cyt")


def ours(model, geometry, names, stepper, dt, stop):
    """Concentrations at the end, in order, each of shape (nodes,)."""
    simulation = Simulation(model, geometry, dt=dt, stepper=stepper, record=())
    simulation.run(stop)
    return [simulation.arrays[name].copy() for name in names]


def differences(one, other):
    """Largest difference of each species."""
    return np.array([np.abs(a - b).max() for a, b in zip(one, other, strict=True)])


def box():
    return Model(Species("x", CYT, d=1.0, initial=select((arc > 30) & (arc < 50), 1.0, 0.0)))


@pytest.mark.parametrize("dt", [0.025, 0.1, 1.0])
def test_diffusion_is_neurons_backward_euler(neuron, dt):
    expected = neuron("diffusion", length=100, segments=101, d=1, dt=dt, stop=20)["x"]
    (x,) = ours(box(), Cable(100, n=101), ["x.cyt"], Lie(), dt, 20)
    np.testing.assert_allclose(x, expected, rtol=0, atol=1e-10)
    assert x.sum() == pytest.approx(20, rel=1e-12)  # segments of the box


def test_diffusion_has_one_limit(neuron):
    """Strang of second order and NEURON of first order against the exponential of the same operator."""
    n, stop = 101, 20.0
    operator = (np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)) * (n / 100) ** 2
    operator -= np.diag(operator.sum(axis=1))
    rates, modes = np.linalg.eigh(operator)
    x = (np.arange(n) + 0.5) * 100 / n
    exact = modes @ (np.exp(stop * rates) * (modes.T @ ((x > 30) & (x < 50))))
    steps = (0.8, 0.4, 0.2)
    strang = [differences(ours(box(), Cable(100, n=n), ["x.cyt"], Strang(), dt, stop), [exact])[0] for dt in steps]
    theirs = [
        np.abs(neuron("diffusion", length=100, segments=n, d=1, dt=dt, stop=stop)["x"] - exact).max() for dt in steps
    ]
    np.testing.assert_allclose(np.log2(np.divide(strang[:-1], strang[1:])), 2.0, atol=0.1)
    np.testing.assert_allclose(np.log2(np.divide(theirs[:-1], theirs[1:])), 1.0, atol=0.1)


def buffering():
    ca = Species("ca", CYT, d=0.22, initial=select(arc < 30, 1.0, 0.1))
    b, cab = Species("b", CYT, d=0.05, initial=0.8), Species("cab", CYT, d=0.03, initial=0.05)
    return Model(Reaction("binding", ca[CYT] + b[CYT], cab[CYT], 0.5, 0.1))


def stores():
    cyt, er, mito = Region("cyt", fraction=0.7), Region("er", fraction=0.2), Region("mito", fraction=0.1)
    border = Membrane("border", inside=er, outside=cyt, per_volume=2)
    start = {cyt: select(arc < 18, 0.5, 0.1), er: 1.0, mito: 0.2}
    ca = Species("ca", (cyt, er, mito), d=0.1, initial=start)
    return Model(
        Flux("pump", ca[cyt], ca[er], 0.004 * ca[cyt] ** 2 / (0.2**2 + ca[cyt] ** 2), membrane=border),
        Flux("leak", ca[er], ca[cyt], 1e-3 * (ca[er] - ca[cyt]), membrane=border),
        Flux("uptake", ca[cyt], ca[mito], 0.002 * ca[cyt] / (0.5 + ca[cyt])),  # 1 um^2 of border per um^3 of cell
        Flux("release", ca[mito], ca[cyt], 5e-4 * ca[mito]),
    )


def plasma_pump(d):
    plasma = Membrane("plasma", inside=CYT, outside=Bath(ca=2.0))
    ca = Species("ca", CYT, d=d, initial=select(arc < 25, 1.0, 0.2))
    outside = ca[plasma.outside]
    return Model(
        Flux("pump", ca[CYT], outside, 0.003 * ca[CYT] / (0.3 + ca[CYT]), membrane=plasma),
        Flux("leak", outside, ca[CYT], 2e-4 * (outside - ca[CYT]), membrane=plasma),
    )


# model, geometry, names, function of `peers.py` with its arguments; across a taper NEURON's mean of two neighbours'
# conductances is another discretization than our exact integral, so the calcium of the tapering cable hardly diffuses
CASES = {
    "buffering": (buffering(), Cable(100, n=51), ("ca.cyt", "b.cyt", "cab.cyt"), ("buffering", {})),
    "stores": (stores(), Cable(60, n=31), ("ca.cyt", "ca.er", "ca.mito"), ("stores", {})),
    "pump": (plasma_pump(0.2), Cable(50, 2, n=25), ("ca.cyt",), ("plasma_pump", {"d": 0.2, "end": 2})),
    "taper": (
        plasma_pump(1e-12),
        Cable(50, 2, n=25, end_diameter=0.5),
        ("ca.cyt",),
        ("plasma_pump", {"d": 1e-12, "end": 0.5}),
    ),
}
STOP = 20.0


def theirs(neuron, case, dt):
    function, values = CASES[case][3]
    answer = neuron(function, dt=dt, stop=STOP, **values)
    return [answer[name] if name in answer else answer[name.removesuffix(".cyt")] for name in CASES[case][2]]


@pytest.mark.parametrize("case", CASES)
def test_differences_shrink_with_the_step(neuron, case):
    """Both are of first order. With reactions in one region the local step is the same too, linearly implicit Euler,
    and answers agree to what NEURON's Jacobian by differences leaves; its fluxes between regions differ in first order.
    """
    (model, geometry, names, _), steps = CASES[case], (0.2, 0.1, 0.05)
    limit = ours(model, geometry, names, Strang(), 0.0125, STOP)
    answers = [theirs(neuron, case, dt) for dt in steps]
    lie = [ours(model, geometry, names, Lie(), dt, STOP) for dt in steps]
    to_limit, to_lie = (
        np.array([differences(a, b) for a, b in zip(answers, others, strict=True)]) for others in ([limit] * 3, lie)
    )
    np.testing.assert_allclose(to_limit[:-1] / to_limit[1:], 2.0, atol=0.1)
    assert to_limit[-1].max() < 5e-4  # mM, of concentrations of about 1 mM
    if case == "buffering":
        assert to_lie.max() < 1e-6
    else:
        np.testing.assert_allclose(to_lie[:-1] / to_lie[1:], 2.0, atol=0.1)
    coarse, fine = answers[1:]
    extrapolated = [2 * b - a for a, b in zip(coarse, fine, strict=True)]
    assert (differences(extrapolated, limit) < 0.05 * differences(fine, limit)).all()


@pytest.mark.parametrize("case", ["buffering", "stores"])
def test_both_hold_the_same_calcium(neuron, case):
    share = {"ca.cyt": 0.7, "ca.er": 0.2, "ca.mito": 0.1} if case == "stores" else {"ca.cyt": 1.0, "cab.cyt": 1.0}
    model, geometry, names, _ = CASES[case]
    totals = [
        sum(share.get(name, 0.0) * values.sum() for name, values in zip(names, answer, strict=True))
        for answer in (ours(model, geometry, names, Lie(), 0.1, STOP), theirs(neuron, case, 0.1))
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-11)
