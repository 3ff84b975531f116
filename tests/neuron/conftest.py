"""Running NEURON: every model in a process of its own, whose global state ends with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PEERS = Path(__file__).with_name("peers.py")


@pytest.fixture(scope="module")
def neuron(tmp_path_factory):
    """``neuron("hh_axon", dt=0.025)``: arrays by name from a function of `peers.py`; each request is computed once."""
    known = {}

    def ask(model, **values):
        request = (model, json.dumps(values, sort_keys=True))
        if request not in known:
            folder = tmp_path_factory.mktemp("neuron")  # rxd writes its generated code into the working directory
            done = subprocess.run(
                [sys.executable, str(PEERS), model, "answer.npz", request[1]],
                cwd=folder,
                env={**os.environ, "NEURON_MODULE_OPTIONS": "-nogui", "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, f"{model}: {done.stdout[-500:]}{done.stderr[-2000:]}"
            with np.load(folder / "answer.npz") as arrays:
                known[request] = dict(arrays)
        return known[request]

    return ask
