"""RKL2 super time steps on voxels: all stages in one pass over memory, plain loops over quads of four lanes.

For a linear operator L the stages of RKL2 are Legendre polynomials: ``Y_s = u + b_s (P_s - u)`` with ``P_0 = u``,
``P_j = P_(j-1) + (j-1)/j (P_(j-1) - P_(j-2)) + (2j-1)/j w h L P_(j-1)``, ``w = 4/(s^2 + s - 2)`` and
``b_s = (s^2 + s - 2) / (2 s (s + 1))``. So neither u nor L u is needed in between, and P_j takes the place of P_(j-2).
Second order, stable for ``h lambda <= (s^2 + s - 2) / 2``. Source: Meyer, Balsara and Aslam (2014), J. Comput. Phys.
257, 594, eqs 8-21: their stages are combinations of u and these polynomials.

The domain is cut into slabs of one or more x-planes. Stage j runs one slab behind stage j - 1, so that what it reads is
still in the cache. Where a field is uniform all differences are exactly zero.

Several threads, each with a range of slabs: (1) each calls `copy_borders`; (2) barrier; (3) each calls `rkl2_voxels` on
its range with arrays `odd`, `even` and `border` of its own: it computes up to s - 1 slabs of its neighbours again, from
the copy, and writes only its own slabs of u; (4) barrier. Each value comes from the same operations on the same numbers
whatever the ranges, so the result is that of one thread, bit by bit.
"""

import numpy as np

from multiscale.rxd.voxel_stages import last_cut, last_full, next_cut, next_full


def copy_borders(u, slab, first, last, stages, border):
    """Copy the slabs around the borders of a range, for its thread; nothing where the range ends with the domain.

    Args:
        u: field, shape (n,).
        slab: first lane of each slab, and the end, shape (slabs + 1,).
        first: first slab of the range.
        last: one past its last slab.
        stages: number of stages s.
        border: receives slabs first - s .. first + 1 and last - 2 .. last + s - 1, and the four lanes before and after
            them, at the same places; shape (n,).
    """
    n = slab.size - 1
    if first > 0:
        for i in range(slab[max(first - stages, 0)] - 4, slab[min(first + 2, n)] + 4):
            border[i] = u[i]
    if last < n:
        for i in range(slab[max(last - 2, 0)] - 4, slab[min(last + stages, n)] + 4):
            border[i] = u[i]


def next_slab(rows, lo, mid, hi, cut, coef, minv, full, src, old, out, x, y, z, a):
    """`next_full` and `next_cut` in one slab; the weights are without the capacity."""
    next_full(rows, lo, mid, src, old, out, x * full, y * full, z * full, 2.0, a)
    next_cut(rows, mid, hi, src, old, out, x, y, z, coef, minv, cut, a)


def last_slab(rows, lo, mid, hi, cut, coef, minv, full, src, old, u, x, y, z, a, g):
    """`last_full` and `last_cut` in one slab."""
    last_full(rows, lo, mid, src, old, u, x * full, y * full, z * full, 2.0, a, g)
    last_cut(rows, mid, hi, src, old, u, x, y, z, coef, minv, cut, a, g)


def rkl2_voxels(
    u, slab, start, rows, coef, minv, full, conduct, first, last, stages, h, odd, even, border,
):  # fmt: skip
    """One super time step of one species on a range of slabs, in place. See the head of the file for threads.

    Args:
        u: field, shape (n,); lanes without a voxel keep their values, which must be finite.
        slab: first lane of each slab, and the end, shape (slabs + 1,).
        start: for each slab where in `rows` its full quads and its cut ones start, and how many full ones there are up to
            the slab's end; in the last row the end; shape (slabs + 1, 3).
        rows: see `voxel_stages.next_full`; of each slab first the full quads, then the cut ones.
        coef: see `voxel_stages.next_cut`, as `minv`.
        minv: see `coef`.
        full: reciprocal capacity in full quads, 1/um^3.
        conduct: D dx along x, y, z, um^3/ms, shape (3,).
        first: first slab of the range.
        last: one past its last slab.
        stages: number of stages s, at least 2.
        h: step, ms.
        odd: work array, shape (n,), finite in lanes 0..3.
        even: work array as `odd`; not used for s = 2.
        border: filled by `copy_borders`; not read where the range is the whole domain.
    """
    n = slab.size - 1
    w = 4.0 / (stages * stages + stages - 2.0)
    g = (stages * stages + stages - 2.0) / (2.0 * stages * (stages + 1.0))
    for front in range(max(first - stages + 1, 0), last + stages - 1):
        for j in range(1, stages + 1):
            k = front - j + 1
            if k < max(first - stages + j, 0) or k >= min(last + stages - j, n):
                continue
            lo, mid, cut, hi = np.uintp(start[k, 0]), np.uintp(start[k, 1]), np.uintp(start[k, 2]), np.uintp(start[k + 1, 0])
            a, b = (j - 1.0) / j, (2.0 * j - 1.0) / j * w * h
            x, y, z = b * conduct[0], b * conduct[1], b * conduct[2]
            beside = (first > 0 and k < first + 2 - j) or (last < n and k > last - 3 + j)
            if j == 1:
                if beside:
                    next_slab(rows, lo, mid, hi, cut, coef, minv, full, border, border, odd, x, y, z, a)
                else:
                    next_slab(rows, lo, mid, hi, cut, coef, minv, full, u, u, odd, x, y, z, a)
            elif j == stages:
                if j == 2:
                    last_slab(rows, lo, mid, hi, cut, coef, minv, full, odd, u, u, x, y, z, a, g)
                elif j % 2 == 0:
                    last_slab(rows, lo, mid, hi, cut, coef, minv, full, odd, even, u, x, y, z, a, g)
                else:
                    last_slab(rows, lo, mid, hi, cut, coef, minv, full, even, odd, u, x, y, z, a, g)
            elif j == 2:
                if beside:
                    next_slab(rows, lo, mid, hi, cut, coef, minv, full, odd, border, even, x, y, z, a)
                else:
                    next_slab(rows, lo, mid, hi, cut, coef, minv, full, odd, u, even, x, y, z, a)
            elif j % 2 == 0:
                next_slab(rows, lo, mid, hi, cut, coef, minv, full, odd, even, even, x, y, z, a)
            else:
                next_slab(rows, lo, mid, hi, cut, coef, minv, full, even, odd, odd, x, y, z, a)
