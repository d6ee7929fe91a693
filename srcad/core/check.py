"""Is this well-formed core? What every pass promises of its result, as an assertion for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from srcad.core import nodes as core
from srcad.core.printer import BINARY, COMPARISON, LOGICAL, UNARY, text

LITERALS = int, float, complex, str, bytes, type(None), type(Ellipsis)
STYLES = ["positional", "any", "star", "keyword", "double star"]
HOLDS_STARRED = core.Tuple, core.List, core.Set


def check(function: core.Function, bound: Iterable[str] = ()) -> None:
    """Raises AssertionError where `function` is ill-formed; `bound` are names that its surroundings bind.

    >>> check(core.Function("f", (), (core.Return(core.Name("x")),)))
    Traceback (most recent call last):
    AssertionError: in f: x is read but never bound: return x
    """
    problems = list(_function(function, frozenset(bound)))
    if problems:
        raise AssertionError("\n".join(f"in {function.name}: {problem}" for problem in problems))


def assigned(function: core.Function) -> set[str]:
    """The names that a function binds in its own scope, parameters included."""
    names = {p.id for p in function.params}
    for stmt in function.body:
        names |= set(_assigned(stmt))
    return names


def _assigned(node: core.Node) -> Iterator[str]:
    match node:
        case core.Assign(target=target) | core.AugAssign(target=target) | core.Walrus(target=target):
            yield from _target_names(target)
        case core.For(target=target):
            yield from _target_names(target)
        case core.With(items=items):
            yield from (name for _, target in items if target is not None for name in _target_names(target))
        case core.Def(function=core.Function(name=name)):
            yield name
        case core.Import(names=names):
            yield from names
        case core.Handler(name=str(name)):
            yield name
        case core.Delete(targets=targets):
            yield from (name for target in targets for name in _target_names(target))
    for child in _same_scope(node):
        yield from _assigned(child)


def _same_scope(node: core.Node) -> Iterator[core.Node]:
    match node:
        case core.Def(function=function) | core.Lambda(function=function):
            yield from (p.default for p in function.params if p.default is not None)
        case _:
            yield from core.children(node)


def _target_names(target: core.Expr) -> Iterator[str]:
    match target:
        case core.Name(id=name):
            yield name
        case core.Tuple(elts=elts):
            for e in elts:
                yield from _target_names(e)
        case core.Starred(value=value):
            yield from _target_names(value)


def _function(function: core.Function, bound: frozenset[str]) -> Iterator[str]:
    names = [p.id for p in function.params]
    if len(set(names)) < len(names):
        yield f"a parameter appears twice: {', '.join(names)}"
    ranks = [STYLES.index(p.style) if p.style in STYLES else -1 for p in function.params]
    if ranks != sorted(ranks) or -1 in ranks or max(map(ranks.count, (2, 4))) > 1:
        yield f"parameters out of order: {[p.style for p in function.params]}"
    inside = bound | assigned(function)
    for param in function.params:
        if param.default is not None:
            yield from _expr(param.default, bound, text(param))
    yield from _body(function.body, inside, in_loop=False)


def _body(stmts, bound: frozenset[str], in_loop: bool) -> Iterator[str]:
    if not isinstance(stmts, tuple):
        yield f"a body is a {type(stmts).__name__}, not a tuple"
        return
    for stmt in stmts:
        if isinstance(stmt, core.Stmt):
            yield from _stmt(stmt, bound, in_loop)
        else:
            yield f"not a statement: {stmt!r}"


def _stmt(stmt: core.Stmt, bound: frozenset[str], in_loop: bool) -> Iterator[str]:
    match stmt:
        case core.Break() | core.Continue() if not in_loop:
            yield f"{text(stmt)} outside of a loop"
        case core.Assign(target=target):
            yield from _target(target, stmt, (core.Name, core.Subscript, core.Attribute, core.Tuple))
        case core.AugAssign(target=target):
            yield from _target(target, stmt, (core.Name, core.Subscript, core.Attribute))
            if stmt.op not in BINARY:
                yield f"not an operator: {stmt.op!r}"
        case core.For(target=target):
            yield from _target(target, stmt, (core.Name, core.Subscript, core.Attribute, core.Tuple))
        case core.Delete(targets=targets):
            for target in targets:
                yield from _target(target, stmt, (core.Name, core.Subscript, core.Attribute, core.Tuple))
        case core.Def(function=function):
            yield from _function(function, bound)
            return
        case core.Try(handlers=handlers, final=final):
            if not handlers and not final:
                yield "try without except and finally"
    shown = type(stmt).__name__
    for f in fields(stmt):
        value = getattr(stmt, f.name)
        if f.name in ("body", "orelse", "final"):
            loop = in_loop or (f.name == "body" and isinstance(stmt, (core.For, core.While)))
            yield from _body(value, bound, loop)
        elif f.name == "handlers":
            for handler in value:
                yield from _body(handler.body, bound, in_loop)
                if handler.type is not None:
                    yield from _expr(handler.type, bound, shown)
        elif f.name != "at":
            for part in _exprs_in(value):
                yield from _expr(part, bound, stmt, target=f.name in ("target", "targets", "items"))


def _exprs_in(value) -> Iterator[core.Expr]:
    match value:
        case core.Expr():
            yield value
        case tuple():
            for item in value:
                yield from _exprs_in(item)


def _target(target: core.Expr, stmt: core.Stmt, allowed: tuple[type, ...]) -> Iterator[str]:
    if not isinstance(target, allowed):
        yield f"a {type(target).__name__} cannot be assigned to: {_shown(stmt)}"
    elif isinstance(target, core.Tuple):
        for e in target.elts:
            inner = e.value if isinstance(e, core.Starred) else e
            yield from _target(inner, stmt, (core.Name, core.Subscript, core.Attribute, core.Tuple))


def _shown(where) -> str:
    try:
        return text(where).partition("\n")[0] if isinstance(where, core.Node) else str(where)
    except (AssertionError, AttributeError, KeyError, TypeError):
        return repr(where)


def _expr(expr: core.Expr, bound: frozenset[str], where, target: bool = False) -> Iterator[str]:
    match expr:
        case core.Name(id=name):
            if not name.isidentifier():
                yield f"not a name: {name!r}"
            elif name not in bound:
                yield f"{name} is read but never bound: {_shown(where)}"
            return
        case core.Const(value=value) if not isinstance(value, LITERALS):
            yield f"not a literal: {value!r}"
        case core.Op(op=op, args=args) if op not in {1: UNARY, 2: BINARY}.get(len(args), ()):
            yield f"not an operator of {len(args)} operands: {op!r}"
        case core.Compare(ops=ops, args=args) if len(args) != len(ops) + 1 or not {*ops} <= {*COMPARISON}:
            yield f"not a comparison of {len(args)} operands: {ops!r}"
        case core.Logical(op=op, args=args) if op not in LOGICAL or len(args) < 2:
            yield f"not a logical operator of {len(args)} operands: {op!r}"
        case core.Walrus(target=inner) if not isinstance(inner, core.Name):
            yield f"a walrus binds a name: {_shown(where)}"
        case core.Lambda(function=function):
            if len(function.body) != 1 or not isinstance(function.body[0], core.Return):
                yield f"the body of a lambda is one return: {[type(s).__name__ for s in function.body]}"
            yield from _function(function, bound)
            return
        case core.Comprehension(clauses=clauses, element=element):
            if expr.style == "dict" and not (isinstance(element, core.Tuple) and len(element.elts) == 2):
                yield "the element of a dict comprehension is a pair"
            inside = bound | {name for c in clauses for name in _target_names(c.target)}
            for k, clause in enumerate(clauses):
                yield from _target(clause.target, expr, (core.Name, core.Subscript, core.Attribute, core.Tuple))
                yield from _expr(clause.iter, inside if k else bound, where)
                for test in clause.ifs:
                    yield from _expr(test, inside, where)
            yield from _expr(element, inside, where)
            return
    yield from _placed(expr, where, target)
    for child in core.children(expr):
        if isinstance(child, core.Expr):
            yield from _expr(child, bound, where, target)
        else:
            yield f"not an expression: {child!r} in {_shown(where)}"


def _placed(expr: core.Expr, where, target: bool) -> Iterator[str]:
    """Slices and starred expressions that stand where Python does not have them."""
    for child in core.children(expr):
        in_call = isinstance(expr, core.Call) and any(child is arg for arg in expr.args)
        if isinstance(child, core.Starred) and not (in_call or isinstance(expr, HOLDS_STARRED)):
            yield f"a starred expression out of place: {_shown(where)}"
        in_index = isinstance(expr, core.Subscript) and child is expr.index
        if isinstance(child, core.Slice) and not (in_index or isinstance(expr, core.Tuple)):
            yield f"a slice out of place: {_shown(where)}"
