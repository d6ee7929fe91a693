"""Arrays: operators with broadcasting, methods and attributes, indexing, the NumPy functions of the first rules."""

import numpy as np

from tests.programs import normal, positive, program

# Pairs of operands for every pattern of broadcasting: equal shapes, a missing axis, extent 1 on either side and on both,
# rank 0, a float, nothing at all.
PAIRS = (
    (positive(3, 4), positive(3, 4, seed=1)),
    (positive(3, 4), positive(4)),
    (positive(4), positive(3, 4)),
    (positive(3, 1), positive(1, 4)),
    (positive(1, 1), positive(3, 4)),
    (positive(2, 1, 3), positive(4, 1)),
    (positive(), positive(3)),
    (1.5, positive(2, 3)),
    (positive(2, 3), 0.7),
    (positive(), positive(seed=1)),
    (positive(0, 3), positive(3)),
    (positive(1), positive(0)),
)


@program(*PAIRS)
def add_and_subtract(x, y):
    return np.sum((x + y) ** 2 - np.sin(x - y))


@program(*PAIRS)
def multiply(x, y):
    return np.sum(x * y * np.cos(x))


@program(*PAIRS)
def divide(x, y):
    return np.sum(x / y + np.sqrt(y / x))


@program(*PAIRS)
def power(x, y):
    return np.sum(x**y)


