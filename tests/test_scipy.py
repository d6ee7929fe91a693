"""Functions of SciPy that call functions of the user's, and objects of SciPy, in programs: against differences, closed
forms, the variational equation, the implicit function theorem by hand."""

from __future__ import annotations

import math
import subprocess
import sys
import threading

import numpy as np
import pytest

import srcad
from srcad import grad, jvp
from tests.reference import slopes

pytest.importorskip("scipy")

import scipy.sparse as sp  # noqa: E402
import scipy.linalg  # noqa: E402
import scipy.sparse.linalg  # noqa: E402
from scipy import integrate, interpolate, optimize  # noqa: E402
from scipy.interpolate import CubicSpline, RegularGridInterpolator  # noqa: E402

T = np.array([1.2, 0.7])
DIRECTION = np.array([1.0, -0.5])


def agrees(fun, t, expected, rtol=1e-8, atol=1e-9):
    """Whether value, gradient and tangent of a function are what they should be."""
    value, gradient = srcad.value_and_grad(fun)(t)
    np.testing.assert_allclose(value, fun(t), rtol=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=rtol, atol=atol)
    direction = np.resize(DIRECTION, t.shape)
    np.testing.assert_allclose(jvp(fun, (t,), (direction,))[1], gradient @ direction, rtol=1e-10)


def refusal(fun, t=T) -> str:
    with pytest.raises(srcad.SrcadError) as error:
        grad(fun)(t)
    return str(error.value)


# ---------------------------------------------------------------------------------------------------------------
# Roots and fixed points


def cosine(x, a):
    return np.cos(x) * a - x


def brentq(t):
    return optimize.brentq(lambda x: x**3 + t[0] * x - t[1], -5.0, 5.0) * t[0]


def brentq_with_args(t):
    return optimize.brentq(lambda x, a, b: x**3 + a * x - b, -5.0, 5.0, args=(t[0], t[1]), xtol=1e-14)


def bisect(t):
    return optimize.bisect(cosine, 0, 2, args=t[0], xtol=1e-14)


def ridder(t):
    return optimize.ridder(cosine, 0.0, 2.0, (t[0],), xtol=1e-14)


def brenth(t):
    return optimize.brenth(cosine, 0.0, 2.0, (t[1],), xtol=1e-14)


def toms748(t):
    return optimize.toms748(cosine, 0.0, 2.0, (t[0],), xtol=1e-14)


def newton(t):
    return optimize.newton(cosine, 0.5, args=(t[1],), tol=1e-14)


def newton_with_slope(t):
    return optimize.newton(cosine, 0.5, fprime=lambda x, a: -np.sin(x) * a - 1, args=(t[1],), tol=1e-14)


def newton_of_items(t):
    return np.sum(optimize.newton(lambda x: x**2 - t**2 - 1, np.array([1.0, 2.0]), tol=1e-14) * t)


def fixed_point(t):
    return optimize.fixed_point(lambda x: np.cos(x) * t[0] * 0.5, 0.5, xtol=1e-13) + 0.0


def fixed_point_of_items(t):
    start = np.array([1.2, 1.3])
    return np.sum(optimize.fixed_point(lambda x, a, b: np.sqrt(a / (x + b)), start, args=(t + 10, t), xtol=1e-13))


def root_scalar(t):
    found = optimize.root_scalar(lambda x: cosine(x, t[0]), bracket=[0, 2], method="brentq", xtol=1e-14)
    assert found.converged
    return found.root**2


def root_scalar_secant(t):
    return optimize.root_scalar(cosine, args=(t[0],), x0=0.5, x1=0.6, xtol=1e-14).root


def root(t):
    def residual(x, s):
        return np.array([s[0] * x[0] ** 3 + x[1] - 1.0, x[0] - s[1] * x[1]])

    found = optimize.root(residual, np.array([0.5, 0.5]), args=(t,), tol=1e-12)
    assert found.success and found.nfev > 0
    return np.sum(found.x**2) + t[0]


def root_of_a_number(t):
    return np.sum(optimize.root(lambda x: t[0] * x * x - t[1], 1.0, tol=1e-13).x)


def root_by_another_method(t):
    return np.sum(optimize.root(lambda x: x**3 - t * 2, np.ones(2), method="lm", tol=1e-14).x)


def fsolve(t):
    x = optimize.fsolve(
        lambda x: [x[0] * np.cos(x[1]) - 4 * t[0], x[1] * x[0] - x[1] - 5 * t[1]], [1, 1], xtol=1e-13
    )
    return x[0] + 2 * x[1]


def in_a_loop(t):
    total = 0.0
    for k in range(3):
        total = total + optimize.brentq(lambda x: x**3 + t[0] * x - t[1] * k - total, -5.0, 5.0, xtol=1e-14)  # noqa: B023
    return total


def from_a_varying_start(t):
    return optimize.brentq(lambda x: x**3 - t[1], 0.0 * t[0], 5.0 + 0 * t[0], xtol=1e-14)


def of_a_solution(t):
    x = optimize.brentq(lambda x: x**3 + x - t[0], -5.0, 5.0, xtol=1e-14)
    return optimize.brentq(lambda y: y**3 + x * y - t[1], -5.0, 5.0, xtol=1e-14) * x


