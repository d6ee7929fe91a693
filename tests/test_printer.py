"""Core prints as Python that means the same."""

import ast
import linecache
import math
import warnings

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from srcad.core import nodes as core
from srcad.core.check import check
from srcad.core.printer import BINARY, COMPARISON, UNARY, headline, text
from srcad.frontend.lower import lower
from srcad.frontend.source import read

x, y, z = map(core.Name, "xyz")


def function_of(source: str, **names):
    """The function that `source` defines, with its text known to linecache."""
    filename = f"<test {len(linecache.cache)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    namespace = {"__name__": "test", **names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # (1)(2) and the like
        exec(compile(source, filename, "exec"), namespace)  # noqa: S102
    name = next(node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return namespace[name]


def read_back(expr: core.Expr) -> core.Expr:
    function = lower(read(function_of(f"def f(a, x, y, z):\n    return {text(expr)}\n")))
    check(function)
    return function.body[0].value


def call(fn, *args, **kwargs):
    return core.Call(fn, args, tuple(kwargs.items()))


def lambda_of(value, *params):
    return core.Lambda(core.Function("<lambda>", params, (core.Return(value),)))


def generator(style, element, target, items, *ifs):
    return core.Comprehension(style, element, (core.Clause(target, items, ifs),))


PRINTED = {
    "(-x) ** 2": (-x) ** 2,
    "-x ** 2": -(x**2),
    "2 ** -x": core.Op("**", (core.Const(2), -x)),
    "x ** y ** z": x ** (y**z),
    "(x ** y) ** z": (x**y) ** z,
    "x - (y - z)": x - (y - z),
    "x - y - z": x - y - z,
    "x + y * z - x / y": x + y * z - x / y,
    "(x + y) * z": (x + y) * z,
    "x @ (y @ z)": x @ (y @ z),
    "--x": -(-x),  # noqa: B002
    "x - -1": x - core.Const(-1),
    "(-1) ** 2": core.Const(-1) ** 2,
    "(-1.5).real": core.Attribute(core.Const(-1.5), "real"),
    "(1).real": core.Attribute(core.Const(1), "real"),
    "x[-1]": x[core.Const(-1)],
    "x[..., 1:, None]": x[..., slice(1, None), None],
    "x[::2, ::-1]": x[slice(None, None, 2), slice(None, None, -1)],
    "x[()]": x[()],
    "x[y,]": x[(y,)],
    "x[(y, z)[0]:]": x[slice(core.Tuple((y, z))[0], None)],
    "x[(y, z):]": x[slice(core.Tuple((y, z)), None)],
    "x[(*y, 1)]": x[core.Starred(y), 1],
    "(x,)": core.Tuple((x,)),
    "()": core.Tuple(()),
    "[*x, *y | z]": core.List((core.Starred(x), core.Starred(y | z))),
    "(x < y) == z": (x < y) == z,
    "x < y <= z": core.Compare(("<", "<="), (x, y, z)),
    "(not x) in y": core.Compare(("in",), (core.Op("not", (x,)), y)),
    "not x in y": core.Op("not", (core.Compare(("in",), (x, y)),)),
    "not x is not y": core.Op("not", (core.Compare(("is not",), (x, y)),)),
    "(x or y) and z": core.Logical("and", (core.Logical("or", (x, y)), z)),
    "x or y and z": core.Logical("or", (x, core.Logical("and", (y, z)))),
    "(x if y else z) + 1": core.IfExp(y, x, z) + 1,
    "(x if y else z) if z else y if x else z": core.IfExp(z, core.IfExp(y, x, z), core.IfExp(x, y, z)),
    "(lambda: x)()": call(lambda_of(x)),
    "(lambda: x) if y else lambda a: z": core.IfExp(y, lambda_of(x), lambda_of(z, core.Param("a"))),
    "lambda a, /, b=1, *c, d, e=(1, 2), **f: a if b else c": lambda_of(
        core.IfExp(core.Name("b"), core.Name("a"), core.Name("c")),
        core.Param("a", "positional"),
        core.Param("b", default=core.Const(1)),
        core.Param("c", "star"),
        core.Param("d", "keyword"),
        core.Param("e", "keyword", core.lift((1, 2))),
        core.Param("f", "double star"),
    ),
    "lambda *, a: a": lambda_of(core.Name("a"), core.Param("a", "keyword")),
    "lambda a, b, /: a": lambda_of(core.Name("a"), core.Param("a", "positional"), core.Param("b", "positional")),
    "(a := x) + y": core.Walrus(core.Name("a"), x) + y,
    "x(y, *z, a=(1, 2), **y)": core.Call(x, (y, core.Starred(z)), (("a", core.lift((1, 2))), (None, y))),
    "x(a for a in y)": call(x, generator("generator", core.Name("a"), core.Name("a"), y)),
    "x((a for a in y), z)": call(x, generator("generator", core.Name("a"), core.Name("a"), y), z),
    "[a + b for a, b in x if a if b or a]": core.Comprehension(
        "list",
        core.Name("a") + core.Name("b"),
        (
            core.Clause(
                core.lift((core.Name("a"), core.Name("b"))),
                x,
                (core.Name("a"), core.Logical("or", (core.Name("b"), core.Name("a")))),
            ),
        ),
    ),
    "[(a, 1) for a in (x if y else z)]": generator(
        "list", core.lift((core.Name("a"), 1)), core.Name("a"), core.IfExp(y, x, z)
    ),
    "{a: -a for a in x}": generator("dict", core.lift((core.Name("a"), -core.Name("a"))), core.Name("a"), x),
    "{a * 2 for a in x}": generator("set", core.Name("a") * 2, core.Name("a"), x),
    "{'k': x, **y, **(y or z)}": core.Dict((core.Const("k"), None, None), (x, y, core.Logical("or", (y, z)))),
    "{x, 1}": core.Set((x, core.Const(1))),
    "'it\\'s \"so\"\\n'": core.Const('it\'s "so"\n'),
    "b'\\x00'": core.Const(b"\0"),
    "f'{x!r:>{y}} {{z}}'": core.FString(((x, "r", core.FString((">", (y, None, None)))), " {z}")),
    "f\"{x['k']}\\n\"": core.FString(((x["k"], None, None), "\n")),
    "f'{ {1: x}[1]}'": core.FString(((core.Dict((core.Const(1),), (x,))[1], None, None),)),
    "f'{(lambda: x)}{(x if y else z)}'": core.FString(((lambda_of(x), None, None), (core.IfExp(y, x, z), None, None))),
    "2.5j": core.Const(2.5j),
    "-2.0j": core.Const(-2j),
    "(1.0 + 2.0j) * x": core.Const(1 + 2j) * x,
    "float('inf')": core.Const(math.inf),
    "-float('inf')": core.Const(-math.inf),
    "complex(-0.0, float('nan'))": core.Const(complex(-0.0, math.nan)),
    "1e+300": core.Const(1e300),
}


@pytest.mark.parametrize("expected", PRINTED)
def test_an_expression_prints_with_the_parentheses_it_needs(expected):
    assert text(PRINTED[expected]) == expected
    ast.parse(expected)


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 10**30, 0.0, -0.0, 1e-300, -1.5, math.inf, -math.inf, math.nan),
        *(1 + 2j, -1 + 2j, 1 - 2j, 0 - 2j, -2j, 2j, complex(-0.0, 1), complex(math.inf, -1), complex(1.0, -0.0)),
        *(True, None, ..., "", "a'b\"\\n", b"x", "é\t\u2028"),
    ],
)
def test_a_literal_evaluates_to_itself(value):
    result = eval(text(core.Const(value)), {})
    assert type(result) is type(value)
    assert repr(result) == repr(value)


