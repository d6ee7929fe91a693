"""Programs of numerical science, as one writes them."""

import math
from collections import namedtuple

import numpy as np

from tests.programs import normal, positive, program


@program((0.7, 1.3, 0.2, 10), wrt=(0, 1, 2))
def oscillator_by_rk4(omega, x, v, n):
    """The energy of a damped pendulum after n steps of Runge and Kutta."""

    def acceleration(x, v):
        return -(omega**2) * math.sin(x) - 0.1 * v

    h = 0.1
    for _ in range(n):
        k1x, k1v = v, acceleration(x, v)
        k2x, k2v = v + h / 2 * k1v, acceleration(x + h / 2 * k1x, v + h / 2 * k1v)
        k3x, k3v = v + h / 2 * k2v, acceleration(x + h / 2 * k2x, v + h / 2 * k2v)
        k4x, k4v = v + h * k3v, acceleration(x + h * k3x, v + h * k3v)
        x = x + h / 6 * (k1x + 2 * k2x + 2 * k3x + k4x)
        v = v + h / 6 * (k1v + 2 * k2v + 2 * k3v + k4v)
    return 0.5 * v * v + omega**2 * (1 - math.cos(x))


@program((np.array([1.0, 0.5]), np.array([1.1, 0.4, 0.1, 0.4]), 8), wrt=(0, 1))
def lotka_volterra_by_rk4(state, rates, n):
    def field(y):
        a, b, c, d = rates
        prey, hunters = y
        return np.array([a * prey - b * prey * hunters, c * prey * hunters - d * hunters])

    def rk4(f, y, h):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    path = [state]
    for _ in range(n):
        path.append(rk4(field, path[-1], 0.2))
    return np.sum(np.stack(path) ** 2)


@program((0.8, 0.3, 0.1))
def logistic_growth_by_euler(rate, start, step):
    y, t = start, 0.0
    while t < 0.75:
        y = y + step * rate * y * (1 - y)
        t += step
    return y


@program((0.3, 0.2, 25, 1.0), wrt=(0, 1, 3))
def verlet_orbit(x, v, n, mass):
    a = -mass * x
    for _ in range(n):
        x_new = x + 0.05 * v + 0.5 * 0.05**2 * a
        a_new = -mass * x_new / (1 + x_new * x_new)
        v = v + 0.5 * 0.05 * (a + a_new)
        x, a = x_new, a_new
    return x * v


@program((normal(5, 2), 0.4, 0.1))
def kalman_filter(observations, process_noise, observation_noise):
    """Minus the log-likelihood of positions seen with noise (constant velocity, functional style)."""
    transition = np.array([[1.0, 1.0], [0.0, 1.0]])
    q = process_noise**2 * np.eye(2)
    r = observation_noise * np.eye(2) + 0.5 * np.eye(2)
    mean, covariance = np.zeros(2), np.eye(2)
    total = 0.0
    for y in observations:
        mean = transition @ mean
        covariance = transition @ covariance @ transition.T + q
        s = covariance + r
        gain = covariance @ np.linalg.inv(s)
        residual = y - mean
        total += 0.5 * (residual @ np.linalg.solve(s, residual) + np.linalg.slogdet(s)[1])
        mean = mean + gain @ residual
        covariance = (np.eye(2) - gain) @ covariance
    return total


@program((normal(6), 0.3, 0.7, 0.5))
def scalar_kalman_filter(observations, a, q, r):
    m, p, total = 0.0, 1.0, 0.0
    for y in observations:
        m, p = a * m, a * a * p + q
        s = p + r
        k = p / s
        total += math.log(s) + (y - m) ** 2 / s
        m, p = m + k * (y - m), (1 - k) * p
    return total


@program((normal(3), normal(4, 3), normal(3, 3)))
def gaussian_log_likelihood(mean, data, root):
    d = len(mean)
    covariance = root @ root.T + np.eye(d)
    factor = np.linalg.cholesky(covariance)
    total = 0.0
    for x in data:
        z = np.linalg.solve(factor, x - mean)
        total -= 0.5 * (z @ z + d * np.log(2 * np.pi))
    return total - len(data) * np.sum(np.log(factor[np.arange(d), np.arange(d)]))


@program((normal(3), normal(4, 3), normal(3, 3)))
def gaussian_by_slogdet(mean, data, root):
    covariance = root @ root.T + np.eye(3)
    residuals = data - mean
    quadratic = np.sum(residuals * np.linalg.solve(covariance, residuals.T).T)
    _, logdet = np.linalg.slogdet(covariance)
    return -0.5 * (quadratic + len(data) * logdet)


