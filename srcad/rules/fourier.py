"""Rules of `numpy.fft`.

The gradient of a real function by a complex argument is the direction of steepest ascent, so the adjoint of a linear
function is its conjugate transpose. That of a transform is the transform back, scaled the other way: where the one
divides by n, the other does too.
"""

from __future__ import annotations

import numpy as np

from srcad import runtime_arrays
from srcad.rules.registry import A, ex, linear, symbolic
from srcad.rules.shapes import is_complex, is_none, known, rank, shape

in_extents = symbolic(runtime_arrays.in_extents)
half_spectrum = symbolic(runtime_arrays.half_spectrum)

DUAL = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
SWAPPED = {None: "forward", "backward": "forward", "forward": None, "ortho": "ortho"}


def as_argument(z, a, sizes, axes):
    """z, the adjoint of what was transformed, as that of `a`, which was cut or padded to `sizes`, and may be real."""
    if sizes is not None and any(not is_none(n) for n in sizes):
        z = in_extents(z, shape(a), tuple(axes))
    return z if is_complex(a) else np.real(z)


def fft_vjp(y_bar, y, a, n=None, axis=-1, norm=None):
    return as_argument(np.fft.ifft(y_bar, axis=axis, norm=DUAL[known(norm)]), a, (n,), (axis,))


def ifft_vjp(y_bar, y, a, n=None, axis=-1, norm=None):
    return as_argument(np.fft.fft(y_bar, axis=axis, norm=DUAL[known(norm)]), a, (n,), (axis,))


def rfft_bar(y_bar, extent, axis, norm):
    """The adjoint of the `extent` real numbers whose `np.fft.rfft` has the adjoint `y_bar`."""
    return np.fft.irfft(half_spectrum(y_bar, 0.5, extent, axis), extent, axis, DUAL[known(norm)])


def irfft_bar(y_bar, axis, norm):
    """The adjoint of the half spectrum whose `np.fft.irfft` has the adjoint `y_bar`."""
    return half_spectrum(np.fft.rfft(y_bar, axis=axis, norm=DUAL[known(norm)]), 2, shape(y_bar)[axis], axis)


def rfft_vjp(y_bar, y, a, n=None, axis=-1, norm=None):
    extent = shape(a)[axis] if is_none(n) else n
    return as_argument(rfft_bar(y_bar, extent, axis, norm), a, (n,), (axis,))


def irfft_vjp(y_bar, y, a, n=None, axis=-1, norm=None):
    return as_argument(irfft_bar(y_bar, axis, norm), a, (shape(a)[axis],), (axis,))


def hfft_vjp(y_bar, y, a, n=None, axis=-1, norm=None):
    return np.conj(irfft_vjp(y_bar, y, a, n, axis, SWAPPED[known(norm)]))


def ihfft_vjp(y_bar, y, a, n=None, axis=-1, norm=None):
    return rfft_vjp(np.conj(y_bar), y, a, n, axis, SWAPPED[known(norm)])


C = A(4, complex=True)
LINES = [
    ex(A(4)), ex(A(5)), ex(C), ex(A(5, complex=True), 4), ex(A(3, complex=True), 6), ex(A(3, 4), axis=0), ex(A(4, 3), 5, 0),
    ex(A(5), norm="ortho"), ex(C, norm="forward"), ex(A(2, 5), 3, -1, "ortho"), ex(A(4), norm="backward"), ex(A(1)),
]  # fmt: skip
REAL_LINES = [e for e in LINES if not e.args[0].complex]
HALVES = [
    ex(C), ex(A(4, complex=True), 7), ex(A(3, complex=True), 8), ex(A(5, complex=True), 5),
    ex(A(3, 2, complex=True), axis=0),
    ex(C, norm="ortho"), ex(C, norm="forward"), ex(A(2, 3, complex=True), 5, 1, "forward"), ex(A(4)),
    ex(A(2, 3), 5),
]  # fmt: skip
linear(np.fft.fft, examples=LINES)(fft_vjp)
linear(np.fft.ifft, examples=LINES)(ifft_vjp)
linear(np.fft.rfft, examples=REAL_LINES)(rfft_vjp)
linear(np.fft.irfft, examples=HALVES)(irfft_vjp)
linear(np.fft.hfft, examples=HALVES)(hfft_vjp)
linear(np.fft.ihfft, examples=REAL_LINES)(ihfft_vjp)

# ---------------------------------------------------------------------------------------------------------------
# Along several axes