ROOTS = [
    brentq, brentq_with_args, bisect, ridder, brenth, toms748, newton, newton_with_slope, newton_of_items, fixed_point,
    fixed_point_of_items, root_scalar, root_scalar_secant, root, root_of_a_number, root_by_another_method, fsolve, in_a_loop,
    from_a_varying_start, of_a_solution,
]  # fmt: skip


@pytest.mark.parametrize("fun", ROOTS)
def test_the_solution_of_an_equation(fun):
    agrees(fun, T, slopes(fun, T), rtol=1e-7)


@pytest.mark.parametrize("fun", [brentq, brentq_with_args, newton, newton_of_items, root, root_of_a_number, fsolve])
def test_second_derivatives_of_solutions(fun):
    second = np.stack([slopes(lambda t, k=k: grad(fun)(t)[k], T) for k in range(2)])
    np.testing.assert_allclose(srcad.jacrev(grad(fun))(T), second, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(srcad.hessian(fun)(T), second, rtol=1e-6, atol=1e-7)


def test_the_theorem_by_hand():
    """x^3 + a x = b gives dx = (db - x da) / (3 x^2 + a), and d2x/db2 = -6 x / (3 x^2 + a)^3."""
    fun = lambda a, b: optimize.brentq(lambda x: x**3 + a * x - b, -5.0, 5.0, xtol=1e-15)  # noqa: E731
    x = fun(1.2, 0.7)
    slope = 3 * x**2 + 1.2
    np.testing.assert_allclose(grad(fun, (0, 1))(1.2, 0.7), [-x / slope, 1 / slope], rtol=1e-12)
    np.testing.assert_allclose(grad(grad(fun, 1), 1)(1.2, 0.7), -6 * x / slope**3, rtol=1e-10)


def test_the_vector_of_a_fixed_point():
    """x = A tanh(x) + b gives dx = (1 - A diag(1 - tanh(x)^2))^-1 db."""
    a = 0.3 * np.array([[1.0, -0.5, 0.2], [0.3, 0.8, 0.1], [0.0, 0.4, -0.9]])
    b, w = np.array([0.5, -0.3, 0.8]), np.array([1.0, 2.0, -1.0])

    def fun(b):
        x = optimize.fixed_point(lambda x: a @ np.tanh(x) + b, np.zeros(3), xtol=1e-14, method="iteration")
        return w @ x

    x = optimize.fixed_point(lambda x: a @ np.tanh(x) + b, np.zeros(3), xtol=1e-14, method="iteration")
    expected = np.linalg.solve((np.eye(3) - a * (1 - np.tanh(x) ** 2)).T, w)
    agrees(fun, b, expected)


# ---------------------------------------------------------------------------------------------------------------
# Minima


def test_a_minimum():
    """x minimises |x - t|^4 + |x|^2: 4 (x - t)^3 + 2 x = 0 gives dx = 12 (x - t)^2 / (12 (x - t)^2 + 2) dt."""

    def fun(t, jac):
        found = optimize.minimize(lambda x: np.sum((x - t) ** 4 + x**2), np.zeros(2), jac=jac, tol=1e-10)
        return np.sum(found.x**3)

    x = np.array([optimize.brentq(lambda x, s=s: 4 * (x - s) ** 3 + 2 * x, -5, 5, xtol=1e-15) for s in T])
    curvature = 12 * (x - T) ** 2
    expected = 3 * x**2 * curvature / (curvature + 2)
    np.testing.assert_allclose(grad(lambda t: fun(t, None))(T), expected, rtol=1e-5)

    def with_gradient(t):
        found = optimize.minimize(
            lambda x: np.sum((x - t) ** 4 + x**2), np.zeros(2), jac=lambda x: 4 * (x - t) ** 3 + 2 * x, tol=1e-12
        )
        return np.sum(found.x**3)

    np.testing.assert_allclose(grad(with_gradient)(T), expected, rtol=1e-7)


def rosenbrock(x, a, b):
    return (a - x[0]) ** 2 + b * (x[1] - x[0] ** 2) ** 2


def test_a_minimum_with_args_and_its_value():
    """The minimum is at (a, a^2) and 0, whatever b is."""

    def fun(t):
        found = optimize.minimize(rosenbrock, np.zeros(2), args=(t[0], t[1]), method="BFGS", options={"gtol": 1e-8})
        return found.x[0] + 2 * found.x[1] + found.fun

    np.testing.assert_allclose(grad(fun)(T), [1 + 4 * T[0], 0.0], atol=1e-5)
    np.testing.assert_allclose(jvp(fun, (T,), (DIRECTION,))[1], 1 + 4 * T[0], atol=1e-5)


def test_a_minimum_of_one_variable():
    """2 (x - a) + b exp(b x) = 0; the value has the partial derivatives of what is minimised."""

    def fun(t):
        found = optimize.minimize_scalar(lambda x: (x - t[0]) ** 2 + np.exp(x * t[1]))
        return found.x

    def value(t):
        return optimize.minimize_scalar(lambda x: (x - t[0]) ** 2 + np.exp(x * t[1]), method="brent", tol=1e-10).fun

    a, b = T
    x = optimize.brentq(lambda x: 2 * (x - a) + b * np.exp(b * x), -5, 5, xtol=1e-15)
    curvature = 2 + b**2 * np.exp(b * x)
    expected = np.array([2, -(1 + b * x) * np.exp(b * x)]) / curvature
    np.testing.assert_allclose(grad(fun)(T), expected, rtol=1e-6)
    np.testing.assert_allclose(grad(value)(T), [-2 * (x - a), x * np.exp(b * x)], rtol=1e-6)


def test_least_squares():
    """The straight line through points: linear in the values, with the pseudo-inverse as its derivative."""
    times, w = np.linspace(0.0, 1.0, 5), np.array([1.0, 3.0])
    design = np.stack([np.ones(5), times], 1)

    def fun(y):
        return w @ optimize.least_squares(lambda p: p[0] + p[1] * times - y, [0.0, 0.0], xtol=1e-15, gtol=1e-15).x

    agrees(fun, np.array([1.0, 0.5, -0.2, 0.7, 2.0]), w @ np.linalg.pinv(design), rtol=1e-8)


# ---------------------------------------------------------------------------------------------------------------
# What solvers are refused


def test_what_is_no_solution_has_no_derivative():
    def fun(t):
        return np.sum(optimize.minimize(lambda x: np.sum((x - t) ** 4), np.zeros(2), options={"maxiter": 1}).x)

    with pytest.raises(ValueError, match="is no solution"):
        grad(fun)(T)
    with pytest.raises(ValueError, match="is at a bound"):
        grad(lambda t: optimize.minimize_scalar(lambda x: x * t[0], bounds=(0.0, 1.0), method="bounded").x)(T)
    with pytest.raises(ValueError, match="use scipy.optimize.root"):
        grad(lambda t: np.sum(optimize.newton(lambda x: x**2 - t * x[::-1], np.array([1.0, 2.0]))))(T)


@pytest.mark.parametrize("fun, message", [
    (lambda t: np.sum(optimize.root(lambda x: (x - t, 1.0), np.ones(2), jac=True).x), "no derivative rule for `jac`"),
    (lambda t: np.sum(optimize.minimize(lambda x: np.sum((x - t) ** 2), np.ones(2), bounds=[(0, 1)] * 2).x), "`bounds`"),
    (lambda t: np.sum(optimize.minimize(lambda x: (np.sum((x - t) ** 2), x), np.ones(2), jac=True).x), "`jac=True`"),
    (lambda t: optimize.brentq(lambda x: x - t[0], 0, 2, full_output=True)[0], "`full_output`"),
    (lambda t: optimize.root(lambda x: x - t, np.ones(2), no_such=1).x[0], "with these arguments"),
])  # fmt: skip
def test_uses_of_solvers_that_are_refused(fun, message):
    text = refusal(fun)
    assert message in text and "test_scipy.py" in text


class Equation:
    def __init__(self, a):
        self.a = a

    def residual(self, x):
        return x**3 + self.a * x - 1


def test_what_goes_wrong_inside_is_said_of_the_call():
    def fun(t):
        return optimize.brentq(Equation(t[0]).residual, 0, 1)

    text = refusal(fun)
    assert "not known to be a function" in text and "optimize.brentq(Equation(t[0])" in text
    assert "stand_ins" not in text


def test_what_is_said_of_a_result_is_constant():
    def fun(t):
        found = optimize.root(lambda x: x - t, np.zeros(2))
        count, said = found.nfev, found["message"]
        return found["x"][0] * (count > 0) if said and found.status == 1 else 0.0

    np.testing.assert_allclose(grad(fun)(T), [1.0, 0.0], atol=1e-12)
    other = refusal(lambda t: np.sum(optimize.minimize(lambda x: np.sum((x - t) ** 2), np.zeros(2)).hess_inv))
    assert "`.hess_inv`, which is no attribute" in other


# ---------------------------------------------------------------------------------------------------------------
# Initial value problems

EXACT = {"rtol": 1e-11, "atol": 1e-11}


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853"])
def test_a_linear_equation_has_the_derivative_of_its_solution(method):
    """y' = -t y from 1: y = exp(-t s), with the derivative -s exp(-t s)."""
    places, options = np.linspace(0.0, 2.0, 7), {**EXACT, "rtol": 1e-7, "atol": 1e-7} if method == "RK23" else EXACT

    def fun(t):
        found = integrate.solve_ivp(lambda s, y: -t * y, (0, 2.0), np.ones(2), method=method, t_eval=places, **options)
        assert found.success
        return np.sum(found.y**2 * found.t)

    expected = [np.sum(-2 * places**2 * np.exp(-2 * a * places)) for a in T]
    agrees(fun, T, expected, rtol=1e-5 if method == "RK23" else 1e-8)


def predators(s, y, a, b):
    return np.array([a * y[0] - b * y[0] * y[1], -y[1] + 0.5 * y[0] * y[1]])


def test_the_variational_equation():
    """The derivatives by the parameters and by the start are solutions of an equation of their own."""
    start = np.array([1.0, 0.5])

    def fun(p):
        found = integrate.solve_ivp(predators, (0.0, 3.0), p[2:], args=(p[0], p[1]), **EXACT)
        return found.y[0, -1] + 2 * found.y[1, -1]

    def both(s, z):
        y, sensitivity = z[:2], z[2:].reshape(2, 4)
        slope = np.array([[T[0] - T[1] * y[1], -T[1] * y[0]], [0.5 * y[1], -1 + 0.5 * y[0]]])
        by_parameters = np.array([[y[0], -y[0] * y[1], 0, 0], [0, 0, 0, 0]])
        return np.concatenate([predators(s, y, *T), (slope @ sensitivity + by_parameters).ravel()])

    first = np.concatenate([start, np.array([[0, 0, 1, 0], [0, 0, 0, 1.0]]).ravel()])
    last = integrate.solve_ivp(both, (0.0, 3.0), first, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    expected = np.array([1.0, 2.0]) @ last[2:].reshape(2, 4)
    agrees(fun, np.concatenate([T, start]), expected, rtol=1e-7)


def test_the_gradient_is_that_of_the_steps_that_were_taken():
    """With steps of one size, whatever the parameters are, differences of the solver itself say the same."""
    options = {"rtol": 1e3, "atol": 1e3, "first_step": 0.1, "max_step": 0.1}

    def pendulum(t):
        def slope(s, y):
            return [y[1] * t[0], -np.sin(y[0]) * t[1] + s * 0.1]

        found = integrate.solve_ivp(slope, [0, 1.5], np.array([1.0, 0.5]), method="RK23", t_eval=[0.4, 1.1], **options)
        return found.y[0, 0] + found.y[1, 1]

    agrees(pendulum, T, slopes(pendulum, T), rtol=1e-9)


def test_backwards_in_time_and_by_the_interval():
    """y' = -a y^2 from 1 at 0: y(s) = 1 / (1 + a s), by a and by the end s."""

    def backwards(t):
        found = integrate.solve_ivp(lambda s, y: -t * y, (2.0, 0.0), t * 2, t_eval=[1.5, 1.0, 0.2], **EXACT)
        return np.sum(found.y)

    def ends(t):
        return integrate.solve_ivp(lambda s, y: -t[1] * y**2, (0.0, t[0]), [1.0], **EXACT).y[0, -1]

    def until(t, places):
        return np.sum(integrate.solve_ivp(lambda s, y: -t[1] * y**2, (0.0, 2.0), [1.0], t_eval=places, **EXACT).y)

    left = 2.0 - np.array([1.5, 1.0, 0.2])
    agrees(backwards, T, [np.sum(2 * (1 + a * left) * np.exp(a * left)) for a in T], rtol=1e-7)
    s, a = T
    agrees(ends, T, np.array([-a, -s]) / (1 + a * s) ** 2, rtol=1e-7)
    places = np.array([0.3, 0.9, 1.8])
    np.testing.assert_allclose(grad(until, 1)(T, places), -a / (1 + a * places) ** 2, rtol=1e-6)


def stiff(t, method, **options):
    """A van der Pol oscillator (Hairer & Wanner, sect. IV.1), whose slow part is stiff."""

    def slope(s, y):
        return [y[1], 50 * t[0] * (1 - y[0] ** 2) * y[1] - t[1] * y[0]]

    found = integrate.solve_ivp(slope, (0.0, 5.0), [2.0, 0.0], method=method, rtol=1e-9, atol=1e-10, **options)
    return found.y[0, -1] + 0.1 * found.y[0, 1]


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_stiff_equations(method):
    """Beside differences of Radau with small tolerances."""
    places = [1.0, 3.0, 4.5]
    fine = slopes(lambda t: stiff(t, "Radau", t_eval=places), T, 1e-4)
    agrees(lambda t: stiff(t, method, t_eval=places), T, fine, rtol=2e-6, atol=1e-8)


def test_the_gradient_of_radau_is_that_of_its_steps():
    """With steps of one size, whatever the parameters are: y' = -t y by the rational function of the Radau IIA formula."""

    def fun(t):
        found = integrate.solve_ivp(
            lambda s, y: -t * y, (0.0, 1.0), np.ones(2), method="Radau", first_step=0.25, max_step=0.25, rtol=0.1, atol=1e9
        )
        assert len(found.t) == 5
        return np.sum(found.y[:, -1])

    def growth(z):
        return (1 + 2 / 5 * z + z * z / 20) / (1 - 3 / 5 * z + 3 / 20 * z * z - z**3 / 60)

    z, h = -T / 4, 1e-20j
    expected = [np.imag(growth(x - h / 4) ** 4) / 1e-20 for x in z]
    np.testing.assert_allclose(grad(fun)(T), expected, rtol=1e-10)


@pytest.mark.parametrize("options", [{}, {"args": True}, {"tfirst": True}])
def test_odeint(options):
    """y' = -a y^2 from b: y(s) = b / (1 + a b s), by a, b and the times."""

    def fun(t):
        times = np.array([0.0, 0.5, 1.0, 2.0]) * t[1]
        if "args" in options:
            found = integrate.odeint(lambda y, s, a: -a * y**2, [t[1]], times, args=(t[0],))
        elif "tfirst" in options:
            found = integrate.odeint(lambda s, y: -t[0] * y**2, t[1], times, tfirst=True)
        else:
            found = integrate.odeint(lambda y, s: -t[0] * y**2, t[1], times, rtol=1e-10, atol=1e-12)
        return np.sum(found**2)

    def exact(t):
        return np.sum((t[1] / (1 + t[0] * t[1] * np.array([0.0, 0.5, 1.0, 2.0]) * t[1])) ** 2)

    agrees(fun, T, slopes(exact, T), rtol=2e-7)


def ground(s, y):
    return y[0]


ground.terminal = True
ground.direction = -1


def throw(t, events, **options):
    return integrate.solve_ivp(
        lambda s, y: np.array([y[1], -9.0 * t[1]]), (0.0, 10.0), np.array([1.0, t[0]]), events=events, **options
    )  # fmt: skip


@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "LSODA"])
def test_the_time_of_an_event(method):
    """A stone thrown up from 1 with the speed a, which comes down with the acceleration 9 b."""

    def lands(t):
        found = throw(t, ground, method=method, **EXACT)
        speed, again = found.y[1, -1], found.y_events[0][0, 1]
        return found.t[-1] + 2 * found.t_events[0][0] + speed + 0.5 * again

    def exact(t):
        end = (t[0] + np.sqrt(t[0] ** 2 + 18 * t[1])) / (9 * t[1])
        return 3 * end + 1.5 * (t[0] - 9 * t[1] * end)

    agrees(lands, T, slopes(exact, T), rtol=1e-7)


