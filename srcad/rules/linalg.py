"""Rules of products of arrays, and of `numpy.linalg`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.rules.registry import A, Refused, adjoint, alias, available, ex, is_symbol, rule, sequence_rule, symbolic
from srcad.rules.shapes import (
    conjugate, conjugate_transpose, expand, known, never_one, part, rank, seems_complex, shape, swap_last, unit,
)  # fmt: skip
from srcad.rules.shaping import diagonal_parameters, reshaped

unbroadcast = symbolic(runtime.unbroadcast)
share = symbolic(runtime.share)
place_diagonal = symbolic(runtime.place_diagonal)
place_repeated = symbolic(runtime.place_repeated)
cofactors = symbolic(runtime.cofactors)
cholesky_adjoint = symbolic(runtime.cholesky_adjoint)
half_lower = symbolic(runtime.half_lower)
singular_slope = symbolic(runtime.singular_slope)
multi_dot = symbolic(np.linalg.multi_dot)

# ---------------------------------------------------------------------------------------------------------------
# Products of vectors, matrices and stacks of them


def column(v):
    return v[..., None]


def row(v):
    return v[..., None, :]


def has_all_stacks(a, b) -> bool:
    """Whether the stack of matrices `a` is known not to be broadcast against the stack `b`."""
    m, n = rank(a), rank(b)
    return m >= n and never_one(a, range(m - n, m - 2))


def matmul_first(y_bar, y, x1, x2):
    match rank(x1), rank(x2):
        case 1, 1:
            return y_bar * x2
        case 2, 1:
            return np.outer(y_bar, x2)
        case 1, 2:
            return y_bar.dot(x2.T)
        case _, 1:
            return column(y_bar) * x2
        case 1, _:
            return unbroadcast((x2 @ column(y_bar))[..., 0], shape(x1))
        case 2, 2:
            return y_bar.dot(x2.T)
        case _:
            x1_bar = y_bar @ swap_last(x2)
            return x1_bar if has_all_stacks(x1, x2) else unbroadcast(x1_bar, shape(x1))


def matmul_second(y_bar, y, x1, x2):
    match rank(x1), rank(x2):
        case 1, 1:
            return y_bar * x1
        case 2, 1:
            return x1.T.dot(y_bar)
        case 1, 2:
            return np.outer(x1, y_bar)
        case m, 1:
            return np.tensordot(y_bar, x1, m - 1)
        case 1, _:
            return unbroadcast(column(x1) * row(y_bar), shape(x2))
        case 2, 2:
            return x1.T.dot(y_bar)
        case m, 2:
            return contract(x1, y_bar, range(m - 1), range(m - 1))
        case _:
            x2_bar = swap_last(x1) @ y_bar
            return x2_bar if has_all_stacks(x2, x1) else unbroadcast(x2_bar, shape(x2))


MATRICES = [
    ex(A(3), A(3)), ex(A(2, 3), A(3)), ex(A(2), A(2, 3)), ex(A(2, 3), A(3, 4)), ex(A(2, 1), A(1, 3)),
    ex(A(2, 0), A(0, 3)),
]  # fmt: skip
STACKS = [
    ex(A(5, 2, 3), A(3)), ex(A(2), A(5, 2, 3)), ex(A(5, 2, 3), A(3, 4)), ex(A(2, 3), A(5, 3, 4)),
    ex(A(5, 2, 3), A(5, 3, 4)), ex(A(6, 1, 2, 3), A(5, 3, 4)), ex(A(1, 2, 3), A(5, 3, 4)), ex(A(5, 2, 3), A(1, 3, 4)),
    ex(A(6, 5, 2, 3), A(3)), ex(A(3), A(6, 5, 3, 2)), ex(A(1, 1), A(5, 1, 3)),
]  # fmt: skip
rule(np.matmul, matmul_first, matmul_second, jvp="multilinear", examples=[*MATRICES, *STACKS])


def contract(a, b, axes_a, axes_b):
    """The tensor product of a and b, summed over pairs of axes."""
    match tuple(axes_a), tuple(axes_b):
        case (), ():
            return np.tensordot(a, b, 0)
        case (k,), (n,):
            return np.tensordot(a, b, (k, n))
        case pairs:
            return np.tensordot(a, b, pairs)


def dot_first(y_bar, y, a, b):
    m, n = rank(a), rank(b)
    if m == 0:
        return y_bar * b if n == 0 else np.vdot(conjugate(b), y_bar)
    if n == 0:
        return y_bar * b
    if n <= 2 and m <= 2 or n == 1:
        return matmul_first(y_bar, y, a, b)
    over = [k for k in range(n) if k != n - 2]
    return contract(y_bar, b, range(m - 1, m + n - 2), over)


def dot_second(y_bar, y, a, b):
    m, n = rank(a), rank(b)
    if n == 0:
        return y_bar * a if m == 0 else np.vdot(conjugate(a), y_bar)
    if m == 0:
        return y_bar * a
    if n <= 2 and m <= 2 or n == 1:
        return matmul_second(y_bar, y, a, b)
    b_bar = contract(a, y_bar, range(m - 1), range(m - 1))
    return b_bar if n == 2 else np.moveaxis(b_bar, 0, n - 2)


SCALED = [ex(A(), A()), ex(A(), A(2, 3)), ex(A(2, 3), A())]
rule(
    np.dot, dot_first, dot_second, jvp="multilinear",
    examples=[
        *MATRICES, *SCALED, ex(A(5, 2, 3), A(3)), ex(A(5, 2, 3), A(3, 4)), ex(A(3), A(5, 3, 2)),
        ex(A(4, 2, 3), A(5, 3, 2)),
    ],
)  # fmt: skip


def inner_first(y_bar, y, a, b):
    m, n = rank(a), rank(b)
    if m == 0 or n == 0:
        return dot_first(y_bar, y, a, b)
    if n == 1:
        return y_bar * b if m == 1 else np.outer(y_bar, b) if m == 2 else column(y_bar) * b
    if m <= 2 and n == 2:
        return y_bar.dot(b)
    return np.tensordot(y_bar, b, n - 1)


def inner_second(y_bar, y, a, b):
    m, n = rank(a), rank(b)
    if m == 0 or n == 0:
        return dot_second(y_bar, y, a, b)
    if m == 1:
        return y_bar * a if n == 1 else np.outer(y_bar, a) if n == 2 else column(y_bar) * a
    if m == 2 and n <= 2:
        return y_bar.dot(a) if n == 1 else y_bar.T.dot(a)
    return contract(y_bar, a, range(m - 1), range(m - 1))


rule(
    np.inner, inner_first, inner_second, jvp="multilinear",
    examples=[
        *SCALED, ex(A(3), A(3)), ex(A(2, 3), A(3)), ex(A(3), A(2, 3)), ex(A(2, 3), A(4, 3)), ex(A(5, 2, 3), A(3)),
        ex(A(3), A(5, 2, 3)), ex(A(5, 2, 3), A(4, 3)), ex(A(4, 3), A(5, 2, 3)),
    ],
)  # fmt: skip


def flat(x):
    if rank(x) == 0 and not is_symbol(x):
        return [x]
    return x if rank(x) == 1 else np.ravel(x)


def in_shape_of(x_bar, x):
    return x_bar if rank(x) == 1 else x_bar.reshape(shape(x))


rule(
    np.outer,
    lambda y_bar, y, a, b: in_shape_of(y_bar.dot(flat(b)), a),
    lambda y_bar, y, a, b: in_shape_of(y_bar.T.dot(flat(a)), b),
    jvp="multilinear", examples=[ex(A(2), A(3)), ex(A(2, 2), A(3)), ex(A(), A(3)), ex(A(2), A(3, 1)), ex(A(0), A(3))],
)  # fmt: skip


def scaled(y_bar, other, x):
    """`y_bar * other`, of the shape of x, which has as many items."""
    if rank(x) == rank(other) == 0:
        return y_bar * other
    return in_shape_of(y_bar * flat(other), x)


rule(
    np.vdot,
    lambda y_bar, y, a, b: scaled(conjugate(y_bar, y), b, a),
    lambda y_bar, y, a, b: scaled(y_bar, a, b),
    jvp="multilinear",
    examples=[ex(A(3), A(3)), ex(A(2, 3), A(2, 3)), ex(A(2, 3), A(6)), ex(A(0), A(0)), ex(A(), A())],
)  # fmt: skip


def contracted(a, b, axes) -> tuple[list[int], list[int], list[int], list[int]]:
    """The axes over which `np.tensordot` sums, of a and of b, then those that stay."""
    m, n = rank(a), rank(b)
    if isinstance(axes, int):
        over_a, over_b = list(range(m - axes, m)), list(range(axes))
    else:
        over_a, over_b = ([k % r for k in ([x] if isinstance(x, int) else x)] for x, r in zip(axes, (m, n)))
    return over_a, over_b, [k for k in range(m) if k not in over_a], [k for k in range(n) if k not in over_b]


def arranged(x_bar, axes):
    """`x_bar`, whose axes are the axes `axes` of x, in the order of x."""
    return x_bar if axes == sorted(axes) else np.transpose(x_bar, tuple(int(k) for k in np.argsort(axes)))


def tensordot_first(y_bar, y, a, b, axes=2):
    over_a, over_b, stay_a, stay_b = contracted(a, b, known(axes))
    if stay_a == stay_b == []:
        return y_bar * arranged(b, [p for _, p in sorted(zip(over_b, over_a))])
    x_bar = contract(y_bar, b, range(len(stay_a), len(stay_a) + len(stay_b)), stay_b)
    return arranged(x_bar, stay_a + [p for _, p in sorted(zip(over_b, over_a))])


def tensordot_second(y_bar, y, a, b, axes=2):
    over_a, over_b, stay_a, stay_b = contracted(a, b, known(axes))
    if stay_a == stay_b == []:
        return y_bar * arranged(a, [q for _, q in sorted(zip(over_a, over_b))])
    x_bar = contract(a, y_bar, stay_a, range(len(stay_a)))
    return arranged(x_bar, [q for _, q in sorted(zip(over_a, over_b))] + stay_b)


rule(
    np.tensordot, tensordot_first, tensordot_second, jvp="multilinear",
    examples=[
        ex(A(2, 3), A(2, 3)), ex(A(2, 3), A(3, 4), 1), ex(A(2), A(3), axes=0),
        ex(A(3, 4, 5), A(4, 3, 2), ((1, 0), (0, 1))),
        ex(A(3, 4, 5), A(4, 3, 2), ([0, 1], [1, 0])), ex(A(2, 3, 4), A(5, 3), (1, 1)),
        ex(A(2, 3), A(2, 3), ((-1, 0), (-1, 0))),
        ex(A(2, 3, 4), A(4, 2), axes=((0, 2), (1, 0))),
    ],
)  # fmt: skip
alias(np.matmul, *available(np.linalg, "matmul"))
alias(np.tensordot, *available(np.linalg, "tensordot"))


def labels(subscripts: str, operands) -> tuple[list[str], str]:
    """The labels of the axes of the operands and of the result of `np.einsum`, an ellipsis spelt out in new letters."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = inputs.split(",")
    if not arrow:
        letters = [c for c in "".join(inputs) if c.isalpha()]
        output = "..." * ("..." in subscripts) + "".join(c for c in sorted(set(letters)) if letters.count(c) == 1)
    if "..." in subscripts:
        free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
        hidden = [rank(x) - len(term.replace("...", "")) if "..." in term else 0 for term, x in zip(inputs, operands)]
        batch = "".join(free[: max(hidden)])
        inputs = [term.replace("...", batch[len(batch) - n :]) for term, n in zip(inputs, hidden)]
        output = output.replace("...", batch)
    return inputs, output


