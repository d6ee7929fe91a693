"""The core language: the subset of Python that a program is held in between the passes.

Expressions and statements are frozen dataclasses (see `Node`). Every node knows its place in the user's source (`at`),
and every expression its `kind` once `analysis.specialise` has seen it. `printer.text` shows any of it as Python.

Expressions also *act*: `x * np.cos(x)` on expressions builds the expression `x * np.cos(x)`. That is how a derivative
rule, written for arrays, is run with symbols and pasted into a program (see `rules.registry`).
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields, replace
from typing import Any
from collections.abc import Iterator

import numpy as np


class Undecided(Exception):
    """A rule asked a symbol for something that is only known when the program runs."""


LEAVES = ("Any", "bool", "str", "str | None", "tuple[str, ...]")
"""The types of fields that hold no node."""


@dataclass(init=False, repr=False, eq=False)
class Node:
    """What the nodes share: a place in the user's source.

    Each subclass is a frozen dataclass, compared by identity.
    """

    at: Any = field(default=None, kw_only=True, repr=False)

    def __init_subclass__(cls):
        # `dataclass` generates and compiles the methods of a class, and spells its signature where it has no docstring:
        # for sixty classes that is most of the time of importing srcad. The methods here serve them all.
        cls.__doc__ = cls.__doc__ or f"{cls.__name__} of a program."
        dataclass(init=False, repr=False, eq=False)(cls)
        cls._required = frozenset(f.name for f in fields(cls) if f.default is MISSING)
        cls._below = tuple(f.name for f in fields(cls) if f.type not in LEAVES and f.name != "call")

    def __init__(self, *values, **named):
        state, names = self.__dict__, self.__match_args__
        state.update(zip(names, values), **named)
        if (named or len(values) != len(names)) and not (
            len(state) == len(values) + len(named)
            and self._required <= state.keys() <= self.__dataclass_fields__.keys()
        ):
            raise TypeError(
                f"{type(self).__name__}({', '.join(names)}) from {len(values)} values and {', '.join(named) or 'no names'}"
            )

    def __setattr__(self, name, value):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self):
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"


# ---------------------------------------------------------------------------------------------------------------
# Expressions


def _binary(op: str):
    def build(self, other):
        return Op(op, (self, lift(other)))

    def build_reversed(self, other):
        return Op(op, (lift(other), self))

    return build, build_reversed


def _compare(op: str):
    def build(self, other):
        return Compare((op,), (self, lift(other)))

    return build


class Expr(Node):
    """An expression. `kind` is what is known of its value, `varied` whether it depends on a differentiated argument;
    both are set by `analysis.specialise`, which builds the program anew with them."""

    kind: Any = field(default=None, kw_only=True, repr=False)
    varied: bool = field(default=False, kw_only=True, repr=False)

    __add__, __radd__ = _binary("+")
    __sub__, __rsub__ = _binary("-")
    __mul__, __rmul__ = _binary("*")
    __truediv__, __rtruediv__ = _binary("/")
    __floordiv__, __rfloordiv__ = _binary("//")
    __mod__, __rmod__ = _binary("%")
    __pow__, __rpow__ = _binary("**")
    __matmul__, __rmatmul__ = _binary("@")
    __and__, __rand__ = _binary("&")
    __or__, __ror__ = _binary("|")
    __eq__ = _compare("==")
    __ne__ = _compare("!=")
    __lt__ = _compare("<")
    __le__ = _compare("<=")
    __gt__ = _compare(">")
    __ge__ = _compare(">=")
    __hash__ = object.__hash__

    def __neg__(self):
        return Op("neg", (self,))

    def __invert__(self):
        return Op("~", (self,))

    def __bool__(self):
        raise Undecided("the truth of a symbol")

    def __iter__(self) -> Iterator:
        raise Undecided("the items of a symbol")

    def __len__(self) -> int:
        raise Undecided("the length of a symbol")

    def __getitem__(self, index):
        return Subscript(self, lift(index))

    @property
    def shape(self):
        return Attribute(self, "shape")

    @property
    def size(self):
        return Attribute(self, "size")

    @property
    def dtype(self):
        return Attribute(self, "dtype")

    @property
    def T(self):  # noqa: N802 - NumPy's name
        return Attribute(self, "T")

    @property
    def ndim(self) -> int:
        """The rank, a plain int: rules may branch on it. Raises Undecided where the kind does not tell."""
        rank = getattr(self.kind, "rank", None)
        if rank is None:
            raise Undecided("the rank of a symbol")
        return rank

    def reshape(self, *shape):
        return call_of(np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype):
        return Call(Attribute(self, "astype"), (lift(dtype),))

    def copy(self):
        return Call(Attribute(self, "copy"), ())

    def dot(self, other):
        return Dot("@", (self, lift(other)))

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        if method != "__call__":
            return call_of(getattr(ufunc, method), *args, **kwargs)
        return call_of(ufunc, *args, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return call_of(function, *args, **kwargs)


class Const(Expr):
    """A literal: number, string, bytes, bool, None, Ellipsis."""

    value: Any


class Name(Expr):
    """A local variable."""

    id: str


class Ref(Expr):
    """What a name outside the function stood for when it was read: `np.sum`, a helper, a module, a builtin.

    `text` is how the user wrote it and how it is printed; `obj` is what it was.
    """

    obj: Any
    text: str


class Global(Expr):
    """A global, or captured, variable that holds data: read anew at each run."""

    id: str


class Attribute(Expr):
    value: Expr
    attr: str


class Subscript(Expr):
    value: Expr
    index: Expr


class Slice(Expr):
    lower: Expr | None
    upper: Expr | None
    step: Expr | None


class Starred(Expr):
    value: Expr


class Tuple(Expr):
    elts: tuple[Expr, ...]


class List(Expr):
    elts: tuple[Expr, ...]


class Set(Expr):
    elts: tuple[Expr, ...]


class Dict(Expr):
    """`{k: v, **rest}`; the key of an unpacked mapping is None."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


