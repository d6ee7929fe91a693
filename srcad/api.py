"""The public functions: arguments in, derivatives out."""

from __future__ import annotations

import functools
import inspect
import re
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad import compiler, selfcheck, structure
from srcad.analysis import kinds
from srcad.analysis.kinds import FLOAT, Array, Dim, Kind, Maybe, is_float, kind_of, plain
from srcad.blame import blame
from srcad.analysis.specialise.invocations import default_expressions
from srcad.core.nodes import Starred
from srcad.entry import make_entry
from srcad.errors import KindError, SrcadError
from srcad.programs import calling, name_of
from srcad.rules import registry
from srcad.runtime_memory import check_package

Argnums = int | str | tuple[int | str, ...]


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


def pulled(compiled: compiler.Compiled, values: list, call: Call, count: int) -> tuple[Any, Callable]:
    """The value, and the pullback to the first `count` arguments."""
    value, saved = compiled.forward(*values)

    def pullback(value_bar):
        """The adjoints of the arguments, from that of the value."""
        return call.spread_star(values, adjoints_of_all(compiled, values, saved, value, value_bar))[:count]

    return value, pullback


def adjoints_of_all(compiled: compiler.Compiled, values: list, saved, value, value_bar) -> list:
    """The adjoints of all arguments from that of the value."""
    if not compiled.varied:
        return [zero_like(v) for v in values]
    bars = compiled.adjoint(saved, seed_like(value, value_bar))
    bars = bars if len(compiled.varied) > 1 else (bars,)
    by_name = dict(zip(compiled.varied, bars))
    return [as_gradient(v, by_name[p]) if p in by_name else zero_like(v) for p, v in zip(compiled.params, values)]


for _transform in (grad, value_and_grad):
    _transform.__srcad_transform__ = True  # applied inside of a function, it is applied when the function is compiled


def data_signature(rule: registry.Rule) -> inspect.Signature:
    """The parameters of a library function that has a rule, of a ufunc only the operands."""
    parameters = rule.signature.parameters.values()
    return inspect.Signature([p for p in parameters if not isinstance(rule.fn, np.ufunc) or p.name in rule.data])


