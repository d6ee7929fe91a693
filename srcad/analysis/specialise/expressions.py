"""Expressions other than operations and calls, and the conditions that kinds decide."""

from __future__ import annotations

import builtins
import functools
import inspect
import numbers
import types
from dataclasses import replace
from typing import Any

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import (
    BOOL, INT, NEVER, NOTHING, UNKNOWN, Array, Callee, Items, Kind, Listing, Literal, Maybe, Never, Nothing, Number,
    Opaque, Sliced, Unknown, is_float, is_list, item_kind, join, kind_of, plain,
)  # fmt: skip
from srcad.analysis.operations import (
    ARRAY_ATTRIBUTES, CONSTANT_ATTRIBUTES, function_of, is_array_like, python_value,
)  # fmt: skip
from srcad.analysis.specialise.changes import CHANGING
from srcad.analysis.specialise.protocols import is_object
from srcad.analysis.specialise.values import Local, Value, constant_kind, free_names, lookup, set_names
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Compare, Comprehension, Const, Dict, Expr, FString, Function, Global, If, IfExp,
    Invoke, Lambda, List, Logical, Name, Op, Ref, Set, Slice, Starred, Stmt, Subscript, Tuple, Unseen, Walrus, call_of, walk,
)  # fmt: skip
from srcad.core.printer import text
from srcad.core.places import root_name
from srcad.errors import SrcadError
from srcad.rules import registry


