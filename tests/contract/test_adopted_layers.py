"""The contract of snapshotters, for both of them: layers that are unpacked already, elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import Conflict, InvalidParameter, NotFound
from lab.image.layer import apply_layer, changes, layer_entries
from lab.snapshot.base import Kind, Snapshotter

from .snapshots import FACTORIES, IDS, fill, layer

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="snapshots have owners: root is needed, if only of a namespace"
)

ONE: dict[str, str | None] = {"etc/": "", "etc/a": "1", "etc/b": "12", "dir/": "", "dir/x": "x"}
TWO: dict[str, str | None] = {"etc/b": None, "dir": None, "new": "12345"}


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk with two layers, unpacked as a snapshotter would have them."""
    folder = tmp_path / "disk"
    for name, files in (("one", ONE), ("two", TWO)):
        unpack(folder / name / "fs", files)
    return folder


def unpack(folder: Path, files: dict[str, str | None]) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    os.chown(folder, IDS.to_sandbox(0), IDS.to_sandbox(0))
    apply_layer(io.BytesIO(layer(files)), "", folder, IDS)


def adopt(snapshotter: Snapshotter, disk: Path) -> None:
    snapshotter.adopt("one", None, disk / "one" / "fs", 4)
    snapshotter.adopt("two", "one", disk / "two" / "fs", 5)


def everything(disk: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in disk.rglob("*"))


def test_adopted_layers_are_seen_through_each_other(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], disk: Path
) -> None:
    """Does what stands on adopted layers show them, with one's deletions in the other?"""
    adopt(snapshotter, disk)
    before = everything(disk)
    snapshotter.prepare("c", "two")
    assert mounted("c", "find . -mindepth 1 | sort").split() == ["./etc", "./etc/a", "./new"]
    assert mounted("c", "stat -c '%u %a' .") == f"{IDS.to_sandbox(0)} 755\n"
    mounted("c", "echo 2 > etc/a; rm new; touch dir")
    found = changes(snapshotter.upper("c"), snapshotter.lowers("c"))
    assert [f"{change.kind.name[0]} {change.path}" for change in found] == [
        "A /dir",
        "M /etc",
        "M /etc/a",
        "D /new",
    ]
    snapshotter.view("v", "two")
    assert mounted("v", "cat etc/a new") == "112345"
    assert everything(disk) == before


def test_adopted_layers_are_like_others(snapshotter: Snapshotter, disk: Path) -> None:
    """Are record, usage, upper and lower folders those of any committed layer?"""
    adopt(snapshotter, disk)
    assert [(s.key, s.kind, s.parent, s.size) for s in snapshotter.walk()] == [
        ("one", Kind.COMMITTED, None, 4),
        ("two", Kind.COMMITTED, "one", 5),
    ]
    assert snapshotter.usage("two") == 5
    kinds = [(entry.path, entry.kind) for entry in layer_entries(snapshotter.upper("two"))]
    assert kinds == [
        ("/dir", "whiteout"),
        ("/etc", "directory"),
        ("/etc/b", "whiteout"),
        ("/new", "file"),
    ]
    assert (snapshotter.lowers("two")[0] / "etc" / "a").read_text() == "1"
    assert snapshotter.has("two")
    assert not snapshotter.has("three")


def test_adopted_and_own_layers_mix(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], disk: Path
) -> None:
    """Can a layer be unpacked upon an adopted one, and one be adopted upon that?"""
    snapshotter.adopt("one", None, disk / "one" / "fs", 4)
    fill(snapshotter, "own", "one", {"etc/a": "own"})
    snapshotter.adopt("top", "own", disk / "two" / "fs", 5)
    snapshotter.prepare("c", "top")
    assert mounted("c", "cat etc/a new; ls") == "own12345etc\nnew\n"


def test_refusals(snapshotter: Snapshotter, disk: Path) -> None:
    """Are taken names and parents that are none refused, with nothing left?"""
    adopt(snapshotter, disk)
    with pytest.raises(Conflict, match="already exists"):
        snapshotter.adopt("two", "one", disk / "two" / "fs", 5)
    with pytest.raises(NotFound):
        snapshotter.adopt("three", "unknown", disk / "two" / "fs", 5)
    snapshotter.prepare("active", "one")
    with pytest.raises(InvalidParameter, match="not a committed"):
        snapshotter.adopt("three", "active", disk / "two" / "fs", 5)
    with pytest.raises(Conflict, match="is committed"):
        snapshotter.mounts("two")
    assert len(list(snapshotter.walk())) == 3


