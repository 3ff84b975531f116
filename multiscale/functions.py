"""Functions for formulas: sympy's own, under one roof with ours.

``exp``, ``log``, ... build expressions; nothing here computes a number.
"""

from sympy import Abs, Max, Min, acos, asin, atan, cos, cosh, exp, log, sin, sinh, sqrt, tan, tanh

from multiscale.symbols import exprel, select, vtrap

__all__ = [
    "Abs",
    "Max",
    "Min",
    "acos",
    "asin",
    "atan",
    "cos",
    "cosh",
    "exp",
    "exprel",
    "log",
    "select",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "vtrap",
]
