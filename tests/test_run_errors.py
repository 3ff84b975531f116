"""Every mistake in asking for a run, and every failure of one, is one sentence; what was recorded is kept."""

import math
import re
import shutil

import h5py
import numpy as np
import pytest
import sympy

from multiscale.electro.stimuli import IClamp
from multiscale.errors import FormatError, GeometryError, ModelError, MultiscaleError, SolverError, UnitError
from multiscale.functions import log, sqrt
from multiscale.geometry import Cable, Location, Point
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate
from multiscale.regions import Bath, Membrane, Region
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.strang import Strang
from multiscale.simulate import Simulation, simulate
from multiscale.species import Parameter, Species, State
from multiscale.symbols import distance, section
from multiscale.units import mM, ms, mV, uM, um

cyt = Region("cyt")
wall = Membrane("wall", inside=cyt, outside=Bath(ca=2 * mM))
rate, mobility = Parameter("rate", 0.1 / ms), Parameter("mobility", 0.5 * um**2 / ms)
ca = Species("ca", cyt, d=mobility, initial=1 * uM)
gate = State("gate", cyt, initial=0.2)
model = Model(
    Rate("decay", ca[cyt], -rate * ca[cyt]),
    Rate("gating", gate, -gate / (5 * ms)),
    Flux("leak", ca[wall.outside], ca[cyt], 1e-6 * um / ms * ca[wall.outside], membrane=wall),
    name="m",
)
CABLE = Cable(10 * um, n=5)


def sim(**arguments):
    return Simulation(model, CABLE, **arguments)


def one_sentence(error):
    """No line breaks, no second sentence, a remedy after a semicolon (or a list of what there is)."""
    text = str(error)
    assert "\n" not in text
    assert re.search(r"[.!?] [A-Z]", text) is None
    assert ";" in text
    assert not text.endswith(".")


