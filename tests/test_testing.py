"""check_grads: passes right gradients, and says which component of a wrong one is off.

A wrong gradient is made with `stop_gradient`: what it hides is missing from the gradient, not from differences.
"""

from __future__ import annotations

import math
import re
from collections import namedtuple

import numpy as np
import pytest

import srcad
from srcad import stop_gradient
from srcad.testing import check_grads

Line = namedtuple("Line", "slope intercept")


def area(width, height):
    return width * height


def affine(p, x):
    return p["w"] @ x + p["b"]


def half_hidden(x, y):
    return x * stop_gradient(x) + y**2


def one_hidden(p):
    w = p["w"]
    return np.sum(w**3) * p["scale"] + stop_gradient(w[3])


def test_a_right_gradient_passes_in_silence():
    assert check_grads(area, (3.0, 4.0)) is None


def test_integers_are_promoted_as_grad_does():
    check_grads(area, (3, 4.0), argnums=0)


@pytest.mark.parametrize("argnums", [None, 0, -1, "height", (0, 1), ("height", 0)])
def test_arguments_are_chosen_by_index_and_by_name(argnums):
    check_grads(area, (3.0, 4.0), argnums=argnums)


def test_an_argument_that_is_not_there_is_named():
    with pytest.raises(srcad.KindError, match="area is called without an argument 'depth'"):
        check_grads(area, (3.0, 4.0), argnums="depth")


def test_values_that_are_arrays_go_through_vjp():
    check_grads(affine, ({"w": np.arange(6.0).reshape(2, 3), "b": np.ones(2)}, np.array([0.5, -1.0, 2.0])))


def test_values_that_are_structures_go_through_vjp():
    def powers(x, v):
        return {"square": x * x, "rest": (v * x, [np.sum(v)])}

    check_grads(powers, (1.5, np.array([1.0, 2.0])))


def test_structures_of_all_sorts():
    def value(line, layers, name):
        return line.slope * layers[0][1] + line.intercept * np.sum(layers[1] ** 2) + len(name)

    check_grads(value, (Line(2.0, 0.5), [("dense", 3.0), np.arange(3.0)], "text"))


def test_single_precision_has_its_own_tolerance():
    def squares(v):
        return np.sum(v * v)

    check_grads(squares, (np.linspace(0, 1, 5, dtype=np.float32),))


def test_arguments_far_from_one():
    def value(charge, distance):
        return charge**2 / distance

    check_grads(value, (1.6e-19, 5e-11))
    check_grads(value, (3e8, 4e12))


def test_arrays_of_rank_zero_and_empty_ones():
    def value(x, v):
        return x * x + np.sum(v)

    check_grads(value, (np.array(2.0), np.zeros(0)))


def test_a_wrong_gradient_is_told_with_both_numbers():
    with pytest.raises(srcad.GradientMismatch) as caught:
        check_grads(half_hidden, (3.0, 1.0))
    assert str(caught.value).startswith(
        "the gradient of half_hidden by x is not what differences say\n  along a random"
    )
    slope, difference = map(float, re.search(r": (\S+) by srcad, (\S+) ±", str(caught.value)).groups())
    assert difference == pytest.approx(2 * slope, rel=1e-6)


def test_a_wrong_component_is_found_in_its_structure():
    with pytest.raises(
        srcad.GradientMismatch, match=r"off most at p\['w'\]\[3\]: 96 by srcad, 97\.?\d* by differences"
    ):
        check_grads(one_hidden, ({"name": "net", "scale": 2.0, "w": np.array([1.0, 2.0, 3.0, 4.0, 5.0])},))


def test_only_the_chosen_arguments_are_compared():
    check_grads(half_hidden, (3.0, 1.0), argnums="y")


def test_another_tolerance():
    def nearly(x):
        return x + 1e-4 * stop_gradient(x)

    with pytest.raises(srcad.GradientMismatch):
        check_grads(nearly, (2.0,))
    check_grads(nearly, (2.0,), rtol=1e-3)
    check_grads(nearly, (2.0,), atol=1e-2)


def test_a_mismatch_is_an_assertion_error():
    assert issubclass(srcad.GradientMismatch, AssertionError)


def test_not_a_number_is_a_mismatch():
    def root(x):
        return np.sqrt(x * x)

    with pytest.raises(srcad.GradientMismatch), np.errstate(all="ignore"):
        check_grads(root, (0.0,))


def test_second_order_by_one_argument():
    def wave(x):
        return math.sin(x) * x**2

    check_grads(wave, (0.7,), order=2)


def test_second_order_by_several_arguments():
    check_grads(area, (3.0, 4.0), order=2)


def test_arguments_are_left_alone():
    def scaled(v, k):
        return np.sum(v) * k

    v = np.arange(3.0)
    check_grads(scaled, (v, 2.0))
    assert v.tolist() == [0, 1, 2]


def test_the_domain_may_end_near_the_point():
    def value(x):
        return math.log(x) + math.asin(1 - x)

    check_grads(value, (1e-3,))


def test_differences_are_good_to_nine_digits():
    def value(x):
        return math.exp(math.sin(3 * x)) / (1 + x * x)

    check_grads(value, (0.8,), rtol=1e-9)
