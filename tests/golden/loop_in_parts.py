"""A time loop that is to stay within a given memory: all parts of it but the last are run again on the way back."""

import numpy as np


def loop_in_parts(u, f, n):
    u = u.copy()
    for k in range(n):
        u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
    return np.sum(u * u)


ARGNUMS = ("u", "f")
ARGUMENTS = (np.array([0.3, 1.0, 0.5, -0.3, 0.2]), np.full(5, 0.4), 20)
MEMORY = 2000


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import kept
from srcad.runtime import unbroadcast
from srcad.runtime_memory import parts
from srcad.runtime_memory import schedule


def loop_in_parts_passes_primal(first, last, u_1, f):
    """loop_in_parts_passes itself, with nothing kept for the way back."""
    for k in range(first, last):
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    return None


def loop_in_parts_parts_primal(first, last, length, slots, u_1, f):
    """loop_in_parts_parts itself, with nothing kept for the way back."""
    ends = parts(first, last, length, slots)
    for part in range(len(ends) - 2):
        loop_in_parts_parts_1 = loop_in_parts_parts_primal(ends[part], ends[part + 1], length, slots - part, u_1, f)
    loop_in_parts_passes_1 = loop_in_parts_passes_primal(ends[-2], ends[-1], u_1, f)
    return loop_in_parts_passes_1


def loop_in_parts_passes_again(first, last, u_1, f, result_bar, u_1_bar):
    """loop_in_parts_passes, run once more, and back: the adjoints of its arguments from that of its result."""
    u_1_tape = []
    for k in range(first, last):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(first, last)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    return f_bar


def loop_in_parts_passes_forward(first, last, u_1, f):
    """Forward sweep of loop_in_parts_passes (loop_in_parts.py:8); returns its result and what loop_in_parts_passes_adjoint needs."""
    u_1_tape = []
    for k in range(first, last):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    return None, (first, last, f, u_1_tape)


def loop_in_parts_parts_again(first, last, length, slots, u_1, f, result_bar, u_1_bar):
    """loop_in_parts_parts, run once more, and back: the adjoints of its arguments from that of its result."""
    u_1_tape = []
    ends = parts(first, last, length, slots)
    for part in range(len(ends) - 2):
        u_1_tape.append(u_1.copy())
        loop_in_parts_parts_1 = loop_in_parts_parts_primal(ends[part], ends[part + 1], length, slots - part, u_1, f)
    u_1_old = u_1.copy()
    # 8: for k in range(n):
    u_1[...] = u_1_old
    u_1_1 = kept(u_1)
    f_bar = loop_in_parts_passes_again(ends[-2], ends[-1], u_1_1, f, None, u_1_bar)
    for part in reversed(range(len(ends) - 2)):
        u_1[...] = u_1_tape.pop()
        u_1_2 = kept(u_1)
        f_bar_1 = loop_in_parts_parts_again(ends[part], ends[part + 1], length, slots - part, u_1_2, f, None, u_1_bar)
        f_bar += f_bar_1
    return f_bar


def loop_in_parts_forward(u, f, n):
    """Forward sweep of loop_in_parts (loop_in_parts.py:6); returns its result and what loop_in_parts_adjoint needs."""
    u_1_tape = []
    u_1 = u.copy()
    # 8: for k in range(n): - in parts: all but the last are run again on the way back
    length, slots = schedule(n, 2000, loop_in_parts_passes_forward, (u_1, f), (u_1,), 'loop_in_parts.py:8')
    ends = parts(0, n, length, slots)
    for part in range(len(ends) - 2):
        u_1_tape.append(u_1.copy())
        loop_in_parts_parts_1 = loop_in_parts_parts_primal(ends[part], ends[part + 1], length, slots - part, u_1, f)
    n_1 = ends[-2]
    n_2 = ends[-1]
    for k in range(n_1, n_2):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    return np.sum(u_1 * u_1), (f, u_1, length, slots, ends, u_1_tape, n_1, n_2)


