"""Forward mode: from a specialised function to one that gives the tangent of its result beside the result.

`y_dot` is the derivative of the variable `y` along the direction in which the arguments move. The user's statements stay
as they are; each one that sets a variable whose tangent is read later gets another that sets the tangent, before it, or
after it where the partial derivative is written in terms of the new value:

    y = x * np.sin(x)                 sin = np.sin(x)
    z = np.exp(y)                     y_dot = x_dot * sin + x * x_dot * np.cos(x)
                                      y = x * sin
                                      z = np.exp(y)
                                      z_dot = y_dot * z

Nothing is recorded. What holds numbers has a tangent of the same structure (a tuple that of a tuple), which is indexed,
appended to and popped from like itself. A variable that is constant on one path and varied on another has the tangent
zero on the first (Griewank & Walther 2008, ch. 3).
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Callee, Items, Kind, Listing, Number, Unknown, is_float, plain
from srcad.analysis.operations import CONSTANT_ATTRIBUTES, Operation, Refused, function_of, operation, python_value
from srcad.analysis.specialise import Program, Special, aliases
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Comprehension, Const, Def, Delete, Dict, Expr, ExprStmt, For, Function, Global, If,
    IfExp, Invoke, Lambda, List, Logical, Name, Node, Op, Param, Pass, Raise, Ref, Return, Slice, Starred, Stmt, Subscript,
    Try, Tuple, Undecided, While, With, children, lift, map_children, walk,
)
from srcad.errors import MissingRule
from srcad.rules import registry
from srcad.transform.algebra import product, total
from srcad.transform.reverse import (
    OP_NAMES, REENTERED, _positional_and_keyword, _root, assigned_names, describe, ends_raising, is_in, is_unbroadcast, item,
    names_read, node_count, shape_of, symbol, target_list, target_names, walk_all, with_blocks,
)

Block = list[Stmt]
Names = frozenset[str]
NONE: Names = frozenset()

LONG = 14
"""How many nodes the tangent of a part of an expression may have without getting a name,"""
SHORT = 6
"""and how many if the part itself has one."""


def tangent(special: Special, program: Program) -> Function:
    """`f_tangent(args, tangents of the varied ones) -> (value, its tangent)`"""
    return _Tangents(special, program).function()


# ---------------------------------------------------------------------------------------------------------------
# Whose tangents are read


class _Needs:
    """Walks a function backwards: `after` has the variables whose tangents are read after each statement, `entry` those at
    the start of the body of a loop or `with`, `caught` those at the start of the handlers of a `try` (by the ids)."""

    def __init__(self, body):
        self.nested = {s.function.name for s in walk_all(body) if isinstance(s, Def)}
        self.after: dict[int, Names] = {}
        self.entry: dict[int, Names] = {}
        self.caught: dict[int, Names] = {}
        self.start = self.block(body, NONE, NONE)

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
            case Assign(target=Subscript() as target, value=value) | AugAssign(target=Subscript() as target, value=value):
                return live | self.reads(value) if _root(target) in live else live
            case Assign(target=target, value=value):
                names = target_names(target)
                return (live - names) | (self.reads(value) if names & live else NONE)
            case ExprStmt(value=Call(fn=Attribute(value=Name(id=owner), attr="append"), args=(value,))):
                return live | self.reads(value) if owner in live else live
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
                self.caught[id(s)] = NONE.union(*(c for c, h in zip(caught, s.handlers) if not ends_raising(h.body)))
                floor = floor.union(*caught)
                return self.block(s.body, self.block(s.orelse, live, floor), floor)
            case Return(value=value):
                return self.reads(value)
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


def captured(e: Expr) -> list[str]:
    """The varied variables that a nested function, written here, carries."""
    extra = e.kind.extra if isinstance(e.kind, Callee) else ()
    return [n for n, v in extra if v.varied] if isinstance(extra, tuple) and isinstance(e, (Name, Lambda)) else []


def is_pairwise(s: Assign) -> bool:
    """Whether `s` assigns the items of a tuple that is written out to as many variables."""
    return isinstance(s.value, Tuple) and len(s.target.elts) == len(s.value.elts) and all(
        isinstance(t, Name) for t in s.target.elts
    )


def may_swallow(s: With) -> bool:
    """Whether a context manager may keep to itself an exception that ends the block."""
    return not all(
        isinstance(c, Call) and isinstance(c.fn, Ref) and is_in(c.fn.obj, REENTERED) for c, _ in s.items
    )


# ---------------------------------------------------------------------------------------------------------------
# Statements


class _Tangents:
    """The state of one transformation, which walks forward: `guarded` has the variables that are read on when an exception
    ends the present block, `seen` those that have a value."""

    def __init__(self, special: Special, program: Program):
        self.special, self.program, self.names = special, program, special.names
        self.body = joined_calls(special.body)
        self.needs = _Needs(self.body)
        self.dot_names: dict[str, str] = {}
        self.made: set[str] = set()
        self.guarded: Names = NONE
        self.written = {
            _root(s.target) for s in walk_all(self.body)
            if isinstance(s, (Assign, AugAssign)) and isinstance(s.target, Subscript) and s.target.varied
        }
        self.seen: set[str] = set(special.params)

    def function(self) -> Function:
        special = self.special
        varied = special.varied_params
        dots = [self.dot_name(p) for p in varied]
        kind_of = dict(zip(special.params, (v.kind for v in special.values)))
        still = [p for p in special.params if p in self.needs.start and p not in varied]
        body = [self.start(Name(p, kind=kind_of[p])) for p in still] + self.block(self.body)
        at = special.source.at
        name = special.source.name if at is None else f"{special.source.name} ({str(at).rpartition('/')[2]})"
        of = f" from {'that' if len(dots) == 1 else 'those'} of {', '.join(varied)}" if dots else ""
        return Function(
            f"{special.name}_tangent", tuple(Param(p) for p in (*special.params, *dots)), tuple(without_idle_defs(body)),
            f"The value of {name}, and its tangent{of}.",
        )

    def dot_name(self, name: str) -> str:
        """The variable that holds the tangent of variable `name`."""
        if name not in self.dot_names:
            self.dot_names[name] = self.new(f"{name}_dot")
        return self.dot_names[name]

    def new(self, base: str) -> str:
        """A new name for a tangent."""
        name = self.names.new(base)
        self.made.add(name)
        return name

    def block(self, body) -> Block:
        out: Block = []
        for s in body:
            out += self.statement(s)
            self.seen |= assigned_names([s])
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
            case Assign(target=Subscript(varied=True) as target) | AugAssign(target=Subscript(varied=True) as target) if (
                _root(target) in live
            ):
                return self.store(s)
            case ExprStmt(value=Call(fn=Attribute(value=Name(id=owner), attr="append"))) if owner in live:
                return self.append(s)
            case If(body=body, orelse=orelse):
                return [replace(s, body=self.inner(body), orelse=tuple(self.block(orelse)))]
            case For() | While():
                self.seen |= assigned_names([s])
                start = self.starts(s.target, s) if isinstance(s, For) else []
                return [replace(s, body=(*start, *self.inner(s.body)))]
            case With():
                return self.with_(s)
            case Try():
                return [self.try_(s)]
            case Return(value=value):
                parts = _Parts(self)
                value = copied(value)
                ahead, (value,), (dot,) = parts.settled([value], [parts.dot_or_zero(value)])
                if node_count(dot) > 2 * LONG:
                    name = Name(self.new("result_dot"))
                    ahead, dot = [*ahead, Assign(name, dot)], name
                return [*ahead, replace(s, value=Tuple((value, dot)))]
        return [s, *self.popped(s, live), *self.changed(s, live)]

    def inner(self, body) -> tuple[Stmt, ...]:
        return tuple(self.block(body)) or (Pass(),)

    @contextlib.contextmanager
    def guard(self, names: Names):
        before, self.guarded = self.guarded, self.guarded | names
        yield
        self.guarded = before

    # -- zeros -----------------------------------------------------------------------------------------------------

    def start(self, variable: Name) -> Stmt:
        """The zero tangent of a variable that is constant here."""
        return Assign(Name(self.dot_name(variable.id)), zero(variable, variable.kind))

    def starts(self, target: Expr, s: For | With) -> Block:
        """The zero tangents of the variables that the head of a loop or `with` sets."""
        live = self.needs.entry[id(s)]
        return [self.start(n) for n in walk(target) if isinstance(n, Name) and n.id in live]

    def changed(self, s: Stmt, live: Names) -> Block:
        """The zero tangent, anew, of a constant container that `s` changes in place."""
        match s:
            case Assign(target=Subscript() | Attribute() as target) | AugAssign(target=target):
                found = [] if isinstance(plain(target.kind), Number) or isinstance(target, Subscript) and isinstance(
                    plain(target.value.kind), Array
                ) else [target]
            case Delete(targets=targets):
                found = list(targets)
            case ExprStmt(value=Call(fn=Attribute(value=value, attr=attr))) if attr != "pop":
                found = [value]
            case _:
                return []
        names = dict.fromkeys(n for n in map(_root, found) if n in live)
        return [self.start(Name(n, kind=kinds.UNKNOWN)) for n in names]

    def popped(self, s: Stmt, live: Names) -> Block:
        """`xs_dot.pop()` for each `xs.pop()` in a statement that does not take the tangent."""
        return [ExprStmt(Call(Attribute(Name(self.dot_name(n)), "pop"), ())) for n in pops(s) if n in live]

    # -- assignments -----------------------------------------------------------------------------------------------

    def assignment(self, s: Assign, live: Names) -> Block:
        """`target = value` and the same of the tangents, each of which sees what the user's statement saw."""
        wanted = [n for n in target_list(s.target) if n in live]
        if not wanted:
            return [s, *self.popped(s, live)]
        if isinstance(s.target, Tuple):
            return [*self.together(s, wanted), *self.popped(s, live)]
        if is_pop(s.value) and s.value.varied:
            item_dot = Call(Attribute(Name(self.dot_name(s.value.fn.value.id)), "pop"), ())
            return [Assign(Name(self.dot_name(s.target.id)), item_dot), s]
        if pops(s):
            return [*self.changing(s), *self.popped(s, live)]
        return self.changing(s)

    def changing(self, s: Assign) -> Block:
        """An assignment to one variable."""
        name, value, parts = s.target.id, copied(s.value), _Parts(self)
        dot = parts.dot_or_zero(value)
        y, y_dot = s.target, Name(self.dot_name(name))
        if name in self.guarded and name in self.seen:
            ahead, (value,), (dot,) = parts.settled([value], [dot])
            dot = self.apart(dot, s.value, name)
            if isinstance(dot, Name) and dot.id == y_dot.id:
                return [*ahead, replace(s, value=value)]
            return [*ahead, replace(s, target=Tuple((y, y_dot)), value=Tuple((value, dot)))]
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
        parts = _Parts(self)
        values = [copied(v) for v in s.value.elts]
        chosen = [(t, v) for t, v in zip(s.target.elts, values) if t.id in wanted]
        ahead, settled, dots = parts.settled(values, [parts.dot_or_zero(v) for _, v in chosen])
        dots = [self.apart(dot, v, t.id) for dot, (t, v) in zip(dots, chosen)]
        targets = [Name(self.dot_name(t.id)) for t, _ in chosen]
        new = replace(s, value=replace(s.value, elts=tuple(settled)))
        if any(t.id in self.guarded and t.id in self.seen for t, _ in chosen):
            both = replace(s.target, elts=(*s.target.elts, *targets)), replace(new.value, elts=(*settled, *dots))
            return [*ahead, replace(s, target=both[0], value=both[1])]
        if len(targets) == 1:
            return [*ahead, Assign(targets[0], dots[0]), new]
        return [*ahead, Assign(Tuple(tuple(targets)), Tuple(tuple(dots))), new]

    def append(self, s: ExprStmt) -> Block:
        """`xs.append(v)` and `xs_dot.append(v_dot)`"""
        owner: Name = s.value.fn.value
        ahead, value, dot = self.put(owner.id, s.value.args[0])
        grown = ExprStmt(Call(Attribute(Name(self.dot_name(owner.id)), "append"), (dot,)))
        return [*ahead, grown, replace(s, value=replace(s.value, args=(value,))), *self.popped(s, self.needs.after[id(s)])]

    def store(self, s: Assign | AugAssign) -> Block:
        """`a[i] = v` and `a_dot[i] = v_dot`, `a[i] += v` and `a_dot[i] += v_dot`."""
        name = _root(s.target)
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
        value, parts = copied(e), _Parts(self)
        dot = Const(0.0) if may_spread and not value.varied else parts.dot_or_zero(value)
        if owner in self.guarded:
            parts.keep(value)
        ahead, (value,), (dot,) = parts.settled([value], [dot])
        if not may_spread:
            dot = self.apart(dot, e, owner)
        if owner in self.guarded and not isinstance(dot, (Name, Const)):
            name = Name(self.new(f"{owner}_item_dot"))
            ahead, dot = [*ahead, Assign(name, dot)], name
        return ahead, value, dot

    def place(self, target: Subscript, before: Block) -> Subscript:
        """A place that is named twice: computed indices are held in variables."""
        value = self.place(target.value, before) if isinstance(target.value, Subscript) else target.value
        index = target.index
        if not is_cheap_index(index):
            name = Name(self.names.new("index"), kind=index.kind)
            before.append(Assign(name, index))
            index = name
        return replace(target, value=value, index=index)

    def place_of_dot(self, place: Expr) -> Expr:
        if isinstance(place, Name):
            return Name(self.dot_name(place.id), kind=place.kind)
        return replace(place, value=self.place_of_dot(place.value))

    def apart(self, dot: Expr, value: Expr, *names: str) -> Expr:
        """The tangent of a value for a variable, in memory of its own if the value is and one of the two is written into.

        `y = x + 1` has the tangent `y_dot = x_dot`, but what is written into y is not in x.
        """
        if not self.written or aliases(value):
            return dot
        shared = aliases(dot)
        narrow = isinstance(dot, Call) and isinstance(dot.fn, Ref) and dot.fn.obj in (np.broadcast_to, runtime.widened)
        if (shared or narrow) and self.written & set(names) or shared & {self.dot_names.get(n) for n in self.written}:
            if isinstance(plain(value.kind), (Array, Listing)):
                return Call(Attribute(dot, "copy"), ())
            return Call(symbol(runtime.own), (dot,))
        return dot

    def invocation(self, s: Assign, live: Names) -> Block:
        """`y, y_dot = h_tangent(x, x_dot)`: a call of a function that is differentiated through."""
        invoked: Invoke = s.value
        wanted = [n for n in target_list(s.target) if n in live]
        if not wanted:
            return [replace(s, value=invoked.call), *self.popped(s, live)]
        callee: Special = invoked.callee
        self.program.needed.add(id(callee))
        parts = _Parts(self)
        values = [copied(a) for a in invoked.args]
        dots = [parts.dot_or_zero(x) for x, v in zip(values, callee.values) if v.varied]
        ahead, values, dots = parts.settled(values, dots)
        moving = [x for x, v in zip(invoked.args, callee.values) if v.varied]
        dots = [self.apart(dot, x, *wanted) for dot, x in zip(dots, moving)]
        if isinstance(s.target, Tuple):
            dot_target: Expr = Tuple(tuple(Name(self.dot_name(n) if n in wanted else "_") for n in target_list(s.target)))
        else:
            dot_target = Name(self.dot_name(s.target.id))
        call = Call(Ref(callee, f"{callee.name}_tangent"), (*values, *dots), at=s.at)
        return [*ahead, replace(s, target=Tuple((s.target, dot_target)), value=call)]

    # -- exceptions ------------------------------------------------------------------------------------------------

    def with_(self, s: With) -> Block:
        """`with`; what a block computes that an exception ends midway has no derivative if the manager keeps it to itself."""
        start = [z for _, t in s.items if t is not None for z in self.starts(t, s)]
        body = [*start, *self.inner(s.body)]
        if not may_swallow(s) or not any(target_names(n.target) & self.made for n in walk_all(body) if isinstance(n, Assign)):
            return [replace(s, body=tuple(body))]
        done = Name(self.names.new("done"))
        check = If(Op("not", (done,)), (ExprStmt(Call(symbol(runtime.swallowed), (Const(str(s.at)),))),), at=s.at)
        return [Assign(done, Const(False)), replace(s, body=(*body, Assign(done, Const(True)))), check]

    def try_(self, s: Try) -> Try:
        caught = self.needs.caught[id(s)]
        with self.guard(caught):
            body = self.block(s.body)
        orelse = self.block(s.orelse)
        if s.handlers:
            body, moved = self.split(body, {self.dot_name(n) for n in caught})
            orelse = moved + orelse
        handlers = tuple(replace(h, body=self.inner(h.body)) for h in s.handlers)
        return replace(s, body=tuple(body), handlers=handlers, orelse=tuple(orelse), final=tuple(self.block(s.final)))

    def split(self, body: Block, caught: set[str]) -> tuple[Block, Block]:
        """A block without those statements that only set tangents, and these, as far as they can wait for its end.

        For an exception that the derivative raises (that of `math.sqrt` at 0) is none that the user means to catch.
        """
        staying: Block = []
        moved: Block = []
        read, written = set(caught), set()
        for s in reversed(body):
            names = target_names(s.target) if isinstance(s, Assign) else set()
            if names and names <= self.made and not names & read and not names_read(s.value) & written:
                moved.insert(0, s)
                continue
            staying.insert(0, s)
            read |= names_read(s) - names if isinstance(s, Assign) else names_read(s)
            written |= assigned_names([s])
        return staying, moved


