"""Values ahead and a linear function of the tangents: `linearize`, on every program and where memory is shared."""

from __future__ import annotations

import math

import numpy as np
import pytest

import srcad
from srcad import grad, hessian, jacfwd, jvp, linearize
from srcad.calls import call_of
from srcad.core.check import check
from srcad.forward_mode import compiled_tangent
from srcad.transform.linearise import linearised
from tests.programs import fresh
from tests.test_tangent import each_case, moving_arguments, numbers, right_or_refused

RNG = np.random.default_rng(8)
X = RNG.normal(size=4)


def central(fun, x, step=1e-6):
    """The Jacobian by central differences, a column for each number of x."""
    units = np.eye(x.size).reshape(-1, *x.shape) * step
    return np.stack([(np.asarray(fun(x + e)) - np.asarray(fun(x - e))) / (2 * step) for e in units], -1)


def parts(fun, *args):
    """The text of the two functions, None where they are not told apart."""
    found = compiled_tangent(call_of(fun), list(args), tuple(range(len(args)))).parts
    return None if found is None else found.text


@each_case
def test_the_pushforward_is_the_tangent_each_time(case):
    fun, args, dots = moving_arguments(case)
    with right_or_refused(case):
        value, value_dot = jvp(fun, args, dots)
        try:
            found, pushforward = linearize(fun, *fresh(args))
        except srcad.SrcadError:
            pytest.skip("refused by an argument that does not move")
    assert repr(found) == repr(value) or np.allclose(numbers(found), numbers(value), rtol=1e-13)
    first, second = pushforward(*fresh(dots)), pushforward(*fresh(dots))
    assert repr(first) == repr(second), "the first direction left something changed"
    single = any(np.asarray(x).dtype == np.float32 for x in args if isinstance(x, (np.ndarray, np.generic)))
    expected = np.array(numbers(value_dot))
    size = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(numbers(first), expected, rtol=1e-5 if single else 1e-10, atol=1e-12 * size)


@each_case
def test_both_parts_are_well_formed(case):
    fun, args, dots = moving_arguments(case)
    call = call_of(fun)
    with right_or_refused(case):
        values, chosen = list(args), tuple(k for k, dot in enumerate(dots) if dot is not None)
        if len(call.parameters) != len(values) or not call.is_plain:
            pytest.skip("no plain signature")
        compiled = compiled_tangent(call, values, chosen)
    if compiled.parts is None:
        assert any(word in compiled.module.text for word in ("try:", "with ", "while ", "for "))
        return
    for made, pair in zip(compiled.made, linearised(compiled.made)):
        for function in pair:
            check(function, made.special.owner.__code__.co_freevars)


# ---------------------------------------------------------------------------------------------------------------
# Who sees whose memory


def scaled(a, x):
    return a * x


def result_is_changed(x):
    y = scaled(x, np.exp(x))
    z = np.sin(y)
    y[0] = x[1] * 3.0
    return y * z


def exponential(x):
    return np.exp(x)  # its tangent is written with the value, which the caller changes


def value_is_changed(x):
    y = exponential(x)
    y[1:] = y[1:] * y[:-1]
    y *= x
    return y


def argument_is_changed(x):
    a = x * 2.0
    y = scaled(a, x)
    a[0] = 5.0
    a += x
    return y + a


def kept_in_a_list(x):
    rows = []
    row = x * 1.0
    for _ in range(3):
        row = row * x
        rows.append(row)
    rows[0] = rows[0] * rows[1]
    first = rows.pop()
    return first * rows[0] + rows[1]


def views_of_what_is_written(x):
    u = x * x
    v = u[1:] * u[:-1]
    w = np.sum(u[::2] * x[::2])
    u[1:] = v
    u[0] += w
    return u * w


def written_by_a_helper(x):
    u = np.ones(4)
    total = x * 0.0
    for k in range(3):
        total = total + u * x
        update(u, x, k)
    return total


def update(u, x, k):
    u[k] = u[k] * x[k] + u[k + 1]


def zeros_that_are_written(x):
    y = np.zeros(4)
    for k in range(4):
        y[k] = x[k] ** k
    z = y.copy()
    y[2:] = 0.0
    return y + z


def ends_early(x):
    s, k = x * 1.0, 0
    while True:
        s = s * x + k
        k += 1
        if k > 2 or s[0] > 1e3:
            break
    for j in range(10):
        if j == 3:
            s = s * 2.0
            break
        s = s + np.sin(s) * j
    return s


