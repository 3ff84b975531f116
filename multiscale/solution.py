"""What a run leaves behind: named arrays with coordinates and units, and what is needed to tell runs apart."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.coordinates import mesh_coords, voxel_attrs
from multiscale.errors import FormatError
from multiscale.export import csv, netcdf
from multiscale.export.formats import format_of

if TYPE_CHECKING:
    import xarray as xr

    from multiscale.geometry import Location
    from multiscale.rxd.cell_mesh import Mesh

SECONDS = "_s"  # attributes that end so are phase times in s; appending runs adds them up
PROGRAMS = ("multiscale-rxd", "numpy", "numba", "sympy", "xarray")  # whose versions are kept with a run
OWN = ("node", "section", "position")  # coordinates v.node, ... that a variable v can bring along


@dataclass(frozen=True, eq=False)
class Solution:
    """Recorded values of a run; ``sol["ca.cyt"]`` is an xarray DataArray in (time, node).

    A variable that was recorded at a single node has the dimension ``time`` alone.

    Args:
        dataset: dimensions ``time`` (ms) and ``node`` (all nodes of the tree, coordinates x, y, z, arc, distance,
            section, position, ...). A variable ``v`` recorded at some nodes has a dimension ``v.node`` of its own,
            whose coordinate holds the node numbers.
    """

    dataset: xr.Dataset

    @classmethod
    def from_arrays(
        cls,
        times: ArrayLike,
        fields: Mapping[str, ArrayLike],
        units: Mapping[str, str],
        mesh: Mesh | None = None,
        nodes: Mapping[str, ArrayLike | None] | None = None,
        attrs: Mapping[str, Any] | None = None,
        visible: NDArray[np.int64] | None = None,
    ) -> Self:
        """Build from what a recorder holds; arrays are not copied.

        Args:
            times: times of the rows, shape (nt,), ms.
            fields: name to values, shape (nt, n) for all nodes of the mesh (NaN where the field does not exist),
                (nt, k) for the k nodes of ``nodes[name]``, or (nt,) for one value a time.
            units: name to readable unit, such as ``"mM"``; absent: dimensionless.
            mesh: the nodes; None if no value has a place.
            nodes: name to node numbers, shape (k,) or a single number; None or absent: all nodes.
            visible: nodes of the mesh that are shown, ascending, shape (n,); None: all. Node numbers of the solution
                count these alone.
            attrs: model hash, seed, ...; a mapping inside becomes ``key.subkey``, None is left out. Names of phase
                times, s, end with ``_s``. Versions of programs are added.
        """
        import xarray as xr

        times = np.asarray(times, dtype=float)
        coords: dict[str, Any] = {"time": ("time", times, {"units": "ms", "long_name": "time"})}
        shown = None if mesh is None else np.arange(mesh.n) if visible is None else visible
        if mesh is not None and shown is not None:
            coords |= mesh_coords(mesh, shown)
        variables: dict[str, Any] = {}
        for name, values in fields.items():
            chosen = (nodes or {}).get(name)
            at = None if chosen is None else np.atleast_1d(np.asarray(chosen, dtype=np.int64))
            at = at if at is None or visible is None else np.searchsorted(visible, at)
            array = _checked(name, np.asarray(values), times.size, None if shown is None else shown.size, at)
            dims = ("time", "node" if at is None else f"{name}.node")[: array.ndim]
            variables[name] = (dims, array, {"units": units.get(name, "1"), "long_name": name})
            if at is not None:
                coords[f"{name}.node"] = (dims[1:], at if array.ndim > 1 else at[0])
        ours = {"format": netcdf.FORMAT, "format_version": netcdf.VERSION, "versions": _versions()}
        return cls(xr.Dataset(variables, coords, _flat({**ours, **voxel_attrs(mesh), **(attrs or {})})))

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the rows, shape (nt,), ms."""
        return np.asarray(self.dataset["time"].values, dtype=float)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the recorded variables."""
        return tuple(str(name) for name in self.dataset.data_vars)

    @property
    def attrs(self) -> dict[str, Any]:
        """Model hash, versions, seed, stepper, versions (``versions.numpy``), phase times (``run_s``, s)."""
        return {str(key): value for key, value in self.dataset.attrs.items()}

    def __getitem__(self, key: Any) -> xr.DataArray:
        """Values by name or by symbol (``sol["ca.cyt"]``, ``sol[ca[cyt]]``), with the coordinates of their nodes."""
        import xarray as xr

        name = self._name(key)
        variable = self.dataset.variables[name]
        dims = ["node" if dim == f"{name}.node" else str(dim) for dim in variable.dims]
        coords = {"time": self.dataset.variables["time"], **_place_coords(self.dataset, name, dims[1:])}
        grid = {key: value for key, value in self.dataset.attrs.items() if str(key).startswith("voxel_")}
        return xr.DataArray(variable.data, coords, dims, name, {**variable.attrs, **grid})

    def __contains__(self, key: object) -> bool:
        return _text(key) in self.dataset.data_vars

    def at(self, key: Any, place: Location | tuple[str, float] | int) -> xr.DataArray:
        """Values at one node, shape (nt,).

        Args:
            key: name or symbol of a variable.
            place: ``section(0.5)``, ``("dend[3]", 0.5)`` or a node number.
        """
        name = _text(key)
        names = [name] if name in self else [probe for probe in self.names if probe.startswith(f"{name}@")]
        arrays = [self[found] for found in names or [name]]
        for array in arrays:
            if "node" not in array.coords:
                raise FormatError(
                    f"solution: '{array.name}' has one value a time and no place; use sol['{array.name}']"
                )
            found = np.flatnonzero(np.atleast_1d(array["node"].values) == _node_at(self.dataset, array, place))
            if found.size:
                return array if array.ndim == 1 else array[:, found[0]]
        known = [label for array in arrays for label in _labels(array[..., :5])]
        more = ", ..." if len(known) > 5 or arrays[0].size > arrays[0].sizes["time"] * 5 else ""
        wanted = f"node {place}" if isinstance(place, int | np.integer) else "{}({:g})".format(*_section_and_x(place))
        raise FormatError(f"solution: '{name}' was not recorded at {wanted}; it was at {', '.join(known[:5])}{more}")

    def select(self, *keys: Any, start: float = -np.inf, stop: float = np.inf) -> Self:
        """Return a Solution with these variables only (none given: all), at times from ``start`` to ``stop``, ms."""
        names = [self._name(key) for key in keys] or list(self.names)
        dropped = [name for name in self.names if name not in names]
        kept = self.dataset.drop_vars(
            [*dropped, *(c for name in dropped for key in OWN if (c := f"{name}.{key}") in self.dataset.coords)]
        )
        return type(self)(kept.isel(time=(self.times >= start) & (self.times <= stop)))

    def concat(self, *later: Self) -> Self:
        """Return a Solution with the rows of later runs appended; a time where two meet is kept once."""
        import xarray as xr

        parts, attrs = [self.dataset], self.attrs
        end = self.times[-1] if self.times.size else -np.inf
        for chunk in later:
            if set(chunk.names) != set(self.names) or chunk.dataset.sizes.get("node") != self.dataset.sizes.get("node"):
                raise FormatError(
                    f"solution: cannot append {_summary(chunk)} to {_summary(self)}; record the same variables "
                    "at the same nodes in both runs"
                )
            parts.append(chunk.dataset.isel(time=chunk.times > end))
            end = chunk.times[-1] if chunk.times.size else end
            for key, seconds in chunk.attrs.items():
                if key.endswith(SECONDS):
                    attrs[key] = attrs.get(key, 0.0) + seconds
        joined = xr.concat(
            parts,
            "time",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="override",
            combine_attrs="override",
        )
        return type(self)(joined.assign_attrs(attrs))

    def save(self, path: str | Path) -> None:
        """Write a file whose format the extension chooses: ``.nc`` (everything) or ``.csv`` (for spreadsheets)."""
        format_of(path, "solution").write(self.dataset, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that ``save`` wrote."""
        return cls(format_of(path, "solution").read(Path(path)))

    def to_netcdf(self, path: str | Path) -> None:
        """Write everything to a netCDF-4 file, whatever its extension."""
        netcdf.write(self.dataset, Path(path))

    @classmethod
    def from_netcdf(cls, path: str | Path) -> Self:
        """Read a file that ``to_netcdf`` wrote."""
        return cls(netcdf.read(Path(path)))

    def to_csv(self, path: str | Path) -> None:
        """Write times, values, units, and section and position of the nodes as text, whatever the extension."""
        csv.write(self.dataset, Path(path))

    def to_vtk(self, path: str | Path, surface: bool = False) -> tuple[Path, ...]:
        """Write a ``.pvd`` series of ``.vti`` (voxels) and ``.vtu`` (segments) files for ParaView; see `export.vtk`.

        Args:
            path: ends in ``.pvd``, ``.vti`` or ``.vtu``.
            surface: write the surface of the voxels too (``.pvd``), or instead (``.vtu``).
        """
        from multiscale.export import vtk

        return vtk.write(self, Path(path), surface=surface)

    def describe(self) -> str:
        """Return what was run and what was recorded, one line a variable."""
        lines = [f"solution: {_summary(self)}"]
        if self.times.size:
            lines[0] += f", {self.times.size} times from {self.times[0]:g} to {self.times[-1]:g} ms"
        for name in self.names:
            variable = self.dataset.variables[name]
            finite = variable.values[np.isfinite(variable.values)]
            extent = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "no finite value"
            nodes = variable.shape[1] if variable.ndim > 1 else 1
            lines.append(f"  {name}: {extent} {variable.attrs.get('units', '')} at {nodes} node{'s' * (nodes != 1)}")
        hidden = ("format", "format_version")
        return "\n".join([*lines, *(f"  {key}: {value}" for key, value in self.attrs.items() if key not in hidden)])

    def __repr__(self) -> str:
        return f"<{self.describe().splitlines()[0]}>"

    def _name(self, key: Any) -> str:
        name = _text(key)
        if name not in self.dataset.data_vars:
            known = ", ".join(f"'{known}'" for known in self.names) or "nothing"
            raise FormatError(f"solution: '{name}' was not recorded; recorded is {known}")
        return name


