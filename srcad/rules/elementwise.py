"""Rules of NumPy's elementwise functions: their partial derivatives, in terms of y where that is cheaper."""

from __future__ import annotations

import math

import numpy as np

from srcad import runtime
from srcad.rules.registry import A, adjoint, alias, available, elementwise, ex, linear, singular, symbolic
from srcad.rules.shapes import conjugate, is_boolean, is_none, known, number, part, seems_complex

over = symbolic(runtime.over)
wins = symbolic(runtime.wins)
sinc_slope = symbolic(runtime.sinc_slope)
power_slope = symbolic(runtime.power_slope)
power_log = symbolic(runtime.power_log)

POSITIVE = (0.5, 2.0)
UNIT = (-0.9, 0.9)


# ---------------------------------------------------------------------------------------------------------------
# Exponentials and logarithms

elementwise(np.exp, lambda y, x: y)
elementwise(np.exp2, lambda y, x: math.log(2) * y)
elementwise(np.expm1, lambda y, x: y + 1)
singular(np.log, lambda v, y, x: over(v, x), domain=POSITIVE)
singular(np.log2, lambda v, y, x: over(v, math.log(2) * x), domain=POSITIVE)
singular(np.log10, lambda v, y, x: over(v, math.log(10) * x), domain=POSITIVE)
singular(np.log1p, lambda v, y, x: over(v, 1 + x), domain=UNIT)
elementwise(np.logaddexp, lambda y, x1, x2: np.exp(x1 - y), lambda y, x1, x2: np.exp(x2 - y))
elementwise(np.logaddexp2, lambda y, x1, x2: np.exp2(x1 - y), lambda y, x1, x2: np.exp2(x2 - y))


def nonzero(d):
    """d, with 1 in place of 0: for a quotient 0 / d that is to be 0."""
    return d + (d == 0)


# ---------------------------------------------------------------------------------------------------------------
# Trigonometric and hyperbolic functions

def arccosh_root(x):
    """The root of x**2 - 1 on the branch of `np.arccosh`, of which the derivative is its inverse."""
    return np.sqrt(x - 1) * np.sqrt(x + 1) if seems_complex(x) else np.sqrt(x * x - 1)


elementwise(np.sin, lambda y, x: np.cos(x))
elementwise(np.cos, lambda y, x: -np.sin(x))
elementwise(np.tan, lambda y, x: 1 + y * y, domain=(-1.2, 1.2))
singular(np.arcsin, lambda v, y, x: over(v, np.sqrt(1 - x * x)), domain=UNIT)
singular(np.arccos, lambda v, y, x: -over(v, np.sqrt(1 - x * x)), domain=UNIT)
elementwise(np.arctan, lambda y, x: 1 / (1 + x * x))
elementwise(
    np.arctan2,
    lambda y, x1, x2: x2 / nonzero(x1 * x1 + x2 * x2),
    lambda y, x1, x2: -x1 / nonzero(x1 * x1 + x2 * x2),
    domain=POSITIVE,
)
elementwise(np.sinh, lambda y, x: np.cosh(x))
elementwise(np.cosh, lambda y, x: np.sinh(x))
elementwise(np.tanh, lambda y, x: 1 - y * y)
elementwise(np.arcsinh, lambda y, x: 1 / np.sqrt(1 + x * x))
singular(np.arccosh, lambda v, y, x: over(v, arccosh_root(x)), domain=(1.5, 3.0))
singular(np.arctanh, lambda v, y, x: over(v, 1 - x * x), domain=UNIT)
elementwise(np.sinc, lambda y, x: sinc_slope(x), examples=[ex(A(3)), ex(np.array([0.0, 1e-9, 1e-3]))])
for degrees in (np.degrees, np.rad2deg):
    elementwise(degrees, lambda y, x: 180 / np.pi)
for radians in (np.radians, np.deg2rad):
    elementwise(radians, lambda y, x: np.pi / 180)
for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
    alias(getattr(np, "arc" + name), *available(np, "a" + name))
alias(np.arctan2, *available(np, "atan2"))

# ---------------------------------------------------------------------------------------------------------------
# Powers and roots


def power_base(y, x, p):
    """The derivative of x**p by x, in the cheapest form that a known exponent allows."""
    n = number(p)
    if n is None:
        return power_slope(x, p)
    if n in (0, 1):
        return n
    if n == 2:
        return 2 * x
    if n == 3:
        return 3 * x * x
    if n == 0.5:
        return 0.5 / y
    if n == -1:
        return -y * y
    if n < 0:
        return n * y / x
    return n * x ** (n - 1)


def power_exponent(y, x, p):
    """The derivative of x**p by p."""
    base = number(x)
    return power_log(y, x) if base is None or base <= 0 else y * math.log(base)


