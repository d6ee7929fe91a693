"""A loop whose passes go one of two ways."""

import math


def loop_with_branch(x, n):
    y = x
    for k in range(n):
        if y > 1.0:
            y = 0.5 * y * x
        else:
            y = math.sin(y) + k * x
    return y


ARGNUMS = 0
ARGUMENTS = (0.8, 5)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def loop_with_branch_forward(x, n):
    """Forward sweep of loop_with_branch (loop_with_branch.py:6); returns its result and what loop_with_branch_adjoint needs."""
    branch_tape = []
    y_tape = []
    y = x
    for k in range(n):
        branch = y > 1.0
        if branch:
            y_tape.append(y)
            y = 0.5 * y * x
        else:
            y_tape.append(y)
            y = math.sin(y) + k * x
        branch_tape.append(branch)
    return y, (x, n, y_tape, branch_tape)


def loop_with_branch_adjoint(saved, result_bar):
    """Reverse sweep of loop_with_branch: the adjoint of x from that of its result."""
    x, n, y_tape, branch_tape = saved
    y_tape = y_tape.copy()
    branch_tape = branch_tape.copy()
    # 13: return y
    y_bar = result_bar
    # 8: for k in range(n):
    x_bar = 0.0
    for k in reversed(range(n)):
        branch = branch_tape.pop()
        # 9: if y > 1.0:
        if branch:
            # 10: y = 0.5 * y * x
            y = y_tape.pop()
            x_bar += y_bar * (0.5 * y)
            y_bar = y_bar * x * 0.5
        else:
            # 12: y = math.sin(y) + k * x
            y = y_tape.pop()
            x_bar += y_bar * k
            y_bar = y_bar * math.cos(y)
    # 7: y = x
    x_bar += y_bar
    return x_bar


def loop_with_branch_value_and_grad(x, n):
    """The value and the gradient of loop_with_branch (loop_with_branch.py:6)."""
    branch_tape = []
    y_tape = []
    y = x
    for k in range(n):
        branch = y > 1.0
        if branch:
            y_tape.append(y)
            y = 0.5 * y * x
        else:
            y_tape.append(y)
            y = math.sin(y) + k * x
        branch_tape.append(branch)
    result = y
    # 13: return y
    y_bar = 1.0
    # 8: for k in range(n):
    x_bar = 0.0
    for k in reversed(range(n)):
        branch = branch_tape.pop()
        # 9: if y > 1.0:
        if branch:
            # 10: y = 0.5 * y * x
            y = y_tape.pop()
            x_bar += y_bar * (0.5 * y)
            y_bar = y_bar * x * 0.5
        else:
            # 12: y = math.sin(y) + k * x
            y = y_tape.pop()
            x_bar += y_bar * k
            y_bar = y_bar * math.cos(y)
    # 7: y = x
    x_bar += y_bar
    return result, x_bar


def loop_with_branch_grad(x, n):
    """The gradient of loop_with_branch (loop_with_branch.py:6): both sweeps in one."""
    branch_tape = []
    y_tape = []
    y = x
    for k in range(n):
        branch = y > 1.0
        if branch:
            y_tape.append(y)
            y = 0.5 * y * x
        else:
            y_tape.append(y)
            y = math.sin(y) + k * x
        branch_tape.append(branch)
    # 13: return y
    y_bar = 1.0
    # 8: for k in range(n):
    x_bar = 0.0
    for k in reversed(range(n)):
        branch = branch_tape.pop()
        # 9: if y > 1.0:
        if branch:
            # 10: y = 0.5 * y * x
            y = y_tape.pop()
            x_bar += y_bar * (0.5 * y)
            y_bar = y_bar * x * 0.5
        else:
            # 12: y = math.sin(y) + k * x
            y = y_tape.pop()
            x_bar += y_bar * k
            y_bar = y_bar * math.cos(y)
    # 7: y = x
    x_bar += y_bar
    return x_bar
