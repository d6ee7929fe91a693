"""Random small programs: each is differentiated, and must give the right gradient or a SrcadError.

    python -m tests.random_programs --seed 0 --count 2000        a long run; prints what is wrong, made small
    python -m tests.random_programs --seed 17 --show             one program and what became of it
    python -m tests.random_programs --imperative --count 2000    programs of tests/imperative_programs.py

A program is text made from a seed: few names that are overwritten over and over, nested loops and branches with `break`,
`continue` and `return`, helpers, tuples, lists, dicts, closures, writes into arrays, broadcasting. The text is registered
with `linecache`, so that srcad can read it. `judge` compares with `tests.reference`, which owes nothing to srcad.
"""

# ruff: noqa: E501 - the programs are lines

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import copy
import linecache
import math
import random
import re
import signal
import textwrap
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcad
from srcad.options import SWITCHES, switched
from tests import imperative_programs, second_order
from tests.programs import fresh
from tests.reference import Numpy, at, children, floats, gradient, mismatches, put, value_or_nan, widen
from tests.second_order import direction

PRELUDE = """\
import math
from functools import reduce
import numpy as np

SCALE = 0.7


def smooth(p, q=0.5):
    return np.sin(p) * q + 0.1 * p


def first_large(p, n=3):
    for k in range(n):
        p = p * 1.3 + 0.2
        if p > 1.5:
            return p - 1.0
    return p * p


def power(p, n):
    return 1.0 if n == 0 else p * power(p, n - 1)


def split(p):
    return p * 0.5, np.cos(p)


def shifted(u):
    u = u.copy()
    u[1:] += 0.5 * u[:-1]
    return u


def total(items):
    r = 0.0
    for item in items:
        r += item * item
    return r


def apply(g, *values, **options):
    return g(*values, **options)


"""


# ---------------------------------------------------------------------------------------------------------------
# Programs


