"""Prints what becomes of every loss: `python -m tests.kernels [words of names]`.

It is right, or wrong, or refused (then grouped by what is refused, in any of its functions), or srcad itself fails.
"""

from __future__ import annotations

import collections
import re
import sys

import srcad
from tests.kernels import FORMS, kernels
from tests.test_kernels import Case, check_gradient, keeps_tapes, test_the_pullback_gives_the_same_however_often_called


def outcome(case: Case) -> tuple[str, list[str]]:
    """A word, and what there is to say about it."""
    word = "refused"
    try:
        check_gradient(case)
        word = "refused by vjp"
        test_the_pullback_gives_the_same_however_often_called(case)
        return ("tapes", []) if case.kernel.is_linear and keeps_tapes(case) else ("right", [])
    except srcad.SrcadError as error:
        problems = getattr(error, "problems", ()) or (error,)
        return word, sorted({re.sub(r"`[^`]*`", "`…`", problem.message) for problem in problems})
    except AssertionError as error:
        return "WRONG", [str(error).splitlines()[0] if str(error) else "an argument is changed, or memory is shared"]
    except Exception as error:  # noqa: BLE001 - a report of what happens
        return "CRASH", [f"{type(error).__name__}: {error}"]


def main(words: list[str]) -> None:
    for form in FORMS:
        groups = collections.defaultdict(list)
        causes = collections.defaultdict(list)
        for kernel in kernels():
            if not words or any(word in kernel.name for word in words):
                word, why = outcome(Case(kernel, form))
                groups[word].append(kernel.name)
                for cause in why:
                    causes[word, cause].append(kernel.name)
        for word, names in groups.items():
            print(f"{form}: {word} {len(names)}: {' '.join(names)}")
        for (word, cause), names in sorted(causes.items(), key=lambda item: -len(item[1])):
            print(f"    {word} {len(names):2} {cause}: {' '.join(names)}")


if __name__ == "__main__":
    main(sys.argv[1:])
