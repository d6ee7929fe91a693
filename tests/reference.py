"""Gradients that owe nothing to srcad: extrapolated differences, refined by the complex step where it applies.

Every number comes with an estimate of its error, so that the tolerance of a comparison is the reference's own. The
arguments may be any nested structure; a *path* leads to a float in it: field names, keys and positions, and for an
array the tuple of indices, e.g. `(0, "w", (1, 2))`.

Sources: Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Software 4 (1982);
Squire & Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

EPS = float(np.finfo(float).eps)


# ---------------------------------------------------------------------------------------------------------------
# Structures: independent of srcad.structure, which is under test


def is_record(value: Any) -> bool:
    """Whether `value` is an object with fields: a dataclass's instance, or one of a class of the tests."""
    is_object = dataclasses.is_dataclass(value) or type(value).__module__.startswith("tests.")
    return is_object and not isinstance(value, (type, tuple, types.FunctionType))


def fields(value: Any) -> list[str]:
    """The names of the fields of an object."""
    if dataclasses.is_dataclass(value):
        return [f.name for f in dataclasses.fields(value)]
    return [*getattr(value, "__dict__", ()), *getattr(value, "__slots__", ())]


def children(value: Any) -> list[tuple[Any, Any]]:
    """The (step, part) pairs of a container; none for a leaf."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    if is_record(value):
        return [(name, getattr(value, name)) for name in fields(value)]
    return []


def floats(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of the floats in `value`, the elements of its float arrays included."""
    if isinstance(value, (float, np.floating)):
        yield path
    elif isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
        yield from ((*path, index) for index in np.ndindex(value.shape))
    else:
        for step, part in children(value):
            yield from floats(part, (*path, step))


def at(value: Any, path: tuple) -> Any:
    """What `path` leads to."""
    for step in path:
        value = getattr(value, step) if is_record(value) else value[step]
    return value


def put(value: Any, path: tuple, new: Any) -> Any:
    """A copy of `value` with `new` at `path`; an array becomes complex if `new` is."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, np.ndarray):
        array = value.astype(np.result_type(value.dtype, type(new)))
        array[step] = new
        return array
    part = put(at(value, (step,)), rest, new)
    if isinstance(value, tuple):
        items = [*value[:step], part, *value[step + 1 :]]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    other = copy.copy(value)
    if is_record(value):
        object.__setattr__(other, step, part)
    else:
        other[step] = part
    return other


def widen(value: Any, number: type = float) -> Any:
    """`value` with every float in double precision (or another type), and nothing shared with it."""
    if isinstance(value, (float, np.floating)):
        return number(value)
    if isinstance(value, np.ndarray):
        return value.astype(number) if np.issubdtype(value.dtype, np.floating) else value.copy()
    other = copy.deepcopy(value) if not children(value) else copy.copy(value)
    for step, part in children(value):
        other = put(other, (step,), widen(part, number))
    return other


class Numpy:
    """NumPy with another type of floats: what makes an array makes it of `number`.

    `Numpy(np.complex128)` lets programs that write into arrays which they have made run with complex numbers,
    `Numpy(np.float64)` those of single precision in double. What `empty` gives is nan, or what `filled` says.
    """

    filling = math.nan

    @classmethod
    @contextlib.contextmanager
    def filled(cls, filling: float) -> Iterator[None]:
        """Inside, what `empty` gives is `filling`."""
        cls.filling, before = filling, cls.filling
        try:
            yield
        finally:
            cls.filling = before

    def __init__(self, number: type):
        self.number = self.float32 = self.float64 = number

    def __getattr__(self, name: str) -> Any:
        made = getattr(np, name)
        return self.making(made) if name in MAKERS else made

    def making(self, made: Callable) -> Callable:
        def make(*args, **kwargs):
            array = made(*args, **kwargs)
            return array.astype(self.number) if array.dtype.kind == "f" else array

        return make

    def empty(self, shape, dtype=float):
        return self.full(shape, self.filling, np.dtype(dtype))

    def empty_like(self, array, dtype=None):
        return self.full(array.shape, self.filling if array.dtype.kind in "fc" else 0, dtype or array.dtype)


MAKERS = ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "array", "arange", "eye", "linspace")


# ---------------------------------------------------------------------------------------------------------------
# Numbers


@dataclass(frozen=True)
class Estimate:
    """A number and how far off it may be."""

    value: float
    error: float

    def agrees(self, other: float, slack: float = 10.0, relative: float = 0.0) -> bool:
        """Whether `other` is within `slack` errors (and a relative difference) of the value."""
        if math.isnan(self.value):
            return False
        return abs(float(other) - self.value) <= slack * self.error + relative * abs(self.value)


def difference(line: Callable[[float], float], scale: float = 1.0, levels: int = 14) -> Estimate:
    """The derivative of `line` at 0, by central differences extrapolated to step 0 (Ridders).

    The steps halve from 0.06 times `scale`. Of the extrapolations over three or more neighbouring steps the one with the
    smallest error is taken, so that a kink or a branch farther away than the smallest steps does no harm.
    The value is nan where no three steps could be evaluated.
    """
    best = Estimate(math.nan, math.inf)
    previous: list[float] = []
    for level in range(levels):
        step = 0.06 * scale * 0.5**level
        right, left = value_or_nan(line, step), value_or_nan(line, -step)
        row = [(right - left) / (2 * step)]
        rounding = EPS * max(abs(right), abs(left)) / step
        for order, coarser in enumerate(previous[:6], start=1):
            finer = row[-1]
            row.append(finer + (finer - coarser) / (4**order - 1))
            error = max(abs(row[-1] - finer), abs(row[-1] - coarser)) + rounding
            if order >= 2 and error < best.error:
                best = Estimate(row[-1], error)
        previous = row
    return best


def value_or_nan(line: Callable[[float], float], step: float) -> float:
    """`line(step)`, nan where the step leads out of the domain."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return float(line(step))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):
        return math.nan


