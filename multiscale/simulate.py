"""Run a model on a geometry: compile, discretize, step, keep."""

import math
import time as clock
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.electro.stimuli import Stimulus, electrodes
from multiscale.errors import ModelError
from multiscale.export import checkpoint
from multiscale.export.streaming import ZarrStore
from multiscale.kernels.settings import jit_enabled
from multiscale.model import Model
from multiscale.processes import unit_of
from multiscale.progress import Progress
from multiscale.quantity import in_base, positive
from multiscale.recording import DEFAULT_SAMPLES, Recording
from multiscale.rxd.adaptive_tree import AdaptiveTreeRunner
from multiscale.rxd.arrays import Arrays
from multiscale.rxd.caution import caution
from multiscale.rxd.cell_mesh import Mesh
from multiscale.rxd.equations import Equations, equations
from multiscale.rxd.injection import resolve
from multiscale.rxd.point_run import PointRunner
from multiscale.rxd.program import build
from multiscale.rxd.run import FixedRunner, Loop, Runner
from multiscale.rxd.selection import Recordable, selection
from multiscale.rxd.steppers.adaptive import Adaptive
from multiscale.rxd.steppers.base import Stepper
from multiscale.rxd.steppers.strang import Strang
from multiscale.rxd.system import System, discretize, initial_values
from multiscale.rxd.voxel_mesh import Geometry, mesh_of
from multiscale.rxd.workspace import threads_for
from multiscale.sampling import Sampling
from multiscale.solution import Solution
from multiscale.sources import Source
from multiscale.species import Parameter
from multiscale.symbols import FieldSymbol, ParameterSymbol, quantity
from multiscale.units import has_units, mM, ms, strip, to_base

Array = NDArray[np.float64]
Quantity: TypeAlias = float | sympy.Expr

DEFAULT_DT = 0.025  # ms, NEURON's, for models with a membrane potential


def simulate(
    model: Model,
    geometry: Geometry,
    duration: Quantity,
    *,
    dt: Quantity | None = None,
    stepper: Stepper | Adaptive | None = None,
    record: Recordable | Iterable[Recordable] | None = None,
    every: Quantity | None = None,
    times: Iterable[Quantity] | None = None,
    stimuli: Sequence[Stimulus] = (),
    sources: Sequence[Source] = (),
    initial: Mapping[FieldSymbol, Any] | None = None,
    store: ZarrStore | str | Path | None = None,
    progress: bool = False,
    seed: int = 0,
    threads: int | None = None,
) -> Solution:
    """Run `model` on `geometry` for `duration` and return what was recorded.

    Args:
        model: what happens.
        geometry: where: a Point, a Cable, a Morphology, `cell.voxels(dx)`, or `Mixed(cell, voxels)`.
        duration: ms or with unit.
        dt: step, ms or with unit. Without dt and stepper: error-controlled steps, or 0.025 ms with a membrane
            potential.
        stepper: `Strang()` (default with dt, second order), `Lie()` (NEURON's order of operations) or `Adaptive(rtol)`.
        record: what to keep: `ca[cyt]` or `plasma.v` at all nodes, `plasma.v.at(cell.soma(0.5))` at one; all
            concentrations, states and the potential if not given.
        every: sampling interval, ms or with unit; 1/500 of the duration if not given (longer where a sample is large).
        times: chosen times since the start instead, ms or with unit; the start and the end are kept as well.
        stimuli: electrodes.
        sources: release sites, uncaging, influx at places: amounts of a species that enter in time.
        initial: initial values that replace the model's: symbol → number, quantity or expression of position.
        store: a path ending in .zarr (or a `ZarrStore`) to which samples are written while the run goes on, so that
            memory stays bounded and a killed run leaves what was written.
        progress: show a bar with the time remaining.
        seed: kept with the solution (nothing in a deterministic run draws numbers).
        threads: processors that work on voxels; chosen by their number if not given, at most MULTISCALE_THREADS from
            the environment. The results are the same, bit by bit.

    Raises:
        ModelError, UnitError, GeometryError: the request does not fit together.
        SolverError: the run met a value that is not finite, or a negative concentration.
    """  # fmt: skip
    simulation = Simulation(
        model, geometry, dt=dt, stepper=stepper, record=record, every=every, times=times, stimuli=stimuli,
        sources=sources, initial=initial, store=store, progress=progress, seed=seed, threads=threads,
    )  # fmt: skip
    return simulation.run(duration)


