"""A checkpointed helper: of each call the arguments are kept, and the way back runs it again."""

import numpy as np

from srcad import checkpoint


@checkpoint
def react(u, rate):
    growth = np.exp(-u * u)
    return u + rate * u * (1 - u) * growth


def checkpointed_helper(u, rate, n):
    for _ in range(n):
        u = react(u, rate)
    return np.sum(u * u)


ARGNUMS = ("u", "rate")
ARGUMENTS = (np.array([0.2, 0.9, -0.4]), 0.3, 4)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def react_again(u, rate, result_bar):
    """react, run once more, and back: the adjoints of its arguments from that of its result."""
    negative = -u
    growth = np.exp(negative * u)
    product = rate * u
    difference = 1 - u
    product_1 = product * difference
    # 11: return u + rate * u * (1 - u) * growth
    u_bar = result_bar
    product_bar = result_bar * growth
    product_bar_1 = product_bar * difference
    rate_bar = np.vdot(product_bar_1, u)
    u_bar = u_bar + product_bar_1 * rate
    u_bar -= product_bar * product
    growth_bar = result_bar * product_1
    # 10: growth = np.exp(-u * u)
    product_bar_2 = growth_bar * growth
    u_bar -= product_bar_2 * u
    u_bar += product_bar_2 * negative
    return u_bar, rate_bar


def checkpointed_helper_forward(u, rate, n):
    """Forward sweep of checkpointed_helper (checkpointed_helper.py:14); returns its result and what checkpointed_helper_adjoint needs."""
    u_tape = []
    for _ in range(n):
        react_1 = react(u, rate)
        u_tape.append(u)
        u = react_1
    return np.sum(u * u), (u, rate, n, u_tape)


def checkpointed_helper_adjoint(saved, result_bar):
    """Reverse sweep of checkpointed_helper: the adjoint of u, rate from that of its result."""
    u, rate, n, u_tape = saved
    u_tape = u_tape.copy()
    # 17: return np.sum(u * u)
    u_bar = result_bar * 2 * u
    # 15: for _ in range(n):
    rate_bar = 0.0
    for _ in reversed(range(n)):
        # 16: u = react(u, rate)
        react_1_bar = u_bar
        u = u_tape.pop()
        u_bar, rate_bar_1 = react_again(u, rate, react_1_bar)
        rate_bar += rate_bar_1
    return u_bar, rate_bar


def checkpointed_helper_value_and_grad(u, rate, n):
    """The value and the gradient of checkpointed_helper (checkpointed_helper.py:14)."""
    u_tape = []
    for _ in range(n):
        react_1 = react(u, rate)
        u_tape.append(u)
        u = react_1
    result = np.sum(u * u)
    # 17: return np.sum(u * u)
    u_bar = 2.0 * u
    # 15: for _ in range(n):
    rate_bar = 0.0
    for _ in reversed(range(n)):
        # 16: u = react(u, rate)
        react_1_bar = u_bar
        u = u_tape.pop()
        u_bar, rate_bar_1 = react_again(u, rate, react_1_bar)
        rate_bar += rate_bar_1
    return result, (u_bar, rate_bar)


def checkpointed_helper_grad(u, rate, n):
    """The gradient of checkpointed_helper (checkpointed_helper.py:14): both sweeps in one."""
    u_tape = []
    for _ in range(n):
        react_1 = react(u, rate)
        u_tape.append(u)
        u = react_1
    # 17: return np.sum(u * u)
    u_bar = 2.0 * u
    # 15: for _ in range(n):
    rate_bar = 0.0
    for _ in reversed(range(n)):
        # 16: u = react(u, rate)
        react_1_bar = u_bar
        u = u_tape.pop()
        u_bar, rate_bar_1 = react_again(u, rate, react_1_bar)
        rate_bar += rate_bar_1
    return u_bar, rate_bar
