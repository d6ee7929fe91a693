"""Rules of sampled functions: interpolation, differences, integrals, convolutions and polynomials."""

from __future__ import annotations

import numpy as np

from srcad import runtime, runtime_arrays
from srcad.core.nodes import call_of
from srcad.rules.indexing import scatter
from srcad.rules.joining import at, sum_of
from srcad.rules.registry import (
    A, Refused, adjoint, available, elementwise, ex, has_symbol, is_symbol, linear, rule, symbolic,
)  # fmt: skip
from srcad.rules.shapes import (
    conjugate, expand, is_none, is_single, is_unread, known, number, part, rank, rank_if_known, shape, size,
)  # fmt: skip
from srcad.rules.shaping import reshaped

segment = symbolic(runtime_arrays.segment)
one_period = symbolic(runtime_arrays.one_period)
in_full = symbolic(runtime_arrays.in_full)
in_full_correlation = symbolic(runtime_arrays.in_full_correlation)
from_full = symbolic(runtime_arrays.from_full)
pair_sums = symbolic(runtime_arrays.pair_sums)
gradient_adjoint = symbolic(runtime_arrays.gradient_adjoint)
poly_adjoint = symbolic(runtime_arrays.poly_adjoint)
independent = symbolic(runtime_arrays.independent)
i0_slope = symbolic(runtime_arrays.i0_slope)
kaiser_slope = symbolic(runtime_arrays.kaiser_slope)
vander = symbolic(np.vander)
diff_adjoint = symbolic(runtime.diff_adjoint)
power_slope = symbolic(runtime.power_slope)

# ---------------------------------------------------------------------------------------------------------------
# Interpolation: at a point the slope is that of the segment to its right, at the last one of that to its left


def within(x, xp):
    return (xp[0] <= x) & (x <= xp[-1])


def written_out(x, xp, fp, period):
    """The arguments of `np.interp` without its period, and which points they are made from."""
    if is_none(period):
        return x, xp, fp, None
    points = one_period(x, xp, fp, period)
    return points[0], points[1], points[2], points[3]


def back(points_bar, order, xp):
    """The adjoint of the points from that of those with two more, `points[order]`."""
    return points_bar if order is None else scatter(points_bar, order, shape(xp))


def slope_at(x, xp, fp):
    if is_single(xp):
        return 0.0
    j = segment(x, xp)
    return (np.diff(fp) / np.diff(xp))[j]


def part_at(x, xp):
    """How far x is within its segment, from 0 to 1."""
    j = segment(x, xp)
    return np.clip((x - xp[j]) / np.diff(xp)[j], 0, 1)


def to_both(v, x, xp):
    """The adjoint of the values at the points, of an interpolation between them with the adjoint v."""
    if is_single(xp):
        return np.sum(v).reshape((1,))
    j, part = segment(x, xp), part_at(x, xp)
    return scatter(v * (1 - part), j, shape(xp)) + scatter(v * part, j + 1, shape(xp))


def interp_x(y_bar, y, x, xp, fp, left=None, right=None, period=None):
    x, xp, fp, _ = written_out(x, xp, fp, period)
    return y_bar * (within(x, xp) * slope_at(x, xp, fp))


def interp_xp(y_bar, y, x, xp, fp, left=None, right=None, period=None):
    x, points, values, order = written_out(x, xp, fp, period)
    return back(to_both(-y_bar * (within(x, points) * slope_at(x, points, values)), x, points), order, xp)


def interp_fp(y_bar, y, x, xp, fp, left=None, right=None, period=None):
    x, points, _, order = written_out(x, xp, fp, period)
    if is_none(period):
        y_bar = y_bar if is_none(left) else y_bar * (x >= points[0])
        y_bar = y_bar if is_none(right) else y_bar * (x <= points[-1])
    return back(to_both(y_bar, x, points), order, xp)


def interp_left(y_bar, y, x, xp, fp, left=None, right=None, period=None):
    return np.sum(y_bar * (x < xp[0])) if is_none(period) and not is_none(left) else 0.0


def interp_right(y_bar, y, x, xp, fp, left=None, right=None, period=None):
    return np.sum(y_bar * (x > xp[-1])) if is_none(period) and not is_none(right) else 0.0


