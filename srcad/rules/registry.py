"""The table of derivative rules: how a rule is declared, found and run.

A rule is written once, for arrays. The compiler runs it with symbols (`core.nodes.Expr`) and pastes what it returns
into the program; the tests run it with numbers; generated code may call it as it is where too little is known at
compile time (`apply_vjp`).

    elementwise(np.tanh, lambda y, x: 1 - y * y)

    @linear(np.sum, examples=[ex(A(3, 4), axis=1)])
    def sum_vjp(y_bar, y, a, axis=None, dtype=None, *, keepdims=False):
        return spread(y_bar, a, axis, keepdims)

A rule returns the adjoint in the shape of its argument. Un-broadcasting of elementwise rules, accumulating and leaving
out inactive arguments is done by the compiler, never by a rule. A rule may branch on ranks and on parameters, never on
values. Where a function returns several arrays, `y` and `y_bar` are tuples or lists of them.

Rules are written for real numbers. Those that hold for complex ones are named in `rules.complexes`, and need nothing more if
the function is analytic: whoever runs the rule conjugates (`Rule.is_turned`). All others refuse complex operands.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import warnings
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcad.core.nodes import REF_TEXT, Call, Expr, Node, Ref, lift
from srcad.runtime import unbroadcast, zeros_like


class Refused(Exception):
    """A rule does not cover this use of its function; the message says which, and what to write instead."""


@dataclass(frozen=True)
class A:
    """An array of an example: `A(3, 4)` normal, `A(3, low=0.5, high=2.0)` uniform; `spd`: positive definite; `complex`."""

    shape: tuple[int, ...]
    low: float | None
    high: float | None
    spd: bool
    complex: bool

    def __init__(self, *shape: int, low: float | None = None, high: float | None = None, spd=False, complex=False):
        for name, value in (("shape", shape), ("low", low), ("high", high), ("spd", spd), ("complex", complex)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Example:
    """A call on which a rule is tested; `A` stands for random arrays, at any depth of lists and tuples."""

    args: tuple
    kwargs: dict


def ex(*args, **kwargs) -> Example:
    return Example(args, kwargs)


@dataclass(frozen=True)
class Rule:
    """The derivative of `fn` with respect to its data arguments.

    `signature` has the parameters of `fn` that the rule knows, in the order of `fn`; a call that uses any other one has
    no derivative and is refused. `synonyms` are other names under which `fn` takes a parameter. `data` names the
    differentiable ones. `vjps[k](y_bar, y, *args, **params)` is the adjoint of the k-th; for an elementwise function,
    `y_bar * partials[k](y, *data)` is.

    `sequence` names those data that are sequences, a list of arrays or `*operands`. The vjp of one takes the item's
    number first: `vjp(k, y_bar, y, arrays, ...)` is the adjoint of item k; the number of an item of an item is a tuple.
    `whole(y_bar, y, array, ...)` is the adjoint of an array that is given in place of the first list, and
    `listed(item, y_bar, y, items, ...)` the list of the adjoints of a list of any length, of which `item` stands for one.
    Where the items are `arrays`, a list among them is taken as one: no number is a tuple then.

    `like(*data)` is an array of the type and the rank of the result, for the kind of what `fn` returns, where `fn` cannot be
    called on small arrays.

    `jvp` is "linear" (the function of the tangents, jointly), "multilinear" (the sum over the data arguments, and over
    `*operands`), "partials", or `jvp(dots, y, *args, **params)`, where `dots` has the tangent of each data argument,
    None where it is constant.
    """

    fn: Any
    signature: inspect.Signature
    data: tuple[str, ...]
    vjps: tuple[Callable, ...] = ()
    jvp: Any = None
    partials: tuple[Callable, ...] | None = None
    sequence: tuple[str, ...] = ()
    whole: Callable | None = None
    listed: Callable | None = None
    arrays: bool = False
    synonyms: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    domain: tuple = (-2.0, 2.0)
    like: Callable | None = None

    @property
    def name(self) -> str:
        return self.fn if isinstance(self.fn, str) else getattr(self.fn, "__name__", repr(self.fn))

    def is_turned(self) -> bool:
        """Of a call with complex operands: whether the adjoint is the conjugate of what the rule gives for the conjugate
        of `y_bar`, as for the rules of HOLOMORPHIC; those of CONJUGATED give it themselves. Raises Refused for others."""
        if self.fn in HOLOMORPHIC:
            return True
        if self.fn in CONJUGATED:
            return False
        raise Refused("complex numbers; compute with real and imaginary parts (`z.real`, `z.imag`)")

    def bind(self, args: tuple, kwargs: dict) -> inspect.BoundArguments:
        """The arguments of a call by the names of the parameters; TypeError where the rule does not know one.

        Raises Refused where a parameter that is no data is differentiated: its derivative would be lost.
        """
        bound = self.signature.bind(*args, **{self.synonyms.get(name, name): v for name, v in kwargs.items()})
        for name, value in bound.arguments.items():
            if name not in self.data and is_varied_float(value) and not isinstance(self.fn, str):
                raise Refused(f"a varying `{name}`")
        return bound

    def operands(self, arguments: Mapping[str, Any]) -> list:
        """The data among the bound `arguments`, in order; the default of one that is not given."""
        return [arguments.get(name, self.signature.parameters[name].default) for name in self.data]


@dataclass(frozen=True)
class StandIn:
    """A function in plain Python that a call of a library function is differentiated as.

    It is called where one of the parameters `data` is varied. `check(arguments)` gets the arguments that are given, by
    name, those that are written out as values and others as expressions, and raises Refused for what is not covered.
    `choose(arguments)`, if there, gives a function of the same parameters that says this call better.
    """

    function: Callable
    data: tuple[str, ...]
    check: Callable[[Mapping[str, Any]], None]
    choose: Callable[[Mapping[str, Any]], Callable] | None = None

    def bind(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The arguments of a call by the names of the parameters. Raises TypeError."""
        return inspect.signature(self.function).bind(*args, **kwargs).arguments

    @property
    def parameters(self) -> str:
        return str(inspect.signature(self.function))


