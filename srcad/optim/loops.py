"""The loops: gradient descent on a whole function, and on the mini-batches of a data set."""

from __future__ import annotations

import contextlib
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature

import numpy as np

from srcad.api import value_and_grad
from srcad.derivative import Derivative
from srcad.errors import SrcadError
from srcad.optim.result import Diverged, History, Iterate, Result
from srcad.optim.steps import GradientDescent, Rate, StepRule
from srcad.structure import Structure, cast, copied, is_integer, leaves, named_leaves, norm_of, with_leaves


def descend(
    f: Callable,
    x0: Structure,
    eta: Rate | None = None,
    *,
    step: StepRule | None = None,
    args: tuple = (),
    iterations: int = 1000,
    gtol: float = 1e-6,
    ftol: float | None = None,
    validation=None,
    patience: int = 10,
    callback: Callable[[Iterate], object] | None = None,
    progress: bool | None = None,
) -> Result:
    """The parameters that gradient descent on `f(x, *args)` reaches from `x0`.

    `f` is a function, what `grad` made of one, or an object with a method `value_and_grad(x, *args)` of its own.
    `eta` is the step size (0.1 if not given), or a function of the iteration that gives it; `step` is another rule, as
    `Adam(0.01)` or `Momentum(0.01)`. The descent ends after `iterations` steps, or before:
    - where the norm of the gradient is at most `gtol`;
    - where f has changed by at most `ftol` in a step;
    - where `callback`, called at each iterate, returns True;
    - where the validation loss has not improved in `patience` steps. That is `f(x, *validation)` or, if `validation` is
      callable, `validation(x)`; it never enters the gradient. The best parameters are returned.
    A bar on the terminal shows the progress of a long run if tqdm is installed; `progress` True or False decides.
    Raises Diverged, which has the last good parameters, where f or its gradient is infinite or NaN.
    """
    run = _Run(f, x0, _rule(eta, step), validation, patience, callback)
    with _progress(iterations, "step", progress) as show:
        while True:
            before = run.value
            value = run.evaluate(args)
            is_stopped = run.arrive(value, epoch=run.iteration)
            ends = {
                "callback": is_stopped,
                "gradient norm": run.norms[-1] <= gtol,
                "change of f": ftol is not None and run.iteration > 0 and abs(value - before) <= ftol,
                "validation": run.is_out_of_patience,
                "iterations": run.iteration >= iterations,
            }
            if any(ends.values()):
                return run.result(next(reason for reason, is_so in ends.items() if is_so))
            run.advance()
            show(run)


def sgd(
    f: Callable,
    x0: Structure,
    data,
    eta: Rate | None = None,
    *,
    step: StepRule | None = None,
    batch: int | None = 32,
    epochs: int = 10,
    validation=None,
    patience: int = 10,
    callback: Callable[[Iterate], object] | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool | None = None,
) -> Result:
    """The parameters that stochastic gradient descent on `f(x, *data)` reaches from `x0`.

    `data` is an array, or a tuple of arrays of one length, with a sample in each row. In an epoch every sample is used
    once, in mini-batches of `batch` (None: all at once) drawn in an order that `seed` decides. `f`, `eta`, `step`,
    `validation`, `progress` and Diverged are as for `descend`; validation and `callback` come once an epoch, and
    patience counts epochs. A schedule is a function of the iteration, that is of the mini-batch.
    """
    data = _samples(data)
    count = len(data[0])
    batch = min(batch or count, count)
    rng = np.random.default_rng(seed)
    run = _Run(f, x0, _rule(eta, step), validation, patience, callback)
    run.validate()
    with _progress(epochs * math.ceil(count / batch), "batch", progress) as show:
        for epoch in range(1, epochs + 1):
            total = 0.0
            for rows in _batches(rng.permutation(count), batch):
                value = run.evaluate(tuple(array[rows] for array in data))
                total += value * len(rows)
                run.advance()
                show(run)
            run.require_finite(run.places, run.x, "x")
            if run.arrive(total / count, epoch):
                return run.result("callback")
            if run.is_out_of_patience:
                return run.result("validation")
    return run.result("epochs")