ASKED = [
    (lambda: sim(dt=0), ModelError, "dt is 0, expected a finite number above 0; give one in ms"),
    (lambda: sim(dt=-1 * ms), ModelError, "dt is -1, expected a finite number above 0; give one in ms"),
    (lambda: sim(dt=math.nan), ModelError, "dt is nan, expected a number; check how it was computed"),
    (lambda: sim(dt=math.inf), ModelError, "dt is inf, expected a finite number above 0"),
    (lambda: sim(dt=1 * mV), UnitError, "dt is 'mV' of dimension voltage, expected time; write it in ms"),
    (lambda: sim(dt="1"), ModelError, "dt is '1', expected a number with or without units; give one"),
    (lambda: sim(dt=rate), ModelError, r"dt is Parameter\(.*\), expected a number with or without units; give one"),
    (lambda: sim(every=0), ModelError, "every is 0, expected a finite number above 0"),
    (lambda: sim(every=1 * um), UnitError, "every is 'um' of dimension length, expected time"),
    (
        lambda: sim(dt=1, every=1.5).run(3),
        ModelError,
        "every 1.5 ms is not a whole number of steps.*change one of them",
    ),
    (lambda: sim(dt=1).run(1.5), ModelError, "duration 1.5 ms is not a whole number of steps.*multiple of dt = 1 ms"),
    (lambda: sim(dt=1).run(0), ModelError, "duration is 0, expected a finite number above 0"),
    (lambda: sim(dt=1).run(-3 * ms), ModelError, "duration is -3, expected a finite number above 0"),
    (lambda: sim(dt=1).run(math.inf), ModelError, "duration is inf, expected a finite number above 0"),
    (lambda: sim(dt=1).run(3 * mV), UnitError, r"duration is '3\*mV' of dimension voltage, expected time"),
    (lambda: sim(dt=1, stepper=Adaptive()), ModelError, "dt and an adaptive stepper were both given.*leave dt out"),
    (lambda: sim(stepper="strang"), ModelError, r"stepper is 'strang', expected an object such as Strang\(\)"),
    (lambda: sim(stepper=Strang), ModelError, r"stepper is <class .*Strang'>, expected an object such as Strang\(\)"),
    (lambda: Strang(reaction_tolerance=0), ModelError, "reaction_tolerance is 0, expected a number above 0; give"),
    (lambda: Adaptive(rtol=math.nan), ModelError, "rtol is nan, expected a number above 0; give for example"),
    (lambda: Adaptive(rtol=0.5), ModelError, "rtol is 0.5, expected less than 0.1; give for example"),
    (lambda: Adaptive(max_step=0), ModelError, "max_step is 0, expected a number above 0"),
    (lambda: sim().step(), ModelError, r"step\(\) needs a fixed step, but this run is adaptive; give dt"),
    (lambda: sim(dt=1).step(-1), ModelError, r"step\(\) got -1, expected a whole number of 1 or more; give one"),
    (lambda: sim(dt=1).step(1.5), ModelError, r"step\(\) got 1.5, expected a whole number of 1 or more; give one"),
    (lambda: sim(record="cal"), ModelError, "record: .*'cal'.*; .* ca.cyt, gate.cyt"),
    (lambda: sim(record=sympy.Symbol("q")), ModelError, "record: 'q' is not a field of model 'm'; it has ca.cyt"),
    (lambda: sim(record=Species("q", cyt)), ModelError, "record: 'q' is not .* model 'm'; it has ca.cyt, gate.cyt"),
    (lambda: sim(record=["ca.cyt", ca]), ModelError, "record: 'ca.cyt' is listed twice, expected once; leave one out"),
    (lambda: sim(record=5), ModelError, "record: '5' is not a field of model 'm'; it has ca.cyt"),
    (lambda: sim(record=cyt), ModelError, "record: 'cyt' is not a field of model 'm'; it has ca.cyt"),
    (lambda: sim(record=[[ca]]), ModelError, "record: .* is not a field of model 'm'; it has ca.cyt"),
    (lambda: sim(record=ca[cyt].at(0.5)), GeometryError, "record: 'ca.cyt' is wanted at 0.5, expected a place such"),
    (lambda: sim(record=ca[cyt].at(Location("soma"))), GeometryError, "no section 'soma', expected one of 'cable'"),
    (
        lambda: sim(dt=1).set("speed", 1),
        ModelError,
        "'speed': model 'm' has no uniform parameter.*; it has mobility, rate, ca",
    ),
    (lambda: sim(dt=1).set("ca.cyt", 1), ModelError, "parameter 'ca.cyt': model 'm' has no uniform parameter"),
    (lambda: sim(dt=1).set("rate", math.nan), ModelError, "parameter 'rate'.* nan, expected a .*number; check"),
    (lambda: sim(dt=1).set(rate, math.inf), ModelError, "parameter 'rate': got inf, expected a finite number; check"),
    (
        lambda: sim(dt=1).set(rate, 1 * mV),
        UnitError,
        "'rate' is 'mV' of dimension voltage, expected 1/time; write it in",
    ),
    (lambda: sim(dt=1).set("rate", 1 * mV), UnitError, "'rate' is 'mV' of dimension voltage, expected 1/time; write"),
    (lambda: sim(dt=1).set("ca.bath", 1 * mV), UnitError, "'ca.bath' is 'mV' of .* expected concentration; write it"),
    (
        lambda: sim(dt=1).set("rate", "1"),
        ModelError,
        "parameter 'rate' is '1', expected a number with or without units",
    ),
    (lambda: sim(dt=1).set("rate", None), ModelError, "parameter 'rate' is None, expected a number with or without"),
    (lambda: sim(dt=1).set(mobility, 2), ModelError, "'mobility': species 'ca' was built with it.*another Simulation"),
    (lambda: sim(initial={ca[cyt]: math.nan}), ModelError, "'ca.cyt' is nan, expected a finite number; check how"),
    (lambda: sim(initial={ca[cyt]: math.inf}), ModelError, "'ca.cyt' is inf, expected a finite number; check how"),
    (lambda: sim(initial={ca[cyt]: 1j}), ModelError, r"'ca.cyt' is 1j \(complex\), expected a number or an expression"),
    (lambda: sim(initial={ca[cyt]: "1"}), ModelError, r"'ca.cyt' is '1' \(str\), expected a number or an expression"),
    (lambda: sim(initial={ca[cyt]: None}), ModelError, r"'ca.cyt' is None \(NoneType\), expected a number or an expr"),
    (lambda: sim(initial={ca[cyt]: np.ones(5)}), ModelError, r"'ca.cyt' is array.* \(ndarray\), expected a number"),
    (
        lambda: sim(initial={ca[cyt]: 1 * mV}),
        UnitError,
        "'ca.cyt' is 'mV' of dimension voltage, expected concentration",
    ),
    (
        lambda: sim(initial={ca[cyt]: -1e-3}),
        ModelError,
        r"'ca.cyt': its initial value is negative \(-0.001 mM\), expect",
    ),
    (
        lambda: sim(initial={ca[cyt]: log(distance - 5)}),
        ModelError,
        "'ca.cyt': its initial value is nan at node 0, exp",
    ),
    (lambda: sim(initial={ca: gate._sympy_(), gate: ca}), ModelError, "'ca.cyt', 'gate.cyt' need each other; give one"),
    (
        lambda: sim(initial={"ca.cyt": 1}),
        ModelError,
        "initial: 'ca.cyt' is not a symbol of model 'm'.*; write for exampl",
    ),
    (
        lambda: sim(initial={rate: 1}),
        ModelError,
        "initial: .*rate.* is not a symbol of model 'm', expected ca.cyt, gate",
    ),
    (lambda: sim(initial=[1]), ModelError, r"initial: got \[1\], expected a dictionary; write initial="),
    (
        lambda: Simulation(CABLE, model),
        ModelError,
        r"model is Cable\(.*\), expected a Model; give the model first, then",
    ),
    (
        lambda: Simulation(model, model),
        GeometryError,
        r"geometry is .*, expected a Point, a Cable or a Morphology; give",
    ),
    (lambda: sim(stimuli=[IClamp(CABLE(0.5), 1)]), ModelError, "'iclamp': model 'm' has no membrane potential; give"),
    (lambda: sim(stimuli=IClamp(CABLE(0.5), 1)), ModelError, r"stimuli: got IClamp\(.*expected a list of electrodes"),
]


