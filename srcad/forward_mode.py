"""Forward mode for users: `jvp`, the derivative of a function along a direction."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad import compiler, structure
from srcad.adjoints import check_real, describe, promoted
from srcad.analysis.effects import check_generators
from srcad.analysis.kinds import NOTHING, Kind, Nothing, container_items, kind_of
from srcad.analysis.specialise import Program, Special, as_argument
from srcad.backend.build import Generated, Module, build
from srcad.calls import Call, Transformed, call_of, forget_oldest, signature_of
from srcad.core.nodes import Const, Expr, Tuple
from srcad.errors import KindError, Unsupported
from srcad.transform.caught import called_in_try
from srcad.programs import name_of
from srcad.transform.linearise import Entangled, linearised
from srcad.transform.tangent import Tangents, tangent


def jvp(fun: Callable, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """The value of `fun(*primals)`, and its derivative along `tangents`.

    `tangents` has one for each of `primals`, of the same structure and shapes: a float for a float, an array for an
    array, a tuple for a tuple; None stands for zero, and an argument whose tangent is None is a constant. Integers that
    have a tangent are taken as floats; of a complex argument the tangent may be complex. The derivative has the structure,
    shapes and dtypes of the value (0.0 for an integer, None in place of what is no number).

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)

    Raises a KindError where the structures differ, and what `grad` raises where something cannot be differentiated.
    Method: forward mode by source transformation (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3).
    """
    call, values, dots = moved_arguments(fun, primals, tangents)
    chosen = tuple(i for i, dot in enumerate(dots) if dot is not None)
    compiled = compiled_tangent(call, values, chosen)
    by_name = dict(zip(compiled.params, dots))
    value, value_dot = compiled.tangent(*values, *(by_name[p] for p in compiled.varied))
    if type(value) is float:
        return value, float(value_dot)
    return value, as_tangent(value, value_dot, {id(a) for a in arrays(dots)})


def _in_a_program(specialiser, e):
    """The call `jvp(f, primals, tangents)` in a function that is being specialised: a call of the tangent function."""
    args, kwargs = specialiser.arguments(e)
    match args, kwargs:
        case (Expr() as given, Tuple(elts=values), Tuple(elts=dots)), ():
            fun, taken = specialiser.function_given(given) or (None, [])
            is_plain = isinstance(fun, (types.FunctionType, Transformed)) or hasattr(type(fun), "__srcad_program__")
            call = call_of(fun) if is_plain else None
            values, dots = (*taken, *values), (*(Const(None, kind=NOTHING) for _ in taken), *dots)
        case _:
            call = None
    found = None if call is None or len(values) != len(dots) else call.bind_expressions(values, ())
    if found is None:
        specialiser.refuse(
            e, "this form of jvp inside of a function is not supported",
            "Write jvp(f, (x, y), (x_dot, y_dot)) with a function of the module and all of its arguments.",
        )
        return e
    moving = [not isinstance(dot.kind, Nothing) for dot in dots]
    values = [specialiser.as_float(v) if m else v for v, m in zip(values, moving)]
    compiled = tangent_of_call(call, [specialiser.argument_kind(v) for v in values], moving)
    specialiser.program.inner.append(compiled)
    given = dict(zip(compiled.params, dots))
    moved_by = [specialiser.as_float(given[p]) for p in compiled.varied]
    return specialiser.call_generated(e, compiled.tangent, [*values, *moved_by])


jvp.__srcad_function__ = _in_a_program


class Tangent(compiler.Compiled):
    """The tangent function of one function for one set of kinds; `linear` and `push` are the two parts of it."""

    made: list[Tangents]

    @property
    def tangent(self):
        return self.module.functions[f"{self.special.name}_tangent"]

    @functools.cached_property
    def parts(self) -> Module | None:
        """`f_linear(args) -> (value, saved)` and `f_push(saved, tangents)`, None where they are not told apart."""
        with compiler.LOCK:
            try:
                pairs = linearised(self.made)
            except Entangled:
                return None
            generated = [Generated(f, t.special.owner) for t, pair in zip(self.made, pairs) for f in pair]
            return build(self.special.name, generated)

    @property
    def linear(self):
        return self.parts.functions[f"{self.special.name}_linear"]

    @property
    def push(self):
        return self.parts.functions[f"{self.special.name}_push"]


def slopes(compiled: Tangent, values: list, is_once: bool = False) -> tuple[Any, Callable]:
    """The value, and the tangent of it as a function of those of the arguments: the values that it reads are computed
    once. If it will be called once only, or values and tangents are not told apart, it is the tangent function."""
    if is_once or compiled.parts is None:
        still_dots = [moved(v, None, "")[1] for v, p in zip(values, compiled.params) if p in compiled.varied]
        return compiled.tangent(*values, *still_dots)[0], lambda *dots: compiled.tangent(*values, *dots)[1]
    value, saved = compiled.linear(*values)
    push = compiled.push
    return value, lambda *dots: push(saved, *dots)


# ---------------------------------------------------------------------------------------------------------------
# Compiling

_compiled: dict[Any, Tangent] = {}


def forget_compiled() -> None:
    """Has every tangent function compiled anew when it is needed next."""
    with compiler.LOCK:
        _compiled.clear()


def compiled_tangent(call: Call, values: list, chosen: tuple[int, ...]) -> Tangent:
    """The tangent function for these values, made at the first call with their kinds."""
    key = (call.derivative or call.function, chosen, tuple(map(signature_of, values)))
    found = _compiled.get(key)
    if found is not None and found.is_current():
        return found
    with compiler.LOCK:
        found = _compiled.get(key)
        if found is None or not found.is_current():
            argument_kinds = [kind_of(v, p.name) for v, p in zip(values, call.parameters)]
            varied = [i in chosen for i in range(len(values))]
            found = _compiled[key] = tangent_of_call(call, argument_kinds, varied)
            forget_oldest(_compiled)
        return found


def tangent_of_call(call: Call, argument_kinds: list[Kind], varied: list[bool]) -> Tangent:
    """The tangent function of what is called; that of a derivative is that of the function generated for it."""
    if call.derivative is None:
        return compile_tangent(call.source, argument_kinds, varied)
    inner = call.derivative.compiled_for(argument_kinds)
    outer = compile_tangent(call.derivative.generated(inner), argument_kinds, varied)
    outer.inner.append(inner)
    return outer


def compile_tangent(fun: types.FunctionType, argument_kinds: list[Kind], varied: list[bool]) -> Tangent:
    """The tangent function of `fun` for arguments of these kinds, along those that are `varied`.

    Raises a SrcadError that names the line and the construct where something cannot be differentiated.
    """
    with compiler.LOCK:
        program = Program(compiler.function_of, compiler.lift)
        compiler.function_of(fun)
        values = list(map(as_argument, argument_kinds, varied))
        special = program.special(fun, (), values, is_root=True)
        check_generators(program)
        if program.problems:
            raise Unsupported.of(program.problems)
        compiler.check_result(fun, special, False)
        made = tangents(special, program)
        generated = [Generated(t.function, t.special.owner) for t in made]
        known = {id(r): r for f in (fun, *(s.owner for s in program.specials.values())) for r in relied_on(f)}
        guards = [(owner, name, kind) for (owner, name), kind in program.guards.items()]
        compiled = Tangent(
            special, build(special.name, generated), special.params, tuple(special.varied_params), special.result,
            guards, list(known.values()), program.inner,
        )
        compiled.made = made
        return compiled


def relied_on(fun) -> list[tuple]:
    """What the names of a function that has been read stood for."""
    found = compiler._lowered.get(fun)
    return [] if found is None else found[2]


def tangents(special: Special, program: Program) -> list[Tangents]:
    """The tangent functions of a function and of all that it calls, callees first."""
    program.needed = {id(special)}
    tried = called_in_try(program.specials.values())
    done: dict[int, Tangents] = {}
    while True:
        todo = [s for s in (*program.specials.values(), special) if id(s) in program.needed and id(s) not in done]
        if not todo:
            break
        for s in todo:
            if id(s) not in done:
                done[id(s)] = tangent(s, program, id(s) in tried)
    order = [s for s in program.specials.values() if id(s) in done and s is not special]
    return [done[id(s)] for s in (*order, special)]


# ---------------------------------------------------------------------------------------------------------------
# Tangents in


def moved_arguments(fun: Callable, primals, tangents) -> tuple[Call, list, list]:
    """How `fun` is called, and by parameter the arguments and their tangents (None for a constant one)."""
    for given in (primals, tangents):
        if not isinstance(given, (tuple, list)):
            raise KindError(
                None, f"jvp takes a tuple of arguments and a tuple of their tangents, and got {describe(given)}",
                hint="Write jvp(f, (x,), (x_dot,)).",
            )
    if len(primals) != len(tangents):
        raise KindError(None, f"jvp of {name_of(fun)} got {len(primals)} arguments and {len(tangents)} tangents")
    call = call_of(fun)
    values = call.bind(tuple(primals), {})
    dots = [None] * len(call.prefix) + list(tangents)
    if not call.is_plain or len(dots) != len(values):
        given = call.signature.bind_partial(*dots).arguments
        dots = [given.get(p.name) for p in call.parameters]
    for i, (p, value, dot) in enumerate(zip(call.parameters, values, dots)):
        if not (type(value) is type(dot) is float or dot is None):
            values[i], dots[i] = moved(value, dot, p.name) if has_tangent(dot) else (value, None)
    return call, values, dots


def has_tangent(dot) -> bool:
    """Whether there is anything but None in a tangent."""
    contents = container_items(dot)
    return dot is not None if contents is None else any(map(has_tangent, contents[1]))


def moved(value, dot, name: str) -> tuple[Any, Any]:
    """A value, its integers that have a tangent as floats, and the tangent in its structure. Raises KindError."""
    if type(value) is type(dot) is np.ndarray and value.dtype is dot.dtype and value.shape == dot.shape:
        if value.dtype.kind in "fc":
            return value, dot
    contents = container_items(value)
    if contents is not None:
        keys, items = contents
        given = ((), [None] * len(keys)) if dot is None else container_items(dot)
        if given is None or dot is not None and tuple(given[0]) != keys:
            raise KindError(None, f"the tangent of {name} is {describe(dot)}; it must have the argument's structure")
        pairs = [moved(item, d, f"{name}[{key!r}]") for key, item, d in zip(keys, items, given[1])]
        return structure.build(value, [v for v, _ in pairs]), structure.build(value, [d for _, d in pairs])
    if not is_number(value):
        if dot is not None:
            raise KindError(None, f"{name} is {describe(value)}: it has no tangent", hint="Give None for its tangent.")
        return value, None
    if dot is None:
        return value, np.zeros(value.shape, real_dtype(value)) if isinstance(value, np.ndarray) else 0.0
    value = promoted(value)
    if isinstance(dot, (str, bytes)) or np.asarray(dot).dtype.kind not in ("fiubc" if np.iscomplexobj(value) else "fiub"):
        numbers = "numbers" if np.iscomplexobj(value) else "real numbers"
        raise KindError(None, f"the tangent of {name} is {describe(dot)}; it must be {numbers}")
    if np.shape(dot) != np.shape(value):
        shapes = f"the shape {np.shape(dot)}, the argument has {np.shape(value)}"
        raise KindError(None, f"the tangent of {name} has {shapes}")
    return value, np.asarray(dot, value.dtype) if isinstance(value, np.ndarray) else type(value)(dot)


def is_number(value) -> bool:
    """Whether a leaf of an argument may have a tangent."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiuc"
    return isinstance(value, (int, float, complex, np.number)) and not isinstance(value, bool)


