"""Nested functions that set variables of the function around them (`nonlocal`)."""

import numpy as np

from tests.programs import program


@program((0.7,))
def simple(x):
    total = 0.0

    def add(v):
        nonlocal total
        total += v * x

    for k in range(3):
        add(x + k)
    return total


@program((0.7,))
def returns(x):
    n = 0
    acc = x

    def step(v, w=2.0):
        nonlocal n, acc
        n += 1
        if v > 100:
            return acc
        acc = acc * v + w
        return acc * n

    r = step(x) + step(x * 2) * acc
    while n < 5:
        r += step(r * 0.01)
    return r + step(step(x, w=x))


@program((0.7,))
def chained(x):
    s = 1.0

    def inner(v):
        nonlocal s
        s *= v

    def outer(v):
        inner(v)
        inner(v + 1)
        return s

    return outer(x) * outer(x) + s


@program((0.7,))
def deep(x):
    s = 1.0

    def outer(v):
        t = 0.0

        def inner(u):
            nonlocal s, t
            s *= u
            t += s

        inner(v)
        inner(2 * v)
        return t

    return outer(x) * outer(x + 1) + s


@program((0.7,))
def recursive(x):
    count = 0.0

    def go(n):
        nonlocal count
        count += x * n
        if n <= 0:
            return 1.0
        return x * go(n - 1) + count

    return go(4) * count


@program((np.array([0.7, 0.2, 0.3]),))
def arrays(v):
    state = v * 2.0
    hist = []

    def step(h):
        nonlocal state
        hist.append(np.sum(state))
        state = state - h * state**2

    for _ in range(3):
        step(0.1)
    return np.sum(state) + sum(hist)


@program((0.7,))
def comp(x):
    t = 0.0

    def bump(v):
        nonlocal t
        t += v
        return t * x

    return sum([bump(x * k) for k in range(3)]) + t


@program((0.7,))
def cond(x):
    t = 0.0

    def ok(v):
        nonlocal t
        t += v
        return t > 1.0

    r = x
    for k in range(5):
        if ok(r) and k > 1:
            r *= 2.0
        else:
            r += x
    return r + t


@program((0.7,))
def starred(x):
    t = 0.0

    def f(*vs, **kw):
        nonlocal t
        for v in vs:
            t += v * kw["k"]

    f(x, x * x, k=2.0)
    return t


@program((0.7,), marks="refusable")
def set_in_a_try(x):
    total = 0.0

    def add(v):
        nonlocal total
        total += v
        if total > 1.0:
            raise ValueError

    try:
        add(x)
        add(x)
    except ValueError:
        total *= x
    return total


@program((0.7,), marks="refusable")
def set_by_a_function_that_is_passed(x):
    total = 0.0

    def add(v):
        nonlocal total
        total += v
        return total

    return sum(map(add, [x, x * x])) + total