@program((normal(7), 0.2, 6), wrt=(0, 1))
def heat_equation(u, conductivity, n):
    for _ in range(n):
        inner = u[1:-1] + conductivity * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = np.concatenate([u[:1], inner, u[-1:]])
    return np.sum(u**2)


@program((normal(8), 0.3, 5), wrt=(0, 1))
def burgers_on_a_ring(u, viscosity, n):
    for _ in range(n):
        left, right = np.roll(u, 1), np.roll(u, -1)
        u = u - 0.1 * u * (right - left) / 2 + viscosity * 0.1 * (right - 2 * u + left)
    return np.mean(u**2)


@program((normal(4, 4), 0.2, 3), wrt=(0, 1))
def heat_on_a_grid(u, k, n):
    for _ in range(n):
        flux = np.roll(u, 1, axis=0) + np.roll(u, -1, axis=0) + np.roll(u, 1, axis=1) + np.roll(u, -1, axis=1) - 4 * u
        u = u + k * flux * (1 + 0.1 * u)
    return np.sum(u * u)


@program((positive(2), positive(2, 2), positive(2, 3), [0, 2, 1, 1]), wrt=(0, 1, 2))
def hmm_forward(start, transition, emission, observations):
    """The log-likelihood by the forward recursion, scaled at each step."""
    start = start / np.sum(start)
    transition = transition / np.sum(transition, axis=1, keepdims=True)
    emission = emission / emission.sum(axis=1)[:, None]
    alpha = start * emission[:, observations[0]]
    total = 0.0
    for symbol in observations[1:]:
        norm = np.sum(alpha)
        total += np.log(norm)
        alpha = (alpha / norm) @ transition * emission[:, symbol]
    return total + np.log(np.sum(alpha))


@program((normal(2), normal(2, 2), normal(2, 3), [0, 2, 1, 1]), wrt=(0, 1, 2))
def hmm_forward_in_logs(start, transition, emission, observations):
    def logsumexp(x, axis):
        top = np.max(x, axis=axis, keepdims=True)
        return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))

    alpha = start + emission[:, observations[0]]
    for symbol in observations[1:]:
        alpha = logsumexp(alpha[:, None] + transition, 0) + emission[:, symbol]
    return logsumexp(alpha, 0)


@program((normal(3), normal(3, 3), normal(3, 4), [0, 3, 1, 2]), wrt=(0, 1, 2))
def viterbi_score(start, transition, emission, observations):
    best = start + emission[:, observations[0]]
    for symbol in observations[1:]:
        best = np.max(best[:, None] + transition, axis=0) + emission[:, symbol]
    return np.max(best)


@program((normal(3, 3),))
def viterbi_by_lists(scores):
    best = [0.0, 0.0, 0.0]
    for row in scores:
        best = [max(best[j] + row[k] * (1 + abs(j - k)) for j in range(3)) for k in range(3)]
    return max(best)


@program((normal(3), normal(4)))
def soft_edit_distance(a, b):
    """Dynamic time warping with a soft minimum, by lists of rows."""

    def softmin(*values):
        low = min(values)
        return low - math.log(sum(math.exp(low - v) for v in values))

    previous = [0.0] + [1e3] * len(b)
    for x in a:
        row = [1e3]
        for j, y in enumerate(b):
            row.append((x - y) ** 2 + softmin(previous[j], previous[j + 1], row[j]))
        previous = row
    return previous[-1]


@program((normal(3, 3), 6), wrt=(0,))
def power_iteration(a, n):
    spd = a @ a.T
    v = np.ones(3) / np.sqrt(3)
    for _ in range(n):
        v = spd @ v
        v = v / np.linalg.norm(v)
    return v @ spd @ v


@program((100.0, 95.0, 0.5, 0.02, 0.3), (100.0, 120.0, 1.0, 0.05, 0.2))
def black_scholes(spot, strike, time, rate, volatility):
    def cdf(x):
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * time) / (volatility * math.sqrt(time))
    d2 = d1 - volatility * math.sqrt(time)
    return spot * cdf(d1) - strike * math.exp(-rate * time) * cdf(d2)


@program((100.0, 95.0, 0.3, 6), wrt=(0, 1, 2))
def binomial_american_put(spot, strike, volatility, n):
    dt, rate = 0.5 / n, 0.02
    up = math.exp(volatility * math.sqrt(dt))
    p = (math.exp(rate * dt) - 1 / up) / (up - 1 / up)
    discount = math.exp(-rate * dt)
    values = [max(strike - spot * up ** (2 * k - n), 0.0) for k in range(n + 1)]
    for step in range(n - 1, -1, -1):
        values = [
            max(discount * (p * values[k + 1] + (1 - p) * values[k]), strike - spot * up ** (2 * k - step))
            for k in range(step + 1)
        ]
    return values[0]


