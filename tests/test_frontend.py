# ruff: noqa - the programs are written in every way that Python allows
"""What is read of a function is what the function does."""

import collections
import contextlib
import dataclasses
import functools
import linecache
import math
import os
import pickle
import subprocess
import sys
import types

import numpy as np
import numpy.linalg as la
import pytest

from srcad.core import nodes as core
from srcad.core.check import check
from srcad.core.printer import text
from srcad.errors import SourceUnavailable, Unsupported
from srcad.frontend.lower import lower
from srcad.frontend.source import read

RATE = 0.5
TABLE = {"a": 1.0, "b": 2.0}


@dataclasses.dataclass
class Point:
    x: float
    y: float


class Loose:
    """Matched by attributes that it may not have."""

    __match_args__ = ("u",)

    def __init__(self, **values):
        self.__dict__.update(values)


def helper(u, scale=2.0, *rest, shift=0.0, **more):
    return u * scale + sum(rest) + shift + sum(more.values())


def references(function: core.Function) -> dict[str, object]:
    """What the bare names in a function's text stood for."""
    return {n.text: n.obj for n in core.walk(function) if isinstance(n, core.Ref) and "." not in n.text}


def printed(function) -> types.FunctionType:
    """The function that the printed text of `function` defines, in its namespace."""
    lowered = lower(read(function))
    check(lowered)
    shown = text(lowered)
    cells = zip(function.__code__.co_freevars, [c.cell_contents for c in function.__closure__ or ()])
    filename = f"<printed {len(linecache.cache)}>"
    linecache.cache[filename] = (len(shown), None, shown.splitlines(True), filename)
    namespace = {**function.__globals__, **dict(cells), **references(lowered)}
    exec(compile(shown, filename, "exec"), namespace)
    result = namespace[lowered.name]
    result.__defaults__, result.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return result


CORPUS = []


def program(*calls):
    """A function of the corpus, with the arguments of its calls."""

    def keep(function):
        CORPUS.append(pytest.param(function, calls, id=function.__name__))
        return function

    return keep


@program((1.0, 2.0), (-3.0, 0.5))
def operators(x, y):
    a = x + y - x * y / 2 // 1 % 3
    b = -(x**2) + (-x) ** 2 - +y
    c = 5 << 2 >> 1 & 7 | 8 ^ 3
    d = ~c
    return a, b, c, d, x < y <= 3 != 4, not x == y, x is not y, x in (1.0, 2), "a" not in TABLE


@program((np.arange(12.0).reshape(3, 4),))
def indices(a):
    i = [0, 2]
    return [a[1], a[-1, 1:], a[..., ::-1], a[None, 0], a[i], a[a > 3], a[:, :2:1], a[()], a[1, :][0], a.T[1:, -2]]


@program((np.arange(4.0),))
def writes(a):
    a = a.copy()
    b = a[1:]
    b[0] += 5
    a[0], a[-1] = a[-1], a[0]
    point = Point(1.0, 2.0)
    point.x *= 3
    total: float = 0.0
    unused: int
    c = d = e = a.sum()
    f, g = h = (c, d)
    a[2] = i = 7.0
    j = (j, k) = [1, 2]
    del total, d
    return a, b, point.x, c, e, f, g, h, i, j, k


@program(([1, (2, 3, 4), 5],))
def unpacking(items):
    a, (b, *c), d = items
    [e, f], *g = [(1, 2), 3]
    *h, i = (*c, *g, a)
    return {**TABLE, "c": a, **{"d": d}}, {*c, b}, [*h, i, e, f], (*g,)


@program((5,), (0,))
def loops(n):
    out = []
    for i, (p, q) in enumerate(zip(range(n), range(n, 0, -1))):
        if i == 1:
            continue
        elif i == 4:
            break
        out.append(p * q)
    else:
        out.append("no break")
    while n > 0:
        n -= 2
        if n == 1:
            break
    else:
        out.append(n)
    for key, value in TABLE.items():
        out.append((key, value))
    return out


@program((1.0,), (-1.0,), (None,))
def early_returns(x):
    if x is None:
        return
    if x > 0:
        return x
    return -x


@program((3,), (0,))
def expressions(n):
    values = [w := n + 1, w**2]
    chosen = "many" if n > 1 else "one" if n else "none"
    every = [(i, j) for i in range(n) for j in range(i) if i + j > 1 if j]
    sizes = {k: len(k) for k in TABLE} | {"n": n}
    odd = {i % 2 for i in range(n)}
    last = [last for last in range(n)]
    big = any((found := i) > 1 for i in range(n))
    total = sum(i * i for i in range(n))
    return values, chosen, every, sizes, odd, last, big, total, (found if n else None), n and -n or 1


