"""simulate and Simulation: what is chosen, what is recorded, how a run goes on, and where things act."""


import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import j0, j1, jn_zeros

from multiscale.electro.stimuli import IClamp, SEClamp
from multiscale.errors import ModelError
from multiscale.functions import cos
from multiscale.geometry import Cable, Point
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate
from multiscale.regions import Bath, Layers, Membrane, Region
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.lie import Lie
from multiscale.rxd.steppers.strang import Strang
from multiscale.segmentation import MaxLength
from multiscale.simulate import Simulation, simulate
from multiscale.species import Parameter, Species, State
from multiscale.symbols import distance, select, tag, time
from multiscale.units import FARADAY, mM, ms, mV, to_base, uM, um
from multiscale.voxelize.readers import example_morphology, read_morphology

F = to_base(FARADAY)  # fC/amol

cyt, end = Region("cyt"), Region("end", fraction=0.5, where=distance > 6 * um)
surface = Membrane("surface", inside=cyt, outside=Bath(k=3 * mM))
decay = Parameter("decay", 0.05 / ms)
ca = Species("ca", cyt, d=0.4 * um**2 / ms, initial=select(distance < 5 * um, 2 * uM, 1 * uM))
k = Species("k", cyt, initial=1 * mM)
ip3 = Species("ip3", end, d=0.1 * um**2 / ms, initial=1 * uM)
gate = State("gate", cyt, initial=0.25)
chemistry = Model(
    Rate("decay", ca[cyt], -decay * ca[cyt]),
    Rate("gate", gate, (0.5 - gate) / (3 * ms)),
    Flux("entry", k[surface.outside], k[cyt], 0.01 * um / ms * (k[surface.outside] - k[cyt]), membrane=surface),
    ip3,
    name="chemistry",
)
CABLE = Cable(10 * um, diameter=2 * um, n=10)


def run(duration=20.0, **arguments):
    return simulate(chemistry, CABLE, duration, **{"dt": 0.5, **arguments})


@pytest.fixture(scope="module")
def whole():
    """A run of 200 steps with every field."""
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    simulation.run(100.0)
    return simulation


def test_what_is_chosen_and_said():
    """With dt Strang; with a stepper alone 0.025 ms; with neither, error control (at a single node Rodas5P)."""
    assert Simulation(chemistry, CABLE, dt=0.5).solution.attrs["stepper"].startswith("Strang splitting")
    assert "dt 0.5 ms; ca.cyt by RKL2" in Simulation(chemistry, CABLE, dt=0.5).solution.attrs["stepper"]
    assert "dt 0.025 ms" in Simulation(chemistry, CABLE, stepper=Strang()).solution.attrs["stepper"]
    lie = Simulation(chemistry, CABLE, dt=1 * ms, stepper=Lie()).solution.attrs
    assert lie["stepper"].startswith("Lie splitting in NEURON's order")
    assert "dt 1 ms; ca.cyt by tree elimination" in lie["stepper"]
    assert Simulation(chemistry, CABLE).solution.attrs["stepper"].startswith("adaptive, rtol 0.0001, Strang")
    assert Simulation(chemistry, Point()).solution.attrs["stepper"] == "adaptive, rtol 1e-06, Rodas5P, order 5(4)"


def test_attributes(whole):
    attributes = whole.solution.attrs
    assert attributes["model"] == "chemistry"
    assert attributes["model_hash"] == chemistry.hash
    assert attributes["steps"] == 200
    assert attributes["seed"] == 0
    assert {"set_up_s", "compile_s", "run_s"} <= set(attributes)


def test_samples_by_default(whole):
    """The state at the start and, of 200 steps, all; of 1200 steps, each second one."""
    np.testing.assert_allclose(whole.solution.times, 0.5 * np.arange(201), rtol=1e-15)
    assert run(600.0).times.size == 601
    np.testing.assert_allclose(simulate(chemistry, Point(), 10).times, np.linspace(0, 10, 501), rtol=1e-14)


