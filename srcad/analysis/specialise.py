"""From a function and the kinds of its arguments to a program in which every expression has its kind.

An abstract run of the function: each expression is built anew with its `kind` and with whether it is `varied` (depends
on a differentiated argument). On the way, what is no plain expression but varied becomes statements:

    y = f(x) + (a if c else b)        f_1 = f(x)          # a call that is differentiated through
                                      if c:
                                          choice = a
                                      else:
                                          choice = b
                                      y = f_1 + choice

Loops over varied things become loops over indices, comprehensions of varied things become loops, branches that the
kinds decide (`if bias is None`) are left out. What is not varied stays as the user wrote it.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import types
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from srcad import prelude, runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    BOOL, INT, NEVER, NOTHING, UNKNOWN, Array, Callee, Dim, Either, Items, Kind, Listing, Literal, Maybe, Never, Nothing, Number,
    Opaque, Sliced, Unknown, is_float, item_kind, join, kind_of, plain, result_kind,
)
from srcad.analysis.operations import (
    ARRAY_ATTRIBUTES, CONSTANT_ATTRIBUTES, CONSTANT_METHODS, function_of, is_array_like, python_value,
)
from srcad.core.names import Names
from srcad.core.nodes import (
    Assert, Assign, Attribute, AugAssign, Break, Call, Clause, Compare, Comprehension, Const, Def, Delete, Dict, Expr, ExprStmt,
    For, FString, Function, Global, If, IfExp, Import, Invoke, Lambda, List, Logical, Name, Node, Op, Param, Pass, Raise, Ref,
    Return, Set, Slice, Starred, Stmt, Subscript, Try, Tuple, Walrus, While, With, map_children, reference, walk,
)
from srcad.errors import KindError, MissingRule, Origin, SrcadError, Unsupported
from srcad.rules import registry
from srcad.transform.normalise import names_in, normalise

VIEWS = {
    np.reshape, np.transpose, np.swapaxes, np.ravel, np.squeeze, np.expand_dims, np.broadcast_to, np.moveaxis, np.split,
    np.diagonal, np.asarray, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.array_split, np.hsplit, np.vsplit,
    np.flip, np.rot90, np.real, np.imag, np.rollaxis, np.ascontiguousarray, np.broadcast_arrays, np.flipud, np.fliplr,
    "getitem",
}
"""Functions whose result may share memory with an argument."""

HARMLESS = {print, repr, str, format, len, isinstance, type, id}
"""Functions that may be called with varied values for their effect: they neither keep nor change them."""


@dataclass(frozen=True)
class Value:
    """What is known of a variable: `owned` says that no other name, container or view shares its memory."""

    kind: Kind
    varied: bool = False
    owned: bool = False


def join_values(a: Value, b: Value) -> Value:
    return Value(join(a.kind, b.kind), a.varied or b.varied, a.owned and b.owned)


@dataclass
class Special:
    """A function specialised by the kinds of its arguments, its captured variables among them."""

    source: Function
    owner: types.FunctionType
    params: tuple[str, ...]
    values: tuple[Value, ...]
    name: str
    names: Names
    body: tuple[Stmt, ...] = ()
    result: Value = Value(NEVER)
    recursive: bool = False
    done: bool = False
    is_nested: bool = False

    @property
    def varied_params(self) -> list[str]:
        """The parameters that have an adjoint."""
        return [p for p, v in zip(self.params, self.values) if v.varied]


@dataclass(frozen=True)
class Local:
    """A nested function: its text, the function in whose text it stands, and the nested functions that it may call."""

    function: Function
    owner: types.FunctionType
    siblings: tuple[tuple[str, Any], ...] = field(default=(), compare=False, repr=False)


@dataclass
class Program:
    """All functions that one derivative needs, and what their specialisation relied on."""

    read: Any
    specials: dict[Any, Special] = field(default_factory=dict)
    guards: dict[Any, Kind] = field(default_factory=dict)
    function_names: Names = field(default_factory=Names)
    problems: list[Unsupported] = field(default_factory=list)
    needed: set[int] = field(default_factory=set)
    inner: list[Any] = field(default_factory=list)

    def problem(self, at: Origin | None, message: str, hint: str | None = None) -> None:
        """Notes a construct that is not supported; all are reported together."""
        if all(p.origin != at or p.message != message for p in self.problems):
            self.problems.append(Unsupported(at, message, hint=hint))

    def special(self, target: types.FunctionType | Local, captured: tuple[str, ...], values: list[Value]) -> Special:
        """`target` specialised by `values` (the captured variables last)."""
        if isinstance(target, Local):
            source, owner = normalised(target.function), target.owner
        else:
            source, owner = self.read(target), target
        values = canonical(values)
        key = (source, owner, tuple(values))
        known = self.specials.get(key)
        if known is not None:
            known.recursive |= not known.done
            return known
        params = tuple(p.id for p in source.params) + captured
        special = Special(
            source, owner, params, tuple(values), self.function_names.new(_identifier(source.name)),
            Names(names_in(source) | set(params)), is_nested=isinstance(target, Local),
        )
        self.specials[key] = special
        for _ in range(6):
            before = len(self.specials)
            estimate, problems = special.result, len(self.problems)
            special.recursive = False
            _Specialiser(self, special, target).run()
            if not special.recursive or special.result == estimate:
                break
            for later in list(self.specials)[before:]:
                del self.specials[later]
            del self.problems[problems:]
        else:
            special.result = Value(UNKNOWN, True)
            _Specialiser(self, special, target).run()
        special.done = True
        if special.recursive and owner.__code__.co_filename.startswith("<srcad "):
            self.problem(
                source.at, f"the derivative of {source.name}, which is a derivative of a recursive function",
                "Write the recursion as a loop, or take the second derivative by differences of the first.",
            )
        del self.specials[key]
        self.specials[key] = special  # callees first
        return special


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "function"


@functools.lru_cache(maxsize=1024)
def normalised(function: Function) -> Function:
    return normalise(function)


def canonical(values: list[Value]) -> list[Value]:
    """`values` with the extents named in order of appearance, so that equal situations share one specialisation."""
    seen: dict[Any, int] = {}

    def rename(dim: Dim) -> Dim | None:
        if dim.symbol is None:
            return dim
        return Dim(("argument", seen.setdefault(dim.symbol, len(seen))), dim.offset, dim.many)

    def bare(kind: Kind) -> Kind:
        match kind:
            case Number(value=value) if value is not None and not isinstance(value, Dim):
                return Number(kind.type)
            case Literal():
                return Opaque(type(kind.value))
            case Items(items=items):
                return replace(kind, items=tuple(map(bare, items)))
        return kinds.map_dims(kind, rename)

    return [Value(bare(v.kind), v.varied) for v in values]


def unnamed(kind: Kind) -> Kind:
    """`kind` as it is seen from outside the function whose extents it names."""
    return kinds.map_dims(kind, lambda d: Dim(None, 0, True) if d.many else None)


def free_names(function: Function) -> list[str]:
    """The variables of enclosing functions that `function` reads, in order of appearance."""
    bound = {p.id for p in function.params}
    for node in walk(function):
        match node:
            case Assign(target=target) | AugAssign(target=target) | For(target=target):
                bound |= {n.id for n in walk(target) if isinstance(n, Name)}
            case With(items=items):
                bound |= {n.id for _, t in items if t is not None for n in walk(t) if isinstance(n, Name)}
            case Walrus(target=target):
                bound.add(target.id)
            case Def(function=inner):
                bound.add(inner.name)
            case Import(names=names):
                bound |= set(names)
            case Try(handlers=handlers):
                bound |= {h.name for h in handlers if h.name}
            case Comprehension(clauses=clauses):
                bound |= {n.id for c in clauses for n in walk(c.target) if isinstance(n, Name)}
            case Lambda(function=inner):
                bound |= {p.id for p in inner.params}
    inner_params = {p.id for n in walk(function) if isinstance(n, Function) for p in n.params}
    found = [n.id for s in function.body for n in walk(s) if isinstance(n, Name)]
    return [n for n in dict.fromkeys(found) if n not in bound and n not in inner_params]


class _Specialiser:
    """One abstract run of one function; `env` has the values of the variables, `out` the statements built so far."""

    def __init__(self, program: Program, special: Special, target):
        self.program, self.special = program, special
        siblings = target.siblings if isinstance(target, Local) else ()
        self.env: dict[str, Value] = {n: Value(Callee(local, "local")) for n, local in siblings}
        self.env.update(zip(special.params, special.values))
        self.out: list[Stmt] = []
        self.loops: list[int] = []
        self.rewritten: dict[int, Any] = {}
        self.mutated: set[str] = set()
        self.own_functions = {n.function.name for s in special.source.body for n in walk(s) if isinstance(n, Def)}
        self.own_functions |= set(special.params)

    def run(self) -> None:
        special = self.special
        special.names = Names(names_in(special.source) | set(special.params))
        for p, style in ((p, p.style) for p in special.source.params):
            del p, style
        special.body = self.block(special.source.body)

    def refuse(self, node: Node, message: str, hint: str | None = None) -> None:
        self.program.problem(node.at, message, hint)

    # -- statements --------------------------------------------------------------------------------------------

    def block(self, stmts) -> tuple[Stmt, ...]:
        """`stmts` specialised, in the present environment."""
        outer, self.out = self.out, []
        try:
            for s in stmts:
                self.statement(s)
            return tuple(self.out)
        finally:
            self.out = outer

    @contextmanager
    def attempt(self):
        """What is built inside leaves no trace."""
        state = self.env, self.out, len(self.program.problems), dict(self.program.guards), set(self.mutated)
        self.out = []
        try:
            yield
        finally:
            self.env, self.out = state[0], state[1]
            del self.program.problems[state[2] :]
            self.mutated = state[4]

    @contextmanager
    def trial(self):
        """What is built inside counts only if `keep()` is called on what this gives: each thing is built once."""
        before, outer, problems, mutated = self.env, self.out, len(self.program.problems), set(self.mutated)
        kept: list[bool] = []
        self.out = []
        try:
            yield lambda: kept.append(True)
        finally:
            made, self.out = self.out, outer
            if kept:
                self.out.extend(made)
            else:
                self.env, self.mutated = before, mutated
                del self.program.problems[problems:]

    def emit(self, s: Stmt) -> None:
        self.out.append(s)

    def bind(self, name: str, value: Value) -> None:
        self.env = {**self.env, name: value}

    def is_owned(self, name: str) -> bool:
        """Whether no other variable shares the memory of `name`; generated code writes to nothing else."""
        return self.env[name].owned or self.is_generated

    @property
    def is_generated(self) -> bool:
        return self.special.owner.__code__.co_filename.startswith("<srcad ")

    def disown(self, names: set[str]) -> None:
        for name in names:
            value = self.env.get(name)
            if value is not None and value.owned:
                self.bind(name, replace(value, owned=False))

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
            case Name():
                typed = self.expr(value, name=target.id)
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
        if isinstance(typed, (Invoke, Tuple)) and isinstance(kind, Items) and not stars and all(
            isinstance(t, Name) for t in target.elts
        ):
            if len(kind.items) != len(target.elts):
                self.refuse(s, f"{len(kind.items)} values are unpacked into {len(target.elts)} names")
                return
            names = tuple(
                replace(t, kind=k, varied=is_float(k)) for t, k in zip(target.elts, kind.items)
            )
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

    def named(self, typed: Expr, base: str, avoid: set[str] = frozenset()) -> Name:
        """A variable that holds the value of `typed`: itself if it is one, else a new one."""
        if isinstance(typed, Name) and typed.id not in avoid:
            return typed
        name = self.fresh(base, typed)
        self.define(name, typed)
        variable = Name(name, kind=typed.kind, varied=typed.varied, at=typed.at)
        self.emit(Assign(variable, typed, at=typed.at))
        return variable

    def fresh(self, base: str, node: Node) -> str:
        """A new name, the same one each time that this node is visited (loops are visited until nothing changes)."""
        key = (base, node.at, type(node).__name__, describe(node.call if isinstance(node, Invoke) else node))
        if key not in self.rewritten:
            self.rewritten[key] = self.special.names.new(base)
        return self.rewritten[key]

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
            self.refuse(s, f"writing into {what} of `{name.id}`, a variable of an enclosing function", "Return the new value.")
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
            s, f"`{s.target.id} {s.op}= …` changes an array in place that another name may share",
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
                s, "a call for its effect, with a value that is differentiated",
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
        if item.varied or owner.varied:
            if not self.is_owned(owner.id):
                self.refuse(
                    s, f"`{owner.id}.append(…)` of a list that another name may share",
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

    def loop(self, s: For | While, head, before=()) -> None:
        """A loop, run until what is known at its head does not change; `head()` gives the loop as specialised."""
        for name in list(self.env):
            value = self.env[name]
            self.bind(name, replace(value, kind=kinds.forget_loop(value.kind, id(s))))
        for attempt in range(12):
            entry, mutated = self.env, set(self.mutated)
            self.loops.append(id(s))
            new, first = head()
            body = self.block((*before, *s.body))
            self.loops.pop()
            back = {n: replace(v, kind=kinds.forget_loop(v.kind, id(s))) for n, v in self.env.items()}
            self.env = join_envs(entry, back)
            if attempt > 8:
                self.env = {n: v if v == entry.get(n) else replace(v, kind=UNKNOWN) for n, v in self.env.items()}
            if self.env == entry and self.mutated == mutated:
                break
        self.emit(replace(new, body=body or (Pass(at=s.at),)))
        del first

    def for_(self, s: For) -> None:
        target, iterable, first = self.iteration(s)

        def head():
            typed = self.expr(iterable)
            return replace(s, target=self.unpack_constant(target, element_kind(typed, typed)), iter=typed), None

        self.loop(s, head, first)

    def iteration(self, s: For):
        """The target and the iterable of a loop over what is not varied, and the statements that take the items."""
        with self.attempt():
            try:
                varied = self.is_varied_iterable(s.iter)
            except SrcadError:
                varied = True
        if not varied:
            return s.target, s.iter, ()
        if id(s) not in self.rewritten:
            self.rewritten[id(s)] = _Iteration(self, s)
        plan = self.rewritten[id(s)]
        for setup in plan.setup:
            self.statement(setup)
        return plan.target, plan.iter, plan.first

    def is_varied_iterable(self, e: Expr) -> bool:
        match e:
            case Call(fn=Ref(obj=obj), args=args) if obj in (zip, enumerate, reversed):
                return any(self.is_varied_iterable(a) for a in args)
            case Call(fn=Attribute(value=value, attr="items" | "values" | "keys"), args=()):
                typed = self.expr(value)
                if isinstance(plain(typed.kind), (Items, Listing, Unknown)):
                    return typed.varied and e.fn.attr != "keys"
        typed = self.expr(e)
        if is_mapping(typed.kind):
            return False
        return typed.varied

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
            handler = self.block(h.body)
            handlers.append(replace(h, body=handler or (Pass(at=h.at),)))
            if not ends_with_raise(handler):
                ends.append(self.env)
        self.env = functools.reduce(join_envs, ends)
        final = self.block(s.final)
        self.emit(replace(s, body=body, handlers=tuple(handlers), orelse=orelse, final=final))

    # -- tests -------------------------------------------------------------------------------------------------

    def test(self, e: Expr) -> Expr:
        """A condition: its truth has no derivative, so it stays as it is written."""
        if any(isinstance(n, Walrus) for n in walk(e)):
            return self.expr(e)
        return replace(e, kind=BOOL, varied=False)

    def decide(self, e: Expr) -> bool | None:
        """The truth of a condition that the kinds settle, None for the others."""
        match e:
            case Const(value=value):
                return bool(value)
            case Op(op="not", args=(arg,)):
                inner = self.decide(arg)
                return None if inner is None else not inner
            case Logical(op=op, args=args):
                found = [self.decide(a) for a in args]
                stop = op == "or"
                if stop in found and None not in found[: found.index(stop)]:
                    return stop
                return None if None in found else not stop
            case Compare(ops=("is" | "is not" as op,), args=(a, Const(value=None))):
                kind = self.peek(a)
                if isinstance(kind, Nothing):
                    return op == "is"
                return None if isinstance(kind, (Unknown, Maybe, Never, Opaque)) else op == "is not"
            case Compare(ops=("==" | "!=" | "<" | ">" | "<=" | ">=" as op,), args=(a, b)):
                left, right = self.peek(a), self.peek(b)
                match left, right:
                    case Number(value=int() as x), Number(value=int() as y):
                        return bool(kinds.OPERATORS[op](x, y))
                    case Literal(value=x), Literal(value=y) if op in ("==", "!="):
                        return (x == y) == (op == "==")
            case Compare(ops=("in" | "not in" as op,), args=(Const(value=key), Tuple() | List() | Set() as display)):
                if all(isinstance(x, Const) for x in display.elts):
                    return (key in [x.value for x in display.elts]) == (op == "in")
            case Call(fn=Ref(obj=builtins.isinstance), args=(a, classes), kwargs=()):
                return decide_instance(self.peek(a), classes)
        return None

    def peek(self, e: Expr) -> Kind:
        """The kind of `e`, without building anything."""
        if any(isinstance(n, Walrus) for n in walk(e)):
            return UNKNOWN
        with self.attempt():
            try:
                return self.expr(e).kind
            except SrcadError:
                return UNKNOWN

    # -- expressions -------------------------------------------------------------------------------------------

    def expr(self, e: Expr, name: str | None = None) -> Expr:
        """`e` with kinds; `name` is the variable that its value is going to have, if any."""
        match e:
            case Const(value=value):
                return replace(e, kind=constant_kind(value))
            case Name(id=id_):
                return self.name(e, id_)
            case Ref(obj=obj):
                return replace(e, kind=kind_of(obj, e.text))
            case Global(id=id_):
                return replace(e, kind=self.global_kind(e, id_))
            case Attribute():
                return self.attribute(e)
            case Subscript(value=value, index=index):
                value = self.held(self.expr(value))
                return self.typed_operation(replace(e, value=value, index=self.expr(index)))
            case Slice(lower=lower, upper=upper, step=step):
                parts = [None if p is None else self.expr(p) for p in (lower, upper, step)]
                bounds = tuple(NOTHING if p is None else p.kind for p in parts)
                return replace(e, lower=parts[0], upper=parts[1], step=parts[2], kind=Sliced(bounds))
            case Tuple() | List():
                return self.display(e)
            case Dict():
                return self.mapping(e)
            case Set():
                return replace(e, kind=Opaque(set), varied=self.reads_varied(e))
            case Op(op="not", args=(arg,)):
                if any(isinstance(n, Walrus) for n in walk(arg)):
                    e = replace(e, args=(self.expr(arg),))
                return replace(e, kind=BOOL)
            case Op(args=args):
                return self.typed_operation(replace(e, args=self.exprs(args)))
            case Compare():
                return self.compare(e)
            case Logical():
                return self.logical(e, name)
            case IfExp():
                return self.choice(e, name)
            case Call():
                return self.call(e)
            case Walrus(target=target, value=value):
                self.assign(Assign(target, value, at=e.at), target, value)
                return self.name(target, target.id)
            case Comprehension():
                return self.comprehension(e)
            case Lambda(function=function):
                function = self.with_fixed_defaults(function)
                return self.closure(replace(e, function=function), Local(function, self.special.owner))
            case FString():
                return replace(e, kind=Opaque(str))
            case Starred(value=value):
                typed = self.expr(value)
                return replace(e, value=typed, kind=typed.kind, varied=typed.varied)
        self.refuse(e, f"{type(e).__name__.lower()} is not supported")
        return replace(e, kind=UNKNOWN)

    def exprs(self, args) -> tuple[Expr, ...]:
        """Operands, from left to right."""
        out: list[Expr] = []
        for arg in args:
            before = len(self.out)
            typed = self.expr(arg)
            written = {
                n.id for s in self.out[before:] for t in walk(s) if isinstance(t, Assign)
                for n in walk(t.target) if isinstance(n, Name)
            }
            if any(isinstance(n, Name) and n.id in written for o in out for n in walk(o)):
                self.refuse(arg, "a variable is read and set anew in one expression", "Use two statements.")
            out.append(typed)
        return tuple(out)

    def name(self, e: Name, id_: str) -> Expr:
        value = self.env.get(id_)
        if value is None:
            return replace(e, kind=UNKNOWN)
        if isinstance(value.kind, Callee) and isinstance(value.kind.obj, Local) and value.kind.extra == "local":
            if id_ not in self.own_functions:
                self.refuse(e, f"`{id_}`, a nested function of another function, is used as a value", "Call it.")
            return self.closure(e, value.kind.obj)
        return replace(e, kind=value.kind, varied=value.varied)

    def closure(self, e: Expr, local: Local) -> Expr:
        """A nested function as a value: it carries the variables that it captures."""
        captured = self.captured(local)
        local = self.with_siblings(local)
        extra = tuple((n, self.env.get(n, Value(UNKNOWN))) for n in captured)
        varied = any(v.varied for _, v in extra)
        self.disown(set(captured))
        return replace(e, kind=Callee(local, tuple((n, replace(v, owned=False)) for n, v in extra)), varied=varied)

    def with_fixed_defaults(self, function: Function) -> Function:
        """A nested function whose defaults, which Python computes when it defines the function, are held in variables."""
        if all(p.default is None or isinstance(p.default, (Const, Ref)) for p in function.params):
            return function
        if id(function) not in self.rewritten:
            setup, params = [], []
            for p in function.params:
                if p.default is not None and not isinstance(p.default, (Const, Ref)):
                    holder = Name(self.special.names.new(f"{p.id}_default"), at=p.default.at)
                    setup.append(Assign(holder, p.default, at=p.default.at))
                    p = replace(p, default=holder)
                params.append(p)
            self.rewritten[id(function)] = setup, replace(function, params=tuple(params))
        setup, fixed = self.rewritten[id(function)]
        if self.loops:
            self.refuse(function, "a nested function with a computed default, in a loop", "Pass the value as an argument.")
        for s in setup:
            self.statement(s)
        return fixed

    def with_siblings(self, local: Local) -> Local:
        """A nested function that knows the other nested functions in sight."""
        seen = tuple((n, v.kind.obj) for n, v in self.env.items() if isinstance(v.kind, Callee) and v.kind.extra == "local")
        return replace(local, siblings=seen)

    def captured(self, local: Local) -> tuple[str, ...]:
        """The variables of this function that a nested one needs, those of other nested functions it calls included."""
        found: dict[str, None] = {}
        seen: set[int] = set()

        def visit(function: Function):
            if id(function) in seen:
                return
            seen.add(id(function))
            for n in free_names(function):
                value = self.env.get(n)
                if value is not None and isinstance(value.kind, Callee) and value.kind.extra == "local":
                    visit(value.kind.obj.function)
                elif value is not None:
                    found[n] = None

        visit(local.function)
        return tuple(found)

    def global_kind(self, e: Expr, id_: str) -> Kind:
        found, value = lookup(self.special.owner, id_)
        if not found:
            return UNKNOWN
        kind = kind_of(value, ("global", id_))
        self.program.guards[(self.special.owner, id_)] = kind
        return kind

    def held(self, typed: Expr) -> Expr:
        """A varied container as a variable or an item of one: its adjoint is then added to item by item."""
        root = typed
        while isinstance(root, Attribute) or isinstance(root, Subscript) and not isinstance(root.index.kind, Sliced):
            root = root.value
        if typed.varied and isinstance(plain(typed.kind), (Items, Listing)) and not isinstance(root, Name):
            return self.named(typed, "items")
        return typed

    def attribute(self, e: Attribute) -> Expr:
        value = self.held(self.expr(e.value))
        e, kind = replace(e, value=value), plain(value.kind)
        if isinstance(kind, Items) and kind.is_record or isinstance(kind, Items) and hasattr(kind.cls, "_fields"):
            fields = getattr(kind.cls, "_fields", kind.keys)
            if e.attr in fields:
                item = kind.items[fields.index(e.attr)]
                return replace(e, kind=item, varied=value.varied and is_float(item))
            found = inspect.getattr_static(kind.cls, e.attr, None)
            if isinstance(found, property):
                return self.invoke(e, found.fget, (value,), ())
            return replace(e, kind=UNKNOWN, varied=value.varied)
        if isinstance(kind, Array):
            if e.attr == "shape" and kind.dims is not None:
                sizes = tuple(Number("int", 1 if d == kinds.ONE else d) for d in kind.dims)
                return replace(e, kind=Items(tuple, tuple(range(len(sizes))), sizes))
            if e.attr == "ndim" and kind.rank is not None:
                return replace(e, kind=Number("int", kind.rank))
            if e.attr == "dtype":
                return replace(e, kind=Callee(kind.dtype))
            if e.attr in ("size", "ndim", "itemsize", "nbytes"):
                return replace(e, kind=INT)
        if e.attr in CONSTANT_ATTRIBUTES and is_array_like(kind):
            return replace(e, kind=UNKNOWN)
        if e.attr in ARRAY_ATTRIBUTES and is_array_like(kind):
            return self.typed_operation(e)
        if isinstance(kind, Callee) and isinstance(kind.obj, (types.ModuleType, type)) and hasattr(kind.obj, e.attr):
            found = kind_of(getattr(kind.obj, e.attr), ("global", e.attr))
            if isinstance(value, Ref):
                self.program.guards[(kind.obj, e.attr)] = found
            return replace(e, kind=found)
        if isinstance(kind, Opaque) and isinstance(inspect.getattr_static(kind.type, e.attr, None), property):
            if value.varied:
                return self.invoke(e, inspect.getattr_static(kind.type, e.attr).fget, (value,), ())
        return replace(e, kind=UNKNOWN, varied=value.varied)

    def display(self, e: Tuple | List) -> Expr:
        elts = self.exprs(e.elts)
        varied = any(x.varied for x in elts)
        e = replace(e, elts=elts, varied=varied)
        if any(isinstance(x, Starred) for x in elts):
            flat: list[Expr] = []
            for x in elts:
                inner = plain(x.value.kind) if isinstance(x, Starred) else None
                if not isinstance(x, Starred):
                    flat.append(x)
                elif isinstance(inner, Items) and inner.is_sequence:
                    source = x.value if isinstance(x.value, Name) else self.named(x.value, "items")
                    flat.extend(self.expr(Subscript(source, Const(i), at=x.at)) for i in inner.keys)
                elif isinstance(e, List) and isinstance(inner, Listing):
                    return self.joined_display(e)
                elif varied:
                    self.refuse(x, "a starred item of unknown length", "Use `+` of lists, or np.concatenate.")
                else:
                    return replace(e, kind=UNKNOWN)
            e = replace(e, elts=tuple(flat))
        items = tuple(x.kind for x in e.elts)
        if isinstance(e, Tuple):
            return replace(e, kind=Items(tuple, tuple(range(len(items))), items))
        joined = functools.reduce(join, items, NEVER)
        if kinds.is_settled(joined) or not items:
            return replace(e, kind=Listing(joined))
        return replace(e, kind=Items(list, tuple(range(len(items))), items))

    def joined_display(self, e: List) -> Expr:
        """`[x, *items, y]` as `[x] + items + [y]`."""
        parts: list[Expr] = []
        for x in e.elts:
            inner = plain(x.value.kind) if isinstance(x, Starred) else None
            if isinstance(inner, Items):
                holder = x.value if isinstance(x.value, Name) else self.named(x.value, "items")
                parts.append(List(tuple(self.expr(Subscript(holder, Const(i), at=x.at)) for i in inner.keys), at=x.at))
            elif isinstance(x, Starred):
                parts.append(x.value)
            elif parts and isinstance(parts[-1], List):
                parts[-1] = replace(parts[-1], elts=(*parts[-1].elts, x))
            else:
                parts.append(List((x,), at=x.at))
        typed = [self.display(p) if isinstance(p, List) else p for p in parts]
        typed = [replace(p, kind=Listing(item_kind(plain(p.kind)))) for p in typed]
        return functools.reduce(lambda a, b: self.typed_operation(Op("+", (a, b), at=e.at)), typed)

    def mapping(self, e: Dict) -> Expr:
        values = self.exprs(e.values)
        keys = [None if k is None else self.expr(k) for k in e.keys]
        varied = any(v.varied for v in values)
        entries: dict[Any, tuple[Expr, Expr]] = {}
        for key, value in zip(keys, values):
            inner = plain(value.kind)
            if key is None and isinstance(inner, Items) and inner.cls is dict:
                holder = self.named(value, "items") if not isinstance(value, Name) else value
                for k in inner.keys:
                    item = self.expr(Subscript(holder, Const(k), at=e.at))
                    entries[k] = (Const(k, kind=constant_kind(k)), item)
            elif isinstance(key, Const):
                entries[key.value] = (key, value)
            else:
                if varied:
                    self.refuse(e, "a dictionary of differentiated values with computed keys", "Use a list.")
                return replace(e, keys=tuple(keys), values=values, kind=Opaque(dict), varied=varied)
        items = tuple(v for _, v in entries.values())
        kind = Items(dict, tuple(entries), tuple(v.kind for v in items))
        return replace(e, keys=tuple(k for k, _ in entries.values()), values=items, varied=varied, kind=kind)

    def compare(self, e: Compare) -> Expr:
        if any(isinstance(n, Walrus) for n in walk(e)):
            return replace(e, args=self.exprs(e.args), kind=BOOL)
        with self.attempt():
            try:
                parts = self.exprs(e.args)
            except SrcadError:
                parts = ()
        if len(parts) == 2 and e.ops[0] in kinds.OPERATORS:
            operands = [plain(p.kind) for p in parts]
            if any(isinstance(k, Array) for k in operands):
                kind = self.operator_kind(e.ops[0], operands, e)
                return replace(e, kind=kind)
            if any(isinstance(k, Unknown) for k in operands):
                return replace(e, kind=UNKNOWN)
        return replace(e, kind=BOOL)

    def logical(self, e: Logical, name: str | None) -> Expr:
        result = name if name is not None and not reads(e, name) else self.fresh("choice", e)
        is_and = e.op == "and"

        def nest(args) -> tuple[Stmt, ...]:
            first, *others = args
            assigned = Assign(Name(result, at=first.at), first, at=e.at)
            if not others:
                return (assigned,)
            test = Name(result, at=first.at)
            return (assigned, If(test if is_and else Op("not", (test,)), nest(others), (), at=e.at))

        with self.trial() as keep:
            for s in nest(e.args):
                self.statement(s)
            value = self.env[result]
            emits = any(isinstance(n, Walrus) for n in walk(e)) or calls_made(self.out)
            if value.varied or emits:
                keep()
        if value.varied or emits:
            return self.name(Name(result, at=e.at), result)
        return replace(e, kind=value.kind)

    def choice(self, e: IfExp, name: str | None) -> Expr:
        decided = self.decide(e.test)
        if decided is not None:
            return self.expr(e.body if decided else e.orelse, name)
        result = name if name is not None else self.fresh("choice", e)
        target = Name(result, at=e.at)
        with self.trial() as keep:
            self.env = {n: v for n, v in self.env.items() if n != result or reads(e, result)}
            arms = (Assign(target, e.body, at=e.body.at),), (Assign(target, e.orelse, at=e.orelse.at),)
            self.statement(If(e.test, *arms, at=e.at))
            value = self.env[result]
            emits = any(isinstance(n, Walrus) for n in walk(e)) or calls_made(self.out)
            if value.varied or emits:
                keep()
        if value.varied or emits:
            return self.name(target, result)
        return replace(e, kind=value.kind)

    def comprehension(self, e: Comprehension) -> Expr:
        plan = self.rewritten.get(id(e))
        if plan is None:
            plan = self.rewritten[id(e)] = self.comprehension_loop(e)
        result, stmts = plan
        unrolled = self.unrolled(e) if e.style == "dict" and self.reads_varied(e) else None
        if unrolled is not None:
            return self.expr(unrolled)
        with self.trial() as keep:
            problems = len(self.program.problems)
            for s in stmts:
                self.statement(s)
            value = self.env.get(result)
            failed = len(self.program.problems) > problems
            constant = value is not None and not value.varied and (not failed or not self.reads_varied(e))
            if not constant and e.style in ("list", "generator"):
                keep()
        if constant:
            known = value.kind if e.style in ("list", "generator") else Opaque({"set": set, "dict": dict}[e.style])
            return replace(e, kind=known)
        if e.style in ("set", "dict"):
            self.refuse(e, f"a {e.style} comprehension of values that are differentiated", "Use a list.")
            return replace(e, kind=UNKNOWN)
        return self.name(Name(result, at=e.at), result)

    def unrolled(self, e: Comprehension) -> Dict | None:
        """A dictionary comprehension over a container of known keys, written out; None where that is not possible."""
        match e.clauses:
            case (Clause(target=target, iter=source),):
                pass
            case _:
                return None
        match source:
            case Call(fn=Attribute(value=mapping, attr="items" | "keys" | "values" as view), args=()):
                pass
            case _:
                mapping, view = source, "iter"
        keys, values = [], []
        if isinstance(mapping, (Tuple, List)) and view == "iter":
            sources = list(mapping.elts)
        else:
            held = self.held(self.expr(mapping))
            kind = plain(held.kind)
            if not isinstance(kind, Items) or kind.is_record:
                return None
            items = [(Const(k), Subscript(held, Const(k), at=e.at)) for k in kind.keys]
            parts = {"items": Tuple, "keys": lambda kv: kv[0], "values": lambda kv: kv[1],
                     "iter": lambda kv: kv[0] if kind.cls is dict else kv[1]}  # fmt: skip
            sources = [parts[view](kv) for kv in items]
        for source in sources:
            bound = matched(target, source)
            if bound is None:
                return None
            chosen = [self.decide(substituted(test, bound)) for test in e.clauses[0].ifs]
            if None in chosen:
                return None
            if False in chosen:
                continue
            key, value = substituted(e.element.elts[0], bound), substituted(e.element.elts[1], bound)
            if not isinstance(key, Const):
                return None
            keys.append(key)
            values.append(value)
        return Dict(tuple(keys), tuple(values), at=e.at)

    def comprehension_loop(self, e: Comprehension, add=None):
        """The loop that a comprehension stands for, with its own variables; `add(result, element)` takes an item in."""
        result = self.special.names.new("items")
        bound = {n.id for c in e.clauses for n in walk(c.target) if isinstance(n, Name)}
        renamed = {b: b if b not in self.env and b not in names_outside(self.special.source, e) else
                   self.special.names.new(b) for b in sorted(bound)}

        def rename(node):
            if isinstance(node, Name) and node.id in renamed:
                return replace(node, id=renamed[node.id])
            return map_children(node, rename)

        element = e.element
        variable = Name(result, at=e.at)
        if add is None:
            taken = ExprStmt(Call(Attribute(variable, "append", at=e.at), (rename(element),), at=e.at), at=e.at)
            start = Assign(variable, List((), at=e.at), at=e.at)
        else:
            taken = Assign(variable, add(variable, rename(element)), at=e.at)
            start = None
        inner: tuple[Stmt, ...] = (taken,)
        for i, clause in reversed(list(enumerate(e.clauses))):
            for test in reversed(clause.ifs):
                inner = (If(rename(test), inner, at=e.at),)
            source = clause.iter if i == 0 else rename(clause.iter)
            inner = (For(rename(clause.target), source, inner, at=e.at),)
        return result, (inner if start is None else (start, *inner))

    # -- operations and calls ----------------------------------------------------------------------------------

    def site(self, e: Node) -> Dim:
        self.rewritten["site", id(e)] = e  # kept, so that no other node gets its id
        return Dim(("site", id(e)), loops=tuple(self.loops))

    def operator_kind(self, op: str, operands, e: Node) -> Kind:
        """The kind of an operator's result; element-wise ones by the rules of broadcasting."""
        ranks = [k.dims if isinstance(k, Array) else () if isinstance(k, Number) else None for k in operands]
        if op not in ("@", "getitem") and any(isinstance(k, Array) for k in operands) and None not in ranks:
            with_values = tuple(k if isinstance(k, Number) else Array(k.dtype, (Dim("e"),) * min(k.rank, 1)) for k in operands)
            kind = result_kind(op, with_values, (), self.site(e))
            dims = kinds.broadcast_dims(ranks)
            dtype = kind.dtype if isinstance(kind, Array) else None
            if dtype is None and isinstance(kind, Number):
                dtype = np.dtype(kind.type)
            if dtype is not None and dims:
                return Array(dtype, dims)
            return kind
        return result_kind(op, tuple(operands), (), self.site(e))

    def typed_operation(self, e: Expr) -> Expr:
        """An operator, index, attribute or call of a function with a rule, with its kind; its parts have theirs."""
        fn, args, kwargs = function_of(e)
        values = [a.value if isinstance(a, Starred) else a for a in (*args, *(v for _, v in kwargs))]
        varied = any(v.varied for v in values)
        kind = self.applied_kind(e, fn, args, kwargs)
        if fn == "getitem":
            container, index = args
            if index.varied and is_float(index.kind) and not isinstance(index.kind, Unknown):
                raise KindError(
                    e.at, f"{describe(container)} is indexed by a value that is differentiated",
                    hint="An index is an integer: leave it out of argnums, or pass it as an int.",
                )
        if fn == "getitem" and is_mapping(args[0].kind) and isinstance(e, Subscript):
            e = replace(e, index=replace(e.index, varied=False))
        varied = varied and not registry.is_constant(fn) and (is_float(kind) or isinstance(kind, (Unknown, Never, Callee)))
        return replace(e, kind=kind, varied=varied)

    def applied_kind(self, e, fn, args, kwargs) -> Kind:
        operands = [plain(a.kind) for a in args]
        if any(isinstance(k, Never) for k in operands):
            return NEVER
        if fn == "getitem":
            return self.item_kind(e, operands[0], args[1])
        if isinstance(fn, str):
            if fn in ("+", "*") and any(isinstance(k, (Items, Listing)) for k in operands):
                return sequence_kind(fn, operands)
            return self.operator_kind(fn, operands, e)
        rule = registry.find(fn)
        if rule is not None and rule.partials is not None and not kwargs:
            return self.ufunc_kind(fn, operands, e)
        if fn is np.reshape and len(args) >= 2 and isinstance(operands[0], Array):
            return reshaped(operands[0], operands[1], self.site(e))
        if not kinds.is_pure(fn):
            return UNKNOWN
        return result_kind(fn, tuple(operands), tuple((k, plain(v.kind)) for k, v in kwargs), self.site(e))

    def ufunc_kind(self, fn, operands, e) -> Kind:
        ranks = [k.dims if isinstance(k, Array) else () if isinstance(k, Number) else None for k in operands]
        if any(isinstance(k, Array) for k in operands) and None not in ranks:
            small = tuple(Array(k.dtype, (Dim("e"),) * min(k.rank, 1)) if isinstance(k, Array) else k for k in operands)
            kind = result_kind(fn, small, (), self.site(e))
            dims = kinds.broadcast_dims(ranks)
            if isinstance(kind, Array) and dims:
                return Array(kind.dtype, dims)
            return kind
        return result_kind(fn, tuple(operands), (), self.site(e))

    def item_kind(self, e: Expr, container: Kind, index: Expr) -> Kind:
        match container:
            case Items():
                try:
                    key = const_key(index)
                except ValueError:
                    return item_kind(container)
                if isinstance(key, slice):
                    picked = container.items[key]
                    return Items(list if container.cls is list else tuple, tuple(range(len(picked))), picked)
                found = container.item(key)
                return found if found is not None else UNKNOWN
            case Listing(item=item):
                return container if isinstance(index.kind, Sliced) else item
            case Array():
                return result_kind(take, (container, index_kind(index)), (), self.site(e))
        return UNKNOWN

    def call(self, e: Call) -> Expr:
        special = SPECIAL_FORMS.get(e.fn.obj) if isinstance(e.fn, Ref) and is_hashable(e.fn.obj) else None
        if special is not None:
            built = special(self, e)
            if built is not None:
                return built
        if isinstance(e.fn, Attribute):
            built = self.method(e)
            if built is not None:
                return built
        local = self.local_function(e.fn)
        if local is not None:
            return self.invoke(e, local, (), self.captured(local))
        fn = self.expr(e.fn)
        args, kwargs = self.arguments(e)
        e = replace(e, fn=fn, args=args, kwargs=kwargs)
        varied = any(a.varied for a in args) or any(v.varied for _, v in kwargs)
        kind = fn.kind
        if isinstance(kind, Callee):
            return self.call_of(e, kind, varied)
        if isinstance(kind, Either):
            return self.call_of_one(e, fn, kind)
        if isinstance(kind, Opaque) and callable_method(kind.type) is not None:
            return self.invoke(e, callable_method(kind.type), (fn,), ())
        if varied or fn.varied:
            self.refuse(e, "a call of something that is not known to be a function", "Pass a plain function.")
        return replace(e, kind=UNKNOWN)

    def arguments(self, e: Call):
        args = self.exprs(e.args)
        values = self.exprs([v for _, v in e.kwargs])
        return args, tuple((k, v) for (k, _), v in zip(e.kwargs, values))

    def local_function(self, fn: Expr) -> Local | None:
        """The nested function that a call names directly, so that it sees the variables of this function."""
        match fn:
            case Name(id=id_):
                value = self.env.get(id_)
                if value is not None and isinstance(value.kind, Callee) and value.kind.extra == "local":
                    return self.with_siblings(value.kind.obj)
            case Lambda(function=function):
                return self.with_siblings(Local(self.with_fixed_defaults(function), self.special.owner))
        return None

    def call_of(self, e: Call, kind: Callee, varied: bool) -> Expr:
        """A call of a function that is known."""
        obj = kind.obj
        if isinstance(obj, Local):
            return self.invoke(e, obj, (), tuple(n for n, _ in kind.extra), kind)
        rule = registry.find(obj)
        if rule is not None:
            if not isinstance(e.fn, Ref):
                e = replace(e, fn=replace(reference(obj), kind=kind, at=e.fn.at))
            return self.typed_operation(e)
        if registry.is_constant(obj) or obj in CONSTANT_BUILTINS:
            pure = kinds.is_pure(obj)
            result = self.applied_kind(e, obj, e.args, e.kwargs) if pure and not has_star(e) else UNKNOWN
            return replace(e, kind=result, varied=False)
        if isinstance(kind.extra, tuple) and kind.extra and kind.extra[0] == "bound":
            return self.invoke(e, obj, (Attribute(e.fn, "__self__", kind=Opaque(kind.extra[1]), at=e.at),), ())
        if isinstance(obj, type):
            return self.construct(e, obj, varied)
        if hasattr(obj, "__srcad_transform__"):
            return self.transformed(e, obj)
        derived = getattr(obj, "__srcad_function__", None)
        if derived is not None:
            return derived(self, e)
        if isinstance(obj, types.FunctionType) and not is_library(obj):
            if varied or self.may_read_varied(kind):
                return self.invoke(e, obj, (), ())
            return replace(e, kind=self.constant_call(e, obj), varied=False)
        if kinds.is_pure(obj) and not has_star(e):
            return replace(e, kind=self.applied_kind(e, obj, e.args, e.kwargs), varied=varied)
        return replace(e, kind=UNKNOWN, varied=varied)

    def transformed(self, e: Call, transform) -> Expr:
        """`grad(f)` inside of a function: the derivative, made now."""
        if id(e) not in self.rewritten:
            try:
                made = transform(*map(python_value, e.args), **{k: python_value(v) for k, v in e.kwargs})
            except ValueError:
                self.refuse(e, "the derivative of a function that is made here", "Take it of a function of the module.")
                return replace(e, kind=UNKNOWN)
            self.rewritten[id(e)] = Ref(made, f"{made.__name__}_derivative", kind=Callee(made), at=e.at)
        return self.rewritten[id(e)]

    def as_float(self, e: Expr) -> Expr:
        """An integer as the float that a derivative is taken at."""
        if isinstance(plain(e.kind), Number) and e.kind.type in ("int", "bool"):
            return Call(Ref(float, "float", kind=Callee(float)), (e,), kind=kinds.FLOAT, at=e.at)
        return e

    def argument_kind(self, e: Expr) -> Kind:
        return canonical([Value(e.kind)])[0].kind

    def call_generated(self, e: Call, function: types.FunctionType, values: list[Expr]) -> Expr:
        """A call of a generated function in place of the derivative that it was generated for."""
        call = replace(e, fn=replace(reference(function), kind=Callee(function)), args=tuple(values), kwargs=())
        return self.invoke(call, function, (), ())

    def call_of_one(self, e: Call, fn: Expr, kind: Either) -> Expr:
        """A call of one of several functions: `f(x) if function is f else g(x)`."""
        holder = fn if isinstance(fn, Name) else self.named(fn, "function")
        *others, last = [replace(e, fn=replace(reference(o.obj), at=e.at)) for o in kind.options]
        chosen: Expr = last
        for call in reversed(others):
            chosen = IfExp(Compare(("is",), (holder, call.fn), at=e.at), call, chosen, at=e.at)
        return self.expr(chosen)

    def may_read_varied(self, kind: Callee) -> bool:
        return False

    def constant_call(self, e: Call, obj) -> Kind:
        """The kind of what a user's function returns for constant arguments; Unknown where it cannot be told."""
        with self.attempt():
            specials = dict(self.program.specials)
            taken = set(self.program.function_names.taken)
            try:
                found = self.invoke(e, obj, (), ())
                return found.kind if isinstance(found, Expr) and not found.varied else UNKNOWN
            except (SrcadError, RecursionError):
                return UNKNOWN
            finally:
                self.program.specials = specials
                self.program.function_names.taken = taken

    def construct(self, e: Call, cls: type, varied: bool) -> Expr:
        """An instance of a class: a record for dataclasses and namedtuples."""
        fields = record_fields(cls)
        if fields is None:
            if varied and not issubclass(cls, BaseException):
                self.refuse(e, f"an object of class {cls.__name__} made from differentiated values", "Use a dataclass.")
            return replace(e, kind=Opaque(cls))
        try:
            bound = inspect.signature(cls).bind(*e.args, **dict(e.kwargs))
        except (TypeError, ValueError):
            return replace(e, kind=UNKNOWN, varied=varied)
        parts = {}
        for name in fields:
            if name in bound.arguments:
                parts[name] = bound.arguments[name]
            else:
                default = inspect.signature(cls).parameters[name].default
                parts[name] = Const(default, kind=kind_of(default)) if is_literal(default) else None
        if any(p is None for p in parts.values()) or has_star(e):
            if varied:
                self.refuse(e, f"{cls.__name__}(…) with a default that is no literal", "Pass all fields.")
            return replace(e, kind=UNKNOWN)
        keys = tuple(range(len(fields))) if issubclass(cls, tuple) else tuple(fields)
        kind = Items(cls, keys, tuple(p.kind for p in parts.values()))
        return replace(e, args=tuple(parts.values()), kwargs=(), kind=kind, varied=varied)

    def super_method(self, e: Call, cls: type, this: Expr) -> Expr | None:
        """`super().name(…)`: the function of the class that comes after `cls`, applied to `this`."""
        kind = plain(this.kind)
        own = kind.cls if isinstance(kind, Items) else kind.type if isinstance(kind, Opaque) else cls
        for base in own.__mro__[own.__mro__.index(cls) + 1 :]:
            function = vars(base).get(e.fn.attr)
            if isinstance(function, types.FunctionType):
                return self.invoke(e, function, (this,), ())
        return None

    def method(self, e: Call) -> Expr | None:
        """A call of a method; None if the attribute is no method that is known by the kind of its object."""
        match e.fn.value:
            case Call(fn=Ref(obj=builtins.super), args=(Ref(obj=cls), Name() as this)):
                return self.super_method(e, cls, self.expr(this))
        value = self.expr(e.fn.value)
        kind, attr = plain(value.kind), e.fn.attr
        e = replace(e, fn=replace(e.fn, value=value))
        if isinstance(kind, (Array, Number)) or isinstance(kind, Unknown) and attr in registry.METHODS:
            if attr in registry.METHODS:
                args, kwargs = self.arguments(e)
                return self.typed_operation(replace(e, args=args, kwargs=kwargs))
            args, kwargs = self.arguments(e)
            e = replace(e, args=args, kwargs=kwargs)
            if attr in CONSTANT_METHODS:
                return replace(e, kind=UNKNOWN)
            if attr in ("tolist", "item") and value.varied:
                return None if attr == "tolist" else self.typed_operation(e)
            return replace(e, kind=UNKNOWN, varied=value.varied)
        if isinstance(kind, Never):
            return replace(e, kind=NEVER, varied=value.varied)
        if isinstance(kind, Items) and kind.cls is dict and attr == "get" and e.args and isinstance(e.args[0], Const):
            found = kind.item(e.args[0].value)
            if found is not None:
                return self.expr(Subscript(value, e.args[0], at=e.at))
            return self.expr(e.args[1]) if len(e.args) > 1 else replace(Const(None, at=e.at), kind=NOTHING)
        if isinstance(kind, (Items, Listing)) and issubclass(kind.cls, (tuple, list, dict)) and hasattr(kind.cls, attr):
            found = inspect.getattr_static(kind.cls, attr)
            if attr in ("values", "items") and isinstance(kind, Items) and value.varied and not e.args:
                return self.view(e, self.held(value), attr)
            if not isinstance(found, types.FunctionType):
                args, kwargs = self.arguments(e)
                e = replace(e, args=args, kwargs=kwargs)
                varied = value.varied or any(a.varied for a in args)
                if attr == "copy":
                    return replace(e, kind=kind, varied=value.varied)
                if attr in ("index", "count", "keys"):
                    return replace(e, kind=UNKNOWN)
                if attr == "pop" and not args and isinstance(value, Name) and isinstance(kind, Listing):
                    return replace(e, kind=kind.item, varied=varied)
                if varied and attr not in ("items", "values"):
                    self.refuse(
                        e, f"`.{attr}` of a container of values that are differentiated",
                        "Build a new container by an expression.",
                    )
                return replace(e, kind=UNKNOWN, varied=varied)
        if isinstance(kind, Items) and hasattr(kind.cls, "_fields") and attr == "_replace" and not e.args:
            changed = dict(e.kwargs)
            holder = self.held(value)
            fields = [changed.get(f, Attribute(holder, f, at=e.at)) for f in kind.cls._fields]
            return self.expr(Call(Ref(kind.cls, kind.cls.__name__, at=e.at), tuple(fields), at=e.at))
        cls = kind.cls if isinstance(kind, Items) else kind.type if isinstance(kind, Opaque) else None
        if cls is not None:
            found = inspect.getattr_static(cls, attr, None)
            if isinstance(found, types.FunctionType):
                return self.maybe_invoke(e, found, (value,))
            if isinstance(found, staticmethod):
                return self.maybe_invoke(e, found.__func__, ())
            if isinstance(found, classmethod):
                return self.maybe_invoke(e, found.__func__, (Ref(cls, cls.__name__, kind=Callee(cls)),))
            if isinstance(kind, Opaque):
                args, kwargs = self.arguments(e)
                varied = value.varied or any(a.varied for a in args) or any(v.varied for _, v in kwargs)
                return replace(e, args=args, kwargs=kwargs, kind=UNKNOWN, varied=varied)
        return None

    def view(self, e: Call, holder: Expr, attr: str) -> Expr:
        """`d.values()` or `d.items()` of a dictionary of known keys, written out."""
        keys = plain(holder.kind).keys
        values = [self.expr(Subscript(holder, Const(k), at=e.at)) for k in keys]
        if attr == "items":
            values = [self.expr_of_parts(Tuple((self.expr(Const(k)), v), at=e.at)) for k, v in zip(keys, values)]
        return self.expr_of_parts(Tuple(tuple(values), at=e.at))

    def maybe_invoke(self, e: Call, function, first) -> Expr:
        args, kwargs = self.arguments(e)
        e = replace(e, args=args, kwargs=kwargs)
        if any(x.varied for x in (*first, *args)) or any(v.varied for _, v in kwargs):
            return self.invoke(e, function, first, ())
        return replace(e, kind=UNKNOWN)

    def invoke(self, e: Expr, target, first: tuple, captured: tuple[str, ...], closure: Callee | None = None) -> Expr:
        """A call of a function whose text is differentiated: hoisted into a statement of its own where it is varied."""
        if isinstance(e, Call) and (not e.args or e.args[0].kind is None or any(a.kind is None for a in e.args)):
            args, kwargs = self.arguments(e)
            e = replace(e, args=args, kwargs=kwargs)
        args = (*first, *(e.args if isinstance(e, Call) else ()))
        kwargs = e.kwargs if isinstance(e, Call) else ()
        source = normalised(target.function) if isinstance(target, Local) else self.program.read(target)
        defaults = {} if isinstance(target, Local) else default_expressions(target, e)
        bound = self.bind_arguments(e, source, args, kwargs, defaults)
        if bound is None:
            return replace(e, kind=UNKNOWN)
        taken = []
        for n in captured:
            if closure is None:
                taken.append(self.name(Name(n, at=e.at), n))
            else:
                value = dict(closure.extra)[n]
                holder = reference(runtime.captured)
                taken.append(Call(holder, (e.fn, Const(n)), kind=value.kind, varied=value.varied, at=e.at))
        operands = [*bound, *taken]
        self.disown({n for o in operands for n in aliases(o)})
        values = [Value(o.kind, o.varied) for o in operands]
        special = self.program.special(target, captured, values)
        result = special.result
        kind = unnamed(result.kind)
        if not result.varied and not (isinstance(target, Local) and self.is_elsewhere(e)):
            return replace(e, kind=kind, varied=False)
        invoked = Invoke(special, tuple(operands), e, kind=kind, varied=result.varied, at=e.at)
        return self.named(invoked, special.source.name if special.source.name.isidentifier() else "value")

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


