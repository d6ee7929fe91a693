"""Rules of the decompositions of `numpy.linalg`, and of what is made by one: pseudo-inverses, least squares, powers.

Where singular values or eigenvalues are equal, their vectors have no derivative. The rules then give the one that is
right for all results which do not depend on the choice of those vectors.
"""

from __future__ import annotations

import numpy as np

from srcad import runtime, runtime_linalg
from srcad.rules.registry import A, Refused, adjoint, available, ex, refused, rule, symbolic
from srcad.rules.shapes import (
    conjugate, conjugate_transpose, is_unread, known, number, part, rank, seems_complex, swap_last,
)  # fmt: skip

half_lower = symbolic(runtime.half_lower)
half_upper = symbolic(runtime_linalg.half_upper)
inverse_gaps = symbolic(runtime_linalg.inverse_gaps)
singular_values_adjoint = symbolic(runtime_linalg.singular_values_adjoint)
svd_adjoint = symbolic(runtime_linalg.svd_adjoint)
qr_adjoint = symbolic(runtime_linalg.qr_adjoint)
eig_adjoint = symbolic(runtime_linalg.eig_adjoint)
eigvals_adjoint = symbolic(runtime_linalg.eigvals_adjoint)
lstsq_adjoint = symbolic(runtime_linalg.lstsq_adjoint)
matrix_power_adjoint = symbolic(runtime_linalg.matrix_power_adjoint)
symmetric_eigen = symbolic(np.linalg.eigh)

# ---------------------------------------------------------------------------------------------------------------
# Eigenvalues. Of a symmetric matrix one triangle is read, and that one has the adjoint


def of_triangle(s, UPLO, like):
    """The adjoint of the triangle that is read, from that of the symmetric (if `like` is complex, Hermitian) matrix."""
    both = s + conjugate(np.swapaxes(s, -1, -2), like)
    return half_lower(both) if known(UPLO).upper() == "L" else half_upper(both)


def symmetric(a_dot, UPLO, like):
    """The symmetric (if `like` is complex, Hermitian) matrix that the triangle of `a_dot` stands for."""
    one = half_lower(a_dot) if known(UPLO).upper() == "L" else half_upper(a_dot)
    return one + conjugate(np.swapaxes(one, -1, -2), like)


def eigh_parts(w_bar, v_bar, w, v, a, UPLO):
    vt, columns = conjugate_transpose(v, a, rank(a)), None
    if not is_unread(w_bar):
        columns = v * w_bar[..., None, :]
    if not is_unread(v_bar):
        turned = v @ (inverse_gaps(w) * (vt @ v_bar))
        columns = turned if columns is None else columns + turned
    return of_triangle(columns @ vt, UPLO, a)


def eigh_vjp(y_bar, y, a, UPLO="L"):
    return eigh_parts(part(y_bar, 0), part(y_bar, 1), part(y, 0), part(y, 1), a, UPLO)


def eigh_jvp(dots, y, a, UPLO="L"):
    w, v = part(y, 0), part(y, 1)
    inner = conjugate_transpose(v, a, rank(a)) @ symmetric(dots[0], UPLO, a) @ v
    slopes = np.diagonal(inner, 0, -2, -1)
    return np.real(slopes) if seems_complex(a) else slopes, v @ (inverse_gaps(w) * inner)


HERMITIAN = [
    ex(A(3, 3, spd=True)), ex(A(3, 3)), ex(A(2, 3, 3)), ex(A(3, 3), "U"), ex(A(1, 1)), ex(A(2, 3, 3), UPLO="U"),
]  # fmt: skip
adjoint(np.linalg.eigh, jvp=eigh_jvp, examples=HERMITIAN)(eigh_vjp)


@adjoint(
    np.linalg.eigvalsh, jvp=lambda dots, y, a, UPLO="L": eigh_jvp(dots, symmetric_eigen(a, UPLO), a, UPLO)[0],
    examples=HERMITIAN,
)  # fmt: skip
def eigvalsh_vjp(y_bar, y, a, UPLO="L"):
    v = symmetric_eigen(a, UPLO)[1]
    return of_triangle((v * y_bar[..., None, :]) @ conjugate_transpose(v, a, rank(a)), UPLO, a)


