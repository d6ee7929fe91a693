"""What operators and builtins mean for objects of classes written in Python: calls of their methods."""

from __future__ import annotations

import builtins
import inspect
import math
import types
from dataclasses import replace

from srcad.analysis.kinds import NOTHING, UNKNOWN, Items, Kind, Opaque, plain
from srcad.analysis.specialise.sharing import is_hashable, substituted
from srcad.checkpointing import Checkpointed
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Clause, Comprehension, Const, Expr, ExprStmt, Name, Op, Ref, Return, Slice,
    Starred, Subscript, Tuple, walk,
)  # fmt: skip
from srcad.core.printer import text
from srcad.structure import is_library, is_plain_class

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
"""The methods by which classes of one's own take part in operators: `__add__`, `__radd__` and `__iadd__` of "add"."""

UNARY = {"neg": "__neg__", "pos": "__pos__", "~": "__invert__"}

BUILTINS = {
    abs: "__abs__", len: "__len__", float: "__float__", int: "__int__", complex: "__complex__", round: "__round__",
    divmod: "__divmod__", math.floor: "__floor__", math.ceil: "__ceil__", math.trunc: "__trunc__",
}  # fmt: skip
"""Functions that call a method of their first argument."""

ITERATING = {list, tuple, sum, max, min, sorted, any, all, set, map, filter, zip, enumerate}
"""Functions that run over their arguments."""


class Protocols:
    """The part of the specialisation that finds the methods that are meant where no method is named."""

    def of_operator(self, e: Op) -> Expr | None:
        """The call of the method that an operator on an object stands for; `e` has its kinds."""
        if len(e.args) == 1:
            candidates = [(0, UNARY.get(e.op))]
        else:
            base = OPERATORS.get(e.op)
            candidates = [] if base is None else [(0, f"__{base}__"), (1, f"__r{base}__")]
        for i, name in candidates:
            function = method_of(e.args[i].kind, name)
            if function is not None:
                this = e.args[i]
                others = tuple(a for k, a in enumerate(e.args) if k != i)
                return self.invoke(Call(Attribute(this, name), others, at=e.at), function, (this,), ())
        return None

    def of_builtin(self, e: Call) -> Expr | None:
        """What a call of a builtin with objects stands for."""
        function = e.fn.obj if isinstance(e.fn, Ref) and is_hashable(e.fn.obj) else None
        if function in ITERATING and e.args:
            args = tuple(map(self.iterable, e.args))
            is_same = all(a is b for a, b in zip(args, e.args))
            return None if is_same else self.call(replace(e, args=args))
        name = BUILTINS.get(function)
        if name is None or not e.args or isinstance(e.args[0], Starred):
            return None
        if method_of(self.kind_of_holder(e.args[0]), name) is None:
            return None
        return self.call(Call(Attribute(e.args[0], name, at=e.at), e.args[1:], e.kwargs, at=e.at))

    def of_item(self, e: Subscript) -> Expr | None:
        """`u.__getitem__(i)` for `u[i]`; `e` has its kinds."""
        function = method_of(e.value.kind, "__getitem__")
        if function is None:
            return None
        found = self.accessed(function, (e.value, e.index))
        if found is not None:
            return found
        call = Call(Attribute(e.value, "__getitem__"), (as_argument(e.index),), at=e.at)
        return self.invoke(call, function, (e.value,), ())

    def accessed(self, function, args: tuple[Expr, ...]) -> Expr | None:
        """What a method gives that only names a part of its object, as `return self.u[i]` does: this part, which can be
        written into. None for all other methods."""
        if not isinstance(function, types.FunctionType):
            return None
        source = self.program.read(function)
        names = [p.id for p in source.params if p.style in ("positional", "any")]
        match source.body:
            case (Return(value=Call(fn=Ref(obj=builtins.getattr), args=(Name(id=this), Name(id=name)))),) if (
                [this, name] == names and len(args) == 2 and isinstance(args[1], Const) and isinstance(args[1].value, str)
            ):
                return self.expr(Attribute(args[0], args[1].value, at=args[0].at))
            case (Return(value=Attribute() | Subscript() as part),) if len(names) == len(source.params) == len(args):
                read = [n for n in walk(part) if not isinstance(n, (Attribute, Subscript, Slice, Tuple, Const))]
                if all(isinstance(n, Name) and n.id in names for n in read):
                    return self.expr(substituted(part, dict(zip(names, args))))
        return None

    def set_by_method(self, s: Assign, target: Expr, value: Expr) -> bool:
        """Takes `u[i] = v` for `u.__setitem__(i, v)`, and `u.x = v` for a call of the setter of a property; whether it is
        such an assignment."""
        kind = self.kind_of_holder(target.value)
        if isinstance(target, Subscript):
            if method_of(kind, "__setitem__") is None:
                return False
            index = target.index if not isinstance(target.index, Slice) else self.expr(target.index)
            call = Call(Attribute(target.value, "__setitem__", at=s.at), (as_argument(index), value), at=s.at)
            self.statement(ExprStmt(call, at=s.at))
            return True
        found = static(kind, target.attr)
        if not isinstance(found, property):
            return False
        if not isinstance(found.fset, types.FunctionType):
            self.refuse(s, f"`.{target.attr}`, a property without a setter, is set")
            return True
        this = self.expr(target.value)
        setter = Call(Attribute(this, target.attr, at=s.at), (self.expr(value),), at=s.at)
        self.invoke(setter, found.fset, (this,), ())
        return True

    def augmented_object(self, s: AugAssign) -> bool:
        """Takes `u += v` for `u = u.__iadd__(v)`, or `u = u + v` where its class has no such method, and `u[i] += v` for
        `u[i] = u[i] + v`; whether it is about an object."""
        target = s.target
        if isinstance(target, Subscript) and method_of(self.kind_of_holder(target.value), "__getitem__") is not None:
            index = self.expr(target.index)
            if isinstance(index, (Slice, Tuple)):
                index = self.named(as_argument(index), "index")
            target = replace(target, index=self.held_index(index))
            self.statement(Assign(target, Op(s.op, (target, s.value), at=s.at), at=s.at))
            return True
        if isinstance(target, Attribute) and isinstance(static(self.kind_of_holder(target.value), target.attr), property):
            self.statement(Assign(target, Op(s.op, (target, s.value), at=s.at), at=s.at))
            return True
        kind = self.kind_of_holder(target)
        name, plain_name = (f"__{i}{OPERATORS.get(s.op, '')}__" for i in ("i", ""))
        if not is_object(kind) and method_of(kind, name) is method_of(kind, plain_name) is None:
            return False
        if method_of(kind, name) is None:
            if isinstance(target, Subscript):
                target = replace(target, index=self.held_index(self.expr(target.index)))
            self.statement(Assign(target, Op(s.op, (target, s.value), at=s.at), at=s.at))
            return True
        changed = self.expr(Call(Attribute(target, name, at=s.at), (s.value,), at=s.at))
        if not same_place(changed, target):
            self.statement(Assign(target, changed, at=s.at))
        return True

    def kind_of_holder(self, e: Expr) -> Kind:
        if isinstance(e, Name):
            return self.env[e.id].kind if e.id in self.env else UNKNOWN
        return self.peek(e)

    def iterable(self, e: Expr) -> Expr:
        """What a loop over `e` runs over: of an object what its `__iter__` gives, or its items by number."""
        match e:
            case Starred(value=value):
                inner = self.iterable(value)
                return e if inner is value else replace(e, value=inner)
            case Call(fn=Ref(obj=builtins.zip | builtins.enumerate | builtins.reversed), args=args):
                inner = tuple(map(self.iterable, args))
                return e if all(a is b for a, b in zip(inner, args)) else replace(e, args=inner)
            case Comprehension():
                return e
        if not isinstance(e, (Name, Attribute, Subscript)):
            return e
        kind = self.kind_of_holder(e)
        if method_of(kind, "__iter__") is not None:
            return Call(Attribute(e, "__iter__", at=e.at), (), at=e.at)
        if method_of(kind, "__getitem__") is None or method_of(kind, "__len__") is None:
            return e
        key = ("by number", e)
        if key not in self.rewritten:
            i = Name(self.special.names.new("i"), at=e.at)
            clause = Clause(i, Call(Ref(range, "range"), (Call(Ref(len, "len"), (e,), at=e.at),), at=e.at), (), at=e.at)
            self.rewritten[key] = Comprehension("list", Subscript(e, i, at=e.at), (clause,), at=e.at)
        return self.rewritten[key]


