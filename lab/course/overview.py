"""From a record to what is shown of it: the path, what is next, what comes again.  No file, no drawing.

A lesson is `new`, `begun`, or `done`: each question of its quiz was answered right once (or, where
it has no quiz, each of its cells was run).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lab.course import loader, review
from lab.course.lesson import LESSONS, ROWS, Lesson
from lab.course.outline import Outline, outline
from lab.course.record import Record
from lab.errors import NotFound

Json = dict[str, Any]


def overview(record: Record, now: float) -> Json:
    """Return what a picture of the progress needs, as JSON.

    lessons   by their order: name, title, about, minutes, state, and [done, all] of cells, rows,
              quiz and predictions
    next      the name of the lesson to go on with; None when all are done
    rows      [covered, all] of the syllabus
    due       questions that are due again, as lab.course.review has them
    waiting   those that are not due yet
    """
    path = [each for each in (_lesson(record, name) for name in LESSONS) if each is not None]
    covered = {row for of in record.cells.values() for cell in of.values() for row in cell.covers}
    known = [card for card in review.cards(record.answers) if _exists(card)]
    return {
        "lessons": path,
        "next": _next(record, path),
        "rows": [sorted(covered & set(ROWS)), list(ROWS)],
        "due": [asdict(card) for card in known if card.due <= now],
        "waiting": [asdict(card) for card in known if card.due > now],
    }


def _lesson(record: Record, name: str) -> Json | None:
    inside = outline(name)
    if inside is None:
        return None
    try:
        asked: Lesson | None = loader.load(name)
    except NotFound:
        asked = None
    counted = _counted(record, name, inside, asked)
    return {
        "name": name,
        "title": asdict(asked.title) if asked else {"en": name, "ko": name},
        "about": asdict(asked.about) if asked else {"en": "", "ko": ""},
        "minutes": asked.minutes if asked else 0,
        "state": _state(record, name, counted),
        **counted,
    }


def _counted(record: Record, name: str, inside: Outline, asked: Lesson | None) -> Json:
    done = record.cells.get(name, {})
    covered = {row for cell in done.values() for row in cell.covers}
    quiz = asked.quiz if asked else {}
    predictions = asked.predictions if asked else {}
    answers = [answer for answer in record.answers if answer.lesson == name]
    right = {each.key for each in answers if (each.about, each.outcome) == ("quiz", "right")}
    made = {each.key for each in answers if each.about == "prediction"}
    return {
        "cells": [len(done.keys() & inside.cells.keys()), len(inside.cells)],
        "rows": [len(covered & inside.rows), len(inside.rows)],
        "quiz": [len(right & quiz.keys()), len(quiz)],
        "predictions": [len(made & predictions.keys()), len(predictions)],
    }


def _state(record: Record, name: str, counted: Json) -> str:
    done, every = counted["quiz"] if counted["quiz"][1] else counted["cells"]
    if every and done == every:
        return "done"
    begun = name in record.cells or any(answer.lesson == name for answer in record.answers)
    return "begun" if begun else "new"


def _next(record: Record, path: list[Json]) -> str | None:
    """Return the lesson that was worked on last, unless it is done: then the first that is not."""
    open_ones: list[str] = [each["name"] for each in path if each["state"] != "done"]
    latest = max(_moments(record), default=(0.0, ""))[1]
    if latest in open_ones:
        return latest
    return open_ones[0] if open_ones else None


def _moments(record: Record) -> list[tuple[float, str]]:
    ran = [(cell.last, name) for name, of in record.cells.items() for cell in of.values()]
    return ran + [(answer.at, answer.lesson) for answer in record.answers]


def _exists(card: review.Card) -> bool:
    """Say whether the question is still asked; a newer lab may have left it out."""
    try:
        lesson = loader.load(card.lesson)
    except NotFound:
        return False
    return card.key in (lesson.quiz if card.about == "quiz" else lesson.predictions)
