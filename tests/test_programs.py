"""Every program of `tests.programs` in every mode, against references that owe nothing to srcad."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math

import numpy as np
import pytest

import srcad
from tests import reference
from tests.programs import Program, fresh, programs
from tests.reference import children, floats, gradient, mismatches


class Case:
    """A program at one of its points. Its derivatives are made once, and are shared by the tests."""

    def __init__(self, program: Program, number: int):
        self.program, self.point, self.fun = program, program.points[number], program.fun
        self.name = program.name + (f"-{number}" if len(program.points) > 1 else "")
        self.wrt, self.is_first = program.wrt_at(self.point), number == 0

    def has(self, mark: str) -> bool:
        return mark in self.program.marks

    def call(self, fun):
        """`fun` of fresh copies of the arguments."""
        return fun(*fresh(self.point.args), **fresh(self.point.kwargs))

    def argument(self, wrt: int | str):
        """The argument at an index or of a name, however it is passed."""
        if isinstance(wrt, int):
            return self.point.args[wrt]
        return self.point.kwargs[wrt] if wrt in self.point.kwargs else self.point.args[self.names.index(wrt)]

    @functools.cached_property
    def parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.fun, follow_wrapped=False).parameters.values())

    @functools.cached_property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]

    @functools.cached_property
    def references(self) -> dict:
        """For each argument the partial derivatives by its floats."""
        fun = first_of(self.fun) if self.has("aux") else self.fun
        return {w: gradient(fun, self.point.args, self.place(w), self.point.kwargs) for w in self.wrt}

    def place(self, wrt: int | str) -> int | str:
        """`wrt` as an index if the argument is passed by position, else its name."""
        return wrt if isinstance(wrt, int) or wrt in self.point.kwargs else self.names.index(wrt)


def first_of(fun):
    return lambda *args, **kwargs: fun(*args, **kwargs)[0]


@functools.cache
def gradient_of(program: Program, wrt, with_value: bool = False):
    make = srcad.value_and_grad if with_value else srcad.grad
    return make(program.fun, argnums=wrt, has_aux="aux" in program.marks)


@functools.cache
def second_gradient_of(program: Program, wrt):
    return srcad.grad(gradient_of(program, wrt), argnums=wrt)


CASES = [Case(program, number) for program in programs() for number in range(len(program.points))]
VALUED = [case for case in CASES if not case.has("vector")]
SCALAR = [case for case in VALUED if case.program.is_scalar(case.point) and not case.has("aux")]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_valued = pytest.mark.parametrize("case", VALUED, ids=lambda case: case.name)
each_scalar = pytest.mark.parametrize("case", SCALAR, ids=lambda case: case.name)
each_smooth = pytest.mark.parametrize(
    "case", [case for case in SCALAR if not case.has("once")], ids=lambda case: case.name
)


@contextlib.contextmanager
def right_or_refused(case: Case, *marks: str):
    """Lets a program that is marked so be refused, which is reported as a skip."""
    try:
        yield
    except srcad.SrcadError as refusal:
        if not any(map(case.has, ("refusable", *marks))):
            raise
        pytest.skip(f"refused: {str(refusal).splitlines()[0]}")


def found_gradient(case: Case, wrt):
    """The gradient by the compiler, without what comes with it."""
    with right_or_refused(case):
        found = case.call(gradient_of(case.program, wrt))
    return found[0] if case.has("aux") else found


def same(a, b) -> bool:
    """Whether two structures hold the same numbers in the same types and shapes; NaN equals NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a_dtype, b_dtype = (getattr(x, "dtype", None) for x in (a, b))
        return a_dtype == b_dtype and np.array_equal(a, b, equal_nan=a_dtype is not None and a_dtype.kind == "f")
    if isinstance(a, float) and isinstance(b, float):
        return a == b or math.isnan(a) and math.isnan(b)
    parts, others = children(a), children(b)
    if parts or others:
        steps = [step for step, _ in parts], [step for step, _ in others]
        return type(a) is type(b) and steps[0] == steps[1] and all(same(x, y) for (_, x), (_, y) in zip(parts, others))
    return type(a) is type(b) and a == b


