"""Variables that are other names of places, where that differs between paths: what is refused, and with which words.
What is right is in `tests.programs.imperative`."""

import numpy as np
import pytest

import srcad
from tests.programs.imperative import exchanging

X = np.array([0.3, -0.7, 1.1, 0.6])


def read_after_a_write(x):
    y, total = x * 1.0, 0.0
    for k in range(2):
        at = y if k == 0 else y + 1.0
        y[0] *= 2.0
        total += np.sum(at * at)
    return total


def asked_after_a_write(x):
    y, total = x * 1.0, 0.0
    for k in range(2):
        at = y if k == 0 else y + 1.0
        total += at[0]
        y[0] *= -2.0
        if at[0] > 0:
            total *= 2
    return total


def written_into_one_of_two(x):
    y, z = x * 1.0, x * 2.0
    for k in range(2):
        either = y if k == 0 else z
        either[1] *= 3.0
    return np.sum(y * z)


def overwrites(y, at):
    y[0] = at[1] * 2
    return np.sum(y * at)


def passed_with_what_it_may_be(x):
    y, total = x * 1.0, 0.0
    for k in range(2):
        at = y if k == 0 else y + 1.0
        total += overwrites(y, at)
    return total


def kept_in_a_list(x):
    y, kept = x * 1.0, []
    for k in range(2):
        at = y if k == 0 else y + 1.0
        kept.append(at)
        y[0] *= 2.0
    return np.sum(kept[0] * kept[1])


def read_after_an_exchange(x):
    u, v = x * 1.0, x * 2.0
    w = exchanging(u, v, 2)
    return np.sum(u * w)


def asked_after_an_exchange(x):
    u, v = x * 1.0, x * 2.0
    w = exchanging(u, v, 2)
    if u[1] > 0:
        w = w * 2
    return np.sum(w)


def read_after_an_exchange_on_one_path(x):
    u, v = x * 1.0, x * 2.0
    if u[0] > 0:
        w = exchanging(u, v, 2)
    else:
        w = v
    return np.sum(w) + u[1]


def both_names_of_one_array(x):
    u = x * 1.0
    return np.sum(exchanging(u, u, 2))


def through_a_helper(u, v):
    return exchanging(u, v, 2)


def read_after_an_exchange_in_a_helper(x):
    u, v = x * 1.0, x * 2.0
    w = through_a_helper(u, v)
    return np.sum(w) + u[0]


def view_read_after_an_exchange(x):
    u, v = x * 1.0, x * 2.0
    part = u[1:]
    w = exchanging(u, v, 1)
    return np.sum(part * w[1:])


REFUSED = {
    read_after_a_write: "`y` has been written into since",
    asked_after_a_write: "`y` has been written into since",
    written_into_one_of_two: "writing into an item of `either`, whose memory another name may share",
    passed_with_what_it_may_be: "overwrites() writes into `y` and gets `at`, which is in it",
    kept_in_a_list: "writing into an item of `y`, whose memory another name may share",
    read_after_an_exchange: "exchanging() may have put anything there",
    asked_after_an_exchange: "exchanging() may have put anything there",
    read_after_an_exchange_on_one_path: "exchanging() may have put anything there",
    both_names_of_one_array: "exchanging() writes into `u`, and gives its own name for it another value",
    read_after_an_exchange_in_a_helper: "through_a_helper() may have put anything there",
    view_read_after_an_exchange: "exchanging() may have put anything there",
}


@pytest.mark.parametrize("fun", REFUSED, ids=lambda fun: fun.__name__)
def test_what_cannot_be_told_is_refused(fun):
    with pytest.raises(srcad.SrcadError) as caught:
        srcad.grad(fun)(X)
    assert REFUSED[fun] in str(caught.value) and "test_places.py" in str(caught.value)