def is_object(kind: Kind) -> bool:
    """Whether values of a kind are objects of a class with methods of its own in place of a number's or a container's."""
    cls = class_of(kind)
    return cls is not None and not issubclass(cls, (tuple, list, dict))


def class_of(kind: Kind) -> type | None:
    """The class, written in Python, of the objects of a kind."""
    kind = plain(kind)
    if isinstance(kind, Items):
        return kind.cls if kind.cls not in (tuple, list, dict) else None
    return kind.type if isinstance(kind, Opaque) and is_plain_class(kind.type) else None


def static(kind: Kind, name: str):
    cls = class_of(kind)
    return None if cls is None else inspect.getattr_static(cls, name, None)


def method_of(kind: Kind, name: str | None):
    """The method of that name, written in Python, of objects of a kind; None for all else."""
    found = None if name is None else static(kind, name)
    is_own = isinstance(found, (types.FunctionType, Checkpointed)) and not is_library(found)
    return found if is_own else None


def as_argument(index: Expr) -> Expr:
    """An index as something that can be passed: `slice(a, b)` for `a:b`."""
    if isinstance(index, Tuple):
        return replace(index, elts=tuple(map(as_argument, index.elts)))
    if not isinstance(index, Slice):
        return index
    parts = [Const(None, kind=NOTHING) if p is None else p for p in (index.lower, index.upper, index.step)]
    return Call(Ref(slice, "slice"), tuple(parts), kind=index.kind, at=index.at)


def same_place(a: Expr, b: Expr) -> bool:
    return text(a) == text(b)

