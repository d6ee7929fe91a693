"""Rules of functions that choose among items, put items in, leave some out, or lay arrays beside one another."""

from __future__ import annotations

import numpy as np

from srcad import runtime_arrays
from srcad.core.nodes import call_of
from srcad.rules.indexing import printed, scatter, unsorted, wrapped
from srcad.rules.joining import item_of, sum_of
from srcad.rules.registry import A, Refused, adjoint, ex, is_symbol, linear, rule, sequence_rule, symbolic
from srcad.rules.shapes import is_none, is_unread, known, part, rank, rank_if_known, shape, size
from srcad.rules.shaping import converted, reshaped, unbroadcast

pad_adjoint = symbolic(runtime_arrays.pad_adjoint)
rank_of = symbolic(runtime_arrays.rank_of)


def computed(like, function, *args):
    """`function(*args)`, as an expression if `like` is one, although the arguments may be known."""
    if not is_symbol(like):
        return function(*args)
    return call_of(function, *(printed(a) if isinstance(a, slice) else a for a in args))


# ---------------------------------------------------------------------------------------------------------------
# Choosing


def to_shape(v, x):
    """`v`, of the shape of the result, summed to that of x."""
    return unbroadcast(v, shape(x))


def choose_vjp(k, y_bar, y, a, choices, *, mode="raise"):
    a = wrapped(a, len(choices), mode)
    return to_shape(y_bar * (a == k), choices[k])


def choose_whole(y_bar, y, a, choices, *, mode="raise"):
    a = wrapped(a, shape(choices)[0], mode)
    numbers = computed(choices, np.arange, shape(choices)[0])
    ahead = numbers[(slice(None), *(None,) * rank(y))]
    return to_shape(y_bar * (a == ahead), choices)


def choose_jvp(dots, y, a, choices, *, mode="raise"):
    a, total = wrapped(a, len(choices), mode), 0.0 * y
    for k, dot in enumerate(dots[0] if dots[0] is not None else []):
        total = total if dot is None else total + dot * (a == k)
    return total


WHICH = np.array([0, 2, 1, 2])
sequence_rule(
    np.choose, data="choices", jvp=choose_jvp, whole=choose_whole,
    examples=[
        ex(WHICH, [A(4), A(4), A(4)]), ex(WHICH, [A(), A(4), A()]), ex(WHICH[:, None], [A(1, 2), A(4, 2), A(2)]),
        ex(WHICH * 5 - 3, [A(4), A(4), A(4)], mode="wrap"), ex(WHICH * 5 - 3, [A(4), A(4), A(4)], mode="clip"),
        ex(WHICH, A(3, 4)), ex(1, A(3, 2)),
    ],
)(choose_vjp)  # fmt: skip


def chosen(condlist, k):
    """Where `np.select` takes the k-th choice: its condition holds, and none before it."""
    where = condlist[k] if k < len(condlist) else None
    for condition in condlist[:k]:
        none = np.logical_not(condition)
        where = none if where is None else where & none
    return where


def select_vjp(k, y_bar, y, condlist, choicelist, default=0):
    return to_shape(y_bar * chosen(condlist, k), choicelist[k])


def select_default(y_bar, y, condlist, choicelist, default=0):
    return to_shape(y_bar * chosen(condlist, len(condlist)), default)


def select_jvp(dots, y, condlist, choicelist, default=0):
    item_dots, default_dot = (*dots, None)[:2]
    total = 0.0 * y
    for k, dot in enumerate(item_dots if item_dots is not None else []):
        total = total if dot is None else total + dot * chosen(condlist, k)
    return total if default_dot is None else total + default_dot * chosen(condlist, len(condlist))


LOW, HIGH = np.array([True, False, True, False]), np.array([True, True, False, False])
sequence_rule(
    np.select, select_default, data=("choicelist", "default"), jvp=select_jvp,
    examples=[
        ex([LOW, HIGH], [A(4), A(4)]), ex([LOW, HIGH], [A(4), A(4)], A()), ex([LOW], [A(3, 4)], default=A(4)),
        ex([LOW, HIGH], [A(4), np.zeros(4)], 2.0), ex([LOW, ~LOW], [A(3, 1), A(4)]),
    ],
)(select_vjp)  # fmt: skip


