"""Rules that users declare, for functions of their own; and functions that are differentiated by evaluating them."""

from __future__ import annotations

import math
import operator
import threading
import warnings

import numpy as np
import pytest

import srcad
from srcad import check_grads, check_rule, elementwise, grad, hessian, hvp, jacfwd, jvp, jvp_rule, opaque, vjp, vjp_rule
from srcad import user_rules
from srcad.errors import GradientMismatch, KindError, MissingRule, OpaqueWarning, SrcadError, Unsupported
from tests.test_operators import close, differences

X = np.array([0.3, -1.2, 0.7])


@pytest.fixture(autouse=True)
def no_rules_stay():
    yield
    for fun in list(user_rules.declarations):
        user_rules.withdraw(fun)


def softplus(x):
    raise_if_read()
    return np.logaddexp(0.0, x)


def raise_if_read():
    """Its text has no derivative: `nonlocal` state."""
    global _calls
    _calls += 1


_calls = 0


def loss(w):
    return np.sum(softplus(2.0 * w) ** 2)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def loss_slope(w):
    return 4.0 * np.logaddexp(0.0, 2.0 * w) * sigmoid(2.0 * w)


def declare_softplus():
    @vjp_rule(softplus)
    def softplus_vjp(y_bar, y, x):
        return (y_bar * sigmoid(x),)

    @jvp_rule(softplus)
    def softplus_jvp(dots, y, x):
        return dots[0] * sigmoid(x)

    return softplus_vjp, softplus_jvp


# ---------------------------------------------------------------------------------------------------------------
# Rules for both modes


def test_a_rule_is_called_in_place_of_reading_the_function():
    declare_softplus()
    close(grad(loss)(X), loss_slope(X))
    close(jvp(loss, (X,), (np.ones(3),))[1], np.sum(loss_slope(X)))
    close(vjp(loss, X)[1](1.0)[0], loss_slope(X))
    check_grads(loss, (X,))


def test_the_generated_code_calls_the_rule():
    declare_softplus()
    slope = grad(loss)
    slope(X)
    assert "softplus_vjp(result_bar * 2 * softplus_1, softplus_1, product)[0]" in slope.adjoint_source


def test_the_function_is_not_called_when_a_program_is_compiled():
    declare_softplus()
    before = _calls
    grad(loss)(X)
    assert _calls == before + 1


def test_derivatives_of_derivatives_differentiate_the_rule():
    declare_softplus()
    close(hessian(loss)(X), differences(loss_slope, X))
    close(hvp(loss)(X, np.ones(3)), differences(loss_slope, X) @ np.ones(3))
    close(grad(lambda w: np.sum(grad(loss)(w)))(X), differences(loss_slope, X) @ np.ones(3))


def test_a_rule_may_leave_out_the_tuple_of_one():
    @vjp_rule(softplus)
    def rule(y_bar, y, x):
        return y_bar * sigmoid(x)

    close(grad(loss)(X), loss_slope(X))
    close(grad(lambda w: np.sum(grad(loss)(w)))(X), differences(loss_slope, X) @ np.ones(3))


def test_the_function_itself_is_differentiated_by_its_rule():
    declare_softplus()
    assert grad(softplus)(0.5) == pytest.approx(sigmoid(0.5))
    assert jvp(softplus, (0.5,), (2.0,))[1] == pytest.approx(2 * sigmoid(0.5))
    close(jacfwd(softplus)(X), np.diag(sigmoid(X)))


def test_of_a_library_function_too():
    assert grad(math.sin)(0.5) == math.cos(0.5)
    assert grad(np.tanh)(0.5) == pytest.approx(1 - math.tanh(0.5) ** 2)


def test_a_rule_holds_in_derivatives_that_were_compiled_before():
    def wrapped(x):
        return np.sum(inner(x))

    slope, push = grad(wrapped), lambda: jvp(wrapped, (X,), (np.ones(3),))[1]
    for _ in range(2):
        close(slope(X), 2 * X)
    close(push(), np.sum(2 * X))

    @vjp_rule(inner)
    def first(y_bar, y, x):
        return 10.0 * y_bar

    @jvp_rule(inner)
    def first_tangent(dots, y, x):
        return 10.0 * dots[0]

    for _ in range(2):
        close(slope(X), np.full(3, 10.0))
    close(push(), 30.0)

    @vjp_rule(inner)
    def second(y_bar, y, x):
        return 20.0 * y_bar

    close(slope(X), np.full(3, 20.0))


