"""The command finds its benches, copes without peers, and prints valid JSON."""

import ast
import json
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from multiscale.bench.command import CASES, ROUNDS, benches, choose_peer, find, main, run
from multiscale.bench.compare import Side
from multiscale.bench.measure import Measured, PeerError
from multiscale.bench.peers import load_neuron, load_roadrunner
from multiscale.bench.report import Report, as_line, as_text
from multiscale.bench.worker import Lab
from multiscale.errors import ModelError, SolverError

NOTHING = Side((), {})


def made(seconds, value, version="multiscale 1"):
    return Measured(version, "dt 1", 0.5, tuple(seconds), 1000, {"c (mM)": np.array([value])})


def report(theirs=(), baseline=(), absent="", reference=None):
    reference = {} if reference is None else reference
    ours = Side((made([0.01, 0.02], 1.0),), reference)
    return Report("b", "a title", "neuron", absent, ours, Side(tuple(theirs), reference), Side(tuple(baseline), {}))


def test_every_file_of_the_folder_is_a_bench():
    assert [bench.name for bench in benches()] == sorted(
        path.stem for path in CASES.glob("*.py") if path.stem[0] != "_"
    )
    for bench in benches():
        assert "ours" in bench.functions
        assert len(bench.title) > 20
        docstring = ast.get_docstring(ast.parse((CASES / f"{bench.name}.py").read_text(encoding="utf-8")))
        assert "ccuracy" in docstring or "error" in docstring


def test_an_unknown_bench_is_refused_with_the_list():
    with pytest.raises(
        ModelError, match=r"bench 'diffusoin' does not exist; expected one of calcium_wave, .*diffusion_1"
    ):
        find("diffusoin")


def test_an_unknown_peer_is_refused_with_the_list():
    with pytest.raises(
        ModelError, match=r"bench 'circadian_0d' has no peer 'neuron'; expected one of roadrunner, or 'none'"
    ):
        choose_peer(find("circadian_0d"), "neuron")


def test_the_peer_is_the_benchs_own_unless_one_is_asked_for():
    assert choose_peer(find("circadian_0d"), None) == "roadrunner"
    assert choose_peer(find("diffusion_1"), "") == "neuron"
    assert choose_peer(find("diffusion_1"), "neuron") == "neuron"
    assert choose_peer(find("diffusion_1"), "none") == ""
    assert choose_peer(find("setup_10000"), None) == ""


@pytest.mark.parametrize(
    ("module", "load", "package"),
    [("neuron", lambda: load_neuron(reactions=False), "neuron"), ("roadrunner", load_roadrunner, "libroadrunner")],
)
def test_an_absent_peer_is_one_sentence_that_says_how_to_install_it(monkeypatch, module, load, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PeerError, match=rf"peer '{module}' is not installed.*run `pip install {package}`"):
        load()


def test_a_missing_compiler_is_one_sentence(monkeypatch):
    fake = ModuleType("neuron")
    fake.h = fake.rxd = object()
    monkeypatch.setitem(sys.modules, "neuron", fake)
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(PeerError, match=r"no C\+\+ compiler 'no-such-compiler', .*install g\+\+ or set CXX"):
        load_neuron(reactions=True)


def test_a_process_that_fails_is_one_sentence_with_its_last_line(tmp_path):
    with pytest.raises(SolverError, match=r"the process of 'nobody' ended with status 1.*'nobody'"):
        Lab("diffusion_1", tmp_path).measured("nobody", 1)


def test_a_reference_crosses_the_process_border_bit_for_bit(tmp_path):
    from multiscale.bench.cases import diffusion_1

    got, expected = Lab("diffusion_1", tmp_path).reference(), diffusion_1.reference()
    assert got.keys() == expected.keys()
    assert all(np.array_equal(got[name], expected[name]) for name in expected)


def test_json_of_a_report_is_valid_and_complete():
    theirs = [made([0.1, 0.1], 1.5, "neuron 9")]
    line = json.dumps(
        as_line(report(theirs, [made([0.05], 0)], reference={"c (mM)": np.array([2.0])})), allow_nan=False
    )
    values = json.loads(line)
    assert "\n" not in line
    assert values["ratio"]["minimum"] == pytest.approx(10)
    assert values["ratio_without_baseline"]["minimum"] == pytest.approx(5)
    assert values["difference"]["c (mM)"] == {"absolute": 0.5, "relative": pytest.approx(1 / 3)}
    assert values["ours"][0]["error"]["c (mM)"]["relative"] == 0.5
    assert values["theirs"][0]["version"] == "neuron 9"
    assert values["machine"]["numpy"]


def test_json_has_null_where_there_is_no_number():
    values = as_line(report([made([0.1], np.inf)]))
    assert values["difference"]["c (mM)"]["absolute"] is None
    json.dumps(values, allow_nan=False)


def test_text_of_a_report():
    text = as_text(
        report([made([0.1, 0.1], 1.5, "neuron 9")], [made([0.05], 0)], reference={"c (mM)": np.array([2.0])})
    )
    assert text.startswith("b: a title")
    assert "multiscale 1, dt 1: 10.000 ms minimum, 15.000 ms median of 2 runs, 10000.00 ns an update" in text
    assert "neuron / ours: 10.00 (minimum)" in text
    assert "without neuron's unasked work: 5.00 (minimum)" in text
    assert "largest difference: 0.5 in c (mM), 0.33 of its largest value" in text
    assert "neuron 9, dt 1: largest error: 0.5 in c (mM), 0.25 of its largest value" in text


def test_a_note_stands_below_the_times_and_in_json():
    ours = Side((replace(made([0.01], 1.0), note="4 voxels"),), {})
    noted = Report("b", "a title", "", "", ours, NOTHING, NOTHING)
    assert as_text(noted).splitlines()[2] == "    4 voxels"
    assert as_line(noted)["ours"][0]["note"] == "4 voxels"


def test_unlike_numbers_of_updates_are_compared_by_the_time_of_one():
    theirs = replace(made([0.1], 1.0, "neuron 9"), updates=500)
    assert "neuron / ours, each a time of one update: 20.00 (minimum)" in as_text(report([theirs]))


def test_a_bench_says_how_many_processes_it_wants():
    assert find("calcium_wave_3d").rounds == 1
    assert find("calcium_wave").rounds == ROUNDS


def test_text_of_an_absent_peer_keeps_our_figures():
    text = as_text(report(absent="peer 'neuron' is not installed"))
    assert "10.000 ms minimum" in text
    assert "peer 'neuron' is not installed" in text
    assert "ratio" not in text
    assert as_line(report(absent="away"))["ratio"] is None


def test_our_side_is_measured_without_a_peer():
    found = run(find("diffusion_10"), "none", rounds=1, repeats=1)
    assert found.theirs.measured == ()
    assert found.ratio() is None
    assert found.ours.headline.minimum > 0
    assert found.ours.headline.answer["concentration (mM)"].shape == (10, 1001)
    assert found.ours.errors()[0] < 1e-5


def test_the_list_names_every_bench_with_its_title(capsys):
    assert main("list") == 0
    assert "diffusion_1: Diffusion of 1 species" in capsys.readouterr().out
    main("list", as_json=True)
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == [b.name for b in benches()]


@pytest.mark.slow
def test_the_command_prints_one_line_of_json_without_a_peer(capsys):
    assert main("diffusion_1", "none", True) == 0
    (line,) = capsys.readouterr().out.splitlines()
    values = json.loads(line)
    assert values["bench"] == "diffusion_1"
    assert values["ratio"] is None
    assert len(values["ours"][0]["seconds"]) == 6