RULES: dict[Any, Rule] = {}
"""Every rule, by function; operators by their symbol ("+", "neg", …), reading `x[index]` as "getitem"."""

HOLOMORPHIC: set[Any] = set()
"""The functions whose rules, written for real numbers, hold for complex ones, as transposes of a derivative that is a
complex number or matrix: the adjoint is then its conjugate transpose. A partial derivative p of such a function means
that `y_dot` is p * x_dot, or, where y is real and x is not, the real part of that."""

CONJUGATED: set[Any] = set()
"""The functions whose rules give the adjoint of complex arguments as it is: that of `np.conj`, `np.fft.fft`, norms."""

CONSTANT: set[Any] = set()
"""Functions whose derivative is zero on purpose: `np.argmax`, `np.floor`, `np.zeros_like`, …"""

CONSTANT_OF_REALS: dict[Any, str] = {}
"""Those of them whose derivative by a complex number is not zero, each with what to write instead."""

REFUSED: dict[Any, str] = {}
"""Functions that are refused on purpose, each with the reason and what to write instead."""

STAND_INS: dict[Any, StandIn] = {}
"""Functions that call functions of the user's, or make objects, by what says them in plain Python."""

TAKEN_APART: dict[Any, tuple[str, ...]] = {}
"""Functions a call of which the compiler says in simpler terms, with what is differentiated of it."""

METHODS: dict[str, Callable] = {}
"""The function that an array's method stands for: `x.sum(axis=0)` is `np.sum(x, axis=0)`."""

VARIADIC_METHODS: set[str] = set()
"""Methods whose tuple parameter may also be given item by item: `x.reshape(2, 3)`, `x.transpose(1, 0)`."""

ATTRIBUTES: dict[str, Callable] = {}
"""The function that an array's attribute stands for: `x.T` is `np.transpose(x)`."""

MADE: dict[Any, type] = {}
"""The class of the objects, constants to us, that a function of a library makes, such as `scipy.sparse.eye`; or that an
attribute is, or a method without arguments returns, of objects of a class: by the class and the name."""

