"""Every derivative rule, on its examples: against differences, its tangent, autograd; in float32; and with symbols.

The tests enumerate the registry, so there is no untested rule.
"""

from __future__ import annotations

import cmath
import importlib
import inspect
import math
import subprocess
import sys
import types
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import srcad.rules  # noqa: F401 - declares the rules
from srcad import runtime, runtime_arrays, runtime_linalg, runtime_scipy
from srcad.analysis.kinds import Opaque, kind_of
from srcad.analysis.specialise import VIEWS
from srcad.core.nodes import REF_TEXT, Name, Undecided, lift
from srcad.core.printer import text
from srcad.rules import registry, table
from srcad.rules.registry import (
    ATTRIBUTES, CONSTANT, METHODS, RULES, A, Example, Refused, apply_jvp, apply_vjp, find,
)  # fmt: skip

for package in list(registry.LATER):
    try:
        importlib.import_module(package)
    except ImportError:
        continue
    importlib.import_module(registry.LATER.pop(package))

OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "%": lambda a, b: a % b, "**": lambda a, b: a**b, "@": lambda a, b: a @ b, "neg": lambda a: -a, "pos": lambda a: +a,
    "getitem": lambda x, index: x[index],
}  # fmt: skip


def function(rule):
    if isinstance(rule.fn, str):
        return OPERATORS[rule.fn]
    if getattr(rule.fn, "__objclass__", None) is np.ndarray:
        return lambda x, *args, **kwargs: getattr(np.asarray(x), rule.fn.__name__)(*args, **kwargs)
    return rule.fn


def label(rule):
    if rule.fn in REF_TEXT and not isinstance(rule.fn, str):
        return REF_TEXT[rule.fn]
    module = getattr(rule.fn, "__module__", "") or ""
    return f"{module}.{rule.name}".replace("numpy.", "np.", 1).replace("builtins.", "")


def takes_numbers(rule) -> bool:
    return getattr(rule.fn, "__module__", None) in ("math", "cmath") or rule.fn in (abs, pow, float, complex, divmod)


