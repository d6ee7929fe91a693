"""Derivatives that users declare: rules for functions of their own, and functions that are differentiated by evaluation.

A function that has a rule is called, never read: it may be written in C, loop until something converges, or have a
derivative that is known better than its text would give. In generated code a declared rule is a call of it.
"""

from __future__ import annotations

import functools
import inspect
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcad import compiler, forward_mode, structure
from srcad.analysis.kinds import (
    UNKNOWN, Array, Callee, Items, Kind, Listing, Number, Unknown, is_float, kind_of, plain,
)  # fmt: skip
from srcad.structure import is_library
from srcad.analysis.specialise.special_forms import SPECIAL_FORMS
from srcad.calls import forget_compiled
from srcad.core.nodes import REF_TEXT, Call, Expr, Tuple, Undecided, lift, reference
from srcad.errors import GradientMismatch, KindError, OpaqueWarning, SrcadError
from srcad.programs import identifier, name_of
from srcad.rules import registry
from srcad.testing import SlopeCheck


def vjp_rule(fun: Callable) -> Callable:
    """Declares the reverse mode of a function: a decorator of `def rule(y_bar, y, *args, **params)`.

    `fun` is a function of numbers and arrays, a plain one or one written in C. The rule gets the adjoint of its value,
    the value, and the arguments of the call, and gives the adjoints of all positional arguments: a tuple with, for each,
    an array of the argument's shape, a number for a number, None where `fun` counts as constant; that of a function of
    one argument may come without the tuple. What `fun` takes by keyword only is constant.

    >>> def softplus(x):
    ...     return np.logaddexp(0.0, x)
    >>> @vjp_rule(softplus)
    ... def softplus_vjp(y_bar, y, x):
    ...     return y_bar / (1.0 + np.exp(-x))

    The rule may be any Python: it is called as it is. For derivatives of derivatives its own text is differentiated. For
    forward mode (`jvp`, `jacfwd`, `hessian`, `hvp`) declare a `jvp_rule` too. A rule holds from the next call on, also in
    derivatives that were compiled before; declared again, it replaces the former one. Raises a SrcadError for a method,
    and for a function that has a rule of srcad's; at a call, a KindError where an adjoint has a wrong shape.
    """

    def declare(rule: Callable) -> Callable:
        declaration_of(fun).declare("vjp", rule)
        return rule

    return declare


def jvp_rule(fun: Callable) -> Callable:
    """Declares the forward mode of a function: a decorator of `def rule(dots, y, *args, **params)`.

    The rule gets the tangents of the positional arguments, None for a constant one, the value, and the arguments of the
    call; it gives the tangent of the value, of its shape. All else is as for `vjp_rule`.

    >>> def cube(x):
    ...     return x * x * x
    >>> @jvp_rule(cube)
    ... def cube_jvp(dots, y, x):
    ...     return dots[0] * 3 * x * x
    """

    def declare(rule: Callable) -> Callable:
        declaration_of(fun).declare("jvp", rule)
        return rule

    return declare


def elementwise(fun: Callable, *partials: Callable | None) -> Callable:
    """Declares a function that acts on each element, by its partial derivatives `partial(y, *xs)`; returns `fun`.

    One for each argument, None for a constant one. That gives both modes, all orders, and broadcasting. A partial is
    written for arrays; it is pasted into the generated code, or called there where it cannot be pasted. `fun` is called
    on small arrays when a program that calls it is compiled.

    >>> def gaussian(x):
    ...     return np.exp(-x * x)
    >>> elementwise(gaussian, lambda y, x: -2 * x * y) is gaussian
    True

    Raises a SrcadError for a method, and for a function that has a rule of srcad's.
    """
    if all(p is None for p in partials):
        raise KindError(None, f"elementwise({name_of(fun)}) got no partial derivative")
    check_free(fun)
    with compiler.LOCK:
        withdraw(fun)
        registry.elementwise(fun, *(p and pasted_if_possible(p) for p in partials))
        declarations[fun] = None
        REF_TEXT[fun] = identifier(fun)
        changed()
    return fun


