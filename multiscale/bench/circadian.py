"""The circadian clock of Drosophila, stated once for every side: multiscale, NEURON, libRoadRunner and scipy.

Ten species: PER and TIM messengers (MP, MT), proteins with 0, 1 and 2 phosphates (P0..P2, T0..T2), their complex in the
cytosol and in the nucleus (C, CN). Source: Leloup, Gonze and Goldbeter (1999), J. Biol. Rhythms 14, 433, with
degradation constants of 0.01 per hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NAMES = ("MP", "P0", "P1", "P2", "MT", "T0", "T1", "T2", "C", "CN")
SBML_IDS = tuple(f"y{letter}" for letter in "abcdefghij")  # sympy's MathML would print a digit as a subscript
INITIAL_NM = (0.0614368, 0.0169928, 0.0141356, 0.0614368, 0.0860342, 0.0217261, 0.0213384, 0.0145428, 0.207614, 1.34728)


def rates(values: Sequence[Any], nM: Any = 1.0, hour: Any = 1.0) -> tuple[Any, ...]:
    """Return d(values)/dt from anything that can be added and multiplied: arrays, sympy symbols, rxd species.

    Args:
        values: the ten concentrations in the order of ``NAMES``.
        nM: the unit of concentration that constants are written in.
        hour: the unit of time.

    Returns:
        The ten rates, concentration per time.
    """
    MP, P0, P1, P2, MT, T0, T1, T2, C, CN = values
    kd = 0.01 / hour

    def saturating(v: float, k: float, x: Any) -> Any:
        return v * nM / hour * x / (k * nM + x)

    repression = 1 / (1 + (CN / nM) * (CN / nM) * (CN / nM) * (CN / nM))  # K_IP = K_IT = 1 nM, n = 4
    p01 = saturating(8, 2, P0) - saturating(1, 2, P1)
    p12 = saturating(8, 2, P1) - saturating(1, 2, P2)
    t01 = saturating(8, 2, T0) - saturating(1, 2, T1)
    t12 = saturating(8, 2, T1) - saturating(1, 2, T2)
    binding = 1.2 / (nM * hour) * P2 * T2 - 0.6 / hour * C
    import_ = 0.8 / hour * C - 0.2 / hour * CN
    return (
        1.1 * nM / hour * repression - saturating(1.0, 0.2, MP) - kd * MP,
        0.9 / hour * MP - p01 - kd * P0,
        p01 - p12 - kd * P1,
        p12 - binding - saturating(2.2, 0.2, P2) - kd * P2,
        1.0 * nM / hour * repression - saturating(0.7, 0.2, MT) - kd * MT,
        0.9 / hour * MT - t01 - kd * T0,
        t01 - t12 - kd * T1,
        t12 - binding - saturating(3.0, 0.2, T2) - kd * T2,
        binding - import_ - kd * C,
        import_ - kd * CN,
    )


def clock_model(initial: Sequence[Any]) -> Any:
    """Return the clock as a model in the region ``cyt``, with units.

    Args:
        initial: the ten initial concentrations in nM; numbers or expressions of the position.
    """
    from multiscale.model import Model
    from multiscale.processes import Rate
    from multiscale.regions import Region
    from multiscale.species import Species
    from multiscale.units import hour, nM

    cyt = Region("cyt")
    species = [Species(name, cyt, initial=value * nM) for name, value in zip(NAMES, initial, strict=True)]
    fields = [one[cyt] for one in species]
    changes = zip(NAMES, fields, rates(fields, nM, hour), strict=True)
    return Model(*(Rate(f"d{name}", field, rate) for name, field, rate in changes), name="circadian clock")


def clock_sbml() -> str:
    """Return the clock as SBML level 3 with one rate rule a species, in nM and hours (the units are not written)."""
    import sympy
    from sympy.printing.mathml import mathml

    symbols = sympy.symbols(SBML_IDS)
    parameters = "".join(
        f'<parameter id="{name}" value="{value!r}" constant="false"/>'
        for name, value in zip(SBML_IDS, INITIAL_NM, strict=True)
    )
    rules = "".join(
        f'<rateRule variable="{name}"><math xmlns="http://www.w3.org/1998/Math/MathML">{mathml(rate)}</math></rateRule>'
        for name, rate in zip(SBML_IDS, rates(symbols), strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="clock">'
        f"<listOfParameters>{parameters}</listOfParameters><listOfRules>{rules}</listOfRules></model></sbml>"
    )
