"""Rules of functions that rearrange, repeat, convert or mask an array."""

from __future__ import annotations

import functools

import numpy as np

from srcad import runtime
from srcad.core.nodes import call_of
from srcad.rules.registry import A, Refused, available, ex, is_symbol, linear, rule, symbolic
from srcad.rules.indexing import scatter
from srcad.rules.shapes import (
    axes_of, is_none, known, own_axis, rank, rank_if_known, scalar, seems_complex, shape, size, swap_last,
)  # fmt: skip

arange, array = map(symbolic, (np.arange, np.array))
place_diagonal = symbolic(runtime.place_diagonal)
unbroadcast = symbolic(runtime.unbroadcast)

# ---------------------------------------------------------------------------------------------------------------
# The same items in another shape


def reshaped(y_bar, x, order="C"):
    """`y_bar` in the shape of x, the items read and written in `order`."""
    if known(order) not in ("C", "F"):
        raise Refused(f"the order {order!r} of the items depends on the memory layout; use 'C' or 'F'")
    if rank_if_known(x) == 0:
        return scalar(y_bar, x)
    return y_bar.reshape(shape(x)) if order == "C" else np.reshape(y_bar, shape(x), order=order)


@linear(
    np.reshape, synonyms={"newshape": "shape"},
    examples=[
        ex(A(2, 6), (3, 4)), ex(A(2, 6), -1), ex(A(6), (2, -1)), ex(A(), (1, 1)), ex(A(1), ()), ex(A(0, 3), (0,)),
        ex(A(2, 6), (3, 4), order="F"),
    ],
)  # fmt: skip
def reshape_vjp(y_bar, y, a, shape=None, order="C", *, copy=None):
    return reshaped(y_bar, a, order)


@linear(np.ravel, examples=[ex(A(2, 3)), ex(A(2, 3), order="F"), ex(A()), ex(A(4)), ex(A(0, 2))])
def ravel_vjp(y_bar, y, a, order="C"):
    return reshaped(y_bar, a, order)


@linear(np.ndarray.flatten, examples=[ex(A(2, 3)), ex(A(2, 3), order="F"), ex(A(4))])
def flatten_vjp(y_bar, y, a, order="C"):
    return reshaped(y_bar, a, order)


@linear(np.squeeze, examples=[ex(A(1, 3, 1)), ex(A(1, 3, 1), 0), ex(A(1, 3, 1), axis=(0, -1)), ex(A(1)), ex(A(3))])
def squeeze_vjp(y_bar, y, a, axis=None):
    return reshaped(y_bar, a)


@linear(np.expand_dims, examples=[ex(A(3), 0), ex(A(3), -1), ex(A(2, 3), (0, 2)), ex(A(), 0)])
def expand_dims_vjp(y_bar, y, a, axis):
    return reshaped(y_bar, a)


for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):

    @linear(function, examples=[ex(A()), ex(A(3)), ex(A(2, 3)), ex(A(2, 2, 3))])
    def atleast_vjp(y_bar, y, ary, /):
        rank = rank_if_known(y)
        return y_bar if rank is not None and rank_if_known(ary) == rank else reshaped(y_bar, ary)


@linear(
    np.transpose,
    examples=[
        ex(A(2, 3)),
        ex(A(2, 3, 4)),
        ex(A(2, 3, 4), (2, 0, 1)),
        ex(A(2, 3, 4), axes=(-1, 0, 1)),
        ex(A(3)),
        ex(A()),
    ],
)
def transpose_vjp(y_bar, y, a, axes=None):
    if known(axes) is None:
        return y_bar if rank_if_known(a) in (0, 1) else y_bar.T
    return np.transpose(y_bar, tuple(int(k) for k in np.argsort(axes_of(axes, len(axes)))))


for function in [*available(np, "matrix_transpose"), *available(np.linalg, "matrix_transpose")]:

    @linear(function, examples=[ex(A(2, 3)), ex(A(4, 2, 3))])
    def matrix_transpose_vjp(y_bar, y, x, /):
        return swap_last(y_bar)


