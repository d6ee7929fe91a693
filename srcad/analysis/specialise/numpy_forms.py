"""Functions of NumPy that take functions of the user's: `np.vectorize`, `np.piecewise`."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from srcad import prelude
from srcad.analysis.kinds import UNKNOWN, Callee, Either, Items, Number, plain
from srcad.analysis.operations import python_value
from srcad.core.nodes import (
    Assign, Call, Const, Expr, Function, If, Lambda, List, Name, Op, Param, Ref, Return, Starred, Subscript,
    Tuple, call_of, reference,
)  # fmt: skip

if TYPE_CHECKING:
    from srcad.analysis.specialise.program import Specialiser

ARITIES = {1: prelude.vectorized_1, 2: prelude.vectorized_2, 3: prelude.vectorized_3}


def vectorize(self: Specialiser, e: Call) -> Expr | None:
    """`np.vectorize(f)` as `lambda *args: vectorized(lambda *items: f(*items), *args)`."""
    if not is_made_of_function(self, e):
        return None
    if e not in self.rewritten:
        one = e.args[0]
        if not isinstance(one, Lambda):
            one = starred_lambda(self, "items", lambda items: Call(e.args[0], (items,), at=e.at), e)
        self.rewritten[e] = starred_lambda(self, "args", lambda args: application(e, one, (args,), e), e)
    return self.expr(self.rewritten[e])


def is_made_of_function(self: Specialiser, e: Call) -> bool:
    """Whether a call of `np.vectorize` is one of a function that is known."""
    if len(e.args) != 1 or not isinstance(e.args[0], Lambda) and not isinstance(self.peek(e.args[0]), (Callee, Either)):
        return False
    if not dict(e.kwargs).keys() <= {"otypes", "doc", "cache"}:
        self.refuse(e, "np.vectorize with `excluded` or `signature`", "Write the loop.")
    return True


def vectorized_at_once(self: Specialiser, e: Call) -> Expr | None:
    """`np.vectorize(f)(x)`"""
    match e.fn:
        case Call(fn=Ref(obj=np.vectorize)) as made if is_made_of_function(self, made):
            if e not in self.rewritten:
                self.rewritten[e] = replace(application(made, made.args[0], e.args, e), kwargs=e.kwargs)
            return self.expr(self.rewritten[e])
    return None


def application(made: Call, function: Expr, args: tuple, e: Call) -> Call:
    """The call of `vectorized` that applies what `made` makes to arrays."""
    return Call(reference(vectorized), (function, Const(makes_floats(dict(made.kwargs))), *args), at=e.at)


def starred_lambda(self: Specialiser, name: str, body, e: Call) -> Lambda:
    """`lambda *name: body(*name)`"""
    rest = Name(self.special.names.new(name), at=e.at)
    params = (Param(rest.id, "star", at=e.at),)
    return Lambda(Function("vectorized", params, (Return(body(Starred(rest, at=e.at)), at=e.at),), at=e.at), at=e.at)


def makes_floats(options: dict) -> bool:
    """Whether the options of `np.vectorize` say that it makes floats, whatever the function returns first."""
    try:
        otypes = python_value(options["otypes"])
    except (KeyError, ValueError):
        return False
    return all(np.dtype(t).kind == "f" for t in otypes) and len(otypes) == 1


def vectorized(function, is_float, *arrays):
    """What `np.vectorize(function)` does with arrays; a call of it is one of `prelude.vectorized_1` or its like."""
    return np.vectorize(function, otypes=[float] if is_float else None)(*arrays)


def _vectorized(self: Specialiser, e: Call) -> Expr:
    args, kwargs = self.arguments(e)
    function, is_float, *rest = args
    arrays: list[Expr] = []
    for a in rest:
        inner = plain(a.value.kind) if isinstance(a, Starred) else None
        if isinstance(inner, Items):
            holder = self.named(a.value, "items")
            arrays += [self.expr(Subscript(holder, Const(i), at=e.at)) for i in inner.keys]
        else:
            arrays.append(a)
    if len(arrays) not in ARITIES or kwargs:
        self.refuse(e, f"np.vectorize of a function that is called with {len(arrays)} arrays", "Write the loop.")
        return Call(e.fn, tuple(args), kind=UNKNOWN, at=e.at)
    stand_in = ARITIES[len(arrays)]
    return self.call(Call(Ref(stand_in, stand_in.__name__, at=e.at), (function, is_float, *arrays), at=e.at))


vectorized.__srcad_function__ = _vectorized


def call_of_vectorized(self: Specialiser, e: Call, made: np.vectorize) -> Expr:
    """A call of a function that `np.vectorize` made elsewhere."""
    if made.excluded or made.signature is not None:
        self.refuse(e, "a function made by np.vectorize with `excluded` or `signature`", "Write the loop.")
    floats = made.otypes is not None and all(np.dtype(t).kind == "f" for t in made.otypes)
    fun = Ref(made.pyfunc, made.pyfunc.__name__, at=e.at)
    return _vectorized(self, Call(reference(vectorized), (fun, Const(floats), *e.args), e.kwargs, at=e.at))


def piecewise(self: Specialiser, e: Call) -> Expr | None:
    """`np.piecewise(x, [a], [f, g])` as the writes that it makes: `y[a] = f(x[a]); y[~a] = g(x[~a])`."""
    if not self.peek_varied(e):
        return None
    if len(e.args) < 3 or any(isinstance(a, Starred) for a in e.args) or any(k is None for k, _ in e.kwargs):
        return None
    if e not in self.rewritten:
        self.rewritten[e] = pieces(self, e)
    made = self.rewritten[e]
    if made is None:
        self.refuse(
            e, "np.piecewise whose conditions or functions are not written out as lists, or of a number",
            "Write np.piecewise(x, [x < 0, x > 1], [f, g, h]), or np.where(x < 0, f(x), g(x)).",
        )  # fmt: skip
        return Call(e.fn, e.args, e.kwargs, kind=UNKNOWN, at=e.at)
    *stmts, result = made
    for s in stmts:
        self.statement(s)
    return self.expr(result)


def pieces(self: Specialiser, e: Call) -> list | None:
    """The statements that a call of `np.piecewise` stands for, and the variable that has its result."""
    match e.args:
        case (x, List(elts=tests) | Tuple(elts=tests), List(elts=functions) | Tuple(elts=functions), *more):
            pass
        case _:
            return None
    if any(isinstance(p, Starred) for p in (*tests, *functions)) or isinstance(plain(self.peek(x)), Number):
        return None
    if len(functions) - len(tests) not in (0, 1):
        return None
    new = self.special.names.new
    source, result = Name(new("x"), at=e.at), Name(new("pieces"), at=e.at)
    masks = [Name(new("piece"), at=e.at) for _ in functions]
    made: list = [Assign(source, call_of(np.asarray, x), at=e.at), Assign(result, call_of(np.zeros_like, source), at=e.at)]
    made += [Assign(mask, call_of(np.asarray, test), at=e.at) for mask, test in zip(masks, tests)]
    if len(functions) > len(tests):
        others = masks[0]
        for mask in masks[1:-1]:
            others = Op("|", (others, mask), at=e.at)
        made.append(Assign(masks[-1], Op("~", (others,), at=e.at), at=e.at))
    for mask, function in zip(masks, functions):
        part = Subscript(source, mask, at=e.at)
        is_function = isinstance(function, Lambda) or isinstance(self.peek(function), (Callee, Either))
        value = Call(function, (part, *more), e.kwargs, at=e.at) if is_function else function
        write = Assign(Subscript(result, mask, at=e.at), value, at=e.at)
        made.append(If(call_of(np.any, mask), (write,), (), at=e.at) if is_function else write)
    return [*made, result]


def einsum(self: Specialiser, e: Call) -> Expr | None:
    """`np.einsum(a, [0, 1], b, [1, 2], [0, 2])` as `np.einsum("AB,BC->AC", a, b)`, where the lists are written out."""
    count = len(e.args) // 2
    operands, given = e.args[: 2 * count : 2], e.args[1 : 2 * count : 2] + e.args[2 * count :]
    if not operands or not all(isinstance(axes, (List, Tuple)) for axes in given):
        return None
    try:
        terms = ["".join("..." if k is Ellipsis else LETTERS[k] for k in python_value(axes)) for axes in given]
    except (ValueError, TypeError, IndexError):
        return None
    subscripts = "->".join([",".join(terms[:count]), *terms[count:]])
    return self.call(replace(e, args=(Const(subscripts, at=e.at), *operands)))


LETTERS = string.ascii_uppercase + string.ascii_lowercase
"""What NumPy calls the axes 0, 1, … of `np.einsum`."""

FORMS = {np.vectorize: vectorize, np.piecewise: piecewise, np.einsum: einsum}
