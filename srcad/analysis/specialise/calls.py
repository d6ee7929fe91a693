"""Calls: which function is meant, and what becomes of its call."""

from __future__ import annotations

import builtins
import inspect
import os
import types
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    NEVER, NOTHING, UNKNOWN, Array, Callee, Either, Items, Kind, Listing, Literal, Never, Number, Opaque, Unknown,
    is_float, plain,
)  # fmt: skip
from srcad.analysis.operations import CONSTANT_METHODS, library_method, python_value
from srcad.analysis.specialise.expressions import describe
from srcad.analysis.specialise.in_place import LIST_METHODS, into
from srcad.analysis.specialise.numpy_forms import call_of_vectorized, vectorized_at_once
from srcad.analysis.specialise.operated import const_key
from srcad.analysis.specialise.sharing import aliases, is_hashable, references
from srcad.analysis.specialise.special_forms import CONSTANT_BUILTINS, SPECIAL_FORMS, ufunc_method
from srcad.analysis.specialise.values import Local, Place, Special, Value, normalised, unnamed
from srcad.analysis.specialise.writes import holds_others, is_step, with_item
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Clause, Compare, Comprehension, Const, Dict, Expr, ExprStmt, Foreign, Function,
    Global, IfExp, Invoke, Lambda, Name, Ref, Seen, Starred, Subscript, Tuple, Unseen, lift, reference, walk,
)  # fmt: skip
from srcad.checkpointing import Checkpointed, checkpoint
from srcad.core.places import root_name, root_of, steps
from srcad.core.printer import text
from srcad.errors import KindError, Origin, SrcadError, Unsupported
from srcad.rules import registry
from srcad.structure import is_library, is_plain_class


WITH_TEXT = types.FunctionType, Checkpointed
"""Functions whose text is gone through."""