# ---------------------------------------------------------------------------------------------------------------
# A run


@dataclass(frozen=True, eq=False)
class _Point:
    x: Structure
    value: float
    validation: float | None = None


class _Run:
    """An optimisation under way: where it is, how it got there, and what it has seen."""

    def __init__(self, f, x0, rule: StepRule, validation, patience: int, callback):
        self.value_and_grad = _value_and_grad_of(f)
        self.validation_of = _validation_of(getattr(f, "primal", f), validation)
        self.patience, self.callback, self.rule = patience, callback, rule
        self.x = copied(x0)
        self.value = math.nan
        self.good = self.best = _Point(self.x, math.nan)
        self.eta = math.nan
        self.places = _parameters(self.x)  # the leaves of x
        self.memory = [rule.start(leaf) for leaf in self.places]
        self.slopes: list = []  # their adjoints
        self.iteration = self.unimproved = 0
        self.values: list[float] = []
        self.norms: list[float] = []
        self.validations: list[float] = []
        self.validated: list[int] = []

    @property
    def is_out_of_patience(self) -> bool:
        return self.validation_of is not None and self.unimproved >= self.patience

    def evaluate(self, args: tuple) -> float:
        """The value at x, with the gradient in `slopes`; raises Diverged where they are not finite."""
        try:
            value, gradient = self.value_and_grad(self.x, *args)
        except (ArithmeticError, ValueError) as error:  # math.exp(1e3), math.log(-1.0), a singular matrix
            if self.iteration == 0 or isinstance(error, SrcadError):
                raise
            raise self.diverged(f"f raised {type(error).__name__} ({error})") from error
        value = float(value)
        if not math.isfinite(value):
            raise self.diverged(f"f became {value}")
        self.slopes = leaves(gradient, like=self.x)
        size = self.require_finite(self.slopes, gradient, "its gradient")
        self.values.append(value)
        self.norms.append(size)
        self.good = _Point(self.x, value)
        return value

    def require_finite(self, values: list, structure: Structure, name: str) -> float:
        """The norm of the leaves of a structure, which is finite; raises Diverged where it is not."""
        size = norm_of(values)
        if not math.isfinite(size):
            first = next(text for text, leaf in named_leaves(structure, name) if not np.all(np.isfinite(leaf)))
            raise self.diverged(f"{first} became infinite or NaN")
        return size

    def advance(self) -> None:
        """Goes one step, from the gradient seen last."""
        self.eta = self.rule.eta(self.iteration) if callable(self.rule.eta) else self.rule.eta
        for k, x in enumerate(self.places):
            change, self.memory[k] = self.rule.change(self.slopes[k], self.memory[k], self.eta, self.iteration)
            self.places[k] = cast(x + change, x)
        self.x = with_leaves(self.x, self.places)
        self.iteration += 1

    def arrive(self, value: float, epoch: int) -> bool:
        """Takes `value` as that of x, validates x and tells the callback; whether that wants to stop."""
        self.value = value
        self.validate()
        if self.callback is None:
            return False
        seen = self.validations[-1] if self.validations else None
        return bool(self.callback(Iterate(self.iteration, epoch, self.x, value, self.norms[-1], seen)))

    def validate(self) -> None:
        """Measures the validation loss at x, and keeps x if none was better."""
        if self.validation_of is None:
            return
        loss = float(self.validation_of(self.x))
        if math.isnan(loss):
            raise self.diverged("the validation loss became nan")
        self.validations.append(loss)
        self.validated.append(self.iteration)
        if self.best.validation is None or loss < self.best.validation:
            self.best, self.unimproved = _Point(self.x, self.value, loss), 0
        else:
            self.unimproved += 1

    def result(self, reason: str, end: _Point | None = None) -> Result:
        """The result of a run that ends here, or at `end`."""
        end = end or _Point(self.x, self.value)
        if self.best.validation is not None:
            end = self.best
        seen = (self.values, self.norms, self.validations, self.validated)
        history = History(*map(np.array, seen))
        return Result(end.x, end.value, self.iteration, reason, end.validation, history)

    def diverged(self, what: str) -> Diverged:
        """The error for what went wrong at x, with what was reached before."""
        result = self.result("diverged", self.good)
        if not self.iteration:
            return Diverged(f"{what} at the start", 0, result)
        hint = (
            f"The step before it had the size {self.eta:.3g}; try a smaller one.\n"
            "The last good parameters are in error.result.x."
        )
        return Diverged(f"{what} in iteration {self.iteration}", self.iteration, result, hint=hint)


