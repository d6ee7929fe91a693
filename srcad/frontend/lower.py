"""A syntax tree as core: every expression and statement of Python that srcad knows, and the refusal of the others.

    total: float = 0.0          →    total = 0.0
    a = b = np.sin(x)           →    a = np.sin(x);  b = a
    match n: case 0: ...        →    if n == 0: ...
"""

from __future__ import annotations

import builtins
import importlib.util
import inspect
import sys
import types

import gast

from srcad.core import nodes as core
from srcad.core.names import fresh
from srcad.errors import Listing, Origin, Unsupported
from srcad.frontend import patterns
from srcad.frontend.alternatives import with_alternatives_named
from srcad.frontend.nonlocals import without_nonlocals
from srcad.frontend.resolve import (
    Namespace,
    attribute,
    bindings,
    comprehension_names,
    is_code,
    own_nodes,
    parameters,
)
from srcad.frontend.source import Source

BINARY = {
    gast.Add: "+", gast.Sub: "-", gast.Mult: "*", gast.Div: "/", gast.FloorDiv: "//", gast.Mod: "%", gast.Pow: "**",
    gast.MatMult: "@", gast.LShift: "<<", gast.RShift: ">>", gast.BitAnd: "&", gast.BitOr: "|", gast.BitXor: "^",
}  # fmt: skip
UNARY = {gast.USub: "neg", gast.UAdd: "pos", gast.Invert: "~", gast.Not: "not"}
COMPARISON = {
    gast.Lt: "<", gast.LtE: "<=", gast.Gt: ">", gast.GtE: ">=", gast.Eq: "==", gast.NotEq: "!=", gast.Is: "is",
    gast.IsNot: "is not", gast.In: "in", gast.NotIn: "not in",
}  # fmt: skip
LOGICAL = {gast.And: "and", gast.Or: "or"}
STYLES = {gast.ListComp: "list", gast.SetComp: "set", gast.DictComp: "dict", gast.GeneratorExp: "generator"}

REFUSED = {
    gast.Yield: ("yield", "Collect the values in a list and return it, or use a generator expression."),
    gast.YieldFrom: ("yield from", "Collect the values in a list and return it, or use a generator expression."),
    gast.Await: ("await", "Await outside, and pass the value in as an argument."),
    gast.AsyncFunctionDef: ("an async function", "Write it with def; await outside, and pass the values in."),
    gast.AsyncFor: ("async for", "Collect the items outside, and pass them in as a list."),
    gast.AsyncWith: ("async with", "Enter the context outside of the function."),
    gast.ClassDef: ("a class defined inside a function", "Define the class at the top level of the module."),
    gast.TryStar: ("except*", "Use plain except clauses."),
    gast.TypeAlias: ("a type statement inside a function", "Define the type at the top level of the module."),
}
"""What is not differentiated: how it is called, and what to write instead."""

FRAME_READERS = {
    "eval": "Write the expression itself.",
    "exec": "Write the statements themselves, or call a function.",
    "locals": "Name the variables that are needed, or keep them in a dict of your own.",
    "globals": "Write the names of the global variables.",
    "vars": "vars() without an argument reads the frame: name the variables that are needed.",
    "dir": "dir() without an argument reads the frame: name the variables that are needed.",
    "super": "Write super(Class, self), with the class by its name.",
}
"""Builtins that look at the frame of their caller, which in a derivative is another one."""


def lower(source: Source) -> core.Function:
    """The function as core. Raises Unsupported, with all its problems in one report."""
    lowering = _Lowering(source)
    function = lowering.function(source.tree, source.name if source.name.isidentifier() else "anonymous")
    function = with_alternatives_named(function, lowering.fresh)
    function = without_nonlocals(function, lowering.fresh, lowering.refuse_core)
    if lowering.problems:
        raise Unsupported.of(lowering.problems)
    return function


