"""Five action potentials of a CA1 pyramidal cell: voxels within 30 um of the soma's middle, 1-D cables beyond.

Spikes at 100 Hz open calcium channels all over the cell. Dendrites are so thin that calcium is the same all across; in
the soma it stays for tens of milliseconds in the outer two micrometres, because calcium-binding proteins slow it down
some sevenfold. The line scan shows what a scanning microscope would: steps at the edge, and a core that hardly notices.

Cell: rat CA1 neuron c91662, Amaral archive, NeuroMorpho.Org; its three-point soma is a cylinder with closed ends.
Headline number: calcium below the membrane of the soma / mean of the soma, 18 ms after the last spike.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from multiscale import (
    Bath,
    Flux,
    IClamp,
    Line,
    Location,
    MaxLength,
    Membrane,
    Mixed,
    Model,
    Parameter,
    Reaction,
    Region,
    Solution,
    Species,
    example_morphology,
    plot,
    read_morphology,
    simulate,
)
from multiscale.electro.channels.cal import cal
from multiscale.electro.channels.k import k
from multiscale.electro.channels.na import na
from multiscale.electro.channels.passive import passive
from multiscale.symbols import tag
from multiscale.units import S, celsius, cm, mM, ms, mV, nA, ohm, s, uF, uM, um

REST, TOTAL, AFFINITY = 0.05 * uM, 100 * uM, 1 * uM
MIDDLE = Location("soma", 0.5)
ACROSS = Line((-8.75, 0.25, 0.25), (8.75, 0.25, 0.25))  # um, through the middle of the soma

cyt = Region("cyt")
plasma = Membrane(
    "plasma", inside=cyt, outside=Bath(ca=2 * mM), capacitance=1 * uF / cm**2, resistivity=150 * ohm * cm,
    initial=-70 * mV, temperature=celsius(35),
)  # fmt: skip
bound = TOTAL * REST / (REST + AFFINITY)
ca = Species("ca", cyt, d=0.22 * um**2 / ms, z=2, initial=REST)
buffer = Species("buffer", cyt, d=0.03 * um**2 / ms, initial=TOTAL - bound)
complexed = Species("complex", cyt, d=0.03 * um**2 / ms, initial=bound)
on = Parameter("on", 0.4 / uM / ms)
pump = 10 * uM * um / s * (ca[cyt] - REST) / (ca[cyt] + 1 * uM)
model = Model(
    *na(plasma, gbar=0.05 * S / cm**2),
    *k(plasma, gbar=0.015 * S / cm**2),
    *passive(plasma, g=1 / 15000 * S / cm**2, e=-70 * mV),
    *cal(plasma, ca=ca, pbar=3e-4 * cm / s, where=tag("soma")),
    *cal(plasma, ca=ca, pbar=3e-5 * cm / s, where=~tag("soma"), name="cal_dendrite"),
    Reaction("binding", ca[cyt] + buffer[cyt], complexed[cyt], on, on * AFFINITY),
    Flux("pmca", ca[cyt], ca[plasma.outside], pump, membrane=plasma),
    name="soma in 3-D",
)


def experiment(dx: float = 0.5, dt: float = 0.025) -> Solution:
    """Five short pulses at 100 Hz into the soma; voxels of dx (um), 65 ms in steps of dt (ms)."""
    cell = read_morphology(example_morphology("c91662.swc")).with_segments(MaxLength(10 * um))
    starts = [5 + 10 * i for i in range(5)]  # ms
    pulses = [IClamp(MIDDLE, 2 * nA, start=t * ms, duration=2 * ms, name=f"pulse_{t}") for t in starts]
    geometry = Mixed(cell, cell.within(30 * um).voxels(dx))
    record = [plasma.v.at(MIDDLE), ca[cyt], ca[cyt].at(ACROSS)]
    return simulate(model, geometry, 65 * ms, dt=dt, every=0.25 * ms, stimuli=pulses, record=record)


def soma(calcium: xr.DataArray) -> xr.DataArray:
    """The voxels of the soma alone."""
    return calcium.isel(node=(calcium["grid_x"].values >= 0) & (calcium["section"].values == "soma"))


def below_membrane(solution: Solution) -> float:
    """Calcium at the membrane of the soma, averaged by area, over the mean in the soma, at the end."""
    calcium = soma(solution[ca[cyt]].isel(time=-1))
    edge = np.average(calcium.values, weights=calcium["area"].values)
    return float(edge / np.average(calcium.values, weights=calcium["volume"].values))


def draw(solution: Solution) -> Figure:
    """Potential, and calcium along a line across the soma."""
    scan, times = solution[ca[cyt].at(ACROSS)], solution.times
    figure = Figure(figsize=(6.3, 4.2), layout="constrained")
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    top.plot(times, solution[plasma.v.at(MIDDLE)], color="#222222", lw=0.9)
    top.set(ylabel="soma (mV)")
    image = below.pcolormesh(times, scan["x"], 1e3 * scan.values.T, cmap="viridis", vmax=1)
    below.set(xlabel="time (ms)", ylabel="across the soma (µm)")
    figure.colorbar(image, ax=below, label="calcium (µM)", extend="max")
    return figure


def main(out: Path) -> float:
    """Run, draw the line scan and the soma at three times, and return calcium below the membrane / mean of the soma."""
    out.mkdir(parents=True, exist_ok=True)
    solution = experiment()
    draw(solution).savefig(out / "soma_3d.png", dpi=150)
    calcium = solution[ca[cyt]]
    series = plot.slices(soma(calcium), axis="y", at=0.25, times=[8, 48, 65], limits=(0, 1), columns=3)
    series.savefig(out / "soma_3d_slices.png", dpi=150)
    plot.surface(calcium, time=65, limits=(0, 1)).savefig(out / "soma_3d_surface.png", dpi=150)
    return below_membrane(solution)


if __name__ == "__main__":
    print(f"soma: calcium below the membrane is {main(Path('out')):.2f} times the mean; pictures are in out/")
