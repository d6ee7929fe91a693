"""What an expression does: the derivative rule behind an operator, a call, a method, an index, and its arguments."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from srcad.analysis.kinds import Array, Items, Kind, Maybe, Number, Opaque, Unknown, plain
from srcad.core.nodes import Attribute, Call, Const, Expr, List, Op, Ref, Slice, Starred, Subscript, Tuple
from srcad.rules import registry
from srcad.rules.registry import Rule

ARRAY_ATTRIBUTES = registry.ATTRIBUTES

CONSTANT_ATTRIBUTES = {"shape", "ndim", "size", "dtype", "nbytes", "itemsize", "strides", "flags"}
CONSTANT_METHODS = {
    "argmax",
    "argmin",
    "argsort",
    "any",
    "all",
    "nonzero",
    "tobytes",
    "item_size",
    "searchsorted",
    "is_integer",
    "as_integer_ratio",
    "hex",
    "round",
}


class Refused(Exception):
    """A call that the rule of its function does not know; the text says why."""


@dataclass(frozen=True)
class Operation:
    """The application of a rule: `arguments` by parameter name; of a sequence parameter, the tuple of its items where
    they are written out, else the expression of the whole list."""

    rule: Rule
    arguments: dict[str, Any]
    key: Any

    @property
    def data(self) -> list[tuple[int, Any, Expr]]:
        """The data arguments, as (number, item, expression): `item` is the path to an item of a sequence, None for all
        of it or for what is no sequence."""
        found = []
        for k, name in enumerate(self.rule.data):
            if name in self.arguments:
                value = self.arguments[name]
                if isinstance(value, tuple):
                    found += [(k, i, x) for i, x in _items(value)]
                else:
                    found.append((k, None, value))
        return found


def is_array_like(kind: Kind) -> bool:
    """Whether methods and attributes of a value of this kind are those of an array or a NumPy scalar."""
    return isinstance(plain(kind), (Array, Number, Unknown))


def function_of(e: Expr) -> tuple[Any, tuple[Expr, ...], tuple] | None:
    """The function that `e` applies, its positional and its keyword arguments; None if it applies none.

    `x.sum(axis=0)` applies `np.sum` to `x`, `x[i]` applies "getitem", `x + y` applies "+".
    """
    match e:
        case Op(op=op, args=args):
            return method_applied(op, args) or (op, args, ())
        case Subscript(value=value, index=index):
            return "getitem", (value, index), ()
        case Attribute(value=value, attr=attr) if attr in ARRAY_ATTRIBUTES:
            return ARRAY_ATTRIBUTES[attr], (value,), ()
        case Call(fn=fn, args=args, kwargs=kwargs) if library_method(fn, "__call__"):
            return library_method(fn, "__call__"), (fn, *args), kwargs
        case Call(fn=Ref(obj=obj), args=args, kwargs=kwargs):
            return obj, args, tuple((k, v) for k, v in kwargs if not (k == "out" and is_none(v)))
        case Call(fn=Attribute(value=value, attr=attr), args=args, kwargs=kwargs) if library_method(value, attr):
            return library_method(value, attr), (value, *args), kwargs
        case Call(fn=Attribute(value=value, attr=attr), args=args, kwargs=kwargs) if attr in registry.METHODS:
            if attr in registry.VARIADIC_METHODS and len(args) > 1:
                items = tuple(a.kind for a in args)
                args = (Tuple(args, kind=None if None in items else Items(tuple, tuple(range(len(items))), items)),)
            return registry.METHODS[attr], (value, *args), kwargs
    return None


def library_method(owner: Expr, name: str):
    """The method, if it has a rule, of an object of a library's class."""
    kind = plain(owner.kind)
    return registry.method(kind.type, name) if isinstance(kind, Opaque) else None


def method_applied(op: str, args) -> tuple | None:
    """The method that an operator stands for, where an operand is an object of a library's class; and its arguments."""
    classes = [kind.type if isinstance(kind := plain(x.kind), Opaque) else None for x in args]
    applied = registry.applied_method(op, classes) if any(classes) else None
    return None if applied is None else (applied[0], (args[applied[1]], args[1 - applied[1]]), ())


def is_none(e: Expr) -> bool:
    return isinstance(e, Const) and e.value is None


def operation(e: Expr) -> Operation | None:
    """The rule that `e` applies, with its arguments bound; None if there is none. Raises Refused."""
    applied = function_of(e)
    if applied is None:
        return None
    fn, args, kwargs = applied
    rule = registry.find(fn)
    if rule is None:
        return None
    if any(k is None for k, _ in kwargs):
        raise Refused("`**` of a mapping")
    if any(isinstance(a, Starred) for a in args):
        raise Refused("a starred argument")
    try:
        bound = rule.bind(args, dict(kwargs))
    except TypeError as error:
        known = ", ".join(str(p) for p in rule.signature.parameters.values())
        raise Refused(f"these arguments ({error}); its rule knows ({known})") from None
    arguments = dict(bound.arguments)
    for name, parameter in rule.signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            arguments[name] = tuple(arguments.get(name, ()))
    for name in rule.sequence:
        items = arguments.get(name)
        if isinstance(items, (Tuple, List)) and not any(isinstance(i, Starred) for i in items.elts):
            arguments[name] = items.elts
    return Operation(rule, arguments, fn)


def _items(values: tuple, path: tuple = ()):
    """The expressions in nested displays, each with its path: an int, or a tuple of ints further down."""
    for i, x in enumerate(values):
        here = (*path, i)
        if isinstance(x, (Tuple, List)):
            yield from _items(x.elts, here)
        else:
            yield (i if len(here) == 1 else here), x


def python_value(e: Any) -> Any:
    """The value of a parameter that is written out: a constant, a tuple of them, a library object. Raises ValueError."""
    match e:
        case Const(value=value):
            return value
        case Ref(obj=obj):
            return obj
        case Op(op="neg", args=(Const(value=value),)):
            return -value
        case Tuple(elts=elts):
            return tuple(python_value(i) for i in elts)
        case List(elts=elts):
            return [python_value(i) for i in elts]
        case Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if i is None else python_value(i) for i in (lower, upper, step)))
    raise ValueError


__all__ = [
    "ARRAY_ATTRIBUTES",
    "CONSTANT_ATTRIBUTES",
    "CONSTANT_METHODS",
    "Maybe",
    "Operation",
    "Refused",
    "function_of",
    "is_array_like",
    "operation",
    "python_value",
]
