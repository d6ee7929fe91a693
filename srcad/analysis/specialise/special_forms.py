"""Builtins, and helpers of generated code, that are more than a rule."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from dataclasses import replace
from typing import Any, TYPE_CHECKING

import numpy as np

from srcad import checkpointing, prelude, runtime, runtime_memory
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    NEVER, UNKNOWN, Array, Callee, Items, Kind, Listing, Number, Opaque, Unknown, is_float, item_kind, join,
    plain,
)  # fmt: skip
from srcad.analysis.specialise import numpy_forms
from srcad.analysis.specialise.changes import valueless
from srcad.analysis.specialise.expressions import describe
from srcad.analysis.specialise.loops import element_kind
from srcad.analysis.specialise.protocols import class_of, is_object
from srcad.analysis.specialise.values import Local, is_mapping
from srcad.core.nodes import (
    Assign, Attribute, Call, Clause, Comprehension, Const, Dict, Expr, Function, Lambda, Name, Op, Param, Ref, Return,
    Starred, Subscript, Tuple, reference,
)  # fmt: skip
from srcad.errors import KindError, SrcadError

if TYPE_CHECKING:
    from srcad.analysis.specialise.program import Specialiser

CONSTANT_BUILTINS = {
    len,
    int,
    bool,
    str,
    repr,
    isinstance,
    hasattr,
    type,
    range,
    id,
    hash,
    callable,
    issubclass,
    ord,
    chr,
}


def _sum(self: Specialiser, e: Call) -> Expr | None:
    """`sum(f(v) for v in xs)` of varied items is a loop that adds."""
    match e:
        case Call(args=(Comprehension(style="generator" | "list") as items, *start), kwargs=kwargs):
            if len(items.clauses) >= 1 and not any(k not in ("start",) for k, _ in kwargs):
                if e not in self.rewritten:
                    add = functools.partial(_added, at=e.at)
                    self.rewritten[e] = self.comprehension_loop(items, add)
                total, stmts = self.rewritten[e]
                first = start[0] if start else dict(kwargs).get("start", Const(0))
                with self.trial(e) as keep:
                    for s in (Assign(Name(total, at=e.at), first, at=e.at), *stmts):
                        self.statement(s)
                    value = self.env[total]
                    if value.varied:
                        keep()
                if not value.varied:
                    return replace(e, fn=self.expr(e.fn), kind=value.kind)
                return self.name(Name(total, at=e.at), total)
        case Call(args=(items, *start)) if is_object(item_kind(plain(self.peek(items)))):
            stand_in = prelude.summed_from if start or e.kwargs else prelude.summed
            return self.call(replace(e, fn=Ref(stand_in, stand_in.__name__, at=e.at)))
    return None


def _added(total: Expr, element: Expr, at) -> Expr:
    return Op("+", (total, element), at=at)


MAKERS = {
    list: Listing, sorted: Listing, tuple: lambda item: Listing(item, tuple), max: lambda item: item, min: lambda item: item,
}  # fmt: skip
"""The kinds of what builtins make of one iterable, by the kind of its items."""


def _stand_in(function):
    """A builtin that is said in plain Python in `srcad.prelude`, for varied arguments."""

    def build(self: Specialiser, e: Call) -> Expr | None:
        with self.attempt():
            try:
                args, kwargs = self.arguments(e)
            except SrcadError:
                return None
        obj = e.fn.obj
        if any(is_mapping(a.kind) for a in args) and not (obj in MAKERS and len(args) == 1):  # its keys
            keys = (Call(reference(list), (a,), at=e.at) if is_mapping(k.kind) else a for a, k in zip(e.args, args))
            return self.call(replace(e, args=tuple(keys)))
        varied = any(a.varied for a in args)
        is_made = len(args) == 1 and obj in MAKERS and isinstance(plain(args[0].kind), (Items, Listing))
        has_default = any(k == "default" for k, _ in kwargs)
        if is_made and not has_default and (is_mapping(args[0].kind) or not varied):
            items = args[0]
            item = valueless(element_kind(items, items) if is_mapping(items.kind) else item_kind(plain(items.kind)))
            return replace(e, fn=self.expr(e.fn), args=args, kwargs=kwargs, kind=MAKERS[obj](item), varied=False)
        if not varied and any(v.varied for _, v in kwargs):  # a key orders what is constant
            return replace(e, fn=self.expr(e.fn), kind=element_kind(args[0], args[0]), varied=False)
        if not varied or has_default:
            return None
        stand_in = function(args, kwargs)
        if stand_in is None:
            return None
        given = e.args if len(e.args) == 1 or function not in EXTREMES else (Tuple(e.args, at=e.at),)
        return self.call(Call(Ref(stand_in, stand_in.__name__, at=e.at), given, e.kwargs, at=e.at))

    return build


def _container(args, kwargs):
    if len(args) == 1 and isinstance(plain(args[0].kind), (Items, Listing, Array, Unknown)):
        return prelude.listed
    return None


def _sorted(args, kwargs):
    return prelude.in_order


def _largest(args, kwargs):
    if any(k == "key" for k, _ in kwargs):
        return prelude.largest
    return prelude.largest_object if are_objects(args) else None


def _smallest(args, kwargs):
    if any(k == "key" for k, _ in kwargs):
        return prelude.smallest
    return prelude.smallest_object if are_objects(args) else None


def are_objects(args) -> bool:
    """Whether the arguments, or the items of the only one, are objects that have methods of their own for operators."""
    found = [item_kind(plain(args[0].kind))] if len(args) == 1 else [a.kind for a in args]
    return any(map(is_object, found))


EXTREMES = (_largest, _smallest)
"""Those that take their items one by one as well: `max(x, y, key=abs)`."""


def _getattr(self: Specialiser, e: Call) -> Expr | None:
    match e:
        case Call(args=(value, Const(value=str() as name)), kwargs=()):
            return self.expr(Attribute(value, name, at=e.at))
    return None


def _stop_gradient(self: Specialiser, e: Call) -> Expr | None:
    args, kwargs = self.arguments(e)
    if len(args) != 1:
        return None
    return replace(e, fn=self.expr(e.fn), args=args, kind=args[0].kind, varied=False)


def _duplicate(self: Specialiser, e: Call) -> Expr | None:
    """A copy at any depth."""
    args, _ = self.arguments(e)
    return replace(e, fn=self.expr(e.fn), args=args, kind=args[0].kind, varied=args[0].varied)


def _next(self: Specialiser, e: Call) -> Expr | None:
    args, _ = self.arguments(e)
    if any(a.varied for a in args):
        self.refuse(e, "an iterator that is advanced by hand", "Use a loop, or a list and an index.")
        return replace(e, kind=UNKNOWN)
    return None


def _type(self: Specialiser, e: Call) -> Expr | None:
    """The class of an object, where its kind tells it: a float may be one of NumPy's."""
    kind = self.peek(e.args[0]) if len(e.args) == 1 and not e.kwargs else UNKNOWN
    if isinstance(plain(kind), Number):
        args, _ = self.arguments(e)
        return replace(e, fn=self.expr(e.fn), args=args, kind=UNKNOWN)
    cls = class_of(kind)
    return None if cls is None else Ref(cls, cls.__name__, kind=Callee(cls), at=e.at)