def inner(x):
    return x * x


def test_without_a_rule_for_the_mode_it_is_refused():
    @vjp_rule(softplus)
    def rule(y_bar, y, x):
        return y_bar * sigmoid(x)

    with pytest.raises(MissingRule, match="softplus has no derivative rule"):
        jvp(loss, (X,), (X,))
    user_rules.withdraw(softplus)

    @jvp_rule(softplus)
    def tangent_rule(dots, y, x):
        return dots[0] * sigmoid(x)

    close(jvp(loss, (X,), (np.ones(3),))[1], np.sum(loss_slope(X)))
    with pytest.raises(MissingRule) as error:
        grad(loss)(X)
    assert str(error.value).startswith(
        "softplus has no derivative rule for reverse mode: declare one with srcad.vjp_rule(softplus)"
    )


# ---------------------------------------------------------------------------------------------------------------
# Several arguments


def scaled(a, x, n=2, *, flag=True):
    return a * x**n if flag else x


def declare_scaled():
    @vjp_rule(scaled)
    def scaled_vjp(y_bar, y, a, x, n=2, *, flag=True):
        return np.sum(y_bar * x**n), y_bar * a * n * x ** (n - 1), None

    @jvp_rule(scaled)
    def scaled_jvp(dots, y, a, x, n=2, *, flag=True):
        a_dot, x_dot = dots[:2]
        total = 0.0 * y
        if a_dot is not None:
            total = total + a_dot * x**n
        if x_dot is not None:
            total = total + a * n * x ** (n - 1) * x_dot
        return total


def cubes(a, x):
    return np.sum(scaled(a, x, 3, flag=True) * x)


def test_several_arguments_and_parameters():
    declare_scaled()
    check_grads(cubes, (2.0, X))
    close(jvp(cubes, (2.0, X), (None, np.ones(3)))[1], np.sum(grad(cubes, 1)(2.0, X)))
    close(jvp(cubes, (2.0, X), (1.0, np.ones(3)))[1], np.sum(X**4) + np.sum(grad(cubes, 1)(2.0, X)))
    close(grad(lambda x: np.sum(scaled(2.0, x)))(X), 4 * X)
    close(grad(lambda x: np.sum(scaled(x=x, a=2.0)))(X), 4 * X)
    check_rule(scaled, 2.0, X)
    check_rule(scaled, 2.0, X, 3, flag=True)


def test_a_rule_with_starred_arguments_has_the_parameters_of_the_function():
    @vjp_rule(scaled)
    def rule(y_bar, y, *args, **params):
        a, x = args[:2]
        n = args[2] if len(args) > 2 else 2
        return (np.sum(y_bar * x**n), y_bar * a * n * x ** (n - 1), None)[: len(args)]

    check_grads(cubes, (2.0, X))


def test_what_is_given_by_keyword_only_is_constant():
    @vjp_rule(shifted)
    def rule(y_bar, y, x, *, shift=0.0):
        return y_bar

    close(grad(lambda x: np.sum(shifted(x, shift=1.0)))(X), np.ones(3))
    with pytest.raises(MissingRule, match="a varying `shift`"):
        grad(lambda x: np.sum(shifted(x, shift=x[0])))(X)


def shifted(x, *, shift=0.0):
    return x + shift


def test_several_results():
    def fun(x):
        s, c = both(x)
        return np.sum(s * c**2)

    wanted = differences(fun, X)

    @vjp_rule(both)
    def rule(y_bar, y, x):
        return y_bar[0] * y[1] - y_bar[1] * y[0]

    @jvp_rule(both)
    def tangent_rule(dots, y, x):
        return dots[0] * y[1], -dots[0] * y[0]

    close(grad(fun)(X), wanted)
    close(jvp(fun, (X,), (np.ones(3),))[1], np.sum(wanted))
    check_rule(both, X)


