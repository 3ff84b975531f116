"""Diffusion of species in a grid of voxels: the chosen scheme, and a positive one where it undershoots."""

import numpy as np

from multiscale.rxd.adi import dg_step, euler_step, lod_step
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


def settle(u, out):
    """Take `out` over into u, unless it would be negative where u is not; returns whether it was taken."""
    bad = 0
    for i in range(u.size):
        bad += 0 if out[i] >= -1e-12 else 1
    if bad > 0 and voxel_least(u) == 0:
        return False
    for i in range(u.size):
        u[i] = out[i]
    return True


def voxel_least(u):
    """How many entries lie below -1e-12 mM (under one molecule in a cell) or are not numbers."""
    bad = 0
    for i in range(u.size):
        bad += 0 if u[i] >= -1e-12 else 1
    return bad


def diffuse_grid(
    Y, first, rows, method, stages, safe, theta, theta_of, minv, minv_of, pace, near, plane, q_start,
    q_rows, q_coef, q_minv, q_full, quads_of, f, k, p, mass, coupling, factor_of,
    safe_of, none, h, work,
):  # fmt: skip
    """Diffuse every species of a grid over a step h. Returns how many had to be repeated with the positive scheme.

    The second-order schemes may undershoot on rough data; a species that would become negative is repeated with steps
    that cannot make it so: explicit Euler steps within their limit while they are few, else two of split backward
    Euler.

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
        h: step, ms.
        work: work array, shape (4, n).
    """
    repeated = 0
    n = theta.shape[2]
    for s in range(rows.size):
        u = Y[rows[s], first : first + n]
        a = factor_of[s]
        if method[s] == 2:
            lod_step(u, mass[a], near, plane, f[a], k[a], p[a], work[0])
            continue
        if method[s] == 0:
            q = quads_of[s]
            rkl2_voxels(
                u, work[2], q_start[q], q_rows, q_coef, q_minv, q_full[q], pace[s], 0, q_start.shape[1] - 1, stages[s],
                h, work[0], work[1],
            )  # fmt: skip
            good = settle(u, work[2])
        else:
            before, c = work[3], coupling[a]
            for i in range(n):
                before[i] = u[i]
            for _ in range(stages[s]):
                dg_step(u, theta[theta_of[s]], near, plane, f[a], k[a], p[a], work[0], c[0], c[1], c[2])
            good = voxel_least(u) == 0 or voxel_least(before) > 0
            if not good:
                for i in range(n):
                    u[i] = before[i]
        if not good:
            repeated += 1
            a = safe_of[s]
            if safe[s] > 0:
                c = pace[s] * (h / safe[s])
                for _ in range(safe[s]):
                    euler_step(
                        u, theta[theta_of[s]], minv[minv_of[s]], near, plane, none, work[0], c[0], c[1], c[2]
                    )  # fmt: skip
            else:
                for _ in range(2):
                    lod_step(u, mass[a], near, plane, f[a], k[a], p[a], work[0])
    return repeated
