"""The lessons' questions: read into records, or refused with the place that is wrong."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from lab.course import loader
from lab.course.lesson import LESSONS, Lesson, Question, Text
from lab.errors import InvalidParameter, NotFound

HANGUL = re.compile("[\uac00-\ud7a3]")
PLAIN_ENDING = re.compile(r"[가-힣](?<!니)다\.")

GOOD = """
title: {en: A, ko: 가}
minutes: 20
about: {en: B, ko: 나}
predictions:
  first-one:
    question: {en: Q, ko: 다}
    options:
      - {text: {en: yes indeed, ko: 예}, right: true}
      - {text: {en: not so, ko: 아니요}}
    because: {en: R, ko: 라}
    covers: [K10]
quiz:
  - key: typed
    kind: text
    question: {en: Q, ko: 다}
    accept: ['docker ps( -a)?']
    hint: {en: H, ko: 마}
    because: {en: R, ko: 라}
    covers: [C18]
"""


def test_what_is_right_is_read() -> None:
    """Are title, prediction and question there as they were written?"""
    lesson = loader.parse("x", GOOD)
    assert (lesson.title, lesson.minutes) == (Text("A", "가"), 20)
    predicted = lesson.predictions["first-one"]
    assert [option.right for option in predicted.options] == [True, False]
    assert (predicted.kind, predicted.covers) == ("choice", ("K10",))
    asked = lesson.quiz["typed"]
    assert (asked.accept, asked.hint.ko) == (("docker ps( -a)?",), "마")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("minutes: 20", "minutes: soon", "x: needs a number named 'minutes'"),
        ("title: {en: A, ko: 가}", "title: {en: A}", "x: title needs a text named 'ko'"),
        ("{en: A, ko: 가}", "{en: 41, ko: 가}", "quoted where it looks like a number"),
        ("about:", "abuot:", "has 'abuot'; known are"),
        ("right: true", "right: false", "first-one has 0 right options"),
        ("{text: {en: not so, ko: 아니요}}", "{text: {en: a, ko: b}, right: true}", "has 2 right"),
        ("first-one:", "First One:", "has the key 'First One'"),
        ("covers: [K10]", "covers: [K99]", "covers ['K99']"),
        ("covers: [K10]", "", "predictions.first-one covers nothing"),
        ("kind: text", "kind: riddle", "quiz[1] is of kind 'riddle'; known are: choice"),
        ("kind: text", "kind: order", "quiz[1] is of kind order, which has options only"),
        ("accept: ['docker ps( -a)?']", "", "quiz[1] accepts nothing"),
        ("'docker ps( -a)?'", "'docker ps('", "no regular expression"),
        ("hint: {en: H", "answer: docker run\n    hint: {en: H", "not accept its own answer"),
        ("hint: {en: H, ko: 마}", "", "quiz[1] hint must be"),
        ("quiz:", "quiz: {", "x: not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, said: str) -> None:
    """Does the error name the file, the place and what was wanted?"""
    assert old in GOOD
    with pytest.raises(InvalidParameter) as raised:
        loader.parse("x", GOOD.replace(old, new, 1))
    assert said in raised.value.message


def test_a_question_asked_twice_is_refused() -> None:
    """Are two questions of one key told?  Their answers could not be kept apart."""
    _, _, question = GOOD.partition("quiz:\n")
    with pytest.raises(InvalidParameter, match="asks 'typed' twice"):
        loader.parse("x", GOOD + question)


def test_unknown_lessons_and_predictions_are_told() -> None:
    """Is a wrong name an error that lists the right ones?"""
    with pytest.raises(NotFound) as raised:
        loader.load("99_nothing")
    assert "02_first_container" in raised.value.hint
    with pytest.raises(NotFound, match=r"no such prediction: 02_first_container\.nothing"):
        loader.prediction("02_first_container.nothing")


def test_every_file_belongs_to_a_lesson() -> None:
    """Is there no questions' file that the course does not know?"""
    assert {path.stem for path in loader.FOLDER.iterdir()} <= set(LESSONS)
    assert "02_first_container" in loader.present()


@pytest.mark.parametrize("name", loader.present())
def test_lessons_are_complete_in_both_languages(name: str) -> None:
    """Are there five to eight questions, and is all Korean in the polite style?"""
    lesson = loader.load(name)
    assert 5 <= len(lesson.quiz) <= 8 or name == LESSONS[0]
    for text in texts(lesson):
        assert not HANGUL.search(text.en), text.en
        assert not PLAIN_ENDING.search(text.ko), text.ko
        assert codes(text.en) == codes(text.ko), text.en
    for question in (*lesson.predictions.values(), *lesson.quiz.values()):
        assert HANGUL.search(question.question.ko), question.key
        assert HANGUL.search(question.because.ko), question.key


@pytest.mark.parametrize("name", loader.present())
def test_right_answers_do_not_stand_always_in_one_place(name: str) -> None:
    """Are the right options spread, so that the place does not give them away?"""
    lesson = loader.load(name)
    questions = [*lesson.predictions.values(), *lesson.quiz.values()]
    places = [place_of_right(each) for each in questions if each.kind == "choice"]
    assert len(places) < 3 or len(set(places)) > 1


def place_of_right(question: Question) -> int:
    return [option.right for option in question.options].index(True)


def texts(value: Any) -> list[Text]:
    """Return all texts in a record."""
    if isinstance(value, Text):
        return [value] if value.en else []
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [text for each in value for text in texts(each)]
    if is_dataclass(value):
        return [text for field in fields(value) for text in texts(getattr(value, field.name))]
    assert isinstance(value, (str, int)), value
    return []


def codes(text: str) -> list[str]:
    """Return the pieces of code in a text, which are the same in every language."""
    return sorted(set(re.findall(r"`([^`]+)`", text)))


def test_a_lesson_is_read_once() -> None:
    """Is the file read at the first use only?  Widgets of a lesson ask for it again and again."""
    first: Lesson = loader.load("02_first_container")
    assert loader.load("02_first_container") is first
