"""A tangent function in two: what it computes of the values, once, and what is linear in the tangents, for each direction.

The statements of a tangent function that set tangents go to the second function, all others to the first, which keeps the
values that they read. What is read in a loop, a branch or a `while` gets a tape, which the second function reads in the
order in which it was written; nothing is ever put back, so it may be called any number of times.

    def f_tangent(x, x_dot):               def f_linear(x):                      def f_push(saved, x_dot):
        sin = np.sin(x)                        sin = np.sin(x)                       sin, product = saved
        y_dot = x_dot*sin + x_dot*x*cos(x)     product = x * np.cos(x)               y_dot = x_dot * (sin + product)
        y = x * sin                            y = x * sin                           return y_dot
        return y, y_dot                        return y, (sin, product)

Control flow depends on values only, so that the second function takes the same way. What is kept is what reverse mode would
keep. The maximal parts that do not depend on tangents are computed by the first function; for this, products are
multiplied in another order (Griewank & Walther 2008, ch. 3 and 6: the local partial derivatives).
"""

from __future__ import annotations

import builtins
import itertools
from collections import Counter
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Listing, Number, plain
from srcad.analysis.operations import CONSTANT_ATTRIBUTES, function_of
from srcad.analysis.specialise import Special, aliases
from srcad.analysis.specialise.sharing import OUTSIDE, references
from srcad.core.names import Names
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Break, Call, Compare, Comprehension, Const, Def, Delete, Dict, Expr, ExprStmt, For,
    FString, Function, Global, If, IfExp, Import, Lambda, List, Logical, Name, Node, Op, Param, Pass, Ref, Return, Set,
    Slice, Starred, Stmt, Subscript, Tuple, Walrus, While, With, children, map_children, walk,
)  # fmt: skip
from srcad.core.places import inner, root_name, root_of, with_inner
from srcad.rules import registry
from srcad.transform.algebra import without_sign
from srcad.transform.dots import base_name, is_cheap, is_pop
from srcad.transform.tangent import Tangents
from srcad.transform.reverse import REENTERED, is_in, names_read, symbol, target_list, target_names, walk_all

Block = list[Stmt]


class Entangled(Exception):
    """Values and tangents of a function are not told apart: in a `try`, or in an expression with a scope of its own."""


def linearised(found: list[Tangents]) -> list[tuple[Function, Function]]:
    """`f_linear(args) -> (value, saved)` and `f_push(saved, tangents) -> tangent of the value` of each function, from the
    tangent functions of a function and of all that it calls. Raises Entangled."""
    sharing = {id(t.special): _Sharing(t) for t in found}
    while True:  # until functions know what the others change in place, and let share memory
        before = {key: (set(s.changed), dict(s.groups)) for key, s in sharing.items()}
        for s in sharing.values():
            for call, target in s.calls:
                s.agree(sharing[id(call.fn.obj)], call, target)
        if before == {key: (s.changed, s.groups) for key, s in sharing.items()}:
            break
    return [_Parts(t, sharing[id(t.special)]).pair() for t in found]


