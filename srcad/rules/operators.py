"""Rules of Python's operators, for scalars and arrays alike."""

from __future__ import annotations

import operator

import numpy as np

from srcad import runtime
from srcad.rules.elementwise import power_base, power_exponent
from srcad.rules.registry import A, alias, constant, elementwise, ex, linear, rule

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

constant(runtime.slice_bounds)
linear(runtime.own, examples=[ex(A(3)), ex(A())])(lambda y_bar, y, x_bar: y_bar)
linear(runtime.kept, examples=[ex(A(3)), ex(A())])(lambda y_bar, y, x: y_bar)
rule(
    runtime.add, lambda y_bar, y, a, b: y_bar, lambda y_bar, y, a, b: y_bar, jvp="linear",
    examples=[ex(A(3), A(3)), ex(A(), A())],
)  # fmt: skip
