"""A number that a user wrote, with or without units, as a float in base units."""

import math
from typing import Any

import numpy as np
import sympy

from multiscale.errors import ModelError, UnitError
from multiscale.units import Dimension, dimension_of, dimension_text, has_units, to_base


def in_base(value: Any, unit: sympy.Expr, what: str) -> float:
    """The value as a float in base units; a bare number is in base units already; infinite is allowed.

    Args:
        value: number, or expression of numbers and units.
        unit: an expression of the expected dimension, for example ``ms``.
        what: object and quantity, for messages.

    Raises:
        UnitError: the dimension is another one. ModelError: it is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number | sympy.Expr):
        raise ModelError(f"{what} is {value!r}, expected a number with or without units; give one")
    if has_units(value):
        found, expected = _dimension(value, what), _dimension(unit, what)
        if found is not None and found != expected:
            raise UnitError(
                f"{what} is '{value}' of dimension {dimension_text(found)}, expected {dimension_text(expected or ())}; "
                f"write it in {unit}"
            )
    number = to_base(value, what) if isinstance(value, sympy.Expr) else float(value)
    if math.isnan(number):
        raise ModelError(f"{what} is nan, expected a number; check how it was computed")
    return number


def positive(value: Any, unit: sympy.Expr, what: str) -> float:
    """Like `in_base`, finite and above 0."""
    number = in_base(value, unit, what)
    if not (number > 0 and math.isfinite(number)):
        raise ModelError(f"{what} is {number:g}, expected a finite number above 0; give one in {unit}")
    return number


def _dimension(value: sympy.Expr, what: str) -> Dimension | None:
    def no_symbol(symbol: sympy.Symbol) -> Dimension:
        raise UnitError(f"{what} is '{value}' and contains '{symbol}', expected a number with units; give a number")

    return dimension_of(value, no_symbol, what)
