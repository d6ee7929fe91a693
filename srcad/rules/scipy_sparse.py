"""Products with sparse matrices of `scipy.sparse`, which are constants: `A @ x`, `x @ A`, `A.dot(x)`, and `A * x` of the
classes that are named matrix; solutions of sparse systems by their right side."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from srcad import runtime_scipy
from srcad.core.nodes import REF_TEXT, lift
from srcad.rules.registry import MADE, A, Refused, ex, is_symbol, named, rule, symbolic
from srcad.rules.shapes import rank

times_transposed = symbolic(runtime_scipy.times_transposed)
transposed_times = symbolic(runtime_scipy.transposed_times)
sparse_solve = symbolic(runtime_scipy.sparse_solve)

MATRICES = [sparse.csr_matrix([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]), sparse.coo_array([[0.5, 0.0], [0.0, 2.0]])]


def no_number(x):
    if (x.kind is not None and x.kind.rank == 0) if is_symbol(x) else np.ndim(x) == 0:
        raise Refused("a varying sparse matrix")


def after(y_bar, y, self, other):
    no_number(other)
    return transposed_times(self, y_bar)


def before(y_bar, y, self, other):
    no_number(other)
    return times_transposed(y_bar, self)


def like_after(other):
    """An array of the type and the rank of a product with `other` on the right; a number for one with a number."""
    return other if np.ndim(other) == 0 else float_only(other, np.ones((5, *other.shape[1:])))


def like_before(other):
    return other if np.ndim(other) == 0 else float_only(other, np.ones((*other.shape[:-1], 5)))


def float_only(other, result):
    """`result`, of which the type is known where `other` has the widest."""
    if other.dtype != np.float64:
        raise TypeError
    return result


FROM_THE_RIGHT = [sparse._base._spbase.__matmul__, sparse._base._spbase.dot, sparse._coo._coo_base.dot]
"""The methods of which the argument comes after the matrix,"""
FROM_THE_LEFT = [sparse._base._spbase.__rmatmul__]
"""and those of which it comes before."""
if sparse.spmatrix.__mul__ is not sparse._base._spbase.__mul__:
    FROM_THE_RIGHT.append(sparse.spmatrix.__mul__)
    FROM_THE_LEFT.append(sparse.spmatrix.__rmul__)

for method in dict.fromkeys((*FROM_THE_RIGHT, *FROM_THE_LEFT)):
    REF_TEXT[method] = f"{method.__module__}.{method.__qualname__}"
for method in dict.fromkeys(FROM_THE_RIGHT):
    given = [ex(m, A(m.shape[1], *more)) for m in MATRICES for more in ((), (2,))]
    rule(method, after, jvp="linear", data=("other",), like=like_after, examples=given)
for method in FROM_THE_LEFT:
    given = [ex(m, A(*more, m.shape[0])) for m in MATRICES for more in ((), (2,))]
    rule(method, before, jvp="linear", data=("other",), like=like_before, examples=given)
rule(
    runtime_scipy.transposed_times, lambda y_bar, y, matrix, x: lift(matrix) @ y_bar if is_symbol(y_bar) else matrix @ y_bar,
    jvp="linear", data=("x",), like=like_after, examples=[ex(m, A(m.shape[0])) for m in MATRICES],
)  # fmt: skip
rule(
    runtime_scipy.times_transposed, lambda y_bar, y, x, matrix: y_bar @ matrix, jvp="linear", data=("x",), like=like_before,
    examples=[ex(A(m.shape[1]), m) for m in MATRICES],
)  # fmt: skip

spsolve = named(linalg, "spsolve")
SYSTEM = sparse.csc_array(np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [0.5, 0.0, 1.0]]))


def spsolve_vjp(y_bar, y, A, b):
    if rank(b) != 1:
        raise Refused("several right sides at once")
    return sparse_solve(A, y_bar)


rule(linalg.spsolve, spsolve_vjp, jvp="linear", data=("b",), like=lambda b: float_only(b, b), examples=[ex(SYSTEM, A(3))])
rule(
    runtime_scipy.sparse_solve, lambda y_bar, y, matrix, x: spsolve(matrix, y_bar), jvp="linear", data=("x",),
    like=lambda x: float_only(x, x), examples=[ex(SYSTEM, A(3))],
)  # fmt: skip

MAKERS = """
    block_array block_diag bmat diags diags_array eye eye_array hstack identity kron kronsum rand random random_array spdiags
    tril triu vstack
"""
ANY = sparse._base._spbase
MADE.update({getattr(sparse, name): ANY for name in MAKERS.split() if hasattr(sparse, name)})
BASES = (sparse.sparray, sparse.spmatrix)
CLASSES = [c for c in vars(sparse).values() if isinstance(c, type) and issubclass(c, ANY) and c not in BASES]
METHODS = "transpose tocsr tocsc tocoo copy".split()
MADE.update({(ANY, name): ANY for name in ("T", *METHODS)})
for cls in CLASSES:
    matrix = cls((2, 3))
    MADE.update({(cls, name): type(getattr(matrix, name)()) for name in METHODS})
    MADE[cls, "T"] = type(matrix.T)
