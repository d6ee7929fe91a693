"""Programs by someone who wants srcad to be wrong: each must be right, or refused with the user's line.

`@right` marks what issue 2 says must work; `@either` what may also be refused. The outcome is judged by
`tests.random_programs.judge`: value, gradient, arguments left alone, no shared memory, pullbacks called again.
"""

# ruff: noqa: NPY002, B006, B007, B009, B010, B018, B023, E501, E731, E741, F811, F821, F841

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import math
import operator
import types
import typing

import numpy as np
import pytest

import srcad
from tests import random_programs
from tests.random_programs import judge

CASES: list = []


def right(*args, **options):
    return register(args, options, ("right",))


def either(*args, **options):
    return register(args, options, ("right", "refused"))


def register(args, options, allowed):
    def add(fun):
        name = getattr(fun, "__name__", None) or fun.func.__name__
        CASES.append(pytest.param(fun, args, options, allowed, id=f"{name}-{len(CASES)}"))
        return fun

    return add


Z = np.array([0.3, -0.7, 1.1])
M = np.array([[0.3, -0.7, 1.1], [0.5, 0.2, -0.4]])


@dataclasses.dataclass
class Params:
    w: typing.Any
    b: float
    name: str = "p"
    n: int = 2


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: typing.Any
    b: float


Pair = collections.namedtuple("Pair", "a b")


class Typed(typing.NamedTuple):
    a: float
    b: float = 2.0


# ---------------------------------------------------------------------------------------------------------------
# Variables overwritten, read before and after


@right(0.7)
def overwritten_many(x):
    a = x * x
    b = a * x
    a = np.sin(b) * a
    b = a * b
    a = a * b
    x = x * a
    return a + x * b


@right(0.7, 1.3)
def swapped_in_loop(x, y):
    for i in range(5):
        x, y = y * x, np.sin(x) + y
        if i == 2:
            x, y = y, x
    return x * y


@right(0.7, 1.3)
def rotated(a, b):
    c = a * b
    for _ in range(4):
        a, b, c = b, c, a * np.sin(b)
    return a + 2 * b + 3 * c


@right(0.7)
def loop_variable_after(x):
    s = 0.0
    for i in range(4):
        s = s + x**i
    return s * i * x


@right(0.7, Z)
def loop_item_after(x, z):
    for e in z:
        x = x * e + np.sin(e)
    return x * e


@right(0.7, Z)
def loop_item_overwritten(x, z):
    s = 0.0
    for e in z:
        e = e * x
        e *= e
        s += e
    return s + e


@right(0.7, Z)
def loop_variable_shadows_argument(x, z):
    s = x
    for x in z:
        s = s * np.cos(x)
    return s + x


@right(0.7)
def zero_trips(x):
    s = x
    for i in range(0):
        s = s * x
    while s > 100:
        s = s * 2
    else:
        s = s * x
    return s


@either(0.7)
def zero_trips_item_unset(x):
    y = x
    for e in []:
        y = e * x
    return y


@right(0.7)
def nested_breaks(x):
    s = 0.0
    for i in range(4):
        for j in range(4):
            if j > i:
                break
            if (i + j) % 2:
                continue
            s = s * x + i * j + x
        else:
            s = s * s * 0.1
            continue
        s = s + np.sin(s)
        if s > 5:
            break
    else:
        s = -s
    return s


@right(0.7)
def return_in_nested(x):
    for i in range(4):
        for j in range(4):
            x = x * 1.2
            while True:
                x = x + 0.1
                if x > 1.5 and j == 2:
                    return x * x * i + x
                if x > 1.2:
                    break
    return -x


@right(0.7)
def walrus_while(x):
    n = 0
    while (y := x * x) < 30:
        x = y + 0.5 + x
        n += 1
    return y * x * n


@right(0.7)
def walrus_in_condition(x):
    if (y := np.sin(x)) > 0.1 and (z := y * x) > 0.01:
        return y * z
    return y


@right(0.7)
def walrus_in_comprehension(x):
    total = [y := x * i for i in range(3)]
    return sum(total) * y


@right(2.7)
def variable_set_in_one_branch(x):
    if x > 1:
        y = x * x
    if x > 2:
        z = y * x
    if x > 2:
        return z
    return x


@either(0.7)
def conditionally_defined_function(x):
    if x > 0:

        def g(t):
            return t * t * x
    else:

        def g(t):
            return t

    return g(x)


@either(0.7)
def conditionally_defined_lambda(x):
    g = (lambda t: t * x) if x > 1 else (lambda t: np.sin(t) * x)
    return g(x) + g(2 * x)


@right(0.7)
def chosen_in_loop(x):
    s = 0.0
    for i in range(4):
        g = np.sin if i % 2 else np.cos
        s += g(x * i)
    return s


@right(0.7)
def chosen_helper_in_loop(x):
    s = x
    for h in (square, cube, square):
        s = h(s) + x
    return s


def square(t):
    return t * t


def cube(t):
    return t * t * t


@right(0.7)
def functions_in_dict(x):
    table = {"sq": square, "cu": cube, "sin": np.sin}
    s = 0.0
    for k in ["sq", "sin", "cu"]:
        s += table[k](x)
    return s


@right(1.7)
def many_exits(x):
    if x < 0:
        return -x
    if x < 1:
        return x * x
    y = x * 3
    if y < 4:
        return y
    if y > 5:
        y = y * x
        if y > 8:
            return y * y
        return 2 * y
    return y + x


@right(1.7)
def return_only_in_branch(x):
    if x > 0:
        return x**3
    raise ValueError(x)


@right(0.7)
def try_partial(x):
    y = x
    try:
        y = y * x
        z = y * 3
        if z > 1:
            raise ValueError
        y = z * z
    except ValueError:
        y = y * 5 * x
    else:
        y = y + 1
    finally:
        y = np.sin(y)
    return y


@right(0.7)
def try_in_loop(x):
    s = 0.0
    for i in range(4):
        try:
            t = x * i
            if i == 2:
                raise KeyError(i)
            s += t * t
        except KeyError:
            s = s * x
            continue
        s *= 1.1
    return s


@either(0.7)
def try_helper_raises(x):
    def fails(t):
        if t > 0.5:
            raise ValueError("too big")
        return t * t

    y = x * 2
    try:
        y = y * x
        y = fails(y)
        y = y * 7
    except ValueError as e:
        y = y * y
    return y


@right(0.7)
def try_return(x):
    try:
        return x * x
    finally:
        x = 3.0


@either(0.7)
def try_return_in_handler(x):
    s = x
    for i in range(3):
        try:
            s = s * x
            if i == 1:
                raise IndexError
        except IndexError:
            return s * 3
        finally:
            s = s + 1
    return s


@either(0.7)
def try_overwritten_before_exception(x):
    a = x
    try:
        a = np.sin(a)
        a = a * a
        a = [a][3]
    except IndexError:
        a = a * 2
    return a


@right(0.7)
def suppress_context(x):
    with np.errstate(divide="ignore"):
        y = x * x
        with contextlib.nullcontext() as nothing:
            y = y * x
    return y


@either(0.7)
def suppressed_exception(x):
    y = x
    with contextlib.suppress(ValueError):
        y = y * x
        if y < 1:
            raise ValueError
        y = y * 10
    return y * x


# ---------------------------------------------------------------------------------------------------------------
# Closures


@right(0.7)
def closure_sees_later_value(x):
    def g(t):
        return t * y

    y = x
    a = g(x)
    y = x * x
    return a + g(x)


@right(0.7)
def closure_in_loop_sees_current(x):
    k = x
    g = lambda t: t * k
    s = 0.0
    for i in range(3):
        k = k * x + i
        s += g(x)
    return s


@either(0.7)
def closures_stored_late_binding(x):
    fs = []
    for i in range(3):
        fs.append(lambda t: t * i * x)
    return sum(f(x) for f in fs)


@either(0.7)
def closures_stored_with_default(x):
    fs = [lambda t, i=i: t * i * x for i in range(3)]
    return sum([f(x) for f in fs])


@right(0.7)
def closure_returned(x):
    def make(k):
        k2 = k * k

        def g(t):
            return t * k2

        return g

    g = make(x)
    h = make(2.0)
    return g(x) * h(x)


@right(0.7)
def closure_passed(x):
    k = x * x

    def twice(g, t):
        return g(g(t))

    return twice(lambda t: t * k + x, x)


@right(0.7)
def closure_passed_to_module_helper(x):
    k = x * 2
    r = integrate(lambda t: np.sin(t * k), x)
    k = 5.0
    return r * k


def integrate(g, b, n=4):
    h = b / n
    return h * sum(g((i + 0.5) * h) for i in range(n))


@either(0.7)
def nonlocal_counter(x):
    s = x

    def add(t):
        nonlocal s
        s = s * t
        return s

    a = add(x)
    b = add(x + 1)
    return a + b * s


@right(0.7)
def nested_shadowing(x):
    y = x * 2

    def g(y):
        x = y * y
        return x + y

    return g(x) * g(y) + x


@right(0.7)
def inner_function_recursion(x):
    def fact(n, t):
        return t if n <= 1 else n * fact(n - 1, t * x)

    return fact(4, x)


