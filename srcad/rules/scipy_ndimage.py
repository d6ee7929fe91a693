"""Rules of the linear filters of `scipy.ndimage`.

A filter continues an array beyond its edges, then takes weighted sums. So the adjoint takes the sums the other way round,
of an array that zeros continue, and folds what comes to lie beyond the edges back into the array.
"""

from __future__ import annotations

from scipy import ndimage

from srcad import runtime_scipy
from srcad.rules.registry import A, Refused, adjoint, ex, named, rule, symbolic
from srcad.rules.shapes import known

correlate, convolve = named(ndimage, "correlate"), named(ndimage, "convolve")
gaussian_filter, uniform_filter = named(ndimage, "gaussian_filter"), named(ndimage, "uniform_filter")
weights_adjoint = symbolic(runtime_scipy.weights_adjoint)
kernel_adjoint = symbolic(runtime_scipy.kernel_adjoint)
gaussian_adjoint = symbolic(runtime_scipy.gaussian_adjoint)
uniform_adjoint = symbolic(runtime_scipy.uniform_adjoint)


def at_centre(origin):
    if known(origin) != 0:
        raise Refused("an origin that is not the centre")


def linear_part(function):
    """The tangent: the filter of the tangent, continued by zeros where a constant continues the array."""

    def jvp(dots, y, input, weights, *parameters, cval=0.0, **more):
        terms = [] if dots[0] is None else [function(dots[0], weights, *parameters, **more)]
        terms += [] if dots[1] is None else [function(input, dots[1], *parameters, cval=cval, **more)]
        return sum(terms[1:], terms[0])

    return jvp


FILTERS = [ex(A(4, 5), A(3, 3), mode=mode) for mode in ("reflect", "mirror", "nearest", "constant", "wrap")] + [
    ex(A(6), A(3)),
    ex(A(6), A(5), mode="wrap"),
    ex(A(5), A(3), mode="constant", cval=2.0),
    ex(A(3, 4, 3), A(1, 3, 3)),
]
for function, shown, turned in ((ndimage.correlate, correlate, False), (ndimage.convolve, convolve, True)):

    def declare(turned):
        def first(y_bar, y, input, weights, *, mode="reflect", cval=0.0, origin=0):
            at_centre(origin)
            return kernel_adjoint(y_bar, weights, mode, turned)

        def second(y_bar, y, input, weights, *, mode="reflect", cval=0.0, origin=0):
            at_centre(origin)
            return weights_adjoint(y_bar, input, weights, mode, cval, turned)

        return first, second

    rule(function, *declare(turned), jvp=linear_part(shown), examples=FILTERS)


def sums_jvp(function):
    def jvp(dots, y, input, *parameters, cval=0.0, **more):
        return function(dots[0], *parameters, **more)

    return jvp


@adjoint(
    ndimage.gaussian_filter, jvp=sums_jvp(gaussian_filter),
    examples=[
        ex(A(9), 0.7), ex(A(7, 8), 0.7), ex(A(7, 8), (0.5, 0.8), mode="nearest"), ex(A(9), 0.7, mode="wrap", truncate=3.0),
        ex(A(9), 0.6, mode="constant", cval=1.0), ex(A(9), 0.6, 1), ex(A(7, 8), 0.6, order=(0, 2), mode="mirror"),
    ],
)  # fmt: skip
def gaussian_filter_vjp(y_bar, y, input, sigma, order=0, *, mode="reflect", cval=0.0, truncate=4.0):
    return gaussian_adjoint(y_bar, sigma, order, mode, truncate)


@adjoint(
    ndimage.uniform_filter, jvp=sums_jvp(uniform_filter),
    examples=[ex(A(9)), ex(A(5, 6), 3), ex(A(5, 6), (3, 1), mode="wrap"), ex(A(9), size=5, mode="constant", cval=1.0)],
)  # fmt: skip
def uniform_filter_vjp(y_bar, y, input, size=3, *, mode="reflect", cval=0.0, origin=0):
    at_centre(origin)
    return uniform_adjoint(y_bar, size, mode)