@program((1.0, 0.3, normal(12)))
def asian_option_path(spot, volatility, shocks):
    s, total = spot, 0.0
    for z in shocks:
        s = s * np.exp(-0.5 * volatility**2 / 12 + volatility * np.sqrt(1 / 12) * z)
        total += s
    return np.maximum(total / len(shocks) - 0.9, 0.0)


@program((normal(4, 4), normal(4)))
def conjugate_gradient(root, b):
    a = root @ root.T + 4 * np.eye(4)
    x = np.zeros(4)
    r = b - a @ x
    p, rr = r, r @ r
    for _ in range(8):
        if rr < 1e-14:
            break
        ap = a @ p
        alpha = rr / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        rr, previous = r @ r, rr
        p = r + rr / previous * p
    return x @ x


@program((normal(3, 3) + 4 * np.eye(3), normal(3)))
def jacobi_until_convergence(a, b):
    diagonal = a[np.arange(3), np.arange(3)]
    x = b / diagonal
    for _ in range(200):
        new = x + (b - a @ x) / diagonal
        if np.max(np.abs(new - x)) < 1e-14:
            x = new
            break
        x = new
    return np.sum(x**3)


@program((3.0, 0.2), (0.5, 0.9))
def kepler_by_newton(mean_anomaly, eccentricity):
    e = mean_anomaly
    for _ in range(50):
        delta = (e - eccentricity * math.sin(e) - mean_anomaly) / (1 - eccentricity * math.cos(e))
        e -= delta
        if abs(delta) < 1e-13:
            break
    else:
        raise RuntimeError("no convergence")
    return math.cos(e) - eccentricity


@program((2.5, 0.4))
def fixed_point_until_convergence(a, b):
    x, previous = 1.0, 0.0
    while abs(x - previous) > 1e-14:
        previous = x
        x = math.cos(a * b * x / 2) / 2 + b
    return x * x


@program((np.array([1.0, 0.5]), 2.0))
def newton_system(x, a):
    for _ in range(6):
        f = np.array([x[0] ** 2 + x[1] ** 2 - a, x[0] - x[1] ** 3])
        j = np.array([[2 * x[0], 2 * x[1]], [1.0, -3 * x[1] ** 2]])
        x = x - np.linalg.solve(j, f)
    return x[0] + 2 * x[1]


@program((normal(5), normal(4, seed=1)))
def polynomial_by_horner(coefficients, points):
    s = np.zeros(4)
    for c in coefficients[::-1]:
        s = s * points + c
    return np.sum(s**2)


@program((0.7, 8), (1.3, 1), wrt=(0,))
def continued_fraction(x, n):
    value = 1.0
    for k in range(n, 0, -1):
        value = k + x * x / value
    return x / value


@program((0.7, 6), wrt=(0,))
def arithmetic_geometric_mean(x, n):
    a, g = 1.0, math.sqrt(1 - x * x)
    for _ in range(n):
        a, g = (a + g) / 2, math.sqrt(a * g)
    return math.pi / (2 * a)


@program((-0.4, 0.6, 9), (0.6, 0.6, 30), wrt=(0, 1), marks="once")
def smooth_mandelbrot_escape(cx, cy, limit):
    x = y = 0.0
    for k in range(limit):
        if x * x + y * y > 16:
            return k + 1 - math.log2(math.log(x * x + y * y) / 2)
        x, y = x * x - y * y + cx, 2 * x * y + cy
    return x * x + y * y


Ray = namedtuple("Ray", "origin direction")


@program(
    (np.array([0.1, 0.2, 4.0]), 1.5, np.array([1.0, 1.0, -1.0])),
    (np.array([9.0, 0.2, 4.0]), 1.5, np.array([1.0, 1.0, -1.0])),
)
def sphere_shading(center, radius, light):
    def normalized(v):
        return v / np.sqrt(np.dot(v, v))

    def shade(ray):
        offset = ray.origin - center
        b = np.dot(offset, ray.direction)
        discriminant = b * b - np.dot(offset, offset) + radius**2
        if discriminant < 0:
            return 0.1 * ray.direction[0]
        hit = ray.origin + (-b - np.sqrt(discriminant)) * ray.direction
        return max(np.dot(normalized(hit - center), -normalized(light)), 0.0)

    total = 0.0
    for i in range(3):
        for j in range(3):
            ray = Ray(np.zeros(3), normalized(np.array([(i - 1) / 8, (j - 1) / 8, 1.0])))
            total += shade(ray) ** 2
    return total


