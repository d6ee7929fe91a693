"""The errors: each names the user's file, line and construct, says why, and what to write instead."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import types
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, eq=False)
class Listing:
    """The text that a function was read from: the lines of its file, its name and its signature as `loss(w, x)`."""

    filename: str
    lines: Sequence[str]
    name: str
    signature_text: str

    def __reduce__(self):
        return Listing, (self.filename, list(self.lines), self.name, self.signature_text)


class Origin(NamedTuple):
    """A place in the user's source. Lines count from 1, columns from 0 and in UTF-8 bytes, as in `ast`."""

    source: Listing
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{_shown_path(self.source.filename)}:{self.line}"

    def excerpt(self) -> str:
        """Where it is, the line before, the line, and carets under the construct."""
        source, lines = self.source, [f"  {self}, in {self.source.signature_text}"]
        digits = len(str(self.line))
        before, here = (_line(source, n) for n in (self.line - 1, self.line))
        if before.strip():
            lines.append(f"     {self.line - 1:>{digits}} | {before}")
        if not here.strip():
            return "\n".join(lines)
        start, end = _characters(here, self.column), _characters(here, self.end_column)
        if self.end_line != self.line:
            end = len(here)
        lead = "".join("\t" if c == "\t" else " " for c in here[:start])
        lines.append(f"  -> {self.line:>{digits}} | {here}")
        lines.append(f"     {'':>{digits}}   {lead}{'^' * max(end - start, 1)}")
        return "\n".join(lines)


def place_of(text: str) -> Origin | None:
    """The place that is written `file.py:12`, as a check in generated code has it."""
    filename, _, line = text.rpartition(":")
    if not line.isdigit():
        return None
    lines = linecache.getlines(filename)
    shown = lines[int(line) - 1] if 0 < int(line) <= len(lines) else ""
    start, end = len(shown) - len(shown.lstrip()), len(shown.rstrip())
    listing = Listing(filename, lines, "", "the function that is differentiated")
    return Origin(listing, int(line), len(shown[:start].encode()), int(line), len(shown[:end].encode()))


_generated: dict[str, list[tuple[range, weakref.ref]]] = {}
"""Of each generated text: the lines of each function in it, and the function that this was made from."""


def note_generated(filename: str, lines: range, made_from: types.FunctionType) -> None:
    """Notes what the lines of a generated text were made from, so that errors can name that."""
    _generated.setdefault(filename, []).append((lines, weakref.ref(made_from)))


def users_place(origin: Origin | None) -> Origin | None:
    """The place in the user's source that a place in generated text comes from: the line that the comment above it
    quotes, else the same line, else the head of the function."""
    while origin is not None and origin.source.filename in _generated:
        found = [ref() for lines, ref in _generated[origin.source.filename] if origin.line in lines]
        if not found or found[0] is None:
            return origin
        origin = _place_in(found[0], _lines_above(origin))
    return origin


def _lines_above(origin: Origin) -> list[str]:
    """The lines of a function's text up to a place in it, the last first."""
    found: list[str] = []
    for line in reversed(origin.source.lines[: origin.line]):
        found.append(line.strip())
        if line.startswith("def "):
            break
    return found


def _place_in(fun: types.FunctionType, above: list[str]) -> Origin:
    """The line of a function that a generated one, whose lines these are, has come to."""
    code = fun.__code__
    lines = linecache.getlines(code.co_filename)
    number = code.co_firstlineno
    quoted = next((m for line in above if (m := re.match(r"# (\d+): ", line))), None)
    own = inspect.getblock(lines[number - 1 :]) if 0 < number <= len(lines) else []
    if quoted is not None:
        number = int(quoted[1])
    elif above and above[0] in [line.strip() for line in own]:
        number += [line.strip() for line in own].index(above[0])
    else:  # below its decorators
        number += next((k for k, line in enumerate(own) if line.lstrip().startswith(("def ", "async def "))), 0)
    shown = lines[number - 1].rstrip("\n") if 0 < number <= len(lines) else ""
    start, end = len(shown) - len(shown.lstrip()), len(shown.rstrip())
    signature = f"{fun.__name__}({', '.join(code.co_varnames[: code.co_argcount])})"
    listing = Listing(code.co_filename, lines, fun.__name__, signature)
    return Origin(listing, number, len(shown[:start].encode()), number, len(shown[:end].encode()))


AGAIN = "It is in the derivative of this line, which is differentiated again."


def _line(source: Listing, number: int) -> str:
    return source.lines[number - 1].rstrip() if 0 < number <= len(source.lines) else ""


def _characters(line: str, column: int) -> int:
    """A column in UTF-8 bytes as a number of characters."""
    return column if line.isascii() else len(line.encode()[:column].decode(errors="ignore"))


def _shown_path(filename: str) -> str:
    """The file as it is shown: relative where it is below the working directory."""
    return filename.removeprefix(os.path.join(os.getcwd(), ""))


class SrcadError(Exception):
    """The base of what srcad raises on purpose.

    `origin` is the place in the user's source (or None), `because` says how srcad came to need what it does not have,
    `hint` says what to do instead.
    """

    def __init__(self, origin: Origin | None, message: str, *, hint: str | None = None, because: str | None = None):
        place = users_place(origin)
        if place is not origin:
            because = f"{AGAIN} {because}" if because else AGAIN
        self.origin, self.message, self.hint, self.because = place, message, hint, because
        super().__init__(self._text())

    def _text(self) -> str:
        parts = [] if self.origin is None else ["", self.origin.excerpt()]
        parts += [f"  {line}" for text in (self.because, self.hint) if text for line in text.splitlines()]
        return "\n".join([self.message, *parts])

    def __reduce__(self):
        return _restored, (type(self), self.args, self.__dict__)


def _restored(cls: type[SrcadError], args: tuple, state: dict) -> SrcadError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class Unsupported(SrcadError):
    """A construct that srcad does not differentiate; `problems` has all of them where a function has several."""

    problems: tuple[Unsupported, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[Unsupported]) -> Unsupported:
        """One error that reports all `problems`, in the order of the source."""
        distinct = {p._text(): p for p in problems}  # of generated text several may come from one line of the user's
        first, *others = problems = sorted(distinct.values(), key=lambda p: p.origin[1:3] if p.origin else (0, 0))
        if not others:
            return first
        subject = f"of {first.origin.source.signature_text} " if first.origin else ""
        error = cls(None, f"{len(problems)} constructs {subject}are not supported")
        error.problems = tuple(problems)
        error.origin = first.origin
        error.args = ("\n".join([error.message, *(p._as_item() for p in problems)]),)
        return error

    def _as_item(self) -> str:
        where = [] if self.origin is None else [self.origin.excerpt()]
        texts = [f"  {line}" for text in (self.message, self.because, self.hint) if text for line in text.splitlines()]
        return "\n".join(["", *where, *texts])


class MissingRule(SrcadError):
    """A function of a library has no derivative rule, or none for the arguments that it is called with."""


class SourceUnavailable(SrcadError):
    """A function has no source text that srcad can read, or it is no plain Python function."""


class KindError(SrcadError, TypeError):
    """An argument that cannot be differentiated, or a value whose structure is not the expected one."""


class GradientMismatch(SrcadError, AssertionError):
    """A gradient differs from what finite differences say (`check_grads`)."""


class OpaqueWarning(UserWarning):
    """A function is differentiated by evaluating it (`srcad.opaque`)."""


for _error in (SrcadError, Unsupported, MissingRule, SourceUnavailable, KindError, GradientMismatch, OpaqueWarning):
    _error.__module__ = "srcad"  # a traceback shows the public name: srcad.MissingRule
