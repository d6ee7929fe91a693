"""What a user finds: the package, its two commands, a page whose output is true, and nothing of anybody's machine."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import srcad
from tests.golden._readme import README, run

ROOT = Path(__file__).parents[1]
WRITTEN = sorted(
    path
    for pattern in ("*.md", "*.toml", "LICENSE", ".gitignore", ".ci/*", "srcad/**/*", "tests/**/*", "examples/*")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix != ".pyc"
)
REQUIRED = {"astor", "gast", "numpy"}
OPTIONAL = {"checkpoint_schedules", "matplotlib", "scipy", "tqdm"}


def commands(text: str) -> list[str]:
    """The shell commands that a page shows."""
    return re.findall(r"```sh\n(.*?)\n```", text, re.DOTALL)


def test_the_tour_prints_what_the_page_says():
    text = README.read_text()
    assert run(text) == text, "run `python -m tests.golden`"


def test_the_page_has_two_commands_and_ci_runs_the_second():
    _, tests = commands(README.read_text())
    assert f"\n{tests}\n" in (ROOT / ".ci" / "run").read_text()


def test_links_of_the_pages_lead_somewhere():
    for page in ("README.md", "ARCHITECTURE.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert (ROOT / target).exists(), f"{page}: {target}"


def test_files_that_the_guide_names_exist():
    names = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "ARCHITECTURE.md").read_text()))
    places = [ROOT / "srcad", *(path for path in (ROOT / "srcad").rglob("*") if path.is_dir()), ROOT, ROOT / "tests"]
    assert not {name for name in names if not any((place / name).exists() for place in places)}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_names_a_place_on_a_machine(path):
    folders = "|".join(("home", "root", "Users", "work", "tmp", "mnt"))
    assert not re.search(rf"(?<![\w.])/({folders})/\w", path.read_text())


def test_the_public_functions_are_documented_and_typed():
    for name in srcad.__all__:
        public = getattr(srcad, name)
        assert inspect.getdoc(public), name
        if inspect.isfunction(public) and name != "stop_gradient":
            assert public.__annotations__, name
    assert (ROOT / "srcad" / "py.typed").exists()


def imported(path: Path) -> set[str]:
    """The packages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_package_imports_what_it_requires():
    found = set().union(*(imported(path) for path in (ROOT / "srcad").rglob("*.py"))) - set(sys.stdlib_module_names)
    assert found - {"srcad"} - OPTIONAL == REQUIRED
    listed = re.search(r"^dependencies = \[(.*)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert {re.match(r'"(\w+)', item.strip())[1] for item in listed.split(",")} == REQUIRED


def test_importing_srcad_imports_no_other_library():
    code = "import sys, srcad, srcad.optim; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    others = {"checkpoint_schedules", "scipy", "sklearn", "matplotlib", "tqdm", "jax", "torch", "pytest"}
    assert not set(done.stdout.split()) & others
