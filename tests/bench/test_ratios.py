"""What the benches must reach: our answers by themselves, the peers' answers, and the ratios of the times."""

from math import sqrt

import pytest

from multiscale.bench.command import benches, find, run
from multiscale.bench.compare import differences, worst
from multiscale.bench.measure import PeerError
from multiscale.bench.worker import Lab

# Largest relative errors against the converged reference. NEURON's are those of its first-order steps.
LIMITS = {  # bench: (ours, the peer)
    "calcium_wave": (1e-4, 3e-3),
    "circadian_0d": (1e-9, 1e-6),
    "circadian_1000": (2e-6, 6e-4),
    "diffusion_1": (1e-8, 1e-5),
    "diffusion_10": (1e-8, 1e-5),
    "diffusion_1_stiff": (1e-8, 5e-5),
    "hh_ions": (0.2, 0.2),  # of a potential whose steep front is a little late
    "hh_ions_strang": (0.02, 0.2),
    "hh_ions_pump": (0.02, 0.2),
    "diffusion_3d": (3e-5, 3e-5),
    "diffusion_3d_dg": (3e-5, 3e-5),
    "diffusion_3d_slow": (3e-5, 3e-5),
    "calcium_wave_3d": (3e-5, 1e-2),
    "wave_3d_10": (0.05, 1.0),
}
FLOORS = {
    "diffusion_1": 5,
    "diffusion_10": 10,
    "calcium_wave": 10,
    "circadian_1000": 30,
    "hh_ions": 5,
    "circadian_0d": 1,
    "diffusion_3d": 10,
    "diffusion_3d_dg": 7,
    "diffusion_3d_slow": 14,
    "calcium_wave_3d": 20,
    "wave_3d_10": 40,
    "voxelize_ca1": 75,
}
VOXELS = {name for name in FLOORS if "3d" in name or "voxel" in name}  # NEURON needs minutes for each
PEERS = [(bench.name, peer) for bench in benches() for peer in bench.peers if bench.name in LIMITS]


def marks(name, peer):
    """A comparison with NEURON needs it; one that takes minutes runs with the measurements only."""
    return [pytest.mark.bench if name in VOXELS else pytest.mark.slow] + [pytest.mark.neuron] * (peer == "neuron")


def test_every_bench_with_a_reference_has_a_limit():
    assert set(LIMITS) == {bench.name for bench in benches() if "reference" in bench.functions}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIMITS)
def test_our_answer_is_close_to_the_reference(name, tmp_path):
    lab = Lab(name, tmp_path)
    assert worst(differences(lab.measured("ours", 1)[-1].answer, lab.reference())) < LIMITS[name][0]


@pytest.mark.parametrize(("name", "peer"), [pytest.param(*pair, marks=marks(*pair)) for pair in PEERS])
def test_the_peer_computes_the_same_thing(name, peer, tmp_path):
    lab = Lab(name, tmp_path)
    try:
        measured = lab.measured(peer, 1)
    except PeerError as absent:
        pytest.skip(str(absent))
    assert worst(differences(measured[-1].answer, lab.reference())) < LIMITS[name][1]


@pytest.mark.bench
@pytest.mark.parametrize("name", FLOORS)
def test_ratio_of_times_at_no_larger_error(name):
    report = run(find(name))
    if report.absent:
        pytest.skip(report.absent)
    ratio = report.ratio()[0]
    if name in LIMITS and not report.is_sweep:
        ours, theirs = report.ours.errors()[0], report.theirs.errors()[0]
        if name in VOXELS and ours > theirs:  # both of second order: shorter steps by the root reach the peer's error
            ratio *= sqrt(theirs / ours)
        else:
            assert ours <= theirs
    assert ratio >= FLOORS[name]


@pytest.mark.bench
def test_setting_up_ten_thousand_segments_takes_less_than_a_second():
    """The one wish that is stated in seconds; the first process warms the cache of kernels."""
    assert run(find("setup_10000"), rounds=3, repeats=1).ours.headline.setup < 1


@pytest.mark.bench
def test_setting_up_two_hundred_thousand_voxels(tmp_path, monkeypatch):
    """Stated in seconds too: 10 with nothing compiled, 1.5 afterwards, for 4 species."""
    monkeypatch.setenv("MULTISCALE_CACHE", str(tmp_path / "cache"))
    lab = Lab("setup_3d", tmp_path)
    cold, *warm = [lab.measured("ours", 1)[0].setup for _ in range(4)]
    assert cold < 10
    assert min(warm) < 1.5
