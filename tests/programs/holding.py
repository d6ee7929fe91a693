"""What containers and objects hold: arrays that change places, views of items, parts that others see, dictionaries that are
filled, dataclasses that are made in the function."""

from __future__ import annotations

import collections
import dataclasses
import math
from dataclasses import InitVar, dataclass, field
from typing import NamedTuple

import numpy as np

from srcad import checkpoint
from tests.programs import normal, program

THREE = np.array([0.6, -0.4, 1.3])
SIX = normal(6)


# ---------------------------------------------------------------------------------------------------------------
# Buffers that change places


def relaxed(old, new):
    new[1:-1] = 0.5 * old[1:-1] + 0.2 * old[1:-1] * old[2:]


@program((SIX, 3), wrt=(0,), marks="first")
def two_buffers_in_a_list(u, n):
    buffers = [u.copy(), u.copy()]
    for _ in range(n):
        buffers[1][1:-1] = buffers[0][1:-1] * buffers[0][2:] + 0.5 * buffers[0][:-2]
        buffers[0], buffers[1] = buffers[1], buffers[0]
    return np.sum(buffers[0] ** 2 * np.arange(6.0))


@program((SIX, 3), wrt=(0,), marks="first")
def two_buffers_by_parity(u, n):
    buffers = (u.copy(), u.copy())
    for k in range(n):
        old, new = buffers[k % 2], buffers[1 - k % 2]
        new[1:-1] = old[1:-1] * old[2:] + 0.5 * old[:-2]
    return np.sum(buffers[n % 2] ** 2 * np.arange(6.0))


@program((SIX, 3), wrt=(0,), marks="first")
def a_tuple_of_buffers_that_is_turned(u, n):
    buffers = (u.copy(), u.copy())
    for _ in range(n):
        old, new = buffers
        relaxed(old, new)
        buffers = (new, old)
    return np.sum(buffers[0] ** 2 * np.arange(6.0))


@program((SIX, 4), wrt=(0,), marks="first")
def three_buffers_that_rotate(u, n):
    buffers = [u.copy() for _ in range(3)]
    for _ in range(n):
        before, now, after = buffers
        after[1:-1] = 2 * now[1:-1] - before[1:-1] + 0.1 * now[2:] * now[:-2]
        buffers = [now, after, before]
    return np.sum(buffers[1] ** 2 * np.arange(6.0))


@program((SIX, 4), wrt=(0,), marks="first")
def the_first_buffer_becomes_the_last(u, n):
    buffers = [u.copy() for _ in range(3)]
    for _ in range(n):
        buffers[2][1:-1] = 2 * buffers[1][1:-1] - buffers[0][1:-1] * buffers[1][2:]
        buffers.append(buffers.pop(0))
    return np.sum(buffers[1] ** 2 * np.arange(6.0))


@program((SIX, 3), wrt=(0,), marks="first")
def buffers_made_before_they_are_held(u, n):
    a = u.copy()
    b = np.zeros_like(a)
    buffers = [a, b]
    for _ in range(n):
        buffers[1][:] = buffers[0] * 1.1 + buffers[0][0] * buffers[0]
        buffers[0], buffers[1] = buffers[1], buffers[0]
    return np.sum(buffers[0] ** 2 * np.arange(6.0))


@program((SIX, 3), wrt=(0,), marks="first")
def two_buffers_in_a_dictionary(u, n):
    state = {"old": u.copy(), "new": u.copy()}
    for _ in range(n):
        old, new = state["old"], state["new"]
        relaxed(old, new)
        state["old"], state["new"] = new, old
    return np.sum(state["old"] ** 2 * np.arange(6.0))


class Simulation:
    def __init__(self, u):
        self.old, self.new, self.seen = u.copy(), u.copy(), []

    def step(self):
        relaxed(self.old, self.new)
        self.old, self.new = self.new, self.old

    def hold(self, u):
        self.seen.append(u)

    def tilt(self, v):
        self.old[0] = v


@program((SIX, 3), wrt=(0,), marks="first")
def two_buffers_in_attributes(u, n):
    simulation = Simulation(u)
    for _ in range(n):
        simulation.step()
    return np.sum(simulation.old**2 * np.arange(6.0))