def _value_and_grad_of(f) -> Callable:
    if isinstance(f, Derivative) and (f.has_aux or f.argnums not in (0, next(iter(signature(f).parameters)))):
        raise SrcadError(
            None,
            f"{f!r} does not give the gradient that the descent needs: by the first argument, and nothing beside it",
            hint="Pass the function itself, with its parameters first: lambda w, x: f(x, w).",
        )
    return f.value_and_grad if hasattr(f, "value_and_grad") else value_and_grad(f)


def _rule(eta: Rate | None, step: StepRule | None) -> StepRule:
    if step is None:
        return GradientDescent() if eta is None else GradientDescent(eta)
    if eta is not None:
        raise SrcadError(None, "eta and step are both given", hint=f"Write step={type(step).__name__}({eta!r}).")
    return step


def _parameters(x0: Structure) -> list:
    """The leaves to optimise; warns of integers, which may be counts or may lack their point."""
    for name, leaf in named_leaves(x0, "x0", chosen=is_integer):
        if name.endswith("]"):  # in a class the type of a field says what is meant
            warnings.warn(f"{name} is an integer ({leaf!r}), so it stays as it is", stacklevel=4)
    found = leaves(x0)
    if not found:
        raise SrcadError(None, "x0 has no parameters to optimise: it holds no float and no array of floats")
    if any(np.iscomplexobj(leaf) for leaf in found):
        raise SrcadError(None, "x0 has complex parameters: optimise their real and imaginary parts")
    return found


# ---------------------------------------------------------------------------------------------------------------
# Data


def _samples(data) -> tuple[np.ndarray, ...]:
    arrays = tuple(map(np.asarray, data if isinstance(data, (tuple, list)) else (data,)))
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise SrcadError(None, f"data needs arrays with one row a sample, all of one length; these have {lengths}")
    return arrays


def _batches(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (order[start : start + size] for start in range(0, len(order), size))


def _validation_of(f: Callable, validation) -> Callable[[Structure], float] | None:
    if validation is None or callable(validation):
        return validation
    args = tuple(validation) if isinstance(validation, (tuple, list)) else (validation,)
    return lambda x: f(x, *args)


# ---------------------------------------------------------------------------------------------------------------
# Progress


@contextlib.contextmanager
def _progress(total: int, unit: str, wanted: bool | None) -> Iterator[Callable[[_Run], None]]:
    """What shows the progress of a run after each step: a bar on a terminal, with tqdm installed; else nothing."""
    tqdm = None
    if wanted or wanted is None and sys.stderr is not None and sys.stderr.isatty():
        with contextlib.suppress(ImportError):
            from tqdm import tqdm
    if tqdm is None:
        yield lambda run: None
        return
    with tqdm(total=total, unit=unit, delay=0 if wanted else 1) as bar:  # nothing on runs under a second

        def show(run: _Run) -> None:
            seen = f", validation = {run.validations[-1]:.4g}" if run.validations else ""
            bar.set_postfix_str(f"f = {run.values[-1]:.4g}{seen}", refresh=False)
            bar.update()

        yield show