OPERATOR_METHODS = {"@": ("__matmul__", "__rmatmul__"), "*": ("__mul__", "__rmul__"), np.dot: ("dot", None)}
"""The methods by which objects of a library's class take part in operators and functions, from the left and the right."""


# ---------------------------------------------------------------------------------------------------------------
# Declaring


def elementwise(fn, *partials: Callable | None, domain=(-2.0, 2.0), examples=(), synonyms=None, jvp="partials") -> None:
    """Declares a function that acts on each element, by its partial derivatives `partial(y, *xs)`.

    `domain` is the interval from which the tests draw the arguments, or a tuple of one for each. A partial may be None:
    constant in that argument. The first parameters of `fn`, one for each partial, are data; it is called with these
    alone. Defaults of a partial's parameters are those of `fn`.
    """
    example = next(p for p in partials if p is not None and not hasattr(p, "argument"))
    params = list(inspect.signature(example).parameters.values())[1:]
    data = tuple(p.name for p in params[: len(partials)])
    if isinstance(fn, np.ufunc):
        params.append(inspect.Parameter("where", inspect.Parameter.KEYWORD_ONLY, default=True))
        params.append(inspect.Parameter("dtype", inspect.Parameter.KEYWORD_ONLY, default=None))
    RULES[fn] = Rule(
        fn, inspect.Signature(params), data, jvp=jvp, partials=partials, domain=domain,
        examples=tuple(examples), synonyms=synonyms or {},
    )  # fmt: skip


def singular(fn, slope: Callable, *, domain, examples=()) -> None:
    """Declares an elementwise function of one argument whose derivative has a pole, by `slope(v, y, x)`.

    That is v times the derivative, and 0 where v is 0, at the pole, too: so a branch of `np.where` that is not taken,
    an item that nobody reads, leaves no NaN.
    """

    def vjp(y_bar, y, x, *, where=True, dtype=None):
        return masked(slope(everywhere(y_bar), y, x), where)

    def jvp(dots, y, x, *, where=True, dtype=None):
        return masked(slope(everywhere(dots[0]), y, x), where)

    low, high = domain
    drawn = [ex(A(*shape, low=low, high=high)) for shape in ((), (3,), (2, 3), (0,), (1,))]
    rule(fn, vjp, jvp=jvp, examples=[*drawn, *examples])


def everywhere(v):
    """The number that v is known to be everywhere, else v: `slope` broadcasts it."""
    if isinstance(v, Call) and isinstance(v.fn, Ref) and v.fn.obj is np.broadcast_to:
        return v.args[0]
    return v


def linear(fn, *, examples, **options) -> Callable:
    """Declares a function that is linear in its data argument, by its adjoint (the decorated function)."""
    return adjoint(fn, jvp="linear", examples=examples, **options)


def adjoint(fn, *, jvp, examples, **options) -> Callable:
    """Declares a function with one data argument, its first if not named by `data`, by its adjoint and its tangent."""

    def declare(vjp: Callable) -> Callable:
        rule(fn, vjp, jvp=jvp, examples=examples, **options)
        return vjp

    return declare


def rule(fn, *vjps: Callable, jvp, examples, data: tuple[str, ...] | None = None, synonyms=None, like=None) -> None:
    """Declares a function by the adjoints of its parameters `data`, the first `len(vjps)` if not named."""
    signature = _parameters(vjps[0], 2)
    data = data or tuple(signature.parameters)[: len(vjps)]
    RULES[fn] = Rule(fn, signature, data, vjps, jvp, examples=tuple(examples), synonyms=synonyms or {}, like=like)


def sequence_rule(
    fn,
    *others: Callable,
    data: str | tuple[str, ...],
    jvp,
    examples,
    whole=None,
    listed=None,
    arrays: bool = False,
    sequences: tuple[str, ...] = (),
) -> Callable:
    """Declares a function of a sequence of arrays by `vjp(k, y_bar, y, ...)`, the adjoint of item k.

    `data` names the sequence, and then the parameters that `others` are the adjoints of; `sequences` those of them that
    are sequences, if it is not the first alone; `arrays` says that their items are arrays.
    """

    def declare(vjp: Callable) -> Callable:
        names = (data,) if isinstance(data, str) else data
        RULES[fn] = Rule(
            fn, _parameters(vjp, 3), names, (vjp, *others), jvp, sequence=sequences or names[:1], whole=whole, listed=listed,
            arrays=arrays, examples=tuple(examples),
        )  # fmt: skip
        return vjp

    return declare


