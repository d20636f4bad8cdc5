"""From findings to points."""

from __future__ import annotations

import pytest

from grader.errors import BadExercise
from grader.results import Check, Finding, Task, all_of, tidy
from grader.texts import Text, language_of

from .helpers import FakeEvidence


def text(word: str) -> Text:
    return Text(word, word.upper())


YES = Finding(True, text("done"), seen=text("seen"))
PLAIN_YES = Finding(True, text("also"))
NO = Finding(False, text("first"), text("hint 1"))
ALSO_NO = Finding(False, text("second"), text("hint 2"))


def task(*checks: Check, points: float) -> Task:
    return Task("t", points, text("title"), lambda evidence: checks)


def test_points_add_up() -> None:
    """Are points given for what is reached, and the first hint told for what is not?"""
    found = task(Check(1, YES), Check(2, NO), Check(0.5, ALSO_NO), points=3.5).evaluate(
        FakeEvidence()
    )
    assert (found.points, found.max, found.complete) == (1, 3.5, False)
    assert found.to_json("en") == {
        "name": "t",
        "title": "title",
        "points": 1,
        "max": 3.5,
        "seen": ["seen"],
        "missing": ["first", "second"],
        "hint": "hint 1",
    }
    assert found.to_json("ko")["missing"] == ["FIRST", "SECOND"]


def test_complete() -> None:
    """Is there no hint when all is reached, and the goal told where no more was seen?"""
    found = task(Check(1, YES), Check(1, PLAIN_YES), points=2).evaluate(FakeEvidence())
    assert found.complete and found.hint is None
    assert [each.en for each in found.seen] == ["seen", "also"]


def test_points_that_do_not_add_up() -> None:
    """Is an exercise refused whose checks are worth more or less than its task says?"""
    with pytest.raises(BadExercise):
        task(Check(1, YES), points=2).evaluate(FakeEvidence())


def test_all_of() -> None:
    """Does a finding made of several tell the first that is not reached, or all that was seen?"""
    assert all_of(YES, NO, ALSO_NO) is NO
    together = all_of(YES, PLAIN_YES)
    assert together and together.seen == Text("seen; also", "SEEN; ALSO")


@pytest.mark.parametrize(("points", "shown"), [(3.0, "3"), (0, "0"), (2.5, "2.5")])
def test_tidy(points: float, shown: str) -> None:
    """Are whole points shown as whole numbers?"""
    assert str(tidy(points)) == shown


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"lab": {"language": "ko"}}, "ko"),
        ({"lab": {"language": "fr"}}, "en"),
        ({"lab": {"language": ["ko"]}}, "en"),
        ({"lab": "ko"}, "en"),
        ({}, "en"),
    ],
)
def test_language_of_a_notebook(metadata: dict[str, object], expected: str) -> None:
    """Is the language taken from the notebook, and English where it names none that there is?"""
    assert language_of(metadata) == expected