class _Iteration:
    """A loop over varied things, said as a loop over an index: `setup` before it, `first` at the start of its body."""

    def __init__(self, specialiser: _Specialiser, s: For):
        self.specialiser, self.s = specialiser, s
        self.setup: list[Stmt] = []
        self.first: list[Stmt] = []
        self.lengths: list[Expr] = []
        self.index: Name | None = None
        self.offset = None
        self.prefer_index(s.iter, s.target)
        if self.index is None:
            self.index = Name(specialiser.special.names.new("i"), at=s.at)
        self.source(s.iter, s.target)
        self.target: Expr = self.index
        length = self.lengths[0]
        if len(self.lengths) > 1:
            length = Call(Ref(min, "min"), tuple(self.lengths), at=s.at)
        self.iter: Expr = Call(Ref(range, "range"), (length,), at=s.at)
        self.first = tuple(self.first)

    def prefer_index(self, e: Expr, target: Expr) -> None:
        """The user's own counter of `enumerate` serves as the index."""
        match e, target:
            case Call(fn=Ref(obj=builtins.enumerate), args=(_,), kwargs=()), Tuple(elts=(Name() as counter, _)):
                self.index = counter

    def new(self, base: str, value: Expr) -> Name:
        name = Name(self.specialiser.special.names.new(base), at=self.s.at)
        self.setup.append(Assign(name, value, at=self.s.at))
        return name

    def source(self, e: Expr, target: Expr) -> None:
        match e:
            case Call(fn=Ref(obj=builtins.zip), args=args, kwargs=()):
                if isinstance(target, Tuple) and len(target.elts) == len(args):
                    for a, t in zip(args, target.elts):
                        self.source(a, t)
                    return
                holders = [Name(self.specialiser.special.names.new("item"), at=self.s.at) for _ in args]
                for a, t in zip(args, holders):
                    self.source(a, t)
                self.first.append(Assign(target, Tuple(tuple(holders), at=self.s.at), at=self.s.at))
                return
            case Call(fn=Ref(obj=builtins.enumerate), args=(inner, *start), kwargs=kwargs):
                start = start[0] if start else dict(kwargs).get("start", Const(0))
                counter, item = self.pair(target)
                if counter is not self.index:
                    zero = isinstance(start, Const) and start.value == 0
                    value = self.index if zero else Op("+", (self.index, start), at=self.s.at)
                    self.first.append(Assign(counter, value, at=self.s.at))
                self.source(inner, item)
                self.join_pair(target, counter, item)
                return
            case Call(fn=Ref(obj=builtins.reversed), args=(inner,), kwargs=()):
                holder = self.holder(inner)
                self.lengths.append(length_of(holder))
                last = Op("-", (Op("-", (length_of(holder), Const(1))), self.index), at=self.s.at)
                self.first.append(Assign(target, Subscript(holder, last, at=self.s.at), at=self.s.at))
                return
            case Call(fn=Attribute(value=mapping, attr="items" | "values" as attr), args=(), kwargs=()):
                holder = mapping if isinstance(mapping, Name) else self.new("mapping", mapping)
                keys = self.new("keys", Call(Ref(list, "list"), (holder,), at=self.s.at))
                self.lengths.append(length_of(keys))
                if attr == "items":
                    key, item = self.pair(target)
                else:
                    key, item = Name(self.specialiser.special.names.new("key"), at=self.s.at), target
                self.first.append(Assign(key, Subscript(keys, self.index, at=self.s.at), at=self.s.at))
                self.first.append(Assign(item, Subscript(holder, key, at=self.s.at), at=self.s.at))
                if attr == "items":
                    self.join_pair(target, key, item)
                return
        holder = self.holder(e)
        self.lengths.append(length_of(holder))
        self.first.append(Assign(target, Subscript(holder, self.index, at=self.s.at), at=self.s.at))

    def pair(self, target: Expr):
        if isinstance(target, Tuple) and len(target.elts) == 2:
            return target.elts
        names = self.specialiser.special.names
        return Name(names.new("key"), at=self.s.at), Name(names.new("item"), at=self.s.at)

    def join_pair(self, target, key, item) -> None:
        if not (isinstance(target, Tuple) and len(target.elts) == 2):
            self.first.append(Assign(target, Tuple((key, item), at=self.s.at), at=self.s.at))

    def holder(self, e: Expr) -> Expr:
        """A variable with what is iterated over, as something that has items and a length."""
        with self.specialiser.attempt():
            typed = self.specialiser.expr(e)
        indexable = isinstance(plain(typed.kind), (Array, Items, Listing)) and getattr(typed.kind, "cls", None) is not dict
        is_range = isinstance(e, Call) and isinstance(e.fn, Ref) and e.fn.obj is range
        if isinstance(e, Name) and (indexable or typed.varied):
            return e
        if indexable or typed.varied or is_range:
            return self.new("items", e)
        return self.new("items", Call(Ref(list, "list"), (e,), at=self.s.at))


