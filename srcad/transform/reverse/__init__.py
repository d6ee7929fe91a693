"""Reverse mode: from a specialised function to its forward and its reverse sweep.

The statements are walked from the last to the first. Each gives its part of the forward sweep (itself, with names for
the intermediates that the way back reads) and its part of the reverse sweep, in which `v_bar` is the adjoint of `v`:

    y = x * np.sin(x)                 sin = np.sin(x)              y = x * sin
                                      x_bar = y_bar * sin;         x_bar += y_bar * x * np.cos(x)

Wherever a variable is overwritten, both sweeps get a provision to bring the old value back (`Save`, `Restore`). What of
it is needed is seen afterwards by looking at what the reverse sweep reads: `liveness.prune` takes the rest out. So
to-be-recorded analysis needs no declarations (Hascoët, Naumann & Pascual 2005, "To be recorded" analysis in reverse-mode
automatic differentiation; Griewank & Walther 2008, ch. 5 and 6).
"""

from srcad.transform.reverse.control import REENTERED
from srcad.transform.reverse.forms import (
    OP_NAMES, Slot, assigned_names, called_name, describe, ends_raising, is_in, item, missing, names_read, node_count,
    shape_of, symbol, target_list, target_names, walk_all, without, without_idle_aliases,
)  # fmt: skip
from srcad.transform.reverse.operations import is_linear_pullback, is_unbroadcast, positional_and_keyword
from srcad.transform.reverse.pair import Pair, reverse

__all__ = [
    "OP_NAMES",
    "Pair",
    "REENTERED",
    "Slot",
    "assigned_names",
    "called_name",
    "describe",
    "ends_raising",
    "is_in",
    "is_linear_pullback",
    "is_unbroadcast",
    "item",
    "missing",
    "names_read",
    "node_count",
    "positional_and_keyword",
    "reverse",
    "shape_of",
    "symbol",
    "target_list",
    "target_names",
    "walk_all",
    "without",
    "without_idle_aliases",
]
