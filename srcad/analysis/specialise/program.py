"""A program: all functions of one derivative, each specialised by an abstract run of its text."""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from srcad import runtime
from srcad.analysis.kinds import NEVER, UNKNOWN, Array, Callee, Kind, Number, closed, is_complex, is_float, plain
from srcad.analysis.specialise.calls import Calls
from srcad.analysis.specialise.changes import Changes
from srcad.analysis.specialise.invocations import Invocations
from srcad.analysis.specialise.methods import Methods
from srcad.analysis.specialise.objects import Objects
from srcad.analysis.specialise.other_names import OtherNames
from srcad.analysis.specialise.ownership import Ownership
from srcad.analysis.specialise.resizing import Resizing
from srcad.analysis.specialise.derivatives import Derivatives
from srcad.analysis.specialise.expressions import Expressions, describe
from srcad.analysis.specialise.loops import Loops
from srcad.analysis.specialise.operated import Operations
from srcad.analysis.specialise.protocols import Protocols
from srcad.analysis.specialise.schedules import Schedules
from srcad.analysis.specialise.statements import Statements
from srcad.analysis.specialise.tries import Tries
from srcad.analysis.specialise.values import (
    Derived, Local, Place, Special, Value, _identifier, canonical, normalised, unnamed,
)  # fmt: skip
from srcad.analysis.specialise.writes import Writes
from srcad.analysis.specialise.sharing import OUTSIDE, Way, overlap, sharers
from srcad.core.names import Names
from srcad.core.nodes import (
    Assign, Attribute, Call, Const, Def, Expr, ExprStmt, Function, Invoke, Name, Node, Ref, Stmt, Subscript, children,
    reference, walk, walk_own,
)  # fmt: skip
from srcad.errors import Origin, SrcadError, Unsupported
from srcad.frontend.normalise import names_in


SUFFIXES = ("forward", "adjoint", "grad", "value_and_grad", "tangent", "primal", "again")
"""What the names of generated functions end with."""