def interp_jvp(dots, y, x, xp, fp, left=None, right=None, period=None):
    x_dot, xp_dot, fp_dot, left_dot, right_dot = (*dots, None, None)[:5]
    x, points, values, order = written_out(x, xp, fp, period)
    single = is_single(points)
    j, part = segment(x, points), None if single else part_at(x, points)
    slope = within(x, points) * slope_at(x, points, values)

    def between(v):
        v = v if order is None else v[order]
        if single:
            return v[0] + 0.0 * y
        return v[j] * (1 - part) + v[j + 1] * part

    y_dot = 0.0 * y
    if x_dot is not None:
        y_dot = y_dot + x_dot * slope
    if xp_dot is not None:
        y_dot = y_dot - between(xp_dot) * slope
    if fp_dot is not None:
        change = between(fp_dot)
        change = change if is_none(left) or not is_none(period) else change * (x >= points[0])
        y_dot = y_dot + (change if is_none(right) or not is_none(period) else change * (x <= points[-1]))
    if left_dot is not None and is_none(period):
        y_dot = y_dot + left_dot * (x < points[0])
    if right_dot is not None and is_none(period):
        y_dot = y_dot + right_dot * (x > points[-1])
    return y_dot


POINTS = np.array([-0.4, 0.1, 0.5, 2.0])
rule(
    np.interp, interp_x, interp_xp, interp_fp, interp_left, interp_right, jvp=interp_jvp,
    examples=[
        ex(A(5), POINTS, A(4)), ex(A(2, 3), POINTS, A(4)), ex(A(), POINTS, A(4)), ex(A(5), POINTS, A(4), A(), A()),
        ex(np.array([-3.0, 0.0, 0.2, 1.0]), np.cumsum([-1.0, 0.4, 0.3, 0.9]), A(4), left=A()), ex(A(0), POINTS, A(4)),
        ex(A(5), POINTS, A(4), period=3.0), ex(A(4), POINTS + 1.3, A(4), period=2.9), ex(A(3), POINTS[:2], A(2)),
        ex(0.3, np.array([0.0, 1.0]), A(2), right=5.0),
        ex(np.array([0.3, -9.0, 1.0, 9.0]), POINTS, np.array([1.0, 3.0, -2.0, 0.0])),
        ex(np.array([0.3, -9.0, 1.0, 9.0]), POINTS, np.array([1.0, 3.0, -2.0, 0.0]), 4.0, -1.0),
        ex(np.array([0.3, -9.0, 1.0, 9.0]), POINTS, np.array([1.0, 3.0, -2.0, 0.0]), period=3.1),
        ex(np.array([0.25, 0.6, 1.7]), A(1, low=0.0, high=0.1), A(1), period=1.0),
        ex(A(4), np.array([0.1]), A(1)), ex(A(4), np.array([0.1]), A(1), A(), A()), ex(A(), np.array([0.1]), A(1), left=2.0),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Differences and integrals


def sections_of(y_bar, n, axis, ends, a):
    """The adjoints of what `np.diff` joins: what stands before `a`, `a`, and what stands after it."""
    k = axis % rank(a) if known(axis) < 0 else axis
    extents = [0 if is_none(v) else 1 if rank(v) == 0 else shape(v)[k] for v in (ends[0], a, ends[1])]
    return diff_adjoint(y_bar, sum_of(n for n in extents if is_symbol(n) or n) or 0, n, axis), extents, k


def differences(y_bar, a, n=1, axis=-1):
    """The adjoint of `np.diff(a, n, axis)`."""
    length = size(a) if rank_if_known(a) == 1 else shape(a)[axis]
    return diff_adjoint(y_bar, length) if (number(n), number(axis)) == (1, -1) else diff_adjoint(y_bar, length, n, axis)


def diff_first(y_bar, y, a, n=1, axis=-1, prepend=None, append=None):
    if number(n) == 0:
        return y_bar
    if is_none(prepend) and is_none(append):
        return differences(y_bar, a, n, axis)
    whole, extents, k = sections_of(y_bar, n, axis, (prepend, append), a)
    if is_none(append):
        return at(whole, slice(extents[0], None), k)
    first = None if is_none(prepend) else extents[0]
    return at(whole, slice(first, extents[1] if first is None else extents[0] + extents[1]), k)


def diff_end(which):
    def vjp(y_bar, y, a, n=1, axis=-1, prepend=None, append=None):
        end = append if which else prepend
        if is_none(end) or number(n) == 0:
            return 0.0
        whole, extents, k = sections_of(y_bar, n, axis, (prepend, append), a)
        before_end = extents[1] if is_none(prepend) else extents[0] + extents[1]
        part = at(whole, slice(before_end, None) if which else slice(None, extents[0]), k)
        return np.sum(part) if rank(end) == 0 else part

    return vjp


def diff_jvp(dots, y, a, n=1, axis=-1, prepend=None, append=None):
    a_dot, *ends = (*dots, None, None)[:3]
    a_dot = 0.0 * a if a_dot is None else a_dot
    given = {"prepend": prepend, "append": append}
    moving = {k: 0.0 * v if d is None else d for (k, v), d in zip(given.items(), ends) if not is_none(v)}
    return np.diff(a_dot, n, axis, **moving)


rule(
    np.diff, diff_first, diff_end(0), diff_end(1), data=("a", "prepend", "append"), jvp=diff_jvp,
    examples=[
        ex(A(5)), ex(A(3, 4), axis=0), ex(A(5), 2), ex(A(3, 4), 3, -1), ex(A(1)), ex(A(2, 3), 0), ex(A(), 0),
        ex(A(5), prepend=A()), ex(A(5), append=A(2)), ex(A(2, 3), 1, 0, A(1, 3), A(2, 3)), ex(A(2, 3), prepend=0.0),
        ex(A(2, 3), 2, prepend=A(2, 2), append=A()), ex(A(0)), ex(A(0, 3), 2, 0), ex(A(2, 2), 4), ex(A(3), append=A(0)),
        ex(A(0), 3, prepend=A(2)),
    ],
)  # fmt: skip


def ediff1d_vjp(y_bar, y, ary, to_end=None, to_begin=None):
    start = None if is_none(to_begin) else size(to_begin)
    stop = None if is_none(to_end) else size(y_bar) - size(to_end)
    core = y_bar if start is stop is None else y_bar[start:stop]
    ary_bar = diff_adjoint(core, size(ary))
    return reshaped(ary_bar, ary) if rank_if_known(ary) != 1 else ary_bar


def ediff1d_end(y_bar, y, ary, to_end=None, to_begin=None):
    return 0.0 if is_none(to_end) else reshaped(y_bar[size(y_bar) - size(to_end) :], to_end)


def ediff1d_begin(y_bar, y, ary, to_end=None, to_begin=None):
    return 0.0 if is_none(to_begin) else reshaped(y_bar[: size(to_begin)], to_begin)


rule(
    np.ediff1d, ediff1d_vjp, ediff1d_end, ediff1d_begin, jvp="linear",
    examples=[
        ex(A(5)), ex(A(2, 3)), ex(A(4), A(2), A()), ex(A(4), to_begin=A(3)), ex(A(4), to_end=A()), ex(A(0)), ex(A(0, 2)),
        ex(A(4), A(0), A()), ex(A(1), A(2), A(0)),
    ],
)  # fmt: skip


def gradient_vjp(y_bar, y, f, *varargs, axis=None, edge_order=1):
    ndim = rank(f)
    axes = tuple(range(ndim)) if known(axis) is None else axis if isinstance(axis, tuple) else (axis,)
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    bars = [y_bar] if len(axes) == 1 else [part(y_bar, k) for k in range(len(axes))]
    order = {} if number(edge_order) == 1 else {"edge_order": edge_order}
    total = None
    for bar, spacing, k in zip(bars, spacings, axes):
        if len(axes) == 1 or not is_unread(bar):
            contribution = gradient_adjoint(bar, spacing, k, **order)
            total = contribution if total is None else total + contribution
    return np.zeros_like(f) if total is None else total


adjoint(
    np.gradient, jvp="linear",
    examples=[
        ex(A(5)), ex(A(4, 5)), ex(A(4, 5), axis=0), ex(A(4, 5), axis=(1,)), ex(A(5), 0.5), ex(A(4, 5), 0.5, 2.0),
        ex(A(5), np.array([0.0, 1.0, 1.5, 3.0, 3.2])), ex(A(5), edge_order=2), ex(A(3, 4), 2.0, axis=-1, edge_order=2),
        ex(A(5), np.array([0.0, 1.0, 1.5, 3.0, 3.2]), edge_order=2), ex(A(2)), ex(A(3), edge_order=2),
        ex(A(2, 3, 4), 0.1, axis=(2, 0)), ex(A(3, 4), np.array([0.0, 1.0, 3.0]), 0.5),
    ],
)(gradient_vjp)  # fmt: skip


@linear(
    runtime_arrays.gradient_adjoint,
    examples=[ex(A(4), 1.0, 0), ex(A(4, 3), np.array([0.0, 1.0, 3.0]), 1, 2), ex(A(4, 3), 0.5, -2)],
)
def gradient_adjoint_vjp(y_bar, y, x_bar, spacing, axis, edge_order=1):
    order = {} if number(edge_order) == 1 else {"edge_order": edge_order}
    if has_symbol((y_bar, spacing)):
        return symbolic(np.gradient)(y_bar, spacing, axis=axis, **order)
    return np.gradient(y_bar, spacing, axis=axis, **order)


def half_steps(y, x, dx, axis):
    """Half of the widths of the strips whose areas `np.trapezoid` sums, of a shape that goes with the strips."""
    if is_none(x):
        return 0.5 * dx
    if rank(x) == 1:
        return along(0.5 * np.diff(x), axis, rank(y))
    return 0.5 * np.diff(x, axis=axis)


def along(v, axis, ndim):
    """The vector v, along `axis` of an array of `ndim` axes."""
    after = ndim - 1 - (axis % ndim)
    return v[(slice(None), *(None,) * after)] if after else v


def heights(y, axis, ndim):
    """The sums of the neighbours along `axis`."""
    k = axis % ndim
    return at(y, slice(1, None), k) + at(y, slice(None, -1), k)


def trapezoid_first(r_bar, r, y, x=None, dx=1.0, axis=-1):
    strips = expand(r_bar, y, axis, False) * half_steps(y, x, dx, axis)
    if is_none(x):
        strips = np.broadcast_to(strips, shape(heights(y, axis, rank(y))))
    return pair_sums(strips, size(y)) if rank(y) == 1 else pair_sums(strips, shape(y)[axis], axis)


def trapezoid_x(r_bar, r, y, x=None, dx=1.0, axis=-1):
    if is_none(x):
        return 0.0
    steps_bar = 0.5 * expand(r_bar, y, axis, False) * heights(y, axis, rank(y))
    if rank(x) == 1 and rank(y) > 1:
        k = axis % rank(y)
        others = tuple(i for i in range(rank(y)) if i != k)
        return differences(np.sum(steps_bar, axis=others), x)
    return differences(steps_bar, x, 1, axis)


def trapezoid_dx(r_bar, r, y, x=None, dx=1.0, axis=-1):
    if not is_none(x):
        return 0.0
    if rank(dx) > 0:
        raise Refused("an array of widths dx")
    return 0.5 * np.sum(expand(r_bar, y, axis, False) * heights(y, axis, rank(y)))


def trapezoid_jvp(dots, r, y, x=None, dx=1.0, axis=-1):
    y_dot, x_dot, dx_dot = (*dots, None, None)[:3]
    r_dot = 0.0
    if y_dot is not None:
        r_dot = np.sum(heights(y_dot, axis, rank(y)) * half_steps(y, x, dx, axis), axis)
    if x_dot is not None:
        r_dot = r_dot + np.sum(heights(y, axis, rank(y)) * half_steps(y, x_dot, dx, axis), axis)
    if dx_dot is not None and is_none(x):
        r_dot = r_dot + np.sum(heights(y, axis, rank(y)) * (0.5 * dx_dot), axis)
    return r_dot


for function in available(np, "trapezoid", "trapz"):
    rule(
        function, trapezoid_first, trapezoid_x, trapezoid_dx, jvp=trapezoid_jvp,
        examples=[
            ex(A(5)), ex(A(2, 5)), ex(A(5), A(5)), ex(A(2, 5), A(5)), ex(A(5, 2), A(5), axis=0), ex(A(2, 5), A(2, 5)),
            ex(A(5), dx=A()), ex(A(3, 5), dx=0.5, axis=0), ex(A(2, 3), A(2, 3), axis=0), ex(A(2, 4, 3), A(4), axis=-2),
            ex(A(5), None, 0.1), ex(A(1)), ex(A(0)), ex(A(2, 0), A(0)), ex(A(0, 2), dx=A(), axis=0),
        ],
    )  # fmt: skip


@linear(runtime_arrays.pair_sums, examples=[ex(A(3), 4), ex(A(2, 3), 3, 0), ex(A(2, 3), 4), ex(A(2, 0), 0)])
def pair_sums_vjp(y_bar, y, x_bar, length, axis=-1):
    return heights(y_bar, axis, rank(y))


@linear(
    runtime.diff_adjoint, examples=[ex(A(3), 4), ex(A(2, 3), 4, 2, 0), ex(A(2, 3), 4, 1, -1), ex(A(0, 3), 2, 3, 0)],
)  # fmt: skip
def diff_adjoint_vjp(y_bar, y, x_bar, length, n=1, axis=-1):
    return np.diff(y_bar, n, axis)


@adjoint(
    np.unwrap, jvp=lambda dots, y, p, *options, **more: 1.0 * dots[0],
    examples=[
        ex(np.array([0.0, 3.0, 6.5, 0.5])), ex(A(2, 5, low=0.0, high=20.0), axis=0), ex(A(6), discont=0.5),
        ex(A(6, low=0.0, high=20.0), period=5.0),
    ],
)  # fmt: skip
def unwrap_vjp(y_bar, y, p, discont=None, axis=-1, *, period=2 * np.pi):
    return y_bar


# ---------------------------------------------------------------------------------------------------------------
# Convolutions


def vector(x):
    if rank(x) != 1:
        raise Refused("an argument that is no vector")
    return x


def whole(y_bar, a, v, mode):
    """`y_bar` in the extent of the full convolution."""
    a, v = vector(a), vector(v)
    return y_bar if known(mode) == "full" else in_full(y_bar, size(a), size(v), mode)


def convolve_first(y_bar, y, a, v, mode="full"):
    return np.correlate(whole(y_bar, a, v, mode), conjugate(v), "valid")


def convolve_second(y_bar, y, a, v, mode="full"):
    return np.correlate(whole(y_bar, a, v, mode), conjugate(a), "valid")


def whole_correlation(y_bar, a, v, mode):
    a, v = vector(a), vector(v)
    return y_bar if known(mode) == "full" else in_full_correlation(y_bar, size(a), size(v), mode)


def correlate_first(y_bar, y, a, v, mode="valid"):
    return np.convolve(whole_correlation(y_bar, a, v, mode), v, "valid")


def correlate_second(y_bar, y, a, v, mode="valid"):
    return conjugate(np.correlate(whole_correlation(y_bar, a, v, mode), a, "valid")[::-1], v)


MODES = [
    ex(A(n), A(m), mode=mode)
    for mode in ("full", "same", "valid")
    for n, m in ((5, 3), (5, 2), (3, 5), (2, 5), (4, 4), (6, 4), (1, 3))
]
rule(np.convolve, convolve_first, convolve_second, jvp="multilinear", examples=[ex(A(5), A(2)), *MODES])
rule(np.correlate, correlate_first, correlate_second, jvp="multilinear", examples=[ex(A(5), A(2)), *MODES])


@linear(runtime_arrays.in_full, examples=[ex(A(4), 4, 3, "same"), ex(A(2), 4, 3, "valid"), ex(A(4), 2, 4, "same")])
def in_full_vjp(y_bar, y, x_bar, n, m, mode):
    return from_full(y_bar, n, m, mode, size(x_bar))


@linear(
    runtime_arrays.in_full_correlation,
    examples=[ex(A(4), 4, 3, "same"), ex(A(2), 4, 3, "valid"), ex(A(4), 3, 4, "same"), ex(A(4), 4, 4, "same")],
)
def in_full_correlation_vjp(y_bar, y, x_bar, n, m, mode):
    if known(mode) == "same" and known(n) < known(m):
        return from_full(y_bar[::-1], n, m, mode, size(x_bar))[::-1]
    return from_full(y_bar, n, m, mode, size(x_bar))


@linear(runtime_arrays.from_full, examples=[ex(A(6), 4, 3, "same", 4), ex(A(6), 4, 3, "valid", 2)])
def from_full_vjp(y_bar, y, full, n, m, mode, length):
    return in_full(y_bar, n, m, mode)


# ---------------------------------------------------------------------------------------------------------------
# Polynomials, of coefficients from the highest power down


def ramp(x, *bounds):
    """The integers between bounds; as an expression if x is one."""
    return call_of(np.arange, *bounds) if is_symbol(x) else np.arange(*bounds)


@linear(np.polyder, examples=[ex(A(4)), ex(A(5), 2), ex(A(1)), ex(A(3), m=0)])
def polyder_vjp(y_bar, y, p, m=1):
    for k in range(known(m)):
        n = size(p) - known(m) + k
        y_bar = np.append(y_bar * ramp(p, n, 0, -1), 0.0)
    return y_bar[-size(p) :] if number(m) else y_bar


@linear(np.polyint, examples=[ex(A(4)), ex(A(3), 2), ex(A(3), m=0)])
def polyint_vjp(y_bar, y, p, m=1):
    for k in range(known(m)):
        y_bar = y_bar[:-1] / ramp(p, size(p) + known(m) - 1 - k, 0, -1)
    return y_bar


@adjoint(
    np.vander, jvp=lambda dots, y, x, N=None, increasing=False: dots[0][:, None] * vander_slope(y, x, N, increasing),
    examples=[ex(A(3)), ex(A(3), 5), ex(A(4), N=2, increasing=True), ex(np.array([0.0, 1.0]), 3), ex(A(2), 1)],
)  # fmt: skip
def vander_vjp(y_bar, y, x, N=None, increasing=False):
    return np.sum(y_bar * vander_slope(y, x, N, increasing), axis=1)


def vander_slope(y, x, N, increasing):
    n = size(x) if is_none(N) else N
    return power_slope(x[:, None], ramp(x, n) if known(increasing) else ramp(x, n - 1, -1, -1))


def polyval_first(y_bar, y, p, x):
    if rank(x) == 0:
        return y_bar * vander([x], size(p))[0]
    flat = (lambda v: v) if rank(x) == 1 else np.ravel
    return flat(y_bar) @ in_dtype_of(p, np.vander(flat(x), size(p)))


def is_double(x) -> bool:
    return getattr(x.kind if is_symbol(x) else x, "dtype", None) == np.float64


def in_dtype_of(x, v):
    """v in the dtype of x: NumPy's functions of polynomials make float64 of float32."""
    return v if is_double(x) else v.astype(x.dtype)


def polyval_second(y_bar, y, p, x):
    return y_bar * np.polyval(in_dtype_of(p, np.polyder(p)), x)


def polyval_jvp(dots, y, p, x):
    p_dot, x_dot = dots
    y_dot = 0.0 * y
    if p_dot is not None:
        y_dot = y_dot + np.polyval(p_dot, x)
    return y_dot if x_dot is None else y_dot + x_dot * np.polyval(np.polyder(p), x)


rule(
    np.polyval, polyval_first, polyval_second, jvp=polyval_jvp,
    examples=[ex(A(4), A()), ex(A(3), A(5)), ex(A(3), A(2, 3)), ex(A(1), A(2)), ex(A(2), 0.5), ex(A(3), A(0))],
)  # fmt: skip


def aligned(y_bar, p, sign=1):
    """The adjoint of a term of a sum of polynomials: its coefficients are the last."""
    section = y_bar[size(y_bar) - size(vector(p)) :]
    return section if sign == 1 else -section


SUMS = [ex(A(3), A(3)), ex(A(3), A(5)), ex(A(4), A(2))]
EMPTY = [ex(A(0), A(3)), ex(A(3), A(0))]
rule(
    np.polyadd, lambda y_bar, y, a1, a2: aligned(y_bar, a1), lambda y_bar, y, a1, a2: aligned(y_bar, a2),
    jvp="linear", examples=[*SUMS, *EMPTY],
)  # fmt: skip
rule(
    np.polysub, lambda y_bar, y, a1, a2: aligned(y_bar, a1), lambda y_bar, y, a1, a2: aligned(y_bar, a2, -1),
    jvp="linear", examples=[*SUMS, *EMPTY],
)  # fmt: skip


def product_bar(y_bar, a1, a2):
    """`y_bar`, with zeros for the highest powers, which `np.polymul` leaves out where they are zero."""
    return np.pad(y_bar, (size(vector(a1)) + size(vector(a2)) - 1 - size(y_bar), 0))


rule(
    np.polymul,
    lambda y_bar, y, a1, a2: np.correlate(product_bar(y_bar, a1, a2), a2, "valid"),
    lambda y_bar, y, a1, a2: np.correlate(product_bar(y_bar, a1, a2), a1, "valid"),
    jvp=lambda dots, y, a1, a2: in_extent_of(
        y, sum(np.convolve(*pair) for pair in ((dots[0], a2), (a1, dots[1])) if pair[0] is not None and pair[1] is not None)
    ),
    examples=[*SUMS, ex(A(1), A(3))],
)  # fmt: skip


def in_extent_of(y, full):
    """The last items of `full`, as many as y has."""
    return full[size(full) - size(y) :]


def poly_jvp(dots, y, seq_of_zeros):
    others = [np.atleast_1d(np.poly(np.delete(seq_of_zeros, k))) for k in range(len(vector(seq_of_zeros)))]
    return np.append(0.0, -sum((d * p for d, p in zip(dots[0], others)), np.zeros(len(seq_of_zeros))))


@adjoint(np.poly, jvp=poly_jvp, examples=[ex(A(3)), ex(A(1)), ex(np.array([1.0, 1.0, 0.0]))])
def poly_vjp(y_bar, y, seq_of_zeros):
    return poly_adjoint(y_bar, vector(seq_of_zeros))


def fit_parts(x, y, deg, w):
    """The matrix of powers, its pseudo-inverse, and the data, all weighed."""
    powers, data = np.vander(x, deg + 1), y
    if not is_none(w):
        powers, data = powers * w[:, None], y * (w if rank(y) == 1 else w[:, None])
    return powers, np.linalg.pinv(independent(powers)), data


@linear(runtime_arrays.independent, examples=[ex(A(5, 2))])
def independent_vjp(y_bar, y, powers):
    return y_bar


def polyfit_y(c_bar, c, x, y, deg, *, w=None):
    _, inverse, _ = fit_parts(x, y, deg, w)
    data_bar = inverse.T @ c_bar
    return data_bar if is_none(w) else data_bar * (w if rank(y) == 1 else w[:, None])


def polyfit_x(c_bar, c, x, y, deg, *, w=None):
    powers, inverse, data = fit_parts(x, y, deg, w)
    data_bar, rest = inverse.T @ c_bar, data - powers @ c
    if rank(y) == 1:
        powers_bar = np.outer(rest, inverse @ data_bar) - np.outer(data_bar, c)
    else:
        powers_bar = rest @ (inverse @ data_bar).T - data_bar @ c.T
    return vander_vjp(powers_bar if is_none(w) else powers_bar * w[:, None], powers, x, deg + 1)


def polyfit_jvp(dots, c, x, y, deg, *, w=None):
    x_dot, y_dot = dots
    powers, inverse, data = fit_parts(x, y, deg, w)
    weigh = (lambda v: v) if is_none(w) else lambda v: v * (w if np.ndim(v) == 1 else w[:, None])
    c_dot = 0.0 * c
    if y_dot is not None:
        c_dot = c_dot + inverse @ weigh(y_dot)
    if x_dot is not None:
        powers_dot = weigh(x_dot[:, None] * vander_slope(None, x, deg + 1, False))
        c_dot = c_dot - inverse @ (powers_dot @ c) + inverse @ (inverse.T @ (powers_dot.T @ (data - powers @ c)))
    return c_dot


rule(
    np.polyfit, polyfit_x, polyfit_y, jvp=polyfit_jvp,
    examples=[
        ex(A(6), A(6), 2), ex(A(5), A(5, 2), 1), ex(A(5), A(5), 1, w=np.array([1.0, 2.0, 0.5, 1.0, 3.0])),
        ex(A(3), A(3), 2),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Bessel functions and windows

elementwise(np.i0, lambda y, x: i0_slope(x), examples=[ex(A(3, low=-30.0, high=30.0))])


@adjoint(
    runtime_arrays.i0_slope, examples=[ex(A(3)), ex(A(), 3), ex(np.zeros(2), 2)],
    jvp=lambda dots, y, x, order=1: dots[0] * i0_slope(x, order + 1),
)  # fmt: skip
def i0_slope_vjp(y_bar, y, x, order=1):
    return y_bar * i0_slope(x, order + 1)


@adjoint(
    np.kaiser, data=("beta",), jvp=lambda dots, y, M, beta: dots[0] * kaiser_slope(M, beta),
    examples=[ex(5, A(low=1.0, high=9.0)), ex(2, A()), ex(1, A())],
)  # fmt: skip
def kaiser_vjp(y_bar, y, M, beta):
    return np.sum(y_bar * kaiser_slope(M, beta))
