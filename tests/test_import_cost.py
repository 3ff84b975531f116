"""What `import multiscale` costs: nothing heavy is loaded before a name that needs it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

HEAVY = ("numpy", "sympy", "numba", "scipy", "xarray", "pandas", "h5py", "matplotlib", "PIL", "tqdm")
UPPER_FLOORS = {"voxelize", "rxd", "electro", "export", "solution", "plot", "simulate", "bench", "cli"}


def fresh(code: str) -> str:
    """Runs code in a new interpreter, outside the repository, with warnings as errors, and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd=Path(sys.prefix)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_light():
    """The count is the hard rule; the time is a limit for people, taken as the best of three."""
    code = (
        "import sys, time; start = time.perf_counter(); import multiscale; end = time.perf_counter();"
        f"print(end - start, [m for m in {HEAVY} if m in sys.modules])"
    )
    runs = [fresh(code).split(" ", 1) for _ in range(3)]
    assert [loaded for _, loaded in runs] == ["[]"] * 3
    assert min(float(seconds) for seconds, _ in runs) < 0.3


def test_model_layer_does_not_load_the_upper_floors():
    code = (
        "import sys, multiscale.model;"
        "print(sorted({m.split('.')[1] for m in sys.modules if m.startswith('multiscale.')}),"
        "[m for m in ('numba', 'scipy', 'xarray', 'pandas', 'h5py', 'matplotlib') if m in sys.modules])"
    )
    rooms, loaded = fresh(code).split("] [")
    assert "[" + loaded == "[]"
    assert not set(ast.literal_eval(rooms + "]")) & UPPER_FLOORS


def test_every_public_name_resolves_in_a_fresh_interpreter():
    code = (
        "import multiscale;"
        "assert sorted(set(multiscale.__all__)) == sorted(multiscale.__all__), 'a name stands twice in __all__';"
        "assert set(multiscale.__all__) <= set(dir(multiscale));"
        "[getattr(multiscale, name) for name in multiscale.__all__];"
        "print(len(multiscale.__all__))"
    )
    assert int(fresh(code)) > 0


def test_an_unknown_public_name_is_an_attribute_error():
    code = "import multiscale\ntry:\n    multiscale.no_such_name\nexcept AttributeError as error:\n    print(error)"
    assert "no_such_name" in fresh(code)
