"""Who may see whose memory: which variables an expression may share it with, what may be written to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import (
    Array, Callee, Items, Kind, Listing, Literal, Maybe, Never, Nothing, Number, Opaque, Sliced, is_complex, is_list,
    item_kind, plain,
)  # fmt: skip
from srcad.analysis.operations import CONSTANT_ATTRIBUTES, function_of
from srcad.core.nodes import (
    Attribute, Call, Comprehension, Const, Dict, Expr, Foreign, Global, IfExp, Invoke, List, Logical, Name, Node, Op,
    Ref, Slice, Starred, Subscript, Tuple, Unseen, map_children, walk,
)  # fmt: skip
from srcad.core.places import root_name, steps
from srcad.rules import registry
from srcad.structure import is_plain_class

VIEWS = {
    max,
    min,
    np.reshape,
    np.transpose,
    np.swapaxes,
    np.ravel,
    np.squeeze,
    np.expand_dims,
    np.broadcast_to,
    np.moveaxis,
    np.split,
    np.diagonal,
    np.asarray,
    np.atleast_1d,
    np.atleast_2d,
    np.atleast_3d,
    np.array_split,
    np.hsplit,
    np.vsplit,
    np.flip,
    np.rot90,
    np.real,
    np.imag,
    np.rollaxis,
    np.ascontiguousarray,
    np.broadcast_arrays,
    np.flipud,
    np.fliplr,
    np.asanyarray,
    np.asarray_chkfinite,
    np.asfortranarray,
    np.conj,
    np.diag,
    np.dsplit,
    np.float64,
    np.ix_,
    np.linalg.matrix_power,
    np.real_if_close,
    np.require,
    np.round,
    np.trim_zeros,
    runtime.unbroadcast,
    runtime.widened,
    runtime.add,
    "getitem",
}
VIEWS.update(
    getattr(module, name)
    for module, names in (
        (np, ("matrix_transpose", "permute_dims", "unstack")), (np.linalg, ("diagonal", "matrix_transpose")),
    )
    for name in names if hasattr(module, name)  # newer than NumPy 1.26
)  # fmt: skip
"""Functions whose result may share memory with an argument."""

GIVE_BACK = {sum, np.diff, np.polyder, np.polyint, np.nan_to_num, np.fft.fftn, np.fft.ifftn}
"""Functions that return their argument itself where their options leave nothing to do."""

CONTAINERS = {list, tuple, set, frozenset, dict, sorted}
"""Functions that make a container, of items that others may hold as well."""

HARMLESS = {
    print, repr, str, format, len, isinstance, type, id,
    runtime.check_apart, runtime.check_steps, runtime.check_view, runtime.check_length,
    runtime.check_same_length,
}  # fmt: skip
"""Functions that may be called with varied values for their effect: they neither keep nor change them."""


def is_basic(index: Expr) -> bool:
    """Whether an index is made of integers, slices, None and Ellipsis."""
    match index:
        case Tuple(elts=elts):
            return all(map(is_basic, elts))
        case Slice():
            return True
    return is_basic_kind(index.kind)


def is_advanced(index: Expr) -> bool:
    """Whether an index has an array or a list in it, so that what it gives is a copy."""
    whole = plain(index.kind)
    if isinstance(index, Tuple):
        parts = [plain(p.kind) for p in index.elts]
    else:
        parts = map(plain, whole.items) if isinstance(whole, Items) and whole.cls is tuple else [whole]
    return any(isinstance(k, Array) and bool(k.rank) or is_list(k) for k in parts)


def is_basic_kind(kind: Kind) -> bool:
    """Whether an index of this kind is made of integers, slices, None and Ellipsis."""
    kind = plain(kind)
    if isinstance(kind, Items) and kind.cls is tuple:
        return all(isinstance(k, Sliced) or is_basic_kind(k) for k in kind.items)
    return isinstance(kind, (Literal, Nothing)) or isinstance(kind, Number) and kind.type != "bool"


def is_step(step: Expr) -> bool:
    """Whether a step into a place gives a view or an item by reference, and no copy."""
    match step:
        case Subscript(value=value, index=index):
            kind = plain(value.kind)
            if isinstance(kind, (Items, Listing)):
                return (is_basic(index) or kind.cls is dict) and not isinstance(index, Slice)
            return isinstance(kind, Array) and is_basic(index)
        case Attribute(value=value, attr=attr):
            kind = plain(value.kind)
            return attr == "T" if isinstance(kind, Array) else isinstance(kind, Items)
        case Call(kwargs=kwargs):
            return not kwargs
    return False


def holds_others(path: list[Expr]) -> bool:
    """Whether a path into a place goes through an item that a container holds by reference."""
    return any(not isinstance(plain(s.value.kind), Array) for s in path if isinstance(s, (Subscript, Attribute)))


def mark_varied(e: Expr) -> Expr:
    """A place with all that it is in marked as varied."""
    if isinstance(e, (Subscript, Attribute)):
        return replace(e, varied=True, value=mark_varied(e.value))
    return replace(e, varied=True)


OUTSIDE = "(outside)"
"""Stands for whatever is defined outside of the function, beside the names of its variables."""


Way = tuple[Any, ...]
"""The way to an item of a container, or of an item of one: keys and names of attributes, ANY for one that is not known."""

ANY = Ellipsis
DEPTH = 5
"""How long a way is at most; of a longer one, what it starts with stands for all that is there."""


def way_to(place: Expr) -> Way:
    """The way to the item that a place is, or that it is a view of."""
    return tuple(key_of(s) for s in steps(place)[::-1] if is_item(s))[:DEPTH]


def is_item(step: Expr) -> bool:
    """Whether a step leads to an item that a container holds by reference."""
    return isinstance(step, (Subscript, Attribute)) and isinstance(plain(step.value.kind), (Items, Listing))


def key_of_field(kind: Items, name: str) -> str | int:
    """The key of the item that an attribute is: that of a namedtuple has a number."""
    fields = getattr(kind.cls, "_fields", ())
    return fields.index(name) if name in fields else name


def key_of(step: Subscript | Attribute):
    """The key of the item to which a step leads, ANY where it is not known, or may be that of different items in time."""
    kind = plain(step.value.kind)
    if isinstance(step, Attribute):
        return key_of_field(kind, step.attr)
    key = getattr(step.index, "value", None) if isinstance(step.index, Const) else None
    is_fixed = isinstance(kind, Items) and not issubclass(kind.cls, list)
    return key if isinstance(key, str) or is_fixed and type(key) is int and key >= 0 else ANY


def meet(place: Expr, other: Expr) -> bool:
    """Whether two places may be, or hold, the same; what is no place may be anywhere."""
    return root_name(place) != root_name(other) or all(map(may_be_same, steps(place)[::-1], steps(other)[::-1]))


def may_be_same(a: Expr, b: Expr) -> bool:
    """Whether two steps from one container may lead to the same item."""
    if isinstance(a, Attribute) or isinstance(b, Attribute):
        return isinstance(a, Attribute) and isinstance(b, Attribute) and a.attr == b.attr
    if not (isinstance(a, Subscript) and isinstance(b, Subscript)):
        return True
    x, y = getattr(a.index, "value", None), getattr(b.index, "value", None)
    known = isinstance(a.index, Const) and isinstance(b.index, Const) and isinstance(x, (int, str)) and type(x) is type(y)
    return not known or x == y


def leads_to(way: Way, other: Way) -> bool:
    """Whether what is at one way may hold, or be, what is at another."""
    return len(way) <= len(other) and all(a is ANY or b is ANY or a == b for a, b in zip(way, other))


def overlap(way: Way, other: Way) -> bool:
    """Whether what is at two ways may share memory."""
    return leads_to(way, other) or leads_to(other, way)


def aliases(e: Expr) -> set[str]:
    """The variables whose memory the value of `e` may share, but for what their items hold."""
    return {name for name, way in sharers(e) if not way and name != OUTSIDE}


def references(e: Expr) -> set[str]:
    """The variables in which, or in whose items, there is something that the value of `e` holds by reference; OUTSIDE."""
    return {name for name, _ in sharers(e)}


def is_view(fn, args, kwargs) -> bool:
    """Whether the result of a call of a library function may share memory with an argument."""
    if fn is np.einsum:
        return len(args) == 2  # of one operand: a diagonal, or a transpose
    if fn in GIVE_BACK and (len(args) > 1 or kwargs):
        return True
    return fn in VIEWS or any(k == "copy" for k, _ in kwargs)


def sharers(e: Expr) -> set[tuple[str, Way]]:
    """The variables, with the ways to their items, whose memory the value of `e` may share or hold, and OUTSIDE."""
    match e:
        case Call(fn=Ref(obj=runtime.duplicate)):
            return set()
        case Global() | Ref():
            known = isinstance(plain(e.kind), (Number, Nothing, Callee, Literal)) or e.kind is None and isinstance(e, Ref)
            return set() if known else {(OUTSIDE, ())}
        case Foreign(shared=shared):
            return {(OUTSIDE, ())} | shared
        case Unseen() if not isinstance(plain(e.kind), Number):
            return {(OUTSIDE, ())} | of_all((e.fn, *e.args, *(v for _, v in e.kwargs)))
        case Name(id=name):
            return set() if isinstance(e.kind, Callee) or is_immutable(e.kind) else {(name, ())}
        case Tuple(elts=parts) | List(elts=parts) | Dict(values=parts) | Logical(args=parts):
            return of_all(parts)
        case IfExp(body=body, orelse=orelse):
            return sharers(body) | sharers(orelse)
        case Subscript() | Attribute() if isinstance(e.kind, Number):
            return set()
        case Subscript(value=value, index=Slice()) if is_list(plain(e.kind)):
            return set() if has_immutable_items(e.kind) else within(value, ANY)
        case Subscript(value=value) | Attribute(value=value) if is_item(e):
            return within(value, key_of(e))
        case Attribute(attr=attr) if attr in CONSTANT_ATTRIBUTES:
            return set()
        case Starred(value=value):
            return of_items(value)
        case Subscript(value=value, index=index) if isinstance(plain(value.kind), Array) and is_advanced(index):
            return set()  # a copy
        case Subscript(value=value) | Attribute(value=value):
            return sharers(value)
        case Op(args=args) if isinstance(plain(e.kind), (Items, Listing)):
            again = e.op == "*" and not is_immutable(item_kind(plain(e.kind)))  # [row] * n has one row n times
            return {(OUTSIDE, ())} if again else set().union(*map(of_items, args))
        case Call(fn=Ref(obj=obj)) if obj in CONTAINERS and has_immutable_items(e.kind):
            return set()
        case Invoke(callee=callee) if isinstance(e.kind, (Number, Nothing)) or callee.done and callee.result.owned:
            return set()
        case Invoke(args=args):
            return {(OUTSIDE, ())} | of_all(args)
        case Call(fn=Attribute(value=value, attr="copy")) if isinstance(plain(value.kind), (Items, Listing)):
            return of_items(value)
        case Call(fn=Attribute(value=value, attr="conj" | "conjugate")) if not is_complex(value.kind):
            return sharers(value)  # of a real array it is the array
        case Call(fn=fn, args=args, kwargs=kwargs):
            applied = function_of(e)
            if applied is not None and (registry.find(applied[0]) or registry.is_constant(applied[0])):
                if not is_view(*applied):
                    return set()
            parts = [*args, *(v for _, v in kwargs)]
            if isinstance(fn, Attribute):
                parts.append(fn.value)
            return of_all(parts) if not isinstance(e.kind, Number) else set()
        case Comprehension(style=style, element=element):
            element = element.elts[1] if style == "dict" else element
            element = replace(element, kind=item_kind(plain(e.kind)))
            return {(n.id, ()) for n in walk(e) if isinstance(n, Name)} if sharers(element) else set()
    return set()


def is_held_twice(parts: list[Expr]) -> bool:
    """Whether two of these values may share memory with one another."""
    return any(share(a, b) for i, a in enumerate(parts) for b in parts[:i])


def share(a: Expr, b: Expr) -> bool:
    """Whether two values may share memory."""
    if steps(a) and steps(b) and all(map(is_item, (*steps(a), *steps(b)))) and root_name(a) == root_name(b) is not None:
        return meet(a, b)
    pairs = ((x, y) for x in sharers(a) for y in sharers(b))
    return any(name == other and name != OUTSIDE and overlap(way, there) for (name, way), (other, there) in pairs)


def of_items(e: Expr) -> set[tuple[str, Way]]:
    """What another container shares that holds the items of this one."""
    return set() if has_immutable_items(e.kind) else within(e, ANY)


def has_immutable_items(kind: Kind | None) -> bool:
    kind = plain(kind)
    return isinstance(kind, (Items, Listing)) and is_immutable(item_kind(kind))


def is_immutable(kind: Kind | None) -> bool:
    """Whether a value of this kind, and all that is in it, cannot change: nobody can tell whether there are two of it."""
    match kind:
        case Number() | Nothing() | Literal() | Never():
            return True
        case Maybe(item=item):
            return is_immutable(item)
        case Opaque(type=cls):
            return cls in (str, bytes, range)
        case Items(cls=cls, items=items):
            return cls is tuple and all(map(is_immutable, items))
    return False


def of_all(parts) -> set[tuple[str, Way]]:
    return set().union(*map(sharers, parts))


def within(e: Expr, key) -> set[tuple[str, Way]]:
    """What an item of a container shares: of one that is made anew, all that it holds."""
    path = steps(e)
    if root_name(e) is None or not all(is_item(s) and not isinstance(getattr(s, "index", None), Slice) for s in path):
        return sharers(e)
    return {(name, (*way, key)[:DEPTH]) for name, way in sharers(e)}


def callees_in(kind: Kind):
    """The nested functions, with the variables that they capture, in a kind."""
    match kind:
        case Callee(extra=tuple()) if not (kind.extra and kind.extra[0] == "bound"):
            yield kind
        case Items(items=items):
            for item in items:
                yield from callees_in(item)
        case Listing(item=item) | Maybe(item=item):
            yield from callees_in(item)


def is_fresh(e: Expr) -> bool:
    """Whether the value of `e` is made anew, and seen by nobody else; of a container, that itself."""
    if isinstance(e, Op) and isinstance(plain(e.kind), Listing):
        return e.op == "+" or is_immutable(plain(e.kind).item)  # [row] * n has one row n times
    if isinstance(e, Subscript) and isinstance(plain(e.value.kind), Array) and is_advanced(e.index):
        return True
    if isinstance(e, (Subscript, Attribute)) and not isinstance(e.kind, Number):
        return isinstance(e, Subscript) and isinstance(e.index.kind, Sliced) and isinstance(plain(e.kind), Listing)
    return not isinstance(e, Name) and not sharers(e)


def makes_array(e: Expr) -> bool:
    """Whether the value of `e`, of which too little is known, is an array or a number all the same, made by a rule."""
    if isinstance(e, Op):
        sure = {"+": (Array, Number), "*": Array}.get(e.op, ())  # xs * 2 is a list where xs is one
        return e.op in ("-", "/", "**", "@", "neg") or any(isinstance(plain(x.kind), sure) for x in e.args)
    applied = function_of(e) if isinstance(e, Call) else None
    return applied is not None and registry.find(applied[0]) is not None and is_fresh(e)


def makes_container(e: Expr) -> bool:
    """Whether the value of `e` is a container made by it; its items may be others'."""
    match e:
        case Tuple() | List() | Dict() | Comprehension() | Call(fn=Ref(obj=runtime.duplicate)):
            return True
        case Call(fn=Ref(obj=cls), kind=Items()):
            return cls is e.kind.cls and not is_plain_class(cls)  # whose __init__ may keep more than its arguments
    return False


def substituted(e: Node, values: dict[str, Expr]) -> Node:
    """An expression or statement with expressions in place of variables."""
    if isinstance(e, Name):
        return values.get(e.id, e)
    return map_children(e, lambda n: substituted(n, values))


def is_hashable(obj) -> bool:
    try:
        hash(obj)
    except TypeError:
        return False
    return True


def is_harmless(obj) -> bool:
    module = getattr(obj, "__module__", None) or ""
    owner = getattr(obj, "__self__", None)
    return (
        is_hashable(obj)
        and obj in HARMLESS
        or module in ("logging", "warnings")
        or (type(owner).__module__ == "logging")
    )