def einsum_vjp(k, y_bar, y, subscripts, *operands, optimize=False):
    if not isinstance(known(subscripts), str):
        raise Refused("np.einsum needs its subscripts as a string, as in np.einsum('ij,jk->ik', a, b)")
    inputs, output = labels(subscripts, operands)
    x, own, others = operands[k], inputs[k], "".join(inputs[:k] + inputs[k + 1 :])
    axes = "".join(dict.fromkeys(own))
    present = "".join(c for c in axes if c in output + others)
    terms, arrays = [*inputs[:k], output, *inputs[k + 1 :]], [*operands[:k], y_bar, *operands[k + 1 :]]
    if output == "":
        del terms[k], arrays[k]
    if terms in ([], [present]):
        x_bar = arrays[0] if arrays else y_bar
    else:
        options = {"optimize": optimize} if optimize else {}
        x_bar = np.einsum(",".join(terms) + "->" + present, *arrays, **options)
    if output == "" and arrays:
        x_bar = y_bar * x_bar

    def extents_of(letters):
        return shape(x) if letters == own else tuple(shape(x)[own.index(c)] for c in letters)

    shared = set(own) & set(others)
    if not all(never_one(a, [n for n, c in enumerate(term) if c in shared]) for a, term in zip(operands, inputs)):
        x_bar = unbroadcast(x_bar, extents_of(present))  # np.einsum repeats an axis of extent 1
    if present != axes:
        if present:
            x_bar = x_bar[tuple(slice(None) if c in present else None for c in axes)]
        x_bar = np.broadcast_to(x_bar, extents_of(axes))
    return x_bar if axes == own else place_repeated(x_bar, own, shape(x))


