"""The contract of snapshotters, for both of them: what is seen when their mounts are performed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.image.blobs import BlobStore
from lab.image.layer import apply_layer, changes, layer_entries, write_layer
from lab.snapshot.base import Snapshotter

from .snapshots import IDS, fill, mounting_works, run

CONTAINER_ROOT = IDS.to_sandbox(0)
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="snapshots have owners: root is needed, if only of a namespace"
)


TREE = "find . -mindepth 1 | sort"


def test_layers_are_seen_through_each_other(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Does a snapshot show its parents' files, without what a layer in between deleted?"""
    fill(
        snapshotter, "one", None, {"etc/": "", "etc/a": "1", "etc/b": "1", "dir/": "", "dir/x": "x"}
    )
    fill(snapshotter, "two", "one", {"etc/a": "2", "etc/b": None, "dir": None})
    fill(snapshotter, "three", "two", {"dir/": "", "dir/y": "y"})
    snapshotter.prepare("c", "three")
    assert mounted("c", TREE).split() == ["./dir", "./dir/y", "./etc", "./etc/a"]
    assert mounted("c", "cat etc/a") == "2"


def test_containers_do_not_see_each_other(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Are two snapshots of one parent apart, and is the parent unchanged?"""
    fill(snapshotter, "base", None, {"f": "base"})
    snapshotter.prepare("a", "base")
    snapshotter.prepare("b", "base")
    mounted("a", "echo a > f; touch new")
    assert mounted("b", "ls; cat f") == "f\nbase"
    assert mounted("a", "ls; cat f") == "f\nnew\na\n"


def test_changes_survive_mounting_again(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Can a container be started again and again on what it wrote?"""
    fill(snapshotter, "base", None, {"f": "x"})
    snapshotter.prepare("c", "base")
    for number in range(3):
        mounted("c", f"echo {number} >> log; rm -f f")
    assert mounted("c", "cat log; ls") == "0\n1\n2\nlog\n"


def test_the_upper_directory_tells_what_a_container_changed(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Are changes, as `docker diff` tells them, the same with both snapshotters?"""
    fill(
        snapshotter,
        "base",
        None,
        {"etc/": "", "etc/a": "1", "etc/b": "1", "etc/kept": "", "old/": "", "old/x": "", "t/": ""},
    )
    fill(snapshotter, "top", "base", {"t/inside": "1"})
    snapshotter.prepare("c", "top")
    mounted("c", "echo 22 > etc/a; rm etc/b; mkdir -p srv/d; touch srv/d/f; rm -r old t")
    mounted("c", "mkdir t; touch t/fresh; ln etc/kept etc/link; chmod 600 etc/kept")
    found = [
        f"{change.kind.name[0]} {change.path}"
        for change in changes(snapshotter.upper("c"), snapshotter.lowers("c"))
    ]
    assert found == [
        "M /etc",
        "M /etc/a",
        "D /etc/b",
        "M /etc/kept",
        "A /etc/link",
        "D /old",
        "A /srv",
        "A /srv/d",
        "A /srv/d/f",
        "M /t",
        "A /t/fresh",
        "D /t/inside",
    ]


def test_what_a_container_wrote_becomes_a_layer(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], tmp_path: Path
) -> None:
    """Does a layer written from a container, unpacked upon the same parent, show the same?"""
    fill(snapshotter, "base", None, {"etc/": "", "etc/a": "1", "etc/b": "1", "d/": "", "d/x": "x"})
    snapshotter.prepare("c", "base")
    mounted("c", "echo 2 > etc/a; rm etc/b; rm -r d; mkdir d; echo y > d/y; ln d/y d/z")
    blobs = BlobStore(tmp_path / "blobs")
    written = write_layer(snapshotter.upper("c"), IDS, blobs)
    snapshotter.prepare("unpack", "base")
    with blobs.open(written.descriptor.digest) as blob:
        apply_layer(blob, "", snapshotter.upper("unpack"), IDS, written.diff_id)
    snapshotter.commit("committed", "unpack")
    snapshotter.prepare("again", "committed")
    look = f"{TREE}; cat etc/a d/*; stat -c %h d/y"
    assert mounted("again", look) == mounted("c", look)
    assert mounted("again", look).endswith("2\ny\ny\n2\n")


def test_a_containers_snapshot_can_be_committed(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Can what a container wrote be a parent, with its layer still to be looked at?"""
    fill(snapshotter, "base", None, {"f": "x"})
    snapshotter.prepare("c", "base")
    mounted("c", "echo hello > new; rm f")
    snapshotter.commit("image", "c")
    snapshotter.prepare("d", "image")
    assert mounted("d", "ls; cat new") == "new\nhello\n"
    assert [(entry.path, entry.kind) for entry in layer_entries(snapshotter.upper("image"))] == [
        ("/f", "whiteout"),
        ("/new", "file"),
    ]
    assert snapshotter.usage("image") == snapshotter.stat("image").size == len("hello\n")


def test_a_snapshot_without_parent(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Does an active snapshot of nothing start empty, and take files?"""
    snapshotter.prepare("c", None)
    assert mounted("c", "ls -A") == ""
    mounted("c", "echo x > f")
    assert mounted("c", "cat f") == "x\n"
    assert snapshotter.lowers("c") == []
    assert [change.path for change in changes(snapshotter.upper("c"), [])] == ["/f"]


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_a_view_cannot_be_written(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], layers: int
) -> None:
    """Does a view show all layers, of any number, and refuse every change?"""
    parent = None
    for number in range(layers):
        fill(snapshotter, f"l{number}", parent, {f"f{number}": "x"})
        parent = f"l{number}"
    snapshotter.view("v", parent)
    assert mounted("v", "ls") == "".join(f"f{number}\n" for number in range(layers))
    with pytest.raises(RuntimeError, match="Read-only"):
        mounted("v", "touch x")
    assert snapshotter.usage("v") == 0


def test_the_root_directory_belongs_to_the_container(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Has the root directory mode 755 and the container's root as owner, also upon layers?"""
    fill(snapshotter, "base", None, {"f": "x"})
    snapshotter.prepare("c", "base")
    snapshotter.prepare("empty", None)
    for key in ("c", "empty"):
        assert mounted(key, "stat -c '%a %u %g' .") == f"755 {CONTAINER_ROOT} {CONTAINER_ROOT}\n"


def test_a_change_of_the_root_directory_is_inherited(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Does a container that changes `/` itself hand that on to what starts from it?"""
    snapshotter.prepare("c", None)
    mounted("c", "chmod 750 .; touch f")
    snapshotter.commit("image", "c")
    snapshotter.prepare("d", "image")
    assert mounted("d", "stat -c %a .") == "750\n"


def test_many_layers(snapshotter: Snapshotter, mounted: Callable[[str, str], str]) -> None:
    """Do the options of 125 layers, with large numbers, fit into one mount(2)?"""
    parent = None
    for number in range(125):
        fill(snapshotter, f"layer{number}", parent, {f"f{number:03}": ""})
        parent = f"layer{number}"
    snapshotter.prepare("c", parent)
    assert mounted("c", "ls | wc -l") == "125\n"
    [mount] = snapshotter.mounts("c")
    # even if a lab has made a million snapshots before
    assert len(",".join(mount.options)) + 126 * 4 < 4095


def test_a_user_namespace_can_mount(snapshotter: Snapshotter, kind: str, tmp_path: Path) -> None:
    """Do mounts work, deletions included, where the sandbox performs them?"""
    if not mounting_works(kind, user=True):
        pytest.skip(f"mounting in a user namespace is refused here ({kind})")
    fill(snapshotter, "base", None, {"f": "x", "g": "x", "d/": "", "d/old": ""})
    fill(snapshotter, "top", "base", {"g": None})
    snapshotter.prepare("c", "top")
    snapshotter.view("v", "top")
    tmp_path.chmod(0o755)
    command = "rm -r f d; mkdir d; echo new > d/h; ls -R"
    _give_to_user_namespace(snapshotter.base.parent)
    output = run(snapshotter.base, snapshotter.mounts("c"), tmp_path / "mnt", command, user=True)
    assert output == ".:\nd\n\n./d:\nh\n"
    output = run(snapshotter.base, snapshotter.mounts("v"), tmp_path / "mnt", "ls", user=True)
    assert output == "d\nf\n"
    found = [change.path for change in changes(snapshotter.upper("c"), snapshotter.lowers("c"))]
    assert found == ["/d", "/d/h", "/d/old", "/f"]


def _give_to_user_namespace(folder: Path) -> None:
    """Change owners 1 to 100000, which is 1 in the namespace, as if the daemon had run there."""
    for path in [folder, *folder.rglob("*")]:
        if path.lstat().st_uid == 1:
            os.chown(path, 100000, 100000, follow_symlinks=False)
