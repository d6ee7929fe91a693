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


def heat_stencil_forward(u, c, steps):
    """Forward sweep of heat_stencil (heat_stencil.py:6); returns its result and what heat_stencil_adjoint needs."""
    inner_tape = []
    total_tape = []
    u_tape = []
    for _ in range(steps):
        total = u[2:] - 2 * u[1:-1] + u[:-2]
        inner = u[1:-1] + c * total
        u_tape.append(u)
        u = np.concatenate([u[:1], inner, u[-1:]])
        inner_tape.append(inner)
        total_tape.append(total)
    return np.sum(u * u), (u, c, steps, u_tape, inner_tape, total_tape)


def heat_stencil_adjoint(saved, result_bar):
    """Reverse sweep of heat_stencil: the adjoint of u, c from that of its result."""
    u, c, steps, u_tape, inner_tape, total_tape = saved
    u_tape = u_tape.copy()
    inner_tape = inner_tape.copy()
    total_tape = total_tape.copy()
    # 10: return np.sum(u * u)
    u_bar = result_bar * 2 * u
    # 7: for _ in range(steps):
    c_bar = 0.0
    for _ in reversed(range(steps)):
        total = total_tape.pop()
        inner = inner_tape.pop()
        # 9: u = np.concatenate([u[:1], inner, u[-1:]])
        u = u_tape.pop()
        inner_bar = u_bar[u[:1].shape[0]:u[:1].shape[0] + inner.shape[0]]
        u_bar = scatter(u_bar[:u[:1].shape[0]], np.s_[:1], u.shape) + scatter(u_bar[u[:1].shape[0] + inner.shape[0]:], np.s_[-1:], u.shape)
        # 8: inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_bar[1:-1] += inner_bar
        c_bar += np.vdot(inner_bar, total)
        total_bar = inner_bar * c
        u_bar[2:] += total_bar
        u_bar[1:-1] -= total_bar * 2
        u_bar[:-2] += total_bar
    return u_bar, c_bar


def heat_stencil_value_and_grad(u, c, steps):
    """The value and the gradient of heat_stencil (heat_stencil.py:6)."""
    inner_tape = []
    total_tape = []
    u_tape = []
    for _ in range(steps):
        total = u[2:] - 2 * u[1:-1] + u[:-2]
        inner = u[1:-1] + c * total
        u_tape.append(u)
        u = np.concatenate([u[:1], inner, u[-1:]])
        inner_tape.append(inner)
        total_tape.append(total)
    result = np.sum(u * u)
    # 10: return np.sum(u * u)
    u_bar = 2.0 * u
    # 7: for _ in range(steps):
    c_bar = 0.0
    for _ in reversed(range(steps)):
        total = total_tape.pop()
        inner = inner_tape.pop()
        # 9: u = np.concatenate([u[:1], inner, u[-1:]])
        u = u_tape.pop()
        inner_bar = u_bar[u[:1].shape[0]:u[:1].shape[0] + inner.shape[0]]
        u_bar = scatter(u_bar[:u[:1].shape[0]], np.s_[:1], u.shape) + scatter(u_bar[u[:1].shape[0] + inner.shape[0]:], np.s_[-1:], u.shape)
        # 8: inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_bar[1:-1] += inner_bar
        c_bar += np.vdot(inner_bar, total)
        total_bar = inner_bar * c
        u_bar[2:] += total_bar
        u_bar[1:-1] -= total_bar * 2
        u_bar[:-2] += total_bar
    return result, (u_bar, c_bar)


def heat_stencil_grad(u, c, steps):
    """The gradient of heat_stencil (heat_stencil.py:6): both sweeps in one."""
    inner_tape = []
    total_tape = []
    u_tape = []
    for _ in range(steps):
        total = u[2:] - 2 * u[1:-1] + u[:-2]
        inner = u[1:-1] + c * total
        u_tape.append(u)
        u = np.concatenate([u[:1], inner, u[-1:]])
        inner_tape.append(inner)
        total_tape.append(total)
    # 10: return np.sum(u * u)
    u_bar = 2.0 * u
    # 7: for _ in range(steps):
    c_bar = 0.0
    for _ in reversed(range(steps)):
        total = total_tape.pop()
        inner = inner_tape.pop()
        # 9: u = np.concatenate([u[:1], inner, u[-1:]])
        u = u_tape.pop()
        inner_bar = u_bar[u[:1].shape[0]:u[:1].shape[0] + inner.shape[0]]
        u_bar = scatter(u_bar[:u[:1].shape[0]], np.s_[:1], u.shape) + scatter(u_bar[u[:1].shape[0] + inner.shape[0]:], np.s_[-1:], u.shape)
        # 8: inner = u[1:-1] + c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_bar[1:-1] += inner_bar
        c_bar += np.vdot(inner_bar, total)
        total_bar = inner_bar * c
        u_bar[2:] += total_bar
        u_bar[1:-1] -= total_bar * 2
        u_bar[:-2] += total_bar
    return u_bar, c_bar