@program((2.5, "it's"))
def strings(x, s):
    """A docstring
    on two lines.
    """
    width = 8
    return f"{x:>{width}.2f}|{s!r}|{{}}|{x=}|{TABLE['a']}|{s + 'q'}" + "tab\tjoined" + b"x".decode() + f"{x}{s}"


@program((2.0,))
def functions(x):
    def inner(a, /, b=RATE, *c, d=3, **e):
        "Doc of inner."
        return a + b * d + sum(c) + len(e)

    @functools.lru_cache(maxsize=None)
    @functools.wraps(helper)
    def decorated(k):
        return decorated(k - 1) * x if k else 1.0

    double = lambda t, *, by=2: t * by
    nothing = lambda: None
    keywords = {"shift": 1.0}
    args = (1.0, 2.0)
    return (
        inner(x) + inner(x, 1, 2, d=x, k=1) + decorated(3) + double(x, by=x) + helper(*args, x, **keywords, z=x),
        nothing(),
        functools.reduce(lambda a, b: a * b, [x, x, x]),
    )


@program((4.0,), (0.0,), (-1.0,))
def exceptions(x):
    log = []
    try:
        log.append(1 / x)
        assert x > 0, f"negative: {x}"
    except ZeroDivisionError:
        log.append("zero")
    except (AssertionError, ValueError) as error:
        log.append(str(error).splitlines()[0])  # pytest adds to the text of an assertion
        try:
            raise KeyError("k") from error
        except KeyError as other:
            log.append(type(other.__cause__).__name__)
    else:
        log.append("fine")
    finally:
        log.append("end")
    try:
        pass
    finally:
        log.append(x)
    try:
        raise ValueError
    except:
        log.append("bare")
    return log


@program((0.0,))
def contexts(x):
    with np.errstate(divide="ignore"), contextlib.nullcontext(x) as same, contextlib.nullcontext([x, 1]) as (a, b):
        y = np.float64(1.0) / same
    with contextlib.suppress(KeyError):
        raise KeyError
    return y, a, b


@program((1.0,))
def imports(x):
    import collections.abc as abc
    import os.path
    from math import cos as cosine
    from math import pi

    return cosine(x) * pi, os.path.join("a", "b"), isinstance([], abc.Sequence)


@program((3.0,))
def reads_outside(x):
    global RATE
    offset = 1.0

    def inner():
        nonlocal offset
        return offset + RATE

    return inner() * x + math.pi + np.e + la.norm([x]) + np.add.reduce([x, 1]) + TABLE["a"]


MATCHED = [
    *(0, 1, 2, -1, 1.5, True, None, "s", "text", b"s", (1, 2), [1, 2], [1, 2, 3], [], (5, [6, 7]), range(2)),
    *({"k": 1}, {"k": 2, "z": 3}, {}, Point(0.0, 1.0), Point(2.0, 2.0), Loose(u=4), Loose(v=5), math.inf, 1 + 2j),
    *(collections.deque([8, 9]), ["go", 1, 2], ["go"], np.arange(2.0), {"nested": [1, {"deep": 3}]}, (0, 0, 0)),
]


@program(*((value,) for value in MATCHED))
def patterns(value):
    match value:
        case 0:
            return "zero"
        case True:
            return "true"
        case None:
            return "none"
        case 1 | 2:
            return "small"
        case -1 | 1.5:
            return "literal"
        case math.inf:
            return "inf"
        case 1 + 2j:
            return "complex"
        case "s" | b"s":
            return "s"
        case str(text) if len(text) > 3:
            return text
        case ["go", *rest] if rest:
            return "go", rest
        case [a, [b, *c]]:
            return a, b, c
        case (0, *_, 0):
            return "zeros"
        case [1, x] | [1, x, _]:
            return "one", x
        case [] | ["go"]:
            return "empty"
        case {"k": 1}:
            return "k1"
        case {"nested": [_, {"deep": deep}]}:
            return deep
        case {"k": k, **rest}:
            return k, rest
        case {}:
            return "mapping"
        case Point(0.0, y=y):
            return "origin", y
        case Point(x, y) as point if x == y:
            return x, point
        case Loose(u):
            return u
        case Loose(v=v):
            return v
        case [first, *middle] as everything:
            return first, middle, everything
    return "nothing", type(value)