def test_an_event_that_captures_what_is_differentiated():
    def lands(t):
        def hit(s, y):
            return y[0] - 0.1 * t[0]

        hit.terminal = True
        return throw(t, hit, **EXACT).t[-1]

    def exact(t):
        return (t[0] + np.sqrt(t[0] ** 2 + 18 * t[1] * (1 - 0.1 * t[0]))) / (9 * t[1])

    agrees(lands, T, slopes(exact, T), rtol=1e-8)
    h = 1e-4
    second = (8 * (grad(lands)(T + [h, 0]) - grad(lands)(T - [h, 0])) - grad(lands)(T + [2 * h, 0])
              + grad(lands)(T - [2 * h, 0])) / (12 * h)  # fmt: skip
    np.testing.assert_allclose(second, [exact_second(T, 0), exact_second(T, 1)], rtol=1e-5)


def exact_second(t, k):
    """The second derivatives by t[0] and t[k] of the time in the test above, by the complex step of a difference."""

    def exact(a, b):
        return (a + np.sqrt(a**2 + 18 * b * (1 - 0.1 * a))) / (9 * b)

    step, h = 1e-30j, 1e-6
    shift = [0.0, 0.0]
    shift[k] = h
    return np.imag(exact(t[0] + shift[0] + step, t[1] + shift[1]) - exact(t[0] - shift[0] + step, t[1] - shift[1])) / 2e-36


