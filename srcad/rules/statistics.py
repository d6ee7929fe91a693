"""Rules of averages, quantiles and correlations, and of reductions that pass over NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad import runtime_arrays
from srcad.rules.joining import join, section
from srcad.rules.reductions import (
    AXES, MASK, cumprod_jvp, cumprod_vjp, cumsum_vjp, given, mean_count, prod_jvp, prod_vjp, std_jvp, std_vjp, var_jvp,
    var_vjp,
)  # fmt: skip
from srcad.rules.registry import A, Refused, adjoint, ex, is_symbol, rule, symbolic
from srcad.rules.shaping import unbroadcast
from srcad.rules.shapes import expand, is_none, known, rank, rank_if_known, shape, spread

quantile_adjoint = symbolic(runtime_arrays.quantile_adjoint)
quantile_tangent = symbolic(runtime_arrays.quantile_tangent)

HOLES = np.array([[1.0, np.nan, 2.0], [0.5, -1.0, 3.0]])
NAN_AXES = [
    ex(A(3, 4)), ex(A(3, 4), axis=1), ex(A(3, 4), axis=0, keepdims=True), ex(A(2, 3, 4), axis=(0, -1)), ex(HOLES),
    ex(HOLES, axis=0), ex(HOLES, axis=1, keepdims=True), ex(A(3, 4), axis=1, where=MASK), ex(HOLES, where=MASK[:2, :3]),
]  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Averages


def weights_of(a, axis, weights):
    """The weights of `np.average`, with axes of extent 1 where they have none of `a`'s."""
    if known(axis) is None or rank(weights) == rank(a):
        return weights
    if isinstance(axis, tuple):
        if tuple(sorted(k % rank(a) for k in axis)) != tuple(k % rank(a) for k in axis):
            raise Refused("weights of several axes that are not in order")
    axes = {k % rank(a) for k in (axis if isinstance(axis, tuple) else (axis,))}
    if axes == set(range(rank(a) - len(axes), rank(a))):
        return weights
    return weights[tuple(slice(None) if k in axes else None for k in range(min(axes), rank(a)))]


def average_first(y_bar, y, a, axis=None, weights=None, returned=False, *, keepdims=False):
    if known(returned):
        raise Refused("np.average(..., returned=True); sum the weights yourself")
    if is_none(weights):
        return spread(y_bar / mean_count(a, axis, keepdims, True), a, axis, keepdims)
    w = weights_of(a, axis, weights)
    return expand(y_bar / total_weight(a, weights, axis, keepdims), a, axis, keepdims) * w


def total_weight(a, weights, axis, keepdims):
    """The sum of the weights, of a shape against which the average broadcasts."""
    options = given(axis=axis, keepdims=keepdims)
    return np.sum(weights, **options) if rank(weights) == rank(a) else np.sum(weights)


def average_second(y_bar, y, a, axis=None, weights=None, returned=False, *, keepdims=False):
    if known(returned):
        raise Refused("np.average(..., returned=True); sum the weights yourself")
    if is_none(weights):
        return 0.0
    w = weights_of(a, axis, weights)
    factor = expand(y_bar / total_weight(a, weights, axis, keepdims), a, axis, keepdims)
    w_bar = factor * (a - expand(y, a, axis, keepdims))
    return w_bar if rank(weights) == rank(a) else unbroadcast(w_bar, shape(w)).reshape(shape(weights))


def average_jvp(dots, y, a, axis=None, weights=None, returned=False, *, keepdims=False):
    if is_none(weights):
        return np.mean(dots[0], axis, keepdims=keepdims)
    w, w_dot = (weights_of(a, axis, weights), None if len(dots) < 2 else dots[1])
    y_dot = 0.0
    if dots[0] is not None:
        y_dot = np.sum(dots[0] * w, axis, keepdims=keepdims)
    if w_dot is not None:
        change = (a - expand(y, a, axis, keepdims)) * weights_of(a, axis, w_dot)
        y_dot = y_dot + np.sum(change, axis, keepdims=keepdims)
    return y_dot / total_weight(a, weights, axis, keepdims)


