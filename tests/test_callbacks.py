"""Functions of NumPy that call a function of the user's, in programs: against differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import srcad
from srcad import grad, hessian, jvp, stop_gradient
from tests.reference import slopes

T = np.array([1.2, 0.7, -0.3])
DIRECTION = np.array([1.0, 0.5, 2.0])
M = np.arange(12.0).reshape(3, 4) / 7


def along_rows(t):
    return np.sum(np.apply_along_axis(lambda row: row * t[0] + np.sum(row) ** 2, 1, M) * t[:, None])


def along_columns_by_a_function_of_numpy(t):
    return np.sum(np.apply_along_axis(np.sum, 0, np.outer(t, t)) ** 2)


def along_with_more_arguments(t):
    found = np.apply_along_axis(lambda row, a, b=1.0: row[:2] * a * b, -2, np.outer(t, t), t[1], b=t[2])
    return np.sum(found**2)


def along_to_matrices(t):
    found = np.apply_along_axis(lambda row: np.outer(row, row), 0, np.outer(t, t[:2]))
    return np.sum(found * np.arange(18.0).reshape(3, 3, 2))


def scalar(a, b):
    return a * b if a > b else a + b * b


of_module = np.vectorize(scalar)


@np.vectorize
def decorated(a):
    return np.sin(a) * 2


def vectorized_at_once(t):
    return np.sum(np.vectorize(lambda a: a**2 if a > 0 else -3 * a)(t))


def vectorized_before(t):
    function = np.vectorize(scalar)
    return np.sum(function(t[:, None], t) * function(t, 0.5))


def vectorized_elsewhere(t):
    return np.sum(of_module(t, t[0])) + np.sum(decorated(t))


def vectorized_with_three(t):
    return np.sum(np.vectorize(lambda a, b, c: a * b * c * t[0], otypes=[float])(t, t[1], 2.0))


def pieces(t):
    return np.sum(np.piecewise(t, [t < 0, t >= 0], [lambda x: x**2, lambda x: 3 * x]) * t)


def pieces_with_a_default(t):
    found = np.piecewise(t, [t < -0.1, t > 1], [lambda x, a: x**2 * a, 5.0, lambda x, a: a / x], t[0])
    return np.sum(found * t)


def pieces_that_no_item_is_in(t):
    return np.sum(np.piecewise(t, [t > 100], [np.max, np.sin]))


def pieces_of_a_constant(t):
    return np.sum(np.piecewise(M, [M < 1], [lambda x: x * t[0], lambda x: x * t[1]]))


@pytest.mark.parametrize("fun", [
    along_rows, along_columns_by_a_function_of_numpy, along_with_more_arguments, along_to_matrices, vectorized_at_once,
    vectorized_before, vectorized_elsewhere, vectorized_with_three, pieces, pieces_with_a_default, pieces_that_no_item_is_in,
    pieces_of_a_constant,
])  # fmt: skip
def test_functions_with_a_callback(fun):
    value, gradient = srcad.value_and_grad(fun)(T)
    assert value == pytest.approx(fun(T), rel=1e-14)
    np.testing.assert_allclose(gradient, slopes(fun, T), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(jvp(fun, (T,), (DIRECTION,))[1], gradient @ DIRECTION, rtol=1e-11)


@pytest.mark.parametrize("fun", [vectorized_at_once, vectorized_before, vectorized_with_three, pieces_of_a_constant])
def test_second_derivatives(fun):
    second = np.stack([slopes(lambda t, k=k: grad(fun)(t)[k], T) for k in range(3)])
    np.testing.assert_allclose(hessian(fun)(T), second, rtol=1e-6, atol=1e-7)


def test_what_vectorize_makes_integers_of_is_refused():
    with pytest.raises(ValueError, match="whose first result is 0: let it return floats"):
        grad(lambda t: np.sum(np.vectorize(lambda a: 0 if a > 1 else a)(t)))(T)
    with pytest.raises(ValueError, match="give otypes"):
        grad(lambda t: np.sum(np.vectorize(lambda a: a)(t[:0])))(T)
    with pytest.raises(ValueError, match="np.apply_along_axis of a function whose first result is 0"):
        grad(lambda t: np.sum(np.apply_along_axis(lambda row: 0 if row[0] > 1 else row[0], 1, t[:, None])))(T)


@pytest.mark.parametrize("fun, message", [
    (lambda t: np.sum(np.vectorize(lambda a: a, signature="()->()")(t)), "`signature`"),
    (lambda t: np.sum(np.vectorize(lambda a, b, c, d: a)(t, t, t, t)), "called with 4 arrays"),
    (lambda t: np.sum(np.piecewise(t, np.array([t < 0]), [np.sin, np.cos])), "are not written out as lists"),
    (lambda t: np.sum(np.apply_over_axes(np.sum, t, 0)), "It calls a function of yours; write the loop"),
])  # fmt: skip
def test_callbacks_that_are_refused(fun, message):
    with pytest.raises(srcad.SrcadError) as error:
        grad(fun)(T)
    assert message in str(error.value)


# ---------------------------------------------------------------------------------------------------------------
# What they rest on


def by_items(x, t):
    return x[0] * t[0] ** 2 + x[1] * t[1]


def test_the_tangent_of_a_call_that_only_writes():
    """The adjoint of a helper adds to what it gets, and returns nothing: its tangent needs those of its arguments."""

    def fun(t):
        return by_items(np.array([1.0, 2.0]), t) ** 2

    a, b, _ = T
    y = a**2 + 2 * b
    expected = np.zeros((3, 3))
    expected[:2, :2] = [[8 * a**2 + 4 * y, 8 * a], [8 * a, 8]]
    np.testing.assert_allclose(hessian(fun)(T), expected, rtol=1e-12)


def test_a_constant_of_a_value_goes_to_a_call_for_its_effect():
    seen = []

    def fun(t):
        y = t * t
        seen.append(stop_gradient(y))
        return np.sum(y)

    np.testing.assert_array_equal(grad(fun)(T), 2 * T)
    assert len(seen) >= 1


def test_the_reason_for_a_missing_rule_is_given():
    with pytest.raises(srcad.MissingRule) as error:
        grad(lambda t: np.sum(np.unique(t)))(T)
    assert str(error.value).splitlines()[-2:] == [
        "  How many values are distinct may change; sort, and compare neighbours, or index with its result.",
        "  Or mark the value as constant with srcad.stop_gradient.",
    ]