def _text(key: Any) -> str:
    """The name of a variable from text, from a symbol, or from a species or state that has one place."""
    if isinstance(key, str):
        return key
    if hasattr(key, "field") and hasattr(key, "location"):  # a probe
        return str(key.name)
    symbol = key._sympy_() if hasattr(key, "_sympy_") else key
    return str(getattr(symbol, "name", symbol))


@cache  # what is installed does not change during a process
def _versions() -> dict[str, str]:
    """Versions of Python and of the programs that are installed."""
    found = {"python": platform.python_version()}
    for program in PROGRAMS:
        with suppress(PackageNotFoundError):
            found[program] = version(program)
    return found


def _summary(solution: Solution) -> str:
    names, nodes = solution.names, solution.dataset.sizes.get("node", 0)
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f"{shown or 'no variable'} on {nodes} node{'s' * (nodes != 1)}"


def _flat(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a netCDF attribute can hold: text, int, float; mappings become dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in attrs.items():
        if isinstance(value, Mapping):
            flat |= _flat({f"{key}.{inner}": below for inner, below in value.items()})
        elif isinstance(value, bool | np.bool_):
            flat[key] = int(value)
        elif value is not None:
            plain = value.item() if isinstance(value, np.generic) else value
            flat[key] = plain if isinstance(plain, int | float | str) else str(plain)
    return flat


def _checked(
    name: str, values: NDArray[Any], times: int, nodes: int | None, at: NDArray[np.int64] | None
) -> NDArray[Any]:
    """Values of shape (nt,) for a single node or a value without a place, else (nt, nodes)."""
    width = at.size if at is not None else nodes if nodes is not None else 1
    if values.ndim == 2 and values.shape[1] == 1 == width:
        values = values[:, 0]
    single = values.ndim == 1 and (at is None or width == 1)
    if values.shape[:1] != (times,) or not (single or values.shape == (times, width)):
        raise FormatError(
            f"solution: '{name}' has shape {values.shape}, expected ({times}, {width}) for (times, nodes)"
        )
    return values


def _place_coords(dataset: xr.Dataset, name: str, dims: list[str]) -> dict[str, Any]:
    """Coordinates of the nodes of one variable as (dimensions, values, attributes)."""
    stored = dataset.variables
    if "node" not in dataset.dims:  # read from a file without a mesh: the variable brings its own
        own = {key: stored[f"{name}.{key}"] for key in OWN if f"{name}.{key}" in stored}
        return {key: (dims, value.values, value.attrs) for key, value in own.items()}
    if f"{name}.node" in stored:
        at: Any = stored[f"{name}.node"].values
    elif dims or dataset.sizes["node"] == 1:
        at = slice(None) if dims else 0
    else:
        return {}
    shared = {str(key): value for key, value in dataset.coords.variables.items() if value.dims == ("node",)}
    return {key: (dims, value.values[at], value.attrs) for key, value in shared.items()}


def _section_and_x(place: Location | tuple[str, float]) -> tuple[str, float]:
    return place if isinstance(place, tuple) else (place.section, place.x)


def _labels(array: xr.DataArray) -> list[str]:
    """``section(position)`` of each node of a variable."""
    sections, positions = np.atleast_1d(array["section"].values), np.atleast_1d(array["position"].values)
    return [f"{section}({position:g})" for section, position in zip(sections, positions, strict=True)]


def _node_at(dataset: xr.Dataset, array: xr.DataArray, place: Location | tuple[str, float] | int) -> int:
    """Number of the node at a place; -1 if there is none. The segments of a section have equal lengths."""
    if isinstance(place, int | np.integer):
        return int(place)
    section, x = _section_and_x(place)
    if "node" in dataset.dims:
        from multiscale.rxd.mesh import node_at

        here = dataset["section"].values == section
        if "grid_x" in dataset.coords:
            segments = here & (dataset["grid_x"].values < 0)
            shown = np.zeros(here.size, dtype=bool)
            shown[np.atleast_1d(array["node"].values)] = np.isfinite(array.values.reshape(array.shape[0], -1)[0])
            if not (segments & shown).any():
                return _voxel_at(dataset, here & shown, x)
            here = segments
        held = np.flatnonzero(here)
        return int(held[node_at(x, held.size)]) if held.size else -1
    near = np.flatnonzero(np.atleast_1d(array["section"].values) == section)
    distance = np.abs(np.atleast_1d(array["position"].values)[near] - x)
    return int(np.atleast_1d(array["node"].values)[near[np.argmin(distance)]]) if near.size else -1


def _voxel_at(dataset: xr.Dataset, here: NDArray[np.bool_], x: float) -> int:
    """The voxel of a section nearest to the middle of its cross-section at x; -1 without one."""
    held = np.flatnonzero(here)
    if not held.size:
        return -1
    away = np.abs(dataset["position"].values[held] - x)
    slab = held[away <= away.min() + 1e-6]
    centre = np.column_stack([dataset[name].values[held] for name in "xyz"])
    middle = np.mean([[dataset[name].values[i] for name in "xyz"] for i in slab], axis=0)
    return int(held[np.argmin(((centre - middle) ** 2).sum(axis=1))])
