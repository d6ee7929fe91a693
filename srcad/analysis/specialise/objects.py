"""Objects: how they are made, and which of their methods is meant."""

from __future__ import annotations

import dataclasses
import inspect
import types
from dataclasses import replace

from srcad.analysis.kinds import NOTHING, UNKNOWN, Items, Kind, Opaque, is_float, plain
from srcad.analysis.specialise.expressions import is_frozen
from srcad.analysis.specialise.invocations import has_star, is_literal
from srcad.analysis.specialise.values import Value
from srcad.checkpointing import Checkpointed
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Dict, Expr, List, Name, Ref, Subscript, lift, walk,
)  # fmt: skip
from srcad.core.places import root_name, steps
from srcad.errors import SrcadError
from srcad.structure import has_made_init, is_plain_class


class Objects:
    """The part of the specialisation that makes objects, and goes through their methods."""

    def construct(self, e: Call, cls: type, varied: bool) -> Expr:
        """An instance of a class: a record for dataclasses and namedtuples."""
        is_record, is_object = is_record_class(cls), is_plain_class(cls) or is_filled(cls)
        if has_star(e) and (is_record or is_object):
            e = self.without_stars(e)
        if is_record:
            return self.record(e, cls, varied)
        if is_object and (varied or self.special.is_aliasing):
            return self.instance(e, cls)
        if is_object:
            return replace(e, kind=self.constant_instance(e, cls))
        if varied and not issubclass(cls, BaseException):
            is_ours = (cls.__module__ or "").partition(".")[0] not in ("numpy", "scipy")
            hint = "Use a dataclass." if is_ours else "Only one that is made of constants can be used."
            if is_ours and dataclasses.is_dataclass(cls) and is_frozen(cls):
                hint = "A frozen dataclass must do without __post_init__: compute these values before, and pass them."
            self.refuse(e, f"an object of class {cls.__name__} made from differentiated values", hint)
        return replace(e, kind=Opaque(cls))

    def fields(self, e: Call, cls: type) -> dict[str, Expr] | None:
        """What each parameter of a class gets in a call, made without `__init__` text; None where they do not fit."""
        signature = inspect.signature(cls)
        try:
            given = signature.bind(*e.args, **dict(e.kwargs)).arguments
        except (TypeError, ValueError):
            return None
        return {p: given[p] if p in given else self.expr(default(cls, p, e.at)) for p in signature.parameters}

    def record(self, e: Call, cls: type, varied: bool) -> Expr:
        """An instance of a class that keeps what it gets, and no more."""
        parts = None if has_star(e) else self.fields(e, cls)
        if parts is None:
            if varied:
                self.refuse(e, f"{cls.__name__}(…) with these arguments", "Pass the fields one by one.")
            return replace(e, kind=UNKNOWN, varied=varied)
        names = cls._fields if issubclass(cls, tuple) else [f.name for f in dataclasses.fields(cls)]
        keys = tuple(range(len(names))) if issubclass(cls, tuple) else tuple(names)
        kind = Items(cls, keys, tuple(parts[n].kind for n in names))
        return replace(e, args=tuple(parts[n] for n in names), kwargs=(), kind=kind, varied=varied)

    def instance(self, e: Call, cls: type) -> Expr:
        """An object of a class written in Python: a record that its `__init__` fills, or that of a dataclass."""
        name = self.fresh(cls.__name__.lower(), e)
        self.temporaries.add(name)
        this = Name(name, kind=Items(cls, (), ()), at=e.at)
        maker = Ref(cls, e.fn.text if isinstance(e.fn, Ref) else cls.__name__, at=e.at)
        parts = self.fields(e, cls) if is_filled(cls) and not has_star(e) else {}
        if parts is None or is_filled(cls) and has_star(e):
            self.refuse(e, f"{cls.__name__}(…) with these arguments", "Pass the fields one by one.")
            return replace(e, kind=UNKNOWN)
        self.bind(name, Value(this.kind, owned=True, held=frozenset()))
        self.emit(Assign(this, Call(Attribute(maker, "__new__"), (maker,), at=e.at), at=e.at))
        if is_plain_class(cls):
            filling = Call(Attribute(maker, "__init__"), (this, *e.args), e.kwargs, at=e.at)
            self.invoke(filling, inspect.getattr_static(cls, "__init__"), (), ())
            return self.name(this, name)
        for field in dataclasses.fields(cls):
            if field.init or field.default_factory is not dataclasses.MISSING:
                value = parts[field.name] if field.init else default_of(field, cls, e.at)
                self.statement(Assign(Attribute(this, field.name, at=e.at), value, at=e.at))
        made = inspect.getattr_static(cls, "__post_init__", None)
        if made is not None:
            names = {field.name for field in dataclasses.fields(cls)}
            given = tuple(v for n, v in parts.items() if n not in names)
            call = Call(Attribute(maker, "__post_init__"), (self.name(this, name), *given), at=e.at)
            self.invoke(call, made, (), ())
        return self.name(this, name)

    def made_anew(self, place: Expr) -> bool:
        """Whether a place is in an object made of constants, which is made as a record when the function is gone through
        once more."""
        kinds_of = [plain(s.value.kind) for s in steps(place) if isinstance(s, Attribute)]
        again = any(isinstance(k, Opaque) and is_plain_class(k.type) for k in kinds_of) and not self.special.is_aliasing
        self.special.is_aliasing |= again
        return again

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


def is_record_class(cls: type) -> bool:
    """Whether objects of a class keep what it is called with, and no more: namedtuples and plain dataclasses."""
    if issubclass(cls, tuple):
        return hasattr(cls, "_fields")
    if not has_made_init(cls) or cls.__new__ is not object.__new__ or hasattr(cls, "__post_init__"):
        return False
    return all(f.init and not f.kw_only for f in dataclasses.fields(cls))


def is_filled(cls: type) -> bool:
    """Whether objects of a class are dataclasses that are made field by field."""
    is_simple = cls.__new__ is object.__new__ and cls.__setattr__ is object.__setattr__
    return is_simple and has_made_init(cls) and not is_frozen(cls)


def default(cls: type, name: str, at) -> Expr:
    """What a parameter of a namedtuple or a dataclass is where it is not given."""
    if issubclass(cls, tuple):
        return constant(cls._field_defaults[name], f"{cls.__name__}_{name}", at)
    return default_of(cls.__dataclass_fields__[name], cls, at)


def default_of(field: dataclasses.Field, cls: type, at) -> Expr:
    name, factory = f"{cls.__name__}_{field.name}", field.default_factory
    if factory is dataclasses.MISSING:
        return constant(field.default, name, at)
    if factory in (list, dict):
        return List((), at=at) if factory is list else Dict((), (), at=at)
    return Call(Ref(factory, name, at=at), (), at=at)


def constant(value, name: str, at) -> Expr:
    return lift(value) if is_literal(value) else Ref(value, name, at=at)


def is_record(kind: Kind) -> bool:
    """Whether values of a kind are objects whose attributes are known."""
    return isinstance(plain(kind), Items) and plain(kind).is_record
