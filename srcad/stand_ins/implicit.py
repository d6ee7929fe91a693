"""What is defined by an equation: the derivative of its solution, by the implicit function theorem.

A solver finds x with F(x, p) = 0; how it does so is not differentiated. One step of Newton's method from there,

    x - J^-1 (F(x, p) - F),    J and the last F constant,

is x, and has its derivative by p: that of F by p, solved for x. So the reverse sweep of any F, whatever it captures, solves
one linear system with J transposed (Griewank & Walther, Evaluating Derivatives, 2008, ch. 15; Blondel et al., "Efficient
and modular implicit differentiation", NeurIPS 2022).

For derivatives of derivatives, x and J depend on p, too: x by the same theorem, J as the Jacobian that it is. What counts
as constant the first time is what `solution` and `held` give; where their calls stand in generated code, they count no more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad.analysis.kinds import Callee
from srcad.core.nodes import Ref
from srcad.forward_mode import jvp
from srcad.runtime_scipy import each_by_itself, uneven, zero_at


def implicit(residual, x):
    """x, an array of rank 1, as the function that `residual(x) == 0` defines of what `residual` captures."""
    x = solution(implicit, residual, x)
    slopes = np.zeros_like(np.outer(x, x))
    for k in range(len(x)):
        direction = np.zeros_like(x)
        direction[k] = 1.0
        _, slopes[:, k] = jvp(residual, (x,), (direction,))
    error, slopes = residual(x), held(slopes)
    return x - np.linalg.solve(slopes, error - zero_at(error, slopes, x))


def implicit_number(residual, x):
    """The same for a number."""
    x = solution(implicit_number, residual, x)
    _, slope = jvp(residual, (x,), (1.0,))
    error, slope = residual(x), held(slope)
    return x - (error - zero_at(error, slope, x)) / slope


def implicit_items(residual, x):
    """The same for an array of which each item solves an equation of its own."""
    x = solution(implicit_items, residual, x)
    direction = constant(uneven(x), x)
    _, slopes = jvp(residual, (x,), (0.0 * x + 1.0,))
    _, along = jvp(residual, (x,), (direction,))
    error, slopes = residual(x), each_by_itself(slopes, along, direction)
    return x - (error - zero_at(error, slopes, x)) / slopes


# ---------------------------------------------------------------------------------------------------------------
# What is constant, and when


def constant(x, like):
    """x, as a constant of the kind of `like`."""
    return x


def solution(theorem, residual, x):
    """x, as a constant; in generated code what `theorem` says that it is."""
    return x


def held(x):
    """x, as a constant; in generated code just x."""
    return x


def _constant(specialiser, e):
    args, _ = specialiser.arguments(e)
    return replace(e, args=args, kind=args[1].kind, varied=False)


def _solution(specialiser, e):
    args, _ = specialiser.arguments(e)
    theorem, residual, x = args
    if specialiser.is_generated and residual.varied:
        fun = theorem.kind.obj
        called = replace(e, fn=Ref(fun, fun.__name__, kind=Callee(fun), at=e.fn.at), args=(residual, x))
        return specialiser.invoke(called, fun, (), ())
    return replace(e, args=args, kind=x.kind, varied=False)


def _held(specialiser, e):
    args, _ = specialiser.arguments(e)
    return args[0] if specialiser.is_generated else replace(e, args=args, kind=args[0].kind, varied=False)


constant.__srcad_function__ = _constant
solution.__srcad_function__ = _solution
for function in (held, each_by_itself, zero_at):
    function.__srcad_function__ = _held
