"""The tangents of the parts of a statement's expressions: its operations, by their rules, and its containers."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Callee, Items, Kind, Listing, Number, Unknown, is_float, plain
from srcad.analysis.operations import (
    CONSTANT_ATTRIBUTES, Operation, Refused, function_of, operation, python_value,
)
from srcad.core.names import Names
from srcad.core.nodes import (
    Assign, Attribute, Call, Comprehension, Const, Dict, Expr, Global, IfExp, Lambda, List, Logical, Name, Node, Op,
    Ref, Slice, Starred, Stmt, Subscript, Tuple, Undecided, children, lift, map_children, walk, walk_own,
)
from srcad.rules import registry
from srcad.transform.algebra import product, total, without_sign
from srcad.transform.fields import in_field, is_complex_kind
from srcad.transform.reverse import (
    OP_NAMES, called_name, positional_and_keyword, describe, is_linear_pullback, is_unbroadcast, item, missing, node_count,
    shape_of, symbol,
)

Block = list[Stmt]

LONG = 14
"""How many nodes the tangent of a part of an expression may have without getting a name,"""
SHORT = 6
"""and how many if the part itself has one."""


class DotNames:
    """The variables of a function that hold tangents: `known` by the variable that each belongs to, `made` all of them.

    `nested` are the names of nested functions: their tangents are those of the variables that they capture; `is_complex`
    says that there are complex numbers in the program.
    """

    def __init__(self, names: Names, nested: set[str], is_complex: bool):
        self.names, self.nested, self.is_complex = names, nested, is_complex
        self.known: dict[str, str] = {}
        self.made: set[str] = set()

    def of(self, name: str) -> str:
        """The variable that holds the tangent of variable `name`."""
        if name not in self.known:
            self.known[name] = self.new(f"{name}_dot")
        return self.known[name]

    def new(self, base: str) -> str:
        """A new variable for a tangent."""
        name = self.names.new(base)
        self.made.add(name)
        return name


class Parts:
    """The tangents of the parts of one statement's expressions.

    While the rules run, stand-ins are used for what is decided afterwards, when all of them have been seen: `?3` for
    the value of a part (which is computed anew if that is cheap, else named), `!3` for its tangent (which is pasted in
    if it is short and read once, else named).
    """

    def __init__(self, names: DotNames):
        self.names = names
        self.sources: dict[str, Expr] = {}
        self.tangents: dict[str, Expr] = {}
        self.number: dict[int, int] = {}
        self.kept: set[str] = set()

    def key(self, e: Expr, sign: str) -> str:
        return f"{sign}{self.number.setdefault(id(e), len(self.number))}"

    # -- values ----------------------------------------------------------------------------------------------------

    def value(self, e: Expr) -> Expr:
        """A stand-in for the value of `e`."""
        if isinstance(e, (Const, Ref, Global, Name)):
            return e
        if isinstance(e, Slice):
            return Slice(*(None if p is None else self.value(p) for p in (e.lower, e.upper, e.step)), kind=e.kind)
        if isinstance(e, (Tuple, List)):
            return replace(e, elts=tuple(map(self.value, e.elts)))
        if isinstance(e, Starred):
            return replace(e, value=self.value(e.value))
        key = self.key(e, "?")
        self.sources[key] = e
        return Name(key, kind=e.kind, varied=e.varied)

    def argument(self, e):
        """An argument as a rule gets it: a Python value if it is written out, else a stand-in."""
        if isinstance(e, tuple):
            return tuple(map(self.argument, e))
        if not e.varied:
            try:
                return python_value(e)
            except ValueError:
                pass
        return self.value(e)

    # -- tangents --------------------------------------------------------------------------------------------------

    def dot_or_zero(self, e: Expr) -> Expr:
        """The tangent of `e`, zeros in its structure where it is constant."""
        match e:
            case Tuple() | List() if not any(isinstance(x, Starred) for x in e.elts):
                return replace(e, elts=tuple(map(self.dot_or_zero, e.elts)))
            case Dict() if all(k is not None for k in e.keys):
                return replace(e, values=tuple(map(self.dot_or_zero, e.values)))
        return self.dot(e) if e.varied else zero(self.value(e), e.kind)

    def dot(self, e: Expr) -> Expr:
        """The tangent of a varied expression: a variable, a container of them, or a stand-in."""
        kind = plain(e.kind)
        match e:
            case Name(id=name) if name not in self.names.nested:
                return Name(self.names.of(name), kind=e.kind)
            case Name() | Lambda():
                values = dict(e.kind.extra)
                held = [(Const(n), self.dot(Name(n, kind=values[n].kind, varied=True))) for n in captured(e)]
                return Dict(tuple(k for k, _ in held), tuple(v for _, v in held))
            case Call(fn=Ref(obj=runtime.captured), args=(function, Const() as key)):
                return item(self.dot(function), key.value)
            case Tuple() | List() | Dict():
                return self.dot_or_zero(e)
            case Starred(value=value):
                return self.dot(value)
            case Call(fn=Ref(obj=cls), args=args) if isinstance(kind, Items) and cls is kind.cls:
                return replace(e, args=tuple(map(self.dot_or_zero, args)))
            case Subscript(value=value, index=index) if isinstance(plain(value.kind), (Items, Listing)):
                return replace(e, value=self.dot(value), index=self.value(index))
            case Attribute(value=value, attr=attr) if isinstance(plain(value.kind), Items):
                cls = plain(value.kind).cls
                if cls.__module__.partition(".")[0] in ("numpy", "scipy"):  # a rule gives a plain tuple for theirs
                    return item(self.dot(value), cls._fields.index(attr))
                return replace(e, value=self.dot(value))
            case Op(op="+", args=(a, b)) if isinstance(kind, (Items, Listing)):
                return replace(e, args=(self.dot_or_zero(a), self.dot_or_zero(b)))
            case Op(op="*", args=args) if isinstance(kind, (Items, Listing)):
                return replace(e, args=tuple(self.dot(a) if a.varied else self.value(a) for a in args))
            case Call(fn=Ref(obj=runtime.duplicate), args=(value,)):
                return Call(e.fn, (self.dot(value),))
            case Call(fn=Attribute(value=value, attr="copy")) if isinstance(plain(value.kind), (Items, Listing)):
                return replace(e, fn=replace(e.fn, value=self.dot(value)))
            case Call(fn=Ref(obj=runtime.own | runtime.kept), args=(value,)) if isinstance(kind, (Items, Listing)):
                return replace(e, args=(self.dot(value),))
            case Call() if is_pop(e):
                raise missing(e, "`.pop()` within an expression has no derivative", "Give the item a name first.")
        key = self.key(e, "!")
        if key not in self.tangents:
            self.sources[key] = e
            self.tangents[key] = self.in_field_of(e, self.applied(e))
        return Name(key, kind=e.kind)

    def in_field_of(self, e: Expr, dot: Expr) -> Expr:
        """A tangent of the value of `e`: a real one if that is real, a complex one if it is complex."""
        wanted = is_complex_kind(e.kind) if self.names.is_complex else None
        return dot if wanted is None else in_field(dot, wanted)

    def applied(self, e: Expr) -> Expr:
        """The tangent of an operation, by its rule."""
        if is_linear_pullback(e):
            name, k, y_bar, *rest = e.args
            return replace(e, args=(name, k, self.dot_or_zero(y_bar), *map(self.value, rest)))
        try:
            found = operation(e)
        except (Refused, registry.Refused) as refused:
            raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
        if found is None or found.rule.jvp is None:
            raise missing(e, f"{describe(e)} has no derivative rule")
        operands = (e, *(x for _, _, x in found.data)) if self.names.is_complex else ()
        try:
            if any(kinds.is_complex(x.kind) for x in operands):
                found.rule.is_turned()
        except registry.Refused as refused:
            raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
        match found.rule.jvp:
            case "linear":
                return self.linear(e, found)
            case "multilinear":
                return total([self.with_dots(e, {id(x): self.dot(x)}) for _, _, x in found.data if x.varied])
        if any(isinstance(x.kind, Unknown) for x in operands):  # it may be complex
            return self.at_run_time(e, found)
        try:
            return self.elementwise(e, found) if found.rule.jvp == "partials" else self.by_rule(e, found)
        except (Undecided, TypeError, AttributeError, IndexError):  # what a rule for arrays makes of symbols
            return self.at_run_time(e, found)
        except registry.Refused as refused:
            raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None

    def linear(self, e: Expr, found: Operation) -> Expr:
        """The function of the tangents; that of its one argument where it changes nothing but the type."""
        data = [x for _, _, x in found.data]
        if found.rule.fn is np.ndarray.item and isinstance(plain(data[0].kind), Number):
            return self.dot(data[0])
        return self.with_dots(e, {id(x): self.dot_or_zero(x) for x in data})

    def with_dots(self, e: Expr, dots: dict[int, Expr]) -> Expr:
        """`e` with the tangents of some of its arguments in place of their values."""

        def changed(x: Expr) -> Expr:
            if id(x) in dots:
                return dots[id(x)]
            if isinstance(x, (Tuple, List)):
                return replace(x, elts=tuple(map(changed, x.elts)))
            return self.value(x)

        match e:
            case Op(args=args):
                return replace(e, args=tuple(map(changed, args)))
            case Subscript(value=value, index=index):
                return replace(e, value=changed(value), index=changed(index))
            case Attribute(value=value) if not isinstance(plain(value.kind), Array):
                return Call(symbol(function_of(e)[0]), (changed(value),))  # 0.0 has no attributes
            case Attribute(value=value):
                return replace(e, value=changed(value))
        args, kwargs = tuple(map(changed, e.args)), tuple((k, changed(v)) for k, v in e.kwargs)
        if not isinstance(e.fn, Attribute):
            return replace(e, args=args, kwargs=kwargs)
        owner = changed(e.fn.value)
        if not isinstance(plain(e.fn.value.kind), (Array, kinds.Opaque)):  # 0.0 has no methods
            function, operands, _ = function_of(e)
            if not hasattr(function, "__objclass__"):
                return replace(e, fn=symbol(function), args=tuple(map(changed, operands)), kwargs=kwargs)
            owner = Call(symbol(np.asarray), (owner,))
        return replace(e, fn=replace(e.fn, value=owner), args=args, kwargs=kwargs)

    def elementwise(self, e: Expr, found: Operation) -> Expr:
        """The sum of the tangents of the operands, each times the partial derivative, in the shape of the result."""
        rule, y = found.rule, self.value(e)
        arguments = {name: self.argument(value) for name, value in found.arguments.items()}
        data = [Const(d) if type(d) in (int, float) else d for d in (arguments[n] for n in rule.data if n in arguments)]
        terms, read, moving = [], set(), set()
        for k, _, x in found.data:
            if not x.varied or rule.partials[k] is None:
                continue
            local = lift(rule.partials[k](y, *data))
            if isinstance(local, Const) and local.value == 0:
                continue
            terms.append(product(self.dot(x), local))
            read |= set(map(id, values_in(local)))
            moving.add(k)
        if not terms:
            return zero(y, e.kind)
        whole = total(terms)
        where = arguments.get("where", True)
        if where is not True:
            whole = registry.masked(whole, where)
        wide = [(k, x) for k, _, x in found.data if plain(x.kind).rank != 0]
        seen = [x for k, x in wide if k in moving or id(arguments[rule.data[k]]) in read]
        if id(y) in read or len(seen) == len(wide) or any(is_unbroadcast(x.kind, e.kind, found) for x in seen):
            return whole
        like = next((x for _, x in wide if isinstance(x, Name) and is_unbroadcast(x.kind, e.kind, found)), None)
        if isinstance(e.kind, Array):
            return Call(symbol(np.broadcast_to), (whole, shape_of(y if like is None else like)))
        return Call(symbol(runtime.widened), (whole, y))

    def by_rule(self, e: Expr, found: Operation) -> Expr:
        """What the rule's own `jvp` makes of the tangents."""
        arguments = {name: self.argument(value) for name, value in found.arguments.items()}
        args, kwargs = positional_and_keyword(found.rule, arguments)
        made = lift(found.rule.jvp(self.dots(found), self.value(e), *args, **kwargs))
        return shortened(made, {k for k, _ in function_of(e)[2]})

    def dots(self, found: Operation) -> tuple:
        """The tangent of each data argument, None for a constant one; a tuple of those of a written list."""

        def of(x):
            if isinstance(x, (Tuple, List)) and not isinstance(x, tuple):
                x = x.elts
            if isinstance(x, tuple):
                items = tuple(map(of, x))
                return items if any(i is not None for i in items) else None
            return self.dot(x) if x is not None and x.varied else None

        return tuple(of(found.arguments.get(name)) for name in found.rule.data)

    def at_run_time(self, e: Expr, found: Operation) -> Expr:
        """The rule, called when the program runs: for operands of which too little is known now."""
        fn, args, kwargs = function_of(e)
        name: Expr = Const(fn) if isinstance(fn, str) else symbol(fn)
        operands = tuple(map(self.value, args))
        keywords = tuple((k, self.value(v)) for k, v in kwargs)
        return Call(symbol(registry.apply_jvp), (name, lift(self.dots(found)), self.value(e), *operands), keywords)

    # -- what gets a name ------------------------------------------------------------------------------------------

    def keep(self, e: Expr) -> None:
        """Has the value of `e` computed in a statement of its own."""
        if not isinstance(e, (Const, Name)):
            key = self.key(e, "?")
            self.sources[key] = e
            self.kept.add(key)

    def keep_order(self, values: list[Expr], uses: dict[str, int]) -> None:
        """Names all calls with effects that come before one that gets a name, so that their order stays."""
        calls = [c for v in values for c in impure_calls(v)]
        named = [i for i, c in enumerate(calls) if any(
            self.key(n, "?") in uses or self.key(n, "?") in self.kept for n in self.around(values, c)
        )]
        for c in calls[: max(named, default=0)]:
            self.keep(c)

    def around(self, values: list[Expr], call: Expr):
        """The parts of the values that `call` is in, itself included."""
        return (n for v in values for n in walk(v) if any(m is call for m in walk(n)))

    def reached(self, dots: list[Expr]) -> dict[str, int]:
        """How often each stand-in is read, for these tangents."""
        found: dict[str, int] = {}
        todo = list(dots)
        while todo:
            for n in walk(todo.pop()):
                if isinstance(n, Name) and n.id[0] in "?!":
                    found[n.id] = found.get(n.id, 0) + 1
                    if n.id[0] == "!" and found[n.id] == 1:
                        todo.append(self.tangents[n.id])
        return found

    def settled(self, values: list[Expr], dots: list[Expr], result: Name | None = None):
        """The statements that name what is read twice, and after them the values and the tangents without stand-ins.

        `result` is the variable that the only value is in, when its tangent is computed.
        """
        uses = self.reached(dots)
        self.keep_order(values, uses)
        named: dict[str, Expr] = {}
        if result is not None:
            named[self.key(values[0], "?")] = result
        ahead: Block = []

        def resolved(e: Expr) -> Expr:
            if isinstance(e, Name) and e.id[0] in "?!":
                if e.id in named:
                    return named[e.id]
                return resolved(self.tangents[e.id]) if e.id[0] == "!" else map_children(self.sources[e.id], resolved)
            return map_children(e, resolved)

        def rebuilt(e: Node) -> Node:
            """`e`, whose parts are named as far as they need it; the inner ones first."""
            new = map_children(e, rebuilt)
            value, dot = self.key(e, "?"), self.key(e, "!")
            if value not in named and (value in self.kept or value in uses and not is_cheap(e)):
                named[value] = Name(self.names.names.new(base_name(e)), kind=e.kind, varied=e.varied)
                ahead.append(Assign(named[value], new, at=e.at))
                new = named[value]
            if dot in uses and not any(isinstance(d, Name) and d.id == dot for d in dots):
                found = neat(resolved(self.tangents[dot]))
                if uses[dot] > 1 and node_count(found) > 1 or node_count(found) > (SHORT if value in named else LONG):
                    base = named[value].id if value in named else base_name(e)
                    named[dot] = Name(self.names.new(f"{base}_dot"), kind=e.kind)
                    ahead.append(Assign(named[dot], found))
            return new

        values = [rebuilt(v) for v in values]
        return ahead, values, [neat(resolved(d)) for d in dots]


