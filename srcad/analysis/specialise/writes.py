"""Writes into arrays, containers and objects."""

from __future__ import annotations

import functools
from dataclasses import replace

from srcad import runtime
from srcad.analysis.kinds import (
    NEVER, UNKNOWN, Array, Callee, Items, Kind, Listing, Opaque, Unknown, is_complex, is_float, is_list, item_kind,
    join, plain,
)  # fmt: skip
from srcad.analysis.specialise.operated import const_key
from srcad.analysis.specialise.other_names import parts_after
from srcad.analysis.specialise.ownership import COPY_FIRST
from srcad.analysis.specialise.protocols import OPERATORS
from srcad.analysis.specialise.sharing import aliases, is_basic, is_step, mark_varied, references, way_to
from srcad.analysis.specialise.values import kind_name
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Expr, ExprStmt, Global, Name, Op, Ref, Slice, Stmt, Subscript, Tuple,
    reference,
)  # fmt: skip
from srcad.core.places import is_flat, root_name, root_of, steps
from srcad.core.printer import text


class Writes:
    """The part of the specialisation that goes through writes."""

    def store(self, s: Assign, target: Expr, typed: Expr) -> None:
        """A write into an array, a container or an object."""
        self.write(s, self.typed_place(target), typed)

    def typed_place(self, target: Expr) -> Expr:
        if isinstance(target, Subscript) and not isinstance(target.value, Name):
            value, index = self.exprs((target.value, target.index))
            return self.typed_operation(replace(target, value=value, index=index))
        if isinstance(target, Subscript):
            value = self.container(target.value)
            return self.typed_operation(replace(target, value=value, index=self.expr(target.index)))
        value = self.container(target.value)
        known = plain(value.kind)
        kind = known.item(target.attr) if isinstance(known, Items) else None
        return replace(target, value=value, kind=UNKNOWN if kind is None else kind, varied=value.varied)

    def write(self, s: Assign | AugAssign, target: Expr, typed: Expr) -> None:
        """`target = typed` or `target += typed`, for a place with kinds."""
        holder = plain((target.value.value if is_flat(target) else target.value).kind)
        if isinstance(holder, Array) and is_complex(typed.kind) and not is_complex(holder):
            self.refuse(
                s, f"writing a complex number into an array of {holder.dtype}, which loses its imaginary part",
                "Make the array complex, as np.zeros(n, complex), or write the real part, `z.real`.",
            )  # fmt: skip
            return
        if is_flat(target) and isinstance(plain(typed.kind), Array) and aliases(typed):
            names = Const(f"{s.at}: {text(root_of(target))}, {text(typed)}")  # NumPy reads what it has just written, too
            self.emit(ExprStmt(Call(reference(runtime.check_apart), (names, root_of(target), typed)), at=s.at))
        if self.may_read_written(s, target, typed):
            names = Const(f"{s.at}: {text(target)} = {text(typed)}")
            self.emit(ExprStmt(Call(reference(runtime.check_steps), (names, target, typed)), at=s.at))
        if isinstance(target, Attribute) and isinstance(holder, Callee) and not typed.varied:  # event.terminal = True
            function = replace(target.value, varied=False)
            self.emit(replace(s, target=replace(target, value=function, varied=False), value=typed))
            return
        if typed.varied or target.value.varied:
            place = self.owned_place(s, target, typed)
            if place is not None:
                self.emit(replace(s, target=place, value=typed))
                self.note_replaced(s, target)
            return
        self.check_global(s, target.value)
        self.claim_constant(s, target.value)
        name = root_name(target)
        if name in self.env and isinstance(plain(self.env[name].kind), (Items, Listing)):
            known = self.env[name]
            kind = with_item(known.kind, steps(target)[::-1], self.kind_after(s, target, typed))
            held, parts = self.held_after(s, target, typed), parts_after(known, target)
            self.update(name, replace(known, kind=kind, held=held, parts=parts))
        if keeps(s, target, typed):
            self.seen_elsewhere(typed)
        self.emit(replace(s, target=target, value=typed))
        self.note_replaced(s, target)

    def may_read_written(self, s: Assign | AugAssign, target: Expr, typed: Expr) -> bool:
        """Whether a view is written into another one of the same array, of one axis, at what may be another step."""
        if isinstance(s, AugAssign) or not isinstance(target, Subscript) or not is_basic(target.index) or is_flat(target):
            return False
        arrays = plain(target.value.kind), plain(target.kind), plain(typed.kind)
        if not all(isinstance(k, Array) for k in arrays) or arrays[1].rank not in (None, 1) or arrays[2].rank == 0:
            return False
        return root_name(target) in self.sharing(typed) and not has_same_steps(target, typed)

    def note_replaced(self, s: Stmt, target: Expr) -> None:
        """Notes that a container has another item in a place: what was a name of the item there is one no more."""
        in_place = isinstance(s, AugAssign) and isinstance(plain(target.kind), Array)
        if not (in_place or isinstance(plain(target.value.kind), Array)):
            self.moved(target)

    def owned_place(self, s: Stmt, target: Expr, typed: Expr) -> Expr | None:
        """The place that a write goes to, in memory of this function that nobody else shares; None, and a problem
        noted, where that is not known."""
        what = "an item" if isinstance(target, Subscript) else "an attribute"
        root = root_of(target)
        self.check_global(s, target)
        if not isinstance(root, Name):
            if not isinstance(root, (Global, Ref)):
                self.refuse(s, f"writing into {what} of a value that is differentiated", COPY_FIRST)
            return None
        known = self.env.get(root.id)
        if known is None:
            self.refuse(
                s, f"writing into {what} of `{root.id}`, a variable of an enclosing function", "Return the new value."
            )
            return None
        path = steps(target)
        for step in path:
            kind = plain(step.value.kind) if isinstance(step, (Subscript, Attribute)) else None
            if isinstance(step, Attribute) and isinstance(kind, Opaque):
                special = self.special
                if not special.is_aliasing:  # what it has made is gone through anew, as a record
                    special.is_aliasing = True
                    return None
                self.refuse(s, f"writing into an attribute of `{root.id}`, an object of class {kind.type.__name__}",
                            "Pass it as an argument that is differentiated, or return the value.")  # fmt: skip
                return None
            if step is target and is_flat(step):
                kind = plain(step.value.value.kind)
            if isinstance(kind, Unknown):
                self.refuse(s, f"writing into {what} of `{root.id}`, of which too little is known", COPY_FIRST)
                return None
            if isinstance(step, Attribute) and isinstance(kind, Array) and step is not target:
                continue
            fixed = isinstance(kind, Array) and (not is_float(kind) or isinstance(step, Attribute))
            passed = step is not target and isinstance(kind, Items)  # an array in a tuple is written into all the same
            if fixed or kind is not None and not passed and not is_writable(kind):
                self.refuse(s, f"writing into {what} of {kind_name(kind)} a value that is differentiated", COPY_FIRST)
                return None
            if step is not target and not is_step(step) and not (step is target.value and is_flat(target)):
                self.refuse(s, f"writing into `{text(step)}`, which is a copy", "Index once, with all the indices.")
                return None
        if not self.claim(root.id) or not self.claim_items(root.id, way_to(target.value)):
            self.refuse(s, f"writing into {what} of `{root.id}`, whose memory another name may share", COPY_FIRST)
            return None
        known = self.env[root.id]
        kind = with_item(known.kind, path[::-1], self.kind_after(s, target, typed))
        held, parts = self.held_after(s, target, typed), parts_after(known, target)
        self.update(root.id, replace(known, kind=kind, varied=True, held=held, parts=parts))
        if keeps(s, target, typed):
            self.seen_elsewhere(typed)
        return replace(target, varied=True, value=mark_varied(target.value))

    def kind_after(self, s: Assign | AugAssign, target: Expr, typed: Expr) -> Kind:
        """The kind of what is at a place after a write into it."""
        if isinstance(s, Assign):
            return typed.kind
        in_place = isinstance(plain(target.kind), Array) or has_method_for(plain(target.kind), s.op)
        return target.kind if in_place else self.binary(s, target, typed).kind

    def augmented(self, s: AugAssign) -> None:
        if self.augmented_object(s):
            return None
        if not isinstance(s.target, Name):
            return self.augmented_place(s, self.typed_place(s.target))
        target = self.expr(s.target)
        kind = plain(target.kind)
        if not isinstance(target, Name) or isinstance(kind, Array) and self.is_shared(s.target.id):
            if isinstance(kind, (Items, Listing)):
                return self.augmented_place(s, target)
            return self.augmented_whole(s, target)
        if is_list(kind) and s.op == "+":
            return self.extend(s, target, s.value)
        typed = self.expr(s.value)
        is_tuple = isinstance(kind, (Items, Listing)) and issubclass(kind.cls, tuple)
        if is_tuple or not (isinstance(kind, (Array, Unknown, Listing, Items)) or has_method_for(kind, s.op)):
            return self.rebind(s, target, typed)
        if not (target.varied or typed.varied):
            self.claim_constant(s, target)
            s = replace(s, target=target, value=typed)
            self.emit(s)
            return self.note_change_by_operator(s)
        is_lent = s.target.id in self.special.params and s.target.id not in self.assigned  # the caller sees the change
        if isinstance(kind, (Array, Unknown)) and self.is_owned(s.target.id) and not is_lent:
            after = self.binary(s, target, typed).kind
            if isinstance(kind, Unknown) or (isinstance(after, Array) and after.dtype == kind.dtype):
                return self.rebind(s, target, typed)
        if isinstance(kind, Array) and self.claim(s.target.id):
            return self.augmented_whole(s, target)
        self.refuse(
            s,
            f"`{s.target.id} {s.op}= …` changes an array in place that another name may share",
            f"Write `{s.target.id} = {s.target.id} {s.op} …`.",
        )
        return None

    def augmented_whole(self, s: AugAssign, target: Expr) -> None:
        """`a *= v` as `a[...] = a * v`"""
        self.augmented_place(s, self.typed_place(Subscript(target, Const(Ellipsis, at=s.at), at=s.at)))

    def augmented_place(self, s: AugAssign, target: Expr) -> None:
        """`a[i] += v`, and `a[i] *= v` as `a[i] = a[i] * v` with the index computed once; an array that is an item of a
        container changes in place."""
        if is_list(plain(target.kind)):
            if s.op == "+":
                return self.extend(s, target, s.value)
            self.refuse(s, f"`{s.op}=` of a list inside another container", "Write it with append or extend.")
        if isinstance(target, (Subscript, Attribute)) and isinstance(plain(target.kind), Array):
            if not isinstance(plain(target.value.kind), (Array, Unknown)):
                return self.augmented_whole(s, target)
        if s.op in ("+", "-") or has_method_for(plain(target.kind), s.op):
            old, typed = self.exprs((target, s.value))
            if not isinstance(old, Name):
                return self.write(s, target, typed)
            if has_method_for(plain(old.kind), s.op):
                return self.augmented(replace(s, target=old))
            value = self.binary(s, old, typed)  # the value changes the place itself
            return self.write(Assign(target, value, at=s.at), target, value)
        if isinstance(target, Subscript):
            target = replace(target, index=self.held_index(target.index, changing=False))
        old, typed = self.exprs((target, s.value))
        if not (old.varied or typed.varied) and isinstance(plain(target.kind), Unknown):  # it may change in place
            return self.write(s, target, typed)
        if isinstance(plain(target.kind), Array):
            target = replace(target, kind=old.kind)
        value = self.typed_operation(Op(s.op, (old, typed), at=s.at))
        return self.write(Assign(target, value, at=s.at), target, value)

    def rebind(self, s: AugAssign, target: Name, typed: Expr) -> None:
        result = self.binary(s, target, typed)
        self.define(target.id, result)
        self.emit(Assign(replace(target, kind=result.kind, varied=result.varied), result, at=s.at))

    def binary(self, s: AugAssign, target: Expr, typed: Expr) -> Expr:
        return self.typed_operation(Op(s.op, (target, typed), at=s.at))


