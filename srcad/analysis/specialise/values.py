"""What is known of variables and of functions: the vocabulary of the specialisation."""

from __future__ import annotations

import builtins
import functools
import re
import types
from dataclasses import dataclass, field, replace
from typing import Any

from srcad.analysis import kinds
from srcad.analysis.kinds import (
    Array, Callee, Dim, Items, Kind, Listing, Literal, NEVER, Number, Opaque, UNKNOWN, join, kind_of, plain,
)  # fmt: skip
from srcad.analysis.specialise.sharing import ANY, DEPTH, OUTSIDE, Way, leads_to
from srcad.core.names import Names
from srcad.core.nodes import (
    Assign, AugAssign, Comprehension, Def, Expr, For, Function, Import, Lambda, Name, Starred, Stmt, Try, Tuple, Walrus,
    With, walk,
)  # fmt: skip
from srcad.core.places import root_name
from srcad.frontend.normalise import normalise


@dataclass(frozen=True)
class Place:
    """What a variable is another name of, as an expression and as text; None where that cannot be told: then `text` says
    why. Where it differs between two paths, `roots` are the variables that it is a part of, None one of its own. What is
    `stale` holds in generated code another value than it would in the user's."""

    text: str
    expr: Any = field(compare=False)
    roots: frozenset[str | None] = frozenset()
    stale: bool = False


UNKNOWN_ITEMS = frozenset([((ANY,), OUTSIDE)])
"""What is known of the items of a container of which nothing is."""


@dataclass(frozen=True)
class Value:
    """What is known of a variable: `owned` says that no other name, container or view shares its memory; `held` are the ways
    to those items of a container that others may see as well, each with the variable that may be the other. `place` is what
    it is only another name of, `parts` what some of its items are other names of, by key. `shares` are the variables whose
    memory it may share as long as nothing is written there. `kept` are the ways to what of it has got another name, or is in
    a container; None is among them where a part of it may have got two."""

    kind: Kind
    varied: bool = False
    owned: bool = False
    place: Place | None = None
    held: frozenset[tuple[Way, str]] = UNKNOWN_ITEMS
    parts: tuple[tuple[Any, Place], ...] = ()
    shares: frozenset[str] = frozenset()
    kept: frozenset[Way | None] = frozenset()

    def is_alone_at(self, way: Way) -> bool:
        """Whether nobody else sees what is at a way to an item."""
        return not any(leads_to(held, way) for held, _ in self.held)

    @property
    def roots(self) -> frozenset[str | None]:
        """The variables that it is a part of: None if it is one of its own; nothing if that cannot be told."""
        if self.place is None:
            return frozenset([None])
        return self.place.roots if self.place.expr is None else frozenset([root_name(self.place.expr)])


def below(way: Way, held: frozenset) -> frozenset:
    """The ways that begin with `way`, and go on as those in `held` do."""
    return frozenset(((*way, *rest)[:DEPTH], name) for rest, name in held)


def scattered(held: frozenset, way: Way) -> frozenset:
    """The ways to what others see once the items of what is at `way` may have changed places."""
    moved = {(h, name) for h, name in held if leads_to(way, h) and len(h) > len(way)}
    return (held - moved) | {((*way, ANY)[:DEPTH], name) for _, name in moved}


def join_values(a: Value, b: Value) -> Value:
    undecided = Place("is one thing on one path and another on another", None)
    place = a.place
    if a.place != b.place:
        place = replace(undecided, roots=a.roots | b.roots)
        for v in (a, b):
            if not v.roots:
                place = v.place
    one, other = dict(a.parts), dict(b.parts)
    parts = tuple((k, one[k] if k in one and one[k] == other.get(k) else undecided) for k in {**one, **other})
    kind, varied = join(a.kind, b.kind), a.varied or b.varied
    held, kept = a.held | b.held, a.kept | b.kept
    return Value(kind, varied, a.owned and b.owned, place, held, parts, a.shares | b.shares, kept)