def _asdict(self: Specialiser, e: Call) -> Expr | None:
    """`dataclasses.asdict(p)` as `{"x": p.x, "y": p.y}`."""
    if len(e.args) != 1 or e.kwargs or not dataclasses.is_dataclass(class_of(self.peek(e.args[0]))):
        return None
    return self.expr(_fields_of(self.held(self.expr(e.args[0])), lambda n, v: Dict(tuple(map(Const, n)), v, at=e.at)))


def _astuple(self: Specialiser, e: Call) -> Expr | None:
    """`dataclasses.astuple(p)` as `(p.x, p.y)`."""
    if len(e.args) != 1 or e.kwargs or not dataclasses.is_dataclass(class_of(self.peek(e.args[0]))):
        return None
    return self.expr(_fields_of(self.held(self.expr(e.args[0])), lambda n, v: Tuple(v, at=e.at)))


def _fields_of(value: Expr, make) -> Expr:
    """The fields of a dataclass object in a container that `make` makes of their names and values, copied at any depth."""
    kind = plain(value.kind)
    if isinstance(kind, Number):
        return value
    if isinstance(kind, Array):
        return Call(Attribute(value, "copy", at=value.at), (), at=value.at)
    if not (isinstance(kind, Items) and dataclasses.is_dataclass(kind.cls)):
        return Call(reference(runtime.duplicate), (value,), at=value.at)
    values = tuple(Attribute(value, n, kind=k, varied=value.varied, at=value.at) for n, k in zip(kind.keys, kind.items))
    return make(kind.keys, tuple(_fields_of(v, make) for v in values))


def _iter(self: Specialiser, e: Call) -> Expr | None:
    """`iter(xs)`: in a method `__iter__` as xs itself, since what that returns is gone through once, by its caller."""
    if self.special.source.name == "__iter__" and len(e.args) == 1 and not e.kwargs:
        return self.expr(self.iterable(e.args[0]))
    return _next(self, e)


