"""Derivative rules, run with symbols: the adjoint of each operand of an operation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Kind, Listing, Number, Unknown, plain
from srcad.analysis.operations import Operation, Refused, function_of, operation, python_value
from srcad.core.nodes import (
    Attribute, Call, Const, Expr, List, Name, Op, Ref, Slice, Starred, Subscript, Tuple, Undecided, lift, reference, walk,
)  # fmt: skip
from srcad.rules import registry
from srcad.transform.algebra import negated, product, without_sign
from srcad.transform.reverse.forms import (
    OP_NAMES, called_name, describe, is_operand, missing, node_count, same_shape, shape_of, summed, symbol, values_in,
)  # fmt: skip


class Operations:
    """The part of the reversal that applies rules."""

    def apply(self, e: Expr, bar: Expr, root: Expr | None, wide: Kind | None = None) -> None:
        """Runs the rule of an operation with symbols and sends what it gives to the operands. Of an element-wise one `bar`
        may be `wide`, and so may be what is sent on: it is summed to the shape of an operand where that is looked at."""
        if is_linear_pullback(e):  # an adjoint that is linear in that of the result, and depends on nothing else
            name, k, y_bar, *rest = e.args
            dots = Tuple(tuple(bar if i == k.value else Const(None) for i in range(len(rule_named(name).data))))
            called = Call(symbol(registry.apply_jvp), (name, dots, *map(self.whole_operand, rest)), e.kwargs)
            return self.propagate(y_bar, self.resolve(called))
        try:
            applied = operation(e)
        except (Refused, registry.Refused) as refused:
            raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
        if applied is None:
            raise missing(e, f"{describe(e)} has no derivative rule")
        flows = [(k, i, x) for k, i, x in applied.data if is_operand(x) and x.varied]
        if len(flows) > 1 or node_count(bar) > 6:
            bar = self.held(bar, f"{self.base_name(e, root)}_bar")
        y = root if root is not None else self.operand(e, always=True)
        for k, i, x in flows:
            self.spread_to = wide, self.stays_wide(e, applied, x, wide)
            try:
                contribution = self.resolve(lift(self.contribution(e, applied, k, i, x, y, bar)))
            except registry.Refused as refused:
                raise missing(e, f"{describe(e)} has no derivative rule for {refused}") from None
            whole = i is None and applied.rule.data[k] not in applied.rule.sequence
            if whole and isinstance(plain(x.kind), (Items, Listing)):
                contribution = Call(symbol(list), (contribution,))
            if isinstance(plain(e.kind), Number):
                contribution = as_spread(contribution)
            self.propagate(x, contribution, wide=self.spread_to[1])

    def stays_wide(self, e: Expr, applied: Operation, x: Expr, wide: Kind | None) -> Kind | None:
        """The kind whose shape an adjoint keeps on its way to the operand `x`, where that is not known to be its own."""
        result = e.kind if wide is None else wide
        if self.program.is_complex or not (is_elementwise(e) and is_elementwise(x)):
            return None
        if wide is None and is_unbroadcast(x.kind, e.kind, applied) or same_shape(plain(x.kind), plain(result)):
            return None
        return None if self.summed_axes(plain(x.kind), plain(result)) is not None else result

    def base_name(self, e: Expr, root: Expr | None) -> str:
        if id(e) in self.hoisted:
            return self.hoisted[id(e)].id
        if root is not None:
            return root.id
        fn = function_of(e)[0]
        return OP_NAMES.get(fn, fn) if isinstance(fn, str) else called_name(fn)

    def contribution(self, e: Expr, applied: Operation, k: int, item, x: Expr, y: Expr, bar: Expr) -> Expr:
        """The adjoint of operand `x` of the operation `e`: data argument `k`, item `item` of it if it is a sequence."""
        rule = applied.rule
        name, known = rule.data[k], (x.kind, e.kind)
        if self.program.is_complex:  # unknown operands may be complex, then
            known = tuple(v.kind for v in (e, *(v for _, _, v in applied.data)) if v.kind is not None)
        is_complex = any(map(kinds.is_complex, known))
        is_turned = is_complex and rule.is_turned()
        is_list = name in rule.sequence and item is None and not isinstance(plain(x.kind), Array)
        if any(isinstance(kind, Unknown) for kind in known) and (rule.partials is None or self.program.is_complex):
            return self.at_run_time(e, applied, k, item, y, bar)
        if is_list and is_complex:
            return self.at_run_time(e, applied, k, item, y, bar)
        try:
            if is_turned:
                return self.turned(e, applied, k, item, x, y, bar)
            match lift(self.by_rule(e, applied, k, item, x, y, bar)):
                case Call(fn=Ref(obj=np.conj), args=(inner,)):
                    return self.conjugate(inner)
                case contribution:
                    return contribution
        except Undecided:
            if self.spread_to[0] is not None:
                bar = Call(symbol(runtime.unbroadcast), (bar, shape_of(self.operand(e))))
            self.spread_to = None, None
            return self.at_run_time(e, applied, k, item, y, bar)

    def turned(self, e: Expr, applied: Operation, k: int, item, x: Expr, y: Expr, bar: Expr) -> Expr:
        """The contribution by a rule that gives the transpose: that of the conjugate, conjugated."""
        if applied.rule.partials is not None:
            return self.by_rule(e, applied, k, item, x, y, bar, turn=self.conjugate)
        transposed = lift(self.by_rule(e, applied, k, item, x, y, Call(symbol(np.conj), (bar,))))
        return self.conjugate(transposed, bar)

    def by_rule(self, e, applied: Operation, k: int, item, x: Expr, y: Expr, bar: Expr, turn=lambda local: local):
        """What the rule of an operation gives; `turn` is applied to a partial derivative. Raises Undecided."""
        rule = applied.rule
        name = rule.data[k]
        if name in rule.sequence and item is None and not isinstance(plain(x.kind), Array):
            items = plain(x.kind)
            if rule.listed is None or not isinstance(items, (Listing, Items)):
                raise Undecided("a list of arrays")
            given = {n: self.operand(x) if n == name else self.argument(v) for n, v in applied.arguments.items()}
            args, kwargs = positional_and_keyword(rule, given)
            return rule.listed(Name("item", kind=kinds.item_kind(items)), bar, y, *args, **kwargs)
        arguments = {name: self.argument(value) for name, value in applied.arguments.items()}
        if rule.partials is not None:
            return self.elementwise(e, applied, arguments, k, x, y, bar, turn)
        args, kwargs = positional_and_keyword(rule, arguments)
        if name not in rule.sequence:
            return rule.vjps[k](bar, y, *args, **kwargs)
        if item is not None:
            return rule.vjps[k](item, bar, y, *args, **kwargs)
        if rule.whole is not None and k == 0:
            return rule.whole(bar, y, *args, **kwargs)
        raise Undecided("an array in place of a list of arrays")

    def argument(self, value):
        """An argument as a rule gets it: a Python value if it is written out, else a placeholder of its expression."""
        if isinstance(value, tuple):
            return tuple(self.argument(v) for v in value)
        if not value.varied:
            try:
                return python_value(value)
            except ValueError:
                pass
        return self.operand(value)

    def elementwise(self, e: Expr, applied: Operation, arguments, k: int, x: Expr, y: Expr, bar: Expr, turn) -> Expr:
        """`bar` times the partial derivative, summed over the axes along which the operand was broadcast."""
        rule = applied.rule
        partial = rule.partials[k]
        if partial is None:
            self.spread_to = None, None
            return self.zero(self.operand(x), x.kind)
        data = rule.operands(arguments)
        local = turn(lift(partial(y, *(Const(d) if type(d) in (int, float) else d for d in data))))
        where = arguments.get("where", True)
        wide, still_wide = self.spread_to
        if id(e) in self.passed_over:
            contribution = registry.masked(Call(symbol(runtime.passed), (bar, lift(local))), where)
            return contribution if still_wide is not None else self.fitted(contribution, x, e, applied, wide)
        uniform = as_uniform(bar)
        if uniform is not None and where is True and wide is None:
            scalar, shape = uniform
            if self.is_full(local, e.kind):
                bar, uniform = scalar, None
            else:
                inner = product(scalar, local)
                if is_unbroadcast(x.kind, e.kind, applied):
                    return Spread(symbol(np.broadcast_to), (inner, shape))
        elif where is True and wide is None and self.is_dotted(x, e, local):
            return dotted(bar, local)
        contribution = product(bar, local)
        if where is not True:
            contribution = registry.masked(contribution, where)
        return contribution if still_wide is not None else self.fitted(contribution, x, e, applied, wide)

    def is_dotted(self, x: Expr, e: Expr, local) -> bool:
        """Whether the adjoint of a number is the sum of products of two real arrays that have one shape."""
        floats = isinstance(plain(x.kind), Number) and isinstance(e.kind, Array) and e.kind.dtype == np.float64
        return floats and not self.program.is_complex and self.is_full(local, e.kind)

    def is_full(self, local, kind: Kind) -> bool:
        """Whether a partial derivative has, by itself, the shape of the result."""
        if not isinstance(local, Expr) or not isinstance(kind, Array) or kind.dims is None:
            return False
        for node in values_in(local):
            found = plain(node.kind) if node.kind is not None else None
            if isinstance(found, Array) and found.dims is not None and len(found.dims) == len(kind.dims):
                if all(
                    a == b == kinds.ONE or kinds.same_extent(a, b) or (a is not None and a.many)
                    for a, b in zip(found.dims, kind.dims)
                ):
                    return True
        return False

    def fitted(self, contribution: Expr, x: Expr, e: Expr, applied: Operation, wide: Kind | None = None) -> Expr:
        """A contribution of the shape of the result, or of a `wide` one, summed to that of the operand `x`."""
        kind, result = plain(x.kind), plain(e.kind if wide is None else wide)
        if is_unbroadcast(x.kind, e.kind, applied) if wide is None else same_shape(kind, result):
            return contribution
        if isinstance(kind, Number) and isinstance(result, Array):
            return summed(contribution)
        axes = self.summed_axes(kind, result)
        if axes is not None:
            axis = Const(axes[0]) if len(axes) == 1 else Tuple(tuple(map(Const, axes)))
            kept = (("keepdims", Const(True)),) if len(kind.dims) == len(result.dims) else ()
            return summed(contribution, (("axis", axis), *kept))
        return Call(symbol(runtime.unbroadcast), (contribution, shape_of(self.operand(x))))

    def summed_axes(self, kind: Kind, result: Kind) -> tuple[int, ...] | None:
        """The axes over which an adjoint of the shape of `result` is summed for an operand; None where that is not known."""
        if not (isinstance(kind, Array) and isinstance(result, Array)) or None in (kind.dims, result.dims):
            return None
        extra = len(result.dims) - len(kind.dims)
        pairs = list(zip(kind.dims, result.dims[extra:]))
        if not all(
            d == r == kinds.ONE
            or kinds.same_extent(d, r)
            or (d is not None and d.many)
            or (d == kinds.ONE and r is not None and r.many)
            for d, r in pairs
        ):
            return None
        spread = tuple(i for i, (d, r) in enumerate(pairs) if d == kinds.ONE and r != kinds.ONE)
        if not spread:
            return tuple(range(extra)) or None
        return spread if extra == 0 else None

    def at_run_time(self, e: Expr, applied: Operation, k: int, item, y: Expr, bar: Expr) -> Expr:
        """The rule, called when the program runs: for operands of which too little is known now."""
        fn, args, kwargs = function_of(e)
        name: Expr = Const(fn) if isinstance(fn, str) else reference(fn)
        operands = tuple(self.whole_operand(a) for a in args)
        if fn == "getitem" and any(isinstance(n, Slice) for n in walk(operands[1])):
            operands = (operands[0], Subscript(Ref(np.s_, "np.s_"), operands[1]))
        keywords = tuple((n, self.whole_operand(v)) for n, v in kwargs)
        called: Expr = Call(symbol(registry.apply_vjp), (name, Const(k), bar, y, *operands), keywords)
        for key in () if item is None else item if isinstance(item, tuple) else (item,):
            called = Subscript(called, Const(key))
        return called

    def whole_operand(self, e: Expr) -> Expr:
        match e:
            case Tuple(elts=elts):
                return replace(e, elts=tuple(self.whole_operand(x) for x in elts))
            case List(elts=elts):
                return replace(e, elts=tuple(self.whole_operand(x) for x in elts))
            case Starred(value=value):
                return replace(e, value=self.whole_operand(value))
            case Slice(lower=lower, upper=upper, step=step):
                parts = (None if p is None else self.whole_operand(p) for p in (lower, upper, step))
                return Slice(*parts)
            case Const() | Ref():
                return e
        return self.operand(e)


def dotted(bar: Expr, local: Expr) -> Expr:
    """The sum of `bar * local`, with signs and numbers in front of it.

    >>> text(dotted(Name("y_bar"), -Name("x", kind=VECTOR) / 2.0))
    '-np.vdot(y_bar, x) / 2.0'
    """
    match local:
        case Op(op="neg", args=(inner,)):
            return negated(dotted(bar, inner))
        case Op(op="*" | "/" as op, args=(inner, Const() | Expr(kind=Number()) as number)):
            return Op(op, (dotted(bar, inner), number))
        case Op(op="*", args=(Const() | Expr(kind=Number()) as number, inner)):
            return Op("*", (dotted(bar, inner), number))
    positive = without_sign(bar)
    if positive is not None:
        return negated(dotted(positive, local))
    return Call(symbol(np.vdot), (bar, local))


def is_linear_pullback(e: Expr) -> bool:
    """Whether `e` is a call of `apply_vjp` for a function that is linear in its data."""
    match e:
        case Call(fn=Ref(obj=registry.apply_vjp), args=(name, Const(), *_)):
            rule = rule_named(name)
            return rule is not None and (rule.jvp == "linear" or rule.fn is np.sum)
    return False


def rule_named(name: Expr):
    """The rule of a function that is an argument of `apply_vjp`."""
    return registry.find(name.obj if isinstance(name, Ref) else name.value) if isinstance(name, (Ref, Const)) else None


def is_elementwise(e: Expr) -> bool:
    """Whether `e` is an array that an element-wise function makes of all its elements."""
    if not isinstance(plain(e.kind), Array) or isinstance(e, (Subscript, Attribute)):
        return False
    applied = function_of(e)
    rule = None if applied is None else registry.find(applied[0])
    return rule is not None and rule.partials is not None and not any(k == "where" for k, _ in applied[2])


class Spread(Call):
    """`np.broadcast_to(number, shape)`: an adjoint that is one number everywhere."""


def as_spread(bar: Expr) -> Expr:
    """The adjoint of an operand of a function whose result is a number, marked where it is one number everywhere."""
    match bar:
        case Call(fn=Ref(obj=np.broadcast_to), args=args):
            return Spread(bar.fn, args)
    return bar


def as_uniform(bar: Expr):
    """The number and the shape of an adjoint that is one number everywhere."""
    return bar.args if isinstance(bar, Spread) else None


def is_unbroadcast(x: Kind, y: Kind, applied: Operation) -> bool:
    """Whether an operand of kind `x` is known to have the shape of the result."""
    x, y = plain(x), plain(y)
    if isinstance(y, Number):
        return isinstance(x, Number)
    if not isinstance(y, Array) or not isinstance(x, Array):
        return False
    others = [e for _, _, e in applied.data if isinstance(e, Expr)]
    if sum(not isinstance(plain(e.kind), Number) for e in others) == 1:
        return "where" not in applied.arguments
    if x.dims is None or y.dims is None or len(x.dims) != len(y.dims):
        return False
    return all(
        a == b == kinds.ONE or kinds.same_extent(a, b) or (a is not None and a.many) for a, b in zip(x.dims, y.dims)
    )


def positional_and_keyword(rule, arguments) -> tuple[list, dict]:
    args, kwargs = [], {}
    positional = True
    for name, parameter in rule.signature.parameters.items():
        if name not in arguments:
            positional = False
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            args.extend(arguments[name])
            continue
        value = arguments[name]
        value = list(value) if isinstance(value, tuple) and name in rule.sequence else value
        if positional and parameter.kind is not parameter.KEYWORD_ONLY:
            args.append(value)
        else:
            kwargs[name] = value
    return args, kwargs