# ---------------------------------------------------------------------------------------------------------------
# Expressions


class _Parts:
    """The tangents of the parts of one statement's expressions.

    While the rules run, placeholders stand for what is decided afterwards, when all of them have been seen: `?3` for the
    value of a part (which is computed anew if that is cheap, else named), `!3` for its tangent (which is pasted in if it
    is short and read once, else named).
    """

    def __init__(self, outer: _Tangents):
        self.outer, self.nested = outer, outer.needs.nested
        self.sources: dict[str, Expr] = {}
        self.tangents: dict[str, Expr] = {}
        self.number: dict[int, int] = {}
        self.kept: set[str] = set()

    def key(self, e: Expr, sign: str) -> str:
        return f"{sign}{self.number.setdefault(id(e), len(self.number))}"

    # -- values ----------------------------------------------------------------------------------------------------

    def value(self, e: Expr) -> Expr:
        """A stand-in for the value of `e`."""
        if isinstance(e, (Const, Ref, Global, Name)):
            return e
        if isinstance(e, Slice):
            return Slice(*(None if p is None else self.value(p) for p in (e.lower, e.upper, e.step)), kind=e.kind)
        if isinstance(e, (Tuple, List)):
            return replace(e, elts=tuple(map(self.value, e.elts)))
        if isinstance(e, Starred):
            return replace(e, value=self.value(e.value))
        key = self.key(e, "?")
        self.sources[key] = e
        return Name(key, kind=e.kind, varied=e.varied)

    def argument(self, e):
        """An argument as a rule gets it: a Python value if it is written out, else a stand-in."""
        if isinstance(e, tuple):
            return tuple(map(self.argument, e))
        if not e.varied:
            try:
                return python_value(e)
            except ValueError:
                pass
        return self.value(e)

    # -- tangents --------------------------------------------------------------------------------------------------

    def dot_or_zero(self, e: Expr) -> Expr:
        """The tangent of `e`, zeros in its structure where it is constant."""
        match e:
            case Tuple() | List() if not any(isinstance(x, Starred) for x in e.elts):
                return replace(e, elts=tuple(map(self.dot_or_zero, e.elts)))
            case Dict() if all(k is not None for k in e.keys):
                return replace(e, values=tuple(map(self.dot_or_zero, e.values)))
        return self.dot(e) if e.varied else zero(self.value(e), e.kind)

    def dot(self, e: Expr) -> Expr:
        """The tangent of a varied expression: a variable, a container of them, or a stand-in."""
        kind = plain(e.kind)
        match e:
            case Name(id=name) if name not in self.nested:
                return Name(self.outer.dot_name(name), kind=e.kind)
            case Name() | Lambda():
                values = dict(e.kind.extra)
                held = [(Const(n), self.dot(Name(n, kind=values[n].kind, varied=True))) for n in captured(e)]
                return Dict(tuple(k for k, _ in held), tuple(v for _, v in held))
            case Call(fn=Ref(obj=runtime.captured), args=(function, Const() as key)):
                return item(self.dot(function), key.value)
            case Tuple() | List() | Dict():
                return self.dot_or_zero(e)
            case Starred(value=value):
                return self.dot(value)
            case Call(fn=Ref(obj=cls), args=args) if isinstance(kind, Items) and cls is kind.cls:
                return replace(e, args=tuple(map(self.dot_or_zero, args)))
            case Subscript(value=value, index=index) if isinstance(plain(value.kind), (Items, Listing)):
                return replace(e, value=self.dot(value), index=self.value(index))
            case Attribute(value=value, attr=attr) if isinstance(plain(value.kind), Items):
                cls = plain(value.kind).cls
                if cls.__module__.partition(".")[0] in ("numpy", "scipy"):  # a rule gives a plain tuple for theirs
                    return item(self.dot(value), cls._fields.index(attr))
                return replace(e, value=self.dot(value))
            case Op(op="+", args=(a, b)) if isinstance(kind, (Items, Listing)):
                return replace(e, args=(self.dot_or_zero(a), self.dot_or_zero(b)))
            case Op(op="*", args=args) if isinstance(kind, (Items, Listing)):
                return replace(e, args=tuple(self.dot(a) if a.varied else self.value(a) for a in args))
            case Call(fn=Attribute(value=value, attr="copy"), args=()) if isinstance(plain(value.kind), (Items, Listing)):
                return replace(e, fn=replace(e.fn, value=self.dot(value)))
            case Call() if is_pop(e):
                raise missing(e, "`.pop()` within an expression has no derivative", "Give the item a name first.")
        key = self.key(e, "!")
        if key not in self.tangents:
            self.sources[key] = e
            self.tangents[key] = self.applied(e)
        return Name(key, kind=e.kind)

    def applied(self, e: Expr) -> Expr:
        """The tangent of an operation, by its rule."""
        try:
            found = operation(e)
        except (Refused, registry.Refused) as refused:
            raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
        if found is None or found.rule.jvp is None:
            raise missing(e, f"{describe(e)} has no derivative rule")
        if kinds.is_complex(e.kind):
            raise missing(e, "complex numbers are not differentiated yet")
        match found.rule.jvp:
            case "linear":
                return self.linear(e, found)
            case "multilinear":
                return total([self.with_dots(e, {id(x): self.dot(x)}) for _, _, x in found.data if x.varied])
        try:
            return self.elementwise(e, found) if found.rule.jvp == "partials" else self.by_rule(e, found)
        except (Undecided, TypeError, AttributeError, IndexError):  # what a rule for arrays makes of symbols
            return self.at_run_time(e, found)
        except registry.Refused as refused:
            raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None

    def linear(self, e: Expr, found: Operation) -> Expr:
        """The function of the tangents; that of its one argument where it changes nothing but the type."""
        data = [x for _, _, x in found.data]
        if found.rule.fn is np.ndarray.item and isinstance(plain(data[0].kind), Number):
            return self.dot(data[0])
        return self.with_dots(e, {id(x): self.dot_or_zero(x) for x in data})

    def with_dots(self, e: Expr, dots: dict[int, Expr]) -> Expr:
        """`e` with the tangents of some of its arguments in place of their values."""

        def changed(x: Expr) -> Expr:
            if id(x) in dots:
                return dots[id(x)]
            if isinstance(x, (Tuple, List)):
                return replace(x, elts=tuple(map(changed, x.elts)))
            return self.value(x)

        match e:
            case Op(args=args):
                return replace(e, args=tuple(map(changed, args)))
            case Subscript(value=value, index=index):
                return replace(e, value=changed(value), index=changed(index))
            case Attribute(value=value) if not isinstance(plain(value.kind), Array):
                return Call(symbol(function_of(e)[0]), (changed(value),))  # 0.0 has no attributes
            case Attribute(value=value):
                return replace(e, value=changed(value))
        args, kwargs = tuple(map(changed, e.args)), tuple((k, changed(v)) for k, v in e.kwargs)
        if not isinstance(e.fn, Attribute):
            return replace(e, args=args, kwargs=kwargs)
        owner = changed(e.fn.value)
        if not isinstance(plain(e.fn.value.kind), Array):  # 0.0 has no methods
            function, operands, _ = function_of(e)
            if not hasattr(function, "__objclass__"):
                return replace(e, fn=symbol(function), args=tuple(map(changed, operands)), kwargs=kwargs)
            owner = Call(symbol(np.asarray), (owner,))
        return replace(e, fn=replace(e.fn, value=owner), args=args, kwargs=kwargs)

    def elementwise(self, e: Expr, found: Operation) -> Expr:
        """The sum of the tangents of the operands, each times the partial derivative, in the shape of the result."""
        rule, y = found.rule, self.value(e)
        arguments = {name: self.argument(value) for name, value in found.arguments.items()}
        data = [Const(d) if type(d) in (int, float) else d for d in (arguments[n] for n in rule.data if n in arguments)]
        terms, read, moving = [], set(), set()
        for k, _, x in found.data:
            if not x.varied or rule.partials[k] is None:
                continue
            local = lift(rule.partials[k](y, *data))
            if isinstance(local, Const) and local.value == 0:
                continue
            terms.append(product(self.dot(x), local))
            read |= set(map(id, values_in(local)))
            moving.add(k)
        if not terms:
            return zero(y, e.kind)
        whole = total(terms)
        where = arguments.get("where", True)
        if where is not True:
            whole = registry.masked(whole, where)
        wide = [(k, x) for k, _, x in found.data if plain(x.kind).rank != 0]
        seen = [x for k, x in wide if k in moving or id(arguments[rule.data[k]]) in read]
        if id(y) in read or len(seen) == len(wide) or any(is_unbroadcast(x.kind, e.kind, found) for x in seen):
            return whole
        like = next((x for _, x in wide if isinstance(x, Name) and is_unbroadcast(x.kind, e.kind, found)), None)
        if isinstance(e.kind, Array):
            return Call(symbol(np.broadcast_to), (whole, shape_of(y if like is None else like)))
        return Call(symbol(runtime.widened), (whole, y))

    def by_rule(self, e: Expr, found: Operation) -> Expr:
        """What the rule's own `jvp` makes of the tangents."""
        arguments = {name: self.argument(value) for name, value in found.arguments.items()}
        args, kwargs = _positional_and_keyword(found.rule, arguments)
        made = lift(found.rule.jvp(self.dots(found), self.value(e), *args, **kwargs))
        return shortened(made, {k for k, _ in function_of(e)[2]})

    def dots(self, found: Operation) -> tuple:
        """The tangent of each data argument, None for a constant one; of a list that is written out, a tuple of them."""

        def of(x):
            if isinstance(x, (Tuple, List)) and not isinstance(x, tuple):
                x = x.elts
            if isinstance(x, tuple):
                items = tuple(map(of, x))
                return items if any(i is not None for i in items) else None
            return self.dot(x) if x is not None and x.varied else None

        return tuple(of(found.arguments.get(name)) for name in found.rule.data)

    def at_run_time(self, e: Expr, found: Operation) -> Expr:
        """The rule, called when the program runs: for operands of which too little is known now."""
        fn, args, kwargs = function_of(e)
        name: Expr = Const(fn) if isinstance(fn, str) else symbol(fn)
        operands = tuple(map(self.value, args))
        keywords = tuple((k, self.value(v)) for k, v in kwargs)
        return Call(symbol(registry.apply_jvp), (name, lift(self.dots(found)), self.value(e), *operands), keywords)

    # -- what gets a name ------------------------------------------------------------------------------------------

    def keep(self, e: Expr) -> None:
        """Has the value of `e` computed in a statement of its own."""
        if not isinstance(e, (Const, Name)):
            key = self.key(e, "?")
            self.sources[key] = e
            self.kept.add(key)

    def keep_order(self, values: list[Expr], uses: dict[str, int]) -> None:
        """Names all calls with effects that come before one that gets a name, so that their order stays."""
        calls = [c for v in values for c in impure_calls(v)]
        named = [i for i, c in enumerate(calls) if any(
            self.key(n, "?") in uses or self.key(n, "?") in self.kept for n in self.around(values, c)
        )]
        for c in calls[: max(named, default=0)]:
            self.keep(c)

    def around(self, values: list[Expr], call: Expr):
        """The parts of the values that `call` is in, itself included."""
        return (n for v in values for n in walk(v) if any(m is call for m in walk(n)))

    def reached(self, dots: list[Expr]) -> dict[str, int]:
        """How often each stand-in is read, for these tangents."""
        found: dict[str, int] = {}
        todo = list(dots)
        while todo:
            for n in walk(todo.pop()):
                if isinstance(n, Name) and n.id[0] in "?!":
                    found[n.id] = found.get(n.id, 0) + 1
                    if n.id[0] == "!" and found[n.id] == 1:
                        todo.append(self.tangents[n.id])
        return found

    def settled(self, values: list[Expr], dots: list[Expr], result: Name | None = None):
        """The statements that name what is read twice, and after them the values and the tangents without stand-ins.

        `result` is the variable that the only value is in, when its tangent is computed.
        """
        uses = self.reached(dots)
        self.keep_order(values, uses)
        named: dict[str, Expr] = {}
        if result is not None:
            named[self.key(values[0], "?")] = result
        ahead: Block = []

        def resolved(e: Expr) -> Expr:
            if isinstance(e, Name) and e.id[0] in "?!":
                if e.id in named:
                    return named[e.id]
                return resolved(self.tangents[e.id]) if e.id[0] == "!" else map_children(self.sources[e.id], resolved)
            return map_children(e, resolved)

        def rebuilt(e: Node) -> Node:
            """`e`, whose parts are named as far as they need it; the inner ones first."""
            new = map_children(e, rebuilt)
            value, dot = self.key(e, "?"), self.key(e, "!")
            if value not in named and (value in self.kept or value in uses and not is_cheap(e)):
                named[value] = Name(self.outer.names.new(base_name(e)), kind=e.kind, varied=e.varied)
                ahead.append(Assign(named[value], new, at=e.at))
                new = named[value]
            if dot in uses and not any(isinstance(d, Name) and d.id == dot for d in dots):
                found = neat(resolved(self.tangents[dot]))
                if uses[dot] > 1 and node_count(found) > 1 or node_count(found) > (SHORT if value in named else LONG):
                    base = named[value].id if value in named else base_name(e)
                    named[dot] = Name(self.outer.new(f"{base}_dot"), kind=e.kind)
                    ahead.append(Assign(named[dot], found))
            return new

        values = [rebuilt(v) for v in values]
        return ahead, values, [neat(resolved(d)) for d in dots]


