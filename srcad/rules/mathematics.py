"""Rules of the module `math` and of the builtin functions on numbers.

Their partials are in terms of `math` again: on Python's floats NumPy's functions are ten times slower.
"""

from __future__ import annotations

import builtins
import functools
import math
import operator

import numpy as np

from srcad import runtime
from srcad.core.nodes import Attribute, Call, IfExp, List, Tuple, Undecided, lift
from srcad.rules.elementwise import EXPONENTS, power_base, power_exponent
from srcad.rules.registry import (
    A, adjoint, available, constant, elementwise, ex, has_symbol, is_symbol, linear, rule, sequence_rule, symbolic,
)  # fmt: skip
from srcad.rules.shapes import (
    is_none, number, part, rank, rank_if_known, seems_complex, shape, spread,
)  # fmt: skip

cos, sin, cosh, sinh = map(symbolic, (math.cos, math.sin, math.cosh, math.sinh))
exp, log, sqrt, copysign = map(symbolic, (math.exp, math.log, math.sqrt, math.copysign))
digamma = symbolic(runtime.digamma)
trigamma = symbolic(runtime.trigamma)
length = symbolic(len)
product_of_others = symbolic(runtime.product_of_others)
scatter = symbolic(runtime.scatter)
unbroadcast = symbolic(runtime.unbroadcast)

POSITIVE = (0.5, 2.0)
UNIT = (-0.9, 0.9)

# ---------------------------------------------------------------------------------------------------------------
# math

elementwise(math.exp, lambda y, x: y)
elementwise(math.expm1, lambda y, x: y + 1)
elementwise(math.log1p, lambda y, x: 1 / (1 + x), domain=UNIT)
elementwise(math.log2, lambda y, x: 1 / (math.log(2) * x), domain=POSITIVE)
elementwise(math.log10, lambda y, x: 1 / (math.log(10) * x), domain=POSITIVE)
elementwise(math.sqrt, lambda y, x: 0.5 / y, domain=POSITIVE)
elementwise(math.sin, lambda y, x: cos(x))
elementwise(math.cos, lambda y, x: -sin(x))
elementwise(math.tan, lambda y, x: 1 + y * y, domain=(-1.2, 1.2))
elementwise(math.asin, lambda y, x: 1 / sqrt(1 - x * x), domain=UNIT)
elementwise(math.acos, lambda y, x: -1 / sqrt(1 - x * x), domain=UNIT)
elementwise(math.atan, lambda y, x: 1 / (1 + x * x))
elementwise(math.atan2, lambda y, a, b: b / (a * a + b * b), lambda y, a, b: -a / (a * a + b * b), domain=POSITIVE)
elementwise(math.sinh, lambda y, x: cosh(x))
elementwise(math.cosh, lambda y, x: sinh(x))
elementwise(math.tanh, lambda y, x: 1 - y * y)
elementwise(math.asinh, lambda y, x: 1 / sqrt(1 + x * x))
elementwise(math.acosh, lambda y, x: 1 / sqrt(x * x - 1), domain=(1.5, 3.0))
elementwise(math.atanh, lambda y, x: 1 / (1 - x * x), domain=UNIT)
elementwise(math.degrees, lambda y, x: 180 / math.pi)
elementwise(math.radians, lambda y, x: math.pi / 180)
elementwise(math.erf, lambda y, x: 2 / math.sqrt(math.pi) * exp(-x * x))
elementwise(math.erfc, lambda y, x: -2 / math.sqrt(math.pi) * exp(-x * x))
elementwise(math.gamma, lambda y, x: y * digamma(x), domain=(0.5, 8.0), examples=[ex(A(low=-2.8, high=-2.2))])
elementwise(math.lgamma, lambda y, x: digamma(x), domain=(0.5, 8.0), examples=[ex(A(low=-2.8, high=-2.2))])
rule(
    runtime.digamma, lambda y_bar, y, x: y_bar * trigamma(x), jvp=lambda dots, y, x: dots[0] * trigamma(x),
    examples=[ex(A(low=0.5, high=8.0)), ex(A(low=-2.8, high=-2.2))],
)  # fmt: skip
elementwise(math.copysign, lambda y, x, z: copysign(1.0, x) * copysign(1.0, z), None)
elementwise(math.fmod, lambda y, x, z: 1, lambda y, x, z: (y - x) / z, domain=((-5.0, 5.0), (0.5, 2.0)))
elementwise(math.remainder, lambda y, x, z: 1, lambda y, x, z: (y - x) / z, domain=((-5.0, 5.0), (0.5, 2.0)))
elementwise(math.ldexp, lambda y, x, i: 2.0**i, None, examples=[ex(A(), 3), ex(A(), -2)])
elementwise(math.fabs, lambda y, x: slope_of_abs(y, x))
for name, partial in (("exp2", lambda y, x: math.log(2) * y), ("cbrt", lambda y, x: 1 / (3 * y * y))):
    for function in available(math, name):  # from Python 3.11 on
        elementwise(function, partial, domain=POSITIVE)
