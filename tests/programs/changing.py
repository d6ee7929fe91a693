"""Lists, dictionaries and sets of constants, changed in every way that Python has: what they tell is of its turn."""

from __future__ import annotations

import collections
import heapq
import itertools
from bisect import insort

import numpy as np

from tests.programs import program

NUMBERS = ([1.3, 0.7, 2.1, 0.4],)


def squares(z, places):
    s = 0.0
    for k in places:
        s = s + z[k] ** 2
    return s


@program(NUMBERS)
def heap_of_places(z):
    heap = [3]
    heapq.heappush(heap, 1)
    s = z[heap[0]] ** 2
    heapq.heappush(heap, 0)
    s *= z[heap[0]]
    last = heapq.heappushpop(heap, 2)
    return s * z[heap[0]] ** 3 * z[last]


@program(NUMBERS)
def sorted_insertion(z):
    places = [2]
    insort(places, 0)
    insort(places, 1)
    return z[places[0]] ** 2 * z[places[-1]]


@program(NUMBERS)
def condition_after_extend(z):
    state = [0]
    state.extend([5])
    return z[0] ** 2 if state[-1] == 0 else z[0] ** 3


@program(NUMBERS)
def condition_after_extend_of_nested_lists(z):
    state = [[0], [None]]
    state[0].extend([5])
    state[1].extend((1.5,))
    y = z[0] ** 2 if state[0][-1] == 0 else z[0] ** 3
    return y if state[1][-1] is None else y * z[1]


@program(NUMBERS)
def condition_after_special_methods(z):
    state = [0, 0]
    state.__setitem__(0, 5)
    state.__iadd__([7])
    y = z[0] ** 2 if state[0] == 0 else z[0] ** 3
    return y if state[-1] == 0 else y * z[1]


@program(NUMBERS)
def condition_after_updates(z):
    d = {"a": 0, "b": 0, "c": 0}
    d.update(a=1)
    d.update([("b", 2)])
    d |= {"c": 3}
    d.setdefault("a", 2)
    d.setdefault("e", 2)
    return squares(z, d.values()) * z[d["a"]] * z[d["b"]] ** 2 * z[d["c"]] ** 3


@program(NUMBERS)
def update_of_a_dictionary_in_a_dictionary(z):
    d = {"a": {"b": 0}}
    d["a"] |= {"b": 2}
    return z[d["a"]["b"]] ** 2


@program(NUMBERS)
def repeated_list(z):
    places = [0]
    places *= 3
    s = squares(z, places)
    places += [1]
    places *= 2
    return s * squares(z, places)


@program(NUMBERS)
def stack_that_grows_while_it_is_used(z):
    stack = [0]
    s = 0.0
    while stack:
        k = stack.pop()
        s = s * z[k] + z[k] ** 2
        if k < 2:
            stack.extend([k + 1] if k else [2, 1])
    return s


@program(NUMBERS)
def slices_of_constants(z):
    marks = [0] * 4
    marks[2] = 1
    a, b = marks[1:3]
    y = z[b] ** 2
    marks[1:3] = [7, 7, 7]
    return y * z[a] * z[2] if marks[1] == 7 and len(marks) == 5 else y


@program(NUMBERS)
def order_of_constants(z):
    places = [3, 1, 2]
    places.sort()
    y = z[places[0]] ** 2
    places.reverse()
    y *= z[places[0]]
    places.insert(0, 0)
    places.remove(2)
    del places[-1]
    return y * squares(z, places)


@program(NUMBERS)
def constants_by_another_name(z):
    places = [0, 1]
    same = places
    same.append(2)
    same[0] = 3
    y = squares(z, places)
    holder = {"k": places}
    holder["k"].extend([0])
    return y * squares(z, places)


@program(NUMBERS)
def constants_changed_by_a_nested_function(z):
    heap, seen = [3], []

    def exchanged(k):
        heapq.heappush(heap, k)
        seen.extend([k, k])
        return heap[0]

    s = 0.0
    for k in (2, 0, 1):
        j = exchanged(k)
        s = s * z[j] + z[j] ** 2
    return s * z[heap[0]] * z[len(seen) - 4]


class Steps:
    def __init__(self):
        self.places = [0]
        self.names = {"x": 1}

    def add(self, *more):
        self.places.extend(more)
        self.names.update(x=len(self.places))


@program(NUMBERS)
def constants_of_an_object(z):
    steps = Steps()
    y = z[steps.names["x"]] ** 2
    steps.add(1, 2)
    places = steps.places
    places *= 2
    return y * squares(z, steps.places) * z[steps.names["x"]]


@program(NUMBERS)
def sets_of_constants(z):
    some = {0}
    some |= {1, 2}
    s = squares(z, some)
    some -= {1}
    some.add(3)
    some.discard(0)
    for k in range(4):
        if k in some:
            s = s * z[k] + z[k] ** 2
    return s


@program(NUMBERS)
def queue_of_pairs(z):
    queue = collections.deque([(0, 1)])
    s = 0.0
    while queue:
        k, w = queue.popleft()
        s = s * z[0] + z[k] ** 2 * w
        if k < 3:
            queue.append((k + 1, w + 1))
    return s


