"""Copying trees, laying changes over them, and finding changes: inverse to each other."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.kernel.trees import OPAQUE
from lab.snapshot.copies import copy_tree, find_changes, lay_over

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners and devices need root")

Description = dict[str, tuple[object, ...]]


def describe(tree: Path) -> Description:
    """All that must be equal in two equal trees: kind, mode, owner, time, content, links."""
    found: Description = {}
    inodes: dict[int, str] = {}
    for path in [tree, *sorted(tree.rglob("*"))]:
        status = path.lstat()
        content = ""
        if stat.S_ISREG(status.st_mode):
            content = path.read_text()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        first = str(path) if stat.S_ISDIR(status.st_mode) else ""
        if not first:
            first = inodes.setdefault(status.st_ino, str(path.relative_to(tree)))
        is_directory = stat.S_ISDIR(status.st_mode)
        found[str(path.relative_to(tree))] = (
            status.st_mode,
            status.st_uid,
            status.st_rdev,
            0 if is_directory else status.st_mtime_ns,
            content,
            "" if is_directory else first,
        )
    return found


def furnish(tree: Path) -> None:
    (tree / "d/e").mkdir(parents=True)
    (tree / "d/e/f").write_text("content")
    os.chown(tree / "d/e/f", 5, 6)
    (tree / "d/e/f").chmod(0o4711)
    os.setxattr(tree / "d/e/f", "user.note", b"x")
    os.utime(tree / "d/e/f", ns=(1, 123456789))
    os.link(tree / "d/e/f", tree / "again")
    os.symlink("/nowhere", tree / "link")
    os.mkfifo(tree / "fifo", 0o640)
    (tree / "d").chmod(0o1777)
    tree.chmod(0o751)
    os.utime(tree / "d", ns=(5, 5))


def test_a_copy_is_equal(tmp_path: Path) -> None:
    """Are kinds, owners, modes, times, attributes and hard links copied?"""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    furnish(one)
    copy_tree(one, two)
    assert describe(two) == describe(one)
    assert os.getxattr(two / "again", "user.note") == b"x"
    assert (two / "d").stat().st_mtime_ns == 5


def test_marks_of_overlay_are_obeyed(tmp_path: Path) -> None:
    """Are deletions and opaque directories applied, not copied?"""
    tree, upper = tmp_path / "tree", tmp_path / "upper"
    tree.mkdir()
    furnish(tree)
    (upper / "d").mkdir(parents=True)
    os.setxattr(upper / "d", OPAQUE, b"y")
    (upper / "d/new").touch()
    os.mknod(upper / "again", stat.S_IFCHR, 0)
    os.mknod(upper / "absent", stat.S_IFCHR, 0)
    (upper / "link").mkdir()
    lay_over(upper, tree)
    assert sorted(str(path.relative_to(tree)) for path in tree.rglob("*")) == [
        "d",
        "d/new",
        "fifo",
        "link",
    ]
    assert not (tree / "link").is_symlink()
    assert "user.overlay.opaque" not in os.listxattr(tree / "d")


names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
kinds = st.sampled_from(["file", "other", "directory", "link", "delete"])


def act(tree: Path, kind: str, path: str) -> None:
    """One change, as a container might make it; what is impossible is left."""
    target = tree / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind == "delete" or target.is_symlink():
            target.unlink()
        elif kind == "directory":
            target.mkdir(mode=0o700)
        elif kind == "link":
            os.symlink("x", target)
        else:
            target.write_text(kind)
    except OSError:
        pass


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(kinds, paths), max_size=8), st.lists(st.tuples(kinds, paths), max_size=8))
def test_changes_make_the_old_tree_the_new_one(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, str]],
    after: list[tuple[str, str]],
) -> None:
    """For any two states: does laying their difference over the first give the second?"""
    base = tmp_path_factory.mktemp("property")
    old, new, upper = base / "old", base / "new", base / "upper"
    for tree in (old, new, upper):
        tree.mkdir()
    for kind, path in before:
        act(old, kind, path)
    copy_tree(old, new)
    for kind, path in after:
        act(new, kind, path)
    find_changes(new, old, upper)
    lay_over(upper, old)
    assert describe(old) == describe(new)


def test_no_difference_is_no_change(tmp_path: Path) -> None:
    """Is the difference of equal trees empty?"""
    old, new, upper = tmp_path / "old", tmp_path / "new", tmp_path / "upper"
    for tree in (old, new, upper):
        tree.mkdir()
    furnish(old)
    copy_tree(old, new)
    find_changes(new, old, upper)
    assert list(upper.iterdir()) == []