def _parameters(function: Callable, skip: int) -> inspect.Signature:
    return inspect.Signature(list(inspect.signature(function).parameters.values())[skip:])


def alias(fn, *others) -> None:
    """Gives `others` the rule of `fn`: `np.concat` is `np.concatenate`."""
    for other in others:
        RULES[other] = RULES[fn]


def accepts_all(arguments: Mapping[str, Any]) -> None:
    """The check of a stand-in that covers every use of its function."""


def says(fn, *data: str, check: Callable = accepts_all, choose: Callable | None = None) -> Callable:
    """Declares a function by another in plain Python (the decorated one), with the same parameters; `choose` as in StandIn.

    Where none of the parameters `data` is varied, the result is constant.
    """

    def declare(function: Callable) -> Callable:
        STAND_INS[fn] = StandIn(function, data, check, choose)
        return function

    return declare


def holomorphic(*functions) -> None:
    """Declares that the rules of functions hold for complex numbers, as those of analytic functions (HOLOMORPHIC)."""
    HOLOMORPHIC.update(RULES[fn].fn for fn in functions)


def conjugated(*functions) -> None:
    """Declares that the rules of functions give the adjoint of complex arguments themselves (CONJUGATED)."""
    CONJUGATED.update(RULES[fn].fn for fn in functions)


def constant(*functions) -> None:
    """Declares functions whose derivative is zero by nature."""
    CONSTANT.update(functions)


def named(module, name: str):
    """A function of a library that is not NumPy, which generated code calls by its full name."""
    function = functools.reduce(getattr, name.split("."), module)
    REF_TEXT[function] = f"{module.__name__}.{name}"
    return symbolic(function, REF_TEXT[function])


def unknown(argument: str) -> Callable:
    """A partial derivative that is not known: a call in which `argument` varies is refused."""

    def partial(*values):
        raise Refused(f"a varying `{argument}`")

    partial.argument = argument
    return partial


def refused(reason: str, *functions) -> None:
    """Declares functions that have no derivative rule, and says why."""
    REFUSED.update(dict.fromkeys(functions, reason))


def available(module, *names: str) -> list:
    """Those of `names` that this version of the library has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that NumPy is going to drop
        return [getattr(module, name) for name in names if hasattr(module, name)]


# ---------------------------------------------------------------------------------------------------------------
# Finding


def find(fn) -> Rule | None:
    """The rule of a function or an operator symbol, None where there is none."""
    try:
        found = RULES.get(fn)
    except TypeError:
        return None
    return RULES.get(fn) if found is None and loads_rules(fn) else found


def is_constant(fn) -> bool:
    """Whether the derivative of `fn` is zero by nature."""
    try:
        return fn in CONSTANT or (loads_rules(fn) and fn in CONSTANT)
    except TypeError:
        return False


def stand_in(fn) -> StandIn | None:
    """What a function is said by in plain Python, None where there is nothing."""
    try:
        found = STAND_INS.get(fn)
    except TypeError:
        return None
    return STAND_INS.get(fn) if found is None and loads_rules(fn) else found


def class_made(fn) -> type | None:
    """The class of the objects that a library's function makes, where that is known."""
    try:
        return MADE.get(fn) or (MADE.get(fn) if loads_rules(fn) else None)
    except TypeError:
        return None


def method(cls: type, name: str | None) -> Any:
    """The method of a class, if it has a rule; else None. An object that is called has `__call__`."""
    found = None if name is None else inspect.getattr_static(cls, name, None)
    return found if found is not None and find(found) is not None else None


def applied_method(fn, operands: list[type | None]) -> tuple[Any, int] | None:
    """The method with a rule that an operator or a function of two arguments stands for, and the number of its object:
    `operands` are their classes, None for those of arrays and numbers."""
    names = OPERATOR_METHODS.get(fn) if isinstance(fn, str) or fn is np.dot else None
    for k, cls in enumerate(operands[:2] if names is not None and len(operands) == 2 else ()):
        found = None if cls is None else method(cls, names[k])
        if found is not None:
            return found, k
    return None


