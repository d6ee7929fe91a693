"""Jacobians, Hessians and their products with vectors; a derivative of one's own for a function that has no text.

Newton's method with a Jacobian finds where two curves meet, the Hessian of a misfit tells how well its parameters are known,
and products with vectors find the largest curvature of a function of a thousand variables. A loop that ends when it has
converged gets the rule that is known from calculus, and the rule is checked with one call.
"""

import warnings

import numpy as np

import srcad
from srcad import hessian, hvp, jacobian

# Newton's method for two equations: where the circle meets the parabola.


def equations(p):
    x, y = p[0], p[1]
    return np.array([x**2 + y**2 - 4.0, y - x**2 + 1.0])


slopes = jacobian(equations)
p = np.array([1.0, 1.0])
for _ in range(6):
    p = p - np.linalg.solve(slopes(p), equations(p))
print(f"the curves meet at ({p[0]:.12f}, {p[1]:.12f}), off by {np.max(np.abs(equations(p))):.0e}")

# The curvature of a misfit at its minimum tells how well the parameters are known.

t = np.linspace(0.0, 4.0, 50)
data = 2.0 * np.exp(-0.7 * t) + 0.05 * np.random.default_rng(0).normal(size=50)


def misfit(q):
    return np.sum((q["height"] * np.exp(-q["rate"] * t) - data) ** 2) / (2 * 0.05**2)


q = {"height": 2.0, "rate": 0.7}
h = hessian(misfit)(q)
curvature = np.array([[h[a][b] for b in q] for a in q])
errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
print("known to within", {name: round(float(error), 4) for name, error in zip(q, errors)})

# The largest curvature of a function of 1000 variables, without its Hessian of a million numbers.


def chain(x):
    return np.sum((x - np.roll(x, 1)) ** 4) + np.sum(x**2)


along = hvp(chain)
x = np.cos(np.arange(1000.0))
v = np.random.default_rng(1).normal(size=1000)
for _ in range(300):
    v = along(x, v)
    largest = np.linalg.norm(v)
    v = v / largest
print(f"the largest curvature: {largest:.2f}, by the whole Hessian: {np.linalg.eigvalsh(hessian(chain)(x))[-1]:.2f}")


# A function that is not to be read, here because its loop ends when something has converged: its rule is the derivative.


def kepler(mean_anomaly, eccentricity):
    """The solution E of Kepler's equation, E - e sin(E) = M."""
    e = mean_anomaly
    while abs(e - eccentricity * np.sin(e) - mean_anomaly) > 1e-14:
        e = mean_anomaly + eccentricity * np.sin(e)
    return e


@srcad.vjp_rule(kepler)
def kepler_vjp(e_bar, e, mean_anomaly, eccentricity):
    slope = e_bar / (1.0 - eccentricity * np.cos(e))
    return slope, slope * np.sin(e)


srcad.check_rule(kepler, 1.0, 0.3)


def distance(mean_anomaly):
    return 1.0 - 0.3 * np.cos(kepler(mean_anomaly, 0.3))


slope = srcad.grad(distance)
print(f"d distance / d anomaly = {slope(1.0):.12f}")
print(slope.adjoint_source)

# What can only be evaluated is differentiated by evaluating it; srcad says so, in a warning and in the code.

tabulated = srcad.opaque(lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), method="finite-difference")
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(round(srcad.grad(lambda x: tabulated(x) ** 2)(1.5), 6), "-", said[0].message)
