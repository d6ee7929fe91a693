"""A function that calls itself."""


def recursive_power(x, n):
    if n == 0:
        return 1.0
    half = recursive_power(x, n // 2)
    if n % 2 == 0:
        return half * half
    return half * half * x


ARGNUMS = 0
ARGUMENTS = (1.3, 11)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def recursive_power_forward(x, n):
    """Forward sweep of recursive_power (recursive_power.py:4); returns its result and what recursive_power_adjoint needs."""
    recursive_power_saved = None
    half = None
    if n == 0:
        result = 1.0
    else:
        recursive_power_1, recursive_power_saved = recursive_power_forward(x, n // 2)
        half = recursive_power_1
        if n % 2 == 0:
            result = half * half
        else:
            result = half * half * x
    return result, (x, n, recursive_power_saved, half)


def recursive_power_adjoint(saved, result_bar):
    """Reverse sweep of recursive_power: the adjoint of x from that of its result."""
    x, n, recursive_power_saved, half = saved
    # 4: def recursive_power(x, n):
    result_bar_1 = result_bar
    # 5: if n == 0:
    if n == 0:
        x_bar = 0.0
    else:
        # 8: if n % 2 == 0:
        if n % 2 == 0:
            # 9: return half * half
            half_bar = result_bar_1 * 2 * half
            x_bar = 0.0
        else:
            # 10: return half * half * x
            product_bar = result_bar_1 * x
            half_bar = product_bar * 2 * half
            x_bar = result_bar_1 * (half * half)
        # 7: half = recursive_power(x, n // 2)
        recursive_power_1_bar = half_bar
        x_bar_1 = recursive_power_adjoint(recursive_power_saved, recursive_power_1_bar)
        x_bar += x_bar_1
    return x_bar


def recursive_power_value_and_grad(x, n):
    """The value and the gradient of recursive_power (recursive_power.py:4)."""
    recursive_power_saved = None
    half = None
    if n == 0:
        result = 1.0
    else:
        recursive_power_1, recursive_power_saved = recursive_power_forward(x, n // 2)
        half = recursive_power_1
        if n % 2 == 0:
            result = half * half
        else:
            result = half * half * x
    # 4: def recursive_power(x, n):
    result_bar_1 = 1.0
    # 5: if n == 0:
    if n == 0:
        x_bar = 0.0
    else:
        # 8: if n % 2 == 0:
        if n % 2 == 0:
            # 9: return half * half
            half_bar = result_bar_1 * 2 * half
            x_bar = 0.0
        else:
            # 10: return half * half * x
            product_bar = result_bar_1 * x
            half_bar = product_bar * 2 * half
            x_bar = result_bar_1 * (half * half)
        # 7: half = recursive_power(x, n // 2)
        recursive_power_1_bar = half_bar
        x_bar_1 = recursive_power_adjoint(recursive_power_saved, recursive_power_1_bar)
        x_bar += x_bar_1
    return result, x_bar


def recursive_power_grad(x, n):
    """The gradient of recursive_power (recursive_power.py:4): both sweeps in one."""
    recursive_power_saved = None
    half = None
    if n == 0:
        result = 1.0
    else:
        recursive_power_1, recursive_power_saved = recursive_power_forward(x, n // 2)
        half = recursive_power_1
        if n % 2 == 0:
            result = half * half
        else:
            result = half * half * x
    # 4: def recursive_power(x, n):
    result_bar_1 = 1.0
    # 5: if n == 0:
    if n == 0:
        x_bar = 0.0
    else:
        # 8: if n % 2 == 0:
        if n % 2 == 0:
            # 9: return half * half
            half_bar = result_bar_1 * 2 * half
            x_bar = 0.0
        else:
            # 10: return half * half * x
            product_bar = result_bar_1 * x
            half_bar = product_bar * 2 * half
            x_bar = result_bar_1 * (half * half)
        # 7: half = recursive_power(x, n // 2)
        recursive_power_1_bar = half_bar
        x_bar_1 = recursive_power_adjoint(recursive_power_saved, recursive_power_1_bar)
        x_bar += x_bar_1
    return x_bar
