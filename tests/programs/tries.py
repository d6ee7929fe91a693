"""Loops and branches inside of `try`: an exception may end them midway."""

import contextlib
import math

import numpy as np

from tests.programs import normal, program


class Diverged(ArithmeticError):
    """What a solver raises."""


def positive(x):
    """Newton's method for the square root, which complains of what has none."""
    if x < 0:
        raise ValueError("no square root")
    y = 1.0 + x
    for _ in range(6):
        y = 0.5 * (y + x / y)
    return y


def mean_ratio(v, w):
    total = 0.0
    for a, b in zip(v, w):
        total = total + a / b
    return total / len(v)


def spread_out(v):
    return np.outer(v, v)


@program((0.5, 6), (3.0, 6))
def fixed_point_or_fallback(x, n):
    y = x
    try:
        for _ in range(n):
            y = y * y + 0.1 * x
            if y > 50:
                raise Diverged
    except Diverged:
        y = math.log(x)
    return y * x


@program((0.5, 6), (3.0, 6))
def what_was_there_before_is_read_later(x, n):
    y = x * x
    z = y * x
    try:
        for k in range(n):
            y = y * y + 0.1 * x + 0.01 * k
            if y > 50:
                raise Diverged
        z = z * y
    except Diverged:
        y = math.sin(z)
    return y * z * x


@program((2.0,), (-2.0,), (0.0,))
def branch_inside_a_try(x):
    try:
        if x > 1:
            y = x * math.log(x)
        else:
            y = math.sqrt(x + 1) * x
    except ValueError:
        y = x**3
    return y * y + x


@program((2.0,), (-0.5,))
def choice_inside_a_try(x):
    try:
        y = math.log(x) if x < 3 else x * x
    except ValueError:
        y = x * x
    return y * x


@program((2.0, (1.0, 2.0)), (2.0, (1.0, 0.0)), wrt=(0,))
def comprehension_inside_a_try(x, divisors):
    try:
        parts = [x * x / d for d in divisors]
        total = sum(parts)
    except ZeroDivisionError:
        total = x * len(divisors)
    return total * x


@program((normal(3, 3),), (-normal(3, 3) @ normal(3, 3).T,))
def cholesky_with_jitter(a):
    jitter = 1e-3
    m = a @ a.T * 0.1 - 0.05 * np.eye(3)
    for _ in range(6):
        try:
            factor = np.linalg.cholesky(m + jitter * np.eye(3))
            break
        except np.linalg.LinAlgError:
            jitter *= 10
    return np.sum(np.log(np.diag(factor))) * jitter


@program((normal(3, 3),))
def cholesky_with_jitter_that_is_differentiated(a):
    m = a @ a.T * 0.1 - 0.05 * np.eye(3)
    jitter = 1e-3 * np.trace(a @ a.T)
    logdet = 0.0
    for _ in range(6):
        try:
            factor = np.linalg.cholesky(m + jitter * np.eye(3))
            total = 0.0
            for k in range(3):
                total = total + 2 * np.log(factor[k, k])
            logdet = total
            break
        except np.linalg.LinAlgError:
            jitter = jitter * 10
    return logdet * jitter


@program((2.0, ["1.5", "3"]), (2.0, ["1.5", "no", "3"]), wrt=(0,))
def parse_or_default(x, texts):
    scale = x
    try:
        for text in texts:
            scale = scale * float(text) + x
    except ValueError:
        scale = 0.5 * x
    return scale * x


@program((2.0, ["1.5", "no", "3", "?", "2"]), wrt=(0,))
def parse_each_or_default(x, texts):
    total = x
    for text in texts:
        try:
            term = x
            for k in range(2):
                term = term * x + float(text) * k
        except ValueError:
            term = x * x
            for k in range(3):
                term = term * 0.5 + total * 0.1
        total = total * 0.9 + term
    return total * x


@program(([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]), ([1.0, 2.0, 3.0], [1.0, 0.0, 4.0]), wrt=(0,))
def division_by_zero_in_a_helper(v, w):
    try:
        r = 1.0
        for _ in range(2):
            r = r * mean_ratio(v, w) ** 2
        y = r + v[0]
    except ZeroDivisionError:
        y = v[0] * v[1]
    return y * v[2]


@program((2.0, -1.0), (-1.0, 2.0), (2.0, 3.0))
def nested_tries(x, y):
    try:
        a = x
        try:
            for _ in range(2):
                a = a * positive(x)
        except ValueError:
            a = x * x * y
        for _ in range(2):
            a = a * positive(y)
    except ValueError:
        a = x * y + y * y
    return a * x


