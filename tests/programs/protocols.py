"""What Python's operators, builtins and loops mean for objects: their methods; and loops over unlike things."""

# ruff: noqa: B007

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.programs import normal, program


class Vector:
    dim = 3

    def __init__(self, data):
        self.data = data

    def __add__(self, other):
        return Vector(self.data + (other.data if isinstance(other, Vector) else other))

    def __iadd__(self, other):
        self.data += other.data
        return self

    def __mul__(self, s):
        return Vector(self.data * s)

    __rmul__ = __mul__

    def __matmul__(self, other):
        return float(self.data @ other.data)

    def __getitem__(self, i):
        return self.data[i]

    def __setitem__(self, i, v):
        self.data[i] = v

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return iter(self.data)

    def __abs__(self):
        return np.sqrt(np.sum(self.data**2))

    def __float__(self):
        return float(self.data[0])

    def __lt__(self, other):
        return abs(self) < abs(other)

    def __contains__(self, x):
        return bool(np.any(self.data == x))

    @property
    def norm(self):
        return np.sqrt(np.sum(self.data**2))

    @norm.setter
    def norm(self, v):
        self.data = self.data * (v / self.norm)

    @classmethod
    def full(cls, s):
        return cls(np.full(cls.dim, s))

    @staticmethod
    def unit(k, s):
        return Vector(np.eye(3)[k] * s)


def vector(seed=0):
    return Vector(normal(3, seed=seed))


@program((vector(), 0.7))
def absolute_value(u, s):
    return abs(u) * s


@program((vector(), 0.7))
def item_and_slice(u, s):
    return u[0] * s + np.sum(u[1:] ** 2)


@program((vector(), 0.7), marks="first")
def items_are_set(u, s):
    u[0] = s * u[1]
    u[2] += u[0] * s
    return np.sum(u.data**2)


@program((vector(), 0.7))
def a_loop_over_it(u, s):
    total = 0.0
    for c in u:
        total += c * c * s
    return total


@program((vector(), 0.7))
def unpacked_listed_and_summed(u, s):
    a, b, c = u
    return a * b * c * s + sum(u) * s + sum(list(u)[1:]) + float(u) + len(u) * s


@program((vector(), 0.7))
def a_test_of_membership(u, s):
    return u.data[0] * s if 5.0 in u else s**2 * u.data[1]


@program((normal(3), 0.7))
def class_and_static_methods(a, s):
    return abs(Vector.full(s)) + abs(Vector.unit(1, s) + Vector(a))


@program(([vector(1), vector(2)], 0.7), marks="first")
def largest_of_objects(us, s):
    return abs(max(us)) * s + abs(min(us, key=abs)) + abs(sum(us, Vector.unit(1, 1.0))) * s


@program((vector(1), vector(2), 0.7), marks="first")
def in_place_and_by_setter(u, v, s):
    w = u + v * s
    w += s * u
    w += Vector.unit(1, s)
    w[0] = w[1] * 2
    w[2] += 3.0
    w.norm = 2.0 + s
    return (w @ Vector.full(s)) + abs(w) + len(w) * w[-1]


class Sum:
    """Without `__iadd__`: `u += v` makes another one."""

    def __init__(self, a):
        self.a = a

    def __add__(self, other):
        return Sum(self.a + other.a)

    def __bool__(self):
        return self.a > 0


@program((0.3, 0.7))
def augmented_without_a_method_for_it(x, s):
    u = Sum(x)
    v = u
    u += Sum(s)
    return u.a * v.a


@program((0.3, 0.7))
def truth_by_a_method(x, s):
    w = Sum(-x)
    y = x if w else s
    while not w:
        w = w + Sum(s)
    return y * w.a


class Grid:
    def __init__(self, n):
        self.u = np.zeros((n, n))

    def __getitem__(self, ij):
        return self.u[ij]

    def __setitem__(self, ij, v):
        self.u[ij] = v

    def __len__(self):
        return len(self.u)


@program((normal(3),), marks="first")
def a_grid_of_ones_own(v):
    g = Grid(3)
    g[0] = v
    g[1, 1:] = v[:2] ** 2
    g[2, 0] += v[1]
    g[0, ::2] *= g[1, 2]
    g[-1][1] = 2 * v[0]
    return sum(np.sum(r**2) * k for k, r in enumerate(g)) + np.sum(g[:, 0])