def matched(target: Expr, value: Expr) -> dict[str, Expr] | None:
    """The names of a target with the expressions that they stand for."""
    match target, value:
        case Name(id=name), _:
            return {name: value}
        case Tuple(elts=names), Tuple(elts=parts) if len(names) == len(parts):
            found: dict[str, Expr] = {}
            for n, p in zip(names, parts):
                inner = matched(n, p)
                if inner is None:
                    return None
                found.update(inner)
            return found
    return None


def substituted(e: Node, values: dict[str, Expr]) -> Node:
    if isinstance(e, Name):
        return values.get(e.id, e)
    return map_children(e, lambda n: substituted(n, values))


def reads(e: Expr, name: str) -> bool:
    return any(isinstance(n, Name) and n.id == name for n in walk(e))


def calls_made(block) -> bool:
    """Whether a block has calls that have become statements of their own."""
    return any(isinstance(n, Invoke) for s in block for n in walk(s))


def length_of(e: Expr) -> Expr:
    return Call(Ref(len, "len"), (e,), at=e.at)


def take(array, index):
    """`array[index]`, as a function: the stand-ins of `kinds.result_kind` are run through it."""
    return array[index]


def index_kind(index: Expr) -> Kind:
    """The kind of an index; integers count as 0, since a stand-in has few items."""
    match index:
        case Tuple(elts=elts):
            return Items(tuple, tuple(range(len(elts))), tuple(index_kind(i) for i in elts))
    kind = plain(index.kind)
    if isinstance(kind, Number) and kind.type == "int":
        return Number("int", 0)
    if isinstance(kind, Array) and kind.dtype.kind in "iu":
        return kind
    if isinstance(kind, Items):
        return Items(kind.cls, kind.keys, tuple(Number("int", 0) if isinstance(k, Number) else k for k in kind.items))
    return kind


