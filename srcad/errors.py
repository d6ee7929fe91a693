"""The errors: each names the user's file, line and construct, says why, and what to write instead."""

from __future__ import annotations

import linecache
import os
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
        self.origin, self.message, self.hint, self.because = origin, message, hint, because
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
        first, *others = problems = sorted(problems, key=lambda p: p.origin[1:3] if p.origin else (0, 0))
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
