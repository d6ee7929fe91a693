"""Statements: assignments, writes, calls for their effect, branches, `with` and `try`."""

from __future__ import annotations

import functools
import types
from dataclasses import replace

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    NEVER, UNKNOWN, Array, Callee, Items, Kind, Listing, Nothing, Number, is_float, is_list, item_kind, kind_of,
    plain,
)  # fmt: skip
from srcad.analysis.specialise.in_place import in_place
from srcad.analysis.specialise.sharing import (
    ANY, aliases, callees_in, is_fresh, is_harmless, is_hashable, is_step, leads_to, makes_array, makes_container,
    references,
)  # fmt: skip
from srcad.analysis.specialise.values import UNKNOWN_ITEMS, Local, Value, join_envs, join_values, set_names, unnamed_site
from srcad.core.nodes import (
    Assert, Assign, Attribute, AugAssign, Break, Call, Comprehension, Const, Def, Delete, Expr, ExprStmt, Filled, For,
    If, Import, Invoke, Lambda, Name, Node, Pass, Raise, Ref, Return, Slice, Starred, Stmt, Subscript, Try,
    Tuple, Walrus, While, With, children, reference, walk,
)  # fmt: skip

from srcad.core.places import root_name, root_of, steps
from srcad.structure import is_library


class Statements:
    """The part of the specialisation that goes through statements."""

    def statement(self, s: Stmt) -> None:
        match s:
            case Assign(target=target, value=value):
                self.assign(s, target, value)
            case AugAssign():
                self.augmented(s)
            case ExprStmt(value=value):
                self.effect(s, value)
            case If(test=test):
                self.branch(s, self.test(test))
            case For() | While() if self.is_limited(s):
                self.in_parts(s)
            case For():
                self.for_(s)
            case While():
                if not any(isinstance(n, Walrus) for n in walk(s.test)) and self.sets(s.test):
                    self.refuse(s.test, "a call that writes into an array, in the head of a loop", "Call it in the body.")
                self.loop(s, lambda: (replace(s, test=self.test(s.test)), None))
            case Return(value=value):
                typed = self.expr(value)
                if isinstance(typed, Name) and typed.id in self.special.written:
                    self.special.handed_back = typed.id
                self.special.result = self.returned(typed)
                self.emit(replace(s, value=typed))
            case With():
                self.with_(s)
            case Try():
                self.try_(s)
            case Def(function=function):
                function = self.with_fixed_defaults(function)
                self.bind(function.name, Value(Callee(Local(function, self.special.owner), "local")))
                self.emit(replace(s, function=function))
            case Import(names=names):
                self.import_(s, names)
            case Delete(targets=targets):
                for t in targets:
                    if not isinstance(t, Name):
                        value = self.expr(t.value)
                        if value.varied and self.delete(s, t, value):
                            return
                        if not value.varied:
                            self.claim_constant(s, value)
                        if value.varied:
                            self.refuse(s, "`del` of an item of a value that is differentiated")
                    else:
                        return  # the name is not read again; its value may be needed on the way back
                self.emit(s)
            case Raise() | Assert() | Pass() | Break():
                self.emit(s)
            case _:
                self.refuse(s, f"{type(s).__name__.lower()} is not supported here")

    def returned(self, typed: Expr) -> Value:
        """What is known of the result, of this return and those before: it is owned if it is made here."""
        value = Value(unnamed_site(typed.kind), typed.varied, self.is_own(typed))
        before = self.special.result
        return value if before.kind == NEVER else join_values(before, value)

    def is_own(self, typed: Expr) -> bool:
        """Whether a value is made here, at any depth, so that whoever gets it is the only one who sees it."""
        kind = plain(typed.kind)
        if isinstance(kind, Number):
            return True
        if isinstance(typed, Tuple):
            named = [x.id for x in typed.elts if isinstance(x, Name) and not isinstance(plain(x.kind), Number)]
            return all(map(self.is_own, typed.elts)) and len(named) == len(set(named))
        if not isinstance(kind, (Array, Listing, Items)):
            return isinstance(kind, Nothing) or makes_array(typed)
        holds = isinstance(kind, (Listing, Items)) and not isinstance(item_kind(kind), Number)
        if isinstance(typed, Name):
            special = self.special
            is_given = typed.id in special.params and (typed.id in special.written or typed.id not in self.assigned)
            is_local = (not is_given or typed.id in special.taken) and self.is_owned(typed.id) and not self.is_generated
            return is_local and (not holds or not self.env[typed.id].held)
        if makes_container(typed):
            return not self.held_in(typed) and not self.is_generated
        return is_fresh(typed) and not references(typed) and not holds

    def import_(self, s: Import, names) -> None:
        namespace = dict(self.special.owner.__globals__)
        try:
            exec(s.text, namespace)  # what the function itself does when it runs
        except ImportError:
            for n in names:
                self.bind(n, Value(UNKNOWN))
        else:
            for n in names:
                self.bind(n, Value(kind_of(namespace[n], n)))
        self.emit(s)

    def assign(self, s: Stmt, target: Expr, value: Expr) -> None:
        match target:
            case Name() if isinstance(value, Lambda):
                function = self.with_fixed_defaults(value.function)
                self.bind(target.id, Value(Callee(Local(function, self.special.owner), "local")))
                self.own_functions.add(target.id)
                self.emit(replace(s, value=replace(value, function=function, kind=UNKNOWN)))
            case Name() if (derived := self.derived(value)) is not None:
                self.bind(target.id, Value(Callee(derived[1], "local")))
                self.own_functions.add(target.id)
                self.emit(replace(s, value=replace(derived[0], kind=UNKNOWN)))
            case Name():
                typed = self.expr(value, name=target.id)
                self.check_kept(s, value, typed)
                moved = isinstance(typed, Name) and typed.id in self.temporaries
                if self.is_generated and isinstance(typed, Name) and target.id in self.emptied:
                    typed = self.expr(Call(Attribute(typed, "copy"), (), at=s.at))
                if self.special.is_aliasing and not moved and self.is_place(typed) and self.is_entangled(target.id, typed):
                    if isinstance(typed, Name) and typed.id == target.id:
                        return
                    if target.id in self.special.lasting:
                        return self.bind_lasting(target, typed, s)
                    if target.id in self.special.moving and self.is_movable(typed):
                        return self.bind_moving(target.id, typed, s)
                    if root_name(typed) != target.id:
                        return self.bind_place(target.id, typed, s)
                self.define(target.id, typed)
                if not (isinstance(typed, Name) and typed.id == target.id):
                    self.emit(replace(s, target=replace(target, kind=typed.kind, varied=typed.varied), value=typed))
            case Tuple():
                typed = self.expr(self.iterable(value))
                self.unpack(s, target, typed)
            case Subscript() | Attribute() if self.set_by_method(s, target, value):
                return
            case Subscript(index=Slice()) if self.spliced(s, target, value):
                return
            case Subscript() | Attribute():
                again = (Filled if isinstance(s, Filled) else Assign)(target, value, at=s.at)
                self.store(again, target, self.expr(value))
            case _:
                self.refuse(s, "this target of an assignment is not supported")

    @functools.cached_property
    def emptied(self) -> set[str]:
        """The variables whose items the text takes out. That of the adjoint of a list, which has the name of what the list
        was made from, must leave the list to its own name: the way back through both sweeps reads it there."""
        calls = (n.fn for n in walk(self.special.source) if isinstance(n, Call) and isinstance(n.fn, Attribute))
        return {fn.value.id for fn in calls if fn.attr == "pop" and isinstance(fn.value, Name)}

    def check_kept(self, s: Stmt, value: Expr, typed: Expr) -> None:
        """Refuses to keep what is computed later: an iterator, a function whose captured variables get new values."""
        if typed.varied and is_iterator(value):
            self.refuse(s, "an iterator over values that are differentiated is kept", "Make a list of it: list(…).")
        for kind in callees_in(typed.kind):
            changing = [n for n, _ in kind.extra if n in self.reassigned]
            if changing:
                self.refuse(
                    s,
                    f"a nested function is kept, and the variable `{changing[0]}` that it captures is set more than once",
                    "Pass the variable as an argument, or give its values different names.",
                )

    @functools.cached_property
    def reassigned(self) -> set[str]:
        """The variables that are set more than once, or in a loop."""
        found: dict[str, int] = dict.fromkeys(self.special.params, 1)

        def visit(node: Node, weight: int) -> None:
            match node:
                case Assign(target=target) | AugAssign(target=target) | For(target=target):
                    for n in walk(target):
                        if isinstance(n, Name):
                            found[n.id] = found.get(n.id, 0) + weight
            inner = 2 if isinstance(node, (For, While)) else weight
            for child in children(node):
                visit(child, inner)

        for stmt in self.special.source.body:
            visit(stmt, 1)
        return {n for n, count in found.items() if count > 1}

    def define(self, name: str, typed: Expr) -> None:
        if isinstance(typed, Name) and typed.id in self.temporaries:  # it is not named again
            return self.bind(name, self.env[typed.id])
        shared = aliases(typed)
        for other in shared:
            if other in self.mutated:
                self.mutated.add(name)
        made_here = makes_container(typed)  # the container; its items may be others'
        owned = made_here or not shared and is_fresh(typed) or shared == {name} and self.is_owned(name)
        is_part = isinstance(typed, Subscript) and is_fresh(typed)  # of a list
        held = self.held_in(typed, name) if made_here or is_part or is_own_result(typed) else UNKNOWN_ITEMS
        parts = self.parts_of(typed, name) if self.special.is_aliasing and made_here else ()
        if parts:  # all else in it is its own
            held = frozenset()
        else:
            self.seen_elsewhere(typed)
        self.bind(name, Value(typed.kind, typed.varied, owned, held=held, parts=parts))

    def unpack(self, s: Assign, target: Tuple, typed: Expr) -> None:
        """A tuple of targets: together where the value's items are known, else item by item."""
        if any(isinstance(t, (Subscript, Attribute)) for t in flat_targets(target)):
            return self.unpack_into_places(s, target, typed)
        kind = plain(typed.kind)
        stars = [i for i, e in enumerate(target.elts) if isinstance(e, Starred)]
        if isinstance(typed, Tuple) and len(typed.elts) == len(target.elts) and not stars:
            if self.names_places(target, typed):
                return self.unpack_places(s, target, typed)
            if all(isinstance(t, Name) for t in target.elts):
                names = [replace(t, kind=v.kind, varied=v.varied) for t, v in zip(target.elts, typed.elts)]
                if is_permutation(target, typed):  # each keeps what is its own, under another name
                    for v in typed.elts:
                        self.take_over(v.id)
                    for t, known in zip(names, [self.env[v.id] for v in typed.elts]):
                        self.bind(t.id, known)
                else:
                    for t, v in zip(target.elts, typed.elts):
                        self.define(t.id, v)
                self.emit(replace(s, target=replace(target, elts=tuple(names)), value=typed))
                return
        if not typed.varied:
            self.seen_elsewhere(typed)
            self.emit(replace(s, target=self.unpack_constant(target, kind), value=typed))
            return
        if (
            isinstance(typed, (Invoke, Tuple))
            and isinstance(kind, Items)
            and not stars
            and all(isinstance(t, Name) for t in target.elts)
        ):
            if len(kind.items) != len(target.elts):
                self.refuse(s, f"{len(kind.items)} values are unpacked into {len(target.elts)} names")
                return
            names = tuple(replace(t, kind=k, varied=is_float(k)) for t, k in zip(target.elts, kind.items))
            for t in names:
                self.bind(t.id, Value(t.kind, t.varied))
            self.emit(replace(s, target=replace(target, elts=names), value=typed))
            return
        source = self.named(typed, "items", avoid={n.id for n in walk(target) if isinstance(n, Name)})
        if not stars and isinstance(kind, (Array, Listing)):
            length = Const(len(target.elts))
            self.emit(ExprStmt(Call(reference(runtime.check_length), (source, length)), at=s.at))
        count = len(kind.items) if isinstance(kind, Items) else None
        known = self.env.get(source.id)
        is_own = source.id in self.temporaries and known is not None and known.owned
        for i, t in enumerate(target.elts):
            after = len(target.elts) - i
            if isinstance(t, Starred):
                stop = None if after == 1 else (Const(1 - after) if count is None else Const(count - after + 1))
                part, t = Subscript(source, Slice(Const(i), stop, None), at=s.at), t.value
                if isinstance(kind, Array):
                    part = Call(Ref(list, "list"), (part,), at=s.at)
                elif isinstance(kind, Items) and kind.cls is not list:
                    part = Call(Ref(list, "list"), (part,), at=s.at)
            else:
                position = i if not stars or i < stars[0] else (-after if count is None else count - after)
                part = Subscript(source, Const(position), at=s.at)
                if isinstance(t, Name) and source.id in self.temporaries:  # no other name of it is ever used
                    typed_part = self.expr(part)
                    self.define(t.id, typed_part)
                    key = ANY if position < 0 or not isinstance(kind, Items) else position
                    if is_own and known.is_alone_at((key,)):
                        held = frozenset((way[1:], other) for way, other in known.held if leads_to((key,), way))
                        self.update(t.id, replace(self.env[t.id], owned=True, held=held))
                    target_part = replace(t, kind=typed_part.kind, varied=typed_part.varied)
                    self.emit(Assign(target_part, typed_part, at=s.at))
                    continue
            self.assign(Assign(t, part, at=s.at), t, part)

    def names_places(self, target: Tuple, typed: Tuple) -> bool:
        """Whether an assignment item by item makes variables other names of places."""
        if not self.special.is_aliasing or is_permutation(target, typed):
            return False
        pairs = zip(target.elts, typed.elts)
        return any(isinstance(t, Name) and self.is_place(v) and self.is_entangled(t.id, v) for t, v in pairs)

    def unpack_places(self, s: Assign, target: Tuple, typed: Tuple) -> None:
        """`a, b = c[:2], c[2:]` as one assignment after the other; what an earlier one changes is held before."""
        values = list(typed.elts)
        for i, v in enumerate(values):
            earlier = set().union(*map(set_names, target.elts[:i]))
            if any(isinstance(n, Name) and n.id in earlier for n in walk(v)):
                values[i] = Name(self.fresh("item", target.elts[i]), at=s.at)
                if self.is_place(v):
                    self.bind_place(values[i].id, v, s)
                else:
                    self.assign(Assign(values[i], v, at=s.at), values[i], v)
        for t, v in zip(target.elts, values):
            self.assign(Assign(t, v, at=s.at), t, v)

    def unpack_into_places(self, s: Assign, target: Tuple, typed: Expr) -> None:
        """A tuple of targets with items of containers among them: all values first, then one write after the other."""
        if any(isinstance(t, Starred) for t in target.elts):
            self.refuse(s, "a starred target beside an item of a container", "Use two statements.")
            return
        written_out = isinstance(typed, Tuple) and len(typed.elts) == len(target.elts)
        exchanged = self.exchanged(target, typed) if written_out else {}
        source = None if written_out else self.named(typed, "items")
        values = []
        for i, t in enumerate(target.elts):
            value = typed.elts[i] if written_out else Subscript(source, Const(i), at=s.at)
            typed_value = self.expr(value)
            if isinstance(typed_value, Name) and typed_value.id not in set_names(target):
                values.append(typed_value)
                continue
            holder = Name(self.fresh("item", t), kind=typed_value.kind, varied=typed_value.varied, at=s.at)
            self.define(holder.id, typed_value)
            self.temporaries.add(holder.id)
            self.emit(Assign(holder, typed_value, at=s.at))
            values.append(holder)
        for t, value in zip(target.elts, values):
            self.assign(Assign(t, value, at=s.at), t, value)
        for name, held in exchanged.items():
            self.update(name, replace(self.env[name], held=held))

    def unpack_constant(self, target: Expr, kind: Kind) -> Expr:
        """Binds the names of a target to the items of a value that is not varied."""
        match target:
            case Name(id=name):
                self.bind(name, Value(kind))
                return replace(target, kind=kind)
            case Starred(value=value):
                return replace(target, value=self.unpack_constant(value, kind))
            case Tuple(elts=elts):
                kind = plain(kind)
                known = isinstance(kind, Items) and len(kind.items) == len(elts)
                known = known and not any(isinstance(e, Starred) for e in elts)
                parts = kind.items if known else [item_kind(kind)] * len(elts)
                parts = [Listing(p) if isinstance(e, Starred) else p for e, p in zip(elts, parts)]
                return replace(target, elts=tuple(self.unpack_constant(e, k) for e, k in zip(elts, parts)))
        return self.expr(target)

    def effect(self, s: ExprStmt, value: Expr) -> None:
        """An expression statement: a call for its effect, or nothing."""
        match value:
            case Const():
                return
            case Call() if (assigned := in_place(self, s, value)) is not None:
                for part in assigned if isinstance(assigned, tuple) else (assigned,):
                    self.statement(part)
                return None
            case Call(fn=Attribute(value=container, attr="extend"), args=(more,), kwargs=()) if is_list(
                plain(self.peek(container))
            ) and self.peek_varied(value):
                return self.extend(s, container, more)
            case Call(fn=Attribute(value=container, attr="append"), args=(item,), kwargs=()):
                owner = self.expr(container)
                if is_list(plain(owner.kind)) and isinstance(root_of(owner), Name) and all(map(is_step, steps(owner))):
                    return self.append(s, owner, self.expr(item))
            case Call(fn=Ref(obj=obj)) if is_harmless(obj):
                self.emit(s)
                return None
        typed = self.expr(value)
        if not isinstance(value, Call):
            return None
        if not isinstance(typed, Call):  # a call that has become a statement of its own
            return None
        if self.is_differentiable_call(value) and not typed.varied:
            self.emit(replace(s, value=typed))
            return None
        if typed.varied or self.reads_varied(value):
            self.refuse(
                s,
                "a call for its effect, with a value that is differentiated",
                "If the derivative need not know of it, pass stop_gradient(value).",
            )
        if isinstance(value.fn, Attribute):
            self.claim_constant(s, self.expr(value.fn.value))
        if not (isinstance(typed.fn, Ref) and kinds.is_pure(typed.fn.obj)):
            for a in typed.args:
                self.claim_constant(s, a)
        self.emit(replace(s, value=typed))
        return None

    def is_differentiable_call(self, e: Call) -> bool:
        """Whether `e` calls a function whose text has been gone through, so that it is known what it does."""
        if self.local_function(e.fn) is not None:
            return True
        with self.attempt():
            kind = self.expr(e.fn).kind
        return isinstance(kind, Callee) and (
            isinstance(kind.obj, Local) or isinstance(kind.obj, types.FunctionType) and not is_library(kind.obj)
        )

    def reads_varied(self, e: Node) -> bool:
        match e:
            case Name(id=name):
                return name in self.env and self.env[name].varied
            case Call(fn=Ref(obj=runtime.stop_gradient)):
                return False
        return any(map(self.reads_varied, children(e)))

    def branch(self, s: If, test: Expr) -> None:
        decided = self.decide(s.test)
        if decided is not None:
            for inner in s.body if decided else s.orelse:
                self.statement(inner)
            return
        before = self.env
        body = self.block(s.body)
        after, self.env = self.env, before
        orelse = self.block(s.orelse)
        ends = [e for e, b in ((after, body), (self.env, orelse)) if not ends_with_raise(b)] or [after]
        self.env = self.with_extents(functools.reduce(join_envs, ends), ("after", id(s)), tuple(self.loops))
        self.rewritten["after", s] = None  # kept, so that no other statement gets its id
        self.emit(replace(s, test=test, body=body or (Pass(at=s.at),), orelse=orelse))

    def with_(self, s: With) -> None:
        items = []
        for context, target in s.items:
            typed = self.expr(context)
            if typed.varied or self.reads_varied(context):
                self.refuse(s, "a context manager made from a value that is differentiated")
            if target is not None:
                target = self.unpack_constant(target, UNKNOWN)
            items.append((typed, target))
        self.emit(replace(s, items=tuple(items), body=self.block(s.body)))


def is_own_result(e: Expr) -> bool:
    """Whether a value is the result of a call, of which nobody else sees any part."""
    return isinstance(e, Invoke) and e.callee.done and e.callee.result.owned


def is_iterator(e: Expr) -> bool:
    """Whether an expression makes an iterator, which runs out and runs late."""
    match e:
        case Comprehension(style="generator"):
            return True
        case Call(fn=Ref(obj=obj)):
            return obj in (map, filter, zip, enumerate, reversed, iter) if is_hashable(obj) else False
    return False


def is_permutation(target: Tuple, value: Tuple) -> bool:
    """Whether an assignment only exchanges variables, as `u, v = v, u` does."""
    if not all(isinstance(e, Name) for e in (*target.elts, *value.elts)):
        return False
    return sorted(e.id for e in target.elts) == sorted(e.id for e in value.elts)


def flat_targets(target: Expr):
    if isinstance(target, Tuple):
        for t in target.elts:
            yield from flat_targets(t)
    else:
        yield target


def ends_with_raise(block) -> bool:
    return bool(block) and isinstance(block[-1], Raise)