class Maker:
    """A program from a seed. Names tell kinds: a b c numbers, u v w arrays of 3, m an array of (2, 3), s t lists."""

    SCALARS, VECTORS, LISTS = ("a", "b", "c"), ("u", "v", "w"), ("s", "t")

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.level = 0
        self.loops = 0
        self.functions: list[set[str]] = []
        self.known: set[str] = set()
        self.local: list[str] = []  # names of nested functions
        self.counters: list[str] = []
        self.budget = self.rng.choice([6, 10, 16, 24])
        r = self.rng.random
        self.uses = {
            "vectors": r() < 0.6,
            "matrix": r() < 0.25,
            "lists": r() < 0.4,
            "writes": r() < 0.5,
            "closures": r() < 0.35,
            "tuples": r() < 0.5,
            "dicts": r() < 0.2,
            "tries": r() < 0.12,
            "returns": r() < 0.4,
            "whiles": r() < 0.5,
            "aliases": r() < 0.2,
            "misc": r() < 0.4,
        }

    def program(self) -> str:
        params = ["x", "y"] + (["z"] if self.uses["vectors"] else [])
        self.known = {"x", "y", *({"z"} if "z" in params else ())}
        lines = []
        for name in self.rng.sample(self.SCALARS, self.rng.randint(1, 3)):
            lines.append(f"{name} = {self.scalar(1)}")
            self.known.add(name)
        if self.uses["vectors"]:
            for name in self.rng.sample(self.VECTORS, self.rng.randint(1, 2)):
                lines.append(
                    f"{name} = {self.rng.choice(['z.copy()', 'z * x', 'np.sin(z)', 'np.zeros(3)', 'np.ones(3) * y', 'np.array([x, y, 0.5])'])}"
                )
                self.known.add(name)
        if self.uses["matrix"]:
            lines.append(
                "m = "
                + self.rng.choice(
                    ["np.zeros((2, 3))", "np.ones((2, 3)) * x", "np.array([[x, y, 1.0], [0.5, x * y, y]])"]
                )
            )
            self.known.add("m")
        if self.uses["lists"]:
            name = self.rng.choice(self.LISTS)
            lines.append(f"{name} = {self.rng.choice(['[]', '[x, y]', '[x * y]', '[0.5, x, y * y]'])}")
            self.known.add(name)
        lines += self.block(self.budget)
        lines.append(f"return {self.result()}")
        return f"def f({', '.join(params)}):\n" + textwrap.indent("\n".join(lines), "    ") + "\n"

    def result(self) -> str:
        parts = []
        for name in sorted(self.known):
            if name in self.SCALARS:
                parts.append(f"{self.rng.choice(['', 'np.sin(', '2.0 * ('])}{name}")
                if "(" in parts[-1]:
                    parts[-1] += ")"
            elif name in self.VECTORS or name == "m":
                parts.append(f"np.sum({name} * {self.rng.choice(['0.3', name, 'x'])})")
            elif name in self.LISTS and self.rng.random() < 0.7:
                parts.append(f"sum({name})")
        self.rng.shuffle(parts)
        return " + ".join(parts[: self.rng.randint(1, 5)] or ["x"])

    # -- statements ------------------------------------------------------------------------------------------------

    def block(self, budget: int) -> list[str]:
        lines: list[str] = []
        while budget > 0:
            compound = self.level < 3 and budget > 2 and self.rng.random() < 0.35
            if compound:
                share = self.rng.randint(1, max(1, budget - 2))
                lines += self.compound(share)
                budget -= share + 1
            else:
                lines += self.simple()
                budget -= 1
        return lines or ["pass"]

    def inside(self, budget: int, loop: bool = False) -> list[str]:
        """A block one level down; what it sets is known afterwards only by luck."""
        before = set(self.known)
        self.level += 1
        self.loops += loop
        lines = self.block(budget)
        if self.rng.random() < 0.3 and self.uses["returns"] and not self.functions:
            lines.append(f"if {self.condition()}:\n    return {self.result()}")
        if self.loops and self.rng.random() < 0.4:
            stop = self.rng.choice(["break", "continue"])
            lines.insert(self.rng.randint(0, len(lines)), f"if {self.condition()}:\n    {stop}")
            if self.rng.random() < 0.2:
                lines[-1:] = [lines[-1], stop] if "continue" in stop else [lines[-1]]
        self.level -= 1
        self.loops -= loop
        lost = self.known - before
        self.known = before | ({n for n in lost if self.rng.random() < 0.1})
        return lines

    def indented(self, lines: list[str]) -> str:
        return textwrap.indent("\n".join(lines), "    ")

    def compound(self, budget: int) -> list[str]:
        pick = self.rng.random()
        if pick < 0.35:
            text = f"if {self.condition()}:\n" + self.indented(self.inside(budget // 2 + 1))
            if self.rng.random() < 0.25:
                text += f"\nelif {self.condition()}:\n" + self.indented(self.inside(budget // 3 + 1))
            if self.rng.random() < 0.5:
                text += "\nelse:\n" + self.indented(self.inside(budget // 2 + 1))
            return [text]
        if pick < 0.72:
            return self.for_(budget)
        if pick < 0.9 and self.uses["whiles"]:
            return self.while_(budget)
        if pick < 0.95 and self.uses["closures"]:
            return self.nested(budget)
        if self.uses["tries"]:
            body = self.inside(budget)
            body.insert(
                self.rng.randint(0, len(body)),
                f"if {self.condition()}:\n    raise ValueError({self.rng.choice(['', self.scalar(0)])})",
            )
            text = "try:\n" + self.indented(body) + "\nexcept ValueError:\n" + self.indented(self.inside(1))
            if self.rng.random() < 0.3:
                text += "\nelse:\n" + self.indented(self.inside(1))
            if self.rng.random() < 0.3:
                text += "\nfinally:\n" + self.indented(self.inside(1))
            return [text]
        return self.for_(budget)

    def for_(self, budget: int) -> list[str]:
        options = ["range"] * 4
        vectors, lists = self.have(self.VECTORS), self.have(self.LISTS)
        if vectors:
            options += ["vector", "enumerate", "zip"]
        if lists:
            options += ["list", "list"]
        if "m" in self.known:
            options.append("rows")
        kind = self.rng.choice(options)
        counter = f"i{self.level}" if self.rng.random() < 0.7 else "i"
        counters = [counter]
        setting: list[str] = []
        match kind:
            case "range":
                stop = self.rng.choice(["0", "1", "2", "3", "3", "len(z)" if "z" in self.known else "3", "int(x * 3)"])
                ranged = self.rng.choice(
                    [f"range({stop})", f"range({stop})", f"range({stop}, -1, -1)", f"range(1, {stop})"]
                )
                head = f"for {counter} in {ranged}:"
            case "vector":
                counters = []
                target = self.rng.choice(["e", "a", "b"])
                setting = [target]
                head = f"for {target} in {self.rng.choice(vectors)}:"
            case "enumerate":
                setting = [self.rng.choice(["e", "a"])]
                head = f"for {counter}, {setting[0]} in enumerate({self.rng.choice(vectors + lists)}):"
            case "zip":
                counters, setting = [], ["e", "d"]
                head = f"for e, d in zip({self.rng.choice(vectors)}, {self.rng.choice(vectors + lists)}):"
            case "list":
                counters, setting = [], [self.rng.choice(["e", "a", "c"])]
                head = f"for {setting[0]} in {self.rng.choice([lists[0], f'reversed({lists[0]})', f'list({lists[0]})', f'sorted({lists[0]})'])}:"
            case _:
                counters, setting = [], [self.rng.choice(["u", "w"])]
                head = f"for {setting[0]} in m:"
        before = set(self.known)
        self.known |= set(setting)
        self.counters += counters
        lines = self.inside(budget, loop=True)
        del self.counters[len(self.counters) - len(counters) :]
        self.known = before | {n for n in self.known - before if self.rng.random() < 0.1}
        text = head + "\n" + self.indented(lines)
        if self.rng.random() < 0.12:
            text += "\nelse:\n" + self.indented(self.inside(1))
        return [text]

    def while_(self, budget: int) -> list[str]:
        counter = f"k{self.level}"
        self.counters.append(counter)
        lines = self.inside(budget, loop=True)
        self.counters.pop()
        lines.insert(0, f"{counter} += 1")
        limit = self.rng.randint(1, 4)
        tests = [f"{counter} < {limit}", f"{counter} < {limit} and {self.condition()}", "True"]
        test = self.rng.choice(tests)
        if test == "True":
            lines.insert(1, f"if {counter} > {limit}:\n    break")
        return [f"{counter} = 0", f"while {test}:\n" + self.indented(lines)]

    def nested(self, budget: int) -> list[str]:
        """A nested function that reads variables of its surroundings."""
        name = self.rng.choice(["g", "h"])
        if self.rng.random() < 0.4:
            self.local.append(name)
            before, self.known = self.known, self.known | {"p"}
            line = f"{name} = lambda p: {self.scalar(2)}"
            self.known = before
            return [line]
        before, outer = self.known, self.loops
        own = {"a", "b"} & set(self.rng.sample("abc", 2))
        self.functions.append(own)
        self.known, self.loops = (self.known - own) | {"p"}, 0
        lines = [f"{n} = {self.scalar(1)}" for n in sorted(own)]
        self.known |= own
        lines += self.inside(min(budget, 4))
        lines.append(f"return {self.scalar(1)}")
        self.functions.pop()
        self.known, self.loops = before, outer
        self.local.append(name)
        return [f"def {name}(p):\n" + self.indented(lines)]

    def simple(self) -> list[str]:
        options = ["assign"] * 4 + ["augment"] * 4
        if self.uses["tuples"]:
            options += ["tuple", "tuple", "chain", "swap"]
        if self.uses["vectors"]:
            options += ["vector"] * 3 + ["vector_augment"]
            if self.uses["writes"]:
                options += ["write"] * 5
        if self.uses["matrix"] and "m" in self.known:
            options += ["matrix_write" if self.uses["writes"] else "matrix"] * 3 + ["row"]
        if self.uses["lists"] and not self.functions:
            options += ["list"] * 5
        if self.uses["dicts"]:
            options += ["dict"] * 3
        if self.uses["aliases"] and self.uses["vectors"]:
            options += ["alias"] * 2
        if self.uses["misc"]:
            options += ["misc"] * 2
        return getattr(self, "make_" + self.rng.choice(options))()

    def target(self) -> str:
        return self.rng.choice(sorted(self.functions[-1]) or ["p"]) if self.functions else self.rng.choice(self.SCALARS)

    def make_assign(self):
        name, value = self.target(), self.scalar(2)
        self.known.add(name)
        return [f"{name} = {value}"]

    def make_augment(self):
        name = self.rng.choice(self.have(self.functions[-1] | {"p"} if self.functions else self.SCALARS) or ["a"])
        if name not in self.known:
            return self.make_assign()
        op = self.rng.choice(["+", "+", "-", "*"])
        return [f"{name} {op}= {self.scalar(1)}"]

    def make_tuple(self):
        one, other = self.target(), self.target()
        form = self.rng.choice(
            [
                f"{one}, {other} = {self.scalar(1)}, {self.scalar(1)}",
                f"{one}, {other} = split({self.scalar(1)})",
                f"({one}, {other}), d = ({self.scalar(1)}, {self.scalar(0)}), 2",
                f"{one}, *_, {other} = [{self.scalar(0)}, 1.0, {self.scalar(0)}]",
            ]
        )
        self.known |= {one, other}
        return [form]

    def make_chain(self):
        one, other = self.target(), self.target()
        line = f"{one} = {other} = {self.scalar(1)}"
        self.known |= {one, other}
        return [line]

    def make_swap(self):
        names = self.have(self.functions[-1] if self.functions else self.SCALARS)
        if len(names) < 2:
            return self.make_assign()
        one, other = self.rng.sample(names, 2)
        return [f"{one}, {other} = {other}, {one}"]

    def make_vector(self):
        if self.functions:
            return self.make_assign()
        name, value = self.rng.choice(self.VECTORS), self.vector(2)
        self.known.add(name)
        return [f"{name} = {value}"]

    def make_vector_augment(self):
        names = self.have(self.VECTORS)
        if not names or self.functions:
            return self.make_vector()
        return [
            f"{self.rng.choice(names)} {self.rng.choice(['+', '*', '-'])}= {self.rng.choice([self.vector(1), self.scalar(1)])}"
        ]

    def make_alias(self):
        names = self.have(self.VECTORS)
        if not names or self.functions:
            return self.make_vector()
        name = self.rng.choice(self.VECTORS)
        value = self.rng.choice([*names, f"{names[0]}[::-1]", "z"])
        self.known.add(name)
        return [f"{name} = {value}"]

    def make_write(self):
        names = self.have(self.VECTORS)
        if not names or self.functions:
            return self.make_vector()
        name = self.rng.choice(names)
        i, s = self.index(), self.scalar(1)
        return [
            self.rng.choice(
                [
                    f"{name}[{i}] = {s}",
                    f"{name}[{i}] += {s}",
                    f"{name}[{i}] *= {s}",
                    f"{name}[1:] = {name}[:-1] * {s}",
                    f"{name}[1:] += {name}[:-1]",
                    f"{name}[::-1] += {self.vector(1)}",
                    f"{name}[:] = {self.vector(1)}",
                    f"{name}[:2] = {s}",
                    f"{name}[{i}] = {name}[{self.index()}] * {s}",
                    f"{name}[::2] -= {s}",
                    f"{name}[{i}] = 0.0",
                    f"{name}[{i}], {name}[{self.index()}] = {s}, {self.scalar(0)}",
                ]
            )
        ]

    def make_row(self):
        if self.functions:
            return self.make_assign()
        name = self.rng.choice(["u", "w"])
        self.known.add(name)
        return [f"{name} = m[{self.rng.choice(['0', '1', '-1', '::2'][:3])}]"]

    def make_matrix(self):
        return (
            [
                "m = "
                + self.rng.choice([f"m * {self.scalar(1)}", f"m + {self.vector(1)}", f"np.tanh(m) * {self.vector(0)}"])
            ]
            if not self.functions
            else self.make_assign()
        )

    def make_matrix_write(self):
        if self.functions:
            return self.make_assign()
        return [
            self.rng.choice(
                [
                    f"m[0] = {self.vector(1)}",
                    f"m[1] += {self.vector(1)}",
                    f"m[:, {self.index()}] *= {self.scalar(1)}",
                    f"m[1, {self.index()}] = {self.scalar(1)}",
                    "m[0] = m[1]",
                    "m[1:] = m[:1] * 0.5",
                    f"m[:, 1:] += {self.scalar(1)}",
                    "m += m[0]",
                    f"m *= {self.scalar(1)}",
                    f"m[{self.rng.choice(['0', '1'])}, ::-1] -= {self.vector(1)}",
                ]
            )
        ]

    def make_list(self):
        names = self.have(self.LISTS)
        name = self.rng.choice(self.LISTS)
        if name not in names or self.rng.random() < 0.15:
            value = self.rng.choice(
                ["[]", f"[{self.scalar(0)}]", f"[{self.scalar(1)}, {self.scalar(0)}, x]"]
                + [f"{n}[:]" for n in names]
                + [f"[{self.scalar(1).replace('e', 'e')} for _ in range(2)]"]
            )
            self.known.add(name)
            return [f"{name} = {value}"]
        s = self.scalar(1)
        return [
            self.rng.choice(
                [
                    f"{name}.append({s})",
                    f"{name}.append({s})",
                    f"{name}.append({s})",
                    f"if {name}:\n    {self.rng.choice(self.SCALARS)} = {name}.pop()",
                    f"if len({name}) > 1:\n    {name}[{self.rng.choice(['0', '1', '-1'])}] {self.rng.choice(['', '+', '*'])}= {s}",
                    f"{name} = {name} + [{s}]",
                    f"{name} += [{s}]",
                    f"{name} = [e * {self.scalar(0)} for e in {name}]",
                    f"if len({name}) > 1:\n    {name}.pop(0)",
                    f"{name}.extend([{s}, {self.scalar(0)}])",
                    f"{name}.insert(0, {s})",
                    f"{name} = {name}[1:]",
                    f"{name}.reverse()",
                ]
            )
        ]

    def make_dict(self):
        if self.functions:
            return self.make_assign()
        if "D" not in self.known:
            self.known.add("D")
            return [f"D = {{'p': {self.scalar(1)}, 'q': {self.scalar(1)}}}"]
        key = self.rng.choice(["'p'", "'q'"])
        return [
            self.rng.choice(
                [
                    f"D[{key}] = {self.scalar(1)}",
                    f"D[{key}] += {self.scalar(1)}",
                    f"a = D[{key}]",
                    f"b = sum(D.values()) * {self.scalar(0)}",
                    f"D = dict(p={self.scalar(0)}, q=D[{key}])",
                    f"for e in D.values():\n    c = e * {self.scalar(0)}",
                ]
            )
        ]

    def make_misc(self):
        name = self.target()
        s, i = self.scalar(1), self.rng.choice(["2", "3"])
        line = self.rng.choice(
            [
                f"{name} = {s} if {self.condition()} else {self.scalar(1)}",
                f"{name} = ({self.target()} := {s}) * 2.0",
                f"{name} = sum([{s} * j for j in range({i})])",
                f"{name} = sum({s} * j for j in range({i}) if j != 1)",
                f"{name} = max({s}, {self.scalar(0)})",
                f"{name} = min([{s}, {self.scalar(0)}, 0.7])",
                f"{name} = reduce(lambda q, r: q * 0.5 + r, [{s}, {self.scalar(0)}, x])",
                f"{name} = apply(smooth, {s}, q={self.scalar(0)})",
                f"{name} = total([{s}, {self.scalar(0)}])",
                f"{name} = total(({s},))",
                f"{name} = power({self.scalar(0)}, 3)",
                f"{name} = abs({s})",
                f"{name} = ({self.condition()} and {s}) or {self.scalar(0)}",
                f"{name} = ({s}, {self.scalar(0)})[{self.rng.choice(['0', '1', '-1'])}]",
                f"{name} = next(e for e in [{s}, {self.scalar(0)}])",
                f"{name} = sum(map(smooth, [{s}, x]))",
                f"del {name}",
                f"{name} = float({s})",
                f"{name} = np.float64({s})",
                f"{name} = 1",
            ]
        )
        if line.startswith("del"):
            if name not in self.known or self.functions:
                return self.make_assign()
            self.known.discard(name)
            return [f"del {name}"] if self.level == 0 else self.make_assign()
        self.known.add(name)
        return [line]

    # -- expressions -----------------------------------------------------------------------------------------------

    def have(self, names) -> list[str]:
        return [n for n in sorted(names) if n in self.known]

    def index(self) -> str:
        usual = ["0", "1", "2", "-1", "-2"]
        counted = [f"{c} % 3" for c in self.counters] + self.counters
        return self.rng.choice(usual + counted * 3)

    def condition(self) -> str:
        options = [
            f"{self.scalar(0)} > {self.scalar(0)}",
            f"{self.scalar(0)} < {self.rng.choice(['0.5', '1.0', '0.0', '-0.3'])}",
        ]
        options += (
            [f"{c} == 1" for c in self.counters]
            + [f"{c} % 2 == 0" for c in self.counters]
            + [f"{c} > 0" for c in self.counters]
        )
        if self.have(self.VECTORS):
            options.append(f"np.sum({self.rng.choice(self.have(self.VECTORS))}) > 0.4")
        if self.have(self.LISTS) and not self.functions:
            options.append(f"len({self.have(self.LISTS)[0]}) > 2")
        one = self.rng.choice(options)
        if self.rng.random() < 0.15:
            one = f"{one} {self.rng.choice(['and', 'or'])} {self.rng.choice(options)}"
        return f"not ({one})" if self.rng.random() < 0.1 else one

    def atom(self) -> str:
        options = self.have({*self.SCALARS, "p", "x", "y", "e"}) * 3 + ["x", "y", "0.5", "2.0", "SCALE"]
        if self.have(self.VECTORS):
            options += [f"{self.rng.choice(self.have(self.VECTORS))}[{self.index()}]"] * 2
        if "m" in self.known:
            options.append(f"m[1, {self.index()}]")
        if self.counters and self.rng.random() < 0.3:
            options += self.counters
        if self.uses["lists"] and self.have(self.LISTS) and not self.functions and self.rng.random() < 0.5:
            name = self.have(self.LISTS)[0]
            options += [f"({name}[-1] if {name} else x)", f"sum({name})"]
        if "D" in self.known and not self.functions:
            options += ["D['p']", "D['q']"]
        return self.rng.choice(options)

    def scalar(self, depth: int) -> str:
        if depth == 0:
            return self.atom()
        p, q = self.scalar(depth - 1), self.scalar(depth - 1)
        options = [
            f"({p} + {q})",
            f"({p} - {q})",
            f"{p} * {q}",
            f"np.sin({p})",
            f"math.cos({p})",
            f"np.tanh({p})",
            f"-{p}",
            f"{p} / (1.0 + {q} * {q})",
            f"np.exp(-{p} * {p})",
            f"np.sqrt(1.0 + {p} ** 2)",
            p,
            f"{p} * {q}",
            f"0.5 * {p} * {q}",
        ]
        if self.rng.random() < 0.25:
            options += [
                f"smooth({p})",
                f"smooth({p}, {q})",
                f"smooth(q={p}, p={q})",
                f"first_large({p})",
                f"split({p})[1]",
                f"power({p}, 2)",
            ]
        options += [f"{g}({p})" for g in self.local] * 2
        names = self.have(self.VECTORS)
        if names:
            u, v = self.rng.choice(names), self.rng.choice(names)
            options += [f"np.sum({u})", f"{u} @ {v}", f"np.sum({u} * {p})", f"{u}.mean()", f"np.dot({u}, {v})"]
        return self.rng.choice(options)

    def vector(self, depth: int) -> str:
        names = self.have({*self.VECTORS, "z"})
        if depth == 0 or not names:
            return self.rng.choice(names or ["np.ones(3)"])
        u, v, p = self.vector(depth - 1), self.vector(depth - 1), self.scalar(1)
        options = [
            f"({u} + {v})",
            f"{u} * {v}",
            f"{u} * {p}",
            f"({u} - {p})",
            f"np.sin({u})",
            f"np.tanh({u})",
            f"{u}.copy()",
            f"{u}[::-1] * 0.5",
            f"np.where({u} > 0.2, {u}, {v})",
            "np.zeros(3)",
            f"np.array([{p}, {self.scalar(0)}, 1.0])",
            f"shifted({u})",
            f"np.roll({u}, 1)",
            f"np.cumsum({u})",
            f"np.maximum({u}, 0.1)",
            f"{u}[[0, 0, 2]]",
            f"np.stack([{u}[0], {p}, {u}[1]])",
            f"np.concatenate([{u}[:1], {v}[1:]])",
            f"({u}[:, None] * {v}).sum(axis=0)",
            f"{u} / (1.0 + {v} ** 2)",
            f"np.zeros_like({u})",
            f"{u} * {u}[:1]",
        ]
        if "m" in self.known:
            options += ["m[0] * 1.0", f"({u} @ m.T) @ m * 0.1", "m.sum(axis=0)", "m.mean(axis=0)"]
        return self.rng.choice(options)


def generate(seed: int) -> str:
    """The text of the program of a seed: the definition of `f`."""
    return Maker(seed).program()


def arguments(text: str, seed: int = 0) -> tuple:
    """Arguments for the program of this text: a number for `x` and `y`, an array of 3 for `z`."""
    rng = random.Random(seed * 7 + 1)
    values: list[Any] = [round(rng.uniform(-1.2, 1.2), 3), round(rng.uniform(0.2, 1.5), 3)]
    if "z" in text[: text.index("\n")]:
        values.append(np.array([round(rng.uniform(-1, 1), 3) for _ in range(3)]))
    return tuple(values)


@dataclass(frozen=True)
class Family:
    """A generator of programs: the text that all begin with, the program of a seed, the arguments of a program."""

    prelude: str
    generate: Callable[[int], str]
    arguments: Callable[[str, int], tuple]

    def compiled(self, text: str, numpy=np):
        """The function `f` of a text, which srcad can read back; with another module in place of NumPy."""
        whole = self.prelude + text
        filename = f"<random {abs(hash(whole)):x}>"
        linecache.cache[filename] = (len(whole), None, whole.splitlines(True), filename)
        space: dict = {"__name__": "random_program"}
        exec(compile(whole, filename, "exec"), space)
        if numpy is not np:
            space["np"] = numpy
        return space["f"]

    def twins(self, text: str) -> dict:
        """The same program for the reference: in double precision, and for complex numbers."""
        return {"double": self.compiled(text, Numpy(np.float64)), "analytic": self.compiled(text, Numpy(np.complex128))}


SHARE = 4
"""Of so many programs one is differentiated with each switch of the compiler off, too."""

FUNCTIONAL = Family(PRELUDE, generate, arguments)
IMPERATIVE = Family(imperative_programs.PRELUDE, imperative_programs.generate, imperative_programs.arguments)


# ---------------------------------------------------------------------------------------------------------------
# Judging


@dataclass
class Verdict:
    """What became of a program: `right`, `refused`, `skipped` (it does not run), or what is wrong.

    `refusals` are the messages of those ways to a derivative that were refused, each with the way.
    """

    status: str
    detail: str = ""
    refusals: tuple[tuple[str, str], ...] = ()

    @property
    def is_defect(self) -> bool:
        return self.status not in ("right", "refused", "skipped")


class TooLong(BaseException):
    pass


def arrays_in(value) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    return [a for _, part in children(value) for a in arrays_in(part)]


def same(a, b) -> bool:
    """Whether two structures are equal; NaN equals NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, float) and isinstance(b, float):
        return a == b or math.isnan(a) and math.isnan(b)
    parts, others = children(a), children(b)
    if parts or others:
        return (
            type(a) is type(b)
            and len(parts) == len(others)
            and all(s == t and same(p, q) for (s, p), (t, q) in zip(parts, others))
        )
    return type(a) is type(b) and a == b


def close(a, b, single: bool = False) -> bool:
    return bool(np.allclose(a, b, rtol=1e-4 if single else 1e-9, atol=1e-5 if single else 1e-12, equal_nan=True))


def where_inside(error: BaseException) -> str:
    """The innermost function of srcad in a traceback, or the generated line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "srcad" in f.filename]
    if not frames:
        return "outside"
    last = frames[-1]
    return "generated code" if last.filename.startswith("<") else f"{last.filename.rpartition('/')[2]}:{last.name}"


def reads_what_is_unset(double, args: tuple, kwargs: dict) -> bool:
    """Whether what a program gives depends on what is in the arrays that `np.empty` makes."""
    values = []
    for filling in (math.nan, 1e3, -1e3):
        with np.errstate(all="ignore"), Numpy.filled(filling):
            values.append(value_or_nan(lambda _: double(*widen(args), **widen(kwargs)), 0.0))
    return math.isnan(values[0]) or len(set(values)) > 1


def judge(
    fun, args: tuple, argnums=None, kwargs: dict | None = None, double=None, analytic=None, single: bool = False,
    switches: tuple[str, ...] = (),
) -> Verdict:  # fmt: skip
    """Whether the gradient of `fun` is right or refused, and leaves its arguments and its results alone.

    `argnums` are the arguments to differentiate by (all that hold floats). `double` and `analytic` are `fun` in double
    precision and for complex numbers, for the reference; `single` says that `fun` computes in single precision.
    With each of the `switches` of the compiler off, the gradient has to be the same.
    """
    kwargs = kwargs or {}
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        try:
            given = fresh(args)
            value = fun(*given, **fresh(kwargs))
            mutates = not same(given, fresh(args))
        except Exception as error:  # noqa: BLE001 - a program that does not run: then its gradient must not either
            plain_error: Exception | None = error
        else:
            plain_error = None
    if plain_error is None and not isinstance(value, (float, int, np.floating, np.ndarray)):
        return Verdict("skipped", "no number")
    tag = "" if plain_error is None else " (where the program raises)"
    if argnums is None:
        argnums = tuple(i for i, a in enumerate(args) if next(floats(a), None) is not None)
    given = fresh(args)
    try:
        with np.errstate(all="ignore"):
            derivative = srcad.value_and_grad(fun, argnums=argnums)
            found_value, found = derivative(*given, **fresh(kwargs))
    except srcad.SrcadError as error:
        if plain_error is None and error.origin is None and type(error) is not srcad.KindError:
            return Verdict("refused without a line", str(error))
        if plain_error is not None:
            return Verdict("skipped", str(error))
        return Verdict("refused", str(error), (("", str(error)),))
    except RecursionError as error:
        if plain_error is not None:
            return Verdict("skipped")
        return Verdict(
            f"crash RecursionError{tag} {where_inside(error)}", "".join(traceback.format_exception(error)[-8:])
        )
    except Exception as error:  # noqa: BLE001
        if plain_error is not None and type(error) is type(plain_error):
            return Verdict("skipped", repr(plain_error))
        if plain_error is not None and isinstance(plain_error, NameError):
            return Verdict("skipped", f"{plain_error!r} became {error!r}")
        status = f"crash {type(error).__name__}{tag} {where_inside(error)}"
        return Verdict(
            status,
            "".join(traceback.format_exception(error)[-8:]) + (f"\nplain run: {plain_error!r}" if plain_error else ""),
        )
    if plain_error is not None:
        if isinstance(plain_error, NameError):
            return Verdict("no error where the program has one", repr(plain_error))
        return Verdict("no error where the program has one", repr(plain_error))
    if not np.all(np.isfinite(value)) or abs(float(value)) > 1e8:
        return Verdict("skipped", "not finite")
    if double is not None and reads_what_is_unset(double, args, kwargs):
        return Verdict("skipped", "it reads what np.empty gave")
    if not close(value, found_value, single):
        return Verdict("wrong value", f"value {found_value!r}, expected {value!r}")
    if not same(given, fresh(args)):
        return Verdict("changes its arguments", f"{args} became {given}" + (" (the program does)" if mutates else ""))
    outs, ins = arrays_in(found), arrays_in(given)
    for k, out in enumerate(outs):
        if not out.flags.writeable or any(st == 0 and n > 1 for st, n in zip(out.strides, out.shape)):
            return Verdict("gradient not writable")
        if any(np.shares_memory(out, other) for other in ins + outs[:k]):
            return Verdict("gradient shares memory")
    lines = []
    for i, part in zip(argnums, found):
        try:
            expected = gradient(double or fun, args, i, kwargs, analytic)
        except Exception as error:  # noqa: BLE001 - a program that runs here, but not nearby
            return Verdict("skipped", repr(error))
        if any(math.isnan(e.value) or e.error > 1e-3 * (1 + abs(e.value)) for e in expected.values()):
            return Verdict("skipped", "no reference")
        if isinstance(part, np.ndarray) and (part.shape, part.dtype) != (args[i].shape, args[i].dtype):
            lines.append(f"argument {i}: {part.dtype} of shape {part.shape}")
            continue
        wrong = [f"argument {i}: {line}" for line in mismatches(expected, part, single)]
        if wrong and has_kink(double or fun, args, i, kwargs):
            return Verdict("skipped", "a kink")
        if wrong:

            def by_srcad(moved, i=i, paths=tuple(expected)):
                part = derivative(*moved, **fresh(kwargs))[1][argnums.index(i)]
                return [float(at(part, path)) for path in paths]

            def by_reference(moved, i=i):
                return [e.value for e in gradient(double or fun, moved, i, kwargs, analytic).values()]

            off = np.max(np.abs(np.subtract(by_srcad(args), by_reference(args))))
            if off <= 10 * max(jumps(by_srcad, args), jumps(by_reference, args)):
                return Verdict("skipped", "cancellation")
        lines += wrong
    if lines:
        return Verdict("wrong gradient", "\n".join(lines))
    return more(fun, args, kwargs, argnums, found, value, single, switches)


def jumps(slopes: Callable, args: tuple) -> float:
    """How far a gradient jumps along a straight line through the arguments. Where terms cancel, rounding is left, in it or in
    its reference; a gradient that is wrong is smooth."""
    places = np.arange(-4.0, 5.0)
    smooth = np.vander(places, 3)
    found = 0.0
    for step in (1e-13, 1e-9, 1e-6):
        rng = np.random.default_rng(0)
        ways = [(i, path, rng.standard_normal()) for i, a in enumerate(args) for path in floats(a)]
        rows = []
        for t in places * step:
            moved = [widen(a) for a in args]
            for i, path, way in ways:
                moved[i] = put(moved[i], path, at(moved[i], path) * (1 + t * way))
            with np.errstate(all="ignore"):
                rows.append(slopes(moved))
        rest = np.array(rows) - smooth @ np.linalg.lstsq(smooth, np.array(rows), rcond=None)[0]
        found = max(found, float(np.max(np.abs(rest))))
    return found


def has_kink(fun, args: tuple, i: int, kwargs: dict) -> bool:
    """Whether the function bends at its arguments: the differences to the left and right are others."""
    start = value_or_nan(lambda _: fun(*fresh(args), **fresh(kwargs)), 0.0)
    for path in floats(args[i]):

        def moved(step, path=path):
            values = [widen(a) for a in args]
            values[i] = put(values[i], path, at(values[i], path) + step)
            return fun(*values, **widen(kwargs))

        h = 1e-6
        sides = [(value_or_nan(moved, step) - start) / step for step in (h, -h)]
        if not abs(sides[0] - sides[1]) <= 1e-3 * (1 + abs(sides[0])):
            return True
    return False


def more(fun, args, kwargs, argnums, found, value, single: bool = False, switches: tuple[str, ...] = ()) -> Verdict:
    """The other ways to the same gradient."""
    for switch in switches:
        try:
            with switched(**{switch: False}), np.errstate(all="ignore"):
                again = srcad.grad(fun, argnums=argnums)(*fresh(args), **fresh(kwargs))
        except srcad.SrcadError:
            if switch == "activity":  # it is differentiated by more
                continue
            return Verdict(f"refused without {switch}")
        except Exception as error:  # noqa: BLE001
            return Verdict(f"crash without {switch}", "".join(traceback.format_exception(error)[-8:]))
        if not all(close(p, q, single) for p, q in zip(leaves(again), leaves(found))):
            return Verdict(f"another gradient without {switch}", f"{again} and {found}")
    try:
        with np.errstate(all="ignore"):
            again = srcad.grad(fun, argnums=argnums)(*fresh(args), **fresh(kwargs))
            if not all(close(p, q, single) for p, q in zip(leaves(again), leaves(found))):
                return Verdict("grad differs from value_and_grad", f"{again} and {found}")
            if kwargs or not isinstance(value, (float, np.floating)):
                return Verdict("right")
            given = fresh(args)
            result, pullback = srcad.vjp(fun, *given)
            one, two, three = (pullback(type(value)(seed)) for seed in (1.0, 2.0, 1.0))
    except Exception as error:  # noqa: BLE001
        return Verdict(
            f"another way: crash {type(error).__name__} {where_inside(error)}",
            "".join(traceback.format_exception(error)[-8:]),
        )
    expected = leaves(found)
    for label, bars, factor in (("", one, 1.0), (" (second call)", two, 2.0), (" (third call)", three, 1.0)):
        parts = leaves([bars[i] for i in argnums])
        if len(parts) != len(expected) or not all(
            close(p, factor * np.asarray(q), single) for p, q in zip(parts, expected)
        ):
            return Verdict("vjp differs from grad" + label, f"{bars} and {found}")
    if not close(result, value, single):
        return Verdict("vjp value wrong", f"{result} and {value}")
    groups = [arrays_in(g) for g in (one, two, three)]
    flat = [a for g in groups for a in g]
    for k, out in enumerate(flat):
        if any(np.shares_memory(out, other) for other in arrays_in(given) + flat[:k]):
            return Verdict("pullback shares memory")
    if not same(given, fresh(args)):
        return Verdict("vjp changes its arguments")
    return along(fun, args, argnums, found, value, single)


def along(fun, args: tuple, argnums: tuple, found: tuple, value, single: bool) -> Verdict:
    """The tangent along a random direction, beside its product with the gradient, which agrees with the reference."""
    rng = np.random.default_rng(1)
    dots = tuple(direction(a, rng) if i in argnums else None for i, a in enumerate(args))
    numbers, steps = flat(found), flat([dots[i] for i in argnums])
    given, moved = fresh(args), fresh(dots)
    try:
        with np.errstate(all="ignore"):
            result, slope = srcad.jvp(fun, given, moved)
    except srcad.SrcadError as error:
        return Verdict("right", "", (("jvp: ", str(error)),))
    except Exception as error:  # noqa: BLE001
        status = f"jvp: crash {type(error).__name__} {where_inside(error)}"
        return Verdict(status, "".join(traceback.format_exception(error)[-8:]))
    expected, size = numbers @ steps, np.abs(numbers) @ np.abs(steps)
    if not close(result, value, single):
        return Verdict("jvp value wrong", f"{result} and {value}")
    if not abs(float(slope) - expected) <= (1e-4 if single else 1e-9) * (1 + size):
        return Verdict("jvp differs from grad", f"{slope}, along {dots}; the gradient gives {expected}")
    if not same(given, fresh(args)) or not same(moved, dots):
        return Verdict("jvp changes its arguments", f"{given}, {moved}")
    return Verdict("right")


def flat(value) -> np.ndarray:
    """The numbers of a structure, in order."""
    return np.concatenate([np.ravel(leaf).astype(float) for leaf in leaves(value)] or [np.zeros(0)])


def leaves(value) -> list:
    if value is None:
        return []
    parts = children(value)
    if parts or isinstance(value, (tuple, list, dict)):
        return [leaf for _, part in parts for leaf in leaves(part)]
    return [value]


def judge_twice(
    fun, args: tuple, double=None, analytic=None, single: bool = False, switches: tuple[str, ...] = ()
) -> Verdict:
    """The same of the second derivatives of a program whose gradient is right: the first way that is wrong, or crashes.

    Refused where a way is; what each way is refused for is in the detail.
    """
    verdict = judge(fun, args, double=double, analytic=analytic, single=single, switches=switches)
    if verdict.status != "right" or single:
        return Verdict("skipped", verdict.detail)
    argnums = tuple(i for i, a in enumerate(args) if next(floats(a), None) is not None)
    found = list(second_order.judge(fun, args, argnums, double))
    for way, status, detail in found:
        if status not in ("right", "refused"):
            return Verdict(f"{way}: {status}", detail)
    refusals = tuple((f"{way}: ", detail) for way, status, detail in found if status == "refused")
    detail = "\n".join(f"{way}{message}" for way, message in refusals)
    return Verdict("skipped" if not found else "refused" if refusals else "right", detail, refusals)


def judge_text(
    text: str, seed: int = 0, seconds: float = 20.0, family: Family = FUNCTIONAL, judge: Callable = judge
) -> Verdict:
    """`judge` of a program's text; what takes too long is a defect, too."""
    try:
        fun = family.compiled(text)
    except SyntaxError as error:
        return Verdict("skipped", repr(error))
    args = family.arguments(text, seed)
    twins = family.twins(text) if family is IMPERATIVE else {}
    single = "float32" in text or any(a.dtype == np.float32 for a in arrays_in(args))

    def too_long(*_):
        raise TooLong

    old = signal.signal(signal.SIGALRM, too_long)
    status = "skipped"
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            fun(*fresh(args))
        status = "takes too long"
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
        return judge(fun, args, single=single, switches=SWITCHES if seed % SHARE == 0 else (), **twins)
    except TooLong:
        return Verdict(status, "out of time")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


# ---------------------------------------------------------------------------------------------------------------
# Making a program small


def shrunk(
    text: str, seed: int, status: str, seconds: float = 60.0, family: Family = FUNCTIONAL, judge: Callable = judge
) -> str:
    """A smaller program with the same defect, or the smallest found in so many seconds."""
    end = time.monotonic() + seconds
    limit = 15.0 if judge is judge_twice else 2.0
    changed = True
    while changed:
        changed, position = False, 0
        candidates = list(smaller(text))
        while position < len(candidates) and time.monotonic() < end:
            candidate = candidates[position]
            position += 1
            if len(candidate) < len(text) and judge_text(candidate, seed, limit, family, judge).status == status:
                text, changed = candidate, True
                candidates = list(smaller(text))  # and on from here: what was tried before would fail again
                position = max(0, position - 2)
    return text


def smaller(text: str):
    """Programs with a statement less, a block in place of its compound, or an expression in place of a larger one."""
    tree = ast.parse(text)
    spots = [
        (n, name)
        for n in ast.walk(tree)
        for name in ("body", "orelse", "finalbody")
        if isinstance(getattr(n, name, None), list)
    ]
    for chunk in (8, 4, 2):
        for node, name in spots:
            block = getattr(node, name)
            for start in range(0, len(block) if len(block) > chunk and node is not tree else 0, chunk):
                memo: dict = {id(block): copy.deepcopy(block[:start] + block[start + chunk :])}
                yield ast.unparse(copy.deepcopy(tree, memo))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            if node.name != "f":
                memo = {id(tree.body): [n for n in tree.body if n is not node]}
                yield ast.unparse(copy.deepcopy(tree, memo))
            else:
                for param in node.args.args:
                    memo = {id(node.args.args): [p for p in node.args.args if p is not param]}
                    yield ast.unparse(copy.deepcopy(tree, memo))
    for number, (node, name) in enumerate(spots):
        for position in range(len(getattr(node, name))):
            statement = getattr(node, name)[position]
            options = [[]]
            for inner in ("body", "orelse"):
                if isinstance(getattr(statement, inner, None), list) and getattr(statement, inner):
                    options.append(getattr(statement, inner))
            if isinstance(statement, ast.For) and isinstance(statement.target, ast.Name):
                options.append([ast.Assign([statement.target], ast.Constant(1), lineno=1), *statement.body])
            if isinstance(node, ast.Module):
                continue
            for option in options:
                other = copy.deepcopy(tree)
                twins = [
                    (n, name)
                    for n in ast.walk(other)
                    for name in ("body", "orelse", "finalbody")
                    if isinstance(getattr(n, name, None), list)
                ]
                twin, field = twins[number]
                block = getattr(twin, field)
                block[position : position + 1] = copy.deepcopy(option)
                if not block and field == "body":
                    block.append(ast.Pass())
                yield ast.unparse(ast.fix_missing_locations(other))
    expressions = [
        n
        for n in ast.walk(tree)
        if isinstance(n, (ast.BinOp, ast.Call, ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.Compare))
    ]
    for node in expressions:
        inner = [
            c for c in ast.walk(node) if isinstance(c, (ast.Name, ast.BinOp, ast.Call, ast.Subscript)) and c is not node
        ][:6]
        for replacement in [*inner, ast.Constant(0.5)]:
            other = replaced(tree, node, replacement)
            yield ast.unparse(ast.fix_missing_locations(other))


def replaced(tree: ast.AST, node: ast.AST, by: ast.AST) -> ast.AST:
    """A copy of `tree` with another node in place of one."""
    memo: dict = {id(node): copy.deepcopy(by)}
    return copy.deepcopy(tree, memo)


# ---------------------------------------------------------------------------------------------------------------


def reasons(message: str) -> list[str]:
    """What a refusal says, without the names: its first line, or that of each of its items."""
    lines = message.splitlines()
    items = [after.strip() for line, after in zip(lines, lines[1:]) if set(line.strip()) == {"^"}]
    found = items if " constructs " in lines[0] else lines[:1]
    return [re.sub(r"`[^`]*`", "`…`", line) for line in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--second", action="store_true", help="second derivatives of programs whose gradient is right")
    parser.add_argument("--imperative", action="store_true", help="writes, views, aliases and containers")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop before the count after so long")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to make one program small")
    parser.add_argument("--show", action="store_true", help="print each program, and what became of it")
    parser.add_argument(
        "--per-class", type=int, default=2, help="how many programs of each class of defects are made small"
    )
    options = parser.parse_args()
    family = IMPERATIVE if options.imperative else FUNCTIONAL
    judged = judge_twice if options.second else judge
    counts: collections.Counter = collections.Counter()
    refusals: collections.Counter = collections.Counter()
    end = time.monotonic() + 60 * options.minutes
    for seed in range(options.seed, options.seed + options.count):
        if time.monotonic() > end:
            print(f"stopped before seed {seed}")
            break
        text = family.generate(seed)
        verdict = judge_text(text, seed, 60.0 if options.second else 20.0, family, judged)
        counts[verdict.status] += 1
        for way, message in verdict.refusals:
            refusals.update(way + reason for reason in reasons(message))
        if options.show:
            print(text, family.arguments(text, seed), verdict.status, verdict.detail, sep="\n")
        elif verdict.is_defect and counts[verdict.status] <= options.per_class:
            small = shrunk(text, seed, verdict.status, options.seconds, family, judged)
            print(f"==== seed {seed}: {verdict.status}\n{small}\n{family.arguments(small, seed)}")
            print(judge_text(small, seed, 20.0, family, judged).detail[-700:], end="\n\n", flush=True)
        elif verdict.is_defect:
            print(f"==== seed {seed}: {verdict.status}", flush=True)
    ran = sum(count for status, count in counts.items() if status != "skipped")
    print(f"{counts}\nright: {counts['right']} of the {ran} that run, {counts['right'] / max(ran, 1):.1%}")
    for line, count in refusals.most_common(40):
        print(f"{count:6} {line}")


if __name__ == "__main__":
    main()