@program(NUMBERS)
def counted(z):
    counts = collections.Counter()
    counts["a"] += 1
    counts.update(a=1)
    groups = collections.defaultdict(list)
    groups["a"].append(1)
    y = squares(z, groups["a"])
    groups["a"].append(2)
    return y * squares(z, groups["a"]) * z[counts["a"]] ** 2 * z[counts["b"]]


@program(NUMBERS)
def deleted_constants(z):
    d = dict(a=1, b=3)
    y = z[d["a"]] ** 2
    del d["a"]
    d["a"] = 2
    places = [0, 1, 2]
    del places[0]
    y *= squares(z, places)
    del places[:]
    return y * z[d["a"]] * z[len(places)] ** 3


@program(NUMBERS)
def an_iterator_used_in_two_loops(z):
    items = iter([0, 1, 2, 3])
    s = 0.0
    for k in items:
        s = s + z[k] ** 2
        if k == 1:
            break
    for k in items:
        s = s * z[k]
    return s


@program(NUMBERS)
def a_loop_that_takes_more_from_its_iterator(z):
    items = iter([0, 1, 2, 3])
    s = 0.0
    for k in items:
        s = s * z[k] + z[k] ** 2
        next(items)
    return s


class Memory:
    def __init__(self):
        self.known = {}

    def power(self, k, x):
        if k not in self.known:
            self.known[k] = x**k
        return self.known[k]


@program((1.3,))
def memory_of_an_object(x):
    memory = Memory()
    return memory.power(2, x) * memory.power(2, x) + memory.power(3, x) * len(memory.known)


# ---------------------------------------------------------------------------------------------------------------
# Keys of dictionaries are of any type, whatever runs over them


@program((1.3,))
def keys_that_are_numbers(x):
    d = {1: x, 0: x * x}
    keys = sorted(d)
    y = x**2 if isinstance(keys[0], str) else x**3
    y *= d[max(d)] if isinstance(max(d), int) else 1.0
    return y * d[tuple(d)[-1]] if isinstance(tuple(d), tuple) else y


@program((1.3,))
def keys_beside_other_items(x):
    d = {1: x, 0: x * x}
    s = 0.0
    for k, v in zip(d, [x, x**3]):
        s = s + (k + 1) * v
    for i, k in enumerate(d):
        s = s * x + (i + 1) * d[k]
    for k in reversed(d):
        s = s * x + k
    return s + sum(k * v for k, v in zip([x, 2 * x], d.values()))


@program((1.3,))
def constants_ordered_by_what_varies(x):
    d = {"b": 2, "a": 3}
    ks = sorted(d, key=lambda k: d[k] * x)
    xs = sorted([2, 3], key=lambda k: -k * x, reverse=True)
    return x ** d[ks[0]] * x ** xs[0] * x ** max([2, 3], key=lambda k: -k * x) * x ** max([], default=4)


# ---------------------------------------------------------------------------------------------------------------
# Copies of lists of constants are lists of their own


@program(NUMBERS)
def copies_of_constants(z):
    q = [3, 1, 2]
    p, same, part, more = sorted(q), list(q), q[1:], [*q]
    q.sort()
    same[0], part[0], more[-1] = 0, 3, 1
    s = z[q[0]] * z[p[2]] ** 2 * z[same[0]] * z[part[0]] ** 3 * z[more[2]]
    items = [None] * 2
    items[0] = s
    for v in items:
        if v is not None:
            s = s * v
    return s


@program(NUMBERS)
def copies_of_rows_of_constants(z):
    rows = [[0] * 2 for _ in range(2)]
    rows[0][1] = 3
    other = [r[:] for r in rows]
    other[0][1] = 1
    return z[rows[0][1]] ** 2 * z[other[0][1]]


# ---------------------------------------------------------------------------------------------------------------
# Types of numbers: a number may be of one on one path and of another on another, and a float may be NumPy's


@program((1.3,), (-0.7,))
def numbers_of_two_types(x):
    k = 1 if x > 0 else 2.0
    y = x**2 if isinstance(k, int) else x**3
    for item in (1, True, 2.5):
        y = y * (x if isinstance(item, bool) else x**2 if isinstance(item, int) else x**3)
    both = [1, 2.0]
    return y * (x if isinstance(both[int(x > 0)], float) else 2 * x)


@program((1.3,), (-0.7,))
def floats_of_numpy(x):
    y = x**2 if type(np.sin(x)) is float else x**3
    t = np.float64(1.0) if x > 0 else 1.0
    y = y * x if type(t) is np.float64 else y
    for v in np.array([1.0, 2.0]):
        y = y * (x if type(v) is float else x**2)
    return y


@program((1.3,))
def starred_copies(x):
    q = [x, x * x]
    for _ in range(2):
        q.append(x)
    copy, t = [*q], tuple([x] * 3)
    copy[0] = 2.0
    copy.append(x)
    other, more = [*t], [*t, 1.0]
    other[0], more[0] = 2.0, x * x
    places = [3, 1]
    same = [*places]
    same[0] = 1
    return q[0] * copy[1] * len(q) + t[0] * more[0] * other[1] + x ** places[0] * x ** same[0]


