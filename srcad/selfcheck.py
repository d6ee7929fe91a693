"""`check=True`: is this gradient what differences of the function say?

`verify` compares and raises `GradientMismatch`; `blame` then finds the statement. A gradient counts as wrong only if that is
certain: the differences converge, from both sides to the same slope, above the noise of the values, along three directions.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcad import structure
from srcad.analysis.kinds import FUNCTIONS
from srcad.errors import GradientMismatch

ALWAYS = os.environ.get("SRCAD_CHECK", "0") not in ("", "0")
"""Whether every derivative is checked: read from the environment when srcad is imported."""

STEPS = 0.02 * 4.0 ** -np.arange(7)
DIRECTIONS = 3
"""Along how many directions a gradient has to be wrong."""

OUTSIDE = ArithmeticError, ValueError, IndexError, AssertionError
"""What a function may raise away from the point: it is outside of its domain there."""


# ---------------------------------------------------------------------------------------------------------------
# Slopes by differences


def extrapolated(slopes: Iterable[float], rounding: Iterable[float], base: int) -> tuple[float, float]:
    """The limit of difference quotients whose steps shrink by 4, and its error (Ridders, 1982).

    `base` is 16 for central quotients, whose error is a series in h², and 4 for one-sided ones.
    """
    best: tuple[float, float] = (math.nan, math.inf)
    coarser: list[float] = []
    for slope, rounded in zip(slopes, rounding):
        row = [slope]
        for order, previous in enumerate(coarser[:3], start=1):
            row.append(row[-1] + (row[-1] - previous) / (base**order - 1))
            error = abs(row[-1] - row[-2]) + abs(row[-1] - previous) / 16 + rounded
            if error < best[1]:
                best = row[-1], error
        coarser = row
    return best


def typical_sizes(leaves: list) -> np.ndarray:
    """For each number of the leaves how far to go: the root mean square of its leaf, 1 where that is zero."""
    sizes = [np.full(len(structure.numbers(x)), root_mean_square(x)) for x in leaves]
    found = np.concatenate([np.zeros(0), *sizes])
    found[~(found > 0) | ~np.isfinite(found)] = 1.0
    return found


def root_mean_square(x) -> float:
    """The typical size of the numbers of a leaf; 1 for none."""
    return float(np.sqrt(np.mean(np.square(np.abs(x))))) if np.size(x) else 1.0


class Along:
    """The slope of `value(step)` at 0, by differences; all but `central` is computed where it is asked for."""

    def __init__(self, value: Callable[[float], float], eps: float):
        self.value, self.eps = value, eps
        self.rights = np.array([value(h) for h in STEPS])
        self.lefts = np.array([value(-h) for h in STEPS])
        self.central, self.error = self.limit((self.rights - self.lefts) / (2 * STEPS), 16, 0.0)

    def limit(self, slopes: np.ndarray, base: int, noise: float) -> tuple[float, float]:
        return extrapolated(slopes, np.maximum(self.eps * np.abs(self.rights), noise) / STEPS, base)

    def settle(self) -> None:
        """Makes the error include the noise of the values, and finds whether there is a kink.

        Fourth differences of values close by are noise, and nothing else (Moré & Wild, Estimating computational noise,
        SIAM J. Sci. Comput. 33, 2011).
        """
        near = 1e-6 if self.eps < 1e-10 else 1e-3
        around = np.array([self.value(k * near) for k in range(-3, 4)])
        noise = float(np.max(np.abs(np.diff(around, 4)))) / 8
        here = around[3]
        self.central, error = self.limit((self.rights - self.lefts) / (2 * STEPS), 16, noise)
        right, right_error = self.limit((self.rights - here) / STEPS, 4, noise)
        left, left_error = self.limit((here - self.lefts) / STEPS, 4, noise)
        self.error = max(error, right_error, left_error)
        self.bend = abs(right - left)


# ---------------------------------------------------------------------------------------------------------------
# The comparison


@dataclass(frozen=True)
class Mismatch:
    """A slope that is wrong for certain, and the component that is off most."""

    slope: float
    difference: float
    error: float
    component: str
    by_srcad: float
    by_differences: float
    is_elsewhere: bool

    def __str__(self) -> str:
        where = ", at a point close by, for there is a kink at the given one" if self.is_elsewhere else ""
        return (
            f"along a random direction: {self.slope:.10g} by srcad, {self.difference:.10g} ± {self.error:.0e} by "
            f"differences{where}\nit is off most at {self.component}: {self.by_srcad:.10g} by srcad, "
            f"{self.by_differences:.10g} by differences"
        )


@dataclass(frozen=True)
class Unsettled:
    """Why differences do not tell."""

    reason: str


@dataclass
class Subject:
    """What is compared: `run` gives the value at arguments, `adjoints` those of the arguments from that of the value.

    Both take a list of arguments, which they may write into, one for each of `names`.
    """

    run: Callable[[list], Any]
    adjoints: Callable[[list, Any], list]
    arguments: list
    names: list[str]

    def compare(self, bars: list | None = None) -> Mismatch | Unsettled | None:
        """None if the adjoints are right; `bars` are those at the arguments, for the value's adjoint 1, if known."""
        rng = np.random.default_rng(0)
        found = self.at(self.arguments, bars, rng, False)
        for reach in (0.01, 0.1):
            if not isinstance(found, Unsettled):
                break
            moved = structure.tree_map(lambda x, r=reach: shifted(x, r, rng), tuple(self.arguments))
            other = self.at(list(moved), None, rng, True)
            if not isinstance(other, Unsettled):
                return other
        return found

    def at(self, arguments: list, bars: list | None, rng, is_elsewhere: bool) -> Mismatch | Unsettled | None:
        try:
            value = self.evaluated(arguments)
        except OUTSIDE as error:
            return Unsettled(f"{type(error).__name__} is raised close by")
        value_bar = random_seed(value, rng)
        if bars is None:
            bars = self.adjoints([own(a) for a in arguments], value_bar)
        gap = Gap(self, arguments, value, value_bar, bars)
        if not gap.point.size:
            return None
        worst = None
        for _ in range(DIRECTIONS):
            direction = rng.standard_normal(gap.point.size) * gap.size
            found = gap.along(direction)
            if not isinstance(found, tuple):
                return found
            worst = worst or (direction, *found)
        direction, slope, difference, error = worst
        number = gap.worst(direction)
        return Mismatch(
            slope, difference, error, self.component(arguments, number), float(gap.gradient[number]),
            gap.partial(number), is_elsewhere,
        )  # fmt: skip

    def evaluated(self, arguments: list):
        with quietly():
            return self.run([own(a) for a in arguments])

    def component(self, arguments: list, number: int) -> str:
        """How Python writes the number of that index among all of the arguments: `w['b'][2]`."""
        named = [leaf for n, argument in zip(self.names, arguments) for leaf in structure.named_leaves(argument, n)]
        return structure.component(named, number)


