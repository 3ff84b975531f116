"""Diffusion on lanes by tridiagonal solves along x, y and z: Douglas-Gunn, and a positive scheme of first order.

All sweeps carry *amounts*: a solve ``(C + a L) v = b`` along an axis takes amounts b and gives amounts C v, so that the
capacities C need no array of their own between the axes. Elimination runs through a line with prefix capacities e,

    f_i = g_i / (e_(i-1) + g_i)    e_i = C_i + f_i e_(i-1)    k_i = C_i / e_i          (g: a D dx theta of the face)
    y_i = b_i + f_i y_(i-1)                                       onward
    amount_i = k_i s_i    s_(i-1) = (s_i - k_i s_i) + (y_(i-1) - f_i y_(i-1))          back, from s = y at the end

What leaves a lane arrives in the next whatever the values of f and k are: amounts keep to the round-off of float64 with
f in float32. With 0 <= f, k <= 1 nothing becomes negative, in floating point too. Along z, the last axis, the back
sweep gives v itself: ``v_i = p_i y_i + f v_before`` with ``p_i = (1 - f_next) / e_i``, which keeps amounts as well;
there elimination runs from the high end, so that v comes out in ascending order.

A quad is four lanes, written out, so that the compiler puts them in one register. Along z a quad is solved with what
enters it left out, in parallel, and then joined: one multiplication and addition a quad is on the dependency chain.
Loops run over ranges of quads: whole x-lines, or whole x-planes. Threads that own disjoint ranges give the same bits.
Lanes without a voxel have f = 0, k = 1 and closed faces; their values must be finite and do not change.
"""

import numpy as np


def adi_flow(u, tx, ty, tz, i, xm, xp, ym, yp, ax, ay, az):
    """Amount that enters lane i through its six faces: apertures tx, ty, tz times differences times ax, ay, az."""
    one = np.uintp(1)
    c = u[i]
    x = tx[i] * (u[xm] - c) + tx[xp] * (u[xp] - c)
    y = ty[i] * (u[ym] - c) + ty[yp] * (u[yp] - c)
    z = tz[i] * (u[i - one] - c) + tz[i + one] * (u[i + one] - c)
    return ax * x + ay * y + az * z


def adi_begin_flow(u, theta, near, f, w, ax, ay, az, lo, hi):
    """Start a Douglas-Gunn step: flows of all axes, and elimination along x, towards +x.

    Args:
        u: concentration, mM, at least 4 quads long.
        theta: apertures of the faces towards -x, -y, -z, shape (3, n).
        near: neighbour quads, shape (4, quads), see `GridMesh`.
        f: factors along x, shape (n,).
        w: amounts after elimination on return, shape (n,); the guard's are 0.
        ax: dt D_x dx, um^3, as `ay`, `az`.
        ay: see `ax`.
        az: see `ax`.
        lo: first quad.
        hi: one past the last quad.
    """
    four, one, two, three = np.uintp(4), np.uintp(1), np.uintp(2), np.uintp(3)
    tx, ty, tz = theta[0], theta[1], theta[2]
    xms, xps, yms, yps = near[0], near[1], near[2], near[3]
    for q in range(np.uintp(lo), np.uintp(hi)):
        i = q * four
        xm, xp = np.uintp(xms[q]) * four, np.uintp(xps[q]) * four
        ym, yp = np.uintp(yms[q]) * four, np.uintp(yps[q]) * four
        y0 = adi_flow(u, tx, ty, tz, i, xm, xp, ym, yp, ax, ay, az) + f[i] * w[xm]
        j, xm, xp, ym, yp = i + one, xm + one, xp + one, ym + one, yp + one
        y1 = adi_flow(u, tx, ty, tz, j, xm, xp, ym, yp, ax, ay, az) + f[j] * w[xm]
        j, xm, xp, ym, yp = j + one, xm + one, xp + one, ym + one, yp + one
        y2 = adi_flow(u, tx, ty, tz, j, xm, xp, ym, yp, ax, ay, az) + f[j] * w[xm]
        j, xm, xp, ym, yp = j + one, xm + one, xp + one, ym + one, yp + one
        y3 = adi_flow(u, tx, ty, tz, j, xm, xp, ym, yp, ax, ay, az) + f[j] * w[xm]
        w[i] = y0
        w[i + one] = y1
        w[i + two] = y2
        w[i + three] = y3


