"""Prints the time of a gradient over that of its function, for every rule: `python -m tests.benchmarks.rules [words]`.

The arrays of a rule's examples are made larger until one has a million items, or the function takes a third of a second.
A gradient is the forward sweep and the pullback, as compiled. The goal is 4; those above say why.
"""

from __future__ import annotations

import os
import statistics
import sys
import warnings
from time import perf_counter

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read at numpy's import

import numpy as np  # noqa: E402

import srcad  # noqa: E402
from srcad.rules.registry import A, Refused  # noqa: E402
from tests.test_rules import (  # noqa: E402
    AT_EDGES, Call, examples, extents_in, label, leaves, random_like, takes_numbers, with_shapes,
)  # fmt: skip
from tests.test_tangent import program_of  # noqa: E402

GOAL, ITEMS, SECONDS = 4.0, 10**6, 0.33

REASONS = {
    "copies": "it only copies or looks at memory, so that a gradient of new memory is several times its work",
    "reduces": "it reads its argument once in a reduction; the gradient writes an array of the argument's size",
    "sorts": "the order of the items is found in a second sort",
    "solves": "LAPACK gives the values alone in a shorter way than the vectors that the derivative needs",
    "slopes": "the derivative is another special function, or several, each slower than this one",
}
WHY = {
    "copies": """
        np.broadcast_to np.transpose np.reshape np.ravel np.squeeze np.expand_dims np.swapaxes np.moveaxis np.rollaxis
        np.matrix_transpose np.permute_dims np.atleast_1d np.atleast_2d np.atleast_3d np.diagonal np.diag np.flip np.fliplr
        np.flipud np.rot90 np.real np.imag np.split np.array_split np.hsplit np.vsplit np.dsplit np.unstack np.asarray
        np.asanyarray np.ascontiguousarray np.asfortranarray np.require np.broadcast_arrays np.linalg.diagonal
        np.linalg.matrix_transpose np.copy np.trace np.linalg.trace getitem pos np.full np.full_like np.trim_zeros np.take
        np.compress np.extract np.delete
    """,
    "reduces": """
        np.sum np.mean np.max np.min np.ptp np.prod np.average np.nansum np.nanmean np.nanmax np.nanmin np.nanprod sum
        np.dot np.vdot np.inner np.vecdot np.linalg.vecdot np.matvec np.vecmat np.linalg.norm np.linalg.vector_norm
        np.trapezoid scipy.integrate.trapezoid math.prod math.fsum math.sumprod math.dist np.add.reduce np.linalg.matrix_norm
    """,
    "sorts": "np.median np.quantile np.percentile np.nanmedian np.nanquantile np.nanpercentile np.partition np.sort",
    "solves": "np.linalg.det np.linalg.slogdet np.linalg.eigvalsh np.linalg.svdvals scipy.linalg.svdvals scipy.linalg.det",
    "slopes": "np.i0 np.interp np.unwrap",
}


def larger(rule, example):
    """A call like an example, with arrays of about ITEMS items, and the seconds that it takes; None where there is none."""
    sizes = [np.prod(a.shape) for a in arrays_in(example.args) + arrays_in(tuple(example.kwargs.values()))]
    rank = max((len(a.shape) for a in arrays_in(example.args)), default=0)
    if not sizes or rank == 0 or max(sizes) == 0:
        return None
    factor, found = 1.0, None
    kept = {n for n in extents_in(example.args) if n == 1}
    while True:
        factor *= 2
        scaled = with_shapes(example, lambda s: tuple(n if n in kept else round(n * factor) for n in s))  # noqa: B023
        if repr(scaled) == repr(example) or max(np.prod(a.shape) for a in arrays_in(scaled.args)) > 2 * ITEMS:
            return found
        try:
            call = Call.of(rule, scaled)
            start = perf_counter()
            result = call.run()
            seconds = perf_counter() - start
        except Exception:  # its parameters fit to these extents only
            return found
        if seconds > SECONDS and found is not None:
            return found
        found = call
        if seconds > SECONDS / 8 or np.size(leaves(result)) > ITEMS:
            return found


def arrays_in(value) -> list:
    if isinstance(value, A):
        return [value]
    return [a for v in value for a in arrays_in(v)] if isinstance(value, (list, tuple)) else []


def ratio(call, rounds: int = 3) -> tuple[float, float]:
    """The median of gradient over primal, and the seconds of the primal."""
    program, params = program_of(call, call.active)
    with np.errstate(all="ignore"):
        y_bar = random_like(call.run(), np.random.default_rng(0))

        def gradient():
            _, pullback = srcad.vjp(program, *params.values())
            pullback(y_bar)

        gradient()
        ratios, primals = [], []
        for _ in range(rounds):
            start = perf_counter()
            program(*params.values())
            middle = perf_counter()
            gradient()
            primals.append(middle - start)
            ratios.append((perf_counter() - middle) / primals[-1])
    return statistics.median(ratios), statistics.median(primals)


def why(name: str) -> str:
    for key, names in WHY.items():
        if name in names.split():
            return REASONS[key]
    return ""


def main() -> None:
    words = sys.argv[1:]
    done, above, left = 0, [], []
    warnings.simplefilter("ignore")
    print(f"{'function':<44}{'items':>10}{'primal':>11}{'gradient / primal':>19}")
    for rule in AT_EDGES:
        name = label(rule)
        if takes_numbers(rule) or any(w not in name for w in words):
            continue
        calls = [c for c in (larger(rule, e) for e in examples(rule)[:6]) if c is not None and c.active]
        if not calls:
            left.append(name)
            continue
        items = [max([0, *(np.size(v) for v in c.bound.arguments.values() if isinstance(v, np.ndarray))]) for c in calls]
        call = calls[int(np.argmax(items))]
        try:
            found, seconds = ratio(call)
        except (srcad.SrcadError, Refused, ValueError, TypeError, np.linalg.LinAlgError) as error:
            left.append(f"{name} ({type(error).__name__})")
            continue
        done += 1
        if found > GOAL:
            above.append((name, found))
        said = why(name) if found > GOAL else ""
        print(f"{name:<44}{max(items):>10}{seconds * 1e3:>9.2f} ms{found:>19.2f}  {said}", flush=True)
    print(f"\n{done} functions: {done - len(above)} take at most {GOAL:g} times as long as without, {len(above)} longer:")
    for name, found in sorted(above, key=lambda pair: -pair[1]):
        print(f"  {name:<44}{found:>7.1f}  {why(name)}")
    print(f"\nnot measured, since their examples have no larger form: {', '.join(left)}")


if __name__ == "__main__":
    main()
