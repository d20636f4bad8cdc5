"""The folders of a replay."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from grader import workspace
from grader.errors import BadSubmission


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    """The notebook of a submission with a Dockerfile and a folder beside it."""
    folder = tmp_path / "submitted" / "ann" / "02"
    (folder / "site").mkdir(parents=True)
    (folder / "02.ipynb").write_text("{}")
    (folder / "Dockerfile").write_text("FROM nginx")
    (folder / "site" / "run.sh").write_text("true")
    (folder / "site" / "run.sh").chmod(0o755)
    return folder / "02.ipynb"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_files_of_a_submission(handed_in: Path, work: Path) -> None:
    """Are a submission's files there for the replay, but no notebook?"""
    workspace.copy_submission(handed_in, "02", work)
    files = sorted(str(path.relative_to(work)) for path in work.rglob("*") if path.is_file())
    assert files == ["Dockerfile", "site/run.sh"]
    assert (work / "site" / "run.sh").stat().st_mode & 0o100


def test_folder_of_something_else(handed_in: Path, work: Path) -> None:
    """Is nothing taken from a folder that is no submission's, such as one of downloads?"""
    workspace.copy_submission(handed_in, "03", work)
    assert list(work.iterdir()) == []


def test_links_are_refused(handed_in: Path, work: Path, tmp_path: Path) -> None:
    """Is a submission refused that would bring a foreign file along?"""
    (tmp_path / "secret").write_text("grades")
    (handed_in.parent / "notes").symlink_to(tmp_path / "secret")
    with pytest.raises(BadSubmission, match="links are refused"):
        workspace.copy_submission(handed_in, "02", work)


def test_too_much(handed_in: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a submission refused that is too large, in bytes or in files?"""
    monkeypatch.setattr(workspace, "MAX_BYTES", 5)
    with pytest.raises(BadSubmission, match="holds more"):
        workspace.copy_submission(handed_in, "02", work)
    monkeypatch.setattr(workspace, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(workspace, "MAX_FILES", 1)
    with pytest.raises(BadSubmission, match="holds more"):
        workspace.copy_submission(handed_in, "02", work)


def test_course_files_win(handed_in: Path, work: Path, tmp_path: Path) -> None:
    """Do the instructor's files replace those of the same name, as in nbgrader?"""
    source = tmp_path / "source"
    source.mkdir()
    (source / "Dockerfile").write_text("FROM busybox")
    (source / "02.ipynb").write_text("{}")
    workspace.copy_submission(handed_in, "02", work)
    workspace.copy_course_files(source / "02.ipynb", work)
    assert (work / "Dockerfile").read_text() == "FROM busybox"
    assert not (work / "02.ipynb").exists()


def test_environment_of_the_kernel() -> None:
    """Does the kernel get the engine's address, and nothing secret of the instructor's?"""
    with workspace.workspace() as space:
        environ = space.environ(
            {"LANG": "C.UTF-8", "AWS_SECRET": "x", "HOME": "/root"}, "/bin", {"LAB_REPLAY": "1"}
        )
        assert environ["DOCKER_HOST"] == f"unix://{space.socket}"
        assert environ["HOME"] == str(space.home)
        assert environ["LANG"] == "C.UTF-8" and environ["LAB_REPLAY"] == "1"
        assert "AWS_SECRET" not in environ
        assert space.work.is_dir()
    assert not space.base.exists()


def test_what_killed_graders_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a folder found and deleted that nobody holds, and none that is in use, young or foreign?"""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old = time.time() - 1000
    with workspace.workspace() as space:
        for name in ("grader-left", "grader-young", "other-left"):
            (tmp_path / name).mkdir()
        (tmp_path / "grader-link").symlink_to(tmp_path / "other-left")
        for path in (space.base, tmp_path / "grader-left", tmp_path / "other-left"):
            os.utime(path, (old, old))
        found = [left.base.name for left in workspace.abandoned()]
        assert found == ["grader-left"]
        assert space.work.is_dir()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["grader-link", "grader-young", "other-left"]