for function in available(math, "fma"):  # from Python 3.13 on
    products = [ex(A(), A(), A()), ex(A(), 2.0, A())]
    elementwise(function, lambda y, x, a, b: a, lambda y, x, a, b: x, lambda y, x, a, b: 1, examples=products)


def slope_of_abs(y, x):
    """1, 0 or -1 as x is positive, zero or negative: for a number by comparisons, the fastest on Python's floats.

    Of a complex x the conjugate of its direction: the tangent of abs(x) is the real part of that times x_dot.
    """
    if seems_complex(x):
        return np.conj(x) / (y + (y == 0))
    return (x > 0) * 1.0 - (x < 0) if rank_if_known(x) == 0 else np.sign(x)


def log_partial(y, x, base=None):
    return 1 / x if is_none(base) else 1 / (x * log(base))


def log_base_partial(y, x, base=None):
    return 0 if is_none(base) else -y / (base * log(base))


elementwise(
    math.log, log_partial, log_base_partial, domain=POSITIVE,
    examples=[ex(A(low=0.5, high=2.0)), ex(A(low=0.5, high=2.0), 10), ex(A(low=0.5, high=2.0), A(low=2.0, high=3.0))],
)  # fmt: skip
elementwise(
    math.pow, power_base, power_exponent, domain=POSITIVE,
    examples=[e for e in EXPONENTS if not any(getattr(a, "shape", ()) for a in e.args)],
)  # fmt: skip
constant(
    math.ceil, math.comb, math.factorial, math.floor, math.gcd, math.isclose, math.isfinite, math.isinf, math.isnan,
    math.isqrt, math.lcm, math.perm, math.trunc, *available(math, "ulp"),
)  # fmt: skip


@adjoint(math.modf, jvp=lambda dots, y, x: (dots[0], 0.0), examples=[ex(A()), ex(A(low=-3.0, high=-2.5))])
def modf_vjp(y_bar, y, x):
    return part(y_bar, 0)


@adjoint(math.frexp, jvp=lambda dots, y, x: (dots[0] * 0.5 ** y[1], 0), examples=[ex(A()), ex(A(low=5.0, high=7.0))])
def frexp_vjp(y_bar, y, x):
    return part(y_bar, 0) * 0.5 ** y[1]


# ---------------------------------------------------------------------------------------------------------------
# math, of several numbers


def product(factors):
    """The product of a list, without a leading `1 *`."""
    return functools.reduce(operator.mul, factors) if factors else 1


def others(items, k) -> list:
    return [*items[:k], *items[k + 1 :]]


def norm_jvp(dots, y, *coordinates):
    return sum(x * d for x, d in zip(coordinates, dots[0]) if d is not None) / (y + (y == 0))


@sequence_rule(
    math.hypot, data="coordinates", jvp=norm_jvp, examples=[ex(A(), A()), ex(A(), A(), A()), ex(A()), ex(0.0, 0.0)]
)
def hypot_vjp(k, y_bar, y, *coordinates):
    return y_bar * coordinates[k] / (y + (y == 0))


def dist_jvp(dots, y, p, q):
    p_dot, q_dot = ([0.0] * len(p) if d is None else [0.0 if e is None else e for e in d] for d in dots)
    differences = [a - b for a, b in zip(p_dot, q_dot)]
    return norm_jvp((differences,), y, *(a - b for a, b in zip(p, q)))


