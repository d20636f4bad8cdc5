"""Questions as a learner meets them: judged by kind, and never giving themselves away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.course import loader, quiz
from lab.course.lesson import Option, Question, Text
from lab.errors import InvalidParameter

NOTHING = Text("t", "t")


def question(kind: str, *right: bool, accept: tuple[str, ...] = ()) -> Question:
    options = tuple(Option(Text(str(n), str(n)), each) for n, each in enumerate(right))
    return Question("key", kind, NOTHING, NOTHING, ("C01",), options, accept, NOTHING)


CHOICE = question("choice", False, True, False)
SEVERAL = question("several", True, False, True)
ORDER = question("order", False, False, False)
TYPED = question("text", accept=(r"docker ps (-a|--all)", "^$"))


@pytest.mark.parametrize(
    ("asked", "answer", "right"),
    [
        (CHOICE, 1, True),
        (CHOICE, 0, False),
        (SEVERAL, [2, 0], True),
        (SEVERAL, [0], False),
        (SEVERAL, [], False),
        (SEVERAL, [0, 1, 2], False),
        (ORDER, [0, 1, 2], True),
        (ORDER, [1, 0, 2], False),
        (ORDER, [0, 1], False),
        (TYPED, "docker ps -a", True),
        (TYPED, "  $ DOCKER   ps --all ", True),
        (TYPED, "!docker ps -a", True),
        (TYPED, "docker ps", False),
        (TYPED, "docker ps -a; reboot", False),
    ],
)
def test_answers_are_judged_by_kind(asked: Question, answer: Any, right: bool) -> None:
    """Is an answer right exactly when it should be?"""
    assert quiz.is_right(asked, answer) is right


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (CHOICE, 3),
        (CHOICE, -1),
        (CHOICE, "1"),
        (CHOICE, None),
        (SEVERAL, 1),
        (SEVERAL, [7]),
        (ORDER, ["a"]),
        (TYPED, 1),
        (TYPED, None),
    ],
)
def test_what_is_no_answer_is_an_error(asked: Question, answer: Any) -> None:
    """Is nonsense from the browser refused, rather than recorded as wrong?"""
    with pytest.raises(InvalidParameter):
        quiz.is_right(asked, answer)


def test_steps_of_the_same_wording_may_change_places() -> None:
    """Is an order right whichever of two equal steps comes first?"""
    same = Option(Text("again", "again"))
    asked = Question(
        "key", "order", NOTHING, NOTHING, ("C01",), (same, Option(NOTHING), same), (), NOTHING
    )
    assert quiz.is_right(asked, [2, 1, 0])
    assert not quiz.is_right(asked, [0, 2, 1])


@pytest.mark.parametrize("name", loader.present())
def test_what_is_shown_does_not_tell_the_answer(name: str) -> None:
    """Is a question shown without its solution, and an order never in the right one?"""
    lesson = loader.load(name)
    for asked in (*lesson.predictions.values(), *lesson.quiz.values()):
        shown = quiz.shown(asked)
        text = json.dumps(shown)
        assert "right" not in shown and "because" not in shown and "accept" not in shown
        assert all(pattern not in text for pattern in (*asked.accept, f'"{asked.answer}"'))
        if asked.kind == "order":
            assert sorted(shown["start"]) == list(range(len(asked.options)))
            assert not quiz.is_right(asked, shown["start"])


@pytest.mark.parametrize("name", loader.present())
def test_solutions_are_right(name: str) -> None:
    """Is what is told as the solution judged as right?"""
    for asked in loader.load(name).quiz.values():
        right = quiz.solution(asked)["right"]
        if asked.kind == "choice":
            assert quiz.is_right(asked, right[0])
        elif asked.kind != "text":
            assert quiz.is_right(asked, right)