def _pow(self: Specialiser, e: Call) -> Expr | None:
    match e:
        case Call(args=(a, b), kwargs=()):
            return self.expr(Op("**", (a, b), at=e.at))
    return None


def _partial(self: Specialiser, e: Call) -> Expr | None:
    """`partial(f, x)` as `lambda *args, **kwargs: f(x, *args, **kwargs)`, with the present value of x."""
    if not e.args or any(isinstance(a, Starred) for a in e.args) or any(k is None for k, _ in e.kwargs):
        return None
    if e not in self.rewritten:
        names = self.special.names
        setup: list[Assign] = []

        def held(value: Expr, base: str) -> Expr:
            if isinstance(value, Const):
                return value
            setup.append(Assign(Name(names.new(base), at=e.at), value, at=e.at))
            return setup[-1].target

        fixed = tuple(held(a, "fixed") for a in e.args[1:])
        named = tuple((k, held(v, k)) for k, v in e.kwargs)
        rest, options = Name(names.new("args"), at=e.at), Name(names.new("kwargs"), at=e.at)
        call = Call(e.args[0], (*fixed, Starred(rest, at=e.at)), (*named, (None, options)), at=e.at)
        params = (Param(rest.id, "star", at=e.at), Param(options.id, "double star", at=e.at))
        function = Function("partial", params, (Return(call, at=e.at),), at=e.at)
        self.rewritten[e] = setup, Lambda(function, at=e.at)
    setup, made = self.rewritten[e]
    for s in setup:
        self.statement(s)
    return self.expr(made)


def _dict(self: Specialiser, e: Call) -> Expr | None:
    """`dict(a=x)` as `{"a": x}`, `dict(d, a=x)` as `{**d, "a": x}`, `dict(zip(keys, xs))` as a comprehension."""
    if len(e.args) > 1 or any(k is None for k, _ in e.kwargs) or any(isinstance(a, Starred) for a in e.args):
        return None
    named = tuple(Const(k, at=e.at) for k, _ in e.kwargs), tuple(v for _, v in e.kwargs)
    if not e.args:
        return self.expr(Dict(*named, at=e.at))
    (given,) = e.args
    kind = plain(self.peek(given))
    if isinstance(kind, Items) and kind.cls is dict:
        return self.expr(Dict((None, *named[0]), (given, *named[1]), at=e.at))
    return None if e.kwargs else _by_keys(self, e, given, lambda key, value: (Tuple((key, value), at=e.at), value))


def _fromkeys(self: Specialiser, e: Call) -> Expr | None:
    """`dict.fromkeys(keys, 0.0)` as `{key: 0.0 for key in keys}`."""
    if len(e.args) != 2 or e.kwargs or not isinstance(plain(self.peek(e.args[1])), Number):
        return None
    return _by_keys(self, e, e.args[0], lambda key, value: (key, e.args[1]))


def _by_keys(self: Specialiser, e: Call, source: Expr, parts) -> Expr:
    """A call that makes a dictionary as a comprehension: `parts(key, value)` are its target and its values."""
    if e not in self.rewritten:
        key, value = (Name(self.special.names.new(n), at=e.at) for n in ("key", "value"))
        target, item = parts(key, value)
        clause = Clause(target, source, (), at=e.at)
        self.rewritten[e] = Comprehension("dict", Tuple((key, item), at=e.at), (clause,), at=e.at)
    return self.expr(self.rewritten[e])


def _range(self: Specialiser, e: Call) -> Expr | None:
    args, _ = self.arguments(e)
    for a in args:
        if a.varied and is_float(a.kind) and isinstance(plain(a.kind), Number):
            raise KindError(
                a.at,
                f"{describe(a)} is differentiated, but it is used as an integer here",
                hint="Leave it out of argnums, or pass it as an int.",
            )
    return replace(e, fn=self.expr(e.fn), args=args, kind=Opaque(range))


def _replace(self: Specialiser, e: Call) -> Expr | None:
    """`dataclasses.replace(x, a=v)` as a call of the class, with the fields that x has and that are not given."""
    if len(e.args) != 1 or any(k is None for k, _ in e.kwargs):
        return None
    kind = plain(self.peek(e.args[0]))
    if not (isinstance(kind, Items) and dataclasses.is_dataclass(kind.cls)):
        return None
    if e not in self.rewritten:
        held, changed = Name(self.special.names.new("old"), at=e.at), dict(e.kwargs)
        kept = [f.name for f in dataclasses.fields(kind.cls) if f.init and f.name not in changed]
        given = (*((n, Attribute(held, n, at=e.at)) for n in kept), *changed.items())
        self.rewritten[e] = Assign(held, e.args[0], at=e.at), Call(Ref(kind.cls, kind.cls.__name__), (), given, at=e.at)
    setup, made = self.rewritten[e]
    self.statement(setup)
    return self.expr(made)