class Expressions:
    """The part of the specialisation that goes through expressions."""

    def test(self, e: Expr) -> Expr:
        """A condition: its truth has no derivative, so it stays as it is written."""
        if self.sets(e):
            return self.expr(e)
        self.check_stale(e)
        return replace(e, kind=BOOL, varied=False)

    def check_stale(self, e: Expr) -> None:
        """Refuses a condition, which stays as it is written, on a variable that has another value than the user's."""
        for n in walk(e):
            place = self.env[n.id].place if isinstance(n, Name) and n.id in self.env else None
            if place is not None and place.stale:
                self.present(n, place)

    def sets(self, e: Expr) -> bool:
        """Whether evaluating `e` sets a variable, or writes into one: by `:=`, or by a call of a user's function."""
        if any(isinstance(n, Walrus) for n in walk(e)):
            return True
        return any(self.writes(n) for n in walk(e) if isinstance(n, Call))

    def writes(self, e: Call, unseen: bool = False) -> bool:
        """Whether a call is one of a user's function that writes into an argument; `unseen` is the answer for one of which
        that is not known."""
        if isinstance(e.fn, Ref) and not isinstance(e.fn.obj, types.FunctionType):
            return False
        with self.attempt():
            specials, taken = dict(self.program.specials), set(self.program.named)
            problems = len(self.program.problems)
            try:
                typed = self.expr(e)
                if len(self.program.problems) > problems:
                    return True
                nodes = [n for part in (*self.out, typed) for n in walk(part)]
                if any(isinstance(n, Unseen) for n in nodes):
                    return unseen
                return any(isinstance(n, Invoke) and n.callee.written for n in nodes)
            except (SrcadError, RecursionError):
                return unseen
            finally:
                self.program.specials, self.program.named = specials, taken

    def decide(self, e: Expr) -> bool | None:
        """The truth of a condition that the kinds settle, None for the others."""
        match e:
            case Const(value=value):
                return bool(value)
            case Op(op="not", args=(arg,)):
                inner = self.decide(arg)
                return None if inner is None else not inner
            case Logical(op=op, args=args):
                found = [self.decide(a) for a in args]
                stop = op == "or"
                if stop in found and None not in found[: found.index(stop)]:
                    return stop
                return None if None in found else not stop
            case Compare(ops=("is" | "is not" as op,), args=(a, Const(value=None))):
                kind = self.peek(a)
                if isinstance(kind, Nothing):
                    return op == "is"
                return None if isinstance(kind, (Unknown, Maybe, Never, Opaque)) else op == "is not"
            case Compare(ops=("==" | "!=" | "<" | ">" | "<=" | ">=" as op,), args=(a, b)):
                left, right = self.peek(a), self.peek(b)
                match left, right:
                    case Number(value=int() as x), Number(value=int() as y):
                        return bool(kinds.OPERATORS[op](x, y))
                    case Literal(value=x), Literal(value=y) if op in ("==", "!="):
                        return (x == y) == (op == "==")
            case Compare(ops=("in" | "not in" as op,), args=(a, Tuple() | List() | Set() as display)):
                key = a if isinstance(a, Const) else self.peek(a)
                if isinstance(key, (Const, Literal)) and all(isinstance(x, Const) for x in display.elts):
                    return (key.value in [x.value for x in display.elts]) == (op == "in")
            case Call(fn=Ref(obj=builtins.isinstance), args=(a, classes), kwargs=()):
                return decide_instance(self.peek(a), classes)
            case Compare(ops=("is" | "is not" as op,), args=(a, b)):
                left, right = self.peek(a), self.peek(b)
                if isinstance(left, Callee) and isinstance(right, Callee) and left.extra is right.extra is None:
                    return (left.obj is right.obj) == (op == "is")
            case Name() | Attribute() | Subscript():
                return decide_truth(self.peek(e))
        return None

    def peek(self, e: Expr) -> Kind:
        """The kind of `e`, without building anything."""
        if any(isinstance(n, Walrus) for n in walk(e)):
            return UNKNOWN
        with self.attempt():
            try:
                return self.expr(e).kind
            except SrcadError:
                return UNKNOWN

    def peek_varied(self, e: Expr) -> bool:
        """Whether anything in `e` is varied."""
        with self.attempt():
            try:
                parts = (e.fn.value if isinstance(e.fn, Attribute) else e.fn, *e.args, *(v for _, v in e.kwargs))
                return any(self.expr(p).varied for p in parts)
            except SrcadError:
                return self.reads_varied(e)

    def expr(self, e: Expr, name: str | None = None) -> Expr:
        """`e` with kinds; `name` is the variable that its value is going to have, if any."""
        match e:
            case Const(value=value):
                return replace(e, kind=constant_kind(value))
            case Name(id=id_):
                return self.name(e, id_)
            case Ref(obj=obj):
                return replace(e, kind=kind_of(obj, e.text))
            case Global(id=id_):
                return replace(e, kind=self.global_kind(e, id_))
            case Attribute():
                return self.attribute(e)
            case Subscript(value=Attribute(value=array, attr="flat"), index=index) if isinstance(
                plain(self.peek(array)), Array
            ):
                array, index = self.exprs((array, index))
                items = self.typed_operation(replace(call_of(np.ravel, array), at=e.at))
                return self.typed_operation(replace(e, value=items, index=index))
            case Subscript(value=value, index=index):
                if is_written_out(index):
                    part = self.part(value, python_value(index)) if isinstance(value, Name) else None
                    if part is not None:
                        return part
                    value, index = self.container(value), self.expr(index)
                else:
                    value, index = self.exprs((value, index))
                e = replace(e, value=self.held(value), index=index)
                called = self.of_item(e)
                return self.typed_operation(e) if called is None else called
            case Slice(lower=lower, upper=upper, step=step):
                parts = [None if p is None else self.expr(p) for p in (lower, upper, step)]
                bounds = tuple(NOTHING if p is None else p.kind for p in parts)
                return replace(e, lower=parts[0], upper=parts[1], step=parts[2], kind=Sliced(bounds))
            case Tuple() | List():
                return self.display(e)
            case Dict():
                return self.mapping(e)
            case Set():
                return replace(e, kind=Opaque(set), varied=self.reads_varied(e))
            case Op(op="not", args=(arg,)):
                if self.sets(arg):
                    e = replace(e, args=(self.expr(arg),))
                return replace(e, kind=BOOL)
            case Op(args=args):
                args = self.exprs(args)
                e = replace(e, args=args)
                called = self.of_operator(e)
                return self.typed_operation(e) if called is None else called
            case Compare():
                return self.compare(e)
            case Logical():
                return self.logical(e, name)
            case IfExp():
                return self.choice(e, name)
            case Call():
                self.rewritten["called", e.fn] = e
                typed = self.call(e)
                self.note_changes(typed)
                return typed
            case Walrus(target=target, value=value):
                self.assign(Assign(target, value, at=e.at), target, value)
                return self.name(target, target.id)
            case Comprehension():
                self.check_late_changes(e)
                return self.comprehension(e)
            case Lambda(function=function):
                self.check_late_changes(e)
                function = self.with_fixed_defaults(function)
                return self.closure(replace(e, function=function), Local(function, self.special.owner))
            case FString():
                return replace(e, kind=Opaque(str))
            case Starred(value=value):
                typed = self.expr(self.iterable(value))
                return replace(e, value=typed, kind=typed.kind, varied=typed.varied)
        self.refuse(e, f"{type(e).__name__.lower()} is not supported")
        return replace(e, kind=UNKNOWN)

    def exprs(self, args) -> tuple[Expr, ...]:
        """Operands, from left to right."""
        out: list[Expr] = []
        for arg in args:
            before = len(self.out)
            typed = self.expr(arg)
            made = self.out[before:]
            if made:  # what comes before them in the expression comes before them in time
                del self.out[before:]
                written = set_by(made)
                out = [self.kept(o, written) for o in out]
                self.out.extend(made)
            out.append(typed)
        return tuple(out)

    def kept(self, operand: Expr, written: set[str]) -> Expr:
        """An operand that statements come after: in a variable, if they or its own effect would make it another value."""
        if isinstance(operand, Starred):
            return replace(operand, value=self.kept(operand.value, written))
        if has_effect(operand) or any(isinstance(n, Name) and n.id in written for n in walk(operand)):
            return self.named(operand, "value", avoid=written)
        return operand

    def name(self, e: Name, id_: str) -> Expr:
        value = self.env.get(id_)
        if value is None:
            return replace(e, kind=UNKNOWN)
        if isinstance(value.kind, Callee) and isinstance(value.kind.obj, Local) and value.kind.extra == "local":
            if id_ not in self.own_functions:
                self.refuse(e, f"`{id_}`, a nested function of another function, is used as a value", "Call it.")
            return self.closure(e, value.kind.obj)
        if value.place is not None:
            return self.present(e, value.place)
        if value.parts:
            for _, place in value.parts:
                if place.expr is None:
                    return self.present(e, place)
            held = ", ".join(dict.fromkeys(f"`{p.text}`" for _, p in value.parts))
            self.refuse(e, f"`{id_}` as a whole, which holds {held}, an array that is written into", "Put in a copy.")
        return replace(e, kind=value.kind, varied=value.varied)

    def closure(self, e: Expr, local: Local) -> Expr:
        """A nested function as a value: it carries the variables that it captures."""
        captured = self.captured(local)
        local = self.with_siblings(local)
        extra = tuple((n, self.env.get(n, Value(UNKNOWN))) for n in captured)
        varied = any(v.varied for _, v in extra)
        self.disown(set(captured))
        return replace(e, kind=Callee(local, tuple((n, replace(v, owned=False)) for n, v in extra)), varied=varied)

    def with_fixed_defaults(self, function: Function) -> Function:
        """A nested function whose defaults, which Python computes when it defines the function, are held in variables."""
        if all(p.default is None or isinstance(p.default, (Const, Ref)) for p in function.params):
            return function
        if function not in self.rewritten:
            setup, params = [], []
            for p in function.params:
                if p.default is not None and not isinstance(p.default, (Const, Ref)):
                    holder = Name(self.special.names.new(f"{p.id}_default"), at=p.default.at)
                    setup.append(Assign(holder, p.default, at=p.default.at))
                    p = replace(p, default=holder)
                params.append(p)
            self.rewritten[function] = setup, replace(function, params=tuple(params))
        setup, fixed = self.rewritten[function]
        if self.loops:
            self.refuse(
                function, "a nested function with a computed default, in a loop", "Pass the value as an argument."
            )
        for s in setup:
            self.statement(s)
        return fixed

    def with_siblings(self, local: Local) -> Local:
        """A nested function that knows the other nested functions in sight."""
        seen = tuple(
            (n, v.kind.obj) for n, v in self.env.items() if isinstance(v.kind, Callee) and v.kind.extra == "local"
        )
        return replace(local, siblings=seen)

    def captured(self, local: Local) -> tuple[str, ...]:
        """The variables of this function that a nested one needs, those of other nested functions it calls included."""
        found: dict[str, None] = {}
        seen: set[int] = set()

        def visit(function: Function):
            if id(function) in seen:
                return
            seen.add(id(function))
            for n in free_names(function):
                value = self.env.get(n)
                if value is not None and isinstance(value.kind, Callee) and value.kind.extra == "local":
                    visit(value.kind.obj.function)
                elif value is not None:
                    found[n] = None

        visit(local.function)
        return tuple(found)

    def global_kind(self, e: Expr, id_: str) -> Kind:
        found, value = lookup(self.special.owner, id_)
        if not found:
            return UNKNOWN
        kind = kind_of(value, ("global", id_))
        self.program.guards[(self.special.owner, id_)] = kind
        return kind

    def held(self, typed: Expr) -> Expr:
        """A varied container as a variable or an item of one: its adjoint is then added to item by item."""
        root = typed
        while isinstance(root, Attribute) or isinstance(root, Subscript) and not isinstance(root.index.kind, Sliced):
            root = root.value
        if typed.varied and isinstance(plain(typed.kind), (Items, Listing)) and not isinstance(root, Name):
            return self.named(typed, "items")
        return typed

    def attribute(self, e: Attribute) -> Expr:
        part = self.part(e.value, e.attr)
        if part is not None:
            return part
        value, asked = self.held(self.container(e.value)), e
        e, kind = replace(e, value=value), plain(value.kind)
        is_called = ("called", asked) in self.rewritten
        if isinstance(kind, (Items, Listing)) and kind.cls in (list, dict) and e.attr in CHANGING and not is_called:
            what = f"`{text(e)}` is taken without being called: what calls it later changes `{text(e.value)}`"
            self.refuse(e, what, f"Call it at once: {text(e)}(…).")
        if isinstance(kind, Items) and kind.is_record or isinstance(kind, Items) and hasattr(kind.cls, "_fields"):
            fields = getattr(kind.cls, "_fields", kind.keys)
            if e.attr in fields:
                item = kind.items[fields.index(e.attr)]
                return replace(e, kind=item, varied=value.varied and is_float(item))
            if e.attr == "__class__":
                return Ref(kind.cls, kind.cls.__name__, kind=Callee(kind.cls), at=e.at)
            found = inspect.getattr_static(kind.cls, e.attr, None)
            if isinstance(found, property):
                part = self.accessed(found.fget, (value,))
                return self.invoke(e, found.fget, (value,), ()) if part is None else part
            if isinstance(found, functools.cached_property) and is_frozen(kind.cls) and not self.special.is_aliasing:
                return self.invoke(e, found.func, (value,), ())
            if found is not None and not hasattr(found, "__get__"):  # a constant of the class
                return replace(e, kind=kind_of(found, ("class", kind.cls.__name__, e.attr)), varied=False)
            if value.varied and isinstance(found, functools.cached_property):
                self.refuse(e, f"`.{e.attr}`, which is kept when its object changes", "Make it a property.")
            elif value.varied and not isinstance(found, (types.FunctionType, classmethod, staticmethod)):
                self.refuse(e, f"`.{e.attr}`, which is no attribute of a {kind.cls.__name__} here", "Set it in __init__.")
            return replace(e, kind=UNKNOWN, varied=value.varied)
        if isinstance(kind, Array):
            if e.attr == "shape" and kind.dims is not None:
                sizes = tuple(Number("int", 1 if d == kinds.ONE else d) for d in kind.dims)
                return replace(e, kind=Items(tuple, tuple(range(len(sizes))), sizes))
            if e.attr == "ndim" and kind.rank is not None:
                return replace(e, kind=Number("int", kind.rank))
            if e.attr == "dtype":
                return replace(e, kind=Callee(kind.dtype))
            if e.attr in ("size", "ndim", "itemsize", "nbytes"):
                return replace(e, kind=INT)
        if e.attr in CONSTANT_ATTRIBUTES and is_array_like(kind):
            return replace(e, kind=UNKNOWN)
        if e.attr in ARRAY_ATTRIBUTES and is_array_like(kind):
            return self.typed_operation(e)
        if isinstance(kind, Callee) and isinstance(kind.obj, (types.ModuleType, type)) and hasattr(kind.obj, e.attr):
            found = kind_of(getattr(kind.obj, e.attr), ("global", e.attr))
            if isinstance(value, Ref):
                self.program.guards[(kind.obj, e.attr)] = found
            return replace(e, kind=found)
        if isinstance(kind, Opaque) and (made := registry.class_made((kind.type, e.attr))) is not None:
            return replace(e, kind=Opaque(made), varied=value.varied)
        if isinstance(kind, Opaque) and isinstance(inspect.getattr_static(kind.type, e.attr, None), property):
            if value.varied:
                return self.invoke(e, inspect.getattr_static(kind.type, e.attr).fget, (value,), ())
        return replace(e, kind=UNKNOWN, varied=value.varied)

    def display(self, e: Tuple | List) -> Expr:
        elts = self.exprs(e.elts)
        varied = any(x.varied for x in elts)
        e = replace(e, elts=elts, varied=varied)
        if any(isinstance(x, Starred) for x in elts):
            flat: list[Expr] = []
            for x in elts:
                inner = plain(x.value.kind) if isinstance(x, Starred) else None
                if not isinstance(x, Starred):
                    flat.append(x)
                elif isinstance(inner, Items) and inner.is_sequence:
                    source = x.value if isinstance(x.value, Name) else self.named(x.value, "items")
                    flat.extend(self.expr(Subscript(source, Const(i), at=x.at)) for i in inner.keys)
                elif isinstance(inner, Listing) and (varied or isinstance(e, List) or inner.cls is tuple):
                    return self.joined_display(e)  # a list serves for a tuple of what is in a list
                elif varied:
                    self.refuse(x, "a starred item of unknown length", "Use `+` of lists, or np.concatenate.")
                else:
                    return replace(e, kind=UNKNOWN)
            e = replace(e, elts=tuple(flat))
        items = tuple(x.kind for x in e.elts)
        if isinstance(e, Tuple):
            return replace(e, kind=Items(tuple, tuple(range(len(items))), items))
        joined = functools.reduce(join, items, NEVER)
        if kinds.is_settled(joined) or not items:
            return replace(e, kind=Listing(joined))
        return replace(e, kind=Items(list, tuple(range(len(items))), items))

    def joined_display(self, e: Tuple | List) -> Expr:
        """`[x, *items, y]` as `[x] + items + [y]`, and the same of tuples."""
        of_tuples = all(plain(x.value.kind).cls is tuple for x in e.elts if isinstance(x, Starred))
        made, cls = (Tuple, tuple) if isinstance(e, Tuple) and of_tuples else (List, list)
        parts: list[Expr] = []
        for x in e.elts:
            inner = plain(x.value.kind) if isinstance(x, Starred) else None
            if isinstance(inner, Items):
                holder = x.value if isinstance(x.value, Name) else self.named(x.value, "items")
                parts.append(made(tuple(self.expr(Subscript(holder, Const(i), at=x.at)) for i in inner.keys), at=x.at))
            elif isinstance(x, Starred):
                is_made = made is List and (len(e.elts) == 1 or not is_list(inner))
                parts.append(self.expr(Call(Ref(list, "list"), (x.value,), at=x.at)) if is_made else x.value)
            elif parts and isinstance(parts[-1], made):
                parts[-1] = replace(parts[-1], elts=(*parts[-1].elts, x))
            else:
                parts.append(made((x,), at=x.at))
        typed = [self.display(p) if isinstance(p, made) else p for p in parts]
        typed = [replace(p, kind=Listing(item_kind(plain(p.kind)), cls)) for p in typed]
        return functools.reduce(lambda a, b: self.typed_operation(Op("+", (a, b), at=e.at)), typed)

    def mapping(self, e: Dict) -> Expr:
        values = self.exprs(e.values)
        keys = [None if k is None else self.expr(k) for k in e.keys]
        varied = any(v.varied for v in values)
        entries: dict[Any, tuple[Expr, Expr]] = {}
        for key, value in zip(keys, values):
            inner = plain(value.kind)
            if key is None and isinstance(inner, Items) and inner.cls is dict:
                holder = self.named(value, "items") if not isinstance(value, Name) else value
                for k in inner.keys:
                    item = self.expr(Subscript(holder, Const(k), at=e.at))
                    entries[k] = (Const(k, kind=constant_kind(k)), item)
            elif isinstance(key, Const):
                entries[key.value] = (key, value)
            else:
                if varied:
                    self.refuse(e, "a dictionary of differentiated values with computed keys", "Use a list.")
                return replace(e, keys=tuple(keys), values=values, kind=Opaque(dict), varied=varied)
        items = tuple(v for _, v in entries.values())
        kind = Items(dict, tuple(entries), tuple(v.kind for v in items))
        return replace(e, keys=tuple(k for k, _ in entries.values()), values=items, varied=varied, kind=kind)

    def compare(self, e: Compare) -> Expr:
        if self.sets(e):
            return replace(e, args=self.exprs(e.args), kind=BOOL)
        self.check_stale(e)
        with self.attempt():
            try:
                parts = self.exprs(e.args)
            except SrcadError:
                parts = ()
        if len(parts) == 2 and e.ops[0] in kinds.OPERATORS:
            operands = [plain(p.kind) for p in parts]
            if any(isinstance(k, Array) for k in operands):
                kind = self.operator_kind(e.ops[0], operands, e)
                return replace(e, kind=kind)
            if any(isinstance(k, Unknown) for k in operands):
                return replace(e, kind=UNKNOWN)
        return replace(e, kind=BOOL)

    def logical(self, e: Logical, name: str | None) -> Expr:
        result = name if name is not None and not reads(e, name) else self.fresh("choice", e)
        is_and = e.op == "and"

        def nest(args) -> tuple[Stmt, ...]:
            first, *others = args
            assigned = Assign(Name(result, at=first.at), first, at=e.at)
            if not others:
                return (assigned,)
            test = Name(result, at=first.at)
            return (assigned, If(test if is_and else Op("not", (test,)), nest(others), (), at=e.at))

        with self.trial(e) as keep:
            for s in nest(e.args):
                self.statement(s)
            value = self.env[result]
            emits = any(isinstance(n, Walrus) for n in walk(e)) or calls_made(self.out)
            if value.varied or emits:
                keep()
        if value.varied or emits:
            return self.name(Name(result, at=e.at), result)
        return replace(e, kind=value.kind)

    def choice(self, e: IfExp, name: str | None) -> Expr:
        decided = self.decide(e.test)
        if decided is not None:
            return self.expr(e.body if decided else e.orelse, name)
        result = name if name is not None else self.fresh("choice", e)
        target = Name(result, at=e.at)
        with self.trial(e) as keep:
            self.env = {n: v for n, v in self.env.items() if n != result or reads(e, result)}
            arms = (Assign(target, e.body, at=e.body.at),), (Assign(target, e.orelse, at=e.orelse.at),)
            self.statement(If(e.test, *arms, at=e.at))
            value = self.env[result]
            emits = any(isinstance(n, Walrus) for n in walk(e)) or calls_made(self.out) or value.place is not None
            if value.varied or emits:
                keep()
        if value.varied or emits:
            return self.name(target, result)
        return replace(e, kind=value.kind)


