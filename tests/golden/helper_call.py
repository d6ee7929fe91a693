"""A function that calls another one: a pair for each."""

import numpy as np


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


def helper_call(z, label):
    return -np.log(softmax(z)[label])


ARGNUMS = 0
ARGUMENTS = (np.array([0.3, -1.2, 0.8]), 1)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import over
from srcad.runtime import scatter
from srcad.runtime import share


def softmax_forward(z):
    """Forward sweep of softmax (helper_call.py:6); returns its result and what softmax_adjoint needs."""
    max_1 = np.max(z)
    e = np.exp(z - max_1)
    sum_1 = np.sum(e)
    quotient = e / sum_1
    return quotient, (z, max_1, e, sum_1, quotient)


def softmax_adjoint(saved, result_bar):
    """Reverse sweep of softmax: the adjoint of z from that of its result."""
    z, max_1, e, sum_1, quotient = saved
    # 8: return e / np.sum(e)
    e_bar = result_bar / sum_1
    sum_1_bar = -np.vdot(result_bar, quotient) / sum_1
    e_bar += sum_1_bar
    # 7: e = np.exp(z - np.max(z))
    difference_bar = e_bar * e
    z_bar = difference_bar
    z_bar = z_bar + np.sum(-difference_bar) * share(z, max_1)
    return z_bar


def helper_call_forward(z, label):
    """Forward sweep of helper_call (helper_call.py:11); returns its result and what helper_call_adjoint needs."""
    softmax_1, softmax_saved = softmax_forward(z)
    return -np.log(softmax_1[label]), (label, softmax_1, softmax_saved)


def helper_call_adjoint(saved, result_bar):
    """Reverse sweep of helper_call: the adjoint of z from that of its result."""
    label, softmax_1, softmax_saved = saved
    # 12: return -np.log(softmax(z)[label])
    softmax_1_bar = scatter(over(-result_bar, softmax_1[label]), label, softmax_1.shape)
    z_bar = softmax_adjoint(softmax_saved, softmax_1_bar)
    return z_bar


def helper_call_value_and_grad(z, label):
    """The value and the gradient of helper_call (helper_call.py:11)."""
    softmax_1, softmax_saved = softmax_forward(z)
    result = -np.log(softmax_1[label])
    # 12: return -np.log(softmax(z)[label])
    softmax_1_bar = scatter(over(-1.0, softmax_1[label]), label, softmax_1.shape)
    z_bar = softmax_adjoint(softmax_saved, softmax_1_bar)
    return result, z_bar


def helper_call_grad(z, label):
    """The gradient of helper_call (helper_call.py:11): both sweeps in one."""
    softmax_1, softmax_saved = softmax_forward(z)
    # 12: return -np.log(softmax(z)[label])
    softmax_1_bar = scatter(over(-1.0, softmax_1[label]), label, softmax_1.shape)
    z_bar = softmax_adjoint(softmax_saved, softmax_1_bar)
    return z_bar