def fib(n, x):
    if n < 2:
        return x + n
    return fib(n - 1, x * 0.9) * 0.5 + fib(n - 2, x * x)


@right(0.7)
def recursion_two_calls(x):
    return fib(5, x)


def even(n, x):
    return x if n == 0 else odd(n - 1, x * x + 0.1)


def odd(n, x):
    return np.sin(x) if n == 0 else even(n - 1, x * 1.5)


@right(0.7)
def mutual_recursion(x):
    return even(5, x) + odd(4, x)


@right((1.5, ((0.5, 2.0), 3.0)))
def tree_recursion(tree):
    def total(t):
        if isinstance(t, tuple):
            return sum(total(c) for c in t) * 0.5
        return t * t

    return total(tree)


def with_default(x, k=3.0, *rest, s=1.0, **kw):
    for r in rest:
        x = x * r
    for name in kw:
        x = x + kw[name] * s
    return x * k


@right(0.7)
def helper_all_arguments(x):
    return with_default(x) + with_default(x, x) + with_default(x, 2.0, x, x, s=x, q=x, w=3.0)


@right(0.7, 0.2)
def helper_starred_call(x, y):
    args = (x, y)
    kw = {"s": x, "q": y}
    return with_default(*args, *args, **kw)


# ---------------------------------------------------------------------------------------------------------------
# Names that generated code might use


@right(0.7, 0.2)
def clash_bars(x, x_bar):
    saved = x * x_bar
    result = saved * x
    result_bar = result + x_bar
    return result_bar * saved * result


@right(0.7)
def clash_many(x):
    s_tape = x
    own = x * 2
    add = own * x
    scatter = add + 1
    spread = np.sin(scatter)
    exp = np.exp(spread)
    branch = exp * x
    trips = branch
    i = trips * 0.5
    items = [i, exp]
    captured = items[0] * items[1]
    for exp_1 in items:
        captured = captured * np.exp(exp_1 * 0.1)
    sin = np.sin(captured) * np.sin(captured * 2)
    return sin * captured + own


@right(0.7)
def clash_np(x):
    import numpy as jnp

    math = x * x
    return jnp.exp(x) * math


@right(0.7)
def clash_builtins(x):
    len = x * x
    range = len + 1
    zip = range * x
    reversed = zip * 2
    list = reversed
    float = list
    for n in (1, 2, 3):
        float = float * len * n
    return float


@right(0.7)
def clash_self(f):
    f_forward = f * f
    f_adjoint = f_forward * f
    seed = f_adjoint
    pullback = seed
    return f_forward * f_adjoint * pullback


@right(0.7)
def clash_helper(x):
    square_saved = square(x)
    square_adjoint = square(square_saved)
    square_1 = square(square_adjoint)
    return square_1 * square_saved


@right(0.7)
def clash_underscore(_):
    _1 = _ * _
    __x = _1
    return __x * _


@right(0.7)
def clash_unicode(θ):
    ϕ = θ * θ
    return np.sin(ϕ) * θ


# ---------------------------------------------------------------------------------------------------------------
# Parameters


@right(0.7, 0.2)
def keyword_only_default(x, y=2.0, *, k=3.0, n=2):
    return x**n * k + y


@right(0.7, 0.3, 0.4)
def star_args(x, *rest):
    s = x
    for r in rest:
        s = s * r
    return s + rest[0]


@right(0.7, 0.3)
def unused_argument(x, y):
    return x * 2


@right(0.7, Z)
def unused_array(x, z):
    return x * 2


@right(0.7)
def constant_result(x):
    return 3.0


@right(0.7)
def returns_argument(x):
    return x


@right(0.75)
def returns_int_sum(x):
    n = int(x * 10)
    return n * 1.0 + x


@right({"w": Z, "b": 0.3, "name": "lin", "n": 3})
def dict_params(p):
    return np.sum(p["w"] ** 2) * p["b"] + p["n"]


@right(Params(Z, 0.3))
def dataclass_params(p):
    q = p.w * p.b
    return np.sum(q * q) + p.b**p.n


@right(Frozen(Z, 0.3))
def frozen_params(p):
    return np.sum(p.w) * p.b


@right(Pair(0.3, Z))
def namedtuple_params(p):
    a, b = p
    return a * np.sum(b) + p.a * p[1][0]


@right([0.3, [0.4, (0.5, Z)], None, "s"])
def nested_params(p):
    return p[0] * p[1][0] + p[1][1][0] * np.sum(p[1][1][1])


@right([Z, Z * 2, M])
def list_of_arrays(ps):
    s = 0.0
    for p in ps:
        s += np.sum(p * p)
    return s


@right([0.3, 0.5, 0.7])
def list_of_floats(ps):
    s = 1.0
    for i, p in enumerate(ps):
        s *= p + i
    return s + ps[-1] + sum(ps) + max(ps)


@right([])
def empty_list_param(ps):
    return 1.0 + sum(ps)


@right({"layers": [(M, np.ones(2)), (np.ones((1, 2)), np.zeros(1))]}, Z)
def layers(params, x):
    for w, b in params["layers"]:
        x = np.tanh(w @ x + b)
    return np.sum(x)


@right(np.float64(0.7))
def float64_scalar(x):
    return np.sin(x) * x


@right(np.array(0.7))
def zero_d(x):
    return np.sin(x) * x**2


@right(np.array([0.7]))
def one_element(x):
    return (np.sin(x) * x**2)[0]


@right(np.zeros((0, 3)))
def empty_array(x):
    return np.sum(x * x) + np.sum(x.sum(axis=0))


@right(np.array(0.7), Z)
def zero_d_broadcast(x, z):
    return np.sum(z * x + x)


@right(M[:, ::2])
def non_contiguous(m):
    return np.sum(m * m * m)


@right(M.T)
def fortran_order(m):
    return np.sum(m[0] * m[1]) + m[2, 0]


@right(Z[::-1])
def negative_stride(z):
    return np.sum(z[1:] * z[:-1])


# ---------------------------------------------------------------------------------------------------------------
# Broadcasting with extents of 1


@right(np.ones((3, 1)), Z)
def outer_broadcast(a, b):
    return np.sum(a * b * b)


@right(np.array([0.4]), Z)
def extent_one(a, b):
    return np.sum(np.sin(a * b) + a - b / a)


@right(Z)
def shrinking_in_loop(x):
    for i in range(3):
        x = x[::2] * 1.5
    return np.sum(x)


@right(np.arange(1.0, 9.0))
def halving(x):
    while len(x) > 1:
        x = x[::2] * x[1::2]
    return x[0]


@right(np.arange(1.0, 5.0))
def growing(x):
    y = x[:1]
    for i in range(3):
        y = np.concatenate([y, y * x[i]])
    return np.sum(y * y)


@right(Z)
def becomes_extent_one(x):
    s = np.zeros(3)
    y = x
    for i in range(3):
        s = s + y * x
        y = y[:1]
    return np.sum(s * s)


@right(Z)
def scalar_becomes_array(x):
    s = 0.0
    for i in range(3):
        s = s * x + x * i
    return np.sum(s)


@right(0.7, Z)
def kind_changes(x, z):
    y = x
    for i in range(3):
        if i == 1:
            y = y * z
        else:
            y = np.sum(y) * x
    return y


@right(2, Z)
def int_promoted(n, z):
    return n * np.sum(z) + n**2


@right(np.array([1, 2, 3]))
def int_array_promoted(n):
    return np.sum(n * n) * 0.5


@right(0.7)
def bools_in_arithmetic(x):
    a = (x > 0.5) * x + (x < 0.5) * x * x
    return a + True * x


@right(Z)
def masks_in_arithmetic(z):
    m = z > 0
    return np.sum(m * z * z) + np.sum(z[m]) + np.sum(~m * z)


@right(0.7)
def int_loop_arithmetic(x):
    n, s = 1, 0
    for i in range(4):
        n *= 2
        s += n * x
        n -= i // 2
    return s / n


@right(0.7)
def int_becomes_float(x):
    s = 0
    p = 1
    for i in range(4):
        s += p
        p *= x
    return s


@right(0.7)
def int_becomes_float_in_branch(x):
    n = 2
    if x > 0:
        n = x * n
    return n * n


# ---------------------------------------------------------------------------------------------------------------
# Aliases and writes


@either(Z)
def alias_augmented(y):
    z = y
    z += 1
    return np.sum(z * y)


@either(Z)
def alias_of_copy(y):
    y = y.copy()
    z = y
    z *= y
    z[0] = y[1] * y[0]
    return np.sum(z * y)


@either(0.7)
def scalar_alias_augmented(x):
    z = x
    z += x * x
    return z * x


@either(Z)
def view_then_write(y):
    y = y * 1.0
    v = y[1:]
    y[1] = y[0] * y[2]
    return np.sum(v * v) + y[0]


@either(Z)
def write_through_view(y):
    y = y * 1.0
    v = y[::-1]
    v[0] = y[0] * v[1]
    return np.sum(y * y)


