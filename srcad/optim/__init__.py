"""Optimisation loops for plain functions of plain parameters.

    result = optim.descend(loss, x0, eta=0.1)
    result = optim.sgd(loss, x0, (inputs, labels), step=optim.Adam(), epochs=20, validation=(others, their_labels))
    result.x, result.value, result.reason, result.history.plot()

Parameters are any structure of floats and arrays (`srcad.structure`). The function is differentiated by its first
argument, in one forward and one reverse sweep an iteration. `x0` is never modified.
"""

from srcad.optim.loops import descend, sgd
from srcad.optim.result import Diverged, History, Iterate, Result
from srcad.optim.steps import Adam, GradientDescent, Momentum, StepRule

__all__ = [
    "Adam",
    "Diverged",
    "GradientDescent",
    "History",
    "Iterate",
    "Momentum",
    "Result",
    "StepRule",
    "descend",
    "sgd",
]
