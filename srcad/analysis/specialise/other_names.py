"""Variables that are only other names of a place in an array or a container."""

from __future__ import annotations

import functools
from dataclasses import replace

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Listing, Literal, Nothing, Number, Sliced, plain
from srcad.analysis.specialise.ownership import COPY_FIRST
from srcad.analysis.specialise.sharing import is_step, key_of_field, may_be_same, references
from srcad.analysis.specialise.values import Place, Value, set_names
from srcad.core.nodes import (
    Alias, Assign, Attribute, AugAssign, Call, Const, Dict, Expr, ExprStmt, For, List, Name, Op, Ref, Slice, Stmt,
    Subscript, Tuple, reference, walk,
)  # fmt: skip
from srcad.core.places import array_of, as_value, inner, is_reshaping, root_name, root_of, steps, with_inner
from srcad.core.printer import text


class OtherNames:
    """The part of the specialisation that knows what variables are other names of."""

    def is_place(self, e: Expr) -> bool:
        """Whether `e` names a part of what is in a variable, as a view of it or as an item by reference."""
        if isinstance(plain(e.kind), Number) or not isinstance(plain(e.kind), (Array, Items, Listing)):
            return False
        root = root_of(e)
        return isinstance(root, Name) and root.id in self.env and all(map(is_step, steps(e)))

    def bind_place(self, name: str, e: Expr, s: Stmt) -> None:
        """Makes a variable another name of the place `e`."""
        if self.is_moving(e) and self.is_movable(e):
            return self.bind_moving(name, e, s)
        e = self.frozen(e)
        if any(map(is_reshaping, steps(e))):
            shown = Const(f"{s.at}: {text(e)}")
            self.emit(ExprStmt(Call(reference(runtime.check_view), (e, array_of(e), shown)), at=s.at))
        self.bind(name, Value(e.kind, e.varied, place=Place(text(e), e)))
        self.emit(Alias(Name(name, kind=e.kind, at=s.at), replace(e, varied=False), at=s.at))

    def bind_moving(self, name: str, e: Expr, s: Stmt) -> None:
        """Makes a variable, whose place in an array changes, the name of the place `e`: of the array it is in, at an index
        that is a variable."""
        root, path = root_of(e), steps(e)[::-1]
        key = ("index of", name)
        if key not in self.rewritten:
            self.rewritten[key] = Name(self.special.names.new(f"{name}_index"), at=s.at)
        index = self.rewritten[key]
        found: Expr = Const(Ellipsis)
        if path and isinstance(path[0].index, Name) and isinstance(plain(path[0].index.kind), Items):
            found = path[0].index
            if found.id == index.id and len(path) == 1:
                return
        for step in path[isinstance(found, Name) :]:
            found = Call(reference(runtime.within), (Attribute(root, "shape"), as_value(found), as_value(step.index)))
        if not path:
            found = Call(reference(runtime.within), (Attribute(root, "shape"), found, found))
        taken = [False] * plain(root.kind).rank
        for step in path:
            free = [k for k, is_taken in enumerate(taken) if not is_taken]
            for k, i in zip(free, index_parts(step.index, len(free))):
                taken[k] = not isinstance(i, Slice)
        items = tuple(kinds.INT if is_taken else Sliced((kinds.INT,) * 3) for is_taken in taken)
        kind = Items(tuple, tuple(range(len(items))), items)
        self.bind(index.id, Value(kind))
        self.emit(Assign(replace(index, kind=kind), replace(found, kind=kind), at=s.at))
        place = self.typed_operation(Subscript(root, replace(index, kind=kind), at=s.at))
        self.bind(name, Value(e.kind, e.varied, place=Place(text(place), place)))
        self.emit(Alias(Name(name, kind=e.kind, at=s.at), replace(place, varied=False), at=s.at))

    def bind_lasting(self, target: Name, e: Expr, s: Stmt) -> None:
        """Gives a variable, which is a value of its own on another path, a copy of what is at the place `e`: as long as
        nothing is written there, that is the same as naming the place."""
        shares = self.env[root_name(e)].shares | {root_name(e)}
        self.bind(target.id, Value(e.kind, e.varied, shares=shares))
        copied = self.duplicate(e, e.kind)
        copied = replace(copied, kind=e.kind, varied=e.varied, at=s.at)
        self.emit(Assign(replace(target, kind=e.kind, varied=e.varied), copied, at=s.at))

    def is_moving(self, e: Expr) -> bool:
        """Whether a place is a part of one that changes."""
        return any(isinstance(s, Subscript) and isinstance(plain(s.index.kind), Items) for s in steps(e))

    def is_movable(self, e: Expr) -> bool:
        """Whether a place is in an array, by indices of integers and slices."""
        kind = plain(root_of(e).kind)
        return isinstance(kind, Array) and kind.rank is not None and all(
            isinstance(step, Subscript) and not any(isinstance(plain(i.kind), Nothing) for i in index_parts(step.index))
            for step in steps(e)
        )

    def parts_of(self, e: Expr, name: str) -> tuple:
        """The items of a container that is written out that are other names of places, if all that it holds by reference
        are, and none of what the variable `name` has held so far, which gets it; else none."""
        match e:
            case Tuple(elts=elts) | List(elts=elts):
                items = list(enumerate(elts))
            case Dict(keys=keys, values=values) if all(isinstance(k, Const) for k in keys):
                items = [(k.value, v) for k, v in zip(keys, values)]
            case Call(fn=Ref(obj=cls), args=args, kind=Items(keys=keys)) if cls is e.kind.cls:
                items = list(zip(keys, args))
            case _:
                return ()
        held = [(k, x) for k, x in items if references(x) and not self.is_given_away(x)]
        apart = all(self.is_place(x) and root_name(x) != name for _, x in held)
        if not apart or not any(root_name(x) in self.entangled for _, x in held):
            return ()
        frozen = [(k, self.frozen(x)) for k, x in held]
        return tuple((k, Place(text(x), x)) for k, x in frozen)

    def part(self, container: Expr, key) -> Expr | None:
        """What an item of a container is another name of, as an expression; None if it is what the container has."""
        known = self.env.get(container.id) if isinstance(container, Name) else None
        if known is None or not known.parts:
            return None
        if isinstance(key, str) and isinstance(plain(known.kind), Items):
            key = key_of_field(plain(known.kind), key)
        if isinstance(key, int) and key < 0:
            if not isinstance(plain(known.kind), Items):
                return self.expr(container)  # which of the items that is cannot be told
            key += len(plain(known.kind).keys)
        place = dict(known.parts).get(key)
        return None if place is None else self.present(container, place)

    def container(self, e: Expr) -> Expr:
        """What an item is taken of: such a container may have parts that are other names of places."""
        known = self.env.get(e.id) if isinstance(e, Name) else None
        if known is None or not known.parts:
            return self.expr(e)
        return replace(e, kind=known.kind, varied=known.varied)

    def frozen(self, e: Expr) -> Expr:
        """A place whose indices keep their values: those in variables that change are held in others."""
        if not isinstance(e, Subscript):
            value = inner(e)
            return e if value is None else with_inner(e, self.frozen(value))
        return replace(e, value=self.frozen(e.value), index=self.held_index(e.index))

    def held_index(self, index: Expr, changing: bool = True) -> Expr:
        """An index that can be named twice: what is computed in it is held in a variable."""
        match index:
            case Tuple(elts=elts):
                return replace(index, elts=tuple(self.held_index(i, changing) for i in elts))
            case Slice(lower=lower, upper=upper, step=step):
                parts = [None if p is None else self.held_index(p, changing) for p in (lower, upper, step)]
                return replace(index, lower=parts[0], upper=parts[1], step=parts[2])
            case Const() | Name() | Op() if isinstance(plain(index.kind), (Number, Literal, Nothing)) or not changing:
                read = {n.id for n in walk(index) if isinstance(n, Name)}
                simple = all(isinstance(n, (Const, Name, Op)) for n in walk(index))
                if simple and not (changing and read & self.reset):
                    return index
        return self.named(index, "index", avoid={index.id} if isinstance(index, Name) else set())

    @functools.cached_property
    def reset(self) -> set[str]:
        """The variables that are set more than once, or in a loop by anything but the head of a loop."""
        heads: set[str] = set()
        others: set[str] = set()
        for node in walk(self.special.source):
            if isinstance(node, For):
                heads |= set_names(node.target)
            elif isinstance(node, (Assign, AugAssign)):
                others |= set_names(node.target)
        return {n for n in self.reassigned if n not in heads or n in others}

    def present(self, e: Name, place: Place) -> Expr:
        """What a variable is another name of, as an expression."""
        if place.expr is None and place.roots and self.differs(e.id, place.roots):
            return replace(e, kind=self.env[e.id].kind, varied=self.env[e.id].varied)
        if place.expr is None:
            self.refuse(
                e, f"`{e.id}` may share memory with an array that is written into, and {place.text}", COPY_FIRST
            )
            return e
        return self.expr(place.expr)

    def differs(self, name: str, roots: frozenset[str | None]) -> bool:
        """Whether the function is to be gone through once more, since a variable has been found to be different places on
        two paths: of one array, then its place `moving`, or of several, then the variable `lasting` while nothing is
        written there."""
        special, (aliasing, moving, lasting) = self.special, self.known
        special.is_aliasing = True
        if not aliasing or name in special.moving - moving or name in special.lasting - lasting:
            return True
        found = special.moving if len(roots) == 1 and None not in roots and name not in moving else special.lasting
        if name in found:
            return False
        found.add(name)
        return True

    def moved(self, target: Expr, inside: bool = False) -> None:
        """Has the variables that are other names of what was in a place, or of a part of that, be so no more; with
        `inside`, of parts of it only."""
        root = root_name(target)
        if root in self.special.params:
            self.special.replaced.add(root)
        gone = Place(f"`{text(target)}` has got another value since", None)
        for name, known in list(self.env.items()):
            place = gone if known.place is not None and passes(known.place.expr, target, inside) else known.place
            parts = tuple((k, gone if passes(p.expr, target, inside) else p) for k, p in known.parts)
            if place is not known.place or parts != known.parts:
                self.update(name, replace(known, place=place, parts=parts))


