"""Which statement's adjoint is off: each statement that was run, as a function by itself, against differences.

The function is run twice, at arguments close together, and before each statement the variables that it reads are kept: those
that differ depend on the arguments. A statement is then made a function of these, of which srcad makes the adjoint, as it
does of any function, and that is compared along a random direction:

    s = soft(r) * w        def loss_part(r, w):
                               s = soft(r) * w
                               return s

So a rule that is wrong is found wherever it is used, in loops, branches, helpers. Where each statement is right by itself,
and only together they are wrong, the smallest sequence of statements is sought that is wrong.
"""

from __future__ import annotations

import ast
import linecache
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcad import structure
from srcad.analysis.kinds import is_float, kind_of
from srcad.errors import Listing, Origin
from srcad.programs import program
from srcad.rules import registry
from srcad.selfcheck import Mismatch, Subject, own

Pull = Callable[[types.FunctionType], Callable[[list, tuple[int, ...], Any], list]]
"""The adjoints of a function: called with its arguments, which of them are not constant, and the adjoint of the value."""

FUNCTION = ast.FunctionDef, ast.AsyncFunctionDef
SILENT = (
    ast.Pass, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Delete, ast.Break, ast.Continue, ast.Raise,
    ast.Assert, ast.ClassDef, *FUNCTION,
)  # fmt: skip
LIBRARIES = {"numpy", "scipy", "srcad", *sys.stdlib_module_names}


@dataclass(frozen=True)
class Blamed:
    """A statement, or a sequence of them, whose adjoint is off: where it is, why it is thought so, what to do."""

    origin: Origin | None
    because: list[str]
    hint: str


@dataclass(eq=False)
class Code:
    """The statements of a function's code."""

    code: types.CodeType
    lines: list[str]
    tree: ast.AST
    listing: Listing
    statements: dict[int, Statement] = field(default_factory=dict)

    def at(self, line: int) -> Statement | None:
        return self.statements.get(line)


@dataclass(eq=False)
class Statement:
    """A simple statement, or a compound one; a compound one in a single line counts as simple."""

    code: Code
    node: ast.stmt
    is_simple: bool
    visits: list[Visit] = field(default_factory=list)
    count: int = 0

    @property
    def lines(self) -> range:
        node = self.node
        end = node.end_lineno if self.is_simple else max(node.lineno, first_body_line(node) - 1)
        return range(node.lineno, end + 1)


@dataclass(eq=False)
class Visit:
    """One run of a statement: its variables, the global names and what called the function."""

    statement: Statement
    variables: dict[str, Any]
    names: dict[str, Any]
    callers: tuple[Statement, ...]
    varied: set[str] = field(default_factory=set)
    called: list[Code] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------------
# The statements of a code object


def code_of(code: types.CodeType, names: dict) -> Code | None:
    """The statements of a function's text; None where there is none, or it is not known which."""
    lines = linecache.getlines(code.co_filename, names)
    try:
        module = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return None
    wanted = ast.Lambda if code.co_name == "<lambda>" else FUNCTION
    found = [n for n in ast.walk(module) if isinstance(n, wanted) and first_line(n) == code.co_firstlineno]
    found = [n for n in found if isinstance(n, ast.Lambda) or n.name == code.co_name]
    if len(found) != 1:
        return None
    tree = found[0]
    given = ", ".join(code.co_varnames[: code.co_argcount])
    shown = f"lambda {given}" if isinstance(tree, ast.Lambda) else f"{code.co_name}({given})"
    known = Code(code, lines, tree, Listing(code.co_filename, lines, code.co_name, shown))
    if isinstance(tree, ast.Lambda):
        body = ast.copy_location(ast.Return(tree.body), tree.body)
        body.end_lineno, body.end_col_offset = tree.body.end_lineno, tree.body.end_col_offset
        known.statements = dict.fromkeys(range(tree.lineno, tree.end_lineno + 1), Statement(known, body, True))
    else:
        collect(known, tree.body)
    return known


def collect(code: Code, body: list[ast.stmt]) -> None:
    """Finds the statements of a body, and of the bodies in it."""
    for node in body:
        blocks = list(blocks_of(node))
        simple = not blocks or node.lineno == node.end_lineno
        statement = Statement(code, node, simple)
        for line in statement.lines:
            code.statements.setdefault(line, statement)
        if not simple:
            for block in blocks:
                collect(code, block)


def blocks_of(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    if isinstance(node, (*FUNCTION, ast.ClassDef)):
        return
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(node, name, None):
            yield block
    for part in [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]:
        yield part.body


def first_body_line(node: ast.stmt) -> int:
    return min(block[0].lineno for block in blocks_of(node))


def first_line(node: ast.AST) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])


