"""Prints the time of gradients over that of the kernels themselves: `python -m tests.benchmarks.kernels [words of names]`.

Gradient and primal run in turns in one process, with one BLAS thread, and their CPU time is taken; a number is the median
of the ratios of the rounds.
The loss calls the kernel on its own parameters where srcad takes that, else it is the text of the kernel.
The primal is the same loss, on arguments that it may write into: it gets copies, the time of which counts in both.
"""

from __future__ import annotations

import argparse
import os
import statistics
from time import process_time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in tests.benchmarks; read at numpy's import

import numpy as np  # noqa: E402

import srcad  # noqa: E402
from tests.benchmarks.__main__ import print_table, short, verdict  # noqa: E402
from tests.benchmarks.timing import race  # noqa: E402
from tests.kernels import Kernel, kernels  # noqa: E402

GOAL = 3.0
FORMS = ("direct", "copied", "inline")


def taken_form(kernel: Kernel, args: tuple) -> str | None:
    """The first form whose gradient srcad makes."""
    for form in FORMS:
        try:
            srcad.grad(kernel.loss(form), argnums=kernel.argnums)(*own(kernel, args))
        except srcad.SrcadError:
            continue
        return form
    return None


def own(kernel: Kernel, args: tuple) -> tuple:
    """The arguments, with those that the kernel writes into copied."""
    written = {kernel.parameters.index(name) for name in kernel.writes}
    return tuple(arg.copy() if k in written else arg for k, arg in enumerate(args))


def report(kernel: Kernel, rounds: int) -> tuple[list[str], float | None]:
    """The row of a kernel, and its ratio."""
    args = kernel.args(kernel.sizes[1])
    form = taken_form(kernel, args)
    if form is None:
        return [kernel.name, "-", "-", "-", "refused", "-"], None
    loss = kernel.loss(form)
    gradient = srcad.grad(loss, argnums=kernel.argnums)
    variants = {
        "primal": lambda: loss(*own(kernel, args)),
        "gradient": lambda: gradient(*own(kernel, args)),
    }
    times = race(variants, rounds, seconds=0.002, clock=process_time)
    ratio = times.ratio("gradient", "primal")
    primal, call = short(times.median("primal")), short(times.median("gradient"))
    return [kernel.name, form, primal, call, verdict(ratio, GOAL), short(times.first["gradient"])], ratio


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run only the kernels that have one of these words in their name")
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    timed = [kernel for kernel in kernels() if kernel.sizes[1] > kernel.sizes[0]]
    chosen = [kernel for kernel in timed if not options.words or any(word in kernel.name for word in options.words)]
    with np.errstate(all="ignore"):
        rows, ratios = zip(*(report(kernel, options.rounds) for kernel in chosen))
    print_table([["kernel", "form", "primal", "gradient", "over primal", "first call"], *rows])
    known = [ratio for ratio in ratios if ratio is not None]
    if known:
        print(f"median over {len(known)} of {len(chosen)} kernels: {verdict(statistics.median(known), GOAL)}")


if __name__ == "__main__":
    main()
