"""The few helpers that generated code calls. They need NumPy only, and know nothing of the compiler."""

from __future__ import annotations

import copy
import math
import numbers
import sys

import numpy as np

from srcad import structure

# ---------------------------------------------------------------------------------------------------------------
# Shapes


def unbroadcast(x_bar, shape):
    """`x_bar` summed over the axes along which an operand of `shape` was broadcast.

    >>> unbroadcast(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    """
    if np.shape(x_bar) == shape:
        return x_bar
    extra = np.ndim(x_bar) - len(shape)
    if extra > 0 and x_bar.shape[extra:] == shape:
        return x_bar.sum(axis=tuple(range(extra)))
    x_bar = np.broadcast_to(x_bar, np.broadcast_shapes(np.shape(x_bar), shape))
    extra = x_bar.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(k + extra for k, n in enumerate(shape) if n != x_bar.shape[k + extra])
    return np.sum(x_bar, axis=axes).reshape(shape)


def place_diagonal(y_bar, shape, offset=0, axis1=0, axis2=1):
    """The adjoint of a diagonal: zeros of `shape` with `y_bar` on the diagonal.

    >>> place_diagonal(np.array([1.0, 2.0]), (2, 3), 1)
    array([[0., 1., 0.],
           [0., 0., 2.]])
    """
    x_bar = np.zeros(shape, np.result_type(y_bar))
    diagonal = np.diagonal(x_bar, offset, axis1, axis2)
    diagonal.flags.writeable = True
    diagonal[...] = y_bar
    return x_bar


# ---------------------------------------------------------------------------------------------------------------
# Indexing


def add_at(x, index, v):
    """Adds `v` to `x[index]` in place; an item that `index` names twice gets both."""
    if not may_repeat(index):
        x[index] += v
    elif x.ndim > 1 and x.flags.c_contiguous:  # flat, np.add.at is several times faster
        np.add.at(x.reshape(-1), np.arange(x.size).reshape(x.shape)[index], v)
    else:
        np.add.at(x, index, v)


def may_repeat(index) -> bool:
    """Whether `x[index]` may have an item of `x` twice: where integers are looked up in an array or a list."""
    if isinstance(index, (int, slice)):
        return False
    arrays = [np.asarray(i) for i in (index if isinstance(index, tuple) else (index,)) if isinstance(i, (list, np.ndarray))]
    return bool(arrays) and any(a.ndim > 0 and a.dtype != bool for a in arrays)


def scatter(y_bar, index, shape):
    """The adjoint of `x[index]`, for an x of `shape`: zeros with `y_bar` added at `index`.

    >>> scatter(np.array([1.0, 2.0, 3.0]), [0, 2, 2], (4,))
    array([1., 0., 5., 0.])
    """
    x_bar = np.zeros(shape, getattr(y_bar, "dtype", complex if isinstance(y_bar, complex) else float))
    if may_repeat(index):
        add_at(x_bar, index, y_bar)
    else:
        x_bar[index] = y_bar
    return x_bar


def last_written(y_bar, index):
    """`y_bar[index]`, but 0 for all but the last of the items that `index` names several times: what was written there
    before the last is lost.

    >>> last_written(np.array([1.0, 2.0, 3.0]), [0, 2, 2])
    array([1., 0., 3.])
    """
    found = np.array(y_bar[index])
    if not may_repeat(index):
        return found
    numbers = np.arange(found.size).reshape(found.shape)
    order = np.zeros(y_bar.shape, int)
    order[index] = numbers
    return np.where(order[index] == numbers, found, 0.0)


def placed(v, index, shape):
    """Zeros of `shape` with `v` written at `index`: of what goes to one place the last stays. Adjoint of `last_written`.

    >>> placed(np.array([1.0, 2.0, 3.0]), [0, 2, 2], (4,))
    array([1., 0., 3., 0.])
    """
    x = np.zeros(shape, getattr(v, "dtype", float))
    x[index] = v
    return x


def scatter_along(y_bar, indices, axis, shape):
    """The adjoint of `np.take_along_axis(x, indices, axis)`, for an x of `shape`."""
    index = list(np.ogrid[tuple(slice(n) for n in shape)])
    index[axis] = indices
    return scatter(y_bar, tuple(index), shape)


# ---------------------------------------------------------------------------------------------------------------
# Choices


