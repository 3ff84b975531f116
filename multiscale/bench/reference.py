"""Converged answers from scipy, independent of both sides: exact in time on the same nodes, or close to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cell_centres(length: float, nodes: int) -> Array:
    """Return the centres of equal nodes on a cable, um, shape (nodes,)."""
    return np.asarray((np.arange(nodes) + 0.5) * (length / nodes), dtype=np.float64)


def diffuse_exactly(initial: Array, d: float, length: float, duration: float) -> Array:
    """Diffuse on a closed cable of equal nodes without any error in time: each cosine mode decays on its own.

    Args:
        initial: concentration, mM, shape (nodes,).
        d: um^2/ms.
        length: um.
        duration: ms.

    Returns:
        Concentration at the end, mM, shape (nodes,).
    """
    from scipy.fft import dct, idct

    nodes = initial.size
    dx = length / nodes
    decay = d * (2 * np.sin(np.pi * np.arange(nodes) / (2 * nodes)) / dx) ** 2  # 1/ms, eigenvalues of -d * Laplacian
    return np.asarray(idct(dct(initial) * np.exp(-decay * duration)), dtype=np.float64)


def cable_laplacian(values: Array, d: Array, dx: float) -> Array:
    """Return d * d2u/dx2 on a closed cable of equal nodes.

    Args:
        values: shape (nodes, fields).
        d: one diffusion constant a field, um^2/ms, shape (fields,).
        dx: um.

    Returns:
        Rate of change, shape (nodes, fields).
    """
    flow = np.diff(values, axis=0) * (d / dx**2)
    rate = np.zeros_like(values)
    rate[:-1] += flow
    rate[1:] -= flow
    return rate


def integrate_cable(
    rate: Callable[[float, Array], Array], initial: Array, stops: Sequence[float], rtol: float
) -> Array:
    """Integrate all nodes of a cable together, with LSODA and a banded Jacobian.

    Args:
        rate: ``rate(t, values)`` of values of shape (nodes, fields); a node sees its neighbours only.
        initial: values at t = 0, shape (nodes, fields).
        stops: times at which the rate jumps, and last the end, ms.
        rtol: relative tolerance; the absolute one is 1e-4 of it.

    Returns:
        Values at the end, shape (nodes, fields).
    """
    from scipy.integrate import solve_ivp

    nodes, fields = initial.shape
    values, begin = initial.ravel(), 0.0
    for end in stops:
        solution = solve_ivp(
            lambda t, y: rate(t, y.reshape(nodes, fields)).ravel(),
            (begin, np.nextafter(end, begin)),  # the jump at the end belongs to the next piece
            values,
            method="LSODA",
            rtol=rtol,
            atol=1e-4 * rtol,
            lband=fields,
            uband=fields,
            t_eval=[np.nextafter(end, begin)],
        )
        values, begin = solution.y[:, -1], end
    return values.reshape(nodes, fields)
