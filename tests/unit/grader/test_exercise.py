"""Where exercises lie, and how they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import exercise
from grader.errors import BadExercise, NoSuchExercise

GOOD = """
from grader.checks import Task, Text
TASKS = (Task("one", 1, Text("One", "하나"), lambda evidence: ()),)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "01_good.py").write_text(GOOD)
    return tmp_path


def test_named_folder(folder: Path) -> None:
    """Is the folder that LAB_EXERCISES names used, and refused if it has no exercises?"""
    assert exercise.folder_of_exercises({"LAB_EXERCISES": str(folder)}) == folder
    with pytest.raises(NoSuchExercise, match="no exercises"):
        exercise.folder_of_exercises({"LAB_EXERCISES": str(folder / "none")})


def test_own_folder() -> None:
    """Are the lab's own exercises found without being named?"""
    assert (exercise.folder_of_exercises({}) / "en" / "source").is_dir()


def test_load(folder: Path) -> None:
    """Are the tasks of an exercise loaded, by name?"""
    loaded = exercise.load(folder, "01_good")
    assert loaded.task("one").max == 1
    with pytest.raises(BadExercise, match="it has one"):
        loaded.task("two")


@pytest.mark.parametrize("name", ["02_none", "../checks/01_good", "", ".", "a/b"])
def test_no_such_exercise(folder: Path, name: str) -> None:
    """Is an unknown name refused, and one that would lead out of the folder?"""
    with pytest.raises(NoSuchExercise):
        exercise.load(folder, name)
    with pytest.raises(NoSuchExercise):
        exercise.source_of(folder, name)


@pytest.mark.parametrize(
    "text", ["TASKS = (", "raise SystemError", "", "TASKS = 5", "TASKS = (1,)"]
)
def test_broken_checks(folder: Path, text: str) -> None:
    """Is it the exercise's fault if its checks cannot be loaded?"""
    (folder / "checks" / "bad.py").write_text(text)
    with pytest.raises(BadExercise):
        exercise.load(folder, "bad")
