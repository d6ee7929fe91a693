"""The gradient of a long simulation, within a given memory.

The way back through a time loop reads what each step has computed. Kept from all steps, that is often more than there is.
With `memory` srcad keeps the state at some steps only, and runs the others again when the way back comes to them.
`checkpoint` does the same for a single helper. The gradient is the same to the last digits.
"""

import tracemalloc

import numpy as np

from srcad import checkpoint, grad, value_and_grad

# A wave that steepens (Burgers' equation), and the measurement of it at the end.


def evolve(u, viscosity, steps):
    for _ in range(steps):
        flux = 0.5 * u * u
        u = u - 0.1 * (flux - np.roll(flux, 1)) + viscosity * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    return u


def misfit(u, viscosity, steps, measured):
    return np.sum((evolve(u, viscosity, steps) - measured) ** 2)


def peak(gradient, *args):
    """The gradient, and how many MB were in use at the most (not counting how it is compiled, at the first call)."""
    gradient(*args)
    tracemalloc.start()
    found = gradient(*args)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, most / 1e6


x = np.linspace(0.0, 2 * np.pi, 1000, endpoint=False)
truth = 1.0 + 0.5 * np.sin(x)
measured = evolve(truth, 0.05, 300)
guess = np.ones_like(x)

everything, needed = peak(grad(misfit), guess, 0.05, 300, measured)
bounded, within = peak(grad(misfit, memory="0.4 MB"), guess, 0.05, 300, measured)
print(f"everything kept: {needed:.2f} MB; with a limit of 0.4 MB: {within:.2f} MB, what a single step needs included")
print(f"the gradients differ by {np.max(np.abs(everything - bounded)) / np.max(np.abs(everything)):.0e}")

# The starting wave from the measurement, by gradient descent.

bounded = value_and_grad(misfit, memory="0.4 MB")
u = guess
for k in range(9):
    value, u_bar = bounded(u, 0.05, 300, measured)
    if k % 4 == 0:
        print(f"step {k}: misfit {value:.2e}")
    u = u - 0.5 * u_bar

# A helper with much inside: of each call only the arguments are kept.


def energy(u):
    products = np.outer(u[::2], u[1::2])
    return np.sum(np.tanh(products) ** 2)


def total(u, energy):
    return sum(energy(u / k) for k in range(1, 11))


everything, needed = peak(grad(total), truth, energy)
again, within = peak(grad(total), truth, checkpoint(energy))
print(f"ten calls of a helper: {needed:.0f} MB; checkpointed {within:.0f} MB")
print(f"the gradients differ by {np.max(np.abs(everything - again)) / np.max(np.abs(everything)):.0e}")
