"""Forward mode: `jvp` on every program and every rule, the text of the tangent functions, and what is refused."""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import math
import threading
import types
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import srcad
from srcad import compiler, forward_mode, jvp, runtime
from srcad.analysis.kinds import kind_of
from srcad.analysis.specialise import Program, Value
from srcad.core.check import check
from srcad.core.nodes import Name, walk
from srcad.core.printer import text
from srcad.rules.registry import apply_vjp
from tests import test_rules as rules
from tests.programs import fresh, programs
from tests.reference import at, children, difference, put, widen
from tests.test_programs import Case


def tangent_module(fun, *args, wrt=None) -> str:
    """The generated module for arguments like these; `wrt` are the indices of those that move (all if not given)."""
    call = forward_mode.Call(fun)
    values = call.bind(args, {})
    chosen = tuple(range(len(values))) if wrt is None else wrt
    return forward_mode.compiled_tangent(call, values, chosen).module.text


def slope(fun, primals, dots, step=1e-6):
    """The derivative of a scalar function along a direction, by central differences."""
    ahead, behind = (fun(*[moved(x, d, h) for x, d in zip(primals, dots)]) for h in (step, -step))
    return (ahead - behind) / (2 * step)


def moved(value, dot, step):
    if dot is None:
        return value
    if isinstance(value, (float, int, np.ndarray, np.floating)):
        return value + step * dot
    for key, part in children(value):
        value = put(value, (key,), moved(part, at(dot, (key,)), step))
    return value


def direction(value, rng):
    """A random tangent of a value, None for what is no float."""
    if isinstance(value, np.ndarray):
        return rng.normal(size=value.shape) if value.dtype.kind == "f" else None
    if isinstance(value, (float, np.floating)):
        return float(rng.normal())
    if not isinstance(value, (list, tuple, dict)) and not children(value):
        return None
    for key, part in children(value):
        value = put(value, (key,), direction(part, rng))
    return value


def numbers(value) -> list[float]:
    """All numbers of a structure."""
    if isinstance(value, np.ndarray):
        return [float(v) for v in value.ravel()] if value.dtype.kind in "fiu" else []
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return [float(value)]
    return [number for _, part in children(value) for number in numbers(part)]


# ---------------------------------------------------------------------------------------------------------------
# Programs

CASES = [Case(program, number) for program in programs() for number in range(len(program.points))]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

NEEDS_DOUBLES = {"inplace.double_into_single"}
"""Where differences say nothing: the program rounds to single precision."""


def moving_arguments(case: Case):
    """A program's function, its arguments, and a direction in those that it is differentiated by."""
    fun = functools.partial(case.fun, **fresh(case.point.kwargs)) if case.point.kwargs else case.fun
    places = [case.place(w) for w in case.wrt]
    if not all(isinstance(place, int) for place in places):
        pytest.skip("by keyword")
    rng = np.random.default_rng(3)
    args = fresh(case.point.args)
    dots = [None] * len(args)
    for place in places:
        dots[place] = direction(float(args[place]) if type(args[place]) is int else widen(args[place]), rng)
    return fun, args, tuple(dots)


@contextlib.contextmanager
def right_or_refused(case: Case):
    """Lets a program be refused where reverse mode refuses it, too."""
    try:
        yield
    except srcad.SrcadError as refusal:
        fun, args, _ = moving_arguments(case)
        with pytest.raises(srcad.SrcadError):
            srcad.vjp(fun, *args)
        pytest.skip(f"refused: {str(refusal).splitlines()[0]}")


@each_case
def test_the_tangent_equals_differences(case):
    fun, args, dots = moving_arguments(case)
    kept = repr((args, dots))
    with right_or_refused(case):
        value, value_dot = jvp(fun, args, dots)
    assert repr((args, dots)) == kept, "an argument was changed"
    primal = fun(*fresh(case.point.args))
    np.testing.assert_allclose(numbers(value), numbers(primal), rtol=1e-13)  # from Python 3.12 on, sum() is exacter
    found = numbers(value_dot)
    assert len(found) == len(numbers(primal))
    if case.program.name in NEEDS_DOUBLES:
        return
    base = [float(a) if type(a) is int and d is not None else widen(a) for a, d in zip(fresh(case.point.args), dots)]
    weights = np.random.default_rng(4).normal(size=len(found))

    def line(step):
        try:
            return weights @ numbers(fun(*[moved(widen(x), d, step) for x, d in zip(base, dots)]))
        except RuntimeError:
            return math.nan

    single = any(np.asarray(x).dtype == np.float32 for x in args if isinstance(x, (np.ndarray, np.generic)))
    estimate = difference(line)
    size = max(1.0, np.linalg.norm(found))
    assert abs(weights @ found - estimate.value) <= 10 * estimate.error + (1e-4 if single else 1e-8) * size