def dist_second(k, y_bar, y, p, q):
    return -dist_vjp(k, y_bar, y, p, q)


@sequence_rule(
    math.dist, dist_second, data=("p", "q"), sequences=("p", "q"), jvp=dist_jvp,
    examples=[ex([A(), A()], [A(), A()]), ex((A(), A(), A()), (0.0, A(), 1.0)), ex([1.0], [1.0]), ex(A(3), A(3))],
)  # fmt: skip
def dist_vjp(k, y_bar, y, p, q):
    return y_bar * (p[k] - q[k]) / (y + (y == 0))


def fsum_whole(y_bar, y, seq):
    return spread(y_bar, seq)


@sequence_rule(math.fsum, data="seq", jvp="linear", examples=[ex([A(), A(), 1.0]), ex([]), ex(A(3))], whole=fsum_whole)
def fsum_vjp(k, y_bar, y, seq):
    return y_bar


def prod_jvp(dots, y, iterable, *, start=1):
    items, start_dot = list(iterable), dots[1] if len(dots) > 1 else None
    item_dots = [] if dots[0] is None else dots[0]
    terms = [product([d, start, *others(items, k)]) for k, d in enumerate(item_dots) if d is not None]
    return sum(terms) + (0 if start_dot is None else start_dot * product(items))


def prod_start(y_bar, y, iterable, *, start=1):
    return product([y_bar, *iterable])


def prod_whole(y_bar, y, iterable, *, start=1):
    return y_bar * (product_of_others(iterable) if number(start) == 1 else start * product_of_others(iterable))


@sequence_rule(
    math.prod, prod_start, data=("iterable", "start"), jvp=prod_jvp, whole=prod_whole,
    examples=[ex([A(), A(), A()]), ex([A(), 0.0, A()], start=A()), ex([A()], start=2.0), ex(A(3)), ex([])],
)  # fmt: skip
def prod_vjp(k, y_bar, y, iterable, *, start=1):
    return product([y_bar, *([] if number(start) == 1 else [start]), *others(iterable, k)])


def sumprod_second(k, y_bar, y, p, q):
    return y_bar * p[k]


for function in available(math, "sumprod"):  # from Python 3.12 on

    @sequence_rule(
        function, sumprod_second, data=("p", "q"), sequences=("p", "q"), jvp="multilinear",
        examples=[ex([A(), A()], [A(), A()]), ex([], [])],
    )  # fmt: skip
    def sumprod_vjp(k, y_bar, y, p, q):
        return y_bar * q[k]


# ---------------------------------------------------------------------------------------------------------------
# Builtins


elementwise(builtins.abs, slope_of_abs, examples=[ex(A()), ex(A(2, 3)), ex(0.0), ex(np.zeros(2))])
elementwise(
    builtins.pow, lambda y, base, exp: power_base(y, base, exp), lambda y, base, exp: power_exponent(y, base, exp),
    examples=EXPONENTS,
)  # fmt: skip
constant(
    builtins.all, builtins.any, builtins.bool, builtins.callable, builtins.hasattr, builtins.id,
    builtins.int, builtins.isinstance, builtins.issubclass, builtins.len, builtins.range, builtins.repr,
    builtins.round, builtins.str, builtins.type,
)  # fmt: skip


elementwise(
    builtins.complex, lambda y, real=0.0, imag=0.0: 1, lambda y, real=0.0, imag=0.0: 1j,
    examples=[ex(A()), ex(2.0, A()), ex(A(), A())],
)  # fmt: skip


@linear(builtins.float, examples=[ex(A()), ex(np.float64(2.0))])
def float_vjp(y_bar, y, x):
    return spread(y_bar, x)


def divmod_jvp(dots, y, a, b):
    a_dot, b_dot = (0.0 if d is None else d for d in dots)
    return 0.0 * y[0], a_dot - y[0] * b_dot


def divmod_first(y_bar, y, a, b):
    return like(a, part(y_bar, 1), b)


def divmod_second(y_bar, y, a, b):
    return like(b, -y[0] * part(y_bar, 1), a)


