"""Reverse mode: from a specialised function to its forward and its reverse sweep.

The statements are walked from the last to the first. Each gives its part of the forward sweep (itself, with names for
the intermediates that the way back reads) and its part of the reverse sweep, in which `v_bar` is the adjoint of `v`:

    y = x * np.sin(x)                 sin = np.sin(x)              y = x * sin
                                      x_bar = y_bar * sin;         x_bar += y_bar * x * np.cos(x)

Wherever a variable is overwritten, both sweeps get a provision to bring the old value back (`Save`, `Restore`). What of
it is needed is seen afterwards by looking at what the reverse sweep reads: `liveness.prune` takes the rest out. So
to-be-recorded analysis needs no declarations (Hascoët, Naumann & Pascual 2005, "To be recorded" analysis in reverse-mode
automatic differentiation; Griewank & Walther 2008, ch. 5 and 6).
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Callee, Items, Kind, Listing, Number, Unknown, is_float, join, plain
from srcad.analysis.operations import Operation, Refused, function_of, operation, python_value
from srcad.analysis.specialise import VIEWS, Program, Special, aliases
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Break, Call, Comment, Compare, Const, Def, Dict, Expr, ExprStmt, For, Global, If, Invoke,
    List, Logical, Name, Node, Op, Pass, Raise, Ref, Return, Slice, Starred, Stmt, Subscript, Try, Tuple, Undecided,
    While, With, children, lift, map_children, reference, walk,
)
from srcad.errors import MissingRule
from srcad.rules import registry
from srcad.transform.algebra import negated, product, total
from srcad.transform.liveness import Restore, Save, definitely_set, names_read as names_live, prune, reads_before_writes, root

Block = list[Stmt]

OP_NAMES = {
    "+": "total", "-": "difference", "*": "product", "/": "quotient", "**": "power", "@": "product", "neg": "negative",
    "%": "remainder", "getitem": "item", "pos": "value",
}
REENTERED = {np.errstate}
"""Context managers that only set how NumPy computes: the way back is inside them, too."""


@dataclass(frozen=True)
class Pair:
    """The two sweeps of a function, as statements. `saved` are the variables that the second needs from the first;
    `used_up` are those of them that the second changes: arrays in which it brings back old values, and tapes, with whether
    what they hold is changed as well."""

    special: Special
    forward: tuple[Stmt, ...]
    result: Expr
    adjoint: tuple[Stmt, ...]
    adjoints: tuple[Expr, ...]
    seed: str
    saved: tuple[str, ...]
    used_up: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Slot:
    """A variable of the reverse sweep: the adjoint of variable `name`, or of the item of it at `path`."""

    name: str
    path: tuple = ()


def reverse(special: Special, program: Program) -> Pair:
    """The forward and the reverse sweep of a specialised function."""
    return _Sweeps(special, program).pair()


class _Sweeps:
    """The state of one reversal: `set_` has the slots that hold an adjoint at the present point of the reverse sweep,
    `fresh` those of them whose array nobody else sees."""

    def __init__(self, special: Special, program: Program):
        self.special, self.program, self.names = special, program, special.names
        self.bar_names: dict[Slot, str] = {}
        self.set_: set[Slot] = set()
        self.fresh: set[Slot] = set()
        self.hoisted: dict[int, Name] = {}
        self.placeholders: dict[str, Expr] = {}
        self.tape_of: dict[str, str] = {}
        self.kind_of_name: dict[str, Kind] = {}
        self.varied_names: set[str] = set()
        self.survey(special.body)
        self.prior: dict[int, frozenset[str]] = {}
        self.local: dict[int, set[str]] = {}
        self.definite: dict[int, set[str]] = {}
        self.trace(special.body, set(special.params), set(special.params))
        self.flags: dict[int, Any] = {}

    # -- what is known before the walk -----------------------------------------------------------------------------

    def survey(self, body) -> None:
        """Notes the kind of each variable over the whole function, which ones change in place, and which are stable."""
        for p, v in zip(self.special.params, self.special.values):
            self.kind_of_name[p] = v.kind
            if v.varied:
                self.varied_names.add(p)
        self.boxed: set[str] = set()
        assigned: dict[str, int] = {p: 1 for p in self.special.params}
        in_loop: set[str] = set()
        groups: dict[str, set[str]] = {}
        mutated: set[str] = set()
        written: set[str] = set()

        def together(names: set[str]) -> None:
            merged = set(names).union(*(groups.get(n, {n}) for n in names)) if names else set()
            for n in merged:
                groups[n] = merged

        def visit(node: Node, loops: int) -> None:
            match node:
                case Name(id=id_, kind=kind) if kind is not None:
                    known = self.kind_of_name.get(id_)
                    self.kind_of_name[id_] = kind if known is None else join(known, kind)
                    if node.varied:
                        self.varied_names.add(id_)
                case Subscript(value=value, index=index) if isinstance(plain(value.kind), Items):
                    if _static_key(plain(value.kind), index) is None and not is_written_out(index):
                        self.boxed.add(_root(value))
            match node:
                case Assign(target=target, value=value):
                    for n in walk(target):
                        if isinstance(n, Name) and not isinstance(target, (Subscript, Attribute)):
                            assigned[n.id] = assigned.get(n.id, 0) + 1
                            if loops:
                                in_loop.add(n.id)
                    if isinstance(target, Attribute) or isinstance(target, Subscript) and not is_undone(target):
                        mutated.add(_root(target))
                    if isinstance(target, (Subscript, Attribute)):
                        written.add(_root(target))
                        together({_root(target)} | aliases(value))
                    else:
                        shared = aliases(value)
                        if shared:
                            together({n.id for n in walk(target) if isinstance(n, Name)} | shared)
                case AugAssign(target=target):
                    written.add(_root(target))
                    if not is_undone(target):
                        mutated.add(_root(target))
                    if isinstance(target, Name):
                        assigned[target.id] = assigned.get(target.id, 0) + 2
                case ExprStmt(value=Call(fn=Attribute(value=value))) if not isinstance(value, (Ref, Global)):
                    mutated.add(_root(value))
                    for a in node.value.args:
                        together({_root(value)} | aliases(a))
                case Assign(value=Call(fn=Attribute(value=value, attr="pop"))):
                    mutated.add(_root(value))
                case For(target=target, iter=iterable):
                    for n in walk(target):
                        if isinstance(n, Name):
                            assigned[n.id] = assigned.get(n.id, 0) + 1
                    together({n.id for n in walk(target) if isinstance(n, Name)} | aliases(iterable))
            if isinstance(node, Assign) and isinstance(node.value, Call) and isinstance(node.value.fn, Attribute):
                if node.value.fn.attr == "pop":
                    mutated.add(_root(node.value.fn.value))
            inner = loops + isinstance(node, (For, While))
            for child in children(node):
                visit(child, inner)

        for s in body:
            visit(s, 0)
        self.mutated = set().union(*(groups.get(m, {m}) for m in mutated)) if mutated else set()
        self.written = set().union(*(groups.get(m, {m}) for m in written)) if written else set()
        self.nested = {s.function.name for s in walk_all(body) if isinstance(s, Def)}
        self.stable = {n for n, count in assigned.items() if count == 1 and n not in in_loop} - self.mutated - self.written
        self.boxed.discard(None)

    def trace(self, body, bound: set[str], definite: set[str]) -> tuple[set[str], set[str]]:
        """Walks forward: before each statement, which variables may already have a value in this pass of its loop."""
        for s in body:
            self.prior[id(s)] = frozenset(bound)
            self.definite[id(s)] = set(definite)
            match s:
                case Assign(target=target):
                    names = target_names(target)
                    bound, definite = bound | names, definite | names
                case AugAssign(target=Name(id=name)):
                    bound = bound | {name}
                case If(body=then, orelse=orelse):
                    (b1, d1), (b2, d2) = self.trace(then, bound, definite), self.trace(orelse, bound, definite)
                    if ends_raising(then):
                        d1 = d2
                    elif ends_raising(orelse):
                        d2 = d1
                    bound, definite = b1 | b2, d1 & d2
                case For() | While():
                    inside = assigned_names(s.body) | (target_names(s.target) if isinstance(s, For) else set())
                    carried = inside & exposed(s)
                    self.local[id(s)] = inside - carried
                    start = (bound - inside) | carried
                    self.trace(s.body, start, definite | (target_names(s.target) if isinstance(s, For) else set()))
                    bound = bound | inside
                    if isinstance(s, While) and isinstance(s.test, Const):
                        definite = definitely_set([s], definite)
                case With(body=inner, items=items):
                    names = {n for _, t in items if t is not None for n in target_names(t)}
                    bound, definite = self.trace(inner, bound | names, definite | names)
                case Try():
                    b, d = self.trace(s.body, bound, definite)
                    ends = [self.trace(s.orelse, b, d)]
                    for h in s.handlers:
                        end = self.trace(h.body, b, definite)
                        if not ends_raising(h.body):
                            ends.append(end)
                    bound = set().union(*(e[0] for e in ends), b)
                    definite = set.intersection(*(e[1] for e in ends))
                    bound, definite = self.trace(s.final, bound, definite)
        return bound, definite

    # -- the pair ----------------------------------------------------------------------------------------------------

    def pair(self) -> Pair:
        special = self.special
        *body, last = special.body
        seed = self.names.new("result_bar")
        forward: Block
        adjoint: Block
        if isinstance(last, Return):
            root = last.value
            forward, adjoint, result = self.returned(last, root, seed)
        else:
            forward, adjoint, result = [last], [], Const(None)
        head, tail = self.block(body)
        forward, adjoint = head + forward, adjoint + tail
        adjoints = tuple(
            self.whole(p, plain(v.kind) if not isinstance(plain(v.kind), Unknown) else v.kind, final=True)
            for p, v in zip(special.params, special.values) if v.varied
        )
        wanted = {n.id for e in adjoints for n in walk(e) if isinstance(n, Name)}
        adjoint, kept = prune(adjoint, wanted)
        forward = self.settle(forward, kept)
        adjoint = lower_restores(adjoint)
        needed = reads_before_writes(adjoint, wanted) - {seed}
        tapes = {s.tape for s in kept}
        saved = tuple(n for n in ordered_names(forward, special.params) if n in needed or n in tapes)
        unset = set(saved) - definitely_set(forward, set(special.params)) - {k.tape for k in kept if k.in_loop}
        forward = [Assign(Name(n), Const(None)) for n in saved if n in unset] + forward
        forward = declare_tapes(forward, kept)
        return Pair(
            special, tuple(forward), result, tuple(adjoint), adjoints, seed, saved,
            tuple(
                (n, any(k.tape == n and self.is_written_into(k.name) for k in kept)) for n in saved
                if kept_in_loop(kept, n) or any(k.place is not None and k.name == n for k in kept)
            ),
        )

    def returned(self, s: Return, root: Expr, seed: str) -> tuple[Block, Block, Expr]:
        kind = plain(root.kind)
        if isinstance(root, Name) or not root.varied or isinstance(root, (Tuple, List, Dict)):
            reverse_part = self.flow(s, root, Name(seed, kind=kind), set())
            forward, result = self.finish(s, root)
            return forward, self.commented(s, reverse_part), result
        self.result_name = None
        reverse_part = self.flow(s, root, Name(seed, kind=kind), set())
        forward, result = self.finish(s, root)
        return forward, self.commented(s, reverse_part), result

    def settle(self, forward: Block, kept: set[Save]) -> Block:
        """The forward sweep with those provisions that the reverse sweep uses; variables that may be unset get a None."""
        unset: set[str] = set()
        keys = {id(k.key) for k in kept}

        def visit(block) -> Block:
            out: Block = []
            for s in block:
                if isinstance(s, Save):
                    if id(s.key) not in keys:
                        continue
                    if s.unset:
                        unset.add(s.name)
                    tape, value = Name(s.tape), Name(s.name) if s.place is None else kept_value(s.place)
                    if s.place is None and self.is_written_into(s.name):
                        value = Call(symbol(runtime.own), (value,))
                    if s.in_loop:
                        out.append(ExprStmt(Call(Attribute(tape, "append"), (value,))))
                    else:
                        out.append(Assign(tape, value))
                    continue
                out.append(with_blocks(s, visit))
            return out

        settled = visit(forward)
        return [Assign(Name(n), Const(None)) for n in sorted(unset)] + settled

    def is_written_into(self, name: str) -> bool:
        """Whether a variable holds an array or list that is changed in place, so that keeping it means copying it."""
        return name in self.written and not isinstance(plain(self.kind_of_name.get(name, kinds.UNKNOWN)), Number)

    # -- blocks ------------------------------------------------------------------------------------------------------

    def block(self, body) -> tuple[Block, Block]:
        """Both sweeps of a block, in the state that holds at its end."""
        forward: list[Block] = []
        adjoint: Block = []
        for s in reversed(list(body)):
            ahead, back = self.statement(s)
            forward.append(ahead)
            adjoint.extend(back)
        return [s for part in reversed(forward) for s in part], adjoint

    def statement(self, s: Stmt) -> tuple[Block, Block]:
        match s:
            case Assign(target=Name() | Tuple()):
                return self.assignment(s)
            case Assign(target=Subscript()) | AugAssign(target=Subscript()):
                return self.store(s)
            case ExprStmt(value=Call(fn=Attribute(value=Name(varied=True), attr="append"))):
                return self.append(s)
            case If():
                return self.branch(s)
            case For() | While():
                return self.loop(s)
            case With():
                return self.with_(s)
            case Try():
                return self.try_(s)
        return [s], []

    def commented(self, s: Stmt, adjoint: Block) -> Block:
        """The part of the reverse sweep that belongs to `s`, under the line that it is of."""
        if not adjoint or s.at is None:
            return adjoint
        line = s.at.source.lines[s.at.line - 1].strip()
        return [Comment(f"{s.at.line}: {line}", at=s.at), *adjoint]

    # -- assignments -------------------------------------------------------------------------------------------------

    def assignment(self, s: Assign) -> tuple[Block, Block]:
        """`target = value`: the adjoint of the target goes to what the value is made of, and is spent."""
        names = [n for n in target_list(s.target)]
        restore, save = self.provisions(s, names)
        after = False
        if isinstance(s.value, Invoke):
            forward, adjoint = self.invocation(s, names)
        elif not s.value.varied:
            self.spend(names)
            return [*save, s], restore
        elif isinstance(s.value, Call) and isinstance(s.value.fn, Attribute) and s.value.fn.attr == "pop":
            forward, adjoint = self.pop(s, names)
        elif isinstance(s.target, Tuple):
            pairs = list(zip(s.target.elts, s.value.elts))
            bars = [(self.whole_if_set(t.id, t.kind), v) for t, v in pairs]
            spent = self.spend(names)
            adjoint = self.flows(s, [(v, b) for b, v in bars if b is not None], spent)
            forward, value = self.finish(s, s.value)
            forward.append(replace(s, value=value))
        else:
            bar = self.whole_if_set(s.target.id, s.value.kind)
            spent = self.spend(names)
            own = s.target.id in names_read(s.value)
            root = None if own else Name(s.target.id, kind=s.value.kind)
            after = not own
            adjoint = [] if bar is None else self.flows(s, [(s.value, bar)], spent, root)
            forward, value = self.finish(s, s.value)
            forward.append(replace(s, value=value))
        if not adjoint and not restore:
            return [*save, *forward], []
        # The adjoint sees what the statement saw; its own result as well, if that is not what it has overwritten.
        return [*save, *forward], self.commented(s, adjoint + restore if after else restore + adjoint)

    def provisions(self, s: Stmt, names: list[str]) -> tuple[Block, Block]:
        """`Restore` and `Save` of the variables that `s` overwrites."""
        restore, save = [], []
        for n in names:
            if n in self.prior.get(id(s), ()):
                a, b = self.provision(n, s)
                save.append(a)
                restore.append(b)
        return restore, save

    def provision(self, name: str, s: Stmt | None, unset: bool | None = None) -> tuple[Save, Restore]:
        in_loop = self.loop_depth > 0
        if unset is None:
            unset = name not in self.definite.get(id(s), ())
        if in_loop:
            tape = self.tape_of.get(name) or self.tape_of.setdefault(name, self.names.new(f"{name}_tape"))
        else:
            tape = self.names.new(f"{name}_old")
        key = object()
        return Save(tape, name, in_loop, key, unset), Restore(tape, name, in_loop, key)

    loop_depth = 0
    recorded: set[str] = frozenset()

    def spend(self, names: list[str]) -> set[Slot]:
        """The slots of variables that get a new value: before it, they have no adjoint."""
        spent = {slot for slot in self.set_ if slot.name in names}
        self.set_ -= spent
        self.fresh -= spent
        return spent

    def flows(self, s: Stmt, flows: list[tuple[Expr, Expr]], spent: set[Slot], root: Expr | None = None) -> Block:
        """The statements by which each adjoint reaches what its expression is made of, all as of the same moment."""
        if len(flows) == 1 and not spent & self.slots_in(flows[0][0]):
            return self.flow(s, *flows[0], spent, root)
        held: Block = []
        self.out, self.deferred, self.spent = held, {}, spent
        for e, bar in flows:
            self.propagate(e, bar, root)
        late = self.deferred
        self.deferred = None
        slots = list(late)
        values = []
        for slot in slots:
            values.append(total(late[slot]))
            self.set_.add(slot)
            self.fresh.discard(slot)
        targets = [self.bar(slot) for slot in slots]
        moves = [(t, v) for t, v in zip(targets, values) if not (isinstance(v, Name) and v.id == t.id)]
        if len(moves) == 1:
            held.append(Assign(*moves[0]))
        elif moves:
            held.append(Assign(Tuple(tuple(t for t, _ in moves)), Tuple(tuple(v for _, v in moves))))
        for slot, value in zip(slots, values):
            if is_fresh_value(value):
                self.fresh.add(slot)
        return held

    def slots_in(self, e: Expr) -> set[Slot]:
        names = {n.id for n in walk(e) if isinstance(n, Name) and n.varied}
        return {slot for slot in self.bar_names if slot.name in names}

    def flow(self, s: Stmt, e: Expr, bar: Expr, spent: set[Slot], root: Expr | None = None) -> Block:
        held: Block = []
        self.out, self.deferred, self.spent = held, None, spent
        self.propagate(e, bar, root)
        return held

    # -- slots -------------------------------------------------------------------------------------------------------

    def bar(self, slot: Slot) -> Name:
        """The variable of the reverse sweep that holds the adjoint of `slot`."""
        if slot not in self.bar_names:
            parts = [slot.name, *(str(k) if str(k).isidentifier() or isinstance(k, int) else "item" for k in slot.path)]
            self.bar_names[slot] = self.names.new("_".join(parts) + "_bar")
        return Name(self.bar_names[slot])

    def is_split(self, name: str, kind: Kind) -> bool:
        """Whether the adjoint of a container is held item by item."""
        return isinstance(plain(kind), Items) and name not in self.boxed and isinstance(
            plain(self.kind_of_name.get(name, kind)), Items
        ) or (isinstance(kind, Callee) and isinstance(kind.extra, tuple) and name not in self.boxed)

    def parts(self, kind: Kind) -> list[tuple[Any, Kind]]:
        kind = plain(kind)
        if isinstance(kind, Callee):
            return [(n, v.kind) for n, v in kind.extra if v.varied]
        return [(k, item) for k, item in zip(kind.keys, kind.items) if is_float(item)]

    def leaves(self, slot: Slot, kind: Kind):
        """The slots that the adjoint of `slot` consists of, each with its kind."""
        if self.is_split(slot.name, kind):
            for key, item in self.parts(kind):
                yield from self.leaves(Slot(slot.name, slot.path + (key,)), item)
        else:
            yield slot, kind

    def whole_if_set(self, name: str, kind: Kind) -> Expr | None:
        if any(slot in self.set_ for slot, _ in self.leaves(Slot(name), self.name_kind(name, kind))):
            return self.whole(name, kind)
        return None

    def name_kind(self, name: str, kind: Kind) -> Kind:
        return kind

    def whole(self, name: str, kind: Kind, path: tuple = (), final: bool = False) -> Expr:
        """The adjoint of a variable, put together from its slots; zeros for those that have none."""
        slot = Slot(name, path)
        if self.is_split(name, kind):
            inner = plain(kind)
            wanted = dict(self.parts(kind))
            keys = [n for n, _ in inner.extra] if isinstance(inner, Callee) else inner.keys
            items = tuple(
                self.whole(name, wanted[k], (*path, k), final) if k in wanted else Const(None) for k in keys
            )
            if isinstance(inner, Items) and inner.is_sequence:
                return Tuple(items, kind=kind)
            return Dict(tuple(Const(k) for k in keys), items, kind=kind)
        if slot in self.set_:
            bar = replace(self.bar(slot), kind=kind)
            if final and slot not in self.fresh and not isinstance(plain(kind), Number):
                return Call(symbol(runtime.own), (bar,), kind=kind)
            return bar
        return self.zero(self.primal(slot), kind)

    def primal(self, slot: Slot) -> Expr:
        """The variable, or the item of it, that `slot` is the adjoint of."""
        e: Expr = Name(slot.name)
        kind = plain(self.kind_of_name.get(slot.name, kinds.UNKNOWN))
        for key in slot.path:
            if isinstance(kind, Callee):
                return Call(symbol(runtime.captured), (e, Const(key)))
            record = isinstance(kind, Items) and kind.is_record
            e = Attribute(e, key) if record else Subscript(e, Const(key))
            kind = plain(kind.item(key) or kinds.UNKNOWN) if isinstance(kind, Items) else kinds.UNKNOWN
        return e

    def zero(self, primal: Expr, kind: Kind) -> Expr:
        """The zero adjoint of a value."""
        match plain(kind):
            case Number():
                return Const(0.0)
            case Array(dtype=dtype):
                return Call(symbol(np.zeros_like), (primal,))
        return Call(symbol(runtime.zeros_like), (primal,))

    def ensure(self, slot: Slot, kind: Kind, out: Block) -> Name:
        """The variable of a slot, started with zeros if it has no adjoint yet."""
        if slot not in self.set_:
            out.append(Assign(self.bar(slot), self.zero(self.primal(slot), kind)))
            self.set_.add(slot)
            self.fresh.add(slot)
        return self.bar(slot)

    def add(self, slot: Slot, kind: Kind, value: Expr) -> None:
        """Adds `value` to a slot; the first contribution is assigned."""
        if self.deferred is not None and slot in self.spent:
            self.deferred.setdefault(slot, []).append(value)
            return
        bar = self.bar(slot)
        if slot not in self.set_:
            self.set_.add(slot)
            if not (isinstance(value, Name) and value.id == bar.id):
                self.out.append(Assign(bar, value))
            if is_fresh_value(value):
                self.fresh.add(slot)
            else:
                self.unfresh(value)
            return
        kind = plain(kind)
        if isinstance(kind, (Number, Array)):
            in_place = isinstance(kind, Number) or slot in self.fresh and kind.dtype == np.float64
            if in_place:
                self.out.append(AugAssign(bar, "+", value))
            else:
                self.out.append(Assign(bar, Op("+", (bar, value))))
                self.fresh.add(slot)
        else:
            self.out.append(Assign(bar, Call(symbol(runtime.add), (bar, value))))
            self.fresh.add(slot)

    def unfresh(self, value: Expr) -> None:
        """The arrays that `value` may share are seen by somebody else from here on."""
        shared = {n.id for n in walk(value) if isinstance(n, Name)}
        self.fresh -= {slot for slot in self.fresh if self.bar_names[slot] in shared}

    # -- expressions -------------------------------------------------------------------------------------------------

    def propagate(self, e: Expr, bar: Expr, root: Expr | None = None) -> None:
        """Sends the adjoint `bar` of the value of `e` to the variables that `e` is made of."""
        if not e.varied:
            return
        kind = plain(e.kind)
        match e:
            case Name(id=name) if name not in self.nested:
                return self.to_slot(Slot(name), e.kind, bar)
            case Call(fn=Ref(obj=runtime.captured), args=(Name(id=name), Const(value=key))):
                return self.to_slot(Slot(name, (key,)), e.kind, bar)
            case Tuple(elts=elts) | List(elts=elts):
                if any(x.varied for x in elts):
                    bar = self.atomic(bar, "items_bar")
                for i, x in enumerate(elts):
                    if x.varied:
                        self.propagate(x, item(bar, i))
                return None
            case Dict(keys=keys, values=values):
                bar = self.atomic(bar, "items_bar")
                for k, x in zip(keys, values):
                    if x.varied:
                        self.propagate(x, item(bar, k.value))
                return None
            case Call(fn=Ref(obj=cls), args=args) if isinstance(kind, Items) and cls is kind.cls:
                bar = self.atomic(bar, "fields_bar")
                for k, x in zip(kind.keys, args):
                    if x.varied:
                        self.propagate(x, item(bar, k))
                return None
            case Subscript() | Attribute():
                located = self.locate(e)
                if located is not None:
                    return located(bar)
        if isinstance(e.kind, Callee):
            for key, value in e.kind.extra:
                if value.varied:
                    self.to_slot(Slot(key), value.kind, item(bar, key))
            return None
        if isinstance(kind, (Items, Listing)) and self.container(e, bar):
            return None
        return self.apply(e, bar, root)

    def to_slot(self, slot: Slot, kind: Kind, bar: Expr) -> None:
        """Adds an adjoint to a variable, item by item where its adjoint is held so."""
        if isinstance(kind, Callee) and kind.extra == "local":
            return
        if not self.is_split(slot.name, kind):
            self.add(slot, kind, bar)
            return
        parts = self.parts(kind)
        if len(parts) > 1:
            bar = self.atomic(bar, f"{slot.name}_bar")
        for key, inner in parts:
            self.to_slot(Slot(slot.name, slot.path + (key,)), inner, item(bar, key))

    def locate(self, e: Expr):
        """How an adjoint gets to an item or a field of a variable in place; None if `e` is no such thing."""
        path: list = []
        inner = e
        while isinstance(inner, (Subscript, Attribute)):
            container = plain(inner.value.kind)
            if isinstance(inner, Attribute):
                if not isinstance(container, Items):
                    return None
                fields = getattr(container.cls, "_fields", None)
                path.append((fields.index(inner.attr) if fields else inner.attr, container))
            else:
                path.append((inner.index, container))
            inner = inner.value
        if not isinstance(inner, Name):
            return None
        path.reverse()
        slot, kind = Slot(inner.id), inner.kind
        position = 0
        for key, container in path:
            if not (isinstance(container, Items) and self.is_split(inner.id, kind)):
                break
            static = _static_key(container, key) if isinstance(key, Expr) else (key,)
            if static is None and isinstance(key, Slice) and position == len(path) - 1:
                return self.into_items(slot, container, key)
            if static is None:
                break
            slot = Slot(inner.id, slot.path + static)
            kind = container.item(static[0])
            position += 1
        rest = path[position:]
        if not rest:
            return lambda bar: self.to_slot(slot, e.kind, bar)
        if any(isinstance(c, Array) for _, c in rest[:-1]):
            return None
        key, container = rest[-1]
        if self.is_split(inner.id, kind):
            return None
        if isinstance(container, Array) and isinstance(key, Expr):
            return lambda bar: self.scatter(slot, kind, rest, e, bar)
        if isinstance(container, (Items, Listing)):
            return lambda bar: self.into_container(slot, kind, rest, e, bar)
        return None

    def into_items(self, slot: Slot, container: Items, key: Slice):
        """How the adjoint of `t[1:]` gets to the items of t; None where the slice is computed."""
        try:
            chosen = range(len(container.keys))[python_value(key)]
        except ValueError:
            return None

        def send(bar: Expr) -> None:
            bar = self.atomic(bar, "items_bar")
            for position, k in enumerate(chosen):
                if is_float(container.items[k]):
                    self.to_slot(Slot(slot.name, (*slot.path, k)), container.items[k], item(bar, position))

        return send

    def shadow(self, slot: Slot, kind: Kind, rest) -> Expr:
        """The place in a shadow container that corresponds to a place in a container."""
        place: Expr = self.ensure(slot, kind, self.out)
        for key, container in rest:
            place = Subscript(place, self.index(key) if isinstance(key, Expr) else Const(key))
        return place

    def index(self, e: Expr) -> Expr:
        """An index as the reverse sweep can compute it."""
        return self.resolve(self.operand(e))

    def index_value(self, e: Expr) -> Expr:
        """An index as an argument: with slices, `np.s_[1:, None]`."""
        index = self.index(e)
        if any(isinstance(n, Slice) for n in walk(index)):
            return Subscript(Ref(np.s_, "np.s_"), index)
        return index

    def scatter(self, slot: Slot, kind: Kind, rest, e: Expr, bar: Expr) -> None:
        """Adds to the items of an array that an index reads: `x_bar[i] += …`."""
        key = rest[-1][0]
        simple = is_basic_index(key)
        if self.deferred is not None and slot in self.spent:
            general = Call(symbol(runtime.scatter), (bar, self.index_value(key), shape_of(self.value(e.value))))
            return self.add(slot, kind, general)
        if slot not in self.set_ and len(rest) == 1 and self.loop_depth == 0:
            self.add(slot, kind, Call(symbol(runtime.scatter), (bar, self.index_value(key), shape_of(self.value(e.value)))))
            return None
        if slot in self.set_ and slot not in self.fresh:
            self.out.append(Assign(self.bar(slot), Call(symbol(runtime.own), (self.bar(slot),))))
            self.fresh.add(slot)
        place = self.shadow(slot, kind, rest)
        if simple:
            self.out.append(AugAssign(place, "+", bar))
        else:
            self.out.append(ExprStmt(Call(symbol(runtime.add_at), (place.value, self.index_value(key), bar))))
        return None

    def into_container(self, slot: Slot, kind: Kind, rest, e: Expr, bar: Expr) -> None:
        """Adds to an item of a shadow container."""
        if self.deferred is not None and slot in self.spent:
            raise MissingRule(e.at, "a container that is replaced by a part of itself has no derivative here")
        if slot in self.set_ and slot not in self.fresh:
            self.out.append(Assign(self.bar(slot), Call(symbol(runtime.own), (self.bar(slot),))))
            self.fresh.add(slot)
        place = self.shadow(slot, kind, rest)
        if isinstance(place.index, Slice):
            self.out.append(ExprStmt(Call(symbol(runtime.add_items), (place.value, slice_of(place.index), bar))))
        elif isinstance(plain(e.kind), Number):
            self.out.append(AugAssign(place, "+", bar))
        else:
            self.out.append(Assign(place, Call(symbol(runtime.add), (place, bar))))

    def container(self, e: Expr, bar: Expr) -> bool:
        """The adjoints of what makes a container of others: `xs + ys`, `[v] * n`, `xs.copy()`, `xs[1:]`."""
        match e:
            case Op(op="+", args=(a, b)):
                bar = self.atomic(bar, "items_bar")
                length = Call(symbol(len), (self.value(a),))
                self.propagate(a, Subscript(bar, Slice(None, length, None)))
                self.propagate(b, Subscript(bar, Slice(length, None, None)))
                return True
            case Op(op="*", args=(a, b)):
                sequence = a if a.varied else b
                count = Call(symbol(len), (self.value(sequence),))
                self.propagate(sequence, Call(symbol(runtime.fold_items), (bar, count)))
                return True
            case Call(fn=Attribute(value=value, attr="copy"), args=()):
                self.propagate(value, Call(symbol(runtime.own), (bar,)))
                return True
        return False

    def atomic(self, bar: Expr, base: str) -> Expr:
        """`bar`, in a variable if it is more than a name."""
        if isinstance(bar, (Name, Const)) or isinstance(bar, (Tuple, Dict, List)):
            return bar
        name = Name(self.names.new(base), kind=bar.kind)
        self.out.append(Assign(name, bar))
        return name

    def held(self, bar: Expr, base: str) -> Expr:
        """`bar` in a variable; of one number spread to a shape, the number."""
        uniform = as_uniform(bar)
        if uniform is None:
            return self.atomic(bar, base)
        number, shape = uniform
        return replace(bar, args=(number if node_count(number) < 7 else self.atomic(number, base), shape))

    def apply(self, e: Expr, bar: Expr, root: Expr | None) -> None:
        """Runs the rule of an operation with symbols and sends what it gives to the operands."""
        try:
            applied = operation(e)
        except (Refused, registry.Refused) as refused:
            raise self.missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
        if applied is None:
            raise self.missing(e, f"{describe(e)} has no derivative rule")
        if kinds.is_complex(e.kind):
            raise self.missing(e, "complex numbers are not differentiated yet")
        flows = [(k, i, x) for k, i, x in applied.data if is_operand(x) and x.varied]
        if len(flows) > 1 or node_count(bar) > 6:
            bar = self.held(bar, f"{self.base_name(e, root)}_bar")
        y = root if root is not None else self.operand(e, always=True)
        for k, i, x in flows:
            try:
                contribution = self.resolve(lift(self.contribution(e, applied, k, i, x, y, bar)))
            except registry.Refused as refused:
                raise self.missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
            whole = i is None and applied.rule.data[k] not in applied.rule.sequence
            if whole and isinstance(plain(x.kind), (Items, Listing)):
                contribution = Call(symbol(list), (contribution,))
            if isinstance(plain(e.kind), Number):
                contribution = as_spread(contribution)
            self.propagate(x, contribution)

    def missing(self, e: Expr, message: str) -> MissingRule:
        because = "The rule is needed because its argument depends on what is differentiated, and the result on it."
        return MissingRule(e.at, message, because=because, hint="Mark the value as constant with srcad.stop_gradient.")

    def base_name(self, e: Expr, root: Expr | None) -> str:
        if id(e) in self.hoisted:
            return self.hoisted[id(e)].id
        if root is not None:
            return root.id
        fn = function_of(e)[0]
        return OP_NAMES.get(fn, fn) if isinstance(fn, str) else getattr(fn, "__name__", "value")

    def contribution(self, e: Expr, applied: Operation, k: int, item, x: Expr, y: Expr, bar: Expr) -> Expr:
        """The adjoint of operand `x` of the operation `e`: data argument `k`, item `item` of it if it is a sequence."""
        rule = applied.rule
        name = rule.data[k]
        if isinstance(x.kind, Unknown) and rule.partials is None or isinstance(e.kind, Unknown) and rule.partials is None:
            return self.at_run_time(e, applied, k, item, y, bar)
        if name in rule.sequence and item is None and not isinstance(plain(x.kind), Array):
            numbers = isinstance(plain(x.kind), Listing) and isinstance(plain(x.kind).item, Number)
            if rule.listed is not None and numbers and len(applied.arguments) == 1:
                return rule.listed(bar, y, self.operand(x))
            return self.at_run_time(e, applied, k, item, y, bar)
        arguments = {name: self.argument(value) for name, value in applied.arguments.items()}
        try:
            if rule.partials is not None:
                return self.elementwise(e, applied, arguments, k, x, y, bar)
            args, kwargs = _positional_and_keyword(rule, arguments)
            if name not in rule.sequence:
                return rule.vjps[k](bar, y, *args, **kwargs)
            if item is not None:
                return rule.vjps[k](item, bar, y, *args, **kwargs)
            if rule.whole is not None and k == 0:
                return rule.whole(bar, y, *args, **kwargs)
        except Undecided:
            pass
        return self.at_run_time(e, applied, k, item, y, bar)

    def argument(self, value):
        """An argument as a rule gets it: a Python value if it is written out, else a placeholder of its expression."""
        if isinstance(value, tuple):
            return tuple(self.argument(v) for v in value)
        if not value.varied:
            try:
                return python_value(value)
            except ValueError:
                pass
        return self.operand(value)

    def elementwise(self, e: Expr, applied: Operation, arguments, k: int, x: Expr, y: Expr, bar: Expr) -> Expr:
        """`bar` times the partial derivative, summed over the axes along which the operand was broadcast."""
        rule = applied.rule
        partial = rule.partials[k]
        if partial is None:
            return self.zero(self.operand(x), x.kind)
        data = rule.operands(arguments)
        local = partial(y, *(Const(d) if type(d) in (int, float) else d for d in data))
        where = arguments.get("where", True)
        uniform = as_uniform(bar)
        if uniform is not None and where is True:
            scalar, shape = uniform
            if self.is_full(local, e.kind):
                bar, uniform = scalar, None
            else:
                inner = product(scalar, local)
                if is_unbroadcast(x.kind, e.kind, applied):
                    return Spread(symbol(np.broadcast_to), (inner, shape))
        contribution = product(bar, local)
        if where is not True:
            contribution = registry.masked(contribution, where)
        return self.fitted(contribution, x, e, applied)

    def is_full(self, local, kind: Kind) -> bool:
        """Whether a partial derivative has, by itself, the shape of the result."""
        if not isinstance(local, Expr) or not isinstance(kind, Array) or kind.dims is None:
            return False
        for node in values_in(local):
            found = plain(node.kind) if node.kind is not None else None
            if isinstance(found, Array) and found.dims is not None and len(found.dims) == len(kind.dims):
                if all(a == b == kinds.ONE or kinds.same_extent(a, b) or (a is not None and a.many)
                       for a, b in zip(found.dims, kind.dims)):
                    return True
        return False

    def fitted(self, contribution: Expr, x: Expr, e: Expr, applied: Operation) -> Expr:
        """A contribution of the shape of the result, summed to that of the operand `x`."""
        if is_unbroadcast(x.kind, e.kind, applied):
            return contribution
        kind, result = plain(x.kind), plain(e.kind)
        if isinstance(kind, Number) and isinstance(result, Array):
            return summed(contribution)
        if isinstance(kind, Array) and isinstance(result, Array) and None not in (kind.dims, result.dims):
            extra = len(result.dims) - len(kind.dims)
            tail = result.dims[extra:]
            spread_ = [d == kinds.ONE and r != kinds.ONE for d, r in zip(kind.dims, tail)]
            certain = all(
                d == r == kinds.ONE or kinds.same_extent(d, r) or (d is not None and d.many) or (
                    d == kinds.ONE and r is not None and r.many)
                for d, r in zip(kind.dims, tail)
            )
            if certain and not any(spread_):
                axes = tuple(range(extra))
                axis = Const(axes[0]) if len(axes) == 1 else Tuple(tuple(Const(a) for a in axes))
                return summed(contribution, (("axis", axis),))
            if certain and extra == 0:
                axes = tuple(i for i, s in enumerate(spread_) if s)
                axis = Const(axes[0]) if len(axes) == 1 else Tuple(tuple(Const(a) for a in axes))
                return summed(contribution, (("axis", axis), ("keepdims", Const(True))))
        return Call(symbol(runtime.unbroadcast), (contribution, shape_of(self.operand(x))))

    def at_run_time(self, e: Expr, applied: Operation, k: int, item, y: Expr, bar: Expr) -> Expr:
        """The rule, called when the program runs: for operands of which too little is known now."""
        fn, args, kwargs = function_of(e)
        name: Expr = Const(fn) if isinstance(fn, str) else reference(fn)
        operands = tuple(self.whole_operand(a) for a in args)
        if fn == "getitem" and any(isinstance(n, Slice) for n in walk(operands[1])):
            operands = (operands[0], Subscript(Ref(np.s_, "np.s_"), operands[1]))
        keywords = tuple((n, self.whole_operand(v)) for n, v in kwargs)
        called: Expr = Call(symbol(registry.apply_vjp), (name, Const(k), bar, y, *operands), keywords)
        for key in () if item is None else item if isinstance(item, tuple) else (item,):
            called = Subscript(called, Const(key))
        return called

    def whole_operand(self, e: Expr) -> Expr:
        match e:
            case Tuple(elts=elts):
                return replace(e, elts=tuple(self.whole_operand(x) for x in elts))
            case List(elts=elts):
                return replace(e, elts=tuple(self.whole_operand(x) for x in elts))
            case Starred(value=value):
                return replace(e, value=self.whole_operand(value))
            case Slice(lower=lower, upper=upper, step=step):
                parts = (None if p is None else self.whole_operand(p) for p in (lower, upper, step))
                return Slice(*parts)
            case Const() | Ref():
                return e
        return self.operand(e)

    # -- values of the primal ----------------------------------------------------------------------------------------

    def operand(self, e: Expr, always: bool = False) -> Expr:
        """A stand-in for the value of `e`: `resolve` finds out whether the rule reads it, and how to have it."""
        if isinstance(e, (Const, Ref, Global)) or isinstance(e, Name) and e.id not in self.mutated:
            return e
        if isinstance(e, Slice):
            parts = [None if p is None else self.operand(p) for p in (e.lower, e.upper, e.step)]
            return Slice(*parts, kind=e.kind)
        if isinstance(e, (Tuple, List)) and not isinstance(e.kind, Listing):
            return replace(e, elts=tuple(self.operand(x) for x in e.elts))
        key = f"?{id(e)}"
        self.placeholders[key] = e
        return Name(key, kind=e.kind, varied=e.varied)

    def value(self, e: Expr) -> Expr:
        """The value of `e`, as the reverse sweep has it."""
        return self.resolve(self.operand(e))

    def resolve(self, e: Expr) -> Expr:
        """`e` with each placeholder replaced: by a cheap recomputation, or by a variable that the forward sweep sets."""
        if isinstance(e, Attribute) and e.attr in ("shape", "size") and isinstance(e.value, Name):
            if e.value.id.startswith("?"):
                same = self.of_same_shape(self.placeholders[e.value.id])
                if same is not None:
                    return replace(e, value=same)
        if isinstance(e, Name):
            if not e.id.startswith("?"):
                return e
            source = self.placeholders[e.id]
            if id(source) in self.hoisted:
                return self.hoisted[id(source)]
            if self.is_cheap(source):
                return self.stripped(source)
            return self.hoist(source)
        return map_children(e, self.resolve)

    def of_same_shape(self, e: Expr) -> Name | None:
        """A variable that is read in `e` and known to have the shape of its value."""
        if id(e) in self.hoisted or not isinstance(e.kind, Array) or e.kind.dims is None:
            return None
        for n in walk(e):
            kind = n.kind if isinstance(n, Name) else None
            if isinstance(kind, Array) and kind.dims is not None and n.id not in self.mutated and (
                len(kind.dims) == len(e.kind.dims)
            ) and all(a == b == kinds.ONE or kinds.same_extent(a, b) for a, b in zip(kind.dims, e.kind.dims)):
                return n
        return None

    def stripped(self, e: Expr) -> Expr:
        return map_children(e, self.stripped)

    def is_cheap(self, e: Expr, depth: int = 0) -> bool:
        """Whether recomputing `e` is cheaper than keeping its value: scalar arithmetic, items of containers, views."""
        match e:
            case Const() | Ref():
                return True
            case Name(id=name):
                return name not in self.mutated
            case Op(op=op, args=args):
                small = depth < 2 and all(isinstance(plain(a.kind), Number) for a in args)
                return small and op in ("+", "-", "*", "neg", "/") and all(self.is_cheap(a, depth + 1) for a in args)
            case Subscript(value=value, index=index):
                return self.is_cheap(value, depth) and self.is_cheap_index(index) and not isinstance(
                    plain(value.kind), Unknown
                )
            case Attribute(value=value, attr=attr):
                known = isinstance(plain(value.kind), (Items, Array))
                return known and self.is_cheap(value, depth)
            case Call(fn=Ref(obj=runtime.captured)):
                return True
        return False

    def is_cheap_index(self, index: Expr) -> bool:
        match index:
            case Slice(lower=lower, upper=upper, step=step):
                return all(p is None or self.is_cheap(p, 1) for p in (lower, upper, step))
            case Tuple(elts=elts):
                return all(self.is_cheap_index(i) for i in elts)
        return self.is_cheap(index) and isinstance(plain(index.kind), (Number, kinds.Literal, kinds.Nothing))

    def hoist(self, e: Expr) -> Name:
        """A variable of the forward sweep for the value of a part of an expression."""
        fn = function_of(e)
        base = "value"
        if fn is not None:
            base = OP_NAMES.get(fn[0], "value") if isinstance(fn[0], str) else getattr(fn[0], "__name__", "value")
        elif isinstance(e, Name):
            base = e.id
        elif isinstance(e, Attribute):
            base = e.attr
        name = Name(self.names.new(base), kind=e.kind, varied=e.varied)
        self.hoisted[id(e)] = name
        return name

    def finish(self, s: Stmt, e: Expr) -> tuple[Block, Expr]:
        """The forward statement's expression, with what was hoisted from it in statements before it."""
        before: Block = []

        def rebuild(node: Node) -> Node:
            new = map_children(node, rebuild)
            name = self.hoisted.get(id(node))
            if name is None:
                return new
            copied = new
            if isinstance(node, Name):  # changed in place later on: the way back needs it as it is now
                copied = Call(symbol(runtime.own), (new,))
            elif _root(node) in self.mutated and not isinstance(plain(node.kind), Number):
                copied = Call(symbol(runtime.own), (new,))
            before.append(Assign(name, copied, at=s.at))
            return name

        value = rebuild(e)
        return before, value

    # -- writes into arrays and lists --------------------------------------------------------------------------------

    def store(self, s: Assign | AugAssign) -> tuple[Block, Block]:
        """`a[i] = v` and `a[i] += v`: the shadow has the same place; what was there comes back first."""
        name = root(s.target)
        before: Block = []
        place = self.place(s.target, before)
        save, restore = self.place_provision(name, place)
        if not s.target.varied:
            return [*before, save, replace(s, target=place)], [restore]
        slot, kind = Slot(name), self.kind_of_name[name]
        if slot not in self.set_:
            ahead, value = self.finish(s, s.value)
            return [*before, save, *ahead, replace(s, target=place, value=value)], [restore]
        held: Block = [restore]
        if slot not in self.fresh:
            held.append(Assign(self.bar(slot), Call(symbol(runtime.own), (self.bar(slot),))))
            self.fresh.add(slot)
        shadow = self.substitute_root(place, self.bar(slot))
        scalar = isinstance(plain(s.target.kind), Number)
        self.out, self.deferred, self.spent = held, None, set()
        value, at = s.value, Op(s.op, (s.target, s.value), kind=s.target.kind, varied=True) if isinstance(s, AugAssign) else None
        bar: Expr = replace(shadow, kind=s.target.kind)
        if isinstance(s, Assign):
            if value.varied:
                copied = bar if scalar else Call(Attribute(bar, "copy"), ())
                bar = Name(self.names.new(f"{name}_item_bar"), kind=s.target.kind)
                held.append(Assign(bar, copied))
            held.append(Assign(shadow, Const(0.0)))
        if value.varied:
            contribution = bar if at is None or s.op == "+" else negated(bar)
            self.propagate(value, self.fitted_to(contribution, value, s.target))
        ahead, value = self.finish(s, value)
        return [*before, save, *ahead, replace(s, target=place, value=value)], self.commented(s, held)

    def fitted_to(self, contribution: Expr, value: Expr, target: Expr) -> Expr:
        """An adjoint of the shape of a place, summed to the shape of a value that was broadcast into it."""
        x, y = plain(value.kind), plain(target.kind)
        if isinstance(y, Number) or same_shape(x, y):
            return contribution
        if isinstance(x, Number):
            return Call(symbol(np.sum), (contribution,))
        return Call(symbol(runtime.unbroadcast), (contribution, shape_of(self.value(value))))

    def place(self, target: Subscript, before: Block) -> Expr:
        """A place that both sweeps can name: computed indices are held in variables."""
        value = target.value if isinstance(target.value, Name) else self.place(target.value, before)
        index = target.index
        if not self.is_cheap_index(index):
            name = Name(self.names.new("index"), kind=index.kind)
            before.append(Assign(name, index))
            index = name
        return replace(target, value=value, index=index)

    def place_provision(self, name: str, place: Expr) -> tuple[Save, Restore]:
        in_loop, key = self.loop_depth > 0, object()
        base = f"{name}_tape" if in_loop else f"{name}_old"
        tape = self.tape_of.get(name) or self.tape_of.setdefault(name, self.names.new(base)) if in_loop else self.names.new(base)
        return Save(tape, name, in_loop, key, place=place), Restore(tape, name, in_loop, key, place=self.stripped(place))

    def substitute_root(self, place: Expr, bar: Name) -> Expr:
        if isinstance(place, Name):
            return bar
        return replace(self.stripped(place), value=self.substitute_root(place.value, bar))

    # -- calls -------------------------------------------------------------------------------------------------------

    def invocation(self, s: Assign, names: list[str]) -> tuple[Block, Block]:
        """A call of a function that is differentiated through."""
        invoked: Invoke = s.value
        kind = invoked.kind
        if isinstance(s.target, Tuple):
            bars = [self.whole_if_set(t.id, t.kind) for t in s.target.elts]
            if any(b is not None for b in bars):
                parts = [
                    self.whole(t.id, t.kind) if t.varied else Const(None) for t in s.target.elts
                ]
                bar = Tuple(tuple(parts))
            else:
                bar = None
        else:
            bar = self.whole_if_set(s.target.id, kind)
        callee: Special = invoked.callee
        flows = [(x, p) for x, p, v in zip(invoked.args, callee.params, callee.values) if v.varied]
        spent = self.spend(names)
        if bar is None or not flows:
            if invoked.varied or not callee.is_nested:
                return [replace(s, value=invoked.call)], []
            self.program.needed.add(id(callee))
            called = Call(Ref(callee, f"{callee.name}_forward"), tuple(self.stripped(a) for a in invoked.args))
            return [replace(s, value=Subscript(called, Const(0)))], []
        self.program.needed.add(id(callee))
        saved = Name(self.names.new(f"{callee.name}_saved"))
        held: Block = []
        self.out, self.deferred, self.spent = held, ({} if spent else None), spent
        targets, late = [], []
        for x, p in flows:
            direct = isinstance(x, Name) and not self.is_split(x.id, x.kind) and Slot(x.id) not in self.set_ and (
                Slot(x.id) not in spent and all(Slot(x.id) != t for t in late)
            ) and not any(isinstance(t, Name) and t.id == self.bar_names.get(Slot(x.id)) for t in targets)
            if direct:
                targets.append(self.bar(Slot(x.id)))
                self.set_.add(Slot(x.id))
            else:
                name = Name(self.names.new(f"{p}_bar"))
                targets.append(name)
                late.append((x, name))
        adjoint_call = Call(Ref(callee, f"{callee.name}_adjoint"), (saved, bar))
        target = targets[0] if len(targets) == 1 else Tuple(tuple(targets))
        held.append(Assign(target, adjoint_call))
        for x, name in late:
            self.propagate(x, replace(name, kind=x.kind))
        for slot, values in (self.deferred or {}).items():
            held.append(Assign(self.bar(slot), total(values)))
            self.set_.add(slot)
        self.deferred = None
        before: Block = []
        args = []
        for x in invoked.args:
            ahead, value = self.finish(s, x)
            before += ahead
            args.append(value)
        forward_call = Call(Ref(callee, f"{callee.name}_forward"), tuple(args), at=s.at)
        return [*before, replace(s, target=Tuple((s.target, saved)), value=forward_call)], held

    # -- lists that grow ---------------------------------------------------------------------------------------------

    def append(self, s: ExprStmt) -> tuple[Block, Block]:
        """`xs.append(v)`: on the way back, the last item of the shadow list is the adjoint of v."""
        owner: Name = s.value.fn.value
        (value,) = s.value.args
        held: Block = []
        slot = Slot(owner.id)
        bar = self.ensure(slot, owner.kind, held)
        popped = Call(Attribute(bar, "pop"), ())
        if value.varied:
            if not isinstance(value, Name) or self.is_split(value.id, value.kind) or Slot(value.id) in self.set_:
                name = Name(self.names.new(f"{owner.id}_item_bar"), kind=value.kind)
                held.append(Assign(name, popped))
                popped = name
            self.out, self.deferred, self.spent = held, None, set()
            self.propagate(value, popped)
        else:
            held.append(ExprStmt(popped))
        before, value = self.finish(s, value)
        return [*before, replace(s, value=replace(s.value, args=(value,)))], self.commented(s, held)

    def pop(self, s: Assign, names: list[str]) -> tuple[Block, Block]:
        """`v = xs.pop()`: on the way back, the adjoint of v is appended to the shadow list."""
        owner: Name = s.value.fn.value
        held: Block = []
        bar = self.whole(s.target.id, s.value.kind)
        self.spend(names)
        shadow = self.ensure(Slot(owner.id), owner.kind, held)
        held.append(ExprStmt(Call(Attribute(shadow, "append"), (bar,))))
        return [s], held

    # -- branches and loops --------------------------------------------------------------------------------------------

    def branch(self, s: If) -> tuple[Block, Block]:
        test, before = self.condition(s.test, assigned_names(s.body) | assigned_names(s.orelse))
        state = set(self.set_), set(self.fresh)
        then_forward, then_back = self.arm(s.body)
        after = self.set_, self.fresh
        self.set_, self.fresh = state
        else_forward, else_back = self.arm(s.orelse)
        if ends_raising(s.body):
            then_back = []
        elif ends_raising(s.orelse):
            else_back, self.set_, self.fresh = [], *after
        else:
            here = set(self.set_)
            self.fill(after[0] - here, else_back)
            kept = self.set_, self.fresh
            self.set_, self.fresh = set(after[0]), set(after[1])
            self.fill(here - after[0], then_back)
            self.set_ = self.set_ | kept[0]
            self.fresh = self.fresh & kept[1]
        forward = replace(s, test=test, body=tuple(then_forward) or (Pass(),), orelse=tuple(else_forward))
        if not then_back and not else_back:
            return [*before, replace(forward, test=s.test)] if not before else [*before, forward], []
        if then_back:
            back = If(self.stripped(test), tuple(then_back), tuple(else_back), at=s.at)
        else:
            back = If(Op("not", (self.stripped(test),)), tuple(else_back), at=s.at)
        return [*before, forward], self.commented(s, [back])

    def arm(self, body) -> tuple[Block, Block]:
        """One arm of a branch; in a loop, what the way back through it needs is kept in it."""
        forward, back = self.block(body)
        if not self.loop_depth:
            return forward, back
        made = assigned_names(forward) - assigned_names(body) - self.recorded
        self.recorded = self.recorded | made
        records, restores = self.records(forward, made)
        return forward + records, restores + back

    def fill(self, slots: set[Slot], out: Block) -> None:
        """Starts slots with zeros, in the branch that has no adjoint for them."""
        for slot in sorted(slots, key=lambda s: (s.name, str(s.path))):
            self.ensure(slot, self.slot_kind(slot), out)

    def slot_kind(self, slot: Slot) -> Kind:
        kind = plain(self.kind_of_name.get(slot.name, kinds.UNKNOWN))
        for key in slot.path:
            if isinstance(kind, Callee):
                kind = dict(kind.extra)[key].kind
            else:
                kind = kind.item(key)
            kind = plain(kind)
        return kind

    def condition(self, test: Expr, overwritten: set[str]) -> tuple[Expr, Block]:
        """The condition of a branch, for both sweeps: as it is if the way back can ask it again, else in a variable."""
        match test:
            case Name(id=name) | Op(op="not", args=(Name(id=name),)) if name not in overwritten | self.mutated:
                return test, []
        if self.is_repeatable(test):
            return test, []
        name = Name(self.names.new("branch"))
        return name, [Assign(name, Call(symbol(bool), (test,)) if not isinstance(test, (Compare, Op)) else test)]

    def is_repeatable(self, e: Expr) -> bool:
        """Whether evaluating `e` on the way back gives what it gave, at little cost."""
        match e:
            case Const() | Ref():
                return True
            case Name(id=name):
                return name in self.stable or name in self.indices
            case Compare(args=args) | Logical(args=args) | Op(args=args):
                return len(args) < 4 and all(self.is_repeatable(a) for a in args)
            case Attribute(value=value, attr=attr):
                return attr in ("ndim", "size", "shape") and self.is_repeatable(value)
            case Subscript(value=Attribute(attr="shape") as value, index=Const()):
                return self.is_repeatable(value)
            case Call(fn=Ref(obj=builtins.len), args=(Name(id=name),)):
                return name in self.stable
        return False

    @property
    def indices(self) -> set[str]:
        return self._indices

    _indices: set[str] = frozenset()

    def loop(self, s: For | While) -> tuple[Block, Block]:
        """A loop: the way back runs through its passes from the last to the first."""
        inside = assigned_names(s.body) | (target_names(s.target) if isinstance(s, For) else set())
        appended = {
            n.value.fn.value.id for n in walk_all(s.body)
            if isinstance(n, (ExprStmt, Assign)) and isinstance(n.value, Call) and isinstance(n.value.fn, Attribute)
            and n.value.fn.attr in ("append", "pop") and isinstance(n.value.fn.value, Name) and n.value.varied
        }
        stored = {
            root(n.target) for n in walk_all(s.body)
            if isinstance(n, (Assign, AugAssign)) and isinstance(n.target, Subscript)
        }
        relevant = any(slot.name in inside | stored for slot in self.set_) or appended
        if not relevant or not ((inside | stored) & self.varied_names or appended):
            self.spend([n for n in inside])
            restore, save = self.loop_provisions(s, inside)
            return [*save, s], restore
        local = self.local[id(s)]
        counters = target_names(s.target) if isinstance(s, For) and is_range(s.iter) else set()
        counters -= {n for n in assigned_names(s.body)}
        outer = self._indices
        self._indices = frozenset(outer | {c for c in counters if c not in self.mutated})
        restore, save = self.loop_provisions(s, inside)
        self.loop_depth += 1
        entry_set, entry_fresh = set(self.set_), set(self.fresh)
        live_after = {slot for slot in self.set_ if slot.name in local}
        carried = set(self.set_)
        assumed = set(self.fresh) | set()
        memory, taken, recorded = dict(self.hoisted), set(self.names.taken), self.recorded
        for _ in range(12):
            self.hoisted, self.recorded = dict(memory), recorded
            self.names.taken = taken | set(self.bar_names.values()) | set(self.tape_of.values())
            self.set_, self.fresh = set(carried), set(assumed)
            forward, back = self.block(s.body)
            found = {slot for slot in self.set_ if slot.name not in local or slot in live_after}
            missing = carried - self.set_
            self.fill(missing, back)
            stale = {slot for slot in assumed if slot not in self.fresh and slot in carried}
            if found <= carried and not stale:
                break
            carried |= found
            assumed = (assumed | {slot for slot in found if slot not in entry_set}) - stale
        self.loop_depth -= 1
        self._indices = outer
        self.set_, self.fresh = entry_set, entry_fresh
        start: Block = []
        for slot in sorted(carried - entry_set, key=lambda x: (x.name, str(x.path))):
            self.ensure(slot, self.slot_kind(slot), start)
        self.fresh &= assumed | (carried - entry_set)
        self.fresh -= {slot for slot in carried if slot not in assumed and slot in entry_set}
        self.fresh = {slot for slot in self.fresh if slot in assumed or slot not in carried}
        self.set_ |= carried
        self.set_ -= {slot for slot in self.set_ if slot.name in local and False}
        self.loop_depth += 1
        made = assigned_names(forward) - inside - self.recorded
        self.recorded = self.recorded | made
        records, restores = self.records(forward, (local | made) - counters)
        self.loop_depth -= 1
        body, last = split_break(forward)
        trips_ahead, setup, header = self.way_back(s, last is not None)
        new = replace(s, body=(*trips_ahead, *body, *records, *last_or_nothing(last)))
        if isinstance(s, For):
            new = replace(new, iter=header[0])
        loop_back = For(header[1], header[2], tuple([*restores, *back]), at=s.at)
        return [*save, *setup, new], self.commented(s, [*start, loop_back]) + restore

    def loop_provisions(self, s, inside: set[str]) -> tuple[Block, Block]:
        """`Restore` and `Save` around a loop, of variables that it sets anew at the start of each pass."""
        local = self.local.get(id(s), set())
        return self.provisions(s, sorted(inside & local & self.prior.get(id(s), frozenset())))

    def records(self, body: Block, local: set[str]) -> tuple[Block, Block]:
        """At the end of each pass, the variables that it has set: the way back starts the pass with them."""
        end = definitely_set(body, set())
        saves, restores = [], []
        for name in sorted(local):
            a, b = self.provision(name, None, unset=name not in end)
            saves.append(a)
            restores.insert(0, b)
        return saves, restores

    def way_back(self, s: For | While, breaks: bool):
        """The pieces that make a loop run backwards: a count of the passes where their number is not known before."""
        setup: Block = []
        ahead: Block = []
        trips = None
        if breaks or isinstance(s, While):
            trips = Name(self.names.new("trips"))
            setup.append(Assign(trips, Const(0)))
            ahead.append(AugAssign(trips, "+", Const(1)))
        if isinstance(s, While):
            return ahead, setup, (None, Name(self.names.new("_")), Call(symbol(range), (trips,)))
        iterable = s.iter
        overwritten = assigned_names(s.body)
        safe = all(
            not (isinstance(n, Name) and (n.id in overwritten or n.id in self.mutated)) for n in walk(iterable)
        )
        if is_range(iterable):
            args = []
            for a in iterable.args:
                if not (isinstance(a, Const) or self.is_repeatable(a) or safe and isinstance(a, Name)):
                    name = Name(self.names.new("n"))
                    setup.append(Assign(name, a))
                    a = name
                args.append(a)
            iterable = replace(iterable, args=tuple(args))
        elif trips is None and safe and is_reversed_range(iterable):
            return ahead, setup, (iterable, s.target, self.stripped(iterable.args[0]))
        elif not (isinstance(iterable, Name) and safe and is_sequence_kind(iterable.kind)):
            name = Name(self.names.new("passes"))
            setup.append(Assign(name, Call(symbol(list), (iterable,))))
            iterable = name
        elif getattr(plain(iterable.kind), "cls", None) is dict:
            name = Name(self.names.new("keys"))
            setup.append(Assign(name, Call(symbol(list), (iterable,))))
            iterable = name
        order = iterable if trips is None else Subscript(iterable, Slice(None, trips, None))
        back = Call(symbol(reversed), (self.stripped(order),))
        return ahead, setup, (iterable, s.target, back)

    # -- with and try --------------------------------------------------------------------------------------------------

    def with_(self, s: With) -> tuple[Block, Block]:
        forward, back = self.block(s.body)
        managers = [
            c for c, _ in s.items if isinstance(c, Call) and isinstance(c.fn, Ref) and is_in(c.fn.obj, REENTERED)
        ]
        if len(managers) == len(s.items):
            inside = (With(s.items, tuple(back), at=s.at),) if back else ()
            return [replace(s, body=tuple(forward) or (Pass(),))], self.commented(s, list(inside))
        if not back:
            return [replace(s, body=tuple(forward) or (Pass(),))], []
        done = Name(self.names.new("done"))
        forward.append(Assign(done, Const(True)))
        check = If(Op("not", (done,)), (ExprStmt(Call(symbol(runtime.swallowed), (Const(str(s.at)),))),), at=s.at)
        return [Assign(done, Const(False)), replace(s, body=tuple(forward)), check], self.commented(s, back)

    def all_or_nothing(self, block: Block) -> Block:
        """A statement and its provisions, such that an exception in its expression leaves no provision behind."""
        saves = [s for s in block if isinstance(s, Save)]
        *others, last = [s for s in block if not isinstance(s, Save)]
        if not saves or not isinstance(last, (Assign, AugAssign)):
            return block
        value = Name(self.names.new("value"), kind=last.value.kind)
        return [*others, Assign(value, last.value, at=last.at), *saves, replace(last, value=value)]

    def try_(self, s: Try) -> tuple[Block, Block]:
        """`try`: the way back undoes the statements that were completed, and those of the handler that ran."""
        final_forward, final_back = self.block(s.final)
        going_on = [h for h in s.handlers if not ends_raising(h.body)]
        state = set(self.set_), set(self.fresh)
        ends = []
        blocks = []
        for body in [s.orelse, *(h.body for h in s.handlers)]:
            self.set_, self.fresh = set(state[0]), set(state[1])
            blocks.append(self.block(body))
            ends.append(self.set_)
        live = [i for i in range(len(blocks)) if i == 0 or not ends_raising(s.handlers[i - 1].body)]
        wanted = set().union(*(ends[i] for i in live))
        for i in live:
            self.set_, self.fresh = set(ends[i]), set()
            self.fill(wanted - ends[i], blocks[i][1])
        self.set_, self.fresh = wanted, set()
        which = Name(self.names.new("handled"))
        step = Name(self.names.new("step"))
        parts, back = [], []
        for number, stmt in reversed(list(enumerate(s.body, 1))):
            before = set(self.set_)
            ahead, behind = self.statement(stmt)
            if going_on and behind:
                if isinstance(stmt, (For, While, If, With, Try)):
                    raise MissingRule(
                        stmt.at, "a loop or branch inside `try` has no derivative, because an exception may end it midway",
                        hint="Move the body of the `try` into a function of its own.",
                    )
                skipped: Block = []
                after = set(self.set_)
                self.set_ = set(before)
                self.fill(after - before, skipped)
                only = before - after
                self.set_ = set(after)
                self.fill(only, behind)
                back.append(If(Compare((">=",), (step, Const(number))), tuple(behind), tuple(skipped)))
            else:
                back.extend(behind)
            parts.append([*self.all_or_nothing(ahead), Assign(step, Const(number))] if going_on else ahead)
        body = [x for part in reversed(parts) for x in part]
        handlers = []
        choose: Block = blocks[0][1]
        for i, h in enumerate(s.handlers):
            code = [Assign(which, Const(i + 1)), *blocks[i + 1][0]] if going_on else blocks[i + 1][0]
            handlers.append(replace(h, body=tuple(code) or (Pass(),)))
            if not ends_raising(h.body) and (blocks[i + 1][1] or choose):
                choose = [If(Compare(("==",), (which, Const(i + 1))), tuple(blocks[i + 1][1]) or (Pass(),), tuple(choose))]
        start = [Assign(which, Const(0)), Assign(step, Const(0))] if going_on else []
        new = replace(
            s, body=tuple(body) or (Pass(),), handlers=tuple(handlers), orelse=tuple(blocks[0][0]),
            final=tuple(final_forward),
        )
        return [*start, new], final_back + self.commented(s, choose + back)