@linear(np.swapaxes, examples=[ex(A(2, 3), 0, 1), ex(A(2, 3, 4), 0, -1), ex(A(2, 3, 4), 1, 1)])
def swapaxes_vjp(y_bar, y, a, axis1, axis2):
    return y_bar.T if rank_if_known(a) == 2 and axis1 % 2 != axis2 % 2 else np.swapaxes(y_bar, axis1, axis2)


@linear(np.moveaxis, examples=[ex(A(2, 3, 4), 0, -1), ex(A(2, 3, 4), (0, 1), (-1, 0)), ex(A(2, 3, 4), [2], [0])])
def moveaxis_vjp(y_bar, y, a, source, destination):
    return np.moveaxis(y_bar, destination, source)


@linear(np.rollaxis, examples=[ex(A(2, 3, 4), 2), ex(A(2, 3, 4), 0, 2), ex(A(2, 3, 4), 0, 3), ex(A(2, 3, 4), -1, -2)])
def rollaxis_vjp(y_bar, y, a, axis, start=0):
    n = rank(a)
    axis, start = axis % n, start + n if start < 0 else start
    return np.moveaxis(y_bar, start - 1 if axis < start else start, axis)


# ---------------------------------------------------------------------------------------------------------------
# The same items in another order


@linear(np.flip, examples=[ex(A(3)), ex(A(2, 3)), ex(A(2, 3), 0), ex(A(2, 3), axis=(0, -1)), ex(A(2, 3), axis=-1)])
def flip_vjp(y_bar, y, m, axis=None):
    return np.flip(y_bar) if axis is None else np.flip(y_bar, axis)


@linear(np.fliplr, examples=[ex(A(2, 3)), ex(A(2, 3, 4))])
def fliplr_vjp(y_bar, y, m):
    return y_bar[:, ::-1]


@linear(np.flipud, examples=[ex(A(3)), ex(A(2, 3))])
def flipud_vjp(y_bar, y, m):
    return y_bar[::-1]


def opposite(shift):
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


@linear(
    np.roll,
    examples=[
        ex(A(5), 2),
        ex(A(2, 3), 1),
        ex(A(2, 3), 1, axis=1),
        ex(A(2, 3), (1, -2), (0, 1)),
        ex(A(2, 3), 1, (0, 1)),
    ],
)
def roll_vjp(y_bar, y, a, shift, axis=None):
    return np.roll(y_bar, opposite(shift)) if axis is None else np.roll(y_bar, opposite(shift), axis)


@linear(np.rot90, examples=[ex(A(2, 3)), ex(A(2, 3), 2), ex(A(2, 3, 4), k=-1, axes=(1, 2)), ex(A(2, 3, 4), 3, (2, 0))])
def rot90_vjp(y_bar, y, m, k=1, axes=(0, 1)):
    return np.rot90(y_bar, -k) if axes == (0, 1) else np.rot90(y_bar, -k, axes)


# ---------------------------------------------------------------------------------------------------------------
# The same items several times


@linear(
    np.broadcast_to, synonyms={"shape": "shape_"},
    examples=[
        ex(A(3), (2, 3)), ex(A(), (2, 3)), ex(A(2, 1), (2, 3)), ex(A(3), 3), ex(A(1), (0,)), ex(A(3), shape=(2, 3)),
    ],
)  # fmt: skip
def broadcast_to_vjp(y_bar, y, array, shape_, subok=False):
    return unbroadcast(y_bar, shape(array))


@linear(
    np.tile,
    examples=[
        ex(A(3), 2), ex(A(2, 3), 2), ex(A(2, 3), (2, 1)), ex(A(2, 3), (3, 1, 2)), ex(A(), (2, 3)), ex(A(2, 3), 0),
        ex(A(3), ()),
    ],
)  # fmt: skip
def tile_vjp(y_bar, y, A, reps):
    reps = known(reps) if isinstance(reps, (tuple, list)) else (reps,)
    extents = tuple(shape(A)[k] for k in range(rank(A)))
    reps = (1,) * (len(extents) - len(reps)) + tuple(reps)
    extents = (1,) * (len(reps) - len(extents)) + extents
    pairs, copies = [], []
    for r, n in zip(reps, extents):
        if is_symbol(r) or r != 1:
            copies.append(len(pairs))
            pairs.append(r)
        pairs.append(n)
    if not copies:
        return reshaped(y_bar, A) if len(reps) > rank(A) else y_bar
    total = np.sum(y_bar.reshape(tuple(pairs)), axis=copies[0] if len(copies) == 1 else tuple(copies))
    return total if len(reps) == rank(A) else reshaped(total, A)


