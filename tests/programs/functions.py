"""Helper functions, arguments of every sort, recursion."""

import math

import numpy as np

from tests.programs import helpers, normal, point, positive, program
from tests.programs.helpers import Normal, apply_twice, horner, polar, softplus
from tests.programs.helpers import square as sq


def double(x):
    return 2 * x


def hyper(x, y):
    return x * x + y * y


def weighted(x, y=2.0, *, scale=1.0):
    return scale * x * y


def total(*terms, start=0.0):
    s = start
    for term in terms:
        s = s + term
    return s


def named(**terms):
    return terms["a"] * terms["b"] + len(terms)


def everything(x, /, y, *rest, scale=2.0, **options):
    s = x * y
    for item in rest:
        s = s + item * scale
    return s * options.get("factor", 1.0)


@program((1.5,))
def calls_a_helper(x):
    return double(x) * x


@program((1.5, 0.5))
def calls_a_helper_many_times(x, y):
    return hyper(x, y) * hyper(y, double(x)) + hyper(x, x)


@program((1.5, 0.5))
def calls_inside_calls(x, y):
    return double(hyper(double(x), double(double(y))))


@program((1.5,))
def helper_of_another_module(x):
    return helpers.square(x) + sq(x + 1) * helpers.through_another(x)


@program((0.5, 1.5))
def helper_that_returns_a_tuple(x, y):
    r, phi = polar(x, y)
    return r * r * phi


@program((0.5, 1.5))
def item_of_a_returned_tuple(x, y):
    return polar(x, y)[0] + polar(y, x)[1] ** 2


@program((0.7, 0.5, 2.0))
def static_method_of_a_class(x, mean, std):
    return Normal.logpdf(x, mean, std) + helpers.Normal.logpdf(std, x, 1.5)


@program((0.7, 2.0))
def defaults_and_keywords(x, y):
    return weighted(x) + weighted(x, y) * weighted(y, scale=x) + weighted(y=x, x=y, scale=x * y)


@program((0.7, 2.0, 0.5))
def star_arguments(x, y, z):
    both = (y, z)
    return total(x, y, z) * total() + total(*both, x * y, start=z) * total(x, *both, *both)


@program((0.7, 2.0))
def star_star_arguments(x, y):
    options = {"y": y, "scale": x}
    terms = {"b": x * y}
    return weighted(x, **options) + named(a=x, b=y) * named(a=y, **terms)


@program((0.7, 2.0, 0.5))
def every_kind_of_argument(x, y, z):
    return everything(x, y) + everything(x, y, z, x, scale=z) * everything(y, x, z, factor=z, other=1)


@program(point(1.5, y=0.5), point(1.5), point(1.5, scale=3.0, y=2.0), wrt=(0,))
def own_defaults(x, y=2.0, *, scale=0.5):
    return x**2 * y + scale * x


@program(point(1.5, scale=0.5, shift=2.0), wrt=(0, "scale"))
def own_keyword_only(x, *, scale, shift=1.0):
    return math.sin(x * scale) + shift * scale


@program((1.5, 0.5, 2.0), (1.5,), (1.5, 3.0))
def own_star_arguments(x, *others):
    s = x * x
    for k, other in enumerate(others):
        s += other**2 * x * (k + 1)
    return s


@program(point(1.5, a=0.5, b=2.0), point(1.5), wrt=(0,))
def own_star_star_arguments(x, **options):
    s = x
    for name, value in options.items():
        s = s * value if name == "a" else s + value * x
    return s


@program((1.5, 0.5))
def own_positional_only(x, /, y):
    return x * y**2


@program((1.1, 5), (1.1, 0), wrt=(0,))
def recursive_power(x, n):
    if n == 0:
        return 1.0
    return x * recursive_power(x, n - 1)