@each_case
def test_the_tangent_is_the_inner_product_with_the_gradient(case):
    if case.has("vector") or case.has("aux"):
        pytest.skip("no gradient")
    fun, args, dots = moving_arguments(case)
    places = tuple(k for k, dot in enumerate(dots) if dot is not None)
    with right_or_refused(case):
        _, value_dot = jvp(fun, args, dots)
        gradients = srcad.grad(fun, argnums=places)(*fresh(case.point.args))
    expected = sum(np.dot(numbers(g), numbers(d)) for g, d in zip(gradients, (dots[k] for k in places)))
    size = sum(np.linalg.norm(numbers(g)) * np.linalg.norm(numbers(dots[k])) for g, k in zip(gradients, places))
    assert value_dot == pytest.approx(expected, rel=2e-5, abs=1e-6 * size + 1e-12)


@each_case
def test_tangent_functions_are_well_formed_and_deterministic(case):
    with right_or_refused(case):
        first, second = generated_functions(case), generated_functions(case)
    assert [text(function) for function, _ in first] == [text(function) for function, _ in second]
    for function, owner in first:
        check(function, owner.__code__.co_freevars)
        names = {n.id for n in walk(function) if isinstance(n, Name)} - set(owner.__code__.co_varnames)
        assert not any(n.endswith(("_bar", "_tape", "_saved")) for n in names), "there is no way back"


def generated_functions(case: Case):
    """The tangent functions of a program and its callees, made anew, each with its owner."""
    call, values, dots = forward_mode.moved_arguments(*moving_arguments(case))
    varied = [Value(kind_of(v, p.name), d is not None) for v, p, d in zip(values, call.parameters, dots)]
    program = Program(compiler.function_of, compiler.lift)
    special = program.special(call.function, (), varied, is_root=True)
    if program.problems:
        raise srcad.Unsupported.of(program.problems)
    return [(made.function, made.special.owner) for made in forward_mode.tangents(special, program)]


# ---------------------------------------------------------------------------------------------------------------
# Rules


def program_of(call: rules.Call, active: list[str]):
    """A function that calls that of a rule as an example does; its parameters are the `active` arguments."""
    fn, names, args, kwargs, params = call.rule.fn, {"np": np, "math": math, **vars(runtime)}, [], [], {}
    order = list(call.rule.signature.parameters)
    written = (int, float, str, bool, type(None))
    for position, (name, value) in enumerate(call.bound.arguments.items()):
        parameter = call.rule.signature.parameters[name]
        several = parameter.kind is parameter.VAR_POSITIONAL
        for k, item in enumerate(value) if several else [(None, value)]:
            own = name if k is None else f"{name}_{k}"
            is_literal = isinstance(item, written) or isinstance(item, tuple) and all(isinstance(i, int) for i in item)
            if name in active:
                params[own] = item
            elif is_literal and item == item and item not in (math.inf, -math.inf):
                own = repr(item)
            else:
                names[own] = item
            skipped = order[: position + 1] != list(call.bound.arguments)[: position + 1]
            by_name = parameter.kind is parameter.KEYWORD_ONLY or skipped
            kwargs.append(f"{name}={own}") if by_name else args.append(own)
    if isinstance(fn, str):
        shape = {"neg": "-{0}", "pos": "+{0}", "getitem": "{0}[{1}]"}.get(fn, f"{{0}} {fn} {{1}}")
        body = shape.format(*args)
    elif getattr(fn, "__objclass__", None) is np.ndarray:
        body = f"{args[0]}.{fn.__name__}({', '.join([*args[1:], *kwargs])})"
    else:
        names["function"] = fn
        body = f"function({', '.join([*args, *kwargs])})"
    source = f"def program({', '.join(params)}):\n    return {body}\n"
    filename = f"<rule {next(COUNT)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), names)
    return names["program"], params


COUNT = iter(range(10**9))
REFUSED = {"max-4", "min-4"}
"""Several arguments and a key."""


def fitting_tangent(value, dot):
    """A tangent as `jvp` takes it: None for what is no float."""
    if isinstance(value, (list, tuple)):
        return type(value)(fitting_tangent(v, d) for v, d in zip(value, dot))
    return dot if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f" else None


