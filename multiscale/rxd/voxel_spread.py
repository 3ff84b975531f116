"""How species diffuse in one grid over one step length: the scheme, its stages, its factors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.rxd.adi_factors import DG_LIMIT, AdiFactors, AdiParts, adi_parts, dg_factors, lod_factors
from multiscale.rxd.lanes import aligned
from multiscale.rxd.quads import stages_for
from multiscale.rxd.steppers.base import Stepper
from multiscale.rxd.steppers.diffusers import RKL2, BackwardEuler, Diffuser, DouglasGunn
from multiscale.rxd.transport import GridDiffusion

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_STAGES = 6  # of RKL2: more cost more than Douglas-Gunn, where that is safe
MOST_EULER = 16  # explicit Euler steps, if a step has to be repeated; more cost more than two of split backward Euler


@dataclass(frozen=True, eq=False)
class GridShare:
    """The parts of one grid that each thread works on, and work arrays; the same for all step lengths.

    Attributes:
        slabs: slabs of each thread for RKL2, shape (threads + 1,).
        lanes: the lanes of these slabs, shape (threads + 1,).
        lows: first quad of each thread's x-lines in each plane, shape (threads, planes).
        highs: one past their last quad, shape (threads, planes).
        cuts: x-planes of each thread, shape (threads + 1,).
        work: shape (2 + 2 threads, lanes).
    """

    slabs: Index
    lanes: Index
    lows: Index
    highs: Index
    cuts: Index
    work: Array


def grid_share(diffusion: GridDiffusion, threads: int) -> GridShare:
    """Deal a grid to some threads, about the same work for each."""
    start, rows = diffusion.quads[:2]
    full = np.concatenate([[0], start[0, :-1, 2]])
    work = 2 * start[0, :, 0] - full  # a cut quad takes nearly twice the time of a full one
    slabs = np.searchsorted(work, work[-1] * np.arange(threads + 1) / threads).astype(np.int64)
    first = np.minimum.reduceat(rows[: 5 * start[0, -1, 0] : 5].astype(np.int64), start[0, :-1, 0])
    n = diffusion.mesh.n
    lanes = np.concatenate([[0], np.append(first, n)[slabs[1:-1]], [n]]).astype(np.int64)
    planes = diffusion.mesh.n_planes
    if threads > 1:
        parts = adi_parts(diffusion.mesh, threads)
    else:  # one thread has kernels of its own, which do not ask
        parts = AdiParts(np.zeros((1, planes), np.int64), np.zeros((1, planes), np.int64), np.array([0, planes]))
    return GridShare(slabs, lanes, parts.lows, parts.highs, parts.cuts, aligned((2 + 2 * threads, n)))


@dataclass(frozen=True, eq=False)
class GridSpread:
    """Diffusion in one grid for one step length.

    Attributes:
        diffusion: the species and their geometry.
        schemes: of each species.
        stages: stages of RKL2, or equal parts of a Douglas-Gunn step, shape (k,).
        safe: explicit Euler steps for a repetition, 0 where split backward Euler is taken, shape (k,).
        arrays: method of each species, and the stored factors of the tridiagonal schemes; see `diffuse_grid`.
        share: what each thread does.
    """

    diffusion: GridDiffusion
    schemes: tuple[Diffuser, ...]
    stages: Index
    safe: Index
    arrays: tuple[NDArray[np.generic], ...]
    share: GridShare

    @property
    def rows(self) -> Index:
        """Rows that diffuse."""
        return self.diffusion.rows

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the generated loop's arguments."""
        d, share = self.diffusion, self.share
        method = np.array([scheme.method for scheme in self.schemes], dtype=np.int64)
        return (
            d.first, d.rows, method, self.stages, self.safe, d.theta, d.theta_of, d.minv, d.minv_of,
            d.d * d.mesh.voxels.dx, d.mesh.near, d.mesh.plane, *d.quads, d.quads_of, *self.arrays, share.slabs, share.lanes,
            share.lows, share.highs, share.cuts, share.work,
        )  # fmt: skip

    def describe(self, k: int) -> str:
        """What was chosen for the k-th species."""
        scheme = self.schemes[k]
        if isinstance(scheme, RKL2):
            return f"RKL2, {self.stages[k]} stages"
        if isinstance(scheme, DouglasGunn):
            return "Douglas-Gunn" + (f" in {self.stages[k]} parts" if self.stages[k] > 1 else "")
        return "split backward Euler"


def grid_spread(diffusion: GridDiffusion, stepper: Stepper, h: float, share: GridShare) -> GridSpread:
    """Choose a scheme for each species by its stiffness times the step, unless the user chose one.

    Args:
        diffusion: the species on their grid.
        stepper: the scheme of the step.
        h: length of the diffusion part, ms.
        share: what each thread does.
    """
    d, mesh = diffusion, diffusion.mesh
    schemes = tuple(_scheme(stepper.voxel_diffusion, z * h) for z in d.stiffness)
    stages = np.array([_parts(scheme, z * h) for scheme, z in zip(schemes, d.stiffness, strict=True)], dtype=np.int64)
    euler = np.maximum(np.ceil(0.5 * h * d.stiffness), 1).astype(np.int64)
    safe = np.where(euler <= MOST_EULER, euler, 0)
    sets: list[AdiFactors] = []
    known: dict[tuple[object, ...], int] = {}

    def factors(k: int, implicit: bool, length: float) -> int:
        key = (tuple(d.d[k]), int(d.theta_of[k]), int(d.minv_of[k]), implicit, length)
        if key not in known:
            minv = d.minv[d.minv_of[k]]
            capacity = np.divide(1.0, minv, out=np.zeros_like(minv), where=minv > 0)
            make = lod_factors if implicit else dg_factors
            sets.append(make(mesh, d.d[k], length, d.theta[d.theta_of[k]], capacity))
            known[key] = len(sets) - 1
        return known[key]

    factor_of, safe_of = np.zeros(d.rows.size, dtype=np.int64), np.zeros(d.rows.size, dtype=np.int64)
    for k, scheme in enumerate(schemes):
        if isinstance(scheme, BackwardEuler):
            factor_of[k] = factors(k, True, h)
        elif isinstance(scheme, DouglasGunn):
            factor_of[k] = factors(k, False, h / int(stages[k]))
        if safe[k] == 0 and not isinstance(scheme, BackwardEuler):
            safe_of[k] = factors(k, True, 0.5 * h)
    shape = {"f": (0, 3, mesh.n), "k": (0, 2, mesh.n), "p": (0, mesh.n), "mass": (0, mesh.n), "coupling": (0, 3)}
    stacked = [
        np.array([getattr(one, name) for one in sets], dtype=np.float32 if name == "f" else np.float64)
        if sets
        else np.zeros(empty, dtype=np.float32 if name == "f" else np.float64)
        for name, empty in shape.items()
    ]
    none = np.zeros(mesh.n, dtype=np.float32)
    return GridSpread(d, schemes, stages, safe, (*stacked, factor_of, safe_of, none), share)


def _scheme(chosen: Diffuser | None, z: float) -> Diffuser:
    """The user's choice, else by step times stiffness z: Douglas-Gunn only where it is stable, and cheaper."""
    if chosen is not None:
        return chosen
    return DouglasGunn() if stages_for(z, 1.0) > MOST_STAGES and z <= DG_LIMIT else RKL2()


def _parts(scheme: Diffuser, z: float) -> int:
    """Stages of RKL2; equal parts of a step within which Douglas-Gunn is stable on any domain."""
    return stages_for(z, 1.0) if isinstance(scheme, RKL2) else max(1, math.ceil(z / DG_LIMIT))
