"""Rules of `scipy.linalg`.

Functions of matrices go by a theorem of Mathias (1996): f of the block matrix [[a, e], [0, a]] has the derivative of f
at a in direction e as its upper right block. Its adjoint is the derivative at the transposed matrix.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from srcad import runtime_linalg, runtime_scipy
from srcad.rules.decompositions import (
    HERMITIAN, eigh_parts, pinv_jvp, pinv_vjp, qr_jvp, qr_vjp, svd_jvp, svd_vjp,
)  # fmt: skip
from srcad.rules.joining import sum_of
from srcad.rules.linalg import (
    cholesky_adjoint, cholesky_jvp, det_vjp, inv_vjp, norm_jvp, norm_vjp, solve_first, solve_jvp, solve_second,
)  # fmt: skip
from srcad.rules.registry import A, Refused, adjoint, conjugated, ex, holomorphic, named, rule, sequence_rule, symbolic
from srcad.rules.shapes import is_none, known, part, rank, shape, swap_last

frechet, lu_adjoint = symbolic(runtime_scipy.frechet), symbolic(runtime_scipy.lu_adjoint)
sums_of_shifts = symbolic(runtime_scipy.circulant_adjoint)
sums_of_diagonals = symbolic(runtime_scipy.toeplitz_adjoint)
solve_triangular, cho_solve, solve_sylvester, lyapunov, stein = (
    named(linalg, name)
    for name in (
        "solve_triangular", "cho_solve", "solve_sylvester", "solve_continuous_lyapunov", "solve_discrete_lyapunov",
    )
)  # fmt: skip
SQUARE = [ex(A(3, 3)), ex(A(1, 1))]
POSITIVE = [ex(A(3, 3, spd=True)), ex(A(1, 1, spd=True))]


def triangle(x, lower):
    return np.tril(x) if known(lower) else np.triu(x)


# ---------------------------------------------------------------------------------------------------------------
# What NumPy has, too

for name in "inv det solve pinv norm eigh svd svdvals qr lu cholesky block_diag toeplitz circulant".split():
    named(linalg, name)
adjoint(linalg.inv, jvp=lambda dots, y, a: -y @ dots[0] @ y, examples=SQUARE)(lambda y_bar, y, a: inv_vjp(y_bar, y, a))
adjoint(linalg.det, jvp=lambda dots, y, a: np.sum(dots[0] * det_vjp(np.ones_like(y), y, a), (-2, -1)), examples=SQUARE)(
    lambda y_bar, y, a: det_vjp(y_bar, y, a)
)
rule(
    linalg.solve, lambda y_bar, y, a, b: solve_first(y_bar, y, a, b), lambda y_bar, y, a, b: solve_second(y_bar, y, a, b),
    jvp=lambda dots, y, a, b: solve_jvp(dots, y, a, b), examples=[ex(A(3, 3), A(3)), ex(A(3, 3), A(3, 2))],
)  # fmt: skip
adjoint(linalg.pinv, jvp=lambda dots, y, a: pinv_jvp(dots, y, a), examples=[ex(A(3, 3)), ex(A(2, 4)), ex(A(4, 2))])(
    lambda y_bar, y, a: pinv_vjp(y_bar, y, a)
)


@adjoint(
    linalg.norm, jvp=lambda dots, y, a, ord=None, axis=None, keepdims=False: norm_jvp(dots, y, a, ord, axis, keepdims),
    examples=[ex(A(3)), ex(A(2, 3)), ex(A(3), 1), ex(A(2, 3), "fro"), ex(A(2, 3), 2), ex(A(2, 3), axis=1, keepdims=True)],
)  # fmt: skip
def norm_rule(y_bar, y, a, ord=None, axis=None, keepdims=False):
    return norm_vjp(y_bar, y, a, ord, axis, keepdims)


def eigh_vjp(y_bar, y, a, *, lower=True):
    return eigh_parts(part(y_bar, 0), part(y_bar, 1), part(y, 0), part(y, 1), a, "L" if known(lower) else "U")


def eigh_jvp(dots, y, a, *, lower=True):
    a_dot = np.tril(dots[0]) + np.tril(dots[0], -1).T if lower else np.triu(dots[0]) + np.triu(dots[0], 1).T
    inner = y[1].T @ a_dot @ y[1]
    return np.diagonal(inner), y[1] @ (runtime_linalg.inverse_gaps(y[0]) * inner)


adjoint(linalg.eigh, jvp=eigh_jvp, examples=[HERMITIAN[0], ex(A(3, 3)), ex(A(3, 3), lower=False)])(eigh_vjp)
adjoint(
    linalg.svd, jvp=lambda dots, y, a, full_matrices=True, compute_uv=True: svd_jvp(dots, y, a, full_matrices, compute_uv),
    examples=[ex(A(3, 3)), ex(A(2, 4), False), ex(A(2, 4), compute_uv=False)],
)(lambda y_bar, y, a, full_matrices=True, compute_uv=True: svd_vjp(y_bar, y, a, full_matrices, compute_uv))  # fmt: skip
adjoint(linalg.svdvals, jvp=lambda dots, y, a: svd_jvp(dots, y, a, False, False), examples=[ex(A(2, 4)), ex(A(3, 3))])(
    lambda y_bar, y, a: svd_vjp(y_bar, y, a, False, False)
)


def reduced(mode):
    if known(mode) != "economic":
        raise Refused(f"mode={mode!r}; use mode='economic'")


def qr_rule(y_bar, y, a, *, mode="full"):
    reduced(mode)
    return qr_vjp(y_bar, y, a)


def qr_tangent(dots, y, a, *, mode="full"):
    reduced(mode)
    return qr_jvp(dots, y, a)


adjoint(
    linalg.lu, jvp=lambda dots, y, a: runtime_scipy.lu_tangent(dots[0], *y),
    examples=[ex(A(3, 3)), ex(A(4, 2)), ex(A(2, 4)), ex(A(2, 3, 3)), ex(A(1, 1))],
)(lambda y_bar, y, a: lu_adjoint(part(y_bar, 1), part(y_bar, 2), part(y, 0), part(y, 1), part(y, 2)))  # fmt: skip


adjoint(linalg.qr, jvp=qr_tangent, examples=[ex(A(n, m), mode="economic") for n, m in ((3, 3), (4, 2), (2, 4))])(
    qr_rule
)


def cholesky_vjp(y_bar, y, a, lower=False):
    return cholesky_adjoint(y_bar, y) if known(lower) else cholesky_adjoint(y_bar.T, y.T).T


adjoint(
    linalg.cholesky, jvp=lambda dots, y, a, lower=False: cholesky_jvp(dots, y, a, upper=not lower),
    examples=[*POSITIVE, ex(A(3, 3, spd=True), lower=True)],
)(cholesky_vjp)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Solving with what is factorised

TRANSPOSED = {0: False, 1: True, "N": False, "T": True}


def triangular_second(y_bar, y, a, b, trans=0, lower=False, unit_diagonal=False):
    back = 0 if TRANSPOSED[known(trans)] else 1
    return solve_triangular(a, y_bar, trans=back, lower=lower, unit_diagonal=unit_diagonal)


def triangular_first(y_bar, y, a, b, trans=0, lower=False, unit_diagonal=False):
    b_bar = triangular_second(y_bar, y, a, b, trans, lower, unit_diagonal)
    pair = (y, b_bar) if TRANSPOSED[known(trans)] else (b_bar, y)
    product = np.outer(*pair) if rank(y) == 1 else pair[0] @ pair[1].T
    if known(unit_diagonal):
        return -np.tril(product, -1) if known(lower) else -np.triu(product, 1)
    return -triangle(product, lower)


def triangular_jvp(dots, y, a, b, trans=0, lower=False, unit_diagonal=False):
    a_dot, b_dot = dots
    change = 0.0 * y if b_dot is None else b_dot
    if a_dot is not None:
        a_dot = triangle(a_dot, lower)
        a_dot = a_dot - np.diag(np.diag(a_dot)) if unit_diagonal else a_dot
        change = change - (a_dot.T if TRANSPOSED[trans] else a_dot) @ y
    return solve_triangular(a, change, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


rule(
    linalg.solve_triangular, triangular_first, triangular_second, jvp=triangular_jvp,
    examples=[
        ex(A(3, 3), A(3)), ex(A(3, 3), A(3, 2)), ex(A(3, 3), A(3), lower=True), ex(A(3, 3), A(3, 2), 1, True),
        ex(A(3, 3), A(3), trans="T"), ex(A(3, 3), A(3), lower=True, unit_diagonal=True),
    ],
)  # fmt: skip


def cho_second(y_bar, y, c_and_lower, b):
    return cho_solve(c_and_lower, y_bar)


def cho_first(k, y_bar, y, c_and_lower, b):
    if k != 0:
        return 0.0
    lower = known(part(c_and_lower, 1))
    c = triangle(part(c_and_lower, 0), lower)
    b_bar = cho_solve(c_and_lower, y_bar)
    product = np.outer(b_bar, y) if rank(y) == 1 else b_bar @ y.T
    both = product + product.T
    return -np.tril(both @ c) if known(lower) else -np.triu(c @ both)


def cho_jvp(dots, y, c_and_lower, b):
    c_dot, b_dot = None if dots[0] is None else dots[0][0], dots[1]
    change = 0.0 * y if b_dot is None else b_dot
    if c_dot is not None:
        c, lower = c_and_lower
        c_dot = triangle(c_dot, lower)
        c = triangle(c, lower)
        a_dot = c_dot @ c.T + c @ c_dot.T if lower else c_dot.T @ c + c.T @ c_dot
        change = change - a_dot @ y
    return cho_solve(c_and_lower, change)


FACTOR = np.array([[1.5, 0.3, -0.4], [0.2, 2.0, 0.5], [0.7, -0.6, 1.0]])
sequence_rule(
    linalg.cho_solve, cho_second, data=("c_and_lower", "b"), jvp=cho_jvp,
    examples=[ex((FACTOR, True), A(3)), ex((FACTOR, False), A(3, 2)), ex((A(3, 3, spd=True), True), A(3))],
)(cho_first)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Equations of matrices


def sylvester_q(y_bar, y, a, b, q):
    return solve_sylvester(a.T, b.T, y_bar)


rule(
    linalg.solve_sylvester,
    lambda y_bar, y, a, b, q: -sylvester_q(y_bar, y, a, b, q) @ y.T,
    lambda y_bar, y, a, b, q: -y.T @ sylvester_q(y_bar, y, a, b, q),
    sylvester_q,
    jvp=lambda dots, y, a, b, q: solve_sylvester(
        a, b,
        (0.0 * q if dots[2] is None else dots[2])
        - (0.0 if dots[0] is None else dots[0] @ y) - (0.0 if dots[1] is None else y @ dots[1]),
    ),
    examples=[ex(A(3, 3, spd=True), A(2, 2, spd=True), A(3, 2))],
)  # fmt: skip


def lyapunov_first(y_bar, y, a, q):
    z = lyapunov(a.T, y_bar)
    return -z @ y.T - z.T @ y


rule(
    linalg.solve_continuous_lyapunov, lyapunov_first, lambda y_bar, y, a, q: lyapunov(a.T, y_bar),
    jvp=lambda dots, y, a, q: lyapunov(
        a, (0.0 * q if dots[1] is None else dots[1]) - (0.0 if dots[0] is None else dots[0] @ y + y @ dots[0].T)
    ),
    examples=[ex(A(3, 3, spd=True), A(3, 3))],
)  # fmt: skip


def stein_first(y_bar, y, a, q):
    z = stein(a.T, y_bar)
    return z @ a @ y.T + z.T @ a @ y


rule(
    linalg.solve_discrete_lyapunov, stein_first, lambda y_bar, y, a, q: stein(a.T, y_bar),
    jvp=lambda dots, y, a, q: stein(
        a, (0.0 * q if dots[1] is None else dots[1]) + (0.0 if dots[0] is None else dots[0] @ y @ a.T + a @ y @ dots[0].T)
    ),
    examples=[ex(A(3, 3, low=-0.3, high=0.3), A(3, 3))],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Functions of matrices


def declare(name: str) -> None:
    named(linalg, name)
    function = getattr(linalg, name)

    def vjp(y_bar, y, a):
        return frechet(function, swap_last(a, 2), y_bar)

    examples = [ex(A(3, 3)), ex(A(1, 1))] if name in ("expm", "sinm", "cosm", "sinhm", "coshm") else POSITIVE
    adjoint(function, jvp=lambda dots, y, a: frechet(function, a, dots[0]), examples=examples, synonyms={"A": "a"})(vjp)


for name in "expm logm sqrtm sinm cosm sinhm coshm".split():
    declare(name)

# ---------------------------------------------------------------------------------------------------------------
# Matrices made of parts


@sequence_rule(
    linalg.block_diag,
    data="arrs",
    jvp="linear",
    arrays=True,
    examples=[ex(A(2, 2), A(1, 3)), ex(A(2, 2)), ex(A(1, 1), np.ones((2, 2)))],
)
def block_diag_vjp(k, y_bar, y, *arrs):
    if any(rank(a) != 2 for a in arrs):
        raise Refused("arrays that are no matrices")
    bounds = []
    for axis in (0, 1):
        start, extent = sum_of([shape(a)[axis] for a in arrs[:k]]), shape(arrs[k])[axis]
        bounds.append(slice(start, extent if start is None else start + extent))
    return y_bar[tuple(bounds)]


def toeplitz_part(k):
    def vjp(y_bar, y, c, r=None):
        return sums_of_diagonals(y_bar, k, is_none(r))

    return vjp


rule(
    linalg.toeplitz, toeplitz_part(0), toeplitz_part(1), data=("c", "r"), jvp="linear",
    examples=[ex(A(3)), ex(A(3), A(4)), ex(A(4), A(2))],
)  # fmt: skip


@adjoint(linalg.circulant, jvp="linear", examples=[ex(A(4)), ex(A(1))])
def circulant_vjp(y_bar, y, c):
    return sums_of_shifts(y_bar)


ANALYTIC = (
    linalg.inv, linalg.det, linalg.solve, linalg.solve_triangular, linalg.expm, linalg.logm, linalg.sqrtm, linalg.sinm,
    linalg.cosm, linalg.sinhm, linalg.coshm, linalg.block_diag, linalg.circulant,
)  # fmt: skip
holomorphic(*ANALYTIC)
conjugated(linalg.norm)
