"""Part of a real cell in voxels of 0.25 um: shared by the benches of three dimensions.

The part is the soma of ``c91662`` (rat CA1) with the first two apical sections and those apical sections whose midpoint
is within 70 um of path from the soma: ten sections of diameters from 17.7 to 0.3 um, some 330,000 voxels. Both programs
make their own voxels of it, so times are compared for one voxel and step.

Blocks of a few steps are timed, one after another from one state, because a peer needs up to minutes to make that
state; a time is that of one step of a block. The errors are those in time: the state after some steps against the one
that several times smaller steps of the same program on the same voxels lead to, relative to the largest value; the
largest one of 99.9 % of the voxels, because NEURON solves lines of one voxel wrongly, so that it has no limit in some
hundred voxels. (What voxels cost in accuracy is measured where the answer is known: ``tests/analytic``.)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from ctypes import py_object, pythonapi
from dataclasses import dataclass
from glob import escape
from math import exp
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import load_neuron, neuron_start, neuron_steps, neuron_version

State = TypeVar("State")
Array = NDArray[np.float64]

DX = 0.25  # um
CENTRE, WIDTH = (8.0, 5.0, 0.0), 5.0  # um, a hill around the soma's rim, where the apical dendrites begin
SECTIONS = ("soma", *(f"apic[{i}]" for i in (0, 1, 2, 113, 114, 122, 123, 129, 130)))
MEANS = "mean of each section"
IN_TIME = "1 + error in time"


@dataclass(frozen=True)
class Steps:
    """How much is run.

    Args:
        dt: ms.
        block: steps that are taken together and timed.
        blocks: blocks a repeat.
        shot: steps from t = 0 to the state whose error is measured.
        finer: by how much the steps of the limit are smaller.
    """

    dt: float
    block: int
    blocks: int
    shot: int
    finer: int


def measure_steps(
    started: float,
    steps: Steps,
    prepare: Callable[[float], State],
    advance: Callable[[State, int], object],
    fields: Callable[[State], Mapping[str, Array]],
    means: Callable[[State], Mapping[str, Array]],
    repeats: int,
    *,
    version: str,
    setting: str,
    voxels: Callable[[State], int],
    states: int,
    note: Callable[[State, float], str] | None = None,
) -> Measured:
    """Time steps and measure the error in time.

    Args:
        started: ``perf_counter()`` before the model was described, s.
        steps: how much is run.
        prepare: makes a state at t = 0 that takes steps of so many ms.
        advance: takes a number of steps.
        fields: name to concentrations in all voxels, mM, shape (voxels,); their order is the program's own.
        means: name to the mean concentration in each section, mM, shape (sections,).
        repeats: how often ``steps.blocks`` blocks are timed.
        version: program and version.
        setting: what was chosen.
        voxels: number of voxels.
        states: fields a voxel.
        note: a sentence from the state and the least time of a step, s.

    Returns:
        Times of one step, a number a block; the answer holds, for each field, 1 + its error and the means.
    """
    state = prepare(steps.dt)
    setup = perf_counter() - started
    advance(state, 2)
    seconds = []
    for _ in range(repeats * steps.blocks):
        begin = perf_counter()
        advance(state, steps.block)
        seconds.append((perf_counter() - begin) / steps.block)
    count = voxels(state)
    said = f"{count} voxels, {1e9 * min(seconds) / count:.2f} ns a voxel and step"
    said += f", {note(state, min(seconds))}" if note else ""
    del state  # a peer cannot hold two
    ends = []
    for finer in (1, steps.finer):
        state = prepare(steps.dt / finer)
        advance(state, steps.shot * finer)
        ends.append({name: values.copy() for name, values in fields(state).items()})
    errors = {name: np.abs(ends[0][name] - limit) / np.abs(limit).max() for name, limit in ends[1].items()}
    said += f", largest error of any voxel {max(error.max() for error in errors.values()):.1e}"
    answer = {f"{name}, {IN_TIME}": 1 + np.quantile(error, [0.999]) for name, error in errors.items()}
    answer |= {f"{name}, {MEANS} (mM)": values for name, values in means(state).items()}
    return Measured(version, setting, setup, tuple(seconds), count * states, answer, said)


def no_error(*names: str) -> dict[str, Array]:
    """Return the reference of ``measure_steps``: 1 for each field."""
    return {f"{name}, {IN_TIME}": np.ones(1) for name in names}


def our_hill() -> Any:
    """Return a Gaussian around ``CENTRE``, 1 there, as an expression of the position."""
    from multiscale.functions import exp as exponential
    from multiscale.symbols import x, y, z
    from multiscale.units import um

    places = zip((x, y, z), CENTRE, strict=True)
    return exponential(-sum(((place - at * um) / (WIDTH * um)) ** 2 for place, at in places))


def neuron_hill(node: Any) -> float:
    """Return the same Gaussian at a node of NEURON's."""
    places = zip((node.x3d, node.y3d, node.z3d), CENTRE, strict=True)
    return exp(-sum((place - at) ** 2 for place, at in places) / WIDTH**2)


def our_part(dx: float = DX, names: tuple[str, ...] = SECTIONS) -> Any:
    """Return those sections of the cell as ``Voxels`` of ``dx`` um."""
    from functools import reduce
    from operator import or_

    from multiscale.symbols import section
    from multiscale.units import um
    from multiscale.voxelize.readers import example_morphology, read_morphology

    cell = read_morphology(example_morphology("c91662.swc"))
    return cell.part(reduce(or_, (section(escape(name)) for name in names))).voxels(dx=dx * um)