@either(Z)
def slice_stored_in_list(y):
    y = y * 1.0
    parts = [y[:2], y[1:]]
    y[1] = y[0] * y[0]
    return np.sum(parts[0] * parts[1])


@either(Z)
def array_in_two_containers(y):
    y = y * 1.0
    a, b = [y], (y, 2)
    a[0][1] = y[0] * y[2]
    return np.sum(b[0] ** 2)


@either(Z)
def array_in_dict_written(y):
    d = {"u": y.copy()}
    u = d["u"]
    u[0] = u[1] * u[2]
    return np.sum(d["u"] ** 2)


def dot_write(a, b):
    a = a.copy()
    a[0] = b[1] * a[2]
    return np.sum(a * b)


@either(Z)
def same_array_twice(z):
    return dot_write(z, z) + np.sum(np.multiply(z, z))


def writes_argument(a, b):
    a[0] = b[1] * a[2]
    return np.sum(a * b)


@either(Z)
def helper_writes_argument(z):
    y = z * 1.0
    r = writes_argument(y, y)
    return r * np.sum(y)


@either(Z)
def writes_own_argument(z):
    z[0] = z[1] * z[2]
    return np.sum(z * z)


@either(Z)
def augments_own_argument(z):
    z *= z
    z += 2
    return np.sum(z * z)


@either(Z)
def augment_ravel_view(z):
    y = (z * 2).reshape(3, 1)
    v = y.ravel()
    v += y[0, 0]
    return np.sum(y * y)


@either(M)
def transposed_view_written(m):
    a = m.copy()
    t = a.T
    t[0] = t[1] * t[2]
    return np.sum(a * a)


@either(M)
def row_views_alive(m):
    a = m * 1.0
    r0, r1 = a[0], a[1]
    r0[1] = r1[0] * r0[2]
    a[1] = r0 * r1
    return np.sum(r1 * r0) + np.sum(a)


@either(M)
def row_loop_written(m):
    a = m * 1.0
    for row in a:
        row[0] = row[1] * row[2]
        row *= row[0]
    return np.sum(a * a)


@either(Z)
def overlapping_add(z):
    v = z * 1.0
    v[1:] += v[:-1]
    v[:-1] *= v[1:]
    v[::-1] -= v * 0.5
    return np.sum(v * v)


@either(Z)
def element_products(z):
    a = z * 1.0
    for i in range(3):
        a[i] *= a[i - 1]
        a[-i] /= 1.0 + a[i] ** 2
    return np.sum(a * a)


@either(Z)
def element_power(z):
    a = np.abs(z) + 0.5
    for i in range(2):
        a[i] **= a[i + 1]
    return np.sum(a)


@either(M)
def nested_writes(m):
    a = np.zeros((2, 3))
    for i in range(2):
        for j in range(3):
            if (i + j) % 2:
                a[i, j] = m[i, j] * a[i, j - 1] + m[i, j]
            else:
                a[i][j] += m[i, j] ** 2
    return np.sum(a * a)


@either(Z)
def recreated_each_pass(z):
    s = 0.0
    for i in range(3):
        b = np.zeros(3)
        b[i] = z[i] * s
        b[:i] += z[:i]
        s = s + np.sum(b * z)
    return s


@either(Z)
def written_in_branch_only(z):
    a = z.copy()
    if z[0] > 0:
        a[1] = a[0] * a[1]
    b = a * 2
    if z[0] > 10:
        a[2] = 0
    else:
        a[0] = b[2] * a[0]
    return np.sum(a * b)


@either(Z)
def value_used_then_overwritten(z):
    a = np.exp(z)
    b = a * a
    a[:] = b * z
    a[1:] = a[1:] * b[:-1]
    return np.sum(a * b)


@either(Z)
def augmented_output_of_ufunc(z):
    a = np.exp(z)
    b = np.sqrt(a)
    b += a
    a *= b
    return np.sum(a * b)


@either(Z)
def augmented_loop_alias(z):
    s = z
    for i in range(3):
        s += z
    return np.sum(s)


@either(Z)
def augmented_after_alias_in_tuple(z):
    s = np.zeros(3)
    t = (s, z)
    s += z * z
    return np.sum(t[0] * t[1])


@either(Z)
def fancy_store(z):
    a = np.zeros(4)
    a[[0, 0, 2]] = z
    a[[1, 1, 3]] += z
    return np.sum(a * a)


@either(Z)
def mask_store(z):
    a = z * z
    a[a > 0.2] = z[0]
    a[a < 0.1] *= 2.0
    return np.sum(a * a)


@either(Z)
def add_at(z):
    a = np.zeros(3)
    np.add.at(a, [0, 0, 1], z)
    return np.sum(a * a)


@either(Z)
def out_argument(z):
    a = np.zeros(3)
    np.multiply(z, z, out=a)
    return np.sum(a * z)


@either(Z)
def copyto(z):
    a = np.zeros(3)
    np.copyto(a, z * z)
    return np.sum(a * z)


@either(Z)
def fill_and_sort(z):
    a = z * 1.0
    a.sort()
    b = np.zeros(3)
    b.fill(a[0])
    return np.sum(a * b)


@either(Z)
def put_and_flat(z):
    a = z * 1.0
    a.flat[0] = z[1] * z[2]
    a.put([1], z[0])
    return np.sum(a * a)


@either(Z)
def shape_assigned(z):
    a = z * z
    a.shape = (3, 1)
    return np.sum(a * z)


@either(Z)
def int_array_written(z):
    a = np.zeros(3, dtype=int)
    a[0] = z[0] * 10
    return np.sum(a * z)


@either(Z)
def float32_array_written(z):
    a = np.zeros(3)
    for i in range(3):
        a[i] = z[i] ** 2
        a[i] += a[i - 1]
    return a[-1]


@either(0.7)
def active_scalar_in_constant_array(x):
    a = np.array([1.0, 2.0, 3.0])
    a[1] = x
    a[2] *= x
    return np.sum(a * a)


@either(0.7)
def global_array_written(x):
    BUFFER[0] = x * x
    BUFFER[1] = BUFFER[0] * x
    return BUFFER[0] * BUFFER[1]


BUFFER = np.zeros(2)


@either(0.7)
def global_list_appended(x):
    STORE.clear()
    STORE.append(x * x)
    return STORE[0] * x


STORE: list = []


@either(Params(Z, 0.3))
def attribute_written(p):
    p.b = p.b * 2
    p.w = p.w * p.b
    return np.sum(p.w) * p.b


@either({"a": 0.3, "b": 0.4})
def dict_argument_written(d):
    d["a"] = d["b"] * d["a"]
    d["c"] = d["a"]
    return d["a"] * d["c"]


@either([0.3, 0.4])
def list_argument_appended(l):
    l.append(l[0] * l[1])
    l[0] *= l[-1]
    return sum(l)


# ---------------------------------------------------------------------------------------------------------------
# Containers


