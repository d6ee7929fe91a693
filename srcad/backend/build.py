"""From core functions to a module's text, and from the text to functions.

The functions read the user's globals and captured variables live: each runs in the namespace of the function that it
was made from. What else it needs (its callees, `np`, the helpers of `runtime`) is given to it in closure cells, so that
the user's namespace stays as it is. The text is registered with `linecache`: tracebacks, pdb and inspect show it.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import itertools
import linecache
import threading
import types
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from srcad.analysis.specialise import lookup
from srcad.core.nodes import Function, Global, Import, Name, Node, Ref, map_children, walk
from srcad.core.printer import text
from srcad.errors import note_generated

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Generated:
    """A generated function: its core, and the user's function in whose namespace it runs."""

    function: Function
    owner: types.FunctionType


@dataclass(frozen=True)
class Module:
    """Compiled functions by name, and the text that they were compiled from."""

    functions: dict[str, types.FunctionType]
    texts: dict[str, str]
    header: str
    filename: str

    @property
    def text(self) -> str:
        return assembled(self.header, self.texts.values())


def assembled(header: str, texts: Iterable[str]) -> str:
    return "\n\n\n".join(part for part in (header.rstrip("\n"), *texts) if part) + "\n"


def build(name: str, generated: list[Generated], origin: str = "srcad") -> Module:
    """The functions, compiled together; they can call each other by the name of a `Ref` to a generated function.

    What srcad derives is its own: `origin` is the first word of the name of the file that it seems to come from.
    """
    names = {g.function.name for g in generated}
    prepared, injected, imports = [], [], {}
    for g in generated:
        function, wanted = resolve_references(g, names)
        prepared.append(replace(g, function=function))
        injected.append(wanted)
        for alias, obj in wanted.items():
            if obj is not None:
                imports[alias] = import_line(alias, obj)
    texts = {g.function.name: text(g.function) for g in prepared}
    header = "\n".join(
        sorted({line for line in imports.values() if line}, key=lambda line: (line.startswith("from"), line))
    )
    source = assembled(header, texts.values())
    filename = f"<{origin} {name} {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    line = len(header.splitlines()) + 3 if header.rstrip("\n") else 1
    functions = Functions(filename)
    for g, wanted in zip(prepared, injected):
        shown = texts[g.function.name]
        note_generated(filename, range(line, line + shown.count("\n") + 1), g.owner)
        functions.add(g, shown, line, {k: types.CellType(v) for k, v in wanted.items() if v is not None})
        line += shown.count("\n") + 3
    return Module(functions, texts, header, filename)


class Functions(dict):
    """The functions of a module by name. One is compiled, with those that it calls, when it is first asked for."""

    def __init__(self, filename: str):
        super().__init__()
        self.filename, self.lock = filename, threading.Lock()
        self.cells: dict[str, types.CellType] = {}
        self.waiting: dict[str, tuple] = {}

    def add(self, generated: Generated, shown: str, line: int, supplied: dict[str, types.CellType]) -> None:
        """Puts in a function with its text, the line at which that starts and what the function is given."""
        self.cells[generated.function.name] = types.CellType()
        self.waiting[generated.function.name] = generated.owner, shown, line, supplied

    def __missing__(self, name: str) -> types.FunctionType:
        with self.lock:
            linked: dict[str, types.FunctionType] = {}
            todo = [name]
            while todo:
                called = todo.pop()
                if called in self or called in linked:
                    continue
                owner, shown, line, supplied = self.waiting[called]
                available = {**supplied, **self.cells}
                for k, cell in zip(owner.__code__.co_freevars, owner.__closure__ or ()):
                    available.setdefault(k, cell)
                definition = ast.parse("\n" * (line - 1) + shown).body[0]
                function = linked[called] = link(definition, available, owner, self.filename)
                function.__srcad_owner__ = owner
                self.cells[called].cell_contents = function
                todo += [n for n in function.__code__.co_freevars if n in self.waiting]
            self.update(linked)  # only now, when all that they call is there for other threads, too
            return self[name]


