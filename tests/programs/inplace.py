"""Writes into arrays, lists, dicts and objects: the gradient is right, or there is an error that names the line."""

import math
from dataclasses import dataclass

import numpy as np

from tests.programs import normal, positive
from tests.programs import program as recorded


def program(*points, marks="", **options):
    return recorded(*points, marks=marks + " refusable", **options)


@program((normal(4),))
def writes_an_element(v):
    y = np.zeros(4)
    y[0] = v[0] ** 2
    y[1] = v[1] * y[0]
    y[-1] = np.sin(v[2])
    return np.sum(y**2)


@program((normal(4),))
def writes_in_a_loop(v):
    y = np.empty(4)
    for i in range(4):
        y[i] = v[i] ** 2 * (i + 1)
    return np.sum(y * v)


@program((normal(4),))
def recurrence_in_an_array(v):
    y = np.zeros(5)
    for i in range(4):
        y[i + 1] = 0.5 * y[i] ** 2 + v[i]
    return y[-1]


@program((normal(4),))
def adds_to_elements(v):
    y = np.ones(4)
    for i in range(4):
        y[i] += v[i]
        y[i - 1] -= v[i] ** 2
        y[i] *= v[i]
        y[i] /= 2 + v[0]
        y[i] **= 2
    return np.sum(y)


@program((normal(6), 0.3))
def adds_to_slices(u, k):
    u = u.copy()
    for _ in range(3):
        u[1:-1] += k * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)


@program((normal(6),))
def overlapping_slices(v):
    v = v.copy()
    v[1:] += v[:-1]
    v[:-1] *= v[1:]
    v[:] = v[::-1] * v
    return np.sum(v**2)


@program((normal(6), 3), wrt=(0,))
def writes_into_its_argument(u, n):
    for _ in range(n):
        u[1:-1] = 0.5 * (u[2:] * u[:-2])
    return np.sum(np.exp(u))


@program((normal(4),))
def an_alias_is_written(v):
    z = v * 2
    y = z
    y[0] = v[1] ** 2
    return np.sum(z**2)


@program((normal(4),))
def a_view_is_written(v):
    y = v * v
    head = y[:2]
    head[0] = v[3]
    head *= 2
    return np.sum(y**2)


@program((normal(2, 3),))
def rows_are_written(m):
    y = m.copy()
    for row in y:
        row[0] = row[1] * row[2]
        row -= np.mean(row)
    return np.sum(y**3)


@program((normal(2, 3),))
def a_transpose_is_written(m):
    y = m * 1.0
    t = y.T
    t[0] = m[:, 1] ** 2
    r = y.reshape(-1)
    r[5] *= r[0]
    return np.sum(y**2)


@program((normal(5), 3), wrt=(0,))
def write_after_read(v, n):
    y = v.copy()
    total = 0.0
    for i in range(n):
        total += y[i] ** 2
        y[i] = total
        total *= y[i + 1]
    return total + np.sum(y)


@program((normal(4),))
def repeated_indices_written(v):
    y = np.zeros(3)
    y[[0, 0, 2]] = v[:3] ** 2
    y[[1, 1]] += v[2:]
    return np.sum(y**2) + np.sum(v[[0, 0, 1]] ** 3)


@program((normal(4),))
def scattered_sum(v):
    y = np.zeros(3)
    np.add.at(y, [0, 0, 2, 0], v)
    return np.sum(y**2)


@program((normal(5),))
def masks_written(v):
    y = v.copy()
    y[v < 0] = 0.0
    y[v > 0.5] **= 2
    y[y > 1] = v[0]
    return np.sum(y * v)


@program((normal(4),), (-normal(4),))
def writes_in_branches(v):
    y = np.zeros(4)
    for i in range(4):
        if v[i] > 0:
            y[i] = v[i] ** 2
        else:
            y[0] += v[i]
            continue
        if y[0] > 3:
            break
    return np.sum(y**2)


@program((normal(4),))
def continue_and_augmented_elements(v):
    y = v + 1
    for i in range(4):
        if i == 2:
            continue
        y[i] *= v[i]
        y[i] /= 3
    return np.sum(y)


@program((1.5, 0.5))
def scalars_written_into_an_array(x, y):
    a = np.zeros((2, 2))
    a[0, 0] = x
    a[0, 1] = a[1, 0] = x * y
    a[1, 1] = y**2
    return np.sum(a @ a)


@program((normal(3),))
def broadcast_into_a_target(v):
    a = np.zeros((2, 3))
    a[:] = v
    a[1] *= v[0]
    a[:, 1] = v[2]
    a += v
    return np.sum(a**3)


@program((normal(3),))
def out_arguments(v):
    y = np.empty(3)
    np.multiply(v, v, out=y)
    np.sin(y, out=y)
    np.add(y, v, out=y, where=v > 0)
    return np.sum(y**2)


@program((normal(4),))
def filling_functions(v):
    y = np.zeros(4)
    y.fill(v[0])
    np.copyto(y[1:], v[1:] ** 2)
    np.put(y, [3], v[2])
    m = np.outer(v, v)
    np.fill_diagonal(m, v[1])
    return np.sum(y**2) + np.sum(m * m)