@program((SIX, 3), wrt=(0,), marks="first")
def an_exchange_in_three_statements(u, n):
    simulation = Simulation(u)
    for _ in range(n):
        relaxed(simulation.old, simulation.new)
        held = simulation.old
        simulation.old = simulation.new
        simulation.new = held
    return np.sum(simulation.old**2 * np.arange(6.0))


@program((THREE,), marks="first refusable")
def another_name_of_a_buffer_that_is_exchanged_in_a_method(x):
    simulation = Simulation(x)
    kept = simulation.new
    simulation.step()
    simulation.tilt(x[1] * x[2])
    return np.sum(kept * x)


@program((THREE,), marks="first refusable")
def the_same_buffer_twice(x):
    buffers = [x * 2.0, x * 3.0]
    i, j = 1, 0 if x[0] > 5.0 else 1
    old, new = buffers[i], buffers[j]
    new[0] = old[1] * old[2]
    return np.sum(buffers[0] * buffers[1])


# ---------------------------------------------------------------------------------------------------------------
# Objects that hold what others see


class Body:
    def __init__(self, place, speed):
        self.place, self.speed, self.trail = place, speed, []

    def step(self, h):
        self.place = self.place + h * self.speed
        self.trail.append(self.place.copy())


class World:
    def __init__(self):
        self.bodies, self.time = [], 0.0

    def add(self, body):
        self.bodies.append(body)

    def step(self, h):
        for body in self.bodies:
            body.step(h)
        self.time += h


@program((THREE,), marks="first")
def an_object_keeps_an_argument_and_has_a_state(v):
    body = Body(np.zeros(3), v)
    for _ in range(3):
        body.step(0.1)
    return np.sum(body.trail[-1] * body.place * v)


@program((THREE,), marks="first")
def a_world_of_bodies(v):
    world = World()
    world.add(Body(np.zeros(3), v))
    world.add(Body(np.ones(3), v * v))
    for _ in range(3):
        world.step(0.1)
    return np.sum(world.bodies[0].trail[-1] * world.bodies[1].place) * world.time


@program((1.2,), marks="first")
def a_list_of_objects_made_in_the_function(v):
    bodies = [Body(0.0, v), Body(1.0, 2.0 * v)]
    for _ in range(3):
        for body in bodies:
            body.place += 0.1 * body.speed**2
    return bodies[0].place * bodies[1].place


@program((THREE,), marks="first refusable")
def what_an_object_keeps_is_overwritten(x):
    v = x * 2.0
    simulation = Simulation(x)
    simulation.hold(v)
    v[0] = x[1] * x[2]
    return np.sum(simulation.seen[0] * x)


@program((THREE,), marks="first refusable")
def an_item_that_an_object_keeps_is_overwritten(x):
    d = {"a": x * 2.0}
    simulation = Simulation(x)
    simulation.hold(d["a"])
    d["a"][0] = x[1] * x[2]
    return np.sum(simulation.seen[0] * x)


# ---------------------------------------------------------------------------------------------------------------
# Views of items


@program((THREE,), marks="first refusable")
def a_view_of_an_item_is_written_into(x):
    items = [x.copy(), x * 2.0]
    view = np.ravel(items[0])
    view[0] = x[1] * x[2]
    return np.sum(items[0] * x)


@program((THREE,), marks="first refusable")
def an_item_is_written_into_of_which_there_is_a_view(x):
    d = {"a": x.copy()}
    view = d["a"].reshape(3, 1)
    d["a"][0] = x[1] * x[2]
    return np.sum(view[:, 0] * x)


@program((THREE,), marks="first refusable")
def a_view_of_an_attribute_is_written_into(x):
    simulation = Simulation(x)
    view = np.ravel(simulation.old)
    view[0] = x[1] * x[2]
    return np.sum(simulation.old * x)


@program((THREE,), marks="first refusable")
def an_item_of_two_lists_is_written_into(x):
    xs, ys = [x.copy()], [x * 2.0]
    both = xs + ys
    xs[0][0] = x[1] * x[2]
    return np.sum(both[0] * x)


@program((THREE,), marks="first refusable")
def an_item_of_a_copied_dictionary_is_written_into(x):
    d = {"a": x * 2.0, "b": x * 3.0}
    e = d.copy()
    d["a"][0] = x[1] * x[2]
    return np.sum(e["a"] * x)


