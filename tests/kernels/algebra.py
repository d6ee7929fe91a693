"""Products of matrices and vectors, by whole arrays and by rows."""

import numpy as np

from tests.kernels import kernel, normal, unset


@kernel(
    lambda n: dict(alpha=1.5, beta=1.2, C=normal(n, n + 1), A=normal(n, n + 2), B=normal(n + 2, n + 1)),
    wrt="C A B",
    writes="C",
    sizes=(4, 120),
    linear=True,
)
def gemm(alpha, beta, C, A, B):
    C[:] = beta * C + alpha * A @ B


@kernel(
    lambda n: dict(alpha=1.5, beta=1.2, C=normal(n, n + 1), A=normal(n, n + 2), B=normal(n + 2, n + 1)),
    wrt="alpha beta C A B",
    writes="C",
    sizes=(3, 10),
)
def gemm_by_loops(alpha, beta, C, A, B):
    rows, inner = A.shape
    for i in range(rows):
        C[i, :] *= beta
        for k in range(inner):
            for j in range(B.shape[1]):
                C[i, j] += alpha * A[i, k] * B[k, j]


@kernel(
    lambda n: dict(
        alpha=1.5, beta=1.2, A=normal(n, n + 1), B=normal(n + 1, n + 2), C=normal(n + 2, n + 3), D=normal(n, n + 3)
    ),
    wrt="A B C D",
    writes="D",
    sizes=(3, 100),
    linear=True,
)
def k2mm(alpha, beta, A, B, C, D):
    D *= beta
    D += alpha * A @ B @ C


@kernel(
    lambda n: dict(A=normal(n, n + 1), B=normal(n + 1, n), C=normal(n, n + 2), D=normal(n + 2, n), G=unset(n, n)),
    wrt="A B C D",
    writes="G",
    sizes=(3, 100),
    linear=True,
)
def k3mm(A, B, C, D, G):
    E = np.empty((A.shape[0], B.shape[1]), dtype=A.dtype)
    F = np.empty((C.shape[0], D.shape[1]), dtype=A.dtype)
    np.matmul(A, B, out=E)
    np.matmul(C, D, out=F)
    G[:] = E @ F


@kernel(
    lambda n: dict(A=normal(n, n + 1), x=normal(n + 1), y=unset(n + 1)),
    wrt="A x",
    writes="y",
    sizes=(4, 400),
    linear=True,
)
def atax(A, x, y):
    y[:] = (A @ x) @ A


@kernel(
    lambda n: dict(A=normal(n, n + 1), x=normal(n + 1), y=unset(n + 1)),
    wrt="A x",
    writes="y",
    sizes=(4, 60),
    linear=True,
)
def atax_by_rows(A, x, y):
    y[:] = 0.0
    for i in range(A.shape[0]):
        row = A[i]
        y += row * np.dot(row, x)


@kernel(
    lambda n: dict(A=normal(n, n + 1), p=normal(n + 1), r=normal(n), q=unset(n), s=unset(n + 1)),
    wrt="A p r",
    writes="q s",
    sizes=(4, 400),
    linear=True,
)
def bicg(A, p, r, q, s):
    s[:] = r @ A
    np.dot(A, p, out=q)


@kernel(
    lambda n: dict(x1=normal(n), x2=normal(n, seed=1), y1=normal(n, seed=2), y2=normal(n, seed=3), A=normal(n, n)),
    wrt="x1 x2 y1 y2 A",
    writes="x1 x2",
    sizes=(4, 400),
    linear=True,
)
def mvt(x1, x2, y1, y2, A):
    x1 += A @ y1
    x2 += y2 @ A