def test_events_on_the_way():
    """cos(w s) = 0.5 at s = (±pi/3 + 2 pi k) / w."""

    def fun(t):
        found = integrate.solve_ivp(
            lambda s, y, w: np.array([w * y[1], -w * y[0]]), (0.0, 10.0), np.array([1.0, 0.0]), args=(t[0],),
            events=lambda s, y, w: y[0] - 0.5, method="DOP853", **EXACT,
        )  # fmt: skip
        return np.sum(found.t_events[0] ** 2) + np.sum(found.y_events[0][:, 1] ** 3)

    angles = np.array([np.pi / 3, 5 * np.pi / 3, 7 * np.pi / 3, 11 * np.pi / 3])
    agrees(fun, T, [-2 * np.sum(angles**2) / T[0] ** 3, 0.0], rtol=1e-6, atol=1e-6)


def test_dense_output():
    """y' = -a y^2 from 1: y(s) = 1 / (1 + a s), by a and by the place."""

    def fun(t):
        found = integrate.solve_ivp(lambda s, y: -t[0] * y**2, (0.0, 2.0), [1.0], dense_output=True, **EXACT)
        return found.sol(t[1])[0] + np.sum(found.sol(np.array([0.3, 1.9])) ** 2)

    a, s = T
    by_a = -s / (1 + a * s) ** 2 + sum(-2 * r / (1 + a * r) ** 3 for r in (0.3, 1.9))
    agrees(fun, T, [by_a, -a / (1 + a * s) ** 2], rtol=1e-6)


