"""Prints what gradients of long loops need in memory and time when they keep everything, and within limits:
`python -m tests.benchmarks.memory [--steps 1000] [--rounds 5]`.

The variants run in turns in one process; each time is the median of the ratios of the rounds to keeping everything. Memory
is the peak that tracemalloc sees, in a run of its own.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tracemalloc
from time import perf_counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from srcad import grad  # noqa: E402

LIMITS = (None, "64 MB", "48 MB", "24 MB")


def relax(u, f, n):
    """A nonlinear stencil that writes in place: 1.28 MB a step for the old values alone."""
    u = u.copy()
    for _ in range(n):
        u[1:-1] = 0.5 * (u[2:] * u[:-2] + f[1:-1])
    return np.sum(np.exp(u))


def reaction(u, f, n):
    """The same with new arrays in each step."""
    for _ in range(n):
        u = u + 0.001 * (np.roll(u, 1) - 2 * u + np.roll(u, -1)) + 0.01 * (f - u * u * u)
    return np.sum(u * u)


def seconds(call) -> float:
    gc.collect()
    start = perf_counter()
    call()
    return perf_counter() - start


def peak(call) -> float:
    gc.collect()
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 1e6


def report(fun, steps: int, rounds: int) -> None:
    u, f = np.random.default_rng(0).normal(size=160_000) * 0.1, np.full(160_000, 0.1)
    made = {limit: grad(fun, memory=limit) for limit in LIMITS}
    expected = made[None](u, f, steps)
    for limit, derivative in made.items():
        np.testing.assert_allclose(derivative(u, f, steps), expected, rtol=1e-10, err_msg=str(limit))
    times = [{limit: seconds(lambda: d(u, f, steps)) for limit, d in made.items()} for _ in range(rounds)]  # noqa: B023
    print(f"\n{fun.__name__}, {steps} steps of 1.28 MB: one run of the function takes "
          f"{statistics.median(seconds(lambda: fun(u, f, steps)) for _ in range(rounds)):.2f} s")  # fmt: skip
    for limit, derivative in made.items():
        ratio = statistics.median(t[limit] / t[None] for t in times)
        taken = statistics.median(t[limit] for t in times)
        found = peak(lambda: derivative(u, f, steps))  # noqa: B023
        print(f"  {f'memory={limit!r}' if limit else 'everything kept':16} {found:8.1f} MB  {taken:6.2f} s  {ratio:5.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for fun in (relax, reaction):
        report(fun, options.steps, options.rounds)


if __name__ == "__main__":
    main()
