"""The compiler on one page: from a function and the kinds of its arguments to compiled derivative functions.

read → lower → normalise          a function's text as core, with one exit and one variable a value
     → specialise                 every expression with its kind; loops, calls and branches made plain
     → reverse                    the forward and the reverse sweep, with only what is needed saved
     → build                      text, and functions that run in the user's namespace
"""

from __future__ import annotations

import linecache
import threading
import types
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

from srcad.analysis import kinds as kinds_
from srcad.analysis.effects import check_generators, check_reruns
from srcad.analysis.kinds import Array, Kind, Items, Number, is_complex, is_float, kind_of, plain
from srcad.analysis.operations import python_value
from srcad.analysis.specialise import Program, Special, Value, as_argument, is_generated, lookup
from srcad.backend.build import Generated, Module, build
from srcad.core.names import Names
from srcad.core.nodes import (
    Assign,
    Attribute,
    AugAssign,
    Call,
    Const,
    Expr,
    ExprStmt,
    Function,
    Name,
    Node,
    Op,
    Param,
    Ref,
    Return,
    Stmt,
    Subscript,
    Tuple,
    map_children,
    reference,
    walk,
)
from srcad.errors import KindError, Listing, Origin, Unsupported
from srcad.frontend.lower import lower
from srcad.frontend.source import read
from srcad.options import current
from srcad.runtime import kept
from srcad.transform.algebra import negated
from srcad.transform.primal import primals
from srcad.frontend.normalise import normalise
from srcad.transform.liveness import Sweep
from srcad.transform.apart import apart, writes_into_arrays
from srcad.transform.reverse import Pair, reverse

LOCK = threading.RLock()
_lowered: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def function_of(fun: types.FunctionType) -> Function:
    """The normalised core of a function, read once for each state of its code."""
    known = _lowered.get(fun)
    if known is None or known[0] is not fun.__code__ or not all(holds(r) for r in known[2]):
        try:
            function = normalise(lower(read(fun)))
        except RecursionError:
            code = fun.__code__
            listing = Listing(
                code.co_filename, linecache.getlines(code.co_filename), fun.__name__, f"{fun.__name__}(…)"
            )
            raise Unsupported(
                Origin(listing, code.co_firstlineno, 0, code.co_firstlineno, 0),
                f"{fun.__qualname__} has an expression that is nested too deeply to be read",
                hint="Divide it into several statements, or write the sum as a loop.",
            ) from None
        known = _lowered[fun] = fun.__code__, function, references(fun, function)
    return known[1]


def lift(function: Function, owner: types.FunctionType) -> types.FunctionType:
    """A function from core, that runs in the namespace of `owner`."""
    made = build(function.name, [Generated(function, owner)], "lifted").functions[function.name]
    made.__defaults__ = tuple(python_value(p.default) for p in function.params if p.default is not None)
    _lowered[made] = made.__code__, function, references(made, function)
    return made


def references(fun: types.FunctionType, function: Function) -> list[tuple]:
    """What the names of a function meant when it was read: (function, root name, attributes, object)."""
    found = {}
    for node in walk(function):
        if isinstance(node, Ref):
            root, *attributes = node.text.split(".")
            bound, value = lookup(fun, root)
            if bound and not is_fixed(value):
                found[node.text] = (fun, root, tuple(attributes), node.obj)
            elif bound and isinstance(value, types.ModuleType):
                found[root] = (fun, root, (), value)
    return list(found.values())


def is_fixed(value) -> bool:
    """Whether the attributes of a module are taken to stay as they are."""
    return isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] in ("numpy", "math", "cmath", "scipy")


def holds(reference: tuple) -> bool:
    """Whether a name still means what it did."""
    fun, root, attributes, obj = reference
    bound, value = lookup(fun, root)
    for attribute in attributes:
        value = getattr(value, attribute, None)
    return bound and (value is obj or isinstance(value, types.BuiltinMethodType) and value == obj)


