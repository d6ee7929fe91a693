"""What rules ask of their arguments, be they arrays or symbols, and the adjoints that many of them share."""

from __future__ import annotations

import functools
import operator

import numpy as np

from srcad.core.nodes import Attribute, Call, Const, List, Ref, Tuple, Undecided
from srcad.rules.registry import is_symbol


def rank(x) -> int:
    """The number of axes, a plain int. Raises Undecided for a symbol of unknown rank."""
    return x.ndim if is_symbol(x) else np.ndim(x)


def rank_if_known(x) -> int | None:
    try:
        return rank(x)
    except Undecided:
        return None


def shape(x):
    """The shape; () for a number, which has no attribute `shape`."""
    known = rank_if_known(x) if is_symbol(x) else -1
    return np.shape(x) if known in (None, -1) else () if known == 0 else x.shape


def size(x):
    known = rank_if_known(x) if is_symbol(x) else -1
    return np.size(x) if known in (None, -1) else 1 if known == 0 else x.size


def number(x):
    """The Python number that `x` is known to be, None if it is none."""
    value = x.value if isinstance(x, Const) else x
    return value if type(value) in (int, float) else None


def is_none(x) -> bool:
    return x is None or (isinstance(x, Const) and x.value is None)


def never_one(x, axes) -> bool:
    """Whether the extents of x along `axes` are known not to be 1, so that it was not broadcast along them."""
    if not is_symbol(x):
        return all(np.shape(x)[k] != 1 for k in axes)
    dims = getattr(x.kind, "dims", None)
    return dims is not None and all(dims[k] is not None and dims[k].many for k in axes)


def scalar(x_bar, x):
    """`x_bar`, an array of one item, as what x is: a number, or an array of no axes."""
    if is_symbol(x_bar) and not hasattr(x.kind, "dims"):
        return Call(Attribute(x_bar, "item"), ())
    return np.reshape(x_bar, ())


def part(values, k):
    """Item k of what a function of several results gives, or of the adjoints of that."""
    return values.elts[k] if isinstance(values, (Tuple, List)) else values[k]


def is_unread(bar) -> bool:
    """Whether `bar`, the adjoint of one of several results, is known to be zero, as nothing depends on that result."""
    if isinstance(bar, Call):
        return isinstance(bar.fn, Ref) and bar.fn.obj is np.zeros_like
    return isinstance(bar, Const) and bar.value in (0.0, None)


def is_boolean(x) -> bool:
    """Whether `x` is known to be a boolean array."""
    dtype = getattr(x.kind if is_symbol(x) else x, "dtype", None)
    return dtype == np.dtype(bool) and rank_if_known(x) != 0


def is_complex(x) -> bool:
    """Whether `x` is complex. Raises Undecided for a symbol of unknown kind."""
    kind = x.kind if is_symbol(x) else np.asarray(x)
    dtype, number_type = getattr(kind, "dtype", None), getattr(kind, "type", None)
    if dtype is None and number_type is None:
        raise Undecided("the type of a symbol")
    return (number_type or "").startswith("complex") or getattr(dtype, "kind", "f") == "c"


def is_single(x) -> bool:
    """Whether `x`, of one axis, is known to have one item. Raises Undecided for a symbol of unknown rank."""
    if not is_symbol(x):
        return np.shape(x) == (1,)
    rank(x)
    return x.kind.dims[0] is not None and (x.kind.dims[0].symbol, x.kind.dims[0].offset) == (1, 0)


def seems_complex(x) -> bool:
    """Whether `x` is known to be complex: a symbol of unknown kind is taken to be real.

    The compiler leaves operands of unknown kind to run time wherever there are complex numbers in a program.
    """
    try:
        return is_complex(x)
    except Undecided:
        return False


def conjugate(v, like=None):
    """The conjugate of v, or v itself where `like` (v, if not given) is real."""
    return np.conj(v) if seems_complex(v if like is None else like) else v


def unit(x):
    """The sign of each item of x, of a complex one `x / abs(x)`; 0 for 0."""
    if not seems_complex(x):
        return np.sign(x)
    size = np.abs(x)
    return x / (size + (size == 0))


def known(parameter):
    """A parameter that a rule branches on. Raises Undecided for a symbol."""
    if is_symbol(parameter):
        raise Undecided("a parameter that is only known when the program runs")
    return parameter


def own_axis(axis, a):
    """The axis of a function along one axis of `a`; None, as if it were not given, where `a` has no axes."""
    return None if known(axis) is None or rank(a) == 0 else axis


def axes_of(axis, ndim: int) -> tuple[int, ...]:
    """The axes that `axis` (int, tuple, None for all) names, from 0 on."""
    if known(axis) is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(known(a) + ndim if known(a) < 0 else a for a in axes)


def expand(v, a, axis, keepdims):
    """`v`, of the shape of a reduction of `a` over `axis`, with axes of extent 1 so that it broadcasts against `a`."""
    if known(keepdims) or known(axis) is None:
        return v
    ndim = rank_if_known(a)
    if ndim is None:
        return np.expand_dims(v, axis)
    axes = axes_of(axis, ndim)
    if sorted(axes) == list(range(len(axes))):
        return v
    index = [None if k in axes else slice(None) for k in range(ndim)]
    while index[-1] is not None:
        index.pop()
    return v[tuple(index)]


def spread(y_bar, a, axis=None, keepdims=False, where=True):
    """The adjoint of a sum of `a` over `axis`: `y_bar` in the shape of `a`, 0 where `where` is false."""
    y_bar = expand(y_bar, a, axis, keepdims)
    if where is not True:
        y_bar = y_bar * where
    return y_bar if rank_if_known(a) == 0 else np.broadcast_to(y_bar, shape(a))


def count(a, axis=None):
    """The number of items of `a` that a reduction over `axis` takes together."""
    if known(axis) is None:
        return size(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return functools.reduce(operator.mul, [shape(a)[k] for k in axes]) if axes else 1


def conjugate_transpose(a, like=None, ndim=None):
    """The matrices in `a`, transposed, and conjugated where `like` (`a`, if not given) is complex."""
    return swap_last(conjugate(a, like), ndim or rank_if_known(a))


def swap_last(a, ndim=None):
    """The matrices in `a`, transposed; its rank is `ndim` if `a` does not tell."""
    return a.T if (ndim or rank_if_known(a)) == 2 else np.swapaxes(a, -1, -2)
