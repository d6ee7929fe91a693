"""The helpers that generated code calls for the decompositions of `numpy.linalg`; all take stacks of matrices.

Sources: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008);
S. F. Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions (2010); J. Townsend,
Differentiating the singular value decomposition (2016); G. H. Golub and V. Pereyra, The differentiation of
pseudo-inverses and nonlinear least squares problems (1973); D. A. O. Roberts and L. R. Roberts, QR and LQ decomposition
matrix backpropagation algorithms for square, wide, and deep matrices, real or complex (2020).
"""

from __future__ import annotations

import numpy as np

from srcad.runtime import conjugate_transpose, half_lower


def transposed(x):
    return np.swapaxes(x, -1, -2)


def inverse_gaps(w):
    """`1 / (w[j] - w[i])` at row i and column j; 0 on the diagonal, and for equal ones.

    >>> inverse_gaps(np.array([1.0, 3.0]))
    array([[ 0. ,  0.5],
           [-0.5,  0. ]])
    """
    gaps = w[..., None, :] - w[..., :, None]
    return (gaps != 0) / (gaps + (gaps == 0)).astype(w.dtype)


def scaled(columns, s):
    """The columns of matrices, each times its number."""
    return columns * s[..., None, :]


def divided(columns, s):
    """The columns of matrices over their numbers; 0 over 0 is 0."""
    return np.divide(columns, s[..., None, :], out=np.zeros_like(columns), where=columns != 0)


# ---------------------------------------------------------------------------------------------------------------
# Singular values


def singular_values_adjoint(s_bar, x):
    """The adjoint of the singular values of x."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return scaled(u, s_bar) @ vh


def singular_values_tangent(x_dot, x):
    """The tangent of the singular values of x."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.sum(np.conj(u) * (x_dot @ conjugate_transpose(vh)), -2).real


def thin(matrices, count, what):
    """The first `count` columns; of further ones, which complete a basis in no certain way, none may matter."""
    if np.any(matrices[..., count:]):
        raise ValueError(f"the derivative of more than the first {count} columns of {what}: use full_matrices=False")
    return matrices[..., :count]


def svd_adjoint(bars, parts):
    """The adjoint of x from those of `parts = np.linalg.svd(x)`, reduced or of square matrices."""
    (u_bar, s_bar, vh_bar), (u, s, vh) = bars, parts
    count = s.shape[-1]
    u_bar, v_bar = thin(u_bar, count, "u"), thin(transposed(vh_bar), count, "vh.T")
    u, vh = u[..., :count], vh[..., :count, :]
    v, ut = transposed(vh), transposed(u)
    gaps = inverse_gaps(s * s)
    turn_u, turn_v = ut @ u_bar, vh @ v_bar
    inner = scaled(gaps * (turn_u - transposed(turn_u)), s) + s[..., None] * (gaps * (turn_v - transposed(turn_v)))
    x_bar = (scaled(u, s_bar) + u @ inner) @ vh
    outside_u, outside_v = divided(u_bar - u @ turn_u, s), divided(v_bar - v @ turn_v, s)
    return x_bar + outside_u @ vh + u @ transposed(outside_v)


def svd_tangent(x_dot, parts):
    """The tangents of `parts = np.linalg.svd(x)`, reduced or of square matrices."""
    u, s, vh = parts
    if u.shape[-1] != vh.shape[-2]:
        raise ValueError("the derivative of a full basis: use np.linalg.svd(x, full_matrices=False)")
    v, ut = transposed(vh), transposed(u)
    inner, gaps = ut @ x_dot @ v, inverse_gaps(s * s)
    left = gaps * (scaled(inner, s) + s[..., None] * transposed(inner))
    right = gaps * (s[..., None] * inner + scaled(transposed(inner), s))
    u_dot = u @ left + divided(x_dot @ v - u @ inner, s)
    v_dot = v @ right + divided(transposed(x_dot) @ u - v @ transposed(inner), s)
    return u_dot, np.diagonal(inner, axis1=-2, axis2=-1).copy(), transposed(v_dot)


# ---------------------------------------------------------------------------------------------------------------
# Orthogonal bases


def qr_adjoint(q_bar, r_bar, q, r, x):
    """The adjoint of x from those of `q, r = np.linalg.qr(x)`, reduced."""
    n = r.shape[-2]
    if r.shape[-1] > n:  # x = q @ [r1, r2]; q and r1 come from the first columns
        rest = x[..., n:]
        q_bar = q_bar + rest @ conjugate_transpose(r_bar[..., n:])
        return np.concatenate([qr_adjoint(q_bar, r_bar[..., :n], q, r[..., :n], None), q @ r_bar[..., n:]], -1)
    half = half_lower(r @ conjugate_transpose(r_bar) - conjugate_transpose(q_bar) @ q)
    return conjugate_transpose(np.linalg.solve(r, conjugate_transpose(q_bar + q @ (half + conjugate_transpose(half)))))


def qr_tangent(x_dot, q, r, x):
    """The tangents of `q, r = np.linalg.qr(x)`, reduced."""
    n = r.shape[-2]
    head = x_dot[..., :n]
    relative = transposed(np.linalg.solve(transposed(r[..., :n]), transposed(head)))
    inner = conjugate_transpose(q) @ relative
    below = np.tril(inner, -1)
    turn = below - conjugate_transpose(below)
    if np.iscomplexobj(inner):  # the diagonal of r is real
        turn = turn + 1j * np.imag(inner) * np.eye(n)
    q_dot = q @ turn + relative - q @ inner
    r_dot = (inner - turn) @ r[..., :n]
    if r.shape[-1] > n:
        rest_dot = conjugate_transpose(q_dot) @ x[..., n:] + conjugate_transpose(q) @ x_dot[..., n:]
        r_dot = np.concatenate([r_dot, rest_dot], -1)
    return q_dot, r_dot


