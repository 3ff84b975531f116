"""Segments as artists: lines for branches, bands and balls for what is shorter than it is thick, such as a soma."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

HALO = 1.6  # points by which a nearer branch is set off from what it crosses
SEAM = 0.3  # points that neighbouring bands overlap, so that nothing shines through

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Part: TypeAlias = tuple[Any, Ints]
"""A collection of many lines or bands, and the position in the data of each; -1 is a white line."""


@dataclass(frozen=True, eq=False)
class Segments:
    """What is to be drawn, turned so that the eye looks along the third axis.

    Args:
        ends: start and end of each segment, um, shape (segments, 2, 3).
        radius: um, shape (segments,).
        widths: of the drawn lines, points, shape (segments,).
        sections: anything that differs between neighbouring sections, shape (segments,).
    """

    ends: Floats
    radius: Floats
    widths: Floats
    sections: NDArray[Any]

    @cached_property
    def lengths(self) -> Floats:
        """Length of each segment, um, shape (segments,)."""
        return np.asarray(np.linalg.norm(self.ends[:, 1] - self.ends[:, 0], axis=1))

    @cached_property
    def depth(self) -> Floats:
        """How near the middle of each segment is to the eye, um, shape (segments,)."""
        return np.asarray(self.ends[:, :, 2].mean(axis=1))

    @cached_property
    def thick(self) -> NDArray[np.bool_]:
        """Where a segment is shorter than it is thick: a line with round ends would stick out of it."""
        return 2 * self.radius > 1.5 * self.lengths

    @cached_property
    def runs(self) -> tuple[Ints, ...]:
        """Positions of the segments of each section, in order."""
        begins = np.flatnonzero(self.sections[1:] != self.sections[:-1]) + 1
        return tuple(np.split(np.arange(self.sections.size), begins))

    def by_depth(self, where: NDArray[np.bool_]) -> Ints:
        """Positions of some segments, the farthest first."""
        return np.flatnonzero(where)[np.argsort(self.depth[where], kind="stable")]


def flat(segments: Segments) -> tuple[Part, ...]:
    """Branches as lines, the body above them as bands.

    Round ends fill the gaps at bends; the flat ends above them keep each colour to its own segment.
    """
    from matplotlib.collections import LineCollection

    order = segments.by_depth(~segments.thick)
    paths, widths = list(segments.ends[order, :, :2]), segments.widths[order]
    below = LineCollection(paths, linewidths=widths, capstyle="round")
    above = LineCollection(paths, linewidths=widths, capstyle="butt")
    across = np.linalg.norm(segments.ends[:, 1, :2] - segments.ends[:, 0, :2], axis=1)
    towards = segments.thick & (across < 0.5 * segments.lengths)  # bands seen from their end would be slits
    return (below, order), (above, order), _balls(segments, towards), _bands(segments)


def in_space(segments: Segments) -> tuple[Part, ...]:
    """Sections by depth, each above a white line a little wider, and the body above them as balls."""
    from matplotlib.collections import LineCollection

    paths: list[Floats] = []
    widths: list[float] = []
    nodes: list[int] = []
    runs = [run[~segments.thick[run]] for run in segments.runs]
    for run in sorted((run for run in runs if run.size), key=lambda run: float(segments.depth[run].mean())):
        if run.size > 2:  # the ends stay free: a halo must not cut into the section that goes on there
            paths.append(np.vstack([segments.ends[run[1:-1], 0, :2], segments.ends[run[-2:-1], 1, :2]]))
            widths.append(float(segments.widths[run[1:-1]].max()) + HALO)
            nodes.append(-1)
        paths += list(segments.ends[run, :, :2])
        widths += segments.widths[run].tolist()
        nodes += run.tolist()
    branches = LineCollection(paths, linewidths=widths, capstyle="round", joinstyle="round")
    return (branches, np.array(nodes, dtype=np.int64)), _balls(segments, segments.thick)


def _balls(segments: Segments, where: NDArray[np.bool_]) -> Part:
    """Some segments with round ends, cut back so that these do not stick out of the section."""
    from matplotlib.collections import LineCollection

    ends = segments.ends.copy()
    for run in segments.runs:
        if where[run].any():
            ends[run] = _cut_back(segments.ends[run], segments.radius[run], segments.lengths[run])
    order = segments.by_depth(where)
    return LineCollection(list(ends[order, :, :2]), linewidths=segments.widths[order], capstyle="round"), order


def _cut_back(ends: Floats, radius: Floats, lengths: Floats) -> Floats:
    """Segments of one section that keep their radius away from its ends, shape (segments, 2, 3)."""
    stops = np.cumsum(lengths)
    inset = np.minimum(radius, 0.499 * stops[-1])[:, None]
    places = np.stack([stops - lengths, stops], axis=1)
    share = (np.clip(places, inset, stops[-1] - inset) - places[:, :1]) / np.maximum(lengths, 1e-9)[:, None]
    return np.asarray(ends[:, :1] + share[:, :, None] * (ends[:, 1:] - ends[:, :1]))


def _bands(segments: Segments) -> Part:
    """Thick segments as four-sided bands that share their sides with their neighbours."""
    from matplotlib.collections import PolyCollection

    bands: list[Floats] = []
    nodes: list[int] = []
    for run in segments.runs:
        borders = np.flatnonzero(np.diff(run[segments.thick[run]]) > 1) + 1
        for piece in np.split(run[segments.thick[run]], borders):
            if piece.size:
                bands += list(_mitred(segments.ends[piece, :, :2], segments.radius[piece]))
                nodes += piece.tolist()
    order = np.argsort(segments.depth[nodes], kind="stable")
    shown = PolyCollection([bands[i] for i in order], linewidths=SEAM)
    return shown, np.array(nodes, dtype=np.int64)[order]


def _mitred(ends: Floats, radius: Floats) -> Floats:
    """Corners of the bands of consecutive segments in the plane, shape (segments, 4, 2)."""
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(length, 1e-9)
    before, after = np.vstack([across[:1], across]), np.vstack([across, across[-1:]])
    middle = before + after
    size = np.linalg.norm(middle, axis=1, keepdims=True)
    middle = np.where(size > 0.2, middle / np.maximum(size, 1e-9), after)  # a sharp turn back has no common side
    half = (np.concatenate([radius[:1], radius]) + np.concatenate([radius, radius[-1:]]))[:, None] / 2
    places = np.vstack([ends[:, 0], ends[-1:, 1]])
    left, right = places + half * middle, places - half * middle
    return np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)
