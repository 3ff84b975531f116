"""Voxelization of a part of a CA1 cell at 0.25 um: from sections to the arrays of some 330,000 voxels.

Both sides end with arrays of volumes, membrane areas and sections of all voxels; ours hold the open areas of the faces,
normals and connected components too. NEURON's nodes, which are made of these arrays, are not counted.

Accuracy: volume and membrane area are printed as differences, since the two programs join sections in unlike ways; the
error of each against its own finer voxels, and ours against formulas, is in ``docs/voxel_accuracy.md``.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import neuron_version
from multiscale.bench.voxels import DX, SECTIONS, NeuronPart

ROUNDS = 2
VOLUME, AREA = "volume (um^3)", "membrane area (um^2)"


def ours(repeats: int) -> list[Measured]:
    """Measure multiscale."""
    from multiscale.voxelize.cells import voxelize_cell
    from multiscale.voxelize.readers import example_morphology, read_morphology

    started = perf_counter()
    cell = read_morphology(example_morphology("c91662.swc"))
    names = [section.name for section in cell.sections]
    chosen = np.array([names.index(name) for name in SECTIONS])
    made: list[Any] = []

    def run(_: None) -> None:
        made[:] = [voxelize_cell(cell, chosen, np.zeros(chosen.size), np.ones(chosen.size), DX, 2)]

    return [
        measure(
            started,
            prepare=lambda: None,
            run=run,
            answer=lambda _: {VOLUME: [made[0].volume.sum()], AREA: [made[0].area.sum()]},
            repeats=5 * repeats,
            version=our_version(),
            setting=f"dx {DX} um, 2 samples a side",
        )
    ]


def neuron(repeats: int) -> list[Measured]:
    """Measure NEURON."""
    part = NeuronPart.load(reactions=False)
    started = perf_counter()
    made: list[Any] = []

    def run(_: None) -> None:
        region = part.region("cyt")
        region._do_init()
        made[:] = [region]

    return [
        measure(
            started,
            prepare=lambda: None,
            run=run,
            answer=lambda _: {VOLUME: [made[0]._vol.sum()], AREA: [made[0]._sa.sum()]},
            repeats=repeats,
            version=neuron_version(),
            setting=f"dx {DX} um",
        )
    ]
