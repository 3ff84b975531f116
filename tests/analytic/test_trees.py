"""Diffusion and cable equation on cables and on a branching, tapering tree: order in dx and dt, conservation."""

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from multiscale.geometry import Cable, Morphology, Section
from multiscale.model import Model
from multiscale.processes import Reaction
from multiscale.regions import Region
from multiscale.rxd.reference import right_hand_side
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.lie import Lie
from multiscale.rxd.steppers.strang import Strang
from multiscale.segmentation import SegmentCount
from multiscale.simulate import Simulation, simulate
from multiscale.species import Species
from multiscale.symbols import distance, x
from multiscale.units import mM, ms, um

cyt = Region("cyt")


def tree(n):
    """A tapering trunk that ends in two unequal tapering branches; every section has n segments."""
    trunk = Section("trunk", ((0, 0, 0, 4.0), (40, 0, 0, 2.0)), tag=3, parent=-1, parent_x=1.0)
    up = Section("up", ((40, 0, 0, 2.0), (60, 20, 0, 0.8)), tag=3, parent=0, parent_x=1.0)
    down = Section("down", ((40, 0, 0, 1.6), (70, -10, 0, 1.2)), tag=3, parent=0, parent_x=1.0)
    return Morphology((trunk, up, down), segments=SegmentCount(n))


def spread(d=1.0):
    a = Species("a", cyt, d=d * um**2 / ms, initial=(1 + sympy.cos(np.pi * x / (100 * um))) * mM)
    return a, Model(a)


def test_order_in_dx_on_a_cable():
    """A cosine mode decays as exp(-D (pi/L)^2 t); the errors fall as dx^2."""
    _, model = spread()
    errors = []
    for n in (10, 20, 40):
        solution = simulate(model, Cable(100 * um, n=n), 500 * ms, stepper=Adaptive(1e-8), every=500 * ms)
        end = solution["a.cyt"].values[-1]
        exact = 1 + np.cos(np.pi * (np.arange(n) + 0.5) / n) * np.exp(-((np.pi / 100) ** 2) * 500)
        errors.append(np.abs(end - exact).max())
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.1)


def test_order_in_dx_on_a_branching_tapering_tree():
    """Against 8 times finer segments: values at the same places, averaged over volumes, converge as dx^2."""
    a = Species("a", cyt, d=1 * um**2 / ms, initial=(1 + sympy.cos(np.pi * distance / (60 * um))) * mM)
    fine_n = 160

    def run(n):
        simulation = Simulation(Model(a), tree(n), stepper=Adaptive(1e-7), every=200 * ms)
        simulation.run(200 * ms)
        mesh = simulation.mesh
        return simulation.arrays["a.cyt"].reshape(3, n), mesh.volume[: mesh.n].reshape(3, n)

    fine, volume = run(fine_n)
    errors = []
    for n in (5, 10, 20):
        k = fine_n // n
        mean = (fine * volume).reshape(3, n, k).sum(2) / volume.reshape(3, n, k).sum(2)
        errors.append(np.abs(run(n)[0] - mean).max())
    observed = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(observed, 2.0, atol=0.35)  # coarse trees are not yet asymptotic


@pytest.mark.parametrize(("stepper", "order"), [(Strang(), 2), (Lie(), 1)])
def test_order_in_dt_with_reactions_on_a_tree(stepper, order):
    """Diffusion with mass-action buffering on the branching tree, against Radau at rtol 1e-11 on the same mesh."""
    a = Species("a", cyt, d=1, initial=1 + 0.5 * sympy.cos(np.pi * distance / 60))
    b, ab = Species("b", cyt, d=0.2, initial=2), Species("ab", cyt, d=0.2, initial=0.5)
    model = Model(Reaction("binding", a[cyt] + b[cyt], ab[cyt], 0.2, 0.1))

    def run(dt):
        simulation = Simulation(model, tree(10), dt=dt, stepper=stepper)
        before = simulation.arrays.copy()
        simulation.run(16)
        return simulation, before

    simulation, before = run(1.0)
    n = simulation.mesh.n
    f = right_hand_side(simulation._system, simulation._parameters)
    exact = (
        solve_ivp(f, (0, 16), before.values[:, :n].reshape(-1), method="Radau", rtol=1e-11, atol=1e-13)
        .y[:, -1]
        .reshape(3, n)
    )
    errors = [np.abs(run(dt)[0].arrays.values[:, :n] - exact).max() for dt in (0.25, 0.125, 0.0625)]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), order, atol=0.15)
