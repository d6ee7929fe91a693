"""The table of what is differentiated: every public function of a module, and its state."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from srcad.core.nodes import REF_TEXT
from srcad.rules import registry

MODULES = (np, np.linalg, np.fft)


def public(module) -> dict[str, Any]:
    """The public callables of a module, exceptions and warnings left out, by name."""
    names = [name for name in sorted(dir(module)) if not name.startswith("_")]
    found = {name: getattr(module, name) for name in names}
    return {
        name: value
        for name, value in found.items()
        if callable(value)
        and not isinstance(value, types.ModuleType)
        and not (isinstance(value, type) and issubclass(value, BaseException))
    }


def state(fn) -> tuple[str, str]:
    """Whether a function is "differentiated", "constant", "refused" or "undecided"; and what is to be said of it."""
    rule = registry.find(fn)
    if rule is not None:
        return "differentiated", ", ".join(rule.data)
    if (stand_in := registry.stand_in(fn)) is not None:
        return "differentiated", ", ".join(stand_in.data)
    if fn in registry.TAKEN_APART:
        return "differentiated", ", ".join(registry.TAKEN_APART[fn])
    if registry.is_constant(fn):
        return "constant", ""
    reason = registry.reason(fn)
    return ("undecided", "") if reason is None else ("refused", reason)


def states(modules: Iterable = MODULES) -> dict[str, tuple[str, str]]:
    """The state of each public function, by its full name."""
    return {f"{m.__name__}.{name}": state(fn) for m in modules for name, fn in public(m).items()}


def table(modules: Iterable = MODULES) -> str:
    """The states as Markdown: a section for each module, with the arguments that have a derivative, or the reason."""
    lines: list[str] = []
    for module in modules:
        found = {name: state(fn) for name, fn in public(module).items()}
        count = {s: sum(s == t for t, _ in found.values()) for s in ("differentiated", "constant", "refused")}
        lines += [f"### {module.__name__}", "", ", ".join(f"{n} {s}" for s, n in count.items()) + ".", ""]
        lines += ["| function | state | by which arguments, or why not |", "|---|---|---|"]
        lines += [f"| `{name}` | {s} | {note} |" for name, (s, note) in found.items()]
        lines.append("")
    return "\n".join(lines)


def declared(package: str) -> list[str]:
    """The full names of the functions of a package that have a rule, such as "scipy.special.erf"."""
    names = [REF_TEXT.get(fn, "") for fn in registry.RULES if not isinstance(fn, str)]
    names += [f"{fn.__module__}.{fn.__qualname__}" for fn in registry.STAND_INS]
    return sorted({public_name(name) for name in names if name.startswith(package + ".")})


def public_name(name: str) -> str:
    """A name without the modules that are private: "scipy.optimize.root" of "scipy.optimize._root.root"."""
    return ".".join(part for part in name.split(".") if part.endswith("__") or not part.startswith("_"))
