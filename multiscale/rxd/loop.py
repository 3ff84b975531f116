"""Text of the generated time loop: the parts of a step in the scheme's order, samples, sources.

Where a cell is voxelised, channels and gates see means over their boundary voxels, and the order of channels and
chemistry is reversed in the second half of a step, so that a symmetric scheme stays of second order.

With voxels several threads enter the loop together. A step is a row of sections, each done by all threads, on parts of
their own, or by the first one alone; between sections they meet. Which thread does what changes no operation and no
order of additions, so that results have the same bits for any number of threads.
"""

from multiscale.rxd.cell_mesh import CellMesh
from multiscale.rxd.ir import Kernel
from multiscale.rxd.steppers.base import Part, Stepper
from multiscale.rxd.steppers.diffusers import RKL2
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
EXPLICIT = "first rows stages euler pace q_start q_rows q_coef q_minv q_full quads_of slabs lanes"
SWEEPS = (
    "first rows method parts theta theta_of near plane f k p mass coupling factor_of safe_of lanes lows highs cuts"
)

TEAM = "deal, pairs, tid, threads, sync"

Chosen = list[tuple[Kernel, int]]  # kernels with the numbers of their groups
Sections = list[tuple[bool, list[str]]]  # lines, and whether all threads run them


def grid_names(stepper: Stepper, k: int) -> str:
    """Arguments of the k-th grid of voxels, without its work array."""
    names = EXPLICIT if explicit(stepper) else SWEEPS
    return ", ".join(f"g{k}_{name}" for name in names.split())


def explicit(stepper: Stepper) -> bool:
    """Whether species in voxels diffuse by RKL2; the text of a loop holds either that or the sweeps."""
    return stepper.voxel_diffusion is None or isinstance(stepper.voxel_diffusion, RKL2)


def advance_source(system: System, stepper: Stepper, react: Chosen, membrane: Chosen) -> str:
    """Function ``advance(...) -> status, steps done, samples, repeated diffusion steps``."""
    parts = stepper.parts(system.diffuses, bool(react), system.cable is not None)
    nodes = "".join(f"nodes_{g}, " for g in range(len(system.groups)))
    grids = "".join(f"{grid_names(stepper, k)}, g{k}_work, " for k in range(len(system.grids)))
    crossing = f"{CROSSING}, " if isinstance(system.mesh, CellMesh) else ""
    joins = f"{JOINS}, " if system.joins is not None else ""
    row = system.cable.row if system.cable else 0
    shared = bool(system.grids)
    own = f", {TEAM}" if shared else ""
    lines = [
        "",
        "",
        "@JIT",
        (
            f"def advance(Y, Q, P, {nodes}{TREE}, {SPREAD}, {VOLTAGE}, {SCRATCH}, {RECORD}, {INLET}, first, "
            f"{crossing}{joins}{grids}t_zero, h, first_step, steps, every, tol{own}):"
        ),
        "    repeated = 0",
        "    written = 0",
    ]
    if shared:
        lines += ["    if not enter(sync, tid):", "        return 0, 0, 0, 0", "    W = W[tid]"]
    lines += [
        f"    v = Y[{row}, first : first + parent.size]",
        "    for step in range(steps):",
        "        t = t_zero + (first_step + step) * h",
        "        status = 0",
    ]
    at = _inlets(parts, stepper)
    sections: Sections = []
    for k, part in enumerate(parts):
        sections += [(False, _let_in(at.get(k)))]
        if part.kind == "diffuse":
            here = _diffuse(system, stepper, part)
        elif part.kind == "react":
            here = _react(system, part, react)
        else:
            here = _membrane(system, stepper, membrane)
        sections += [(everyone, [f"# {part.kind}: {part.share} of the step", *some]) for everyone, some in here if some]
    sections += [(False, _let_in(at.get(len(parts))))]
    lines += _indented(_meeting(sections) if shared else [line for _, part in sections for line in part], 2)
    if shared:
        lines += ["        status = agree(sync, threads, status)"]
    lines += [
        "        if status != 0:",
        "            return status, step, written, repeated",
        "        if (step + 1) % every == 0:",
        f"            for k in range({'tid, rec_row.size, threads' if shared else 'rec_row.size'}):",
        "                out[written, k] = Y[rec_row[k], rec_node[k]]",
    ]
    if system.cable:
        lines += [
            f"            for k in range({'mean.size if tid == 0 else 0' if shared else 'mean.size'}):",
            "                out_inject[written, k] = mean[k]",
        ]
    lines += ["            agree(sync, threads, 0)"] if shared else []
    return "\n".join([*lines, "            written += 1", "    return 0, steps, written, repeated", ""])


