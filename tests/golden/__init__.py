"""Golden files: a function as a user writes it, and under it what srcad makes of it, as a module that can be imported.

Above the line `MARK` a file is written by hand: the function, which bears the file's name, and the arguments to
differentiate it at, and MEMORY where loops are to run in parts. Below it is what
`grad(function, ARGNUMS).source_for(*ARGUMENTS)` gives. `python -m tests.golden`
rewrites that part of every file; read the difference before you commit it. A new case is a new file with the upper part.
"""

from __future__ import annotations

import importlib
import types
from pathlib import Path

from srcad import grad

FOLDER = Path(__file__).parent
FILES = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
MARK = "# What srcad makes of it; `python -m tests.golden` writes all that follows.\n"


def head(path: Path) -> str:
    """The part of a golden file that is written by hand, up to and with the mark."""
    return path.read_text().partition(MARK)[0].rstrip("\n") + f"\n\n\n{MARK}"


def user_module(path: Path) -> types.ModuleType:
    """A module of the part that is written by hand only."""
    module = types.ModuleType(path.stem)
    exec(compile(head(path), str(path), "exec"), module.__dict__)
    return module


def generated(path: Path) -> str:
    """What the part below the mark should be."""
    user = user_module(path)
    derivative = grad(getattr(user, path.stem), user.ARGNUMS, memory=getattr(user, "MEMORY", None))
    return derivative.source_for(*user.ARGUMENTS)


def golden_module(path: Path) -> types.ModuleType:
    """The whole of a golden file, as it stands."""
    return importlib.import_module(f"{__name__}.{path.stem}")
