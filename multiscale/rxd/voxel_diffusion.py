"""Diffusion of species in a grid of voxels by several threads: the chosen scheme, and a positive one if it undershoots.

All threads call these functions at once, after a meeting at which all have left the fields alone; when they return, the
others may still be writing. What threads decide they decide together, so that they do the same; the results have the
same bits for any number of threads. The scheme of the default and those of sweeps are functions of their own, so that
a run compiles what it uses.
"""

from multiscale.kernels.barrier import agree
from multiscale.rxd.adi import adi_planes, dg_lines, dg_step, lod_lines, lod_step
from multiscale.rxd.voxel_rkl2 import rkl2_voxels


def voxel_least(u):
    """How many entries lie below -1e-12 mM (under one molecule in a cell) or are not numbers."""
    bad = 0
    for i in range(u.size):
        bad += 0 if u[i] >= -1e-12 else 1
    return bad


def copy_range(source, target, lo, hi):
    """Copy the entries ``lo <= i < hi``."""
    for i in range(lo, hi):
        target[i] = source[i]


def dg_shared(u, theta, near, plane, f, k, p, w, c, lows, highs, cuts, tid, threads, sync):
    """`dg_step` by several threads, with the same bits; c holds its ax, ay, az. Rest: see `sweep_grid`."""
    if threads == 1:
        dg_step(u, theta, near, plane, f, k, p, w, c[0], c[1], c[2])
        return
    dg_lines(u, theta, near, f, k, w, c[0], c[1], c[2], lows[tid], highs[tid])
    agree(sync, threads, 0)
    adi_planes(u, near, plane, f, k, p, w, 1.0, cuts[tid], cuts[tid + 1])
    agree(sync, threads, 0)


def lod_shared(u, mass, near, plane, f, k, p, w, lows, highs, cuts, tid, threads, sync):
    """`lod_step` by several threads, with the same bits."""
    if threads == 1:
        lod_step(u, mass, near, plane, f, k, p, w)
        return
    lod_lines(u, mass, near, f, k, w, lows[tid], highs[tid])
    agree(sync, threads, 0)
    adi_planes(u, near, plane, f, k, p, w, 0.0, cuts[tid], cuts[tid + 1])
    agree(sync, threads, 0)


def diffuse_grid(
    Y, first, rows, stages, euler, pace, q_start, q_rows, q_coef, q_minv, q_full, quads_of, slabs, lanes, h, work, tid,
    threads, sync,
):  # fmt: skip
    """Diffuse every species of a grid over a step h by RKL2. Returns how many had to be repeated by explicit Euler.

    RKL2 may undershoot on rough data; a species that would become negative is repeated with so many explicit Euler
    steps that they cannot make it so. A species that was negative before is left as it comes.

    Args:
        Y: all fields, shape (fields, nodes).
        first: number of the grid's first lane.
        rows: rows that diffuse, shape (s,).
        stages: of RKL2, shape (s,).
        euler: explicit Euler steps that are positive, shape (s,).
        pace: dx times D an axis, um^3/ms, shape (s, 3).
        q_start: lists of quads, see `quads.stack`, as `q_rows`, `q_coef`, `q_minv` and `q_full`.
        q_rows: see `q_start`.
        q_coef: see `q_start`.
        q_minv: see `q_start`.
        q_full: see `q_start`.
        quads_of: the set of each species, shape (s,).
        slabs: slabs of each thread, shape (threads + 1,).
        lanes: lanes of these slabs, shape (threads + 1,).
        h: step, ms.
        work: work arrays, shape (2 + 2 threads, n).
        tid: number of this thread.
        threads: number of threads.
        sync: see `barrier.agree`.
    """
    repeated = 0
    lo, hi = lanes[tid], lanes[tid + 1]
    out, odd, even = work[0], work[2 + 2 * tid], work[3 + 2 * tid]
    for s in range(rows.size):
        u = Y[rows[s], first : first + out.size]
        q = quads_of[s]
        parts, count = 1, stages[s]
        done = 0
        while done < parts:
            rkl2_voxels(
                u, out, q_start[q], q_rows, q_coef, q_minv, q_full[q], pace[s], slabs[tid], slabs[tid + 1], count,
                h / parts, odd, even,
            )  # fmt: skip
            bad = agree(sync, threads, voxel_least(out[lo:hi]))
            if bad > 0 and count > 1 and agree(sync, threads, voxel_least(u[lo:hi])) == 0:
                parts, count = euler[s], 1
                repeated += 1
                continue
            copy_range(out, u, lo, hi)
            done += 1
            if parts > 1:
                agree(sync, threads, 0)
    return repeated


def sweep_grid(
    Y, first, rows, method, parts, theta, theta_of, near, plane, f, k, p, mass, coupling, factor_of, safe_of, lanes,
    lows, highs, cuts, h, work, tid, threads, sync,
):  # fmt: skip
    """Diffuse every species of a grid over a step h by sweeps along x, y and z. Returns how many had to be repeated.

    Douglas-Gunn may undershoot on rough data; a species that would become negative is repeated with two split backward
    Euler steps of h/2, which cannot make it so.

    Args:
        Y: see `diffuse_grid`, as `first` and `rows`.
        first: see `Y`.
        rows: see `Y`.
        method: 1 Douglas-Gunn, 2 split backward Euler, shape (s,).
        parts: equal parts of a Douglas-Gunn step, shape (s,).
        theta: apertures, shape (t, 3, n). theta_of: those of each species, shape (s,).
        theta_of: see `theta`.
        near: neighbour quads, shape (4, quads).
        plane: guard quads between the planes, shape (planes + 1,).
        f: factors, see `adi`, shape (sets, 3, n), as `k` (sets, 2, n), `p`, `mass` (sets, n) and `coupling` (sets, 3).
        k: see `f`.
        p: see `f`.
        mass: see `f`.
        coupling: see `f`.
        factor_of: set of each species' scheme, shape (s,).
        safe_of: set for backward Euler of h/2, shape (s,).
        lanes: lanes of each thread where lanes are alone, shape (threads + 1,).
        lows: first quad of each thread's x-lines in each plane, shape (threads, planes).
        highs: one past their last quad, shape (threads, planes).
        cuts: x-planes of each thread, shape (threads + 1,).
        h: step, ms; the factors belong to it.
        work: see `diffuse_grid`, as all that follows.
        tid: see `work`.
        threads: see `work`.
        sync: see `work`.
    """
    repeated = 0
    n = theta.shape[2]
    lo, hi = lanes[tid], lanes[tid + 1]
    before, w = work[1], work[2]
    for s in range(rows.size):
        u = Y[rows[s], first : first + n]
        a = factor_of[s]
        if method[s] == 2:
            lod_shared(u, mass[a], near, plane, f[a], k[a], p[a], w, lows, highs, cuts, tid, threads, sync)
            continue
        copy_range(u, before, lo, hi)
        for _ in range(parts[s]):
            dg_shared(
                u, theta[theta_of[s]], near, plane, f[a], k[a], p[a], w, coupling[a], lows, highs, cuts, tid, threads,
                sync,
            )  # fmt: skip
        bad = agree(sync, threads, voxel_least(u[lo:hi]))
        if bad > 0 and agree(sync, threads, voxel_least(before[lo:hi])) == 0:
            copy_range(before, u, lo, hi)
            repeated += 1
            agree(sync, threads, 0)
            a = safe_of[s]
            for _ in range(2):
                lod_shared(u, mass[a], near, plane, f[a], k[a], p[a], w, lows, highs, cuts, tid, threads, sync)
    return repeated