def test_removal_leaves_the_disk_alone(snapshotter: Snapshotter, disk: Path) -> None:
    """Is only the record gone, and can the layer be adopted again?"""
    adopt(snapshotter, disk)
    before = everything(disk)
    with pytest.raises(Conflict, match="has a child"):
        snapshotter.remove("one")
    snapshotter.remove("two")
    snapshotter.remove("one")
    snapshotter.sweep()
    assert everything(disk) == before
    assert list(snapshotter.walk()) == []
    adopt(snapshotter, disk)
    assert snapshotter.has("two")


def test_they_are_there_after_a_restart(
    snapshotter: Snapshotter, kind: str, tmp_path: Path, disk: Path
) -> None:
    """Does a new snapshotter on the same folder know them?"""
    adopt(snapshotter, disk)
    snapshotter.close()
    again = FACTORIES[kind](tmp_path)
    assert again.has("two")
    assert (again.upper("two") / "new").read_text() == "12345"
    again.close()


def test_a_disk_that_is_gone(snapshotter: Snapshotter, disk: Path) -> None:
    """Is what stands on a missing layer refused in words, while records and removal go on?"""
    adopt(snapshotter, disk)
    snapshotter.prepare("c", "two")
    shutil.rmtree(disk / "one")
    assert not snapshotter.has("one")
    assert not snapshotter.has("two")
    asks: list[Callable[[], object]] = [
        lambda: snapshotter.mounts("c"),
        lambda: snapshotter.prepare("d", "two"),
        lambda: snapshotter.view("d", "two"),
    ]
    for ask in asks:
        with pytest.raises(NotFound, match="layer one is missing"):
            ask()
    assert [s.key for s in snapshotter.walk()] == ["one", "two", "c"]
    assert snapshotter.usage("one") == 4
    for key in ("c", "two", "one"):
        snapshotter.remove(key)
    assert list(snapshotter.walk()) == []


def test_a_missing_layer_is_adopted_from_elsewhere(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], disk: Path
) -> None:
    """Are containers whole again when the layer is found at another place?"""
    adopt(snapshotter, disk)
    snapshotter.prepare("c", "two")
    numbers = [s.number for s in snapshotter.walk()]
    disk.rename(disk.with_name("elsewhere"))
    adopt(snapshotter, disk.with_name("elsewhere"))
    assert snapshotter.has("two")
    assert mounted("c", "cat etc/a new") == "112345"
    assert [s.number for s in snapshotter.walk()] == numbers


def test_a_missing_layer_is_unpacked_again(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], disk: Path
) -> None:
    """Does a layer that is committed under its name take its place, below all that stands on it?"""
    adopt(snapshotter, disk)
    snapshotter.prepare("c", "two")
    numbers = [s.number for s in snapshotter.walk()]
    shutil.rmtree(disk)
    fill(snapshotter, "one", None, ONE)
    assert snapshotter.has("one")
    assert not snapshotter.has("two")
    fill(snapshotter, "two", "one", TWO)
    assert snapshotter.has("two")
    assert [(s.key, s.parent) for s in snapshotter.walk()] == [
        ("one", None),
        ("two", "one"),
        ("c", "two"),
    ]
    assert [s.number for s in snapshotter.walk()] == numbers
    assert mounted("c", "ls; cat etc/a new") == "etc\nnew\n112345"
    with pytest.raises(Conflict, match="already exists"):
        fill(snapshotter, "two", "one", TWO)


def test_many_adoptions_at_once(snapshotter: Snapshotter, disk: Path) -> None:
    """Do several threads that adopt the same layer end with one, and the rest with a Conflict?"""
    results: list[str] = []

    def work() -> None:
        try:
            snapshotter.adopt("one", None, disk / "one" / "fs", 4)
            results.append("adopted")
        except Conflict:
            results.append("taken")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["adopted"] + ["taken"] * 5
    assert snapshotter.has("one")
