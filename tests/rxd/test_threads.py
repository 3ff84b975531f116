"""Threads: any number of them gives the same bits, they leave together, and their default number follows the work."""

import signal
import threading
import time as clock

import numpy as np
import pytest

from multiscale.electro.channels.hh import hh
from multiscale.electro.stimuli import IClamp
from multiscale.errors import ModelError, SolverError
from multiscale.functions import exp, sin
from multiscale.geometry import Morphology, Section
from multiscale.kernels import cache
from multiscale.kernels.barrier import GATE, Team, processors
from multiscale.kernels.header import header
from multiscale.kernels.settings import jit_enabled
from multiscale.model import Model
from multiscale.processes import Flux, Rate, Reaction
from multiscale.regions import Bath, Membrane, Region
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.diffusers import RKL2, BackwardEuler, DouglasGunn
from multiscale.rxd.steppers.strang import Strang
from multiscale.rxd.voxel_spread import grid_share
from multiscale.rxd.workspace import SHARE, deal, threads_for
from multiscale.segmentation import MaxLength
from multiscale.simulate import Simulation, simulate
from multiscale.solids import Ball, Mixed, Part
from multiscale.sources import Source
from multiscale.species import Species
from multiscale.symbols import section, select, x, y
from multiscale.units import amol, cm, mM, ms, mV, nA, s, uF, uM, um

compiled_only = pytest.mark.skipif(not jit_enabled(), reason="plain Python runs on one thread")

MEETINGS = """

@JIT
def work(rounds, log, tid, threads, sync):
    if not enter(sync, tid):
        return -1
    bad = 0
    for k in range(rounds):
        log[tid, 0] = k
        if agree(sync, threads, tid + k % 3) != threads * (threads - 1) // 2 + threads * (k % 3):
            bad += 1
        for j in range(threads):
            bad += 0 if log[j, 0] == k else 1
        agree(sync, threads, 0)
    return bad
"""


def cell():
    soma = Section("soma", ((0, 0, 0, 8), (8, 0, 0, 8)), tag=1)
    up = Section("up", ((8, 0, 0, 2), (40, 15, 0, 1.5)), tag=3, parent=0)
    down = Section("down", ((8, 0, 0, 1.5), (40, -15, 0, 1)), tag=3, parent=0)
    return Morphology((soma, up, down), MaxLength(4))


def mixed(whole):
    """Two grids of different voxels, branches, and joins between all of them."""
    return Mixed(whole, (whole["soma"].voxels(0.8 * um), Part(whole, section("up") & (x < 25 * um)).voxels(0.5 * um)))


def everything():
    """Channels whose ions diffuse, a buffer, a flux through the membrane that reads the potential."""
    cyt, bath = Region("cyt"), Bath(na=140 * mM, k=3.5 * mM, ca=2 * mM)
    plasma = Membrane("plasma", cyt, bath, capacitance=1 * uF / cm**2)
    na = Species("na", cyt, d=1.33 * um**2 / ms, z=1, initial=12 * mM)
    k = Species("k", cyt, d=1.96 * um**2 / ms, z=1, initial=140 * mM)
    ca = Species("ca", cyt, d=0.25 * um**2 / ms, initial=(1 + 0.5 * sin(x / um)) * uM)
    buffer = Species("b", cyt, initial=50 * uM)
    bound = Species("cab", cyt, d=0.1 * um**2 / ms, initial=0 * mM)
    entry = 1e-6 * mM * um / ms * exp((plasma.v + 70 * mV) / (20 * mV))
    return Model(
        *hh(plasma, na=na, k=k),
        Reaction("binding", ca[cyt] + buffer[cyt], bound[cyt], forward=1e5 / (mM * s), backward=10 / s),
        Flux("entry", ca[bath], ca[cyt], entry, membrane=plasma),
    ), ca[cyt]


def final(threads, stepper, duration=0.5 * ms, dt=0.025 * ms, every=None):
    """State and solution of the whole model after a run."""
    model, ca = everything()
    whole = cell()
    clamp = IClamp(whole["soma"](0.5), 0.5 * nA, start=0.1 * ms, duration=2 * ms)
    source = Source("puff", target=ca, at=(4, 0, 0), rate=1e-3 * amol / ms, radius=2 * um)
    run = Simulation(
        model, mixed(whole), dt=dt, stepper=stepper, stimuli=[clamp], sources=[source], every=every,
        threads=threads,
    )  # fmt: skip
    solution = run.run(duration)
    return run.arrays.values.copy(), solution


def same(results):
    first, recorded = results[0]
    for values, solution in results[1:]:
        np.testing.assert_array_equal(values, first)
        for name in recorded.dataset:
            np.testing.assert_array_equal(solution.dataset[name], recorded.dataset[name])
    return recorded


