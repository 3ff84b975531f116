"""A high-voltage activated (L-type) calcium current with Goldman-Hodgkin-Katz permeation.

Source: gates of Kay and Wong (1987), J. Physiol. 392, 603 (CA1 pyramidal cells), as second power, in the form of Traub,
Wong, Miles and Michelson (1991), J. Neurophysiol. 66, 635; permeation by Goldman (1943) and Hodgkin and Katz (1949).
The rates are used at body temperature as they stand, as in Traub's models; models that take those of Kay and Wong to
hold at 21 degrees Celsius have a gate about five times faster at body temperature.
"""

from sympy.logic.boolalg import Boolean

from multiscale.functions import exp, vtrap
from multiscale.processes import Current, Process, Rate
from multiscale.regions import Membrane
from multiscale.species import Species, State
from multiscale.symbols import Quantity
from multiscale.units import K, celsius, cm, ms, mV, s


def cal(
    membrane: Membrane,
    ca: Species,
    pbar: Quantity = 1e-4 * cm / s,
    where: Boolean | None = None,
    name: str = "cal",
) -> tuple[Process, ...]:
    """L-type calcium channels, gate ``name.m`` (second power).

    Args:
        membrane: a membrane with a potential; rates are those at 35 degrees Celsius, with a Q10 of 3.
        ca: calcium (z = 2), with a concentration on both sides of the membrane; the current moves it.
        pbar: permeability with all channels open, um/ms.
        where: the places that have the channels.
        name: first part of all names.
    """
    v = membrane.v
    q10 = 3 ** ((membrane.temperature - celsius(35)) / (10 * K)) / ms
    a = 1.6 / (1 + exp(-0.072 * (v / mV - 5)))
    b = 0.02 * vtrap(v / mV + 8.9, 5)
    m = State(f"{name}.m", membrane, initial=a / (a + b))
    return (
        Rate(f"{name}.m", m, q10 * (a * (1 - m) - b * m), where),
        Current(name, ca, membrane, m**2 * ca.ghk(membrane, pbar), where),
    )
