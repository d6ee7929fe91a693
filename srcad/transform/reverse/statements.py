"""Simple statements walked backwards: assignments, writes, calls, lists that grow."""

from __future__ import annotations

import collections
import functools
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import Array, Items, Kind, Number, item_kind, plain
from srcad.analysis.specialise import aliases, Special
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Expr, ExprStmt, Invoke, Name, Op, Ref, Stmt, Subscript, Tuple, walk,
)  # fmt: skip
from srcad.core.printer import text
from srcad.options import current
from srcad.transform.algebra import negated, total
from srcad.errors import MissingRule
from srcad.core.places import array_of, as_value, is_flat, is_reshaping, root_name, root_of, steps
from srcad.transform.liveness import Sweep
from srcad.transform.primal import plain_call
from srcad.transform.reverse.forms import (
    Block, Slot, copied, is_basic_index, is_written_out, kept, names_read, same_shape, shape_of, static_key, symbol,
    target_list,
)  # fmt: skip
from srcad.transform.reverse.operations import is_elementwise
from srcad.transform.reverse.slots import is_fresh_value


def count_varied(e: Expr) -> int:
    """How many variables with an adjoint an expression reads, each as often as it does."""
    return sum(isinstance(n, Name) and n.varied for n in walk(e))


def is_new_item(place: Expr) -> bool:
    """Whether a write to a place gives a dictionary or an object an item that it has not had."""
    container = plain(place.value.kind)
    if not isinstance(container, Items) or container.is_sequence:
        return False
    if isinstance(place, Subscript) and not is_written_out(place.index):
        return False
    key = (place.attr,) if isinstance(place, Attribute) else static_key(container, place.index)
    return key is None or container.item(key[0]) is None


def replaced(held: Block, shadow: Expr, root: Name, bar: Expr) -> None:
    """Has the adjoint of a place assigned where it would be cleared, and then added to: what the place held before goes on
    to it, and to others, first.

    x_item_bar = x_bar[i].copy();  x_bar[i] = 0.0;  x_bar[i] += x_item_bar * c    →    x_bar[i] *= c
    """
    place = text(shadow)
    clear = next(k for k, s in enumerate(held) if isinstance(s, Assign) and text(s.target) == place)
    after = [k for k in range(clear + 1, len(held)) if any(isinstance(n, Name) and n.id == root.id for n in walk(held[k]))]
    if not after or not isinstance(first := held[after[0]], AugAssign) or first.op not in ("+", "-"):
        return
    whole = place in (f"{root.id}[...]", f"{root.id}[:]") and isinstance(first.target, Name)
    if not (whole or text(first.target) == place) or root.id in names_read(first.value):
        return
    value = first.value if first.op == "+" else negated(first.value)
    own = bar.id if isinstance(bar, Name) else None
    users = [(k, s) for k, s in enumerate(held) for n in walk(s) if isinstance(n, Name) and n.id == own]
    uses = [k for k, _ in users]
    at, last = after[0], max(uses, default=0)
    held[at] = Assign(shadow, value)
    lasting = any(not is_spent(s) for _, s in users[1:]) or not is_fresh_value(value)
    if len(uses) > 1 and not lasting and not any(k in after for k in range(at + 1, last + 1)):
        held.insert(max(at, last), held.pop(at))  # when all else has been made of it: then a view will do
        held[uses[0]] = Assign(bar, shadow)
        match value:
            case Op(op="*" | "/" as op, args=(Name(id=name), factor)) if name == own:
                held[max(at, last)] = AugAssign(shadow, op, factor)
                if len(uses) == 2:
                    del held[clear], held[uses[0]]
                    return
    del held[clear]


