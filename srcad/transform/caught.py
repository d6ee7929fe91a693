"""Exceptions of a derivative are none that a `try` of the user's catches.

At 0, `y = math.sqrt(x)` has a value, and its tangent raises a ZeroDivisionError. Where a handler of the user's may catch
that, the tangents of a statement are computed after its values and before anything is set, and marked:

    y = y * math.sqrt(x)              sqrt = math.sqrt(x)
                                      value = y * sqrt
                                      with runtime.derivative():
                                          y_dot = y_dot * sqrt + y * x_dot * 0.5 / sqrt
                                      y = value

and the handler lets pass what is marked (`runtime.let_pass`). What the statement itself raises is raised before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from srcad import runtime
from srcad.core.names import Names
from srcad.core.nodes import (
    Assign, AugAssign, Attribute, Call, Const, Expr, ExprStmt, Handler, Invoke, Name, Node, Op, Ref, Return, Starred,
    Stmt, Subscript, Try, Tuple, With, children, walk,
)  # fmt: skip
from srcad.core.places import root_name
from srcad.transform.reverse import names_read, symbol, target_names, walk_all

Block = list[Stmt]


def called_in_try(specials: Iterable) -> set[int]:
    """The functions, by their ids, that are called where a `try` may catch what they raise, at any depth."""
    todo = [
        n.callee
        for special in specials
        for s in walk_all(special.body) if isinstance(s, Try) and s.handlers
        for part in s.body
        for n in walk(part) if isinstance(n, Invoke)
    ]  # fmt: skip
    found: dict[int, object] = {}
    while todo:
        special = todo.pop()
        if id(special) not in found:
            found[id(special)] = special
            todo += [n.callee for s in special.body for n in walk(s) if isinstance(n, Invoke)]
    return set(found)


def letting_pass(handler: Handler) -> Handler:
    """A handler that raises again what the derivative has raised."""
    return replace(handler, body=(ExprStmt(Call(symbol(runtime.let_pass), ())), *handler.body))


def values_first(statements: Block, dots: set[str], names: Names) -> Block:
    """What one statement of the user's has become: its values, then the tangents, then what is set.

    `dots` are the variables that hold tangents.
    """
    return _Ordered(dots, names).of(statements)


class _Ordered:
    """The parts of a statement, in their order. Only the `tangents` may raise what the user's statement does not."""

    def __init__(self, dots: set[str], names: Names):
        self.dots, self.names = dots, names
        self.values: Block = []
        self.tangents: Block = []
        self.set: Block = []
        self.set_dots: Block = []

    def of(self, statements: Block) -> Block:
        for s in statements:
            self.add(s)
        return [*self.values, *self.marked(), *self.set, *self.set_dots]

    def marked(self) -> Block:
        if all(is_harmless(s.value) for s in self.tangents):
            return self.tangents
        return [With(((Call(symbol(runtime.derivative), ()), None),), tuple(self.tangents))]

    def add(self, s: Stmt) -> None:
        match s:
            case Assign(target=Name() | Tuple() as target) if target_names(target) - {"_"} <= self.dots:
                self.tangents.append(s)
            case Assign(target=Subscript() | Attribute() as to) | AugAssign(target=to) if root_name(to) in self.dots:
                self.set_dots.append(replace(s, value=self.held(s.value)))
            case Assign(value=Tuple(elts=elts)) if isinstance(s.target, Tuple):
                self.set.append(replace(s, value=replace(s.value, elts=tuple(map(self.held, elts)))))
            case Assign(value=Call(fn=Ref(), args=args) as call) if self.reads_dots(call):
                self.set.append(replace(s, value=replace(call, args=tuple(map(self.held, args)))))
            case Assign(target=Name(id=name)) if not self.set and all(name not in names_read(t) for t in self.tangents):
                self.values.append(s)
            case Assign() | AugAssign() if self.tangents or self.set:
                self.set.append(replace(s, value=self.held(s.value)))
            case ExprStmt(value=Call(fn=Attribute(value=owner), args=args) as call) if self.reads_dots(owner):
                self.set_dots.append(replace(s, value=replace(call, args=tuple(map(self.held, args)))))
            case ExprStmt(value=Call(fn=Attribute(attr="append"), args=args) as call):
                self.set.append(replace(s, value=replace(call, args=tuple(map(self.held, args)))))
            case Return(value=Tuple(elts=elts)) if self.reads_dots(s.value):
                self.set.append(replace(s, value=replace(s.value, elts=tuple(map(self.held, elts)))))
            case _:
                self.set.append(s)

    def reads_dots(self, e: Node) -> bool:
        return not names_read(e).isdisjoint(self.dots)

    def held(self, e: Expr) -> Expr:
        """`e`, computed in its part, before anything is set."""
        if isinstance(e, Starred):
            return replace(e, value=self.held(e.value))
        if isinstance(e, (Const, Name)):
            return e
        if self.reads_dots(e):
            name = Name(self.names.new("dot"), kind=e.kind)
            self.dots.add(name.id)
            self.tangents.append(Assign(name, e))
        else:
            name = Name(self.names.new("value"), kind=e.kind, varied=e.varied)
            self.values.append(Assign(name, e, at=e.at))
        return name


def is_harmless(e: Node) -> bool:
    """Whether computing `e` raises nothing: a name, a number, a structure of those."""
    if isinstance(e, Op):
        return e.op == "neg" and is_harmless(e.args[0])
    return not isinstance(e, (Call, Subscript, Attribute)) and all(map(is_harmless, children(e)))
