"""Equations + mesh → what diffuses and conducts: capacities and conductances on the tree, in voxels, at joins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import GeometryError, ModelError
from multiscale.regions import Membrane
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import CellMesh, Mesh
from multiscale.rxd.edges import diagonal, edge_conductance
from multiscale.rxd.equations import Equations
from multiscale.rxd.grid import GridMesh, varying
from multiscale.rxd.groups import Masks
from multiscale.rxd.inputs import at_nodes
from multiscale.rxd.quads import quads, stack
from multiscale.species import Species
from multiscale.units import strip

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Species that diffuse along the tree.

    Attributes:
        rows: shape (k,).
        mass: capacities, um^3, shape (k, tree n_total).
        conductance: from each node to its parent, um^3/ms, shape (k, tree n_total).
        stiffness: bound of the largest eigenvalue (Gershgorin), 1/ms, shape (k,).
    """

    rows: Index
    mass: Array
    conductance: Array
    stiffness: Array


@dataclass(frozen=True, eq=False)
class GridDiffusion:
    """Species that diffuse in one grid of voxels. Equal geometry is stored once.

    Attributes:
        mesh: the grid. first: node number of its first lane.
        rows: shape (k,).
        d: diffusion coefficient an axis, um^2/ms, shape (k, 3).
        theta: apertures, shape (t, 3, lanes); theta_of: those of each species, shape (k,).
        minv: reciprocal capacities, 1/um^3, 0 where the species is not, shape (m, lanes); minv_of: shape (k,).
        stiffness: bound of the largest eigenvalue, 1/ms, shape (k,).
        quads: lists of full and cut quads, `quads.stack`; quads_of: the set of each species, shape (k,).
    """

    mesh: GridMesh
    first: int
    rows: Index
    d: Array
    theta: Single
    theta_of: Index
    minv: Array
    minv_of: Index
    stiffness: Array
    quads: tuple[NDArray[Any], ...]
    quads_of: Index


@dataclass(frozen=True, eq=False)
class JoinDiffusion:
    """Species that pass the joins.

    Attributes:
        rows: shape (k,).
        conductance: of each contact, um^3/ms, shape (k, contacts).
        hub_mass: capacity of each join's hub, um^3, 0 without one, shape (k, joins).
        mass: capacity of each contact's voxel, um^3, shape (k, contacts).
    """

    rows: Index
    conductance: Array
    hub_mass: Array
    mass: Array


@dataclass(frozen=True, eq=False)
class CableArrays:
    """The potential's row and its arrays: capacitance pF, area um^2, axial conductance nS, each (tree n_total,)."""

    row: int
    capacitance: Array
    area: Array
    axial: Array
    moved: Index


@dataclass(frozen=True, eq=False)
class Mobile:
    """A species that diffuses, at all nodes of the mesh.

    Attributes:
        row: its row. mobility: D an axis, um^2/ms, shape (3, n); equal rows for a scalar D.
        fraction: of the volume that its region takes, shape (n,). inside: where it is, shape (n,).
    """

    row: int
    mobility: Array
    fraction: Array
    inside: NDArray[np.bool_]
    scalar: bool
    uniform: bool


