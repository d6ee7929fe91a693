"""Errors name the user's file, line and construct. Their text is part of what srcad promises."""

import copy
import pickle
import traceback

import numpy as np
import pytest

import srcad
from srcad.core import nodes as core
from srcad.errors import (
    KindError,
    Listing,
    MissingRule,
    Origin,
    SrcadError,
    Unsupported,
)
from srcad.frontend.lower import lower
from srcad.frontend.source import read

FIT = """\
import numpy as np


def loss(w, x):
    r = np.abs(x @ w - 1.0)
    worst = np.partition(r, -3)[-3:]

    größe = np.partition(
        r, 2)
\tindented = é(r)
    return np.sum(worst)
"""


@pytest.fixture
def listing():
    return Listing("fit.py", FIT.splitlines(True), "loss", "loss(w, x)")


def test_a_missing_rule_shows_the_line_the_reason_and_the_way_out(listing):
    error = MissingRule(
        Origin(listing, 6, 12, 6, 31),
        "np.partition has no derivative rule",
        because="The rule is needed because r depends on w (line 5) and the result depends on worst (line 11).",
        hint="Add one with srcad.vjp_rule, or mark the value as constant with srcad.stop_gradient.",
    )
    assert "".join(traceback.format_exception_only(type(error), error)) == (
        """\
srcad.MissingRule: np.partition has no derivative rule

  fit.py:6, in loss(w, x)
     5 |     r = np.abs(x @ w - 1.0)
  -> 6 |     worst = np.partition(r, -3)[-3:]
                     ^^^^^^^^^^^^^^^^^^^
  The rule is needed because r depends on w (line 5) and the result depends on worst (line 11).
  Add one with srcad.vjp_rule, or mark the value as constant with srcad.stop_gradient.
"""
    )


def test_a_construct_over_several_lines_is_marked_to_the_end_of_its_first(listing):
    assert Origin(listing, 8, 14, 9, 13).excerpt() == (
        """\
  fit.py:8, in loss(w, x)
  -> 8 |     größe = np.partition(
                     ^^^^^^^^^^^^^"""
    )


def test_columns_are_characters_and_tabs_stay_tabs(listing):
    line = FIT.splitlines()[9].encode()
    assert Origin(listing, 10, 12, 10, len(line)).excerpt().splitlines()[-2:] == [
        "  -> 10 | \tindented = é(r)",
        "          \t           ^^^^",
    ]


def test_line_numbers_of_different_width_are_aligned(listing):
    assert Origin(listing, 10, 1, 10, 9).excerpt().splitlines()[1:3] == [
        "      9 |         r, 2)",
        "  -> 10 | \tindented = é(r)",
    ]


def test_a_place_whose_text_is_gone_is_still_named(listing):
    assert Origin(listing, 99, 0, 99, 5).excerpt() == "  fit.py:99, in loss(w, x)"


def test_an_error_without_a_place_is_its_message():
    assert str(KindError(None, "x is an int", hint="Pass a float.")) == "x is an int\n  Pass a float."


MODEL = """\
def unsupported(x, items):
    class Inner:
        pass

    for item in items:
        got = yield item * x
"""


def test_all_problems_of_a_function_are_in_one_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    namespace = {}
    exec(compile(MODEL, str(path), "exec"), namespace)  # noqa: S102
    with pytest.raises(Unsupported) as caught:
        lower(read(namespace["unsupported"]))
    assert str(caught.value) == (
        """\
2 constructs of unsupported(x, items) are not supported

  model.py:2, in unsupported(x, items)
     1 | def unsupported(x, items):
  -> 2 |     class Inner:
             ^^^^^^^^^^^^
  a class defined inside a function is not supported
  Define the class at the top level of the module.

  model.py:6, in unsupported(x, items)
     5 |     for item in items:
  -> 6 |         got = yield item * x
                       ^^^^^^^^^^^^^^
  yield is not supported
  Collect the values in a list and return it, or use a generator expression."""
    )


def test_one_problem_is_reported_as_itself(listing):
    problem = Unsupported(Origin(listing, 6, 4, 6, 9), "this is not supported", hint="Write that.")
    assert Unsupported.of([problem]) is problem


def test_problems_are_in_the_order_of_the_source(listing):
    problems = [Unsupported(Origin(listing, line, 4, line, 9), f"at {line}") for line in (9, 5, 6)]
    assert [p.message for p in Unsupported.of(problems).problems] == ["at 5", "at 6", "at 9"]


@pytest.mark.parametrize("name", ["Unsupported", "MissingRule", "SourceUnavailable", "KindError", "GradientMismatch"])
def test_errors_are_public_and_can_be_pickled_and_copied(name, listing):
    cls = getattr(srcad, name)
    error = cls(Origin(listing, 6, 12, 6, 31), "message", hint="hint", because="because")
    assert isinstance(error, SrcadError)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert str(twin) == str(error)
        assert twin.origin.line == 6
        assert (twin.message, twin.hint, twin.because) == ("message", "hint", "because")


def test_a_report_of_several_problems_can_be_pickled(listing):
    problems = [Unsupported(Origin(listing, line, 4, line, 9), f"at {line}") for line in (5, 6)]
    error = pickle.loads(pickle.dumps(Unsupported.of(problems)))
    assert [p.message for p in error.problems] == ["at 5", "at 6"]


def test_mistakes_about_arguments_are_type_errors():
    assert issubclass(KindError, TypeError)
    assert issubclass(srcad.GradientMismatch, AssertionError)


def test_lowered_nodes_name_their_lines():
    (stmt,) = lower(read(lambda x: x + 1)).body
    assert isinstance(stmt, core.Return)
    assert str(stmt.at).endswith(f"test_errors.py:{stmt.at.line}")


def added_up_until_it_is_too_much(x):
    total = 0.0
    try:
        for k in range(5):
            total = total + x * k
            if total > 5:
                raise OverflowError
    except OverflowError:
        total = total * 2
    return total


def filled_until_it_is_too_much(u, x):
    u[0] = x * x
    if u[0] > 1:
        raise OverflowError
    u[1] = x


def array_filled_until_it_is_too_much(x):
    u = np.zeros(2)
    try:
        filled_until_it_is_too_much(u, x)
    except OverflowError:
        u[1] = 2 * x
    return u[0] * u[1]


def test_what_a_loop_has_set_when_an_exception_ends_it_is_not_read():
    with pytest.raises(MissingRule, match="a loop or branch inside `try` has no derivative") as caught:
        srcad.grad(added_up_until_it_is_too_much)(2.0)
    assert "-> " in str(caught.value) and "for k in range(5):" in str(caught.value)
    value, slope = srcad.jvp(added_up_until_it_is_too_much, (2.0,), (1.0,))
    assert (value, slope) == (12.0, 6.0)  # 2 (x + 2 x)


def test_what_a_call_has_written_when_an_exception_ends_it_is_not_read():
    with pytest.raises(MissingRule, match="`u` is written into inside `try`, by what an exception may end midway"):
        srcad.grad(array_filled_until_it_is_too_much)(2.0)
    assert srcad.jvp(array_filled_until_it_is_too_much, (2.0,), (1.0,)) == (16.0, 24.0)  # 2 x³
