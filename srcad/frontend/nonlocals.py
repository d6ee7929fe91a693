"""`nonlocal` said without it: a nested function gets the variables that it sets as arguments, and returns them.

    def add(v):                      def add(v, *, total):
        nonlocal total        →          total += v
        total += v                       return None, total
    add(x)                           value, total = add(x, total=total)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from srcad.core.nodes import (
    Assign, AugAssign, Call, Const, Def, Expr, ExprStmt, For, Function, Lambda, Name, Node, Param, Ref, Return,
    Starred, Stmt, Subscript, Try, Tuple, Walrus, With, map_children, walk, walk_own,
)  # fmt: skip


def without_nonlocals(function: Function, fresh: Callable[[str], str], refuse: Callable) -> Function:
    """`function` with no nested function that sets its variables; `refuse(node, what, hint)` notes what cannot be said."""
    function = map_functions(function, lambda inner: without_nonlocals(inner, fresh, refuse))
    inner = [n.function for n in walk_own(function) if isinstance(n, Def)]
    setters: dict[str, set[str]] = {f.name: set() for f in inner}
    for f in inner:
        setters[f.name] |= set(f.sets)
    while True:  # who calls one that sets a variable sets it, too
        before = sum(map(len, setters.values()))
        for f in inner:
            own = bound(f)
            for called in calls(f) & setters.keys() - own:
                setters[f.name] |= setters[called] - own
        if sum(map(len, setters.values())) == before:
            break
    setters = {name: names for name, names in setters.items() if names}
    if not setters:
        return function
    rewriting = Rewriting(setters, fresh, refuse)
    function = map_functions(function, lambda f: rewriting.setter(f) if f.name in setters else rewriting.inside(f))
    body = tuple(map(rewriting.rewrite, function.body))
    outer = set().union(*setters.values()) - bound(function)  # of a function further out
    return replace(function, body=body, sets=tuple(sorted({*function.sets, *outer})))


def map_functions(node: Node, change: Callable[[Function], Function]) -> Node:
    """`node` with `change` applied to the functions that are defined in it, but not in those."""
    if isinstance(node, Def):
        return replace(node, function=change(node.function))
    return map_children(node, lambda n: map_functions(n, change))


def targets(target: Expr):
    """The names that an assignment to `target` binds."""
    match target:
        case Name(id=name):
            yield name
        case Tuple(elts=elts):
            for e in elts:
                yield from targets(e)
        case Starred(value=value):
            yield from targets(value)


def bound(function: Function) -> set[str]:
    """The names that belong to a function itself."""
    found = {p.id for p in function.params}
    for n in walk_own(function):
        match n:
            case Assign(target=target) | AugAssign(target=target) | For(target=target) | Walrus(target=target):
                found |= set(targets(target))
            case With(items=items):
                found |= {name for _, t in items if t is not None for name in targets(t)}
            case Try(handlers=handlers):
                found |= {h.name for h in handlers if h.name}
            case Def(function=inner):
                found.add(inner.name)
    return found - set(function.sets)


def calls(function: Function) -> set[str]:
    """The names that are called in a function, or in one that is defined in it."""
    found = {n.fn.id for n in walk_own(function) if isinstance(n, Call) and isinstance(n.fn, Name)}
    for n in walk_own(function):
        if isinstance(n, Def):
            found |= calls(n.function)
    return found


def is_suppressing(context: Expr) -> bool:
    return isinstance(context, Call) and isinstance(context.fn, Ref) and context.fn.obj is contextlib.suppress


class Rewriting:
    """The functions of one scope that set its variables, and their calls."""

    def __init__(self, setters: dict[str, set[str]], fresh: Callable[[str], str], refuse: Callable):
        self.setters, self.fresh, self.refuse = setters, fresh, refuse

    def setter(self, function: Function) -> Function:
        """A function that sets variables: they are its parameters, and beside its result."""
        names = sorted(self.setters[function.name])
        function = self.inside(function)
        body = [self.returning(s, names) for s in function.body]
        if not (body and isinstance(body[-1], Return)):
            body.append(self.returning(Return(Const(None, at=function.at), at=function.at), names))
        params = [*function.params, *(Param(n, "keyword", at=function.at) for n in names)]
        params.sort(key=lambda p: p.style == "double star")
        left = tuple(n for n in function.sets if n not in names)
        return replace(function, params=tuple(params), body=tuple(body), sets=left)

    def inside(self, function: Function) -> Function:
        """A nested function, with its calls of the setters."""
        hidden = {n: self.setters.pop(n) for n in bound(function) & self.setters.keys()}
        function = map_functions(function, self.inside)
        function = replace(function, body=tuple(map(self.rewrite, function.body)))
        self.setters.update(hidden)
        return function

    def returning(self, s: Stmt, names: list[str]) -> Stmt:
        if isinstance(s, Return):
            return replace(s, value=Tuple((s.value, *(Name(n, at=s.at) for n in names)), at=s.at))
        return map_children(s, lambda n: n if isinstance(n, (Expr, Function)) else self.returning(n, names))

    def rewrite(self, node: Node) -> Node:
        """A statement or an expression with the calls of the setters in it said anew."""
        match node:
            case Function():
                return node
            case ExprStmt(value=Call(fn=Name(id=name)) as call) if name in self.setters:
                return self.assigned(Name(self.fresh("value"), at=node.at), call, node)
            case Assign(target=Name() as target, value=Call(fn=Name(id=name)) as call) if name in self.setters:
                return self.assigned(target, call, node)
            case Call(fn=Name(id=name)) if name in self.setters:
                result = Name(self.fresh("results"), at=node.at)
                parts: list[Expr] = [Subscript(Walrus(result, self.passing(node), at=node.at), Const(0), at=node.at)]
                for k, n in enumerate(sorted(self.setters[name]), 1):
                    part = Subscript(result, Const(k), at=node.at)
                    parts.append(Walrus(Name(n, at=node.at), part, at=node.at))
                return Subscript(Tuple(tuple(parts), at=node.at), Const(0), at=node.at)
            case Name(id=name) if name in self.setters:
                self.refuse(node, f"{name}, which sets a variable of the function around it, is used as a value", "Call it.")
            case Try(body=body, handlers=handlers) if handlers:
                self.refuse_calls(body, "inside of a `try`", "Set the variable outside of the `try`.")
            case With(items=items, body=body) if any(is_suppressing(c) for c, _ in items):
                self.refuse_calls(body, "where exceptions are suppressed", "Set the variable outside of the `with`.")
            case Lambda():
                self.refuse_calls((node,), "in a lambda", "Write a def.")
                return node
        return map_children(node, self.rewrite)

    def refuse_calls(self, nodes, where: str, hint: str) -> None:
        """Refuses the calls of setters in some nodes: what they set is lost where an exception ends them."""
        for n in (n for node in nodes for n in walk(node)):
            if isinstance(n, Call) and isinstance(n.fn, Name) and n.fn.id in self.setters:
                self.refuse(n, f"{n.fn.id}, which sets a variable of the function around it, is called {where}", hint)

    def passing(self, call: Call) -> Call:
        given = tuple((n, Name(n, at=call.at)) for n in sorted(self.setters[call.fn.id]))
        args = tuple(map(self.rewrite, call.args))
        return replace(call, args=args, kwargs=(*((k, self.rewrite(v)) for k, v in call.kwargs), *given))

    def assigned(self, target: Name, call: Call, s: Stmt) -> Assign:
        names = tuple(Name(n, at=s.at) for n in sorted(self.setters[call.fn.id]))
        return Assign(Tuple((target, *names), at=s.at), self.passing(call), at=s.at)