def both(x):
    return np.sin(x), np.cos(x)


def test_an_adjoint_of_a_wrong_shape_is_refused():
    @vjp_rule(scaled)
    def rule(y_bar, y, a, x, n=2, *, flag=True):
        return y_bar * x**n, y_bar * a * n * x ** (n - 1), None

    with pytest.raises(KindError) as error:
        grad(cubes)(2.0, X)
    assert str(error.value) == "rule: the adjoint of a has the shape (3,), and must have ()"

    @vjp_rule(scaled)
    def other(y_bar, y, a, x, n=2, *, flag=True):
        return (np.sum(y_bar),)

    with pytest.raises(KindError, match="other gave 1 adjoints for 4 arguments|other gave 1 adjoints for 3 arguments"):
        grad(cubes)(2.0, X)


def test_gradients_share_no_memory_with_what_a_rule_returns():
    @vjp_rule(inner)
    def rule(y_bar, y, x):
        return y_bar

    found = grad(lambda x: np.sum(inner(x)))(X)
    found += 1.0
    x = X.copy()
    value, pullback = vjp(inner, x)
    seed = np.ones(3)
    bar = pullback(seed)[0]
    bar += 5.0
    close(seed, np.ones(3))
    close(x, X)

    @vjp_rule(inner)
    def other(y_bar, y, x):
        return x

    close(grad(lambda x: np.sum(inner(x)) + np.sum(x))(x), X + 1.0)
    close(x, X)


def test_a_structure_is_refused():
    @vjp_rule(inner)
    def rule(y_bar, y, x):
        return y_bar

    with pytest.raises(Unsupported, match="inner has a rule, and gets a structure that is differentiated"):
        grad(lambda x: np.sum(inner((x, x))[0]))(X)


# ---------------------------------------------------------------------------------------------------------------
# What a rule can be declared for


def test_functions_written_in_c():
    def fun(x):
        return np.sum(operator.iadd(2.0 * x, x) * x)

    assert srcad.rules.registry.find(operator.iadd) is None

    @vjp_rule(operator.iadd)
    def rule(y_bar, y, a, b):
        return y_bar, y_bar

    @jvp_rule(operator.iadd)
    def tangent_rule(dots, y, a, b):
        return sum(dot for dot in dots if dot is not None)

    close(grad(fun)(X), 6 * X)
    close(jvp(fun, (X,), (np.ones(3),))[1], np.sum(6 * X))
    assert grad(operator.iadd)(1.0, 2.0) == 1.0
    check_rule(operator.iadd, 2.0, 3.0)


class Method:
    def method(self, x):
        return x


def test_methods_and_objects_are_refused():
    with pytest.raises(KindError, match="no rule can be declared for the method Method.method"):
        vjp_rule(Method.method)(lambda y_bar, y, self, x: y_bar)
    with pytest.raises(KindError, match="Write a function around it"):
        vjp_rule(Method().method)(lambda y_bar, y, x: y_bar)
    with pytest.raises(KindError, match="no rule can be declared for <class 'float'>"):
        elementwise(float, lambda y, x: 1.0)


def test_srcads_own_rules_stay():
    with pytest.raises(SrcadError) as error:
        elementwise(np.exp, lambda y, x: y)
    assert str(error.value) == (
        "exp has a derivative rule already\n"
        "  For another one write a function around it, `def g(x): return f(x)`, and declare the rule for that."
    )


def fixed_point(a):
    x = np.ones_like(a)
    while np.max(np.abs(x - np.cos(a * x))) > 1e-14:
        x = np.cos(a * x)
    return x


def test_the_implicit_derivative_of_a_fixed_point():
    """x = cos(a x), whose loop would not end for the arguments that a compiler makes up."""

    @vjp_rule(fixed_point)
    def rule(x_bar, x, a):
        slope = -np.sin(a * x)
        return x_bar * slope * x / (1.0 - a * slope)

    def fun(a):
        return np.sum(fixed_point(a) ** 2)

    a = np.array([0.5, 0.9])
    close(grad(fun)(a), differences(fun, a))
    check_rule(fixed_point, a)