# ---------------------------------------------------------------------------------------------------------------
# Parts of lists, replaced by longer and shorter ones


@program(NUMBERS)
def parts_of_other_lengths(z):
    xs = [v * k for k, v in enumerate(z)]
    xs[1:2] = [z[0] * z[0], z[1], 3.0]
    xs[3:3] = (x * z[2] for x in xs[:2])
    xs[2:1] = [z[3]]
    xs[-1:1] = [z[3] * 2]
    del xs[3:2]
    del xs[-2:]
    return sum(x * (i + 1) for i, x in enumerate(xs))


@program(NUMBERS)
def parts_replaced_in_a_loop(z):
    xs = [z[0], z[1], z[2]]
    s = xs[1]
    for k in range(2):
        xs[k : k + 1] = [xs[k] * z[k], s]
        s = s * xs[k]
    return sum(x * (i + 1) for i, x in enumerate(xs))


@program(NUMBERS)
def parts_of_places_that_were_read(z):
    places = [0, 1, 2]
    s = squares(z, places)
    places[1:2] = [3, 3]
    s = s * z[1] + squares(z, places)
    places[:2] = []
    return s * squares(z, places)


@program(NUMBERS)
def parts_of_a_list_with_two_names(z):
    xs = [z[0], z[1], z[2]]
    same = xs
    xs[1:] = (z[3], 2.0)
    return sum(x * (i + 1) for i, x in enumerate(same))


@program(NUMBERS)
def counters_beside_lists(z):
    s = 0.0
    for x, k in zip(z, itertools.count(2, 3)):
        s = s * k + x
    for i, (x, k) in enumerate(zip(z, itertools.count())):
        s = s * k + x * i
    return s


# ---------------------------------------------------------------------------------------------------------------
# What an array or a list selects of an array is a copy


@program((np.array([0.3, -0.2, 0.5, 0.7]),))
def selected_parts_are_copies(z):
    x = np.outer(z, z)
    y = z[z > 0.4]
    y[0] = 7.0
    columns, rows = x[:, [0, 1]], x[np.array([0, 2]), 1:]
    columns[0] = 1.0
    rows *= 2
    i, j = np.nonzero(x > 0.1)
    some = x[i, j]
    some *= z[1]
    x[i, j] = 1.0
    where = (np.array([0, 1]),)
    u = z[where]
    u[0] = 3.0
    return y[-1] * np.sum(columns) * np.sum(rows) + np.sum(some) * np.sum(x) + np.sum(u**2)


# ---------------------------------------------------------------------------------------------------------------
# Tuples that get longer


@program((1.3,), marks="first")
def tuples_that_grow(x):
    t = (x,)
    before = t
    for k in range(3):
        t += (t[-1] * x,)
    u = ()
    for k in range(3):
        u = u + (x**k,)
    w = (x,)
    while len(w) < 4:
        w = (*w, w[-1] * 2)
    pairs = ((x, 1),)
    for k in range(2):
        pairs += ((x * k, k),)
    return sum(t) * len(t) * sum(before) + sum(u) * u[-1] + w[0] * w[-1] + sum(a * b for a, b in pairs)


@program((1.3,))
def tuples_of_constants_that_grow(x):
    t, place = (1,), (0,)
    for k in range(3):
        t += (k,)
    for _ in range(1):
        place += (1,)
    a = np.outer([x, 2.0], [1.0, x])
    return x ** len(t) * x ** t[-1] * a[place]


@program((1.3,), (-1.3,))
def tuples_of_one_or_two(x):
    t = (x, 1.0) if x > 0 else (x,)

    def path(n):
        return (x,) if n == 0 else path(n - 1) + (x * n,)

    return sum(t) * len(t) + sum(path(3))


# ---------------------------------------------------------------------------------------------------------------
# Adjoints are floats, also where the derivative is a whole number


@program((np.array([0.3, -0.2, 0.5, 0.7]),))
def adjoints_that_begin_as_counts(z):
    n = [1, 2]
    x = np.zeros(4)
    x[1:3] = z[:2] * 0.3
    x[0] = z[3]
    y = np.outer([1.0, z[0]], [z[1], 2.0]).sum(0)
    return np.sum(x) * len(n) + y.max() * y.argmax() + y.min()


# ---------------------------------------------------------------------------------------------------------------
# A sum is apart from the place that it goes to; the tangent of it may be a view that overlaps the place


@program((np.arange(16.0).reshape(4, 4) / 7,), (np.cos(np.arange(16.0)).reshape(4, 4),))
def sums_of_what_overlaps_the_place(a):
    m = a
    a[..., 2] = m[1] + 1.0
    b = a.ravel()
    b[::2] = b[:8] + 1.0
    a[:, 1:] = a[1:].T + 2.0
    return np.dot(a.ravel(), np.linspace(-1.0, 2.0, 16))