def is_basic(index: Expr) -> bool:
    """Whether an index is made of integers, slices, None and Ellipsis."""
    match index:
        case Tuple(elts=elts):
            return all(map(is_basic, elts))
        case Slice():
            return True
    kind = plain(index.kind)
    return isinstance(kind, (Literal, Nothing)) or isinstance(kind, Number) and kind.type == "int"


def mark_varied(e: Expr) -> Expr:
    """A place with all that it is in marked as varied."""
    if isinstance(e, Subscript):
        return replace(e, varied=True, value=mark_varied(e.value))
    return replace(e, varied=True)


def kind_name(kind: Kind) -> str:
    match kind:
        case Array(dtype=dtype):
            return f"an array of {dtype}"
        case Items(cls=cls) | Listing(cls=cls):
            return f"a {cls.__name__}"
    return "this object"


def const_key(index: Expr):
    """A key or slice that is written out. Raises ValueError."""
    match index:
        case Const(value=value):
            return value
        case Op(op="neg", args=(Const(value=value),)):
            return -value
        case Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if i is None else const_key(i) for i in (lower, upper, step)))
    raise ValueError


def constant_kind(value) -> Kind:
    if isinstance(value, (str, bytes)) or value is Ellipsis:
        return Literal(value)
    if type(value) is int:
        return Number("int", value)
    if type(value) is bool:
        return Number("bool")
    return kind_of(value)