def mobile_fields(eqs: Equations, mesh: Mesh, present: NDArray[np.bool_]) -> list[Mobile]:
    """Species with a diffusion coefficient above 0 somewhere.

    Raises:
        ModelError: a coefficient is negative or not finite.
    """
    found = []
    for f in eqs.fields:
        if not isinstance(f.owner, Species) or mesh.n == 1:
            continue
        d = f.owner.d_in(f.symbol.place)
        parts = d if isinstance(d, tuple) else (d,)
        inside = present[f.row]
        expressions = [strip(sympy.sympify(part)) for part in parts]
        with np.errstate(all="ignore"):
            mobility = np.array([at_nodes(e, mesh, {s: v for _, s, v in eqs.parameters}) for e in expressions])
        if not np.all(np.isfinite(mobility[:, inside])) or np.any(mobility[:, inside] < 0):
            raise ModelError(
                f"species '{f.owner.name}': d is {mobility[:, inside].min():g} um^2/ms at some node, "
                "expected a finite number of 0 or more; check its formula"
            )
        if not np.any(mobility[:, inside] > 0):
            continue
        volume_fraction = strip(sympy.sympify(f.symbol.place.volume_fraction))
        fraction = places.evaluate(volume_fraction, mesh)
        uniform = not (volume_fraction.free_symbols or any(e.free_symbols - _constants(eqs) for e in expressions))
        rows = np.where(inside, mobility, 0.0)
        found.append(
            Mobile(f.row, np.broadcast_to(rows, (3, mesh.n)), fraction, inside, not isinstance(d, tuple), uniform)
        )
    return found


def _constants(eqs: Equations) -> set[sympy.Symbol]:
    return {symbol for _, symbol, _ in eqs.parameters}


def tree_diffusion(eqs: Equations, mesh: Mesh, mobiles: list[Mobile]) -> Diffusion:
    """Diffusion along the tree, where concentrations are not in voxels.

    Raises:
        GeometryError: a species has a direction-dependent d on a tree.
    """
    tree, first = mesh.tree, mesh.tree_start
    rows, mass, conductance, bound = [], [], [], []
    for m in mobiles:
        mobility = m.mobility[0, first:] * m.fraction[first:]
        if not np.any(mobility > 0):
            continue
        if not m.scalar:
            owner = eqs.fields[m.row].owner
            assert isinstance(owner, Species)
            raise GeometryError(
                f"species '{owner.name}': d has 3 components, expected one number on a 1-D tree; give a scalar d"
            )
        g = edge_conductance(tree, mobility)
        if isinstance(mesh, CellMesh):
            g[mesh.joins.closed] = 0.0
        capacity = np.zeros(tree.n_total)
        capacity[: tree.n] = np.where(m.inside[first:], tree.volume[: tree.n] * m.fraction[first:], 0.0)
        rows.append(m.row)
        mass.append(capacity)
        conductance.append(g)
        with np.errstate(divide="ignore", invalid="ignore"):
            bound.append(np.max(np.where(capacity > 0, 2.0 * diagonal(tree, g) / capacity, 0.0)))
    shape = (len(rows), tree.n_total)
    return Diffusion(
        np.array(rows, dtype=np.int64), np.array(mass).reshape(shape), np.array(conductance).reshape(shape),
        np.array(bound, dtype=np.float64),
    )  # fmt: skip


def grid_diffusion(mesh: Mesh, mobiles: list[Mobile]) -> tuple[GridDiffusion, ...]:
    """Diffusion in each grid of voxels."""
    if not isinstance(mesh, CellMesh):
        return ()
    return tuple(_one_grid(grid, first, mobiles) for grid, first in zip(mesh.grids, mesh.starts, strict=True))


def _one_grid(grid: GridMesh, first: int, mobiles: list[Mobile]) -> GridDiffusion:
    lanes = slice(first, first + grid.n)
    theta: list[Single] = [np.asarray(grid.aperture)]
    minv: list[Array] = [np.asarray(grid.minv)]
    rows, d, theta_of, minv_of, bound = [], [], [], [], []
    for m in mobiles:
        mobility, inside, fraction = m.mobility[:, lanes], m.inside[lanes], m.fraction[lanes]
        if not np.any(mobility > 0):
            continue
        whole = bool(inside[grid.real].all())
        if m.uniform and whole:
            axis, faces, volumes = mobility[:, grid.lane[0]].copy(), 0, 0
        else:
            own, axis = varying(grid, mobility * np.where(inside, fraction, 0.0))
            theta.append(own)
            minv.append(np.divide(grid.minv, fraction, out=np.zeros(grid.n), where=inside & (fraction > 0)))
            faces, volumes = len(theta) - 1, len(minv) - 1
        rows.append(m.row)
        d.append(axis)
        theta_of.append(faces)
        minv_of.append(volumes)
        bound.append(grid.stiffness(axis, theta[faces], minv[volumes]))
    pairs = list(zip(theta_of, minv_of, strict=True))
    sets = list(dict.fromkeys(pairs)) or [(0, 0)]
    lists = stack([quads(grid, theta[t], minv[m]) for t, m in sets])
    return GridDiffusion(
        grid, first, np.array(rows, dtype=np.int64), np.array(d, dtype=np.float64).reshape(len(rows), 3),
        np.ascontiguousarray(theta), np.array(theta_of, dtype=np.int64), np.ascontiguousarray(minv),
        np.array(minv_of, dtype=np.int64), np.array(bound, dtype=np.float64), lists,
        np.array([sets.index(pair) for pair in pairs], dtype=np.int64),
    )  # fmt: skip


