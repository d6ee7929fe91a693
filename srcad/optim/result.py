"""What an optimisation gives back: the result, its history, and the error of one that diverged."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from srcad.errors import SrcadError
from srcad.structure import Structure


@dataclass(frozen=True, eq=False)
class History:
    """What was seen on the way: entry k of `value` and `gradient_norm` belongs to iteration k.

    `value` is that of the mini-batch where there are mini-batches; `validation` was measured at iterations `validated`.
    """

    value: np.ndarray
    gradient_norm: np.ndarray
    validation: np.ndarray
    validated: np.ndarray

    def plot(self, axes=None):
        """Draws the value, and the validation where there is one, over the iterations; returns matplotlib's axes."""
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise SrcadError(None, "history.plot() needs matplotlib", hint="pip install matplotlib") from error
        axes = axes or plt.figure().gca()
        axes.plot(self.value, linewidth=1, label="f")
        if len(self.validation):
            axes.plot(self.validated, self.validation, marker=".", label="validation")
        if min([*self.value, *self.validation], default=0.0) > 0:
            axes.set_yscale("log")
        axes.set_xlabel("iteration")
        axes.legend()
        return axes


@dataclass(frozen=True, eq=False)
class Iterate:
    """Where an optimisation is: what a callback is given."""

    iteration: int
    epoch: int
    x: Structure
    value: float
    gradient_norm: float
    validation: float | None


@dataclass(frozen=True, eq=False)
class Result:
    """Where an optimisation ended.

    `x` are the parameters: the best on the validation set where there is one, else the last. `value` is f there (after
    `sgd`: the mean over the mini-batches of the epoch that led there), `validation` the validation loss there, and
    `iterations` the number of steps taken in all. `reason` is "gradient norm", "change of f", "iterations", "epochs",
    "callback", "validation" or "diverged": what ended it.
    """

    x: Structure
    value: float
    iterations: int
    reason: str
    validation: float | None
    history: History = field(repr=False)

    def __str__(self) -> str:
        seen = "" if self.validation is None else f", validation = {self.validation:.6g}"
        return f"f = {self.value:.6g}{seen} after {self.iterations} iterations (ended by: {self.reason})"


class Diverged(SrcadError):
    """The function or its gradient became infinite, NaN or undefined.

    `iteration` is the one in which that happened; `result` is what was reached before, with the last good parameters
    (the best on the validation set where there is one).
    """

    def __init__(self, message: str, iteration: int, result: Result, *, hint: str | None = None):
        super().__init__(None, message, hint=hint)
        self.iteration = iteration
        self.result = result
