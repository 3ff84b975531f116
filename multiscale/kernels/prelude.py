"""Elementary functions as text that is printed into every generated file, so that numba vectorises them.

numba's wheels ship no vector math, and a call of ``math.exp`` keeps a loop scalar. exp: argument reduced by multiples
of ln 2 in two parts (Cody and Waite 1980), degree-11 near-minimax polynomial (Chebyshev interpolation on
[-ln2/2, ln2/2], relative error 3e-18 before rounding), exponent added to the bits; 1 ulp. log: mantissa in
[sqrt(1/2), sqrt(2)), atanh series in s = (m-1)/(m+1) as a polynomial of degree 7 in s^2 (error 3e-19).
"""

EXP_COEFFICIENTS = (
    2.5114882786996687342e-8, 2.7632655759332030799e-7, 2.755722491836886848e-6, 2.4801485438447380967e-5,
    1.9841269909260645948e-4, 1.3888888952356136183e-3, 8.3333333333095065775e-3, 4.1666666666487938476e-2,
    1.666666666666670245e-1, 5.000000000000018406e-1, 1.0, 1.0,
)  # fmt: skip
LOG_COEFFICIENTS = (
    6.5436264396929603106e-2, 6.6343544298458534001e-2, 7.6931211462452718907e-2, 9.0908977942021408533e-2,
    1.1111111196122121478e-1, 1.4285714285400511689e-1, 2.0000000000000440859e-1, 3.3333333333333333232e-1,
)  # fmt: skip
EXPREL_COEFFICIENTS = (-1.0 / 1209600.0, 1.0 / 30240.0, -1.0 / 720.0, 1.0 / 12.0)  # of x^8, x^6, x^4, x^2


def _horner(variable: str, coefficients: tuple[float, ...]) -> str:
    text = repr(coefficients[0])
    for c in coefficients[1:]:
        text = f"({text} * {variable} + {c!r})"
    return text


_COMMON = f'''
def _select(c, a, b):
    return a if c else b


def _min(a, b):
    return a if (a < b) | (a != a) else b


def _max(a, b):
    return a if (a > b) | (a != a) else b


def _abs(x):
    return abs(x)


def _sign(x):
    return _select(x > 0.0, 1.0, _select(x < 0.0, -1.0, 0.0))


def _exprel(x):
    """x / (exp(x) - 1); its Taylor series near 0."""
    q = x * x
    near = 1.0 - 0.5 * x + q * {_horner("q", EXPREL_COEFFICIENTS)}
    small = _abs(x) < 0.1
    y = _select(small, 1.0, x)
    return _select(small, near, y / (_exp(y) - 1.0))


def _exprel_of(x, e):
    """x / (e - 1) with e = exp(x) given; the Taylor series near 0."""
    q = x * x
    near = 1.0 - 0.5 * x + q * {_horner("q", EXPREL_COEFFICIENTS)}
    return _select(_abs(x) < 0.1, near, x / (e - 1.0))


def _dexprel(x):
    """Derivative of x / (exp(x) - 1); its Taylor series near 0."""
    q = x * x
    near = -0.5 + x * (1.0 / 6.0 + q * (-1.0 / 180.0 + q * (1.0 / 5040.0 - q / 151200.0)))
    small = _abs(x) < 0.1
    y = _select(small, 1.0, x)
    e = _exp(y)
    d = 1.0 / (e - 1.0)
    return _select(small, near, d - y * e * d * d)
'''

_MATH = "".join(
    f"\n\ndef _{name}(x):\n    return math.{call}(x)\n"
    for name, call in (
        ("sqrt", "sqrt"), ("tanh", "tanh"), ("sin", "sin"), ("cos", "cos"), ("tan", "tan"), ("atan", "atan"),
        ("asin", "asin"), ("acos", "acos"), ("sinh", "sinh"), ("cosh", "cosh"), ("floor", "floor"), ("ceil", "ceil"),
        ("erf", "erf"), ("gamma", "gamma"),
    )
)  # fmt: skip

_PLAIN_EXP = """
def _exp(x):
    return math.exp(min(max(x, -708.0), 709.0))


def _log(x):
    return math.log(x) if x > 0.0 else math.nan


def _pow(x, y):
    return x ** y if x > 0.0 else (0.0 if x == 0.0 and y > 0.0 else math.nan)
"""

_LOG_SERIES = _horner("q", LOG_COEFFICIENTS)

_BIT_EXP = f"""
@intrinsic
def _bits(typingctx, x):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(types.int64))
    return types.int64(types.float64), codegen


@intrinsic
def _float(typingctx, x):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(types.float64))
    return types.float64(types.int64), codegen


@JIT
def _exp(x):
    x = x + 0.0
    c = -708.0 if x < -708.0 else (709.0 if x > 709.0 else x)
    z = c * 1.4426950408889634 + 6755399441055744.0
    n = z - 6755399441055744.0
    r = (c - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    e = {_horner("r", EXP_COEFFICIENTS)}
    return _float(_bits(e) + (_bits(z) << 52))


@JIT
def _log(x):
    x = x + 0.0
    b = _bits(x)
    e = (b - 4604544271217802189) >> 52
    m = _float(b - (e << 52))
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    n = float(e)
    y = n * 0.693147180369123816490 + (2.0 * s + (2.0 * s * q * {_LOG_SERIES} + n * 1.90821492927058770002e-10))
    return y if x > 0.0 else math.nan


@JIT
def _pow(x, y):
    positive = _exp(y * _log(x))
    return positive if x > 0.0 else (0.0 if x == 0.0 and y > 0.0 else math.nan)
"""


def elementary(jit: bool, decorator: str) -> str:
    """Text of all elementary functions.

    Args:
        jit: with the bit tricks that need the compiler; otherwise the math module.
        decorator: the line to put before each function, for example ``@JIT``.
    """
    head = _BIT_EXP if jit else _decorated(_PLAIN_EXP, decorator)
    return head + _decorated(_COMMON, decorator) + _decorated(_MATH, decorator)


def _decorated(text: str, decorator: str) -> str:
    return text.replace("\ndef _", f"\n{decorator}\ndef _") if decorator else text
