"""All lessons: the same in both languages, well formed, complete, and run to their end."""

from __future__ import annotations

import os
import re

import nbformat
import pytest

from lab.course import lesson as course
from lab.course import loader
from tests.notebooks.lessons import LANGUAGES, LESSONS, NOTEBOOKS, Ran, code_cells, read

HANGUL = re.compile("[\uac00-\ud7a3]")
PLAIN_ENDING = re.compile(r"[가-힣](?<!니)다\.")
"""A sentence in the plain style; the lessons are in the polite one (합니다체)."""


def test_there_are_lessons_in_both_languages() -> None:
    """Has each lesson its twin, and is each one of the course's?"""
    assert sorted(path.stem for path in (NOTEBOOKS / "ko").glob("*.ipynb")) == LESSONS
    assert tuple(LESSONS) == tuple(course.LESSONS)


@pytest.mark.parametrize("lesson", LESSONS)
def test_twins_are_equal(lesson: str) -> None:
    """Are code, ids, kinds and metadata of all cells the same in both languages?"""
    english, korean = read("en", lesson), read("ko", lesson)
    assert english.metadata == korean.metadata
    assert [(c.id, c.cell_type, c.metadata) for c in english.cells] == [
        (c.id, c.cell_type, c.metadata) for c in korean.cells
    ]
    assert [c.source for c in code_cells(english)] == [c.source for c in code_cells(korean)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_is_well_formed(language: str, lesson: str) -> None:
    """Is it a valid notebook with readable ids, no outputs, and rows that the syllabus has?"""
    notebook = read(language, lesson)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", id) for id in ids)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(notebook))
    assert {"".join(cell.source).strip() for cell in notebook.cells}.isdisjoint({""})
    assert covered(language, lesson) <= set(course.ROWS)


def covered(language: str, lesson: str) -> set[str]:
    cells = read(language, lesson).cells
    return {row for cell in cells for row in cell.metadata.get("covers", [])}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_row_of_the_syllabus_is_covered(language: str) -> None:
    """Does some lesson cover each concept and each command, and do code cells do each command?"""
    found = {row for lesson in LESSONS for row in covered(language, lesson)}
    done = {
        row
        for lesson in LESSONS
        for cell in code_cells(read(language, lesson))
        for row in cell.metadata.get("covers", [])
    }
    assert set(course.ROWS) - found == set()
    assert set(course.COMMANDS) - done == set()


@pytest.mark.parametrize("lesson", LESSONS)
def test_korean_is_korean(lesson: str) -> None:
    """Is every text translated, and in the polite style throughout?"""
    for cell in read("ko", lesson).cells:
        if cell.cell_type == "markdown":
            assert HANGUL.search(cell.source), cell.id
            assert not PLAIN_ENDING.search(cell.source), cell.id


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lesson", LESSONS)
def test_emphasis_is_shown_as_such(language: str, lesson: str) -> None:
    """Are all asterisks marks?  `**term(word)**은` is not bold, and `**term**(word)은` is."""
    for cell in read(language, lesson).cells:
        if cell.cell_type == "markdown":
            assert _unseen_marks(cell.source) == [], cell.id


def _unseen_marks(text: str) -> list[str]:
    """Return where `**` closes nothing: between punctuation and a letter.  Source: CommonMark 6.2."""
    wrong = []
    for line in re.sub(r"`[^`\n]*`", "code", text).splitlines():
        for number, mark in enumerate(re.finditer(r"\*\*", line)):
            before, after = line[: mark.start()][-1:], line[mark.end() :][:1]
            closes = number % 2 == 1
            if closes and after.isalnum() and not before.isalnum():
                wrong.append(line[: mark.end() + 10])
    return wrong


@pytest.mark.parametrize("lesson", LESSONS)
def test_same_commands_are_explained_in_both_texts(lesson: str) -> None:
    """Does each text name the same commands and options as its twin?"""
    for english, korean in zip(read("en", lesson).cells, read("ko", lesson).cells, strict=True):
        assert _named(english.source) == _named(korean.source), english.id


def _named(text: str) -> list[str]:
    return sorted(set(re.findall(r"`([^`\n]*docker [^`\n]*)`", text)))


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_shows_all_its_questions(lesson: str) -> None:
    """Does the lesson show each prediction that it has, once, and its quiz, if there is one?"""
    asked = loader.load(lesson)
    predictions = _arguments(lesson, "Predict")
    assert sorted(predictions) == sorted(f"{lesson}.{key}" for key in asked.predictions)
    assert _arguments(lesson, "Quiz") == ([lesson] if asked.quiz else [])


def _arguments(lesson: str, widget: str) -> list[str]:
    call = re.compile(rf"""\b{widget}\(\s*["']([^"']+)["']""")
    return [found for cell in code_cells(read("en", lesson)) for found in call.findall(cell.source)]


def test_lessons_use_the_lab_and_nothing_of_this_machine() -> None:
    """Do the lessons name no place of their author's machine?"""
    for path in NOTEBOOKS.rglob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert not any(place in text for place in ("/home/", "/tmp/", os.sep + "work" + os.sep)), (
            path
        )


def test_lesson_runs_to_its_end_and_leaves_nothing(ran: Ran) -> None:
    """Does a lesson end without an error, and are its containers, images and files gone then?"""
    assert {kind: names for kind, names in ran.left.items() if names} == {}