@program((THREE,), marks="first")
def an_array_in_a_tuple_is_written_into(x):
    pair = (x * 2.0, x * 3.0)
    pair[0][0] = x[1] * x[2]
    return np.sum(pair[0] * x * pair[1])


# ---------------------------------------------------------------------------------------------------------------
# Dictionaries

PARAMETERS = {"w": THREE, "b": np.array([0.3])}


def slopes(p):
    r = p["w"] * THREE + p["b"]
    return {"w": 2.0 * r * THREE, "b": 2.0 * np.sum(r)}


@program((PARAMETERS,), marks="first")
def momentum(params):
    v = {k: np.zeros_like(w) for k, w in params.items()}
    for _ in range(3):
        g = slopes(params)
        for k in params:
            v[k] = 0.9 * v[k] + g[k]
        params = {k: params[k] - 0.05 * v[k] for k in params}
    return np.sum(params["w"] ** 2) + params["b"][0] ** 2


@program((PARAMETERS,), marks="first")
def momentum_in_place(params):
    params = {k: w.copy() for k, w in params.items()}
    v = {k: np.zeros_like(w) for k, w in params.items()}
    for _ in range(3):
        g = slopes(params)
        for k in params:
            v[k] *= 0.9
            v[k] += g[k]
            params[k] -= 0.05 * v[k]
    return np.sum(params["w"] ** 2) + params["b"][0] ** 2


@program((1.2, ["a", "b", "c"]), wrt=(0,), marks="first")
def zeros_by_name(x, names):
    v = {k: 0.0 for k in names}
    for i, k in enumerate(names):
        v[k] += x ** (i + 1)
    return v["a"] * v["b"] + v["c"]


@program((1.2, 3), wrt=(0,), marks="first")
def zeros_by_pairs(x, n):
    v = {(i, j): 0.0 for i in range(n) for j in range(n)}
    for i in range(n):
        for j in range(n):
            v[i, j] += x ** (i + 2 * j)
    return v[0, 0] * v[1, 1] + v[n - 1, 1]


@program((THREE, ["a", "b", "c"]), wrt=(0,), marks="first")
def dictionaries_of_pairs(x, names):
    d = {k: v**2 for k, v in zip(names, x)}
    e = dict(zip(names, x * x))
    f = dict.fromkeys(names, 0.0)
    f["a"] += d["a"] * e["b"]
    return f["a"] + d["b"] * e["c"] + dict({"a": x[0]}, b=x[1])["b"]


@program((1.2, ["a", "b", "a", "c"]), wrt=(0,), marks="first")
def counted_by_get(x, names):
    d = {}
    for n in names:
        d[n] = d.get(n, 0.0) + x
    return d["a"] ** 2 * d["b"]


@program((1.2, ["a", "b", "a", "c"]), wrt=(0,), marks="first")
def grouped_by_setdefault(x, names):
    d = {}
    for i, n in enumerate(names):
        d.setdefault(n, []).append(x * (i + 1))
    return sum(d["a"]) ** 2 * sum(d["c"])


@program(({"a": 1.2, "b": 0.4, "c": 2.0},), marks="first")
def entries_taken_out_of_an_argument(d):
    a = d.pop("a")
    z = d.pop("z", 1.5)
    s = a * d["b"] * z
    del d["b"]
    for k in d:
        s += d[k] ** 2
    return s


def fibonacci(n, x, known):
    if n in known:
        return known[n]
    if n < 2:
        return x
    known[n] = fibonacci(n - 1, x, known) + x * fibonacci(n - 2, x, known)
    return known[n]


@program((1.2, 6), wrt=(0,), marks="first")
def memoised(x, n):
    known = {}
    return fibonacci(n, x, known) * known[3]


# ---------------------------------------------------------------------------------------------------------------
# Dataclasses that are made in the function


def ones():
    return np.ones(2)


@dataclass
class Run:
    x: float
    values: list = field(default_factory=list)
    weights: np.ndarray = field(default_factory=ones)
    options: dict = field(default_factory=lambda: {"a": 1.0, "b": 2.0})
    count: int = 0

    def push(self, v):
        self.values.append(v)
        self.count += 1


@dataclass
class Derived(Run):
    y: float = 2.0

    def total(self):
        return sum(self.values) * self.y