def as_listed(value, like):
    """A tangent as the tests of the rules take it: lists for containers, zeros for None."""
    if isinstance(like, (list, tuple)):
        return [as_listed(v, x) for v, x in zip([None] * len(like) if value is None else value, like)]
    return np.zeros(np.shape(like)) if value is None else value


@pytest.mark.parametrize("rule, example", rules.CASES)
def test_rules_pasted_into_a_tangent_agree_with_their_adjoints(rule, example, request):
    """<y_bar, y_dot> = <x_bar, x_dot>, for each data argument alone and for all together."""
    call = rules.Call.of(rule, example)
    if request.node.callspec.id in REFUSED:
        pytest.skip("refused")
    for active in [*([n] for n in call.active), *([call.active] if len(call.active) > 1 else [])]:
        program, params = program_of(call, active)
        rng = np.random.default_rng(1)
        with np.errstate(all="ignore"):
            y = call.run()
            y_bar = rules.random_like(y, np.random.default_rng(2))
            dots = {n: fitting_tangent(x, rules.random_like(x, rng)) for n, x in params.items()}
            if not any(map(forward_mode.has_tangent, dots.values())):
                continue
            value, value_dot = jvp(program, tuple(params.values()), tuple(dots.values()))
            expected = 0.0
            for name in active:
                x = call.bound.arguments[name]
                own = dots[name] if name in dots else [dots[f"{name}_{k}"] for k in range(len(x))]
                x_bar = apply_vjp(rule.fn, rule.data.index(name), y_bar, y, *call.bound.args, **call.bound.kwargs)
                expected += rules.inner(x_bar, as_listed(own, x))
        assert rules.structure(value_dot) == rules.structure(y) or rule.fn in (math.frexp, divmod, np.divmod)
        np.testing.assert_allclose(rules.inner(y_bar, as_listed(value_dot, y)), expected, rtol=1e-9, atol=1e-11)


# ---------------------------------------------------------------------------------------------------------------
# Closed forms


def test_closed_forms():
    assert jvp(lambda x: x**3, (2.0,), (1.0,)) == (8.0, 12.0)
    assert jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0)) == (6.0, 23.0)
    assert jvp(lambda x: math.exp(2 * x), (0.5,), (1.0,)) == pytest.approx((math.e, 2 * math.e))
    value, value_dot = jvp(lambda a, x: -math.log(1 / (1 + math.exp(-a * x))), (3.0, 0.0), (0.0, 1.0))
    assert value == pytest.approx(math.log(2)) and value_dot == -1.5


def test_the_tangent_of_a_linear_map_is_the_map():
    a, x, x_dot = np.arange(6.0).reshape(2, 3), np.ones(3), np.array([1.0, -2.0, 0.5])
    value, value_dot = jvp(lambda x: a @ x, (x,), (x_dot,))
    np.testing.assert_array_equal(value, a @ x)
    np.testing.assert_array_equal(value_dot, a @ x_dot)


def test_the_tangent_of_an_inverse():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    a_dot = np.array([[0.1, 0.2], [0.3, 0.4]])
    _, found = jvp(lambda a: np.linalg.inv(a), (a,), (a_dot,))
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(found, -inverse @ a_dot @ inverse)


# ---------------------------------------------------------------------------------------------------------------
# The text


def wave(x):
    y = x * np.sin(x)
    z = np.exp(y)
    return z


def test_the_text_of_straight_lines():
    line = inspect.getsourcelines(wave)[1]
    assert tangent_module(wave, 2.0) == f'''\
def wave_tangent(x, x_dot):
    """The value of wave (test_tangent.py:{line}), and its tangent from that of x."""
    sin = np.sin(x)
    y_dot = x_dot * sin + x_dot * np.cos(x) * x
    y = x * sin
    z = np.exp(y)
    z_dot = y_dot * z
    return z, z_dot
'''


def settled(x, rate, n):
    y = 0.0
    for k in range(n):
        if x > k:
            y = y + rate * (x - y)
    return y


def test_the_text_of_loops_and_branches():
    line = inspect.getsourcelines(settled)[1]
    assert tangent_module(settled, 2.0, 0.5, 3, wrt=(0,)) == f'''\
def settled_tangent(x, rate, n, x_dot):
    """The value of settled (test_tangent.py:{line}), and its tangent from that of x."""
    y_dot = 0.0
    y = 0.0
    for k in range(n):
        if x > k:
            y_dot = y_dot + (x_dot - y_dot) * rate
            y = y + rate * (x - y)
    return y, y_dot
'''


