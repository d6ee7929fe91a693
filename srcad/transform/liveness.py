"""What the reverse sweep reads: dead statements go, and with them the provisions for values that nobody asks for."""

from __future__ import annotations

import builtins
import functools
from dataclasses import replace
from typing import Any

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import Array, plain
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Comment, Const, Expr, ExprStmt, For, If, Name, Node, Op, Pass, Raise, Ref,
    Slice, Starred, Stmt, Subscript, Try, Tuple, While, With, children, walk, with_blocks,
)  # fmt: skip
from srcad.core.places import root_name, steps
from srcad.options import current

Block = list[Stmt]


class Save(Stmt):
    """Keeps the value of a variable before it is overwritten, or at the end of a pass of a loop. `unset`: it may have
    none. `key` is what it shares with its `Restore`. `place` is the part of an array or list that is overwritten, None
    where it is the variable itself."""

    tape: str
    name: str
    in_loop: bool
    key: Any
    unset: bool = False
    place: Expr | None = None


class Restore(Stmt):
    """Brings back what the `Save` of the same key has kept: a variable, or a place in one; `is_item` says that it is an item
    which a container holds by reference."""

    tape: str
    name: str
    in_loop: bool
    key: Any
    place: Expr | None = None
    is_item: bool = False


class Sweep(Call):
    """A call of an adjoint function that changes arrays and shadows of its caller in place: those of `writes`. `lent` are
    the arrays that the callee writes into, by its parameters: it brings their old values back if they are read then.
    Of those in `unread` it reads nothing."""

    callee: Any = None
    writes: tuple[str, ...] = ()
    lent: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()


SHAPE = ".shape"
"""Marks a variable of which only the shape is read: a write into it does not change that."""


def names_read(node: Node | None) -> set[str]:
    """The variables that an expression or statement reads; `x.shape` where it is only the shape of x."""
    match node:
        case None:
            return set()
        case Sweep(args=args, unread=unread):
            found = set().union(*map(names_read, args))
            return found - set(unread) | {n + SHAPE for n in unread}
        case Name(id=name):
            return {name}
        case Attribute(value=place, attr="shape" | "size" | "ndim" | "dtype") if is_view(place):
            indices = (s.index for s in steps(place) if isinstance(s, Subscript))
            return {f"{root_name(place)}{SHAPE}"}.union(*map(names_read, indices))
        case Call(fn=Ref(obj=obj), args=(Name(id=name), *rest)) if any(obj is f for f in READ_SHAPES):
            return {name + SHAPE}.union(*map(names_read, rest))
    return set().union(*map(names_read, children(node)))


def is_view(place: Expr) -> bool:
    """Whether `place` is a variable or a part of the array in one: its shape does not depend on what is in it."""
    inside = (s for s in steps(place) if isinstance(s, (Subscript, Attribute)))
    return root_name(place) is not None and all(isinstance(plain(s.value.kind), Array) for s in inside)


def is_all_of_an_array(place: Expr) -> bool:
    """Whether a place is `x[...]` or `x[:]`, of an array in a variable."""
    match place:
        case Subscript(value=Name(kind=kind), index=Const(value=value)) if value is Ellipsis:
            return isinstance(plain(kind), Array)
        case Subscript(value=Name(kind=kind), index=Slice(lower=None, upper=None, step=None)):
            return isinstance(plain(kind), Array)
    return False


READ_SHAPES = (np.zeros_like, np.shape, runtime.zeros_like)


def gone(live: set[str], names: set[str]) -> set[str]:
    """`live` before the variables `names` get a value."""
    return live - names - {n + SHAPE for n in names}


def is_live(name: str, live: set[str]) -> bool:
    return name in live or name + SHAPE in live


def targets(target: Expr) -> set[str]:
    """The variables that an assignment to `target` sets."""
    match target:
        case Name(id=name):
            return {name}
        case Tuple(elts=elts):
            return set().union(*map(targets, elts)) if elts else set()
        case Starred(value=value):
            return targets(value)
    return set()


