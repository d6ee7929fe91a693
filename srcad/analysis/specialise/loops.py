"""Loops and comprehensions: over varied things they become loops over an index."""

from __future__ import annotations

import builtins
import functools
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from srcad.analysis import kinds
from srcad.analysis.kinds import (
    INT, NEVER, UNKNOWN, Array, Callee, Items, Kind, Listing, Never, Number, Opaque, Unknown, is_float, item_kind, join,
    plain,
)  # fmt: skip
from srcad.analysis.specialise.sharing import ANY, callees_in, substituted, within
from srcad.analysis.specialise.values import constant_kind, is_mapping, join_envs, set_names
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Break, Call, Clause, Compare, Comprehension, Const, Delete, Dict, Expr, ExprStmt, For,
    Function, Global, If, List, Name, Node, Op, Pass, Ref, Slice, Starred, Stmt, Subscript, Tuple, Walrus, While,
    map_children, walk,
)  # fmt: skip
from srcad.core.places import root_name
from srcad.core.printer import text
from srcad.errors import SrcadError

if TYPE_CHECKING:
    from srcad.analysis.specialise.program import Specialiser


class Loops:
    """The part of the specialisation that goes through loops."""

    def loop(self, s: For | While, head, before=()) -> None:
        """A loop, run until what is known at its head does not change; `head()` gives the loop as specialised."""
        for name in list(self.env):
            value = self.env[name]
            self.update(name, replace(value, kind=kinds.forget_loop(value.kind, id(s))))
        for attempt in range(12):
            entry, mutated = self.env, set(self.mutated)
            self.loops.append(id(s))
            new, first = head()
            body = self.block((*before, *s.body))
            self.loops.pop()
            back = {n: replace(v, kind=kinds.forget_loop(v.kind, id(s))) for n, v in self.env.items()}
            self.env = self.with_extents(join_envs(entry, back), ("head", id(s)), (*self.loops, id(s)))
            if attempt > 8:
                self.env = {n: v if v == entry.get(n) else replace(v, kind=UNKNOWN) for n, v in self.env.items()}
            if self.env == entry and self.mutated == mutated:
                break
        self.emit(replace(new, body=body or (Pass(at=s.at),)))
        del first

    def with_extents(self, env: dict, symbol: tuple, loops: tuple) -> dict:
        """What is known of variables where paths meet, with names for the extents that differ between the paths."""
        return {n: replace(v, kind=kinds.name_extents(v.kind, (*symbol, n), loops)) for n, v in env.items()}

    def for_(self, s: For) -> None:
        source = self.iterable(s.iter)
        if source is not s.iter:
            key = ("iterable", s)
            if key not in self.rewritten:
                self.rewritten[key] = replace(s, iter=source)
            return self.for_(self.rewritten[key])
        if self.runs_over_places(s):
            return self.unrolled_over_places(s)
        if (passes := self.written_out(s)) is not None:
            return self.unrolled_loop(s, passes)
        target, iterable, first = self.iteration(s)
        state = self.env, len(self.out), len(self.program.problems), set(self.mutated)
        functions = dict(self.program.specials), set(self.program.named)
        found: list[bool] = []

        def head():
            typed = self.expr(iterable)
            found.append(typed.varied)
            if not (is_mapping(typed.kind) or isinstance(element_kind(typed, typed), Number)):
                self.items_seen(within(typed, ANY))
            return replace(s, target=self.unpack_constant(target, element_kind(typed, typed)), iter=typed), None

        self.loop(s, head, first)
        if any(found) and not first and not is_mapping(self.peek(iterable)) and ("index", s) not in self.rewritten:
            self.rewritten["index", s] = True  # what it runs over becomes varied in its body: once more, by an index
            self.env, self.mutated = state[0], state[3]
            del self.out[state[1] :]
            self.program.forget(state[2], *functions)
            self.for_(s)

    def iteration(self, s: For):
        """The target and the iterable of a loop over what is not varied, and the statements that take the items."""
        with self.attempt():
            try:
                varied = self.is_varied_iterable(s.iter)
            except SrcadError:
                varied = True
        varied = varied or ("index", s) in self.rewritten or self.changes(s)
        if not varied:
            return s.target, s.iter, ()
        if s not in self.rewritten:
            self.rewritten[s] = Iteration(self, s)
        plan = self.rewritten[s]
        for setup in plan.setup:
            self.statement(setup)
        return plan.target, plan.iter, plan.first

    def written_out(self, s: For) -> Passes | None:
        """What a loop takes in each pass, where that is known item by item, and the items have no kind in common, as objects
        of different classes, or are functions; else None."""
        found = Passes()
        items = None if changes_length(root_name(s.iter), s.body) else self.items_of(s.iter, found)
        if items is None or len(items) > LONGEST_UNROLLED or not any(map(are_unlike, found.kinds)):
            return None
        held = [value.kind for kind in found.kinds for callee in callees_in(kind) for _, value in callee.extra]
        if any(isinstance(kind, Callee) for kind in held):  # functions that call nested ones: these have no names here
            return None
        found.items = items
        return found

    def items_of(self, e: Expr, found: Passes) -> list[Expr] | None:
        """The items of `e`, one by one; what else is run over beside them is noted in `found`."""
        match e:
            case Call(fn=Ref(obj=builtins.enumerate), args=(inner,), kwargs=()):
                items = self.items_of(inner, found)
                return None if items is None else [Tuple((Const(k), x), at=e.at) for k, x in enumerate(items)]
            case Call(fn=Ref(obj=builtins.reversed | builtins.list | builtins.tuple as function), args=(inner,), kwargs=()):
                items = self.items_of(inner, found)
                if function is reversed and items is not None:
                    return None if found.beside else items[::-1]
                return items
            case Call(fn=Ref(obj=builtins.zip), args=(_, *_) as args, kwargs=()):
                lists = [self.items_of(a, found) for a in args]
                if all(x is None for x in lists):
                    return None
                count = min(len(x) for x in lists if x is not None)
                for a, x in zip(args, lists):
                    kind = plain(self.peek(a))
                    if x is None and (not isinstance(kind, (Array, Listing)) or is_mapping(kind)):
                        return None
                found.beside += [a for a, x in zip(args, lists) if x is None]
                counted = [[Subscript(a, Const(k), at=e.at) for k in range(count)] for a in args]
                chosen = [c if x is None else x for c, x in zip(counted, lists)]
                return [Tuple(items, at=e.at) for items in zip(*chosen)]
            case Call(fn=Attribute(value=inner, attr="items" | "values" as view), args=(), kwargs=()):
                kind = plain(self.peek(inner))
                if not (isinstance(kind, Items) and kind.cls is dict):
                    return None
                found.kinds.append(kind)
                values = [Subscript(inner, Const(k), at=e.at) for k in kind.keys]
                return values if view == "values" else [Tuple((Const(k), v), at=e.at) for k, v in zip(kind.keys, values)]
            case Name() | Attribute() | Subscript() | Global() | Tuple() | List():
                kind = plain(self.peek(e))
                if isinstance(kind, Items) and kind.is_sequence:
                    found.kinds.append(kind)
                    return [Subscript(e, Const(k), at=e.at) for k in kind.keys]
        return None

    def runs_over_places(self, s: For) -> bool:
        """Whether a loop runs over items that are written out, and writes into them."""
        if not self.special.is_aliasing or not isinstance(s.iter, (Tuple, List)) or not set_names(s.target) & self.entangled:
            return False
        fixed = not any(isinstance(n, Name) and n.id in set_in(s) for n in walk(s.iter))
        return fixed and not any(isinstance(n, (Break, Starred)) for n in walk(s))

    def unrolled_over_places(self, s: For) -> None:
        """A loop over items that are written out, pass by pass: each may be another name of another place."""
        key = ("places", s)
        if key not in self.rewritten:
            setup: list[Stmt] = []

            def held(item: Expr) -> Expr:
                if isinstance(item, Tuple):
                    return replace(item, elts=tuple(map(held, item.elts)))
                with self.attempt():
                    if isinstance(item, Const) or self.is_place(self.expr(item)):
                        return item
                holder = Name(self.special.names.new("item"), at=s.at)
                setup.append(Assign(holder, item, at=s.at))
                return holder

            items = [held(item) for item in s.iter.elts]
            self.rewritten[key] = *setup, *(anew(x) for i in items for x in (Assign(s.target, i, at=s.at), *s.body))
        for statement in self.rewritten[key]:
            self.statement(statement)

    def unrolled_loop(self, s: For, passes: Passes) -> None:
        """A loop over items that have little in common, pass by pass; what comes after a `break` is not run."""
        key = ("unrolled", s, tuple(map(text, passes.items)))
        if key not in self.rewritten:
            setup: list[Stmt] = []
            holders: dict[str, Name] = {}

            def whole(e: Expr) -> Expr:  # what is run over is computed once
                if isinstance(e, Name) and e.id not in set_in(s):
                    return e
                if text(e) not in holders:
                    holders[text(e)] = Name(self.special.names.new("items"), at=s.at)
                    setup.append(Assign(holders[text(e)], e, at=s.at))
                return holders[text(e)]

            def held(e: Expr) -> Expr:
                match e:
                    case Tuple(elts=elts):
                        return replace(e, elts=tuple(map(held, elts)))
                    case Subscript(value=value):
                        return replace(e, value=whole(value))
                return e

            items = [held(item) for item in passes.items]
            lengths = [length_of(whole(e)) for e in passes.beside]
            outside = names_outside(self.special.source, s)
            after: tuple[Stmt, ...] = ()
            for k, item in reversed(list(enumerate(items))):
                own = {n: Name(self.special.names.new(n), at=s.at) for n in sorted(set_names(s.target))}
                head = Assign(substituted(s.target, own), item, at=s.at)
                last = [Assign(Name(n, at=s.at), own[n], at=s.at) for n in own if n in outside]
                body = tuple(anew(substituted(inner, own)) for inner in s.body)
                after = (head, *last, *followed(body, after))
                for length in lengths:
                    after = (If(Compare(("<",), (Const(k), length), at=s.at), after, (), at=s.at),)
            self.rewritten[key] = (*setup, *after)
        for statement in self.rewritten[key]:
            self.statement(statement)

    def changes(self, s: For) -> bool:
        """Whether a loop runs over an array or a list into which its body writes."""
        containers = (Array, Listing, Items)
        sources = {n for n in run_over(s.iter) if n in self.env and isinstance(plain(self.env[n].kind), containers)}
        written: set[str | None] = set()
        for n in (n for stmt in s.body for n in walk(stmt)):
            if isinstance(n, AugAssign) or isinstance(n, Assign) and not isinstance(n.target, (Name, Tuple)):
                written.add(root_name(n.target))
            if isinstance(n, Call) and (given := {root_name(a) for a in n.args} & sources) and self.writes(n, unseen=True):
                written |= given
        if self.special.is_aliasing and written & self.entangled:
            written |= self.entangled
        return bool(sources & written) and not any(is_mapping(self.env[n].kind) for n in sources)

    def is_varied_iterable(self, e: Expr) -> bool:
        match e:
            case Call(fn=Ref(obj=obj), args=args) if obj in (zip, enumerate, reversed):
                return any(self.is_varied_iterable(a) for a in args)
            case Call(fn=Attribute(value=value, attr="items" | "values" | "keys"), args=()):
                typed = self.expr(value)
                if isinstance(plain(typed.kind), (Items, Listing, Unknown)):
                    return typed.varied and e.fn.attr != "keys"
        typed = self.expr(e)
        if is_mapping(typed.kind):
            return False
        return typed.varied

    def comprehension(self, e: Comprehension) -> Expr:
        plan = self.rewritten.get(e)
        if plan is None:
            plan = self.rewritten[e] = self.comprehension_loop(e)
        result, stmts = plan
        self.temporaries.add(result)
        if e.style == "dict" and (known := self.of_known_keys(e)) is not None:
            return known
        with self.trial() as keep:
            problems = len(self.program.problems)
            for s in stmts:
                self.statement(s)
            value = self.env.get(result)
            failed = len(self.program.problems) > problems
            constant = value is not None and not value.varied and (not failed or not self.reads_varied(e))
            if not constant and e.style != "set":
                keep()
        if constant:
            is_known = e.style != "set" and not (e.style == "dict" and failed)
            return replace(e, kind=value.kind if is_known else Opaque({"set": set, "dict": dict}[e.style]))
        if e.style == "set":
            self.refuse(e, "a set comprehension of values that are differentiated", "Use a list.")
            return replace(e, kind=UNKNOWN)
        return self.name(Name(result, at=e.at), result)

    def of_known_keys(self, e: Comprehension) -> Expr | None:
        """A dictionary comprehension over what is known item by item: written out if it is varied; None for any other."""
        with self.trial() as keep:
            written_out = self.unrolled(e)
            typed = None if written_out is None else self.expr(written_out)
            if typed is not None and typed.varied:
                keep()
        if typed is None or typed.varied:
            return typed
        return replace(e, kind=typed.kind)

    def unrolled(self, e: Comprehension) -> Dict | None:
        """A dictionary comprehension over a container of known keys, written out; None where that is not possible."""
        match e.clauses:
            case (Clause(target=target, iter=source),):
                pass
            case _:
                return None
        match source:
            case Call(fn=Attribute(value=mapping, attr="items" | "keys" | "values" as view), args=()):
                pass
            case _:
                mapping, view = source, "iter"
        keys, values = [], []
        if isinstance(mapping, (Tuple, List)) and view == "iter":
            sources = list(mapping.elts)
        else:
            held = self.held(self.expr(mapping))
            kind = plain(held.kind)
            if not isinstance(kind, Items) or kind.is_record:
                return None
            items = [(Const(k), Subscript(held, Const(k), at=e.at)) for k in kind.keys]
            parts = {"items": Tuple, "keys": lambda kv: kv[0], "values": lambda kv: kv[1],
                     "iter": lambda kv: kv[0] if kind.cls is dict else kv[1]}  # fmt: skip
            sources = [parts[view](kv) for kv in items]
        for source in sources:
            bound = matched(target, source)
            if bound is None:
                return None
            chosen = [self.decide(substituted(test, bound)) for test in e.clauses[0].ifs]
            if None in chosen:
                return None
            if False in chosen:
                continue
            key, value = substituted(e.element.elts[0], bound), substituted(e.element.elts[1], bound)
            if not isinstance(key, Const):
                return None
            keys.append(key)
            values.append(value)
        return Dict(tuple(keys), tuple(values), at=e.at)

    def comprehension_loop(self, e: Comprehension, add=None):
        """The loop that a comprehension stands for, with its own variables; `add(result, element)` takes an item in."""
        result = self.special.names.new("items" if add is None else "total")
        bound = {n.id for c in e.clauses for n in walk(c.target) if isinstance(n, Name)}
        renamed = {
            b: b if b not in self.env and b not in names_outside(self.special.source, e) else self.special.names.new(b)
            for b in sorted(bound)
        }

        def rename(node):
            if isinstance(node, Name) and node.id in renamed:
                return replace(node, id=renamed[node.id])
            return map_children(node, rename)

        element = e.element
        variable = Name(result, at=e.at)
        if add is None and e.style == "dict":
            key, value = map(rename, element.elts)
            taken = Assign(Subscript(variable, key, at=e.at), value, at=e.at)
            start = Assign(variable, Dict((), (), at=e.at), at=e.at)
        elif add is None:
            taken = ExprStmt(Call(Attribute(variable, "append", at=e.at), (rename(element),), at=e.at), at=e.at)
            start = Assign(variable, List((), at=e.at), at=e.at)
        else:
            taken = Assign(variable, add(variable, rename(element)), at=e.at)
            start = None
        inner: tuple[Stmt, ...] = (taken,)
        for i, clause in reversed(list(enumerate(e.clauses))):
            for test in reversed(clause.ifs):
                inner = (If(rename(test), inner, at=e.at),)
            source = clause.iter if i == 0 else rename(clause.iter)
            inner = (For(rename(clause.target), source, inner, at=e.at),)
        return result, (inner if start is None else (start, *inner))


