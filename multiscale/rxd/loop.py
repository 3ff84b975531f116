"""Text of the generated time loop: the parts of a step in the scheme's order, samples, sources.

Where a cell is voxelised, channels and gates see means over their boundary voxels, and the order of channels and
chemistry is reversed in the second half of a step, so that a symmetric scheme stays of second order.
"""

from multiscale.rxd.cell_mesh import CellMesh
from multiscale.rxd.ir import Kernel
from multiscale.rxd.steppers.base import Part, Stepper
from multiscale.rxd.system import System

TREE = "parent, run_start, run_stop, odd, near_start, near, near_edge, n_real"
SPREAD = "d_rows, d_method, d_stages, d_mass, d_minv, d_cond, d_run, d_inv, d_fac, d_inv_safe, d_fac_safe"
VOLTAGE = "capacitance, area, axial, axial_run, kdiag, moved, clamp_node, clamp_time, clamp_value"
SCRATCH = (
    "W, work, cur, cond, cond_2, source, slope, slope_2, k1, k2, c1, c2, diag, off, v_inv, v_fac, rate, "
    "inject, admit, mean"
)
RECORD = "rec_row, rec_node, out, out_inject"
INLET = "in_row, in_node, in_per, in_source, in_amount"
CROSSING = "mirrored, broadcast, entry_node, entry_lane, entry_weight, entry_back, host, real, kept"
JOINS = "j_rows, j_hub, j_start, j_lane, j_cond, j_hub_mass, j_mass, j_rate, j_old"
# of one grid of voxels; {k} is its number
_GRID_NAMES = (
    "first rows method stages safe theta theta_of minv minv_of pace near plane q_start q_rows q_coef q_minv q_full "
    "quads_of f k p mass coupling factor_of safe_of none"
)
GRID = ", ".join(f"g{{k}}_{name}" for name in _GRID_NAMES.split())
WORK = ", g{k}_work"

Chosen = list[tuple[Kernel, int]]  # kernels with the numbers of their groups


def advance_source(system: System, stepper: Stepper, react: Chosen, membrane: Chosen) -> str:
    """Function ``advance(...) -> status, steps done, samples, repeated diffusion steps``."""
    parts = stepper.parts(system.diffuses, bool(react), system.cable is not None)
    nodes = "".join(f"nodes_{g}, " for g in range(len(system.groups)))
    grids = "".join((GRID + WORK).format(k=k) + ", " for k in range(len(system.grids)))
    crossing = f"{CROSSING}, " if isinstance(system.mesh, CellMesh) else ""
    joins = f"{JOINS}, " if system.joins is not None else ""
    row = system.cable.row if system.cable else 0
    lines = [
        "",
        "",
        "@JIT",
        (
            f"def advance(Y, Q, P, {nodes}{TREE}, {SPREAD}, {VOLTAGE}, {SCRATCH}, {RECORD}, {INLET}, first, "
            f"{crossing}{joins}{grids}t_zero, h, first_step, steps, every, tol):"
        ),
        "    repeated = 0",
        "    written = 0",
        f"    v = Y[{row}, first:]",
        "    for step in range(steps):",
        "        t = t_zero + (first_step + step) * h",
        "        status = 0",
    ]
    at = _inlets(parts, stepper)
    for k, part in enumerate(parts):
        lines += [f"        # {part.kind}: {part.share} of the step"]
        lines += _let_in(at.get(k))
        if part.kind == "diffuse":
            lines += _diffuse_lines(system, stepper, part)
        elif part.kind == "react":
            lines += _react_lines(system, part, react)
        else:
            lines += _membrane_lines(system, stepper, membrane)
    lines += _let_in(at.get(len(parts)))
    lines += [
        "        if status != 0:",
        "            return status, step, written, repeated",
        "        if (step + 1) % every == 0:",
        "            for k in range(rec_row.size):",
        "                out[written, k] = Y[rec_row[k], rec_node[k]]",
    ]
    if system.cable:
        lines += [
            "            for k in range(mean.size):",
            "                out_inject[written, k] = mean[k]",
        ]
    return "\n".join([*lines, "            written += 1", "    return 0, steps, written, repeated", ""])


def _inlets(parts: tuple[Part, ...], stepper: Stepper) -> dict[int, float]:
    """Before which parts sources let in which share of a step's amount: at once, or around what is not diffusion."""
    if stepper.implicitness == 1.0:
        return {0: 1.0}
    inner = [k for k, part in enumerate(parts) if part.kind != "diffuse"] or [0, len(parts) - 1]
    return {inner[0]: 0.5, inner[-1] + 1: 0.5}


def _let_in(share: float | None) -> list[str]:
    if share is None:
        return []
    return [
        "        for k in range(in_row.size):",
        f"            Y[in_row[k], in_node[k]] += {share!r} * in_per[k] * in_amount[step, in_source[k]]",
    ]


