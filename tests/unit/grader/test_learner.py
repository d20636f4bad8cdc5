"""What a notebook calls, when things are not as they should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.learner import Exercise
from grader.student import Student

from .stand_in import engine

NAME = "02_first_container"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and no engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    return tmp_path


def language(folder: Path, name: str) -> None:
    (folder / f"{NAME}.ipynb").write_text(json.dumps({"metadata": {"lab": {"language": name}}}))


def test_no_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """Is one told how to start the lab, on standard output, with no points and no exception?"""
    exercise = Exercise(NAME, {})
    assert "make lab" in repr(exercise)
    exercise.check()
    assert exercise.grade("build") == 0
    told = capsys.readouterr()
    assert told.out.count("make lab") == 2
    assert told.err == ""


def test_language_of_the_notebook(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is one told in the language of the notebook that this runs in?"""
    language(own_folder, "ko")
    exercise = Exercise(NAME, {})
    exercise.check()
    assert "엔진" in capsys.readouterr().out
    assert 'lang="ko"' in exercise._repr_html_()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"metadata": 5}'])
def test_notebook_that_cannot_be_read(own_folder: Path, text: str) -> None:
    """Is English spoken where the notebook does not tell?"""
    (own_folder / f"{NAME}.ipynb").write_text(text)
    assert "account" in repr(Exercise(NAME, {}))


def test_another_engine(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is nothing claimed when the engine is not the lab's?"""
    with engine(own_folder / "docker.sock", {}):
        exercise = Exercise(NAME, {})
        assert exercise.grade("build") == 0
    told = capsys.readouterr()
    assert "lab" in told.out and told.err == ""


def test_unknown_exercise_and_task(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is a mistake in the call told in a sentence?"""
    Exercise("99_none", {}).check()
    Exercise(NAME, {}).check("bake")
    told = capsys.readouterr()
    assert "99_none" in told.out and "it has build, run, push" in told.out
    assert told.err == ""


def test_failing_checks(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is a mistake in the checks themselves told in a sentence?"""
    (own_folder / "checks").mkdir()
    (own_folder / "checks" / "bad.py").write_text(
        "from grader.checks import Task, Text\n"
        "TASKS = (Task('t', 1, Text('T', 'T'), lambda evidence: 1 / 0),)"
    )
    with engine(own_folder / "docker.sock", {"/lab/v1/version": {"Extension": "1"}}):
        exercise = Exercise("bad", {"LAB_EXERCISES": str(own_folder)})
        assert exercise.grade("t") == 0
    told = capsys.readouterr()
    assert "ZeroDivisionError" in told.out and told.err == ""


def test_while_it_is_graded(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Are no checks done in the kernel of a submission that is being graded?"""
    exercise = Exercise(NAME, {"LAB_REPLAY": "1", "LAB_STUDENT": "ann", "LAB_EXERCISES": "/none"})
    exercise.check()
    assert exercise.grade("build") is None
    told = capsys.readouterr()
    assert told.out.count("being graded") == 2
    assert exercise.account == Student("ann", NAME).account
