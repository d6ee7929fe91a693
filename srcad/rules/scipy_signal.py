"""Rules of `scipy.signal`: convolutions and linear filters."""

from __future__ import annotations

import numpy as np
from scipy import signal

from srcad import runtime_scipy
from srcad.rules.registry import A, Refused, conjugated, ex, holomorphic, linear, named, rule, symbolic
from srcad.rules.shapes import is_none, known, number, shape

in_full_of, turned = symbolic(runtime_scipy.in_full_of), symbolic(runtime_scipy.turned)
lfilter_adjoint, lfilter_tangent = symbolic(runtime_scipy.lfilter_adjoint), symbolic(runtime_scipy.lfilter_tangent)
convolve, correlate = named(signal, "convolve"), named(signal, "correlate")
for name in "fftconvolve oaconvolve convolve2d correlate2d lfilter detrend".split():
    named(signal, name)

# ---------------------------------------------------------------------------------------------------------------
# Convolutions


def options(method):
    return {} if known(method) == "auto" else {"method": method}


def whole(y_bar, in1, in2, mode):
    return y_bar if known(mode) == "full" else in_full_of(y_bar, shape(in1), shape(in2), mode)


def convolve_first(y_bar, y, in1, in2, mode="full", method="auto"):
    return correlate(whole(y_bar, in1, in2, mode), in2, mode="valid", **options(method))


def convolve_second(y_bar, y, in1, in2, mode="full", method="auto"):
    return correlate(whole(y_bar, in1, in2, mode), in1, mode="valid", **options(method))


def correlate_first(y_bar, y, in1, in2, mode="full", method="auto"):
    return convolve(whole(y_bar, in1, in2, mode), in2, mode="valid", **options(method))


def correlate_second(y_bar, y, in1, in2, mode="full", method="auto"):
    return turned(correlate(whole(y_bar, in1, in2, mode), in1, mode="valid", **options(method)))


PAIRS = [
    ((6,), (3,)),
    ((5,), (2,)),
    ((3,), (5,)),
    ((4,), (4,)),
    ((4, 5), (2, 3)),
    ((2, 3), (4, 3)),
    ((2, 3, 4), (2, 2, 2)),
]
MODES = [ex(A(*n), A(*m), mode) for mode in ("full", "same", "valid") for n, m in PAIRS]
rule(
    signal.convolve, convolve_first, convolve_second, jvp="multilinear",
    examples=[*MODES, ex(A(5), A(3)), ex(A(5), A(3), method="fft"), ex(A(4, 4), A(2, 2), "same", "direct")],
)  # fmt: skip
rule(
    signal.correlate, correlate_first, correlate_second, jvp="multilinear",
    examples=[*MODES, ex(A(5), A(3)), ex(A(5), A(3), method="fft")],
)  # fmt: skip


def all_axes(axes):
    if not is_none(axes):
        raise Refused("some axes only; transform the arrays with np.moveaxis, or loop over the others")
    return "fft"


for function in (signal.fftconvolve, signal.oaconvolve):
    rule(
        function,
        lambda y_bar, y, in1, in2, mode="full", axes=None: convolve_first(y_bar, y, in1, in2, mode, all_axes(axes)),
        lambda y_bar, y, in1, in2, mode="full", axes=None: convolve_second(y_bar, y, in1, in2, mode, all_axes(axes)),
        jvp="multilinear", examples=MODES,
    )  # fmt: skip


def filled(boundary, fillvalue):
    if known(boundary) != "fill" or number(fillvalue) != 0:
        raise Refused("a boundary that is not filled with zeros; pad the array with np.pad")


def of_two_axes(vjp, same="same"):
    def declared(y_bar, y, in1, in2, mode="full", boundary="fill", fillvalue=0):
        filled(boundary, fillvalue)
        return vjp(y_bar, y, in1, in2, same if known(mode) == "same" else mode)

    return declared


PLANES = [e for e in MODES if len(e.args[0].shape) == 2]
rule(signal.convolve2d, of_two_axes(convolve_first), of_two_axes(convolve_second), jvp="multilinear", examples=PLANES)
rule(
    signal.correlate2d, of_two_axes(correlate_first, "later"), of_two_axes(correlate_second, "later"), jvp="multilinear",
    examples=PLANES,
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Filters


def lfilter_vjp(k):
    def vjp(y_bar, y, b, a, x, axis=-1):
        return lfilter_adjoint(y_bar, y, b, a, x, axis, k)

    return vjp


rule(
    signal.lfilter, lfilter_vjp(0), lfilter_vjp(1), lfilter_vjp(2),
    jvp=lambda dots, y, b, a, x, axis=-1: lfilter_tangent(dots, y, b, a, x, axis),
    examples=[
        ex(A(2), A(2, low=0.5, high=0.6), A(6)), ex(A(3), np.array([1.0, 0.3]), A(2, 5)),
        ex(A(3), A(3, low=0.5, high=0.6), A(5, 2), axis=0), ex(A(7), A(1, low=1.0, high=2.0), A(5)), ex(A(1), A(1), A(3)),
    ],
)  # fmt: skip


@linear(signal.detrend, examples=[ex(A(6)), ex(A(2, 5), axis=1), ex(A(5, 2), 0, "constant"), ex(A(6), type="linear")])
def detrend_vjp(y_bar, y, data, axis=-1, type="linear"):
    return symbolic(signal.detrend)(y_bar, axis=axis, type=type)


conjugated(signal.convolve, signal.fftconvolve, signal.oaconvolve, signal.convolve2d)
holomorphic(signal.lfilter, signal.detrend)
