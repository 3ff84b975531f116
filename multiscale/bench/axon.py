"""A Hodgkin-Huxley axon whose sodium and potassium concentrations change: shared by the benches ``hh_ions*``.

1001 compartments on 1000 um, 1 um diameter, 35.4 ohm cm, 1 uF/cm^2, 6.3 degrees Celsius, steps of 0.025 ms, 0.3 nA into
the first node from 1 ms on, which makes it fire every 12 ms. Sodium and potassium diffuse in the axon, the channels'
currents move them, and the reversal potentials follow; outside they are constant. The pump carries 3 sodium out and 2
potassium in.

The answer is not what the timed run ends with, near rest, but the state after 2.5 ms, with the first action potential
half way.
"""

from __future__ import annotations

from math import exp, pi
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.bench.measure import Measured, measure
from multiscale.bench.ourselves import our_version
from multiscale.bench.peers import (
    load_neuron,
    neuron_cable,
    neuron_start,
    neuron_steps,
    neuron_values,
    neuron_version,
)
from multiscale.bench.reference import cable_laplacian, integrate_cable
from multiscale.rxd.steppers.base import Stepper

LENGTH, NODES, DT, SHOT = 1000.0, 1001, 0.025, 2.5  # um, -, ms, ms
CELSIUS, THERMAL = 6.3, 0.08617333262145 * 279.45  # degC, RT/F in mV
NA_OUT, K_OUT = 140.0, 2.5  # mM
NA_IN, K_IN = NA_OUT * exp(-50 / THERMAL), K_OUT * exp(77 / THERMAL)  # mM, reversal at +50 and -77 mV
D_NA, D_K = 1.33, 1.96  # um^2/ms
PUMP, KM_NA, KM_K = 0.05, 10.0, 1.0  # pA/um^2, mM, mM
NAMES = ("potential (mV)", "sodium (mM)", "potassium (mM)")


def ours(steps: int, repeats: int, *, pump: bool, stepper: Stepper | None = None) -> list[Measured]:
    """Fire the axon with multiscale; without ``stepper``, with the one that is used by default."""
    from multiscale.electro.channels.hh import hh
    from multiscale.electro.stimuli import IClamp
    from multiscale.geometry import Cable
    from multiscale.model import Model
    from multiscale.processes import Current
    from multiscale.regions import Bath, Membrane, Region
    from multiscale.simulate import Simulation
    from multiscale.species import Species
    from multiscale.units import celsius, cm, mM, ms, mV, nA, ohm, pA, uF, um

    started = perf_counter()
    cyt = Region("cyt")
    plasma = Membrane(
        "plasma",
        inside=cyt,
        outside=Bath(na=NA_OUT * mM, k=K_OUT * mM),
        capacitance=1 * uF / cm**2,
        resistivity=35.4 * ohm * cm,
        initial=-65 * mV,
        temperature=celsius(CELSIUS),
    )
    na = Species("na", cyt, z=1, d=D_NA * um**2 / ms, initial=NA_IN * mM)
    k = Species("k", cyt, z=1, d=D_K * um**2 / ms, initial=K_IN * mM)
    processes = [*hh(plasma, na=na, k=k, leak=True)]
    if pump:
        cycle = PUMP * pA / um**2 * (K_OUT / (K_OUT + KM_K)) ** 2 * (na[cyt] / (na[cyt] + KM_NA * mM)) ** 3
        processes += [Current("pump_na", na, plasma, 3 * cycle), Current("pump_k", k, plasma, -2 * cycle)]
    model = Model(*processes, name="axon")
    cable = Cable(LENGTH * um, diameter=1 * um, n=NODES)
    stimulus = IClamp(cable(0), 0.3 * nA, start=1 * ms)

    def prepare() -> Simulation:
        return Simulation(model, cable, dt=DT * ms, stepper=stepper, record=(), stimuli=[stimulus])

    def shot(_: Simulation) -> dict[str, Any]:
        sim = prepare()
        sim.run(SHOT * ms)
        return dict(zip(NAMES, (sim.arrays["v"], sim.arrays["na.cyt"], sim.arrays["k.cyt"]), strict=True))

    order = f", {stepper.describe()}" if stepper else ""
    return [
        measure(
            started,
            prepare=prepare,
            run=lambda sim: sim.run(steps * DT * ms),
            answer=shot,
            repeats=repeats,
            version=our_version(),
            setting=f"dt {DT} ms{order}",
            updates=steps * NODES,
        )
    ]