def test_declaring_from_several_threads():
    slope = grad(lambda x: np.sum(inner(x)))
    close(slope(X), 2 * X)
    found = []

    def work(k):
        vjp_rule(inner)(lambda y_bar, y, x: y_bar * 7.0)
        found.append(slope(X))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for one in found:
        close(one, np.full(3, 7.0))


# ---------------------------------------------------------------------------------------------------------------
# Elementwise functions


def gaussian(x):
    return np.exp(-x * x)


def power_of(x, k):
    return np.exp(k * np.log(x))


def test_an_elementwise_function_in_one_line():
    assert elementwise(gaussian, lambda y, x: -2 * x * y) is gaussian
    slope = grad(lambda x: np.sum(gaussian(x)))
    close(slope(X), -2 * X * gaussian(X))
    assert "gaussian_1" in slope.adjoint_source
    assert "-2 * x" in slope.adjoint_source
    close(hessian(lambda x: np.sum(gaussian(x)))(X), np.diag((4 * X**2 - 2) * gaussian(X)))
    close(jvp(gaussian, (X,), (np.ones(3),))[1], -2 * X * gaussian(X))
    assert grad(gaussian)(0.5) == pytest.approx(-gaussian(0.5))
    check_rule(gaussian, X)


def test_of_two_arguments_with_broadcasting():
    elementwise(power_of, lambda y, x, k: k * y / x, lambda y, x, k: y * np.log(x))
    x, k = np.array([0.5, 1.5, 2.0]), np.array([[1.0], [2.0]])
    check_grads(power_of, (x, k))
    check_grads(lambda x: np.sum(power_of(x, 3.0)), (x,))
    check_rule(power_of, x, x)


def test_a_constant_argument_has_no_partial():
    elementwise(power_of, lambda y, x, k: k * y / x, None)
    close(grad(lambda k: np.sum(power_of(np.ones(3) * 2, k)))(2.0), 0.0)


def test_a_partial_that_cannot_be_pasted_is_called():
    def step(x):
        return math.exp(x) if x < 0 else 1.0 + x

    elementwise(step, lambda y, x: math.exp(x) if x < 0 else 1.0)
    assert grad(lambda x: 3.0 * step(x))(-1.0) == pytest.approx(3 * math.exp(-1.0))
    assert grad(lambda x: 3.0 * step(x))(1.0) == 3.0


def test_no_partial_is_an_error():
    with pytest.raises(KindError, match="got no partial derivative"):
        elementwise(gaussian)


# ---------------------------------------------------------------------------------------------------------------
# Opaque functions


def simulation(x, k):
    return np.array([np.sum(x) ** 2, k * x[0] * x[1]])


def weighted(x, k):
    return np.sum(simulation(x, k) * np.array([1.0, 10.0]))


def quiet(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OpaqueWarning)
        return function(*args, **options)


@pytest.mark.parametrize("method, rtol", [("complex-step", 1e-14), ("finite-difference", 1e-8)])
def test_an_opaque_function_is_differentiated_by_evaluating_it(method, rtol):
    wanted = 2 * np.sum(X) + 20.0 * np.array([X[1], X[0], 0.0])
    called = opaque(simulation, method=method)
    assert np.array_equal(called(X, 2.0), simulation(X, 2.0))
    by_x, by_k = quiet(grad(weighted, argnums=(0, 1)), X, 2.0)
    close(by_x, wanted, rtol=rtol)
    assert by_k == pytest.approx(10.0 * X[0] * X[1], rel=1e-8)
    close(quiet(jacfwd(lambda x: simulation(x, 2.0)), X)[0], np.full(3, 2 * np.sum(X)), rtol=rtol)
    close(quiet(grad(lambda x: called(x, 2.0)[0]), X), np.full(3, 2 * np.sum(X)), rtol=rtol)
    quiet(check_rule, called, X, 2.0)


@pytest.mark.parametrize(
    "method, name", [("complex-step", "by_complex_step"), ("finite-difference", "by_finite_differences")]
)
def test_the_generated_code_says_so(method, name):
    opaque(simulation, method=method)
    slope = grad(weighted)
    quiet(slope, X, 2.0)
    assert f"simulation_{name}(x, k)" in slope.forward_source
    assert f"simulation_{name}_vjp(" in slope.adjoint_source