@dataclass
class Compiled:
    """The derivative of one function for one set of kinds; `forward` and `adjoint` are the two sweeps as functions,
    `gradient` and `value_and_gradient` both in one."""

    special: Special
    module: Module
    params: tuple[str, ...]
    varied: tuple[str, ...]
    result: Value
    guards: list[tuple]
    references: list[tuple]
    inner: list[Compiled] = field(default_factory=list)
    codes: list[tuple] = field(default_factory=list)

    @property
    def forward(self):
        return self.module.functions[f"{self.special.name}_forward"]

    @property
    def adjoint(self):
        return self.module.functions[f"{self.special.name}_adjoint"]

    @property
    def gradient(self):
        return self.module.functions[f"{self.special.name}_grad"]

    @property
    def value_and_gradient(self):
        return self.module.functions[f"{self.special.name}_value_and_grad"]

    def is_current(self) -> bool:
        """Whether all that the compilation relied on still holds: helpers, captured variables, kinds of globals."""
        return (
            all(fun.__code__ is code for fun, code in self.codes)
            and all(map(holds, self.references))
            and all(same_kind(owner, name, kind) for owner, name, kind in self.guards)
            and all(compiled.is_current() for compiled in self.inner)
        )


def is_ours(fun: types.FunctionType) -> bool:
    """Whether a function is part of srcad, or was generated by it: these do not change."""
    return (fun.__module__ or "").startswith("srcad.") or fun.__code__.co_filename.startswith("<srcad ")


def same_kind(owner, name: str, kind: Kind) -> bool:
    if isinstance(owner, types.FunctionType):
        found, value = lookup(owner, name)
    else:
        found, value = hasattr(owner, name), getattr(owner, name, None)
    return found and kind_of(value, ("global", name)) == kind


def compile_gradient(
    fun: types.FunctionType, kinds: list[Kind], varied: list[bool], *, scalar: bool = True, memory: int | None = None
) -> Compiled:
    """The derivative of `fun` for arguments of these kinds, with respect to those that are `varied`; with `memory`, each
    loop keeps no more bytes than that.

    Raises a SrcadError that names the line and the construct where something cannot be differentiated.
    """
    with LOCK:
        program = Program(function_of, lift, memory=memory)
        source = function_of(fun)
        values = [as_argument(k, v or not current().activity) for k, v in zip(kinds, varied)]
        special = program.special(fun, (), values, is_root=True)
        check_reruns(program, special)
        check_generators(program)
        special.asked = [p for p, k, v in zip(special.params, kinds, varied) if as_argument(k, v).varied]
        if program.problems:
            raise Unsupported.of(program.problems)
        check_result(fun, special, scalar)
        specials = [*program.specials.values()]
        if writes_into_arrays(specials):
            for each in specials:
                each.body = apart(each.body, each is special)
        pairs = reversed_pairs(special, program)
        generated = []
        for pair in pairs:
            forms = {form for made, form in program.forms if made == id(pair.special)}
            made = [again(pair)] if "again" in forms else []
            made += [forward(pair)] if forms & {"pair", "forward"} else []
            made += [adjoint(pair)] if "pair" in forms else []
            generated += [Generated(f, pair.special.owner) for f in made]
        generated = [Generated(f, s.owner) for s, f in primals(program, list(program.specials.values()))] + generated
        if scalar:
            root = pairs[-1]
            generated += [Generated(joined(root, True), fun), Generated(joined(root, False), fun)]
        module = build(special.name, generated)
        known = [r for s in [source] for r in _lowered[fun][2]]
        for s in program.specials.values():
            if s.owner in _lowered:
                known += [r for r in _lowered[s.owner][2] if r not in known]
        owners = {id(s.owner): s.owner for s in (special, *program.specials.values())}
        codes = [(owner, owner.__code__) for owner in owners.values() if not is_ours(owner)]
        guards = [(owner, name, kind) for (owner, name), kind in program.guards.items()]
        return Compiled(
            special,
            module,
            special.params,
            tuple(special.asked),
            special.result,
            guards,
            known,
            program.inner,
            codes,
        )


