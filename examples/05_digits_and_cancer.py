"""The main job: classifiers written in plain NumPy, trained on real data with gradients that srcad compiled.

Logistic regression and a network with one hidden layer, on the handwritten digits and the breast-cancer measurements
that scikit-learn ships. Of each data set, 60 % is trained on, 20 % decides when to stop, and 20 % is only looked at in
the end. Afterwards: the generated code, and the gradient beside finite differences, for exactness and for cost.
"""

import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

from srcad import grad, optim

WEIGHT_DECAY = 1e-3


def linear(model, inputs):
    return inputs @ model["w"] + model["b"]


def network(model, inputs):
    hidden = np.tanh(inputs @ model["w1"] + model["b1"])
    return hidden @ model["w2"] + model["b2"]


def cross_entropy(scores, labels):
    """The mean of -ln(softmax(scores)) at the right label."""
    scores = scores - np.max(scores, axis=1, keepdims=True)
    chosen = scores[np.arange(len(labels)), labels]
    return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - chosen)


def linear_loss(model, inputs, labels):
    return cross_entropy(linear(model, inputs), labels) + WEIGHT_DECAY * np.sum(model["w"] ** 2)


def network_loss(model, inputs, labels):
    decay = WEIGHT_DECAY * (np.sum(model["w1"] ** 2) + np.sum(model["w2"] ** 2))
    return cross_entropy(network(model, inputs), labels) + decay


def split(inputs, labels, rng):
    """The samples in random order as three pairs (inputs, labels): for training, validation and test."""
    order = rng.permutation(len(inputs))
    parts = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    mean, spread = inputs[parts[0]].mean(axis=0), inputs[parts[0]].std(axis=0) + 1e-9
    return [((inputs[rows] - mean) / spread, labels[rows]) for rows in parts]


def random_network(inputs, hidden, classes, rng):
    return {
        "w1": rng.standard_normal((inputs, hidden)) / np.sqrt(inputs),
        "b1": np.zeros(hidden),
        "w2": rng.standard_normal((hidden, classes)) / np.sqrt(hidden),
        "b2": np.zeros(classes),
    }


def accuracy(classify, model, inputs, labels):
    return np.mean(np.argmax(classify(model, inputs), axis=1) == labels)


def finite_differences(f, model, *args, h=1e-6):
    """Central differences: two evaluations of f for every number in the model."""
    model = {name: array.copy() for name, array in model.items()}
    model_bar = {name: np.empty_like(array) for name, array in model.items()}
    for name, array in model.items():
        for index in np.ndindex(array.shape):
            here = array[index]
            array[index] = here + h
            right = f(model, *args)
            array[index] = here - h
            left = f(model, *args)
            array[index] = here
            model_bar[name][index] = (right - left) / (2 * h)
    return model_bar


def seconds(call, repeats=1):
    start = time.perf_counter()
    for _ in range(repeats):
        result = call()
    return (time.perf_counter() - start) / repeats, result


print(f"{'data':8}{'model':22}{'epochs':>7}{'seconds':>9}{'validation loss':>17}{'held-out accuracy':>19}")
for name, load in {"digits": load_digits, "cancer": load_breast_cancer}.items():
    rng = np.random.default_rng(0)
    inputs, labels = load(return_X_y=True)
    train, validation, test = split(inputs, labels, rng)
    width, classes = inputs.shape[1], labels.max() + 1
    models = {
        "logistic regression": (linear_loss, linear, {"w": np.zeros((width, classes)), "b": np.zeros(classes)}),
        "one hidden layer": (network_loss, network, random_network(width, 32, classes, rng)),
    }
    for kind, (loss, classify, start) in models.items():
        began = time.perf_counter()
        result = optim.sgd(loss, start, train, step=optim.Adam(3e-3), epochs=60, validation=validation)
        time_taken = time.perf_counter() - began
        epochs, right = len(result.history.validation) - 1, accuracy(classify, result.x, *test)
        print(f"{name:8}{kind:22}{epochs:7}{time_taken:9.2f}{result.validation:17.4f}{right:19.4f}", flush=True)
    if name == "digits":
        trained, batch = result.x, (train[0][:64], train[1][:64])

gradient = grad(network_loss)
gradient(trained, *batch)
print("\nWhat srcad made of network_loss, the forward sweep:\n")
print(gradient.forward_source)
print("\nand the reverse sweep:\n")
print(gradient.adjoint_source)

fast, model_bar = seconds(lambda: gradient(trained, *batch), repeats=100)
once, _ = seconds(lambda: network_loss(trained, *batch), repeats=100)
slow, differences = seconds(lambda: finite_differences(network_loss, trained, *batch))
count = sum(array.size for array in trained.values())
error = max(np.max(np.abs(model_bar[name] - differences[name])) for name in trained)
size = max(np.max(np.abs(array)) for array in model_bar.values())
print(f"\nThe gradient of the network's loss on 64 digits by its {count} parameters")
print(f"  the loss alone       {1e3 * once:9.3f} ms")
print(f"  srcad                {1e3 * fast:9.3f} ms, {fast / once:.1f} times the loss")
print(f"  central differences  {1e3 * slow:9.3f} ms, {slow / fast:.0f} times as long")
print(f"  largest difference   {error:.1e}, of a largest entry {size:.1e}")
