"""Sheets for pictures to scale: panels of one size, one colour bar, one scale bar, on white or on black."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from multiscale.plot.style import INK, TEXT, Colours, colour_bar, label, new_figure, round_length, shown_unit

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

LYING = 1.2  # inches: below a picture lower than this the colour bar lies, beside a higher one it stands
MARGIN, GAP, BAR, BAR_TEXT, BELOW, TITLE, HEAD = 0.12, 0.15, 0.11, 0.75, 0.42, 0.22, 0.06  # inches around the panels
NIGHT, CHALK = "#101014", "#e4e4e4"  # paper and ink of dark pictures
ARROW = 0.26  # inches: length of the axes that show how the picture is turned
CROSS = 0.78  # inches: room for these axes in the lower right corner


@dataclass(frozen=True, eq=False)
class Sheet:
    """A figure with panels of equal size.

    Args:
        figure: the whole picture.
        panels: axes in um, row after row.
        bar: where the colour bar goes.
        inches: inches that one um takes.
        across: width of a panel, um.
    """

    figure: Figure
    panels: tuple[Axes, ...]
    bar: Axes
    inches: float
    across: float

    @property
    def pixel(self) -> float:
        """Size of a pixel of the figure, um."""
        return 1 / (self.inches * self.figure.get_dpi())


def sheet(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    size: tuple[float, float],
    count: int = 1,
    columns: int = 1,
    dark: bool = False,
) -> Sheet:
    """Return a figure that fits around panels which all show the same rectangle.

    Args:
        low: lower left corner of the rectangle, um, shape (2,).
        high: upper right corner, um, shape (2,).
        size: greatest width and height of all panels together, inches.
        count: number of panels.
        columns: panels in a row.
        dark: black paper.
    """
    extent = high - low
    rows = -(-count // columns)
    room = np.array(size) - (np.array([columns, rows]) - 1) * np.array([GAP, TITLE + GAP])
    inches = float((room / np.array([columns, rows]) / extent).min())
    wide, tall = (float(length) for length in extent * inches)
    all_wide, all_tall = columns * wide + (columns - 1) * GAP, rows * (tall + TITLE) + (rows - 1) * GAP
    lying = all_tall - TITLE < LYING
    width = MARGIN + max(all_wide, 3.2 if lying else 0.0) + (MARGIN if lying else GAP + BAR + BAR_TEXT)
    height = BELOW + all_tall + HEAD + (0.2 if lying else 0.0)
    figure = new_figure(width, height, NIGHT if dark else "white")

    def part(left: float, bottom: float, across: float, up: float) -> Any:
        return figure.add_axes((left / width, bottom / height, across / width, up / height))

    panels = []
    for number in range(count):
        row, column = divmod(number, columns)
        top = height - HEAD - TITLE - row * (tall + TITLE + GAP)
        axes = part(MARGIN + column * (wide + GAP), top - tall, wide, tall)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axes.set_axis_off()
        panels.append(axes)
    if lying:
        long = min(2.2, max(0.4 * all_wide, 1.0))
        bar = part(width - MARGIN - CROSS - long, BELOW, long, 0.8 * BAR)
    else:
        long = min(all_tall - TITLE, 2.2, height - HEAD - TITLE - CROSS)
        bottom = max(height - HEAD - TITLE - (all_tall - TITLE + long) / 2, CROSS)
        bar = part(MARGIN + all_wide + GAP, bottom, BAR, long)
    return Sheet(figure, tuple(panels), bar, inches, float(extent[0]))


@dataclass(frozen=True, eq=False)
class Tint:
    """From values to colours, the same in all panels.

    Args:
        mapper: matplotlib's mapper.
        factor: from the unit of the data to the unit that is shown.
        text: label of the colour bar.
        extend: where the colour bar needs arrow heads.
    """

    mapper: ScalarMappable
    factor: float
    text: str
    extend: Literal["neither", "min", "max", "both"]

    def of(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Red, green, blue, alpha (0 to 1) for values of any shape: shape (..., 4)."""
        return np.asarray(self.mapper.to_rgba(np.ma.masked_invalid(values * self.factor)), dtype=float)