def axes_and_sizes(a, s, axes):
    """The axes of a transform of several, and the sizes along them; None where nothing is cut or padded."""
    if known(axes) is None:
        count = rank(a) if known(s) is None else len(s)
        axes = tuple(range(-count, 0))
    return tuple(axes), None if known(s) is None else tuple(s)


def fftn_vjp(y_bar, y, a, s=None, axes=None, norm=None):
    axes, sizes = axes_and_sizes(a, s, axes)
    return as_argument(np.fft.ifftn(y_bar, axes=axes, norm=DUAL[known(norm)]), a, sizes, axes)


def ifftn_vjp(y_bar, y, a, s=None, axes=None, norm=None):
    axes, sizes = axes_and_sizes(a, s, axes)
    return as_argument(np.fft.fftn(y_bar, axes=axes, norm=DUAL[known(norm)]), a, sizes, axes)


def rfftn_vjp(y_bar, y, a, s=None, axes=None, norm=None):
    axes, sizes = axes_and_sizes(a, s, axes)
    *others, last = axes
    if others:
        y_bar = np.fft.ifftn(y_bar, axes=tuple(others), norm=DUAL[known(norm)])
    extent = shape(a)[last] if sizes is None or sizes[-1] == -1 else sizes[-1]
    return as_argument(rfft_bar(y_bar, extent, last, norm), a, sizes, axes)


def irfftn_vjp(y_bar, y, a, s=None, axes=None, norm=None):
    axes, sizes = axes_and_sizes(a, s, axes)
    *others, last = axes
    a_bar = irfft_bar(y_bar, last, norm)
    if others:
        a_bar = np.fft.fftn(a_bar, axes=tuple(others), norm=DUAL[known(norm)])
    return as_argument(a_bar, a, axes, axes)


def of_two(vjp):
    """The rule of a transform along two axes, the last ones by default."""

    def declared(y_bar, y, a, s=None, axes=(-2, -1), norm=None):
        return vjp(y_bar, y, a, s, axes, norm)

    return declared


Z = A(3, 4, complex=True)
PLANES = [
    ex(A(3, 4)), ex(Z), ex(Z, (4, 3)), ex(A(2, 3, 4), axes=(0, 2)), ex(Z, norm="ortho"), ex(Z, (2, 5), (1, 0), "forward"),
    ex(A(3, 5), (3, 4), (-2, -1)),
]  # fmt: skip
REAL_PLANES = [e for e in PLANES if not e.args[0].complex] + [
    ex(A(3, 4), norm="ortho"),
    ex(A(3, 4), (4, 3), (0, 1), "forward"),
]
for name, vjp, examples in (
    ("fft", fftn_vjp, PLANES), ("ifft", ifftn_vjp, PLANES), ("rfft", rfftn_vjp, REAL_PLANES), ("irfft", irfftn_vjp, PLANES),
):  # fmt: skip
    linear(getattr(np.fft, name + "n"), examples=[*examples, ex(A(4)), ex(A(2, 3, 4))])(vjp)
    linear(getattr(np.fft, name + "2"), examples=examples)(of_two(vjp))


@linear(np.fft.fftshift, examples=[ex(A(5)), ex(A(4)), ex(A(3, 4)), ex(A(3, 4), 0), ex(A(2, 3, 5), axes=(1, 2)), ex(C)])
def fftshift_vjp(y_bar, y, x, axes=None):
    return np.fft.ifftshift(y_bar) if known(axes) is None else np.fft.ifftshift(y_bar, axes)


@linear(
    np.fft.ifftshift, examples=[ex(A(5)), ex(A(4)), ex(A(3, 4)), ex(A(3, 4), 0), ex(A(2, 3, 5), axes=(1, 2)), ex(C)]
)
def ifftshift_vjp(y_bar, y, x, axes=None):
    return np.fft.fftshift(y_bar) if known(axes) is None else np.fft.fftshift(y_bar, axes)


@linear(
    runtime_arrays.in_extents,
    examples=[ex(A(3), (5,), (0,)), ex(A(5, 4), (3, 6), (-1, 0)), ex(A(3, complex=True), (2,), (0,))],
)
def in_extents_vjp(y_bar, y, x_bar, extents, axes):
    return in_extents(y_bar, shape(x_bar), axes)


@linear(runtime_arrays.half_spectrum, examples=[ex(A(3, complex=True), 2, 5, 0), ex(A(2, 3, complex=True), 0.5, 4, 1)])
def half_spectrum_vjp(y_bar, y, z, factor, n, axis):
    return half_spectrum(y_bar, factor, n, axis)
