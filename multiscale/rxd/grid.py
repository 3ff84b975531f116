"""GridMesh: cut-cell voxels as finite volumes, in the order that solvers need.

One species on lanes: ``C_i du_i/dt = sum over faces of dx D_axis theta_f (u_j - u_i)``, with capacities C (volumes
after a conservative shift, see `capacity`) and apertures theta (open share of a face). Zero flux elsewhere needs no
term.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from multiscale.errors import GeometryError
from multiscale.rxd.capacity import neighbours, open_sides, shift_area, shift_capacities
from multiscale.rxd.lanes import WIDTH, arrange, beyond
from multiscale.segmentation import Floats, Ints
from multiscale.voxelize.voxels import Counts, Singles, VoxelArrays

KAPPA = 7.0  # three RKL2 stages then reach D h/dx^2 = 0.4, with 8 four are needed; 6 leaves full voxels nothing to lend
SLIVER = 1e-2  # of a full voxel: what has no open face and is smaller than this is dropped


@dataclass(frozen=True, eq=False)
class GridMesh:
    """Voxels as finite volumes on lanes: quads of four along z, planes of equal x contiguous (see `lanes.Lanes`).

    Lanes without a voxel (pads and guards) have capacity 0 and closed faces; neighbours along z are the lanes before
    and after, behind a closed face at the end of a run. All arrays are read-only.

    Attributes:
        voxels: the voxels, without those that were dropped.
        lane: lane of each voxel, ascending, shape (voxels,).
        near: quad that is the neighbour towards -x, +x, -y, +y of each quad; 0, a guard, without one;
            shape (4, quads).
        plane: guard quad before each x-plane, and the guard at the end; shape (planes + 1,).
        capacity: um^3; the sum is that of the volumes; shape (n,).
        aperture: open share of the faces towards -x, -y, -z, shape (3, n).
        area: membrane that a voxel's concentration meets, um^2: that of nearly closed voxels is their neighbour's;
            the sum is that of the voxels' areas; shape (n,).
        kappa: bound of (sum of a voxel's apertures) dx^3 / capacity.
        shifted: number of voxels that were given capacity by a neighbour.
        limited: number of voxels whose apertures were reduced.
        dropped: number of slivers without an open face that were left out.
        lost: their volume, um^3.
    """

    voxels: VoxelArrays
    lane: Ints
    near: NDArray[np.uint32]
    plane: Ints
    capacity: Floats
    aperture: Singles
    area: Floats
    kappa: float
    shifted: int
    limited: int
    dropped: int
    lost: float

    @property
    def n(self) -> int:
        """Number of lanes, a multiple of 4."""
        return self.capacity.size

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return self.lane.size

    @property
    def n_planes(self) -> int:
        """Number of x-planes that hold voxels."""
        return self.plane.size - 1

    @property
    def real(self) -> NDArray[np.bool_]:
        """Whether a lane holds a voxel, shape (n,)."""
        return self.capacity > 0

    @property
    def minv(self) -> Floats:
        """Reciprocal capacities, 1/um^3, 0 where there is no voxel, shape (n,)."""
        return np.divide(1.0, self.capacity, out=np.zeros(self.n), where=self.real)

    @property
    def volume(self) -> Floats:
        """Capacities, um^3: concentrations, fluxes and amounts all use these, shape (n,)."""
        return self.capacity

    @property
    def x(self) -> Floats:
        """Middle of the voxel, um, shape (n,); lanes without one repeat a neighbour, as in `y` and `z`."""
        return self.spread(self.voxels.centre[:, 0])

    @property
    def y(self) -> Floats:
        """See `x`."""
        return self.spread(self.voxels.centre[:, 1])

    @property
    def z(self) -> Floats:
        """See `x`."""
        return self.spread(self.voxels.centre[:, 2])

    @property
    def section(self) -> Counts:
        """Index of the section, -1 without one, shape (n,); lanes without a voxel repeat a neighbour."""
        return self.spread(self.voxels.section)

    @property
    def position(self) -> Singles:
        """Place on the section as a fraction of its length, shape (n,); lanes without a voxel repeat a neighbour."""
        return self.spread(self.voxels.position)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of voxels, shape (voxels,) -> of lanes, shape (n,); lanes without a voxel repeat the voxel before."""
        at = np.zeros(self.n, dtype=np.int64)
        at[self.lane[1:]] = 1
        return values[np.cumsum(at)]

    def stiffness(self, d: float | Floats, theta: Singles | None = None, minv: Floats | None = None) -> float:
        """Bound of the largest eigenvalue of diffusion, 1/ms (Gershgorin: strict, so that no margin is needed).

        Args:
            d: diffusion coefficient, um^2/ms: one, or one an axis, shape (3,).
            theta: a species' own apertures, shape (3, n); those of the mesh if None.
            minv: its reciprocal capacities, shape (n,); those of the mesh if None.
        """
        theta = self.aperture if theta is None else theta
        minv = self.minv if minv is None else minv
        axis = np.broadcast_to(np.asarray(d, dtype=np.float64), 3)
        flow = np.zeros(self.n)
        for k, value in enumerate(axis):
            flow += value * (theta[k] + beyond(self.near, theta[k], k))
        return 2.0 * self.voxels.dx * float((flow * minv).max())

    def before(self, values: NDArray[Any], axis: int) -> NDArray[Any]:
        """Values of the neighbours towards minus along an axis; a guard's without one; shape (n,)."""
        if axis == 2:
            return np.append(values[-1:], values[:-1])
        return np.asarray(values.reshape(-1, WIDTH)[self.near[2 * axis]].ravel())


def grid_mesh(voxels: VoxelArrays, kappa: float = KAPPA) -> GridMesh:
    """Voxels -> finite volumes on lanes.

    Args:
        voxels: the voxels, all connected pieces.
        kappa: bound of (sum of apertures) dx^3 / capacity; eigenvalues stay below ``2 kappa D / dx^2``.
    """
    if not kappa > 6.0:
        raise GeometryError(f"grid: kappa is {kappa:g}, expected more than 6, what a full voxel needs; use 7")
    minus, plus = neighbours(voxels)
    sides = open_sides(voxels.face, plus)
    sliver = (sides.max(axis=1) <= 0) & (voxels.volume < SLIVER * voxels.dx**3)
    dropped, lost = int(sliver.sum()), float(voxels.volume[sliver].sum())
    if dropped == voxels.n:
        raise GeometryError(
            f"grid: all {dropped} voxels are slivers without an open face between them, expected connected ones; "
            f"reduce dx (now {voxels.dx:g} um)"
        )
    if dropped:
        voxels = voxels.take(~sliver)
        minus, plus = neighbours(voxels)
    shifted = shift_capacities(voxels, minus, plus, kappa)
    order = arrange(voxels.index)
    n = WIDTH * order.near.shape[1]
    capacity, aperture = np.zeros(n), np.zeros((3, n), dtype=np.float32)
    capacity[order.lane] = shifted.capacity
    aperture[:, order.lane] = shifted.aperture.T
    area = np.zeros(n)
    area[order.lane] = shift_area(voxels.area, shifted.aperture, minus, plus, voxels.dx)
    for array in (order.lane, order.near, order.plane, capacity, aperture, area):
        array.flags.writeable = False
    return GridMesh(
        voxels, order.lane, order.near, order.plane, capacity, aperture, area, kappa, shifted.shifted, shifted.limited,
        dropped, lost,
    )  # fmt: skip


def varying(mesh: GridMesh, d: Floats) -> tuple[Singles, Floats]:
    """Position-dependent diffusion -> a species' own apertures and the coefficients that belong to them.

    The coefficient at a face is the harmonic mean of those on its two sides (two half voxels in series), and the
    largest on an axis is taken out, so that apertures stay below 1. A face towards a place with D = 0 is closed.

    Args:
        mesh: the mesh.
        d: um^2/ms, at least 0, shape (n,) on lanes, or one row an axis, shape (3, n).

    Returns:
        ``theta * D_face / D_max`` of the faces towards minus, shape (3, n), and D_max, um^2/ms, shape (3,).
    """
    rows = np.broadcast_to(np.asarray(d, dtype=np.float64), (3, mesh.n))
    theta, largest = np.zeros((3, mesh.n), dtype=np.float32), np.zeros(3)
    for axis, here in enumerate(rows):
        other = mesh.before(here, axis)
        total = here + other
        face = np.divide(2.0 * here * other, total, out=np.zeros(mesh.n), where=(total > 0) & (mesh.aperture[axis] > 0))
        largest[axis] = face.max()
        if largest[axis] > 0:
            theta[axis] = mesh.aperture[axis] * (face / largest[axis])
    return theta, largest


def flow_matrix(mesh: GridMesh, d: float | Floats, theta: Singles | None = None) -> csr_array:
    """Conductances between voxels, um^3/ms: ``C du/dt = K u`` with rows that add up to 0; the kernels' slow twin.

    Args:
        mesh: the mesh.
        d: diffusion coefficient, um^2/ms: one, or one an axis, shape (3,).
        theta: a species' own apertures, shape (3, n); those of the mesh if None.
    """
    theta = mesh.aperture if theta is None else theta
    lanes = np.arange(mesh.n)
    row, column, flow = [], [], []
    for axis, value in enumerate(np.broadcast_to(np.asarray(d, dtype=np.float64), 3)):
        i = np.flatnonzero(theta[axis] > 0)
        row.append(i)
        column.append(mesh.before(lanes, axis)[i])
        flow.append(mesh.voxels.dx * value * theta[axis, i].astype(np.float64))
    half = coo_array(
        (np.concatenate(flow), (np.concatenate(row), np.concatenate(column))), shape=(mesh.n, mesh.n)
    ).tocsr()
    both = (half + half.T)[mesh.lane][:, mesh.lane]
    return csr_array(both - diags_array(both.sum(axis=1)))
