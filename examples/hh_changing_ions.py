"""A squid axon in which sodium and potassium change: Hodgkin-Huxley currents move ions, a Na/K pump brings them back.

Headline number: potassium that one spike brings into the space around the axon, in uM (Frankenhaeuser and Hodgkin
1956, J. Physiol. 131, 341, found 1.6 mM a spike in a space of 30 nm; here the space is wider).
"""

from pathlib import Path

import numpy as np

from multiscale import Cable, IClamp, Membrane, Model, Region, Shell, Species, plot, simulate
from multiscale.electro.channels.hh import hh
from multiscale.electro.channels.nakatpase import nakatpase
from multiscale.units import cm, mM, ms, mV, nA, ohm, uF, um

axoplasm = Region("cyt")
space = Region("space", shell=Shell(1.0, 1.1))  # periaxonal space: a sleeve of a tenth of the radius
axon = Membrane(
    "axon", inside=axoplasm, outside=space, capacitance=1 * uF / cm**2, resistivity=35.4 * ohm * cm, initial=-65 * mV
)
na = Species("na", (axoplasm, space), d=1.33 * um**2 / ms, z=1, initial={axoplasm: 50 * mM, space: 437 * mM})
k = Species("k", (axoplasm, space), d=1.96 * um**2 / ms, z=1, initial={axoplasm: 400 * mM, space: 20.1 * mM})
model = Model(*hh(axon, na=na, k=k), *nakatpase(axon, na, k), name="axon with changing ions")


def main(out: Path) -> float:
    """Run 20 ms with one spike, draw it, and return the rise of potassium outside in uM."""
    out.mkdir(parents=True, exist_ok=True)
    cable = Cable(1000 * um, diameter=1 * um, n=101)
    pulse = IClamp(cable(0), 0.3 * nA, start=1 * ms, duration=1 * ms)
    record = [axon.v, k[space], na[axoplasm]]
    solution = simulate(model, cable, 20 * ms, dt=0.025 * ms, every=0.1 * ms, stimuli=[pulse], record=record)
    plot.traces(solution["v"], nodes=[0, 50, 100]).savefig(out / "hh_changing_ions_v.png", dpi=150)
    plot.traces(solution["k.space"], nodes=[0, 50, 100]).savefig(out / "hh_changing_ions_k.png", dpi=150)
    middle = solution["k.space"].values[:, 50]
    return float(1000.0 * (np.max(middle) - middle[0]))


if __name__ == "__main__":
    print(f"axon: potassium around it rises by {main(Path('out')):.1f} uM in a spike")
