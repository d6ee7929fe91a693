"""A nested function that captures a variable of the outer one."""

import math


def closure(x, n):
    rate = x * x

    def step(y):
        return y + math.exp(-rate * y)

    y = 1.0
    for _ in range(n):
        y = step(y)
    return y


ARGNUMS = 0
ARGUMENTS = (0.9, 3)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def step_1_forward(y, rate):
    """Forward sweep of step (closure.py:9); returns its result and what step_1_adjoint needs."""
    exp = math.exp(-rate * y)
    return y + exp, (y, rate, exp)


def step_1_adjoint(saved, result_bar):
    """Reverse sweep of step: the adjoint of y, rate from that of its result."""
    y, rate, exp = saved
    # 10: return y + math.exp(-rate * y)
    y_bar = result_bar
    product_bar = result_bar * exp
    rate_bar = -product_bar * y
    y_bar += product_bar * -rate
    return y_bar, rate_bar


def closure_forward(x, n):
    """Forward sweep of closure (closure.py:6); returns its result and what closure_adjoint needs."""
    step_1_saved_tape = []
    rate = x * x
    def step(y):
        return y + math.exp(-rate * y)
    y = 1.0
    for _ in range(n):
        step_1, step_1_saved = step_1_forward(y, rate)
        y = step_1
        step_1_saved_tape.append(step_1_saved)
    return y, (x, n, step_1_saved_tape)


def closure_adjoint(saved, result_bar):
    """Reverse sweep of closure: the adjoint of x from that of its result."""
    x, n, step_1_saved_tape = saved
    step_1_saved_tape = step_1_saved_tape.copy()
    # 15: return y
    y_bar = result_bar
    # 13: for _ in range(n):
    rate_bar = 0.0
    for _ in reversed(range(n)):
        step_1_saved = step_1_saved_tape.pop()
        # 14: y = step(y)
        step_1_bar = y_bar
        y_bar, rate_bar_1 = step_1_adjoint(step_1_saved, step_1_bar)
        rate_bar += rate_bar_1
    # 7: rate = x * x
    x_bar = rate_bar * 2 * x
    return x_bar


def closure_value_and_grad(x, n):
    """The value and the gradient of closure (closure.py:6)."""
    step_1_saved_tape = []
    rate = x * x
    def step(y):
        return y + math.exp(-rate * y)
    y = 1.0
    for _ in range(n):
        step_1, step_1_saved = step_1_forward(y, rate)
        y = step_1
        step_1_saved_tape.append(step_1_saved)
    # 15: return y
    y_bar = 1.0
    # 13: for _ in range(n):
    rate_bar = 0.0
    for _ in reversed(range(n)):
        step_1_saved = step_1_saved_tape.pop()
        # 14: y = step(y)
        step_1_bar = y_bar
        y_bar, rate_bar_1 = step_1_adjoint(step_1_saved, step_1_bar)
        rate_bar += rate_bar_1
    # 7: rate = x * x
    x_bar = rate_bar * 2 * x
    return y, x_bar


def closure_grad(x, n):
    """The gradient of closure (closure.py:6): both sweeps in one."""
    step_1_saved_tape = []
    rate = x * x
    def step(y):
        return y + math.exp(-rate * y)
    y = 1.0
    for _ in range(n):
        step_1, step_1_saved = step_1_forward(y, rate)
        y = step_1
        step_1_saved_tape.append(step_1_saved)
    # 15: return y
    y_bar = 1.0
    # 13: for _ in range(n):
    rate_bar = 0.0
    for _ in reversed(range(n)):
        step_1_saved = step_1_saved_tape.pop()
        # 14: y = step(y)
        step_1_bar = y_bar
        y_bar, rate_bar_1 = step_1_adjoint(step_1_saved, step_1_bar)
        rate_bar += rate_bar_1
    # 7: rate = x * x
    x_bar = rate_bar * 2 * x
    return x_bar
