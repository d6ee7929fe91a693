"""Forward mode: from a specialised function to one that gives the tangent of its result beside the result.

`y_dot` is the derivative of the variable `y` along the direction in which the arguments move. The user's statements
stay as they are; each one that sets a variable whose tangent is read later gets another that sets the tangent, before
it, or after it where the partial derivative is written in terms of the new value:

    y = x * np.sin(x)                 sin = np.sin(x)
    z = np.exp(y)                     y_dot = x_dot * sin + x * x_dot * np.cos(x)
                                      y = x * sin
                                      z = np.exp(y)
                                      z_dot = y_dot * z

Nothing is recorded. What holds numbers has a tangent of the same structure (a tuple that of a tuple), which is indexed,
written into, appended to and popped from like itself. A variable that is constant on one path and varied on another has
the tangent zero on the first (Griewank & Walther 2008, ch. 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Listing, Number, plain
from srcad.analysis.specialise import Program, Special, aliases
from srcad.analysis.specialise.sharing import references
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Def, Delete, Expr, ExprStmt, For, Function, If, Invoke, Lambda, Name,
    Node, Op, Param, Pass, Raise, Ref, Return, Slice, Stmt, Subscript, Try, Tuple, While, With, children, walk,
    walk_own, with_blocks,
)  # fmt: skip
from srcad.core.places import inner, root_name, root_of, steps, with_inner, with_root
from srcad.transform.caught import letting_pass, values_first
from srcad.transform.dots import (
    LONG, RESULT, DotNames, Parts, base_name, captured, copied, is_cheap, is_cheap_index, is_pop, pops,
    with_result, zero,
)  # fmt: skip
from srcad.transform.reverse import (
    REENTERED, assigned_names, is_in, missing, names_read, node_count, symbol, target_list,
    target_names, walk_all, without, without_idle_aliases,
)  # fmt: skip

Block = list[Stmt]
Names = frozenset[str]
NONE: Names = frozenset()


@dataclass(frozen=True)
class Tangents:
    """The tangent function of a specialised function; `made` are its variables that hold tangents."""

    special: Special
    function: Function
    made: frozenset[str]


def tangent(special: Special, program: Program, is_tried: bool = False) -> Tangents:
    """`f_tangent(args, tangents of the varied ones) -> (value, its tangent)`; `is_tried` says whether it is called where a
    `try` may catch what it raises."""
    made = _Tangents(special, program, is_tried)
    return Tangents(special, made.function(), frozenset(made.dots.made))


# ---------------------------------------------------------------------------------------------------------------
# Whose tangents are read


class _Needs:
    """A walk backwards: `after` has the variables whose tangents are read after each statement, `entry` those at the
    start of the body of a loop or `with` (by the ids)."""

    def __init__(self, body, kept: Names):
        self.kept = kept  # what the caller reads afterwards: the parameters that are written into
        self.nested = {nested_name(n) for s in body for n in walk_own(s) if isinstance(n, Stmt)} - {None}
        self.after: dict[int, Names] = {}
        self.entry: dict[int, Names] = {}
        self.start = self.block(body, kept, NONE)

    def block(self, body, live: Names, floor: Names) -> Names:
        """What is needed before `body`; `live` is needed after it, `floor` wherever an exception may end it."""
        for s in reversed(list(body)):
            self.after[id(s)] = live | self.after.get(id(s), NONE)
            live = self.statement(s, live, floor) | floor
        return live

    def statement(self, s: Stmt, live: Names, floor: Names) -> Names:
        match s:
            case Assign(target=Tuple(elts=targets), value=Tuple(elts=parts)) if is_pairwise(s):
                needed = [v for t, v in zip(targets, parts) if t.id in live]
                return (live - target_names(s.target)).union(*map(self.reads, needed))
            case Assign() | AugAssign() if is_store(s):
                return live | self.reads(s.value) if root_name(s.target) in live else live
            case Assign(target=target, value=Invoke() as value):
                names, changed = target_names(target), moved_by(value)
                read = NONE.union(*map(self.reads, value.args))  # also where the result is constant
                return (live - names) | (read | changed if names & live or changed & live else NONE)
            case Assign(target=target, value=value):
                names = target_names(target)
                return (live - names) | (self.reads(value) if names & live else NONE)
            case ExprStmt(value=Call(fn=Attribute(value=owner, attr="append"), args=(value,))):
                return live | self.reads(value) if root_name(owner) in live else live
            case If(body=body, orelse=orelse):
                return self.block(body, live, floor) | self.block(orelse, live, floor)
            case For(body=body) | While(body=body):
                while True:
                    self.entry[id(s)] = self.block(body, live, floor)
                    found = live | self.entry[id(s)] - (target_names(s.target) if isinstance(s, For) else NONE)
                    if found == live:
                        return live
                    live = found
            case With(body=body):
                self.entry[id(s)] = self.block(body, live, floor)
                return self.entry[id(s)]
            case Try():
                live = self.block(s.final, live, floor)
                caught = [self.block(h.body, live, floor) for h in s.handlers]
                floor = floor.union(*caught)
                return self.block(s.body, self.block(s.orelse, live, floor), floor)
            case Return(value=value):
                return self.reads(value) | self.kept
            case Raise():
                return NONE
        return live

    def reads(self, e: Node) -> Names:
        """The variables whose tangents that of `e` may read."""
        match e:
            case Name(id=name, varied=True) if name not in self.nested:
                return frozenset([name])
            case Name() | Lambda():
                return NONE.union(*([n] for n in captured(e)))
            case Call(fn=Attribute(value=value), varied=True):
                return NONE.union(self.reads(value), *map(self.reads, e.args), *(self.reads(v) for _, v in e.kwargs))
            case Expr(varied=False):
                return NONE
        return NONE.union(*map(self.reads, children(e)))


def is_store(s: Assign | AugAssign) -> bool:
    """Whether a statement writes into an array or a container, or into an object whose attributes are known."""
    match s.target:
        case Subscript():
            return True
        case Attribute(value=value):
            return isinstance(plain(value.kind), Items)
    return False


def moved_params(special: Special) -> list[str]:
    """The parameters that have a tangent: those that are varied, and those into which something varied is written."""
    written = special.written if not special.is_root else NONE
    return [
        p for p in special.params
        if p in special.varied_params or p in written and special.exits[p].varied
    ]  # fmt: skip


def moved_by(e: Invoke) -> Names:
    """The variables into which a call writes something varied."""
    moved, callee = moved_params(e.callee), e.callee
    return frozenset(root_name(x) for p, x in zip(callee.params, e.args) if p in callee.written and p in moved)


def nested_name(s: Stmt) -> str | None:
    """The name of the nested function that a statement makes."""
    match s:
        case Def(function=function):
            return function.name
        case Assign(target=Name(id=name), value=Lambda()):
            return name
    return None


def is_pairwise(s: Assign) -> bool:
    """Whether `s` assigns the items of a tuple that is written out to as many variables."""
    return (
        isinstance(s.value, Tuple)
        and len(s.target.elts) == len(s.value.elts)
        and all(isinstance(t, Name) for t in s.target.elts)
    )


def may_swallow(s: With) -> bool:
    """Whether a context manager may keep to itself an exception that ends the block."""
    return not all(isinstance(c, Call) and isinstance(c.fn, Ref) and is_in(c.fn.obj, REENTERED) for c, _ in s.items)


# ---------------------------------------------------------------------------------------------------------------
# Statements


class _Tangents:
    """The state of one transformation, which walks forward: `is_tried` says whether a `try` may catch what the present
    statement raises, `written` has the arrays and lists with new items."""

    def __init__(self, special: Special, program: Program, is_tried: bool):
        self.special, self.program, self.names = special, program, special.names
        self.body = joined_calls(special.body)
        self.needs = _Needs(self.body, frozenset(p for p in moved_params(special) if p in special.written))
        self.dots = DotNames(special.names, self.needs.nested, program.is_complex)
        self.is_tried = is_tried
        self.written = {
            root_name(s.target)
            for s in walk_all(self.body)
            if isinstance(s, (Assign, AugAssign)) and is_store(s) and s.target.varied
        }
        self.written |= {name for n in walk_all(self.body) if isinstance(n, Invoke) for name in moved_by(n)}
        self.written |= special.written

    def function(self) -> Function:
        special = self.special
        varied = moved_params(special)
        dots = [self.dots.of(p) for p in varied]
        kind_of = dict(zip(special.params, (v.kind for v in special.values)))
        still = [p for p in special.params if p in self.needs.start and p not in varied]
        body = [self.start(Name(p, kind=kind_of[p])) for p in still] + self.block(self.body)
        of = f" from {'that' if len(dots) == 1 else 'those'} of {', '.join(varied)}" if dots else ""
        return Function(
            f"{special.name}_tangent",
            tuple(Param(p) for p in (*special.params, *dots)),
            tuple(without_idle_aliases(without_idle_defs(body))),
            f"The value of {special.title}, and its tangent{of}.",
        )

    def block(self, body) -> Block:
        out: Block = []
        for s in body:
            new = [self.kept_apart(n) for n in self.statement(s)]
            is_compound = isinstance(s, (If, For, While, With, Try))
            out += values_first(new, self.dots.made, self.names) if self.is_tried and not is_compound else new
        return out

    def statement(self, s: Stmt) -> Block:
        live = self.needs.after[id(s)]
        if isinstance(s, (If, While)) and any(n in live for n in pops(s.test)):
            raise missing(s.test, "`.pop()` in a condition has no derivative", "Give the item a name first.")
        match s:
            case Assign(value=Invoke()):
                return self.invocation(s, live)
            case Assign(target=Name() | Tuple()):
                return self.assignment(s, live)
            case Assign(target=Expr(varied=True)) | AugAssign(target=Expr(varied=True)) if (
                is_store(s) and root_name(s.target) in live
            ):
                return self.store(s)
            case ExprStmt(value=Call(fn=Attribute(value=owner, attr="append"))) if root_name(owner) in live:
                return self.append(s)
            case If(body=body, orelse=orelse):
                return [replace(s, body=self.inner(body), orelse=tuple(self.block(orelse)))]
            case For() | While():
                start = self.starts(s.target, s) if isinstance(s, For) else []
                return [replace(s, body=(*start, *self.inner(s.body)))]
            case With():
                return self.with_(s)
            case Try():
                return [self.try_(s)]
            case Return(value=value):
                parts = Parts(self.dots)
                value = copied(value)
                ahead, (value,), (dot,) = parts.settled([value], [parts.dot_or_zero(value)])
                if node_count(dot) > 2 * LONG:
                    name = Name(self.dots.new("result_dot"))
                    ahead, dot = [*ahead, Assign(name, dot)], name
                return [*ahead, replace(s, value=Tuple((value, dot)))]
        return [s, *self.popped(s, live), *self.changed(s, live)]

    def inner(self, body) -> tuple[Stmt, ...]:
        return tuple(self.block(body)) or (Pass(),)

    # -- zeros -----------------------------------------------------------------------------------------------------

    def start(self, variable: Name) -> Stmt:
        """The zero tangent of a variable that is constant here."""
        return Assign(Name(self.dots.of(variable.id)), zero(variable, variable.kind))

    def starts(self, target: Expr, s: For | With) -> Block:
        """The zero tangents of the variables that the head of a loop or `with` sets."""
        live = self.needs.entry[id(s)]
        return [self.start(n) for n in walk(target) if isinstance(n, Name) and n.id in live]

    def changed(self, s: Stmt, live: Names) -> Block:
        """The zero tangent, anew, of a constant container that `s` changes in place."""
        match s:
            case Assign(target=Subscript() | Attribute() as target) | AugAssign(target=target):
                found = (
                    []
                    if isinstance(plain(target.kind), Number)
                    or isinstance(target, Subscript)
                    and isinstance(plain(target.value.kind), Array)
                    else [target]
                )
            case Delete(targets=targets):
                found = list(targets)
            case ExprStmt(value=Call(fn=Attribute(value=value, attr=attr))) if attr != "pop":
                found = [value]
            case _:
                return []
        found = [place for place in found if root_name(place) in live]
        if len(found) == 1 and not isinstance(s, Delete) and steps(found[0]) and self.is_item(found[0]):
            return [Assign(self.place_of_dot(found[0]), zero(found[0], kinds.UNKNOWN))]
        return self.started_anew(dict.fromkeys(map(root_name, found)))

    def started_anew(self, names) -> Block:
        """The zero tangents of containers that are constant, and have changed; of those that are lent, in their place."""
        starts = [self.start(Name(n, kind=kinds.UNKNOWN)) for n in names]
        lent = self.special.written.intersection(moved_params(self.special)) if not self.special.is_root else NONE
        return [
            ExprStmt(Call(symbol(runtime.put_back), (start.target, start.value))) if n in lent else start
            for n, start in zip(names, starts)
        ]  # fmt: skip

    def is_item(self, place: Expr) -> bool:
        """Whether a place is an item of a container, named by what is cheap to compute twice."""
        items = isinstance(place, Attribute) or isinstance(place, Subscript) and not isinstance(place.index, Slice)
        ahead: Block = []
        self.place(place, ahead)
        return items and not ahead and not isinstance(plain(place.value.kind), Array)

    def popped(self, s: Stmt, live: Names) -> Block:
        """`xs_dot.pop()` for each `xs.pop()` in a statement that does not take the tangent."""
        return [ExprStmt(Call(Attribute(Name(self.dots.of(n)), "pop"), ())) for n in pops(s) if n in live]

    # -- assignments -----------------------------------------------------------------------------------------------

    def assignment(self, s: Assign, live: Names) -> Block:
        """`target = value` and the same of the tangents, each of which sees what the user's statement saw."""
        wanted = [n for n in target_list(s.target) if n in live]
        if not wanted:
            return [s, *self.popped(s, live)]
        if isinstance(s.target, Tuple):
            return [*self.together(s, wanted), *self.popped(s, live)]
        if is_pop(s.value) and s.value.varied:
            item_dot = Call(Attribute(Name(self.dots.of(s.value.fn.value.id)), "pop"), ())
            return [Assign(Name(self.dots.of(s.target.id)), item_dot), s]
        if pops(s):
            return [*self.changing(s), *self.popped(s, live)]
        return self.changing(s)

    def changing(self, s: Assign) -> Block:
        """An assignment to one variable."""
        name, value, parts = s.target.id, copied(s.value), Parts(self.dots)
        dot = parts.dot_or_zero(value)
        y, y_dot = s.target, Name(self.dots.of(name))
        ahead, (value,), (dot,) = parts.settled([value], [dot], result=RESULT)
        dot = self.apart(dot, s.value, name)
        read = names_read(dot)
        if RESULT.id not in read:
            moved = [] if isinstance(dot, Name) and dot.id == y_dot.id else [Assign(y_dot, dot)]
            return [*ahead, *moved, replace(s, value=value)]
        if not read & {name, y_dot.id}:
            return [*ahead, replace(s, value=value), Assign(y_dot, with_result(dot, y))]
        if is_cheap(value):
            return [*ahead, Assign(y_dot, with_result(dot, value)), replace(s, value=value)]
        held = Name(self.names.new(base_name(value)), kind=value.kind)
        return [*ahead, Assign(held, value, at=s.at), Assign(y_dot, with_result(dot, held)), replace(s, value=held)]

    def together(self, s: Assign, wanted: list[str]) -> Block:
        """An assignment to several variables at once."""
        if not is_pairwise(s) or not s.value.varied:
            return [s, *(self.start(n) for n in walk(s.target) if isinstance(n, Name) and n.id in wanted)]
        parts = Parts(self.dots)
        values = [copied(v) for v in s.value.elts]
        chosen = [(t, v) for t, v in zip(s.target.elts, values) if t.id in wanted]
        ahead, settled, dots = parts.settled(values, [parts.dot_or_zero(v) for _, v in chosen])
        dots = [self.apart(dot, v, t.id) for dot, (t, v) in zip(dots, chosen)]
        targets = [Name(self.dots.of(t.id)) for t, _ in chosen]
        new = replace(s, value=replace(s.value, elts=tuple(settled)))
        if len(targets) == 1:
            return [*ahead, Assign(targets[0], dots[0]), new]
        return [*ahead, Assign(Tuple(tuple(targets)), Tuple(tuple(dots))), new]

    def append(self, s: ExprStmt) -> Block:
        """`xs.append(v)` and `xs_dot.append(v_dot)`"""
        before: Block = []
        owner = self.place(s.value.fn.value, before)
        ahead, value, dot = self.put(root_name(owner), s.value.args[0])
        grown = ExprStmt(Call(Attribute(self.place_of_dot(owner), "append"), (dot,)))
        new = replace(s, value=replace(s.value, fn=replace(s.value.fn, value=owner), args=(value,)))
        return [*before, *ahead, grown, new, *self.popped(s, self.needs.after[id(s)])]

    def store(self, s: Assign | AugAssign) -> Block:
        """`a[i] = v` and `a_dot[i] = v_dot`, `a[i] += v` and `a_dot[i] += v_dot`."""
        name = root_name(s.target)
        before: Block = []
        target = self.place(s.target, before)
        ahead, value, dot = self.put(name, s.value, isinstance(plain(target.value.kind), Array))
        new = replace(s, target=target, value=value)
        if isinstance(s, AugAssign) and not s.value.varied:
            return [*before, *ahead, new, *self.popped(s, self.needs.after[id(s)])]
        moved = replace(new, target=self.place_of_dot(target), value=dot)
        return [*before, *ahead, moved, new, *self.popped(s, self.needs.after[id(s)])]

    def put(self, owner: str, e: Expr, may_spread: bool = False) -> tuple[Block, Expr, Expr]:
        """What goes into a container, and its tangent, which may be a number for a whole array if it `may_spread`."""
        value, parts = copied(e), Parts(self.dots)
        dot = Const(0.0) if may_spread and not value.varied else parts.dot_or_zero(value)
        ahead, (value,), (dot,) = parts.settled([value], [dot])
        if not may_spread:
            dot = self.apart(dot, e, owner)
        elif aliases(dot) and not aliases(e):  # a view may overlap the place, and NumPy then reads what it has written
            dot = Call(Attribute(dot, "copy"), ())
        return ahead, value, dot

    def place(self, target: Expr, before: Block) -> Expr:
        """A place that is named twice: computed indices are held in variables."""
        value = inner(target)
        if value is None:
            return target
        place = with_inner(target, self.place(value, before))
        return replace(place, index=self.index(target.index, before)) if isinstance(target, Subscript) else place

    def index(self, e: Expr, before: Block) -> Expr:
        match e:
            case Tuple(elts=elts):
                return replace(e, elts=tuple(self.index(i, before) for i in elts))
            case Slice():
                parts = [None if p is None else self.index(p, before) for p in (e.lower, e.upper, e.step)]
                return Slice(*parts, kind=e.kind)
        if is_cheap_index(e):
            return e
        name = Name(self.names.new("index"), kind=e.kind)
        before.append(Assign(name, e))
        return name

    def place_of_dot(self, place: Expr) -> Expr:
        variable = root_of(place)
        return with_root(place, Name(self.dots.of(variable.id), kind=variable.kind))

    def apart(self, dot: Expr, value: Expr, *names: str) -> Expr:
        """The tangent of a value for variables, in memory of its own if the value is, and one of both is written into.

        `y = x + 1` has the tangent `y_dot = x_dot`, but what is written into y is not in x.
        """
        if not self.written or aliases(value) or isinstance(plain(value.kind), Number):
            return dot
        shared = aliases(dot) | references(dot)
        narrow = isinstance(dot, Call) and isinstance(dot.fn, Ref) and dot.fn.obj in (np.broadcast_to, runtime.widened)
        if (shared or narrow) and self.written & set(names) or shared & {self.dots.known.get(n) for n in self.written}:
            if isinstance(plain(value.kind), (Array, Listing)):
                return Call(Attribute(dot, "copy"), ())
            return Call(symbol(runtime.own), (dot,))
        return dot

    def kept_apart(self, s: Stmt) -> Stmt:
        """The tangent of a part of an expression, in memory of its own if it is a view of what is written into."""
        match s:
            case Assign(target=Name(id=name), value=value) if name in self.dots.made - set(self.dots.known.values()):
                if aliases(value) & {self.dots.known.get(n) for n in self.written}:
                    return replace(s, value=Call(symbol(runtime.own), (value,)))
        return s

    def invocation(self, s: Assign, live: Names) -> Block:
        """`y, y_dot = h_tangent(x, x_dot)`: a call of a function that is differentiated through."""
        invoked: Invoke = s.value
        wanted = [n for n in target_list(s.target) if n in live]
        callee: Special = invoked.callee
        if not wanted and not moved_by(invoked) & live and self.is_at_hand(invoked):
            pairs = zip(callee.params, invoked.args)
            changed = [x.id for p, x in pairs if p in callee.written and isinstance(x, Name) and not x.varied]
            changed = [n for n in dict.fromkeys(changed) if n in live]
            return [replace(s, value=invoked.call), *self.popped(s, live), *self.started_anew(changed)]
        self.program.needed.add(id(callee))
        parts, before = Parts(self.dots), []
        places = {p: self.place(x, before) for p, x in zip(callee.params, invoked.args) if p in callee.written}
        values = [places[p] if p in places else copied(a) for p, a in zip(callee.params, invoked.args)]
        moved = moved_params(callee)
        moving = [(p, x) for p, x in zip(callee.params, values) if p in moved]
        dots = [self.place_of_dot(x) if p in places else parts.dot_or_zero(x) for p, x in moving]
        ahead, values, dots = parts.settled(values, dots)
        given = [x for p, x in zip(callee.params, invoked.args) if p in moved]
        kept = {root_name(x) for x in places.values()} | self.written if callee.written else self.written
        names = [*wanted, *sorted(n for n in kept if n is not None)]  # where the callee, or what it gives, may put them
        dots = [dot if p in places else self.apart(dot, x, *names) for (p, _), dot, x in zip(moving, dots, given)]
        ahead = [*before, *ahead]
        if isinstance(s.target, Tuple):
            names = [self.dots.of(n) if n in wanted else "_" for n in target_list(s.target)]
            dot_target: Expr = Tuple(tuple(map(Name, names)))
        else:
            dot_target = Name(self.dots.of(s.target.id))
        call = Call(Ref(callee, f"{callee.name}_tangent"), (*values, *dots), at=s.at)
        return [*ahead, replace(s, target=Tuple((s.target, dot_target)), value=call)]

    def is_at_hand(self, invoked: Invoke) -> bool:
        """Whether a call means something as the user wrote it: a nested function has a name only where it is made."""
        if invoked.callee.source.yields:  # a list serves
            return False
        match invoked.call:
            case Call(fn=Name(id=name)):
                return not invoked.callee.is_nested or name in self.needs.nested
        return not invoked.callee.is_nested

    # -- exceptions ------------------------------------------------------------------------------------------------

    def with_(self, s: With) -> Block:
        """`with`: what a block has computed when an exception ends it that its manager swallows has no derivative."""
        start = [z for _, t in s.items if t is not None for z in self.starts(t, s)]
        body = [*start, *self.inner(s.body)]
        if not may_swallow(s) or not assigned_names(body) & self.dots.made:
            return [replace(s, body=tuple(body))]
        done = Name(self.names.new("done"))
        check = If(Op("not", (done,)), (ExprStmt(Call(symbol(runtime.swallowed), (Const(str(s.at)),))),), at=s.at)
        return [Assign(done, Const(False)), replace(s, body=(*body, Assign(done, Const(True)))), check]

    def try_(self, s: Try) -> Try:
        before, self.is_tried = self.is_tried, self.is_tried or bool(s.handlers)
        body = self.inner(s.body)
        self.is_tried = before
        handlers = [replace(h, body=self.inner(h.body)) for h in s.handlers]
        if assigned_names(body) & self.dots.made:
            handlers = list(map(letting_pass, handlers))
        orelse, final = self.block(s.orelse), self.block(s.final)
        return replace(s, body=body, handlers=tuple(handlers), orelse=tuple(orelse), final=tuple(final))


