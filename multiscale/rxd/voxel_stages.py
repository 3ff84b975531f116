"""One stage of RKL2 in quads of four voxels: written out lane by lane, so that the compiler makes one vector of them.

All loads of a quad come before its stores, and all index terms are unsigned: signed ones are checked for a wrap-around.
"""

import numpy as np


def bend(kx, ky, kz, two, c, m, p, f, b, d, u):
    """Second differences along x, y, z, weighted: c in the middle of m and p, f and b, d and u.

    `two` is 2 but comes as an argument: a literal is compiled into additions, which the processor has too few of.
    """
    return kx * ((m + p) - two * c) + (ky * ((f + b) - two * c) + kz * ((d + u) - two * c))


def inflow(kx, ky, kz, c, tm, m, tp, p, tf, f, tb, b, td, d, tu, u):
    """Flow into c through faces of apertures tm, tp (x), tf, tb (y), td, tu (z) from m, p, f, b, d, u."""
    x = tm * (m - c) + tp * (p - c)
    y = tf * (f - c) + tb * (b - c)
    z = td * (d - c) + tu * (u - c)
    return kx * x + (ky * y + kz * z)


def next_full(rows, lo, hi, src, old, out, kx, ky, kz, two, a):
    """``P_j = P + a (P - P_old) + k . L P`` in quads whose voxels have six open faces and full capacity.

    Args:
        rows: five numbers a quad: its first lane, and the first lane of its neighbour towards -x, +x, -y, +y, 0 (a
            guard) without one, shape (5 quads,).
        lo: first quad.
        hi: one past the last.
        src: P, shape (n,).
        old: P_old, shape (n,).
        out: receives P_j, shape (n,); may be `old`.
        kx: weight of the second difference along x.
        ky: along y.
        kz: along z.
        two: 2, see `bend`.
        a: weight of P - P_old.
    """
    i1, i2, i3, i4 = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    for r in range(lo, hi):
        e = r * np.uintp(5)
        c, m, p = np.uintp(rows[e]), np.uintp(rows[e + i1]), np.uintp(rows[e + i2])
        f, b = np.uintp(rows[e + i3]), np.uintp(rows[e + i4])
        c0, c1, c2, c3 = src[c], src[c + i1], src[c + i2], src[c + i3]
        l0 = bend(kx, ky, kz, two, c0, src[m], src[p], src[f], src[b], src[c - i1], c1)
        l1 = bend(kx, ky, kz, two, c1, src[m + i1], src[p + i1], src[f + i1], src[b + i1], c0, c2)
        l2 = bend(kx, ky, kz, two, c2, src[m + i2], src[p + i2], src[f + i2], src[b + i2], c1, c3)
        l3 = bend(kx, ky, kz, two, c3, src[m + i3], src[p + i3], src[f + i3], src[b + i3], c2, src[c + i4])
        n0 = c0 + (a * (c0 - old[c]) + l0)
        n1 = c1 + (a * (c1 - old[c + i1]) + l1)
        n2 = c2 + (a * (c2 - old[c + i2]) + l2)
        n3 = c3 + (a * (c3 - old[c + i3]) + l3)
        out[c] = n0
        out[c + i1] = n1
        out[c + i2] = n2
        out[c + i3] = n3


def last_full(rows, lo, hi, src, old, u, out, kx, ky, kz, two, a, g):
    """``out = u + g (P_s - u)``, with P_s as in `next_full`."""
    i1, i2, i3, i4 = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    for r in range(lo, hi):
        e = r * np.uintp(5)
        c, m, p = np.uintp(rows[e]), np.uintp(rows[e + i1]), np.uintp(rows[e + i2])
        f, b = np.uintp(rows[e + i3]), np.uintp(rows[e + i4])
        c0, c1, c2, c3 = src[c], src[c + i1], src[c + i2], src[c + i3]
        u0, u1, u2, u3 = u[c], u[c + i1], u[c + i2], u[c + i3]
        l0 = bend(kx, ky, kz, two, c0, src[m], src[p], src[f], src[b], src[c - i1], c1)
        l1 = bend(kx, ky, kz, two, c1, src[m + i1], src[p + i1], src[f + i1], src[b + i1], c0, c2)
        l2 = bend(kx, ky, kz, two, c2, src[m + i2], src[p + i2], src[f + i2], src[b + i2], c1, c3)
        l3 = bend(kx, ky, kz, two, c3, src[m + i3], src[p + i3], src[f + i3], src[b + i3], c2, src[c + i4])
        n0 = u0 + g * ((c0 - u0) + (a * (c0 - old[c]) + l0))
        n1 = u1 + g * ((c1 - u1) + (a * (c1 - old[c + i1]) + l1))
        n2 = u2 + g * ((c2 - u2) + (a * (c2 - old[c + i2]) + l2))
        n3 = u3 + g * ((c3 - u3) + (a * (c3 - old[c + i3]) + l3))
        out[c] = n0
        out[c + i1] = n1
        out[c + i2] = n2
        out[c + i3] = n3


