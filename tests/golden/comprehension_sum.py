"""The sum of a generator expression over a list."""

import math


def comprehension_sum(x, weights):
    return sum(w * math.sin(k * x) for k, w in enumerate(weights))


ARGNUMS = (0, 1)
ARGUMENTS = (0.4, [1.0, 0.5, 0.25])


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import zeros_like


def comprehension_sum_forward(x, weights):
    """Forward sweep of comprehension_sum (comprehension_sum.py:6); returns its result and what comprehension_sum_adjoint needs."""
    sin_tape = []
    total = 0
    for k in range(len(weights)):
        w = weights[k]
        sin = math.sin(k * x)
        total = total + w * sin
        sin_tape.append(sin)
    return total, (x, weights, sin_tape)


def comprehension_sum_adjoint(saved, result_bar):
    """Reverse sweep of comprehension_sum: the adjoint of x, weights from that of its result."""
    x, weights, sin_tape = saved
    sin_tape = sin_tape.copy()
    # 7: return sum(w * math.sin(k * x) for k, w in enumerate(weights))
    total_bar = result_bar
    weights_bar = zeros_like(weights)
    x_bar = 0.0
    for k in reversed(range(len(weights))):
        sin = sin_tape.pop()
        w = weights[k]
        w_bar = total_bar * sin
        product_bar = total_bar * w * math.cos(k * x)
        x_bar += product_bar * k
        weights_bar[k] += w_bar
    return x_bar, weights_bar


def comprehension_sum_value_and_grad(x, weights):
    """The value and the gradient of comprehension_sum (comprehension_sum.py:6)."""
    sin_tape = []
    total = 0
    for k in range(len(weights)):
        w = weights[k]
        sin = math.sin(k * x)
        total = total + w * sin
        sin_tape.append(sin)
    # 7: return sum(w * math.sin(k * x) for k, w in enumerate(weights))
    total_bar = 1.0
    weights_bar = zeros_like(weights)
    x_bar = 0.0
    for k in reversed(range(len(weights))):
        sin = sin_tape.pop()
        w = weights[k]
        w_bar = total_bar * sin
        product_bar = total_bar * w * math.cos(k * x)
        x_bar += product_bar * k
        weights_bar[k] += w_bar
    return total, (x_bar, weights_bar)


def comprehension_sum_grad(x, weights):
    """The gradient of comprehension_sum (comprehension_sum.py:6): both sweeps in one."""
    sin_tape = []
    total = 0
    for k in range(len(weights)):
        w = weights[k]
        sin = math.sin(k * x)
        total = total + w * sin
        sin_tape.append(sin)
    # 7: return sum(w * math.sin(k * x) for k, w in enumerate(weights))
    total_bar = 1.0
    weights_bar = zeros_like(weights)
    x_bar = 0.0
    for k in reversed(range(len(weights))):
        sin = sin_tape.pop()
        w = weights[k]
        w_bar = total_bar * sin
        product_bar = total_bar * w * math.cos(k * x)
        x_bar += product_bar * k
        weights_bar[k] += w_bar
    return x_bar, weights_bar
