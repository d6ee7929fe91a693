"""Core as Python text.

`text` builds a Python `ast` tree and has astor write it. What astor leaves to its defaults (lines, strings, f-strings,
parameters, blank lines) is settled here, so that printing is deterministic and reads as written by hand.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from dataclasses import replace
from types import EllipsisType

from srcad.core import nodes as core

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # astor looks up ast.Num and other names that are going away
    from astor.code_gen import SourceGenerator, set_precedence
    from astor.op_util import Precedence


def text(node: core.Node | tuple[core.Stmt, ...]) -> str:
    """A function, a statement, a tuple of statements or an expression as Python, without a newline at the end.

    >>> x = core.Name("x")
    >>> text((-x) ** 2 - (x - 1))
    '(-x) ** 2 - (x - 1)'
    """
    writer = _Writer("    ")
    match node:
        case core.Expr():
            writer.write(_within(_expr(node), Precedence.NamedExpr))
        case core.Stmt():
            writer.write(_stmt(node))
        case core.Function():
            writer.write(_function(node))
        case tuple():
            writer.write(*map(_stmt, node))
        case _:
            writer.write(_part(node))
    return "".join(writer.result).strip("\n")


def headline(stmt: core.Stmt) -> str:
    """The first line of `stmt`: all of a simple statement, the header of a compound one.

    >>> headline(core.While(core.Name("c"), (core.Pass(),)))
    'while c:'
    """
    bodies = {name: () for name in ("body", "orelse", "handlers", "final") if hasattr(stmt, name)}
    if isinstance(stmt, core.Def):
        stmt = core.Def(replace(stmt.function, body=(), doc=None))
    return text(replace(stmt, **bodies)).partition("\n")[0]


BINARY = {
    "+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "%": ast.Mod, "**": ast.Pow,
    "@": ast.MatMult, "<<": ast.LShift, ">>": ast.RShift, "&": ast.BitAnd, "|": ast.BitOr, "^": ast.BitXor,
}  # fmt: skip
UNARY = {"neg": ast.USub, "pos": ast.UAdd, "~": ast.Invert, "not": ast.Not}
COMPARISON = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq, "is": ast.Is,
    "is not": ast.IsNot, "in": ast.In, "not in": ast.NotIn,
}  # fmt: skip
LOGICAL = {"and": ast.And, "or": ast.Or}
LOAD = ast.Load()


class _Remark(ast.stmt):
    """A comment, or any other line that is printed as it is."""

    _fields = ("line",)


def _within(node: ast.AST, precedence: int) -> ast.AST:
    """`node`, told how strongly its surroundings bind where astor would not tell it."""
    node._pp = precedence
    return node


def _item(expr: core.Expr) -> ast.expr:
    return _within(_expr(expr), Precedence.Comma)


def _expr(expr: core.Expr | None) -> ast.expr | None:
    match expr:
        case None:
            return None
        case core.Name(id=name) | core.Global(id=name) | core.Ref(text=name):
            return ast.Name(name, LOAD)
        case core.Const(value=value):
            return _constant(value)
        case core.Dot(args=(x, y)):
            return ast.Call(ast.Attribute(_expr(x), "dot", LOAD), [_expr(y)], [])
        case core.Op(op=op, args=(x, y)):
            return ast.BinOp(_expr(x), BINARY[op](), _expr(y))
        case core.Op(op=op, args=(x,)):
            return ast.UnaryOp(UNARY[op](), _expr(x))
        case core.Call():
            return ast.Call(_expr(expr.fn), _exprs(expr.args), [ast.keyword(k, _expr(v)) for k, v in expr.kwargs])
        case core.Attribute():
            return ast.Attribute(_expr(expr.value), expr.attr, LOAD)
        case core.Subscript():
            return ast.Subscript(_expr(expr.value), _index(expr.index), LOAD)
        case core.Tuple():
            return ast.Tuple(_exprs(expr.elts), LOAD)
        case core.List():
            return ast.List(_exprs(expr.elts), LOAD)
        case core.Compare(args=(first, *others)):
            return ast.Compare(_expr(first), [COMPARISON[op]() for op in expr.ops], _exprs(others))
        case core.Logical():
            return ast.BoolOp(LOGICAL[expr.op](), _exprs(expr.args))
        case core.IfExp():
            return ast.IfExp(_expr(expr.test), _expr(expr.body), _expr(expr.orelse))
        case core.Slice():
            return ast.Slice(_expr(expr.lower), _expr(expr.upper), _expr(expr.step))
        case core.Starred():
            return ast.Starred(_within(_expr(expr.value), Precedence.BitOr), LOAD)
        case core.Dict():
            return ast.Dict([_expr(k) for k in expr.keys], _exprs(expr.values))
        case core.Set():
            return ast.Set(_exprs(expr.elts))
        case core.Lambda(function=core.Function(params=params, body=(core.Return(value=value),))):
            return ast.Lambda(_arguments(params), _expr(value))
        case core.Walrus():
            return ast.NamedExpr(_expr(expr.target), _expr(expr.value))
        case core.FString():
            return ast.JoinedStr([_fstring_part(part) for part in expr.parts])
        case core.Comprehension():
            return _comprehension(expr)
    raise AssertionError(f"not an expression that can be printed: {expr!r}")


def _exprs(exprs) -> list[ast.expr]:
    return [_expr(e) for e in exprs]


def _constant(value) -> ast.expr:
    """A literal. Numbers that have none (negative, infinite, complex) become the expression that gives them."""
    match value:
        case bool() | None | str() | bytes() | EllipsisType():
            return ast.Constant(value)
        case int():
            return ast.Constant(int(value)) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-int(value)))
        case float():
            if math.isnan(value):
                return _call("float", ast.Constant("nan"))
            if math.copysign(1.0, value) < 0:
                return ast.UnaryOp(ast.USub(), _constant(-float(value)))
            return ast.Constant(float(value)) if math.isfinite(value) else _call("float", ast.Constant("inf"))
        case complex():
            return _complex(value.real, value.imag)
    raise AssertionError(f"not a literal: {value!r}")


def _call(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, LOAD), list(args), [])


def _complex(real: float, imag: float) -> ast.expr:
    negative = math.copysign(1.0, real) < 0, math.copysign(1.0, imag) < 0
    if real == 0 and negative[0] == negative[1] and math.isfinite(imag):
        literal = ast.Constant(complex(0.0, abs(imag)))
        return ast.UnaryOp(ast.USub(), literal) if negative[0] else literal
    lost = (real == 0 and negative[0]) or (imag == 0 and negative[1])  # a zero's sign, in a sum
    if lost or not (math.isfinite(real) and math.isfinite(imag)):
        return _call("complex", _constant(real), _constant(imag))
    return ast.BinOp(_constant(real), ast.Sub() if negative[1] else ast.Add(), ast.Constant(complex(0.0, abs(imag))))


def _index(index: core.Expr) -> ast.expr:
    result = _expr(index)
    if isinstance(result, ast.Tuple):
        starred = any(isinstance(e, ast.Starred) for e in result.elts)
        result.parenthesised = starred and not any(isinstance(e, ast.Slice) for e in result.elts)  # Python 3.10
    return result


def _comprehension(expr: core.Comprehension) -> ast.expr:
    clauses = [
        ast.comprehension(_expr(c.target), _expr(c.iter), _exprs(c.ifs), 0) for c in expr.clauses
    ]
    match expr:
        case core.Comprehension(style="dict", element=core.Tuple(elts=(key, value))):
            return ast.DictComp(_item(key), _item(value), clauses)
        case _:
            styles = {"list": ast.ListComp, "set": ast.SetComp, "generator": ast.GeneratorExp}
            return styles[expr.style](_item(expr.element), clauses)


def _fstring_part(part) -> ast.expr:
    if isinstance(part, str):
        return ast.Constant(part)
    value, conversion, spec = part
    return ast.FormattedValue(_within(_expr(value), Precedence.Or), ord(conversion) if conversion else -1, _expr(spec))


def _arguments(params: tuple[core.Param, ...]) -> ast.arguments:
    result = ast.arguments([], [], None, [], [], None, [])
    result.params = params
    return result


# ---------------------------------------------------------------------------------------------------------------
# Statements


def _stmt(stmt: core.Stmt) -> ast.stmt:
    match stmt:
        case core.Assign():
            return ast.Assign([_expr(stmt.target)], _expr(stmt.value))
        case core.AugAssign():
            return ast.AugAssign(_expr(stmt.target), BINARY[stmt.op](), _expr(stmt.value))
        case core.ExprStmt():
            return ast.Expr(_expr(stmt.value))
        case core.Return():
            return ast.Return(_expr(stmt.value))
        case core.Comment():
            return _Remark(("# " + stmt.text).rstrip().replace("\n", "\n# "))
        case core.If():
            return ast.If(_test(stmt.test), _body(stmt.body), _optional(stmt.orelse))
        case core.For():
            return ast.For(_expr(stmt.target), _for_iter(stmt.iter), _body(stmt.body), _optional(stmt.orelse))
        case core.While():
            return ast.While(_test(stmt.test), _body(stmt.body), _optional(stmt.orelse))
        case core.Pass():
            return ast.Pass()
        case core.Break():
            return ast.Break()
        case core.Continue():
            return ast.Continue()
        case core.Raise():
            return ast.Raise(*(None if e is None else _item(e) for e in (stmt.exc, stmt.cause)))
        case core.Assert():
            return ast.Assert(_expr(stmt.test), _expr(stmt.msg))
        case core.With():
            items = [ast.withitem(_item(e), None if t is None else _item(t)) for e, t in stmt.items]
            return ast.With(items, _body(stmt.body))
        case core.Try():
            return ast.Try(
                _body(stmt.body), [_part(h) for h in stmt.handlers], _optional(stmt.orelse), _optional(stmt.final)
            )
        case core.Def():
            return _function(stmt.function)
        case core.Delete():
            return ast.Delete(_exprs(stmt.targets))
        case core.Import():
            return _Remark(stmt.text)
    raise AssertionError(f"not a statement that can be printed: {stmt!r}")


def _body(stmts: tuple[core.Stmt, ...]) -> list[ast.stmt]:
    result = [_stmt(s) for s in stmts]
    return result if any(not isinstance(s, core.Comment) for s in stmts) else [*result, ast.Pass()]


def _optional(stmts: tuple[core.Stmt, ...]) -> list[ast.stmt]:
    return _body(stmts) if stmts else []


def _test(expr: core.Expr) -> ast.expr:
    result = _expr(expr)
    result.parenthesised = isinstance(result, ast.Tuple)
    return result


def _for_iter(expr: core.Expr) -> ast.expr:
    return _within(_expr(expr), Precedence.For)


def _part(node: core.Node) -> ast.AST:
    match node:
        case core.Handler():
            return ast.ExceptHandler(_expr(node.type), node.name, _body(node.body))
        case core.Param():
            return _arguments((node,))
        case core.Clause():
            return ast.comprehension(_expr(node.target), _expr(node.iter), _exprs(node.ifs), 0)
    raise AssertionError(f"not a node that can be printed: {node!r}")


def _function(function: core.Function) -> ast.stmt:
    result = ast.FunctionDef(function.name, _arguments(function.params), _body(function.body), [])
    if function.doc is not None and not function.body:
        result.body = []
    result.doc = function.doc
    return result


# ---------------------------------------------------------------------------------------------------------------
# Writing


class _Writer(SourceGenerator):
    """astor's writer, with the forms that it prints in another way, or wrongly in one of Python 3.10 to 3.13."""

    def visit__Remark(self, node):
        for line in node.line.split("\n"):
            self.newline()
            self.write(line)

    def visit_FunctionDef(self, node):
        self.statement(node, f"def {node.name}(")
        self.visit_arguments(node.args)
        self.write("):")
        self.indentation += 1
        if node.doc is not None:
            self.newline()
            self.write(_docstring(node.doc, "    " * self.indentation))
        self.write(*node.body)
        self.indentation -= 1

    def visit_arguments(self, node):
        styles = [p.style for p in node.params]
        for k, param in enumerate(node.params):
            if k:
                self.write(", ")
            if param.style == "keyword" and not {"star", "keyword"} & set(styles[:k]):
                self.write("*, ")
            self.write({"star": "*", "double star": "**"}.get(param.style, ""), param.id)
            if param.default is not None:
                self.write("=", _item(param.default))
            if param.style == "positional" and styles[k + 1 : k + 2] != ["positional"]:
                self.write(", /")

    def visit_Lambda(self, node):
        with self.delimit(node) as delimiters:
            set_precedence(delimiters.p, node.body)
            self.write("lambda " if node.args.params else "lambda")
            self.visit_arguments(node.args)
            self.write(": ", node.body)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            self.write(repr(node.value))
        else:
            super().visit_Constant(node)

    def visit_Tuple(self, node):
        if getattr(node, "parenthesised", False):
            node._pp = Precedence.highest
        super().visit_Tuple(node)

    def visit_Slice(self, node):
        set_precedence(Precedence.Comma, node.lower, node.upper, node.step)
        self.conditional_write(node.lower)
        self.write(":")
        self.conditional_write(node.upper)
        self.conditional_write(":", node.step)

    def visit_Dict(self, node):
        with self.delimit("{}"):
            for k, (key, value) in enumerate(zip(node.keys, node.values)):
                set_precedence(Precedence.Comma if key else Precedence.BitOr, key, value)
                self.write(", " if k else "", *((key, ": ") if key else ("**",)), value)

    def visit_ExceptHandler(self, node):
        self.statement(node, "except")
        if node.type is not None:
            self.write(" ", node.type)
        if node.name is not None:
            self.write(" as ", node.name)
        self.write(":")
        self.body(node.body)

    def visit_JoinedStr(self, node):
        self.write(_fstring(node))