def test_every_counts_from_the_last_sample():
    """The interval goes on over runs that are shorter than it."""
    np.testing.assert_array_equal(run(every=2 * ms).times, 2.0 * np.arange(11))
    simulation = Simulation(chemistry, CABLE, dt=0.5, every=4)
    for duration in (1, 2, 2, 9):
        simulation.run(duration)
    np.testing.assert_array_equal(simulation.solution.times, [0, 4, 8, 12])


def test_what_can_be_recorded():
    place = CABLE(0.55)
    everything = run()
    assert everything.names == ("ca.cyt", "gate.cyt", "ip3.end", "k.cyt")
    chosen = run(record=[ca[cyt], "k.cyt", gate, ca[cyt].at(place)])
    assert set(chosen.names) == {"ca.cyt", "k.cyt", "gate.cyt", f"ca.cyt@{place}"}
    for name in ("ca.cyt", "k.cyt", "gate.cyt"):
        np.testing.assert_array_equal(chosen[name].values, everything[name].values)
    probe = chosen[ca[cyt].at(place)]
    assert probe.dims == ("time",)
    np.testing.assert_array_equal(probe.values, everything["ca.cyt"].values[:, 5])
    assert run(record=ip3).names == ("ip3.end",)
    assert run(record=[]).names == ()


def test_a_field_is_nan_where_it_does_not_exist():
    values = run(record=[ip3, ip3[end].at(CABLE(0.05)), ip3[end].at(CABLE(0.95))])
    there = np.arange(10) >= 6  # node centres at 0.5, 1.5, ...; the first one above 6 um is 6.5
    np.testing.assert_array_equal(np.isnan(values["ip3.end"].values), np.tile(~there, (values.times.size, 1)))
    assert np.isnan(values[ip3[end].at(CABLE(0.05))].values).all()
    np.testing.assert_allclose(values[ip3[end].at(CABLE(0.95))].values, 1e-3, rtol=1e-14)  # nothing flows out of it


def test_runs_go_on_bit_for_bit(whole):
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    simulation.run(50.0)
    assert simulation.t == 50.0
    solution = simulation.run(50 * ms)
    assert simulation.arrays.values.tobytes() == whole.arrays.values.tobytes()
    np.testing.assert_array_equal(solution.times, whole.solution.times)
    np.testing.assert_array_equal(solution["ca.cyt"].values, whole.solution["ca.cyt"].values)


def test_single_steps(whole):
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    simulation.step()
    simulation.step(3)
    assert simulation.t == 2.0
    np.testing.assert_array_equal(simulation.solution.times, [0, 0.5, 1, 1.5, 2])
    np.testing.assert_array_equal(simulation.solution["ca.cyt"].values, whole.solution["ca.cyt"].values[:5])


def test_arrays_are_live():
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    view = simulation.arrays["k.cyt"]
    before = view.copy()
    simulation.step()
    assert (view > before).all()
    assert list(simulation.arrays) == ["ca.cyt", "gate.cyt", "ip3.end", "k.cyt"]
    kept = simulation.arrays.copy()
    simulation.step()
    assert (simulation.arrays["k.cyt"] > kept["k.cyt"]).all()


def test_several_side_by_side(whole):
    """Two runs of one model, in turn, do not see each other."""
    first, second = (Simulation(chemistry, CABLE, dt=0.5) for _ in range(2))
    second.set(decay, 0)
    for _ in range(100):
        first.run(1.0)
        second.run(1.0)
    np.testing.assert_array_equal(first.arrays.values, whole.arrays.values)
    assert second.arrays["ca.cyt"].sum() == pytest.approx(15e-3, rel=1e-12)  # conserved, to round-off of 200 steps


