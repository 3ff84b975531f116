"""One HTML file that shows a cell in space: turn it, cut it open, run the time, and ask any place for its values.

Everything is in the file, the program that draws included; it needs a browser with WebGL 2 and no network.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.export.formats import replacing
from multiscale.plot.pack import STEPS, colour_table, in_steps, packed_geometry, packed_sections
from multiscale.plot.scene import Images, Rods, given, rods_of
from multiscale.plot.shape3d import turned
from multiscale.plot.style import MISSING, Colours, needs, shown_time, shown_unit
from multiscale.voxel_image import voxel_images

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.colors import Colormap

MAPS = ("viridis", "plasma", "magma", "cividis", "gray")
BUDGET = 15_000_000  # values of all variables, times and nodes, two bytes each before compression
FPS = 12
SCRIPTS = ("data.js", "draw.js", "hands.js")
Limits = tuple[float, float] | Mapping[str, tuple[float, float]] | None


def page(
    data: Any,
    path: str | Path,
    *,
    time: float | None = None,
    frames: int = 100,
    voxels: int = 400_000,
    view: tuple[float, float] = (20.0, 35.0),
    upwards: str = "y",
    limits: Limits = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    dark: bool = False,
    title: str = "",
) -> Path:
    """Write an interactive page: surface, cut, slices and projection of the voxels, 1-D segments as tubes.

    Values are rounded to 4000 steps of the colour scale. With more voxels than ``voxels``, eight become one with
    their mean, until they are few enough; with too many times, some are left out. The page says what it shows.

    Args:
        data: a variable on voxels in (node,) or (time, node), several of one run, a Solution, or a VoxelArrays.
        path: file to write, ``.html``.
        time: time at which the page opens, ms; None: the last one.
        frames: greatest number of times, evenly chosen.
        voxels: greatest number of voxels.
        view: how far the eye is above the horizon, and how far it has walked around the cell, degrees, to begin with.
        upwards: which of x, y, z points up.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar, or such a pair by name of
            a variable.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map to begin with; None: viridis, and plasma for a voltage.
        dark: on black paper to begin with.
        title: heading; empty: the names of the variables.
    """
    path, arrays = Path(path), _arrays(data)
    if path.suffix.lower() not in {".html", ".htm"}:
        raise FormatError(f"page: file '{path}' has extension '{path.suffix}', expected '.html'; rename the file")
    if frames < 1 or voxels < 1:
        raise FormatError(f"page: frames is {frames} and voxels is {voxels}, expected one or more of each")
    first = arrays[0]
    images = voxel_images(first, "page")
    rods, total = rods_of(first, images), sum(image.n for image in images)
    times = first["time"].values.astype(float) if "time" in first.dims else np.zeros(1)
    count = min(frames, max(1, BUDGET // (len(arrays) * (min(total, voxels) + rods.nodes.size))), times.size)
    rows = np.unique(np.linspace(0, times.size - 1, count).round().astype(int))
    shown, values = _few_enough(images, [_rows(array, rows) for array in arrays], rods, voxels)
    packed, meta = packed_geometry(shown, rods, turned(view, upwards))
    packed["section"], meta["sections"] = packed_sections(first, [*(image.nodes for image in shown), rods.nodes])
    variables, maps = [], {}
    for number, (array, part) in enumerate(zip(arrays, values, strict=True)):
        own = limits.get(str(array.name)) if isinstance(limits, Mapping) else limits
        variable, chosen, steps = _variable(array, part, Colours(own, robust, log, cmap))
        packed[f"values{number}"] = steps
        maps[chosen.name] = colour_table(chosen)
        variables.append(variable | {"values": f"values{number}"})
    wanted = times[-1] if time is None else time
    meta |= _clock(times, "time" in first.dims) | {
        "title": title or ", ".join(variable["name"] for variable in variables),
        "statement": _statement(images, shown, rods, times.size, rows.size),
        "times": times[rows].tolist(),
        "frame": int(np.abs(times[rows] - wanted).argmin()),
        "fps": FPS,
        "view": list(view),
        "upwards": "xyz".index(upwards),
        "dark": dark,
        "missing": [int(MISSING[at : at + 2], 16) / 255 for at in (1, 3, 5)],
        "variables": variables,
        "maps": {name: colour_table(Colours(cmap=name).map("")) for name in MAPS} | maps,
    }
    with replacing(path) as temporary:
        temporary.write_text(_filled(meta, packed), encoding="utf-8")
    return path


def _arrays(data: Any) -> list[xr.DataArray]:
    """The variables, which must have the same nodes and times."""
    if hasattr(data, "names") and not hasattr(data, "dims"):
        data = [data[name] for name in data.names if "node" in data[name].dims]
    arrays = [given(item) for item in data] if isinstance(data, Sequence) else [given(data)]
    if not arrays:
        raise FormatError("page: got no variable with nodes, expected one or more; record all nodes")
    for array in arrays:
        needs(array, "page", *(("time", "node") if "time" in array.dims else ("node",)))
        if array.sizes != arrays[0].sizes:
            got, wanted = (" x ".join(map(str, item.shape)) for item in (array, arrays[0]))
            raise FormatError(
                f"page: '{array.name}' has shape {got}, expected {wanted} as '{arrays[0].name}' has; write two pages"
            )
    return arrays


def _rows(array: xr.DataArray, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values at some times, or the only ones, shape (rows, nodes)."""
    chosen = array.isel(time=rows).transpose("time", "node") if "time" in array.dims else array
    return np.atleast_2d(chosen.values.astype(float))