@program(*PAIRS)
def remainder_and_floor(x, y):
    return np.sum((3 * x) % y * x + (3 * x) // y * y)


@program(*PAIRS)
def broadcasting_functions(x, y):
    return np.sum(np.multiply(x, y) + np.arctan2(x, y) + np.hypot(x, y) + np.logaddexp(x, y))


@program(*PAIRS)
def maximum_minimum_where(x, y):
    return np.sum(np.maximum(x, y) * np.minimum(x, y) ** 2 + np.where(x > y, x * y, x - y))


@program(*PAIRS)
def broadcasting_carried_over(x, y):
    z = x + 1
    z = z * y
    z = z - x
    return np.sum(z * z)


@program(
    (normal(3), normal(3, seed=1)),
    (normal(2, 3), normal(3)),
    (normal(3), normal(3, 2)),
    (normal(2, 3), normal(3, 4)),
    (normal(1, 3), normal(3, 1)),
    (normal(5, 2, 3), normal(3, 4)),
    (normal(2, 3), normal(5, 3, 4)),
    (normal(5, 2, 3), normal(5, 3, 4)),
    (normal(5, 1, 2, 3), normal(6, 3, 2)),
    (normal(3), normal(5, 3, 2)),
    (normal(5, 2, 3), normal(3)),
    (normal(0, 3), normal(3, 2)),
    (normal(2, 0), normal(0, 3)),
)
def matrix_products(a, b):
    return np.sum(np.sin(a @ b))


@program((2.5, normal(2, 3)), (np.array(1.5), normal(0)))
def scalars_and_arrays(x, v):
    y = x * v + v / x
    z = 1 / (x + v**2) - x**v.ndim
    return np.sum(y * z) + (2 * x) ** 2 + np.sum(2.0 ** (v * x))


@program((normal(3, 4),), (normal(1, 4),))
def methods_of_reduction(m):
    s = m.sum() * m.mean() + m.sum(axis=0).max() + m.mean(axis=1, keepdims=True).min()
    return s + m.std() + m.var(axis=0).sum() + m.prod(axis=1).sum() + m.cumsum(axis=1)[0, 2] + m.max(axis=1).sum()


@program((normal(3, 4),), (normal(3, 4)[:, ::-1],), (normal(4, 3).T,), (normal(6, 8)[::2, ::2],))
def methods_of_shape(m):
    a = m.T @ m
    b = m.reshape(2, 6) @ m.reshape((6, -1))
    c = m.ravel() * m.flatten()
    d = m.transpose() * m.swapaxes(0, 1) + m.copy().T
    return np.sum(a**2) + np.sum(b) * c.dot(c) + np.sum(d) + m[None].squeeze().dot(m[0]).sum()


@program((normal(2, 3),))
def attributes(m):
    s = np.sum(m**2) / m.size * m.shape[1] + m.ndim * m[0, 0] + len(m) * m.T[2, 1]
    return s if m.dtype == np.float64 and m.flat[0] > -100 else 0.0


@program((normal(3),))
def methods_of_elements(v):
    w = v.clip(-0.5, 0.5) + v.astype(float) * abs(v) + (-v).conj().real
    return w.sum() + v.item(0) ** 2 + float(v[1]) * v[2].item() + v.round(1) @ v


@program((normal(4),), (normal(4).astype(np.float32),))
def single_precision(v):
    w = v * 2 + 1
    return (w * v).sum() / np.exp(v).sum()


@program((normal(4),))
def casts(v):
    w = v.astype(np.float32).astype(np.float64) if v.ndim == 2 else v.astype(np.float64)
    return np.sum(w * v) + np.sum((v > 0).astype(float) * v) + np.sum((v > 0) * v**2)


@program((normal(3, 4),))
def elementwise_functions(x):
    y = np.sin(x) + np.cos(x) * np.tan(x / 3) + np.exp(x) + np.expm1(x) + np.tanh(x) + np.sinh(x) + np.cosh(x)
    z = np.arctan(x) + np.arcsinh(x) + np.square(x) + np.cbrt(x) + np.abs(x) + np.fabs(x) + np.negative(x)
    return np.sum(y * z) + np.sum(np.sign(x) * x + np.deg2rad(x) + np.rad2deg(x) + np.exp2(x))


@program((positive(3, 4) / 2.5,))
def elementwise_functions_of_positives(x):
    y = np.log(x) + np.log2(x) + np.log10(x) + np.log1p(x) + np.sqrt(x) + np.reciprocal(x)
    z = np.arcsin(x) + np.arccos(x) + np.arctanh(x) + np.arccosh(x + 1) + np.power(x, 3) + np.float_power(x, 1.5)
    return np.sum(y * z)


@program((normal(3, 4),))
def sums(x):
    a = np.sum(x, axis=0) ** 2
    b = np.sum(x, axis=-1, keepdims=True) * x
    c = np.sum(x**2, axis=(0, 1)) + np.sum(x, axis=()).ravel()[0]
    d = np.sum(x, where=x > 0) + np.sum(x * x, initial=2.0)
    return np.sum(a) + np.sum(b) * c + d


@program((normal(2, 3, 2),))
def means_and_products(x):
    a = np.mean(x, axis=(0, 2)) * np.prod(x, axis=1).sum()
    b = np.mean(x, axis=1, keepdims=True) * x
    return np.sum(a) + np.sum(b**2) + np.prod(x[0]) + np.mean(x, where=x < 1.0)


@program((normal(3, 4),), (normal(4, 3).T,))
def extremes_and_spreads(x):
    a = np.max(x, axis=0) * np.min(x, axis=0)
    b = np.var(x, axis=1, ddof=1) + np.std(x, axis=1)
    c = np.amax(x) * np.min(x, axis=1, keepdims=True).sum()
    return np.sum(a) + np.sum(b) * c + np.var(x)


@program((normal(4, 3),))
def cumulative_sums(x):
    return np.sum(np.cumsum(x, axis=0) ** 2) + np.sum(np.cumsum(x) * np.arange(12)) + np.cumsum(x, axis=-1)[1, 1]


@program((normal(3), normal(3, seed=1), normal(3, 3)))
def products_of_vectors(a, b, m):
    s = np.dot(a, b) + np.inner(a, b) ** 2 + np.sum(np.outer(a, b) * m)
    return s + np.dot(m, a) @ b + np.sum(np.dot(m, m.T)) + np.sum(np.inner(m, m) * m)


@program((normal(2, 3, 4), normal(4, 3), normal(2)))
def tensor_products(t, m, v):
    a = np.einsum("ijk,kj->i", t, m)
    b = np.tensordot(t, m, axes=([2, 1], [0, 1])) * np.tensordot(v, t, axes=1).sum()
    c = np.einsum("ijk,i->jk", t, v)
    d = np.matmul(t, m) + np.einsum("kj,kj", m, m)
    return np.sum(a * v) + np.sum(b) + np.sum(c**2) + np.sum(d)


@program((normal(2, 3, 4),))
def shapes(t):
    a = np.reshape(t, (6, 4)) * 2
    b = np.transpose(t, (2, 0, 1)) * np.moveaxis(t, -1, 0)
    c = np.swapaxes(t, 0, 2) @ np.squeeze(np.expand_dims(t[:, 0], 1), axis=1)[:, :1]
    d = np.broadcast_to(t[:, :1], (2, 3, 4)) * t
    e = np.ravel(t) * np.reshape(t, -1, order="F")
    return np.sum(a**2) + np.sum(b) + np.sum(c**2) + np.sum(d) + np.sum(e * np.arange(24))


@program((normal(2, 3), normal(2, 3, seed=1), normal(3)))
def joins(a, b, v):
    c = np.concatenate([a, b], axis=0) * np.arange(12).reshape(4, 3)
    d = np.stack([a, b, a * b], axis=1)
    e = np.vstack((a, v)) @ np.hstack([v, v[:1]])[:3]
    f = np.concatenate((a.T, b.T), axis=-1)
    return np.sum(c**2) + np.sum(d**3) + np.sum(e**2) + np.sum(f[0]) * np.sum(v**2)


@program((normal(6),))
def splits(v):
    a, b, c = np.split(v, 3)
    d, e = np.split(v, [2])
    return a @ b + c[0] ** 2 + d[1] * e[2] + sum(np.sum(part) ** 2 for part in np.split(v, 2))


@program((normal(2, 3),))
def repeats(m):
    a = np.tile(m, (2, 1)) * np.arange(12).reshape(4, 3)
    b = np.repeat(m, 2, axis=1) * np.arange(6)
    c = np.flip(m, 0) * m + np.flip(m) * m[:, ::-1]
    d = np.roll(m, 1, axis=1) * m + np.roll(m, -2) * m**2
    return np.sum(a**2) + np.sum(b**2) + np.sum(c) + np.sum(d) + np.sum(np.repeat(m, [1, 2], axis=0) ** 2)


@program((normal(3, 4),))
def choices(x):
    a = np.where(x > 0, x**2, -x)
    b = np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)
    c = np.clip(x, -0.5, 0.5) * x + np.clip(x, 0.1, None)
    d = np.maximum(x, 0) * np.minimum(x, 0.3) + np.maximum(0.2 * x, x)
    return np.sum(a + b + c + d) + np.sum(np.abs(x) * np.sign(x)) + x[np.unravel_index(np.argmax(x), x.shape)]