# Random expressions: what is printed parses to the same tree, and evaluates to the same value

NAMES = st.sampled_from([x, y, z])
LITERALS = st.builds(
    core.Const,
    st.one_of(
        st.integers(0, 99),
        st.floats(0, 1e3, allow_nan=False),
        st.text(max_size=3),
        st.sampled_from([None, True, ..., b"b", 1j]),
    ),
)


def tuples_of(items, low=0, high=3):
    return st.lists(items, min_size=low, max_size=high).map(tuple)


def operators(inner):
    return st.one_of(
        st.builds(lambda op, a, b: core.Op(op, (a, b)), st.sampled_from(sorted(BINARY)), inner, inner),
        st.builds(lambda op, a: core.Op(op, (a,)), st.sampled_from(sorted(UNARY)), inner),
        st.builds(
            lambda ops, args: core.Compare(tuple(ops), tuple(args[: len(ops) + 1])),
            st.lists(st.sampled_from(sorted(COMPARISON)), min_size=1, max_size=2),
            st.lists(inner, min_size=3, max_size=3),
        ),
        st.builds(core.Logical, st.sampled_from(["and", "or"]), tuples_of(inner, 2, 3)),
        st.builds(core.IfExp, inner, inner, inner),
    )


def forms(inner):
    a = core.Name("a")
    starred = st.one_of(inner, st.builds(core.Starred, inner))
    optional = st.one_of(st.none(), inner)
    slices = st.builds(core.Slice, optional, optional, optional)
    indices = tuples_of(st.one_of(inner, slices)).map(core.Tuple)
    clauses = tuples_of(
        st.builds(core.Clause, st.sampled_from([a, core.Tuple((a,))]), inner, tuples_of(inner, 0, 2)), 1, 2
    )
    params = st.sampled_from(
        [(), (core.Param("a"),), (core.Param("a", default=core.Const(1)), core.Param("b", "star"))]
    )
    keywords = tuples_of(st.tuples(st.sampled_from([None, "key"]), inner), 0, 1)
    return st.one_of(
        operators(inner),
        operators(inner),
        st.builds(core.Attribute, inner, st.just("real")),
        st.builds(core.Subscript, inner, st.one_of(inner, slices, indices)),
        st.builds(core.Tuple, tuples_of(starred)),
        st.builds(core.List, tuples_of(starred)),
        st.builds(core.Set, tuples_of(starred, 1)),
        st.lists(st.tuples(optional, inner), max_size=2).map(
            lambda pairs: core.Dict(tuple(k for k, _ in pairs), tuple(v for _, v in pairs))
        ),
        st.builds(core.Call, inner, tuples_of(starred, 0, 2), keywords),
        st.builds(core.Walrus, st.just(a), inner),
        st.builds(core.Comprehension, st.sampled_from(["list", "set", "generator"]), inner, clauses),
        st.builds(lambda k, v, c: core.Comprehension("dict", core.Tuple((k, v)), c), inner, inner, clauses),
        st.builds(lambda p, v: core.Lambda(core.Function("<lambda>", p, (core.Return(v),))), params, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, LITERALS), forms, max_leaves=12)