# ---------------------------------------------------------------------------------------------------------------


def symbol(function) -> Ref:
    """A library function, as an expression."""
    return reference(function)


def summed(e: Expr, kwargs: tuple = ()) -> Expr:
    """The sum of an array: as a method of a variable, which is faster, as a function of an expression."""
    if isinstance(e, Name):
        return Call(Attribute(e, "sum"), (), kwargs)
    return Call(symbol(np.sum), (e,), kwargs)


def item(bar: Expr, key) -> Expr:
    """The item of an adjoint that is a container; of one that is written out, the item itself."""
    if isinstance(bar, (Tuple, List)) and isinstance(key, int):
        return bar.elts[key]
    if isinstance(bar, Dict):
        for k, v in zip(bar.keys, bar.values):
            if isinstance(k, Const) and k.value is key or k.value == key and type(k.value) is type(key):
                return v
    return Subscript(bar, Const(key))


def shape_of(e: Expr) -> Expr:
    if isinstance(plain(e.kind), Array):
        return Attribute(e, "shape")
    return Call(symbol(np.shape), (e,))


def slice_of(s: Slice) -> Expr:
    return Call(symbol(slice), tuple(Const(None) if p is None else p for p in (s.lower, s.upper, s.step)))


def is_operand(x) -> bool:
    return isinstance(x, Expr)