def check_result(fun, special: Special, scalar: bool) -> None:
    kind = plain(special.result.kind)
    where = special.source.at
    if not scalar:
        return
    if isinstance(kind, (Number, Array)) and is_complex(kind):
        raise KindError(
            where,
            f"the gradient needs a function that returns one real number; {special.source.name} returns a complex one",
            hint="Return a real number made of it, as `abs(z)**2` or `z.real`, or use vjp, which takes a complex adjoint.",
        )
    is_whole = isinstance(kind, Number) and kind.type in ("bool", "int")
    if is_whole and special.varied_params and not is_generated(fun):  # a gradient of srcad's is `len(xs)` for 1.0 * len(xs)
        raise KindError(
            where,
            f"{special.source.name} returns an integer or a truth value, which has no derivative",
            hint="Return a float.",
        )
    if isinstance(kind, (Items, kinds_.Listing)) or isinstance(kind, Array) and kind.rank not in (0, None):
        what = f"an array of rank {kind.rank}" if isinstance(kind, Array) else f"a {kind.cls.__name__}"
        raise KindError(
            where,
            f"the gradient needs a function that returns one number; {special.source.name} returns {what}",
            hint="Sum it up to one number, use vjp for a vector of results, or has_aux=True to return more.",
        )


def reversed_pairs(special: Special, program: Program) -> list[Pair]:
    """The two sweeps of a function and of all that it calls, callees first."""
    callees_first = [*(s for s in program.specials.values() if s is not special), special]
    for s in callees_first:
        if s.recursive:
            s.restored = set(s.written)
        elif s.written:  # does its adjoint read what it has written into?
            names = set(s.names.taken)
            trial = reverse(s, program)
            s.unread, s.spoiled = set(trial.unread), set(trial.spoiled)
            s.names.taken = names
    for s in callees_first:
        if not s.recursive:
            s.restored = set()
    program.needed, program.forms = set(), set()
    program.need(special, "pair")
    for node in (n for s in callees_first for part in s.body for n in walk(part)):
        if isinstance(node, Ref) and isinstance(node.obj, Special):  # what one pass keeps is measured
            program.need(node.obj, "forward")
    done: dict[int, Pair] = {}
    while True:
        todo = [s for s in reversed(callees_first) if id(s) in program.needed and id(s) not in done]
        if not todo:
            break
        done[id(todo[0])] = reverse(todo[0], program)
    order = [s for s in callees_first if id(s) in done and s is not special]
    for s in order:  # does its adjoint write into what it is lent?
        inner = {n for n, callee, p in lendings(done[id(s)]) if p in callee.disturbed or callee.recursive}
        s.disturbed = set(s.written) if s.recursive else (changed(done[id(s)].adjoint) | inner) & set(s.shared)
    return [done[id(s)] for s in order] + [done[id(special)]]


def lendings(pair: Pair) -> list[tuple[str, Special, str]]:
    """What an adjoint lends of the memory of its own variables: the variable, to whom, as which parameter."""
    sweeps = [n for s in pair.adjoint for n in walk(s) if isinstance(n, Sweep)]
    return [(name, sweep.callee, p) for sweep in sweeps for p, name in sweep.lent]


# ---------------------------------------------------------------------------------------------------------------
# The functions of a pair


def forward(pair: Pair) -> Function:
    """`f_forward(args) -> (value, saved)`"""
    special = pair.special
    saved = Tuple(tuple(Name(n) for n in pair.saved))
    body = (*pair.forward, Return(Tuple((pair.result, saved))))
    if (
        not isinstance(pair.forward[-1] if pair.forward else None, type(None))
        and type(pair.forward[-1]).__name__ == "Raise"
    ):
        body = pair.forward
    doc = f"Forward sweep of {special.title}; returns its result and what {special.name}_adjoint needs."
    return Function(f"{special.name}_forward", tuple(Param(p) for p in special.params), body, doc)


