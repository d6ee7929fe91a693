"""Writes: into arrays, containers and objects, and the variables that are only other names of a place in one."""

from __future__ import annotations

import functools
from dataclasses import replace

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    NEVER, UNKNOWN, Array, Items, Kind, Listing, Literal, Nothing, Number, Opaque, Sliced, Unknown, is_complex, is_float,
    is_list,
    item_kind, join, plain,
)  # fmt: skip
from srcad.analysis.specialise.in_place import LIST_METHODS
from srcad.analysis.specialise.operated import const_key
from srcad.analysis.specialise.sharing import aliases, callees_in, is_basic, mark_varied, references
from srcad.analysis.specialise.values import Place, Value, kind_name, set_names
from srcad.core.nodes import (
    Alias, Assign, Attribute, AugAssign, Call, Const, Dict, Expr, ExprStmt, For, Global, List, Name, Op, Ref, Slice, Stmt,
    Subscript, Tuple, reference, walk,
)  # fmt: skip
from srcad.core.places import as_value, inner, is_flat, is_reshaping, root_name, root_of, steps, with_inner
from srcad.core.printer import text
from srcad.frontend.normalise import names_in

COPY_FIRST = "Build the new value by an expression (np.where, np.concatenate), or make a copy first: a = a.copy()."


class Writes:
    """The part of the specialisation that goes through writes."""

    # -- whose memory ------------------------------------------------------------------------------------------------

    def claim(self, name: str) -> bool:
        """Whether the memory of a variable is this function's to write into. A parameter may become so, its caller
        seeing to it; so may a variable that others are views of, once they are known by what they are views of."""
        special = self.special
        if name in special.params and not self.env[name].owned:
            if name not in self.assigned and (name not in special.written or self.is_generated):
                special.written.add(name)
                return True
            if self.take_over(name):
                return True
        if self.is_owned(name):
            self.outdate(name)
            return True
        if not special.is_aliasing:
            special.is_aliasing = True
            return True
        return False

    def take_over(self, name: str) -> bool:
        """Whether a parameter that changes places with other variables, one of which is written into, is copied at the
        start from now on."""
        special, known = self.special, self.env[name]
        if name not in special.params or name not in self.assigned & self.entangled or known.owned:
            return False
        if name in special.taken or not isinstance(plain(known.kind), Array):
            return False
        special.taken.add(name)
        return True

    def outdate(self, name: str) -> None:
        """Notes that what shares the memory of a variable as long as nothing is written there is not to be read again."""
        for other, known in list(self.env.items()):
            if name in known.shares:
                self.update(other, replace(known, place=Place(f"`{name}` has been written into since", None, stale=True)))

    @functools.cached_property
    def assigned(self) -> set[str]:
        """The variables that the text gives new values, not only changes in place."""
        found = [set_names(n.target) for n in walk(self.special.source) if isinstance(n, (Assign, For))]
        return set().union(*found)

    @functools.cached_property
    def entangled(self) -> set[str]:
        """The variables that may share memory with one that is written into, by the text alone."""
        groups: dict[str, set[str]] = {}
        written: set[str] = set()

        def together(names: set[str]) -> None:
            merged = set().union(*(groups.get(n, {n}) for n in names)) if names else set()
            for n in merged:
                groups[n] = merged

        for node in walk(self.special.source):
            match node:
                case Assign(target=Tuple(elts=targets), value=Tuple(elts=values)) if len(targets) == len(values):
                    for t, v in zip(targets, values):
                        together(set_names(t) | aliases(v))
                case Assign(target=target, value=value):
                    together(set_names(target) | aliases(value))
                case For(target=target, iter=iterable):
                    together(set_names(target) | aliases(iterable))
            match node:
                case Assign(target=Subscript() | Attribute() as target) | AugAssign(target=target):
                    written.add(root_name(target))
                case Call(args=args, kwargs=kwargs):
                    parts = [*args, *(v for _, v in kwargs)]
                    parts.append(node.fn.value if isinstance(node.fn, Attribute) else node.fn)
                    written |= {root_name(p) for p in parts}
        return set().union(*(groups.get(n, {n}) for n in written if n is not None))

    def is_entangled(self, name: str, value: Expr) -> bool:
        """Whether a variable that gets a value may share memory with one that is written into."""
        named = name if name in self.own_names else root_name(value)
        return named in self.entangled

    @functools.cached_property
    def own_names(self) -> set[str]:
        """The names that the text has; all others are given here."""
        return names_in(self.special.source)

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
            self.emit(ExprStmt(Call(reference(runtime.check_view), (e, root_of(e), shown)), at=s.at))
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

    def parts_of(self, e: Expr) -> tuple:
        """The items of a container that is written out that are other names of places, if all that it holds by reference
        are; else none."""
        match e:
            case List(elts=elts):
                items = list(enumerate(elts))
            case Dict(keys=keys, values=values) if all(isinstance(k, Const) for k in keys):
                items = [(k.value, v) for k, v in zip(keys, values)]
            case Call(fn=Ref(obj=cls), args=args, kind=Items(keys=keys)) if cls is e.kind.cls:
                items = list(zip(keys, args))
            case _:
                return ()
        held = [(k, x) for k, x in items if references(x)]
        if not all(self.is_place(x) for _, x in held) or not any(root_name(x) in self.entangled for _, x in held):
            return ()
        frozen = [(k, self.frozen(x)) for k, x in held]
        return tuple((k, Place(text(x), x)) for k, x in frozen)

    def part(self, container: Expr, key) -> Expr | None:
        """What an item of a container is another name of, as an expression; None if it is what the container has."""
        known = self.env.get(container.id) if isinstance(container, Name) else None
        if known is None or not known.parts:
            return None
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

    # -- writes ------------------------------------------------------------------------------------------------------

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
        if typed.varied or target.value.varied:
            place = self.owned_place(s, target, typed)
            if place is not None:
                self.emit(replace(s, target=place, value=typed))
                self.note_replaced(s, target)
            return
        self.check_global(s, target.value)
        self.claim_constant(s, target)
        name = root_name(target)
        if name in self.env and isinstance(plain(self.env[name].kind), (Items, Listing)):
            known = self.env[name]
            kind = with_item(known.kind, steps(target)[::-1], typed.kind)
            deep, parts = known.deep and not keeps(s, target, typed), parts_after(known, target)
            self.update(name, replace(known, kind=kind, deep=deep, parts=parts))
        if not isinstance(plain(target.value.kind), Array):
            self.seen_elsewhere(typed)
        self.emit(replace(s, target=target, value=typed))
        self.note_replaced(s, target)

    def note_replaced(self, s: Stmt, target: Expr) -> None:
        """Notes that a container has another item in a place: what was a name of the item there is one no more."""
        in_place = isinstance(s, AugAssign) and isinstance(plain(target.kind), Array)
        if not (in_place or isinstance(plain(target.value.kind), Array)):
            self.moved(target)

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

    def claim_constant(self, s: Stmt, place: Expr) -> None:
        """Sees to it that the memory which a write of what is not varied goes to is known by one name only."""
        name = root_name(place)
        if name is None or self.env.get(name) is None:
            return
        self.mutated.add(name)
        kind = plain(self.env[name].kind)
        if not isinstance(kind, (Array, Listing, Items)):
            return
        if self.is_generated:
            self.claim(name)
            return
        into_items = holds_others(steps(place)[1:])
        if into_items:
            self.special.item_writes.add(name)
        if not self.claim(name) or into_items and not self.claim_items(name):
            self.refuse(s, f"writing into `{name}`, whose memory another name may share", COPY_FIRST)

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
            if fixed or kind is not None and not is_writable(kind):
                self.refuse(s, f"writing into {what} of {kind_name(kind)} a value that is differentiated", COPY_FIRST)
                return None
            if step is not target and not is_step(step) and not (step is target.value and is_flat(target)):
                self.refuse(s, f"writing into `{text(step)}`, which is a copy", "Index once, with all the indices.")
                return None
        into_items = len(path) > 1 and holds_others(path[1:])
        if into_items:
            self.special.item_writes.add(root.id)
        if not self.claim(root.id) or into_items and not self.claim_items(root.id):
            self.refuse(s, f"writing into {what} of `{root.id}`, whose memory another name may share", COPY_FIRST)
            return None
        known = self.env[root.id]
        new = typed.kind
        if isinstance(s, AugAssign):  # an array stays what it is
            in_place = isinstance(plain(target.kind), Array)
            new = target.kind if in_place else self.binary(s, target, typed).kind
        kind = with_item(known.kind, path[::-1], new)
        deep, parts = known.deep and not keeps(s, target, typed), parts_after(known, target)
        self.update(root.id, replace(known, kind=kind, varied=True, deep=deep, parts=parts))
        if not isinstance(plain(target.value.kind), Array):
            self.seen_elsewhere(typed)
        return replace(target, varied=True, value=mark_varied(target.value))

    def claim_items(self, name: str) -> bool:
        """Whether what a container holds is in no other."""
        if self.env[name].deep or self.is_generated or not self.is_owned(name):
            return True
        again = not self.special.is_aliasing
        self.special.is_aliasing = True
        return again

    def check_global(self, s: Stmt, container: Expr) -> None:
        """Refuses a write into what is not the function's own: a gradient call leaves it as it was."""
        root = root_of(container)
        if isinstance(root, (Global, Ref)):
            name = root.id if isinstance(root, Global) else root.text
            self.refuse(
                s, f"writing into `{name}`, which is defined outside of the function", "Write into a copy of it."
            )

    def note_mutation(self, container: Expr) -> None:
        name = root_name(container)
        if name is not None:
            self.mutated.add(name)

    # -- augmented assignments ---------------------------------------------------------------------------------------

    def augmented(self, s: AugAssign) -> None:
        if not isinstance(s.target, Name):
            return self.augmented_place(s, self.typed_place(s.target))
        target = self.expr(s.target)
        kind = plain(target.kind)
        if not isinstance(target, Name) or isinstance(kind, Array) and self.is_shared(s.target.id):
            if isinstance(kind, Listing):
                return self.extend(s, target, s.value)
            return self.augmented_whole(s, target)
        if is_list(kind) and s.op == "+":
            return self.extend(s, target, s.value)
        typed = self.expr(s.value)
        if isinstance(kind, Number) or not (isinstance(kind, (Array, Unknown, Listing, Items))):
            return self.rebind(s, target, typed)
        if not (target.varied or typed.varied):
            self.claim_constant(s, target)
            self.emit(replace(s, target=target, value=typed))
            return None
        if isinstance(kind, Items) and kind.cls is tuple:
            return self.rebind(s, target, typed)
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

    def is_shared(self, name: str) -> bool:
        """Whether a change in place of a variable must stay one: others see it."""
        return name in self.special.written or self.special.is_aliasing and name in self.entangled

    def augmented_place(self, s: AugAssign, target: Expr) -> None:
        """`a[i] += v`, and `a[i] *= v` as `a[i] = a[i] * v` with the index computed once; an array that is an item of a
        container changes in place."""
        if is_list(plain(target.kind)):
            return self.extend(s, target, s.value)
        if isinstance(target, (Subscript, Attribute)) and isinstance(plain(target.kind), Array):
            if not isinstance(plain(target.value.kind), (Array, Unknown)) and self.is_seen(target):
                return self.augmented_whole(s, target)
        if s.op in ("+", "-"):
            old, typed = self.exprs((target, s.value))
            if not isinstance(old, Name):
                return self.write(s, target, typed)
            value = self.binary(s, old, typed)  # the value changes the place itself
            return self.write(Assign(target, value, at=s.at), target, value)
        if isinstance(target, Subscript):
            target = replace(target, index=self.held_index(target.index, changing=False))
        old, typed = self.exprs((target, s.value))
        if isinstance(plain(target.kind), Array):
            target = replace(target, kind=old.kind)
        value = self.typed_operation(Op(s.op, (old, typed), at=s.at))
        return self.write(Assign(target, value, at=s.at), target, value)

    def is_seen(self, place: Expr) -> bool:
        """Whether an array in a container may have another name, so that a change in place of it must stay one."""
        name = root_name(place)
        known = self.env.get(name) if name is not None else None
        return known is None or bool(known.parts) or not (known.owned and known.deep) or name in self.special.written

    def rebind(self, s: AugAssign, target: Name, typed: Expr) -> None:
        result = self.binary(s, target, typed)
        self.define(target.id, result)
        self.emit(Assign(replace(target, kind=result.kind, varied=result.varied), result, at=s.at))

    def binary(self, s: AugAssign, target: Expr, typed: Expr) -> Expr:
        return self.typed_operation(Op(s.op, (target, typed), at=s.at))

    # -- lists -------------------------------------------------------------------------------------------------------

    def append(self, s: ExprStmt, owner: Expr, item: Expr) -> None:
        """`xs.append(item)`, for a list in a variable, or in a container or an object in one."""
        kind = plain(owner.kind)
        name, path = root_name(owner), steps(owner)
        if item.varied and any(True for _ in callees_in(item.kind)):
            self.refuse(
                s, "a nested function is kept in a list", "Keep the values that it needs, and call one function."
            )
        owner = self.frozen(owner) if path else owner
        if item.varied or owner.varied:
            if path:
                self.special.item_writes.add(name)
            if not self.claim(name) or path and not self.claim_items(name):
                self.refuse(
                    s,
                    f"`{text(owner)}.append(…)` of a list that another name may share",
                    "Append to a list that is made in this function.",
                )
        else:
            self.claim_constant(s, owner)
        known = self.env[name]
        grown = Listing(join(item_kind(kind), item.kind))
        varied = item.varied or owner.varied
        deep = known.deep and not references(item)
        self.seen_elsewhere(item)
        whole = with_item(known.kind, path[::-1], grown) if path else grown
        self.update(name, replace(known, kind=whole, varied=known.varied or varied, deep=deep))
        owner = mark_varied(replace(owner, kind=grown)) if varied else owner
        call = replace(s.value, fn=replace(s.value.fn, value=owner), args=(item,), varied=varied)
        self.emit(replace(s, value=call))

    def renewed(self, s: Stmt, owner: Name, new: Expr) -> Stmt | None:
        """The assignment of a new list or dictionary in place of one that would be changed; None where others see that
        one."""
        if not self.is_owned(owner.id) or self.is_shared(owner.id):
            what, hint = ("dictionary", "{**d, …}") if isinstance(new, Dict) else ("list", "xs = [*xs, …]")
            message = f"a change of the {what} `{owner.id}`, which another name may share"
            self.refuse(s, message, f"Make a new {what}: {hint}.")
            return None
        return Assign(owner, new, at=s.at)

    def without_entry(self, s: Stmt | Expr, owner: Name, kind: Items, key) -> Stmt | None:
        """The assignment of a dictionary without one of its entries; None where others see the one that there is."""
        made = ("without", s, kind.keys)
        if made not in self.rewritten:
            left = [Const(k, at=s.at) for k in kind.keys if k != key]
            items = tuple(Subscript(owner, k, at=s.at) for k in left)
            self.rewritten[made] = self.renewed(s, owner, Dict(tuple(left), items, at=s.at))
        return self.rewritten[made]

    def delete(self, s: Stmt, target: Expr, container: Expr) -> bool:
        """`del xs[i]`, `del xs[i:j]` and `del d[key]`, as an assignment of what is left."""
        kind = plain(container.kind)
        if isinstance(target, Subscript) and isinstance(target.value, Name) and isinstance(kind, Items) and kind.cls is dict:
            try:
                key = const_key(target.index)
            except ValueError:
                return False
            rest = self.without_entry(s, target.value, kind, key) if kind.item(key) is not None else None
            if rest is not None:
                self.statement(rest)
            return kind.item(key) is not None
        if not (isinstance(target, Subscript) and isinstance(target.value, Name) and is_list(plain(container.kind))):
            return False
        key = ("delete", target)
        if key not in self.rewritten:
            index, xs = target.index, target.value
            if not isinstance(index, Slice):
                rest = LIST_METHODS["pop"](xs, index)
            elif index.step is None:
                start, stop = Const(0) if index.lower is None else index.lower, index.upper
                rest = Subscript(xs, Slice(None, start, None))
                rest = rest if stop is None else rest + Subscript(xs, Slice(stop, None, None))
            else:
                return False
            self.rewritten[key] = self.renewed(s, xs, rest)
        if self.rewritten[key] is not None:
            self.statement(self.rewritten[key])
        return True

    def extend(self, s: Stmt, owner: Expr, more: Expr) -> None:
        """`xs.extend(more)` and `xs += more` as a loop that appends."""
        item = Name(self.fresh("item", s), at=s.at)
        loop = ("extend", s)
        if loop not in self.rewritten:
            call = Call(Attribute(owner, "append", at=s.at), (item,), at=s.at)
            self.rewritten[loop] = For(item, more, (ExprStmt(call, at=s.at),), at=s.at)
        self.statement(self.rewritten[loop])


