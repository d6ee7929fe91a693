"""`check=True`: right gradients pass, wrong ones raise, and the line is named whose adjoint is off.

Wrong gradients are made by users' rules that are wrong, or by spoiling the generated text.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import textwrap
import warnings
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import srcad
from srcad import GradientMismatch, grad, stop_gradient, value_and_grad, vjp
from srcad.backend import build
from srcad.user_rules import withdraw
from tests import kernels
from tests.programs import fresh, normal
from tests.test_programs import CASES


def soft(x):
    return np.log1p(np.exp(x))


def bent(x):
    """A function whose rule is wrong where x is positive."""
    return np.sin(x)


@pytest.fixture(autouse=True)
def wrong_rules():
    srcad.elementwise(soft, lambda y, x: 1 / (1 + np.exp(x)))
    srcad.elementwise(bent, lambda y, x: np.where(x > 0, 0.5, np.cos(x)))
    yield
    withdraw(soft)
    withdraw(bent)


def blamed(derivative, *args) -> tuple[str, str]:
    """The message of the mismatch, and the line that it points to."""
    with pytest.raises(GradientMismatch) as caught:
        derivative(*args)
    message = str(caught.value)
    arrow = re.search(r"^  -> *\d+ \| (.*)$", message, re.MULTILINE)
    return message, arrow[1].strip() if arrow else ""


# ---------------------------------------------------------------------------------------------------------------
# The line


def several_lines(w, x):
    z = x @ w
    a = np.tanh(z)
    b = soft(a) * 2.0
    c = a * b
    return np.sum(c * c)


def test_the_statement_is_named_among_several():
    message, line = blamed(grad(several_lines, check=True), normal(3), normal(4, 3))
    assert line == "b = soft(a) * 2.0"
    assert "the gradient of several_lines by w is not what differences say" in message
    assert re.search(r"it is off most at w\[\d\]: \S+ by srcad, \S+ by differences", message)
    assert re.search(r"By a\[\d\] it gives \S+, and differences give \S+\.", message)
    assert "soft has a rule of its own: check_rule(soft, a) tests it alone." in message


def activated(z):
    scaled = z * 0.5
    return soft(scaled) - scaled


def with_a_helper(x):
    y = x * x
    s = np.sum(
        activated(y)
    )
    return s * 2.0


def test_the_statement_in_a_helper_is_named_and_where_it_is_run_from():
    message, line = blamed(grad(with_a_helper, check=True), normal(3))
    assert line == "return soft(scaled) - scaled"
    assert re.search(r"It is run from .*test_check.py:\d+: s = np.sum\(", message)


def with_a_loop(x, n):
    s = 0.0
    for k in range(n):
        t = x * 0.5 * (-1) ** (k < 5)
        s = s + bent(t)
        x = x * 1.1
    return s


def test_in_a_loop_the_run_is_named_in_which_it_is_off():
    message, line = blamed(grad(with_a_loop, check=True), 0.7, 9)
    assert line == "s = s + bent(t)"
    assert "off, in run 8 of 9." in message
    assert grad(with_a_loop, check=True)(0.7, 4) == pytest.approx(grad(with_a_loop)(0.7, 4))


def with_branches(x, kind):
    if kind == "soft":
        y = soft(x)
    elif kind == "square":
        y = x * x
    else:
        y = x
    return y * 3.0


def test_in_a_branch():
    assert blamed(grad(with_branches, check=True), 0.7, "soft")[1] == "y = soft(x)"
    assert grad(with_branches, check=True)(0.7, "square") == pytest.approx(4.2)


def with_writes(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] = 0.5 * (u[2:] + u[:-2])
        u[0] += soft(u[1])
    return np.sum(u * u)


def test_of_a_write_in_place():
    assert blamed(grad(with_writes, check=True), normal(5), 3)[1] == "u[0] += soft(u[1])"


def test_of_a_lambda():
    assert "soft(x) ** 2" in blamed(grad(lambda x: soft(x) ** 2, check=True), 0.5)[1]


class Layer:
    def __init__(self, scale):
        self.scale = scale

    def value(self, x):
        h = self.scale * x
        h = soft(h)
        return np.sum(h)


def test_of_a_method():
    assert blamed(grad(Layer(2.0).value, check=True), normal(3))[1] == "h = soft(h)"


def test_of_a_nested_function():
    def outer(x):
        scale = x * 2.0

        def inner(y):
            return soft(scale * y)

        return inner(x) + inner(2.0)

    assert blamed(grad(outer, check=True), 0.3)[1] == "return soft(scale * y)"


def test_two_statements_are_both_named():
    def twice(x):
        a = soft(x)
        b = soft(2.0 * x)
        return a * b

    message, line = blamed(grad(twice, check=True), 0.3)
    assert line == "a = soft(x)"
    assert re.search(r"So is that of .*: b = soft\(2.0 \* x\)", message)


def test_a_function_that_is_itself_a_rule():
    message, _ = blamed(grad(soft, check=True), 0.3)
    assert "the gradient of soft by x" in message


def powers(x, n):
    total = 0.0
    for _ in range(n):
        x = x * x + 0.1
        total = total + x
    weighted = total * 2.0
    return weighted


def test_what_is_wrong_only_together_is_named_as_a_whole(monkeypatch):
    right = build.text
    monkeypatch.setattr(build, "text", lambda function: right(function).replace("x_tape.pop()", "x_tape.pop(0)"))
    message, line = blamed(grad(powers, check=True), 0.7, 4)
    assert line == "for _ in range(n):"
    assert "By itself each simple statement in it is right." in message
    assert "please report it" in message


# ---------------------------------------------------------------------------------------------------------------
# The argument

Line = namedtuple("Line", "slope intercept")


@dataclass
class Model:
    lines: list
    name: str


def test_the_leaf_is_named():
    def value(model, x, n):
        first = model.lines[0].slope * x
        return np.sum(first + model.lines[1].intercept * np.sin(x) * n) + stop_gradient(model.lines[0].intercept ** 2)

    model = Model([Line(1.0, 0.5), Line(2.0, 1.5)], "pair")
    message, _ = blamed(grad(value, check=True), model, normal(3), 2)
    assert "it is off most at model.lines[0].intercept: 0 by srcad, 1 by differences" in message
    assert "the gradient of value by model is" in message


def test_the_argument_is_named_among_several():
    def value(a, b, *more):
        return a * b + soft(more[1]) * more[0]

    message, line = blamed(grad(value, argnums=(0, 2, 3), check=True), 1.0, 2.0, 0.5, 0.7)
    assert "by more[1] is not what" in message and line.startswith("return a * b")


# ---------------------------------------------------------------------------------------------------------------
# No false alarms


@pytest.mark.parametrize("case", CASES[::4], ids=lambda case: case.name)
def test_right_programs_pass(case):
    try:
        if case.has("vector"):
            vjp(case.fun, *fresh(case.point.args), check=True)
        else:
            for wrt in case.wrt:
                case.call(grad(case.fun, argnums=wrt, has_aux=case.has("aux"), check=True))
    except GradientMismatch:
        raise
    except srcad.SrcadError:
        pass  # what is refused is tested elsewhere


@pytest.mark.parametrize("kernel", [k for k in kernels.kernels() if "work_array" not in k.name][::5], ids=lambda k: k.name)
def test_right_kernels_pass(kernel):
    try:
        grad(kernel.loss("inline"), argnums=tuple(kernel.wrt), check=True)(*kernel.args())
    except GradientMismatch:
        raise
    except srcad.SrcadError:
        pass


def network(params, x):
    for w, b in params:
        x = np.maximum(x @ w + b, 0)
    return np.mean(x**2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_networks_with_kinks(dtype, scale):
    params = [(scale * normal(4, 50).astype(dtype), np.zeros(50, dtype)), (normal(50, 3).astype(dtype), np.zeros(3, dtype))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grad(network, check=True)(params, normal(20, 4).astype(dtype))


def test_at_a_kink_a_point_close_by_is_looked_at():
    assert grad(lambda x: np.maximum(x, 0.0), check=True)(0.0) == 0.0
    assert grad(abs, check=True)(0.0) == 0.0
    message, line = blamed(grad(lambda x: soft(x) + np.maximum(x, 0.0), check=True), 0.0)
    assert "there is a kink at the given one" in message and "soft(x)" in line


def test_single_precision_inside():
    def value(x):
        return float(np.sum(x.astype(np.float32) ** 3))

    def sums(x):
        s = np.float32(0.0)
        for v in x:
            s = s + v * v
        return s

    x = np.linspace(0.1, 1.0, 200)
    for fun, at in ((value, x), (sums, x.astype(np.float32))):
        try:
            grad(fun, check=True)(at)
        except GradientMismatch:
            raise
        except srcad.SrcadError:
            pass


def test_close_to_a_minimum():
    """The gradient is what rounding leaves of it."""
    A = normal(6, 6) @ normal(6, 6).T + 6 * np.eye(6)
    best = np.linalg.solve(A, np.ones(6))
    grad(lambda x: 0.5 * x @ A @ x - np.sum(x) + 1e6, check=True)(best)


def test_draws_are_repeated_and_later_ones_are_as_without_a_check():
    def noisy(x):
        return np.sum(x) * random.random()

    def from_a_generator(x, generator):
        return np.sum(x * generator.normal(size=3))

    results = []
    for check in (False, True):
        random.seed(3)
        generator = np.random.default_rng(3)
        results.append([
            *grad(noisy, check=check)(np.ones(3)), random.random(),
            *grad(from_a_generator, check=check)(np.ones(3), generator), generator.normal(),
        ])  # fmt: skip
    assert results[0] == results[1]


def test_what_changes_from_run_to_run_is_not_checked_and_says_so():
    generator = np.random.default_rng(0)

    def noisy(x):
        return x * stop_gradient(generator.normal())

    with pytest.warns(RuntimeWarning, match="noisy is not checked: it does not give the same value twice") as w:
        grad(noisy, check=True)(1.0)
    assert w[0].filename == __file__


# ---------------------------------------------------------------------------------------------------------------
# When it is checked


def test_each_signature_is_checked_once():
    runs = []
    derivative = grad(counted_by(runs), check=True)
    counts = []
    for x in (1.5, 2.5, 2, np.ones(3), np.ones(4), 1.0):
        before = len(runs)
        derivative(x)
        counts.append(len(runs) - before)
    assert [count == 1 for count in counts] == [False, True, True, False, True, True]


def counted_by(runs):
    def counted(x):
        assert runs.append(0) is None
        return np.sum(x * x)

    return counted


def test_arguments_are_left_as_they_were_and_integers_and_none_are_no_matter():
    def value(p, n, nothing, switch):
        return np.sum((p["w"] * 2.0) ** n) + len(p["name"]) if switch and nothing is None else 0.0

    p = {"w": np.arange(3.0), "count": 3, "name": "x", "none": None}
    bar = grad(value, check=True)(p, 2, None, True)
    assert bar["none"] is None and bar["count"] is None
    np.testing.assert_array_equal(p["w"], np.arange(3.0))
    assert list(p) == ["w", "count", "name", "none"]


def test_the_other_ways_to_ask_for_it():
    @grad(check=True)
    def decorated(x):
        return soft(x)

    blamed(decorated, 0.5)
    blamed(value_and_grad(several_lines, check=True), normal(3), normal(4, 3))
    message, line = blamed(lambda: vjp(with_branches, 0.5, "soft", check=True))
    assert line == "y = soft(x)"
    value, pullback = vjp(lambda x: x * x, normal(3), check=True)
    np.testing.assert_allclose(pullback(np.ones(3))[0], 2 * normal(3))
    message, line = blamed(grad(lambda x: (soft(x), "more"), has_aux=True, check=True), 0.5)
    assert "soft(x)" in line


def test_a_wrong_gradient_is_refused_at_each_call():
    derivative = grad(several_lines, check=True)
    for _ in range(2):
        blamed(derivative, normal(3), normal(4, 3))


def test_second_derivatives():
    assert grad(grad(lambda x: x**3), check=True)(2.0) == pytest.approx(12.0)
    blamed(grad(grad(lambda x: soft(x) * x), check=True), 0.7)


def test_a_trace_function_that_is_set_is_set_again():
    def trace(frame, event, arg):
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(GradientMismatch):
            grad(several_lines, check=True)(normal(3), normal(4, 3))
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_the_environment_turns_it_on(tmp_path):
    (tmp_path / "run.py").write_text(
        textwrap.dedent(
            """
            import numpy as np, srcad
            def cube(x):
                return x ** 3
            srcad.elementwise(cube, lambda y, x: 2 * x ** 2)
            def f(x):
                y = cube(x)
                return y + 1.0
            print(srcad.grad(f)(2.0))
            """
        )
    )

    def run(**more):
        env = {**os.environ, **more, "PYTHONPATH": os.getcwd()}
        return subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, cwd=tmp_path, env=env)

    assert run(SRCAD_CHECK="").stdout == "8.0\n"
    checked = run(SRCAD_CHECK="1")
    assert checked.returncode and "->" in checked.stderr and "y = cube(x)" in checked.stderr
