"""Rules of reductions, and of the cumulative functions."""

from __future__ import annotations

import numpy as np

from srcad import runtime
from srcad.rules.registry import A, adjoint, alias, available, ex, is_symbol, linear, rule, symbolic
from srcad.rules.shapes import conjugate, count, expand, known, number, own_axis, rank, rank_if_known, shape, spread
from srcad.rules.shaping import reshaped

share = symbolic(runtime.share)
product_of_others = symbolic(runtime.product_of_others)
cumprod_adjoint = symbolic(runtime.cumprod_adjoint)
cumprod_tangent = symbolic(runtime.cumprod_tangent)

MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, True]])
AXES = [
    ex(A(3, 4)), ex(A(3, 4), 0), ex(A(3, 4), axis=1), ex(A(3, 4), axis=-1, keepdims=True), ex(A(2, 3, 4), axis=(0, -1)),
    ex(A(2, 3, 4), axis=1), ex(A(2, 3, 4), axis=(0, 1), keepdims=True), ex(A(3, 4), keepdims=True), ex(A(4)), ex(A()),
    ex(A(1, 4), axis=0), ex(A(3, 1), axis=1), ex(A(3, 4), axis=()), ex(A(5), axis=0), ex(A(4), axis=-1, keepdims=True),
]  # fmt: skip
EMPTY = [ex(A(0)), ex(A(0, 3), axis=0), ex(A(0, 3), axis=1)]
WHERE = [ex(A(3, 4), where=MASK), ex(A(3, 4), axis=1, where=MASK), ex(A(3, 4), axis=0, where=MASK[0], keepdims=True)]

# ---------------------------------------------------------------------------------------------------------------
# Sums and means


def sum_jvp(dots, y, a, axis=None, dtype=None, *, keepdims=False, initial=0, where=True):
    a_dot, initial_dot = (*dots, None)[:2]
    if initial_dot is None:
        return np.sum(a_dot, axis, dtype, keepdims=keepdims, where=where)
    a_dot = 0.0 * a if a_dot is None else a_dot
    return np.sum(a_dot, axis, dtype, keepdims=keepdims, where=where, initial=initial_dot)


def sum_vjp(y_bar, y, a, axis=None, dtype=None, *, keepdims=False, initial=0, where=True):
    return spread(y_bar, a, axis, keepdims, where)


def sum_initial(y_bar, y, a, axis=None, dtype=None, *, keepdims=False, initial=0, where=True):
    return np.sum(y_bar) if rank(y) else y_bar


rule(
    np.sum, sum_vjp, sum_initial, data=("a", "initial"), jvp=sum_jvp,
    examples=[
        *AXES, *EMPTY, *WHERE, ex(A(3), initial=2.0), ex(A(3), dtype=np.float64), ex(A(2, 3), axis=1, initial=A()),
    ],
)  # fmt: skip


def mean_count(a, axis, keepdims, where):
    """How many items each mean is of: an int, or in the dtype of `a` an array."""
    if where is True:
        return count(a, axis)
    dtype = float if rank_if_known(a) == 0 else a.dtype
    return np.sum(np.broadcast_to(where, shape(a)), **given(axis=axis, keepdims=keepdims), dtype=dtype)


@linear(np.mean, examples=[*AXES, *WHERE, ex(A(3), dtype=np.float64)])
def mean_vjp(y_bar, y, a, axis=None, dtype=None, *, keepdims=False, where=True):
    if rank_if_known(a) == 0:
        return spread(y_bar, a, axis, keepdims, where)
    return spread(y_bar / mean_count(a, axis, keepdims, where), a, axis, keepdims, where)


def given(**parameters) -> dict:
    """The parameters of a reduction, without those that are the default."""
    return {name: v for name, v in parameters.items() if v is not None and v is not False}


def deviations(a, axis, where):
    """`a` less its mean; 0 where `where` is false."""
    if where is True:
        return a - np.mean(a, **given(axis=axis, keepdims=axis is not None))
    return (a - np.mean(a, **given(axis=axis, keepdims=True), where=where)) * where


def freedom(a, axis, ddof, where):
    """The divisor of a variance."""
    n = mean_count(a, axis, True, where)
    return n if known(ddof) == 0 else n - ddof


def delta(ddof, correction):
    """The parameter `ddof`, which NumPy 2 also takes as `correction`."""
    return ddof if known(correction) is None else correction


def var_vjp(y_bar, y, a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, correction=None):
    n = freedom(a, known(axis), delta(ddof, correction), where)
    if where is True:
        return expand(2 * y_bar / n, a, axis, keepdims) * deviations(a, axis, where)
    return 2 * expand(y_bar, a, axis, keepdims) / n * deviations(a, axis, where)


def var_jvp(dots, y, a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, correction=None):
    n = freedom(a, axis, delta(ddof, correction), where)
    return 2 * np.sum(conjugate(deviations(a, axis, where), a) * dots[0] / n, axis, keepdims=keepdims)


