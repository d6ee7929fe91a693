"""Gradient descent: Rosenbrock's valley with four step rules, a fit with its history, and a step that is too long.

The function is plain Python, a loop included. `optim.descend` differentiates it, goes down, says why it stopped, and
keeps a history (`result.history.plot()` draws it where matplotlib is installed).
"""

import numpy as np

from srcad import optim


def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


print("Rosenbrock's valley from (-1.2, 1) to (1, 1):")
rules = [
    optim.GradientDescent(1e-3),
    optim.Momentum(1e-3),
    optim.Momentum(1e-3, nesterov=True),
    optim.Adam(eta=lambda k: 0.1 / (1 + k / 1000)),
]
names = ["gradient descent", "heavy ball", "Nesterov", "Adam, ever shorter"]
for name, rule in zip(names, rules, strict=True):
    result = optim.descend(rosenbrock, [-1.2, 1.0], step=rule, iterations=5000)
    print(f"  {name:20} {result}, x = ({result.x[0]:.5f}, {result.x[1]:.5f})")


def misfit(p, t, measured):
    """The mean square between measurements and a damped oscillation."""
    amplitude, decay, frequency = p
    return np.mean((amplitude * np.exp(-decay * t) * np.cos(frequency * t) - measured) ** 2)


t = np.linspace(0.0, 4.0, 80)
measured = 2.0 * np.exp(-0.5 * t) * np.cos(3.0 * t) + 0.05 * np.random.default_rng(0).standard_normal(80)
fit = optim.descend(misfit, (1.0, 0.1, 2.7), eta=0.1, args=(t, measured), ftol=1e-10)
print(f"\nA damped oscillation of amplitude 2, decay 0.5 and frequency 3: {fit}")
print("  found:", np.round(fit.x, 3))
print("  mean square after 0, 1, 10, 100 steps:", fit.history.value[[0, 1, 10, 100]].round(5))

print("\nA step that is too long:")
try:
    with np.errstate(over="ignore"):
        optim.descend(rosenbrock, np.array([-1.2, 1.0]), eta=0.1)
except optim.Diverged as error:
    print(" ", error)
    print("  f until then:", error.result.history.value)
