"""Derivatives of derivatives: random programs in four ways, and higher orders where they are known in closed form.

Long runs: `python -m tests.random_programs --second [--imperative] --seed 0 --count 500`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from srcad import SrcadError, grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp
from tests.random_programs import FUNCTIONAL, IMPERATIVE, judge_text, judge_twice


@pytest.mark.parametrize("family", [FUNCTIONAL, IMPERATIVE], ids=["functional", "imperative"])
@pytest.mark.parametrize("block", range(3))
def test_second_derivatives_of_random_programs_are_right_or_refused(family, block):
    defects, outcomes = [], []
    for number in range(block * 8, block * 8 + 8):
        text = family.generate(number)
        verdict = judge_text(text, number, 60.0, family, judge_twice)
        outcomes.append(verdict.status)
        if verdict.is_defect:
            defects.append(f"{verdict.status} (seed {number})\n{text}\n{verdict.detail}")
    assert not defects, "\n\n".join(defects)
    assert "right" in outcomes


def power_by_a_list(x, n):
    values = [x] * n
    result = 1.0
    while values:
        result = result * values.pop()
    return result


def power_in_place(x, n):
    u = np.ones(n + 1)
    for k in range(n):
        u[k + 1] = u[k] * x
    return u[-1]


@pytest.mark.parametrize("fun", [power_by_a_list, power_in_place])
def test_third_derivatives_of_powers(fun):
    def p(x):
        return fun(x, 5)

    assert math.isclose(grad(grad(grad(p)))(1.3), 60 * 1.3**2, rel_tol=1e-12)

    def slope(x):
        return jvp(p, (x,), (1.0,))[1]

    assert math.isclose(grad(grad(slope))(1.3), 60 * 1.3**2, rel_tol=1e-12)


def test_a_gradient_that_is_constant_inside_a_loss():
    slope = grad(lambda t: 3.0 * t)

    def loss(x):
        return x * x + slope(x)

    assert grad(loss)(2.0) == 4.0
    assert jvp(loss, (2.0,), (1.0,)) == (7.0, 4.0)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    """By hand: tridiagonal."""
    h = np.zeros((x.size, x.size))
    for k in range(x.size - 1):
        h[k, k] += 1200 * x[k] ** 2 - 400 * x[k + 1] + 2
        h[k + 1, k + 1] += 200
        h[k, k + 1] = h[k + 1, k] = -400 * x[k]
    return h


def test_the_hessian_of_rosenbrocks_function():
    x = np.linspace(-1.0, 1.5, 7)
    assert np.allclose(hessian(rosenbrock)(x), rosenbrock_hessian(x), rtol=1e-13)
    assert np.allclose(hvp(rosenbrock)(x, x[::-1]), rosenbrock_hessian(x) @ x[::-1], rtol=1e-13)


@pytest.mark.parametrize("x", [np.array([[2.0, 1.0], [0.5, 3.0]]), np.array([[1.0, 2.0], [2.0, 4.0]])])
def test_the_hessian_of_a_determinant(x):
    """Of ad - bc: also where the matrix is singular."""
    found = hessian(lambda a: np.linalg.det(a))(x).reshape(4, 4)
    assert np.allclose(found, [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]], atol=1e-12)


def network(p, x, y):
    hidden = np.tanh(x @ p[:6].reshape(2, 3) + p[6:9])
    return np.sum((hidden @ p[9:12] + p[12] - y) ** 2)


def test_the_hessian_of_a_network_equals_differences_of_its_gradient():
    rng = np.random.default_rng(0)
    p, x, y = rng.normal(size=13), rng.normal(size=(5, 2)), rng.normal(size=5)
    gradient = grad(network)
    columns = [(gradient(p + d, x, y) - gradient(p - d, x, y)) / 2e-6 for d in 1e-6 * np.eye(13)]
    assert np.allclose(hessian(network)(p, x, y), np.array(columns), atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------
# Operators inside of what is differentiated twice

POINT = np.array([0.5, -1.2, 0.8])


def cubic(x):
    return np.sum(x**3 * x[::-1])


def vector(x):
    return x**3 * x[0]


def size_of_a_hessian(x):
    return np.sum(hessian(cubic)(x) ** 2)


def size_of_a_jacobian(x):
    return np.sum(jacobian(vector)(x) ** 2)


def size_of_a_row(x):
    return np.sum(jacobian(cubic)(x) ** 2)


def size_of_a_product(x):
    return np.sum(hvp(cubic)(x, x * 2.0) ** 2)


def size_of_a_tangent(x):
    return np.sum(jvp(vector, (x,), (x * x,))[1] ** 2)


def slopes(fun, x, step=1e-5):
    """Central differences of a function of a vector."""
    return np.stack([(fun(x + e) - fun(x - e)) / (2 * step) for e in np.eye(x.size) * step], -1)


@pytest.mark.parametrize(
    "fun", [size_of_a_hessian, size_of_a_jacobian, size_of_a_row, size_of_a_product, size_of_a_tangent]
)
def test_second_derivatives_of_functions_with_operators_inside(fun):
    first = grad(fun)
    np.testing.assert_allclose(first(POINT), slopes(fun, POINT), rtol=1e-6, atol=1e-7)
    expected = slopes(first, POINT)
    np.testing.assert_allclose(hessian(fun)(POINT), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jacrev(first)(POINT), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(hvp(fun)(POINT, POINT), expected @ POINT, rtol=1e-6, atol=1e-6)


def test_jacobians_of_jacobians_of_hessians():
    third = jacobian(hessian(cubic))
    np.testing.assert_allclose(third(POINT), slopes(hessian(cubic), POINT), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(jacobian(third)(POINT), slopes(third, POINT), rtol=1e-6, atol=1e-6)


def test_operators_inside_keep_the_type_of_the_value():
    def total(x):
        found = jacobian(vector)(x)
        return np.sum(found) * (1.0 if found.dtype == np.float32 else np.nan)

    assert np.isfinite(grad(total)(POINT.astype(np.float32))).all()


# ---------------------------------------------------------------------------------------------------------------
# Recursion


def power_by_recursion(x, n):
    return 1.0 if n == 0 else x * power_by_recursion(x, n - 1)


def fifth(x):
    return power_by_recursion(x, 5)


def test_third_derivatives_of_recursive_functions():
    second = grad(grad(fifth))
    assert math.isclose(hvp(grad(fifth))(1.3, 1.0), 60 * 1.3**2, rel_tol=1e-12)
    assert math.isclose(jvp(second, (1.3,), (1.0,))[1], 60 * 1.3**2, rel_tol=1e-12)
    assert math.isclose(jacfwd(second)(1.3), 60 * 1.3**2, rel_tol=1e-12)


def test_a_refusal_of_a_higher_order_names_the_users_line():
    with pytest.raises(SrcadError, match="third derivative of a recursive function") as error:
        grad(grad(grad(fifth)))(1.3)
    assert error.value.origin.source.filename == __file__
    assert "in fifth(x)" in str(error.value) and "differentiated again" in str(error.value)


def sorted_by_rank(x):
    y = np.sort(x)
    z = y * y
    return np.sum(np.linalg.svd(z.reshape(2, 2))[0] * 2.0)


def test_a_missing_rule_of_a_derivative_names_the_line_that_it_is_of():
    with pytest.raises(SrcadError) as error:
        hessian(sorted_by_rank)(np.array([1.0, 0.3, 2.0, 0.7]))
    assert error.value.origin.source.filename == __file__
    assert "np.linalg.svd(z.reshape(2, 2))" in str(error.value)