rule(
    np.average, average_first, average_second, data=("a", "weights"), jvp=average_jvp,
    examples=[
        ex(A(4)), ex(A(2, 3), axis=0), ex(A(4), weights=A(4, low=0.5, high=2.0)), ex(A(2, 3), keepdims=True),
        ex(A(2, 3), 1, A(2, 3, low=0.5, high=2.0)), ex(A(2, 3), 1, A(3, low=0.5, high=2.0)),
        ex(A(2, 3), 0, A(2, low=0.5, high=2.0)), ex(A(2, 3, 4), 1, A(3, low=0.5, high=2.0), keepdims=True),
        ex(A(2, 3, 4), -3, weights=A(2, low=0.5, high=2.0)), ex(A(2, 3), weights=A(2, 3, low=0.5, high=2.0)),
        *([ex(A(2, 3, 4), (0, 2), A(2, 4, low=0.5, high=2.0))] if np.__version__ >= "2" else []),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Over what is not NaN


def counted(a, where):
    """Where a reduction that passes over NaN reads `a`."""
    return ~np.isnan(a) if where is True else ~np.isnan(a) & where


def filled(a, v):
    """`a` with v in place of NaN."""
    return np.where(np.isnan(a), v, a)


def nanmean_vjp(y_bar, y, a, axis=None, dtype=None, *, keepdims=False, where=True):
    kept = counted(a, where)
    return expand(y_bar / mean_count(a, axis, keepdims, kept), a, axis, keepdims) * kept


def nanmean_jvp(dots, y, a, axis=None, dtype=None, *, keepdims=False, where=True):
    kept = counted(a, where)
    return np.sum(dots[0] * kept, axis, keepdims=keepdims) / mean_count(a, axis, keepdims, kept)


adjoint(np.nanmean, jvp=nanmean_jvp, examples=NAN_AXES)(nanmean_vjp)


def over_numbers(derivative, fill=0.0):
    """The derivative of a reduction with `where`, made one of the function that passes over NaN."""

    def declared(v, y, a, axis=None, dtype=None, *, where=True, **parameters):
        numbers = filled(a, fill)
        numbers = replace(numbers, kind=a.kind) if is_symbol(numbers) else numbers
        return derivative(v, y, numbers, axis, dtype, where=counted(a, where), **parameters)

    return declared


nanvar_vjp, nanvar_jvp = over_numbers(var_vjp), over_numbers(var_jvp)
nanstd_vjp, nanstd_jvp = over_numbers(std_vjp), over_numbers(std_jvp)
nanprod_vjp, nanprod_jvp = over_numbers(prod_vjp, 1.0), over_numbers(prod_jvp, 1.0)
NAN_VARIANCES = [*NAN_AXES[:7], ex(HOLES, ddof=1), ex(A(3, 4), axis=1, ddof=1, keepdims=True)]
NAN_DEVIATIONS = [e for e in NAN_VARIANCES if e.args[0] is not HOLES or e.kwargs.get("axis") != 0]


@adjoint(np.nanvar, jvp=nanvar_jvp, examples=NAN_VARIANCES)
def nanvar_rule(y_bar, y, a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, correction=None):
    return nanvar_vjp(y_bar, y, a, axis, ddof=ddof, keepdims=keepdims, where=where, correction=correction)


@adjoint(np.nanstd, jvp=nanstd_jvp, examples=NAN_DEVIATIONS)
def nanstd_rule(y_bar, y, a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, correction=None):
    return nanstd_vjp(y_bar, y, a, axis, ddof=ddof, keepdims=keepdims, where=where, correction=correction)


@adjoint(np.nanprod, jvp=nanprod_jvp, examples=[*NAN_AXES, ex(A(3), initial=2.0)])
def nanprod_rule(y_bar, y, a, axis=None, dtype=None, *, keepdims=False, initial=1, where=True):
    return nanprod_vjp(y_bar, y, a, axis, keepdims=keepdims, initial=initial, where=where)


CUMULATIVE = [ex(A(2, 3)), ex(A(2, 3), axis=1), ex(HOLES, axis=0), ex(HOLES, axis=1), ex(HOLES), ex(A(4))]


@adjoint(
    np.nancumsum, examples=CUMULATIVE,
    jvp=lambda dots, y, a, axis=None, dtype=None: np.cumsum(np.where(np.isnan(a), 0.0, dots[0]), axis),
)  # fmt: skip
def nancumsum_vjp(y_bar, y, a, axis=None, dtype=None):
    return cumsum_vjp(y_bar, y, a, axis) * ~np.isnan(a)


def nancumprod_jvp(dots, y, a, axis=None, dtype=None):
    return cumprod_jvp((np.where(np.isnan(a), 0.0, dots[0]),), y, filled(a, 1.0), axis)


@adjoint(np.nancumprod, jvp=nancumprod_jvp, examples=CUMULATIVE)
def nancumprod_vjp(y_bar, y, a, axis=None, dtype=None):
    return cumprod_vjp(y_bar, y, filled(a, 1.0) if rank_if_known(a) else np.nan_to_num(a, nan=1.0), axis) * ~np.isnan(a)


# ---------------------------------------------------------------------------------------------------------------
# Quantiles


def quantile_rules(skip_nan, per_cent=1):
    """The adjoint and the tangent of a quantile, of q in parts of `per_cent`."""

    def options(q, axis, method, weights):
        if not is_none(weights):
            raise Refused("weights")
        if per_cent != 1:
            q = [v / per_cent for v in q] if isinstance(q, (list, tuple)) else np.divide(q, per_cent)
        optional = {"axis": known(axis), "method": None if known(method) == "linear" else method, "skip_nan": skip_nan}
        return q, given(**optional)

    def vjp(y_bar, y, a, q, axis=None, *, method="linear", keepdims=False, weights=None):
        q, more = options(q, axis, method, weights)
        return quantile_adjoint(y_bar, a, q, **more)

    def jvp(dots, y, a, q, axis=None, *, method="linear", keepdims=False, weights=None):
        q, more = options(q, axis, method, weights)
        return quantile_tangent(dots[0], a, q, **more, **given(keepdims=keepdims))

    return vjp, jvp


def median_rules(skip_nan):
    def vjp(y_bar, y, a, axis=None, *, keepdims=False):
        return quantile_adjoint(y_bar, a, **given(axis=known(axis), skip_nan=skip_nan))

    def jvp(dots, y, a, axis=None, *, keepdims=False):
        return quantile_tangent(dots[0], a, **given(axis=axis, skip_nan=skip_nan, keepdims=keepdims))

    return vjp, jvp


MEDIANS = [e for e in AXES if e.args[0].shape and e.kwargs.get("axis") != ()]
QUANTILES = [
    ex(A(5), 0.3), ex(A(3, 4), 0.5, axis=1), ex(A(3, 4), 0.9, axis=0, keepdims=True), ex(A(2, 3, 4), 0.2, axis=(0, 2)),
    ex(A(5), [0.1, 0.5, 1.0]), ex(A(3, 4), np.array([0.25, 0.75]), 1, keepdims=True), ex(A(5), 0.0), ex(A(4), 1.0),
    ex(A(5), np.array([[0.1, 0.2], [0.3, 0.4]])),
    *(
        ex(A(6), 0.37, method=m)
        for m in (
            "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
            "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased",
        )
    ),
]  # fmt: skip


def in_per_cent(e):
    q = e.args[1]
    return ex(e.args[0], [100 * v for v in q] if isinstance(q, list) else 100 * q, *e.args[2:], **e.kwargs)


ROWS_WITH_HOLES = np.array([[1.0, np.nan, 2.5, 4.0], [0.5, -1.0, 3.0, 7.0]])
for skip, quantile, percentile, median in (
    (False, np.quantile, np.percentile, np.median),
    (True, np.nanquantile, np.nanpercentile, np.nanmedian),
):
    vjp, jvp = median_rules(skip)
    holes = [ex(ROWS_WITH_HOLES, axis=1), ex(ROWS_WITH_HOLES), ex(ROWS_WITH_HOLES, axis=0)] if skip else []
    adjoint(median, jvp=jvp, examples=[*MEDIANS, *holes])(vjp)
    quantiles = [*QUANTILES, *(ex(e.args[0], 0.4, **e.kwargs) for e in holes)]
    vjp, jvp = quantile_rules(skip)
    adjoint(quantile, jvp=jvp, examples=quantiles)(vjp)
    vjp, jvp = quantile_rules(skip, 100)
    adjoint(percentile, jvp=jvp, examples=list(map(in_per_cent, quantiles)))(vjp)


def still(y_bar, y, v, a, *parameters, **more):
    """The order of the items does not change along the way: `a` is as good as constant."""
    return np.zeros_like(a)


def quantile_tangent_vjp(y_bar, y, a_dot, a, q=0.5, axis=None, method="linear", skip_nan=False, keepdims=False):
    return quantile_adjoint(y_bar, a, q, axis, method, skip_nan)


def quantile_adjoint_vjp(y_bar, y, x_bar, a, q=0.5, axis=None, method="linear", skip_nan=False):
    return quantile_tangent(y_bar, a, q, axis, method, skip_nan)


def in_first(helper):
    """The tangent of a helper that is linear in its first argument, and moves with no other."""
    return lambda dots, y, v, *others, **more: 0.0 * y if dots[0] is None else helper(dots[0], *others, **more)


ORDERED = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 6.0]])
rule(
    runtime_arrays.quantile_tangent,
    quantile_tangent_vjp,
    still,
    data=("a_dot", "a"),
    jvp=in_first(quantile_tangent),
    examples=[ex(A(3), ORDERED[0]), ex(A(2, 3), ORDERED, 0.3, 1), ex(A(2, 3), ORDERED, [0.3, 0.4], 0, keepdims=True)],
)
rule(
    runtime_arrays.quantile_adjoint,
    quantile_adjoint_vjp,
    still,
    data=("x_bar", "a"),
    jvp=in_first(quantile_adjoint),
    examples=[ex(A(), ORDERED[0]), ex(A(2), ORDERED, 0.3, 1), ex(A(2, 3), ORDERED, [0.3, 0.4], 0)],
)


