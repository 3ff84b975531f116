"""What a script asks to record → fields and nodes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from multiscale.errors import GeometryError, ModelError
from multiscale.probes import Mean
from multiscale.regions import Membrane, Region
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import Mesh
from multiscale.rxd.equations import Equations, Field
from multiscale.rxd.groups import is_electric
from multiscale.rxd.locate import Nodes, find, nodes_of
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.record import Selection
from multiscale.species import Species, State
from multiscale.symbols import FieldSymbol, Probe
from multiscale.units import strip

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Recordable: TypeAlias = FieldSymbol | Probe | Species | State | str


@dataclass(frozen=True)
class _Wanted:
    name: str
    field: Field
    place: Any  # None: everywhere


def selection(
    record: Recordable | Iterable[Recordable] | None, eqs: Equations, mesh: Mesh, present: Mask | None = None
) -> Selection:
    """Rows and nodes of what is to be recorded; every field at all nodes if nothing is asked for.

    Args:
        record: symbols, probes, species, states or names of fields; one or several.
        eqs: the numbered equations.
        mesh: the nodes.
        present: where each field exists, shape (fields, n); None is everywhere.

    Raises:
        ModelError: something is no field of the model, or is listed twice. GeometryError: a place is not on the mesh,
            or a mean is wanted where the field does not exist.
    """
    if record is None:
        wanted = [_Wanted(f.name, f, None) for f in eqs.fields]
    else:
        single = isinstance(record, str | sympy.Basic | Probe) or not isinstance(record, Iterable)
        items: Any = [record] if single else record
        wanted = [w for item in items for w in _wanted(item, eqs)]
    names = [w.name for w in wanted]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"record: '{name}' is listed twice, expected once; leave one out")
    prepared = cache(partial(nodes_of, mesh))
    found = [_nodes(w, mesh, present, prepared) for w in wanted]
    nodes, weights = tuple(n for n, _ in found), tuple(w for _, w in found)
    return Selection(tuple(names), tuple(w.field.row for w in wanted), nodes, weights)


def everywhere(field: Field, mesh: Mesh, present: Mask | None) -> Index:
    """The nodes of a field that is recorded as a whole, shape (k,).

    All that a user sees; on a mesh with voxels, for what is electric, those of the field only: the others are voxels
    that would hold nothing but NaN.
    """
    if isinstance(mesh, TreeMesh):
        return np.arange(mesh.n, dtype=np.int64)
    if is_electric(field):
        return np.flatnonzero(mesh.electric if present is None else present[field.row])
    return np.flatnonzero(mesh.exists if present is None else present.any(axis=0))


def shares(field: Field, mesh: Mesh, nodes: Index, present: Mask | None) -> Array:
    """Shares of nodes in a mean over them, shape of the nodes; sum 1, or all 0 where the field is at none of them.

    Concentrations and states of a region count by its volume, what is on a membrane by area.
    """
    place = field.symbol.place
    extent = np.array((mesh.area if isinstance(place, Membrane) else mesh.volume)[nodes], dtype=np.float64)
    if isinstance(place, Region):
        extent *= places.evaluate(strip(place.volume_fraction), mesh)[nodes]
    if present is not None:
        extent[~present[field.row, nodes]] = 0.0
    total = extent.sum()
    return extent / total if total > 0 else extent


def _nodes(
    wanted: _Wanted, mesh: Mesh, present: Mask | None, prepared: Callable[[bool], Nodes]
) -> tuple[Index, Array | None]:
    """Nodes, and the weights of a mean."""
    if wanted.place is None:
        return everywhere(wanted.field, mesh, present), None
    what = f"record: '{wanted.field.name}' is wanted"
    nodes = find(wanted.place, prepared(is_electric(wanted.field)), what)
    if not isinstance(wanted.place, Mean):
        return nodes, None
    weights = shares(wanted.field, mesh, nodes, present)
    if not weights.any():
        raise GeometryError(
            f"{what} as {wanted.place}, where it does not exist, expected nodes of "
            f"{getattr(wanted.field.symbol.place, 'label', 'its region')}; choose another place"
        )
    kept = weights > 0
    return nodes[kept], weights[kept]


def _wanted(item: Any, eqs: Equations) -> list[_Wanted]:
    what, place = (item.field, item.location) if isinstance(item, Probe) else (item, None)
    if isinstance(item, Probe) and place is None:
        raise GeometryError(f"record: '{what}' is wanted at None, expected a place such as cell.soma(0.5); give one")
    if isinstance(what, str):
        found = [f for f in eqs.fields if f.name == what]
    elif isinstance(what, Species | State):
        found = [f for f in eqs.fields if f.owner == what]
    else:
        found = [f for f in eqs.fields if isinstance(what, sympy.Basic) and f.symbol == what]
    if not found:
        name, known = getattr(what, "name", what), ", ".join(f.name for f in eqs.fields)
        raise ModelError(f"record: '{name}' is not a field of model '{eqs.model.name}'; it has {known}")
    return [_Wanted(f.name if place is None else Probe(f.symbol, place).name, f, place) for f in found]