for function in (builtins.divmod, np.divmod):
    rule(
        function, divmod_first, divmod_second, jvp=divmod_jvp,
        examples=[ex(A(low=1.0, high=1.4), 0.3), ex(A(2, 3, low=1.0, high=1.4), A(3, low=0.3, high=0.33))],
    )  # fmt: skip


def sum_start(y_bar, y, iterable, /, start=0):
    return like(start, y_bar, y)


def sum_listed(item, y_bar, y, items, /, start=0):
    if rank(item) or rank(y):
        raise Undecided("a sum of arrays")
    return lift([y_bar]) * length(items)


def sum_whole(y_bar, y, iterable, /, start=0):
    total = y_bar if number(start) == 0 else unbroadcast(y_bar, shape(iterable)[1:])
    return spread(total, iterable)


def like(item, y_bar, y):
    """`y_bar` in the shape of `item`, a term of the sum y."""
    return y_bar if rank_if_known(item) == rank_if_known(y) == 0 else unbroadcast(y_bar, shape(item))


@sequence_rule(
    builtins.sum, sum_start, data=("iterable", "start"), jvp="linear", whole=sum_whole, listed=sum_listed,
    examples=[
        ex([A(), A(), 1.0]), ex([A(2, 3), A(), A(3)]), ex((A(2), A(2)), A()), ex([A(), A()], start=A(2)), ex([]),
        ex(A(3)), ex(A(2, 3)), ex(A(2, 1), A(3)),
    ],
)  # fmt: skip
def sum_vjp(k, y_bar, y, iterable, /, start=0):
    return like(iterable[k], y_bar, y)


def choice_vjp(is_first, is_second):
    """The adjoint of `max` or `min`: all goes to the item that was chosen, the first of equal ones."""

    def vjp(k, y_bar, y, *args, key=None, default=None):
        items = args
        if len(args) == 1:
            items, k = args[0], k[1] if isinstance(k, tuple) else None
        if k is None:
            if is_symbol(items) and rank(items) != 1:
                raise Undecided("the items of a symbol")
            return scatter(y_bar, index_in(y, items), items.shape)
        if len(items) == 2 and key is None:
            return y_bar * (is_second(*items) if k else is_first(*items))
        return y_bar * (index_in(y, items) == k)

    return vjp


def index_in(y, items):
    """The first place in a tuple, list or 1-d array where y is found."""
    if is_symbol(items) or isinstance(items, np.ndarray):
        return np.argmax(items == y)
    return Call(Attribute(lift(tuple(items)), "index"), (lift(y),)) if has_symbol(tuple(items)) else items.index(y)


def choice_jvp(dots, y, *args, key=None, default=None):
    items, dots = (args, dots[0]) if len(args) > 1 else (args[0], dots[0][0])
    items = items.elts if isinstance(items, (List, Tuple)) else items
    if is_symbol(items) and getattr(items.kind, "cls", None) in (list, tuple):
        return dots[Call(Attribute(items, "index"), (lift(y),))]
    if is_symbol(items) and rank(items) != 1:
        raise Undecided("the items of a symbol")
    if has_symbol(tuple(items) if isinstance(items, list) else items) and not is_symbol(items):
        return choice_of([(item, 0.0 if dot is None else dot) for item, dot in zip(items, dots)], y)
    dot = dots[index_in(y, items)]
    return 0.0 if dot is None else dot


def choice_of(pairs, y):
    """The second of the first of `pairs` whose first equals `y`, as an expression."""
    (item, dot), *others = pairs
    return IfExp(lift(y) == item, lift(dot), choice_of(others, y)) if others else lift(dot)


CHOICES = [
    ex(A(), A()), ex(A(), 0.0), ex(A(), A(), A()), ex([A(), A(), 0.5]), ex(A(), A(), key=abs), ex([A()], default=0.0),
    ex(1.0, 1.0, 1.0), ex((A(), A())), ex(A(4)),
]  # fmt: skip
sequence_rule(builtins.max, data="args", jvp=choice_jvp, examples=CHOICES)(
    choice_vjp(lambda a, b: a >= b, lambda a, b: b > a)
)
sequence_rule(builtins.min, data="args", jvp=choice_jvp, examples=CHOICES)(
    choice_vjp(lambda a, b: a <= b, lambda a, b: b < a)
)
