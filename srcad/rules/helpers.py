"""Rules of the helpers that generated code calls: for derivatives of derivatives."""

from __future__ import annotations

import numpy as np

from srcad import runtime
from srcad.rules.indexing import ORDER, printed
from srcad.rules.registry import A, elementwise, ex, has_symbol, linear, rule, symbolic
from srcad.rules.shapes import rank, shape

over, passed = symbolic(runtime.over), symbolic(runtime.passed)
over_slope = symbolic(runtime.over_slope)
power_slope = symbolic(runtime.power_slope)
power_log = symbolic(runtime.power_log)
unbroadcast = symbolic(runtime.unbroadcast)
cofactor_slope = symbolic(runtime.cofactor_slope)
placed = symbolic(runtime.placed)
last_written = symbolic(runtime.last_written)


@linear(
    runtime.unbroadcast,
    examples=[
        ex(A(2, 3), (3,)), ex(A(2, 3), ()), ex(A(2, 3), (2, 1)), ex(A(3), (3,)), ex(A(), ()),
    ],
)  # fmt: skip
def unbroadcast_vjp(y_bar, y, x_bar, shape_):
    return y_bar if rank(x_bar) == 0 else np.broadcast_to(y_bar, shape(x_bar))


@linear(
    runtime.scatter,
    examples=[
        ex(A(2), slice(1, 3), (4,)), ex(A(3), [0, 0, 2], (4,)), ex(A(3), (1, [0, 0, 2]), (2, 3)),
    ],
)  # fmt: skip
def scatter_vjp(y_bar, y, x_bar, index, shape_):
    return y_bar[index]


@linear(
    runtime.last_written,
    examples=[ex(A(4), slice(1, 3)), ex(A(4), [0, 2, 2]), ex(A(2, 3), (1, [0, 2, 2])), ex(A(3), [-1, 2])],
)
def last_written_vjp(y_bar, y, x_bar, index):
    return placed(y_bar, printed(index) if has_symbol((y_bar, index)) else index, shape(x_bar))


@linear(
    runtime.placed,
    examples=[ex(A(2), slice(1, 3), (4,)), ex(A(3), [0, 2, 2], (4,)), ex(A(3), (1, [0, 2, 2]), (2, 3))],
)
def placed_vjp(y_bar, y, v, index, shape_):
    return last_written(y_bar, printed(index) if has_symbol((y_bar, index)) else index)


rule(
    runtime.cofactors, lambda y_bar, y, x: cofactor_slope(y_bar, x), jvp=lambda dots, y, x: cofactor_slope(dots[0], x),
    examples=[ex(A(3, 3)), ex(A(1, 1)), ex(A(2, 3, 3)), ex(np.array([[1.0, 2.0], [2.0, 4.0]]))],
)


@linear(runtime.scatter_along, examples=[ex(A(2, 3), ORDER, 1, (2, 3))])
def scatter_along_vjp(y_bar, y, x_bar, indices, axis, shape_):
    return np.take_along_axis(y_bar, indices, axis)


@linear(
    runtime.place_diagonal,
    examples=[
        ex(A(2), (2, 3), 1), ex(A(2, 3), (2, 3, 3), 0, 1, 2), ex(A(), (3, 3)), ex(A(2, 1), (2, 3, 3), 0, 1, 2),
    ],
)  # fmt: skip
def place_diagonal_vjp(y_bar, y, x_bar, shape_, offset=0, axis1=0, axis2=1):
    diagonal = np.diagonal(y_bar, offset, axis1, axis2)
    return np.sum(diagonal) if rank(x_bar) == 0 else unbroadcast(diagonal, shape(x_bar))


@linear(runtime.place_repeated, examples=[ex(A(3), "ii", (3, 3)), ex(A(3, 2), "iji", (3, 2, 3))])
def place_repeated_vjp(y_bar, y, x_bar, labels, shape_):
    return np.einsum(labels + "->" + "".join(dict.fromkeys(labels)), y_bar)


@linear(
    runtime.widened,
    examples=[
        ex(A(3), np.ones((2, 3))), ex(A(), np.ones(3)), ex(A(3), np.ones(3)), ex(A(), 1.0), ex(A(2, 1), np.ones((2, 3))),
    ],
)  # fmt: skip
def widened_vjp(z_bar, z, y_dot, y):
    return z_bar if rank(y_dot) == 0 and rank(z) == 0 else unbroadcast(z_bar, shape(y_dot))


elementwise(
    runtime.sinc_slope,
    lambda y, x: -np.where(x == 0, np.pi**2 / 3, np.pi**2 * np.sinc(x) + 2 * y / (x + (x == 0))),
    examples=[ex(np.array([0.0, 1e-9, 1e-3]))],
)

POSITIVE = (0.5, 2.0)


def over_jvp(dots, y, v, d):
    v_dot, d_dot = dots
    terms = [over(v_dot, d)] if v_dot is not None else []
    terms += [over_slope(d_dot, y, d)] if d_dot is not None else []
    return sum(terms[1:], terms[0])


POLES = [ex(A(3), A(3, low=0.5, high=2.0)), ex(A(), A(2, 3, low=0.5, high=2.0)), ex(A(), A(low=0.5, high=2.0))]
rule(
    runtime.over,
    lambda y_bar, y, v, d: over(y_bar, d) if rank(v) == rank(y) else unbroadcast(over(y_bar, d), shape(v)),
    lambda y_bar, y, v, d: -over(y_bar * y, d) if rank(d) == rank(y) else unbroadcast(-over(y_bar * y, d), shape(d)),
    jvp=over_jvp,
    examples=[*POLES, ex(np.array([0.0, 1.0]), A(2, low=0.5, high=2.0)), ex(np.zeros(2), np.array([0.5, 2.0]))],
)


def passed_jvp(dots, y, v, slope):
    v_dot, slope_dot = dots
    terms = [passed(v_dot, slope)] if v_dot is not None else []
    terms += [passed(v, slope_dot)] if slope_dot is not None else []
    return sum(terms[1:], terms[0])


elementwise(
    runtime.passed, lambda y, v, slope: slope, lambda y, v, slope: v, jvp=passed_jvp,
    examples=[ex(A(3), A(3)), ex(A(), A(2, 3)), ex(A(), A())],
)  # fmt: skip
elementwise(
    runtime.over_slope,
    lambda z, d_dot, y, d: -over(y, d), lambda z, d_dot, y, d: -over(d_dot, d), lambda z, d_dot, y, d: -over(z, d),
    examples=[ex(A(3), A(3), A(3, low=0.5, high=2.0)), ex(A(), A(3), A(3, low=0.5, high=2.0))],
)  # fmt: skip
elementwise(
    runtime.power_slope,
    lambda y, x, p: p * power_slope(x, p - 1),
    lambda y, x, p: x ** (p - 1) + power_log(y, x),
    domain=POSITIVE,
    examples=[ex(A(3), np.array([1.0, 2.0, 3.0])), ex(A(low=0.5, high=2.0), A(low=1.5, high=2.5))],
)
elementwise(
    runtime.power_log,
    lambda y, v, x: power_log(1.0, x),
    lambda y, v, x: v * (x != 0) / (x + (x == 0)),
    domain=POSITIVE,
    examples=[ex(A(2), np.array([0.0, 0.5]))],
)
