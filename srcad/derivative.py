"""What `grad` and `value_and_grad` return: an object that is called like the function, and shows what was generated."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable

from srcad import compiler, selfcheck
from srcad.adjoints import as_gradient, check_scalar, zero_bar, zero_like
from srcad.analysis.kinds import Kind, Maybe, plain
from srcad.calls import (
    Argnums, Call, Transformed, annotated_examples, promoted_arguments, remember, signature_of,
)  # fmt: skip
from srcad.entry import make_entry
from srcad.errors import KindError, SrcadError
from srcad.programs import name_of
from srcad.runtime_memory import bytes_of


class Derivative(Transformed):
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
        remember(self)

    def forget(self) -> None:
        """Has everything compiled anew when it is called next."""
        self._latest = self._entered = None
        self.__class__ = Derivative

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


def wrap(derivative, fun: Callable) -> None:
    """Gives a derivative the name, the docstring and the signature of its function."""
    functools.update_wrapper(derivative, fun, updated=())
    derivative.__wrapped__ = fun
    try:
        derivative.__signature__ = inspect.signature(fun)
    except (TypeError, ValueError):
        pass


def returns_number(compiled: compiler.Compiled) -> bool:
    """Whether it is known before a call that a function returns a number."""
    return plain(compiled.result.kind).rank == 0 and not isinstance(compiled.result.kind, Maybe)
