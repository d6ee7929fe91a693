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


def pulled(
    call: Call, values: list, chosen, picks: Picks, at_most: float = math.inf, holomorphic: bool = False
) -> tuple[Any, list | None]:
    """The value, and the blocks by reverse mode; None in place of them if the value has more than `at_most` numbers."""
    compiled = call.compiled(values, chosen, scalar=False)
    value, saved = compiled.forward(*values)
    if size(leaves(value)) > at_most:
        return value, None
    arguments = picked(values, picks)
    by, ys = [x for a in arguments for x in structure.leaves(a)], leaves(value)
    check_complex(call, by, ys, holomorphic)

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

    is_one = len(picks) == len(compiled.varied) == 1 and picks[0][1] is None and by[0] is arguments[0]
    is_real = not any(map(np.iscomplexobj, (*by, *ys)))
    root = [seed_like(value)]
    blocks: list = []
    for y, (holder, key) in zip(ys, places(root)):
        rows = [np.zeros((np.size(y), *np.shape(x)), dtype_of(x, y)) for x in by]
        has_numbers = structure.is_differentiable(y) and compiled.varied
        for one in ones(y, by) if has_numbers else ():
            for k in each_unit(holder, key, one):
                if is_one and is_real:  # an array or a number: its adjoint as it comes
                    rows[0][k] = compiled.adjoint(saved, root[0])
                    continue
                for row, x, x_bar in zip(rows, by, adjoints(root[0])):
                    if not np.iscomplexobj(x):
                        row[k] += one * x_bar
                    elif one == 1:
                        row[k] = np.conj(x_bar) if np.iscomplexobj(y) else x_bar
        blocks.append([finished(row, y, x) for row, x in zip(rows, by)])
    if holomorphic and not is_real and compiled.varied:
        ends = [[seed_like(value)], [seed_like(value)]]
        for y, *both in zip(ys, *map(places, ends)):
            if np.iscomplexobj(y):
                direction = np.random.default_rng(1).normal(size=np.shape(y))
                for (holder, key), one in zip(both, (1, 1j)):
                    holder[key] = holder[key] + one * direction
        check_holomorphic(call, *(adjoints(end) for [end] in ends), by)
    return value, blocks


def pushed(
    call: Call, values: list, chosen, picks: Picks, read: Callable = lambda found: found, holomorphic: bool = False
) -> tuple[Any, list]:
    """The value, and the blocks by forward mode; `read` makes the value of what the function returns."""
    compiled = compiled_tangent(call, values, chosen)
    dots = {compiled.params[i]: still(values[i]) for i in chosen}
    arguments = picked(values, picks)
    by = [structure.leaves(argument) for argument in arguments]
    all_by = [x for found in by for x in found]
    value, along = slopes(compiled, values, is_once=sum(map(np.size, all_by)) == 1)
    value = read(value)
    ys = leaves(value)
    check_complex(call, all_by, ys, holomorphic)

    def towards(i: int, item: int | None, argument, units: list):
        """The tangent of the value along these units of an argument."""
        name, rest = compiled.params[i], iter(units)
        zero = dots[name]
        direction = structure.tree_map(lambda leaf: next(rest), argument, constant=still)
        moving = direction if item is None else (*zero[:item], direction, *zero[item + 1 :])
        return read(along(*(moving if p == name else dots[p] for p in compiled.varied)))

    columns: list = []
    for (i, item), argument, found in zip(picks, arguments, by):
        units = [seed_like(x) for x in found]
        is_one = len(compiled.varied) == 1 and item is None and is_leaf(value) and is_leaf(argument)
        for j, x in enumerate(found):
            column = [np.zeros((np.size(x), *np.shape(y)), dtype_of(x, y)) for y in ys]
            for one in ones(x, ys):
                for k in each_unit(units, j, one):
                    if is_one and one == 1:  # arrays or numbers: the tangent as it comes
                        dot = along(units[0])
                        own = getattr(dot, "dtype", None) is column[0].dtype
                        column[0][k] = dot if own else as_tangent(value, dot, set())
                        continue
                    for c, y, y_dot in zip(column, ys, tangents(value, towards(i, item, argument, units))):
                        if one == 1 or not np.iscomplexobj(y):
                            c[k] += one * y_dot
            columns.append((x, column))
        if holomorphic and any(map(np.iscomplexobj, found)):
            rng = np.random.default_rng(1)
            aside = [rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else seed_like(x) for x in found]
            ahead = [(v * (1 + 0j) if np.iscomplexobj(x) else v) for v, x in zip(aside, found)]
            turned = [(v * 1j if np.iscomplexobj(x) else v) for v, x in zip(aside, found)]
            check_holomorphic(call, *(tangents(value, towards(i, item, argument, v)) for v in (ahead, turned)), ys)
    blocks = [
        [finished(np.moveaxis(column[i], 0, -1), y, x) for x, column in columns] for i, y in enumerate(ys)
    ]  # fmt: skip
    return value, blocks