RESULT = Name("?")
"""Stands for the value that a statement gives to its variable."""


def with_result(e: Node, value: Expr) -> Node:
    """`e` with `value` in place of RESULT."""
    return value if e is RESULT else map_children(e, lambda n: with_result(n, value))


def values_in(e: Expr):
    """The parts of an expression that are read for their values, not only for their shapes."""
    if not (isinstance(e, Attribute) and e.attr in CONSTANT_ATTRIBUTES):
        yield e
        for child in children(e):
            yield from values_in(child)


def captured(e: Expr) -> list[str]:
    """The varied variables that a nested function, written here, carries."""
    extra = e.kind.extra if isinstance(e.kind, Callee) else ()
    return [n for n, v in extra if v.varied] if isinstance(extra, tuple) and isinstance(e, (Name, Lambda)) else []


def zero(value: Expr, kind: Kind) -> Expr:
    """The zero tangent of a value."""
    match kind:
        case Number() | kinds.Maybe(item=Number()):
            return Const(0j if kinds.is_complex(kind) else 0.0)
        case Items(items=items) if not kind.is_record and all(isinstance(i, Number) for i in items):
            still = tuple(Const(0.0) for _ in items)
            if kind.cls is dict:
                return Dict(tuple(map(lift, kind.keys)), still)
            if kind.cls in (tuple, list):
                return Tuple(still) if kind.cls is tuple else List(still)
        case Array():
            if is_float(kind):
                return Call(symbol(np.zeros_like), (value,))
            return Call(symbol(np.zeros), (shape_of(value),))
        case kinds.Nothing() | kinds.Literal() | kinds.Opaque() | Callee():
            return Const(None)
    return Call(symbol(runtime.still), (value,))


