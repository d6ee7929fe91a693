"""Choices: a conditional expression, a chain of comparisons, a `where`, a `maximum`."""

import numpy as np


def piecewise(x, knee):
    slope = knee if 0.0 < knee < 1.0 else 0.5
    y = np.where(x > knee, slope * x, np.maximum(x, -1.0) ** 2)
    return np.mean(y)


ARGNUMS = (0, 1)
ARGUMENTS = (np.array([-2.0, -0.4, 0.1, 0.9, 3.0]), 0.3)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def piecewise_forward(x, knee):
    """Forward sweep of piecewise (piecewise.py:6); returns its result and what piecewise_adjoint needs."""
    if 0.0 < knee < 1.0:
        slope = knee
    else:
        slope = 0.5
    value = x > knee
    maximum = np.maximum(x, -1.0)
    y = np.where(value, slope * x, maximum ** 2)
    return np.mean(y), (x, knee, slope, value, maximum, y)


def piecewise_adjoint(saved, result_bar):
    """Reverse sweep of piecewise: the adjoint of x, knee from that of its result."""
    x, knee, slope, value, maximum, y = saved
    # 9: return np.mean(y)
    y_bar = np.broadcast_to(result_bar / y.size, y.shape)
    # 8: y = np.where(x > knee, slope * x, np.maximum(x, -1.0) ** 2)
    product_bar = y_bar * value
    slope_bar = np.vdot(product_bar, x)
    x_bar = product_bar * slope
    maximum_bar = y_bar * ~value * 2 * maximum
    x_bar += maximum_bar * (x > -1.0)
    # 7: slope = knee if 0.0 < knee < 1.0 else 0.5
    if 0.0 < knee < 1.0:
        knee_bar = slope_bar
    else:
        knee_bar = 0.0
    return x_bar, knee_bar


def piecewise_value_and_grad(x, knee):
    """The value and the gradient of piecewise (piecewise.py:6)."""
    if 0.0 < knee < 1.0:
        slope = knee
    else:
        slope = 0.5
    value = x > knee
    maximum = np.maximum(x, -1.0)
    y = np.where(value, slope * x, maximum ** 2)
    result = np.mean(y)
    # 9: return np.mean(y)
    y_bar = np.broadcast_to(1.0 / y.size, y.shape)
    # 8: y = np.where(x > knee, slope * x, np.maximum(x, -1.0) ** 2)
    product_bar = y_bar * value
    slope_bar = np.vdot(product_bar, x)
    x_bar = product_bar * slope
    maximum_bar = y_bar * ~value * 2 * maximum
    x_bar += maximum_bar * (x > -1.0)
    # 7: slope = knee if 0.0 < knee < 1.0 else 0.5
    if 0.0 < knee < 1.0:
        knee_bar = slope_bar
    else:
        knee_bar = 0.0
    return result, (x_bar, knee_bar)


def piecewise_grad(x, knee):
    """The gradient of piecewise (piecewise.py:6): both sweeps in one."""
    if 0.0 < knee < 1.0:
        slope = knee
    else:
        slope = 0.5
    value = x > knee
    maximum = np.maximum(x, -1.0)
    y = np.where(value, slope * x, maximum ** 2)
    # 9: return np.mean(y)
    y_bar = np.broadcast_to(1.0 / y.size, y.shape)
    # 8: y = np.where(x > knee, slope * x, np.maximum(x, -1.0) ** 2)
    product_bar = y_bar * value
    slope_bar = np.vdot(product_bar, x)
    x_bar = product_bar * slope
    maximum_bar = y_bar * ~value * 2 * maximum
    x_bar += maximum_bar * (x > -1.0)
    # 7: slope = knee if 0.0 < knee < 1.0 else 0.5
    if 0.0 < knee < 1.0:
        knee_bar = slope_bar
    else:
        knee_bar = 0.0
    return x_bar, knee_bar
