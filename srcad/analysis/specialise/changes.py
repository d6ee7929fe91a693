"""What a call may change of the constants in containers: afterwards, what is known of their items is less.

The kind of an item may tell its value (`[0]`), its type, or that it is None. Statements that write into items say what
is there then; of a call that is kept as it is (`heapq.heappush(h, 3)`, `d.update(more)`) only its result is used, and it
is here that the items of what it gets are forgotten.
"""

from __future__ import annotations

import functools
import types
from dataclasses import replace

from srcad.analysis import kinds
from srcad.analysis.kinds import (
    UNKNOWN, Callee, Items, Kind, Listing, Literal, Maybe, Never, Nothing, Number, Opaque, Unknown, item_kind, join, plain,
)  # fmt: skip
from srcad.analysis.specialise.sharing import is_harmless
from srcad.core.nodes import Attribute, AugAssign, Call, Comprehension, Expr, Lambda, Ref, Seen, walk
from srcad.core.places import root_name
from srcad.structure import is_library

CHANGING = {
    "add", "append", "byteswap", "clear", "discard", "extend", "fill", "insert", "partition", "pop", "popitem", "put",
    "remove", "resize", "reverse", "setdefault", "setfield", "setflags", "sort", "update", "move_to_end", "subtract",
    "appendleft", "extendleft", "popleft", "rotate",
    "__setitem__", "__delitem__", "__iadd__", "__imul__", "__ior__", "__init__", "__setattr__", "__delattr__",
}  # fmt: skip
"""Methods of arrays and containers that change what they belong to."""

READING_MODULES = {
    "builtins", "cmath", "collections", "copy", "decimal", "fractions", "functools", "itertools", "json", "math",
    "numbers", "re", "srcad", "statistics", "string", "textwrap", "time", "typing",
}  # fmt: skip
"""Modules whose functions leave the containers that they get as they are."""


class Changes:
    """The part of the specialisation that forgets what calls make untrue."""

    def note_changes(self, e: Expr) -> None:
        """Takes back what is known of the constants that a call may change."""
        if not isinstance(e, Call) or isinstance(e, Seen) or isinstance(e.kind, Never):  # a recursion that is under way
            return
        self.forget(changed_by(e), given_by(e))

    def note_change_by_operator(self, s: AugAssign) -> None:
        """Takes back what is known of a container of constants that `|=`, `*=` and the like have changed."""
        if may_hold_constants(plain(s.target.kind)):
            self.forget([s.target], items_of(plain(s.value.kind)))

    def forget(self, changed: list[Expr], given: list[Kind]) -> None:
        """Takes back what is known of the items of places; `given` are the kinds of what these may have got."""
        for place in changed:
            name = root_name(place)
            known = self.env.get(name)
            if known is not None and not known.varied:
                self.update(name, replace(known, kind=forgotten(known.kind, given)))
        if any(isinstance(plain(x.kind), (Unknown, Opaque)) for x in changed):  # it may hold any of the others
            for name, known in self.env.items():
                self.update(name, replace(known, kind=loosened(known.kind)))

    def check_late_changes(self, e: Comprehension | Lambda) -> None:
        """Refuses an expression that changes a list or a dictionary from outside of it each time that it is evaluated."""
        own = {p.id for p in e.function.params} if isinstance(e, Lambda) else set()
        for n in walk(e):
            if isinstance(n, Call) and isinstance(n.fn, Attribute) and n.fn.attr in CHANGING:
                name = root_name(n.fn.value)
                if name in self.env and name not in own and isinstance(plain(self.env[name].kind), (Items, Listing)):
                    what = "a lambda" if isinstance(e, Lambda) else "a comprehension"
                    self.refuse(n, f"{what} that changes `{name}`", "Write a loop, or a nested function.")


