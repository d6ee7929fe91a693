"""Statements: assignments, writes, calls for their effect, branches, `with` and `try`."""

from __future__ import annotations

import functools
import types
from dataclasses import replace

from srcad.analysis.kinds import (
    Array, Callee, Items, Kind, Listing, Maybe, Number, Opaque, UNKNOWN, Unknown, is_float, item_kind, join, kind_of,
    plain,
)  # fmt: skip
from srcad.analysis.specialise.calls import is_library
from srcad.analysis.specialise.sharing import aliases, is_basic, is_fresh, is_harmless, is_hashable, mark_varied
from srcad.analysis.specialise.values import Local, Value, join_envs, join_values, kind_name, unnamed_site
from srcad.core.nodes import (
    Assert, Assign, Attribute, AugAssign, Break, Call, Comprehension, Const, Def, Delete, Dict, Expr, ExprStmt, For,
    Global, If, Import, Invoke, Lambda, List, Name, Node, Op, Pass, Raise, Ref, Return, Slice, Starred, Stmt,
    Subscript, Try, Tuple, While, With, children, walk,
)  # fmt: skip


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
            case For():
                self.for_(s)
            case While():
                self.loop(s, lambda: (replace(s, test=self.test(s.test)), None))
            case Return(value=value):
                typed = self.expr(value)
                result = join_values(self.special.result, Value(unnamed_site(typed.kind), typed.varied))
                self.special.result = result
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
                        if value.varied:
                            self.refuse(s, "`del` of an item of a value that is differentiated")
                    else:
                        return  # the name is not read again; its value may be needed on the way back
                self.emit(s)
            case Raise() | Assert() | Pass() | Break():
                self.emit(s)
            case _:
                self.refuse(s, f"{type(s).__name__.lower()} is not supported here")

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
            case Name():
                typed = self.expr(value, name=target.id)
                self.check_kept(s, value, typed)
                self.define(target.id, typed)
                if not (isinstance(typed, Name) and typed.id == target.id):
                    self.emit(replace(s, target=replace(target, kind=typed.kind, varied=typed.varied), value=typed))
            case Tuple():
                typed = self.expr(value)
                self.unpack(s, target, typed)
            case Subscript() | Attribute():
                self.store(Assign(target, value, at=s.at), target, self.expr(value))
            case _:
                self.refuse(s, "this target of an assignment is not supported")

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
        shared = aliases(typed)
        self.disown(shared)
        for other in shared:
            if other in self.mutated:
                self.mutated.add(name)
        made_here = isinstance(typed, (List, Dict))  # the container; its items may be others'
        self.bind(name, Value(typed.kind, typed.varied, made_here or not shared and is_fresh(typed)))

    def unpack(self, s: Assign, target: Tuple, typed: Expr) -> None:
        """A tuple of targets: together where the value's items are known, else item by item."""
        if any(isinstance(t, (Subscript, Attribute)) for t in flat_targets(target)):
            return self.unpack_into_places(s, target, typed)
        kind = plain(typed.kind)
        stars = [i for i, e in enumerate(target.elts) if isinstance(e, Starred)]
        if isinstance(typed, Tuple) and len(typed.elts) == len(target.elts) and not stars:
            if all(isinstance(t, Name) for t in target.elts):
                names = []
                for t, v in zip(target.elts, typed.elts):
                    names.append(replace(t, kind=v.kind, varied=v.varied))
                for t, v in zip(target.elts, typed.elts):
                    self.define(t.id, v)
                self.emit(replace(s, target=replace(target, elts=tuple(names)), value=typed))
                return
        if not typed.varied:
            self.disown(aliases(typed))
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
        count = len(kind.items) if isinstance(kind, Items) else None
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
            self.assign(Assign(t, part, at=s.at), t, part)

    def unpack_into_places(self, s: Assign, target: Tuple, typed: Expr) -> None:
        """A tuple of targets with items of containers among them: all values first, then one write after the other."""
        if any(isinstance(t, Starred) for t in target.elts):
            self.refuse(s, "a starred target beside an item of a container", "Use two statements.")
            return
        written_out = isinstance(typed, Tuple) and len(typed.elts) == len(target.elts)
        source = None if written_out else self.named(typed, "items")
        values = []
        for i, t in enumerate(target.elts):
            value = typed.elts[i] if written_out else Subscript(source, Const(i), at=s.at)
            holder = Name(self.fresh("item", t), at=s.at)
            self.assign(Assign(holder, value, at=s.at), holder, value)
            values.append(holder)
        for t, value in zip(target.elts, values):
            self.assign(Assign(t, value, at=s.at), t, value)

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

    def store(self, s: Assign, target: Expr, typed: Expr) -> None:
        """A write into an array, a container or an object."""
        container = self.expr(target.value)
        if isinstance(target, Subscript):
            target = replace(target, value=container, index=self.expr(target.index))
        else:
            target = replace(target, value=container)
        if typed.varied or container.varied:
            place = self.owned_place(s, target, typed)
            if place is not None:
                self.emit(replace(s, target=place, value=typed))
            return
        self.note_mutation(container)
        self.check_global(s, container)
        self.disown(aliases(typed))
        if isinstance(target, Subscript):
            target = replace(target, kind=self.typed_operation(target).kind)
        self.emit(replace(s, target=target, value=typed))

    def owned_place(self, s: Stmt, target: Expr, typed: Expr) -> Expr | None:
        """The place that a write goes to, in an array or list of this function that nobody else shares; None, and a
        problem noted, where that is not known."""
        name = target
        while isinstance(name, Subscript):
            name = name.value
        hint = "Build the new value by an expression (np.where, np.concatenate), or make a copy first: a = a.copy()."
        what = "an item" if isinstance(target, Subscript) else "an attribute"
        if not (isinstance(target, Subscript) and isinstance(name, Name)):
            self.refuse(s, f"writing into {what} of a value that is differentiated", hint)
            return None
        known = self.env.get(name.id)
        if known is None:
            self.refuse(
                s, f"writing into {what} of `{name.id}`, a variable of an enclosing function", "Return the new value."
            )
            return None
        place = self.typed_operation(target)
        containers, inner = [], target
        while isinstance(inner, Subscript):
            containers.append((plain(inner.value.kind), inner.index))
            inner = inner.value
        if not self.is_owned(name.id):
            self.refuse(s, f"writing into {what} of `{name.id}`, whose memory another name may share", hint)
            return None
        if any(isinstance(k, Array) for k, _ in containers) and any(isinstance(k, Listing) for k, _ in containers):
            if not self.is_generated:
                self.refuse(s, f"writing into {what} of an array that a list holds", hint)
                return None
        if len(containers) > 1 and any(isinstance(k, Listing) for k, _ in containers) and not self.is_generated:
            self.refuse(s, f"writing into {what} of a list in a list", hint)
            return None
        for kind, index in containers:
            if not isinstance(kind, (Array, Listing)) or isinstance(kind, Array) and not is_float(kind):
                if not isinstance(kind, Unknown):
                    self.refuse(s, f"writing into {what} of {kind_name(kind)} a value that is differentiated", hint)
                else:
                    self.refuse(s, f"writing into {what} of `{name.id}`, of which too little is known", hint)
                return None
            if not is_basic(index):
                self.refuse(s, "writing to places that an array of indices names", hint)
                return None
        self.disown(aliases(typed))
        self.bind(name.id, replace(known, varied=True))
        return replace(place, varied=True, value=mark_varied(place.value))

    def check_global(self, s: Stmt, container: Expr) -> None:
        """Refuses a write into what is not the function's own: a gradient call leaves it as it was."""
        root = container
        while isinstance(root, (Subscript, Attribute)):
            root = root.value
        if isinstance(root, (Global, Ref)):
            name = root.id if isinstance(root, Global) else root.text
            self.refuse(
                s, f"writing into `{name}`, which is defined outside of the function", "Write into a copy of it."
            )

    def note_mutation(self, container: Expr) -> None:
        root = container
        while isinstance(root, (Subscript, Attribute)):
            root = root.value
        if isinstance(root, Name):
            self.mutated.add(root.id)

    def augmented(self, s: AugAssign) -> None:
        if not isinstance(s.target, Name):
            if s.op not in ("+", "-") and isinstance(s.target, Subscript):
                self.assign(s, s.target, Op(s.op, (s.target, s.value), at=s.at))
                return
            container = self.expr(s.target.value)
            typed = self.expr(s.value)
            target = replace(s.target, value=container)
            if isinstance(target, Subscript):
                target = replace(target, index=self.expr(target.index))
            if typed.varied or container.varied:
                place = self.owned_place(s, target, typed)
                if place is not None:
                    self.emit(replace(s, target=place, value=typed))
                return
            self.note_mutation(container)
            self.check_global(s, container)
            if isinstance(target, Subscript):
                target = replace(target, kind=self.typed_operation(target).kind)
            self.emit(replace(s, target=target, value=typed))
            return
        target = self.expr(s.target)
        typed = self.expr(s.value)
        kind = plain(target.kind)
        if isinstance(kind, Number) or not (isinstance(kind, (Array, Unknown, Listing, Items))):
            return self.rebind(s, target, typed)
        if not (target.varied or typed.varied):
            self.mutated.add(s.target.id)
            self.emit(replace(s, target=target, value=typed))
            return None
        owned = self.is_owned(s.target.id)
        if isinstance(kind, (Array, Unknown)) and owned:
            after = self.binary(s, target, typed).kind
            if isinstance(kind, Unknown) or (isinstance(after, Array) and after.dtype == kind.dtype):
                return self.rebind(s, target, typed)
        self.refuse(
            s,
            f"`{s.target.id} {s.op}= …` changes an array in place that another name may share",
            f"Write `{s.target.id} = {s.target.id} {s.op} …`.",
        )
        return None

    def rebind(self, s: AugAssign, target: Name, typed: Expr) -> None:
        result = self.binary(s, target, typed)
        self.define(target.id, result)
        self.emit(Assign(replace(target, kind=result.kind, varied=result.varied), result, at=s.at))

    def binary(self, s: AugAssign, target: Expr, typed: Expr) -> Expr:
        return self.typed_operation(Op(s.op, (target, typed), at=s.at))

    def effect(self, s: ExprStmt, value: Expr) -> None:
        """An expression statement: a call for its effect, or nothing."""
        match value:
            case Const():
                return
            case Call(fn=Attribute(value=container, attr="append"), args=(item,), kwargs=()):
                owner = self.expr(container)
                if isinstance(owner, Name) and isinstance(plain(owner.kind), (Listing, Items)):
                    return self.append(s, owner, self.expr(item))
            case Call(fn=Ref(obj=obj)) if is_harmless(obj):
                self.emit(s)
                return None
        typed = self.expr(value)
        if not isinstance(value, Call):
            return None
        if isinstance(typed, Name):  # a call that has become a statement of its own
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
        if isinstance(value, Call) and isinstance(value.fn, Attribute):
            self.note_mutation(self.expr(value.fn.value))
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
        return any(isinstance(n, Name) and n.id in self.env and self.env[n.id].varied for n in walk(e))

    def append(self, s: ExprStmt, owner: Name, item: Expr) -> None:
        kind = plain(owner.kind)
        known = self.env[owner.id]
        if item.varied and any(True for _ in callees_in(item.kind)):
            self.refuse(
                s, "a nested function is kept in a list", "Keep the values that it needs, and call one function."
            )
        if item.varied or owner.varied:
            if not self.is_owned(owner.id):
                self.refuse(
                    s,
                    f"`{owner.id}.append(…)` of a list that another name may share",
                    "Append to a list that is made in this function.",
                )
            items = join(item_kind(kind), item.kind)
            self.disown(aliases(item))
            self.bind(owner.id, Value(Listing(items), True, known.owned))
            owner = replace(owner, kind=Listing(items), varied=True)
        else:
            self.mutated.add(owner.id)
            self.bind(owner.id, replace(known, kind=Listing(join(item_kind(kind), item.kind))))
        call = replace(s.value, fn=replace(s.value.fn, value=owner), args=(item,), varied=item.varied or owner.varied)
        self.emit(replace(s, value=call))

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
        self.env = functools.reduce(join_envs, ends)
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

    def try_(self, s: Try) -> None:
        before = self.env
        outer, self.out = self.out, []
        raised, body = before, []
        for stmt in s.body:
            self.statement(stmt)
            raised = join_envs(raised, self.env)
        body, self.out = tuple(self.out), outer
        orelse = self.block(s.orelse)
        ends, handlers = [self.env], []
        for h in s.handlers:
            self.env = raised
            if h.name:
                self.bind(h.name, Value(Opaque(Exception)))
                for node in (n for stmt in h.body for n in walk(stmt)):
                    if isinstance(node, Attribute) and isinstance(node.value, Name) and node.value.id == h.name:
                        self.refuse(
                            node, "a value that an exception carries", "Return it, or assign it before the raise."
                        )
            handler = self.block(h.body)
            handlers.append(replace(h, body=handler or (Pass(at=h.at),)))
            if not ends_with_raise(handler):
                ends.append(self.env)
        self.env = functools.reduce(join_envs, ends)
        final = self.block(s.final)
        self.emit(replace(s, body=body, handlers=tuple(handlers), orelse=orelse, final=final))


def is_iterator(e: Expr) -> bool:
    """Whether an expression makes an iterator, which runs out and runs late."""
    match e:
        case Comprehension(style="generator"):
            return True
        case Call(fn=Ref(obj=obj)):
            return obj in (map, filter, zip, enumerate, reversed, iter) if is_hashable(obj) else False
    return False


def callees_in(kind: Kind):
    """The nested functions, with the variables that they capture, in a kind."""
    match kind:
        case Callee(extra=tuple()) if not (kind.extra and kind.extra[0] in ("bound", "partial")):
            yield kind
        case Items(items=items):
            for item in items:
                yield from callees_in(item)
        case Listing(item=item) | Maybe(item=item):
            yield from callees_in(item)


def flat_targets(target: Expr):
    if isinstance(target, Tuple):
        for t in target.elts:
            yield from flat_targets(t)
    else:
        yield target


def ends_with_raise(block) -> bool:
    return bool(block) and isinstance(block[-1], Raise)