sequence_rule(
    np.einsum, data="operands", jvp="multilinear", arrays=True,
    examples=[
        ex("ij,jk->ik", A(2, 3), A(3, 4)), ex("ij,jk", A(2, 3), A(3, 4)), ex("i,i", A(3), A(3)),
        ex("i,j->ij", A(2), A(3)),
        ex("ii", A(3, 3)), ex("ii->i", A(3, 3)), ex("ij->", A(2, 3)), ex("ij->i", A(2, 3)), ex("ij->ji", A(2, 3)),
        ex("ijk,kl,jm->ilm", A(2, 3, 4), A(4, 2), A(3, 5), optimize=True),
        ex("...ij,...jk->...ik", A(5, 2, 3), A(3, 4)),
        ex("...i,...i", A(5, 3), A(3)), ex("...i,...i->...", A(1, 3), A(5, 3)), ex("i...->...", A(2, 3)),
        ex("iij,j->i", A(2, 2, 3), A(3)), ex("ij,kj->k", A(2, 3), A(4, 3)), ex("ij , jk -> ki", A(2, 1), A(3, 4)),
        ex(",i->i", A(), A(3)), ex("bi,bi->b", A(0, 3), A(0, 3)), ex("ij,k->ik", A(2, 1), A(3)),
        ex("ij,ik->k", A(1, 2), A(4, 3)), ex("i,i,i->", A(3), A(3), A(3)),
        ex("ij,ij->", A(2, 3), A(1, 3)),
    ],
)(einsum_vjp)  # fmt: skip


