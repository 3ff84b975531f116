"""Zarr: a folder of compressed chunks, for fields that do not fit into memory; `streaming` writes it during a run.

The store is Zarr format 2 with consolidated metadata: format 3 has neither text nor consolidated metadata in its
specification yet. `xarray.open_zarr` reads it.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multiscale.errors import FormatError
from multiscale.export.netcdf import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr

EXTENSIONS = (".zarr",)
HOLDS = "solution"
BUFFER = 32_000_000  # bytes of samples in a chunk of time
CONSOLIDATED = ".zmetadata"
CHUNK_VALUES = 524_288  # largest chunk, 4 MB: a few are worked on at the same time
MOST_TIMES = 4096  # largest chunk along time


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write a Solution's dataset; the folder appears under its name only when it is complete."""
    create(dataset, path, chunk_rows(dataset, BUFFER))


def read(path: Path) -> xr.Dataset:
    """Open a store that a run or ``write`` made; values, which may not fit into memory, are read when they are used.

    Raises:
        FormatError: there is no such store, or it holds something else.
    """
    import xarray as xr

    if not path.is_dir():
        raise FormatError(f"Zarr store '{path}' does not exist; check the path")
    try:
        dataset = xr.open_zarr(path, chunks=None, consolidated=True, decode_times=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(
            f"Zarr store '{path}' is broken or no Zarr store ({reason}), expected one that a run wrote; write it again"
        ) from error
    found, version = dataset.attrs.get("format"), int(dataset.attrs.get("format_version", 0))
    if found != FORMAT:
        raise FormatError(
            f"Zarr store '{path}' holds no solution: attribute 'format' is {found!r}, expected {FORMAT!r}; "
            "open it with xarray.open_zarr"
        )
    if not 1 <= version <= VERSION:
        raise FormatError(
            f"Zarr store '{path}' has format version {version}, expected {VERSION} or lower; update multiscale-rxd"
        )
    plain: xr.Dataset = dataset.rename({name: _plain(name) for name in _names(dataset) if name != _plain(name)})
    return plain


def chunk_rows(dataset: xr.Dataset, size: int) -> int:
    """Samples whose variables in time have together at most `size` bytes; at least 1."""
    growing = [variable for variable in dataset.variables.values() if "time" in variable.dims]
    width = sum(int(np.prod(variable.shape[1:])) for variable in growing)
    return int(min(MOST_TIMES, max(1, size // (8 * max(1, width)))))


def create(dataset: xr.Dataset, path: Path, rows: int) -> None:
    """Write a dataset whose variables in time have chunks of `rows` samples; the folder appears when it is complete."""
    from numcodecs import Blosc

    if not path.parent.is_dir():
        raise FormatError(f"Zarr store '{path}': folder '{path.parent}' does not exist; create it first")
    named = dataset.rename({name: stored_name(name) for name in _names(dataset) if name != stored_name(name)})
    encoding: dict[str, Any] = {}
    for name, variable in named.variables.items():
        encoding[str(name)] = {"compressors": Blosc("lz4", 5, Blosc.SHUFFLE)}
        if "time" in variable.dims:
            widths = (max(1, min(size, CHUNK_VALUES // rows)) for size in variable.shape[1:])
            encoding[str(name)]["chunks"] = (rows, *widths)
    _make_room(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with writing(path):
            shutil.rmtree(temporary, ignore_errors=True)
            named.to_zarr(temporary, mode="w", zarr_format=2, consolidated=True, encoding=encoding)
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _names(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name in {*dataset.variables, *dataset.dims}]


def stored_name(name: str) -> str:
    """A name as a folder: a section may have a slash in its name."""
    return name.replace("%", "%25").replace("/", "%2F")


def _plain(stored: str) -> str:
    return stored.replace("%2F", "/").replace("%25", "%")


def _make_room(path: Path) -> None:
    """Remove an earlier solution; nothing else is ever removed."""
    if not path.exists():
        return
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        return
    try:
        read(path)
    except FormatError:
        raise FormatError(
            f"Zarr store '{path}': something else is there, expected a free name or an earlier solution; "
            "choose another path or remove it yourself"
        ) from None
    shutil.rmtree(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says about a failed write into one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(
            f"Zarr store '{path}': cannot be written ({reason}); check the disk and the folder's rights"
        ) from error
