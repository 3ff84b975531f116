"""The progress bar: what it says, when it is silent, what it costs."""

import io
import threading
from time import perf_counter, sleep

import pytest

from multiscale.progress import LOG_INTERVAL, TERMINAL_INTERVAL, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_shows_percent_and_time_remaining_on_a_terminal():
    stream = Terminal()
    with Progress(200.0, None, label="calcium wave", stream=stream) as bar:
        sleep(1.2 * TERMINAL_INTERVAL)
        bar.update(50.0)
    text = stream.getvalue()
    assert "calcium wave" in text
    assert " 25%|" in text
    assert "50/200 ms [00:00<00:00" in text
    assert text.endswith("\n")
    assert "100%" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("show", "stream", "silent"),
    [(None, io.StringIO, True), (None, Terminal, False), (False, Terminal, True), (True, io.StringIO, False)],
)
def test_is_silent_where_nobody_looks(show, stream, silent):
    stream = stream()
    with Progress(10.0, show, stream=stream) as bar:
        bar.update(5.0)
    assert (stream.getvalue() == "") == silent


def test_draws_at_most_ten_times_a_second():
    stream = Terminal()
    with Progress(1.0, True, stream=stream) as bar:
        end = perf_counter() + 0.55
        while (left := end - perf_counter()) > 0:
            bar.update(1.0 - left)
    assert 3 <= stream.getvalue().count("\r") <= 9  # five, and those at the beginning and the end


def test_writes_rarely_to_a_log_file():
    stream = io.StringIO()
    with Progress(1.0, True, stream=stream) as bar:
        for _ in range(1000):
            bar.update(0.5)
    assert LOG_INTERVAL >= 1
    assert stream.getvalue().count("\r") <= 3


def test_a_run_that_fails_does_not_pretend_to_be_complete():
    stream = Terminal()

    def run():
        with Progress(10.0, True, stream=stream) as bar:
            bar.update(1.0)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    assert "100%" not in stream.getvalue()


def test_an_update_costs_next_to_nothing():
    """A step takes 10 us or more; a call of half a microsecond each 100 steps is far below one percent."""
    with Progress(1.0, True, stream=Terminal()) as bar:
        begin = perf_counter()
        for _ in range(10_000):
            bar.update(0.5)
        cost = (perf_counter() - begin) / 10_000
    assert cost < 20e-6  # generous: the machine may be busy; measured 0.1 us


def test_starts_no_thread():
    before = threading.active_count()
    with Progress(1.0, True, stream=Terminal()) as bar:
        bar.update(0.5)
        assert threading.active_count() == before