# ---------------------------------------------------------------------------------------------------------------
# Complex numbers


def ones(leaf, others: list) -> tuple:
    """The units of a leaf that differs by: 1, and of a complex leaf 1j as well, if one of the others is real."""
    return (1, 1j) if np.iscomplexobj(leaf) and not all(map(np.iscomplexobj, others)) else (1,)


def check_complex(call: Call, by: list, ys: list, holomorphic: bool) -> None:
    """Raises KindError where a complex value has no derivative by a complex argument that is one number."""
    ys = [y for y in ys if structure.is_differentiable(y)]
    if not any(map(np.iscomplexobj, by)):
        return
    if holomorphic and not all(map(np.iscomplexobj, ys)):
        raise KindError(
            None, f"{name_of(call.fun)} returns real numbers: as a function of complex ones it is not holomorphic",
            hint="Leave out holomorphic=True: by a complex z you get dL/dRe(z) + 1j * dL/dIm(z).",
        )  # fmt: skip
    if not holomorphic and any(map(np.iscomplexobj, ys)):
        raise KindError(
            None, f"{name_of(call.fun)} takes and returns complex numbers, and is not said to be holomorphic",
            hint="Pass holomorphic=True if it is; else write it with real and imaginary parts, or use vjp, jvp or hvp.",
        )  # fmt: skip


def check_holomorphic(call: Call, along: list, aside: list, like: list) -> None:
    """Raises KindError if derivatives along a direction times 1j are not 1j times those along it (Cauchy and Riemann)."""
    for a, b, leaf in zip(along, aside, like):
        if np.iscomplexobj(leaf):
            tolerance = 100 * math.sqrt(np.finfo(np.asarray(leaf).dtype).eps)
            if np.max(np.abs(np.subtract(b, 1j * np.asarray(a))), initial=0) > tolerance * np.max(np.abs(a), initial=0):
                raise KindError(
                    None, f"{name_of(call.fun)} is not holomorphic: its derivative along 1j is not 1j times that along 1",
                    hint="Write it with real and imaginary parts, or use vjp, jvp or hvp.",
                )  # fmt: skip


def nested(value, blocks: list, arguments: list, one_or_tuple: Callable):
    """The blocks in the structure of the value, in that of the arguments."""
    rows = iter(blocks)

    def by_arguments(row: list):
        rest = iter(row)
        return one_or_tuple(
            [structure.tree_map(lambda leaf: next(rest), a, constant=lambda leaf: None) for a in arguments]
        )

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
            return np.zeros(value.shape, value.dtype if value.dtype.kind in "fc" else float)
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


def each_unit(holder: list | dict, key, one: complex = 1) -> Iterator[int]:
    """For each number of the leaf `holder[key]`, which are zeros: its index in the flat leaf, while it is `one`."""
    zero = holder[key]
    if isinstance(zero, np.ndarray):
        flat = zero.reshape(-1)
        for k in range(zero.size):
            flat[k] = one
            yield k
            flat[k] = 0
    else:
        holder[key] = type(zero)(one)
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
    """The type of the derivative of y by x: that of x; by a plain float that of y. Complex if one of them is."""
    for leaf in (x, y):
        if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc":
            return np.result_type(leaf.dtype, np.complex64) if np.iscomplexobj(x) or np.iscomplexobj(y) else leaf.dtype
    return np.dtype(complex if np.iscomplexobj(x) or np.iscomplexobj(y) else float)


def finished(block: np.ndarray, y, x):
    """The derivative of y by x, in its shape: a number where both are."""
    block = block.reshape(np.shape(y) + np.shape(x))
    if isinstance(y, np.ndarray) or isinstance(x, np.ndarray):
        return block
    if np.iscomplexobj(block) and not np.iscomplexobj(x):
        return block[()] if isinstance(x, np.generic) else complex(block)
    return structure.cast(block[()], x)
