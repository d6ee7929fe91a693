"""How a function is called: what is below methods and partial objects, its arguments, and what is compiled for them."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad import compiler, selfcheck, structure
from srcad.adjoints import as_gradient, describe, promoted, seed_like, zero_like
from srcad.analysis.kinds import Kind, is_float, kind_of
from srcad.analysis.specialise.invocations import default_expressions
from srcad.blame import blame
from srcad.core.nodes import Starred
from srcad.errors import KindError, SrcadError
from srcad.programs import calling, name_of
from srcad.rules import registry

Argnums = int | str | tuple[int | str, ...]


class Transformed(ABC):
    """What is called like the function that it is made of, and has a text that srcad generates."""

    primal: Callable

    @abstractmethod
    def compiled_for(self, argument_kinds: list[Kind]) -> compiler.Compiled:
        """What is generated for arguments of these kinds, one for each parameter."""

    @abstractmethod
    def generated(self, compiled: compiler.Compiled) -> types.FunctionType:
        """The generated function that computes what a call of this object does."""


class Call:
    """How a function is called: what is below methods and partial objects, and its arguments in the order of its
    parameters."""

    def __init__(self, fun: Callable):
        self.fun = fun
        self.prefix, self.keywords, inner = (), {}, fun
        self.derivative: Transformed | None = None
        while True:
            if isinstance(inner, functools.partial):
                self.prefix = (*inner.args, *self.prefix)
                self.keywords = {**inner.keywords, **self.keywords}
                inner = inner.func
            elif isinstance(inner, types.MethodType):
                self.prefix = (inner.__self__, *self.prefix)
                inner = inner.__func__
            elif isinstance(inner, Transformed):
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
        remember(self)

    def forget(self) -> None:
        """Has everything compiled anew when it is needed next."""
        self.cache.clear()

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


def adjoints_of_all(compiled: compiler.Compiled, values: list, saved, value, value_bar) -> list:
    """The adjoints of all arguments from that of the value."""
    if not compiled.varied:
        return [zero_like(v) for v in values]
    bars = compiled.adjoint(saved, seed_like(value, value_bar))
    bars = bars if len(compiled.varied) > 1 else (bars,)
    by_name = dict(zip(compiled.varied, bars))
    return [as_gradient(v, by_name[p]) if p in by_name else zero_like(v) for p, v in zip(compiled.params, values)]


def data_signature(rule: registry.Rule) -> inspect.Signature:
    """The parameters of a library function that has a rule, of a ufunc only the operands."""
    parameters = rule.signature.parameters.values()
    return inspect.Signature([p for p in parameters if not isinstance(rule.fn, np.ufunc) or p.name in rule.data])


_known: weakref.WeakSet = weakref.WeakSet()
"""What remembers compiled code: each has a method `forget`."""


def remember(known) -> None:
    """Has `known.forget()` called when what was compiled is out of date."""
    _known.add(known)


def forget_compiled() -> None:
    """Has everything compiled anew when it is called next: the meaning of a function has changed."""
    with compiler.LOCK:
        for known in list(_known):
            known.forget()


_calls: dict[Any, Call] = {}
CAPACITY = 512
"""How many functions, and how many tangent functions, are remembered."""


def call_of(fun: Callable) -> Call:
    """How `fun` is called; what was compiled for a plain function, or a derivative, is found again."""
    if not isinstance(fun, (types.FunctionType, Transformed)):
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
