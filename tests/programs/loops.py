"""for and while: over what they run and what they carry."""

import math

import numpy as np

from tests.programs import normal, positive, program


@program((1.1, 5), (1.1, 1), (1.1, 0), wrt=(0,))
def power_by_a_loop(x, n):
    y = 1.0
    for _ in range(n):
        y *= x
    return y


@program((0.9, 6), (0.9, 0), wrt=(0,))
def loop_with_the_index(x, n):
    s = 0.0
    for k in range(n):
        s = s + k * x**k / (k + 1)
    return s


@program((0.9, 7), (0.9, 2), wrt=(0,))
def range_with_start_and_step(x, n):
    s = x
    for k in range(2, n, 2):
        s = s * x + k
    return s


@program((0.9, 5), (0.9, 0), wrt=(0,))
def range_downwards(x, n):
    s = x
    for k in range(n, 0, -1):
        s = math.sin(s * k) + x
    for k in range(2 * n - 1, -1, -3):
        s = s * x - k
    return s


@program((0.9,))
def empty_ranges(x):
    s = x
    for _ in range(5, 2):
        s = s * x
    for _ in range(0, 3, -1):
        s = s + x
    return s * s


@program((0.9, 4), wrt=(0,))
def index_after_the_loop(x, n):
    s = x
    k = -1
    for k in range(n):
        s = s * x + k
    return s * k


@program((0.9, 3), wrt=(0,))
def index_overwritten_in_the_loop(x, n):
    s = 0.0
    for k in range(n):
        s += x**k
        k = k * 2 + 1
        s *= k
    return s


@program((0.9, 3), wrt=(0,))
def bound_overwritten_in_the_loop(x, n):
    s = x
    for k in range(n):
        n = n + 1
        s = s * x + n
    return s * n


@program((0.8, 3, 4), (0.8, 0, 4), (0.8, 3, 0), wrt=(0,))
def nested_loops(x, n, m):
    s = 1.0
    for i in range(n):
        row = x
        for j in range(m):
            row = row * x + i * j
        s = s + row * s / 10
    return s


@program((0.8, 5), wrt=(0,))
def triangular_loops(x, n):
    s = x
    for i in range(n):
        for j in range(i):
            s = s + x**j * math.cos(i * s)
        for j in range(i, n):
            s = s - x / (j + 1)
    return s


@program((0.8, 3), wrt=(0,))
def three_loops_deep(x, n):
    s = 1.0
    for i in range(n):
        for j in range(n - i):
            t = s * x
            for k in range(j + 1):
                t = t * (1 + x / (i + j + k + 1))
            s = s + t / 5
    return s


@program((0.8, 6), wrt=(0,))
def branch_in_a_loop(x, n):
    s = x
    for k in range(n):
        if k % 3 == 0:
            s = s * x
        elif s > 1:
            s = math.log(s) + x
        else:
            s = s + k * x
    return s


@program((0.8, 6), wrt=(0,))
def active_condition_in_a_loop(x, n):
    up = down = 0.0
    for k in range(n):
        value = math.sin(3 * k * x)
        if value > 0:
            up += value
        else:
            down += value**2
    return up * down


@program((normal(5),), (np.zeros(0),))
def over_an_array(v):
    s = 0.0
    for item in v:
        s += item**2
    return s


@program((normal(5), 0.5))
def over_an_array_with_a_carry(v, decay):
    s, out = 0.0, 0.0
    for item in v:
        s = decay * s + (1 - decay) * item
        out += s * s
    return out


@program((normal(3, 4), normal(4)), (np.zeros((0, 4)), normal(4)))
def over_rows(m, w):
    s = 0.0
    for row in m:
        s += np.tanh(row @ w)
    return s


@program((normal(3, 2),))
def over_rows_and_items(m):
    s = 1.0
    for row in m:
        for item in row:
            s = s * (1 + item * item)
    return s


@program((normal(4, 2),))
def over_rows_unpacked(m):
    s = 0.0
    for x, y in m:
        s += x * y - y**3
    return s


@program((normal(3, 4),))
def over_columns(m):
    s = 0.0
    for column in m.T:
        s += np.sqrt(np.sum(column**2))
    return s


@program((1.3, [0.5, 1.5, -2.0]), (1.3, []))
def over_a_list(x, weights):
    s = 1.0
    for w in weights:
        s = s + w * x**2 - w * w
    return s


@program((1.3, (0.5, 1.5)))
def over_a_tuple(x, weights):
    s = 1.0
    for w in weights:
        s *= w + x
    return s


@program((1.3, 0.4))
def over_a_display(x, y):
    s = 0.0
    for a in (x, y, x * y):
        s += a * a
    for b in [x, 2.0, y]:
        s *= b
    return s


@program((1.3,))
def over_constants(x):
    s = 0.0
    for p in (1, 2, 3.5):
        s += x**p
    for name in ["sin", "cos"]:
        s *= math.sin(x) if name == "sin" else math.cos(x)
    return s


@program((1.3, 0.4))
def over_nested_tuples(x, y):
    s = 0.0
    for a, (b, c) in [(x, (y, 2.0)), (y, (x * y, 3.0))]:
        s += a * b**2 * c
    return s


@program(({"a": 1.0, "b": -2.0},), ({},))
def over_a_dict(parameters):
    s = 0.0
    for name in parameters:
        s += parameters[name] ** 3
    return s


@program(({"a": 1.5, "b": -2.0}, {"a": 0.5, "b": 3.0}))
def over_items_values_and_keys(parameters, other):
    s = 0.0
    for name, value in parameters.items():
        s += value * other[name]
    for value in parameters.values():
        s *= value
    for name in other.keys():
        s += other[name] ** 2
    return s


