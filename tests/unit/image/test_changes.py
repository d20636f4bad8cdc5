"""What `docker diff` tells of a writable layer."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from lab.image.layer import ChangeKind, changes
from lab.kernel.trees import OPAQUE

from .helpers import deep_tree, needs_root

pytestmark = needs_root


class Layers:
    """A lower stack of two layers and an upper one, with short ways to write into them."""

    def __init__(self, base: Path) -> None:
        self.bottom, self.middle, self.upper = (base / name for name in ("1", "2", "3"))
        for layer in (self.bottom, self.middle, self.upper):
            layer.mkdir()

    def changed(self) -> list[str]:
        letters = {ChangeKind.MODIFIED: "C", ChangeKind.ADDED: "A", ChangeKind.DELETED: "D"}
        found = changes(self.upper, [self.middle, self.bottom])
        return [f"{letters[change.kind]} {change.path}" for change in found]


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path)


def write(path: Path, text: str = "x", mtime: int = 1000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (mtime, mtime))


def delete(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, stat.S_IFCHR, 0)


def test_nothing_changed(layers: Layers) -> None:
    """Is an empty upper layer no change?"""
    write(layers.bottom / "etc/conf")
    assert layers.changed() == []


def test_added_changed_deleted(layers: Layers) -> None:
    """Are the three kinds told apart, and parents counted as changed?"""
    write(layers.bottom / "etc/conf")
    write(layers.middle / "etc/old")
    write(layers.upper / "etc/conf", "longer")
    write(layers.upper / "etc/new")
    delete(layers.upper / "etc/old")
    assert layers.changed() == ["C /etc", "C /etc/conf", "A /etc/new", "D /etc/old"]


def test_an_added_directory_is_listed_with_its_content(layers: Layers) -> None:
    """Is everything in a new directory listed, and sorted below it?"""
    write(layers.upper / "srv/a/f")
    write(layers.upper / "srv-x")
    assert layers.changed() == ["A /srv", "A /srv/a", "A /srv/a/f", "A /srv-x"]


def test_a_deleted_directory_is_one_line(layers: Layers) -> None:
    """Is a deleted directory listed without its content?"""
    write(layers.bottom / "srv/a/f")
    delete(layers.upper / "srv")
    assert layers.changed() == ["D /srv"]


def test_a_whiteout_of_nothing_is_no_change(layers: Layers) -> None:
    """Is the trace of a file that came and went passed over?"""
    delete(layers.upper / "tmp")
    write(layers.bottom / "x/y")
    delete(layers.middle / "x/y")
    (layers.upper / "x").mkdir()
    delete(layers.upper / "x/y")
    shutil.copystat(layers.middle / "x", layers.upper / "x")
    assert layers.changed() == []


def test_copied_up_without_a_change(layers: Layers) -> None:
    """Is a file that overlay only copied up no change, whole seconds matching fractions?"""
    write(layers.bottom / "f")
    write(layers.upper / "f")
    os.utime(layers.upper / "f", ns=(0, 1000 * 10**9 + 5))
    assert layers.changed() == []
    os.utime(layers.bottom / "f", ns=(0, 1000 * 10**9 + 6))
    assert layers.changed() == ["C /f"]


@pytest.mark.parametrize("what", ["mode", "owner", "group", "time", "size", "capability", "kind"])
def test_every_attribute_counts(layers: Layers, what: str) -> None:
    """Is a change of any one attribute of a file a change?"""
    write(layers.bottom / "f")
    write(layers.upper / "f", "xx" if what == "size" else "x", 2000 if what == "time" else 1000)
    upper = layers.upper / "f"
    if what == "mode":
        upper.chmod(0o600)
    elif what in ("owner", "group"):
        os.chown(upper, *((5, -1) if what == "owner" else (-1, 5)))
    elif what == "capability":
        os.setxattr(upper, "security.capability", bytes.fromhex("01000002") + bytes(16))
    elif what == "kind":
        upper.unlink()
        os.symlink("x", upper)
    assert layers.changed() == ["C /f"]


def test_a_directory_is_changed_by_its_attributes_not_its_time(layers: Layers) -> None:
    """Does a directory's time not count, but its mode do?"""
    (layers.bottom / "d").mkdir()
    (layers.upper / "d").mkdir()
    os.utime(layers.upper / "d", (5, 5))
    assert layers.changed() == []
    (layers.upper / "d").chmod(0o700)
    assert layers.changed() == ["C /d"]


def test_an_opaque_directory_deletes_what_was_below(layers: Layers) -> None:
    """Is what a replaced directory had listed as deleted, at every depth?"""
    write(layers.bottom / "d/a")
    write(layers.bottom / "d/sub/x")
    write(layers.middle / "d/sub/y")
    write(layers.upper / "d/sub/y")
    write(layers.upper / "d/new")
    os.setxattr(layers.upper / "d", OPAQUE, b"y")
    assert layers.changed() == ["C /d", "D /d/a", "A /d/new", "C /d/sub", "D /d/sub/x"]


def test_a_file_becomes_a_directory_and_back(layers: Layers) -> None:
    """Is a change of kind one change, with what is new below it?"""
    write(layers.bottom / "f")
    write(layers.bottom / "d/inside")
    write(layers.upper / "f/new")
    write(layers.upper / "d")
    assert layers.changed() == ["C /d", "C /f", "A /f/new"]


def test_lower_layers_hide_each_other(layers: Layers) -> None:
    """Is a file that a lower layer had deleted, and the container made again, an added one?"""
    write(layers.bottom / "f")
    delete(layers.middle / "f")
    write(layers.upper / "f")
    write(layers.bottom / "d/a")
    (layers.middle / "d").mkdir()
    os.setxattr(layers.middle / "d", OPAQUE, b"y")
    write(layers.upper / "d/a")
    assert layers.changed() == ["C /d", "A /d/a", "A /f"]


def test_deep_trees_need_no_recursion(layers: Layers) -> None:
    """Is a tree deeper than Python's recursion limit compared?"""
    with deep_tree(layers.upper, 1200):
        assert len(layers.changed()) == 1200
