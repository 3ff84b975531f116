"""The calcium microdomain of a cluster of five channels, in 10 mM EGTA and in 1 mM BAPTA.

The channels stand in a flat piece of membrane as on the five of a die, 35 nm apart, carry 0.15 pA each and are open for
0.06 ms. Both buffers have the same affinity, but EGTA binds so slowly that calcium reaches sensors 100 nm away; BAPTA
catches it within some 25 nm. The steady state around a point channel is known where buffer is in excess: 1/r with an
exponential cut-off, which adds up over the channels. Dots are computed, lines are that theory; BAPTA, of which there
is less, is not quite in excess.

Theory: Neher (1998), Cell Calcium 24, 345; buffers: Naraghi and Neher (1997), J. Neurosci. 17, 6961.
Headline number: calcium 100 nm from the middle of the cluster in EGTA, in uM.
"""

from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale import Box, Line, Model, Parameter, Plane, Reaction, Region, Solution, Source, Species, simulate
from multiscale.units import mM, ms, pA, um

Array = NDArray[np.float64]

REST, AFFINITY = 0.05e-3, 0.2e-3  # mM
D_CA, D_BUFFER = 0.22, 0.2  # um**2/ms
CURRENT = 0.15  # pA, of one channel
BUFFERS = {"10 mM EGTA": (10.0, 10.0), "1 mM BAPTA": (1.0, 400.0)}  # total, mM; binding, 1/(mM ms)
CHANNELS = [(0.0, 0.0), (0.025, 0.025), (0.025, -0.025), (-0.025, 0.025), (-0.025, -0.025)]  # x, y, um

cyt = Region("cyt")
ca = Species("ca", cyt, d=D_CA * um**2 / ms, z=2, initial=REST * mM)
free, bound = (Species(name, cyt, d=D_BUFFER * um**2 / ms) for name in ("buffer", "complex"))


def experiment(total: float, on: float, dx: float = 0.0125, dt: float = 2e-4) -> Solution:
    """Open the channels in a buffer of this total concentration (mM) and rate of binding (1/(mM ms)); dx um, dt ms."""
    k = Parameter("on", on / (mM * ms))
    model = Model(Reaction("binding", ca[cyt] + free[cyt], bound[cyt], k, k * AFFINITY * mM), name="microdomain")
    occupied = total * REST / (REST + AFFINITY)
    depth = 0.5 * dx  # of the middle of the voxels below the membrane, which is at z = 0
    side = (int(0.3 / dx) + 0.5) * dx  # with the middle of a voxel at x = y = 0, and at all channels
    mouths = [(x, y, depth) for x, y in CHANNELS]
    return simulate(
        model,
        Box((-side, -side, 0), (side, side, 0.25)).voxels(dx),
        0.06,
        dt=dt,
        every=0.06,
        sources=[Source("channels", target=ca[cyt], at=mouths, current=5 * CURRENT * pA)],
        initial={free[cyt]: (total - occupied) * mM, bound[cyt]: occupied * mM},
        record=[ca[cyt].at(Line((0, 0, depth), (0.25, 0, depth))), ca[cyt].at(Plane(axis="z", at=depth))],
    )


def theory(x: Array, total: float, on: float) -> Array:
    """Steady calcium in the membrane at (x, 0, 0), mM; x, um, shape (n,). Neher (1998), summed over the channels."""
    free_share = AFFINITY / (AFFINITY + REST)
    capacity = total * free_share / (AFFINITY + REST)  # complex gained per free calcium gained
    cut_off = 1 / np.sqrt(on * total * free_share / D_CA + on * (AFFINITY + REST) / D_BUFFER)
    r = np.hypot(x[:, None] - np.array(CHANNELS)[:, 0], np.array(CHANNELS)[:, 1])
    far = CURRENT / (4 * np.pi * 96.485 * (D_CA + capacity * D_BUFFER) * r)
    return np.asarray(REST + (far * (1 + capacity * D_BUFFER / D_CA * np.exp(-r / cut_off))).sum(axis=1))


def draw(solutions: dict[str, Solution]) -> Figure:
    """Calcium just below the membrane in both buffers, and from the cluster outwards."""
    figure = Figure(figsize=(10.5, 3.3), layout="constrained")
    *maps, profile = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
    fine = np.linspace(0.036, 0.25, 200)
    for axes, (name, solution), colour in zip(maps, solutions.items(), ("#0072b2", "#d55e00"), strict=True):
        line, plane = (solution[variable].isel(time=-1) for variable in solution.names)
        table = plane.set_index(node=("grid_x", "grid_y")).unstack("node") * 1e3
        extent = 1e3 * np.array([plane.x.min(), plane.x.max(), plane.y.min(), plane.y.max()])
        image = axes.imshow(table.T, norm=LogNorm(0.05, 50), extent=extent, origin="lower", cmap="viridis")
        axes.set(title=name, xlabel="x (nm)", ylabel="y (nm)", xlim=(-200, 200), ylim=(-200, 200))
        beyond = line.x.values > 0.03
        profile.plot(1e3 * line.x[beyond], 1e3 * line[beyond], ".", color=colour, label=name)
        profile.plot(1e3 * fine, 1e3 * theory(fine, *BUFFERS[name]), color=colour, lw=0.8)
    figure.colorbar(image, ax=maps, label="calcium (µM)", extend="max", shrink=0.85)
    profile.set(yscale="log", xlabel="from the middle of the cluster (nm)", ylabel="calcium (µM)")
    profile.legend(frameon=False)
    return figure


def main(out: Path) -> float:
    """Open the channels in both buffers, draw, and return calcium at 100 nm in EGTA, uM."""
    out.mkdir(parents=True, exist_ok=True)
    solutions = {name: experiment(*buffer) for name, buffer in BUFFERS.items()}
    draw(solutions).savefig(out / "calcium_microdomain.png", dpi=150)
    line = solutions["10 mM EGTA"]
    along = line[line.names[0]].isel(time=-1)
    return float(1e3 * along[np.argmin(np.abs(along.x.values - 0.1))])


if __name__ == "__main__":
    near = theory(np.array([0.1]), *BUFFERS["10 mM EGTA"])[0]
    print(f"microdomain: {main(Path('out')):.2f} uM at 100 nm in EGTA; linear theory {1e3 * near:.2f} uM")
