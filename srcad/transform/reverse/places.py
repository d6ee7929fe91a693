"""From an expression to the variables that it is made of, and into their items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING


from srcad import prelude, runtime
from srcad.analysis.kinds import Array, Callee, Items, Kind, Listing, Number, is_float, plain
from srcad.analysis.operations import python_value
from srcad.core.nodes import (
    Assign, Attribute, Call, Const, Dict, Expr, ExprStmt, List, Name, Op, Ref, Slice, Subscript, Tuple,
)  # fmt: skip
from srcad.core.places import as_value
from srcad.errors import MissingRule
from srcad.options import current
from srcad.transform.fields import conjugate, in_field, is_complex_kind, is_complex_value
from srcad.transform.reverse.forms import (
    Slot, copied, is_basic_index, item, node_count, shape_of, slice_of, static_key, symbol,
)  # fmt: skip
from srcad.transform.reverse.operations import as_uniform, is_elementwise
from srcad.transform.reverse.slots import added, is_fresh_value

if TYPE_CHECKING:
    pass


class Places:
    """The part of the reversal that sends adjoints on."""

    def propagate(self, e: Expr, bar: Expr, root: Expr | None = None, wide: Kind | None = None) -> None:
        """Sends the adjoint `bar` of the value of `e` to the variables that `e` is made of. `wide` is the kind of what the
        value was broadcast to, where `bar` is of that shape and it is not known to be the value's own."""
        if not e.varied:
            return
        if wide is not None and not is_elementwise(e):
            bar = Call(symbol(runtime.unbroadcast), (bar, self.resolve(shape_of(self.operand(e)))))
            wide = None
        if self.program.is_complex:
            bar = self.in_field_of(e, bar)
        kind = plain(e.kind)
        match e:
            case Name(id=name) if name not in self.nested:
                return self.to_slot(Slot(name), e.kind, bar)
            case Call(fn=Ref(obj=runtime.captured), args=(Name(id=name), Const(value=key))):
                slot = Slot(key) if name in self.nested else Slot(name, (key,))
                return self.to_slot(slot, e.kind, bar)
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
        return self.apply(e, bar, root, wide)

    def in_field_of(self, e: Expr, bar: Expr) -> Expr:
        """An adjoint of the value of `e`: a real one if that is real, a complex one if it is complex."""
        wanted = is_complex_kind(e.kind)
        if wanted is None:
            return bar
        found = in_field(bar, wanted, self.is_complex_name)
        return replace(found, kind=e.kind) if isinstance(found, Name) and found.kind is None else found

    def conjugate(self, e: Expr, bar: Expr | None = None) -> Expr:
        """The conjugate of an expression; `bar` is the adjoint in it, which is conjugated already."""
        return conjugate(e, bar, self.is_complex_name)

    def is_complex_name(self, name: str) -> bool | None:
        """Whether a variable is complex, None if that is not known."""
        for slot, bar_name in self.bar_names.items():
            if bar_name == name:
                return is_complex_kind(self.slot_kind(slot))
        return self.complex_bars.get(name, is_complex_kind(self.kind_of_name.get(name)))

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
            static = static_key(container, key) if isinstance(key, Expr) else (key,)
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
        in_array = [k for k, c in rest[:-1] if isinstance(c, Array)]
        if in_array and (self.deferred is not None or not all(isinstance(k, Expr) and is_basic_index(k) for k in in_array)):
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
        for key, _ in rest:
            place = Subscript(place, self.index(key) if isinstance(key, Expr) else Const(key))
        return place

    def index(self, e: Expr) -> Expr:
        """An index as the reverse sweep can compute it."""
        return self.resolve(self.operand(e))

    def index_value(self, e: Expr) -> Expr:
        """An index as an argument: with slices, `np.s_[1:, None]`."""
        return as_value(self.index(e))

    def scatter(self, slot: Slot, kind: Kind, rest, e: Expr, bar: Expr) -> None:
        """Adds to the items of an array that an index reads: `x_bar[i] += …`."""
        key = rest[-1][0]
        simple = is_basic_index(key)
        if self.deferred is not None and slot in self.spent:
            return self.add(slot, kind, self.scattered(e, key, bar))
        if slot not in self.set_ and len(rest) == 1 and self.loop_depth == 0:
            self.add(slot, kind, self.scattered(e, key, bar))
            return None
        if slot in self.set_ and slot not in self.fresh | self.pinned:
            self.out.append(Assign(self.bar(slot), copied(replace(self.bar(slot), kind=plain(kind)))))
            self.fresh.add(slot)
        place = self.shadow(slot, kind, rest)
        if simple:
            self.out.append(added(place, bar))
        else:
            self.out.append(ExprStmt(Call(symbol(runtime.add_at), (place.value, self.index_value(key), bar))))
        return None

    def scattered(self, e: Expr, key: Expr, bar: Expr) -> Expr:
        """The adjoint of a whole array of which `e` reads the items at `key`."""
        shape = self.resolve(shape_of(self.operand(e.value)))
        return Call(symbol(runtime.scatter), (bar, self.index_value(key), shape))

    def into_container(self, slot: Slot, kind: Kind, rest, e: Expr, bar: Expr) -> None:
        """Adds to an item of a shadow container."""
        if self.deferred is not None and slot in self.spent:
            if len(rest) > 1:
                raise MissingRule(e.at, "a container that is replaced by a part of an item of it has no derivative here")
            key, value = rest[-1][0], self.value(e.value)
            if isinstance(key, Slice):
                where = slice_of(self.index(key))
                return self.add(slot, kind, Call(symbol(prelude.scatter_items), (bar, where, value)))
            where = self.index_value(key) if isinstance(key, Expr) else Const(key)
            return self.add(slot, kind, Call(symbol(prelude.scatter_item), (bar, where, value)))
        if slot in self.set_ and slot not in self.fresh | self.pinned:
            self.out.append(Assign(self.bar(slot), copied(replace(self.bar(slot), kind=plain(kind)))))
            self.fresh.add(slot)
        place = self.shadow(slot, kind, rest)
        if isinstance(place.index, Slice):
            self.out.append(ExprStmt(Call(symbol(prelude.add_items), (place.value, slice_of(place.index), bar))))
        elif isinstance(plain(e.kind), Number):
            self.out.append(added(place, bar))
        else:
            self.out.append(Assign(place, Call(symbol(runtime.add), (place, bar))))

    def container(self, e: Expr, bar: Expr) -> bool:
        """The adjoints of what makes a container of others: `xs + ys`, `[v] * n`, `xs.copy()`, `xs[1:]`."""
        match e:
            case Call(fn=Ref(obj=runtime.duplicate), args=(value,)):
                self.propagate(value, bar)
                return True
            case Op(op="+", args=(a, b)):
                bar = self.atomic(bar, "items_bar")
                length = Call(symbol(len), (self.value(a),))
                self.propagate(a, Subscript(bar, Slice(None, length, None)))
                self.propagate(b, Subscript(bar, Slice(length, None, None)))
                return True
            case Op(op="*", args=(a, b)):
                sequence = a if a.varied else b
                self.propagate(sequence, Call(symbol(prelude.fold_items), (bar, self.value(sequence))))
                return True
            case Call(fn=Attribute(value=value, attr="copy"), args=()):
                self.propagate(value, Call(symbol(runtime.own), (bar,)))
                return True
            case Call(fn=Ref(obj=runtime.own | runtime.kept | runtime.duplicate), args=(value,)):
                self.propagate(value, bar)
                return True
            case Call(fn=Ref(obj=runtime.add), args=(a, b)):
                bar = self.atomic(bar, "items_bar")
                self.propagate(a, bar)
                self.propagate(b, bar)
                return True
        return False

    def atomic(self, bar: Expr, base: str) -> Expr:
        """`bar`, in a variable if it is more than a name."""
        if isinstance(bar, (Name, Const)) or isinstance(bar, (Tuple, Dict, List)):
            return bar
        name = Name(self.names.new(base), kind=bar.kind)
        if self.program.is_complex:
            self.complex_bars[name.id] = is_complex_value(bar, self.is_complex_name)
        self.out.append(Assign(name, bar))
        if not is_fresh_value(bar):
            self.views[name.id] = self.shared_by(bar)
        return name

    def held(self, bar: Expr, base: str) -> Expr:
        """`bar` in a variable; of one number spread to a shape, the number, and of a variable with a sign, as it is."""
        match bar if current().simplification else None:
            case Op(op="neg", args=(Name(),)):
                return bar
        uniform = as_uniform(bar)
        if uniform is None:
            return self.atomic(bar, base)
        number, shape = uniform
        return replace(bar, args=(number if node_count(number) < 7 else self.atomic(number, base), shape))
