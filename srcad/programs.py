"""Small programs that srcad writes itself: plain functions with a text, so that they are differentiated like a user's."""

from __future__ import annotations

import inspect
import itertools
import linecache
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad.errors import SrcadError, note_generated

_numbers = itertools.count(1)


def program(name: str, text: str, of: Any = None, **names) -> types.FunctionType:
    """The function `name` that a text defines, with a source that can be read, where `names` have their meanings.

    `of` is what errors name in its place: the function that is differentiated in it.
    """
    filename = f"<srcad {name} by operator {next(_numbers)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    if isinstance(of, types.FunctionType):
        note_generated(filename, range(1, len(text.splitlines()) + 1), of)
    namespace = {"np": np, "__name__": __name__}
    exec(compile(text, filename, "exec"), namespace)
    function = namespace[name]
    namespace.update(names)  # the function itself may have the name of what it calls
    return function


def calling(fun: Callable, signature: inspect.Signature) -> types.FunctionType:
    """A plain function that calls `fun`: what is differentiated in place of a function that has a rule.

    def softplus(x):
        return softplus(x)
    """
    name = identifier(fun)
    parameters = list(signature.parameters.values())
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise SrcadError(
            None, f"the derivative of {name_of(fun)}, which has a rule and starred parameters",
            hint="Call it from a function with plain parameters, and differentiate that.",
        )  # fmt: skip
    called = unused(name, [p.name for p in parameters])
    plain = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    heading = ", ".join([*plain, *(["*", *named] if named else [])])
    given = ", ".join([*plain, *(f"{n}={n}" for n in named)])
    return program(name, f"def {name}({heading}):\n    return {called}({given})\n", **{called: fun})


def unused(name: str, names: list[str]) -> str:
    """`name`, or one like it that is not among `names`."""
    return name if name not in names else unused(f"{name}_", names)


def name_of(fun) -> str:
    return getattr(fun, "__name__", None) or repr(fun)


def identifier(fun) -> str:
    """The name of a function, as one that a program may have."""
    name = name_of(fun)
    return name if name.isidentifier() else "function"
