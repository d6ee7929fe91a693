"""Methods of arrays, containers and objects."""

from __future__ import annotations

import builtins
import inspect
import types
from dataclasses import replace

from srcad.analysis import kinds
from srcad.analysis.kinds import (
    NEVER, NOTHING, UNKNOWN, Array, Callee, Items, Listing, Never, Number, Opaque, Unknown, plain,
)  # fmt: skip
from srcad.analysis.operations import CONSTANT_METHODS, library_method
from srcad.analysis.specialise.in_place import LIST_METHODS
from srcad.analysis.specialise.invocations import WITH_TEXT
from srcad.analysis.specialise.operated import const_key
from srcad.analysis.specialise.sharing import ANY
from srcad.core.nodes import (
    Assign, Attribute, Call, Clause, Compare, Comprehension, Const, Dict, Expr, If, IfExp, Name, Op, Ref, Subscript, Tuple,
)  # fmt: skip
from srcad.core.places import root_name
from srcad.rules import registry
from srcad.structure import is_library, is_plain_class


class Methods:
    """The part of the specialisation that goes through calls of methods."""

    def method(self, e: Call) -> Expr | None:
        """A call of a method; None if the attribute is no method that is known by the kind of its object."""
        match e.fn.value:
            case Call(fn=Ref(obj=builtins.super), args=(Ref(obj=cls), Name() as this)):
                return self.super_method(e, cls, self.expr(this))
        value = self.expr(e.fn.value)
        kind, attr = plain(value.kind), e.fn.attr
        asked, e = e, replace(e, fn=replace(e.fn, value=value))
        if isinstance(kind, (Array, Number)) or isinstance(kind, Unknown) and attr in registry.METHODS:
            if attr in registry.METHODS:
                args, kwargs = self.arguments(e)
                return self.typed_operation(replace(e, args=args, kwargs=kwargs))
            args, kwargs = self.arguments(e)
            e = replace(e, args=args, kwargs=kwargs)
            if attr in CONSTANT_METHODS:
                return replace(e, kind=UNKNOWN)
            if attr in ("tolist", "item") and value.varied:
                return None if attr == "tolist" else self.typed_operation(e)
            return replace(e, kind=UNKNOWN, varied=value.varied)
        if isinstance(kind, Never):
            return replace(e, kind=NEVER, varied=value.varied)
        if isinstance(kind, Items) and kind.cls is dict and attr == "get" and e.args and isinstance(e.args[0], Const):
            found = kind.item(e.args[0].value)
            if found is not None:
                return self.expr(Subscript(value, e.args[0], at=e.at))
            return self.expr(e.args[1]) if len(e.args) > 1 else replace(Const(None, at=e.at), kind=NOTHING)
        if isinstance(kind, (Items, Listing)) and kind.cls is dict and attr in ("get", "setdefault") and e.args:
            is_kept = attr == "setdefault" and root_name(value) in self.env
            if not isinstance(e.args[0], Const) and not e.kwargs and (is_kept or self.peek_varied(asked)):
                return self.got(asked, value)
        if isinstance(kind, Items) and kind.cls is dict and attr == "setdefault" and len(e.args) == 2:
            if isinstance(e.args[0], Const):
                place = Subscript(value, e.args[0], at=e.at)
                if kind.item(e.args[0].value) is None:
                    self.statement(Assign(place, e.args[1], at=e.at))
                return self.expr(place)
        if isinstance(kind, Listing) and kind.cls is dict and attr == "values" and value.varied and not e.args:
            return self.listed_values(asked, value)
        if isinstance(kind, (Items, Listing)) and issubclass(kind.cls, (tuple, list, dict)) and hasattr(kind.cls, attr):
            found = inspect.getattr_static(kind.cls, attr)
            if attr in ("values", "items") and isinstance(kind, Items) and value.varied and not e.args:
                return self.view(e, self.held(value), attr)
            if not isinstance(found, types.FunctionType):
                args, kwargs = self.arguments(e)
                e = replace(e, args=args, kwargs=kwargs)
                varied = value.varied or any(a.varied for a in args)
                if attr == "copy":
                    return replace(e, kind=kind, varied=value.varied)
                if attr in ("index", "count", "keys"):
                    return replace(e, kind=UNKNOWN)
                if attr == "pop" and not varied:
                    self.claim_constant(e, value)
                if attr == "pop" and isinstance(value, Name) and kinds.is_list(kind) and varied:
                    return self.popped(e, value, Listing(kinds.item_kind(kind)), args, asked)
                if attr == "pop" and isinstance(value, Name) and isinstance(kind, Items) and kind.cls is dict and varied:
                    taken = self.popped_entry(asked, value, kind, args)
                    if taken is not None:
                        return taken
                if varied and attr not in ("items", "values"):
                    self.refuse(
                        e,
                        f"`.{attr}` of a container of values that are differentiated",
                        "Build a new container by an expression.",
                    )
                is_item = attr == "pop" and isinstance(kind, Listing)
                return replace(e, kind=kind.item if is_item else UNKNOWN, varied=varied)
        if isinstance(kind, Items) and hasattr(kind.cls, "_fields") and attr == "_replace" and not e.args:
            changed = dict(e.kwargs)
            holder = self.held(value)
            fields = [changed.get(f, Attribute(holder, f, at=e.at)) for f in kind.cls._fields]
            return self.expr(Call(Ref(kind.cls, kind.cls.__name__, at=e.at), tuple(fields), at=e.at))
        if isinstance(kind, Items) and hasattr(kind.cls, "_fields") and attr == "_asdict" and not e.args:
            holder = self.held(value)
            fields = [Attribute(holder, f, at=e.at) for f in kind.cls._fields]
            return self.expr(Dict(tuple(map(Const, kind.cls._fields)), tuple(fields), at=e.at))
        cls = kind.cls if isinstance(kind, Items) else kind.type if isinstance(kind, Opaque) else None
        if library_method(value, attr) is not None:
            args, kwargs = self.arguments(e)
            return self.typed_operation(replace(e, args=args, kwargs=kwargs))
        made = registry.class_made((cls, attr)) if isinstance(kind, Opaque) else None
        if made is not None and not e.args and not e.kwargs:
            return replace(e, kind=Opaque(made), varied=value.varied)
        if cls is not None:
            found = inspect.getattr_static(cls, attr, None)
            of_library = isinstance(kind, Opaque) and is_library(kind.type)
            if isinstance(found, WITH_TEXT) and not (of_library and is_library(found)):
                if isinstance(kind, Items) and kind.is_record and not is_library(found):
                    return self.invoke(e, found, (value,), ())
                if isinstance(kind, Opaque) and is_plain_class(cls) and self.changes_itself(found) and self.peek_varied(e):
                    self.special.is_aliasing = True  # what is made here is gone through anew, as a record
                return self.maybe_invoke(e, found, (value,))
            if isinstance(found, staticmethod):
                return self.maybe_invoke(e, found.__func__, ())
            if isinstance(found, classmethod):
                return self.maybe_invoke(e, found.__func__, (Ref(cls, cls.__name__, kind=Callee(cls)),))
            if isinstance(kind, Opaque):
                args, kwargs = self.arguments(e)
                varied = value.varied or any(a.varied for a in args) or any(v.varied for _, v in kwargs)
                return replace(e, args=args, kwargs=kwargs, kind=UNKNOWN, varied=varied)
        return None

    def listed_values(self, e: Call, mapping: Expr) -> Expr:
        """`d.values()` of a dictionary of unknown keys, as a list."""
        key = ("values", e)
        if key not in self.rewritten:
            k = Name(self.special.names.new("key"), at=e.at)
            clause = Clause(k, mapping, (), at=e.at)
            self.rewritten[key] = Comprehension("list", Subscript(mapping, k, at=e.at), (clause,), at=e.at)
        return self.expr(self.rewritten[key])

    def got(self, e: Call, mapping: Expr) -> Expr:
        """`d.get(key, x)` as `d[key] if key in d else x`, and `d.setdefault(key, x)`, which puts x there."""
        if e not in self.rewritten:
            key, (wanted, *others) = Name(self.special.names.new("key"), at=e.at), e.args
            item, default = Subscript(mapping, key, at=e.at), others[0] if others else Const(None, at=e.at)
            if e.fn.attr == "get":
                made: Expr = IfExp(Compare(("in",), (key, mapping), at=e.at), item, default, at=e.at)
                self.rewritten[e] = (Assign(key, wanted, at=e.at),), made
            else:
                absent = If(Compare(("not in",), (key, mapping), at=e.at), (Assign(item, default, at=e.at),), at=e.at)
                self.rewritten[e] = (Assign(key, wanted, at=e.at), absent), item
        setup, made = self.rewritten[e]
        for s in setup:
            self.statement(s)
        return self.expr(made)

    def popped_entry(self, e: Call, owner: Name, kind: Items, args) -> Expr | None:
        """`d.pop(key)` of a dictionary of known keys: the entry, and a dictionary without it; None where the key is not
        known, or not there."""
        try:
            key = const_key(args[0]) if args else None
        except ValueError:
            return None
        if kind.item(key) is None:
            return args[1] if len(args) > 1 else None
        item = self.named(self.typed_operation(Subscript(owner, Const(key), at=e.at)), "item")
        rest = self.without_entry(e, owner, kind, key)
        self.shortened(owner, rest)
        return item

    def popped(self, e: Call, owner: Name, kind: Listing, args, asked: Call) -> Expr:
        """`xs.pop()` in a statement of its own; `xs.pop(i)` as the item, and a list without it."""
        if not self.claim(owner.id):
            self.refuse(e, f"`{owner.id}.pop(…)` of a list that another name may share", "Pop from a copy of it.")
        self.update(owner.id, replace(self.env[owner.id], kind=kind))
        last = not args or isinstance(args[0].kind, Number) and args[0].kind.value == -1
        if last:
            self.moved(Subscript(owner, Op("neg", (Const(1),))))
            return self.taken_out(owner, replace(e, args=(), kind=kind.item, varied=True))
        index = self.held_index(args[0])
        key = ("pop", asked)
        if key not in self.rewritten:
            self.rewritten[key] = LIST_METHODS["pop"](owner, index)
        rest = self.renewed(e, owner, self.rewritten[key])
        item = self.taken_out(owner, self.typed_operation(Subscript(owner, index, at=e.at)))
        self.shortened(owner, rest)
        return item

    def taken_out(self, owner: Name, typed: Expr) -> Name:
        """An item that a list has no more, in a variable: nobody else sees it then if nobody did."""
        known = self.env[owner.id]
        item = self.named(typed, "item")
        self.update(owner.id, known)
        self.temporaries.add(item.id)
        held = frozenset((way[1:], name) for way, name in known.held)
        self.update(item.id, replace(self.env[item.id], owned=known.owned and known.is_alone_at((ANY,)), held=held))
        return item

    def view(self, e: Call, holder: Expr, attr: str) -> Expr:
        """`d.values()` or `d.items()` of a dictionary of known keys, written out."""
        keys = plain(holder.kind).keys
        values = [self.expr(Subscript(holder, Const(k), at=e.at)) for k in keys]
        if attr == "items":
            values = [self.expr_of_parts(Tuple((self.expr(Const(k)), v), at=e.at)) for k, v in zip(keys, values)]
        return self.expr_of_parts(Tuple(tuple(values), at=e.at))
