"""The loss of a logistic regression: broadcasting, a product with a matrix, a mean."""

import numpy as np


def logistic_loss(w, b, x, y):
    z = x @ w + b
    p = 1 / (1 + np.exp(-z))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


ARGNUMS = ("w", "b")
ARGUMENTS = (np.array([0.5, -0.3]), 0.1, np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, 0.7]]), np.array([1.0, 0.0, 1.0]))


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import over


def logistic_loss_forward(w, b, x, y):
    """Forward sweep of logistic_loss (logistic_loss.py:6); returns its result and what logistic_loss_adjoint needs."""
    z = x @ w + b
    exp = np.exp(-z)
    total = 1 + exp
    p = 1 / total
    difference = 1 - y
    difference_1 = 1 - p
    return -np.mean(y * np.log(p) + difference * np.log(difference_1)), (x, y, exp, total, p, difference, difference_1)


def logistic_loss_adjoint(saved, result_bar):
    """Reverse sweep of logistic_loss: the adjoint of w, b from that of its result."""
    x, y, exp, total, p, difference, difference_1 = saved
    # 9: return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    log_bar = -result_bar / y.size * y
    p_bar = over(log_bar, p)
    log_bar_1 = -result_bar / y.size * difference
    p_bar -= over(log_bar_1, difference_1)
    # 8: p = 1 / (1 + np.exp(-z))
    negative_bar = -p_bar * p / total * exp
    z_bar = -negative_bar
    # 7: z = x @ w + b
    w_bar = x.T.dot(z_bar)
    b_bar = z_bar.sum()
    return w_bar, b_bar


def logistic_loss_value_and_grad(w, b, x, y):
    """The value and the gradient of logistic_loss (logistic_loss.py:6)."""
    z = x @ w + b
    exp = np.exp(-z)
    total = 1 + exp
    p = 1 / total
    difference = 1 - y
    difference_1 = 1 - p
    result = -np.mean(y * np.log(p) + difference * np.log(difference_1))
    # 9: return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    log_bar = -1.0 / y.size * y
    p_bar = over(log_bar, p)
    log_bar_1 = -1.0 / y.size * difference
    p_bar -= over(log_bar_1, difference_1)
    # 8: p = 1 / (1 + np.exp(-z))
    negative_bar = -p_bar * p / total * exp
    z_bar = -negative_bar
    # 7: z = x @ w + b
    w_bar = x.T.dot(z_bar)
    b_bar = z_bar.sum()
    return result, (w_bar, b_bar)


def logistic_loss_grad(w, b, x, y):
    """The gradient of logistic_loss (logistic_loss.py:6): both sweeps in one."""
    z = x @ w + b
    exp = np.exp(-z)
    total = 1 + exp
    p = 1 / total
    difference = 1 - y
    difference_1 = 1 - p
    # 9: return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    log_bar = -1.0 / y.size * y
    p_bar = over(log_bar, p)
    log_bar_1 = -1.0 / y.size * difference
    p_bar -= over(log_bar_1, difference_1)
    # 8: p = 1 / (1 + np.exp(-z))
    negative_bar = -p_bar * p / total * exp
    z_bar = -negative_bar
    # 7: z = x @ w + b
    w_bar = x.T.dot(z_bar)
    b_bar = z_bar.sum()
    return w_bar, b_bar
