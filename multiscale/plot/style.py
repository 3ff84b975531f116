"""What all pictures share: readable units, colour scales, sizes of text, and figures that need no screen.

Nothing here changes matplotlib's settings: every artist is dressed by itself.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.errors import FormatError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.text import Text

INK = "#222222"
FAINT = "#8a8a8a"
MISSING = "#cfcfcf"  # nodes without a value
TEXT = 8.5  # points
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444", "#b2a800")  # Okabe and Ito
SCALES = {
    "mM": ((1.0, 1.0, "mM"), (1e-3, 1e3, "µM"), (1e-6, 1e6, "nM"), (1e-9, 1e9, "pM")),
    "pA": ((1e3, 1e-3, "nA"), (1.0, 1.0, "pA"), (1e-3, 1e3, "fA")),
    "um": ((1.0, 1.0, "µm"), (1e-3, 1e3, "nm")),
}  # unit of the values: (least magnitude, factor, unit that is shown)
TIMES = ((2.4e7, 3.6e6, "h"), (1.2e6, 6e4, "min"), (2e3, 1e3, "s"), (1.0, 1.0, "ms"), (0.0, 1e-3, "µs"))


def variable(data: Any) -> xr.DataArray:
    """Return the DataArray itself, or the only variable of a Solution."""
    if hasattr(data, "dims") and hasattr(data, "coords"):
        found: xr.DataArray = data
        return found
    names: Sequence[str] = getattr(data, "names", ())
    if len(names) != 1:
        got = f"a solution of {', '.join(names) or 'nothing'}" if names else type(data).__name__
        raise FormatError(f"plot: got {got}, expected one variable; pass for example sol['v']")
    only: xr.DataArray = data[names[0]]
    return only


def needs(data: xr.DataArray, picture: str, *dims: str) -> None:
    """Refuse data that do not have exactly these dimensions, in any order."""
    if sorted(map(str, data.dims)) != sorted(dims):
        got, wanted = ", ".join(map(str, data.dims)) or "none", ", ".join(dims)
        advice = "use plot.traces" if "node" not in data.dims else "choose with .sel or .isel"
        raise FormatError(f"{picture}: '{data.name}' has dimensions ({got}), expected ({wanted}); {advice}")


def shown_unit(values: ArrayLike, unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which values are pleasant to read: 0.0003 mM is 0.3 µM."""
    finite = np.abs(np.asarray(values, dtype=float))
    finite = finite[np.isfinite(finite)]
    largest = float(finite.max()) if finite.size else 0.0
    for least, factor, text in SCALES.get(unit, ()):
        if largest >= least:
            return factor, text
    return 1.0, {"um": "µm", "1": ""}.get(unit, unit).replace("um", "µm").replace("^2", "²").replace("^3", "³")


def shown_time(span: float) -> tuple[float, str]:
    """Return the factor from ms and the unit in which a span of time, ms, is pleasant to read."""
    return next((1 / size, text) for least, size, text in TIMES if span >= least or least == 0.0)


def time_of(row: xr.DataArray, whole: xr.DataArray) -> str:
    """Return the time of a row as text with the digits that suit the span of the whole; empty if it has no time."""
    if "time" not in row.coords:
        return ""
    time = float(row["time"])
    return clock(time, float(np.ptp(whole["time"].values)) if whole["time"].ndim else abs(time))


def label(name: object, unit: str) -> str:
    """Return ``name (unit)``, and the name alone where there is no unit."""
    return f"{name} ({unit})" if unit else str(name)


def clock(time: float, span: float) -> str:
    """Return a time in ms as ``t = 1.25 s``, with the same number of digits over a span of ms."""
    factor, unit = shown_time(span)
    digits = int(np.clip(2 - np.floor(np.log10(max(span * factor, 1e-12))), 0, 6))
    return f"t = {time * factor:.{digits}f} {unit}"


