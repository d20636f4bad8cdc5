"""Opening many paths of one tree, most of them in the directory of the one before."""

from __future__ import annotations

import os
from types import TracebackType

from lab.kernel.openat2 import open_beneath

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


class Nearby:
    """A tree that is open as `root`, and the directory in it that was used last; a context manager.

    As safe as `open_beneath`: no symbolic link is followed.  A directory that is moved while it
    is the last one is still the one that was found; the rest of its content is read there.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._path = b""
        self._fd = -1

    def __enter__(self) -> Nearby:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget()

    def open(self, path: bytes, flags: int, mode: int = 0) -> int:
        """Open, or make, what lies at `path`; OSError as open(2), ELOOP for a symbolic link."""
        parent, name = self.split(path)
        return os.open(name or b".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent)

    def split(self, path: bytes) -> tuple[int, bytes]:
        """Return the directory of `path`, open until the next call here, and the name in it."""
        parent, _, name = path.rpartition(b"/")
        if not parent:
            return self._root, name
        if self._fd < 0 or parent != self._path:
            self._forget()
            self._fd = open_beneath(self._root, parent, _DIRECTORY)
            self._path = parent
        return self._fd, name

    def _forget(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
