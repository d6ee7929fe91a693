"""What a name means: which names a function binds itself, and what the others stood for when it was read."""

from __future__ import annotations

import builtins
import dataclasses
import numbers
import types
from collections.abc import Iterator
from typing import Any

import gast
import numpy as np

from srcad.core.nodes import Attribute, Expr, Global, Ref

FOLDED = types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType, np.ufunc
"""Owners whose attributes are looked up when a function is read: `np.linalg.inv` is one reference."""

DATA = numbers.Number, np.ndarray, np.generic, str, bytes, list, tuple, dict, set, frozenset
LIBRARIES = {"numpy", "math", "cmath", "scipy"}
"""Modules whose numbers are constants: `np.pi`, `math.inf`, `np.newaxis`."""


class Namespace:
    """The names that a function finds outside itself: its closure, its globals, the builtins, in this order."""

    def __init__(self, function: types.FunctionType):
        cells = zip(function.__code__.co_freevars, function.__closure__ or ())
        self.cells: dict[str, Any] = {}
        self.empty: set[str] = set()
        for name, cell in cells:
            try:
                self.cells[name] = cell.cell_contents
            except ValueError:
                self.empty.add(name)
        self.globals = function.__globals__

    def find(self, name: str) -> tuple[Any] | None:
        """(what `name` stands for,), or None where nothing is bound to it yet."""
        if name in self.empty:
            return None
        for scope in (self.cells, self.globals, vars(builtins)):
            if name in scope:
                return (scope[name],)
        return None

    def name(self, name: str, at=None) -> Expr:
        """The expression that a name from outside becomes: a `Ref` to code, a `Global` for data."""
        match self.find(name):
            case (obj,) if is_code(obj):
                return Ref(obj, name, at=at)
        return Global(name, at=at)


def attribute(value: Expr, attr: str, at=None) -> Expr:
    """`value.attr`; a reference where `value` is one to a module, class or function and the attribute is code too."""
    if isinstance(value, Ref) and isinstance(value.obj, FOLDED):
        try:
            obj = getattr(value.obj, attr)
        except AttributeError:
            return Attribute(value, attr, at=at)
        if is_code(obj) or _is_constant(value.obj, obj):
            return Ref(obj, f"{value.text}.{attr}", at=at)
    return Attribute(value, attr, at=at)


def is_code(obj: Any) -> bool:
    """Whether `obj` is a module or can be called, and holds no data itself."""
    if isinstance(obj, (types.ModuleType, type)):
        return True
    if isinstance(obj, DATA) or dataclasses.is_dataclass(obj) or hasattr(type(obj), "__array__"):
        return False
    return callable(obj)


def _is_constant(owner: Any, obj: Any) -> bool:
    library = isinstance(owner, types.ModuleType) and owner.__name__.partition(".")[0] in LIBRARIES
    return library and (obj is None or type(obj) in (bool, int, float, complex))


SCOPES = gast.FunctionDef, gast.AsyncFunctionDef, gast.ClassDef, gast.Lambda
COMPREHENSIONS = gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp


def bindings(tree: gast.AST) -> Iterator[tuple[str, gast.AST]]:
    """Each (name, node that binds it) of a function's own scope, its parameters first, in source order."""
    yield from ((param.id, param) for param in parameters(tree.args))
    for node in tree.body if isinstance(tree.body, list) else [tree.body]:
        yield from _bound(node, in_comprehension=False)


def parameters(args: gast.arguments) -> list[gast.Name]:
    """The parameters in the order of the signature."""
    stars = [args.vararg] if args.vararg else [], [args.kwarg] if args.kwarg else []
    return [*args.posonlyargs, *args.args, *stars[0], *args.kwonlyargs, *stars[1]]


def _bound(node: gast.AST, in_comprehension: bool) -> Iterator[tuple[str, gast.AST]]:
    match node:
        case gast.Name(id=name, ctx=gast.Store() | gast.Del()) if not in_comprehension:
            yield name, node
        case gast.NamedExpr(target=gast.Name(id=name)):
            yield name, node
        case gast.FunctionDef(name=name) | gast.AsyncFunctionDef(name=name) | gast.ClassDef(name=name):
            yield name, node
        case gast.Import(names=names) | gast.ImportFrom(names=names):
            yield from ((alias.asname or alias.name.partition(".")[0], node) for alias in names)
        case gast.MatchAs(name=str(name)) | gast.MatchStar(name=str(name)) | gast.MatchMapping(rest=str(name)):
            yield name, node
    for child in _inside(node):
        yield from _bound(child, in_comprehension or isinstance(node, COMPREHENSIONS))


def _inside(node: gast.AST) -> Iterator[gast.AST]:
    """The children that are evaluated in the same scope."""
    if isinstance(node, (gast.FunctionDef, gast.AsyncFunctionDef)):
        yield from (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d))
    elif isinstance(node, gast.ClassDef):
        yield from (*node.decorator_list, *node.bases)
    elif isinstance(node, gast.Lambda):
        yield from (*node.args.defaults, *(d for d in node.args.kw_defaults if d))
    else:
        yield from gast.iter_child_nodes(node)


def own_nodes(tree: gast.AST) -> Iterator[gast.AST]:
    """All nodes of a function that are evaluated in its own scope."""
    pending = list(tree.body) if isinstance(tree.body, list) else [tree.body]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(_inside(node))


def comprehension_names(clauses: list[gast.comprehension]) -> set[str]:
    """The names that the clauses of a comprehension bind, which are its own."""
    return {
        node.id
        for clause in clauses
        for node in gast.walk(clause.target)
        if isinstance(node, gast.Name) and isinstance(node.ctx, gast.Store)
    }
