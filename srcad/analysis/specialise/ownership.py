"""Whose memory is written into: whether it is this function's, and who else may see it."""

from __future__ import annotations

import functools
from dataclasses import replace

from srcad.analysis.kinds import Array, Items, Listing, plain
from srcad.analysis.specialise.sharing import aliases, holds_others
from srcad.analysis.specialise.values import Place, set_names
from srcad.core.nodes import Assign, Attribute, AugAssign, Call, Expr, For, Global, Ref, Stmt, Subscript, Tuple, walk
from srcad.core.places import root_name, root_of, steps
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

    def claim_items(self, name: str) -> bool:
        """Whether what a container holds is in no other."""
        if self.env[name].deep or self.is_generated or not self.is_owned(name):
            return True
        again = not self.special.is_aliasing
        self.special.is_aliasing = True
        return again

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
        return known is None or bool(known.parts) or not (known.owned and known.deep) or name in self.special.written
