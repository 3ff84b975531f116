"""How species diffuse in one grid over one step length: the scheme, its stages, its factors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.rxd.adi_factors import AdiFactors, dg_factors, lod_factors
from multiscale.rxd.steppers.base import Stepper
from multiscale.rxd.steppers.diffusers import RKL2, BackwardEuler, Diffuser, DouglasGunn
from multiscale.rxd.transport import GridDiffusion
from multiscale.rxd.workspace import rkl2_stages

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# RKL2 costs a stage what Douglas-Gunn costs a sixth of; the latter is never chosen where it could overshoot
MOST_STAGES = 6
MOST_RATIO = 3.0  # D dt / dx^2


@dataclass(frozen=True, eq=False)
class GridSpread:
    """Diffusion in one grid for one step length.

    Attributes:
        diffusion: the species and their geometry.
        schemes: of each species.
        stages: RKL2 stages, shape (k,).
        arrays: method of each species, and the stored factors of the tridiagonal schemes; see `diffuse_grid`.
        work: shape (4, lanes).
    """

    diffusion: GridDiffusion
    schemes: tuple[Diffuser, ...]
    stages: Index
    arrays: tuple[NDArray[np.generic], ...]
    work: Array

    @property
    def rows(self) -> Index:
        """Rows that diffuse."""
        return self.diffusion.rows

    def as_tuple(self) -> tuple[object, ...]:
        """In the order of the generated loop's arguments."""
        d = self.diffusion
        method = np.array([scheme.method for scheme in self.schemes], dtype=np.int64)
        return (
            d.first, d.rows, method, self.stages, d.theta, d.theta_of, d.minv, d.minv_of, d.d * d.mesh.voxels.dx,
            d.mesh.near, d.mesh.plane, *self.arrays, self.work,
        )  # fmt: skip

    def describe(self, k: int) -> str:
        """What was chosen for the k-th species."""
        scheme = self.schemes[k]
        if isinstance(scheme, RKL2):
            return f"RKL2, {self.stages[k]} stages"
        return "Douglas-Gunn" if isinstance(scheme, DouglasGunn) else "split backward Euler"


def grid_spread(diffusion: GridDiffusion, stepper: Stepper, h: float) -> GridSpread:
    """Choose a scheme for each species by its stiffness times the step, unless the user chose one.

    Args:
        diffusion: the species on their grid.
        stepper: the scheme of the step.
        h: length of the diffusion part, ms.
    """
    d, mesh = diffusion, diffusion.mesh
    stages = np.array([rkl2_stages(z * h) for z in d.stiffness], dtype=np.int64)
    dx = float(mesh.voxels.dx)
    schemes = tuple(
        _scheme(stepper.voxel_diffusion, int(stages[k]), float(d.d[k].max()) * h / dx**2) for k in range(d.rows.size)
    )
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
        if not isinstance(scheme, RKL2):
            factor_of[k] = factors(k, isinstance(scheme, BackwardEuler), h)
        if not isinstance(scheme, BackwardEuler):
            safe_of[k] = factors(k, True, 0.5 * h)
    shape = {"f": (0, 3, mesh.n), "k": (0, 2, mesh.n), "p": (0, mesh.n), "mass": (0, mesh.n), "coupling": (0, 3)}
    stacked = [
        np.array([getattr(one, name) for one in sets], dtype=np.float32 if name == "f" else np.float64)
        if sets
        else np.zeros(empty, dtype=np.float32 if name == "f" else np.float64)
        for name, empty in shape.items()
    ]
    return GridSpread(d, schemes, stages, (*stacked, factor_of, safe_of), np.zeros((4, mesh.n)))


def _scheme(chosen: Diffuser | None, stages: int, ratio: float) -> Diffuser:
    if chosen is not None:
        return chosen
    return DouglasGunn() if stages > MOST_STAGES and ratio < MOST_RATIO else RKL2()
