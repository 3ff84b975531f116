"""Sources on a mesh: which nodes get which share, and how much enters in each step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import GeometryError, ModelError
from multiscale.geometry import Location
from multiscale.probes import place_text
from multiscale.rxd import places
from multiscale.rxd.cell_mesh import Mesh
from multiscale.rxd.equations import Equations
from multiscale.rxd.locate import Nodes, find, nodes_of
from multiscale.rxd.time_course import Course, course_of
from multiscale.sources import Source
from multiscale.symbols import ParameterSymbol
from multiscale.units import strip, to_base

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SourceArrays:
    """Sources as arrays, in the order of their names; one entry a node of a source.

    Over a step, ``Y[row[k], node[k]] += weight[k] * amount[step, source[k]] * per_amount[k]``.

    Attributes:
        names: one a source.
        row: row of the field, shape (k,).
        node: shape (k,).
        weight: share of the source's amount; sums to 1 a source, shape (k,).
        source: number of the source, shape (k,).
        per_amount: change of concentration for an amount, mM/amol: 1 / (volume of the node times fraction of the
            region), shape (k,).
        courses: amount per time of each source.
    """

    names: tuple[str, ...]
    row: Index
    node: Index
    weight: Array
    source: Index
    per_amount: Array
    courses: tuple[Course, ...]

    def amounts(self, t_zero: float, h: float, steps: int, first: int = 0) -> Array:
        """What each source gives in each step, amol, shape (steps, sources); exact up to 1e-12 of a step's amount.

        Args:
            t_zero: time of step 0, ms.
            h: step, ms.
            steps: number of steps.
            first: number of the first of them, which begins at ``t_zero + first * h``; the same step gives the same
                bits whatever others are asked for.

        Raises:
            SolverError: a rate is not finite at some time.
        """
        edges = np.asarray(t_zero + (first + np.arange(steps + 1)) * h, dtype=np.float64)
        columns = [course.amounts(edges) for course in self.courses]
        return np.array(columns, dtype=np.float64).reshape(len(columns), steps).T.copy()


def resolve(
    sources: Iterable[Source], equations: Equations, mesh: Mesh, present: NDArray[np.bool_] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> SourceArrays:  # fmt: skip
    """Place sources on a mesh.

    Args:
        sources: in any order; the result does not depend on it.
        equations: the numbered equations.
        mesh: the nodes.
        present: where each field exists, shape (fields, n); None is everywhere.
        parameters: values that replace those which parameters were made with, base units.

    Raises:
        ModelError: something is no source, is listed twice, or its target is no field of the model.
        GeometryError: a place is not on the mesh, or the target does not exist there.
    """
    listed = _listed(sources)
    nodes = nodes_of(mesh)
    fraction_in = cache(lambda region: places.evaluate(strip(region.volume_fraction), mesh))
    entries: list[tuple[int, Index, Array, Array]] = []
    for source in listed:
        row = equations.row(source.target)
        if row < 0:
            known = ", ".join(f.name for f in equations.fields if f.kind == "concentration")
            raise ModelError(
                f"{source.label}: target '{source.target.name}' is not a field of model '{equations.model.name}', "
                f"expected one of {known}; correct it, or use it in a process"
            )
        allowed = np.ones(mesh.n, dtype=bool) if present is None else present[row]
        node, weight = _shares(source, nodes, allowed)
        entries.append((row, node, weight, 1.0 / (mesh.volume[node] * fraction_in(source.target.place)[node])))
    sizes = [node.size for _, node, _, _ in entries]
    courses = tuple(_course(source, parameters or {}) for source in listed)
    return SourceArrays(
        tuple(source.name for source in listed),
        np.repeat(np.array([row for row, *_ in entries], dtype=np.int64), sizes),
        np.concatenate([np.zeros(0, dtype=np.int64), *(node for _, node, _, _ in entries)]),
        np.concatenate([np.zeros(0), *(weight for _, _, weight, _ in entries)]),
        np.repeat(np.arange(len(listed)), sizes),
        np.concatenate([np.zeros(0), *(per_amount for *_, per_amount in entries)]),
        courses,
    )


def _listed(sources: Any) -> list[Source]:
    if not isinstance(sources, Iterable):
        raise ModelError(f"sources: got {sources!r:.80}, expected a list of them; write sources=[Source(...)]")
    listed = list(sources)
    for source in listed:
        if not isinstance(source, Source):
            raise ModelError(f"sources: got {source!r:.80}, expected Source(...); give those only")
    listed.sort(key=lambda source: (source.name, source.identity))
    for one, other in pairwise(listed):
        if one == other:
            raise ModelError(f"{one.label}: it is listed twice, expected once; leave one out or give another `name`")
    return listed


def _course(source: Source, parameters: Mapping[str, float]) -> Course:
    given = source.course
    symbols = set() if isinstance(given, tuple) else given.atoms(ParameterSymbol)
    values = {s: parameters.get(s.name, to_base(s.owner.value, f"parameter '{s.name}'")) for s in symbols}
    return course_of(given, float(source.start), source.stop, values)


def _shares(source: Source, nodes: Nodes, allowed: NDArray[np.bool_]) -> tuple[Index, Array]:
    """Nodes of a source, ascending, and their shares of its amount."""
    mesh = nodes.mesh
    at, parts = [], []
    for place in source.at:
        found = _nodes_at(place, source, nodes)
        found = found[allowed[found]]
        if not found.size:
            raise GeometryError(
                f"{source.label} is at {place_text(place)}, where {source.target.place.label} does not exist, "
                "expected a place that has it; move the source"
            )
        volume = mesh.volume[found]
        at.append(found)
        parts.append(volume / (volume.sum() * len(source.at)))
    node, entry = np.unique(np.concatenate(at), return_inverse=True)
    share = np.bincount(entry, np.concatenate(parts))
    return node, share / share.sum()


def _nodes_at(place: Any, source: Source, nodes: Nodes) -> Index:
    found = find(place, nodes, f"{source.label} is")
    radius = float(source.radius)
    if not (radius > 0 and isinstance(place, Location | tuple)):
        return found
    mesh, k = nodes.mesh, int(found[0])
    middle = np.array(place if isinstance(place, tuple) else (mesh.x[k], mesh.y[k], mesh.z[k]))
    near = nodes.number[((nodes.centre - middle) ** 2).sum(axis=1) <= radius**2]
    return near if near.size else found