@pytest.mark.parametrize(
    ("ask", "error", "sentence"), ASKED, ids=[f"{i}-{s[:24]}" for i, (_, _, s) in enumerate(ASKED)]
)
def test_what_was_asked(ask, error, sentence):
    with pytest.raises(error, match=sentence) as raised:
        ask()
    assert type(raised.value) is error
    one_sentence(raised.value)


def test_places_that_do_not_exist():
    nowhere = Species("a", Region("r", where=section("apic*")), d=1.0)
    with pytest.raises(GeometryError, match=r"none of its fields exists at any of the 5 nodes; check the `where`"):
        Simulation(Model(nowhere, name="m"), CABLE)
    with pytest.raises(GeometryError, match="species 'a': d has 3 components, expected one number on a 1-D tree; give"):
        Simulation(Model(Species("a", cyt, d=(1.0, 1.0, 2.0))), CABLE)
    outside = Species("a", cyt, d=distance - 5)
    with pytest.raises(
        ModelError, match=r"species 'a': d is -4 um.2/ms at some node, expected a finite number of 0 or"
    ):
        Simulation(Model(outside), CABLE)


def test_names_of_currents_and_fields():
    inner = Region("i")
    plasma = Membrane("p", inside=inner, capacitance=0.01)
    charged = Model(Species("q", inner), Current("leak", None, plasma, 1e-3 * plasma.v))
    with pytest.raises(ModelError, match=r"stimulus 'q': 'q.i' is a field, expected a new name; give another `name`"):
        Simulation(charged, CABLE, stimuli=[IClamp(CABLE(0.5), 1.0, name="q")])


# --- values that cannot be, at run time -----------------------------------------------------------------------------


def failed(simulation, duration):
    """The sentence of a run that fails; what was recorded until then is finite and usable."""
    with pytest.raises(SolverError) as raised:
        simulation.run(duration)
    one_sentence(raised.value)
    solution = simulation.solution
    assert solution.times.size > 1
    assert solution.times[-1] <= simulation.t
    for name in solution.names:
        assert np.isfinite(solution[name].values).all()
    return str(raised.value), solution


b = Species("b", cyt, initial=1.0)
# b' = log(b - 1/2) - 1: b falls to 1/2 at t = 0.2049 (adaptive reference), where the logarithm ends
ends = Model(Rate("fall", b[cyt], log(b[cyt] - 0.5) - 1), name="ends")