@linear(
    np.repeat,
    examples=[
        ex(A(3), 2), ex(A(2, 3), 2), ex(A(2, 3), 2, axis=0), ex(A(2, 3), 3, axis=-1), ex(A(3), np.array([2, 0, 1])),
        ex(A(2, 3), [1, 2], axis=0), ex(A(2, 3), [0, 2, 1], 1), ex(A(), 3), ex(A(2), 0), ex(A(2, 3), [2], 1), ex(A(), 2, -1),
    ],
)  # fmt: skip
def repeat_vjp(y_bar, y, a, repeats, axis=None):
    if own_axis(axis, a) is None:
        if isinstance(repeats, int):
            return np.sum(y_bar.reshape((*extents_of(a), repeats)), axis=-1)
        flat = scatter(y_bar, repeated(size(a), repeats), (size(a),))
        return flat if rank_if_known(a) == 1 else reshaped(flat, a)
    axis = axis % rank(a)
    if isinstance(repeats, int):
        extents = extents_of(a)
        return np.sum(y_bar.reshape((*extents[: axis + 1], repeats, *extents[axis + 1 :])), axis=axis + 1)
    return scatter(y_bar, (*(slice(None),) * axis, repeated(shape(a)[axis], repeats)), shape(a))


def extents_of(a) -> tuple:
    return tuple(shape(a)[k] for k in range(rank(a)))


def repeated(n, repeats):
    """The number, along an axis of n items, that each item of `np.repeat` comes from."""
    return np.repeat(arange(n), repeats)


# ---------------------------------------------------------------------------------------------------------------
# Some of the items


@linear(np.tril, examples=[ex(A(3, 3)), ex(A(2, 4), 1), ex(A(2, 3, 3), k=-1), ex(A(3))])
def tril_vjp(y_bar, y, m, k=0):
    return masked_by(np.tril, y_bar, m, k)


@linear(np.triu, examples=[ex(A(3, 3)), ex(A(2, 4), 1), ex(A(2, 3, 3), k=-1), ex(A(3))])
def triu_vjp(y_bar, y, m, k=0):
    return masked_by(np.triu, y_bar, m, k)


def masked_by(triangle, y_bar, m, k):
    m_bar = triangle(y_bar) if isinstance(k, int) and k == 0 else triangle(y_bar, k)
    return np.sum(m_bar, axis=0) if rank(m) == 1 else m_bar


@linear(np.diag, examples=[ex(A(3)), ex(A(3, 3)), ex(A(2, 4), 1), ex(A(3), -1), ex(A(4, 2), k=-1), ex(A(0))])
def diag_vjp(y_bar, y, v, k=0):
    offset = () if isinstance(k, int) and k == 0 else (k,)
    return np.diag(y_bar, *offset) if rank(v) == 1 else place_diagonal(y_bar, shape(v), *offset)


@linear(np.diagflat, examples=[ex(A(3)), ex(A(2, 2)), ex(A(3), 1), ex(A(), -1)])
def diagflat_vjp(y_bar, y, v, k=0):
    return reshaped(np.diag(y_bar, k), v)


@linear(
    np.diagonal,
    examples=[ex(A(3, 3)), ex(A(2, 4), 1), ex(A(3, 2, 3), 0, 0, 2), ex(A(2, 3, 4), offset=-1, axis1=-1, axis2=1)],
)
def diagonal_vjp(y_bar, y, a, offset=0, axis1=0, axis2=1):
    return place_diagonal(y_bar, shape(a), *diagonal_parameters(offset, axis1, axis2))


def diagonal_parameters(offset, axis1, axis2) -> tuple:
    """The parameters, without those that are the default."""
    if (axis1, axis2) != (0, 1):
        return offset, axis1, axis2
    return (offset,) if offset != 0 else ()


# ---------------------------------------------------------------------------------------------------------------
# Copies and conversions


