"""`scipy.integrate`: initial value problems, as their solution depends on where it starts and on what the equation captures,
and integrals.

The solution is that of SciPy. With RK45, RK23, DOP853 and Radau its derivative is that of the steps which SciPy took (the
discrete adjoint): the same Runge-Kutta formula goes over the steps that it accepted, and that is differentiated, the stages
of the implicit one by the implicit function theorem. The sizes of steps count as constant, but for a stretching with the
interval `t_span` where that is varied. So the gradient is that of the computed solution, exact to rounding, whatever the
tolerances; its memory and time grow with the number of steps (Hairer, Nørsett & Wanner, Solving Ordinary Differential
Equations I, sect. II.4 to II.6, and II, sect. IV.8; Griewank & Walther, Evaluating Derivatives, 2008, ch. 15).

The multistep methods BDF and LSODA, that of `odeint`, too, depend on their whole past. Their solution has the derivative of
the one that Radau finds with the same tolerances: it is as exact as these ask for.

An event is where a function of the solution is zero; its time has a derivative by the implicit function theorem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import integrate

from srcad.core.nodes import List, Tuple
from srcad.rules.registry import A, Refused, available, ex, named, refused, rule, says
from srcad.rules.signals import trapezoid_dx, trapezoid_first, trapezoid_jvp, trapezoid_x
from srcad.runtime import stop_gradient
from srcad.runtime_scipy import Details, cell_of, formula, quadrature, solved, steps_taken
from srcad.stand_ins.implicit import constant, implicit, implicit_number
from srcad.stand_ins.reported import Reported


@dataclass
class Solution(Reported):
    """What `scipy.integrate.solve_ivp` returns, with the parts that have a derivative."""

    t: Any
    y: Any
    sol: Any
    t_events: Any
    y_events: Any
    details: Any


@dataclass
class Curve:
    """The solution in between: `starts[k] + curves[k] @ [x, x^2, …]` at the share x of the k-th of the steps."""

    times: Any
    widths: Any
    starts: Any
    curves: Any

    def __call__(self, t):
        at = np.array(t, float)
        k = constant(cell_of(stop_gradient(self.times), stop_gradient(at)), np.zeros(at.shape, int))
        x = (at - self.times[k]) / self.widths[k]
        powers = np.expand_dims(x, -1) ** np.arange(1.0, self.curves.shape[-1] + 1.0)
        found = self.starts[k] + np.sum(self.curves[k] * np.expand_dims(powers, -2), -1)
        return np.moveaxis(found, -1, 0)


VECTOR, MATRIX, NUMBERS = np.zeros(2), np.zeros((2, 2)), np.zeros(2, int)
EXPLICIT = ("RK45", "RK23", "DOP853")
METHODS = (*EXPLICIT, "Radau", "BDF", "LSODA")


def covered(arguments):
    method = arguments.get("method", "RK45")
    if isinstance(method, str) and method not in METHODS:
        raise Refused(f"`method={method!r}`; there is {', '.join(map(repr, METHODS))}")
    if arguments.get("vectorized") is not None and arguments["vectorized"] is not False:
        raise Refused("`vectorized`; leave it out: the derivative calls `fun` with one state")
    if isinstance(arguments.get("events"), (List, Tuple, list, tuple)):
        raise Refused("several `events`; give one function, such as the product of theirs")


def as_found(found, ours):
    """What SciPy has found, with the derivative of `ours`."""
    return constant(found, ours) + (ours - constant(ours, ours))


def explicit_steps(fun, more, times, widths, y0, rule):
    """The starts of the steps of an explicit formula, and the curves in between."""
    a, b, c, p = constant(rule.a, MATRIX), constant(rule.b, VECTOR), constant(rule.c, VECTOR), constant(rule.p, MATRIX)
    y, n, m = np.array(y0, float), len(b), len(c)
    starts, curves = np.zeros((len(times), len(y))), np.zeros((len(times), len(y), p.shape[1]))
    f = np.array(fun(times[0], y, *more))
    for k in range(len(times)):
        t, h = times[k], widths[k]
        starts[k] = y
        slopes = np.zeros((m, len(y)))
        slopes[0] = f
        for s in range(1, n):
            slopes[s] = fun(t + c[s] * h, y + np.dot(slopes[:s].T, a[s, :s]) * h, *more)
        end = y + h * np.dot(slopes[:n].T, b)
        f = np.array(fun(t + h, end, *more))
        slopes[n] = f
        for s in range(n + 1, m):
            slopes[s] = fun(t + c[s] * h, y + np.dot(slopes[:s].T, a[s, :s]) * h, *more)
        curves[k] = h * np.dot(slopes.T, p)
        y = end
    return starts, curves


def implicit_steps(fun, more, times, widths, y0, rule, stages):
    """The same for a formula whose stages are defined by an equation, which SciPy has solved."""
    a, c, p = constant(rule.a, MATRIX), constant(rule.c, VECTOR), constant(rule.p, MATRIX)
    y = np.array(y0, float)
    n, m = len(c), len(y)
    starts, curves = np.zeros((len(times), m)), np.zeros((len(times), m, n))
    for k in range(len(times)):
        t, h, start = times[k], widths[k], y

        def residual(z):
            rows = np.reshape(z, (n, m))  # noqa: B023
            slopes = np.zeros((n, m))
            for s in range(n):
                slopes[s] = fun(t + c[s] * h, start + rows[s], *more)  # noqa: B023
            return z - h * np.ravel(np.dot(a, slopes))  # noqa: B023

        z = np.reshape(implicit(residual, constant(stages[k], VECTOR)), (n, m))
        starts[k] = start
        curves[k] = np.dot(z.T, p)
        y = start + z[-1]
    return starts, curves


def explicit_curve(fun, more, t_span, y0, taken):
    """The solution as a function of time, over the steps of an explicit formula that were taken."""
    first, last = t_span
    times = first + (last - first) * constant(taken.shares, VECTOR)
    widths = (last - first) * constant(taken.parts, VECTOR)
    starts, curves = explicit_steps(fun, more, times, widths, y0, formula(taken.method))
    return Curve(times, widths, starts, curves)


def implicit_curve(fun, more, t_span, y0, taken):
    """The same, over steps of Radau."""
    first, last = t_span
    times = first + (last - first) * constant(taken.shares, VECTOR)
    widths = (last - first) * constant(taken.parts, VECTOR)
    starts, curves = implicit_steps(fun, more, times, widths, y0, formula(taken.method), taken.stages)
    return Curve(times, widths, starts, curves)


def solution(curve, more, t_span, t_eval, events, taken):
    """What `solve_ivp` returns, with the derivative of `curve`."""
    first, last = t_span
    if t_eval is None:
        t = first + (last - first) * constant(taken.shares_of_t, VECTOR)
    else:
        t = np.array(t_eval, float)[constant(taken.numbers, NUMBERS)]
    if events is None:
        return Solution(t, as_found(taken.found.y, curve(t)), curve, None, None, Details(taken.found))
    at = constant(taken.places, VECTOR)
    hits = np.zeros(len(at))
    for j in range(len(at)):

        def residual(s):
            return events(s, curve(s), *more)

        hits[j] = implicit_number(residual, at[j])
    if taken.stops and t_eval is None:
        t = as_found(taken.found.t, np.append(t[:-1], hits[-1]))
    states = curve(hits)
    y = as_found(taken.found.y, curve(t))
    t_events, y_events = as_found(taken.found.t_events[0], hits), as_found(taken.found.y_events[0], states.T)
    return Solution(t, y, curve, [t_events], [y_events], Details(taken.found))


def explicitly(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options
):  # fmt: skip
    more = () if args is None else args
    taken = stop_gradient(steps_taken(fun, t_span, y0, method, t_eval, events, args, options))
    return solution(explicit_curve(fun, more, t_span, y0, taken), more, t_span, t_eval, events, taken)


def implicitly(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options
):  # fmt: skip
    more = () if args is None else args
    taken = stop_gradient(steps_taken(fun, t_span, y0, method, t_eval, events, args, options))
    return solution(implicit_curve(fun, more, t_span, y0, taken), more, t_span, t_eval, events, taken)


def by_method(arguments):
    """What says a call of `solve_ivp`; with a method that is only known when the program runs, either."""
    method = arguments.get("method", "RK45")
    if not isinstance(method, str):
        return solve_ivp
    return explicitly if method in EXPLICIT else implicitly


@says(integrate.solve_ivp, "fun", "t_span", "y0", "t_eval", "args", "events", check=covered, choose=by_method)
def solve_ivp(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options
):  # fmt: skip
    more = () if args is None else args
    taken = stop_gradient(steps_taken(fun, t_span, y0, method, t_eval, events, args, options))
    if taken.stages is None:
        curve = explicit_curve(fun, more, t_span, y0, taken)
    else:
        curve = implicit_curve(fun, more, t_span, y0, taken)
    return solution(curve, more, t_span, t_eval, events, taken)


def no_output(arguments):
    if arguments.get("full_output") not in (None, 0, False):
        raise Refused("`full_output`")


@says(integrate.odeint, "func", "y0", "t", "args", check=no_output)
def odeint(
    func, y0, t, args=(), Dfun=None, col_deriv=0, full_output=0, ml=None, mu=None, rtol=None, atol=None, tcrit=None,
    h0=0.0, hmax=0.0, hmin=0.0, ixpr=0, mxstep=0, mxhnil=0, mxordn=12, mxords=5, printmessg=0, tfirst=False,
):  # fmt: skip
    more = args if isinstance(args, tuple) else (args,)
    start, at = np.ravel(np.array(y0, float)), np.array(t, float)
    found = stop_gradient(
        solved(
            integrate.odeint, func, start, at, args, Dfun, col_deriv, 0, ml, mu, rtol, atol, tcrit, h0, hmax, hmin, ixpr,
            mxstep, mxhnil, mxordn, mxords, printmessg, tfirst,
        )
    )  # fmt: skip

    def slope(s, y):
        return func(s, y, *more) if tfirst else func(y, s, *more)

    span = at[0], at[-1]
    options = {"rtol": 1.49012e-8 if rtol is None else rtol, "atol": 1.49012e-8 if atol is None else atol}
    taken = stop_gradient(steps_taken(slope, span, start, "Radau", None, None, None, options))
    return as_found(found, implicit_curve(slope, (), span, start, taken)(at).T)


# ---------------------------------------------------------------------------------------------------------------
# Integrals

GAUSS = np.polynomial.legendre.leggauss(5)


def plainly(arguments):
    for name in ("weight", "wvar"):
        if arguments.get(name) is not None:
            raise Refused(f"`{name}`; write it into the integrand")
    if arguments.get("full_output") not in (None, 0, False) or arguments.get("complex_func") not in (None, False):
        raise Refused("`full_output` or `complex_func`")


def by_limits(arguments):
    """What says a call of `quad`: at limits that do not vary, the integrand is not evaluated; it may be infinite there."""
    varied = any(getattr(arguments[name], "varied", False) for name in ("a", "b"))
    return quad if varied else quad_between


def quad_between(
    func, a, b, args=(), full_output=0, epsabs=1.49e-8, epsrel=1.49e-8, limit=50, points=None, weight=None, wvar=None,
    wopts=None, maxp1=50, limlst=50, complex_func=False,
):  # fmt: skip
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(quadrature(func, a, b, more, epsabs, epsrel, limit, points))
    places, weights = constant(found.places, VECTOR), constant(found.weights, VECTOR)
    total = 0.0
    for k in range(len(places)):
        total = total + weights[k] * func(places[k], *more)
    return as_found(found.value, total), found.error


def beyond(func, more, b):
    """The integral from b as it is on: 0, with the derivatives by b."""
    from_here = constant(b, 0.0)
    step = b - from_here
    places, weights = 0.5 * GAUSS[0] + 0.5, 0.5 * GAUSS[1]
    total = 0.0
    for k in range(5):
        total = total + weights[k] * func(from_here + step * places[k], *more)
    return step * total


@says(integrate.quad, "func", "a", "b", "args", check=plainly, choose=by_limits)
def quad(
    func, a, b, args=(), full_output=0, epsabs=1.49e-8, epsrel=1.49e-8, limit=50, points=None, weight=None, wvar=None,
    wopts=None, maxp1=50, limlst=50, complex_func=False,
):  # fmt: skip
    more = args if isinstance(args, tuple) else (args,)
    value, error = quad_between(func, constant(a, 0.0), constant(b, 0.0), more, 0, epsabs, epsrel, limit, points)
    if np.isfinite(a):
        value = value - beyond(func, more, a)
    if np.isfinite(b):
        value = value + beyond(func, more, b)
    return value, error


named(integrate, "trapezoid")
rule(
    integrate.trapezoid, trapezoid_first, trapezoid_x, trapezoid_dx, jvp=trapezoid_jvp,
    examples=[ex(A(5)), ex(A(2, 5), A(5)), ex(A(5, 2), A(5), axis=0), ex(A(2, 5), A(2, 5)), ex(A(5), dx=A()), ex(A(0))],
)  # fmt: skip


@says(integrate.cumulative_trapezoid, "y", "x", "dx")
def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    heights = np.moveaxis(np.array(y), axis, -1)
    widths = dx if x is None else np.diff(x) if np.ndim(x) == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    found = np.cumsum(widths * (heights[..., 1:] + heights[..., :-1]) / 2, -1)
    if initial is not None:
        found = np.concatenate([0.0 * heights[..., :1] + initial, found], -1)
    return np.moveaxis(found, -1, axis)


@says(integrate.simpson, "y", "x", "dx")
def simpson(y, *, x=None, dx=1.0, axis=-1):
    heights = np.moveaxis(np.array(y), axis, -1)
    n = heights.shape[-1]
    if x is None:
        steps = dx * np.ones(n - 1)
    else:
        steps = np.diff(x) if np.ndim(x) == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    if n == 2:
        return np.sum(steps * (heights[..., 1:] + heights[..., :-1]) / 2, -1)
    a, b = steps[..., 0 : n - 2 : 2], steps[..., 1 : n - 1 : 2]
    first, middle, last = heights[..., 0 : n - 2 : 2], heights[..., 1 : n - 1 : 2], heights[..., 2:n:2]
    total = np.sum((a + b) / 6 * (first * (2 - b / a) + middle * (a + b) ** 2 / (a * b) + last * (2 - a / b)), -1)
    if n % 2 == 0:  # the last strip by the parabola through the last three points (Cartwright, 2017)
        a, b = steps[..., -2], steps[..., -1]
        total = total + heights[..., -1] * (2 * b**2 + 3 * a * b) / (6 * (a + b))
        total = total + heights[..., -2] * (b**2 + 3 * a * b) / (6 * a) - heights[..., -3] * b**3 / (6 * a * (a + b))
    return total


OBJECTS = "its steps are taken one by one; use scipy.integrate.solve_ivp"
MESH = "its mesh depends on values; use scipy.integrate.solve_ivp, and scipy.optimize.root for the start"
BY_STEPS = "RK45 RK23 DOP853 Radau BDF LSODA OdeSolver"
QUADRATURES = "dblquad tplquad nquad quad_vec fixed_quad quadrature romberg qmc_quad cubature tanhsinh nsum"
refused(OBJECTS, *available(integrate, "ode", "complex_ode"))
refused("it takes steps one by one; use scipy.integrate.solve_ivp", *available(integrate, *BY_STEPS.split()))
refused(
    "where it takes values depends on them; use the nodes and weights of np.polynomial.legendre.leggauss",
    *available(integrate, *QUADRATURES.split()),
)
refused(MESH, integrate.solve_bvp)
