"""Rules of Python's operators, for scalars and arrays alike."""

from __future__ import annotations

import operator

import numpy as np

from srcad import runtime
from srcad.rules.registry import A, alias, constant, elementwise, ex, is_symbol, symbolic
from srcad.rules.registry import RULES

power_log = symbolic(runtime.power_log)
power_slope = symbolic(runtime.power_slope)


def power_base(y, x, p):
    """d(x**p)/dx, in the cheapest form that a known exponent allows."""
    exponent = getattr(p, "value", None) if is_symbol(p) else p
    if type(exponent) in (int, float):
        if exponent in (0, 1):
            return float(exponent)
        if exponent == 2:
            return 2 * x
        if exponent == 3:
            return 3 * x * x
        if exponent == -1:
            return -y * y
        if exponent == 0.5:
            return 0.5 / y
        return exponent * x ** (exponent - 1)
    return power_slope(x, p)


def power_exponent(y, x, p):
    """d(x**p)/dp = y log(x), which is 0 where x is 0 and p is not negative."""
    return power_log(y, x)


elementwise("+", lambda y, a, b: 1, lambda y, a, b: 1)
elementwise("-", lambda y, a, b: 1, lambda y, a, b: -1)
elementwise("*", lambda y, a, b: b, lambda y, a, b: a)
elementwise("/", lambda y, a, b: 1 / b, lambda y, a, b: -y / b, domain=(0.5, 2.0))
elementwise("%", lambda y, a, b: 1, lambda y, a, b: -(a // b), domain=(0.5, 2.0))
elementwise("**", power_base, power_exponent, domain=(0.5, 2.0))
elementwise("neg", lambda y, x: -1)
elementwise("pos", lambda y, x: 1)
alias(np.matmul, "@")
constant("//", "<<", ">>", "&", "|", "^", "~", "not")
for symbol, function in {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod,
    "**": operator.pow, "@": operator.matmul, "neg": operator.neg, "pos": operator.pos, "getitem": operator.getitem,
}.items():  # fmt: skip
    alias(symbol, function)
constant(operator.floordiv, operator.not_, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