@program((1.0, [2.0, 3.0]), (5.0, []), (1.0, (2.0, 7.0)))
def match_binds_before_the_guard(x, value):
    b = "old"
    match value:
        case [x, b] if b > 5:
            first = "guarded"
        case _ if x > 4:
            first = "large"
        case other:
            first = other
    match value:
        case [value, x]:
            second = value, x
        case whole if (length := len(whole)) == 0:
            second = length
    return first, second, x, b


@program(([1, 2],), ((),))
def match_where_the_names_it_needs_are_taken(items):
    list, Sequence = 3, "local"
    match items:
        case [a, *rest]:
            return a, rest, list
        case _:
            return Sequence


@program((2,), (3,))
def match_evaluates_its_subject_once(n):
    calls = []

    def subject():
        calls.append(n)
        return n

    match subject():
        case 1:
            r = "one"
        case 2:
            r = "two"
        case k:
            r = k
    match n, r:
        case (2, "two"):
            r = "both"
    return r, calls


def outcome(function, args):
    try:
        return repr(function(*args))
    except Exception as error:
        return repr(error)


@pytest.mark.parametrize("function, calls", CORPUS)
def test_the_printed_text_does_what_the_function_does(function, calls):
    for args in calls:
        assert outcome(printed(function), args) == outcome(function, args)


@pytest.mark.parametrize("function, calls", CORPUS)
def test_the_printed_text_lowers_to_itself(function, calls):
    assert text(lower(read(printed(function)))) == text(lower(read(function)))


@pytest.mark.parametrize("function, calls", CORPUS)
def test_every_node_has_its_place(function, calls):
    lowered = lower(read(function))
    first = function.__code__.co_firstlineno
    for node in core.walk(lowered):
        assert node.at is not None, node
        assert first <= node.at.line <= node.at.end_line <= first + 80


def test_a_place_is_the_text_of_the_construct():
    def f(x):
        é = "é"
        y = np.sin(x) + RATE
        return y

    call = next(n for n in core.walk(lower(read(f))) if isinstance(n, core.Call))
    line = call.at.source.lines[call.at.line - 1].encode()
    assert line[call.at.column : call.at.end_column].decode() == "np.sin(x)"


# Lowered forms


def lines_of(function):
    return text(lower(read(function))).splitlines()[1:]


def test_a_chained_assignment_evaluates_once():
    def f(x):
        a = b = np.sin(x)
        a[0] = c = b
        return c

    assert lines_of(f) == [
        "    a = np.sin(x)", "    b = a", "    value = b", "    a[0] = value", "    c = value", "    return c"
    ]  # fmt: skip


def test_annotations_are_dropped():
    def f(x: float) -> float:
        y: float = x
        z: int
        return y

    assert text(lower(read(f))) == "def f(x):\n    y = x\n    return y"


def test_a_match_prints_as_ifs():
    def f(s):
        match s:
            case Point(x=0.0, y=y):
                return y
            case (a, *rest) if a:
                return rest
            case _:
                return 0.0

    assert lines_of(f) == [
        "    if isinstance(s, Point) and s.x == 0.0:",
        "        y = s.y",
        "        return y",
        "    else:",
        "        taken = False",
        "        if isinstance(s, Sequence) and not isinstance(s, (str, bytes, bytearray)) and len(s) >= 1:",
        "            a = s[0]",
        "            rest = list(s)[1:]",
        "            taken = a",
        "        if taken:",
        "            return rest",
        "        else:",
        "            return 0.0",
    ]


def test_fresh_names_do_not_clash():
    def f(value, value_1):
        value[0] = a = 1.0
        return a

    assert lines_of(f)[0] == "    value_2 = 1.0"


# Names


def reference_in(function, kind=core.Ref):
    """The references of a function's text, as (text, what they are)."""
    return {n.text if kind is core.Ref else n.id: n for n in core.walk(lower(read(function))) if type(n) is kind}


def test_attributes_of_modules_and_functions_are_one_reference():
    def f(x):
        return np.linalg.inv(x) + np.add.reduce(x) + np.pi + la.norm(x) + x.sum() + os.path.sep

    found = reference_in(f)
    assert found["np.linalg.inv"].obj is np.linalg.inv
    assert found["np.add.reduce"].obj == np.add.reduce
    assert found["np.pi"].obj == np.pi
    assert found["la.norm"].obj is la.norm
    assert set(found) == {"np.linalg.inv", "np.add.reduce", "np.pi", "la.norm", "os.path"}


