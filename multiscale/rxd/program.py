"""The compiled time loop of a fixed-step run: the groups' kernels, the parts of a step in the scheme's order, record.

The loop is generated, since only then a step costs no Python call; what it calls stands in the solver library.
"""

from dataclasses import dataclass
from types import ModuleType

from multiscale.errors import CompileError
from multiscale.kernels import cache
from multiscale.kernels.header import header
from multiscale.kernels.library import compiled, functions
from multiscale.rxd.equations import Term
from multiscale.rxd.ir import Kernel
from multiscale.rxd.lower import membrane_kernel, react_kernel
from multiscale.rxd.solvers import SOLVERS
from multiscale.rxd.steppers.base import Part, Stepper
from multiscale.rxd.system import System
from multiscale.rxd.targets import numba_cpu

TREE = "parent, run_start, run_stop, odd, near_start, near, near_edge, n_real"
SPREAD = "d_rows, d_method, d_stages, d_mass, d_minv, d_cond, d_run, d_inv, d_fac, d_inv_safe, d_fac_safe"
VOLTAGE = "capacitance, area, axial, axial_run, kdiag, moved, clamp_node, clamp_time, clamp_value"
SCRATCH = (
    "W, work, cur, cond, cond_2, source, slope, slope_2, k1, k2, c1, c2, diag, off, v_inv, v_fac, rate, "
    "inject, admit, mean"
)
RECORD = "rec_row, rec_node, out, out_inject"


@dataclass(frozen=True)
class Program:
    """A loaded generated file.

    Attributes:
        module: holds ``advance``.
        work: length of the kernels' work array.
        react: whether any chemistry or gate is stepped.
    """

    module: ModuleType
    work: int
    react: bool


def build(system: System, stepper: Stepper, jit: bool) -> Program:
    """Generate (or find) and load the time loop of a system.

    Raises:
        CompileError: nothing may be generated any more (``MULTISCALE_EXPECT_WARM=1``) but had to be.
    """
    block = _block(system.mesh.n)
    key = cache.digest(_identity(system, stepper, block, jit))
    text = cache.lookup(key)
    if text is None:
        if cache.expect_warm():
            raise CompileError(
                "kernel: MULTISCALE_EXPECT_WARM=1 is set, but this model was not in the cache; "
                "run it once without the variable"
            )
        text = _source(system, stepper, block, jit)
        cache.store(key, text)
    compiled(*SOLVERS)
    first = text.split("\n", 3)[1:3]
    return Program(cache.load(text), int(first[0].split()[-1]), first[1].split()[-1] == "True")


def _block(nodes: int) -> int:
    """Nodes a block: long enough to hide overheads, short for small models."""
    return 64 if nodes > 24 else 8 if nodes > 1 else 1


def _identity(system: System, stepper: Stepper, block: int, jit: bool) -> str:
    eqs = system.equations
    groups = [([(t.name, _acts(t)) for t in g.terms], g.contiguous) for g in system.groups]
    return (
        f"{cache.source_digest()} {eqs.model.hash} {groups} {stepper!r} {block} {jit} "
        f"{system.diffusion.rows.size > 0} {system.mesh.n == 1}"
    )


def _acts(term: Term) -> list[str]:
    """Names of the 0/1 inputs that a merged term is multiplied with."""
    expressions = [rate for _, rate in term.changes] + [density for density, _ in term.currents]
    return sorted({s.name for e in expressions for s in e.free_symbols if s.name.startswith("acts_")})


def _source(system: System, stepper: Stepper, block: int, jit: bool) -> str:
    eqs = system.equations
    moved = tuple(int(r) for r in system.cable.moved) if system.cable else ()
    react: list[tuple[Kernel, int]] = []
    membrane: list[tuple[Kernel, int]] = []
    bodies = []
    for g, group in enumerate(system.groups):
        kernel = react_kernel(f"react_{g}", eqs, group.terms, stepper.tolerance is not None, stepper.implicitness)
        if kernel is not None:
            react.append((kernel, g))
            bodies.append(numba_cpu.react_source(kernel, block, group.contiguous))
        kernel = membrane_kernel(f"membrane_{g}", eqs, group.terms, moved)
        if kernel is not None:
            membrane.append((kernel, g))
            bodies.append(numba_cpu.membrane_source(kernel, block, group.contiguous))
    work = max([numba_cpu.work_size(k, block) for k, _ in react + membrane], default=1)
    parts = stepper.parts(system.diffusion.rows.size > 0, bool(react), system.cable is not None)
    nodes = "".join(f"nodes_{g}, " for g in range(len(system.groups)))
    loop = _advance(parts, stepper, react, membrane, nodes, system)
    library = compiled(*SOLVERS).__name__
    names = ", ".join(sorted(functions(SOLVERS)))
    head = header(jit)
    first, rest = head.split("\n", 1)
    return "\n".join(
        [first, f"# work {work}", f"# react {bool(react)}", rest, f"from {library} import {names}", *bodies, loop]
    )


