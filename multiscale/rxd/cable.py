"""The cable equation on a tree, one linearly implicit stage: C dv/dt = -A I(v) + sum G (v' - v) + injected current.

Units: capacitance pF, conductance nS, current pA, potential mV, time ms; a membrane current density I is in pA/um^2.
"""


def overlap(t, h, start, stop):
    """Share of the step [t, t + h] that lies inside [start, stop]: a pulse counts exactly, whatever the step."""
    share = (min(t + h, stop) - max(t, start)) / h
    # edges that agree with the step to round-off count as whole
    if share > 1.0 - 1e-9:
        return 1.0
    if share < 1e-9:
        return 0.0
    return share


def electrodes(t, h, v, clamp_node, clamp_time, clamp_value, inject, admit):
    """Current and conductance of the electrodes at their nodes, averaged over the step.

    Args:
        t: start of the step, ms.
        h: step, ms.
        v: potential, mV, shape (n,).
        clamp_node: node of each electrode, shape (k,).
        clamp_time: start and stop, ms, shape (k, 2).
        clamp_value: injected current pA, conductance nS, command potential mV, shape (k, 3).
        inject: current into the node at the present potential, pA, shape (k,); written.
        admit: conductance, nS, shape (k,); written.
    """
    for k in range(clamp_node.size):
        share = overlap(t, h, clamp_time[k, 0], clamp_time[k, 1])
        admit[k] = share * clamp_value[k, 1]
        inject[k] = share * clamp_value[k, 0] + admit[k] * (clamp_value[k, 2] - v[clamp_node[k]])


def clamp_switches(t, h, clamp_time, clamp_value):
    """Whether a voltage clamp switches in the step [t, t + h): such a step is backward Euler, which cannot overshoot.

    ROS2 overshoots a jump of the command by up to a fifth where h is a few times the clamp's time constant.
    """
    for k in range(clamp_value.shape[0]):
        if clamp_value[k, 1] > 0.0:
            for edge in range(2):
                ahead = (clamp_time[k, edge] - t) / h
                if -1e-9 <= ahead < 1.0 - 1e-9:
                    return True
    return False


def electrode_means(keep, weight, theta, clamp_node, inject, admit, k_v, mean):
    """Mean current of each electrode over the step: exactly the charge that the stages of the step brought, over h.

    The two stages of ROS2 add up to ``C (v1 - v0)/h = (f1 + theta J k1)/2 + (f2 + theta J k2)/2``.

    Args:
        keep: 0 in the first stage, 1 in the second.
        weight: of the stage: 1 for backward Euler, 1/2 for each stage of ROS2.
        theta: implicitness times step, ms.
        clamp_node: see `electrodes`, as `inject` and `admit`.
        inject: see `clamp_node`.
        admit: see `clamp_node`.
        k_v: dv/dt of the stage, mV/ms, shape (n,).
        mean: pA, shape (k,); written.
    """
    for k in range(clamp_node.size):
        mean[k] = keep * mean[k] + weight * (inject[k] - theta * admit[k] * k_v[clamp_node[k]])


def cable_matrix(theta, capacitance, area, conductance, axial, kdiag, clamp_node, admit, diag, off):
    """``C + theta (A g + K)`` in symmetric tree form; theta is the step times the scheme's implicitness, ms.

    Args:
        theta: ms.
        capacitance: pF, shape (n,), 0 at junctions.
        area: membrane area, um^2, shape (n,).
        conductance: dI/dv of the membrane, nS/um^2, shape (n,).
        axial: conductance to the parent, nS, shape (n,).
        kdiag: sum of axial conductances at each node, nS, shape (n,).
        clamp_node: see `electrodes`.
        admit: see `electrodes`.
        diag: pF, shape (n,); written.
        off: pF, shape (n,); written.
    """
    for i in range(diag.size):
        diag[i] = capacitance[i] + theta * (area[i] * conductance[i] + kdiag[i])
        off[i] = theta * axial[i]
    for k in range(clamp_node.size):
        diag[clamp_node[k]] += theta * admit[k]


def cable_rates(area, current, clamp_node, inject, out):
    """Add ``-A I`` and the electrodes to the axial flow in `out`, pA, shape (n,)."""
    for i in range(out.size):
        out[i] -= area[i] * current[i]
    for k in range(clamp_node.size):
        out[clamp_node[k]] += inject[k]


def move_ions(Y, first, moved, source, slope, factor, weight, k_v, previous, k_out, h, count):
    """Concentration rates that belong to a voltage stage: exactly the ions whose charge that stage carried.

    Args:
        Y: all fields, shape (fields, nodes); the moved rows are advanced by ``h * k_out``.
        first: number of the tree's first node; n nodes follow.
        moved: rows of the concentrations that currents move, shape (m,).
        source: d(concentration)/dt at the stage, mM/ms, shape (m, nodes).
        slope: its derivative to v, mM/(ms mV), shape (m, nodes).
        factor: implicitness times step, ms.
        weight: weight of the previous stage's rate (-2 in ROS2's second stage, else 0).
        k_v: dv/dt of the stage, mV/ms, shape (n,).
        previous: the previous stage's rates, shape (m, n).
        k_out: this stage's rates, shape (m, n); written.
        h: ms; 0 leaves `Y` alone.
        count: number of nodes with a volume.
    """
    for m in range(moved.size):
        row = Y[moved[m], first:]
        s, d, p, k = source[m, first:], slope[m, first:], previous[m], k_out[m]
        for i in range(count):
            k[i] = s[i] + factor * d[i] * k_v[i] + weight * p[i]
        for i in range(count):
            row[i] += h * k[i]


def move_ions_once(Y, first, moved, source, slope, h, k_v, count):
    """Backward Euler: the moved concentrations advance by h times their rate at the new potential; see `move_ions`."""
    for m in range(moved.size):
        row = Y[moved[m], first:]
        s, d = source[m, first:], slope[m, first:]
        for i in range(count):
            row[i] += h * (s[i] + h * d[i] * k_v[i])


def not_finite(v):
    """How many potentials are not numbers or beyond any battery (1e6 mV)."""
    bad = 0
    for i in range(v.size):
        bad += 0 if abs(v[i]) < 1e6 else 1
    return bad
