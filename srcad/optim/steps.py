"""Step rules: how far to go, from a gradient and what is remembered of the gradients before it.

A rule acts on one leaf of the parameters at a time: written for a float or an array, it serves every structure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Rate = float | Callable[[int], float]
"""A step size, or the function of the iteration (0, 1, …) that gives it."""


class StepRule(Protocol):
    """What `step=` takes."""

    eta: Rate

    def start(self, x) -> Any:
        """What is remembered of a leaf `x` before the first step."""

    def change(self, gradient, memory, eta: float, iteration: int) -> tuple[Any, Any]:
        """What to add to the leaf, and what to remember; `iteration` counts from 0."""


@dataclass(frozen=True)
class GradientDescent:
    """Steps of `-eta * gradient`."""

    eta: Rate = 0.1

    def start(self, x):
        return None

    def change(self, gradient, memory, eta, iteration):
        return -eta * gradient, None


@dataclass(frozen=True)
class Momentum:
    """Steps that go on, with friction `1 - beta`: `velocity = beta * velocity - eta * gradient`.

    The heavy ball of Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); with `nesterov`
    the method of Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k^2)" (1983),
    in terms of the points at which it takes the gradient (Bengio et al., "Advances in optimizing recurrent networks",
    2013).
    """

    eta: Rate = 0.01
    beta: float = 0.9
    nesterov: bool = False

    def start(self, x):
        return 0.0 * x

    def change(self, gradient, velocity, eta, iteration):
        velocity = self.beta * velocity - eta * gradient
        return (self.beta * velocity - eta * gradient if self.nesterov else velocity), velocity


@dataclass(frozen=True)
class Adam:
    """Steps of about `eta` in each coordinate, by running means of the gradient and of its square.

    Kingma & Ba, "Adam: a method for stochastic optimization" (ICLR 2015), algorithm 1.
    """

    eta: Rate = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def start(self, x):
        return 0.0 * x, 0.0 * x

    def change(self, gradient, memory, eta, iteration):
        mean, square = memory
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * (gradient * gradient)
        rate = -eta / (1 - self.beta1 ** (iteration + 1))
        unbiased_square = square / (1 - self.beta2 ** (iteration + 1))
        return rate * mean / (np.sqrt(unbiased_square) + self.epsilon), (mean, square)