class Calls:
    """The part of the specialisation that goes through calls."""

    def call(self, e: Call) -> Expr:
        special = SPECIAL_FORMS.get(e.fn.obj) if isinstance(e.fn, Ref) and is_hashable(e.fn.obj) else None
        if special is not None:
            built = special(self, e)
            if built is not None:
                return built
        if isinstance(e.fn, Call) and (built := vectorized_at_once(self, e)) is not None:
            return built
        if (built := ufunc_method(self, e)) is not None:
            return built
        written = into(self, e)
        if written is not None:
            return written
        if isinstance(e.fn, Attribute):
            built = self.method(e)
            if built is not None:
                return built
        local = self.local_function(e.fn)
        if local is not None:
            return self.invoke(e, local, (), self.captured(local))
        derived = self.derived(e)
        if derived is not None:
            return self.closure(*derived)
        fn = self.expr(e.fn)
        args, kwargs = self.arguments(e)
        e = self.spelled_out(replace(e, fn=fn, args=args, kwargs=kwargs))
        args, kwargs = e.args, e.kwargs
        varied = any(a.varied for a in args) or any(v.varied for _, v in kwargs)
        kind = fn.kind
        if isinstance(kind, Callee):
            return self.call_of(e, kind, varied)
        if isinstance(kind, Either):
            return self.call_of_one(e, fn, kind)
        cls = kind.type if isinstance(kind, Opaque) else kind.cls if is_record(kind) else None
        if library_method(fn, "__call__") is not None:
            return self.typed_operation(e)
        called = inspect.getattr_static(cls, "__call__", None) if isinstance(kind, Opaque) else None
        if called is not None and (stand_in := registry.stand_in(called)) is not None:
            return self.call_of_stand_in(replace(e, args=(fn, *args)), called, stand_in)
        if cls is not None and callable_method(cls) is not None:
            return self.invoke(e, callable_method(cls), (fn,), ())
        if varied or fn.varied:
            self.refuse(e, "a call of something that is not known to be a function", "Pass a plain function.")
        return replace(e, kind=UNKNOWN)

    def arguments(self, e: Call):
        parts = self.exprs([*e.args, *(v for _, v in e.kwargs)])
        count = len(e.args)
        return parts[:count], tuple((k, v) for (k, _), v in zip(e.kwargs, parts[count:]))

    def spelled_out(self, e: Call) -> Call:
        """A call of a library function without the stars whose items are known."""
        if not has_star(e) or not self.is_of_library(e.fn):
            return e
        args: list[Expr] = []
        for a in e.args:
            inner = plain(a.value.kind) if isinstance(a, Starred) else None
            if isinstance(inner, Items) and inner.is_sequence:
                holder = self.named(a.value, "items")
                args += [self.expr(Subscript(holder, Const(i), at=a.at)) for i in inner.keys]
            else:
                args.append(a)
        kwargs: list[tuple] = []
        for k, v in e.kwargs:
            inner = plain(v.kind)
            if k is None and isinstance(inner, Items) and inner.cls is dict:
                holder = self.named(v, "options") if inner.keys else v
                kwargs += [(key, self.expr(Subscript(holder, Const(key), at=v.at))) for key in inner.keys]
            else:
                kwargs.append((k, v))
        return replace(e, args=tuple(args), kwargs=tuple(kwargs))

    def is_of_library(self, fn: Expr) -> bool:
        """Whether a rule, or a stand-in, is applied by a call of `fn`."""
        obj = fn.kind.obj if isinstance(fn.kind, Callee) else None
        return registry.find(obj) is not None or registry.stand_in(obj) is not None or isinstance(obj, np.vectorize)

    def local_function(self, fn: Expr) -> Local | None:
        """The nested function that a call names directly, so that it sees the variables of this function."""
        match fn:
            case Name(id=id_):
                value = self.env.get(id_)
                if value is not None and isinstance(value.kind, Callee) and value.kind.extra == "local":
                    return self.with_siblings(value.kind.obj)
            case Lambda(function=function):
                return self.with_siblings(Local(self.with_fixed_defaults(function), self.special.owner))
            case Call(fn=Ref(obj=obj), args=(inner,), kwargs=()) if obj is checkpoint:
                local = self.local_function(inner)
                return None if local is None else replace(local, checkpointed=True)
            case Call():
                derived = self.derived(fn)
                return None if derived is None else derived[1]
        return None

    def call_of(self, e: Call, kind: Callee, varied: bool) -> Expr:
        """A call of a function that is known."""
        obj = kind.obj
        if isinstance(obj, Local):
            return self.invoke(e, obj, (), tuple(n for n, _ in kind.extra), kind)
        if isinstance(obj, np.vectorize):
            return call_of_vectorized(self, e, obj)
        stand_in = registry.stand_in(obj)
        if stand_in is not None:
            return self.call_of_stand_in(e, obj, stand_in)
        rule = registry.find(e.fn.obj if isinstance(e.fn, Ref) else obj)
        if rule is not None:
            if not isinstance(e.fn, Ref):
                e = replace(e, fn=replace(reference(obj), kind=kind, at=e.fn.at))
            return self.typed_operation(e)
        if varied and is_hashable(obj) and obj in registry.CONSTANT_OF_REALS:
            if any(kinds.is_complex(a.kind) for a in e.args):
                message = f"{text(e.fn)} of a complex number has no derivative rule"
                raise KindError(e.at, message, hint=registry.CONSTANT_OF_REALS[obj])
            e = replace(e, args=tuple(self.seen(runtime.real_operand, a, e, text(e.fn)) for a in e.args))
        if registry.is_constant(obj) or obj in CONSTANT_BUILTINS:
            pure = kinds.is_pure(obj)
            result = self.applied_kind(e, obj, e.args, e.kwargs) if pure and not has_star(e) else UNKNOWN
            return replace(e, kind=result, varied=False)
        if isinstance(kind.extra, tuple) and kind.extra and kind.extra[0] == "bound":
            if not isinstance(obj, WITH_TEXT):  # np.random.normal, which has no text
                return replace(e, kind=UNKNOWN, varied=varied)
            return self.invoke(e, obj, (Attribute(e.fn, "__self__", kind=Opaque(kind.extra[1]), at=e.at),), ())
        if isinstance(obj, type):
            return self.construct(e, obj, varied)
        if hasattr(obj, "__srcad_transform__"):
            return self.transformed(e, obj)
        derived = getattr(obj, "__srcad_function__", None)
        if derived is not None:
            return derived(self, e)
        if isinstance(obj, types.FunctionType) and not is_library(obj):
            if varied or self.may_read_varied(kind):
                return self.invoke(e, obj, (), ())
            return self.constant_call(e, obj)
        if kinds.is_pure(obj) and not has_star(e):
            return replace(e, kind=self.applied_kind(e, obj, e.args, e.kwargs), varied=varied)
        made = registry.class_made(obj)
        return replace(e, kind=UNKNOWN if made is None else Opaque(made), varied=varied)

    def call_of_stand_in(self, e: Call, obj, stand_in: registry.StandIn) -> Expr:
        """A call of a library function that is said in plain Python: of that, if what it depends on is varied."""
        try:
            given = stand_in.bind(e.args, dict(e.kwargs)) if not has_star(e) else None
        except TypeError as error:
            self.refuse(e, f"{describe(e.fn)} with these arguments ({error})", f"It takes {stand_in.parameters}.")
            return replace(e, kind=UNKNOWN)
        if given is None or not any(given[p].varied for p in stand_in.data if p in given):
            varied = given is None and any(a.varied for a in (*e.args, *(v for _, v in e.kwargs)))
            return replace(e, kind=UNKNOWN, varied=varied)
        try:
            stand_in.check({name: written_out(value) for name, value in given.items()})
        except registry.Refused as refused:
            self.refuse(e, f"{describe(e.fn)} has no derivative rule for {refused}")
            return replace(e, kind=UNKNOWN)
        called = Ref(stand_in.function, stand_in.function.__name__, kind=Callee(stand_in.function), at=e.fn.at)
        before = len(self.program.problems)
        try:
            found = self.invoke(replace(e, fn=called), stand_in.function, (), ())
        except SrcadError as error:
            raise seen_from(error, e.at) from None
        self.program.problems[before:] = [seen_from(p, e.at) for p in self.program.problems[before:]]
        return found

    def call_of_one(self, e: Call, fn: Expr, kind: Either) -> Expr:
        """A call of one of several functions: `f(x) if function is f else g(x)`."""
        holder = fn if isinstance(fn, Name) else self.named(fn, "function")
        *others, last = [replace(e, fn=replace(reference(o.obj), at=e.at)) for o in kind.options]
        chosen: Expr = last
        for call in reversed(others):
            chosen = IfExp(Compare(("is",), (holder, call.fn), at=e.at), call, chosen, at=e.at)
        return self.expr(chosen)

    def may_read_varied(self, kind: Callee) -> bool:
        return False

    def constant_call(self, e: Call, obj) -> Expr:
        """A call of a user's function with constant arguments: as it is, if it writes into none of them."""
        found = self.rehearsed(lambda: self.invoke(e, obj, (), ()))
        if found is None:
            return Unseen(e.fn, e.args, e.kwargs, kind=UNKNOWN, at=e.at)
        if not isinstance(found, Call):  # it writes: what it overwrites has to come back
            return self.invoke(e, obj, (), ())
        return replace(found, kind=UNKNOWN if found.varied else found.kind, varied=False)

    def construct(self, e: Call, cls: type, varied: bool) -> Expr:
        """An instance of a class: a record for dataclasses and namedtuples."""
        fields = record_fields(cls)
        if fields is None:
            if is_plain_class(cls) and (varied or self.special.is_aliasing):
                return self.instance(e, cls)
            if is_plain_class(cls):
                return replace(e, kind=self.constant_instance(e, cls))
            if varied and not issubclass(cls, BaseException):
                is_ours = (cls.__module__ or "").partition(".")[0] not in ("numpy", "scipy")
                hint = "Use a dataclass." if is_ours else "Only one that is made of constants can be used."
                self.refuse(e, f"an object of class {cls.__name__} made from differentiated values", hint)
            return replace(e, kind=Opaque(cls))
        try:
            bound = inspect.signature(cls).bind(*e.args, **dict(e.kwargs))
        except (TypeError, ValueError):
            return replace(e, kind=UNKNOWN, varied=varied)
        parts = {}
        for name in fields:
            if name in bound.arguments:
                parts[name] = bound.arguments[name]
            else:
                default = inspect.signature(cls).parameters[name].default
                parts[name] = self.expr(lift(default)) if is_literal(default) else None
        if any(p is None for p in parts.values()) or has_star(e):
            if varied:
                self.refuse(e, f"{cls.__name__}(…) with a default that is no literal", "Pass all fields.")
            return replace(e, kind=UNKNOWN)
        keys = tuple(range(len(fields))) if issubclass(cls, tuple) else tuple(fields)
        kind = Items(cls, keys, tuple(p.kind for p in parts.values()))
        return replace(e, args=tuple(parts.values()), kwargs=(), kind=kind, varied=varied)

    def instance(self, e: Call, cls: type) -> Expr:
        """An object of a class written in Python: a record that its `__init__` fills."""
        name = self.fresh(cls.__name__.lower(), e)
        self.temporaries.add(name)
        this = Name(name, kind=Items(cls, (), ()), at=e.at)
        maker = Ref(cls, e.fn.text if isinstance(e.fn, Ref) else cls.__name__, at=e.at)
        self.bind(name, Value(this.kind, owned=True, deep=True))
        self.emit(Assign(this, Call(Attribute(maker, "__new__"), (maker,), at=e.at), at=e.at))
        filling = Call(Attribute(maker, "__init__"), (this, *e.args), e.kwargs, at=e.at)
        self.invoke(filling, inspect.getattr_static(cls, "__init__"), (), ())
        return self.name(this, name)

    def constant_instance(self, e: Call, cls: type) -> Kind:
        """The kind of an object that is made of constants: what its attributes are, where that can be found."""
        made = self.rehearsed(lambda: self.instance(e, cls))
        return made.kind if made is not None and is_float(made.kind) else Opaque(cls)

    def super_method(self, e: Call, cls: type, this: Expr) -> Expr | None:
        """`super().name(…)`: the function of the class that comes after `cls`, applied to `this`."""
        kind = plain(this.kind)
        own = kind.cls if isinstance(kind, Items) else kind.type if isinstance(kind, Opaque) else cls
        if e.fn.attr == "__init__" and vars(cls).get("__init__") is not None and cls.__mro__[1] is object:
            return Const(None, kind=NOTHING, at=e.at)
        for base in own.__mro__[own.__mro__.index(cls) + 1 :]:
            function = vars(base).get(e.fn.attr)
            if isinstance(function, types.FunctionType):
                return self.invoke(e, function, (this,), ())
        return None

    def method(self, e: Call) -> Expr | None:
        """A call of a method; None if the attribute is no method that is known by the kind of its object."""
        match e.fn.value:
            case Call(fn=Ref(obj=builtins.super), args=(Ref(obj=cls), Name() as this)):
                return self.super_method(e, cls, self.expr(this))
        value = self.expr(e.fn.value)
        kind, attr = plain(value.kind), e.fn.attr
        e = replace(e, fn=replace(e.fn, value=value))
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
        if isinstance(kind, Items) and kind.cls is dict and attr == "setdefault" and len(e.args) == 2:
            if isinstance(e.args[0], Const):
                place = Subscript(value, e.args[0], at=e.at)
                if kind.item(e.args[0].value) is None:
                    self.statement(Assign(place, e.args[1], at=e.at))
                return self.expr(place)
        if isinstance(kind, Listing) and kind.cls is dict and attr == "values" and value.varied and not e.args:
            return self.listed_values(e, value)
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
                    return self.popped(e, value, Listing(kinds.item_kind(kind)), args)
                if attr == "pop" and isinstance(value, Name) and isinstance(kind, Items) and kind.cls is dict and varied:
                    taken = self.popped_entry(e, value, kind, args)
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
        key = ("values", id(e))
        if key not in self.rewritten:
            k = Name(self.special.names.new("key"), at=e.at)
            clause = Clause(k, mapping, (), at=e.at)
            self.rewritten[key] = e, Comprehension("list", Subscript(mapping, k, at=e.at), (clause,), at=e.at)
        return self.expr(self.rewritten[key][1])

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
        if rest is not None:
            self.statement(rest)
        return item

    def popped(self, e: Call, owner: Name, kind: Listing, args) -> Expr:
        """`xs.pop()` in a statement of its own; `xs.pop(i)` as the item, and a list without it."""
        if not self.claim(owner.id):
            self.refuse(e, f"`{owner.id}.pop(…)` of a list that another name may share", "Pop from a copy of it.")
        self.update(owner.id, replace(self.env[owner.id], kind=kind))
        last = not args or isinstance(args[0].kind, Number) and args[0].kind.value == -1
        if last:
            return self.named(replace(e, args=(), kind=kind.item, varied=True), "item")
        key = ("pop", id(e))
        if key not in self.rewritten:
            index = self.held_index(args[0])
            self.rewritten[key] = e, index, self.renewed(e, owner, LIST_METHODS["pop"](owner, index))
        _, index, rest = self.rewritten[key]
        item = self.named(self.typed_operation(Subscript(owner, index, at=e.at)), "item")
        if rest is not None:
            self.statement(rest)
        return item

    def changes_itself(self, method: types.FunctionType | Checkpointed) -> bool:
        """Whether a method sets attributes of its object, or calls something that may change them."""
        try:
            source = self.program.read(method.primal if isinstance(method, Checkpointed) else method)
        except SrcadError:
            return False
        this = source.params[0].id if source.params else None
        for n in walk(source):
            match n:
                case Assign(target=Attribute() | Subscript() as target) | AugAssign(target=target):
                    if root_name(target) == this:
                        return True
                case Call(fn=Attribute(value=Attribute() as owner)) if root_name(owner) == this:
                    return True
        return False

    def view(self, e: Call, holder: Expr, attr: str) -> Expr:
        """`d.values()` or `d.items()` of a dictionary of known keys, written out."""
        keys = plain(holder.kind).keys
        values = [self.expr(Subscript(holder, Const(k), at=e.at)) for k in keys]
        if attr == "items":
            values = [self.expr_of_parts(Tuple((self.expr(Const(k)), v), at=e.at)) for k, v in zip(keys, values)]
        return self.expr_of_parts(Tuple(tuple(values), at=e.at))

    def maybe_invoke(self, e: Call, function, first) -> Expr:
        args, kwargs = self.arguments(e)
        e = replace(e, args=args, kwargs=kwargs)
        if any(x.varied for x in (*first, *args)) or any(v.varied for _, v in kwargs):
            return self.invoke(e, function, first, ())
        return replace(e, kind=UNKNOWN)

    def invoke(self, e: Expr, target, first: tuple, captured: tuple[str, ...], closure: Callee | None = None) -> Expr:
        """A call of a function whose text is differentiated: hoisted into a statement of its own where it is varied."""
        checkpointed = is_checkpointed(target)
        target = target.primal if isinstance(target, Checkpointed) else target
        if isinstance(e, Call) and (not e.args or e.args[0].kind is None or any(a.kind is None for a in e.args)):
            args, kwargs = self.arguments(e)
            e = replace(e, args=args, kwargs=kwargs)
        if isinstance(target, Local) and target.derivatives:
            return self.invoke_derived(e, target, self.taken(e.fn, target, captured, closure))
        args = (*first, *(e.args if isinstance(e, Call) else ()))
        kwargs = e.kwargs if isinstance(e, Call) else ()
        source = normalised(target.function) if isinstance(target, Local) else self.program.read(target)
        if closure is not None and captured and not isinstance(e.fn, Name):
            e = replace(e, fn=self.named(e.fn, "function"))
        defaults = {} if isinstance(target, Local) else default_expressions(target)
        bound = self.bind_arguments(e, source, args, kwargs, defaults)
        if bound is None:
            return replace(e, kind=UNKNOWN)
        taken = self.taken(e.fn if isinstance(e, Call) else e, target, captured, closure) if captured else []
        operands = [*bound, *taken]
        values = [Value(o.kind, o.varied) for o in operands]
        is_inside = bool(self.loops) or self.special.is_inside
        special = self.program.special(target, captured, values, is_inside=is_inside)
        if special.written:
            values = merged(special, operands, values)
            special = self.program.special(target, captured, values, is_inside=is_inside)
        result = special.result
        kind = kinds.name_extents(unnamed(result.kind), self.site(e).symbol, tuple(self.loops))
        if special.taken and not self.gives_up(e, special, operands):
            return replace(e, kind=kind, varied=result.varied)
        if special.written:
            operands = self.lent(e, special, operands)
            if operands is None:
                return replace(e, kind=kind, varied=result.varied)
        if not (result.varied or special.written or isinstance(target, Local) and self.is_elsewhere(e)):
            if not isinstance(e, Call):
                return replace(e, kind=kind, varied=False)
            made = Seen if result.owned or isinstance(plain(kind), Number) else Foreign
            return made(e.fn, e.args, e.kwargs, callee=special, kind=kind, at=e.at)
        invoked = Invoke(special, tuple(operands), e, checkpointed, kind=kind, varied=result.varied, at=e.at)
        base = special.source.name if special.source.name.isidentifier() else "value"
        if special.handed_back is None:
            kinds_of = dict(zip(special.params, (v.kind for v in special.values)))
            if not all(isinstance(plain(kinds_of[p]), Array) for p in special.written):  # it may keep what it gets
                self.disown({n for p, o in zip(special.params, operands) if p not in special.written for n in aliases(o)})
            held = self.named(invoked, base)
            self.temporaries.add(held.id)
            return held
        given = operands[special.params.index(special.handed_back)]
        name = root_name(given)
        known = self.env[name]
        self.named(invoked, base)
        if isinstance(plain(known.kind), Array):  # the result is not used
            self.update(name, replace(self.env[name], owned=known.owned, deep=known.deep))
        return self.expr(given)

    def gives_up(self, e: Expr, special: Special, operands: list[Expr]) -> bool:
        """Whether the arrays that a function takes over are this function's to give, and nobody reads them afterwards;
        False, and a problem noted, where that is not so."""
        for p, o in zip(special.params, operands):
            root = root_of(o)
            if p not in special.taken or not isinstance(root, Name):
                continue
            others = [x for q, x in zip(special.params, operands) if q != p and root.id in self.sharing(x)]
            if root.id in self.special.params and not self.special.is_root and not self.env[root.id].owned:
                self.special.taken.add(root.id)
            elif steps(o) or others or not self.claim(root.id):
                self.refuse(
                    e,
                    f"{special.source.name}() writes into `{text(o)}`, and gives its own name for it another value",
                    "Use another name in that function, or pass a copy.",
                )
                return False
            gone = Place(f"{special.source.name}() may have put anything there", None, stale=True)
            self.update(root.id, replace(self.env[root.id], place=gone))
        return True

    def sharing(self, e: Expr) -> set[str]:
        """The variables whose memory the value of `e` may share."""
        found = aliases(e)
        return found.union(*(self.env[n].shares for n in found if n in self.env))

    def lent(self, e: Expr, special: Special, operands: list[Expr]) -> list[Expr] | None:
        """The operands of a call of a function that writes into some: places in memory that is this function's to lend,
        apart from all else that the call gets. None, and a problem noted, where that is not so."""
        out = []
        for p, o in zip(special.params, operands):
            if p not in special.written:
                out.append(o)
                continue
            root = root_of(o)
            if isinstance(root, (Global, Ref)):
                self.check_global(e, o)
                return None
            if not isinstance(root, Name) or not all(map(is_step, steps(o))):
                o = root = self.named(o, p)
            path = steps(o)
            lends_items = path and holds_others(path) or p in special.item_writes
            if lends_items:
                self.special.item_writes.add(root.id)
            if not self.claim(root.id) or lends_items and not self.claim_items(root.id):
                self.refuse(
                    e,
                    f"{special.source.name}() writes into `{text(o)}`, whose memory another name may share",
                    "Make a copy first, or return the new value.",
                )
                return None
            out.append(self.frozen(o))
        for i, (p, o) in enumerate(zip(special.params, out)):
            if p not in special.written:
                continue
            near = [
                x for k, x in enumerate(out)
                if k != i and root_of(o).id in self.sharing(x) and special.values[k].place is None
            ]  # fmt: skip
            if near and (not steps(o) or any(not steps(x) for x in near)):
                self.refuse(
                    e,
                    f"{special.source.name}() writes into `{text(o)}` and gets `{text(near[0])}`, which is in it",
                    "Pass a copy of one of them.",
                )
                return None
            if near:
                names = Const(f"{e.at}: {', '.join(map(text, (o, *near)))}")
                self.emit(ExprStmt(Call(reference(runtime.check_apart), (names, o, *near)), at=e.at))
            if p in special.replaced:
                self.moved(o, inside=True)
            after = special.exits.get(p)
            if after is not None:
                name = root_of(o).id
                known = self.env[name]
                kind = known.kind
                if not isinstance(plain(kind), Array):
                    new = kinds.name_extents(unnamed(after.kind), (*self.site(e).symbol, p), tuple(self.loops))
                    kind = with_item(kind, steps(o)[::-1], new)
                given = [x for q, x in zip(special.params, out) if q not in special.written]
                keeps = after.deep or isinstance(plain(after.kind), Array) or not any(map(references, given))
                deep = known.deep and keeps
                self.update(name, replace(known, kind=kind, varied=known.varied or after.varied, deep=deep))
        return [self.expr(o) if p in special.written else o for p, o in zip(special.params, out)]

    def is_elsewhere(self, e: Expr) -> bool:
        """Whether a call names a nested function that the text of another function defines."""
        return isinstance(e, Call) and isinstance(e.fn, Name) and e.fn.id not in self.own_functions

    def bind_arguments(self, e, source: Function, args, kwargs, defaults) -> list[Expr] | None:
        """The expression for each parameter of `source`."""
        flat: list[Expr] = []
        for a in args:
            if not isinstance(a, Starred):
                flat.append(a)
                continue
            inner = plain(a.value.kind)
            if isinstance(inner, Listing) and a is args[-1] and takes_star(source, len(flat)):
                flat.append(a)
                continue
            if not (isinstance(inner, Items) and inner.is_sequence):
                self.refuse(a, "a starred argument of unknown length", "Pass the values one by one, or as a tuple.")
                return None
            holder = self.named(a.value, "items")
            flat.extend(self.expr(Subscript(holder, Const(i), at=a.at)) for i in inner.keys)
        named: dict[str, Expr] = {}
        for k, v in kwargs:
            if k is not None:
                named[k] = v
                continue
            inner = plain(v.kind)
            if not (isinstance(inner, Items) and inner.cls is dict):
                self.refuse(v, "`**` of a mapping with unknown keys", "Pass the values by name.")
                return None
            holder = self.named(v, "options")
            named.update({key: self.expr(Subscript(holder, Const(key), at=v.at)) for key in inner.keys})
        bound: list[Expr] = []
        for p in source.params:
            match p.style:
                case "star" if len(flat) == 1 and isinstance(flat[0], Starred):
                    bound.append(flat.pop().value)
                case "star":
                    bound.append(self.expr_of_parts(Tuple(tuple(flat), at=e.at)))
                    flat = []
                case "double star":
                    keys = tuple(Const(k, kind=Literal(k)) for k in named)
                    parts = tuple(named.values())
                    kind = Items(dict, tuple(named), tuple(v.kind for v in parts))
                    bound.append(Dict(keys, parts, kind=kind, varied=any(v.varied for v in parts), at=e.at))
                    named = {}
                case "positional" | "any" if flat:
                    bound.append(flat.pop(0))
                case _ if p.id in named and p.style != "positional":
                    bound.append(named.pop(p.id))
                case _ if p.id in defaults:
                    bound.append(self.expr(defaults[p.id]))
                case _ if isinstance(p.default, Name) and p.default.id not in self.env:
                    self.refuse(e, f"the default of {p.id!r}, a variable of another function, is used here", "Pass it.")
                    return None
                case _ if p.default is not None:
                    bound.append(self.expr(p.default))
                case _:
                    self.refuse(e, f"{source.name}() gets no argument {p.id!r}")
                    return None
        if flat or named:
            self.refuse(e, f"{source.name}() gets more arguments than it has parameters")
            return None
        return bound

    def expr_of_parts(self, e: Tuple) -> Expr:
        items = tuple(x.kind for x in e.elts)
        return replace(e, kind=Items(tuple, tuple(range(len(items))), items), varied=any(x.varied for x in e.elts))