@dataclass
class Special:
    """A function specialised by the kinds of its arguments, its captured variables among them.

    `written` are the parameters into whose memory it writes, `item_writes` the variables into whose items it does, and the
    ways to those, `replaced` the parameters of which some item is another one afterwards, `exchanged` those whose items
    change places, `doubled` those of which containers may hold a part twice, `exits` what is known of the former at its
    end; `handed_back` is the one of them that it returns, `problems` are what cannot be done in it, `indexed` those arrays
    of which it reads single items only. `is_aliasing` says that its text has variables that are only other names
    of a place, `is_passed_over` that a caller may not choose its result; those of these variables whose place changes are
    `moving`, those that are values of their own on some path `lasting` as long as nothing is written where they are. It
    copies the parameters `taken`, and leaves its caller's arrays as something that nobody may read. Its adjoint brings back
    what was in those that are `restored`, reads nothing of those that are `unread`, leaves those that are `spoiled` changed,
    and writes into those that are `disturbed`. Of the root, the adjoints of the parameters `asked` are returned. `is_inside`
    says that it is called inside of a loop.
    """

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
    is_root: bool = False
    is_inside: bool = False
    is_aliasing: bool = False
    is_passed_over: bool = False
    moving: set[str] = field(default_factory=set)
    lasting: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    indexed: set[str] = field(default_factory=set)
    item_writes: set[tuple[str, Way]] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    exchanged: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    exits: dict[str, Value] = field(default_factory=dict)
    handed_back: str | None = None
    problems: list = field(default_factory=list)
    restored: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    spoiled: set[str] | None = None
    disturbed: set[str] = field(default_factory=set)
    asked: list[str] | None = None

    @property
    def title(self) -> str:
        """The name of the function, and where it stands; files that srcad has made up are not told apart."""
        if self.source.at is None:
            return self.source.name
        place = re.sub(r" \d+>", ">", str(self.source.at).rpartition("/")[2])
        return f"{self.source.name} ({place})"

    @property
    def varied_params(self) -> list[str]:
        """The parameters that have an adjoint."""
        return [p for p, v in zip(self.params, self.values) if v.varied]

    @property
    def estimate(self) -> tuple:
        """What a recursive call of it relies on."""
        return self.result, dict(self.exits), set(self.doubled), self.handed_back

    @property
    def sharing(self) -> tuple:
        """What it has been found to do with memory that is not its own."""
        return self.is_aliasing, *map(frozenset, (self.moving, self.lasting, self.taken, self.written))

    @property
    def shared(self) -> list[str]:
        """The parameters that the function writes into, or of which it reads single items only: its adjoint gets their
        memory, and that of their shadows, from the caller."""
        return [] if self.is_root else [p for p in self.params if p in self.written or p in self.indexed]

    @property
    def shadowed(self) -> list[str]:
        """The shared parameters that have a shadow."""
        return [p for p in self.shared if p in self.varied_params or self.exits[p].varied]

    @property
    def returned_params(self) -> list[str]:
        """The parameters whose adjoint the adjoint function returns."""
        asked = self.varied_params if self.asked is None else self.asked
        return [p for p in asked if p not in self.shadowed]


@dataclass(frozen=True)
class Derived:
    """An operator that is applied to a function, with its options: `grad(…, argnums=1)`."""

    transform: Any
    args: tuple = ()
    kwargs: tuple = ()

    def of(self, fun, shift: int = 0):
        """The derivative of a function of which the first `shift` parameters are not the user's."""

        def shifted(argnums):
            if isinstance(argnums, tuple):
                return tuple(map(shifted, argnums))
            return argnums + shift if type(argnums) is int and argnums >= 0 else argnums

        options = dict(self.kwargs)
        argnums, *others = self.args or (options.pop("argnums", 0),)
        return self.transform(fun, shifted(argnums), *others, **options)


