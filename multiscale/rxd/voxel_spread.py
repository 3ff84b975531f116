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
        euler: explicit Euler steps that are positive, shape (k,).
        factors: stored factors of the sweeps, see `sweep_grid`; none for RKL2.
        share: what each thread does.
    """

    diffusion: GridDiffusion
    schemes: tuple[Diffuser, ...]
    stages: Index
    euler: Index
    factors: tuple[NDArray[np.generic], ...]
    share: GridShare

    @property
    def rows(self) -> Index:
        """Rows that diffuse."""
        return self.diffusion.rows

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the generated loop's arguments."""
        d, share = self.diffusion, self.share
        if not self.factors:
            return (
                d.first, d.rows, self.stages, self.euler, d.d * d.mesh.voxels.dx, *d.quads, d.quads_of, share.slabs,
                share.lanes, share.work,
            )  # fmt: skip
        method = np.array([scheme.method for scheme in self.schemes], dtype=np.int64)
        return (
            d.first, d.rows, method, self.stages, d.theta, d.theta_of, d.mesh.near, d.mesh.plane, *self.factors,
            share.lanes, share.lows, share.highs, share.cuts, share.work,
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
    """Stages, parts and factors of each species for a step; RKL2 unless the user chose another scheme.

    Args:
        diffusion: the species on their grid.
        stepper: the scheme of the step.
        h: length of the diffusion part, ms.
        share: what each thread does.
    """
    d = diffusion
    scheme = stepper.voxel_diffusion if stepper.voxel_diffusion is not None else RKL2()
    stages = np.array([_parts(scheme, z * h) for z in d.stiffness], dtype=np.int64)
    euler = np.maximum(np.ceil(0.5 * h * d.stiffness), 1).astype(np.int64)
    factors = () if isinstance(scheme, RKL2) else _factors(d, scheme, stages, h)
    return GridSpread(d, (scheme,) * d.rows.size, stages, euler, factors, share)


def _factors(d: GridDiffusion, scheme: Diffuser, parts: Index, h: float) -> tuple[NDArray[np.generic], ...]:
    """Factors of the sweeps, stacked, with the sets of each species; equal ones once."""
    mesh = d.mesh
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
    for k in range(d.rows.size):
        if isinstance(scheme, BackwardEuler):
            factor_of[k] = factors(k, True, h)
        else:
            factor_of[k] = factors(k, False, h / int(parts[k]))
            safe_of[k] = factors(k, True, 0.5 * h)
    shape = {"f": (0, 3, mesh.n), "k": (0, 2, mesh.n), "p": (0, mesh.n), "mass": (0, mesh.n), "coupling": (0, 3)}
    kinds = {name: np.float32 if name == "f" else np.float64 for name in shape}
    stacked = [
        np.array([getattr(one, name) for one in sets] or np.zeros(empty), dtype=kinds[name])
        for name, empty in shape.items()
    ]
    return (*stacked, factor_of, safe_of)


def _parts(scheme: Diffuser, z: float) -> int:
    """Stages of RKL2; equal parts of a step within which Douglas-Gunn is stable on any domain."""
    return stages_for(z, 1.0) if isinstance(scheme, RKL2) else max(1, math.ceil(z / DG_LIMIT))
