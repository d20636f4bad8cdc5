"""Walking and deleting trees, and opening what lies beneath a directory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from lab.errors import SyscallError
from lab.kernel import trees
from lab.kernel.openat2 import Resolve, open_beneath, openat2


def test_a_walk_is_sorted_and_comes_from_above(tmp_path: Path) -> None:
    """Does each directory come before its content, siblings by name, links not followed?"""
    for path in ("b/x", "a/y/z", "a/c"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "a/f").touch()
    os.symlink("a", tmp_path / "link")
    with trees.opened(tmp_path) as root:
        found = [node.path for node in trees.walk(root)]
        assert [node.path for node in trees.scan(root, b"a")] == [b"a/c", b"a/f", b"a/y"]
    assert found == [b"a", b"a/c", b"a/f", b"a/y", b"a/y/z", b"b", b"b/x", b"link"]


@pytest.mark.parametrize("what", ["missing", "file", "link"])
def test_what_is_no_directory_has_no_content(tmp_path: Path, what: str) -> None:
    """Is a directory that was replaced meanwhile an empty one, never what a link points to?"""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").touch()
    (tmp_path / "file").touch()
    os.symlink("real", tmp_path / "link")
    with trees.opened(tmp_path) as root:
        assert trees.scan(root, what.encode()) == []
        assert not trees.is_opaque(root, what.encode())


def test_removing(tmp_path: Path) -> None:
    """Does remove delete files, links and trees, follow nothing, and bear absence?"""
    outside = tmp_path / "outside"
    (outside / "d").mkdir(parents=True)
    (tmp_path / "t/a/b").mkdir(parents=True)
    (tmp_path / "t/a/f").touch()
    os.symlink(outside, tmp_path / "t/a/link")
    os.symlink(outside, tmp_path / "link")
    with trees.opened(tmp_path) as root:
        for name in (b"t", b"link", b"absent"):
            trees.remove(root, name)
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert os.listdir(outside) == ["d"]


def test_removing_what_no_path_reaches(tmp_path: Path) -> None:
    """Is a tree deleted whose paths are longer than the kernel accepts?"""
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("n" * 200, dir_fd=fd)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    with trees.opened(tmp_path) as root:
        trees.remove(root, b"n" * 200)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="devices need root")
def test_marks_of_overlay(tmp_path: Path) -> None:
    """Are whiteouts and opaque directories recognised, and nothing else taken for them?"""
    os.mknod(tmp_path / "gone", stat.S_IFCHR, 0)
    os.mknod(tmp_path / "zero", stat.S_IFCHR, os.makedev(1, 5))
    (tmp_path / "d").mkdir()
    assert trees.is_whiteout((tmp_path / "gone").stat())
    assert not trees.is_whiteout((tmp_path / "zero").stat())
    assert not trees.is_whiteout(tmp_path.stat())
    with trees.opened(tmp_path) as root:
        assert not trees.is_opaque(root, b"d")
        os.setxattr(tmp_path / "d", trees.OPAQUE, b"y")
        assert trees.is_opaque(root, b"d")
        os.setxattr(tmp_path / "d", trees.OPAQUE, b"x")
        assert not trees.is_opaque(root, b"d")


@pytest.mark.parametrize(
    ("path", "code"),
    [(b"../x", errno.EXDEV), (b"/etc", errno.EXDEV), (b"link", errno.ELOOP), (b"no", errno.ENOENT)],
)
def test_nothing_leads_out_of_beneath(tmp_path: Path, path: bytes, code: int) -> None:
    """Are climbing, absolute paths and links refused, and the call shown in the error?"""
    os.symlink("/etc", tmp_path / "link")
    with trees.opened(tmp_path) as root, pytest.raises(SyscallError, match="openat2") as caught:
        open_beneath(root, path, os.O_RDONLY)
    assert caught.value.errno == code


def test_in_root_the_directory_is_the_root(tmp_path: Path) -> None:
    """Do absolute paths, absolute links and `..` stay in the directory?"""
    (tmp_path / "etc").mkdir()
    os.symlink("/etc", tmp_path / "link")
    expected = (tmp_path / "etc").stat().st_ino
    with trees.opened(tmp_path) as root:
        for path in (b"/etc", b"link", b"../../etc"):
            fd = openat2(root, path, os.O_RDONLY, 0, Resolve.IN_ROOT)
            assert os.fstat(fd).st_ino == expected
            assert not os.get_inheritable(fd)
            os.close(fd)
