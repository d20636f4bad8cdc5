"""Reads what the lessons ask: `lessons/NN_topic.yaml`, into records, with errors that say where.

title: {en: ..., ko: ...}
minutes: 25
about: {en: ..., ko: ...}
predictions:
  KEY: {question: TEXT, options: [2 to 4, exactly one right], because: TEXT, covers: [K10]}
quiz:
  - {key: KEY, kind: choice|several|order|text, question: TEXT, options: [...] or accept: [...],
     answer: one that is accepted, because: TEXT, hint: TEXT, covers: [C18]}
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from lab.course.fields import Fields
from lab.course.lesson import KINDS, LESSONS, ROWS, Lesson, Option, Question, Text
from lab.errors import InvalidParameter, NotFound

FOLDER = Path(__file__).parent / "lessons"

_KEY = re.compile(r"[a-z][a-z0-9-]*")


@lru_cache
def load(name: str) -> Lesson:
    """Return a lesson's questions.  Raises NotFound, or InvalidParameter if its file is wrong."""
    path = FOLDER / f"{name}.yaml"
    if name not in LESSONS or not path.is_file():
        raise NotFound(f"no such lesson: {name}", hint=f"the lessons are: {', '.join(present())}")
    return parse(name, path.read_text(encoding="utf-8"))


def present() -> tuple[str, ...]:
    """Return the names of the lessons that have questions, in the course's order."""
    return tuple(name for name in LESSONS if (FOLDER / f"{name}.yaml").is_file())


def prediction(address: str) -> Question:
    """Return the prediction `LESSON.KEY`.  Raises NotFound."""
    name, _, key = address.partition(".")
    found = load(name).predictions.get(key)
    if found is None:
        raise NotFound(f"no such prediction: {address}")
    return found


def parse(name: str, text: str) -> Lesson:
    """Return the lesson that `text` describes.  Raises InvalidParameter, saying where it is wrong."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidParameter(f"{name}: not YAML: {error}") from error
    top = Fields(document, f"{name}:", "title", "minutes", "about", "predictions", "quiz")
    quiz = [_asked(name, number, value) for number, value in enumerate(top.items("quiz"), 1)]
    keys = [question.key for question in quiz]
    for key in keys:
        if keys.count(key) > 1:
            raise top.wrong(f"asks {key!r} twice in its quiz")
    return Lesson(
        name=name,
        title=_text(top, "title"),
        about=_text(top, "about"),
        minutes=top.number("minutes"),
        predictions={key: _predicted(name, key, v) for key, v in top.entries("predictions")},
        quiz={question.key: question for question in quiz},
    )


def _predicted(name: str, key: str, value: Any) -> Question:
    place = f"{name}: predictions.{key}"
    fields = Fields(value, place, "question", "options", "because", "covers")
    options = _options(fields, 2, 4)
    _check_right(fields, "choice", options)
    return Question(
        key=_key(fields, key),
        kind="choice",
        question=_text(fields, "question"),
        because=_text(fields, "because"),
        covers=_covers(fields),
        options=options,
    )


def _asked(name: str, number: int, value: Any) -> Question:
    known = "key kind question options accept answer because hint covers".split()
    fields = Fields(value, f"{name}: quiz[{number}]", *known)
    kind = fields.text("kind")
    if kind not in KINDS:
        raise fields.wrong(f"is of kind {kind!r}; known are: {', '.join(KINDS)}")
    typed = kind == "text"
    if fields.get("options" if typed else "accept") is not None:
        raise fields.wrong(f"is of kind {kind}, which has {'accept' if typed else 'options'} only")
    options = () if typed else _options(fields, 2, 6)
    _check_right(fields, kind, options)
    accept = _accept(fields) if typed else ()
    return Question(
        key=_key(fields, fields.text("key")),
        kind=kind,
        question=_text(fields, "question"),
        because=_text(fields, "because"),
        hint=_text(fields, "hint"),
        covers=_covers(fields),
        options=options,
        accept=accept,
        answer=_answer(fields, accept),
    )


def _text(fields: Fields, name: str) -> Text:
    both = Fields(fields.get(name), f"{fields.place} {name}", "en", "ko")
    return Text(both.text("en"), both.text("ko"))


def _key(fields: Fields, key: Any) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise fields.wrong(f"has the key {key!r}; wanted are small letters, digits and hyphens")
    return key


def _options(fields: Fields, least: int, most: int) -> tuple[Option, ...]:
    values = fields.items("options")
    if not least <= len(values) <= most:
        raise fields.wrong(f"has {len(values)} options; wanted are {least} to {most}")
    found = []
    for number, value in enumerate(values, 1):
        option = Fields(value, f"{fields.place} options[{number}]", "text", "right")
        found.append(Option(_text(option, "text"), option.truth("right")))
    return tuple(found)


def _check_right(fields: Fields, kind: str, options: tuple[Option, ...]) -> None:
    right = sum(option.right for option in options)
    if kind == "choice" and right != 1:
        raise fields.wrong(f"has {right} right options; wanted is exactly one")
    if kind == "several" and right == 0:
        raise fields.wrong("has no right option")
    if kind == "order" and right:
        raise fields.wrong("marks options as right; of an order, all stand in the right one")


def _covers(fields: Fields) -> tuple[str, ...]:
    rows = fields.items("covers")
    unknown = [row for row in rows if row not in ROWS]
    if unknown or not rows:
        raise fields.wrong(f"covers {unknown or 'nothing'}; wanted are rows such as C01 or K01")
    return tuple(rows)


def _accept(fields: Fields) -> tuple[str, ...]:
    patterns = fields.items("accept")
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise fields.wrong("accepts nothing; wanted is a list of regular expressions")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise fields.wrong(f"accepts {pattern!r}, no regular expression: {error}") from error
    return tuple(patterns)


def _answer(fields: Fields, accept: tuple[str, ...]) -> str:
    if fields.get("answer") is None:
        return ""
    answer = fields.text("answer")
    if not any(re.fullmatch(pattern, answer, re.IGNORECASE) for pattern in accept):
        raise fields.wrong(f"does not accept its own answer {answer!r}")
    return answer
