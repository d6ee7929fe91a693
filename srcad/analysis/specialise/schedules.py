"""Loops that are run in parts, of which a gradient keeps where they start: what they keep stays within a given memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from srcad import runtime_memory
from srcad.analysis.kinds import INT, Array, Callee, Items, Listing, plain
from srcad.analysis.specialise.loops import Iteration
from srcad.analysis.specialise.values import Local, Value, normalised, set_names
from srcad.checkpointing import checkpoint
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Break, Call, Comment, Const, Expr, ExprStmt, For, Function, If, Invoke, Name, Node, Op,
    Param, Raise, Ref, Return, Stmt, Subscript, Try, Tuple, While, With, children, map_children, reference, walk,
)  # fmt: skip
from srcad.core.places import root_name

if TYPE_CHECKING:
    from srcad.analysis.specialise.program import Specialiser


class Schedules:
    """The part of the specialisation that runs loops in parts."""

    def is_limited(self, s: For | While) -> bool:
        """Whether what a loop keeps is to stay within a given memory: an outermost loop of the user's, which changes what
        is differentiated."""
        key = "parts", s
        if self.program.memory is None or self.special.is_inside or self.loops or key in self.rewritten:
            return False
        if (self.special.owner.__module__ or "").startswith("srcad.") or all(n is not s for n in walk(self.special.source)):
            return False
        after = self.tried(s)
        return any(n in after and after[n].varied for n in changed((s,)))

    def tried(self, s: Stmt) -> dict[str, Value]:
        """What is known of the variables after a loop that is run as it is."""
        key, program = ("parts", s), self.program
        specials, named = dict(program.specials), set(program.named)
        with self.attempt():
            self.rewritten[key] = None
            self.statement(s)
            after = self.env
        del self.rewritten[key]
        program.specials, program.named = specials, named
        return after

    def in_parts(self, s: For | While) -> None:
        """A loop in parts.

            for k in range(n):             length, slots = schedule(n, …)
                u = g(u, k)                ends = parts(0, n, length, slots)
                                           for part in range(len(ends) - 2):
                                               u = f_parts(ends[part], ends[part + 1], length, slots - part, u)
                                           for k in range(ends[-2], ends[-1]):
                                               u = g(u, k)

        The first parts are checkpointed: `f_parts` has parts of its own in the same way, and runs the last of them by
        `f_passes`, a function with the loop. Only of one last part at a time each pass is kept.
        """
        if isinstance(s, While) or any(isinstance(n, Break) for n in walk_loop(s)):
            self.refuse(
                s, "a loop that is to stay within a given memory, and of which it is not known how often it runs",
                "Write it as a `for` loop without break, or leave `memory` away.",
            )  # fmt: skip
            return
        grown = [n for n in sorted(written_into(s.body) - {None}) if n in self.env and is_container(self.env[n])]
        if grown:
            self.refuse(
                s, f"a loop that is to stay within a given memory, and that changes `{grown[0]}`, which is no array",
                "Write into an array, or add up what is needed; or leave `memory` away.",
            )  # fmt: skip
            return
        key = "in parts", s
        if key not in self.rewritten:
            self.rewritten[key] = Parts(self, s)
        plan: Parts = self.rewritten[key]
        for setup in plan.setup:
            self.statement(setup)
        after = self.tried(plan.whole)
        for n in plan.state:  # as in any pass
            if n in self.env and n in after:
                self.update(n, replace(self.env[n], kind=after[n].kind, varied=after[n].varied))
        for function in (plan.passes, plan.divided):
            local = Local(function, self.special.owner, returned=tuple(plan.state))
            self.bind(function.name, Value(Callee(local, "local")))
        names = {p.id for p in plan.divided.params}
        both = names & set(self.captured(Local(plan.passes, self.special.owner)))
        if both:
            self.refuse(
                s, f"a nested function captures `{min(both)}`, which a loop changes that is to stay within a given memory",
                "Pass it to the function as an argument.",
            )  # fmt: skip
            return
        for name in (plan.length, plan.slots):
            self.bind(name.id, Value(INT))
        start = len(self.out)
        self.statement(plan.cut)
        self.statement(plan.first_parts)
        self.out[start:start] = plan.measured(self, self.out[start:])
        self.rewritten["parts", plan.last_part] = None
        self.statement(plan.last_part)


PASSES = "Passes of a loop."
"""What the functions that run passes of a loop are known by."""


class Parts:
    """The text of a loop in parts: `setup` before it, `whole` the loop over its counter, `passes` a function that runs some
    of its passes, `divided` one that does it in parts."""

    def __init__(self, specialiser: Specialiser, s: For):
        special, at = specialiser.special, s.at
        self.at, self.memory = at, specialiser.program.memory
        self.setup: list[Stmt] = []
        target, iterable, taken = s.target, s.iter, ()
        if not (isinstance(iterable, Call) and isinstance(iterable.fn, Ref) and iterable.fn.obj is range):
            plan = Iteration(specialiser, s)
            target, iterable, taken = plan.target, plan.iter, plan.first
            self.setup += plan.setup
        changing = [n for n in set_in(s.body) if is_array(specialiser.env.get(n)) and is_only_augmented(n, s)]
        body = tuple(in_place(part, changing) for part in (*taken, *s.body))
        names = special.names
        new = {n: Name(names.new(n), at=at) for n in ("first", "last", "length", "slots", "ends", "part")}
        first, last, part = new["first"], new["last"], new["part"]
        self.length, self.slots, self.ends = new["length"], new["slots"], new["ends"]
        self.bounds = self.range_bounds(iterable, names)
        self.whole = replace(s, target=target, iter=Call(iterable.fn, self.range_args(), at=at), body=body)
        self.state = carried(self.whole, special.source, s)
        name = names.new(f"{special.source.name}_parts")
        state = tuple(Name(n, at=at) for n in self.state)
        result: Expr = Const(None, at=at) if not state else state[0] if len(state) == 1 else Tuple(state, at=at)


        def run(name: str, *args: Expr) -> Call:
            """A checkpointed call."""
            return Call(Call(reference(checkpoint), (Name(name, at=at),), at=at), (*args, *state), at=at)

        def function(name: str, params: tuple[Name, ...], *body: Stmt) -> Function:
            return Function(name, tuple(Param(p.id, at=at) for p in (*params, *state)), body, PASSES, at=at)

        ends = (self.end(part), self.end(Op("+", (part, Const(1)), at=at)))
        count = Op("-", (Call(Ref(len, "len"), (self.ends,), at=at), Const(2)), at=at)
        part_run = run(name, *ends, self.length, Op("-", (self.slots, part), at=at))
        set_anew = Assign(result, part_run, at=at) if state else ExprStmt(part_run, at=at)
        self.first_parts = For(part, Call(Ref(range, "range"), (count,), at=at), (set_anew,), at=at)
        self.count = self.range_count(iterable)
        self.cut = self.parts(Const(0), self.count)
        before_last = [self.end(Op("neg", (Const(i),))) for i in (2, 1)]
        self.last_part = replace(self.whole, iter=self.some(iterable.fn, *before_last))
        arrays = [v for v in state if is_array(specialiser.env.get(v.id))]
        if not written_into(body) & {v.id for v in arrays}:
            arrays = []  # else they are its own to write into: one of them may become another
        copies = [Assign(v, Call(Attribute(v, "copy", at=at), (), at=at), at=at) for v in arrays]
        some = replace(self.whole, iter=self.some(iterable.fn, first, last))
        passes = names.new(f"{special.source.name}_passes")
        self.passes = function(passes, (first, last), *copies, some, Return(result, at=at))
        last_run = run(passes, *before_last)
        params = first, last, self.length, self.slots
        self.divided = function(name, params, self.parts(first, last), self.first_parts, Return(last_run, at=at))

    def end(self, i: Expr) -> Expr:
        return Subscript(self.ends, i, at=self.at)

    def parts(self, first: Expr, last: Expr) -> Assign:
        at = self.at
        return Assign(self.ends, Call(reference(runtime_memory.parts), (first, last, self.length, self.slots), at=at), at=at)

    def range_bounds(self, iterable: Call, names) -> tuple[Expr, Expr, Expr]:
        """Where the counter starts, stops, and its step, as what can be named more than once."""
        args = iterable.args
        start, stop, step = (Const(0), *args, Const(1)) if len(args) == 1 else (*args, Const(1))[:3]
        held = []
        for base, e in (("start", start), ("stop", stop), ("step", step)):
            if not isinstance(e, (Const, Name)) or isinstance(e, Name) and base != "stop":
                name = Name(names.new(base), at=self.at)
                self.setup.append(Assign(name, e, at=self.at))
                e = name
            held.append(e)
        return tuple(held)

    def is_plain(self) -> bool:
        """Whether the counter counts from 0 by 1."""
        start, _, step = self.bounds
        return isinstance(start, Const) and start.value == 0 and isinstance(step, Const) and step.value == 1

    def range_args(self) -> tuple[Expr, ...]:
        return (self.bounds[1],) if self.is_plain() else self.bounds

    def range_count(self, iterable: Call) -> Expr:
        if self.is_plain():
            return self.bounds[1]
        return Call(Ref(len, "len"), (Call(iterable.fn, self.bounds, at=self.at),), at=self.at)

    def some(self, fn: Expr, *ends: Expr) -> Call:
        """The values of the counter in a part."""
        if self.is_plain():
            return Call(fn, ends, at=self.at)
        start, _, step = self.bounds
        return Call(fn, (*(Op("+", (start, Op("*", (e, step)))) for e in ends), step), at=self.at)

    def measured(self, specialiser: Specialiser, made: list[Stmt]) -> list[Stmt]:
        """What sets the length of the last part and how many states may be kept, from what two passes keep."""
        targets = Tuple((replace(self.length, kind=INT), replace(self.slots, kind=INT)))
        count = specialiser.expr(self.count)
        call, run = self.call_of(self.divided, made), None
        if call is not None:
            run = self.call_of(self.passes, call.callee.body)
        if run is None:  # it carries nothing that is differentiated
            return [Assign(targets, Tuple((count, Const(0))), at=self.at)]
        given = dict(zip(call.callee.params, call.args))
        args = tuple(given[p] for p in run.callee.params[2:])
        kept = tuple(x for p, x in given.items() if p in self.state or p in call.callee.written)
        forward = Ref(run.callee, f"{run.callee.name}_forward")
        given = (count, Const(self.memory), forward, Tuple(args), Tuple(kept), Const(str(self.at).rpartition("/")[2]))
        line = self.at.source.lines[self.at.line - 1].strip()
        remark = f"{self.at.line}: {line} - in parts: all but the last are run again on the way back"
        return [Comment(remark, at=self.at), Assign(targets, Call(reference(runtime_memory.schedule), given), at=self.at)]

    def call_of(self, function: Function, block) -> Invoke | None:
        """The call of one of the functions in a block."""
        source = normalised(function)
        found = [n for s in block for n in walk(s) if isinstance(n, Invoke) and n.callee.source is source]
        return found[-1] if found else None


def is_array(value: Value | None) -> bool:
    return value is not None and isinstance(plain(value.kind), Array)


def is_container(value: Value) -> bool:
    return isinstance(plain(value.kind), (Items, Listing))


def is_only_augmented(name: str, s: For) -> bool:
    """Whether a loop gives a variable values by `name += …` alone, which an array takes in place."""
    return name not in set_in([n for n in walk(s) if isinstance(n, Assign)]) and not any(
        name in set_in([replace(n, body=())]) for n in walk(s) if isinstance(n, (For, With))
    )


def in_place(node: Node, names: list[str]) -> Node:
    """Statements with `a[...] += v` in place of `a += v`, for the arrays `names`."""
    if isinstance(node, AugAssign) and isinstance(node.target, Name) and node.target.id in names:
        whole = Subscript(node.target, Const(Ellipsis, at=node.at), at=node.target.at)
        return replace(node, target=whole, value=in_place(node.value, names))
    return map_children(node, lambda n: in_place(n, names))


def carried(s: For, function: Function, of: For) -> list[str]:
    """The variables that go from one pass of a loop to the next, or from any pass to what follows the loop."""
    reads, always = flow(s.body, frozenset(set_names(s.target)))
    inside = {id(n) for n in walk(of)}
    after = {n.id for n in walk(function) if isinstance(n, Name) and id(n) not in inside}
    return [n for n in set_in(s.body) if n in reads or n in after - always]


def set_in(block) -> list[str]:
    """The variables that a block gives values, in their order."""
    found: dict[str, None] = {}
    for n in (n for s in block for n in walk(s)):
        match n:
            case Assign(target=target) | AugAssign(target=target) | For(target=target):
                found.update(dict.fromkeys(sorted(set_names(target))))
            case With(items=items):
                found.update(dict.fromkeys(x for _, t in items if t is not None for x in sorted(set_names(t))))
    return list(found)


def changed(block) -> set[str | None]:
    """The variables that a block gives values, or may write into."""
    found: set[str | None] = set(set_in(block))
    for n in (n for s in block for n in walk(s)):
        match n:
            case Assign(target=Subscript() | Attribute() as target) | AugAssign(target=target):
                found.add(root_name(target))
            case Call(fn=fn, args=args, kwargs=kwargs):
                parts = [*args, *(v for _, v in kwargs), *([fn.value] if isinstance(fn, Attribute) else [])]
                found |= {root_name(x) for x in parts}
    return found


def written_into(block) -> set[str | None]:
    """The variables into whose memory a block may write by a statement of its own."""
    found: set[str | None] = set()
    for n in (n for s in block for n in walk(s)):
        match n:
            case Assign(target=Subscript() | Attribute() as target) | AugAssign(target=target):
                found.add(root_name(target))
            case ExprStmt(value=Call(fn=fn, args=args)):
                found |= {root_name(x) for x in (*args, *([fn.value] if isinstance(fn, Attribute) else []))}
            case Call(kwargs=kwargs):
                found |= {root_name(x) for k, x in kwargs if k == "out"}
    return found


def names_in(*nodes: Node | None) -> set[str]:
    return {n.id for node in nodes if node is not None for n in walk(node) if isinstance(n, Name)}


def flow(block, bound: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    """The variables that a block may read before it sets them, and those that have a value after it in any case."""
    reads: set[str] = set()

    def read(*nodes: Node | None) -> None:
        reads.update(names_in(*nodes) - bound)

    def inner(block, bound: frozenset[str]) -> frozenset[str]:
        found, after = flow(block, bound)
        reads.update(found)
        return after

    for s in block:
        match s:
            case Assign(target=target, value=value):
                read(value, *([target] if isinstance(target, (Subscript, Attribute)) else []))
                read(*(t for t in children(target) if isinstance(t, (Subscript, Attribute))))
                bound |= set_names(target)
            case If(test=test, body=body, orelse=orelse):
                read(test)
                ends = [inner(b, bound) for b in (body, orelse) if not (b and isinstance(b[-1], Raise))]
                bound = frozenset.intersection(*ends) if ends else bound
            case For(target=target, iter=iterable, body=body):
                read(iterable)
                inner(body, bound | set_names(target))
            case While(test=test, body=body):
                read(test)
                inner(body, bound)
            case With(items=items, body=body):
                read(*(context for context, _ in items))
                bound = inner(body, bound.union(*(set_names(t) for _, t in items if t is not None)))
            case Try(body=body, handlers=handlers, orelse=orelse, final=final):
                after = inner(body, bound)
                inner(orelse, after)
                for h in handlers:
                    inner(h.body, bound)
                inner(final, bound)
            case _:
                read(s)
    return reads, bound


def walk_loop(s: For | While):
    """The statements of a loop that are of itself, not of a loop in it."""
    for child in s.body:
        todo = [child]
        while todo:
            n = todo.pop()
            yield n
            if not isinstance(n, (For, While)):
                todo += children(n)
