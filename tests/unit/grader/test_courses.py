"""The course's own files: both languages alike, nothing in them that the learner is to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader import exercise, notebook
from grader.results import Task
from grader.texts import LANGUAGES, language_of

from .helpers import FakeEvidence, complete

FOLDER = exercise.folder_of_exercises({})
NAMES = sorted(path.name for path in (FOLDER / "en" / "source").iterdir())


def source(language: str, name: str) -> Any:
    return notebook.read(exercise.source_of(FOLDER / language, name))


def test_same_exercises() -> None:
    """Has each exercise a notebook in both languages, and checks?"""
    assert NAMES
    for language in LANGUAGES:
        assert sorted(path.name for path in (FOLDER / language / "source").iterdir()) == NAMES
    assert sorted(path.stem for path in (FOLDER / "checks").glob("*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_same_cells(name: str) -> None:
    """Have both languages the same cells: ids, kinds, metadata, and code to the letter?"""

    def shape(language: str) -> list[Any]:
        return [
            (
                cell.id,
                cell.cell_type,
                cell.metadata,
                cell.source if cell.cell_type == "code" else "",
            )
            for cell in source(language, name).cells
        ]

    assert shape("en") == shape("ko")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_notebook_and_checks_agree(name: str, language: str) -> None:
    """Has each task one graded cell, worth its points, and does the notebook tell its language?"""
    tasks = exercise.load(FOLDER, name)
    own = source(language, name)
    graded = [step.task for step in notebook.plan(own, own, tasks) if step.task]
    assert graded == [task.name for task in tasks.tasks]
    assert language_of(own.metadata) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_notebooks_in_source(language: str) -> None:
    """Does no file lie beside a notebook, where nbgrader would copy it over the learner's?"""
    files = [path for path in (FOLDER / language / "source").rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix != ".ipynb"] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_outputs(name: str) -> None:
    """Are the notebooks kept without outputs?"""
    for language in LANGUAGES:
        cells = [cell for cell in source(language, name).cells if cell.cell_type == "code"]
        assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.parametrize("task", exercise.load(FOLDER, "02_first_container").tasks)
@pytest.mark.parametrize("evidence", [FakeEvidence(), complete()], ids=["nothing", "all"])
def test_both_languages_say_something(task: Task, evidence: FakeEvidence) -> None:
    """Is every sentence there in English and in Korean?"""
    found = task.evaluate(evidence)
    for text in (found.title, *found.seen, *found.missing, *filter(None, [found.hint])):
        assert text.en and text.ko and text.en != text.ko


def test_folder_of_checks_is_no_course() -> None:
    """Do the checks lie outside of what nbgrader copies?"""
    assert not list(Path(FOLDER).rglob("source/**/*.py"))
