"""Which rules hold for complex numbers, and the rules of the module `cmath`.

The adjoint of a complex z is `dL/dRe(z) + 1j * dL/dIm(z)`. All rules that are not named here refuse complex operands.
"""

from __future__ import annotations

import builtins
import cmath
import math

import numpy as np

from srcad.core.nodes import REF_TEXT
from srcad import runtime, runtime_arrays, runtime_linalg
from srcad.rules import registry
from srcad.rules.registry import A, adjoint, available, conjugated, constant, elementwise, ex, holomorphic, symbolic
from srcad.rules.shapes import is_complex, is_none, part

REF_TEXT[np.conjugate] = "np.conj"

cos, sin, cosh, sinh = map(symbolic, (cmath.cos, cmath.sin, cmath.cosh, cmath.sinh))
log, sqrt, rect = map(symbolic, (cmath.log, cmath.sqrt, cmath.rect))
phase = symbolic(cmath.phase)

# ---------------------------------------------------------------------------------------------------------------
# cmath

NUMBERS = [ex(A(complex=True)), ex(A(complex=True, low=-2.0, high=-0.5))]


def of_number(fn, partial, domain=(0.5, 2.0)) -> None:
    elementwise(fn, partial, domain=domain, examples=NUMBERS)


of_number(cmath.exp, lambda y, z: y)
of_number(cmath.log10, lambda y, z: 1 / (math.log(10) * z))
of_number(cmath.sqrt, lambda y, z: 0.5 / y)
of_number(cmath.sin, lambda y, z: cos(z))
of_number(cmath.cos, lambda y, z: -sin(z))
of_number(cmath.tan, lambda y, z: 1 + y * y)
of_number(cmath.asin, lambda y, z: 1 / sqrt(1 - z * z), domain=(-0.9, 0.9))
of_number(cmath.acos, lambda y, z: -1 / sqrt(1 - z * z), domain=(-0.9, 0.9))
of_number(cmath.atan, lambda y, z: 1 / (1 + z * z))
of_number(cmath.sinh, lambda y, z: cosh(z))
of_number(cmath.cosh, lambda y, z: sinh(z))
of_number(cmath.tanh, lambda y, z: 1 - y * y)
of_number(cmath.asinh, lambda y, z: 1 / sqrt(1 + z * z))
of_number(cmath.acosh, lambda y, z: 1 / (sqrt(z - 1) * sqrt(z + 1)), domain=(1.5, 3.0))
of_number(cmath.atanh, lambda y, z: 1 / (1 - z * z), domain=(-0.9, 0.9))
of_number(cmath.phase, lambda y, z: -1j / z if is_complex(z) else 0.0 * z)
elementwise(
    cmath.log,
    lambda y, z, base=None: 1 / z if is_none(base) else 1 / (z * log(base)),
    lambda y, z, base=None: 0 if is_none(base) else -y / (base * log(base)),
    domain=(0.5, 2.0), examples=[*NUMBERS, ex(A(complex=True), A(low=2.0, high=3.0)), ex(A(complex=True), 10)],
)  # fmt: skip
elementwise(
    cmath.rect, lambda y, r, phi: rect(1.0, phi), lambda y, r, phi: 1j * y,
    domain=(0.5, 2.0), examples=[ex(A(), A()), ex(2.0, A())],
)  # fmt: skip


def polar_jvp(dots, y, z):
    along = dots[0] / z
    return part(y, 0) * np.real(along), np.imag(along)


@adjoint(cmath.polar, jvp=polar_jvp, examples=NUMBERS)
def polar_vjp(y_bar, y, z):
    return (part(y_bar, 0) + 1j * part(y_bar, 1) / part(y, 0)) * rect(1.0, part(y, 1))


constant(cmath.isclose, cmath.isfinite, cmath.isinf, cmath.isnan)

# ---------------------------------------------------------------------------------------------------------------
# The rules that hold for complex numbers

OPERATORS = ("+", "-", "*", "/", "**", "neg", "pos", "@", "getitem")
ANALYTIC = """
    add arccos arccosh arcsin arcsinh arctan arctanh cos cosh divide exp exp2 expm1 float_power log log10 log1p log2 multiply
    negative positive power reciprocal sin sinc sinh sqrt square subtract tan tanh
"""
CHOICES = "choose compress extract select take take_along_axis where"
SHAPES = """
    append array array_split asanyarray asarray ascontiguousarray asfortranarray atleast_1d atleast_2d atleast_3d block
    broadcast_arrays broadcast_to column_stack concatenate copy delete diag diagflat diagonal dsplit dstack expand_dims flip
    fliplr flipud full full_like hsplit hstack insert linspace matrix_transpose meshgrid moveaxis pad ravel repeat reshape
    resize roll rollaxis rot90 split squeeze stack swapaxes tile transpose tril triu unstack vsplit vstack
"""
SUMS = """
    average cumprod cumsum cumulative_prod cumulative_sum diff ediff1d geomspace gradient logspace mean nancumprod nancumsum
    nanmean nanprod nansum prod sum trapezoid trapz
"""
PRODUCTS = """
    convolve cross dot einsum inner kron matmul matvec outer polyadd polyder polyint polysub polyval tensordot trace vander
"""
LINALG = """
    cross det diagonal inv matmul matrix_power matrix_transpose multi_dot outer solve tensordot tensorinv tensorsolve trace
"""
NORMS = "cholesky eigh eigvalsh matrix_norm norm pinv qr slogdet svd svdvals vecdot vector_norm"

holomorphic(*OPERATORS, builtins.complex, builtins.pow, builtins.sum, math.prod)
for names in (ANALYTIC, CHOICES, SHAPES, SUMS, PRODUCTS):
    holomorphic(*available(np, *names.split()))
holomorphic(*available(np.linalg, *LINALG.split()), np.fft.fftshift, np.fft.ifftshift)
holomorphic(np.ndarray.flatten, np.ndarray.item, np.ndarray.tolist, np.complex64, np.complex128)
holomorphic(builtins.abs, np.absolute)  # real parts of what is linear in a tangent, as their partials say
holomorphic(*(fn for fn in vars(cmath).values() if registry.find(fn) is not None and fn is not cmath.polar))
conjugated(np.real, np.imag, np.conjugate, np.angle, cmath.polar, np.ndarray.astype, *available(np, "astype"))
conjugated(np.vdot, np.correlate, np.polymul, np.var, np.std, np.nanvar, np.nanstd, *available(np, "vecdot", "vecmat"))
conjugated(*available(np.linalg, *NORMS.split()))
conjugated(*(getattr(np.fft, way + name) for name in ("fft", "fft2", "fftn") for way in ("", "i", "r", "ir")))
conjugated(np.fft.hfft, np.fft.ihfft)

registry.CONSTANT_OF_REALS[np.sign] = "Write z / abs(z)."

HELPERS = """
    add last_written over over_slope own passed place_diagonal place_repeated placed power_log power_slope scatter
    scatter_along sinc_slope unbroadcast widened
"""
holomorphic(*(getattr(runtime, name) for name in HELPERS.split()), runtime.half_lower, runtime_linalg.half_upper)
holomorphic(*(getattr(runtime_arrays, name) for name in "half_spectrum in_extents pad_adjoint pair_sums".split()))
holomorphic(runtime.diff_adjoint, runtime_arrays.gradient_adjoint, runtime_arrays.in_full, runtime_arrays.from_full)
holomorphic(runtime_arrays.in_full_correlation, runtime_arrays.unsorted)
