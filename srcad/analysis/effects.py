"""What is run again on the way back has to give what it gave: the first part of it of which that is not known."""

from __future__ import annotations

import types
from dataclasses import is_dataclass

from srcad import checkpointing
from srcad.analysis import kinds
from srcad.analysis.kinds import Array, Items, Listing, Literal, Number, Unknown, plain
from srcad.analysis.specialise import Program, Special
from srcad.analysis.specialise.changes import CHANGING
from srcad.analysis.specialise.schedules import PASSES
from srcad.analysis.specialise.special_forms import CONSTANT_BUILTINS, SPECIAL_FORMS
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Const, Expr, Invoke, Name, Node, Raise, Ref, Seen, Stmt, Subscript, Unseen,
    children, walk_own,
)  # fmt: skip
from srcad.core.places import root_of
from srcad.core.printer import text
from srcad.rules import registry
from srcad.rules.constants import SETTINGS
from srcad.structure import is_library

REPEATABLE = {*CONSTANT_BUILTINS, *SPECIAL_FORMS, slice, set, frozenset, any, all, complex, super, object.__new__}
ONCE = {id, hash, next, iter, checkpointing.checkpoint}
ONCE_OF_ARRAYS = {"byteswap", "dump", "resize", "setfield", "setflags", "tofile"}
METHODS_OF_CONTAINERS = {*CHANGING, "copy", "count", "get", "index", "items", "keys", "values"} - ONCE_OF_ARRAYS


def check_reruns(program: Program, root: Special) -> None:
    """Notes the problems of what is checkpointed: parts that may not do the same when they are run again."""
    for special in (root, *program.specials.values()):
        for node in (n for s in special.body for n in walk_own(s)):
            if isinstance(node, Invoke) and node.checkpointed:
                check_rerun(program, node)


def check_generators(program: Program) -> None:
    """Notes the problems of generators that become lists: parts that may be seen to run before the loop over them does."""
    for special in list(program.specials.values()):
        for node in (n for s in special.body for n in walk_own(s)):
            if isinstance(node, Invoke) and node.callee.source.yields:
                found = effect(program, node.callee.body, node.callee.params, set())
                if found is not None:
                    program.problem(
                        found[0].at or node.at,
                        f"{node.callee.source.name}() is a generator: its values are made before they are used; {found[1]}",
                        "Collect the values in a list and return it.",
                    )


def check_rerun(program: Program, e: Invoke) -> None:
    callee: Special = e.callee
    is_loop = callee.source.doc == PASSES
    title = f"{callee.source.name}() is checkpointed" if not is_loop else "the loop is to stay within a given memory"
    arrays = {p for p, v in zip(callee.params, callee.values) if isinstance(plain(v.kind), Array)}
    others = [p for p in callee.params if p in callee.written and p not in arrays]
    if others:
        program.problem(
            e.at, f"{title}, and it changes {'`' if is_loop else 'its argument `'}{others[0]}`, which is no array",
            "Return the new value, write into an array, or leave the checkpoint away.",
        )  # fmt: skip
        return
    found = effect(program, callee.body, callee.params, set())
    if found is not None:
        node, what = found
        program.problem(
            node.at or e.at,
            f"{title}, which means that it is run again on the way back, and {what}",
            "Do that before, and pass the value as an argument; a loop can read it from an array.",
        )


def effect(program: Program, body: tuple[Stmt, ...], params: tuple[str, ...], seen: set[int]) -> tuple[Node, str] | None:
    """A part of a function, or of one that it calls, that may do more than compute a value, and what it does."""
    if id(body) in seen:
        return None
    seen.add(id(body))
    for node in (n for s in body for n in walk_run(s)):
        match node:
            case Invoke(callee=callee) | Seen(callee=callee) if callee is not None:
                found = effect(program, callee.body, (), seen)  # what it does to its parameters, its caller knows
                if found is not None:
                    return found
            case Call(fn=Ref(obj=types.FunctionType() | checkpointing.Checkpointed() as fun)) if not is_library(fun):
                source = program.read(getattr(fun, "primal", fun))  # a call in a part that is constant
                found = effect(program, source.body, tuple(p.id for p in source.params), seen)
                if found is not None:
                    return found
            case Unseen():
                return node, f"of the call `{text(node)}` it is not known what it does"
            case Call() if not is_repeatable(node):
                return node, f"of the call `{text(node)}` it is not known that it gives the same again"
            case Call(fn=Attribute(value=owner, attr=attr)) if attr in CHANGING and not is_own(owner, params):
                return node, f"it changes `{text(owner)}`"
            case Assign(target=Subscript() | Attribute() as target) | AugAssign(target=target) if not is_own(target, params):
                return node, f"it writes into `{text(target)}`"
    return None


def walk_run(node: Node):
    """`node` and all below it that is run when it is, but for what an exception is made of."""
    if isinstance(node, Raise):
        return
    yield node
    for child in children(node):
        if not hasattr(child, "params"):
            yield from walk_run(child)


def is_own(target: Expr, params: tuple[str, ...]) -> bool:
    """Whether a write goes to a variable, or to memory of which it is known whose it is. Of a variable that is no
    parameter, and was given a kind, `specialise` has seen to that."""
    root = root_of(target)
    if not isinstance(root, Name):
        return False
    if root.kind is None:
        return root.id not in params
    return isinstance(plain(root.kind), (Array, Items, Listing)) or root is target and isinstance(plain(root.kind), Number)


def is_repeatable(e: Call) -> bool:
    """Whether a call of a library's function or method gives the same again, and does nothing else."""
    match e.fn:
        case Ref(obj=obj):
            return is_repeatable_function(obj)
        case Attribute(value=owner, attr=attr):
            kind = plain(owner.kind)
            if isinstance(kind, (Array, Number)):
                return attr not in ONCE_OF_ARRAYS
            if isinstance(kind, (Items, Listing)):
                return issubclass(kind.cls, (tuple, list, dict)) or attr in ("__new__", "__init__")
            if kind is None or isinstance(kind, Unknown):
                return attr in registry.METHODS or attr in METHODS_OF_CONTAINERS
            return isinstance(kind, Literal) or isinstance(owner, Const) or isinstance(owner, Ref) and attr == "__new__"
    return False


def is_repeatable_function(obj) -> bool:
    try:
        if obj in ONCE:
            return False
        if obj in REPEATABLE or kinds.is_pure(obj):
            return getattr(obj, "__name__", "") not in SETTINGS.split()
    except TypeError:
        return False
    if isinstance(obj, type):
        known = issubclass(obj, (tuple, list, dict, BaseException)) or obj.__module__ in ("builtins", "numpy")
        return known or is_dataclass(obj) and not hasattr(obj, "__post_init__")
    return (getattr(obj, "__module__", None) or "").startswith("srcad.runtime")