@program((normal(5),))
def sorted_in_place(v):
    y = v * v
    y.sort()
    return np.sum(y * np.arange(5))


@program((normal(3), normal(3, seed=1)))
def swapped_buffers(u, v):
    u, v = u.copy(), v.copy()
    for _ in range(3):
        v[1:] = u[:-1] * 0.5 + v[1:]
        u, v = v, u
    return u @ v


@program((normal(3),))
def a_helper_that_writes(v):
    def scale(a, factor):
        a *= factor
        a[0] = factor

    y = v.copy()
    scale(y, v[1])
    scale(y[1:], v[2])
    return np.sum(y**2)


@program((normal(3),))
def augmented_array_name(v):
    y = v * 2
    z = y
    y += v
    y *= z
    return np.sum(y) + np.sum(z)


@program((normal(3),), marks="once")
def augmented_argument(v):
    v += 1
    v *= v
    return np.sum(v)


@program((normal(3, 3),))
def matrix_products_in_place(m):
    y = m.copy()
    y @= m
    y[0] = y[1] @ m
    return np.sum(y**2)


@program(([1.5, 0.5, 2.0],))
def list_items_written(items):
    items = list(items)
    items[0] = items[1] ** 2
    items[2] *= items[0]
    items[0], items[1] = items[1], items[0]
    return sum(a * (k + 1) for k, a in enumerate(items))


@program((1.5, 5), wrt=(0,))
def table_by_a_list(x, n):
    table = [0.0] * (n + 1)
    table[0] = 1.0
    for i in range(1, n + 1):
        table[i] = table[i - 1] * x + table[i // 2]
    return table[n]


@program((1.5, 0.5))
def list_methods(x, y):
    a = [x]
    a.extend([y, x * y])
    a.insert(1, x**2)
    last = a.pop()
    first = a.pop(0)
    a += [last * first]
    del a[0]
    a.append(a[-1] * last)
    return sum(v * v for v in a) + first


@program((1.5, 0.5))
def stack_machine(x, y):
    stack = []
    for token in ["x", "y", "*", "x", "+", "y", "-"]:
        if token == "x":
            stack.append(x)
        elif token == "y":
            stack.append(y)
        else:
            b, a = stack.pop(), stack.pop()
            stack.append(a * b if token == "*" else a + b * b if token == "+" else a - b)
    return stack.pop()


@program((1.5, 0.5))
def dict_items_written(x, y):
    d = {}
    d["a"] = x * y
    d["b"] = d["a"] ** 2
    d["a"] += x
    d.update(c=y, a=d["a"] * 2)
    z = d.setdefault("e", x) * d.pop("b")
    return sum(d.values()) * z


@program((1.5, 6), wrt=(0,))
def memoised_recursion(x, n):
    memo = {0: 1.0, 1: x}

    def term(k):
        if k not in memo:
            memo[k] = term(k - 1) * x - 0.5 * term(k - 2)
        return memo[k]

    return term(n)


@dataclass
class Particle:
    position: float
    velocity: float

    def step(self, h):
        self.velocity -= h * math.sin(self.position)
        self.position += h * self.velocity


@program((1.5, 0.5, 0.1))
def object_state(x, v, h):
    particle = Particle(x, v)
    for _ in range(4):
        particle.step(h)
    return particle.position**2 + particle.velocity**2


@program((Particle(1.5, 0.5), 0.1))
def object_argument(particle, h):
    particle.step(h)
    particle.step(h)
    return particle.position * particle.velocity


class Recorder:
    def __init__(self):
        self.items = []
        self.total = 0.0

    def add(self, item):
        self.items.append(item)
        self.total += item
        return self


@program((1.5, 0.5))
def object_with_a_list(x, y):
    r = Recorder().add(x).add(x * y)
    for k in range(2):
        r.add(r.items[k] * y)
    return r.total * r.items[-1]


@program((normal(4, 4) + 4 * np.eye(4),))
def lu_in_place(a):
    a = a.copy()
    n = len(a)
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
    return np.sum(a**2)


@program((normal(4, 4),))
def cholesky_by_loops(root):
    a = root @ root.T + 4 * np.eye(4)
    n = a.shape[0]
    for j in range(n):
        for k in range(j):
            a[j, j] -= a[j, k] * a[j, k]
        a[j, j] = np.sqrt(a[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
    return a[0, 0] + a[1, 0] * a[2, 1] + a[3, 3]


@program((positive(5, 5), 2), wrt=(0,))
def seidel_2d(a, steps):
    n = a.shape[0]
    a = a.copy()
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                a[i, j] = (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1] + a[i, j]) / 5.0
    return np.sum(a**2)


@program((normal(6), normal(6, seed=1), 3), wrt=(0, 1))
def jacobi_1d(a, b, steps):
    for _ in range(steps):
        b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])
    return np.sum(a * b)


