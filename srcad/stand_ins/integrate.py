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
from srcad.rules.registry import Refused, available, refused, says
from srcad.runtime import stop_gradient
from srcad.runtime_scipy import Details, cell_of, formula, solved, steps_taken
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
        t = np.append(t[:-1], hits[-1])
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
    return explicitly if method in EXPLICIT else implicitly if isinstance(method, str) else solve_ivp


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


OBJECTS = "its steps are taken one by one; use scipy.integrate.solve_ivp"
MESH = "its mesh depends on values; use scipy.integrate.solve_ivp, and scipy.optimize.root for the start"
BY_STEPS = "RK45 RK23 DOP853 Radau BDF LSODA OdeSolver"
QUADRATURES = "quad dblquad tplquad nquad quad_vec fixed_quad quadrature romberg qmc_quad cubature tanhsinh nsum"
refused(OBJECTS, *available(integrate, "ode", "complex_ode"))
refused("it takes steps one by one; use scipy.integrate.solve_ivp", *available(integrate, *BY_STEPS.split()))
refused(
    "where it takes values depends on them; use the nodes and weights of np.polynomial.legendre.leggauss",
    *available(integrate, *QUADRATURES.split()),
)
refused(MESH, integrate.solve_bvp)