def trace_vjp(y_bar, y, a, offset=0, axis1=0, axis2=1, dtype=None):
    on_diagonal = y_bar if rank(a) == 2 else column(y_bar)
    return place_diagonal(on_diagonal, shape(a), *diagonal_parameters(offset, axis1, axis2))


adjoint(
    np.trace, jvp="linear",
    examples=[
        ex(A(3, 3)), ex(A(2, 4), 1), ex(A(3, 4), offset=-1), ex(A(2, 3, 3), axis1=1, axis2=2),
        ex(A(2, 3, 4), 0, -1, 0),
    ],
)(trace_vjp)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# numpy.linalg, on matrices and stacks of them

SQUARE = [ex(A(3, 3)), ex(A(1, 1)), ex(A(2, 3, 3)), ex(A(0, 3, 3))]


@adjoint(np.linalg.inv, jvp=lambda dots, y, a: -y @ dots[0] @ y, examples=SQUARE)
def inv_vjp(y_bar, y, a):
    return -swap_last(y) @ y_bar @ swap_last(y)


@adjoint(
    np.linalg.det, jvp=lambda dots, y, a: np.sum(dots[0] * cofactors(a), (-2, -1)),
    examples=[*SQUARE, ex(np.array([[1.0, 2.0], [2.0, 4.0]])), ex(np.ones((3, 3)))],
)  # fmt: skip
def det_vjp(y_bar, y, a):
    return over_matrices(y_bar, a) * cofactors(a)


def over_matrices(v, a):
    """A number for each matrix of `a`, to multiply the matrices with."""
    return v if rank(a) == 2 else v[..., None, None]


@adjoint(
    np.linalg.slogdet, examples=SQUARE,
    jvp=lambda dots, y, a: slogdet_tangent(np.trace(np.linalg.solve(a, dots[0]), axis1=-2, axis2=-1), y, a),
)  # fmt: skip
def slogdet_vjp(y_bar, y, a):
    inverse, log_bar = swap_last(conjugate(np.linalg.inv(a), a), rank(a)), part(y_bar, 1)
    if not seems_complex(a):
        return over_matrices(log_bar, a) * inverse
    turned = np.imag(np.conj(part(y, 0)) * part(y_bar, 0))  # the sign is exp(1j * angle)
    return over_matrices(log_bar + 1j * turned, a) * inverse


def slogdet_tangent(log_dot, y, a):
    if not seems_complex(a):
        return np.zeros_like(part(y, 0)), log_dot
    return 1j * np.imag(log_dot) * part(y, 0), np.real(log_dot)


def is_vector(a, b) -> bool:
    """Whether `np.linalg.solve` takes b as one vector, or in NumPy 1 as a stack of vectors, and not of matrices."""
    return rank(b) == 1 or (np.__version__ < "2" and rank(b) == rank(a) - 1)


def solve_second(y_bar, y, a, b):
    if not is_vector(a, b):
        b_bar = np.linalg.solve(swap_last(a), y_bar)
    elif rank(a) == 2:
        return np.linalg.solve(a.T, y_bar)
    else:
        b_bar = np.linalg.solve(swap_last(a), column(y_bar))[..., 0]
    return b_bar if rank(b) > 1 and has_all_stacks(b, a) else unbroadcast(b_bar, shape(b))


def solve_first(y_bar, y, a, b):
    if is_vector(a, b):
        if rank(a) == 2:
            return -np.outer(np.linalg.solve(a.T, y_bar), y)
        return -np.linalg.solve(swap_last(a), column(y_bar)) * row(y)
    a_bar = -np.linalg.solve(swap_last(a), y_bar) @ swap_last(y)
    return a_bar if has_all_stacks(a, b) else unbroadcast(a_bar, shape(a))


def solve_jvp(dots, y, a, b):
    a_dot, b_dot = dots
    columns = column if is_vector(a, b) and rank(a) > 2 else lambda v: v
    change = np.zeros_like(columns(y)) if b_dot is None else columns(b_dot)
    change = change if a_dot is None else change - a_dot @ columns(y)
    return np.linalg.solve(a, change)[..., 0] if columns is column else np.linalg.solve(a, change)