RESULT = Name("?")
"""Stands for the value that a statement gives to its variable."""


def with_result(e: Node, value: Expr) -> Node:
    """`e` with `value` in place of RESULT."""
    return value if e is RESULT else map_children(e, lambda n: with_result(n, value))


def values_in(e: Expr):
    """The parts of an expression that are read for their values, not only for their shapes."""
    if not (isinstance(e, Attribute) and e.attr in CONSTANT_ATTRIBUTES):
        yield e
        for child in children(e):
            yield from values_in(child)


def zero(value: Expr, kind: Kind) -> Expr:
    """The zero tangent of a value."""
    match kind:
        case Number() | kinds.Maybe(item=Number()):
            return Const(0.0)
        case Items(items=items) if not kind.is_record and all(isinstance(i, Number) for i in items):
            still = tuple(Const(0.0) for _ in items)
            if kind.cls is dict:
                return Dict(tuple(map(lift, kind.keys)), still)
            if kind.cls in (tuple, list):
                return Tuple(still) if kind.cls is tuple else List(still)
        case Array():
            if is_float(kind):
                return Call(symbol(np.zeros_like), (value,))
            return Call(symbol(np.zeros), (shape_of(value),))
        case kinds.Nothing() | kinds.Literal() | kinds.Opaque() | Callee():
            return Const(None)
    return Call(symbol(runtime.still), (value,))