def layer(w, b, x):
    return np.tanh(x @ w + b)


def network(params, x):
    hidden = layer(params["w"], params["b"], x)
    return hidden @ params["out"]


def test_the_text_of_calls_and_structures():
    first, second = inspect.getsourcelines(layer)[1], inspect.getsourcelines(network)[1]
    params = {"w": np.ones((2, 3)), "b": np.ones(3), "out": np.ones(3)}
    assert tangent_module(network, params, np.ones((5, 2)), wrt=(0,)) == f'''\
def layer_tangent(w, b, x, w_dot, b_dot):
    """The value of layer (test_tangent.py:{first}), and its tangent from those of w, b."""
    tanh = np.tanh(x @ w + b)
    return tanh, (x @ w_dot + b_dot) * (1 - tanh * tanh)


def network_tangent(params, x, params_dot):
    """The value of network (test_tangent.py:{second}), and its tangent from that of params."""
    hidden, hidden_dot = layer_tangent(params['w'], params['b'], x, params_dot['w'], params_dot['b'])
    return hidden @ params['out'], hidden_dot @ params['out'] + hidden @ params_dot['out']
'''


def logged(x):
    scale = 2 * x
    print(f"scale {scale}")
    y = x * x
    return y


def test_only_what_leads_to_the_result_has_a_tangent(capsys):
    assert jvp(logged, (3.0,), (1.0,)) == (9.0, 6.0)
    assert "scale_dot" not in tangent_module(logged, 3.0)


def in_place(x):
    y = x + 0.0
    y[1:] += x[:-1]
    y[0] = 3.0
    return np.sum(y * x)


def test_the_text_of_writes():
    line = inspect.getsourcelines(in_place)[1]
    assert tangent_module(in_place, np.ones(3)) == f'''\
def in_place_tangent(x, x_dot):
    """The value of in_place (test_tangent.py:{line}), and its tangent from that of x."""
    y_dot = x_dot.copy()
    y = x + 0.0
    y_dot[1:] += x_dot[:-1]
    y[1:] += x[:-1]
    y_dot[0] = 0.0
    y[0] = 3.0
    return np.sum(y * x), np.sum(y_dot * x + x_dot * y)
'''


# ---------------------------------------------------------------------------------------------------------------
# Shapes, types and structures


def test_a_tangent_has_the_shape_of_the_value_where_only_a_narrow_operand_moves():
    v = np.arange(6.0).reshape(2, 3)
    for fun in (
        lambda a: a + v, lambda a: v - a, lambda a: np.maximum(a, v), lambda a: np.add(v, a),
        lambda a: np.where(v > 2, a, v),
    ):  # fmt: skip
        value, value_dot = jvp(fun, (1.5,), (2.0,))
        assert value_dot.shape == value.shape == (2, 3)
    value, value_dot = jvp(lambda row: v + row, (np.ones(3),), (np.array([1.0, 2.0, 3.0]),))
    np.testing.assert_array_equal(value_dot, [[1, 2, 3], [1, 2, 3]])


def test_float32_stays_float32():
    x, x_dot = np.arange(1, 4, dtype=np.float32), np.ones(3)
    value, value_dot = jvp(lambda x: np.sin(x) * 2 + np.mean(x), (x,), (x_dot,))
    assert value.dtype == value_dot.dtype == np.float32
    value, value_dot = jvp(lambda x: x * x, (np.float32(3),), (1.0,))
    assert type(value) is type(value_dot) is np.float32 and value_dot == 6


def test_float32_stays_float32_in_the_generated_function():
    x = np.arange(1, 4, dtype=np.float32)
    for fun in (wave, lambda x: np.std(x) * np.tanh(x), lambda x: x.sum() / x + np.max(x)):
        call = forward_mode.Call(fun)
        _, value_dot = forward_mode.compiled_tangent(call, [x], (0,)).tangent(x, np.ones_like(x))
        assert value_dot.dtype == np.float32


def test_integers_that_move_are_floats():
    assert jvp(lambda x: x**2, (3,), (1,)) == (9.0, 6.0)
    value, value_dot = jvp(lambda x: x**2, (np.arange(3),), (np.ones(3),))
    np.testing.assert_array_equal(value_dot, [0, 2, 4])


def test_without_a_tangent_an_argument_is_a_constant():
    value, value_dot = jvp(lambda x, n: sum(x * k for k in range(n)), (2.0, 4), (1.0, None))
    assert (value, value_dot) == (12.0, 6.0)
    assert jvp(lambda x: 3.0, (2.0,), (None,)) == (3.0, 0.0)