def is_checkpointed(target: types.FunctionType | Checkpointed | Local) -> bool:
    return isinstance(target, Checkpointed) or isinstance(target, Local) and target.checkpointed


def merged(special: Special, operands: list[Expr], values: list[Value]) -> list[Value]:
    """What is known of the operands of a call of a function that writes into some: one that is given twice is another
    name of itself."""
    found = list(values)
    for i, o in enumerate(operands):
        for k in range(i + 1, len(operands)):
            x = operands[k]
            same = isinstance(o, Name) and isinstance(x, Name) and o.id == x.id and found[k].place is None
            if same and special.written & {special.params[i], special.params[k]} and o.id in aliases(o):
                found[k] = Value(x.kind, False, place=Place(special.params[i], Name(special.params[i])))
    return found


def seen_from(problem: SrcadError, call: Origin | None) -> SrcadError:
    """A problem that was met in a function of srcad's, at the call of the user's that led there; any other as it is."""
    if getattr(problem, "problems", ()):
        return Unsupported.of([seen_from(p, call) for p in problem.problems])
    source = problem.origin.source.filename if problem.origin is not None else ""
    if call is None or os.path.dirname(os.path.dirname(source)) != os.path.dirname(runtime.__file__):
        return problem
    return type(problem)(call, problem.message, hint=problem.hint, because=problem.because)