def is_python(expr):
    """A walrus inside of a comprehension is forbidden in places, and so is one that binds its variable."""
    return not any(
        isinstance(node, core.Comprehension) and any(isinstance(n, core.Walrus) for n in core.walk(node))
        for node in core.walk(expr)
    )


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(EXPRESSIONS.filter(is_python))
@example(core.Subscript(x, core.Tuple((core.Starred(y), core.Tuple((x,))))))
def test_what_is_printed_reads_back_as_the_same_tree(expr):
    assert repr(read_back(expr)) == repr(expr)


class Traced:
    """A value whose operations are recorded, with all their parentheses; its truth is arbitrary, but fixed."""

    def __init__(self, record):
        self.record = record

    def __bool__(self):
        return len(self.record) % 2 == 0


METHODS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "lshift": "<<", "rshift": ">>", "and": "&", "or": "|", "xor": "^", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "eq": "==", "ne": "!=",
}  # fmt: skip
for _method, _op in METHODS.items():
    setattr(Traced, f"__{_method}__", lambda a, b, op=_op: Traced(f"({a.record} {op} {b.record})"))
for _method, _op in {"neg": "neg", "pos": "pos", "invert": "~"}.items():
    setattr(Traced, f"__{_method}__", lambda a, op=_op: Traced(f"({op} {a.record})"))


def value_of(expr, names):
    """The value of operators on traced names, computed on the tree."""
    match expr:
        case core.Name(id=name):
            return names[name]
        case core.Op(op=op, args=(a,)):
            return Traced(f"({op} {value_of(a, names).record})")
        case core.Op(op=op, args=(a, b)):
            return Traced(f"({value_of(a, names).record} {op} {value_of(b, names).record})")
        case core.Compare(ops=ops, args=(first, *others)):
            left = value_of(first, names)
            for op, other in zip(ops, others):
                right = value_of(other, names)
                result = Traced(f"({left.record} {op} {right.record})")
                if not result:
                    break
                left = right
            return result
        case core.Logical(op=op, args=args):
            for arg in args:
                result = value_of(arg, names)
                if bool(result) == (op == "or"):
                    break
            return result
        case core.IfExp(test=test, body=body, orelse=orelse):
            return value_of(body if value_of(test, names) else orelse, names)


