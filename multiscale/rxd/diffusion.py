"""Diffusion of species along a tree: ``M du/dt = -K u``, with capacities M (region volumes) and conductances K.

Zero-volume junction nodes carry no amount: they hold the value at which the fluxes into a branch point cancel. All
schemes work on increments, so that the total amount keeps to round-off over any number of steps.
"""

from multiscale.rxd.hines import tree_solve


def junction_values(u, cond, near_start, near, near_edge, n_real):
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


def net_flux(u, cond, cond_run, odd, parent, out):
    """``out = -K u``: the net flow into each node.

    Args:
        u: one field, shape (n,).
        cond: conductance of the edge from a node to its parent, shape (n,).
        cond_run: the same where the parent is the node before, else 0, shape (n,), entry 0 is 0.
        odd: nodes whose parent is not the node before, shape (k,).
        parent: index of each node's parent, shape (n,).
        out: net flow into each node, shape (n,).
    """
    n = u.size
    before, here, after = u[: n - 2], u[1 : n - 1], u[2:]
    left, right, inner = cond_run[1 : n - 1], cond_run[2:], out[1 : n - 1]
    for i in range(n - 2):
        inner[i] = left[i] * (before[i] - here[i]) - right[i] * (here[i] - after[i])
    if n > 1:
        out[0] = -cond_run[1] * (u[0] - u[1])
        out[n - 1] = cond_run[n - 1] * (u[n - 2] - u[n - 1])
    else:
        out[0] = 0.0
    for k in range(odd.size):
        i = odd[k]
        p = parent[i]
        f = cond[i] * (u[p] - u[i])
        out[i] += f
        out[p] -= f


def rkl2(u, minv, cond, cond_run, odd, parent, near_start, near, near_edge, n_real, stages, h, work):
    """One super-time-step of length h: `stages` explicit stages, second order, stable to h*lambda = (s^2 + s - 2) / 2.

    Source: Meyer, Balsara and Aslam (2014), J. Comput. Phys. 257, 594, eqs 16-21, written for the increment D = Y - u.

    Args:
        u: field, shape (n,); only its junctions are written.
        minv: reciprocal capacities, shape (n,), 0 at junctions and where the field does not exist.
        cond: see `net_flux`, as `cond_run`, `odd` and `parent`.
        cond_run: see `net_flux`.
        odd: see `net_flux`.
        parent: see `net_flux`.
        near_start: see `junction_values`, as `near`, `near_edge` and `n_real`.
        near: see `junction_values`.
        near_edge: see `junction_values`.
        n_real: see `junction_values`.
        stages: number of stages, at least 2.
        h: step, ms.
        work: work array, shape (5, n); row 0 holds the result.
    """
    n = u.size
    y, first, new, old, rate = work[0], work[1], work[2], work[3], work[4]
    w1 = 4.0 / (stages * stages + stages - 2.0)
    third = 1.0 / 3.0
    junction_values(u, cond, near_start, near, near_edge, n_real)
    net_flux(u, cond, cond_run, odd, parent, first)
    for i in range(n):
        first[i] = h * minv[i] * first[i]
        y[i] = u[i] + third * w1 * first[i]
    b_old, b_now = third, third
    for j in range(2, stages + 1):
        b = (j * j + j - 2.0) / (2.0 * j * (j + 1.0))
        mu = (2.0 * j - 1.0) / j * b / b_now
        nu = -(j - 1.0) / j * b / b_old
        mu_t = mu * w1
        gamma_t = -(1.0 - b_now) * mu_t
        junction_values(y, cond, near_start, near, near_edge, n_real)
        net_flux(y, cond, cond_run, odd, parent, rate)
        scale = mu_t * h
        if j == 2:  # the increment before is third*w1*first, and the one before that is 0
            share = mu * third * w1 + gamma_t
            for i in range(n):
                old[i] = third * w1 * first[i]
                new[i] = share * first[i] + scale * minv[i] * rate[i]
                y[i] = u[i] + new[i]
        else:
            for i in range(n):
                old[i] = mu * new[i] + nu * old[i] + scale * minv[i] * rate[i] + gamma_t * first[i]
            for i in range(n):
                y[i] = u[i] + old[i]
            new, old = old, new
        b_old, b_now = b_now, b


def ros2_second(mass, rate, k1, gamma, out):
    """Right-hand side of the second ROS2 stage of a linear problem, without another pass over the tree.

    ``(M + g h K) k1 = r`` gives ``h K k1 = (r - M k1) / g``, so ``-K (u + h k1) - 2 M k1 = r - (r - M k1)/g - 2 M k1``.
    """
    a, b = 1.0 - 1.0 / gamma, 1.0 / gamma - 2.0
    for i in range(mass.size):
        out[i] = a * rate[i] + b * mass[i] * k1[i]


def add_scaled(u, a, x, b, y, count):
    """``u += a x + b y`` on the first `count` entries."""
    for i in range(count):
        u[i] += a * x[i] + b * y[i]


