"""What was got wrong comes again, at growing distances: Leitner's boxes.

A question that is answered wrong, or put off, goes into the first box.  Answered right when it is
due, it moves to the next box; answered wrong, back to the first.  After the last box it is known,
and leaves.  A right answer before it is due changes nothing: it was still fresh in mind.
Source: S. Leitner, So lernt man lernen, 1972.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.course.record import Answer

MINUTE, DAY = 60.0, 86_400.0

INTERVALS = (10 * MINUTE, 1 * DAY, 3 * DAY, 7 * DAY, 21 * DAY)
"""How long a question rests in each box, in seconds."""


@dataclass(frozen=True, slots=True)
class Card:
    """A question that comes again: in which box it is, from 0, and when it is due."""

    lesson: str
    about: str
    key: str
    box: int
    due: float


def cards(answers: Iterable[Answer]) -> list[Card]:
    """Return the questions that come again, the one that is due first at the beginning.

    `answers` are ordered by time.
    """
    kept: dict[tuple[str, str, str], Card] = {}
    for answer in answers:
        moved = _moved(kept.pop(answer.question, None), answer)
        if moved is not None:
            kept[answer.question] = moved
    return sorted(kept.values(), key=lambda card: (card.due, card.lesson, card.key))


def _moved(card: Card | None, answer: Answer) -> Card | None:
    """Return where a question's card is after an answer; None if it is in no box."""
    if answer.outcome == "wrong":
        return _in_box(answer, 0)
    if answer.outcome == "later":
        box = card.box if card else 0
        return Card(answer.lesson, answer.about, answer.key, box, answer.at + INTERVALS[0])
    if answer.outcome == "right" and card and answer.at >= card.due:
        return _in_box(answer, card.box + 1) if card.box + 1 < len(INTERVALS) else None
    return card


def _in_box(answer: Answer, box: int) -> Card:
    return Card(answer.lesson, answer.about, answer.key, box, answer.at + INTERVALS[box])
