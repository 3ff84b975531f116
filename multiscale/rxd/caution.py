"""What a user should know about the accuracy of a run before believing it."""

import numpy as np

from multiscale.regions import Membrane
from multiscale.rxd.injection import SourceArrays
from multiscale.rxd.system import System

MOST_RATIO = 0.5  # D dt / dx^2: above it, what enters a voxel in a step cannot spread in the same step


def caution(system: System, sources: SourceArrays, dt: float | None) -> str:
    """A sentence where steps are too long for what crosses the membrane of voxels, else nothing.

    Fluxes through the membrane, currents and sources are split from diffusion. What they bring in a step stands in one
    layer of voxels (or one voxel) until diffusion takes its turn; rates that depend on it are off by a share that grows
    with D dt / dx^2: some 1 % at 0.4 and 10 % at 2 for a pump that limits the clearance.
    """
    if dt is None:
        return ""
    rows = {int(row) for row in sources.row}
    for term in system.equations.terms:
        if any(isinstance(place, Membrane) and place.per_volume is None for place in term.places):
            rows |= {row for row, _ in term.changes}
            rows |= {row for _, moves in term.currents for row, _ in moves}
    worst, name, limit = 0.0, "", 0.0
    for grid in system.grids:
        dx = float(grid.mesh.voxels.dx)
        for k in np.flatnonzero([int(row) in rows for row in grid.rows]):
            d = float(grid.d[k].max())
            if d * dt / dx**2 > worst:
                worst, name, limit = d * dt / dx**2, system.fields[grid.rows[k]].name, MOST_RATIO * dx**2 / d
    if worst <= MOST_RATIO:
        return ""
    return (
        f"'{name}' enters voxels through the membrane or a source with D dt / dx^2 = {worst:.2g}, expected below "
        f"{MOST_RATIO:g} for rates that depend on it there; reduce dt to {limit:.2g} ms"
    )
