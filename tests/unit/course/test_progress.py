"""The file with the progress: kept between programs, damaged, exported, forgotten."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from lab import cli
from lab.course import progress
from lab.course.progress import Progress
from lab.errors import InvalidParameter, Unavailable, Unsupported

LESSON = "02_first_container"


@pytest.fixture
def kept(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "state", clock=iter(range(100)).__next__)


def test_what_is_done_is_kept(kept: Progress) -> None:
    """Does another program, later, find cells and answers?"""
    kept.cell_done(LESSON, "run-nginx", ["K01"])
    kept.answered(LESSON, "quiz", "list-all", "wrong", "docker ps")
    kept.answered(LESSON, "quiz", "list-all", "right", "docker ps -a")
    found = Progress(kept.folder).read()
    assert found.cells[LESSON]["run-nginx"].covers == ("K01",)
    given = found.answers_to(LESSON, "quiz", "list-all")
    assert [(each.outcome, each.answer) for each in given] == [
        ("wrong", "docker ps"),
        ("right", "docker ps -a"),
    ]


def test_nothing_done_is_nothing(kept: Progress) -> None:
    """Is there no file, and no error, before anything was done?"""
    assert kept.read().answers == ()
    assert kept.version() == ()


def _answer_many(folder: Path, key: str) -> None:
    for number in range(20):
        Progress(folder).answered(LESSON, "quiz", key, "wrong", number)


def test_programs_at_the_same_time_lose_nothing(kept: Progress) -> None:
    """Do answers of several kernels, given at once, all arrive?"""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_answer_many, args=(kept.folder, key)) for key in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    answers = kept.read().answers
    assert sorted((each.key, each.answer) for each in answers) == [
        (key, number) for key in "abc" for number in range(20)
    ]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"version": 1, "cells": 5}', b""])
def test_a_damaged_file_is_kept_aside(kept: Progress, content: bytes) -> None:
    """Does the learner go on, with the damaged file still there, and is it told?"""
    kept.folder.mkdir()
    kept.path.write_bytes(content)
    assert kept.read().answers == ()
    assert [path.read_bytes() for path in kept.damaged()] == [content]
    kept.cell_done(LESSON, "ps")
    kept.path.write_bytes(b"again")
    kept.cell_done(LESSON, "stop")
    assert len(kept.damaged()) == 2
    assert list(kept.read().cells[LESSON]) == ["stop"]


def test_a_newer_file_is_not_touched(kept: Progress) -> None:
    """Does an older lab leave a newer one's file as it is?"""
    kept.folder.mkdir()
    kept.path.write_text('{"version": 2}')
    for use in (kept.read, lambda: kept.cell_done(LESSON, "ps")):
        with pytest.raises(Unsupported):
            use()
    assert kept.path.read_text() == '{"version": 2}'


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """Is a home that cannot be written an error that says so?"""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(Unavailable, match="the progress cannot be kept"):
        Progress(tmp_path / "state").cell_done(LESSON, "ps")


def test_export_and_merge(kept: Progress, tmp_path: Path) -> None:
    """Does what one lab exports arrive in another, beside what is there, however often?"""
    kept.cell_done(LESSON, "ps", ["K10"])
    kept.answered(LESSON, "prediction", "same-port", "right", 1)
    other = Progress(tmp_path / "other")
    other.cell_done(LESSON, "stop", ["K02"])
    for _ in range(2):
        other.merge(kept.export())
    found = other.read()
    assert sorted(found.cells[LESSON]) == ["ps", "stop"]
    assert len(found.answers) == 1
    before = other.path.read_text()
    with pytest.raises(InvalidParameter):
        other.merge("no progress")
    assert other.path.read_text() == before


def test_the_version_follows_the_file(kept: Progress) -> None:
    """Can a widget see, without reading, that something changed?"""
    seen = [kept.version()]
    for cell in ("a", "b"):
        kept.cell_done(LESSON, cell)
        seen.append(kept.version())
    assert len(set(seen)) == 3


def test_only_its_owner_may_read_it(kept: Progress) -> None:
    """Is the folder closed for others, whatever the umask?"""
    before = os.umask(0)
    try:
        kept.cell_done(LESSON, "ps")
    finally:
        os.umask(before)
    assert kept.folder.stat().st_mode & 0o077 == 0


def test_server_notes_a_cell_without_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does the function for the Jupyter server write into the lab's home?"""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    progress.cell_done(LESSON, "run-nginx", ["K01", "C26"])
    content = json.loads((tmp_path / "state" / "progress.json").read_text())
    assert content["version"] == 1
    assert content["cells"][LESSON]["run-nginx"]["covers"] == ["C26", "K01"]


def test_resets_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does `lab reset` keep the progress, and `lab reset --progress` the engine's state?"""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    image = tmp_path / "engine" / "image"
    for _ in range(2):
        image.parent.mkdir(exist_ok=True)
        image.write_text("kept")
        progress.cell_done(LESSON, "ps")
        assert cli.main(["reset", "--progress", "--yes"]) == 0
        assert progress.here().read().cells == {}
        assert image.read_text() == "kept"
    progress.cell_done(LESSON, "ps")
    assert cli.main(["reset", "--yes"]) == 0
    assert not image.exists()
    assert list(progress.here().read().cells) == [LESSON]


def test_reset_of_progress_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is nothing forgotten unless the learner says yes?"""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    progress.cell_done(LESSON, "ps")
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert cli.main(["reset", "--progress"]) == 1
    assert "forgets which lessons" in capsys.readouterr().out
    assert progress.here().read().cells
