"""Comprehensions and generator expressions."""

import math

import numpy as np

from tests.programs import normal, program


@program((1.2, 5), (1.2, 0), wrt=(0,))
def sum_of_a_generator(x, n):
    return sum(x**k / (k + 1) for k in range(n)) + 0.5


@program((normal(5),))
def sum_over_items(v):
    return sum(item * item for item in v) + sum([math.sin(item) for item in v])


@program((normal(5),))
def maximum_and_minimum(v):
    return max(item * item for item in v) * min(math.exp(item) for item in v) + max(v) * min(v)


@program(([0.5, -1.5, 2.0],))
def maximum_by_a_key(values):
    return max(values, key=abs) ** 2 + min(values, key=lambda t: (t - 0.4) ** 2) + max([], default=1.0)


@program((1.2, [0.5, 1.5, -2.0]))
def filtered(x, values):
    positive = [v * x for v in values if v > 0]
    return sum(positive) + sum(v**2 for v in values if v > 0 if v < 1) + len(positive) * x


@program((1.2, [0.5, 1.5], [2.0, 3.0, 4.0]))
def two_loops_in_one(x, a, b):
    return sum(u * v * x for u in a for v in b if u * v > 1.2)


@program((1.2, 3), wrt=(0,))
def nested_lists(x, n):
    table = [[x ** (i + j) for j in range(i + 1)] for i in range(n)]
    return sum(sum(row) for row in table) + table[2][1]


@program((1.2, 0.5))
def dict_comprehension(x, y):
    table = {name: value**2 for name, value in [("a", x), ("b", y), ("c", x * y)]}
    return table["a"] * table["c"] + sum(table.values())


@program(({"a": 0.5, "b": 2.0},))
def dict_from_a_dict(parameters):
    scaled = {name: 2 * value for name, value in parameters.items() if name != "c"}
    return sum(scaled[name] * parameters[name] for name in scaled)


@program((1.2, 0.5), (-1.2, 0.5))
def any_and_all(x, y):
    values = [x, y, x * y]
    s = sum(values)
    if all(v > 0 for v in values):
        s = s * x
    if any(v < 0 for v in values):
        s = s - y * y
    return s


@program((1.2, 0.5, -0.7))
def sorted_values(x, y, z):
    low, middle, high = sorted(v * v for v in (x, y, z))
    by_key = sorted([x, y, z], key=lambda t: -t)
    return low + 10 * middle + 100 * high + by_key[0] * by_key[2]


@program((normal(4),))
def comprehension_to_an_array(v):
    a = np.array([item**2 + 1 for item in v])
    return np.sum(np.log(a)) + a[1]


@program((normal(3, 2), normal(2)))
def array_from_rows(m, w):
    scores = np.array([row @ w for row in m])
    return np.sum(np.exp(scores)) + scores[0]


@program((1.2, 4), wrt=(0,))
def comprehension_scope(x, n):
    k = 10.0
    s = sum([k * x for k in range(n)])
    return s * k


@program((1.2, 4), wrt=(0,))
def comprehension_in_a_loop(x, n):
    s = 1.0
    for i in range(1, n):
        s = s * sum(x / (i + j) for j in range(i))
    return s


@program((1.2, [0.5, 1.5]))
def walrus_in_a_comprehension(x, values):
    kept = [y * x for v in values if (y := v * v) > 1]
    return sum(kept) + y


@program((1.2, [0.5, 1.5], [2.0, 4.0]))
def zip_in_a_comprehension(x, a, b):
    products = [u * v for u, v in zip(a, b)]
    return sum(k * p for k, p in enumerate(products, 1)) * x


@program((1.2,))
def comprehension_with_calls(x):
    def f(t):
        return t * x

    return sum(f(f(k)) for k in range(3)) + sum(map(f, range(3)))


@program(([0.5, 1.5, -1.0],))
def tuple_and_list_of_a_generator(values):
    t = tuple(v * v for v in values)
    u = list(v + 1 for v in t)
    a, b, c = (v * 2 for v in u)
    return t[0] * u[1] + a * b - c


@program((1.2, 0.5))
def set_comprehension_of_counts(x, y):
    sizes = {k % 3 for k in range(7)}
    return x ** len(sizes) + sum(y * k for k in sorted(sizes))


@program((1.2, ["a", "bb", "a"]), wrt=(0,))
def counts_of_words(x, words):
    counts = {word: words.count(word) for word in words}
    return sum(x ** counts[word] * len(word) for word in counts)


@program((normal(3),))
def generator_in_math_and_numpy(v):
    return math.fsum(item * item for item in v) + np.sum([item**3 for item in v]) + math.prod(v)


@program((normal(2, 3),))
def comprehension_over_a_matrix(m):
    return sum(m[i, j] * (i + j) for i in range(m.shape[0]) for j in range(m.shape[1])) + max(sum(row) for row in m)


@program((0.6, 5), wrt=(0,))
def conditional_in_a_comprehension(x, n):
    return sum(x**k if k % 2 else -math.sin(k * x) for k in range(n))