class _Sharing:
    """Which variables of a function may share memory (a partition: `group`), and which may be changed in place."""

    def __init__(self, found: Tangents):
        self.found = found
        self.groups: dict[str, str] = {}
        self.changed: set[str] = set()
        self.calls: list[tuple[Call, Expr]] = []
        self.result: set[str] = set()
        for s in walk_all(found.function.body):
            self.see(s)

    def group(self, name: str) -> str:
        """The representative of the variables that may share memory with one."""
        while name in self.groups:
            name = self.groups[name]
        return name

    def join(self, names) -> None:
        groups = list(dict.fromkeys(map(self.group, names)))
        self.groups.update((name, groups[0]) for name in groups[1:])

    def may_change(self, names) -> bool:
        changed = set(map(self.group, self.changed))
        return any(self.group(n) in changed for n in names)

    def see(self, s: Node) -> None:
        """Notes which variables share memory because of a node of the program, and what is changed in place."""
        match s:
            case Assign(target=Tuple(elts=(target, _)), value=Call(fn=Ref(obj=Special() as callee), args=args) as call):
                self.calls.append((call, target))
                given = list(zip(callee.params, args))
                self.changed |= {root_id(x) for p, x in given if p in callee.written} - {None}
                if not callee.result.owned:
                    self.join([*names_in(target), *(n for _, x in given for n in held_by(x))])
            case Assign(target=target, value=value) | For(target=target, iter=value):
                if held_by(value):
                    self.join([*names_in(target), *held_by(value)])
                if not isinstance(target, (Name, Tuple)):
                    self.changed |= {root_id(target)} - {None}
            case AugAssign(target=target, value=value):
                self.join([n for n in (root_id(target), *held_by(value)) if n])
                self.changed |= {root_id(target)} - {None}
            case Delete(targets=targets):
                self.changed |= {n for t in targets for n in names_in(t)}
            case Return(value=Tuple(elts=(value, _))):
                self.result = held_by(value)
            case Call(fn=Ref(obj=Special())):
                pass
            case Call() if not is_harmless(s):
                parts = [*s.args, *(v for _, v in s.kwargs), *([s.fn.value] if isinstance(s.fn, Attribute) else [])]
                names = [n for x in parts for n in held_by(x)]
                self.join(names)
                self.changed.update(names)

    def agree(self, callee: _Sharing, call: Call, target: Expr) -> None:
        """Tells a function that is called here what of its arguments and of its result is changed afterwards, and one
        another which of the arguments share memory."""
        given = [(p, held_by(x)) for p, x in zip(callee.found.special.params, call.args)]
        for p, names in given:
            if self.may_change(names):
                callee.changed.add(p)
        for (p, names), (q, others) in itertools.combinations(given, 2):
            if callee.group(p) == callee.group(q):
                self.join([*names, *others])
            if {self.group(n) for n in names} & {self.group(n) for n in others}:
                callee.join([p, q])
        if self.may_change(names_in(target)):
            callee.changed |= callee.result


