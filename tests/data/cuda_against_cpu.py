"""Run by test_cuda.py with NUMBA_ENABLE_CUDASIM=1: prints the largest relative difference of CUDA and CPU kernels."""

import numpy as np

from multiscale.electro.channels.hh import hh
from multiscale.geometry import Cable
from multiscale.kernels import cache
from multiscale.kernels.header import header
from multiscale.model import Model
from multiscale.processes import Flux, Rate
from multiscale.regions import Membrane, Region
from multiscale.rxd import hines
from multiscale.rxd.equations import equations
from multiscale.rxd.lower import membrane_kernel, react_kernel
from multiscale.rxd.system import discretize, initial_values
from multiscale.rxd.targets import numba_cpu, numba_cuda
from multiscale.rxd.tree import discretize_geometry
from multiscale.species import Species, State
from multiscale.units import cm, mM, ms, mV, s, uF, uM, um

cyt, er = Region("cyt", fraction=0.83), Region("er", fraction=0.17)
plasma = Membrane("plasma", inside=cyt, capacitance=1 * uF / cm**2, initial=-60 * mV)
na = Species("na", cyt, z=1, initial=10 * mM)
ca = Species("ca", (cyt, er), initial={cyt: 0.5 * uM, er: 250 * uM})
h = State("h", cyt, initial=0.8)
model = Model(
    *hh(plasma),
    Flux("serca", ca[cyt], ca[er], 80 * uM / s * ca[cyt] ** 2 / ((0.2 * uM) ** 2 + ca[cyt] ** 2)),
    Rate("gate", h[cyt], (0.4 * uM / (0.4 * uM + ca[cyt]) - h[cyt]) / (2 * s)),
    Rate("drift", na[cyt], -na[cyt] / (100 * ms)),
)
eqs = equations(model)
system = discretize(eqs, discretize_geometry(Cable(50 * um, n=37)))
parameters = np.array([value for _, _, value in eqs.parameters] or [0.0])
state = initial_values(system, {name: value for name, _, value in eqs.parameters}, {})
state *= 1 + 0.1 * np.random.default_rng(1).random(state.shape)
group = system.groups[0]
moved = (eqs.row(na[cyt]),)
react, membrane = (
    react_kernel("react_0", eqs, group.terms, False),
    membrane_kernel("membrane_0", eqs, group.terms, moved),
)
assert react is not None
assert membrane is not None
n = state.shape[1]

cpu = cache.load(
    header(True) + numba_cpu.react_source(react, 64, True) + numba_cpu.membrane_source(membrane, 64, True)
)
kernels = numba_cuda.react_source(react) + numba_cuda.membrane_source(membrane) + numba_cuda.tree_source()
gpu = cache.load(numba_cuda.header() + kernels)
work = np.zeros(max(numba_cpu.work_size(k, 64) for k in (react, membrane)))
results = []
for target in ("cpu", "gpu"):
    y = state.copy()
    out = [np.zeros(n), np.zeros(n), np.zeros((1, n)), np.zeros((1, n))]
    if target == "cpu":
        assert cpu.react_0(y, system.inputs, parameters, group.nodes, work, 0.0, 0.5, 1.0) == 0
        cpu.membrane_0(y, system.inputs, parameters, group.nodes, work, 0.0, *out)
    else:
        status = np.zeros(n, dtype=np.int64)
        gpu.react_0[2, 32](y, system.inputs, parameters, group.nodes, 0.0, 0.5, 1.0, status)
        assert not status.any()
        gpu.membrane_0[2, 32](y, system.inputs, parameters, group.nodes, 0.0, *out)
    results.append([y, *out])


def tree_solutions() -> list[np.ndarray]:
    """Three right-hand sides on a branching tree, solved by plain Python and by one thread each."""
    parent = np.array([-1, 0, 1, 2, 1, 4])
    start, stop = np.array([0, 4]), np.array([4, 6])
    off = np.array([0.0, 0.5, 0.7, 0.2, 0.9, 0.4])
    dinv, fac = np.zeros((3, 6)), np.zeros((3, 6))
    for k in range(3):
        hines.tree_factor(np.full(6, 4.0 + k), off, parent, start, stop, dinv[k], fac[k])
    by_hand, by_threads = (np.random.default_rng(2).random((3, 6)) for _ in range(2))
    for k in range(3):
        hines.tree_solve(dinv[k], fac[k], parent, start, stop, by_hand[k])
    gpu.tree_solve_all[1, 32](dinv, fac, parent, start, stop, by_threads)
    return [by_hand, by_threads]


for pair, solution in zip(results, tree_solutions(), strict=True):
    pair.append(solution)
print(max(float(np.max(np.abs(a - b) / (np.abs(a) + 1e-300))) for a, b in zip(*results, strict=True)))
