"""Callables of every sort, and results with something beside the value."""

import math
from functools import partial, wraps

import numpy as np

from tests.programs import normal, point, program


class Quadratic:
    """A fixed object whose methods are differentiated by their arguments."""

    unit = 2.0

    def __init__(self, a, b):
        self.a = a
        self.b = b

    def value(self, x):
        return self.a * x * x + self.b * self.shifted(x)

    def shifted(self, x, by=1.0):
        return x + by * self.unit

    def __call__(self, x):
        return math.sin(self.value(x))

    @staticmethod
    def cube(x):
        return x**3

    @classmethod
    def scaled(cls, x):
        return cls.unit * x * x

    @property
    def root(self):
        return math.sqrt(self.a)

    def by_property(self, x):
        return self.root * x**2


class Shifted(Quadratic):
    """Overrides one method and calls the one that it overrides."""

    def shifted(self, x, by=3.0):
        return super().shifted(x, by) * x


program((1.5,), name="bound_method")(Quadratic(2.0, 0.5).value)
program((1.5,), name="method_with_a_property")(Quadratic(2.0, 0.5).by_property)
program((1.5,), name="inherited_method")(Shifted(2.0, 0.5).value)
program((1.5,), name="static_method")(Quadratic.cube)
program((1.5,), name="class_method")(Quadratic.scaled)


@program((1.5, 0.5))
def uses_an_object(x, y):
    q = Quadratic(2.0, 0.5)
    return q.value(x) * q(y) + Quadratic.cube(x) + q.a * x


def cubic(scale, x, shift=0.0):
    return scale * x**3 + shift


program((1.5,), name="a_partial")(partial(cubic, 2.0))
program((1.5,), name="a_partial_by_keyword")(partial(cubic, 0.5, shift=1.0))
program((1.5,), name="a_partial_of_a_partial")(partial(partial(cubic, shift=2.0), 3.0))


def logged(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return 2 * function(*args, **kwargs)

    return wrapper


@program((1.5, 0.5))
@logged
def a_decorated_function(x, y):
    return x * x * y


@program((1.5, 0.5))
def calls_a_decorated_function(x, y):
    return a_decorated_function(x, y) * a_decorated_function(y=y, x=y)


@program((normal(3), normal(3, seed=1)), marks="aux")
def value_and_predictions(w, x):
    predictions = np.tanh(w * x)
    return np.sum(predictions**2), predictions


@program((1.5,), marks="aux")
def value_and_a_dict(x):
    y = x * x
    return y * x, {"y": y, "text": f"{y}", "count": 3}


@program(point(x=1.5, y=0.5), point(y=1.5, x=0.5), wrt=("x", "y"))
def all_by_keyword(x, y):
    return x * x * y


@program(point(1.5, 0.5, 2.0, scale=3.0), wrt=("x", 1, "scale"))
def by_name_and_by_index(x, y, z=1.0, *, scale):
    return x * y * z * scale + x**2 * scale**2


@program(point(1.5, k=3), point(0.5, k=2, y=4.0), wrt=(0, "x"))
def integers_by_keyword(x, y=1.0, *, k):
    s = y
    for _ in range(k):
        s = s * x
    return s


@program(({"w": normal(2), "b": 0.5}, 0.1), wrt=("p", "rate"))
def two_names(p, rate):
    return np.sum(p["w"] ** 2) * p["b"] * rate


@program(
    (normal(3, 4)[:, ::2],), (normal(4, 3).T,), (np.asfortranarray(normal(3, 4)),), (np.broadcast_to(1.5, (2, 3)),)
)
def arrays_of_any_layout(m):
    return np.sum(np.sin(m) * np.arange(m.shape[1])) + np.sum(m @ m.T)


@program((np.array(2.0),), (np.zeros((0,)),), (np.zeros((2, 0)),), (normal(1, 1, 1, 2),))
def arrays_of_any_rank(m):
    return np.sum(m**2 + m)


@program((normal(3).astype(np.float32), 2.0), (normal(3).astype(np.float32), np.float32(2.0)))
def single_and_double(v, x):
    return np.sum(v * x) + np.sum(v**2)
