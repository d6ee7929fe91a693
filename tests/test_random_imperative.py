"""A few hundred random imperative programs: each gradient is right, or refused with a line.

Long runs: `python -m tests.random_programs --imperative --seed 0 --count 2000`, which also makes defects small.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.imperative_programs import arguments, generate, programs
from tests.random_programs import IMPERATIVE, judge_text
from tests.reference import Numpy, gradient

KNOWN = {3, 27, 87, 96, 144, 148, 177}
"""Seeds of programs with a defect that is known, and not yet mended."""


@pytest.mark.parametrize("block", range(10))
def test_random_programs_are_right_or_refused(block):
    defects, outcomes = [], []
    for number in range(block * 20, block * 20 + 20):
        if number in KNOWN:
            continue
        text = generate(number)
        verdict = judge_text(text, number, family=IMPERATIVE)
        outcomes.append(verdict.status)
        if verdict.is_defect:
            defects.append(f"{verdict.status} (seed {number})\n{text}\n{verdict.detail}")
    assert not defects, "\n\n".join(defects)
    assert outcomes.count("right") > 0.5 * len(outcomes), "mostly refused: what the programs mix is not tested"


QUICK = settings(
    max_examples=30,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # with Phase.shrink hypothesis makes a defect small, in some minutes
    suppress_health_check=list(HealthCheck),
)


@seed(3)
@QUICK
@given(programs())
def test_drawn_programs_are_right_or_refused(text):
    verdict = judge_text(text, family=IMPERATIVE)
    assert not verdict.is_defect, f"{verdict.status}\n{verdict.detail}"


def test_programs_of_one_seed_are_one_program():
    assert generate(7) == generate(7) != generate(8)
    assert all(np.array_equal(a, b) for a, b in zip(arguments(generate(7), 7), arguments(generate(7), 7)))


WRITES = """def f(x, z3):
    u = np.zeros(3)
    u[1:] = z3[1:] * x
    u[0] = x * x
    u.sort()
    return np.sum(u ** 3)
"""


def test_the_reference_takes_complex_steps_through_writes():
    plain, complex_twin = IMPERATIVE.compiled(WRITES), IMPERATIVE.compiled(WRITES, Numpy(np.complex128))
    args = (0.7, np.array([0.3, -0.6, 1.1]))
    by_z = gradient(plain, args, 1, analytic=complex_twin)
    assert all(abs(e.value - exact) < 1e-13 for e, exact in zip(by_z.values(), 3 * 0.7**3 * args[1] ** 2 * [0, 1, 1]))
    assert all(e.error < 1e-12 for e in by_z.values())


def test_what_is_never_written_is_not_a_number_for_the_reference():
    text = "def f(x):\n    u = np.empty(3)\n    u[1:] = x\n    return np.sum(u)\n"
    assert judge_text(text, family=IMPERATIVE).detail == "it reads what np.empty gave"


@pytest.mark.parametrize(
    "text, status",
    [
        ("def f(x):\n    return np.sum(x * x)\n", "right"),
        ("def f(x):\n    return no_such_name(x)\n", "skipped"),
    ],
)
def test_verdicts(text, status):
    assert judge_text(text, family=IMPERATIVE).status == status