class Call:
    """How a function is called: what is below methods and partial objects, and its arguments in the order of its
    parameters."""

    def __init__(self, fun: Callable):
        self.fun = fun
        self.prefix, self.keywords, inner = (), {}, fun
        self.derivative: Derivative | None = None
        while True:
            if isinstance(inner, functools.partial):
                self.prefix = (*inner.args, *self.prefix)
                self.keywords = {**inner.keywords, **self.keywords}
                inner = inner.func
            elif isinstance(inner, types.MethodType):
                self.prefix = (inner.__self__, *self.prefix)
                inner = inner.__func__
            elif isinstance(inner, Derivative):
                self.derivative, inner = self.derivative or inner, inner.primal
            elif hasattr(type(inner), "__srcad_program__"):
                inner = inner.__srcad_program__()
            elif (
                not isinstance(inner, (types.FunctionType, type))
                and callable(inner)
                and isinstance(type(inner).__call__, types.FunctionType)
            ):
                self.prefix = (inner, *self.prefix)
                inner = type(inner).__call__
            else:
                break
        if not isinstance(inner, types.FunctionType) and registry.find(inner) is not None:
            inner = calling(inner, data_signature(registry.find(inner)))
        if not isinstance(inner, types.FunctionType):
            raise SrcadError(
                None,
                f"{fun!r} cannot be differentiated: it is not a Python function",
                hint="Pass a function written with def or lambda, a method, or a functools.partial of one.",
            )
        self.function = inner
        self.signature = inspect.signature(inner, follow_wrapped=False)
        self.parameters = list(self.signature.parameters.values())
        self.is_plain = (
            all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in self.parameters) and not self.keywords
        )
        self.cache: dict[Any, compiler.Compiled] = {}
        self.checked: list[compiler.Compiled] = []
        _known.add(self)

    @property
    def source(self) -> types.FunctionType:
        """The function whose text is differentiated: one that has a rule is called, not read."""
        return self.function if registry.find(self.function) is None else calling(self.function, self.signature)

    def bind(self, args: tuple, kwargs: dict) -> list:
        """The arguments in the order of the parameters, defaults filled in; raises TypeError as a call would."""
        if self.is_plain and not kwargs and len(self.prefix) + len(args) == len(self.parameters):
            return [*self.prefix, *args]
        bound = self.signature.bind(*self.prefix, *args, **{**self.keywords, **kwargs})
        bound.apply_defaults()
        return [bound.arguments[p.name] for p in self.parameters]

    def bind_expressions(self, args: tuple, kwargs: tuple) -> list | None:
        """The expressions for the parameters of a call in a program; None where they are not known one by one."""
        if any(k is None for k, _ in kwargs) or self.prefix or not self.is_plain:
            return None
        try:
            given = self.signature.bind(*args, **dict(kwargs)).arguments
        except TypeError:
            return None
        found = default_expressions(self.function) | given
        if len(found) < len(self.parameters) or any(isinstance(x, Starred) for x in found.values()):
            return None
        return [found[p.name] for p in self.parameters]

    def positions(self, argnums: Argnums) -> tuple[tuple[int, int | None], ...]:
        """Which arguments `argnums` means: the position of the parameter and, in `*args`, that of the item."""
        return tuple(self.position(a) for a in (argnums if isinstance(argnums, tuple) else (argnums,)))

    def position(self, argnum: int | str) -> tuple[int, int | None]:
        names = [p.name for p in self.parameters]
        name = getattr(self.function, "__name__", "the function")
        if isinstance(argnum, str):
            if argnum not in names:
                raise KindError(None, f"{name} has no parameter {argnum!r}", hint=f"It has: {', '.join(names)}.")
            return names.index(argnum), None
        if not isinstance(argnum, (int, np.integer)) or isinstance(argnum, bool):
            raise KindError(
                None, f"argnums is {argnum!r}", hint="It is an index, a parameter name, or a tuple of those."
            )
        positional = [
            i for i, p in enumerate(self.parameters) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        star = next((i for i, p in enumerate(self.parameters) if p.kind is p.VAR_POSITIONAL), None)
        skipped = len(self.prefix)
        if argnum < 0 and star is None:
            argnum += len(positional) - skipped
        index = argnum + skipped
        if 0 <= index < len(positional) and argnum >= 0:
            return positional[index], None
        if star is not None and argnum >= 0:
            return star, index - len(positional)
        raise KindError(
            None, f"{name} has no argument number {argnum}", hint=f"It has {len(positional) - skipped}, counted from 0."
        )

    def spread_star(self, values: list, bars: list) -> tuple:
        """Adjoints in the order of a call's arguments: those in `*args` one by one, without what a method or partial
        object supplies."""
        out: list = []
        for p, bar in zip(self.parameters, bars):
            out.extend(bar) if p.kind is p.VAR_POSITIONAL else out.append(bar)
        return tuple(out[len(self.prefix) :])

    def compiled(
        self, values: list, chosen: tuple[int, ...], scalar: bool = True, memory: int | None = None
    ) -> compiler.Compiled:
        """The compiled derivative for these values, made at the first call with their kinds."""
        key = (scalar, chosen, memory, tuple(map(signature_of, values)))
        found = self.cache.get(key)
        if found is not None and found.is_current():
            return found
        with compiler.LOCK:
            found = self.cache.get(key)
            if found is None or not found.is_current():
                names = [p.name for p in self.parameters]
                argument_kinds = [kind_of(v, n) for v, n in zip(values, names)]
                varied = [i in chosen for i in range(len(values))]
                found = self.cache[key] = self.compile(argument_kinds, varied, scalar, memory)
            return found

    def compile(
        self, argument_kinds: list[Kind], varied: list[bool], scalar: bool, memory: int | None = None
    ) -> compiler.Compiled:
        """The derivative for arguments of these kinds; that of a derivative is that of the function generated for it."""
        if self.derivative is None:
            return compiler.compile_gradient(self.source, argument_kinds, varied, scalar=scalar, memory=memory)
        inner = self.derivative.compiled_for(argument_kinds)
        generated = self.derivative.generated(inner)
        outer = compiler.compile_gradient(generated, argument_kinds, varied, scalar=scalar, memory=memory)
        outer.inner.append(inner)
        return outer


    # -- the self-check --------------------------------------------------------------------------------------------

    def is_checked(self, compiled: compiler.Compiled) -> bool:
        return any(known is compiled for known in self.checked)

    def check(
        self, before: selfcheck.Check, compiled: compiler.Compiled, fun: Callable, read: Callable, adjoints: Callable,
        bars: list | None = None,
    ) -> None:  # fmt: skip
        """Raises GradientMismatch if the adjoints of a compiled function are wrong; of a right one this is remembered.

        `read` makes the value that is differentiated of what the function returns; `adjoints(values, value_bar)` are those
        of the picked arguments, and `bars` what this gives for the arguments of the call and 1.
        """
        function = self.function if self.derivative is None else self.derivative.generated(compiled.inner[-1])

        def run(values: list):
            return read(function(*values) if self.derivative is not None else self.called(values))

        has_text = registry.find(self.function) is None
        before.verify(
            name_of(fun), list(compiled.params), run, adjoints, bars,
            (lambda *calls: blame(function, *calls, lambda part: Call(part).adjoints)) if has_text else None,
        )  # fmt: skip
        self.checked = [known for known in self.checked if known.is_current()] + [compiled]

    def adjoints(self, values: list, chosen: tuple[int, ...], value_bar) -> list:
        """The adjoints of the chosen arguments from that of the value."""
        compiled = self.compiled(values, chosen, scalar=False)
        value, saved = compiled.forward(*values)
        bars = adjoints_of_all(compiled, values, saved, value, value_bar)
        return [bars[i] for i in chosen]

    def called(self, values: list):
        """The value of the function for the values of its parameters."""
        args: list = []
        keywords: dict = {}
        for p, value in zip(self.parameters, values):
            if p.kind is p.VAR_POSITIONAL:
                args.extend(value)
            elif p.kind is p.VAR_KEYWORD:
                keywords.update(value)
            elif p.kind is p.KEYWORD_ONLY:
                keywords[p.name] = value
            else:
                args.append(value)
        return self.function(*args, **keywords)


class Derivative:
    """What `grad` and `value_and_grad` return: call it like the function."""

    def __init__(
        self, fun: Callable, argnums: Argnums, has_aux: bool, backend: str, with_value: bool, check: bool = False,
        memory: int | str | None = None,
    ):  # fmt: skip
        if backend != "numpy":
            raise SrcadError(None, f"there is no backend {backend!r}", hint='The backend is "numpy".')
        self._call = Call(fun)
        self.primal = fun
        self.argnums, self.has_aux, self.backend, self._with_value = argnums, has_aux, backend, with_value
        self.check, self.memory = check, memory
        self._bytes = bytes_of(memory)
        self._positions = self._call.positions(argnums)
        self._latest: compiler.Compiled | None = None
        self._entered: compiler.Compiled | None = None
        wrap(self, fun)
        _known.add(self)

    def __call__(self, *args, **kwargs):
        return self._dispatch(*args, **kwargs)

    def _dispatch(self, *args, **kwargs):
        """The general way of a call; it prepares the short one for the calls that follow."""
        value, gradient = self._run(args, kwargs, self._with_value or self.has_aux)
        if not self._with_value:
            return (gradient, value[1]) if self.has_aux else gradient
        return value, gradient

    def value_and_grad(self, *args, **kwargs):
        """`(value, gradient)` at these arguments."""
        return self._run(args, kwargs, True)

    def _prepare(self, compiled, values: list) -> None:
        """Gives this object's calls, from now on, the entry for arguments like these."""
        call = self._call
        if (
            compiled is self._entered
            or self.has_aux
            or call.prefix
            or call.derivative is not None
            or not compiled.varied
            or not returns_number(compiled)
        ):
            return
        if any(item is not None for _, item in self._positions) or any(
            call.parameters[i].name not in compiled.varied for i, _ in self._positions
        ):
            return
        self._entered = compiled
        parameters = call.parameters
        flexible = any(p.default is not p.empty or p.kind is not p.POSITIONAL_OR_KEYWORD for p in parameters)
        entry = functools.partial(
            make_entry, compiled, call.function, values, [i for i, _ in self._positions],
            as_tuple=isinstance(self.argnums, tuple), is_flexible=flexible, signature_of=signature_of,
            as_gradient=as_gradient, check_scalar=check_scalar,
        )  # fmt: skip
        calls = {"__call__": staticmethod(entry(with_value=self._with_value, dispatch=self._dispatch))}
        self.__class__ = type("Derivative", (Derivative,), {**calls, "__module__": __name__})

    def _run(self, args, kwargs, with_value: bool):
        values = self._call.bind(args, kwargs)
        values, chosen = self._promote(values)
        compiled = self._latest = self._compile(values, chosen)
        if (self.check or selfcheck.ALWAYS) and not self._call.is_checked(compiled):
            return self._checked(compiled, values, with_value)
        value, bars = self._value_and_bars(compiled, values, with_value)
        self._prepare(compiled, values)
        return value, self._gradients(compiled, values, bars)

    def _checked(self, compiled, values: list, with_value: bool):
        """The value and the gradient, which is compared with differences."""
        before = selfcheck.Check(values, self._positions)

        def listed(found) -> list:
            return list(dict(zip(self._positions, found if isinstance(self.argnums, tuple) else (found,))).values())

        def gradients(values: list, value_bar) -> list:
            return listed(self._gradients(compiled, values, self._value_and_bars(compiled, values, False)[1]))

        value, bars = self._value_and_bars(compiled, values, with_value)
        found = self._gradients(compiled, values, bars)
        read = (lambda value: value[0]) if self.has_aux else lambda value: value
        self._call.check(before, compiled, self.primal, read, gradients, listed(found))
        return value, found

    def _value_and_bars(self, compiled, values: list, with_value: bool):
        if self.has_aux:
            return self._with_aux(compiled, values)
        if not returns_number(compiled):  # it is seen before the way back, which would stumble over anything else
            value, saved = compiled.forward(*values)
            check_scalar(self.primal, value)
            return value, compiled.adjoint(saved, 1.0) if compiled.varied else ()
        if with_value:
            return compiled.value_and_gradient(*values)
        return None, compiled.gradient(*values)

    def _with_aux(self, compiled, values):
        value, saved = compiled.forward(*values)
        if not (isinstance(value, (tuple, list)) and len(value) == 2):
            raise KindError(None, f"with has_aux=True, {name_of(self.primal)} must return (value, anything)")
        check_scalar(self.primal, value[0])
        return value, compiled.adjoint(saved, (1.0, zero_bar(value[1])))

    def _promote(self, values: list):
        return promoted_arguments(self._call, self._positions, values)

    def _gradients(self, compiled, values: list, bars):
        bars = bars if len(compiled.varied) > 1 else (bars,)
        by_name = dict(zip(compiled.varied, bars))
        found = []
        for i, item in self._positions:
            name, value = compiled.params[i], values[i]
            gradient = as_gradient(value, by_name[name]) if name in by_name else zero_like(value)
            found.append(gradient if item is None else gradient[item])
        return tuple(found) if isinstance(self.argnums, tuple) else found[0]

    # -- derivatives of derivatives --------------------------------------------------------------------------------

    def compiled_for(self, argument_kinds: list[Kind]) -> compiler.Compiled:
        """The derivative for arguments of these kinds, one for each parameter."""
        if self.has_aux:
            raise SrcadError(
                None, f"the derivative of {name_of(self.primal)} with has_aux cannot be differentiated again"
            )
        chosen = {i for i, _ in self._positions}
        varied = [i in chosen for i in range(len(argument_kinds))]
        return self._call.compile(argument_kinds, varied, True)

    def generated(self, compiled: compiler.Compiled) -> types.FunctionType:
        """The generated function that computes what a call of this derivative does."""
        picks = [(self._call.parameters[i].name, item) for i, item in self._positions]
        if [p for p, item in picks if item is None] == list(compiled.varied) and (
            isinstance(self.argnums, tuple) == (len(picks) > 1)
        ):
            return compiled.value_and_gradient if self._with_value else compiled.gradient
        if self._with_value or any(p not in compiled.varied for p, _ in picks):
            raise SrcadError(
                None,
                f"this derivative of {name_of(self.primal)} cannot be differentiated again",
                hint="Take the gradient by arguments that its value depends on, in the order of the parameters.",
            )
        name = f"{compiled.special.name}_gradient"
        return compiler.selection(name, compiled, self._call.function, picks, isinstance(self.argnums, tuple))

    def __srcad_function__(self, specialiser, e):
        """The call `e` of this derivative in a function that is being specialised."""
        args, kwargs = specialiser.arguments(e)
        values = self._call.bind_expressions(args, kwargs)
        if values is None:
            specialiser.refuse(
                e, "a derivative that is called with starred arguments, or with too few", "Pass all arguments."
            )
            return e
        values = [v if v.kind is not None else specialiser.expr(v) for v in values]
        chosen = {i for i, _ in self._positions}
        values = [specialiser.as_float(v) if i in chosen else v for i, v in enumerate(values)]
        compiled = self.compiled_for([specialiser.argument_kind(v) for v in values])
        specialiser.program.inner.append(compiled)
        return specialiser.call_generated(e, self.generated(compiled), values)

    # -- what was generated ----------------------------------------------------------------------------------------

    def source_for(self, *args, **kwargs) -> str:
        """The generated module for arguments like these."""
        return self._compiled_for(args, kwargs).module.text

    def _compiled_for(self, args, kwargs) -> compiler.Compiled:
        values, chosen = self._promote(self._call.bind(args, kwargs))
        return self._compile(values, chosen)

    def _compile(self, values: list, chosen) -> compiler.Compiled:
        return self._call.compiled(values, chosen, scalar=not self.has_aux, memory=self._bytes)

    def _shown(self) -> compiler.Compiled:
        if self._latest is None:
            values = annotated_examples(self._call)
            self._latest = self._compiled_for(values, {})
        return self._latest

    @property
    def source(self) -> str:
        """The generated module of the latest call: the two sweeps of each function, and both in one."""
        return self._shown().module.text

    @property
    def forward_source(self) -> str:
        """The generated forward sweep."""
        shown = self._shown()
        return shown.module.texts[f"{shown.special.name}_forward"] + "\n"

    @property
    def adjoint_source(self) -> str:
        """The generated reverse sweep."""
        shown = self._shown()
        return shown.module.texts[f"{shown.special.name}_adjoint"] + "\n"

    def __repr__(self) -> str:
        return f"<{'value_and_grad' if self._with_value else 'grad'} of {name_of(self.primal)} by {self.argnums!r}>"

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return Derivative(
            types.MethodType(self.primal, instance), self.argnums, self.has_aux, self.backend, self._with_value,
            self.check, self.memory,
        )  # fmt: skip

    def __reduce__(self):
        options = self.argnums, self.has_aux, self.backend, self._with_value, self.check, self.memory
        return _rebuilt, (self.primal, *options)


def _rebuilt(fun, argnums, has_aux, backend, with_value, check=False, memory=None):
    return Derivative(fun, argnums, has_aux, backend, with_value, check, memory)


UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def bytes_of(memory: int | str | None) -> int | None:
    """A memory size in bytes. Raises KindError for what is none, SrcadError without the package that makes schedules."""
    if memory is None:
        return None
    number, unit = memory, "b"
    if isinstance(memory, str):
        parts = re.fullmatch(r"\s*([0-9.]+)\s*([a-zA-Z]+)\s*", memory)
        number, unit = (parts[1], parts[2].lower()) if parts else ("", "")
    try:
        size = int(float(number) * UNITS[unit])
    except (TypeError, ValueError, KeyError):
        size = 0
    if size <= 0 or isinstance(memory, bool):
        raise KindError(None, f"memory is {memory!r}", hint='It is a number of bytes, or a text such as "80 MB".')
    check_package()
    return size


def wrap(derivative, fun: Callable) -> None:
    """Gives a derivative the name, the docstring and the signature of its function."""
    functools.update_wrapper(derivative, fun, updated=())
    derivative.__wrapped__ = fun
    try:
        derivative.__signature__ = inspect.signature(fun)
    except (TypeError, ValueError):
        pass


_known: weakref.WeakSet = weakref.WeakSet()
"""What remembers compiled code."""


def forget_compiled() -> None:
    """Has everything compiled anew when it is called next: the meaning of a function has changed."""
    with compiler.LOCK:
        for known in list(_known):
            if isinstance(known, Derivative):
                known._latest = known._entered = None
                known.__class__ = Derivative
            else:
                known.cache.clear()


_calls: dict[Any, Call] = {}
CAPACITY = 512
"""How many functions, and how many tangent functions, are remembered."""


def call_of(fun: Callable) -> Call:
    """How `fun` is called; what was compiled for a plain function, or a derivative, is found again."""
    if not isinstance(fun, (types.FunctionType, Derivative)):
        return Call(fun)
    found = _calls.get(fun)
    if found is None:
        found = _calls[fun] = Call(fun)
        forget_oldest(_calls)
    return found


def forget_oldest(remembered: dict) -> None:
    while len(remembered) > CAPACITY:
        remembered.pop(next(iter(remembered)), None)


def promoted_arguments(call: Call, positions, values: list) -> tuple[list, tuple[int, ...]]:
    """The values with integers given where a derivative is asked for made floats, and which ones those are."""
    chosen = sorted({i for i, _ in positions})
    values = list(values)
    for i in chosen:
        value = values[i] = promoted(values[i])
        if type(value) is float or isinstance(value, np.ndarray) and value.dtype.kind == "f":
            continue
        kind = kind_of(values[i])
        if not is_float(kind):
            name = call.parameters[i].name
            raise KindError(
                None,
                f"{name_of(call.fun)} is to be differentiated by {name!r}, which is {describe(values[i])}",
                hint="Pass a float, an array of floats, or a structure of those"
                + (", in which no object refers back to itself." if structure.is_plain_class(type(values[i])) else "."),
            )
    return values, tuple(chosen)


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


@functools.singledispatch
def signature_of(value):
    """What the cache tells values apart by: their kind, with extents only as 1 or not 1."""
    return kind_of(value)


@signature_of.register
def _(value: float):
    return type(value)


@signature_of.register
def _(value: np.ndarray):
    return value.dtype, tuple([n == 1 for n in value.shape]), type(value)


def returns_number(compiled: compiler.Compiled) -> bool:
    """Whether it is known before a call that a function returns a number."""
    return plain(compiled.result.kind).rank == 0 and not isinstance(compiled.result.kind, Maybe)


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


def annotated_examples(call: Call) -> list:
    """Arguments as the annotations of a function say. Raises SrcadError where they do not tell."""
    examples = {float: 1.0, "float": 1.0, int: 1, "int": 1}
    values = []
    for p in call.parameters[len(call.prefix) :]:
        if p.default is not p.empty:
            values.append(p.default)
        elif p.annotation in examples:
            values.append(examples[p.annotation])
        else:
            raise SrcadError(
                None,
                f"the code of the derivative of {name_of(call.fun)} depends on the kinds of its arguments",
                hint="Call it once, use .source_for(*example_arguments), or annotate the parameters (x: float).",
            )
    return values


__all__ = ["Array", "Derivative", "Dim", "FLOAT", "Kind", "grad", "value_and_grad", "vjp"]
