"""What generated code calls that runs a loop in parts: how long they are, so that what is kept fits into a given memory.

A loop of n passes is cut into a last part, of which each pass is kept, and others, of which only the state at their start
is kept; these are cut in the same way when they are run again. So at any time there are `slots` states and `length` passes
in memory. Where the cuts are is the binomial schedule of Griewank & Walther ("Algorithm 799: revolve", ACM TOMS 26(1),
2000), from the package `checkpoint_schedules`, for steps of `length` passes each.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import re
import sys

import numpy as np

from srcad.errors import KindError, SrcadError


def schedule(n: int, memory: int, forward, args: tuple, state: tuple, where: str) -> tuple[int, int]:
    """Of how many passes the last part of a loop is, and how many states may be kept beside, within `memory` bytes.

    `forward(first, last, *args)` runs passes of the loop and returns what they keep; it is run here for one
    and for two passes, with copies of `args`. `state` are those of them that are kept where a part starts. Raises a
    SrcadError where not even one pass and one state fit.
    """
    n = max(n, 0)
    if n < 3:
        return n, 0
    one, two = (kept(forward(0, k, *(x.copy() if isinstance(x, np.ndarray) else x for x in args))[1]) for k in (1, 2))
    a_pass, a_state = max(two - one, 0), kept(state)
    if n * a_pass <= memory:
        return n, 0
    if a_pass + a_state > memory:
        raise SrcadError(
            None, f"the loop at {where} cannot be run within {memory / 1e6:.4g} MB: one pass keeps {a_pass / 1e6:.4g} MB, "
            f"and its state is {a_state / 1e6:.4g} MB",
            hint="Give more memory, or checkpoint parts of the loop's body with srcad.checkpoint.",
        )  # fmt: skip
    best = None
    for length in lengths(min(n, memory // a_pass)):
        steps = -(-n // length)
        slots = min(steps - 1, (memory - length * a_pass) // max(a_state, 1))
        if slots > 0:
            best = min(filter(None, (best, (advances(steps, slots) * length, slots, length))))
    return best[2], best[1]


def lengths(most: int) -> list[int]:
    """The numbers up to `most`, of the large ones only some."""
    return sorted({*range(1, min(most, 64) + 1), *np.geomspace(1, most, 200).astype(int).tolist()})


def advances(steps: int, slots: int) -> int:
    """How many steps are run, all in all, before each of `steps` steps has been the last one, with `slots` states kept.

    >>> advances(10, 9), advances(10, 3)
    (9, 15)
    """
    again = 0
    while math.comb(slots + again, slots) < steps:
        again += 1
    return again * steps - math.comb(slots + again, again - 1)


def parts(first: int, last: int, length: int, slots: int) -> list[int]:
    """The ends of the parts of the passes from `first` to `last`: the last one has at most `length` of them, or all if no
    slots are left."""
    last = max(first, last)
    steps = -(-(last - first) // max(length, 1))
    if steps < 2 or slots < 1:
        return [first, last]
    return [first + length * k for k in cuts(steps, min(slots, steps - 1))] + [last]


@functools.lru_cache(maxsize=4096)
def cuts(steps: int, slots: int) -> tuple[int, ...]:
    """The steps at which a binomial schedule keeps the state when it runs ahead for the first time, and the last step."""
    from checkpoint_schedules import Forward, MultistageCheckpointSchedule

    found = []
    for action in MultistageCheckpointSchedule(steps, slots, 0):
        if not isinstance(action, Forward):
            break
        found.append(action.n0)
    return tuple(found)


UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def bytes_of(memory: int | str | None) -> int | None:
    """A memory size in bytes. Raises KindError for what is none, SrcadError without the package that makes schedules."""
    if memory is None:
        return None
    number, unit = memory, "b"
    if isinstance(memory, str):
        parts = re.fullmatch(r"\s*([0-9.]+)\s*([a-zA-Z]+)\s*", memory)
        number, unit = (parts[1], parts[2].lower()) if parts else ("", "")
    try:
        size = int(float(number) * UNITS[unit])
    except (TypeError, ValueError, KeyError):
        size = 0
    if size <= 0 or isinstance(memory, bool):
        raise KindError(None, f"memory is {memory!r}", hint='It is a number of bytes, or a text such as "80 MB".')
    check_package()
    return size


def check_package() -> None:
    """Raises a SrcadError where the package with the schedules is missing."""
    if importlib.util.find_spec("checkpoint_schedules") is None:
        raise SrcadError(
            None, "memory=… needs the package checkpoint_schedules, which is not installed",
            hint='Install it: pip install "srcad[checkpointing]".',
        )  # fmt: skip


def kept(*values) -> int:
    """How many bytes a structure holds; an array that it has twice, or a view beside what it is of, counts once."""
    seen: dict[int, int] = {}
    todo = list(values)
    while todo:
        value = todo.pop()
        if isinstance(value, np.ndarray):
            while isinstance(value.base, np.ndarray):
                value = value.base
        if id(value) in seen or value is None or isinstance(value, bool):
            continue
        if isinstance(value, np.ndarray):
            seen[id(value)] = value.nbytes + 112
            continue
        seen[id(value)] = sys.getsizeof(value) if isinstance(value, (float, int, np.generic, tuple, list, dict)) else 0
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, (tuple, list)):
            todo += value
    return sum(seen.values())
