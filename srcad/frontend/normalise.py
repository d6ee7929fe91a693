"""One exit, one meaning a name: what has to hold before a function can be analysed and walked backwards.

    def f(x):                          def f(x):
        for k in range(9):                 returned = False
            if x > k:                      for k in range(9):
                return x * k                   if x > k:
        return x                                   result = x * k
                                                   returned = True
                                               if returned: break
                                           if not returned:
                                               result = x
                                           return result

After `normalise` there is no `continue`; a `break` is the last statement of its loop, as `if flag: break`; a `return`
is the last statement of the function; a variable that is given two unrelated values in sequence has become two; what
the head of a `for` sets, its body does not set again.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace

from srcad.core.names import Names
from srcad.core.nodes import (
    Assign,
    Attribute,
    AugAssign,
    Break,
    Call,
    Comprehension,
    Const,
    Continue,
    Def,
    Delete,
    Expr,
    For,
    Function,
    Handler,
    If,
    Import,
    Lambda,
    Logical,
    Name,
    Node,
    Op,
    Pass,
    Raise,
    Ref,
    Return,
    Starred,
    Stmt,
    Subscript,
    Try,
    Tuple,
    Walrus,
    While,
    With,
    children,
    map_children,
    walk,
)
from srcad.core.printer import text

Block = tuple[Stmt, ...]


def normalise(function: Function) -> Function:
    """`function` with one exit and one variable a value."""
    names = Names(names_in(function))
    return with_exchanges(with_own_heads(split_names(single_exit(suppress_as_try(function), names), names), names))


def suppress_as_try(node: Node) -> Node:
    """`with contextlib.suppress(E): …` as the `try: … except E: pass` that it stands for."""
    node = map_children(node, suppress_as_try)
    match node:
        case With(items=((Call(fn=Ref(obj=contextlib.suppress), args=(first, *others)), None),), body=body):
            caught = first if not others else Tuple((first, *others), at=first.at)
            return Try(body, (Handler(caught, None, (Pass(at=node.at),), at=node.at),), (), (), at=node.at)
    return node


def names_in(node: Node) -> set[str]:
    """Every identifier that occurs in `node`."""
    found = set()
    for n in walk(node):
        match n:
            case Name(id=name):
                found.add(name)
            case Function(params=params):
                found.update(p.id for p in params)
            case Import(names=bound):
                found.update(bound)
        text = getattr(n, "text", None) or getattr(n, "id", None)
        if isinstance(text, str):
            found.add(text.split(".")[0])
    return found


# ---------------------------------------------------------------------------------------------------------------
# One exit


def leaves(block: Block, loop: bool = True) -> set[type]:
    """Which of Break, Continue and Return may end `block` early; those of an inner loop count for that loop."""
    found: set[type] = set()
    for s in block:
        match s:
            case Break() | Continue() | Return():
                found.add(type(s))
            case If():
                found |= leaves(s.body) | leaves(s.orelse)
            case For() | While():
                found |= leaves(s.body) & {Return}
                found |= leaves(s.orelse)
            case With():
                found |= leaves(s.body)
            case Try():
                found |= leaves(s.body) | leaves(s.orelse) | leaves(s.final)
                for handler in s.handlers:
                    found |= leaves(handler.body)
    return found


def never_ends(block: Block) -> bool:
    """Whether control never reaches the end of `block`."""
    for s in block:
        match s:
            case Break() | Continue() | Return() | Raise():
                return True
            case If() if never_ends(s.body) and never_ends(s.orelse):
                return True
            case With() if never_ends(s.body):
                return True
    return False


class Exits:
    """Rewrites the exits of one function; `tested` collects the flags that some statement asks for."""

    def __init__(self, names: Names):
        self.names = names
        self.result = names.new("result")
        self.returned = names.new("returned")
        self.tested: set[str] = set()

    def block(self, stmts: Block, stop: str | None, skip: str | None) -> Block:
        out: list[Stmt] = []
        for i, s in enumerate(stmts):
            rest = stmts[i + 1 :]
            match s:
                case Break():
                    return (*out, flag(stop, True, s))
                case Continue():
                    return (*out, flag(skip, True, s))
                case Return(value=value):
                    assigned = Assign(Name(self.result, at=s.at), value, at=s.at)
                    return (*out, assigned, flag(self.returned, True, s))
                case Raise():
                    return (*out, s)
                case If() if leaves((s,)) and rest and never_ends(s.body):
                    return (*out, self.branch(replace(s, orelse=s.orelse + rest), stop, skip))
                case If() if leaves((s,)) and rest and s.orelse and never_ends(s.orelse):
                    return (*out, self.branch(replace(s, body=s.body + rest), stop, skip))
            left = leaves((s,))
            out.extend(self.statement(s, stop, skip))
            if left and rest:
                flags = [f for t, f in ((Break, stop), (Continue, skip), (Return, self.returned)) if t in left]
                self.tested.update(flags)
                out.append(If(none_of(flags), self.block(rest, stop, skip), at=rest[0].at))
                return tuple(out)
        return tuple(out)

    def branch(self, s: If, stop, skip) -> If:
        return replace(s, body=self.block(s.body, stop, skip), orelse=self.block(s.orelse, stop, skip))

    def statement(self, s: Stmt, stop, skip) -> list[Stmt]:
        match s:
            case If():
                return [self.branch(s, stop, skip)]
            case With():
                return [replace(s, body=self.block(s.body, stop, skip))]
            case Try():
                handlers = tuple(replace(h, body=self.block(h.body, stop, skip)) for h in s.handlers)
                parts = {part: self.block(getattr(s, part), stop, skip) for part in ("body", "orelse", "final")}
                left = leaves(s.body)
                if left and parts["orelse"]:  # what leaves the body leaves out `else`
                    flags = [f for t, f in ((Break, stop), (Continue, skip), (Return, self.returned)) if t in left]
                    self.tested.update(flags)
                    parts["orelse"] = (If(none_of(flags), parts["orelse"], at=s.orelse[0].at),)
                return [replace(s, handlers=handlers, **parts)]
            case While(test=test) if any(isinstance(n, Walrus) for n in walk(test)):
                leave = If(Op("not", (test,), at=test.at), (*s.orelse, Break(at=s.at)), at=s.at)
                return self.statement(replace(s, test=Const(True), body=(leave, *s.body), orelse=()), stop, skip)
            case For() | While():
                return self.loop(s, stop, skip)
        return [s]

    def loop(self, s: For | While, outer_stop, outer_skip) -> list[Stmt]:
        """A loop whose `break` is its last statement, and without `else`."""
        left = leaves(s.body)
        stop, skip = self.names.new("stop"), self.names.new("skip")
        body = list(self.block(s.body, stop, skip))
        before: list[Stmt] = []
        if skip in self.tested:
            body.insert(0, flag(skip, False, s))
        else:
            body = list(without_flag(tuple(body), skip))
        flags = []
        if Break in left:
            simple = None if s.orelse or stop in self.tested else last_break(body, stop)
            if simple is not None:
                body = simple
            else:
                flags.append(stop)
                before.append(flag(stop, False, s))
        if Return in left:
            flags.append(self.returned)
        if flags:
            self.tested.update(flags)
            body.append(If(any_of(flags), (Break(at=s.at),), at=s.at))
        loop = replace(s, body=tuple(body), orelse=())
        if not s.orelse:
            return [*before, loop]
        orelse = self.block(s.orelse, outer_stop, outer_skip)
        if flags:
            orelse = (If(none_of(flags), orelse, at=s.orelse[0].at),)
        return [*before, loop, *orelse]


def single_exit(function: Function, names: Names) -> Function:
    """`function` with at most one `return`, its last statement, and with `break` only at the end of a loop."""
    body = function.body
    if not any(isinstance(s, (If, For, While, With, Try)) for s in body) and Return not in leaves(body[:-1]):
        return replace(function, body=returning(body))
    exits = Exits(names)
    if body and isinstance(body[-1], Return) and Return not in leaves(body[:-1]):
        return replace(function, body=(*exits.block(body[:-1], None, None), body[-1]))
    new = exits.block(body, None, None)
    if exits.returned in exits.tested:
        new = (flag(exits.returned, False, function), *new)
    else:
        new = without_flag(new, exits.returned)
    if Return not in leaves(body):
        return replace(function, body=returning(new))
    if not never_ends(body):
        new = (Assign(Name(exits.result, at=function.at), Const(None), at=function.at), *new)
    return replace(function, body=(*new, Return(Name(exits.result, at=function.at), at=function.at)))


def returning(body: Block) -> Block:
    """`body` with the `return None` that Python supplies."""
    return body if body and isinstance(body[-1], (Return, Raise)) else (*body, Return(Const(None)))


def flag(name: str, value: bool, near: Node) -> Assign:
    return Assign(Name(name, at=near.at), Const(value), at=near.at)


def any_of(flags: list[str]) -> Expr:
    return Name(flags[0]) if len(flags) == 1 else Logical("or", tuple(Name(f) for f in flags))


def none_of(flags: list[str]) -> Expr:
    return Op("not", (any_of(flags),))


def without_flag(block: Block, name: str) -> Block:
    """`block` without the assignments to a flag that nobody tests."""
    out = []
    for s in block:
        match s:
            case Assign(target=Name(id=id_)) if id_ == name:
                continue
            case If():
                s = replace(s, body=without_flag(s.body, name), orelse=without_flag(s.orelse, name))
                if not s.body and not s.orelse:
                    s = replace(s, body=(Pass(at=s.at),))
                elif not s.body:
                    s = If(Op("not", (s.test,), at=s.test.at), s.orelse, at=s.at)
            case For() | While() | With():
                s = replace(s, body=without_flag(s.body, name) or (Pass(at=s.at),))
            case Try():
                handlers = tuple(replace(h, body=without_flag(h.body, name) or (Pass(at=s.at),)) for h in s.handlers)
                parts = {part: without_flag(getattr(s, part), name) for part in ("body", "orelse", "final")}
                parts["body"] = parts["body"] or (Pass(at=s.at),)
                s = replace(s, handlers=handlers, **parts)
        out.append(s)
    return tuple(out)


def last_break(body: list[Stmt], stop: str) -> list[Stmt] | None:
    """`body` with a final `if c: stop = True` said as `if c: break`, if that is the only place that sets `stop`."""
    *head, last = body or [None]
    match last:
        case If(body=(Assign(target=Name(id=id_)),), orelse=()) if id_ == stop:
            if not any(isinstance(n, Name) and n.id == stop for s in head for n in walk(s)):
                return [*head, replace(last, body=(Break(at=last.at),))]
    return None


# ---------------------------------------------------------------------------------------------------------------
# One variable a value


class Webs:
    """Joins the definitions of a name that some use may see together: each set is a variable of its own."""

    def __init__(self, function: Function):
        self.parent: list[int] = []
        self.name: list[str] = []
        self.definition: dict[int, int] = {}
        self.captured = captured_names(function)
        env = {p.id: frozenset([self.define(p, p.id)]) for p in function.params}
        self.block(function.body, env)
        for name in self.captured:
            same = [d for d, n in enumerate(self.name) if n == name]
            for d in same[1:]:
                self.union(same[0], d)

    def define(self, node: Node, name: str) -> int:
        """The definition of `name` at `node`, made at the first visit."""
        if id(node) not in self.definition:
            self.definition[id(node)] = len(self.parent)
            self.parent.append(len(self.parent))
            self.name.append(name)
        return self.definition[id(node)]

    def find(self, d: int) -> int:
        while self.parent[d] != d:
            d = self.parent[d]
        return d

    def union(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        self.parent[max(a, b)] = min(a, b)

    def use(self, node: Node, name: str, env: dict) -> None:
        reaching = sorted(env.get(name, ()))
        for d in reaching[1:]:
            self.union(reaching[0], d)
        if reaching:
            self.definition[id(node)] = reaching[0]

    def expression(self, node: Node | None, env: dict, bound: frozenset = frozenset()) -> dict:
        """Visits the names that an expression reads; a walrus defines."""
        if node is None:
            return env
        match node:
            case Name(id=name):
                if name not in bound:
                    self.use(node, name, env)
                return env
            case Lambda():
                return env
            case Walrus(target=target, value=value):
                env = self.expression(value, env, bound)
                return {**env, target.id: frozenset([self.define(target, target.id)])}
            case Comprehension(clauses=clauses):
                for clause in clauses:
                    env = self.expression(clause.iter, env, bound)
                    bound = bound | {n.id for n in walk(clause.target) if isinstance(n, Name)}
                    for test in clause.ifs:
                        env = self.conditional(test, env, bound)
                return self.conditional(node.element, env, bound)
            case Logical(args=(first, *others)):
                env = self.expression(first, env, bound)
                for other in others:
                    env = self.conditional(other, env, bound)
                return env
        for child in children(node):
            env = self.expression(child, env, bound)
        return env

    def conditional(self, node, env, bound) -> dict:
        return merge(env, self.expression(node, env, bound))

    def target(self, node: Node, env: dict) -> dict:
        match node:
            case Name(id=name):
                return {**env, name: frozenset([self.define(node, name)])}
            case Tuple(elts=elts):
                for e in elts:
                    env = self.target(e, env)
                return env
            case Starred(value=value):
                return self.target(value, env)
        return self.expression(node, env)

    def block(self, block: Block, env: dict) -> dict:
        for s in block:
            env = self.statement(s, env)
        return env

    def statement(self, s: Stmt, env: dict) -> dict:
        match s:
            case Assign(target=target, value=value):
                return self.target(target, self.expression(value, env))
            case AugAssign(target=Name(id=name) as target, value=value):
                env = self.expression(value, env)
                before = env.get(name, frozenset())
                d = self.define(target, name)
                for old in before:
                    self.union(old, d)
                return {**env, name: frozenset([d])}
            case AugAssign(target=target, value=value):
                return self.expression(target, self.expression(value, env))
            case If(test=test, body=body, orelse=orelse):
                env = self.expression(test, env)
                return merge(self.block(body, env), self.block(orelse, env))
            case For(target=target, iter=iterable, body=body):
                env = self.expression(iterable, env)
                return self.fixpoint(env, lambda e: self.block(body, self.target(target, e)))
            case While(test=test, body=body):
                return self.fixpoint(env, lambda e: self.block(body, self.expression(test, e)))
            case With(items=items, body=body):
                for context, target in items:
                    env = self.expression(context, env)
                    env = env if target is None else self.target(target, env)
                return merge(env, self.block(body, env))
            case Try():
                return self.try_(s, env)
            case Def(function=function):
                return {**env, function.name: frozenset([self.define(s, function.name)])}
            case Import(names=names):
                return {**env, **{n: frozenset([self.define(s, n)]) for n in names}}
            case Delete(targets=targets):
                for t in targets:
                    env = self.expression(t, env)
                return env
        for child in children(s):
            env = self.expression(child, env)
        return env

    def fixpoint(self, env: dict, once) -> dict:
        while True:
            after = merge(env, once(env))
            if after == env:
                return after
            env = after

    def try_(self, s: Try, env: dict) -> dict:
        raised = env
        for stmt in s.body:
            env = self.statement(stmt, env)
            raised = merge(raised, env)
        ends = [self.block(s.orelse, env)]
        for handler in s.handlers:
            caught = self.expression(handler.type, raised)
            if handler.name:
                caught = {**caught, handler.name: frozenset([self.define(handler, handler.name)])}
            ends.append(self.block(handler.body, caught))
        for end in ends[1:]:
            ends[0] = merge(ends[0], end)
        return self.block(s.final, ends[0])


def merge(a: dict, b: dict) -> dict:
    """The definitions that may reach a point from either side."""
    if a is b:
        return a
    return {n: a.get(n, frozenset()) | b.get(n, frozenset()) for n in {**a, **b}}


def captured_names(function: Function) -> set[str]:
    """The variables of `function` that its nested functions read."""
    found = set()
    for node in walk(function):
        if isinstance(node, Function) and node is not function:
            found |= {n.id for n in walk(node) if isinstance(n, Name)}
    return found


def split_names(function: Function, names: Names) -> Function:
    """`function` in which unrelated values that shared a name have names of their own: `x`, `x_1`, …"""
    webs = Webs(function)
    kept = webs.captured | {n for s in walk(function) if isinstance(s, Import) for n in s.names}
    kept |= {h.function.name for h in walk(function) if isinstance(h, Def)}
    kept |= {h.name for s in walk(function) if isinstance(s, Try) for h in s.handlers if h.name}
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for d, name in enumerate(webs.name):
        root = webs.find(d)
        if root not in chosen:
            chosen[root] = name if name in kept or name not in taken else names.new(name)
            taken.add(name)

    def rename(node: Node) -> Node:
        if isinstance(node, (Lambda, Function)):
            return node
        if isinstance(node, Name):
            d = webs.definition.get(id(node))
            new = node.id if d is None else chosen[webs.find(d)]
            return node if new == node.id else replace(node, id=new)
        return map_children(node, rename)

    return replace(function, body=tuple(rename(s) for s in function.body))


# ---------------------------------------------------------------------------------------------------------------
# Exchanges


def with_own_heads(function: Function, names: Names) -> Function:
    """`function` in which a loop whose body sets the variable of its head has one of its own there.

        for i in range(n):              for item in range(n):
            if x[i] > 0:                    i = item
                i = 0                       if x[i] > 0:
            y = y * x[i]                        i = 0
                                            y = y * x[i]
    """

    def visit(node: Node) -> Node:
        node = map_children(node, visit)
        if not isinstance(node, For):
            return node
        again = {n.id for n in head_names(node.target)} & {n.id for s in node.body for n in names_set(s)}
        own = {name: names.new(f"{name}_item") for name in sorted(again)}
        if not own:
            return node
        target = map_names(node.target, own)
        first = tuple(Assign(Name(name, at=node.at), Name(item, at=node.at), at=node.at) for name, item in own.items())
        return replace(node, target=target, body=(*first, *node.body))

    return visit(function)


def head_names(target: Expr) -> list[Name]:
    """The variables that an assignment to `target` sets."""
    if isinstance(target, Name):
        return [target]
    return [n for e in children(target) for n in head_names(e)] if isinstance(target, (Tuple, Starred)) else []


def names_set(s: Stmt):
    """The variables that a statement sets, and those in it."""
    for n in walk(s):
        match n:
            case Assign(target=target) | AugAssign(target=target) | For(target=target) | Walrus(target=target):
                yield from head_names(target)
            case With(items=items):
                yield from (x for _, t in items if t is not None for x in head_names(t))


def map_names(target: Expr, new: dict[str, str]) -> Expr:
    """A target with other names for some of its variables."""
    if isinstance(target, Name):
        return replace(target, id=new.get(target.id, target.id))
    return map_children(target, lambda e: map_names(e, new)) if isinstance(target, (Tuple, Starred)) else target


def with_exchanges(function: Function) -> Function:
    """`function` with `t = a.u; a.u = a.v; a.v = t`, where t is not read again, as `a.u, a.v = a.v, a.u`."""
    mentions = Counter(n.id for n in walk(function) if isinstance(n, Name))

    def joined(block: Block) -> Block:
        out: list[Stmt] = []
        for s in map(visit, block):
            out.append(s)
            match out[-3:]:
                case [Assign(target=Name(id=held)) as first, Assign(a, b), Assign(target=c, value=Name(id=last))]:
                    places = all(isinstance(x, (Subscript, Attribute)) for x in (a, b, c))
                    same = places and text(first.value) == text(a) and text(b) == text(c)
                    if same and held == last and mentions[held] == 2 and is_steady(a) and is_steady(c):
                        out[-3:] = [Assign(Tuple((a, c), at=a.at), Tuple((b, first.value), at=b.at), at=first.at)]
        return tuple(out)

    def visit(node: Node) -> Node:
        if isinstance(node, (Expr, Function)):
            return node
        blocks = {f: joined(b) for f in BLOCKS if (b := getattr(node, f, ()))}
        handlers = {"handlers": tuple(map(visit, node.handlers))} if isinstance(node, Try) else {}
        return replace(node, **blocks, **handlers)

    return replace(function, body=joined(function.body))


BLOCKS = ("body", "orelse", "final")
"""The fields of statements that hold statements."""


def is_steady(place: Expr) -> bool:
    """Whether a place is named by variables and constants only, so that it is the same one each time."""
    return all(isinstance(n, (Name, Const, Ref, Subscript, Attribute, Op, Tuple)) for n in walk(place))