def tint(array: xr.DataArray, values: NDArray[Any], colours: Colours) -> Tint:
    """Return the colour scale that holds all values."""
    from matplotlib.cm import ScalarMappable

    factor, unit = shown_unit(values, str(array.attrs.get("units", "1")))
    norm, extend = colours.norm(values * factor)
    mapper = ScalarMappable(norm, colours.map(unit))
    return Tint(mapper, factor, label(array.name if array.name is not None else "", unit), extend)  # type: ignore[arg-type]


def show(axes: Axes, colours: NDArray[np.float64], low: NDArray[np.float64], pixel: float) -> None:
    """Put pixels into a panel whose limits stay as they are.

    Args:
        axes: a panel.
        colours: red, green, blue, alpha from below, shape (rows, columns, 4).
        low: lower left corner, um, shape (2,).
        pixel: side of a pixel, um.
    """
    rows, columns = colours.shape[:2]
    limits = (*axes.get_xlim(), *axes.get_ylim())
    extent = (low[0], low[0] + columns * pixel, low[1], low[1] + rows * pixel)
    style: Any = {"origin": "lower", "interpolation": "antialiased", "interpolation_stage": "rgba", "aspect": "auto"}
    axes.imshow(colours, extent=extent, **style)
    axes.set(xlim=limits[:2], ylim=limits[2:])


def finish(page: Sheet, colours: Tint, frame: NDArray[np.float64], dark: bool, below: str = "") -> Figure:
    """Add the colour bar, a scale bar and the directions of the axes, and turn black ink to white on black paper.

    Args:
        page: the sheet.
        colours: what the colour bar shows.
        frame: unit vectors to the right, upwards and towards the eye, shape (3, 3).
        dark: black paper.
        below: words beside the scale bar.
    """
    from matplotlib.lines import Line2D

    figure = page.figure
    colour_bar(figure, colours.mapper, page.bar, colours.text, colours.extend)
    width, height = figure.get_size_inches()
    length = round_length(max(page.across / 4, 0.35 / page.inches))
    left, right, y = MARGIN / width, (MARGIN + length * page.inches) / width, 0.3 / height
    figure.add_artist(Line2D([left, right], [y, y], color=INK, linewidth=1.6, solid_capstyle="butt"))
    text = f"{length:g} µm" if length >= 1 else f"{length * 1e3:g} nm"
    figure.text(left, 0.24 / height, text, size=TEXT, color=INK, va="top")
    figure.text(max(right, left + 0.6 / width) + 0.25 / width, 0.24 / height, below, size=TEXT, color=INK, va="top")
    centre, inch = np.array([width - MARGIN - 1.4 * ARROW, MARGIN + 0.9 * ARROW]), np.array([1 / width, 1 / height])
    for name, direction in zip("xyz", frame[:2].T, strict=True):
        if np.linalg.norm(direction) > 0.05:  # an axis that points at the reader has no direction on paper
            (x0, y0), (x1, y1), (x2, y2) = ((centre + s * ARROW * direction) * inch for s in (0.0, 1.0, 1.4))
            figure.add_artist(Line2D([x0, x1], [y0, y1], color=INK, linewidth=1.0))
            figure.text(x2, y2, name, size=TEXT - 1, color=INK, ha="center", va="center")
    if dark:
        whiten(figure)
    return figure


def whiten(figure: Figure) -> None:
    """Change all ink of a figure from dark to light; colours of data stay."""
    from matplotlib.artist import Artist
    from matplotlib.colors import same_color

    def is_ink(artist: Artist) -> bool:
        colour = artist.get_color() if hasattr(artist, "get_color") else None
        return isinstance(colour, str) and same_color(colour, INK)

    for artist in figure.findobj(is_ink):
        artist.set(color=CHALK)
    for axes in figure.axes:
        axes.tick_params(color=CHALK, labelcolor=CHALK)
