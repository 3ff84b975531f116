"""A second run of a script compiles nothing: no kernel, no solver, no new file in the cache."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
from multiscale.geometry import Cable, Point
from multiscale.model import Model
from multiscale.processes import Current, Rate
from multiscale.regions import Membrane, Region
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.simulate import simulate
from multiscale.species import Species

cell = Region("cell")
plasma = Membrane("plasma", inside=cell, capacitance=0.01)
a = Species("a", cell, d=1.0, initial=1.0)
model = Model(Rate("decay", a[cell], -0.1 * a[cell] ** 2), Current("leak", None, plasma, 1e-3 * (plasma.v + 60.0)))
on_a_tree = simulate(model, Cable(10.0, n=5), 1.0, dt=0.1)
adaptive = simulate(model, Point(), 1.0, stepper=Adaptive(1e-6))
print(on_a_tree["a.cell"].values[-1].tobytes().hex(), float(adaptive["a.cell"].values[-1]).hex())
"""


def run(folder, **variables):
    """The script in a process of its own: its output, and its error output."""
    environment = {k: v for k, v in os.environ.items() if k != "MULTISCALE_EXPECT_WARM"}
    environment |= {"MULTISCALE_CACHE": str(folder), **variables}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def files(folder):
    """Name → time and size of every file; caches of Python itself (*.pyc) do not count."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            found[str(path.relative_to(folder))] = (path.stat().st_mtime_ns, path.stat().st_size)
    return found


@pytest.mark.slow
def test_the_second_run_compiles_nothing(tmp_path):
    code, first, message = run(tmp_path)
    assert code == 0, message
    before = files(tmp_path)
    assert any(name.endswith(".key") for name in before)
    assert any(name.endswith(".nbc") for name in before)  # what numba compiled
    code, second, message = run(tmp_path, MULTISCALE_EXPECT_WARM="1")
    assert code == 0, message
    assert second == first
    assert files(tmp_path) == before


def test_a_cold_run_with_warm_kernels_required_is_refused(tmp_path):
    """The switch that the test above relies on."""
    code, _, message = run(tmp_path, MULTISCALE_EXPECT_WARM="1", NUMBA_DISABLE_JIT="1")
    assert code != 0
    assert message.splitlines()[-1].startswith(
        "multiscale.errors.CompileError: kernel: MULTISCALE_EXPECT_WARM=1 is set"
    )
    assert message.splitlines()[-1].endswith("run it once without the variable")


def test_a_touched_file_is_made_anew(tmp_path):
    """Generated code that is not what its name says is never run."""
    code, first, message = run(tmp_path, NUMBA_DISABLE_JIT="1")
    assert code == 0, message
    before = {path.name: path.read_text() for path in tmp_path.glob("*.py")}
    for path in tmp_path.glob("*.py"):
        path.write_text(path.read_text() + "\nraise SystemExit('touched')\n")
    code, second, message = run(tmp_path, NUMBA_DISABLE_JIT="1")
    assert code == 0, message
    assert second == first
    assert {path.name: path.read_text() for path in tmp_path.glob("*.py")} == before