class Pair(NamedTuple):
    x: float
    y: float


@dataclass
class Model:
    w: np.ndarray
    scale: float
    name: str = "model"

    @property
    def norm(self):
        return np.sum(self.w**2) * self.scale


def test_a_tangent_has_the_structure_of_the_value():
    def fun(p, q):
        swapped = Pair(p.y * p.x, p.x)
        return swapped, {"a": p.x * swapped.y, "n": 3}, [q, None], "text"

    value, value_dot = jvp(fun, (Pair(2.0, 3.0), (1.0, 2.0)), (Pair(1.0, 0.5), (0.1, None)))
    assert value == (Pair(6.0, 2.0), {"a": 4.0, "n": 3}, [(1.0, 2.0), None], "text")
    assert value_dot == (Pair(4.0, 1.0), {"a": 4.0, "n": 0.0}, [(0.1, 0.0), None], None)
    assert type(value_dot[0]) is Pair


def test_dataclasses():
    def fun(model, d):
        grown = Model(model.w * d, model.scale + d, model.name)
        return grown, grown.norm * model.scale

    model, model_dot = Model(np.ones(2), 2.0), Model(np.array([1.0, 2.0]), 0.5, None)
    (grown, norm), (grown_dot, norm_dot) = jvp(fun, (model, 3.0), (model_dot, 0.1))
    assert type(grown_dot) is Model and grown_dot.name is None
    np.testing.assert_allclose(grown_dot.w, model_dot.w * 3 + model.w * 0.1)
    assert grown_dot.scale == pytest.approx(0.6)
    expected = slope(lambda w, s, d: fun(Model(w, s), d)[1], (model.w, 2.0, 3.0), (model_dot.w, 0.5, 0.1))
    assert norm_dot == pytest.approx(expected, rel=1e-8)


def test_star_arguments_methods_and_partial_objects():
    def star(*xs):
        return xs[0] * xs[1]

    def keyword(x, *, s=2.0):
        return x * s

    class Scaled:
        def __init__(self, k):
            self.k = k

        def __call__(self, x):
            return self.k * x * x

    assert jvp(star, (3.0, 4.0), (1.0, 2.0)) == (12.0, 10.0)
    assert jvp(star, (3.0, 4.0), (1.0, None)) == (12.0, 4.0)
    assert jvp(keyword, (3.0,), (1.0,)) == (6.0, 2.0)
    assert jvp(functools.partial(keyword, s=5.0), (3.0,), (1.0,)) == (15.0, 5.0)
    assert jvp(Scaled(2.0), (3.0,), (1.0,)) == (18.0, 12.0)
    assert jvp(types.MethodType(lambda self, x: self.k * x, Scaled(3.0)), (3.0,), (1.0,)) == (9.0, 3.0)


def test_tangents_share_no_memory():
    x, x_dot = np.ones(3), np.ones(3)
    for fun in (
        lambda x: x, lambda x: x[1:], lambda x: x.reshape(3, 1), lambda x: +x, lambda x: np.broadcast_to(x, (2, 3)),
    ):  # fmt: skip
        _, value_dot = jvp(fun, (x,), (x_dot,))
        assert value_dot.flags.writeable and not np.shares_memory(value_dot, x_dot)
    _, (a, b) = jvp(lambda x: (x, x), (x,), (x_dot,))
    assert not np.shares_memory(a, b) and not np.shares_memory(a, x_dot)


def test_tangents_of_arrays_that_are_written_into_are_apart():
    def fun(x):
        y = x + 0.0
        z = y + 0.0
        y[0] = x[1] * 2
        y[1:] *= x[:-1]
        z[-1] = y[0]
        return np.sum(y * z)

    def narrow(a, v):
        y = a + v
        y[0] = 3 * a
        return np.sum(y * y)

    x, x_dot = np.array([1.0, 2.0, 3.0]), np.array([1.0, -2.0, 3.0])
    assert jvp(fun, (x,), (x_dot,))[1] == pytest.approx(slope(fun, (x,), (x_dot,)), rel=1e-8)
    assert jvp(narrow, (2.0, x), (1.0, None))[1] == pytest.approx(slope(narrow, (2.0, x), (1.0, None)), rel=1e-8)