def opaque(fun: Callable | None = None, *, method: str) -> Callable:
    """A function that is differentiated by evaluating it: one without source, a simulation, a lookup.

    `method` is "complex-step", for analytic functions that take complex numbers: exact to rounding, by one call for each
    number of the arguments; or "finite-difference", central differences: by two calls for each, with about ten right
    digits where the arguments are of size 1. In forward mode it is one or two calls for each direction. Differentiated
    are the positional arguments, numbers and arrays. Returns a function to call in place of `fun`; calls of `fun` itself
    are differentiated so, too. In generated code it has a name that says so, `f_by_finite_differences`, and an
    `OpaqueWarning` says it once. Also a decorator, `@opaque(method="finite-difference")`.

    Raises a SrcadError for an unknown method, and where a function drops the imaginary part of a complex step.
    Derivatives of these derivatives are refused.

    Methods: Squire & Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998;
    for the step of differences Press et al., Numerical Recipes, 3rd ed., 2007, sect. 5.7.
    """
    if method not in METHODS:
        raise SrcadError(None, f"there is no method {method!r}", hint=f"There is {' and '.join(map(repr, METHODS))}.")
    if fun is None:
        return functools.partial(opaque, method=method)
    along, title = METHODS[method]

    def by(*args, **kwargs):
        return fun(*args, **kwargs)

    by.__doc__ = fun.__doc__
    if positional_signature(fun) is not None:
        by.__signature__ = positional_signature(fun)
    renamed(by, f"{identifier(fun)}_by_{title.replace(' ', '_')}")

    def pulled_back(y_bar, y, *args, **params):
        return tuple(transposed(along, fun, k, y_bar, args, params) for k in range(len(args)))

    def pushed_forward(dots, y, *args, **params):
        return along(fun, dots, args, params)

    renamed(pulled_back, f"{by.__name__}_vjp")
    renamed(pushed_forward, f"{by.__name__}_jvp")
    declaration = Declaration(by, fun, title)
    with compiler.LOCK:
        if is_callee(fun):
            check_free(fun)
            withdraw(fun)
            declarations[fun] = declaration
        declaration.declare("vjp", pulled_back)
        declaration.declare("jvp", pushed_forward)
    return by