class _Lowering:
    """One walk over a function's tree, which knows the names in scope and collects the problems it meets."""

    def __init__(self, source: Source):
        self.listing: Listing = source.listing
        self.namespace = Namespace(source.function)
        self.package = source.function.__globals__.get("__package__")
        self.scopes: list[dict[str, object]] = []
        self.taken = {name for node in gast.walk(source.tree) for name in _names(node)}
        self.mangled = _mangled(source.function.__code__)
        self.first_param = next((p.id for p in parameters(source.tree.args)), None)
        self.supplies: dict[str, str] = {}
        self.inside: Origin | None = None
        self.problems: list[Unsupported] = []
        self.yielded: str | None = None

    # Places, names and problems

    def at(self, node) -> Origin:
        if self.inside:  # Python 3.10 and 3.11 do not know the places inside of f-strings
            return self.inside
        return Origin(self.listing, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)

    def refuse(self, node, what: str, hint: str) -> None:
        self.problems.append(Unsupported(self.at(node), what, hint=hint))

    def refuse_core(self, node: core.Node, what: str, hint: str) -> None:
        self.problems.append(Unsupported(node.at, what, hint=hint))

    def fresh(self, base: str) -> str:
        name = fresh(base, self.taken)
        self.taken.add(name)
        return name

    def supplied(self, obj, text: str) -> str:
        """The name for an object that the user did not write: `text`, or one like it where that is another thing."""
        if text not in self.supplies:
            found = self.namespace.find(text)
            hidden = any(text in scope for scope in self.scopes) or (found is not None and found[0] is not obj)
            self.supplies[text] = self.fresh(f"{text}_") if hidden else text
        return self.supplies[text]

    def name(self, id: str, at: Origin) -> core.Expr:
        for scope in reversed(self.scopes):
            if id in scope:
                obj = scope[id]
                return core.Name(id, at=at) if obj is None else core.Ref(obj, id, at=at)
        return self.namespace.name(id, at)

    # Functions

    def function(self, node, name: str) -> core.Function:
        """A def or lambda as a Function; its defaults belong to the scope around it."""
        params = self.params(node.args)
        is_lambda = isinstance(node, gast.Lambda)
        body = [] if is_lambda else node.body
        if isinstance(node, gast.AsyncFunctionDef):
            self.refuse_construct(node)
        if getattr(node, "type_params", None):
            self.refuse(node, "type parameters are not supported", "Use typing.TypeVar, or leave the annotation out.")
        self.scopes.append(self.scope(node))
        outer, self.yielded = self.yielded, None
        if yields := not is_lambda and any(isinstance(n, (gast.Yield, gast.YieldFrom)) for n in own_nodes(node)):
            self.yielded = self.fresh("yielded")
            self.scopes[-1][self.yielded] = None
        doc = None
        match body:
            case [gast.Expr(value=gast.Constant(value=str(text))), *body]:
                doc = inspect.cleandoc(text).rstrip()
        if is_lambda:
            value = self.expr(node.body)
            stmts = (core.Return(value, at=value.at),)
        else:
            stmts = self.body(body)
        if yields:
            stmts = self.collected(node, stmts)
        self.yielded = outer
        self.scopes.pop()
        return core.Function(name, params, stmts, doc, self.set_outside(node), yields, at=self.at(node))

    def collected(self, node, stmts: tuple[core.Stmt, ...]) -> tuple[core.Stmt, ...]:
        """The body of a generator function as one that makes a list: right where it does not matter when it runs."""
        at = self.at(node)
        for n in own_nodes(node):
            if isinstance(n, gast.While) and isinstance(n.test, gast.Constant):
                self.refuse(n, "a generator that may never end is not supported", "Give the loop a condition, or a range.")
            elif isinstance(n, (gast.Try, gast.With)):
                self.refuse(n, "a `try` or `with` in a generator is not supported", "Return a list of the values.")
            elif isinstance(n, (gast.Nonlocal, gast.Global)):
                self.refuse(n, "a generator that sets variables of others is not supported", "Return a list of the values.")
            elif isinstance(n, gast.Return) and n.value is not None:
                self.refuse(n, "a value that a generator returns is not supported", "Yield it as the last one.")
        made = core.Name(self.yielded, at=at)
        return core.Assign(made, core.List((), at=at), at=at), *stmts, core.Return(made, at=at)

    def yields(self, node: gast.Yield | gast.YieldFrom, at: Origin) -> core.Stmt:
        """`yield x` as `yielded.append(x)`, `yield from xs` as the loop that does so."""
        item = core.Name(self.fresh("item"), at=at) if isinstance(node, gast.YieldFrom) else None
        given = core.Const(None, at=at) if node.value is None else self.expr(node.value)
        add = core.Attribute(core.Name(self.yielded, at=at), "append", at=at)
        taken = core.ExprStmt(core.Call(add, (given if item is None else item,), at=at), at=at)
        return taken if item is None else core.For(item, given, (taken,), at=at)

    def set_outside(self, node) -> tuple[str, ...]:
        """The variables of an enclosing function that a nested one sets."""
        declared = {n for d in own_nodes(node) if isinstance(d, gast.Nonlocal) for n in d.names}
        bound = dict.fromkeys(name for name, _ in bindings(node) if name in declared)
        return tuple(n for n in bound if any(n in scope for scope in self.scopes))

    def params(self, args: gast.arguments) -> tuple[core.Param, ...]:
        plain = [*args.posonlyargs, *args.args]
        defaults = dict(zip([p.id for p in plain[len(plain) - len(args.defaults) :]], args.defaults))
        defaults.update((p.id, d) for p, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None)
        styles = {p.id: "positional" for p in args.posonlyargs} | {p.id: "keyword" for p in args.kwonlyargs}
        styles |= {p.id: s for p, s in ((args.vararg, "star"), (args.kwarg, "double star")) if p}
        return tuple(
            core.Param(
                p.id, styles.get(p.id, "any"), self.expr(defaults[p.id]) if p.id in defaults else None, at=self.at(p)
            )
            for p in parameters(args)
        )

    def scope(self, node) -> dict[str, object]:
        """The names that a function binds: None, or what it is for a name that only one import binds."""
        outside, scope = {}, {}
        for declaration in own_nodes(node):
            if isinstance(declaration, (gast.Global, gast.Nonlocal)):
                outside.update((name, type(declaration).__name__.lower()) for name in declaration.names)
        for name, binder in bindings(node):
            if outside.get(name) == "nonlocal" and any(name in scope for scope in self.scopes):
                continue
            if name in outside:
                self.refuse(
                    binder,
                    f"{name} is a {outside[name]} variable, and is written here",
                    f"Return the new value of {name}, and assign it where the function is called.",
                )
                continue
            once = isinstance(binder, (gast.Import, gast.ImportFrom)) and name not in scope
            scope[name] = self.imported(binder, name, always=binder in node.body) if once else None
        return scope

    def imported(self, node: gast.Import | gast.ImportFrom, name: str, always: bool) -> object:
        """What an import inside of the function binds `name` to; None where that is data, or may never be imported."""
        alias = next(a for a in node.names if name == (a.asname or a.name.partition(".")[0]))
        module = alias.name if isinstance(node, gast.Import) else self.module_of(node)
        if not always and module not in sys.modules:
            return None
        try:
            obj = importlib.import_module(module)
            if isinstance(node, gast.ImportFrom):
                obj = getattr(obj, alias.name, None) or importlib.import_module(f"{module}.{alias.name}")
            elif not alias.asname:
                obj = sys.modules[name]
        except ImportError:
            return None
        return obj if is_code(obj) else None

    def module_of(self, node: gast.ImportFrom) -> str:
        """The module of `from m import a`, by its full name where that is known."""
        name = "." * (node.level or 0) + (node.module or "")
        return importlib.util.resolve_name(name, self.package) if node.level and self.package else name

    def import_text(self, node: gast.Import | gast.ImportFrom) -> str:
        names = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in node.names)
        return f"import {names}" if isinstance(node, gast.Import) else f"from {self.module_of(node)} import {names}"

    # Statements

    def body(self, nodes: list) -> tuple[core.Stmt, ...]:
        return tuple(stmt for node in nodes for stmt in self.stmt(node))

    def stmt(self, node) -> tuple[core.Stmt, ...] | list[core.Stmt]:
        """The statements that `node` becomes: one, but for chained assignments, decorators and declarations."""
        at = self.at(node)
        match node:
            case gast.Assign(targets=[target]):
                return [core.Assign(self.expr(target), self.expr(node.value), at=at)]
            case gast.Assign():
                return self.chained_assign(node, at)
            case gast.AnnAssign():
                return [core.Assign(self.expr(node.target), self.expr(node.value), at=at)] if node.value else []
            case gast.AugAssign():
                return [core.AugAssign(self.expr(node.target), BINARY[type(node.op)], self.expr(node.value), at=at)]
            case gast.Expr(value=gast.Yield() | gast.YieldFrom() as given):
                return [self.yields(given, at)]
            case gast.Expr():
                return [core.ExprStmt(self.expr(node.value), at=at)]
            case gast.Return():
                value = core.Const(None, at=at) if node.value is None else self.expr(node.value)
                if self.yielded is not None:
                    value = core.Name(self.yielded, at=at)
                return [core.Return(value, at=at)]
            case gast.If():
                return [core.If(self.expr(node.test), self.body(node.body), self.body(node.orelse), at=at)]
            case gast.For():
                target, items = self.expr(node.target), self.expr(node.iter)
                return [core.For(target, items, self.body(node.body), self.body(node.orelse), at=at)]
            case gast.While():
                return [core.While(self.expr(node.test), self.body(node.body), self.body(node.orelse), at=at)]
            case gast.Break():
                return [core.Break(at=at)]
            case gast.Continue():
                return [core.Continue(at=at)]
            case gast.Pass():
                return [core.Pass(at=at)]
            case gast.FunctionDef() | gast.AsyncFunctionDef():
                return self.nested_def(node, at)
            case gast.AsyncFor() | gast.AsyncWith():
                self.refuse_construct(node)
                return self.body(node.body)
            case gast.With():
                items = tuple((self.expr(i.context_expr), self.optional(i.optional_vars)) for i in node.items)
                return [core.With(items, self.body(node.body), at=at)]
            case gast.Raise():
                return [core.Raise(self.optional(node.exc), self.optional(node.cause), at=at)]
            case gast.Assert():
                return [core.Assert(self.expr(node.test), self.optional(node.msg), at=at)]
            case gast.Try():
                handlers = tuple(self.handler(h) for h in node.handlers)
                body, orelse, final = map(self.body, (node.body, node.orelse, node.finalbody))
                return [core.Try(body, handlers, orelse, final, at=at)]
            case gast.Delete():
                return [core.Delete(self.exprs(node.targets), at=at)]
            case gast.Match():
                return patterns.match_stmts(self, node)
            case gast.Import():
                names = tuple(a.asname or a.name.partition(".")[0] for a in node.names)
                return [core.Import(self.import_text(node), names, at=at)]
            case gast.ImportFrom():
                return [core.Import(self.import_text(node), tuple(a.asname or a.name for a in node.names), at=at)]
            case gast.Global() | gast.Nonlocal():
                return []
        self.refuse_construct(node)
        return []

    def chained_assign(self, node: gast.Assign, at: Origin) -> list[core.Stmt]:
        """`a = b = e` as `a = e; b = a`; through a fresh name where the first target is no name, or is bound again."""
        first, *others = targets = self.exprs(node.targets)
        bound = {n.id for t in others for n in core.walk(t) if isinstance(n, core.Name)}
        if not isinstance(first, core.Name) or first.id in bound:
            first, others = core.Name(self.fresh("value"), at=first.at), targets
        start = core.Assign(first, self.expr(node.value), at=at)
        return [start, *(core.Assign(t, core.Name(first.id, at=t.at), at=at) for t in others)]

    def nested_def(self, node: gast.FunctionDef, at: Origin) -> list[core.Stmt]:
        """A nested function; `@d def f` is `def f`, then `f = d(f)`."""
        decorators = self.exprs(reversed(node.decorator_list))
        stmts: list[core.Stmt] = [core.Def(self.function(node, node.name), at=at)]
        if decorators:
            value = name = core.Name(node.name, at=at)
            for decorator in decorators:
                value = core.Call(decorator, (value,), at=decorator.at)
            stmts.append(core.Assign(name, value, at=at))
        return stmts

    def handler(self, node: gast.ExceptHandler) -> core.Handler:
        name = None if node.name is None else node.name.id
        return core.Handler(self.optional(node.type), name, self.body(node.body), at=self.at(node))

    def refuse_construct(self, node) -> core.Expr:
        what, hint = REFUSED.get(type(node), (f"a {type(node).__name__}", "Write it another way."))
        self.refuse(node, f"{what} is not supported", hint)
        return core.Const(None)

    # Expressions

    def exprs(self, nodes) -> tuple[core.Expr, ...]:
        return tuple(self.expr(node) for node in nodes)

    def optional(self, node) -> core.Expr | None:
        return None if node is None else self.expr(node)

    def expr(self, node) -> core.Expr:
        at = self.at(node)
        match node:
            case gast.Name():
                return self.name(node.id, at)
            case gast.Constant():
                return core.Const(node.value, at=at)
            case gast.BinOp():
                return core.Op(BINARY[type(node.op)], (self.expr(node.left), self.expr(node.right)), at=at)
            case gast.Call():
                return self.call(node, at)
            case gast.Attribute():
                value, attr = self.expr(node.value), self.mangled.get(node.attr, node.attr)
                reads = isinstance(node.ctx, gast.Load)
                return attribute(value, attr, at) if reads else core.Attribute(value, attr, at=at)
            case gast.Subscript():
                return core.Subscript(self.expr(node.value), self.expr(node.slice), at=at)
            case gast.UnaryOp():
                return core.Op(UNARY[type(node.op)], (self.expr(node.operand),), at=at)
            case gast.Tuple():
                return core.Tuple(self.exprs(node.elts), at=at)
            case gast.List(ctx=gast.Load()):
                return core.List(self.exprs(node.elts), at=at)
            case gast.List():
                return core.Tuple(self.exprs(node.elts), at=at)
            case gast.Compare():
                ops = tuple(COMPARISON[type(op)] for op in node.ops)
                return core.Compare(ops, self.exprs([node.left, *node.comparators]), at=at)
            case gast.Slice():
                return core.Slice(*map(self.optional, (node.lower, node.upper, node.step)), at=at)
            case gast.BoolOp():
                return core.Logical(LOGICAL[type(node.op)], self.exprs(node.values), at=at)
            case gast.IfExp():
                return core.IfExp(self.expr(node.test), self.expr(node.body), self.expr(node.orelse), at=at)
            case gast.Starred():
                return core.Starred(self.expr(node.value), at=at)
            case gast.Dict():
                return core.Dict(tuple(map(self.optional, node.keys)), self.exprs(node.values), at=at)
            case gast.Set():
                return core.Set(self.exprs(node.elts), at=at)
            case gast.Lambda():
                return core.Lambda(self.function(node, "<lambda>"), at=at)
            case gast.NamedExpr():
                return core.Walrus(self.expr(node.target), self.expr(node.value), at=at)
            case gast.JoinedStr():
                return self.fstring(node, at)
            case gast.ListComp() | gast.SetComp() | gast.DictComp() | gast.GeneratorExp():
                return self.comprehension(node, at)
        return self.refuse_construct(node)

    def call(self, node: gast.Call, at: Origin) -> core.Expr:
        fn = self.expr(node.func)
        args, kwargs = self.exprs(node.args), tuple((k.arg, self.expr(k.value)) for k in node.keywords)
        if isinstance(fn, core.Ref) and fn.text in FRAME_READERS and fn.obj is getattr(builtins, fn.text):
            if fn.obj is super and not args and (around := self.class_and_instance(at)):
                args = around
            elif not (args or kwargs) or fn.text in ("eval", "exec"):
                self.refuse(node, f"{fn.text}() is not supported", FRAME_READERS[fn.text])
        return core.Call(fn, args, kwargs, at=at)

    def class_and_instance(self, at: Origin) -> tuple[core.Expr, ...]:
        """What `super()` stands for in a method: its class and its first argument."""
        cls = self.namespace.cells.get("__class__")
        if len(self.scopes) != 1 or not self.first_param or cls is None:
            return ()
        text = cls.__name__ if self.namespace.find(cls.__name__) == (cls,) else "__class__"
        return core.Ref(cls, text, at=at), core.Name(self.first_param, at=at)

    def fstring(self, node: gast.JoinedStr, at: Origin) -> core.FString:
        outer, self.inside = self.inside, at
        parts = tuple(self.fstring_part(value) for value in node.values)
        self.inside = outer
        return core.FString(parts, at=at)

    def fstring_part(self, node):
        if isinstance(node, gast.Constant):
            return node.value
        conversion = chr(node.conversion) if node.conversion > 0 else None
        return self.expr(node.value), conversion, self.optional(node.format_spec)

    def comprehension(self, node, at: Origin) -> core.Expr:
        """A comprehension. Only its first iterable is read in the scope around it."""
        first = self.expr(node.generators[0].iter)
        self.scopes.append(dict.fromkeys(comprehension_names(node.generators)))
        clauses = []
        for k, clause in enumerate(node.generators):
            if clause.is_async:
                self.refuse(node, "an async comprehension is not supported", REFUSED[gast.AsyncFor][1])
            target, items = self.expr(clause.target), self.expr(clause.iter) if k else first
            clauses.append(core.Clause(target, items, self.exprs(clause.ifs), at=self.at(clause.target)))
        if isinstance(node, gast.DictComp):
            element = core.Tuple(self.exprs((node.key, node.value)), at=at)
        else:
            element = self.expr(node.elt)
        self.scopes.pop()
        return core.Comprehension(STYLES[type(node)], element, tuple(clauses), at=at)


def _names(node):
    """The names that one node of a tree mentions."""
    match node:
        case gast.Name(id=name) | gast.FunctionDef(name=name):
            yield name
        case gast.alias():
            yield node.asname or node.name.partition(".")[0]
        case gast.MatchAs(name=str(name)) | gast.MatchStar(name=str(name)) | gast.MatchMapping(rest=str(name)):
            yield name


def _mangled(code: types.CodeType) -> dict[str, str]:
    """The private attributes of a class that a method uses: `self.__w` is `self._Layer__w`."""
    private = {name: name[name.index("__", 1) :] for name in code.co_names if _is_mangled(name)}
    result = {attr: name for name, attr in private.items()}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            result |= _mangled(const)
    return result


def _is_mangled(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and "__" in name and not name.endswith("__")
