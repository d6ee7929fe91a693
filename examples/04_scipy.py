"""SciPy's optimisers take a srcad gradient as it is: `minimize(f, x0, jac=grad(f))`.

Without `jac`, SciPy estimates the gradient by finite differences: n more evaluations of f for each gradient, and no
more than half of the digits.
"""

import numpy as np
from scipy.optimize import minimize

from srcad import grad
from srcad.structure import ravel


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


x0 = np.full(50, 0.5)
by_differences = minimize(rosenbrock, x0, method="BFGS")
by_srcad = minimize(rosenbrock, x0, jac=grad(rosenbrock), method="BFGS")

print("Rosenbrock's function of 50 variables, BFGS")
for name, found in {"finite differences": by_differences, "jac=grad(f)": by_srcad}.items():
    error = np.max(np.abs(found.x - 1))
    print(f"  {name:18}  {found.nfev:5} evaluations of f, largest error in x {error:.1e}")

# Value and gradient from one forward sweep: jac=True.
both = minimize(grad(rosenbrock).value_and_grad, x0, jac=True, method="L-BFGS-B")
print(f"  L-BFGS-B, jac=True  {both.nfev:5} evaluations of both, f = {both.fun:.1e}")


# Parameters that are no vector: `ravel` makes one of them, and makes them of one.
def misfit(model, t, y):
    return np.mean((model["height"] * np.exp(-(((t - model["centre"]) / model["width"]) ** 2)) - y) ** 2)


t = np.linspace(-3.0, 3.0, 61)
y = 2.0 * np.exp(-(((t - 0.5) / 0.8) ** 2))
start, unravel = ravel({"height": 1.0, "centre": 0.0, "width": 1.0})


def value_and_slopes(vector):
    value, model_bar = grad(misfit).value_and_grad(unravel(vector), t, y)
    return value, ravel(model_bar)[0]


found = minimize(value_and_slopes, start, jac=True, method="BFGS")
print("\nA peak of height 2 at 0.5, 0.8 wide:", {name: round(v, 4) for name, v in unravel(found.x).items()})