def missing(e: Expr, message: str, hint: str = "Mark the value as constant with srcad.stop_gradient.") -> MissingRule:
    because = "The rule is needed because its argument depends on what is differentiated, and the result on it."
    return MissingRule(e.at, message, because=because, hint=hint)


def neat(e: Node) -> Node:
    """A tangent with its minus signs in front, and no sum that starts from 0."""
    e = map_children(e, neat)
    match e:
        case Op(op="+", args=(Const(value=0), x)):
            return x
        case Op(op="neg", args=(Op(op="neg", args=(x,)),)):
            return x
        case Op(op="*" | "/", args=(a, Op(op="neg", args=(b,)))):
            return neat(Op("neg", (Op(e.op, (a, b)),)))
        case Op(op="neg", args=(Op(op="*" | "/" as op, args=(a, b)),)):
            return Op(op, (neat(Op("neg", (a,))), b))
        case Op(op="+" | "-" as op, args=(a, b)):
            bare = without_sign(b)
            return e if bare is None else Op("-" if op == "+" else "+", (a, bare))
    return e


def without_sign(e: Expr) -> Expr | None:
    """A product without the minus sign in front of it, None if it has none."""
    match e:
        case Op(op="neg", args=(inner,)):
            return inner
        case Op(op="*" | "/", args=(a, b)):
            bare = without_sign(a)
            return None if bare is None else Op(e.op, (bare, b))
    return None