class Ratio:
    __array_ufunc__ = None

    def __init__(self, n, d):
        self.n, self.d = n, d

    def __rmul__(self, other):
        return other * self.n / self.d

    def __rsub__(self, other):
        return Ratio(other * self.d - self.n, self.d)

    def __neg__(self):
        return Ratio(-self.n, self.d)

    def __pow__(self, k):
        return Ratio(self.n**k, self.d**k)

    def __float__(self):
        return self.n / self.d

    def __abs__(self):
        return Ratio(abs(self.n), abs(self.d))


HALF = Ratio(1, 2)


@program((normal(3), 0.7))
def operators_from_the_right(v, k):
    return np.sum(v * Ratio(k, 2.0)) + float(3 - Ratio(k, k + 1) ** 2) + k * HALF + float(abs(-Ratio(-k, 2.0)))


class Move(NamedTuple):
    x: float
    y: float = 1.0

    def __add__(self, other):
        return Move(self.x + other.x, self.y + other.y)

    @property
    def total(self):
        return self.x * self.y


@program((Move(0.3, 0.4), Move(1.0, -0.3)))
def a_namedtuple_with_an_operator(p, q):
    r = p + q
    r += p
    fields = r._asdict()
    return r.x * r.y + sum(v * v for v in fields.values()) + Move(*q).total + Move(x=r.x).total


@dataclass(frozen=True)
class Motion:
    pos: np.ndarray
    vel: np.ndarray
    t: float = 0.0

    def step(self, dt):
        return dataclasses.replace(self, pos=self.pos + dt * self.vel, vel=self.vel - dt * np.sin(self.pos), t=self.t + dt)

    def drift(self, dt):
        return type(self)(self.pos + dt * self.vel, self.vel, self.t + dt)

    def kick(self, dt):
        return self.__class__(self.pos, self.vel - dt * np.sin(self.pos), t=self.t)


@program((Motion(normal(2), normal(2, seed=1)), 0.1))
def frozen_states_replaced(s, dt):
    while s.t < 0.45:
        s = s.step(dt).drift(dt).kick(dt)
    pos, vel, t = dataclasses.astuple(s)
    return np.sum(pos * dataclasses.asdict(s)["vel"]) + t * np.sum(vel)


class Square:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        return self.w * x**2


class Bend:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __call__(self, x):
        return np.tanh(self.a * x + self.b)


@program(([Square(0.5), Bend(0.3, 0.2), Square(1.1)], normal(3)))
def layers_of_different_classes(net, x):
    for i, layer in enumerate(net):
        x = layer(x) * i + x
        if i == 1:
            x = x * 2
    return np.sum(x) + i


@program((0.5, normal(3), [0.3, 0.4, 0.5]), (0.5, normal(3), [0.3, 0.4]))
def layers_beside_numbers(w, x, scales):
    for layer, k in zip([Square(w), Bend(w, 0.1), np.sin], scales):
        x = layer(x) * k
    return np.sum(x)


@program(({"a": Square(0.5), "b": Bend(0.3, 0.2)}, normal(3)))
def layers_by_name(net, x):
    for name, layer in net.items():
        x = layer(x)
        if name == "a":
            x = x * 2
    for layer in reversed(list(net.values())):
        x = x + layer(x)
    return np.sum(x)


@program((0.5, 0.4), (2.5, 0.4))
def unlike_items_until_a_break(w, x):
    s = 0.1
    for op, *a in [("add", w, x), ("neg", x), ("mul", x, w, 2.0)]:
        if op == "add":
            s += a[0] + a[1]
        elif op == "neg":
            s -= a[0] * s
        else:
            s *= a[0] * a[1] * a[2]
        if s > 1.5:
            break
    else:
        s = s * 3
    return s


@program((0.5, 0.4))
def functions_in_a_generator(w, x):
    total = sum(f(w) * k for k, f in enumerate([math.sin, lambda t: t * w, Square(x)]))
    return total + [f(x) for f in (math.cos, Square(w))][1]


