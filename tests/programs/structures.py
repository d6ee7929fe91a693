"""Parameters that are tuples, lists, dicts, namedtuples, dataclasses, and nestings of those; lists that grow."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tests.programs import normal, positive, program

Pair = namedtuple("Pair", "first second")


class Layer(NamedTuple):
    weights: np.ndarray
    bias: np.ndarray
    activation: str = "tanh"


@dataclass
class Spring:
    stiffness: float
    length: float
    name: str = "spring"


@dataclass(frozen=True)
class Model:
    layers: list
    scale: float
    steps: int = 3
    tags: dict = field(default_factory=dict)

    def predict(self, x):
        for layer in self.layers:
            x = np.tanh(layer.weights @ x + layer.bias)
        return self.scale * x


LAYERS = [Layer(normal(4, 3), normal(4)), Layer(normal(2, 4), normal(2), "none")]


@program(((1.5, 0.5),))
def a_tuple(pair):
    a, b = pair
    return a * b + pair[0] ** 2


@program(([1.5, 0.5, 2.0],), ([1.5, 0.5],))
def a_list(items):
    return items[0] * items[-1] + sum(items) ** 2 + len(items) * items[1]


@program(({"a": 1.5, "b": 0.5},))
def a_dict(p):
    return p["a"] * p["b"] + p["a"] ** 2


@program(({"w": normal(3, 2), "b": normal(3), "name": "dense", "units": 3}, normal(2)))
def a_dict_of_arrays(p, x):
    y = np.tanh(p["w"] @ x + p["b"])
    return np.sum(y) * p["units"] if p["name"] == "dense" else 0.0


@program((Pair(1.5, 0.5),), (Pair(2.0, -1.0),))
def a_namedtuple(pair):
    first, second = pair
    return pair.first * second + pair[1] ** 2 * first


@program((Spring(2.0, 0.5), 1.2))
def a_dataclass(spring, x):
    return 0.5 * spring.stiffness * (x - spring.length) ** 2


@program((Model(LAYERS, 2.0, 3, {"rate": 0.5}), normal(3)))
def a_model(model, x):
    for layer in model.layers:
        x = layer.weights @ x + layer.bias
        if layer.activation == "tanh":
            x = np.tanh(x)
    return model.scale * np.sum(x) ** model.steps + model.tags["rate"]


@program((Model(LAYERS, 2.0), normal(3)))
def a_model_with_a_method(model, x):
    return np.sum(model.predict(x) ** 2)


@program(([(normal(4, 3), normal(4)), (normal(2, 4), normal(2))], normal(3)), ([], normal(3)))
def layers_of_pairs(layers, x):
    for w, b in layers:
        x = np.tanh(w @ x + b)
    return np.sum(x**2)


@program(([{"w": normal(4, 3), "b": normal(4)}, {"w": normal(2, 4), "b": normal(2)}], normal(3)))
def layers_of_dicts(layers, x):
    for k, layer in enumerate(layers):
        x = layer["w"] @ x + layer["b"]
        if k < len(layers) - 1:
            x = np.maximum(x, 0.1 * x)
    return x[0] * x[1]


@program(({"encoder": {"w": normal(2, 3)}, "decoder": {"w": normal(3, 2), "b": normal(3)}}, normal(3)))
def nested_dicts(p, x):
    code = np.tanh(p["encoder"]["w"] @ x)
    out = p["decoder"]["w"] @ code + p["decoder"]["b"]
    return np.sum((out - x) ** 2)


@program(((1.5, [0.5, (2.0, normal(2))], {"a": (3.0,)}),))
def nested_everything(p):
    x, (y, (z, v)), d = p
    return x * y * z + np.sum(v) * d["a"][0] + p[1][1][1][0] ** 2


@program(({"a": 1.5, "b": 0.5, "c": 2.0},))
def dict_methods(p):
    s = p.get("a") * p.get("missing", 2.0)
    for name in sorted(p):
        s = s * 1.1 + p[name] ** 2
    if "c" in p and "d" not in p:
        s += p["c"] * len(p)
    return s + sum(p.values()) + max(p.values()) + sum(value * len(name) for name, value in p.items())


@program((OrderedDict(a=1.5, b=0.5),))
def an_ordered_dict(p):
    s = 1.0
    for name, value in p.items():
        s = s * value + (name == "a") * value
    return s


@program(([1.5, 0.5, 2.0, -1.0], 2), wrt=(0,))
def slices_of_lists(items, k):
    head, tail = items[:k], items[k:]
    joined = tail + head * 2
    return sum(h * t for h, t in zip(head, tail)) + joined[3] * joined[-1] + items[::-1][0] ** 2


@program((1.2, 5), (1.2, 0), wrt=(0,))
def a_list_that_grows(x, n):
    values = []
    for k in range(n):
        values.append(x**k)
    return sum(values) * len(values)


@program((1.2, 0.8, 4), wrt=(0, 1))
def a_list_that_is_read_while_it_grows(x, y, n):
    values = [x, y]
    for _ in range(n):
        values.append(values[-1] * x - values[-2] * y)
    return values[-1] * values[2] + sum(values)


@program((normal(3), 4), wrt=(0,))
def a_list_of_arrays_that_is_stacked(v, n):
    states = [v]
    for _ in range(n):
        states.append(np.sin(states[-1]) + 0.1)
    path = np.stack(states)
    return np.sum(np.diff(path, axis=0) ** 2) if n < 0 else np.sum(path[1:] * path[:-1])


@program((1.2, 6), wrt=(0,))
def a_list_that_becomes_an_array(x, n):
    values = []
    for k in range(n):
        if k % 2:
            continue
        values.append(np.sin(k * x))
    v = np.array(values)
    return np.sum(v**2) + v[1]


@program((1.2, 0.5))
def a_list_of_tuples(x, y):
    pairs = []
    for k in range(3):
        pairs.append((x * k, y + k))
    return sum(a * b for a, b in pairs) + pairs[1][0] * pairs[2][1]


@program((1.2, 4), wrt=(0,))
def a_list_passed_to_a_helper(x, n):
    def total(values):
        s = 0.0
        for v in values:
            s += v * v
        return s

    history = []
    y = x
    for _ in range(n):
        y = y * x
        history.append(y)
    return total(history) + total(history[1:])


@program((1.2, 0.5))
def structures_built_and_taken_apart(x, y):
    pair = Pair(x * y, second=x)
    spring = Spring(length=y, stiffness=x * x)
    d = dict(a=x, b=pair.first)
    return pair.first * pair.second + spring.stiffness * spring.length + d["a"] * d["b"]


@program((1.2, 0.5))
def structures_through_a_helper(x, y):
    def step(state, rate):
        position, velocity = state
        return (position + rate * velocity, velocity - rate * position)

    state = (x, y)
    for _ in range(3):
        state = step(state, 0.1 * x)
    return state[0] * state[1]


@program((Pair(positive(3), 0.5), 3), wrt=(0,))
def replaced_fields(pair, n):
    for _ in range(n):
        pair = pair._replace(second=pair.second * np.sum(pair.first))
    return pair.second


@program(((1.5, 0.5), [2.0, 1.0]))
def two_structures(p, q):
    return sum(a * b for a, b in zip(p, q)) + p[0] ** q[1]


@program(((normal(3).astype(np.float32), 0.5, "text", 7, None, True),))
def leaves_that_are_no_floats(p):
    v, x, text, count, nothing, flag = p
    s = np.sum(v * v) * x + len(text) * x
    if nothing is None and flag:
        s = s + count * x
    return s


@program((np.float32(1.5), np.float64(0.5)))
def numpy_scalars(x, y):
    return x * y + np.sin(x) * y**2


@program(((np.float64(1.5), np.array(0.5), np.zeros((0, 2))),))
def rank_zero_leaves(p):
    x, y, z = p
    return x * y + np.sum(z) + y**2


@program(({"w": normal(3)},), wrt=("p",))
def named_argument(p):
    return np.sum(p["w"] ** 2)


@program((Spring(2.0, 0.5), Pair(1.5, [0.5, normal(2)])))
def fields_in_loops(spring, pair):
    s = spring.length
    for item in pair.second[1]:
        s = s * spring.stiffness + item * pair.first
    return s * pair.second[0]


@program((1.2,))
def entries_taken_out_of_a_dictionary(x):
    d = {"a": x, "b": x * 2, "c": 3.0}
    v = d.pop("b")
    del d["c"]
    d["e"] = v * x
    return sum(d.values()) * len(d) + v + d.pop("none", x)