def wins(x, z):
    """1 where `x > z`, 1/2 where they are equal, 0 elsewhere: the derivative of `np.maximum(x, z)` by x."""
    more, equal = np.greater(x, z), np.equal(x, z)
    if not equal.any():
        return more
    return np.where(equal, 0.5, more).astype(np.result_type(x, z, np.float16))


def share(x, y, axis=None, where=True, initial=None):
    """What each item of `x` has in `y`, the maximum or minimum of `x`: 1, 1/n if n items tie, 0 if it is less.

    >>> share(np.array([1.0, 3.0, 3.0]), 3.0)
    array([0. , 0.5, 0.5])
    """
    hit = np.equal(x, y)
    if where is not True:
        hit = hit & where
    count = hit.sum(axis=axis, keepdims=axis is not None)
    if initial is not None:
        count = count + np.equal(y, initial)
    if (count == 1).all():
        return hit
    return hit / np.maximum(count, 1).astype(np.result_type(x, np.float16))


# ---------------------------------------------------------------------------------------------------------------
# Poles


def over(v, d):
    """`v / d`, and 0 wherever v is 0, also where d is 0 or NaN: nothing comes back through a pole that nothing passed.

    >>> over(np.array([0.0, 1.0, 0.0]), np.array([0.0, 2.0, np.nan]))
    array([0. , 0.5, 0. ])
    """
    if isinstance(v, float) and isinstance(d, float):
        return np.divide(v, d) if v and not d else v / d if v else v
    if np.count_nonzero(d) == np.size(d):
        quotient = np.divide(v, d)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = np.divide(v, d)
    length = np.vdot(quotient, quotient)
    if length - length != 0:  # there is an infinity or a NaN in it
        quotient = np.where(np.equal(v, 0), np.zeros_like(quotient), quotient)
    return quotient


def passed(v, slope):
    """`v * slope`, and 0 wherever v is 0, also where the slope is infinite or NaN: nothing comes back through what was
    passed over."""
    if isinstance(v, float) and isinstance(slope, float):
        return v * slope if v else v
    with np.errstate(invalid="ignore"):
        product = np.multiply(v, slope)
    length = np.vdot(product, product)
    if length - length != 0:  # there is an infinity or a NaN in it
        product = np.where(np.equal(v, 0), np.zeros_like(product), product)
    return product


