"""Linear systems on a tree, solved in O(n) by elimination from the tips to the root.

Source: Hines (1984), Int. J. Bio-Med. Comput. 15, 69. All matrices here are symmetric: a positive diagonal and the
off-diagonal element ``-off[i]`` between node ``i`` and its parent. Nodes come in *runs*: consecutive indices in which
each node is the parent of the next, listed so that a run's own parent stands in an earlier run.
"""


def tree_factor(diag, off, parent, run_start, run_stop, dinv, fac):  # type: ignore[no-untyped-def]
    """Factorise the tree matrix; the factors serve any number of right-hand sides.

    Args:
        diag: main diagonal, shape (n,); overwritten.
        off: minus the matrix element between a node and its parent, shape (n,), not negative; unused at the root.
        parent: index of each node's parent, shape (n,), -1 at the root.
        run_start: first node of each run, shape (runs,).
        run_stop: one past the last node of each run, shape (runs,).
        dinv: holds the reciprocal pivots on return, shape (n,).
        fac: holds ``off / pivot`` on return, shape (n,).
    """
    for r in range(run_start.size - 1, -1, -1):
        start = run_start[r]
        d = diag[run_stop[r] - 1]
        for i in range(run_stop[r] - 1, start, -1):  # the pivot travels in a register down the run
            inv = 1.0 / d
            dinv[i] = inv
            fac[i] = off[i] * inv
            d = diag[i - 1] - off[i] * off[i] * inv
        inv = 1.0 / d
        dinv[start] = inv
        p = parent[start]
        if p >= 0:
            fac[start] = off[start] * inv
            diag[p] -= off[start] * fac[start]
        else:
            fac[start] = 0.0


def tree_solve(dinv, fac, parent, run_start, run_stop, rhs):  # type: ignore[no-untyped-def]
    """Solve with stored factors, one right-hand side, in place.

    Args:
        dinv: reciprocal pivots, shape (n,).
        fac: ``off / pivot``, shape (n,).
        parent: index of each node's parent, shape (n,), -1 at the root.
        run_start: first node of each run, shape (runs,).
        run_stop: one past the last node of each run, shape (runs,).
        rhs: right-hand side, shape (n,); holds the solution on return.
    """
    for r in range(run_start.size - 1, -1, -1):
        start = run_start[r]
        b = rhs[run_stop[r] - 1]
        for i in range(run_stop[r] - 1, start, -1):
            b = rhs[i - 1] + fac[i] * b
            rhs[i - 1] = b
        p = parent[start]
        if p >= 0:
            rhs[p] += fac[start] * b
    for r in range(run_start.size):
        start = run_start[r]
        p = parent[start]
        x = rhs[start] * dinv[start]
        if p >= 0:
            x += fac[start] * rhs[p]
        rhs[start] = x
        for i in range(start + 1, run_stop[r]):
            x = rhs[i] * dinv[i] + fac[i] * x
            rhs[i] = x


def tree_solve_4(dinv, fac, parent, run_start, run_stop, rhs):  # type: ignore[no-untyped-def]
    """Solve four systems of one tree side by side: the recurrence is bound by latency, so four cost little more than one.

    Args:
        dinv: reciprocal pivots, shape (4, n).
        fac: ``off / pivot``, shape (4, n).
        parent: index of each node's parent, shape (n,), -1 at the root.
        run_start: first node of each run, shape (runs,).
        run_stop: one past the last node of each run, shape (runs,).
        rhs: right-hand sides, shape (4, n); holds the solutions on return.
    """
    for r in range(run_start.size - 1, -1, -1):
        start = run_start[r]
        last = run_stop[r] - 1
        b0, b1, b2, b3 = rhs[0, last], rhs[1, last], rhs[2, last], rhs[3, last]
        for i in range(last, start, -1):
            b0 = rhs[0, i - 1] + fac[0, i] * b0
            b1 = rhs[1, i - 1] + fac[1, i] * b1
            b2 = rhs[2, i - 1] + fac[2, i] * b2
            b3 = rhs[3, i - 1] + fac[3, i] * b3
            rhs[0, i - 1] = b0
            rhs[1, i - 1] = b1
            rhs[2, i - 1] = b2
            rhs[3, i - 1] = b3
        p = parent[start]
        if p >= 0:
            rhs[0, p] += fac[0, start] * b0
            rhs[1, p] += fac[1, start] * b1
            rhs[2, p] += fac[2, start] * b2
            rhs[3, p] += fac[3, start] * b3
    for r in range(run_start.size):
        start = run_start[r]
        p = parent[start]
        x0, x1 = rhs[0, start] * dinv[0, start], rhs[1, start] * dinv[1, start]
        x2, x3 = rhs[2, start] * dinv[2, start], rhs[3, start] * dinv[3, start]
        if p >= 0:
            x0 += fac[0, start] * rhs[0, p]
            x1 += fac[1, start] * rhs[1, p]
            x2 += fac[2, start] * rhs[2, p]
            x3 += fac[3, start] * rhs[3, p]
        rhs[0, start], rhs[1, start], rhs[2, start], rhs[3, start] = x0, x1, x2, x3
        for i in range(start + 1, run_stop[r]):
            x0 = rhs[0, i] * dinv[0, i] + fac[0, i] * x0
            x1 = rhs[1, i] * dinv[1, i] + fac[1, i] * x1
            x2 = rhs[2, i] * dinv[2, i] + fac[2, i] * x2
            x3 = rhs[3, i] * dinv[3, i] + fac[3, i] * x3
            rhs[0, i] = x0
            rhs[1, i] = x1
            rhs[2, i] = x2
            rhs[3, i] = x3


def tree_factor_solve(diag, off, parent, run_start, run_stop, dinv, fac, rhs):  # type: ignore[no-untyped-def]
    """Factorise and solve in one pass, for a matrix that changes each step; arguments as in the two parts."""
    for r in range(run_start.size - 1, -1, -1):
        start = run_start[r]
        d = diag[run_stop[r] - 1]
        b = rhs[run_stop[r] - 1]
        for i in range(run_stop[r] - 1, start, -1):
            inv = 1.0 / d
            f = off[i] * inv
            dinv[i] = inv
            fac[i] = f
            d = diag[i - 1] - off[i] * off[i] * inv
            b = rhs[i - 1] + f * b
            rhs[i - 1] = b
        inv = 1.0 / d
        dinv[start] = inv
        p = parent[start]
        if p >= 0:
            f = off[start] * inv
            fac[start] = f
            diag[p] -= off[start] * f
            rhs[p] += f * b
        else:
            fac[start] = 0.0
    for r in range(run_start.size):
        start = run_start[r]
        p = parent[start]
        x = rhs[start] * dinv[start]
        if p >= 0:
            x += fac[start] * rhs[p]
        rhs[start] = x
        for i in range(start + 1, run_stop[r]):
            x = rhs[i] * dinv[i] + fac[i] * x
            rhs[i] = x
