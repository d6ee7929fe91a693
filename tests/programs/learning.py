"""Programs of statistics and machine learning, as one writes them."""

import math

import numpy as np

from tests.programs import normal, positive, program

LABELS = np.array([0.0, 1.0, 1.0, 0.0, 1.0])


@program((normal(3), 0.2, normal(5, 3), LABELS), wrt=(0, 1))
def logistic_regression(w, b, x, y):
    p = 1 / (1 + np.exp(-(x @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.01 * np.sum(w**2)


@program((normal(3), normal(5, 3), 2 * LABELS - 1))
def logistic_regression_by_logaddexp(w, x, y):
    return np.mean(np.logaddexp(0.0, -y * (x @ w)))


@program(([0.5, -1.0], [[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]], [1, -1, 1]), wrt=(0,))
def logistic_regression_by_lists(w, xs, ys):
    total = 0.0
    for x, y in zip(xs, ys):
        margin = y * sum(wi * xi for wi, xi in zip(w, x))
        total += math.log1p(math.exp(-margin))
    return total / len(xs)


@program((normal(8, 4), normal(8), normal(1, 8), normal(1), normal(4, 6), normal(6)), wrt=(0, 1, 2, 3))
def network_4_8_1(w1, b1, w2, b2, x, y):
    hidden = np.tanh(w1 @ x + b1[:, None])
    out = w2 @ hidden + b2[:, None]
    return np.mean((out - y) ** 2)


@program(
    ({"w1": normal(4, 8), "b1": normal(8), "w2": normal(8, 3), "b2": normal(3)}, normal(5, 4), [0, 2, 1, 1, 0]),
    wrt=(0,),
)
def softmax_network(p, x, labels):
    hidden = np.maximum(x @ p["w1"] + p["b1"], 0)
    logits = hidden @ p["w2"] + p["b2"]
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_probability[np.arange(len(labels)), labels].mean()


@program((normal(4, 3), np.eye(3)[[0, 2, 1, 1]]), wrt=(0,))
def softmax_cross_entropy(logits, onehot):
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    p = np.exp(shifted) / np.sum(np.exp(shifted), axis=-1, keepdims=True)
    return -np.sum(onehot * np.log(p)) / len(logits)


@program((normal(2, 2), np.array([1.0, -1.0]), np.array([0.7, 0.6])))
def two_neuron_relu(theta, w, x):
    hidden = np.maximum(theta @ x, 0.0)
    return -np.log(1 / (1 + np.exp(-(w @ hidden))))


@program((normal(6, 2), normal(3, 2)))
def k_means_objective(points, centers):
    total = 0.0
    for point in points:
        best = math.inf
        for center in centers:
            distance = np.sum((point - center) ** 2)
            if distance < best:
                best = distance
        total += best
    return total


@program((normal(3), normal(3), normal(3), normal(5)))
def mixture_of_gaussians(logits, means, log_scales, data):
    weights = np.exp(logits) / np.sum(np.exp(logits))
    z = (data[:, None] - means) / np.exp(log_scales)
    density = weights * np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * np.exp(log_scales))
    return -np.sum(np.log(density.sum(axis=1)))


LSTM = {name: normal(2, 5, seed=seed) for seed, name in enumerate(("input", "forget", "output", "cell"))}


@program((LSTM, normal(4, 2)))
def lstm_over_time(p, xs):
    def sigmoid(t):
        return 1 / (1 + np.exp(-t))

    h, c = np.zeros(2), np.zeros(2)
    for x in xs:
        z = np.concatenate([h, x, np.ones(1)])
        i, f, o = sigmoid(p["input"] @ z), sigmoid(p["forget"] @ z), sigmoid(p["output"] @ z)
        c = f * c + i * np.tanh(p["cell"] @ z)
        h = o * np.tanh(c)
    return np.sum(h**2)


@program((normal(3, 3), normal(3, 2), normal(3), normal(4, 2)))
def recurrent_network(w, u, h, xs):
    outputs = []
    for x in xs:
        h = np.tanh(w @ h + u @ x)
        outputs.append(h)
    return np.sum(np.array(outputs) ** 2)


@program((normal(4, 3), normal(3, 3), normal(3, 3, seed=1), normal(3, 2)))
def attention(x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T / np.sqrt(q.shape[-1])
    scores = np.where(np.arange(4)[:, None] >= np.arange(4), scores, -1e9)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.sum((weights @ v) ** 2)


@program((normal(2, 4, 6), normal(6, 6), 3), wrt=(0, 1))
def multi_head_attention(x, w, heads):
    batch, length, width = x.shape
    q = (x @ w).reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)
    scores = q @ q.swapaxes(-1, -2)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    out = np.einsum("bhij,bhjd->bihd", weights, q).reshape(batch, length, width)
    return np.mean(out**2)


@program((normal(4, 3), normal(3), normal(3)))
def layer_norm(x, gain, bias):
    mean = x.mean(axis=-1, keepdims=True)
    std = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return np.sum((gain * (x - mean) / std + bias) ** 3)


@program((normal(5, 5), normal(2, 3, 3)))
def convolution_by_slices(image, kernels):
    total = 0.0
    for kernel in kernels:
        out = sum(kernel[i, j] * image[i : i + 3, j : j + 3] for i in range(3) for j in range(3))
        total += np.sum(np.maximum(out, 0) ** 2)
    return total


@program((normal(4, 4),))
def pooling(image):
    blocks = image.reshape(2, 2, 2, 2)
    return np.sum(blocks.max(axis=(1, 3)) ** 2) + np.sum(blocks.mean(axis=(1, 3)) ** 3)


@program((positive(2), 0.5, normal(4, 2), normal(4)))
def gaussian_process(lengths, noise, x, y):
    scaled = x / lengths
    squares = np.sum(scaled**2, axis=1)
    k = np.exp(-0.5 * (squares[:, None] + squares[None, :] - 2 * scaled @ scaled.T)) + noise**2 * np.eye(4)
    return 0.5 * y @ np.linalg.solve(k, y) + 0.5 * np.linalg.slogdet(k)[1]


@program((normal(4, 2), normal(3, 2), normal(4, 3)))
def matrix_factorisation(u, v, ratings):
    seen = ratings > -0.5
    return np.sum(np.where(seen, (u @ v.T - ratings) ** 2, 0.0)) + 0.1 * (np.sum(u**2) + np.sum(v**2))


@program((normal(3), normal(6, 3), normal(6), "huber"), (normal(3), normal(6, 3), normal(6), "quantile"), wrt=(0,))
def robust_regression(w, x, y, loss):
    r = y - x @ w
    if loss == "huber":
        return np.sum(np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5))
    return np.sum(np.maximum(0.7 * r, -0.3 * r))


@program((0.3, [1.0, 2.0, 0.5, 4.0], 3), wrt=(0, 1))
def gradient_descent_inside(rate, data, steps):
    """Hyper-parameters are differentiated through a descent written out by hand."""
    w = 0.0
    for _ in range(steps):
        slope = sum(2 * (w - d) for d in data) / len(data)
        w = w - rate * slope
    return sum((w - d) ** 2 for d in data)


@program((normal(2), 4), wrt=(0,))
def adam_inside(w, steps):
    m = v = np.zeros(2)
    for t in range(1, steps + 1):
        g = 2 * w + np.cos(w)
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    return np.sum(w**2)


@program((normal(2), normal(2), normal(3, 2)))
def variational_bound(mean, log_std, noise):
    total = 0.0
    for eps in noise:
        z = mean + np.exp(log_std) * eps
        total += -0.5 * np.sum(z**2) - np.sum((z[0] ** 2 - z[1]) ** 2)
    return total / len(noise) + np.sum(log_std)


@program((1.5, 2.5, [0.2, 0.5, 0.9]))
def beta_log_likelihood(a, b, data):
    norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return sum(norm + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in data)


@program((normal(4, 3), [(0, 1), (1, 2), (2, 3), (0, 3)]), wrt=(0,))
def graph_smoothness(x, edges):
    total = 0.0
    for i, j in edges:
        total += np.sum((x[i] - x[j]) ** 2)
    return total


@program((normal(5, 2), np.array([[0, 1], [3, 3], [4, 0]])), wrt=(0,))
def embedding_lookup(table, tokens):
    vectors = table[tokens]
    pooled = vectors.mean(axis=1)
    return np.sum(pooled @ pooled.T)


@program((normal(6), 2.0, 0.1))
def exponential_smoothing(series, alpha, start):
    weight = 1 / (1 + math.exp(-alpha))
    level, error = start, 0.0
    for value in series:
        error += (value - level) ** 2
        level = weight * value + (1 - weight) * level
    return error


@program((normal(3, 2), normal(2), 0.5))
def support_vector_machine(x, w, b):
    labels = [1, -1, 1]
    hinge = 0.0
    for row, label in zip(x, labels):
        margin = label * (np.dot(w, row) + b)
        hinge += max(0.0, 1 - margin)
    return hinge + 0.5 * np.dot(w, w)


@program((normal(4),), (normal(4) * 0,), marks="once")
def batch_statistics(v):
    mean = v.mean()
    return np.sum((v - mean) ** 2) / (np.sqrt(v.var() + 1.0)) + v.sum() ** 2


@program(({"w": normal(3), "b": normal(2)}, 0.5), wrt=(0,))
def momentum_of_parameters_in_a_dictionary(p, x):
    velocity = {k: np.zeros_like(v) for k, v in p.items()}
    p = {k: v.copy() for k, v in p.items()}
    for _ in range(3):
        g = {"w": p["w"] * x, "b": p["b"] ** 2}
        for k in p:
            velocity[k] = 0.9 * velocity[k] - 0.1 * g[k]
            p[k] += velocity[k]
    return np.sum(p["w"] ** 2) + np.sum(p["b"])
