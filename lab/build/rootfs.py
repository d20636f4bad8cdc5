"""Writing into a layer's file system: the directory that stands for a container's `/`.

Links that lie there are followed as if the directory were the whole world, so that nothing
outside is ever read or written, whatever the image holds.  Paths are absolute, as the container
sees them.  Owners are ids of the container.

All methods raise OSError for what the file system refuses.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lab.image import attributes
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import Resolve, open_beneath, openat2

Owner = tuple[int, int]

ROOT: Owner = (0, 0)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS = 255
_MODE = 0o755


def write_all(fd: int, piece: memoryview) -> None:
    """Write all bytes of `piece`.  Raises OSError."""
    while piece:
        piece = piece[os.write(fd, piece) :]


class RootFs:
    """An open root; a context manager."""

    def __init__(self, root: Path, ids: IdMap) -> None:
        self._ids = ids
        self._fd = os.open(root, _DIRECTORY)

    def __enter__(self) -> RootFs:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def resolve(self, path: str) -> str:
        """Return the path without links; its end need not exist."""
        ahead = path.split("/")[::-1]
        walked: list[str] = []
        links = 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                del walked[-1:]
            elif part not in ("", "."):
                walked.append(part)
                target = self.link("/".join(walked))
                if target is None:
                    continue
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                del walked[0 if target.startswith("/") else -1 :]
                ahead += target.split("/")[::-1]
        return "/" + "/".join(walked)

    def status(self, path: str) -> os.stat_result | None:
        """Return what lstat says of a path without links; None if nothing is there."""
        try:
            with self._parent(path) as (parent, name):
                return os.lstat(name, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def is_directory(self, path: str) -> bool:
        """Whether a directory is at this path without links."""
        status = self.status(path)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def make_directories(self, path: str, owner: Owner = ROOT) -> None:
        """Make the directory, and what is missing above it, with mode 755, for `owner`."""
        made = ""
        for part in path.strip("/").split("/") if path.strip("/") else ():
            made = f"{made}/{part}"
            status = self.status(made)
            if status is None:
                self.make_directory(made, _MODE)
                self.own(made, owner)
            elif not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), made)

    def make_directory(self, path: str, mode: int) -> None:
        """Make one directory, or give the one that is there this mode."""
        with self._parent(path) as (parent, name):
            try:
                os.mkdir(name, dir_fd=parent)
            except FileExistsError:
                pass
            directory = open_beneath(parent, os.fsencode(name), _DIRECTORY)
            try:
                os.fchmod(directory, mode)
            finally:
                os.close(directory)

    def clear(self, path: str) -> None:
        """Delete what is there, a directory with all below it; nothing is no error."""
        with self._parent(path) as (parent, name):
            trees.remove(parent, os.fsencode(name))

    def write(self, path: str, content: BinaryIO, mode: int) -> None:
        """Make a new file with this content."""
        with self._parent(path) as (parent, name):
            file = os.open(name, _NEW, 0o600, dir_fd=parent)
            try:
                if isinstance(content, io.BytesIO):
                    write_all(file, content.getbuffer())
                else:
                    while os.sendfile(file, content.fileno(), None, 1 << 24):
                        pass
                os.fchmod(file, mode)
            finally:
                os.close(file)

    def make_link(self, path: str, target: str) -> None:
        """Make a new symbolic link."""
        with self._parent(path) as (parent, name):
            os.symlink(target, name, dir_fd=parent)

    def make_hard_link(self, path: str, first: str) -> None:
        """Make a second name for the file `first`."""
        with self._parent(first) as (old, old_name), self._parent(path) as (new, name):
            os.link(old_name, name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)

    def make_fifo(self, path: str, mode: int) -> None:
        """Make a new named pipe."""
        with self._parent(path) as (parent, name):
            os.mkfifo(name, dir_fd=parent)
            os.chmod(name, mode, dir_fd=parent)

    def own(self, path: str, owner: Owner) -> None:
        """Give the entry to `owner`; Linux takes set-id bits off a file by that."""
        with self._parent(path) as (parent, name):
            uid, gid = map(self._ids.to_sandbox, owner)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)

    def date(self, path: str, mtime_ns: int) -> None:
        """Set the times of access and change of content, nanoseconds since the epoch."""
        with self._parent(path) as (parent, name):
            os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=parent, follow_symlinks=False)

    def holds(self, container_id: int) -> bool:
        """Whether a container can have this user or group id."""
        return 0 <= container_id < self._ids.size

    def set_mode(self, path: str, mode: int) -> None:
        """Give a file or directory, which is no link, this mode."""
        with self._parent(path) as (parent, name):
            file = open_beneath(parent, os.fsencode(name), os.O_RDONLY | os.O_NONBLOCK)
            try:
                os.fchmod(file, mode)
            finally:
                os.close(file)

    def set_attributes(self, path: str, wanted: Mapping[bytes, bytes]) -> None:
        """Give a file those of these extended attributes that layers carry."""
        with self._parent(path) as (parent, name):
            file = open_beneath(parent, os.fsencode(name), os.O_RDONLY | os.O_NONBLOCK)
            try:
                attributes.write(file, wanted, self._ids)
            finally:
                os.close(file)

    def owner(self, status: os.stat_result) -> Owner:
        """Return the ids that a container sees."""
        return self._ids.to_container(status.st_uid), self._ids.to_container(status.st_gid)

    def names(self, path: str) -> list[str]:
        """Return what is in the directory at this path without links."""
        fd = open_beneath(self._fd, os.fsencode(path.strip("/")), _DIRECTORY)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def open(self, path: str) -> BinaryIO:
        """Open the file at this path without links for reading."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        return open(open_beneath(self._fd, os.fsencode(path.strip("/")), flags), "rb")

    def lines(self, path: str) -> Iterator[str]:
        """Yield the lines of a text file, links in its path followed."""
        fd = openat2(self._fd, os.fsencode(path), os.O_RDONLY | os.O_NONBLOCK, 0, _IN_ROOT)
        with open(fd, encoding="utf-8", errors="replace") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            for line in file:
                yield line.rstrip("\n")

    def link(self, path: str) -> str | None:
        """Return where a link leads; None for anything else, also for nothing."""
        status = self.status(path)
        if status is None or not stat.S_ISLNK(status.st_mode):
            return None
        with self._parent(path) as (parent, name):
            return os.readlink(name, dir_fd=parent)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Open the directory that holds `path`, which has no links in it."""
        directory, name = posixpath.split(path.strip("/"))
        fd = open_beneath(self._fd, os.fsencode(directory), _DIRECTORY)
        try:
            yield fd, name or "."
        finally:
            os.close(fd)