@linear(
    np.compress, data=("a",),
    examples=[ex([True, False, True], A(3)), ex(LOW, A(2, 4), axis=1), ex([0, 1], A(2, 3), 0), ex(LOW[:3], A(2, 3))],
)  # fmt: skip
def compress_vjp(y_bar, y, condition, a, axis=None):
    places = computed(y_bar, np.flatnonzero, condition)
    if known(axis) is None:
        flat = scatter(y_bar, places, (size(a),))
        return flat if rank_if_known(a) == 1 else reshaped(flat, a)
    axis = axis % rank(a) if axis < 0 else axis
    return scatter(y_bar, (*(slice(None),) * axis, places) if axis else places, shape(a))


@linear(np.extract, data=("arr",), examples=[ex(LOW, A(4)), ex(np.eye(2) > 0, A(2, 2)), ex([[1, 0], [1, 1]], A(2, 2))])
def extract_vjp(y_bar, y, condition, arr):
    return compress_vjp(y_bar, y, condition, arr)


# ---------------------------------------------------------------------------------------------------------------
# Sorting: the items of equal value in the order in which they stand


def partition_jvp(dots, y, a, kth, axis=-1, kind="introselect"):
    if axis is None:
        return np.ravel(dots[0])[np.argsort(a, None, kind="stable")][rank_of(y)]
    order = np.take_along_axis(np.argsort(a, axis, kind="stable"), rank_of(y, axis), axis)
    return np.take_along_axis(dots[0], order, axis)


@adjoint(
    np.partition, jvp=partition_jvp,
    examples=[
        ex(A(7), 3), ex(A(3, 5), 2, axis=0), ex(A(3, 5), (1, 3)), ex(A(2, 3), 4, axis=None),
    ],
)  # fmt: skip
def partition_vjp(y_bar, y, a, kth, axis=-1, kind="introselect"):
    if known(axis) is None:
        return reshaped(unsorted(y_bar[np.argsort(y)], np.argsort(a, None)), a)
    if axis == -1 and rank_if_known(a) == 1:
        return unsorted(y_bar[np.argsort(y)], np.argsort(a))
    ordered = np.take_along_axis(y_bar, np.argsort(y, axis), axis)
    return unsorted(ordered, np.argsort(a, axis), axis)


# ---------------------------------------------------------------------------------------------------------------
# Putting in and leaving out


def pad_parameters(mode, stat_length, reflect_type):
    """The parameters of `np.pad` that its adjoint needs, where they are not the default."""
    if known(mode) in ("maximum", "minimum", "median"):
        raise Refused(f"mode={mode!r}; join the array and its np.max, np.min or np.median with np.concatenate")
    if callable(mode):
        raise Refused("a function as mode")
    options = {} if mode == "constant" else {"mode": mode}
    if mode == "mean" and not is_none(stat_length):
        options["stat_length"] = stat_length
    if mode in ("reflect", "symmetric") and known(reflect_type) != "even":
        options["reflect_type"] = reflect_type
    return options


def pad_vjp(
    y_bar, y, array, pad_width, mode="constant", *,
    constant_values=0, end_values=0, stat_length=None, reflect_type="even",
):  # fmt: skip
    options = pad_parameters(mode, stat_length, reflect_type)
    if not options and not is_symbol(pad_width):
        pairs = runtime_arrays.widths(pad_width, rank(array))
        return y_bar[tuple(slice(b or None, -a or None) for b, a in pairs)]
    return pad_adjoint(y_bar, shape(array), pad_width, **options)


def pad_jvp(dots, y, array, pad_width, mode="constant", **parameters):
    options = pad_parameters(mode, parameters.get("stat_length"), parameters.get("reflect_type", "even"))
    return np.pad(dots[0], pad_width, **options)


