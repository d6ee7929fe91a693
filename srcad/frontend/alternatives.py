"""Nested functions one of which is called: by the branch that defined it, or by a key of a table.

    if kind == "a":                          def g_1(z): return z * z
        g = lambda z: z * z                  def g_2(z): return z + 1
    else:                           →        if kind == "a": g = "g_1"
        g = lambda z: z + 1                  else: g = "g_2"
    g(x)                                     g_1(x) if g == "g_1" else g_2(x)

A variable that holds one of several functions holds the name of one instead, and a call of it asks for the name. Where
such a variable is used for anything but a call, it stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from srcad.core.nodes import (
    Assign, AugAssign, Call, Compare, Const, Def, Dict, Expr, ExprStmt, For, Function, If, IfExp, Lambda, List, Name, Node,
    Ref, Stmt, Subscript, Tuple, Walrus, With, map_children, walk, walk_own,
)  # fmt: skip
from srcad.frontend.nonlocals import bound, map_functions, targets


def with_alternatives_named(function: Function, fresh: Callable[[str], str]) -> Function:
    """`function` where variables that hold one of several nested functions hold its name."""
    function = map_functions(function, lambda inner: with_alternatives_named(inner, fresh))
    held = bindings(function)
    plain = {name for name, values in held.items() if len(values) == 1 and isinstance(values[0], Function)}
    found = {name: values for name, values in held.items() if is_choice(values, plain)}
    for name in list(found):
        if not all(is_called(function, name, isinstance(found[name][0], (Dict, List, Tuple)))):
            del found[name]
    for name, values in found.items():
        function = Naming(name, values, plain, fresh).applied(function)
    return function


def bindings(function: Function) -> dict[str, list[Node]]:
    """What is bound to each variable of a function; [] for one that is also bound in another way."""
    found: dict[str, list[Node]] = {}
    others = {p.id for p in function.params}
    for n in walk_own(function):
        match n:
            case Assign(target=Name(id=name), value=value):
                found.setdefault(name, []).append(value)
            case Assign(target=target) | AugAssign(target=target) | For(target=target) | Walrus(target=target):
                others |= set(targets(target))
            case With(items=items):
                others |= {name for _, t in items if t is not None for name in targets(t)}
            case Def(function=inner):
                found.setdefault(inner.name, []).append(inner)
                others |= set(inner.sets)
    return {name: values for name, values in found.items() if name not in others}


def alternatives(value: Node, plain: set[str]) -> list[Node] | None:
    """The functions that a value may be, or hold; None if it is something else, or a function with computed defaults.
    `plain` are the nested functions that are the only thing that has their name."""
    match value:
        case Function(params=params) | Lambda(function=Function(params=params)):
            return [value] if all(p.default is None or isinstance(p.default, (Const, Ref)) for p in params) else None
        case Ref(obj=obj):
            return [value] if callable(obj) else None
        case Name(id=name):
            return [value] if name in plain else None
        case IfExp(body=body, orelse=orelse):
            parts = [alternatives(body, plain), alternatives(orelse, plain)]
        case Dict(keys=keys, values=values) if None not in [k if k is None else 0 for k in keys]:
            parts = [None if isinstance(v, (Dict, List, Tuple)) else alternatives(v, plain) for v in values]
        case List(elts=elts) | Tuple(elts=elts):
            parts = [None if isinstance(v, (Dict, List, Tuple)) else alternatives(v, plain) for v in elts]
        case _:
            return None
    return None if None in parts or not parts else [a for part in parts for a in part]


def is_choice(values: list[Node], plain: set[str]) -> bool:
    """Whether what is bound to a variable are several functions, one of them nested; or one table of such."""
    found = [alternatives(v, plain) for v in values]
    if not found or any(f is None for f in found):
        return False
    tables = [isinstance(v, (Dict, List, Tuple)) for v in values]
    several = sum(map(len, found)) > 1 and len(set(tables)) == 1 and (not tables[0] or len(values) == 1)
    return several and any(not isinstance(a, Ref) for part in found for a in part)


def is_called(function: Function, name: str, is_table: bool):
    """For each use of a variable whether it is a call of it, or of an item of it."""
    called: set[int] = set()
    for n in walk(function):
        match n:
            case Call(fn=Subscript(value=Name(id=used) as use)) if is_table and used == name:
                called.add(id(use))
            case Call(fn=Name(id=used) as use) if not is_table and used == name:
                called.add(id(use))
            case Assign(target=Name(id=used) as use) if used == name:
                called.add(id(use))
    for n in walk(function):
        if isinstance(n, Name) and n.id == name:
            yield id(n) in called
        if isinstance(n, Function) and n is not function and name in bound(n):
            yield False  # a variable of its own, under the same name


class Naming:
    """The names of the functions that one variable may hold."""

    def __init__(self, name: str, values: list[Node], plain: set[str], fresh: Callable[[str], str]):
        self.name, self.fresh = name, fresh
        self.is_table = isinstance(values[0], (Dict, List, Tuple))
        self.options: list[tuple[str, Expr]] = []
        self.defined: list[Def] = []
        self.names: dict[int, str] = {}
        for alternative in (a for v in values for a in alternatives(v, plain)):
            self.note(alternative)

    def note(self, alternative: Node) -> None:
        tag = self.fresh(self.name)
        self.names[id(alternative)] = tag
        if isinstance(alternative, (Name, Ref)):
            self.options.append((tag, alternative))
            return
        inner = alternative.function if isinstance(alternative, Lambda) else alternative
        self.defined.append(Def(replace(inner, name=tag), at=inner.at))
        self.options.append((tag, Name(tag, at=inner.at)))

    def applied(self, function: Function) -> Function:
        body = tuple(map(self.rewrite, function.body))
        return replace(function, body=(*map(self.rewrite, self.defined), *body))

    def tag(self, alternative: Node) -> Const:
        return Const(self.names[id(alternative)], at=alternative.at)

    def rewrite(self, node: Node) -> Node:
        match node:
            case Def(function=inner) if id(inner) in self.names:
                return Assign(Name(self.name, at=node.at), self.tag(inner), at=node.at)
            case Assign(target=Name(id=name), value=value) if name == self.name:
                return replace(node, value=self.tagged(value))
            case ExprStmt(value=Call() as call):
                value = self.rewrite(call)
                return as_statement(value) if isinstance(value, IfExp) else replace(node, value=value)
            case Call(fn=Name(id=name)) if name == self.name and not self.is_table:
                return self.chosen(node, node.fn)
            case Call(fn=Subscript(value=Name(id=name), index=index) as item) if name == self.name and self.is_table:
                item = replace(item, index=self.rewrite(index))
                if any(isinstance(n, Call) for n in walk(index)):
                    held = Name(self.fresh("key"), at=node.at)
                    return self.chosen(node, held, Walrus(held, item, at=node.at))
                return self.chosen(node, item)
        return map_children(node, self.rewrite)

    def tagged(self, value: Node) -> Node:
        if id(value) in self.names:
            return self.tag(value)
        options = IfExp, Lambda, Name, Ref
        return map_children(value, lambda n: self.tagged(n) if isinstance(n, options) else self.rewrite(n))

    def chosen(self, call: Call, tag: Expr, first: Expr | None = None) -> Expr:
        """The call of the function whose name `tag` is; it is asked for by `first`, to begin with."""
        call = map_children(replace(call, fn=Const(None)), self.rewrite)
        calls = [(name, replace(call, fn=fn)) for name, fn in self.options]
        result: Expr = calls[-1][1]
        for i, (name, one) in reversed(list(enumerate(calls[:-1]))):
            asked = first if first is not None and i == 0 else tag
            result = IfExp(Compare(("==",), (asked, Const(name, at=call.at)), at=call.at), one, result, at=call.at)
        return result


def as_statement(value: Expr) -> Stmt:
    """The calls of a conditional expression, for their effect."""
    if isinstance(value, IfExp):
        return If(value.test, (as_statement(value.body),), (as_statement(value.orelse),), at=value.at)
    return ExprStmt(value, at=value.at)