def neat(e: Node) -> Node:
    """A tangent with its minus signs in front, and no sum that starts from 0."""
    e = map_children(e, neat)
    match e:
        case Op(op="+", args=(Const(value=0), x)):
            return x
        case Op(op="neg", args=(Op(op="neg", args=(x,)),)):
            return x
        case Op(op="*" | "/", args=(a, Op(op="neg", args=(b,)))):
            return neat(Op("neg", (Op(e.op, (a, b)),)))
        case Op(op="neg", args=(Op(op="*" | "/" as op, args=(a, b)),)):
            return Op(op, (neat(Op("neg", (a,))), b))
        case Op(op="+" | "-" as op, args=(a, b)):
            bare = without_sign(b)
            return e if bare is None else Op("-" if op == "+" else "+", (a, bare))
    return e


def shortened(e: Node, keywords: set[str]) -> Node:
    """What a rule made, without products with 1, sums with 0, and parameters that are the default; the user named those
    in `keywords`."""
    e = map_children(e, lambda n: shortened(n, keywords))
    match e:
        case Op(op="*", args=(x, Const(value=1))) | Op(op="+" | "-", args=(x, Const(value=0))):
            return x
        case Call(fn=Ref(obj=obj), args=args, kwargs=kwargs) if registry.find(obj) is not None:
            return short_call(e, registry.find(obj), args, dict(kwargs), keywords)
    return e


