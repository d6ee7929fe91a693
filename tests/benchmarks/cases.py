"""What is timed: functions, their arguments, and their adjoints written by hand as a careful person would."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """A function to differentiate by `argnums`. The goal is a ratio to the hand-written gradient, or to the primal."""

    name: str
    fun: Callable
    args: tuple
    argnums: int | tuple[int, ...]
    by_hand: Callable | None
    goal: float
    over: str = "by hand"
    peer_goals: dict[str, float] = field(default_factory=dict)


def logistic(a, x):
    return -math.log(1 / (1 + math.exp(-a * x)))


def logistic_gradient(a, x):
    e = math.exp(-a * x)
    d = 1 + e
    p = 1 / d
    p_bar = -1 / p
    d_bar = -p_bar * p / d
    return d_bar * e * -a


def logistic_gradients(a, x):
    e = math.exp(-a * x)
    d = 1 + e
    p = 1 / d
    p_bar = -1 / p
    d_bar = -p_bar * p / d
    z_bar = d_bar * e
    return z_bar * -x, z_bar * -a


def network(w1, b1, w2, b2, x, y):
    hidden = np.tanh(x @ w1 + b1)
    out = hidden @ w2 + b2
    return np.mean((out - y) ** 2)


def network_gradients(w1, b1, w2, b2, x, y):
    hidden = np.tanh(x @ w1 + b1)
    residual = hidden @ w2 + b2 - y
    out_bar = residual * (2 / residual.size)
    z_bar = (out_bar @ w2.T) * (1 - hidden * hidden)
    return x.T @ z_bar, z_bar.sum(axis=0), hidden.T @ out_bar, out_bar.sum(axis=0)


def regression(w, x, y):
    z = x @ w
    return np.mean(np.log(1 + np.exp(-y * z)))


def regression_gradient(w, x, y):
    z = x @ w
    e = np.exp(-y * z)
    return (-y * (e / (1 + e)) / e.size) @ x


def loop(r, x):
    for _ in range(100):
        x = r * x * (1 - x)
    return x


def loop_gradients(r, x):
    tape = []
    for _ in range(100):
        tape.append(x)
        x = r * x * (1 - x)
    r_bar, x_bar = 0.0, 1.0
    for x in reversed(tape):
        r_bar += x_bar * x * (1 - x)
        x_bar = x_bar * r * (1 - 2 * x)
    return r_bar, x_bar


def sine_loop(a, x):
    for k in range(100):
        x = x + 0.01 * math.sin(a * x + k)
    return x * x


def sine_loop_gradients(a, x):
    tape = []
    for k in range(100):
        tape.append(x)
        x = x + 0.01 * math.sin(a * x + k)
    x_bar = 2 * x
    a_bar = 0.0
    for k in range(99, -1, -1):
        x = tape[k]
        z_bar = 0.01 * math.cos(a * x + k) * x_bar
        a_bar += z_bar * x
        x_bar += z_bar * a
    return a_bar, x_bar


def network_arguments() -> tuple:
    rng = np.random.default_rng(0)
    shapes = (4, 8), (8,), (8, 1), (1,), (16, 4), (16, 1)
    return tuple(rng.normal(size=shape) for shape in shapes)


def regression_arguments() -> tuple:
    rng = np.random.default_rng(1)
    return rng.normal(size=50) / 10, rng.normal(size=(1000, 50)), np.sign(rng.normal(size=1000))


CASES = (
    Case("logistic, by x", logistic, (3.0, 0.5), 1, logistic_gradient, 2.0),
    Case("logistic, by a and x", logistic, (3.0, 0.5), (0, 1), logistic_gradients, 2.0),
    Case(
        "network 4-8-1, batch 16", network, network_arguments(), (0, 1, 2, 3), network_gradients, 1.2,
        peer_goals={"JAX": 5.0, "PyTorch": 5.0},
    ),
    Case("regression 1000x50", regression, regression_arguments(), 0, regression_gradient, 2.2, "primal"),
    Case("loop of 100, logistic map", loop, (3.5, 0.3), (0, 1), loop_gradients, 5.0, "primal"),
    Case("loop of 100, sine", sine_loop, (1.3, 0.3), (0, 1), sine_loop_gradients, 5.0, "primal"),
)  # fmt: skip
