"""Submissions made from the instructor's notebook, and the program that grades them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grader import exercise
from grader.student import Student
from tests.conftest import ROOT

NAME = "02_first_container"
STUDENT = Student("ann", NAME)
SITE = f"{STUDENT.account}/site"
SECONDS = 120


@dataclass(frozen=True)
class Graded:
    """What the program said."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        return json.loads(self.out)  # type: ignore[no-any-return]

    @property
    def points(self) -> dict[str, float]:
        return {task["name"]: task["points"] for task in self.report["tasks"]}

    @property
    def failed(self) -> dict[str, str]:
        """The kinds of errors, by the id of the cell, or by its place if it has none."""
        return {
            str(each["grade_id"] or each["cell"]): each["error"]
            for each in self.report["cells_failed"]
        }


def source(language: str = "en") -> NotebookNode:
    """The instructor's notebook, solutions included."""
    folder = exercise.folder_of_exercises({})
    return nbformat.read(exercise.source_of(folder / language, NAME), as_version=4)


def grade_id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def answers(language: str = "en", **sources: str | list[str]) -> NotebookNode:
    """A notebook with other sources in some of its cells, by id; a list becomes several cells."""
    notebook = source(language)
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        given = sources.pop(cell.id, cell.source)
        first, *others = given if isinstance(given, list) else [given]
        cell.source = first
        cells += [cell, *(new_code_cell(text) for text in others)]
    assert not sources, f"no such cells: {sources}"
    notebook.cells = cells
    return notebook


def hand_in(folder: Path, notebook: NotebookNode, student: str = STUDENT.id) -> Path:
    """Put a notebook where nbgrader collects submissions; return its path."""
    path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def grade(file: Path, catalog: Path, *options: str, **environ: str) -> Graded:
    """Run `grader grade --json` to its end."""
    process = started(file, catalog, *options, **environ)
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
    return Graded(process.returncode, out, err)


def started(file: Path, catalog: Path, *options: str, **environ: str) -> subprocess.Popen[str]:
    """Start `grader grade --json`."""
    program = [sys.executable, "-m", "grader.cli", "grade", str(file)]
    program += ["--catalog", str(catalog), "--json", *(options or ("--assignment", NAME))]
    return subprocess.Popen(
        program,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        cwd=file.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
