"""netCDF-4: the whole Solution in one file that xarray, Panoply, MATLAB or ncdump open too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from multiscale.errors import FormatError
from multiscale.export.formats import replacing

if TYPE_CHECKING:
    import xarray as xr

EXTENSIONS = (".nc",)
HOLDS = "solution"
FORMAT = "multiscale-solution"  # attribute 'format' of every file and dataset that is ours
VERSION = 1  # attribute 'format_version'; raised when an older reader would misread the file


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write a Solution's dataset, losslessly; the file appears under its name only when it is complete."""
    encoding = {str(name): {"dtype": "float64"} for name, data in dataset.data_vars.items() if data.dtype.kind == "f"}
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def read(path: Path) -> xr.Dataset:
    """Read a dataset that ``write`` wrote, into memory, with attributes as plain Python values."""
    import xarray as xr

    if not path.is_file():
        raise FormatError(f"netCDF file '{path}' does not exist; check the path")
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as opened:
            dataset = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(
            f"netCDF file '{path}' is broken or no netCDF-4 file ({reason}), expected one that Solution.to_netcdf "
            "wrote; write it again"
        ) from error
    found = dataset.attrs.get("format")
    if found != FORMAT:
        raise FormatError(
            f"netCDF file '{path}' holds no solution: attribute 'format' is {found!r}, expected {FORMAT!r}; "
            "open it with xarray.open_dataset"
        )
    version = int(dataset.attrs.get("format_version", 0))
    if not 1 <= version <= VERSION:
        raise FormatError(
            f"netCDF file '{path}' has format version {version}, expected {VERSION} or lower; update multiscale-rxd"
        )
    return _with_plain_values(dataset)


def _with_plain_values(dataset: xr.Dataset) -> xr.Dataset:
    """Attributes as str, int and float instead of numpy scalars; text coordinates as numpy text."""
    for attrs in (dataset.attrs, *(variable.attrs for variable in dataset.variables.values())):
        for key, value in attrs.items():
            attrs[key] = value.item() if hasattr(value, "item") and getattr(value, "size", 0) == 1 else value
    text = {name: coord.astype(str) for name, coord in dataset.coords.items() if coord.dtype.kind == "O"}
    return dataset.assign_coords(text)