GENERAL = [
    ex(A(3, 3, spd=True)),
    ex(A(2, 3, 3, spd=True)),
    ex(np.array([[1.0, 0.4, -0.3], [0.2, 2.0, 0.1], [0.2, 0.3, 3.0]])),
]


def where_real(function, **options):
    """Declares a rule of general eigenvalues, for a NumPy that gives real ones where all of them are; from 2.5 on they are
    complex numbers always."""
    if np.linalg.eigvals(np.eye(1)).dtype.kind == "c":
        refused("its result is complex; use np.linalg.eigh or np.linalg.eigvalsh of a symmetric matrix", function)
        return lambda vjp: vjp
    return adjoint(function, **options)


@where_real(np.linalg.eig, jvp=lambda dots, y, a: runtime_linalg.eig_tangent(dots[0], y[0], y[1]), examples=GENERAL)
def eig_vjp(y_bar, y, a):
    return eig_adjoint(part(y_bar, 0), part(y_bar, 1), part(y, 0), part(y, 1))


@where_real(np.linalg.eigvals, jvp=lambda dots, y, a: runtime_linalg.eigvals_tangent(dots[0], y, a), examples=GENERAL)
def eigvals_vjp(y_bar, y, a):
    return eigvals_adjoint(y_bar, y, a)


# ---------------------------------------------------------------------------------------------------------------
# Singular values


def svd_vjp(y_bar, y, a, full_matrices=True, compute_uv=True):
    if not known(compute_uv):
        return singular_values_adjoint(y_bar, a)
    bars = [part(y_bar, k) for k in range(3)]
    if is_unread(bars[0]) and is_unread(bars[2]):
        u, s, vh = (part(y, k) for k in range(3))
        if known(full_matrices):
            u, vh = u[..., : s.shape[-1]], vh[..., : s.shape[-1], :]
        return (u * bars[1][..., None, :]) @ vh
    refuse_vectors(a)
    return svd_adjoint(tuple(bars), y)


def refuse_vectors(a):
    if seems_complex(a):
        raise Refused("the singular vectors of a complex matrix; take the eigenvectors of `a.conj().T @ a`")


def svd_jvp(dots, y, a, full_matrices=True, compute_uv=True):
    if not compute_uv:
        return runtime_linalg.singular_values_tangent(dots[0], a)
    refuse_vectors(a)
    return runtime_linalg.svd_tangent(dots[0], y)


adjoint(
    np.linalg.svd, jvp=svd_jvp,
    examples=[
        ex(A(3, 3)), ex(A(2, 4), False), ex(A(4, 2), full_matrices=False), ex(A(2, 3, 2), full_matrices=False),
        ex(A(2, 4), compute_uv=False), ex(A(2, 3, 3), compute_uv=False), ex(A(2, 3, 3)), ex(A(3, 1), False),
    ],
)(svd_vjp)  # fmt: skip
for function in available(np.linalg, "svdvals"):

    @adjoint(
        function, jvp=lambda dots, y, x, /: runtime_linalg.singular_values_tangent(dots[0], x),
        examples=[ex(A(2, 4)), ex(A(3, 3)), ex(A(2, 4, 3))],
    )  # fmt: skip
    def svdvals_vjp(y_bar, y, x, /):
        return singular_values_adjoint(y_bar, x)


# ---------------------------------------------------------------------------------------------------------------
# QR


def qr_vjp(y_bar, y, a, mode="reduced"):
    if known(mode) == "r":
        q = np.linalg.qr(a)[0]
        return qr_adjoint(0.0 * q, y_bar, q, y, a)
    refuse_complete(mode)
    return qr_adjoint(part(y_bar, 0), part(y_bar, 1), part(y, 0), part(y, 1), a)


def refuse_complete(mode):
    if known(mode) != "reduced":
        raise Refused(f"mode={mode!r}; use mode='reduced'")


def qr_jvp(dots, y, a, mode="reduced"):
    if known(mode) == "r":
        return runtime_linalg.qr_tangent(dots[0], np.linalg.qr(a)[0], y, a)[1]
    refuse_complete(mode)
    return runtime_linalg.qr_tangent(dots[0], y[0], y[1], a)