def unnamed_site(kind: Kind) -> Kind:
    return kind


def element_kind(iterable: Expr, typed: Expr) -> Kind:
    """The kind of what a loop over something that is not varied yields."""
    match iterable:
        case Call(fn=Ref(obj=builtins.range)):
            return INT
        case Call(fn=Ref(obj=builtins.reversed), args=(inner,)):
            return element_kind(inner, inner)
        case Subscript(value=inner, index=Slice()):
            return element_kind(inner, inner)
        case Call(fn=Ref(obj=builtins.enumerate), args=(inner, *_)):
            return Items(tuple, (0, 1), (INT, element_kind(inner, inner)))
        case Call(fn=Ref(obj=builtins.zip), args=args):
            return Items(tuple, tuple(range(len(args))), tuple(element_kind(a, a) for a in args))
        case Call(fn=Attribute(value=mapping, attr="items" | "values" | "keys" as view), args=()) if (
            mapping.kind is not None and is_mapping(mapping.kind)
        ):
            key = element_kind(mapping, mapping)
            item = item_kind(plain(mapping.kind))
            return {"items": Items(tuple, (0, 1), (key, item)), "keys": key, "values": item}[view]
    kind = plain(typed.kind) if typed.kind is not None else UNKNOWN
    if isinstance(kind, Items) and issubclass(kind.cls, dict):
        return functools.reduce(join, (constant_kind(k) for k in kind.keys), NEVER) if kind.keys else UNKNOWN
    found = item_kind(kind)
    return UNKNOWN if isinstance(found, (Never,)) else found


