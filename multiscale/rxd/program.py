"""The compiled time loop of a fixed-step run: the groups' kernels, the parts of a step in the scheme's order, record.

The loop is generated, since only then a step costs no Python call; what it calls stands in the solver library.
"""

from dataclasses import dataclass
from types import ModuleType

from multiscale.errors import CompileError
from multiscale.kernels import cache
from multiscale.kernels.header import header
from multiscale.kernels.library import compiled, functions
from multiscale.rxd.cell_mesh import CellMesh
from multiscale.rxd.equations import Term
from multiscale.rxd.ir import Kernel
from multiscale.rxd.loop import advance_source
from multiscale.rxd.lower import membrane_kernel, react_kernel
from multiscale.rxd.solvers import SOLVERS
from multiscale.rxd.steppers.base import Stepper
from multiscale.rxd.system import System
from multiscale.rxd.targets import numba_cpu


@dataclass(frozen=True)
class Program:
    """A loaded generated file.

    Attributes:
        module: holds ``advance``.
        work: length of the kernels' work array. block: nodes that kernels take at once.
        react: whether any chemistry or gate is stepped.
    """

    module: ModuleType
    work: int
    react: bool
    block: int


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
    return Program(cache.load(text), int(first[0].split()[-1]), first[1].split()[-1] == "True", block)


def _block(nodes: int) -> int:
    """Nodes a block: long enough to hide overheads, short for small models."""
    return 64 if nodes > 24 else 8 if nodes > 1 else 1


def _identity(system: System, stepper: Stepper, block: int, jit: bool) -> str:
    eqs = system.equations
    groups = [([(t.name, _acts(t)) for t in g.terms], g.contiguous, g.electric) for g in system.groups]
    voxels = isinstance(system.mesh, CellMesh)
    shape = (voxels, len(system.grids), system.joins is not None, system.mirrored.size > 0, system.broadcast.size > 0)
    return (
        f"{cache.source_digest()} {eqs.model.hash} {groups} {stepper!r} {block} {jit} "
        f"{system.diffusion.rows.size > 0} {system.mesh.n == 1} {shape}"
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
    loop = advance_source(system, stepper, react, membrane)
    library = compiled(*SOLVERS).__name__
    names = ", ".join(sorted(functions(SOLVERS)))
    head = header(jit)
    first, rest = head.split("\n", 1)
    return "\n".join(
        [first, f"# work {work}", f"# react {bool(react)}", rest, f"from {library} import {names}", *bodies, loop]
    )
