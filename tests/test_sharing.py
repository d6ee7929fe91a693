"""One array in two places of containers and objects, written into through one of them: right, or refused."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from srcad import SrcadError, grad
from tests.reference import gradient, mismatches

X = np.array([0.3, -0.7, 1.2, 0.9])
PROGRAMS = {}


def program(fun):
    """Registers a program, of which it may be refused that it is differentiated."""
    PROGRAMS[fun.__name__] = fun, False
    return fun


def right(fun):
    """Registers a program that is not refused."""
    PROGRAMS[fun.__name__] = fun, True
    return fun


# ---------------------------------------------------------------------------------------------------------------
# Lists, dictionaries, records


def twice(u):
    return [u, u]


def with_a_view(u):
    return [u, u[1:]]


class Pair(NamedTuple):
    a: np.ndarray
    b: np.ndarray


@dataclasses.dataclass
class Record:
    a: np.ndarray
    b: np.ndarray = None


@dataclasses.dataclass
class Linked:
    a: np.ndarray
    b: np.ndarray = None

    def __post_init__(self):
        self.b = self.a


def both_of(u):
    return Record(u, u)


def shared_out(p, q, u):
    p.append(u)
    q.append(u)


@program
def appended_twice(x):
    u, items = np.cos(x), []
    items.append(u)
    items.append(u)
    for k in range(2):
        items[k][0] += items[1 - k][1] * 2
    return np.sum(items[1] ** 2)


@program
def repeated(x):
    items = [np.cos(x)] * 3
    items[0][0] += items[2][1] * items[1][2]
    return np.sum(items[1] ** 2)


@program
def returned_twice(x):
    items = twice(np.cos(x))
    items[0][0] += items[1][1] * 3
    return np.sum(items[1] ** 2)


@program
def returned_with_a_view(x):
    items = with_a_view(np.cos(x))
    items[1][0] += items[0][1] * 3
    return np.sum(items[0] ** 2)


@right
def namedtuple_of_one_array(x):
    u = np.cos(x)
    pair = Pair(u, u)
    pair.a[0] = x[1] * 3
    return np.sum(pair.b**2)


@right
def record_of_one_array(x):
    u = np.cos(x)
    record = Record(u, u)
    record.a[0] = x[1] * 3
    return np.sum(record.b**2)


@program
def record_made_by_a_function(x):
    record = both_of(np.cos(x))
    record.a[0] = x[1] * 3
    return np.sum(record.b**2)


@program
def record_linked_to_itself(x):
    record = Linked(np.cos(x))
    record.a[0] = x[1] * 3
    return np.sum(record.b**2)


@program
def handed_to_two_lists(x):
    p, q = [], []
    shared_out(p, q, np.cos(x))
    p[0][1] = x[0] * 5
    return np.sum(q[0] ** 2)


@program
def shallow_copy_of_a_list(x):
    items = [np.sin(x), np.cos(x)]
    others = items.copy()
    others[0][0] = x[1]
    return np.sum(items[0] ** 2)


@right
def shallow_copy_of_a_dict(x):
    items = {"p": np.sin(x)}
    others = {**items, "q": x}
    others["p"][0] = x[1]
    return np.sum(items["p"] ** 2)


# ---------------------------------------------------------------------------------------------------------------
# Objects


class Twice:
    def __init__(self, u):
        self.u = u
        self.w = u

    def step(self):
        self.u[0] += self.w[1] * self.w[2]


class Buffer:
    def __init__(self, n):
        self.a = np.zeros(n)
        self.b = np.zeros(n)

    def link(self):
        self.b = self.a

    def view(self):
        self.b = self.a[1:]

    def fill(self, x):
        self.a[:] = x
        self.b[0] *= x[1]


class Parts:
    def __init__(self, u):
        self.parts = [u, u]


class Repeated:
    def __init__(self, u):
        self.rows = [np.zeros(4)] * 2
        self.rows[0][1] = 3 * u[0]


class Holder:
    def __init__(self, u):
        self.u = u

    def put(self, u):
        self.u = u
        return self

    def keep(self, u):
        self.u = u
        return u

    def get(self):
        return self.u


class Registry:
    def __init__(self):
        self.items = []

    def add(self, u):
        self.items.append(u)
        return self

    def add_twice(self, u):
        for _ in range(2):
            self.items.append(u)

    def scale(self, c):
        for v in self.items:
            v[0] *= c


class Swapping:
    def __init__(self, u, n):
        z = np.zeros(n)
        z[0] = 1.0
        self.u, self.v = u, z

    def step(self):
        self.v[1:-1] = self.u[1:-1] * self.u[2:]
        self.u, self.v = self.v, self.u

    def step_with_a_name(self):
        self.v[1:-1] = self.u[1:-1] * self.u[2:]
        kept = self.u
        self.u = self.v
        self.v = kept


@program
def one_array_in_two_attributes(x):
    s = Twice(np.cos(x))
    s.step()
    s.step()
    return np.sum(s.w * s.w)


@program
def attributes_linked_by_a_method(x):
    s = Buffer(4)
    s.fill(np.sin(x))
    s.link()
    s.fill(x * 2)
    return np.sum(s.a * s.b)


@program
def attribute_that_is_a_view_of_another(x):
    s = Buffer(4)
    s.view()
    s.fill(np.sin(x))
    s.fill(x * 2)
    return np.sum(s.a * s.a)


@program
def one_array_twice_in_the_list_of_an_object(x):
    s = Parts(np.sin(x))
    s.parts[0][1] *= x[0]
    return np.sum(s.parts[1] ** 2)


@program
def repeated_row_in_an_object(x):
    s = Repeated(np.cos(x))
    s.rows[1][0] = x[2]
    return np.sum(s.rows[0] ** 2) + np.sum(s.rows[1] ** 3)


@program
def one_array_in_two_objects(x):
    a = Holder(np.sin(x))
    b = Holder(a.u)
    a.u[0] *= x[1]
    return np.sum(b.u**2)


@program
def what_a_method_has_kept_and_given_back(x):
    a = Holder(np.cos(x))
    h = a.keep(np.sin(x))
    a.u[0] += 3 * x[1]
    return np.sum(h**2)


@program
def what_a_method_gives(x):
    a = Holder(np.cos(x))
    h = a.get()
    a.u[0] += 3 * x[1]
    return np.sum(h**2)


@right
def methods_in_a_chain(x):
    a = Holder(np.cos(x))
    a.put(x * 2).put(x * 3)
    a.u[0] += 3 * x[1]
    return np.sum(a.u**2)


@right
def arrays_in_a_registry(x):
    r = Registry()
    r.add(np.cos(x))
    r.add(np.sin(x))
    r.scale(x[1])
    return sum(np.sum(v**2) for v in r.items)


@program
def one_array_twice_in_a_registry(x):
    r = Registry()
    r.add_twice(np.cos(x))
    r.scale(x[1])
    return sum(np.sum(v**2) for v in r.items)


@program
def one_array_in_two_registries(x):
    r, s, u = Registry(), Registry(), np.sin(x)
    r.add(u)
    s.add(u)
    r.scale(x[0])
    return np.sum(s.items[0] ** 2)


@program
def item_of_a_registry_added_again(x):
    r = Registry()
    r.add(np.cos(x))
    r.add(r.items[0])
    r.scale(x[1])
    return sum(np.sum(v**2) for v in r.items)


@right
def buffers_of_an_object_that_are_exchanged(x):
    s = Swapping(np.sin(x), 4)
    for _ in range(3):
        s.step()
        s.step_with_a_name()
    s.u[0] *= 2
    return np.sum(s.u**2) + np.sum(s.v**3)


@pytest.mark.parametrize("name", PROGRAMS)
def test_one_array_in_two_places(name):
    fun, is_right = PROGRAMS[name]
    try:
        found = grad(fun)(X)
    except SrcadError:
        assert not is_right
        return
    assert not mismatches(gradient(fun, (X,), 0), found)
