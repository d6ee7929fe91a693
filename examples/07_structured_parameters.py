"""Parameters of any shape: a gradient has the structure of what it is the gradient of.

A model is a dataclass with a list of layers, and layers have arrays and a name. What is no number (a string, a count)
is left out: its place in the gradient is None, and the optimiser leaves it as it is.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from srcad import grad, optim


class Layer(NamedTuple):
    weights: np.ndarray
    bias: np.ndarray
    activation: str


@dataclass(frozen=True)
class Model:
    layers: list[Layer]
    scale: float
    inputs: int = 1


def predict(model, x):
    for layer in model.layers:
        x = x @ layer.weights + layer.bias
        if layer.activation == "tanh":
            x = np.tanh(x)
    return model.scale * x[:, 0]


def misfit(model, x, y):
    return np.mean((predict(model, x) - y) ** 2)


rng = np.random.default_rng(1)
start = Model(
    [
        Layer(rng.standard_normal((1, 16)), rng.standard_normal(16), "tanh"),
        Layer(rng.standard_normal((16, 1)) / 4, np.zeros(1), "none"),
    ],
    scale=1.0,
)
x = np.linspace(-3.0, 3.0, 64)[:, None]
y = np.sin(2.0 * x[:, 0])

model_bar = grad(misfit)(start, x, y)
print("The gradient is a", type(model_bar).__name__, "of", [type(layer).__name__ for layer in model_bar.layers])
print("  scale:", model_bar.scale, " inputs:", model_bar.inputs, " activation:", model_bar.layers[0].activation)
print("  weights:", model_bar.layers[0].weights.shape, " bias:", model_bar.layers[0].bias.shape)

result = optim.descend(misfit, start, step=optim.Adam(0.02), args=(x, y), iterations=2000)
print(f"\nsin(2x) by 16 neurons: {result}")
for at in (-2.0, 0.5, 1.5):
    print(f"  at {at:4}: {predict(result.x, np.array([[at]]))[0]:8.4f}, exactly {np.sin(2 * at):8.4f}")
print(
    "  the model is still a", type(result.x).__name__, "with activations", [lay.activation for lay in result.x.layers]
)


# A dict of tuples does as well, and so does a single name of it:
def spread(p):
    (low, high), names = p["range"], p["names"]
    return (high - low) ** 2 / len(names)


print("\nA dict:", grad(spread)({"range": (1.0, 3.0), "names": ["a", "b"]}))