def test_data_outside_is_read_anew():
    weights = np.ones(3)
    square = lambda t: t * t

    def f(x):
        return square(x) * RATE + weights.sum() + TABLE["a"] + abs(x) + undefined(x)

    assert set(reference_in(f, core.Global)) == {"RATE", "weights", "TABLE", "undefined"}
    assert set(reference_in(f)) == {"square", "abs"}


def test_local_names_hide_those_outside():
    def f(np, RATE=2.0):
        sum = np + RATE
        return [abs for abs in [sum]], abs(sum)

    assert set(reference_in(f)) == {"abs"}
    assert not reference_in(f, core.Global)


def test_a_module_imported_inside_is_known():
    def f(x):
        import numpy as anp
        from numpy import linalg

        return anp.sin(x) + linalg.det(x)

    assert {k: v.obj for k, v in reference_in(f).items()} == {"anp.sin": np.sin, "linalg.det": np.linalg.det}


class Layer:
    def __init__(self, w):
        self.__w = w

    def apply(self, x):
        return self.__w * x


class Shifted(Layer):
    def apply(self, x):
        return super().apply(x) + self._Layer__w


def test_private_attributes_and_super_work_outside_of_the_class():
    for method in (Layer.apply, Shifted.apply):
        assert printed(method)(Shifted(2.0), 3.0) == method(Shifted(2.0), 3.0)


# Reading


def test_lambdas_on_one_line_are_told_apart():
    functions = [lambda x: x + 1, lambda x: x + 2, lambda x: x + 1.0, lambda x, y=1: (lambda z: z * y)(x), lambda: 0]
    for function in functions:
        assert printed(function).__code__.co_consts == printed(function).__code__.co_consts
        args = (3,) * min(function.__code__.co_argcount, 1)
        assert repr(printed(function)(*args)) == repr(function(*args))


def test_lambdas_in_calls_over_several_lines():
    def apply(*functions):
        return functions

    two = 2
    functions = apply(
        lambda x: x
        + 1,
        (lambda x: [
            x * two]), lambda x: x if x > 0 else -x,
        {"k": lambda x: x**2}["k"],
    )  # fmt: skip
    for function in functions:
        assert printed(function)(-3) == function(-3)


def test_a_lambda_that_is_decorated_or_a_default():
    def f(g=lambda x: x - 1, *, h=(lambda x: x - 2)):
        return g, h

    for function in f():
        assert printed(function)(1.0) == function(1.0)


def test_methods_and_static_methods():
    class C:
        """Of one line."""

        @staticmethod
        def s(x):
            return x * 2

        @classmethod
        def c(cls, x):
            return x * 3

        def m(self, x):
            return x * 4

    assert text(lower(read(C.__dict__["s"]))) == "def s(x):\n    return x * 2"
    assert text(lower(read(C.__dict__["c"]))) == "def c(cls, x):\n    return x * 3"
    assert text(lower(read(C().m))) == "def m(self, x):\n    return x * 4"


def test_a_block_with_text_at_the_margin():
    def f(x):
        s = """
at the margin
"""
        # a comment at the margin
        y = x + 1
        return (
            y,
            s,
            """
""",
        )

    assert printed(f)(1) == f(1)


def test_decorators_are_no_part_of_the_tree():
    @functools.lru_cache(
        maxsize=None,
    )
    def f(x):
        return x

    assert text(lower(read(f.__wrapped__))) == "def f(x):\n    return x"


def define(path, source, name):
    """Runs `source` as the module `name` at `path`, as an import would."""
    path.write_text(source)
    namespace = {"__name__": name}
    exec(compile(source, str(path), "exec"), namespace)
    return namespace


def test_a_function_edited_since_is_refused(tmp_path):
    path = tmp_path / "model.py"
    f = define(path, "def f(x):\n    return 2.0 * x\n", "model")["f"]
    assert text(lower(read(f))) == "def f(x):\n    return 2.0 * x"
    path.write_text("def f(x):\n    return 3.0 * x\n")
    os.utime(path, (1, 1))
    with pytest.raises(SourceUnavailable, match="has changed"):
        read(f)


def test_a_function_that_moved_is_found(tmp_path):
    path = tmp_path / "model.py"
    source = "import numpy as np\n\ndef f(x):\n    return np.sin(x)\n"
    f = define(path, source, "model")["f"]
    path.write_text("'''Doc.'''\nimport math\n\n" + source)
    os.utime(path, (1, 1))
    found = read(f)
    assert found.tree.lineno == 6
    assert text(lower(found)) == "def f(x):\n    return np.sin(x)"


