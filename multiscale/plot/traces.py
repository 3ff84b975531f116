"""Values over time at some nodes, one panel a variable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.style import INK, LINES, TEXT, dress, label, needs, new_figure, shown_time, shown_unit, variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 6  # nodes that are chosen, evenly in path distance, where nobody chose


def traces(
    *data: Any,
    nodes: Iterable[int] | None = None,
    labels: Sequence[str] | None = None,
    log: bool = False,
    width: float = 6.3,
) -> Figure:
    """Draw values over time.

    Variables without nodes share a panel if they have the same unit; every other variable has a panel of its own.

    Args:
        data: variables in (time,) or (time, node), or Solutions of any number of variables.
        nodes: numbers of the nodes to draw; None: all up to six, else six from the nearest to the farthest.
        labels: names of the lines, in order; None: section and position, or the name of the variable.
        log: logarithmic value axis.
        width: width of the figure, inches.
    """
    arrays = [part for item in data for part in _parts(item)]
    if not arrays:
        raise FormatError("traces: got no variable, expected one or more; pass for example sol['v']")
    for array in arrays:
        needs(array, "traces", *(("time", "node") if "node" in array.dims else ("time",)))
    panels = _panels(arrays)
    figure = new_figure(width, 0.55 + 2.1 * len(panels) if len(panels) > 1 else 3.0)
    axes: NDArray[Any] = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    times = np.concatenate([array["time"].values for array in arrays])
    factor, unit = shown_time(float(np.ptp(times)) if times.size else 0.0)
    names = iter(labels) if labels is not None else None
    for axis, panel in zip(axes, panels, strict=True):
        _draw_panel(axis, panel, factor, nodes, names)
        if log:
            axis.set_yscale("log")
        axis.margins(x=0)
        axis.set_xlabel(label("time", unit) if axis is axes[-1] else "")
    above: list[str] = []
    for axis in axes:
        above = _legend(axis, above)
    figure.align_ylabels(list(axes))
    figure.set_layout_engine("constrained")
    return figure


def _parts(item: Any) -> list[xr.DataArray]:
    if hasattr(item, "names") and not hasattr(item, "dims"):
        return [item[name] for name in item.names]
    return [variable(item)]


def _panels(arrays: list[xr.DataArray]) -> list[list[xr.DataArray]]:
    """Variables that share a panel: those without nodes by unit, the others alone."""
    panels: dict[object, list[xr.DataArray]] = {}
    for index, array in enumerate(arrays):
        key = index if "node" in array.dims else str(array.attrs.get("units", "1"))
        panels.setdefault(key, []).append(array)
    return list(panels.values())


def _draw_panel(
    axis: Axes, panel: list[xr.DataArray], time_factor: float, nodes: Iterable[int] | None, names: Any
) -> None:
    lines: list[tuple[NDArray[Any], NDArray[Any], str]] = []
    title = str(panel[0].name) if len(panel) == 1 else ""
    for array in panel:
        times = array["time"].values * time_factor
        if "node" not in array.dims:
            lines.append((times, array.values, "" if len(panel) == 1 else str(array.name)))
            continue
        chosen = array.sel(node=list(nodes)) if nodes is not None else array.isel(node=_spread(array))
        chosen = chosen.transpose("time", "node")
        places = _places(chosen)
        lines += [(times, values, place) for values, place in zip(chosen.values.T, places, strict=True)]
    factor, unit = shown_unit(np.concatenate([values for _, values, _ in lines]), str(panel[0].attrs.get("units", "1")))
    for (times, values, place), colour in zip(lines, cycle(LINES), strict=False):
        text = next(names, place) if names is not None else place
        axis.plot(times, values * factor, color=colour, linewidth=1.2, label=text or None, solid_joinstyle="round")
    dress(axis, "", label(title, unit) if title else unit)


def _legend(axis: Axes, above: list[str]) -> list[str]:
    """Write the names of the lines to the right of a panel, unless the panel above has the same; return them."""
    handles, names = axis.get_legend_handles_labels()
    if names and names != above:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.02), "borderaxespad": 0.2}
        axis.legend(handles, names, fontsize=TEXT - 0.5, labelcolor=INK, frameon=False, handlelength=1.2, **place)
    return names


def _spread(array: xr.DataArray) -> list[int]:
    """Positions of nodes from the nearest to the farthest, of those that have values."""
    alive = np.flatnonzero(np.isfinite(array.transpose("time", "node").values[-1]))
    alive = alive if alive.size else np.arange(array.sizes["node"])
    if alive.size <= SHOWN:
        return [int(i) for i in alive]
    if "distance" in array.coords:
        alive = alive[np.argsort(array["distance"].values[alive], kind="stable")]
        distance = array["distance"].values[alive]
        wanted = np.linspace(distance[0], distance[-1], min(SHOWN, alive.size))
        picked = [int(alive[np.argmin(np.abs(distance - d))]) for d in wanted]
    else:
        picked = [int(alive[i]) for i in np.linspace(0, alive.size - 1, min(SHOWN, alive.size)).round().astype(int)]
    return list(dict.fromkeys(picked))


def _places(array: xr.DataArray) -> list[str]:
    if "section" not in array.coords:
        return [f"node {node}" for node in array["node"].values]
    pairs = zip(array["section"].values, array["position"].values, strict=True)
    places = [f"{section}({position:.3g})" for section, position in pairs]
    if "distance" in array.coords and len(places) > 1:
        places = [f"{p}, {d:.0f} µm" for p, d in zip(places, array["distance"].values, strict=True)]
    return places