def short_call(e: Call, rule, args, kwargs, keywords: set[str]) -> Call:
    """A call of a library function without the arguments that are the default anyway."""
    try:
        bound = rule.bind(args, kwargs).arguments
    except TypeError:
        return e
    parameters = rule.signature.parameters
    required = required_parameters(e.fn.obj)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        return e
    names = list(bound)
    given = [n for n in names if n in required or not is_default(bound[n], parameters[n].default)]
    by_position: list[Expr] = []
    for n, parameter in zip(names, parameters.values()):
        if n != parameter.name or n not in given or n in keywords or parameter.kind is parameter.KEYWORD_ONLY:
            break
        by_position.append(bound[n])
    rest = tuple((n, bound[n]) for n in given[len(by_position) :])
    return replace(e, args=tuple(by_position), kwargs=rest)


def required_parameters(function) -> set[str]:
    """The parameters without a default in this version of a library, which may be older than that of the rule."""
    try:
        return {n for n, p in inspect.signature(function).parameters.items() if p.default is p.empty}
    except (TypeError, ValueError):
        return set()


def is_default(e: Expr, default) -> bool:
    return isinstance(e, Const) and type(e.value) is type(default) and e.value == default


def is_cheap(e: Expr, depth: int = 0) -> bool:
    """Whether computing `e` twice is cheaper, and reads better, than naming its value: an item, a view, a short sum."""
    match e:
        case Const() | Ref() | Name() | Global():
            return True
        case Op(op="+" | "-" | "*" | "/" | "neg", args=args):
            return depth < 2 and all(isinstance(plain(a.kind), Number) and is_cheap(a, depth + 1) for a in args)
        case Subscript(value=value, index=index):
            return is_cheap(value, depth) and is_cheap_index(index) and not isinstance(plain(value.kind), Unknown)
        case Attribute(value=value):
            return isinstance(plain(value.kind), (Items, Array)) and is_cheap(value, depth)
        case Call(fn=Ref(obj=runtime.captured)):
            return True
    return False


