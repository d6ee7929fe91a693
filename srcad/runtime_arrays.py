"""The helpers that generated code calls for NumPy's longer functions: interpolation, quantiles, padding, signals.

Most are linear in their first argument, and come in pairs: one is the adjoint of the other.
"""

from __future__ import annotations

import math

import numpy as np

# ---------------------------------------------------------------------------------------------------------------
# Interpolation


def segment(x, xp):
    """The number of the segment between two of the points `xp` in which each x is, the first or last one if in none; -1
    of a single point.

    >>> segment(np.array([-1.0, 0.5, 1.0, 9.0]), np.array([0.0, 1.0, 2.0]))
    array([0, 0, 1, 1])
    """
    return np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)


def one_period(x, xp, fp, period):
    """The arguments of `np.interp` with those that wrap around written out, and where the new points came from."""
    period = abs(period)
    order = np.argsort(xp % period, kind="stable")
    order = np.concatenate([order[-1:], order, order[:1]])
    points = (xp % period)[order]
    points[0] -= period
    points[-1] += period
    return x % period, points, fp[order], order


# ---------------------------------------------------------------------------------------------------------------
# Quantiles: each is a mean of two items, or of all that tie with them


def quantile_weights(a, q, axis, method, skip_nan=False):
    """What each item of `a` has in the quantiles q along axes: of the shape of q, then of `a`, flat along the axes last.

    Items that tie share evenly.
    """
    axes = tuple(range(a.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(k % a.ndim for k in axes)
    kept = [k for k in range(a.ndim) if k not in axes]
    rows = a.transpose((*kept, *axes)).reshape(*(a.shape[k] for k in kept), math.prod(a.shape[k] for k in axes))
    missing = np.isnan(rows) if skip_nan else np.zeros(rows.shape, bool)
    weights = np.zeros(np.shape(q) + rows.shape, a.dtype)
    counts = (~missing).sum(-1)
    for n in np.unique(counts[counts > 0]):
        chosen = counts == n
        places = np.quantile(np.arange(float(n)), q, method=method)  # NumPy's own: for this ramp an item is its place
        known = np.unique(np.minimum([np.floor(places), np.floor(places) + 1], n - 1).astype(int))
        ordered = np.partition(rows[chosen], known, -1)
        for at in np.ndindex(np.shape(q)):
            low = min(int(places[at]), int(n) - 1)
            high, part = min(low + 1, int(n) - 1), places[at] - low
            for place, weight in ((low, 1 - part), (high, part)):
                if weight == 0:
                    continue
                hit = rows[chosen] == ordered[..., place, None]
                weights[(*at, chosen)] += weight * hit / np.maximum(hit.sum(-1, keepdims=True), 1)
    return weights, kept, axes


def quantile_adjoint(y_bar, a, q=0.5, axis=None, method="linear", skip_nan=False):
    """The adjoint of `np.quantile(a, q, axis, method=method)`: `y_bar` has the axes of q, then those that stay.

    >>> quantile_adjoint(2.0, np.array([3.0, 1.0, 2.0, 9.0]))
    array([1., 0., 1., 0.])
    """
    weights, kept, axes = quantile_weights(a, q, axis, method, skip_nan)
    lead = tuple(range(np.ndim(q)))
    y_bar = np.asarray(y_bar, weights.dtype).reshape(weights.shape[:-1])
    rows = (weights * y_bar[..., None]).sum(lead)
    moved = rows.reshape([a.shape[k] for k in (*kept, *axes)])
    return moved.transpose(np.argsort((*kept, *axes)))


def quantile_tangent(a_dot, a, q=0.5, axis=None, method="linear", skip_nan=False, keepdims=False):
    """The tangent of `np.quantile(a, q, axis, method=method, keepdims=keepdims)`."""
    weights, kept, axes = quantile_weights(a, q, axis, method, skip_nan)
    rows = np.transpose(a_dot, (*kept, *axes)).reshape(weights.shape[np.ndim(q) :])
    y_dot = np.asarray((weights * np.where(weights, rows, 0)).sum(-1))
    return np.expand_dims(y_dot, tuple(np.ndim(q) + k for k in axes)) if keepdims else y_dot[()]


# ---------------------------------------------------------------------------------------------------------------
# Order


def rank_of(x, axis=-1):
    """The place that each item has among the sorted ones along `axis`.

    >>> rank_of(np.array([3.0, 1.0, 2.0]))
    array([2, 0, 1])
    """
    return np.argsort(np.argsort(x, axis, kind="stable"), axis, kind="stable")


def unsorted(y_bar, order, axis=-1):
    """The adjoint of `np.take_along_axis(x, order, axis)` for an order that has each item once, as `np.argsort` gives.

    >>> unsorted(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]))
    array([2., 3., 1.])
    """
    x_bar = np.empty_like(y_bar)
    np.put_along_axis(x_bar, order, y_bar, axis)
    return x_bar


# ---------------------------------------------------------------------------------------------------------------
# Padding


def widths(pad_width, ndim):
    """The pairs of widths, one an axis, in all forms that `np.pad` takes."""
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = (width, width) if isinstance(width, int) else tuple(width)
        return pairs
    return [tuple(int(w) for w in pair) for pair in np.broadcast_to(pad_width, (ndim, 2))]


def pad_adjoint(y_bar, shape, pad_width, mode="constant", stat_length=None, reflect_type="even"):
    """The adjoint of `np.pad(x, pad_width, mode)`, for an x of `shape`.

    >>> pad_adjoint(np.array([1.0, 2.0, 3.0, 4.0]), (2,), 1, "edge")
    array([3., 7.])
    """
    lengths = [(None, None)] * len(shape) if stat_length is None else widths(stat_length, len(shape))
    for axis, (pair, length) in reversed(list(enumerate(zip(widths(pad_width, len(shape)), lengths)))):
        if pair != (0, 0):
            rows = np.moveaxis(y_bar, axis, 0)
            y_bar = np.moveaxis(_unpad(rows, shape[axis], pair, mode, length, reflect_type == "odd"), 0, axis)
    return y_bar


def _unpad(rows, n, pair, mode, length, odd):
    """The adjoint of padding an array of n rows."""
    before, after = pair
    x_bar = rows[before : before + n].copy()
    head, tail = rows[:before], rows[before + n :]
    if mode in ("constant", "empty") or n == 0:
        return x_bar
    if mode == "linear_ramp":
        x_bar[0] += np.tensordot(np.linspace(0, 1, before, endpoint=False).astype(rows.dtype), head, (0, 0))
        x_bar[-1] += np.tensordot(np.linspace(0, 1, after, endpoint=False)[::-1].astype(rows.dtype), tail, (0, 0))
        return x_bar
    if mode == "mean":
        first, last = (n if k is None else min(k, n) for k in length)
        x_bar[:first] += head.sum(0) / first
        x_bar[n - last :] += tail.sum(0) / last
        return x_bar
    if not odd:
        source = np.pad(np.arange(n), pair, mode)
        np.add.at(x_bar, source[:before], head)
        np.add.at(x_bar, source[before + n :], tail)
        return x_bar
    first = 0 if mode == "symmetric" else 1
    if max(pair) > n - first:
        raise ValueError(f"np.pad(..., {mode!r}, reflect_type='odd') has no adjoint where it pads more than it has")
    x_bar[0] += 2 * head.sum(0)
    x_bar[-1] += 2 * tail.sum(0)
    x_bar[first : first + before] -= head[::-1]
    x_bar[n - first - after : n - first] -= tail[::-1]
    return x_bar


# ---------------------------------------------------------------------------------------------------------------
# Signals


def in_full(y_bar, n, m, mode):
    """`y_bar`, of the extent that `np.convolve` of n and m items has in `mode`, in that of the full one.

    >>> in_full(np.array([1.0, 2.0]), 3, 2, "valid")
    array([0., 1., 2., 0.])
    """
    start = 0 if mode == "full" else (min(n, m) - 1) // 2 if mode == "same" else min(n, m) - 1
    full = np.zeros(n + m - 1, y_bar.dtype)
    full[start : start + len(y_bar)] = y_bar
    return full


def in_full_correlation(y_bar, n, m, mode):
    """`y_bar`, of the extent that `np.correlate` of n and m items has in `mode`, in that of the full one."""
    if mode == "same" and n < m:  # NumPy exchanges the two, and turns the result round
        return in_full(y_bar[::-1], n, m, mode)[::-1]
    return in_full(y_bar, n, m, mode)


def from_full(full, n, m, mode, length):
    """The part of a full convolution that `np.convolve` gives in `mode`."""
    start = 0 if mode == "full" else (min(n, m) - 1) // 2 if mode == "same" else min(n, m) - 1
    return full[start : start + length]


def pair_sums(y_bar, length, axis=-1):
    """The adjoint of `x[1:] + x[:-1]`, of an x of `length` items along the axis: each item of `y_bar` is added to two.

    >>> pair_sums(np.array([1.0, 2.0]), 3)
    array([1., 3., 2.])
    """
    rows = np.moveaxis(y_bar, axis, 0)
    x_bar = np.zeros((length, *rows.shape[1:]), y_bar.dtype)
    x_bar[1:] = rows
    x_bar[:-1] += rows
    return np.moveaxis(x_bar, 0, axis)


def gradient_adjoint(y_bar, spacing, axis, edge_order=1):
    """The adjoint of `np.gradient` along one axis; `spacing` is a number, or the coordinates of the points."""
    g = np.moveaxis(y_bar, axis, 0)
    x_bar = np.zeros_like(g)
    if np.ndim(spacing) == 0:
        steps = np.full(2, spacing, g.dtype)
        slope = g[1:-1] / (2 * steps[0])
        x_bar[2:] = slope
        x_bar[:-2] -= slope
    else:
        ahead = (..., *(None,) * (g.ndim - 1))
        steps = np.diff(spacing).astype(g.dtype)
        a, b = steps[:-1], steps[1:]
        x_bar[:-2] += (-b / (a * (a + b)))[ahead] * g[1:-1]
        x_bar[1:-1] += ((b - a) / (a * b))[ahead] * g[1:-1]
        x_bar[2:] += (a / (b * (a + b)))[ahead] * g[1:-1]
    if edge_order == 1:
        x_bar[0] -= g[0] / steps[0]
        x_bar[1] += g[0] / steps[0]
        x_bar[-1] += g[-1] / steps[-1]
        x_bar[-2] -= g[-1] / steps[-1]
    else:
        for sign, place, (p, q) in ((1, 0, steps[:2]), (-1, -1, steps[-1:-3:-1])):
            x_bar[place] -= sign * (2 * p + q) / (p * (p + q)) * g[place]
            x_bar[place + sign] += sign * (p + q) / (p * q) * g[place]
            x_bar[place + 2 * sign] -= sign * p / (q * (p + q)) * g[place]
    return np.moveaxis(x_bar, 0, axis)


# ---------------------------------------------------------------------------------------------------------------
# Spectra


def in_extents(x, shape, axes):
    """`x` cut, or padded with zeros, to the extents that `shape` has along `axes`."""
    for axis in axes:
        n, m = x.shape[axis], shape[axis]
        if m < n:
            x = np.moveaxis(np.moveaxis(x, axis, 0)[:m], 0, axis)
        elif m > n:
            zeros = np.zeros((m - n, *np.delete(x.shape, axis)), x.dtype)
            x = np.concatenate([x, np.moveaxis(zeros, 0, axis)], axis)
    return x


def half_spectrum(z, factor, n, axis):
    """The spectrum z of n real numbers, with `factor` for the parts that stand for two: not the first, nor the middle one.

    >>> half_spectrum(np.array([1.0, 1.0, 1.0]), 2, 4, 0)
    array([1., 2., 1.])
    """
    rows = np.moveaxis(z, axis, 0).copy()
    rows[1 : (n + 1) // 2] *= factor
    return np.moveaxis(rows, 0, axis)


# ---------------------------------------------------------------------------------------------------------------
# Polynomials


def poly_adjoint(y_bar, zeros):
    """The adjoint of `np.poly(zeros)`, for a vector of zeros."""
    return np.array([-y_bar[1:] @ np.atleast_1d(np.poly(np.delete(zeros, k))) for k in range(len(zeros))], y_bar.dtype)


def independent(powers):
    """The matrix of powers of a fit. Raises ValueError where its columns depend on each other: no fit is the best then."""
    if np.linalg.matrix_rank(powers / np.sqrt((powers * powers).sum(0))) < powers.shape[1]:
        raise ValueError("np.polyfit of too few points has no derivative: lower the degree, or give more points")
    return powers


# ---------------------------------------------------------------------------------------------------------------
# Items put in and taken out


def insert_places(n, obj, length):
    """For each of the `length` items of `np.insert`'s result, which of the values it is; -1 if it is one of the array."""
    return np.insert(np.full(n, -1), obj, np.arange(length - n))


def insert_first(y_bar, extents, obj, axis=None):
    """The adjoint of `np.insert(x, obj, values, axis)` by x, of the shape `extents`."""
    if axis is None:
        n = math.prod(extents)
        return y_bar[insert_places(n, obj, len(y_bar)) < 0].reshape(extents)
    return y_bar.compress(insert_places(extents[axis], obj, y_bar.shape[axis]) < 0, axis)


def insert_values(y_bar, extents, obj, axis=None):
    """The adjoint of `np.insert(x, obj, values, axis)` by the values, before they were broadcast."""
    n = math.prod(extents) if axis is None else extents[axis]
    axis = 0 if axis is None else axis
    places = insert_places(n, obj, y_bar.shape[axis])
    part = y_bar.take(np.flatnonzero(places >= 0)[np.argsort(places[places >= 0])], axis)
    return part if np.ndim(obj) else np.moveaxis(part, axis, 0)


def kept_places(n, obj):
    """Which of n items `np.delete(x, obj)` leaves, as a mask."""
    kept = np.ones(n, bool)
    kept[obj] = False
    return kept


# ---------------------------------------------------------------------------------------------------------------
# Special functions


def i0_slope(x, order=1):
    """The derivative of `np.i0(x)` of some order: of order 1, the modified Bessel function I1.

    By the trapezoidal rule for the integral over an angle (Abramowitz & Stegun 9.6.19), which converges geometrically.
    """
    x = np.asarray(x)
    n = 16 + order + int(4.5 * np.sqrt(np.nanmax(np.abs(x), initial=0)))  # the error is as I_2n(x) / I_0(x)
    cosines = np.cos((np.arange(n) + 0.5) * (np.pi / n))
    return (np.exp(x[..., None] * cosines) @ (cosines**order / n)).astype(np.result_type(x.dtype, np.float16))[()]


def kaiser_slope(M, beta):
    """The derivative of `np.kaiser(M, beta)` by beta."""
    ramp = 2.0 * np.arange(M) / max(M - 1, 1) - 1
    root = np.sqrt(1 - ramp * ramp) if M > 1 else np.ones(M)
    return (root * i0_slope(beta * root) - np.kaiser(M, beta) * i0_slope(beta)) / np.i0(beta)