def structure(value, is_gradient_of_it: bool = False):
    """What is asked of a gradient's form: containers, dtypes and shapes as in `value`, None for what is no float."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "iu" and is_gradient_of_it:
            return "float64", value.shape
        return (str(value.dtype), value.shape) if value.dtype.kind == "f" else None
    if isinstance(value, np.floating):
        return "float" if isinstance(value, float) else str(value.dtype)
    if isinstance(value, float) or is_gradient_of_it and isinstance(value, int):
        return "float"
    parts = children(value)
    if parts or isinstance(value, (list, tuple, dict)):
        return type(value), [(step, structure(part)) for step, part in parts]
    return None


def arrays(value) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    return [array for _, part in children(value) for array in arrays(part)]


def is_single(value) -> bool:
    """Whether single precision is among the floats of a structure."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype == np.float32
    return any(is_single(part) for _, part in children(value))


def assert_agrees(case: Case, wrt, found):
    lines = mismatches(case.references[wrt], found, single=is_single((case.point.args, case.point.kwargs)))
    assert not lines, "\n".join([f"by argument {wrt!r}", *lines])


@each_valued
def test_the_gradient_equals_the_reference(case):
    for wrt in case.wrt:
        assert_agrees(case, wrt, found_gradient(case, wrt))


@each_valued
def test_all_gradients_together_equal_the_reference(case):
    found = found_gradient(case, case.wrt)
    assert isinstance(found, tuple) and len(found) == len(case.wrt)
    for wrt, part in zip(case.wrt, found):
        assert_agrees(case, wrt, part)


@each_valued
def test_the_gradient_has_the_structure_of_its_argument(case):
    for wrt in case.wrt:
        assert structure(found_gradient(case, wrt)) == structure(case.argument(wrt), is_gradient_of_it=True)


@each_valued
def test_the_value_is_the_one_of_the_primal(case):
    with right_or_refused(case):
        value, _ = case.call(gradient_of(case.program, case.wrt, True))
    primal = case.call(case.fun)
    if case.has("aux"):
        assert same(value[1], primal[1])
        value, primal = value[0], primal[0]
    assert math.isclose(value, primal, rel_tol=1e-15) or math.isnan(primal)


@each_valued
def test_the_value_comes_with_the_same_gradient(case):
    with right_or_refused(case):
        _, found = case.call(gradient_of(case.program, case.wrt, True))
    assert same(found, found_gradient(case, case.wrt))


@each_valued
def test_the_arguments_stay_as_they_were(case):
    args, kwargs = fresh(case.point.args), fresh(case.point.kwargs)
    with right_or_refused(case):
        gradient_of(case.program, case.wrt)(*args, **kwargs)
    assert same(args, case.point.args) and same(kwargs, case.point.kwargs)


@each_valued
def test_the_same_call_gives_the_same(case):
    assert same(found_gradient(case, case.wrt), found_gradient(case, case.wrt))


@each_valued
def test_gradients_share_no_memory(case):
    args, kwargs = fresh(case.point.args), fresh(case.point.kwargs)
    with right_or_refused(case):
        found = gradient_of(case.program, case.wrt)(*args, **kwargs)
    owned = arrays(found[0] if case.has("aux") else found)
    others = arrays((args, list(kwargs.items())))
    for k, array in enumerate(owned):
        assert array.flags.writeable
        assert not any(np.shares_memory(array, other) for other in [*owned[:k], *others])


@pytest.mark.parametrize("case", [case for case in VALUED if case.is_first], ids=lambda case: case.name)
def test_names_choose_like_indices(case):
    for wrt in case.wrt:
        if isinstance(wrt, int) and wrt < len(case.names) and not is_variadic(case.parameters[wrt]):
            assert same(found_gradient(case, case.names[wrt]), found_gradient(case, wrt))


def is_variadic(parameter: inspect.Parameter) -> bool:
    """Whether a parameter collects arguments: its name stands for all of them."""
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


# ---------------------------------------------------------------------------------------------------------------
# vjp: of values of any structure


def seed_for(value, rng):
    """Random cotangents in the structure of a value."""
    if isinstance(value, np.ndarray):
        return rng.normal(size=value.shape).astype(value.dtype if value.dtype.kind == "f" else float)
    if isinstance(value, (float, int, np.number)):
        return type(value)(rng.normal()) if isinstance(value, np.floating) else rng.normal()
    for step, part in children(value):
        value = reference.put(value, (step,), seed_for(part, rng))
    return value


def inner(seed, value):
    """The sum of the products of all numbers of two structures."""
    parts = children(seed)
    if parts or isinstance(seed, (list, tuple, dict)):
        return sum(inner(part, reference.at(value, (step,))) for step, part in parts)
    return np.sum(np.asarray(seed) * value)


