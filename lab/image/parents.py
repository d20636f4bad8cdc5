"""The directories that an archive's members go into: resolved in the root, made where missing."""

from __future__ import annotations

import errno
import os
import stat

from lab.errors import SyscallError
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import Resolve, open_beneath, openat2

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
Parts = tuple[bytes, ...]

_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
_MAX_OPEN = 64
_MAX_LINKS = 40
_MODE = 0o755


class Parents:
    """Opens directories by their path in the archive, and keeps the latest ones open.

    Links on the way, absolute ones too, are followed as if `root` were `/`.
    """

    def __init__(self, root: int, ids: IdMap) -> None:
        self._root = root
        self._owner = ids.to_sandbox(0)
        self._open: dict[Parts, int] = {}
        self._stale = False

    def get(self, parts: Parts) -> int:
        """Return a descriptor of the directory, valid until the next call; make it if missing.

        What is made so belongs to the container's root and has mode 755, as in Docker.
        Raises OSError: ENOTDIR where a file is in the way.
        """
        if not parts:
            return self._root
        if self._stale or len(self._open) >= _MAX_OPEN:
            self.close()
        fd = self._open.get(parts)
        if fd is None:
            fd = self._open[parts] = self._found_or_made(parts)
        return fd

    def find(self, parts: Parts, flags: int = DIRECTORY) -> int:
        """Return a new descriptor of what exists at `parts`; OSError if nothing does."""
        return openat2(self._root, b"/".join(parts) or b".", flags, 0, _IN_ROOT)

    def forget(self) -> None:
        """Resolve all paths anew: a directory or link was removed."""
        self._stale = True

    def close(self) -> None:
        """Close what is open."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()
        self._stale = False

    def _found_or_made(self, parts: Parts) -> int:
        try:
            return self.find(parts)
        except SyscallError as error:
            # ENOTDIR: perhaps a whiteout, which gives way
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
        return self._made(parts)

    def _made(self, parts: Parts) -> int:
        """Walk down component by component, also through links to what does not exist yet."""
        walked: list[bytes] = []
        ahead = list(reversed(parts))
        links = 0
        while ahead:
            part = ahead.pop()
            if part == b"..":
                del walked[-1:]
            elif part not in (b"", b"."):
                target = self._step(walked, part)
                if target is None:
                    walked.append(part)
                    continue
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                if target.startswith(b"/"):
                    walked.clear()
                ahead.extend(reversed(target.split(b"/")))
        return open_beneath(self._root, b"/".join(walked), DIRECTORY)

    def _step(self, walked: list[bytes], part: bytes) -> bytes | None:
        """Make sure that `part` is a directory in `walked`; if it is a link, return its target."""
        here = open_beneath(self._root, b"/".join(walked), DIRECTORY)
        try:
            try:
                present = os.lstat(part, dir_fd=here)
            except FileNotFoundError:
                self._make(here, part)
                return None
            if stat.S_ISLNK(present.st_mode):
                return os.readlink(part, dir_fd=here)
            if trees.is_whiteout(present):
                os.unlink(part, dir_fd=here)
                self._make(here, part)
                set_opaque(here, part)
            elif not stat.S_ISDIR(present.st_mode):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return None
        finally:
            os.close(here)

    def _make(self, here: int, part: bytes) -> None:
        os.mkdir(part, _MODE, dir_fd=here)
        os.chown(part, self._owner, self._owner, dir_fd=here)
        os.chmod(part, _MODE, dir_fd=here)


def set_opaque(parent: int, name: bytes) -> None:
    """Make the directory `name` hide what lower layers have in it."""
    fd = open_beneath(parent, name, DIRECTORY)
    try:
        os.setxattr(fd, trees.OPAQUE, b"y")
    finally:
        os.close(fd)