@program((normal(5),))
def basic_indexing(v):
    return v[0] * v[-1] + np.sum(v[1:] * v[:-1]) + np.sum(v[::-1] * v) + np.sum(v[4:0:-2] ** 2) + v[1:][1:][0]


@program((normal(3, 4, 2),))
def indexing_of_cubes(t):
    a = t[0, 1] @ t[1, 2] + np.sum(t[..., 0] * t[..., 1]) + np.sum(t[:, -1] ** 2) + np.sum(t[1:, ::2, :1] ** 3)
    b = t[:, None, 0] * t[None, :, 1] + t[np.newaxis, 0, 0]
    return a + np.sum(b**2) + t[2][3][1] + np.sum(t[...] ** 2) + np.sum(t[::-1, 1, ::-1] * t[:, 2])


@program((normal(5, 3),))
def fancy_indexing(m):
    a = m[[0, 0, 2]] * np.arange(9).reshape(3, 3)
    b = m[np.array([1, 4, 1]), np.array([2, 0, 2])]
    c = m[:, [2, 0]] ** 2
    d = m[np.array([[0, 1], [1, 1]])]
    return (
        np.sum(a**2)
        + np.sum(b**3)
        + np.sum(c)
        + np.sum(d**2)
        + np.sum(m[[3, 3], 1:] ** 2)
        + np.sum(m[[0, 1]][:, [1, 1]])
    )


@program((normal(6), [3, 3, 0, 5]), wrt=(0,))
def repeated_indices(v, index):
    return np.sum(v[index] ** 2 * np.array([1.0, 2.0, 3.0, 4.0]))


@program((normal(5), normal(5, seed=1)))
def masks(v, w):
    positive_part = v[v > 0]
    return np.sum(positive_part**2) + np.sum(w[v > w] * v[v > w]) + np.sum(v[~(v > 0)]) + np.sum(v[v > 100.0])


@program((normal(3, 3),))
def masks_of_matrices(m):
    upper = np.triu(np.ones((3, 3), dtype=bool), 1)
    return np.sum(m[upper] ** 2) + np.sum(m[np.array([True, False, True])] ** 3) + np.sum(m[m.sum(axis=1) > 0] ** 2)


@program((1.5, 0.5))
def arrays_from_scalars(x, y):
    v = np.array([x, y * y, 2.0])
    m = np.array([[x, y], [x * y, 1]])
    z = np.asarray([x, y]) * np.stack([y, x])
    return np.sum(v**2) + np.sum(m @ m) + z @ v[:2] + np.linalg.det(m) + float(np.array(x)) * np.array([x])[0]


@program((normal(3), 0.5))
def arrays_from_arrays(v, x):
    m = np.array([v, 2 * v, v * x])
    w = np.array([v[0], x, v[2] ** 2])
    n = np.array([[v, v], [w, v]])
    return np.sum(m**2) + m[1] @ w + np.sum(n**3) + np.sum(np.asarray(v) * np.array(v))