class _Parts:
    """The state of one division: `tapes` and `saved` are the variables that the second function gets from the first;
    `steady` those that have one value throughout, which it reads under their own names; `at_hand` are the indices of the
    loops around, which it has itself. `ahead` is the block of the first function that is being made, `taken` are the
    statements that come first in the second, and take values from tapes; `known` are the values that it has."""

    def __init__(self, found: Tangents, sharing: _Sharing):
        self.function, self.made, self.special, self.sharing = found.function, found.made, found.special, sharing
        self.names = Names(found.special.names.taken)
        self.tapes: dict[str, None] = {}
        self.saved: dict[str, None] = {}
        self.at_hand: set[str] = set()
        self.depth = 0
        self.is_guarded = False
        self.ahead: Block = []
        self.taken: Block = []
        self.known: dict[tuple, Expr] = {}
        self.counts = Counter(n for s in walk_all(self.function.body) for n in set_here(s))
        outer = {n for s in self.function.body if isinstance(s, Assign) for n in target_names(s.target)}
        params = {p.id for p in self.function.params}
        own = {n for n in params if n not in self.counts} | {n for n in outer - params if self.counts[n] == 1}
        self.steady = {n for n in own - self.made if not sharing.may_change([n])}

    def pair(self) -> tuple[Function, Function]:
        special, function = self.special, self.function
        count = len(special.params)
        dots = function.params[count:]
        *body, last = function.body
        push = self.block(body)
        saved = Name(self.names.new("saved"))
        if isinstance(last, Return):
            value, dot = last.value.elts
            dot = self.tangent(dot, held=True)
            push.append(Return(dot))
            kept = Tuple(tuple(map(Name, (*self.saved, *self.tapes))))
            self.ahead.append(replace(last, value=Tuple((value, kept))))
            unpack = [Assign(kept, saved)] if kept.elts else []
            push = [*unpack, *(Assign(Name(t), Call(symbol(iter), (Name(t),))) for t in self.tapes), *push]
        else:
            push = [last]
            self.ahead.append(last)
        ahead = [*(Assign(Name(t), List(())) for t in self.tapes), *self.ahead]
        of = ", ".join(p.id for p in dots)
        return (
            Function(
                f"{special.name}_linear", function.params[:count], tuple(ahead),
                f"The value of {special.title}, and what {special.name}_push needs.",
            ),
            Function(
                f"{special.name}_push", (Param(saved.id), *dots), tuple(push),
                f"The tangent of the value of {special.source.name}, linear in {of or 'nothing: it is zero'}.",
            ),
        )  # fmt: skip

    # -- statements ------------------------------------------------------------------------------------------------

    def moves(self, node: Node | None) -> bool:
        """Whether there is a tangent in a node."""
        return node is not None and any(isinstance(n, Name) and n.id in self.made for n in walk(node))

    def has_tangents(self, s: Stmt) -> bool:
        return self.moves(s) or any(is_tangent_call(n) for n in walk(s))

    def block(self, body) -> Block:
        """The part of the second function that belongs to `body`; that of the first goes to its end."""
        found: Block = []
        for s in body:
            outside, self.taken = self.taken, []
            back = self.statement(s)
            found += [*self.taken, *back]
            self.taken = outside
        return found

    def stay(self, *statements: Stmt) -> None:
        """Adds statements to the first function."""
        self.ahead += statements
        self.known.clear()

    def statement(self, s: Stmt) -> Block:
        if not self.has_tangents(s):
            self.stay(s)
            return []
        match s:
            case Assign(target=Tuple(elts=(target, dot_target)), value=Call(args=args) as call) if is_tangent_call(call):
                return self.invocation(s, target, dot_target, call, args)
            case Assign(target=Tuple(elts=targets), value=Tuple(elts=values)) if len(targets) == len(values):
                return self.together(s, targets, values)
            case Assign(target=target, value=value) if self.is_tangent(target):
                dot = self.tangent(value, held=not is_in_array(target))
                return [replace(s, target=self.place(target), value=dot)]
            case AugAssign(target=target, value=value) if self.is_tangent(target):
                return [replace(s, target=self.place(target), value=self.tangent(value, is_container(value)))]
            case ExprStmt(value=Call(fn=Attribute(value=owner, attr="append" | "pop")) as call) if self.is_tangent(owner):
                fn = replace(call.fn, value=self.place(owner))
                return [replace(s, value=replace(call, fn=fn, args=tuple(self.tangent(a, held=True) for a in call.args)))]
            case If():
                return self.branch(s)
            case For(orelse=()) | While(orelse=()):
                return self.loop(s)
            case With(items=items, body=body) if is_reentered(s) and not any(self.moves(c) for c, _ in items):
                again = tuple((map_children(c, self.value), t) for c, t in items)
                inside, back = self.inside(body)
                self.stay(replace(s, body=inside))
                return [replace(s, items=again, body=tuple(back))]
        raise Entangled

    def is_tangent(self, target: Expr) -> bool:
        """Whether what is set is a tangent, or in one."""
        if isinstance(target, Tuple):
            return all(map(self.is_tangent, target.elts))
        return root_name(target) in self.made

    def together(self, s: Assign, targets, values) -> Block:
        """`y, y_dot = v, v_dot`"""
        moving = [(t, self.tangent(v, held=True)) for t, v in zip(targets, values) if self.is_tangent(t)]
        still = [(t, v) for t, v in zip(targets, values) if not self.is_tangent(t)]
        if any(self.moves(n) for pair in still for n in pair):
            raise Entangled
        if still:
            left, right = zip(*still)
            self.stay(replace(s, target=one_or_tuple(left), value=one_or_tuple(right)))
        left, right = zip(*moving)
        return [replace(s, target=one_or_tuple(tuple(map(self.place, left))), value=one_or_tuple(right))]

    def invocation(self, s: Assign, target: Expr, dot_target: Expr, call: Call, args) -> Block:
        """`y, y_dot = h_tangent(x, x_dot)`: `y, saved = h_linear(x)`, and `y_dot = h_push(saved, x_dot)`."""
        callee: Special = call.fn.obj
        values, dots = args[: len(callee.params)], args[len(callee.params) :]
        if any(map(self.moves, values)):
            raise Entangled
        dots = tuple(self.tangent(d, held=True) for d in dots)
        saved = Name(self.names.new(f"{callee.name}_saved"))
        linear = Call(Ref(callee, f"{callee.name}_linear"), values, at=call.at)
        self.stay(replace(s, target=Tuple((target, saved)), value=linear))
        push = Call(Ref(callee, f"{callee.name}_push"), (self.hand_on(saved), *dots), at=call.at)
        return [replace(s, target=dot_target, value=push)]

    def inside(self, body) -> tuple[tuple[Stmt, ...], Block]:
        """The parts of both functions that belong to a block in a statement."""
        outside, self.ahead = self.ahead, []
        known, self.known = self.known, {}
        self.depth += 1
        back = self.block(body)
        self.depth -= 1
        made, self.ahead, self.known = tuple(self.ahead) or (Pass(),), outside, known
        return made, back

    def branch(self, s: If) -> Block:
        if self.moves(s.test):
            raise Entangled
        flag = Name(self.names.new("flag"), kind=kinds.BOOL)
        self.ahead.append(Assign(flag, s.test if isinstance(s.test, Compare) else Call(symbol(bool), (s.test,))))
        again = self.hand_on(flag)
        then, then_back = self.inside(s.body)
        other, other_back = self.inside(s.orelse)
        self.stay(replace(s, test=flag, body=then, orelse=other if s.orelse else ()))
        return [replace(s, test=again, body=tuple(then_back) or (Pass(),), orelse=tuple(other_back))]

    def loop(self, s: For | While) -> Block:
        """A loop: over the same range, else of as many passes."""
        if any(map(self.moves, (s.test,) if isinstance(s, While) else (s.target, s.iter))):
            raise Entangled
        steps = range_of(s)
        if steps is not None and self.counts[s.target.id] == 1 and not has_break(s.body):
            given = replace(steps, args=tuple(map(self.value, steps.args)))
            again = given if steps is s.iter else replace(s.iter, args=(given,))
            self.at_hand.add(s.target.id)
            body, back = self.inside(s.body)
            self.at_hand.discard(s.target.id)
            self.stay(replace(s, body=body))
            return [replace(s, iter=again, body=tuple(back))]
        if has_break(s.body[:-1]):
            raise Entangled
        passes = Name(self.names.new("passes"), kind=kinds.INT)
        body, back = self.inside(s.body)
        counted = replace(s, body=(AugAssign(passes, "+", Const(1)), *body))
        self.stay(Assign(passes, Const(0)), counted)
        return [For(Name("_"), Call(symbol(range), (self.hand_on(passes),)), tuple(back) or (Pass(),), at=s.at)]

    # -- values ----------------------------------------------------------------------------------------------------

    def hand_on(self, name: Name) -> Name:
        """Has the second function read what a variable of its own, of the first, has now."""
        if not self.depth:
            self.saved[name.id] = None
            return name
        return self.taped(name, name.id)

    def taped(self, e: Expr, base: str) -> Name:
        """Puts the value of `e` on a tape, from which the second function takes it into a variable."""
        tape = self.names.new(f"{base}_tape")
        self.tapes[tape] = None
        self.ahead.append(ExprStmt(Call(Attribute(Name(tape), "append"), (e,))))
        name = Name(self.names.new(base), kind=e.kind)
        self.taken.append(Assign(name, Call(symbol(next), (Name(tape),))))
        return name

    def keep(self, e: Expr) -> Name:
        """Has the first function keep the value that `e` has now; gives how the second reads it."""
        base = e.id if isinstance(e, Name) else base_name(e)
        last = copied(e) if self.sharing.may_change(held_by(e)) else e
        if self.depth:
            return self.taped(last, base)
        name = Name(self.names.new(base), kind=e.kind)
        self.ahead.append(Assign(name, last))
        return self.hand_on(name)

    def value(self, e: Expr) -> Expr:
        """How the second function reads the value of `e`, in which there is no tangent."""
        match e:
            case Const() | Ref():
                return e
            case Slice():
                return Slice(*(None if p is None else self.value(p) for p in (e.lower, e.upper, e.step)), kind=e.kind)
            case Starred(value=value):
                return replace(e, value=self.value(value))
            case Tuple(elts=elts) if any(isinstance(x, (Slice, Starred)) for x in elts):
                return replace(e, elts=tuple(map(self.value, elts)))
            case Name(id=name) if name in self.at_hand:
                return e
            case Name(id=name) if name in self.steady:
                self.saved[name] = None
                return e
        if is_literal(e) or self.at_hand and self.is_index(e):
            return e
        if any(isinstance(n, Walrus) or is_pop(n) for n in walk(e)):
            raise Entangled
        if self.is_guarded and isinstance(e, (Op, Call, Compare)):
            return map_children(e, self.value)
        key = key_of(e)
        if key is None:
            return self.keep(e)
        if key not in self.known:
            self.known[key] = self.keep(e)
        return self.known[key]

    def is_index(self, e: Expr) -> bool:
        """Whether `e` is a short sum of indices of loops and constants."""
        match e:
            case Op(op="+" | "-" | "*" | "neg"):
                return is_cheap(e) and all(map(self.is_index, e.args))
            case Name(id=name):
                return name in self.at_hand
        return isinstance(e, Const)

    # -- tangents --------------------------------------------------------------------------------------------------

    def place(self, target: Expr) -> Expr:
        """The place of a tangent, whose indices are values."""
        if isinstance(target, Tuple):
            return replace(target, elts=tuple(map(self.place, target.elts)))
        owner = inner(target)
        if owner is None:
            return target
        place = with_inner(target, self.place(owner))
        if isinstance(place, Subscript):
            return replace(place, index=self.value(place.index))
        if isinstance(place, Call):
            args = place.args if isinstance(place.fn, Attribute) else place.args[1:]
            new = tuple(map(self.value, args))
            return replace(place, args=new if isinstance(place.fn, Attribute) else (place.args[0], *new))
        return place

    def tangent(self, e: Expr, held: bool = False) -> Expr:
        """How the second function computes a tangent. If it is `held`, it is stored, and may be changed in place."""
        if not self.moves(e):
            found = self.value(e)
            return found if not held or is_unchanging(e) or isinstance(found, Const) else copied(replaced_kind(found, e))
        match e:
            case Name():
                return e
            case IfExp(test=test, body=body, orelse=orelse) if not self.moves(test):
                test, before, self.is_guarded = self.value(test), self.is_guarded, True
                body, orelse = self.tangent(body, held), self.tangent(orelse, held)
                self.is_guarded = before
                return replace(e, test=test, body=body, orelse=orelse)
            case Lambda() | Comprehension() | IfExp() | Logical() | Walrus() | FString() | Set():
                raise Entangled
            case Op():
                dot, factor = self.factored(e)
                if factor is None:
                    return replace(e, args=tuple(self.tangent(x, is_container(x)) for x in e.args))
                return Op("*", (self.tangent(dot), self.value(factor)), kind=e.kind)
            case Tuple() | List() | Dict() | Starred():
                return map_children(e, lambda x: self.tangent(x, held))
            case Attribute(value=value):
                return replace(e, value=self.tangent(value, held))
            case Subscript(value=value, index=index):
                return replace(e, value=self.tangent(value, held), index=self.index(index))
            case Call(fn=Ref(obj=Special())):
                raise Entangled
            case Call(fn=Ref() | Attribute() as fn, args=args, kwargs=kwargs):
                stored = not is_harmless(e)
                if isinstance(fn, Attribute):
                    fn = replace(fn, value=self.tangent(fn.value, stored))
                args = tuple(self.tangent(x, stored) for x in args)
                return replace(e, fn=fn, args=args, kwargs=tuple((k, self.tangent(v, stored)) for k, v in kwargs))
        raise Entangled

    def index(self, e: Expr) -> Expr:
        if self.moves(e):
            raise Entangled
        return self.value(e)

    def factored(self, e: Expr) -> tuple[Expr, Expr | None]:
        """A product as the tangent in it and the product of the rest, of `x_dot * a + x_dot * b` the sum `a + b`; None for
        the rest where the expression is left as it is."""
        match e:
            case Op(op="neg", args=(a,)):
                dot, factor = self.factored(a)
                return (e, None) if factor is None else (dot, negative(factor))
            case Op(op="*" | "/" as op, args=(a, b)) if self.moves(a) and not self.moves(b) and is_real_number(b):
                dot, factor = self.factored(a)
                if factor is not None:
                    return dot, Op(op, (factor, b))
                if op == "*" and not is_container(a):
                    bare = without_sign(a)
                    return (a, b) if bare is None else (bare, negative(b))
            case Op(op="*", args=(a, b)) if self.moves(b) and not self.moves(a) and is_real_number(a):
                dot, factor = self.factored(b)
                if factor is not None:
                    return dot, Op("*", (a, factor))
                if not is_container(b):
                    return b, a
            case Op(op="+" | "-" as op, args=(a, b)) if self.moves(a) and self.moves(b):
                (dot, one), (other, two) = self.factored(a), self.factored(b)
                if one is not None and two is not None and key_of(dot) == key_of(other) is not None:
                    return dot, Op(op, (one, two))
        return e, None


