"""Plain functions as one generated file, compiled once a machine: the solvers and the voxelizers.

The text is copied from their modules, so that each kernel is written once and can be read, tested and run as plain
Python. The file's name is the hash of its text, and other kernels import it under that name: numba's cache, which does
not notice edits in other files, cannot go stale.
"""

import ast
from pathlib import Path
from types import ModuleType

from multiscale.kernels import barrier, cache, prelude
from multiscale.kernels import header as head
from multiscale.kernels.header import header
from multiscale.kernels.settings import jit_enabled


def functions(modules: tuple[ModuleType, ...]) -> dict[str, str]:
    """Name → source of every top-level function of some modules, in the order given: callees' modules come first."""
    return {name: source for module in modules for name, source in _functions(_text(module)).items()}


def _text(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def _functions(text: str) -> dict[str, str]:
    """Name → source of the top-level functions of a file; read from the text, so that it belongs to the text's hash."""
    lines = text.splitlines(keepends=True)
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: "".join(lines[node.lineno - 1 : node.end_lineno]).rstrip() + "\n" for node in nodes}


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
    texts = [_text(module) for module in (*modules, prelude, barrier, head)]
    key = cache.digest(f"library 2 {jit} " + " ".join(map(cache.digest, texts)))
    text = cache.lookup(key)
    if text is None:
        text = library_source(modules, jit)
        cache.store(key, text)
    return cache.load(text)