EXPONENTS = [ex(A(3, low=-2.0, high=2.0), n) for n in (0, 1, 2, 3, 4, -1, -2.0)] + [
    ex(A(3, low=0.5, high=2.0), 0.5), ex(A(3, low=0.5, high=2.0), 1.5), ex(2.0, A(3)),
    ex(A(2, 3, low=0.5, high=2.0), A(3)), ex(A(2, 1, low=0.5, high=2.0), A(3)), ex(A(low=0.5, high=2.0), A()),
    ex(A(3), np.array([0, 1, 2])), ex(np.array([0.0, 0.0, 0.0]), np.array([0, 1, 2])), ex(0.0, A(2, low=0.5, high=1.0)),
]  # fmt: skip

elementwise(np.power, power_base, power_exponent, examples=EXPONENTS)
elementwise(np.float_power, power_base, power_exponent, examples=EXPONENTS)
singular(np.sqrt, lambda v, y, x: over(0.5 * v, y), domain=POSITIVE)
singular(np.cbrt, lambda v, y, x: over(v, 3 * y * y), domain=POSITIVE, examples=[ex(A(3, low=-2.0, high=-0.5))])
elementwise(np.square, lambda y, x: 2 * x)
singular(np.reciprocal, lambda v, y, x: -over(v, x * x), domain=POSITIVE)
elementwise(
    np.hypot,
    lambda y, x1, x2: x1 / nonzero(y),
    lambda y, x1, x2: x2 / nonzero(y),
)
alias(np.power, *available(np, "pow"))

# ---------------------------------------------------------------------------------------------------------------
# Arithmetic

