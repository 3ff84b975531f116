"""The plain arrays that a compiled time loop works on, and the factors that belong to one step length."""

import math
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import ModelError
from multiscale.kernels.barrier import idle_processors
from multiscale.kernels.settings import jit_enabled
from multiscale.rxd.cell_mesh import CellMesh
from multiscale.rxd.edges import diagonal
from multiscale.rxd.hines import tree_factor
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.steppers.base import Stepper
from multiscale.rxd.system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# explicit stages up to here are cheaper than two substitutions along a tree
MOST_STAGES = 8
# values in voxels that a step changes, for each thread: some 0.1 ms of work, hundred times what their meetings cost
SHARE = 25_000
MOST_THREADS = 8  # by default: memory is the limit beyond


@dataclass(frozen=True, eq=False)
class TreeArrays:
    """Connectivity in the form that the solvers read; see `hines` and `diffusion`."""

    parent: Index
    run_start: Index
    run_stop: Index
    odd: Index
    near_start: Index
    near: Index
    near_edge: Index
    n_real: int

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the generated loop's arguments."""
        return (
            self.parent,
            self.run_start,
            self.run_stop,
            self.odd,
            self.near_start,
            self.near,
            self.near_edge,
            self.n_real,
        )


def tree_arrays(mesh: TreeMesh) -> TreeArrays:
    """Connectivity of a mesh: irregular edges, and the neighbours of each junction."""
    parent = np.ascontiguousarray(mesh.parent)
    index = np.arange(mesh.n_total)
    odd = np.flatnonzero((parent >= 0) & (parent != index - 1)).astype(np.int64)
    lists: list[list[tuple[int, int]]] = [[] for _ in range(mesh.n_total - mesh.n)]
    for j in range(mesh.n, mesh.n_total):
        lists[j - mesh.n].append((int(parent[j]), j))
    for i in np.flatnonzero(parent >= mesh.n):
        lists[int(parent[i]) - mesh.n].append((int(i), int(i)))
    near_start = np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64)
    flat = [pair for x in lists for pair in x]
    near = np.array([a for a, _ in flat], dtype=np.int64)
    near_edge = np.array([b for _, b in flat], dtype=np.int64)
    return TreeArrays(
        parent,
        np.ascontiguousarray(mesh.run_start),
        np.ascontiguousarray(mesh.run_stop),
        odd,
        near_start,
        near,
        near_edge,
        mesh.n,
    )


def along_run(mesh: TreeMesh, conductance: Array) -> Array:
    """The conductance where the parent is the node before, else 0; any leading shape."""
    regular = mesh.parent == np.arange(mesh.n_total) - 1
    regular[0] = False
    return np.ascontiguousarray(np.where(regular, conductance, 0.0))


@dataclass(frozen=True, eq=False)
class SpreadArrays:
    """Diffusion for one step length: method, stages and factors of every species that diffuses."""

    rows: Index
    method: Index
    stages: Index
    mass: Array
    minv: Array
    cond: Array
    cond_run: Array
    dinv: Array
    fac: Array
    dinv_safe: Array
    fac_safe: Array

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the generated loop's arguments."""
        return (
            self.rows, self.method, self.stages, self.mass, self.minv, self.cond, self.cond_run, self.dinv, self.fac,
            self.dinv_safe, self.fac_safe,
        )  # fmt: skip


def diffusion_share(system: System, stepper: Stepper, reacts: bool) -> float:
    """Length of one diffusion part as a share of the step."""
    parts = stepper.parts(system.diffuses, reacts, system.cable is not None)
    return next((part.share for part in parts if part.kind == "diffuse"), 1.0)


def spread_arrays(
    system: System, stepper: Stepper, tree: TreeArrays, h: float, reacts: bool, factor: object = None
) -> SpreadArrays:
    """Choose each species' diffusion method by its stiffness times the step, and factorise what is implicit.

    Args:
        system: the model on its mesh.
        stepper: the scheme; backward Euler schemes are always implicit.
        tree: connectivity.
        h: step, ms.
        reacts: whether the step has chemistry (which halves the diffusion part of a symmetric scheme).
        factor: a compiled `tree_factor`; None for the plain one.
    """
    d = system.diffusion
    part = h * diffusion_share(system, stepper, reacts)
    stages = np.array([rkl2_stages(z * part) for z in d.stiffness], dtype=np.int64)
    implicit = (stages > MOST_STAGES) if stepper.implicitness != 1.0 else np.ones(d.rows.size, dtype=bool)
    minv = np.divide(1.0, d.mass, out=np.zeros_like(d.mass), where=d.mass > 0)
    shape = d.mass.shape
    main, safe = (np.zeros(shape), np.zeros(shape)), (np.zeros(shape), np.zeros(shape))
    solve = factor if factor is not None else tree_factor
    for k in range(d.rows.size):
        if implicit[k]:
            _factorise(
                system.mesh.tree,
                d.mass[k],
                d.conductance[k],
                stepper.implicitness * part,
                tree,
                main[0][k],
                main[1][k],
                solve,
            )
        _factorise(system.mesh.tree, d.mass[k], d.conductance[k], 0.5 * part, tree, safe[0][k], safe[1][k], solve)
    return SpreadArrays(
        d.rows, implicit.astype(np.int64), stages, np.ascontiguousarray(d.mass), minv,
        np.ascontiguousarray(d.conductance), along_run(system.mesh.tree, d.conductance), main[0], main[1],
        safe[0], safe[1],
    )  # fmt: skip


def rkl2_stages(z: float) -> int:
    """Least number of RKL2 stages that is stable for step times largest eigenvalue z: (s^2 + s - 2)/2 >= z."""
    return max(2, math.ceil((-1.0 + math.sqrt(9.0 + 8.0 * z * 1.02)) / 2.0))


