"""Timing of variants against each other: interleaved in one process, medians of the ratios of a round."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Times:
    """Seconds a call of each variant, one number a round, and of the first call."""

    rounds: dict[str, list[float]]
    first: dict[str, float]

    def median(self, variant: str) -> float:
        return statistics.median(self.rounds[variant])

    def ratio(self, variant: str, base: str) -> float:
        """The median over the rounds of the time of `variant` in times of `base`."""
        return statistics.median(a / b for a, b in zip(self.rounds[variant], self.rounds[base]))


def race(
    variants: dict[str, Callable], rounds: int = 41, seconds: float = 0.004, clock: Callable[[], float] = perf_counter
) -> Times:
    """Time all variants in turns; each turn calls a variant for about `seconds`. `clock` may be `time.process_time`, for
    what runs in one thread: on a machine with other work it is steadier."""
    first, calls = {}, {}
    for name, fun in variants.items():
        start = clock()
        fun()
        first[name] = clock() - start
        for _ in range(3):
            fun()
        calls[name] = max(1, round(seconds / min(batch(fun, 1, clock) for _ in range(5))))
        calls[name] = max(1, round(seconds / (batch(fun, calls[name], clock) / calls[name])))
    found: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name in order:
                found[name].append(batch(variants[name], calls[name], clock) / calls[name])
            order = [*order[1:], order[0]]
    finally:
        gc.enable()
    return Times(found, first)


def batch(fun: Callable, calls: int, clock: Callable[[], float]) -> float:
    """The seconds that `calls` calls take."""
    start = clock()
    for _ in range(calls):
        fun()
    return clock() - start
