"""What a script asks to record → fields and nodes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy

from multiscale.errors import GeometryError, ModelError
from multiscale.geometry import Location
from multiscale.rxd.equations import Equations
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.record import Selection
from multiscale.species import Species, State
from multiscale.symbols import FieldSymbol, Probe

Recordable: TypeAlias = FieldSymbol | Probe | Species | State | str


@dataclass(frozen=True)
class _Wanted:
    name: str
    row: int
    location: Location | None


def selection(record: Recordable | Iterable[Recordable] | None, eqs: Equations, mesh: TreeMesh) -> Selection:
    """Rows and nodes of what is to be recorded; every field at all nodes if nothing is asked for.

    Args:
        record: symbols, probes, species, states or names of fields; one or several.
        eqs: the numbered equations.
        mesh: the nodes.

    Raises:
        ModelError: something is no field of the model, or is listed twice. GeometryError: a place is not on the mesh.
    """
    if record is None:
        wanted = [_Wanted(f.name, f.row, None) for f in eqs.fields]
    else:
        single = isinstance(record, str | sympy.Basic | Probe) or not isinstance(record, Iterable)
        items: Any = [record] if single else record
        wanted = [w for item in items for w in _wanted(item, eqs)]
    every = np.arange(mesh.n, dtype=np.int64)
    names = [w.name for w in wanted]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"record: '{name}' is listed twice, expected once; leave one out")
    nodes = tuple(every if w.location is None else np.array([mesh.locate(w.location)], dtype=np.int64) for w in wanted)
    return Selection(tuple(names), tuple(w.row for w in wanted), nodes)


def _wanted(item: Any, eqs: Equations) -> list[_Wanted]:
    what, location = (item.field, item.location) if isinstance(item, Probe) else (item, None)
    if isinstance(item, Probe) and not isinstance(location, Location):
        raise GeometryError(
            f"record: '{what}' is wanted at {location!r}, expected a place such as cell.soma(0.5); give one"
        )
    if isinstance(what, str):
        found = [f for f in eqs.fields if f.name == what]
    elif isinstance(what, Species | State):
        found = [f for f in eqs.fields if f.owner == what]
    else:
        found = [f for f in eqs.fields if isinstance(what, sympy.Basic) and f.symbol == what]
    if not found:
        name, known = getattr(what, "name", what), ", ".join(f.name for f in eqs.fields)
        raise ModelError(f"record: '{name}' is not a field of model '{eqs.model.name}'; it has {known}")
    return [_Wanted(f.name if location is None else f"{f.name}@{location}", f.row, location) for f in found]
