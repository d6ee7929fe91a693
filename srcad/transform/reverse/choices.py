"""Values that may be passed over: those that `np.where` chooses between, and what they are computed from.

Where it takes the other one, the adjoint of such a value is 0, but its slope may be infinite: `np.where(x > 0, 1 / x, 0)`
at 0. A product of the two would be NaN. So the adjoint of what may have such a slope is taken with `runtime.passed`, which
keeps the 0; all other text stays a plain product.
"""

from __future__ import annotations

import numpy as np

from srcad import runtime
from srcad.analysis.operations import function_of
from srcad.core.nodes import Assign, AugAssign, Call, Const, Expr, Invoke, Name, Node, Ref, Return, walk
from srcad.transform.reverse.forms import is_in, target_names

POLES = {
    "/", np.divide, np.reciprocal, np.log, np.log2, np.log10, np.log1p, np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.tan,
    np.arctanh, runtime.passed,
}  # fmt: skip
"""Operations whose value or slope may be infinite; powers may, too, but for those with a constant exponent from 1 on."""
POWERS = {"**", np.power, np.float_power}
PRODUCTS = {"*", np.multiply}


def has_pole(e: Expr) -> bool:
    """Whether an operation by itself may have an infinite value or slope."""
    applied = function_of(e) if isinstance(e, Expr) else None
    if applied is None:
        return False
    fn, args, _ = applied
    if is_in(fn, POWERS):
        return not (isinstance(args[1], Const) and args[1].value >= 1)
    if fn == "/":
        return not isinstance(args[1], Const)
    return is_in(fn, POLES)


class Choices:
    """The part of the reversal that knows which values may be passed over."""

    def choices(self, body) -> None:
        """Notes the operations (by id) whose adjoint may be 0 where their slope is infinite."""
        nodes = [n for s in body for n in walk(s)]
        chosen = [a for n in nodes for a in branches(n)]
        if self.special.is_passed_over:
            chosen += [n.value for n in nodes if isinstance(n, Return)]
        self.passed_over: set[int] = set()
        if not chosen:
            return
        sources = [(target_names(n.target), n.value) for n in nodes if isinstance(n, (Assign, AugAssign))]
        chosen = closure(chosen, sources)
        wide = {name for targets, value in sources if any(map(has_pole, walk(value))) for name in targets}
        for e in (n for c in chosen for n in walk(c)):
            if isinstance(e, Invoke):
                e.callee.is_passed_over = True
            elif has_pole(e) or is_product_with_pole(e, wide):
                self.passed_over.add(id(e))


def branches(node: Node) -> tuple[Expr, ...]:
    """The values that a call chooses between, or passes on where something is not 0."""
    match node:
        case Call(fn=Ref(obj=np.where), args=(_, a, b), varied=True):
            return a, b
        case Call(fn=Ref(obj=runtime.passed), args=args):
            return args
    return ()


def closure(chosen: list[Expr], sources: list[tuple[set[str], Expr]]) -> list[Expr]:
    """`chosen`, with all the values that the variables in them get."""
    names: set[str] = set()
    todo, found = list(chosen), []
    while todo:
        e = todo.pop()
        found.append(e)
        new = {n.id for n in walk(e) if isinstance(n, Name)} - names
        names |= new
        todo += [value for targets, value in sources if targets & new]
    return found


def is_product_with_pole(e: Node, wide: set[str]) -> bool:
    """Whether `e` is a product with a factor that may be infinite: one with a pole in it, or a variable of `wide`."""
    applied = function_of(e) if isinstance(e, Expr) else None
    if applied is None or not is_in(applied[0], PRODUCTS):
        return False
    return any(has_pole(n) or isinstance(n, Name) and n.id in wide for a in applied[1] for n in walk(a))
