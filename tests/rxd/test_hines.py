"""Tree elimination against dense solves, as plain Python and compiled."""

import numpy as np
import pytest

from multiscale.kernels.library import compiled
from multiscale.rxd import hines
from multiscale.rxd.solvers import SOLVERS


def random_tree(rng, n):
    """Nodes in depth-first order with their runs: parents come first, a run where the node before is the parent."""
    parent = np.array([-1] + [i - 1 if rng.random() < 0.7 else int(rng.integers(0, i)) for i in range(1, n)])
    starts = np.flatnonzero(parent != np.arange(n) - 1) if n > 1 else np.array([0])
    starts = np.union1d([0], starts)
    stops = np.append(starts[1:], n)
    return parent.astype(np.int64), starts.astype(np.int64), stops.astype(np.int64)


def matrix(parent, diag, off):
    a = np.diag(diag)
    for i, p in enumerate(parent):
        if p >= 0:
            a[i, p] = a[p, i] = -off[i]
    return a


def solvers():
    yield hines
    yield compiled(*SOLVERS)


@pytest.mark.parametrize("n", [1, 2, 7, 60])
@pytest.mark.parametrize("target", ["python", "compiled"])
def test_solution_equals_the_dense_one(n, target):
    solver = dict(zip(("python", "compiled"), solvers(), strict=True))[target]
    rng = np.random.default_rng(n)
    parent, start, stop = random_tree(rng, n)
    off = rng.uniform(0.1, 1, n)
    off[0] = 0.0
    diag = rng.uniform(0.5, 2, n) + off
    np.add.at(diag, parent[1:], off[1:])
    rhs = rng.normal(size=n)
    expected = np.linalg.solve(matrix(parent, diag, off), rhs)
    dinv, fac = np.zeros(n), np.zeros(n)
    solver.tree_factor(diag.copy(), off, parent, start, stop, dinv, fac)
    x = rhs.copy()
    solver.tree_solve(dinv, fac, parent, start, stop, x)
    # a diagonally dominant matrix: errors stay at a few round-offs
    np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-14)
    y = rhs.copy()
    solver.tree_factor_solve(diag.copy(), off, parent, start, stop, dinv, fac, y)
    np.testing.assert_allclose(y, x, rtol=1e-15, atol=0)
