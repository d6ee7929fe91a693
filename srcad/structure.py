"""Structures of numbers: floats and arrays, alone or nested in tuples, lists, dicts, namedtuples, dataclasses and objects.

Parameters, their gradients and the state of an optimiser have one structure. A *leaf* is what is no container; it takes
part in the differentiation if it is a float, a complex number or an array of those. All other leaves (strings, None,
bools, counts) are constants: a gradient has None in their place.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import itertools
import math
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcad.errors import KindError

Structure = Any


def is_differentiable(leaf) -> bool:
    """Whether a leaf takes part in the differentiation.

    >>> [is_differentiable(leaf) for leaf in (1.0, np.ones(3), np.float32(2), 3, np.arange(3), True, "relu", None)]
    [True, True, True, False, False, False, False, False]
    """
    if isinstance(leaf, np.ndarray):
        return leaf.dtype.kind in "fc"
    return isinstance(leaf, (float, complex, np.inexact))


def is_integer(leaf) -> bool:
    """Whether a leaf is an integer or an array of them: a count, or a parameter whose point was forgotten."""
    if isinstance(leaf, np.ndarray):
        return leaf.dtype.kind in "iu"
    return isinstance(leaf, (int, np.integer)) and not isinstance(leaf, bool)


def cast(value, leaf):
    """`value` with the type of `leaf`: a float for a float, an array of its dtype for an array, 0-d ones too."""
    if isinstance(leaf, np.ndarray):
        return np.asarray(value, leaf.dtype)
    return type(leaf)(value)


# ---------------------------------------------------------------------------------------------------------------
# Containers


@functools.cache
def _field_names(cls: type) -> tuple[str, ...] | None:
    return tuple(f.name for f in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else None


LIBRARIES = frozenset(("numpy", "scipy", "math", "pandas", "matplotlib", "sklearn", "jax", "torch"))
"""Modules whose functions and classes are no user's, so that their text is not differentiated."""


def is_library(made: Any) -> bool:
    """Whether a function or class is one of a library, or of srcad."""
    module = made.__module__ or ""
    root = module.partition(".")[0]
    # these are in plain Python, to be differentiated
    said = module in ("srcad.prelude", "srcad.programs") or module.startswith("srcad.stand_ins.")
    return not said if root == "srcad" else root in LIBRARIES


@functools.cache
def has_made_init(cls: type) -> bool:
    """Whether the `__init__` of a class is one that @dataclass has made of the fields that the class has."""
    if not dataclasses.is_dataclass(cls):
        return False
    owner = next(c for c in cls.__mro__ if "__init__" in vars(c))
    made = owner.__init__
    is_made = isinstance(made, types.FunctionType) and made.__code__.co_filename == "<string>"  # by exec
    return is_made and dataclasses.fields(cls) == dataclasses.fields(owner)


@functools.cache
def is_plain_class(cls: type) -> bool:
    """Whether objects of a class are made by an `__init__` written in Python, and hold their attributes as such."""
    made = inspect.getattr_static(cls, "__init__", None)
    return (
        type(cls) is type
        and isinstance(made, types.FunctionType)
        and not is_library(made)
        and cls.__new__ is object.__new__
        and cls.__setattr__ is object.__setattr__
        and cls.__getattribute__ is object.__getattribute__
        and not hasattr(cls, "__getattr__")
        and not issubclass(cls, BaseException)
        and not has_made_init(cls)
    )


def attribute_names(value: Any) -> tuple[str, ...]:
    """The attributes that an object holds itself, in slots or a dictionary, but for what a cached property computed."""
    cls = type(value)
    slots = [vars(c).get("__slots__", ()) for c in reversed(cls.__mro__)]
    named = [n for names in slots for n in ((names,) if isinstance(names, str) else names)]
    held = (n for n in getattr(value, "__dict__", ()) if not isinstance(getattr(cls, n, None), functools.cached_property))
    return (*(n for n in named if n not in ("__dict__", "__weakref__") and hasattr(value, n)), *held)


def names_of(value: Any) -> tuple[str, ...] | None:
    """The names of what a dataclass or an object of a class of the user's holds, None for all else.

    An object counts only if there is a number to differentiate by in it, and if it is not part of itself.
    """
    names = _field_names(type(value))
    if names is None and is_plain_class(type(value)) and _holds_numbers(value, [], {}) is True:
        return attribute_names(value)
    return names


def _holds_numbers(value: Any, path: list[int], known: dict[int, bool]) -> bool | None:
    """Whether a differentiable leaf is at any depth in a value; None if the value is a part of itself."""
    if isinstance(value, (tuple, list)):
        held = value
    elif isinstance(value, dict):
        held = value.values()
    else:
        names = _field_names(type(value))
        if names is None:
            if not is_plain_class(type(value)):
                return is_differentiable(value)
            names = attribute_names(value)
        held = [getattr(value, name, None) for name in names]
    if id(value) in path:
        return None
    if id(value) not in known:
        path.append(id(value))
        found = [_holds_numbers(item, path, known) for item in held]
        path.pop()
        known[id(value)] = None if None in found else True in found
    return known[id(value)]


