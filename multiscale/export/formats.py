"""Which file of this folder reads and writes an extension: the folder is listed, nothing registers itself."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from multiscale.errors import FormatError


class Format(Protocol):
    """What a module of this folder offers."""

    EXTENSIONS: tuple[str, ...]
    HOLDS: str  # what such a file holds: "solution", "model", ...

    def read(self, path: Path) -> Any:
        """Return what the file holds."""

    def write(self, value: Any, path: Path) -> None:
        """Write the value to a temporary file beside ``path`` and rename it."""


def formats(holds: str) -> dict[str, Format]:
    """Return every format of the folder for files that hold this, by extension, such as ``".nc"``."""
    names = (found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = (import_module(f"multiscale.export.{name}") for name in sorted(names))
    offered = [cast("Format", module) for module in modules if getattr(module, "HOLDS", None) == holds]
    return {extension: module for module in offered for extension in module.EXTENSIONS}


def format_of(path: str | Path, holds: str) -> Format:
    """Return the format that a file name's extension chooses."""
    known = formats(holds)
    extension = Path(path).suffix.lower()
    if extension not in known:
        got = f"extension '{extension}'" if extension else "no extension"
        raise FormatError(f"{holds} file '{path}' has {got}, expected {' or '.join(sorted(known))}; rename the file")
    return known[extension]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; afterwards it becomes ``path``, or vanishes on an error."""
    if not path.parent.is_dir():
        raise FormatError(f"file '{path}' cannot be written: folder '{path.parent}' does not exist; create it first")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(
            f"file '{path}' cannot be written ({reason}); check the disk and the folder's rights"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