@dataclass(frozen=True)
class Local:
    """A nested function: its text, the function in whose text it stands, the derivatives of it that are meant, and the
    nested functions that it may call; of one that gives back its parameters `returned`, with other values, the kind of the
    result is known from the start."""

    function: Function
    owner: types.FunctionType
    derivatives: tuple[Derived, ...] = ()
    siblings: tuple[tuple[str, Any], ...] = field(default=(), compare=False, repr=False)
    checkpointed: bool = False
    returned: tuple[str, ...] = ()

    def result(self, params: tuple[str, ...], values: list[Value]) -> Value:
        """What is known of the result before its text has been gone through."""
        found = [v for p, v in zip(params, values) if p in self.returned]
        if len(found) < 2:
            return replace(found[0], owned=True, held=frozenset()) if found else Value(NEVER)
        kind = Items(tuple, tuple(range(len(found))), tuple(v.kind for v in found))
        return Value(kind, any(v.varied for v in found), owned=True)


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
        key = dim.symbol, dim.offset  # a function called with ever shorter arrays is one and the same
        return Dim(("argument", seen.setdefault(key, len(seen))), 0, dim.many)

    def bare(kind: Kind) -> Kind:
        match kind:
            case Number(value=value) if value is not None and not isinstance(value, Dim):
                return replace(kind, value=None)
            case Literal():
                return Opaque(type(kind.value))
            case Items(items=items):
                return replace(kind, items=tuple(map(bare, items)))
        return kinds.map_dims(kind, rename)

    named = [kinds.name_extents(bare(v.kind), ("parameter", k)) for k, v in enumerate(values)]
    return [Value(kind, v.varied, place=v.place) for kind, v in zip(named, values)]


def unnamed(kind: Kind) -> Kind:
    """`kind` as it is seen from outside the function whose extents it names."""
    return kinds.map_dims(kind, lambda d: Dim(None, 0, True) if d.many else None)


def as_argument(kind: Kind, varied: bool) -> Value:
    """What is known of an argument of the function that is differentiated; of one that is constant, so is all that
    functions in it capture."""
    return Value(kind if varied else constant_all_through(kind), varied and kinds.is_float(kind))


def constant_all_through(kind: Kind) -> Kind:
    match kind:
        case Callee(obj=Local(), extra=tuple() as captured):
            still = (replace(v, kind=constant_all_through(v.kind), varied=False) for _, v in captured)
            return replace(kind, extra=tuple(zip((n for n, _ in captured), still)))
        case Items(items=items):
            return replace(kind, items=tuple(map(constant_all_through, items)))
        case Listing(item=item):
            return replace(kind, item=constant_all_through(item))
    return kind


def free_names(function: Function) -> list[str]:
    """The variables of enclosing functions that `function` reads, in order of appearance."""
    bound = {p.id for p in function.params}
    for node in walk(function):
        match node:
            case Assign(target=target) | AugAssign(target=target) | For(target=target):
                bound |= set_names(target)
            case With(items=items):
                bound |= {n for _, t in items if t is not None for n in set_names(t)}
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


def set_names(target: Expr) -> set[str]:
    """The variables that an assignment to `target` sets."""
    match target:
        case Name(id=name):
            return {name}
        case Tuple(elts=elts):
            return set().union(*map(set_names, elts))
        case Starred(value=value):
            return set_names(value)
    return set()


def kind_name(kind: Kind) -> str:
    match kind:
        case Array(dtype=dtype):
            return f"an array of {dtype}"
        case Items(cls=cls) | Listing(cls=cls):
            return f"a {cls.__name__}"
    return "this object"


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


def join_envs(a: dict, b: dict) -> dict:
    """The values of the variables after either of two paths; a variable that one path lacks keeps the other's."""
    if a is b:
        return a
    return {n: join_values(a[n], b[n]) if n in a and n in b else of_one_path(a.get(n) or b[n]) for n in {**a, **b}}


def of_one_path(value: Value) -> Value:
    """What is known of a variable that only one of two paths sets; a nested function is not called then."""
    is_nested = isinstance(value.kind, Callee) and value.kind.extra == "local"
    return Value(UNKNOWN, True) if is_nested else value


def is_mapping(kind: Kind) -> bool:
    kind = plain(kind)
    return isinstance(kind, (Items, Listing)) and issubclass(kind.cls, dict)


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
