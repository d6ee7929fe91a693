"""The kinds of operations: operators, indices, calls of functions that have a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    Array, Callee, Dim, Items, Kind, Listing, NEVER, Never, Number, Opaque, Sliced, UNKNOWN, Unknown, is_float,
    item_kind, join, plain, result_kind,
)  # fmt: skip
from srcad.analysis.operations import function_of
from srcad.analysis.specialise.expressions import describe
from srcad.analysis.specialise.protocols import class_of, is_object
from srcad.analysis.specialise.values import is_mapping
from srcad.core.nodes import Call, Const, Expr, List, Node, Op, Slice, Starred, Subscript, Tuple, reference
from srcad.errors import KindError
from srcad.rules import registry


ITEM_BY_ITEM = {"+", "-", "*", "/", "//", "%", "**"}


class Operations:
    """The part of the specialisation that finds the kinds of results."""

    def site(self, e: Node) -> Dim:
        self.rewritten["site", e] = None  # kept, so that no other node gets its id
        return Dim(("site", id(e)), loops=tuple(self.loops))

    def operator_kind(self, op: str, operands, e: Node) -> Kind:
        """The kind of an operator's result; element-wise ones by the rules of broadcasting."""
        match op, operands:
            case "neg", [Number(type="int", value=int() as value)]:
                return Number("int", -value)
            case "+" | "-", [Number(type="int", value=int() as x), Number(type="int", value=int() as y)]:
                return Number("int", kinds.OPERATORS[op](x, y))
        ranks = [k.dims if isinstance(k, Array) else () if isinstance(k, Number) else None for k in operands]
        if op not in ("@", "getitem") and any(isinstance(k, Array) for k in operands) and None not in ranks:
            with_values = tuple(
                k if isinstance(k, Number) else Array(k.dtype, (Dim("e"),) * min(k.rank, 1)) for k in operands
            )
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
        e = self.with_plain_operands(self.of_arrays(e))
        fn, args, kwargs = function_of(e)
        values = [a.value if isinstance(a, Starred) else a for a in (*args, *(v for _, v in kwargs))]
        varied = any(v.varied for v in values)
        if varied and isinstance(fn, str) and isinstance(e, Op) and any(isinstance(plain(v.kind), Opaque) for v in values):
            self.refuse(e, "an operator of an object of a class of one's own", "Call a function of numbers and arrays.")
        if varied and not self.is_generated and (thing := next((v for v in values if is_object(v.kind)), None)) is not None:
            self.refuse_object(e, fn, thing)
        kind = self.applied_kind(e, fn, args, kwargs)
        if fn == "+" and varied and not self.is_generated:
            known = [plain(v.kind) for v in values]
            if any(isinstance(k, Unknown) for k in known) and any(isinstance(k, (Items, Listing)) for k in known):
                self.refuse(e, "`+` of a list and something of which too little is known", "Use .append, or a list.")
        if fn == "getitem":
            container, index = args
            if index.varied and is_float(index.kind) and not isinstance(index.kind, Unknown):
                raise KindError(
                    e.at,
                    f"{describe(container)} is indexed by a value that is differentiated",
                    hint="An index is an integer: leave it out of argnums, or pass it as an int.",
                )
        if fn == "getitem" and is_mapping(args[0].kind) and isinstance(e, Subscript):
            e = replace(e, index=replace(e.index, varied=False))
        varied = (
            varied and not registry.is_constant(fn) and (is_float(kind) or isinstance(kind, (Unknown, Never, Callee)))
        )
        return replace(e, kind=kind, varied=varied)

    def with_plain_operands(self, e: Expr) -> Expr:
        """An operator that acts item by item on numbers and arrays, with a look at constants of which nothing is known."""
        if not isinstance(e, Op) or e.op not in ITEM_BY_ITEM or not any(x.varied for x in e.args) or self.is_generated:
            return e
        return replace(e, args=tuple(x if x.varied else self.seen(runtime.plain_operand, x, e, e.op) for x in e.args))

    def seen(self, check, x: Expr, e: Expr, name: str) -> Expr:
        """`check(x, "file.py:12: *")` of an operand x of e of which nothing is known: it is seen when the program runs."""
        if not isinstance(plain(x.kind), Unknown):
            return x
        return Call(reference(check), (x, Const(f"{e.at}: {name}")), kind=x.kind, varied=x.varied, at=x.at)

    def refuse_object(self, e: Expr, fn, thing: Expr) -> None:
        """Refuses an operation that has a rule for numbers and arrays, of an object."""
        if not isinstance(fn, str) and not is_of_numpy(fn) and registry.find(fn) is None:
            return
        name = class_of(thing.kind).__name__
        what = f"an item of an object of class {name}" if fn == "getitem" else f"{describe(e)} of an object of class {name}"
        self.refuse(e, f"{what}, which has no method for it", "Use the numbers and arrays in its attributes.")

    def of_arrays(self, e: Expr) -> Expr:
        """`np.dot(np.array([a, b]), x)` for `np.dot([a, b], x)`: a list where an array is meant is made one, since the
        rules take the operators of arrays for granted."""
        if not isinstance(e, (Op, Call)):
            return e
        fn, args, kwargs = function_of(e)
        if not any(x.varied for x in (*args, *(v for _, v in kwargs))):
            return e
        if isinstance(e, Op):
            meant = args if any(isinstance(plain(x.kind), Array) for x in args) else ()
        elif is_of_numpy(fn) and (rule := registry.find(fn)) is not None:
            meant = data_arrays(rule, args, dict(kwargs))
        else:
            return e
        made = {id(x): array for x in meant if (array := self.as_array(x)) is not x}
        if not made:
            return e

        def swapped(x: Expr) -> Expr:
            if isinstance(x, (Tuple, List)) and id(x) not in made:
                elts = tuple(map(swapped, x.elts))
                items = tuple(i.kind for i in elts)
                return replace(x, elts=elts, kind=replace(x.kind, items=items) if isinstance(x.kind, Items) else x.kind)
            return made.get(id(x), x)

        e = replace(e, args=tuple(map(swapped, e.args)))
        return replace(e, kwargs=tuple((k, swapped(v)) for k, v in e.kwargs)) if isinstance(e, Call) else e

    def as_array(self, x: Expr) -> Expr:
        """A list as the array that NumPy makes of it; anything else as it is."""
        kind = plain(x.kind)
        if not (isinstance(kind, Listing) or isinstance(kind, Items) and kind.is_sequence):
            return x
        array = self.typed_operation(Call(reference(np.array), (x,), at=x.at))
        return array if isinstance(array.kind, Array) else x

    def applied_kind(self, e, fn, args, kwargs) -> Kind:
        operands = [plain(a.kind) for a in args]
        if any(isinstance(k, Never) for k in operands):
            return NEVER
        if fn == "getitem":
            return self.item_kind(e, operands[0], args[1])
        if isinstance(fn, str):
            lists = any(isinstance(k, (Items, Listing)) for k in operands)
            if fn in ("+", "*") and lists and not any(isinstance(k, Array) for k in operands):
                return sequence_kind(fn, operands)
            return self.operator_kind(fn, operands, e)
        rule = registry.find(fn)
        if rule is not None and rule.like is not None:
            data = rule.operands(rule.bind(tuple(args), dict(kwargs)).arguments)
            return result_kind(rule.like, tuple(plain(x.kind) for x in data), (), self.site(e))
        if rule is not None and rule.partials is not None and not kwargs:
            return self.ufunc_kind(fn, operands, e)
        if fn is np.copy and isinstance(operands[0], Array):
            return operands[0]
        if fn is np.reshape and len(args) >= 2 and isinstance(operands[0], Array):
            return reshaped(operands[0].dtype, shape_kind(args[1]), self.site(e))
        if fn in (runtime.scatter, runtime.placed) and isinstance(operands[0], (Array, Number)):
            return reshaped(dtype_of(operands[0]), operands[2], self.site(e))
        if fn is runtime.unbroadcast and isinstance(operands[0], Array):
            return reshaped(operands[0].dtype, operands[1], self.site(e))
        if fn is runtime.add and all(isinstance(k, (Array, Number)) for k in operands):
            return self.operator_kind("+", operands, e)
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
                    if not isinstance(index.kind, Sliced):
                        return item_kind(container)
                    return Listing(item_kind(container)) if container.cls is list else UNKNOWN
                if isinstance(key, slice):
                    picked = container.items[key]
                    return Items(list if container.cls is list else tuple, tuple(range(len(picked))), picked)
                found = container.item(key)
                return found if found is not None else UNKNOWN
            case Listing(item=item):
                return container if isinstance(index.kind, Sliced) else item
            case Array():
                return result_kind(take, (container, index_kind(index)), (), self.site(e))
            case Opaque(type=cls) if cls is type(np.s_):
                return index.kind
        return UNKNOWN


