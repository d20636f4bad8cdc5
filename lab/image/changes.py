"""What a writable layer changes, as `docker diff` tells it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from lab.image.attributes import CAPABILITY
from lab.image.stack import Shown, Stack
from lab.image.tar import display
from lab.kernel import trees
from lab.kernel.openat2 import open_beneath
from lab.kernel.trees import Node

_SECOND = 1_000_000_000


class ChangeKind(IntEnum):
    """The numbers of Docker's API; `docker diff` prints C, A and D."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@dataclass(frozen=True, slots=True)
class Change:
    """An absolute path in the container, and what happened to it."""

    path: str
    kind: ChangeKind


def changes(upper: Path, lower: Sequence[Path]) -> list[Change]:
    """Return what `upper` changes of the layers `lower` (topmost first), sorted by path.

    As in Docker: an added directory is listed with all its content, a deleted one without; a
    directory counts as modified when anything in it changed; what was only copied up, with the
    same owner, mode, size and time, is no change.
    """
    with ExitStack() as opened:
        root = opened.enter_context(trees.opened(upper))
        stack = Stack([opened.enter_context(trees.opened(path)) for path in lower])
        found = dict(_Comparison(root, stack).run())
    for path in list(found):
        while (path := path.rpartition(b"/")[0]) and path not in found:
            found[path] = ChangeKind.MODIFIED
    return [
        Change("/" + display(path), found[path])
        for path in sorted(found, key=lambda path: path.split(b"/"))
    ]


class _Comparison:
    """One walk through the upper layer beside what the lower ones show."""

    def __init__(self, upper: int, stack: Stack) -> None:
        self._upper = upper
        self._stack = stack

    def run(self) -> Iterator[tuple[bytes, ChangeKind]]:
        pending = [(b"", self._stack.all, False)]
        while pending:
            path, layers, is_hidden = pending.pop()
            # below an opaque directory nothing of the lower layers shows through
            is_hidden = is_hidden or (bool(path) and trees.is_opaque(self._upper, path))
            before = self._stack.children(path, layers)
            for node in trees.scan(self._upper, path):
                old = before.pop(node.path, None)
                kind = self._kind(old, node)
                if kind is not None:
                    yield node.path, kind
                if node.is_directory:
                    below = old.layers if old and old.node.is_directory else ()
                    pending.append((node.path, below, is_hidden))
            if is_hidden:
                yield from ((gone, ChangeKind.DELETED) for gone in before)

    def _kind(self, old: Shown | None, new: Node) -> ChangeKind | None:
        if trees.is_whiteout(new.stat):
            return ChangeKind.DELETED if old else None
        if old is None:
            return ChangeKind.ADDED
        if _differs(old.node, new) or self._capability_differs(old, new):
            return ChangeKind.MODIFIED
        return None

    def _capability_differs(self, old: Shown, new: Node) -> bool:
        if not stat.S_ISREG(new.stat.st_mode):
            return False
        before = _capability(self._stack.root(old.layer), old.node.path)
        return before != _capability(self._upper, new.path)


def _differs(old: Node, new: Node) -> bool:
    """Compare what a change of content or attributes leaves behind; not inode and change time."""
    a, b = old.stat, new.stat
    if (a.st_mode, a.st_uid, a.st_gid, a.st_rdev) != (b.st_mode, b.st_uid, b.st_gid, b.st_rdev):
        return True
    if old.is_directory:
        return False
    return a.st_size != b.st_size or not _is_same_time(a.st_mtime_ns, b.st_mtime_ns)


def _is_same_time(a: int, b: int) -> bool:
    """Compare times in nanoseconds; layers know whole seconds only, so these match any fraction."""
    if a == b:
        return True
    return a // _SECOND == b // _SECOND and (a % _SECOND == 0 or b % _SECOND == 0)


def _capability(root: int, path: bytes) -> bytes:
    """Return a file's capability, empty if it has none or is gone."""
    try:
        fd = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.getxattr(fd, CAPABILITY)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return b""
        raise
    finally:
        os.close(fd)
