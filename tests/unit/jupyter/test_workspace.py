"""The learner's folder: filled, kept, brought up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.config import Config
from lab.jupyter import workspace
from tests.conftest import ROOT


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(home=tmp_path / "home", socket=tmp_path / "s")


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    for language in workspace.LANGUAGES:
        folder = tmp_path / "notebooks" / language
        folder.mkdir(parents=True)
        (folder / "01.ipynb").write_text("first version")
    return tmp_path / "notebooks"


def test_lessons_are_copied(config: Config, notebooks: Path) -> None:
    """Are the lessons of both languages there to be opened?"""
    work = workspace.prepare(config, notebooks)
    assert (work / "en" / "01.ipynb").read_text() == "first version"
    assert (work / "ko" / "01.ipynb").read_text() == "first version"


def test_newer_lessons_arrive_unless_changed(config: Config, notebooks: Path) -> None:
    """Does an untouched lesson follow the lab's, and one that was written in stay?"""
    work = workspace.prepare(config, notebooks)
    (work / "ko" / "01.ipynb").write_text("my notes")
    for language in workspace.LANGUAGES:
        (notebooks / language / "01.ipynb").write_text("second version")
    workspace.prepare(config, notebooks)
    assert (work / "en" / "01.ipynb").read_text() == "second version"
    assert (work / "ko" / "01.ipynb").read_text() == "my notes"


def test_a_deleted_lesson_comes_back(config: Config, notebooks: Path) -> None:
    """Can a learner have the original again by deleting the copy?"""
    work = workspace.prepare(config, notebooks)
    (work / "en" / "01.ipynb").write_text("spoiled")
    (work / "en" / "01.ipynb").unlink()
    workspace.prepare(config, notebooks)
    assert (work / "en" / "01.ipynb").read_text() == "first version"


def test_exercises_are_released_once(config: Config, notebooks: Path) -> None:
    """Does nbgrader make the exercise without its solution, and only when it has changed?"""
    name = "02_first_container"
    made = workspace.make_releases(config, ROOT / "exercises")
    assert made == [f"en/{name}", f"ko/{name}"]
    assert workspace.make_releases(config, ROOT / "exercises") == []
    work = workspace.prepare(config, notebooks)
    for language in workspace.LANGUAGES:
        text = (work / language / "exercises" / name / f"{name}.ipynb").read_text()
        assert "BEGIN SOLUTION" not in text and "A. Learner" not in text
        assert "exercise.check" in text