def values_in(e: Expr):
    """The parts of an expression that are read for their value, not only for their shape."""
    if isinstance(e, Attribute) and e.attr in ("shape", "size", "ndim", "dtype"):
        return
    if isinstance(e, Name):
        yield e
    for child in children(e):
        yield from values_in(child)


class Spread(Call):
    """`np.broadcast_to(number, shape)`: an adjoint that is one number everywhere."""


def as_spread(bar: Expr) -> Expr:
    """The adjoint of an operand of a function whose result is a number, marked where it is one number everywhere."""
    match bar:
        case Call(fn=Ref(obj=np.broadcast_to), args=args):
            return Spread(bar.fn, args)
    return bar


def as_uniform(bar: Expr):
    """The number and the shape of an adjoint that is one number everywhere."""
    return bar.args if isinstance(bar, Spread) else None


def is_unbroadcast(x: Kind, y: Kind, applied: Operation) -> bool:
    """Whether an operand of kind `x` is known to have the shape of the result."""
    x, y = plain(x), plain(y)
    if isinstance(y, Number):
        return isinstance(x, Number)
    if not isinstance(y, Array) or not isinstance(x, Array):
        return False
    others = [e for _, _, e in applied.data if isinstance(e, Expr)]
    if sum(not isinstance(plain(e.kind), Number) for e in others) == 1:
        return "where" not in applied.arguments
    if x.dims is None or y.dims is None or len(x.dims) != len(y.dims):
        return False
    return all(
        a == b == kinds.ONE or kinds.same_extent(a, b) or (a is not None and a.many) for a, b in zip(x.dims, y.dims)
    )