def branches_in_loops(x):
    s = x * 1.0
    for k in range(4):
        if k % 2:
            s = s * np.cos(x)
        elif s[0] > 0:
            s = s + x * k
        else:
            s = s - x / (k + 1.0)
    return s


def largest(x):
    s = 0.0
    for k in range(3):
        s = s + max(x[k] * x[k], x[k + 1], 0.1) * min(x[k], 2.0)
    return s


def power(x, n):
    return x if n == 0 else power(0.3 * x * x + 0.1, n - 1) * x


def recursive(x):
    return power(x, 3)


SHARED = [
    result_is_changed, value_is_changed, argument_is_changed, kept_in_a_list, views_of_what_is_written,
    written_by_a_helper, zeros_that_are_written, ends_early, branches_in_loops, largest, recursive,
]  # fmt: skip


@pytest.mark.parametrize("fun", SHARED)
def test_what_is_kept_is_as_it_was(fun):
    assert parts(fun, X) is not None
    value, pushforward = linearize(fun, X)
    expected = central(fun, X)
    np.testing.assert_allclose(value, fun(X.copy()), rtol=1e-14)
    columns = [pushforward(e) for e in np.eye(4)]
    np.testing.assert_allclose(np.stack(columns, -1), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose([pushforward(e) for e in np.eye(4)], columns, rtol=0, atol=0)
    np.testing.assert_allclose(jacfwd(fun)(X), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fun", SHARED)
def test_hessians_of_what_writes_and_branches(fun):
    def loss(x):
        return np.sum(np.sin(fun(x)))

    found = hessian(loss)(X)
    np.testing.assert_allclose(found, central(grad(loss), X), rtol=1e-5, atol=1e-5 * np.max(np.abs(found)))


def test_value_arguments_and_tangents_are_nobody_elses():
    x = X.copy()
    value, pushforward = linearize(exponential, x)
    expected = np.exp(X) * np.arange(4.0)
    x[:] = 0.0
    value[:] = 0.0
    direction = np.arange(4.0)
    first = pushforward(direction)
    first[:] = 0.0
    np.testing.assert_allclose(pushforward(direction), expected, rtol=1e-15)
    _, same = linearize(lambda x: x, X)
    same(direction)[:] = 7.0
    np.testing.assert_array_equal(direction, np.arange(4.0))
    _, constant = linearize(lambda x: np.ones(3), X)
    constant(direction)[:] = 7.0
    np.testing.assert_array_equal(constant(direction), np.zeros(3))


def test_the_value_and_the_derivative_are_of_the_same_draw():
    rng = np.random.default_rng(3)

    def noisy(x):
        return x * rng.normal()

    value, pushforward = linearize(noisy, 2.0)
    assert pushforward(1.0) == value / 2.0 == pushforward(1.0)


def test_an_integer_moves_as_a_float_and_None_stays():
    value, pushforward = linearize(lambda x, n, name: x**n, 3.0, 2, "text")
    assert value == 9.0
    assert pushforward(1.0, None, None) == 6.0
    assert math.isclose(pushforward(None, 1.0, None), 9.0 * math.log(3.0))
    assert pushforward(None, None, None) == 0.0


def test_what_is_raised_is_raised_by_the_second_run_as_by_the_first():
    def halves(x):
        try:
            y = 1.0 / x
        except ZeroDivisionError:
            y = x
        return y * x * x

    assert parts(halves, 2.0) is None
    value, pushforward = linearize(halves, 2.0)
    assert value == 2.0 and math.isclose(pushforward(1.0), 1.0) and math.isclose(pushforward(3.0), 3.0)


def test_local_partial_derivatives_are_multiplied_ahead():
    text = parts(lambda x: np.sin(x) * x * 2.0, X)
    push = text[text.index("_push(") :]
    assert "np." not in push and push.count("*") <= 2


def test_integers_are_not_multiplied_ahead():
    def scaled_by_counts(x, n):
        return x * n * n

    n = np.array([100, 120], dtype=np.int8)
    _, pushforward = linearize(scaled_by_counts, np.array([1.0, 2.0]), n)
    np.testing.assert_array_equal(pushforward(np.array([1.0, 1.0]), None), [100.0**2, 120.0**2])