@program((normal(3), 4), wrt=(0,))
def constant_arrays(v, n):
    grid = np.linspace(0.0, 1.0, n)
    basis = np.ones((n, 3)) * np.arange(3) + np.eye(n, 3) + np.zeros(3) + np.full((n, 1), 2.0)
    return np.sum(np.sin(basis @ v) * grid) + np.sum(np.zeros_like(v) + v * np.ones_like(v)) ** 2


@program((normal(3),))
def shapes_in_conditions(v):
    w = v
    if v.shape == (3,) and v.ndim == 1 and v.size > 2:
        w = v * len(v)
    for _ in range(v.shape[-1]):
        w = np.sin(w) * v.size
    return np.sum(w)


@program((normal(4, 4) + 4 * np.eye(4), normal(4), normal(4, 2)))
def linear_algebra(a, b, c):
    x = np.linalg.solve(a, b)
    y = np.linalg.solve(a.T, c)
    sign, logdet = np.linalg.slogdet(a)
    return x @ b + np.sum(y**2) + sign * logdet + np.linalg.det(a) / 100 + np.sum(np.linalg.inv(a) * a.T)


@program((normal(3, 4), normal(3)))
def norms(m, v):
    s = np.linalg.norm(v) + np.linalg.norm(m) * np.linalg.norm(v, 1) + np.linalg.norm(v, ord=3)
    return (
        s
        + np.sum(np.linalg.norm(m, axis=1))
        + np.linalg.norm(m, axis=0, keepdims=True)[0, 1]
        + np.linalg.norm(m, "fro")
    )


@program((normal(4, 4),))
def cholesky_factor(a):
    spd = a @ a.T + 4 * np.eye(4)
    factor = np.linalg.cholesky(spd)
    return np.sum(np.log(factor[range(4), range(4)])) + np.sum(factor**2 * np.arange(4))


@program((normal(2, 3, 3) + 3 * np.eye(3), normal(2, 3, 1)))
def stacked_linear_algebra(a, b):
    return np.sum(np.linalg.solve(a, b) ** 2) + np.sum(np.linalg.det(a)) + np.sum(np.linalg.inv(a) ** 2)


@program((np.array(1.5), normal(3)))
def rank_zero_arrays(x, v):
    y = x * x
    z = np.sum(v) * y
    return z + x[()] * v[0] + np.sin(x) + y.sum() + x.item()


@program((normal(0),), (normal(0, 3),), (normal(2, 0),))
def empty_arrays(v):
    return np.sum(v * v) + np.sum(np.exp(v[::-1])) + np.sum(np.concatenate([v, v])) + 1.0


@program((np.arange(4), normal(4)), wrt=(0, 1))
def integer_array_where_floats_are_meant(a, b):
    return np.sum(a * b) + np.sum(a**2) / 3


@program((normal(3, 4),), (normal(4, 3).T,), marks="vector")
def array_result(m):
    return np.tanh(m) @ m.T


@program((normal(3), 1.5), marks="vector")
def tuple_result(v, x):
    return v * x, x**2, np.sum(v)


@program((normal(3), 1.5), marks="vector")
def nested_result(v, x):
    return {"a": v * x, "b": [x**2, (np.sum(v), v[0] * x)]}


@program((normal(4),))
def scalar_indexed_arithmetic(v):
    a, b = v[0], v[1]
    c = a * b + v[2]
    d = c / (1 + v[3] ** 2)
    return d**2 + a


@program((normal(8), 3), wrt=(0,))
def moving_average(v, window):
    total = np.cumsum(v)
    means = (total[window:] - total[:-window]) / window
    smooth = sum(v[k : len(v) - window + k + 1] for k in range(window)) / window
    return np.sum(means**2) + np.sum(smooth**3)


@program((normal(3), normal(3, seed=1), normal(3, 3)))
def beyond_the_first_rules(a, b, m):
    s = (
        np.vdot(a, b)
        + np.trace(m @ m)
        + np.sum(np.cross(a, b) ** 2)
        + np.sum(np.diff(a) ** 2)
        + np.sum(np.diag(m) ** 2)
    )
    t = (
        np.sum(np.column_stack([a, b]) @ m[:2])
        + np.sum(np.fliplr(m) * m)
        + np.ptp(a)
        + np.sum(np.take(a, [0, 0, 2]) ** 2)
    )
    return s * t + np.sum(np.triu(m) @ np.tril(m)) + sum(np.sum(part) ** 2 for part in np.array_split(a, 2))


# ---------------------------------------------------------------------------------------------------------------
# Lists where NumPy takes arrays

THREE = np.array([0.6, -0.4, 1.3])


@program((THREE,))
def lists_times_arrays(x):
    return np.sum([x[0], x[1]] * x[:2]) + np.sum(x**2 * (1, 2, 3)) + np.sum([1.0, 2.0, 3.0] / x - [x[2], 1.0, x[0]])


