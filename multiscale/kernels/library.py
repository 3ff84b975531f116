"""Plain functions as one generated file, compiled once a machine: the solvers and the voxelizers.

The text is copied from their modules, so that each kernel is written once and can be read, tested and run as plain
Python. The file's name is the hash of its text, and other kernels import it under that name: numba's cache, which does
not notice edits in other files, cannot go stale.
"""

import inspect
import textwrap
from pathlib import Path
from types import ModuleType

from multiscale.kernels import cache, prelude
from multiscale.kernels import header as head
from multiscale.kernels.header import header
from multiscale.kernels.settings import jit_enabled


def functions(modules: tuple[ModuleType, ...]) -> dict[str, str]:
    """Name → source of every top-level function of some modules, in the order given: callees' modules come first."""
    found: dict[str, str] = {}
    for module in modules:
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                found[name] = textwrap.dedent(inspect.getsource(value))
    return found


def library_source(modules: tuple[ModuleType, ...], jit: bool) -> str:
    """Text of the library file of some modules."""
    parts = [header(jit)]
    parts += ["\n\n@JIT\n" + source for source in functions(modules).values()]
    return "".join(parts)


def compiled(*modules: ModuleType) -> ModuleType:
    """The compiled functions of some modules that hold nothing but plain functions; numba compiles each when called.

    Args:
        modules: callees' modules first. Their functions may use ``math``, ``np``, the printed elementary functions and
            each other.
    """
    jit = jit_enabled()
    files = [Path(str(module.__file__)) for module in (*modules, prelude, head)]
    key = cache.digest(f"library {jit} " + " ".join(cache.digest(f.read_text(encoding="utf-8")) for f in files))
    text = cache.lookup(key)
    if text is None:
        text = library_source(modules, jit)
        cache.store(key, text)
    return cache.load(text)
