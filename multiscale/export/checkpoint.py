"""Saved state of a simulation, HDF5: arrays and names, no pickles; written to a temporary file and renamed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError

VERSION = 1


@dataclass(frozen=True, eq=False)
class State:
    """What a run needs to go on: time ms, field names, values (fields, nodes) and uniform parameters, base units."""

    model_hash: str
    t: float
    names: tuple[str, ...]
    values: NDArray[np.float64]
    parameters: dict[str, float]


def write(path: Path, state: State) -> None:
    """Write the state.

    Raises:
        FormatError: the folder cannot be written.
    """
    import h5py

    temporary = path.with_name(path.name + ".tmp")
    try:
        with h5py.File(temporary, "w") as f:
            f.attrs["format"], f.attrs["version"] = "multiscale state", VERSION
            f.attrs["model_hash"], f.attrs["t"] = state.model_hash, state.t
            f.attrs["checksum"] = _checksum(state)
            f["values"] = state.values
            f["names"] = np.array([n.encode() for n in state.names], dtype="S")
            f["parameter_names"] = np.array([n.encode() for n in state.parameters], dtype="S")
            f["parameter_values"] = np.array(list(state.parameters.values()), dtype=np.float64)
            f.flush()
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FormatError(
            f"checkpoint '{path}': cannot be written ({error.strerror or 'no access'}); "
            "choose a folder that exists and can be written"
        ) from error


def read(path: Path) -> State:
    """Read a state.

    Raises:
        FormatError: there is no such file, it is something else, or it is damaged.
    """
    import h5py

    if not path.is_file():
        raise FormatError(f"checkpoint '{path}': there is no such file; check the path")
    try:
        with h5py.File(path, "r") as f:
            if f.attrs.get("format") != "multiscale state" or int(f.attrs.get("version", 0)) != VERSION:
                raise FormatError(
                    f"checkpoint '{path}': it is not a saved state of version {VERSION}; save one with Simulation.save"
                )
            values = np.array(f["values"], dtype=np.float64)
            names = tuple(n.decode() for n in f["names"][:])
            parameters = {
                n.decode(): float(v) for n, v in zip(f["parameter_names"][:], f["parameter_values"][:], strict=True)
            }
            state = State(str(f.attrs["model_hash"]), float(f.attrs["t"]), names, values, parameters)
            if f.attrs["checksum"] != _checksum(state):
                raise FormatError(
                    f"checkpoint '{path}': its checksum does not fit what it holds, the file is damaged; "
                    "use an earlier one"
                )
            return state
    except FormatError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise FormatError(
            f"checkpoint '{path}': it is not a readable HDF5 state; save one with Simulation.save"
        ) from error


def _checksum(state: State) -> str:
    rest = repr((state.t, state.names, sorted(state.parameters.items()), state.values.shape))
    return hashlib.sha256(np.ascontiguousarray(state.values).tobytes() + rest.encode()).hexdigest()
