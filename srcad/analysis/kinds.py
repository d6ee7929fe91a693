"""Kinds: what is known of a value before the program runs.

A kind says number, array (dtype, rank and what is known of each extent), container of kinds, function or opaque object.
`kind_of` reads it off a value, `join` merges what two paths bring, `result_kind` finds what a library function returns:
by calling it on small stand-ins whose extents tell which axis of which argument each axis of the result is.
"""

from __future__ import annotations

import builtins
import functools
import math
import operator
import types
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from srcad import structure
from srcad.rules import registry


@dataclass(frozen=True)
class Dim:
    """An extent: that of a named axis plus `offset`. `many` says that it is known not to be 1.

    `loops` are the loops inside which the name has its meaning; at the head of one of them it is forgotten.
    """

    symbol: Any
    offset: int = 0
    many: bool = False
    loops: tuple = ()


ONE = Dim(1)
"""The extent 1."""


@dataclass(frozen=True)
class Kind:
    """The kind of a value; the bare class of one of which nothing is known is `Unknown`."""

    @property
    def rank(self) -> int | None:
        return None


@dataclass(frozen=True)
class Unknown(Kind):
    """Anything: the code for it is decided when it runs."""


@dataclass(frozen=True)
class Never(Kind):
    """The kind of what no path has yet given: neutral in `join`."""


@dataclass(frozen=True)
class Number(Kind):
    """A scalar: `type` is "bool", "int", "float", "complex", or the name of a NumPy scalar type such as "float32".

    `value` is the value of an integer where it is known: an int, or a Dim if it is an extent. It may be of a lower type,
    too, if it is `mixed`: an integer on one path, a float on another.
    """

    type: str
    value: Any = None
    mixed: bool = False

    @property
    def rank(self) -> int:
        return 0


@dataclass(frozen=True)
class Array(Kind):
    """An array; an extent of None is unknown, `dims` of None is an unknown rank."""

    dtype: np.dtype
    dims: tuple[Dim | None, ...] | None

    @property
    def rank(self) -> int | None:
        return None if self.dims is None else len(self.dims)


@dataclass(frozen=True)
class Items(Kind):
    """A tuple, list, dict, namedtuple or dataclass of known keys: `keys` are indices, dict keys or field names."""

    cls: type
    keys: tuple
    items: tuple[Kind, ...]

    def item(self, key) -> Kind | None:
        if self.is_sequence and isinstance(key, int) and key < 0:
            key += len(self.keys)
        for k, item in zip(self.keys, self.items):
            if type(k) is type(key) and k == key:
                return item
        return None

    @property
    def is_sequence(self) -> bool:
        return issubclass(self.cls, (tuple, list))

    @property
    def is_record(self) -> bool:
        return not issubclass(self.cls, (tuple, list, dict))


@dataclass(frozen=True)
class Listing(Kind):
    """A list, or a dict's values, of any length whose items have one kind."""

    item: Kind
    cls: type = list


@dataclass(frozen=True)
class Maybe(Kind):
    """`item`, or None."""

    item: Kind

    @property
    def rank(self) -> int | None:
        return self.item.rank


@dataclass(frozen=True)
class Nothing(Kind):
    """None."""


@dataclass(frozen=True)
class Callee(Kind):
    """A function, class or module, known by identity; `extra` tells apart bound methods and closures."""

    obj: Any
    extra: Any = None

    def __hash__(self):
        return hash((id(self.obj), self.extra))

    def __eq__(self, other):
        return isinstance(other, Callee) and self.obj is other.obj and self.extra == other.extra


@dataclass(frozen=True, eq=False)
class Recursive(Kind):
    """The kind of values that hold others of this kind: what a recursive function saves. `found` has what it is."""

    found: list[Kind] = field(repr=False)

    @property
    def item(self) -> Kind:
        return self.found[0]


class Shadow(Recursive):
    """The kind of the zero adjoints of such values: lists that hold others of this kind, and 0.0 in place of None."""


@dataclass(frozen=True)
class Either(Kind):
    """One of several functions."""

    options: tuple[Callee, ...]


