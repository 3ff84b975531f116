"""The command ``multiscale``: run a script, look into a file, compare the speed with a peer."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from multiscale.errors import FormatError, MultiscaleError

FAILED = 2  # exit code after an error that is told in one sentence; also argparse's
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        arguments: words behind ``multiscale``; those of the process when None.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except MultiscaleError as error:
        print(f"multiscale: {_where(error.__traceback__, options)}{error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("multiscale: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="multiscale", description="Chemistry and voltage in real cells.")
    parser.add_argument("--version", action="version", version=f"multiscale {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a Python script; an error of the model is told in one sentence")
    run.add_argument("script", type=Path, metavar="SCRIPT")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="handed on to the script as sys.argv")
    run.set_defaults(command=_run)

    info = commands.add_parser("info", help="say what a morphology (.swc, .asc) or a result (.nc, .csv) holds")
    info.add_argument("file", type=Path, metavar="FILE")
    info.set_defaults(command=_info)

    bench = commands.add_parser("bench", help="measure the same work here and in another simulator")
    bench.add_argument("name", metavar="NAME", help="name of a bench, 'all', or 'list'")
    bench.add_argument("--peer", choices=("neuron", "roadrunner", "none"), help="compare with this one only")
    bench.add_argument("--json", action="store_true", help="print one JSON object a bench")
    bench.set_defaults(command=_bench)
    return parser


def _run(options: argparse.Namespace) -> int:
    """Run a script as ``python SCRIPT`` would, with ``__name__ == "__main__"``."""
    script: Path = options.script
    if not script.is_file():
        what = "is a folder" if script.is_dir() else "does not exist"
        raise FormatError(f"script '{script}' {what}, expected a Python file; check the path")
    with _as_main(script, options.arguments):
        runpy.run_path(str(script), run_name="__main__")
    return 0


def _info(options: argparse.Namespace) -> int:
    """Describe a file, as its extension says."""
    file: Path = options.file
    from multiscale.export.formats import formats
    from multiscale.solution import Solution
    from multiscale.voxelize import readers

    extension, known = file.suffix.lower(), (*readers.EXTENSIONS, *sorted(formats("solution")))
    if extension in readers.EXTENSIONS:
        print(readers.read_morphology(file).describe())
        return 0
    if extension not in known:
        raise FormatError(
            f"file '{file}' has extension '{file.suffix}', expected {', '.join(known)}; give another file"
        )
    print(f"{file}\n{Solution.load(file).describe()}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    """Hand over to the benches, which are loaded only now."""
    command: Callable[[str, str | None, bool], int] = import_module("multiscale.bench.command").main
    return command(options.name, options.peer, options.json)


@contextmanager
def _as_main(script: Path, arguments: list[str]) -> Iterator[None]:
    """``sys.argv`` and ``sys.path`` as the script expects them, and as they were afterwards."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *arguments], [str(script.resolve().parent), *path]
    try:
        yield
    finally:
        sys.argv, sys.path = argv, path


def _where(trace: TracebackType | None, options: argparse.Namespace) -> str:
    """``script.py, line 12: `` for the line of the script that led to an error; empty outside a script."""
    script: Path | None = getattr(options, "script", None)
    line = 0
    while trace is not None and script is not None:
        if trace.tb_frame.f_code.co_filename == str(script):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{script}, line {line}: " if line else ""


def _version() -> str:
    try:
        return version("multiscale-rxd")
    except PackageNotFoundError:
        return "of an unknown version (not installed)"


if __name__ == "__main__":
    sys.exit(main())