def is_frozen(cls: type) -> bool:
    """Whether the attributes of objects of a class cannot be set."""
    return getattr(cls, "__dataclass_params__", None) is not None and cls.__dataclass_params__.frozen


def is_written_out(index: Expr) -> bool:
    """Whether an index is a constant."""
    return isinstance(index, Const) or isinstance(index, Op) and index.op == "neg" and isinstance(index.args[0], Const)


def reads(e: Expr, name: str) -> bool:
    return any(isinstance(n, Name) and n.id == name for n in walk(e))


def set_by(block) -> set[str | None]:
    """The variables that statements set, or write into."""
    found: set[str | None] = set()
    for n in (n for s in block for n in walk(s)):
        match n:
            case Assign(target=target) | AugAssign(target=target):
                found |= set_names(target) | {root_name(target)}
            case Call(fn=Attribute(value=owner, attr="append" | "pop")):
                found.add(root_name(owner))
            case Invoke(callee=callee, args=args):
                found |= {root_name(x) for p, x in zip(callee.params, args) if p in callee.written}
    return found


def has_effect(e: Expr) -> bool:
    """Whether evaluating `e` may do more than compute a value, as drawing a random number does."""
    for n in walk(e):
        if isinstance(n, Call):
            applied = function_of(n)
            if applied is None or not (kinds.is_pure(applied[0]) or is_quiet(applied[0])):
                return True
    return False


