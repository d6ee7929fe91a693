"""Lists and dictionaries that grow and shrink."""

from __future__ import annotations

from dataclasses import replace

from srcad import prelude, runtime
from srcad.analysis.specialise.values import below
from srcad.analysis.kinds import Items, Listing, is_list, item_kind, join, plain
from srcad.analysis.specialise.in_place import LIST_METHODS
from srcad.analysis.specialise.operated import const_key
from srcad.analysis.specialise.sharing import ANY, callees_in, mark_varied, way_to
from srcad.analysis.specialise.writes import with_item
from srcad.core.nodes import (
    Assign, Attribute, Call, Const, Dict, Expr, ExprStmt, For, List, Name, Ref, Slice, Stmt, Subscript, reference,
)  # fmt: skip
from srcad.core.places import root_name, steps
from srcad.core.printer import text


class Resizing:
    """The part of the specialisation that goes through changes of the length of a container."""

    def append(self, s: ExprStmt, owner: Expr, item: Expr) -> None:
        """`xs.append(item)`, for a list in a variable, or in a container or an object in one."""
        kind = plain(owner.kind)
        name, path = root_name(owner), steps(owner)
        if item.varied and any(True for _ in callees_in(item.kind)):
            self.refuse(
                s, "a nested function is kept in a list", "Keep the values that it needs, and call one function."
            )
        owner = self.frozen(owner) if path else owner
        if item.varied or owner.varied:
            if not self.claim(name) or not self.claim_items(name, way_to(owner)):
                self.refuse(
                    s,
                    f"`{text(owner)}.append(…)` of a list that another name may share",
                    "Append to a list that is made in this function.",
                )
        else:
            self.claim_constant(s, owner)
        known = self.env[name]
        grown = Listing(join(item_kind(kind), item.kind))
        varied = item.varied or owner.varied
        held = known.held | below((*way_to(owner), ANY), self.held_by(item))
        whole = with_item(known.kind, path[::-1], grown) if path else grown
        self.update(name, replace(known, kind=whole, varied=known.varied or varied, held=held))
        self.seen_elsewhere(item)
        owner = mark_varied(replace(owner, kind=grown)) if varied else owner
        call = replace(s.value, fn=replace(s.value.fn, value=owner), args=(item,), varied=varied)
        self.emit(replace(s, value=call))

    def extend(self, s: Stmt, owner: Expr, more: Expr) -> None:
        """`xs.extend(more)` and `xs += more` as a loop that appends."""
        item = Name(self.fresh("item", s), at=s.at)
        loop = ("extend", s)
        if loop not in self.rewritten:
            call = Call(Attribute(owner, "append", at=s.at), (item,), at=s.at)
            self.rewritten[loop] = For(item, more, (ExprStmt(call, at=s.at),), at=s.at)
        self.statement(self.rewritten[loop])

    def renewed(self, s: Stmt, owner: Name, new: Expr) -> Stmt | None:
        """The assignment of a new list or dictionary in place of one that would be changed; None where others see that
        one."""
        if not self.is_renewable(owner):
            what, hint = ("dictionary", "{**d, …}") if isinstance(new, Dict) else ("list", "xs = [*xs, …]")
            message = f"a change of the {what} `{owner.id}`, which another name may share"
            self.refuse(s, message, f"Make a new {what}: {hint}.")
            return None
        return Assign(owner, new, at=s.at)

    def is_renewable(self, owner: Name) -> bool:
        """Whether nobody sees it if a variable gets a new list or dictionary in place of the one that it has."""
        if self.special.is_root and owner.id in self.special.params and self.claim(owner.id):  # the root has a copy
            return True
        return self.is_owned(owner.id) and owner.id not in self.special.written

    def spliced(self, s: Stmt, target: Subscript, value: Expr) -> bool:
        """`xs[i:j] = items`, of values that are differentiated, as the assignment of a new list: it may be a longer one, or
        a shorter one. Where others see the list, its length must stay; whether it was such an assignment."""
        owner, index = target.value, target.index
        key = ("spliced", s)
        if key not in self.rewritten:
            with self.attempt():
                lists, items = self.expr(owner), self.expr(value)
            if index.step is not None or not is_list(plain(lists.kind)) or not (lists.varied or items.varied):
                return False
            bounds = (Const(None) if b is None else b for b in (index.lower, index.upper))
            new = Call(Ref(prelude.spliced, "spliced"), (owner, *bounds, value), at=s.at)
            self.rewritten[key] = Assign(owner, new, at=s.at)
        if isinstance(owner, Name) and not self.has_other_names(owner.id) and self.is_renewable(owner):
            self.statement(self.rewritten[key])
            return True
        items = self.expr(value)
        items = items if isinstance(items, Name) else self.named(items, "items")
        place = self.typed_place(target)
        where = Const(f"{s.at}: {text(target)} = {text(value)}")
        self.emit(ExprStmt(Call(reference(runtime.check_same_length), (where, place, items)), at=s.at))
        self.store(Assign(target, items, at=s.at), target, items)
        return True

    def shortened(self, owner: Name, assigned: Assign | None) -> None:
        """Assigns what is left of a container: who sees the items of it stays as it was."""
        if assigned is not None:
            held = self.env[owner.id].held
            self.statement(assigned)
            self.update(owner.id, replace(self.env[owner.id], held=held))

    def without_entry(self, s: Stmt | Expr, owner: Name, kind: Items, key) -> Stmt | None:
        """The assignment of a dictionary without one of its entries; None where others see the one that there is."""
        made = ("without", s, kind.keys)
        if made not in self.rewritten:
            left = [Const(k, at=s.at) for k in kind.keys if k != key]
            items = tuple(Subscript(owner, k, at=s.at) for k in left)
            self.rewritten[made] = Dict(tuple(left), items, at=s.at)
        return self.renewed(s, owner, self.rewritten[made])

    def delete(self, s: Stmt, target: Expr, container: Expr) -> bool:
        """`del xs[i]`, `del xs[i:j]` and `del d[key]`, as an assignment of what is left."""
        kind = plain(container.kind)
        if isinstance(target, Subscript) and isinstance(target.value, Name) and isinstance(kind, Items) and kind.cls is dict:
            try:
                key = const_key(target.index)
            except ValueError:
                return False
            rest = self.without_entry(s, target.value, kind, key) if kind.item(key) is not None else None
            self.shortened(target.value, rest)
            return kind.item(key) is not None
        if not (isinstance(target, Subscript) and isinstance(target.value, Name) and is_list(plain(container.kind))):
            return False
        key = ("delete", target)
        if key not in self.rewritten:
            index, xs = target.index, target.value
            if not isinstance(index, Slice):
                rest = LIST_METHODS["pop"](xs, index)
            elif index.step is None:
                bounds = (Const(None) if b is None else b for b in (index.lower, index.upper))
                rest = Call(Ref(prelude.spliced, "spliced"), (xs, *bounds, List(())), at=s.at)
            else:
                return False
            self.rewritten[key] = rest
        self.shortened(target.value, self.renewed(s, target.value, self.rewritten[key]))
        return True