def reason(fn) -> str | None:
    """Why a function is refused on purpose, and what to write instead; None for any other."""
    try:
        return REFUSED.get(fn)
    except TypeError:
        return None


LATER = {
    "scipy.special": "srcad.rules.scipy_special", "scipy.linalg": "srcad.rules.scipy_linalg",
    "scipy.signal": "srcad.rules.scipy_signal", "scipy.ndimage": "srcad.rules.scipy_ndimage",
    "scipy.stats": "srcad.rules.scipy_stats", "scipy.optimize": "srcad.stand_ins.optimize",
    "scipy.integrate": "srcad.stand_ins.integrate", "scipy.sparse": "srcad.rules.scipy_sparse",
    "scipy.interpolate": "srcad.stand_ins.interpolate",
}  # fmt: skip
"""The packages whose rules are declared when one of their functions is first met: SciPy is optional, and slow to import."""


def loads_rules(fn) -> bool:
    """Declares the rules of the package that `fn` is of, if that was not done before; whether it did so."""
    if not LATER or isinstance(fn, str):
        return False
    module = "scipy.special" if isinstance(fn, np.ufunc) else getattr(fn, "__module__", None) or ""
    package = ".".join(module.split(".")[:2])
    if package not in LATER or package not in sys.modules:
        return False
    importlib.import_module(LATER.pop(package))
    return True


def symbolic(function: Callable, text: str | None = None) -> Callable:
    """`function`, which also takes symbols: called with one, it gives the expression of its call.

    >>> symbolic(math.cos)(Name("x"))
    Call(fn=Ref(…, text='math.cos'), args=(Name(id='x'),), kwargs=())
    """
    if text is not None:
        REF_TEXT[function] = text
    elif function not in REF_TEXT:
        module = function.__module__
        own = module == "builtins" or module.startswith("srcad.")
        default = function.__name__ if own else f"{module}.{function.__name__}"
        REF_TEXT[function] = default.replace("numpy.", "np.", 1)

    @functools.wraps(function)
    def either(*args, **kwargs):
        if has_symbol(args) or has_symbol(tuple(kwargs.values())):
            return Call(lift(function), tuple(lift(a) for a in args), tuple((k, lift(v)) for k, v in kwargs.items()))
        return function(*args, **kwargs)

    return either


def is_symbol(value) -> bool:
    return isinstance(value, Expr)


def is_varied_float(value) -> bool:
    """Whether `value` is the symbol of a floating number or array that depends on what is differentiated."""
    if not is_symbol(value) or not value.varied:
        return False
    number, dtype = getattr(value.kind, "type", None), getattr(value.kind, "dtype", None)
    return number in ("float", "complex") or getattr(dtype, "kind", "") in ("f", "c")


def has_symbol(value) -> bool:
    """Whether `value` is a symbol or has one in it: at any depth of tuples, lists and slices."""
    if isinstance(value, (tuple, list)):
        return any(has_symbol(v) for v in value)
    if isinstance(value, slice):
        return has_symbol((value.start, value.stop, value.step))
    return isinstance(value, Node)


# ---------------------------------------------------------------------------------------------------------------
# Running, with symbols or numbers


def masked(contribution, where):
    """What an elementwise function called with `where` passes on: nothing where it did not act.

    There the function's result is arbitrary, and a product with 0 would keep a NaN.
    """
    return contribution if where is True else np.where(where, contribution, 0.0)


# ---------------------------------------------------------------------------------------------------------------
# Running with numbers


def apply_vjp(fn, k: int, y_bar, y, *args, **kwargs):
    """The adjoint of data argument k of `y = fn(*args, **kwargs)`, whose own adjoint is `y_bar`.

    It has the shape and dtype of the argument: for a Python number it is one, for a list (nested, for `np.array`) or
    `*operands` the list of the items' adjoints. Raises Refused, or TypeError where the rule does not know a parameter.
    """
    if (applied := applied_method(fn, list(map(class_of, args)))) is not None:
        found, i = applied
        return apply_vjp(found, 0, y_bar, y, args[i], args[1 - i])
    rule, bound = _bound(fn, args, kwargs)
    if not _has_complex((y, *rule.operands(bound.arguments))) or not rule.is_turned():
        return _vjp(rule, bound, k, y_bar, y)
    return _turned(_vjp(rule, bound, k, _turned(y_bar), y))