@each_case
def test_the_pullback_equals_the_reference_however_often_called(case):
    """Arguments passed by keyword are fixed beforehand."""
    fun = functools.partial(case.fun, **fresh(case.point.kwargs)) if case.point.kwargs else case.fun
    fun = fun if not case.has("aux") else first_of(fun)
    args, rng = fresh(case.point.args), np.random.default_rng(0)
    with right_or_refused(case):
        value, pullback = srcad.vjp(fun, *args)
    assert same(args, case.point.args)
    for seed in (seed_for(value, rng), seed_for(value, rng)):
        once, twice = pullback(seed), pullback(seed)
        assert same(once, twice) and len(once) == len(args)
        for index in map(case.place, case.wrt):
            if isinstance(index, int) and any(True for _ in floats(args[index])):
                expected = gradient(lambda *a: inner(seed, fun(*a)), args, index)  # noqa: B023 - used at once
                lines = mismatches(expected, once[index], single=is_single(args))
                assert not lines, "\n".join([f"by argument {index}", *lines])


def test_nothing_passes_through_stop_gradient():
    def product(x, y):
        fixed = srcad.stop_gradient(x * y)
        return fixed * x + srcad.stop_gradient(y)

    assert srcad.grad(product, argnums=(0, 1))(2.0, 3.0) == (6.0, 0.0)


# ---------------------------------------------------------------------------------------------------------------
# Of scalar programs: the tangent, and derivatives of derivatives


@each_scalar
def test_the_tangent_equals_the_reference(case):
    fun = functools.partial(case.fun, **case.point.kwargs) if case.point.kwargs else case.fun
    places = [case.place(wrt) for wrt in case.wrt]
    if not all(isinstance(place, int) for place in places):
        pytest.skip("by keyword")
    rng = np.random.default_rng(1)
    tangents = [float(rng.normal()) if k in places else None for k in range(len(case.point.args))]
    with right_or_refused(case):
        value, tangent = srcad.jvp(fun, fresh(case.point.args), tuple(tangents))
    assert float(value) == float(case.call(case.fun))
    parts = [(case.references[wrt][()], tangents[place]) for wrt, place in zip(case.wrt, places)]
    expected = sum(part.value * t for part, t in parts)
    error = sum(abs(t) * (10 * part.error + 1e-10 * abs(part.value)) for part, t in parts)
    assert abs(float(tangent) - expected) <= error


@each_smooth
def test_the_second_derivative_equals_differences_of_the_first(case):
    for wrt in case.wrt:
        with right_or_refused(case, "first"):
            first = gradient_of(case.program, wrt)
            found = case.call(second_gradient_of(case.program, wrt))
        expected = gradient(first, case.point.args, case.place(wrt), case.point.kwargs)
        lines = mismatches(expected, found)
        assert not lines, "\n".join([f"by argument {wrt!r}, twice", *lines])


# ---------------------------------------------------------------------------------------------------------------
# The references themselves


def test_differences_come_with_their_error():
    for fun, x, exact in ((math.exp, 1.0, math.e), (math.log, 0.01, 100.0), (lambda t: abs(t - 0.99), 1.0, 1.0)):
        estimate = reference.difference(lambda t: fun(x + t))  # noqa: B023 - used at once
        assert abs(estimate.value - exact) <= 10 * estimate.error < 1e-6 * exact


def test_the_complex_step_is_used_only_where_differences_confirm_it():
    assert reference.derivative(lambda t: np.exp(1 + t)).value == pytest.approx(math.e, rel=1e-15)
    assert reference.derivative(lambda t: np.abs(t - 2)).value == pytest.approx(-1.0, rel=1e-10)


def test_references_reach_into_structures_and_leave_them_alone():
    argument = {"a": (1.0, 2.0, "text"), "w": np.arange(3.0), "n": 2}
    found = gradient(lambda p: p["a"][1] ** p["n"] * np.sum(p["w"] ** 2), (argument,), 0)
    assert {path: round(e.value, 9) for path, e in found.items()} == {
        ("a", 0): 0, ("a", 1): 20, ("w", (0,)): 0, ("w", (1,)): 8, ("w", (2,)): 16,
    }  # fmt: skip
    assert argument["a"] == (1.0, 2.0, "text") and argument["w"].tolist() == [0, 1, 2]
