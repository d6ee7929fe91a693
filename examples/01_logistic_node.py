"""One node by hand and by srcad: f(x) = -ln(1 / (1 + e^(-a x))) at a = 3, x = 0 has the slope -3/2.

Reverse mode in small: split f into four elementary steps, write down the local partial of each, and multiply them from
the result back to x. The product up to a step is that step's adjoint: the slope of f in what the step computed.
"""

import math

from srcad import grad


def f(x, a=3.0):
    return -math.log(1 / (1 + math.exp(-a * x)))


def f_in_steps(x, a=3.0):
    p = math.exp(-a * x)
    q = 1 + p
    r = 1 / q
    y = -math.log(r)
    return y


def p(x):
    return math.exp(-3.0 * x)


def q(p):
    return 1 + p


def r(q):
    return 1 / q


def y(r):
    return -math.log(r)


steps = {"p = exp(-a x)": p, "q = 1 + p": q, "r = 1 / q": r, "y = -ln r": y}

values, partials = [0.0], []
for step in steps.values():
    partials.append(grad(step)(values[-1]))
    values.append(step(values[-1]))

adjoints = [1.0]
for partial in reversed(partials):
    adjoints.insert(0, adjoints[0] * partial)

print(f"{'step':16}{'value':>10}{'local partial':>16}{'adjoint':>10}")
print(f"{'x':16}{values[0]:10.4f}{'':16}{adjoints[0]:10.4f}")
for name, value, partial, adjoint in zip(steps, values[1:], partials, adjoints[1:], strict=True):
    print(f"{name:16}{value:10.4f}{partial:16.4f}{adjoint:10.4f}")

df = grad(f)
print("\ndf/dx at 0, the product of the local partials:", adjoints[0])
print("df/dx at 0, by srcad in one go:              ", df(0.0))

print("\nWhat srcad made of the version in steps:\n")
print(grad(f_in_steps).source_for(0.0))