def _vjp(rule: Rule, bound: inspect.BoundArguments, k: int, y_bar, y):
    """What the rule gives for its data argument k."""
    fn, x = rule.fn, bound.arguments[rule.data[k]]
    if not isinstance(x, (int, float, complex, list, tuple, dict)) and not hasattr(x, "dtype"):
        return 0.0  # None, a text, an object: what has no derivative
    if rule.partials is not None:
        if rule.partials[k] is None:
            return _zeros(x)
        where = bound.kwargs.get("where", True)
        return _fit(masked(y_bar * rule.partials[k](y, *rule.operands(bound.arguments)), where), x)
    if fn == "getitem" and isinstance(x, (list, tuple, dict)):
        x_bar = zeros_like(x)
        x_bar[bound.arguments["index"]] = y_bar
        return x_bar
    if not isinstance(y, (tuple, list)) and np.asarray(y).dtype.kind in "biu":
        return _zeros(x)
    y_bar = _filled(y_bar, y)
    args, kwargs = _arrays(rule, bound)
    vjp = rule.vjps[k]
    if rule.data[k] not in rule.sequence:
        return _fit(vjp(y_bar, y, *args, **kwargs), x)
    if isinstance(x, (list, tuple)):
        return [_item_vjp(vjp, path, y_bar, y, item, args, kwargs) for path, item in enumerate(x)]
    if rule.whole is not None and k == 0:
        return _fit(rule.whole(y_bar, y, *args, **kwargs), x)
    items = [_fit(vjp(i, y_bar, y, *args, **kwargs), x[i]) for i in range(len(x))]
    return np.stack(items) if items else _zeros(x)


def apply_jvp(fn, dots: tuple, y, *args, **kwargs):
    """The tangent of `y = fn(*args, **kwargs)`; `dots` are those of the data arguments, None for a constant one."""
    rule, bound = _bound(fn, args, kwargs)
    if _has_complex((y, *rule.operands(bound.arguments))):
        rule.is_turned()
    return _in_field_of(y, _jvp(rule, bound, dots, y))


def _jvp(rule: Rule, bound: inspect.BoundArguments, dots: tuple, y):
    """What the rule gives for these tangents."""
    fn = rule.fn
    if rule.jvp == "partials":
        xs, where = rule.operands(bound.arguments), bound.kwargs.get("where", True)
        terms = [x_dot * p(y, *xs) for x_dot, p in zip(dots, rule.partials) if x_dot is not None and p is not None]
        return _fit(masked(sum(terms), where) + np.zeros_like(y), y) if terms else np.zeros_like(y)
    if callable(rule.jvp):
        args, kwargs = _arrays(rule, bound)
        return rule.jvp(dots, y, *args, **kwargs)

    moving = [(name, dot) for name, dot in zip(rule.data, dots) if name in bound.arguments]
    names, dots = [name for name, _ in moving], [dot for _, dot in moving]
    xs = [bound.arguments[name] for name in names]

    def with_data(values) -> Any:
        call = inspect.BoundArguments(bound.signature, {**bound.arguments, **dict(zip(names, values))})
        if getattr(fn, "__objclass__", None) is np.ndarray:
            return getattr(np.asarray(call.args[0]), fn.__name__)(*call.args[1:], **call.kwargs)
        return fn(*call.args, **call.kwargs)

    if rule.jvp == "linear":
        return with_data([_tangent(x, x_dot) for x, x_dot in zip(xs, dots)])
    terms = []
    for k, (x, x_dot) in enumerate(zip(xs, dots)):
        several = bound.signature.parameters[names[k]].kind is inspect.Parameter.VAR_POSITIONAL
        for i, dot in enumerate(x_dot or () if several else [x_dot]):
            if dot is not None:
                changed = (*x[:i], dot, *x[i + 1 :]) if several else _tangent(x, dot)
                terms.append(with_data([*xs[:k], changed, *xs[k + 1 :]]))
    return sum(terms[1:], terms[0]) if terms else np.zeros_like(y)


