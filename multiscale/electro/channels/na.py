"""A fast, inactivating sodium current of hippocampal pyramidal cells.

Source: Traub and Miles (1991), Neuronal Networks of the Hippocampus, Cambridge University Press; in the form with a
threshold shift of Pospischil et al. (2008), Biol. Cybern. 99, 427.
"""

from sympy.logic.boolalg import Boolean

from multiscale.functions import exp, vtrap
from multiscale.processes import Current, Process, Rate
from multiscale.regions import Membrane
from multiscale.species import Species, State
from multiscale.symbols import Quantity
from multiscale.units import K, celsius, cm, mS, ms, mV


def na(
    membrane: Membrane,
    na: Species | None = None,
    gbar: Quantity = 50 * mS / cm**2,
    ena: Quantity = 50 * mV,
    vt: Quantity = -58 * mV,
    where: Boolean | None = None,
    name: str = "na",
) -> tuple[Process, ...]:
    """Transient sodium channels, gates ``name.m`` (third power) and ``name.h``.

    Args:
        membrane: a membrane with a potential; rates are those at 36 degrees Celsius, with a Q10 of 3.
        na: sodium; its live Nernst potential is then used and the current moves it. Otherwise `ena` is.
        gbar: conductance, nS/um**2.
        ena: reversal potential where `na` is not given, mV.
        vt: shift of all voltages, mV; more negative lowers the threshold.
        where: the places that have the channels.
        name: first part of all names.
    """
    v = membrane.v
    u = (v - vt) / mV
    q10 = 3 ** ((membrane.temperature - celsius(36)) / (10 * K)) / ms
    rates = {
        "m": (0.32 * vtrap(13 - u, 4), 0.28 * vtrap(u - 40, 5)),
        "h": (0.128 * exp((17 - u) / 18), 4 / (1 + exp((40 - u) / 5))),
    }
    gates = {gate: State(f"{name}.{gate}", membrane, initial=a / (a + b)) for gate, (a, b) in rates.items()}
    kinetics = (
        Rate(f"{name}.{gate}", state, q10 * (a * (1 - state) - b * state), where)
        for (gate, state), (a, b) in zip(gates.items(), rates.values(), strict=True)
    )
    reversal = ena if na is None else na.nernst(membrane)
    return (*kinetics, Current(name, na, membrane, gbar * gates["m"] ** 3 * gates["h"] * (v - reversal), where))
