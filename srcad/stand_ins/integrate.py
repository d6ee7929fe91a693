"""`scipy.integrate`: initial value problems, as their solution depends on where it starts and on what the equation captures.

The derivative is that of the steps which SciPy took (the discrete adjoint): the solver runs as it is, then the same explicit
Runge-Kutta formula goes over the steps that it accepted, and that is differentiated. Their sizes count as constant, but for
a stretching with the interval `t_span` where that is varied. So the gradient is that of the computed solution, exact to
rounding, whatever the tolerances; its memory and time grow with the number of steps (Hairer, Nørsett & Wanner, Solving
Ordinary Differential Equations I, sect. II.4 to II.6; Griewank & Walther, Evaluating Derivatives, 2008, ch. 15).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import integrate

from srcad.rules.registry import Refused, available, refused, says
from srcad.runtime import stop_gradient
from srcad.runtime_scipy import Details, formula, step_of_each, steps_taken
from srcad.stand_ins.implicit import constant
from srcad.stand_ins.reported import Reported


@dataclass
class Solution(Reported):
    """What `scipy.integrate.solve_ivp` returns, with the parts that have a derivative."""

    t: Any
    y: Any
    details: Any


VECTOR, MATRIX = np.zeros(2), np.zeros((2, 2))


def explicit(arguments):
    method = arguments.get("method", "RK45")
    if isinstance(method, str) and method not in ("RK45", "RK23", "DOP853"):
        raise Refused(f"`method={method!r}`; there is method='RK45', 'RK23' and 'DOP853'")
    for name in ("dense_output", "events", "vectorized"):
        if name in arguments and arguments[name] is not None and arguments[name] is not False:
            raise Refused(f"`{name}`; give `t_eval` for values in between" if name == "dense_output" else f"`{name}`")


@says(integrate.solve_ivp, "fun", "t_span", "y0", "t_eval", "args", check=explicit)
def solve_ivp(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options
):  # fmt: skip
    more = () if args is None else args
    taken = stop_gradient(steps_taken(fun, t_span, y0, method, args, options))
    times = constant(taken.t, VECTOR)
    first, last = t_span
    stretched = first + (last - first) * ((times - times[0]) / (times[-1] - times[0]))
    times = times + (stretched - stop_gradient(stretched))
    rule = formula(method)
    a, b, c, p = constant(rule.a, MATRIX), constant(rule.b, VECTOR), constant(rule.c, VECTOR), constant(rule.p, MATRIX)
    n, m = len(b), len(c)
    y = np.array(y0, float)
    found, between = [y], []
    f = np.array(fun(times[0], y, *more))
    ends = step_of_each(stop_gradient(times), stop_gradient(t_eval))
    for k in range(len(times) - 1):
        t, h, start = times[k], times[k + 1] - times[k], y
        slopes = np.zeros((m, len(start)))
        slopes[0] = f
        for s in range(1, n):
            slopes[s] = fun(t + c[s] * h, start + np.dot(slopes[:s].T, a[s, :s]) * h, *more)
        y = start + h * np.dot(slopes[:n].T, b)
        f = np.array(fun(times[k + 1], y, *more))
        if t_eval is None:
            found.append(y)
        elif ends[k + 1] > ends[k]:
            slopes[n] = f
            for s in range(n + 1, m):
                slopes[s] = fun(t + c[s] * h, start + np.dot(slopes[:s].T, a[s, :s]) * h, *more)
            x = (t_eval[ends[k] : ends[k + 1]] - t) / h
            powers = x ** np.arange(1.0, p.shape[1] + 1.0)[:, None]
            between.append(start[:, None] + h * np.dot(np.dot(slopes.T, p), powers))
    if t_eval is None:
        return Solution(times, np.stack(found, -1), Details(taken))
    return Solution(t_eval, np.concatenate(between, 1), Details(taken))


STIFF = "its steps follow no explicit formula; use scipy.integrate.solve_ivp with method='RK45', 'RK23' or 'DOP853'"
MESH = "its mesh depends on values; use scipy.integrate.solve_ivp, and scipy.optimize.root for the start"
BY_STEPS = "RK45 RK23 DOP853 Radau BDF LSODA OdeSolver"
QUADRATURES = "quad dblquad tplquad nquad quad_vec fixed_quad quadrature romberg qmc_quad cubature tanhsinh nsum"
refused(STIFF, *available(integrate, "odeint", "ode", "complex_ode"))
refused("it takes steps one by one; use scipy.integrate.solve_ivp", *available(integrate, *BY_STEPS.split()))
refused(
    "where it takes values depends on them; use the nodes and weights of np.polynomial.legendre.leggauss",
    *available(integrate, *QUADRATURES.split()),
)
refused(MESH, integrate.solve_bvp)