def test_a_file_that_no_longer_parses_is_refused(tmp_path):
    path = tmp_path / "model.py"
    f = define(path, "def f(x):\n    return x\n", "model")["f"]
    path.write_text("def f(x:\n")
    os.utime(path, (1, 1))
    with pytest.raises(SourceUnavailable, match="has changed"):
        read(f)


def test_text_run_by_exec_is_unavailable_but_for_linecache():
    namespace = {}
    exec("def f(x):\n    return x", namespace)
    with pytest.raises(SourceUnavailable, match=r"made in '<string>'|no longer the text"):
        read(namespace["f"])


def test_what_is_no_python_function_is_refused():
    for thing in (np.sin, len, math.cos, 3, Point):
        with pytest.raises(SourceUnavailable, match="not a Python function"):
            read(thing)


def test_a_function_run_by_doctest_or_stdin_is_read_or_refused():
    code = "from srcad.frontend.source import read\ndef f(x):\n    return x\nread(f)"
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True)
    assert "SourceUnavailable" in done.stderr


def test_reading_is_quick_in_a_large_file(tmp_path):
    source = "import numpy as np\n" + "\n".join(f"def f{k}(x):\n    return np.sin(x) * {k}\n" for k in range(2000))
    functions = define(tmp_path / "large.py", source, "large")
    assert text(lower(read(functions["f1500"]))) == "def f1500(x):\n    return np.sin(x) * 1500"


# What is refused


def refusal(function) -> Unsupported:
    with pytest.raises(Unsupported) as caught:
        lower(read(function))
    return caught.value


COUNT = 0


def test_generators_coroutines_and_classes_are_refused():
    def f(x):
        class Inner:
            pass

        async def g():
            async with x as a:
                await a
            async for b in x:
                pass
            return [c async for c in x]

        def h():
            x = yield 1
            x = yield from x

        return Inner, g, h

    messages = [p.message for p in refusal(f).problems]
    assert messages == [
        "a class defined inside a function is not supported",
        "an async function is not supported",
        "async with is not supported",
        "await is not supported",
        "async for is not supported",
        "an async comprehension is not supported",
        "yield is not supported",
        "yield from is not supported",
    ]


def test_writes_of_variables_outside_are_refused():
    total = 0.0

    def f(x):
        nonlocal total
        total += x

        def add():
            return total

        global COUNT
        COUNT = add()
        return total

    assert [p.message for p in refusal(f).problems] == [
        "total is a nonlocal variable, and is written here",
        "COUNT is a global variable, and is written here",
    ]


def test_readers_of_frames_are_refused():
    def f(x):
        y = eval("x + 1")
        exec("y = 2")
        return locals(), vars(), dir(), vars(x), y

    assert [p.message.split("(")[0] for p in refusal(f).problems] == ["eval", "exec", "locals", "vars", "dir"]


def test_positional_patterns_of_unknown_classes_are_refused():
    def f(x, cls):
        match x:
            case cls(a):
                return a

    assert "__match_args__" in refusal(f).message


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* is Python 3.11")
def test_exception_groups_are_refused(tmp_path):
    source = "def f(x):\n    try:\n        return x\n    except* ValueError:\n        pass\n    return 0\n"
    source = source.replace("        return x\n", "        x = 1\n")
    f = define(tmp_path / "groups.py", source, "groups")["f"]
    assert refusal(f).message == "except* is not supported"


def test_a_refusal_can_be_pickled():
    def f(x):
        x = yield x

    error = pickle.loads(pickle.dumps(refusal(f)))
    assert str(error) == str(refusal(f))


# Well-formed core


@pytest.mark.parametrize(
    "stmts, message",
    [
        ((core.Break(),), "break outside of a loop"),
        ((core.Return(core.Name("x")),), "x is read but never bound: return x"),
        ((core.Assign(core.Const(1), core.Const(2)),), "a Const cannot be assigned to: 1 = 2"),
        ((core.Return(core.Op("neg", (core.Const(1), core.Const(2)))),), "not an operator of 2 operands: 'neg'"),
        ((core.ExprStmt(core.Slice(None, None, None)), core.If(core.Const(1), [])), "a body is a list, not a tuple"),
    ],
)
def test_ill_formed_core_is_told(stmts, message):
    with pytest.raises(AssertionError) as caught:
        check(core.Function("f", (), stmts))
    assert f"in f: {message}" in str(caught.value)


def test_names_of_the_surroundings_are_bound():
    check(core.Function("f", (), (core.Return(core.Name("x")),)), bound={"x"})