def measure_ours(
    started: float,
    steps: Steps,
    prepare: Callable[[float], Any],
    fields: Mapping[str, str],
    repeats: int,
    *,
    states: int,
    note: Callable[[Any, float], str] | None = None,
) -> Measured:
    """Time steps of multiscale.

    Args:
        started: ``perf_counter()`` before the model was described, s.
        steps: how much is run.
        prepare: makes a Simulation on ``our_part()`` with steps of so many ms.
        fields: name to field, such as ``"ca.cyt"``.
        repeats: see ``measure_steps``.
        states: fields a voxel.
        note: one more clause, see ``measure_steps``.
    """

    def say(sim: Any, seconds: float) -> str:
        attrs = sim.solution.attrs
        scheme = f"{attrs['threads']} thread{'s' * (attrs['threads'] > 1)}, {attrs['stepper']}"
        return f"{scheme}; {note(sim, seconds)}" if note else scheme

    def means(sim: Any) -> dict[str, Array]:
        there = sim.mesh.chemical
        section, volume = sim.mesh.section[there], sim.mesh.volume[: there.size][there]
        total = np.bincount(section, volume, len(sim.mesh.section_names))
        chosen = [i for i in map(sim.mesh.section_names.index, SECTIONS) if total[i] > 0]
        return {
            name: np.bincount(section, volume * sim.arrays[field][there], total.size)[chosen] / total[chosen]
            for name, field in fields.items()
        }

    return measure_steps(
        started,
        steps,
        prepare,
        lambda sim, count: sim.step(count),
        lambda sim: {name: sim.arrays[field][sim.mesh.chemical] for name, field in fields.items()},
        means,
        repeats,
        version=our_version(),
        setting=f"dt {steps.dt} ms",
        voxels=lambda sim: int(sim.mesh.chemical.sum()),
        states=states,
        note=say,
    )


@dataclass(frozen=True, eq=False)
class NeuronPart:
    """NEURON with the part of the cell in three dimensions.

    Args:
        h: NEURON's interpreter object.
        rxd: NEURON's module of that name.
        sections: by name.
    """

    h: Any
    rxd: Any
    sections: Mapping[str, Any]

    @classmethod
    def load(cls, *, reactions: bool, names: tuple[str, ...] = SECTIONS) -> NeuronPart:
        """Read the cell with NEURON's own reader; sections of the rest of the cell stay one-dimensional."""
        from multiscale.voxelize.readers import example_morphology

        warnings.filterwarnings("ignore", message="Resolution may be too low")
        h, rxd = load_neuron(reactions=reactions)
        h.load_file("import3d.hoc")
        file = h.Import3d_SWC_read()
        file.quiet = 1
        file.input(str(example_morphology("c91662.swc")))
        h.Import3d_GUI(file, False).instantiate(None)
        cell = {one.name().replace("soma[0]", "soma"): one for one in h.allsec()}
        sections = {name: cell[name] for name in names}
        rxd.set_solve_type(list(sections.values()), dimension=3)
        return cls(h, rxd, sections)

    def region(self, name: str, geometry: Any = None, inside: bool = False) -> Any:
        """Return a region of the part in voxels of ``DX``."""
        side = "i" if inside else None
        return self.rxd.Region(list(self.sections.values()), name=name, nrn_region=side, geometry=geometry, dx=DX)

    def keep(self, made: Any) -> Any:
        """Return what lives until the process ends: NEURON aborts where it takes a species in voxels apart."""
        pythonapi.Py_IncRef(py_object(made))
        return made

    def species(self, regions: Any, **values: Any) -> Any:
        """Return a new species, kept."""
        return self.keep(self.rxd.Species(regions, **values))

    def measure(
        self, started: float, steps: Steps, fields: Mapping[str, Any], repeats: int, *, states: int
    ) -> Measured:
        """Time steps of one thread.

        Args:
            started: ``perf_counter()`` before the model was described, s.
            steps: how much is run.
            fields: name to species on a region.
            repeats: see ``measure_steps``.
            states: fields a voxel.
        """

        def prepare(dt: float) -> None:
            neuron_start(self.h, dt)
            self.rxd.nthread(1)  # finitialize resets it

        return measure_steps(
            started,
            steps,
            prepare,
            lambda _, count: neuron_steps(self.h, count),
            lambda _: {name: np.array(one.nodes.concentration) for name, one in fields.items()},
            lambda _: {name: self.means(one) for name, one in fields.items()},
            repeats,
            version=neuron_version(),
            setting=f"dt {steps.dt} ms",
            voxels=lambda _: len(next(iter(fields.values())).nodes),
            states=states,
        )

    def means(self, species: Any) -> Array:
        """Return the mean concentration in each section, mM."""
        amount, volume = dict.fromkeys(self.sections, 0.0), dict.fromkeys(self.sections, 0.0)
        for node in species.nodes:
            name = node.segment.sec.name().replace("soma[0]", "soma")
            amount[name] += node.volume * node.concentration
            volume[name] += node.volume
        return np.array([amount[name] / volume[name] for name in self.sections])
