"""Prints how long gradients take, as ratios with their goals: `python -m tests.benchmarks [--no-peers] [word of a case]`.

All variants of a case run in turns in one process, with one BLAS thread; each number is the median of the ratios of the
rounds; first calls are apart. PyTorch has a process of its own, in which the hand-written gradient runs beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # with two, OpenBLAS was at times twenty times slower; read at numpy's import

import numpy as np  # noqa: E402

from tests.benchmarks import compile_time, peers  # noqa: E402
from tests.benchmarks.cases import CASES, Case  # noqa: E402
from tests.benchmarks.timing import Times, race  # noqa: E402


def variants(case: Case, names: list[str]) -> dict:
    """The calls to time; raises AssertionError if one has another gradient than the one by hand."""
    made = {"primal": lambda: case.fun(*case.args), "by hand": lambda: case.by_hand(*case.args)}
    if "srcad" in names:
        import srcad

        gradient = srcad.grad(case.fun, argnums=case.argnums)
        made["srcad"] = lambda: gradient(*case.args)
    made |= {name: peers.PEERS[name](case) for name in names if name in peers.PEERS and peers.installed(name)}
    return made


def check(case: Case, made: dict) -> None:
    expected = peers.as_numbers(made["by hand"]())
    for name, call in made.items():
        if name != "primal":
            for a, b in zip(peers.as_numbers(call()), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=f"{name}: {case.name}")


def timed(case: Case, names: list[str], rounds: int) -> Times:
    made = variants(case, names)
    times = race(made, rounds)
    check(case, made)
    return times


def in_another_process(case: Case, rounds: int) -> dict | None:
    """PyTorch's ratio to the gradient by hand and its first call, from a process of its own."""
    if not peers.installed("torch"):
        return None
    command = [sys.executable, "-m", "tests.benchmarks", "--torch", case.name, "--rounds", str(rounds)]
    run = subprocess.run(command, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else None


def torch_process(name: str, rounds: int) -> None:
    case = next(case for case in CASES if case.name == name)
    times = timed(case, ["torch"], rounds)
    print(json.dumps({"ratio": times.ratio("torch", "by hand"), "first": times.first["torch"]}))


def short(seconds: float) -> str:
    scale, unit = (1e6, "us") if seconds < 1e-3 else (1e3, "ms") if seconds < 1 else (1, "s")
    return f"{seconds * scale:.3g} {unit}"


def verdict(value: float, goal: float) -> str:
    return f"{value:.2f} (goal ≤ {goal:g}{'' if value <= goal else ', MISSED'})"


def report(case: Case, with_peers: bool, rounds: int) -> list[str]:
    """The row of a case."""
    times = timed(case, ["srcad", *(["autograd", "jax"] if with_peers else [])], rounds)
    over_hand, over_primal = times.ratio("srcad", "by hand"), times.ratio("srcad", "primal")
    row = [case.name, short(times.median("srcad"))]
    row.append(verdict(over_hand, case.goal) if case.over == "by hand" else f"{over_hand:.2f}")
    row.append(verdict(over_primal, case.goal) if case.over == "primal" else f"{over_primal:.2f}")
    slower = {name: times.ratio(name, "srcad") for name in ("autograd", "jax") if name in times.rounds}
    first = times.first["srcad"]
    torch = in_another_process(case, rounds) if with_peers else None
    if torch:
        slower["torch"] = torch["ratio"] / over_hand
    for name in peers.LABELS:
        goal = case.peer_goals.get(peers.LABELS[name])
        text = f"{slower[name]:.3g}" if name in slower else "-"
        if goal and name in slower:
            text += f" (goal ≥ {goal:g}{'' if slower[name] >= goal else ', MISSED'})"
        row.append(text)
    return [*row, short(first)]


def print_table(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run only the cases that have one of these words in their name")
    parser.add_argument("--no-peers", action="store_true", help="leave out autograd, JAX and PyTorch")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        return torch_process(options.torch, options.rounds)

    def chosen(name: str) -> bool:
        return not options.words or any(word in name for word in options.words)

    rows = [
        ["gradient of", "a call", "over by hand", "over primal", "autograd is slower", "JAX", "PyTorch", "first call"]
    ]
    rows += [report(case, not options.no_peers, options.rounds) for case in CASES if chosen(case.name)]
    if len(rows) > 1:
        print_table(rows)
    if chosen("compile"):
        times = compile_time.first_gradients()
        median, goal = statistics.median(times[1:]), 0.1
        missed = "" if median <= goal else ", MISSED"
        print(
            f"compile a function of 50 lines: {short(median)} (goal ≤ {short(goal)}{missed}); "
            f"in a new process {short(times[0])}"
        )
    if chosen("import"):
        srcad_time, numpy_time = compile_time.import_times()
        missed = "" if srcad_time <= 0.15 else ", MISSED"
        print(f"import srcad: {short(srcad_time)} beyond NumPy's {short(numpy_time)} (goal ≤ {short(0.15)}{missed})")


if __name__ == "__main__":
    main()
