"""Heat conduction in functional form: each step makes a new array from slices of the old one."""

import numpy as np


def heat_stencil(u, c, steps):
    for _ in range(steps):
        inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = np.concatenate([u[:1], inner, u[-1:]])
    return np.sum(u * u)


ARGNUMS = ("u", "c")
ARGUMENTS = (np.array([0.0, 1.0, 0.5, -0.3, 0.2, 0.0]), 0.2, 3)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import scatter
from srcad.runtime import unbroadcast


def heat_stencil_forward(u, c, steps):
    """Forward sweep of heat_stencil (heat_stencil.py:6); returns its result and what heat_stencil_adjoint needs."""
    difference_tape = []
    inner_tape = []
    product_1_tape = []
    total_tape = []
    u_tape = []
    for _ in range(steps):
        difference = u[2:] - 2 * u[1:-1]
        total = difference + u[:-2]
        product_1 = c * total
        inner = u[1:-1] + product_1
        u_tape.append(u)
        u = np.concatenate([u[:1], inner, u[-1:]])
        difference_tape.append(difference)
        inner_tape.append(inner)
        product_1_tape.append(product_1)
        total_tape.append(total)
    product = u * u
    return np.sum(product), (u, c, steps, u_tape, difference_tape, inner_tape, product_1_tape, total_tape, product)


def heat_stencil_adjoint(saved, result_bar):
    """Reverse sweep of heat_stencil: the adjoint of u, c from that of its result."""
    u, c, steps, u_tape, difference_tape, inner_tape, product_1_tape, total_tape, product = saved
    u_tape = u_tape.copy()
    difference_tape = difference_tape.copy()
    inner_tape = inner_tape.copy()
    product_1_tape = product_1_tape.copy()
    total_tape = total_tape.copy()
    # 10: return np.sum(u * u)
    u_bar = unbroadcast(np.broadcast_to(result_bar, product.shape) * u, u.shape)
    u_bar += unbroadcast(np.broadcast_to(result_bar, product.shape) * u, u.shape)
    # 7: for _ in range(steps):
    c_bar = 0.0
    for _ in reversed(range(steps)):
        total = total_tape.pop()
        product_1 = product_1_tape.pop()
        inner = inner_tape.pop()
        difference = difference_tape.pop()
        # 9: u = np.concatenate([u[:1], inner, u[-1:]])
        u = u_tape.pop()
        inner_bar = u_bar[u[:1].shape[0]:u[:1].shape[0] + inner.shape[0]]
        u_bar = scatter(u_bar[:u[:1].shape[0]], np.s_[:1], u.shape) + scatter(u_bar[u[:1].shape[0] + inner.shape[0]:], np.s_[-1:], u.shape)
        # 8: inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_bar[1:-1] += unbroadcast(inner_bar, u[1:-1].shape)
        product_1_bar = unbroadcast(inner_bar, product_1.shape)
        c_bar += np.sum(product_1_bar * total)
        total_bar = product_1_bar * c
        difference_bar = unbroadcast(total_bar, difference.shape)
        u_bar[2:] += unbroadcast(difference_bar, u[2:].shape)
        product_bar = unbroadcast(-difference_bar, u[1:-1].shape)
        u_bar[1:-1] += product_bar * 2
        u_bar[:-2] += unbroadcast(total_bar, u[:-2].shape)
    return u_bar, c_bar


