"""Voxels, branches and channels see each other: means over boundary voxels, shares of what channels move, joins."""


def mirror_rows(Y, rows, entry_node, entry_lane, weight, first):
    """Give voxelised tree nodes the area-weighted mean of their boundary voxels.

    Args:
        Y: all fields, shape (fields, nodes).
        rows: rows that channels read or move, shape (m,).
        entry_node: tree node of each pair, sorted, shape (k,).
        entry_lane: voxel of each pair, shape (k,).
        weight: share of the tree node's membrane, shape (k,).
        first: number of the tree's first node.
    """
    for m in range(rows.size):
        u = Y[rows[m]]
        for k in range(entry_node.size):
            u[first + entry_node[k]] = 0.0
        for k in range(entry_node.size):
            u[first + entry_node[k]] += weight[k] * u[entry_lane[k]]


def broadcast_rows(Y, rows, host, real, first):
    """Give voxels the potential and the gates of their segment, for the chemistry that reads them.

    Args:
        Y: all fields, shape (fields, nodes).
        rows: rows that live on the tree and are read in voxels, shape (m,).
        host: tree node of each lane, shape (lanes,).
        real: whether a lane holds a voxel, shape (lanes,).
        first: number of the tree's first node.
    """
    for m in range(rows.size):
        u = Y[rows[m]]
        for i in range(host.size):
            if real[i]:
                u[i] = u[first + host[i]]


def keep_rows(Y, rows, first, count, kept):
    """Copy some rows at the tree's nodes, shape (m, count), before the currents move them."""
    for m in range(rows.size):
        u = Y[rows[m]]
        for i in range(count):
            kept[m, i] = u[first + i]


def deposit_rows(Y, rows, entry_node, entry_lane, back, first, kept):
    """Give boundary voxels, by their share of the membrane, what the currents moved into the mirrored means.

    Args:
        Y: all fields, shape (fields, nodes).
        rows: rows that currents move, shape (m,).
        entry_node: see `mirror_rows`, as `entry_lane` and `first`.
        entry_lane: see `entry_node`.
        back: change of the voxel for a unit change of the mean, shape (k,).
        first: see `entry_node`.
        kept: rows before the currents, shape (m, tree nodes).
    """
    for m in range(rows.size):
        u = Y[rows[m]]
        for k in range(entry_node.size):
            i = entry_node[k]
            u[entry_lane[k]] += back[k] * (u[first + i] - kept[m, i])


def star_stage(a, b, g, hub_mass, mass, hub_rate, rate, first, last):
    """Solve ``(M - a A) k = b`` for one hub and its voxels, where A is the exchange and b stands in the rate arrays.

    Closed form (one hub couples with all, the voxels not with each other): with q = C / (C + a G) a voxel is
    k_j = q_j b_j / C_j + (1 - q_j) k_hub.

    Args:
        a: implicitness times step, ms.
        b: 0 where the hub has no volume.
        g: conductance of each contact, um^3/ms, shape (k,).
        hub_mass: capacity of the hub, um^3; 0 without one.
        mass: capacity of each contact's voxel, um^3, shape (k,).
        hub_rate: right-hand side of the hub, mM um^3/ms.
        rate: right-hand sides of the voxels, shape (k,); holds k on return.
        first: first contact of the join.
        last: one past its last contact.
    """
    top = b * hub_rate
    bottom = hub_mass
    for k in range(first, last):
        share = a * g[k] / (mass[k] + a * g[k])
        top += share * rate[k]
        bottom += share * mass[k]
    hub = top / bottom if bottom > 0.0 else 0.0
    for k in range(first, last):
        rate[k] = (rate[k] + a * g[k] * hub) / (mass[k] + a * g[k])
    return hub


def exchange_joins(u, hub, start, lane, g, hub_mass, mass, gamma, h, first, rate, old):
    """Exchange between hubs and their voxels over a step h: ROS2 (L-stable, second order), backward Euler for gamma 1.

    Conserves the amount to round-off, whatever the step. A result below 0 is repeated with backward Euler, whose
    matrix is an M-matrix.

    Args:
        u: one field, shape (nodes,).
        hub: tree node of each join or -1, shape (joins,).
        start: first contact of each join, shape (joins + 1,).
        lane: voxel of each contact, shape (k,).
        g: conductance of each contact, um^3/ms, shape (k,).
        hub_mass: capacity of each hub, um^3, shape (joins,).
        mass: capacity of each contact's voxel, um^3, shape (k,).
        gamma: 1, or 1 - 1/sqrt(2).
        h: step, ms.
        first: number of the tree's first node.
        rate: work array, shape (k,).
        old: work array, shape (k,).
    """
    for j in range(hub.size):
        a, b = start[j], start[j + 1]
        has = hub[j] >= 0 and hub_mass[j] > 0.0
        centre = u[first + hub[j]] if has else 0.0
        if not has:
            total = 0.0
            for k in range(a, b):
                total += g[k]
                centre += g[k] * u[lane[k]]
            centre = centre / total if total > 0.0 else 0.0
        flow = 0.0
        for k in range(a, b):
            rate[k] = g[k] * (centre - u[lane[k]])
            flow -= rate[k]
        there = 1.0 if has else 0.0
        k_hub = star_stage(gamma * h, there, g, hub_mass[j] if has else 0.0, mass, flow, rate, a, b)
        least = 1.0
        if gamma != 1.0:
            # second stage: A (u + h k1) - 2 M k1
            middle = centre + h * k_hub
            if not has:
                middle = 0.0
                total = 0.0
                for k in range(a, b):
                    total += g[k]
                    middle += g[k] * (u[lane[k]] + h * rate[k])
                middle = middle / total if total > 0.0 else 0.0
            flow = 0.0
            for k in range(a, b):
                old[k] = rate[k]
                f = g[k] * (middle - u[lane[k]] - h * old[k])
                flow -= f
                rate[k] = f - 2.0 * mass[k] * old[k]
            if has:
                flow -= 2.0 * hub_mass[j] * k_hub
            k_two = star_stage(gamma * h, there, g, hub_mass[j] if has else 0.0, mass, flow, rate, a, b)
            k_hub = 1.5 * k_hub + 0.5 * k_two
            for k in range(a, b):
                rate[k] = 1.5 * old[k] + 0.5 * rate[k]
                least = min(least, u[lane[k]] + h * rate[k])
            if has:
                least = min(least, centre + h * k_hub)
        if least < 0.0:
            flow = 0.0
            for k in range(a, b):
                rate[k] = g[k] * (centre - u[lane[k]])
                flow -= rate[k]
            k_hub = star_stage(h, there, g, hub_mass[j] if has else 0.0, mass, flow, rate, a, b)
        # what the voxels gain the hub loses, and voxels alone gain nothing: to round-off even where h rate is large
        gain, total = 0.0, 0.0
        for k in range(a, b):
            gain += mass[k] * rate[k]
            total += mass[k]
        if has:
            u[first + hub[j]] -= h * gain / hub_mass[j]
        else:
            for k in range(a, b):
                rate[k] -= gain / total
        for k in range(a, b):
            u[lane[k]] += h * rate[k]