@program((normal(4), normal(4, seed=1)), (normal(3), normal(5)))
def over_zip(a, b):
    s = 0.0
    for x, y in zip(a, b):
        s += x * np.exp(y)
    return s


@program((normal(4), [2.0, 0.5, 1.0, 3.0]))
def over_enumerate_zip(a, b):
    s = 0.0
    for k, (x, y) in enumerate(zip(a, b)):
        s += k * x * y**2
    return s


@program((normal(4),))
def over_enumerate(v):
    s = 0.0
    for k, item in enumerate(v):
        s += item ** (k + 1)
    for k, item in enumerate(v, start=2):
        s += k * item
    for k, item in enumerate(v, 1):
        s += item / k
    return s


@program((normal(4), [1.0, 2.0, 3.0]))
def over_reversed(v, weights):
    s = 0.5
    for item in reversed(v):
        s = s * item + 1
    for w in reversed(weights):
        s = s / w + w
    for k in reversed(range(3)):
        s = s * (k + 1) + weights[k]
    return s


@program((1.3, 0.4, 2.0))
def over_sorted(x, y, z):
    s = 0.0
    for item in sorted([x, y, z]):
        s = 2 * s + item
    for item in sorted([x, y, z], reverse=True):
        s = s * item
    return s


@program((normal(5),))
def over_indices_of_an_array(v):
    s = 0.0
    for k in range(1, len(v)):
        s += (v[k] - v[k - 1]) ** 2
    for k in range(v.shape[0] - 1, -1, -1):
        s *= 1 + v[k] / 10
    return s


@program((normal(3, 4),))
def over_indices_of_a_matrix(m):
    s = 0.0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            if i != j:
                s += m[i, j] * m[i][j - 1]
    return s


@program((normal(6), normal(4)))
def over_slices(v, w):
    s = 0.0
    for k in range(3):
        s += v[k : k + 4] @ w * v[k]
    return s


@program((2.0,), (10.0,))
def newton_square_root(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@program((10.0,), (1.5,))
def halving_while(x):
    count = 0
    total = 0.0
    while x > 1:
        x = x / 2
        total = total + x * x
        count += 1
    return total * x + count


@program((0.5, 0.9), (0.5, -0.9))
def series_until_small(x, y):
    term, total, k = 1.0, 0.0, 0
    while abs(term) > 1e-17:
        total += term
        k += 1
        term = term * x * y / k
    return total


@program((0.5,))
def while_never_entered(x):
    while x > 1:
        x = x * x
    return x**2


@program((2.0, 0.2))
def bisection_keeps_a_bracket(a, shift):
    low, high = 0.0, a
    for _ in range(7):
        middle = (low + high) / 2
        if middle**3 < 2.0:
            low = middle
        else:
            high = middle
    return low * high + shift * low


@program((1.0, 6), (1.0, 0), wrt=(0,))
def while_counts(x, n):
    k = 0
    while k < n:
        x = x + math.sin(k * x)
        k += 1
    return x


@program((1.2, 3), wrt=(0,))
def while_in_a_for(x, n):
    s = 0.0
    for k in range(n):
        t = x + k
        while t > 0.7:
            t = t * 0.6
            s = s + t * x
    return s


@program((1.2,))
def for_in_a_while(x):
    s = x
    while s < 20:
        for k in range(1, 3):
            s = s * (1 + x / k)
    return s


@program((0.3, 0.6))
def two_carries_that_cross(x, y):
    a, b = x, y
    for _ in range(4):
        t = a
        a = a * b + x
        b = t - b * y
    return a * b


@program((0.7, 4), wrt=(0,))
def loop_carries_a_tuple(x, n):
    state = (x, 1.0)
    for k in range(n):
        state = (state[1] * x, state[0] + k)
    return state[0] * state[1]


@program((0.7, 4), wrt=(0,))
def loop_overwrites_its_input(x, n):
    y = x
    for _ in range(n):
        x = x * y
        y = x + 1
    return x * y


@program((0.7, 4), (0.7, 0), wrt=(0,))
def value_of_the_last_pass(x, n):
    y = 0.0
    for k in range(n):
        y = x ** (k + 1)
    return y * x


@program((0.7, 4), wrt=(0,))
def inactive_in_the_first_pass(x, n):
    y = 1.0
    z = 2.0
    for _ in range(n):
        z = z + y * z
        y = x * x
    return z


@program((0.7,))
def constant_after_a_loop(x):
    y = x
    for _ in range(3):
        y = y * x
    y = 2.0
    return y * x


@program((normal(3), 4), wrt=(0,))
def loop_carries_an_array(v, n):
    u = v
    for _ in range(n):
        u = np.sin(u) + v * u
    return np.sum(u)


@program((normal(3, 3) / 3, normal(3), 5), wrt=(0, 1))
def matrix_power(m, v, n):
    for _ in range(n):
        v = m @ v
    return v @ v


@program((positive(3), 0.3))
def loop_changes_the_rank(v, x):
    s = x
    for _ in range(3):
        s = s * v + 1
    return np.sum(s)


@program((normal(5),))
def list_of_an_array(v):
    s = 0.0
    for item in list(v):
        s += item**2
    for item in v.tolist():
        s += item
    return s


@program((normal(2, 3, 2),))
def over_a_cube(c):
    s = 0.0
    for k, plane in enumerate(c):
        for row in plane:
            s += np.sum(row) ** 2 * (k + 1)
    return s