def least(u, count):
    """How many of the first `count` entries lie below -1e-12 mM (under one molecule in a cell) or are not numbers."""
    bad = 0
    for i in range(count):
        bad += 0 if u[i] >= -1e-12 else 1
    return bad


def implicit_step(
    u, mass, cond, cond_run, dinv, fac, parent, run_start, run_stop, odd, near_start, near, near_edge, n_real, gamma, h,
    work,
):  # fmt: skip
    """One implicit step on increments: backward Euler for gamma = 1, else ROS2 (L-stable, second order).

    Args:
        u: field, shape (n,); only its junctions are written.
        mass: capacities, um^3, shape (n,).
        cond: see `net_flux`, as `cond_run`, `odd` and `parent`.
        cond_run: see `net_flux`.
        dinv: from `tree_factor` for ``M + gamma h K``, as `fac`.
        fac: see `dinv`.
        parent: see `net_flux`.
        run_start: see `tree_factor`, as `run_stop`.
        run_stop: see `run_start`.
        odd: see `net_flux`.
        near_start: see `junction_values`, as `near`, `near_edge` and `n_real`.
        near: see `near_start`.
        near_edge: see `near_start`.
        n_real: see `near_start`.
        gamma: 1, or 1 - 1/sqrt(2).
        h: step, ms.
        work: work array, shape (5, n); row 0 holds the result.
    """
    n = u.size
    y, k1, k2, rate = work[0], work[1], work[2], work[3]
    junction_values(u, cond, near_start, near, near_edge, n_real)
    net_flux(u, cond, cond_run, odd, parent, k1)
    if gamma == 1.0:
        tree_solve(dinv, fac, parent, run_start, run_stop, k1)
        for i in range(n):
            y[i] = u[i] + h * k1[i]
    else:
        for i in range(n):
            rate[i] = k1[i]
        tree_solve(dinv, fac, parent, run_start, run_stop, k1)
        ros2_second(mass, rate, k1, gamma, k2)
        tree_solve(dinv, fac, parent, run_start, run_stop, k2)
        for i in range(n):
            y[i] = u[i] + h * (1.5 * k1[i] + 0.5 * k2[i])


def diffuse(
    Y, first, rows, method, stages, mass, minv, cond, cond_run, dinv, fac, dinv_safe, fac_safe,
    parent, run_start, run_stop, odd, near_start, near, near_edge, n_real, gamma, h, work,
):  # fmt: skip
    """Diffuse every species over a step h. Returns how many had to be repeated with the positive scheme.

    A second-order scheme may undershoot on rough data; a species that would become negative is repeated with two
    backward Euler steps of h/2, which cannot make it so (their matrix is an M-matrix).

    Args:
        Y: all fields, shape (fields, nodes).
        first: number of the tree's first node; n nodes follow.
        rows: rows that diffuse, shape (k,).
        method: 0 explicit (RKL2), 1 implicit (see `gamma`), shape (k,).
        stages: RKL2 stages, shape (k,).
        mass: capacities, um^3, shape (k, n).
        minv: reciprocal capacities, 0 where there are none, shape (k, n).
        cond: conductance of each edge, um^3/ms, shape (k, n).
        cond_run: see `net_flux`, shape (k, n).
        dinv: factors of ``M + gamma h K``, shape (k, n), as `fac`.
        fac: see `dinv`.
        dinv_safe: factors of ``M + h/2 K``, shape (k, n), as `fac_safe`.
        fac_safe: see `dinv_safe`.
        parent: see `implicit_step`, as all that follows but `work`.
        run_start: see `parent`.
        run_stop: see `parent`.
        odd: see `parent`.
        near_start: see `parent`.
        near: see `parent`.
        near_edge: see `parent`.
        n_real: see `parent`.
        gamma: see `parent`.
        h: step, ms.
        work: work array, shape (5, n).
    """
    repeated = 0
    for k in range(rows.size):
        u, y = Y[rows[k], first : first + mass.shape[1]], work[0]
        if method[k] == 0:
            rkl2(u, minv[k], cond[k], cond_run[k], odd, parent, near_start, near, near_edge, n_real, stages[k], h, work)
        else:
            implicit_step(
                u, mass[k], cond[k], cond_run[k], dinv[k], fac[k], parent, run_start, run_stop, odd, near_start, near,
                near_edge, n_real, gamma, h, work,
            )  # fmt: skip
        if gamma != 1.0 and least(y, n_real) > 0 and least(u, n_real) == 0:
            repeated += 1
            for part in range(2):
                implicit_step(
                    u, mass[k], cond[k], cond_run[k], dinv_safe[k], fac_safe[k], parent, run_start, run_stop, odd,
                    near_start, near, near_edge, n_real, 1.0, 0.5 * h, work,
                )  # fmt: skip
                if part == 0:
                    for i in range(u.size):
                        u[i] = y[i]
        for i in range(u.size):
            u[i] = y[i]
    return repeated