def over_slope(d_dot, y, d):
    """The tangent `-y * d_dot / d` of `y = over(v, d)` where d moves; 0 wherever y is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(y, 0), 0.0, -y * np.divide(d_dot, d))[()]


# ---------------------------------------------------------------------------------------------------------------
# Powers and products


def power_slope(x, p):
    """The derivative `p * x**(p - 1)` of `x**p` by x; 0 where p is 0."""
    if isinstance(p, (int, float)):
        return p * x ** (p - 1) if p else 0 * x
    return p * x ** (p - 1 + (p == 0))


def power_log(y, x):
    """The derivative `y * log(x)` of `y = x**p` by p: 0 where x is 0, NaN where it is negative."""
    if np.iscomplexobj(y):
        return y * np.log(x + (x == 0) + 0j)
    if isinstance(x, (int, float)):
        return y * math.log(x) if x > 0 else 0.0 if x == 0 else math.nan
    return y * np.log(x + (x == 0))


def product_of_others(x, axis=None):
    """For each item of `x` the product of all others along `axis`, by no division: zeros are no trouble.

    >>> product_of_others(np.array([2.0, 0.0, 3.0]))
    array([0., 6., 0.])
    """
    x = np.asarray(x)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    back = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, back)
    rows = moved.reshape(moved.shape[: x.ndim - len(axes)] + (math.prod(x.shape[k] for k in axes),))
    one = np.ones_like(rows[..., :1])
    before = np.cumprod(np.concatenate([one, rows[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, rows[..., :0:-1]], -1), -1)[..., ::-1]
    return np.moveaxis((before * after).reshape(moved.shape), back, axes)


def cumprod_adjoint(y_bar, x, axis=0):
    """The adjoint of `np.cumprod(x, axis)`; where a product is zero, by no division."""
    x, y_bar = np.moveaxis(x, axis, 0), np.moveaxis(y_bar, axis, 0)
    y = np.cumprod(x, 0)
    if y.all() and np.isfinite(y).all():  # no zero among the items, nor so small or large a product
        return np.moveaxis(np.cumsum((y * y_bar)[::-1], 0)[::-1] / x, 0, axis)
    x_bar = np.array(y_bar)
    for k in range(len(x) - 2, -1, -1):
        x_bar[k] += x[k + 1] * x_bar[k + 1]
    x_bar[1:] *= np.cumprod(x[:-1], 0)
    return np.moveaxis(x_bar, 0, axis)


def cumprod_tangent(x_dot, y, x, axis=0):
    """The tangent of `y = np.cumprod(x, axis)`; where a product is zero, by no division."""
    x_dot, y, x = (np.moveaxis(a, axis, 0) for a in (x_dot, y, x))
    if np.all(y) and np.isfinite(y).all():
        return np.moveaxis(y * np.cumsum(x_dot / x, 0), 0, axis)
    y_dot = np.array(x_dot)
    for k in range(1, len(x)):
        y_dot[k] = y_dot[k - 1] * x[k] + y[k - 1] * x_dot[k]
    return np.moveaxis(y_dot, 0, axis)


# ---------------------------------------------------------------------------------------------------------------
# Special functions


def sinc_slope(x):
    """The derivative of `np.sinc(x)`, by its series where x is small."""
    t = np.pi * np.asarray(x)
    u = t * t
    series = t * (-1 / 3 + u * (1 / 30 - u * (1 / 840 - u * (1 / 45360 - u / 3991680.0))))
    small = np.abs(u) < 0.1
    far = t + small  # nowhere 0
    return np.pi * np.where(small, series, (np.cos(far) - np.sin(far) / far) / far)


def diff_adjoint(y_bar, length, n=1, axis=-1):
    """The adjoint of `np.diff(x, n, axis)`, of an x of `length` items along the axis: each difference goes to its second
    item, less to its first.

    >>> diff_adjoint(np.array([1.0, 3.0]), 3)
    array([-1., -2.,  3.])
    """
    if y_bar.shape[axis] == 0:  # also of fewer than n items
        return np.zeros(y_bar.shape[:axis] + (length,) + y_bar.shape[axis % y_bar.ndim + 1 :], y_bar.dtype)
    zero = np.zeros((), y_bar.dtype)
    for _ in range(n):
        y_bar = -np.diff(y_bar, axis=axis, prepend=zero, append=zero)
    return y_bar


def digamma(x):
    """The logarithmic derivative of the gamma function, for a number (Abramowitz & Stegun, 6.3)."""
    if x <= 0:
        return digamma(1 - x) - math.pi / math.tan(math.pi * x)
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    z = 1 / (x * x)
    series = z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12))))))
    return shift + math.log(x) - 0.5 / x - series


def trigamma(x):
    """The derivative of `digamma`, for a number (Abramowitz & Stegun, 6.4)."""
    if x <= 0:
        return (math.pi / math.sin(math.pi * x)) ** 2 - trigamma(1 - x)
    shift = 0.0
    while x < 10:
        shift += 1 / (x * x)
        x += 1
    z = 1 / (x * x)
    series = z * (1 / 6 - z * (1 / 30 - z * (1 / 42 - z * (1 / 30 - z * (5 / 66 - z * (691 / 2730 - z * 7 / 6))))))
    return shift + (1 + 0.5 / x + series) / x


# ---------------------------------------------------------------------------------------------------------------
# Linear algebra


def cofactors(x):
    """The cofactors of square matrices: `det(x) * inv(x).T`, also where x is singular.

    >>> cofactors(np.array([[1.0, 2.0], [2.0, 4.0]]))
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    u, s, vh = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (np.conj(u) * (sign[..., None] * product_of_others(s, -1))[..., None, :]) @ np.conj(vh)


def cofactor_slope(x_dot, x):
    """The derivative along `x_dot` of the cofactors of square matrices, also where x is singular: it is symmetric.

    In the basis of its singular vectors x is diagonal, and a cofactor is a product of singular values (Golub & Van Loan,
    Matrix Computations, 2013, ch. 2).
    """
    u, s, vh = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    one = np.eye(s.shape[-1], dtype=s.dtype)
    pairs = np.where(one == 1, one, s[..., None, :])
    others = product_of_others(pairs, -1) * (1 - one)  # products of all singular values but two
    inner = np.swapaxes(u, -1, -2) @ x_dot @ np.swapaxes(vh, -1, -2)
    diagonal = others @ np.diagonal(inner, 0, -2, -1)[..., None]
    slope = one * diagonal - others * np.swapaxes(inner, -1, -2)
    return sign[..., None, None] * (u @ slope @ vh)