@dataclass
class Program:
    """All functions that one derivative needs, and what their specialisation relied on. `needed` are those that are
    reversed, `forms` what of them is called, by their ids: the "pair" of sweeps, its "forward" alone, both sweeps in one to
    run it "again", and the function as it is, "primal". `memory` is how many bytes each loop may keep."""

    read: Any
    lift: Any = None
    specials: dict[Any, Special] = field(default_factory=dict)
    guards: dict[Any, Kind] = field(default_factory=dict)
    function_names: Names = field(default_factory=Names)
    problems: list[Unsupported] = field(default_factory=list)
    needed: set[int] = field(default_factory=set)
    forms: set[tuple[int, str]] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    inner: list[Any] = field(default_factory=list)
    memory: int | None = None
    lifted: dict[Any, tuple] = field(default_factory=dict)
    derivatives: dict[Any, tuple] = field(default_factory=dict)

    def derivative(self, function, derivatives: tuple[Derived, ...], shift: int = 0):
        """A derivative of a function, the same object each time."""
        key = (id(function), shift, *((id(d.transform), repr(d.args), repr(d.kwargs)) for d in derivatives))
        if key not in self.derivatives:
            made = function
            for d in derivatives:
                made = d.of(made, shift)
            self.derivatives[key] = made, function
        return self.derivatives[key][0]

    def need(self, special: Special, form: str) -> None:
        """Notes that a form of a function is called."""
        self.needed.add(id(special))
        self.forms.add((id(special), form))

    @functools.cached_property
    def is_complex(self) -> bool:
        """Whether there are complex numbers in these functions, once all are specialised: what is of unknown kind may then
        be complex."""
        nodes = (n for s in self.specials.values() for statement in s.body for n in walk(statement))
        found = (n.kind for n in nodes if isinstance(n, Expr) and n.kind is not None)
        return any(is_complex(v.kind) for s in self.specials.values() for v in s.values) or any(map(is_complex, found))

    def problem(self, at: Origin | None, message: str, hint: str | None = None) -> None:
        """Notes a construct that is not supported; all are reported together."""
        if all(p.origin != at or p.message != message for p in self.problems):
            self.problems.append(Unsupported(at, message, hint=hint))

    def forget(self, problems: int, specials: dict, named: set[str]) -> None:
        """Forgets the problems after a number of them, and with them the functions in which they were met, or which an
        exception has ended: who calls one of these again is to meet them again."""
        ended = any(not special.done for key, special in self.specials.items() if key not in specials)
        if ended or len(self.problems) > problems:
            self.specials, self.named = specials, named
        del self.problems[problems:]

    def function_name(self, source: Function) -> str:
        """A name for the functions generated from `source`: f, for f_forward, f_adjoint, …, that no variable has."""
        self.function_names.taken |= names_in(source)
        base, count = _identifier(source.name.strip("_") or source.name), 0
        name = base
        variables = set().union(self.function_names.taken, *(special.names.taken for special in self.specials.values()))
        while name in self.named or any(f"{name}_{s}" in variables for s in SUFFIXES):
            count += 1
            name = f"{base}_{count}"
        self.named.add(name)
        return name

    def is_function(self, name: str) -> bool:
        """Whether a function that is going to be generated may have a name."""
        base, _, suffix = name.rpartition("_")
        return suffix in SUFFIXES and base in self.named or name.endswith("_value_and_grad") and name[:-15] in self.named

    def special(
        self, target: types.FunctionType | Local, captured: tuple[str, ...], values: list[Value], is_root: bool = False,
        is_inside: bool = False,
    ) -> Special:  # fmt: skip
        """`target` specialised by `values` (the captured variables last); the root is what the user differentiates. What is
        called inside of a loop is told apart where loops are run in parts."""
        is_inside = is_inside and self.memory is not None
        if isinstance(target, Local):
            source, owner = normalised(target.function), target.owner
        else:
            source, owner = self.read(target), target
        values = canonical(values)
        key = (source, owner, tuple(values), is_inside)
        known = self.specials.get(key)
        if known is not None:
            known.recursive |= not known.done
            self.problems += [p for p in known.problems if p not in self.problems]  # those of an attempt are forgotten
            return known
        params = tuple(p.id for p in source.params) + captured
        special = Special(
            source,
            owner,
            params,
            tuple(values),
            self.function_name(source),
            Names(names_in(source) | set(params)),
            is_nested=isinstance(target, Local),
            is_root=is_root,
            is_inside=is_inside,
            is_aliasing=any(v.place is not None for v in values),
        )
        noted = len(self.problems)
        start = target.result(params, values) if isinstance(target, Local) else Value(NEVER)
        special.result = start
        self.specials[key] = special
        for step in range(30):
            before = len(self.specials)
            estimate, problems, sharing = special.estimate, len(self.problems), special.sharing
            special.recursive = False
            Specialiser(self, special, target).run()
            if special.sharing != sharing:  # it writes into what it has not made: gone through anew, with that in mind
                special.result, special.exits = start, {}
                if is_root and special.written and key in self.specials:  # a call of it is another function
                    del self.specials[key]
                    before -= 1
            elif not special.recursive or special.estimate == estimate:
                break
            elif step > 1:
                found = unnamed(special.result.kind)
                kind = closed(found, unnamed(estimate[0].kind))
                if kind != found:
                    special.result = replace(special.result, kind=kind)
                    if special.estimate == estimate:
                        break
            for later in list(self.specials)[before:]:
                self.named.discard(self.specials.pop(later).name)
            del self.problems[problems:]
        else:
            special.result = Value(UNKNOWN, True)
            Specialiser(self, special, target).run()
            if is_generated(owner):
                self.problem(
                    source.at,
                    f"the derivative of {source.name}, which is a derivative of a recursive function",
                    "Write the recursion as a loop, or take the second derivative by differences of the first.",
                )
        special.done, special.problems = True, self.problems[noted:]
        if self.specials.pop(key, None) is not special:
            key = (*key, "root")
        self.specials[key] = special  # callees first
        special.indexed = only_indexed(special)
        return special


