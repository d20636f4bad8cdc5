"""The course as the server tells it: which cells count, and where nothing lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.course.outline import outline
from lab.course.progress import Progress
from lab.jupyter.course import Course, is_passing, lesson_of

LESSON = "02_first_container"


@pytest.mark.parametrize(
    ("path", "lesson"),
    [
        ("en/02_first_container.ipynb", LESSON),
        ("work/ko/02_first_container.ipynb", LESSON),
        ("02_first_container.ipynb", ""),
        ("en/99_unknown.ipynb", ""),
        ("en/02_first_container-Copy1.ipynb", ""),
        ("en/exercises/02_first_container/02_first_container.ipynb", ""),
    ],
)
def test_which_notebooks_are_lessons(path: str, lesson: str) -> None:
    """Are just the lessons known, by their places?"""
    assert lesson_of(path) == lesson


def test_cells_of_lessons_are_noted_with_their_rows(tmp_path: Path) -> None:
    """Is a cell noted with the rows that the lesson says it covers, and a learner's own not?"""
    course = Course(Progress(tmp_path), "lab", passing=False)
    inside = outline(LESSON)
    assert inside is not None
    cell = next(name for name, rows in inside.cells.items() if rows)
    assert course.ran(f"en/{LESSON}.ipynb", cell)
    assert not course.ran(f"en/{LESSON}.ipynb", "made-by-the-learner")
    assert not course.ran("en/mine.ipynb", cell)
    (noted,) = Progress(tmp_path).read().cells[LESSON].items()
    assert (noted[0], noted[1].covers) == (cell, tuple(sorted(inside.cells[cell])))
    told = course.told()
    assert told["next"] == LESSON
    assert (told["engine"], told["passing"]) == ("lab", False)


def test_each_server_has_a_session_of_its_own(tmp_path: Path) -> None:
    """Can a browser tell the session that it kept a copy of from the next one?"""
    one, other = (Course(Progress(tmp_path), "lab", passing=True) for _ in range(2))
    assert one.told()["session"] == one.told()["session"] != other.told()["session"]


def test_binder_is_known_by_its_environment() -> None:
    """Is a place that ends told from one that lasts?"""
    assert is_passing({"BINDER_REPO_URL": "https://example.org/x"})
    assert not is_passing({"JUPYTERHUB_USER": "ada"})
