"""An axon whose sodium and potassium change: two first-order methods, one limit."""

import numpy as np
import pytest

from multiscale.electro.channels.hh import hh
from multiscale.electro.stimuli import IClamp
from multiscale.geometry import Cable
from multiscale.model import Model
from multiscale.regions import Bath, Membrane, Region
from multiscale.rxd.steppers.lie import Lie
from multiscale.rxd.steppers.strang import Strang
from multiscale.simulate import simulate
from multiscale.species import Species
from multiscale.units import cm, mM, ms, mV, nA, ohm, uF, um

pytestmark = pytest.mark.neuron

STEPS = (0.025, 0.0125, 0.00625)  # ms
STOP, EVERY = 6.0, 0.025  # ms; after the spike has left the axon
THERMAL = 0.08617333262145 * 279.45  # RT/F, mV

CYT = Region("cyt")
AXON = Membrane(
    "axon",
    inside=CYT,
    outside=Bath(na=140 * mM, k=2.5 * mM),
    capacitance=1 * uF / cm**2,
    resistivity=35.4 * ohm * cm,
    initial=-65 * mV,
)
NA = Species("na", CYT, z=1, d=1.33 * um**2 / ms, initial=140 * np.exp(-50 / THERMAL) * mM)
K = Species("k", CYT, z=1, d=1.96 * um**2 / ms, initial=2.5 * np.exp(77 / THERMAL) * mM)
MODEL = Model(*hh(AXON, na=NA, k=K))
CABLE = Cable(200 * um, diameter=0.5 * um, n=41)
PULSE = IClamp(CABLE(0), 0.1 * nA, start=1 * ms, duration=1 * ms)


def ours(stepper, dt):
    """Potentials every 0.025 ms (times, nodes) and concentrations at the end, shape (nodes,)."""
    solution = simulate(
        MODEL, CABLE, STOP * ms, dt=dt * ms, every=EVERY * ms, stepper=stepper, record=["v", NA, K], stimuli=[PULSE]
    )
    return {"v": solution["v"].values, "na": solution["na.cyt"].values[-1], "k": solution["k.cyt"].values[-1]}


def largest(one, other):
    """Largest difference of v (mV), na and k (mM)."""
    return np.array([np.abs(one[name] - other[name]).max() for name in ("v", "na", "k")])


def test_differences_shrink_with_the_step(neuron):
    limit = ours(Strang(), EVERY / 64)
    theirs = [neuron("ions", dt=dt, stop=STOP) for dt in STEPS]
    for answer, dt in zip(theirs, STEPS, strict=True):
        answer["v"] = answer["v"][:: round(EVERY / dt)]
    lie = [ours(Lie(), dt) for dt in STEPS]
    # NEURON moves ions by the current at the old potential, Lie by that at the new one: both of first order
    for others, tolerance in ((lie, 0.1), ([limit] * len(STEPS), 0.15)):
        distance = np.array([largest(a, b) for a, b in zip(theirs, others, strict=True)])
        np.testing.assert_allclose(distance[:-1] / distance[1:], 2.0, atol=tolerance)
    # with one step the potentials are a hundred times nearer to each other than to the limit
    assert largest(lie[0], theirs[0])[0] < 0.01 * largest(theirs[0], limit)[0]
    for name, bound in (("v", 0.1), ("na", 3e-4), ("k", 1e-4)):  # mV, mM, mM
        extrapolated = 2 * theirs[2][name] - theirs[1][name]
        assert np.abs(extrapolated - limit[name]).max() < bound
    assert limit["v"].max() > 20