def sequence_kind(op: str, operands) -> Kind:
    a, b = operands
    if op == "+" and isinstance(a, Items) and isinstance(b, Items) and a.cls is b.cls and a.is_sequence:
        items = a.items + b.items
        return Items(a.cls, tuple(range(len(items))), items)
    if op == "+" and kinds.is_list(a) and kinds.is_list(b):
        return join(Listing(item_kind(a)), Listing(item_kind(b)))
    if op == "*":
        sequence = a if isinstance(a, (Items, Listing)) else b
        if sequence.cls is list:
            return Listing(item_kind(sequence))
    return UNKNOWN


def reshaped(array: Array, shape: Kind, site: Dim) -> Kind:
    if isinstance(shape, Number):
        sizes = (shape,)
    elif isinstance(shape, Items):
        sizes = shape.items
    else:
        return Array(array.dtype, None)

    def extent(k: int, n: Kind) -> Dim | None:
        value = n.value if isinstance(n, Number) else None
        if value == 1:
            return kinds.ONE
        if isinstance(value, Dim):
            return value
        known = isinstance(value, int) and value > 1
        return Dim((site.symbol, k), 0, known, site.loops)

    return Array(array.dtype, tuple(extent(k, n) for k, n in enumerate(sizes)))


def ends_with_raise(block) -> bool:
    return bool(block) and isinstance(block[-1], Raise)