def shortened(e: Node, keywords: set[str]) -> Node:
    """What a rule made, without products with 1, sums with 0, and parameters that are the default; the user named those
    in `keywords`."""
    e = map_children(e, lambda n: shortened(n, keywords))
    match e:
        case Op(op="*", args=(x, Const(value=1))) | Op(op="+" | "-", args=(x, Const(value=0))):
            return x
        case Call(fn=Ref(obj=obj), args=args, kwargs=kwargs) if registry.find(obj) is not None:
            return short_call(e, registry.find(obj), args, dict(kwargs), keywords)
    return e


def short_call(e: Call, rule, args, kwargs, keywords: set[str]) -> Call:
    """A call of a library function without the arguments that are the default anyway."""
    try:
        bound = rule.bind(args, kwargs).arguments
    except TypeError:
        return e
    parameters = rule.signature.parameters
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        return e
    names = list(bound)
    given = [n for n in names if not is_default(bound[n], parameters[n].default)]
    by_position: list[Expr] = []
    for n, parameter in zip(names, parameters.values()):
        if n != parameter.name or n not in given or n in keywords or parameter.kind is parameter.KEYWORD_ONLY:
            break
        by_position.append(bound[n])
    rest = tuple((n, bound[n]) for n in given[len(by_position) :])
    return replace(e, args=tuple(by_position), kwargs=rest)