class Gap:
    """Adjoints at a point, to be compared with differences of `<value_bar, run(arguments)>`."""

    def __init__(self, subject: Subject, arguments: list, value, value_bar, bars: list):
        self.subject, self.arguments, self.value_bar = subject, arguments, value_bar
        self.value_here = inner(value_bar, value)
        leaves = [leaf for a in arguments for leaf in structure.leaves(a)]
        self.point, self.unravel = structure.ravel(tuple(arguments))
        self.size = typical_sizes(leaves)
        found = [structure.numbers(g) for a, bar in zip(arguments, bars) for g in gradient_leaves(bar, a)]
        self.gradient = np.concatenate([np.zeros(0), *found]).astype(float)
        all_floats = [np.asarray(leaf) for leaf in [*leaves, *structure.leaves(value)]]
        coarse = max((float(np.finfo(x.dtype).eps) for x in all_floats), default=0.0)
        self.eps = max(coarse, float(np.finfo(float).eps))
        self.rtol = 1e-6 if self.eps < 1e-10 else 1e-2 if self.eps < 1e-5 else 0.2

    def along(self, direction: np.ndarray) -> tuple[float, float, float] | Unsettled | None:
        """The slope, that by differences and its error, if they differ for certain; None if they agree."""
        by_differences = Along(lambda step: self.value(step * direction), self.eps)
        with np.errstate(all="ignore"):
            slope = float(self.gradient @ direction)
            length = float(np.linalg.norm(self.gradient * self.size))
        typical = length if math.isfinite(length) else abs(by_differences.central)
        allowed = self.rtol * max(abs(slope) if math.isfinite(slope) else 0.0, typical)
        if self.agree(slope, by_differences, allowed):
            return None
        by_differences.settle()
        if self.agree(slope, by_differences, allowed):
            return None
        again = self.value(np.zeros_like(direction))
        if again != self.value_here and not (math.isnan(again) and math.isnan(self.value_here)):
            return Unsettled("it does not give the same value twice")
        gap = abs(slope - by_differences.central)
        if by_differences.bend > allowed + 10 * by_differences.error:
            return Unsettled("it has a kink there")
        if not math.isfinite(by_differences.central) or not by_differences.error < math.inf:
            return Unsettled("it has no finite values around it")
        enough = gap / 10 if math.isfinite(gap) else 1e-3 * abs(by_differences.central) + self.eps
        if by_differences.error >= enough:
            return Unsettled("differences of it do not converge")
        return slope, by_differences.central, by_differences.error

    @staticmethod
    def agree(slope: float, by_differences: Along, allowed: float) -> bool:
        gap, error = abs(slope - by_differences.central), by_differences.error
        return gap <= allowed or gap <= 10 * error <= 1e3 * allowed

    def value(self, offset: np.ndarray) -> float:
        """`<value_bar, run(…)>` away from the point; nan outside of the domain."""
        try:
            value = self.subject.evaluated(list(self.unravel(self.point + offset)))
            return inner(self.value_bar, value)
        except OUTSIDE:
            return math.nan

    def worst(self, direction: np.ndarray) -> int:
        """The component that contributes most to a mismatch, found by halving."""
        low, high = 0, direction.size
        while high - low > 1:
            middle = (low + high) // 2
            low, high = max(((low, middle), (middle, high)), key=lambda part: self.gap(direction, *part))
        return low

    def gap(self, direction: np.ndarray, low: int, high: int) -> float:
        part = np.zeros_like(direction)
        part[low:high] = direction[low:high]
        gap = abs(self.gradient[low:high] @ part[low:high] - Along(lambda h: self.value(h * part), self.eps).central)
        return math.inf if math.isnan(gap) else gap

    def partial(self, number: int) -> float:
        """The derivative by one component, by differences."""
        unit = np.zeros_like(self.point)
        unit[number] = self.size[number]
        return Along(lambda h: self.value(h * unit), self.eps).central / self.size[number]