@dataclass
class Computed:
    x: float
    scale: InitVar[float]
    y: float = field(init=False)
    trace: list = field(default_factory=list)

    def __post_init__(self, scale):
        self.y = math.sin(self.x) * scale
        self.trace.append(self.y)
        self.extra = np.zeros(2)


@dataclass
class Written:
    x: float
    y: float

    def __init__(self, x, y):
        self.x, self.y = 2.0 * x, y * x


@dataclass(kw_only=True)
class Named:
    a: float
    b: float = 2.0
    c: list = field(default_factory=list)


@dataclass
class Outer:
    x: float
    inner: Named = field(default_factory=lambda: Named(a=1.5))


class Pair(NamedTuple):
    a: float
    b: tuple = (1.0, (2.0,))
    c: np.ndarray = THREE


@program((1.3,), marks="first")
def a_dataclass_with_factories(x):
    run, other = Run(x), Run(2.0 * x)
    for k in range(3):
        run.push(x**k)
        other.values.append(run.x * k)
    run.weights *= run.x
    other.weights[0] = other.x
    run.options["a"] = run.options["b"] * x
    return sum(run.values) * other.values[2] + np.sum(run.weights * other.weights) + run.options["a"] * run.count


@program((1.3,), marks="first")
def a_dataclass_that_inherits_factories(x):
    run = Derived(x, y=x * x)
    run.push(x)
    run.push(run.y)
    return run.total()


@program((1.3,), marks="first")
def a_dataclass_with_a_post_init(x):
    made = Computed(x, x * x)
    made.extra[0] += made.y
    made.trace.append(made.extra[0] * x)
    return made.trace[0] * made.trace[1] + made.y * made.x


@program((1.3,), marks="first")
def a_dataclass_with_an_init_of_its_own(x):
    made = Written(x, x * x)
    return made.x * made.y


@program((1.3,), marks="first")
def dataclasses_by_name_and_in_each_other(x):
    named, outer = Named(b=x, a=x * x), Outer(x)
    named.c.append(named.a * named.b)
    outer.inner.a *= x
    changed = dataclasses.replace(outer, x=named.c[0])
    return named.a * changed.inner.a * changed.x


@program((1.3,), marks="first")
def a_namedtuple_with_defaults(x):
    pair = Pair(x)
    return pair.a * pair.b[1][0] + np.sum(pair.c * x)


# ---------------------------------------------------------------------------------------------------------------
# Generators whose values are taken at once


def powers(x, n):
    p = x
    for _ in range(n):
        yield p
        p = p * x


def one_array_over_and_over(x, n):
    kept = np.zeros(2)
    for k in range(n):
        kept[0], kept[1] = x * k, x
        yield kept


@program((1.2, 4), wrt=(0,), marks="first")
def a_generator_in_a_loop_and_in_a_sum(x, n):
    total = 0.0
    for k, p in enumerate(powers(x, n)):
        total += k * p
    return total * sum(p * p for p in powers(x, n)) + list(powers(x, n))[1]


@program((THREE,), marks="first")
def a_nested_generator(x):
    def squares():
        for v in x:
            yield v * v

    return sum(squares()) * max(squares())


@program((1.2,), marks="first refusable")
def a_generator_of_one_array(x):
    total = 0.0
    for kept in one_array_over_and_over(x, 3):
        total += kept[0] * kept[1]
    return total


def held(x):
    found, kept = [], np.zeros(2)
    for k in range(3):
        kept[0], kept[1] = x * k, x
        found.append(kept)
    return found


@program((1.3,), marks="first refusable")
def a_loop_over_what_a_refused_helper_gives(x):
    return sum(v[0] * v[1] for v in held(x))


# ---------------------------------------------------------------------------------------------------------------
# Results that their own rules read (tanh, exp, sqrt, inv), changed in place where a container holds them


@program((THREE,))
def item_changed_in_place_after_its_rule(z):
    t = np.tanh(z)
    d = [t]
    d[0] += 0.5
    return np.sum(d[0] ** 2)


@program((THREE,))
def unnamed_item_changed_in_place(z):
    d = [1, np.exp(z)]
    d[1] *= 0.5
    e = {"a": [np.sqrt(z**2 + 1)]}
    e["a"][0] -= z
    e["a"][0] /= 2
    return np.sum(d[1] * e["a"][0])


