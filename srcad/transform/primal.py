"""Functions as they are, for what is run without being walked back through: nested ones, and those that write in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcad.analysis.specialise import Program, Special
from srcad.core.nodes import Attribute, Call, Const, Expr, Function, Invoke, Node, Param, Ref, map_children


def primals(program: Program, specials: list[Special]) -> list[tuple[Special, Function]]:
    """The functions that `program` needs as they are, with those that they call."""
    made: dict[int, tuple[Special, Function]] = {}
    while todo := [s for s in specials if (id(s), "primal") in program.forms and id(s) not in made]:
        for special in todo:
            made[id(special)] = special, primal(special, program)
    return [made[id(s)] for s in specials if id(s) in made]


def primal(special: Special, program: Program) -> Function:
    """`f_primal(args) -> value`: the function itself, of the variables that it captures as well."""

    def plain(node: Node) -> Node:
        if isinstance(node, Invoke):
            return plain_call(node, program, tuple(map(plain, node.args)))
        return map_children(node, plain)

    doc = f"{special.source.name} itself, with nothing kept for the way back."
    params = tuple(Param(p) for p in special.params)
    return Function(f"{special.name}_primal", params, tuple(map(plain, special.body)), doc)


def plain_call(e: Invoke, program: Program, args: Sequence[Expr]) -> Call:
    """A call of a function as it is, with `args` in place of the operands: as the user wrote it, where its name means
    something and each operand stands in it."""
    callee, call = e.callee, e.call
    values = {id(x): value for x, value in zip(e.args, args)}
    given = {id(x) for x in (*call.args, *(x for _, x in call.kwargs))} if isinstance(call, Call) else set()
    given |= {id(call.fn.value)} if given and isinstance(call.fn, Attribute) else set()
    is_other = callee.is_nested or callee.written or callee.source.yields  # a list, where the user's gives an iterator
    if is_other or any(id(x) not in given for x in e.args if not isinstance(x, (Const, Ref))):
        program.forms.add((id(callee), "primal"))
        return Call(Ref(callee, f"{callee.name}_primal"), tuple(args), at=e.at)
    fn = call.fn
    if isinstance(fn, Attribute):
        fn = replace(fn, value=values.get(id(fn.value), fn.value))
    named = tuple((k, values[id(x)]) for k, x in call.kwargs)
    return replace(call, fn=fn, args=tuple(values[id(x)] for x in call.args), kwargs=named)