@dataclass
class Passes:
    """What a loop takes in each pass: `items`, of containers of the kinds `kinds`, as long as there are as many in the
    arrays and lists of unknown length `beside` them."""

    items: list[Expr] = field(default_factory=list)
    kinds: list[Items] = field(default_factory=list)
    beside: list[Expr] = field(default_factory=list)


class Iteration:
    """A loop over varied things, said as a loop over an index: `setup` before it, `first` at the start of its body."""

    def __init__(self, specialiser: Specialiser, s: For):
        self.specialiser, self.s = specialiser, s
        self.setup: list[Stmt] = []
        self.first: list[Stmt] = []
        self.lengths: list[Expr] = []
        self.index: Name | None = None
        self.offset = None
        self.prefer_index(s.iter, s.target)
        if self.index is None:
            self.index = Name(specialiser.special.names.new("i"), at=s.at)
        self.source(s.iter, s.target)
        self.target: Expr = self.index
        if not self.lengths:
            specialiser.refuse(s, "a loop over an iterator without end", "Write `while`, and count in it.")
        length = self.lengths[0] if self.lengths else Const(0)
        if len(self.lengths) > 1:
            length = Call(Ref(min, "min"), tuple(self.lengths), at=s.at)
        self.iter: Expr = Call(Ref(range, "range"), (length,), at=s.at)
        self.first = tuple(self.first)

    def prefer_index(self, e: Expr, target: Expr) -> None:
        """The user's own counter of `enumerate` serves as the index."""
        match e, target:
            case Call(fn=Ref(obj=builtins.enumerate), args=(_,), kwargs=()), Tuple(elts=(Name() as counter, _)):
                self.index = counter

    def new(self, base: str, value: Expr) -> Name:
        name = Name(self.specialiser.special.names.new(base), at=self.s.at)
        self.setup.append(Assign(name, value, at=self.s.at))
        return name

    def source(self, e: Expr, target: Expr) -> None:
        match e:
            case Call(fn=Ref(obj=builtins.zip), args=args, kwargs=()):
                if isinstance(target, Tuple) and len(target.elts) == len(args):
                    for a, t in zip(args, target.elts):
                        self.source(a, t)
                    return
                holders = [Name(self.specialiser.special.names.new("item"), at=self.s.at) for _ in args]
                for a, t in zip(args, holders):
                    self.source(a, t)
                self.first.append(Assign(target, Tuple(tuple(holders), at=self.s.at), at=self.s.at))
                return
            case Call(fn=Ref(obj=builtins.enumerate), args=(inner, *start), kwargs=kwargs):
                start = start[0] if start else dict(kwargs).get("start", Const(0))
                counter, item = self.pair(target)
                if counter is not self.index:
                    zero = isinstance(start, Const) and start.value == 0
                    value = self.index if zero else Op("+", (self.index, start), at=self.s.at)
                    self.first.append(Assign(counter, value, at=self.s.at))
                self.source(inner, item)
                self.join_pair(target, counter, item)
                return
            case Call(fn=Ref(obj=itertools.count), args=args, kwargs=()) if len(args) < 3:
                start, step = (*args, *(Const(0), Const(1))[len(args) :])
                value = Op("+", (start, Op("*", (step, self.index), at=self.s.at)), at=self.s.at)
                self.first.append(Assign(target, value, at=self.s.at))
                return
            case Call(fn=Ref(obj=itertools.count | itertools.cycle | itertools.repeat as endless)):
                name = f"itertools.{endless.__name__}"
                self.specialiser.refuse(e, f"`{name}` beside another iterator", "Use range(len(…)), or indices.")
            case Call(fn=Ref(obj=builtins.reversed), args=(inner,), kwargs=()):
                holder = self.holder(inner)
                self.lengths.append(length_of(holder))
                last = Op("-", (Op("-", (length_of(holder), Const(1))), self.index), at=self.s.at)
                self.first.append(Assign(target, Subscript(holder, last, at=self.s.at), at=self.s.at))
                return
            case Call(fn=Attribute(value=mapping, attr="items" | "values" as attr), args=(), kwargs=()):
                holder = mapping if isinstance(mapping, Name) else self.new("mapping", mapping)
                keys = self.new("keys", Call(Ref(list, "list"), (holder,), at=self.s.at))
                self.lengths.append(length_of(keys))
                if attr == "items":
                    key, item = self.pair(target)
                else:
                    key, item = Name(self.specialiser.special.names.new("key"), at=self.s.at), target
                self.first.append(Assign(key, Subscript(keys, self.index, at=self.s.at), at=self.s.at))
                self.first.append(Assign(item, Subscript(holder, key, at=self.s.at), at=self.s.at))
                if attr == "items":
                    self.join_pair(target, key, item)
                return
        holder = self.holder(e)
        self.lengths.append(length_of(holder))
        self.first.append(Assign(target, Subscript(holder, self.index, at=self.s.at), at=self.s.at))

    def pair(self, target: Expr):
        if isinstance(target, Tuple) and len(target.elts) == 2:
            return target.elts
        names = self.specialiser.special.names
        return Name(names.new("key"), at=self.s.at), Name(names.new("item"), at=self.s.at)

    def join_pair(self, target, key, item) -> None:
        if not (isinstance(target, Tuple) and len(target.elts) == 2):
            self.first.append(Assign(target, Tuple((key, item), at=self.s.at), at=self.s.at))

    def holder(self, e: Expr) -> Expr:
        """A variable with what is iterated over, as something that has items and a length."""
        with self.specialiser.attempt():
            typed = self.specialiser.expr(e)
        indexable = (
            isinstance(plain(typed.kind), (Array, Items, Listing)) and getattr(typed.kind, "cls", None) is not dict
        )
        is_range = isinstance(e, Call) and isinstance(e.fn, Ref) and e.fn.obj is range
        if isinstance(e, Name) and changes_length(e.id, self.s.body):
            self.specialiser.refuse(self.s, f"`{e.id}` changes while it is iterated over", "Iterate over a copy of it.")
        if is_mapping(typed.kind):
            return self.new("keys", Call(Ref(list, "list"), (e,), at=self.s.at))
        if isinstance(e, Name) and (indexable or typed.varied) and e.id not in set_in(self.s):
            return e
        if indexable or typed.varied or is_range:
            return self.new("items", e)
        return self.new("items", Call(Ref(list, "list"), (e,), at=self.s.at))