def test_a_computed_place_with_a_slice():
    def fun(m, n):
        m = m * 1.0
        for k in range(n):
            m[:, (k * 2) % 3] = m[:, k % 2] * 2
        return np.sum(m**2)

    m = np.arange(6.0).reshape(2, 3)
    assert jvp(fun, (m, 4), (m + 1, None))[1] == pytest.approx(slope(fun, (m, 4), (m + 1, None)), rel=1e-8)


def test_lists_that_change_in_place():
    def fun(x):
        xs = [1.0, 2.0]
        xs[0] = 5.0
        xs.append(3.0)
        xs.insert(0, 4.0)
        xs.append(x)
        last = xs.pop()
        xs[1] = x * x
        other = xs.pop()
        return last * other * xs[0] + sum(xs)

    assert jvp(fun, (2.0,), (1.0,)) == (34.0, 16.0)


# ---------------------------------------------------------------------------------------------------------------
# Exceptions


def root_or_zero(x):
    try:
        y = math.sqrt(x)
    except Exception:  # noqa: BLE001 - as users write it
        y = 0.0
    return y


def test_an_exception_of_the_derivative_is_not_taken_for_the_users():
    assert jvp(root_or_zero, (-1.0,), (1.0,)) == (0.0, 0.0)
    assert jvp(root_or_zero, (4.0,), (1.0,)) == (2.0, 0.25)
    with pytest.raises(ZeroDivisionError):
        jvp(root_or_zero, (0.0,), (1.0,))


def root_in_a_loop(x):
    y = 1.0
    try:
        for _ in range(2):
            y = y * math.sqrt(x)
    except ArithmeticError:
        y = 7 * x
    return y


def twice_the_root(x):
    return math.sqrt(x) * 2


def root_in_a_helper(x):
    try:
        y = twice_the_root(x)
        for _ in range(2):
            y = y + x
    except ArithmeticError:
        y = 7 * x
    return y


def root_in_an_item(x):
    items, kept = np.zeros(2), [x]
    try:
        items[1] += math.sqrt(x)
        kept.append(math.sqrt(x))
        return items[1] + kept[-1]
    except ArithmeticError:
        return 7 * x


def root_in_two_variables(x):
    y, z = x, x
    try:
        y, z = math.sqrt(x), y * z
    except:  # noqa: E722 - as users write it
        y = 7 * x
    return y + z


def root_of_an_array(x):
    with np.errstate(all="raise"):
        try:
            y = np.sqrt(np.array([x, 1.0]))
            s = np.sum(y)
        except FloatingPointError:
            s = 7 * x
    return s


@pytest.mark.parametrize(
    "fun", [root_in_a_loop, root_in_a_helper, root_in_an_item, root_in_two_variables, root_of_an_array]
)
def test_no_handler_gets_an_exception_that_only_the_derivative_raises(fun):
    assert jvp(fun, (4.0,), (1.0,))[1] == pytest.approx(slope(fun, (4.0,), (1.0,)), rel=1e-8)
    with pytest.raises(ArithmeticError):
        jvp(fun, (0.0,), (1.0,))


def log_or_cube(x):
    y = x
    try:
        y = y * math.log(x)
        y = y * y
    except ValueError:
        y = y * x * x
    return y


@pytest.mark.parametrize("x", [4.0, -2.0])
def test_tangents_in_a_try_are_differentiated_again(x):
    def tangent_of(x):
        return jvp(log_or_cube, (x,), (1.0,))[1]

    want = pytest.approx(slope(tangent_of, (x,), (1.0,)), rel=1e-8)
    assert srcad.grad(tangent_of)(x) == want
    assert jvp(tangent_of, (x,), (1.0,))[1] == want


def inverse(x):
    return 1.0 / x


def inverse_in_a_helper(x):
    y = 1.0
    try:
        for _ in range(2):
            y = y * inverse(x) + x
    except ZeroDivisionError:
        y = 7 * x
    return y


def inverse_in_items(x):
    items = [2 * x, x]
    try:
        items[0] = 3 * x
        items[1] = items[0] / x
    except ZeroDivisionError:
        items[1] = 7 * x
    return items[0] + items[1]


@pytest.mark.parametrize(("fun", "at_zero"), [(inverse_in_a_helper, (0.0, 7.0)), (inverse_in_items, (0.0, 10.0))])
def test_a_handler_gets_what_the_function_itself_raises(fun, at_zero):
    assert jvp(fun, (0.0,), (1.0,)) == at_zero
    assert jvp(fun, (2.0,), (1.0,))[1] == pytest.approx(slope(fun, (2.0,), (1.0,)), rel=1e-8)


