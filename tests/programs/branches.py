"""if, elif, else: what the branches assign, leave alone and return."""

import math

import numpy as np

from tests.programs import normal, program


@program((2.0,), (0.5,), (-1.0,))
def if_elif_else(x):
    if x > 1:
        y = x**2
    elif x > 0:
        y = math.sin(x)
    else:
        y = math.exp(x)
    return y * x


@program((2.0, 1.0), (-2.0, 1.0))
def if_without_else(x, y):
    if x > 0:
        y = x * y
    return y + x * x


@program((2.0, 1.0), (2.0, 3.0), (-2.0, 1.0), (-2.0, 3.0))
def nested_ifs(x, y):
    z = x + y
    if x > 0:
        if y > 2:
            z = z * x
        else:
            z -= y
    else:
        z = z / y
        if y > 2:
            z *= z
    return z * y


@program((1.5, True), (1.5, False), wrt=(0,))
def branch_on_a_flag(x, square):
    if square:
        x = x * x
    return math.sin(x)


@program((1.5, "l1"), (1.5, "l2"), (-1.5, "huber"), (0.2, "huber"), wrt=(0,))
def branch_on_a_string(x, kind):
    if kind == "l1":
        loss = abs(x)
    elif kind == "l2":
        loss = x * x / 2
    else:
        loss = x * x / 2 if abs(x) < 1 else abs(x) - 0.5
    return loss


@program((1.5, None), (1.5, 0.3), wrt=(0,))
def branch_on_none(x, damping):
    if damping is None:
        damping = 0.1 * x
    return x * damping


@program((2.0, 3.0), (3.0, 2.0))
def both_branches_overwrite(x, y):
    t = x * y
    if x > y:
        t = t * x
        x = t - y
    else:
        t = t + y
        y = t * x
    return t * x + y


@program((0.5,), (1.5,), (2.5,), (3.5,))
def condition_on_what_a_branch_changed(x):
    y = x
    if x > 1:
        y = y * 2
    if y > 4:
        y = y * x
    if y > 10:
        y -= x**2
    return y * y


@program((2.0,), (-2.0,))
def constant_in_one_branch(x):
    if x > 0:
        y = 1.0
    else:
        y = x
    return y * x


@program((2.0, 0.5), (-2.0, 0.5))
def active_in_one_branch_only(x, y):
    scale = 3.0
    if x > 0:
        scale = y * y
    return scale * x


@program((2.0,), (-2.0,))
def name_bound_in_one_branch_only(x):
    if x > 0:
        extra = x * x
    result = x
    if x > 0:
        result += extra
    return result * x


@program((2.0,), (0.3,))
def branch_assigns_a_tuple(x):
    if x > 1:
        pair = x, x * x
    else:
        pair = x * x, 1.0
    a, b = pair
    return a * b + a


@program((normal(4),), (-np.abs(normal(4)),))
def branch_on_an_array_sum(v):
    if np.sum(v) > 0:
        return np.sum(v**2)
    return np.sum(v**3)


@program((normal(4),), (np.abs(normal(4)) + 0.1,))
def branch_on_all_and_any(v):
    total = np.sum(v)
    if np.all(v > 0):
        total = total + np.sum(np.log(v))
    if (v < -0.1).any():
        total = total * v[0]
    return total


@program((0.3,), (0.9,), (1.7,))
def piecewise_function(x):
    if x < 0.5:
        return x
    elif x < 1:
        return 2 * x**2
    elif x < 1.5:
        return x**3
    return math.sqrt(x)


@program((1.0, 2.0, 3.0), (3.0, 2.0, 1.0), (2.0, 3.0, 1.0))
def sort_of_three_by_swaps(a, b, c):
    if a > b:
        a, b = b, a
    if b > c:
        b, c = c, b
    if a > b:
        a, b = b, a
    return a + 10 * b * b + 100 * c**3


@program((1.0, -3.0, 2.0), (1.0, 2.0, 5.0))
def roots_of_a_quadratic(a, b, c):
    if a == 0:
        return -c / b + 0 * a
    discriminant = b * b - 4 * a * c
    if discriminant >= 0:
        root = math.sqrt(discriminant)
        low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
        return low * low + 3 * high
    else:
        return -b / (2 * a) + math.sqrt(-discriminant) / (2 * a)


@program((4.0, 3.0), (-4.0, 3.0))
def branch_inside_a_conditional(x, y):
    z = (x if y > 0 else y) * (y if x > 0 else x)
    if z > 0:
        z = z if z < 1 else z + x
    return z


@program((0.5, 2.0), (1.5, 2.0))
def branch_with_pass(x, y):
    if x > 1:
        pass
    else:
        y = y * x
    if x > 100:
        y = 0.0
    elif x > 50:
        pass
    return x * y


@program((1.2, 3), (1.2, 4), wrt=(0,))
def recursion_of_branches(x, n):
    y = x
    if n % 2:
        y = y * x
        if n > 2:
            y = y + x
            if n > 3:
                y = y**2
    else:
        if n > 3:
            y = y / 2 + x * y
    return y


@program((0.4,), (-0.4,), (3.0,))
def clamp(x):
    low, high = 0.0, 1.0
    if x < low:
        x = low
    if x > high:
        x = high
    return x * x + 2 * x
