"""Calls: which function is meant."""

from __future__ import annotations

import functools
import inspect
import os
import types
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import UNKNOWN, Array, Callee, Either, Items, Kind, Opaque, plain
from srcad.analysis.operations import library_method, python_value
from srcad.analysis.specialise.expressions import describe
from srcad.analysis.specialise.in_place import into
from srcad.analysis.specialise.invocations import WITH_TEXT, has_star, is_literal, written_in
from srcad.analysis.specialise.numpy_forms import call_of_vectorized, vectorized_at_once
from srcad.analysis.specialise.objects import is_record
from srcad.analysis.specialise.sharing import is_hashable
from srcad.analysis.specialise.special_forms import CONSTANT_BUILTINS, SPECIAL_FORMS, ufunc_method
from srcad.analysis.specialise.values import Local
from srcad.checkpointing import checkpoint
from srcad.core.nodes import (
    Attribute, Call, Compare, Const, Expr, IfExp, Lambda, Name, Ref, Starred, Subscript, Unseen, reference,
)  # fmt: skip
from srcad.core.printer import text
from srcad.frontend.resolve import is_code
from srcad.errors import KindError, Origin, SrcadError, Unsupported
from srcad.rules import registry
from srcad.structure import is_library


class Calls:
    """The part of the specialisation that finds out which function a call means."""

    def call(self, e: Call) -> Expr:
        if (called := self.of_builtin(e)) is not None:
            return called
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
        if (varied or fn.varied) and not self.made_anew(e.fn):
            self.refuse(e, "a call of something that is not known to be a function", "Pass a plain function.")
        return replace(e, kind=UNKNOWN)

    def arguments(self, e: Call):
        parts = self.exprs([*e.args, *(v for _, v in e.kwargs)])
        count = len(e.args)
        return parts[:count], tuple((k, v) for (k, _), v in zip(e.kwargs, parts[count:]))

    def spelled_out(self, e: Call) -> Call:
        """A call of a library function without the stars whose items are known."""
        return self.without_stars(e) if has_star(e) and self.is_of_library(e.fn) else e

    def without_stars(self, e: Call) -> Call:
        """A call without the stars whose items are known."""
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
                self.check_late_changes(fn)
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
        if isinstance(obj, functools.partial):
            return self.call_of_partial(e, obj)
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
            this = kind.extra[2] if len(kind.extra) > 2 else Opaque(kind.extra[1])  # of a class method the class
            return self.invoke(e, obj, (Attribute(e.fn, "__self__", kind=this, at=e.at),), ())
        if isinstance(obj, type):
            return self.construct(e, obj, varied)
        if hasattr(obj, "__srcad_transform__"):
            return self.transformed(e, obj)
        derived = getattr(obj, "__srcad_function__", None)
        if derived is not None:
            return derived(self, e)
        if isinstance(obj, types.FunctionType) and not is_library(obj):
            if varied:
                return self.invoke(e, obj, (), ())
            return self.constant_call(e, obj)
        if obj is registry.apply_vjp:
            return replace(e, kind=kind_of_adjoint(e), varied=varied)
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
            arguments = {name: written_out(value) for name, value in given.items()}
            stand_in.check(arguments)
        except registry.Refused as refused:
            self.refuse(e, f"{describe(e.fn)} has no derivative rule for {refused}")
            return replace(e, kind=UNKNOWN)
        function = stand_in.function if stand_in.choose is None else stand_in.choose(arguments)
        called = Ref(function, function.__name__, kind=Callee(function), at=e.fn.at)
        before = len(self.program.problems)
        try:
            found = self.invoke(replace(e, fn=called), function, (), ())
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

    def call_of_partial(self, e: Call, partial: functools.partial) -> Expr:
        """A call of a `functools.partial`: of its function, with what it fixes before the call's own arguments."""
        function, name = partial.func, getattr(partial.func, "__name__", "function")
        given = {k for k, _ in e.kwargs}

        def fixed(value, key) -> Expr:
            held = replace(written_in(value, f"{name}_{key}"), at=e.at)
            return held if is_literal(value) or is_code(value) else self.named(self.expr(held), str(held.text))

        args = tuple(fixed(value, f"fixed_{k}") for k, value in enumerate(partial.args))
        kwargs = tuple((k, fixed(value, k)) for k, value in partial.keywords.items() if k not in given)
        fn = reference(function) if self.is_of_library(Ref(function, name, kind=Callee(function))) else Ref(function, name)
        return self.expr(replace(e, fn=replace(fn, at=e.fn.at), args=(*args, *e.args), kwargs=(*kwargs, *e.kwargs)))

    def constant_call(self, e: Call, obj) -> Expr:
        """A call of a user's function with constant arguments: as it is, if it writes into none of them."""
        found = self.rehearsed(lambda: self.invoke(e, obj, (), ()))
        if found is None:
            return Unseen(e.fn, e.args, e.kwargs, kind=UNKNOWN, at=e.at)
        if not isinstance(found, Call):  # it writes: what it overwrites has to come back
            return self.invoke(e, obj, (), ())
        return replace(found, kind=UNKNOWN if found.varied else found.kind, varied=False)


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


def callable_method(cls: type):
    found = inspect.getattr_static(cls, "__call__", None)
    return found if isinstance(found, types.FunctionType) else None


def kind_of_adjoint(e: Call) -> Kind:
    """The kind of `apply_vjp(fn, k, y_bar, y, *args, **kwargs)`: an adjoint is of the kind of what it belongs to."""
    name, number, _, _, *args = e.args
    rule = registry.find(name.obj if isinstance(name, Ref) else name.value)
    try:
        x = rule.bind(tuple(args), dict(e.kwargs)).arguments[rule.data[number.value]]
    except (AttributeError, KeyError, TypeError, registry.Refused):
        return UNKNOWN
    kind = plain(x.kind) if isinstance(x, Expr) and x.kind is not None else UNKNOWN
    return kind if isinstance(kind, Array) and kind.dtype.kind in "fc" else UNKNOWN