rule(
    np.linalg.solve, solve_first, solve_second, jvp=solve_jvp,
    examples=[
        ex(A(3, 3), A(3)), ex(A(3, 3), A(3, 2)), ex(A(1, 1), A(1)), ex(A(5, 3, 3), A(5, 3, 2)), ex(A(3, 3), A(5, 3, 2)),
        ex(A(5, 3, 3), A(3, 2)) if np.__version__ >= "2" else ex(A(5, 3, 3), A(5, 3)), ex(A(5, 3, 3), A(1, 3, 2)),
        *([ex(A(5, 3, 3), A(3))] if np.__version__ >= "2" else []),
    ],
)  # fmt: skip


def cholesky_jvp(dots, y, a, *, upper=False):
    if known(upper):
        return conjugate_transpose(cholesky_jvp((conjugate_transpose(dots[0], a),), conjugate_transpose(y, a), a), a)
    lower = half_lower(dots[0])
    symmetric = lower + conjugate_transpose(lower, a)
    return y @ half_lower(np.linalg.solve(y, conjugate_transpose(np.linalg.solve(y, symmetric), a)))


@adjoint(
    np.linalg.cholesky, jvp=cholesky_jvp,
    examples=[ex(A(3, 3, spd=True)), ex(A(1, 1, spd=True)), ex(A(2, 3, 3, spd=True))]
    + [ex(A(3, 3, spd=True), upper=True)] * (np.__version__ >= "2"),
)  # fmt: skip
def cholesky_vjp(y_bar, y, a, *, upper=False):
    if known(upper):
        return conjugate_transpose(cholesky_adjoint(conjugate_transpose(y_bar, a), conjugate_transpose(y, a)), a)
    return cholesky_adjoint(y_bar, y)


# ---------------------------------------------------------------------------------------------------------------
# Norms


def is_euclidean(x, ord, axis) -> bool:
    """Whether a norm is the root of the sum of the squares."""
    vector = isinstance(axis, int) or (ord == 2 and axis is None and rank(x) == 1)
    return ord is None or (ord == 2 and vector) or (ord == "fro" and not vector)


