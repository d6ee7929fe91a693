"""Products and sums of expressions, in the form in which one would write them."""

from __future__ import annotations

from functools import reduce

from srcad.core.nodes import Const, Expr, Op, lift


def negated(e: Expr) -> Expr:
    """`-e`"""
    match e:
        case Op(op="neg", args=(inner,)):
            return inner
        case Const(value=int() | float() as value) if not isinstance(value, bool):
            return Const(-value)
        case Op(op="*" | "/", args=(a, b)):
            return Op(e.op, (negated(a), b))
    return Op("neg", (e,))


def without_sign(e: Expr) -> Expr | None:
    """A product without the minus sign in front of it, None if it has none."""
    match e:
        case Op(op="neg", args=(inner,)):
            return inner
        case Op(op="*" | "/", args=(a, b)):
            bare = without_sign(a)
            return None if bare is None else Op(e.op, (bare, b))
    return None


def product(bar: Expr, partial) -> Expr:
    """`bar * partial`, without factors 1, with quotients and signs in front.

    >>> text(product(Name("y_bar"), 1 / Name("x"))), text(product(Name("y_bar"), -Name("x")))
    ('y_bar / x', '-y_bar * x')
    """
    partial = lift(partial)
    match partial:
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
    """The sum of terms."""
    return reduce(lambda a, b: Op("+", (a, b)), terms)