@program((normal(4, 3), 0.5))
def n_body_energy(positions, softening):
    energy = 0.0
    for i in range(len(positions)):
        for j in range(i):
            r = positions[i] - positions[j]
            energy -= 1 / np.sqrt(r @ r + softening**2)
    return energy


@program((normal(4, 3), 0.5))
def n_body_energy_by_broadcasting(positions, softening):
    offsets = positions[:, None, :] - positions[None, :, :]
    distances = np.sqrt(np.sum(offsets**2, axis=-1) + softening**2)
    return -np.sum(np.where(np.eye(4) > 0, 0.0, 1 / distances)) / 2


@program((normal(5, 2), 1.2))
def lennard_jones(positions, sigma):
    energy = 0.0
    n = len(positions)
    for i in range(n):
        for j in range(i + 1, n):
            r2 = np.sum((positions[i] - positions[j] * 2) ** 2) + 1.0
            if r2 > 9.0:
                continue
            s6 = (sigma**2 / r2) ** 3
            energy += 4 * (s6 * s6 - s6)
    return energy


@program((1.0, 2.0, 16), wrt=(0, 1))
def trapezoid_rule(a, b, n):
    h = (b - a) / n
    s = 0.5 * (math.exp(-a * a) + math.exp(-b * b))
    for k in range(1, n):
        t = a + k * h
        s += math.exp(-t * t)
    return s * h


@program((0.3, 1.2))
def gauss_legendre(a, b):
    nodes, weights = np.polynomial.legendre.leggauss(4)
    x = (a + b) / 2 + (b - a) / 2 * nodes
    return np.sum(weights * np.sin(x) ** 2) * (b - a) / 2


@program((normal(4), 0.7))
def clenshaw(coefficients, x):
    b1 = b2 = 0.0
    for c in reversed(coefficients[1:]):
        b1, b2 = 2 * x * b1 - b2 + c, b1
    return x * b1 - b2 + coefficients[0]


@program((positive(4), positive(4, seed=1)))
def thomas_algorithm(diagonal, right):
    """Solves a tridiagonal system by lists."""
    n = len(diagonal)
    c, d = [], []
    for i in range(n):
        low = -0.3 if i > 0 else 0.0
        m = diagonal[i] + 1 - (low * c[i - 1] if i > 0 else 0.0)
        c.append(-0.3 / m)
        d.append((right[i] - (low * d[i - 1] if i > 0 else 0.0)) / m)
    x = d[n - 1]
    total = x * x
    for i in range(n - 2, -1, -1):
        x = d[i] - c[i] * x
        total += x * x
    return total


@program((normal(3, 3) + 3 * np.eye(3),))
def determinant_by_cofactors(m):
    def det(rows):
        if len(rows) == 1:
            return rows[0][0]
        total = 0.0
        for k, item in enumerate(rows[0]):
            minor = [row[:k] + row[k + 1 :] for row in rows[1:]]
            total += (-1) ** k * item * det(minor)
        return total

    return det([[m[i, j] for j in range(3)] for i in range(3)])


@program(([1.0, 2.0, 1.0], [0.0, 1.0, 3.0], 2.2), wrt=(0, 1, 2), marks="once")
def piecewise_linear_interpolation(ys, xs, x):
    for k in range(len(xs) - 1):
        if xs[k] <= x < xs[k + 1]:
            t = (x - xs[k]) / (xs[k + 1] - xs[k])
            return (1 - t) * ys[k] + t * ys[k + 1]
    raise ValueError("outside of the table")


@program((0.8, 0.1, 12), wrt=(0, 1))
def implicit_euler_by_newton(rate, y, n):
    h = 0.2
    for _ in range(n):
        z = y
        while True:
            f = z - y - h * rate * (1 - z * z)
            z_new = z - f / (1 + 2 * h * rate * z)
            if abs(z_new - z) < 1e-13:
                break
            z = z_new
        y = z_new
    return y


@program((np.array([0.3, -0.2, 0.5]), np.array([1.0, 2.0, 0.5])))
def rotation_by_rodrigues(axis, v):
    theta = np.sqrt(np.sum(axis**2))
    k = axis / theta
    kx = np.array([[0.0, -k[2], k[1]], [k[2], 0.0, -k[0]], [-k[1], k[0], 0.0]])
    rotation = np.eye(3) + np.sin(theta) * kx + (1 - np.cos(theta)) * kx @ kx
    return (rotation @ v)[0] * v[1]


@program((0.4, 0.9, 0.3))
def two_link_arm(a, b, target):
    x = math.cos(a) + 0.7 * math.cos(a + b)
    y = math.sin(a) + 0.7 * math.sin(a + b)
    return (x - target) ** 2 + (y - 2 * target) ** 2
