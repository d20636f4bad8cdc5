"""The contract of snapshotters, for both of them: records, refusals, removal, threads."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.database import Database
from lab.errors import Conflict, InvalidParameter, NotFound, SyscallError
from lab.snapshot.base import Kind, Snapshotter
from lab.snapshot.native import NativeSnapshotter
from lab.snapshot.overlay import OverlaySnapshotter

from .snapshots import FACTORIES, IDS, fill, overlay

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="snapshots have owners: root is needed, if only of a namespace"
)


def test_records(snapshotter: Snapshotter) -> None:
    """Are kind, parent, time and order of snapshots told?"""
    before = time.time_ns()
    fill(snapshotter, "base", None, {"f": "12345"})
    snapshotter.prepare("a", "base")
    snapshotter.view("v", "base")
    assert [(s.key, s.kind, s.parent) for s in snapshotter.walk()] == [
        ("base", Kind.COMMITTED, None),
        ("a", Kind.ACTIVE, "base"),
        ("v", Kind.VIEW, "base"),
    ]
    assert before <= snapshotter.stat("a").created_ns <= time.time_ns()
    assert snapshotter.stat("base").size == 5
    assert snapshotter.stat("a").size is None


def test_usage_counts_hard_links_once(snapshotter: Snapshotter) -> None:
    """Is usage the bytes of the snapshot's own files?"""
    fill(snapshotter, "base", None, {"big": "x" * 1000})
    snapshotter.prepare("c", "base")
    upper = snapshotter.upper("c")
    (upper / "one").write_text("1234")
    os.link(upper / "one", upper / "two")
    assert snapshotter.usage("c") == 4


def test_keys_are_unique(snapshotter: Snapshotter) -> None:
    """Is a key or name that is taken a conflict, and free again after commit?"""
    fill(snapshotter, "base", None, {})
    snapshotter.prepare("a", "base")
    for again in (snapshotter.prepare, snapshotter.view):
        with pytest.raises(Conflict, match="already exists"):
            again("a", None)
    with pytest.raises(Conflict, match="already exists"):
        snapshotter.commit("base", "a")
    snapshotter.commit("b", "a")
    snapshotter.prepare("a", "b")
    assert snapshotter.stat("a").parent == "b"


def test_unknown_keys(snapshotter: Snapshotter) -> None:
    """Is every question about an unknown key NotFound?"""
    asks: list[Callable[[], object]] = [
        lambda: snapshotter.mounts("x"),
        lambda: snapshotter.commit("name", "x"),
        lambda: snapshotter.remove("x"),
        lambda: snapshotter.stat("x"),
        lambda: snapshotter.usage("x"),
        lambda: snapshotter.upper("x"),
        lambda: snapshotter.lowers("x"),
        lambda: snapshotter.prepare("a", "x"),
        lambda: snapshotter.view("a", "x"),
    ]
    for ask in asks:
        with pytest.raises(NotFound):
            ask()
    assert list(snapshotter.walk()) == []
    assert list(snapshotter.base.iterdir()) == []


def test_only_committed_snapshots_are_parents(snapshotter: Snapshotter) -> None:
    """Are active snapshots and views refused as parents, leaving nothing?"""
    snapshotter.prepare("a", None)
    snapshotter.view("v", None)
    for parent in ("a", "v"):
        with pytest.raises(InvalidParameter, match="not a committed snapshot"):
            snapshotter.prepare("b", parent)
    assert len(list(snapshotter.base.iterdir())) == 2


def test_what_each_kind_refuses(snapshotter: Snapshotter) -> None:
    """Are committing twice, committing a view, mounting what is committed, conflicts?"""
    fill(snapshotter, "base", None, {})
    snapshotter.view("v", "base")
    with pytest.raises(Conflict):
        snapshotter.commit("again", "base")
    with pytest.raises(Conflict):
        snapshotter.commit("again", "v")
    with pytest.raises(Conflict):
        snapshotter.mounts("base")
    with pytest.raises(Conflict):
        snapshotter.upper("v")


def test_parents_cannot_be_removed(snapshotter: Snapshotter) -> None:
    """Is a snapshot removed only after its children?"""
    fill(snapshotter, "one", None, {"f": "x"})
    fill(snapshotter, "two", "one", {})
    with pytest.raises(Conflict, match="child"):
        snapshotter.remove("one")
    snapshotter.remove("two")
    snapshotter.remove("one")
    assert list(snapshotter.walk()) == []