# ---------------------------------------------------------------------------------------------------------------
# Small questions


def set_here(s: Node) -> set[str]:
    """The variables that a statement itself sets, or deletes."""
    match s:
        case Assign(target=target) | For(target=target):
            return target_names(target)
        case AugAssign(target=Name(id=name)):
            return {name}
        case With(items=items):
            return {n for _, t in items if t is not None for n in target_list(t)}
        case Delete(targets=targets):
            return {n for t in targets for n in names_read(t)}
        case Def(function=function):
            return {function.name}
        case Import(names=names):
            return set(names)
    return set()


def names_in(e: Expr) -> set[str]:
    return {n.id for n in walk(e) if isinstance(n, Name)}


def root_id(place: Expr) -> str | None:
    """The variable, of the function or global, that a place is in."""
    root = root_of(place)
    return root.id if isinstance(root, (Name, Global)) else None


def held_by(e: Expr) -> set[str]:
    """The variables with which the value of `e`, or something in it, may share memory."""
    if is_unchanging(e):
        return set()
    return (aliases(e) | references(e) | {n.id for n in walk(e) if isinstance(n, Global)}) - {OUTSIDE}


def has_break(body) -> bool:
    """Whether there is a `break` in a block, that is of the loop which the block is in."""
    parts = [(s.body, s.orelse) if isinstance(s, If) else (s.body,) if isinstance(s, With) else () for s in body]
    return any(isinstance(s, Break) for s in body) or any(has_break(b) for blocks in parts for b in blocks)


