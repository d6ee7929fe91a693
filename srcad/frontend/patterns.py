"""`match` as ifs.

    match shape:                            if isinstance(shape, Circle):
        case Circle(radius=r):        →         r = shape.radius
            area = np.pi * r ** 2               area = np.pi * r ** 2
        case (w, h) if w > 0:               else:
            area = w * h                        ...

A pattern becomes a test without effects and the names that it binds, so a subject is evaluated once and its parts
when they are needed. Where a guard reads what the pattern binds, whether the case is taken is kept in a name of its
own (PEP 634: the names are bound before the guard, even where the guard then fails).
"""

from __future__ import annotations

import collections.abc
from typing import NamedTuple

import gast

from srcad.core import nodes as core

SELF_MATCHING = bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple
"""Classes whose one positional pattern is the object itself, as in `float(x)`."""


class Matched(NamedTuple):
    """What a pattern asks of its subject (all of `tests` must hold) and the names that it binds, in order."""

    tests: tuple[core.Expr, ...] = ()
    bound: tuple[tuple[str, core.Expr], ...] = ()

    def __and__(self, other: Matched) -> Matched:
        return Matched(self.tests + other.tests, self.bound + other.bound)


def match_stmts(lowering, node: gast.Match) -> list[core.Stmt]:
    """The statements that a `match` becomes; `lowering` is the walk that meets it."""
    at = lowering.at(node)
    value = lowering.expr(node.subject)
    stored = {name for case in node.cases for name in _stored(case)}
    if isinstance(value, core.Name) and value.id not in stored:
        return list(_cases(lowering, node.cases, value))
    subject = core.Name(lowering.fresh("subject"), at=value.at)
    return [core.Assign(subject, value, at=at), *_cases(lowering, node.cases, subject)]


def _stored(case: gast.match_case):
    """The names that a pattern or its guard bind."""
    for node in (*gast.walk(case.pattern), *(gast.walk(case.guard) if case.guard else ())):
        match node:
            case gast.MatchAs(name=str(name)) | gast.MatchStar(name=str(name)) | gast.MatchMapping(rest=str(name)):
                yield name
            case gast.Name(id=name, ctx=gast.Store()):
                yield name


def _cases(lowering, cases: list[gast.match_case], subject: core.Expr) -> tuple[core.Stmt, ...]:
    if not cases:
        return ()
    case, *others = cases
    at = lowering.at(case.pattern)
    matched = _Patterns(lowering, at).matched(case.pattern, subject)
    binds = tuple(core.Assign(core.Name(name, at=at), value, at=at) for name, value in matched.bound)
    guard = None if case.guard is None else lowering.expr(case.guard)
    body = lowering.body(case.body)
    if guard is None:
        if not matched.tests:
            return (*binds, *body)
        return (core.If(_all(matched.tests, at), (*binds, *body), _cases(lowering, others, subject), at=at),)
    if not binds:
        return (core.If(_all((*matched.tests, guard), at), body, _cases(lowering, others, subject), at=at),)
    if not matched.tests:
        return (*binds, core.If(guard, body, _cases(lowering, others, subject), at=at))
    taken = core.Name(lowering.fresh("taken"), at=at)
    return (
        core.Assign(taken, core.Const(False, at=at), at=at),
        core.If(_all(matched.tests, at), (*binds, core.Assign(taken, guard, at=at)), at=at),
        core.If(taken, body, _cases(lowering, others, subject), at=at),
    )


def _all(tests: tuple[core.Expr, ...], at) -> core.Expr:
    flat = [
        t for test in tests for t in (test.args if isinstance(test, core.Logical) and test.op == "and" else (test,))
    ]
    return flat[0] if len(flat) == 1 else core.Logical("and", tuple(flat), at=at)


