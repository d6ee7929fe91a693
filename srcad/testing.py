"""`check_grads`: a gradient compared with differences of its function, along random directions."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad import structure
from srcad.api import grad, vjp
from srcad.errors import GradientMismatch, KindError

EPS = float(np.finfo(float).eps)


def check_grads(
    fun: Callable,
    args: tuple,
    *,
    argnums: int | str | tuple[int | str, ...] | None = None,
    kwargs: dict[str, Any] | None = None,
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
    directions: int = 2,
    seed: int = 0,
) -> None:
    """Raise `GradientMismatch` if the gradient of `fun` at `args` is not what differences of `fun` say.

    `argnums` says with respect to which arguments (an index, a name, or a tuple of those; None for all that hold floats);
    they may be floats, arrays, and structures of these. A function that returns arrays or structures is checked through
    `vjp`, with random cotangents. With `order=2` the gradient of the gradient is checked too.

    Along each of the random directions the slope by srcad is compared with extrapolated central differences. The
    difference may be `atol + rtol * |slope|` and the error of the differences; by default `rtol` is 1e-6 (in single
    precision 1e-2) and `atol` the same fraction of what a gradient of that length would give in a typical direction.

    >>> check_grads(lambda x, y: x * y + y**2, (2.0, 3.0))  # says nothing: it is right

    Method: one directional derivative sees an error in any component with probability 1, and costs two calls of `fun`
    (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3).
    """
    args, kwargs = tuple(args), kwargs or {}
    chosen = _chosen(fun, args, kwargs, argnums)
    point = tuple(structure.copied(_argument(args, kwargs, key)) for key in chosen)
    names = [name if isinstance(key, int) else key for key, name in zip(chosen, _names(fun, chosen))]
    held = functools.partial(_call, fun, args, kwargs, chosen)
    single = _is_single(point)
    check = _Check(
        title=getattr(fun, "__name__", repr(fun)),
        rtol=(1e-2 if single else 1e-6) if rtol is None else rtol,
        atol=atol,
        step=EPS ** (1 / 7) if not single else 0.03,
    )
    rng = np.random.default_rng(seed)
    value = held(point)
    derivative = _gradient(fun, args, kwargs, chosen) if _is_number(value) else _pulled(fun, args, kwargs, chosen)
    for _ in range(directions):
        cotangent = 1.0 if _is_number(value) else structure.random_like(value, rng)
        gradients = derivative(cotangent)
        direction = tuple(structure.random_like(part, rng) for part in point)
        check(lambda p: _inner(cotangent, held(p)), point, gradients, direction, names)  # noqa: B023 - used at once
    if order > 1:
        keys = tuple(chosen)
        check_grads(
            grad(fun, argnums=keys if len(keys) > 1 else keys[0]), args, argnums=keys, kwargs=kwargs, order=order - 1,
            rtol=rtol, atol=atol, directions=directions, seed=seed + 1,
        )  # fmt: skip