@pytest.mark.parametrize("places", [None, [0.3, 1.0]])
def test_second_derivatives_of_initial_value_problems(places):
    """y' = -t y from 1 until 1: y = exp(-t s), with the second derivative s^2 exp(-t s)."""

    def fun(t):
        return np.sum(integrate.solve_ivp(lambda s, y: -t * y, (0, 1.0), np.ones(2), t_eval=places, **EXACT).y[:, -1])

    def by_component(t):
        found = integrate.solve_ivp(lambda s, y: [-t[0] * y[0], -t[1] * y[1]], (0, 1.0), [1.0, 1.0], t_eval=places, **EXACT)
        return found.y[0, -1] + found.y[1, -1]

    for one in (fun, by_component):
        np.testing.assert_allclose(srcad.hessian(one)(T), np.diag(np.exp(-T)), rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(srcad.hvp(one)(T, DIRECTION), DIRECTION * np.exp(-T), rtol=1e-7)


@pytest.mark.parametrize("fun, message", [
    (lambda t: integrate.solve_ivp(lambda s, y: -t * y, (0, 1), t, method="Euler").y[0, 0], "method='Euler'"),
    (lambda t: integrate.solve_ivp(lambda s, y: -t * y, (0, 1), t, vectorized=True).y[0, 0], "`vectorized`"),
    (lambda t: integrate.solve_ivp(lambda s, y: -t * y, (0, 1), t, events=[len, len]).y[0, 0], "several `events`"),
    (lambda t: integrate.odeint(lambda y, s: -t * y, t, [0.0, 1.0], full_output=True)[0][1, 0], "`full_output`"),
    (lambda t: integrate.quad(lambda s: s * t[0], 0.0, 1.0, weight="cos", wvar=2.0)[0], "`weight`"),
    (lambda t: integrate.dblquad(lambda x, y: x * t[0], 0.0, 1.0, 0.0, 1.0)[0], "no derivative rule"),
])  # fmt: skip
def test_integrators_that_are_refused(fun, message):
    assert message in refusal(fun)


def test_a_method_that_is_not_written_out():
    def fun(t, method):
        return np.sum(integrate.solve_ivp(lambda s, y: -t * y, (0, 1), np.ones(2), method=method).y)

    for method in ("RK45", "BDF", integrate.Radau):
        assert grad(fun)(T, method).shape == (2,)
    with pytest.raises(ValueError, match="method"):
        grad(fun)(T, "Euler")


def test_what_a_solver_has_not_finished_has_no_derivative():
    def fun(t):
        return integrate.solve_ivp(lambda s, y: t[0] * y**2, (0.0, 10.0), [1.0]).y[0, -1]

    with pytest.raises(ValueError, match="has not reached the end"), np.errstate(all="ignore"):
        grad(fun)(T)


# ---------------------------------------------------------------------------------------------------------------
# Integrals


def waves(t):
    return integrate.quad(lambda x: math.exp(-t[0] * x) * math.cos(t[1] * x), 0.0, 2.0)[0]


def with_limits_and_args(t):
    value, error = integrate.quad(lambda x, a: np.exp(-a * x) * x, t[1], t[0] * 3, args=(t[0],))
    return value * t[1] if error < 1 else 0.0


def without_end(t):
    line = integrate.quad(lambda x: np.exp(-t[0] * x * x), -np.inf, np.inf)[0]
    return line + integrate.quad(lambda x: np.exp(-t[0] * x), t[1], np.inf)[0]


def backwards_in_x(t):
    return integrate.quad(lambda x: np.sin(x * t[0]), t[1], -1.0)[0] + integrate.quad(np.cos, -1.0, t[0])[0]


@pytest.mark.parametrize("fun", [waves, with_limits_and_args, without_end, backwards_in_x])
def test_quad(fun):
    agrees(fun, T, slopes(fun, T, 1e-3), rtol=1e-8)
    second = np.stack([slopes(lambda t, k=k: grad(fun)(t)[k], T, 1e-3) for k in range(2)])
    np.testing.assert_allclose(srcad.hessian(fun)(T), second, rtol=1e-6, atol=1e-8)


def test_the_rule_of_leibniz():
    """The integral of exp(-a x) from 0 to b is (1 - exp(-a b)) / a."""
    fun = lambda a, b: integrate.quad(lambda x: np.exp(-a * x), 0.0, b)[0]  # noqa: E731
    a, b = 1.2, 0.7
    e = np.exp(-a * b)
    np.testing.assert_allclose(grad(fun, (0, 1))(a, b), [(b * e * a - (1 - e)) / a**2, e], rtol=1e-12)
    np.testing.assert_allclose(grad(grad(fun, 1), 1)(a, b), -a * e, rtol=1e-10)
    np.testing.assert_allclose(grad(grad(grad(fun, 1), 1), 1)(a, b), a**2 * e, rtol=1e-9)


def test_an_integrand_with_a_singularity_is_refused():
    with pytest.raises(ValueError, match="has a singularity"):
        grad(lambda t: integrate.quad(lambda x: t[0] / np.sqrt(x), 0.0, 1.0)[0])(T)
    with pytest.raises(ValueError, match="is not sure of this integral"), np.errstate(all="ignore"):
        grad(lambda t: integrate.quad(lambda x: t[0] / x, 0.0, 1.0)[0])(T)


PLACES = np.array([0.0, 0.3, 0.7, 1.5, 1.8, 2.0])


def sampled(t):
    one = integrate.simpson(np.sin(PLACES * t[0]), x=PLACES * t[1]) + integrate.simpson(np.sin(PLACES[:5] * t[0]), dx=t[1])
    rows = integrate.simpson(np.outer(PLACES, PLACES * t[0]) ** 2, x=PLACES * t[1], axis=0)
    return one + np.sum(rows**2) + integrate.simpson(t * t[0], dx=0.5)


def sampled_as_sums(t):
    whole = integrate.trapezoid(np.sin(PLACES * t[0]), PLACES * t[1])
    parts = integrate.cumulative_trapezoid(np.sin(np.outer(PLACES, PLACES) * t[0]), PLACES * t[1], axis=0, initial=0)
    return whole + np.sum(parts**2) + integrate.cumulative_trapezoid(PLACES**2 * t[0], dx=t[1])[-1]


@pytest.mark.parametrize("fun", [sampled, sampled_as_sums])
def test_integrals_of_samples(fun):
    agrees(fun, T, slopes(fun, T), rtol=1e-9)


# ---------------------------------------------------------------------------------------------------------------
# Interpolation

KNOTS = np.array([0.0, 1.0, 2.5, 4.0])
VALUES = np.array([1.2, 0.7, -0.3, 0.4])
CURVE = CubicSpline(KNOTS, np.sin(KNOTS))
CURVES = CubicSpline(KNOTS, np.outer([1.0, 2.0], KNOTS**2), axis=1)
LINE = interpolate.make_interp_spline(KNOTS, np.cos(KNOTS))
OTHER = interpolate.InterpolatedUnivariateSpline(KNOTS, np.cos(KNOTS))
POINTS = np.arange(4.0), np.array([-1.0, 0.0, 2.0])
TABLE = RegularGridInterpolator(POINTS, np.arange(12.0).reshape(4, 3) ** 2)
PAIRS = RegularGridInterpolator(
    POINTS, np.stack([np.arange(12.0).reshape(4, 3)] * 2, -1) ** 2, bounds_error=False, fill_value=0.5
)


def spline_by_values(y):
    return np.sum(CubicSpline(KNOTS, y)(np.linspace(0, 4, 9)) ** 2)


def natural_spline_of_columns(y):
    curve = CubicSpline(KNOTS, np.outer(y, y), bc_type="natural")
    return np.sum(curve(np.linspace(0, 4, 9)) ** 2) + np.sum(curve(1.5) * np.arange(4.0))


def clamped_spline_by_all(y):
    curve = CubicSpline(KNOTS, np.outer(y[:2], y), axis=1, bc_type="clamped")
    return np.sum(curve(y, 1) ** 2) + np.sum(curve(np.ones((2, 3))) ** 3)


def curve_by_place(y):
    return np.sum(CURVE(y) ** 2) + CURVE(y[0], 1) + np.sum(CURVES(y) ** 2)


def other_curves_by_place(y):
    pchip = interpolate.PchipInterpolator(KNOTS, np.exp(-KNOTS))
    return np.sum(LINE(y) ** 2) + np.sum(OTHER(np.abs(y)) ** 2) + np.sum(pchip(np.abs(y)))


def grid_by_place(y):
    at = np.stack([np.abs(y), y], -1)
    return np.sum(TABLE(at) ** 2) + TABLE((1.5, y[1])) + np.sum(TABLE((np.abs(y), y))) + np.sum(TABLE(np.abs(y[:2])))


def grid_with_places_outside(y):
    return np.sum(PAIRS(np.stack([y, y], -1)) ** 2)


def grid_by_values(y):
    table = RegularGridInterpolator(POINTS, np.outer(y, y[:3]))
    return np.sum(table(np.array([[0.5, 0.5], [1.2, -0.7]])) ** 2)


def line_by_all(y):
    table = RegularGridInterpolator((KNOTS,), y, bounds_error=False, fill_value=None)
    return np.sum(table(np.array([0.5, 3.0, 5.0])) ** 2) + np.sum(table(np.abs(y) * 2) ** 2)


def nearest_neighbour(y):
    return np.sum(RegularGridInterpolator((KNOTS,), y, method="nearest")(np.abs(y) + 0.15) ** 2)


@pytest.mark.parametrize("fun", [
    spline_by_values, natural_spline_of_columns, clamped_spline_by_all, curve_by_place, other_curves_by_place, grid_by_place,
    grid_with_places_outside, grid_by_values, line_by_all, nearest_neighbour,
])  # fmt: skip
def test_interpolation(fun):
    agrees(fun, VALUES, slopes(fun, VALUES, 1e-4), rtol=1e-7)


@pytest.mark.parametrize("fun, message", [
    (lambda y: CubicSpline(np.cumsum(np.abs(y)), y)(0.5), "a varying `x`"),
    (lambda y: CubicSpline(KNOTS, y, bc_type="periodic")(0.5), "this `bc_type`"),
    (lambda y: interpolate.PchipInterpolator(KNOTS, y)(0.5), "PchipInterpolator made from differentiated values"),
    (lambda y: np.sum(RegularGridInterpolator((KNOTS,), y, method="cubic")(KNOTS)), "this `method`"),
    (lambda y: np.sum(RegularGridInterpolator((np.cumsum(np.abs(y)),), y)([1.5])), "a varying `points`"),
    (lambda y: CURVE.integrate(0.0, y[0]), "`.integrate` has no derivative rule"),
])  # fmt: skip
def test_interpolation_that_is_refused(fun, message):
    assert message in refusal(fun, VALUES)


# ---------------------------------------------------------------------------------------------------------------
# Sparse matrices

DENSE = np.array([[0.5, 0.0, -1.0], [0.0, 0.0, 2.0], [1.5, 3.0, 0.0], [0.0, -0.7, 0.0]])
CSR, CSC, COO = sp.csr_array(DENSE), sp.csc_matrix(DENSE), sp.coo_array(DENSE)
SQUARE = 3 * np.eye(3) + np.triu(np.ones((3, 3)))
X = np.array([1.2, 0.7, -0.3])


class Model:
    def __init__(self):
        self.matrix = CSR

    def loss(self, x):
        return np.sum((self.matrix @ x) ** 2)


MODEL = Model()


def with_diagonals(x):
    matrix = sp.diags([1.0, -2.0], [0, 1], shape=(3, 3)).tocsr()
    return np.sum((matrix @ x) ** 2) + x @ (matrix.T @ x)


def dense_diagonals(x):
    matrix = np.eye(3) - 2 * np.eye(3, k=1)
    return np.sum((matrix @ x) ** 2) + x @ (matrix.T @ x)


def made_inside(x):
    matrix = sp.csr_matrix(np.eye(3) * 2)
    return np.sum(((matrix.tocsc() + sp.csc_matrix(SQUARE)) @ x) ** 2)


PRODUCTS = [
    (lambda x: np.sum((CSR @ x) ** 2), lambda x: np.sum((DENSE @ x) ** 2)),
    (lambda x: np.sum((CSR.T @ (CSR @ x)) ** 3), lambda x: np.sum((DENSE.T @ (DENSE @ x)) ** 3)),
    (lambda x: np.sum((CSC @ np.outer(x, x)) ** 2), lambda x: np.sum((DENSE @ np.outer(x, x)) ** 2)),
    (lambda x: np.sum((CSC * np.outer(x, x)) ** 2), lambda x: np.sum((DENSE @ np.outer(x, x)) ** 2)),
    (lambda x: np.sum((np.append(x, x[0]) @ COO) ** 2), lambda x: np.sum((np.append(x, x[0]) @ DENSE) ** 2)),
    (lambda x: np.sum(COO.dot(x) ** 3), lambda x: np.sum(DENSE.dot(x) ** 3)),
    (with_diagonals, dense_diagonals),
    (made_inside, lambda x: np.sum(((2 * np.eye(3) + SQUARE) @ x) ** 2)),
    (MODEL.loss, lambda x: np.sum((DENSE @ x) ** 2)),
    (
        lambda x: np.sum(scipy.sparse.linalg.spsolve(sp.csc_matrix(SQUARE), x**2) ** 2),
        lambda x: np.sum(np.linalg.solve(SQUARE, x**2) ** 2),
    ),
]


@pytest.mark.parametrize("number", range(len(PRODUCTS)))
def test_products_with_sparse_matrices(number):
    sparse, dense = PRODUCTS[number]
    agrees(sparse, X, slopes(dense, X), rtol=1e-8)


@pytest.mark.parametrize("number", range(4))
def test_second_derivatives_of_products(number):
    sparse, dense = PRODUCTS[number]
    second = np.stack([slopes(lambda x, k=k: slopes(dense, x)[k], X) for k in range(3)])
    np.testing.assert_allclose(srcad.hessian(sparse)(X), second, rtol=1e-5, atol=1e-5)


def test_a_sparse_matrix_as_an_argument():
    def fun(matrix, x):
        return np.sum((matrix @ x) ** 2)

    for matrix in (CSR, CSC, COO, sp.bsr_array(DENSE), sp.dia_matrix(DENSE), sp.lil_array(DENSE)):
        np.testing.assert_allclose(grad(fun, argnums=1)(matrix, X), 2 * DENSE.T @ (DENSE @ X), rtol=1e-13)
    with pytest.raises(ValueError, match="complex sparse matrix"):
        grad(fun, argnums=1)(CSR * 1j, X)


@pytest.mark.parametrize("fun, message", [
    (lambda x: np.sum((CSC * x[0]) @ np.ones(3)), "`*` has no derivative rule for a varying sparse matrix"),
    (lambda x: np.sum((CSR * x[0]) @ np.ones(3)), "an operator of an object"),
    (lambda x: np.sum(sp.csr_array((x, (range(3), range(3)))) @ x), "csr_array made from differentiated values"),
])  # fmt: skip
def test_sparse_matrices_that_vary_are_refused(fun, message):
    assert message in refusal(fun, X)


def unseen(value):
    """An object of a class in C: of its attribute nothing is known when a function is compiled."""
    held = threading.local()
    held.value = value
    return held


@pytest.mark.parametrize("fun", [
    lambda x, held: np.sum((held.value * x) ** 2), lambda x, held: np.sum(x * held.value),
    lambda x, held: np.sum(held.value * x[0] @ np.ones(3)), lambda x, held: np.sum(held.value * np.outer(x, x)),
])  # fmt: skip
def test_a_sparse_matrix_of_which_nothing_is_known(fun):
    for kind in (sp.csr_matrix(SQUARE), sp.csr_array(SQUARE), np.matrix(SQUARE)):
        with pytest.raises(srcad.SrcadError, match="operators of its own") as error:
            grad(fun)(X, unseen(kind))
        assert "test_scipy.py" in str(error.value)
        with pytest.raises(srcad.SrcadError, match="operators of its own"):
            jvp(fun, (X, unseen(kind)), (X, None))


def test_numbers_and_arrays_of_which_nothing_is_known():
    def fun(x, held):
        return np.sum((held.value * x - held.value) ** 2)

    for value in (2, 2.5, np.float64(3.0), np.array([1.0, 2.0, 3.0])):
        np.testing.assert_allclose(grad(fun)(X, unseen(value)), 2 * value**2 * (X - 1), rtol=1e-13)
        np.testing.assert_allclose(srcad.hessian(fun)(X, unseen(value)), np.eye(3) * 2 * value**2, rtol=1e-13)


# ---------------------------------------------------------------------------------------------------------------
# The LU factorisation


def test_lu_beside_jax():
    pytest.importorskip("jax")
    import jax.scipy.linalg

    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(3)
    for shape in ((4, 4), (5, 3), (3, 5)):
        a, w = rng.normal(size=shape), rng.normal(size=shape)

        def fun(a, w):
            p, low, up = scipy.linalg.lu(a)
            return np.sum(p @ (low**2 @ np.tanh(up)) * w)

        def theirs(a, w):
            p, low, up = jax.scipy.linalg.lu(a)
            return (p @ (low**2 @ jax.numpy.tanh(up)) * w).sum()

        np.testing.assert_allclose(grad(fun)(a, w), jax.grad(theirs)(a, w), rtol=1e-9)


def test_srcad_does_not_import_scipy():
    code = "import sys, srcad, srcad.rules; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
