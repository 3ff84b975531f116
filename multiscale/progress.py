"""A progress bar with the time remaining, drawn by tqdm at most ten times a second."""

from __future__ import annotations

import sys
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TextIO

TERMINAL_INTERVAL = 0.1  # s between two drawings; a call in between costs one clock reading
LOG_INTERVAL = 2.0  # s, where each drawing stays as text, for example in a log file
FORMAT = "{desc}{percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} {unit} [{elapsed}<{remaining}]"


class Progress:
    """Shows how far a run is. Use as a context manager, call ``update`` as often as you like.

    Args:
        total: value of ``update`` at which the work is done, for example the duration in ms.
        show: True: always; False: never; None: only where stderr is a terminal.
        label: text in front of the bar.
        unit: unit of ``total``.
        stream: where to draw; stderr when None.
    """

    def __init__(
        self, total: float, show: bool | None = None, *, label: str = "", unit: str = "ms", stream: TextIO | None = None
    ) -> None:
        stream = sys.stderr if stream is None else stream
        terminal = stream.isatty()
        self._bar: Any = None
        self._interval = TERMINAL_INTERVAL if terminal else LOG_INTERVAL
        self._next = float("inf")
        if terminal if show is None else show:
            from tqdm.std import tqdm

            options = {"desc": label or None, "unit": unit, "file": stream, "bar_format": FORMAT, "leave": True}
            self._bar = _without_monitor(tqdm)(total=float(total), **options, mininterval=0.0, dynamic_ncols=True)
            self._next = perf_counter() + self._interval

    def update(self, done: float) -> None:
        """Report that ``done`` of ``total`` is done; draws if the last drawing is long enough ago."""
        if self._bar is not None and perf_counter() >= self._next:
            self._draw(done)
            self._next = perf_counter() + self._interval

    def close(self, done: float | None = None) -> None:
        """Draw a last time, at ``done`` if given, and leave the line as it is."""
        if self._bar is not None:
            if done is not None:
                self._draw(done)
            self._bar.close()
            self._bar = None

    def _draw(self, done: float) -> None:
        self._bar.update(min(done, self._bar.total) - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(None if self._bar is None or kind is not None else self._bar.total)


def _without_monitor(bar: type[Any]) -> type[Any]:
    """The bar's class without tqdm's watching thread: our own interval makes it superfluous."""
    return type("Bar", (bar,), {"monitor_interval": 0})