def test_set_equals_a_model_built_with_that_value(monkeypatch):
    """The kernel is the same; only a number differs. With warm kernels required, nothing can have been compiled."""
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    monkeypatch.setenv("MULTISCALE_EXPECT_WARM", "1")
    simulation.set(decay, 0.2 / ms)
    simulation.run(20)
    simulation.set("decay", 0.0)
    simulation.set("k.bath", 7 * mM)
    simulation.run(20)
    monkeypatch.delenv("MULTISCALE_EXPECT_WARM")
    # ca obeys c' = d c'' - decay c: the total decays with exp(-0.2 * 20), then stays; ROS2 adds (0.1)^3/6 a step
    assert simulation.arrays["ca.cyt"].sum() == pytest.approx(15e-3 * np.exp(-4), rel=1e-3)
    # k obeys k' = 0.01 * 4/2 (bath - k), at first with 3 mM, then with 7 mM
    first = 3 - 2 * np.exp(-0.4)
    assert simulation.arrays["k.cyt"][0] == pytest.approx(7 + (first - 7) * np.exp(-0.4), rel=1e-5)
    fast = Parameter("decay", 0.2 / ms)
    other = Model(
        Rate("decay", ca[cyt], -fast * ca[cyt]),
        *[p for p in chemistry.processes if p.name != "decay"],
        ip3,
        name="fast",
    )
    built = Simulation(other, CABLE, dt=0.5)
    built.run(20)
    again = Simulation(chemistry, CABLE, dt=0.5)
    again.set(decay, 200 / (1000 * ms))
    again.run(20)
    assert again.arrays.values.tobytes() == built.arrays.values.tobytes()


def test_set_holds_in_adaptive_runs_too():
    for geometry in (CABLE, Point()):
        simulation = Simulation(chemistry, geometry, record=ca)
        simulation.set("decay", 0)
        before = simulation.arrays["ca.cyt"].mean()
        simulation.run(5)
        assert simulation.arrays["ca.cyt"].mean() == pytest.approx(before, rel=1e-12)


def test_initial_values_can_be_replaced():
    chosen = {ca: 3 * uM, gate[cyt]: distance / (20 * um), k[cyt]: 10 * ca[cyt]}
    simulation = Simulation(chemistry, CABLE, dt=0.5, initial=chosen)
    np.testing.assert_allclose(simulation.arrays["ca.cyt"], 3e-3, rtol=1e-15)
    np.testing.assert_allclose(simulation.arrays["gate.cyt"], (np.arange(10) + 0.5) / 20, rtol=1e-15)
    np.testing.assert_allclose(simulation.arrays["k.cyt"], 3e-2, rtol=1e-15)
    assert simulation.solution["ca.cyt"].values[0, 0] == simulation.arrays["ca.cyt"][0]


def test_a_saved_run_goes_on_bit_for_bit(tmp_path, whole):
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    simulation.run(30.0)
    simulation.save(tmp_path / "state.h5")
    simulation.run(20.0)
    simulation.restore(tmp_path / "state.h5")
    assert simulation.t == 30.0
    np.testing.assert_array_equal(simulation.solution.times, [30.0])
    simulation.run(70.0)
    fresh = Simulation(chemistry, CABLE, dt=0.5)
    fresh.restore(tmp_path / "state.h5")
    fresh.run(70.0)
    assert simulation.arrays.values.tobytes() == fresh.arrays.values.tobytes() == whole.arrays.values.tobytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_a_saved_run_keeps_its_parameters(tmp_path):
    simulation = Simulation(chemistry, CABLE, dt=0.5)
    simulation.set("decay", 0.3)
    simulation.set("k.bath", 5)
    simulation.run(1)
    simulation.save(tmp_path / "state.h5")
    simulation.run(10)
    fresh = Simulation(chemistry, CABLE, dt=0.5)
    fresh.restore(tmp_path / "state.h5")
    fresh.run(10)
    assert fresh.arrays.values.tobytes() == simulation.arrays.values.tobytes()


# --- where things act ---------------------------------------------------------------------------------------------