@linear(np.copy, examples=[ex(A(2, 3)), ex(A())])
def copy_vjp(y_bar, y, a, order="K", subok=False):
    return y_bar


for function in (np.ascontiguousarray, np.asfortranarray):

    @linear(function, examples=[ex(A(2, 3)), ex(A(3)), ex(A())])
    def layout_vjp(y_bar, y, a, dtype=None):
        return reshaped(y_bar, a) if rank(a) == 0 else y_bar


def converted(y_bar, x, dtype):
    """The adjoint of a conversion to `dtype` (None: to that of x), in the dtype of x; zero if `dtype` is discrete."""
    if known(dtype) is None:
        return y_bar
    if seems_complex(x) and np.dtype(dtype).kind != "c":
        raise Refused("a complex number made real; write z.real")
    if np.dtype(dtype).kind not in "fc":
        return np.zeros_like(x)
    if np.dtype(dtype).kind == "c" and not seems_complex(x):
        y_bar = np.real(y_bar)
    return y_bar if rank(x) == 0 else y_bar.astype(x.dtype)


@linear(
    np.ndarray.astype,
    examples=[ex(A(2, 3), float), ex(A(3), np.float64), ex(A(3), dtype="float64", copy=False), ex(A(3), int)],
)
def astype_vjp(y_bar, y, x, dtype, order="K", casting="unsafe", subok=True, copy=True):
    return converted(y_bar, x, dtype)


for function in available(np, "astype"):  # from NumPy 2.1 on

    @linear(function, examples=[ex(A(2, 3), float), ex(A(3), np.float64, copy=False)])
    def astype_function_vjp(y_bar, y, x, dtype, /, *, copy=True):
        return converted(y_bar, x, dtype)


for number_type in (np.float16, np.float32, np.float64):

    @linear(number_type, examples=[ex(A())] if number_type is np.float64 else [])
    def number_type_vjp(y_bar, y, x, /):
        return y_bar


@linear(
    np.ndarray.item,
    examples=[
        ex(A()), ex(A(1)), ex(A(1, 1)), ex(A(3), 1), ex(A(2, 3), 1, -1), ex(A(2, 3), (0, 1)),
    ],
)  # fmt: skip
def item_vjp(y_bar, y, x, *args):
    if not args:
        return y_bar if rank(x) == 0 else np.broadcast_to(y_bar, shape(x))
    index = args[0] if isinstance(args[0], tuple) else args
    if len(index) == rank(x):
        return scatter(y_bar, tuple(index), shape(x))
    return scatter(y_bar, *index, (size(x),)).reshape(shape(x))


@linear(np.ndarray.tolist, examples=[ex(A(3)), ex(A(2, 3)), ex(A(0, 3)), ex(A())])
def tolist_vjp(y_bar, y, x):
    return reshaped(array(y_bar), x) if rank(x) > 1 else array(y_bar)  # of no rows, a list has no columns


# ---------------------------------------------------------------------------------------------------------------
# Arrays from numbers


@linear(
    np.full, data=("fill_value",), synonyms={"shape": "shape_"},
    examples=[
        ex((2, 3), A()), ex(3, A()), ex((), A()), ex((2, 3), A(3)), ex((0,), A()), ex(shape=(2, 3), fill_value=A()),
    ],
)  # fmt: skip
def full_vjp(y_bar, y, shape_, fill_value, dtype=None, order="C"):
    return np.sum(y_bar) if rank(fill_value) == 0 else unbroadcast(y_bar, shape(fill_value))


@linear(
    np.full_like, data=("fill_value",), synonyms={"shape": "shape_"},
    examples=[ex(np.ones((2, 3)), A()), ex(np.ones((2, 3)), A(2, 1))],
)  # fmt: skip
def full_like_vjp(y_bar, y, a, fill_value, dtype=None, order="K", subok=True, shape_=None):
    return np.sum(y_bar) if rank(fill_value) == 0 else unbroadcast(y_bar, shape(fill_value))