def norm_vjp(y_bar, y, x, ord=None, axis=None, keepdims=False):
    ord, axis = known(ord), known(axis)
    if is_euclidean(x, ord, axis):
        return expand(y_bar / (y + (y == 0)), x, axis, keepdims) * x
    axes = tuple(range(rank(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(k % rank(x) for k in axes)
    if len(axes) == 1:
        return vector_norm_vjp(y_bar, y, x, ord, axes[0], keepdims)
    return matrix_norm_vjp(y_bar, y, x, ord, axes, keepdims)


def vector_norm_vjp(y_bar, y, x, ord, axis, keepdims):
    y_bar, y = (expand(v, x, axis, keepdims) for v in (y_bar, y))
    if ord == 1:
        return y_bar * unit(x)
    if ord == 0:
        return np.zeros_like(x)
    if ord in (np.inf, -np.inf):
        size = np.abs(x)
        return y_bar * unit(x) * (share(size, y) if rank(x) == 1 else share(size, y, axis))
    return y_bar * unit(x) * (np.abs(x) / (y + (y == 0))) ** (ord - 1)


def matrix_norm_vjp(y_bar, y, x, ord, axes, keepdims):
    y_bar = expand(y_bar, x, axes, keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = axes if abs(ord) == 1 else axes[::-1]
        sums = np.sum(np.abs(x), axis=inner, keepdims=True)
        return y_bar * unit(x) * share(sums, expand(y, x, axes, keepdims), outer)
    if ord not in (2, -2, "nuc"):
        raise Refused(f"np.linalg.norm of a matrix has no ord={ord!r}")
    if axes == (rank(x) - 2, rank(x) - 1):
        return y_bar * singular_slope(x, ord)
    return y_bar * np.moveaxis(singular_slope(np.moveaxis(x, axes, (-2, -1)), ord), (-2, -1), axes)


def norm_jvp(dots, y, x, ord=None, axis=None, keepdims=False):
    if is_euclidean(x, known(ord), known(axis)):
        return np.sum(conjugate(x) * dots[0], axis, keepdims=keepdims) / (y + (y == 0))
    slope = norm_vjp(np.ones_like(y), y if is_symbol(y) else np.asarray(y), x, ord, axis, keepdims)
    return np.sum(dots[0] * conjugate(slope, x), axis, keepdims=keepdims)


adjoint(
    np.linalg.norm, jvp=norm_jvp,
    examples=[
        ex(A(3)), ex(A(2, 3)), ex(A(2, 3, 4)), ex(A(2, 3), axis=1), ex(A(2, 3), axis=0, keepdims=True), ex(np.zeros(3)),
        ex(A(2, 3), "fro"), ex(A(2, 3), keepdims=True), ex(A(2, 3, 4), "fro", (0, 2)), ex(A(0)),
        ex(A(2, 3, 4), None, (0, 1)),
        *(ex(A(4), p) for p in (0, 1, 2, 3, 1.5, -1, np.inf, -np.inf)),
        *(ex(A(3, 4), p, -1) for p in (1, 2, 3, np.inf)), ex(A(3, 4), 1, 0, True),
        ex(A(3, 4), np.inf, 0, keepdims=True),
        *(ex(A(3, 4), p) for p in (1, -1, np.inf, -np.inf, 2, -2, "nuc")),
        *(ex(A(3, 2, 4), p, axis=(0, 2)) for p in (1, np.inf, 2, -2, "nuc")),
        *(ex(A(2, 3, 4), p, axis=(-1, -2), keepdims=True) for p in (-1, -np.inf, 2)), ex(A(2, 3, 4), 2, (1, 2)),
    ],
)(norm_vjp)  # fmt: skip


for function in available(np.linalg, "matrix_norm"):

    def matrix_norm_jvp(dots, y, x, /, *, keepdims=False, ord="fro"):
        return norm_jvp(dots, y, x, ord, (-2, -1), keepdims)

    @adjoint(
        function, jvp=matrix_norm_jvp,
        examples=[
            ex(A(2, 3)), ex(A(4, 2, 3)), ex(A(4, 2, 3), keepdims=True), ex(A(4, 2, 3), ord="nuc"), ex(A(2, 3), ord=1),
            ex(A(4, 2, 3), ord=-2, keepdims=True), ex(A(4, 3, 2), ord=np.inf),
        ],
    )  # fmt: skip
    def matrix_norm_rule(y_bar, y, x, /, *, keepdims=False, ord="fro"):
        return norm_vjp(y_bar, y, x, ord, (-2, -1), keepdims)


for function in available(np.linalg, "vector_norm"):

    def vector_norm_jvp(dots, y, x, /, *, axis=None, keepdims=False, ord=2):
        slope = vector_norm_rule(
            np.ones_like(y), y if is_symbol(y) else np.asarray(y), x, axis=axis, keepdims=keepdims, ord=ord
        )
        return np.sum(dots[0] * conjugate(slope, x), axis, keepdims=keepdims)

    @adjoint(
        function, jvp=vector_norm_jvp,
        examples=[
            ex(A(4)), ex(A(2, 3)), ex(A(2, 3, 4), axis=1), ex(A(2, 3, 4), axis=(0, 2), keepdims=True), ex(A(2, 3), ord=1),
            ex(A(2, 3), ord=np.inf), ex(A(2, 3, 4), axis=(0, 1), ord=3), ex(A(2, 3), axis=0, ord=-np.inf, keepdims=True),
            ex(A(2, 3, 4), axis=(0, 1), ord=np.inf), ex(np.zeros(3)), ex(A(4), ord=0),
        ],
    )  # fmt: skip
    def vector_norm_rule(y_bar, y, x, /, *, axis=None, keepdims=False, ord=2):
        if known(ord) == 2:
            return expand(y_bar / (y + (y == 0)), x, axis, keepdims) * x
        return vector_norm_vjp(y_bar, y, x, ord, known(axis), keepdims)


def cond_parts(x, p):
    """The norms of x and of its inverse whose product is `np.linalg.cond(x, p)`, and the inverse."""
    inverse = np.linalg.inv(x)
    if is_symbol(x):
        inverse = replace(inverse, kind=x.kind)
    return np.linalg.norm(x, p, (-2, -1)), np.linalg.norm(inverse, p, (-2, -1)), inverse


def cond_vjp(y_bar, y, x, p=None):
    if known(p) in (None, 2, -2):
        first, second = (-2, 2) if p == -2 else (2, -2)
        least = over_matrices(np.linalg.norm(x, second, (-2, -1)), x)
        slope = singular_slope(x, first) - over_matrices(y, x) * singular_slope(x, second)
        return over_matrices(y_bar, x) * (slope / least)
    norm, norm_of_inverse, inverse = cond_parts(x, p)
    x_bar = norm_vjp(y_bar * norm_of_inverse, norm, x, p, (-2, -1))
    return x_bar + inv_vjp(norm_vjp(y_bar * norm, norm_of_inverse, inverse, p, (-2, -1)), inverse, x)


def cond_jvp(dots, y, x, p=None):
    return np.sum(dots[0] * cond_vjp(np.ones_like(y), y, x, p), (-2, -1))


adjoint(
    np.linalg.cond, jvp=cond_jvp,
    examples=[ex(A(3, 3)), ex(A(2, 3, 3)), ex(A(2, 3)), *(ex(A(3, 3), p) for p in (1, -1, 2, -2, np.inf, "fro", "nuc"))],
)(cond_vjp)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# More products


def cross_axes(a, b, axes):
    """The axes of the vectors in a, in b and in the result of `np.cross`; refused for vectors of two components."""
    *several, axis = map(known, axes)
    return several if axis is None else [axis] * 3


def last(v, axis):
    """v with the axis of its vectors as the last one."""
    return v if axis == -1 else np.moveaxis(v, axis, -1)


def cross_bar(y_bar, y, x, other, axes, order):
    """The adjoint of one factor x of a cross product; `axes` are those of x, of the other factor and of the result."""
    if rank(y) != max(rank(x), rank(other)):
        raise Refused("vectors of two components; write x[0] * y[1] - x[1] * y[0]")
    y_bar, other = last(y_bar, axes[2]), last(other, axes[1])
    x_bar = np.cross(other, y_bar) if order == 1 else np.cross(y_bar, other)
    x_bar = unbroadcast(x_bar, shape(last(x, axes[0])))
    return x_bar if axes[0] == -1 else np.moveaxis(x_bar, -1, axes[0])


def cross_first(y_bar, y, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    ka, kb, kc = cross_axes(a, b, (axisa, axisb, axisc, axis))
    return cross_bar(y_bar, y, a, b, (ka, kb, kc), 1)


def cross_second(y_bar, y, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    ka, kb, kc = cross_axes(a, b, (axisa, axisb, axisc, axis))
    return cross_bar(y_bar, y, b, a, (kb, ka, kc), -1)


CROSSES = [ex(A(3), A(3)), ex(A(2, 3), A(2, 3)), ex(A(2, 3), A(3)), ex(A(3), A(4, 1, 3))]
rule(
    np.cross, cross_first, cross_second, jvp="multilinear",
    examples=[*CROSSES, ex(A(3, 2), A(3, 2), axis=0), ex(A(3, 2), A(2, 3), 0, -1, 0), ex(A(3), A(3, 4), axisb=0)],
)  # fmt: skip
for function in available(np.linalg, "cross"):
    rule(
        function,
        lambda y_bar, y, x1, x2, /, *, axis=-1: cross_first(y_bar, y, x1, x2, axis=axis),
        lambda y_bar, y, x1, x2, /, *, axis=-1: cross_second(y_bar, y, x1, x2, axis=axis),
        jvp="multilinear", examples=[*CROSSES, ex(A(3, 2), A(3, 2), axis=0)],
    )  # fmt: skip
for function in available(np.linalg, "outer"):
    rule(
        function, lambda y_bar, y, x1, x2, /: y_bar @ x2, lambda y_bar, y, x1, x2, /: x1 @ y_bar,
        jvp="multilinear", examples=[ex(A(2), A(3))],
    )  # fmt: skip


for function in [*available(np, "vecdot"), *available(np.linalg, "vecdot")]:
    rule(
        function,
        lambda y_bar, y, x1, x2, /, *, axis=-1: unbroadcast(np.expand_dims(conjugate(y_bar, y), axis) * x2, shape(x1)),
        lambda y_bar, y, x1, x2, /, *, axis=-1: unbroadcast(np.expand_dims(y_bar, axis) * x1, shape(x2)),
        jvp="multilinear",
        examples=[ex(A(3), A(3)), ex(A(2, 3), A(3)), ex(A(4, 1, 3), A(2, 3)), ex(A(3, 2), A(3, 2), axis=0)],
    )  # fmt: skip
for function in available(np, "matvec"):  # from NumPy 2.2 on
    rule(
        function,
        lambda y_bar, y, x1, x2, /: unbroadcast(column(y_bar) * row(x2), shape(x1)),
        lambda y_bar, y, x1, x2, /: unbroadcast(np.vecmat(conjugate(y_bar, y), x1), shape(x2)),
        jvp="multilinear", examples=[ex(A(2, 3), A(3)), ex(A(4, 2, 3), A(3)), ex(A(2, 3), A(4, 3)),
        ex(A(5, 1, 2, 3), A(4, 3))],
    )  # fmt: skip
    rule(
        np.vecmat,
        lambda y_bar, y, x1, x2, /: unbroadcast(np.matvec(x2, conjugate(y_bar, y)), shape(x1)),
        lambda y_bar, y, x1, x2, /: unbroadcast(column(x1) * row(y_bar), shape(x2)),
        jvp="multilinear", examples=[ex(A(2), A(2, 3)), ex(A(4, 2), A(2, 3)), ex(A(2), A(4, 2, 3))],
    )  # fmt: skip


def kron_bar(y_bar, x, other, first):
    """The adjoint of one factor x of `np.kron`: axis k of y is one of x and one of the other, the first's before."""
    m, n = rank(x), rank(other)
    r = max(m, n)
    extents = [(1,) * (r - rank(v)) + tuple(shape(v)[k] for k in range(rank(v))) for v in (x, other)]
    pairs = zip(*extents) if first else zip(*extents[::-1])
    split = y_bar.reshape(tuple(n for pair in pairs for n in pair))
    theirs = tuple(2 * k + first for k in range(r - n, r))
    x_bar = np.tensordot(split, other, (theirs, tuple(range(n))))
    return x_bar if 2 * r - n == m else x_bar.reshape(shape(x))


def kron_scaled(y_bar, x, other):
    return y_bar * other if rank(x) > 0 else np.vdot(conjugate(other), y_bar) if rank(other) > 0 else y_bar * other


rule(
    np.kron,
    lambda y_bar, y, a, b: kron_scaled(y_bar, a, b) if 0 in (rank(a), rank(b)) else kron_bar(y_bar, a, b, True),
    lambda y_bar, y, a, b: kron_scaled(y_bar, b, a) if 0 in (rank(a), rank(b)) else kron_bar(y_bar, b, a, False),
    jvp="multilinear",
    examples=[
        ex(A(2), A(3)), ex(A(2, 3), A(3, 4)), ex(A(2), A(3, 4)), ex(A(3, 4), A(2)), ex(A(), A(2, 3)), ex(A(2, 3), A()),
        ex(A(2, 3, 2), A(2, 2)), ex(A(), A()),
    ],
)  # fmt: skip


def multi_dot_vjp(k, y_bar, y, arrays):
    first, final = rank(arrays[0]) == 1, rank(arrays[-1]) == 1
    y_bar = (
        y_bar
        if not (first or final)
        else np.reshape(y_bar, (1, 1))
        if first and final
        else row(y_bar)
        if first
        else column(y_bar)
    )

    def matrix(i):
        x = arrays[i]
        if rank(x) == 2:
            return x
        return row(x) if i == 0 else column(x)

    factors = [matrix(i).T for i in range(k - 1, -1, -1)], [matrix(i).T for i in range(len(arrays) - 1, k, -1)]
    product = [*factors[0], y_bar, *factors[1]]
    x_bar = product[0] @ product[1] if len(product) == 2 else multi_dot(product)
    return x_bar if rank(arrays[k]) == 2 else reshaped(x_bar, arrays[k])


def multi_dot_jvp(dots, y, arrays):
    terms = [multi_dot([*arrays[:k], dot, *arrays[k + 1 :]]) for k, dot in enumerate(dots[0]) if dot is not None]
    return sum(terms[1:], terms[0])


sequence_rule(
    np.linalg.multi_dot, data="arrays", jvp=multi_dot_jvp, arrays=True,
    examples=[
        ex([A(2, 3), A(3, 4)]), ex([A(2, 3), A(3, 4), A(4, 2)]), ex([A(3), A(3, 4), A(4, 2), A(2)]),
        ex([A(3), A(3, 4), A(4, 2)]),
        ex([A(2, 3), A(3, 4), A(4)]), ex([A(3), A(3)]),
    ],
)(multi_dot_vjp)  # fmt: skip

for function in available(np.linalg, "trace"):

    @adjoint(function, jvp="linear", examples=[ex(A(3, 3)), ex(A(2, 3, 4), offset=1), ex(A(2, 2, 3, 3))])
    def matrix_trace_vjp(y_bar, y, x, /, *, offset=0, dtype=None):
        return place_diagonal(y_bar if rank(x) == 2 else column(y_bar), shape(x), offset, -2, -1)


for function in available(np.linalg, "diagonal"):

    @adjoint(function, jvp="linear", examples=[ex(A(3, 3)), ex(A(2, 3, 4), offset=1)])
    def matrix_diagonal_vjp(y_bar, y, x, /, *, offset=0):
        return place_diagonal(y_bar, shape(x), offset, -2, -1)


@adjoint(
    np.linalg.tensorinv, examples=[ex(A(2, 3, 6)), ex(A(4, 2, 2), ind=1)],
    jvp=lambda dots, y, a, ind=2: -np.tensordot(np.tensordot(y, dots[0], ind), y, np.ndim(a) - ind),
)  # fmt: skip
def tensorinv_vjp(y_bar, y, a, ind=2):
    r, t = rank(a), rank(a) - known(ind)
    inner = contract(y, y_bar, range(t), range(t))
    return -contract(inner, y, range(r - t, 2 * (r - t)), range(t, r))


def inverse_of(a, b):
    return np.linalg.tensorinv(a, rank(b))


rule(
    np.linalg.tensorsolve,
    lambda x_bar, x, a, b: -contract(contract(x_bar, inverse_of(a, b), range(rank(x)), range(rank(x))), x, (), ()),
    lambda x_bar, x, a, b: contract(x_bar, inverse_of(a, b), range(rank(x)), range(rank(x))),
    jvp=lambda dots, x, a, b: np.linalg.tensorsolve(
        a, (0.0 if dots[1] is None else dots[1]) - (0.0 * b if dots[0] is None else np.tensordot(dots[0], x, np.ndim(x)))
    ),
    examples=[ex(A(2, 3, 6), A(2, 3)), ex(A(6, 2, 3), A(6)), ex(A(3, 3), A(3))],
)  # fmt: skip