@pytest.mark.parametrize("geometry", [CABLE, Point()], ids=["cable", "point"])
def test_a_rate_that_is_not_a_number(geometry):
    """The step that leaves the domain of the logarithm is named, with its end."""
    sentence, solution = failed(Simulation(ends, geometry, dt=0.01, every=0.05), 5)
    where = r"node 0 \(cable\(0.1\)\)" if geometry is CABLE else "node 0"
    assert re.match(rf"solver: 'b.cyt' became nan at {where}, t = 0.21 ms; reduce dt \(now 0.01 ms\)", sentence)
    np.testing.assert_allclose(solution.times, [0, 0.05, 0.1, 0.15, 0.2], rtol=1e-12)


@pytest.mark.parametrize("geometry", [CABLE, Point()], ids=["cable", "point"])
def test_a_rate_that_is_not_a_number_in_an_adaptive_run(geometry):
    sentence, solution = failed(Simulation(ends, geometry, every=0.05), 5)
    assert re.match("solver: .*t = 0.20", sentence)
    np.testing.assert_allclose(solution.times[:5], [0, 0.05, 0.1, 0.15, 0.2], rtol=1e-12)
    assert solution.times.size == 5


def test_a_failed_run_can_be_read_and_saved(tmp_path):
    simulation = Simulation(ends, Point(), dt=0.01)
    _, solution = failed(simulation, 5)
    solution.to_netcdf(tmp_path / "part.nc")
    assert simulation.solution["b.cyt"].values.size == 21
    with pytest.raises(SolverError, match=r"solver: 'b.cyt' became nan"):
        simulation.run(1)


def test_a_gate_that_is_not_a_number():
    """Nothing reads the gate, and its exact step has no check of its own: still the first bad step is named."""
    plasma = Membrane("plasma", inside=cyt, capacitance=0.01, initial=-60.0, resistivity=1e6)
    g = State("g", plasma, initial=0.1)
    falling = Model(Current("out", None, plasma, 0.01), Rate("gating", g, sqrt(plasma.v + 61) - g))  # v' = -1 mV/ms
    sentence, solution = failed(Simulation(falling, Point(), dt=0.01, every=0.25), 50)
    assert re.match(r"solver: 'g' became nan at node 0, t = 1.0[12] ms; reduce dt \(now 0.01 ms\) or check", sentence)
    np.testing.assert_allclose(solution.times, [0, 0.25, 0.5, 0.75, 1.0], rtol=1e-12)


def test_a_constant_sink():
    """d/dt = -1 from 0.55: negative after the sixth step of 0.1, whatever the sampling."""
    a = Species("a", cyt, initial=0.55)
    sink = Model(Rate("sink", a[cyt], -1.0))
    for every, times in ((0.1, [0, 0.1, 0.2, 0.3, 0.4, 0.5]), (0.2, [0, 0.2, 0.4]), (0.5, [0, 0.5])):
        sentence, solution = failed(Simulation(sink, Point(), dt=0.1, every=every), 70)
        assert re.match(r"solver: 'a.cyt' became negative \(-0.05 mM\) at node 0, t = 0.6 ms; reduce dt", sentence)
        np.testing.assert_allclose(solution.times, times, rtol=1e-12)
    sentence, _ = failed(Simulation(sink, Point(), every=0.1), 70)
    assert re.match(r"solver: 'a.cyt' became negative \(.*\) at node 0, t = 0.55 ms", sentence)


def test_a_current_that_takes_more_than_there_is():
    """1 amol/(um^2 ms) leaves through 4/um of membrane: -4 mM/ms from 1 mM, at the only node that has a channel."""
    plasma = Membrane("plasma", inside=cyt, capacitance=0.01, resistivity=1e9)
    k = Species("k", cyt, z=1, initial=1.0)
    drain = Model(Current("drain", k, plasma, 96.48533212, where=(distance > 4) & (distance < 6)))
    sentence, solution = failed(Simulation(drain, CABLE, dt=0.01, every=0.05), 20)
    assert re.match(r"solver: 'k.cyt' became negative \(-0.04 mM\) at node 2 \(cable\(0.5\)\), t = 0.26 ms", sentence)
    assert solution.times[-1] == 0.25


