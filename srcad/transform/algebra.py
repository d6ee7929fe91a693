"""Products and sums of expressions, in the form in which one would write them."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np

from srcad import runtime
from srcad.options import current
from srcad.core.nodes import Call, Const, Expr, Op, Ref, lift
from srcad.core.printer import text


def negated(e: Expr) -> Expr:
    """`-e`"""
    match e if current().simplification else None:
        case Op(op="neg", args=(inner,)):
            return inner
        case Const(value=int() | float() as value) if not isinstance(value, bool):
            return Const(-value)
        case Op(op="*" | "/", args=(a, b)):
            return Op(e.op, (negated(a), b))
    return Op("neg", (e,))


def without_sign(e: Expr) -> Expr | None:
    """The expression of which `e` is the negative; None where it has no sign in front."""
    match e if current().simplification else None:
        case Op(op="neg", args=(inner,)):
            return inner
        case Const(value=int() | float() as value) if not isinstance(value, bool) and value < 0:
            return Const(-value)
        case Op(op="*" | "/" | "@", args=(a, b)) if (inner := without_sign(a)) is not None:
            return replace(e, args=(inner, b))
        case Call(fn=Ref(), args=(inner, *rest)) if is_linear_helper(e) and (inner := without_sign(inner)) is not None:
            return replace(e, args=(inner, *rest))
    return None


def is_linear_helper(e: Call) -> bool:
    """Whether the sign of the first argument is that of the result."""
    return any(e.fn.obj is f for f in (np.sum, np.outer, runtime.unbroadcast))


def product(bar: Expr, partial) -> Expr:
    """`bar * partial`, without factors 1, with quotients and signs in front.

    >>> text(product(Name("y_bar"), 1 / Name("x"))), text(product(Name("y_bar"), -Name("x")))
    ('y_bar / x', '-y_bar * x')
    """
    partial = lift(partial)
    match partial if current().simplification else None:
        case Const(value=int() | float() as value):
            if value == 1:
                return bar
            if value == -1:
                return negated(bar)
        case Op(op="neg", args=(inner,)):
            return negated(product(bar, inner))
        case Op(op="/", args=(a, b)):
            return Op("/", (product(bar, a), b))
        case Op(op="*", args=(a, b)):
            return Op("*", (product(bar, a), b))
    return Op("*", (bar, partial))


def total(terms: list[Expr]) -> Expr:
    """The sum of terms; of products that come twice, twice the one."""
    found: list[Expr] = []
    for term in terms:
        if found and are_like(found[-1], term):
            found[-1] = twice(term)
        else:
            found.append(term)
    return reduce(lambda a, b: Op("+", (a, b)), found)


def are_like(a: Expr, b: Expr) -> bool:
    """Whether two terms are the same product or quotient."""
    return current().simplification and isinstance(b, Op) and b.op in ("*", "/") and text(a) == text(b)


def twice(e: Expr) -> Expr:
    """Twice the value of `e`; of a product, twice the first factor.

    >>> text(twice(Name("y_bar") * Name("x")))
    'y_bar * 2 * x'
    """
    match e:
        case Op(op="*" | "/", args=(first, second)):
            return replace(e, args=(twice(first), second))
    return Op("*", (e, Const(2)))