def complex_step(line: Callable[[complex], complex]) -> float | None:
    """The derivative of `line` at 0 by one complex step, exact to rounding; None where `line` takes no complex numbers."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return float(np.imag(line(1e-40j))) / 1e-40
    except Exception:  # noqa: BLE001 - whatever a program raises that was never meant for complex numbers
        return None


def derivative(line: Callable, scale: float = 1.0, analytic: Callable | None = None) -> Estimate:
    """The derivative of `line` at 0: the complex step's where it confirms the differences, else the differences'.

    `analytic` is the same line for complex steps, where that is another function.
    """
    rough = difference(line, scale)
    exact = complex_step(analytic or line)
    if exact is not None and rough.agrees(exact, relative=1e-7):
        rounding = 100 * EPS * abs(value_or_nan(line, 0.0)) / scale
        return Estimate(exact, max(rounding, min(rough.error, 1e-13 * abs(exact))))
    return rough


# ---------------------------------------------------------------------------------------------------------------
# Gradients


def gradient(
    fun: Callable, args: tuple, wrt: int | str, kwargs: dict | None = None, analytic: Callable | None = None
) -> dict[tuple, Estimate]:
    """The partial derivatives of `fun(*args, **kwargs)` by the floats of one argument (an index or a name), by path.

    `fun` returns a float and gets copies only. An integer argument counts as a float. `analytic` is `fun` for arguments
    that are complex throughout.
    """
    kwargs = kwargs or {}
    where = args if isinstance(wrt, int) else kwargs
    value = where[wrt]
    if isinstance(value, (int, np.integer)) or isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        value = value * 1.0
    value = widen(value)

    def along(path):
        start = at(value, path)

        def line(step, fun=fun, number=float):
            moved = put(widen(value, number), path, number(start + step) if number is not float else start + step)
            if isinstance(wrt, int):
                return fun(*widen(args[:wrt], number), moved, *widen(args[wrt + 1 :], number), **widen(kwargs, number))
            return fun(*widen(args, number), **{**widen(kwargs, number), wrt: moved})

        def complex_line(step):
            return line(step, analytic, np.complex128)

        return derivative(line, max(1.0, abs(start)), None if analytic is None else complex_line)

    return {path: along(path) for path in floats(value)}


def mismatches(reference: dict[tuple, Estimate], found: Any, single: bool = False) -> list[str]:
    """Where the structure `found` differs from the reference by more than the reference's error; one line each.

    Beside ten times the estimated error, rounding is allowed for: 1e-10 of the gradient's largest number, or in single
    precision 2e-5 of it.
    """
    size = max((abs(estimate.value) for estimate in reference.values()), default=0.0)
    rounding = (2e-5 if single else 1e-10) * size
    lines = []
    for path, estimate in reference.items():
        number = float(at(found, path))
        if not abs(number - estimate.value) <= 10 * estimate.error + rounding:
            place = "".join(f"[{step!r}]" for step in path) or "it"
            lines.append(f"{place}: found {number!r}, expected {estimate.value!r} ± {estimate.error:.1e}")
    return lines


def slopes(fun, t, step=1e-3):
    """The gradient by differences of sixth order."""
    found = np.zeros(t.size)
    for k in range(t.size):
        e = np.zeros(t.size)
        e[k] = step
        values = [fun(t + i * e) - fun(t - i * e) for i in (1, 2, 3)]
        found[k] = (45 * values[0] - 9 * values[1] + values[2]) / (60 * step)
    return found