def test_a_block_that_an_exception_ends_midway():
    def fun(x):
        y = x
        try:
            y = y * 2
            y = y * math.log(x)
            y = y + 1
        except ValueError:
            y = y * 3
        return y

    assert jvp(fun, (-2.0,), (1.0,)) == (-12.0, 6.0)
    assert jvp(fun, (2.0,), (1.0,))[1] == pytest.approx(slope(fun, (2.0,), (1.0,)), rel=1e-8)


def test_what_leaves_a_try_leaves_out_its_else():
    def returns(x):
        try:
            if x > 0:
                return x * x
        except ValueError:
            pass
        else:
            x = x * 3
            return x
        return 0.0

    def continues(x):
        s = 0.0
        for i in range(3):
            try:
                y = x * i
                if i == 1:
                    continue
            except ValueError:
                pass
            else:
                s = s + y * y
            finally:
                s = s + x
        return s

    assert jvp(returns, (2.0,), (1.0,)) == (4.0, 4.0)
    assert jvp(returns, (-2.0,), (1.0,)) == (-6.0, 3.0)
    assert jvp(continues, (2.0,), (1.0,)) == (22.0, 19.0)


class Swallow:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return True


def test_a_context_manager_that_swallows_an_exception_is_refused_when_it_does():
    def fun(x):
        y = x * x
        with Swallow():
            y = math.log(x) * y
        return y

    assert jvp(fun, (2.0,), (1.0,))[1] == pytest.approx(2 + 4 * math.log(2))
    with pytest.raises(srcad.Unsupported, match="ended this `with` block midway"):
        jvp(fun, (-2.0,), (1.0,))


# ---------------------------------------------------------------------------------------------------------------
# Errors


def square(x):
    return x * x


@pytest.mark.parametrize("primals, tangents, message", [
    ((3.0,), ((1.0,),), "the tangent of x has the shape (1,), the argument has ()"),
    (([3.0],), (1.0,), "the tangent of x is a float; it must have the argument's structure"),
    (({"a": 1.0},), ({"b": 1.0},), "the tangent of x is a dict; it must have the argument's structure"),
    (("text",), (1.0,), "x is 'text': it has no tangent"),
    ((np.ones(3),), (np.ones(2),), "the tangent of x has the shape (2,), the argument has (3,)"),
    ((3.0,), (1j,), "the tangent of x is a complex; it must be real numbers"),
    ((3.0,), ("a",), "the tangent of x is 'a'; it must be real numbers"),
    (3.0, 1.0, "jvp takes a tuple of arguments and a tuple of their tangents, and got a float"),
    ((3.0,), (1.0, 2.0), "jvp of square got 1 arguments and 2 tangents"),
])  # fmt: skip
def test_tangents_that_do_not_fit(primals, tangents, message):
    with pytest.raises(srcad.KindError) as error:
        jvp(square, primals, tangents)
    assert str(error.value).splitlines()[0] == message


def test_a_missing_rule_names_the_line():
    def fun(x):
        return np.sum(np.apply_over_axes(np.sum, x, 0))

    with pytest.raises(srcad.MissingRule, match=r"np\.apply_over_axes has no derivative rule"):
        jvp(fun, (np.ones(3),), (np.ones(3),))


def test_a_missing_rule_whose_result_is_not_used_is_no_error():
    def fun(x):
        low = np.apply_over_axes(np.sum, x, 0)
        print(low)
        return np.sum(x)

    assert jvp(fun, (np.ones(3),), (np.ones(3),))[1] == 3


def test_an_integer_argument_that_moves():
    with pytest.raises(srcad.KindError, match="used as an integer"):
        jvp(lambda x, n: sum(x for _ in range(n)), (2.0, 3), (1.0, 1.0))


# ---------------------------------------------------------------------------------------------------------------
# Compiled once, and anew when something changes


def test_compiled_once_for_the_same_kinds():
    call = forward_mode.Call(wave)
    first = forward_mode.compiled_tangent(call, [1.0], (0,))
    assert forward_mode.compiled_tangent(forward_mode.Call(wave), [2.0], (0,)) is first
    assert forward_mode.compiled_tangent(call, [np.ones(2)], (0,)) is not first


def test_a_helper_that_is_defined_anew():
    names: dict = {}
    exec_source("def helper(x):\n    return x * x\n\ndef user(x):\n    return helper(x) * scale\n", names)
    names["scale"] = 2.0
    assert jvp(names["user"], (3.0,), (1.0,)) == (18.0, 12.0)
    names["scale"] = 5.0
    assert jvp(names["user"], (3.0,), (1.0,)) == (45.0, 30.0)
    exec_source("def helper(x):\n    return x * x * x\n", names)
    assert jvp(names["user"], (3.0,), (1.0,)) == (135.0, 135.0)