# ---------------------------------------------------------------------------------------------------------------
# Covariance


def as_rows(m, rowvar):
    """The variables of `np.cov` as rows."""
    return m[None, :] if rank(m) == 1 else m if known(rowvar) else m.T


def variables(m, y, rowvar):
    return as_rows(m, rowvar) if is_none(y) else join([as_rows(m, rowvar), as_rows(y, rowvar)])


def centred(m, y, rowvar, weights):
    """The variables less their means."""
    x = variables(m, y, rowvar)
    if weights is None:
        return x - np.mean(x, axis=1)[:, None]
    return x - (np.sum(x * weights, axis=1) / np.sum(weights))[:, None]


def divisor(x, bias, ddof, weights, aweights):
    """What the sums of products are divided by in `np.cov`."""
    ddof = (0 if known(bias) else 1) if is_none(ddof) else ddof
    if weights is None:
        return shape(x)[-1] - ddof
    if is_none(aweights) or ddof == 0:
        return np.sum(weights) - ddof
    return np.sum(weights) - ddof * np.sum(weights * aweights) / np.sum(weights)


def observation_weights(fweights, aweights):
    if is_none(fweights) or is_none(aweights):
        return aweights if is_none(fweights) else fweights
    return fweights * aweights


def cov_bar(c_bar, ndim, m, y, rowvar, bias, ddof, fweights, aweights):
    """The adjoint of the variables, as rows."""
    weights = observation_weights(*(None if is_none(w) else w for w in (fweights, aweights)))
    x = centred(m, y, rowvar, weights)
    scale = divisor(m if rank(m) == 1 or known(rowvar) else m.T, bias, ddof, weights, aweights)
    x_bar = 2 * c_bar * x / scale if ndim == 0 else (c_bar + c_bar.T) @ x / scale
    return x_bar if weights is None else x_bar * weights


