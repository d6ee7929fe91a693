"""Adjoints of users' values: seeds in, gradients out, each in the structure, shape and type of what it belongs to."""

from __future__ import annotations

import numpy as np

from srcad import structure
from srcad.analysis import kinds
from srcad.analysis.kinds import is_float, kind_of
from srcad.errors import KindError
from srcad.programs import name_of


def describe(value) -> str:
    """A value as an error names it."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"{value!r}" if isinstance(value, (int, str, bool)) or value is None else f"a {type(value).__name__}"


def promoted(value):
    """An integer, or an array of integers, as floats; all else as it is."""
    if type(value) is int or isinstance(value, np.integer):
        return float(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return value.astype(float)
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        raise KindError(None, f"an array of class {type(value).__name__} is not differentiated", hint="Use np.asarray.")
    return value


def check_scalar(fun, value) -> None:
    if np.ndim(value) != 0 or value is None or np.asarray(value).dtype.kind not in "fiub":
        what = "None" if value is None else describe(value)
        if isinstance(value, np.ndarray):
            what = f"an array of shape {value.shape}"
        raise KindError(
            None,
            f"the gradient needs a function that returns one real number; {name_of(fun)} returned {what}",
            hint="Sum it up to one number, or use vjp for a vector of results.",
        )


def as_gradient(value, bar):
    """The adjoint of an argument in the structure, shape and type of the argument."""
    if isinstance(value, np.ndarray):
        if bar.__class__ is np.ndarray and bar.dtype == value.dtype and bar.shape == value.shape:
            return bar
        if value.dtype.kind not in "fc":
            return None
        check_real(value, bar)
        return np.array(np.broadcast_to(bar, value.shape), dtype=value.dtype)
    if type(value) in (float, complex):
        check_real(value, bar)
        return type(value)(bar)
    if isinstance(value, np.inexact):
        check_real(value, bar)
        return value.dtype.type(bar)
    contents = kinds.container_items(value)
    if contents is None:
        return None
    keys, items = contents
    if bar is None:
        return zero_like(value)
    parts = [as_gradient(item, bar[k]) for k, item in zip(keys, items)]
    return rebuilt(value, parts)


def check_real(value, bar) -> None:
    """Raises KindError where a real value has a complex derivative: something complex was taken for real on the way."""
    if np.iscomplexobj(bar) and not np.iscomplexobj(value):
        raise KindError(
            None, "the derivative by a real number came out complex: it was not seen to be combined with complex ones",
            hint="Give the numbers of one list all as complex, and make complex numbers with `1j` or complex(a, b).",
        )


def rebuilt(value, parts):
    """A container like `value` with other items."""
    return structure.build(value, parts)


def zero_like(value):
    """The gradient with respect to an argument on which nothing depends."""
    if isinstance(value, np.ndarray):
        return np.zeros_like(value) if value.dtype.kind in "fc" else None
    if type(value) in (float, complex):
        return type(value)(0.0)
    if isinstance(value, np.inexact):
        return value.dtype.type(0)
    contents = kinds.container_items(value)
    if contents is None:
        return None
    keys, items = contents
    return rebuilt(value, [zero_like(i) for i in items])


def zero_bar(value):
    """The zero adjoint of a result, as generated code takes it."""
    contents = kinds.container_items(value)
    if contents is None:
        if not isinstance(value, np.ndarray):
            return 0.0
        return np.zeros(value.shape, value.dtype if value.dtype.kind == "c" else float)
    keys, items = contents
    parts = [zero_bar(i) for i in items]
    return parts if isinstance(value, (tuple, list)) else dict(zip(keys, parts))


def check_seed(value, value_bar) -> None:
    if np.iscomplexobj(value_bar) and not np.iscomplexobj(value):
        raise KindError(None, "the adjoint is complex, the value it belongs to is real")


def seed_like(value, value_bar):
    """The adjoint of a result as generated code takes it, from what the user gives. Raises KindError."""
    contents = kinds.container_items(value)
    if contents is None:
        if isinstance(value, np.ndarray):
            check_seed(value, value_bar)
            bar = np.asarray(value_bar, dtype=value.dtype if value.dtype.kind in "fc" else float)
            if bar.shape != value.shape:
                raise KindError(None, f"the adjoint has shape {bar.shape}, the value it belongs to has {value.shape}")
            return bar
        if is_float(kind_of(value)):
            if np.ndim(value_bar) != 0:
                raise KindError(
                    None, f"the adjoint has shape {np.shape(value_bar)}, the value it belongs to is a number"
                )
            check_seed(value, value_bar)
            return complex(value_bar) if np.iscomplexobj(value) else float(value_bar)
        return 0.0
    keys, items = contents
    given = kinds.container_items(value_bar)
    if given is None or tuple(given[0]) != tuple(keys):
        raise KindError(None, f"the adjoint is {describe(value_bar)}; it must have the structure of the value")
    parts = [seed_like(v, b) for v, b in zip(items, given[1])]
    return parts if isinstance(value, (tuple, list)) else dict(zip(keys, parts))