# ---------------------------------------------------------------------------------------------------------------
# The run


class Recorder:
    """The trace function that keeps the variables before statements, of a function and of those that it calls.

    Of a statement that runs often, only some runs are kept: the first, second, fourth, eighth, …
    """

    def __init__(self, root: types.CodeType):
        self.root = root
        self.codes: dict[types.CodeType, Code | None] = {}
        self.present: dict[int, list] = {}  # of each frame: code, visit, callers, statement, variables last kept
        self.ruled = {fn.__code__ for fn in registry.RULES if isinstance(fn, types.FunctionType)}
        self.order: list[Visit] = []

    def __call__(self, frame: types.FrameType, event: str, arg):
        outer = None if frame.f_back is None else self.present.get(id(frame.f_back))
        is_root = frame.f_code is self.root and not self.present
        if event != "call" or not is_root and outer is None or frame.f_code in self.ruled:
            return None
        module = (frame.f_globals.get("__name__") or "").partition(".")[0]
        if not is_root and module in LIBRARIES - {"__main__"} and frame.f_code.co_filename[:1] != "<":
            return None
        if frame.f_code not in self.codes:
            self.codes[frame.f_code] = code_of(frame.f_code, frame.f_globals)
        code = self.codes[frame.f_code]
        callers: tuple[Statement, ...] = ()
        if outer is not None:
            now = outer[1]
            callers = outer[2] if now is None else (*now.callers, now.statement)
            if now is not None and code is not None and code not in now.called:
                now.called.append(code)
        self.present[id(frame)] = [code, None, callers, None, {}]
        return self.line

    def line(self, frame: types.FrameType, event: str, arg):
        if event == "return":
            self.present.pop(id(frame), None)
        elif event == "line" and (state := self.present.get(id(frame))) and state[0] is not None:
            statement = state[0].at(frame.f_lineno)
            if statement is None or statement is state[3]:
                return self.line
            state[3] = statement
            statement.count += 1
            state[1] = Visit(statement, {}, frame.f_globals, state[2])
            if statement.count & (statement.count - 1) == 0:
                kept = {n: v for n, v in dict(frame.f_locals).items() if n.isidentifier()}
                earlier = state[4]
                state[1].variables = {n: earlier[n] if same(earlier.get(n), v) else own(v) for n, v in kept.items()}
                state[4] = state[1].variables
                statement.visits.append(state[1])
                self.order.append(state[1])
        return self.line

    def statements(self) -> list[Statement]:
        """The statements that were run."""
        return list(dict.fromkeys(visit.statement for visit in self.order))

    def run(self, call: Callable) -> None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            call()
        finally:
            sys.settrace(before)


def same(kept, value) -> bool:
    """Whether an array is as it was when it was kept: then it need not be kept once more."""
    if not isinstance(value, np.ndarray) or not isinstance(kept, np.ndarray):
        return False
    return kept.dtype == value.dtype and kept.shape == value.shape and kept.tobytes() == value.tobytes()


def names_in(nodes: list[ast.stmt]) -> set[str]:
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}


# ---------------------------------------------------------------------------------------------------------------
# Statements as functions


def set_names(node: ast.AST) -> Iterator[str]:
    """The variables that a statement sets, in the order of its text; not those of nested functions and comprehensions."""
    if isinstance(node, (*FUNCTION, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    comprehension = isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
    for child in ast.iter_child_nodes(node):
        if not (comprehension and isinstance(child, ast.comprehension)):
            yield from set_names(child)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id


def written_names(node: ast.stmt) -> Iterator[str]:
    """The variables whose arrays or containers a statement may write into."""
    for n in ast.walk(node):
        if isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.ctx, ast.Store):
            yield from base_name(n)
        elif isinstance(n, ast.AugAssign):
            yield from base_name(n.target)
        elif isinstance(n, ast.Call):
            pure = isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name) and (
                n.func.value.id in ("np", "numpy", "math")
            )  # fmt: skip
            is_statement = isinstance(node, ast.Expr) and n is node.value
            if is_statement and isinstance(n.func, ast.Attribute):
                yield from base_name(n.func.value)
            for arg in n.args if is_statement or not pure else ():
                yield from base_name(arg)
            for keyword in n.keywords:
                if keyword.arg == "out" or not pure:
                    yield from base_name(keyword.value)