def _factorise(
    mesh: TreeMesh,
    mass: Array,
    conductance: Array,
    theta: float,
    tree: TreeArrays,
    dinv: Array,
    fac: Array,
    factor: object,
) -> None:
    diag = mass + theta * diagonal(mesh, conductance)
    diag[diag == 0.0] = 1.0  # nodes where the species does not exist stand alone
    factor(diag, theta * conductance, tree.parent, tree.run_start, tree.run_stop, dinv, fac)  # type: ignore[operator]


def voltage_arrays(system: System, electrodes: tuple[Index, Array, Array]) -> tuple[object, ...]:
    """Arrays of the cable equation in the order of the generated loop's arguments (empty ones without a potential)."""
    cable, mesh = system.cable, system.mesh.tree
    if cable is None:
        one, none = np.zeros(1), np.zeros(0, dtype=np.int64)
        return (one, one, one, one, one, none, *electrodes)
    run = along_run(mesh, cable.axial)
    return (
        cable.capacitance,
        cable.area,
        np.ascontiguousarray(cable.axial),
        run,
        diagonal(mesh, cable.axial),
        cable.moved,
        *electrodes,
    )


def scratch(system: System, work: int, electrodes: int, threads: int) -> tuple[Array, ...]:
    """Work arrays in the order of the generated loop's arguments; what membrane kernels write has all the nodes.

    With voxels the first one has a row a thread, a cache line or more apart.
    """
    total, n = system.mesh.n_total, system.mesh.tree.n_total
    moved = system.cable.moved.size if system.cable else 0
    if system.cable is None:
        total = 1
    line = [np.zeros(total) for _ in range(3)]
    moves = [np.zeros((max(1, moved), total)) for _ in range(3)]
    rest = [
        np.zeros(n),
        np.zeros(n),
        np.zeros((max(1, moved), n)),
        np.zeros((max(1, moved), n)),
        *[np.zeros(n) for _ in range(4)],
    ]
    blocks = np.zeros((threads, -(-work // 8) * 8 + 8)) if system.grids else np.zeros(max(1, work))
    return (
        blocks, np.zeros((5, n)), *line, *moves, *rest, np.zeros(n), np.zeros(electrodes),
        np.zeros(electrodes), np.zeros(electrodes),
    )  # fmt: skip


def crossing_arrays(system: System) -> tuple[object, ...]:
    """What voxels and channels exchange, in the order of the generated loop's arguments; nothing on a plain tree."""
    mesh = system.mesh
    if not isinstance(mesh, CellMesh):
        return ()
    b, moved = mesh.boundary, system.cable.moved.size if system.cable else 0
    real = mesh.exists[: mesh.tree_start].copy()
    kept = np.zeros((max(1, moved), mesh.tree.n))
    return (system.mirrored, system.broadcast, b.node, b.lane, b.weight, b.back, mesh.host.copy(), real, kept)


def join_arrays(system: System) -> tuple[object, ...]:
    """Exchange at the joins, in the order of the generated loop's arguments; nothing without a join."""
    mesh, j = system.mesh, system.joins
    if not isinstance(mesh, CellMesh) or j is None:
        return ()
    joins = mesh.joins
    work = np.zeros(joins.lane.size)
    return (
        j.rows, joins.hub, joins.start, joins.lane, j.conductance, j.hub_mass, j.mass, work, work.copy(),
    )  # fmt: skip


def threads_for(system: System, wanted: object) -> int:
    """Number of threads: what the user wants, else by the work of a step, the processors and ``MULTISCALE_THREADS``.

    Raises:
        ModelError: it is not a whole number of 1 or more.
    """
    bound = MOST_THREADS
    if wanted is not None:
        if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or wanted < 1:
            raise ModelError(
                f"simulation: threads is {wanted!r}, expected a whole number of 1 or more; leave it out for a default"
            )
    elif text := os.environ.get("MULTISCALE_THREADS", "").strip():
        if not text.isdecimal() or int(text) < 1:
            raise ModelError(
                f"simulation: the environment variable MULTISCALE_THREADS is '{text}', "
                "expected a whole number of 1 or more; change or remove it"
            )
        bound = int(text)
    if not system.grids or not jit_enabled():
        return 1
    if wanted is not None:
        return int(wanted)
    first = system.mesh.tree_start
    values = sum(grid.rows.size * grid.mesh.n_voxels for grid in system.grids)
    for group in system.groups:
        rows = {row for term in group.terms for row, _ in term.changes}
        values += len(rows) * int(np.searchsorted(group.nodes, first))
    return max(1, min(idle_processors(), bound, values // SHARE))


def deal(system: System, block: int, threads: int) -> tuple[Index, Index]:
    """What each thread does outside of diffusion: nodes of every group in whole blocks, boundary voxels by tree node.

    Returns:
        First node of each thread in each group, shape (groups, threads + 1); its first pair of tree node and boundary
        voxel, shape (threads + 1,).
    """
    parts = np.arange(threads + 1)
    groups = np.zeros((len(system.groups), threads + 1), dtype=np.int64)
    for g, group in enumerate(system.groups):
        blocks = -(-group.nodes.size // block)
        groups[g] = np.minimum(block * (blocks * parts // threads), group.nodes.size)
    if not isinstance(system.mesh, CellMesh):
        return groups, np.zeros(threads + 1, dtype=np.int64)
    node, lane = system.mesh.boundary.node, system.mesh.boundary.lane
    pairs = np.searchsorted(node, np.append(node, 0)[node.size * parts // threads])
    pairs[-1] = node.size
    if np.unique(lane).size < lane.size:  # two threads may not add to one voxel
        pairs[1:] = node.size
    return groups, pairs.astype(np.int64)
