"""Calcium enters through L-type channels into a dendrite cut in concentric shells, and meets a mobile buffer.

Headline number: peak of calcium under the membrane divided by its peak at the core.
"""

from pathlib import Path

import numpy as np

from multiscale import Bath, Cable, Flux, Layers, Membrane, Model, Parameter, Reaction, Species, VClamp, plot, simulate
from multiscale.electro.channels.cal import cal
from multiscale.units import celsius, cm, mM, ms, mV, nM, ohm, s, uF, uM, um

shells = Layers("cyt", (1.0, 0.9, 0.8, 0.6, 0.3, 0.0))
bath = Bath(ca=2 * mM)
plasma = Membrane(
    "plasma",
    inside=shells.outer,
    outside=bath,
    capacitance=1 * uF / cm**2,
    resistivity=100 * ohm * cm,
    initial=-65 * mV,
    temperature=celsius(35),
)
on, off = Parameter("on", 0.1 / uM / ms), Parameter("off", 0.02 / ms)
rest, total = 50 * nM, 100 * uM
bound = total * rest / (rest + 0.2 * uM)
ca = Species("ca", shells, d=0.22 * um**2 / ms, z=2, initial=rest)
free = Species("buf", shells, d=0.05 * um**2 / ms, initial=total - bound)
complexed = Species("cabuf", shells, d=0.05 * um**2 / ms, initial=bound)
pump = Parameter("pump", 20 * um / s)
outer = ca[shells.outer]
model = Model(
    *cal(plasma, ca=ca, pbar=2e-5 * cm / s),
    *[Reaction(f"binding_{i}", ca[r] + free[r], complexed[r], on, off) for i, r in enumerate(shells.regions)],
    Flux("pmca", outer, ca[bath], pump * (outer - rest), membrane=plasma),
    name="calcium entry into shells",
)


def main(out: Path) -> float:
    """Clamp to 0 mV for 20 ms, draw the shells, and return the ratio of the peaks."""
    out.mkdir(parents=True, exist_ok=True)
    cable = Cable(20 * um, diameter=2 * um, n=5)
    clamp = VClamp(cable(0.5), ((10 * ms, -65 * mV), (20 * ms, 0 * mV), (70 * ms, -65 * mV)))
    solution = simulate(model, cable, 100 * ms, dt=0.025 * ms, every=0.25 * ms, stimuli=[clamp])
    names = [f"ca.{r.name}" for r in shells.regions]
    plot.traces(*[solution[name].isel(node=2) for name in names], labels=names).savefig(
        out / "calcium_entry_shells.png", dpi=150
    )
    peaks = [float(np.max(solution[name].values[:, 2])) for name in names]
    return peaks[0] / peaks[-1]


if __name__ == "__main__":
    print(f"calcium entry: peak under the membrane / peak at the core = {main(Path('out')):.2f}")