def keys(structure: Structure) -> Sequence | None:
    """The keys of a container: of a dict its keys, of an object the names of its attributes, else numbers; None for a
    leaf."""
    if isinstance(structure, (tuple, list)):
        return range(len(structure))
    if isinstance(structure, dict):
        return list(structure)
    return names_of(structure)


def items(structure: Structure) -> Sequence | None:
    """What a container holds, in the order of its keys; None for a leaf."""
    if isinstance(structure, (tuple, list)):
        return structure
    if isinstance(structure, dict):
        return list(structure.values())
    names = names_of(structure)
    return None if names is None else [getattr(structure, name, None) for name in names]


def path(structure: Structure, key) -> str:
    """How Python writes the item after the name of its container: `.w`, `['w']`, `[0]`."""
    if hasattr(structure, "_fields"):
        return f".{structure._fields[key]}"
    return f"[{key!r}]" if isinstance(structure, (tuple, list, dict)) else f".{key}"


def build(like: Structure, items: list) -> Structure:
    """A container with the type and the keys of `like` that holds `items`.

    An object is built without its `__init__`: what checks parameters there would stumble over the None of a gradient.
    """
    if hasattr(like, "_make"):
        return like._make(items)
    if isinstance(like, (tuple, list)):
        return type(like)(items)
    if isinstance(like, dict):
        new = copy.copy(like)  # of a defaultdict also its default
        new.update(zip(like, items))
        return new
    cls = type(like)
    new = object.__new__(cls)
    attributes = {
        name: value
        for name, value in getattr(like, "__dict__", {}).items()
        if not isinstance(getattr(cls, name, None), functools.cached_property)
    }
    for name, value in {**attributes, **dict(zip(names_of(like), items))}.items():
        object.__setattr__(new, name, value)  # frozen ones too
    return new


def _aligned(other: Structure, like: Structure) -> Sequence:
    """The items of `other` in the order of `like`; a None stands for a container of nothing but None."""
    names = keys(like)
    if other is None:
        return [None] * len(names)
    held, other_names = items(other), keys(other)
    if other_names == names:
        return held
    if other_names is None or len(other_names) != len(names) or set(other_names) != set(names):
        raise KindError(None, f"a {_described(other)} where a {_described(like)} is expected")
    by_name = dict(zip(other_names, held))
    return [by_name[name] for name in names]


def _described(structure: Structure) -> str:
    name, names = type(structure).__name__, keys(structure)
    return name if names is None else f"{name} of {len(names)} items ({', '.join(map(str, names[:6]))})"


# ---------------------------------------------------------------------------------------------------------------
# Maps and sums over leaves


def tree_map(function: Callable, structure: Structure, *others: Structure, constant=lambda leaf: leaf) -> Structure:
    """`structure` with `function(leaf, *leaves of others)` for its leaves.

    Where one of these leaves is not differentiable, `constant(leaf)` stands: the leaf as it is.

    >>> tree_map(lambda x, g: x - 0.5 * g, {"w": 3.0, "layers": 2}, {"w": 4.0, "layers": None})
    {'w': 1.0, 'layers': 2}
    """
    held = items(structure)
    if held is None:
        if is_differentiable(structure) and all(map(is_differentiable, others)):
            return function(structure, *others)
        return constant(structure)
    columns = [_aligned(other, structure) for other in others]
    return build(structure, [tree_map(function, *row, constant=constant) for row in zip(held, *columns)])


def leaves(structure: Structure, like: Structure = None) -> list:
    """The differentiable leaves, in order; given `like`, what is in the places of its differentiable leaves.

    >>> leaves({"w": (1.0, 2.0), "name": "model", "b": 3.0})
    [1.0, 2.0, 3.0]
    """
    found: list = []
    _collect(structure, structure if like is None else like, found)
    return found


def _collect(structure: Structure, like: Structure, found: list) -> None:
    held = items(like)
    if held is not None:
        for part, like_part in zip(_aligned(structure, like), held):
            _collect(part, like_part, found)
    elif is_differentiable(like):
        if not is_differentiable(structure):
            raise KindError(None, f"a {_described(structure)} where a {_described(like)} is expected")
        found.append(structure)


def named_leaves(structure: Structure, name: str = "x", chosen=is_differentiable) -> list[tuple[str, Any]]:
    """The chosen leaves, each with the Python expression that reads it.

    >>> named_leaves({"w": (1.0, 2.0), "b": 3.0}, "params")
    [("params['w'][0]", 1.0), ("params['w'][1]", 2.0), ("params['b']", 3.0)]
    """
    names = keys(structure)
    if names is None:
        return [(name, structure)] if chosen(structure) else []
    parts = zip(names, items(structure))
    return [found for key, part in parts for found in named_leaves(part, name + path(structure, key), chosen)]


