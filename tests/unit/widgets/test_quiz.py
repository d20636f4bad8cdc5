"""The quiz: what is shown when, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.course.progress import Progress as Kept
from lab.errors import NotFound
from lab.widgets import Predict, Quiz
from tests.unit.widgets.asking import LESSON, answer, outcomes, state, tell


def test_quiz_answers_at_once_and_says_why(kept: Kept) -> None:
    """Is a wrong answer told with a hint, and a right one with the reason, and both kept?"""
    quiz = Quiz(LESSON, record=kept)
    assert "because" not in json.dumps([quiz.questions, quiz.states])
    answer(quiz, "list-all", "docker ps")
    first = state(quiz, "list-all")
    assert (first["phase"], first["tries"], first["solution"]) == ("wrong", 1, None)
    assert "One option makes it all" in first["hint"]["en"]
    answer(quiz, "list-all", "docker ps -a")
    assert state(quiz, "list-all")["phase"] == "right"
    assert "stands for all" in state(quiz, "list-all")["solution"]["because"]["en"]
    assert outcomes(kept) == [("wrong", "docker ps"), ("right", "docker ps -a")]
    quiz.close()


def test_quiz_is_as_it_was_left(kept: Kept) -> None:
    """After the kernel was started again, is what was answered still answered?"""
    before = Quiz(LESSON, record=kept)
    answer(before, "port-direction", 1)
    answer(before, "what-stays", [0])
    after = Quiz(LESSON, record=kept)
    assert after.states == before.states
    answer(after, "port-direction", None, kind="again")
    assert state(after, "port-direction")["phase"] == "open"
    assert state(Quiz(LESSON, record=kept), "port-direction")["phase"] == "right"


def test_quiz_tells_the_answer_and_asks_later(kept: Kept) -> None:
    """Can one be told the answer, without it counting as right, and put a question off?"""
    quiz = Quiz(LESSON, record=kept)
    answer(quiz, "life-of-web", None, kind="tell")
    assert state(quiz, "life-of-web")["solution"]["right"] == [0, 1, 2, 3]
    answer(quiz, "list-all", None, kind="tell")
    assert state(quiz, "list-all")["solution"]["answer"] == "docker ps -a"
    answer(quiz, "name-in-use", None, kind="later")
    assert state(quiz, "name-in-use")["phase"] == "later"
    assert outcomes(kept) == [("later", None)]


def test_nonsense_is_told_and_not_recorded(kept: Kept) -> None:
    """Does a message that no learner can send change nothing?"""
    quiz = Quiz(LESSON, record=kept)
    before = quiz.states
    tell(quiz, kind="answer", id="elsewhere", answer=1)
    assert "no such question" in quiz.fault
    answer(quiz, "port-direction", 99)
    assert "no such options" in quiz.fault
    assert quiz.states == before
    assert outcomes(kept) == []


def test_quiz_goes_on_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """Is the learner answered, and told, when the home cannot be written?"""
    (tmp_path / "state").write_text("a file")
    quiz = Quiz(LESSON, record=Kept(tmp_path / "state"))
    answer(quiz, "port-direction", 1)
    assert state(quiz, "port-direction")["phase"] == "right"
    assert "cannot be kept" in quiz.fault


def test_unknown_names_are_errors() -> None:
    """Does a lesson's author see at once that a name is wrong?"""
    with pytest.raises(NotFound):
        Quiz("99_nothing")
    with pytest.raises(NotFound):
        Predict(f"{LESSON}.nothing")
