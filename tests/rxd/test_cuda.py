"""The CUDA target without a GPU: the simulator against the CPU's result, with the same printed body."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba.cuda")

SCRIPT = Path(__file__).parents[1] / "data" / "cuda_against_cpu.py"


def test_kernels_in_the_simulator_equal_the_cpu(tmp_path):
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "MULTISCALE_CACHE": str(tmp_path)}
    environment.pop("MULTISCALE_EXPECT_WARM", None)
    environment.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    largest = float(done.stdout.split()[-1])
    # the CPU's exp is the printed polynomial, CUDA's is libm's: one ulp each, carried through one step
    assert largest < 1e-13
