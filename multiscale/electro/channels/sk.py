"""Small-conductance calcium-activated potassium current.

Source: calcium dependence of Koehler et al. (1996), Science 273, 1709 (Hill coefficient about 4, half activation
0.3-0.7 uM); speed of Hirschberg et al. (1998), J. Gen. Physiol. 111, 565 (a few ms).
"""

from sympy.logic.boolalg import Boolean

from multiscale.processes import Current, Process, Rate
from multiscale.regions import Membrane
from multiscale.species import Species, State
from multiscale.symbols import Quantity
from multiscale.units import cm, mS, ms, mV, uM


def sk(
    membrane: Membrane,
    ca: Species,
    k: Species | None = None,
    gbar: Quantity = 0.5 * mS / cm**2,
    kd: Quantity = 0.5 * uM,
    tau: Quantity = 5 * ms,
    ek: Quantity = -77 * mV,
    where: Boolean | None = None,
    name: str = "sk",
) -> tuple[Process, ...]:
    """SK channels: open fraction ``name.z`` relaxes to ``ca**4 / (ca**4 + kd**4)``, whatever the potential.

    Args:
        membrane: a membrane with a potential.
        ca: calcium; its concentration inside opens the channels.
        k: potassium; its live Nernst potential is then used and the current moves it. Otherwise `ek` is.
        gbar: conductance, nS/um**2.
        kd: calcium concentration of half activation, mM.
        tau: time constant, ms.
        ek: reversal potential where `k` is not given, mV.
        where: the places that have the channels.
        name: first part of all names.
    """
    inside = ca[membrane.inside]
    steady = inside**4 / (inside**4 + kd**4)
    z = State(f"{name}.z", membrane, initial=steady)
    reversal = ek if k is None else k.nernst(membrane)
    return (
        Rate(f"{name}.z", z, (steady - z) / tau, where),
        Current(name, k, membrane, gbar * z * (membrane.v - reversal), where),
    )