def half_lower(x):
    """The lower triangles of square matrices, with half of the diagonal."""
    return np.tril(x, -1) + 0.5 * (x * np.eye(x.shape[-1], dtype=x.dtype))


def conjugate_transpose(x):
    """Matrices transposed, and conjugated if they are complex."""
    turned = np.swapaxes(x, -1, -2)
    return np.conj(turned) if np.iscomplexobj(x) else turned


def cholesky_adjoint(y_bar, y):
    """The adjoint of `y = np.linalg.cholesky(x)`, lower triangular like the part of x that is read (Murray, 2016)."""
    yt = conjugate_transpose(y)
    s = np.linalg.solve(yt, half_lower(yt @ np.tril(y_bar)))
    s = np.linalg.solve(yt, conjugate_transpose(s))
    return half_lower(s + conjugate_transpose(s))


def singular_slope(x, ord):
    """The derivative by x of its largest (ord=2) or smallest (-2) singular value, or of the sum of all ("nuc")."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    if ord == 2:
        return u[..., :, :1] @ vh[..., :1, :]
    if ord == -2:
        return u[..., :, -1:] @ vh[..., -1:, :]
    return (u * (s > 0)[..., None, :]) @ vh


def place_repeated(y_bar, labels, shape):
    """The adjoint of taking a diagonal by `np.einsum`, as with labels "ii": zeros of `shape`, `y_bar` on it."""
    x_bar = np.zeros(shape, y_bar.dtype)
    np.einsum(labels + "->" + "".join(dict.fromkeys(labels)), x_bar)[...] = y_bar
    return x_bar


# ---------------------------------------------------------------------------------------------------------------
# Structures: adjoints of containers are lists (of tuples and lists) and dicts (of all else)


def zeros_like(x):
    """The zero adjoint of any value: of a container, a new one that can be added to item by item.

    >>> zeros_like((1.0, {"a": 2.0}))
    [0.0, {'a': 0.0}]
    """
    if isinstance(x, np.ndarray):
        return np.zeros_like(x) if x.dtype.kind in "fc" else np.zeros(x.shape)
    if isinstance(x, (tuple, list)):
        return [zeros_like(item) for item in x]
    if isinstance(x, dict):
        return {key: zeros_like(item) for key, item in x.items()}
    if getattr(x, "__closure__", None):
        return {name: 0.0 for name in x.__code__.co_freevars}
    if is_object(x):
        return {key: zeros_like(item) for key, item in attributes(x).items()}
    return 0.0


def is_object(x) -> bool:
    """Whether a value is an object of a class written in Python, which holds attributes of its own."""
    holds = hasattr(x, "__dict__") or hasattr(type(x), "__slots__")
    module = type(x).__module__.partition(".")[0]
    return holds and not isinstance(x, type) and module not in ("numpy", "builtins", "functools", "srcad")


def attributes(x) -> dict:
    """The attributes of an object, by name."""
    return {name: getattr(x, name) for name in structure.attribute_names(x)}


def with_attributes(x, values: dict):
    """An object of the class of `x` with other attributes."""
    made = object.__new__(type(x))
    for name, value in values.items():
        object.__setattr__(made, name, value)  # of frozen ones too
    return made


def add(a, b):
    """The sum of two adjoints of any structure; None, and the number 0 beside a container, stand for zero."""
    if a is None or b is None:
        return b if a is None else a
    if (
        isinstance(a, float)
        and isinstance(b, (tuple, list, dict))
        or isinstance(b, float)
        and isinstance(a, (list, dict))
    ):
        a, b = (b, a) if isinstance(b, float) else (a, b)
        if a == 0.0:
            return b
    if isinstance(a, (tuple, list)):
        return [add(x, y) for x, y in zip(a, b)]
    if isinstance(a, dict):
        return {key: add(a.get(key), b.get(key)) for key in (a if a.keys() == b.keys() else {**a, **b})}  # some came later
    return a + b


def add_into(a, b):
    """Adds the adjoint `b` to the adjoint `a` of a list or a dictionary, in place."""
    if b is not None and not isinstance(b, float):
        for key in range(len(a)) if isinstance(a, list) else b:
            a[key] = add(a[key] if isinstance(a, list) else a.get(key), b[key])


def own(x_bar):
    """An adjoint in memory of its own, at any depth, with lists for tuples; what is in it twice is in the copy twice."""
    return x_bar.copy() if isinstance(x_bar, np.ndarray) else _own(x_bar, {})


def _own(x, known):
    if id(x) in known:
        return known[id(x)]
    if isinstance(x, np.ndarray):
        known[id(x)] = copied = x.copy()
    elif isinstance(x, (tuple, list)):
        known[id(x)] = copied = []
        copied.extend(_own(item, known) for item in x)
    elif isinstance(x, dict):
        known[id(x)] = copied = {}
        copied.update((key, _own(item, known)) for key, item in x.items())
    elif is_object(x):
        known[id(x)] = copied = with_attributes(x, {})
        for key, item in attributes(x).items():
            object.__setattr__(copied, key, _own(item, known))
    else:
        copied = x
    return copied


def kept(x):
    """A copy of a value, kept while that changes: at any depth, each part of the type that it has."""
    return x.copy() if isinstance(x, np.ndarray) else _kept(x, {})


def _kept(x, known):
    if id(x) in known:
        return known[id(x)]
    if type(x) is list:
        known[id(x)] = copied = []
        copied.extend(_kept(item, known) for item in x)
    elif type(x) is dict:
        known[id(x)] = copied = {}
        copied.update((key, _kept(item, known)) for key, item in x.items())
    elif isinstance(x, tuple):
        items = [_kept(item, known) for item in x]
        if all(a is b for a, b in zip(items, x)):
            return x
        known[id(x)] = copied = type(x)._make(items) if hasattr(x, "_make") else tuple(items)
    elif isinstance(x, set):
        known[id(x)] = copied = x.copy()  # of the same items: they are found by what they are
    elif is_object(x) and not isinstance(x, (list, dict)):
        known[id(x)] = copied = with_attributes(x, {})
        for key, item in attributes(x).items():
            object.__setattr__(copied, key, _kept(item, known))
    else:
        try:
            copied = copy.deepcopy(x, known)
        except TypeError:  # there is no copy of it, as of a file
            copied = x
    return copied


def put_back(x, old):
    """Gives an array, a container or an object the contents that it had, of which `old` is a copy."""
    if isinstance(x, np.ndarray):
        x[...] = old
    elif isinstance(x, list):
        x[:] = kept(old)
    elif isinstance(x, (dict, set)):
        x.clear()
        x.update(kept(old))
    elif hasattr(x, "clear") and hasattr(x, "extend"):  # a queue
        x.clear()
        x.extend(kept(old))
    else:
        for name in attributes(x).keys() - attributes(old).keys():
            object.__delattr__(x, name)
        for name, item in attributes(kept(old)).items():
            object.__setattr__(x, name, item)


def captured(function, name):
    """The present value of the variable `name` that a nested function captures, or the function of a derivative."""
    while not hasattr(function, "__closure__"):
        function = function.primal
    return function.__closure__[function.__code__.co_freevars.index(name)].cell_contents


def swallowed(place):
    """Raises the error for a `with` block that was left by an exception which its context manager kept to itself."""
    from srcad.errors import Unsupported

    raise Unsupported(None, f"{place}: an exception ended this `with` block midway; what it computed has no derivative")


class derivative:
    """The block computes tangents: what it raises is not for the handlers of the user's `try`."""

    def __enter__(self):
        return self

    def __exit__(self, cls, error, trace):
        if error is not None:
            error.is_of_a_derivative = True