def changed_by(e: Call) -> list[Expr]:
    """The containers, and objects of which little is known, that a call kept as it is may change."""
    args = [*e.args, *(v for _, v in e.kwargs)]
    match e.fn:
        case Attribute(value=value, attr=attr):
            kind = plain(value.kind)
            is_known = isinstance(kind, (Items, Listing)) or isinstance(kind, Opaque) and is_library(kind.type)
            found = [value] if attr in CHANGING else [] if is_known else [value, *args]
        case Ref(obj=obj):
            found = args if changes_arguments(obj) else []
        case _:
            found = args
    return [x for x in found if root_name(x) is not None and may_hold_constants(plain(x.kind))]


def changes_arguments(obj) -> bool:
    """Whether a function may change a container that it gets."""
    if kinds.is_pure(obj) or is_harmless(obj) or isinstance(obj, type):
        return False
    if isinstance(obj, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return obj.__name__ in CHANGING
    return (getattr(obj, "__module__", None) or "").partition(".")[0] not in READING_MODULES


def given_by(e: Call) -> list[Kind]:
    """The kinds of the items that a call may put into what it changes."""
    args = [plain(a.kind) for a in (*e.args, *(v for _, v in e.kwargs))]
    match e.fn:
        case Attribute(value=value, attr="append" | "appendleft" | "insert") if is_listing(value):
            return args[-1:]
        case Attribute(value=value, attr="extend" | "extendleft") if is_listing(value):
            return [item_kind(k) for k in args]
        case Attribute(value=value) if is_listing(value):
            return [k for a in args for k in items_of(a)]
        case Ref(obj=obj) if getattr(obj, "__module__", None) in ("_heapq", "heapq", "_bisect", "bisect", "random"):
            return args[1:2]  # `heappush(heap, item)`, `insort(a, x, lo, hi)`, `shuffle(x)`
    return [UNKNOWN]


def is_listing(e: Expr) -> bool:
    return isinstance(plain(e.kind), (Items, Listing))


def may_hold_constants(kind: Kind | None) -> bool:
    match kind:
        case None | Unknown() | Listing():
            return True
        case Items(cls=cls):
            return cls is not tuple and not isinstance(cls, types.GenericAlias)
        case Opaque(type=cls):
            return cls not in (str, bytes, range, type, types.ModuleType)
    return False


def items_of(kind: Kind | None) -> list[Kind]:
    """The kinds that a container gets by a call with an argument of this kind: it, or what it has."""
    if isinstance(kind, (Items, Listing)):
        return [kind, item_kind(kind)]
    return [UNKNOWN if kind is None else kind]


def forgotten(kind: Kind, given: list[Kind]) -> Kind:
    """The kind of a container that has got more items, or others in another order."""
    match kind:
        case Listing(item=item, cls=cls):
            return Listing(functools.reduce(join, map(valueless, given), valueless(item)), cls)
        case Items(cls=cls, items=items) if cls in (list, dict):
            return Listing(functools.reduce(join, map(valueless, (*items, *given))), cls) if (*items, *given) else kind
        case Items(cls=cls, items=items) if cls is tuple or hasattr(cls, "_fields"):
            return replace(kind, items=tuple(forgotten(i, given) for i in items))
        case Items(items=items):
            return replace(kind, items=tuple(UNKNOWN if may_hold_constants(i) else valueless(i) for i in items))
        case Maybe(item=item):
            return Maybe(forgotten(item, given))
    return kind


def valueless(kind: Kind) -> Kind:
    """A kind that tells no value: of an item that may have become another."""
    match kind:
        case Number():
            return replace(kind, value=None)
        case Literal(value=value):
            return Opaque(type(value))
        case Listing() | Items():
            return loosened(kind)
        case Nothing() | Callee():
            return kind
    return kind


def loosened(kind: Kind) -> Kind:
    """A kind that tells no values of what is in lists, dictionaries and objects."""
    match kind:
        case Listing(item=item, cls=cls):
            return Listing(valueless(item), cls)
        case Items(cls=cls, items=items):
            inside = loosened if issubclass(cls, tuple) else valueless
            return replace(kind, items=tuple(map(inside, items)))
        case Maybe(item=item):
            return Maybe(loosened(item))
    return kind



__all__ = ["CHANGING", "Changes", "changed_by"]
