"""Operators made of the two modes: Jacobians, Hessians, their products with vectors, linearisation."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from srcad import forward_mode, structure
from srcad.adjoints import as_gradient
from srcad.analysis.kinds import Array, Kind, Number, is_complex, is_float, kind_of, plain
from srcad.calls import Argnums, Call, call_of, promoted_arguments
from srcad.derivative import Derivative, wrap
from srcad.errors import KindError, SrcadError
from srcad.forward_mode import (
    arrays, as_tangent, compiled_tangent, is_number, jvp, moved, moved_arguments, slopes, tangent_of_call,
)  # fmt: skip
from srcad.programs import identifier, name_of, program, unused
from srcad.runtime import stop_gradient
from srcad.sweeps import Picks, leaves, nested, picked, pulled, pushed, size, still


def jacobian(fun: Callable | None = None, argnums: Argnums = 0, *, holomorphic: bool = False):
    """The Jacobian of a function: the derivative of each number of its value by each number of its arguments.

    `argnums` is an index, a parameter's name, or a tuple of those, as for `grad`. The result is called like `fun`. Of an
    array, or a number, by an array it is an array of shape `value.shape + argument.shape`; of a number by a number a
    number. It has the argument's dtype (a plain float has that of the value). For containers it is nested: the structure
    of the value, in place of each number or array of it a tuple if `argnums` is one, and in that the structure of the
    argument. None stands for what has no derivative: strings and truth values of the value, strings and counts of the
    argument. Also a decorator.

    Complex numbers: the derivative of a complex value by a real number is complex, that of a real value by a complex z is
    `dL/dRe(z) + 1j * dL/dIm(z)`, as for `grad`. Complex by complex there is one only if the function is holomorphic:
    `holomorphic=True` says so, and is checked along one direction; a KindError is raised where it is wrong, or not said.

    >>> jacobian(lambda x: x[1:] * x[:-1])(np.array([1.0, 2.0, 3.0]))
    array([[2., 1., 0.],
           [0., 3., 2.]])

    It takes `jacrev` if the value has no more numbers than the arguments, else `jacfwd`. What the sizes are is seen at
    the first call with arguments of these shapes, by a forward sweep, and remembered. Raises what `grad` raises.
    """
    if fun is None:
        return functools.partial(jacobian, argnums=argnums, holomorphic=holomorphic)
    return Jacobian(fun, argnums, "jacobian", holomorphic)


def jacfwd(fun: Callable | None = None, argnums: Argnums = 0, *, holomorphic: bool = False):
    """Like `jacobian`, by forward mode: the values once, what is linear in the tangents for each number of the arguments.

    What is kept of the values is as much as reverse mode keeps; `jvp` keeps nothing.

    Method: Griewank & Walther, Evaluating Derivatives, 2008, ch. 3.
    """
    if fun is None:
        return functools.partial(jacfwd, argnums=argnums, holomorphic=holomorphic)
    return Jacobian(fun, argnums, "jacfwd", holomorphic)


def jacrev(fun: Callable | None = None, argnums: Argnums = 0, *, holomorphic: bool = False):
    """Like `jacobian`, by reverse mode: one forward sweep, and one reverse sweep for each number of the value.

    Method: Griewank & Walther, Evaluating Derivatives, 2008, ch. 3.
    """
    if fun is None:
        return functools.partial(jacrev, argnums=argnums, holomorphic=holomorphic)
    return Jacobian(fun, argnums, "jacrev", holomorphic)


def hessian(fun: Callable | None = None, argnums: Argnums = 0):
    """The second derivatives of a function that returns one number.

    The result is called like `fun`. By an array it is an array of shape `argument.shape + argument.shape`, by a number a
    number. For a container it is nested, the structure of the argument in that of the argument, and for a tuple of
    `argnums` a tuple of tuples: `hessian(f, (0, 1))(x, y)[0][1]` is the derivative of the gradient by x along y.
    Also a decorator. Raises what `grad` raises.

    Method: forward over reverse, the tangent of the gradient along each number of the arguments, its values computed once
    (Griewank & Walther, Evaluating Derivatives, 2008, ch. 5).
    """
    return functools.partial(hessian, argnums=argnums) if fun is None else Hessian(fun, argnums)


def hvp(fun: Callable | None = None, argnums: Argnums = 0):
    """The product of the Hessian of a function with a vector, without the Hessian: `hvp(f)(*args, vector)`.

    `vector` has the structure and shapes of the argument, or is a tuple of those for a tuple of `argnums`, and so has the
    result; it may be given by name. Also a decorator. It is taken as it is by SciPy's optimisers, which give the vector
    second, as in `hessp(x, vector, *args)`: where the vector has the shape of x, and what is given last has not, and
    where SciPy is the caller.

    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([  6., 120.])

    Raises a KindError where the vector has not the argument's structure, and what `grad` raises.

    Method: forward over reverse, the tangent of the generated gradient function; it costs two to three gradients,
    whatever the dimension (Griewank & Walther, Evaluating Derivatives, 2008, ch. 5).
    """
    return functools.partial(hvp, argnums=argnums) if fun is None else HessianProduct(fun, argnums)


def linearize(fun: Callable, *primals) -> tuple[Any, Callable]:
    """The value of `fun(*primals)`, and its derivative at this point as a function of directions.

    `pushforward(*tangents)` takes one tangent for each of `primals`, as `jvp` does (None for none), and gives that of the
    value. The function runs once; what its derivative needs of the values is kept, as much as reverse mode keeps, and
    the pushforward does only what is linear in the tangents. It is the derivative at the values that `primals` had, of
    a function that draws random numbers that of the run which gave the value. Where the two are not told apart (there is
    a `try` in the function), and along integers, each direction runs the tangent function. Raises what `jvp` raises.

    >>> value, pushforward = linearize(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pushforward(1.0, 0.0), pushforward(0.0, 1.0)
    (6.0, 3.0, 2.0)

    Method: the tangent function in two, values and local partial derivatives ahead (`transform.linearise`).
    """
    call = call_of(fun)
    fixed = structure.apart(primals)
    values = call.bind(fixed, {})
    chosen = tuple(i for i, v in enumerate(values) if is_float(kind_of(v)))
    compiled = compiled_tangent(call, values, chosen)
    value, along = slopes(compiled, values)

    def pushforward(*tangents):
        """The derivative of the value along these tangents."""
        _, given, dots = moved_arguments(fun, fixed, tangents)
        if any(dot is not None and i not in chosen for i, dot in enumerate(dots)):
            return jvp(fun, fixed, tangents)[1]  # an integer that moves is taken as a float
        dots = {p: still(v) if dot is None else dot for p, v, dot in zip(compiled.params, given, dots)}
        dot = along(*(dots[p] for p in compiled.varied))
        return as_tangent(value, dot, {id(a) for a in arrays(list(dots.values()))})

    return structure.apart(value), pushforward


for _transform in (jacobian, jacfwd, jacrev, hessian, hvp):
    _transform.__srcad_transform__ = True  # applied inside of a function, it is applied when the function is compiled


def _refused_in_a_program(specialiser, e):
    specialiser.refuse(
        e, "linearize inside of a function is not supported",
        "Write jvp(f, (x, y), (x_dot, y_dot)), which gives the value and the derivative along one direction.",
    )  # fmt: skip
    return e


linearize.__srcad_function__ = _refused_in_a_program


# ---------------------------------------------------------------------------------------------------------------
# Objects that are called like the function


class Operator(ABC):
    """What an operator returns: it has the name, the docstring and the signature of the function."""

    operator = ""

    def __init__(self, fun: Callable, argnums: Argnums):
        self._call = call_of(fun)
        self.primal, self.argnums = fun, argnums
        self._picks: Picks = self._call.positions(argnums)
        wrap(self, fun)

    def _bound(self, args: tuple, kwargs: dict) -> tuple[list, tuple[int, ...]]:
        """The arguments by parameter, those to differentiate by as floats; and which these are."""
        return promoted_arguments(self._call, self._picks, self._call.bind(args, kwargs))

    def _one_or_tuple(self, parts: list):
        return tuple(parts) if isinstance(self.argnums, tuple) else parts[0]

    def __get__(self, instance, owner=None):
        return self if instance is None else self._of(types.MethodType(self.primal, instance))

    def _of(self, fun: Callable) -> Operator:
        return type(self)(fun, self.argnums)

    def __reduce__(self):
        return type(self), (self.primal, self.argnums)

    def __repr__(self) -> str:
        return f"<{self.operator} of {name_of(self.primal)} by {self.argnums!r}>"

    # -- inside of a function that is differentiated ---------------------------------------------------------------

    extra: tuple[str, ...] = ()
    """The names of the parameters that come after those of the function."""

    def _parameters(self) -> list[str]:
        """The names of the parameters, where all are plain. Raises SrcadError."""
        call = self._call
        names = [p.name for p in call.parameters]
        if not call.is_plain or call.prefix:
            raise SrcadError(
                None, f"the {self.operator} of {name_of(self.primal)} cannot be differentiated again",
                hint="Take that of a function with plain parameters: no starred ones, no method, no partial object.",
            )  # fmt: skip
        return [*names, *(unused(name, names) for name in self.extra)]

    def __srcad_program__(self) -> types.FunctionType:
        """A plain function that calls this object: what is differentiated where this object is."""
        names = ", ".join(self._parameters())
        name = f"{identifier(self.primal)}_{self.operator}"
        text = f'def {name}({names}):\n    """The {self.operator} of {name_of(self.primal)}."""\n'
        return program(name, f"{text}    return operator({names})\n", self._call.function, operator=self)

    def __srcad_function__(self, specialiser, e):
        """The call `e` of this object in a function that is being specialised: a call of a program that does the same."""
        args, kwargs = specialiser.arguments(e)
        try:
            names = self._parameters()
        except SrcadError as refused:
            specialiser.refuse(e, refused.message, refused.hint)
            return e
        given = dict(zip(names, args))
        given.update((k, v) for k, v in kwargs if k in names and k not in given)
        starred = any(type(a).__name__ == "Starred" for a in args)
        if list(given) != names or len(args) + len(kwargs) != len(names) or starred:
            specialiser.refuse(e, f"a {self.operator} that is called with defaults or starred arguments", "Pass all.")
            return e
        chosen = {i for i, _ in self._picks}
        values = [specialiser.as_float(v) if i in chosen else v for i, v in enumerate(given.values())]
        found = self._program([specialiser.argument_kind(v) for v in values])
        if found is None:
            specialiser.refuse(
                e, f"a {self.operator} by or of a structure, inside of a function, is not supported",
                "Take it of a function that returns a number or an array, by one of these.",
            )  # fmt: skip
            return e
        return specialiser.call_generated(e, found, values)

    @abstractmethod
    def _program(self, argument_kinds: list) -> types.FunctionType | None:
        """A plain function that does what this object does, for arguments of these kinds; None if there is none."""


class Jacobian(Operator):
    """What `jacobian`, `jacfwd` and `jacrev` return."""

    def __init__(self, fun: Callable, argnums: Argnums, operator: str, holomorphic: bool = False):
        super().__init__(fun, argnums)
        self.operator, self.holomorphic = operator, holomorphic
        self._tall: set = set()  # the shapes of arguments for which the value has more numbers

    def _of(self, fun: Callable) -> Jacobian:
        return Jacobian(fun, self.argnums, self.operator, self.holomorphic)

    def __reduce__(self):
        return Jacobian, (self.primal, self.argnums, self.operator, self.holomorphic)

    def __call__(self, *args, **kwargs):
        values, chosen = self._bound(args, kwargs)
        arguments = picked(values, self._picks)
        if self.operator == "jacobian":
            value, blocks = self._by_sizes(values, chosen, arguments)
        else:
            engine = pulled if self.operator == "jacrev" else pushed
            value, blocks = engine(self._call, values, chosen, self._picks, holomorphic=self.holomorphic)
        return nested(value, blocks, arguments, self._one_or_tuple)

    def _by_sizes(self, values: list, chosen, arguments: list) -> tuple[Any, list]:
        """The value and the blocks, by the mode with the fewer runs."""
        count = size([leaf for a in arguments for leaf in leaves(a)])
        key = tuple(map(shapes, values))
        if count > 1 and key not in self._tall:
            value, blocks = pulled(self._call, values, chosen, self._picks, count, self.holomorphic)
            if blocks is not None:
                return value, blocks
            self._tall.add(key)
        value, blocks = pushed(self._call, values, chosen, self._picks, holomorphic=self.holomorphic)
        if size(leaves(value)) <= count:
            self._tall.discard(key)
        return value, blocks

    def _program(self, argument_kinds):
        call, chosen = self._call, {i for i, _ in self._picks}
        compiled = tangent_of_call(call, argument_kinds, [i in chosen for i in range(len(argument_kinds))])
        if not isinstance(plain(compiled.result.kind), (Number, Array)):
            return None
        return columns_program(self, argument_kinds, self.primal, plain(compiled.result.kind))


class Hessian(Operator):
    """What `hessian` returns."""

    operator = "hessian"

    def __init__(self, fun: Callable, argnums: Argnums):
        super().__init__(fun, argnums)
        self._gradient = Derivative(fun, argnums, False, "numpy", with_value=False)
        self._of_gradient = Call(self._gradient)

    def __call__(self, *args, **kwargs):
        values, chosen = self._bound(args, kwargs)
        arguments = picked(values, self._picks)

        def read(found):
            """The gradient in the structure of the arguments."""
            bars = found if isinstance(self.argnums, tuple) else (found,)
            return self._one_or_tuple([as_gradient(a, bar) for a, bar in zip(arguments, bars)])

        if any(map(np.iscomplexobj, [leaf for a in arguments for leaf in leaves(a) if is_number(leaf)])):
            refuse_complex(self)
        gradient, blocks = pushed(self._of_gradient, values, chosen, self._picks, read)
        return nested(gradient, blocks, arguments, self._one_or_tuple)

    def _program(self, argument_kinds):
        if len(self._picks) > 1:
            return None
        return columns_program(self, argument_kinds, self._gradient, plain(argument_kinds[self._picks[0][0]]))


class HessianProduct(Operator):
    """What `hvp` returns."""

    operator = "hvp"
    extra = ("vector",)

    def __init__(self, fun: Callable, argnums: Argnums):
        super().__init__(fun, argnums)
        self._gradient = Derivative(fun, argnums, False, "numpy", with_value=False)
        self._of_gradient = Call(self._gradient)
        call, is_one = self._call, not isinstance(argnums, tuple) and self._picks[0][1] is None
        self._plain_count = len(call.parameters) + 1 if is_one and call.is_plain and not call.prefix else -1
        self._chosen = (self._picks[0][0],)
        self._is_by_first = not isinstance(argnums, tuple) and self._picks == self._call.positions(0)
        try:
            self.__signature__ = with_vector(self.__signature__)
        except (AttributeError, ValueError):
            pass

    def __call__(self, *args, **kwargs):
        if not kwargs and len(args) == self._plain_count:
            x, vector = args[self._picks[0][0]], args[-1]
            if type(x) is type(vector) is np.ndarray and x.dtype is vector.dtype and x.shape == vector.shape:
                if x.dtype.kind in "fc" and (len(args) == 2 or not self._is_by_first or np.shape(args[1]) != x.shape):
                    return self._along(x, vector, args)
        return self._general(args, kwargs)

    def _along(self, x: np.ndarray, vector: np.ndarray, args: tuple):
        """The product for plain arguments, the short way."""
        compiled = compiled_tangent(self._of_gradient, args[:-1], self._chosen)
        _, dot = compiled.tangent(*args)
        own = type(dot) is np.ndarray and dot.base is None and dot is not vector
        if own and dot.shape == x.shape and dot.dtype is x.dtype:
            return dot
        return as_tangent(x, as_gradient(x, dot), {id(vector)})

    def _general(self, args: tuple, kwargs: dict):
        if "vector" in kwargs and all(p.name != "vector" for p in self._call.parameters):
            vector = kwargs.pop("vector")
        elif len(args) < 2 and not (args and (kwargs or self._call.prefix or self._call.keywords)):
            raise KindError(
                None, f"the hvp of {name_of(self.primal)} got no vector",
                hint=f"Write hvp({name_of(self.primal)})(*args, vector).",
            )  # fmt: skip
        else:
            args, vector = self._parted(args)
        values, chosen = self._bound(args, kwargs)
        arguments, names = picked(values, self._picks), [self._call.parameters[i].name for i, _ in self._picks]
        vectors = vector if isinstance(self.argnums, tuple) else (vector,)
        if not isinstance(vectors, (tuple, list)) or len(vectors) != len(arguments):
            raise KindError(
                None, f"the vector is a {type(vector).__name__}, and argnums a tuple of {len(arguments)}",
                hint="Give a tuple of vectors, one for each of argnums.",
            )  # fmt: skip
        directions = [moved(a, v, name)[1] for a, v, name in zip(arguments, vectors, names)]
        dots = {i: still(values[i]) for i in chosen} if any(item is not None for _, item in self._picks) else {}
        for (i, item), direction in zip(self._picks, directions):
            dots[i] = direction if item is None else (*dots[i][:item], direction, *dots[i][item + 1 :])
        compiled = compiled_tangent(self._of_gradient, values, chosen)
        by_name = {self._call.parameters[i].name: dot for i, dot in dots.items()}
        _, gradient_dot = compiled.tangent(*values, *(by_name[p] for p in compiled.varied))
        found = gradient_dot if isinstance(self.argnums, tuple) else (gradient_dot,)
        seen = {id(a) for a in forward_mode.arrays(directions)}
        products = [as_tangent(a, as_gradient(a, dot), seen) for a, dot in zip(arguments, found)]
        return self._one_or_tuple(products)

    def _parted(self, args: tuple) -> tuple[tuple, Any]:
        """The function's arguments, and the vector: the last; or the second, as SciPy gives it."""
        if len(args) > 2 and self._is_by_first and fits(args[1], args[0]):
            if not fits(args[-1], args[0]) or is_hessp(sys._getframe(3)):
                return (args[0], *args[2:]), args[1]
        return args[:-1], args[-1]

    def _program(self, argument_kinds):
        if len(self._picks) > 1:
            return None
        names = self._parameters()
        position = self._picks[0][0]
        dots = ["None"] * (len(names) - 1)
        dots[position] = names[-1]
        name = f"{identifier(self.primal)}_hvp"
        text = (
            f"def {name}({', '.join(names)}):\n"
            f'    """The Hessian of {name_of(self.primal)} by {names[position]}, times a vector."""\n'
            f"    return jvp(gradient, ({', '.join(names[:-1])},), ({', '.join(dots)},))[1]\n"
        )
        return program(name, text, self._call.function, gradient=self._gradient, jvp=jvp)


def with_vector(signature: inspect.Signature) -> inspect.Signature:
    """The signature of a function with the vector after its arguments."""
    parameters = list(signature.parameters.values())
    end = sum(p.kind <= p.VAR_POSITIONAL for p in parameters)
    plain_ = all(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters[:end])
    style = inspect.Parameter.POSITIONAL_OR_KEYWORD if plain_ else inspect.Parameter.KEYWORD_ONLY
    vector = inspect.Parameter(unused("vector", list(signature.parameters)), style)
    return signature.replace(parameters=[*parameters[:end], vector, *parameters[end:]])


def fits(vector, argument) -> bool:
    """Whether a vector has the structure and the shapes of an argument."""
    return shapes(vector) == shapes(argument)


def shapes(value):
    """The structure of a value, with the shapes of its numbers and arrays."""
    held = structure.items(value)
    if held is None:
        return np.shape(value) if is_number(value) else type(value)
    return tuple(structure.keys(value)), tuple(map(shapes, held))


def is_hessp(frame: types.FrameType) -> bool:
    """Whether a call comes from SciPy's minimisers, which give the vector after the point."""
    module = frame.f_globals.get("__name__", "")
    return module.startswith("scipy.optimize._") and module.rpartition("._")[2].startswith(
        ("optimize", "trustregion", "minimize", "differentiable_functions")
    )


# ---------------------------------------------------------------------------------------------------------------
# Programs: what stands for an operator inside of a function that is differentiated


def refuse_complex(operator: Operator) -> None:
    raise KindError(
        None, f"the {operator.operator} of {name_of(operator.primal)} by complex numbers is not supported",
        hint="Write it with real and imaginary parts, as complex(a, b) or x + 1j * y, or use vjp, jvp or hvp.",
    )  # fmt: skip


def columns_program(operator: Operator, argument_kinds: list, fun: Callable, value: Kind) -> types.FunctionType | None:
    """A program that takes the derivative of `fun` along each element of its arguments, one after the other.

    `value` is the kind of what `fun` returns.
    """
    names = operator._parameters()
    given = [unused(n, names) for n in ("differentiated", "jvp", "stop_gradient", "columns", "direction", "index")]
    differentiated, jvp_, constant, columns, direction, index = given
    name = f"{identifier(operator.primal)}_{operator.operator}"
    lines, results = [], []
    for n, (i, item) in enumerate(operator._picks):
        x, kind = names[i], plain(argument_kinds[i])
        if is_complex(kind):
            refuse_complex(operator)
        if item is not None or not isinstance(kind, (Number, Array)) or kind.rank is None:
            return None
        dots = ["None"] * len(names)
        dots[i] = direction if kind.rank else "1.0"
        slope = f"{jvp_}({differentiated}, ({', '.join(names)},), ({', '.join(dots)},))[1]"
        result = f"{columns}_{n}"
        if kind.rank == 0:
            lines.append(f"{result} = {slope}")
        else:
            still = ", ".join(f"{constant}({a})" for a in names)
            shape = f"np.shape({differentiated}({still})) + {x}.shape" if value.rank != 0 else f"{x}.shape"
            if isinstance(operator, Hessian):
                shape = f"{x}.shape + {x}.shape"
            indices = [f"{index}_{k}" for k in range(kind.rank)]
            lines.append(f"{result} = np.zeros({shape}, np.{dtype_of(value)})")
            pad = ""
            for k, one in enumerate(indices):
                lines.append(f"{pad}for {one} in range({x}.shape[{k}]):")
                pad += "    "
            lines.append(f"{pad}{direction} = np.zeros_like({x})")
            lines.append(f"{pad}{direction}[{', '.join(indices)}] = 1.0")
            lines.append(f"{pad}{result}[{', '.join(['...', *indices] if value.rank != 0 else indices)}] = {slope}")
        results.append(result)
    returned = f"({', '.join(results)},)" if isinstance(operator.argnums, tuple) else results[0]
    body = "".join(f"    {line}\n" for line in [*lines, f"return {returned}"])
    doc = f'    """The {operator.operator} of {name_of(operator.primal)}, along one direction after the other."""\n'
    text = f"def {name}({', '.join(names)}):\n{doc}{body}"
    return program(name, text, operator._call.function, **{differentiated: fun, jvp_: jvp, constant: stop_gradient})


def dtype_of(kind: Number | Array) -> str:
    """The name that NumPy has for the type of the derivatives of a number or an array."""
    dtype = np.dtype(float if kind.dtype is None else kind.dtype) if isinstance(kind, Array) else np.dtype(kind.type)
    return dtype.name if dtype.kind in "fc" else "float64"


__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev", "linearize"]