def let_pass():
    """Raises the exception that is being handled again, if a derivative has raised it."""
    error = sys.exc_info()[1]
    if getattr(error, "is_of_a_derivative", False):
        raise error


# ---------------------------------------------------------------------------------------------------------------
# Memory


def duplicate(x):
    """A copy of a value at any depth; what is in two places of it is in the same two of the copy."""
    return copy.deepcopy(x)


def parts_in(x):
    """What is at any depth in a structure and can be written into: arrays, lists, dictionaries, objects."""
    if isinstance(x, np.ndarray):
        yield x
        return
    if isinstance(x, (tuple, list)):
        held = x
    elif isinstance(x, dict):
        held = x.values()
    elif is_object(x):
        held = attributes(x).values()
    else:
        return
    if not isinstance(x, tuple):
        yield x
    for item in held:
        yield from parts_in(item)


def arrays_in(x):
    """The arrays in a structure."""
    return (part for part in parts_in(x) if isinstance(part, np.ndarray))


def may_overlap(x, y) -> bool:
    """Whether arrays in two structures share memory; two arrays that each own theirs do not."""
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x is y or not (x.flags.owndata and y.flags.owndata) and np.shares_memory(x, y)
    if isinstance(x, (int, float)) or isinstance(y, (int, float)):
        return False
    return any(may_overlap(a, b) for a in arrays_in(x) for b in arrays_in(y))