def exec_source(source: str, names: dict) -> None:
    filename = f"<cell {next(COUNT)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), names)


def test_several_threads_make_the_first_call_at_once():
    def fun(x):
        return np.tanh(x * x)

    found: list = []
    run = lambda: found.append(jvp(fun, (np.ones(3),), (np.ones(3),))[1])  # noqa: E731
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(np.array_equal(a, found[0]) for a in found)


# ---------------------------------------------------------------------------------------------------------------
# Order of effects

RANDOM = np.random.default_rng(0)


def noisy(x):
    return RANDOM.normal() + x * RANDOM.normal()


def test_calls_with_effects_keep_their_order():
    expected = [np.random.default_rng(5).normal(size=2) for _ in range(2)][0]
    RANDOM.bit_generator.state = np.random.default_rng(5).bit_generator.state
    assert jvp(noisy, (2.0,), (1.0,)) == (expected[0] + 2 * expected[1], expected[1])


def test_a_pop_within_an_expression_comes_after_what_is_read_before_it():
    def fun(x):
        xs = [x, x * x]
        return xs[-1] * xs.pop() * xs[-1]

    assert jvp(fun, (2.0,), (1.0,)) == (32.0, 80.0)


def test_the_zero_tangent_shares_what_its_value_shares():
    row = [1.0, np.ones(2)]
    zeros = runtime.still([row, row, (2, "text")])
    assert zeros[0] is zeros[1] and zeros[0] is not row and zeros[2] == (0.0, None)
    np.testing.assert_array_equal(zeros[0][1], [0, 0])


# ---------------------------------------------------------------------------------------------------------------
# Forward over reverse


def damped(x, n):
    s = 0.0
    for k in range(n):
        if x > k:
            s = s + math.sin(x * k) * x
    return s


def test_forward_over_reverse():
    first = srcad.grad(damped)
    value, second = jvp(first, (1.5, 3), (1.0, None))
    assert value == first(1.5, 3)
    assert second == pytest.approx(srcad.grad(first)(1.5, 3), rel=1e-12)
    assert second == pytest.approx(slope(first, (1.5, 3), (1.0, None)), rel=1e-7)


def test_forward_over_reverse_over_reverse():
    second = srcad.grad(srcad.grad(damped))
    assert jvp(second, (1.5, 3), (1.0, None))[1] == pytest.approx(slope(second, (1.5, 3), (1.0, None)), rel=1e-6)


def test_a_hessian_times_a_vector():
    def loss(w):
        return np.sum(np.tanh(w) * w**2) + w[0] * w[1]

    w, v = np.array([0.3, -0.5, 1.0]), np.array([1.0, 2.0, -1.0])
    _, found = jvp(srcad.grad(loss), (w,), (v,))
    expected = (srcad.grad(loss)(w + 1e-6 * v) - srcad.grad(loss)(w - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def powers(x, n):
    return np.sum(np.tanh(x) ** n)


slope_of_powers = srcad.grad(powers)


def along(x, v):
    y, y_dot = jvp(powers, (x, 3), (v, None))
    return y_dot * y_dot + y


def twice_along(x, v):
    return np.sum(jvp(slope_of_powers, (x, 3), (v, None))[1])


@pytest.mark.parametrize("fun", [along, twice_along])
def test_a_tangent_inside_of_a_function_that_is_differentiated(fun):
    x, v, x_dot = np.array([0.3, 0.5]), np.array([1.0, 2.0]), np.array([0.7, -0.4])
    expected = slope(fun, (x, v), (x_dot, None))
    assert jvp(fun, (x, v), (x_dot, None))[1] == pytest.approx(expected, rel=1e-7)
    assert srcad.grad(fun)(x, v) @ x_dot == pytest.approx(expected, rel=1e-7)
    assert srcad.grad(fun, argnums=1)(x, v) @ x_dot == pytest.approx(slope(fun, (x, v), (None, x_dot)), rel=1e-7)


def test_a_tangent_inside_of_a_function_needs_its_arguments_written_out():
    def fun(x):
        point = (x, 3)
        return jvp(powers, point, (x, None))[1]

    with pytest.raises(srcad.Unsupported, match="this form of jvp"):
        srcad.grad(fun)(np.ones(2))