def default_examples(rule):
    """Scalars, vectors, broadcasting, and no items at all."""
    domains = rule.domain if isinstance(rule.domain[0], tuple) else [rule.domain] * len(rule.data)
    draw = lambda *shapes: Example(tuple(A(*s, low=d[0], high=d[1]) for s, d in zip(shapes, domains)), {})  # noqa: E731
    n = len(rule.data)
    if takes_numbers(rule):
        return [draw(*[()] * n)] * 3
    if n == 1:
        return [draw(()), draw((3,)), draw((2, 3)), draw((0,)), draw((1,))]
    pairs = [((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (3,)), ((), (2, 3)), ((0,), (1,)), ((1, 1), (3,))]
    return [draw(*p) for p in pairs]


def examples(rule):
    plain = rule.partials is not None and len(rule.data) <= 2 and rule.fn not in (np.ldexp, math.ldexp)
    plain = plain and not (rule.examples and "scipy" in label(rule))
    return [*rule.examples, *(default_examples(rule) if plain else ())]


COMPLEX_RESULTS = {f"np.fft.{f}{n}" for f in ("fft", "ifft", "rfft") for n in ("", "2", "n")} | {"np.fft.ihfft"}
ALL = list({id(r): r for r in RULES.values()}.values())
CASES, BARE = [], []
"""The calls on which the rules are tested; in BARE those that the compiler does not take: complex ones, bound methods."""
for rule in ALL:
    for i, example in enumerate(examples(rule)):
        is_bare = label(rule) in COMPLEX_RESULTS or any(getattr(a, "complex", False) for a in example.args)
        is_bare = is_bare or isinstance(rule.fn, types.MethodType)
        (BARE if is_bare else CASES).append(pytest.param(rule, example, id=f"{label(rule)}-{i}"))


class Drawn:
    """The arrays of an example; `paths` are the places of the random ones."""

    def __init__(self, rule, example, dtype=np.float64):
        self.rng = np.random.default_rng(0)
        self.scalars, self.dtype = takes_numbers(rule) or rule.fn in (max, min), dtype
        self.needs_array = rule.fn == "getitem" or hasattr(rule.fn, "__objclass__")
        self.args = tuple(self.draw(a) for a in example.args)
        self.kwargs = {k: self.draw(v) for k, v in example.kwargs.items()}

    def draw(self, value):
        if isinstance(value, A):
            return self.array(value)
        if isinstance(value, (list, tuple)):
            return type(value)(self.draw(v) for v in value)
        if isinstance(value, np.ndarray) and value.dtype == np.float64:
            return value.astype(self.dtype)
        return value

    def array(self, a):
        if a.spd:
            x = self.rng.normal(size=a.shape)
            x = x @ np.swapaxes(x, -1, -2) + a.shape[-1] * np.eye(a.shape[-1])
        elif a.low is not None:
            x = self.rng.uniform(a.low, a.high, a.shape)
        else:
            x = self.rng.normal(size=a.shape)
        if a.complex:
            z = (x + 1j * self.rng.normal(size=a.shape)).astype(np.result_type(self.dtype, np.complex64))
            return complex(z) if a.shape == () and self.dtype == np.float64 and not self.needs_array else z
        if a.shape == () and self.dtype == np.float64 and not self.needs_array:
            return float(x)
        return self.dtype(x) if a.shape == () and not self.needs_array else np.asarray(x, self.dtype)


def leaves(value):
    """The floating parts of a value, as one vector."""
    if isinstance(value, (list, tuple)):
        return np.concatenate([leaves(v) for v in value]) if value else np.zeros(0)
    value = np.asarray(value)
    if value.dtype.kind == "c":
        return np.concatenate([leaves(value.real), leaves(value.imag)])
    return np.ravel(value).astype(np.float64) if value.dtype.kind in "fiub" else np.zeros(0)


def inner(a, b):
    return float(leaves(a) @ leaves(b))


def random_like(value, rng):
    if isinstance(value, (list, tuple)):
        items = [random_like(v, rng) for v in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, (bool, int)) and not isinstance(value, np.generic):
        return 0.0
    if isinstance(value, float):
        return float(rng.normal())
    if isinstance(value, complex):
        return complex(rng.normal(), rng.normal())
    value = np.asarray(value)
    if value.dtype.kind == "c":
        return (rng.normal(size=value.shape) + 1j * rng.normal(size=value.shape)).astype(value.dtype)
    if value.dtype.kind not in "f":
        return np.zeros(value.shape)
    return np.asarray(rng.normal(size=value.shape)).astype(value.dtype)


def moved(value, dot, step):
    if isinstance(value, (list, tuple)):
        return type(value)(moved(v, d, step) for v, d in zip(value, dot))
    if isinstance(value, (bool, int)) or (isinstance(value, np.ndarray) and value.dtype.kind not in "fc"):
        return value
    return value + step * dot


@dataclass
class Call:
    """A call of a rule's function with its arguments by name, and the active ones among the data."""

    rule: object
    bound: inspect.BoundArguments
    active: list

    @classmethod
    def of(cls, rule, example, dtype=np.float64):
        drawn = Drawn(rule, example, dtype)
        bound = rule.bind(drawn.args, drawn.kwargs)
        chosen = rule.bind(example.args, example.kwargs).arguments
        chosen = [n for n in rule.data if n in chosen and has_random(chosen[n])] or rule.data
        active = [n for n in chosen if n in bound.arguments and is_active(bound.arguments[n])]
        if rule.partials is not None:
            active = [n for n in active if rule.partials[rule.data.index(n)] is not None]
        return cls(rule, bound, active)

    def run(self, **changed):
        values = {**self.bound.arguments, **changed}
        bound = inspect.BoundArguments(self.bound.signature, values)
        with np.errstate(all="ignore"):
            return function(self.rule)(*bound.args, **bound.kwargs)

    def copy(self):
        return Call(self.rule, inspect.BoundArguments(self.bound.signature, dict(self.bound.arguments)), self.active)


def has_random(value) -> bool:
    return isinstance(value, A) or (isinstance(value, (list, tuple)) and any(map(has_random, value)))


def has_complex(value) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(has_complex, value))
    return isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "") == "c"


def is_active(value) -> bool:
    if isinstance(value, (list, tuple)):
        return any(is_active(v) for v in value)
    return isinstance(value, (float, complex)) or getattr(getattr(value, "dtype", None), "kind", "") in ("f", "c")


def is_kink(call: Call) -> bool:
    """Whether differences say nothing at the example: a kink, all items being equal, or vectors whose signs may change."""
    if label(call.rule) == "scipy.linalg.eigh":
        return True
    values = {v for n in call.active for v in leaves(call.bound.arguments[n]).tolist()}
    kinks = (abs, np.absolute, np.std, np.linalg.norm, math.hypot, math.dist, max, min)
    return call.rule.fn in kinks and len(values) == 1


def structure(value):
    if isinstance(value, (list, tuple)):
        return [structure(v) for v in value]
    return np.shape(value)


def adjoint_of(call: Call, name: str, y_bar, y):
    with np.errstate(all="ignore"):
        return apply_vjp(call.rule.fn, call.rule.data.index(name), y_bar, y, *call.bound.args, **call.bound.kwargs)