def test_removing_leaves_nothing(snapshotter: Snapshotter) -> None:
    """Is a snapshot gone at once, and its files after the sweep, whatever their modes?"""
    snapshotter.prepare("c", None)
    upper = snapshotter.upper("c")
    (upper / "d/e").mkdir(parents=True)
    (upper / "d/e/f").touch()
    (upper / "d").chmod(0)
    os.mknod(upper / "gone", stat.S_IFCHR, 0)
    snapshotter.remove("c")
    with pytest.raises(NotFound):
        snapshotter.stat("c")
    assert not upper.exists()
    snapshotter.sweep()
    assert list((snapshotter.base.parent / "trash").iterdir()) == []


def test_the_thread_deletes_too(snapshotter: Snapshotter) -> None:
    """Are removed files deleted without a sweep?"""
    for number in range(5):
        snapshotter.prepare(f"c{number}", None)
        snapshotter.remove(f"c{number}")
    snapshotter.close()
    assert list((snapshotter.base.parent / "trash").iterdir()) == []


def test_a_new_start_keeps_snapshots_and_clears_the_rest(
    snapshotter: Snapshotter, kind: str, tmp_path: Path
) -> None:
    """After a crash: are snapshots there, folders without a record and trash gone?"""
    fill(snapshotter, "base", None, {"f": "x"})
    (snapshotter.base / "999").mkdir()
    trash = snapshotter.base.parent / "trash"
    (trash / "left").mkdir()
    snapshotter.close()
    again = FACTORIES[kind](tmp_path)
    again.close()
    assert [snapshot.key for snapshot in again.walk()] == ["base"]
    assert [path.name for path in again.base.iterdir()] == [str(again.stat("base").number)]
    assert list(trash.iterdir()) == []


def test_a_folder_in_the_way_is_no_obstacle(snapshotter: Snapshotter) -> None:
    """If a record was lost after its folder was made, can the number be used again?"""
    snapshotter.prepare("a", None)
    number = snapshotter.stat("a").number
    (snapshotter.base / str(number + 1)).mkdir()
    snapshotter.prepare("b", None)
    assert snapshotter.stat("b").number == number + 1
    assert list(snapshotter.upper("b").iterdir()) == []


def test_a_full_disk_leaves_no_snapshot(
    snapshotter: Snapshotter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a snapshot that cannot be furnished not there at all?"""
    true_chown = os.chown

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "chown", full)
    with pytest.raises(SyscallError, match="No space left"):
        snapshotter.prepare("c", None)
    monkeypatch.setattr(os, "chown", true_chown)
    assert (list(snapshotter.walk()), list(snapshotter.base.iterdir())) == ([], [])
    snapshotter.prepare("c", None)


def test_several_threads(snapshotter: Snapshotter) -> None:
    """Can containers be made and removed in parallel?"""
    fill(snapshotter, "base", None, {"f": "x"})
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(10):
                snapshotter.prepare(f"{name}{number}", "base")
                snapshotter.mounts(f"{name}{number}")
                snapshotter.remove(f"{name}{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [snapshot.key for snapshot in snapshotter.walk()] == ["base"]


def test_two_snapshotters_do_not_mix(tmp_path: Path) -> None:
    """Do both keep their records apart in one database?"""
    database = Database(tmp_path / "lab.db")
    first = OverlaySnapshotter(tmp_path / "one", database, IDS)
    second = NativeSnapshotter(tmp_path / "two", database, IDS)
    first.prepare("a", None)
    second.prepare("a", None)
    first.remove("a")
    assert [snapshot.key for snapshot in second.walk()] == ["a"]
    first.close()
    second.close()


def test_overlay_allows_itself_to_be_mounted_again(tmp_path: Path) -> None:
    """Is the mark that a volatile mount leaves removed by `mounts`?"""
    snapshotter = overlay(tmp_path)
    fill(snapshotter, "base", None, {})
    [mount] = snapshotter.prepare("c", "base")
    assert {"volatile", "userxattr"} <= set(mount.options)
    mark = snapshotter.base / str(snapshotter.stat("c").number) / "work/work/incompat/volatile"
    mark.mkdir(parents=True)
    snapshotter.mounts("c")
    assert not mark.parent.exists()
    snapshotter.close()
