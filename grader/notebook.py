"""Submissions as notebooks: read, and merged with the instructor's into what is to be done.

A cell is known by its `grade_id`.  What is graded or locked comes from the instructor's notebook,
whatever the submission has in its place; the submission says only where it stands.  Of a doubled
cell the last counts, as in nbgrader (DeduplicateIds); of additional graded cells, none.
"""

from __future__ import annotations

import ast
import copy
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.errors import BadExercise, BadSubmission
from grader.exercise import Exercise

MAX_BYTES = 32 << 20
"""The largest notebook that is read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cell to be dealt with: sent to the kernel, or, if it has a `task`, evaluated instead."""

    cell: NotebookNode
    grade_id: str | None = None
    task: str | None = None


def read(path: Path) -> NotebookNode:
    """Read a notebook, of any version.  Raises BadSubmission, with the reason."""
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8") if size <= MAX_BYTES else ""
    except OSError as error:
        raise BadSubmission(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadSubmission(f"{path} is no notebook: it is not UTF-8 text") from error
    if size > MAX_BYTES:
        raise BadSubmission(f"{path} is larger than {MAX_BYTES >> 20} MB")
    try:
        json.loads(text)
        notebook = _parse(text)
    except (ValueError, RecursionError) as error:
        raise BadSubmission(f"{path} is no notebook: it is not valid JSON ({error})") from error
    except Exception as error:  # nbformat's own kinds, and what it trips over
        reason = str(error).partition("\n")[0]
        raise BadSubmission(f"{path} is no notebook: {reason}") from error
    _check_kernel(path, notebook)
    return notebook


def _parse(text: str) -> NotebookNode:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat complains of what it mends itself
        notebook: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    return notebook


def plan(source: NotebookNode, submission: NotebookNode, exercise: Exercise) -> list[Step]:
    """Return the steps of a submission, in its order.

    Raises BadExercise if the instructor's notebook and the exercise's tasks do not agree.
    """
    originals = {_grade_id(cell): cell for cell in source.cells if _grade_id(cell)}
    tasks = {key: _task(cell, exercise) for key, cell in originals.items() if _is_graded(cell)}
    last = {_grade_id(cell): place for place, cell in enumerate(submission.cells)}
    steps = [
        _step(cell, originals, tasks)
        for place, cell in enumerate(submission.cells)
        if _counts(cell, originals, last[_grade_id(cell)] == place)
    ]
    return _missing_setup(originals, steps) + steps


def cells_of(steps: list[Step], submission: NotebookNode) -> NotebookNode:
    """Return the notebook that has the steps' cells, with the submission's metadata."""
    replayed = copy.copy(submission)
    replayed.cells = [step.cell for step in steps]
    return replayed


def _step(cell: NotebookNode, originals: dict[str, NotebookNode], tasks: dict[str, str]) -> Step:
    grade_id = _grade_id(cell)
    original = originals.get(grade_id)
    if original is not None and _member(original, "locked"):
        place_id = cell.get("id")
        cell = copy.deepcopy(original)
        if place_id:
            cell["id"] = place_id
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    return Step(cell, grade_id or None, tasks.get(grade_id))


def _counts(cell: NotebookNode, originals: dict[str, NotebookNode], is_last: bool) -> bool:
    grade_id = _grade_id(cell)
    if grade_id in originals:
        return is_last
    return not _is_graded(cell)


def _missing_setup(originals: dict[str, NotebookNode], steps: list[Step]) -> list[Step]:
    """Return the locked cells that a submission lacks and that are not graded: what it builds on."""
    present = {step.grade_id for step in steps}
    return [
        Step(copy.deepcopy(cell), grade_id)
        for grade_id, cell in originals.items()
        if grade_id not in present
        and cell.cell_type == "code"
        and _member(cell, "locked")
        and not _is_graded(cell)
    ]


def _task(cell: NotebookNode, exercise: Exercise) -> str:
    """Return the task that a graded cell calls for; BadExercise if it is not one such call."""
    try:
        body = ast.parse(cell.source).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr)
        call = body[0].value
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        assert call.func.attr == "grade" and len(call.args) == 1
        name = ast.literal_eval(call.args[0])
    except (SyntaxError, ValueError, AssertionError):
        raise BadExercise(
            f"the graded cell {_grade_id(cell)} must be one call such as exercise.grade('build')"
        ) from None
    task = exercise.task(name)
    points = _member(cell, "points")
    if points != task.max:
        raise BadExercise(
            f"the graded cell {_grade_id(cell)} is worth {points} points, its task {task.max}"
        )
    return task.name


def _check_kernel(path: Path, notebook: NotebookNode) -> None:
    spec = notebook.metadata.get("kernelspec") or {}
    language = (notebook.metadata.get("language_info") or {}).get("name") or spec.get("language")
    if language and language.lower() not in ("python", "ipython"):
        raise BadSubmission(
            f"{path} wants the kernel {spec.get('name', language)!r} ({language}): exercises run"
            " with Python",
            hint="open the notebook, choose Kernel > Change Kernel > Python 3, and save it",
        )


def _member(cell: NotebookNode, name: str) -> object:
    own = cell.metadata.get("nbgrader")
    return own.get(name) if isinstance(own, Mapping) else None


def _grade_id(cell: NotebookNode) -> str:
    value = _member(cell, "grade_id")
    return value if isinstance(value, str) else ""


def _is_graded(cell: NotebookNode) -> bool:
    """Return whether a cell is one that is graded by its result, not by a person."""
    return bool(_member(cell, "grade")) and not _member(cell, "solution")
