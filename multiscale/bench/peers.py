"""Loading the peers: absent ones become one sentence that says how to get them.

NEURON and libRoadRunner crash each other inside one process, so a worker process loads at most one of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from multiscale.bench.measure import PeerError


def load_neuron(*, reactions: bool) -> tuple[Any, Any]:
    """Return NEURON's ``h`` and ``rxd``.

    Args:
        reactions: whether the model has rxd reactions, which NEURON compiles with a C++ compiler at every start.
    """
    try:
        from neuron import h, rxd
    except ImportError:
        raise PeerError(
            "peer 'neuron' is not installed, expected in this environment; run `pip install neuron`"
        ) from None
    compiler = os.environ.get("CXX", "g++").split()[0]
    if reactions and shutil.which(compiler) is None:
        raise PeerError(
            f"peer 'neuron' finds no C++ compiler '{compiler}', which its rxd needs for reactions; "
            "install g++ or set CXX to a compiler"
        )
    h.load_file("stdrun.hoc")
    h.cvode_active(0)
    return h, rxd


def neuron_version() -> str:
    """Return program and version of the NEURON that is installed."""
    return f"neuron {version('neuron')}"


def neuron_cable(h: Any, length: float, nodes: int, diameter: float = 1.0) -> Any:
    """Return one unbranched NEURON section.

    Args:
        h: NEURON's interpreter object.
        length: um.
        nodes: number of segments.
        diameter: um.
    """
    section = h.Section(name="cable")
    section.L, section.nseg, section.diam = length, nodes, diameter
    return section


def neuron_start(h: Any, dt: float, v: float = -65.0) -> None:
    """Set all states to their initial values at t = 0, with the fixed step ``dt`` (ms) and potential ``v`` (mV)."""
    h.dt = dt
    h.steps_per_ms = 1 / dt
    h.finitialize(v)


def neuron_steps(h: Any, steps: int) -> None:
    """Advance a fixed number of steps with as little interpreter work as NEURON allows (one call)."""
    context = h.ParallelContext()
    context.set_maxstep(10.0)
    context.psolve(h.t + steps * h.dt)


def neuron_values(species: Sequence[Any]) -> list[list[float]]:
    """Return the concentrations of each species, one list of nodes a species."""
    return [list(one.nodes.concentration) for one in species]


def load_roadrunner() -> Any:
    """Return the module ``roadrunner``."""
    try:
        import roadrunner
    except ImportError:
        raise PeerError(
            "peer 'roadrunner' is not installed, expected in this environment; run `pip install libroadrunner`"
        ) from None
    return roadrunner


def roadrunner_version() -> str:
    """Return program and version of the libRoadRunner that is installed."""
    return f"libroadrunner {version('libroadrunner')}"
