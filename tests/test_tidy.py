"""The text of the sweeps: nothing is computed, copied or kept that need not be."""

from __future__ import annotations

import numpy as np
import pytest

import srcad
from srcad.runtime import may_overlap, over
from tests.reference import derivative


def twice(x, c):
    x *= c
    return np.sum(x * x * x.size)


def filled(x):
    y = np.empty_like(x)
    np.multiply(x, x, out=y)
    y *= 0.5
    return np.sum(y)


def swapped(u, steps):
    old, new = u.copy(), u.copy()
    for _ in range(steps):
        new[1:-1] = old[2:] * 0.25 + old[:-2] * 0.75
        old, new = new, old
    return np.sum(old * old)


def dotted(x, c):
    return np.sum(np.tanh(x * c) / c)


def negative_power(x):
    return np.sum(x**-1.5 + x**-2)


X = np.array([0.5, -1.2, 0.3, 2.0, 0.7])
LOSSES = [(twice, (X, 1.3)), (filled, (X,)), (swapped, (X, 3)), (dotted, (X, 1.3)), (negative_power, (np.abs(X),))]


@pytest.mark.parametrize("loss, args", LOSSES, ids=lambda x: getattr(x, "__name__", ""))
def test_the_gradient_gives_the_slope(loss, args):
    step = np.cos(np.arange(args[0].size))
    expected = derivative(lambda t: loss(args[0] + t * step, *args[1:]), 0.05)
    found = srcad.grad(loss)(*(a.copy() if isinstance(a, np.ndarray) else a for a in args))
    assert abs(np.vdot(found, step) - expected.value) <= 10 * expected.error + 1e-11


def source(loss, args) -> str:
    return srcad.grad(loss, argnums=tuple(k for k, a in enumerate(args) if not isinstance(a, int))).source_for(*args)


def test_what_is_written_in_place_stays_in_place():
    def halved(A):
        A[1:] *= 0.5
        return np.sum(A * A)

    assert "    A[1:] *= 0.5\n" in source(halved, (X,))
    assert "    np.multiply(x, x, out=y)\n" in source(*LOSSES[1])


def test_arrays_that_are_exchanged_are_copied_once_before_the_loop():
    body = source(*LOSSES[2]).partition("for _ in reversed")[2].partition("# ")[2]
    assert "own(" not in body.partition("return")[0]


def test_an_adjoint_of_a_number_is_a_dot_product_where_it_sums_products():
    assert "np.vdot(" in source(*LOSSES[3])


def test_a_term_that_comes_twice_is_one_term():
    def loss(x):
        y = x * 2
        return np.sum(np.exp(y * y))

    text = srcad.grad(loss).source_for(X)
    assert "y_bar = product_bar * 2 * y\n" in text and "y_bar +=" not in text
    np.testing.assert_allclose(srcad.grad(loss)(X), 8 * X * np.exp(4 * X * X), rtol=1e-13)


def test_arrays_that_own_their_memory_are_apart_and_views_are_looked_at():
    x = np.zeros(6)
    assert may_overlap(x, x) and may_overlap(x, x[2:]) and may_overlap(x[:3], x[2:]) and may_overlap(x, [1.0, {"a": x[:1]}])
    assert not may_overlap(x, np.zeros(6)) and not may_overlap(x[:3], x[3:]) and not may_overlap(x, 1.0)


def test_over_is_zero_where_nothing_comes_back():
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(over(np.array([0.0, 1.0, 0.0]), np.array([0.0, 2.0, np.nan])), [0.0, 0.5, 0.0])
        np.testing.assert_array_equal(over(np.array([0.0, 1.0]), np.array([np.nan, 4.0])), [0.0, 0.25])


def test_with_a_limit_an_array_operation_is_done_again():
    def reaction(u, n):
        for _ in range(n):
            u = u + 0.01 * (0.1 - u * u * u)
        return np.sum(u)

    limited = srcad.grad(reaction, memory=2000)
    np.testing.assert_allclose(limited(X, 40), srcad.grad(reaction)(X, 40), rtol=1e-13)
    assert "product_tape" in srcad.grad(reaction).source_for(X, 40)
    assert "product_tape" not in limited.source_for(X, 40)
    step = np.cos(np.arange(X.size))
    expected = derivative(lambda t: reaction(X + t * step, 40), 0.05)
    assert abs(np.vdot(limited(X, 40), step) - expected.value) <= 10 * expected.error + 1e-11
