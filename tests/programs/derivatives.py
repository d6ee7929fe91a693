"""Derivatives inside of functions that are differentiated: of nested functions, lambdas, functions that are passed."""

import math

import numpy as np

from srcad import grad, hessian, hvp, jacobian, jvp, value_and_grad
from tests.programs import program


@program((2.0, 1.0))
def newton_closure(theta, x):
    def f(t):
        return t**3 - theta

    df = grad(f)
    for _ in range(3):
        x = x - f(x) / df(x)
    return x


@program((2.0, 1.0))
def newton_reassigned(theta, x):
    for k in range(3):
        theta = theta * 1.1
        x = x - (x**3 - theta) / grad(lambda t: t**3 - theta)(x)
    return x


def newton(f, x, n):
    for _ in range(n):
        x = x - f(x) / grad(f)(x)
    return x


@program((2.0, 1.0))
def newton_helper(theta, x):
    return newton(lambda t: t**3 - theta, x, 3)


def cube(t):
    return t**3 - 2.0


@program((1.0,))
def newton_helper_global(x):
    return newton(cube, x, 2)


@program((np.array([0.3, 0.5]), np.array([1.0, 2.0])))
def penalty(w, x):
    def model(z):
        return np.sum(np.tanh(w * z))

    g = grad(model)(x)
    return model(x) + 0.1 * np.sum(g**2)


@program((np.array([0.3, 0.5]), np.array([1.0, 2.0])))
def jac_inside(w, x):
    J = jacobian(lambda z: np.tanh(w * z) * z[0])(x)
    return np.sum(J @ x)


@program((np.array([0.3, 0.5]), np.array([1.0, 2.0])))
def hess_inside(w, x):
    return np.sum(hessian(lambda z: np.sum(np.tanh(w * z)) * z[0])(x))


@program((np.array([0.3, 0.5]), np.array([1.0, 2.0])))
def hvp_inside(w, x):
    return np.sum(hvp(lambda z: np.sum(np.tanh(w * z)) * z[0])(x, w))


@program((0.3, 0.7))
def jvp_inside(w, x):
    v, d = jvp(lambda z: math.sin(w * z), (x,), (w,))
    return v * d


@program((0.3, 0.7))
def vg_inside(w, x):
    v, d = value_and_grad(lambda z: math.sin(w * z))(x)
    return v * d


@program((0.3, 0.7))
def gg_inside(w, x):
    return grad(grad(lambda z: math.sin(w * z)))(x)


@program((0.3, 0.7))
def argnums_inside(w, x):
    def f(a, b):
        return a * b**2 * w

    ga, gb = grad(f, argnums=(0, 1))(x, w)
    return ga * gb + grad(f, 1)(x, x) + grad(f, argnums="b")(x, x)


@program((0.3, 0.7))
def siblings(w, x):
    def h(a):
        return a * w

    def f(a):
        return math.sin(h(a)) * a

    return grad(f)(x)


@program((0.3, 0.7))
def default(w, x):
    def f(a, k=3):
        return math.sin(a * w) * k

    return grad(f)(x)


def gmodel(a, k=3):
    return math.sin(a) * k


@program((0.7,))
def default_global(x):
    return grad(gmodel)(x) + grad(gmodel)(x, k=2)


def make(w):
    def f(a):
        return math.sin(a * w)

    return grad(f)


@program((0.3, 0.7))
def returned(w, x):
    d = make(w)
    return d(x)


@program((0.3, 0.7))
def descent_inner(w, x):
    y = x
    loss = lambda z: (z - w) ** 2 + 0.1 * z**4
    for _ in range(5):
        y -= 0.1 * grad(loss)(y)
    return y


@program((0.3, 0.7))
def decorated(w, x):
    @grad
    def f(a):
        return math.sin(a * w)

    return f(x)


@program((np.array([0.3, 0.5]),))
def hamiltonian(q):
    p = np.zeros(2)

    def H(q, p):
        return np.sum(p**2) / 2 + np.sum(q**4) / 4

    dq, dp = grad(H, 0), grad(H, 1)
    for _ in range(4):
        p = p - 0.1 * dq(q, p)
        q = q + 0.1 * dp(q, p)
    return np.sum(q * p)


G = 2.0


@program((0.3,))
def nested_in_loop_writes(x):
    out = np.zeros(3)
    for k in range(3):
        out[k] = grad(lambda t: t**k * G)(x) * x
    return np.sum(out)
