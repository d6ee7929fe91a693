"""Several ways out: the loop is left by a `return`."""


def early_return(x, limit):
    total = 0.0
    for k in range(1, 50):
        total = total + x**k / k
        if total > limit:
            return total * x
    return total


ARGNUMS = 0
ARGUMENTS = (0.9, 1.2)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import power_slope


def early_return_forward(x, limit):
    """Forward sweep of early_return (early_return.py:4); returns its result and what early_return_adjoint needs."""
    branch_tape = []
    total_tape = []
    returned = False
    total = 0.0
    trips = 0
    for k in range(1, 50):
        trips += 1
        total_tape.append(total)
        total = total + x ** k / k
        branch = total > limit
        if branch:
            result = total * x
            returned = True
        branch_tape.append(branch)
        if returned:
            break
    if not returned:
        result = total
        returned_1 = True
    return result, (x, returned, total, trips, total_tape, branch_tape)


def early_return_adjoint(saved, result_bar):
    """Reverse sweep of early_return: the adjoint of x from that of its result."""
    x, returned, total, trips, total_tape, branch_tape = saved
    total_tape = total_tape.copy()
    branch_tape = branch_tape.copy()
    # 4: def early_return(x, limit):
    result_bar_1 = result_bar
    # 10: return total
    if not returned:
        total_bar = result_bar_1
        result_bar_1 = 0.0
    else:
        total_bar = 0.0
    # 6: for k in range(1, 50):
    x_bar = 0.0
    for k in reversed(range(1, 50)[:trips]):
        branch = branch_tape.pop()
        # 8: if total > limit:
        if branch:
            # 9: return total * x
            total_bar += result_bar_1 * x
            x_bar += result_bar_1 * total
            result_bar_1 = 0.0
        # 7: total = total + x**k / k
        total = total_tape.pop()
        x_bar += total_bar / k * power_slope(x, k)
    return x_bar


def early_return_value_and_grad(x, limit):
    """The value and the gradient of early_return (early_return.py:4)."""
    branch_tape = []
    total_tape = []
    returned = False
    total = 0.0
    trips = 0
    for k in range(1, 50):
        trips += 1
        total_tape.append(total)
        total = total + x ** k / k
        branch = total > limit
        if branch:
            result = total * x
            returned = True
        branch_tape.append(branch)
        if returned:
            break
    if not returned:
        result = total
        returned_1 = True
    # 4: def early_return(x, limit):
    result_bar_1 = 1.0
    # 10: return total
    if not returned:
        total_bar = result_bar_1
        result_bar_1 = 0.0
    else:
        total_bar = 0.0
    # 6: for k in range(1, 50):
    x_bar = 0.0
    for k in reversed(range(1, 50)[:trips]):
        branch = branch_tape.pop()
        # 8: if total > limit:
        if branch:
            # 9: return total * x
            total_bar += result_bar_1 * x
            x_bar += result_bar_1 * total
            result_bar_1 = 0.0
        # 7: total = total + x**k / k
        total = total_tape.pop()
        x_bar += total_bar / k * power_slope(x, k)
    return result, x_bar


def early_return_grad(x, limit):
    """The gradient of early_return (early_return.py:4): both sweeps in one."""
    branch_tape = []
    total_tape = []
    returned = False
    total = 0.0
    trips = 0
    for k in range(1, 50):
        trips += 1
        total_tape.append(total)
        total = total + x ** k / k
        branch = total > limit
        if branch:
            result = total * x
            returned = True
        branch_tape.append(branch)
        if returned:
            break
    if not returned:
        result = total
        returned_1 = True
    # 4: def early_return(x, limit):
    result_bar_1 = 1.0
    # 10: return total
    if not returned:
        total_bar = result_bar_1
        result_bar_1 = 0.0
    else:
        total_bar = 0.0
    # 6: for k in range(1, 50):
    x_bar = 0.0
    for k in reversed(range(1, 50)[:trips]):
        branch = branch_tape.pop()
        # 8: if total > limit:
        if branch:
            # 9: return total * x
            total_bar += result_bar_1 * x
            x_bar += result_bar_1 * total
            result_bar_1 = 0.0
        # 7: total = total + x**k / k
        total = total_tape.pop()
        x_bar += total_bar / k * power_slope(x, k)
    return x_bar