def _new(self: Specialiser, e: Call) -> Expr | None:
    """`Body.__new__(Body)`: an object without attributes, which its `__init__` is about to fill."""
    match e.args:
        case (Ref(obj=type() as cls),) if not hasattr(cls, "__slots__"):
            return replace(e, fn=self.expr(e.fn), kind=Items(cls, (), ()))
    return None


def _zeros_like(self: Specialiser, e: Call) -> Expr | None:
    """The shadow of a value: of the same structure, with lists for tuples."""
    args, _ = self.arguments(e)
    return replace(e, fn=self.expr(e.fn), args=args, kind=shadow_kind(args[0].kind))


def _add(self: Specialiser, e: Call) -> Expr | None:
    """The sum of two adjoints; of containers, with the structure of the first."""
    args, _ = self.arguments(e)
    typed = self.typed_operation(replace(e, fn=self.expr(e.fn), args=args))
    kind = plain(args[0].kind)
    if isinstance(kind, (Items, Listing)):
        return replace(typed, kind=kind, varied=any(a.varied for a in args))
    return typed


def _copied(self: Specialiser, e: Call) -> Expr | None:
    """A copy of a value: that of an adjoint has lists for tuples."""
    args, _ = self.arguments(e)
    kind = plain(args[0].kind)
    if not isinstance(kind, (Items, Listing)):
        return None
    kind = with_lists(kind) if e.fn.obj is runtime.own else kind
    return replace(e, fn=self.expr(e.fn), args=args, kind=kind, varied=args[0].varied)


def with_lists(kind: Kind) -> Kind:
    """A kind with lists for tuples, at any depth."""
    match kind:
        case kinds.Maybe(item=item):
            return kinds.Maybe(with_lists(item))
        case kinds.Recursive():
            return UNKNOWN
        case Items(items=items) as known:
            cls = list if issubclass(known.cls, tuple) else known.cls
            return replace(known, cls=cls, items=tuple(map(with_lists, items)))
        case Listing(item=item) as known:
            return replace(known, item=with_lists(item))
    return kind


def _captured(self: Specialiser, e: Call) -> Expr | None:
    """The variable that a nested function captures, in generated code."""
    args, _ = self.arguments(e)
    kind = args[0].kind
    extra = dict(kind.extra) if isinstance(kind, Callee) and isinstance(kind.extra, tuple) else {}
    value = extra.get(args[1].value)
    if value is None or not isinstance(args[0], Name):
        self.refuse(e, "a variable that a function captures, of which too little is known", "Pass it as an argument.")
        return replace(e, kind=UNKNOWN)
    return replace(e, fn=self.expr(e.fn), args=args, kind=value.kind, varied=value.varied)


def _parts(self: Specialiser, e: Call) -> Expr | None:
    """The ends of the parts of a loop."""
    args, _ = self.arguments(e)
    return replace(e, fn=self.expr(e.fn), args=args, kind=Listing(kinds.INT))


def _checkpoint(self: Specialiser, e: Call) -> Expr | None:
    """`checkpoint(f)`, of a nested function or of one of the module."""
    if len(e.args) != 1 or e.kwargs:
        return None
    local = self.local_function(e)
    if local is not None:
        return replace(e, kind=Callee(local, "local"))
    fn = self.expr(e.args[0])
    if isinstance(fn.kind, Callee) and isinstance(fn.kind.obj, Local):
        return replace(e, args=(fn,), kind=replace(fn.kind, obj=replace(fn.kind.obj, checkpointed=True)), varied=fn.varied)
    if not isinstance(fn.kind, Callee):
        self.refuse(e, "a checkpoint of something that is not known to be a function", "Pass a plain function.")
        return replace(e, kind=UNKNOWN)
    if e not in self.rewritten:
        made = checkpointing.checkpoint(fn.kind.obj)
        self.rewritten[e] = Ref(made, f"{made.__name__}_checkpointed", kind=Callee(made), at=e.at)
    return self.rewritten[e]
REDUCTIONS = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.logical_and: np.all,
    np.logical_or: np.any,
}  # fmt: skip
ACCUMULATIONS = {np.add: np.cumsum, np.multiply: np.cumprod}


