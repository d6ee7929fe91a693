"""Rules of reading parts of an array: `x[index]` ("getitem") and the functions that look up or sort items."""

from __future__ import annotations

import numpy as np

from srcad import runtime, runtime_arrays
from srcad.core.nodes import Ref, Slice, Subscript, Tuple, lift
from srcad.rules.registry import A, adjoint, ex, has_symbol, linear, symbolic
from srcad.rules.shapes import known, rank, rank_if_known, shape, size

scatter_along = symbolic(runtime.scatter_along)
unsorted = symbolic(runtime_arrays.unsorted)
symbolic_scatter = symbolic(runtime.scatter)


def scatter(y_bar, index, of_shape):
    """The adjoint of `x[index]` for an x of the given shape; a symbolic index with slices is printed as `np.s_[…]`."""
    if has_symbol((y_bar, index, of_shape)):
        index = printed(index)
    return symbolic_scatter(y_bar, index, of_shape)


def printed(index):
    """An index as an expression, as `np.s_[…]` if it has slices."""
    index = lift(index)
    if any(isinstance(part, Slice) for part in (index.elts if isinstance(index, Tuple) else (index,))):
        return Subscript(Ref(np.s_, "np.s_"), index)
    return index


@linear(
    "getitem",
    examples=[
        ex(A(4), 2), ex(A(4), -1), ex(A(4), slice(1, 3)), ex(A(4), slice(None, None, -1)), ex(A(6), slice(4, 0, -2)),
        ex(A(3, 4), 1), ex(A(3, 4), (1, 2)), ex(A(3, 4), (slice(None), 1)), ex(A(3, 4), (Ellipsis, 0)),
        ex(A(3, 4), None),
        ex(A(3, 4), (slice(1, None), None, slice(None, 2))), ex(A(2, 3, 4), (0, Ellipsis, slice(None, None, 2))),
        ex(A(), ()), ex(A(), Ellipsis), ex(A(), None), ex(A(4), slice(2, 2)), ex(A(3, 4), ()),
        ex(A(4), [0, 0, 2]), ex(A(4), np.array([[0, 1], [1, 1]])), ex(A(4), np.array([], int)), ex(A(3, 4), [2, 2]),
        ex(A(3, 4), ([0, 1, 1], [2, 2, 2])), ex(A(3, 4), (slice(None), [0, 0, 3])),
        ex(A(2, 3, 4), ([0, 1], slice(1, 3), [0, 0])),
        ex(A(3, 4), (np.array([0, 2])[:, None], np.array([1, 1, -1]))), ex(A(3, 4), (np.array(1), 2)),
        ex(A(3, 4), (1, [0, 0])),
        ex(A(4), np.array([True, False, True, False])), ex(A(4), [True, False, True, True]),
        ex(A(2, 2), np.eye(2, dtype=bool)),
        ex(A(3, 4), (np.array([True, False, True]), 1)),
        ex(A(3, 4), (slice(None), np.array([True, False, True, False]))),
        ex(A(3, 4), (np.array([True, False, True]), [0, 0])), ex(A(3, 2), np.zeros((3, 2), bool)), ex(A(3), True),
        ex(A(2, 3), np.int64(1)),
    ],
)  # fmt: skip
def getitem_vjp(y_bar, y, x, index):
    return scatter(y_bar, index, shape(x))


def wrapped(indices, n, mode):
    """`indices` as `mode` of `np.take` understands those that are out of bounds."""
    if known(mode) == "raise":
        return indices
    return np.remainder(indices, n) if mode == "wrap" else np.clip(indices, 0, n - 1)


@linear(
    np.take,
    examples=[
        ex(A(5), [0, 0, 3]), ex(A(3, 4), 5), ex(A(3, 4), [[0, 5], [5, -1]]), ex(A(3, 4), [1, 1], axis=0),
        ex(A(3, 4), [3, 0, 3], 1),
        ex(A(3, 4), 2, axis=-1), ex(A(2, 3, 4), np.array([[0, 2], [2, 1]]), axis=1), ex(A(5), [7, -1, 2], mode="wrap"),
        ex(A(3, 4), [7, -1, 2], axis=1, mode="clip"), ex(A(3), np.array([], int)),
    ],
)  # fmt: skip
def take_vjp(y_bar, y, a, indices, axis=None, *, mode="raise"):
    if known(axis) is None:
        flat = scatter(y_bar, wrapped(indices, size(a), mode), (size(a),))
        return flat if rank_if_known(a) == 1 else flat.reshape(shape(a))
    axis = axis % rank(a) if axis < 0 else axis
    indices = wrapped(indices, shape(a)[axis], mode)
    return scatter(y_bar, (*(slice(None),) * axis, indices) if axis else indices, shape(a))


ORDER = np.array([[2, 0, 0], [1, 1, 2]])


@linear(
    np.take_along_axis,
    examples=[
        ex(A(2, 3), ORDER, 1), ex(A(2, 3), ORDER[:, :1], axis=-1), ex(A(2, 3), np.array([[1, 0, 1]]), axis=0),
        ex(A(5), np.array([4, 4, 0]), None),
        ex(A(2, 3), np.array([5, 0]), axis=None), ex(A(2, 1), ORDER * 0, 1), ex(A(2, 3), np.array([[2, 0]]), 1),
    ],
)  # fmt: skip
def take_along_axis_vjp(y_bar, y, arr, indices, axis=-1):
    if known(axis) is None:
        return scatter(y_bar, indices, (size(arr),)).reshape(shape(arr))
    return scatter_along(y_bar, indices, axis, shape(arr))


def sort_jvp(dots, y, a, axis=-1, kind=None):
    if axis is None:
        return np.ravel(dots[0])[np.argsort(a, None)]
    return np.take_along_axis(dots[0], np.argsort(a, axis), axis)


@adjoint(
    np.sort, jvp=sort_jvp,
    examples=[
        ex(A(5)), ex(A(3, 4)), ex(A(3, 4), 0), ex(A(3, 4), axis=None), ex(A(2, 3, 4), axis=1, kind="stable"),
        ex(A(0)), ex(A(1)),
    ],
)  # fmt: skip
def sort_vjp(y_bar, y, a, axis=-1, kind=None):
    if known(axis) is None:
        return unsorted(y_bar, np.argsort(a, None)).reshape(shape(a))
    if axis == -1:
        return unsorted(y_bar, np.argsort(a))
    return unsorted(y_bar, np.argsort(a, axis), axis)


@linear(
    runtime_arrays.unsorted, examples=[ex(A(3), np.array([2, 0, 1])), ex(A(2, 3), np.array([[1, 0, 1], [0, 1, 0]]), 0)]
)
def unsorted_vjp(y_bar, y, x_bar, order, axis=-1):
    return np.take_along_axis(y_bar, order, axis)


@linear(
    np.bincount, data=("weights",),
    examples=[
        ex(np.array([0, 2, 2, 1]), A(4)), ex(np.array([1, 1]), A(2), minlength=4),
    ],
)  # fmt: skip
def bincount_vjp(y_bar, y, x, weights=None, minlength=0):
    return y_bar[x]
