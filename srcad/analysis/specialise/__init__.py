"""From a function and the kinds of its arguments to a program in which every expression has its kind.

An abstract run of the function: each expression is built anew with its `kind` and with whether it is `varied` (depends
on a differentiated argument). On the way, what is no plain expression but varied becomes statements:

    y = f(x) + (a if c else b)        f_1 = f(x)          # a call that is differentiated through
                                      if c:
                                          choice = a
                                      else:
                                          choice = b
                                      y = f_1 + choice

Loops over varied things become loops over indices, comprehensions of varied things become loops, branches that the
kinds decide (`if bias is None`) are left out. What is not varied stays as the user wrote it.
"""

from srcad.analysis.specialise.program import Program, is_generated
from srcad.analysis.specialise.sharing import VIEWS, aliases
from srcad.analysis.specialise.values import Local, Special, Value, as_argument, lookup

__all__ = [
    "Local",
    "Program",
    "Special",
    "VIEWS",
    "Value",
    "aliases",
    "as_argument",
    "is_generated",
    "lookup",
]