def std_vjp(y_bar, y, a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, correction=None):
    n = freedom(a, known(axis), delta(ddof, correction), where)
    if where is True:
        return expand(y_bar / (n * (y + (y == 0))), a, axis, keepdims) * deviations(a, axis, where)
    return expand(y_bar / (y + (y == 0)), a, axis, keepdims) / n * deviations(a, axis, where)


def std_jvp(dots, y, a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, correction=None):
    y_dot = var_jvp(dots, y, a, axis, ddof=ddof, keepdims=keepdims, where=where, correction=correction)
    return y_dot / (2 * (y + (y == 0)))


VARIANCES = [
    *(e for e in AXES if e.args[0].shape and e.kwargs.get("axis") != ()),
    *WHERE, ex(A(3, 4), axis=1, ddof=1), ex(A(4), ddof=1), ex(A(3, 4), axis=0, ddof=1, where=MASK),
    ex(A(2, 3, 4), axis=(0, 2), ddof=1, keepdims=True),
]  # fmt: skip
adjoint(np.var, jvp=var_jvp, examples=VARIANCES)(var_vjp)
DEVIATIONS = [e for e in VARIANCES if 1 not in e.args[0].shape] + [ex(np.full(3, 2.0))]
adjoint(np.std, jvp=std_jvp, examples=DEVIATIONS)(std_vjp)


@adjoint(
    np.nansum, jvp=lambda dots, y, a, *options, **more: np.sum(dots[0] * ~np.isnan(a), *options, **more),
    examples=[ex(A(3, 4), axis=1), ex(np.array([1.0, np.nan, 2.0])), ex(A(3, 4), axis=0, keepdims=True), ex(A(3))],
)  # fmt: skip
def nansum_vjp(y_bar, y, a, axis=None, *, keepdims=False):
    return expand(y_bar, a, axis, keepdims) * ~np.isnan(a)


# ---------------------------------------------------------------------------------------------------------------
# Products


def prod_partial(a, axis, initial, where):
    masked = a if where is True else np.where(where, a, 1)
    axis = own_axis(axis, a)
    partial = product_of_others(masked) if axis is None else product_of_others(masked, axis)
    partial = partial if where is True else partial * where
    return partial if number(initial) == 1 else partial * initial


def prod_jvp(dots, y, a, axis=None, dtype=None, *, keepdims=False, initial=1, where=True):
    return np.sum(dots[0] * prod_partial(a, axis, initial, where), axis, keepdims=keepdims)


@adjoint(
    np.prod, jvp=prod_jvp,
    examples=[*AXES, *EMPTY, *WHERE, ex(A(3), initial=2.0), ex(np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]]), axis=1)],
)  # fmt: skip
def prod_vjp(y_bar, y, a, axis=None, dtype=None, *, keepdims=False, initial=1, where=True):
    return expand(y_bar, a, axis, keepdims) * prod_partial(a, axis, initial, where)


# ---------------------------------------------------------------------------------------------------------------
# Extrema: items that tie share evenly


def share_of(a, y, axis, keepdims, initial=None, where=True):
    """What each item of `a` has in the extremum y."""
    options = {} if where is True else {"where": where}
    if initial is not None:
        options["initial"] = initial
    axes = () if known(axis) is None else (axis,)
    return share(a, expand(y, a, axis, keepdims), *axes, **options)


def extremum_vjp(y_bar, y, a, axis=None, *, keepdims=False, initial=None, where=True):
    if rank_if_known(a) == 0 and initial is None:
        return y_bar
    return expand(y_bar, a, axis, keepdims) * share_of(a, y, axis, keepdims, initial, where)


def extremum_jvp(dots, y, a, axis=None, *, keepdims=False, initial=None, where=True):
    partial = share_of(a, y if is_symbol(y) else np.asarray(y), axis, keepdims, initial, where)
    return np.sum(dots[0] * partial, axis, keepdims=keepdims)


def masked_extrema(initial):
    return [ex(*e.args, initial=initial, **e.kwargs) for e in WHERE] + [ex(A(3), initial=0.0)]


EXTREMA = [*AXES, ex(A(0, 3), axis=1)]
adjoint(np.max, jvp=extremum_jvp, examples=EXTREMA + masked_extrema(-9.0))(extremum_vjp)
adjoint(np.min, jvp=extremum_jvp, examples=EXTREMA + masked_extrema(9.0))(extremum_vjp)
adjoint(np.nanmax, jvp=extremum_jvp, examples=[*AXES, ex(np.array([1.0, np.nan, 2.0]))])(extremum_vjp)
adjoint(np.nanmin, jvp=extremum_jvp, examples=[*AXES, ex(np.array([1.0, np.nan, 2.0]))])(extremum_vjp)
alias(np.prod, *available(np, "product"))
alias(np.max, np.amax)
alias(np.min, np.amin)


