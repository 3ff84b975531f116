"""A calcium wave through a reconstructed CA1 pyramidal neuron with active membranes.

Current into the soma makes the cell fire; each spike lets a little calcium in through L-type channels of the dendrites.
At 300 ms a flash frees caged calcium in a stretch of the apical trunk, and from there a wave of calcium release from
the ER travels into the branches and towards the soma; IP3 stands at the level that a steady agonist keeps.

Cell: rat CA1 neuron n120, Turner archive, NeuroMorpho.Org; Pyapali et al. (1998), J. Comp. Neurol. 391, 335.
Headline number: speed of the wave along the apical trunk from 120 to 220 um from the soma, in um/s.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from multiscale import (
    Bath,
    Flux,
    IClamp,
    MaxLength,
    Membrane,
    Model,
    Parameter,
    Rate,
    Region,
    Species,
    State,
    example_morphology,
    plot,
    read_morphology,
    simulate,
)
from multiscale.electro.channels.cal import cal
from multiscale.electro.channels.k import k
from multiscale.electro.channels.na import na
from multiscale.electro.channels.passive import passive
from multiscale.functions import select
from multiscale.symbols import distance, tag, time
from multiscale.units import S, celsius, cm, mM, ms, mV, nA, ohm, s, uF, uM, um

cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
plasma = Membrane(
    "plasma", inside=cyt, outside=Bath(ca=2 * mM), capacitance=1 * uF / cm**2, resistivity=150 * ohm * cm,
    initial=-70 * mV, temperature=celsius(35),
)  # fmt: skip
ca = Species("ca", (cyt, er), d=60 * um**2 / s, z=2, initial={cyt: 0.1 * uM, er: 250 * uM})
ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.3 * uM)
h = State("h", cyt, initial=0.8)

dendrites = tag("apical") | tag("basal")
trunk = tag("apical") & (distance > 60 * um) & (distance < 90 * um)
flash = select((time > 300 * ms) & (time < 320 * ms), 150 * uM / s, 0 * uM / s)
leak, release, v_serca = Parameter("leak", 0.06 / s), Parameter("release", 20 / s), Parameter("v_serca", 80 * uM / s)
gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
model = Model(
    *na(plasma, gbar=0.05 * S / cm**2),
    *k(plasma, gbar=0.005 * S / cm**2),
    *passive(plasma, g=1 / 15000 * S / cm**2, e=-70 * mV),
    *cal(plasma, ca=ca, pbar=4e-7 * cm / s, where=dendrites),
    Flux("ip3r", ca[er], ca[cyt], (release * gate**3 + leak) * (ca[er] - ca[cyt])),
    Flux("serca", ca[cyt], ca[er], v_serca * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Flux(
        "pmca",
        ca[cyt],
        ca[plasma.outside],
        2 * uM * um / s * (ca[cyt] - 0.1 * uM) / (ca[cyt] + 1 * uM),
        membrane=plasma,
    ),
    Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
    Rate("flash", ca[cyt], flash, where=trunk),
    name="CA1 calcium wave",
)


def speed(calcium: xr.DataArray) -> float:
    """Speed between 120 and 220 um from the soma, um/s: from the first passage of 2 uM at apical nodes there."""

    def arrival(place: float) -> float:
        near = (np.abs(calcium["distance"].values - place) < 3) & (calcium["tag"].values == 4)
        trace = calcium.values[:, near].max(axis=1)
        k = int(np.argmax(trace > 2e-3))
        share = (2e-3 - trace[k - 1]) / (trace[k] - trace[k - 1])
        return float(
            calcium["time"].values[k - 1] + share * (calcium["time"].values[k] - calcium["time"].values[k - 1])
        )

    return 100.0 / (arrival(220.0) - arrival(120.0)) * 1000.0


def main(out: Path) -> float:
    """Run 2.5 s, write pictures and data into `out`, and return the speed of the wave in um/s."""
    out.mkdir(parents=True, exist_ok=True)
    cell = read_morphology(example_morphology("ca1_n120.swc")).with_segments(MaxLength(2 * um))
    pulses = [IClamp(cell.soma(0.5), 0.6 * nA, start=50 * ms, duration=100 * ms)]
    record = [plasma.v, ca[cyt], ca[er]]
    solution = simulate(
        model, cell, 2.5 * s, dt=0.1 * ms, every=10 * ms, stimuli=pulses, record=record, progress=True
    )  # fmt: skip
    solution.to_netcdf(out / "ca1_wave.nc")
    calcium = solution["ca.cyt"]
    plot.shape(calcium.sel(time=2300, method="nearest")).savefig(out / "ca1_wave.png", dpi=150)
    plot.kymograph(calcium).savefig(out / "ca1_wave_kymograph.png", dpi=150)
    plot.animate(calcium, out / "ca1_wave.gif")
    return speed(calcium)


if __name__ == "__main__":
    print(f"CA1: the wave runs at {main(Path('out')):.0f} um/s; pictures and data are in out/")
