"""What every test gets: figures without a screen, repeatable random examples, and skips for what this machine lacks."""

import os
import shutil
from importlib.util import find_spec

os.environ["MPLBACKEND"] = "Agg"  # read by matplotlib when it is first imported, also in subprocesses

import hypothesis
import pytest

# No deadline: the first example of a kernel test compiles. Derandomized: the same run twice is the same run.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("repeatable")


def lacking(marker: str) -> str:
    """Why tests with this marker cannot run here; an empty string when they can."""
    if marker == "neuron" and find_spec("neuron") is None:
        return "needs NEURON: pip install 'multiscale-rxd[neuron]'"
    if marker == "mpi" and (find_spec("mpi4py") is None or shutil.which("mpiexec") is None):
        return "needs mpi4py and mpiexec: pip install 'multiscale-rxd[mpi]'"
    if marker == "gpu":
        from numba import cuda

        if not cuda.is_available():
            return "needs a CUDA device"
    return ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips, with the reason, what cannot run here, and measurements that were not asked for."""
    present = {mark.name for item in items for mark in item.iter_markers()}
    reasons = {marker: lacking(marker) for marker in ("neuron", "mpi", "gpu") if marker in present}
    if "bench" not in config.getoption("markexpr"):
        reasons["bench"] = "a measurement: run with -m bench"
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
