"""CSV for spreadsheets: column ``time [ms]``, then one column a node, ``ca.cyt [mM] at dend[3](0.5)``.

Numbers are written so that they are read back bit for bit. Coordinates other than section and position, and the
attributes of the run, are not in the file: keep the netCDF file for these.
"""

from __future__ import annotations

import csv
import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multiscale.errors import FormatError
from multiscale.export.formats import replacing

if TYPE_CHECKING:
    import xarray as xr

EXTENSIONS = (".csv",)
HOLDS = "solution"
COLUMN = re.compile(r"(?P<name>.+?) \[(?P<unit>[^\[\]]*)\](?: at (?P<section>.+)\((?P<position>[^()]+)\))?")


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write all variables of a Solution's dataset side by side; the file appears under its name when complete."""
    times = dataset["time"]
    header = [f"time [{times.attrs.get('units', 'ms')}]"]
    columns = [times.values[:, None]]
    for name, data in dataset.data_vars.items():
        unit = data.attrs.get("units", "1")
        header += [f"{name} [{unit}]{where}" for where in _places(dataset, str(name))]
        columns.append(data.values if data.ndim > 1 else data.values[:, None])
    table = np.hstack(columns)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(header)
        file.writelines(",".join(map(repr, row.tolist())) + "\n" for row in table)


def read(path: Path) -> xr.Dataset:
    """Read a dataset that ``write`` wrote: values, times, units, and section and position of each node."""
    import xarray as xr

    if not path.is_file():
        raise FormatError(f"CSV file '{path}' does not exist; check the path")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file), [])
            rows = file.readlines()
        table = np.loadtxt(rows, delimiter=",", ndmin=2) if rows else np.empty((0, len(header)))
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise FormatError(f"CSV file '{path}' is broken ({reason}), expected numbers below a header") from error
    matches = [COLUMN.fullmatch(text) for text in header]
    columns = [match.groupdict() for match in matches if match]
    if len(columns) < len(header) or not columns or columns[0]["name"] != "time":
        wrong = next((text for text, match in zip(header, matches, strict=True) if not match), "".join(header[:1]))
        raise FormatError(
            f"CSV file '{path}' has column {wrong!r}, expected 'time [ms]', then 'name [unit] at section(position)'; "
            "use a file that Solution.to_csv wrote"
        )
    if table.size and table.shape[1] != len(columns):
        raise FormatError(f"CSV file '{path}' has {table.shape[1]} columns, expected {len(columns)} as in its header")
    table = table.reshape(-1, len(columns))
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {"time": ("time", table[:, 0], {"units": columns[0]["unit"]})}
    for name, group in groupby(range(1, len(columns)), key=lambda i: str(columns[i]["name"])):
        at = list(group)
        dims = ("time", f"{name}.node") if len(at) > 1 else ("time",)
        values = table[:, at] if len(at) > 1 else table[:, at[0]]
        variables[name] = (dims, values, {"units": columns[at[0]]["unit"], "long_name": name})
        if columns[at[0]]["section"] is not None:
            places = {
                "node": np.arange(len(at)),
                "section": np.array([columns[i]["section"] for i in at], dtype=np.str_),
                "position": np.array([float(columns[i]["position"]) for i in at]),
            }
            coords |= {f"{name}.{key}": (dims[1:], value if dims[1:] else value[0]) for key, value in places.items()}
    return xr.Dataset(variables, coords)


def _places(dataset: xr.Dataset, name: str) -> list[str]:
    """`` at section(position)`` of each column of a variable; one empty text for a value without a place."""
    stored = dataset.variables
    prefix = f"{name}." if f"{name}.section" in stored else ""
    if f"{prefix}section" not in stored or (stored[name].ndim == 1 and f"{name}.node" not in stored):
        return [""]
    at = slice(None) if prefix or f"{name}.node" not in stored else np.atleast_1d(stored[f"{name}.node"].values)
    if "grid_x" in stored and np.any(np.atleast_1d(stored["grid_x"].values)[at] >= 0) and stored[name].ndim > 1:
        raise FormatError(
            f"solution: '{name}' was recorded in voxels, whose places a CSV file cannot hold; "
            "save it as .nc or .zarr, or write to_vtk(...)"
        )
    sections = np.atleast_1d(stored[f"{prefix}section"].values)[at].tolist()
    positions = np.atleast_1d(stored[f"{prefix}position"].values)[at].tolist()
    return [f" at {section}({position:.6g})" for section, position in zip(sections, positions, strict=True)]