def target_reads(target: Expr) -> set[str]:
    match target:
        case Name():
            return set()
        case Tuple(elts=elts):
            return set().union(*map(target_reads, elts)) if elts else set()
        case Starred(value=value):
            return target_reads(value)
    return names_read(target)


def prune(block: Block, wanted: set[str]) -> tuple[Block, set[Restore]]:
    """The statements of a reverse sweep that `wanted` depends on, and the `Restore`s among them."""
    pruner = _Pruner()
    kept, _ = pruner.block(block, set(wanted) if current().recording else _Everything())
    return without_repeated_comments(kept), set(restores_in(kept))


class _Everything(set):
    """All variables: of a sweep of which nothing is left out."""

    def __contains__(self, name) -> bool:
        return True

    def _same(self, *others) -> _Everything:
        return self

    __or__ = __ror__ = __sub__ = union = difference = _same


def restores_in(block):
    for s in block:
        for n in walk(s):
            if isinstance(n, Restore):
                yield n


class _Pruner:
    def block(self, block, live: set[str]) -> tuple[Block, set[str]]:
        """The statements that matter for the variables in `live` at the end, and those that are live at the start."""
        out: Block = []
        for s in reversed(list(block)):
            kept, live = self.statement(s, live)
            if isinstance(kept, Comment):
                if out and not isinstance(out[-1], Comment):
                    out.append(kept)
            elif kept is not None:
                out.append(kept)
        return without_empty_comments(out[::-1]), live

    def statement(self, s: Stmt, live: set[str]) -> tuple[Stmt | None, set[str]]:
        match s:
            case Comment() | Pass():
                return s, live
            case Restore(name=name, tape=tape, place=None):
                if not is_live(name, live):
                    return None, live
                return s, gone(live, {name}) | {tape}
            case Restore(name=name, tape=tape, place=Subscript(value=Name(), index=Const(value=builtins.Ellipsis))):
                return (s, gone(live, {name}) | {name + SHAPE, tape}) if name in live else (None, live)
            case Restore(name=name, tape=tape, place=place):
                if name not in live:
                    return None, live
                if is_all_of_an_array(place):
                    return s, (live - {name}) | {name + SHAPE, tape}
                return s, live | names_read(place) | {tape}
            case Assign(value=Sweep(writes=writes)) | ExprStmt(value=Sweep(writes=writes)):
                names = targets(s.target) if isinstance(s, Assign) else set()
                if not any(is_live(n, live) for n in names.union(writes)):
                    return None, live
                s.value.callee.restored.update(p for p, n in s.value.lent if n in live)
                return s, gone(live, names) | names_read(s.value)
            case Assign(target=target, value=value):
                names = targets(target)
                if not names:  # into an item: the container stays what it was, with one item changed
                    return (
                        (s, live | names_read(target) | names_read(value))
                        if root_name(target) in live
                        else (None, live)
                    )
                if not any(is_live(n, live) for n in names):
                    return None, live
                return s, gone(live, names) | target_reads(target) | names_read(value)
            case AugAssign(target=target, value=value):
                if root_name(target) is not None and root_name(target) not in live:
                    return None, live
                return s, live | names_read(target) | names_read(value)
            case ExprStmt(value=Call(fn=Attribute(value=owner))) if root_name(owner) is not None:
                if not is_live(root_name(owner), live):
                    return None, live
                return s, live | names_read(s)
            case ExprStmt(value=Call(args=(first, *_))):
                if root_name(first) is not None and root_name(first) not in live:
                    return None, live
                return s, live | names_read(s)
            case If(test=test, body=body, orelse=orelse):
                body, live_body = self.block(body, live)
                orelse, live_else = self.block(orelse, live)
                if not has_code(body) and not has_code(orelse):
                    return None, live
                if not has_code(body):
                    test, body, orelse = Op("not", (test,)), orelse, []
                new = replace(s, test=test, body=tuple(body), orelse=tuple(orelse) if has_code(orelse) else ())
                return new, live_body | live_else | names_read(test)
            case For(target=target, iter=iterable, body=body):
                bound = targets(target)
                at_head = live
                while True:
                    kept, start = self.block(body, at_head)
                    grown = at_head | gone(start, bound)
                    if grown == at_head:
                        break
                    at_head = grown
                if not has_code(kept):
                    return None, live
                return replace(s, body=tuple(kept)), at_head | names_read(iterable)
            case With(items=items, body=body):
                kept, start = self.block(body, live)
                if not has_code(kept):
                    return None, live
                for context, _ in items:
                    start = start | names_read(context)
                return replace(s, body=tuple(kept)), start
        return s, live | names_read(s)