def join_diffusion(mesh: Mesh, mobiles: list[Mobile]) -> JoinDiffusion | None:
    """Diffusion between branches and voxels; None without a join."""
    if not isinstance(mesh, CellMesh) or not mesh.joins.count:
        return None
    joins, first = mesh.joins, mesh.tree_start
    count = np.diff(joins.start)
    hub = np.where(joins.hub >= 0, first + joins.hub, 0)
    rows, conductance, hub_mass, mass = [], [], [], []
    for m in mobiles:
        strength = m.mobility.max(axis=0) * m.fraction
        here = np.repeat(np.where(joins.hub >= 0, strength[hub], np.inf), count)
        there = strength[joins.lane]
        with np.errstate(divide="ignore", invalid="ignore"):
            g = 1.0 / (np.where(joins.near > 0, joins.near / here, 0.0) + joins.far / there)
        closed = (here == 0) | (there == 0)
        g = np.where(np.isfinite(g) & ~closed, g, 0.0)
        if not g.any():
            continue
        rows.append(m.row)
        conductance.append(g)
        held = np.where(m.inside[hub] & (joins.hub >= 0), mesh.volume[hub] * m.fraction[hub], 0.0)
        hub_mass.append(held)
        volume = mesh.volume[joins.lane] * m.fraction[joins.lane]
        mass.append(np.where(volume > 0, volume, 1.0))  # a voxel without the species takes no part: its g is 0
    if not rows:
        return None
    return JoinDiffusion(np.array(rows, dtype=np.int64), np.array(conductance), np.array(hub_mass), np.array(mass))


def cable_arrays(eqs: Equations, mesh: Mesh, masks: Masks) -> CableArrays | None:
    """Arrays of the cable equation; tree nodes that are not simulated are cut off and hold a unit capacitance."""
    potential = eqs.potential
    if potential is None:
        return None
    membrane = potential.owner
    assert isinstance(membrane, Membrane)
    tree, own = mesh.tree, slice(mesh.tree_start, mesh.n)
    covered = masks.place(membrane)[own]
    alive = mesh.electric[own] if isinstance(mesh, CellMesh) else np.ones(tree.n, dtype=bool)
    area, capacitance = np.zeros(tree.n_total), np.zeros(tree.n_total)
    share = places.evaluate(strip(sympy.sympify(membrane.area)), mesh)[own]
    area[: tree.n] = np.where(covered & alive, tree.area[: tree.n] * share, 0.0)
    density = places.evaluate(strip(sympy.sympify(membrane.capacitance)), mesh)[own]
    capacitance[: tree.n] = np.where(alive, area[: tree.n] * density, 1.0)
    resistivity = places.evaluate(strip(sympy.sympify(membrane.resistivity)), mesh)[own]
    moved = sorted({row for term in eqs.terms for _, moves in term.currents for row, _ in moves})
    axial = edge_conductance(tree, np.where(alive, 1.0 / resistivity, 0.0))
    return CableArrays(potential.row, capacitance, area, axial, np.array(moved, dtype=np.int64))
