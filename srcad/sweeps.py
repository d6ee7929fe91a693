"""All derivatives of a function at a point, by either mode: `pulled` by reverse, `pushed` by forward mode.

Both give the value and blocks: `blocks[i][j]` is the derivative of leaf i of the value by leaf j of the arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcad import structure
from srcad.adjoints import as_gradient, zero_like
from srcad.calls import Call
from srcad.errors import KindError
from srcad.forward_mode import as_tangent, compiled_tangent, is_number, moved, slopes
from srcad.programs import name_of

Picks = tuple[tuple[int, int | None], ...]
"""Which arguments: the position of the parameter and, in `*args`, that of the item."""


def pulled(call: Call, values: list, chosen, picks: Picks, at_most: float = math.inf) -> tuple[Any, list | None]:
    """The value, and the blocks by reverse mode; None in place of them if the value has more than `at_most` numbers."""
    compiled = call.compiled(values, chosen, scalar=False)
    value, saved = compiled.forward(*values)
    refuse_complex(call, [*leaves(value), *leaves(picked(values, picks))])
    if size(leaves(value)) > at_most:
        return value, None
    arguments = picked(values, picks)

    def adjoints(seed) -> list:
        """The adjoints of the leaves of the arguments."""
        bars = compiled.adjoint(saved, seed)
        by_name = dict(zip(compiled.varied, bars if len(compiled.varied) > 1 else (bars,)))
        found: list = []
        for (i, item), argument in zip(picks, arguments):
            name = compiled.params[i]
            bar = as_gradient(values[i], by_name[name]) if name in by_name else zero_like(values[i])
            found += structure.leaves(bar if item is None else bar[item], like=argument)
        return found

    by = [x for a in arguments for x in structure.leaves(a)]
    is_one = len(picks) == len(compiled.varied) == 1 and picks[0][1] is None and by[0] is arguments[0]
    root = [seed_like(value)]
    blocks: list = []
    for y, (holder, key) in zip(leaves(value), places(root)):
        rows = [np.zeros((np.size(y), *np.shape(x)), dtype_of(x, y)) for x in by]
        for k in each_unit(holder, key) if structure.is_differentiable(y) and compiled.varied else ():
            if is_one:  # an array or a number: its adjoint as it comes
                rows[0][k] = compiled.adjoint(saved, root[0])
                continue
            for row, x_bar in zip(rows, adjoints(root[0])):
                row[k] = x_bar
        blocks.append([finished(row, y, x) for row, x in zip(rows, by)])
    return value, blocks


def pushed(call: Call, values: list, chosen, picks: Picks, read: Callable = lambda found: found) -> tuple[Any, list]:
    """The value, and the blocks by forward mode; `read` makes the value of what the function returns."""
    refuse_complex(call, leaves(picked(values, picks)))
    compiled = compiled_tangent(call, values, chosen)
    dots = {compiled.params[i]: still(values[i]) for i in chosen}
    by = [structure.leaves(argument) for argument in picked(values, picks)]
    value, along = slopes(compiled, values, is_once=sum(map(np.size, (x for found in by for x in found))) == 1)
    value = read(value)
    refuse_complex(call, leaves(value))
    ys = leaves(value)
    columns: list = []
    for (i, item), argument, found in zip(picks, picked(values, picks), by):
        name = compiled.params[i]
        zero, units = dots[name], [seed_like(x) for x in found]
        is_one = len(compiled.varied) == 1 and item is None and is_leaf(value) and is_leaf(argument)
        for j, x in enumerate(found):
            column = [np.zeros((np.size(x), *np.shape(y)), dtype_of(x, y)) for y in ys]
            for k in each_unit(units, j):
                if is_one:  # arrays or numbers: the tangent as it comes
                    dot = along(units[0])
                    column[0][k] = dot if getattr(dot, "dtype", None) is column[0].dtype else as_tangent(value, dot, set())
                    continue
                rest = iter(units)
                direction = structure.tree_map(lambda leaf, rest=rest: next(rest), argument, constant=still)
                dots[name] = direction if item is None else (*zero[:item], direction, *zero[item + 1 :])
                dot = read(along(*(dots[name] for name in compiled.varied)))
                for c, y_dot in zip(column, tangents(value, dot)):
                    c[k] = y_dot
            columns.append((x, column))
        dots[name] = zero
    blocks = [
        [finished(np.moveaxis(column[i], 0, -1), y, x) for x, column in columns] for i, y in enumerate(ys)
    ]  # fmt: skip
    return value, blocks


def refuse_complex(call: Call, found: list) -> None:
    """Raises KindError if there is a complex number among leaves: its derivative is no single number."""
    if any(np.iscomplexobj(leaf) for leaf in found if isinstance(leaf, (complex, np.ndarray, np.generic))):
        raise KindError(
            None, f"{name_of(call.fun)} takes or returns complex numbers, which have no matrix of derivatives",
            hint="Write it with real and imaginary parts, as complex(a, b) or x + 1j * y, or use vjp, jvp or hvp.",
        )  # fmt: skip


def nested(value, blocks: list, arguments: list, one_or_tuple: Callable):
    """The blocks in the structure of the value, in that of the arguments."""
    rows = iter(blocks)

    def by_arguments(row: list):
        rest = iter(row)
        put = lambda leaf: next(rest)  # noqa: E731
        return one_or_tuple([structure.tree_map(put, a, constant=lambda leaf: None) for a in arguments])

    def by_value(part):
        held = structure.items(part)
        if held is not None:
            return structure.build(part, [by_value(p) for p in held])
        row = next(rows)
        return by_arguments(row) if is_number(part) else None

    return by_value(value)


def picked(values: list, picks: Picks) -> list:
    """The arguments to differentiate by."""
    return [values[i] if item is None else values[i][item] for i, item in picks]


def leaves(value) -> list:
    """All leaves of a structure, in order: also those that have no derivative."""
    held = structure.items(value)
    return [value] if held is None else [leaf for part in held for leaf in leaves(part)]


def is_leaf(value) -> bool:
    """Whether a value is a number or an array itself."""
    return structure.items(value) is None


def size(found: list) -> int:
    """How many numbers with a derivative there are in leaves."""
    return sum(np.size(leaf) for leaf in found if structure.is_differentiable(leaf))


def seed_like(value):
    """A zero adjoint of a value, or tangent of a leaf, as generated code takes it, of lists and dicts: it can change."""
    held = structure.items(value)
    if held is None:
        if isinstance(value, np.ndarray):
            return np.zeros(value.shape, value.dtype if value.dtype.kind == "f" else float)
        return type(value)(0) if structure.is_differentiable(value) else 0.0
    parts = [seed_like(part) for part in held]
    return parts if isinstance(value, (tuple, list)) else dict(zip(structure.keys(value), parts))


def places(holder: list | dict) -> Iterator[tuple[list | dict, Any]]:
    """The container and the key of each leaf of lists and dicts."""
    for key, part in holder.items() if isinstance(holder, dict) else enumerate(holder):
        if isinstance(part, (list, dict)):
            yield from places(part)
        else:
            yield holder, key


def each_unit(holder: list | dict, key) -> Iterator[int]:
    """For each number of the leaf `holder[key]`, which are zeros: its index in the flat leaf, while it is 1."""
    zero = holder[key]
    if isinstance(zero, np.ndarray):
        flat = zero.reshape(-1)
        for k in range(zero.size):
            flat[k] = 1
            yield k
            flat[k] = 0
    else:
        holder[key] = type(zero)(1)
        yield 0
        holder[key] = zero


def still(value):
    """The zero tangent of an argument."""
    return moved(value, None, "")[1]


def tangents(value, dot) -> list:
    """The tangents of all leaves of a value."""
    held = structure.items(value)
    if held is None:
        return [0.0 if dot is None else dot]
    dots = [None] * len(held) if dot is None else structure.items(dot)
    return [leaf for part, d in zip(held, dots) for leaf in tangents(part, d)]


def dtype_of(x, y) -> np.dtype:
    """The type of the derivative of y by x: that of x; by a plain float that of y."""
    for leaf in (x, y):
        if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc":
            return leaf.dtype
    return np.dtype(float)


def finished(block: np.ndarray, y, x):
    """The derivative of y by x, in its shape: a number where both are."""
    block = block.reshape(np.shape(y) + np.shape(x))
    return block if isinstance(y, np.ndarray) or isinstance(x, np.ndarray) else structure.cast(block[()], x)