def adi_begin_amount(u, mass, minus, f, w, lo, hi):
    """Start a split backward Euler step: amounts ``mass * u``, and elimination along x.

    Args:
        u: concentration, mM.
        mass: capacities, um^3, but 1 where there is no voxel, so that such lanes keep their value; shape (n,).
        minus: neighbour quads towards -x, shape (quads,).
        f: factors along x, shape (n,).
        w: amounts after elimination on return, shape (n,).
        lo: first quad.
        hi: one past the last quad.
    """
    four, one, two, three = np.uintp(4), np.uintp(1), np.uintp(2), np.uintp(3)
    for q in range(np.uintp(lo), np.uintp(hi)):
        i, m = q * four, np.uintp(minus[q]) * four
        y0 = mass[i] * u[i] + f[i] * w[m]
        y1 = mass[i + one] * u[i + one] + f[i + one] * w[m + one]
        y2 = mass[i + two] * u[i + two] + f[i + two] * w[m + two]
        y3 = mass[i + three] * u[i + three] + f[i + three] * w[m + three]
        w[i] = y0
        w[i + one] = y1
        w[i + two] = y2
        w[i + three] = y3


def adi_onward(w, f, minus, lo, hi):
    """Elimination along y, in place: ``y_i = b_i + f_i y_(i-1)``, quads ascending; arguments as in `adi_back`."""
    four, one, two, three = np.uintp(4), np.uintp(1), np.uintp(2), np.uintp(3)
    for q in range(np.uintp(lo), np.uintp(hi)):
        i, m = q * four, np.uintp(minus[q]) * four
        y0 = w[i] + f[i] * w[m]
        y1 = w[i + one] + f[i + one] * w[m + one]
        y2 = w[i + two] + f[i + two] * w[m + two]
        y3 = w[i + three] + f[i + three] * w[m + three]
        w[i] = y0
        w[i + one] = y1
        w[i + two] = y2
        w[i + three] = y3


def adi_back(w, f, k, minus, lo, hi):
    """Back sweep along x or y, in place, quads descending: each keeps its share and hands the rest on.

    Args:
        w: amounts: after elimination on entry, of the solution on return, shape (n,).
        f: factors along the axis, shape (n,), as `k`.
        k: see `f`.
        minus: neighbour quads towards minus along the axis, shape (quads,).
        lo: first quad.
        hi: one past the last quad.
    """
    four, one, two, three = np.uintp(4), np.uintp(1), np.uintp(2), np.uintp(3)
    lo = np.uintp(lo)
    q = np.uintp(hi)
    while q > lo:
        q -= one
        i, m = q * four, np.uintp(minus[q]) * four
        s0, s1, s2, s3 = w[i], w[i + one], w[i + two], w[i + three]
        y0, y1, y2, y3 = w[m], w[m + one], w[m + two], w[m + three]
        a0 = k[i] * s0
        a1 = k[i + one] * s1
        a2 = k[i + two] * s2
        a3 = k[i + three] * s3
        y0 = (s0 - a0) + (y0 - f[i] * y0)
        y1 = (s1 - a1) + (y1 - f[i + one] * y1)
        y2 = (s2 - a2) + (y2 - f[i + two] * y2)
        y3 = (s3 - a3) + (y3 - f[i + three] * y3)
        w[i] = a0
        w[i + one] = a1
        w[i + two] = a2
        w[i + three] = a3
        w[m] = y0
        w[m + one] = y1
        w[m + two] = y2
        w[m + three] = y3


def adi_onward_z(w, f, p, lo, hi):
    """Elimination along z from the high end, in place: ``y_i = b_i + f_i y_(i+1)``; leaves ``p_i y_i``.

    Args:
        w: amounts on entry, shape (n,).
        f: factors along z, ``f_i`` belongs to the face between lanes i and i + 1, shape (n,).
        p: factors along z, 1/um^3, shape (n,).
        lo: first quad.
        hi: one past the last quad.
    """
    four, one, two, three = np.uintp(4), np.uintp(1), np.uintp(2), np.uintp(3)
    lo = np.uintp(lo) * four
    i = np.uintp(hi) * four
    y = 0.0
    while i > lo:
        i -= four
        b0, b1, b2, b3 = w[i], w[i + one], w[i + two], w[i + three]
        f0, f1, f2, f3 = np.float64(f[i]), np.float64(f[i + one]), np.float64(f[i + two]), np.float64(f[i + three])
        t2, f23 = b2 + f2 * b3, f2 * f3
        t0, f01 = b0 + f0 * b1, f0 * f1
        y3 = b3 + f3 * y
        y2 = t2 + f23 * y
        y = (t0 + f01 * t2) + (f01 * f23) * y
        y1 = b1 + f1 * y2
        w[i] = p[i] * y
        w[i + one] = p[i + one] * y1
        w[i + two] = p[i + two] * y2
        w[i + three] = p[i + three] * y3


