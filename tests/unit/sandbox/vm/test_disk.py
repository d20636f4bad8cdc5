"""The learner's disk: made once, grown, refused where it cannot be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab.errors import LabError, Unavailable
from lab.sandbox.vm import disk

PATH = os.environ["PATH"]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "disk.ext4"
    disk.ensure_disk(path, PATH)
    return path


def test_a_new_disk_takes_little_room(made: Path) -> None:
    """Is it a sparse file of the full size, with a file system on it and nothing beside it?"""
    state = made.stat()
    assert state.st_size == disk.SIZE
    assert state.st_blocks * 512 < 64 << 20
    assert [path.name for path in made.parent.iterdir()] == ["disk.ext4"]
    checker = next(
        (f"{each}/e2fsck" for each in ("/sbin", "/usr/sbin") if os.path.exists(f"{each}/e2fsck")),
        None,
    )
    if checker:
        subprocess.run([checker, "-fn", made], check=True, capture_output=True)


def test_an_existing_disk_is_left_alone(made: Path) -> None:
    """Is what is on the disk kept, and is it found without mkfs.ext4?"""
    with made.open("r+b") as file:
        file.seek(1 << 30)
        file.write(b"the learner's")
    disk.ensure_disk(made, "")
    with made.open("rb") as file:
        file.seek(1 << 30)
        assert file.read(13) == b"the learner's"


def test_a_smaller_disk_is_grown(made: Path) -> None:
    """Has a disk of an earlier version today's size afterwards?"""
    os.truncate(made, disk.SIZE // 2)
    disk.ensure_disk(made, PATH)
    assert made.stat().st_size == disk.SIZE


def test_what_is_no_disk_is_not_overwritten(tmp_path: Path) -> None:
    """Is a file that is something else refused, and kept?"""
    path = tmp_path / "disk.ext4"
    path.write_bytes(b"something else" * 200)
    with pytest.raises(LabError, match="no disk of the lab"):
        disk.ensure_disk(path, PATH)
    assert path.read_bytes() == b"something else" * 200


def test_without_mkfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is it said which package helps?"""
    monkeypatch.setattr(disk, "_ALSO_LOOKED_AT", "")
    with pytest.raises(Unavailable, match=r"mkfs\.ext4") as raised:
        disk.ensure_disk(tmp_path / "disk.ext4", str(tmp_path))
    assert "e2fsprogs" in raised.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "message"),
    [("echo something >&2; echo 'no room' >&2; exit 1", "no room"), ("exit 3", "without a word")],
)
def test_a_mkfs_that_fails(tmp_path: Path, script: str, message: str) -> None:
    """Is its last word told, and nothing left?"""
    program = tmp_path / "bin" / "mkfs.ext4"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    folder = tmp_path / "vm"
    folder.mkdir()
    with pytest.raises(LabError, match=message):
        disk.ensure_disk(folder / "disk.ext4", str(program.parent))
    assert not list(folder.iterdir())


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is too little room told before anything is written?"""
    monkeypatch.setattr(disk, "_NEEDED", 1 << 60)
    with pytest.raises(LabError, match="No space left on device") as raised:
        disk.ensure_disk(tmp_path / "disk.ext4", PATH)
    assert "free some room" in raised.value.hint
    assert not list(tmp_path.iterdir())
