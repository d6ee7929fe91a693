"""Places: the expressions that name a part of an array, a container or an object that is in a variable.

    y[1:3]      y.T[0]      y.reshape(-1, 2)[k]      state["u"][i]      body.x

A place is a variable and steps into it. The adjoint of a place is the same place of the shadow of the variable
(`with_root`): the steps that are here keep the two apart in the same way, since each gives a view, never a copy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad.core.nodes import Attribute, Call, Expr, Name, Ref, Slice, Starred, Subscript, walk

VIEW_METHODS = {"reshape", "ravel", "transpose", "swapaxes", "squeeze"}
"""Methods of an array that give a view of it."""

VIEW_FUNCTIONS = (np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.reshape, np.ravel, np.flip)
"""Functions that give a view of their first argument."""

RESHAPING = {"reshape", "ravel"}
"""The methods and functions that give a view only of an array that is contiguous."""


def inner(e: Expr) -> Expr | None:
    """What a step leads out of: `y` of `y[i]`, `y.x`, `y.T`, `y.reshape(…)`; None if `e` is no step."""
    match e:
        case Subscript(value=value) | Attribute(value=value) | Starred(value=value):
            return value
        case Call(fn=Attribute(value=value, attr=attr)) if attr in VIEW_METHODS:
            return value
        case Call(fn=Ref(obj=obj), args=(value, *_)) if any(obj is f for f in VIEW_FUNCTIONS):
            return value
    return None


def with_inner(e: Expr, value: Expr) -> Expr:
    """The same step out of something else."""
    match e:
        case Call(fn=Attribute()):
            return replace(e, fn=replace(e.fn, value=value))
        case Call(args=(_, *rest)):
            return replace(e, args=(value, *rest))
    return replace(e, value=value)


def array_of(place: Expr) -> Expr:
    """The array in which a place is: what is in a variable, or the item of a container."""
    return [x for x in (*steps(place), root_of(place)) if getattr(x.kind, "rank", None) is not None][-1]


def root_of(e: Expr) -> Expr:
    """What the steps of `e` start from."""
    while (value := inner(e)) is not None:
        e = value
    return e


def root_name(e: Expr) -> str | None:
    """The variable that a place is in; None if it is in none."""
    e = root_of(e)
    return e.id if isinstance(e, Name) else None


def with_root(e: Expr, root: Expr) -> Expr:
    """The same place in something else."""
    value = inner(e)
    return root if value is None else with_inner(e, with_root(value, root))


def steps(e: Expr) -> list[Expr]:
    """The steps of a place, outermost first: for `y.T[0]` the index, then the transposition."""
    found = []
    while (value := inner(e)) is not None:
        found.append(e)
        e = value
    return found


def is_reshaping(step: Expr) -> bool:
    """Whether a step gives a view only of a contiguous array."""
    match step:
        case Call(fn=Attribute(attr=attr)):
            return attr in RESHAPING
        case Call(fn=Ref(obj=obj)):
            return getattr(obj, "__name__", "") in RESHAPING
    return False


def is_flat(step: Expr) -> bool:
    """Whether a step is an item of `a.flat`, the items of an array one after the other."""
    return isinstance(step, Subscript) and isinstance(step.value, Attribute) and step.value.attr == "flat"


def as_value(index: Expr) -> Expr:
    """An index as an argument: with slices, `np.s_[1:, None]`."""
    if any(isinstance(n, Slice) for n in walk(index)):
        return Subscript(Ref(np.s_, "np.s_"), index)
    return index
