"""Files of morphologies -> Morphology, by extension."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from multiscale.errors import FormatError, GeometryError
from multiscale.geometry import Morphology
from multiscale.segmentation import MaxLength, Segmentation
from multiscale.voxelize.asc import read_asc
from multiscale.voxelize.swc import read_swc

EXTENSIONS: dict[str, Callable[[Path, str], Morphology]] = {".swc": read_swc, ".asc": read_asc}


def read_morphology(path: str | Path, segments: Segmentation | None = None) -> Morphology:
    """The cell in an SWC or Neurolucida ASC file.

    Args:
        path: the file; its extension, .swc or .asc, says how to read it.
        segments: the rule that cuts sections into segments; None is ``MaxLength(5 * um)``.

    Raises:
        FormatError: the file cannot be read as one cell; the message names file and line.
    """
    path = Path(path)
    reader = EXTENSIONS.get(path.suffix.lower())
    if reader is None:
        raise FormatError(
            f"morphology '{path.name}' ends in '{path.suffix}', expected {' or '.join(EXTENSIONS)}; convert the file"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FormatError(f"morphology '{path}' cannot be opened ({reason}), expected a file; check the path") from None
    if b"\0" in content:
        raise FormatError(f"{path.name} is a binary file, expected text; save it as SWC or as Neurolucida ASC")
    try:
        cell = reader(path, content.decode("utf-8-sig", errors="replace"))
    except GeometryError as error:
        raise FormatError(f"{path.name}: {error}") from None
    return cell.with_segments(MaxLength() if segments is None else segments)


def example_morphology(name: str = "c91662.swc") -> Path:
    """Path of a reconstruction that comes with the package; see the README beside it for source and licence."""
    folder = Path(str(files("multiscale.voxelize"))).parent / "data" / "morphologies"
    if not (folder / name).is_file():
        known = ", ".join(f"'{path.name}'" for path in sorted(folder.iterdir()) if path.suffix in EXTENSIONS)
        raise FormatError(f"there is no example morphology '{name}', expected one of {known}; choose one of these")
    return folder / name