def ptp_jvp(dots, y, a, axis=None, *, keepdims=False):
    def tangent(extremum):
        return extremum_jvp(dots, extremum(a, axis, keepdims=keepdims), a, axis, keepdims=keepdims)

    return tangent(np.max) - tangent(np.min)


@adjoint(np.ptp, jvp=ptp_jvp, examples=[e for e in AXES if e.kwargs.get("axis") != ()])
def ptp_vjp(y_bar, y, a, axis=None, *, keepdims=False):
    top, bottom = (f(a, axis=known(axis), keepdims=True) if axis is not None else f(a) for f in (np.max, np.min))
    y_bar = expand(y_bar, a, axis, keepdims)
    return y_bar * share_of(a, top, axis, True) - y_bar * share_of(a, bottom, axis, True)


# ---------------------------------------------------------------------------------------------------------------
# Cumulative functions

CUMULATED = [ex(A()), ex(A(), axis=-1, include_initial=True), ex(A(2, 0), axis=1, include_initial=True)]
ROWS = [
    ex(A(3, 4), 0), ex(A(3, 4), axis=-1), ex(A(5)), ex(A(3, 4)), ex(A(2, 3, 4), axis=1), ex(A(0)),
    ex(A(1, 3), axis=0),
]  # fmt: skip


def flip(x, axis):
    return x[::-1] if rank_if_known(x) == 1 or axis == 0 else np.flip(x, axis)


@linear(np.cumsum, examples=[*ROWS, ex(A()), ex(A(), 0)])
def cumsum_vjp(y_bar, y, a, axis=None, dtype=None):
    if own_axis(axis, a) is None:
        a_bar = np.cumsum(y_bar[::-1])[::-1]
        return a_bar if rank_if_known(a) == 1 else reshaped(a_bar, a)
    if rank_if_known(a) == 1:
        return np.cumsum(y_bar[::-1])[::-1]
    return flip(np.cumsum(flip(y_bar, axis), axis), axis)


def cumprod_vjp(y_bar, y, a, axis=None, dtype=None):
    if own_axis(axis, a) is None:
        return cumprod_adjoint(y_bar, a) if rank_if_known(a) == 1 else reshaped(cumprod_adjoint(y_bar, np.ravel(a)), a)
    return cumprod_adjoint(y_bar, a, axis)


def cumprod_jvp(dots, y, a, axis=None, dtype=None):
    if own_axis(axis, a) is None:
        return cumprod_tangent(np.ravel(dots[0]), y, np.ravel(a), 0)
    return cumprod_tangent(dots[0], y, a, axis)


adjoint(
    np.cumprod, jvp=cumprod_jvp,
    examples=[*ROWS, ex(np.array([2.0, 0.0, 3.0, 0.0, 1.5])), ex(A(1)), ex(A(2, 0), axis=1), ex(A()), ex(A(), -1)],
)(cumprod_vjp)  # fmt: skip


def cumulative(x, bar, axis, include_initial):
    """The adjoint of the items themselves, where the result may begin with one more, and the axis."""
    axis = 0 if own_axis(axis, x) is None else axis
    if known(include_initial):
        axis = axis % max(rank(x), 1)
        bar = bar[(*(slice(None),) * axis, slice(1, None))]
    return bar, axis


for function in available(np, "cumulative_sum"):  # from NumPy 2.1 on

    @linear(function, examples=[ex(A(4)), ex(A(2, 3), axis=1), ex(A(2, 3), axis=-1, include_initial=True), *CUMULATED])
    def cumulative_sum_vjp(y_bar, y, x, /, *, axis=None, dtype=None, include_initial=False):
        y_bar, axis = cumulative(x, y_bar, axis, include_initial)
        return cumsum_vjp(y_bar, y, x, axis)

    def cumulative_prod_jvp(dots, y, x, /, *, axis=None, dtype=None, include_initial=False):
        products, axis = cumulative(x, y, axis, include_initial)
        y_dot = cumprod_jvp(dots, products, x, axis)
        if include_initial:
            first = np.zeros_like(y[(*(slice(None),) * axis, slice(None, 1))])
            y_dot = np.concatenate([first, y_dot], axis=axis)
        return y_dot

    @adjoint(
        np.cumulative_prod, jvp=cumulative_prod_jvp,
        examples=[ex(A(4)), ex(A(2, 3), axis=1), ex(A(2, 3), axis=-1, include_initial=True), *CUMULATED],
    )  # fmt: skip
    def cumulative_prod_vjp(y_bar, y, x, /, *, axis=None, dtype=None, include_initial=False):
        y_bar, axis = cumulative(x, y_bar, axis, include_initial)
        return cumprod_vjp(y_bar, y, x, axis)


alias(np.cumprod, *available(np, "cumproduct"))