class Specialiser(
    Statements, Tries, Writes, Resizing, Ownership, OtherNames, Loops, Schedules, Expressions, Operations, Protocols, Calls,
    Changes, Methods, Objects, Invocations, Derivatives,
):  # fmt: skip
    """One abstract run of one function; `env` has the values of the variables, `out` the statements built so far."""

    def __init__(self, program: Program, special: Special, target):
        self.program, self.special = program, special
        siblings = target.siblings if isinstance(target, Local) else ()
        self.env: dict[str, Value] = {n: Value(Callee(local, "local")) for n, local in siblings}
        self.env.update(zip(special.params, special.values))
        self.out: list[Stmt] = []
        self.loops: list[int] = []
        self.rewritten: dict[Any, Any] = {}  # by nodes, which are equal only to themselves
        self.mutated: set[str] = set()
        self.temporaries: set[str] = set()
        self.own_functions = {n.function.name for s in special.source.body for n in walk_own(s) if isinstance(n, Def)}
        self.own_functions |= set(special.params)
        self.known = special.is_aliasing, frozenset(special.moving), frozenset(special.lasting)

    def run(self) -> None:
        special = self.special
        special.names = Names(names_in(special.source) | set(special.params))
        special.handed_back = None
        self.special.body = self.block((*self.copies(), *special.source.body))
        special.exits = {p: self.env[p] for p in special.params if p in special.written}
        special.doubled = {p for p in special.params if None in self.env[p].kept}

    def copies(self) -> list[Stmt]:
        """What the root does first: it copies the arguments that it writes into, which are others'. Other functions get
        what nobody else sees."""
        special = self.special
        made: list[Stmt] = []
        for p in (p for p in special.params if p in special.taken):
            made.append(Assign(Name(p), Call(Attribute(Name(p), "copy"), ())))
        written = [p for p in special.params if p in special.written]
        for p in written:
            known = self.env[p]
            if not special.is_root:
                self.env = {**self.env, p: replace(known, owned=True, held=frozenset())}
                continue
            others = [Name(q) for q in special.params if q != p and not isinstance(self.env[q].kind, Number)]
            if others or not isinstance(plain(known.kind), Array):
                names = Const(f"{special.source.at}: {', '.join((p, *(q.id for q in others)))}")
                made.append(ExprStmt(Call(reference(runtime.check_apart), (names, Name(p), *others))))
            made.append(Assign(Name(p), self.duplicate(Name(p), known.kind)))
        return made

    def duplicate(self, e: Name, kind: Kind) -> Expr:
        if isinstance(plain(kind), Array):
            return Call(Attribute(e, "copy"), ())
        return Call(reference(runtime.duplicate), (e,))

    def refuse(self, node: Node, message: str, hint: str | None = None) -> None:
        self.program.problem(node.at, message, hint)

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
        state = self.env, self.out, len(self.program.problems), set(self.mutated)
        specials, taken = dict(self.program.specials), set(self.program.named)
        self.out = []
        try:
            yield
        finally:
            self.env, self.out, self.mutated = state[0], state[1], state[3]
            self.program.forget(state[2], specials, taken)

    @contextmanager
    def trial(self, e: Expr | None = None):
        """What is built inside counts only if `keep()` is called on what this gives: each thing is built once. What cannot
        be done for an expression `e` of something varied is a problem all the same."""
        before, outer, problems, mutated = self.env, self.out, len(self.program.problems), set(self.mutated)
        specials, taken = dict(self.program.specials), set(self.program.named)
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
                if e is None or not self.reads_varied(e):
                    self.program.forget(problems, specials, taken)

    def rehearsed(self, build: Callable[[], Expr]) -> Expr | None:
        """What `build` gives, None if there is a problem in it. It leaves no trace, nor do the functions that it calls."""
        problems = len(self.program.problems)
        with self.attempt():
            specials, taken = dict(self.program.specials), set(self.program.named)
            try:
                found = build()
            except (SrcadError, RecursionError):
                found = None
            if len(self.program.problems) > problems:
                found = None
            self.program.specials, self.program.named = specials, taken
        return found

    def emit(self, s: Stmt) -> None:
        self.out.append(s)

    def bind(self, name: str, value: Value) -> None:
        """Gives a variable a value; what was another name of a place in the old one is that no more."""
        self.update(name, value)
        if self.special.is_aliasing:
            for other, known in list(self.env.items()):
                place = known.place
                if any(p.expr is not None and mentions(p.expr, name) for _, p in known.parts):
                    gone = Place(f"`{name}` has got another value since", None)
                    parts = tuple((k, gone if p.expr is None or mentions(p.expr, name) else p) for k, p in known.parts)
                    self.update(other, replace(known, parts=parts))
                if other != name and place is not None and place.expr is not None and mentions(place.expr, name):
                    self.update(other, replace(known, place=Place(f"`{name}` has got another value since", None)))

    def update(self, name: str, value: Value) -> None:
        """Notes what has become known of the value that a variable has."""
        self.env = {**self.env, name: value}

    def is_owned(self, name: str) -> bool:
        """Whether no other variable shares the memory of `name`; generated code writes to nothing else."""
        return name in self.env and self.env[name].owned or self.is_generated

    @property
    def is_generated(self) -> bool:
        return is_generated(self.special.owner)

    def disown(self, names: set[str]) -> None:
        for name in names.union(*(self.env[n].shares for n in names if n in self.env)):
            value = self.env.get(name)
            if value is not None and value.owned:
                self.update(name, replace(value, owned=False))

    def seen_elsewhere(self, typed: Expr) -> None:
        """Notes that what `typed` holds by reference has another name from here on."""
        if self.is_given_away(typed):
            return
        shared = sharers(typed)
        self.disown({name for name, way in shared if not way})
        self.items_seen({(name, way) for name, way in shared if way})
        for name, way in sorted(shared, key=str):
            known = self.env.get(name)
            if known is not None:
                again = any(before is None or overlap(before, way) for before in known.kept)
                self.update(name, replace(known, kept=known.kept | {None if again else way}))

    def items_seen(self, ways: set[tuple[str, Way]]) -> None:
        """Notes that what is at the end of some ways into containers has another name from here on."""
        for name, way in sorted(ways, key=str):
            if name in self.env:
                known = self.env[name]
                self.update(name, replace(known, held=known.held | {(way, OUTSIDE)}))

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
            name = self.special.names.new(base)
            while self.program.is_function(name):
                name = self.special.names.new(base)
            self.rewritten[key] = name
        return self.rewritten[key]