def has_code(block) -> bool:
    return any(not isinstance(s, (Comment, Pass)) for s in block)


def without_empty_comments(block: Block) -> Block:
    """`block` without comments that no statement follows."""
    out: Block = []
    for s in block:
        if isinstance(s, Comment) and out and isinstance(out[-1], Comment):
            out.pop()
        out.append(s)
    while out and isinstance(out[-1], Comment):
        out.pop()
    return out


def without_repeated_comments(block: Block, above: str | None = None) -> Block:
    """`block` without comments that say what the one above says, be it in the same block or in one around it."""
    out: Block = []
    for s in block:
        if isinstance(s, Comment):
            if s.text == above:
                continue
            above = s.text
        out.append(with_blocks(s, functools.partial(without_repeated_comments, above=above)))
    return out


def reads_before_writes(block, live: set[str]) -> set[str]:
    """The variables that are live at the start of a block of plain statements, `live` being those at its end."""
    return {n.removesuffix(SHAPE) for n in _live_before(block, live)}


def values_read(block, live: set[str]) -> set[str]:
    """The variables of which a block reads more than the shape."""
    return {n for n in _live_before(block, live) if not n.endswith(SHAPE)}


def _live_before(block, live: set[str]) -> set[str]:
    for s in reversed(list(block)):
        match s:
            case Assign(target=target, value=value):
                live = gone(live, targets(target)) | target_reads(target) | names_read(value)
            case Restore(name=name, tape=tape, place=None):
                live = gone(live, {name}) | {tape}
            case Restore(place=place, tape=tape):
                live = live | names_read(place) | {tape}
            case If(test=test, body=body, orelse=orelse):
                live = _live_before(body, live) | _live_before(orelse, live) | names_read(test)
            case For(target=target, iter=iterable, body=body):
                bound = targets(target)
                while True:
                    grown = live | gone(_live_before(body, live), bound)
                    if grown == live:
                        break
                    live = grown
                live = live | names_read(iterable)
            case While(test=test, body=body):
                live = live | names_read(test)
                while True:
                    grown = live | _live_before(body, live)
                    if grown == live:
                        break
                    live = grown
            case With(items=items, body=body):
                live = _live_before(body, live)
                for context, target in reversed(items):
                    live = gone(live, targets(target) if target is not None else set()) | names_read(context)
            case Try():
                after = _live_before(s.final, live)
                start = _live_before(s.orelse, after)
                handled = set().union(*(_live_before(h.body, after) for h in s.handlers)) if s.handlers else set()
                live = _live_before(s.body, start | handled) | handled
            case _:
                live = live | names_read(s)
    return live


def definitely_set(block, known: set[str]) -> set[str]:
    """The variables that have a value after a block, on each path through it, `known` being those before it."""
    for s in block:
        match s:
            case Assign(target=target):
                known = known | targets(target)
            case If(body=body, orelse=orelse):
                ends = [definitely_set(b, known) for b in (body, orelse) if not (b and isinstance(b[-1], Raise))]
                known = set.intersection(*ends) if ends else known
            case With(items=items, body=body):
                known = known.union(*(targets(t) for _, t in items if t is not None))
                known = definitely_set(body, known)
            case While(test=Const(value=value), body=body) if value:
                known = definitely_set(body, known)
            case Try(body=body, handlers=handlers, orelse=orelse, final=final):
                ends = [definitely_set(h.body, known) for h in handlers if not isinstance(h.body[-1], Raise)]
                ends.append(definitely_set(orelse, definitely_set(body, known)))
                known = definitely_set(final, set.intersection(*ends))
    return known