def test_a_potential_beyond_any_battery():
    plasma = Membrane("plasma", inside=cyt, capacitance=0.01)
    runaway = Model(Current("negative", None, plasma, -0.1 * (plasma.v + 60)))  # doubles each 0.07 ms
    sentence, _ = failed(Simulation(runaway, Point(), dt=0.025), 20)
    assert re.match(r"solver: 'v' became .* mV at node 0, t = .* ms; reduce dt .* or check the currents", sentence)


# --- saved states -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "state.h5"
    simulation = sim(dt=1)
    simulation.run(3)
    simulation.save(path)
    return path


def test_a_state_of_something_else(saved):
    other = Model(Rate("decay", ca[cyt], -2 * rate * ca[cyt]), *[p for p in model.processes if p.name != "decay"])
    with pytest.raises(ModelError, match=r"it was saved from another model \(hash .{12}, expected .{12}\); build that"):
        Simulation(other, CABLE, dt=1).restore(saved)
    with pytest.raises(
        ModelError, match=r"it holds 2 fields at 5 nodes, expected 2 fields at 7 nodes; restore it into"
    ):
        Simulation(model, Cable(10 * um, n=7), dt=1).restore(saved)


def test_a_state_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(FormatError, match=r"checkpoint '.*none.h5': there is no such file; check the path"):
        sim(dt=1).restore(tmp_path / "none.h5")
    with pytest.raises(FormatError, match=r"there is no such file; check the path"):
        sim(dt=1).restore(tmp_path)
    with pytest.raises(FormatError, match=r"cannot be written .*; choose a folder that exists and can be written"):
        sim(dt=1).save(tmp_path / "no" / "folder.h5")


def _set(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def _replace(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("t", 77.0),
        _set("t", math.nan),
        _set("t", "x"),
        _set("version", 2),
        _set("version", "x"),
        _set("format", "something"),
        lambda f: f.attrs.pop("checksum"),
        lambda f: f.pop("names"),
        lambda f: f["values"].write_direct(np.ones((2, 5))),
        _replace("values", np.array([b"a"])),
        _replace("parameter_values", np.array([1.0, 2.0, 3.0])),
        _replace("parameter_values", np.zeros(7)),
        _replace("names", 3),
    ],
)
def test_a_damaged_state(saved, tmp_path, change):
    """Any number or name that was changed is noticed."""
    shutil.copy(saved, tmp_path / "bad.h5")
    with h5py.File(tmp_path / "bad.h5", "r+") as file:
        change(file)
    simulation = sim(dt=1)
    with pytest.raises(FormatError, match=r"checkpoint '.*bad.h5': (it is not a|its checksum does not fit)") as raised:
        simulation.restore(tmp_path / "bad.h5")
    one_sentence(raised.value)
    assert simulation.t == 0.0


@pytest.mark.parametrize("text", [b"", b"hello", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_no_state(tmp_path, saved, text):
    for content in (text, saved.read_bytes()[: saved.stat().st_size // 2]):
        (tmp_path / "bad.h5").write_bytes(content)
        with pytest.raises(FormatError, match=r"it is not a readable HDF5 state; save one with Simulation.save"):
            sim(dt=1).restore(tmp_path / "bad.h5")


def test_all_of_these_are_one_family():
    """A script can catch everything that this project says with one name."""
    for error in (ModelError, UnitError, GeometryError, SolverError, FormatError):
        assert issubclass(error, MultiscaleError)
    with pytest.raises(MultiscaleError, match="duration is 0"):
        simulate(model, CABLE, 0, dt=1)


@pytest.mark.parametrize("stepper", [lambda: Adaptive("1e-3"), lambda: Strang("x"), lambda: Adaptive(-1.0)])
def test_tolerances_are_numbers_above_zero(stepper):
    with pytest.raises(ModelError, match=r"stepper (Adaptive|Strang): \w+ is .*, expected a number above 0; give"):
        stepper()


def test_an_adaptive_run_says_lower_rtol():
    cyt = Region("cyt")
    a = Species("a", cyt, d=0.1, initial=1.0)
    simulation = Simulation(Model(Rate("sink", a[cyt], -2.0)), Cable(10.0, n=5), stepper=Adaptive(1e-3))
    with pytest.raises(SolverError, match=r"solver: 'a.cyt' became negative .* t = 0\.[56]\d* ms; lower rtol"):
        simulation.run(2.0)
