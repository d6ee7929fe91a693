"""The switches of the compiler: with each off, a derivative is the same, and costs more."""

from __future__ import annotations

import numpy as np
import pytest

import srcad
from srcad.options import SWITCHES, current, switched
from tests.kernels import kernels
from tests.test_kernels import Case, assert_slopes, keeps_tapes

CASES = [Case(kernel, "copied") for kernel in kernels()[::3]]


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_gradient_without_a_saving_has_the_slopes(case, switch):
    with switched(**{switch: False}):
        bars = srcad.grad(case.loss, argnums=case.kernel.argnums)(*case.args())
    assert_slopes(case, bars)


def text_of(fun, *args, **switches):
    with switched(**switches):
        derivative = srcad.grad(fun)
        derivative(*args)
    return derivative._latest.module.text


def damped(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] = 0.5 * (u[2:] + u[:-2])
    return np.sum(u)


def test_without_recording_what_is_overwritten_is_kept():
    args = np.ones(5), 3
    assert "_tape" not in text_of(damped, *args)
    assert "u_1_tape.append" in text_of(damped, *args, recording=False)


def weighted(x, w):
    return np.sum(w * np.sin(x))


def test_without_activity_the_adjoints_of_all_floats_are_made():
    args = np.ones(3), np.ones(3)
    assert "w_bar" not in text_of(weighted, *args)
    assert "w_bar" in text_of(weighted, *args, activity=False, recording=False)


def test_without_simplification_factors_1_stay():
    args = np.ones(3), np.ones(3)
    assert "1.0 *" not in text_of(weighted, *args)
    assert "1.0 *" in text_of(weighted, *args, simplification=False)


def test_a_switch_is_on_again_afterwards():
    case = Case(kernels()[0], "copied")
    with switched(recording=False):
        assert not current().recording
    assert current().recording and not keeps_tapes(case)