@either(0.7)
def append_and_read(x):
    h = [x]
    for i in range(4):
        h.append(h[-1] * x + h[len(h) // 2])
    return h[-1] + sum(h)


@either(0.7)
def append_pop(x):
    stack = [x, x * x]
    s = 0.0
    while stack:
        t = stack.pop()
        s += t * t
        if t > 0.3 and len(stack) < 3 and s < 2:
            stack.append(t * 0.5)
            stack.append(t * x)
    return s


@either(0.7)
def nested_list(x):
    grid = [[x * i + j for j in range(3)] for i in range(3)]
    grid[1][2] = grid[0][1] * x
    s = 0.0
    for row in grid:
        for v in row:
            s += v * v
    return s


@either(0.7)
def list_of_lists_grown(x):
    rows = []
    for i in range(3):
        row = []
        for j in range(i + 1):
            row.append(x**j)
        rows.append(row)
    return sum(sum(r) for r in rows) + rows[-1][-1]


@either(0.7)
def list_shared_twice(x):
    a = [x]
    b = [a, a]
    b[0].append(x * x)
    return sum(b[1])


@either(0.7)
def list_alias(x):
    a = [x, x * 2]
    b = a
    b[0] = x * x
    return a[0] * a[1]


@either(0.7)
def list_augmented_alias(x):
    a = [x]
    b = a
    b += [x * x]
    return sum(a)


@either(0.7)
def list_multiplied(x):
    a = [x] * 3
    a[0] = x * x
    return a[0] + a[1] * a[2]


@either(0.7)
def list_slices(x):
    a = [x * i for i in range(6)]
    a[1:3] = [x, x]
    del a[0]
    return sum(a[::2]) + sum(a[-2:])


@either(0.7)
def list_changed_while_iterating(x):
    a = [x]
    for v in a:
        if len(a) < 4:
            a.append(v * x)
    return sum(a)


@either(0.7)
def dict_grown(x):
    d = {}
    for i in range(3):
        d[i] = x**i
    return sum(d.values()) + d[2]


@either(0.7)
def dict_setdefault_get(x):
    d = {"a": x}
    d["b"] = d.get("a", 1.0) * x
    d.update(c=x)
    return d["b"] + d.get("z", 2.0) + d.pop("a") + d["c"]


@right(0.7)
def dynamic_index(x):
    t = (x, x * x, 3.0)
    s = 0.0
    for i in range(3):
        s += t[i] * t[-i - 1] * t[(i + 1) % 3]
    return s


@right(Z)
def dynamic_array_index(z):
    s = 0.0
    for i in range(-3, 3):
        s += z[i] * z[-1 - abs(i) % 3] * (i + 1)
    return s


@right(Z)
def index_from_data(z):
    k = int(np.argmax(z))
    j = np.argsort(z)
    return z[k] * z[j[0]] + np.sum(z[j] * np.arange(3))


@right(Z)
def repeated_indices(z):
    return np.sum(z[[0, 0, 2]] ** 2) + np.sum(z[np.array([[1, 1], [1, 0]])] ** 3)


@right(Z)
def comprehension_scope(z):
    i = z[0]
    a = [i * z[1] for i in range(3)]
    b = [v for v in a if v > -10 for i in (1, 2)]
    return i * sum(b) + sum(v * w for v, w in zip(z, z[::-1]))


@right(0.7)
def nested_comprehension(x):
    return sum(sum(x * i * j for j in range(i)) for i in range(4)) + sum([x**k for k in range(3) if k != 1])


@right(0.7)
def dict_comprehension(x):
    d = {k: x * len(k) for k in ("a", "bb")}
    return d["a"] * d["bb"]


@right(0.7)
def starred_unpacking(x):
    a, *b, c = [x, x * x, x * 3, 4.0]
    (d, e), f = (a, c), b
    return d * e + sum(f) * b[0]


@right(0.7)
def namedtuple_made(x):
    p = Pair(x, x * x)
    q = p._replace(a=p.b * x) if False else Pair(a=p.b, b=p.a)
    return p.a * q.a + q[1]


@right(0.7)
def typed_namedtuple_made(x):
    p = Typed(x)
    a, b = p
    return a * b * p.a


@right(0.7)
def dataclass_made(x):
    p = Params(w=x * x, b=x)
    q = dataclasses.replace(p, b=2 * x) if False else Params(p.b, p.w)
    return p.w * q.w + p.n


@either(0.7)
def dataclass_made_written(x):
    p = Params(w=x * x, b=x)
    p.b = p.w * p.b
    p.w += p.b
    return p.w * p.b


@right(0.7)
def reduce_and_maps(x):
    a = functools.reduce(lambda p, q: p * q + x, [x, 2.0, x * x], 1.0)
    b = sum(map(lambda t: t * x, filter(lambda t: t > 0.1, [x, 0.05, x * x])))
    c = functools.reduce(operator.mul, [x, x, 3.0])
    return a + b + c


@right(0.7)
def sorted_and_max(x):
    v = sorted([x * 3, x, -x], key=lambda t: t * t)
    return v[0] + 2 * v[1] + 5 * v[2] + max(x, x * x, 0.1) + min([x, 2 * x]) + max([x, -x], key=abs)


@either(0.7)
def itertools_used(x):
    return sum(a * b for a, b in itertools.product([x, 1.0], [x * x, 2.0])) + sum(itertools.accumulate([x, x, x]))


@right(0.7)
def zip_enumerate_reversed(x):
    s = 0.0
    for i, (a, b) in enumerate(zip([x, 2 * x, 3.0], (x * x, 1.0, x)), start=1):
        s += i * a * b
    for a in reversed([x, 1.0, s]):
        s = s * a + x
    return s


@right({"a": 0.4, "b": Z})
def dict_items(d):
    s = 0.0
    for k, v in d.items():
        s += np.sum(v) * len(k)
    for v in d.values():
        s = s * np.sum(v * v)
    for k in d:
        s += np.sum(d[k])
    return s


@right(0.7)
def boolean_operators(x):
    y = x and x * x
    z = (x > 2 and x) or x * 3
    w = 0.0 or x
    return y + z * w if not x < 0 <= 1 < 2 else x


@right(0.7)
def comparison_chain(x):
    return x * 2 if 0 < x < x + 1 <= 5 != 3 else x


@right(0.7)
def match_forms(x):
    s = 0.0
    for shape in (("c", x), ("r", x, 2.0), {"k": x}, [x, x], 5):
        match shape:
            case ("c", r):
                s += r * r
            case ("r", a, b) if a > 0:
                s += a * b
            case {"k": v}:
                s += v
            case [p, q]:
                s += p * q * 3
            case int(n):
                s += n
    return s


# ---------------------------------------------------------------------------------------------------------------
# Numeric edges


@right(0.7, 0.0)
def power_zero_exponent(x, y):
    return x**y + x**0 + x**1


@right(2.0)
def int_base_power(x):
    return 2**x + 2.0**-x


@right(-2.0)
def negative_base_int_power(x):
    return x**3 + x**-2


@right(np.array([0.0, 1.0, -2.0]))
def array_square_at_zero(x):
    return np.sum(x**2) + np.sum(x**1) + np.sum(x**0)


@right(np.array([-1.0, 4.0]))
def where_nan_branch(x):
    return np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0))


@right(Z)
def norm_and_std(z):
    return np.linalg.norm(z) + z.std() + np.var(z)


@right(0.7)
def math_functions(x):
    return (
        math.sqrt(x)
        + math.hypot(x, 2)
        + math.atan2(x, 2)
        + math.fsum([x, x])
        + math.prod([x, 3, x])
        + math.pow(x, 3)
        + math.fabs(-x)
    )


@right(1.7)
def floor_and_mod(x):
    return x % 0.5 + x // 0.5 + math.fmod(x, 0.3) + round(x, 1) + divmod(x, 0.4)[1]


@right(0.7)
def string_formatting(x):
    name = f"{x:.3f} {x!r}"
    print(name, end="")
    assert x > 0, f"bad {x}"
    return x * len(name.split())


@right(Z)
def attributes_and_methods(z):
    a = z.reshape(-1, 1)
    n = a.shape[0] * a.ndim + z.size
    return (
        (a.T @ a)[0, 0] * n
        + z.dot(z)
        + z.mean()
        + z.max()
        + z.copy().sum()
        + z.astype(float).prod()
        + z.clip(0, 1).sum()
        + z.cumsum()[1]
    )


@right(M)
def axes(m):
    return (
        np.sum(m.sum(axis=0) ** 2)
        + np.sum(m.max(axis=-1, keepdims=True) * m)
        + m.mean(axis=(0, 1))
        + np.sum(np.einsum("ij,kj->ik", m, m))
    )


@right(0.7, Z)
def array_construction(x, z):
    a = np.array([x, x * x, z[0]])
    b = np.array([[x, 1.0, 2.0], a])
    c = np.stack([a, z])
    return np.sum(b @ a) + np.sum(c * c)


@right(Z)
def ternary_on_arrays(z):
    y = z * 2 if np.all(z < 2) else z
    return np.sum(y * y)


@right(Z)
def chained_assignment(z):
    a = b = z * z
    a = a * b
    return np.sum(a + b)


@right(0.7)
def annotated(x: float) -> float:
    y: float = x * x
    z: float
    z = y * x
    return z


@right(0.7)
def lambda_default(x):
    g = lambda t, k=x * x: t * k
    x = x * 5
    return g(x) + g(x, 2.0)


@right(0.7)
def deep_expression(x):
    return x + x * (x + x * (x + x * (x + x * (x + x * (x + x * (x + x * (x + x * (x + x))))))))


@right(0.7)
def long_straight(x):
    a = x
    b = a * 1.1
    c = b * a
    d = c + b
    e = d * c
    a = e * 0.1
    b = a + d
    c = b * e
    d = c - a
    e = d * b
    a = np.sin(e)
    b = a * d
    c = a * b
    d = c * a + b
    e = d * 0.3
    a = e + b
    b = c * d
    c = a + b
    d = c * 2
    e = d + a
    return a * b + c * d + e


@right(0.7)
def while_with_return_and_else(x):
    n = 0
    while n < 5:
        n += 1
        if n == 2:
            continue
        x = x * 1.1
        if x > 50:
            return x
    else:
        x = x * n
    return x * n


@right(0.7)
def del_used(x):
    y = x * x
    z = y * x
    del y
    y = z * 2
    return y * z


@right(0.7)
def pass_and_docstring(x):
    """A doc."""
    if x > 100:
        pass
    else:
        ...
    "a string"
    x
    return x * x


@right(0.7)
def raise_not_taken(x):
    if x < 0:
        raise ValueError(f"negative {x}")
    assert x >= 0
    return math.sqrt(x)


@right(0.7)
def global_constant(x):
    return x * SCALE * TABLE["k"] * CONFIG.rate


SCALE = 2.5
TABLE = {"k": 3.0}
CONFIG = types.SimpleNamespace(rate=0.1)


@right(0.7)
def generator_any_all(x):
    ok = all(x * i < 5 for i in range(3)) and any(t > 0.5 for t in [x, 0.1])
    return x * 2 if ok else x


@right(0.7)
def inner_module_import(x):
    from math import sin
    import numpy.linalg as la

    return sin(x) * la.norm(np.array([x, 1.0]))


@right(0.7)
def complex_not_needed(x):
    return abs(x * x) + float(x) + np.float64(x) + (+x) - (-x)