def loop_in_parts_adjoint(saved, result_bar):
    """Reverse sweep of loop_in_parts: the adjoint of u, f from that of its result."""
    f, u_1, length, slots, ends, u_1_tape, n_1, n_2 = saved
    u_1 = kept(u_1)
    u_1_tape = u_1_tape.copy()
    # 10: return np.sum(u * u)
    u_1_bar = result_bar * 2 * u_1
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(n_1, n_2)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    for part in reversed(range(len(ends) - 2)):
        u_1[...] = u_1_tape.pop()
        u_1_1 = kept(u_1)
        f_bar_1 = loop_in_parts_parts_again(ends[part], ends[part + 1], length, slots - part, u_1_1, f, None, u_1_bar)
        f_bar += f_bar_1
    # 7: u = u.copy()
    u_bar = u_1_bar
    return u_bar, f_bar


def loop_in_parts_value_and_grad(u, f, n):
    """The value and the gradient of loop_in_parts (loop_in_parts.py:6)."""
    u_1_tape = []
    u_1 = u.copy()
    # 8: for k in range(n): - in parts: all but the last are run again on the way back
    length, slots = schedule(n, 2000, loop_in_parts_passes_forward, (u_1, f), (u_1,), 'loop_in_parts.py:8')
    ends = parts(0, n, length, slots)
    for part in range(len(ends) - 2):
        u_1_tape.append(u_1.copy())
        loop_in_parts_parts_1 = loop_in_parts_parts_primal(ends[part], ends[part + 1], length, slots - part, u_1, f)
    n_1 = ends[-2]
    n_2 = ends[-1]
    for k in range(n_1, n_2):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    result = np.sum(u_1 * u_1)
    # 10: return np.sum(u * u)
    u_1_bar = 2.0 * u_1
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(n_1, n_2)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    for part in reversed(range(len(ends) - 2)):
        u_1[...] = u_1_tape.pop()
        u_1_1 = kept(u_1)
        f_bar_1 = loop_in_parts_parts_again(ends[part], ends[part + 1], length, slots - part, u_1_1, f, None, u_1_bar)
        f_bar += f_bar_1
    # 7: u = u.copy()
    u_bar = u_1_bar
    return result, (u_bar, f_bar)


def loop_in_parts_grad(u, f, n):
    """The gradient of loop_in_parts (loop_in_parts.py:6): both sweeps in one."""
    u_1_tape = []
    u_1 = u.copy()
    # 8: for k in range(n): - in parts: all but the last are run again on the way back
    length, slots = schedule(n, 2000, loop_in_parts_passes_forward, (u_1, f), (u_1,), 'loop_in_parts.py:8')
    ends = parts(0, n, length, slots)
    for part in range(len(ends) - 2):
        u_1_tape.append(u_1.copy())
        loop_in_parts_parts_1 = loop_in_parts_parts_primal(ends[part], ends[part + 1], length, slots - part, u_1, f)
    n_1 = ends[-2]
    n_2 = ends[-1]
    for k in range(n_1, n_2):
        u_1_tape.append(u_1[1:-1].copy())
        u_1[1:-1] = 0.5 * (u_1[2:] * u_1[:-2] + f[1:-1])
    # 10: return np.sum(u * u)
    u_1_bar = 2.0 * u_1
    # 8: for k in range(n):
    f_bar = np.zeros_like(f)
    for k in reversed(range(n_1, n_2)):
        # 9: u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
        u_1[1:-1] = u_1_tape.pop()
        u_1_item_bar = u_1_bar[1:-1].copy()
        u_1_bar[1:-1] = 0.0
        total_bar = u_1_item_bar * 0.5
        u_1_bar[2:] += total_bar * u_1[:-2]
        u_1_bar[:-2] += total_bar * u_1[2:]
        f_bar[1:-1] += unbroadcast(total_bar, f[1:-1].shape)
    for part in reversed(range(len(ends) - 2)):
        u_1[...] = u_1_tape.pop()
        u_1_1 = kept(u_1)
        f_bar_1 = loop_in_parts_parts_again(ends[part], ends[part + 1], length, slots - part, u_1_1, f, None, u_1_bar)
        f_bar += f_bar_1
    # 7: u = u.copy()
    u_bar = u_1_bar
    return u_bar, f_bar