def heat_stencil_value_and_grad(u, c, steps):
    """The value and the gradient of heat_stencil (heat_stencil.py:6)."""
    difference_tape = []
    inner_tape = []
    product_1_tape = []
    total_tape = []
    u_tape = []
    for _ in range(steps):
        difference = u[2:] - 2 * u[1:-1]
        total = difference + u[:-2]
        product_1 = c * total
        inner = u[1:-1] + product_1
        u_tape.append(u)
        u = np.concatenate([u[:1], inner, u[-1:]])
        difference_tape.append(difference)
        inner_tape.append(inner)
        product_1_tape.append(product_1)
        total_tape.append(total)
    product = u * u
    result = np.sum(product)
    # 10: return np.sum(u * u)
    u_bar = unbroadcast(np.broadcast_to(1.0, product.shape) * u, u.shape)
    u_bar += unbroadcast(np.broadcast_to(1.0, product.shape) * u, u.shape)
    # 7: for _ in range(steps):
    c_bar = 0.0
    for _ in reversed(range(steps)):
        total = total_tape.pop()
        product_1 = product_1_tape.pop()
        inner = inner_tape.pop()
        difference = difference_tape.pop()
        # 9: u = np.concatenate([u[:1], inner, u[-1:]])
        u = u_tape.pop()
        inner_bar = u_bar[u[:1].shape[0]:u[:1].shape[0] + inner.shape[0]]
        u_bar = scatter(u_bar[:u[:1].shape[0]], np.s_[:1], u.shape) + scatter(u_bar[u[:1].shape[0] + inner.shape[0]:], np.s_[-1:], u.shape)
        # 8: inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_bar[1:-1] += unbroadcast(inner_bar, u[1:-1].shape)
        product_1_bar = unbroadcast(inner_bar, product_1.shape)
        c_bar += np.sum(product_1_bar * total)
        total_bar = product_1_bar * c
        difference_bar = unbroadcast(total_bar, difference.shape)
        u_bar[2:] += unbroadcast(difference_bar, u[2:].shape)
        product_bar = unbroadcast(-difference_bar, u[1:-1].shape)
        u_bar[1:-1] += product_bar * 2
        u_bar[:-2] += unbroadcast(total_bar, u[:-2].shape)
    return result, (u_bar, c_bar)


def heat_stencil_grad(u, c, steps):
    """The gradient of heat_stencil (heat_stencil.py:6): both sweeps in one."""
    difference_tape = []
    inner_tape = []
    product_1_tape = []
    total_tape = []
    u_tape = []
    for _ in range(steps):
        difference = u[2:] - 2 * u[1:-1]
        total = difference + u[:-2]
        product_1 = c * total
        inner = u[1:-1] + product_1
        u_tape.append(u)
        u = np.concatenate([u[:1], inner, u[-1:]])
        difference_tape.append(difference)
        inner_tape.append(inner)
        product_1_tape.append(product_1)
        total_tape.append(total)
    product = u * u
    # 10: return np.sum(u * u)
    u_bar = unbroadcast(np.broadcast_to(1.0, product.shape) * u, u.shape)
    u_bar += unbroadcast(np.broadcast_to(1.0, product.shape) * u, u.shape)
    # 7: for _ in range(steps):
    c_bar = 0.0
    for _ in reversed(range(steps)):
        total = total_tape.pop()
        product_1 = product_1_tape.pop()
        inner = inner_tape.pop()
        difference = difference_tape.pop()
        # 9: u = np.concatenate([u[:1], inner, u[-1:]])
        u = u_tape.pop()
        inner_bar = u_bar[u[:1].shape[0]:u[:1].shape[0] + inner.shape[0]]
        u_bar = scatter(u_bar[:u[:1].shape[0]], np.s_[:1], u.shape) + scatter(u_bar[u[:1].shape[0] + inner.shape[0]:], np.s_[-1:], u.shape)
        # 8: inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_bar[1:-1] += unbroadcast(inner_bar, u[1:-1].shape)
        product_1_bar = unbroadcast(inner_bar, product_1.shape)
        c_bar += np.sum(product_1_bar * total)
        total_bar = product_1_bar * c
        difference_bar = unbroadcast(total_bar, difference.shape)
        u_bar[2:] += unbroadcast(difference_bar, u[2:].shape)
        product_bar = unbroadcast(-difference_bar, u[1:-1].shape)
        u_bar[1:-1] += product_bar * 2
        u_bar[:-2] += unbroadcast(total_bar, u[:-2].shape)
    return u_bar, c_bar
