"""What the benches need to know about our own side."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def our_version() -> str:
    """Return program and version of multiscale."""
    try:
        return f"multiscale {version('multiscale-rxd')}"
    except PackageNotFoundError:
        return "multiscale (not installed)"