@right(Z)
def min_max_arrays(z):
    return np.max(z) * np.min(z) + np.maximum(z, 0.2).sum() + np.minimum(z, z[::-1]).sum()


@right(Z)
def tuple_of_arrays_in_loop(z):
    state = (z, z * 0.5)
    for i in range(3):
        p, q = state
        state = (p + 0.1 * q, q - 0.1 * np.sin(p))
    return np.sum(state[0] * state[1])


@right(Z)
def list_of_arrays_collected(z):
    out = []
    h = np.zeros(3)
    for v in z:
        h = np.tanh(h * 0.5 + v)
        out.append(h)
    return np.sum(np.stack(out)) + np.sum(np.array(out)[1])


@right(0.7)
def float_of_array(x):
    a = np.array([x, x * x])
    return float(a[0]) * float(np.sum(a)) + a.item(1) + a.tolist()[0]


@right(0.7)
def else_if_unset(x):
    y = None
    for i in range(3):
        if y is None:
            y = x
        else:
            y = y * x
    return y


@either(0.7)
def none_then_value_dynamic(x):
    best = None
    for v in (x, x * x, 3 * x):
        if best is None or v > best:
            best = v
    return best * x


@right(0.7, None)
def none_argument(x, w):
    if w is None:
        w = x * 2
    return w * x


@right(0.7, "tanh")
def string_argument(x, act):
    if act == "tanh":
        return np.tanh(x)
    return x


@right(0.7, np.tanh)
def function_argument(x, act):
    return act(x) * act(2 * x)


@right(0.7, cube)
def python_function_argument(x, act):
    return act(x) * act(2 * x)


# ---------------------------------------------------------------------------------------------------------------
# What went wrong once, small


@right(2.0)
def closure_made_before_its_variable_changes(x):
    g = lambda t: t * x
    x = x * x
    return g(x)


@right(2.0)
def closure_reads_loop_carried(x):
    k = 1.0
    s = 0.0

    def g(t):
        return t * k

    for i in range(3):
        k = k * x
        s += g(x)
    return s


@right(2.0)
def closure_made_in_loop(x):
    k = 1.0
    s = 0.0
    for i in range(3):

        def g(t):
            return t * k

        k = k * x
        s += g(x)
    return s


@right(2.0)
def closure_around_branch(x):
    k = x
    g = lambda t: t * k
    s = g(x)
    if x > 0:
        k = k * x
    s += g(x)
    return s


@right(2.0)
def closure_in_while(x):
    k = x
    g = lambda t: t * k
    s = 0.0
    while s < 5:
        s += g(x)
        k = k * x
    return s


@either(2.0)
def closure_of_loop_variable_after_loop(x):
    for k in range(3):
        g = lambda t: t * k * x
    return g(x) + k


@either(2.0)
def list_grows_while_iterated(x):
    a = [x]
    for v in a:
        if len(a) < 3:
            a.append(v * x)
    return sum(a)


@right(2.0)
def iterated_name_rebound_constant(x):
    a = [1.0, 2.0]
    s = 0.0
    for v in a:
        s += v * x
        a = [5.0]
    return s


@right(2.0)
def range_bound_rebound(x):
    n = 2
    s = 0.0
    for i in range(n):
        n = 5
        s += x
    return s * n


@right(2.0)
def iterated_array_rebound(x):
    u = np.array([x, x, x])
    for v in u:
        u = u * v
    return np.sum(u)


@right(2.0)
def loop_target_from_inactive_array(x):
    m = np.zeros((2, 3))
    w = np.array([x, x, x])
    for w in m:
        pass
    return np.sum(w)


@right(2.0)
def loop_target_from_enumerate(x):
    s = x
    for i, s in enumerate([1.0, 2.0]):
        pass
    return s * 3


@right(2.0)
def loop_target_from_mixed_tuple(x):
    y = x
    for y, _ in ((1.0, 2), (x, 3)):
        pass
    return y * x


@right(2.0)
def loop_target_from_constant_list(x):
    w = x * x
    for w in [1.0]:
        pass
    return w * x


@right(2.0)
def loop_target_from_range(x):
    w = x * x
    for w in range(3):
        pass
    return w * x


@right(2.0)
def loop_target_from_empty_range(x):
    w = x * x
    for w in range(0):
        pass
    return w * x


@right(2.0)
def with_target_overwrites(x):
    w = x * x
    with open("/dev/null") as w:
        pass
    w = 2.0
    return w * x


@right(2.0)
def except_name_overwrites(x):
    try:
        raise ValueError(x)
    except ValueError as x:
        y = 2.0
    return y * 3


@either(2.0)
def value_carried_by_exception(x):
    try:
        raise ValueError(x)
    except ValueError as e:
        return e.args[0] * x


class Scope:
    def __init__(s):
        s.v = []

    def __enter__(s):
        return s

    def __exit__(s, *a):
        return False


@either(2.0)
def value_kept_in_context_manager(x):
    with Scope() as s:
        y = x * x
        s.v.append(y)
    return s.v[0] * x


@either(2.0)
def value_kept_in_global_dict(x):
    CACHE["v"] = x * x
    return CACHE["v"] * x


class Obj:
    pass


@either(2.0)
def value_kept_in_attribute(x):
    O.v = x * x
    return O.v * x


@either(2.0)
def value_kept_by_setattr(x):
    setattr(O, "v", x * x)
    return O.v * x


def sto(o, v):
    o.v = v


@either(2.0)
def value_kept_by_helper(x):
    sto(O, x * x)
    return O.v * x


@either(2.0)
def value_kept_in_global(x):
    global GV
    GV = x * x
    return GV * x


@either(2.0)
def put_into_array(x):
    a = np.zeros(3)
    np.put(a, [0], x)
    return np.sum(a)


@either(2.0)
def fill_array(x):
    a = np.zeros(3)
    a.fill(x)
    return np.sum(a)


@either(2.0)
def array_setitem_method(x):
    a = np.zeros(3)
    a.itemset if False else None
    a.__setitem__(0, x)
    return np.sum(a)


@either(2.0)
def list_setitem_method(x):
    l = [1.0, 2.0]
    l.__setitem__(0, x)
    return sum(l)


@either(2.0)
def bound_append(x):
    l = []
    p = l.append
    p(x)
    p(x * x)
    return sum(l)


@either(2.0)
def append_in_comprehension(x):
    l = []
    [l.append(x * i) for i in range(3)]
    return sum(l)


@either(2.0)
def constant_base_view_written(x):
    a = np.zeros(3)
    v = a[1:]
    v[0] = x
    return np.sum(a)


@either(2.0)
def constant_alias_written(x):
    a = np.zeros(3)
    b = a
    a[0] = x
    return np.sum(b)


@either(2.0)
def same_array_twice_in_list(x):
    a = np.zeros(3)
    l = [a, a]
    l[0][0] = x
    return np.sum(l[1])


@either(2.0)
def constant_list_alias_written(x):
    a = [0.0]
    b = a
    b[0] = x
    return a[0]


@either(2.0)
def list_in_dict_written(x):
    a = [0.0]
    d = {"k": a}
    a[0] = x
    return d["k"][0]


@either(2.0)
def multiplied_nested_list_written(x):
    a = [[0.0] * 2] * 2
    a[0][0] = x
    return a[1][0]


def wr(a, x):
    a[0] = x


@either(2.0)
def helper_writes_constant_array(x):
    a = np.zeros(3)
    wr(a, x)
    return np.sum(a)


def wr2(a, x):
    a.append(x)


@either(2.0)
def helper_appends(x):
    a = []
    wr2(a, x)
    return sum(a)


@either(2.0)
def closure_appends(x):
    a = []

    def add(v):
        a.append(v)

    add(x)
    add(x * x)
    return sum(a)


@either(2.0)
def asarray_alias_written(x):
    b = np.broadcast_to(np.zeros(1), (3,)).copy()
    b[:] = x
    c = np.asarray(b)
    c[0] = 0.0
    return np.sum(b)


@either(2.0)
def reshape_view_in_loop(x, n=3):
    a = np.zeros(n)
    for i in range(n):
        a[i] = x
        b = a.reshape(-1)
        b[i] *= x
    return np.sum(a)


@either(np.ones(3))
def augmented_alias_after_rebinding(z):
    s = np.zeros(3)
    for i in range(2):
        s += z
    t_ = s
    s = s + 1
    t_ *= z
    return np.sum(s * t_)


@either(2.0)
def chosen_array_written(x):
    a = np.array([1.0, 2.0])
    b = np.array([3.0, 4.0])
    c = a if x > 0 else b
    c[0] = x
    return np.sum(a * a)


def ident(a):
    return a


@either(2.0)
def identity_helper_alias(x):
    a = np.array([1.0, 2.0])
    c = ident(a)
    c[0] = x
    return np.sum(a * a)


@either(2.0)
def identity_lambda_alias(x):
    a = np.array([1.0, 2.0])
    c = (lambda q: q)(a)
    c += x
    return np.sum(a * a)


@either(2.0)
def iterator_next(x):
    h = iter([x, x * x, 3.0])
    a = next(h)
    b = next(h)
    return a * b + sum(h)