def link(definition: ast.FunctionDef, cells: dict, owner, filename: str) -> types.FunctionType:
    """The function of a definition, with `cells` for the names that it does not set itself."""
    place = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}
    arguments = [ast.arg(arg=name, **place) for name in cells]
    factory = ast.FunctionDef(
        name="factory", decorator_list=[], returns=None, type_comment=None, type_params=[],
        args=ast.arguments(posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=[]),
        body=[definition, ast.Return(ast.Name(definition.name, ast.Load(), **place), **place)], **place,
    )  # fmt: skip
    module = ast.Module([factory], [])
    outer = next(c for c in compile(module, filename, "exec").co_consts if isinstance(c, types.CodeType))
    code = next(c for c in outer.co_consts if isinstance(c, types.CodeType) and c.co_name == definition.name)
    closure = tuple(cells[n] if n in cells else types.CellType() for n in code.co_freevars)
    return types.FunctionType(code, owner.__globals__, definition.name, None, closure)


def resolve_references(g: Generated, generated: set[str]) -> tuple[Function, dict[str, Any]]:
    """The function with each reference printed by a name that means its object there; and the names to supply."""
    function, owner = g.function, g.owner
    nodes = [n for n in walk(function) if isinstance(n, (Name, Ref, Global, Import))]
    local = {n.id for n in nodes if isinstance(n, Name)} | {p.id for p in function.params}
    imported = {name for n in nodes if isinstance(n, Import) for name in n.names}
    user = {n.id for n in nodes if isinstance(n, Global)}
    wanted: dict[str, Any] = {}
    chosen: dict[tuple[int, str], str] = {}

    def choose(ref: Ref) -> str:
        if ref.text in generated:
            return ref.text
        key = (id(ref.obj), ref.text)
        if key not in chosen:
            chosen[key] = decide(ref)
        return chosen[key]

    def decide(ref: Ref) -> str:
        root, _, rest = ref.text.partition(".")
        if root in imported and ref.at is not None:
            return ref.text
        if root not in local and means(owner, ref):
            user.add(root)
            return ref.text
        found = supply(ref)
        name = root
        while name in local or name in user or name in wanted and wanted[name] is not found:
            name = f"srcad_{name}"
        wanted[name] = found
        return f"{name}.{rest}" if rest else name

    def change(node: Node) -> Node:
        if isinstance(node, Ref):
            chosen_text = choose(node)
            return node if chosen_text == node.text else replace(node, text=chosen_text)
        return map_children(node, change)

    for n in nodes:  # names that the user's text gives first claim what they mean
        if isinstance(n, Ref) and n.at is not None:
            choose(n)
    return change(function), wanted


def means(owner: types.FunctionType, ref: Ref) -> bool:
    """Whether the text of a reference, in the user's namespace, is its object."""
    root, *attributes = ref.text.split(".")
    found, value = lookup(owner, root)
    if not found:
        return False
    for attribute in attributes:
        if not hasattr(value, attribute):
            return False
        value = getattr(value, attribute)
    return (
        value is ref.obj or value == ref.obj if not attributes or not hasattr(value, "__array__") else value is ref.obj
    )


MODULES = {"np": "numpy"}


def supply(ref: Ref) -> Any:
    """The object that the first part of a reference's text has to stand for."""
    root, _, rest = ref.text.partition(".")
    if not rest:
        return ref.obj
    return importlib.import_module(MODULES.get(root, root))


def import_line(alias: str, obj: Any) -> str | None:
    """The import that gives `obj` the name `alias` in a module of its own."""
    if isinstance(obj, types.ModuleType):
        return f"import {obj.__name__}" if obj.__name__ == alias else f"import {obj.__name__} as {alias}"
    module, name = getattr(obj, "__module__", None), getattr(obj, "__name__", None)
    if module in (None, "builtins") or name is None or "<" in name:
        return None
    return f"from {module} import {name}" if name == alias else f"from {module} import {name} as {alias}"


__all__ = ["Generated", "Module", "build", "builtins"]