def random_seed(value, rng):
    """A random adjoint of a value: 1 for a number; zeros in the places of what has no derivative."""
    if structure.items(value) is None and np.ndim(value) == 0 and not np.iscomplexobj(value):
        return 1.0
    return structure.tree_map(lambda x: structure.cast(noise(x, rng), x), value, constant=no_adjoint)


def noise(like, rng):
    """Standard normal numbers in the shape of a leaf, complex ones for a complex leaf."""
    z = rng.standard_normal(np.shape(like))
    return z + 1j * rng.standard_normal(np.shape(like)) if np.iscomplexobj(like) else z


def no_adjoint(leaf):
    return np.zeros(leaf.shape) if isinstance(leaf, np.ndarray) else 0.0


def inner(value_bar, value) -> float:
    """The inner product with the adjoint of a value; an integer counts as a number."""
    if structure.items(value) is None and np.ndim(value) == 0 and not np.iscomplexobj(value):
        return float(value_bar) * float(value)
    return structure.dot(value, value_bar)


def shifted(x, reach: float, rng):
    """A leaf moved a little, at random."""
    size = root_mean_square(x)
    return structure.cast(x + reach * (size or 1.0) * noise(x, rng), x)


def gradient_leaves(bar, like) -> Iterator[Any]:
    """For each differentiable leaf of `like` what a gradient has in its place; None counts as zero."""
    held = structure.items(like)
    if held is None:
        if structure.is_differentiable(like):
            yield np.zeros(np.shape(like), np.result_type(like)) if bar is None else bar
        return
    parts = [None] * len(held) if bar is None else structure.items(bar)
    for part, like_part in zip(parts, held):
        yield from gradient_leaves(part, like_part)


