"""An exception that decides how a value is computed."""

import math


def caught_exception(x):
    y = x * x
    try:
        z = math.sqrt(1.0 - y) * x
    except ValueError:
        z = y * y
    return z + y


ARGNUMS = 0
ARGUMENTS = (1.7,)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def caught_exception_forward(x):
    """Forward sweep of caught_exception (caught_exception.py:6); returns its result and what caught_exception_adjoint needs."""
    sqrt = None
    y = x * x
    handled = 0
    step = 0
    try:
        sqrt = math.sqrt(1.0 - y)
        z = sqrt * x
        step = 1
    except ValueError:
        handled = 1
        z = y * y
    return z + y, (x, y, handled, step, sqrt)


def caught_exception_adjoint(saved, result_bar):
    """Reverse sweep of caught_exception: the adjoint of x from that of its result."""
    x, y, handled, step, sqrt = saved
    # 12: return z + y
    z_bar = result_bar
    y_bar = result_bar
    # 8: try:
    if handled == 1:
        # 11: z = y * y
        y_bar += z_bar * 2 * y
        z_bar = 0.0
    if step >= 1:
        # 9: z = math.sqrt(1.0 - y) * x
        difference_bar = z_bar * x * 0.5 / sqrt
        y_bar -= difference_bar
        x_bar = z_bar * sqrt
    else:
        x_bar = 0.0
    # 7: y = x * x
    x_bar += y_bar * 2 * x
    return x_bar


def caught_exception_value_and_grad(x):
    """The value and the gradient of caught_exception (caught_exception.py:6)."""
    sqrt = None
    y = x * x
    handled = 0
    step = 0
    try:
        sqrt = math.sqrt(1.0 - y)
        z = sqrt * x
        step = 1
    except ValueError:
        handled = 1
        z = y * y
    result = z + y
    # 12: return z + y
    z_bar = 1.0
    y_bar = 1.0
    # 8: try:
    if handled == 1:
        # 11: z = y * y
        y_bar += z_bar * 2 * y
        z_bar = 0.0
    if step >= 1:
        # 9: z = math.sqrt(1.0 - y) * x
        difference_bar = z_bar * x * 0.5 / sqrt
        y_bar -= difference_bar
        x_bar = z_bar * sqrt
    else:
        x_bar = 0.0
    # 7: y = x * x
    x_bar += y_bar * 2 * x
    return result, x_bar


def caught_exception_grad(x):
    """The gradient of caught_exception (caught_exception.py:6): both sweeps in one."""
    sqrt = None
    y = x * x
    handled = 0
    step = 0
    try:
        sqrt = math.sqrt(1.0 - y)
        z = sqrt * x
        step = 1
    except ValueError:
        handled = 1
        z = y * y
    # 12: return z + y
    z_bar = 1.0
    y_bar = 1.0
    # 8: try:
    if handled == 1:
        # 11: z = y * y
        y_bar += z_bar * 2 * y
        z_bar = 0.0
    if step >= 1:
        # 9: z = math.sqrt(1.0 - y) * x
        difference_bar = z_bar * x * 0.5 / sqrt
        y_bar -= difference_bar
        x_bar = z_bar * sqrt
    else:
        x_bar = 0.0
    # 7: y = x * x
    x_bar += y_bar * 2 * x
    return x_bar