@program((normal(5), normal(5, seed=1), 3), wrt=(0, 1))
def wave_equation(u, v, steps):
    for _ in range(steps):
        u[1:-1] += 0.1 * v[1:-1]
        v[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * (1 + 0.1 * u[1:-1] ** 2)
    return np.sum(u**2 + v**2)


@program((normal(4, 4), normal(2, 2)))
def convolution_by_loops(image, kernel):
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            for k in range(2):
                for m in range(2):
                    out[i, j] += image[i + k, j + m] * kernel[k, m]
    return np.sum(np.maximum(out, 0.0) ** 2)


@program((positive(4, 4),))
def floyd_warshall(d):
    d = d.copy()
    for k in range(4):
        for i in range(4):
            for j in range(4):
                d[i, j] = min(d[i, j], d[i, k] + d[k, j])
    return np.sum(d)


@program((normal(3, 3), normal(3)))
def forward_substitution(a, b):
    x = np.zeros(3)
    for i in range(3):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / (2 + a[i, i] ** 2)
    return x @ x


@program((normal(4),))
def while_write(v):
    y = v.copy()
    while np.max(np.abs(y)) > 0.2:
        y[:] = y * 0.5
        y[0] *= v[1]
    return np.sum(y)


@program((normal(4),))
def write_through_two_containers(v):
    a = v.copy()
    box = [a, a]
    table = {"a": a}
    box[0][1] = v[0] ** 2
    table["a"][2] *= v[0]
    return np.sum(box[1] ** 2)


@program((normal(3),))
def write_through_a_closure(v):
    y = v.copy()

    def put(i, value):
        y[i] = value

    put(0, v[1] * v[2])
    put(2, y[0] ** 2)
    return np.sum(y)


@program((normal(3),))
def one_array_twice(v):
    def both(a, b):
        a[0] = b[1] ** 2
        return np.sum(a * b)

    y = v.copy()
    return both(y, y)


@program((normal(3).astype(np.float32), 1.5))
def double_into_single(v, x):
    y = np.zeros(3, dtype=np.float32)
    y[:] = v * x
    y[0] = x
    return np.sum(y.astype(float) * v)


@program((normal(4),))
def an_integer_array_takes_floats(v):
    y = np.zeros(4, dtype=int)
    y[0] = 3
    z = v * y
    return np.sum(z) + v[0]


# The twelve classes of silent errors: 1, 4 to 8, 10 and 12 are at home in the other files too.


@program((positive(3, 1), positive(4)))
def class_1_broadcasting(x, y):
    return np.sum(x / y) + np.sum(x**y) + np.sum(np.multiply(x, y))


@program((normal(4), normal(4, seed=1)))
def class_2_augmented_items(u, v):
    y = np.zeros(4)
    y[1] += v[0]
    y[1:-1] += u[1:-1] * v[:2]
    y[1:-1] += y[2:]
    return np.sum(y**2)


@program((normal(3),))
def class_3_alias_then_written(x):
    y = x * 2
    z = y
    z[0] = x[1] * x[2]
    w = y[1:]
    w[0] = 5.0
    return np.sum(y**2)


@program((normal(3),))
def class_4_repeated_indices(x):
    return np.sum(x[[0, 0, 1]] ** 2)


@program((1.5,))
def class_5_with_block(x):
    with np.errstate(all="ignore"):
        x = x * x
    return x


@program((1.5,))
def class_6_by_keyword(x):
    def f(a, b=1.0):
        return a * b

    return f(2.0, b=x) + np.sum(a=np.array([x, x * x]))


@program((np.array([1, 2, 3]),), wrt=(0,))
def class_7_integer_arrays(x):
    return np.sum(x * x)


@program((1.5, 2.5), (1.5, 0.5))
def class_8_exponent(x, y):
    return x**y + np.power(x, y) + 2**y


@program((1.5,))
def class_9_captured_values(x):
    k = 2.0

    def f(t):
        return t**k

    first = f(x)
    k = 3.0
    return first * f(x)


@program((0.7, 3), (0.7, 5), wrt=(0,))
def class_10_dynamic_trip_count(x, n):
    y = x
    k = 0
    while k < n:
        z = y
        y = z * x + z
        x = y - z * z
        k += 1
    return y


@program((normal(4),))
def class_11_continue_and_items(v):
    y = v.copy()
    for i in range(4):
        if v[i] < 0:
            continue
        y[i] *= v[i - 1]
        y[i] /= 1 + v[i] ** 2
    return np.sum(y)


@program((1.5,), (-1.5,))
def class_12_only_return_in_a_branch(x):
    if x > 0:
        return x * x
    else:
        return -x


@program((normal(3),))
def sum_where(x):
    return np.sum(x, where=x > 0) ** 2


@program((normal(3), normal(3, seed=1)))
def a_buffer_is_reused(x, y):
    buffer = np.empty(3)
    total = 0.0
    for source in (x, y, x * y):
        buffer[:] = source
        buffer *= source
        total = total + np.sum(buffer * np.sin(buffer))
    return total
