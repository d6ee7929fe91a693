"""Objects: how they are made, and which of their methods is meant."""

from __future__ import annotations

import inspect
import types
from dataclasses import replace

from srcad.analysis.kinds import NOTHING, UNKNOWN, Items, Kind, Opaque, is_float, plain
from srcad.analysis.specialise.invocations import has_star, is_literal
from srcad.analysis.specialise.values import Value
from srcad.checkpointing import Checkpointed
from srcad.core.nodes import Assign, Attribute, AugAssign, Call, Const, Expr, Name, Ref, Subscript, lift, walk
from srcad.core.places import root_name
from srcad.errors import SrcadError
from srcad.structure import is_plain_class


class Objects:
    """The part of the specialisation that makes objects, and goes through their methods."""

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
