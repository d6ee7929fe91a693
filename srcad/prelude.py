"""Functions in plain Python that are differentiated like a user's: what stands for a call of `sorted`, `map` or
`np.apply_along_axis`, and what generated code does to the adjoints of lists and tuples."""

from __future__ import annotations

import numpy as np

from srcad.runtime import add, check_first, check_vectorized, slice_bounds, stop_gradient, zeros_like


def listed(items):
    """`list(items)`"""
    return [item for item in items]


def listed_tuple(items):
    """`tuple(items)`; a list serves."""
    return [item for item in items]


def spliced(items, start, stop, new):
    """The list that `items[start:stop] = new` makes of `items`."""
    first, last = slice_bounds(start, stop, len(items))
    return items[:first] + list(new) + items[last:]


def in_order(items, *, key=None, reverse=False):
    """`sorted(items, key=key, reverse=reverse)`"""
    order = sorted(range(len(items)), key=lambda i: items[i] if key is None else key(items[i]), reverse=reverse)
    return [items[i] for i in order]


def mapped(function, items):
    """`list(map(function, items))`"""
    return [function(item) for item in items]


def mapped_pairs(function, a, b):
    """`list(map(function, a, b))`"""
    return [function(a[i], b[i]) for i in range(min(len(a), len(b)))]


def filtered(function, items):
    """`list(filter(function, items))`"""
    return [item for item in items if (item if function is None else function(item))]


def reduced(function, items):
    """`functools.reduce(function, items)`"""
    result = items[0]
    for item in items[1:]:
        result = function(result, item)
    return result


def reduced_from(function, items, initial):
    """`functools.reduce(function, items, initial)`"""
    result = initial
    for item in items:
        result = function(result, item)
    return result


def largest(items, *, key):
    """`max(items, key=key)`"""
    best = max(range(len(items)), key=lambda i: key(items[i]))
    return items[best]


def smallest(items, *, key):
    """`min(items, key=key)`"""
    best = min(range(len(items)), key=lambda i: key(items[i]))
    return items[best]


def largest_object(items):
    """`max(items)`, of objects with an order of their own"""
    best = max(range(len(items)), key=lambda i: items[i])
    return items[best]


def smallest_object(items):
    """`min(items)`, of objects with an order of their own"""
    best = min(range(len(items)), key=lambda i: items[i])
    return items[best]


def summed(items):
    """`sum(items)`, of objects that can be added to 0"""
    result = 0 + items[0]
    for item in items[1:]:
        result = result + item
    return result


def summed_from(items, start):
    """`sum(items, start)`, of objects"""
    result = start
    for item in items:
        result = result + item
    return result


def zipped(a, b):
    """`list(zip(a, b))`"""
    return [(a[i], b[i]) for i in range(min(len(a), len(b)))]


def enumerated(items, start=0):
    """`list(enumerate(items, start))`"""
    return [(i + start, items[i]) for i in range(len(items))]


def backwards(items):
    """`list(reversed(items))`"""
    return items[::-1]


def add_items(xs_bar, where, items_bar):
    """Adds the adjoints of `xs[where]`, a part of a list, to those of `xs`."""
    for position, k in enumerate(range(len(xs_bar))[where]):
        xs_bar[k] = add(xs_bar[k], items_bar[position])


def scatter_item(bar, key, xs):
    """The adjoint of `xs[key]`, an item of a container: zeros with `bar` there.

    >>> scatter_item(1.0, 2, [5.0, 6.0, 7.0])
    [0.0, 0.0, 1.0]
    """
    xs_bar = zeros_like(xs)
    xs_bar[key] = bar
    return xs_bar


def scatter_items(items_bar, where, xs):
    """The adjoint of `xs[where]`, a part of a list: zeros with `items_bar` there.

    >>> scatter_items([1.0], slice(2, 3), [5.0, 6.0, 7.0])
    [0.0, 0.0, 1.0]
    """
    xs_bar = zeros_like(xs)
    for position, k in enumerate(range(len(xs_bar))[where]):
        xs_bar[k] = items_bar[position]
    return xs_bar


def fold_items(items_bar, xs):
    """The adjoint of `xs` in `xs * n`: for each item the sum of the adjoints of its copies.

    >>> fold_items([1.0, 2.0, 30.0, 40.0], [5.0, 6.0])
    [31.0, 42.0]
    """
    xs_bar = zeros_like(xs)
    for k in range(len(items_bar)):
        xs_bar[k % len(xs)] = add(xs_bar[k % len(xs)], items_bar[k])
    return xs_bar


def unstacked(y_bar, axis=0):
    """The adjoints of the arrays of a list that `np.stack` joins along a new axis."""
    return [item.copy() for item in np.moveaxis(y_bar, axis, 0)]


def unjoined(y_bar, xs, axis=0):
    """The adjoints of the arrays of a list that `np.concatenate` joins along an axis that they have.

    >>> unjoined(np.array([1.0, 2.0, 3.0]), [np.zeros(1), np.zeros(2)])
    [array([1.]), array([2., 3.])]
    """
    rows, found, start = np.moveaxis(y_bar, axis, 0), [], 0
    for x in xs:
        stop = start + x.shape[axis]
        found.append(np.moveaxis(rows[start:stop].copy(), 0, axis))
        start = stop
    return found


# ---------------------------------------------------------------------------------------------------------------
# NumPy


def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    lines = np.moveaxis(arr, axis, -1)
    flat = np.reshape(lines, (-1, lines.shape[-1]))
    rows = [func1d(flat[k], *args, **kwargs) for k in range(len(flat))]
    check_first(stop_gradient(rows), "np.apply_along_axis")
    found = np.array(rows)
    shaped = np.reshape(found, lines.shape[:-1] + found.shape[1:])
    start = axis % np.ndim(arr)
    return np.moveaxis(shaped, range(lines.ndim - 1, shaped.ndim), range(start, start + found.ndim - 1))


def vectorized_1(function, makes_floats, a):
    """`np.vectorize(function)(a)`"""
    u = np.ravel(a)
    found = [function(u[k]) for k in range(len(u))]
    check_vectorized(stop_gradient(found), makes_floats)
    return np.reshape(np.array(found), np.shape(a))


def vectorized_2(function, makes_floats, a, b):
    """`np.vectorize(function)(a, b)`"""
    a, b = np.broadcast_arrays(a, b)
    u, v = np.ravel(a), np.ravel(b)
    found = [function(u[k], v[k]) for k in range(len(u))]
    check_vectorized(stop_gradient(found), makes_floats)
    return np.reshape(np.array(found), a.shape)


def vectorized_3(function, makes_floats, a, b, c):
    """`np.vectorize(function)(a, b, c)`"""
    a, b, c = np.broadcast_arrays(a, b, c)
    u, v, w = np.ravel(a), np.ravel(b), np.ravel(c)
    found = [function(u[k], v[k], w[k]) for k in range(len(u))]
    check_vectorized(stop_gradient(found), makes_floats)
    return np.reshape(np.array(found), a.shape)