class Simulation:
    """A run that can be continued, changed, saved and restored; the only object with a state.

    The arguments are those of `simulate`. Several simulations can live side by side.

    Attributes:
        arrays: time and fields; ``arrays["ca.cyt"]`` is a live view, shape (nodes,), base units.
        mesh: the nodes.
    """

    def __init__(
        self, model: Model, geometry: Geometry, *, dt: Quantity | None = None,
        stepper: Stepper | Adaptive | None = None, record: Recordable | Iterable[Recordable] | None = None,
        every: Quantity | None = None, times: Iterable[Quantity] | None = None,
        stimuli: Sequence[Stimulus] = (), sources: Sequence[Source] = (),
        initial: Mapping[FieldSymbol, Any] | None = None, store: ZarrStore | str | Path | None = None,
        progress: bool = False, seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        begin = clock.perf_counter()
        if not isinstance(model, Model):
            raise ModelError(
                f"simulation: model is {model!r}, expected a Model; give the model first, then the geometry"
            )
        self.model, self.seed = model, seed
        self._sampling = Sampling.of(every, times)
        self._progress = progress
        eqs = equations(model)
        self.mesh: Mesh = mesh_of(geometry, progress)
        self._system = discretize(eqs, self.mesh)
        self._parameters = np.array([value for _, _, value in eqs.parameters] or [0.0])
        self.arrays = Arrays(0.0, tuple(f.name for f in eqs.fields), self._initial(eqs, initial), self.mesh.n)
        self._selection = selection(record, eqs, self.mesh, self._system.present)
        self._sources = resolve(sources, eqs, self.mesh, self._system.present)
        self._electrodes = electrodes(stimuli, self.mesh.tree)
        if stimuli and eqs.potential is None:
            raise ModelError(
                f"stimulus '{stimuli[0].name}': model '{model.name}' has no membrane potential; "
                "give its Membrane a capacitance"
            )
        for name in self._electrodes.names:
            if f"{name}.i" in self.arrays.names:
                raise ModelError(f"stimulus '{name}': '{name}.i' is a field, expected a new name; give another `name`")
        self._dt, self._stepper = _scheme(dt, stepper, self._system)
        self._threads = threads_for(self._system, threads)
        self._phases = {"set_up_s": clock.perf_counter() - begin}
        self._runner = self._make_runner()
        self._phases["compile_s"] = clock.perf_counter() - begin - self._phases["set_up_s"]
        self._recording = Recording(self._system, self._selection, self._electrodes, store)
        self._recording.start(self.arrays, self._attributes())

    @property
    def t(self) -> float:
        """Present time, ms."""
        return self.arrays.t

    def run(self, duration: Quantity) -> Solution:
        """Advance by `duration` (ms or with unit) and return everything recorded so far.

        Raises:
            SolverError: see `simulate`; what was recorded until then is in `solution`.
        """
        length = positive(duration, ms, "simulation: duration")
        samples = self._recording.samples()
        legs = self._sampling.legs(self.t, length, self._dt, samples, samples == DEFAULT_SAMPLES)
        begin = clock.perf_counter()
        start = self.t
        with Progress(length, self._progress) as bar:
            try:
                for stop, every in legs:
                    self._runner.run(stop, every, self._recording.sink, lambda t: bar.update(t - start))
            finally:
                self._phases["run_s"] = self._phases.get("run_s", 0.0) + clock.perf_counter() - begin
        return self.solution

    def step(self, count: int = 1) -> None:
        """Advance by some steps of dt, with a sample after each.

        Raises:
            ModelError: the run is adaptive and has no dt.
        """
        if self._dt is None:
            raise ModelError(
                "simulation: step() needs a fixed step, but this run is adaptive; give dt, or use run(duration)"
            )
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise ModelError(f"simulation: step() got {count!r}, expected a whole number of 1 or more; give one")
        self._runner.run(self.t + count * self._dt, self._dt, self._recording.sink, lambda t: None)

    def set(self, parameter: Parameter | str, value: Quantity) -> None:
        """Change a uniform parameter between runs, or a bath concentration by its name ("k.bath"); nothing is compiled.

        Raises:
            ModelError: there is no such uniform parameter. UnitError: the dimension differs.
        """
        name = parameter.name if isinstance(parameter, Parameter) else parameter
        table = [entry[0] for entry in self._system.equations.parameters]
        if name not in table:
            raise ModelError(
                f"parameter '{name}': model '{self.model.name}' has no uniform parameter of this name; "
                f"it has {', '.join(table) or 'none'}"
            )
        if name in (fixed := _fixed(self.model, self._system)):
            raise ModelError(
                f"parameter '{name}': {fixed[name]} was built with it, expected one that only rates use; "
                "make another Simulation"
            )
        known = next((p.value for p in self.model.parameters if p.name == name), mM)
        free = has_units(value) and not has_units(known)  # a parameter without units takes any
        number = to_base(value, f"parameter '{name}'") if free else in_base(value, known, f"parameter '{name}'")
        if not math.isfinite(number):
            raise ModelError(f"parameter '{name}': got {number}, expected a finite number; check where it comes from")
        self._parameters[table.index(name)] = number

    def save(self, path: str | Path) -> None:
        """Write the state to an HDF5 file (temporary file, then renamed)."""
        parameters = {
            name: float(self._parameters[i]) for i, (name, _, _) in enumerate(self._system.equations.parameters)
        }
        checkpoint.write(
            Path(path),
            checkpoint.State(self.model.hash, self.t, self.arrays.names, self.arrays.values.copy(), parameters),
        )

    def restore(self, path: str | Path) -> None:
        """Continue from a saved state of the same model on the same mesh.

        Raises:
            FormatError: the file is not a saved state. ModelError: it belongs to another model or mesh.
        """
        state = checkpoint.read(Path(path))
        if state.names != self.arrays.names or state.values.shape != self.arrays.values.shape:
            raise ModelError(
                f"checkpoint '{path}': it holds {len(state.names)} fields at {state.values.shape[1]} nodes, "
                f"expected {len(self.arrays.names)} fields at {self.arrays.values.shape[1]} nodes; "
                "restore it into the model and geometry it was saved from"
            )
        if state.model_hash != self.model.hash:
            raise ModelError(
                f"checkpoint '{path}': it was saved from another model (hash {state.model_hash[:12]}, "
                f"expected {self.model.hash[:12]}); build that model first"
            )
        self.arrays.values[:] = state.values
        self.arrays.t = state.t
        for i, (name, _, _) in enumerate(self._system.equations.parameters):
            self._parameters[i] = state.parameters.get(name, self._parameters[i])
        self._runner = self._make_runner()
        self._recording.start(self.arrays, self._attributes())

    @property
    def solution(self) -> Solution:
        """What has been recorded so far."""
        return self._recording.solution(self._attributes())

    def _attributes(self) -> dict[str, Any]:
        return {
            "model": self.model.name,
            "model_hash": self.model.hash,
            "stepper": self._runner.describe(),
            "caution": caution(self._system, self._sources, self._dt) or None,
            "seed": self.seed,
            "threads": self._threads,
            **{k: int(v) for k, v in self._runner.work_done.items()},
            **{k: round(v, 4) for k, v in self._phases.items()},
        }

    def _initial(self, eqs: Equations, initial: Mapping[FieldSymbol, Any] | None) -> Array:
        changed: dict[sympy.Symbol, Any] = {}
        symbols = {f.symbol for f in eqs.fields}
        if not isinstance(initial, Mapping | None):
            raise ModelError(f"initial: got {initial!r}, expected a dictionary; write initial={{ca[cyt]: 0.1 * uM}}")
        for key, value in (initial or {}).items():
            symbol = key if isinstance(key, str) else sympy.sympify(key)
            if symbol not in symbols:
                raise ModelError(
                    f"initial: '{key}' is not a symbol of model '{self.model.name}', "
                    f"expected {', '.join(sorted(s.name for s in symbols))}; write for example ca[cyt]"
                )
            changed[symbol] = quantity(value, f"initial: '{symbol}'")
            if has_units(value) and strip(value).is_number:
                in_base(value, sympy.sympify(unit_of(symbol)), f"initial: '{symbol}'")
        parameters = {name: value for name, _, value in eqs.parameters}
        return initial_values(self._system, parameters, changed)

    def _make_runner(self) -> Runner:
        if isinstance(self._stepper, Adaptive) and self.mesh.n == 1 and not self._sources.names:
            return PointRunner(
                self._system, self._stepper, self.arrays, self._parameters, self._electrodes, self._selection,
                jit_enabled(),
            )  # fmt: skip
        scheme = Strang() if isinstance(self._stepper, Adaptive) else self._stepper
        program = build(self._system, scheme, jit_enabled())
        loop = Loop(
            self._system, scheme, program, self.arrays, self._parameters, self._electrodes, self._selection,
            self._sources, self._threads,
        )  # fmt: skip
        if isinstance(self._stepper, Adaptive):
            return AdaptiveTreeRunner(loop, self._stepper)
        assert self._dt is not None
        return FixedRunner(loop, self._dt)


def _scheme(
    dt: Quantity | None, stepper: Stepper | Adaptive | None, system: System
) -> tuple[float | None, Stepper | Adaptive]:
    if isinstance(stepper, Adaptive):
        if dt is not None:
            raise ModelError(
                "simulation: dt and an adaptive stepper were both given, expected one of them; leave dt out"
            )
        return None, stepper
    if stepper is not None and not isinstance(stepper, Stepper):
        raise ModelError(
            f"simulation: stepper is {stepper!r}, expected an object such as Strang(), Lie() or Adaptive(); "
            "pass one of these"
        )
    if dt is None:
        if stepper is None and system.cable is None:
            return None, Adaptive(rtol=1e-6) if system.mesh.n == 1 else Adaptive()
        return DEFAULT_DT, stepper or Strang()
    return positive(dt, ms, "simulation: dt"), stepper or Strang()


def _fixed(model: Model, system: System) -> dict[str, str]:
    """Parameters that went into the matrices and node groups, which stay as they are, with the values that use them."""
    placed: tuple[Any, ...] = (*model.processes, *model.regions)
    uses: list[tuple[Any, tuple[Any, ...]]] = [(p, (p.where,)) for p in placed]
    uses += [(m, (m.capacitance, m.resistivity, m.area, m.per_volume, m.where)) for m in model.membranes]
    if system.diffusion.rows.size:
        uses += [(r, (r.fraction,)) for r in model.regions]
        uses += [(s, tuple(s.d_in(r) for r in s.places)) for s in model.species]
    symbols = {s: value.label for value, parts in uses for part in parts for s in getattr(part, "free_symbols", set())}
    return {s.name: label for s, label in symbols.items() if isinstance(s, ParameterSymbol)}
