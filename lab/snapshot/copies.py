"""Copying trees, laying changes over a tree, and finding the changes between two trees.

"Changes" are a directory in overlay's form: devices 0:0 for what is deleted, and
`user.overlay.opaque` on directories that hide what was there.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.errors import SyscallError
from lab.kernel import trees
from lab.kernel.openat2 import open_beneath
from lab.kernel.trees import Node

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_FILE = os.O_RDONLY | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 24
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_MARKS = "user.overlay."


def copy_tree(source: Path, target: Path) -> None:
    """Copy all that is in `source` into the existing directory `target`."""
    with trees.opened(source) as old, trees.opened(target) as new:
        with _Copier(old, new) as copier:
            for node in trees.walk(old):
                copier.copy(node)
        _describe(old, b"", new, os.fstat(old))


def describe_as(source: Path, target: Path) -> None:
    """Give the directory `target` the owner, the mode and all else of `source`, without content."""
    with trees.opened(source) as old, trees.opened(target) as new:
        _describe(old, b"", new, os.fstat(old))


def lay_over(changes: Path, target: Path) -> None:
    """Make `target`, a whole tree, what overlay would show with `changes` upon it."""
    with trees.opened(changes) as upper, trees.opened(target) as new:
        with _Copier(upper, new) as copier:
            for node in trees.walk(upper):
                _make_room(upper, new, node)
                if not trees.is_whiteout(node.stat):
                    copier.copy(node)
        _describe(upper, b"", new, os.fstat(upper))


def find_changes(now: Path, before: Path | None, changes: Path) -> None:
    """Write into the empty directory `changes` what makes `before` into `now`."""
    if before is None:
        copy_tree(now, changes)
        return
    with (
        trees.opened(now) as new,
        trees.opened(before) as old,
        trees.opened(changes) as upper,
    ):
        with _Copier(new, upper) as copier:
            for path, node in _compared(new, old):
                copier.copy_parents(path)
                if node is None:
                    os.mknod(path, stat.S_IFCHR, 0, dir_fd=upper)
                else:
                    copier.copy(node)
        _describe(new, b"", upper, os.fstat(new))


def _compared(new: int, old: int) -> Iterator[tuple[bytes, Node | None]]:
    """Yield what differs: a path with its new node, or with None where it is deleted."""
    pending = [b""]
    while pending:
        path = pending.pop()
        before = {node.path: node for node in trees.scan(old, path)}
        for node in trees.scan(new, path):
            was = before.pop(node.path, None)
            if was is None or _differs(was, node):
                yield node.path, node
            if node.is_directory:
                pending.append(node.path)
        yield from ((gone, None) for gone in before)


def _differs(old: Node, new: Node) -> bool:
    a, b = old.stat, new.stat
    if (a.st_mode, a.st_uid, a.st_gid, a.st_rdev) != (b.st_mode, b.st_uid, b.st_gid, b.st_rdev):
        return True
    return not new.is_directory and (a.st_size, a.st_mtime_ns) != (b.st_size, b.st_mtime_ns)


def _make_room(changes: int, target: int, node: Node) -> None:
    """Remove from `target` what the changed node replaces or hides."""
    try:
        present = os.lstat(node.path, dir_fd=target)
    except FileNotFoundError:
        return
    if not (node.is_directory and stat.S_ISDIR(present.st_mode)):
        trees.remove(target, node.path)
    elif trees.is_opaque(changes, node.path):
        for child in trees.scan(target, node.path):
            trees.remove(target, child.path)


class _Copier:
    """Copies nodes from one open tree to the same paths of another; a context manager.

    Names of one file stay names of one file.  Directories get their times at the end.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._first_names: dict[tuple[int, int], bytes] = {}
        self._times: dict[bytes, int] = {}

    def __enter__(self) -> _Copier:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for path, mtime_ns in self._times.items():
                os.utime(path, ns=(mtime_ns, mtime_ns), dir_fd=self._target, follow_symlinks=False)

    def copy(self, node: Node) -> None:
        """Copy one node; a directory without its content, and what is gone by now not at all."""
        inode = (node.stat.st_dev, node.stat.st_ino)
        first = self._first_names.get(inode)
        if node.is_directory:
            self._directory(node)
        elif first is not None:
            os.link(
                first,
                node.path,
                src_dir_fd=self._target,
                dst_dir_fd=self._target,
                follow_symlinks=False,
            )
        elif self._leaf(node) and node.stat.st_nlink > 1:
            self._first_names[inode] = node.path

    def copy_parents(self, path: bytes) -> None:
        """Copy the directories above `path` that are not there yet, from the top down."""
        parent = path.rpartition(b"/")[0]
        if parent and parent not in self._times:
            self.copy_parents(parent)
            self._directory(
                Node(parent, os.stat(parent, dir_fd=self._source, follow_symlinks=False))
            )

    def _directory(self, node: Node) -> None:
        try:
            os.mkdir(node.path, 0o700, dir_fd=self._target)
        except FileExistsError:
            pass
        _describe(self._source, node.path, self._target, node.stat)
        self._times[node.path] = node.stat.st_mtime_ns

    def _leaf(self, node: Node) -> bool:
        """Copy what is no directory; return whether it was still there."""
        kind = stat.S_IFMT(node.stat.st_mode)
        if kind == stat.S_IFREG:
            return self._file(node)
        if kind == stat.S_IFSOCK:
            return False
        if kind == stat.S_IFLNK:
            link = _read_link(self._source, node.path)
            if link is None:
                return False
            os.symlink(link, node.path, dir_fd=self._target)
        else:
            os.mknod(node.path, node.stat.st_mode, node.stat.st_rdev, dir_fd=self._target)
        self._describe_leaf(node, kind)
        return True

    def _file(self, node: Node) -> bool:
        source = _open(self._source, node.path, _FILE)
        if source is None:
            return False
        try:
            target = os.open(node.path, _NEW, 0o600, dir_fd=self._target)
            try:
                while os.sendfile(target, source, None, _PIECE):
                    pass
                _describe_open(source, target, node.stat)
                os.utime(target, ns=(node.stat.st_mtime_ns, node.stat.st_mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)
        return True

    def _describe_leaf(self, node: Node, kind: int) -> None:
        path, status = node.path, node.stat
        os.chown(path, status.st_uid, status.st_gid, dir_fd=self._target, follow_symlinks=False)
        if kind != stat.S_IFLNK:
            os.chmod(path, stat.S_IMODE(status.st_mode), dir_fd=self._target)
        times = (status.st_mtime_ns, status.st_mtime_ns)
        os.utime(path, ns=times, dir_fd=self._target, follow_symlinks=False)


def _describe(source: int, path: bytes, target: int, status: os.stat_result) -> None:
    """Give a directory the owner, mode and attributes that it has in `source`."""
    old = _open(source, path, _DIRECTORY)
    if old is None:
        return
    new = open_beneath(target, path, _DIRECTORY)
    try:
        _describe_open(old, new, status)
    finally:
        os.close(new)
        os.close(old)


def _describe_open(source: int, target: int, status: os.stat_result) -> None:
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    try:
        names = os.listxattr(source)
    except OSError:
        return  # a file system without attributes
    for name in names:
        if not name.startswith(_MARKS):
            try:
                os.setxattr(target, name, os.getxattr(source, name))
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EPERM):
                    raise


def _open(root: int, path: bytes, flags: int) -> int | None:
    try:
        return open_beneath(root, path, flags | os.O_NOFOLLOW)
    except SyscallError as error:
        if error.errno in _GONE:
            return None
        raise


def _read_link(root: int, path: bytes) -> bytes | None:
    parent, _, name = path.rpartition(b"/")
    fd = _open(root, parent, _DIRECTORY)
    if fd is None:
        return None
    try:
        return os.readlink(name, dir_fd=fd)
    except FileNotFoundError:
        return None
    finally:
        os.close(fd)
