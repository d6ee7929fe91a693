"""Small questions about core, and small pieces of it."""

from __future__ import annotations

import builtins
from dataclasses import dataclass

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Kind, Listing, plain
from srcad.analysis.operations import function_of, python_value
from srcad.analysis.specialise.sharing import is_basic_kind
from srcad.core.places import root_name
from srcad.core.nodes import (
    Alias, Assign, Attribute, AugAssign, Call, Const, Dict, Expr, For, Invoke, List, Name, Node, Op, Raise,
    Ref, Slice, Starred, Stmt, Subscript, Tuple, With, children, reference, walk, with_blocks,
)  # fmt: skip
from srcad.errors import MissingRule
from srcad.rules import registry

Block = list[Stmt]

OP_NAMES = {
    "+": "total",
    "-": "difference",
    "*": "product",
    "/": "quotient",
    "**": "power",
    "@": "product",
    "neg": "negative",
    "%": "remainder",
    "getitem": "item",
    "pos": "value",
}


METHOD_NAMES = {"__matmul__": "product", "__rmatmul__": "product", "__mul__": "product", "__call__": "value"}


def called_name(fn) -> str:
    """The name for what a function gives."""
    name = getattr(fn, "__name__", "value")
    return METHOD_NAMES.get(name, name) if name.isidentifier() else "value"


@dataclass(frozen=True)
class Slot:
    """A variable of the reverse sweep: the adjoint of variable `name`, or of the item of it at `path`."""

    name: str
    path: tuple = ()


def symbol(function) -> Ref:
    """A library function, as an expression."""
    return reference(function)


def copied(e: Expr, by=runtime.own) -> Expr:
    """A copy of an adjoint, at any depth."""
    if isinstance(e.kind, Array) and e.kind.rank:
        return Call(Attribute(e, "copy"), (), kind=e.kind)
    return Call(symbol(by), (e,), kind=e.kind)


def kept(e: Expr) -> Expr:
    """A copy of a value, which changes before it is read."""
    return copied(e, runtime.kept)


def is_whole(e: Expr) -> bool:
    """Whether `e` is `x[...]` or `x[:]`, all of an array with axes."""
    match e:
        case Subscript(index=Const(value=value)) if value is Ellipsis:
            kind = plain(e.kind)
        case Subscript(index=Slice(lower=None, upper=None, step=None)):
            kind = plain(e.kind)
        case _:
            return False
    return isinstance(kind, Array) and bool(kind.rank) and root_name(e) is not None


def is_copy(e: Expr) -> bool:
    """Whether a value is what `copied` makes."""
    match e:
        case Call(fn=Ref(obj=runtime.own | runtime.kept)) | Call(fn=Attribute(attr="copy"), args=()):
            return True
    return False


def summed(e: Expr, kwargs: tuple = ()) -> Expr:
    """The sum of an array: as a method of a variable, which is faster, as a function of an expression."""
    if isinstance(e, Name):
        return Call(Attribute(e, "sum"), (), kwargs)
    return Call(symbol(np.sum), (e,), kwargs)


def item(bar: Expr, key) -> Expr:
    """The item of an adjoint that is a container; of one that is written out, the item itself."""
    if isinstance(bar, (Tuple, List)) and isinstance(key, int):
        return bar.elts[key]
    if isinstance(bar, Dict):
        for k, v in zip(bar.keys, bar.values):
            if isinstance(k, Const) and k.value is key or k.value == key and type(k.value) is type(key):
                return v
    return Subscript(bar, Const(key))


def shape_of(e: Expr) -> Expr:
    if isinstance(plain(e.kind), Array):
        return Attribute(e, "shape")
    return Call(symbol(np.shape), (e,))


def slice_of(s: Slice) -> Expr:
    return Call(symbol(slice), tuple(Const(None) if p is None else p for p in (s.lower, s.upper, s.step)))


def is_operand(x) -> bool:
    return isinstance(x, Expr)


def values_in(e: Expr):
    """The parts of an expression that are read for their value, not only for their shape."""
    if isinstance(e, Attribute) and e.attr in ("shape", "size", "ndim", "dtype"):
        return
    if isinstance(e, Name):
        yield e
    for child in children(e):
        yield from values_in(child)


def is_in(obj, collection) -> bool:
    try:
        return obj in collection
    except TypeError:
        return False


def is_basic_index(index: Expr) -> bool:
    """Whether an index is made of integers, slices, None and Ellipsis: it names no item twice."""
    match index:
        case Tuple(elts=elts):
            return all(map(is_basic_index, elts))
        case Slice():
            return True
    return is_basic_kind(index.kind)


def is_range(e: Expr) -> bool:
    return isinstance(e, Call) and isinstance(e.fn, Ref) and e.fn.obj is range