def adjoint(pair: Pair) -> Function:
    """`f_adjoint(saved, result_bar) -> adjoints of the arguments`"""
    special = pair.special
    saved = Name("saved") if "saved" not in special.names.taken else Name(special.names.new("saved"))
    unpack: tuple[Stmt, ...] = ()
    if pair.saved:
        unpack = (Assign(Tuple(tuple(Name(n) for n in pair.saved)), saved),)
    lent = {n: True for n, callee, p in pair.lent if p in callee.disturbed}
    copies = [
        Assign(
            Name(n),
            Call(reference(kept), (Name(n),)) if deep else Call(Attribute(Name(n), "copy"), ()),
        )
        for n, deep in (*pair.used_up, *lent.items())
        if n not in pair.objects
    ]
    objects = Tuple(tuple(map(Name, pair.objects)))
    if objects.elts:  # together, since what is in two of them is to stay so
        copies.append(Assign(objects, Call(reference(kept), (objects,))))
    wanted = ", ".join(p for p in special.params if p in special.varied_params or p in special.shadowed)
    doc = f"Reverse sweep of {special.source.name}: the adjoint of {wanted} from that of its result."
    if not wanted:
        doc = f"Reverse sweep of {special.source.name}: brings back what it has overwritten."
    body = (*unpack, *copies, *pair.adjoint, Return(one_or_tuple(pair.adjoints)))
    params = (saved.id, pair.seed, *special.shared, *pair.shadows)
    return Function(f"{special.name}_adjoint", tuple(map(Param, params)), body, doc)


def again(pair: Pair) -> Function:
    """`f_again(args, result_bar) -> adjoints of the arguments`: both sweeps, of a function that is run again for this."""
    special, ahead = pair.special, list(pair.forward)
    read = {n.id for part in (*pair.adjoint, *pair.adjoints) for n in walk(part) if isinstance(n, Name)}
    while ahead and isinstance(ahead[-1], Assign) and not read & changed((ahead[-1],)):
        ahead.pop()  # what only the result is made of
    body = (*ahead, *pair.adjoint, Return(one_or_tuple(pair.adjoints)))
    doc = f"{special.source.name}, run once more, and back: the adjoints of its arguments from that of its result."
    params = (*special.params, pair.seed, *pair.shadows)
    return Function(f"{special.name}_again", tuple(map(Param, params)), body, doc)


def joined(pair: Pair, with_value: bool) -> Function:
    """Both sweeps in one function, for a result that is one number: what is saved become its local variables."""
    special = pair.special
    seeded = tuple(simplified(seed_with_one(s, pair.seed)) for s in pair.adjoint)
    adjoints = tuple(simplified(seed_with_one(e, pair.seed)) for e in pair.adjoints)
    gradient = one_or_tuple(adjoints)
    body: tuple[Stmt, ...]
    name = f"{special.name}_value_and_grad" if with_value else f"{special.name}_grad"
    if with_value:
        result = Name(Names(special.names.taken).new("result"))
        keep = isinstance(pair.result, Const) or isinstance(pair.result, Name) and pair.result.id not in changed(seeded)
        value = pair.result if keep else result
        first = () if keep else (Assign(result, pair.result),)
        body = (*pair.forward, *first, *seeded, Return(Tuple((value, gradient))))
        doc = f"The value and the gradient of {special.title}."
    else:
        body = (*pair.forward, *seeded, Return(gradient))
        doc = f"The gradient of {special.title}: both sweeps in one."
    return Function(name, tuple(Param(p) for p in special.params), body, doc)


def changed(body: tuple[Stmt, ...]) -> set[str]:
    """The variables that statements set, or write into."""
    found = set()
    for node in (n for s in body for n in walk(s)):
        match node:
            case Assign(target=target) | AugAssign(target=target):
                found |= {n.id for n in walk(target) if isinstance(n, Name)}
            case Call(fn=Attribute(value=owner, attr="append" | "pop")):
                found |= {n.id for n in walk(owner) if isinstance(n, Name)}
            case ExprStmt(value=Call(args=args, kwargs=kwargs)):  # put_back(x, old), np.add.at(x, i, v), out=x
                written = (*args[:1], *(v for k, v in kwargs if k == "out"))
                found |= {n.id for e in written for n in walk(e) if isinstance(n, Name)}
    return found