@either(2.0)
def zip_consumed(x):
    z = zip([x, x], [x, 1.0])
    l = list(z)
    m = list(z)
    return sum((a * b for a, b in l)) + sum((a * b for a, b in m))


@either(2.0)
def generator_consumed(x):
    g = (x * i for i in range(4))
    a = sum(g)
    b = sum(g)
    return a + b


@either(2.0)
def enumerate_resumed(x):
    e = enumerate([x, x * x])
    s = 0.0
    for i, v in e:
        s += v
        break
    for i, v in e:
        s += 10 * v
    return s


@either(2.0)
def map_consumed(x):
    m = map(lambda q: q * q, [x, 2 * x])
    a = sum(m)
    b = sum(m)
    return a + b


@either(2.0)
def reversed_consumed(x):
    r = reversed([x, x * x])
    a = list(r)
    b = list(r)
    return sum(a) + sum(b)


@either(2.0)
def generator_is_lazy(x):
    k = 2.0
    g = (x * k * i for i in range(4))
    k = 5.0
    return sum(g)


@either(2.0)
def map_is_lazy(x):
    k = 2.0
    m = map(lambda q: q * k, [x])
    k = 5.0
    return sum(m)


@right(2.0)
def random_numbers_once(x):
    rng = np.random.default_rng(0)
    s = 0.0
    for i in range(3):
        s += rng.normal() * x
    return s


@either(2.0)
def side_effect_once(x):
    CNT[0] += 1
    return x * CNT[0]


@right(2.0)
def isinstance_test(x):
    return x if isinstance(x, float) else 0.0


@right(2.0)
def odd_expressions(x):
    return sum([x] * 3) + (x,)[0] + {"a": x}["a"] + [x, x][-1] + "abc".count("a") * x


@right(2.0)
def inner_double_recursion(x):

    def g(n):
        return x * n if n < 2 else g(n - 1) + g(n - 2)

    return g(6)


@right(2.0)
def closure_reads_counter(x):
    i = 0

    def nx():
        return i * x

    s = 0.0
    while i < 3:
        i += 1
        s += nx()
    return s


@right(1.5)
def restored_after_loop(x):
    c = x * x
    a = c
    for i in range(2):
        c *= 0.5
    c = a
    return c


@right(1.5)
def loop_overwrites_what_exp_needs(x):
    c = np.exp(x)
    a = c
    for i in range(2):
        c = c * 0.5
    c = a
    return c


@right(1.5)
def loop_overwrites_what_product_needs(x):
    c = x
    b = c * x
    for i in range(2):
        c = c * 0.5
    return b


@right(1.5, 0.7)
def loop_overwrites_twice(x, y):
    c = y
    b = c * x
    a = c
    for i in range(2):
        a = a * c
        c = a
    return b


@right(1.5, 0.7)
def loop_copies_back(x, y):
    c = y
    b = c * x
    for i in range(2):
        a = c * c
        c = a
    return b


@either(Z)
def two_items_set_to_constants(z):
    v = np.sin(z)
    v[0], v[2] = (2.0, 2.0)
    return np.sum(v)


@either(0.7, Z)
def two_items_chained(x, z):
    v = np.sin(z)
    v[0] = v[1] = x * x
    return np.sum(v * v)


@either(0.7, Z)
def two_items_swapped(x, z):
    v = np.sin(z)
    v[0], v[1] = (v[1], v[0] * x)
    return np.sum(v * v * z)


@either(Z)
def reversed_add(z):
    w = np.tanh(z)
    w[::-1] += w
    return np.sum(w * z)


@either(Z)
def reversed_add_in_branch(z):
    w = z
    if z[0] > 0:
        w = np.tanh(z)
        w[::-1] += w
    return np.sum(w * z)


@right(1.0)
def result_of_helper_unused_in_loop(x):
    for i in range(2):
        b = np.sin(x)
        c = hlp(x)
    return x


def hlp(x):
    return x * x


@right(1.0)
def helper_called_for_nothing_in_loop(x):
    for i in range(2):
        hlp(x)
    return x


@right(1.0)
def helper_called_for_nothing(x):
    hlp(x)
    return x


@either(Z)
def element_product_pullback_twice(z):
    w = np.sin(z)
    w[1] *= z[0]
    return w @ w


@either(1.0)
def pop_in_loop_with_break(x):
    s = [x, x]
    s = [e for e in s]
    for i in range(3):
        a = s.pop()
        break
    return a


@either(-0.3, Z)
def intermediate_shares_memory_with_written(x, z):
    w = x
    if x:
        w = np.tanh(z * w)
        w[::-1] += w
    return np.sum(w)


@either(0.7, Z)
def reversed_add_product(x, z):
    w = np.tanh(z * x)
    w[::-1] += w
    return np.sum(w)


@either(0.7, Z)
def adjoint_of_view_is_no_view(x, z):
    w = np.tanh(z * x)
    w[::-1] += w * x
    return np.sum(w * w)


@either(0.7, Z)
def writes_after_writes(x, z):
    w = z * x
    w[::-1] += w
    w[1:] *= w[:-1]
    return np.sum(w * w)


@right(0.7, 0.3)
def enumerate_array_rebound(x, y):
    v = np.array([x, y])
    for i, a in enumerate(v):
        v = np.array([1.0, 2.0])
    return np.sum(v) + a


@right(Z)
def rows_of_rebound_matrix(z):
    m = np.stack([z, z * 2])
    for w in m:
        m = m * w
    return np.sum(m)


CACHE: dict = {}
O = Obj()
GV = 1.0
CNT = [0]


@right(2.0, [5.0])
def loop_target_from_argument(x, items):
    w = x * x
    for w in items:
        pass
    return w * x


@either(0.7)
def name_never_set_in_dead_branch(x):
    if x > 10:
        s += x
    return x


@either(0.7)
def next_of_generator(x):
    return next(e for e in [x * x, 2.0]) * x


