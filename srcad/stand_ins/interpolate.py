"""`scipy.interpolate`: values between values.

A cubic spline depends linearly on the values that it goes through: it is the sum of these times the splines through the
columns of the identity. So does an interpolant on a regular grid. Where points lie counts as constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import interpolate

from srcad.core.nodes import REF_TEXT
from srcad.rules.registry import A, Refused, ex, is_symbol, rule, says, symbolic
from srcad.runtime import stop_gradient
from srcad.runtime_scipy import cell_corners, interpolant_adjoint, interpolant_tangent, solved
from srcad.stand_ins.implicit import constant

MATRIX, NUMBERS, CHOICES = np.zeros((2, 2)), np.zeros((2, 2), int), np.zeros((2, 2), bool)
PROTOTYPE = interpolate.CubicSpline([0.0, 1.0, 2.0, 3.0], np.eye(4))


def fixed(*names: str, **choices):
    """The check that parameters are constant, and that others have one of some values."""

    def check(arguments):
        for name in names:
            if getattr(arguments.get(name), "varied", False):
                raise Refused(f"a varying `{name}`")
        for name, allowed in choices.items():
            if name in arguments and (is_symbol(arguments[name]) or arguments[name] not in allowed):
                raise Refused(f"this `{name}`; there is {', '.join(map(repr, allowed))}")

    return check


# ---------------------------------------------------------------------------------------------------------------
# Splines

adjoint_of_place, tangent_of_place = symbolic(interpolant_adjoint), symbolic(interpolant_tangent)


def interpolant_jvp(dots, y, self, x, nu=0, extrapolate=None):
    return tangent_of_place(dots[0], self, x, nu, extrapolate)


KNOTS = np.array([0.0, 1.0, 2.5, 3.0, 4.0])
SPLINES = {
    interpolate.PPoly: [
        interpolate.CubicSpline(KNOTS, np.sin(KNOTS)), interpolate.PchipInterpolator(KNOTS, np.exp(-KNOTS)),
        interpolate.CubicSpline(KNOTS, np.outer([1.0, 2.0], KNOTS**2), axis=1),
    ],
    interpolate.BSpline: [interpolate.make_interp_spline(KNOTS, np.cos(KNOTS))],
    interpolate.UnivariateSpline: [interpolate.InterpolatedUnivariateSpline(KNOTS, np.cos(KNOTS))],
}  # fmt: skip
"""The classes whose objects are called with a place and the order of a derivative, each with some objects."""

for cls, objects in SPLINES.items():
    given = [ex(o, A(3, low=0.1, high=3.9)) for o in objects] + [ex(objects[0], A(2, 2, low=0.1, high=3.9), 1)]
    REF_TEXT[cls.__call__] = f"scipy.interpolate.{cls.__name__}.__call__"
    rule(
        cls.__call__, lambda y_bar, y, self, x, nu=0, extrapolate=None: adjoint_of_place(y_bar, self, x, nu, extrapolate),
        jvp=interpolant_jvp, data=("x",), examples=given, synonyms={"ext": "extrapolate"},
    )  # fmt: skip


@dataclass
class Combination:
    """A sum of splines, the columns of `basis`, each times one of the values in the first axis of `values`."""

    basis: Any
    values: Any
    axis: Any

    def __call__(self, x, nu=0):
        weights = self.basis(x, nu)
        found = np.tensordot(weights, self.values, 1)
        places = np.ndim(weights) - 1
        return np.moveaxis(found, range(places), range(self.axis, self.axis + places))


@says(interpolate.CubicSpline, "x", "y", check=fixed("x", bc_type=("not-a-knot", "natural", "clamped")))
def cubic_spline(x, y, axis=0, bc_type="not-a-knot", extrapolate=None):
    basis = constant(solved(interpolate.CubicSpline, x, np.eye(len(x)), 0, bc_type, extrapolate), PROTOTYPE)
    return Combination(basis, np.moveaxis(np.array(y, float), axis, 0), axis % np.ndim(y))


# ---------------------------------------------------------------------------------------------------------------
# Grids


@dataclass
class Grid:
    """What `scipy.interpolate.RegularGridInterpolator` makes: called with places, it interpolates between `values`."""

    grid: Any
    values: Any
    method: Any
    bounds_error: Any
    fill_value: Any

    def __call__(self, xi):
        return between_grid_points(self.grid, self.values, self.method, self.bounds_error, self.fill_value, xi)


def between_grid_points(grid, values, method, bounds_error, fill_value, xi):
    at = np.stack(np.broadcast_arrays(*xi), -1) if isinstance(xi, tuple) else np.array(xi, float)
    places = np.reshape(at, (-1, len(grid)))
    cell = stop_gradient(cell_corners(grid, stop_gradient(at), isinstance(xi, tuple), method, bounds_error))
    share = cell.offset + (places - constant(cell.left, MATRIX)) / constant(cell.width, MATRIX)
    numbers, upper = constant(cell.numbers, NUMBERS), constant(cell.upper, CHOICES)
    flat = np.reshape(values, (-1, *np.shape(values)[len(grid) :]))
    total = 0.0
    for k in range(len(numbers)):
        weight = np.prod(np.where(upper[k], share, 1.0 - share), 1)
        total = total + np.moveaxis(weight * np.moveaxis(flat[numbers[k]], 0, -1), -1, 0)
    found = np.reshape(total, cell.shape + np.shape(values)[len(grid) :])
    return found if fill_value is None else np.where(cell.outside_of(np.ndim(found)), fill_value, found)


GRID = {"method": ("linear", "nearest")}


@says(interpolate.RegularGridInterpolator, "points", "values", check=fixed("points", "fill_value", **GRID))
def regular_grid_interpolator(
    points, values, method="linear", bounds_error=True, fill_value=np.nan, *, solver=None, solver_args=None
):  # fmt: skip
    return Grid(points, np.array(values, float), method, bounds_error, fill_value)


def one_method(arguments):
    if arguments.get("method") is not None or arguments.get("nu") is not None:
        raise Refused("`method` or `nu`")


@says(interpolate.RegularGridInterpolator.__call__, "xi", check=one_method)
def regular_grid_interpolation(self, xi, method=None, *, nu=None):
    return between_grid_points(self.grid, self.values, self.method, self.bounds_error, self.fill_value, xi)
