"""Amounts and charge over many steps: constant to round-off by construction."""

import numpy as np
import pytest

from multiscale.electro.channels.hh import hh
from multiscale.electro.stimuli import IClamp
from multiscale.geometry import Cable, Morphology, Section
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate, Reaction
from multiscale.regions import Membrane, Region, Shell
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.lie import Lie
from multiscale.rxd.steppers.strang import Strang
from multiscale.segmentation import SegmentCount
from multiscale.simulate import Simulation
from multiscale.species import Species, State
from multiscale.symbols import distance, select
from multiscale.units import FARADAY, S, cm, mM, ms, mV, ohm, to_base, uF, um

F = to_base(FARADAY)  # fC/amol


def tree():
    trunk = Section("trunk", ((0, 0, 0, 4.0), (40, 0, 0, 2.0)), tag=3, parent=-1, parent_x=1.0)
    up = Section("up", ((40, 0, 0, 2.0), (60, 20, 0, 0.8)), tag=3, parent=0, parent_x=1.0)
    down = Section("down", ((40, 0, 0, 1.6), (70, -10, 0, 1.2)), tag=3, parent=0, parent_x=1.0)
    return Morphology((trunk, up, down), segments=SegmentCount(7))


STEPPERS = [Strang(), Lie(), Adaptive(1e-4)]
NAMES = ["strang", "lie", "adaptive"]


@pytest.mark.parametrize("stepper", STEPPERS, ids=NAMES)
def test_amount_with_reactions_and_fluxes_across_membranes(stepper):
    """Calcium moves between cytosol, ER and buffer, and diffuses in all three; 1e5 steps where steps are fixed."""
    cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
    border = Membrane("border", inside=er, outside=cyt, per_volume=2.0)
    ca = Species("ca", (cyt, er), d=0.06, initial={cyt: select(distance < 10, 2e-3, 1e-4), er: 0.25})
    b, cab = Species("b", cyt, d=0.02, initial=0.1), Species("cab", cyt, d=0.02, initial=0.0)
    model = Model(
        Flux("leak", ca[er], ca[cyt], 2e-4 * (ca[er] - ca[cyt])),
        Flux("pump", ca[cyt], ca[er], 4e-5 * ca[cyt] ** 2 / (2e-4**2 + ca[cyt] ** 2), membrane=border),
        Reaction("binding", ca[cyt] + b[cyt], cab[cyt], 10.0, 0.01),
    )
    adaptive = isinstance(stepper, Adaptive)
    simulation = Simulation(model, tree(), dt=None if adaptive else 0.1, stepper=stepper, record=ca[cyt])
    volume = simulation.mesh.volume[: simulation.mesh.n]

    def total():
        a = simulation.arrays
        return float((volume * (0.83 * (a["ca.cyt"] + a["cab.cyt"]) + 0.17 * a["ca.er"])).sum())

    before = total()
    simulation.run(1000.0 if adaptive else 10000.0)
    assert abs(total() / before - 1) < 1e-12
    assert simulation.arrays["cab.cyt"].max() > 1e-4  # something happened


@pytest.mark.parametrize("stepper", STEPPERS, ids=NAMES)
def test_charge_carried_is_amount_moved(stepper):
    """zF times the ions moved equals the charge on the membrane, less what the electrode brought, at every moment."""
    cyt = Region("cyt")
    space = Region("space", shell=Shell(1.0, 1.2))
    m = Membrane(
        "m", inside=cyt, outside=space, capacitance=1 * uF / cm**2, resistivity=100 * ohm * cm, initial=-65 * mV
    )
    na = Species("na", (cyt, space), d=1.3 * um**2 / ms, z=1, initial={cyt: 12 * mM, space: 145 * mM})
    k = Species("k", (cyt, space), d=1.9 * um**2 / ms, z=1, initial={cyt: 140 * mM, space: 4 * mM})
    leak = Current("leak", k, m, 3e-4 * S / cm**2 * (m.v - k.nernst(m)))
    model = Model(*hh(m, na=na, k=k, leak=False), leak)
    cable = Cable(300.0, diameter=2.0, n=31)
    adaptive = isinstance(stepper, Adaptive)
    simulation = Simulation(
        model,
        cable,
        dt=None if adaptive else 0.025,
        stepper=stepper,
        stimuli=[IClamp(cable(0.5), 1000.0, 1.0, 1.0)],
        record=[m.v, na[cyt], k[cyt]],
    )
    volume, area = simulation.mesh.volume[:31].copy(), simulation.mesh.area[:31]
    outside = volume * (1.2**2 - 1.0)

    def amounts():
        a = simulation.arrays
        return [
            float((volume * a["na.cyt"] + volume * a["k.cyt"]).sum()),
            float((outside * a["na.space"] + outside * a["k.space"]).sum()),
            float((0.01 * area * a["v"]).sum()),
        ]

    inside0, outside0, charge0 = amounts()
    simulation.run(10.0)
    inside1, outside1, charge1 = amounts()
    moved = F * (inside1 - inside0)
    assert simulation.arrays["na.cyt"].max() > 12.001  # it fired
    assert F * (inside1 - inside0 + outside1 - outside0) == pytest.approx(0.0, abs=1e-12 * F * inside0)
    injected = 1000.0 * 1.0  # pA ms; the electrode's charge carrier is no tracked ion
    # relative to the amounts themselves: differences of 1e-3 in amounts of 1e5 amol leave 1e-12 of the amount
    assert charge1 - charge0 - injected == pytest.approx(moved, abs=1e-12 * F * inside0)


def test_pulse_charge_does_not_depend_on_where_steps_fall():
    """A pulse that begins and ends inside steps brings its whole charge."""
    cyt = Region("cyt")
    m = Membrane("m", inside=cyt, capacitance=0.01, resistivity=1e-3, initial=0.0)
    quiet = State("quiet", m, initial=0.0)
    model = Model(Rate("quiet", quiet, -quiet / 10.0), Current("none", None, m, 0 * m.v))
    cable = Cable(100.0, diameter=1.0, n=5)
    simulation = Simulation(model, cable, dt=0.1, stimuli=[IClamp(cable(0.5), 10.0, 0.537, 1.111)])
    simulation.run(3.0)
    charge = (0.01 * simulation.mesh.area[:5] * simulation.arrays["v"]).sum()
    assert charge == pytest.approx(11.11, rel=1e-12)


@pytest.mark.parametrize("order", [1, -1])
def test_order_of_the_script_does_not_matter(order):
    cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
    ca = Species("ca", (cyt, er), d=0.06, initial={cyt: select(distance < 10, 2e-3, 1e-4), er: 0.25})
    h = State("h", cyt, initial=0.8)
    processes = [
        Flux("leak", ca[er], ca[cyt], (2e-4 + 0.02 * h[cyt] * ca[cyt] / (ca[cyt] + 8e-4)) * (ca[er] - ca[cyt])),
        Flux("pump", ca[cyt], ca[er], 8e-5 * ca[cyt] ** 2 / (2e-4**2 + ca[cyt] ** 2)),
        Rate("gate", h[cyt], (4e-4 / (4e-4 + ca[cyt]) - h[cyt]) / 2000),
    ]
    bits = []
    for chosen in (processes, processes[::order]):
        simulation = Simulation(Model(*chosen), Cable(50.0, n=50), dt=1.0)
        simulation.run(100.0)
        bits.append(simulation.arrays.values.tobytes())
    assert bits[0] == bits[1]
    np.testing.assert_array_equal(np.frombuffer(bits[0]), np.frombuffer(bits[1]))
