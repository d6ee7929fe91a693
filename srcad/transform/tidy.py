"""Statements of the sweeps in the form in which one would write them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad.analysis.kinds import Array, plain
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, ExprStmt, Filled, Function, Name, Node, Op, Ref, Stmt, Subscript,
    map_children, walk, with_blocks,
)  # fmt: skip
from srcad.core.places import root_name
from srcad.core.printer import text
from srcad.options import current
from srcad.transform.algebra import are_like, twice
from srcad.transform.liveness import Sweep
from srcad.transform.reverse.forms import is_whole

Block = list[Stmt]

IN_PLACE = {"+", "-", "*", "/"}


def tidied(block: Block) -> Block:
    """A block of the sweeps, written more briefly.

    x_bar[...] *= c                             →    x_bar *= c
    a[i] = a[i] * c                             →    a[i] *= c
    x_bar += y_bar * x;  x_bar += y_bar * x     →    x_bar += y_bar * 2 * x
    A.T.T @ x                                   →    A @ x
    """
    if not current().simplification:
        return block
    out: Block = []
    for s in block:
        s = with_blocks(s, tidied)
        s = in_place(brief(s)) if isinstance(s, (Assign, AugAssign)) else s
        both = doubled(out[-1], s) if out else None
        if both is None:
            out.append(s)
        else:
            out[-1] = both
    return out


def brief(node: Node) -> Node:
    """A node without the names of whole arrays as parts of them, and without what is transposed twice."""
    if isinstance(node, Function):
        return node
    node = map_children(node, brief)
    match node:
        case AugAssign(target=Subscript(value=Name() as array) as target) if is_whole(target):
            return replace(node, target=array)
        case Assign(target=Name(), value=whole) | AugAssign(value=whole) if is_whole(whole):
            return replace(node, value=whole.value)
        case Op(args=args) if any(map(is_whole, args)):
            return replace(node, args=tuple(a.value if is_whole(a) else a for a in args))
        case Attribute(attr="T", value=Attribute(attr="T", value=value)):
            return value
    return node


def in_place(s: Stmt) -> Stmt:
    """`a[i] = a[i] * c` as `a[i] *= c`, of floats, and what was written with `out=` as it was: nothing is made that is then
    copied."""
    match s:
        case Filled(target=Subscript() as target, value=Call(fn=Ref(obj=obj)) as call) if (
            is_whole(target) and (isinstance(obj, np.ufunc) or obj is np.dot)
        ):
            return ExprStmt(replace(call, kwargs=(*call.kwargs, ("out", target.value))), at=s.at)
        case Assign(target=Subscript() as place, value=Op(op=op, args=(first, second))) if op in IN_PLACE:
            whole = place.value if is_whole(place) and isinstance(place.value, Name) else place
            kind = plain(place.kind)
            is_same = text(first) in (text(place), text(whole))
            if is_same and isinstance(kind, Array) and kind.rank and kind.dtype == np.float64:
                return AugAssign(whole, op, second, at=s.at)
    return s


def doubled(first: Stmt, second: Stmt) -> Stmt | None:
    """One statement for two that add the same product to the same variable or place; None for others."""
    if not isinstance(second, AugAssign) or second.op not in ("+", "-"):
        return None
    is_start = isinstance(first, Assign) and isinstance(first.target, Name) and second.op == "+"
    if not (is_start or isinstance(first, AugAssign) and first.op == second.op):
        return None
    if any(isinstance(n, Sweep) for n in walk(second)) or text(first.target) != text(second.target):
        return None
    root = root_name(second.target)
    reads = any(isinstance(n, Name) and n.id == root for n in walk(second.value))
    if root is None or reads or not are_like(first.value, second.value):
        return None
    return replace(first, value=twice(second.value))
