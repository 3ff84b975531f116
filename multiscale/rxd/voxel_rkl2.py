"""RKL2 super time steps on voxels: all stages in one pass over memory, plain loops over quads of four lanes.

For a linear operator L the stages of RKL2 are Legendre polynomials: ``Y_s = u + b_s (P_s - u)`` with ``P_0 = u``,
``P_j = P_(j-1) + (j-1)/j (P_(j-1) - P_(j-2)) + (2j-1)/j w h L P_(j-1)``, ``w = 4/(s^2 + s - 2)`` and
``b_s = (s^2 + s - 2) / (2 s (s + 1))``. So neither u nor L u is needed in between, and P_j takes the place of P_(j-2).
Second order, stable for ``h lambda <= (s^2 + s - 2) / 2``. Source: Meyer, Balsara and Aslam (2014), J. Comput. Phys.
257, 594, eqs 8-21: their stages are combinations of u and these polynomials.

The domain is cut into slabs of one or more x-planes. Stage j runs one slab behind stage j - 1, so that what it reads is
still in the cache. Where a field is uniform all differences are exactly zero.

Several threads: each calls `rkl2_voxels` on its range of slabs, with `odd` and `even` of its own and with `out` another
array than u. It computes up to s - 1 slabs of its neighbours again and writes only its own slabs of `out`; no copies of
borders are needed. Then a barrier, and u is exchanged with `out` or copied from it. Each value comes from the same
operations on the same numbers whatever the ranges, so the result is that of one thread, bit by bit.
"""

import numpy as np

from multiscale.rxd.voxel_stages import last_cut, last_full, next_cut, next_full


def next_slab(rows, lo, mid, hi, cut, coef, minv, full, src, old, out, x, y, z, a):
    """`next_full` and `next_cut` in one slab; the weights are without the capacity."""
    next_full(rows, lo, mid, src, old, out, x * full, y * full, z * full, 2.0, a)
    next_cut(rows, mid, hi, src, old, out, x, y, z, coef, minv, cut, a)


def last_slab(rows, lo, mid, hi, cut, coef, minv, full, src, old, u, out, x, y, z, a, g):
    """`last_full` and `last_cut` in one slab."""
    last_full(rows, lo, mid, src, old, u, out, x * full, y * full, z * full, 2.0, a, g)
    last_cut(rows, mid, hi, src, old, u, out, x, y, z, coef, minv, cut, a, g)


def rkl2_voxels(u, out, start, rows, coef, minv, full, conduct, first, last, stages, h, odd, even):
    """One super time step of one species on a range of slabs. See the head of the file for threads.

    Args:
        u: field, shape (n,); lanes without a voxel hold anything finite.
        out: receives the result in all quads with voxels, pads keep their values, shape (n,); may be u where the range
            is the whole domain and there are two stages or more.
        start: for each slab where in `rows` its full quads and its cut ones start, and how many full ones there are up
            to its end; in the last row the end of `rows`; shape (slabs + 1, 3).
        rows: see `voxel_stages.next_full`; of each slab first the full quads, then the cut ones.
        coef: see `voxel_stages.next_cut`, as `minv`.
        minv: see `coef`.
        full: reciprocal capacity in full quads, 1/um^3.
        conduct: D dx along x, y, z, um^3/ms, shape (3,).
        first: first slab of the range.
        last: one past its last slab.
        stages: number of stages s, at least 2; 1 is a step of explicit Euler, positive for ``h stiffness <= 2``.
        h: step, ms.
        odd: work array, shape (n,), finite in lanes 0..3.
        even: work array as `odd`; not used for s = 2.
    """
    n = start.shape[0] - 1
    w, g = 1.0, 1.0  # explicit Euler: P_1 with the whole step
    if stages > 1:
        w = 4.0 / (stages * stages + stages - 2.0)
        g = (stages * stages + stages - 2.0) / (2.0 * stages * (stages + 1.0))
    for front in range(max(first - stages + 1, 0), last + stages - 1):
        for j in range(1, stages + 1):
            k = front - j + 1
            if k < max(first - stages + j, 0) or k >= min(last + stages - j, n):
                continue
            lo, mid, hi = np.uintp(start[k, 0]), np.uintp(start[k, 1]), np.uintp(start[k + 1, 0])
            cut = np.uintp(start[k, 2])
            a, b = (j - 1.0) / j, (2.0 * j - 1.0) / j * w * h
            x, y, z = b * conduct[0], b * conduct[1], b * conduct[2]
            # P_j takes the place of P_(j-2)
            new = odd if j % 2 == 1 else even
            src = u if j == 1 else (even if j % 2 == 1 else odd)
            old = u if j <= 2 else new
            if j == stages:
                last_slab(rows, lo, mid, hi, cut, coef, minv, full, src, old, u, out, x, y, z, a, g)
            else:
                next_slab(rows, lo, mid, hi, cut, coef, minv, full, src, old, new, x, y, z, a)
