"""Rules of `scipy.special`, on real arguments (NIST Digital Library of Mathematical Functions, dlmf.nist.gov).

A function of an order or a shape, of which the derivative is not known in closed form, is refused where that varies.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import special

from srcad import runtime
from srcad.rules.registry import (
    A, Refused, adjoint, available, constant, elementwise, ex, holomorphic, named, symbolic, unknown,
)  # fmt: skip
from srcad.rules.shapes import expand, is_none, is_unread, known, part

over = symbolic(runtime.over)
call = functools.partial(named, special)
psi, polygamma, zeta, gammaln, betaln, expit, expn = map(call, "psi polygamma zeta gammaln betaln expit expn".split())
ellipk, ellipe, ellipkinc, ellipeinc = map(call, "ellipk ellipe ellipkinc ellipeinc".split())
j0, j1, y0, y1, jv, yv, iv, kv, ive, kve, yn, kn, jn = map(call, "j0 j1 y0 y1 jv yv iv kv ive kve yn kn jn".split())
i0, i1, i0e, i1e, k0, k1, k0e, k1e = map(call, "i0 i1 i0e i1e k0 k1 k0e k1e".split())
jacobi, gegenbauer, genlaguerre, chebyu, hermite, hermitenorm = map(
    call, "eval_jacobi eval_gegenbauer eval_genlaguerre eval_chebyu eval_hermite eval_hermitenorm".split()
)
hyp0f1, hyp1f1, hyp2f1, hyperu, struve, modstruve = map(call, "hyp0f1 hyp1f1 hyp2f1 hyperu struve modstruve".split())
spherical = {name: call(f"spherical_{name}") for name in ("jn", "yn", "in", "kn")}

POSITIVE = (0.5, 3.0)
INTEGERS = [ex(n, A(3, low=0.5, high=3.0)) for n in (1, 2, 3)]
UNIT = (0.1, 0.9)
ROOT_PI = math.sqrt(math.pi)
ROOT_2PI = math.sqrt(2 * math.pi)


def declare(name: str, *partials, **options) -> None:
    """Declares a function of `scipy.special` by its partials, if this version has it."""
    for fn in available(special, name):
        named(special, name)
        elementwise(fn, *partials, **options)


def sign(x):
    return np.sign(x)


# ---------------------------------------------------------------------------------------------------------------
# Elementary functions

declare("expm1", lambda y, x: y + 1)
declare("log1p", lambda y, x: 1 / (1 + x), domain=UNIT)
declare("exp2", lambda y, x: math.log(2) * y)
declare("exp10", lambda y, x: math.log(10) * y)
declare("cbrt", lambda y, x: 1 / (3 * y * y), domain=POSITIVE)
declare("cosm1", lambda y, x: -np.sin(x))
declare("sindg", lambda y, x: math.pi / 180 * np.cos(math.pi / 180 * x))
declare("cosdg", lambda y, x: -math.pi / 180 * np.sin(math.pi / 180 * x))
declare("tandg", lambda y, x: math.pi / 180 * (1 + y * y))
declare("cotdg", lambda y, x: -math.pi / 180 * (1 + y * y), domain=POSITIVE)
declare("expit", lambda y, x: y * (1 - y))
declare("logit", lambda y, x: 1 / (x * (1 - x)), domain=UNIT)
declare("log_expit", lambda y, x: expit(-x))
declare("softplus", lambda y, x: expit(x))
declare("exprel", lambda y, x: np.where(x == 0, 0.5, (np.exp(x) - y) / (x + (x == 0))), domain=POSITIVE)
declare("xlogy", lambda r, x, y: np.log(y), lambda r, x, y: over(x, y), domain=POSITIVE)
declare("xlog1py", lambda r, x, y: np.log1p(y), lambda r, x, y: over(x, 1 + y), domain=POSITIVE)
declare("entr", lambda y, x: -np.log(x) - 1, domain=POSITIVE)
declare("rel_entr", lambda r, x, y: np.log(x / y) + 1, lambda r, x, y: -over(x, y), domain=POSITIVE)
declare("kl_div", lambda r, x, y: np.log(x / y), lambda r, x, y: 1 - over(x, y), domain=POSITIVE)
declare(
    "huber",
    lambda y, delta, r: (np.abs(r) > delta) * (np.abs(r) - delta),
    lambda y, delta, r: np.clip(r, -delta, delta),
    domain=((0.5, 1.0), (-3.0, 3.0)),
)
declare(
    "pseudo_huber",
    lambda y, delta, r: 2 * y / delta - r * r / (delta * np.sqrt(1 + (r / delta) ** 2)),
    lambda y, delta, r: r / np.sqrt(1 + (r / delta) ** 2),
    domain=((0.5, 1.0), (-3.0, 3.0)),
)
declare(
    "boxcox",
    lambda y, x, lmbda: x ** (lmbda - 1),
    lambda y, x, lmbda: (x**lmbda * np.log(x) - y) / lmbda,
    domain=POSITIVE,
)
declare(
    "boxcox1p",
    lambda y, x, lmbda: (1 + x) ** (lmbda - 1),
    lambda y, x, lmbda: ((1 + x) ** lmbda * np.log1p(x) - y) / lmbda,
    domain=POSITIVE,
)


def inverse_by_power(r, base, y, lmbda):
    return base * (y / (lmbda * (1 + lmbda * y)) - np.log1p(lmbda * y) / (lmbda * lmbda))


declare(
    "inv_boxcox",
    lambda r, y, lmbda: r ** (1 - lmbda),
    lambda r, y, lmbda: inverse_by_power(r, r, y, lmbda),
    domain=POSITIVE,
)
declare(
    "inv_boxcox1p",
    lambda r, y, lmbda: (1 + r) ** (1 - lmbda),
    lambda r, y, lmbda: inverse_by_power(r, 1 + r, y, lmbda),
    domain=POSITIVE,
)

# ---------------------------------------------------------------------------------------------------------------
# Gamma, beta and zeta functions

declare("gamma", lambda y, x: y * psi(x), domain=POSITIVE)
declare("gammaln", lambda y, x: psi(x), domain=POSITIVE)
declare("loggamma", lambda y, x: psi(x), domain=POSITIVE)
declare("rgamma", lambda y, x: -y * psi(x), domain=POSITIVE)
declare("psi", lambda y, x: zeta(2, x), domain=POSITIVE)
declare("digamma", lambda y, x: zeta(2, x), domain=POSITIVE)
declare("polygamma", None, lambda y, n, x: polygamma(n + 1, x), examples=INTEGERS)
declare("factorial", lambda y, n: y * psi(n + 1), domain=POSITIVE)
declare("poch", lambda y, z, m: y * (psi(z + m) - psi(z)), lambda y, z, m: y * psi(z + m), domain=POSITIVE)
declare(
    "binom",
    lambda y, n, k: y * (psi(n + 1) - psi(n - k + 1)),
    lambda y, n, k: y * (psi(n - k + 1) - psi(k + 1)),
    domain=((4.0, 6.0), (1.0, 3.0)),
)
declare("beta", lambda y, a, b: y * (psi(a) - psi(a + b)), lambda y, a, b: y * (psi(b) - psi(a + b)), domain=POSITIVE)
declare("betaln", lambda y, a, b: psi(a) - psi(a + b), lambda y, a, b: psi(b) - psi(a + b), domain=POSITIVE)


def beta_density(a, b, x):
    return np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - betaln(a, b))


def gamma_density(a, x):
    return np.exp((a - 1) * np.log(x) - x - gammaln(a))


SHAPES = [ex(2.5, 1.5, A(3, low=0.1, high=0.9)), ex(1.0, 3.0, A(2, 3, low=0.1, high=0.9))]
TAILS = [ex(2.5, A(3, low=0.1, high=0.9)), ex(1.0, A(2, 3, low=0.1, high=0.9))]
for name, slope in {
    "betainc": lambda y, a, b, x: beta_density(a, b, x), "betaincc": lambda y, a, b, x: -beta_density(a, b, x),
    "betaincinv": lambda y, a, b, x: 1 / beta_density(a, b, y), "betainccinv": lambda y, a, b, x: -1 / beta_density(a, b, y),
}.items():  # fmt: skip
    declare(name, unknown("a"), unknown("b"), slope, examples=SHAPES)
for name, slope in {
    "gammainc": lambda y, a, x: gamma_density(a, x), "gammaincc": lambda y, a, x: -gamma_density(a, x),
    "gammaincinv": lambda y, a, x: 1 / gamma_density(a, y), "gammainccinv": lambda y, a, x: -1 / gamma_density(a, y),
    "chdtr": lambda y, v, x: 0.5 * gamma_density(0.5 * v, 0.5 * x),
    "chdtrc": lambda y, v, x: -0.5 * gamma_density(0.5 * v, 0.5 * x),
    "stdtr": lambda y, df, t: np.exp(-betaln(0.5, 0.5 * df) - 0.5 * (df + 1) * np.log1p(t * t / df)) / np.sqrt(df),
}.items():  # fmt: skip
    declare(name, unknown("its first argument"), slope, examples=TAILS)


def zeta_slope(y, x, q=None):
    if is_none(q):
        raise Refused("a varying `q`")
    return -x * zeta(x + 1, q)


declare("zeta", unknown("x"), zeta_slope, examples=[ex(2.5, A(3, low=0.5, high=2.0))])
declare("spence", lambda y, x: -np.log(x) / (x - 1 + (x == 1)) - (x == 1), domain=POSITIVE)


def multigammaln_slope(a, d):
    return sum((psi(a - 0.5 * k) for k in range(1, known(d))), psi(a))


@adjoint(
    special.multigammaln, jvp=lambda dots, y, a, d: dots[0] * multigammaln_slope(a, d),
    examples=[ex(A(low=3.0, high=5.0), 3), ex(A(3, low=3.0, high=5.0), 1), ex(A(2, 3, low=3.0, high=5.0), 4)],
)  # fmt: skip
def multigammaln_vjp(y_bar, y, a, d):
    return y_bar * multigammaln_slope(a, d)


# ---------------------------------------------------------------------------------------------------------------
# Error functions and integrals

declare("erf", lambda y, x: 2 / ROOT_PI * np.exp(-x * x))
declare("erfc", lambda y, x: -2 / ROOT_PI * np.exp(-x * x))
declare("erfcx", lambda y, x: 2 * x * y - 2 / ROOT_PI)
declare("erfi", lambda y, x: 2 / ROOT_PI * np.exp(x * x))
declare("dawsn", lambda y, x: 1 - 2 * x * y)
declare("erfinv", lambda x, y: ROOT_PI / 2 * np.exp(x * x), domain=(-0.9, 0.9))
declare("erfcinv", lambda x, y: -ROOT_PI / 2 * np.exp(x * x), domain=(0.2, 1.8))
declare("ndtr", lambda y, x: np.exp(-0.5 * x * x) / ROOT_2PI)
declare("log_ndtr", lambda y, x: np.exp(-0.5 * x * x - y) / ROOT_2PI)
declare("ndtri", lambda x, y: ROOT_2PI * np.exp(0.5 * x * x), domain=UNIT)
declare("ndtri_exp", lambda x, y: ROOT_2PI * np.exp(0.5 * x * x + y), domain=(-2.0, -0.1))
declare("expi", lambda y, x: np.exp(x) / x, domain=POSITIVE)
declare("exp1", lambda y, x: -np.exp(-x) / x, domain=POSITIVE)
declare("expn", None, lambda y, n, x: -expn(n - 1, x), examples=[ex(n, A(3, low=0.5, high=3.0)) for n in (1, 2, 3)])
declare("wrightomega", lambda y, z: y / (1 + y))


def slopes_of(name: str, *slopes, domain, examples=()) -> None:
    """Declares a function of one argument that returns several arrays, by the derivative of each."""
    fn = getattr(special, name)
    named(special, name)

    def vjp(y_bar, y, x):
        terms = [part(y_bar, k) * slope(y, x) for k, slope in enumerate(slopes) if not is_unread(part(y_bar, k))]
        return sum(terms[1:], terms[0]) if terms else np.zeros_like(x)

    low, high = domain
    drawn = [ex(A(*shape, low=low, high=high)) for shape in ((), (3,), (2, 3))]
    adjoint(fn, jvp=lambda dots, y, x: tuple(dots[0] * slope(y, x) for slope in slopes), examples=[*drawn, *examples])(
        vjp
    )


slopes_of("sici", lambda y, x: np.sin(x) / x, lambda y, x: np.cos(x) / x, domain=POSITIVE)
slopes_of("shichi", lambda y, x: np.sinh(x) / x, lambda y, x: np.cosh(x) / x, domain=POSITIVE)
slopes_of(
    "fresnel", lambda y, z: np.sin(math.pi / 2 * z * z), lambda y, z: np.cos(math.pi / 2 * z * z), domain=(-2.0, 2.0)
)
slopes_of(
    "airy",
    lambda y, z: part(y, 1), lambda y, z: z * part(y, 0), lambda y, z: part(y, 3), lambda y, z: z * part(y, 2),
    domain=(-2.0, 2.0),
)  # fmt: skip
declare("ellipk", lambda y, m: (ellipe(m) / (1 - m) - y) / (2 * m), domain=UNIT)
declare("ellipe", lambda y, m: (y - ellipk(m)) / (2 * m), domain=UNIT)
declare("ellipkm1", lambda y, p: -(ellipe(1 - p) / p - y) / (2 * (1 - p)), domain=UNIT)
declare(
    "ellipkinc",
    lambda y, phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda y, phi, m: (
        ellipeinc(phi, m) / (2 * m * (1 - m))
        - y / (2 * m)
        - np.sin(2 * phi) / (4 * (1 - m) * np.sqrt(1 - m * np.sin(phi) ** 2))
    ),
    domain=UNIT,
)
declare(
    "ellipeinc",
    lambda y, phi, m: np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda y, phi, m: (y - ellipkinc(phi, m)) / (2 * m),
    domain=UNIT,
)

# ---------------------------------------------------------------------------------------------------------------
# Bessel functions

declare("j0", lambda y, x: -j1(x))
declare("j1", lambda y, x: 0.5 * (j0(x) - jn(2, x)))
declare("y0", lambda y, x: -y1(x), domain=POSITIVE)
declare("y1", lambda y, x: y0(x) - y / x, domain=POSITIVE)
declare("i0", lambda y, x: i1(x))
declare("i1", lambda y, x: 0.5 * (i0(x) + iv(2, x)))
declare("i0e", lambda y, x: i1e(x) - sign(x) * y)
declare("i1e", lambda y, x: 0.5 * (i0e(x) + ive(2, x)) - sign(x) * y)
declare("k0", lambda y, x: -k1(x), domain=POSITIVE)
declare("k1", lambda y, x: -k0(x) - y / x, domain=POSITIVE)
declare("k0e", lambda y, x: y - k1e(x), domain=POSITIVE)
declare("k1e", lambda y, x: y - k0e(x) - y / x, domain=POSITIVE)
ORDERS = [
    ex(2.5, A(3, low=0.5, high=3.0)),
    ex(np.array([0.0, 1.0]), A(2, low=0.5, high=3.0)),
    ex(3, A(low=0.5, high=3.0)),
]
for name, slope in {
    "jv": lambda y, v, z: 0.5 * (jv(v - 1, z) - jv(v + 1, z)), "yv": lambda y, v, z: 0.5 * (yv(v - 1, z) - yv(v + 1, z)),
    "iv": lambda y, v, z: 0.5 * (iv(v - 1, z) + iv(v + 1, z)), "kv": lambda y, v, z: -0.5 * (kv(v - 1, z) + kv(v + 1, z)),
    "ive": lambda y, v, z: 0.5 * (ive(v - 1, z) + ive(v + 1, z)) - sign(z) * y,
    "kve": lambda y, v, z: y - 0.5 * (kve(v - 1, z) + kve(v + 1, z)),
    "struve": lambda y, v, x: struve(v - 1, x) - v / x * y, "modstruve": lambda y, v, x: modstruve(v - 1, x) - v / x * y,
}.items():  # fmt: skip
    declare(name, unknown("order"), slope, examples=ORDERS)
declare("yn", None, lambda y, n, x: yn(n - 1, x) - n / x * y, examples=INTEGERS)
declare("kn", None, lambda y, n, x: -kn(n - 1, x) - n / x * y, examples=INTEGERS)


def spherical_slope(function):
    return lambda y, n, z: function(n, z, True)


for short, function in spherical.items():
    declare(f"spherical_{short}", None, spherical_slope(function), examples=INTEGERS)

# ---------------------------------------------------------------------------------------------------------------
# Orthogonal polynomials and hypergeometric functions

DEGREES = [ex(n, A(3, low=-0.9, high=0.9)) for n in (0, 1, 2, 5)]
declare("eval_legendre", None, lambda y, n, x: 0.5 * (n + 1) * jacobi(n - 1, 1, 1, x), examples=DEGREES)
declare("eval_chebyt", None, lambda y, n, x: n * chebyu(n - 1, x), examples=DEGREES)
declare("eval_chebyu", None, lambda y, n, x: 2 * gegenbauer(n - 1, 2, x), examples=DEGREES)
declare("eval_hermite", None, lambda y, n, x: 2 * n * hermite(n - 1, x), examples=DEGREES[1:])
declare("eval_hermitenorm", None, lambda y, n, x: n * hermitenorm(n - 1, x), examples=DEGREES[1:])
declare("eval_laguerre", None, lambda y, n, x: -genlaguerre(n - 1, 1, x), examples=DEGREES)
declare("eval_sh_legendre", None, lambda y, n, x: (n + 1) * jacobi(n - 1, 1, 1, 2 * x - 1), examples=DEGREES)
declare("eval_sh_chebyt", None, lambda y, n, x: 2 * n * chebyu(n - 1, 2 * x - 1), examples=DEGREES)
declare(
    "eval_genlaguerre", None, unknown("alpha"), lambda y, n, alpha, x: -genlaguerre(n - 1, alpha + 1, x),
    examples=[ex(n, 0.5, A(3)) for n in (0, 1, 3)],
)  # fmt: skip
declare(
    "eval_gegenbauer", None, unknown("alpha"), lambda y, n, alpha, x: 2 * alpha * gegenbauer(n - 1, alpha + 1, x),
    examples=[ex(n, 0.5, A(3, low=-0.9, high=0.9)) for n in (0, 1, 3)],
)  # fmt: skip
declare(
    "eval_jacobi", None, unknown("alpha"), unknown("beta"),
    lambda y, n, alpha, beta, x: 0.5 * (n + alpha + beta + 1) * jacobi(n - 1, alpha + 1, beta + 1, x),
    examples=[ex(n, 0.5, 1.5, A(3, low=-0.9, high=0.9)) for n in (0, 1, 3)],
)  # fmt: skip
declare("hyp0f1", unknown("v"), lambda y, v, z: hyp0f1(v + 1, z) / v, examples=ORDERS[:1])
declare(
    "hyp1f1", unknown("a"), unknown("b"), lambda y, a, b, x: a / b * hyp1f1(a + 1, b + 1, x),
    examples=[ex(0.5, 1.5, A(3))],
)  # fmt: skip
declare(
    "hyp2f1", unknown("a"), unknown("b"), unknown("c"), lambda y, a, b, c, z: a * b / c * hyp2f1(a + 1, b + 1, c + 1, z),
    examples=[ex(0.5, 1.5, 2.0, A(3, low=-0.5, high=0.5))],
)  # fmt: skip
declare(
    "hyperu", unknown("a"), unknown("b"), lambda y, a, b, x: -a * hyperu(a + 1, b + 1, x),
    examples=[ex(0.5, 1.5, A(3, low=0.5, high=2.0))],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Along an axis


def logsumexp_slope(y, a, axis, b, keepdims, return_sign):
    if known(return_sign):
        raise Refused("return_sign=True")
    slope = np.exp(a - expand(y, a, axis, keepdims))
    return slope if is_none(b) else b * slope


@adjoint(
    special.logsumexp,
    jvp=lambda dots, y, a, axis=None, b=None, keepdims=False, return_sign=False: np.sum(
        dots[0] * logsumexp_slope(y, a, axis, b, keepdims, return_sign), axis, keepdims=keepdims
    ),
    examples=[
        ex(A(3)), ex(A(2, 3), axis=1), ex(A(2, 3), 0, keepdims=True), ex(A(2, 3), b=np.array([1.0, 2.0, 0.5])),
        ex(A(2, 3, 4), axis=(0, 2)),
    ],
)  # fmt: skip
def logsumexp_vjp(y_bar, y, a, axis=None, b=None, keepdims=False, return_sign=False):
    return expand(y_bar, a, axis, keepdims) * logsumexp_slope(y, a, axis, b, keepdims, return_sign)


def softmax_vjp(y_bar, y, x, axis=None):
    weighed = y_bar * y
    return weighed - y * np.sum(weighed, axis=known(axis), keepdims=True)


AXES = [ex(A(3)), ex(A(2, 3), axis=1), ex(A(2, 3), axis=0), ex(A(2, 3)), ex(A(2, 3, 4), axis=(0, 2))]
adjoint(special.softmax, jvp=lambda dots, y, x, axis=None: softmax_vjp(dots[0], y, x, axis), examples=AXES)(softmax_vjp)


@adjoint(
    special.log_softmax, examples=AXES,
    jvp=lambda dots, y, x, axis=None: dots[0] - np.sum(dots[0] * np.exp(y), axis, keepdims=True),
)  # fmt: skip
def log_softmax_vjp(y_bar, y, x, axis=None):
    return y_bar - np.exp(y) * np.sum(y_bar, axis=known(axis), keepdims=True)


for name in ("multigammaln", "logsumexp", "softmax", "log_softmax"):
    named(special, name)
constant(*available(special, "gammasgn", "round"))

ANALYTIC = """
    dawsn erf erfc erfcx erfi exp1 expi expm1 gamma hyp0f1 hyp1f1 iv jv kv kve log1p log_ndtr loggamma logsumexp ndtr rgamma
    softmax spherical_in spherical_jn spence wrightomega xlog1py xlogy yv
"""
holomorphic(*available(special, *ANALYTIC.split()))