def is_reversed_range(e: Expr) -> bool:
    match e:
        case Call(fn=Ref(obj=builtins.reversed), args=(inner,)):
            return is_range(inner)
    return False


def is_sequence_kind(kind: Kind) -> bool:
    kind = plain(kind)
    return (
        isinstance(kind, Array)
        and kind.rank != 0
        or isinstance(kind, (Items, Listing))
        and kind.cls in (tuple, list, dict)
    )


def node_count(e: Node) -> int:
    return sum(1 for _ in walk(e))


def walk_all(block):
    for s in block:
        yield from walk(s)


def static_key(kind: Items, index: Expr) -> tuple | None:
    """The key that an index of a container names, in a 1-tuple; None if it is computed."""
    match index:
        case Const(value=value):
            key = value
        case Op(op="neg", args=(Const(value=value),)):
            key = -value
        case _:
            return None
    if kind.is_sequence and isinstance(key, int) and key < 0:
        key += len(kind.keys)
    return (key,) if kind.item(key) is not None else None


def target_list(target: Expr) -> list[str]:
    match target:
        case Name(id=name):
            return [name]
        case Tuple(elts=elts):
            return [n for e in elts for n in target_list(e)]
        case Starred(value=value):
            return target_list(value)
    return []


def target_names(target: Expr) -> set[str]:
    return set(target_list(target))


def assigned_names(block) -> set[str]:
    """The variables that a block sets."""
    found: set[str] = set()
    for n in walk_all(block):
        match n:
            case Assign(target=target):
                found |= target_names(target)
            case AugAssign(target=Name(id=name)):
                found.add(name)
            case For(target=target):
                found |= target_names(target)
            case With(items=items):
                found |= {x for _, t in items if t is not None for x in target_names(t)}
    return found


def set_by(s: Node) -> set[str]:
    """The variables that a statement itself sets."""
    match s:
        case Assign(target=target) | For(target=target) | AugAssign(target=Name() as target):
            return target_names(target)
        case With(items=items):
            return {x for _, t in items if t is not None for x in target_names(t)}
    return set()


def lent_to(e: Invoke) -> set[str]:
    """The variables in whose memory, or in that of whose shadows, the adjoint of a called function writes."""
    found = {root_name(x) for p, x in zip(e.callee.params, e.args) if p in e.callee.shared}
    return found - {None}


def names_read(e: Expr) -> set[str]:
    return {n.id for n in walk(e) if isinstance(n, Name)}


def ends_raising(block) -> bool:
    return bool(block) and isinstance(block[-1], Raise)


def without(body, statements: set[int]) -> Block:
    """`body` without some statements, named by their ids."""
    return [with_blocks(s, lambda block: without(block, statements)) for s in body if id(s) not in statements]


def without_idle_aliases(block) -> Block:
    """`block` without the names for places that nothing reads."""
    while True:
        own = [n for n in walk_all(block) if isinstance(n, Alias)]
        inside = {id(n) for s in own for n in walk(s.target)}
        read = {n.id for s in block for n in walk(s) if isinstance(n, Name) and id(n) not in inside}
        idle = {id(s) for s in own if s.target.id not in read}
        if not idle:
            return list(block)
        block = without(block, idle)


def same_shape(x: Kind, y: Kind) -> bool:
    if not (isinstance(x, Array) and isinstance(y, Array)) or None in (x.dims, y.dims) or len(x.dims) != len(y.dims):
        return isinstance(x, (Items, Listing))
    return all(
        a == b == kinds.ONE or kinds.same_extent(a, b) or (a is not None and a.many) for a, b in zip(x.dims, y.dims)
    )


def is_written_out(index: Expr) -> bool:
    try:
        python_value(index)
    except ValueError:
        return False
    return True


STOP = "Mark the value as constant with srcad.stop_gradient."


def missing(e: Expr, message: str, hint: str = STOP) -> MissingRule:
    """The error that says of an expression that it has no derivative; of a function that is refused on purpose, why."""
    because = "The rule is needed because its argument depends on what is differentiated, and the result on it."
    applied = function_of(e)
    reason = None if applied is None else registry.reason(applied[0])
    if reason is not None:
        hint = f"{reason[0].upper()}{reason[1:]}.\nOr mark the value as constant with srcad.stop_gradient."
    return MissingRule(e.at, message, because=because, hint=hint)


def describe(e: Expr) -> str:
    applied = function_of(e)
    if isinstance(e, Call) and isinstance(e.fn, Ref):
        return e.fn.text
    if isinstance(e, Call) and isinstance(e.fn, Attribute):
        return f"`.{e.fn.attr}`"
    if isinstance(e, Op) or applied is not None and isinstance(applied[0], str):
        return f"`{e.op if isinstance(e, Op) else applied[0]}`"
    return "this expression"
