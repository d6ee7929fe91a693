"""Rules of functions that join arrays or split one, and of arrays made from their items."""

from __future__ import annotations

import numpy as np

from srcad import prelude
from srcad.core.nodes import Undecided
from srcad.rules.registry import A, alias, available, ex, linear, rule, sequence_rule, symbolic
from srcad.rules.shapes import is_none, known, rank, shape, size
from srcad.rules.shaping import converted, reshaped

join = symbolic(np.concatenate)
join_new = symbolic(np.stack)
as_list = symbolic(list)
unstacked, unjoined = symbolic(prelude.unstacked), symbolic(prelude.unjoined)

# ---------------------------------------------------------------------------------------------------------------
# Joining: the adjoint of an item is its section of y_bar


def section(y_bar, extents, k, axis):
    """The part of `y_bar` that came from the k-th of arrays with these extents along `axis`."""
    stop = sum_of(extents[: k + 1]) if k + 1 < len(extents) else None
    return at(y_bar, slice(sum_of(extents[:k]), stop), axis)


def at(y_bar, index, axis):
    """`y_bar` at `index` along `axis`."""
    return y_bar[(*(slice(None),) * axis, index)] if axis else y_bar[index]


def sum_of(extents):
    """The sum of a list, without a leading `0 +`; None for an empty list."""
    total = None
    for n in extents:
        total = n if total is None else total + n
    return total


def concatenate_listed(item, y_bar, y, arrays, axis=0, *, dtype=None):
    axis = known(axis)
    if rank(item) == 0 or axis is None:
        raise Undecided("a list of numbers, or of arrays that are joined flat")
    return unjoined(y_bar, arrays) if axis == 0 else unjoined(y_bar, arrays, axis)


def stack_listed(item, y_bar, y, arrays, axis=0, *, dtype=None):
    if rank(item) == 0:
        return as_list(y_bar)
    return unstacked(y_bar) if known(axis) == 0 else unstacked(y_bar, axis)


def along(stacked: int, joined: int):
    """The adjoint of a list of vectors that are stacked along an axis, or of arrays of more axes joined along another."""

    def listed(item, y_bar, y, tup, *, dtype=None):
        if rank(item) == 0:
            raise Undecided("a list of numbers")
        if rank(item) == 1:
            return stack_listed(item, y_bar, y, tup, stacked)
        return concatenate_listed(item, y_bar, y, tup, joined)

    return listed


@sequence_rule(
    np.concatenate, data="arrays", jvp="linear", arrays=True, listed=concatenate_listed,
    examples=[
        ex([A(2), A(3)]), ex((A(2, 3), A(1, 3))), ex([A(2, 3), A(2, 1), A(2, 2)], 1), ex([A(2, 3), A(2, 0)], axis=-1),
        ex([A(2, 1), A(3)], axis=None), ex([A(2)]), ex([A(2, 3, 4), A(2, 1, 4)], axis=1), ex([A(0), A(2)]),
        ex(A(2, 3, 4)), ex(A(2, 3, 4), 1),
    ],
)  # fmt: skip
def concatenate_vjp(k, y_bar, y, arrays, axis=0, *, dtype=None):
    if known(axis) is None:
        return reshaped(section(y_bar, [size(a) for a in arrays], k, 0), arrays[k])
    axis = axis if axis >= 0 else axis + rank(arrays[k])
    return section(y_bar, [shape(a)[axis] for a in arrays], k, axis)


STACKED = [ex([A(), A()]), ex([A(3), A(3)]), ex((A(2, 3), A(2, 3), A(2, 3))), ex(A(2, 3, 4))]


@sequence_rule(
    np.stack,
    data="arrays",
    jvp="linear",
    arrays=True,
    listed=stack_listed,
    examples=[
        *STACKED,
        ex([A(3), A(3)], 1),
        ex([A(2, 3), A(2, 3)], axis=-1),
        ex([A(2, 3), A(2, 3)], axis=-2),
        ex([A(0), A(0)]),
    ],
)
def stack_vjp(k, y_bar, y, arrays, axis=0, *, dtype=None):
    if known(axis) == -1:
        return y_bar[..., k]
    return at(y_bar, k, axis if axis >= 0 else axis + rank(y))


def lifted_section(k, y_bar, arrays, axis, ndim, long_rank):
    """The adjoint of the k-th of `arrays`, which were given `ndim` axes, then joined along `axis`.

    Those that had `long_rank` axes or more have an extent along `axis`; the others are one item there.
    """
    extents = [shape(a)[axis] if rank(a) >= long_rank else 1 for a in arrays]
    if rank(arrays[k]) >= long_rank:
        return section(y_bar, extents, k, axis)
    item = at(y_bar, sum_of(extents[:k]) if k else 0, axis)
    return item if rank(arrays[k]) == ndim - 1 else reshaped(item, arrays[k])


@sequence_rule(
    np.vstack, data="tup", jvp="linear", arrays=True, listed=along(0, 0),
    examples=[
        *STACKED, ex([A(3), A(2, 3), A(3)]), ex([A(2, 2, 1), A(1, 2, 1)]),
    ],
)  # fmt: skip
def vstack_vjp(k, y_bar, y, tup, *, dtype=None):
    return lifted_section(k, y_bar, tup, 0, 2, 2)


alias(np.vstack, *available(np, "row_stack"))


def hstack_listed(item, y_bar, y, tup, *, dtype=None):
    if rank(item) == 0:
        return as_list(y_bar)
    return concatenate_listed(item, y_bar, y, tup, 0 if rank(item) == 1 else 1)