@dataclass(frozen=True)
class Colours:
    """How values become colours.

    Args:
        limits: smallest and largest value of the scale, in the unit that is shown; None: those of the values.
        robust: leave out the lowest and the highest percent of the values.
        log: logarithmic scale; values of zero or less are shown as missing.
        cmap: a matplotlib colour map; None: viridis, and plasma for a voltage.
    """

    limits: tuple[float, float] | None = None
    robust: bool = False
    log: bool = False
    cmap: str | Colormap | None = None

    def map(self, unit: str) -> Colormap:
        """Return a perceptually uniform map, without its palest end, that shows missing values in grey."""
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap

        if self.cmap is None:
            name, last = ("plasma", 0.93) if unit.endswith("V") else ("viridis", 0.97)
            chosen: Colormap = ListedColormap(colormaps[name](np.linspace(0.0, last, 256)), name=name)
        else:
            chosen = colormaps[self.cmap] if isinstance(self.cmap, str) else self.cmap
        return chosen.with_extremes(bad=MISSING)

    def norm(self, values: ArrayLike) -> tuple[Normalize, str]:
        """Return the scale, and where the colour bar needs arrow heads (``extend``).

        Args:
            values: all that will be shown, any shape, in the unit that is shown.
        """
        from matplotlib.colors import LogNorm, Normalize

        array = np.asarray(values, dtype=float).ravel()
        array = array[np.isfinite(array) & ((array > 0) | (not self.log))]
        array = array if array.size else np.array([1.0])
        if self.limits is not None:
            low, high = float(self.limits[0]), float(self.limits[1])
            if not low < high or (self.log and low <= 0):
                wanted = "0 < low < high" if self.log else "low < high"
                raise FormatError(f"plot: limits are {self.limits}, expected (low, high) with {wanted}")
        else:
            ends = np.percentile(array, (1, 99)) if self.robust else (array.min(), array.max())
            low, high = _apart(float(ends[0]), float(ends[1]))
        below, above = array.min() < low, array.max() > high
        extend = "both" if below and above else "min" if below else "max" if above else "neither"
        return (LogNorm if self.log else Normalize)(low, high), extend


def _apart(low: float, high: float) -> tuple[float, float]:
    """The same limits, or a little wider ones where all values are equal up to round-off."""
    least = 1e-6 * max(abs(low), abs(high), 1e-12)
    return (low, high) if high - low > least else (low - 1e4 * least, high + 1e4 * least)


def colour_bar(figure: Figure, shown: ScalarMappable, axes: Axes, text: str, extend: str) -> None:
    """Fill ``axes`` with the colour bar of an artist, along their longer side, and label it."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogLocator, MaxNLocator, StrMethodFormatter

    box = axes.get_window_extent()
    lying = box.width > box.height
    bar: Any = figure.colorbar(shown, cax=axes, extend=extend, orientation="horizontal" if lying else "vertical")
    if isinstance(bar.norm, LogNorm):
        low, high = axes.get_xlim() if lying else axes.get_ylim()
        bar.locator = LogLocator(subs=(1.0, 2.0, 5.0)) if high > 5 * low else MaxNLocator(5)
        bar.formatter = StrMethodFormatter("{x:g}")
        bar.minorticks_off()
    bar.set_label(text, size=TEXT, color=INK)
    bar.ax.tick_params(labelsize=TEXT, width=0.6, length=2.5, color=INK, labelcolor=INK)
    bar.outline.set_visible(False)
    bar.solids.set_edgecolor("face")  # no hairlines between the colours in a PDF


def new_figure(width: float, height: float, background: str = "white") -> Figure:
    """Return an empty figure in inches that belongs to no window and no global list; notebooks show it as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, facecolor=background)
    FigureCanvasAgg(figure)
    vars(figure)["_repr_png_"] = partial(_png, figure)
    return figure


def dress(axes: Axes, x: str, y: str) -> None:
    """Label the axes and leave only the two lines that carry ticks."""
    axes.set_xlabel(x, size=TEXT + 0.5, color=INK)
    axes.set_ylabel(y, size=TEXT + 0.5, color=INK)
    axes.tick_params(labelsize=TEXT, width=0.7, length=3, color=INK, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_linewidth(0.7)
        spine.set_color(INK)


def heading(axes: Axes, text: str, colour: str = INK) -> Text:
    """Put a short line above the upper left corner."""
    return axes.set_title(text, size=TEXT + 0.5, color=colour, loc="left", pad=5)


def round_length(length: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... that is not above ``length``."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(next(power * step for step in (5.0, 2.0, 1.0) if power * step <= length * (1 + 1e-12)))


def to_pixels(figure: Figure) -> NDArray[np.uint8]:
    """Draw the figure; red, green, blue, alpha, shape (height, width, 4)."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
