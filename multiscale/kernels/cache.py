"""Generated source as files named by the hash of their text, so that numba can cache what it compiles from them.

An index beside them maps the hash of a kernel's inputs (equations and code generator) to its file, so that a second run
needs neither sympy's work nor the compiler.
"""

import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from multiscale.errors import CompileError


def cache_folder() -> Path:
    """Folder of generated files: ``MULTISCALE_CACHE`` if set, else the user's cache folder, else a temporary one."""
    chosen = os.environ.get("MULTISCALE_CACHE")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "multiscale-rxd"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError:
        pass
    fallback = Path(tempfile.gettempdir()) / f"multiscale-rxd-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback


def digest(text: str) -> str:
    """First 32 hexadecimal digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def source_digest() -> str:
    """Hash of the code generator itself: a change in it makes every earlier generated file unused."""
    package = Path(__file__).parents[1]
    files = sorted(f for room in ("kernels", "rxd") for f in (package / room).rglob("*.py"))
    return digest("".join(digest(f.read_text(encoding="utf-8")) for f in files))


def lookup(key: str) -> str | None:
    """Source that was generated for `key` before, or None."""
    index = cache_folder() / f"{key}.key"
    if not index.is_file():
        return None
    name = index.read_text(encoding="ascii").strip()
    path = cache_folder() / f"k{name}.py"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    return text if digest(text) == name else None  # a file that was touched is made anew


def store(key: str, text: str) -> None:
    """Write source and index; each by a temporary file and a rename, so that parallel runs never see half a file."""
    name = digest(text)
    _write(cache_folder() / f"k{name}.py", text)
    _write(cache_folder() / f"{key}.key", name)


def load(text: str) -> ModuleType:
    """Import generated source from its file.

    Raises:
        CompileError: ``MULTISCALE_EXPECT_WARM=1`` is set and the file is new.
    """
    name = f"k{digest(text)}"
    path = cache_folder() / f"{name}.py"
    if not path.is_file():
        _write(path, text)
    module_name = f"multiscale_generated_{name}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise CompileError(f"kernel: cannot import the generated file '{path.name}'; check the folder {path.parent}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # numba finds the functions of a cached file through its module
    spec.loader.exec_module(module)
    return module


def expect_warm() -> bool:
    """Whether the caller's environment says that nothing may be generated or compiled any more."""
    return os.environ.get("MULTISCALE_EXPECT_WARM", "") == "1"


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(temporary).replace(path)