@program((THREE,))
def items_that_are_made_of_themselves(z):
    d = [z * 1.0]
    for _ in range(2):
        d[0] = np.exp(d[0] / 3)
        d[0] *= 0.5
        d.append(np.tanh(d[0]))
        d[-1] += 1
    return np.sum(d[0] * d[1] * d[2])


class Held:
    def __init__(self, t):
        self.t = t

    def scaled(self, by):
        self.t *= by
        return self


@program((THREE,))
def attribute_changed_in_place_after_its_rule(z):
    held = Held(np.tanh(z[::-1]))
    held.t += 0.5
    held.t = np.exp(held.t)
    held.t *= z
    return np.sum(held.scaled(2.0).t ** 2)


@program((THREE,))
def items_given_by_a_function_and_changed_in_place(z):
    def made(q):
        return [np.tanh(q), {"s": np.linalg.inv(np.outer(q, q) + 3 * np.eye(3))}]

    d = made(z)
    d[0] += 0.5
    d[1]["s"] += 1
    d[1]["s"] *= 3
    return np.sum(d[0] @ d[1]["s"])


# ---------------------------------------------------------------------------------------------------------------
# Numbers in containers, changed by an operator: what they are then is no constant of before


@program((0.8,))
def counters_in_containers(x):
    counts = {"a": 1, "b": [2]}
    counts["a"] += 5
    counts["b"][0] -= 2
    y = x**2 if counts["a"] == 6 else x**3
    return y if counts["b"][0] else y * x


@program((0.8,))
def texts_and_tuples_in_containers(x):
    d = ["a", (1,), None]
    d[0] += "b"
    d[1] += (2,)
    d[2] = 1
    d[2] += 2
    y = x**2 if d[0] == "b" else x**3
    return y * x ** len(d[1]) * x ** d[2]


# ---------------------------------------------------------------------------------------------------------------
# Keys that are tuples, in lists and sets that change: a copy of them must not hold lists, which index otherwise

SQUARE = np.array([[0.3, -0.7], [1.1, 0.5]])


def product_at(s, a, keys):
    for k in keys:
        s = s * a[k] ** 2
    return s


@program((SQUARE,))
def keys_that_are_added(a):
    keys = [(0, 1)]
    s = product_at(1.0, a, keys)
    keys.append((1, 1))
    s = product_at(s, a, keys)
    keys.clear()
    return s


@program((SQUARE,))
def keys_in_a_set_that_changes(a):
    keys = {(0, 1), (1, 0)}
    s = 1.0
    for k in sorted(keys):
        s = s * a[k] ** 2
        keys.discard(k)
        keys.add((k[0], 0))
    for k in sorted(keys):
        s = s * a[k] ** 3
    return s


@program((SQUARE,))
def containers_that_checkpointed_calls_read(a):
    def product(s, keys):
        return product_at(s, a, keys)

    some, queue, named = {(0, 1)}, collections.deque([(0, 0)]), {(1, 0): 1}
    run = checkpoint(product_at)
    s = run(run(run(1.0, a, some), a, queue), a, named)
    some |= {(1, 1)}
    queue += [(1, 0)]
    named[1, 1] = 2
    return product(product(s, some), queue)


# ---------------------------------------------------------------------------------------------------------------
# Sets and queues by two names: an operator with = changes the one that there is


@program((THREE,))
def one_set_by_two_names(z):
    some = {0}
    same, pair, held = some, (some, 1), Held(some)
    some |= {1}
    held.t |= {2}
    s = 1.0
    for k in sorted(same):
        s = s * z[k] + z[k] ** 2
    return s * sum(z[k] for k in sorted(pair[0]))


@program((THREE,))
def one_queue_by_two_names(z):
    queue, text = collections.deque([0]), bytearray([1])
    same, also = [queue], text
    queue += [1]
    text += b"\x02"
    text *= 2
    s = 1.0
    for k in (*same[0], *also):
        s = s * z[k] + z[k] ** 2
    return s


@program((THREE,))
def views_of_one_array_at_two_steps(z):
    v = z * 1.0
    v[:2] = v[::2][:2]
    v[::-1] = v
    return np.sum(v * z * z)