@dataclass(frozen=True)
class Opaque(Kind):
    """Another object, known by its type only: a string, a generator, an instance of a user's class."""

    type: type


@dataclass(frozen=True)
class Literal(Kind):
    """A string, a byte string, Ellipsis: known by its value."""

    value: Any


@dataclass(frozen=True)
class Sliced(Kind):
    """`lower:upper:step`."""

    bounds: tuple[Kind, Kind, Kind]


UNKNOWN = Unknown()
NEVER = Never()
NOTHING = Nothing()
FLOAT = Number("float")
INT = Number("int")
BOOL = Number("bool")

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, np.ufunc, type, types.MethodType,
             functools.partial)
PYTHON_NUMBERS = {bool: BOOL, int: INT, float: FLOAT, complex: Number("complex")}


def container_items(value) -> tuple[tuple, tuple] | None:
    """The keys and the items of a container that is a parameter structure, None for any other value."""
    keys = structure.keys(value)
    return None if keys is None else (tuple(keys), tuple(structure.items(value)))


def kind_of(value, name: Any = None) -> Kind:
    """The kind of a value; the extents of its arrays are named after `name`."""
    kind = PYTHON_NUMBERS.get(type(value))
    if kind is not None:
        return kind
    if type(value) is np.ndarray:
        dims = tuple(ONE if n == 1 else Dim((name, k), many=True) for k, n in enumerate(value.shape))
        return Array(value.dtype, dims)
    if value is None:
        return NOTHING
    if isinstance(value, np.generic):
        return number_kind(value.dtype)
    contents = container_items(value)
    if contents is not None:
        keys, items = contents
        if len(keys) > 4096:
            return Opaque(type(value))
        kinds = tuple(kind_of(item, (name, key)) for key, item in zip(keys, items))
        if type(value) is list and kinds:
            joined = functools.reduce(join, kinds)
            if is_settled(joined) and len(set(map(is_complex, kinds))) == 1:  # an adjoint is real where its number is
                return Listing(joined)
        return Items(type(value), keys, kinds)
    if isinstance(value, FUNCTIONS) or (
        callable(value) and (hasattr(value, "primal") or is_library_function(value))
    ):
        if isinstance(value, types.MethodType):
            this = value.__self__
            return Callee(value.__func__, ("bound", type(this), *([Callee(this)] if isinstance(this, type) else [])))
        return Callee(value)
    return Opaque(type(value))


def is_library_function(value) -> bool:
    """Whether a callable is one of NumPy's own kinds of functions, or was compiled by Cython."""
    module = type(value).__module__
    return isinstance(module, str) and module.startswith("numpy") or type(value).__name__ == "cython_function_or_method"


def is_settled(kind: Kind) -> bool:
    """Whether rank, dtype and structure are known all through."""
    match kind:
        case Unknown() | Never():
            return False
        case Array(dims=None):
            return False
        case Items(items=items):
            return all(map(is_settled, items))
        case Listing(item=item) | Maybe(item=item):
            return is_settled(item)
    return True


def number_kind(dtype: np.dtype) -> Kind:
    """The kind of a NumPy scalar of `dtype`; the 64-bit ones count as Python's."""
    python = {"float64": "float", "int64": "int", "bool": "bool", "complex128": "complex"}
    return Number(python.get(dtype.name, dtype.name)) if dtype.kind in "biufc" else Opaque(dtype.type)


def is_float(kind: Kind) -> bool:
    """Whether values of this kind, or values in it, can carry a derivative."""
    match kind:
        case Number(type=type_):
            return type_.startswith(("float", "complex"))
        case Array(dtype=dtype):
            return dtype.kind in "fc"
        case Items(items=items):
            return any(map(is_float, items))
        case Listing(item=item) | Maybe(item=item):
            return is_float(item)
        case Callee(extra=((str(), _), *_) as held):  # a nested function, with the variables that it captures
            return any(value.varied for _, value in held)
        case Unknown() | Recursive():
            return True
    return False


def is_complex(kind: Kind) -> bool:
    match kind:
        case Number(type=type_):
            return type_.startswith("complex")
        case Array(dtype=dtype):
            return dtype.kind == "c"
        case Items(items=items):
            return any(map(is_complex, items))
        case Listing(item=item) | Maybe(item=item):
            return is_complex(item)
    return False