def _advance(
    parts: tuple[Part, ...],
    stepper: Stepper,
    react: list[tuple[Kernel, int]],
    membrane: list[tuple[Kernel, int]],
    nodes: str,
    system: System,
) -> str:
    row = system.cable.row if system.cable else 0
    lines = [
        "",
        "",
        "@JIT",
        (
            f"def advance(Y, Q, P, {nodes}{TREE}, {SPREAD}, {VOLTAGE}, {SCRATCH}, {RECORD}, "
            "t_zero, h, first_step, steps, every, tol):"
        ),
        "    repeated = 0",
        "    written = 0",
        f"    v = Y[{row}]",
        "    for step in range(steps):",
        "        t = t_zero + (first_step + step) * h",
        "        status = 0",
    ]
    for part in parts:
        lines += [f"        # {part.kind}: {part.share} of the step"]
        if part.kind == "diffuse":
            lines += [
                f"        repeated += diffuse(Y, {SPREAD}, {TREE}, {stepper.implicitness!r}, {part.share} * h, work)",
            ]
        elif part.kind == "react":
            for kernel, g in react:
                call = f"{kernel.name}(Y, Q, P, nodes_{g}, W, t + {part.offset} * h, {part.share} * h, tol)"
                lines += [f"        if status == 0:\n            status = {call}"]
        else:
            lines += _membrane_lines(stepper, membrane)
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


def _membrane_lines(stepper: Stepper, membrane: list[tuple[Kernel, int]]) -> list[str]:
    """Backward Euler or ROS2 of the potential and of the concentrations that its currents move."""
    two_stages = stepper.implicitness != 1.0

    def currents(time: str, conductance: str, slope: str) -> list[str]:
        call = f"Y, Q, P, nodes_{{}}, W, {time}, cur, {conductance}, source, {slope}"
        return [f"{k.name}({call.format(g)})" for k, g in membrane]

    euler = [
        "electrode_means(0.0, 1.0, theta, clamp_node, inject, admit, k1, mean)",
        "for i in range(v.size):",
        "    v[i] += h * k1[i]",
        "move_ions_once(Y, moved, source, slope, h, k1, n_real)",
    ]
    ros2 = [
        "electrode_means(0.0, 0.5, theta, clamp_node, inject, admit, k1, mean)",
        "for i in range(v.size):",
        "    v[i] += h * k1[i]",
        "move_ions(Y, moved, source, slope, theta, 0.0, k1, c1, c1, h, n_real)",
        *currents("t + h", "cond_2", "slope_2"),
        "electrodes(t, h, v, clamp_node, clamp_time, clamp_value, inject, admit)",
        "net_flux(v, axial, axial_run, odd, parent, rate)",
        "cable_rates(area, cur, clamp_node, inject, rate)",
        "for i in range(v.size):",
        "    k2[i] = rate[i] - 2.0 * capacitance[i] * k1[i]",
        "tree_solve(v_inv, v_fac, parent, run_start, run_stop, k2)",
        "electrode_means(1.0, 0.5, theta, clamp_node, inject, admit, k2, mean)",
        # the state already holds u + h k1; the step is u + h (1.5 k1 + 0.5 k2)
        "add_scaled(v, 0.5 * h, k1, 0.5 * h, k2, v.size)",
        "move_ions(Y, moved, source, slope, theta, -2.0, k2, c1, c2, 0.0, n_real)",
        "for m in range(moved.size):",
        "    add_scaled(Y[moved[m]], 0.5 * h, c1[m], 0.5 * h, c2[m], n_real)",
    ]
    lines = [
        f"jump = {'clamp_switches(t, h, clamp_time, clamp_value)' if two_stages else 'True'}",
        f"theta = h if jump else {stepper.implicitness!r} * h",
        *currents("t" if two_stages else "t + 0.5 * h", "cond", "slope"),
        "electrodes(t, h, v, clamp_node, clamp_time, clamp_value, inject, admit)",
        "cable_matrix(theta, capacitance, area, cond, axial, kdiag, clamp_node, admit, diag, off)",
        "net_flux(v, axial, axial_run, odd, parent, k1)",
        "cable_rates(area, cur, clamp_node, inject, k1)",
        "tree_factor_solve(diag, off, parent, run_start, run_stop, v_inv, v_fac, k1)",
    ]
    if two_stages:
        lines += ["if jump:", *["    " + line for line in euler], "else:", *["    " + line for line in ros2]]
    else:
        lines += euler
    lines += ["if not_finite(v) > 0:", "    status = 1"]
    return ["        " + line for line in lines]
