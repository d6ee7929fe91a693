"""The lecture's examples: numbers that can be found with pencil and paper."""

import math

import numpy as np
import pytest

from srcad import grad, optim, value_and_grad, vjp

HALF_ROOT = 1 / math.sqrt(2)


def logistic_node(x, a):
    return -math.log(1 / (1 + math.exp(-a * x)))


def logistic_node_in_steps(x, a):
    p = math.exp(-a * x)
    q = 1 + p
    r = 1 / q
    y = -math.log(r)
    return y


@pytest.mark.parametrize("f", [logistic_node, logistic_node_in_steps])
def test_the_logistic_node_has_slope_minus_three_halves(f):
    value, slope = value_and_grad(f)(0.0, 3.0)
    assert value == pytest.approx(math.log(2), rel=1e-15)
    assert slope == -1.5


def test_the_logistic_node_by_its_parameter_is_flat_at_zero():
    assert grad(logistic_node, argnums="a")(0.0, 3.0) == 0.0


@pytest.mark.parametrize("x", [-1.0, 0.25, 2.0])
def test_the_logistic_node_has_the_slope_of_its_closed_form(x):
    assert grad(logistic_node)(x, 3.0) == pytest.approx(-3.0 / (1 + math.exp(3.0 * x)), rel=1e-14)


@pytest.mark.parametrize(
    "step, at, partial",
    [
        (lambda x: math.exp(-3.0 * x), 0.0, -3.0),
        (lambda p: 1 + p, 1.0, 1.0),
        (lambda q: 1 / q, 2.0, -0.25),
        (lambda r: -math.log(r), 0.5, -2.0),
    ],
    ids=["p = exp(-a x)", "q = 1 + p", "r = 1 / q", "y = -ln r"],
)
def test_the_local_partials_of_the_four_steps(step, at, partial):
    assert grad(step)(at) == partial


@pytest.mark.parametrize(
    "rest, at, adjoint",
    [
        (lambda p: -math.log(1 / (1 + p)), 1.0, 0.5),
        (lambda q: -math.log(1 / q), 2.0, 0.5),
        (lambda r: -math.log(r), 0.5, -2.0),
    ],
    ids=["p", "q", "r"],
)
def test_the_adjoints_of_the_intermediate_steps(rest, at, adjoint):
    assert grad(rest)(at) == adjoint


def test_a_pullback_scales_with_its_seed():
    _, pullback = vjp(logistic_node, 0.0, 3.0)
    assert pullback(1.0) == (-1.5, 0.0)
    assert pullback(-4.0) == (6.0, 0.0)


def two_neurons(theta, w, x):
    hidden = np.maximum(theta @ x, 0.0)
    return -np.log(1 / (1 + np.exp(-(w @ hidden))))


def two_neurons_one_by_one(theta_1, theta_2, w, x):
    score = w[0] * max(theta_1 @ x, 0.0) + w[1] * max(theta_2 @ x, 0.0)
    return -math.log(1 / (1 + math.exp(-score)))


def test_the_two_neuron_network():
    x = np.array([HALF_ROOT, HALF_ROOT])
    theta_bar, w_bar = grad(two_neurons, argnums=("theta", "w"))(np.array([x, x]), np.array([1.0, -1.0]), x)
    np.testing.assert_allclose(theta_bar[0], [-0.5 * HALF_ROOT, -0.5 * HALF_ROOT], rtol=1e-15)
    np.testing.assert_allclose(theta_bar[1], [0.5 * HALF_ROOT, 0.5 * HALF_ROOT], rtol=1e-15)
    np.testing.assert_allclose(w_bar, [-0.5, -0.5], rtol=1e-15)


def test_the_two_neuron_network_neuron_by_neuron():
    x = np.array([HALF_ROOT, HALF_ROOT])
    gradient = grad(two_neurons_one_by_one, argnums=(0, 1, 2))(x, x, np.array([1.0, -1.0]), x)
    np.testing.assert_allclose(gradient[0], [-0.5 * HALF_ROOT, -0.5 * HALF_ROOT], rtol=1e-15)
    np.testing.assert_allclose(gradient[1], [0.5 * HALF_ROOT, 0.5 * HALF_ROOT], rtol=1e-15)
    np.testing.assert_allclose(gradient[2], [-0.5, -0.5], rtol=1e-15)


def mean_loss(p, inputs, signs):
    """The loss of two neurons on several inputs, each with a sign to learn."""
    total = 0.0
    for x, sign in zip(inputs, signs):
        score = 0.0
        for theta, w in zip(p["theta"], p["w"]):
            score += w * np.maximum(theta @ x, 0.0)
        total += np.log(1 + np.exp(-sign * score))
    return total / len(signs)


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((20, 2))
    return inputs, np.sign(inputs[:, 0] * inputs[:, 1])


def neurons_on_the_way(start, samples):
    """(theta_1, theta_2, w_1, w_2) at each of 200 steps of gradient descent."""
    seen = []
    optim.descend(
        mean_loss,
        start,
        eta=0.5,
        args=samples,
        iterations=200,
        callback=lambda at: seen.append((*at.x["theta"], *at.x["w"])),
    )
    return seen


def test_a_symmetric_start_keeps_the_two_neurons_equal_for_ever(samples):
    way = neurons_on_the_way({"theta": [np.array([0.3, -0.8])] * 2, "w": [0.7, 0.7]}, samples)
    assert len(way) == 201
    assert all(np.array_equal(theta_1, theta_2) and w_1 == w_2 for theta_1, theta_2, w_1, w_2 in way)
    assert not np.array_equal(way[0][0], way[-1][0])


def test_a_random_start_does_not(samples):
    rng = np.random.default_rng(1)
    start = {"theta": list(rng.standard_normal((2, 2))), "w": list(rng.standard_normal(2))}
    way = neurons_on_the_way(start, samples)
    assert all(not np.array_equal(theta_1, theta_2) and w_1 != w_2 for theta_1, theta_2, w_1, w_2 in way)
