"""A function's text: where it stands, its syntax tree, and whether that still is the text the function was made from."""

from __future__ import annotations
import __future__

import ast
import functools
import itertools
import linecache
import operator
import re
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import gast

from srcad.errors import Listing, SourceUnavailable
from srcad.frontend.resolve import parameters


@dataclass(frozen=True, eq=False)
class Source:
    """A function and the text it was made from; `tree` is without decorators, its line numbers are those of the file."""

    function: types.FunctionType
    tree: gast.FunctionDef | gast.AsyncFunctionDef | gast.Lambda
    filename: str
    lines: Sequence[str]
    name: str

    @functools.cached_property
    def signature_text(self) -> str:
        """The signature as it is shown in errors: `loss(w, x)`."""
        stars = {id(self.tree.args.vararg): "*", id(self.tree.args.kwarg): "**"}
        names = ", ".join(stars.get(id(p), "") + p.id for p in parameters(self.tree.args))
        return f"lambda {names}".strip() if isinstance(self.tree, gast.Lambda) else f"{self.name}({names})"

    @functools.cached_property
    def listing(self) -> Listing:
        return Listing(self.filename, self.lines, self.name, self.signature_text)


def read(function) -> Source:
    """The source of a plain Python function. Raises SourceUnavailable where there is none, or it was edited since."""
    if isinstance(function, (staticmethod, classmethod, types.MethodType)):
        function = function.__func__
    if not isinstance(function, types.FunctionType):
        raise SourceUnavailable(
            None,
            f"{function!r} is not a Python function with source text",
            hint="srcad differentiates functions written with def or lambda. Declare a derivative of this one with "
            "srcad.vjp_rule, or call it from a function of your own.",
        )
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise SourceUnavailable(
            None,
            f"the source of {function.__qualname__} is not available (it was made in {code.co_filename!r})",
            hint="srcad reads a function's text. Define it in a file or a notebook cell; text run by exec() can be\n"
            "made known with linecache.cache[filename] = (len(text), None, text.splitlines(True), filename).",
        )
    tree = _find(function, lines)
    if tree is None:
        raise SourceUnavailable(
            None,
            f"{code.co_filename} has changed: its line {code.co_firstlineno} is no longer the text that "
            f"{function.__qualname__} was made from",
            hint="Import or run it again, so that the derivative is that of the function you call.",
        )
    node = gast.ast_to_gast(tree)
    if not isinstance(tree, ast.Lambda):
        node.decorator_list = []
    return Source(function, node, code.co_filename, lines, code.co_name)


def _find(function: types.FunctionType, lines: Sequence[str]) -> ast.AST | None:
    """The tree of `function`: from the block at its line or, where that does not give its code, from the whole file."""
    code = function.__code__
    block = _block(code, lines)
    found = _matching(_candidates(block, code), function) if block else []
    if not found:
        text = "".join(lines)
        module = _parsed(text)
        if module is None:
            return None
        whole = _compiled(text, code)
        places = {c.co_firstlineno for c in _codes(whole) if _is_same(c, code)} if whole else set()
        found = [node for node in _candidates(module, code) if _first_line(node) in places]
        known = len(found) == 1 or sys.version_info >= (3, 11)  # columns tell lambdas on one line apart
        found = _matching(found, function) or (found if known else [])
    return min(found, key=lambda node: _distance(node, code), default=None)


def _matching(nodes: Iterable[ast.AST], function: types.FunctionType) -> list[ast.AST]:
    """The nodes that give the code of `function` when they are compiled by themselves.

    What srcad has generated is compiled inside of other code, and is never edited: there the line tells.
    """
    if function.__code__.co_filename.startswith("<srcad "):
        return [node for node in nodes if _first_line(node) == function.__code__.co_firstlineno]
    return [node for node in nodes if (c := _compiled_alone(node, function)) and _is_same(c, function.__code__)]


def _block(code: types.CodeType, lines: Sequence[str]) -> ast.Module | None:
    """The statement at the first line of `code`, parsed; None where no whole statement starts there.

    The end is where the indentation falls back, or later where that is inside of brackets or a string.
    """
    first = code.co_firstlineno - 1
    if first >= len(lines):
        return None
    indent = len(lines[first]) - len(lines[first].lstrip())
    end = max(_last_line(code), first + 1)
    while end < len(lines) and _goes_on(lines[end], indent):
        end += 1
    for last in range(end, min(end + 50, len(lines)) + 1):
        module = _parsed(("if 1:\n" if indent else "") + "".join(lines[first:last]))
        if module is not None:
            return ast.increment_lineno(module, first - 1 if indent else first)
    return None


def _goes_on(line: str, indent: int) -> bool:
    inside = line.lstrip()
    return not inside or inside.startswith("#") or len(line) - len(inside) > indent


def _last_line(code: types.CodeType) -> int:
    lines = [line for _, _, line in code.co_lines() if line]
    return max([code.co_firstlineno, *lines, *(_last_line(c) for c in code.co_consts if isinstance(c, types.CodeType))])