def neuron(steps: int, repeats: int, *, pump: bool) -> list[Measured]:
    """Fire the axon with NEURON: ``hh`` of its own mod file, timed with its table of rates, compared without.

    The outside of the pump is made of parameters without charge: an rxd region there would double the current.
    """
    h, rxd = load_neuron(reactions=pump)
    started = perf_counter()
    axon = neuron_cable(h, LENGTH, NODES)
    axon.Ra, axon.cm, h.celsius = 35.4, 1, CELSIUS
    axon.insert("hh")
    stimulus = h.IClamp(axon(0))
    stimulus.delay, stimulus.dur, stimulus.amp = 1, 1e9, 0.3
    cyt = rxd.Region([axon], name="cyt", nrn_region="i")
    na = rxd.Species(cyt, name="na", charge=1, d=D_NA, initial=NA_IN)
    k = rxd.Species(cyt, name="k", charge=1, d=D_K, initial=K_IN)
    h.nao0_na_ion, h.ko0_k_ion = NA_OUT, K_OUT
    keep = []
    if pump:
        bath = rxd.Region([axon], name="bath", geometry=rxd.Shell(1, 2))
        na_out, k_out = rxd.Parameter(bath, name="na_out", value=NA_OUT), rxd.Parameter(bath, name="k_out", value=K_OUT)
        bound = na[cyt] / (na[cyt] + KM_NA)
        per_current = 602214.076 / 96.48533212  # molecules/um^2/ms for pA/um^2
        reaction = rxd.MultiCompartmentReaction(
            3 * na[cyt] + 2 * k_out[bath],
            3 * na_out[bath] + 2 * k[cyt],
            per_current * PUMP * (K_OUT / (K_OUT + KM_K)) ** 2 * (bound * bound * bound),
            membrane=rxd.Region([axon], name="plasma", geometry=rxd.membrane()),
            custom_dynamics=True,
            membrane_flux=True,
        )
        keep += [na_out, k_out, reaction]

    def prepare() -> None:
        h.usetable_hh = 1
        neuron_start(h, DT)

    def shot(_: None) -> dict[str, Any]:
        h.usetable_hh = 0
        neuron_start(h, DT)
        neuron_steps(h, round(SHOT / DT))
        return dict(zip(NAMES, ([segment.v for segment in axon], *neuron_values((na, k))), strict=True))

    return [
        measure(
            started,
            prepare=prepare,
            run=lambda _: neuron_steps(h, steps),
            answer=shot,
            repeats=repeats,
            version=neuron_version(),
            setting=f"dt {DT} ms, {'Na, K and the pump' if keep else 'Na and K'} in rxd",
            updates=steps * NODES,
        )
    ]


def reference(*, pump: bool) -> dict[str, NDArray[np.float64]]:
    """Integrate the same compartments with LSODA to 1e-8: v, m, h, n, na, k in each."""
    dx = LENGTH / NODES
    axial = 1e3 / 0.354 / 4  # nS: pi/4 um^2 / (0.354 mV um/nA) / (pi um), coupling per membrane area
    d = np.array([axial, 0, 0, 0, D_NA, D_K])

    def rate(t: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        v, m, h, n, na, k = values.T
        cycle = PUMP * (K_OUT / (K_OUT + KM_K)) ** 2 * (na / (na + KM_NA)) ** 3 if pump else 0 * na
        i_na = 1.2 * m**3 * h * (v - THERMAL * np.log(NA_OUT / na)) + 3 * cycle  # pA/um^2
        i_k = 0.36 * n**4 * (v - THERMAL * np.log(K_OUT / k)) - 2 * cycle
        gates = [opening * (1 - x) - closing * x for x, (opening, closing) in zip((m, h, n), hh_rates(v), strict=True)]
        flow = cable_laplacian(values, d, dx)
        flow[:, 0] -= i_na + i_k + 0.003 * (v + 54.3)
        if t >= 1:
            flow[0, 0] += 300 / (pi * dx)
        flow[:, 0] /= 0.01  # pF/um^2
        flow[:, 1:4] = np.array(gates).T
        flow[:, 4] -= 4 * i_na / 96.48533212
        flow[:, 5] -= 4 * i_k / 96.48533212
        return flow

    gates = [opening / (opening + closing) for opening, closing in hh_rates(np.array(-65.0))]
    initial = np.tile([-65.0, *gates, NA_IN, K_IN], (NODES, 1))
    end = integrate_cable(rate, initial, [1.0, SHOT], rtol=1e-8)
    return dict(zip(NAMES, (end[:, 0], end[:, 4], end[:, 5]), strict=True))


def hh_rates(v: NDArray[np.float64]) -> tuple[tuple[Any, Any], ...]:
    """Return opening and closing rates of m, h and n, 1/ms, at ``v`` in mV, any shape.

    Source: Hodgkin and Huxley (1952), J. Physiol. 117, 500, at 6.3 degrees Celsius, rest at -65 mV.
    """

    def vtrap(x: Any) -> Any:  # x / (exp(x) - 1), 1 at 0
        return np.where(np.abs(x) < 1e-7, 1 - x / 2, x / np.expm1(np.where(x == 0, 1, x)))

    return (
        (vtrap(-(v + 40) / 10), 4 * np.exp(-(v + 65) / 18)),
        (0.07 * np.exp(-(v + 65) / 20), 1 / (np.exp(-(v + 35) / 10) + 1)),
        (0.1 * vtrap(-(v + 55) / 10), 0.125 * np.exp(-(v + 65) / 80)),
    )