adjoint(
    np.linalg.qr, jvp=qr_jvp,
    examples=[
        ex(A(3, 3)), ex(A(4, 2)), ex(A(2, 4)), ex(A(4, 3), "r"), ex(A(2, 4, 3)), ex(A(2, 2, 4)), ex(A(2, 4), mode="r"),
    ],
)(qr_vjp)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Pseudo-inverses and least squares, of matrices whose rank does not change


def pinv_vjp(y_bar, y, a, rcond=None, *, rtol=None):
    yt, back = conjugate_transpose(y, a, rank(a)), conjugate_transpose(y_bar, a, rank(a))
    right, left = back @ y @ yt, yt @ y @ back
    return right - a @ (y @ right) + left - (left @ y) @ a - yt @ y_bar @ yt


def pinv_jvp(dots, y, a, rcond=None, *, rtol=None):
    yt, dot = conjugate_transpose(y, a, rank(a)), conjugate_transpose(dots[0], a, rank(a))
    right, left = y @ yt @ dot, dot @ yt @ y
    return right - (right @ a) @ y + left - y @ (a @ left) - y @ dots[0] @ y


adjoint(
    np.linalg.pinv, jvp=pinv_jvp, examples=[ex(A(3, 3)), ex(A(2, 4)), ex(A(4, 2)), ex(A(5, 2, 3)), ex(A(3, 3), 1e-9)],
)(pinv_vjp)  # fmt: skip


def lstsq_bars(y_bar, y, a, b):
    return lstsq_adjoint(tuple(part(y_bar, k) for k in range(4)), y, a, b)


LSTSQ = [
    ex(A(5, 3), A(5)),
    ex(A(5, 3), A(5, 2)),
    ex(A(2, 4), A(2)),
    ex(A(3, 3), A(3, 2)),
    ex(A(5, 2), A(5), rcond=None),
]
rule(
    np.linalg.lstsq,
    lambda y_bar, y, a, b, rcond=None: lstsq_bars(y_bar, y, a, b)[0],
    lambda y_bar, y, a, b, rcond=None: lstsq_bars(y_bar, y, a, b)[1],
    jvp=lambda dots, y, a, b, rcond=None: runtime_linalg.lstsq_tangent(*dots, y, a, b),
    examples=LSTSQ,
)  # fmt: skip


def matrix_power_vjp(y_bar, y, a, n):
    match number(n):
        case 0:
            return np.zeros_like(a)
        case 1:
            return y_bar
        case 2:
            at = swap_last(a)
            return y_bar @ at + at @ y_bar
    return matrix_power_adjoint(y_bar, a, n)


adjoint(
    np.linalg.matrix_power, jvp=lambda dots, y, a, n: runtime_linalg.matrix_power_tangent(dots[0], a, n),
    examples=[ex(A(3, 3), n) for n in (0, 1, 2, 3, 6, -1, -3)] + [ex(A(2, 3, 3), 4), ex(A(2, 3, 3), 2)],
)(matrix_power_vjp)  # fmt: skip

adjoint(
    runtime.half_lower, jvp="linear", examples=[ex(A(3, 3)), ex(A(2, 3, 3))],
)(lambda y_bar, y, x: half_lower(y_bar))  # fmt: skip
adjoint(
    runtime_linalg.half_upper, jvp="linear", examples=[ex(A(3, 3)), ex(A(2, 3, 3))],
)(lambda y_bar, y, x: half_upper(y_bar))  # fmt: skip


@adjoint(
    runtime_linalg.inverse_gaps, examples=[ex(np.array([1.0, 3.0, 3.5])), ex(np.array([[1.0, 3.0, 3.5], [0.0, 1.0, 2.0]]))],
    jvp=lambda dots, y, w: (dots[0][..., :, None] - dots[0][..., None, :]) * y * y,
)  # fmt: skip
def inverse_gaps_vjp(y_bar, y, w):
    both = y_bar * y * y
    return np.sum(both, axis=-1) - np.sum(both, axis=-2)
