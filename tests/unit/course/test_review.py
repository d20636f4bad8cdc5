"""What was wrong comes again: Leitner's boxes."""

from __future__ import annotations

import pytest

from lab.course.record import Answer
from lab.course.review import DAY, INTERVALS, MINUTE, Card, cards


def given(*outcomes: tuple[float, str]) -> list[Card]:
    return cards(Answer(at, "lesson", "key", "quiz", outcome) for at, outcome in outcomes)


def test_only_what_was_wrong_or_put_off_comes_again() -> None:
    """Does a question that was right at once stay away?"""
    assert given((0, "right")) == given((0, "chosen")) == []
    assert given((0, "wrong")) == [Card("lesson", "quiz", "key", 0, 10 * MINUTE)]
    assert given((5, "later")) == [Card("lesson", "quiz", "key", 0, 5 + 10 * MINUTE)]


def test_a_right_answer_before_it_is_due_changes_nothing() -> None:
    """Does it come again although it was put right a moment later?"""
    assert given((0, "wrong"), (9, "right")) == given((0, "wrong"))


def test_boxes_grow_until_it_is_known() -> None:
    """Does it come after 10 minutes, then 1, 3, 7 and 21 days, and then no more?"""
    answers, at = [(0.0, "wrong")], 0.0
    for box, interval in enumerate(INTERVALS):
        (card,) = given(*answers)
        assert (card.box, card.due) == (box, at + interval)
        at = card.due
        answers.append((at, "right"))
    assert given(*answers) == []
    assert INTERVALS[-1] == 21 * DAY


def test_a_wrong_answer_begins_anew() -> None:
    """Does a question that is forgotten go back to the first box?"""
    (card,) = given((0, "wrong"), (DAY, "right"), (9 * DAY, "wrong"))
    assert (card.box, card.due) == (0, 9 * DAY + 10 * MINUTE)


def test_putting_off_keeps_the_box() -> None:
    """Is what is put off asked again soon, without losing what was learned?"""
    (card,) = given((0, "wrong"), (DAY, "right"), (3 * DAY, "later"))
    assert (card.box, card.due) == (1, 3 * DAY + 10 * MINUTE)


@pytest.mark.parametrize("about", ["quiz", "prediction"])
def test_questions_are_kept_apart(about: str) -> None:
    """Are questions of other lessons, or predictions of the same key, others; first due first?"""
    found = cards(
        [
            Answer(1, "b", "key", about, "wrong"),
            Answer(2, "a", "key", about, "wrong"),
            Answer(3, "a", "key", "prediction" if about == "quiz" else "quiz", "right"),
        ]
    )
    assert [(card.lesson, card.about) for card in found] == [("b", about), ("a", about)]
