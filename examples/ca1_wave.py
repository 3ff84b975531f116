"""A calcium wave through a reconstructed CA1 pyramidal neuron with active membranes.

Sodium, potassium and calcium channels make the cell fire when current enters the soma; calcium that comes in through
L-type channels, and IP3, made after 300 ms in the apical trunk, start a wave of calcium release from the ER.

Cell: rat CA1 neuron n120, Turner archive, NeuroMorpho.Org; Pyapali et al. (1998), J. Comp. Neurol. 391, 335.
Headline number: path length of dendrite, in um, in which calcium has passed 5 uM after 2.5 s.
"""

from pathlib import Path

import numpy as np

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
    plot,
    simulate,
)
from multiscale.electro.channels.cal import cal
from multiscale.electro.channels.hh import hh
from multiscale.functions import exp, select
from multiscale.symbols import distance, tag, time
from multiscale.units import cm, mM, ms, mV, nA, nM, ohm, s, uF, uM, um
from multiscale.voxelize.readers import example_morphology, read_morphology

cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
plasma = Membrane(
    "plasma",
    inside=cyt,
    outside=Bath(ca=2 * mM),
    capacitance=1 * uF / cm**2,
    resistivity=150 * ohm * cm,
    initial=-65 * mV,
)
ca = Species("ca", (cyt, er), d=60 * um**2 / s, z=2, initial={cyt: 50 * nM, er: 250 * uM})
ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.05 * uM)
h = State("h", cyt, initial=0.89)

g_ip3r, v_serca = Parameter("g_ip3r", 20 / s), Parameter("v_serca", 80 * uM / s)
v_pmca, production = Parameter("v_pmca", 1.0 * uM * um / s), Parameter("ip3_production", 2 * uM / s)
apical_trunk = tag("apical") & (distance > 20 * um) & (distance < 120 * um)
gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
model = Model(
    *hh(plasma),
    *cal(plasma, ca=ca, where=tag("apical") | tag("basal")),
    Flux("ip3r", ca[er], ca[cyt], (g_ip3r * gate**3 + 0.002 / s) * (ca[er] - ca[cyt])),
    Flux("serca", ca[cyt], ca[er], v_serca * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Flux("pmca", ca[cyt], ca[plasma.outside], v_pmca * ca[cyt] / (ca[cyt] + 1 * uM), membrane=plasma),
    Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
    Rate(
        "ip3_synthesis",
        ip3[cyt],
        select(time > 300 * ms, production * exp(-(time - 300 * ms) / (400 * ms)), 0 * uM / s),
        where=apical_trunk,
    ),
    Rate("ip3_loss", ip3[cyt], -(ip3[cyt] - 0.05 * uM) / (5 * s)),
    name="CA1 calcium wave",
)


def main(out: Path) -> float:
    """Run 2.5 s, write pictures and data into `out`, and return the path length that the wave has covered."""
    out.mkdir(parents=True, exist_ok=True)
    cell = read_morphology(example_morphology("ca1_n120.swc")).with_segments(MaxLength(5 * um))
    pulses = [IClamp(cell.soma(0.5), 1.0 * nA, start=50 * ms, duration=100 * ms)]
    solution = simulate(
        model,
        cell,
        2.5 * s,
        dt=0.1 * ms,
        every=10 * ms,
        stimuli=pulses,
        record=[plasma.v, ca[cyt], ip3[cyt]],
        progress=True,
    )
    solution.to_netcdf(out / "ca1_wave.nc")
    calcium = solution["ca.cyt"]
    plot.shape(calcium.sel(time=1500, method="nearest")).savefig(out / "ca1_wave.png", dpi=150)
    plot.kymograph(calcium).savefig(out / "ca1_wave_kymograph.png", dpi=150)
    plot.animate(calcium, out / "ca1_wave.gif")
    reached = calcium.values.max(axis=0) > 5e-3
    return (
        float(np.sum(calcium["length"].values[reached])) if "length" in calcium.coords else float(reached.sum() * 5.0)
    )


if __name__ == "__main__":
    print(f"CA1: calcium passed 5 uM in {main(Path('out')):.0f} um of dendrite; pictures and data are in out/")
