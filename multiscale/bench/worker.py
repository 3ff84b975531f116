"""One side of one bench in a process of its own: ``python -m multiscale.bench.worker BENCH FUNCTION REPEATS FILE``.

The answer goes to FILE as JSON, because programs that are measured print what they like. ``Lab`` starts such
processes; they stay in the caller's process group.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured, PeerError
from multiscale.errors import SolverError

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
ONE_THREAD = {"MULTISCALE_THREADS": "1", **dict.fromkeys((f"{name}_NUM_THREADS" for name in THREADS), "1")}


@dataclass(frozen=True)
class Lab:
    """Runs the functions of one bench, each in a fresh process with one thread.

    Args:
        bench: name of the bench.
        folder: an empty folder; the processes work in it, because NEURON writes and loads files where it stands.
    """

    bench: str
    folder: Path

    def measured(self, function: str, repeats: int) -> list[Measured]:
        """Run ``ours`` or a peer's function; raises PeerError with the worker's sentence, or SolverError."""
        return [Measured.from_dict(values) for values in self._call(function, repeats)]

    def reference(self) -> dict[str, NDArray[np.float64]]:
        """Run ``reference``, the converged answer."""
        return {name: np.asarray(values, dtype=float) for name, values in self._call("reference", 0).items()}

    def _call(self, function: str, repeats: int) -> Any:
        file = self.folder / f"{function}.json"
        file.unlink(missing_ok=True)
        package = str(Path(__file__).parents[2])  # found from the folder too when multiscale is not installed
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, "-m", "multiscale.bench.worker", self.bench, function, str(repeats), str(file)],
            cwd=self.folder,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path, "NEURON_MODULE_OPTIONS": "-nogui"},
            capture_output=True,
            text=True,
            check=False,
        )
        result = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if "unavailable" in result:
            raise PeerError(result["unavailable"])
        if done.returncode or "value" not in result:
            last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            raise SolverError(
                f"bench '{self.bench}': the process of '{function}' ended with status {done.returncode}, expected 0; "
                f"its last line: {last}"
            )
        return result["value"]


def main(arguments: Sequence[str]) -> int:
    """Run one function of one bench and write what it returns."""
    bench, function, repeats, file = arguments
    case = importlib.import_module(f"multiscale.bench.cases.{bench}")
    result: dict[str, Any]
    try:
        if function == "reference":
            result = {"value": {name: values.tolist() for name, values in case.reference().items()}}
        else:
            result = {"value": [one.to_dict() for one in getattr(case, function)(int(repeats))]}
    except PeerError as absent:
        result = {"unavailable": str(absent)}
    Path(file).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # at once: NEURON aborts where it takes the voxels apart that it has made
