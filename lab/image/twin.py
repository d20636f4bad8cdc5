"""A copy of a tree that is made while the tree is packed, so that everything is read just once.

The copy and the archive are then the same, whatever somebody changes in the tree meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import SyscallError
from lab.image import attributes
from lab.image.tar import Kind, Member
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.nearby import Nearby

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_SECOND = 1_000_000_000
_NODES = {Kind.FIFO: stat.S_IFIFO, Kind.CHARACTER: stat.S_IFCHR, Kind.BLOCK: stat.S_IFBLK}


class Twin:
    """Makes members, named by their paths, below the open directory `root`, which was empty.

    What it makes is what unpacking the archive would make, in overlay's form.  Raises SyscallError
    where the disk is full.
    """

    def __init__(self, root: int, ids: IdMap) -> None:
        self._root = root
        self._ids = ids
        self._near = Nearby(root)
        self._times: dict[bytes, int] = {}

    def directory(self, member: Member, path: bytes, is_opaque: bool) -> None:
        """Make a directory; its content follows."""
        with _explained(path):
            parent, name = self._near.split(path)
            os.mkdir(name, 0o700, dir_fd=parent)
            fd = self._near.open(path, _DIRECTORY)
            try:
                self._describe(fd, member)
                if is_opaque:
                    os.setxattr(fd, trees.OPAQUE, b"y")
            finally:
                os.close(fd)
            self._times[path] = _time(member)

    def file(self, member: Member, path: bytes, content: Iterator[bytes]) -> Iterator[bytes]:
        """Make a file; yield its content, piece by piece as it is written."""
        with _explained(path):
            fd = self._near.open(path, _NEW, 0o600)
            try:
                for piece in content:
                    view = memoryview(piece)
                    while view:
                        view = view[os.write(fd, view) :]
                    yield piece
                self._describe(fd, member)
                os.utime(fd, ns=(_time(member), _time(member)))
            finally:
                os.close(fd)

    def hard_link(self, first: bytes, path: bytes) -> None:
        """Give the file that was made at `first` another name."""
        with _explained(path):
            root = self._root
            os.link(first, path, src_dir_fd=root, dst_dir_fd=root, follow_symlinks=False)

    def special(self, member: Member, path: bytes) -> None:
        """Make a symbolic link, a fifo, or a device where that is allowed."""
        parent, name = self._near.split(path)
        with _explained(path):
            if member.kind is Kind.SYMLINK:
                os.symlink(member.link, name, dir_fd=parent)
            else:
                try:
                    mode = _NODES[member.kind] | 0o600
                    os.mknod(name, mode, os.makedev(*member.device), dir_fd=parent)
                except PermissionError:
                    return
            uid, gid = self._ids.to_sandbox(member.uid), self._ids.to_sandbox(member.gid)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
            if member.kind is not Kind.SYMLINK:
                os.chmod(name, member.mode, dir_fd=parent)
            times = (_time(member), _time(member))
            os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def whiteout(self, path: bytes) -> None:
        """Say that what lower layers have at `path` is deleted."""
        with _explained(path):
            parent, name = self._near.split(path)
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)

    def finish(self, root: os.stat_result) -> None:
        """Set the times of the directories, which writing into them has changed, and the root's
        owner and mode."""
        with self._near, _explained(b"/"):
            for path, time in self._times.items():
                parent, name = self._near.split(path)
                os.utime(name, ns=(time, time), dir_fd=parent, follow_symlinks=False)
            os.fchown(self._root, root.st_uid, root.st_gid)
            os.fchmod(self._root, stat.S_IMODE(root.st_mode))

    def close(self) -> None:
        """Let go of what is open; later calls do nothing."""
        with self._near:
            pass

    def _describe(self, fd: int, member: Member) -> None:
        """Set owner, mode and attributes, in this order: chown(2) clears what follows it."""
        os.fchown(fd, self._ids.to_sandbox(member.uid), self._ids.to_sandbox(member.gid))
        os.fchmod(fd, member.mode)
        if member.xattrs:
            attributes.write(fd, member.xattrs, self._ids)


def _time(member: Member) -> int:
    """Return the member's time as archives have it: whole seconds, in nanoseconds."""
    return member.mtime_ns // _SECOND * _SECOND


@contextmanager
def _explained(path: bytes) -> Iterator[None]:
    try:
        yield
    except SyscallError:
        raise
    except OSError as error:
        explained = SyscallError(error.errno or errno.EIO, f"copy {os.fsdecode(path)!r}")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            explained.hint = "remove images and containers that are no longer needed"
        raise explained from None
