"""A leak: constant conductance to a constant reversal potential."""

from sympy.logic.boolalg import Boolean

from multiscale.processes import Current, Process
from multiscale.regions import Membrane
from multiscale.symbols import Quantity
from multiscale.units import cm, mS, mV


def passive(
    membrane: Membrane,
    g: Quantity = 1 * mS / cm**2,
    e: Quantity = -70 * mV,
    where: Boolean | None = None,
    name: str = "passive",
) -> tuple[Process, ...]:
    """A passive conductance.

    Args:
        membrane: a membrane with a potential.
        g: conductance, nS/um**2.
        e: reversal potential, mV.
        where: the places that have it.
        name: name of the current.
    """
    return (Current(name, None, membrane, g * (membrane.v - e), where),)
