"""Diffusion of species in a grid of voxels: the chosen scheme, and a positive one where it undershoots."""

import numpy as np

from multiscale.kernels.barrier import agree
from multiscale.rxd.adi import adi_planes, dg_lines, dg_step, euler_step, lod_lines, lod_step
from multiscale.rxd.voxel_rkl2 import rkl2_voxels


def voxel_flow(u, theta, pace, near, out):
    """Net flow into each lane, ``sum over faces of dx D theta (u_j - u_i)``; plain, the slow twin of the fast schemes.

    Args:
        u: one field, shape (n,).
        theta: open share of the faces towards -x, -y, -z, shape (3, n).
        pace: dx times D an axis, um^3/ms, shape (3,).
        near: neighbour quads towards -x, +x, -y, +y, shape (4, quads).
        out: mM um^3/ms, shape (n,); written.
    """
    n = u.size
    for i in range(n):
        out[i] = 0.0
    for q in range(near.shape[1]):
        for lane in range(4):
            i = 4 * q + lane
            j = 4 * np.int64(near[0, q]) + lane
            f = pace[0] * theta[0, i] * (u[j] - u[i])
            out[i] += f
            out[j] -= f
            j = 4 * np.int64(near[2, q]) + lane
            f = pace[1] * theta[1, i] * (u[j] - u[i])
            out[i] += f
            out[j] -= f
            if i > 0:
                f = pace[2] * theta[2, i] * (u[i - 1] - u[i])
                out[i] += f
                out[i - 1] -= f


