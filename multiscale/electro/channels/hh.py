"""Sodium, potassium and leak currents of the squid axon.

Source: Hodgkin and Huxley (1952), J. Physiol. 117, 500; potentials shifted to a rest of -65 mV and temperature scaled
with a Q10 of 3 from 6.3 degrees Celsius, as usual.
"""

from sympy.logic.boolalg import Boolean

from multiscale.functions import exp, vtrap
from multiscale.processes import Current, Process, Rate
from multiscale.regions import Membrane
from multiscale.species import Species, State
from multiscale.symbols import Quantity
from multiscale.units import K, celsius, cm, mS, ms, mV


def hh(
    membrane: Membrane,
    na: Species | None = None,
    k: Species | None = None,
    leak: bool = True,
    gnabar: Quantity = 120 * mS / cm**2,
    gkbar: Quantity = 36 * mS / cm**2,
    gl: Quantity = 0.3 * mS / cm**2,
    el: Quantity = -54.3 * mV,
    ena: Quantity = 50 * mV,
    ek: Quantity = -77 * mV,
    where: Boolean | None = None,
    name: str = "hh",
) -> tuple[Process, ...]:
    """Hodgkin-Huxley channels; gates ``name.m``, ``name.h``, ``name.n`` start at their steady state.

    Args:
        membrane: a membrane with a potential; its temperature sets the speed of the gates.
        na: sodium; its live Nernst potential is then used and the current moves it. Otherwise `ena` is.
        k: potassium, likewise with `ek`.
        leak: whether the leak is part of it.
        gnabar: sodium conductance, nS/um**2.
        gkbar: potassium conductance, nS/um**2.
        gl: leak conductance, nS/um**2.
        el: reversal potential of the leak, mV.
        ena: reversal potential of sodium where `na` is not given, mV.
        ek: reversal potential of potassium where `k` is not given, mV.
        where: the places that have the channels.
        name: first part of all names.
    """
    v = membrane.v
    q10 = 3 ** ((membrane.temperature - celsius(6.3)) / (10 * K)) / ms
    rates = {
        "m": (0.1 * vtrap(-(v + 40 * mV) / mV, 10), 4 * exp(-(v + 65 * mV) / (18 * mV))),
        "h": (0.07 * exp(-(v + 65 * mV) / (20 * mV)), 1 / (exp(-(v + 35 * mV) / (10 * mV)) + 1)),
        "n": (0.01 * vtrap(-(v + 55 * mV) / mV, 10), 0.125 * exp(-(v + 65 * mV) / (80 * mV))),
    }
    gates = {gate: State(f"{name}.{gate}", membrane, initial=a / (a + b)) for gate, (a, b) in rates.items()}
    m, h, n = gates.values()
    open_na, open_k = gnabar * m**3 * h, gkbar * n**4
    na_reversal = ena if na is None else na.nernst(membrane)
    k_reversal = ek if k is None else k.nernst(membrane)
    kinetics = (
        Rate(f"{name}.{gate}", state, q10 * (a * (1 - state) - b * state), where)
        for (gate, state), (a, b) in zip(gates.items(), rates.values(), strict=True)
    )
    return (
        *kinetics,
        Current(f"{name}.na", na, membrane, open_na * (v - na_reversal), where),
        Current(f"{name}.k", k, membrane, open_k * (v - k_reversal), where),
        *((Current(f"{name}.leak", None, membrane, gl * (v - el), where),) if leak else ()),
    )