def selection(name: str, compiled: Compiled, fun, picks: list[tuple[str, Any]], as_tuple: bool) -> types.FunctionType:
    """The gradient with only the adjoints that `picks` names: (parameter, item of it or None), in this order."""
    bars = {p: Name(f"{p}_bar") for p in compiled.varied}
    called = Call(Ref(compiled.gradient, compiled.gradient.__name__), tuple(Name(p) for p in compiled.params))
    items = tuple(bars[p] if item is None else Subscript(bars[p], Const(item)) for p, item in picks)
    body = (Assign(one_or_tuple(tuple(bars.values())), called), Return(Tuple(items) if as_tuple else items[0]))
    function = Function(name, tuple(Param(p) for p in compiled.params), body, f"Part of {compiled.gradient.__name__}.")
    return build(name, [Generated(function, fun)]).functions[name]


def one_or_tuple(items: tuple[Expr, ...]) -> Expr:
    return items[0] if len(items) == 1 else Tuple(items)


def seed_with_one(node: Node, seed: str) -> Node:
    if isinstance(node, Name):
        return Const(1.0) if node.id == seed else node
    return map_children(node, lambda n: seed_with_one(n, seed))


def simplified(node: Node) -> Node:
    """A node without products with the number 1."""
    if not current().simplification:
        return node
    node = map_children(node, simplified)
    match node:
        case Op(op="+" | "-" | "*" | "/", args=args) if any(without_one(a) is not a for a in args):
            return simplified_once(replace(node, args=tuple(map(without_one, args))))
        case AugAssign(value=value) if without_one(value) is not value:
            return replace(node, value=without_one(value))
    return simplified_once(node)


def without_one(e: Expr) -> Expr:
    """`x` of `1.0 * x`, an array of floats, where it is only read."""
    match e:
        case Op(op="*", args=(Const(value=1.0), Expr(kind=Array(dtype=dtype)) as x)) if dtype.kind == "f":
            return x
    return e


def simplified_once(node: Node) -> Node:
    """A node of whose parts that is true without a product with the number 1."""
    match node:
        case Assign(value=Op(op="*", args=(Const(value=1.0), Name(kind=Array(dtype=dtype)) as x))) if dtype.kind == "f":
            return replace(node, value=Call(Attribute(x, "copy"), ()))
        case Op(op="neg", args=(Const(value=float() as value),)):
            return Const(-value)
        case Op(op="*", args=(Const(value=1.0), Const(value=int() as value))):
            return Const(float(value))
        case Op(op="*", args=(Const(value=1.0), x)) | Op(op="*", args=(x, Const(value=1.0))) if is_new(x):
            return x
        case Op(op="*", args=(Const(value=-1.0), x)) if is_new(x):
            return negated(x)
    return node


def is_new(e: Expr) -> bool:
    """Whether the value of `e` is of floats and shares no memory with a variable."""
    if isinstance(e, Op):
        return is_of_floats(e)
    return isinstance(plain(e.kind), Number) and is_of_floats(e)


def is_of_floats(e: Expr) -> bool:
    """Whether a value is known to be a float, or an array of them."""
    match e:
        case Const(value=value):
            return isinstance(value, float)
        case Op(op=op, args=args):
            return op == "/" or op in ARITHMETIC and any(map(is_of_floats, args))
        case Name(kind=kind) | Subscript(kind=kind) | Attribute(kind=kind):
            kind = plain(kind)
            return isinstance(kind, (Array, Number)) and is_float(kind) and not getattr(kind, "mixed", False)
    return False


ARITHMETIC = ("+", "-", "*", "@", "**", "neg")