def real_dtype(value) -> np.dtype:
    return value.dtype if value.dtype.kind in "fc" else np.dtype(float)


# ---------------------------------------------------------------------------------------------------------------
# Tangents out


def arrays(value):
    """The arrays in a structure."""
    if isinstance(value, np.ndarray):
        yield value
        return
    contents = container_items(value)
    for item in () if contents is None else contents[1]:
        yield from arrays(item)


def as_tangent(value, dot, seen: set[int]):
    """The tangent of a value in its structure, shapes and types, in memory of its own: others see the arrays `seen`."""
    contents = None if isinstance(value, np.ndarray) else container_items(value)
    if contents is not None:
        items = contents[1]
        dots = [None] * len(items) if dot is None else container_items(dot)[1]
        return structure.build(value, [as_tangent(v, d, seen) for v, d in zip(items, dots)])
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fciu":
            return None
        own = isinstance(dot, np.ndarray) and dot.base is None and dot.shape == value.shape and id(dot) not in seen
        if not own or dot.dtype != real_dtype(value):
            check_real(value, dot)
            dot = np.array(np.broadcast_to(0.0 if dot is None else dot, value.shape), real_dtype(value))
        seen.add(id(dot))
        return dot
    if not is_number(value):
        return None
    dot = 0.0 if dot is None else dot
    check_real(value, dot)
    return type(value)(dot) if isinstance(value, (float, complex, np.inexact)) else float(dot)


__all__ = ["Tangent", "compile_tangent", "jvp"]
