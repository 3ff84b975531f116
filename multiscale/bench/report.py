"""All figures of one bench, as text for people or as one line of JSON."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import isfinite
from typing import Any

from multiscale.bench.compare import AtEqualError, Difference, Side, at_equal_error, differences, ratios
from multiscale.bench.measure import Measured


@dataclass(frozen=True, eq=False)
class Report:
    """What ``multiscale bench`` found out.

    Args:
        bench: name of the bench.
        title: what is measured.
        peer: name of the peer, or "" if none was wanted.
        absent: why the peer could not run, or "".
        ours: our figures.
        theirs: the peer's figures; empty without a peer.
        baseline: the peer's work that was not asked for; empty if there is none.
    """

    bench: str
    title: str
    peer: str
    absent: str
    ours: Side
    theirs: Side
    baseline: Side

    @property
    def is_sweep(self) -> bool:
        """Whether tolerances were swept, so that times are compared at equal error."""
        return len(self.ours.measured) > 1

    @property
    def is_of_updates(self) -> bool:
        """Whether both sides did unlike numbers of updates, so that times of one update are compared."""
        if self.is_sweep or not self.theirs.measured:
            return False
        counts = (self.ours.headline.updates, self.theirs.headline.updates)
        return min(counts) > 0 and counts[0] != counts[1]

    def ratio(self, *, without_baseline: bool = False) -> tuple[float, float] | None:
        """Return the peer's time over ours, (of minima, of medians); of a sweep the worst at equal error; or None."""
        if not self.theirs.measured:
            return None
        if self.is_sweep:
            points = [at_equal_error(self.ours, self.theirs, median=median) for median in (False, True)]
            return (min(p.ratio for p in points[0]), min(p.ratio for p in points[1])) if all(points) else None
        less = self.baseline.headline if without_baseline and self.baseline.measured else None
        return ratios(self.theirs.headline, self.ours.headline, less)

    def difference(self) -> dict[str, Difference]:
        """Return the largest differences of the answers, one a name; of a sweep, at the tightest tolerances."""
        return differences(self.ours.headline.answer, self.theirs.headline.answer) if self.theirs.measured else {}


def as_text(report: Report) -> str:
    """Return a few lines of text."""
    lines = [f"{report.bench}: {report.title}"]
    for side in (report.ours, report.theirs, report.baseline):
        for one in side.measured:
            lines += [_times(one), f"    {one.note}"] if one.note else [_times(one)]
    if report.absent:
        lines.append(f"  {report.absent}")
    if report.is_sweep and report.theirs.measured:
        lines += [_equal(point) for point in at_equal_error(report.ours, report.theirs)]
    ratio = report.ratio()
    if ratio:
        kind = ", the least at equal error" if report.is_sweep else ""
        if report.is_of_updates:
            kind = ", each a time of one update"
        lines.append(f"  {report.peer} / ours{kind}: {ratio[0]:.2f} (minimum), {ratio[1]:.2f} (median)")
    if ratio and report.baseline.measured:
        less = report.ratio(without_baseline=True)
        assert less is not None
        lines.append(f"  without {report.peer}'s unasked work: {less[0]:.2f} (minimum), {less[1]:.2f} (median)")
    lines += _largest("largest difference", report.difference())
    for side in (report.ours, report.theirs):
        for one in side.measured:
            what = f"{one.version}, {one.setting}: largest error"
            lines += _largest(what, differences(one.answer, side.reference))
    return "\n".join(lines)


def as_line(report: Report) -> dict[str, Any]:
    """Return plain values for one line of JSON; what is not a finite number is null."""
    sweep = at_equal_error(report.ours, report.theirs) if report.is_sweep and report.theirs.measured else ()
    values = {
        "bench": report.bench,
        "title": report.title,
        "peer": report.peer,
        "absent": report.absent,
        "ours": [_figures(one, report.ours) for one in report.ours.measured],
        "theirs": [_figures(one, report.theirs) for one in report.theirs.measured],
        "baseline": [_figures(one, report.baseline) for one in report.baseline.measured],
        "ratio": _pair(report.ratio()),
        "ratio_without_baseline": _pair(report.ratio(without_baseline=True)) if report.baseline.measured else None,
        "difference": {name: asdict(gap) for name, gap in report.difference().items()},
        "at_equal_error": [{**asdict(point), "ratio": point.ratio} for point in sweep],
        "machine": _machine(),
    }
    return {name: _finite(value) for name, value in values.items()}


def _times(one: Measured) -> str:
    each = f", {1e9 * one.minimum / one.updates:.2f} ns an update" if one.updates else ""
    times = f"{_seconds(one.minimum)} minimum, {_seconds(one.median)} median of {len(one.seconds)} runs"
    return f"  {one.version}, {one.setting}: {times}{each}; set-up {_seconds(one.setup)}"


def _largest(what: str, found: Mapping[str, Difference]) -> list[str]:
    if not found:
        return []
    name, gap = max(found.items(), key=lambda item: item[1].relative)
    return [f"  {what}: {gap.absolute:.3g} in {name}, {gap.relative:.2g} of its largest value"]


def _equal(point: AtEqualError) -> str:
    times = f"ours {_seconds(point.ours)}, peer {_seconds(point.theirs)}"
    return f"  at error {point.error:.0e}: {times}, ratio {point.ratio:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.3f} s" if value >= 0.1 else f"{1e3 * value:.3f} ms"


def _figures(one: Measured, side: Side) -> dict[str, Any]:
    return {
        "version": one.version,
        "setting": one.setting,
        "setup": one.setup,
        "minimum": one.minimum,
        "median": one.median,
        "seconds": list(one.seconds),
        "updates": one.updates,
        "note": one.note,
        "error": {name: asdict(gap) for name, gap in differences(one.answer, side.reference).items()},
    }


def _pair(ratio: tuple[float, float] | None) -> dict[str, float] | None:
    return {"minimum": ratio[0], "median": ratio[1]} if ratio else None


def _machine() -> dict[str, Any]:
    libraries = {name: version(name) for name in ("numpy", "numba", "sympy", "scipy")}
    return {"python": platform.python_version(), "system": sys.platform, "cores": os.cpu_count(), **libraries}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
