"""Values of the primal on the way back: recomputed where that is cheap, else kept by the forward sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Listing, Number, Unknown, plain
from srcad.analysis.operations import function_of
from srcad.analysis.specialise import aliases
from srcad.analysis.specialise.sharing import is_basic_kind, references
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Def, Expr, ExprStmt, For, Global, Lambda, List, Name, Node, Op, Ref,
    Slice, Stmt, Subscript, Tuple, With, map_children, walk, with_blocks,
)  # fmt: skip
from srcad.core.places import inner, root_name, with_inner
from srcad.transform.liveness import Restore, Save
from srcad.transform.reverse.forms import (
    Block, OP_NAMES, called_name, is_whole, is_written_out, kept, shape_of, static_key, symbol, target_list, walk_all,
)  # fmt: skip
from srcad.transform.reverse.operations import is_elementwise

if TYPE_CHECKING:
    pass


AGAIN = {"+", "-", "*", "/", "//", "%", "<<", ">>", "neg", "pos", "@"}
"""Operators that are worked out once more on the way back rather than kept of each pass."""

PRODUCTS = (np.dot, np.matmul, np.einsum, np.inner, np.outer, np.vdot, np.multiply, np.add, np.subtract, np.divide, slice)
"""Functions that are."""


class Recording:
    """The part of the reversal that decides what is recorded."""

    def settle(self, forward: Block, used: set[Save]) -> Block:
        """The forward sweep with those provisions that the reverse sweep uses; variables that may be unset get a None."""
        unset: set[str] = set()
        keys = {id(k.key) for k in used}

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
                        value = kept(replace(value, kind=None if s.unset else self.kind_of_name.get(s.name)))
                    if s.in_loop:
                        out.append(ExprStmt(Call(Attribute(tape, "append"), (value,))))
                    else:
                        out.append(Assign(tape, value))
                    continue
                out.append(with_blocks(s, visit))
            return out

        settled = visit(forward)
        return [Assign(Name(n), Const(None)) for n in sorted(unset.difference(self.special.params))] + settled

    def is_written_into(self, name: str) -> bool:
        """Whether a variable holds an array or list that is changed in place, so that keeping it means copying it."""
        return name in self.written and not isinstance(plain(self.kind_of_name.get(name, kinds.UNKNOWN)), Number)

    def is_part_written_into(self, e: Expr) -> bool:
        """Whether `e` is an array that a container holds, of whose arrays one is changed in place."""
        return isinstance(plain(e.kind), (Array, Listing, Items)) and bool(references(e) & self.written_inside)

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
        tape = self.tape(name) if in_loop else self.names.new(f"{name}_old")
        key = object()
        return Save(tape, name, in_loop, key, unset), Restore(tape, name, in_loop, key)

    def tape(self, name: str, of_items: bool = False) -> str:
        """The tape of a variable, or that of numbers in it: what is on one tape is of one kind."""
        key = name, of_items and not isinstance(plain(self.kind_of_name.get(name)), Number)
        return self.tape_of.get(key) or self.tape_of.setdefault(key, self.names.new(f"{name}_tape"))

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
                shapes = self.broadcast_shapes(self.placeholders[e.value.id]) if e.attr == "shape" else None
                if shapes is not None:
                    return Call(symbol(np.broadcast_shapes), shapes)
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

    def broadcast_shapes(self, e: Expr) -> tuple[Expr, ...] | None:
        """The shapes of the variables, and views of them, of which an element-wise expression in a loop is made."""
        if not self.loop_depth or id(e) in self.hoisted or not is_elementwise(e):
            return None
        shapes: list[Expr] = []
        for x in (x for x in function_of(e)[1] if not isinstance(plain(x.kind), Number)):
            inside = self.broadcast_shapes(x)
            if inside is None and not (isinstance(plain(x.kind), Array) and root_name(x) is not None and self.is_cheap(x)):
                return None
            shapes += [shape_of(self.stripped(x))] if inside is None else inside
        return tuple(shapes) if len(shapes) <= 3 else None

    def of_same_shape(self, e: Expr) -> Expr | None:
        """A variable, or a view of one, that is read in `e` and known to have the shape of its value."""
        if id(e) in self.hoisted or not isinstance(e.kind, Array) or e.kind.dims is None:
            return None
        for n in walk(e):
            kind = n.kind if isinstance(n, (Name, Subscript)) else None
            if (
                isinstance(kind, Array)
                and kind.dims is not None
                and (n.id not in self.mutated if isinstance(n, Name) else self.is_cheap(n))
                and (len(kind.dims) == len(e.kind.dims))
                and all(a == b == kinds.ONE or kinds.same_extent(a, b) for a, b in zip(kind.dims, e.kind.dims))
            ):
                return self.stripped(n)
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
                if self.program.memory is not None and self.loop_depth and not depth:  # an array less to keep of each pass
                    small = all(isinstance(a, (Const, Name)) for a in args)
                return small and op in ("+", "-", "*", "neg", "/") and all(self.is_cheap(a, depth + 1) for a in args)
            case Subscript(value=value, index=index):
                return (
                    self.is_cheap(value, depth)
                    and self.is_cheap_index(index)
                    and not isinstance(plain(value.kind), Unknown)
                )
            case Attribute(value=value):
                known = isinstance(plain(value.kind), (Items, Array))
                return known and self.is_cheap(value, depth)
            case Call(fn=Ref(obj=runtime.captured)):
                return True
        return False

    def is_made_again(self, e: Expr, seen: set[str]) -> bool:
        """Whether `e`, in a loop, is made once more on the way back rather than kept of each pass: by a product or less, of
        what stays."""
        match e:
            case Const() | Ref():
                return True
            case Name(id=name):
                return name in self.stable or name in self.indices or name in self.constants or name in seen
            case Attribute(value=Name(id=name, kind=Array()), attr="shape" | "size" | "ndim"):
                return name in self.fixed or name in seen
            case Attribute(value=value, attr=attr):
                known = isinstance(plain(value.kind), (Items, Array)) and attr in ("T", *getattr(value.kind, "keys", ()))
                return known and self.is_made_again(value, seen)
            case Op(op=op, args=args):
                return op in AGAIN and all(self.is_made_again(a, seen) for a in args)
            case Subscript(value=value, index=index):
                known = not isinstance(plain(value.kind), Unknown)
                return known and self.is_made_again(value, seen) and self.is_made_again(index, seen)
            case Slice(lower=lower, upper=upper, step=step):
                return all(p is None or self.is_made_again(p, seen) for p in (lower, upper, step))
            case Tuple(elts=elts):
                return all(self.is_made_again(i, seen) for i in elts)
            case Call(fn=Ref(obj=obj), args=args, kwargs=()) if any(obj is f for f in PRODUCTS):
                return all(self.is_made_again(a, seen) for a in args)
        return False

    def is_cheap_index(self, index: Expr) -> bool:
        match index:
            case Slice(lower=lower, upper=upper, step=step):
                return all(p is None or self.is_cheap(p, 1) for p in (lower, upper, step))
            case Tuple(elts=elts):
                return all(self.is_cheap_index(i) for i in elts)
        return self.is_cheap(index) and is_basic_kind(index.kind)

    def hoist(self, e: Expr) -> Name:
        """A variable of the forward sweep for the value of a part of an expression."""
        fn = function_of(e)
        base = "value"
        if fn is not None:
            base = OP_NAMES.get(fn[0], "value") if isinstance(fn[0], str) else called_name(fn[0])
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
        moved = any(id(n) in self.hoisted for n in walk(e))

        def rebuild(node: Node) -> Node:
            new = node if isinstance(node, Lambda) else map_children(node, rebuild)  # its body is not run here
            name = self.hoisted.get(id(node))
            if name is None:
                if moved and isinstance(node, Call) and may_have_effect(node):  # it keeps its turn among what is moved
                    name = Name(self.names.new("value"), kind=node.kind)
                    before.append(Assign(name, new, at=s.at))
                    return name
                return new
            is_kept = isinstance(node, Name) or not isinstance(plain(node.kind), Number) and (
                any(n in self.mutated or self.is_written_into(n) for n in aliases(node)) or self.is_part_written_into(node)
            )  # it is changed in place later on: the way back needs it as it is now
            before.append(Assign(name, kept(new) if is_kept else new, at=s.at))
            return name

        value = rebuild(e)
        return before, value

    def place(self, target: Expr, before: Block) -> Expr:
        """A place that both sweeps can name: computed indices are held in variables."""
        value = inner(target)
        if value is None:
            return target
        place = with_inner(target, self.place(value, before))
        if not isinstance(target, Subscript):
            return place
        return replace(place, index=self.index_of_place(target.index, before, root_name(target)))

    def index_of_place(self, index: Expr, before: Block, owner: str | None) -> Expr:
        """An index of a place in `owner`: what is read of that itself is held, since a write there may change it."""
        match index:
            case Tuple(elts=elts):
                return replace(index, elts=tuple(self.index_of_place(i, before, owner) for i in elts))
            case Slice(lower=lower, upper=upper, step=step):
                parts = [None if p is None else self.index_of_place(p, before, owner) for p in (lower, upper, step)]
                return replace(index, lower=parts[0], upper=parts[1], step=parts[2])
        own = any(isinstance(n, Name) and n.id == owner for n in walk(index))
        if self.is_cheap_index(index) and not own or is_written_out(index):
            return index
        if isinstance(index, Name) and index.id in self.stable:
            return index
        name = Name(self.names.new("index"), kind=index.kind)
        held = any(n in self.mutated or self.is_written_into(n) for n in aliases(index))
        before.append(Assign(name, kept(index) if held else index))
        return name

    def place_provision(self, name: str, place: Expr) -> tuple[Save, Restore]:
        in_loop, key = self.loop_depth > 0, object()
        tape = self.names.new(f"{name}_old") if not in_loop else self.tape(name, isinstance(plain(place.kind), Number))
        is_item = not isinstance(plain(place.kind), Number) and not isinstance(plain(inner(place).kind), Array)
        return Save(tape, name, in_loop, key, place=place), Restore(
            tape, name, in_loop, key, self.stripped(place), is_item
        )

    def substitute_root(self, place: Expr, bar: Name) -> Expr:
        value = inner(place)
        if value is None:
            return bar
        container = plain(value.kind)
        if isinstance(place, Attribute) and isinstance(container, Items):  # the shadow of an object is a dictionary
            fields = getattr(container.cls, "_fields", None)
            key = fields.index(place.attr) if fields else place.attr
            return Subscript(self.substitute_root(value, bar), Const(key))
        return with_inner(self.stripped(place), self.substitute_root(value, bar))


def lower_restores(block, written: set[str], lent: list[str]) -> Block:
    """`Restore` as the plain statement that it is; `written` are the variables that change in place, `lent` those whose
    memory is the caller's."""
    out: Block = []
    for s in block:
        if isinstance(s, Restore):
            value = Call(Attribute(Name(s.tape), "pop"), ()) if s.in_loop else Name(s.tape)
            if s.place is None and s.name in lent:
                out.append(ExprStmt(Call(symbol(runtime.put_back), (Name(s.name), value))))
                continue
            if not s.in_loop and s.name in written and (s.place is None or s.is_item):
                value = Call(symbol(runtime.kept), (value,))  # old values of its items come back into it
            out.append(Assign(Name(s.name) if s.place is None else s.place, value))
        else:
            out.append(with_blocks(s, lambda inner: lower_restores(inner, written, lent)))
    return out


def may_have_effect(e: Call) -> bool:
    """Whether a call may do more than compute its value: draw a random number, print, count."""
    applied = function_of(e)
    return applied is None or not kinds.is_pure(applied[0])


def kept_value(place: Expr) -> Expr:
    """What is kept of a place before it is overwritten: a number as it is, a part of an array as a copy; None of an item
    that a dictionary may not have."""
    if isinstance(place, Subscript) and isinstance(container := plain(place.value.kind), (Items, Listing)):
        has_it = isinstance(container, Items) and static_key(container, place.index) is not None
        if container.cls is dict and not has_it:
            return Call(symbol(runtime.kept), (Call(Attribute(place.value, "get"), (place.index,)),))
    if isinstance(plain(place.kind), Number):
        return place
    return kept(place.value if is_whole(place) and isinstance(place.value.kind, Array) else place)


def kept_in_loop(used, tape: str) -> bool:
    return any(k.tape == tape and k.in_loop for k in used)


def declare_tapes(forward: Block, used) -> Block:
    tapes = sorted({k.tape for k in used if k.in_loop})
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
            case Def(function=function):
                found[function.name] = None
    return list(found)