LONGEST_UNROLLED = 64
"""How many passes of a loop over unlike items are written out."""


def are_unlike(kind: Items) -> bool:
    """Whether the items of a container are functions, or have nothing in common that their kind can say."""
    if any(isinstance(k, Callee) for k in kind.items):
        return True
    known = all(map(kinds.is_settled, kind.items))
    return known and len(kind.items) > 1 and not kinds.is_settled(item_kind(kind)) and any(map(is_float, kind.items))


def followed(body: tuple[Stmt, ...], after: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """A pass of a loop and what comes after it: where the pass ends with `break`, nothing."""
    if not breaks(body):
        return (*body, *after)
    *first, last = body
    if isinstance(last, Break):
        return tuple(first)
    return (*first, replace(last, body=followed(last.body, after), orelse=followed(last.orelse, after)))


def breaks(body) -> bool:
    """Whether a block may leave the loop that it is in."""
    return any(isinstance(s, Break) or isinstance(s, If) and (breaks(s.body) or breaks(s.orelse)) for s in body)


def matched(target: Expr, value: Expr) -> dict[str, Expr] | None:
    """The names of a target with the expressions that they stand for."""
    match target, value:
        case Name(id=name), _:
            return {name: value}
        case Tuple(elts=names), Tuple(elts=parts) if len(names) == len(parts):
            found: dict[str, Expr] = {}
            for n, p in zip(names, parts):
                inner = matched(n, p)
                if inner is None:
                    return None
                found.update(inner)
            return found
    return None


def anew(node: Node) -> Node:
    """The same, of new nodes: what is known of a node in one place does not hold in another."""
    return replace(map_children(node, anew))


def run_over(e: Expr) -> set[str | None]:
    """The variables whose items a loop takes."""
    match e:
        case Call(fn=Ref(obj=obj), args=args) if obj in (zip, enumerate, reversed):
            return set().union(*map(run_over, args))
        case Call(fn=Attribute(value=value, attr="items" | "values")):
            return {root_name(value)}
    return {root_name(e)}


def set_in(s: For) -> set[str]:
    """The variables that a loop gives a value."""
    found = {n.id for n in walk(s.target) if isinstance(n, Name)}
    for node in (n for stmt in s.body for n in walk(stmt)):
        match node:
            case Assign(target=target) | AugAssign(target=target) | For(target=target):
                if not isinstance(target, (Subscript, Attribute)):
                    found |= {n.id for n in walk(target) if isinstance(n, Name)}
            case Walrus(target=target):
                found.add(target.id)
    return found


def changes_length(name: str, body) -> bool:
    """Whether a block calls a method of the list `name` that changes its length, or deletes items of it."""
    for node in (n for stmt in body for n in walk(stmt)):
        match node:
            case Call(fn=Attribute(value=Name(id=id_), attr=attr)) if id_ == name:
                if attr in ("append", "pop", "extend", "insert", "remove", "clear"):
                    return True
            case Delete(targets=targets):
                if any(isinstance(t, Subscript) and isinstance(t.value, Name) and t.value.id == name for t in targets):
                    return True
    return False


def length_of(e: Expr) -> Expr:
    return Call(Ref(len, "len"), (e,), at=e.at)


def element_kind(iterable: Expr, typed: Expr) -> Kind:
    """The kind of what a loop over something that is not varied yields."""
    match iterable:
        case Call(fn=Ref(obj=builtins.range)):
            return INT
        case Call(fn=Ref(obj=builtins.reversed), args=(inner,)):
            return element_kind(inner, inner)
        case Subscript(value=inner, index=Slice()):
            return element_kind(inner, inner)
        case Call(fn=Ref(obj=builtins.enumerate), args=(inner, *_)):
            return Items(tuple, (0, 1), (INT, element_kind(inner, inner)))
        case Call(fn=Ref(obj=builtins.zip), args=args):
            return Items(tuple, tuple(range(len(args))), tuple(element_kind(a, a) for a in args))
        case Call(fn=Attribute(value=mapping, attr="items" | "values" | "keys" as view), args=()) if (
            mapping.kind is not None and is_mapping(mapping.kind)
        ):
            key = element_kind(mapping, mapping)
            item = item_kind(plain(mapping.kind))
            return {"items": Items(tuple, (0, 1), (key, item)), "keys": key, "values": item}[view]
    kind = plain(typed.kind) if typed.kind is not None else UNKNOWN
    if isinstance(kind, Items) and issubclass(kind.cls, dict):
        return functools.reduce(join, (constant_kind(k) for k in kind.keys), NEVER) if kind.keys else UNKNOWN
    if is_mapping(kind):
        return UNKNOWN  # the kind of its items is known, that of its keys is not
    found = item_kind(kind)
    return UNKNOWN if isinstance(found, (Never,)) else found


def names_outside(function: Function, e: Comprehension) -> set[str]:
    """The names that occur in `function` outside of the comprehension `e`."""
    inside = {id(n) for n in walk(e)}
    return {n.id for n in walk(function) if isinstance(n, Name) and id(n) not in inside} | {
        p.id for p in function.params
    }
