"""Nested functions, captured names, lambdas, functions as values, functools, live globals."""

import functools
import math
import operator
from functools import partial, reduce

import numpy as np

from tests.programs import helpers, normal, program

RATE = 0.5
TABLE = {"low": 0.1, "high": 2.0}
WEIGHTS = np.array([0.5, -1.0, 2.0])


@program((1.5, 0.5))
def nested_function(x, y):
    def inner(t):
        return t * t * y

    return inner(x) + inner(y) * x


@program((1.5, 0.5))
def nested_twice(x, y):
    def outer(t):
        def inner(u):
            return u * t * x

        return inner(t) + inner(y)

    return outer(x * y) * outer(y)


@program((1.5, 0.5))
def captured_value_changes(x, y):
    scale = x

    def scaled(t):
        return scale * t

    first = scaled(y)
    scale = x * y
    second = scaled(y)
    return first * second


@program((1.5, 4), wrt=(0,))
def captured_value_changes_in_a_loop(x, n):
    carry = x

    def step(t):
        return t * carry + 1

    s = 1.0
    for _ in range(n):
        s = step(s)
        carry = carry * 0.9
    return s


@program((1.5, 0.5), marks="refusable")
def nonlocal_counter(x, y):
    total = 0.0

    def add(t):
        nonlocal total
        total = total + t * t

    add(x)
    add(y)
    add(x * y)
    return total * x


@program((1.5,), marks="refusable")
def default_argument_captures_early(x):
    functions = []
    for k in range(3):
        functions.append(lambda t, k=k: t**k * x)
    return functions[0](2.0) + functions[1](x) * functions[2](x)


@program((1.5, 0.5))
def lambdas(x, y):
    f = lambda a, b=y: a * b + x
    g = lambda: x * y
    h = lambda *items: sum(items)
    return f(x) * g() + f(y, b=x) + h(x, y, x * y)


@program((1.5, 0.5))
def function_that_is_returned(x, y):
    def line(slope, intercept):
        def at(t):
            return slope * t + intercept

        return at

    f = line(x, y)
    return f(2.0) * f(x) + line(y, 1.0)(x)


@program((1.5,))
def composition(x):
    def compose(f, g):
        return lambda t: f(g(t))

    h = compose(math.sin, lambda t: t * t)
    return h(x) + compose(h, h)(x)


def make_polynomial(degree):
    def polynomial(x):
        s = 0.0
        for k in range(degree + 1):
            s = s + x**k / (k + 1)
        return s

    return polynomial


program((1.3,), name="closure_of_an_integer")(make_polynomial(3))
program((0.7,), name="another_closure_of_an_integer")(make_polynomial(5))


def make_loss(data, weight):
    def loss(x):
        s = 0.0
        for item in data:
            s = s + weight * (x - item) ** 2
        return s

    return loss


program((1.3,), name="closure_of_data")(make_loss([0.5, 1.0, 4.0], 0.25))
program((0.7, 1.3), name="a_lambda")(lambda x, y: math.exp(x) * y)


@program((1.5, 0.5))
def partials(x, y):
    def quadratic(a, b, t, *, c=0.0):
        return a * t * t + b * t + c

    f = partial(quadratic, x, y)
    g = functools.partial(quadratic, 1.0, b=2.0, c=x)
    return f(2.0) * f(y, c=x) + g(t=y)


@program((1.5, 0.5, 2.0))
def reduces(x, y, z):
    product = reduce(lambda a, b: a * b, [x, y, z])
    chain = functools.reduce(lambda a, b: a * x + b, (y, z, 1.0), 0.5)
    return product + chain * reduce(operator.add, [x, y])


@program((1.5, 0.5))
def operator_functions(x, y):
    return operator.mul(x, y) + operator.sub(x, y) * operator.truediv(x, y) + operator.neg(x) + operator.pow(x, 2)


@program(([0.5, 1.5, 2.0], 0.7))
def maps_and_filters(values, x):
    squares = list(map(lambda t: t * t, values))
    large = sum(filter(lambda t: t > 1, values))
    scaled = sum(map(lambda t, u: t * u * x, values, squares))
    return large * sum(squares) + scaled + sum(map(abs, values)) + max(map(math.sin, values))


@program((1.5,))
def global_constants(x):
    return RATE * x**2 + TABLE["high"] * x + np.sum(WEIGHTS * x) + helpers.SCALE * x + WEIGHTS[1] * x


@program((normal(3),))
def global_array(v):
    return np.dot(WEIGHTS, v**2) + (v * WEIGHTS).max()


@program((1.5,))
def global_in_a_helper(x):
    return helpers.scaled(x) * helpers.through_another(x)


@program((1.5,))
def global_statement(x):
    global RATE
    return x * RATE + x**2


@program((0.7, 3), wrt=(0,))
def recursive_closure(x, n):
    def power(k):
        return 1.0 if k == 0 else x * power(k - 1)

    return power(n) + power(2)


@program((0.7, 0.2), marks="refusable")
def function_in_a_branch(x, y):
    if x > 0.5:

        def f(t):
            return t * x

    else:

        def f(t):
            return t + x

    return f(y) * f(x)


@program((0.7, [1.0, 2.0, 3.0]))
def closure_passed_to_a_helper(x, data):
    def integrate(f, points):
        s = 0.0
        for p in points:
            s += f(p) * 0.5
        return s

    return integrate(lambda t: math.exp(-x * t * t), data) + integrate(math.cos, data)


@program((0.7, 1.5), marks="refusable")
def function_list(x, y):
    layers = [math.tanh, lambda t: t * y, math.exp]
    h = x
    for layer in layers:
        h = layer(h)
    return h


@program((2.0, 0.5))
def newton_of_any_function(a, x0):
    def newton(f, fprime, x):
        for _ in range(6):
            x = x - f(x) / fprime(x)
        return x

    return newton(lambda t: t**3 - a, lambda t: 3 * t * t, 1.5 + 0 * x0) + x0


@program((0.4, 1.2))
def shadowed_names(x, y):
    def f(x):
        y = x * x
        return y + x

    return f(y) * x + f(x) * y
