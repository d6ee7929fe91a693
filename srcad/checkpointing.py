"""Functions that are run again on the way back: less memory for more time."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable

from srcad.errors import SrcadError


def checkpoint(fun: Callable) -> Checkpointed:
    """A function of which a gradient keeps only the arguments: on the way back it is run once more.

    A call of it, in a function that is differentiated in reverse mode, keeps what it gets and copies of the arrays that it
    writes into, and nothing of what it computes inside. For its adjoint the function is run again. That costs the time of
    one more call, and is worth it where what would be kept is large beside the arguments. A decorator, `@checkpoint`, of
    functions, methods and nested functions; `checkpoint(f)(x)` does the same for one call. Gradients are the same numbers
    as without. Elsewhere, and in forward mode, it is the function itself.

    >>> @checkpoint
    ... def step(u):
    ...     return u + 0.1 * np.sin(u)

    Since the second run has to give what the first one gave, a gradient raises `Unsupported` where the function draws
    random numbers, prints, or does anything else of which srcad does not know that it only computes a value; and where it
    writes into anything but arrays. Raises a SrcadError for what is not a plain Python function.

    Method: Griewank & Walther, Evaluating Derivatives, 2008, ch. 12.
    """
    if isinstance(fun, Checkpointed):
        return fun
    if not isinstance(fun, types.FunctionType):
        raise SrcadError(
            None, f"{fun!r} cannot be checkpointed: it is not a plain Python function",
            hint="Write a function around it: checkpoint(lambda x: f(x)).",
        )  # fmt: skip
    return Checkpointed(fun)


class Checkpointed:
    """What `checkpoint` returns: call it like the function, which is `primal`."""

    def __init__(self, fun: types.FunctionType):
        functools.update_wrapper(self, fun)
        self.primal = fun

    def __call__(self, *args, **kwargs):
        return self.primal(*args, **kwargs)

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<checkpoint of {self.primal.__qualname__}>"

    def __reduce__(self):
        found = sys.modules.get(self.__module__)
        for name in self.__qualname__.split("."):
            found = getattr(found, name, None)
        return self.__qualname__ if found is self else (checkpoint, (self.primal,))

    def __srcad_program__(self) -> types.FunctionType:
        return self.primal

    def __srcad_function__(self, specialiser, e):
        """The call `e` of it in a function that is being specialised."""
        if any(x.varied for x in (*e.args, *(v for _, v in e.kwargs))):
            return specialiser.invoke(e, self, (), ())
        return specialiser.constant_call(e, self.primal)