@kernel(
    lambda n: dict(
        alpha=1.5,
        beta=1.2,
        A=normal(n, n),
        u1=normal(n),
        v1=normal(n, seed=1),
        u2=normal(n, seed=2),
        v2=normal(n, seed=3),
        w=normal(n, seed=4),
        x=normal(n, seed=5),
        y=normal(n, seed=6),
        z=normal(n, seed=7),
    ),
    wrt="alpha beta A u1 v1 u2 v2 w x y z",
    writes="A w x",
    sizes=(4, 300),
    linear=True,
)
def gemver(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    A += np.outer(u1, v1) + np.outer(u2, v2)
    x += beta * y @ A + z
    w += alpha * A @ x


@kernel(
    lambda n: dict(alpha=1.5, beta=1.2, A=normal(n, n), B=normal(n, n, seed=1), x=normal(n), y=np.zeros(n)),
    wrt="alpha beta A B x",
    writes="y",
    sizes=(4, 300),
    linear=True,
)
def gesummv(alpha, beta, A, B, x, y):
    y[:] = alpha * A @ x + beta * B @ x


@kernel(
    lambda n: dict(alpha=1.5, beta=1.2, C=normal(n, n), A=normal(n, n + 1)),
    wrt="C A",
    writes="C",
    sizes=(4, 30),
    linear=True,
)
def syrk(alpha, beta, C, A):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]


@kernel(
    lambda n: dict(alpha=1.5, beta=1.2, C=normal(n, n), A=normal(n, n + 1), B=normal(n, n + 1, seed=1)),
    wrt="alpha beta C A B",
    writes="C",
    sizes=(4, 30),
)
def syr2k(alpha, beta, C, A, B):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += A[: i + 1, k] * alpha * B[i, k] + B[: i + 1, k] * alpha * A[i, k]


@kernel(
    lambda n: dict(alpha=1.5, beta=1.2, C=normal(n, n + 1), A=normal(n, n), B=normal(n, n + 1, seed=1)),
    wrt="C A B",
    writes="C",
    sizes=(4, 24),
)
def symm(alpha, beta, C, A, B):
    row = np.empty(C.shape[1], dtype=C.dtype)
    C *= beta
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            row[j] = B[:i, j] @ A[i, :i]
        C[i, :] += alpha * B[i, :] * A[i, i] + alpha * row


@kernel(
    lambda n: dict(alpha=1.5, A=normal(n, n), B=normal(n, n + 1)),
    wrt="alpha A B",
    writes="B",
    sizes=(4, 24),
)
def trmm(alpha, A, B):
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            B[i, j] += np.dot(A[i + 1 :, i], B[i + 1 :, j])
    B *= alpha


@kernel(
    lambda n: dict(A=normal(n, n + 1, n + 2), C4=normal(n + 2, n + 2)),
    wrt="A C4",
    writes="A",
    sizes=(3, 16),
)
def doitgen(A, C4):
    for r in range(A.shape[0]):
        for q in range(A.shape[1]):
            A[r, q, :] = A[r, q, :] @ C4


@kernel(
    lambda n: dict(
        values=normal(2 * n),
        columns=np.random.default_rng(3).integers(0, n, 2 * n),
        starts=np.arange(0, 2 * n + 1, 2),
        x=normal(n, seed=1),
        y=unset(n),
    ),
    wrt="values x",
    writes="y",
    sizes=(5, 200),
    linear=True,
)
def spmv(values, columns, starts, x, y):
    for i in range(y.size):
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            total += values[k] * x[columns[k]]
        y[i] = total


@kernel(
    lambda n: dict(
        values=normal(2 * n),
        columns=np.random.default_rng(3).integers(0, n, 2 * n),
        starts=np.arange(0, 2 * n + 1, 2),
        x=normal(n, seed=1),
    ),
    wrt="values x",
    returns=1,
    sizes=(5, 200),
    linear=True,
)
def spmv_by_rows(values, columns, starts, x):
    y = np.empty(starts.size - 1, dtype=values.dtype)
    for i in range(y.size):
        cols = columns[starts[i] : starts[i + 1]]
        y[i] = values[starts[i] : starts[i + 1]] @ x[cols]
    return y
