"""Variables and tables that hold one of several functions."""

import math

import numpy as np

from tests.programs import program

TABLE = {"relu": lambda z: max(z, 0.0), "sq": lambda z: z * z, "tanh": math.tanh}


@program(
    (
        0.7,
        "tanh",
    ),
    (
        0.7,
        "sq",
    ),
)
def acts_global(x, kind):
    return TABLE[kind](x) * x


@program(
    (
        0.7,
        0.3,
        ["scale", "sin", "shift", "scale"],
    )
)
def captured_table(x, w, names):
    ops = {"scale": lambda z: z * w, "shift": lambda z, k=2.0: z + k * w, "sin": np.sin}
    for n in names:
        x = ops[n](x)
    return x


@program(
    (
        0.7,
        0.3,
    )
)
def list_table(x, w):
    steps = [lambda z: z * w, lambda z: z - w**2]
    for k in range(5):
        x = steps[k % 2](x) + steps[(k + 1) % 2](w)
    return x


@program(
    (
        0.7,
        0.3,
    )
)
def in_loop(x, w):
    for k in range(4):
        if k % 2:

            def f(z):
                return z * w * k
        else:

            def f(z):
                return z + w + k

        x = f(x)
        w = w * 1.1
    return x


@program((0.7,))
def redefined(x):
    def f(z):
        return z * z

    a = f(x)

    def f(z):
        return z + a

    return f(x) * a


@program(
    (
        0.7,
        True,
    )
)
def inner_calls(x, c):
    g = (lambda z: z * z) if c else (lambda z: z + 1)

    def twice(v):
        return g(g(v)) * x

    return twice(x) + g(twice(x))


@program((0.7,))
def self_choice(x):
    g = lambda z: z * z
    if g(x) > 0.3:
        g = lambda z: z * 3.0 * x
    return g(x)


@program(
    (
        0.7,
        3,
    )
)
def key_call(x, k):
    ops = [lambda z: z * x, lambda z: z + x]

    def idx(i):
        return i % 2

    return ops[idx(k)](x)


@program(
    (
        np.ones(3),
        "dhd",
    ),
    marks="first",
)
def writes(v, mode):
    def double(a):
        a *= 2.0

    def half(a):
        a *= 0.5

    ops = {"d": double, "h": half}
    u = v * 1.0
    for m in mode:
        ops[m](u)
    return np.sum(u**2)


@program(
    (
        0.7,
        True,
    ),
    marks="refusable",
)
def used_as_value(x, c):
    g = (lambda z: z * z) if c else (lambda z: z + 1)
    return sum(map(g, [x, x * 2]))


@program(
    (
        0.7,
        True,
    ),
    marks="first",
)
def rec(x, c):
    if c:

        def f(n):
            return x if n == 0 else f(n - 1) * x
    else:

        def f(n):
            return x

    return f(3)