@program((2.0, 1.0), (0.5, 1.0), (-3.0, 1.0))
def else_and_finally(x, y):
    total = y
    try:
        z = x
        for k in range(3):
            z = z * math.sqrt(x + k)
    except ValueError:
        total = total * x
    else:
        for _ in range(2):
            total = total * z
    finally:
        total = total + y * x
    return total * total


@program((2.0, 5), (0.5, 5))
def tries_in_a_loop_share_tapes(x, n):
    s = x
    for k in range(n):
        t = s
        try:
            for j in range(3):
                t = t * s + math.sqrt(x + 1.2 - 0.5 * k) * j
                t = math.sin(t)
        except ValueError:
            t = math.cos(s)
        for _ in range(2):
            t = 0.2 * t * t + 0.1 * s
        s = 0.5 * s + 0.3 * t
    return s


@program((2.0,), (0.5,))
def suppressed_loop(x):
    y = x
    with contextlib.suppress(ZeroDivisionError):
        z = x
        for k in range(3):
            z = z * x / (2 - k if x > 1 else 1)
        y = z * x
    return y * x


@program((normal(4),), (normal(4) * 10,))
def array_written_in_a_try(v):
    base = np.sum(v * v)
    try:
        u = v.copy()
        for k in range(1, 4):
            u[k] = u[k] * u[k - 1] + base
            if u[k] > 30:
                raise Diverged
        y = np.sum(u * u)
    except Diverged:
        y = np.sum(np.sin(v))
    return y * base


@program((normal(4),), (normal(4) * 10,))
def arrays_and_helpers(v):
    m = np.eye(4)
    try:
        for _ in range(2):
            m = spread_out(v) @ m * 0.5
            if np.max(np.abs(m)) > 1e3:
                raise Diverged("too large")
    except Diverged:
        m = np.outer(v, np.cos(v))
    return np.sum(m * m) + np.sum(v * m[0])


@program((2.0,), (-2.0,))
def while_loop_until_it_is_done(x):
    y, k = x, 0
    try:
        while True:
            y = y - (y * y - x) / (2 * y)
            k += 1
            if k > 5:
                break
            if y * x < -1:
                raise Diverged
        y = y * x
    except ArithmeticError:
        y = x * x
    return y * x


@program((2.0,), (-0.5,))
def return_out_of_a_try_with_a_loop(x):
    try:
        y = x
        for k in range(4):
            y = y * math.log(x + 1.5 - 0.3 * k)
        return y
    except ValueError:
        return x * x


@program((2.0, 4), (0.4, 4))
def list_grown_in_a_try(x, n):
    try:
        rows = []
        for k in range(n):
            rows.append(x * math.log(x + 1 - 0.4 * k))
        total = 0.0
        for row in rows:
            total = total + row * row
        y = total
    except ValueError:
        y = x**3
    return y * x


@program((0.5,), (1.7,), marks="first")
def array_of_before_is_written_in_a_try(x):
    u = np.ones(4) * x
    s = np.sum(u * u * u)
    t = x
    for j in range(3):
        try:
            for k in range(4):
                u[k] = u[k] * x * s
                if u[k] * k * (j + 1) > 4:
                    raise Diverged
            s = 0.1 * np.sum(u)
        except Diverged:
            s = s * x * 0.1
        u = np.ones(4) * s
        t = t + 0.1 * s
    return t


def filled(u, x):
    u[0] = x * x
    if u[0] > 1:
        raise Diverged
    u[1] = x


@program((2.0,), (0.5,), marks="first")
def helper_that_writes_in_a_try(x):
    u = x * np.ones(2)
    s = u[0] * u[1]
    try:
        filled(u, x)
        s = s + u[1]
    except Diverged:
        s = s * x
    return s


@program((2.4,), (0.5,), (0.9,))
def one_exception_for_another(x):
    y = x
    try:
        try:
            for k in range(3):
                y = y * math.sqrt(x - 0.3 * k)
        except ValueError:
            raise Diverged from None
        z = y * 2
    except Diverged:
        z = x**3
    return z * x


@program((0.5,), (0.9,))
def continue_else_and_finally_in_a_loop(x):
    s = x
    for j in range(4):
        try:
            t = s
            if j == 2 and x < 0.7:
                raise Diverged
            for k in range(2):
                t = t * math.cos(s + k)
        except Diverged:
            continue
        else:
            s = s + t * x
        finally:
            s = s * 1.1
    return s


@program((1.7,), (0.4,))
def tried_again_with_half_the_step(x):
    step, y = 1.0, x
    while True:
        try:
            w = y
            for _ in range(3):
                w = w * math.sqrt(2 - step * w)
            y = w
            break
        except ValueError:
            step = step * 0.5
            y = y * 0.9
    return y * x