def as_given(x_bar, m, rowvar):
    return x_bar[0] if rank(m) == 1 else x_bar if known(rowvar) else x_bar.T


def part_of(x_bar, k, m, y, rowvar):
    """The adjoint of m (k = 0) or y (1) from that of their rows one above the other."""
    if is_none(y):
        return as_given(x_bar, m, rowvar)
    counts = [1 if rank(v) == 1 else shape(v)[0 if rowvar else 1] for v in (m, y)]
    return as_given(section(x_bar, counts, k, 0), (m, y)[k], rowvar)


def cov_vjp(k):
    def vjp(c_bar, c, m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
        return part_of(cov_bar(c_bar, rank(c), m, y, rowvar, bias, ddof, fweights, aweights), k, m, y, rowvar)

    return vjp


def cov_jvp(dots, c, m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    weights = observation_weights(*(None if is_none(w) else w for w in (fweights, aweights)))
    x = centred(m, y, rowvar, weights)
    m_dot, y_dot = (*dots, None)[:2]
    m_dot = 0 * m if m_dot is None else m_dot
    y_dot = None if is_none(y) else 0 * y if y_dot is None else y_dot
    x_dot = variables(m_dot, y_dot, rowvar)
    scale = divisor(m if rank(m) == 1 or known(rowvar) else m.T, bias, ddof, weights, aweights)
    half = (x_dot if weights is None else x_dot * weights) @ x.T / scale
    return (half + half.T).reshape(np.shape(c))


COVARIANCES = [
    ex(A(5)), ex(A(3, 5)), ex(A(5, 2), rowvar=False), ex(A(5), A(5)), ex(A(2, 5), A(3, 5)), ex(A(5, 2), A(5), False),
]  # fmt: skip
rule(
    np.cov, cov_vjp(0), cov_vjp(1), data=("m", "y"), jvp=cov_jvp,
    examples=[
        *COVARIANCES, ex(A(3, 5), bias=True), ex(A(3, 5), ddof=0), ex(A(2, 4), fweights=np.array([1, 2, 1, 3])),
        ex(A(2, 4), aweights=np.array([1.0, 2.0, 0.5, 3.0])), ex(A(1, 4)), ex(A(2, 4), ddof=2, aweights=np.ones(4)),
        ex(A(4), fweights=np.array([1, 2, 1, 3]), aweights=np.array([1.0, 2.0, 0.5, 3.0])),
    ],
)  # fmt: skip


def corrcoef_vjp(k):
    def vjp(r_bar, r, x, y=None, rowvar=True, *, dtype=None):
        if rank(r) == 0:
            return 0 * (x if k == 0 else y)
        c_bar = scaled_back(r_bar, r, x, y, rowvar)
        return part_of(cov_bar(c_bar, 2, x, y, rowvar, False, None, None, None), k, x, y, rowvar)

    return vjp


def scaled_back(r_bar, r, x, y, rowvar):
    """The adjoint of the covariances from that of the correlations."""
    deviations = np.std(variables(x, y, rowvar), axis=1, ddof=1)
    c_bar = r_bar / np.outer(deviations, deviations)
    return c_bar - np.diag(np.sum((r_bar + r_bar.T) * r, axis=1) / (2 * deviations * deviations))


def corrcoef_jvp(dots, r, x, y=None, rowvar=True, *, dtype=None):
    if rank(r) == 0:
        return 0 * r
    deviations = np.std(variables(x, y, rowvar), axis=1, ddof=1)
    c_dot = cov_jvp(dots, r, x, y, rowvar)
    relative = np.diag(c_dot) / (deviations * deviations)
    return c_dot / np.outer(deviations, deviations) - 0.5 * r * (relative[:, None] + relative)


rule(np.corrcoef, corrcoef_vjp(0), corrcoef_vjp(1), data=("x", "y"), jvp=corrcoef_jvp, examples=COVARIANCES)