@program((1.1, 10), (0.9, 7), wrt=(0,))
def fast_power(x, n):
    if n == 0:
        return 1.0
    half = fast_power(x * x, n // 2)
    return half * x if n % 2 else half


@program((1.1, 0.7, 6), wrt=(0, 1))
def recursive_fibonacci(a, b, n):
    return a if n == 0 else b if n == 1 else recursive_fibonacci(a, b, n - 1) + recursive_fibonacci(a, b, n - 2) * a


@program((1.1, 5), (1.1, 4), wrt=(0,))
def mutual_even(x, n):
    return x if n == 0 else x * mutual_odd(x + 1, n - 1)


def mutual_odd(x, n):
    return math.sin(x) if n == 0 else x + mutual_even(x * 0.7, n - 1)


@program((((0.5, 1.5), (2.0, (0.3, 0.7))),))
def sum_over_a_tree(tree):
    if isinstance(tree, float):
        return tree**2
    left, right = tree
    return sum_over_a_tree(left) * sum_over_a_tree(right) + sum_over_a_tree(left)


@program((0.8, 3), wrt=(0,))
def tree_of_calls(x, depth):
    if depth == 0:
        return math.sin(x)
    return tree_of_calls(x * 0.9, depth - 1) * tree_of_calls(x + 0.1, depth - 1)


@program((1.7,), (12.0,))
def recursion_on_a_float(x):
    if x < 2:
        return x * x
    return recursion_on_a_float(x / 2) + 1 / x


@program((normal(7),))
def pairwise_sum(v):
    n = len(v)
    if n == 1:
        return v[0] ** 2
    return pairwise_sum(v[: n // 2]) + pairwise_sum(v[n // 2 :])


@program((0.5, 1.5, 1e-3), wrt=(0, 1), marks="once")
def adaptive_simpson(a, b, tolerance):
    def simpson(a, b):
        return (b - a) / 6 * (math.exp(-a * a) + 4 * math.exp(-(((a + b) / 2) ** 2)) + math.exp(-b * b))

    middle = (a + b) / 2
    whole, halves = simpson(a, b), simpson(a, middle) + simpson(middle, b)
    if abs(whole - halves) < tolerance:
        return halves
    return adaptive_simpson(a, middle, tolerance / 2) + adaptive_simpson(middle, b, tolerance / 2)


@program((1.5, 0.5))
def passes_a_function(x, y):
    return apply_twice(math.sin, x) + apply_twice(double, y) * apply_twice(lambda t: t * t + x, y)


@program((1.5, math.exp), (1.5, double), (1.5, np.tanh), wrt=(0,))
def takes_a_function(x, f):
    return f(x) * x


@program((0.5, 4), wrt=(0,))
def chooses_a_function(x, n):
    step = math.sin if n > 3 else math.cos
    table = {"twice": double, "square": sq}
    return step(x) + table["twice"](x) * table["square"](x)


@program((1.2,))
def function_under_another_name(x):
    f = double
    g = math.exp
    h = np.sum
    return f(x) * g(x) + h(np.array([x, x * x]))


@program((1.3, [0.5, -1.0, 2.0]))
def list_passed_to_a_helper(x, coefficients):
    return horner(coefficients, x) + horner([x, 1.0, *coefficients], 0.5)


@program((normal(4),))
def array_helper(v):
    return np.sum(softplus(v)) + softplus(v[0]) * softplus(v).mean()


@program((normal(3, 2), normal(2)))
def affine_helper(w, x):
    def affine(weights, inputs, bias=0.0):
        return weights @ inputs + bias

    hidden = affine(w, x)
    return np.sum(affine(w.T, hidden, bias=x[0]) ** 2)


@program((1.5, 4), wrt=(0,))
def helper_in_a_loop(x, n):
    s = x
    for k in range(n):
        s = hyper(s, x) / (k + 2)
    return s


@program((1.5, 4), wrt=(0,))
def helper_with_a_loop_in_a_loop(x, n):
    s = 0.0
    for k in range(1, n):
        s = s + horner((1.0, s, x), x / k)
    return s


@program((1.5, 0.5), (-1.5, 0.5))
def helper_with_branches_and_returns(x, y):
    def safe(t):
        if t > 0:
            return math.sqrt(t)
        elif t > -1:
            return t * t
        return -t

    return safe(x) * safe(y) + safe(x - y) * safe(-y)


@program((1.5,))
def helper_that_returns_nothing(x):
    def log(value):
        messages.append(f"{value}")

    messages = []
    y = x * x
    log(y)
    return y * x


@program((1.5, 0.5))
def helper_with_an_unused_result(x, y):
    hyper(x, y)
    r, _ = polar(x, y)
    return r * x


@program((1.5,))
def helper_ignores_its_argument(x):
    def seven(t):
        return 7.0

    return seven(x) * x


@program((0.6, 1.4))
def helper_returns_a_dict(x, y):
    def moments(a, b):
        return {"mean": (a + b) / 2, "spread": (a - b) ** 2}

    m = moments(x, y)
    return m["mean"] * m["spread"] + moments(y, x * y)["mean"]


@program((2.0, 5.0))
def same_argument_twice(x, y):
    return hyper(x, x) * weighted(y, y) + hyper(y=x, x=y)


@program((positive(3), positive(3, seed=1)))
def gammaln_by_stirling(a, b):
    def gammaln(z):
        return (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + 1 / (12 * z)

    return np.sum(gammaln(a + 3) + gammaln(b + 3) - gammaln(a + b + 6))


@program(((0.3, (0.5, None)), 0.9))
def a_nested_function_that_ends_in_a_constant(chain, decay):
    def total(node):
        if node is None:
            return 0.0
        v, rest = node
        return v**2 * decay + total(rest)

    return total(chain)