def base_name(node: ast.AST) -> Iterator[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def is_alone(nodes: list[ast.stmt], is_last: bool) -> bool:
    """Whether statements can be a function: no break or continue leads out of them, and no return unless they end it."""

    def leaves(node: ast.AST, in_loop: bool) -> bool:
        match node:
            case ast.Break() | ast.Continue():
                return not in_loop
            case ast.Return():
                return not is_last
            case ast.Nonlocal() | ast.Global() | ast.Yield() | ast.YieldFrom() | ast.Await():
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                return False
        inside = in_loop or isinstance(node, (ast.For, ast.While, ast.AsyncFor))
        return any(leaves(child, inside) for child in ast.iter_child_nodes(node))

    return not any(leaves(node, False) for node in nodes)


def part_of(nodes: list[ast.stmt], visit: Visit, is_last: bool, pull: Pull, later: set[str] | None = None) -> Subject | None:
    """Statements as a function of their variables, to be compared; None where they cannot be one."""
    if not is_alone(nodes, is_last):
        return None
    read, variables = names_in(nodes), visit.variables
    returned = isinstance(nodes[-1], ast.Return)
    given = [n for n in variables if n in read]
    fixed = {n: variables[n] for n in given if is_fixed(variables[n])}
    given = [n for n in given if n not in fixed]
    written = {n for node in nodes for n in written_names(node)}
    written = [n for n in given if n in written and isinstance(variables[n], (np.ndarray, list, dict))]
    results = list(dict.fromkeys([*(n for node in nodes for n in set_names(node)), *written]))
    if later is None:  # it must be there in any case
        sure = {n for node in nodes if not any(True for _ in blocks_of(node)) for n in set_names(node)}
        results = [n for n in results if n in variables or n in sure]
    else:
        results = [n for n in results if n in later]
    if not given or not is_last and not results:
        return None
    name = visit.statement.code.code.co_name.strip("<>") + "_part"
    body = [f"{n} = {n}.copy()" for n in written]
    for node in nodes:
        body += ast.unparse(node).splitlines()
    if not returned and not is_last:
        body.append(f"return ({', '.join(results)},)" if len(results) > 1 else f"return {results[0]}")
    text = f"def {name}({', '.join(given)}):\n" + "".join(f"    {line}\n" for line in body)
    fun = program(name, text, **{**visit.names, **fixed})
    floats = tuple([k for k, n in enumerate(given) if n in visit.varied and structure.leaves(variables[n])])
    if not floats or not all(is_float(kind_of(variables[given[k]])) for k in floats):
        return None
    adjoints_of = pull(fun)

    def with_floats(arguments: list) -> list:
        values = [own(variables[n]) for n in given]
        for k, argument in zip(floats, arguments):
            values[k] = argument
        return values

    def adjoints(arguments: list, value_bar) -> list:
        return adjoints_of(with_floats(arguments), floats, value_bar)

    names = [given[k] for k in floats]
    return Subject(lambda arguments: fun(*with_floats(arguments)), adjoints, [variables[n] for n in names], names)


def is_fixed(value) -> bool:
    """Whether a variable is a function, module or class, that the text means by its name."""
    return isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, np.ufunc, type))


def verdict(subject: Subject | None) -> Mismatch | None | str:
    """The mismatch of a part; None if it is right, a reason if that cannot be said."""
    if subject is None:
        return "it is no function by itself"
    try:
        found = subject.compare()
    except Exception as error:  # it is not supported by itself, or raises where it is run
        return str(error)
    return found if found is None or isinstance(found, Mismatch) else found.reason


# ---------------------------------------------------------------------------------------------------------------
# The search


def blame(function: types.FunctionType, call: Callable, call_close_by: Callable, pull: Pull) -> Blamed | None:
    """The statement of `function`, or of a function that it calls, whose adjoint is off, or the statements.

    `call` runs it, `call_close_by` at arguments that are a little off. None where no text is known, or the statements are
    right by themselves and together.
    """
    recorder, other = Recorder(function.__code__), Recorder(function.__code__)
    recorder.run(call)
    other.run(call_close_by)
    tell_varied(recorder, other)
    wrong: dict[Statement, tuple[Visit, Mismatch]] = {}
    for visit in recorder.order:
        statement = visit.statement
        if statement in wrong or not statement.is_simple or isinstance(statement.node, SILENT):
            continue
        found = verdict(part_of([statement.node], visit, isinstance(statement.node, ast.Return), pull))
        if isinstance(found, Mismatch):
            wrong[statement] = visit, found
    outer = {caller for visit, _ in wrong.values() for caller in visit.callers}
    innermost = [s for s in wrong if s not in outer]
    if not innermost:
        code = recorder.codes.get(function.__code__)
        return code and together(code, (), pull)
    statement = innermost[0]
    visit, found = wrong[statement]
    for code in visit.called:
        if (region := together(code, (*visit.callers, statement), pull)) is not None:
            return region
    nth = "" if statement.count == 1 else f", in run {2 ** statement.visits.index(visit)} of {statement.count}"
    because = [f"The adjoint of this statement is off{nth}.", component(found)]
    because += [f"So is that of {origin_of(other.code, [other.node])}: {shown(other)}" for other in innermost[1:4]]
    because += called_from(visit.callers)
    return Blamed(origin_of(statement.code, [statement.node]), because, hint_for(statement, visit))


