"""Layers of networks, and the steps that train them."""

import numpy as np

from tests.kernels import kernel, normal, unset


@kernel(lambda n: dict(x=normal(2, 3, n, n), out=unset(2, 3, n, n)), wrt="x", writes="out", sizes=(3, 40))
def softmax(x, out):
    largest = np.max(x, axis=-1, keepdims=True)
    out[:] = np.exp(x - largest)
    out /= np.sum(out, axis=-1, keepdims=True)


def relu(x):
    return np.maximum(x, 0)


def softmax_rows(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


@kernel(
    lambda n: dict(
        x=normal(n, 4),
        w1=normal(4, 5),
        b1=normal(5),
        w2=normal(5, 6) / 2,
        b2=normal(6),
        w3=normal(6, 3) / 2,
        b3=normal(3),
    ),
    wrt="x w1 b1 w2 b2 w3 b3",
    returns=1,
    sizes=(3, 500),
)
def mlp(x, w1, b1, w2, b2, w3, b3):
    x = relu(x @ w1 + b1)
    x = relu(x @ w2 + b2)
    x = softmax_rows(x @ w3 + b3)
    return x


@kernel(
    lambda n: dict(x=normal(n, 4), w1=normal(4, 5), b1=normal(5), w2=normal(5, 3) / 2, out=unset(n, 3)),
    wrt="x w1 b1 w2",
    writes="out",
    sizes=(3, 500),
)
def mlp_with_buffers(x, w1, b1, w2, out):
    h = np.empty((x.shape[0], w1.shape[1]), dtype=x.dtype)
    np.matmul(x, w1, out=h)
    h += b1
    h[h < 0] = 0.0
    np.matmul(h, w2, out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)


@kernel(
    lambda n: dict(image=normal(2, n, n, 2), weights=normal(3, 3, 2, 4), out=unset(2, n - 2, n - 2, 4)),
    wrt="image weights",
    writes="out",
    sizes=(4, 12),
    linear=True,
)
def conv2d(image, weights, out):
    size = weights.shape[0]
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            patch = image[:, i : i + size, j : j + size, :]
            out[:, i, j, :] = np.sum(patch[:, :, :, :, np.newaxis] * weights[np.newaxis, :, :, :], axis=(1, 2, 3))


def convolved(x, weights):
    size = weights.shape[0]
    rows, columns = x.shape[1] - size + 1, x.shape[2] - size + 1
    out = np.empty((x.shape[0], rows, columns, weights.shape[3]), dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            out[:, i, j, :] = np.tensordot(x[:, i : i + size, j : j + size, :], weights, axes=([1, 2, 3], [0, 1, 2]))
    return out


def pooled(x):
    out = np.empty((x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]), dtype=x.dtype)
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return out


@kernel(
    lambda n: dict(
        x=normal(n, 10, 10, 1),
        c1=normal(3, 3, 1, 2),
        b1=normal(2),
        c2=normal(3, 3, 2, 3) / 3,
        b2=normal(3),
        w1=normal(3, 6),
        b3=normal(6),
        w2=normal(6, 4),
        b4=normal(4),
    ),
    wrt="x c1 b1 c2 b2 w1 b3 w2 b4",
    returns=1,
    sizes=(2, 8),
)
def lenet(x, c1, b1, c2, b2, w1, b3, w2, b4):
    x = relu(convolved(x, c1) + b1)
    x = pooled(x)
    x = relu(convolved(x, c2) + b2)
    x = pooled(x)
    x = np.reshape(x, (x.shape[0], x.shape[1] * x.shape[2] * x.shape[3]))
    x = relu(x @ w1 + b3)
    return x @ w2 + b4


@kernel(
    lambda n: dict(x=normal(n, 4, 4, 3), gamma=normal(3), beta=normal(3, seed=1)),
    wrt="x gamma beta",
    writes="x",
    sizes=(2, 60),
)
def batch_norm(x, gamma, beta):
    mean = np.mean(x, axis=(0, 1, 2), keepdims=True)
    std = np.std(x, axis=(0, 1, 2), keepdims=True)
    x -= mean
    x /= np.sqrt(std * std + 1e-5)
    x *= gamma
    x += beta


@kernel(
    lambda n: dict(w=normal(n), A=normal(n + 2, n), b=normal(n + 2), rate=0.05, steps=3),
    wrt="w A b rate",
    writes="w",
    sizes=(3, 60),
)
def adam(w, A, b, rate, steps):
    m = np.zeros_like(w)
    v = np.zeros_like(w)
    for t in range(1, steps + 1):
        g = A.T @ (A @ w - b)
        m *= 0.9
        m += 0.1 * g
        v[:] = 0.99 * v + 0.01 * g * g
        w -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-6)


@kernel(
    lambda n: dict(x=normal(n, 3), h=np.zeros(4), W=normal(4, 4) / 2, U=normal(4, 3), states=unset(n, 4)),
    wrt="x h W U",
    writes="h states",
    sizes=(4, 100),
)
def recurrent_network(x, h, W, U, states):
    for t in range(len(x)):
        row = states[t]
        row[:] = W @ h
        row += U @ x[t]
        np.tanh(row, out=row)
        h[:] = row