def _few_enough(
    images: Images, values: list[NDArray[np.float64]], rods: Rods, most: int
) -> tuple[Images, list[NDArray[np.float64]]]:
    """Voxels made larger until they are at most so many; values of these and of the 1-D segments, (times, nodes)."""
    shown = list(images)
    means = [[part[:, image.nodes] for part in values] for image in images]
    while sum(image.n for image in shown) > most:
        largest = max(range(len(shown)), key=lambda number: shown[number].n)
        halved = [shown[largest].halved(part) for part in means[largest]]
        shown[largest], means[largest] = halved[0][0], [part for _, part in halved]
    joined = [np.hstack([*(grid[number] for grid in means), part[:, rods.nodes]]) for number, part in enumerate(values)]
    return tuple(shown), joined


def _variable(
    array: xr.DataArray, values: NDArray[np.float64], colours: Colours
) -> tuple[dict[str, Any], Colormap, NDArray[np.uint16]]:
    """Name, unit and ends of the scale; the colour map; the values in steps."""
    factor, unit = shown_unit(values, str(array.attrs.get("units", "1")))
    norm, _ = colours.norm(values * factor)
    low, high, chosen = float(norm.vmin or 0.0), float(norm.vmax or 0.0), colours.map(unit)
    name = str(array.name if array.name is not None else "value")
    about = {"name": name, "unit": unit, "low": low, "high": high, "log": colours.log, "map": chosen.name}
    return about, chosen, in_steps(values * factor, low, high, colours.log)


def _clock(times: NDArray[np.float64], timed: bool) -> dict[str, Any]:
    """How the page writes times."""
    span = float(np.ptp(times)) if times.size > 1 else float(abs(times[0]))
    factor, unit = shown_time(span)
    digits = int(np.clip(2 - np.floor(np.log10(max(span * factor, 1e-12))), 0, 6))
    return {"timeFactor": factor, "timeUnit": unit if timed else "", "timeDigits": digits}


def _statement(images: Images, shown: Images, rods: Rods, times: int, rows: int) -> str:
    """What is shown, and what is not."""
    parts = []
    for image, coarse in zip(images, shown, strict=True):
        parts.append(f"{coarse.n:,} voxels of {coarse.dx:g} µm")
        if coarse.dx > image.dx:
            eight = round((coarse.dx / image.dx) ** 3)
            parts[-1] += f", each the mean of up to {eight} of the {image.n:,} voxels of {image.dx:g} µm"
    if rods.nodes.size:
        parts.append(f"{rods.nodes.size:,} segments in 1-D")
    if times > 1:
        parts.append(f"{rows:,} of {times:,} times" if rows < times else f"{times:,} times")
    parts.append(f"values in {STEPS} steps")
    return "; ".join(parts) + ". Drag to turn, wheel to zoom, shift and drag to move, click for values."


def _filled(meta: dict[str, Any], packed: dict[str, NDArray[Any]]) -> str:
    """The page with its program, numbers and arrays."""
    blob, where = bytearray(), {}
    for name, array in packed.items():
        where[name] = [array.dtype.str[1:], len(blob), array.size]
        blob += array.tobytes() + bytes(-array.nbytes % 4)
    folder = resources.files("multiscale") / "data" / "page"
    template = (folder / "page.html").read_text(encoding="utf-8")
    parts = {
        "title": meta["title"].replace("&", "&amp;").replace("<", "&lt;"),
        "meta": json.dumps(meta | {"arrays": where}, ensure_ascii=False).replace("<", "\\u003c"),
        "data": base64.b64encode(gzip.compress(bytes(blob), 6, mtime=0)).decode(),
        "viewer": "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    pieces = re.split("@(title|meta|data|viewer)@", template)
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))