def is_unchanging(e: Expr) -> bool:
    """Whether the value of `e` cannot be changed in place: a number, a text, a function."""
    if isinstance(e, (Const, Ref, Compare)):
        return True
    if isinstance(e, Attribute) and e.attr in CONSTANT_ATTRIBUTES:
        return True
    kind = plain(e.kind)
    return isinstance(kind, (Number, kinds.Nothing, kinds.Literal, kinds.Callee, kinds.Opaque))


def is_container(e: Expr) -> bool:
    """Whether `e` is a container, for which `+` and `*` mean something else than for numbers."""
    return isinstance(e, (Tuple, List, Dict)) or isinstance(plain(e.kind), (Items, Listing))


def is_real_number(e: Expr) -> bool:
    """Whether `e` is known to be made of floats, or is a number that is written out: products of those are floats."""
    match e:
        case Const(value=value):
            return isinstance(value, (int, float, complex))
        case Op(op="+" | "-" | "*" | "/" | "neg", args=args):
            return all(map(is_real_number, args))
        case Subscript(value=value) | Attribute(value=value, attr="T" | "real" | "imag") if e.kind is None:
            return is_real_number(value) and not isinstance(value, Const)
        case Call(fn=Ref(obj=np.ufunc()), args=args, kwargs=()):
            return all(map(is_real_number, args))
    kind = plain(e.kind)
    if isinstance(kind, Array):
        return kind.dtype is not None and kind.dtype.kind in "fc"
    return isinstance(kind, Number) and kind.type not in ("int", "bool")


