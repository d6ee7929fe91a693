"""A list that grows in a loop, and becomes an array."""

import numpy as np


def growing_list(x, n):
    terms = [x]
    for k in range(n):
        terms.append(terms[-1] * x / (k + 1))
    return np.sum(np.array(terms) ** 2)


ARGNUMS = 0
ARGUMENTS = (0.6, 4)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import kept
from srcad.runtime import own


def growing_list_forward(x, n):
    """Forward sweep of growing_list (growing_list.py:6); returns its result and what growing_list_adjoint needs."""
    terms = [x]
    for k in range(n):
        terms.append(terms[-1] * x / (k + 1))
    array = np.array(terms)
    power = array ** 2
    return np.sum(power), (x, n, terms, array)


def growing_list_adjoint(saved, result_bar):
    """Reverse sweep of growing_list: the adjoint of x from that of its result."""
    x, n, terms, array = saved
    terms = kept(terms)
    # 10: return np.sum(np.array(terms) ** 2)
    terms_bar = list(result_bar * 2 * array)
    # 8: for k in range(n):
    terms_bar = own(terms_bar)
    x_bar = 0.0
    for k in reversed(range(n)):
        # 9: terms.append(terms[-1] * x / (k + 1))
        terms.pop()
        terms_item_bar = terms_bar.pop()
        product_bar = terms_item_bar / (k + 1)
        terms_bar[-1] += product_bar * x
        x_bar += product_bar * terms[-1]
    # 7: terms = [x]
    x_bar += terms_bar[0]
    return x_bar


def growing_list_value_and_grad(x, n):
    """The value and the gradient of growing_list (growing_list.py:6)."""
    terms = [x]
    for k in range(n):
        terms.append(terms[-1] * x / (k + 1))
    array = np.array(terms)
    power = array ** 2
    result = np.sum(power)
    # 10: return np.sum(np.array(terms) ** 2)
    terms_bar = list(2.0 * array)
    # 8: for k in range(n):
    terms_bar = own(terms_bar)
    x_bar = 0.0
    for k in reversed(range(n)):
        # 9: terms.append(terms[-1] * x / (k + 1))
        terms.pop()
        terms_item_bar = terms_bar.pop()
        product_bar = terms_item_bar / (k + 1)
        terms_bar[-1] += product_bar * x
        x_bar += product_bar * terms[-1]
    # 7: terms = [x]
    x_bar += terms_bar[0]
    return result, x_bar


def growing_list_grad(x, n):
    """The gradient of growing_list (growing_list.py:6): both sweeps in one."""
    terms = [x]
    for k in range(n):
        terms.append(terms[-1] * x / (k + 1))
    array = np.array(terms)
    power = array ** 2
    # 10: return np.sum(np.array(terms) ** 2)
    terms_bar = list(2.0 * array)
    # 8: for k in range(n):
    terms_bar = own(terms_bar)
    x_bar = 0.0
    for k in reversed(range(n)):
        # 9: terms.append(terms[-1] * x / (k + 1))
        terms.pop()
        terms_item_bar = terms_bar.pop()
        product_bar = terms_item_bar / (k + 1)
        terms_bar[-1] += product_bar * x
        x_bar += product_bar * terms[-1]
    # 7: terms = [x]
    x_bar += terms_bar[0]
    return x_bar
