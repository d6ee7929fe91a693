"""Kernels that write into their arguments (`tests.kernels`): right or refused, and no tapes for what is linear."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import srcad
from tests.kernels import FORMS, Kernel, kernels
from tests.programs import fresh
from tests.reference import derivative

# As of today; a kernel that leaves this state fails its tests until its name leaves the list
# (`python -m tests.kernels` prints the outcomes).
REFUSED_FOR_NOW = {
}
REFUSED_BY_VJP_FOR_NOW = {  # it differentiates by all floats: also by work arrays
}
WRONG_FOR_NOW = {
}
KEEPS_TAPES_FOR_NOW = dict.fromkeys(("copied", "direct", "inline"), "fft_by_stages fft_in_place haar_lifting")


class Case:
    """The loss of a kernel in one of its forms."""

    def __init__(self, kernel: Kernel, form: str):
        self.kernel, self.form, self.name = kernel, form, f"{kernel.name}-{form}"

    def args(self) -> tuple:
        """New arguments; the memory that np.empty will give for small arrays holds NaN."""
        [np.full(size, np.nan) for size in range(1, 128) for _ in range(8)]  # freed at once, and kept by NumPy's cache
        return fresh(arguments(self.kernel))

    @functools.cached_property
    def loss(self):
        return self.kernel.loss(self.form)

    @functools.cached_property
    def gradient(self):
        return srcad.grad(self.loss, argnums=self.kernel.argnums)

    def is_listed(self, names: dict[str, str]) -> bool:
        return self.kernel.name in names.get(self.form, "").split()


@functools.cache
def arguments(kernel: Kernel) -> tuple:
    return kernel.args()


@functools.cache
def slopes(kernel: Kernel) -> list[tuple[dict, object]]:
    """Directions, as steps of arguments by their numbers, and the slopes of the loss along them: along all that is
    differentiated, thrice, and along each by itself. The complex step gives them where the kernel is analytic."""
    args, rng = arguments(kernel), np.random.default_rng(11)
    directions = [{k: rng.normal(size=np.shape(args[k])) for k in kernel.argnums} for _ in range(3)]
    directions += [{k: rng.normal(size=np.shape(args[k]))} for k in kernel.argnums]

    def line(direction):
        def value(step):
            moved = fresh(args)
            return kernel.loss("direct")(
                *(x + step * direction[k] if k in direction else x for k, x in enumerate(moved))
            )

        return value

    return [(direction, derivative(line(direction), 0.1)) for direction in directions]


def assert_slopes(case: Case, bars: tuple, scale: float = 1.0) -> None:
    """The gradient gives the slopes along all directions, with rounding of its own size allowed for."""
    bars = dict(zip(case.kernel.argnums, bars, strict=True))
    for direction, expected in slopes(case.kernel):
        found = sum(np.sum(bars[k] * step) for k, step in direction.items()) / scale
        size = sum(np.sum(np.abs(bars[k] * step)) for k, step in direction.items()) / abs(scale)
        along = ", ".join(case.kernel.parameters[k] for k in direction)
        assert abs(found - expected.value) <= 10 * expected.error + 1e-11 * size, (
            f"along {along}: {found!r}, expected {expected.value!r} ± {expected.error:.1e}"
        )


def same(a, b) -> bool:
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


def tapes(saved, path: str = "saved") -> list[str]:
    """The places of lists in what a forward sweep saves: one entry a pass of a loop."""
    if isinstance(saved, list):
        return [f"{path}: {len(saved)} entries"] if saved else []
    items = enumerate(saved) if isinstance(saved, tuple) else saved.items() if isinstance(saved, dict) else ()
    return [found for key, item in items for found in tapes(item, f"{path}[{key!r}]")]


def keeps_tapes(case: Case) -> list[str]:
    """What the forward sweep of a case, called as vjp calls it, saves of the passes of loops; and any tape in its text,
    or in that of a function that it calls."""
    compiled = case.gradient._compiled_for(case.args(), {})
    _, saved = compiled.forward(*case.args())
    named = sorted(name for name in saved_names(compiled) if name.endswith("_tape"))
    return tapes(saved) + named


def saved_names(compiled) -> set[str]:
    """The variables of the forward sweeps."""
    functions = [fun for name, fun in compiled.module.functions.items() if name.endswith("_forward")]
    return {name for fun in functions for name in fun.__code__.co_varnames}


def saved_bytes(saved) -> int:
    """The bytes of the arrays and numbers in what a forward sweep saves."""
    if isinstance(saved, np.ndarray):
        return saved.nbytes
    items = saved if isinstance(saved, (tuple, list)) else saved.values() if isinstance(saved, dict) else None
    return 8 if items is None else sum(map(saved_bytes, items))


def check_gradient(case: Case) -> None:
    """What the tests below ask of the gradient of a case."""
    test_the_value_is_that_of_the_plain_run(case)
    test_the_gradient_gives_the_slopes_along_directions(case)
    test_the_arguments_stay_as_they_were_and_gradients_share_no_memory(case)


def marked(case: Case, *marks):
    return pytest.param(case, id=case.name, marks=marks)


def each(cases, *refusals):
    """Parametrises by cases; those that are refused for now are expected to be, and those that are wrong have a test of
    their own."""
    refused = pytest.mark.xfail(strict=True, raises=srcad.SrcadError)
    return pytest.mark.parametrize(
        "case",
        [
            marked(case, *([refused] if any(map(case.is_listed, refusals)) else []))
            for case in cases
            if not case.is_listed(WRONG_FOR_NOW)
        ],
    )


CASES = [Case(kernel, form) for kernel in kernels() for form in FORMS]
each_kernel = pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: kernel.name)
each_case = each(CASES, REFUSED_FOR_NOW)
each_pulled_back = each(CASES, REFUSED_FOR_NOW, REFUSED_BY_VJP_FOR_NOW)
each_linear = each([case for case in CASES if case.kernel.is_linear], REFUSED_FOR_NOW)


@each_kernel
def test_the_forms_are_the_same_function_and_the_entry_says_what_is_written(kernel):
    values = set()
    for form in FORMS:
        args = fresh(arguments(kernel))
        values.add(float(kernel.loss(form)(*args)))
        changed = {name for name, x, y in zip(kernel.parameters, args, arguments(kernel)) if not same(x, y)}
        assert changed == (set(kernel.writes) if form == "direct" else set())
    assert len(values) == 1 and np.isfinite(values.pop())


@each_case
def test_the_value_is_that_of_the_plain_run(case):
    value, _ = case.gradient.value_and_grad(*case.args())
    assert float(value) == float(case.loss(*case.args()))


@each_case
def test_the_gradient_gives_the_slopes_along_directions(case):
    assert_slopes(case, case.gradient(*case.args()))


@each_case
def test_the_arguments_stay_as_they_were_and_gradients_share_no_memory(case):
    args = case.args()
    bars = [bar for bar in case.gradient(*args) if isinstance(bar, np.ndarray)]
    assert all(map(same, args, arguments(case.kernel)))
    others = [arg for arg in args if isinstance(arg, np.ndarray)]
    for k, bar in enumerate(bars):
        assert bar.flags.writeable
        assert not any(np.shares_memory(bar, other) for other in [*bars[:k], *others])


@each_pulled_back
def test_the_pullback_gives_the_same_however_often_called(case):
    args = case.args()
    chosen = case.kernel.argnums
    value, pullback = srcad.vjp(case.loss, *args)
    assert all(map(same, args, arguments(case.kernel)))
    once = pullback(2.0)
    kept = [np.copy(once[k]) for k in chosen]
    twice = pullback(2.0)
    assert all(same(a, twice[k]) and same(a, once[k]) for a, k in zip(kept, chosen))
    assert all(map(same, args, arguments(case.kernel)))
    assert float(value) == float(case.loss(*case.args()))
    assert_slopes(case, tuple(twice[k] for k in chosen), scale=2.0)


@pytest.mark.xfail(strict=True, raises=(AssertionError, AttributeError))
@pytest.mark.parametrize("case", [marked(case) for case in CASES if case.is_listed(WRONG_FOR_NOW)])
def test_what_is_wrong_for_now(case):
    """The worst list: a wrong gradient, an argument that the call changes, or an error of srcad's own."""
    check_gradient(case)
    test_the_pullback_gives_the_same_however_often_called(case)


@each_linear
def test_a_linear_update_keeps_no_tape(case):
    found = keeps_tapes(case)
    if case.is_listed(KEEPS_TAPES_FOR_NOW):
        assert found, "it keeps no tape any more: take it from the list"
        pytest.xfail("keeps tapes")
    assert not found
    _, saved = case.gradient._compiled_for(case.args(), {}).forward(*case.args())
    assert saved_bytes(saved) <= 2 * saved_bytes(case.args()) + 200


def test_what_is_not_linear_is_seen_to_keep_a_tape():
    def squared(u, steps):
        for _ in range(steps):
            u = u * u
        return np.sum(u)

    case = Case(kernels()[0], "inline")
    case.gradient = srcad.grad(squared)
    case.args = lambda: (np.ones(3), 4)
    assert any("4 entries" in found for found in keeps_tapes(case))
    assert any("_tape" in found for found in keeps_tapes(case))
