"""Jacobians, Hessians, their products with vectors: against closed forms, differences and the peers."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import math
import pickle
import warnings

import numpy as np
import pytest

import srcad
from srcad import grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize
from srcad.errors import KindError, SrcadError, Unsupported

BOTH = pytest.mark.parametrize("operator", [jacfwd, jacrev, jacobian], ids=lambda o: o.__name__)
X = np.array([0.3, -1.2, 0.7])


def differences(fun, x, step=1e-5):
    """The Jacobian of `fun` by an array, by extrapolated central differences: value.shape + x.shape."""

    def slope(unit, h):
        return (np.asarray(fun(x + h * unit)) - fun(x - h * unit)) / (2 * h)

    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = [(4 * slope(u, 50 * step) - slope(u, 100 * step)) / 3 for u in units]
    return np.moveaxis(np.array(columns), 0, -1).reshape(np.shape(columns[0]) + x.shape)


def close(found, wanted, rtol=1e-6, atol=1e-8):
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)


# ---------------------------------------------------------------------------------------------------------------
# Programs


def elementwise_and_sum(x):
    return np.exp(x) * np.sum(x * x)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def in_a_loop(x):
    y = np.zeros(4)
    for i in range(4):
        y[i] = np.sin(x[i % 3]) * x[0]
        if i > 1:
            y[i] = y[i] + x[2] ** 2
    return y


def in_place(x):
    u = x.copy()
    for _ in range(3):
        u[1:] = u[1:] * u[:-1] + x[1:]
    return u


def helper(x, k):
    return np.tanh(k * x)


def with_calls(x):
    return np.concatenate([helper(x, 2.0), helper(x, 0.5)[::-1]])


def branching(x):
    if x[0] > 0:
        return np.outer(x, x)
    return np.outer(x, np.ones(3))


def to_a_number(x):
    return np.sum(np.sin(x) * x)


PROGRAMS = [elementwise_and_sum, softmax, in_a_loop, in_place, with_calls, branching, to_a_number]
PROGRAMS_BY_NAME = pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)


@PROGRAMS_BY_NAME
@BOTH
def test_a_jacobian_is_what_differences_say(program, operator):
    close(operator(program)(X), differences(program, X))


@PROGRAMS_BY_NAME
def test_both_modes_agree(program):
    close(jacfwd(program)(X), jacrev(program)(X), rtol=1e-12, atol=1e-14)


@BOTH
def test_the_jacobian_of_softmax(operator):
    p = softmax(X)
    close(operator(softmax)(X), np.diag(p) - np.outer(p, p), rtol=1e-12)


@BOTH
def test_of_a_matrix_by_a_matrix(operator):
    a = np.arange(6.0).reshape(2, 3)
    b = np.ones((3, 2)) + np.eye(3, 2)
    found = operator(lambda a, b: a @ b, argnums=(0, 1))(a, b)
    close(found[0], np.einsum("ik,lj->ijkl", np.eye(2), b))
    close(found[1], np.einsum("ik,jl->ijkl", a, np.eye(2)))


# ---------------------------------------------------------------------------------------------------------------
# Types and shapes


@BOTH
def test_a_number_by_a_number_is_a_float(operator):
    found = operator(lambda x: x**3)(2.0)
    assert type(found) is float
    assert found == 12.0


@BOTH
def test_integers_count_as_floats(operator):
    assert operator(lambda x: x**3)(2) == 12.0
    close(operator(lambda x: x * x)(np.array([1, 2])), np.diag([2.0, 4.0]))


@BOTH
def test_a_number_by_an_array_and_an_array_by_a_number(operator):
    close(operator(lambda x: np.sum(x**2))(X), 2 * X)
    close(operator(lambda t: np.array([t, t * t, 1.0]))(3.0), [1.0, 6.0, 0.0])
    close(operator(lambda x: np.array(3.0) * x)(np.array(2.0)), np.array(3.0))


@BOTH
def test_float32_stays_float32(operator):
    found = operator(lambda x: x * np.sum(x))(X.astype(np.float32))
    assert found.dtype == np.float32
    close(found, differences(lambda x: x * np.sum(x), X), rtol=1e-5)


@BOTH
def test_empty_arguments_and_values(operator):
    assert operator(lambda x: 2.0 * x)(np.zeros(0)).shape == (0, 0)
    assert operator(lambda x: x[:0])(X).shape == (0, 3)
    assert operator(lambda x, y: y * np.sum(x))(np.zeros((2, 0)), np.ones(3)).shape == (3, 2, 0)


@BOTH
def test_an_argument_that_is_not_used_has_zeros(operator):
    close(operator(lambda x, y: x * 2.0, argnums=1)(X, np.ones((2, 2))), np.zeros((3, 2, 2)))
    close(operator(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    close(operator(lambda x: np.argsort(x))(X), np.zeros((3, 3)))


@BOTH
def test_the_result_is_memory_of_its_own(operator):
    x = X.copy()
    found = operator(lambda x: x)(x)
    found += 1.0
    close(x, X)
    close(operator(lambda x: x)(x), np.eye(3))


# ---------------------------------------------------------------------------------------------------------------
# Structures


@dataclasses.dataclass
class Line:
    slope: float
    offset: np.ndarray
    name: str = "line"


@BOTH
def test_the_structure_of_the_value_outside_and_that_of_the_argument_inside(operator):
    def fun(p, y):
        return {"a": p["w"] * y, "b": (np.sum(p["w"]) * p["s"], "text"), "n": 3}

    p = {"w": np.ones(2), "s": 2.0, "label": "x", "count": 3}
    found = operator(fun, argnums=(0, "y"))(p, 5.0)
    close(found["a"][0]["w"], 5 * np.eye(2))
    close(found["a"][0]["s"], np.zeros(2))
    assert found["a"][0]["label"] is None
    assert found["a"][0]["count"] is None
    close(found["a"][1], np.ones(2))
    close(found["b"][0][0]["w"], [2.0, 2.0])
    assert found["b"][0][0]["s"] == 2.0
    assert found["b"][0][1] == 0.0
    assert found["b"][1] is None
    close(found["n"][0]["w"], np.zeros(2))


@BOTH
def test_by_a_dataclass_and_of_a_tuple(operator):
    def fun(line, x):
        return line.slope * x, line.offset

    slopes, offsets = operator(fun)(Line(2.0, np.ones(2)), X)
    assert isinstance(slopes, Line)
    close(slopes.slope, X)
    close(slopes.offset, np.zeros((3, 2)))
    assert slopes.name is None
    close(offsets.offset, np.eye(2))


@BOTH
def test_a_list_of_arguments(operator):
    found = operator(lambda xs: xs[0] * xs[1])([X, 2 * X])
    close(found[0], np.diag(2 * X))
    close(found[1], np.diag(X))


@BOTH
def test_starred_arguments(operator):
    def fun(*xs):
        return xs[0] * xs[1] * xs[2]

    close(operator(fun, argnums=1)(X, 2.0 * X, 3.0), np.diag(3 * X))
    first, third = operator(fun, argnums=(0, 2))(X, X, 3.0)
    close(first, np.diag(3 * X))
    close(third, X * X)


# ---------------------------------------------------------------------------------------------------------------
# Calls


class Model:
    def __init__(self, k):
        self.k = k

    def output(self, x):
        """The output of the model."""
        return self.k * x**2


class Decorated:
    def __init__(self, k):
        self.k = k

    @jacobian
    def slopes(self, x):
        return self.k * x**3

    @hvp
    def curvature(self, x):
        return self.k * np.sum(x**3)


def test_methods_partials_and_lambdas():
    close(jacobian(Model(3.0).output)(X), np.diag(6 * X))
    close(jacobian(functools.partial(helper, k=2.0))(X), jacobian(helper)(X, 2.0))
    close(jacrev(functools.partial(lambda k, x: k * x, 2.0))(X), 2 * np.eye(3))
    close(hessian(functools.partial(lambda k, x: k * np.sum(x**2), 2.0))(X), 4 * np.eye(3))
    close(hvp(functools.partial(lambda k, x: k * np.sum(x**2), 2.0))(X, X), 4 * X)


def test_a_method_may_be_decorated():
    close(Decorated(2.0).slopes(X), np.diag(6 * X**2))
    close(Decorated(2.0).curvature(X, np.ones(3)), 12 * X)


def test_keyword_arguments_and_defaults():
    def fun(x, k=2.0, *, power=2):
        return k * x**power

    close(jacobian(fun)(X), np.diag(4 * X))
    close(jacobian(fun)(X, power=3), np.diag(6 * X**2))
    close(jacobian(fun)(x=X, k=1.0), np.diag(2 * X))
    close(jacobian(fun, argnums="k")(X, 3.0), X**2)


@pytest.mark.parametrize("operator", [jacobian, jacfwd, jacrev, hessian], ids=lambda o: o.__name__)
def test_it_looks_like_the_function(operator):
    found = operator(helper)
    assert found.__name__ == "helper"
    assert inspect.signature(found) == inspect.signature(helper)
    assert operator(Model(1.0).output).__doc__ == "The output of the model."
    assert repr(found) == f"<{operator.__name__} of helper by 0>"
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)
    assert operator(argnums=1)(helper).argnums == 1


def test_the_vector_is_a_parameter_of_hvp():
    assert str(inspect.signature(hvp(helper))) == "(x, k, vector)"
    assert str(inspect.signature(hvp(lambda x, k=1.0, *, n=2: x))) == "(x, k=1.0, *, vector, n=2)"
    assert str(inspect.signature(hvp(lambda vector: vector))) == "(vector, vector_)"


def test_wrong_argnums_say_what_there_is():
    with pytest.raises(KindError) as error:
        jacobian(helper, argnums=2)
    assert str(error.value) == "helper has no argument number 2\n  It has 2, counted from 0."
    with pytest.raises(KindError) as error:
        hessian(helper, argnums="z")
    assert str(error.value) == "helper has no parameter 'z'\n  It has: x, k."
    with pytest.raises(KindError) as error:
        hvp(helper, argnums=1.5)
    assert str(error.value) == "argnums is 1.5\n  It is an index, a parameter name, or a tuple of those."


def test_what_is_not_numeric_is_refused():
    with pytest.raises(KindError) as error:
        jacobian(helper)("text", 2.0)
    assert str(error.value) == (
        "helper is to be differentiated by 'x', which is 'text'\n"
        "  Pass a float, an array of floats, or a structure of those."
    )
    with pytest.raises(KindError, match="complex"):
        jacfwd(helper)(1j, 2.0)


def test_a_wrong_call_is_a_type_error():
    with pytest.raises(TypeError, match="missing a required argument: 'k'"):
        jacobian(helper)(X)


# ---------------------------------------------------------------------------------------------------------------
# How often what runs


def test_reverse_mode_runs_the_forward_sweep_once(monkeypatch):
    runs = count_runs(monkeypatch)
    jacrev(counted)(X)
    assert runs == ["ran"]


def test_the_mode_is_chosen_by_the_sizes(monkeypatch):
    tall = jacobian(lambda x: np.concatenate([counted(x), x]))
    close(tall(X), np.concatenate([2 * np.eye(3), np.eye(3)]))
    runs = count_runs(monkeypatch)
    tall(X)
    assert len(runs) == 1  # the values are computed once, for all columns
    runs.clear()
    jacobian(counted)(X)
    assert len(runs) == 1


_runs: list = []


def note(text):
    _runs.append(text)


def counted(x):
    note("ran")
    return 2.0 * x


def count_runs(monkeypatch):
    monkeypatch.setattr(f"{__name__}._runs", [])
    return _runs


def test_sizes_that_change_from_call_to_call_are_no_trouble():
    def fun(x, n):
        return np.concatenate([x] * 2)[:n]

    found = jacobian(fun)
    for n in (2, 6, 3, 6, 1):
        close(found(X, n), np.concatenate([np.eye(3)] * 2)[:n])


# ---------------------------------------------------------------------------------------------------------------
# Hessians


def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def rosenbrock_hessian(x):
    """By hand."""
    n = len(x)
    diagonal = np.zeros(n)
    diagonal[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    return np.diag(diagonal) - np.diag(400.0 * x[:-1], 1) - np.diag(400.0 * x[:-1], -1)


def network(params, x, y):
    h = np.tanh(x @ params["w"] + params["b"])
    return np.mean((h @ params["v"] - y) ** 2)


def network_data():
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4), "v": rng.normal(size=4), "name": "net"}
    return params, rng.normal(size=(5, 3)), rng.normal(size=5)


def cubic(x):
    return np.sum(x**3) + x[0] * x[1] * x[2]


def writing(x):
    u = x.copy()
    for _ in range(2):
        u[1:] = u[:-1] * 2.0
        u *= u
    return np.sum(u * u)


def calling(x):
    return np.sum(helper(x, 2.0) * np.exp(helper(x, 0.5)))


def choosing(x):
    s = 0.0
    for v in x:
        if v > 0:
            s = s + v**3
        else:
            s = s + v * s - v**2
    return s


SCALARS = pytest.mark.parametrize(
    "program", [rosenbrock, cubic, writing, calling, choosing, to_a_number], ids=lambda p: p.__name__
)


def test_the_hessian_of_rosenbrocks_function():
    x = np.linspace(-1.0, 1.5, 7)
    close(hessian(rosenbrock)(x), rosenbrock_hessian(x), rtol=1e-12)


@SCALARS
def test_a_hessian_is_the_slope_of_the_gradient_and_symmetric(program):
    found = hessian(program)(X)
    close(found, differences(grad(program), X), rtol=1e-5, atol=1e-6)
    close(found, found.T, rtol=1e-12, atol=1e-12)


@SCALARS
def test_a_product_is_that_of_the_hessian(program):
    v = np.array([0.5, -1.0, 2.0])
    close(hvp(program)(X, v), hessian(program)(X) @ v, rtol=1e-10, atol=1e-12)


@SCALARS
def test_it_is_the_jacobian_of_the_gradient(program):
    for operator in (jacfwd, jacobian):
        close(operator(grad(program))(X), hessian(program)(X), rtol=1e-12)


def test_the_hessian_by_two_arguments_is_two_by_two():
    def fun(x, y):
        return np.sum(x**2) * y**3

    (xx, xy), (yx, yy) = hessian(fun, argnums=(0, 1))(X, 2.0)
    close(xx, 16.0 * np.eye(3))
    close(xy, 24.0 * X)
    close(yx, 24.0 * X)
    assert yy == pytest.approx(12.0 * np.sum(X**2))
    assert type(yy) is float
    (yy_, yx_), (_, _) = hessian(fun, argnums=(1, 0))(X, 2.0)
    assert yy_ == yy
    close(yx_, yx)
    close(hessian(fun, argnums="y")(X, 2.0), yy)


def test_the_hessian_by_a_structure_is_nested():
    params, x, y = network_data()
    found = hessian(network)(params, x, y)
    assert found["name"] is None
    assert found["w"]["name"] is None
    assert found["w"]["b"].shape == (3, 4, 4)
    close(found["w"]["b"], np.moveaxis(found["b"]["w"], 0, -1))

    def slope_by_b(w):
        return grad(network)({**params, "w": w}, x, y)["b"]

    close(found["b"]["w"], differences(slope_by_b, params["w"]), rtol=1e-5, atol=1e-7)


def test_hessians_of_numbers():
    assert hessian(lambda x: x**4)(2.0) == 48.0
    assert type(hessian(lambda x: x**4)(2)) is float
    assert hessian(lambda x: math.sin(x))(0.5) == pytest.approx(-math.sin(0.5))
    assert hessian(lambda x: np.sum(x**2))(X.astype(np.float32)).dtype == np.float32
    assert hessian(lambda x: np.sum(x**2))(np.zeros(0)).shape == (0, 0)


def test_what_does_not_depend_on_the_argument_has_the_hessian_zero():
    close(hessian(lambda x, y: y * y)(X, 2.0), np.zeros((3, 3)))
    close(hessian(lambda x: np.sum(3.0 * x))(X), np.zeros((3, 3)))


def test_the_hessian_of_a_vector_is_refused():
    with pytest.raises(KindError, match="the gradient needs a function that returns one number"):
        hessian(softmax)(X)


# ---------------------------------------------------------------------------------------------------------------
# Products with vectors


def test_the_product_for_a_network():
    params, x, y = network_data()
    rng = np.random.default_rng(1)
    v = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4), "v": rng.normal(size=4), "name": None}
    found = hvp(network)(params, x, y, v)
    step = 1e-5
    moved = lambda h: {k: p + h * v[k] if k != "name" else p for k, p in params.items()}  # noqa: E731
    right, left = (grad(network)(moved(h), x, y) for h in (step, -step))
    for k in ("w", "b", "v"):
        close(found[k], (right[k] - left[k]) / (2 * step), rtol=1e-6, atol=1e-8)
    assert found["name"] is None


def test_the_product_by_two_arguments():
    def fun(x, y):
        return np.sum(x**2) * y**3

    v, s = np.array([1.0, 2.0, 3.0]), 0.5
    by_x, by_y = hvp(fun, argnums=(0, 1))(X, 2.0, (v, s))
    close(by_x, 16.0 * v + 24.0 * X * s)
    assert by_y == pytest.approx(24.0 * X @ v + 12.0 * np.sum(X**2) * s)
    assert hvp(fun, argnums=1)(X, 2.0, 3.0) == pytest.approx(36.0 * np.sum(X**2))


def test_the_vector_comes_last_or_by_name():
    def fun(x, y):
        return np.sum(x**3 * y)

    y, v = np.array([1.0, 2.0, 3.0]), np.ones(3)
    close(hvp(fun)(X, y, v), 6 * X * y)
    close(hvp(fun)(X, y, vector=v), 6 * X * y)
    close(hvp(fun)(X, v, y=y), 6 * X * y)


def test_the_product_is_memory_of_its_own():
    v = np.ones(3)
    found = hvp(lambda x: 0.5 * np.sum(x * x))(X, v)
    found += 1.0
    close(v, np.ones(3))


def test_a_vector_of_another_shape_is_refused():
    with pytest.raises(KindError) as error:
        hvp(cubic)(X, np.ones(2))
    assert str(error.value) == "the tangent of x has the shape (2,), the argument has (3,)"
    with pytest.raises(KindError) as error:
        hvp(cubic)(X)
    assert str(error.value) == "the hvp of cubic got no vector\n  Write hvp(cubic)(*args, vector)."
    with pytest.raises(KindError) as error:
        hvp(network, argnums=(0, 1))(*network_data(), X)
    assert str(error.value) == (
        "the vector is a ndarray, and argnums a tuple of 2\n  Give a tuple of vectors, one for each of argnums."
    )


def scaled_rosenbrock(x, a, b):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + b * (x[i + 1] - x[i] ** 2) ** 2 + (a - x[i]) ** 2
    return total


def distance(x, target):
    return np.sum((x - target) ** 4) + np.sum((x - target) ** 2)


@pytest.mark.parametrize("method", ["trust-ncg", "Newton-CG", "trust-krylov", "trust-constr"])
def test_scipy_takes_it_as_it_is(method):
    minimize = pytest.importorskip("scipy.optimize").minimize
    start = np.array([-1.2, 1.0, 0.5])
    quiet = warnings.catch_warnings() if method == "trust-constr" else contextlib.nullcontext()
    with quiet:
        warnings.simplefilter("ignore") if method == "trust-constr" else None
        found = minimize(rosenbrock, start, jac=grad(rosenbrock), hessp=hvp(rosenbrock), method=method)
        close(found.x, np.ones(3), rtol=1e-4)
        for fun, args, wanted in [
            (scaled_rosenbrock, (1.0, 10.0), np.ones(3)),
            (distance, (np.array([3.0, -1.0, 2.0]),), np.array([3.0, -1.0, 2.0])),  # as long as the vector
        ]:
            found = minimize(fun, start, args=args, jac=grad(fun), hessp=hvp(fun), method=method)
            close(found.x, wanted, rtol=1e-3)


def test_scipy_takes_a_hessian():
    minimize = pytest.importorskip("scipy.optimize").minimize
    start = np.array([-1.2, 1.0, 0.5])
    found = minimize(
        scaled_rosenbrock, start, args=(1.0, 100.0), jac=grad(scaled_rosenbrock), hess=hessian(scaled_rosenbrock),
        method="trust-exact",
    )  # fmt: skip
    close(found.x, np.ones(3), rtol=1e-5)


# ---------------------------------------------------------------------------------------------------------------
# Linearisation


def test_linearize_gives_the_value_and_the_derivative_as_a_function():
    value, pushforward = linearize(elementwise_and_sum, X)
    close(value, elementwise_and_sum(X))
    for v in np.eye(3):
        close(pushforward(v), jvp(elementwise_and_sum, (X,), (v,))[1])


def test_linearize_stays_at_its_point():
    x = X.copy()
    _, pushforward = linearize(lambda x: x**2, x)
    x[:] = 0.0
    close(pushforward(np.ones(3)), 2 * X)


def test_linearize_with_structures_and_constants():
    params, x, y = network_data()
    value, pushforward = linearize(network, params, x, y)
    assert value == network(params, x, y)
    along = {**params, "name": None}
    close(pushforward(along, None, None), jvp(network, (params, x, y), (along, None, None))[1])


# ---------------------------------------------------------------------------------------------------------------
# In programs, and of each other


def jacobian_penalty(x):
    return np.sum(jacobian(softmax)(x) ** 2)


def hessian_trace(x):
    return np.trace(hessian(cubic)(x))


def curvature_along(x):
    return np.sum(hvp(cubic)(x, np.ones(3)) * x)


def slope_of_a_number(x):
    return np.sum(x) * jacfwd(to_the_fourth)(x[0]) + hessian(to_the_fourth)(x[1])


def to_the_fourth(t):
    return t**4


def by_two(x):
    by_first, by_second = jacrev(helper, argnums=(0, 1))(x, 2.0)
    return np.sum(by_first) + np.sum(by_second**2)


@pytest.mark.parametrize(
    "program",
    [jacobian_penalty, hessian_trace, curvature_along, slope_of_a_number, by_two],
    ids=lambda p: p.__name__,
)
def test_an_operator_inside_of_a_function_that_is_differentiated(program):
    close(grad(program)(X), differences(program, X), rtol=1e-5, atol=1e-7)
    slope = jvp(program, (X,), (np.ones(3),))[1]
    close(slope, grad(program)(X) @ np.ones(3), rtol=1e-10)


def test_operators_of_operators():
    close(jacobian(jacobian(elementwise_and_sum))(X), differences(jacobian(elementwise_and_sum), X), rtol=1e-5)
    close(jacobian(hessian(cubic))(X), differences(hessian(cubic), X), rtol=1e-5, atol=1e-6)
    close(jacfwd(hvp(cubic))(X, np.ones(3)), differences(lambda x: hvp(cubic)(x, np.ones(3)), X), rtol=1e-5)
    close(jacfwd(hvp(cubic), argnums="vector")(X, np.ones(3)), hessian(cubic)(X))


def test_by_a_structure_inside_of_a_function_it_is_refused():
    def fun(x):
        return np.sum(jacobian(network)({"w": x, "b": x, "v": x}, x, x)["w"])

    with pytest.raises(Unsupported, match="a jacobian by or of a structure, inside of a function, is not supported"):
        grad(fun)(X)


def test_linearize_inside_of_a_function_is_refused():
    with pytest.raises(SrcadError, match="linearize inside of a function is not supported"):
        grad(lambda x: linearize(cubic, x)[0])(X)


# ---------------------------------------------------------------------------------------------------------------
# Peers


@pytest.mark.parametrize("program", [elementwise_and_sum, softmax, with_calls, to_a_number], ids=lambda p: p.__name__)
def test_jax_has_the_same_jacobians(program, monkeypatch):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    ours = jacobian(program)(X), jacfwd(program)(X)
    monkeypatch.setitem(globals(), "np", jax.numpy)
    theirs = jax.jacobian(program)(jax.numpy.asarray(X))
    monkeypatch.undo()
    for found in ours:
        close(found, np.asarray(theirs), rtol=1e-10, atol=1e-12)


def test_jax_has_the_same_nesting(monkeypatch):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    params, x, y = network_data()
    del params["name"]

    def both(p, s):
        return {"first": network(p, x, y) * s, "second": (p["b"] * s,)}

    ours = hessian(network)(params, x, y), jacobian(both, (0, 1))(params, 2.0), jacfwd(both, (0, 1))(params, 2.0)
    monkeypatch.setitem(globals(), "np", jax.numpy)
    theirs = jax.hessian(network)(params, x, y), *[jax.jacrev(both, (0, 1))(params, 2.0)] * 2
    monkeypatch.undo()
    for found, wanted in zip(ours, theirs):
        assert jax.tree.structure(found) == jax.tree.structure(wanted)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted)):
            close(a, np.asarray(b), rtol=1e-9, atol=1e-12)


def test_autograd_has_the_same_hessian(monkeypatch):
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")
    ours = hessian(cubic)(X), hvp(cubic)(X, np.ones(3)), jacobian(softmax)(X)
    numpy = np
    monkeypatch.setitem(globals(), "np", anp)
    product = autograd.hessian_vector_product(cubic)(X, numpy.ones(3))
    theirs = autograd.hessian(cubic)(X), product, autograd.jacobian(softmax)(X)
    monkeypatch.undo()
    for found, wanted in zip(ours, theirs):
        close(found, wanted, rtol=1e-9, atol=1e-12)


def test_the_names_are_public():
    assert {"hessian", "hvp", "jacfwd", "jacobian", "jacrev", "linearize"} <= set(srcad.__all__)
