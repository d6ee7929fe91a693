"""Whose memory is written: what is lent to helpers, what the root copies, what is refused when the program runs."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

import srcad
from srcad import SrcadError, grad
from srcad.analysis.specialise.sharing import is_view
from srcad.rules import registry
from srcad.runtime import arrays_in


def product(a, i):
    return a[i] * a[i + 1]


def sum_of_products(a):
    total = 0.0
    for i in range(len(a) - 1):
        total += product(a, i)
    return total


def test_a_helper_that_only_indexes_adds_into_the_shadow_of_its_caller():
    text = srcad.grad(sum_of_products).source_for(np.ones(5))
    helper = text[text.index("def product_adjoint") : text.index("def sum_of_products_forward")]
    assert "def product_adjoint(saved, result_bar, a, a_bar)" in helper
    assert "zeros" not in helper and "scatter" not in helper
    a = np.array([1.0, 2.0, 4.0, 7.0])
    np.testing.assert_allclose(srcad.grad(sum_of_products)(a), [2.0, 5.0, 9.0, 4.0])


def test_a_linear_update_in_a_helper_keeps_nothing():
    def relax(u):
        u[1:-1] = 0.5 * (u[2:] + u[:-2])

    def fun(u):
        for _ in range(4):
            relax(u)
        return np.sum(u)

    text = srcad.grad(fun).source_for(np.ones(6))
    assert "own(" not in text[: text.index("def fun_adjoint")]


def test_the_root_copies_what_it_writes_into():
    def fun(x, work):
        work[:] = x * x
        x *= 2.0
        return np.sum(x * work)

    x, work = np.array([1.0, -2.0]), np.zeros(2)
    np.testing.assert_allclose(srcad.grad(fun)(x, work), 6 * x * x)
    assert x.tolist() == [1.0, -2.0] and work.tolist() == [0.0, 0.0]


def test_one_array_for_two_arguments_is_refused_when_one_is_written_into():
    def fun(x, y):
        x[0] = y[1]
        return np.sum(x * y)

    z = np.ones(3)
    with pytest.raises(srcad.Unsupported, match="`x` is written into and shares memory with another argument") as error:
        srcad.grad(fun)(z, z)
    assert "test_memory.py" in str(error.value)
    np.testing.assert_allclose(srcad.grad(fun)(z, z.copy()), [0.0, 1.0, 1.0])


def test_one_array_for_two_parameters_of_a_helper():
    def mix(a, b):
        a[0] = b[1] * 3
        b[2] = a[0] * b[2]

    def fun(x):
        y = x.copy()
        mix(y, y)
        return np.sum(y)

    x = np.array([0.5, -1.5, 2.0])
    np.testing.assert_allclose(srcad.grad(fun)(x), [0.0, 1 + 3 + 3 * x[2], 3 * x[1]])


def test_a_view_that_is_a_copy_is_refused():
    def fun(x):
        m = np.outer(x, x)
        flat = m.T.reshape(-1)
        flat[0] = x[1]
        return np.sum(m)

    with pytest.raises(srcad.Unsupported, match="is a copy here, no view"):
        srcad.grad(fun)(np.ones(3))


def test_an_unpacking_of_the_wrong_length_raises_what_python_raises():
    def fun(x):
        a, b = x
        return a * b

    with pytest.raises(ValueError, match="too many values to unpack"):
        srcad.grad(fun)(np.ones(3))
    np.testing.assert_allclose(srcad.grad(fun)(np.array([2.0, 5.0])), [5.0, 2.0])


# What a function reads from outside of it stays as it was, whichever way it comes in: right, or refused.

OUTER = np.ones(3)
HELD = {"a": np.ones(3)}


class Holder:
    def __init__(self, w):
        self.w = w

    def get(self):
        return self.w


HOLDER = Holder(np.ones(3))


def given_back():
    return OUTER


def given_back_with(x):
    return OUTER, x


def given_by_default(w=OUTER):
    return w


def in_a_list_item():
    items = [None]
    items[0] = OUTER
    return items[0]


WAYS = {
    "the variable": lambda x: OUTER,
    "a function": lambda x: given_back(),
    "a function, beside something else": lambda x: given_back_with(x)[0],
    "a default": lambda x: given_by_default(),
    "a condition": lambda x: HELD["a"] if x > 0 else OUTER,
    "or": lambda x: None or OUTER,
    "a list": lambda x: [OUTER][0],
    "an item of a list": lambda x: in_a_list_item(),
    "a comprehension": lambda x: [w for w in (OUTER, OUTER)][0],
    "a dictionary": lambda x: HELD["a"],
    "a dictionary's get": lambda x: HELD.get("a"),
    "an object": lambda x: HOLDER.w,
    "a method": lambda x: HOLDER.get(),
    "an object made here": lambda x: Holder(OUTER).w,
    "a view": lambda x: OUTER[:2],
    "a transpose": lambda x: OUTER.T,
    "np.asarray": lambda x: np.asarray(OUTER),
    "np.atleast_1d": lambda x: np.atleast_1d(OUTER),
    "np.require": lambda x: np.require(OUTER),
    "astype without a copy": lambda x: OUTER.astype(float, copy=False),
    "nan_to_num without a copy": lambda x: np.nan_to_num(OUTER, copy=False),
    "nan_to_num without a copy, by position": lambda x: np.nan_to_num(OUTER, False),
    "a difference of order 0": lambda x: np.diff(OUTER, 0),
    "a transpose by einsum": lambda x: np.einsum("i->i", OUTER),
    "conj": lambda x: OUTER.conj(),
    "squeeze": lambda x: OUTER.squeeze(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_write_into_what_comes_from_outside_is_refused(way):
    fetch = WAYS[way]

    def f(x):
        w = fetch(x)
        w[0] = x
        return w.sum()

    try:
        with pytest.raises(SrcadError, match="writing into"):
            grad(f)(2.0)
        for array in (OUTER, HELD["a"], HOLDER.w):
            np.testing.assert_array_equal(array, 1.0)
    finally:
        for array in (OUTER, HELD["a"], HOLDER.w):
            array[:] = 1.0


def test_every_function_whose_result_may_be_a_view_is_known(tmp_path, monkeypatch):
    """By trying: what is differentiated, or constant, is called with arrays, and must not give back their memory."""
    monkeypatch.chdir(tmp_path)  # np.save is called, too
    arrays = [np.ones((2, 2)), np.ones(3), np.ones((1, 3)), np.ones((2, 2, 2))]
    missed = set()
    for module in (np, np.linalg, np.fft):
        for name in (n for n in dir(module) if not n.startswith("_")):
            function = getattr(module, name)
            known = callable(function) and not isinstance(function, type) and name != "printoptions"
            if not known or not (registry.find(function) or registry.is_constant(function)):
                continue
            for a in arrays:
                others = () if isinstance(function, np.ufunc) else (0, 1, a.shape, (0,))
                for args in ((a,), ([a],), *((a, other) for other in others), (a, 0, 1), (a, 1, 0, 1), ("i...->i...", a)):
                    if isinstance(function, np.ufunc) and len(args) > function.nin:
                        continue
                    with contextlib.suppress(Exception), warnings.catch_warnings(), contextlib.redirect_stdout(None):
                        warnings.simplefilter("ignore")
                        shared = any(np.shares_memory(part, a) for part in arrays_in(function(*args)))
                        if shared and not is_view(function, args, ()):
                            missed.add(name)
    assert not missed