# ---------------------------------------------------------------------------------------------------------------
# Running a function without a trace


def own(value):
    """A value that a function may write into: containers, arrays and objects are copied."""
    return structure.tree_map(copy.copy, value, constant=_own_constant)


def _own_constant(leaf):
    if leaf is None or isinstance(leaf, (int, str, bytes, *FUNCTIONS)):
        return leaf
    try:
        return copy.deepcopy(leaf)
    except Exception:  # a lock, an open file: it is shared
        return leaf


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings of a function that is run away from its point."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def levels_of_srcad() -> int:
    """How many calls up from the caller the user's code is, as `warnings.warn` counts."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and (
        frame.f_globals.get("__name__", "").startswith("srcad.") or frame.f_code.co_filename.startswith("<srcad ")
    ):
        frame, level = frame.f_back, level + 1
    return level


class Draws:
    """The state of the global random generators, of NumPy and of `random`, at some time."""

    def __init__(self):
        self.numpy, self.python = np.random.get_state(), random.getstate()  # noqa: NPY002

    def again(self) -> None:
        """Makes the next draws those that followed that time."""
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)


class Check:
    """What is kept of a call before it is made, so that the function can be run again as it was run then."""

    def __init__(self, values: list, positions):
        self.values, self.draws = [own(v) for v in values], Draws()
        self.picks = list(dict.fromkeys(positions))

    def verify(
        self, title: str, parameters: list[str], run: Callable[[list], Any], adjoints: Callable[[list, Any], list],
        bars: list | None, search: Callable[[Callable, Callable], Any] | None,
    ) -> None:  # fmt: skip
        """Raises GradientMismatch, which names the argument and the statement, if the adjoints are wrong.

        `run` gives the value from all arguments, `adjoints` those of the picked ones from that of the value, `bars` are
        these at the values, for the value's adjoint 1, if they are known; `search` finds the statement
        from two calls close together.
        """
        after = Draws()

        def repeated(arguments: list) -> Any:
            self.draws.again()
            return run(self.with_picked(arguments))

        def pulled(arguments: list, value_bar) -> list:
            self.draws.again()
            return adjoints(self.with_picked(arguments), value_bar)

        names = [parameters[i] if item is None else f"{parameters[i]}[{item}]" for i, item in self.picks]
        subject = Subject(repeated, pulled, self.picked(self.values), names)
        try:
            found = subject.compare(bars)
            if isinstance(found, Unsettled):
                text = f"the gradient of {title} is not checked: {found.reason}"
                warnings.warn(text, RuntimeWarning, stacklevel=levels_of_srcad())
            if not isinstance(found, Mismatch):
                return
            rng = np.random.default_rng(1)
            moved = structure.tree_map(lambda x: shifted(x, 1e-7, rng), tuple(subject.arguments))
            calls = [lambda a=a: subject.evaluated(a) for a in (subject.arguments, list(moved))]
            blamed = search and search(*calls)
        finally:
            after.again()
        leaf = found.component
        by = next((n for n in sorted(names, key=len, reverse=True) if leaf.startswith(n)), leaf)
        raise GradientMismatch(
            blamed.origin if blamed else None,
            f"the gradient of {title} by {by} is not what differences say",
            because="\n".join([*(blamed.because if blamed else ["No statement could be made out."]), str(found)]),
            hint=blamed.hint if blamed else None,
        )

    def picked(self, values: list) -> list:
        return [values[i] if item is None else values[i][item] for i, item in self.picks]

    def with_picked(self, arguments: list) -> list:
        """All arguments, with these for the picked ones."""
        values = [own(v) for v in self.values]
        for (i, item), argument in zip(self.picks, arguments):
            values[i] = argument if item is None else (*values[i][:item], argument, *values[i][item + 1 :])
        return values
