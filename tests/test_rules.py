"""Every derivative rule, on its examples: against differences, its tangent, autograd; in float32; and with symbols.

The tests enumerate the registry, so there is no untested rule.
"""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import srcad.rules
from srcad.core.nodes import Const, Expr, Name, Undecided, lift
from srcad.core.printer import text
from srcad.rules.registry import (
    ATTRIBUTES, CONSTANT, METHODS, RULES, A, Example, Refused, apply_jvp, apply_vjp, ex, find,
)  # fmt: skip

OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "%": lambda a, b: a % b, "**": lambda a, b: a**b, "@": lambda a, b: a @ b, "neg": lambda a: -a, "pos": lambda a: +a,
    "getitem": lambda x, index: x[index],
}  # fmt: skip

ON_NUMBERS = {"math", "builtins"}


def function(rule):
    return OPERATORS[rule.fn] if isinstance(rule.fn, str) else rule.fn


def label(rule):
    module = getattr(rule.fn, "__module__", "") or ""
    return f"{module}.{rule.name}".replace("numpy.", "np.", 1).replace("builtins.", "")


def takes_numbers(rule) -> bool:
    return getattr(rule.fn, "__module__", None) == "math" or rule.fn in (abs, pow, float, divmod)


def default_examples(rule):
    """Scalars, vectors, broadcasting, and no items at all."""
    domains = rule.domain if isinstance(rule.domain[0], tuple) else [rule.domain] * len(rule.data)
    draw = lambda *shapes: Example(tuple(A(*s, low=d[0], high=d[1]) for s, d in zip(shapes, domains)), {})  # noqa: E731
    n = len(rule.data)
    if takes_numbers(rule):
        return [draw(*[()] * n)] * 3
    if n == 1:
        return [draw(()), draw((3,)), draw((2, 3)), draw((0,)), draw((1,))]
    pairs = [((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (3,)), ((), (2, 3)), ((0,), (1,)), ((1, 1), (3,))]
    result = [draw(*p) for p in pairs]
    return result


def examples(rule):
    own = list(rule.examples)
    if rule.partials is not None and not (rule.fn in (np.clip, np.where, math.log) or len(rule.data) > 2):
        own += default_examples(rule) if rule.fn not in (np.ldexp, math.ldexp) else []
    return own


CASES = [
    pytest.param(rule, example, id=f"{label(rule)}-{i}")
    for rule in {id(r): r for r in RULES.values()}.values()
    for i, example in enumerate(examples(rule))
]


class Drawn:
    """The arrays of an example; `paths` are the places of the random ones."""

    def __init__(self, rule, example, dtype=np.float64):
        self.rng = np.random.default_rng(0)
        self.scalars, self.dtype = takes_numbers(rule) or rule.fn in (max, min), dtype
        self.args = tuple(self.draw(a) for a in example.args)
        self.kwargs = {k: self.draw(v) for k, v in example.kwargs.items()}

    def draw(self, value):
        if isinstance(value, A):
            return self.array(value)
        if isinstance(value, (list, tuple)):
            return type(value)(self.draw(v) for v in value)
        if isinstance(value, np.ndarray) and value.dtype == np.float64:
            return value.astype(self.dtype)
        return value

    def array(self, a):
        if a.spd:
            x = self.rng.normal(size=a.shape)
            x = x @ np.swapaxes(x, -1, -2) + a.shape[-1] * np.eye(a.shape[-1])
        elif a.low is not None:
            x = self.rng.uniform(a.low, a.high, a.shape)
        else:
            x = self.rng.normal(size=a.shape)
        if a.shape == () and self.dtype == np.float64:
            return float(x)
        return self.dtype(x) if a.shape == () else np.asarray(x, self.dtype)


def leaves(value):
    """The floating parts of a value, as one vector."""
    if isinstance(value, (list, tuple)):
        return np.concatenate([leaves(v) for v in value]) if value else np.zeros(0)
    value = np.asarray(value)
    return np.ravel(value).astype(np.float64) if value.dtype.kind in "fiub" else np.zeros(0)


def inner(a, b):
    return float(leaves(a) @ leaves(b))


def random_like(value, rng):
    if isinstance(value, (list, tuple)):
        items = [random_like(v, rng) for v in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, (bool, int)) and not isinstance(value, np.generic):
        return 0.0
    if isinstance(value, float):
        return float(rng.normal())
    value = np.asarray(value)
    if value.dtype.kind not in "f":
        return np.zeros(value.shape)
    return np.asarray(rng.normal(size=value.shape)).astype(value.dtype)


def moved(value, dot, step):
    if isinstance(value, (list, tuple)):
        return type(value)(moved(v, d, step) for v, d in zip(value, dot))
    if isinstance(value, (bool, int)) or (isinstance(value, np.ndarray) and value.dtype.kind != "f"):
        return value
    return value + step * dot


@dataclass
class Call:
    """A call of a rule's function with its arguments by name, and the active ones among the data."""

    rule: object
    bound: inspect.BoundArguments
    active: list

    @classmethod
    def of(cls, rule, example, dtype=np.float64):
        drawn = Drawn(rule, example, dtype)
        bound = rule.bind(drawn.args, drawn.kwargs)
        active = [n for n in rule.data if n in bound.arguments and is_active(bound.arguments[n])]
        if rule.partials is not None:
            active = [n for n in active if rule.partials[rule.data.index(n)] is not None]
        return cls(rule, bound, active)

    def run(self, **changed):
        values = {**self.bound.arguments, **changed}
        bound = inspect.BoundArguments(self.bound.signature, values)
        with np.errstate(all="ignore"):
            return function(self.rule)(*bound.args, **bound.kwargs)

    def copy(self):
        return Call(self.rule, inspect.BoundArguments(self.bound.signature, dict(self.bound.arguments)), self.active)


def is_active(value) -> bool:
    if isinstance(value, (list, tuple)):
        return any(is_active(v) for v in value)
    return isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f"


SMOOTH_AT = {np.nan_to_num}


@pytest.mark.parametrize("rule, example", CASES)
def test_adjoint_agrees_with_differences_and_tangent(rule, example):
    call = Call.of(rule, example)
    before = [np.copy(x) for x in map(leaves, call.bound.arguments.values() if 0 else [])]
    y = call.run()
    rng = np.random.default_rng(1)
    y_bar = random_like(y, rng)
    kept = repr(call.bound.arguments), repr(y_bar)
    for name in call.active:
        x = call.bound.arguments[name]
        x_dot = direction(rule, x, rng)
        with np.errstate(all="ignore"):
            x_bar = apply_vjp(rule.fn, rule.data.index(name), y_bar, y, *call.bound.args, **call.bound.kwargs)
        assert structure(x_bar) == structure(x, promoted=True)
        ours = inner(x_bar, x_dot)
        dots = tuple(x_dot if n == name else None for n in rule.data)
        with np.errstate(all="ignore"):
            y_dot = apply_jvp(rule.fn, dots, y, *call.bound.args, **call.bound.kwargs) if not isinstance(rule.fn, str) else None
        if y_dot is not None:
            np.testing.assert_allclose(inner(y_bar, y_dot), ours, rtol=1e-9, atol=1e-12, err_msg="the tangent")
        if is_singular(rule, call):
            continue
        h = 1e-6
        ahead, behind = (call.run(**{name: moved(x, x_dot, s)}) for s in (h, -h))
        expected = (inner(y_bar, ahead) - inner(y_bar, behind)) / (2 * h)
        np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=2e-7, err_msg=f"differences by {name}")
    assert (repr(call.bound.arguments), repr(y_bar)) == kept, "an argument was changed"


def direction(rule, x, rng):
    return random_like(x, rng)


def is_singular(rule, call) -> bool:
    """Whether differences say nothing: at a kink of the function, or where it is constant by convention."""
    values = [v for n in call.active for v in leaves(call.bound.arguments[n]).tolist()]
    kinks = (abs, np.std, np.linalg.norm, math.hypot, math.dist, np.maximum, np.minimum, max, min)
    return rule.fn in kinks and len(set(values)) <= 1 and 0 < len(values)


def structure(value, promoted=False):
    """The shape of a value: that of its adjoint, where `promoted`."""
    if isinstance(value, (list, tuple)):
        return [structure(v, promoted) for v in value]
    return np.shape(value)