def is_traceable(expr):
    """Python answers `not`, `is` and `in` itself, with a bool."""
    ops = {op for node in core.walk(expr) if isinstance(node, core.Compare) for op in node.ops}
    ops |= {node.op for node in core.walk(expr) if isinstance(node, core.Op)}
    return not ops & {"not", "is", "is not", "in", "not in"}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.recursive(NAMES, operators, max_leaves=14).filter(is_traceable))
def test_what_is_printed_evaluates_as_the_tree_does(expr):
    names = {name: Traced(name) for name in "xyz"}
    assert eval(text(expr), {}, names).record == value_of(expr, names).record


FORMATTED = st.sampled_from([x, x["k"], call(y, core.Const("it's")), core.Const('"'), core.Const("'")])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=6), FORMATTED), max_size=3))
def test_an_fstring_evaluates_to_its_parts(pieces):
    parts = tuple(part for literal, value in pieces for part in (literal, (value, None, None)))
    names = {"x": {"k": 1}, "y": len}
    expected = "".join(literal + str(eval(text(value), {}, names)) for literal, value in pieces)
    assert eval(text(core.FString(parts)), {}, names) == expected


# Statements


def body_of(*stmts):
    return core.Function("f", (), stmts)


def test_a_body_of_comments_gets_a_pass():
    assert text(core.If(x, (core.Comment("nothing"),))) == "if x:\n    # nothing\n    pass"


def test_an_else_with_a_comment_is_no_elif():
    inner = core.If(y, (core.Pass(),))
    assert text(core.If(x, (core.Pass(),), (core.Comment("why"), inner))).splitlines()[2:4] == ["else:", "    # why"]


def test_a_nested_function_stands_without_blank_lines():
    inner = core.Function("g", (core.Param("a"),), (core.Return(core.Name("a")),))
    assert text(body_of(core.Def(inner), core.Return(core.Const(None)))) == (
        "def f():\n    def g(a):\n        return a\n    return None"
    )


@pytest.mark.parametrize(
    "doc",
    [
        'Ends with "quotes"',
        'A \\ and """.\n\nMore "',
        "One\n    indented\n\nand back",
        "tab\there",
        "",
        '"',
        "é",
        " a\nb",
        "a\n  b",
    ],
)
def test_a_docstring_reads_back(doc):
    shown = text(core.Function("f", (), (core.Pass(),), doc))
    assert lower(read(function_of(shown))).doc == doc.expandtabs()
    assert text(lower(read(function_of(shown)))) == text(core.Function("f", (), (core.Pass(),), doc.expandtabs()))


def test_a_long_line_is_not_wrapped():
    total = x
    for _ in range(100):
        total = total + call(y, core.Const("text"))
    assert "\n" not in text(core.Assign(z, total))


def test_a_headline_is_the_statement_without_its_body():
    assert headline(core.For(x, y, (core.Pass(),), (core.Pass(),))) == "for x in y:"
    assert headline(core.Assign(x, y)) == "x = y"
    assert headline(core.Def(core.Function("g", (core.Param("a"),), (core.Return(x),), "Doc."))) == "def g(a):"
    assert headline(core.Try((core.Pass(),), (), (), (core.Pass(),))) == "try:"


def test_tuples_lose_their_parentheses_where_python_lets_them():
    pair = core.Tuple((x, y))
    assert text(core.Return(pair)) == "return x, y"
    assert text(core.Assign(pair, core.Tuple((y, pair)))) == "x, y = y, (x, y)"
    assert text(core.For(pair, pair, (core.Pass(),))).startswith("for x, y in x, y:")
    assert text(core.If(pair, (core.Pass(),))).startswith("if (x, y):")
    assert text(core.Assert(pair, pair)) == "assert (x, y), (x, y)"


def test_importing_the_printer_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (1, "s", None, ..., b"b", 1.5, 2j):
            text(core.Return(core.Const(value)))
        text(core.ExprStmt(core.FString(("a", (x, None, None)))))