def ufunc_method(self: Specialiser, e: Call) -> Expr | None:
    """`np.add.outer(x, y)` as `np.add(x[..., None], y)`, `np.add.reduce(x)` as `np.sum(x, axis=0)`, `np.add.accumulate(x)`
    as `np.cumsum(x, axis=0)`; None for a call that is none of these."""
    ufunc = getattr(e.fn.obj, "__self__", None) if isinstance(e.fn, Ref) else None
    if not isinstance(ufunc, np.ufunc):
        return None
    match e.fn.obj.__name__, e.args:
        case "outer", (a, b) if ufunc.nin == 2:
            ranks = [getattr(self.peek(x), "rank", None) for x in (a, b)]
            if None in ranks:
                return None
            key = ("outer", e)
            if key not in self.rewritten:
                index = (Const(Ellipsis, at=e.at), *[Const(None, at=e.at)] * ranks[1])
                wide = Subscript(a, Tuple(index, at=e.at), at=e.at) if 0 not in ranks else a
                self.rewritten[key] = Call(reference(ufunc), (wide, b), e.kwargs, at=e.at)
            return self.call(self.rewritten[key])
        case "reduce" | "accumulate" as name, (a, *rest):
            function = (REDUCTIONS if name == "reduce" else ACCUMULATIONS).get(ufunc)
            order = ("axis", "dtype", "out", "keepdims", "initial", "where")
            given = {**dict(zip(order, rest)), **dict(e.kwargs)}
            if function is None or len(rest) > len(order) or not set(given) <= set(order):
                return None
            options = {"axis": Const(0, at=e.at), **given}
            kept = {k: v for k, v in options.items() if not (k in ("dtype", "out") and isinstance(v, Const))}
            return self.call(Call(reference(function), (a,), tuple(kept.items()), at=e.at))
    return None


_shadows: weakref.WeakKeyDictionary[kinds.Recursive, kinds.Shadow] = weakref.WeakKeyDictionary()


def shadow_kind(kind: Kind) -> Kind:
    """The kind of the zero adjoint of a value; it is 0.0 where that is None."""
    match kind:
        case kinds.Maybe(item=kinds.Recursive() as item):
            return kinds.Maybe(shadow_kind(item))
        case kinds.Maybe(item=item):
            return shadow_kind(item)
        case kinds.Recursive():
            if kind not in _shadows:  # it is known before what it holds is, which holds it
                shadow = _shadows[kind] = kinds.Shadow([UNKNOWN])
                shadow.found[0] = shadow_kind(kind.item)
            return _shadows[kind]
        case Number():
            return kinds.FLOAT
        case Items(items=items):
            shadows = tuple(map(shadow_kind, items))
            if not kind.is_sequence:
                return Items(dict, kind.keys, shadows)
            if any(isinstance(s, kinds.Recursive | kinds.Maybe) for s in shadows):
                return Items(list, kind.keys, shadows)
            joined = functools.reduce(join, shadows, NEVER)
            return Listing(joined) if kinds.is_settled(joined) else Items(list, kind.keys, shadows)
        case Listing(item=item):
            return Listing(shadow_kind(item))
    return kind


SPECIAL_FORMS: dict[Any, Any] = {
    object.__new__: _new,
    runtime.zeros_like: _zeros_like,
    runtime.add: _add,
    runtime.own: _copied,
    runtime.kept: _copied,
    runtime.captured: _captured,
    runtime.duplicate: _duplicate,
    runtime_memory.parts: _parts,
    runtime.stop_gradient: _stop_gradient,
    checkpointing.checkpoint: _checkpoint,
    sum: _sum,
    type: _type,
    dataclasses.asdict: _asdict,
    dataclasses.astuple: _astuple,
    sorted: _stand_in(_sorted),
    list: _stand_in(_container),
    tuple: _stand_in(lambda args, kwargs: prelude.listed_tuple if _container(args, kwargs) else None),
    map: _stand_in(lambda args, kwargs: {2: prelude.mapped, 3: prelude.mapped_pairs}.get(len(args))),
    filter: _stand_in(lambda args, kwargs: prelude.filtered),
    functools.reduce: _stand_in(lambda args, kwargs: prelude.reduced if len(args) == 2 else prelude.reduced_from),
    max: _stand_in(_largest),
    min: _stand_in(_smallest),
    zip: _stand_in(lambda args, kwargs: prelude.zipped if len(args) == 2 else None),
    enumerate: _stand_in(lambda args, kwargs: prelude.enumerated),
    reversed: _stand_in(lambda args, kwargs: prelude.backwards),
    getattr: _getattr,
    dict: _dict,
    dict.fromkeys: _fromkeys,
    dataclasses.replace: _replace,
    pow: _pow,
    next: _next,
    iter: _iter,
    functools.partial: _partial,
    range: _range,
    **numpy_forms.FORMS,
}
