"""Branches, loops, `with` and `try` walked backwards."""

from __future__ import annotations

import builtins
import collections
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import Array, Items, Listing, Number, Opaque, plain
from srcad.analysis.specialise.tries import Surroundings, around, before, is_uncaught
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Break, Call, Compare, Const, Expr, ExprStmt, For, If, Invoke, List, Logical, Name,
    Node, Op, Pass, Ref, Slice, Stmt, Subscript, Try, Tuple, While, With, map_children, walk,
)  # fmt: skip
from srcad.errors import MissingRule
from srcad.core.places import root_name
from srcad.transform.liveness import Save, definitely_set
from srcad.transform.reverse.forms import (
    Block, Slot, assigned_names, copied, ends_raising, is_copy, is_in, is_range, is_reversed_range, is_sequence_kind, symbol,
    lent_to, set_by, target_list, target_names, walk_all,
)  # fmt: skip

LISTED = (zip, enumerate, reversed)
"""Functions that go through containers step by step."""

REENTERED = {np.errstate, runtime.derivative}
"""Context managers that only set how NumPy computes: the way back is inside them, too."""


class Control:
    """The part of the reversal that goes through compound statements."""

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

    def condition(self, test: Expr, overwritten: set[str]) -> tuple[Expr, Block]:
        """The condition of a branch, for both sweeps: as it is if the way back can ask it again, else in a variable."""
        match test:
            case Name(id=name) | Op(op="not", args=(Name(id=name),)) if (
                name not in overwritten | self.mutated | self.written
            ):
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
            case Attribute(value=Name(id=name, kind=kind), attr="ndim" | "size" | "shape") if name in self.fixed:
                return isinstance(plain(kind), Array) or name in self.stable  # a write leaves it as it is
            case Subscript(value=Attribute(attr="shape") | Name(kind=Array()) as value, index=index):
                whole = isinstance(plain(e.kind), Number) or isinstance(value, Attribute)
                return whole and self.is_repeatable(value) and self.is_repeatable(index)
            case Call(fn=Ref(obj=builtins.len), args=(Name(id=name, kind=kind),)):
                return name in self.stable or name in self.fixed and isinstance(plain(kind), Array)
            case Tuple(elts=elts) | List(elts=elts):
                return all(map(self.is_repeatable, elts))
        return False

    def is_repeatable_iterable(self, e: Expr) -> bool:
        """Whether a loop runs over items that are written out, and that evaluating `e` once more gives again."""
        match e:
            case Call(fn=Ref(obj=obj), args=args, kwargs=()) if obj in (enumerate, zip):
                return any(map(self.is_repeatable_iterable, args)) and all(
                    self.is_repeatable_iterable(a) or is_range(a) and all(map(self.is_repeatable, a.args)) for a in args
                )
        return isinstance(e, (Tuple, List)) and self.is_repeatable(e)

    @property
    def indices(self) -> set[str]:
        return self._indices

    def loop(self, s: For | While) -> tuple[Block, Block]:
        """A loop: the way back runs through its passes from the last to the first."""
        inside = assigned_names(s.body) | (target_names(s.target) if isinstance(s, For) else set())
        appended = grown_names(s.body)
        stored = stored_names(s.body)
        relevant = any(slot.name in inside | stored for slot in self.set_) or appended
        if not relevant or not ((inside | stored) & self.varied_names or appended):
            self.spend([n for n in inside])
            restore, save = self.provisions(s, sorted((inside | stored - {None}) & self.prior.get(id(s), frozenset())))
            return [*save, self.without_sweeps(s)], restore
        local = self.local[id(s)]
        constants = self.constants
        counters = target_names(s.target) if isinstance(s, For) and is_range(s.iter) else set()
        counters -= {n for n in assigned_names(s.body)}
        outer = self._indices
        self._indices = frozenset(outer | {c for c in counters if c not in self.mutated})
        set_once = collections.Counter(n for x in walk_all(s.body) for n in set_by(x))
        self.constants = constants | {
            n for x in s.body if isinstance(x, Assign) for n in set_by(x)
            if set_once[n] == 1 and n in local and n not in self.mutated | self.written
        }  # fmt: skip
        restore, save = self.loop_provisions(s, inside)
        self.loop_depth += 1
        entry_set, entry_fresh = set(self.set_), set(self.fresh)
        live_after = {slot for slot in self.set_ if slot.name in local}
        carried = set(self.set_)
        assumed = set(self.fresh) | set()
        memory, taken, recorded = dict(self.hoisted), set(self.names.taken), self.recorded
        early: set[Slot] = set()
        stale_once: set[Slot] = set()
        for _ in range(12):
            self.hoisted, self.recorded = dict(memory), recorded
            self.names.taken = taken | set(self.bar_names.values()) | set(self.tape_of.values())
            self.set_, self.fresh = set(carried), set(assumed)
            forward, back = self.block(s.body)
            if isinstance(s, For):
                self.spend(target_list(s.target))
            found = {slot for slot in self.set_ if slot.name not in local or slot in live_after}
            missing = carried - self.set_
            anew = {slot for slot in missing if slot.name in local and isinstance(self.slot_kind(slot), Listing)}
            self.fill(missing - anew, back)
            back += self.emptied(anew)
            stale = {slot for slot in assumed if slot not in self.fresh and slot in carried}
            sooner = self.copied_early(carried & entry_set - assumed - stale_once, carried, back)
            if sooner and not stale:  # one copy before the loop serves all passes
                early |= sooner
                assumed |= sooner
                continue
            stale_once |= stale
            early -= stale
            if found <= carried and not stale:
                break
            carried |= found
            assumed = (assumed | {slot for slot in found if slot not in entry_set}) - stale
        self.loop_depth -= 1
        self.constants = constants
        self.set_, self.fresh = entry_set, entry_fresh
        start: Block = [
            Assign(self.bar(slot), copied(replace(self.bar(slot), kind=plain(self.slot_kind(slot)))))
            for slot in sorted(early, key=lambda x: (x.name, str(x.path)))
        ]
        self.fresh |= early
        for slot in sorted(carried - entry_set, key=lambda x: (x.name, str(x.path))):
            self.ensure(slot, self.slot_kind(slot), start)
        self.fresh &= assumed | (carried - entry_set)
        self.fresh -= {slot for slot in carried if slot not in assumed and slot in entry_set}
        self.fresh = {slot for slot in self.fresh if slot in assumed or slot not in carried}
        self.set_ |= carried
        self.loop_depth += 1
        made = assigned_names(forward) - inside - self.recorded
        self.recorded = self.recorded | made
        records, restores = self.records(forward, (local | made) - counters)
        self.loop_depth -= 1
        self._indices = outer
        body, last = split_break(forward)
        trips_ahead, setup, header = self.way_back(s, last is not None)
        new = replace(s, body=(*trips_ahead, *body, *records, *last_or_nothing(last)))
        if isinstance(s, For):
            new = replace(new, iter=header[0])
        loop_back = For(header[1], header[2], tuple([*restores, *self.refilled(anew), *back]), at=s.at)
        return [*save, *setup, new], self.commented(s, [*start, loop_back]) + restore + self.refilled(anew)

    def emptied(self, slots: set[Slot]) -> Block:
        """Marks the adjoints of lists that each pass of a loop sets anew: of what length they are is seen in the pass."""
        self.set_ |= slots
        self.fresh |= slots
        return [Assign(self.bar(slot), Const(None)) for slot in sorted(slots, key=lambda x: (x.name, str(x.path)))]

    def refilled(self, slots: set[Slot]) -> Block:
        """Starts those that are marked with zeros."""
        filled = []
        for slot in sorted(slots, key=lambda x: (x.name, str(x.path))):
            bar, kind = self.bar(slot), self.slot_kind(slot)
            test = Compare(("is",), (bar, Const(None)))
            filled.append(If(test, (Assign(bar, self.zero(self.primal(slot), kind)),), ()))
        return filled

    def without_sweeps(self, node: Node) -> Node:
        """Statements that nothing is walked back through: with plain calls in place of those that keep what is needed."""
        if isinstance(node, Invoke):
            return self.plain_call(node)
        return map_children(node, self.without_sweeps)

    def copied_early(self, slots: set[Slot], carried: set[Slot], back: Block) -> set[Slot]:
        """Those of the adjoints `slots` that the way back through a loop copies, to write into them: also where it exchanges
        them with others first."""
        copies = set()
        exchanged = set()
        for s in walk_all(back):
            match s:
                case Assign(target=Name(id=name), value=value) if is_copy(value):
                    copies.add(name)
                case Assign(target=Tuple(), value=Tuple(elts=elts)):
                    exchanged |= {x.id for x in elts if isinstance(x, Name)}
        if not any(self.bar_names.get(slot) in copies & exchanged for slot in carried):
            exchanged = set()
        return {slot for slot in slots if self.bar_names.get(slot) in copies | exchanged}

    def loop_provisions(self, s, inside: set[str]) -> tuple[Block, Block]:
        """`Restore` and `Save` around a loop, of variables that it sets anew at the start of each pass."""
        anew = self.local.get(id(s), set()) | (target_names(s.target) if isinstance(s, For) else set())
        return self.provisions(s, sorted(inside & anew & self.prior.get(id(s), frozenset())))

    def records(self, body: Block, local: set[str]) -> tuple[Block, Block]:
        """At the end of each pass, the variables that it has set: the way back starts the pass with them."""
        end = definitely_set(body, set())
        saves, restores = [], []
        again = self.made_again(body, local)
        for name in sorted(local - set(again)):
            a, b = self.provision(name, None, unset=name not in end)
            saves.append(a)
            restores.insert(0, b)
        return saves, restores + [Assign(Name(name), self.stripped(e)) for name, e in again.items()]

    def made_again(self, body: Block, local: set[str]) -> dict[str, Expr]:
        """Those of the variables `local` to a pass of a loop that the way back makes once more: of what stays, by a
        product or less."""
        made: dict[str, Expr] = {}
        seen: set[str] = set()
        counts = collections.Counter(n for s in walk_all(body) for n in set_by(s))
        for s in body:
            match s:
                case Assign(target=Name(id=name), value=value) if name in local and counts[name] == 1:
                    if name not in self.mutated | self.written and self.is_made_again(value, seen):
                        seen.add(name)
                        made[name] = value
        return made

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
        overwritten = assigned_names([s])
        safe = all(not (isinstance(n, Name) and (n.id in overwritten or n.id in self.mutated)) for n in walk(iterable))
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
        elif self.is_repeatable_iterable(iterable):
            if isinstance(iterable, Call):
                iterable = Call(symbol(list), (iterable,))
        elif not (isinstance(iterable, Name) and safe and is_sequence_kind(iterable.kind)):
            name = Name(self.names.new("passes"))
            if not self.may_be_listed(iterable):
                setup.append(Assign(name, List(())))
                ahead.append(ExprStmt(Call(Attribute(name, "append"), (s.target,))))
                return ahead, setup, (iterable, s.target, Call(symbol(reversed), (name,)))
            setup.append(Assign(name, Call(symbol(list), (iterable,))))
            iterable = name
        elif getattr(plain(iterable.kind), "cls", None) is dict:
            name = Name(self.names.new("keys"))
            setup.append(Assign(name, Call(symbol(list), (iterable,))))
            iterable = name
        order = iterable if trips is None else Subscript(iterable, Slice(None, trips, None))
        back = Call(symbol(reversed), (self.stripped(order),))
        return ahead, setup, (iterable, s.target, back)

    def may_be_listed(self, iterable: Expr) -> bool:
        """Whether a list of the items, made before the loop, has what the loop would get one by one: of containers that
        stay as they are, not of an iterator, which the body may advance or a `break` leave half used."""
        match iterable:
            case Name(id=name, kind=kind):
                kind = plain(kind)
                is_container = is_sequence_kind(kind) or isinstance(kind, Opaque) and issubclass(kind.type, Collection)
                return is_container and name not in self.mutated | self.written
            case Call(fn=Ref(obj=obj), args=args) if obj in LISTED:
                return all(map(self.may_be_listed, args))
            case Call(fn=Attribute(value=value, attr="items" | "keys" | "values"), args=()):
                return self.may_be_listed(value)
            case Attribute(value=value) | Subscript(value=value):
                kind = plain(iterable.kind)
                return is_sequence_kind(kind) and root_name(value) not in self.mutated | self.written
        return is_range(iterable) or is_sequence_kind(iterable.kind)

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
        if not saves or not isinstance(last, (Assign, AugAssign)) or is_harmless(last):
            return block
        value = Name(self.names.new("value"), kind=last.value.kind)
        return [*others, Assign(value, last.value, at=last.at), *saves, replace(last, value=value)]

    def units(self, s: Try, goes_on: bool) -> list[tuple[list[Stmt], tuple[Block, Block] | None]]:
        """The body of a `try` in steps, of each of which all has been done or nothing; some with both of their sweeps. It
        is a step of its own to keep what the next one changes bit by bit."""
        found: list = []
        for stmt in s.body:
            if not goes_on:
                found.append(([stmt], None))
            elif isinstance(stmt, COMPOUND):
                if self.is_constant(stmt):
                    names = assigned_names([stmt]) | stored_names([stmt])
                    restores, saves = self.provisions(stmt, sorted(names - {None}))
                    found.append(([], (saves, restores)))
                found.append(([stmt], None))
            elif is_harmless(stmt) and found and found[-1][1] is None and not isinstance(found[-1][0][-1], COMPOUND):
                found[-1][0].append(stmt)
            else:
                whole = [Subscript(x, Const(Ellipsis), kind=x.kind) for x in self.changed_by_calls(stmt)]
                kept = [self.place_provision(root_name(place), place) for place in whole]
                if kept:
                    found.append(([], ([save for save, _ in kept], [restore for _, restore in kept])))
                found.append(([stmt], None))
        return found

    def attempted(self, unit: list[Stmt], goes_on: bool) -> tuple[Block, Block]:
        """Both sweeps of a step in a `try`."""
        forward: Block = []
        back: Block = []
        for stmt in reversed(unit):
            if goes_on and isinstance(stmt, COMPOUND) and self.is_constant(stmt):
                self.spend(sorted(assigned_names([stmt])))
                return [self.without_sweeps(stmt)], []
            ahead, behind = self.statement(stmt)
            if goes_on and behind and isinstance(stmt, COMPOUND) and not is_uncaught(stmt):
                raise MissingRule(
                    stmt.at,
                    "a loop or branch inside `try` has no derivative, because an exception may end it midway",
                    hint="Give each variable that it sets a value before it, and a new one in the handler before it is read"
                    " there\nor after it; or move the body of the `try` into a function of its own.",
                )
            forward = [*(self.all_or_nothing(ahead) if goes_on else ahead), *forward]
            back += behind
        return forward, back

    def is_constant(self, s: Stmt) -> bool:
        """Whether nothing of what is differentiated goes through a compound statement in a `try`, nor around it."""
        if grown_names([s]) or stored_names([s]) & self.varied_names:
            return False
        names = assigned_names([s]) & self.varied_names
        if not names:
            return True
        if any(n.varied for n in walk(s) if isinstance(n, Expr)):
            return False
        place, decided = self.surroundings(s), definitely_set([s], set()) | before([s], frozenset())
        return place is not None and not names & place.caught and names <= decided

    def surroundings(self, s: Stmt) -> Surroundings | None:
        """What is read after a statement of this function, and after an exception in it: also what is the caller's."""
        special = self.special
        lent = frozenset(special.params) & special.written
        return around(special.body, s, frozenset(special.params), lent, lent)

    def changed_by_calls(self, stmt: Stmt) -> list[Name]:
        """The arrays that calls in a statement of a `try` write into, which an exception may end midway."""
        found: dict[str, Name] = {}
        for n in (n for n in walk(stmt) if isinstance(n, Invoke)):
            values = dict(zip(n.callee.params, n.callee.values))
            for p, x in zip(n.callee.params, n.args):
                is_array = isinstance(plain(values[p].kind), Array)
                if p in n.callee.shared and p in n.callee.written and (values[p].varied or is_array):
                    name, place = root_name(x), self.surroundings(stmt)
                    gone = place is not None and name not in place.caught
                    if not is_array or not isinstance(x, Name) or not gone or n.checkpointed:
                        raise MissingRule(
                            stmt.at,
                            f"`{name}` is written into inside `try`, by what an exception may end midway",
                            hint="Write into a copy that is made there, or give the variable a new value in the handler.",
                        )
                    found[name] = x
        return [found[name] for name in sorted(found)]

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
        for number, (unit, held) in reversed(list(enumerate(self.units(s, bool(going_on)), 1))):
            before, fresh = set(self.set_), set(self.fresh)
            ahead, behind = held or self.attempted(unit, bool(going_on))
            if going_on and behind:
                skipped: Block = []
                after, renewed = set(self.set_), set(self.fresh)
                self.set_, self.fresh = set(before), fresh
                self.fill(after - before, skipped)
                fresh = set(self.fresh)
                self.set_, self.fresh = set(after), renewed
                self.fill(before - after, behind)
                self.fresh &= fresh
                back.append(If(Compare((">=",), (step, Const(number))), tuple(behind), tuple(skipped)))
            else:
                back.extend(behind)
            parts.append([*ahead, Assign(step, Const(number))] if going_on else ahead)
        body = [x for part in reversed(parts) for x in part]
        handlers = []
        choose: Block = blocks[0][1]
        for i, h in enumerate(s.handlers):
            code = [Assign(which, Const(i + 1)), *blocks[i + 1][0]] if going_on else blocks[i + 1][0]
            handlers.append(replace(h, body=tuple(code) or (Pass(),)))
            if not ends_raising(h.body) and (blocks[i + 1][1] or choose):
                choose = [
                    If(Compare(("==",), (which, Const(i + 1))), tuple(blocks[i + 1][1]) or (Pass(),), tuple(choose))
                ]
        start = [Assign(which, Const(0)), Assign(step, Const(0))] if going_on else []
        new = replace(
            s,
            body=tuple(body) or (Pass(),),
            handlers=tuple(handlers),
            orelse=tuple(blocks[0][0]),
            final=tuple(final_forward),
        )
        return [*start, new], final_back + self.commented(s, choose + back)