ARRAYS_BESIDE = ("condition", "where", "xp")
"""Parameters of NumPy's functions that are arrays, too, but are not differentiated."""


def is_of_numpy(fn) -> bool:
    """Whether a function takes lists for arrays, as those of NumPy and SciPy do."""
    module = getattr(fn, "__module__", None) or ""
    return isinstance(fn, np.ufunc) or module.partition(".")[0] in ("numpy", "scipy")


def data_arrays(rule: registry.Rule, args, kwargs) -> list[Expr]:
    """The arguments of a call, and the items of sequences among them, that its function takes as arrays."""
    try:
        bound = rule.bind(args, kwargs)
    except (TypeError, registry.Refused):  # said where the call is differentiated
        return []
    found: list[Expr] = []
    for name in (*rule.data, *ARRAYS_BESIDE):
        value = bound.arguments.get(name)
        if name not in rule.sequence:
            found += [value] if isinstance(value, Expr) else []
        elif rule.arrays:
            items = value if isinstance(value, tuple) else getattr(value, "elts", ())
            found += [x for x in items if isinstance(x, Expr)]
    return found


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


def sequence_kind(op: str, operands) -> Kind:
    a, b = operands
    if op == "+" and isinstance(a, Items) and isinstance(b, Items) and a.cls is b.cls and a.is_sequence:
        items = a.items + b.items
        return Items(a.cls, tuple(range(len(items))), items)
    if op == "+" and all(isinstance(k, (Items, Listing)) for k in (a, b)) and a.cls is b.cls and a.cls in (list, tuple):
        return Listing(join(item_kind(a), item_kind(b)), a.cls)
    if op == "*":
        sequence = a if isinstance(a, (Items, Listing)) else b
        if sequence.cls in (list, tuple):
            return Listing(item_kind(sequence), sequence.cls)
    return UNKNOWN


def shape_kind(shape: Expr) -> Kind:
    """The kind of a shape; that of a method's arguments, `x.reshape(2, 3)`, stands on these only."""
    if isinstance(shape, Tuple):
        return Items(tuple, tuple(range(len(shape.elts))), tuple(plain(n.kind) for n in shape.elts))
    return plain(shape.kind)


def dtype_of(kind: Array | Number) -> np.dtype:
    return kind.dtype if isinstance(kind, Array) else np.dtype(kind.type)


def reshaped(dtype: np.dtype, shape: Kind, site: Dim) -> Kind:
    """The kind of an array of a shape."""
    if isinstance(shape, Number):
        sizes = (shape,)
    elif isinstance(shape, Items):
        sizes = shape.items
    else:
        return Array(dtype, None)

    def extent(k: int, n: Kind) -> Dim | None:
        value = n.value if isinstance(n, Number) else None
        if value == 1:
            return kinds.ONE
        if isinstance(value, Dim):
            return value
        known = isinstance(value, int) and value > 1
        return Dim((site.symbol, k), 0, known, site.loops)

    return Array(dtype, tuple(extent(k, n) for k, n in enumerate(sizes)))
