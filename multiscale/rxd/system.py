"""Equations + mesh → System: which terms act where, node inputs, capacities and conductances. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import GeometryError, ModelError
from multiscale.regions import Membrane
from multiscale.rxd.cell_mesh import CellMesh, Mesh
from multiscale.rxd.equations import Equations, Field
from multiscale.rxd.groups import Group, Masks, groups_of, is_electric
from multiscale.rxd.inputs import at_nodes, node_input
from multiscale.rxd.lanes import WIDTH, aligned
from multiscale.rxd.transport import (
    CableArrays,
    Diffusion,
    GridDiffusion,
    JoinDiffusion,
    cable_arrays,
    grid_diffusion,
    join_diffusion,
    mobile_fields,
    tree_diffusion,
)
from multiscale.species import Species
from multiscale.units import strip

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class System:
    """A model on a mesh, ready to step.

    Attributes:
        equations: the numbered equations. mesh: the nodes. groups: nodes with the same terms.
        present: where each field is kept, shape (fields, n).
        inputs: node inputs, shape (inputs, n_total).
        diffusion: along the tree. grids: in voxels. joins: between them. cable: of the potential.
        mirrored: rows that channels read or move where the cell is voxelised, shape (k,).
        broadcast: rows of the tree that the chemistry in voxels reads, shape (k,).
    """

    equations: Equations
    mesh: Mesh
    groups: tuple[Group, ...]
    present: NDArray[np.bool_]
    inputs: Array
    diffusion: Diffusion
    grids: tuple[GridDiffusion, ...]
    joins: JoinDiffusion | None
    cable: CableArrays | None
    mirrored: Index
    broadcast: Index

    @property
    def fields(self) -> tuple[Field, ...]:
        """Rows of the state."""
        return self.equations.fields

    @property
    def visible(self) -> Index:
        """Nodes that a user sees: those with a field; shape (k,)."""
        if not isinstance(self.mesh, CellMesh):
            return np.arange(self.mesh.n, dtype=np.int64)
        return np.flatnonzero(self.present.any(axis=0)).astype(np.int64)

    @property
    def diffuses(self) -> bool:
        """Whether any species diffuses."""
        return bool(self.diffusion.rows.size or any(grid.rows.size for grid in self.grids))


def discretize(eqs: Equations, mesh: Mesh) -> System:
    """Place the equations on a mesh.

    Raises:
        GeometryError: nothing of the model lies on the mesh, a species has a direction-dependent d on a tree, or a
            region is a shell where the cell is voxelised.
    """
    n = mesh.n
    if isinstance(mesh, CellMesh):
        _no_shells(eqs)
    masks = Masks(mesh)
    present = np.array([masks.field(f) for f in eqs.fields], dtype=bool).reshape(len(eqs.fields), n)
    if eqs.fields and not present.any():
        raise GeometryError(
            f"model '{eqs.model.name}': none of its fields exists at any of the {n} nodes; "
            "check the `where` of its regions"
        )
    known = len(eqs.inputs)
    eqs, groups, extra = groups_of(eqs, masks)
    inputs = np.zeros((max(1, len(eqs.inputs)), mesh.n_total))
    for k, (_, expression) in enumerate(eqs.inputs[:known]):
        inputs[k, :n] = node_input(expression, mesh)
    for k, mask in enumerate(extra):
        inputs[known + k, :n] = mask
    mobiles = mobile_fields(eqs, mesh, present)
    cable = cable_arrays(eqs, mesh, masks)
    none = np.zeros(0, dtype=np.int64)
    mirrored, broadcast = _crossing(eqs, groups, cable) if isinstance(mesh, CellMesh) else (none, none)
    return System(
        eqs, mesh, groups, present, inputs, tree_diffusion(eqs, mesh, mobiles), grid_diffusion(mesh, mobiles),
        join_diffusion(mesh, mobiles), cable, mirrored, broadcast,
    )  # fmt: skip


def _no_shells(eqs: Equations) -> None:
    for region in eqs.model.regions:
        if region.shell is not None:
            raise GeometryError(
                f"{region.label} is a shell, expected a whole region where the cell is voxelised; "
                "leave the shell out: voxels resolve the radius"
            )


def _crossing(eqs: Equations, groups: tuple[Group, ...], cable: CableArrays | None) -> tuple[Index, Index]:
    """Rows that channels read or move, and rows of channels that chemistry reads."""
    electric = {f.row for f in eqs.fields if is_electric(f)}

    def reads(side: bool) -> set[int]:
        terms = [term for group in groups if group.electric == side for term in group.terms]
        expressions = [rate for term in terms for _, rate in term.changes]
        for density, moves in (current for term in terms for current in term.currents):
            expressions += [density, *(coefficient for _, coefficient in moves)]
        symbols = {symbol for e in expressions for symbol in e.free_symbols}
        return {f.row for f in eqs.fields if f.symbol in symbols}

    moved = set() if cable is None else {int(row) for row in cable.moved}
    mirrored = sorted((reads(True) | moved) - electric)
    broadcast = sorted(reads(False) & electric)
    return np.array(mirrored, dtype=np.int64), np.array(broadcast, dtype=np.int64)


def initial_values(system: System, parameters: Mapping[str, float], changed: Mapping[sympy.Symbol, object]) -> Array:
    """State at t = 0, shape (fields, n_total): the model's initial values, or those in `changed` (symbol → value).

    With voxels, rows are padded to whole quads and aligned.

    Raises:
        ModelError: a value is not finite, a concentration is negative, or two initial values need each other.
    """
    eqs, mesh = system.equations, system.mesh
    width = mesh.n_total if not isinstance(mesh, CellMesh) else -(-mesh.n_total // WIDTH) * WIDTH
    values = aligned((len(eqs.fields), width))
    known: dict[sympy.Symbol, object] = {symbol: parameters[name] for name, symbol, _ in eqs.parameters}
    waiting = {f: strip(sympy.sympify(changed.get(f.symbol, _initial(f)))) for f in eqs.fields}
    waiting = {f: _bath_free(e, eqs) for f, e in waiting.items()}
    while waiting:
        fields = {f.symbol for f in waiting}
        ready = [f for f, e in waiting.items() if not (e.free_symbols & fields)]
        if not ready:
            names = ", ".join(f"'{f.name}'" for f in waiting)
            raise ModelError(
                f"model '{eqs.model.name}': the initial values of {names} need each other; give one of them as a number"
            )
        for f in ready:
            with np.errstate(all="ignore"):  # lanes without a voxel may stand anywhere
                value = at_nodes(waiting.pop(f), mesh, known)
            if not np.all(np.isfinite(value[system.present[f.row]])):
                bad = int(np.flatnonzero(~np.isfinite(value) & system.present[f.row])[0])
                raise ModelError(
                    f"field '{f.name}': its initial value is {value[bad]} at node {bad}, expected a finite number; "
                    "check `initial`"
                )
            if f.kind == "concentration" and np.any(value[system.present[f.row]] < 0):
                least = value[system.present[f.row]].min()
                raise ModelError(
                    f"field '{f.name}': its initial value is negative ({least:g} mM), "
                    "expected a concentration of 0 or more; "
                    "check `initial`"
                )
            values[f.row, : mesh.n] = np.where(system.present[f.row], value, 0.0)
            if isinstance(mesh, CellMesh) and not is_electric(f):  # channels start with what they will see
                means = mesh.boundary.means(values[f.row], mesh.tree.n)
                at = mesh.tree_start + np.flatnonzero(mesh.voxelised)
                values[f.row, at] = means[mesh.voxelised]
            known[f.symbol] = values[f.row, : mesh.n]
    return values


def _bath_free(expression: sympy.Expr, eqs: Equations) -> sympy.Expr:
    by_name = {name: symbol for name, symbol, _ in eqs.parameters}
    swaps = {s: by_name[s.name] for s in expression.free_symbols if s.name in by_name and s is not by_name[s.name]}
    return expression.xreplace(swaps)


def _initial(field: Field) -> object:
    owner = field.owner
    if isinstance(owner, Membrane):
        return owner.initial
    if isinstance(owner, Species):
        return owner.initial_in(field.symbol.place)
    return owner.initial