def tell_varied(recorder: Recorder, other: Recorder) -> None:
    """Tells each visit which variables differ in another run; where that went another way, it may be any."""
    def places(recorder: Recorder) -> dict:
        return {
            (s.code.code, s.node.lineno, number): visit
            for s in recorder.statements()
            for number, visit in enumerate(s.visits)
        }

    close_by = places(other)
    for place, visit in places(recorder).items():
        moved = close_by[place].variables if place in close_by else {}
        visit.varied = {n for n, v in visit.variables.items() if n not in moved or differ(v, moved[n])}


def differ(a, b) -> bool:
    """Whether two values of a variable are not the same numbers."""
    one, two = structure.leaves(a), structure.leaves(b)
    return len(one) != len(two) or not all(np.array_equal(x, y, equal_nan=True) for x, y in zip(one, two))


def together(code: Code, callers: tuple[Statement, ...], pull: Pull) -> Blamed | None:
    """The smallest sequence of a function's statements that is wrong, though each simple one of it is right."""
    visits = {s.node: s.visits for s in code.statements.values()}
    found = smallest(code.tree.body, visits, True, pull) if isinstance(code.tree.body, list) else None
    if found is None:
        return None
    nodes, mismatch = found
    if len(nodes) > 1:
        what = f"The adjoint of lines {nodes[0].lineno} to {nodes[-1].end_lineno} is off"
        because = [f"{what}.", component(mismatch), "By itself each simple statement of them is right."]
    else:
        because = ["The adjoint of this statement is off.", component(mismatch)]
        if any(True for _ in blocks_of(nodes[0])):
            because.append("By itself each simple statement in it is right.")
    return Blamed(origin_of(code, nodes), [*because, *called_from(callers)], OURS)


def smallest(
    body: list[ast.stmt], visits: dict[ast.stmt, list[Visit]], is_last: bool, pull: Pull
) -> tuple[list[ast.stmt], Mismatch] | None:
    """The shortest sequence of a block's statements that is wrong, or one inside of its only statement."""
    for start in reversed(range(len(body))):
        for visit in visits.get(body[start], ()):
            found = verdict(part_of(body[start:], visit, is_last, pull))
            if not isinstance(found, Mismatch):
                continue
            nodes = body[start:]
            for end in range(start + 1, len(body)):
                later = names_in(body[end:]) if is_last else None
                shorter = verdict(part_of(body[start:end], visit, False, pull, later))
                if isinstance(shorter, Mismatch):
                    nodes, found = body[start:end], shorter
                    break
            blocks = blocks_of(nodes[0]) if len(nodes) == 1 else ()
            inside = (smallest(block, visits, False, pull) for block in blocks)
            return next((region for region in inside if region is not None), (nodes, found))
    return None


OURS = "This is an error in srcad: please report it, with this function."


def component(found: Mismatch) -> str:
    """By which variable a part is off, for some random adjoint of what it sets."""
    return f"By {found.component} it gives {found.by_srcad:.6g}, and differences give {found.by_differences:.6g}."


def shown(statement: Statement) -> str:
    return statement.code.lines[statement.node.lineno - 1].strip()


def called_from(callers: tuple[Statement, ...]) -> list[str]:
    return [f"It is run from {origin_of(s.code, [s.node])}: {shown(s)}" for s in reversed(callers)]


def origin_of(code: Code, nodes: list[ast.stmt]) -> Origin:
    first, last = nodes[0], nodes[-1]
    return Origin(code.listing, first.lineno, first.col_offset, last.end_lineno, last.end_col_offset)


def hint_for(statement: Statement, visit: Visit) -> str:
    """What to do about a statement whose adjoint is off: whose rule may it be?"""
    for call in (n for n in ast.walk(statement.node) if isinstance(n, ast.Call)):
        fun = meant(call.func, {**visit.names, **visit.variables})
        module = (getattr(fun, "__module__", None) or "numpy").partition(".")[0]
        if registry.find(fun) is not None and module not in ("numpy", "math", "builtins", "srcad", "_operator"):
            name = ast.unparse(call.func)
            given = ", ".join(ast.unparse(a) for a in call.args)
            return f"{name} has a rule of its own: check_rule({name}, {given}) tests it alone."
    return OURS


def meant(node: ast.AST, names: dict):
    """The object that a dotted name means; None where it is something else."""
    if isinstance(node, ast.Attribute):
        return getattr(meant(node.value, names), node.attr, None)
    return names.get(node.id) if isinstance(node, ast.Name) else None


__all__ = ["Blamed", "blame"]