def test_diffusion_and_rates_that_depend_on_position():
    """Against the exponential of the finite-volume matrix, whose conductances are two halves in series."""
    slope = Parameter("slope", 0.02 * (1 + distance))
    mobility = 0.2 + 0.1 * distance
    a = Species("a", cyt, d=mobility, initial=select(distance < 3, 1.0, 0.1))
    model = Model(Rate("loss", a[cyt], -slope * a[cyt]))
    cable = Cable(8.0, diameter=2.0, n=8)
    centres = np.arange(8) + 0.5
    half = 0.5 / (0.2 + 0.1 * centres)
    g = 1 / (half[:-1] + half[1:])
    matrix = -np.diag(0.02 * (1 + centres) + np.append(g, 0) + np.append(0, g)) + np.diag(g, 1) + np.diag(g, -1)
    exact = expm(matrix * 4.0) @ np.where(centres < 3, 1.0, 0.1)
    errors = [np.abs(simulate(model, cable, 4.0, dt=dt)["a.cyt"].values[-1] - exact).max() for dt in (0.1, 0.05, 0.025)]
    assert errors[-1] < 1e-4
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.15)  # order of the scheme


@pytest.mark.parametrize(("stepper", "order"), [(Strang(), 2), (Lie(), 1)], ids=["strang", "lie"])
def test_rates_that_depend_on_time(stepper, order):
    """c' = 1 + A cos(w t) - c from 1: c = 1 + A (cos w t + w sin w t - exp(-t))/(1 + w^2)."""
    c = Species("c", cyt, initial=1.0)
    w, amplitude = 2 * np.pi / 10, np.pi / 10
    model = Model(Rate("drive", c[cyt], 1 + amplitude * cos(w * time) - c[cyt]))
    exact = 1 + amplitude * (np.cos(w * 7) + w * np.sin(w * 7) - np.exp(-7.0)) / (1 + w * w)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        c_end = simulate(model, Point(), 7.0, dt=dt, stepper=stepper)["c.cyt"].values[-1]
        errors.append(abs(float(c_end) - exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), order, atol=0.15)
    assert errors[-1] < (1e-3 if order == 2 else 1e-2)


def test_flux_across_the_membrane_of_an_organelle():
    """Two well-mixed volumes joined by area per volume s: difference decays with rate p s (1/f1 + 1/f2)."""
    inner = Region("er", fraction=0.2)
    outer = Region("rest", fraction=0.8)
    border = Membrane("border", inside=inner, outside=outer, per_volume=3.0)
    a = Species("a", (inner, outer), initial={inner: 1.0, outer: 0.1})
    model = Model(Flux("leak", a[inner], a[outer], 0.05 * (a[inner] - a[outer]), membrane=border))
    solution = simulate(model, Point(volume=7.0), 4.0, stepper=Adaptive(1e-8))
    difference = (solution["a.er"] - solution["a.rest"]).values
    rate = 0.05 * 3.0 * (1 / 0.2 + 1 / 0.8)
    np.testing.assert_allclose(difference, 0.9 * np.exp(-rate * solution.times), atol=1e-7)  # rtol 1e-8 a step
    total = (0.2 * solution["a.er"] + 0.8 * solution["a.rest"]).values
    np.testing.assert_allclose(total, 0.28, rtol=1e-12)


def test_an_electrogenic_flux_carries_its_charge():
    """Three out for two in: one elementary charge a cycle, so C dv/dt = -F rate while 3 and 2 times that moves."""
    plasma = Membrane("plasma", inside=cyt, outside=Bath(a=10.0), capacitance=0.01, initial=-60.0)
    a = Species("a", cyt, z=1, initial=5.0)
    rate = 1e-4  # mM um/ms of 'a' out of the cell, with one charge for each three of them
    model = Model(Flux("pump", a[cyt], a[plasma.outside], rate, membrane=plasma, charge=1))
    cable = Cable(10.0, diameter=2.0, n=1)
    simulation = Simulation(model, cable, dt=0.1)
    simulation.run(5.0)
    v = simulation.arrays["v"][0]
    moved = (5.0 - simulation.arrays["a.cyt"][0]) * simulation.mesh.volume[0]
    assert moved == pytest.approx(rate * simulation.mesh.area[0] * 5.0, rel=1e-12)
    assert 0.01 * simulation.mesh.area[0] * (-60.0 - v) == pytest.approx(F * moved, rel=1e-11)  # zF times the amount