def is_default(e: Expr, default) -> bool:
    return isinstance(e, Const) and type(e.value) is type(default) and e.value == default


def is_cheap(e: Expr, depth: int = 0) -> bool:
    """Whether computing `e` twice is cheaper, and reads better, than naming its value: an item, a view, a short sum."""
    match e:
        case Const() | Ref() | Name() | Global():
            return True
        case Op(op="+" | "-" | "*" | "/" | "neg", args=args):
            return depth < 2 and all(isinstance(plain(a.kind), Number) and is_cheap(a, depth + 1) for a in args)
        case Subscript(value=value, index=index):
            return is_cheap(value, depth) and is_cheap_index(index) and not isinstance(plain(value.kind), Unknown)
        case Attribute(value=value):
            return isinstance(plain(value.kind), (Items, Array)) and is_cheap(value, depth)
        case Call(fn=Ref(obj=runtime.captured)):
            return True
    return False


def is_cheap_index(index: Expr) -> bool:
    match index:
        case Slice(lower=lower, upper=upper, step=step):
            return all(p is None or is_cheap(p, 1) for p in (lower, upper, step))
        case Tuple(elts=elts):
            return all(map(is_cheap_index, elts))
    return is_cheap(index) and isinstance(plain(index.kind), (Number, kinds.Literal, kinds.Nothing))