def check_rule(fun: Callable, *args, rtol: float | None = None, atol: float = 0.0, seed: int = 0, **params) -> None:
    """Raise `GradientMismatch` if a rule of `fun` is not what differences of `fun(*args, **params)` say.

    Each mode that the rule has is checked for each argument of floats by itself, along a random direction and with a
    random adjoint (another `seed`, others). The error names the mode and the argument. The slopes may differ by `atol`,
    and by `rtol` (1e-6; in single precision 1e-2) times the size that such a slope typically has.

    >>> check_rule(np.tanh, np.array([0.1, 0.2]))  # says nothing: it is right

    Raises a SrcadError where `fun` has no rule. Method: as in `check_grads`.
    """
    rule = registry.find(fun)
    if rule is None:
        raise SrcadError(None, f"{name_of(fun)} has no rule to check", hint="Declare one with srcad.vjp_rule.")
    declared = declarations.get(fun)
    rng = np.random.default_rng(seed)
    y = fun(*structure.apart(args), **params)
    y_bar = structure.random_like(y, rng) if structure.keys(y) is not None or np.ndim(y) else 1.0
    starred = next((p.name for p in rule.signature.parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    names = [p.name for p in rule.signature.parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
    for k, x in enumerate(args):
        name = names[k] if k < len(names) else f"argument {k}"
        data = starred if k >= len(names) else name
        if data not in rule.data or not structure.leaves(x):
            continue
        number = rule.data.index(data)
        item = k - len(names) if data == starred else None
        check = functools.partial(
            SlopeCheck, functools.partial(fun, **params), args, k, name, y_bar, rtol=rtol, atol=atol
        )
        if declared is None or declared.rules.get("vjp"):
            bar = registry.apply_vjp(fun, number, y_bar, y, *args, **params)
            bar = bar if item is None else bar[item]
            report(check(bar=bar).run, rng, "vjp", fun, name)
        if rule.jvp is not None:
            push = functools.partial(slope_along, fun, rule, number, item, y_bar, y, args, params)
            report(check(bar=None).compare, rng, "jvp", fun, name, push)


def report(run: Callable, rng, mode: str, fun: Callable, name: str, *more) -> None:
    try:
        run(rng, *more)
    except GradientMismatch as found:
        message = f"the {mode} rule of {name_of(fun)} by {name} is not what differences say"
        raise GradientMismatch(None, message, because=found.because, hint=found.hint) from None


# ---------------------------------------------------------------------------------------------------------------
# Declarations

declarations: dict[Any, Declaration | None] = {}
"""What users have declared, by function; None for an elementwise one."""

POSITIONAL = inspect.Signature([inspect.Parameter("operands", inspect.Parameter.VAR_POSITIONAL)])


def declaration_of(fun: Callable) -> Declaration:
    """The declaration of a function's rules, a new one if it has none. Raises SrcadError."""
    check_free(fun)
    found = declarations.get(fun)
    return found if found is not None and found.title is None else Declaration(fun, fun)


def check_free(fun: Callable) -> None:
    """Raises a SrcadError for what no rule can be declared for."""
    if not is_callee(fun):
        raise KindError(
            None, f"no rule can be declared for {fun!r}",
            hint="Write a function around it, `def g(x): return f(x)`, declare the rule for that, and call it.",
        )  # fmt: skip
    if isinstance(fun, types.FunctionType) and "." in fun.__qualname__.rpartition("<locals>.")[2]:
        raise KindError(
            None, f"no rule can be declared for the method {fun.__qualname__}",
            hint="Let it call a function of the module, and declare the rule for that.",
        )  # fmt: skip
    if fun not in declarations and (registry.find(fun) is not None or registry.is_constant(fun)):
        raise SrcadError(
            None, f"{name_of(fun)} has a derivative rule already",
            hint="For another one write a function around it, `def g(x): return f(x)`, and declare the rule for that.",
        )  # fmt: skip


def is_callee(fun: Callable) -> bool:
    """Whether calls of `fun` are recognised in a program."""
    kind = kind_of(fun)
    try:
        hash(fun)
    except TypeError:
        return False
    return isinstance(kind, Callee) and kind.extra is None and not isinstance(fun, (type, types.ModuleType))


def withdraw(fun: Callable) -> None:
    """Forgets the rules that were declared for `fun`."""
    if fun in declarations:
        del declarations[fun]
        registry.RULES.pop(fun, None)
        SPECIAL_FORMS.pop(fun, None)
        changed()


def changed() -> None:
    """Has derivatives compiled anew that a declaration may change."""
    forget_compiled()
    forward_mode.forget_compiled()


@dataclass(eq=False)
class Declaration:
    """The rules of a function. `called` is the user's function, `fun` what stands for it in generated code."""

    fun: Callable
    called: Callable
    title: str | None = None

    def __post_init__(self):
        self.rules: dict[str, Callable] = {}
        self.signature, self.warned = positional_signature(self.called), False

    def declare(self, mode: str, rule: Callable) -> None:
        """Puts a rule into the table, in place of what was declared before."""
        with compiler.LOCK:
            self.rules[mode] = checked(self, mode, rule)
            REF_TEXT[self.rules[mode]] = identifier(rule)
            REF_TEXT[self.fun] = identifier(self.fun)
            if self.signature is None:
                self.signature = positional_signature(rule, skip=2) or POSITIONAL
            jvp = self.tangent if "jvp" in self.rules else None
            data = tuple(p.name for p in self.signature.parameters.values() if p.kind is not p.KEYWORD_ONLY)
            if self.signature == POSITIONAL:
                made = registry.Rule(self.fun, POSITIONAL, data, (self.adjoint,), jvp, sequence=data)
            else:
                vjps = tuple(functools.partial(self.adjoint, k) for k in range(len(data)))
                made = registry.Rule(self.fun, self.signature, data, vjps, jvp)
            for function in (self.fun, self.called):
                if function is self.fun or function in declarations:
                    declarations[function] = self
                    registry.RULES[function] = made
                    SPECIAL_FORMS[function] = functools.partial(ruled_call, self)
            changed()

    def adjoint(self, k, y_bar, y, *args, **params):
        """The adjoint of argument k; for the item of an argument, k is its path."""
        if "vjp" not in self.rules:
            raise registry.Refused(f"reverse mode: declare one with srcad.vjp_rule({name_of(self.called)})")
        found = pasted(self.rules["vjp"], (y_bar, y, *args), params)
        for key in k if isinstance(k, tuple) else (k,):
            found = found[key]
        return found

    def tangent(self, dots, y, *args, **params):
        """The tangent of the value."""
        dots = dots[0] if self.signature == POSITIONAL else dots[: len(args)]
        return pasted(self.rules["jvp"], (tuple(dots), y, *args), params)


def positional_signature(fun: Callable, skip: int = 0) -> inspect.Signature | None:
    """The parameters of a function without the first `skip`; POSITIONAL with starred ones, None if they are unknown."""
    try:
        parameters = list(inspect.signature(fun).parameters.values())[skip:]
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None if skip == 0 else POSITIONAL
    return inspect.Signature([p for p in parameters if p.kind is not p.VAR_KEYWORD])


def pasted(function: Callable, args: tuple, params: dict):
    """What a declared rule gives; with symbols among the arguments, the expression of its call."""
    if not registry.has_symbol(args) and not registry.has_symbol(tuple(params.values())):
        return function(*args, **params)
    return Call(lift(function), tuple(map(lift, args)), tuple((k, lift(v)) for k, v in params.items()))


def renamed(function: types.FunctionType, name: str, module: str | None = None) -> None:
    """Gives a function the name that it has in generated code."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = module


def checked(declaration: Declaration, mode: str, rule: Callable) -> types.FunctionType:
    """A declared rule that raises a KindError where what it gives has a wrong structure or shape.

    What it gives shares no memory with what it got: gradients belong to the user, and are added to in place.
    """

    def adjoints(y_bar, y, *args, **params):
        bars = rule(y_bar, y, *args, **params)
        bars = bars if isinstance(bars, (tuple, list)) else (bars,)
        names = list(declaration.signature.parameters)
        given = [*args, *(params[n] for n in names[len(args) :] if n in params)]
        if not len(args) <= len(bars) <= max(len(given), len(names)):
            raise KindError(None, f"{name_of(rule)} gave {len(bars)} adjoints for {len(given)} arguments")
        seen = set(map(id, (y_bar, y, *given)))
        names = names if declaration.signature != POSITIONAL else [f"argument {k}" for k in range(len(args))]
        return tuple(apart(bar, x, f"the adjoint of {n}", seen) for bar, x, n in zip(bars, given, names))

    def tangent(dots, y, *args, **params):
        found, seen = rule(dots, y, *args, **params), set(map(id, (*dots, y, *args)))
        if isinstance(y, (tuple, list)):
            return [apart(part, like, "a tangent", seen) for part, like in zip(found, y, strict=True)]
        return apart(found, y, "the tangent of the value", seen)

    def apart(found, like, what: str, seen: set[int]):
        if found is None:
            return np.zeros(np.shape(like)) if np.ndim(like) else 0.0
        if np.shape(found) != np.shape(like):
            shapes = f"has the shape {np.shape(found)}, and must have {np.shape(like)}"
            raise KindError(None, f"{name_of(rule)}: {what} {shapes}")
        if isinstance(found, np.ndarray) and (found.base is not None or id(found) in seen):
            found = found.copy()
        seen.add(id(found))
        return found

    def differentiated_again(specialiser, e):
        """A call of the rule in a derivative that is differentiated: a call of the user's function."""
        if declaration.title is not None:
            specialiser.refuse(
                e, f"the derivative of {name_of(declaration.called)} by {declaration.title} is differentiated again",
                "Declare its rules, with srcad.vjp_rule and srcad.jvp_rule.",
            )  # fmt: skip
            return replace(e, kind=UNKNOWN)
        called = replace(e, fn=replace(reference(rule), kind=Callee(rule), at=e.fn.at))
        found = specialiser.invoke(called, rule, (), ())
        if mode == "jvp" or isinstance(plain(found.kind), Items) and plain(found.kind).is_sequence:
            return found
        if not isinstance(plain(found.kind), (Array, Number)):  # nor is it known, then, what its first item is
            specialiser.refuse(e, f"what {name_of(rule)} returns is not known to be a tuple", "Write the tuple out.")
        return specialiser.expr_of_parts(Tuple((found,), at=e.at))

    function = adjoints if mode == "vjp" else tangent
    renamed(function, identifier(rule), rule.__module__)
    function.__srcad_function__ = differentiated_again
    return function


def ruled_call(declaration: Declaration, specialiser, e: Call) -> Expr:
    """The call of a function that has declared rules, in a function that is being specialised."""
    args, kwargs = specialiser.arguments(e)
    fn = replace(lift(declaration.fun), kind=Callee(declaration.fun), at=e.fn.at)
    e = replace(e, fn=fn if declaration.title else replace(e.fn, kind=fn.kind), args=args, kwargs=kwargs)
    given = [*args, *(v for _, v in kwargs)]
    varied = any(a.varied for a in given)
    if any(a.varied and isinstance(plain(a.kind), (Items, Listing)) for a in given):
        specialiser.refuse(
            e, f"{name_of(declaration.called)} has a rule, and gets a structure that is differentiated",
            "A rule is for numbers and arrays: pass them one by one.",
        )  # fmt: skip
    kind = kind_of_call(declaration.called, specialiser, e)
    varied = varied and (is_float(kind) or isinstance(kind, Unknown))
    if varied and declaration.title and not declaration.warned:
        declaration.warned = True
        text = f"{name_of(declaration.called)} is differentiated by {declaration.title}"
        if e.at is None:
            warnings.warn(text, OpaqueWarning, stacklevel=2)
        else:
            warnings.warn_explicit(text, OpaqueWarning, e.at.source.filename, e.at.line)
    return replace(e, kind=kind, varied=varied)


def kind_of_call(fun: Callable, specialiser, e: Call) -> Kind:
    """What a function with a rule returns, by an abstract run of its text: it is not called when a program is compiled."""
    if not isinstance(fun, types.FunctionType) or is_library(fun):
        return UNKNOWN
    args = tuple(replace(a, varied=False) for a in e.args)
    return specialiser.constant_call(
        replace(e, args=args, kwargs=tuple((k, replace(v, varied=False)) for k, v in e.kwargs)), fun
    ).kind


def pasted_if_possible(partial: Callable) -> Callable:
    """A partial derivative that says so where it cannot be run with symbols."""

    @functools.wraps(partial)
    def either(*args, **kwargs):
        try:
            return partial(*args, **kwargs)
        except (TypeError, ValueError, AttributeError, IndexError):
            if registry.has_symbol(args):
                raise Undecided from None
            raise

    return either


# ---------------------------------------------------------------------------------------------------------------
# Derivatives by evaluation


def along_complex_step(fun: Callable, dots: tuple, args: tuple, params: dict):
    """The derivative of a function along a direction: the imaginary part of its value a tiny imaginary step away."""
    step = 1e-30
    value = fun(*(moved(x, dot, 1j * step) for x, dot in zip(args, dots)), **params)
    parts = value if isinstance(value, (tuple, list)) else [value]
    if not any(np.iscomplexobj(part) for part in parts):
        raise SrcadError(
            None, f"{name_of(fun)} returned real numbers for complex arguments: it drops the complex step",
            hint='Use method="finite-difference".',
        )  # fmt: skip
    slopes = [np.imag(part) / step for part in parts]
    return type(value)(slopes) if isinstance(value, (tuple, list)) else slopes[0]


def along_difference(fun: Callable, dots: tuple, args: tuple, params: dict):
    """The derivative of a function along a direction by a central difference."""
    moving = [(np.asarray(x), np.asarray(dot, float)) for x, dot in zip(args, dots) if dot is not None]
    longest = max((float(np.max(np.abs(dot), initial=0.0)) for _, dot in moving), default=0.0)
    shares = [np.abs(x)[np.abs(dot) > 0.5 * longest] for x, dot in moving] if longest else []
    size = max([1.0, *(float(np.max(share, initial=0.0)) for share in shares)])
    eps = max((float(np.finfo(x.dtype).eps) for x, _ in moving if x.dtype.kind == "f"), default=2.2e-16)
    step = eps ** (1 / 3) * size / (longest or 1.0)
    right, left = (
        fun(*(moved(x, dot, s) for x, dot in zip(args, dots)), **params) for s in (step, -step)
    )  # fmt: skip
    if isinstance(right, (tuple, list)):
        return type(right)((np.asarray(a) - b) / (2 * step) for a, b in zip(right, left))
    return (right - left) / (2 * step)


METHODS = {
    "complex-step": (along_complex_step, "complex step"),
    "finite-difference": (along_difference, "finite differences"),
}


def moved(x, dot, step):
    """An argument, a step along its direction away; a copy in any case."""
    if dot is None:
        return x.copy() if isinstance(x, np.ndarray) else x
    return x + step * dot


def transposed(along: Callable, fun: Callable, k: int, y_bar, args: tuple, params: dict):
    """The adjoint of argument k: the derivative along each of its numbers, times the adjoint of the value."""
    x = args[k]
    if not structure.is_differentiable(np.asarray(x)):
        return None
    x_bar = np.zeros(np.shape(x))
    for index in np.ndindex(np.shape(x)):
        unit = np.zeros(np.shape(x))
        unit[index] = 1.0
        dots = [None] * len(args)
        dots[k] = unit if np.ndim(x) else 1.0
        slope = along(fun, tuple(dots), args, params)
        pairs = zip(y_bar, slope) if isinstance(slope, (tuple, list)) else [(y_bar, slope)]
        x_bar[index] = sum(float(np.sum(bar * part)) for bar, part in pairs)
    return x_bar if np.ndim(x) else float(x_bar)


def slope_along(fun: Callable, rule, number: int, item: int | None, y_bar, y, args: tuple, params: dict, direction):
    """The slope of `<y_bar, fun(...)>` along a direction of one argument, by the rule for forward mode."""
    dots: list = [None] * len(rule.data)
    if item is None:
        dots[number] = direction
    else:
        dots[number] = tuple(direction if i == item else None for i in range(len(args)))
    y_dot = registry.apply_jvp(fun, tuple(dots), y, *args, **params)
    if structure.keys(y) is None:
        return float(np.sum(np.asarray(y_bar) * y_dot))
    return structure.dot(y_bar, type(y)(y_dot))


__all__ = ["check_rule", "elementwise", "jvp_rule", "opaque", "vjp_rule"]