def is_fresh_value(value: Expr) -> bool:
    """Whether the value of an expression of the reverse sweep is an array of its own."""
    match value:
        case Op() | Const():
            return True
        case Call(fn=Attribute(attr="sum" | "copy")):
            return True
        case Call(fn=Ref(obj=runtime.unbroadcast), args=(inner, _)):
            return is_fresh_value(inner)
        case Call(fn=Ref(obj=obj)):
            if obj in MAKERS or isinstance(obj, np.ufunc):
                return True
            return is_in(obj, registry.RULES) and not is_in(obj, VIEWS) and getattr(obj, "__module__", "") != "builtins"
    return False


MAKERS = {np.zeros_like, np.sum, runtime.scatter, runtime.zeros_like, runtime.own, runtime.add}
"""Functions whose result shares memory with nothing."""


def is_in(obj, collection) -> bool:
    try:
        return obj in collection
    except TypeError:
        return False


def is_basic_index(index: Expr) -> bool:
    """Whether an index is made of integers, slices, None and Ellipsis: it names no item twice."""
    match index:
        case Tuple(elts=elts):
            return all(map(is_basic_index, elts))
        case Slice():
            return True
    return isinstance(plain(index.kind), (Number, kinds.Literal, kinds.Nothing)) and not (
        isinstance(plain(index.kind), Number) and index.kind.type == "bool"
    )