def _parsed(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were shown when the file was compiled
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError):
            return None


def _candidates(module: ast.Module, code: types.CodeType) -> Iterator[ast.AST]:
    if code.co_name == "<lambda>":
        return (node for node in ast.walk(module) if isinstance(node, ast.Lambda))
    defs = ast.FunctionDef, ast.AsyncFunctionDef
    return (node for node in ast.walk(module) if isinstance(node, defs) and node.name == code.co_name)


def _distance(node: ast.AST, code: types.CodeType) -> tuple[int, int]:
    """How far the text of `node` is from where `code` says that it was; columns are known from Python 3.11 on."""
    line, body = _first_line(node), node.body
    if sys.version_info < (3, 11) or not isinstance(body, ast.AST):
        return abs(line - code.co_firstlineno), 0
    places = [(p[0], p[2]) for p in code.co_positions() if p[2] is not None and p[0] is not None]
    own = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return abs(line - code.co_firstlineno), sum(not own[0] <= place < own[1] for place in places)


# ---------------------------------------------------------------------------------------------------------------
# Is this the text?

FUTURE = functools.reduce(operator.or_, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names))
REWRITERS = re.compile(r"@py_|@pytest|__beartype|typeguard")
"""Names in code that was rewritten on import (pytest's asserts): there only names and parameters can be compared."""


def _is_same(compiled: types.CodeType, code: types.CodeType) -> bool:
    """Whether `compiled` is what a function with `code` was made from."""
    if compiled.co_name != code.co_name:
        return False
    if any(REWRITERS.match(name) for c in (code, *_codes(code)) for name in c.co_names + c.co_varnames):
        arguments = code.co_argcount + code.co_kwonlyargcount
        return compiled.co_varnames[:arguments] == code.co_varnames[:arguments] and set(code.co_names) >= set(
            compiled.co_names
        )
    return _shape(compiled) == _shape(code)


def _shape(code: types.CodeType) -> tuple:
    """What makes two code objects the same but for their place; constants with their types, so that 1 is not 1.0."""
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & 0x2F
    names = code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, tuple(map(_constant, code.co_consts)), counts, names


def _constant(value) -> tuple:
    match value:
        case types.CodeType():
            return _shape(value)
        case tuple():
            return tuple(map(_constant, value))
        case frozenset():
            return tuple(sorted(repr(_constant(v)) for v in value))
        case str():
            return str, value.rpartition("<locals>.")[2]  # Python 3.10 has the names of nested functions here
    return type(value), repr(value)


def _compiled_alone(node: ast.AST, function: types.FunctionType) -> types.CodeType | None:
    """The code of `node`, compiled in surroundings like its own: its closure's names, its class, the imports.

    (CPython calls the functions of an imported module by other instructions than the methods of an object.)
    """
    code = function.__code__
    is_lambda = isinstance(node, ast.Lambda)
    body = ast.Expr(node) if is_lambda else node
    parts = getattr(code, "co_qualname", function.__qualname__).split(".")
    classes = [a for a, b in itertools.pairwise(parts) if a != "<locals>" != b]
    if classes:
        body = ast.ClassDef(name=classes[-1], bases=[], keywords=[], body=[body], decorator_list=[], type_params=[])
    args = [ast.arg(name) for name in code.co_freevars if name.isidentifier()]
    names = ast.arguments(posonlyargs=[], args=args, kwonlyargs=[], kw_defaults=[], defaults=[])
    own = [*classes[-1:], *([] if is_lambda else [node.name])]
    outside = [ast.Global([name]) for name in own if name not in code.co_freevars]
    outer = ast.FunctionDef(name="outer", args=names, body=[*outside, body], decorator_list=[], type_params=[])
    imports = [ast.Import([ast.alias(name)]) for name in sorted(_imported(code, function.__globals__))]
    module = ast.fix_missing_locations(ast.Module([*imports, outer], []))
    compiled = _compiled(module, code)
    found = [c for c in _codes(compiled) if c.co_firstlineno == _first_line(node)] if compiled else []
    return next((c for c in found if c.co_name == code.co_name), None)


def _imported(code: types.CodeType, namespace: dict) -> set[str]:
    """The global names in `code` that were most likely bound by an import."""
    here = namespace.get("__name__")
    names = {name for c in (code, *_codes(code)) for name in c.co_names if name in namespace}
    code_objects = type, types.FunctionType, types.BuiltinFunctionType
    return {
        name
        for name in names
        if isinstance(obj := namespace[name], types.ModuleType)
        or (isinstance(obj, code_objects) and obj.__module__ != here)
    }


def _compiled(text: str | ast.Module, code: types.CodeType) -> types.CodeType | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(text, code.co_filename, "exec", code.co_flags & FUTURE, dont_inherit=True)
        except (SyntaxError, ValueError):
            return None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from _codes(const)


def _first_line(node: ast.AST) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