def plain(kind: Kind) -> Kind:
    """`kind` without the possibility of None; of one that contains itself, what it is."""
    while isinstance(kind, (Maybe, Recursive)):
        kind = kind.item
    return kind


RANK_OF_TYPE = {"bool": 0, "int": 1, "float32": 2, "float": 3, "complex": 4}


def join(a: Kind, b: Kind) -> Kind:
    """What is known of a value that is of kind `a` on one path and of kind `b` on another."""
    if a is b or isinstance(b, Never):
        return a
    match a, b:
        case Never(), _:
            return b
        case Nothing(), Nothing():
            return a
        case (Nothing(), Unknown()) | (Unknown(), Nothing()):
            return UNKNOWN
        case (Nothing(), Maybe()) | (Maybe(), Nothing()):
            return a if isinstance(a, Maybe) else b
        case Nothing(), _:
            return Maybe(b)
        case _, Nothing():
            return Maybe(a)
        case (Maybe(), _) | (_, Maybe()):
            item = join(*(k.item if isinstance(k, Maybe) else k for k in (a, b)))
            return item if isinstance(item, Unknown) else Maybe(item)
        case (Recursive() as known, other) | (other, Recursive() as known):
            if isinstance(other, Recursive):  # the same by another name?
                return known if with_part(other.item, other, known) == known.item else UNKNOWN
            return known if other == known.item else join(known.item, other)
        case Number(), Number():
            if a.type == b.type:
                return a if a == b else Number(a.type, a.value if a.value == b.value else None, a.mixed or b.mixed)
            ranks = RANK_OF_TYPE.get(a.type, 9), RANK_OF_TYPE.get(b.type, 9)
            return UNKNOWN if 9 in ranks else Number(a.type if ranks[0] > ranks[1] else b.type, mixed=True)
        case Array(), Array() if a.dtype == b.dtype:
            if a.rank is None or a.rank != b.rank:
                return Array(a.dtype, None)
            return Array(a.dtype, tuple(join_dims(x, y) for x, y in zip(a.dims, b.dims)))
        case Items(), Items() if a.cls is b.cls and a.keys == b.keys:
            return Items(a.cls, a.keys, tuple(map(join, a.items, b.items)))
        case (Items() | Listing()), (Items() | Listing()) if is_list(a) and is_list(b):
            return Listing(join(item_kind(a), item_kind(b)))
        case (Items() | Listing()), (Items() | Listing()) if a.cls is b.cls is tuple:
            return Listing(join(item_kind(a), item_kind(b)), tuple)
        case (Items() | Listing()), (Items() | Listing()) if a.cls is b.cls is dict:
            items = [*([k.item] if isinstance(k, Listing) else k.items for k in (a, b))]
            return Listing(functools.reduce(join, (i for part in items for i in part), NEVER), dict)
        case Listing(), Listing() if a.cls is b.cls:
            return Listing(join(a.item, b.item), a.cls)
        case _ if a == b:
            return a
        case (Literal() | Opaque()), (Literal() | Opaque()):
            types = [type(k.value) if isinstance(k, Literal) else k.type for k in (a, b)]
            return Opaque(types[0]) if types[0] is types[1] else UNKNOWN
        case (Callee() | Either()), (Callee() | Either()):
            options = tuple(dict.fromkeys((*options_of(a), *options_of(b))))
            if all(o.extra is None for o in options):
                return Either(options)
    return UNKNOWN


def options_of(kind: Callee | Either) -> tuple[Callee, ...]:
    return kind.options if isinstance(kind, Either) else (kind,)


def is_list(kind: Kind) -> bool:
    return isinstance(kind, (Items, Listing)) and kind.cls is list


def item_kind(kind: Kind) -> Kind:
    """The kind of an item that is not known by its key."""
    match kind:
        case Listing(item=item):
            return item
        case Items(items=items):
            return functools.reduce(join, items, NEVER)
        case Array(dims=dims, dtype=dtype) if dims is not None and len(dims) > 0:
            return Array(dtype, dims[1:]) if len(dims) > 1 else number_kind(dtype)
        case Never():
            return NEVER
        case Opaque(type=builtins.range):
            return INT
    return UNKNOWN