@pytest.mark.parametrize("rule, example", CASES + BARE)
def test_adjoint_agrees_with_differences_and_with_the_tangent(rule, example):
    call, rng = Call.of(rule, example), np.random.default_rng(1)
    y = call.run()
    y_bar = random_like(y, rng)
    kept = repr(call.bound.arguments), repr(y_bar)
    for name in call.active:
        x = call.bound.arguments[name]
        x_dot = random_like(x, rng)
        x_bar = adjoint_of(call, name, y_bar, y)
        assert structure(x_bar) == structure(x)
        ours = inner(x_bar, x_dot)
        if not isinstance(rule.fn, str):
            dots = tuple(x_dot if n == name else None for n in rule.data)
            with np.errstate(all="ignore"):
                y_dot = apply_jvp(rule.fn, dots, y, *call.bound.args, **call.bound.kwargs)
            np.testing.assert_allclose(inner(y_bar, y_dot), ours, rtol=1e-9, atol=1e-12, err_msg=f"tangent by {name}")
        if not is_kink(call):
            ahead, behind = (call.run(**{name: moved(x, x_dot, h)}) for h in (1e-6, -1e-6))
            slope = (inner(y_bar, ahead) - inner(y_bar, behind)) / 2e-6
            np.testing.assert_allclose(ours, slope, rtol=2e-6, atol=2e-7, err_msg=f"differences by {name}")
    assert (repr(call.bound.arguments), repr(y_bar)) == kept, "an argument was changed"


# ---------------------------------------------------------------------------------------------------------------
# float32

WIDE = {np.ndarray.tolist, np.ndarray.item, float, np.linspace, np.logspace, np.geomspace}
"""Functions that return Python numbers, or whose adjoint is a sum in float64."""


SINGLE = {np.dtype(np.float32), np.dtype(np.complex64)}


def dtypes(value) -> set:
    if isinstance(value, (list, tuple)):
        return set().union(*map(dtypes, value)) if value else set()
    return {value.dtype} if isinstance(value, np.ndarray) else set()


@pytest.mark.parametrize("rule, example", [c for c in CASES + BARE if not takes_numbers(c.values[0])])
def test_float32_stays_float32(rule, example):
    call = Call.of(rule, example, np.float32)
    y = call.run()
    if not dtypes(y).isdisjoint({np.dtype(np.float64), np.dtype(np.complex128)}) or not dtypes(y) or rule.fn in WIDE:
        return
    y_bar = random_like(y, np.random.default_rng(1))
    for name in call.active:
        assert dtypes(adjoint_of(call, name, y_bar, y)) <= SINGLE
        for _, expr in symbolic_adjoints(call, name, y, known=True):
            value = evaluate(expr, call, y, y_bar)
            assert dtypes(value) <= SINGLE, text(expr)


# ---------------------------------------------------------------------------------------------------------------
# Rules run with symbols


def symbol(path: str, value, known: bool, numbers: bool):
    """`value` with its arrays, or all numbers too, as symbols of the names that `evaluate` gives them."""
    if isinstance(value, (list, tuple)):
        return type(value)(symbol(f"{path}_{k}", v, known, numbers) for k, v in enumerate(value))
    is_object = isinstance(kind_of(value), Opaque) and type(value).__module__.startswith("scipy.")
    if is_object or isinstance(value, (np.ndarray, np.generic)) or (numbers and isinstance(value, (float, complex))):
        return Name(path, kind=kind_of(value, path) if known else None)
    return value


def named(path, value) -> dict:
    if isinstance(value, (list, tuple)):
        inner_names = {k: v for i, item in enumerate(value) for k, v in named(f"{path}_{i}", item).items()}
        return {path: value, **inner_names}
    return {path: value}


def paths(value, path=()):
    for k, item in enumerate(value):
        yield from paths(item, (*path, k)) if isinstance(item, (list, tuple)) else [(*path, k)]


def symbolic_adjoints(call: Call, name: str, y, known: bool):
    """Pairs of an item's path (None for an argument that is no list) and the expression of its adjoint."""
    rule = call.rule
    values = dict(call.bound.arguments)
    for n, value in values.items():
        values[n] = symbol(n, value, known, numbers=n in call.active)
    bound = inspect.BoundArguments(call.bound.signature, values)
    y_symbol, y_bar = (Name(s, kind=kind_of(y, s) if known else None) for s in ("result", "result_bar"))
    k, x = rule.data.index(name), call.bound.arguments[name]
    try:
        with np.errstate(all="ignore"):
            if rule.partials is not None:
                yield None, y_bar * rule.partials[k](y_symbol, *rule.operands(bound.arguments))
            elif name not in rule.sequence:
                yield None, lift(rule.vjps[k](y_bar, y_symbol, *bound.args, **bound.kwargs))
            elif not isinstance(x, (list, tuple)):
                if rule.whole is None:
                    raise Undecided("an array in place of a list")
                yield None, lift(rule.whole(y_bar, y_symbol, *bound.args, **bound.kwargs))
            else:
                for path in paths(x):
                    i = path[0] if len(path) == 1 else path
                    yield path, lift(rule.vjps[k](i, y_bar, y_symbol, *bound.args, **bound.kwargs))
    except Undecided:
        yield None, None


