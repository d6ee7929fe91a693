"""The way into a compiled derivative: a generated function that checks that the compiled code is for these arguments.

    def loss(w, X):
        if type(w) is ndarray and w.dtype is float64 and w.ndim == 1 and 1 not in w.shape and … and helper is helper_0:
            g = loss_grad(w, X)
            return g if …(g is an array like w)… else as_gradient(w, g)
        return dispatch(w, X)

A general way through `inspect` and the cache costs ten microseconds; this one a tenth of one, which is what a gradient of a
few scalars takes. `dispatch` is the general way: it compiles for other kinds, or where a name has got another meaning.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad.analysis.kinds import Array, Kind, Nothing, Number, kind_of
from srcad.backend.build import link
from srcad.compiler import Compiled


class _Names:
    """The objects that an entry refers to, under names that no user's variable has."""

    def __init__(self):
        self.cells: dict[str, types.CellType] = {}
        self.known: dict[int, str] = {}

    def __call__(self, obj: Any, base: str = "object") -> str:
        if id(obj) not in self.known:
            name = self.known[id(obj)] = f"srcad_{base}_{len(self.cells)}"
            self.cells[name] = types.CellType(obj)
        return self.known[id(obj)]


def make_entry(
    compiled: Compiled, owner: types.FunctionType, values: list, chosen: list[int], *, with_value: bool, as_tuple: bool,
    is_flexible: bool, dispatch: Callable, signature_of: Callable, as_gradient: Callable, check_scalar: Callable,
) -> types.FunctionType:  # fmt: skip
    """The entry for arguments like `values`; `chosen` are the positions of those to differentiate by, in order."""
    names = _Names()
    params = list(compiled.params) if not is_flexible else [f"srcad_arg_{i}" for i in range(len(values))]
    checks = [argument_check(names, p, v, signature_of) for p, v in zip(params, values)]
    seen = [r for r in compiled.references if is_seen(r, owner, params)]
    checks += dict.fromkeys(reference_check(names, r) for r in seen)
    checks += [code_check(names, fun, code) for fun, code in compiled.codes]
    if len(seen) < len(compiled.references) or compiled.guards or compiled.inner:
        checks.append(f"{names(compiled.is_current, 'is_current')}()")
    function = compiled.value_and_gradient if with_value else compiled.gradient
    call = f"{names(function, 'derivative')}({', '.join(params)})"
    bars = [f"srcad_bar_{k}" for k in range(len(compiled.varied))]
    targets = bars[0] if len(bars) == 1 else f"({', '.join(bars)})"
    lines = [f"srcad_value, {targets} = {call}" if with_value else f"{targets} = {call}"]
    if with_value and not isinstance(compiled.result.kind, Number):
        lines.append(f"{names(check_scalar, 'check')}({names(owner, 'function')}, srcad_value)")
    results = []
    for i in chosen:
        bar = bars[compiled.varied.index(compiled.params[i])]
        results.append(conversion(names, params[i], bar, values[i], as_gradient))
    gradient = f"({', '.join(results)},)" if as_tuple else results[0]
    lines.append(f"return srcad_value, {gradient}" if with_value else f"return {gradient}")
    body = "".join(f"        {line}\n" for line in lines)
    test = " and ".join(checks) or "True"
    slow = names(dispatch, "dispatch")
    if is_flexible:
        text = (
            "def derivative(*srcad_args, **srcad_options):\n"
            f"    if srcad_options or len(srcad_args) != {len(params)}:\n"
            f"        return {slow}(*srcad_args, **srcad_options)\n"
            f"    ({', '.join(params)},) = srcad_args\n    if {test}:\n{body}    return {slow}(*srcad_args)\n"
        )
    else:
        text = f"def derivative({', '.join(params)}):\n    if {test}:\n{body}    return {slow}({', '.join(params)})\n"
    definition = ast.parse(text).body[0]
    cells = dict(names.cells)
    for k, cell in zip(owner.__code__.co_freevars, owner.__closure__ or ()):
        cells.setdefault(k, cell)
    return link(definition, cells, owner, "<srcad entry>")


def argument_check(names: _Names, param: str, value: Any, signature_of: Callable) -> str:
    """The test that an argument is of the kind of `value`."""
    kind: Kind = kind_of(value)
    kind_name = names(type, "type")
    match kind:
        case Number() if type(value) in (float, int, bool):
            return f"{kind_name}({param}) is {names(type(value), 'class')}"
        case Nothing():
            return f"{param} is None"
        case Array() if type(value) is np.ndarray:
            ones = [f"{param}.shape[{i}] == 1" for i, n in enumerate(value.shape) if n == 1]
            many = [f"{param}.shape[{i}] != 1" for i, n in enumerate(value.shape) if n != 1]
            extents = many if not ones and len(many) == 1 else [f"1 not in {param}.shape"] if not ones else ones + many
            tests = [
                f"{kind_name}({param}) is {names(np.ndarray, 'ndarray')}",
                f"{param}.dtype is {names(value.dtype, 'dtype')}", f"{param}.ndim == {value.ndim}",
                *(extents if value.ndim else []),
            ]  # fmt: skip
            return " and ".join(tests)
    return f"{names(signature_of, 'signature')}({param}) == {names(signature_of(value), 'known')}"


def is_seen(reference: tuple, owner: types.FunctionType, params: list[str]) -> bool:
    """Whether a name means in the entry what it means in the function that it is of: in `owner` itself, or as a global name
    of a helper from the same module."""
    fun, root, _, _ = reference
    if fun is owner:
        return True
    hidden = {*fun.__code__.co_freevars, *owner.__code__.co_freevars, *params}
    return fun.__globals__ is owner.__globals__ and root not in hidden


def reference_check(names: _Names, reference: tuple) -> str:
    """The test that a name still means what it did."""
    _, root, attributes, obj = reference
    return f"{'.'.join((root, *attributes))} is {names(obj, 'meant')}"


def code_check(names: _Names, fun: types.FunctionType, code: types.CodeType) -> str:
    return f"{names(fun, 'function')}.__code__ is {names(code, 'code')}"


def conversion(names: _Names, param: str, bar: str, value: Any, as_gradient: Callable) -> str:
    """The gradient in the type of its argument."""
    general = f"{names(as_gradient, 'as_gradient')}({param}, {bar})"
    if type(value) is float:
        kind, number, item = names(type, "type"), names(float, "class"), names(np.float64, "class")
        return f"({bar} if {kind}({bar}) is {number} else {number}({bar}) if {kind}({bar}) is {item} else {general})"
    if type(value) is np.ndarray and value.dtype.kind == "f":
        array = names(np.ndarray, "ndarray")
        return (
            f"({bar} if {bar}.__class__ is {array} and {bar}.dtype is {names(value.dtype, 'dtype')} "
            f"and {bar}.shape == {param}.shape else {general})"
        )
    return general