def with_leaves(structure: Structure, values: list) -> Structure:
    """`structure` with `values` for its differentiable leaves."""
    rest = iter(values)
    return tree_map(lambda leaf: next(rest), structure)


def zeros_like(structure: Structure) -> Structure:
    """The gradient of what does not depend on `structure`: zeros, and None for constants."""
    return tree_map(lambda x: cast(np.zeros(np.shape(x)), x), structure, constant=lambda leaf: None)


def random_like(structure: Structure, rng: np.random.Generator) -> Structure:
    """A direction to look along: standard normal numbers, and None for constants."""

    def normal(x):
        z = rng.standard_normal(np.shape(x))
        return cast(z + 1j * rng.standard_normal(np.shape(x)) if np.iscomplexobj(x) else z, x)

    return tree_map(normal, structure, constant=lambda leaf: None)


def copied(structure: Structure) -> Structure:
    """`structure` in containers and arrays of its own; a lone integer, or array of them, becomes a float.

    >>> copied(2), copied([2, 2.0])
    (2.0, [2, 2.0])
    """
    if is_integer(structure):
        return structure.astype(float) if isinstance(structure, np.ndarray) else float(structure)
    return tree_map(copy.copy, structure)


def apart(structure: Structure) -> Structure:
    """`structure` in containers and arrays of its own, which a function may write into; all else as it is."""
    return tree_map(_own, structure, constant=_own)


def _own(leaf):
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def dot(a: Structure, b: Structure) -> float:
    """The inner product of two structures: the sum over all leaves of Re(conj(a) b)."""
    return sum((float(np.vdot(x, y).real) for x, y in zip(leaves(a), leaves(b, like=a), strict=True)), 0.0)


def norm(structure: Structure) -> float:
    """The Euclidean norm over all leaves, infinite or NaN only where a leaf is."""
    return norm_of(leaves(structure))


def norm_of(values: list) -> float:
    """The Euclidean norm of a list of leaves."""
    square = sum(float(np.vdot(x, x).real) for x in values)
    if math.isfinite(square):
        return math.sqrt(square)
    peak = float(np.max([np.max(np.abs(x), initial=0.0) for x in values]))
    return peak * norm_of([x / peak for x in values]) if math.isfinite(peak) else peak


def ravel(structure: Structure) -> tuple[np.ndarray, Callable[[np.ndarray], Structure]]:
    """All leaves in one vector, and the function that makes the structure of such a vector again. The vector is real: it
    has of a complex leaf the real parts, then the imaginary ones.

    >>> vector, unravel = ravel({"w": np.zeros((1, 2)), "b": 1.0})
    >>> vector
    array([0., 0., 1.])
    >>> unravel(np.array([5.0, 6.0, 7.0]))
    {'w': array([[5., 6.]]), 'b': 7.0}
    """
    found = leaves(structure)
    parts = [numbers(leaf) for leaf in found]
    ends = np.cumsum([0, *map(len, parts)])
    vector = np.concatenate([np.zeros(0), *parts])

    def unravel(vector: np.ndarray) -> Structure:
        vector = np.array(vector)  # the structure shares no memory with it
        pieces = (vector[start:end] for start, end in itertools.pairwise(ends))
        return with_leaves(structure, [_leaf_of(piece, leaf) for piece, leaf in zip(pieces, found)])

    return vector, unravel


def numbers(leaf) -> np.ndarray:
    """The numbers of a leaf in a real vector: of a complex one the real parts, then the imaginary ones."""
    if np.iscomplexobj(leaf):
        return np.concatenate([np.ravel(np.real(leaf)), np.ravel(np.imag(leaf))])
    return np.ravel(leaf)


def _leaf_of(piece: np.ndarray, like):
    """The leaf that has these numbers."""
    if np.iscomplexobj(like):
        real, imag = np.split(piece, 2)
        piece = real + 1j * imag
    return cast(piece.reshape(np.shape(like)), like)


def component(named: list[tuple[str, Any]], number: int) -> str:
    """How Python writes the number of that index in the vector of leaves that have these names: `w['b'][2]`."""
    for name, leaf in named:
        count = np.size(leaf)
        if number < count * (2 if np.iscomplexobj(leaf) else 1):
            index = np.unravel_index(number % count, np.shape(leaf))
            part = (".imag" if number >= count else ".real") if np.iscomplexobj(leaf) else ""
            return name + (f"[{', '.join(map(str, index))}]" if index else "") + part
        number -= len(numbers(leaf))
    raise IndexError(number)