HELPERS = (runtime, runtime_arrays, runtime_linalg, runtime_scipy)


def evaluate(expr, call, y, y_bar):
    if expr is None:
        return ()
    names = {"np": np, "math": math, "cmath": cmath, "scipy": sys.modules.get("scipy"), "result": y, "result_bar": y_bar}
    for module in HELPERS:
        names |= vars(module)
    for n, value in call.bound.arguments.items():
        names.update(named(n, value))
    with np.errstate(all="ignore"):
        return eval(text(expr), names)


UNDECIDED = {True: [], False: []}


@pytest.mark.parametrize("known", [True, False], ids=["known-ranks", "unknown-ranks"])
@pytest.mark.parametrize("rule, example", CASES + BARE)
def test_the_pasted_text_computes_the_adjoint(rule, example, known):
    call = Call.of(rule, example)
    y = call.run()
    y_bar = random_like(y, np.random.default_rng(1))
    for name in call.active:
        expected = adjoint_of(call, name, y_bar, y)
        for path, expr in symbolic_adjoints(call, name, y, known):
            if expr is None:
                UNDECIDED[known].append(label(rule))
                continue
            want = expected
            for k in path or ():
                want = want[k]
            got = evaluate(expr, call, y, y_bar)
            if rule.fn in registry.HOLOMORPHIC and has_complex((y, *call.bound.arguments.values())):
                got = np.conj(evaluate(expr, call, y, np.conj(y_bar)))  # as the compiler takes them
                got = got if np.iscomplexobj(want) else got.real
            if rule.partials is not None:
                where = call.bound.arguments.get("where", True)
                got = runtime.unbroadcast(np.where(where, got, 0.0), np.shape(want))
            assert np.shape(got) == np.shape(want), text(expr)
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=text(expr))


MAY_BE_UNDECIDED = {
    # an array in place of a list of arrays
    "math.dist", "np.concatenate", "np.stack", "np.vstack", "np.hstack", "np.dstack", "np.column_stack",
    # of one point, or of a number in place of an array
    "np.interp", "np.diff", "np.nancumprod",
}  # fmt: skip


def test_with_known_ranks_nearly_all_rules_are_decided():
    """Runs after the tests above, which collect what was undecided."""
    assert set(UNDECIDED[True]) <= MAY_BE_UNDECIDED


# ---------------------------------------------------------------------------------------------------------------
# The edges: no items, single ones, numbers, every axis, kept axes

MAY_RAISE = {
    # what has a full set of vectors besides those of no columns; lists of no arrays; matrices of two components
    "np.linalg.svd", "scipy.linalg.svd", "np.unstack", "np.cross", "np.linalg.multi_dot", "np.linalg.tensorsolve",
    # items made of none, or of others
    "np.pad", "np.resize", "np.polymul", "np.polyfit", "np.cov", "np.corrcoef", "scipy.linalg.lu", "scipy.linalg.expm",
    "scipy.linalg.toeplitz", "scipy.linalg.solve", "scipy.linalg.solve_sylvester",
    # widths that NumPy broadcasts against the strips of another axis
    "np.trapezoid", "np.trapz", "scipy.integrate.trapezoid",
    # filters of no items, and of numbers
    "scipy.signal.convolve", "scipy.signal.correlate", "scipy.signal.fftconvolve", "scipy.signal.oaconvolve",
    "scipy.signal.convolve2d", "scipy.signal.correlate2d", "scipy.signal.lfilter", "scipy.ndimage.correlate",
    "scipy.ndimage.convolve", "scipy.ndimage.gaussian_filter", "scipy.ndimage.uniform_filter",
    "scipy.interpolate.UnivariateSpline.__call__",
    # no points, which NumPy has allowed since 2.5
    "np.interp",
}  # fmt: skip
"""Functions that SciPy and NumPy define for arrays for which the adjoint raises an error. It is never wrong."""

ODD_SHAPES = {"np.nanquantile", "np.nanpercentile", "np.poly", "scipy.interpolate.UnivariateSpline.__call__"}
"""Functions whose result has another number of axes if there are no items."""

NO_SENSE = {"scipy.linalg.solve_sylvester"}
"""Functions that read memory which is not theirs if extents do not go together."""


def extents_in(value) -> set:
    if isinstance(value, A):
        return set(value.shape)
    return set().union(*map(extents_in, value)) if isinstance(value, (list, tuple)) else set()


