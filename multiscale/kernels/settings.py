"""What numba reads before its first import; every kernel target imports this first. The user's own settings win."""

import os

# fastmath without `reassoc`: reassociation silently breaks the rounding trick in the printed exp
FASTMATH = ("contract", "nsz", "arcp")

os.environ.setdefault("NUMBA_SLP_VECTORIZE", "0")
os.environ.setdefault("NUMBA_LOOP_VECTORIZE", "1")


def jit_enabled() -> bool:
    """Whether numba compiles (``NUMBA_DISABLE_JIT`` is not set)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
