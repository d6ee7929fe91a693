"""Before the walk: which variables change in place, which are stable, what is overwritten where."""

from __future__ import annotations

from srcad.analysis.kinds import Array, Items, Listing, Unknown, is_list, is_pure, join, plain
from srcad.analysis.specialise import aliases, is_generated
from srcad.analysis.specialise.changes import changed_by
from srcad.analysis.specialise.sharing import is_harmless, references
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Def, Delete, Expr, ExprStmt, For, Function, Global, If, Invoke, Lambda, Name,
    Node, Ref, Slice, Subscript, Try, Unseen, While, With, children, walk, walk_own,
)  # fmt: skip
from srcad.core.places import is_flat, root_name, steps
from srcad.transform.liveness import definitely_set, reads_before_writes
from srcad.transform.reverse.forms import (
    assigned_names, ends_raising, is_written_out, names_read, static_key, target_names,
)  # fmt: skip


class Sharing:
    """Variables in groups: those in one group may share something."""

    def __init__(self):
        self.groups: dict[str, set[str]] = {}

    def together(self, names: set[str], others: set[str]) -> None:
        """Joins the groups of all of these; nothing if there are no others."""
        merged = set().union(*(self.groups.get(n, {n}) for n in names | others)) if others else set()
        for n in merged:
            self.groups[n] = merged

    def closure(self, names: set[str]) -> set[str]:
        """The variables in the groups of these."""
        return set().union(*(self.groups.get(n, {n}) for n in names))


class Survey:
    """The part of the reversal that looks at the whole function first."""

    def survey(self, body) -> None:
        """Notes the kind of each variable over the whole function, which ones change in place, and which are stable."""
        for p, v in zip(self.special.params, self.special.values):
            self.kind_of_name[p] = v.kind
            if v.varied:
                self.varied_names.add(p)
        self.boxed: set[str] = set(self.special.shared)
        assigned: dict[str, int] = {p: 1 for p in self.special.params}
        in_loop: set[str] = set()
        seen = Sharing()  # which variables may share memory, and
        held = Sharing()  # which may hold, at any depth, what another holds
        mutated: set[str] = set()
        written: set[str] = set()
        written_inside: set[str] = set()

        def visit(node: Node, loops: int) -> None:
            match node:
                case Name(id=id_, kind=kind) if kind is not None:
                    known = self.kind_of_name.get(id_)
                    self.kind_of_name[id_] = kind if known is None else join(known, kind)
                    if node.varied:
                        self.varied_names.add(id_)
                case Subscript(value=value, index=index) if isinstance(plain(value.kind), Items):
                    if static_key(plain(value.kind), index) is None and not is_written_out(index):
                        self.boxed.add(root_name(value))
            match node:
                case Assign(target=target, value=value):
                    for n in walk(target):
                        if isinstance(n, Name) and not isinstance(target, (Subscript, Attribute)):
                            assigned[n.id] = assigned.get(n.id, 0) + 1
                            if loops:
                                in_loop.add(n.id)
                    if isinstance(target, (Subscript, Attribute)) and not is_undone(target):
                        mutated.add(root_name(target))
                    if isinstance(target, (Subscript, Attribute)):
                        written.add(root_name(target))
                        if changes_array(target):
                            written_inside.add(root_name(target))
                        seen.together({root_name(target)}, aliases(value))
                        held.together({root_name(target)}, held_in(value))
                    else:
                        names = {n.id for n in walk(target) if isinstance(n, Name)}
                        seen.together(names, aliases(value))
                        held.together(names, held_in(value))
                case AugAssign(target=target):
                    written.add(root_name(target))
                    if changes_array(target) or isinstance(plain(target.kind), (Array, Unknown)):
                        written_inside.add(root_name(target))
                    if not (is_undone(target) or is_whole_array(target)):
                        mutated.add(root_name(target))
                    if isinstance(target, Name):
                        assigned[target.id] = assigned.get(target.id, 0) + 2
                case Delete(targets=targets):
                    mutated.update(root_name(t) for t in targets if steps(t))
                case ExprStmt(value=Call(fn=Ref(obj=obj), args=args)) if not (is_harmless(obj) or is_pure(obj)):
                    mutated.update(root_name(a) for a in args)  # there is no telling what it does to them
                case ExprStmt(value=Call(fn=Attribute(value=value))) if not isinstance(value, (Ref, Global)):
                    written.add(root_name(value))
                    if not is_taken_back(node.value):
                        mutated.add(root_name(value))
                    if steps(value):
                        self.boxed.add(root_name(value))
                    for a in node.value.args:
                        seen.together({root_name(value)}, aliases(a))
                        held.together({root_name(value)}, held_in(a))
                case For(target=target, iter=iterable):
                    for n in walk(target):
                        if isinstance(n, Name):
                            assigned[n.id] = assigned.get(n.id, 0) + 1
                    names = {n.id for n in walk(target) if isinstance(n, Name)}
                    seen.together(names, aliases(iterable))
                    held.together(names, held_in(iterable))
            if isinstance(node, Call) and not node.varied and not is_own_step(node):
                mutated.update(root_name(x) for x in changed_by(node) if not x.varied)
            match node:
                case Assign(value=Call(fn=Attribute(value=value, attr="pop"))):
                    written.add(root_name(value))
                    if not is_taken_back(node.value):
                        mutated.add(root_name(value))
            if isinstance(node, (Assign, AugAssign)) and isinstance(node.target, (Subscript, Attribute)):
                inside = [s for s in steps(node.target) if isinstance(s, (Subscript, Attribute))]
                if any(isinstance(plain(s.value.kind), Items) for s in inside):
                    self.boxed.add(root_name(node.target))
            if isinstance(node, Unseen):
                mutated.update(root_name(a) for a in (*node.args, *(v for _, v in node.kwargs)))
            if isinstance(node, Invoke):
                lent = [(p, root_name(x)) for p, x in zip(node.callee.params, node.args) if p in node.callee.shared]
                written.update(name for p, name in lent if p in node.callee.written)
                written_inside.update(name for p, name in lent if p in node.callee.written)
                mutated.update(name for p, name in lent if p in spoiled(node.callee))
                self.boxed.update(name for _, name in lent)
            inner = loops + isinstance(node, (For, While))
            for child in children(node):
                if not isinstance(child, Function):  # what a nested one writes is seen where it is called
                    visit(child, inner)

        for s in body:
            visit(s, 0)
        self.mutated, self.written = seen.closure(mutated), seen.closure(written)
        self.written_inside = held.closure(written_inside)
        if is_generated(self.special.owner):
            # The way back brings back what was in an array that is written into, in a copy of it. Another name of that
            # array, which a derivative may have, still sees the array.
            self.mutated |= self.written_inside - written
        own = [n for s in body for n in walk_own(s)]
        self.nested = {n.function.name for n in own if isinstance(n, Def)} | {
            n.target.id for n in own if isinstance(n, Assign) and isinstance(n.value, Lambda)
        }
        self.fixed = {n for n, count in assigned.items() if count == 1 and n not in in_loop}
        self.stable = self.fixed - self.mutated - self.written
        self.boxed.discard(None)

    def trace(self, body, bound: set[str], definite: set[str]) -> tuple[set[str], set[str]]:
        """Walks forward: before each statement, which variables may already have a value in this pass of its loop."""
        for s in body:
            self.prior[id(s)] = frozenset(bound)
            self.definite[id(s)] = set(definite)
            match s:
                case Assign(target=target):
                    names = target_names(target)
                    bound, definite = bound | names, definite | names
                case AugAssign(target=Name(id=name)):
                    bound = bound | {name}
                case If(body=then, orelse=orelse):
                    (b1, d1), (b2, d2) = self.trace(then, bound, definite), self.trace(orelse, bound, definite)
                    if ends_raising(then):
                        d1 = d2
                    elif ends_raising(orelse):
                        d2 = d1
                    bound, definite = b1 | b2, d1 & d2
                case For() | While():
                    inside = assigned_names(s.body) | (target_names(s.target) if isinstance(s, For) else set())
                    carried = inside & exposed(s)
                    self.local[id(s)] = inside - carried
                    start = (bound - inside) | carried
                    self.trace(s.body, start, definite | (target_names(s.target) if isinstance(s, For) else set()))
                    bound = bound | inside
                    if isinstance(s, While) and isinstance(s.test, Const):
                        definite = definitely_set([s], definite)
                case With(body=inner, items=items):
                    names = {n for _, t in items if t is not None for n in target_names(t)}
                    bound, definite = self.trace(inner, bound | names, definite | names)
                case Try():
                    b, d = self.trace(s.body, bound, definite)
                    ends = [self.trace(s.orelse, b, d)]
                    for h in s.handlers:
                        end = self.trace(h.body, b, definite)
                        if not ends_raising(h.body):
                            ends.append(end)
                    bound = set().union(*(e[0] for e in ends), b)
                    definite = set.intersection(*(e[1] for e in ends))
                    bound, definite = self.trace(s.final, bound, definite)
        return bound, definite