elementwise(np.add, lambda y, x1, x2: 1, lambda y, x1, x2: 1)
elementwise(np.subtract, lambda y, x1, x2: 1, lambda y, x1, x2: -1)
elementwise(np.multiply, lambda y, x1, x2: x2, lambda y, x1, x2: x1)
elementwise(np.divide, lambda y, x1, x2: 1 / x2, lambda y, x1, x2: -y / x2, domain=POSITIVE)
elementwise(np.negative, lambda y, x: -1)
elementwise(np.positive, lambda y, x: 1)
elementwise(np.remainder, lambda y, x1, x2: 1, lambda y, x1, x2: -(x1 // x2), domain=((-5.0, 5.0), (0.5, 2.0)))
elementwise(np.fmod, lambda y, x1, x2: 1, lambda y, x1, x2: np.rint((y - x1) / x2), domain=((-5.0, 5.0), (0.5, 2.0)))
elementwise(
    np.ldexp, lambda y, x1, x2: np.ldexp(np.ones_like(x1), x2), None,
    examples=[
        ex(A(3), 2), ex(A(2, 3), np.array([1, -2, 0])),
    ],
)  # fmt: skip
elementwise(np.nextafter, lambda y, x1, x2: 1, None)
alias(np.divide, np.true_divide)
alias(np.remainder, np.mod)


@adjoint(np.modf, jvp=lambda dots, y, x: (dots[0], 0 * y[1]), examples=[ex(A()), ex(A(2, 3)), ex(A(0))])
def modf_vjp(y_bar, y, x):
    return part(y_bar, 0)


@adjoint(np.frexp, jvp=lambda dots, y, x: (np.ldexp(dots[0], -y[1]), 0 * y[1]), examples=[ex(A()), ex(A(2, 3))])
def frexp_vjp(y_bar, y, x):
    return np.ldexp(part(y_bar, 0), -y[1])


# ---------------------------------------------------------------------------------------------------------------
# Signs and parts

elementwise(np.absolute, lambda y, x: np.conj(x) / nonzero(y) if seems_complex(x) else np.sign(x))
elementwise(np.fabs, lambda y, x: np.sign(x))
elementwise(np.copysign, lambda y, x1, x2: np.sign(x1) * np.copysign(1, x2), None)
elementwise(
    np.heaviside, None, lambda y, x1, x2: x1 == 0,
    examples=[
        ex(np.array([-1.0, 0.0, 2.0]), A(3)), ex(A(2), 0.5),
    ],
)  # fmt: skip
elementwise(np.nan_to_num, lambda y, x, *, nan=0.0, posinf=None, neginf=None: np.isfinite(x))
elementwise(np.real_if_close, lambda y, a, tol=100: 1)


# ---------------------------------------------------------------------------------------------------------------
# Parts of complex numbers


def real_vjp(y_bar, y, val):
    return y_bar


def conjugate_vjp(y_bar, y, x):
    return conjugate(y_bar, x)


def imag_vjp(y_bar, y, val):
    return 1j * y_bar if seems_complex(val) else 0.0 * val


linear(np.real, examples=[ex(A(3)), ex(A())])(real_vjp)
linear(np.conjugate, examples=[ex(A(3)), ex(A())])(conjugate_vjp)
linear(np.imag, examples=[ex(A(3)), ex(A())])(imag_vjp)


def angle_jvp(dots, y, z, deg=False):
    if not seems_complex(z):
        return 0.0 * dots[0]
    return np.imag(dots[0] * np.conj(angle_slope(z, deg)))


def angle_slope(z, deg):
    """The direction in which the angle of z grows fastest, turned back by a quarter; 0 for 0."""
    square = np.abs(z) ** 2
    return (180 / np.pi if known(deg) else 1) * z / nonzero(square)


@adjoint(np.angle, jvp=angle_jvp, examples=[ex(A(3)), ex(A(), deg=True)])
def angle_vjp(y_bar, y, z, deg=False):
    return 1j * y_bar * angle_slope(z, deg) if seems_complex(z) else 0.0 * z


for number_type in (np.complex64, np.complex128):

    @linear(number_type, examples=[ex(A())] if number_type is np.complex128 else [])
    def complex_type_vjp(y_bar, y, real, /):
        return y_bar


# ---------------------------------------------------------------------------------------------------------------
# Choices


def is_greater(x, z):
    """The derivative of `np.maximum(x, z)` by x: 1 or 0, and where they tie a half, or a plain number wins.

    So that of `np.maximum(x, 0)` is `x > 0`, as one writes it by hand.
    """
    if (number(x) is None) == (number(z) is None):
        return wins(x, z)
    return x > z if number(x) is None else x >= z


def is_less(x, z):
    """The derivative of `np.minimum(x, z)` by x."""
    if (number(x) is None) == (number(z) is None):
        return wins(z, x)
    return x < z if number(x) is None else x <= z


TIES = [
    ex(A(3), 0.0), ex(0.0, A(3)), ex(A(2, 3), A(3)), ex(A(2, 1), A(3)), ex(A(), A()), ex(A(0), 1.0),
]  # fmt: skip
elementwise(np.maximum, lambda y, x1, x2: is_greater(x1, x2), lambda y, x1, x2: is_greater(x2, x1), examples=TIES)
elementwise(np.minimum, lambda y, x1, x2: is_less(x1, x2), lambda y, x1, x2: is_less(x2, x1), examples=TIES)


def or_missing(partial, z):
    """`partial`, or 1 where z is NaN and is passed over."""
    return partial if number(z) is not None else partial + np.isnan(z)


elementwise(
    np.fmax,
    lambda y, x1, x2: or_missing(is_greater(x1, x2), x2),
    lambda y, x1, x2: or_missing(is_greater(x2, x1), x1),
    examples=[*TIES, ex(A(2), np.array([np.nan, 0.0]))],
)
elementwise(
    np.fmin,
    lambda y, x1, x2: or_missing(is_less(x1, x2), x2),
    lambda y, x1, x2: or_missing(is_less(x2, x1), x1),
    examples=[*TIES, ex(np.array([np.nan, 0.0]), A(2))],
)


def clip_partial(y, a, a_min=None, a_max=None):
    if is_none(a_min) and is_none(a_max):
        return 1
    if is_none(a_min) or is_none(a_max) or (number(a_min) is not None and number(a_max) is not None):
        return y == a
    return (a_min <= a) & (a <= a_max)


def clip_lower(y, a, a_min=None, a_max=None):
    return a < a_min if is_none(a_max) else (a < a_min) & (a_min <= a_max)


def clip_upper(y, a, a_min=None, a_max=None):
    return a > a_max if is_none(a_min) else (a > a_max) | (a_min > a_max)


elementwise(
    np.clip, clip_partial, clip_lower, clip_upper, synonyms={"min": "a_min", "max": "a_max"},
    examples=[
        ex(A(5), -0.5, 0.5), ex(A(5), None, 0.5), ex(A(5), a_min=0.1, a_max=None),
        ex(A(2, 3), A(3, low=-1.0, high=-0.5), 0.5),
        ex(A(2, 3), A(2, 1, low=-1.0, high=-0.5), A(3, low=0.2, high=1.0)), ex(A(), -0.1, 0.1), ex(A(0), 0.0, 1.0),
        ex(A(4), 1.0, np.array([0.0, 0.5, 1.5, 2.0])),
    ],
)  # fmt: skip


def where_true(y, condition, x1=None, x2=None):
    """1 where `np.where` takes x1: the condition as it is if it is known to be boolean."""
    return condition if is_boolean(condition) else condition != 0


def where_false(y, condition, x1=None, x2=None):
    return ~condition if is_boolean(condition) else condition == 0


def still(x):
    return 0.0 if number(x) is not None else np.zeros_like(x)


def where_jvp(dots, y, condition, x1=None, x2=None):
    """What is not chosen stays out, an infinity or NaN, too."""
    return np.where(condition, *(still(x) if dot is None else dot for x, dot in zip((x1, x2), dots[1:])))


elementwise(
    np.where, None, where_true, where_false, jvp=where_jvp,
    examples=[
        ex(np.array([True, False, True]), A(3), A(3)), ex(np.array([[1], [0]]), A(3), A(2, 1)), ex(True, A(), A()),
        ex(np.array([True, False]), A(), 0.0), ex(np.zeros(0, bool), A(0), 1.0), ex(True, A(2), 0.0),
    ],
)  # fmt: skip