COMPOUND = (For, While, If, With, Try)


def stored_names(block) -> set[str]:
    """The variables into whose memory a block writes, or an adjoint of a call in it."""
    found = {
        root_name(n.target)
        for n in walk_all(block)
        if isinstance(n, (Assign, AugAssign)) and isinstance(n.target, (Subscript, Attribute))
    }
    found |= {name for n in walk_all(block) if isinstance(n, Invoke) for name in lent_to(n)}
    return found


def grown_names(block) -> set[str]:
    """The variables with lists of what is differentiated that a block makes longer or shorter."""
    return {
        root_name(n.value.fn.value)
        for n in walk_all(block)
        if isinstance(n, (ExprStmt, Assign))
        and isinstance(n.value, Call)
        and isinstance(n.value.fn, Attribute)
        and n.value.fn.attr in ("append", "pop")
        and root_name(n.value.fn.value) is not None
        and n.value.varied
    }


def is_harmless(s: Stmt) -> bool:
    """Whether a statement gives variables the values of others, or items of known containers: it raises nothing."""
    match s:
        case Assign(target=Name(), value=Name() | Const()):
            return True
        case Assign(target=Name(), value=Subscript(value=Name(kind=Items() as kind), index=Const(value=key))):
            return kind.item(key) is not None
        case Assign(target=Tuple(elts=elts), value=Name(kind=Items(keys=keys))):
            return len(elts) == len(keys) and all(isinstance(e, Name) for e in elts)
    return False


def split_break(block: Block) -> tuple[Block, Stmt | None]:
    match block:
        case [*head, If(body=(Break(),), orelse=()) as last]:
            return head, last
    return block, None


def last_or_nothing(last) -> Block:
    return [] if last is None else [last]
