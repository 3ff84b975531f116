"""The slow twin: the whole right-hand side with numpy and a sparse matrix, for any ODE solver of scipy.

Short, no splitting. Junctions are removed exactly (Schur complement of the zero-volume nodes), so that what remains is
an ODE.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from multiscale.rxd.edges import diagonal
from multiscale.rxd.lower import point_kernels
from multiscale.rxd.mesh import TreeMesh
from multiscale.rxd.system import System
from multiscale.rxd.targets.numpy_ref import run_kernel

Array = NDArray[np.float64]


def operator(mesh: TreeMesh, conductance: Array) -> sparse.csr_matrix:
    """``-K`` of the real nodes, shape (n, n): net flow into each node per unit of the field.

    Args:
        mesh: the tree.
        conductance: from each node to its parent, shape (n_total,).
    """
    total, n = mesh.n_total, mesh.n
    child = np.flatnonzero(mesh.parent >= 0)
    parent = mesh.parent[child]
    g = conductance[child]
    rows = np.concatenate([child, parent, np.arange(total)])
    cols = np.concatenate([parent, child, np.arange(total)])
    full = sparse.csr_matrix((np.concatenate([g, g, -diagonal(mesh, conductance)]), (rows, cols)), shape=(total, total))
    if total == n:
        return full
    inner = full[n:, n:].diagonal()
    inverse = sparse.diags(np.divide(1.0, inner, out=np.zeros_like(inner), where=inner != 0.0))
    return sparse.csr_matrix(full[:n, :n] - full[:n, n:] @ inverse @ full[n:, :n])


def right_hand_side(
    system: System, parameters: Array, inject: Callable[[float], Array] | None = None
) -> Callable[[float, Array], Array]:
    """``f(t, y)`` for the state y of the real nodes, flattened from shape (fields, n).

    Args:
        system: the model on its mesh.
        parameters: uniform parameters, base units.
        inject: time ms → current into each node, pA, shape (n,).
    """
    eqs, mesh = system.equations, system.mesh.tree
    n, count = mesh.n, len(system.fields)
    kernels = [(point_kernels(eqs, group.terms)[0], group.nodes) for group in system.groups]
    spread = [
        (int(r), operator(mesh, g), m[:n])
        for r, g, m in zip(system.diffusion.rows, system.diffusion.conductance, system.diffusion.mass, strict=True)
    ]
    cable = system.cable
    axial = operator(mesh, cable.axial) if cable is not None else None

    def f(t: float, flat: Array) -> Array:
        y = flat.reshape(count, n)
        out = np.zeros((count, n))
        for kernel, nodes in kernels:
            extra = {"e0": 0.0, "e1": 0.0, "e2": 0.0, "e3": 1.0}
            for (name, row), value in run_kernel(kernel, y, system.inputs, parameters, nodes, t=t, extra=extra).items():
                if name == "f":
                    out[row, nodes] = value
        for row, matrix, mass in spread:
            out[row] += np.divide(matrix @ y[row], mass, out=np.zeros(n), where=mass > 0)
        if cable is not None and axial is not None:
            flow = axial @ y[cable.row] + (inject(t) if inject is not None else 0.0)
            out[cable.row] = (out[cable.row] * cable.area[:n] + flow) / cable.capacitance[:n]
        return out.reshape(-1)

    return f