def passes(place: Expr | None, target: Expr, inside: bool) -> bool:
    """Whether a place may be what is at `target`, or in it; with `inside`, in it."""
    if place is None or root_name(place) != root_name(target):
        return False
    way, there = steps(place)[::-1], steps(target)[::-1]
    return len(way) >= len(there) + inside and all(map(may_be_same, way, there))


def may_be_same(a: Expr, b: Expr) -> bool:
    """Whether two steps from one container may lead to the same item."""
    if isinstance(a, Attribute) or isinstance(b, Attribute):
        return isinstance(a, Attribute) and isinstance(b, Attribute) and a.attr == b.attr
    x, y = getattr(a.index, "value", None), getattr(b.index, "value", None)
    known = isinstance(a.index, Const) and isinstance(b.index, Const) and isinstance(x, (int, str)) and type(x) is type(y)
    return not known or x == y


def parts_after(known: Value, target: Expr) -> tuple:
    """What the items of a container are other names of after a write to `target`, one of them or a place in one."""
    if not known.parts or len(steps(target)) > 1:
        return known.parts
    key = target.attr if isinstance(target, Attribute) else getattr(target.index, "value", None)
    if isinstance(target, Attribute) or isinstance(key, str) or isinstance(key, int) and key >= 0:
        return tuple((k, p) for k, p in known.parts if k != key)
    gone = Place("has got another item since", None)  # there is no telling which
    return tuple((k, gone) for k, _ in known.parts)


