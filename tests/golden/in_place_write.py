"""Writes into an array that the function made itself: their adjoints read, then clear, the shadow's region."""

import numpy as np


def in_place_write(u, f, n):
    u = u.copy()
    for k in range(n):
        u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
    return np.sum(np.exp(u))


ARGNUMS = ("u", "f")
ARGUMENTS = (np.array([0.5, 1.0, 0.5, -0.3, 0.8]), np.array([0.1, 0.2, 0.3, 0.4, 0.5]), 3)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import kept
from srcad.runtime import unbroadcast


def in_place_write_forward(u, f, n):
    """Forward sweep of in_place_write (in_place_write.py:6); returns its result and what in_place_write_adjoint needs."""
    u_1_tape = []
    u_1 = u.copy()
    for k in range(n):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    exp = np.exp(u_1)
    return np.sum(exp), (f, n, u_1, u_1_tape, exp)


def in_place_write_adjoint(saved, result_bar):
    """Reverse sweep of in_place_write: the adjoint of u, f from that of its result."""
    f, n, u_1, u_1_tape, exp = saved
    u_1 = kept(u_1)
    u_1_tape = u_1_tape.copy()
    # 10: return np.sum(np.exp(u))
    u_1_bar = result_bar * exp
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(n)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    # 7: u = u.copy()
    u_bar = u_1_bar
    return u_bar, f_bar


def in_place_write_value_and_grad(u, f, n):
    """The value and the gradient of in_place_write (in_place_write.py:6)."""
    u_1_tape = []
    u_1 = u.copy()
    for k in range(n):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    exp = np.exp(u_1)
    result = np.sum(exp)
    # 10: return np.sum(np.exp(u))
    u_1_bar = exp.copy()
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(n)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    # 7: u = u.copy()
    u_bar = u_1_bar
    return result, (u_bar, f_bar)


def in_place_write_grad(u, f, n):
    """The gradient of in_place_write (in_place_write.py:6): both sweeps in one."""
    u_1_tape = []
    u_1 = u.copy()
    for k in range(n):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    exp = np.exp(u_1)
    # 10: return np.sum(np.exp(u))
    u_1_bar = exp.copy()
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(n)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    # 7: u = u.copy()
    u_bar = u_1_bar
    return u_bar, f_bar