@either(0.7)
def sum_of_500_terms(x):
    return (
        x * 0.0
        + x * 1.0
        + x * 2.0
        + x * 3.0
        + x * 4.0
        + x * 5.0
        + x * 6.0
        + x * 7.0
        + x * 8.0
        + x * 9.0
        + x * 10.0
        + x * 11.0
        + x * 12.0
        + x * 13.0
        + x * 14.0
        + x * 15.0
        + x * 16.0
        + x * 17.0
        + x * 18.0
        + x * 19.0
        + x * 20.0
        + x * 21.0
        + x * 22.0
        + x * 23.0
        + x * 24.0
        + x * 25.0
        + x * 26.0
        + x * 27.0
        + x * 28.0
        + x * 29.0
        + x * 30.0
        + x * 31.0
        + x * 32.0
        + x * 33.0
        + x * 34.0
        + x * 35.0
        + x * 36.0
        + x * 37.0
        + x * 38.0
        + x * 39.0
        + x * 40.0
        + x * 41.0
        + x * 42.0
        + x * 43.0
        + x * 44.0
        + x * 45.0
        + x * 46.0
        + x * 47.0
        + x * 48.0
        + x * 49.0
        + x * 50.0
        + x * 51.0
        + x * 52.0
        + x * 53.0
        + x * 54.0
        + x * 55.0
        + x * 56.0
        + x * 57.0
        + x * 58.0
        + x * 59.0
        + x * 60.0
        + x * 61.0
        + x * 62.0
        + x * 63.0
        + x * 64.0
        + x * 65.0
        + x * 66.0
        + x * 67.0
        + x * 68.0
        + x * 69.0
        + x * 70.0
        + x * 71.0
        + x * 72.0
        + x * 73.0
        + x * 74.0
        + x * 75.0
        + x * 76.0
        + x * 77.0
        + x * 78.0
        + x * 79.0
        + x * 80.0
        + x * 81.0
        + x * 82.0
        + x * 83.0
        + x * 84.0
        + x * 85.0
        + x * 86.0
        + x * 87.0
        + x * 88.0
        + x * 89.0
        + x * 90.0
        + x * 91.0
        + x * 92.0
        + x * 93.0
        + x * 94.0
        + x * 95.0
        + x * 96.0
        + x * 97.0
        + x * 98.0
        + x * 99.0
        + x * 100.0
        + x * 101.0
        + x * 102.0
        + x * 103.0
        + x * 104.0
        + x * 105.0
        + x * 106.0
        + x * 107.0
        + x * 108.0
        + x * 109.0
        + x * 110.0
        + x * 111.0
        + x * 112.0
        + x * 113.0
        + x * 114.0
        + x * 115.0
        + x * 116.0
        + x * 117.0
        + x * 118.0
        + x * 119.0
        + x * 120.0
        + x * 121.0
        + x * 122.0
        + x * 123.0
        + x * 124.0
        + x * 125.0
        + x * 126.0
        + x * 127.0
        + x * 128.0
        + x * 129.0
        + x * 130.0
        + x * 131.0
        + x * 132.0
        + x * 133.0
        + x * 134.0
        + x * 135.0
        + x * 136.0
        + x * 137.0
        + x * 138.0
        + x * 139.0
        + x * 140.0
        + x * 141.0
        + x * 142.0
        + x * 143.0
        + x * 144.0
        + x * 145.0
        + x * 146.0
        + x * 147.0
        + x * 148.0
        + x * 149.0
        + x * 150.0
        + x * 151.0
        + x * 152.0
        + x * 153.0
        + x * 154.0
        + x * 155.0
        + x * 156.0
        + x * 157.0
        + x * 158.0
        + x * 159.0
        + x * 160.0
        + x * 161.0
        + x * 162.0
        + x * 163.0
        + x * 164.0
        + x * 165.0
        + x * 166.0
        + x * 167.0
        + x * 168.0
        + x * 169.0
        + x * 170.0
        + x * 171.0
        + x * 172.0
        + x * 173.0
        + x * 174.0
        + x * 175.0
        + x * 176.0
        + x * 177.0
        + x * 178.0
        + x * 179.0
        + x * 180.0
        + x * 181.0
        + x * 182.0
        + x * 183.0
        + x * 184.0
        + x * 185.0
        + x * 186.0
        + x * 187.0
        + x * 188.0
        + x * 189.0
        + x * 190.0
        + x * 191.0
        + x * 192.0
        + x * 193.0
        + x * 194.0
        + x * 195.0
        + x * 196.0
        + x * 197.0
        + x * 198.0
        + x * 199.0
        + x * 200.0
        + x * 201.0
        + x * 202.0
        + x * 203.0
        + x * 204.0
        + x * 205.0
        + x * 206.0
        + x * 207.0
        + x * 208.0
        + x * 209.0
        + x * 210.0
        + x * 211.0
        + x * 212.0
        + x * 213.0
        + x * 214.0
        + x * 215.0
        + x * 216.0
        + x * 217.0
        + x * 218.0
        + x * 219.0
        + x * 220.0
        + x * 221.0
        + x * 222.0
        + x * 223.0
        + x * 224.0
        + x * 225.0
        + x * 226.0
        + x * 227.0
        + x * 228.0
        + x * 229.0
        + x * 230.0
        + x * 231.0
        + x * 232.0
        + x * 233.0
        + x * 234.0
        + x * 235.0
        + x * 236.0
        + x * 237.0
        + x * 238.0
        + x * 239.0
        + x * 240.0
        + x * 241.0
        + x * 242.0
        + x * 243.0
        + x * 244.0
        + x * 245.0
        + x * 246.0
        + x * 247.0
        + x * 248.0
        + x * 249.0
        + x * 250.0
        + x * 251.0
        + x * 252.0
        + x * 253.0
        + x * 254.0
        + x * 255.0
        + x * 256.0
        + x * 257.0
        + x * 258.0
        + x * 259.0
        + x * 260.0
        + x * 261.0
        + x * 262.0
        + x * 263.0
        + x * 264.0
        + x * 265.0
        + x * 266.0
        + x * 267.0
        + x * 268.0
        + x * 269.0
        + x * 270.0
        + x * 271.0
        + x * 272.0
        + x * 273.0
        + x * 274.0
        + x * 275.0
        + x * 276.0
        + x * 277.0
        + x * 278.0
        + x * 279.0
        + x * 280.0
        + x * 281.0
        + x * 282.0
        + x * 283.0
        + x * 284.0
        + x * 285.0
        + x * 286.0
        + x * 287.0
        + x * 288.0
        + x * 289.0
        + x * 290.0
        + x * 291.0
        + x * 292.0
        + x * 293.0
        + x * 294.0
        + x * 295.0
        + x * 296.0
        + x * 297.0
        + x * 298.0
        + x * 299.0
        + x * 300.0
        + x * 301.0
        + x * 302.0
        + x * 303.0
        + x * 304.0
        + x * 305.0
        + x * 306.0
        + x * 307.0
        + x * 308.0
        + x * 309.0
        + x * 310.0
        + x * 311.0
        + x * 312.0
        + x * 313.0
        + x * 314.0
        + x * 315.0
        + x * 316.0
        + x * 317.0
        + x * 318.0
        + x * 319.0
        + x * 320.0
        + x * 321.0
        + x * 322.0
        + x * 323.0
        + x * 324.0
        + x * 325.0
        + x * 326.0
        + x * 327.0
        + x * 328.0
        + x * 329.0
        + x * 330.0
        + x * 331.0
        + x * 332.0
        + x * 333.0
        + x * 334.0
        + x * 335.0
        + x * 336.0
        + x * 337.0
        + x * 338.0
        + x * 339.0
        + x * 340.0
        + x * 341.0
        + x * 342.0
        + x * 343.0
        + x * 344.0
        + x * 345.0
        + x * 346.0
        + x * 347.0
        + x * 348.0
        + x * 349.0
        + x * 350.0
        + x * 351.0
        + x * 352.0
        + x * 353.0
        + x * 354.0
        + x * 355.0
        + x * 356.0
        + x * 357.0
        + x * 358.0
        + x * 359.0
        + x * 360.0
        + x * 361.0
        + x * 362.0
        + x * 363.0
        + x * 364.0
        + x * 365.0
        + x * 366.0
        + x * 367.0
        + x * 368.0
        + x * 369.0
        + x * 370.0
        + x * 371.0
        + x * 372.0
        + x * 373.0
        + x * 374.0
        + x * 375.0
        + x * 376.0
        + x * 377.0
        + x * 378.0
        + x * 379.0
        + x * 380.0
        + x * 381.0
        + x * 382.0
        + x * 383.0
        + x * 384.0
        + x * 385.0
        + x * 386.0
        + x * 387.0
        + x * 388.0
        + x * 389.0
        + x * 390.0
        + x * 391.0
        + x * 392.0
        + x * 393.0
        + x * 394.0
        + x * 395.0
        + x * 396.0
        + x * 397.0
        + x * 398.0
        + x * 399.0
        + x * 400.0
        + x * 401.0
        + x * 402.0
        + x * 403.0
        + x * 404.0
        + x * 405.0
        + x * 406.0
        + x * 407.0
        + x * 408.0
        + x * 409.0
        + x * 410.0
        + x * 411.0
        + x * 412.0
        + x * 413.0
        + x * 414.0
        + x * 415.0
        + x * 416.0
        + x * 417.0
        + x * 418.0
        + x * 419.0
        + x * 420.0
        + x * 421.0
        + x * 422.0
        + x * 423.0
        + x * 424.0
        + x * 425.0
        + x * 426.0
        + x * 427.0
        + x * 428.0
        + x * 429.0
        + x * 430.0
        + x * 431.0
        + x * 432.0
        + x * 433.0
        + x * 434.0
        + x * 435.0
        + x * 436.0
        + x * 437.0
        + x * 438.0
        + x * 439.0
        + x * 440.0
        + x * 441.0
        + x * 442.0
        + x * 443.0
        + x * 444.0
        + x * 445.0
        + x * 446.0
        + x * 447.0
        + x * 448.0
        + x * 449.0
        + x * 450.0
        + x * 451.0
        + x * 452.0
        + x * 453.0
        + x * 454.0
        + x * 455.0
        + x * 456.0
        + x * 457.0
        + x * 458.0
        + x * 459.0
        + x * 460.0
        + x * 461.0
        + x * 462.0
        + x * 463.0
        + x * 464.0
        + x * 465.0
        + x * 466.0
        + x * 467.0
        + x * 468.0
        + x * 469.0
        + x * 470.0
        + x * 471.0
        + x * 472.0
        + x * 473.0
        + x * 474.0
        + x * 475.0
        + x * 476.0
        + x * 477.0
        + x * 478.0
        + x * 479.0
        + x * 480.0
        + x * 481.0
        + x * 482.0
        + x * 483.0
        + x * 484.0
        + x * 485.0
        + x * 486.0
        + x * 487.0
        + x * 488.0
        + x * 489.0
        + x * 490.0
        + x * 491.0
        + x * 492.0
        + x * 493.0
        + x * 494.0
        + x * 495.0
        + x * 496.0
        + x * 497.0
        + x * 498.0
        + x * 499.0
    )


@either(0.7)
def pullback_of_array_set_in_branch_only(x):
    b = x
    if x > 1:
        v = np.array([x, b])
        b = v @ v
        v[-1] = 0.0
    return b


class Scaled:
    def __init__(self, k):
        self.k = k

    def __mul__(self, other):
        return self.k * other * 100


@either(0.7, Scaled(2.0))
def operator_of_user_class(x, k):
    return k * x


@either(0.7, Z)
def array_multiplied_after_items(x, z):
    w = np.sin(z)
    w[1] *= x
    a = w @ w
    w *= x
    return a


@either(0.7, 0.3)
def array_multiplied_after_slice(x, y):
    u = np.array([x, y, 0.5])
    u[1:] += u[:-1]
    u *= y
    return np.sum(u * 0.3)


@either(0.7)
def column_written_in_loop(x):
    m = np.zeros((2, 3))
    for i in range(3):
        m[:, i % 3] *= x
    return np.sum(m)


@either(0.7, Z)
def item_adds_sum_of_its_array(y, z):
    v = z * y
    for i in range(2):
        v[i] += np.sum(v * y)
    return np.sum(v)


