"""A delayed rectifier potassium current of hippocampal pyramidal cells.

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


def k(
    membrane: Membrane,
    k: Species | None = None,
    gbar: Quantity = 5 * mS / cm**2,
    ek: Quantity = -90 * mV,
    vt: Quantity = -58 * mV,
    where: Boolean | None = None,
    name: str = "k",
) -> tuple[Process, ...]:
    """Delayed rectifier channels, gate ``name.n`` (fourth power).

    Args:
        membrane: a membrane with a potential; rates are those at 36 degrees Celsius, with a Q10 of 3.
        k: potassium; its live Nernst potential is then used and the current moves it. Otherwise `ek` is.
        gbar: conductance, nS/um**2.
        ek: reversal potential where `k` is not given, mV.
        vt: shift of all voltages, mV; more negative lowers the threshold.
        where: the places that have the channels.
        name: first part of all names.
    """
    v = membrane.v
    u = (v - vt) / mV
    q10 = 3 ** ((membrane.temperature - celsius(36)) / (10 * K)) / ms
    a, b = 0.032 * vtrap(15 - u, 5), 0.5 * exp((10 - u) / 40)
    n = State(f"{name}.n", membrane, initial=a / (a + b))
    reversal = ek if k is None else k.nernst(membrane)
    return (
        Rate(f"{name}.n", n, q10 * (a * (1 - n) - b * n), where),
        Current(name, k, membrane, gbar * n**4 * (v - reversal), where),
    )
