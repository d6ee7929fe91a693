"""The generated text: it is what the golden files show, it is right as it stands there, and it is always the same."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden import FILES, MARK, generated, golden_module, head
from tests.programs import fresh
from tests.reference import gradient, mismatches

ROOT = Path(__file__).parents[1]
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


class Golden:
    """A golden file, imported: a function, its arguments, and its derivatives as they stand there."""

    def __init__(self, path: Path):
        module = golden_module(path)
        for part in ("forward", "adjoint", "grad", "value_and_grad"):
            setattr(self, part, getattr(module, f"{path.stem}_{part}"))
        self.fun, self.arguments = getattr(module, path.stem), module.ARGUMENTS
        names = self.fun.__code__.co_varnames
        chosen = module.ARGNUMS if isinstance(module.ARGNUMS, tuple) else (module.ARGNUMS,)
        self.positions = sorted(names.index(c) if isinstance(c, str) else c for c in chosen)

    def check(self, bars) -> None:
        """Compares the adjoints of the arguments with differences of the function."""
        bars = bars if len(self.positions) > 1 else (bars,)
        assert len(bars) == len(self.positions)
        for position, bar in zip(self.positions, bars):
            assert not mismatches(gradient(self.fun, self.arguments, position), bar)

    def args(self) -> tuple:
        return fresh(self.arguments)


@each_file
def test_the_text_is_the_golden_one(path):
    expected = head(path) + "\n" + generated(path)
    assert path.read_text() == expected, "run `python -m tests.golden`, and read the difference"


@each_file
def test_the_golden_sweeps_are_right(path):
    golden = Golden(path)
    value, saved = golden.forward(*golden.args())
    assert value == golden.fun(*golden.args())
    golden.check(golden.adjoint(saved, 1.0))
    golden.check(golden.adjoint(saved, 1.0))  # a pullback may be called many times


@each_file
def test_the_golden_gradient_is_right(path):
    golden = Golden(path)
    golden.check(golden.grad(*golden.args()))
    value, bars = golden.value_and_grad(*golden.args())
    assert value == golden.fun(*golden.args())
    golden.check(bars)


@each_file
def test_a_golden_file_needs_numpy_and_the_runtime_only(path):
    written, _, made = path.read_text().partition(MARK)
    runtime = {"srcad.runtime_memory"} if "MEMORY = " in written else set()
    assert imports(made) <= {"math", "numpy", "srcad.runtime"} | runtime
    assert imports(written) <= {"math", "numpy"} | ({"srcad"} if "@checkpoint" in written else set())


def imports(text: str) -> set[str]:
    """The modules that a text imports from."""
    return {
        name
        for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }


def test_the_text_does_not_depend_on_the_order_of_hashes():
    shown = [
        subprocess.run(
            [sys.executable, "-m", "tests.golden", "--show"], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "20")
    ]
    assert shown[0] == shown[1]
    assert shown[0].count("_forward(") >= len(FILES)
