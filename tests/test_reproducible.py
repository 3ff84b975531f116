"""The same model gives the same bytes: whatever the order of the script's lines, and whatever the hash seed."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import hashlib, random, sys
from pathlib import Path

from multiscale.electro.channels.hh import hh
from multiscale.electro.stimuli import IClamp
from multiscale.functions import sin, tanh
from multiscale.geometry import Cable
from multiscale.model import Model
from multiscale.processes import Flux, Rate, Reaction
from multiscale.regions import Bath, Layers, Membrane, Region
from multiscale.simulate import Simulation
from multiscale.species import Parameter, Species, State
from multiscale.symbols import distance, select, time
from multiscale.units import cm, mM, ms, uF, uM, um

shells, er = Layers("cyt", 2, fraction=0.8), Region("er", fraction=0.2, where=distance > 3 * um)
bath = Bath(ca=2 * mM, na=145 * mM)
plasma = Membrane("plasma", inside=shells, outside=bath, capacitance=1 * uF / cm**2)
speed, leak = Parameter("speed", 2 * uM / ms), Parameter("leak", 1e-3 / ms * (1 + distance / um))
inner, outer = shells[1], shells[0]
ca = Species("ca", (er, shells), d={er: 0.1 * um**2 / ms, shells: 0.2 * um**2 / ms}, z=2,
             initial={shells: select(distance < 4 * um, 2 * uM, 1 * uM), er: 200 * uM})
buf, cabuf = Species("buf", shells, initial=50 * uM), Species("cabuf", shells, initial=5 * uM)
gate = State("gate", inner, initial=0.3)
parts = [
    *([] if "small" in sys.argv else hh(plasma)),
    *[Reaction(f"binding{i}", ca[r] + buf[r], cabuf[r], 10 / mM / ms, 0.1 / ms) for i, r in enumerate(shells.regions)],
    Flux("serca", ca[inner], ca[er], speed * ca[inner] ** 2 / (ca[inner] ** 2 + 4 * uM**2)),
    Flux("leak", ca[er], ca[inner], leak * gate * (ca[er] - ca[inner]) * (1 + sin(time / ms) / 10)),
    Flux("out", ca[outer], ca[bath], 1e-3 * um / ms * (ca[outer] - 1e-3 * ca[bath]), membrane=plasma),
    Rate("gating", gate, (tanh(ca[inner] / uM) - gate) / ms),
]
random.Random(sys.argv[1]).shuffle(parts)
model = Model(*parts, name="repeat")
cable = Cable(10 * um, n=5)
clamps = [IClamp(cable(0.1), 20.0, name="b"), IClamp(cable(0.9), 10.0, start=0.05, name="a")]
if int(sys.argv[1]) % 2:
    clamps.reverse()
simulation = Simulation(model, cable, dt=0.025, stimuli=clamps)
simulation.run(0.25)
texts = [path.read_bytes() for path in sorted(Path(sys.argv[2]).glob("*.py"))]
print(model.hash)
print(hashlib.sha256(b"".join(texts)).hexdigest(), len(texts))
print(simulation.arrays.values.tobytes().hex())
print(",".join(simulation.solution.names))
print(simulation.solution["a.i"].values.tobytes().hex())
"""


def run(folder, order, seed, *size, **variables):
    environment = {**os.environ, "MULTISCALE_CACHE": str(folder), "PYTHONHASHSEED": seed, **variables}
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, order, str(folder), *size],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_order_and_hash_seed_do_not_matter(tmp_path):
    """Hash of the model, generated text, and every bit of the state; each run starts with an empty cache."""
    first = run(tmp_path / "a", "0", "1", NUMBA_DISABLE_JIT="1", MULTISCALE_EXPECT_WARM="0")
    for order, seed in (("0", "2"), ("1", "1"), ("2", "3"), ("3", "0")):
        folder = tmp_path / f"{order}-{seed}"
        assert run(folder, order, seed, NUMBA_DISABLE_JIT="1", MULTISCALE_EXPECT_WARM="0") == first
    assert first[3].split(",")[:2] == ["buf.cyt0", "buf.cyt1"]


@pytest.mark.slow
def test_compiled_runs_repeat_bit_for_bit(tmp_path):
    """The same with compiled kernels: the second script, in another order, finds those that the first one made."""
    first = run(tmp_path, "0", "1", "small", NUMBA_DISABLE_JIT="0", MULTISCALE_EXPECT_WARM="0")
    assert run(tmp_path, "5", "2", "small", NUMBA_DISABLE_JIT="0", MULTISCALE_EXPECT_WARM="1") == first