def is_range(e: Expr) -> bool:
    return isinstance(e, Call) and isinstance(e.fn, Ref) and e.fn.obj is range


def is_undone(target: Expr) -> bool:
    """Whether a write to `target` can be taken back: a place in an array or a list of a variable."""
    while isinstance(target, Subscript):
        if not isinstance(plain(target.value.kind), (Array, Listing, Items)) or not is_basic_index(target.index):
            return False
        target = target.value
        if isinstance(target, Name):
            return True
    return False


def is_reversed_range(e: Expr) -> bool:
    match e:
        case Call(fn=Ref(obj=builtins.reversed), args=(inner,)):
            return is_range(inner)
    return False


def is_sequence_kind(kind: Kind) -> bool:
    kind = plain(kind)
    return isinstance(kind, Array) and kind.rank != 0 or isinstance(kind, (Items, Listing)) and kind.cls in (tuple, list, dict)


def node_count(e: Node) -> int:
    return sum(1 for _ in walk(e))


def walk_all(block):
    for s in block:
        yield from walk(s)


def _root(e: Expr) -> str | None:
    while isinstance(e, (Subscript, Attribute, Starred)):
        e = e.value
    return e.id if isinstance(e, Name) else None


def _static_key(kind: Items, index: Expr) -> tuple | None:
    """The key that an index of a container names, in a 1-tuple; None if it is computed."""
    match index:
        case Const(value=value):
            key = value
        case Op(op="neg", args=(Const(value=value),)):
            key = -value
        case _:
            return None
    if kind.is_sequence and isinstance(key, int) and key < 0:
        key += len(kind.keys)
    return (key,) if kind.item(key) is not None else None