def closed(new: Kind, old: Kind) -> Kind:
    """`new`, whose parts hold the parts that `old` has in their places, as a kind whose parts hold themselves.

    A recursive function saves what it has saved when it called itself: (float, None), (float, (float, None)), and so on.
    """
    match new, old:
        case Items(), Items() if new.cls is old.cls and new.keys == old.keys:
            inner = [k for item in old.items for k in parts(item) if isinstance(k, Recursive) and k.item == old]
            known = inner[0] if inner else Recursive([old])
            items = tuple(with_part(item, old, known) for item in new.items)
            if items == new.items:
                return replace(new, items=tuple(map(closed, new.items, old.items)))
            if not inner:
                known.found[0] = replace(new, items=items)
            return replace(new, items=items)
        case (Listing(), Listing()) | (Maybe(), Maybe()):
            return replace(new, item=closed(new.item, old.item))
    return new


def with_part(kind: Kind, old: Kind, new: Kind) -> Kind:
    """`kind` with `new` in place of each part that is `old`, the inner ones first."""
    match kind:
        case Items(items=items):
            kind = replace(kind, items=tuple(with_part(item, old, new) for item in items))
        case Listing(item=item) | Maybe(item=item):
            kind = replace(kind, item=with_part(item, old, new))
    return new if kind == old else kind


def parts(kind: Kind):
    """A kind and the kinds in it."""
    yield kind
    match kind:
        case Items(items=items):
            for item in items:
                yield from parts(item)
        case Listing(item=item) | Maybe(item=item):
            yield from parts(item)


def join_dims(a: Dim | None, b: Dim | None) -> Dim | None:
    if a == b:
        return a
    if a is not None and b is not None and a.many and b.many:
        return Dim(None, 0, True)
    return None


def map_dims(kind: Kind, change) -> Kind:
    """`kind` with `change` applied to each known extent, also where an integer is one."""
    match kind:
        case Array(dims=dims) if dims is not None:
            return replace(kind, dims=tuple(d if d is None or d == ONE else change(d) for d in dims))
        case Number(value=Dim() as dim):
            return replace(kind, value=change(dim))
        case Items(items=items):
            return replace(kind, items=tuple(map_dims(i, change) for i in items))
        case Listing(item=item) | Maybe(item=item):
            return replace(kind, item=map_dims(item, change))
    return kind


def name_extents(kind: Kind, symbol: tuple, loops: tuple = ()) -> Kind:
    """`kind` with each extent of an array that has no name named by `symbol` and its place."""
    match kind:
        case Array(dims=dims) if dims is not None:
            return replace(kind, dims=tuple(
                Dim((*symbol, k), 0, d is not None and d.many, loops) if d is None or d.symbol is None else d
                for k, d in enumerate(dims)
            ))  # fmt: skip
        case Items(keys=keys, items=items):
            return replace(kind, items=tuple(name_extents(i, (*symbol, k), loops) for k, i in zip(keys, items)))
    return kind


def forget_loop(kind: Kind, loop) -> Kind:
    """`kind` without the extents that had their meaning in one pass of `loop`."""

    def forget(dim: Dim) -> Dim | None:
        if loop not in dim.loops:
            return dim
        return Dim(None, 0, True) if dim.many else None

    return map_dims(kind, forget)


def same_extent(a: Dim | None, b: Dim | None) -> bool:
    """Whether two extents are known to be equal."""
    return a is not None and a == b and a.symbol is not None


def broadcast_dims(operands: list[tuple]) -> tuple:
    """The extents of the broadcast of arrays with the given extents."""
    rank = max(map(len, operands))
    result = []
    for k in range(-rank, 0):
        dims = [d[k] for d in operands if len(d) >= -k]
        wide = [d for d in dims if d != ONE]
        if not wide:
            result.append(ONE)
            continue
        known = [d for d in wide if d is not None and d.many]
        first = wide[0]
        if known:
            result.append(known[0])
        elif all(same_extent(first, d) for d in wide):
            result.append(first)
        else:
            result.append(None)
    return tuple(result)


