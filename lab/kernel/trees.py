"""Walking and deleting directory trees that a container may be changing at the same time.

Paths are relative to an open directory and are opened without following any symbolic link, so
that nothing outside the tree is ever read or deleted.  Depth costs neither recursion nor
descriptors.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.errors import SyscallError
from lab.kernel.openat2 import open_beneath

OPAQUE = "user.overlay.opaque"
"""The attribute that hides what lower layers have in a directory (overlay with `userxattr`)."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_DEEP = 2048
"""Bytes of a path from which a directory is first moved up, well below PATH_MAX."""


class Node(NamedTuple):
    """One entry of a tree; `path` is relative to the tree's root, without a leading slash."""

    path: bytes
    stat: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.stat.st_mode)


@contextmanager
def opened(root: Path) -> Iterator[int]:
    """Open the directory `root` for the functions here; OSError if it is none."""
    fd = os.open(root, _DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def scan(root: int, path: bytes = b"") -> list[Node]:
    """Return what the directory `path` holds, sorted by name.

    What vanishes while it is read is left out; so is everything if the directory itself is gone
    or has been replaced.
    """
    try:
        fd = open_beneath(root, path, _DIRECTORY)
    except SyscallError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return []
        raise
    prefix = path + b"/" if path else b""
    nodes = []
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                nodes.append(Node(prefix + os.fsencode(entry.name), status))
    finally:
        os.close(fd)
    nodes.sort()
    return nodes


def walk(root: int) -> Iterator[Node]:
    """Yield everything below `root`, each directory before its content, siblings by name."""
    pending = [iter(scan(root))]
    while pending:
        node = next(pending[-1], None)
        if node is None:
            pending.pop()
            continue
        yield node
        if node.is_directory:
            pending.append(iter(scan(root, node.path)))


def remove(parent: int, name: bytes) -> None:
    """Delete the entry `name` of the open directory `parent`, with all below it.

    Nothing there is no error.  Raises OSError (EBUSY: something is mounted there).
    """
    try:
        os.unlink(name, dir_fd=parent)
        return
    except FileNotFoundError:
        return
    except IsADirectoryError:
        pass
    pending = [name]
    while pending:
        path = pending[-1]
        below = _unlink_files(parent, path)
        if below:
            pending.extend(_brought_up(parent, path) for path in below)
        else:
            os.rmdir(path, dir_fd=parent)
            pending.pop()


def _unlink_files(parent: int, directory: bytes) -> list[bytes]:
    """Delete what is no directory; return the paths of the directories that are left."""
    below = []
    for node in scan(parent, directory):
        if node.is_directory:
            below.append(node.path)
        else:
            os.unlink(node.path, dir_fd=parent)
    return below


def _brought_up(parent: int, path: bytes) -> bytes:
    """Rename a directory whose path would soon be longer than the kernel accepts."""
    if len(path) < _DEEP:
        return path
    short = b".removed-" + secrets.token_hex(8).encode()
    os.rename(path, short, src_dir_fd=parent, dst_dir_fd=parent)
    return short


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this entry of an overlay's upper directory says "deleted": a device 0:0.

    Source: kernel docs, overlayfs, Whiteouts and opaque directories.
    """
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(root: int, path: bytes) -> bool:
    """Whether the directory `path` hides what lower layers have in it."""
    try:
        fd = open_beneath(root, path, _DIRECTORY)
    except SyscallError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        raise
    try:
        return hides(fd)
    finally:
        os.close(fd)


def hides(directory: int) -> bool:
    """Whether an open directory hides what lower layers have in it."""
    try:
        return os.getxattr(directory, OPAQUE) == b"y"
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return False
        raise