@compiled_only
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_meetings_add_up_flags_and_order_writes(threads):
    kernel = cache.load(header(True) + MEETINGS).work
    log = np.zeros((threads, 8), dtype=np.int64)
    assert Team(threads).run(kernel, (200, log), (0, log)) == 0


@compiled_only
@pytest.mark.filterwarnings("ignore")
def test_threads_turn_back_if_the_first_never_comes():
    kernel = cache.load(header(True) + MEETINGS).work
    seen = []

    def interrupted(rounds, log, tid, threads, sync):
        if tid == 0 and threads > 1:
            raise KeyboardInterrupt
        seen.append(kernel(rounds, log, tid, threads, sync))
        return seen[-1]

    log, team = np.zeros((3, 8), dtype=np.int64), Team(3)
    with pytest.raises(KeyboardInterrupt):
        team.run(interrupted, (200, log), (0, log))
    assert seen == [0, -1, -1]
    assert team.run(kernel, (200, log), (0, log)) == 0


@compiled_only
@pytest.mark.parametrize(
    "stepper",
    [Strang(diffusion=RKL2()), Strang(diffusion=DouglasGunn()), Strang(diffusion=BackwardEuler())],
    ids=["RKL2", "DouglasGunn", "BackwardEuler"],
)
def test_bits_do_not_depend_on_threads(stepper):
    """Voxels with reactions, membrane flux, channels, joins, two grids, samples of all nodes."""
    recorded = same([final(threads, stepper) for threads in (1, 2, 3)])
    assert recorded["v"].max() > -40  # the clamp acts
    assert float(recorded["cab.cyt"].isel(time=-1).max()) > 1e-4  # and so does the buffer


@compiled_only
def test_bits_of_an_adaptive_run():
    same([final(threads, Adaptive(rtol=1e-2), 0.1 * ms, None, 0.05 * ms) for threads in (1, 2)])


@compiled_only
@pytest.mark.parametrize(
    ("diffusion", "dt"),
    [(RKL2(), 0.1), (RKL2(), 1.0), (DouglasGunn(), 0.1)],
    ids=["RKL2, explicit Euler", "RKL2, split backward Euler", "DouglasGunn, explicit Euler"],
)
def test_bits_of_repeated_steps(diffusion, dt):
    """Spots of 1 in a field of 0 undershoot with both schemes, and are repeated with positive ones."""
    cyt = Region("cyt")
    rough = select(sin(7 * x / um) * sin(5 * y / um) > 0.8, 1, 0)
    a = Species("a", cyt, d=1 * um**2 / ms, initial=rough * mM)
    b = Species("b", cyt, d=0.7 * um**2 / ms, initial=0.5 * mM)
    ends = []
    for threads in (1, 2, 3):
        run = Simulation(
            Model(a, b), Ball(3 * um).voxels(0.4 * um), dt=dt * ms, stepper=Strang(diffusion=diffusion), record=(),
            threads=threads,
        )  # fmt: skip
        run.step(2)
        ends.append((run.arrays.values.copy(), run.solution.attrs["repeated_diffusion_steps"]))
    assert ends[0][1] > 0
    for values, repeated in ends[1:]:
        np.testing.assert_array_equal(values, ends[0][0])
        assert repeated == ends[0][1]
    assert ends[0][0].min() >= -1e-12  # below, a step is repeated


@compiled_only
def test_sources_and_single_steps():
    cyt = Region("cyt")
    a = Species("a", cyt, d=1 * um**2 / ms, initial=1 * uM)
    decay = Rate("decay", a[cyt], -a[cyt] / (5 * ms))
    ends = []
    for threads in (1, 2, 4):
        source = Source("puff", target=a[cyt], at=Ball(1 * um), rate=0.3 * amol / ms)
        run = Simulation(
            Model(decay), Ball(3 * um).voxels(0.5 * um), dt=0.02 * ms, sources=[source], threads=threads
        )  # fmt: skip
        for _ in range(20):
            run.step()
        ends.append((run.arrays.values.copy(), run.solution))
    same(ends)
    assert ends[0][1].attrs["threads"] == 1
    assert ends[2][1].attrs["threads"] == 4


@compiled_only
def test_a_failing_run_ends_all_threads_with_the_same_sentence():
    cyt = Region("cyt")
    a = Species("a", cyt, d=1 * um**2 / ms, initial=1 * uM)
    blow = Rate("blow", a[cyt], (1 + x / (5 * um)) * a[cyt] ** 2 / (1 * uM * ms))  # infinite after 1 ms or less
    said = []
    for threads in (1, 2, 3):
        run = Simulation(Model(blow), Ball(3 * um).voxels(0.5 * um), dt=0.05 * ms, record=(), threads=threads)
        with pytest.raises(SolverError, match=r"'a.cyt'") as caught:
            run.run(5 * ms)
        said.append(str(caught.value))
    assert said[1:] == said[:1] * 2


