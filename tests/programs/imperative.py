"""Imperative programs: writes, views, aliases, containers and objects that change."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.programs import program

VECTOR = np.array([0.3, -0.7, 1.1, 0.6])


MATRIX = np.arange(12.0).reshape(3, 4) / 7 + 0.2


PLACES = np.array([0, 2, 2, 1])


CHOSEN = np.array([True, False, True, True])


@program((VECTOR,))
def set_elem(x):
    y = np.zeros(4)
    for i in range(4):
        y[i] = x[i] ** 2
    return np.sum(y * x)


@program((VECTOR,))
def set_param(x):
    x[1] = x[0] * x[2]
    return np.sum(x * x)


@program((MATRIX,))
def set_2d(a):
    b = np.zeros((3, 4))
    b[1, 2] = a[0, 1] * a[2, 2]
    b[0] = a[1]
    b[:, 3] = a[:, 0] ** 2
    b[..., 0] = 1.5 * a[..., 1]
    return np.sum(b * b)


@program((VECTOR,))
def set_mask(x):
    y = x.copy()
    y[CHOSEN] = x[CHOSEN] ** 2
    return np.sum(y * x)


@program((VECTOR,))
def set_fancy(x):
    y = np.zeros(4)
    y[PLACES] = x * x
    return np.sum(y * np.arange(1, 5))


@program((VECTOR,))
def set_fancy_aug(x):
    y = np.ones(4)
    y[PLACES] += x * x
    return np.sum(y * y * np.arange(1, 5))


@program((VECTOR,))
def mask_where(x):
    y = x.copy()
    y[y < 0] = 0.0
    return np.sum(y * y)


@program((VECTOR,))
def mask_computed(x):
    y = x.copy()
    y[x < 0.5] *= 2.0
    return np.sum(y * y)


@program((VECTOR,))
def aug_all(x):
    y = x.copy()
    y *= x
    y += 2
    y /= x + 2
    y -= x
    y **= 2
    return np.sum(y)


@program((VECTOR,))
def aug_param(x):
    x *= 2
    x += 1
    return np.sum(x**3)


@program((VECTOR,))
def aug_elem(x):
    y = x.copy()
    y[0] *= x[1]
    y[1:] /= 2 + x[:3]
    y[2] **= 2
    y[::2] -= x[1::2]
    return np.sum(y * y)


@program((VECTOR,))
def overlap(x):
    v = x.copy()
    v[1:] += v[:-1]
    return np.sum(v * v)


@program((VECTOR,))
def overlap2(x):
    v = x.copy()
    v[1:] = v[:-1] * v[1:]
    v[:-1] *= v[1:]
    return np.sum(v * v)


@program((MATRIX[:, :3].copy(),))
def matmul_aug(a):
    b = a.copy()
    b @= a
    return np.sum(b * b)


@program((VECTOR,))
def floordiv_mod(x):
    y = x.copy()
    y %= 0.4
    y *= x
    return np.sum(y)


@program((VECTOR,))
def out_kw(x):
    y = np.empty(4)
    np.multiply(x, x, out=y)
    np.exp(y, out=y)
    return np.sum(y)


@program((VECTOR,))
def out_where(x):
    y = np.zeros(4)
    np.sqrt(x, out=y, where=x > 0)
    return np.sum(y)


@program((VECTOR,))
def add_at(x):
    y = np.zeros(4)
    np.add.at(y, PLACES, x * x)
    return np.sum(y * y)


@program((VECTOR,))
def copyto(x):
    y = np.empty(4)
    np.copyto(y, x * x)
    return np.sum(y * x)


@program((VECTOR,))
def put(x):
    y = np.zeros(4)
    np.put(y, [0, 2], x[:2] ** 2)
    return np.sum(y * y)


@program((VECTOR,))
def fill_diag(x):
    A = np.zeros((4, 4))
    np.fill_diagonal(A, x * x)
    return np.sum(A @ x)


@program((1.5,))
def fill(x):
    y = np.empty(3)
    y.fill(x * x)
    return np.sum(y * y)


@program((VECTOR,))
def sort(x):
    y = x * x
    y.sort()
    return np.sum(y * np.arange(4))


@program((VECTOR,))
def view_slice(x):
    y = x.copy()
    v = y[1:3]
    v *= 2
    v[0] += y[0]
    return np.sum(y * y)


@program((MATRIX,))
def view_row(a):
    b = a.copy()
    for i in range(3):
        row = b[i]
        row *= a[i, 0]
        row[1] = row[0] * row[2]
    return np.sum(b * b)


@program((MATRIX,))
def view_T(a):
    b = a.copy()
    t = b.T
    t[0] = t[1] * t[2]
    return np.sum(b * b)


@program((MATRIX,))
def view_reshape(a):
    b = a.copy()
    f = b.reshape(-1)
    f[3] = f[4] * f[5]
    return np.sum(b * b)


@program((MATRIX,))
def view_ravel(a):
    b = a.copy()
    f = b.ravel()
    f *= 2
    return np.sum(b * b)


@program((MATRIX,))
def view_of_view(a):
    b = a.copy()
    v = b[1:]
    w = v[:, ::2]
    w[0] = w[1] * 3
    v[1, 1] = w[0, 0]
    return np.sum(b * b)


@program((VECTOR,))
def same_name(x):
    y = x.copy()
    z = y
    z[0] = z[1] * z[2]
    return np.sum(y * y)


@program((VECTOR,))
def swap(x):
    u = x.copy()
    v = np.zeros(4)
    for k in range(3):
        v[1:-1] = u[2:] * u[:-2]
        v[0] = u[0]
        u, v = (v, u)
    return np.sum(u * u)


def helper_write(y, i, v):
    y[i] = v * v


@program((VECTOR,))
def helper_writes(x):
    y = x.copy()
    for i in range(3):
        helper_write(y, i, x[i + 1])
    return np.sum(y * y)


@program((VECTOR,))
def closure_writes(x):
    y = np.zeros(4)

    def put(i, v):
        y[i] = v

    for i in range(4):
        put(i, x[i] ** 2)
    return np.sum(y * x)


@program((VECTOR,))
def two_containers(x):
    y = x.copy()
    L = [y, x]
    d = {"a": y}
    d["a"][0] = x[1] * x[2]
    return np.sum(L[0] ** 2)


def same_arg(a, b):
    a[0] = b[1] * 3
    b[2] = a[0] * 2


@program((VECTOR,))
def same_twice(x):
    y = x.copy()
    same_arg(y, y)
    return np.sum(y * y)


@program((VECTOR,))
def overwritten_while(x):
    y = x.copy()
    n = 0
    while np.sum(y * y) > 0.1 and n < 20:
        y[n % 4] = y[n % 4] * 0.5 * y[(n + 1) % 4]
        n += 1
        if n == 7:
            break
    return np.sum(y)


@program((VECTOR,))
def l_extend(x):
    L = []
    L.extend([x[0], x[1] * x[2]])
    L.insert(1, x[3])
    L += [x[0]]
    return sum(L) * L[1]


@program((VECTOR,))
def l_item(x):
    L = [x[0], x[1], x[2]]
    L[1] = L[0] * L[2]
    L[-1] *= 2
    del L[0]
    return L[0] * L[1]


@program((VECTOR,))
def l_pop(x):
    L = list(x)
    a = L.pop()
    b = L.pop(0)
    return a * b + sum(L) * L[0]


@program((VECTOR,))
def l_nested(x):
    L = [[0.0] * 2 for _ in range(2)]
    for i in range(2):
        for j in range(2):
            L[i][j] = x[i] * x[j + 1]
    return L[0][1] * L[1][0] + L[1][1]


@program((VECTOR,))
def l_array(x):
    L = []
    for i in range(4):
        L.append(x[i] * x)
    return np.sum(np.array(L) ** 2)


@program((VECTOR,))
def d_write(x):
    d = {}
    d["a"] = x[0] * x[1]
    d["b"] = d["a"] ** 2
    d["a"] += 1
    d.update(c=x[2])
    return d["a"] * d["b"] + d.get("c", 0.0) + d.setdefault("e", x[3])


@program((VECTOR,))
def d_computed(x):
    d = {}
    for i in range(4):
        d[i] = x[i] ** 2
    return d[0] * d[2] + sum(d.values())


@program((VECTOR,))
def d_str_loop(x):
    d = {"a": 0.0, "b": 0.0}
    for k, i in zip("abab", range(4)):
        d[k] += x[i] ** 2
    return d["a"] * d["b"]


class Obj:
    def __init__(self, x):
        self.x = x
        self.e = 0.0

    def step(self, dt):
        self.x = self.x + dt * np.sin(self.x)
        self.e += np.sum(self.x**2)

    @property
    def energy(self):
        return self.e

    def __call__(self, s):
        return s * self.x[0]

    def __add__(self, o):
        return Obj(self.x + o.x)


@program((VECTOR,))
def obj(x):
    o = Obj(x)
    for k in range(3):
        o.step(0.1)
    return o.energy + o(2.0)


@program((VECTOR,))
def obj_op(x):
    a = Obj(x) + Obj(x * x)
    return np.sum(a.x**2)


class Vec:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __mul__(self, o):
        return Vec(self.a * o, self.b * o)

    def dot(self, o):
        return self.a * o.a + self.b * o.b


@program((0.3, 0.8))
def vec(x, y):
    v = Vec(x, y) * x
    w = Vec(y, x * y)
    return v.dot(w)


@dataclasses.dataclass
class DC:
    w: object
    b: float

    def pred(self, x):
        return np.tanh(self.w * x + self.b)


@program((VECTOR, 0.3))
def dc(w, b):
    m = DC(w, b)
    m.b = m.b * 2
    m.w = m.w * b
    return np.sum(m.pred(1.5))


@program((VECTOR,))
def obj_attr_write(x):
    o = Obj(x.copy())
    o.x[1] = o.x[0] * o.x[2]
    o.e = 3 * x[1]
    o.e *= 2
    return np.sum(o.x**2) + o.e


class Base:
    def __init__(self, k):
        self.k = k

    def f(self, x):
        return self.k * x


class Der(Base):
    def __init__(self, k):
        super().__init__(k)
        self.j = 2 * k

    def f(self, x):
        return super().f(x) + self.j * x * x


@program((0.3, 0.7))
def inherit(k, x):
    return Der(k).f(x)


@program((VECTOR,))
def empty_fill(x):
    y = np.empty_like(x)
    y[0] = x[0]
    for i in range(1, 4):
        y[i] = 0.5 * y[i - 1] + x[i] * y[i - 1]
    return y[-1]


@program((VECTOR,))
def loops2d(x):
    A = np.outer(x, x) + 3 * np.eye(4)
    n = 4
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[k, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            for k in range(i):
                A[i, j] -= A[i, k] * A[k, j]
    return np.sum(A * A)


@program((VECTOR,))
def list_arrays_write(x):
    L = [x.copy(), x * 2]
    L[0][1] = L[1][0] * x[2]
    for a in L:
        a *= 2
    return np.sum(L[0] * L[1])


@program((VECTOR,))
def default_alias(x):

    def acc(v, store=[]):
        store.append(v)
        return sum(store)

    return acc(x[0]) * acc(x[1])


def rec(a, n):
    if n == 0:
        return
    a[n] = a[n] * a[n - 1]
    rec(a, n - 1)


@program((VECTOR,))
def recursion_write(x):
    y = x.copy()
    rec(y, 3)
    return np.sum(y * y)


@program((VECTOR,))
def diagonal_view(x):
    A = np.zeros((4, 4))
    A.flat[::5] = x
    return np.sum(A @ A)


@program((VECTOR,))
def nonbasic_aug_2d(x):
    A = np.zeros((3, 4))
    r = np.array([0, 1, 2, 1])
    c = np.array([0, 1, 2, 3])
    A[r, c] = x * x
    A[r, 0] += x
    return np.sum(A * A)


@program((VECTOR,))
def tuple_swap_elems(x):
    y = x.copy()
    y[0], y[1] = (y[1], y[0] * 2)
    return np.sum(y * np.arange(4))


@program((VECTOR,))
def view_that_shrinks(x):
    y = x.copy()
    rest = y
    while rest.size > 1:
        rest[0] *= rest[1]
        rest[1:] += 0.3 * rest[0] ** 2
        rest = rest[1:]
    return np.sum(y * x)


@program((MATRIX,))
def window_that_moves(a):
    y = a * 1.0
    window = y[:2, :2]
    total = 0.0
    for k in range(4):
        window[...] = np.sin(window) + window[0] * window[1]
        total += np.sum(window)
        window = y[1:, k // 2 : k // 2 + 2] if k % 2 else y[k // 2 :, ::-1]
    return total + np.sum(y * y)


@program((MATRIX, 0.3), (MATRIX, -0.3))
def view_chosen_by_a_branch(a, s):
    y = a * a
    if s > 0:
        part = y[1:, :2]
    else:
        part = y[:1]
    part *= s * part
    old = part[..., 0].copy()
    part[..., 1] -= old * old
    return np.sum(np.exp(y))


@program((VECTOR, 0), (VECTOR, 2))
def view_of_a_view_that_was_chosen(x, k):
    y = 2.0 * x
    part = y if k else y[1:]
    head, tail = part[:1], part[1:]
    tail *= head
    part = tail
    head += tail[0] * part[-1]
    return np.sum(y**3)


@program((VECTOR,))
def itself_at_first_and_then_a_copy(x):
    y = x * 1.0
    total = 0.0
    for k in range(3):
        at = y if k == 0 else y + 0.5 * total
        first, *_ = at
        total += np.sum(at * at) * first
        y *= 1.1
        y[k] += total * x[0]
    return total + np.sum(y)


@program((VECTOR,))
def halves_exchange(x):
    y = x * x
    a, b = y[:2], y[2:]
    a[:], b[:] = b * a, a * 2.0
    a, b = b, a
    a += 0.5 * b
    return np.sum(y * x)


@program((VECTOR, VECTOR * VECTOR + 1))
def loop_over_arrays_that_are_written(x, z):
    u, v = x * 1.0, z * 1.0
    for a in (u, v):
        a[1:] *= a[:-1]
    for a, b in ((u, v), (v[1:], u[:-1])):
        a += 0.5 * b * b
    for a, s in [(u, 2.0), (v, x[0])]:
        a *= s
    return np.sum(u * v)


def exchanging(u, v, n):
    for _ in range(n):
        v[1:-1] = u[1:-1] + 0.3 * u[:-2] * u[2:]
        u, v = v, u
    return u


@program((VECTOR, VECTOR**2, 2), (VECTOR, VECTOR**2, 3), (VECTOR, VECTOR**2, 0))
def helper_that_exchanges_its_arguments(x, z, n):
    u, v = x * 1.0, z * 1.0
    w = exchanging(u, v, n)
    u = w * x
    return np.sum(u * w)


def adds_what_it_makes(y, s):
    t = s * y[:2]
    y[1:3] += t
    y[:2] -= t * t
    y[2:] *= 0.5


@program((VECTOR, 0.7))
def helper_that_adds_what_it_makes(x, s):
    y = x * x
    adds_what_it_makes(y, s)
    adds_what_it_makes(y, 2 * s)
    return np.sum(y * x)


@program((VECTOR, MATRIX))
def methods_of_ufuncs(x, a):
    table = np.subtract.outer(x, np.multiply.outer(0.5, a[0]))
    sums = np.add.reduce(table**2) + np.multiply.reduce(a)
    largest = np.maximum.reduce(table, axis=1, keepdims=True)
    return np.sum(np.add.accumulate(table * sums, axis=1) * largest) + np.add.reduce(a, axis=None)


@program((VECTOR, VECTOR[:3] + 2))
def methods_of_ufuncs_in_place(x, v):
    y = x * 1.0
    np.multiply.at(y, [0, 2, 0], v)
    np.maximum.at(y, np.array([1, 1]), v[0] * x[0])
    np.divide.at(y, [3, 1], 1 + v[0])
    return np.sum(y * y)
