"""What is drawn for each student."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.student import NOBODY, Student, id_from_path, id_of_learner


@given(st.text(max_size=40), st.text(max_size=40))
def test_accounts_are_names_that_the_hub_takes(student_id: str, exercise: str) -> None:
    """Has every id, whatever is in it, an account of 4 to 30 lower-case letters and digits?"""
    student = Student(student_id, exercise)
    assert re.fullmatch(r"[a-z0-9]{4,30}", student.account)
    assert 20000 <= student.port < 30000


def test_same_id_same_things() -> None:
    """Does the grader draw what the learner had, and something else for someone else?"""
    ann, again = Student("ann", "02"), Student("ann", "02")
    assert (ann.account, ann.port, ann.password) == (again.account, again.port, again.password)
    assert ann.account.startswith("ann")
    assert Student("Ann", "02").account != ann.account
    assert Student("ann", "03").account != ann.account


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/course/submitted/ann/02/02.ipynb", "ann"),
        ("/course/autograded/bob/02", "bob"),
        ("/submitted/x/submitted/cy/02/a.ipynb", "cy"),
        ("/home/ann/02.ipynb", None),
        ("/course/submitted/ann", None),
    ],
)
def test_id_from_path(path: str, expected: str | None) -> None:
    """Is the student known from nbgrader's folders, and only from those?"""
    assert id_from_path(Path(path)) == expected


def test_order_of_names() -> None:
    """Is the grader's word taken first, then nbgrader's folders, then the hub's user?"""
    folder = Path("/course/autograded/bob/02")
    everything = {"LAB_STUDENT": "ann", "JUPYTERHUB_USER": "cy"}
    assert id_of_learner(everything, folder) == "ann"
    assert id_of_learner({"JUPYTERHUB_USER": "cy"}, folder) == "bob"
    assert id_of_learner({"JUPYTERHUB_USER": "cy"}, Path("/home/x")) == "cy"
    assert id_of_learner({}, Path("/home/x")) == NOBODY
