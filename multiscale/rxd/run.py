"""Time loops: they call the compiled steps, hand samples to the recorder, and turn status codes into sentences."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import SolverError
from multiscale.kernels.barrier import Team
from multiscale.rxd.arrays import Arrays
from multiscale.rxd.cell_mesh import CellMesh
from multiscale.rxd.diffusion import junction_values
from multiscale.rxd.injection import SourceArrays
from multiscale.rxd.program import Program
from multiscale.rxd.record import Selection, Sink
from multiscale.rxd.steppers.base import Stepper
from multiscale.rxd.system import System
from multiscale.rxd.voxel_spread import GridSpread, grid_share, grid_spread
from multiscale.rxd.workspace import (
    SpreadArrays,
    TreeArrays,
    crossing_arrays,
    deal,
    diffusion_share,
    join_arrays,
    scratch,
    spread_arrays,
    tree_arrays,
    voltage_arrays,
)

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Progress = Callable[[float], None]

SECONDS_A_CHUNK = 0.1  # of compiled work between looks at the progress bar and at Ctrl-C


@dataclass(frozen=True, eq=False)
class Electrodes:
    """Current and voltage clamps as arrays, sorted by name.

    Attributes:
        names: one a stimulus; a stimulus of several pulses owns several entries.
        owner: index of the stimulus that each entry belongs to, shape (k,).
        node: shape (k,). time: start and stop, ms, shape (k, 2).
        value: current pA, conductance nS, command potential mV, shape (k, 3).
    """

    names: tuple[str, ...]
    owner: Index
    node: Index
    time: Array
    value: Array

    def as_tuple(self) -> tuple[Index, Array, Array]:
        """In the order of the generated loop's arguments."""
        return self.node, self.time, self.value

    def sums(self, entries: Array) -> Array:
        """Entries' currents (times, k) → currents of the stimuli (times, stimuli), pA."""
        out = np.zeros((entries.shape[0], len(self.names)))
        for k, owner in enumerate(self.owner):
            out[:, owner] += entries[:, k]
        return out


@dataclass(frozen=True, eq=False)
class Spread:
    """Diffusion for one step length: along the tree, and in each grid of voxels."""

    tree: SpreadArrays
    grids: tuple[GridSpread, ...]


class Runner(ABC):
    """Advances a system and records; the only thing that knows how time passes."""

    @abstractmethod
    def run(self, stop: float, every: float, recorder: Sink, progress: Progress) -> None:
        """Advance to time `stop` (ms), with a sample after each `every` ms; what was sampled is kept if it fails."""

    @abstractmethod
    def describe(self) -> str:
        """What the runner chose, in one line."""

    @property
    @abstractmethod
    def work_done(self) -> dict[str, int]:
        """Counts for the solution's attributes."""