class _Patterns:
    """Patterns to tests, for one case."""

    def __init__(self, lowering, at):
        self.lowering, self.at = lowering, at

    def matched(self, pattern, subject: core.Expr) -> Matched:
        """What `pattern` asks of `subject`, and binds."""
        at = self.at
        match pattern:
            case gast.MatchValue(value=value):
                return Matched((core.Compare(("==",), (subject, self.lowering.expr(value)), at=at),))
            case gast.MatchSingleton(value=value):
                return Matched((core.Compare(("is",), (subject, core.Const(value, at=at)), at=at),))
            case gast.MatchAs(pattern=inner, name=name):
                found = Matched() if inner is None else self.matched(inner, subject)
                return found if name is None else found & Matched(bound=((name, subject),))
            case gast.MatchOr(patterns=alternatives):
                return self.any_of([self.matched(p, subject) for p in alternatives])
            case gast.MatchSequence(patterns=parts):
                return self.sequence(parts, subject)
            case gast.MatchMapping():
                return self.mapping(pattern, subject)
            case gast.MatchClass():
                return self.instance(pattern, subject)
        raise AssertionError(f"not a pattern: {pattern!r}")

    def any_of(self, found: list[Matched]) -> Matched:
        """One of several; each binds the same names, to what the first that holds says."""
        tests = [_all(m.tests, self.at) if m.tests else core.Const(True, at=self.at) for m in found]
        if not found[-1].tests and not any(m.bound for m in found):
            return Matched()
        bound = []
        for name, value in found[-1].bound:
            for test, other in reversed(list(zip(tests[:-1], found[:-1]))):
                here = dict(other.bound)[name]
                value = value if here is value else core.IfExp(test, here, value, at=self.at)
            bound.append((name, value))
        always = (core.Logical("or", tuple(tests), at=self.at),) if found[-1].tests else ()
        return Matched(always, tuple(bound))

    def sequence(self, parts: list, subject: core.Expr) -> Matched:
        at, strings = self.at, tuple(self.name(c, c.__name__) for c in (str, bytes, bytearray))
        star = next((k for k, p in enumerate(parts) if isinstance(p, gast.MatchStar)), None)
        count = core.Const(len(parts) - (star is not None), at=at)
        found = Matched(
            (
                self.isinstance(subject, self.name(collections.abc.Sequence, "Sequence")),
                core.Op("not", (self.isinstance(subject, core.Tuple(strings, at=at)),), at=at),
            )
        )
        if star is None or count.value > 0:
            length = self.call(len, subject)
            found &= Matched((core.Compare(("==" if star is None else ">=",), (length, count), at=at),))
        for k, part in enumerate(parts):
            if k != star:
                index = k if star is None or k < star else k - len(parts)
                found &= self.matched(part, core.Subscript(subject, core.Const(index, at=at), at=at))
            elif part.name is not None:
                after = len(parts) - 1 - star
                bounds = [core.Const(n, at=at) if n else None for n in (star, -after)]
                rest = core.Subscript(self.call(list, subject), core.Slice(*bounds, None, at=at), at=at)
                found &= Matched(bound=((part.name, rest if star or after else self.call(list, subject)),))
        return found

    def mapping(self, pattern: gast.MatchMapping, subject: core.Expr) -> Matched:
        at = self.at
        keys = self.lowering.exprs(pattern.keys)
        found = Matched((self.isinstance(subject, self.name(collections.abc.Mapping, "Mapping")),))
        found &= Matched(tuple(core.Compare(("in",), (key, subject), at=at) for key in keys))
        for key, part in zip(keys, pattern.patterns):
            found &= self.matched(part, core.Subscript(subject, key, at=at))
        if pattern.rest is not None:
            key = core.Name(self.lowering.fresh("key"), at=at)
            ifs = (core.Compare(("not in",), (key, core.Tuple(keys, at=at)), at=at),) if keys else ()
            clause = core.Clause(key, subject, ifs, at=at)
            pair = core.Tuple((key, core.Subscript(subject, key, at=at)), at=at)
            found &= Matched(bound=((pattern.rest, core.Comprehension("dict", pair, (clause,), at=at)),))
        return found

    def instance(self, pattern: gast.MatchClass, subject: core.Expr) -> Matched:
        cls = self.lowering.expr(pattern.cls)
        found = Matched((self.isinstance(subject, cls),))
        known = cls.obj if isinstance(cls, core.Ref) and isinstance(cls.obj, type) else None
        positional = pattern.patterns
        if len(positional) == 1 and known and issubclass(known, SELF_MATCHING) and "__match_args__" not in vars(known):
            found, positional = found & self.matched(positional[0], subject), []
        names = getattr(known, "__match_args__", ())
        if len(positional) > len(names):
            self.lowering.refuse(
                pattern,
                "positional patterns of a class without a known __match_args__ are not supported",
                "Name the attributes: Point(x=a, y=b).",
            )
            return found
        for name, part in zip((*names[: len(positional)], *pattern.kwd_attrs), (*positional, *pattern.kwd_patterns)):
            if name not in getattr(known, "__dataclass_fields__", ()):
                found &= Matched((self.call(hasattr, subject, core.Const(name, at=self.at)),))
            found &= self.matched(part, core.Attribute(subject, name, at=self.at))
        return found

    def name(self, obj, text: str) -> core.Ref:
        return core.Ref(obj, self.lowering.supplied(obj, text), at=self.at)

    def call(self, fn, *args: core.Expr) -> core.Expr:
        return core.Call(self.name(fn, fn.__name__), args, at=self.at)

    def isinstance(self, subject: core.Expr, cls: core.Expr) -> core.Expr:
        return self.call(isinstance, subject, cls)
