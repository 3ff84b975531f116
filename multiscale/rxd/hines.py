"""Linear systems on a tree, solved in O(n) by elimination from the tips to the root.

Source: Hines (1984), Int. J. Bio-Med. Comput. 15, 69. All matrices here are symmetric: a positive diagonal and the
off-diagonal element ``-off[i]`` between node ``i`` and its parent. Nodes come in *runs*: consecutive indices in which
each node is the parent of the next, listed so that a run's own parent stands in an earlier run.
"""


def tree_factor(diag, off, parent, run_start, run_stop, dinv, fac):
    """Factorise the tree matrix; the factors serve any number of right-hand sides.

    The root's run is eliminated from both ends towards its middle: two independent chains, so that the processor need
    not wait for one division after the other.

    Args:
        diag: main diagonal, shape (n,); overwritten.
        off: minus the matrix element between a node and its parent, shape (n,), not negative; unused at the root.
        parent: index of each node's parent, shape (n,), -1 at the root.
        run_start: first node of each run, shape (runs,); run 0 holds the root.
        run_stop: one past the last node of each run, shape (runs,).
        dinv: holds the reciprocal pivots on return, shape (n,).
        fac: holds the coupling to the node eliminated next, over the pivot, on return, shape (n,).
    """
    for r in range(run_start.size - 1, 0, -1):
        start = run_start[r]
        d = diag[run_stop[r] - 1]
        for i in range(run_stop[r] - 1, start, -1):  # the pivot travels in a register down the run
            inv = 1.0 / d
            dinv[i] = inv
            fac[i] = off[i] * inv
            d = diag[i - 1] - off[i] * off[i] * inv
        inv = 1.0 / d
        dinv[start] = inv
        fac[start] = off[start] * inv
        diag[parent[start]] -= off[start] * fac[start]
    left, right = run_start[0], run_stop[0] - 1
    if (right - left) % 2 == 1:
        dinv[right] = 1.0 / diag[right]
        fac[right] = off[right] * dinv[right]
        diag[right - 1] -= off[right] * fac[right]
        right -= 1
    half = (right - left) // 2
    a, b = diag[left], diag[right]
    for j in range(half):
        i, k = left + j, right - j
        inv_a, inv_b = 1.0 / a, 1.0 / b
        dinv[i], dinv[k] = inv_a, inv_b
        fac[i], fac[k] = off[i + 1] * inv_a, off[k] * inv_b
        a = diag[i + 1] - off[i + 1] * off[i + 1] * inv_a
        b = diag[k - 1] - off[k] * off[k] * inv_b
    middle = left + half
    dinv[middle] = 1.0 / (a + b - diag[middle])
    fac[middle] = 0.0


def tree_solve(dinv, fac, parent, run_start, run_stop, rhs):
    """Solve with stored factors, one right-hand side, in place.

    Args:
        dinv: reciprocal pivots, shape (n,).
        fac: coupling over pivot, shape (n,), both from `tree_factor`.
        parent: index of each node's parent, shape (n,), -1 at the root.
        run_start: first node of each run, shape (runs,).
        run_stop: one past the last node of each run, shape (runs,).
        rhs: right-hand side, shape (n,); holds the solution on return.
    """
    for r in range(run_start.size - 1, 0, -1):
        start = run_start[r]
        b = rhs[run_stop[r] - 1]
        for i in range(run_stop[r] - 1, start, -1):
            b = rhs[i - 1] + fac[i] * b
            rhs[i - 1] = b
        rhs[parent[start]] += fac[start] * b
    left, right = run_start[0], run_stop[0] - 1
    if (right - left) % 2 == 1:
        rhs[right - 1] += fac[right] * rhs[right]
        right -= 1
    half = (right - left) // 2
    middle = left + half
    a, b, own = rhs[left], rhs[right], rhs[middle]
    for j in range(half):
        i, k = left + j, right - j
        a = rhs[i + 1] + fac[i] * a
        b = rhs[k - 1] + fac[k] * b
        rhs[i + 1] = a
        rhs[k - 1] = b
    rhs[middle] = a + b - own
    tree_descend(dinv, fac, parent, run_start, run_stop, rhs)


def tree_descend(dinv, fac, parent, run_start, run_stop, rhs):
    """Back substitution: the root's run from its middle to both ends, then the others to the tips; see `tree_solve`."""
    left, right = run_start[0], run_stop[0] - 1
    odd = (right - left) % 2 == 1
    if odd:
        right -= 1
    half = (right - left) // 2
    middle = left + half
    a = rhs[middle] * dinv[middle]
    b = a
    rhs[middle] = a
    for j in range(1, half + 1):
        i, k = middle - j, middle + j
        a = rhs[i] * dinv[i] + fac[i] * a
        b = rhs[k] * dinv[k] + fac[k] * b
        rhs[i] = a
        rhs[k] = b
    if odd:
        rhs[right + 1] = rhs[right + 1] * dinv[right + 1] + fac[right + 1] * rhs[right]
    for r in range(1, run_start.size):
        start = run_start[r]
        x = rhs[start] * dinv[start] + fac[start] * rhs[parent[start]]
        rhs[start] = x
        for i in range(start + 1, run_stop[r]):
            x = rhs[i] * dinv[i] + fac[i] * x
            rhs[i] = x


def tree_factor_solve(diag, off, parent, run_start, run_stop, dinv, fac, rhs):
    """Factorise and solve in one pass, for a matrix that changes each step; arguments as in the two parts."""
    for r in range(run_start.size - 1, 0, -1):
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
        f = off[start] * inv
        dinv[start] = inv
        fac[start] = f
        diag[parent[start]] -= off[start] * f
        rhs[parent[start]] += f * b
    left, right = run_start[0], run_stop[0] - 1
    if (right - left) % 2 == 1:
        dinv[right] = 1.0 / diag[right]
        fac[right] = off[right] * dinv[right]
        diag[right - 1] -= off[right] * fac[right]
        rhs[right - 1] += fac[right] * rhs[right]
        right -= 1
    half = (right - left) // 2
    middle = left + half
    d, e = diag[left], diag[right]
    a, b, own = rhs[left], rhs[right], rhs[middle]
    for j in range(half):
        i, k = left + j, right - j
        inv_d, inv_e = 1.0 / d, 1.0 / e
        dinv[i], dinv[k] = inv_d, inv_e
        f, g = off[i + 1] * inv_d, off[k] * inv_e
        fac[i], fac[k] = f, g
        d = diag[i + 1] - off[i + 1] * off[i + 1] * inv_d
        e = diag[k - 1] - off[k] * off[k] * inv_e
        a = rhs[i + 1] + f * a
        b = rhs[k - 1] + g * b
        rhs[i + 1] = a
        rhs[k - 1] = b
    dinv[middle] = 1.0 / (d + e - diag[middle])
    fac[middle] = 0.0
    rhs[middle] = a + b - own
    tree_descend(dinv, fac, parent, run_start, run_stop, rhs)