def target_list(target: Expr) -> list[str]:
    match target:
        case Name(id=name):
            return [name]
        case Tuple(elts=elts):
            return [n for e in elts for n in target_list(e)]
        case Starred(value=value):
            return target_list(value)
    return []


def target_names(target: Expr) -> set[str]:
    return set(target_list(target))


def assigned_names(block) -> set[str]:
    """The variables that a block sets."""
    found: set[str] = set()
    for n in walk_all(block):
        match n:
            case Assign(target=target):
                found |= target_names(target)
            case AugAssign(target=Name(id=name)):
                found.add(name)
            case For(target=target):
                found |= target_names(target)
            case With(items=items):
                found |= {x for _, t in items if t is not None for x in target_names(t)}
    return found


def exposed(s: For | While) -> set[str]:
    """The variables that a pass of a loop may read before it sets them: those that carry over from the pass before."""
    return reads_before_writes(s.body, set()) | (names_read(s.test) if isinstance(s, While) else set())


def names_read(e: Expr) -> set[str]:
    return {n.id for n in walk(e) if isinstance(n, Name)}


def ends_raising(block) -> bool:
    return bool(block) and isinstance(block[-1], Raise)


def split_break(block: Block) -> tuple[Block, Stmt | None]:
    match block:
        case [*head, If(body=(Break(),), orelse=()) as last]:
            return head, last
    return block, None