# ---------------------------------------------------------------------------------------------------------------
# Eigenvalues of general matrices


def real(w):
    if np.iscomplexobj(w):
        raise ValueError("a matrix has complex eigenvalues: their derivative is not supported yet")
    return w


def eig_adjoint(w_bar, v_bar, w, v):
    """The adjoint of x from those of `w, v = np.linalg.eig(x)`, real, the columns of v of length 1."""
    vt, turn = transposed(real(v)), transposed(v) @ v_bar
    along = np.diagonal(turn, axis1=-2, axis2=-1)
    inner = inverse_gaps(real(w)) * (turn - (vt @ v) * along[..., None, :])
    return np.linalg.solve(vt, (inner + np.eye(v.shape[-1], dtype=w.dtype) * w_bar[..., None, :]) @ vt)


def eig_tangent(x_dot, w, v):
    """The tangents of `w, v = np.linalg.eig(x)`, real, the columns of v of length 1."""
    inner = np.linalg.solve(real(v), x_dot @ v)
    v_dot = v @ (inverse_gaps(real(w)) * inner)
    v_dot = v_dot - scaled(v, np.sum(v * v_dot, -2))
    return np.diagonal(inner, axis1=-2, axis2=-1).copy(), v_dot


def eigvals_adjoint(w_bar, w, x):
    """The adjoint of x from that of its eigenvalues, real."""
    w, v = np.linalg.eig(x)
    return np.linalg.solve(transposed(real(v)), w_bar[..., None] * transposed(v))


def eigvals_tangent(x_dot, w, x):
    """The tangent of the eigenvalues of x, real."""
    w, v = np.linalg.eig(x)
    return np.diagonal(np.linalg.solve(real(v), x_dot @ v), axis1=-2, axis2=-1).copy()


# ---------------------------------------------------------------------------------------------------------------
# Least squares and powers


def lstsq_adjoint(bars, parts, a, b):
    """The adjoints of a and b from those of `parts = np.linalg.lstsq(a, b)`."""
    x, residuals, *_ = parts
    x_bar, residuals_bar, _, s_bar = bars
    columns = (lambda v: v[:, None]) if b.ndim == 1 else lambda v: v
    x, x_bar, data = columns(x), columns(x_bar), columns(b)
    inverse, rest = np.linalg.pinv(a), data - a @ x
    b_bar = inverse.T @ x_bar
    a_bar = rest @ (inverse @ b_bar).T - b_bar @ x.T + (inverse.T @ x) @ (x_bar - a.T @ b_bar).T
    if np.size(residuals):
        rest_bar = 2 * rest * residuals_bar
        a_bar, b_bar = a_bar - rest_bar @ x.T, b_bar + rest_bar
    if np.any(s_bar):
        a_bar = a_bar + singular_values_adjoint(s_bar, a)
    return a_bar, b_bar.reshape(b.shape)


def lstsq_tangent(a_dot, b_dot, parts, a, b):
    """The tangents of `parts = np.linalg.lstsq(a, b)`."""
    x, residuals, rank, s = parts
    columns = (lambda v: v[:, None]) if b.ndim == 1 else lambda v: v
    inverse, rest = np.linalg.pinv(a), columns(b) - a @ columns(x)
    rest_dot, x_dot = np.zeros_like(columns(b)), np.zeros_like(columns(x))
    if b_dot is not None:
        rest_dot = rest_dot + columns(b_dot)
    if a_dot is not None:
        rest_dot = rest_dot - a_dot @ columns(x)
        x_dot = inverse @ (inverse.T @ (a_dot.T @ rest))
        x_dot = x_dot + (np.eye(len(x)) - inverse @ a) @ (a_dot.T @ (inverse.T @ columns(x)))
    x_dot = x_dot + inverse @ rest_dot
    residuals_dot = 2 * np.sum(rest * rest_dot, 0) if np.size(residuals) else np.zeros_like(residuals)
    s_dot = np.zeros_like(s) if a_dot is None else singular_values_tangent(a_dot, a)
    return x_dot.reshape(x.shape), residuals_dot, 0, s_dot


def matrix_power_adjoint(y_bar, x, n):
    """The adjoint of `np.linalg.matrix_power(x, n)`: the sum over its n factors."""
    if n < 0:
        y = transposed(np.linalg.inv(x))
        return -y @ matrix_power_adjoint(y_bar, transposed(y), -n) @ y
    xt, before = transposed(x), y_bar
    total = np.zeros_like(y_bar)
    for _ in range(n):
        total = total @ xt + before
        before = xt @ before
    return total


def matrix_power_tangent(x_dot, x, n):
    """The tangent of `np.linalg.matrix_power(x, n)`."""
    if n < 0:
        y = np.linalg.inv(x)
        return matrix_power_tangent(-y @ x_dot @ y, y, -n)
    total, before = np.zeros_like(x_dot), x_dot
    for _ in range(n):
        total = total @ x + before
        before = x @ before
    return total


def half_upper(x):
    """The upper triangles of square matrices, with half of the diagonal."""
    return np.triu(x, 1) + 0.5 * (x * np.eye(x.shape[-1], dtype=x.dtype))