def check_apart(names, x, *others):
    """Raises an error if `x`, which is written into, shares memory with one of the others, or has a part twice."""
    if any([other is x or may_overlap(x, other) for other in others]):
        wrong, hint = " and shares memory with another argument ({})", "Pass a copy of one of them."
    elif not isinstance(x, np.ndarray) and has_twice(x):
        wrong = ", and has one array, list or object in two places"
        hint = "Pass copies, one for each place: then a write changes one of them."
    else:
        return
    from srcad.errors import Unsupported, place_of

    place, _, names = names.rpartition(": ")
    first, _, rest = names.partition(", ")
    raise Unsupported(place_of(place), f"`{first}` is written into{wrong.format(rest)}", hint=hint)


def check_steps(names, x, value):
    """Raises an error if NumPy reads, of an array, what it has just written: it takes the items of one axis one after the
    other, so that `a[::2] = a[:3]` has the new `a[2]` in `a[4]`."""
    if x.ndim != 1 or value.size < 2 or x.strides[0] == value.strides[-1] or x.strides[0] * value.strides[-1] <= 0:
        return
    order = np.arange(x.size)[:: 1 if x.strides[0] > 0 else -1]
    written, read = (a.__array_interface__["data"][0] + a.strides[-1] * order for a in (x, value))
    _, i, j = np.intersect1d(written, read, return_indices=True)
    is_backward = read[0] < written[0] < read[0] + abs(value.strides[-1]) * x.size
    if np.any(i > j if is_backward else i < j):
        from srcad.errors import Unsupported, place_of

        place, _, names = names.rpartition(": ")
        first, _, second = names.partition(" = ")
        what = f"`{names}` of one array at two steps: NumPy reads of it what it has just written"
        raise Unsupported(place_of(place), what, hint=f"Write {first} = {second}.copy().")


def has_twice(x) -> bool:
    """Whether two parts of a structure are the same, or share memory."""
    seen: set[int] = set()
    arrays: dict[int, list] = {}
    for part in parts_in(x):
        if id(part) in seen:
            return True
        seen.add(id(part))
        if isinstance(part, np.ndarray):
            owner = part
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            near = arrays.setdefault(id(owner if owner.base is None else owner.base), [])
            if any(np.shares_memory(part, other) for other in near):
                return True
            near.append(part)
    return False


def check_length(items, count):
    """Raises what Python raises where an unpacking has other than `count` targets."""
    if len(items) != count:
        many = len(items) > count
        shown = f"expected {count}" if many else f"expected {count}, got {len(items)}"
        raise ValueError(f"{'too many' if many else 'not enough'} values to unpack ({shown})")


def slice_bounds(start, stop, count):
    """Where the part `start:stop` of a list of `count` items begins and ends."""
    first, last, _ = slice(start, stop).indices(count)
    return first, max(first, last)


def check_same_length(place, items, new):
    """Raises an error if a part of a list, which others see as well, is replaced by one of another length."""
    if len(items) != len(new):
        from srcad.errors import Unsupported, place_of

        place, _, text = place.rpartition(": ")
        what = f"`{text}` of a list that another name may share, whose length it changes"
        raise Unsupported(place_of(place), what, hint="Make a new list: xs = [*xs, …].")


def check_view(view, x, place):
    """Raises an error if `view`, through which `x` is changed, is a copy."""
    from srcad.errors import Unsupported, place_of

    if x.size and not np.shares_memory(view, x):
        place, _, text = place.rpartition(": ")
        raise Unsupported(
            place_of(place), f"`{text}` is a copy here, no view: the array is not contiguous",
            hint="Write into the array itself.",
        )  # fmt: skip


