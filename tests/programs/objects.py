"""Objects of plain classes as parameters: their attributes, read and written, through methods and operators."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tests.programs import normal, program


class Dense:
    def __init__(self, w, b, name="dense"):
        self.w, self.b, self.name, self.uses = w, b, name, 0

    def __call__(self, x):
        self.uses += 1
        return np.tanh(self.w @ x + self.b)

    @property
    def size(self):
        return np.sum(self.w**2)


class Network:
    penalty = 0.01

    def __init__(self, layers):
        self.layers, self.trained = layers, False

    def loss(self, x, y):
        for layer in self.layers:
            x = layer(x)
        return np.mean((x - y) ** 2) + self.penalty * sum(layer.size for layer in self.layers)


class Oscillator:
    __slots__ = ("position", "speed", "stiffness")

    def __init__(self, position, speed, stiffness):
        self.position, self.speed, self.stiffness = position, speed, stiffness

    def step(self, h):
        self.speed -= h * self.stiffness * self.position
        self.position += h * self.speed

    def energy(self):
        return 0.5 * self.speed**2 + 0.5 * self.stiffness * self.position**2


class Field:
    def __init__(self, u, rate):
        self.u, self.rate, self.history = u, rate, []

    def step(self):
        self.u[1:-1] += self.rate * (self.u[2:] - 2 * self.u[1:-1] + self.u[:-2])
        self.history.append(np.sum(self.u**2))


class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def norm(self):
        return (self.x**2 + self.y**2) ** 0.5


class Bounded(Vector):
    def __init__(self, x, y, bound):
        super().__init__(x, y)
        self.bound = bound

    def norm(self):
        return min(super().norm(), self.bound * self.x)


@dataclass(frozen=True)
class Circle:
    radius: float

    @cached_property
    def area(self):
        return 3.0 * self.radius**2


def network():
    return Network([Dense(normal(3, 2), normal(3)), Dense(normal(1, 3), 0.2, "last")])


@program((network(), normal(2), 0.3), wrt=(0,), marks="first")
def a_network_of_layers(net, x, y):
    return net.loss(x, y)


@program((Dense(normal(3, 2), normal(3)), normal(2)))
def an_object_that_is_called(layer, x):
    return np.sum(layer(x) * layer(2.0 * x))


@program((Oscillator(1.0, 0.5, 2.0), 0.1, 5), wrt=(0, 1), marks="first")
def an_object_with_slots_that_steps(system, h, n):
    for _ in range(n):
        system.step(h)
    return system.energy() * system.position


@program((Oscillator(1.0, 0.5, 2.0),), marks="first")
def attributes_that_are_written(system):
    system.position *= system.speed
    system.speed = system.position + system.stiffness
    return system.position * system.speed


@program((Field(normal(6), 0.2), 3), wrt=(0,), marks="first")
def an_array_in_an_object_and_a_history(field, n):
    for _ in range(n):
        field.step()
    return field.u[2] * field.history[-1] + field.history[0]


@program((Vector(1.0, 0.5), Vector(-0.5, 2.0)))
def operators_of_objects(a, b):
    return (2.0 * a + b * a.x).norm()


@program((Bounded(1.0, 2.0, 1.5),), (Bounded(1.0, 2.0, 3.5),))
def an_object_that_inherits(v):
    return v.norm() * v.bound


@program((Vector(1.0, 0.0), Vector(0.0, 1.0), 5), wrt=(0, 1))
def an_orbit(p, v, n):
    for _ in range(n):
        v = v + p * (-0.1 / p.norm() ** 3)
        p = p + v * 0.1
    return p.norm() * p.x


@program(([Vector(1.0, 2.0), Vector(-0.5, 1.5)],), ((Vector(1.0, 2.0), Vector(-0.5, 1.5), Vector(0.1, 0.2)),))
def a_list_of_objects(vectors):
    total = 0.0
    for v in vectors:
        total += v.norm() * v.x
    return total


@program((Circle(1.5),))
def a_cached_property(circle):
    return circle.area * circle.radius + circle.area


@program(([1.5, 0.5],), marks="first")
def a_list_that_is_written_into(items):
    items[0] *= items[1]
    items.append(items[0] + 1.0)
    return items[0] * items[2]


@program(({"u": normal(3), "s": 1.5},), marks="first")
def a_dict_that_is_written_into(state):
    state["u"][1:] *= state["s"]
    state["s"] = state["u"][1] ** 2
    return np.sum(state["u"]) * state["s"]