# ---------------------------------------------------------------------------------------------------------------
# Kinds by example

SIZES = ((7, 11, 13, 17, 19, 23, 29, 31), (10, 15, 18, 25, 28, 33, 40, 43))
SMALL = ((2, 3, 4, 5, 6, 7, 8, 9), (3, 5, 7, 9, 11, 13, 15, 17))
EQUAL = ((5, 5, 5, 5, 5, 5, 5, 5), (8, 8, 8, 8, 8, 8, 8, 8))
OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "<<": operator.lshift, ">>": operator.rshift,
    "&": operator.and_, "|": operator.or_, "^": operator.xor, "neg": operator.neg, "pos": operator.pos,
    "~": operator.invert, "not": operator.not_, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}


class NoExample(Exception):
    """No stand-in can be made for a value of some kind."""


class TooLarge(NoExample):
    """A stand-in of many axes has too many items."""


class Stage:
    """Stand-ins for values of given kinds: which symbol has which extent in one of two runs."""

    def __init__(self, sizes: tuple[int, ...], run: int):
        self.sizes, self.run, self.extents, self.many = sizes, run, {}, {}

    def extent(self, dim: Dim | None) -> int:
        if dim is None or dim.symbol is None:
            dim = Dim(object())
        if dim == ONE:
            return 1
        if dim.symbol not in self.extents:
            if len(self.extents) == len(self.sizes):
                raise NoExample
            self.extents[dim.symbol] = self.sizes[len(self.extents)]
            self.many[dim.symbol] = dim.many and dim.offset == 0
        return max(self.extents[dim.symbol] + dim.offset, 0)

    def example(self, kind: Kind) -> Any:
        match kind:
            case Number(type=type_, value=value):
                if isinstance(value, Dim):
                    return self.extent(value)
                if value is not None:
                    return value
                numbers = {"bool": True, "int": 2 + self.run, "float": 0.75, "complex": 0.75 + 0.25j}
                return numbers[type_] if type_ in numbers else np.dtype(type_).type(1)
            case Array(dtype=dtype, dims=dims) if dims is not None and dtype.kind in "biufc":
                return stand_in(dtype, tuple(self.extent(d) for d in dims), self.run)
            case Items(cls=cls, keys=keys, items=items) if not kind.is_record:
                values = [self.example(i) for i in items]
                if cls is dict:
                    return dict(zip(keys, values))
                return cls(*values) if hasattr(cls, "_fields") else cls(values)
            case Listing(item=item, cls=cls) if cls is list:
                return [self.example(item), self.example(item)]
            case Nothing():
                return None
            case Literal(value=value):
                return value
            case Sliced(bounds=bounds):
                return slice(*map(self.example, bounds))
            case Callee(obj=obj, extra=None):
                return obj
        raise NoExample