def plain_operand(x, place):
    """`x`, which an operator combines with what is differentiated; nothing was known of it when the function was compiled.

    Raises Unsupported for an object whose operators are its own: `A * x` of a sparse matrix is no product of items.
    """
    is_plain = isinstance(x, (np.ndarray, np.generic, numbers.Number, list, tuple))
    if not is_plain or isinstance(x, (np.matrix, np.ma.MaskedArray)):
        from srcad.errors import Unsupported, place_of

        place, _, text = place.rpartition(": ")
        raise Unsupported(
            place_of(place), f"`{text}` with an object of class {type(x).__name__}, which has operators of its own",
            hint="Pass it to the function as an argument: then its class is known. Or make an array of it.",
        )  # fmt: skip
    return x


def real_operand(x, place):
    """`x`, of which nothing was known when a function was compiled. Raises KindError if it is complex, since `np.sign`,
    which is called with it, is constant for real numbers only."""
    if np.iscomplexobj(x):
        from srcad.errors import KindError, place_of

        place, _, text = place.rpartition(": ")
        raise KindError(place_of(place), f"`{text}` of a complex number has no derivative rule", hint="Write z / abs(z).")
    return x


def check_vectorized(found, makes_floats):
    """Raises a ValueError for what `np.vectorize` would make integers, or arrays of objects, of: it goes by the first."""
    if not makes_floats and not len(found):
        raise ValueError("np.vectorize of no items has no type; give otypes=[float]")
    if any(np.ndim(one) for one in found[:1]):
        raise ValueError("np.vectorize of a function that returns arrays: let it return numbers")
    if not makes_floats:
        check_first(found, "np.vectorize")


def check_first(found, what):
    """Raises a ValueError where NumPy would make integers of floats: it takes the type of the first result for all."""
    if np.asarray(found[0]).dtype.kind != "f":
        raise ValueError(f"{what} of a function whose first result is {found[0]!r}: let it return floats")


def within(shape, outer, inner):
    """The index by which an array of `shape` has the part `inner` of its part `outer`: both are made of integers, slices
    and Ellipsis.

    >>> np.arange(12)[within((12,), np.s_[2:], np.s_[::-3])], np.arange(12)[2:][::-3]
    (array([11,  8,  5,  2]), array([11,  8,  5,  2]))
    """
    axes = [range(n) for n in shape]
    for index in (outer, inner):
        parts = list(index) if isinstance(index, tuple) else [index]
        free = [k for k, axis in enumerate(axes) if isinstance(axis, range)]
        if Ellipsis in parts:
            k = parts.index(Ellipsis)
            parts[k : k + 1] = [slice(None)] * (len(free) - len(parts) + 1)
        for k, i in zip(free, parts):
            axes[k] = axes[k][i]
    return tuple(_slice(axis) if isinstance(axis, range) else axis for axis in axes)


def _slice(r):
    if not r:
        return slice(0, 0)
    return slice(r.start, r[-1] + 1 if r.step > 0 else r[-1] - 1 if r[-1] else None, r.step)


# ---------------------------------------------------------------------------------------------------------------
# Tangents: of a container, one of the same class


def widened(y_dot, y):
    """The tangent `y_dot` in the shape of `y`, where only an operand that was broadcast moves.

    >>> widened(2.0, np.ones(3))
    array([2., 2., 2.])
    """
    return y_dot if np.shape(y_dot) == np.shape(y) else np.broadcast_to(y_dot, np.shape(y))


def still(x):
    """The zero tangent of any value: 0.0 for a number, None for what is none, the same structure of those.

    What is in two places of the value is in the same two of the tangent.

    >>> still((1.0, {"a": "text", "b": 2}))
    (0.0, {'a': None, 'b': 0.0})
    """
    return _still(x, {})


def _still(x, known):
    if isinstance(x, (int, float, complex, np.number)):
        return 0.0
    if id(x) in known:
        return known[id(x)]
    zeros = None
    if isinstance(x, np.ndarray):
        zeros = np.zeros_like(x) if x.dtype.kind in "fc" else np.zeros(x.shape)
    elif isinstance(x, (tuple, list)):
        items = [_still(item, known) for item in x]
        zeros = type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    elif isinstance(x, dict):
        zeros = {key: _still(item, known) for key, item in x.items()}
    elif is_object(x):
        known[id(x)] = zeros = with_attributes(x, {})
        for key, item in attributes(x).items():
            object.__setattr__(zeros, key, _still(item, known))
    known[id(x)] = zeros
    return zeros


def stop_gradient(x):
    """`x`, as a constant: no derivative passes through it."""
    return x