def adi_back_z(w, f, u, keep, lo, hi):
    """Back sweep along z, lanes ascending: ``v_i = w_i + f_(i-1) v_(i-1)`` and ``u = keep u + v``.

    Args:
        w: from `adi_onward_z`, shape (n,).
        f: factors along z, shape (n,).
        u: concentration, mM.
        keep: 1 where v is an increment, 0 where it is the new value.
        lo: first quad.
        hi: one past the last quad.
    """
    four, one, two, three = np.uintp(4), np.uintp(1), np.uintp(2), np.uintp(3)
    i, end = np.uintp(lo) * four, np.uintp(hi) * four
    v = 0.0
    while i < end:
        q0, q1, q2, q3 = w[i], w[i + one], w[i + two], w[i + three]
        f0, f1, f2, f3 = np.float64(f[i - one]), np.float64(f[i]), np.float64(f[i + one]), np.float64(f[i + two])
        t1, f01 = q1 + f1 * q0, f0 * f1
        t3, f23 = q3 + f3 * q2, f2 * f3
        v0 = q0 + f0 * v
        v1 = t1 + f01 * v
        v = (t3 + f23 * t1) + (f01 * f23) * v
        v2 = q2 + f2 * v1
        u0 = keep * u[i] + v0
        u1 = keep * u[i + one] + v1
        u2 = keep * u[i + two] + v2
        u3 = keep * u[i + three] + v
        u[i] = u0
        u[i + one] = u1
        u[i + two] = u2
        u[i + three] = u3
        i += four


def adi_planes(u, near, plane, f, k, p, w, keep, first, stop):
    """The sweeps along y and z, and the new u, for the x-planes ``first <= j < stop``; arguments as in `dg_step`."""
    for j in range(first, stop):
        lo, hi = plane[j] + 1, plane[j + 1]
        adi_onward(w, f[1], near[2], lo, hi)
        adi_back(w, f[1], k[1], near[2], lo, hi)
        adi_onward_z(w, f[2], p, lo, hi)
        adi_back_z(w, f[2], u, keep, lo, hi)


def adi_guard(w):
    """Clear the guard quad, to which missing neighbours point."""
    for i in range(4):
        w[i] = 0.0


def dg_lines(u, theta, near, f, k, w, ax, ay, az, lows, highs):
    """First phase of `dg_step` for some x-lines: reads u, leaves the amounts after the sweep along x in w.

    Args:
        u: see `dg_step`, as all that follows but `lows` and `highs`.
        theta: see `u`.
        near: see `u`.
        f: see `u`.
        k: see `u`.
        w: see `u`.
        ax: see `u`.
        ay: see `u`.
        az: see `u`.
        lows: first quad of the lines in each plane, shape (planes,).
        highs: one past the last quad of the lines in each plane, shape (planes,).
    """
    adi_guard(w)
    for j in range(lows.size):
        adi_begin_flow(u, theta, near, f[0], w, ax, ay, az, lows[j], highs[j])
    for j in range(lows.size - 1, -1, -1):
        adi_back(w, f[0], k[0], near[0], lows[j], highs[j])


def dg_step(u, theta, near, plane, f, k, p, w, ax, ay, az):
    """One Douglas-Gunn step on one thread: two passes through memory, each plane's y and z sweeps while it is in cache.

    ``(C + dt/2 L_x) v1 = -dt L u; (C + dt/2 L_y) v2 = C v1; (C + dt/2 L_z) v3 = C v2; u += v3``.
    Source: Douglas and Gunn (1964), Numer. Math. 6, 428, in the form of increments. The same bits come from `dg_lines`
    for all lines and then `adi_planes` (keep = 1) for all planes.

    Second order, but *not* unconditionally stable: on every domain but a box the axes do not commute, and the spectral
    radius passes 1 at some r = D dt / dx^2, from 1 (random cut cells) to 4 (tubes), and then grows in proportion to r.
    Callers cut the step at `DG_LIMIT`. Overshoot of data between 0 and 1 on tubes of radius 4 to 10 voxels: none up to
    r = 0.4; at r = 0.7, 1, 3 of a front 0.01, 0.1, 0.3; of one voxel 0.03, 0.1, 0.3; of random values 0.2, 0.4, 1.6; of
    a checkerboard 0.3, 0.5, 2.3. Largest error of a bell of width 6 dx in a branched shape after 1.6 dx^2/D (in which
    it falls by 0.23) at r = 0.1, 0.4, 0.8: 1e-4, 1.6e-3, 1.6e-2.

    Args:
        u: concentration, mM; changed.
        theta: apertures of the faces towards -x, -y, -z, shape (3, n).
        near: neighbour quads, shape (4, quads), see `GridMesh`.
        plane: guard quads between the planes, shape (planes + 1,).
        f: factors, shape (3, n), see `AdiFactors`, as `k` and `p`.
        k: shape (2, n).
        p: shape (n,).
        w: work array, shape (n,).
        ax: dt D_x dx, um^3, as `ay`, `az`.
        ay: see `ax`.
        az: see `ax`.
    """
    adi_guard(w)
    planes = plane.size - 1
    for j in range(planes):
        adi_begin_flow(u, theta, near, f[0], w, ax, ay, az, plane[j] + 1, plane[j + 1])
    for j in range(planes - 1, -1, -1):
        adi_back(w, f[0], k[0], near[0], plane[j] + 1, plane[j + 1])
        adi_planes(u, near, plane, f, k, p, w, 1.0, j, j + 1)