def is_cheap_index(index: Expr) -> bool:
    match index:
        case Slice(lower=lower, upper=upper, step=step):
            return all(p is None or is_cheap(p, 1) for p in (lower, upper, step))
        case Tuple(elts=elts):
            return all(map(is_cheap_index, elts))
    return is_cheap(index) and isinstance(plain(index.kind), (Number, kinds.Literal, kinds.Nothing))


def base_name(e: Expr) -> str:
    """What the value of `e` is called where it gets a name."""
    applied = function_of(e)
    if applied is not None and isinstance(applied[0], str):
        return OP_NAMES.get(applied[0], "value")
    if applied is not None:
        return called_name(applied[0])
    return e.attr if isinstance(e, Attribute) else "value"


def copied(e: Node) -> Node:
    """`e` in which no node occurs twice."""
    new = map_children(e, copied)
    return replace(new) if new is e and isinstance(e, Expr) else new


def is_pop(e: Node) -> bool:
    """Whether `e` is `xs.pop()`."""
    return isinstance(e, Call) and isinstance(e.fn, Attribute) and e.fn.attr == "pop" and isinstance(e.fn.value, Name)


def pops(s: Node) -> list[str]:
    """The lists that a simple statement pops from."""
    return [n.fn.value.id for n in walk_own(s) if is_pop(n)]


def impure_calls(e: Node) -> list[Expr]:
    """The parts of an expression that must be computed once and in order, as those that draw random numbers."""
    if isinstance(e, (IfExp, Logical, Comprehension)):
        return [e] if any(map(impure_calls, children(e))) else []
    found = [] if isinstance(e, Lambda) else [c for part in children(e) for c in impure_calls(part)]
    if isinstance(e, Call) and not (isinstance(e.fn, Ref) and e.fn.obj is runtime.captured):
        applied = function_of(e)
        if applied is None or not kinds.is_pure(applied[0]):
            found.append(e)
    return found
