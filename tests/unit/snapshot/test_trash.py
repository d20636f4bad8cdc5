"""Deleting trees in the background."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from lab.kernel import trees
from lab.snapshot.trash import Trash


@pytest.fixture
def trash(tmp_path: Path) -> Trash:
    return Trash(tmp_path / "trash")


def left(tmp_path: Path) -> list[str]:
    return os.listdir(tmp_path / "trash")


def test_a_tree_vanishes_at_once(trash: Trash, tmp_path: Path) -> None:
    """Is the path free as soon as discard returns, and everything deleted in the end?"""
    (tmp_path / "tree/a/b").mkdir(parents=True)
    (tmp_path / "tree/a/b/f").touch()
    trash.discard(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
    trash.close()
    assert left(tmp_path) == []


def test_what_is_left_from_before_is_deleted(trash: Trash, tmp_path: Path) -> None:
    """Does a wake-up at the start delete what an earlier process left?"""
    (tmp_path / "trash/old/d").mkdir(parents=True)
    trash.wake()
    trash.close()
    assert left(tmp_path) == []


def test_what_cannot_be_deleted_stays_and_disturbs_nobody(
    trash: Trash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If something is still mounted in one tree, are the others deleted, and it later?"""
    true_remove = trees.remove

    def remove(parent: int, name: bytes) -> None:
        if name == b"busy":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        true_remove(parent, name)

    (tmp_path / "trash/busy").mkdir()
    (tmp_path / "trash/free").mkdir()
    monkeypatch.setattr(trees, "remove", remove)
    trash.sweep()
    assert left(tmp_path) == ["busy"]
    monkeypatch.undo()
    trash.sweep()
    assert left(tmp_path) == []


def test_no_descriptor_is_free(
    trash: Trash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Does the thread say so in one sentence, and does the next discard delete what had to stay?"""

    def opened(folder: Path) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    monkeypatch.setattr(trees, "opened", opened)
    trash.discard(tmp_path / "first")
    trash.close()
    assert len(left(tmp_path)) == 1
    assert caplog.messages == [
        "what was removed is not deleted yet: [Errno 24] Too many open files"
    ]
    monkeypatch.undo()
    trash.discard(tmp_path / "second")
    trash.close()
    assert left(tmp_path) == []


def test_no_thread_can_be_started(
    trash: Trash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is the path free all the same, and does the next discard start one?"""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    monkeypatch.setattr(threading.Thread, "start", start)
    trash.discard(tmp_path / "first")
    trash.close()
    assert len(left(tmp_path)) == 1
    monkeypatch.undo()
    trash.discard(tmp_path / "second")
    trash.close()
    assert left(tmp_path) == []


def test_many_threads_may_discard(trash: Trash, tmp_path: Path) -> None:
    """Is everything deleted, by one thread, whoever discards and whenever?"""

    def work(name: str) -> None:
        for number in range(20):
            tree = tmp_path / f"{name}{number}"
            tree.mkdir()
            (tree / "f").touch()
            trash.discard(tree)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trash.close()
    assert left(tmp_path) == []