def is_spent(s: Stmt) -> bool:
    """Whether a statement of the reverse sweep keeps no view of what it reads."""
    match s:
        case AugAssign():
            return True
        case Assign(target=Name(), value=value):
            return is_fresh_value(value)
        case ExprStmt(value=Call(fn=Ref(obj=runtime.add_at))):
            return True
    return False


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
            return self.pop(s, names, save, restore)
        elif isinstance(s.target, Tuple):
            pairs = list(zip(s.target.elts, s.value.elts))
            bars = [(self.whole_if_set(t.id, t.kind), v) for t, v in pairs]
            own = {self.bar_names[slot] for slot in self.fresh - self.pinned if slot.name in names}
            spent = self.spend(names)
            adjoint = self.flows(s, [(v, b) for b, v in bars if b is not None], spent, own=own)
            forward, value = self.finish(s, s.value)
            forward.append(replace(s, value=value))
        else:
            bar = self.whole_if_set(s.target.id, s.value.kind)
            alone = Slot(s.target.id) in self.fresh - self.pinned and count_varied(s.value) == 1
            self.handed_on = self.bar(Slot(s.target.id)).id if alone else None
            spent = self.spend(names)
            own = s.target.id in names_read(s.value)
            root = None if own else Name(s.target.id, kind=s.value.kind)
            after = not own
            adjoint = [] if bar is None else self.flows(s, [(s.value, bar)], spent, root)
            self.handed_on = None
            forward, value = self.finish(s, s.value)
            if id(s.value) in self.hoisted and self.is_written_into(s.target.id):
                value = kept(value)  # what is kept must not change with the variable
            forward.append(replace(s, value=value))
        if not adjoint and not restore:
            return [*save, *forward], []
        # The adjoint sees what the statement saw; its own result as well, if that is not what it has overwritten.
        return [*save, *forward], self.commented(s, adjoint + restore if after else restore + adjoint)

    def flows(
        self, s: Stmt, flows: list[tuple[Expr, Expr]], spent: set[Slot], root: Expr | None = None, own=frozenset()
    ) -> Block:
        """The statements by which each adjoint reaches what its expression is made of, all as of the same moment. Nobody
        else sees the arrays of the variables `own`: each goes on to one other."""
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
            values.append(self.total(slot, late[slot]))
            self.set_.add(slot)
            self.fresh.discard(slot)
        targets = [self.bar(slot) for slot in slots]
        moves = [(t, v) for t, v in zip(targets, values) if not (isinstance(v, Name) and v.id == t.id)]
        if len(moves) == 1:
            held.append(Assign(*moves[0]))
        elif moves:
            held.append(Assign(Tuple(tuple(t for t, _ in moves)), Tuple(tuple(v for _, v in moves))))
        counts = collections.Counter(b.id for _, b in flows if isinstance(b, Name))
        moved = {b.id for e, b in flows if isinstance(e, Name) and isinstance(b, Name) and counts[b.id] == 1}
        for slot, value in zip(slots, values):
            if is_fresh_value(value) or isinstance(value, Name) and value.id in {*(moved & own), self.handed_on}:
                self.fresh.add(slot)
        return held

    def total(self, slot: Slot, values: list[Expr]) -> Expr:
        """The sum of the adjoints that have gone to one slot."""
        if isinstance(self.slot_kind(slot), (Array, Number)):
            return total(values)
        return functools.reduce(lambda a, b: Call(symbol(runtime.add), (a, b)), values)

    def flow(self, s: Stmt, e: Expr, bar: Expr, spent: set[Slot], root: Expr | None = None) -> Block:
        held: Block = []
        self.out, self.deferred, self.spent = held, None, spent
        self.propagate(e, bar, root)
        return held

    def store(self, s: Assign | AugAssign) -> tuple[Block, Block]:
        """`a[i] = v` and `a[i] += v`: the shadow has the same place; what was there comes back first."""
        name = root_name(s.target)
        if name is None:
            return [s], []
        before: Block = []
        place = self.place(s.target, before)
        lasting = name not in self.mutated  # what is read of the others is kept where it is read
        provided = lasting and not is_new_item(place)
        saves, restores = map(list, zip(self.place_provision(name, place))) if provided else ([], [])
        if not s.target.varied:
            return [*before, *saves, replace(s, target=place)], restores
        slot = Slot(name)
        if slot not in self.set_:
            ahead, value = self.finish(s, s.value)
            return [*before, *saves, *ahead, replace(s, target=place, value=value)], restores
        held: Block = restores
        self.out, self.deferred, self.spent = held, None, set()
        if isinstance(s, Assign):
            bar_of_all = self.own_shadow(slot, self.slot_kind(slot))
        else:  # what is added to a place has the adjoint of the place, which stays as it is
            bar_of_all = self.ensure(slot, self.slot_kind(slot), self.out)
        if any(map(is_reshaping, steps(place))):
            held += self.made_contiguous(slot, place, bar_of_all)
        shadow = self.substitute_root(place, bar_of_all)
        scalar = isinstance(plain(s.target.kind), Number)
        value, at = (
            s.value,
            Op(s.op, (s.target, s.value), kind=s.target.kind, varied=True) if isinstance(s, AugAssign) else None,
        )
        bar: Expr = replace(shadow, kind=s.target.kind)
        gathers = is_flat(place) or isinstance(plain(s.target.value.kind), Array) and not is_basic_index(s.target.index)
        if gathers and value.varied:  # of values that go to one place the last one stays
            items = Call(Attribute(shadow.value.value, "reshape"), (Const(-1),)) if is_flat(place) else shadow.value
            taken = Call(symbol(runtime.last_written), (items, as_value(place.index)), kind=bar.kind)
            bar = Name(self.names.new(f"{name}_item_bar"), kind=s.target.kind)
            held.append(Assign(bar, taken))
        elif isinstance(s, AugAssign) and name in names_read(value):  # its adjoint changes while it is being read
            lent = bar if scalar else copied(replace(bar, kind=plain(bar.kind)))
            bar = Name(self.names.new(f"{name}_item_bar"), kind=s.target.kind)
            held.append(Assign(bar, lent))
        in_array = isinstance(plain(place.value.kind), Array) or is_flat(place)
        late: Block = []
        if isinstance(s, Assign):
            apart = name not in names_read(value)  # what is made of the place reaches other shadows only
            if value.varied and not gathers:
                lent = bar if scalar or not in_array or apart else copied(replace(bar, kind=plain(bar.kind)))
                bar = Name(self.names.new(f"{name}_item_bar"), kind=s.target.kind)
                held.append(Assign(bar, lent))
                if apart and not scalar:
                    self.cleared, self.views[bar.id] = self.cleared | {bar.id}, self.shared_by(shadow)
            nothing = scalar or in_array or is_new_item(place)
            like = self.stripped(place) if lasting else bar
            cleared = Assign(shadow, Const(0.0) if nothing else self.zero(like, s.target.kind))
            (late if apart and in_array else held).append(cleared)
        if value.varied:
            contribution = bar if at is None or s.op == "+" else negated(bar)
            wide = None
            spread = is_elementwise(value) and not same_shape(plain(value.kind), plain(s.target.kind))
            if spread and not self.program.is_complex:
                wide = s.target.kind
            else:
                contribution = self.fitted_to(contribution, value, s.target)
            self.propagate(value, contribution, wide=wide)
        held += late
        if in_array and not late and isinstance(s, Assign) and current().simplification:
            replaced(held, shadow, bar_of_all, bar)
        ahead, value = self.finish(s, value)
        return [*before, *saves, *ahead, replace(s, target=place, value=value)], self.commented(s, held)

    def made_contiguous(self, slot: Slot, place: Expr, bar: Expr) -> Block:
        """Makes the shadow of the array contiguous in which a reshaped place is, so that the place in it is a view; that
        of an array that the caller lends is."""
        array = array_of(place)
        if array is root_of(place) and slot in self.pinned:
            return []
        shadow = self.substitute_root(array, bar)
        return [Assign(shadow, Call(symbol(np.ascontiguousarray), (shadow,)))]

    def fitted_to(self, contribution: Expr, value: Expr, target: Expr) -> Expr:
        """An adjoint of the shape of a place, summed to the shape of a value that was broadcast into it."""
        x, y = plain(value.kind), plain(target.kind)
        if isinstance(y, Number) or same_shape(x, y):
            return contribution
        if isinstance(x, Number):
            return Call(symbol(np.sum), (contribution,))
        return Call(symbol(runtime.unbroadcast), (contribution, self.resolve(shape_of(self.operand(value)))))

    def plain_call(self, invoked: Invoke) -> Expr:
        """A call of which nothing is to be walked back through: as the user wrote it, where the name means something."""
        callee: Special = invoked.callee
        if invoked.checkpointed or callee.source.yields:
            return plain_call(invoked, self.program, tuple(self.stripped(a) for a in invoked.args))
        if invoked.varied or not callee.is_nested:
            return invoked.call
        self.program.need(callee, "pair")
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
        operands = dict(zip(callee.params, invoked.args))
        flows = [(operands[p], p) for p in callee.returned_params]
        spent = self.spend(names)
        if invoked.checkpointed:
            lent = {root_name(operands[p]) for p in callee.shadowed}
            reached = bar is not None and (flows or lent) or any(slot.name in lent for slot in self.set_)
            if not reached:
                return self.again(s, [])
        elif not any(p in callee.written for p in callee.shared) and (bar is None or not (flows or callee.shadowed)):
            return [replace(s, value=self.plain_call(invoked))], []
        if bar is None:
            bar = self.zero(s.target, kind) if invoked.varied and isinstance(s.target, Name) else Const(None)
        self.program.need(callee, "again" if invoked.checkpointed else "pair")
        held: Block = []
        before: Block = []
        self.out, self.deferred, self.spent = held, ({} if spent else None), spent
        targets, late = [], []
        places = {p: self.lent(callee, p, operands[p], spent, before, late) for p in callee.shared}
        if invoked.checkpointed:
            read, places = self.rerun(invoked, places)
        else:
            saved = Name(self.names.new(f"{callee.name}_saved"))
            read = (saved,)
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
                self.fresh.add(Slot(x.id))  # an adjoint function gives what nobody else sees
            else:
                name = Name(self.names.new(f"{p}_bar"))
                targets.append(name)
                late.append((x, name))
        memory = (*(places[p][0] for p in callee.shared), *(places[p][1] for p in callee.shadowed))
        changed = tuple(dict.fromkeys(n for n in map(root_name, memory) if n is not None))
        adjoint = Ref(callee, f"{callee.name}_{'again' if invoked.checkpointed else 'adjoint'}")
        adjoint_call = Call(adjoint, (*read, bar))
        if memory and invoked.checkpointed:
            adjoint_call = Sweep(adjoint, (*read, bar, *memory[len(callee.shared) :]), callee=callee, writes=changed)
        elif memory:
            lent = [(p, root_name(places[p][0])) for p in callee.shared]
            unread = tuple(n for p, n in lent if p in callee.unread and n is not None)
            adjoint_call = Sweep(
                adjoint, (*read, bar, *memory), callee=callee, writes=changed,
                lent=tuple((p, n) for p, n in lent if p in callee.written), unread=unread,
            )  # fmt: skip
        target = targets[0] if len(targets) == 1 else Tuple(tuple(targets))
        held.append(Assign(target, adjoint_call) if targets else ExprStmt(adjoint_call))
        for x, name in late:
            self.propagate(x, replace(name, kind=x.kind))
        for slot, values in (self.deferred or {}).items():
            held.append(Assign(self.bar(slot), self.total(slot, values)))
            self.set_.add(slot)
        self.deferred = None
        if invoked.checkpointed:
            return self.again(s, held)
        args, known = [], dict(zip(callee.params, callee.values))
        for p, x in operands.items():
            if p in places and places[p][2] is not None:
                args.append(places[p][2])
                continue
            if known[p].place is not None:  # another name of what is lent
                args.append(self.stripped(x))
                continue
            ahead, value = self.finish(s, x)
            if any(n in self.mutated or self.is_written_into(n) for n in aliases(x)) or self.is_part_written_into(x):
                value = kept(value)  # the callee keeps it, and it changes later
            before += ahead
            args.append(value)
        forward_call = Call(Ref(callee, f"{callee.name}_forward"), tuple(args), at=s.at)
        return [*before, replace(s, target=Tuple((s.target, saved)), value=forward_call)], held

    def rerun(self, invoked: Invoke, places: dict) -> tuple[tuple[Expr, ...], dict]:
        """The arguments with which a checkpointed function is run again, and the memory that it shares: a copy of what
        the caller's was, where it writes into it."""
        callee: Special = invoked.callee
        places = dict(places)
        args = []
        for p, v, x in zip(callee.params, callee.values, invoked.args):
            if p in callee.written:
                memory = Name(self.names.new(p), kind=x.kind)
                self.out.append(Assign(memory, Call(symbol(runtime.kept), (places[p][0],))))
                places[p] = memory, *places[p][1:]
            grows = isinstance(plain(x.kind), Items) and isinstance(x, Name) and self.is_written_into(x.id)
            read = self.hoist if grows else self.value  # an item that it gets later on stays in it on the way back
            args.append(places[p][0] if p in places else self.stripped(x) if v.place is not None else read(x))
        return tuple(args), places

    def again(self, s: Assign, held: Block) -> tuple[Block, Block]:
        """The call of a checkpointed function: of its own values nothing is kept; of the arrays that it writes into, what
        they were."""
        invoked: Invoke = s.value
        callee: Special = invoked.callee
        before: Block = []
        saves, restores = [], []
        args = []
        if callee.taken:
            raise MissingRule(
                s.at, f"{callee.source.name}() is checkpointed and exchanges arrays that it is given",
                hint="Leave the checkpoint away, or return the new arrays.",
            )  # fmt: skip
        for p, x in zip(callee.params, invoked.args):
            if p not in callee.written:
                ahead, value = self.finish(s, x)
                before += ahead
                args.append(value)
                continue
            if root_name(x) is None or root_name(x) in self.mutated:
                raise MissingRule(
                    s.at, f"{callee.source.name}() is checkpointed and writes into an array that cannot be brought back",
                    hint="Pass it a copy, or leave the checkpoint away.",
                )  # fmt: skip
            place = self.place(x, before)
            save, restore = self.place_provision(root_name(x), Subscript(place, Const(Ellipsis), kind=x.kind))
            saves.append(save)
            restores.append(restore)
            args.append(place)
        return [*before, *saves, replace(s, value=plain_call(invoked, self.program, args))], restores[::-1] + held

    def lent(self, callee: Special, p: str, x: Expr, spent: set[Slot], before: Block, late: list):
        """What the adjoint of a function gets for a parameter that it shares with its caller: the memory as it was at
        the call, its shadow, and the operand of the call. What is no place is lent a shadow that is read afterwards."""
        slot = Slot(root_name(x))
        is_shadowed = p in callee.shadowed
        reshaped = any(map(is_reshaping, steps(x)))
        is_place = isinstance(root_of(x), Name) and slot not in spent and not self.is_split(slot.name, root_of(x).kind)
        if is_place and not (reshaped and p not in callee.written):
            place = self.place(x, before)
            shadow = None
            if is_shadowed:
                bar = self.own_shadow(slot, root_of(x).kind)
                if reshaped and slot in self.pinned:
                    raise MissingRule(
                        x.at, f"{callee.source.name}() writes into `{text(x)}`, an array of the caller's in another shape",
                        hint="Write into the array itself.",
                    )  # fmt: skip
                if reshaped:  # so that what is added to the part of the shadow is added to the shadow
                    self.out.extend(self.made_contiguous(slot, place, bar))
                shadow = self.substitute_root(place, bar)
            return self.stripped(place), shadow, place
        value = self.value(x)
        shadow = None
        if is_shadowed:
            shadow = Name(self.names.new(f"{p}_bar"), kind=x.kind)
            self.out.append(Assign(shadow, self.zero(value, x.kind)))
            late.append((x, shadow))
        return value, shadow, None

    def own_shadow(self, slot: Slot, kind: Kind) -> Name:
        """The shadow of a variable, to be written into: started with zeros if there is none, a copy if others see it."""
        bar = self.ensure(slot, kind, self.out)
        if slot not in self.fresh | self.pinned:
            self.out.append(Assign(bar, copied(replace(bar, kind=kind))))
            self.fresh.add(slot)
        return bar

    def append(self, s: ExprStmt) -> tuple[Block, Block]:
        """`xs.append(v)`: on the way back, the last item of the shadow list is the adjoint of v."""
        name = root_name(s.value.fn.value)
        (value,) = s.value.args
        held: Block = []
        ahead: Block = []
        owner = self.place(s.value.fn.value, ahead)
        self.out, self.deferred, self.spent = held, None, set()
        slot = Slot(name)
        if isinstance(owner, Name):
            bar: Expr = self.ensure(slot, s.value.fn.value.kind, held)
        else:
            bar = self.substitute_root(owner, self.own_shadow(slot, self.slot_kind(slot)))
        if name not in self.mutated:
            held.append(ExprStmt(Call(Attribute(self.stripped(owner), "pop"), ())))
        popped = Call(Attribute(bar, "pop"), ())
        if value.varied:
            if not isinstance(value, Name) or self.is_split(value.id, value.kind) or Slot(value.id) in self.set_:
                item_bar = Name(self.names.new(f"{name}_item_bar"), kind=item_kind(plain(s.value.fn.value.kind)))
                held.append(Assign(item_bar, popped))
                popped = item_bar
            self.propagate(value, popped)
        else:
            held.append(ExprStmt(popped))
        before, value = self.finish(s, value)
        call = replace(s.value, fn=replace(s.value.fn, value=owner), args=(value,))
        return [*ahead, *before, replace(s, value=call)], self.commented(s, held)

    def pop(self, s: Assign, names: list[str], save: Block, restore: Block) -> tuple[Block, Block]:
        """`v = xs.pop()`: on the way back, v is appended to the list again, and its adjoint to the shadow list."""
        owner: Name = s.value.fn.value
        held: Block = []
        bar = self.whole(s.target.id, s.value.kind)
        self.spend(names)
        shadow = self.ensure(Slot(owner.id), owner.kind, held)
        held.append(ExprStmt(Call(Attribute(shadow, "append"), (bar,))))
        if owner.id not in self.mutated:
            held.append(ExprStmt(Call(Attribute(Name(owner.id), "append"), (Name(s.target.id),))))
        return [*save, s], self.commented(s, held + restore)