adjoint(
    np.pad, jvp=pad_jvp,
    examples=[
        ex(A(4), 1), ex(A(2, 3), 2), ex(A(2, 3), (1, 2)), ex(A(2, 3), ((0, 1), (2, 0))), ex(A(4), 2, constant_values=7.0),
        ex(A(2, 3), ((1, 2), (0, 3)), "edge"), ex(A(4), 3, "reflect"), ex(A(4), (7, 9), "reflect"),
        ex(A(2, 3), 3, "wrap"), ex(A(3), (4, 8), mode="symmetric"), ex(A(4), (2, 3), "reflect", reflect_type="odd"),
        ex(A(2, 3), (1, 2), "symmetric", reflect_type="odd"), ex(A(4), (3, 2), "linear_ramp", end_values=(1.0, 2.0)),
        ex(A(2, 3), 2, "linear_ramp"), ex(A(2, 4), (1, 2), "mean"), ex(A(5), (1, 2), "mean", stat_length=(2, 3)),
        ex(A(3), 0, "edge"), ex(A(2, 4), ((1, 1), (2, 3)), "mean", stat_length=2),
    ],
)(pad_vjp)  # fmt: skip


@adjoint(
    runtime_arrays.pad_adjoint,
    jvp=lambda dots, y, x_bar, *others, **more: runtime_arrays.pad_adjoint(dots[0], *others, **more),
    examples=[ex(A(5), (3,), 1, "edge"), ex(A(5, 4), (3, 3), ((1, 1), (0, 1)), "reflect"), ex(A(4), (2,), 1)],
)
def pad_adjoint_vjp(y_bar, y, x_bar, shape_, pad_width, mode="constant", stat_length=None, reflect_type="even"):
    options = pad_parameters(mode, stat_length, reflect_type)
    return symbolic(np.pad)(y_bar, pad_width, **options)


def insert_arr(y_bar, y, arr, obj, values, axis=None):
    axis = () if known(axis) is None else (axis if axis >= 0 else axis + rank(arr),)
    return computed(y_bar, runtime_arrays.insert_first, y_bar, shape(arr), obj, *axis)


def insert_vals(y_bar, y, arr, obj, values, axis=None):
    axis = () if known(axis) is None else (axis if axis >= 0 else axis + rank(arr),)
    items = computed(y_bar, runtime_arrays.insert_values, y_bar, shape(arr), obj, *axis)
    return np.sum(items) if rank(values) == 0 else to_shape(items, values)


rule(
    np.insert, insert_arr, insert_vals, data=("arr", "values"), jvp="linear",
    examples=[
        ex(A(4), 1, A()), ex(A(4), -1, A(2)), ex(A(4), [0, 2], A(2)), ex(A(4), [3, 0, 0], A(3)), ex(A(2, 3), 2, A()),
        ex(A(2, 3), 1, A(3), axis=0), ex(A(2, 3), 1, A(2), axis=1), ex(A(2, 3), [1], A(2, 1), axis=-1),
        ex(A(2, 3), [0, 2], A(2, 2), 1), ex(A(2, 3), [0, 2], A(), 1), ex(A(4), slice(0, 4, 2), A(2)), ex(A(2), [1, 1], A()),
        ex(A(4), np.array([True, False, True, False]), A(2)) if np.__version__ >= "2" else ex(A(4), [1], A(1)),
    ],
)  # fmt: skip


@linear(
    np.delete,
    examples=[
        ex(A(5), 2), ex(A(5), [0, -1]), ex(A(2, 3), 1, axis=0), ex(A(2, 3), [0, 0], axis=-1), ex(A(2, 3), 4),
        ex(A(5), slice(1, 3)), ex(A(3), np.array([True, False, True])), ex(A(2, 3), slice(None, None, 2), 1),
    ],
)  # fmt: skip
def delete_vjp(y_bar, y, arr, obj, axis=None):
    if known(axis) is None:
        flat = scatter(y_bar, computed(y_bar, runtime_arrays.kept_places, size(arr), obj), (size(arr),))
        return flat if rank_if_known(arr) == 1 else reshaped(flat, arr)
    axis = axis % rank(arr) if axis < 0 else axis
    places = computed(y_bar, runtime_arrays.kept_places, shape(arr)[axis], obj)
    return scatter(y_bar, (*(slice(None),) * axis, places) if axis else places, shape(arr))


def untrimmed(y, filt, trim) -> slice:
    """Where in `filt` that is which `np.trim_zeros` leaves of it, y."""
    if rank(filt) != 1:
        raise Refused("an array of several axes")
    start = np.argmax(np.append(filt != 0, True)) if "f" in known(trim).lower() else 0
    return slice(start, start + size(y))


