"""A `while` loop with a `break`: the derivative of a square root by Newton's method."""


def newton_root(a):
    x = 0.5 * (1.0 + a)
    steps = 0
    while steps < 20:
        change = 0.5 * (a / x - x)
        x = x + change
        if abs(change) < 1e-12:
            break
        steps += 1
    return x


ARGNUMS = 0
ARGUMENTS = (2.5,)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def newton_root_forward(a):
    """Forward sweep of newton_root (newton_root.py:4); returns its result and what newton_root_adjoint needs."""
    x_tape = []
    x = 0.5 * (1.0 + a)
    steps = 0
    stop = False
    trips = 0
    while steps < 20:
        trips += 1
        change = 0.5 * (a / x - x)
        x_tape.append(x)
        x = x + change
        branch = abs(change) < 1e-12
        if branch:
            stop = True
        else:
            steps = steps + 1
        if stop:
            break
    return x, (a, trips, x_tape)


def newton_root_adjoint(saved, result_bar):
    """Reverse sweep of newton_root: the adjoint of a from that of its result."""
    a, trips, x_tape = saved
    x_tape = x_tape.copy()
    # 13: return x
    x_bar = result_bar
    # 7: while steps < 20:
    a_bar = 0.0
    for _ in range(trips):
        # 9: x = x + change
        x = x_tape.pop()
        change_bar = x_bar
        # 8: change = 0.5 * (a / x - x)
        difference_bar = change_bar * 0.5
        a_bar += difference_bar / x
        x_bar -= difference_bar * (a / x) / x
        x_bar -= difference_bar
    # 5: x = 0.5 * (1.0 + a)
    a_bar += x_bar * 0.5
    return a_bar


def newton_root_value_and_grad(a):
    """The value and the gradient of newton_root (newton_root.py:4)."""
    x_tape = []
    x = 0.5 * (1.0 + a)
    steps = 0
    stop = False
    trips = 0
    while steps < 20:
        trips += 1
        change = 0.5 * (a / x - x)
        x_tape.append(x)
        x = x + change
        branch = abs(change) < 1e-12
        if branch:
            stop = True
        else:
            steps = steps + 1
        if stop:
            break
    result = x
    # 13: return x
    x_bar = 1.0
    # 7: while steps < 20:
    a_bar = 0.0
    for _ in range(trips):
        # 9: x = x + change
        x = x_tape.pop()
        change_bar = x_bar
        # 8: change = 0.5 * (a / x - x)
        difference_bar = change_bar * 0.5
        a_bar += difference_bar / x
        x_bar -= difference_bar * (a / x) / x
        x_bar -= difference_bar
    # 5: x = 0.5 * (1.0 + a)
    a_bar += x_bar * 0.5
    return result, a_bar


def newton_root_grad(a):
    """The gradient of newton_root (newton_root.py:4): both sweeps in one."""
    x_tape = []
    x = 0.5 * (1.0 + a)
    steps = 0
    stop = False
    trips = 0
    while steps < 20:
        trips += 1
        change = 0.5 * (a / x - x)
        x_tape.append(x)
        x = x + change
        branch = abs(change) < 1e-12
        if branch:
            stop = True
        else:
            steps = steps + 1
        if stop:
            break
    # 13: return x
    x_bar = 1.0
    # 7: while steps < 20:
    a_bar = 0.0
    for _ in range(trips):
        # 9: x = x + change
        x = x_tape.pop()
        change_bar = x_bar
        # 8: change = 0.5 * (a / x - x)
        difference_bar = change_bar * 0.5
        a_bar += difference_bar / x
        x_bar -= difference_bar * (a / x) / x
        x_bar -= difference_bar
    # 5: x = 0.5 * (1.0 + a)
    a_bar += x_bar * 0.5
    return a_bar