def is_literal(e: Expr) -> bool:
    """Whether `e` is made of constants that are written out."""
    return isinstance(e, Const) or isinstance(e, Op) and all(map(is_literal, e.args))


def negative(e: Expr) -> Expr:
    match e:
        case Const(value=value):
            return Const(-value)
        case Op(op="neg", args=(a,)):
            return a
        case Op(op="*" | "/", args=(a, b)):
            return Op(e.op, (negative(a), b), kind=e.kind)
    return Op("neg", (e,), kind=e.kind)


def is_harmless(e: Call) -> bool:
    """Whether a call neither keeps nor changes what it gets."""
    if isinstance(e.fn, Ref) and isinstance(e.fn.obj, type(next)) and getattr(builtins, e.fn.obj.__name__, None) is e.fn.obj:
        return e.fn.obj not in (next, setattr, delattr)
    if isinstance(e.fn, Ref) and e.fn.obj in (range, zip, enumerate, reversed, tuple, list, float, int, bool, complex, str):
        return True
    applied = function_of(e)
    if applied is None or isinstance(applied[0], str):
        return applied is not None
    return registry.find(applied[0]) is not None or kinds.is_pure(applied[0]) or is_in(applied[0], MAKE_NEW)


MAKE_NEW = {runtime.still, runtime.widened, runtime.zeros_like, runtime.captured, runtime.duplicate, registry.apply_jvp}
"""Helpers that change nothing, and have no rule."""