def lod_lines(u, mass, near, f, k, w, lows, highs):
    """First phase of `lod_step` for some x-lines, as `dg_lines`."""
    adi_guard(w)
    for j in range(lows.size):
        adi_begin_amount(u, mass, near[0], f[0], w, lows[j], highs[j])
    for j in range(lows.size - 1, -1, -1):
        adi_back(w, f[0], k[0], near[0], lows[j], highs[j])


def lod_step(u, mass, near, plane, f, k, p, w):
    """One split backward Euler step: ``u' = (C + dt L_z)^-1 C (C + dt L_y)^-1 C (C + dt L_x)^-1 C u``.

    Source: Yanenko (1971), The Method of Fractional Steps, chapter 2. Each factor is the inverse of an M-matrix with
    row sums C, so that nothing becomes negative or exceeds the largest value before, at any step and for any data.

    First order, with a splitting error at cut surfaces: the bell of `dg_step` is wrong by 0.012, 0.036, 0.059, so that
    this is for data too rough for the other schemes or for very long steps, not for accuracy. Two half steps give
    0.006, 0.021, 0.036; one in the order x, y, z and one in z, y, x, also of first order, 0.004, 0.014, 0.028.

    Args:
        u: concentration, mM; changed.
        mass: see `adi_begin_amount`, shape (n,).
        near: see `dg_step`, as `plane`, `f`, `k`, `p` (those of `lod_factors`) and `w`.
        plane: see `near`.
        f: see `near`.
        k: see `near`.
        p: see `near`.
        w: see `near`.
    """
    adi_guard(w)
    planes = plane.size - 1
    for j in range(planes):
        adi_begin_amount(u, mass, near[0], f[0], w, plane[j] + 1, plane[j + 1])
    for j in range(planes - 1, -1, -1):
        adi_back(w, f[0], k[0], near[0], plane[j] + 1, plane[j + 1])
        adi_planes(u, near, plane, f, k, p, w, 0.0, j, j + 1)


def adi_factor(mass, theta, a, minus, lo, hi, e, f, k):
    """Factors along x or y, quads ascending.

    Args:
        mass: capacities, um^3, not 0, shape (n,).
        theta: apertures of the faces towards minus along the axis, shape (n,).
        a: implicit share of dt D dx, um^3.
        minus: neighbour quads towards minus along the axis, shape (quads,).
        lo: first quad.
        hi: one past the last quad.
        e: work array, shape (n,).
        f: shape (n,), on return; e and k belong to f as it is rounded there.
        k: shape (n,), on return.
    """
    four = np.uintp(4)
    for q in range(np.uintp(lo), np.uintp(hi)):
        for lane in range(np.uintp(4)):
            i, m = q * four + lane, np.uintp(minus[q]) * four + lane
            g = a * np.float64(theta[i])
            f[i] = g / (e[m] + g) if g > 0.0 else 0.0
            e[i] = mass[i] + f[i] * e[m]
            k[i] = mass[i] / e[i]


def adi_factor_z(mass, theta, a, lo, hi, f, p):
    """Factors along z, from the high end; arguments as in `adi_factor`, p as in `adi_onward_z`."""
    one = np.uintp(1)
    lo = np.uintp(lo) * np.uintp(4)
    i = np.uintp(hi) * np.uintp(4)
    e = 1.0
    while i > lo:
        i -= one
        g = a * np.float64(theta[i + one])
        f[i] = g / (e + g) if g > 0.0 else 0.0
        p[i + one] = (1.0 - np.float64(f[i])) / e
        e = mass[i] + f[i] * e
    p[lo] = 1.0 / e