def base_name(e: Expr) -> str:
    """What the value of `e` is called where it gets a name."""
    applied = function_of(e)
    if applied is not None:
        return OP_NAMES.get(applied[0], "value") if isinstance(applied[0], str) else getattr(applied[0], "__name__", "value")
    return e.attr if isinstance(e, Attribute) else "value"


def copied(e: Node) -> Node:
    """`e` in which no node occurs twice."""
    new = map_children(e, copied)
    return replace(new) if new is e and isinstance(e, Expr) else new


def is_pop(e: Node) -> bool:
    """Whether `e` is `xs.pop()`."""
    return isinstance(e, Call) and isinstance(e.fn, Attribute) and e.fn.attr == "pop" and isinstance(e.fn.value, Name)


def pops(s: Node) -> list[str]:
    """The lists that a simple statement pops from."""
    return [n.fn.value.id for n in walk(s) if is_pop(n)]


def impure_calls(e: Node) -> list[Expr]:
    """The parts of an expression that must be computed once and in order, as those that draw random numbers."""
    if isinstance(e, (IfExp, Logical, Comprehension)):
        return [e] if any(map(impure_calls, children(e))) else []
    found = [] if isinstance(e, Lambda) else [c for part in children(e) for c in impure_calls(part)]
    if isinstance(e, Call) and not (isinstance(e.fn, Ref) and e.fn.obj is runtime.captured):
        applied = function_of(e)
        if applied is None or not kinds.is_pure(applied[0]):
            found.append(e)
    return found


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
                case Assign(target=Name(id=name), value=Invoke()) as call, Assign(target=Name(), value=Name(id=other)) if (
                    name == other and reads[name] == 2
                ):
                    out[-1] = replace(call, target=s.target)
                case _:
                    out.append(with_blocks(s, visit))
        return out

    return visit(body)


def without_idle_defs(body: Block) -> Block:
    """`body` without the nested functions that are not called any more."""
    while True:
        defs = [s for s in walk_all(body) if isinstance(s, Def)]
        idle = {id(d) for d in defs if not any(
            isinstance(n, Name) and n.id == d.function.name for s in body for n in outside(s, d)
        )}
        if not idle:
            return body

        def visit(block) -> Block:
            return [with_blocks(s, visit) for s in block if id(s) not in idle]

        body = visit(body)


def outside(node: Node, d: Def):
    """The nodes at and below `node`, without those of the nested function `d`."""
    if node is d:
        return
    yield node
    for child in children(node):
        yield from outside(child, d)
