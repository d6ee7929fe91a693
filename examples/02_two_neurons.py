"""Two ReLU neurons: the gradient by every parameter, and why the weights of a network start at random.

The lecture's network is L = -ln(1 / (1 + exp(-<w, relu(theta x)>))), with one row of theta for each neuron. Two neurons
that start alike have equal gradients, so they stay alike for ever, and the network is no better than one neuron. From a
random start it may learn what one neuron cannot.
"""

import numpy as np

from srcad import grad, optim


def loss(theta, w, x):
    hidden = np.maximum(theta @ x, 0.0)
    return -np.log(1 / (1 + np.exp(-(w @ hidden))))


x = np.array([1.0, 1.0]) / np.sqrt(2)
theta_bar, w_bar = grad(loss, argnums=("theta", "w"))(np.array([x, x]), np.array([1.0, -1.0]), x)
print("dL/dtheta_1 =", theta_bar[0], "  exactly -1/(2 sqrt 2) =", -1 / (2 * np.sqrt(2)))
print("dL/dtheta_2 =", theta_bar[1])
print("dL/dw       =", w_bar)


def exclusive_or(p, points, signs):
    """The mean loss of two neurons and a bias on points of the plane with signs +1 and -1."""
    hidden = np.maximum(points @ p["theta"].T, 0.0)
    score = hidden @ p["w"] + p["b"]
    return np.mean(np.log(1 + np.exp(-signs * score)))


def start(rng, is_symmetric):
    theta, w = rng.standard_normal((2, 2)), rng.standard_normal(2)
    if is_symmetric:
        theta[1], w[1] = theta[0], w[0]
    return {"theta": theta, "w": w, "b": 0.0}


points = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
signs = np.array([-1.0, -1.0, 1.0, 1.0])
print("\nExclusive or with two neurons, 12 starts of each kind, 1000 steps of gradient descent:")
for name, is_symmetric in {"symmetric": True, "random": False}.items():
    losses, equal = [], 0
    for seed in range(12):
        x0 = start(np.random.default_rng(seed), is_symmetric)
        end = optim.descend(exclusive_or, x0, eta=0.5, args=(points, signs))
        losses.append(end.value)
        equal += np.array_equal(end.x["theta"][0], end.x["theta"][1]) and end.x["w"][0] == end.x["w"][1]
    print(
        f"  {name:9}  neurons equal in the end: {equal:2} of 12, learned: {sum(v < 0.01 for v in losses)} of 12,",
        end="",
    )
    print(f" smallest loss {min(losses):.4f}")
