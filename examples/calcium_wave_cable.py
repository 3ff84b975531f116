"""A calcium wave along a cable: IP3 receptors, SERCA pumps and a leak between cytosol and ER.

Headline number: speed of the wave between 50 and 150 um, in um/s.
"""

from pathlib import Path

import numpy as np

from multiscale import Cable, Flux, Model, Parameter, Rate, Region, Solution, Species, State, Strang, plot, simulate
from multiscale.functions import select
from multiscale.symbols import arc
from multiscale.units import ms, s, uM, um

cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
ca = Species("ca", (cyt, er), d=60 * um**2 / s, initial={cyt: 0.1 * uM, er: 250 * uM})
ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=0.3 * uM)
h = State("h", cyt, initial=0.8)
g, v = Parameter("g_ip3r", 20 / s), Parameter("v_serca", 80 * uM / s)
gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
wave = Model(
    Flux("ip3r", ca[er], ca[cyt], (g * gate**3 + 0.002 / s) * (ca[er] - ca[cyt])),
    Flux("serca", ca[cyt], ca[er], v * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
    name="calcium wave",
)
spark = {ca[cyt]: select(arc < 15 * um, 2 * uM, 0.1 * uM)}


def speed(solution: Solution) -> float:
    """Speed between 50 and 150 um, um/s, from the times at which calcium first passes 2 uM there."""
    calcium = solution["ca.cyt"].values
    times = np.asarray(solution.times)

    def arrival(position: float) -> float:
        trace = calcium[:, int(position)]
        k = int(np.argmax(trace > 2e-3))
        return float(times[k - 1] + (2e-3 - trace[k - 1]) / (trace[k] - trace[k - 1]) * (times[k] - times[k - 1]))

    return 100.0 / (arrival(150) - arrival(50)) * 1000.0


def main(out: Path) -> float:
    """Run, draw, and return the speed in um/s."""
    out.mkdir(parents=True, exist_ok=True)
    cable = Cable(200 * um, diameter=1 * um, dx=1 * um)
    solution = simulate(
        wave, cable, 3 * s, dt=1 * ms, stepper=Strang(), every=10 * ms, record=[ca[cyt], h[cyt]], initial=spark
    )
    plot.kymograph(solution["ca.cyt"]).savefig(out / "calcium_wave_cable.png", dpi=150)
    return speed(solution)


if __name__ == "__main__":
    print(f"calcium wave: {main(Path('out')):.1f} um/s")