def passes(place: Expr | None, target: Expr, inside: bool) -> bool:
    """Whether a place may be what is at `target`, or in it; with `inside`, in it."""
    if place is None or root_name(place) != root_name(target):
        return False
    way, there = steps(place)[::-1], steps(target)[::-1]
    return len(way) >= len(there) + inside and all(map(may_be_same, way, there))


def parts_after(known: Value, target: Expr) -> tuple:
    """What the items of a container are other names of after a write to `target`, one of them or a place in one."""
    if not known.parts or len(steps(target)) > 1:
        return known.parts
    key = target.attr if isinstance(target, Attribute) else getattr(target.index, "value", None)
    if isinstance(target, Attribute) or isinstance(key, str) or isinstance(key, int) and key >= 0:
        return tuple((k, p) for k, p in known.parts if k != key)
    gone = Place("has got another item since", None)  # there is no telling which
    return tuple((k, gone) for k, _ in known.parts)


def index_parts(index: Expr, count: int | None = None) -> list[Expr]:
    """An index axis by axis; `count` axes have an Ellipsis written out."""
    parts = list(index.elts) if isinstance(index, Tuple) else [index]
    kind = plain(index.kind)
    if isinstance(kind, Items):
        parts = [Slice(None, None, None, kind=k) if isinstance(k, Sliced) else Const(0, kind=k) for k in kind.items]
    dots = [k for k, i in enumerate(parts) if isinstance(i, Const) and i.value is Ellipsis]
    if count is not None and dots:
        parts[dots[0] : dots[0] + 1] = [Slice(None, None, None)] * (count - len(parts) + 1)
    return parts
