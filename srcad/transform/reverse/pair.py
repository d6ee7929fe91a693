"""The pair of sweeps of a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from srcad.analysis.kinds import Array, Items, Kind, Listing, Shadow, Unknown, parts, plain
from srcad.analysis.specialise import Program, Special
from srcad.core.nodes import (
    Assign, Attribute, AugAssign, Call, Comment, Const, Dict, Expr, ExprStmt, For, If, List, Name, Return, Stmt,
    Subscript, Try, Tuple, While, With, walk,
)  # fmt: skip
from srcad.core.places import root_name
from srcad.errors import Unsupported
from srcad.transform.liveness import Save, Sweep, definitely_set, prune, reads_before_writes, values_read
from srcad.transform.reverse.choices import Choices
from srcad.transform.reverse.control import Control
from srcad.transform.reverse.forms import Block, Slot, walk_all, without_idle_aliases
from srcad.transform.reverse.operations import Operations
from srcad.transform.reverse.places import Places
from srcad.transform.reverse.recording import Recording, declare_tapes, kept_in_loop, lower_restores, ordered_names
from srcad.transform.reverse.slots import Slots
from srcad.transform.reverse.statements import Statements
from srcad.transform.reverse.survey import Survey, is_whole_array
from srcad.transform.tidy import tidied


@dataclass(frozen=True)
class Pair:
    """The two sweeps of a function, as statements. `saved` are the variables that the second needs from the first;
    `used_up` are those of them that the second changes: arrays in which it brings back old values, and tapes, with whether
    what they hold is changed as well; `lent` those that it lends to others, with the parameter that they are for; `objects`
    those that may hold each other. `shadows` are the shadows that the caller
    of the second lends it; of the parameters `unread`, lent as well, it reads nothing, and it leaves
    those that are `spoiled` changed."""

    special: Special
    forward: tuple[Stmt, ...]
    result: Expr
    adjoint: tuple[Stmt, ...]
    adjoints: tuple[Expr, ...]
    seed: str
    shadows: tuple[str, ...]
    saved: tuple[str, ...]
    unread: frozenset[str]
    spoiled: frozenset[str]
    used_up: tuple[tuple[str, bool], ...]
    lent: tuple[tuple[str, Special, str], ...]
    objects: tuple[str, ...]


def reverse(special: Special, program: Program) -> Pair:
    """The forward and the reverse sweep of a specialised function."""
    return Sweeps(special, program).pair()


def is_change_of_list(e: Expr) -> bool:
    """Whether `e` is `xs.pop()` or `xs.append(v)`."""
    match e:
        case Call(fn=Attribute(attr="append" | "pop")):
            return True
    return False


def is_in_array(place: Expr | None) -> bool:
    """Whether what comes back to a place is copied into an array."""
    return isinstance(place, Subscript) and isinstance(plain(place.value.kind), Array)


class Sweeps(Survey, Choices, Slots, Places, Operations, Recording, Statements, Control):
    """The state of one reversal: `set_` has the slots that hold an adjoint at the present point of the reverse sweep,
    `fresh` those of them whose array nobody else sees; `views` what else an intermediate adjoint may share memory with."""

    loop_depth = 0

    recorded: set[str] = frozenset()

    _indices: set[str] = frozenset()

    constants: frozenset[str] = frozenset()
    """The variables that the loops around set once a pass: inside of them they stay."""

    spread_to: tuple[Kind | None, Kind | None] = (None, None)
    """The kinds whose shape the adjoint of the operation at hand has, and keeps to its operand; None for their own."""

    handed_on: str | None = None
    """The variable of an adjoint that nobody else sees, all of which goes on to another variable in this statement."""

    cleared: frozenset[str] = frozenset()
    """The variables of the reverse sweep that are views of shadows, which are cleared when they have been read."""

    pinned: frozenset[Slot] = frozenset()
    """The slots whose shadow is the caller's: they are changed in place only."""

    def __init__(self, special: Special, program: Program):
        self.special, self.program, self.names = special, program, special.names
        self.bar_names: dict[Slot, str] = {}
        self.complex_bars: dict[str, bool | None] = {}
        self.set_: set[Slot] = set()
        self.fresh: set[Slot] = set()
        self.views: dict[str, set[str]] = {}
        self.hoisted: dict[int, Name] = {}
        self.placeholders: dict[str, Expr] = {}
        self.tape_of: dict[tuple[str, bool], str] = {}
        self.kind_of_name: dict[str, Kind] = {}
        self.varied_names: set[str] = set()
        self.survey(special.body)
        self.choices(special.body)
        self.prior: dict[int, frozenset[str]] = {}
        self.local: dict[int, set[str]] = {}
        self.definite: dict[int, set[str]] = {}
        self.trace(special.body, set(special.params), set(special.params))
        self.flags: dict[int, Any] = {}
        for name, kind in self.kind_of_name.items():
            if name in self.varied_names and any(isinstance(k, Shadow) for k in parts(kind)):
                raise Unsupported(
                    special.source.at, "the third derivative of a recursive function by reverse mode alone is not supported",
                    hint="Take it along a direction with jvp or hvp, as in hvp(grad(f)) or jacfwd(grad(grad(f))).",
                )  # fmt: skip

    def pair(self) -> Pair:
        special = self.special
        shadows = [Slot(p) for p in special.shadowed]
        self.pinned = frozenset(shadows)
        self.set_.update(shadows)
        self.fresh.update(shadows)
        shadow_names = tuple(self.bar(slot).id for slot in shadows)
        *body, last = special.body
        seed = self.names.new("result_bar")
        forward: Block
        adjoint: Block
        if isinstance(last, Return):
            root = last.value
            forward, adjoint, result = self.returned(last, root, seed)
        else:
            forward, adjoint, result = [last], [], Const(None)
        head, tail = self.block(body)
        forward, adjoint = head + forward, adjoint + tail
        adjoints = tuple(
            self.whole(p, plain(v.kind) if not isinstance(plain(v.kind), Unknown) else v.kind, final=True)
            for p, v in zip(special.params, special.values)
            if p in special.returned_params
        )
        wanted = {n.id for e in adjoints for n in walk(e) if isinstance(n, Name)}
        wanted |= {*shadow_names, *(p for p in special.shared if p in special.written & special.restored)}
        adjoint, kept = prune(adjoint, wanted)
        forward = self.settle(forward, kept)
        lent = [p for p in special.shared if p in special.written]
        adjoint = lower_restores(adjoint, {n for n in self.written if n is not None and self.is_written_into(n)}, lent)
        read = values_read(adjoint, wanted)
        needed = reads_before_writes(adjoint, wanted) - {seed, *shadow_names, *special.shared}
        tapes = {s.tape for s in kept}
        lent = [(name, n.callee, p) for n in walk_all(adjoint) if isinstance(n, Sweep) for p, name in n.lent]
        saved = tuple(n for n in ordered_names(forward, special.params) if n in needed or n in tapes)
        unset = set(saved) - definitely_set(forward, set(special.params)) - {k.tape for k in kept if k.in_loop}
        undone = {
            root_name(n.value.fn.value) for n in walk_all(adjoint)
            if isinstance(n, ExprStmt) and is_change_of_list(n.value)
        }  # fmt: skip
        undone |= {k.name for k in kept if k.place is not None}
        changing = undone.union(name for name, _, _ in lent)
        used_up = tuple(
            (n, any(k.tape == n and not is_in_array(k.place) and self.may_change(k, changing) for k in kept))
            if kept_in_loop(kept, n)
            else (n, True)
            for n in saved
            if n in undone or kept_in_loop(kept, n)
        )
        lent_names = [n for n in saved if n not in dict(used_up) and any(n == name for name, _, _ in lent)]
        given = (*dict(used_up), *lent_names)
        objects = tuple(n for n in given if isinstance(plain(self.kind_of_name.get(n)), (Items, Listing)))
        forward = [Assign(Name(n), Const(None)) for n in saved if n in unset] + forward
        forward = without_idle_aliases(declare_tapes(forward, kept))
        return Pair(
            special,
            tuple(tidied(forward)),
            result,
            tuple(tidied(adjoint)),
            adjoints,
            seed,
            shadow_names,
            saved,
            frozenset(p for p in special.shared if p not in read),
            frozenset(p for p in special.written if p in self.mutated),
            used_up,
            tuple(x for x in lent if x[0] in saved and x[0] not in undone),
            objects if len(objects) > 1 else (),
        )

    def may_change(self, save: Save, changing: set[str]) -> bool:
        """Whether what is kept may be changed in place on the way back, once it is where it was."""
        return self.is_written_into(save.name) and (save.place is not None or save.name in changing)

    def returned(self, s: Return, root: Expr, seed: str) -> tuple[Block, Block, Expr]:
        kind = plain(root.kind)
        if isinstance(root, Name) or not root.varied or isinstance(root, (Tuple, List, Dict)):
            reverse_part = self.flow(s, root, Name(seed, kind=kind), set())
            forward, result = self.finish(s, root)
            return forward, self.commented(s, reverse_part), result
        self.result_name = None
        reverse_part = self.flow(s, root, Name(seed, kind=kind), set())
        forward, result = self.finish(s, root)
        return forward, self.commented(s, reverse_part), result

    def block(self, body) -> tuple[Block, Block]:
        """Both sweeps of a block, in the state that holds at its end."""
        forward: list[Block] = []
        adjoint: Block = []
        for s in reversed(list(body)):
            ahead, back = self.statement(s)
            forward.append(ahead)
            adjoint.extend(back)
        return [s for part in reversed(forward) for s in part], adjoint

    def statement(self, s: Stmt) -> tuple[Block, Block]:
        match s:
            case Assign(target=Name() | Tuple()):
                return self.assignment(s)
            case Assign(target=Subscript()) | AugAssign(target=Subscript()):
                return self.store(s)
            case Assign(target=Attribute(value=value)) | AugAssign(target=Attribute(value=value)) if isinstance(
                plain(value.kind), Items
            ):
                return self.store(s)
            case ExprStmt(value=Call(fn=Attribute(value=owner, attr="append"), varied=True)) if root_name(owner):
                return self.append(s)
            case AugAssign(target=Name(id=name)) if is_whole_array(s.target) and name not in self.mutated:
                save, restore = self.place_provision(name, Subscript(s.target, Const(Ellipsis), kind=s.target.kind))
                return [save, s], [restore]
            case If():
                return self.branch(s)
            case For() | While():
                return self.loop(s)
            case With():
                return self.with_(s)
            case Try():
                return self.try_(s)
        return [s], []

    def commented(self, s: Stmt, adjoint: Block) -> Block:
        """The part of the reverse sweep that belongs to `s`, under the line that it is of."""
        if not adjoint or s.at is None:
            return adjoint
        line = s.at.source.lines[s.at.line - 1].strip()
        return [Comment(f"{s.at.line}: {line}", at=s.at), *adjoint]
