"""Space and time in one picture: how a wave runs along a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.plot.style import (
    Colours,
    colour_bar,
    dress,
    heading,
    label,
    needs,
    new_figure,
    shown_time,
    shown_unit,
    variable,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def kymograph(
    data: Any,
    path: int | Sequence[int] | None = None,
    *,
    limits: tuple[float, float] | None = None,
    robust: bool = False,
    log: bool = False,
    cmap: str | Colormap | None = None,
    size: tuple[float, float] = (6.3, 3.2),
) -> Figure:
    """Draw values in false colour over time (x) and path distance (y).

    Args:
        data: a variable in (time, node), or a Solution of one variable.
        path: number of the node at the end of a path from the root; or all nodes of a path, in order; None: the path
            to the farthest node.
        limits: smallest and largest value of the colour scale, in the unit of the colour bar.
        robust: leave the lowest and the highest percent of the values out of the colour scale.
        log: logarithmic colour scale.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
        size: width and height, inches.
    """
    array = variable(data)
    needs(array, "kymograph", "time", "node")
    along = array.isel(node=_path(array, path)).transpose("time", "node")
    factor, unit = shown_unit(along.values, str(array.attrs.get("units", "1")))
    values = along.values.T * factor
    times, places = along["time"].values, _distance(along)
    if times.size < 2 or places.size < 2:
        raise FormatError(
            f"kymograph: '{array.name}' has {times.size} times and {places.size} nodes on the path, expected two or "
            "more of each; use plot.traces"
        )
    time_factor, time_unit = shown_time(float(np.ptp(times)))
    figure = new_figure(*size)
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    colours = Colours(limits, robust, log, cmap)
    norm, extend = colours.norm(values)
    image: Any = axes.pcolorfast(_edges(times * time_factor), _edges(places), values, cmap=colours.map(unit), norm=norm)
    dress(axes, label("time", time_unit), "path distance (µm)")
    axes.tick_params(direction="out")
    ends = along.isel(node=[0, -1])
    if "section" in ends.coords:
        names = [f"{s}({p:.2g})" for s, p in zip(ends["section"].values, ends["position"].values, strict=True)]
        heading(axes, f"{names[0]} to {names[1]}")
    bar_axes = axes.inset_axes((1.03, 0.0, 0.025, 1.0))
    colour_bar(figure, image, bar_axes, label(array.name, unit), extend)
    return figure


def _path(array: xr.DataArray, path: int | Sequence[int] | None) -> NDArray[np.int64]:
    """Positions in the array of the nodes of the path, from the root outwards."""
    nodes = np.asarray(array["node"].values, dtype=np.int64)
    if path is not None and not isinstance(path, int | np.integer):
        wanted = np.asarray(path, dtype=np.int64)
    elif "parent_node" in array.coords:
        above = dict(zip(nodes.tolist(), array["parent_node"].values.tolist(), strict=True))
        node = int(nodes[np.argmax(array["distance"].values)]) if path is None else int(path)
        climbed = [node]
        while (node := above.get(node, -1)) >= 0:
            climbed.append(node)
        wanted = np.array(climbed[::-1], dtype=np.int64)
        wanted = wanted[np.isin(wanted, nodes)] if path is None else wanted
    else:
        wanted = nodes
    order = np.argsort(nodes, kind="stable")
    found = order[np.minimum(np.searchsorted(nodes[order], wanted), nodes.size - 1)]
    if (nodes[found] != wanted).any():
        missing = int(wanted[nodes[found] != wanted][0])
        raise FormatError(f"kymograph: '{array.name}' was not recorded at node {missing} of the path; record all nodes")
    return found


def _distance(along: xr.DataArray) -> NDArray[np.float64]:
    """Distance of each node's centre from where the path begins, um, shape (nodes,)."""
    if "distance" not in along.coords:
        raise FormatError(f"kymograph: '{along.name}' has no coordinate 'distance'; load the .nc file of the run")
    inside = along["section"].values[1:] == along["section"].values[:-1]
    steps = np.abs(np.where(inside, np.diff(along["arc"].values), np.diff(along["distance"].values)))
    return float(along["length"].values[0]) / 2 + np.concatenate([[0.0], np.cumsum(steps)])


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Borders half-way between neighbours, shape (n + 1,)."""
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = centres[0] - (middle[0] - centres[0]), centres[-1] + (centres[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])