@program((0.5, [1.0, (2.0, [0.5, 3.0], (1.5,))]), marks="first")
def a_tree_of_lists_and_tuples(w, tree):
    def total(node, depth):
        if isinstance(node, (list, tuple)):
            return sum(total(k, depth + 1) for k in node)
        return node * w**depth

    return total(tree, 0)


class Node:
    def __init__(self, value, left=None, right=None):
        self.value, self.left, self.right = value, left, right

    def total(self, d):
        s = self.value
        if self.left:
            s += d * self.left.total(d) ** 2
        if self.right is not None:
            s += d * math.sin(self.right.total(d))
        return s


@program((Node(0.4, Node(1.1, None, Node(0.3)), Node(0.6)), 0.7))
def a_tree_of_objects(n, d):
    return n.total(d)


@program((0.4, 0.7))
def a_tree_made_here(a, d):
    return Node(a, Node(a * 2, None, Node(0.3)), Node(d)).total(d)


class Twig(NamedTuple):
    value: float
    kids: tuple


@program((Twig(0.5, (Twig(1.5, ()), Twig(0.2, (Twig(0.9, ()),)))), 0.7), marks="first")
def a_tree_of_namedtuples(t, d):
    def walk(n, depth):
        s = n.value * d**depth
        for k in n.kids:
            s += walk(k, depth + 1) * n.value
        return s

    return walk(t, 0)


@dataclass
class Box:
    low: float
    high: float


@dataclass
class Disc:
    center: Box
    r: float


def area(shape):
    match shape:
        case Box(low=x, high=y):
            return x * y
        case Disc(center=Box(low=a), r=r):
            return math.pi * r**2 + a
        case _:
            return 0.0


@program((Box(0.3, 0.7), Disc(Box(1.0, -0.5), 2.0)))
def shapes_matched(p, c):
    return sum(area(s) for s in (p, c, p))


@program(({"w": normal(2, 3), "b": normal(3), "name": "l1", "sub": {"g": 0.5, "k": 2}}, normal(2)), marks="first")
def chosen_entries_of_a_dictionary(p, x):
    parts = [v * s for k, v in p.items() if k in ("b",) for s in [x[0], x[1]]]
    return sum(np.sum(part**2) for part in parts) * p["sub"]["g"] ** p["sub"]["k"]


@program(([0.3, 1.2, -0.4],))
def starred_lists_of_unknown_length(xs):
    ys = [x * x for x in xs]
    first, *init, last = ys
    a, *b = (first, *init, last)
    c = (*init, a)
    return first * sum(b) * last + sum(c) + c[0]


# --- functools.partial --------------------------------------------------------------------------------------------


def line(c, x, *, shift=0.0):
    return c * x + shift


BASE = np.array([1.0, 2.0, 3.0])
shifted = functools.partial(line, shift=2.0)
twice = functools.partial(line, 2.0)
by_base = functools.partial(line, shift=BASE)
column_sums = functools.partial(np.sum, axis=0)
totals = functools.partial(np.sum, axis=(0, 1), keepdims=False)
weighted = functools.partial(np.dot, BASE)
times = functools.partial(Square(1.5).__call__)
TABLE = {"a": functools.partial(line, shift=5.0), "b": functools.partial(line, 3.0)}


@program((0.7, 0.4))
def partials_of_the_module(c, x):
    return shifted(c, x) * twice(x) + shifted(c, x, shift=c) + TABLE["a"](x, x) * TABLE["b"](c, shift=x) + times(x)


@program((0.7, 0.4))
def partials_made_here(c, x):
    return functools.partial(shifted, c)(x) + sum(map(shifted, [c, x], [x, x])) + functools.partial(line, x=x)(c)


@program((normal(2, 3), 0.4))
def partials_that_fix_options(a, y):
    return np.sum(column_sums(a) ** 2) + np.sum(totals(a[None]) * BASE) + weighted(a[0]) * y + np.sum(by_base(y, y) ** 2)


def applied(f, x, y):
    return f(x, y) * x


@program((0.4, 0.3))
def a_partial_as_argument(x, y):
    return applied(shifted, x, y) + applied(functools.partial(shifted, shift=x), y, x)