def is_generated(function: types.FunctionType) -> bool:
    """Whether srcad has written the text of a function."""
    return function.__code__.co_filename.startswith("<srcad ")


def mentions(e: Expr, name: str) -> bool:
    return any(isinstance(n, Name) and n.id == name for n in walk(e))


def only_indexed(special: Special) -> set[str]:
    """The varied arrays among the parameters of which a function reads items, and nothing else."""
    if special.is_root:
        return set()
    found = {
        p for p, v in zip(special.params, special.values)
        if v.varied and isinstance(v.kind, Array) and v.kind.rank and is_float(v.kind) and p not in special.written
    }  # fmt: skip
    whole: set[str] = set()

    def visit(node: Node) -> None:
        match node:
            case Subscript(value=Name(id=name), index=index) if name in found and isinstance(plain(node.kind), Number):
                return visit(index)
            case Attribute(value=Name(id=name), attr="shape" | "size" | "ndim") if name in found:
                return None
            case Call(fn=Ref(obj=builtins.len), args=(Name(id=name),)) if name in found:
                return None
            case Invoke(callee=callee, args=args):
                for p, x in zip(callee.params, args):
                    if not (isinstance(x, Name) and p in callee.shared):
                        visit(x)
                return None
            case Name(id=name):
                whole.add(name)
        for child in children(node):
            visit(child)
        return None

    for s in special.body:
        visit(s)
    return found - whole