def legendre_step(u, theta, minv, pace, near, stages, h, before, now, flow):
    """One RKL2 super step, stage after stage over all lanes: the slow twin of `rkl2_voxels`; u is overwritten.

    Source: Meyer, Balsara and Aslam (2014), J. Comput. Phys. 257, 594, in the form of Legendre polynomials.
    """
    n = u.size
    w = 4.0 / (stages * stages + stages - 2.0)
    b = (stages * stages + stages - 2.0) / (2.0 * stages * (stages + 1.0))
    voxel_flow(u, theta, pace, near, flow)
    for i in range(n):
        before[i] = u[i]
        now[i] = u[i] + w * h * minv[i] * flow[i]
    for j in range(2, stages + 1):
        voxel_flow(now, theta, pace, near, flow)
        a, c = (j - 1.0) / j, (2.0 * j - 1.0) / j
        for i in range(n):
            new = now[i] + a * (now[i] - before[i]) + c * w * h * minv[i] * flow[i]
            before[i] = now[i]
            now[i] = new
    for i in range(n):
        u[i] += b * (now[i] - u[i])


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
    """`dg_step` by several threads, with the same bits; c holds its ax, ay, az, and the rest is as in `diffuse_grid`."""
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
    Y, first, rows, method, stages, safe, theta, theta_of, minv, minv_of, pace, near, plane, q_start,
    q_rows, q_coef, q_minv, q_full, quads_of, f, k, p, mass, coupling, factor_of,
    safe_of, none, slabs, lanes, lows, highs, cuts, h, work, tid, threads, sync,
):  # fmt: skip
    """Diffuse every species of a grid over a step h. Returns how many had to be repeated with the positive scheme.

    The second-order schemes may undershoot on rough data; a species that would become negative is repeated with steps
    that cannot make it so: explicit Euler steps within their limit while they are few, else two of split backward
    Euler.

    All threads call this at once, after a meeting at which all have left the fields alone; when it returns, the others
    may still be writing. What they decide they decide together, so that they do the same; the results have the same
    bits for any number of threads.

    Args:
        Y: all fields, shape (fields, nodes).
        first: number of the grid's first lane.
        rows: rows that diffuse, shape (s,).
        method: 0 RKL2, 1 Douglas-Gunn, 2 split backward Euler, shape (s,).
        stages: stages of RKL2, or equal parts of a Douglas-Gunn step, shape (s,).
        safe: number of explicit Euler steps that are positive, 0 for split backward Euler, shape (s,).
        theta: apertures, shape (t, 3, n). theta_of: those of each species, shape (s,).
        theta_of: see `theta`.
        minv: reciprocal capacities, shape (m, n). minv_of: those of each species, shape (s,).
        minv_of: see `minv`.
        pace: dx times D an axis, um^3/ms, shape (s, 3).
        near: neighbour quads, shape (4, quads).
        plane: guard quads between the planes, shape (planes + 1,).
        q_start: lists of quads, see `quads.stack`, as `q_rows`, `q_coef`, `q_minv` and `q_full`.
        q_rows: see `q_start`.
        q_coef: see `q_start`.
        q_minv: see `q_start`.
        q_full: see `q_start`.
        quads_of: the set of each species, shape (s,).
        f: factors, see `adi`, shape (sets, 3, n), as `k` (sets, 2, n), `p`, `mass` (sets, n) and `coupling` (sets, 3).
        k: see `f`.
        p: see `f`.
        mass: see `f`.
        coupling: see `f`.
        factor_of: set of each species' scheme, shape (s,); 0 where it needs none.
        safe_of: set for backward Euler of h/2, shape (s,).
        none: zeros, float32, shape (n,).
        slabs: slabs of each thread for RKL2, shape (threads + 1,).
        lanes: lanes of each thread where lanes are alone, shape (threads + 1,).
        lows: first quad of each thread's x-lines in each plane, shape (threads, planes).
        highs: one past their last quad, shape (threads, planes).
        cuts: x-planes of each thread, shape (threads + 1,).
        h: step, ms.
        work: work arrays, shape (2 + 2 threads, n).
        tid: number of this thread.
        threads: number of threads.
        sync: see `barrier.agree`.
    """
    repeated = 0
    n = theta.shape[2]
    lo, hi = lanes[tid], lanes[tid + 1]
    out, before, w = work[0], work[1], work[2]
    for s in range(rows.size):
        u = Y[rows[s], first : first + n]
        a = factor_of[s]
        if method[s] == 2:
            lod_shared(u, mass[a], near, plane, f[a], k[a], p[a], w, lows, highs, cuts, tid, threads, sync)
            continue
        if method[s] == 0:
            q = quads_of[s]
            rkl2_voxels(
                u, out, q_start[q], q_rows, q_coef, q_minv, q_full[q], pace[s], slabs[tid], slabs[tid + 1], stages[s],
                h, work[2 + 2 * tid], work[3 + 2 * tid],
            )  # fmt: skip
            old = u
        else:
            copy_range(u, before, lo, hi)
            for _ in range(stages[s]):
                dg_shared(
                    u, theta[theta_of[s]], near, plane, f[a], k[a], p[a], w, coupling[a], lows, highs, cuts, tid,
                    threads, sync,
                )  # fmt: skip
            out, old = u, before
        # a field that was negative before is left as it comes
        bad = agree(sync, threads, voxel_least(out[lo:hi]))
        if bad > 0:
            bad = 1 if agree(sync, threads, voxel_least(old[lo:hi])) == 0 else 0
        if method[s] == 0:
            if bad == 0:
                copy_range(out, u, lo, hi)
        else:
            if bad > 0:
                copy_range(before, u, lo, hi)
            out = work[0]
        if bad > 0:
            repeated += 1
            agree(sync, threads, 0)
            a = safe_of[s]
            if safe[s] > 0:
                c = pace[s] * (h / safe[s])
                for _ in range(safe[s] if tid == 0 else 0):
                    euler_step(u, theta[theta_of[s]], minv[minv_of[s]], near, plane, none, w, c[0], c[1], c[2])
                agree(sync, threads, 0)
            else:
                for _ in range(2):
                    lod_shared(u, mass[a], near, plane, f[a], k[a], p[a], w, lows, highs, cuts, tid, threads, sync)
    return repeated