@program((THREE,))
def powers_of_lists(x):
    return np.sum(np.abs(x) ** [1.0, 2.0, 3.0]) + np.sum([1.0, 2.0, 3.0] ** x) + np.sum((2.0, x[2]) ** x[:2] ** 2)


@program((THREE,))
def a_list_as_a_condition(x):
    chosen = np.where([True, False, True], x, x**2)
    return np.sum(chosen * x) + np.sum(np.where([[True], [False]], x, 2 * x) ** 2) + np.sum(x * x, where=[True, False, True])


@program((THREE,))
def lists_as_branches_of_where(x):
    return np.sum(np.where([True, False], [x[0], x[1]], 0.0)) + np.sum(np.where(x > 0, 0.0, [x[0], 1.0, x[1]]) * x)


@program((THREE,))
def lists_among_joined_arrays(x):
    row = [x[0] * 2, x[1]]
    joined = np.concatenate((row, x, [1.0, 2.0], [v * v for v in x]))
    stacked = np.vstack([x, [1, 2, 3], [x[1], 1.0, x[0]]])
    return joined @ np.arange(10.0) + np.sum(stacked**3) + np.hstack([[1, x[2]], x])[1] + np.stack([x, row + [1.0]])[1] @ x


@program((THREE,))
def a_list_in_a_grid(x):
    a, b = np.meshgrid([x[0], x[1]], x)
    return np.sum(a**2 * b)


@program((THREE,))
def lists_in_products(x):
    a = np.dot([x[0], 1.0, x[1]], x) + x @ [x[0], x[1], 2.0] + np.sum([[x[0], x[1], 2.0], [x[1], x[2], 0]] @ x)
    return a + np.einsum("i,i", [x[0], x[1], 2.0], x) + np.einsum("ij,j->i", [[1, 2, 3], [4, 5, 6]], x)[0]


@program((THREE,))
def lists_in_linear_algebra(x):
    a = np.linalg.det([[x[0], x[1]], [x[2], 1.0]]) + np.linalg.norm([x[0], x[2]])
    return a + np.sum(np.linalg.solve([[2.0, 1, 0], [1, 3, x[0]], [0, 1, 4]], [x[0], 1.0, x[1]]))


@program((THREE,))
def statistics_of_lists(x):
    a = np.mean([[x[0], x[1]], [x[1], 3.0]], axis=0)[1] + np.std([x[0], x[1], 3]) + np.median([x[0], x[1], x[2]])
    return a + np.average([x[0], x[1]], weights=[x[1] ** 2, 1.0]) + np.sum(np.diff([x[0], x[1], 2]) ** 2)


@program((THREE,))
def lists_as_tables(x):
    a = np.interp(0.5, [0.0, 1.0], [x[0], x[1]]) + np.interp(x[0], [-1, 0, 1], [1, 2, 5.0])
    return a + np.polyval([x[0], 2.0], x[2]) + np.polyval([1.0, 2.0], x[1])


@program((THREE,))
def lists_in_augmented_assignments(x):
    y = x.copy()
    y += [x[0], 1.0, x[1]]
    y *= (x[2], 2.0, x[1])
    y[1:] /= [2, 3]
    y[:2] = [y[0] * x[1], 1.0]
    y[[1, 2]] *= [x[0], 2.0]
    return np.sum(y**2)


@program((THREE, [1.0, 2.0, 3.0]))
def an_argument_that_is_a_list(x, c):
    return np.sum(x * c) + np.dot(c, x) + np.sum(np.maximum(c, 2 * x))


@program((THREE,))
def lists_stay_lists(x):
    return np.sum([1.0, 2.0] + [x[0]]) + np.sum([x[0]] * 3) + sum([1.0, x[0]]) + len([x[0]]) * x[1] + max([x[1], x[0]])


@program((0.7,), (np.array(0.7),))
def an_array_without_axes_that_is_written_into(a):
    z = np.array(a)
    z[...] *= a
    return z + 0.0


@program((0.7,), (np.array(0.7),))
def additions_to_an_array_without_axes(a):
    z = np.zeros(())
    z += a
    z[...] *= a
    z[()] = z * z + a
    return np.sum(z) * z


@program((normal(3, 3), normal(3, 2)))
def einsum_by_lists_of_axes(a, b):
    traced = np.einsum(a, [0, 0]) + np.sum(np.einsum(a, (1, 0), b, (0, 2)) ** 2)
    return traced + np.sum(np.einsum(a, [..., 3], b, [3, 2], [..., 2]) ** 3)
