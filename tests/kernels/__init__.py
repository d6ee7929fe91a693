"""Kernels of scientific computing as their users write them: they write into their arguments.

    @kernel(lambda n: dict(A=normal(n, n) + n * np.eye(n)), wrt="A", writes="A", sizes=(5, 60))
    def lu(A):
        ...

`kernel` only records: the name `lu` stays bound to the plain function. An entry says how to make arguments of a size, by
which of them one differentiates, which of them the kernel writes into (these are results, unless `results` says which),
and how many arrays it returns. From that come the losses, as text, in the three forms in which such code is met
(`Kernel.loss`). The kernels were written for this purpose from the published algorithms; those of PolyBench (Pouchet) and
NPBench (Ziogas et al., ICS 2021) gave the list.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import linecache
import pkgutil
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.programs import fresh, normal, positive

__all__ = ["FORMS", "Kernel", "kernel", "kernels", "normal", "positive", "unset"]

FORMS = ("copied", "direct", "inline")
"""A loss copies what the kernel will write into; or calls it on its own parameters; or is the kernel's text itself."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A function, and what is to be known to differentiate it."""

    fun: Callable
    arguments: Callable[[int], dict]
    wrt: tuple[str, ...]
    writes: tuple[str, ...]
    results: tuple[str, ...]
    returns: int
    sizes: tuple[int, int]
    is_linear: bool

    @property
    def name(self) -> str:
        return self.fun.__name__

    @functools.cached_property
    def parameters(self) -> list[str]:
        return list(inspect.signature(self.fun).parameters)

    def args(self, size: int | None = None) -> tuple:
        """The kernel's arguments, for tests or of a size, followed by the weights of its results."""
        args = self.arguments(size or self.sizes[0])
        parts = self.results_of({name: fresh(arg) for name, arg in args.items()})
        weights = [normal(*np.shape(part), seed=7 + k) for k, part in enumerate(parts)]
        return (*args.values(), *weights)

    def results_of(self, args: dict) -> tuple:
        """What the kernel makes of arguments, which it may write into: those of its results, then what it returns."""
        returned = self.fun(**args)
        parts = () if not self.returns else returned if self.returns > 1 else (returned,)
        return (*(args[name] for name in self.results), *parts)

    @property
    def argnums(self) -> tuple[int, ...]:
        return tuple(map(self.parameters.index, self.wrt))

    def loss_text(self, form: str) -> str:
        """The weighted sum of the kernel's results, as a function of its arguments and of the weights."""
        returned = [f"result_{k}" for k in range(self.returns)]
        names = [*self.results, *returned]
        weights = [f"weights_{k}" for k in range(len(names))]
        bound = f"{', '.join(returned)} = " if returned else ""
        call = [f"{bound}{self.name}({', '.join(self.parameters)})"]
        copies = [f"{name} = {name}.copy()" for name in self.writes]
        body = {"direct": call, "copied": [*copies, *call]}.get(form) or [*copies, *self.body(bound)]
        total = " + ".join(f"np.sum({name} * {weight})" for name, weight in zip(names, weights))
        lines = "".join(f"    {line}\n" for line in [*body, f"return {total}"])
        return f"def {self.name}_{form}({', '.join([*self.parameters, *weights])}):\n{lines}"

    def body(self, bound: str) -> list[str]:
        """The lines of the kernel; its one `return` binds the results instead."""
        lines = textwrap.dedent(inspect.getsource(self.fun)).splitlines()
        first = ast.parse("\n".join(lines)).body[0].body[0].lineno
        *lines, last = textwrap.dedent("\n".join(lines[first - 1 :])).splitlines()
        if not bound:
            return [*lines, last]
        assert last.startswith("return "), f"{self.name} does not end in its return"
        return [*lines, bound + last.removeprefix("return ")]

    @functools.cache  # noqa: B019 - there are as many kernels as there are
    def loss(self, form: str) -> Callable:
        """The loss of `form` as a function with source text, among the names of the kernel's module."""
        text, filename = self.loss_text(form), f"<{self.name} {form}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        names = dict(sys.modules[self.fun.__module__].__dict__)
        exec(compile(text, filename, "exec"), names)
        return names[f"{self.name}_{form}"]


_RECORDED: list[Kernel] = []


def kernel(
    arguments: Callable[[int], dict],
    *,
    wrt: str,
    writes: str = "",
    results: str | None = None,
    returns: int = 0,
    sizes: tuple[int, int],
    linear: bool = False,
) -> Callable:
    """Record a function as a kernel; names are given in one string. `linear`: it updates what it overwrites linearly in
    it, with coefficients that stay, so that its forward sweep has nothing to keep of its passes."""

    def record(fun):
        written = tuple(writes.split())
        chosen = written if results is None else tuple(results.split())
        _RECORDED.append(Kernel(fun, arguments, tuple(wrt.split()), written, chosen, returns, sizes, linear))
        return fun

    return record


def unset(*shape: int) -> np.ndarray:
    """An array as np.empty gives it, at its worst."""
    return np.full(shape, np.nan)


def kernels() -> list[Kernel]:
    """Every recorded kernel, in the order of the files and of their lines."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if module.name != "__main__":
            importlib.import_module(f"{__name__}.{module.name}")
    return _RECORDED
