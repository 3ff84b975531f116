"""How near a step comes to what the memory can do: bytes it has to move, and the machine's own triad."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

REPEATS = 100
MEMORY = 192 * 2**20  # bytes, more than any cache of one core's share


def triad_bandwidth(nbytes: float) -> float:
    """Return the speed of ``a = b + s * c`` on one thread, bytes/s, two reads and one write counted.

    Source: McCalpin (1995), IEEE Computer Society TCCA Newsletter, 19.

    Args:
        nbytes: of the three arrays together; those that a step uses, so that they lie in the same cache.
    """
    import numba

    @numba.njit(fastmath={"contract", "nsz", "arcp"})
    def triad(a: Any, b: Any, c: Any, s: float) -> None:
        for i in range(a.size):
            a[i] = b[i] + s * c[i]

    a, b, c = (np.ones(int(nbytes / 24)) for _ in range(3))
    triad(a, b, c, 1.0)
    best = np.inf
    for _ in range(REPEATS):
        begin = perf_counter()
        triad(a, b, c, 1.0)
        best = min(best, perf_counter() - begin)
    return 24 * a.size / best


def stage_traffic(sim: Any) -> tuple[float, float]:
    """Return the bytes that a step of diffusion by RKL2 moves, and those it works on, of all species of one grid.

    Counted from the kernel: it reads the field and the lists of quads once and writes another field, which is then
    read twice, checked for negative values and copied back; a line that is written is fetched before. What lags a
    slab behind stays in the cache and does not count.
    """
    (grid,) = sim._system.grids
    lists = sum(array.nbytes for array in grid.quads)
    field = 8 * grid.mesh.n
    return grid.rows.size * (7 * field + lists), lists + (grid.rows.size + 3) * field


def memory_note(sim: Any, seconds: float) -> str:
    """Return a clause: bytes a voxel and step, and the share of the triad's bandwidth.

    Args:
        sim: a simulation of diffusion by RKL2 in one grid.
        seconds: of one step, s.
    """
    moved, used = stage_traffic(sim)
    speed, voxels = moved / seconds, sim.mesh.chemical.sum()
    shares = []
    for size in (used, MEMORY):
        triad = triad_bandwidth(size)
        shares.append(f"{speed / triad:.0%} of the triad's {triad / 1e9:.1f} GB/s on {size / 2**20:.0f} MiB")
    return f"{moved / voxels:.0f} bytes a voxel and step at {speed / 1e9:.1f} GB/s: {' and '.join(shares)}"
