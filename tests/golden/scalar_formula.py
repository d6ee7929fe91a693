"""A formula of numbers: nothing is stored but its local partials."""

import math


def scalar_formula(x, a):
    return -math.log(1 / (1 + math.exp(-a * x))) + x**3 / a


ARGNUMS = (0, 1)
ARGUMENTS = (0.7, 3.0)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def scalar_formula_forward(x, a):
    """Forward sweep of scalar_formula (scalar_formula.py:6); returns its result and what scalar_formula_adjoint needs."""
    exp = math.exp(-a * x)
    total = 1 + exp
    quotient = 1 / total
    quotient_1 = x ** 3 / a
    return -math.log(quotient) + quotient_1, (x, a, exp, total, quotient, quotient_1)


def scalar_formula_adjoint(saved, result_bar):
    """Reverse sweep of scalar_formula: the adjoint of x, a from that of its result."""
    x, a, exp, total, quotient, quotient_1 = saved
    # 7: return -math.log(1 / (1 + math.exp(-a * x))) + x**3 / a
    total_bar = result_bar / quotient * quotient / total
    product_bar = total_bar * exp
    a_bar = -product_bar * x
    x_bar = product_bar * -a
    x_bar += result_bar / a * 3 * x * x
    a_bar -= result_bar * quotient_1 / a
    return x_bar, a_bar


def scalar_formula_value_and_grad(x, a):
    """The value and the gradient of scalar_formula (scalar_formula.py:6)."""
    exp = math.exp(-a * x)
    total = 1 + exp
    quotient = 1 / total
    quotient_1 = x ** 3 / a
    result = -math.log(quotient) + quotient_1
    # 7: return -math.log(1 / (1 + math.exp(-a * x))) + x**3 / a
    total_bar = 1.0 / quotient * quotient / total
    product_bar = total_bar * exp
    a_bar = -product_bar * x
    x_bar = product_bar * -a
    x_bar += 1.0 / a * 3 * x * x
    a_bar -= quotient_1 / a
    return result, (x_bar, a_bar)


def scalar_formula_grad(x, a):
    """The gradient of scalar_formula (scalar_formula.py:6): both sweeps in one."""
    exp = math.exp(-a * x)
    total = 1 + exp
    quotient = 1 / total
    quotient_1 = x ** 3 / a
    # 7: return -math.log(1 / (1 + math.exp(-a * x))) + x**3 / a
    total_bar = 1.0 / quotient * quotient / total
    product_bar = total_bar * exp
    a_bar = -product_bar * x
    x_bar = product_bar * -a
    x_bar += 1.0 / a * 3 * x * x
    a_bar -= quotient_1 / a
    return x_bar, a_bar
