"""`scipy.optimize`: what its solvers find, as a function of what their functions capture, and of `args`.

Where a solver starts from, and how it is told to go on, has no derivative. The result is that of SciPy; its derivative is
that of an exact solution, taken there, so it is as exact as the solver was told to be. Where that function is itself a
derivative (`minimize` without `jac`), it has to be one that srcad differentiates twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from srcad.api import grad
from srcad.rules.registry import Refused, available, refused, says
from srcad.runtime import stop_gradient
from srcad.runtime_scipy import Details, between_bounds, solved, tupled
from srcad.stand_ins.implicit import constant, implicit, implicit_items, implicit_number
from srcad.stand_ins.reported import Reported


@dataclass
class Found(Reported):
    """What a solver returns, with the parts that have a derivative."""

    x: Any
    fun: Any
    details: Any


@dataclass
class Zero(Reported):
    """What `scipy.optimize.root_scalar` returns, with the part that has a derivative."""

    root: Any
    details: Any


def without(**wanted):
    """The check that parameters, if given, have the values of their defaults."""

    def check(arguments):
        for name, value in wanted.items():
            if name in arguments and (arguments[name] is not value and repr(arguments[name]) != repr(value)):
                raise Refused(f"`{name}`")

    return check


# ---------------------------------------------------------------------------------------------------------------
# Equations


@says(optimize.root, "fun", "args", check=without(jac=None))
def root(fun, x0, args=(), method="hybr", jac=None, tol=None, callback=None, options=None):
    start = np.ravel(np.array(x0, float))
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(solved(optimize.root, fun, start, tupled(more), method, jac, tol, callback, options))

    def residual(x):
        return np.ravel(np.array(fun(x, *more)))

    x = implicit(residual, constant(found.x, start))
    return Found(x, residual(x), Details(found))


@says(optimize.fsolve, "func", "args", check=without(full_output=0, fprime=None))
def fsolve(
    func, x0, args=(), fprime=None, full_output=0, col_deriv=0, xtol=1.49012e-8, maxfev=0, band=None, epsfcn=None,
    factor=100, diag=None,
):  # fmt: skip
    start = np.ravel(np.array(x0, float))
    options = {"xtol": xtol, "maxfev": maxfev, "band": band, "eps": epsfcn, "factor": factor, "diag": diag}
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(solved(optimize.root, func, start, tupled(more), options=options))

    def residual(x):
        return np.ravel(np.array(func(x, *more)))

    return implicit(residual, constant(found.x, start))


@says(optimize.fixed_point, "func", "args")
def fixed_point(func, x0, args=(), xtol=1e-8, maxiter=500, method="del2"):
    start = np.array(x0, float)
    found = stop_gradient(solved(optimize.fixed_point, func, start, args, xtol, maxiter, method))

    def residual(x):
        return x - np.ravel(np.array(func(np.reshape(x, start.shape), *args)))

    x = implicit(residual, constant(np.ravel(found), np.ravel(start)))
    return np.reshape(x, start.shape)


@says(optimize.root_scalar, "f", "args", check=without(fprime=None))
def root_scalar(
    f, args=(), method=None, bracket=None, fprime=None, fprime2=None, x0=None, x1=None, xtol=None, rtol=None,
    maxiter=None, options=None,
):  # fmt: skip
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(
        solved(optimize.root_scalar, f, tupled(more), method, bracket, fprime, fprime2, x0, x1, xtol, rtol, maxiter, options)
    )

    def residual(x):
        return f(x, *more)

    return Zero(implicit_number(residual, constant(found.root, 0.0)), Details(found))


@says(optimize.newton, "func", "args", check=without(full_output=False))
def newton(
    func, x0, fprime=None, args=(), tol=1.48e-8, maxiter=50, fprime2=None, x1=None, rtol=0.0, full_output=False, disp=True
):  # fmt: skip
    more = args if isinstance(args, tuple) else (args,)
    start = np.array(x0, float)[()]
    found = stop_gradient(solved(optimize.newton, func, start, fprime, tupled(more), tol, maxiter, fprime2, x1, rtol))

    def residual(x):
        return func(x, *more)

    return implicit_items(residual, constant(found, start))


for solver in (optimize.brentq, optimize.brenth, optimize.bisect, optimize.ridder):

    @says(solver, "f", "args", check=without(full_output=False))
    def between(
        f, a, b, args=(), xtol=2e-12, rtol=8.881784197001252e-16, maxiter=100, full_output=False, disp=True, solver=solver
    ):  # fmt: skip
        more = args if isinstance(args, tuple) else (args,)
        found = stop_gradient(solved(solver, f, a, b, tupled(more), xtol, rtol, maxiter))

        def residual(x):
            return f(x, *more)

        return implicit_number(residual, constant(found, 0.0))


@says(optimize.toms748, "f", "args", check=without(full_output=False))
def toms748(f, a, b, args=(), k=1, xtol=2e-12, rtol=8.881784197001252e-16, maxiter=100, full_output=False, disp=True):
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(solved(optimize.toms748, f, a, b, tupled(more), k, xtol, rtol, maxiter))

    def residual(x):
        return f(x, *more)

    return implicit_number(residual, constant(found, 0.0))


# ---------------------------------------------------------------------------------------------------------------
# Minima: where the gradient is zero


def free(arguments):
    without(bounds=None, constraints=())(arguments)
    if isinstance(arguments.get("jac"), (bool, str)):
        raise Refused(f"`jac={arguments['jac']!r}`; leave it out, or give a function that returns the gradient")


@says(optimize.minimize, "fun", "args", "jac", check=free)
def minimize(
    fun, x0, args=(), method=None, jac=None, hess=None, hessp=None, bounds=None, constraints=(), tol=None, callback=None,
    options=None,
):  # fmt: skip
    start = np.ravel(np.array(x0, float))
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(
        solved(
            optimize.minimize, fun, start, tupled(more), method, jac, hess, hessp, tol=tol, callback=callback,
            options=options,
        )
    )  # fmt: skip

    def residual(x):
        def objective(z):
            return fun(z, *more)

        return grad(objective)(x) if jac is None else np.array(jac(x, *more))

    x = implicit(residual, constant(found.x, start))
    return Found(x, fun(x, *more), Details(found))


@says(optimize.minimize_scalar, "fun", "args")
def minimize_scalar(fun, bracket=None, bounds=None, args=(), method=None, tol=None, options=None):
    more = args if isinstance(args, tuple) else (args,)
    found = stop_gradient(
        between_bounds(solved(optimize.minimize_scalar, fun, bracket, bounds, tupled(more), method, tol, options), bounds)
    )

    def residual(x):
        def objective(z):
            return fun(z, *more)

        return grad(objective)(x)

    x = implicit_number(residual, constant(found.x, 0.0))
    return Found(x, fun(x, *more), Details(found))


def linear(arguments):
    without(bounds=None, loss="linear", kwargs=None)(arguments)


@says(optimize.least_squares, "fun", "args", check=linear)
def least_squares(
    fun, x0, jac="2-point", bounds=None, method="trf", ftol=1e-8, xtol=1e-8, gtol=1e-8, x_scale=1.0, loss="linear",
    f_scale=1.0, diff_step=None, tr_solver=None, tr_options=None, jac_sparsity=None, max_nfev=None, verbose=0, args=(),
    kwargs=None,
):  # fmt: skip
    start = np.ravel(np.array(x0, float))
    found = stop_gradient(
        solved(
            optimize.least_squares, fun, start, jac, method=method, ftol=ftol, xtol=xtol, gtol=gtol, x_scale=x_scale,
            diff_step=diff_step, tr_solver=tr_solver, tr_options=tr_options, jac_sparsity=jac_sparsity,
            max_nfev=max_nfev, verbose=verbose, args=tupled(args),
        )
    )  # fmt: skip

    def residual(x):
        def objective(z):
            return 0.5 * np.sum(np.array(fun(z, *args)) ** 2)

        return grad(objective)(x)

    x = implicit(residual, constant(found.x, start))
    return Found(x, np.ravel(np.array(fun(x, *args))), Details(found))


# ---------------------------------------------------------------------------------------------------------------
# The others

REASONS = {
    "its solution jumps, or lies at bounds; use scipy.optimize.minimize without any, or srcad.stop_gradient": """
        linprog milp linear_sum_assignment quadratic_assignment nnls lsq_linear isotonic_regression
    """,
    "it seeks a global minimum; take its solution as the start of scipy.optimize.minimize": """
        basinhopping brute differential_evolution direct dual_annealing shgo
    """,
    "use scipy.optimize.least_squares": "curve_fit leastsq",
    "use scipy.optimize.minimize": """
        fmin fmin_powell fmin_cg fmin_bfgs fmin_ncg fmin_l_bfgs_b fmin_tnc fmin_cobyla fmin_slsqp
    """,
    "use scipy.optimize.minimize_scalar": "fminbound brent golden bracket",
    "use scipy.optimize.root": """
        broyden1 broyden2 newton_krylov anderson excitingmixing linearmixing diagbroyden
    """,
    "use srcad.grad or srcad.jacobian": "approx_fprime check_grad rosen_der rosen_hess rosen_hess_prod",
}
for reason, names in REASONS.items():
    refused(reason, *available(optimize, *names.split()))