def keeps(s: Stmt, target: Expr, value: Expr) -> bool:
    """Whether a write makes a container hold what others may see; what is written into, or added to, an array is copied."""
    changed = target if isinstance(s, AugAssign) else target.value
    copied = isinstance(plain(changed.kind), Array) or isinstance(plain(target.value.kind), Array)
    return not copied and bool(references(value))


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


def is_writable(kind: Kind) -> bool:
    return isinstance(kind, (Array, Listing)) or isinstance(kind, Items) and not issubclass(kind.cls, tuple)


def is_step(step: Expr) -> bool:
    """Whether a step into a place gives a view or an item by reference, and no copy."""
    match step:
        case Subscript(value=value, index=index):
            kind = plain(value.kind)
            if isinstance(kind, (Items, Listing)):
                return is_basic(index) and not isinstance(index, Slice)
            return isinstance(kind, Array) and is_basic(index)
        case Attribute(value=value, attr=attr):
            kind = plain(value.kind)
            return attr == "T" if isinstance(kind, Array) else isinstance(kind, Items)
        case Call(kwargs=kwargs):
            return not kwargs
    return False


def holds_others(path: list[Expr]) -> bool:
    """Whether a path into a place goes through an item that a container holds by reference."""
    return any(not isinstance(plain(s.value.kind), Array) for s in path if isinstance(s, (Subscript, Attribute)))


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
