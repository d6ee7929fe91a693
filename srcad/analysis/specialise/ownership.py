"""Whose memory is written into: whether it is this function's, and who else may see it."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace

from srcad.analysis.kinds import Array, Items, Listing, plain
from srcad.analysis.specialise.sharing import (
    ANY, DEPTH, OUTSIDE, Way, aliases, is_held_twice, is_item, makes_container, meet,
    overlap, references, way_to,
)  # fmt: skip
from srcad.analysis.specialise.values import Place, Special, below, set_names
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Comprehension, Const, Dict, Expr, ExprStmt, For, Function, Global, If, Lambda,
    List, Name, Node, Ref, Return, Stmt, Subscript, Tuple, Walrus, While, With, children, walk,
)  # fmt: skip
from srcad.core.places import root_name, root_of, steps
from srcad.core.printer import text
from srcad.errors import Origin
from srcad.frontend.normalise import names_in


COPY_FIRST = "Build the new value by an expression (np.where, np.concatenate), or make a copy first: a = a.copy()."


class Ownership:
    """The part of the specialisation that knows which memory may be written into."""

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

    def claim_items(self, name: str, *ways: Way) -> bool:
        """Whether what a container holds at the end of some ways is this function's to write into, and in no other."""
        ways = tuple(way for way in ways if way)
        self.special.item_writes.update((name, way) for way in ways)
        if all(map(self.env[name].is_alone_at, ways)) or self.is_generated or not self.is_owned(name):
            return True
        again = not self.special.is_aliasing
        self.special.is_aliasing = True
        return again

    def claim_constant(self, s: Stmt, place: Expr) -> None:
        """Sees to it that what is at a place, into which a constant is written, is known by one name only."""
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
        if not self.claim(name) or not self.claim_items(name, way_to(place)):
            self.refuse(s, f"writing into `{name}`, whose memory another name may share", COPY_FIRST)

    def held_in(self, e: Expr, name: str | None = None) -> frozenset:
        """The ways to those items of a container that is made here, or by a function, that others may see as well; what it
        takes out of the container that the variable `name` has held so far is nobody else's then."""
        match e:
            case Tuple(elts=parts) | List(elts=parts):
                items = [(ANY if isinstance(e, List) else k, x) for k, x in enumerate(parts)]
            case Dict(keys=keys, values=values):
                items = [(k.value if isinstance(k, Const) else ANY, v) for k, v in zip(keys, values)]
            case Call(fn=Ref(obj=cls), args=args, kind=Items(keys=keys)) if cls is e.kind.cls:
                items = list(zip(keys, args))
            case Subscript(value=Name(id=old)) if old == name and self.is_owned(old):  # a part of a list
                return below((ANY,), frozenset((way[1:], other) for way, other in self.env[old].held))
            case _:
                return frozenset(((ANY,), other) for other in references(e))
        if is_held_twice([x for _, x in items]):
            return frozenset(((ANY,), other) for other in (OUTSIDE, *references(e)))
        moved = [x for _, x in items if root_name(x) == name and steps(x) and all(map(is_item, steps(x)))]
        apart = all(not meet(a, b) for i, a in enumerate(moved) for b in moved[:i])
        if name is None or not self.is_owned(name) or not apart:
            return frozenset().union(*(below((k,), self.held_by(x)) for k, x in items))
        held = [frozenset(self.held_at(x)) if any(x is m for m in moved) else self.held_by(x) for _, x in items]
        return frozenset().union(*(below((k,), h) for (k, _), h in zip(items, held)))

    def held_at(self, place: Expr) -> set:
        """The ways to what others see in an item of a container, from there."""
        way = way_to(place)
        found = ((other, name) for other, name in self.env[root_name(place)].held)
        return {(other[len(way) :], name) for other, name in found if overlap(way, other)}

    def held_by(self, e: Expr) -> frozenset:
        """The ways to what others see as well in a value that a container is about to hold."""
        if self.is_given_away(e):
            return frozenset() if isinstance(plain(e.kind), Array) else self.env[e.id].held
        if makes_container(e):
            return self.held_in(e)
        return frozenset(((), name) for name in references(e))

    def is_given_away(self, e: Expr) -> bool:
        """Whether a value is what a variable holds that nobody names again, and that nobody else sees."""
        if not isinstance(e, Name) or e.id not in self.env or not self.env[e.id].owned:
            return False
        if e.id in self.temporaries:
            return True
        is_last = isinstance(plain(e.kind), Array) and (e.id, e.at) in self.last_reads
        return is_last and not self.has_other_names(e.id)

    def has_other_names(self, name: str) -> bool:
        """Whether variables, or items of containers, are other names of something in a variable, or share its memory."""
        for known in self.env.values():
            places = [p.expr for p in (known.place, *(p for _, p in known.parts)) if p is not None]
            if name in known.shares or any(p is None or root_name(p) == name for p in places):
                return True
        return False

    @functools.cached_property
    def last_reads(self) -> set[tuple[str, Origin]]:
        """Where a variable that the text sets once is read for the last time: in the block that sets it, and once there."""
        nodes = list(walk(self.special.source))
        mentions = Counter(n.id for n in nodes if isinstance(n, Name))
        targets = [n.target for n in nodes if isinstance(n, (Assign, AugAssign, For, Walrus))]
        sets = Counter(name for target in targets for name in set_names(target))
        nested = (f for f in nodes if isinstance(f, Function) and f is not self.special.source)
        kept = {n.id for f in nested for n in walk(f) if isinstance(n, Name)} | set(self.special.params)
        found: set[tuple[str, Origin]] = set()
        outer = [n for n in nodes if isinstance(n, (Function, If, For, While, With))]
        for block in (b for n in outer for b in (n.body, getattr(n, "orelse", ()))):
            for i, s in enumerate(block):
                name = s.target.id if isinstance(s, Assign) and isinstance(s.target, Name) else None
                if name is None or sets[name] > 1 or name in kept:
                    continue
                later = [[n for n in walk(x) if isinstance(n, Name) and n.id == name] for x in block[i + 1 :]]
                last = max((k for k, reads in enumerate(later) if reads), default=None)
                if last is None or 1 + sum(map(len, later)) < mentions[name] or len(later[last]) > 1:
                    continue
                final = block[i + 1 + last]
                if isinstance(final, (Assign, ExprStmt, Return)) and is_read_once(final, name):
                    found.add((name, later[last][0].at))
        return found

    def exchanged(self, target: Tuple, value: Tuple) -> dict[str, frozenset]:
        """The ways to what others see of variables after an assignment that only exchanges what is at places in them, as
        `xs[i], xs[j] = xs[j], xs[i]` does; nothing for any other."""
        with self.attempt():
            places = [self.typed_place(t) if isinstance(t, (Subscript, Attribute)) else self.expr(t) for t in target.elts]
        names = {root_name(p) for p in places}
        if None in names or not all(steps(p) and all(map(is_item, steps(p))) for p in (*places, *value.elts)):
            return {}
        if sorted(map(text, places)) != sorted(map(text, value.elts)) or len({*map(text, places)}) < len(places):
            return {}
        self.special.exchanged |= names & set(self.special.params)
        before = {name: self.env[name].held for name in names}
        ways = [(root_name(p), way_to(p)) for p in places]
        found = {
            n: {h for h in held if not any(n == root and h[0][: len(way)] == way for root, way in ways)}
            for n, held in before.items()
        }
        for (root, way), v in zip(ways, value.elts):
            found[root] |= below(way, self.held_at(v))
        return {name: frozenset(held) for name, held in found.items()}

    def held_after(self, s: Stmt, target: Expr, value: Expr) -> frozenset:
        """The ways to what others see of a variable after a write to a place in it."""
        held, way = self.env[root_name(target)].held, way_to(target)
        if isinstance(plain(target.value.kind), Array) or isinstance(s, AugAssign) and isinstance(plain(target.kind), Array):
            return held  # what is written into, or added to, an array is copied
        if ANY not in way and len(way) < DEPTH:
            held = frozenset(h for h in held if h[0][: len(way)] != way)
        return held | below(way, self.held_by(value))

    def held_for_caller(self, special: Special, held: frozenset, given: dict[str, Expr]) -> frozenset:
        """The ways to what others see of an argument that a function writes into, as its caller knows them."""
        found = set()
        for way, name in held:
            if name not in given or name in special.doubled - special.written:
                found.add((way, OUTSIDE))
            elif name in special.written:
                found.add((way, root_name(given[name])))
            else:
                found |= below(way, self.held_by(given[name]))
        return frozenset(found)

    def kept_by(self, special: Special) -> set[str]:
        """The parameters of a function that the containers into which it writes may hold when it is done."""
        kinds_of = dict(zip(special.params, (v.kind for v in special.values)))
        containers = [p for p in special.written if not isinstance(plain(kinds_of[p]), Array)]
        if not all(p in special.exits for p in containers):
            return set(special.params)
        kept = {name for p in containers for _, name in special.exits[p].held}
        return kept if kept <= set(special.params) else set(special.params)

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

    def check_global(self, s: Stmt, container: Expr) -> None:
        """Refuses a write into what is not the function's own: a gradient call leaves it as it was."""
        root = root_of(container)
        if isinstance(root, (Global, Ref)):
            name = root.id if isinstance(root, Global) else root.text
            self.refuse(
                s, f"writing into `{name}`, which is defined outside of the function", "Write into a copy of it."
            )

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

    def is_shared(self, name: str) -> bool:
        """Whether a change in place of a variable must stay one: others see it."""
        return name in self.special.written or self.special.is_aliasing and name in self.entangled

    def is_seen(self, place: Expr) -> bool:
        """Whether an array in a container may have another name, so that a change in place of it must stay one."""
        name = root_name(place)
        known = self.env.get(name) if name is not None else None
        if known is None or known.parts or name in self.special.written:
            return True
        return not (known.owned and known.is_alone_at(way_to(place)))


def is_read_once(node: Node, name: str) -> bool:
    """Whether a statement reads a variable itself, and once: not in a function or a comprehension, which may do so later."""
    if isinstance(node, (Function, Lambda, Comprehension)):
        return False
    return isinstance(node, Name) and node.id == name or any(is_read_once(child, name) for child in children(node))
