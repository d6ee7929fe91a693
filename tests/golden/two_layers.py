"""A network with one hidden layer, its parameters in a dictionary."""

import numpy as np


def two_layers(p, x, y):
    h = np.tanh(x @ p["w1"] + p["b1"])
    r = h @ p["w2"] + p["b2"] - y
    return np.sum(r * r) / len(x)


ARGNUMS = 0
ARGUMENTS = (
    {
        "w1": np.array([[0.5, -0.3, 0.2], [0.1, 0.4, -0.6]]),
        "b1": np.array([0.1, -0.1, 0.3]),
        "w2": np.array([[0.7], [-0.2], [0.4]]),
        "b2": np.array([0.05]),
    },
    np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, 0.7], [0.0, -1.0]]),
    np.array([[1.0], [0.0], [0.5], [2.0]]),
)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

def two_layers_forward(p, x, y):
    """Forward sweep of two_layers (two_layers.py:6); returns its result and what two_layers_adjoint needs."""
    h = np.tanh(x @ p['w1'] + p['b1'])
    r = h @ p['w2'] + p['b2'] - y
    len_1 = len(x)
    return np.sum(r * r) / len_1, (p, x, h, r, len_1)


def two_layers_adjoint(saved, result_bar):
    """Reverse sweep of two_layers: the adjoint of p from that of its result."""
    p, x, h, r, len_1 = saved
    # 9: return np.sum(r * r) / len(x)
    r_bar = result_bar * 2 / len_1 * r
    # 8: r = h @ p["w2"] + p["b2"] - y
    h_bar = r_bar.dot(p['w2'].T)
    p_w2_bar = h.T.dot(r_bar)
    p_b2_bar = r_bar.sum(axis=0)
    # 7: h = np.tanh(x @ p["w1"] + p["b1"])
    total_bar = h_bar * (1 - h * h)
    p_w1_bar = x.T.dot(total_bar)
    p_b1_bar = total_bar.sum(axis=0)
    return {'w1': p_w1_bar, 'b1': p_b1_bar, 'w2': p_w2_bar, 'b2': p_b2_bar}


def two_layers_value_and_grad(p, x, y):
    """The value and the gradient of two_layers (two_layers.py:6)."""
    h = np.tanh(x @ p['w1'] + p['b1'])
    r = h @ p['w2'] + p['b2'] - y
    len_1 = len(x)
    result = np.sum(r * r) / len_1
    # 9: return np.sum(r * r) / len(x)
    r_bar = 2.0 / len_1 * r
    # 8: r = h @ p["w2"] + p["b2"] - y
    h_bar = r_bar.dot(p['w2'].T)
    p_w2_bar = h.T.dot(r_bar)
    p_b2_bar = r_bar.sum(axis=0)
    # 7: h = np.tanh(x @ p["w1"] + p["b1"])
    total_bar = h_bar * (1 - h * h)
    p_w1_bar = x.T.dot(total_bar)
    p_b1_bar = total_bar.sum(axis=0)
    return result, {'w1': p_w1_bar, 'b1': p_b1_bar, 'w2': p_w2_bar, 'b2': p_b2_bar}


def two_layers_grad(p, x, y):
    """The gradient of two_layers (two_layers.py:6): both sweeps in one."""
    h = np.tanh(x @ p['w1'] + p['b1'])
    r = h @ p['w2'] + p['b2'] - y
    len_1 = len(x)
    # 9: return np.sum(r * r) / len(x)
    r_bar = 2.0 / len_1 * r
    # 8: r = h @ p["w2"] + p["b2"] - y
    h_bar = r_bar.dot(p['w2'].T)
    p_w2_bar = h.T.dot(r_bar)
    p_b2_bar = r_bar.sum(axis=0)
    # 7: h = np.tanh(x @ p["w1"] + p["b1"])
    total_bar = h_bar * (1 - h * h)
    p_w1_bar = x.T.dot(total_bar)
    p_b1_bar = total_bar.sum(axis=0)
    return {'w1': p_w1_bar, 'b1': p_b1_bar, 'w2': p_w2_bar, 'b2': p_b2_bar}
