"""Random imperative programs: arrays, lists and dicts that are written over and over, through views and other names.

    python -m tests.random_programs --imperative --seed 0 --count 2000

A `Maker` makes the text of a function `f` from a source of random choices: a `random.Random`, or what hypothesis draws
(`programs`, a strategy, which hypothesis can make smaller). The maker knows of each name what it holds, and of arrays the
shape, so that nearly all programs run; inside of loops and branches a name keeps what it is, but not the memory it is for.

Invariants: lists hold two items or more, integer arrays hold indices below their bound, dicts have the keys "p" and "q".
"""

# ruff: noqa: E501 - the programs are lines

from __future__ import annotations

import random
import re
import textwrap
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies

PRELUDE = """\
import math
import numpy as np

WEIGHTS = np.array([0.7, -0.4, 1.3, 0.2, -0.9, 0.5, 1.1, -0.6, 0.3, 0.8, -1.2, 0.4, 0.6, -0.2, 0.9, 1.4])


class Box:
    def __init__(self, t):
        self.t = t

    def put(self, q):
        self.t[0] = q * self.t[1]

    def grow(self, q):
        self.t = np.exp(0.2 * np.sin(self.t)) * q

    def damp(self):
        self.t *= 0.5
        return self

    def given(self):
        return self.t


"""

HELPERS = {
    "scale": ("aq", None, "def scale(t, q):\n    t *= q"),
    "lift": ("aq", None, "def lift(t, q):\n    t += q\n    t[0] = q * t[-1]"),
    "bump": ("viq", None, "def bump(t, j, q):\n    t[j] += q\n    t[0] *= t[j]"),
    "put_first": ("vq", "same", "def put_first(t, q):\n    t[0] = q * t[1]\n    return t"),
    "smooth": ("v", None, "def smooth(t):\n    for j in range(1, len(t)):\n        t[j] = 0.5 * (t[j - 1] + t[j])"),
    "sweep": ("vn", None, "def sweep(t, n):\n    if n == 0:\n        return\n    t[n] += 0.5 * t[n - 1] ** 2\n    sweep(t, n - 1)"),
    "fold": ("v", None, "def fold(t):\n    if len(t) < 2:\n        return\n    t[1] += t[0] * t[1]\n    fold(t[1:])"),
    "exchange": ("vv", None, "def exchange(t, r):\n    for j in range(len(t)):\n        t[j], r[j] = r[j], t[j]"),
    "add_into": ("vv", None, "def add_into(t, r):\n    t += 0.5 * r"),
    "axpy": ("vvq", "same", "def axpy(t, r, q):\n    t[:] = q * r + t\n    return t"),
    "tail": ("v", "tail", "def tail(t):\n    return t[1:]"),
    "drained": ("v", "number", "def drained(t):\n    r = np.sum(t * t)\n    t[:] = 0.1\n    return r"),
    "popped": ("v", "number", "def popped(t):\n    r = t[-1]\n    t[1:] = t[:-1].copy()\n    t[0] = r * r\n    return r"),
    "swap_rows": ("m", None, "def swap_rows(t):\n    t[[0, 1]] = t[[1, 0]]"),
    "eliminate": ("m", None, "def eliminate(t):\n    for j in range(1, len(t)):\n        t[j] -= 0.3 * t[j, 0] * t[j - 1]"),
    "fill_row": ("mq", "row", "def fill_row(t, q):\n    t[1] = q\n    t[1, 0] += t[0, 1]\n    return t[1]"),
    "push": ("lq", None, "def push(items, q):\n    items.append(q)\n    items[0] *= q"),
    "pulled": ("l", "number", "def pulled(items):\n    items.append(items[0] * 2.0)\n    return items.pop(1)"),
    "settle": ("dq", None, 'def settle(d, q):\n    d["p"] += q\n    d.update(q=d["p"] * q)'),
    "clipped": ("v", "same", "def clipped(t):\n    for j in range(len(t)):\n        if t[j] > 0.9:\n            t[j] = 0.5 + t[j] * t[j]\n            break\n    return t"),
    "softened": ("v", "same", "def softened(t):\n    r = np.exp(np.tanh(t))\n    r = r / np.sum(r)\n    return r"),
    "grown": ("v", "same", "def grown(t):\n    return np.cumprod(np.tanh(t) + 1.2)"),
    "rooted": ("v", "tail", "def rooted(t):\n    r = np.sqrt(t * t + 0.5)\n    return r[1:]"),
    "fresh": ("v", "same", "def fresh(t):\n    r = t.copy()\n    r[1:] += t[:-1] * t[1:]\n    return r"),
}  # fmt: skip
"""Functions that a program may call: what they take (arrays, vectors, numbers q, indices i, n below the length, lists, dicts),
what they return, and their text."""

POOLS = {"number": "abc", "vector": "uvwpqr", "matrix": "mgh", "indices": "kj", "list": "st", "rows": "RS", "nested": "N", "dict": "de", "box": "BC"}
SIZES = (4, 4, 4, 4, 3, 5)


@dataclass(frozen=True)
class Kind:
    """What a name holds: `type` (a key of POOLS, or "counter"), the shape of an array, the bound of indices."""

    type: str
    shape: tuple[int, ...] = ()
    bound: int = 0
    dtype: str = "float64"


NUMBER = Kind("number")


def vector_of(n: int, dtype: str = "float64") -> Kind:
    return Kind("vector", (n,), dtype=dtype)


def matrix_of(r: int, c: int, dtype: str = "float64") -> Kind:
    return Kind("matrix", (r, c), dtype=dtype)