def steps(y_bar, ndim, start, stop, num, endpoint, axis):
    """The sum of `y_bar`, each point weighed by a ramp from `start` to `stop`."""
    call = functools.partial(call_of if is_symbol(y_bar) else lambda f, *a, **k: f(*a, **k), np.linspace)
    ramp = call(start, stop, num) if endpoint else call(start, stop, num, endpoint=False)
    return y_bar @ ramp if ndim == 1 else np.tensordot(ramp, y_bar, (0, axis))


def linspace_end(y_bar, y, end, ramp, num, endpoint, retstep, axis):
    if known(retstep):
        raise Refused("np.linspace(..., retstep=True) has no rule; compute the step from start, stop and num")
    end_bar = steps(y_bar, rank(y), *ramp, num, known(endpoint), axis)
    return end_bar if rank(y) == 1 and rank(end) == 0 else unbroadcast(end_bar, shape(end))


def linspace_start(y_bar, y, start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    return linspace_end(y_bar, y, start, (1, 0), num, endpoint, retstep, axis)


def linspace_stop(y_bar, y, start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    return linspace_end(y_bar, y, stop, (0, 1), num, endpoint, retstep, axis)


rule(
    np.linspace, linspace_start, linspace_stop, jvp="linear",
    examples=[
        ex(A(), A(), 5), ex(A(), 1.0), ex(A(), A(), num=1), ex(A(), A(), 4, endpoint=False), ex(A(2), A(), 3),
        ex(A(2, 1), A(3), 4, axis=-1), ex(A(), A(), 0),
    ],
)  # fmt: skip


def logspace_end(which, ramp):
    def vjp(y_bar, y, start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
        return linspace_end(y_bar * y * np.log(base), y, (start, stop)[which], ramp, num, endpoint, False, axis)

    return vjp


def logspace_jvp(dots, y, start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    start_dot, stop_dot = (0.0 * v if d is None else d for v, d in zip((start, stop), dots))
    return y * np.log(base) * np.linspace(start_dot, stop_dot, num, endpoint, axis=axis)


rule(
    np.logspace, logspace_end(0, (1, 0)), logspace_end(1, (0, 1)), data=("start", "stop"), jvp=logspace_jvp,
    examples=[ex(A(), A(), 5), ex(A(), 1.0, 4, base=2.0), ex(A(), A(), 4, False), ex(A(2), A(), 3, base=3.0)],
)  # fmt: skip


def geomspace_end(which, ramp):
    def vjp(y_bar, y, start, stop, num=50, endpoint=True, dtype=None, axis=0):
        end = (start, stop)[which]
        return linspace_end(y_bar * y, y, end, ramp, num, endpoint, False, axis) / end

    return vjp


def geomspace_jvp(dots, y, start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start_dot, stop_dot = (0.0 * v if d is None else d for v, d in zip((start, stop), dots))
    return y * np.linspace(start_dot / start, stop_dot / stop, num, endpoint, axis=axis)


ENDS = {"low": 0.5, "high": 2.0}
rule(
    np.geomspace, geomspace_end(0, (1, 0)), geomspace_end(1, (0, 1)), data=("start", "stop"), jvp=geomspace_jvp,
    examples=[ex(A(**ENDS), A(**ENDS), 5), ex(A(**ENDS), 3.0, 4, endpoint=False), ex(A(2, **ENDS), A(**ENDS), 3)],
)  # fmt: skip


def arange_start(y_bar, y, start, stop=None, step=None, *, dtype=None):
    return 0.0 if is_none(stop) else np.sum(y_bar)


def arange_stop(y_bar, y, start, stop=None, step=None, *, dtype=None):
    return 0.0


def arange_step(y_bar, y, start, stop=None, step=None, *, dtype=None):
    return y_bar @ arange(y_bar.size)


def arange_jvp(dots, y, start, stop=None, step=None, *, dtype=None):
    start_dot, _, step_dot = (*(0.0 if d is None else d for d in dots), 0.0, 0.0)[:3]
    return (0.0 if stop is None else start_dot) + step_dot * arange(size(y))


rule(
    np.arange, arange_start, arange_stop, arange_step, jvp=arange_jvp,
    examples=[
        ex(A(low=3.1, high=3.9)), ex(A(low=0.1, high=0.9), 5.0), ex(A(low=0.1, high=0.2), 5.0, A(low=0.5, high=0.51)),
    ],
)  # fmt: skip