def is_own_step(e: Call) -> bool:
    """Whether a call adds to a list or takes from it: the way back does the opposite."""
    return isinstance(e.fn, Attribute) and e.fn.attr in ("append", "pop")


def changes_array(target: Expr) -> bool:
    """Whether a write to `target` changes an array in place, or an item of an item of a container."""
    value = target.value if isinstance(target, (Subscript, Attribute)) else target
    return isinstance(plain(value.kind), Array) or isinstance(target, Subscript) and not isinstance(value, Name)


def held_in(e: Expr) -> set[str]:
    """The variables that may hold something that the value of `e` holds, or that a function keeps of it."""
    if isinstance(e, Invoke):
        return set() if e.callee.done and e.callee.result.owned else set().union(*map(held_in, e.args))
    return aliases(e) | references(e)


def is_taken_back(e: Call) -> bool:
    """Whether a call that changes a list is one of those that the way back takes back: `append` and `pop`."""
    return e.varied and root_name(e.fn.value) is not None and e.fn.attr in ("append", "pop") and not e.kwargs


def spoiled(callee) -> set[str]:
    """The parameters into which a function writes, and whose old values its adjoint does not bring back."""
    if callee.spoiled is not None:
        return callee.spoiled
    kinds = dict(zip(callee.params, (v.kind for v in callee.values)))
    return {p for p in callee.written if not isinstance(plain(kinds[p]), Array)}


def is_whole_array(target: Expr) -> bool:
    """Whether a target of an augmented assignment is a variable with an array, which changes in place."""
    return isinstance(target, Name) and isinstance(plain(target.kind), Array)


def is_undone(target: Expr) -> bool:
    """Whether a write to `target` can be taken back: a place in an array or a list of a variable."""
    path = steps(target)
    if root_name(target) is None or not path:
        return False
    if not target.varied and isinstance(target, Subscript) and isinstance(target.index, Slice):
        if is_list(plain(target.value.kind)):
            return False  # its length may be another one then
    return all(
        isinstance(plain(step.value.kind), (Array, Listing, Items)) or is_flat(step)
        for step in path
        if isinstance(step, (Subscript, Attribute))
    )


def exposed(s: For | While) -> set[str]:
    """The variables that a pass of a loop may read before it sets them: those that carry over from the pass before."""
    return reads_before_writes(s.body, set()) | (names_read(s.test) if isinstance(s, While) else set())
