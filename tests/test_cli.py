"""The command line: what it prints, where, and the exit code."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from multiscale import cli
from multiscale.solution import Solution


def test_run_hands_on_arguments_and_runs_as_main(tmp_path, capsys):
    script = tmp_path / "hello.py"
    (tmp_path / "beside.py").write_text("word = 'neighbour'")
    script.write_text(
        "import sys\nfrom beside import word\nif __name__ == '__main__':\n    print(word, sys.argv[1:], __file__)"
    )
    argv, path = list(sys.argv), list(sys.path)
    assert cli.main(["run", str(script), "--fast", "-x", "3"]) == 0
    assert capsys.readouterr().out.strip() == f"neighbour ['--fast', '-x', '3'] {script}"
    assert (sys.argv, sys.path) == (argv, path)


def test_run_tells_an_error_of_ours_in_one_sentence_with_the_line_of_the_script(tmp_path, capsys):
    script = tmp_path / "wrong.py"
    script.write_text(
        "from multiscale.errors import ModelError\n\ndef build():\n    raise ModelError('species x is odd')\nbuild()\n"
    )
    assert cli.main(["run", str(script)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"multiscale: {script}, line 4: species x is odd\n"


def test_run_leaves_other_errors_as_they_are(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", str(script)])


def test_run_keeps_the_exit_code_of_the_script(tmp_path):
    script = tmp_path / "leaves.py"
    script.write_text("raise SystemExit(7)")
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", str(script)])
    assert stop.value.code == 7


def test_interrupting_a_script_is_no_traceback(tmp_path, capsys):
    script = tmp_path / "waits.py"
    script.write_text("raise KeyboardInterrupt")
    assert cli.main(["run", str(script)]) == 130
    assert capsys.readouterr().err == "multiscale: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["run", "no_such_script.py"],
            "script 'no_such_script.py' does not exist, expected a Python file; check the path",
        ),
        (
            ["info", "picture.png"],
            "file 'picture.png' has extension '.png', expected .swc, .asc, .csv, .nc, .zarr; give another file",
        ),
        (["info", "no_such_run.nc"], "netCDF file 'no_such_run.nc' does not exist; check the path"),
    ],
)
def test_a_missing_or_strange_file_is_one_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"multiscale: {sentence}\n"


def test_run_refuses_a_folder(tmp_path, capsys):
    assert cli.main(["run", str(tmp_path)]) == 2
    assert "is a folder, expected a Python file" in capsys.readouterr().err


def test_info_tells_what_a_run_was(tmp_path, capsys):
    times = np.linspace(0, 3, 4)
    sol = Solution.from_arrays(times, {"ca.cyt": times**2}, {"ca.cyt": "mM"}, attrs={"model_hash": "abc", "seed": 5})
    sol.to_netcdf(tmp_path / "run.nc")
    assert cli.main(["info", str(tmp_path / "run.nc")]) == 0
    out = capsys.readouterr().out
    assert "4 times from 0 to 3 ms" in out
    assert "ca.cyt: 0 to 9 mM" in out
    assert "model_hash: abc" in out
    assert "seed: 5" in out


def test_info_describes_a_morphology(tmp_path, capsys):
    cell = tmp_path / "cell.swc"
    cell.write_text("1 1 0 0 0 5 -1\n2 3 10 0 0 1 1\n3 3 110 0 0 1 2\n")
    assert cli.main(["info", str(cell)]) == 0
    out = capsys.readouterr().out
    assert "soma" in out
    assert "basal" in out


def test_info_passes_on_what_is_wrong_with_a_morphology(tmp_path, capsys):
    cell = tmp_path / "cell.swc"
    cell.write_text("1 1 0 0 zero 5 -1\n")
    assert cli.main(["info", str(cell)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "cell.swc" in err


def test_bench_is_loaded_only_when_it_is_asked_for(monkeypatch, capsys):
    calls = []
    fake = SimpleNamespace(main=lambda name, peer, as_json: calls.append((name, peer, as_json)) or 3)
    monkeypatch.setattr(cli, "import_module", lambda name: fake if name == "multiscale.bench.command" else None)
    assert cli.main(["bench", "calcium_wave", "--peer", "neuron", "--json"]) == 3
    assert cli.main(["bench", "list"]) == 3
    assert calls == [("calcium_wave", "neuron", True), ("list", None, False)]


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--version"], 0), ([], 2), (["fly"], 2), (["bench", "x", "--peer", "y"], 2)]
)
def test_argparse_answers(arguments, code, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == code
    out, err = capsys.readouterr()
    assert out.startswith("multiscale ") if code == 0 else "usage" in err


def test_starting_the_command_is_light():
    """Help and errors must come at once: nothing heavy is imported for them."""
    code = (
        "import sys; from multiscale import cli; print([m for m in ('numpy', 'xarray', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