def class_of(value) -> type | None:
    """The class of an object, None for an array, a number or a container."""
    return None if isinstance(value, (np.ndarray, np.generic, int, float, complex, list, tuple)) else type(value)


def _bound(fn, args, kwargs) -> tuple[Rule, inspect.BoundArguments]:
    rule = find(fn)
    if rule is None:
        raise Refused(f"{fn!r} has no derivative rule")
    bound = rule.bind(args, kwargs)
    return rule, bound


def _arrays(rule: Rule, bound) -> tuple[tuple, dict]:
    """The arguments of a rule, the data among them, but for sequences, as arrays."""
    values = dict(bound.arguments)
    for name in rule.data:
        if values.get(name) is not None and name not in rule.sequence:
            values[name] = np.asarray(values[name])
    bound = inspect.BoundArguments(bound.signature, values)
    return bound.args, bound.kwargs


def _item_vjp(vjp, path, y_bar, y, item, args, kwargs):
    if isinstance(item, (list, tuple)):
        paths = [(*path, k) if isinstance(path, tuple) else (path, k) for k in range(len(item))]
        return [_item_vjp(vjp, p, y_bar, y, i, args, kwargs) for p, i in zip(paths, item)]
    return _fit(vjp(path, y_bar, y, *args, **kwargs), item)


def _filled(y_bar, y):
    """`y_bar` as arrays, with zeros for the parts of a tuple of results that nothing depends on."""
    if isinstance(y, (tuple, list)):
        return [np.zeros_like(b) if a is None else np.asarray(a) for a, b in zip(y_bar, y)]
    return np.asarray(y_bar)


def _has_complex(value) -> bool:
    """Whether there is a complex number in a structure."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_complex, value))
    if isinstance(value, dict):
        return any(map(_has_complex, value.values()))
    return isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "") == "c"


def _turned(value):
    """The conjugate of an adjoint."""
    if isinstance(value, (list, tuple)):
        return [_turned(v) for v in value]
    if isinstance(value, dict):
        return {key: _turned(v) for key, v in value.items()}
    if isinstance(value, (float, complex)):
        return value.conjugate()
    return np.conj(value) if _has_complex(value) else value


def _real(value):
    return value.real if _has_complex(value) else value


def _in_field_of(y, y_dot):
    """A tangent, real where y is real, and complex where y is complex."""
    if isinstance(y, (tuple, list)):
        return y_dot
    return _real(y_dot) if not _has_complex(y) else y_dot if _has_complex(y_dot) else y_dot + 0j


def _tangent(x, x_dot):
    """`x_dot` with zeros for what is constant."""
    if isinstance(x, (list, tuple)):
        return type(x)(_tangent(item, dot) for item, dot in zip(x, x_dot or [None] * len(x)))
    return _zeros(x) if x_dot is None else x_dot


def _zeros(x):
    if isinstance(x, (list, tuple)):
        return [_zeros(item) for item in x]
    return 0.0 if isinstance(x, (int, float, complex)) else np.zeros_like(x)


def _fit(x_bar, x):
    """The adjoint `x_bar` in the shape and the floating dtype of `x`."""
    if isinstance(x, (list, tuple)):
        x = np.asarray(x)
    x_bar = unbroadcast(x_bar if _has_complex(x) else _real(x_bar), np.shape(x))
    if isinstance(x, (int, float, complex)) and not isinstance(x, np.generic):
        x_bar = x_bar.item() if isinstance(x_bar, (np.ndarray, np.generic)) else x_bar
        return complex(x_bar) if isinstance(x, complex) else x_bar
    dtype = x.dtype if x.dtype.kind in "fc" else np.float64
    if isinstance(x, np.generic):
        return np.asarray(x_bar, dtype)[()]  # a number, which no `+=` changes in place
    return x_bar.astype(dtype, copy=False) if hasattr(x_bar, "astype") else dtype.type(x_bar)