def next_cut(rows, lo, hi, src, old, out, kx, ky, kz, coef, minv, skip, a):
    """As `next_full`, in quads that hold a cut voxel or less than four.

    Args:
        rows: see `next_full`, as all up to `kz`; but the weights are without the capacity.
        lo: see `rows`.
        hi: see `rows`.
        src: see `rows`.
        old: see `rows`.
        out: see `rows`.
        kx: see `rows`.
        ky: see `rows`.
        kz: see `rows`.
        coef: apertures towards -x, +x, -y, +y, -z, +z, four lanes each, shape (24 cut quads,).
        minv: reciprocal capacities, 1/um^3, 0 where there is no voxel, shape (4 cut quads,).
        skip: number of full quads before `lo`.
        a: see `next_full`.
    """
    i1, i2, i3, i4 = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    for r in range(lo, hi):
        e = r * np.uintp(5)
        v = (r - skip) * i4
        s = (r - skip) * np.uintp(24)
        c, m, p = np.uintp(rows[e]), np.uintp(rows[e + i1]), np.uintp(rows[e + i2])
        f, b = np.uintp(rows[e + i3]), np.uintp(rows[e + i4])
        c0, c1, c2, c3 = src[c], src[c + i1], src[c + i2], src[c + i3]
        tm, tp, tf, tb, td, tu = s, s + i4, s + np.uintp(8), s + np.uintp(12), s + np.uintp(16), s + np.uintp(20)
        l0 = minv[v] * inflow(
            kx, ky, kz, c0, coef[tm], src[m], coef[tp], src[p],
            coef[tf], src[f], coef[tb], src[b], coef[td], src[c - i1], coef[tu], c1,
        )  # fmt: skip
        l1 = minv[v + i1] * inflow(
            kx, ky, kz, c1, coef[tm + i1], src[m + i1], coef[tp + i1], src[p + i1],
            coef[tf + i1], src[f + i1], coef[tb + i1], src[b + i1], coef[td + i1], c0, coef[tu + i1], c2,
        )  # fmt: skip
        l2 = minv[v + i2] * inflow(
            kx, ky, kz, c2, coef[tm + i2], src[m + i2], coef[tp + i2], src[p + i2],
            coef[tf + i2], src[f + i2], coef[tb + i2], src[b + i2], coef[td + i2], c1, coef[tu + i2], c3,
        )  # fmt: skip
        l3 = minv[v + i3] * inflow(
            kx, ky, kz, c3, coef[tm + i3], src[m + i3], coef[tp + i3], src[p + i3],
            coef[tf + i3], src[f + i3], coef[tb + i3], src[b + i3], coef[td + i3], c2, coef[tu + i3], src[c + i4],
        )  # fmt: skip
        n0 = c0 + (a * (c0 - old[c]) + l0)
        n1 = c1 + (a * (c1 - old[c + i1]) + l1)
        n2 = c2 + (a * (c2 - old[c + i2]) + l2)
        n3 = c3 + (a * (c3 - old[c + i3]) + l3)
        out[c] = n0
        out[c + i1] = n1
        out[c + i2] = n2
        out[c + i3] = n3


def last_cut(rows, lo, hi, src, old, u, out, kx, ky, kz, coef, minv, skip, a, g):
    """As `last_full`, in quads as in `next_cut`."""
    i1, i2, i3, i4 = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    for r in range(lo, hi):
        e = r * np.uintp(5)
        v = (r - skip) * i4
        s = (r - skip) * np.uintp(24)
        c, m, p = np.uintp(rows[e]), np.uintp(rows[e + i1]), np.uintp(rows[e + i2])
        f, b = np.uintp(rows[e + i3]), np.uintp(rows[e + i4])
        c0, c1, c2, c3 = src[c], src[c + i1], src[c + i2], src[c + i3]
        u0, u1, u2, u3 = u[c], u[c + i1], u[c + i2], u[c + i3]
        tm, tp, tf, tb, td, tu = s, s + i4, s + np.uintp(8), s + np.uintp(12), s + np.uintp(16), s + np.uintp(20)
        l0 = minv[v] * inflow(
            kx, ky, kz, c0, coef[tm], src[m], coef[tp], src[p],
            coef[tf], src[f], coef[tb], src[b], coef[td], src[c - i1], coef[tu], c1,
        )  # fmt: skip
        l1 = minv[v + i1] * inflow(
            kx, ky, kz, c1, coef[tm + i1], src[m + i1], coef[tp + i1], src[p + i1],
            coef[tf + i1], src[f + i1], coef[tb + i1], src[b + i1], coef[td + i1], c0, coef[tu + i1], c2,
        )  # fmt: skip
        l2 = minv[v + i2] * inflow(
            kx, ky, kz, c2, coef[tm + i2], src[m + i2], coef[tp + i2], src[p + i2],
            coef[tf + i2], src[f + i2], coef[tb + i2], src[b + i2], coef[td + i2], c1, coef[tu + i2], c3,
        )  # fmt: skip
        l3 = minv[v + i3] * inflow(
            kx, ky, kz, c3, coef[tm + i3], src[m + i3], coef[tp + i3], src[p + i3],
            coef[tf + i3], src[f + i3], coef[tb + i3], src[b + i3], coef[td + i3], c2, coef[tu + i3], src[c + i4],
        )  # fmt: skip
        n0 = u0 + g * ((c0 - u0) + (a * (c0 - old[c]) + l0))
        n1 = u1 + g * ((c1 - u1) + (a * (c1 - old[c + i1]) + l1))
        n2 = u2 + g * ((c2 - u2) + (a * (c2 - old[c + i2]) + l2))
        n3 = u3 + g * ((c3 - u3) + (a * (c3 - old[c + i3]) + l3))
        out[c] = n0
        out[c + i1] = n1
        out[c + i2] = n2
        out[c + i3] = n3