class Loop:
    """The compiled loop of one system and scheme with its arrays; knows nothing about duration or control."""

    def __init__(
        self,
        system: System,
        stepper: Stepper,
        program: Program,
        state: Arrays,
        parameters: Array,
        electrodes: Electrodes,
        selection: Selection,
        sources: SourceArrays,
        threads: int,
    ) -> None:
        self.system, self.stepper, self.program, self.state, self.parameters = (
            system,
            stepper,
            program,
            state,
            parameters,
        )
        self.electrodes = electrodes
        self.tree: TreeArrays = tree_arrays(system.mesh.tree)
        self.voltage = voltage_arrays(system, electrodes.as_tuple())
        self.scratch = scratch(system, program.work, electrodes.node.size, threads)
        self.nodes = tuple(g.nodes for g in system.groups)
        self.record = selection.flat()
        self.sources = sources
        self.inlets = (sources.row, sources.node, sources.weight * sources.per_amount, sources.source)
        self.space = (system.mesh.tree_start, *crossing_arrays(system), *join_arrays(system))
        self.team = Team(threads)
        self.deal = deal(system, program.block, threads)
        self.shares = tuple(grid_share(grid, threads) for grid in system.grids)
        self.repeated = 0
        settle_junctions(system, self.tree, state.values)

    def spread(self, h: float) -> Spread:
        """Diffusion factors for a step of h ms."""
        factor = getattr(self.program.module, "tree_factor", None)
        tree = spread_arrays(self.system, self.stepper, self.tree, h, self.program.react, factor)
        part = h * diffusion_share(self.system, self.stepper, self.program.react)
        pairs = zip(self.system.grids, self.shares, strict=True)
        return Spread(tree, tuple(grid_spread(grid, self.stepper, part, share) for grid, share in pairs))

    def advance(
        self, spread: Spread, t_zero: float, h: float, first: int, steps: int, every: int
    ) -> tuple[int, int, Array, Array]:
        """`steps` steps of h from step number `first` after `t_zero`; samples after every `every` of them.

        Returns:
            status, steps done, samples (k, values), electrode currents (k, entries).
        """
        rows, nodes = self.record
        out = np.zeros((steps // every, rows.size))
        inject = np.zeros((steps // every, self.electrodes.node.size))
        tolerance = self.stepper.tolerance if self.stepper.tolerance is not None else math.inf
        arguments = (
            self.state.values, self.system.inputs, self.parameters, *self.nodes, *self.tree.as_tuple(),
            *spread.tree.as_tuple(), *self.voltage, *self.scratch, rows, nodes, out, inject,
            *self.inlets, self.sources.amounts(t_zero, h, steps, first), *self.space,
            *(entry for grid in spread.grids for entry in grid.as_tuple()),
        )  # fmt: skip
        loop = self.program.module.advance
        if self.system.grids:
            times, rest = (t_zero, h, first, steps, every), (tolerance, *self.deal)
            idle = (*arguments, t_zero, h, first, 0, every, *rest)
            status, done, written, repeated = self.team.run(loop, (*arguments, *times, *rest), idle)
        else:
            status, done, written, repeated = loop(*arguments, t_zero, h, first, steps, every, tolerance)
        self.repeated += int(repeated)
        return int(status), int(done), out[:written], inject[:written]


class FixedRunner(Runner):
    """Equal steps."""

    def __init__(self, loop: Loop, dt: float) -> None:
        self.loop, self.dt = loop, dt
        self._spread = loop.spread(dt)
        # count steps from zero where the clock allows it, so that a restored run repeats the same times bit for bit
        whole = round(loop.state.t / dt)
        on_grid = abs(whole * dt - loop.state.t) <= 1e-9 * dt * max(1, whole)
        self._t_zero, self._done = (0.0, whole) if on_grid else (loop.state.t, 0)
        self._chunk = 1
        self._since = 0  # steps since the last sample

    def run(self, stop: float, every: float, recorder: Sink, progress: Progress) -> None:
        """See `Runner`; the last step ends at `stop` because durations are whole numbers of steps."""
        h, state = self.dt, self.loop.state
        stride = max(1, round(every / h))
        left = round((stop - state.t) / h)
        while left > 0:
            wait = stride - self._since % stride
            steps = min(left, wait if wait < stride else max(1, self._chunk // stride) * stride)
            begin = time.perf_counter()
            self._stretch(steps, wait, recorder)
            elapsed = time.perf_counter() - begin
            self._since = (self._since + steps) % stride
            left -= steps
            progress(state.t)
            if elapsed < SECONDS_A_CHUNK:
                self._chunk = min(max(2 * self._chunk, int(steps * SECONDS_A_CHUNK / max(elapsed, 1e-6))), 10**6)
            elif elapsed > 4 * SECONDS_A_CHUNK:
                self._chunk = max(1, self._chunk // 2)

    def _stretch(self, steps: int, stride: int, recorder: Sink) -> None:
        """Some steps; a stretch with an impossible value is repeated in halves, down to the step that made it."""
        h, state, loop = self.dt, self.loop.state, self.loop
        before, repeated = state.values.copy() if steps > 1 else None, loop.repeated
        status, done, out, inject = loop.advance(self._spread, self._t_zero, h, self._done, steps, stride)
        wrong = bool(status) or impossible(loop.system, state)
        if before is not None and wrong:
            state.values[:] = before
            loop.repeated = repeated
            half = steps // 2 if steps <= stride else steps // stride // 2 * stride or stride
            whole = steps != stride
            self._stretch(half, stride if half % stride == 0 else half + 1, recorder)
            self._stretch(steps - half, stride if whole else steps - half, recorder)
            return
        times = self._t_zero + (self._done + stride * (1 + np.arange(out.shape[0]))) * h
        self._done += done + (1 if status else 0)
        state.t = self._t_zero + self._done * h
        if wrong:
            raise failure(loop.system, state, f"reduce dt (now {h:g} ms)")
        recorder.add(np.asarray(times, dtype=np.float64), out, loop.electrodes.sums(inject))

    def describe(self) -> str:
        """Scheme and what it chose for diffusion."""
        return f"{self.loop.stepper.describe()}, dt {self.dt:g} ms" + diffusion_text(self.loop.system, self._spread)

    @property
    def work_done(self) -> dict[str, int]:
        """Steps taken and diffusion steps that were repeated by the positive scheme."""
        return {"steps": self._done, "repeated_diffusion_steps": self.loop.repeated}


def diffusion_text(system: System, spread: Spread) -> str:
    """How each species diffuses."""
    words = []
    for k, row in enumerate(spread.tree.rows):
        how = "tree elimination" if spread.tree.method[k] else f"RKL2, {spread.tree.stages[k]} stages"
        words.append(f"{system.fields[row].name} by {how}")
    for grid in spread.grids:
        words += [f"{system.fields[row].name} in voxels by {grid.describe(k)}" for k, row in enumerate(grid.rows)]
    return "; " + ", ".join(words) if words else ""


def settle_junctions(system: System, tree: TreeArrays, values: Array) -> None:
    """Give the zero-volume nodes of every diffusing row (and of the potential) the value at which no flow is left."""
    rows = [(int(r), g) for r, g in zip(system.diffusion.rows, system.diffusion.conductance, strict=True)]
    if system.cable is not None:
        rows.append((system.cable.row, system.cable.axial))
    for row, conductance in rows:
        field = values[row, system.mesh.tree_start :]
        junction_values(field, conductance, tree.near_start, tree.near, tree.near_edge, tree.n_real)


def impossible(system: System, state: Arrays) -> bool:
    """Whether a value is not a number, or a concentration negative by more than round-off."""
    for f in system.fields:  # one pass a field and nothing copied: fields in voxels are large
        values = state.values[f.row, : state.nodes]
        if not np.isfinite(values.sum()) and not np.all(np.isfinite(values)):
            return True
        if f.kind == "concentration" and values.min() < -1e-9:
            return True
    return False


def check(system: System, state: Arrays, remedy: str) -> None:
    """Stop at values that are not numbers, and at negative concentrations."""
    if impossible(system, state):
        raise failure(system, state, remedy)


def failure(system: System, state: Arrays, remedy: str) -> SolverError:
    """The sentence that names the worst value: state, node, time, and the remedy."""
    values = state.values[:, : state.nodes]
    where = f"t = {state.t:g} ms"
    for f in system.fields:
        bad = np.flatnonzero(~np.isfinite(values[f.row]))
        if bad.size:
            return SolverError(
                f"solver: '{f.name}' became {values[f.row, bad[0]]} at {_node(system, int(bad[0]))}, {where}; "
                f"{remedy} or check the rates of '{f.name}'"
            )
    for f in system.fields:
        if f.kind == "concentration" and values[f.row].min() < -1e-12:
            node = int(values[f.row].argmin())
            return SolverError(
                f"solver: '{f.name}' became negative ({values[f.row, node]:.2g} mM) at {_node(system, node)}, {where}; "
                f"{remedy}"
            )
    for f in system.fields:
        if f.kind == "potential" and np.abs(values[f.row]).max() >= 1e6:
            node = int(np.abs(values[f.row]).argmax())
            return SolverError(
                f"solver: '{f.name}' became {values[f.row, node]:.3g} mV at {_node(system, node)}, {where}; "
                f"{remedy} or check the currents"
            )
    return SolverError(f"solver: the chemistry did not converge, {where}; {remedy}")


def _node(system: System, node: int) -> str:
    mesh = system.mesh
    if mesh.n == 1:
        return "node 0"
    if node < mesh.tree_start:
        assert isinstance(mesh, CellMesh)
        return f"the voxel at ({mesh.x[node]:.4g}, {mesh.y[node]:.4g}, {mesh.z[node]:.4g}) um"
    section, position = mesh.section_names[int(mesh.section[node])], float(mesh.position[node])
    return f"node {node - mesh.tree_start} ({section}({position:.3g}))"