class Maker:
    """A program made from random choices."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.env: dict[str, Kind] = {}
        self.frozen: set[str] = set()  # names of an enclosing function: not set here
        self.helpers: list[str] = []  # those that are called, in the order of definition
        self.own: dict[str, tuple[str, str | None]] = {}  # helpers made for this program, closures
        self.definitions: dict[str, str] = {}
        self.level = 0
        self.depth = 0  # of loops
        self.inner = False  # in a helper or closure
        self.fresh_names = 0
        r = rng.random
        self.uses = {
            "matrix": r() < 0.45,
            "views": r() < 0.55,
            "aliases": r() < 0.35,
            "lists": r() < 0.35,
            "dicts": r() < 0.2,
            "rows": r() < 0.15,
            "nested": r() < 0.12,
            "boxes": r() < 0.15,
            "results": r() < 0.4,
            "indices": r() < 0.3,
            "masks": r() < 0.25,
            "helpers": r() < 0.5,
            "made": r() < 0.25,
            "closures": r() < 0.25,
            "functions": r() < 0.4,
            "returns": r() < 0.25,
            "parameters": r() < 0.5,
            "single": r() < 0.08,
        }

    # -- choices -----------------------------------------------------------------------------------------------------

    def pick(self, options):
        return self.rng.choice(list(options))

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def names(self, type_: str, shape=None) -> list[str]:
        return sorted(n for n, k in self.env.items() if k.type == type_ and (shape is None or k.shape == shape))

    def arrays(self) -> list[str]:
        return self.names("vector") + self.names("matrix")

    def free(self, type_: str) -> str:
        """A name of the pool for a kind that holds nothing yet."""
        for name in POOLS[type_]:
            if name not in self.env and name not in self.frozen:
                return name
        self.fresh_names += 1
        return f"{POOLS[type_][0]}{self.fresh_names}"

    def bound_name(self, kind: Kind, new: float = 0.5) -> str:
        """A name to bind to a value of this kind: a new one, or one that holds such a value."""
        same = [n for n, k in self.env.items() if k == kind and n not in self.frozen]
        if same and not self.chance(new):
            return self.pick(sorted(same))
        return self.free(kind.type)

    # -- the program -------------------------------------------------------------------------------------------------

    def program(self) -> str:
        n = self.pick(SIZES)
        params = ["x", "y"]
        self.env = {"x": NUMBER, "y": NUMBER}
        single = "float32" if self.uses["single"] else "float64"
        if self.chance(0.85) or single == "float32":
            params.append(f"z{n}" if single == "float64" else f"f{n}")
            self.env[params[-1]] = vector_of(n, single)
        if self.uses["matrix"] and self.chance(0.6):
            r, c = self.pick([(n, n), (n, n), (3, n), (n, 2)])
            params.append(f"A{r}{c}")
            self.env[params[-1]] = matrix_of(r, c)
        if self.uses["indices"] and self.chance(0.5):
            params.append(f"i{n}")
            self.env[params[-1]] = Kind("indices", (3,), bound=n)
        if self.uses["lists"] and self.chance(0.3):
            params.append("l")
            self.env["l"] = Kind("list")
        if not self.uses["parameters"]:  # work on copies
            self.frozen |= set(params)
            self.read_only = set(params)
        else:
            self.read_only = set()
        lines: list[str] = []
        if self.uses["made"]:
            self.made_helper()
        for _ in range(self.rng.randint(1, 3)):
            lines += self.new_array(n)
        if self.uses["lists"]:
            lines += self.new_list()
        if self.uses["dicts"]:
            lines += self.new_dict()
        if self.uses["rows"]:
            lines += self.new_rows()
        if self.uses["nested"]:
            lines += self.new_nested()
        if self.uses["boxes"]:
            lines += self.new_box()
        if self.uses["indices"] and not self.names("indices"):
            lines += self.new_indices()
        if self.uses["closures"]:
            lines += self.closure()
        lines += self.block(self.pick([3, 4, 5, 6, 8, 12]))
        lines.append(f"return {self.result(True)}")
        body = textwrap.indent("\n".join(lines), "    ")
        made = [self.definitions[h] for h in self.helpers]
        return "\n\n\n".join([*made, f"def f({', '.join(params)}):\n{body}\n"])

    def result(self, whole: bool = False) -> str:
        """A number that all, or some, of what there is goes into."""
        parts = []
        for name, kind in sorted(self.env.items()):
            if not whole and self.chance(0.5):
                continue
            if kind.type == "number":
                parts.append(self.pick([name, f"{name} * {name}", f"0.7 * {name}"]))
            elif kind.type == "vector":
                parts.append(self.pick([f"np.sum({name} * {name})", f"np.dot({name}, WEIGHTS[: len({name})])"]))
            elif kind.type == "matrix":
                parts.append(
                    self.pick([f"np.sum({name} * {name})", f"np.dot({name}.ravel(), WEIGHTS[: {name}.size])"])
                    if kind.shape[0] * kind.shape[1] <= 16
                    else f"np.sum({name} * {name})"
                )
            elif kind.type == "list":
                parts.append(self.pick([f"sum({name})", f"{name}[0] * {name}[-1]"]))
            elif kind.type == "rows":
                parts.append(self.pick([f"np.sum({name}[0] * {name}[1])", f"np.sum({name}[-1] ** 2)"]))
            elif kind.type == "nested":
                parts.append(f"{name}[0][1] * {name}[1][2]")
            elif kind.type == "box":
                parts.append(self.pick([f"np.sum({name}.t ** 2)", f"np.sum({name}.given() * {name}.t)"]))
            elif kind.type == "dict":
                parts.append(f'{name}["p"] * {name}["q"]')
        return " + ".join(parts) or "x * y"

    # -- new values --------------------------------------------------------------------------------------------------

    def new_array(self, n: int) -> list[str]:
        if self.uses["matrix"] and self.chance(0.4):
            r, c = self.pick([(n, n), (2, n), (n, 2), (2, 3)])
            kind = matrix_of(r, c)
            text = self.pick(
                [f"np.zeros(({r}, {c}))", f"np.ones(({r}, {c})) * {self.number(0)}", f"{self.matrix(r, c, 1)} * 1.0", f"np.full(({r}, {c}), {self.number(0)})"]
            )
        else:
            n = self.pick([n, n, n, 6])
            kind = vector_of(n)
            text = self.pick(
                [f"np.zeros({n})", f"np.ones({n}) * {self.number(0)}", f"{self.vector(n, 1)} * {self.number(0)}", f"np.array([{', '.join(self.number(0) for _ in range(n))}])", f"np.full({n}, {self.number(0)})"]
            )
            if self.uses["single"] and self.chance(0.4):
                kind, text = vector_of(n, "float32"), f"np.zeros({n}, dtype=np.float32)"
            params = [p for p in self.names("vector", (n,)) if p in self.read_only and self.env[p].dtype == "float64"]
            if params and self.chance(0.5):
                text = f"{self.pick(params)}.copy()"
        name = self.bound_name(kind, 0.9)
        self.env[name] = kind
        if self.chance(0.08) and len(kind.shape) == 1:
            return [f"{name} = np.empty({kind.shape[0]})", f"{name}[:] = {self.vector(kind.shape[0], 1, without=name)}"]
        return [f"{name} = {text}"]

    def new_list(self):
        kind = Kind("list")
        items = [self.number(0) for _ in range(self.rng.randint(2, 4))]
        text = self.pick([f"[{', '.join(items)}]"] * 3 + [f"[{items[0]}] * 3", f"[{self.number(0)} * i for i in range(3)]"])
        name = self.bound_name(kind)
        self.env[name] = kind
        return [f"{name} = {text}"]

    def new_dict(self):
        kind = Kind("dict")
        name = self.bound_name(kind)
        text = self.pick(
            [f'{{"p": {self.number(0)}, "q": {self.number(0)}}}', f"dict(p={self.number(0)}, q={self.number(0)})"]
        )
        self.env[name] = kind
        return [f"{name} = {text}"]

    def new_rows(self):
        shapes = sorted({self.env[n].shape for n in self.names("vector") if self.env[n].dtype == "float64"})
        n = self.pick(shapes)[0] if shapes else 4
        kind = Kind("rows", (n,))
        names = [v for v in self.names("vector", (n,)) if v not in self.read_only and self.env[v].dtype == "float64"]
        whole = [self.pick(names) if names and self.uses["aliases"] and self.chance(0.4) else f"{self.vector(n, 1)} * {self.number(0)}" for _ in range(self.pick([2, 2, 3]))]
        name = self.bound_name(kind)
        self.env[name] = kind
        listed = ", ".join(whole)
        return [f"{name} = " + self.pick([f"[{listed}]", f"[np.zeros({n}) for _ in range(2)]"])]

    def new_nested(self):
        items = [self.number(0) for _ in range(6)]
        name = self.bound_name(Kind("nested"))
        self.env[name] = Kind("nested")
        listed = f"[[{', '.join(items[:3])}], [{', '.join(items[3:])}]]"
        return [f"{name} = " + self.pick([listed, f"[[{items[0]}] * 3 for _ in range(2)]"])]

    def new_box(self):
        n = self.pick(SIZES)
        names = [v for v in self.names("vector", (n,)) if v not in self.read_only and self.env[v].dtype == "float64"]
        made = self.pick(names) if names and self.chance(0.4) else self.result_of(self.vector(n, 1))
        name = self.bound_name(Kind("box", (n,)))
        self.env[name] = Kind("box", (n,))
        return [f"{name} = Box({made})"]

    def result_of(self, one: str) -> str:
        """The result of a function whose derivative is told from it, so that nothing may overwrite it unseen."""
        return self.pick([f"np.exp(np.sin({one}))", f"np.sqrt(({one}) ** 2 + 0.5)", f"np.tanh({one})", f"np.cumprod(np.tanh({one}) + 1.2)"])

    def new_indices(self):
        bound = self.pick([2, 3, 4, 4])
        kind = Kind("indices", (self.pick([2, 3, 4]),), bound=bound)
        name = self.bound_name(kind, 0.8)
        self.env[name] = kind
        return [f"{name} = np.array([{', '.join(str(self.rng.randrange(bound)) for _ in range(kind.shape[0]))}])"]

    # -- functions made for the program ------------------------------------------------------------------------------

    def inside_function(self, env: dict[str, Kind], frozen: set[str], budget: int, result) -> list[str]:
        """The lines of a function with these names; those in `frozen` are of an enclosing function."""
        kept = (self.env, self.frozen, self.level, self.depth, self.inner, self.read_only)
        self.env, self.frozen, self.level, self.depth, self.inner = env, frozen, 0, 0, True
        self.read_only = self.read_only & set(env)
        lines = self.block(budget)
        if self.chance(0.25):
            lines.insert(self.rng.randrange(len(lines) + 1), f"if {self.condition()}:\n    return" + result() * (result() != ""))
        lines.append("return" + result())
        if lines[-1] == "return":
            lines.pop()
        self.env, self.frozen, self.level, self.depth, self.inner, self.read_only = kept
        return lines

    def made_helper(self):
        """A function at the top of the program that writes into its arguments."""
        takes, returned = self.pick([("vq", None), ("vv", None), ("vq", "number"), ("v", "same"), ("mv", None), ("vvi", None)])
        n = self.pick([k.shape[0] for k in self.env.values() if k.type == "vector"] or [4])
        env: dict[str, Kind] = {}
        for position, letter in enumerate(takes):
            kind = {"v": vector_of(n), "q": NUMBER, "m": matrix_of(2, n), "i": Kind("counter", bound=2)}[letter]
            env[("t", "r", "n")[position] if letter != "q" else "q"] = kind
        params = list(env)
        self.read_only = set()

        def result():
            if returned == "number":
                return f" np.sum(t * t) * {self.number(0)}"
            return " t" if returned == "same" else ""

        lines = self.inside_function(env, set(), self.pick([2, 3, 5]), result)
        self.definitions["made"] = f"def made({', '.join(params)}):\n" + textwrap.indent("\n".join(lines), "    ")
        self.own["made"] = ("".join({"v": f"v{n}", "m": f"m2{n}"}.get(c, c) + "," for c in takes), returned)

    def closure(self) -> list[str]:
        """A nested function that writes into what it captures."""
        returned = self.pick([None, None, "number"])
        env = {n: k for n, k in self.env.items() if n not in self.own} | {"o": NUMBER}
        result = (lambda: f" {self.number(1)}") if returned else (lambda: "")
        outer = dict(self.env)
        lines = self.inside_function(env, set(outer), self.pick([1, 2, 3, 4]), result)
        if self.chance(0.2):
            numbers = [n for n in self.names("number") if n not in ("x", "y")]
            if numbers:
                name = self.pick(numbers)
                lines[:0] = [f"nonlocal {name}", f"{name} += 0.5 * o"]
        self.own["touch"] = ("q,", returned)
        return ["def touch(o):\n" + textwrap.indent("\n".join(lines or ["pass"]), "    ")]

    # -- statements --------------------------------------------------------------------------------------------------

    def block(self, budget: int) -> list[str]:
        lines: list[str] = []
        while budget > 0:
            if self.level < 3 and budget > 1 and self.chance(0.35):
                share = self.rng.randint(1, max(1, budget - 1))
                lines += self.compound(share)
                budget -= share + 1
            else:
                lines += self.simple()
                budget -= 1
        return lines or ["pass"]

    def within(self, budget: int, loop: bool = False, **set_: Kind) -> str:
        """An indented block one level down. What it binds anew is not known afterwards."""
        before = dict(self.env)
        self.env |= set_
        self.level += 1
        self.depth += loop
        lines = self.block(budget)
        if loop and self.chance(0.3):
            stop = f"if {self.condition()}:\n    {self.pick(['break', 'continue'])}"
            lines.insert(self.rng.randrange(len(lines) + 1), stop)
        if self.uses["returns"] and not self.inner and self.chance(0.3):
            lines.append(f"if {self.condition()}:\n    return {self.result()}")
        self.level -= 1
        self.depth -= loop
        self.env = before
        return textwrap.indent("\n".join(lines), "    ")

    def compound(self, budget: int) -> list[str]:
        what = self.rng.random()
        if what < 0.33:
            text = f"if {self.condition()}:\n{self.within(budget // 2 + 1)}"
            if self.chance(0.15):
                text += f"\nelif {self.condition()}:\n{self.within(budget // 3 + 1)}"
            if self.chance(0.45):
                text += f"\nelse:\n{self.within(budget // 2 + 1)}"
            return [text]
        if what < 0.45:
            return self.while_(budget)
        return self.for_(budget)

    def for_(self, budget: int) -> list[str]:
        options = ["range"] * 5
        for types, option in (("vector", "vector"), ("matrix", "matrix"), ("list", "list"), ("rows", "rows"), ("nested", "nested"), ("indices", "indices")):
            options += [option] * bool(self.names(types))
        what = self.pick(options)
        counter = f"i{self.depth}" if self.depth else "i"
        loop: dict[str, Kind] = {}
        match what:
            case "range":
                stop = self.pick([2, 3, 3, 4])
                loop[counter] = Kind("counter", bound=stop)
                sized = self.names("vector", (stop,))
                head = self.pick([f"range({stop})", f"range({stop})", f"range({stop} - 1, -1, -1)", f"range(1, {stop})", f"range(0, {stop}, 2)"] + [f"range(len({n}))" for n in sized[:1]])
                head = f"for {counter} in {head}:"
            case "vector":
                name = self.pick(self.names("vector"))
                loop["o"] = NUMBER
                head = f"for o in {name}:"
                if self.chance(0.5):
                    loop[counter] = Kind("counter", bound=self.env[name].shape[0])
                    head = f"for {counter}, o in enumerate({name}):"
            case "matrix":
                name = self.pick(self.names("matrix"))
                rows, columns = self.env[name].shape
                row = self.free("vector")
                loop[row] = vector_of(columns)
                head = f"for {row} in {name}:"
                if self.chance(0.4):
                    loop[counter] = Kind("counter", bound=rows)
                    head = f"for {counter}, {row} in enumerate({name}):"
                if name in self.read_only:
                    return self.while_(budget)
            case "list":
                name = self.pick(self.names("list"))
                loop["o"] = NUMBER
                head = f"for o in {self.pick([f'{name}[:]', f'list({name})', f'{name}[::-1]'])}:"
            case "rows":
                name = self.pick(self.names("rows"))
                row = self.free("vector")
                loop[row] = vector_of(self.env[name].shape[0])
                head = f"for {row} in {self.pick([name, f'{name}[:2]'])}:"
            case "nested":
                loop["t"] = Kind("list3")
                head = f"for t in {self.pick(self.names('nested'))}:"
                if "t" in self.env:
                    return self.while_(budget)
            case _:
                name = self.pick(self.names("indices"))
                loop["n"] = Kind("counter", bound=self.env[name].bound)
                head = f"for n in {self.pick([name, f'{name}.copy()'])}:"
        text = f"{head}\n{self.within(budget, True, **loop)}"
        if self.chance(0.06):
            text += f"\nelse:\n{self.within(1)}"
        return [text]

    def while_(self, budget: int) -> list[str]:
        counter = f"n{self.depth}"
        limit = self.pick([2, 3, 4])
        body = self.within(budget, True, **{counter: Kind("counter", bound=limit + 1)})
        test = self.pick([f"{counter} < {limit}", f"{counter} < {limit} and {self.condition()}", f"{self.condition()} and {counter} < {limit}", "True"])
        head = f"    {counter} += 1\n"
        if test == "True":
            head += f"    if {counter} > {limit - 1}:\n        break\n"
        return [f"{counter} = 0", f"while {test}:\n{head}{body}"]

    def simple(self) -> list[str]:
        options = ["number"] * 2 + ["augment_number"] * 2 + ["write"] * 8 + ["augment_array"] * 2 + ["new_value"]
        if self.uses["views"]:
            options += ["view"] * 3
        if self.uses["aliases"]:
            options += ["alias", "alias", "swap"]
        if self.uses["functions"]:
            options += ["changed"] * 4
        if self.uses["helpers"] or self.own:
            options += ["call"] * 4
        if self.uses["masks"]:
            options += ["mask"] * 2
        for type_ in ("list", "dict", "rows", "nested", "indices", "box"):
            if self.names(type_):
                options += [type_] * 3
        if self.names("list3"):
            options += ["inner_list"] * 2
        return getattr(self, "make_" + self.pick(options))()

    def writable(self) -> list[str]:
        return [n for n in self.arrays() if n not in self.read_only]

    def make_number(self):
        value = self.number(2)
        name = self.bound_name(NUMBER)
        if name in ("x", "y") and name in self.frozen:
            name = self.free("number")
        self.env[name] = NUMBER
        return [f"{name} = {value}"]

    def make_augment_number(self):
        names = [n for n in self.names("number") if n not in self.frozen]
        if not names:
            return self.make_number()
        name, op = self.pick(names), self.pick(["+", "+", "+", "-", "*"])
        return [self.pick([f"{name} {op}= {self.number(1)}", f"{name} /= {self.positive()}", f"{name} **= 2"]) if self.chance(0.3) else f"{name} {op}= {self.number(1)}"]

    def make_new_value(self):
        if self.chance(0.6):
            return self.new_array(self.pick(SIZES))
        names = [n for n in self.arrays() if n not in self.frozen]
        if not names:
            return self.new_array(4)
        name = self.pick(names)
        kind = self.env[name]
        if kind.dtype != "float64":
            return [f"{name} = {name}.copy()"]
        return [f"{name} = {self.whole(kind.shape, 2)} * 1.0"]

    def whole(self, shape: tuple, depth: int) -> str:
        return self.vector(shape[0], depth) if len(shape) == 1 else self.matrix(*shape, depth)

    def make_augment_array(self):
        names = [n for n in self.writable() if n not in self.frozen]
        if not names:
            return self.make_write()
        name = self.pick(names)
        return [f"{name} {self.operation(self.env[name].shape, name)}"]

    def operation(self, shape: tuple, name: str = "") -> str:
        """`= value`'s augmented forms, for a target of this shape."""
        op = self.pick(["+", "+", "+", "-", "*", "*", "/", "**"])
        if op == "**":
            return "**= 2"
        if op == "/":
            return f"/= {self.positive()}"
        return f"{op}= {self.value(shape)}"

    def value(self, shape: tuple, depth: int = 1) -> str:
        """What can be written to a place of this shape."""
        if not shape or self.chance(0.3):
            return self.number(depth)
        if len(shape) == 2 and self.chance(0.3):
            return self.vector(shape[1], depth)
        return self.whole(shape, depth)

    def make_write(self):
        names = self.writable()
        if not names:
            return self.new_array(4)
        name = self.pick(names)
        place, shape = self.place(name)
        if self.chance(0.5):
            return [f"{place} {self.operation(shape, name)}"]
        if self.chance(0.1):
            other, other_shape = self.place(name)
            if other_shape == shape == ():
                return [f"{place}, {other} = {self.pick([f'{other}, {place}', f'{self.number(1)}, {place}'])}"]
        if self.chance(0.15) and self.names("number") and shape == ():
            numbers = [n for n in self.names("number") if n not in self.frozen]
            if numbers:
                return [f"{self.pick(numbers)} = {place} = {self.number(1)}"]
        return [f"{place} = {self.value(shape)}"]

    def make_mask(self):
        names = self.writable()
        if not names:
            return self.new_array(4)
        name = self.pick(names)
        test = f"{name} {self.pick(['>', '<'])} {self.pick(['0.3', '0.0', self.number(0)])}"
        return [
            self.pick(
                [
                    f"{name}[{test}] = {self.number(0)}",
                    f"{name}[{test}] {self.pick('+-*')}= {self.number(0)}",
                    f"{name}[{test}] **= 2",
                    f"o = {test}\n{name}[o] = {name}[o] * {self.number(0)}",
                    f"o = {test}\n{name}[o] += ({self.whole(self.env[name].shape, 1)})[o]",
                    f"{name}[~({test})] *= 0.5",
                ]
            )
        ]

    def make_view(self):
        """A name for a part of an array."""
        names = self.writable()
        if not names:
            return self.new_array(4)
        name = self.pick(names)
        kind = self.env[name]
        if len(kind.shape) == 1:
            n = kind.shape[0]
            options = [(self.slice_of(n, length), (length,)) for length in range(2, n + 1)]
            text, shape = self.pick(options)
            text = f"{name}[{text}]"
            if n in (4, 6) and self.chance(0.15):
                text, shape = f"{name}.reshape({n // 2}, 2)", (n // 2, 2)
        else:
            r, c = kind.shape
            text, shape = self.pick(
                [
                    (f"{name}[{self.index(r)}]", (c,)),
                    (f"{name}[{self.index(r)}]", (c,)),
                    (f"{name}[:, {self.index(c)}]", (r,)),
                    (f"{name}.T", (c, r)),
                    (f"{name}.T[{self.index(c)}]", (r,)),
                    (f"{name}.reshape(-1)", (r * c,)),
                    (f"{name}.ravel()", (r * c,)),
                    (f"{name}[{self.slice_of(r, 2)}, {self.slice_of(c, 2)}]", (2, 2)),
                    (f"{name}[::-1]", (r, c)),
                    (f"np.transpose({name})", (c, r)),
                    (f"{name}[{self.index(r)}][{self.slice_of(c, 2)}]", (2,)),
                ]
            )
        new = Kind("vector" if len(shape) == 1 else "matrix", shape, dtype=kind.dtype)
        target = self.bound_name(new, 0.85)
        self.env[target] = new
        return [f"{target} = {text}"]

    def make_alias(self):
        names = self.writable() + self.names("list") + self.names("rows") + self.names("dict")
        if not names:
            return self.new_array(4)
        name = self.pick(names)
        kind = self.env[name]
        text = name
        if self.chance(0.15) and kind.type == "vector" and kind.dtype == "float64":
            other = self.pick([f"{name}.copy()", *self.names("vector", kind.shape)])
            text = f"{name} if {self.condition()} else {other}"
        target = self.bound_name(kind)
        if target == name:
            return self.make_write()
        self.env[target] = kind
        return [f"{target} = {text}"]

    def make_swap(self):
        names = [n for n in self.arrays() if n not in self.frozen]
        pairs = [(a, b) for a in names for b in names if a < b and self.env[a] == self.env[b]]
        if not pairs:
            return self.make_alias()
        one, other = self.pick(pairs)
        return [f"{one}, {other} = {other}, {one}"]

    def make_changed(self):
        """Functions and methods of NumPy that change an array."""
        names = self.writable()
        if not names:
            return self.new_array(4)
        name = self.pick(names)
        place, shape = self.region(name)
        options = [f"{name}.fill({self.number(0)})", f"np.copyto({place}, {self.value(shape)})"]
        options += [f"np.{self.pick(['add', 'multiply', 'subtract'])}({place}, {self.value(shape)}, out={place})"] * 2
        options += [f"np.{self.pick(['sin', 'cos', 'tanh', 'negative'])}({place}, out={place})"] * 2
        options += [f"np.{self.pick(['add', 'multiply'])}({self.value(shape)}, {self.value(shape)}, out={name})"] if shape == self.env[name].shape else []
        if len(shape) == 1:
            options += [f"np.copyto({place}, {self.vector(shape[0], 1)}, where={self.vector(shape[0], 0)} > 0.2)"]
            options += [f"np.add({self.vector(shape[0], 0)}, {self.number(0)}, out={place}, where={self.vector(shape[0], 0)} > 0.1)"]
        if self.env[name].dtype != "float64":
            options = options[:1]
        if len(self.env[name].shape) == 1:
            n = self.env[name].shape[0]
            indices, count = self.index_array(n)
            options += [f"np.{self.pick(['add', 'add', 'subtract', 'multiply'])}.at({name}, {indices}, {self.value((count,))})"] * 3
            options += [f"{name}.sort()", f"np.put({name}, {indices}, {self.value((count,))})", f"{name}[:] = np.sort({name})"]
        else:
            r, c = self.env[name].shape
            options += [f"np.fill_diagonal({name}, {self.number(0)})", f"{name}.sort(axis={self.pick([0, 1])})"]
            indices, count = self.index_array(r)
            options += [f"np.add.at({name}, {indices}, {self.value((count, c))})"]
            options += [f"np.matmul({self.matrix(r, c, 0)}, {self.matrix(c, c, 0)}, out={name})"] if self.env[name].dtype == "float64" else []
        return [self.pick(options)]

    # -- calls -------------------------------------------------------------------------------------------------------

    def call(self) -> tuple[str, str | None, tuple] | None:
        """A call of a helper, what it returns, and the shape of that."""
        options = list(HELPERS) if self.uses["helpers"] else []
        if not self.inner:
            options += list(self.own) * 4
        for _ in range(4):
            if not options:
                return None
            helper = self.pick(options)
            takes, returned = self.own[helper] if helper in self.own else HELPERS[helper][:2]
            made = self.arguments_of(takes)
            if made is None:
                continue
            text, shape = made
            if helper != "touch" and helper not in self.helpers:
                self.helpers.append(helper)
                self.definitions.setdefault(helper, HELPERS.get(helper, ("", "", ""))[2])
            return f"{helper}({text})", returned, shape
        return None

    def arguments_of(self, takes: str) -> tuple[str, tuple] | None:
        """Arguments for a helper, and the shape of the first array."""
        letters = takes.split(",")[:-1] if "," in takes else list(takes)
        args: list[str] = []
        shape: tuple = ()
        for letter in letters:
            if letter[0] in "va":
                size = (int(letter[1:]),) if letter[1:] else shape if "v" in takes[:1] and shape else None
                names = [n for n in self.writable() if self.env[n].dtype == "float64"]
                names = [n for n in names if size is None or self.env[n].shape == size]
                if letter[0] == "v":
                    names = [n for n in names if self.env[n].type == "vector"]
                rows = [n for n in self.names("matrix") if n not in self.read_only and self.env[n].shape[1:] == (size or self.env[n].shape[1:])]
                if rows and self.chance(0.2):
                    name = self.pick(rows)
                    args.append(f"{name}[{self.index(self.env[name].shape[0])}]")
                    shape = shape or self.env[name].shape[1:]
                    continue
                if not names:
                    return None
                name = self.pick(names)
                text, own = name, self.env[name].shape
                if self.chance(0.15) and len(own) == 1 and own[0] > 3 and size is None:
                    text, own = f"{name}[{self.slice_of(own[0], 3)}]", (3,)
                args.append(text)
                shape = shape or own
            elif letter[0] == "m":
                names = [n for n in self.names("matrix") if n not in self.read_only]
                if letter[1:]:
                    names = [n for n in names if self.env[n].shape == tuple(map(int, letter[1:]))]
                if not names:
                    return None
                args.append(self.pick(names))
                shape = shape or self.env[args[-1]].shape
            elif letter in "ld":
                names = [n for n in self.names({"l": "list", "d": "dict"}[letter]) if n not in self.read_only]
                if not names:
                    return None
                args.append(self.pick(names))
            elif letter == "i":
                args.append(self.index(2))
            elif letter == "n":
                args.append(str(self.rng.randrange(1, shape[0])) if shape[0] > 1 else "0")
            else:
                args.append(self.number(0))
        return ", ".join(args), shape

    def make_call(self):
        made = self.call()
        if made is None:
            return self.make_write()
        text, returned, shape = made
        if returned == "number":
            name = self.pick([n for n in self.names("number") if n not in self.frozen] or [self.free("number")])
            if name not in self.env:
                self.env[name] = NUMBER
                return [f"{name} = {text}"]
            return [self.pick([f"{name} = {text}", f"{name} += {text}", f"{name} = {self.number(1)} * {text}", f"{name} = {text} + {self.number(1)}", text])]
        if returned in ("same", "tail", "row") and shape:
            shape = {"same": shape, "tail": (shape[0] - 1,), "row": shape[1:]}[returned]
            if self.chance(0.2):
                return [text]
            if len(shape) != 1 or shape[0] < 2:
                return [text]
            kind = vector_of(shape[0])
            if self.chance(0.3):
                place = [n for n in self.writable() if self.env[n].shape == shape and self.env[n].dtype == "float64"]
                if place:
                    return [f"{self.pick(place)}[:] {self.pick(['', '', '+', '*'])}= {text}"]
            name = self.bound_name(kind, 0.7)
            self.env[name] = kind
            return [f"{name} = {text}"]
        return [text]

    # -- containers --------------------------------------------------------------------------------------------------

    def make_list(self):
        names = [n for n in self.names("list") if n not in self.read_only]
        if not names:
            return self.new_list()
        name = self.pick(names)
        grow = [f"{name}.append({self.number(1)})"] * (1 if self.depth > 1 else 4)
        pop = self.pick(["pop()", "pop()", "pop(0)", "pop(-2)"])
        taken = self.bound_name(NUMBER)
        options = grow + [
            f"{name}.extend([{self.number(0)}, {self.number(0)}])",
            f"{name}.insert({self.pick([0, 1])}, {self.number(1)})",
            f"{name}[{self.pick([0, 1, -1])}] = {self.number(1)}",
            f"{name}[{self.pick([0, 1, -1])}] {self.pick('+*-')}= {self.number(1)}",
            f"{name}[0], {name}[-1] = {name}[-1], {name}[0]",
            f"{name} += [{self.number(0)}]" if name not in self.frozen else f"{name}.append({self.number(0)})",
            f"if len({name}) > 2:\n    del {name}[{self.pick([0, -1, 1])}]",
            f"if len({name}) > 2:\n    {name}.{pop}",
            f"{name}.reverse()",
            f"for i in range(len({name})):\n    {name}[i] {self.pick(['+', '*'])}= {self.number(0)}",
            f"{name}[1:2] = [{self.number(0)}]",
            f"{name}[:] = [o * {self.number(0)} for o in {name}]",
            f"{name}.append({self.number(0)})\n{taken} = {name}.{pop}",
            f"{taken} = {name}.{pop}\n{name}.append({taken} * {self.number(0)})",
        ]
        if self.level == 0 and self.chance(0.3):
            other = self.bound_name(Kind("list"))
            if other != name:
                self.env[other] = Kind("list")
                return [f"{other} = {self.pick([f'{name}[:]', f'{name} + [{self.number(0)}]', f'list({name})', f'{name}.copy()', f'[o * o for o in {name}]'])}"]
        option = self.pick(options)
        if option.startswith(f"{taken} =") or f"\n{taken} =" in option:
            self.env[taken] = NUMBER
        return [option]

    def make_inner_list(self):
        name = self.pick(self.names("list3"))
        return [self.pick([f"{name}[{self.index(3)}] = {self.number(1)}", f"{name}[{self.index(3)}] {self.pick('+*')}= {self.number(1)}", f"{name}[0], {name}[2] = {name}[2], {name}[0]"])]

    def make_dict(self):
        name = self.pick(self.names("dict"))
        key = self.pick(["p", "q"])
        taken = self.bound_name(NUMBER)
        options = [
            f'{name}["{key}"] = {self.number(1)}',
            f'{name}["{key}"] {self.pick("+*-")}= {self.number(1)}',
            f"{name}.update({key}={self.number(1)})",
            f'{name}.update({{"p": {self.number(0)}, "q": {name}["p"]}})',
            f'{name}["p"], {name}["q"] = {name}["q"], {name}["p"]',
            f'{name}["w"] = {self.number(0)}\n{taken} = {name}.pop("w")',
            f'{taken} = {name}.get("{key}", 0.5)',
        ]
        option = self.pick(options)
        if f"{taken} =" in option.replace("==", ""):
            self.env[taken] = NUMBER
        return [option]

    def make_box(self):
        name = self.pick(self.names("box"))
        n = self.env[name].shape[0]
        names = [v for v in self.names("vector", (n,)) if v not in self.read_only | self.frozen and self.env[v].dtype == "float64"]
        options = [
            f"{name}.t[{self.index(n)}] {self.pick(['', '+', '*'])}= {self.number(1)}",
            f"{name}.t[{self.slice_of(n, 2)}] = {self.value((2,))}",
            f"{name}.t {self.operation((n,))}",
            f"{name}.t = {self.result_of(self.vector(n, 0))}",
            f"{name}.put({self.number(0)})",
            f"{name}.grow({self.number(0)})",
            f"{name}.damp()",
        ]
        if self.uses["aliases"]:
            options += [f"{name}.t = {v}" for v in names[:1]] + [f"{name}.t, {v} = {v}, {name}.t" for v in names[:1]]
        if self.chance(0.25):
            target = self.bound_name(vector_of(n))
            self.env[target] = vector_of(n)
            return [f"{target} = {name}.{self.pick(['t', 'given()', 'damp().t', 't.copy()'])}"]
        return [self.pick(options)]

    def make_rows(self):
        name = self.pick(self.names("rows"))
        n = self.env[name].shape[0]
        row = f"{name}[{self.pick([0, 1, -1])}]"
        options = [
            f"{row}[{self.index(n)}] = {self.number(1)}",
            f"{row}[{self.index(n)}] {self.pick('+*')}= {self.number(1)}",
            f"{row}[{self.slice_of(n, 2)}] = {self.value((2,))}",
            f"{row} {self.operation((n,))}",
            f"{row} = {self.vector(n, 1)} * {self.number(0)}",
            f"{name}[0], {name}[1] = {name}[1], {name}[0]",
        ]
        if not self.depth:  # a loop over the list would not end
            options.append(f"{name}.append({self.vector(n, 1)} * 1.0)")
        if self.uses["aliases"]:
            kind = vector_of(n)
            target = self.bound_name(kind)
            if self.chance(0.3):
                self.env[target] = kind
                return [f"{target} = {row}"]
            names = [v for v in self.names("vector", (n,)) if v not in self.read_only and self.env[v].dtype == "float64"]
            options += [f"{row} = {v}" for v in names[:1]]
        return [self.pick(options)]

    def make_nested(self):
        name = self.pick(self.names("nested"))
        item = f"{name}[{self.index(2)}][{self.index(3)}]"
        return [self.pick([f"{item} = {self.number(1)}", f"{item} {self.pick('+*')}= {self.number(1)}", f"{name}[0], {name}[1] = {name}[1], {name}[0]", f"{name}[{self.index(2)}] = [{self.number(0)}, {self.number(0)}, {self.number(0)}]"])]

    def make_indices(self):
        names = [n for n in self.names("indices") if n not in self.read_only]
        if not names:
            return self.new_indices()
        name = self.pick(names)
        kind = self.env[name]
        n = kind.shape[0]
        return [
            self.pick(
                [
                    f"{name}[{self.index(n)}] = {self.rng.randrange(kind.bound)}",
                    f"{name}[{self.index(n)}] = {self.index(kind.bound, plain=True)}",
                    f"{name}[0], {name}[1] = {name}[1], {name}[0]",
                    f"{name}.sort()",
                    f"{name}[:] = {name}[::-1]",
                    f"{name} += 1\n{name} %= {kind.bound}" if name not in self.frozen else f"{name}[:] = ({name} + 1) % {kind.bound}",
                    f"{name}[1:] = {name}[:-1]",
                    f"{name}[0] = ({name}[0] + 1) % {kind.bound}",
                ]
            )
        ]

    # -- places ------------------------------------------------------------------------------------------------------

    def index(self, n: int, plain: bool = False) -> str:
        """An index of an axis of n; never negative if `plain`."""
        options = [str(self.rng.randrange(n)) for _ in range(2)]
        if not plain:
            options.append(str(-1 - self.rng.randrange(n)))
        for name in self.names("counter"):
            bound = self.env[name].bound
            options += [name, name, f"{n - 1} - {name}"] if bound <= n else [f"{name} % {n}"] * 2
            options += [f"({name} + 1) % {n}"]
            if not plain and bound <= n:
                options += [f"{name} - 1"]
        for name in self.names("indices"):
            if self.env[name].bound <= n:
                options += [f"{name}[{self.rng.randrange(self.env[name].shape[0])}]"] * 2
        return self.pick(options)

    def slice_of(self, n: int, length: int) -> str:
        """A slice of an axis of n that has `length` items."""
        steps = [s for s in (1, 1, 1, 2, 3, -1, -2) if (length - 1) * abs(s) < n]
        step = self.pick(steps)
        reach = (length - 1) * abs(step)
        low = self.rng.randint(0, n - 1 - reach)
        high = low + reach
        if step > 0:
            start = "" if low == 0 else str(low)
            stop = "" if high + step >= n else str(high + 1)
            if stop and self.chance(0.5):
                stop = str(int(stop) - n)
            return f"{start}:{stop}" + (f":{step}" if step > 1 else "")
        start = "" if high == n - 1 else str(high)
        stop = "" if low + step < 0 else str(low - 1)
        return f"{start}:{stop}:{step}"

    def index_array(self, n: int) -> tuple[str, int]:
        names = [k for k in self.names("indices") if self.env[k].bound <= n]
        if names and self.chance(0.7):
            name = self.pick(names)
            return name, self.env[name].shape[0]
        count = self.pick([2, 3])
        return f"[{', '.join(str(self.rng.randrange(n)) for _ in range(count))}]", count

    def region(self, name: str) -> tuple[str, tuple]:
        """The whole of an array, or a view of it."""
        shape = self.env[name].shape
        if self.chance(0.4):
            return name, shape
        if len(shape) == 1:
            length = self.rng.randint(2, shape[0])
            return f"{name}[{self.slice_of(shape[0], length)}]", (length,)
        return f"{name}[{self.index(shape[0])}]", shape[1:]

    def place(self, name: str) -> tuple[str, tuple]:
        """A place of an array to write to, and its shape."""
        shape = self.env[name].shape
        if len(shape) == 1:
            n = shape[0]
            options = [(f"{name}[{self.index(n)}]", ())] * 4
            length = self.rng.randint(1, n)
            options += [(f"{name}[{self.slice_of(n, length)}]", (length,))] * 4
            options += [(f"{name}[{self.pick([':', '...'])}]", (n,))]
            if self.uses["indices"]:
                text, count = self.index_array(n)
                options += [(f"{name}[{text}]", (count,))] * 3
            if n > 2 and self.chance(0.1):
                options += [(f"{name}[1:][{self.index(n - 1)}]", ())]
            return self.pick(options)
        r, c = shape
        a, b = self.rng.randint(1, r), self.rng.randint(1, c)
        options = [
            (f"{name}[{self.index(r)}, {self.index(c)}]", ()),
            (f"{name}[{self.index(r)}, {self.index(c)}]", ()),
            (f"{name}[{self.index(r)}][{self.index(c)}]", ()),
            (f"{name}[{self.index(r)}]", (c,)),
            (f"{name}[:, {self.index(c)}]", (r,)),
            (f"{name}[{self.slice_of(r, a)}, {self.slice_of(c, b)}]", (a, b)),
            (f"{name}[{self.index(r)}, {self.slice_of(c, b)}]", (b,)),
            (f"{name}[{self.slice_of(r, a)}]", (a, c)),
            (f"{name}[..., {self.index(c)}]", (r,)),
        ]
        if self.uses["views"]:
            options += [(f"{name}.T[{self.index(c)}]", (r,)), (f"{name}.T[{self.index(c)}, {self.index(r)}]", ())]
        if self.uses["indices"]:
            text, count = self.index_array(r)
            options += [(f"{name}[{text}]", (count, c)), (f"{name}[{text}, {self.index(c)}]", (count,))]
        return self.pick(options)

    # -- expressions -------------------------------------------------------------------------------------------------

    def condition(self) -> str:
        one = f"{self.number(0)} {self.pick(['<', '>'])} {self.pick(['0.4', '0.1', '1.0', self.number(1)])}"
        options = [one] * 3
        for name in self.names("counter"):
            options += [f"{name} % 2 == {self.pick([0, 1])}", f"{name} > {self.pick([0, 1])}", f"{name} == 1"]
        if self.names("list"):
            options.append(f"len({self.pick(self.names('list'))}) > {self.pick([2, 3])}")
        if self.names("vector"):
            options += [f"np.{self.pick(['any', 'all'])}({self.pick(self.names('vector'))} < {self.pick(['0.9', '0.0'])})"]
        if self.names("indices"):
            name = self.pick(self.names("indices"))
            options.append(f"{name}[0] < {name}[1]")
        if self.chance(0.1):
            return f"{self.pick(options)} {self.pick(['and', 'or'])} {self.pick(options)}"
        return self.pick(options)

    def positive(self) -> str:
        return self.pick(["2.0", f"(1.5 + {self.number(0)} ** 2)", "0.8"])

    def number(self, depth: int) -> str:
        leaves = list(self.names("number")) * 2 + [self.pick(["0.5", "1.2", "-0.7", "0.3"])]
        for name in self.names("vector"):
            leaves += [f"{name}[{self.index(self.env[name].shape[0])}]"]
        for name in self.names("matrix"):
            r, c = self.env[name].shape
            leaves += [f"{name}[{self.index(r)}, {self.index(c)}]"]
        for name in self.names("list"):
            leaves += [f"{name}[{self.pick([0, 1, -1])}]"]
        for name in self.names("list3"):
            leaves += [f"{name}[{self.index(3)}]"]
        for name in self.names("rows"):
            leaves += [f"{name}[{self.pick([0, 1, -1])}][{self.index(self.env[name].shape[0])}]"]
        for name in self.names("nested"):
            leaves += [f"{name}[{self.index(2)}][{self.index(3)}]"]
        for name in self.names("dict"):
            leaves += [f'{name}["{self.pick(["p", "q"])}"]']
        for name in self.names("box"):
            leaves += [f"{name}.t[{self.index(self.env[name].shape[0])}]"]
        if depth <= 0 or self.chance(0.2):
            return self.pick(leaves)
        one, other = self.number(depth - 1), self.number(depth - 1)
        options = [
            f"{one} * {other}" if "+" not in one + other and "- " not in one + other else f"({one}) * ({other})",
            f"({one} + {other})",
            f"({one} - {other})",
            f"0.5 * {one}" if "+" not in one and "- " not in one else f"0.5 * ({one})",
            f"np.sin({one})",
            f"np.tanh({one})",
            f"({one}) ** 2",
            f"({one}) / {self.positive()}",
        ]
        vectors = self.names("vector")
        if vectors:
            name = self.pick(vectors)
            n = self.env[name].shape[0]
            options += [f"np.sum({self.vector(n, depth - 1)})", f"{name} @ {self.vector(n, 0)}", f"np.mean({name} ** 2)"]
            if self.chance(0.1):
                options += [f"np.max({name})"]
        if self.chance(0.08) and self.uses["helpers"]:
            made = self.call()
            if made is not None and made[1] == "number":
                return f"{one} * {made[0]}"
            if made is not None and made[1] == "same" and len(made[2]) == 1:
                return f"{made[0]}[0] * ({one})"
        if self.chance(0.05):
            options += [f"({one} if {self.condition()} else {other})"]
        return self.pick(options)

    def vector(self, n: int, depth: int, without: str = "") -> str:
        """An expression of an array of n numbers; often a view of one."""
        leaves = []
        for name, kind in sorted(self.env.items()):
            if name == without:
                continue
            if kind.type == "vector" and kind.shape == (n,):
                leaves += [name] * 2
            elif kind.type == "vector" and kind.shape[0] > n:
                leaves.append(f"{name}[{self.slice_of(kind.shape[0], n)}]")
            elif kind.type == "matrix" and kind.shape[1] >= n:
                row = f"{name}[{self.index(kind.shape[0])}]"
                leaves.append(row if kind.shape[1] == n else f"{name}[{self.index(kind.shape[0])}, {self.slice_of(kind.shape[1], n)}]")
            elif kind.type == "matrix" and kind.shape[0] == n:
                leaves.append(f"{name}[:, {self.index(kind.shape[1])}]")
            elif kind.type == "rows" and kind.shape == (n,):
                leaves.append(f"{name}[{self.pick([0, 1, -1])}]")
            elif kind.type == "box" and kind.shape == (n,):
                leaves.append(f"{name}.{self.pick(['t', 't', 'given()'])}")
            elif kind.type == "indices" and kind.shape == (n,):
                leaves += [f"{v}[{name}]" for v in self.names("vector") if self.env[v].shape[0] >= kind.bound and v != without][:1]
        for name in self.names("vector", (n,)):
            if name != without:
                leaves.append(f"{name}[::-1]")
        if not leaves:
            leaves = [f"np.full({n}, {self.number(0)})", f"WEIGHTS[:{n}]"]
        if depth <= 0 or self.chance(0.25):
            return self.pick(leaves)
        one, other = self.vector(n, depth - 1, without), self.vector(n, depth - 1, without)
        number = self.number(0)
        options = [
            f"({one}) * ({other})" if depth > 1 else f"{one} * {other}",
            f"({one} + {other})",
            f"({one} - {other})",
            f"{number} * ({one})" if depth > 1 else f"{number} * {one}",
            f"np.sin({one})",
            f"({one}) ** 2",
            f"({one}) / {self.positive()}",
            f"np.where({one} > {number}, {other}, 0.5)",
        ]
        if self.uses["results"]:
            options += [self.result_of(one) for _ in range(3)]
        if self.chance(0.15):
            options += [f"np.cumsum({one})", f"np.roll({one}, 1)", f"np.maximum({one}, 0.3)"]
        matrices = [m for m in self.names("matrix") if self.env[m].shape == (n, n)]
        if matrices:
            options += [f"{self.pick(matrices)} @ ({one})"] * 2
        rows = [m for m in self.names("matrix") if self.env[m].shape[1] == n]
        if rows:
            options += [f"np.sum({self.pick(rows)}, axis=0)"]
        if n > 2:
            parts = [v for v in self.names("vector", (n,)) if v != without]
            if parts:
                name = self.pick(parts)
                options += [f"np.concatenate(({name}[1:], {name}[:1]))"]
        return self.pick(options)

    def matrix(self, r: int, c: int, depth: int) -> str:
        leaves = []
        for name in self.names("matrix"):
            shape = self.env[name].shape
            if shape == (r, c):
                leaves += [name] * 2 + [f"{name}[::-1]"]
            if shape == (c, r):
                leaves += [f"{name}.T"]
            elif shape[0] >= r and shape[1] >= c:
                leaves += [f"{name}[{self.slice_of(shape[0], r)}, {self.slice_of(shape[1], c)}]"]
        leaves += [f"{v}.reshape({r}, {c})" for v in self.names("vector", (r * c,))]
        if not leaves:
            leaves = [f"np.full(({r}, {c}), {self.number(0)})"]
        if depth <= 0 or self.chance(0.25):
            return self.pick(leaves)
        one, other = self.matrix(r, c, depth - 1), self.matrix(r, c, depth - 1)
        options = [
            f"({one} + {other})",
            f"{one} * {other}" if depth < 2 else f"({one}) * ({other})",
            f"{self.number(0)} * ({one})",
            f"({one} + {self.vector(c, depth - 1)})",
            f"np.outer({self.vector(r, depth - 1)}, {self.vector(c, depth - 1)})",
            f"np.sin({one})",
            f"({one}) / {self.positive()}",
            f"({one}) * ({self.vector(r, depth - 1)})[:, None]",
        ]
        return self.pick(options)


def generate(seed: int) -> str:
    """The text of the program of a seed: the definition of `f`, and of the functions that it calls."""
    return Maker(random.Random(seed)).program()


def programs() -> strategies.SearchStrategy[str]:
    """Texts of programs, as a strategy of hypothesis."""
    choices = strategies.randoms(use_true_random=False)
    return choices.map(lambda rng: Maker(rng).program())


def arguments(text: str, seed: int = 0) -> tuple:
    """Arguments for the program of this text: the names of its parameters say what they are."""
    header = re.search(r"^def f\((.*)\):", text, re.MULTILINE)
    assert header is not None, text
    return tuple(argument(name.strip(), seed) for name in header[1].split(",") if name.strip())


def argument(name: str, seed: int):
    """The argument for a parameter: `x`, `y`, `z4`, `f4` (single precision), `A34`, `i4` (indices below 4), `l`."""
    rng = random.Random(f"{name[0]}{seed}")

    def number():
        return round(rng.uniform(-1.1, 1.1), 3)

    match name[0], tuple(int(digit) for digit in name[1:]):
        case ("z" | "f"), (n,):
            return np.array([number() for _ in range(n)], dtype=np.float32 if name[0] == "f" else float)
        case "A", (r, c):
            return np.array([[number() for _ in range(c)] for _ in range(r)])
        case "i", (n,):
            return np.array([rng.randrange(n) for _ in range(3)])
        case "l", ():
            return [number() for _ in range(3)]
        case "y", ():
            return round(rng.uniform(0.2, 1.4), 3)
        case _:
            return number()
