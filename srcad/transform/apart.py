"""Values that go into containers, or to a caller, in memory of their own.

The way back may read what an operation has given: that of `y = np.linalg.inv(x)` reads y. Where the program writes into
arrays, what a container has got, or a caller, may be overwritten under a name that this function does not know. So it gets a
copy:

    box.m = np.linalg.inv(x)          →    box.m = np.linalg.inv(x).copy()
    return y                          →    return y.copy()
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from srcad.analysis.kinds import Array, plain
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Dict, Expr, ExprStmt, Invoke, List, Name, Op, Return, Stmt, Subscript, Tuple,
)  # fmt: skip
from srcad.transform.reverse import walk_all, with_blocks

LINEAR = ("+", "-", "*", "neg")
"""Operators whose adjoint does not read what they give."""


def writes_into_arrays(specials: Iterable) -> bool:
    """Whether functions write into arrays."""
    targets = (
        s.target for special in specials for s in walk_all(special.body) if isinstance(s, (Assign, AugAssign))
    )
    return any(isinstance(t, Subscript) and isinstance(plain(t.value.kind), Array) for t in targets)


def apart(body: Iterable[Stmt], is_root: bool) -> tuple[Stmt, ...]:
    """The statements of a function, with copies of what others get to see; what the root returns nobody writes into."""

    def visit(block) -> tuple[Stmt, ...]:
        return tuple(with_blocks(statement(s), visit) for s in block)

    def statement(s: Stmt) -> Stmt:
        match s:
            case Assign(target=Attribute() | Subscript() as target, value=value):
                return s if isinstance(plain(target.value.kind), Array) else replace(s, value=own(value))
            case Assign(target=Name(), value=Tuple() | List() | Dict() as value):
                return replace(s, value=own(value))
            case ExprStmt(value=Call(fn=Attribute(attr="append" | "insert" | "extend"), args=args) as call):
                return replace(s, value=replace(call, args=tuple(map(own, args))))
            case Return(value=value) if not is_root:
                return replace(s, value=own(value))
        return s

    return visit(body)


def own(e: Expr) -> Expr:
    """A value in memory of its own; what is a part of something else stays so."""
    match e:
        case Tuple(elts=elts) | List(elts=elts):
            return replace(e, elts=tuple(map(own, elts)))
        case Dict(values=values):
            return replace(e, values=tuple(map(own, values)))
        case Op(op=op) if op in LINEAR:
            return e
        case Call(fn=Attribute(attr="copy")):
            return e
        case Name() | Call() | Op() | Invoke() if e.varied and isinstance(plain(e.kind), Array) and plain(e.kind).rank != 0:
            return Call(Attribute(e, "copy"), (), kind=e.kind, varied=True, at=e.at)
    return e
