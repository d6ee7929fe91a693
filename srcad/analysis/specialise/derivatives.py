"""Derivatives inside of a function: `grad(f)`, `jacobian(f)`, `jvp(f, …)`, where f is any function in sight.

A nested function is *lifted* for this: it becomes a function of the module whose first parameters are the variables
that it captures, and these are passed with each call of its derivative.
"""

from __future__ import annotations

import types
from dataclasses import replace

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import UNKNOWN, Callee, Kind, Number, plain
from srcad.analysis.operations import python_value
from srcad.analysis.specialise.values import Derived, Local, Value, canonical, normalised
from srcad.core.nodes import Call, Const, Def, Expr, Function, Name, Param, Ref, reference


class Derivatives:
    """The part of the specialisation that goes through derivatives of functions."""

    def derived(self, e: Expr) -> tuple[Expr, Local] | None:
        """Of `grad(f)` with a nested function f that is named or written there: f, and f with its derivative noted."""
        match e:
            case Call(fn=Ref(obj=transform), args=(inner, *others)) if hasattr(transform, "__srcad_transform__"):
                found = self.derived(inner)
                local = found[1] if found is not None else self.local_function(inner)
                if local is not None:
                    return found[0] if found is not None else inner, self.noted(e, local, transform, others)
        return None

    def noted(self, e: Call, local: Local, transform, others) -> Local:
        """A nested function with one more derivative to be taken of it."""
        try:
            options = tuple(map(python_value, others)), tuple((k, python_value(v)) for k, v in e.kwargs)
        except ValueError:
            self.refuse(e, "a derivative whose options are computed", "Write them out: grad(f, argnums=1).")
            options = (), ()
        return replace(local, derivatives=(*local.derivatives, Derived(transform, *options)))

    def transformed(self, e: Call, transform) -> Expr:
        """`grad(f)` as a value: the derivative, made now; of a nested function that function, with a note of it."""
        fun, *others = e.args if e.args else (None,)
        kind = fun.kind if fun is not None else None
        if isinstance(kind, Callee) and isinstance(kind.obj, Local):
            return replace(fun, kind=Callee(self.noted(e, kind.obj, transform, others), kind.extra))
        known = isinstance(kind, Callee) and kind.extra is None and not isinstance(fun, Ref)
        try:
            function = kind.obj if known else python_value(fun)
            options = tuple(map(python_value, others)), tuple((k, python_value(v)) for k, v in e.kwargs)
        except (ValueError, AttributeError):
            self.refuse(e, "the derivative of something that is not known to be a function", "Pass a plain function.")
            return replace(e, kind=UNKNOWN)
        made = self.program.derivative(function, (Derived(transform, *options),))
        return Ref(made, f"{made.__name__}_derivative", kind=Callee(made), at=e.at)

    def invoke_derived(self, e: Call, target: Local, taken: list[Expr]) -> Expr:
        """The call `e` of a derivative of a nested function that captures the values of `taken`."""
        if any(isinstance(p.default, Name) for p in target.function.params):
            self.refuse(e, "the derivative of a nested function with a computed default", "Pass the value as an argument.")
            return replace(e, kind=UNKNOWN)
        function = self.lifted(target, [x.id if isinstance(x, Name) else x.args[1].value for x in taken])
        made = self.program.derivative(function, target.derivatives, len(taken))
        call = replace(e, fn=Ref(made, f"{made.__name__}_derivative", kind=Callee(made), at=e.at))
        return made.__srcad_function__(self, replace(call, args=(*taken, *e.args)))

    def lifted(self, local: Local, captured: list[str]) -> types.FunctionType:
        """A nested function as one of the module, with the variables that it captures as its first parameters."""
        known = self.program.lifted
        key = (id(local.function), tuple(captured), tuple((n, id(s.function)) for n, s in local.siblings))
        if key not in known:
            inner = local.function
            own = {p.id for p in inner.params}
            siblings = [s.function for n, s in local.siblings if n not in own and s.function is not inner]
            function = Function(
                inner.name if inner.name.isidentifier() else "function",
                (*map(Param, captured), *(replace(p, style="any") if p.style == "positional" else p for p in inner.params)),
                (*(Def(s, at=s.at) for s in siblings), *inner.body),
                at=inner.at,
            )
            known[key] = local, self.program.lift(normalised(function), local.owner)
        return known[key][1]

    def function_given(self, e: Expr) -> tuple[types.FunctionType, list[Expr]] | None:
        """The function that an argument of an operator is, and the values of what it captures; None if it is not known."""
        kind = e.kind
        if not isinstance(kind, Callee):
            return None
        if isinstance(kind.obj, Local) and not kind.obj.derivatives:
            captured = tuple(n for n, _ in kind.extra)
            here = self.local_function(e) is not None
            return self.lifted(kind.obj, list(captured)), self.taken(e, kind.obj, captured, None if here else kind)
        return kind.obj, []

    def taken(self, e: Expr, target: Local, captured: tuple[str, ...], closure: Callee | None) -> list[Expr]:
        """What a nested function captures, as the caller sees it: its own variables, or what the closure `e` holds."""
        if closure is None:
            return [self.name(Name(n, at=e.at), n) for n in captured]
        values = dict(closure.extra)
        found = []
        for n in captured:
            value, holder = values[n], reference(runtime.captured)
            found.append(Call(holder, (e, Const(n)), kind=value.kind, varied=value.varied, at=e.at))
        return found

    def as_float(self, e: Expr) -> Expr:
        """An integer as the float that a derivative is taken at."""
        if isinstance(plain(e.kind), Number) and e.kind.type in ("int", "bool"):
            return Call(Ref(float, "float", kind=Callee(float)), (e,), kind=kinds.FLOAT, at=e.at)
        return e

    def argument_kind(self, e: Expr) -> Kind:
        return canonical([Value(e.kind)])[0].kind

    def call_generated(self, e: Call, function: types.FunctionType, values: list[Expr]) -> Expr:
        """A call of a generated function in place of the derivative that it was generated for."""
        fn = Ref(function, function.__name__, kind=Callee(function))
        call = replace(e, fn=fn, args=tuple(values), kwargs=())
        return self.invoke(call, function, (), ())
