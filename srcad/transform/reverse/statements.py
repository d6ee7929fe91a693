"""Simple statements walked backwards: assignments, writes, calls, lists that grow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import Number, plain
from srcad.analysis.specialise import aliases, Special
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Expr, ExprStmt, Invoke, Name, Op, Ref, Stmt, Subscript, Tuple,
)  # fmt: skip
from srcad.transform.algebra import negated, total
from srcad.transform.liveness import root
from srcad.transform.reverse.forms import Block, Slot, names_read, same_shape, shape_of, symbol, target_list
from srcad.transform.reverse.slots import is_fresh_value


class Statements:
    """The part of the reversal that goes through simple statements."""

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
            if id(s.value) in self.hoisted and self.is_written_into(s.target.id):
                value = Call(symbol(runtime.own), (value,))  # what is kept must not change with the variable
            forward.append(replace(s, value=value))
        if not adjoint and not restore:
            return [*save, *forward], []
        # The adjoint sees what the statement saw; its own result as well, if that is not what it has overwritten.
        return [*save, *forward], self.commented(s, adjoint + restore if after else restore + adjoint)

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

    def flow(self, s: Stmt, e: Expr, bar: Expr, spent: set[Slot], root: Expr | None = None) -> Block:
        held: Block = []
        self.out, self.deferred, self.spent = held, None, spent
        self.propagate(e, bar, root)
        return held

    def store(self, s: Assign | AugAssign) -> tuple[Block, Block]:
        """`a[i] = v` and `a[i] += v`: the shadow has the same place; what was there comes back first."""
        name = root(s.target)
        if name is None:
            return [s], []
        before: Block = []
        place = self.place(s.target, before)
        save, restore = self.place_provision(name, place)
        if not s.target.varied:
            return [*before, save, replace(s, target=place)], [restore]
        slot = Slot(name)
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
        value, at = (
            s.value,
            Op(s.op, (s.target, s.value), kind=s.target.kind, varied=True) if isinstance(s, AugAssign) else None,
        )
        bar: Expr = replace(shadow, kind=s.target.kind)
        if isinstance(s, AugAssign) and name in names_read(value):  # its adjoint changes while it is being read
            copied = bar if scalar else Call(Attribute(bar, "copy"), ())
            bar = Name(self.names.new(f"{name}_item_bar"), kind=s.target.kind)
            held.append(Assign(bar, copied))
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

    def plain_call(self, invoked: Invoke) -> Expr:
        """A call of which nothing is to be walked back through: as the user wrote it, where the name means something."""
        callee: Special = invoked.callee
        if invoked.varied or not callee.is_nested:
            return invoked.call
        self.program.needed.add(id(callee))
        called = Call(Ref(callee, f"{callee.name}_forward"), tuple(self.stripped(a) for a in invoked.args))
        return Subscript(called, Const(0))

    def invocation(self, s: Assign, names: list[str]) -> tuple[Block, Block]:
        """A call of a function that is differentiated through."""
        invoked: Invoke = s.value
        kind = invoked.kind
        if isinstance(s.target, Tuple):
            bars = [self.whole_if_set(t.id, t.kind) for t in s.target.elts]
            if any(b is not None for b in bars):
                parts = [self.whole(t.id, t.kind) if t.varied else Const(None) for t in s.target.elts]
                bar = Tuple(tuple(parts))
            else:
                bar = None
        else:
            bar = self.whole_if_set(s.target.id, kind)
        callee: Special = invoked.callee
        flows = [(x, p) for x, p, v in zip(invoked.args, callee.params, callee.values) if v.varied]
        spent = self.spend(names)
        if bar is None or not flows:
            return [replace(s, value=self.plain_call(invoked))], []
        self.program.needed.add(id(callee))
        saved = Name(self.names.new(f"{callee.name}_saved"))
        held: Block = []
        self.out, self.deferred, self.spent = held, ({} if spent else None), spent
        targets, late = [], []
        for x, p in flows:
            direct = (
                isinstance(x, Name)
                and not self.is_split(x.id, x.kind)
                and Slot(x.id) not in self.set_
                and (Slot(x.id) not in spent and all(Slot(x.id) != t for t in late))
                and not any(isinstance(t, Name) and t.id == self.bar_names.get(Slot(x.id)) for t in targets)
            )
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
            if any(n in self.mutated or self.is_written_into(n) for n in aliases(x)):
                value = Call(symbol(runtime.own), (value,))  # the callee keeps it, and it changes later
            before += ahead
            args.append(value)
        forward_call = Call(Ref(callee, f"{callee.name}_forward"), tuple(args), at=s.at)
        return [*before, replace(s, target=Tuple((s.target, saved)), value=forward_call)], held

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
