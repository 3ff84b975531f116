"""IP3 made in the head of a spine opens the ER of the dendrite below; the calcium released there climbs into the head.

The surface is a made-up spine with the roughness and the thin triangles of one traced in electron micrographs, as STL
in nm; ER is in the shaft, not in the spine, as in most spines of pyramidal cells. Metabotropic receptors of the head
make 600 molecules of IP3 in 100 ms. They leave through the neck within some 15 ms; when IP3 in the shaft passes 1 uM,
calcium and IP3 together open the receptors, and the ER empties. A calcium buffer (200 uM, 5 uM) slows calcium down, so
that the neck holds it back much more than it did IP3.

Headline number: peak of calcium in the head / peak in the shaft.
"""

from pathlib import Path

from multiscale import (
    Ball,
    Bath,
    Flux,
    Membrane,
    Model,
    Parameter,
    Rate,
    Reaction,
    Region,
    Solution,
    Source,
    Species,
    State,
    plot,
    read_mesh,
    simulate,
)
from multiscale.functions import select
from multiscale.symbols import z
from multiscale.units import mM, molecules, ms, nm, s, uM, um
from multiscale.voxelize.example_spine import example_spine

HEAD, SHAFT = Ball(0.2 * um, (0.15, 0, 1.15)), Ball(0.2 * um)
REST, TOTAL, AFFINITY = 0.1 * uM, 200 * uM, 5 * uM

shaft = z < 0.4 * um
cyt, er = Region("cyt", fraction=select(shaft, 0.83, 1.0)), Region("er", fraction=0.17, where=shaft)
plasma = Membrane("plasma", inside=cyt, outside=Bath(ca=2 * mM))
ca = Species("ca", (cyt, er), d=220 * um**2 / s, initial={cyt: REST, er: 250 * uM})
bound = Species("bound", cyt, d=20 * um**2 / s, initial=TOTAL * REST / (REST + AFFINITY))
ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.02 * uM)
h = State("h", cyt, initial=0.8)
on, leak, release = Parameter("on", 100 / (uM * s)), Parameter("leak", 0.24 / s), Parameter("release", 450 / s)
v_serca = Parameter("v_serca", 300 * uM / s)
gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
pump = 20 * uM * um / s * (ca[cyt] - REST) / (ca[cyt] + 1 * uM)
model = Model(
    Flux("ip3r", ca[er], ca[cyt], (release * gate**3 + leak) * (ca[er] - ca[cyt])),
    Flux("serca", ca[cyt], ca[er], v_serca * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Flux("pmca", ca[cyt], ca[plasma.outside], pump, membrane=plasma),
    Reaction("binding", ca[cyt], bound[cyt], rate=on * (ca[cyt] * (TOTAL - bound[cyt]) - AFFINITY * bound[cyt])),
    Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
    Rate("breakdown", ip3[cyt], -(ip3[cyt] - 0.02 * uM) / s),
    name="spine wave",
)
plc = Source("plc", target=ip3[cyt], at=Ball(0.3 * um, HEAD.center), rate=6 * molecules / ms, duration=100 * ms)


def experiment(folder: Path, dx: float = 0.033, dt: float = 0.5) -> Solution:
    """Write the surface into a folder, fill it with voxels of dx (um) and run 300 ms in steps of dt (ms)."""
    spine = read_mesh(example_spine(folder / "spine.stl"), unit=nm)
    means = [x[cyt].mean(place) for x in (ca, ip3) for place in (HEAD, SHAFT)]
    return simulate(model, spine.voxels(dx), 300 * ms, dt=dt, every=5 * ms, sources=[plc], record=[ca[cyt], *means])


def main(out: Path) -> float:
    """Run, draw the spine at four times and the traces; return the ratio of the peaks."""
    out.mkdir(parents=True, exist_ok=True)
    solution = experiment(out)
    calcium = solution[ca[cyt]]
    series = plot.slices(calcium, axis="y", at=0, times=[60, 95, 120, 260], columns=4)
    series.savefig(out / "spine_wave.png", dpi=150)
    plot.surface(calcium, time=120, upwards="z").savefig(out / "spine_wave_surface.png", dpi=150)
    traces = [solution[x[cyt].mean(place)] for x in (ca, ip3) for place in (HEAD, SHAFT)]
    names = [f"{x} in the {place}" for x in ("calcium", "IP3") for place in ("head", "shaft")]
    plot.traces(*traces, labels=names).savefig(out / "spine_wave_traces.png", dpi=150)
    solution.to_netcdf(out / "spine_wave.nc")
    return float(traces[0].max() / traces[1].max())


if __name__ == "__main__":
    print(f"spine: the head reaches {main(Path('out')):.2f} of the calcium of the shaft; pictures are in out/")
