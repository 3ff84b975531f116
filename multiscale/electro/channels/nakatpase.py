"""The sodium-potassium pump: three sodium out and two potassium in for each ATP.

Source: saturation with the third power of sodium inside and the second power of potassium outside as in Kager,
Wadman and Somjen (2000), J. Neurophysiol. 84, 495.
"""

from sympy.logic.boolalg import Boolean

from multiscale.processes import Current, Process
from multiscale.regions import Membrane
from multiscale.species import Species
from multiscale.symbols import Quantity
from multiscale.units import cm, mM, uA


def nakatpase(
    membrane: Membrane,
    na: Species,
    k: Species,
    imax: Quantity = 10 * uA / cm**2,
    km_na: Quantity = 10 * mM,
    km_k: Quantity = 3.5 * mM,
    where: Boolean | None = None,
    name: str = "nakatpase",
) -> tuple[Process, ...]:
    """Na/K pump as an outward sodium current ``name.na`` and an inward potassium current ``name.k`` in ratio 3 : 2.

    Args:
        membrane: a membrane with a potential, inside which sodium lives; potassium needs a concentration outside.
        na: sodium.
        k: potassium.
        imax: net (outward) pump current at saturation, pA/um**2.
        km_na: half saturation by sodium inside, mM.
        km_k: half saturation by potassium outside, mM.
        where: the places that have the pump.
        name: first part of both names.
    """
    inside, outside = na[membrane.inside], k[membrane.outside]
    pump = imax * (inside / (inside + km_na)) ** 3 * (outside / (outside + km_k)) ** 2
    return (Current(f"{name}.na", na, membrane, 3 * pump, where), Current(f"{name}.k", k, membrane, -2 * pump, where))
