"""Calls of functions whose text is gone through: which argument is which parameter, and whose memory they get."""

from __future__ import annotations

import builtins
import functools
import types
from dataclasses import replace

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import UNKNOWN, Array, Callee, Items, Listing, Literal, Number, Opaque, plain
from srcad.analysis.specialise.protocols import is_object
from srcad.analysis.specialise.sharing import DEPTH, OUTSIDE, aliases, is_step, meet, of_all, references, way_to
from srcad.analysis.specialise.values import Local, Place, Special, Value, below, normalised, scattered, set_names, unnamed
from srcad.analysis.specialise.writes import with_item
from srcad.checkpointing import Checkpointed
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Clause, Const, Dict, Expr, ExprStmt, For, Foreign, Function, Global, Invoke,
    Name, Node, Ref, Seen, Starred, Stmt, Subscript, Tuple, lift, reference, walk,
)  # fmt: skip
from srcad.core.places import root_name, root_of, steps
from srcad.core.printer import text
from srcad.errors import Origin


WITH_TEXT = types.FunctionType, Checkpointed
"""Functions whose text is gone through."""


DRAINING = (list, tuple, sum, max, min, sorted, any, all, set)
"""Builtins that take all values of an iterator."""


class Invocations:
    """The part of the specialisation that calls functions whose text is gone through."""

    def invoke(self, e: Expr, target, first: tuple, captured: tuple[str, ...], closure: Callee | None = None) -> Expr:
        """A call of a function whose text is differentiated: hoisted into a statement of its own where it is varied."""
        checkpointed = is_checkpointed(target)
        target = target.primal if isinstance(target, Checkpointed) else target
        if isinstance(e, Call) and (not e.args or e.args[0].kind is None or any(a.kind is None for a in e.args)):
            args, kwargs = self.arguments(e)
            e = replace(e, args=args, kwargs=kwargs)
        if isinstance(target, Local) and target.derivatives:
            return self.invoke_derived(e, target, self.taken(e.fn, target, captured, closure))
        args = (*first, *(e.args if isinstance(e, Call) else ()))
        kwargs = e.kwargs if isinstance(e, Call) else ()
        source = normalised(target.function) if isinstance(target, Local) else self.program.read(target)
        if source.yields and not self.is_drained(e, source, captured):
            return replace(e, kind=UNKNOWN)
        if closure is not None and captured and not isinstance(e.fn, Name):
            e = replace(e, fn=self.named(e.fn, "function"))
        defaults = {} if isinstance(target, Local) else default_expressions(target)
        bound = self.bind_arguments(e, source, args, kwargs, defaults)
        if bound is None:
            return replace(e, kind=UNKNOWN)
        taken = self.taken(e.fn if isinstance(e, Call) else e, target, captured, closure) if captured else []
        operands = [*bound, *taken]
        values = [Value(o.kind, o.varied) for o in operands]
        is_inside = bool(self.loops) or self.special.is_inside
        special = self.program.special(target, captured, values, is_inside=is_inside)
        if special.written:
            values = merged(special, operands, values)
            special = self.program.special(target, captured, values, is_inside=is_inside)
        result = special.result
        kind = kinds.name_extents(unnamed(result.kind), self.site(e).symbol, tuple(self.loops))
        if special.taken and not self.gives_up(e, special, operands):
            return replace(e, kind=kind, varied=result.varied)
        if special.written:
            operands = self.lent(e, special, operands)
            if operands is None:
                return replace(e, kind=kind, varied=result.varied)
        if source.yields and special.written:
            self.refuse(e, f"{source.name}(), a generator that writes into what it gets", "Return a list of copies.")
            return replace(e, kind=UNKNOWN)
        if source.yields and not result.varied:  # it stays a generator
            kind = Opaque(types.GeneratorType)
        if not (result.varied or special.written or isinstance(target, Local) and self.is_elsewhere(e)):
            if not isinstance(e, Call):
                return replace(e, kind=kind, varied=False)
            if result.owned or isinstance(plain(kind), Number):
                return Seen(e.fn, e.args, e.kwargs, callee=special, kind=kind, at=e.at)
            return Foreign(e.fn, e.args, e.kwargs, callee=special, shared=of_all(operands), kind=kind, at=e.at)
        invoked = Invoke(special, tuple(operands), e, checkpointed, kind=kind, varied=result.varied, at=e.at)
        base = special.source.name if special.source.name.isidentifier() else "value"
        base = base.strip("_") if base.startswith("__") else base  # of u[i], by __getitem__
        if special.handed_back is None:
            kept = self.kept_by(special)
            for o in (o for p, o in zip(special.params, operands) if p in kept and p not in special.written):
                self.seen_elsewhere(o)
            held = self.named(invoked, base)
            self.temporaries.add(held.id)
            return held
        given = operands[special.params.index(special.handed_back)]
        name = root_name(given)
        known = self.env[name]
        self.named(invoked, base)
        if isinstance(plain(known.kind), Array) or is_object(known.kind):  # the result is not used
            self.update(name, replace(self.env[name], owned=known.owned, held=known.held))
        return self.expr(given)

    def maybe_invoke(self, e: Call, function, first) -> Expr:
        args, kwargs = self.arguments(e)
        e = replace(e, args=args, kwargs=kwargs)
        if any(x.varied for x in (*first, *args)) or any(v.varied for _, v in kwargs):
            return self.invoke(e, function, first, ())
        return replace(e, kind=UNKNOWN)

    def is_drained(self, e: Expr, source: Function, captured: tuple[str, ...]) -> bool:
        """Whether the values of a generator are taken at once, and by what changes nothing that it reads, so that a list
        serves; a problem is noted where that is not so."""
        taker = self.takers.get(e.at)
        if taker is None:
            self.refuse(e, f"{source.name}(), a generator that is kept", "Make a list of it: list(…).")
            return False
        given = (*e.args, *(v for _, v in e.kwargs)) if isinstance(e, Call) else ()
        given = (*given, e.fn.value) if isinstance(e, Call) and isinstance(e.fn, Attribute) else given
        read = {n.id for x in given for n in walk(x) if isinstance(n, Name)}
        changed = self.changed_by(taker.body, read, set(captured)) if isinstance(taker, For) else set()
        if changed:
            what = f"{source.name}(), a generator that may read `{min(changed)}`, which the loop over it changes"
            self.refuse(e, what, "Make a list of it before the loop: list(…).")
        return not changed

    def changed_by(self, body: tuple[Stmt, ...], read: set[str], captured: set[str]) -> set[str]:
        """The variables among those that a generator reads of which a block may change what is in them; those that it has
        captured it may also give other values."""
        found: set[str | None] = set()
        for n in (n for s in body for n in walk(s)):
            match n:
                case AugAssign(target=target) | Assign(target=Subscript() | Attribute() as target):
                    found.add(root_name(target))
                case Assign(target=target) | For(target=target):
                    found |= set_names(target) & captured
                case ExprStmt(value=Call(fn=Attribute(value=owner))):
                    found.add(root_name(owner))
            if isinstance(n, Call) and (given := {root_name(a) for a in n.args} & (read | captured)):
                found |= given if self.writes(n, unseen=True) else set()
        found = {n for n in found if n in captured or n in self.env and not isinstance(plain(self.env[n].kind), Number)}
        if found & self.entangled:
            found |= self.entangled
        return found & (read | captured)

    @functools.cached_property
    def takers(self) -> dict[Origin, Node]:
        """What takes all values of an iterator that a call gives, by the place of the call: a loop, or a call."""
        found: dict[Origin, Node] = {}

        def taken(x: Expr, taker: Node) -> None:
            match x:
                case Call(fn=Ref(obj=builtins.zip | builtins.enumerate), args=args):
                    for inner in args:
                        taken(inner, taker)
                case Call() if x.at is not None:
                    found[x.at] = taker

        for n in walk(self.special.source):
            match n:
                case For(iter=iterable) | Clause(iter=iterable):
                    taken(iterable, n)
                case Call(fn=Ref(obj=obj), args=(first, *_)) if any(obj is f for f in DRAINING):
                    taken(first, n)
        return found

    def gives_up(self, e: Expr, special: Special, operands: list[Expr]) -> bool:
        """Whether the arrays that a function takes over are this function's to give, and nobody reads them afterwards;
        False, and a problem noted, where that is not so."""
        for p, o in zip(special.params, operands):
            root = root_of(o)
            if p not in special.taken or not isinstance(root, Name):
                continue
            others = [x for q, x in zip(special.params, operands) if q != p and root.id in self.sharing(x)]
            if root.id in self.special.params and not self.special.is_root and not self.env[root.id].owned:
                self.special.taken.add(root.id)
            elif steps(o) or others or not self.claim(root.id):
                self.refuse(
                    e,
                    f"{special.source.name}() writes into `{text(o)}`, and gives its own name for it another value",
                    "Use another name in that function, or pass a copy.",
                )
                return False
            gone = Place(f"{special.source.name}() may have put anything there", None, stale=True)
            self.update(root.id, replace(self.env[root.id], place=gone))
        return True

    def sharing(self, e: Expr) -> set[str]:
        """The variables whose memory the value of `e` may share."""
        found = references(e) - {OUTSIDE}
        return found.union(*(self.env[n].shares for n in found if n in self.env))

    def may_meet(self, place: Expr, e: Expr) -> bool:
        """Whether the value of `e` may share memory with what is at a place."""
        if root_of(place).id not in self.sharing(e):
            return False
        return meet(place, e)

    def lent(self, e: Expr, special: Special, operands: list[Expr]) -> list[Expr] | None:
        """The operands of a call of a function that writes into some: places in memory that is this function's to lend,
        apart from all else that the call gets. None, and a problem noted, where that is not so."""
        out = []
        for p, o in zip(special.params, operands):
            if p not in special.written:
                out.append(o)
                continue
            root = root_of(o)
            if isinstance(root, (Global, Ref)):
                self.check_global(e, o)
                return None
            if not isinstance(root, Name) or not all(map(is_step, steps(o))):
                o = root = self.named(o, p)
            way = way_to(o)
            inside = ((*way, *inner)[:DEPTH] for q, inner in special.item_writes if q == p)
            if not self.claim(root.id) or not self.claim_items(root.id, way, *inside):
                self.refuse(
                    e,
                    f"{special.source.name}() writes into `{text(o)}`, whose memory another name may share",
                    "Make a copy first, or return the new value.",
                )
                return None
            out.append(self.frozen(o))
        for i, (p, o) in enumerate(zip(special.params, out)):
            if p not in special.written:
                continue
            near = [x for k, x in enumerate(out) if k != i and special.values[k].place is None and self.may_meet(o, x)]
            if near and (not steps(o) or any(not steps(x) for x in near)):
                self.refuse(
                    e,
                    f"{special.source.name}() writes into `{text(o)}` and gets `{text(near[0])}`, which is in it",
                    "Pass a copy of one of them.",
                )
                return None
            if near:
                names = Const(f"{e.at}: {', '.join(map(text, (o, *near)))}")
                self.emit(ExprStmt(Call(reference(runtime.check_apart), (names, o, *near)), at=e.at))
            if p in special.replaced:
                self.moved(o, inside=True)
            after = special.exits.get(p)
            if after is not None:
                name = root_of(o).id
                known = self.env[name]
                kind = known.kind
                if not isinstance(plain(kind), Array):
                    new = kinds.name_extents(unnamed(after.kind), (*self.site(e).symbol, p), tuple(self.loops))
                    kind = with_item(kind, steps(o)[::-1], new)
                held = self.held_for_caller(special, after.held, dict(zip(special.params, out)))
                before = known.held
                if p in special.exchanged:
                    self.special.exchanged |= {name} & set(self.special.params)
                    before = scattered(before, way_to(o))
                held = before | below(way_to(o), held)
                self.update(name, replace(known, kind=kind, varied=known.varied or after.varied, held=held))
        return [self.expr(o) if p in special.written else o for p, o in zip(special.params, out)]

    def is_elsewhere(self, e: Expr) -> bool:
        """Whether a call names a nested function that the text of another function defines."""
        return isinstance(e, Call) and isinstance(e.fn, Name) and e.fn.id not in self.own_functions

    def bind_arguments(self, e, source: Function, args, kwargs, defaults) -> list[Expr] | None:
        """The expression for each parameter of `source`."""
        flat: list[Expr] = []
        for a in args:
            if not isinstance(a, Starred):
                flat.append(a)
                continue
            inner = plain(a.value.kind)
            if isinstance(inner, Listing) and a is args[-1] and takes_star(source, len(flat)):
                flat.append(a)
                continue
            if not (isinstance(inner, Items) and inner.is_sequence):
                self.refuse(a, "a starred argument of unknown length", "Pass the values one by one, or as a tuple.")
                return None
            holder = self.named(a.value, "items")
            flat.extend(self.expr(Subscript(holder, Const(i), at=a.at)) for i in inner.keys)
        named: dict[str, Expr] = {}
        for k, v in kwargs:
            if k is not None:
                named[k] = v
                continue
            inner = plain(v.kind)
            if not (isinstance(inner, Items) and inner.cls is dict):
                self.refuse(v, "`**` of a mapping with unknown keys", "Pass the values by name.")
                return None
            holder = self.named(v, "options")
            named.update({key: self.expr(Subscript(holder, Const(key), at=v.at)) for key in inner.keys})
        bound: list[Expr] = []
        for p in source.params:
            match p.style:
                case "star" if len(flat) == 1 and isinstance(flat[0], Starred):
                    bound.append(flat.pop().value)
                case "star":
                    bound.append(self.expr_of_parts(Tuple(tuple(flat), at=e.at)))
                    flat = []
                case "double star":
                    keys = tuple(Const(k, kind=Literal(k)) for k in named)
                    parts = tuple(named.values())
                    kind = Items(dict, tuple(named), tuple(v.kind for v in parts))
                    bound.append(Dict(keys, parts, kind=kind, varied=any(v.varied for v in parts), at=e.at))
                    named = {}
                case "positional" | "any" if flat:
                    bound.append(flat.pop(0))
                case _ if p.id in named and p.style != "positional":
                    bound.append(named.pop(p.id))
                case _ if p.id in defaults:
                    bound.append(self.expr(defaults[p.id]))
                case _ if isinstance(p.default, Name) and p.default.id not in self.env:
                    self.refuse(e, f"the default of {p.id!r}, a variable of another function, is used here", "Pass it.")
                    return None
                case _ if p.default is not None:
                    bound.append(self.expr(p.default))
                case _:
                    self.refuse(e, f"{source.name}() gets no argument {p.id!r}")
                    return None
        if flat or named:
            self.refuse(e, f"{source.name}() gets more arguments than it has parameters")
            return None
        return bound

    def expr_of_parts(self, e: Tuple) -> Expr:
        items = tuple(x.kind for x in e.elts)
        return replace(e, kind=Items(tuple, tuple(range(len(items))), items), varied=any(x.varied for x in e.elts))


