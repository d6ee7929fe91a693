"""Derivatives of derivatives: what srcad prints is a program that srcad reads, so `grad(grad(f))` is no special case.

Newton's method for the minimum of a function goes by its slope and its curvature, x - f'(x) / f''(x), and doubles the
number of right digits in each step.
"""

import math

from srcad import grad


def f(x):
    """A well with a loop in it: the sum of e^(x/k) - x for k = 1, 2, 3."""
    total = 0.0
    for k in range(1, 4):
        total += math.exp(x / k) - x
    return total


slope = grad(f)
curvature = grad(slope)

x = 2.0
for step in range(7):
    print(f"step {step}: x = {x:.15f}, f = {f(x):.12f}, f' = {slope(x):9.2e}, f'' = {curvature(x):.6f}")
    x -= slope(x) / curvature(x)

by_hand = sum(math.exp(x / k) / k**2 for k in range(1, 4))
print(f"\nf'' at the minimum: {curvature(x):.15f}, by hand {by_hand:.15f}")