def test_it_is_warned_about_once():
    opaque(simulation, method="finite-difference")
    with pytest.warns(OpaqueWarning, match="^simulation is differentiated by finite differences$") as seen:
        grad(weighted)(X, 2.0)
        grad(weighted, argnums=1)(X, 2.0)
    assert len(seen) == 1
    assert seen[0].filename == __file__


def test_as_a_decorator():
    @opaque(method="complex-step")
    def square(x):
        """The square."""
        return x * x

    assert square.__doc__ == "The square."
    assert quiet(grad(lambda x: 3.0 * square(x)), 2.0) == pytest.approx(12.0)
    close(quiet(grad(lambda x: np.sum(square(x))), X), 2 * X)
    assert quiet(grad(square), 2.0) == pytest.approx(4.0)


def test_a_callable_object_without_source():
    class Engine:
        def __call__(self, x):
            return x**3

        __call__.__code__ = __call__.__code__.replace(co_filename="<lost>")

    engine = opaque(Engine(), method="finite-difference")
    close(quiet(grad(lambda x: np.sum(engine(x))), X), 3 * X**2, rtol=1e-8)


def test_a_complex_step_that_is_dropped_is_refused():
    absolute = opaque(lambda x: abs(x) ** 2, method="complex-step")
    with pytest.raises(SrcadError, match="it drops the complex step") as error:
        quiet(grad(lambda x: absolute(x)), 2.0)
    assert error.value.hint == 'Use method="finite-difference".'


def test_second_derivatives_are_refused():
    opaque(simulation, method="finite-difference")
    with pytest.raises(SrcadError, match="simulation by finite differences is differentiated again|no derivative rule"):
        quiet(grad(lambda x: np.sum(grad(weighted)(x, 2.0))), X)


def test_an_unknown_method():
    with pytest.raises(SrcadError) as error:
        opaque(simulation, method="guess")
    assert str(error.value) == ("there is no method 'guess'\n  There is 'complex-step' and 'finite-difference'.")


def test_float32_takes_larger_steps():
    cube = opaque(lambda x: x**3, method="finite-difference")
    x = X.astype(np.float32)
    found = quiet(grad(lambda x: np.sum(cube(x))), x)
    assert found.dtype == np.float32
    close(found, 3 * X**2, rtol=1e-2, atol=1e-3)


# ---------------------------------------------------------------------------------------------------------------
# Checks


def test_a_wrong_rule_is_found_and_the_argument_is_named():
    @vjp_rule(scaled)
    def rule(y_bar, y, a, x, n=2, *, flag=True):
        return np.sum(y_bar * x**n), y_bar * a * n * x**n, None

    with pytest.raises(GradientMismatch) as error:
        check_rule(scaled, 2.0, X)
    assert error.value.message == "the vjp rule of scaled by x is not what differences say"
    assert "it is off most at x[" in error.value.because


def test_a_wrong_tangent_is_found():
    @jvp_rule(scaled)
    def rule(dots, y, a, x, n=2, *, flag=True):
        return (0.0 if dots[0] is None else dots[0] * x**n * 1.5) + (0.0 if dots[1] is None else a * n * x * dots[1])

    with pytest.raises(GradientMismatch) as error:
        check_rule(scaled, 2.0, X)
    assert error.value.message == "the jvp rule of scaled by a is not what differences say"


def test_a_wrong_partial_is_found():
    elementwise(gaussian, lambda y, x: -x * y)
    with pytest.raises(GradientMismatch, match="the vjp rule of gaussian by x"):
        check_rule(gaussian, X)


def test_srcads_rules_can_be_checked_too():
    check_rule(np.tanh, X)
    check_rule(np.sum, np.ones((2, 3)), axis=1)
    check_rule(np.matmul, np.ones((2, 3)), np.ones((3, 2)))
    check_rule(np.concatenate, [X, X])
    check_rule(math.sin, 0.5)


def test_without_a_rule_there_is_nothing_to_check():
    with pytest.raises(SrcadError) as error:
        check_rule(inner, X)
    assert str(error.value) == "inner has no rule to check\n  Declare one with srcad.vjp_rule."
