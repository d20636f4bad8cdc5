"""Where an exercise lies, and what belongs to it.

    exercises/                     $LAB_EXERCISES, else the folder beside the installed program
      checks/NAME.py               tasks, points, hints: for both languages, beside no notebook
      en/  ko/                     nbgrader courses, one for each language
        source/NAME/NAME.ipynb     the instructor's notebook
        submitted/STUDENT/NAME/    what was handed in

A course elsewhere, named by its folder, has its checks beside it in the same way.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grader
from grader.errors import BadExercise, NoSuchExercise
from grader.results import Task

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise's name and tasks."""

    name: str
    tasks: tuple[Task, ...]

    def task(self, name: str) -> Task:
        """Return a task by its name; BadExercise if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        known = ", ".join(task.name for task in self.tasks)
        raise BadExercise(f"exercise {self.name} has no task {name!r}: it has {known}")


def folder_of_exercises(environ: Mapping[str, str]) -> Path:
    """Return the folder of all courses; NoSuchExercise if there is none here."""
    named = environ.get("LAB_EXERCISES")
    folder = Path(named) if named else Path(grader.__file__).resolve().parents[1] / "exercises"
    if not (folder / "checks").is_dir():
        raise NoSuchExercise(
            f"there are no exercises at {folder}",
            hint="run this from the lab's checkout, or name the folder in LAB_EXERCISES",
        )
    return folder


def folder_of_course(exercises: Path, language: str) -> Path:
    """Return the folder of the course in one language."""
    return exercises / language


def source_of(course: Path, name: str) -> Path:
    """Return the instructor's notebook of an exercise; NoSuchExercise if the course has none."""
    path = course / "source" / check_name(name) / f"{name}.ipynb"
    if not path.is_file():
        raise NoSuchExercise(f"the course at {course} has no exercise {name}: there is no {path}")
    return path


def check_name(name: str) -> str:
    """Return `name` if it may be an exercise's, and so part of a path; NoSuchExercise."""
    if not _NAME.fullmatch(name):
        raise NoSuchExercise(f"no exercise is called {name!r}")
    return name


def load(exercises: Path, name: str) -> Exercise:
    """Load an exercise's checks.  Raises NoSuchExercise if it has none, BadExercise if they fail."""
    path = exercises / "checks" / f"{check_name(name)}.py"
    if not path.is_file():
        raise NoSuchExercise(f"there is no exercise {name}: {path} does not exist")
    spec = importlib.util.spec_from_file_location(f"exercises.checks.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        tasks = tuple(module.TASKS)
    except Exception as error:
        raise BadExercise(f"the checks at {path} cannot be loaded: {error}") from error
    if not all(isinstance(task, Task) for task in tasks):
        raise BadExercise(f"TASKS in {path} must be a tuple of Task")
    return Exercise(name, tasks)