def _meeting(sections: Sections) -> list[str]:
    """Sections with meetings between them; neighbours for the first thread alone need none."""
    merged: Sections = []
    for everyone, part in sections:
        if part and merged and not everyone and not merged[-1][0]:
            merged[-1] = (False, [*merged[-1][1], *part])
        elif part:
            merged.append((everyone, part))
    lines = []
    for k, (everyone, part) in enumerate(merged):
        lines += ["agree(sync, threads, 0)"] if k else []
        lines += part if everyone else ["if tid == 0:", *_indented(part, 1)]
    return lines


def _indented(lines: list[str], depth: int) -> list[str]:
    return ["    " * depth + line for line in lines]


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
        "for k in range(in_row.size):",
        f"    Y[in_row[k], in_node[k]] += {share!r} * in_per[k] * in_amount[step, in_source[k]]",
    ]


def _diffuse(system: System, stepper: Stepper, part: Part) -> Sections:
    """The tree and the grids, which are apart; the joins before and after, half a part each."""
    gamma, h = repr(stepper.implicitness), f"{part.share} * h"
    join = [
        "for k in range(j_rows.size):",
        (
            "    exchange_joins(Y[j_rows[k]], j_hub, j_start, j_lane, j_cond[k], j_hub_mass[k], j_mass[k], "
            f"{gamma}, 0.5 * {h}, first, j_rate, j_old)"
        ),
    ]
    joins: Sections = [(False, join)] if system.joins is not None else []
    tree = [f"repeated += diffuse(Y, first, {SPREAD}, {TREE}, {gamma}, {h}, work)"]
    function = "diffuse_grid" if explicit(stepper) else "sweep_grid"
    grids = [
        f"repeated += {function}(Y, {grid_names(stepper, k)}, {h}, g{k}_work, tid, threads, sync)"
        for k, grid in enumerate(system.grids)
        if grid.rows.size
    ]
    return [*joins, (False, tree if system.diffusion.rows.size else []), (True, grids), *joins]


def _react(system: System, part: Part, react: Chosen) -> Sections:
    """Chemistry, then channels; the other way round in the second half of the step.

    With voxels a failure on one side does not keep the other from running: which threads have failed would decide.
    """
    shared = bool(system.grids)
    sides: dict[bool, list[str]] = {False: [], True: []}
    for kernel, g in react:
        times = f"t + {part.offset} * h, {part.share} * h, tol"
        if shared:
            some = f"nodes_{g}[deal[{g}, tid]:deal[{g}, tid + 1]]"
            sides[system.groups[g].electric] += [f"status = max(status, {kernel.name}(Y, Q, P, {some}, W, {times}))"]
        else:
            call = f"{kernel.name}(Y, Q, P, nodes_{g}, W, {times})"
            sides[False] += ["if status == 0:", f"    status = {call}"]
    found: dict[bool, Sections] = {side: [(True, lines)] if lines else [] for side, lines in sides.items()}
    if sides[True] and system.mirrored.size:
        found[True].insert(0, (True, _MIRROR))
    if sides[False] and system.broadcast.size:
        found[False].insert(0, (True, _BROADCAST))
    order = (True, False) if part.offset > 0.0 else (False, True)
    return [section for side in order for section in found[side]]


# each thread's pairs belong to tree nodes, and its lanes to nobody else
_MINE = "[pairs[tid]:pairs[tid + 1]]"
_MIRROR = [f"mirror_rows(Y, mirrored, entry_node{_MINE}, entry_lane{_MINE}, entry_weight{_MINE}, first)"]
_DEPOSIT = [f"deposit_rows(Y, moved, entry_node{_MINE}, entry_lane{_MINE}, entry_back{_MINE}, first, kept)"]
_BROADCAST = [
    "for m in range(broadcast.size):",
    "    for i in range(tid * host.size // threads, (tid + 1) * host.size // threads):",
    "        if real[i]:",
    "            Y[broadcast[m], i] = Y[broadcast[m], first + host[i]]",
]


def _membrane(system: System, stepper: Stepper, membrane: Chosen) -> Sections:
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
    check = ["if not_finite(v) > 0:", "    status = 1"]
    if not system.mirrored.size:
        return [(False, [*lines, *check])]
    keep = "keep_rows(Y, moved, first, n_real, kept)"
    return [(True, _MIRROR), (False, [keep, *lines, *check]), (True, _DEPOSIT)]