# ---------------------------------------------------------------------------------------------------------------
# Before and after


def joined_calls(body) -> list[Stmt]:
    """`y = h(x)` in place of `h_1 = h(x)` and `y = h_1`, where nothing else reads `h_1`."""
    reads: dict[str, int] = {}
    for n in walk_all(body):
        if isinstance(n, Name):
            reads[n.id] = reads.get(n.id, 0) + 1

    def visit(block) -> Block:
        out: Block = []
        for s in block:
            match (out[-1] if out else None), s:
                case Assign(target=Name(id=held), value=Invoke()), Assign(target=Name(), value=Name(id=name)) if (
                    name == held and reads[name] == 2
                ):
                    out[-1] = replace(out[-1], target=s.target)
                case _:
                    out.append(with_blocks(s, visit))
        return out

    return visit(body)


def without_idle_defs(body: Block) -> Block:
    """`body` without the nested functions that are not called any more."""
    while True:
        made = [s for s in walk_all(body) if isinstance(s, Stmt) and nested_name(s) is not None]
        names = {n.id for s in body for n in outside(s, made) if isinstance(n, Name)}
        for d in made:
            for other in made:
                if other is not d:
                    names |= {n.id for n in walk(other) if isinstance(n, Name)} - {nested_name(other)}
        idle = {id(d) for d in made if nested_name(d) not in names}
        if not idle:
            return body
        body = without(body, idle)


def outside(node: Node, statements: list[Stmt]):
    """The nodes at and below `node`, without those of some statements."""
    if any(node is s for s in statements):
        return
    yield node
    for child in children(node):
        yield from outside(child, statements)
