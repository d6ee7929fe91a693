"""Programs as users write them, each with arguments to differentiate it at.

    @program((2.0, 3.0), (0.5, -1.0))
    def product(x, y):
        return x * y

`program` only records: the name `product` stays bound to the plain function. The modules of this package group the
programs by what they exercise; `programs()` gives them all. A program returns a float, unless it is marked:
`vector` (an array or a structure: for `vjp`), `aux` (a float and something else: for `has_aux`).
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.reference import floats


@dataclass(frozen=True)
class Point:
    """The arguments of one call."""

    args: tuple
    kwargs: dict = field(default_factory=dict)


def point(*args, **kwargs) -> Point:
    return Point(args, kwargs)


@dataclass(frozen=True, eq=False)
class Program:
    """A user's function, the points to differentiate it at, and what is asked of its gradient."""

    fun: Callable
    points: tuple[Point, ...]
    wrt: tuple[int | str, ...] | None
    name: str
    marks: frozenset[str]

    def wrt_at(self, at: Point) -> tuple[int | str, ...]:
        """The arguments to differentiate by: those declared, or all positional ones that hold a float."""
        return self.wrt or tuple(k for k, arg in enumerate(at.args) if any(True for _ in floats(arg)))

    def is_scalar(self, at: Point) -> bool:
        """Whether the arguments differentiated by are plain floats: the programs that have higher derivatives."""
        return all(type(at.args[k] if isinstance(k, int) else at.kwargs.get(k)) is float for k in self.wrt_at(at))


_RECORDED: list[Program] = []


def program(*points: tuple | Point, wrt: tuple | None = None, name: str | None = None, marks: str = "") -> Callable:
    """Record a function as a program. The marks are words:

    - `vector`, `aux`: what it returns is no plain float (see above);
    - `once`: it has no second derivative to compare with (a kink at the point, or differences too rough);
    - `first`: its second derivative may be refused (lists, closures and recursion of higher order come later);
    - `refusable`: it writes in place; it must be right or refused (the next issue makes it right).
    """
    given = tuple(p if isinstance(p, Point) else Point(p) for p in points)

    def record(fun):
        module = getattr(fun, "__module__", None) or fun.func.__module__
        title = name or fun.__name__
        _RECORDED.append(Program(fun, given, wrt, f"{module.rpartition('.')[2]}.{title}", frozenset(marks.split())))
        return fun

    return record


def programs() -> list[Program]:
    """Every recorded program, in the order of the files and of their lines."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        importlib.import_module(f"{__name__}.{module.name}")
    return _RECORDED


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, the same in every run."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 1/2 and 2, the same in every run."""
    return np.random.default_rng([seed, *shape]).uniform(0.5, 2.0, size=shape)


def fresh(value: Any) -> Any:
    """A deep copy in which arrays keep their order in memory, and stay non-contiguous where they were."""
    if isinstance(value, np.ndarray):
        if value.flags.c_contiguous or value.flags.f_contiguous:
            return value.copy(order="K")
        wide = np.zeros(tuple(2 * n for n in value.shape), dtype=value.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in value.shape)]
        view[...] = value
        return view
    if type(value) in (list, tuple):
        return type(value)(fresh(item) for item in value)
    if type(value) is dict:
        return {key: fresh(item) for key, item in value.items()}
    return copy.deepcopy(value)