def _docstring(doc: str, indent: str) -> str:
    lines = doc.split("\n")
    if not all(line.isprintable() for line in lines):
        return repr(doc)
    if lines[0][:1] == " " or (lines[1:] and all(line[:1] in ("", " ") for line in lines[1:])):
        lines = ["", *lines]  # the margin of a docstring is that of its lines but the first
    escaped = "\n".join([lines[0], *(indent + line if line.strip() else "" for line in lines[1:])])
    escaped = escaped.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    escaped = escaped[:-1] + '\\"' if escaped.endswith('"') else escaped
    return f'"""{escaped}"""' if len(lines) == 1 else f'"""{escaped}\n{indent}"""'


QUOTES = "'", '"', "'''", '"""'


def _fstring(node: ast.JoinedStr) -> str:
    """An f-string in quotes that its expressions do not use: before Python 3.12 they could not be used again."""
    pieces = list(_fstring_pieces(node))
    code = "".join(piece for is_code, piece in pieces if is_code)
    quote = next((q for q in QUOTES if q not in code and not code.endswith(q[0])), "'")
    return "f" + quote + "".join(piece if is_code else _escaped(piece, quote[0]) for is_code, piece in pieces) + quote


def _fstring_pieces(node: ast.JoinedStr):
    """The pieces of an f-string as (is it code, text)."""
    for value in node.values:
        if isinstance(value, ast.Constant):
            yield False, value.value.replace("{", "{{").replace("}", "}}")
            continue
        writer = _Writer("    ")
        writer.write(value.value)
        code = "".join(writer.result)
        yield True, "{" + (" " if code.startswith("{") else "") + code
        if value.conversion != -1:
            yield True, f"!{chr(value.conversion)}"
        if value.format_spec is not None:
            yield True, ":"
            yield from _fstring_pieces(value.format_spec)
        yield True, "}"


def _escaped(piece: str, quote: str) -> str:
    inside = repr("'\"" + piece)[4:-1]  # with both quotes present, repr escapes ' and leaves " as it is
    if quote == "'":
        return inside
    return re.sub(r"\\.|\"", lambda m: {"\\'": "'", '"': '\\"'}.get(m[0], m[0]), inside)
