"""The public functions of reverse mode: `grad`, `value_and_grad` and `vjp`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from srcad import selfcheck
from srcad.analysis.kinds import is_float, kind_of
from srcad.calls import Argnums, Call, adjoints_of_all, call_of
from srcad.compiler import Compiled
from srcad.derivative import Derivative
from srcad.runtime_memory import bytes_of


def grad(
    fun: Callable | None = None, argnums: Argnums = 0, *, has_aux: bool = False, backend: str = "numpy",
    check: bool = False, memory: int | str | None = None,
):  # fmt: skip
    """The gradient of a function that returns one number.

    `fun` is a plain Python function of numbers, arrays and structures of them. `argnums` says with respect to which
    parameters: an index, a name, or a tuple of those (which gives a tuple of gradients). With `has_aux`, `fun` returns
    `(value, anything)` and the derivative `(gradient, anything)`. Also a decorator: `@grad`, `@grad(argnums="w")`.

    The result is called like `fun` and gives the gradient, in the structure, shape and type of the argument: a float for
    a float, an array of the same shape and dtype for an array, tuples, lists, dicts, namedtuples, dataclasses and
    objects of those: an object of the class whose attributes are the gradients (None in place of what is not numeric).
    Raises a `SrcadError`, which names the line, for what cannot be differentiated.

    By a complex argument z the gradient is the direction of steepest ascent, `dL/dRe(z) + 1j * dL/dIm(z)`: `z -= eta * g`
    descends. `fun` returns a real number all the same. The adjoint of a complex matrix is its conjugate transpose.

    With `check`, the first gradient for each signature (the kinds of the arguments) is compared with differences of `fun`
    along random directions; `GradientMismatch` is raised where they differ, and names the component of the argument and the
    statement whose adjoint is off. `fun` is run some 15 times for this, on copies of the arguments and with the same draws
    of `np.random` and `random`; what it prints, writes to files or keeps in globals, it does as often. Where differences do
    not tell (they do not converge, or the function gives another value each time), a RuntimeWarning says why. The
    environment variable SRCAD_CHECK=1, read when srcad is imported, checks every derivative.

    With `memory`, a number of bytes or a text such as "80 MB", what the passes of a loop keep for the way back stays within
    that: where all of them would need more, the state is kept at some passes only, and the others are run again on the way
    back, as often as it takes. How much a pass keeps is measured when the loop starts, by running two of them. This holds
    for each `for` loop statement that is in no other loop, of `fun` and of what it calls; what a single pass needs while it
    runs comes on top. Needs the package checkpoint_schedules (`srcad[checkpointing]`). Raises `Unsupported` where such a
    loop cannot be run again (see `checkpoint`) or may end early, and a SrcadError if one pass and one state do not fit.

    Methods: reverse mode by source transformation (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3 and 6); for
    `memory` binomial schedules (Griewank & Walther, "Algorithm 799: revolve", ACM TOMS 26(1), 2000).
    """
    if fun is None:
        return functools.partial(grad, argnums=argnums, has_aux=has_aux, backend=backend, check=check, memory=memory)
    return Derivative(fun, argnums, has_aux, backend, with_value=False, check=check, memory=memory)


def value_and_grad(
    fun: Callable | None = None, argnums: Argnums = 0, *, has_aux: bool = False, backend: str = "numpy",
    check: bool = False, memory: int | str | None = None,
):  # fmt: skip
    """Like `grad`, but the result gives `(value, gradient)`, from one forward sweep; with `has_aux`,
    `((value, anything), gradient)`."""
    if fun is None:
        options = {"has_aux": has_aux, "backend": backend, "check": check, "memory": memory}
        return functools.partial(value_and_grad, argnums=argnums, **options)
    return Derivative(fun, argnums, has_aux, backend, with_value=True, check=check, memory=memory)


def vjp(fun: Callable, *args, check: bool = False, memory: int | str | None = None) -> tuple[Any, Callable]:
    """The value of `fun(*args)`, and its pullback: `pullback(value_bar)` gives the tuple of the arguments' adjoints.

    `value_bar` has the structure and shape of the value; what of the value is complex may have a complex adjoint, and
    the adjoints are such that the real parts of inner products agree: `Re <value_bar, value_dot>` is `Re <x_bar, x_dot>`,
    where `<a, b>` is the sum of `conj(a) * b`. The pullback may be called any number of times. Arguments that
    are not numeric, and integers, are constants: their adjoint is None. With `check`, the pullback of a random adjoint is
    compared with differences, as `grad` does, at the first call for each signature. `memory` is as for
    `grad`; since the pullback may be called again, what it has read stays, beside what it runs again.
    """
    call, memory = call_of(fun), bytes_of(memory)
    values = call.bind(args, {})
    chosen = tuple([i for i, v in enumerate(values) if is_float(kind_of(v))])
    compiled = call.compiled(values, chosen, scalar=False, memory=memory)
    if not (check or selfcheck.ALWAYS) or call.is_checked(compiled):
        return pulled(compiled, values, call, len(args))
    before = selfcheck.Check(values, [(i, None) for i in chosen])
    value, pullback = pulled(compiled, values, call, len(args))
    call.check(before, compiled, fun, lambda value: value, lambda values, bar: call.adjoints(values, chosen, bar))
    return value, pullback


def pulled(compiled: Compiled, values: list, call: Call, count: int) -> tuple[Any, Callable]:
    """The value, and the pullback to the first `count` arguments."""
    value, saved = compiled.forward(*values)

    def pullback(value_bar):
        """The adjoints of the arguments, from that of the value."""
        return call.spread_star(values, adjoints_of_all(compiled, values, saved, value, value_bar))[:count]

    return value, pullback


for _transform in (grad, value_and_grad):
    _transform.__srcad_transform__ = True  # applied inside of a function, it is applied when the function is compiled


__all__ = ["grad", "value_and_grad", "vjp"]
