"""Diffusion of species along a tree: ``M du/dt = -K u``, with capacities M (region volumes) and conductances K.

Zero-volume junction nodes carry no amount: they hold the value at which the fluxes into a branch point cancel. All
schemes work on increments, so that the total amount keeps to round-off over any number of steps.
"""

from multiscale.rxd.hines import tree_solve


def junction_values(u, cond, near_start, near, near_edge, n_real):  # type: ignore[no-untyped-def]
    """Set each junction to the conductance-weighted mean of its neighbours, where the net flux into it vanishes.

    Args:
        u: one field, shape (n,); entries from ``n_real`` on are written.
        cond: conductance of the edge from a node to its parent, shape (n,).
        near_start: where each junction's neighbours begin in `near`, shape (junctions + 1,).
        near: neighbours of the junctions, one list after another.
        near_edge: the edge (named by its child node) to each of them.
        n_real: number of nodes with a volume.
    """
    for j in range(near_start.size - 1):
        total = 0.0
        flow = 0.0
        for k in range(near_start[j], near_start[j + 1]):
            total += cond[near_edge[k]]
            flow += cond[near_edge[k]] * u[near[k]]
        if total > 0.0:
            u[n_real + j] = flow / total


def net_flux(u, cond, cond_run, odd, parent, flux, out):  # type: ignore[no-untyped-def]
    """``out = -K u``: the net flow into each node.

    Args:
        u: one field, shape (n,).
        cond: conductance of the edge from a node to its parent, shape (n,).
        cond_run: the same where the parent is the node before, else 0, shape (n,), entry 0 is 0.
        odd: nodes whose parent is not the node before, shape (k,).
        parent: index of each node's parent, shape (n,).
        flux: work array, shape (n + 1,).
        out: net flow into each node, shape (n,).
    """
    n = u.size
    flux[0] = 0.0
    flux[n] = 0.0
    for i in range(n - 1):
        flux[i + 1] = cond_run[i + 1] * (u[i] - u[i + 1])
    for i in range(n):
        out[i] = flux[i] - flux[i + 1]
    for k in range(odd.size):
        i = odd[k]
        p = parent[i]
        f = cond[i] * (u[p] - u[i])
        out[i] += f
        out[p] -= f


def rkl2(u, minv, cond, cond_run, odd, parent, near_start, near, near_edge, n_real, stages, h, work):  # type: ignore[no-untyped-def]
    """One super-time-step of length h: `stages` explicit stages, second order, stable to h*lambda = (s^2 + s - 2) / 2.

    Source: Meyer, Balsara and Aslam (2014), J. Comput. Phys. 257, 594, eqs 16-21, written for the increment D = Y - u.

    Args:
        u: field, shape (n,); advanced in place.
        minv: reciprocal capacities, shape (n,), 0 at junctions and where the field does not exist.
        cond, cond_run, odd, parent, near_start, near, near_edge, n_real: see `net_flux` and `junction_values`.
        stages: number of stages, at least 2.
        h: step, ms.
        work: work array, shape (6, n + 1).
    """
    n = u.size
    y, first, d1, d2, rate, flux = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n], work[5]
    w1 = 4.0 / (stages * stages + stages - 2.0)
    third = 1.0 / 3.0
    junction_values(u, cond, near_start, near, near_edge, n_real)
    net_flux(u, cond, cond_run, odd, parent, flux, rate)
    for i in range(n):
        r = h * minv[i] * rate[i]
        first[i] = r
        d2[i] = 0.0
        d1[i] = third * w1 * r
        y[i] = u[i] + third * w1 * r
    b_old, b_now = third, third
    for j in range(2, stages + 1):
        b = (j * j + j - 2.0) / (2.0 * j * (j + 1.0))
        mu = (2.0 * j - 1.0) / j * b / b_now
        nu = -(j - 1.0) / j * b / b_old
        mu_t = mu * w1
        gamma_t = -(1.0 - b_now) * mu_t
        junction_values(y, cond, near_start, near, near_edge, n_real)
        net_flux(y, cond, cond_run, odd, parent, flux, rate)
        for i in range(n):
            d = mu * d1[i] + nu * d2[i] + mu_t * (h * minv[i] * rate[i]) + gamma_t * first[i]
            d2[i] = d1[i]
            d1[i] = d
            y[i] = u[i] + d
        b_old, b_now = b_now, b
    for i in range(n):
        u[i] = y[i]
    junction_values(u, cond, near_start, near, near_edge, n_real)


def implicit_rates(u, cond, cond_run, odd, parent, near_start, near, near_edge, n_real, flux, out):  # type: ignore[no-untyped-def]
    """Right-hand side ``-K u`` of the implicit stages, with the junctions made consistent first (arguments as above)."""
    junction_values(u, cond, near_start, near, near_edge, n_real)
    net_flux(u, cond, cond_run, odd, parent, flux, out)


