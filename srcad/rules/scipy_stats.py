"""Rules of the distributions of `scipy.stats`: densities and probabilities by place, scale and, of densities, shape.

With z = (x - loc) / scale, all of a distribution follows from the slope of its log density by z.
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from srcad.rules.registry import A, elementwise, ex, named, unknown
from srcad.rules.shapes import number

psi = named(special, "psi")

DISTRIBUTIONS = {
    "norm": (lambda z: -z,),
    "expon": (lambda z: -1.0,),
    "uniform": (lambda z: 0.0,),
    "laplace": (lambda z: -np.sign(z),),
    "logistic": (lambda z: -np.tanh(0.5 * z),),
    "cauchy": (lambda z: -2 * z / (1 + z * z),),
    "gumbel_r": (lambda z: np.exp(-z) - 1,),
    "gumbel_l": (lambda z: 1 - np.exp(z),),
    "halfnorm": (lambda z: -z,),
    "rayleigh": (lambda z: 1 / z - z,),
    "gamma": (lambda z, a: (a - 1) / z - 1, lambda z, a: np.log(z) - psi(a)),
    "chi2": (lambda z, df: (0.5 * df - 1) / z - 0.5, lambda z, df: 0.5 * (np.log(0.5 * z) - psi(0.5 * df))),
    "t": (
        lambda z, df: -(df + 1) * z / (df + z * z),
        lambda z, df: 0.5 * (
            psi(0.5 * (df + 1)) - psi(0.5 * df) - 1 / df - np.log1p(z * z / df)
            + (df + 1) * z * z / (df * (df + z * z))
        ),
    ),
    "lognorm": (lambda z, s: -(1 + np.log(z) / (s * s)) / z, lambda z, s: np.log(z) ** 2 / s**3 - 1 / s),
    "weibull_min": (
        lambda z, c: (c - 1) / z - c * z ** (c - 1), lambda z, c: 1 / c + np.log(z) - z**c * np.log(z),
    ),
    "pareto": (lambda z, b: -(b + 1) / z, lambda z, b: 1 / b - np.log(z)),
    "beta": (
        lambda z, a, b: (a - 1) / z - (b - 1) / (1 - z),
        lambda z, a, b: np.log(z) - psi(a) + psi(a + b),
        lambda z, a, b: np.log1p(-z) - psi(b) + psi(a + b),
    ),
}  # fmt: skip
"""The slope of the log density by z, and by each shape, all at loc=0 and scale=1."""

SHAPE_NAMES = {"gamma": "a", "chi2": "df", "t": "df", "lognorm": "s", "weibull_min": "c", "pareto": "b", "beta": "a b"}
PLACES = {"pareto": (1.5, 3.0), "beta": (0.2, 0.8), "uniform": (0.2, 0.8)}
"""Where the tests take z from, if not from between 0.5 and 2."""


def standard(x, loc, scale):
    """z, in the shortest form for the numbers that are known."""
    difference = x if number(loc) == 0 else x - loc
    return difference if number(scale) == 1 else difference / scale


def with_shapes(count: int, partial):
    """`partial(y, x, shapes, loc, scale)` with its shapes as parameters of their own, as SciPy has them."""
    if count == 0:
        return lambda y, x, loc=0, scale=1: partial(y, x, (), loc, scale)
    if count == 1:
        return lambda y, x, a, loc=0, scale=1: partial(y, x, (a,), loc, scale)
    return lambda y, x, a, b, loc=0, scale=1: partial(y, x, (a, b), loc, scale)


def declare(name: str) -> None:
    score, *by_shape = DISTRIBUTIONS[name]
    count = len(by_shape)
    functions = {kind: named(stats, f"{name}.{kind}") for kind in "logpdf pdf cdf sf logcdf logsf".split()}
    logpdf, pdf = functions["logpdf"], functions["pdf"]

    def log_by_x(y, x, shapes, loc, scale):
        slope = score(standard(x, loc, scale), *shapes)
        return slope if number(scale) == 1 else slope / scale

    def log_by_scale(y, x, shapes, loc, scale):
        z = standard(x, loc, scale)
        return -(1 + z * score(z, *shapes)) / scale

    def log_by_shape(slope):
        return lambda y, x, shapes, loc, scale: slope(standard(x, loc, scale), *shapes)

    slopes = [log_by_x, *map(log_by_shape, by_shape), negative(log_by_x), log_by_scale]
    family(stats, name, "logpdf", count, slopes)
    family(stats, name, "pdf", count, [times_y(slope) for slope in slopes])

    def density(y, x, shapes, loc, scale):
        return pdf(x, *shapes, loc, scale)

    def relative_density(y, x, shapes, loc, scale):
        return np.exp(logpdf(x, *shapes, loc, scale) - y)

    def by_place(slope):
        def by_scale(y, x, shapes, loc, scale):
            return -slope(y, x, shapes, loc, scale) * standard(x, loc, scale)

        shapes = [unknown(shape) for shape in SHAPE_NAMES.get(name, "").split()]
        return [slope, *shapes, negative(slope), by_scale]

    family(stats, name, "cdf", count, by_place(density))
    family(stats, name, "sf", count, by_place(negative(density)))
    family(stats, name, "logcdf", count, by_place(relative_density))
    family(stats, name, "logsf", count, by_place(negative(relative_density)))


def negative(slope):
    return lambda *values: -slope(*values)


def times_y(slope):
    return lambda y, *values: y * slope(y, *values)


def family(module, name, kind, count, slopes) -> None:
    low, high = PLACES.get(name, (0.5, 2.0))
    x, shapes = A(3, low=low, high=high), (2.5, 1.5)[:count]
    known_shapes = any(hasattr(slope, "argument") for slope in slopes)
    given = [ex(x, *shapes), ex(A(2, 3, low=low, high=high), *shapes, A(3, low=-0.1, high=0.1), 1.1)]
    if not known_shapes:
        drawn = tuple(A(low=1.5, high=2.5) for _ in shapes)
        given.append(ex(x, *drawn, A(low=-0.1, high=0.1), A(low=1.0, high=1.1)))
    given.append(ex(x, *shapes, scale=A(low=1.0, high=1.1)))
    if name == "uniform":
        given = given[:1] + given[-1:]
    partials = [slope if hasattr(slope, "argument") else with_shapes(count, slope) for slope in slopes]
    names = dict(zip(SHAPE_NAMES.get(name, "").split(), "ab"))
    elementwise(getattr(getattr(module, name), kind), *partials, examples=given, synonyms=names)


for name in DISTRIBUTIONS:
    declare(name)


def mean_only(name: str, kind: str, slope, *, log: bool) -> None:
    """Declares the probabilities of a discrete distribution by their one parameter that is not discrete."""
    function = getattr(getattr(stats, name), kind)
    named(stats, f"{name}.{kind}")
    partial = slope if log else times_y(slope)
    if name == "binom":
        elementwise(
            function, None, None, lambda y, k, n, p: partial(y, k, n, p), examples=[ex(2, 5, A(3, low=0.2, high=0.8))]
        )
    elif name == "poisson":
        elementwise(function, None, lambda y, k, mu: partial(y, k, mu), examples=[ex(2, A(3, low=0.5, high=3.0))])
    else:
        elementwise(function, None, lambda y, k, p: partial(y, k, p), examples=[ex(1, A(3, low=0.2, high=0.8))])


for kind, log in (("pmf", False), ("logpmf", True)):
    mean_only("poisson", kind, lambda y, k, mu: k / mu - 1, log=log)
    mean_only("bernoulli", kind, lambda y, k, p: k / p - (1 - k) / (1 - p), log=log)
    mean_only("binom", kind, lambda y, k, n, p: k / p - (n - k) / (1 - p), log=log)