@compiled_only
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer signal")
def test_ctrl_c_ends_a_long_run():
    cyt = Region("cyt")
    a = Species("a", cyt, d=1 * um**2 / ms, initial=1 * uM)

    def make():
        return Simulation(Model(a), Ball(3 * um).voxels(0.4 * um), dt=0.01 * ms, record=(), threads=2)

    def stop(number, frame):
        raise KeyboardInterrupt

    make().run(0.1 * ms)  # compiled
    run, before = make(), signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        begin = clock.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            run.run(1e5 * ms)
        assert clock.perf_counter() - begin < 4  # some chunks of 0.1 s, on a busy machine
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    again = make()
    again.run(0.1 * ms)
    assert np.isfinite(again.arrays.values).all()


@compiled_only
def test_many_runs_side_by_side():
    cyt = Region("cyt")
    a = Species("a", cyt, d=1 * um**2 / ms, initial=(2 + sin(x / um)) * uM)
    model = Model(Rate("decay", a[cyt], -a[cyt] / (5 * ms)))
    ends = {}

    def one(k):
        run = Simulation(model, Ball(3 * um).voxels(0.5 * um), dt=0.02 * ms, record=(), threads=1 + k % 3)
        run.run(2 * ms)
        ends[k] = run.arrays.values.copy()

    one(0)
    threads = [threading.Thread(target=one, args=(k,)) for k in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 6
    for k in range(1, 6):
        np.testing.assert_array_equal(ends[k], ends[0])


def system_of(dx=0.5, rate=False):
    cyt = Region("cyt")
    a = Species("a", cyt, d=1 * um**2 / ms, initial=1 * uM)
    model = Model(Rate("decay", a[cyt], -a[cyt] / (5 * ms))) if rate else Model(a)
    return Simulation(model, Ball(3 * um).voxels(dx * um), dt=0.02 * ms, record=())._system


def test_shares_cover_everything_once():
    system = system_of(0.25, rate=True)
    grid, group = system.grids[0], system.groups[0]
    for threads in (1, 2, 5):
        share = grid_share(grid, threads)
        assert share.lanes[0] == 0
        assert share.lanes[-1] == grid.mesh.n
        assert share.slabs[-1] == grid.quads[0].shape[1] - 1
        assert (np.diff(share.lanes) >= 0).all()
        nodes, pairs = deal(system, 64, threads)
        assert nodes[0, 0] == 0
        assert nodes[0, -1] == group.nodes.size
        assert (nodes[0, :-1] % 64 == 0).all()
        assert np.ptp(np.diff(nodes[0])) <= 2 * 64
        assert pairs[-1] == system.mesh.boundary.node.size


@compiled_only
def test_the_default_follows_the_work(monkeypatch):
    monkeypatch.delenv("MULTISCALE_THREADS", raising=False)
    monkeypatch.setattr("multiscale.rxd.workspace.idle_processors", lambda: 16)
    small, large = system_of(0.5), system_of(0.11)
    voxels = large.grids[0].mesh.n_voxels
    assert voxels > 3 * SHARE
    assert threads_for(small, None) == 1
    assert threads_for(large, None) == voxels // SHARE
    assert threads_for(small, 3) == 3
    monkeypatch.setenv("MULTISCALE_THREADS", "2")
    assert threads_for(large, None) == 2
    assert threads_for(small, None) == 1
    assert threads_for(large, 5) == 5
    assert processors() >= 1


def test_a_tree_has_one_thread():
    whole = cell()
    assert threads_for(Simulation(everything()[0], whole, dt=0.025 * ms, record=())._system, 4) == 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2"])
def test_a_wrong_number_of_threads_is_one_sentence(wrong):
    a = Species("a", Region("cyt"), d=1 * um**2 / ms, initial=1 * uM)
    with pytest.raises(ModelError, match=r"threads is .*, expected a whole number of 1 or more; leave it out"):
        simulate(Model(a), Ball(3 * um).voxels(0.5 * um), 1 * ms, dt=0.1 * ms, threads=wrong)


@pytest.mark.parametrize("wrong", ["0", "two", "-3"])
def test_a_wrong_variable_is_one_sentence(monkeypatch, wrong):
    monkeypatch.setenv("MULTISCALE_THREADS", wrong)
    a = Species("a", Region("cyt"), d=1 * um**2 / ms, initial=1 * uM)
    with pytest.raises(ModelError, match=r"MULTISCALE_THREADS is '.*', expected a whole number of 1 or more; change"):
        simulate(Model(a), Ball(3 * um).voxels(0.5 * um), 1 * ms, dt=0.1 * ms)


def test_the_gate_lies_behind_what_the_barrier_uses():
    assert GATE >= 32
