"""Assignment in all its forms, to names."""

import numpy as np

from tests.programs import normal, program


@program((2.0, 3.0))
def tuple_unpacking(x, y):
    a, b = x * y, x + y
    (c, d) = b, a
    [e, f] = [c * d, d]
    return a * c + e * f


@program((2.0, 3.0))
def nested_unpacking(x, y):
    (a, (b, c)), d = (x, (y, x * y)), y * y
    [e, (f, *g)] = [a, (b, c, d)]
    return a * b + c * d + e * f - g[0] * g[1]


@program((2.0, 3.0, 0.5))
def starred_unpacking(x, y, z):
    first, *rest = x, y, z
    *init, last = [x * y, y * z, z * x]
    head, *middle, tail = x, y, z, x + y
    return first * rest[1] + rest[0] * last + init[0] * init[1] + head * middle[0] / middle[1] + tail


@program((2.0, 3.0))
def empty_starred_unpacking(x, y):
    a, *none, b = x, y
    return a * b + len(none) * x


@program((2.0, 3.0))
def chained_assignment(x, y):
    a = b = x * y
    a += 1
    c, d = e = (a, b * x)
    return a * b + c * d + e[1]


@program((2.0, 3.0))
def annotated_assignment(x: float, y: float) -> float:
    product: float = x * y
    ratio: float
    ratio = x / y
    return product**2 + ratio


@program((2.0, 3.0))
def swap(x, y):
    x, y = y, x
    a = x * x + y
    x, y = y * 2, x * 3
    return a * x - y**2


@program((2.0, 3.0, 0.5))
def rotation_of_three(x, y, z):
    x, y, z = y, z, x
    x, y, z = y * z, z, x
    return x * x + 3 * y - z / y


@program((1.5, 0.5, 6), (1.5, 0.5, 0), wrt=(0, 1))
def fibonacci(a, b, n):
    for _ in range(n):
        a, b = b, a + b * 0.9
    return a * b


@program((0.8, 0.3, 5), wrt=(0, 1))
def simultaneous_update(x, y, n):
    for _ in range(n):
        x, y = x * y - y, x + y * y / 2
    return x - y


@program((2.0, 3.0))
def augmented_on_names(x, y):
    a = x
    a += y
    a -= x * y
    a *= x
    a /= y + 1
    a **= 2
    return a


@program((7.5, 2.0))
def augmented_floor_and_remainder(x, y):
    a = x * 1.5
    a %= y + 1
    b = x
    b //= y
    return a * x + b * y


@program((2.0,))
def augmented_by_itself(x):
    x += x
    x *= x
    x -= x / 3
    x **= 1.5
    return x


@program((2.0, 3.0))
def overwritten_many_times(x, y):
    t = x * y
    u = t * t
    t = u + x
    u = t / u
    t = t * u
    return t + u


@program((2.0, 3.0))
def overwritten_arguments(x, y):
    x = x * y
    y = x + y
    x = y * x
    return x * y


@program((2.0, 3.0))
def aliases_of_names(x, y):
    a = x
    b = a
    a = a * y
    c = b
    b = a + c
    return a * b * c


@program((2.0,))
def integer_name_becomes_float(x):
    total = 0
    total = total + x * x
    total += 1
    return total * x


@program((2.0, 3.0))
def name_changes_its_kind(x, y):
    value = (x, y)
    value = value[0] * value[1]
    value = [value, x]
    value = sum(value)
    return value * y


@program((2.0, 3.0))
def deleted_name(x, y):
    a = x * y
    b = a + x
    del a
    return b * b


@program((2.0, 3.0))
def unpacking_a_call(x, y):
    def both(u, v):
        return u * v, (u + v, u - v)

    p, (s, d) = both(x, y)
    return p * s - d


@program((normal(3),))
def unpacking_an_array(v):
    a, b, c = v
    return a * b - c * c


@program((normal(2, 3),))
def unpacking_rows(m):
    top, bottom = m
    x, *rest = top
    return np.sum(top * bottom) + x * rest[1]


@program((normal(3, 2),))
def unpacking_a_shape(m):
    rows, cols = m.shape
    return np.sum(m**2) / (rows * cols) + m[rows - 1, cols - 1]


@program((1.5, 2.5))
def parallel_with_call(x, y):
    a, b = np.sin(x), np.cos(y)
    a, b = b * a, a - b
    return a / b


@program((2.0,))
def pass_and_strings_and_expressions(x):
    """A docstring."""
    pass
    "a string that stands alone"
    x * 2
    ...
    return x * x


@program((0.5, 1.5))
def chained_walrus_and_augmented(x, y):
    z = (w := x * y) + w
    z += (w := w * z)
    return z * w