@adjoint(
    np.trim_zeros, jvp=lambda dots, y, filt, trim="fb": dots[0][untrimmed(y, filt, trim)],
    examples=[ex(A(3)), ex(A(3), "f"), ex(A(0))],
)  # fmt: skip
def trim_zeros_vjp(y_bar, y, filt, trim="fb"):
    return scatter(y_bar, untrimmed(y, filt, trim), shape(filt))


@linear(np.resize, examples=[ex(A(3), (2, 4)), ex(A(2, 3), 4), ex(A(2, 3), (3, 2)), ex(A(), (2,))])
def resize_vjp(y_bar, y, a, new_shape):
    places = computed(y, np.arange, size(y)) % size(a)
    return reshaped(scatter(np.ravel(y_bar), places, (size(a),)), a)


for function in (np.require, np.asarray_chkfinite):

    @linear(function, examples=[ex(A(3)), ex(A(2, 3), np.float64)])
    def require_vjp(y_bar, y, a, dtype=None):
        return converted(y_bar, a, dtype)


# ---------------------------------------------------------------------------------------------------------------
# Arrays beside one another


@sequence_rule(
    np.broadcast_arrays, data="args", jvp="linear", arrays=True,
    examples=[ex(A(3), A(2, 1)), ex(A(), A(2, 3)), ex(A(2), A(2)), ex(A(2, 3), 1.0)],
)  # fmt: skip
def broadcast_arrays_vjp(k, y_bar, y, *args):
    bar = part(y_bar, k)
    return np.zeros_like(args[k]) if is_unread(bar) else to_shape(bar, args[k])


@sequence_rule(
    np.meshgrid, data="xi", jvp="linear", arrays=True,
    examples=[
        ex(A(3), A(2)), ex(A(3), A(2), indexing="ij"), ex(A(3), A(2), A(4)), ex(A(3), A(2), A(4), sparse=True), ex(A(3)),
        ex(A(3), A(), indexing="ij"), ex(A(2), A(3), sparse=True, indexing="ij"),
    ],
)  # fmt: skip
def meshgrid_vjp(k, y_bar, y, *xi, copy=True, sparse=False, indexing="xy"):
    axis = 1 - k if k < 2 <= len(xi) and known(indexing) == "xy" else k
    others = tuple(i for i in range(len(xi)) if i != axis)
    bar = part(y_bar, k)
    if is_unread(bar):
        return np.zeros_like(xi[k])
    if known(sparse) or not others:
        return reshaped(bar, xi[k])
    x_bar = np.sum(bar, axis=others if len(others) > 1 else others[0])
    return x_bar if rank(xi[k]) == 1 else reshaped(x_bar, xi[k])


def extent(block, axis):
    """The extent along a negative axis of a part of `np.block`; 1 where it has no such axis."""
    while isinstance(block, (list, tuple)):
        block = block[0]
    return shape(block)[axis] if rank(block) >= -axis else 1


def depth_of(blocks) -> int:
    return 1 + depth_of(blocks[0]) if isinstance(blocks, (list, tuple)) else 0


@sequence_rule(
    np.block, data="arrays", jvp="linear", whole=lambda y_bar, y, arrays: reshaped(y_bar, arrays),
    examples=[
        ex([A(2), A(3)]), ex([[A(2, 2), A(2, 3)], [A(1, 2), A(1, 3)]]), ex([[A(2, 2), np.zeros((2, 3))], [A(1, 5)]]),
        ex([[A(2), A()], [A(3)]]), ex([A(2, 3), A(2, 1)]), ex([[A(2, 3)], [A(3)]]), ex(A(2, 3)),
        ex([[[A(2, 2)], [A(1, 2)]]]),
    ],
)  # fmt: skip
def block_vjp(k, y_bar, y, arrays):
    path = k if isinstance(k, tuple) else (k,)
    siblings, bounds = arrays, []
    for level, i in enumerate(path):
        axis = level - len(path)
        start = sum_of([extent(block, axis) for block in siblings[:i]])
        length = extent(siblings[i], axis)
        bounds.append(slice(start, length if start is None else start + length))
        siblings = siblings[i]
    item, missing = item_of(arrays, k), rank(y) - len(path)
    section = y_bar[(Ellipsis, *bounds) if missing else tuple(bounds)]
    return section if rank(item) == rank(y) else reshaped(section, item)