def last_or_nothing(last) -> Block:
    return [] if last is None else [last]


def with_blocks(s: Stmt, visit) -> Stmt:
    """`s` with `visit` applied to each block in it."""
    match s:
        case If():
            return replace(s, body=tuple(visit(s.body)) or (Pass(),), orelse=tuple(visit(s.orelse)))
        case For() | While() | With():
            return replace(s, body=tuple(visit(s.body)) or (Pass(),))
        case Try():
            handlers = tuple(replace(h, body=tuple(visit(h.body)) or (Pass(),)) for h in s.handlers)
            return replace(
                s, body=tuple(visit(s.body)) or (Pass(),), handlers=handlers, orelse=tuple(visit(s.orelse)),
                final=tuple(visit(s.final)),
            )
    return s


def lower_restores(block) -> Block:
    """`Restore` as the plain statement that it is."""
    out: Block = []
    for s in block:
        if isinstance(s, Restore):
            value = Call(Attribute(Name(s.tape), "pop"), ()) if s.in_loop else Name(s.tape)
            out.append(Assign(Name(s.name) if s.place is None else s.place, value))
        else:
            out.append(with_blocks(s, lower_restores))
    return out


def kept_value(place: Expr) -> Expr:
    """What is kept of a place before it is overwritten: a number as it is, a part of an array as a copy."""
    return place if isinstance(plain(place.kind), Number) else Call(symbol(runtime.own), (place,))