@sequence_rule(
    np.hstack, data="tup", jvp="linear", arrays=True, listed=hstack_listed,
    examples=[*STACKED, ex([A(), A(3), A()]), ex([A(2, 1), A(2, 3)]), ex([A(2, 1, 2), A(2, 2, 2)])],
)  # fmt: skip
def hstack_vjp(k, y_bar, y, tup, *, dtype=None):
    axis = 0 if rank(tup[0]) <= 1 else 1
    return lifted_section(k, y_bar, tup, axis, axis + 1, axis + 1)


@sequence_rule(
    np.dstack, data="tup", jvp="linear", arrays=True,
    examples=[*STACKED, ex([A(2, 3, 2), A(2, 3)]), ex([A(3), A(1, 3)])],
)  # fmt: skip
def dstack_vjp(k, y_bar, y, tup):
    return lifted_section(k, y_bar, tup, 2, 3, 3)


@sequence_rule(
    np.column_stack, data="tup", jvp="linear", arrays=True, listed=along(1, 1),
    examples=[*STACKED[:3], ex([A(3), A(3, 2), A(3)])],
)  # fmt: skip
def column_stack_vjp(k, y_bar, y, tup):
    return lifted_section(k, y_bar, tup, 1, 2, 2)


def append_first(y_bar, y, arr, values, axis=None):
    return concatenate_vjp(0, y_bar, y, [arr, values], axis)


def append_second(y_bar, y, arr, values, axis=None):
    return concatenate_vjp(1, y_bar, y, [arr, values], axis)


rule(
    np.append, append_first, append_second, jvp="linear",
    examples=[ex(A(3), A()), ex(A(2, 3), A(3)), ex(A(2, 3), A(1, 3), axis=0), ex(A(2, 3), A(2, 2), -1), ex(A(0), A(2))],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Splitting

SPLITS = [
    ex(A(6), 3), ex(A(6), [2, 5]), ex(A(6), [0, 4, 4]), ex(A(4, 6), 2, 1), ex(A(4, 6), [1, 2], axis=0),
    ex(A(4, 6), 2, axis=-1),
]  # fmt: skip


@linear(np.split, examples=SPLITS)
def split_vjp(y_bar, y, ary, indices_or_sections, axis=0):
    return join(y_bar) if isinstance(axis, int) and axis == 0 else join(y_bar, axis)


@linear(np.array_split, examples=[*SPLITS, ex(A(7), 3), ex(A(2), 3)])
def array_split_vjp(y_bar, y, ary, indices_or_sections, axis=0):
    return split_vjp(y_bar, y, ary, indices_or_sections, axis)


@linear(np.hsplit, examples=[ex(A(4), 2), ex(A(2, 4), 2), ex(A(2, 4, 2), [1])])
def hsplit_vjp(y_bar, y, ary, indices_or_sections):
    return join(y_bar) if rank(ary) == 1 else join(y_bar, 1)


@linear(np.vsplit, examples=[ex(A(4, 2), 2), ex(A(4, 2), [1])])
def vsplit_vjp(y_bar, y, ary, indices_or_sections):
    return join(y_bar)


@linear(np.dsplit, examples=[ex(A(2, 3, 4), 2)])
def dsplit_vjp(y_bar, y, ary, indices_or_sections):
    return join(y_bar, 2)


for function in available(np, "unstack"):  # from NumPy 2.1 on

    @linear(function, examples=[ex(A(2, 3)), ex(A(2, 3), axis=1)])
    def unstack_vjp(y_bar, y, x, /, *, axis=0):
        return join_new(y_bar) if isinstance(axis, int) and axis == 0 else join_new(y_bar, axis)


# ---------------------------------------------------------------------------------------------------------------
# Arrays from nested lists


def item_of(items, path):
    """The item at a path, an int or a tuple of them."""
    for k in path if isinstance(path, tuple) else (path,):
        items = items[k]
    return items


def array_vjp(k, y_bar, y, object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0):
    item = item_of(object, k)
    if known(ndmin) > 0:
        path = k if isinstance(k, tuple) else (k,)
        k = (0,) * (rank(y) - rank(item) - len(path)) + path
        k = k[0] if len(k) == 1 else k
    return converted(y_bar[k], item, dtype)


def array_whole(y_bar, y, object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0):
    return converted(y_bar if known(ndmin) == 0 else reshaped(y_bar, object), object, dtype)


def array_listed(item, y_bar, y, items, dtype=None, *args, **parameters):
    if not is_none(dtype) or args or parameters:
        raise Undecided("a list that is converted")
    return stack_listed(item, y_bar, y, items)


def asarray_vjp(k, y_bar, y, a, dtype=None, order=None, *, copy=None):
    return array_vjp(k, y_bar, y, a, dtype)


def asarray_whole(y_bar, y, a, dtype=None, order=None, *, copy=None):
    return converted(y_bar, a, dtype)


LISTS = [
    ex([A(), A(), 1.0]), ex([[A(), 1.0], (A(), A())]), ex([A(3), A(3)]), ex([[A(2), A(2)], [A(2), A(2)]]),
    ex(A(2, 3)), ex(A()),
    ex([A(), 2], dtype=float), ex([A()], int), ex([]), ex([A(3), [A(), A(), 0.0]]),
]  # fmt: skip
sequence_rule(
    np.array, data="object", jvp="linear", whole=array_whole, listed=array_listed,
    examples=[*LISTS, ex([A(), A()], ndmin=2), ex(A(3), ndmin=3), ex([A(3)], ndmin=1), ex(A(2), np.float64, copy=True)],
)(array_vjp)  # fmt: skip
for function in (np.asarray, np.asanyarray):
    sequence_rule(function, data="a", jvp="linear", whole=asarray_whole, listed=array_listed, examples=LISTS)(asarray_vjp)