def test_clamps_report_their_currents():
    plasma = Membrane("plasma", inside=cyt, capacitance=0.01, initial=-60.0)
    model = Model(Current("leak", None, plasma, 1e-4 * (plasma.v + 60.0)), name="leak")
    cable = Cable(10.0, diameter=2.0, n=1)
    pulse = IClamp(cable(0.5), 0.4, start=1 * ms, duration=2 * ms)
    hold = SEClamp(cable(0.5), ((2 * ms, -50 * mV), (2 * ms, -70 * mV)), resistance=20.0, name="hold")
    solution = simulate(model, cable, 4 * ms, dt=0.025, every=0.025, stimuli=[hold, pulse])
    times, v = solution.times[1:], solution["v"].values.reshape(-1)
    np.testing.assert_array_equal(solution["iclamp.i"].values[1:], np.where((times > 1.01) & (times < 3.01), 0.4, 0.0))
    # means over a step; the trapezoid's error is (0.025/12.6)^2/12 of 1 pA, but 1e-3 in steps after a switch
    expected = (np.where(times < 2.01, -50.0, -70.0) - (v[1:] + v[:-1]) / 2) / 20.0
    smooth = np.abs(times - 0.025 - np.round(times - 0.025)) > 1e-6
    assert smooth.sum() == 156
    np.testing.assert_allclose(solution["hold.i"].values[1:][smooth], expected[smooth], atol=2e-6)
    np.testing.assert_allclose(solution["hold.i"].values[1:], expected, atol=2e-3)
    assert solution["hold.i"].attrs["units"] == "pA"
    assert solution["hold.i"].dims == ("time",)


def test_channels_on_apical_dendrites_only():
    """With hardly any axial coupling every node is a cell of its own: v decays to the leak's -50 mV, or stays."""
    cell = read_morphology(example_morphology("c91662.swc")).with_segments(MaxLength(50 * um))
    plasma = Membrane("plasma", inside=cyt, capacitance=0.01, resistivity=1e12, initial=-70.0)
    g = Parameter("g", 2e-3 * (1 + distance / 500))  # nS/um^2
    model = Model(Current("leak", None, plasma, g * (plasma.v + 50.0), where=tag("apical")), name="apical")
    simulation = Simulation(model, cell, dt=0.1)
    simulation.run(2.0)
    mesh, v = simulation.mesh, simulation.arrays["v"]
    apical = np.array(mesh.section_tags)[mesh.section] == 4
    assert 0 < apical.sum() < mesh.n
    np.testing.assert_allclose(v[~apical], -70.0, rtol=1e-9)  # 1e12 is not infinite
    exact = -50 - 20 * np.exp(-2e-3 * (1 + mesh.distance[apical] / 500) / 0.01 * 2.0)
    # second-order steps of at most 0.1 of a time constant: errors of (0.1)^2/12 of 20 mV at the fastest nodes
    np.testing.assert_allclose(v[apical], exact, atol=0.02)


# --- radial diffusion -----------------------------------------------------------------------------------------------


def _layered(n):
    shells = Layers("shell", n)
    start = {shells[i]: 1.0 if i == 0 else 0.0 for i in range(n)}
    a = Species("a", shells, d=0.5, initial=start)
    return Model(a, name=f"layers {n}"), a, shells