def join_envs(a: dict, b: dict) -> dict:
    """The values of the variables after either of two paths; a variable that one path lacks keeps the other's."""
    if a is b:
        return a
    return {n: join_values(a[n], b[n]) if n in a and n in b else a.get(n) or b[n] for n in {**a, **b}}


def aliases(e: Expr) -> set[str]:
    """The variables whose memory the value of `e` may share."""
    match e:
        case Name(id=name):
            shares = not isinstance(e.kind, (Number, Nothing, Callee))
            return {name} if shares else set()
        case Tuple(elts=elts) | List(elts=elts):
            return {n for x in elts for n in aliases(x)}
        case Dict(values=values):
            return {n for x in values for n in aliases(x)}
        case IfExp(body=body, orelse=orelse):
            return aliases(body) | aliases(orelse)
        case Logical(args=args):
            return {n for x in args for n in aliases(x)}
        case Subscript(value=value) if isinstance(plain(value.kind), (Listing, Items)):
            return set()  # an item; the container itself stays whose it was
        case Subscript(value=value) | Attribute(value=value) | Starred(value=value):
            return aliases(value) if not isinstance(e.kind, Number) else set()
        case Invoke(args=args):
            return {n for x in args for n in aliases(x)}
        case Call(fn=fn, args=args, kwargs=kwargs):
            applied = function_of(e)
            if applied is not None and (registry.find(applied[0]) or registry.is_constant(applied[0])):
                if applied[0] not in VIEWS:
                    return set()
            parts = [*args, *(v for _, v in kwargs)]
            if isinstance(fn, Attribute):
                parts.append(fn.value)
            return {n for x in parts for n in aliases(x)} if not isinstance(e.kind, Number) else set()
        case Comprehension():
            return {n.id for n in walk(e) if isinstance(n, Name)}
    return set()


def is_fresh(e: Expr) -> bool:
    """Whether the value of `e` is made anew, and seen by nobody else."""
    if isinstance(e, (Subscript, Attribute)) and not isinstance(e.kind, Number):
        return isinstance(e, Subscript) and isinstance(e.index.kind, Sliced) and isinstance(plain(e.kind), Listing)
    return not isinstance(e, (Global, Ref, Name)) and not (
        isinstance(e, (Attribute, Subscript)) and any(isinstance(n, (Global, Ref)) for n in walk(e))
    )


def describe(e: Expr) -> str:
    from srcad.core.printer import text

    return f"`{text(e)}`"


def decide_instance(kind: Kind, classes: Expr) -> bool | None:
    """Whether values of a kind are instances of what `isinstance` asks for; None if the kind does not tell."""
    if isinstance(classes, Tuple):
        found = [decide_instance(kind, c) for c in classes.elts]
        return True if True in found else None if None in found else False
    if not (isinstance(classes, Ref) and isinstance(classes.obj, type)):
        return None
    cls = classes.obj
    match kind:
        case Array():
            return issubclass(np.ndarray, cls)
        case Number(type="float"):
            return True if cls in (float, object) else None if issubclass(cls, np.generic) else issubclass(float, cls)
        case Number(type="int" | "bool"):
            return None if cls not in (float, complex, np.ndarray, list, tuple, dict, str) else False
        case Items(cls=known) | Listing(cls=known):
            return issubclass(known, cls)
        case Nothing():
            return issubclass(type(None), cls)
        case Literal(value=value):
            return isinstance(value, cls)
        case Opaque(type=known) if known is not Exception:
            return issubclass(known, cls)
    return None


def is_hashable(obj) -> bool:
    try:
        hash(obj)
    except TypeError:
        return False
    return True


def is_harmless(obj) -> bool:
    module = getattr(obj, "__module__", None) or ""
    owner = getattr(obj, "__self__", None)
    return is_hashable(obj) and obj in HARMLESS or module in ("logging", "warnings") or (
        type(owner).__module__ == "logging"
    )


def is_library(function: types.FunctionType) -> bool:
    root = (function.__module__ or "").partition(".")[0]
    if root == "srcad":
        return function.__module__ != "srcad.prelude"
    return root in ("numpy", "scipy", "math", "pandas", "matplotlib", "sklearn", "jax", "torch")


def is_literal(value) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def record_fields(cls: type) -> list[str] | None:
    import dataclasses

    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return list(cls._fields)
    if dataclasses.is_dataclass(cls) and "__init__" in vars(cls) and not hasattr(cls, "__post_init__"):
        return [f.name for f in dataclasses.fields(cls) if f.init]
    return None


def callable_method(cls: type):
    found = inspect.getattr_static(cls, "__call__", None)
    return found if isinstance(found, types.FunctionType) else None


def has_star(e: Call) -> bool:
    return any(isinstance(a, Starred) for a in e.args) or any(k is None for k, _ in e.kwargs)


def is_mapping(kind: Kind) -> bool:
    kind = plain(kind)
    return isinstance(kind, (Items, Listing)) and issubclass(kind.cls, dict)


def takes_star(source: Function, position: int) -> bool:
    """Whether the positional argument number `position` is the first that goes to `*args`."""
    positional = [p for p in source.params if p.style in ("positional", "any")]
    return len(positional) == position and any(p.style == "star" for p in source.params)


def default_expressions(function: types.FunctionType, e: Expr) -> dict[str, Expr]:
    """The defaults of a function as they are now: as literals, or read off the function when the program runs."""
    found: dict[str, Expr] = {}
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    base = Ref(function, function.__name__)
    for i, (name, value) in enumerate(zip(positional[len(positional) - len(defaults) :], defaults)):
        kind = kind_of(value, ("default", function.__name__, name))
        found[name] = Const(value, at=e.at) if is_literal(value) else Default(
            base, name, kind=kind, at=e.at, obj=value
        )
    for name, value in (function.__kwdefaults__ or {}).items():
        kind = kind_of(value, ("default", function.__name__, name))
        found[name] = Const(value, at=e.at) if is_literal(value) else Default(base, name, kind=kind, at=e.at, obj=value)
    return found