def has_star(e: Call) -> bool:
    return any(isinstance(a, Starred) for a in e.args) or any(k is None for k, _ in e.kwargs)


def is_checkpointed(target: types.FunctionType | Checkpointed | Local) -> bool:
    return isinstance(target, Checkpointed) or isinstance(target, Local) and target.checkpointed


def merged(special: Special, operands: list[Expr], values: list[Value]) -> list[Value]:
    """What is known of the operands of a call of a function that writes into some: one that is given twice is another
    name of itself."""
    found = list(values)
    for i, o in enumerate(operands):
        for k in range(i + 1, len(operands)):
            x = operands[k]
            same = isinstance(o, Name) and isinstance(x, Name) and o.id == x.id and found[k].place is None
            if same and special.written & {special.params[i], special.params[k]} and o.id in aliases(o):
                found[k] = Value(x.kind, False, place=Place(special.params[i], Name(special.params[i])))
    return found


def takes_star(source: Function, position: int) -> bool:
    """Whether the positional argument number `position` is the first that goes to `*args`."""
    positional = [p for p in source.params if p.style in ("positional", "any")]
    return len(positional) == position and any(p.style == "star" for p in source.params)


def is_literal(value) -> bool:
    if type(value) is tuple:
        return all(map(is_literal, value))
    return value is None or isinstance(value, (bool, int, float, str))


def written_in(value, name: str) -> Expr:
    """A value that a function holds, as a literal or as what it is."""
    return lift(value) if is_literal(value) else Ref(value, name)


def default_expressions(function: types.FunctionType) -> dict[str, Expr]:
    """The defaults of a function as they are now: as literals, or as what they are."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    given = function.__defaults__ or ()
    values = {**dict(zip(positional[len(positional) - len(given) :], given)), **(function.__kwdefaults__ or {})}
    return {name: written_in(value, f"{function.__name__}_default_{name}") for name, value in values.items()}
