"""Threads that run one compiled function together, and the barrier at which they meet, printed into generated files.

Each thread calls the function with its number; in it they wait for each other at `agree`. No library for threads is
needed: numba lets go of Python's lock. The barrier counts arrivals; the last one clears the counter and raises the
generation for which the others look, at first without a pause, then giving the processor away between looks, so that
more threads than free processors only cost time. (Sense reversal: Hensgen, Finkel and Manber 1988.)
"""

import os
import platform
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np

GATE = 32  # where in the shared array the first thread says that it has begun; the barrier uses what lies before
LOOKS = 500  # before the processor is given away: some 10 us, the longest that sections of equal work differ by
SYNC = 64  # length of the shared array

_ATOMIC = """
@intrinsic
def _atomic_load(typingctx, array, at):
    def codegen(context, builder, signature, args):
        place = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(place, [args[1]]), "acquire", 8)
    return types.int64(array, types.intp), codegen


@intrinsic
def _atomic_store(typingctx, array, at, value):
    def codegen(context, builder, signature, args):
        place = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store_atomic(args[2], builder.gep(place, [args[1]]), "release", 8)
        return context.get_dummy_value()
    return types.void(array, types.intp, types.int64), codegen


@intrinsic
def _atomic_add(typingctx, array, at, value):
    def codegen(context, builder, signature, args):
        place = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", builder.gep(place, [args[1]]), args[2], "acq_rel")
    return types.int64(array, types.intp, types.int64), codegen
"""

_CALL = """

@intrinsic
def {name}(typingctx):
    def codegen(context, builder, signature, args):
        {body}
        return context.get_dummy_value()
    return types.void(), codegen
"""

_MEET = """

@JIT
def _until_changed(sync, at, value):
    looks = 0
    while _atomic_load(sync, at) == value:
        looks += 1
        if looks < LOOKS:
            _pause()
        else:
            _yield()


@JIT
def agree(sync, threads, flag):
    if threads == 1:
        return flag
    generation = _atomic_load(sync, 8)
    if flag != 0:
        _atomic_add(sync, 16 + 8 * (generation & 1), flag)
    if _atomic_add(sync, 0, 1) == threads - 1:
        # all have left the meeting before, so that none reads its sum any more
        _atomic_store(sync, 24 - 8 * (generation & 1), 0)
        _atomic_store(sync, 0, 0)
        _atomic_store(sync, 8, generation + 1)
    else:
        _until_changed(sync, 8, generation)
    return _atomic_load(sync, 16 + 8 * (generation & 1))


@JIT
def enter(sync, tid):
    if tid == 0:
        _atomic_store(sync, GATE, 1)
        return True
    _until_changed(sync, GATE, 0)
    return _atomic_load(sync, GATE) == 1
"""

_PLAIN = """
def agree(sync, threads, flag):
    return flag


def enter(sync, tid):
    return True
"""


def agree(sync: Any, threads: int, flag: int) -> int:
    """Wait for all threads; returns the sum of their flags. The plain twin, for one thread.

    Args:
        sync: int64 array of length `SYNC`, zeros before the first call, shared by the threads.
        threads: their number.
        flag: any whole number.
    """
    return flag


def barrier(jit: bool) -> str:
    """Text of `agree`, and of ``enter(sync, tid) -> bool``: whether the first thread has begun, and not given up."""
    if not jit:
        return _PLAIN
    hint = {"x86_64": "x86.sse2.pause", "amd64": "x86.sse2.pause"}.get(platform.machine().lower())
    pause = _calling(f"llvm.{hint}", "ir.VoidType()") if hint else "pass"
    give_way = pause if sys.platform == "win32" else _calling("sched_yield", "ir.IntType(32)")
    calls = _CALL.format(name="_pause", body=pause) + _CALL.format(name="_yield", body=give_way)
    return _ATOMIC + calls + _MEET.replace("GATE", str(GATE)).replace("LOOKS", str(LOOKS))


def _calling(name: str, kind: str) -> str:
    function = f"cgutils.get_or_insert_function(builder.module, ir.FunctionType({kind}, []), {name!r})"
    return f"builder.call({function}, [])"


def processors() -> int:
    """Number of processors that this process may use; a container's limit counts where it can be read."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or no limit ("max")
        return count


def idle_processors() -> int:
    """Processors that nobody else keeps busy, at least 1: threads that must meet lose by sharing one with others."""
    count = processors()
    if not hasattr(os, "getloadavg"):
        return count
    return max(1, count - int(os.getloadavg()[0] + 0.25))


class Team:
    """Threads that run compiled functions together; the caller's is the first of them, the others wait in between.

    Attributes:
        size: their number.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._others: ThreadPoolExecutor | None = None
        self._process = 0
        self._known: Callable[..., Any] | None = None

    def run(self, function: Callable[..., Any], arguments: tuple[Any, ...], idle: tuple[Any, ...]) -> Any:
        """Call ``function(*arguments, tid, size, sync)`` in all threads; returns what the first one returns.

        Ctrl-C waits until all have returned: the first one is in compiled code, where no signal is looked at, and if it
        never got there, the others turn back at the gate.

        Args:
            function: compiled; begins with `enter`.
            arguments: of the function, the same for all threads.
            idle: arguments of the same types with which it does nothing, so that one thread alone compiles it.
        """
        sync = np.zeros(SYNC, dtype=np.int64)
        if self.size == 1:
            return function(*arguments, 0, 1, sync)
        if self._known is not function:
            function(*idle, 0, 1, sync.copy())
            self._known = function
        others = self._executor()
        futures: list[Future[Any]] = []
        try:
            for tid in range(1, self.size):
                futures.append(others.submit(function, *arguments, tid, self.size, sync))  # noqa: PERF401 (half a list)
            result = function(*arguments, 0, self.size, sync)
        finally:
            if sync[GATE] == 0:
                sync[GATE] = -1
            wait(futures)
        for future in futures:
            future.result()
        return result

    def _executor(self) -> ThreadPoolExecutor:
        if self._others is None or self._process != os.getpid():  # threads do not survive a fork
            self._others, self._process = ThreadPoolExecutor(self.size - 1, "multiscale"), os.getpid()
        return self._others