def with_shapes(value, change):
    """An example with other shapes of its arrays."""
    if isinstance(value, Example):
        kwargs = {k: with_shapes(v, change) for k, v in value.kwargs.items()}
        return Example(tuple(with_shapes(v, change) for v in value.args), kwargs)
    if isinstance(value, A):
        return A(*change(value.shape), low=value.low, high=value.high, spd=value.spd, complex=value.complex)
    if isinstance(value, (list, tuple)):
        return type(value)(with_shapes(v, change) for v in value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "fb" and change(value.shape) != value.shape:
        return np.ones(change(value.shape), value.dtype)
    return value


def edges(rule, example):
    """Calls like an example, with extents of 0 and 1, with numbers, along each axis, with axes that are kept."""
    for extent in sorted(set().union(*map(extents_in, (*example.args, *example.kwargs.values())))):
        for other in {0, 1} - {extent}:
            yield with_shapes(example, lambda shape: tuple(other if n == extent else n for n in shape))  # noqa: B023
    yield with_shapes(example, lambda shape: ())
    for i, value in enumerate(example.args):
        for k in range(len(value.shape) if isinstance(value, A) else 0):
            empty = with_shapes(value, lambda shape: (*shape[:k], 0, *shape[k + 1 :]))  # noqa: B023
            yield Example((*example.args[:i], empty, *example.args[i + 1 :]), example.kwargs)
    given = rule.bind(example.args, example.kwargs).arguments
    parameters = rule.signature.parameters
    if "keepdims" in parameters and "keepdims" not in given:
        yield Example(example.args, {**example.kwargs, "keepdims": True})
    rank = max((len(a.shape) for a in example.args if isinstance(a, A)), default=0)
    if "axis" in parameters and ("axis" not in given or isinstance(example.kwargs.get("axis"), int)):
        for axis in range(-rank, rank):
            yield Example(example.args, {**example.kwargs, "axis": axis})


def edge_calls(rule):
    """The calls at the edges for which the function is defined, each with its result."""
    seen = set()
    for example in examples(rule):
        for edge in edges(rule, example):
            if repr(edge) in seen:
                continue
            seen.add(repr(edge))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    call = Call.of(rule, edge)
                    y = call.run()
            except Exception:  # NumPy has its reasons, and as many classes of errors
                continue
            if call.active and np.isfinite(leaves(y)).all():
                yield call, y


OURS = [r for r in ALL if str(getattr(r.fn, "__module__", "")).startswith("srcad.")]
AT_EDGES = [r for r in ALL if r not in OURS and not isinstance(r.fn, types.MethodType) and label(r) not in NO_SENSE]


@pytest.mark.parametrize("rule", [pytest.param(r, id=label(r)) for r in AT_EDGES if examples(r)])
def test_no_items_and_every_axis(rule):
    rng = np.random.default_rng(1)
    for call, y in edge_calls(rule):
        y_bar = random_like(y, rng)
        for name in call.active:
            x = call.bound.arguments[name]
            x_dot, said = random_like(x, rng), f"{call.bound} by {name}"
            try:
                x_bar = adjoint_of(call, name, y_bar, y)
            except Refused:
                continue
            except Exception:
                if label(rule) not in MAY_RAISE:
                    raise
                continue
            assert structure(x_bar) == structure(x), said
            ours = inner(x_bar, x_dot)
            if not isinstance(rule.fn, str) and label(rule) not in ODD_SHAPES | MAY_RAISE:
                with np.errstate(all="ignore"):
                    dots = tuple(x_dot if n == name else None for n in rule.data)
                    y_dot = apply_jvp(rule.fn, dots, y, *call.bound.args, **call.bound.kwargs)
                assert structure(y_dot) == structure(y), said
                np.testing.assert_allclose(inner(y_bar, y_dot), ours, rtol=1e-8, atol=1e-10, err_msg=f"tangent of {said}")
            if not is_kink(call):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ahead, behind = (call.run(**{name: moved(x, x_dot, h)}) for h in (1e-6, -1e-6))
                slope = (inner(y_bar, ahead) - inner(y_bar, behind)) / 2e-6
                np.testing.assert_allclose(ours, slope, rtol=5e-6, atol=5e-7, err_msg=f"differences of {said}")


# ---------------------------------------------------------------------------------------------------------------
# autograd


def autograd_of(call: Call, name: str, y_bar):
    """The adjoint by autograd; None where it has no such function, or not with these parameters."""
    import autograd
    import autograd.numpy as anp

    fn, module = call.rule.fn, getattr(call.rule.fn, "__module__", "numpy")
    owner = {"numpy": anp, "numpy.linalg": anp.linalg}.get(module)
    theirs = getattr(owner, getattr(fn, "__name__", ""), None) if owner else None
    if theirs is None or theirs is fn or name in call.rule.sequence:
        return None

    def run(x):
        bound = inspect.BoundArguments(call.bound.signature, {**call.bound.arguments, name: x})
        return theirs(*bound.args, **bound.kwargs)

    try:
        with np.errstate(all="ignore"):
            pullback, _ = autograd.make_vjp(run)(call.bound.arguments[name])
            return pullback(y_bar)
    except Exception:  # it has no rule for the function, or a fault of its own
        return None


AUTOGRAD_DIFFERS = {
    "cholesky": "it takes the gradient among symmetric matrices, not of the triangle that is read",
    "full_like": "it is 0",
    "diff": "it does not know `prepend`", "tile": "it is wrong for 2-d arrays", "repeat": "it is wrong for negative axes",
}  # fmt: skip


@pytest.mark.parametrize("rule, example", CASES)
def test_adjoint_agrees_with_autograd(rule, example):
    pytest.importorskip("autograd")
    call = Call.of(rule, example)
    y = call.run()
    if rule.name in AUTOGRAD_DIFFERS or is_kink(call) or not isinstance(y, (float, np.ndarray)):
        return
    y_bar = random_like(y, np.random.default_rng(1))
    for name in call.active:
        theirs = autograd_of(call, name, y_bar)
        faulty = "where" in call.bound.arguments or "initial" in call.bound.arguments or np.isnan(leaves(theirs)).any()
        if theirs is not None and np.shape(theirs) == np.shape(call.bound.arguments[name]) and not faulty:
            np.testing.assert_allclose(adjoint_of(call, name, y_bar, y), theirs, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------
# The registry


def test_every_rule_has_examples():
    conversions = {np.float16, np.float32, np.complex64}
    assert [label(r) for r in ALL if not examples(r) and r.fn not in conversions] == []


@pytest.mark.parametrize("rule", [pytest.param(r, id=label(r)) for r in ALL])
def test_an_unknown_keyword_is_no_part_of_the_signature(rule):
    with pytest.raises(TypeError):
        rule.bind((1.0,) * len(rule.data), {"no_such_parameter": 1})
    assert "out" not in rule.signature.parameters


@pytest.mark.parametrize("fn, rule", [pytest.param(f, r, id=f"{getattr(f, '__name__', f)}") for f, r in RULES.items()])
def test_positional_parameters_are_those_of_the_function(fn, rule):
    """A parameter that a rule does not know ends those that may be given by position."""
    try:
        theirs = inspect.signature(fn)
    except (TypeError, ValueError):
        return
    if isinstance(fn, np.ufunc) or str(getattr(fn, "__module__", "")).startswith(("srcad.", "numpy.linalg")):
        return
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ours = [n for n, p in rule.signature.parameters.items() if p.kind in by_position]
    names = {v: k for k, v in rule.synonyms.items()}
    theirs = list(theirs.parameters.values())
    if not any(p.kind == p.VAR_POSITIONAL for p in theirs):
        assert len(ours) <= sum(p.kind in by_position for p in theirs)
    for mine, their in zip(ours, theirs):
        if their.kind == their.POSITIONAL_OR_KEYWORD:
            assert their.name in (mine, names.get(mine)) or mine in rule.synonyms.values(), (mine, their.name)


def test_no_function_is_both_constant_and_differentiable():
    assert [f for f in CONSTANT if find(f) is not None] == []


def test_each_public_function_has_one_state():
    found = table.states()
    assert [name for name, (state, _) in found.items() if state == "undecided"] == []
    assert [f for f in registry.REFUSED if find(f) is not None or f in CONSTANT] == []
    assert all(reason for state, reason in found.values() if state == "refused")


def test_the_table_says_of_each_function_what_it_is():
    lines = table.table().splitlines()
    assert "| `tanh` | differentiated | x |" in lines
    assert "| `argmax` | constant |  |" in lines
    assert any(line.startswith("| `put` | refused | it writes into its argument") for line in lines)


def test_the_rules_of_scipy():
    pytest.importorskip("scipy")
    assert len(table.declared("scipy.special")) >= 60 and len(table.declared("scipy")) >= 200


def test_methods_and_attributes_stand_for_known_functions():
    known = {**METHODS, **ATTRIBUTES}.items()
    assert [n for n, f in known if find(f) is None and f not in CONSTANT] == []
    assert all(hasattr(np.ndarray, n) for n in METHODS)


# ---------------------------------------------------------------------------------------------------------------
# What is left to choose


def gradient(fn, *args, k=0, **kwargs):
    y = fn(*args, **kwargs)
    return apply_vjp(fn, k, np.ones_like(y), y, *args, **kwargs)


def test_items_that_tie_share_evenly():
    x = np.array([1.0, 3.0, 3.0, 0.0])
    np.testing.assert_array_equal(gradient(np.max, x), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(np.min, -x), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(np.maximum, x, np.array([1.0, 2.0, 3.0, 4.0])), [0.5, 1, 0.5, 0])
    np.testing.assert_array_equal(gradient(np.max, np.zeros((2, 2)), axis=1), np.full((2, 2), 0.5))


def test_a_plain_number_wins_a_tie():
    np.testing.assert_array_equal(gradient(np.maximum, np.array([-1.0, 0.0, 2.0]), 0), [0, 0, 1])
    np.testing.assert_array_equal(gradient(np.minimum, 0, np.array([-1.0, 0.0, 2.0]), k=1), [1, 0, 0])
    assert gradient(np.maximum, 1.0, 1.0) + gradient(np.maximum, 1.0, 1.0, k=1) == 1


def test_the_first_of_equal_numbers_is_the_maximum_of_python():
    assert apply_vjp(max, 0, 1.0, 2.0, 1.0, 2.0, 2.0) == [0, 1, 0]
    assert apply_vjp(max, 0, 1.0, 2.0, 2.0, 2.0) == [1, 0]
    assert apply_vjp(min, 0, 1.0, 2.0, [2.0, 2.0, 3.0]) == [[1, 0, 0]]


def test_the_kink_of_abs_and_of_norms_has_slope_zero():
    assert gradient(abs, 0.0) == 0 and gradient(np.abs, 0.0) == 0 and gradient(math.fabs, 0.0) == 0
    for ord_ in (None, 1, 2, 3, np.inf):
        np.testing.assert_array_equal(gradient(np.linalg.norm, np.zeros(3), ord_), 0)
    np.testing.assert_array_equal(gradient(np.std, np.ones(3)), 0)
    assert gradient(np.hypot, 0.0, 0.0) == 0 and apply_vjp(math.hypot, 0, 1.0, 0.0, 0.0, 0.0) == [0, 0]


def test_nothing_comes_back_through_a_pole_that_nothing_passed():
    x = np.array([0.0, -1.0, 4.0])
    for fn in (np.sqrt, np.log, np.log2, np.log10, np.cbrt, np.reciprocal):
        with np.errstate(all="ignore"):
            y = fn(x)
        last = np.array([0.0, 0.0, 1.0])
        with np.errstate(all="raise"):
            x_bar, y_dot = apply_vjp(fn, 0, last, y, x), apply_jvp(fn, (last,), y, x)
        assert x_bar[:2].tolist() == y_dot[:2].tolist() == [0, 0] and x_bar[2] == y_dot[2] != 0
    for fn in (np.arcsin, np.arccos, np.arctanh, np.arccosh):
        with np.errstate(all="ignore"):
            assert apply_vjp(fn, 0, np.zeros(2), fn(np.array([1.0, 9.0])), np.array([1.0, 9.0])).tolist() == [0, 0]
    assert gradient(np.arctan2, 0.0, 0.0) == 0
    with np.errstate(all="ignore"):
        assert gradient(np.sqrt, np.zeros(1)) == np.inf and gradient(np.log, np.float64(0.0)) == np.inf


def test_a_zero_adjoint_is_no_zero_slope_at_second_order():
    assert apply_vjp(runtime.over, 0, 1.0, 0.0, 0.0, 2.0) == 0.5
    v_bar = apply_vjp(runtime.over, 0, np.ones(2), np.zeros(2), np.zeros(2), np.full(2, 4.0))
    np.testing.assert_array_equal(v_bar, 0.25)


def test_powers_at_zero():
    assert gradient(np.power, 0.0, 0) == 0
    assert gradient(np.power, 0.0, 2.5, k=1) == 0
    assert gradient(np.power, 0.0, 1.0) == 1
    np.testing.assert_array_equal(gradient(np.power, np.zeros(3), np.array([0.0, 1.0, 2.0])), [0, 1, 0])


def test_the_exponent_of_a_negative_base_has_no_derivative():
    with np.errstate(invalid="ignore"):
        assert np.isnan(gradient(np.power, np.array(-2.0), 2.0, k=1))
    assert math.isnan(gradient(pow, -2.0, 2.0, k=1))


def test_where_of_a_ufunc_passes_nothing_on_where_it_does_not_act():
    x, mask = np.array([4.0, -1.0, 9.0]), np.array([True, False, True])
    y = np.sqrt(x, where=mask, out=np.zeros(3))
    np.testing.assert_array_equal(apply_vjp(np.sqrt, 0, np.ones(3), y, x, where=mask), [0.25, 0, 1 / 6])
    dot = apply_jvp(np.sqrt, (np.ones(3),), y, x, where=mask)
    np.testing.assert_array_equal(dot, [0.25, 0, 1 / 6])


def test_repeated_indices_add_up():
    x_bar = apply_vjp("getitem", 0, np.array([1.0, 2.0, 3.0]), None, np.zeros(4), [1, 1, 3])
    np.testing.assert_array_equal(x_bar, [0, 3, 0, 3])


def test_the_adjoint_of_an_item_of_a_container_is_a_container():
    y = [np.ones(2), 3.0]
    x_bar = apply_vjp("getitem", 0, 5.0, 3.0, y, 1)
    assert x_bar[1] == 5.0 and x_bar[0].tolist() == [0, 0]
    assert apply_vjp("getitem", 0, 5.0, 3.0, {"a": 3.0, "b": 1.0}, "a") == {"a": 5.0, "b": 0.0}
    assert apply_vjp("getitem", 0, [5.0], [3.0], (1.0, 3.0), slice(1, None)) == [0.0, 5.0]


def test_a_python_number_has_a_python_number_as_adjoint():
    assert type(gradient(np.exp, 1.0)) is float and type(gradient(np.sum, 1.0)) is float
    assert [type(v) for v in apply_vjp(np.array, 0, np.ones(2), np.ones(2), [1.0, 2.0])] == [float, float]


def test_zeros_that_are_trimmed_have_no_part_in_the_result():
    x = np.array([0.0, 0, 1, 0, 2, 0])
    np.testing.assert_array_equal(gradient(np.trim_zeros, x), [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(gradient(np.trim_zeros, x, "b"), [1, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(gradient(np.trim_zeros, 0 * x), 0 * x)
    x_dot = np.arange(6.0)
    np.testing.assert_array_equal(apply_jvp(np.trim_zeros, (x_dot,), np.trim_zeros(x), x), [2, 3, 4])
    np.testing.assert_array_equal(apply_jvp(np.trim_zeros, (x_dot,), np.trim_zeros(x, "b"), x, "b"), [0, 1, 2, 3, 4])


def test_an_unread_part_of_a_result_needs_no_adjoint():
    x = np.arange(6.0)
    np.testing.assert_array_equal(apply_vjp(np.split, 0, [None, np.ones(3)], np.split(x, 2), x, 2), [0, 0, 0, 1, 1, 1])


def test_the_gradient_of_cholesky_is_that_of_the_triangle_which_is_read():
    x = np.array([[4.0, 99.0], [2.0, 3.0]])
    x_bar = gradient(np.linalg.cholesky, x)
    assert x_bar[0, 1] == 0
    h = 1e-6 * np.array([[0.0, 0.0], [1.0, 0.0]])
    slope = np.sum(np.linalg.cholesky(x + h) - np.linalg.cholesky(x - h)) / 2e-6
    np.testing.assert_allclose(x_bar[1, 0], slope, rtol=1e-6)


def test_the_determinant_of_a_singular_matrix_has_a_derivative():
    np.testing.assert_allclose(gradient(np.linalg.det, np.zeros((1, 1))), 1)
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(gradient(np.linalg.det, x), [[4, -2], [-2, 1]], atol=1e-12)


def test_uses_that_no_rule_covers_are_refused():
    a, b = np.ones((2, 3)), np.ones((3, 2))
    with pytest.raises(Refused, match="subscripts as a string"):
        gradient(np.einsum, a, [0, 1], b, [1, 2])
    with pytest.raises(Refused, match="memory layout"):
        gradient(np.ravel, a, order="K")
    with pytest.raises(Refused, match="retstep"):
        apply_vjp(np.linspace, 0, (np.ones(3), 1.0), (np.ones(3), 0.5), 0.0, 1.0, 3, retstep=True)


def test_digamma():
    euler = 0.57721566490153286
    values = {1.0: -euler, 0.5: -euler - 2 * math.log(2), 2.0: 1 - euler, -0.5: 2 - euler - 2 * math.log(2)}
    for x, expected in values.items():
        assert runtime.digamma(x) == pytest.approx(expected, rel=1e-14)


def test_the_rules_do_without_scipy():
    subprocess.run([sys.executable, "-c", "import sys, srcad.rules; assert 'scipy' not in sys.modules"], check=True)


@pytest.mark.parametrize("module", [np, np.linalg], ids=["numpy", "linalg"])
def test_functions_that_may_return_a_view_are_known(module):
    """An array that is written into must not be seen through what they return."""
    copies_by_default = {"diff", "nan_to_num", "polyder", "polyint"}  # they return their argument for odd parameters only
    square = np.arange(1.0, 17.0).reshape(4, 4)
    unknown = set()
    for name in set(dir(module)) - copies_by_default:
        function = getattr(module, name)
        if not callable(function) or registry.find(function) is None or function in VIEWS:
            continue
        for args in ((square,), (square, 2), (square, 0), (square, 0, 1), (square, (4, 4)), (square[0],), (square[:, :1],)):
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    found = function(*args)
            except (TypeError, ValueError, IndexError, AttributeError, np.linalg.LinAlgError):
                continue
            parts = found if isinstance(found, (tuple, list)) else [found]
            if any(isinstance(part, np.ndarray) and np.shares_memory(part, square) for part in parts):
                unknown.add(name)
    assert not unknown
