"""Factorisations, triangular and iterative solvers, in place."""

import numpy as np

from tests.kernels import kernel, normal, unset


def dominant(n, seed=0):
    return normal(n, n, seed=seed) / np.sqrt(n) + 3 * np.eye(n)


def definite(n):
    root = normal(n, n) / np.sqrt(n)
    return root @ root.T + 2 * np.eye(n)


@kernel(lambda n: dict(A=dominant(n)), wrt="A", writes="A", sizes=(5, 24))
def lu(A):
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]


@kernel(lambda n: dict(A=dominant(n)), wrt="A", writes="A", sizes=(4, 10))
def lu_by_loops(A):
    n = A.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            A[i, k] /= A[k, k]
            for j in range(k + 1, n):
                A[i, j] -= A[i, k] * A[k, j]


@kernel(lambda n: dict(A=dominant(n)), wrt="A", writes="A", sizes=(5, 60))
def lu_by_outer_products(A):
    for k in range(len(A) - 1):
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])


@kernel(lambda n: dict(A=definite(n)), wrt="A", writes="A", sizes=(5, 24))
def cholesky(A):
    n = A.shape[0]
    A[0, 0] = np.sqrt(A[0, 0])
    for i in range(1, n):
        for j in range(i):
            A[i, j] -= np.dot(A[i, :j], A[j, :j])
            A[i, j] /= A[j, j]
        A[i, i] -= np.dot(A[i, :i], A[i, :i])
        A[i, i] = np.sqrt(A[i, i])


@kernel(lambda n: dict(A=dominant(n), b=normal(n)), wrt="A b", writes="A", returns=2, sizes=(4, 20))
def ludcmp(A, b):
    n = A.shape[0]
    x = np.zeros_like(b)
    y = np.zeros_like(b)
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]
    for i in range(n):
        y[i] = b[i] - A[i, :i] @ y[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (y[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return x, y


@kernel(lambda n: dict(r=normal(n) / (n + 1)), wrt="r", returns=1, sizes=(5, 100))
def durbin(r):
    y = np.empty_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(r[k - 1 :: -1], y[:k])) / beta
        y[:k] += alpha * y[:k][::-1]
        y[k] = alpha
    return y


@kernel(lambda n: dict(A=normal(n + 2, n)), wrt="A", writes="A", returns=2, sizes=(3, 30))
def gramschmidt(A):
    n = A.shape[1]
    Q = np.zeros_like(A)
    R = np.zeros((n, n), dtype=A.dtype)
    for k in range(n):
        R[k, k] = np.sqrt(np.dot(A[:, k], A[:, k]))
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, n):
            R[k, j] = np.dot(Q[:, k], A[:, j])
            A[:, j] -= Q[:, k] * R[k, j]
    return Q, R


@kernel(lambda n: dict(L=dominant(n), x=unset(n), b=normal(n)), wrt="L b", writes="x", sizes=(5, 200))
def trisolv(L, x, b):
    for i in range(L.shape[0]):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]


@kernel(
    lambda n: dict(a=normal(n), b=4 + normal(n, seed=1) / 5, c=normal(n, seed=2), d=normal(n, seed=3)),
    wrt="a b c d",
    writes="b d",
    sizes=(5, 150),
)
def thomas(a, b, c, d):
    n = len(d)
    for i in range(1, n):
        m = a[i] / b[i - 1]
        b[i] -= m * c[i - 1]
        d[i] -= m * d[i - 1]
    d[-1] /= b[-1]
    for i in range(n - 2, -1, -1):
        d[i] = (d[i] - c[i] * d[i + 1]) / b[i]


@kernel(
    lambda n: dict(A=definite(n), b=normal(n), x=np.zeros(n), steps=4),
    wrt="A b x",
    writes="x",
    sizes=(5, 120),
)
def conjugate_gradient(A, b, x, steps):
    r = b - A @ x
    p = r.copy()
    rr = r @ r
    for _ in range(steps):
        Ap = A @ p
        alpha = rr / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        new = r @ r
        p *= new / rr
        p += r
        rr = new


@kernel(lambda n: dict(A=definite(n), x=normal(n), steps=5), wrt="A x", writes="x", returns=1, sizes=(4, 150))
def power_iteration(A, x, steps):
    y = np.empty_like(x)
    for _ in range(steps):
        np.dot(A, x, out=y)
        x[:] = y / np.sqrt(np.sum(y * y))
    return x @ A @ x


@kernel(
    lambda n: dict(A=normal(n, n, seed=2) + 0.1 * np.eye(n), b=normal(n)),
    wrt="A b",
    writes="A b",
    results="b",
    sizes=(5, 60),
)
def gauss_with_pivots(A, b):
    n = len(b)
    for k in range(n):
        p = k + np.argmax(np.abs(A[k:, k]))
        if p != k:
            A[[k, p]] = A[[p, k]]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            factor = A[i, k] / A[k, k]
            A[i, k:] -= factor * A[k, k:]
            b[i] -= factor * b[k]
    for k in reversed(range(n)):
        b[k] = (b[k] - A[k, k + 1 :] @ b[k + 1 :]) / A[k, k]


@kernel(lambda n: dict(A=normal(n + 1, n)), wrt="A", writes="A", sizes=(4, 50))
def householder(A):
    rows, columns = A.shape
    for k in range(columns):
        column = A[k:, k]
        v = column.copy()
        length = np.sqrt(np.sum(v * v))
        if v[0] < 0:
            length = -length
        v[0] += length
        v /= np.sqrt(np.sum(v * v))
        block = A[k:, k:]
        block -= 2.0 * np.outer(v, v @ block)


@kernel(lambda n: dict(A=dominant(n), b=normal(n), x=np.zeros(n), steps=3), wrt="A b x", writes="x", sizes=(4, 40))
def gauss_seidel(A, b, x, steps):
    for _ in range(steps):
        for i in range(len(b)):
            x[i] += (b[i] - A[i] @ x) / A[i, i]


@kernel(lambda n: dict(A=dominant(n)), wrt="A", writes="A", sizes=(4, 50))
def inverse_in_place(A):
    for k in range(A.shape[0]):
        pivot = A[k, k]
        A[k, k] = 1.0
        A[k] /= pivot
        for i in range(A.shape[0]):
            if i != k:
                factor = A[i, k]
                A[i, k] = 0.0
                A[i] -= factor * A[k]