@either(0.7, Z)
def item_adds_sum_of_its_array_once(y, z):
    v = z * y
    v[0] += np.sum(v * y)
    return np.sum(v)


@either(0.7, 0.3)
def sorted_then_pop(x, y):
    s = [x, y]
    for a in sorted(s):
        pass
    c = s.pop()
    return a


# ---------------------------------------------------------------------------------------------------------------
# Constants in containers, changed where the change is easily overlooked: a condition must not be of what was before


@either(1.3)
def constants_changed_by_a_comprehension(z):
    state = [0]
    [state.append(5) for _ in range(2)]
    return z * z if state[-1] == 0 else z**3


@either(1.3)
def constants_changed_by_a_lambda(z):
    state = [0]
    (lambda: state.append(5))()
    return z * z if state[-1] == 0 else z**3


@either(1.3)
def constants_changed_by_the_condition_of_a_comprehension(z):
    state = [0]
    x = [z for k in range(3) if not state.extend([k])]
    return z * z if state[-1] == 0 else sum(x)


@either(1.3)
def constants_changed_by_a_bound_method(z):
    state = [0]
    more = state.extend
    more([4])
    return z * z if state[-1] == 0 else z**3


@either(1.3)
def constants_changed_by_a_method_that_is_handed_on(z):
    state = [0]
    list(map(state.append, [1, 2]))
    return z * z if state[-1] == 0 else z**3


@either(1.3)
def constants_changed_by_a_method_found_by_name(z):
    state = [0]
    getattr(state, "append")(4)
    return z * z if state[-1] == 0 else z**3


@either(1.3)
def constants_of_a_row_repeated_in_place(z):
    rows = [[0], [1]]
    row = rows[0]
    row *= 2
    rows[1] *= 3
    return z ** len(rows[0]) * z ** len(rows[1])


@either(1.3)
def constants_changed_in_an_argument_that_is_a_call(z):
    state = [0]

    def with_(t):
        t.append(5)
        return t

    return z * z if len(with_(state)) == len(state) == 1 else z ** state[-1]


# ---------------------------------------------------------------------------------------------------------------
# What functions that are not differentiated give may be somebody's: a write there is seen


class Holder:
    def __init__(self, t):
        self.t = t

    def given(self):
        return self.t

    def lower(self, by):
        self.t -= by


@either(Z)
def a_method_gives_what_its_object_holds(z):
    holder = Holder(np.full(3, 0.3))
    u = holder.given()
    holder.t -= z
    return np.dot(u, z)


@either(Z)
def a_method_writes_into_what_another_gave(z):
    holder = Holder(np.full(3, 0.3))
    u = holder.given()[1:]
    holder.lower(z)
    return np.sum(u**2)


@either(Z)
def a_nested_function_gives_what_it_captures(z):
    d = np.full(3, 0.3)

    def given():
        return d

    u = given()
    d[:] -= z
    return np.sum(u**2)


@either(Z)
def a_lambda_gives_what_it_captures(z):
    d = np.full(3, 0.3)
    given = lambda: (d, 1)
    u = given()
    d[:] -= z
    return np.sum(u[0] ** 2)


@either(Z)
def rows_that_are_sums_of_rows(z):
    rows = [[np.full(3, 0.3)]]
    others = [r + [] for r in rows]
    twice = [[r[0]] * 2 for r in rows]
    others[0][0] -= z
    return np.sum(rows[0][0] * twice[0][1])


@either(Z)
def the_greatest_of_arrays_is_one_of_them(z):
    d = [np.full(3, 0.3), np.full(3, 0.1)]
    u = max(d, key=lambda q: q[0])
    v = sum([], d[1])
    d[0] -= z
    d[1] -= z * z
    return np.sum(u * v)


@either(Z)
def a_view_of_another_step_is_written_into_its_array(z):
    v = np.concatenate((z, z * z))
    v[::2] = v[:3]
    return np.sum(v**2)


@either(M)
def a_row_is_written_into_a_column(m):
    a = m[:, :2] * 1.0
    a[:, -1] = a[-1]
    a[:, 0] = a[0]
    return np.sum(a**2)


# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fun", "args", "options", "allowed"), CASES)
def test_case(fun, args, options, allowed):
    verdict = judge(fun, args, **options)
    assert verdict.status in allowed, f"{verdict.status}: {verdict.detail}"


@pytest.mark.parametrize("block", range(10))
def test_random_programs(block):
    defects = []
    for seed in range(block * 30, block * 30 + 30):
        text = random_programs.generate(seed)
        verdict = random_programs.judge_text(text, seed)
        if verdict.is_defect:
            defects.append(f"{verdict.status} (seed {seed})\n{text}\n{verdict.detail}")
    assert not defects, "\n\n".join(defects)


# ---------------------------------------------------------------------------------------------------------------
# Between calls


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (2, 3)),
        ((2, 3), (1, 3)),
        ((1, 3), (2, 3)),
        ((2, 1), (1, 3)),
        ((3,), (2, 3)),
        ((2, 3), ()),
        ((1, 1), (1, 1)),
        ((0, 3), (1, 3)),
        ((1,), (0,)),
    ],
)
def test_other_shapes_after_the_first(shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s) for s in shapes)
    GRADIENT_OF_QUOTIENT(np.ones((2, 3)), np.ones((2, 3)))
    found = GRADIENT_OF_QUOTIENT(a, b)
    assert [np.shape(g) for g in found] == [a.shape, b.shape]
    assert judge(quotient, (a, b)).status == "right"


def quotient(a, b):
    return np.sum(a * b * b + a / b)


GRADIENT_OF_QUOTIENT = srcad.grad(quotient, argnums=(0, 1))


def columns(x, k):
    y = x.reshape(k, -1)
    return np.sum(y * y[:, :1] * y[:1])


def test_extent_becomes_one_by_a_parameter():
    x, derivative = np.arange(1.0, 7.0), srcad.grad(columns)
    for k in (2, 1, 6, 3):
        assert np.allclose(derivative(x, k), srcad.grad(columns)(x, k))
        assert judge(columns, (x, k)).status == "right"


def test_captured_variable_changes_its_value_and_kind():
    k = 2.0

    def f(x):
        return np.sum(x * k)

    derivative = srcad.grad(f)
    assert derivative(1.0) == 2.0
    k = 7
    assert derivative(1.0) == 7.0
    k = np.array([1.0, 2.0])
    assert derivative(1.0) == 3.0


def test_the_gradient_by_a_complex_argument_ascends():
    assert srcad.grad(lambda x: abs(x))(1j) == 1j
    with pytest.raises(srcad.SrcadError, match="one real number"):
        srcad.grad(lambda x: x * x)(1j)


def test_derivative_of_a_closure_inside_a_function():
    def outer(x):
        return srcad.grad(lambda y: y**3 * x)(x)

    with contextlib.suppress(srcad.SrcadError):
        assert srcad.grad(outer)(2.0) == pytest.approx(36.0)


DRAWS = np.random.RandomState(0)


def noisy(x):
    return x * x + DRAWS.normal() * x


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: DRAWS.normal() + noisy(x) * x,
        lambda x: np.array([DRAWS.normal(), noisy(x)])[0] * x,
        lambda x: pair_of(DRAWS.normal(), b=noisy(x)) + DRAWS.normal() * x,
        lambda x: DRAWS.normal() * (x if x > 0 else noisy(x)) + noisy(x),
        lambda x: [DRAWS.normal() * x, DRAWS.normal() * noisy(x)][int(DRAWS.normal() * 0)],
    ],
)
def test_effects_keep_their_order(fun):
    def seeded(x):
        DRAWS.seed(3)
        return fun(x)

    def derivative(x):
        DRAWS.seed(3)
        return srcad.value_and_grad(fun)(x)

    for x in (0.7, -0.4):
        value, slope = derivative(x)
        assert value == pytest.approx(seeded(x), rel=1e-14)
        assert slope == pytest.approx((seeded(x + 1e-6) - seeded(x - 1e-6)) / 2e-6, rel=1e-7)


def pair_of(a, b):
    return a * b


def test_an_operand_read_before_it_is_set_in_one_expression():
    derivative = srcad.grad(lambda x: x + (x := x * x) * x)
    assert derivative(1.5) == pytest.approx(1 + 4 * 1.5**3)


def test_random_numbers_are_constants():
    def fun(x):
        return np.sum(x * np.random.rand(3)) + np.random.normal() * x[0]

    np.random.seed(1)
    expected = np.random.rand(3) + np.array([np.random.normal(), 0, 0])
    np.random.seed(1)
    np.testing.assert_allclose(srcad.grad(fun)(np.ones(3)), expected)


def test_no_nan_comes_out_of_a_path_not_taken():
    x = np.array([-1.0, 0.0, 4.0])
    for fun in (
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
        lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)),
        lambda x: np.sum(np.sqrt(np.maximum(x, 0.0)) * (x > 0)),
    ):
        with np.errstate(all="ignore"):
            found = srcad.grad(fun)(x)
        assert np.all(found[:2] == 0) and found[2] > 0
