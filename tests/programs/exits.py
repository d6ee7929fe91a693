"""break, continue, else of loops, early returns."""

import math

import numpy as np

from tests.programs import normal, program


@program((1.2, 10), (0.4, 10), (1.2, 0), wrt=(0,))
def break_when_large(x, n):
    s = 1.0
    for k in range(n):
        s = s * (1 + x)
        if s > 20:
            break
        s += x / (k + 1)
    return s


@program((0.8, 7), wrt=(0,))
def continue_on_odd(x, n):
    s = 0.0
    for k in range(n):
        if k % 2:
            continue
        s = s * x + k
    return s + x


@program((0.8, 7), wrt=(0,))
def continue_after_a_change(x, n):
    s = x
    for k in range(n):
        s = s * x
        if s < 0.3:
            s = s + 1
            continue
        s = math.sqrt(s)
    return s


@program((0.8, 9), (0.2, 9), wrt=(0,))
def break_and_continue(x, n):
    s = 0.0
    for k in range(1, n):
        if k % 3 == 1:
            continue
        s += x**k * k
        if s > 1.5:
            break
        s *= 1.1
    return s * x


@program((1.2, 5), (0.01, 5), wrt=(0,))
def for_else(x, n):
    s = 0.0
    for k in range(n):
        s += x * k
        if s > 3:
            s = s * x
            break
    else:
        s = s - x**2
    return s


@program((1.2,), (0.3,))
def while_else(x):
    k = 0
    while k < 4:
        x = x * 1.3 + k / 10
        if x > 2.5:
            break
        k += 1
    else:
        x = x**3
    return x * x


@program((1.3,), (0.2,))
def while_true(x):
    s = x
    while True:
        s = s * 1.5 + x
        if s > 10:
            break
    return s


@program((1.3,), (0.4,))
def while_true_with_two_breaks(x):
    s, k = x, 0
    while True:
        s = s + math.sin(s)
        if s > 2.9:
            s = s * x
            break
        k += 1
        if k == 4:
            s = s / x
            break
    return s


@program((1.1, 4, 5), (0.3, 4, 5), wrt=(0,))
def breaks_in_nested_loops(x, n, m):
    s = x
    for i in range(n):
        for j in range(m):
            if j > i + 1:
                break
            s = s + x * j / 3
        if s > 4:
            break
        s = s * 1.2
    return s


@program((0.9, 4, 4), wrt=(0,))
def continues_in_nested_loops(x, n, m):
    s = x
    for i in range(n):
        if i == 2:
            continue
        for j in range(m):
            if (i + j) % 2:
                continue
            s = s + math.cos(s * j) * x
    return s


@program((1.2, 4), (0.1, 4), wrt=(0,))
def else_breaks_the_outer_loop(x, n):
    s = x
    for i in range(n):
        for j in range(3):
            s = s + x**2 / (j + 1)
            if s > 2:
                break
        else:
            s = s * 1.5
            continue
        s = s - x
        break
    else:
        s = s + 10 * x
    return s


@program((0.9, 4), (3.0, 4), wrt=(0,))
def both_kinds_in_both_loops(x, n):
    s = 0.0
    for i in range(n):
        t = x
        k = 0
        while k < 5:
            k += 1
            if k == i:
                continue
            t = t * 1.1 + x * k / 10
            if t > 5:
                break
        if t > 8:
            break
        if i == 1:
            continue
        s += t * t
    return s


@program((2.0,), (0.5,), (-1.0,))
def early_returns(x):
    if x > 1:
        return x * x
    if x > 0:
        return math.exp(x)
    y = x * 3
    return y - x**2


@program((2.0,), (-2.0,))
def the_only_returns_are_in_branches(x):
    if x > 0:
        return x**3
    else:
        return -x


@program((1.5, 6), (0.4, 6), wrt=(0,))
def return_inside_a_for(x, n):
    s = x
    for k in range(n):
        s = s * (1 + x / 2)
        if s > 4:
            return s * k + x
    return s


@program((1.5,), (0.45,))
def return_inside_a_while(x):
    s = x
    while s < 100:
        s = s * 2 + x
        if s > 6 and x < 1:
            return s**2
    return s


@program((1.5,), (0.6,))
def return_inside_while_true(x):
    k = 1
    term = x
    while True:
        term = term * x / 2
        if term < 1e-2 or k > 5:
            return term * k + x
        k += 1


@program((1.5, 3, 4), (0.3, 3, 4), wrt=(0,))
def return_inside_nested_loops(x, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m):
            s = s + x * (i + 1) / (j + 1)
            if s > 5:
                return s * x
        s = s * 1.1
    return s - x


@program((1.5, 1.0), (1.5, -1.0), (-1.5, 1.0), (-1.5, -1.0))
def returns_inside_nested_ifs(x, y):
    z = x * y
    if x > 0:
        if y > 0:
            return z * x
        z = z + 1
    else:
        if y > 0:
            z = z - y
        else:
            return z / y
    return z * z


@program((1.5, 4), (0.9, 4), wrt=(0,))
def return_continue_and_break(x, n):
    s = x
    for k in range(n):
        if k == 1:
            continue
        s = s * x + 0.1
        if s > 5:
            return s
        if s < 0.5:
            break
    else:
        return s * 100
    return s**2


@program((0.7, 3), wrt=(0,))
def return_in_a_loop_else(x, n):
    for k in range(n):
        x = x * 1.2
        if x > 10:
            break
    else:
        return x**3
    return x


@program((normal(5),), (-np.abs(normal(5)),))
def first_positive(v):
    for item in v:
        if item > 0:
            return item**2
    return np.sum(v)


@program((normal(6), 0.5), (normal(6), 100.0))
def search_keeps_the_position(v, threshold):
    position = -1
    s = 0.0
    for k, item in enumerate(v):
        s += item**2
        if s > threshold:
            position = k
            break
    return s * v[position] + threshold * s


@program((1.4,))
def code_after_a_return(x):
    return x * x
    x = x * 100
    return x


@program((1.4, 0.5), (0.4, 0.5))
def return_of_an_expression_with_calls(x, y):
    if x > 1:
        return math.sin(x) * math.exp(y) if y > 0 else x
    return max(x, y) * min(x, y) + x


@program((2.0, 10), (0.5, 10), wrt=(0,))
def flag_ends_the_loop(x, n):
    s, done, k = x, False, 0
    while not done and k < n:
        s = s * x - 0.1
        k += 1
        done = s > 30 or s < 0.01
    return s


@program((0.7, [1.0, 2.0, None, 4.0]), wrt=(0,))
def skips_missing_items(x, data):
    s = 0.0
    for item in data:
        if item is None:
            continue
        s += (item - x) ** 2
    return s
