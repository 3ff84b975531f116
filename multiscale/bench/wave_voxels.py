"""The calcium wave of ``calcium_wave`` in a part of a CA1 cell in voxels: shared by the benches of waves in 3-D.

Calcium in cytosol and endoplasmic reticulum diffuses and crosses the reticulum's membrane through IP3 receptors, a leak
and SERCA pumps; IP3 diffuses; a gate inactivates. A hill of 2 uM where the apical dendrites begin starts the wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from multiscale.bench.voxels import NeuronPart, neuron_hill, our_hill

CALCIUM = {"cytosolic calcium": "ca.cyt", "reticular calcium": "ca.er"}
REST = 1e-4  # mM


@dataclass(frozen=True, eq=False)
class OurWave:
    """The wave as values of multiscale: its regions, species that others react with, and its processes."""

    cyt: Any
    ca: Any
    ip3: Any
    processes: tuple[Any, ...]

    @classmethod
    def make(cls) -> OurWave:
        """Return the wave."""
        from multiscale.processes import Flux, Rate
        from multiscale.regions import Region
        from multiscale.species import Species, State
        from multiscale.units import s, uM, um

        cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
        spark = (0.1 + 2 * our_hill()) * uM
        ca = Species("ca", (cyt, er), d=60 * um**2 / s, initial={cyt: spark, er: 250 * uM})
        ip3 = Species("ip3", cyt, d=280 * um**2 / s, initial=(0.3 + 0.3 * our_hill()) * uM)
        h = State("h", cyt, initial=0.8)
        gate = ip3[cyt] / (ip3[cyt] + 0.15 * uM) * ca[cyt] / (ca[cyt] + 0.8 * uM) * h[cyt]
        processes = (
            Flux("ip3r", ca[er], ca[cyt], 20 / s * gate**3 * (ca[er] - ca[cyt])),
            Flux("leak", ca[er], ca[cyt], 0.002 / s * (ca[er] - ca[cyt])),
            Flux("serca", ca[cyt], ca[er], 80 * uM / s * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
            Rate("inactivation", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
        )
        return cls(cyt, ca, ip3, processes)


@dataclass(frozen=True, eq=False)
class NeuronWave:
    """The wave in NEURON: as in ``calcium_wave``, 1 um^2 of border per um^3 of cell, powers written as products."""

    cyt: Any
    er: Any
    ca: Any
    ip3: Any
    kept: tuple[Any, ...]

    @classmethod
    def make(cls, part: NeuronPart) -> NeuronWave:
        """Return the wave in that part of the cell."""
        rxd = part.rxd
        cyt = part.region("cyt", rxd.FractionalVolume(0.83, surface_fraction=1), inside=True)
        er = part.region("er", rxd.FractionalVolume(0.17))
        border = part.region("border", rxd.DistributedBoundary(1))
        per_area = 602214.076  # molecules/um^2 for mM um^3/um^2

        def spark(node: Any) -> float:
            return 0.25 if node.region is er else REST + 2e-3 * neuron_hill(node)

        ca = part.species([cyt, er], d=0.06, name="ca", charge=2, initial=spark)
        ip3 = part.species(cyt, d=0.28, name="ip3", initial=lambda node: 3e-4 + 3e-4 * neuron_hill(node))
        h = part.keep(rxd.State(cyt, name="h", initial=0.8))
        gate = ip3[cyt] / (ip3[cyt] + 1.5e-4) * ca[cyt] / (ca[cyt] + 8e-4) * h[cyt]
        release, leak = per_area * 0.02 * (gate * gate * gate), per_area * 2e-6
        uptake = per_area * 8e-5 * (ca[cyt] * ca[cyt]) / (4e-8 + ca[cyt] * ca[cyt])
        kept = (
            rxd.MultiCompartmentReaction(ca[er], ca[cyt], release, release, membrane=border),
            rxd.MultiCompartmentReaction(ca[er], ca[cyt], leak, leak, membrane=border),
            rxd.MultiCompartmentReaction(ca[cyt], ca[er], uptake, membrane=border, custom_dynamics=True),
            rxd.Rate(h, (4e-4 / (4e-4 + ca[cyt]) - h[cyt]) / 2000),
        )
        return cls(cyt, er, ca, ip3, kept)

    @property
    def calcium(self) -> dict[str, Any]:
        """Both calcium fields under the names of ``CALCIUM``."""
        return dict(zip(CALCIUM, (self.ca[self.cyt], self.ca[self.er]), strict=True))
