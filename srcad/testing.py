"""`check_grads`: a gradient compared with differences of its function, along random directions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from srcad import structure
from srcad.api import grad, vjp
from srcad.errors import GradientMismatch, KindError
from srcad.selfcheck import Along, typical_sizes

Argnums = int | str | tuple[int | str, ...]


def check_grads(
    fun: Callable,
    args: tuple,
    *,
    argnums: Argnums | None = None,
    order: int = 1,
    rtol: float | None = None,
    atol: float = 0.0,
    seed: int = 0,
) -> None:
    """Raise `GradientMismatch` if the gradient of `fun` at `args` is not what differences of `fun` say.

    `argnums` chooses arguments (an index, a name, or a tuple of those; None: all that hold floats): numbers, arrays, and
    structures of these; complex ones are moved in both of their parts. A function that returns a complex number, an array
    or a structure is checked through `vjp`, with random cotangents.
    With `order=2` the gradient's own gradient is checked too. Keyword arguments are given with `functools.partial`.

    For each argument the slope along a random direction (of the size of the argument; another `seed`, another direction)
    is compared with extrapolated central differences. They may differ by `atol`, and by `rtol` (1e-6; in single precision
    1e-2) times the slope that a gradient of this length has in a typical direction.

    >>> def area(width, height):
    ...     return width * height
    >>> check_grads(area, (3.0, 4.0))  # says nothing: it is right

    Method: a slope along one random direction shows a wrong component with probability 1, at the cost of a few calls of
    `fun` (Baydin et al., Automatic differentiation in machine learning: a survey, JMLR 18, 2018, sect. 3).
    """
    args = tuple(args)
    chosen = _positions(fun, args, argnums)
    rng = np.random.default_rng(seed)
    value = fun(*structure.apart(args))
    if _is_number(value):
        value_bar, bars = 1.0, grad(fun, argnums=tuple(chosen))(*structure.apart(args))
    else:
        value_bar = structure.random_like(value, rng)
        adjoints = vjp(fun, *structure.apart(args))[1](value_bar)
        bars = tuple(adjoints[position] for position in chosen)
    for (position, name), bar in zip(chosen.items(), bars, strict=True):
        SlopeCheck(fun, args, position, name, value_bar, bar, rtol, atol).run(rng)
    if order > 1:
        if not _is_number(value):
            raise KindError(None, "order=2 needs a function that returns one number")
        positions = tuple(chosen)
        gradient = grad(fun, argnums=positions if len(positions) > 1 else positions[0])
        check_grads(gradient, args, argnums=positions, order=order - 1, rtol=rtol, atol=atol, seed=seed + 1)


@dataclass
class SlopeCheck:
    """The gradient `bar` by one argument, or slopes by it, against differences of `<value_bar, fun(...)>`."""

    fun: Callable
    args: tuple
    position: int
    name: str
    value_bar: structure.Structure
    bar: structure.Structure
    rtol: float | None
    atol: float

    def __post_init__(self):
        argument = structure.copied(self.args[self.position])
        self.point, self.unravel = structure.ravel(argument)
        if self.bar is not None:
            found = structure.leaves(self.bar, like=argument)
            self.gradient = np.concatenate([np.zeros(0), *map(structure.numbers, found)])
        leaves = structure.leaves(argument)
        single = any(np.finfo(np.asarray(leaf).dtype).eps > 1e-10 for leaf in leaves)
        self.rtol = self.rtol or (1e-2 if single else 1e-6)
        self.eps = float(np.finfo(np.float32 if single else float).eps)
        self.size = typical_sizes(leaves)

    def run(self, rng: np.random.Generator) -> None:
        """Raises GradientMismatch, which names the component that is off most."""
        direction = rng.standard_normal(self.point.size) * self.size
        slope, (difference, error) = self.gradient @ direction, self.difference(direction)
        allowed = self.atol + self.rtol * max(abs(slope), float(np.linalg.norm(self.gradient * self.size)))
        if abs(slope - difference) <= allowed or abs(slope - difference) <= 10 * error <= 1e3 * allowed:
            return
        because = [f"along a random direction: {slope:.10g} by srcad, {difference:.10g} ± {error:.0e} by differences"]
        if self.point.size > 1:
            worst = self.worst(direction)
            unit = np.zeros_like(direction)
            unit[worst] = 1.0
            because.append(
                f"it is off most at {self.component(worst)}: {self.gradient[worst]:.10g} by srcad, "
                f"{self.difference(unit * self.size[worst])[0] / self.size[worst]:.10g} by differences"
            )
            because.append(f"the direction: {np.array2string(direction, precision=4, threshold=10)}")
        raise GradientMismatch(
            None,
            f"the gradient of {_title(self.fun)} by {self.name} is not what differences say",
            because="\n".join(because),
            hint="Differences are wrong themselves where the function has a kink or a jump: try another point.",
        )

    def compare(self, rng: np.random.Generator, slope_along: Callable) -> None:
        """Raises GradientMismatch if `slope_along(direction)` is not the slope along a random direction."""
        direction = rng.standard_normal(self.point.size) * self.size
        slope, (difference, error) = slope_along(self.unravel(direction)), self.difference(direction)
        allowed = self.atol + self.rtol * max(abs(slope), abs(difference), 1e-3 * float(np.linalg.norm(direction)))
        if abs(slope - difference) <= allowed or abs(slope - difference) <= 10 * error <= 1e3 * allowed:
            return
        raise GradientMismatch(
            None,
            f"the tangent of {_title(self.fun)} by {self.name} is not what differences say",
            because=f"along a random direction: {slope:.10g}, and {difference:.10g} ± {error:.0e} by differences",
            hint="Differences are wrong themselves where the function has a kink or a jump: try another point.",
        )

    def difference(self, direction: np.ndarray) -> tuple[float, float]:
        """The slope along `direction` by central differences, extrapolated, and its error."""
        along = Along(lambda step: self.value(step * direction), self.eps)
        return along.central, along.error

    def value(self, offset: np.ndarray) -> float:
        """`<value_bar, fun(...)>` away from the point; nan outside of the domain."""
        moved = list(structure.apart(self.args))
        moved[self.position] = self.unravel(self.point + offset)
        try:
            with np.errstate(all="ignore"):
                value = self.fun(*moved)
        except (ArithmeticError, ValueError):
            return math.nan
        return float(value) if _is_number(value) else structure.dot(self.value_bar, value)

    def worst(self, direction: np.ndarray) -> int:
        """The component that contributes most to a mismatch, found by halving."""
        low, high = 0, direction.size
        while high - low > 1:
            middle = (low + high) // 2
            low, high = max(((low, middle), (middle, high)), key=lambda part: self.gap(direction, *part))
        return low

    def gap(self, direction: np.ndarray, low: int, high: int) -> float:
        """The mismatch along one part of a direction."""
        part = np.zeros_like(direction)
        part[low:high] = direction[low:high]
        gap = abs(self.gradient @ part - self.difference(part)[0])
        return math.inf if math.isnan(gap) else gap

    def component(self, number: int) -> str:
        """How Python writes the component of that number: `w['b'][2]`."""
        return structure.component(structure.named_leaves(structure.copied(self.args[self.position]), self.name), number)


def _positions(fun: Callable, args: tuple, argnums: Argnums | None) -> dict[int, str]:
    """The chosen arguments: position and name. Raises KindError."""
    try:
        parameters = inspect.signature(fun).parameters.values()
        names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][: len(args)]
    except (TypeError, ValueError):
        names = []
    names += [f"argument {position}" for position in range(len(names), len(args))]
    if argnums is None:
        return {k: names[k] for k, arg in enumerate(args) if structure.leaves(arg)}
    chosen = {}
    for key in argnums if isinstance(argnums, tuple) else (argnums,):
        if key not in names and not (isinstance(key, int) and -len(args) <= key < len(args)):
            raise KindError(
                None, f"{_title(fun)} is called without an argument {key!r}", hint=f"It has {', '.join(names)}."
            )
        position = names.index(key) if isinstance(key, str) else key % len(args)
        chosen[position] = names[position]
    return chosen


def _is_number(value) -> bool:
    is_scalar = isinstance(value, (int, float, np.number)) or isinstance(value, np.ndarray) and value.ndim == 0
    return is_scalar and not np.iscomplexobj(value)


def _title(fun: Callable) -> str:
    return getattr(fun, "__name__", None) or repr(fun)