def Default(base: Ref, name: str, *, kind, at, obj) -> Expr:  # noqa: N802 - builds a node
    """The default of a parameter that is no literal."""
    if isinstance(kind, Callee):
        return Ref(obj, f"{base.text}_default_{name}", at=at)
    return Ref(obj, f"{base.text}_default_{name}", at=at)


def lookup(function: types.FunctionType, name: str) -> tuple[bool, Any]:
    """Whether a non-local name of `function` is bound, and to what."""
    code = function.__code__
    if name in code.co_freevars and function.__closure__ is not None:
        cell = function.__closure__[code.co_freevars.index(name)]
        try:
            return True, cell.cell_contents
        except ValueError:
            return False, None
    if name in function.__globals__:
        return True, function.__globals__[name]
    scope = function.__globals__.get("__builtins__", builtins)
    scope = scope if isinstance(scope, dict) else vars(scope)
    return (True, scope[name]) if name in scope else (False, None)


def names_outside(function: Function, e: Comprehension) -> set[str]:
    """The names that occur in `function` outside of the comprehension `e`."""
    inside = {id(n) for n in walk(e)}
    return {n.id for n in walk(function) if isinstance(n, Name) and id(n) not in inside} | {
        p.id for p in function.params
    }


# ---------------------------------------------------------------------------------------------------------------
# Builtins that are more than a rule

CONSTANT_BUILTINS = {len, int, bool, str, repr, isinstance, hasattr, type, range, id, hash, callable, issubclass, ord, chr}


def _sum(self: _Specialiser, e: Call) -> Expr | None:
    """`sum(f(v) for v in xs)` of varied items is a loop that adds."""
    match e:
        case Call(args=(Comprehension(style="generator" | "list") as items, *start), kwargs=kwargs):
            if len(items.clauses) >= 1 and not any(k not in ("start",) for k, _ in kwargs):
                if id(e) not in self.rewritten:
                    add = functools.partial(_added, at=e.at)
                    self.rewritten[id(e)] = self.comprehension_loop(items, add)
                total, stmts = self.rewritten[id(e)]
                first = start[0] if start else dict(kwargs).get("start", Const(0))
                with self.trial() as keep:
                    for s in (Assign(Name(total, at=e.at), first, at=e.at), *stmts):
                        self.statement(s)
                    value = self.env[total]
                    if value.varied:
                        keep()
                if not value.varied:
                    return replace(e, fn=self.expr(e.fn), kind=value.kind)
                return self.name(Name(total, at=e.at), total)
    return None


def _added(total: Expr, element: Expr, at) -> Expr:
    return Op("+", (total, element), at=at)


def _stand_in(function):
    """A builtin that is said in plain Python in `srcad.prelude`, for varied arguments."""

    def build(self: _Specialiser, e: Call) -> Expr | None:
        with self.attempt():
            try:
                args, kwargs = self.arguments(e)
            except SrcadError:
                return None
        if args and is_mapping(args[0].kind):  # its keys
            return replace(e, fn=self.expr(e.fn), args=args, kind=Listing(Opaque(str)), varied=False)
        varied = any(a.varied for a in args)
        if not varied and any(v.varied for _, v in kwargs):  # a key orders what is constant
            item = element_kind(args[0], args[0])
            kind = Listing(item) if e.fn.obj is sorted else item
            return replace(e, fn=self.expr(e.fn), kind=kind, varied=False)
        if not varied or any(k == "default" for k, _ in kwargs):
            return None
        stand_in = function(args, kwargs)
        if stand_in is None:
            return None
        return self.call(Call(Ref(stand_in, stand_in.__name__, at=e.at), e.args, e.kwargs, at=e.at))

    return build


def _container(args, kwargs):
    if len(args) == 1 and isinstance(plain(args[0].kind), (Items, Listing, Array, Unknown)):
        return prelude.listed
    return None


def _sorted(args, kwargs):
    return prelude.in_order


def _extreme(function):
    def choose(args, kwargs):
        return function if any(k == "key" for k, _ in kwargs) else None

    return choose


def _getattr(self: _Specialiser, e: Call) -> Expr | None:
    match e:
        case Call(args=(value, Const(value=str() as name)), kwargs=()):
            return self.expr(Attribute(value, name, at=e.at))
    return None


def _stop_gradient(self: _Specialiser, e: Call) -> Expr | None:
    args, kwargs = self.arguments(e)
    if len(args) != 1:
        return None
    return replace(e, fn=self.expr(e.fn), args=args, kind=args[0].kind, varied=False)


def _pow(self: _Specialiser, e: Call) -> Expr | None:
    match e:
        case Call(args=(a, b), kwargs=()):
            return self.expr(Op("**", (a, b), at=e.at))
    return None


def _partial(self: _Specialiser, e: Call) -> Expr | None:
    """`partial(f, x)` as `lambda *args, **kwargs: f(x, *args, **kwargs)`, with the present value of x."""
    if not e.args or any(isinstance(a, Starred) for a in e.args) or any(k is None for k, _ in e.kwargs):
        return None
    if id(e) not in self.rewritten:
        names = self.special.names
        fixed = [(Name(names.new("fixed"), at=e.at), a) for a in e.args[1:]]
        named = [(k, Name(names.new(k), at=e.at), v) for k, v in e.kwargs]
        rest, options = Name(names.new("args"), at=e.at), Name(names.new("kwargs"), at=e.at)
        call = Call(
            e.args[0], (*(n for n, _ in fixed), Starred(rest, at=e.at)),
            (*((k, n) for k, n, _ in named), (None, options)), at=e.at,
        )  # fmt: skip
        params = (Param(rest.id, "star", at=e.at), Param(options.id, "double star", at=e.at))
        function = Function("partial", params, (Return(call, at=e.at),), at=e.at)
        setup = [Assign(n, v, at=e.at) for n, v in fixed] + [Assign(n, v, at=e.at) for _, n, v in named]
        self.rewritten[id(e)] = setup, Lambda(function, at=e.at)
    setup, made = self.rewritten[id(e)]
    for s in setup:
        self.statement(s)
    return self.expr(made)


def _dict(self: _Specialiser, e: Call) -> Expr | None:
    """`dict(a=x)` as `{"a": x}`."""
    if all(k is not None for k, _ in e.kwargs) and not e.args:
        return self.expr(Dict(tuple(Const(k, at=e.at) for k, _ in e.kwargs), tuple(v for _, v in e.kwargs), at=e.at))
    return None


def _range(self: _Specialiser, e: Call) -> Expr | None:
    args, _ = self.arguments(e)
    for a in args:
        if a.varied and is_float(a.kind) and isinstance(plain(a.kind), Number):
            raise KindError(
                a.at, f"{describe(a)} is differentiated, but it is used as an integer here",
                hint="Leave it out of argnums, or pass it as an int.",
            )
    return replace(e, fn=self.expr(e.fn), args=args, kind=Opaque(range))


def _zeros_like(self: _Specialiser, e: Call) -> Expr | None:
    """The shadow of a value: of the same structure, with lists for tuples."""
    args, _ = self.arguments(e)
    return replace(e, fn=self.expr(e.fn), args=args, kind=shadow_kind(args[0].kind))


def _add(self: _Specialiser, e: Call) -> Expr | None:
    """The sum of two adjoints; of containers, with the structure of the first."""
    args, _ = self.arguments(e)
    typed = self.typed_operation(replace(e, fn=self.expr(e.fn), args=args))
    kind = plain(args[0].kind)
    if isinstance(kind, (Items, Listing)):
        return replace(typed, kind=kind, varied=any(a.varied for a in args))
    return typed


def _captured(self: _Specialiser, e: Call) -> Expr | None:
    """The variable that a nested function captures, in generated code."""
    args, _ = self.arguments(e)
    kind = args[0].kind
    extra = dict(kind.extra) if isinstance(kind, Callee) and isinstance(kind.extra, tuple) else {}
    value = extra.get(args[1].value)
    if value is None or not isinstance(args[0], Name):
        self.refuse(e, "a variable that a function captures, of which too little is known", "Pass it as an argument.")
        return replace(e, kind=UNKNOWN)
    return replace(e, fn=self.expr(e.fn), args=args, kind=value.kind, varied=value.varied)


def shadow_kind(kind: Kind) -> Kind:
    kind = plain(kind)
    match kind:
        case Number():
            return kinds.FLOAT
        case Items(cls=cls, items=items):
            shadows = tuple(map(shadow_kind, items))
            if not kind.is_sequence:
                return Items(dict, kind.keys, shadows)
            joined = functools.reduce(join, shadows, NEVER)
            return Listing(joined) if kinds.is_settled(joined) else Items(list, kind.keys, shadows)
        case Listing(item=item):
            return Listing(shadow_kind(item))
    return kind


SPECIAL_FORMS: dict[Any, Any] = {
    runtime.zeros_like: _zeros_like,
    runtime.add: _add,
    runtime.captured: _captured,
    runtime.stop_gradient: _stop_gradient,
    sum: _sum,
    sorted: _stand_in(_sorted),
    list: _stand_in(_container),
    tuple: _stand_in(lambda args, kwargs: prelude.listed_tuple if _container(args, kwargs) else None),
    map: _stand_in(lambda args, kwargs: {2: prelude.mapped, 3: prelude.mapped_pairs}.get(len(args))),
    filter: _stand_in(lambda args, kwargs: prelude.filtered),
    functools.reduce: _stand_in(lambda args, kwargs: prelude.reduced if len(args) == 2 else prelude.reduced_from),
    max: _stand_in(_extreme(prelude.largest)),
    min: _stand_in(_extreme(prelude.smallest)),
    zip: _stand_in(lambda args, kwargs: prelude.zipped if len(args) == 2 else None),
    enumerate: _stand_in(lambda args, kwargs: prelude.enumerated),
    reversed: _stand_in(lambda args, kwargs: prelude.backwards),
    getattr: _getattr,
    dict: _dict,
    pow: _pow,
    functools.partial: _partial,
    range: _range,
}

__all__ = ["Local", "Program", "Special", "Value", "aliases", "lookup", "math", "MissingRule", "SPECIAL_FORMS"]
