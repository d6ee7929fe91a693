"""New names that do not clash with those in use."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Container


def fresh(base: str, taken: Container[str]) -> str:
    """`base`, or the first of `base_1`, `base_2`, … that is not taken, no keyword and no builtin.

    >>> fresh("x_bar", {"x_bar", "x_bar_1"})
    'x_bar_2'
    """
    name, count = base, 0
    while name in taken or keyword.iskeyword(name) or hasattr(builtins, name):
        count += 1
        name = f"{base}_{count}"
    return name


class Names:
    """The names in use in a program; `new` adds one that does not clash."""

    def __init__(self, taken=()):
        self.taken = set(taken)

    def new(self, base: str) -> str:
        name = fresh(base, self.taken)
        self.taken.add(name)
        return name