def written_out(e: Expr):
    """The value of an argument that is written out; the expression of any other."""
    try:
        return python_value(e)
    except ValueError:
        return e


def is_literal(value) -> bool:
    if type(value) is tuple:
        return all(map(is_literal, value))
    return value is None or isinstance(value, (bool, int, float, str))


def record_fields(cls: type) -> list[str] | None:
    import dataclasses

    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return list(cls._fields)
    if dataclasses.is_dataclass(cls) and "__init__" in vars(cls) and not hasattr(cls, "__post_init__"):
        return [f.name for f in dataclasses.fields(cls) if f.init]
    return None


def is_record(kind: Kind) -> bool:
    """Whether values of a kind are objects whose attributes are known."""
    return isinstance(plain(kind), Items) and plain(kind).is_record


def callable_method(cls: type):
    found = inspect.getattr_static(cls, "__call__", None)
    return found if isinstance(found, types.FunctionType) else None


def has_star(e: Call) -> bool:
    return any(isinstance(a, Starred) for a in e.args) or any(k is None for k, _ in e.kwargs)


def takes_star(source: Function, position: int) -> bool:
    """Whether the positional argument number `position` is the first that goes to `*args`."""
    positional = [p for p in source.params if p.style in ("positional", "any")]
    return len(positional) == position and any(p.style == "star" for p in source.params)


def default_expressions(function: types.FunctionType) -> dict[str, Expr]:
    """The defaults of a function as they are now: as literals, or as what they are."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    given = function.__defaults__ or ()
    values = {**dict(zip(positional[len(positional) - len(given) :], given)), **(function.__kwdefaults__ or {})}
    return {
        name: lift(value) if is_literal(value) else Ref(value, f"{function.__name__}_default_{name}")
        for name, value in values.items()
    }
