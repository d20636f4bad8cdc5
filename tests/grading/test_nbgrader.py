"""nbgrader itself, as a program: the exercise is one of its own kind."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from .conftest import Program
from .submissions import NAME, hand_in, source


def test_generate_and_validate(nbgrader: Program, course: Path) -> None:
    """Does nbgrader accept the exercise, and list each graded cell of what it releases?"""
    made = nbgrader("generate_assignment", NAME)
    assert made.returncode == 0, made.stderr
    released = course / "release" / NAME / f"{NAME}.ipynb"
    assert [path.name for path in released.parent.iterdir()] == [released.name]
    cells = {cell.id: cell.source for cell in nbformat.read(released, as_version=4).cells}
    assert cells["dockerfile"] == "%%writefile Dockerfile\n# your lines here"
    assert cells["build"] == "# your lines here"
    assert "SOLUTION" not in str(cells)

    told = nbgrader("validate", str(released.relative_to(course)))
    for task in ("build", "run", "push"):
        assert f'exercise.grade("{task}")' in told.stdout, told.stdout + told.stderr
    assert "VALIDATION FAILED ON 3 CELL(S)" in told.stdout


def test_validate_the_solution(nbgrader: Program, course: Path) -> None:
    """Does the instructor's notebook pass, graded in its own kernel?"""
    told = nbgrader("validate", f"source/{NAME}/{NAME}.ipynb")
    assert "Success! Your notebook passes all the tests." in told.stdout, told.stdout + told.stderr


def test_stock_autograde(nbgrader: Program, course: Path) -> None:
    """Does plain nbgrader give an honest submission the points that the grader gives?"""
    assert nbgrader("generate_assignment", NAME).returncode == 0
    hand_in(course, source(), "bob")
    graded = nbgrader("autograde", NAME)
    assert graded.returncode == 0, graded.stderr
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submission = gradebook.find_submission(NAME, "bob")
        assert (submission.score, submission.max_score) == (10, 10)
    shutil.rmtree(course / "autograded")
