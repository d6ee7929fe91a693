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

from srcad import runtime
from srcad.analysis.kinds import Array, Items, plain
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Dict, Expr, ExprStmt, IfExp, Invoke, List, Name, Op, Ref, Return, Stmt, Subscript,
    Tuple, with_blocks,
)  # fmt: skip
from srcad.transform.reverse import symbol, walk_all

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
    exchanged = exchanged_names(body)

    def to_name(target: Expr, value: Expr) -> Expr:
        is_exchanged = isinstance(target, Name) and target.id in exchanged and not isinstance(value, Name)
        return own(value) if is_exchanged else filled(value)

    def visit(block) -> tuple[Stmt, ...]:
        return tuple(with_blocks(statement(s), visit) for s in block)

    def statement(s: Stmt) -> Stmt:
        match s:
            case Assign(target=Attribute() | Subscript() as target, value=value):
                return s if isinstance(plain(target.value.kind), Array) else replace(s, value=own(value))
            case Assign(target=Tuple(elts=targets), value=Tuple(elts=elts) as value) if len(targets) == len(elts):
                return replace(s, value=replace(value, elts=tuple(map(to_name, targets, elts))))
            case Assign(target=target, value=value):
                return replace(s, value=to_name(target, value))
            case ExprStmt(value=Call(fn=Attribute(attr="append" | "insert" | "extend"), args=args) as call):
                return replace(s, value=replace(call, args=tuple(map(own, args))))
            case Return(value=value):
                return replace(s, value=filled(value) if is_root else own(value))
        return s

    return visit(body)


def exchanged_names(body: Iterable[Stmt]) -> set[str]:
    """The variables that get one another's arrays, as by `a, b = b, a`: what is written into one may be what another got."""
    pairs = (
        (t.id, v.id)
        for s in walk_all(body) if isinstance(s, Assign) and isinstance(s.target, Tuple) and isinstance(s.value, Tuple)
        for t, v in zip(s.target.elts, s.value.elts) if isinstance(t, Name) and isinstance(v, Name)
    )  # fmt: skip
    return {name for pair in pairs for name in pair}


def filled(e: Expr) -> Expr:
    """A value in which the containers that are made in it have memory of their own."""
    match e:
        case Tuple() | List() | Dict():
            return own(e)
        case Call(fn=Ref(obj=cls), kind=Items()) if cls is e.kind.cls:
            return own(e)
        case IfExp(body=body, orelse=orelse):
            return replace(e, body=filled(body), orelse=filled(orelse))
        case Invoke(args=args):
            return replace(e, args=tuple(map(filled, args)))
    return e


def own(e: Expr) -> Expr:
    """A value in memory of its own; what is a part of something else stays so."""
    match e:
        case Tuple(elts=elts) | List(elts=elts):
            return replace(e, elts=tuple(map(own, elts)))
        case Dict(values=values):
            return replace(e, values=tuple(map(own, values)))
        case Call(fn=Ref(obj=cls), args=args, kind=Items()) if cls is e.kind.cls:
            return replace(e, args=tuple(map(own, args)))
        case IfExp(body=body, orelse=orelse):
            return replace(e, body=own(body), orelse=own(orelse))
        case Op(op=op) if op in LINEAR:
            return e
        case Call(fn=Attribute(attr="copy")):
            return e
        case Invoke():  # what it gives is a copy
            return filled(e)
        case Name() | Call() | Op() if e.varied and isinstance(plain(e.kind), Array) and plain(e.kind).rank != 0:
            if isinstance(e.kind, Array):
                return Call(Attribute(filled(e), "copy"), (), kind=e.kind, varied=True, at=e.at)
            return Call(symbol(runtime.kept), (filled(e),), kind=e.kind, varied=True, at=e.at)
    return filled(e)