class Op(Expr):
    """An operator that computes: `+ - * / // % ** @ << >> & | ^` on two, `neg pos ~ not` on one."""

    op: str
    args: tuple[Expr, ...]


class Dot(Op):
    """`a @ b` of arrays of one or two axes, printed as `a.dot(b)`, which for small ones takes a third of the time."""


class Compare(Expr):
    """A comparison or a chain of them: `a < b <= c` has ops `("<", "<=")` and three args."""

    ops: tuple[str, ...]
    args: tuple[Expr, ...]


class Logical(Expr):
    """`and` or `or`, which give one of their operands."""

    op: str
    args: tuple[Expr, ...]


class IfExp(Expr):
    test: Expr
    body: Expr
    orelse: Expr


class Call(Expr):
    """A call; a keyword of None is `**mapping`."""

    fn: Expr
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str | None, Expr], ...] = ()


class Unseen(Call):
    """A call of a user's function of which it is not known what it does to its arguments."""


class Seen(Call):
    """A call of a user's function that is not differentiated through, and whose text has been gone through all the same:
    `callee` is an `analysis.specialise.Special`."""

    callee: Any = None


class Foreign(Seen):
    """A call of a user's function whose result others may see, too: `shared` has what the function gets and captures."""

    shared: Any = frozenset()


class Invoke(Expr):
    """A call of a function that is differentiated through; `args` are in the order of the callee's parameters.

    `callee` is an `analysis.specialise.Special`; `call` is the call as the user wrote it. Where the function is
    `checkpointed`, the way back runs it again.
    """

    callee: Any
    args: tuple[Expr, ...]
    call: Expr
    checkpointed: bool = False


class Walrus(Expr):
    target: Name
    value: Expr


class FString(Expr):
    """An f-string: literal parts are str, the others `(expression, conversion, format)`."""

    parts: tuple


class Clause(Node):
    """`for target in iter if ...` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: tuple[Expr, ...]


class Comprehension(Expr):
    """`style` is "list", "set", "dict" or "generator"; `element` of a dict is a Tuple (key, value)."""

    style: str
    element: Expr
    clauses: tuple[Clause, ...]


class Lambda(Expr):
    function: Function


# ---------------------------------------------------------------------------------------------------------------
# Statements


class Stmt(Node):
    pass


class Assign(Stmt):
    """`target = value`; a target is a Name, Subscript, Attribute or a (nested, starred) Tuple of those."""

    target: Expr
    value: Expr


class Filled(Assign):
    """An assignment to all of an array which was written as `np.exp(x, out=y)`."""


class Alias(Assign):
    """An assignment that makes a variable another name of a place, for what is evaluated as the user wrote it."""


class AugAssign(Stmt):
    target: Expr
    op: str
    value: Expr


class ExprStmt(Stmt):
    value: Expr


class If(Stmt):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...] = ()


class For(Stmt):
    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...] = ()


class While(Stmt):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...] = ()


class Break(Stmt):
    pass


class Continue(Stmt):
    pass


class Pass(Stmt):
    pass


class Return(Stmt):
    value: Expr


class Raise(Stmt):
    exc: Expr | None
    cause: Expr | None = None


class Assert(Stmt):
    test: Expr
    msg: Expr | None = None


class With(Stmt):
    """`items` are (context expression, target or None)."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]


class Handler(Node):
    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


class Try(Stmt):
    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]


class Def(Stmt):
    """A nested function."""

    function: Function


class Delete(Stmt):
    targets: tuple[Expr, ...]


class Import(Stmt):
    """An import inside a function, as text; `names` are the local names that it binds."""

    text: str
    names: tuple[str, ...]


class Comment(Stmt):
    text: str


# ---------------------------------------------------------------------------------------------------------------
# Functions


