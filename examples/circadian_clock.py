"""The Drosophila clock of Leloup, Gonze and Goldbeter (1999), J. Biol. Rhythms 14, 433: ten species at a point.

Headline number: period of the oscillation in per mRNA, in hours.
"""

from pathlib import Path

import numpy as np

from multiscale import Adaptive, Model, Parameter, Point, Rate, Reaction, Region, Species, plot, simulate
from multiscale.units import hour, nM

cell = Region("cell")
start = {
    "MP": 0.0614368, "P0": 0.0169928, "P1": 0.0141356, "P2": 0.0614368, "MT": 0.0860342, "T0": 0.0217261,
    "T1": 0.0213384, "T2": 0.0145428, "C": 0.207614, "CN": 1.34728,
}  # fmt: skip
MP, P0, P1, P2, MT, T0, T1, T2, C, CN = (Species(name, cell, initial=value * nM) for name, value in start.items())
per_hour, speed = 1 / hour, nM / hour
vsP, vmP, vdP, vsT, vmT, vdT = (
    Parameter(n, x * speed)
    for n, x in (("vsP", 1.1), ("vmP", 1.0), ("vdP", 2.2), ("vsT", 1.0), ("vmT", 0.7), ("vdT", 3.0))
)
ks, kd = Parameter("ks", 0.9 * per_hour), Parameter("kd", 0.01 * per_hour)
K, KI, Km = 2 * nM, 1 * nM, 0.2 * nM


def saturating(v, substrate, k):
    """Michaelis-Menten rate."""
    return v * substrate / (k + substrate)


def protein(letter, mrna, s0, s1, s2, degradation):
    """Synthesis, two reversible phosphorylations, degradation of the second form, and slow loss of all."""
    v1, v2 = 8 * speed, 1 * speed
    return [
        Rate(f"translation_{letter}", s0, ks * mrna),
        Reaction(f"phosphorylation_{letter}_1", s0, s1, rate=saturating(v1, s0, K) - saturating(v2, s1, K)),
        Reaction(f"phosphorylation_{letter}_2", s1, s2, rate=saturating(v1, s1, K) - saturating(v2, s2, K)),
        Rate(f"degradation_{letter}", s2, -saturating(degradation, s2, Km)),
        *[Reaction(f"loss_{x.name}", x, 0, kd) for x in (s0, s1, s2)],
    ]


def transcription(letter, mrna, v_s, v_m):
    """Synthesis repressed by the nuclear complex, degradation, slow loss."""
    return [
        Rate(f"transcription_{letter}", mrna, v_s * KI**4 / (KI**4 + CN**4) - saturating(v_m, mrna, Km)),
        Reaction(f"loss_{mrna.name}", mrna, 0, kd),
    ]


clock = Model(
    *transcription("P", MP, vsP, vmP),
    *transcription("T", MT, vsT, vmT),
    *protein("P", MP, P0, P1, P2, vdP),
    *protein("T", MT, T0, T1, T2, vdT),
    Reaction("complex", P2 + T2, C, 1.2 / nM / hour, 0.6 * per_hour),
    Reaction("import", C, CN, 0.8 * per_hour, 0.2 * per_hour),
    Reaction("loss_C", C, 0, kd),
    Reaction("loss_CN", CN, 0, kd),
    name="circadian clock",
)


def main(out: Path) -> float:
    """Run ten days, draw the mRNAs and the nuclear complex, and return the period in hours."""
    out.mkdir(parents=True, exist_ok=True)
    solution = simulate(clock, Point(), 240 * hour, stepper=Adaptive(rtol=1e-8), every=0.5 * hour)
    plot.traces(*[solution[f"{name}.cell"] for name in ("MP", "MT", "CN")]).savefig(
        out / "circadian_clock.png", dpi=150
    )
    mrna = solution["MP.cell"].values
    hours = np.asarray(solution.times) / 3.6e6
    peaks = [k for k in range(1, mrna.size - 1) if mrna[k - 1] < mrna[k] >= mrna[k + 1]]

    def vertex(k: int) -> float:
        left, middle, right = mrna[k - 1 : k + 2]
        return float(hours[k] + 0.5 * (left - right) / (left - 2 * middle + right) * (hours[1] - hours[0]))

    return (vertex(peaks[-1]) - vertex(peaks[-4])) / 3


if __name__ == "__main__":
    print(f"circadian clock: period {main(Path('out')):.2f} h")