def is_in_array(target: Expr) -> bool:
    """Whether what is assigned to a place is copied into an array."""
    return isinstance(target, Subscript) and isinstance(plain(target.value.kind), Array)


def is_tangent_call(e: Node) -> bool:
    return isinstance(e, Call) and isinstance(e.fn, Ref) and isinstance(e.fn.obj, Special) and e.fn.text.endswith("_tangent")


def is_reentered(s: With) -> bool:
    """Whether a `with` only sets how NumPy computes."""
    return all(
        t is None and isinstance(c, Call) and isinstance(c.fn, Ref) and is_in(c.fn.obj, REENTERED) for c, t in s.items
    )


def range_of(s: For | While) -> Call | None:
    """The call of `range` that a loop goes through, if it does, in either direction."""
    match s:
        case For(target=Name(), iter=Call(fn=Ref(obj=builtins.range)) as steps):
            return steps
        case For(target=Name(), iter=Call(fn=Ref(obj=builtins.reversed), args=(Call(fn=Ref(obj=builtins.range)) as steps,))):
            return steps
    return None


def copied(e: Expr) -> Expr:
    """A copy of a value, at any depth."""
    if isinstance(e.kind, Array):
        return Call(Attribute(e, "copy"), (), kind=e.kind)
    return Call(symbol(runtime.duplicate), (e,), kind=e.kind)


def replaced_kind(e: Expr, like: Expr) -> Expr:
    return e if e.kind is not None else replace(e, kind=like.kind)


def one_or_tuple(items: tuple[Expr, ...]) -> Expr:
    return items[0] if len(items) == 1 else Tuple(items)


def key_of(e: Node) -> tuple | None:
    """What is equal for expressions with the same text; None for one that may have another value each time."""
    if isinstance(e, (Lambda, Comprehension, FString)) or isinstance(e, Call) and not is_harmless(e):
        return None
    parts = tuple(map(key_of, children(e)))
    if None in parts:
        return None
    own = [
        (name, repr(v)) for name, v in vars(e).items()
        if name in e.__match_args__ and (v is None or name not in e._below) and name != "obj"
    ]  # fmt: skip
    return type(e), *own, *(k for k, _ in getattr(e, "kwargs", ())), *parts
