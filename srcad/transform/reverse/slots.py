"""The adjoints of variables: where they are held, how one is added to, when it is started with zeros."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TYPE_CHECKING

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Callee, Items, Kind, Number, is_float, plain
from srcad.analysis.specialise import VIEWS, Local
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Dict, Expr, ExprStmt, Name, Op, Ref, Subscript, Tuple, call_of, walk,
)  # fmt: skip
from srcad.rules import registry
from srcad.transform.algebra import without_sign
from srcad.transform.reverse.forms import Block, Slot, copied, is_in, symbol
from srcad.transform.reverse.operations import Spread

if TYPE_CHECKING:
    pass

MAKERS = {np.array, np.zeros_like, np.sum, runtime.scatter, runtime.zeros_like, runtime.own, runtime.add}
"""Functions whose result shares memory with nothing."""


class Slots:
    """The part of the reversal that keeps the adjoints."""

    def spend(self, names: list[str]) -> set[Slot]:
        """The slots of variables that get a new value: before it, they have no adjoint."""
        spent = {slot for slot in self.set_ if slot.name in names}
        self.set_ -= spent
        self.fresh -= spent
        return spent

    def slots_in(self, e: Expr) -> set[Slot]:
        names = {n.id for n in walk(e) if isinstance(n, Name) and n.varied}
        return {slot for slot in self.bar_names if slot.name in names}

    def bar(self, slot: Slot) -> Name:
        """The variable of the reverse sweep that holds the adjoint of `slot`."""
        if slot not in self.bar_names:
            parts = [slot.name, *(str(k) if str(k).isidentifier() or isinstance(k, int) else "item" for k in slot.path)]
            self.bar_names[slot] = self.names.new("_".join(parts) + "_bar")
        return Name(self.bar_names[slot])

    def is_split(self, name: str, kind: Kind) -> bool:
        """Whether the adjoint of a container is held item by item: of one that is known, and no None."""
        return (
            isinstance(kind, Items)
            and name not in self.boxed
            and isinstance(self.kind_of_name.get(name, kind), Items)
            or (isinstance(kind, Callee) and isinstance(kind.extra, tuple) and name not in self.boxed)
        )

    def parts(self, kind: Kind) -> list[tuple[Any, Kind]]:
        kind = plain(kind)
        if isinstance(kind, Callee):
            return [(n, v.kind) for n, v in kind.extra if v.varied]
        return [(k, item) for k, item in zip(kind.keys, kind.items) if is_float(item) or is_closure(item)]

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
            items = tuple(self.whole(name, wanted[k], (*path, k), final) if k in wanted else Const(None) for k in keys)
            if isinstance(inner, Items) and inner.is_sequence:
                return Tuple(items, kind=kind)
            return Dict(tuple(Const(k) for k in keys), items, kind=kind)
        if slot in self.set_:
            bar = replace(self.bar(slot), kind=kind)
            if final and slot not in self.fresh and not isinstance(plain(kind), Number):
                return copied(replace(bar, kind=plain(kind)))
            return bar
        return self.zero(self.primal(slot), kind)

    def primal(self, slot: Slot) -> Expr:
        """The variable, or the item of it, that `slot` is the adjoint of."""
        e: Expr = Name(slot.name)
        kind = plain(self.kind_of_name.get(slot.name, kinds.UNKNOWN))
        for key in slot.path:
            if isinstance(kind, Callee):
                e, kind = Call(symbol(runtime.captured), (e, Const(key))), plain(dict(kind.extra)[key].kind)
                continue
            record = isinstance(kind, Items) and kind.is_record
            e = Attribute(e, key) if record else Subscript(e, Const(key))
            kind = plain(kind.item(key) or kinds.UNKNOWN) if isinstance(kind, Items) else kinds.UNKNOWN
        return e

    def zero(self, primal: Expr, kind: Kind) -> Expr:
        """The zero adjoint of a value."""
        match plain(kind):
            case Number():
                return Const(0.0)
            case Array():
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
            if not isinstance(plain(kind), Number):
                value = self.apart(value)
            if self.is_item_array(slot, kind):
                value = Call(symbol(np.array), (value,))
            if not (isinstance(value, Name) and value.id == bar.id):
                self.out.append(Assign(bar, value))
            if is_fresh_value(value) or isinstance(value, Name) and value.id == self.handed_on:
                self.fresh.add(slot)
            else:
                self.unfresh(value)
            return
        kind = plain(kind)
        if isinstance(value, Spread) and isinstance(kind, Array):
            value = value.args[0]  # NumPy spreads it
        if isinstance(kind, (Number, Array)):
            in_place = isinstance(kind, Number) or slot in self.fresh and kind.dtype in (np.float64, np.complex128)
            in_place = in_place or slot in self.pinned
            if in_place:
                self.out.append(added(bar, value))
            else:
                together = Op("+", (bar, value))
                self.out.append(Assign(bar, call_of(np.array, together) if self.is_item_array(slot, kind) else together))
                self.fresh.add(slot)
        elif slot in self.pinned:
            self.out.append(ExprStmt(Call(symbol(runtime.add_into), (bar, value))))
        else:
            self.out.append(Assign(bar, Call(symbol(runtime.add), (bar, value))))
            self.fresh.add(slot)

    def is_item_array(self, slot: Slot, kind: Kind) -> bool:
        """Whether a slot is the shadow of an array without axes that is written into: what NumPy computes of such arrays
        are numbers, which are no places."""
        return isinstance(plain(kind), Array) and plain(kind).rank == 0 and self.is_written_into(slot.name)

    def apart(self, value: Expr) -> Expr:
        """`value`; a copy of it where it may share memory with a shadow that is written into in place later."""
        if is_fresh_value(value):
            return value
        shared = self.shared_by(value)
        changing = self.cleared | {self.bar_names[slot] for slot in self.pinned}
        in_place = changing | {self.bar_names[slot] for slot in self.fresh if slot in self.bar_names}
        match value:
            case Call(fn=Ref(obj=runtime.unbroadcast), args=(part, shape)):
                return replace(value, args=(self.apart(part), shape))
            case Name() | Subscript():
                changes = not shared.isdisjoint(changing if isinstance(value, Name) else in_place)
                return copied(value) if changes else value
        return value if shared.isdisjoint(changing) else copied(value)

    def unfresh(self, value: Expr) -> None:
        """The arrays that `value` may share are seen by somebody else from here on."""
        shared = self.shared_by(value)
        self.fresh -= {slot for slot in self.fresh - self.pinned if self.bar_names[slot] in shared}

    def shared_by(self, value: Expr) -> set[str]:
        """The variables whose memory `value` may share, also by way of what is held in others."""
        found = {n.id for n in walk(value) if isinstance(n, Name)}
        return found.union(*(self.views[n] for n in found if n in self.views))

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


def is_closure(kind: Kind) -> bool:
    """Whether a value is a nested function that captures something varied: it has an adjoint, that of what it captures."""
    return isinstance(kind, Callee) and isinstance(kind.obj, Local) and any(v.varied for _, v in kind.extra)
def added(place: Expr, value: Expr) -> AugAssign:
    """`place += value`, or `place -= …` of a value with a sign; NumPy spreads what is to be spread."""
    if isinstance(value, Call) and isinstance(value.fn, Ref) and value.fn.obj is np.broadcast_to:
        value = value.args[0]
    positive = without_sign(value)
    return AugAssign(place, "+", value) if positive is None else AugAssign(place, "-", positive)


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