def ros2_second(mass, rate, k1, gamma, out):  # type: ignore[no-untyped-def]
    """Right-hand side of the second ROS2 stage of a linear problem, without another pass over the tree.

    ``(M + g h K) k1 = r`` gives ``h K k1 = (r - M k1) / g``, so ``-K (u + h k1) - 2 M k1 = r - (r - M k1)/g - 2 M k1``.
    """
    for i in range(mass.size):
        out[i] = rate[i] - (rate[i] - mass[i] * k1[i]) / gamma - 2.0 * mass[i] * k1[i]


def add_scaled(u, a, x, b, y, count):  # type: ignore[no-untyped-def]
    """``u += a x + b y`` on the first `count` entries."""
    for i in range(count):
        u[i] += a * x[i] + b * y[i]


def least(u, count):  # type: ignore[no-untyped-def]
    """How many of the first `count` entries lie below -1e-12 mM (under one molecule in a cell) or are not numbers."""
    bad = 0
    for i in range(count):
        bad += 0 if u[i] >= -1e-12 else 1
    return bad


def implicit_step(u, mass, cond, cond_run, dinv, fac, parent, run_start, run_stop, odd, near_start, near, near_edge, n_real, gamma, h, work):  # type: ignore[no-untyped-def]
    """One implicit step on increments: backward Euler for gamma = 1, else ROS2 (L-stable, second order).

    Args:
        u: field, shape (n,); advanced in place.
        mass: capacities, um^3, shape (n,).
        dinv, fac: factors of ``M + gamma h K``.
        gamma: 1, or 1 - 1/sqrt(2).
        h: step, ms.
        work: work array, shape (6, n + 1).
        The rest: see `net_flux`, `junction_values` and `tree_factor`.
    """
    n = u.size
    rate, k1, k2, flux = work[0, :n], work[1, :n], work[2, :n], work[3]
    if gamma == 1.0:
        implicit_rates(u, cond, cond_run, odd, parent, near_start, near, near_edge, n_real, flux, k1)
        tree_solve(dinv, fac, parent, run_start, run_stop, k1)
        for i in range(n):
            u[i] += h * k1[i]
    else:
        implicit_rates(u, cond, cond_run, odd, parent, near_start, near, near_edge, n_real, flux, rate)
        for i in range(n):
            k1[i] = rate[i]
        tree_solve(dinv, fac, parent, run_start, run_stop, k1)
        ros2_second(mass, rate, k1, gamma, k2)
        tree_solve(dinv, fac, parent, run_start, run_stop, k2)
        add_scaled(u, 1.5 * h, k1, 0.5 * h, k2, n)


def diffuse(
    Y, rows, method, stages, mass, minv, cond, cond_run, dinv, fac, dinv_safe, fac_safe,
    parent, run_start, run_stop, odd, near_start, near, near_edge, n_real, gamma, h, work,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Diffuse every species over a step h. Returns how many had to be repeated with the positive scheme.

    A second-order scheme may undershoot on rough data; a species that became negative is taken back and repeated with
    two backward Euler steps of h/2, which cannot (their matrix is an M-matrix).

    Args:
        Y: all fields, shape (fields, n).
        rows: rows that diffuse, shape (k,).
        method: 0 explicit (RKL2), 1 implicit (see `gamma`), shape (k,).
        stages: RKL2 stages, shape (k,).
        mass, minv, cond, cond_run: capacities, their reciprocals and conductances, shape (k, n).
        dinv, fac: factors of ``M + gamma h K``, shape (k, n); dinv_safe, fac_safe: of ``M + h/2 K``.
        h: step, ms.
        work: work array, shape (7, n + 1).
        The rest: see `implicit_step`.
    """
    repeated = 0
    n = Y.shape[1]
    for k in range(rows.size):
        u = Y[rows[k]]
        before = work[6, :n]
        if gamma != 1.0:
            for i in range(n):
                before[i] = u[i]
        if method[k] == 0:
            rkl2(u, minv[k], cond[k], cond_run[k], odd, parent, near_start, near, near_edge, n_real, stages[k], h, work)
        else:
            implicit_step(
                u, mass[k], cond[k], cond_run[k], dinv[k], fac[k], parent, run_start, run_stop, odd, near_start, near, near_edge,
                n_real, gamma, h, work,
            )  # fmt: skip
        if gamma != 1.0 and least(u, n_real) > 0 and least(before, n_real) == 0:
            repeated += 1
            for i in range(n):
                u[i] = before[i]
            for _ in range(2):
                implicit_step(
                    u, mass[k], cond[k], cond_run[k], dinv_safe[k], fac_safe[k], parent, run_start, run_stop, odd, near_start,
                    near, near_edge, n_real, 1.0, 0.5 * h, work,
                )  # fmt: skip
    return repeated