def test_layers_conserve_and_equilibrate():
    """All of it starts in the outermost shell, whose share of the volume is 1 - (1 - 1/4)^2 = 7/16."""
    model, a, shells = _layered(4)
    simulation = Simulation(model, Cable(6.0, diameter=3.0, n=3), dt=0.1)
    share = np.array([float(r.volume_fraction) for r in shells.regions])

    def total():
        return sum(f * simulation.arrays[a[r].name] for f, r in zip(share, shells.regions, strict=True))

    np.testing.assert_allclose(total(), 7 / 16, rtol=1e-14)
    simulation.run(2.0)
    np.testing.assert_allclose(total(), 7 / 16, rtol=1e-13)  # round-off of 20 steps
    assert simulation.arrays["a.shell0"][0] > simulation.arrays["a.shell3"][0] > 0
    simulation.run(100.0)
    for region in shells.regions:
        # slowest mode: 3.83^2 d/R^2 = 3.3/ms, long gone
        np.testing.assert_allclose(simulation.arrays[a[region].name], 7 / 16, rtol=1e-11)


@pytest.mark.slow
def test_layers_converge_to_radial_diffusion_in_a_cylinder():
    """Sealed cylinder, radius R, start c = J0(m r/R) + 1 with J1(m) = 0: that mode decays with m^2 d/R^2.

    Source: Crank (1975), The Mathematics of Diffusion, section 5.3. Cell means of the start are exact integrals:
    the mean of J0(m s) over a ring is 2 [s J1(m s)/m] / (difference of s^2).
    """
    m = jn_zeros(1, 1)[0]
    radius, d, duration = 1.5, 0.5, 0.15
    errors = []
    for n in (3, 6, 12):
        shells = Layers("shell", n)
        edges = 1 - np.arange(n + 1) / n
        means = 2 * (edges[:-1] * j1(m * edges[:-1]) - edges[1:] * j1(m * edges[1:])) / m
        means /= edges[:-1] ** 2 - edges[1:] ** 2
        a = Species("a", shells, d=d, initial={shells[i]: 1.0 + float(means[i]) for i in range(n)})
        solution = simulate(Model(a), Cable(2.0, diameter=2 * radius, n=1), duration, stepper=Adaptive(1e-8))
        end = np.array([float(solution[f"a.shell{i}"].values[-1]) for i in range(n)])
        exact = 1.0 + means * np.exp(-(m**2) * d / radius**2 * duration)
        errors.append(np.abs(end - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(j0(m)) > 0.4  # the mode is not at a node at the border
    np.testing.assert_allclose(orders, 2.0, atol=0.3)  # the innermost ring loses some tenths on coarse meshes
    assert errors[-1] < 5e-3


def test_chosen_times():
    cyt = Region("cyt")
    a = Species("a", cyt, d=1, initial=1)
    cable = Cable(10, dx=1)
    sol = simulate(Model(a), cable, 10, dt=0.5, times=[0.5, 4, 7.5])
    np.testing.assert_allclose(sol.times, [0, 0.5, 4, 7.5, 10])
    free = simulate(Model(a), cable, 10, times=[0.3, 4])
    np.testing.assert_allclose(free.times, [0, 0.3, 4, 10])
    run = Simulation(Model(a), cable, dt=0.5, times=[1, 6])
    run.run(5)
    np.testing.assert_allclose(run.run(5).times, [0, 1, 5, 6, 10])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"times": [1, 2], "every": 1}, "every and times were both given"),
        ({"times": [2, 1]}, "expected rising ones"),
        ({"times": [-1]}, "a time in times is -1 ms, expected 0 or more"),
        ({"times": 3}, "times is 3, expected a list"),
        ({"times": [0.3]}, r"a time in times, 0.3 ms, is not a whole number of steps, expected a multiple of dt = 0.5"),
    ],
)
def test_times_that_do_not_fit(arguments, text):
    a = Species("a", Region("cyt"), initial=1)
    with pytest.raises(ModelError, match=text):
        simulate(Model(a), Cable(10, dx=1), 10, dt=0.5, **arguments)
