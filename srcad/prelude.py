"""Builtins in plain Python: srcad differentiates a call of `sorted` or `map` by differentiating these."""

from __future__ import annotations


def listed(items):
    """`list(items)`"""
    return [item for item in items]


def listed_tuple(items):
    """`tuple(items)`; a list serves."""
    return [item for item in items]


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


def zipped(a, b):
    """`list(zip(a, b))`"""
    return [(a[i], b[i]) for i in range(min(len(a), len(b)))]


def enumerated(items, start=0):
    """`list(enumerate(items, start))`"""
    return [(i + start, items[i]) for i in range(len(items))]


def backwards(items):
    """`list(reversed(items))`"""
    return items[::-1]
