"""The solvers as one generated file: the plain functions of `hines`, `diffusion` and `cable`, compiled once.

The text is copied from these modules, so that each solver is written once and can be read, tested and run as plain
Python. The file's name is the hash of its text, and kernels import it under that name: numba's cache, which does not
notice edits in other files, cannot go stale.
"""

import inspect
import textwrap
from types import ModuleType

from multiscale.rxd import cable, diffusion, hines
from multiscale.rxd.targets.numba_cpu import header

_MODULES: tuple[ModuleType, ...] = (hines, diffusion, cable)


def functions() -> dict[str, str]:
    """Name → source of every solver, in an order in which callees come first."""
    found: dict[str, str] = {}
    for module in _MODULES:
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                found[name] = textwrap.dedent(inspect.getsource(value))
    return found


def library_source(jit: bool) -> str:
    """Text of the library file."""
    parts = [header(jit)]
    parts += ["\n\n@JIT\n" + source for source in functions().values()]
    return "".join(parts)