def _diffuse_lines(system: System, stepper: Stepper, part: Part) -> list[str]:
    """The tree and the grids, which are apart; the joins before and after, half a part each."""
    gamma, h = repr(stepper.implicitness), f"{part.share} * h"
    join = [
        "for k in range(j_rows.size):",
        (
            "    exchange_joins(Y[j_rows[k]], j_hub, j_start, j_lane, j_cond[k], j_hub_mass[k], j_mass[k], "
            f"{gamma}, 0.5 * {h}, first, j_rate, j_old)"
        ),
    ]
    lines = list(join) if system.joins is not None else []
    if system.diffusion.rows.size:
        lines += [f"repeated += diffuse(Y, first, {SPREAD}, {TREE}, {gamma}, {h}, work)"]
    for k, grid in enumerate(system.grids):
        if grid.rows.size:
            lines += [f"repeated += diffuse_grid(Y, {GRID.format(k=k)}, {h}{WORK.format(k=k)})"]
    lines += join if system.joins is not None else []
    return ["        " + line for line in lines]


def _react_lines(system: System, part: Part, react: Chosen) -> list[str]:
    """Chemistry, then channels; the other way round in the second half of the step."""
    sides = {False: [], True: []}  # type: dict[bool, list[str]]
    for kernel, g in react:
        call = f"{kernel.name}(Y, Q, P, nodes_{g}, W, t + {part.offset} * h, {part.share} * h, tol)"
        sides[system.groups[g].electric] += ["if status == 0:", f"    status = {call}"]
    if sides[True] and system.mirrored.size:
        sides[True].insert(0, _MIRROR)
    if sides[False] and system.broadcast.size:
        sides[False].insert(0, "broadcast_rows(Y, broadcast, host, real, first)")
    order = (True, False) if part.offset > 0.0 else (False, True)
    return ["        " + line for side in order for line in sides[side]]


_MIRROR = "mirror_rows(Y, mirrored, entry_node, entry_lane, entry_weight, first)"


def _membrane_lines(system: System, stepper: Stepper, membrane: Chosen) -> list[str]:
    """Backward Euler or ROS2 of the potential and of the concentrations that its currents move."""
    two_stages = stepper.implicitness != 1.0

    def currents(time: str, conductance: str, slope: str) -> list[str]:
        call = f"Y, Q, P, nodes_{{}}, W, {time}, cur, {conductance}, source, {slope}"
        return [f"{k.name}({call.format(g)})" for k, g in membrane]

    euler = [
        "electrode_means(0.0, 1.0, theta, clamp_node, inject, admit, k1, mean)",
        "for i in range(v.size):",
        "    v[i] += h * k1[i]",
        "move_ions_once(Y, first, moved, source, slope, h, k1, n_real)",
    ]
    ros2 = [
        "electrode_means(0.0, 0.5, theta, clamp_node, inject, admit, k1, mean)",
        "for i in range(v.size):",
        "    v[i] += h * k1[i]",
        "move_ions(Y, first, moved, source, slope, theta, 0.0, k1, c1, c1, h, n_real)",
        *currents("t + h", "cond_2", "slope_2"),
        "electrodes(t, h, v, clamp_node, clamp_time, clamp_value, inject, admit)",
        "net_flux(v, axial, axial_run, odd, parent, rate)",
        "cable_rates(area, cur[first:], clamp_node, inject, rate)",
        "for i in range(v.size):",
        "    k2[i] = rate[i] - 2.0 * capacitance[i] * k1[i]",
        "tree_solve(v_inv, v_fac, parent, run_start, run_stop, k2)",
        "electrode_means(1.0, 0.5, theta, clamp_node, inject, admit, k2, mean)",
        # the state already holds u + h k1; the step is u + h (1.5 k1 + 0.5 k2)
        "add_scaled(v, 0.5 * h, k1, 0.5 * h, k2, v.size)",
        "move_ions(Y, first, moved, source, slope, theta, -2.0, k2, c1, c2, 0.0, n_real)",
        "for m in range(moved.size):",
        "    add_scaled(Y[moved[m], first:], 0.5 * h, c1[m], 0.5 * h, c2[m], n_real)",
    ]
    lines = [
        f"jump = {'clamp_switches(t, h, clamp_time, clamp_value)' if two_stages else 'True'}",
        f"theta = h if jump else {stepper.implicitness!r} * h",
        *currents("t" if two_stages else "t + 0.5 * h", "cond", "slope"),
        "electrodes(t, h, v, clamp_node, clamp_time, clamp_value, inject, admit)",
        "cable_matrix(theta, capacitance, area, cond[first:], axial, kdiag, clamp_node, admit, diag, off)",
        "net_flux(v, axial, axial_run, odd, parent, k1)",
        "cable_rates(area, cur[first:], clamp_node, inject, k1)",
        "tree_factor_solve(diag, off, parent, run_start, run_stop, v_inv, v_fac, k1)",
    ]
    if two_stages:
        lines += ["if jump:", *["    " + line for line in euler], "else:", *["    " + line for line in ros2]]
    else:
        lines += euler
    if system.mirrored.size:
        begin = [_MIRROR, "keep_rows(Y, moved, first, n_real, kept)"]
        lines = [*begin, *lines, "deposit_rows(Y, moved, entry_node, entry_lane, entry_back, first, kept)"]
    lines += ["if not_finite(v) > 0:", "    status = 1"]
    return ["        " + line for line in lines]
