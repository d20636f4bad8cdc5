"""Submissions as notebooks: read, and merged with the instructor's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grader import notebook
from grader.errors import BadExercise, BadSubmission
from grader.exercise import Exercise
from grader.results import Task
from grader.texts import Text

EXERCISE = Exercise(
    "x", tuple(Task(name, 2, Text(name, name), lambda evidence: ()) for name in ("one", "two"))
)


def cell(grade_id: str, source: str, **members: Any) -> NotebookNode:
    own = {
        "grade_id": grade_id,
        "grade": False,
        "locked": False,
        "solution": False,
        "schema_version": 3,
        "task": False,
        **members,
    }
    return new_code_cell(source, metadata={"nbgrader": own})


def graded(name: str, source: str = "", points: float = 2, **members: Any) -> NotebookNode:
    source = source or f'exercise.grade("{name}")'
    return cell(f"grade-{name}", source, grade=True, locked=True, points=points, **members)


def setup(source: str = "setup()") -> NotebookNode:
    return cell("setup", source, locked=True)


def solution(source: str = "solve()") -> NotebookNode:
    return cell("solution", source, solution=True)


def instructors() -> NotebookNode:
    cells = [setup(), solution(), graded("one"), new_markdown_cell("text"), graded("two")]
    return new_notebook(cells=cells)


def plan(*cells: NotebookNode) -> list[str]:
    """What is done, in order: the task of an evaluated cell in brackets, else the source."""
    steps = notebook.plan(instructors(), new_notebook(cells=list(cells)), EXERCISE)
    return [f"[{step.task}]" if step.task else step.cell.source for step in steps]


def test_as_released() -> None:
    """Is a submission with all its cells done in its order, with the learner's own cells?"""
    own = new_code_cell("own()")
    assert plan(setup(), solution("mine()"), own, graded("one"), graded("two")) == [
        "setup()",
        "mine()",
        "own()",
        "[one]",
        "[two]",
    ]


def test_missing_cells() -> None:
    """Is a missing graded cell left out, and a missing set-up cell put first?"""
    assert plan(solution("mine()"), graded("two")) == ["setup()", "mine()", "[two]"]


def test_doubled_cells() -> None:
    """Does the last of doubled cells count, and no other of them?"""
    cells = (setup(), graded("one"), solution("a()"), solution("b()"), graded("one"))
    assert plan(*cells) == ["setup()", "b()", "[one]"]


def test_reordered_cells() -> None:
    """Is each task evaluated where its cell stands?"""
    assert plan(setup(), graded("two"), solution(), graded("one")) == [
        "setup()",
        "[two]",
        "solve()",
        "[one]",
    ]


def test_altered_cells() -> None:
    """Are a graded and a locked cell the instructor's, whatever stands in them?"""
    altered = graded("one", "4", points=99)
    steps = notebook.plan(instructors(), new_notebook(cells=[setup("evil()"), altered]), EXERCISE)
    assert [step.cell.source for step in steps] == ["setup()", 'exercise.grade("one")']
    assert steps[1].cell.metadata.nbgrader.points == 2
    assert steps[1].task == "one"


def test_graded_cell_made_markdown() -> None:
    """Is a graded cell a code cell again that was turned into text?"""
    text = new_markdown_cell("4", metadata=graded("one").metadata)
    steps = notebook.plan(instructors(), new_notebook(cells=[setup(), text]), EXERCISE)
    assert (steps[1].cell.cell_type, steps[1].task) == ("code", "one")


def test_graded_cell_not_of_the_instructor() -> None:
    """Is a graded cell ignored that the instructor's notebook does not have?"""
    extra = cell("grade-three", 'exercise.grade("one")', grade=True, locked=True, points=5)
    assert plan(setup(), extra, solution()) == ["setup()", "solve()"]


def test_old_outputs_are_dropped() -> None:
    """Is nothing left of outputs that were handed in?"""
    printed = solution()
    printed.outputs = [new_output("execute_result", {"text/plain": "4"}, execution_count=1)]
    steps = notebook.plan(instructors(), new_notebook(cells=[setup(), printed]), EXERCISE)
    assert steps[1].cell.outputs == []


@pytest.mark.parametrize("metadata", [{"nbgrader": "x"}, {"nbgrader": {"grade_id": ["x"]}}, {}])
def test_odd_metadata(metadata: dict[str, Any]) -> None:
    """Is a cell whose metadata make no sense an ordinary one?"""
    odd = new_code_cell("own()", metadata=metadata)
    assert plan(setup(), odd) == ["setup()", "own()"]


@pytest.mark.parametrize(
    "bad",
    [
        graded("one", "1 + 1"),
        graded("one", 'exercise.grade("one")\nexercise.grade("two")'),
        graded("one", "exercise.grade(name)"),
        graded("one", 'exercise.grade("three")'),
        graded("one", "exercise.grade("),
        graded("one", points=3),
    ],
)
def test_instructors_mistakes(bad: NotebookNode) -> None:
    """Is an exercise refused whose graded cells are no calls, or worth other points than its tasks?"""
    with pytest.raises(BadExercise):
        notebook.plan(new_notebook(cells=[bad]), new_notebook(), EXERCISE)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "x.ipynb"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 200_000, "not valid JSON"),
        ("[]", "no notebook"),
        ('"text"', "no notebook"),
        ("{}", "no notebook"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (
            json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 5}),
            "no notebook",
        ),
    ],
)
def test_no_notebook(tmp_path: Path, content: str | bytes, told: str) -> None:
    """Is it said what is wrong with a file that is no notebook?"""
    with pytest.raises(BadSubmission, match=told):
        notebook.read(written(tmp_path, content))


def test_absent_file(tmp_path: Path) -> None:
    """Is it said that there is no such file?"""
    with pytest.raises(BadSubmission, match="cannot be read"):
        notebook.read(tmp_path / "none.ipynb")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a huge file refused before it is read?"""
    monkeypatch.setattr(notebook, "MAX_BYTES", 10)
    with pytest.raises(BadSubmission, match="larger"):
        notebook.read(written(tmp_path, json.dumps(new_notebook())))


def test_wrong_kernel(tmp_path: Path) -> None:
    """Is a notebook refused that wants another language than Python, with what to do?"""
    other = new_notebook(
        metadata={"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}
    )
    with pytest.raises(BadSubmission, match="'ir'") as error:
        notebook.read(written(tmp_path, json.dumps(other)))
    assert "Change Kernel" in error.value.hint


def test_other_name_of_python(tmp_path: Path) -> None:
    """May the kernel be called anything, as long as it is Python?"""
    spec = {"name": "venv", "language": "python", "display_name": "My venv"}
    assert notebook.read(written(tmp_path, json.dumps(new_notebook(metadata={"kernelspec": spec}))))


def test_old_format(tmp_path: Path) -> None:
    """Is a notebook of an older version read, and one whose cells lack ids?"""
    old = {
        "nbformat": 4,
        "nbformat_minor": 2,
        "metadata": {},
        "cells": [{"cell_type": "markdown", "metadata": {}, "source": "x"}],
    }
    assert notebook.read(written(tmp_path, json.dumps(old))).cells[0].source == "x"
