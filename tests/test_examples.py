"""The examples run as a user runs them: as scripts, from an empty folder; and what they print is true."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OPTIONAL = ("scipy", "sklearn", "tqdm", "matplotlib")


@cache
def output(name_start: str) -> str:
    """What the example whose name starts so prints, run once, in a process of its own."""
    (path,) = (path for path in EXAMPLES if path.name.startswith(name_start))
    for package in OPTIONAL:
        if re.search(rf"^(from|import) {package}\b", path.read_text(), re.MULTILINE):
            pytest.importorskip(package)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, path], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert os.listdir(folder) == []
    return done.stdout


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?", text)]


def line(text: str, start: str) -> str:
    """The line of a text that starts so."""
    (found,) = (one for one in text.splitlines() if one.strip().startswith(start))
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_and_prints(path):
    assert output(path.name[:2]).strip()


def test_examples_are_numbered_without_gaps():
    assert [path.name[:3] for path in EXAMPLES] == [f"{k:02}_" for k in range(1, len(EXAMPLES) + 1)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_says_what_it_shows(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_01_shows_the_partials_and_adjoints_of_the_lecture():
    text, generated = output("01").split("What srcad made")
    assert numbers(line(text, "p = exp"))[-3:] == [1.0, -3.0, 0.5]
    assert numbers(line(text, "q = 1 + p"))[-3:] == [2.0, 1.0, 0.5]
    assert numbers(line(text, "r = 1 / q"))[-3:] == [0.5, -0.25, -2.0]
    assert numbers(line(text, "y = -ln r"))[-2:] == [-2.0, 1.0]
    assert numbers(line(text, "df/dx at 0, by srcad"))[-1] == -1.5
    assert "def f_in_steps_adjoint" in generated


def test_02_shows_the_gradient_of_the_lecture_and_that_symmetry_stays():
    text = output("02")
    half_root = 0.35355339
    assert numbers(line(text, "dL/dtheta_1").split("[")[1])[:2] == [-half_root, -half_root]
    assert numbers(line(text, "dL/dtheta_2").split("[")[1]) == [half_root, half_root]
    assert numbers(line(text, "dL/dw").split("[")[1]) == [-0.5, -0.5]
    assert "neurons equal in the end: 12 of 12, learned: 0 of 12" in line(text, "symmetric")
    assert "neurons equal in the end:  0 of 12" in line(text, "random")


def test_03_reaches_the_minimum_and_reports_divergence():
    text = output("03")
    for rule in ("heavy ball", "Nesterov", "Adam, ever shorter"):
        assert "x = (1.00000, 1.00000)" in line(text, rule)
    assert "became inf in iteration" in text


def test_04_needs_far_fewer_evaluations_with_a_gradient():
    text = output("04")
    by_differences, by_srcad = (numbers(line(text, start))[-2] for start in ("finite differences", "jac=grad(f)"))
    assert by_srcad < by_differences / 20
    assert "'height': 2.0, 'centre': 0.5, 'width': 0.8" in text


@pytest.mark.parametrize("data", ["digits", "cancer"])
@pytest.mark.parametrize("model", ["logistic regression", "one hidden layer"])
def test_05_classifies_held_out_data(data, model):
    found = re.search(rf"^{data}\s+{model}.*?([\d.]+)$", output("05"), re.MULTILINE)
    assert float(found[1]) >= 0.95


def test_05_prints_both_sweeps_and_agrees_with_finite_differences():
    text = output("05")
    assert "def network_loss_forward" in text
    assert "def network_loss_adjoint" in text
    error, size = numbers(line(text, "largest difference"))
    assert error < 1e-6 * size


def test_06_finds_the_drag_that_made_the_data():
    text = output("06")
    assert numbers(line(text, "Drag"))[0] == pytest.approx(0.02, abs=1e-6)
    by_srcad, by_differences = numbers(line(text, "Metres gained"))[-2:]
    assert by_srcad == pytest.approx(by_differences, rel=1e-6)


def test_07_keeps_the_structure_and_learns():
    text = output("07")
    assert "inputs: None  activation: None" in text
    assert "still a Model with activations ['tanh', 'none']" in text
    assert numbers(line(text, "sin(2x)").split("f =")[1])[0] < 1e-3


def test_08_converges_quadratically_to_a_point_without_slope():
    text = output("08")
    assert abs(numbers(line(text, "step 6").split("f' =")[1])[0]) < 1e-14
    by_srcad, by_hand = numbers(line(text, "f'' at the minimum"))
    assert by_srcad == pytest.approx(by_hand, rel=1e-14)


def test_09_refuses_with_the_line_and_gets_the_rewritten_one_right():
    text = output("09")
    assert text.count("Error") + text.count("MissingRule") >= 3
    assert "09_right_or_refuse.py:14, in distinct(w, x)" in text
    assert text.splitlines()[-1] == "[-0.5  0.   2.   4. ]"


def test_10_solves_and_knows_how_well_and_takes_a_rule():
    text = output("10")
    x, y = numbers(line(text, "the curves meet"))[:2]
    assert abs(x**2 + y**2 - 4.0) + abs(y - x**2 + 1.0) < 1e-11
    by_products, by_hessian = numbers(line(text, "the largest curvature"))
    assert by_products == pytest.approx(by_hessian, rel=1e-3)
    assert "kepler_vjp(kepler_1_bar, kepler_1, mean_anomaly, 0.3)[0]" in text
    assert "differentiated by finite differences" in text


def test_11_needs_less_memory_for_the_same_gradient():
    shown = output("11")
    everything, limit, within = numbers(line(shown, "everything kept"))
    assert everything > 4 and limit == 0.4 and within < 0.3 * everything
    needed, again = numbers(line(shown, "ten calls of a helper"))
    assert again < 0.6 * needed
    differences = [float(part.rpartition(" ")[2]) for part in shown.splitlines() if "differ by" in part]
    assert differences == pytest.approx([0, 0], abs=1e-12)
    misfits = [float(part.rpartition(" ")[2]) for part in shown.splitlines() if "misfit" in part]
    assert misfits[-1] < 1e-10 < 1 < misfits[0]