def keeps(s: Stmt, target: Expr, value: Expr) -> bool:
    """Whether a write makes a container hold what others may see; what is written into, or added to, an array is copied."""
    changed = target if isinstance(s, AugAssign) else target.value
    copied = isinstance(plain(changed.kind), Array) or isinstance(plain(target.value.kind), Array)
    return not copied and bool(references(value))


def has_same_steps(a: Expr, b: Expr) -> bool:
    """Whether two parts of an array differ in the places where they begin and end only."""
    if not (isinstance(a, Subscript) and isinstance(b, Subscript)) or text(a.value) != text(b.value):
        return False
    indices = [i.elts if isinstance(i, Tuple) else (i,) for i in (a.index, b.index)]
    steps_of = [[text(replace(i, lower=None, upper=None)) if isinstance(i, Slice) else "" for i in x] for x in indices]
    return steps_of[0] == steps_of[1] and all(is_basic(i) for x in indices for i in x)


def has_method_for(kind: Kind, op: str) -> bool:
    """Whether an object of the library, a set or a queue, changes in place where an operator is written with `=`."""
    return isinstance(kind, Opaque) and hasattr(kind.type, f"__i{OPERATORS.get(op, '')}__")


def is_writable(kind: Kind) -> bool:
    return isinstance(kind, (Array, Listing)) or isinstance(kind, Items) and not issubclass(kind.cls, tuple)


def with_item(kind: Kind, path: list[Expr], new: Kind) -> Kind:
    """The kind of a container after a write of a value of kind `new` at the end of a path into it."""
    if not path:
        return new
    step, *rest = path
    if isinstance(step, Subscript) and isinstance(step.index, Slice) and is_list(plain(kind)):
        return Listing(join(item_kind(plain(kind)), with_item(item_kind(plain(kind)), rest, item_kind(plain(new)))))
    match plain(kind):
        case Listing(item=item) as listing:
            return replace(listing, item=join(item, with_item(item, rest, new)))
        case Items(keys=keys, items=items) as known:
            try:
                key = step.attr if isinstance(step, Attribute) else const_key(step.index)
            except ValueError:
                if known.cls is dict:
                    return Listing(functools.reduce(join, (*items, with_item(NEVER, rest, new))), dict)
                return replace(known, items=tuple(join(i, with_item(i, rest, new)) for i in items))
            if isinstance(key, int) and key < 0 and known.is_sequence:
                key += len(keys)
            if known.item(key) is None:
                return known if rest or known.is_sequence else replace(known, keys=(*keys, key), items=(*items, new))
            return replace(known, items=tuple(with_item(i, rest, new) if k == key else i for k, i in zip(keys, items)))
    return kind