@functools.lru_cache(maxsize=512)
def stand_in(dtype: np.dtype, shape: tuple[int, ...], run: int) -> np.ndarray:
    """A read-only array on which most functions are defined: within (0, 2), diagonally dominant if square.

    The two runs have different values, so that an extent which depends on values (a mask, counts, np.unique) differs.
    """
    size = math.prod(shape)
    if size > 200_000:
        raise TooLarge
    if dtype.kind == "b":
        array = np.ones(shape, dtype)
        array.reshape(-1)[:run] = False
    elif dtype.kind in "iu":
        array = np.full(shape, 1 + run, dtype)
    else:
        array = (0.5 + (np.arange(size) // (1 + run)) / (size + 1)).reshape(shape).astype(dtype)
        if dtype.kind == "c":
            array = array * dtype.type(1 + 0.25j)
        if len(shape) >= 2 and shape[-1] == shape[-2]:
            array = (array + np.swapaxes(array, -1, -2)) / 2 + shape[-1] * np.eye(shape[-1], dtype=dtype)
    array.flags.writeable = False
    return array


def result_kind(fn, args: tuple[Kind, ...], kwargs: tuple[tuple[str, Kind], ...], site: Dim) -> Kind:
    """The kind of `fn(*args, **kwargs)`; an extent that is none of the arguments' is named by `site`.

    `fn` is an operator's symbol or a function that is pure. Unknown where the stand-ins do not work.
    """
    args = tuple(plain(a) for a in args)
    kind = _result_kind(OPERATORS.get(fn, fn) if isinstance(fn, str) else fn, args, kwargs)
    if isinstance(kind, Unknown) and fn in (np.moveaxis, np.swapaxes) and isinstance(args[0], Array):  # along any axes
        kind = Array(args[0].dtype, None if args[0].dims is None else (None,) * len(args[0].dims))

    def named(d: Dim) -> Dim:
        if not (isinstance(d.symbol, tuple) and d.symbol[0] == "new"):
            return d
        return replace(site, symbol=(*site.symbol, *d.symbol[1:]), many=d.many)

    return map_dims(kind, named)


@functools.lru_cache(maxsize=4096)
def _result_kind(fn, args, kwargs) -> Kind:
    small = False
    for sizes in (SIZES, SMALL, EQUAL):
        if sizes is SMALL and not small:
            continue
        stages = [Stage(sizes[run], run) for run in (0, 1)]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = [
                    fn(*[s.example(a) for a in args], **{k: s.example(v) for k, v in kwargs}) for s in stages
                ]
        except TooLarge:
            small = True
            continue
        except NoExample:
            return UNKNOWN
        except Exception:  # whatever a library raises on a stand-in: there is no telling, then
            continue
        kind = _compare(results[0], results[1], stages, sizes is EQUAL, ())
        listed = any(isinstance(a, Listing) for a in args)  # the stand-in of a list is of an arbitrary length
        return UNKNOWN if listed and isinstance(kind, Items) else kind
    return UNKNOWN


def _compare(a, b, stages, equal: bool, path: tuple) -> Kind:
    """The kind of two results of the same call on differently sized stand-ins."""
    if type(a) is not type(b):
        return UNKNOWN
    if isinstance(a, np.ndarray):
        if a.ndim != b.ndim or a.dtype != b.dtype:
            return Array(a.dtype, None) if a.dtype == b.dtype else UNKNOWN
        extents = enumerate(zip(a.shape, b.shape))
        return Array(a.dtype, tuple(_extent(m, n, stages, equal, (*path, k)) for k, (m, n) in extents))
    if isinstance(a, int) and not isinstance(a, bool) and not equal:
        dim = _extent(a, b, stages, equal, path)
        known = dim != ONE and dim.symbol[0] != "new" if isinstance(dim.symbol, tuple) else dim != ONE
        return Number("int", dim if known else None)
    if isinstance(a, (tuple, list)) and len(a) == len(b):
        items = enumerate(zip(a, b))
        return Items(
            type(a), tuple(range(len(a))), tuple(_compare(x, y, stages, equal, (*path, k)) for k, (x, y) in items)
        )  # fmt: skip
    if isinstance(a, dict) and a.keys() == b.keys():
        return Items(dict, tuple(a), tuple(_compare(a[k], b[k], stages, equal, (*path, k)) for k in a))
    if isinstance(a, (tuple, list, dict)):
        return UNKNOWN
    return kind_of(a)


def _extent(m: int, n: int, stages, equal: bool, path: tuple) -> Dim:
    if m == n == 1:
        return ONE
    if equal:
        return Dim(("new", *path), 0, (m, n) == (EQUAL[0][0], EQUAL[1][0]))
    for symbol, base in stages[0].extents.items():
        offset = m - base
        if symbol in stages[1].extents and offset == n - stages[1].extents[symbol] and abs(offset) < 7:
            return Dim(symbol, offset, offset == 0 and stages[0].many[symbol])
    return Dim(("new", *path))


def is_pure(fn) -> bool:
    """Whether calling `fn` on stand-ins is safe: no effect, no randomness, no input or output."""
    if isinstance(fn, np.ufunc) or registry.find(fn) is not None or registry.is_constant(fn):
        return True
    module = getattr(fn, "__module__", None)
    if module == "math":
        return True
    if module == "builtins":
        return fn in (abs, len, max, min, sum, round, divmod, pow, builtins.float, builtins.int, builtins.bool)
    return False
