"""Functions and methods that change an argument in place, said as the assignments that they stand for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import Array, Items, Kind, Listing, Nothing, Number, is_list, item_kind, plain
from srcad.analysis.specialise.sharing import is_hashable
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Dict, Expr, ExprStmt, Filled, For, List, Name, Op, Ref, Slice, Stmt,
    Subscript, Tuple, call_of, reference,
)  # fmt: skip
from srcad.rules import registry

if TYPE_CHECKING:
    from srcad.analysis.specialise.program import Specialiser


def whole(a: Expr) -> Subscript:
    return Subscript(a, Const(Ellipsis, at=a.at), at=a.at)


def flat(a: Expr, index: Expr) -> Subscript:
    return Subscript(Attribute(a, "flat", at=a.at), index, at=a.at)


# ---------------------------------------------------------------------------------------------------------------
# NumPy: each takes the specialiser and the arguments, and gives a statement, or None for a form that it does not know


def _copyto(self, dst, src, casting=None, where=None):
    return Assign(whole(dst), src if where is None else call_of(np.where, where, src, dst))


def _put(self, a, ind, v, mode=None):
    return Assign(flat(a, ind), v) if mode is None else None


def _fill_diagonal(self, a, val, wrap=None):
    if wrap is not None or getattr(self.peek(a), "rank", None) != 2:
        return None
    n = Subscript(a.shape, Const(1))
    return Assign(flat(a, Slice(None, n * n, n + 1)), val)


def _at(op):
    def build(self, a, indices, b):
        shape = call_of(np.shape, Subscript(a, indices))
        return AugAssign(whole(a), op, call_of(runtime.scatter, call_of(np.broadcast_to, b, shape), indices, a.shape))

    return build


def _at_each(ufunc):
    def build(self, a, indices, b):
        """One item after the other, for what does not add up: an item that `indices` names twice is changed twice."""
        kinds = [plain(self.peek(x)) for x in (indices, b)]
        ranks = [1 if is_list(k) else getattr(k, "rank", None) for k in kinds]
        if ranks[0] != 1 or ranks[1] not in (0, 1):
            return None
        names = self.special.names
        places, k = Name(names.new("places"), at=a.at), Name(names.new("k"), at=a.at)
        place = Subscript(a, Subscript(places, k, at=a.at), at=a.at)
        values = Name(names.new("values"), at=a.at)
        value = values if ranks[1] == 0 else Subscript(values, k, at=a.at)
        held = Assign(values, call_of(np.copy, b) if isinstance(kinds[1], Array) else b, at=a.at)
        changed = Assign(place, Call(reference(ufunc), (place, value), at=a.at), at=a.at)
        count = Call(Ref(range, "range"), (Call(Ref(len, "len"), (places,), at=a.at),), at=a.at)
        return held, Assign(places, indices, at=a.at), For(k, count, (changed,), at=a.at)

    return build


def _add_into(self, bar, more):
    """The statements, item by item, that add an adjoint to that of a list or a dictionary of known keys, in place."""
    setup = []
    if not isinstance(more, Name):
        setup, more = [Assign(Name(self.fresh("more", more)), more)], Name(self.fresh("more", more))

    def added(a: Expr, b: Expr, kind: Kind, other: Kind) -> list[Stmt]:
        kind, other = plain(kind), plain(other)
        match kind, other:
            case (Nothing(), _) | (_, Nothing()):
                return []
            case Items(keys=keys), Items():
                parts = [(Const(k), kind.item(k), other.item(k)) for k in keys if other.item(k) is not None]
                return [s for k, x, y in parts for s in added(Subscript(a, k), Subscript(b, k), x, y)]
            case Listing(item=item), (Listing() | Items()):
                k = Name(self.special.names.new("k"))
                body = added(Subscript(a, k), Subscript(b, k), item, item_kind(other))
                return [For(k, call_of(range, call_of(len, a)), tuple(body))] if body else []
        return [Assign(a, call_of(runtime.add, a, b))]

    kind, other = self.peek(bar), self.peek(setup[0].value if setup else more)
    if not all(isinstance(plain(k), (Items, Listing)) for k in (kind, other)):
        return None
    return (*setup, *added(bar, more, kind, other))


FUNCTIONS = {
    runtime.add_into: _add_into,
    np.copyto: _copyto,
    np.put: _put,
    np.fill_diagonal: _fill_diagonal,
    np.add.at: _at("+"),
    np.subtract.at: _at("-"),
    runtime.add_at: _at("+"),
    **{ufunc.at: _at_each(ufunc) for ufunc in (np.multiply, np.divide, np.maximum, np.minimum)},
}

METHODS = {
    "fill": lambda self, a, value: Assign(whole(a), value),
    "put": _put,
    "sort": lambda self, a, axis=None: Assign(whole(a), call_of(np.sort, a, -1 if axis is None else axis)),
    "partition": lambda self, a, kth, axis=None: Assign(
        whole(a), call_of(np.partition, a, kth, -1 if axis is None else axis)
    ),
}


# ---------------------------------------------------------------------------------------------------------------
# Lists: of a list that nobody else sees, a new one takes the place


def _cut(xs: Expr, i: Expr, j: Expr | None) -> Expr:
    """`xs` without the items from i up to j."""
    rest = Subscript(xs, Slice(j, None, None))
    return Subscript(xs, Slice(None, i, None)) if j is None else Op("+", (Subscript(xs, Slice(None, i, None)), rest))


def _next(i: Expr) -> Expr | None:
    match i:
        case Const(value=int() as k):
            return Const(k + 1)
        case Op(op="neg", args=(Const(value=1),)):
            return None
        case Op(op="neg", args=(Const(value=k),)):
            return Op("neg", (Const(k - 1),))
    return i + 1


LIST_METHODS = {
    "insert": lambda xs, i, v: Subscript(xs, Slice(None, i, None)) + List((v,)) + Subscript(xs, Slice(i, None, None)),
    "pop": lambda xs, i: _cut(xs, i, _next(i)),
    "clear": lambda xs: List(()),
    "reverse": lambda xs: Subscript(xs, Slice(None, None, Const(-1))),
    "sort": lambda xs, **options: Call(Ref(sorted, "sorted"), (xs,), tuple(options.items())),
}


def _update(self: Specialiser, owner: Expr, e: Call) -> tuple[Stmt, ...] | None:
    """`d.update(other, key=v)` as one write after the other."""
    entries = []
    for other in e.args:
        kind = plain(self.peek(other))
        if isinstance(other, Dict) and all(isinstance(k, Const) for k in other.keys):
            entries += [(k.value, v) for k, v in zip(other.keys, other.values)]
        elif isinstance(kind, Items) and kind.cls is dict and isinstance(other, Name):
            entries += [(k, Subscript(other, Const(k))) for k in kind.keys]
        else:
            return None
    entries += e.kwargs
    names = self.special.names
    held = [(k, v if isinstance(v, Const) else Name(names.new("item"), at=e.at), v) for k, v in entries]
    values = tuple(Assign(name, v, at=e.at) for _, name, v in held if name is not v)
    return *values, *(Assign(Subscript(owner, Const(k), at=e.at), name, at=e.at) for k, name, _ in held)


def in_place(self: Specialiser, s: ExprStmt, e: Call) -> Stmt | None:
    """The statement that a call for its effect stands for; None where it is none of these."""
    key = ("in place", e)
    if self.rewritten.get(key) is None:
        self.rewritten[key] = _placed(_desugared(self, s, e), s)
    return self.rewritten[key]


def _desugared(self: Specialiser, s: ExprStmt, e: Call) -> Stmt | None:
    options = dict(e.kwargs)
    if None in options:
        return None
    try:
        match e.fn:
            case Ref(obj=obj) if is_hashable(obj) and obj in FUNCTIONS:
                return FUNCTIONS[obj](self, *e.args, **options)
            case Attribute(value=owner, attr=attr):
                kind = plain(self.peek(owner))
                if isinstance(kind, Array) and attr in METHODS:
                    return METHODS[attr](self, owner, *e.args, **options)
                if attr == "update" and isinstance(kind, Items) and kind.cls is dict and self.peek_varied(e):
                    return _update(self, owner, e)
                if is_list(kind) and isinstance(owner, Name) and self.peek_varied(e):
                    if attr == "pop" and not e.args:
                        return Assign(Name(self.fresh("item", e)), e)
                    if attr in LIST_METHODS:
                        return self.renewed(s, owner, LIST_METHODS[attr](owner, *e.args, **options))
    except TypeError:  # other arguments than it knows
        pass
    return None


def _placed(s: Stmt | None, of: Stmt) -> Stmt | None:
    """A statement with the place of the one that it stands for."""
    if isinstance(s, tuple):
        return tuple(_placed(part, of) for part in s)
    if s is None or s.at is not None:
        return s
    return replace(s, at=of.at)


def into(self: Specialiser, e: Call) -> Expr | None:
    """`np.exp(x, out=y)` as `y[...] = np.exp(x)`, and y as its value; None for a call that writes nowhere."""
    options = dict(e.kwargs)
    args, out = e.args, options.pop("out", None)
    match e.fn:
        case Ref(obj=np.ufunc() as ufunc):
            if len(args) == ufunc.nin + 1 and ufunc.nout == 1 and out is None:
                *args, out = args
        case Ref(obj=np.dot) if len(args) == 3:
            *args, out = args
        case Ref(obj=obj) if not (is_hashable(obj) and registry.find(obj)):
            return None
        case Attribute(value=owner, attr=attr) if attr in registry.METHODS and out is not None:
            if not isinstance(plain(self.peek(owner)), (Array, Number)):
                return None
        case Ref():
            pass
        case _:
            return None
    out = out.elts[0] if isinstance(out, Tuple) and len(out.elts) == 1 else out
    if out is None or isinstance(self.peek(out), Nothing):
        return None
    key = ("into", e)
    if key not in self.rewritten:
        if "where" in options:
            options["out"] = Const(None)  # what NumPy does not compute, it takes from anywhere, and np.where passes over
        value: Expr = replace(e, args=tuple(args), kwargs=tuple(options.items()))
        if "where" in options:
            value = Call(Ref(np.where, "np.where"), (options["where"], value, out), at=e.at)
        self.rewritten[key] = (Assign if "where" in options else Filled)(whole(out), value, at=e.at)
    self.statement(self.rewritten[key])
    return self.expr(out)


