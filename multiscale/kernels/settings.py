"""What numba reads before its first import; every kernel target imports this first. The user's own settings win."""

import os

# fastmath without `reassoc`: reassociation silently breaks the rounding trick in the printed exp
FASTMATH = ("contract", "nsz", "arcp")

# kernels on voxels write out the four lanes of a quad: only this pass puts them into one register (8 → 4.5 ns a voxel)
os.environ.setdefault("NUMBA_SLP_VECTORIZE", "1")
os.environ.setdefault("NUMBA_LOOP_VECTORIZE", "1")


def vectorizers() -> str:
    """The vectorisers that are on; part of every generated text, as numba's own cache does not notice them."""
    return " ".join(f"{name}={os.environ[name]}" for name in ("NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE"))


def jit_enabled() -> bool:
    """Whether numba compiles (``NUMBA_DISABLE_JIT`` is not set)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