class Param(Node):
    """A parameter; `style` is "positional", "any", "star", "keyword" or "double star"."""

    id: str
    style: str = "any"
    default: Expr | None = None


class Function(Node):
    """A function: parameters, body and, where it has one, its docstring.

    `sets` are the variables of the function around it that it sets, which only the frontend knows. One that `yields` gives
    a list of what the user's gives one after the other.
    """

    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    doc: str | None = None
    sets: tuple[str, ...] = ()
    yields: bool = False


# ---------------------------------------------------------------------------------------------------------------
# Building expressions by use


REF_TEXT: dict[Any, str] = {}  # how library objects are printed when no user wrote them, filled by `rules.registry`


def lift(value) -> Expr:
    """`value` as an expression: expressions as they are, containers node by node, all else a constant or a reference.

    >>> lift((1, slice(None)))
    Tuple(elts=(Const(value=1), Slice(lower=None, upper=None, step=None)))
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, tuple):
        return Tuple(tuple(lift(v) for v in value))
    if isinstance(value, list):
        return List(tuple(lift(v) for v in value))
    if isinstance(value, slice):
        return Slice(*(None if v is None else lift(v) for v in (value.start, value.stop, value.step)))
    if value is None or value is Ellipsis or isinstance(value, (bool, int, float, complex, str, bytes)):
        return Const(value)
    return reference(value)


def reference(obj) -> Ref:
    """A library object as an expression, printed by the name it is known under."""
    try:
        if obj in REF_TEXT:
            return Ref(obj, REF_TEXT[obj])
    except TypeError:
        pass
    if isinstance(obj, np.ufunc):
        return Ref(obj, f"np.{obj.__name__}")
    owner = getattr(obj, "__self__", None)
    if isinstance(owner, np.ufunc):
        return Ref(obj, f"np.{owner.__name__}.{obj.__name__}")
    module = getattr(obj, "__module__", None) or ""
    name = getattr(obj, "__name__", None)
    if name == "<lambda>":
        return Ref(obj, "function")
    if not module and hasattr(obj, "__objclass__"):
        return Ref(obj, f"np.{obj.__objclass__.__name__}.{name}")
    if name is None:
        raise TypeError(f"a rule used {obj!r}, which has no name to print it by")
    if module == "builtins" or module.startswith("srcad."):
        return Ref(obj, name)
    return Ref(obj, f"{module}.{name}".replace("numpy", "np", 1) if module.startswith("numpy") else f"{module}.{name}")


def call_of(function, *args, **kwargs) -> Call:
    """The expression `function(*args, **kwargs)`."""
    return Call(reference(function), tuple(lift(a) for a in args), tuple((k, lift(v)) for k, v in kwargs.items()))


def children(node: Node) -> list[Node]:
    """The nodes directly below `node`, in source order."""
    found: list[Node] = []
    for name in node._below:
        value = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            _collect(value, found)
    return found


def _collect(items: tuple, found: list[Node]) -> None:
    for item in items:
        if isinstance(item, Node):
            found.append(item)
        elif isinstance(item, tuple):
            _collect(item, found)


def map_children(node: Node, change) -> Node:
    """`node` with `change` applied to each node directly below it; `node` itself where nothing changed."""
    changes = {}
    for name in node._below:
        old = getattr(node, name)
        if isinstance(old, Node):
            new = change(old)
        elif isinstance(old, tuple):
            new = _mapped(old, change)
        else:
            continue
        if new is not old:
            changes[name] = new
    if not changes:
        return node
    changed = object.__new__(type(node))
    changed.__dict__.update(node.__dict__, **changes)
    return changed


def _mapped(items: tuple, change) -> tuple:
    changed = False
    result = []
    for old in items:
        new = change(old) if isinstance(old, Node) else _mapped(old, change) if isinstance(old, tuple) else old
        changed = changed or new is not old
        result.append(new)
    return tuple(result) if changed else items


def with_blocks(s: Stmt, visit) -> Stmt:
    """`s` with `visit` applied to each block in it."""
    match s:
        case If():
            return replace(s, body=tuple(visit(s.body)) or (Pass(),), orelse=tuple(visit(s.orelse)))
        case For() | While() | With():
            return replace(s, body=tuple(visit(s.body)) or (Pass(),))
        case Try():
            handlers = tuple(replace(h, body=tuple(visit(h.body)) or (Pass(),)) for h in s.handlers)
            return replace(
                s,
                body=tuple(visit(s.body)) or (Pass(),),
                handlers=handlers,
                orelse=tuple(visit(s.orelse)),
                final=tuple(visit(s.final)),
            )
    return s


def walk_own(node: Node) -> Iterator[Node]:
    """`node` and all nodes below it, but for what is inside of a nested function."""
    yield node
    for child in children(node):
        if not isinstance(child, Function):
            yield from walk_own(child)


def walk(node: Node) -> Iterator[Node]:
    """`node` and all nodes below it, outermost first."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        if node._below:
            todo += reversed(children(node))
