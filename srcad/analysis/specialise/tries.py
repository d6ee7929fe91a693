"""`try`: what an exception may end midway becomes a call, of which either all has been done or nothing."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from srcad import runtime
from srcad.analysis.kinds import Callee, Opaque
from srcad.analysis.specialise.schedules import flow, set_in, written_into
from srcad.analysis.specialise.values import Local, Value, join_envs, set_names
from srcad.core.nodes import (
    Assign, Attribute, Call, Comprehension, Const, Def, Expr, ExprStmt, For, Function, Handler, If, IfExp, Import, Lambda,
    Logical, Name, Node, Param, Pass, Raise, Ref, Return, Stmt, Try, Tuple, Walrus, While, With, walk,
)  # fmt: skip

MIDWAY = (If, For, While, With, Try, IfExp, Logical, Comprehension)
"""What consists of steps, after each of which an exception may end it."""


class Tries:
    """The part of the specialisation that goes through `try`."""

    def try_(self, s: Try) -> None:
        before = self.env
        outer, self.out = self.out, []
        raised, body = before, []
        for stmt in self.in_steps(s):
            self.statement(stmt)
            raised = join_envs(raised, self.env)
        body, self.out = tuple(self.out), outer
        orelse = self.block(s.orelse)
        ends, handlers = [self.env], []
        for h in s.handlers:
            self.env = raised
            if h.name:
                self.bind(h.name, Value(Opaque(Exception)))
                for node in (n for stmt in h.body for n in walk(stmt)):
                    if isinstance(node, Attribute) and isinstance(node.value, Name) and node.value.id == h.name:
                        self.refuse(
                            node, "a value that an exception carries", "Return it, or assign it before the raise."
                        )
            handler = self.block(h.body)
            handlers.append(replace(h, body=handler or (Pass(at=h.at),)))
            if not goes_on(h):
                continue
            ends.append(self.env)
        self.env = functools.reduce(join_envs, ends)
        final = self.block(s.final)
        self.emit(replace(s, body=body, handlers=tuple(handlers), orelse=orelse, final=final))

    def in_steps(self, s: Try) -> Iterator[Stmt]:
        """The body of a `try`, with calls of functions of their own in place of what an exception may end midway.

            try:                                    def f_tried(y):
                for k in range(n):                      for k in range(n):
                    y = g(y, k)                             y = g(y, k)
            except ValueError:          →               return y
                y = x
                                                    try:
                                                        y = f_tried(y)
                                                    except ValueError:
                                                        y = x

        It is one call, of all up to the last loop or branch, where it can be. What an ended call has set is lost: nobody may
        read it, neither in a handler nor after that.
        """
        midway = [
            i for i, stmt in enumerate(s.body) if any(isinstance(n, MIDWAY) and not is_uncaught(n) for n in walk(stmt))
        ]
        if not midway or not any(map(goes_on, s.handlers)):
            yield from s.body
            return
        end = midway[-1] + 1
        whole = self.in_one(s.body[:end])
        if whole is not None:
            yield whole
        else:
            for i, stmt in enumerate(s.body[:end]):
                yield (self.in_one((stmt,)) if i in midway else None) or stmt
        yield from s.body[end:]

    def in_one(self, run: tuple[Stmt, ...]) -> Stmt | None:
        """Statements as a call of a function; None where nothing is differentiated in them, or it cannot be done."""
        if not any(isinstance(n, Name) and n.id in self.env and self.env[n.id].varied for s in run for n in walk(s)):
            return None
        key = "tried", *map(id, run)
        if key not in self.rewritten:
            self.rewritten[key] = self.outlined(run)
        if self.rewritten[key] is None:
            return None
        function, call = self.rewritten[key]
        self.bind(function.name, Value(Callee(Local(function, self.special.owner), "local")))
        return call

    def outlined(self, run: tuple[Stmt, ...]) -> tuple[Function, Stmt] | None:
        """A function that does what some statements do, and a call of it; None where what they set is read although they may
        have been ended, or may have no value."""
        special, at = self.special, run[-1].at
        body = special.source.body
        captured = {
            n.id for s in body for f in walk(s) if isinstance(f, (Function, Lambda)) for n in walk(f) if isinstance(n, Name)
        }
        first, last = (around(body, s, frozenset(special.params), frozenset()) for s in (run[0], run[-1]))
        own = set(set_in(run))
        if first is None or last is None or own & (last.caught | captured):
            return None
        if any(binds_otherwise(n) for s in run for n in walk(s)):
            return None
        results = sorted(own & last.after)
        if not results and not written_into(run):
            return None
        params = sorted(own & before(run, frozenset(results)))
        if not flow(run, first.known)[1].issuperset(results) or not first.known.issuperset(params):
            return None
        names = tuple(Name(n, at=at) for n in results)
        result: Expr = Const(None, at=at) if not names else names[0] if len(names) == 1 else Tuple(names, at=at)
        title = special.names.new(f"{special.source.name}_tried")
        text = (*run, Return(result, at=at))
        function = Function(title, tuple(Param(p, at=at) for p in params), text, "A part of a `try`.", at=at)
        call = Call(Name(title, at=at), tuple(Name(p, at=at) for p in params), at=at)
        return function, Assign(result, call, at=at) if names else ExprStmt(call, at=at)


def goes_on(h: Handler) -> bool:
    """Whether the function goes on after a handler."""
    return not (h.body and isinstance(h.body[-1], Raise))


def is_uncaught(s: Node) -> bool:
    """Whether no handler gets what a block raises: tangents, in a text that srcad has made."""
    return isinstance(s, With) and all(
        isinstance(c, Call) and isinstance(c.fn, Ref) and c.fn.obj is runtime.derivative for c, _ in s.items
    )


def binds_otherwise(n: Node) -> bool:
    """Whether a node gives variables values that are no part of `set_in`."""
    return isinstance(n, (Walrus, Def, Import)) or isinstance(n, Handler) and n.name is not None


class Surroundings(NamedTuple):
    """Of a statement: the variables that have a value before it in any case, those that are read after it, and those that
    are read after an exception has ended it."""

    known: frozenset[str]
    after: frozenset[str]
    caught: frozenset[str]


def before(block, live: frozenset[str]) -> frozenset[str]:
    """The variables that may be read from the start of a block on, `live` being those after it."""
    reads, always = flow(block, frozenset())
    return reads | (live - always)


def around(block, stmt: Stmt, known: frozenset[str], live: frozenset[str], caught=frozenset()) -> Surroundings | None:
    """The surroundings of a statement in a block, after which those in `live` are read, and those in `caught` where an
    exception leaves it; None if it is not there."""
    for i, s in enumerate(block):
        if all(n is not stmt for n in walk(s)):
            continue
        known, live = flow(block[:i], known)[1], before(block[i + 1 :], live)
        if s is stmt:
            return Surroundings(known, live, caught)
        inside = []
        match s:
            case If():
                inside = [(s.body, known, live, caught), (s.orelse, known, live, caught)]
            case For() | While():
                bound = known | (set_names(s.target) if isinstance(s, For) else frozenset())
                inside = [(s.body, bound, live | before([s], frozenset()), caught)]
            case With():
                bound = known.union(*(set_names(t) for _, t in s.items if t is not None))
                inside = [(s.body, bound, live, caught)]
            case Try():
                left = before(s.final, caught)
                live = before(s.final, live)
                handled = left.union(*(before(h.body, live) for h in s.handlers))
                completed = flow(s.body, known)[1]
                inside = [(s.body, known, before(s.orelse, live), handled), (s.orelse, completed, live, left)]
                inside += [(h.body, known, live, left) for h in s.handlers] + [(s.final, known, live, caught)]
        found = (around(*part[:1], stmt, *part[1:]) for part in inside)
        return next((f for f in found if f is not None), None)
    return None
