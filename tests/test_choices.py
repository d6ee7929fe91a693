"""What `np.where` passes over has no part in a derivative, also where its slope is infinite: against closed forms."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from srcad import grad, jvp

X = np.array([0.0, 4.0, -1.0, 800.0])


def inverse(x):
    return 1.0 / x


def in_two_steps(x):
    t = np.log(x)
    y = x * t
    return np.sum(np.where(x > 0, y, 0.0))


def in_a_loop(x):
    total = 0.0
    for k in range(2):
        total = total + np.where(x > 0, (k + 1.0) / x, 0.0)
    return np.sum(total)


def in_a_row(x):
    return np.sum(np.where(x > 0, np.outer(np.ones(2), np.array([1.0, 2.0, 3.0, 4.0])) / x, 0.0))


taken = X > 0
safe = np.where(taken, X, 1.0)
CASES = [
    (lambda x: np.sum(np.where(x > 0, 1 / x, 0)), -1 / safe**2),
    (lambda x: np.sum(np.where(x > 0, (x + 1) / x, 0)), -1 / safe**2),
    (lambda x: np.sum(np.where(x > 0, x**-1.5, 0)), -1.5 * safe**-2.5),
    (lambda x: np.sum(np.where(x > 0, x**-2, 0)), -2 * safe**-3.0),
    (lambda x: np.sum(np.where(x > 0, x**0.5, 0)), 0.5 * safe**-0.5),
    (lambda x: np.sum(np.where(x > 0, x / np.sqrt(x), 0)), 0.5 * safe**-0.5),
    (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0)), np.log(safe) + 1),
    (lambda x: np.sum(np.where(x > 0, inverse(x), 0)), -1 / safe**2),
    (in_two_steps, np.log(safe) + 1),
    (in_a_loop, -3 / safe**2),
    (in_a_row, -2 * np.array([1.0, 2.0, 3.0, 4.0]) / safe**2),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_pole_that_was_passed_over(number):
    fun, expected = CASES[number]
    expected = np.where(taken, expected, 0.0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        found = grad(fun)(X)
        along = jvp(fun, (X,), (np.ones(4),))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    if np.isfinite(along):  # forward mode has its own way
        np.testing.assert_allclose(along, np.sum(expected), rtol=1e-12)


def test_second_derivatives_past_a_pole():
    with np.errstate(all="ignore"):
        found = grad(lambda x: np.sum(grad(lambda z: np.sum(np.where(z > 0, 1 / z, 0)))(x)))(X)
    np.testing.assert_allclose(found, np.where(taken, 2 / safe**3, 0.0), rtol=1e-13)


def test_a_softplus_that_overflows_on_the_side_that_is_not_taken():
    def softplus(x):
        return np.sum(np.where(x > 30.0, x, np.log1p(np.exp(x))))

    with np.errstate(all="ignore"):
        np.testing.assert_allclose(grad(softplus)(X), 1 / (1 + np.exp(-X)), rtol=1e-12)


def test_where_no_choice_is_made_products_stay_plain():
    def plain(a, x):
        return np.sum(a / x) + np.sum(np.where(x > 1.0, a, 2.0 * x))

    assert "passed" not in grad(plain, (0, 1)).source_for(X, np.ones(4))


def test_a_slope_at_a_pole_that_is_taken_is_infinite():
    with np.errstate(all="ignore"):
        assert grad(lambda x: np.sum(np.where(x >= 0, 1 / x, 0)))(np.array([0.0, 1.0])).tolist() == [-np.inf, -1.0]


def test_a_mask_is_no_number():
    def twice(x):
        mask = x > 0
        y = np.where(mask, x, 0.0)
        return np.sum(y) + np.sum(np.where(mask, x, 0.0))

    assert grad(twice)(X).tolist() == [0.0, 2.0, 0.0, 2.0]
    assert grad(lambda x, flag: -(flag * x))(2.0, np.bool_(True)) == -1.0