def same_shape(x: Kind, y: Kind) -> bool:
    if not (isinstance(x, Array) and isinstance(y, Array)) or None in (x.dims, y.dims) or len(x.dims) != len(y.dims):
        return isinstance(x, (Items, Listing))
    return all(a == b == kinds.ONE or kinds.same_extent(a, b) or (a is not None and a.many) for a, b in zip(x.dims, y.dims))


def kept_in_loop(kept, tape: str) -> bool:
    return any(k.tape == tape and k.in_loop for k in kept)


def declare_tapes(forward: Block, kept) -> Block:
    tapes = sorted({k.tape for k in kept if k.in_loop})
    return [Assign(Name(t), List(())) for t in tapes] + forward


def ordered_names(forward: Block, params) -> list[str]:
    """The variables of the forward sweep: parameters, then in the order in which they are first set."""
    found = dict.fromkeys(params)
    for n in walk_all(forward):
        match n:
            case Assign(target=target):
                found.update(dict.fromkeys(target_list(target)))
            case AugAssign(target=Name(id=name)):
                found[name] = None
            case For(target=target):
                found.update(dict.fromkeys(target_list(target)))
            case ExprStmt(value=Call(fn=Attribute(value=Name(id=name), attr="append"))):
                found[name] = None
            case With(items=items):
                found.update(dict.fromkeys(x for _, t in items if t is not None for x in target_list(t)))
    return list(found)


def is_written_out(index: Expr) -> bool:
    try:
        python_value(index)
    except ValueError:
        return False
    return True


def describe(e: Expr) -> str:
    applied = function_of(e)
    if isinstance(e, Call) and isinstance(e.fn, Ref):
        return e.fn.text
    if isinstance(e, Call) and isinstance(e.fn, Attribute):
        return f"`.{e.fn.attr}`"
    if applied is not None and isinstance(applied[0], str):
        return f"`{applied[0]}`"
    return "this expression"


def _positional_and_keyword(rule, arguments) -> tuple[list, dict]:
    args, kwargs = [], {}
    positional = True
    for name, parameter in rule.signature.parameters.items():
        if name not in arguments:
            positional = False
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            args.extend(arguments[name])
            continue
        value = arguments[name]
        value = list(value) if isinstance(value, tuple) and name in rule.sequence else value
        if positional and parameter.kind is not parameter.KEYWORD_ONLY:
            args.append(value)
        else:
            kwargs[name] = value
    return args, kwargs