def is_quiet(fn) -> bool:
    """Whether a function makes an object of its arguments, and no more."""
    return isinstance(fn, type) or fn in (isinstance, type, getattr, hasattr, runtime.captured)


def calls_made(block) -> bool:
    """Whether a block has calls that have become statements of their own."""
    return any(isinstance(n, Invoke) for s in block for n in walk(s))


def describe(e: Expr) -> str:
    return f"`{text(e)}`"


def decide_truth(kind: Kind) -> bool | None:
    """The truth of values of a kind; None if it depends on the value."""
    match kind:
        case Nothing():
            return False
        case Literal(value=value):
            return bool(value)
        case Items(keys=keys) if not is_object(kind):
            return bool(keys)
        case Items(cls=cls):
            return None if hasattr(cls, "__bool__") or hasattr(cls, "__len__") else True
        case Callee(extra=None):
            return True
    return None


def decide_instance(kind: Kind, classes: Expr) -> bool | None:
    """Whether values of a kind are instances of what `isinstance` asks for; None if the kind does not tell."""
    if isinstance(classes, Tuple):
        found = [decide_instance(kind, c) for c in classes.elts]
        return True if True in found else None if None in found else False
    if not (isinstance(classes, Ref) and isinstance(classes.obj, type)):
        return None
    cls = classes.obj
    match kind:
        case Array():
            return issubclass(np.ndarray, cls)
        case Number(mixed=True):
            return None if issubclass(cls, (int, float, complex, np.generic, numbers.Number)) else cls is object
        case Number(type="float"):
            return True if cls in (float, object) else None if issubclass(cls, np.generic) else issubclass(float, cls)
        case Number(type="int" | "bool"):
            return None if cls not in (float, complex, np.ndarray, list, tuple, dict, str) else False
        case Items(cls=known) | Listing(cls=known):
            return issubclass(known, cls)
        case Nothing():
            return issubclass(type(None), cls)
        case Literal(value=value):
            return isinstance(value, cls)
        case Opaque(type=known) if known is not Exception:
            return issubclass(known, cls)
    return None
