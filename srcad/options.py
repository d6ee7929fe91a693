"""Switches of the compiler, for tests: with each of them off a derivative is the same, and costs more."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Options:
    """What the compiler saves itself. `activity`: it differentiates by the arguments that are asked for, not by all that
    hold floats. `recording`: it keeps what the reverse sweep reads, not all that is overwritten. `simplification`: it
    writes sums and products as one would by hand, and assigns an adjoint that would be cleared and added to."""

    activity: bool = True
    recording: bool = True
    simplification: bool = True


SWITCHES = ("activity", "recording", "simplification")

ALL_ON = Options()

_current: ContextVar[Options] = ContextVar("options", default=ALL_ON)


def current() -> Options:
    """The options of what is compiled now."""
    return _current.get()


@contextmanager
def switched(**switches: bool):
    """Compiles inside with some switches changed: `with switched(recording=False): …`. What is compiled is kept by each
    `grad`, so that a switch is for one that is made inside."""
    token = _current.set(replace(current(), **switches))
    try:
        yield
    finally:
        _current.reset(token)
