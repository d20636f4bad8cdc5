"""The layer between an image and its containers: the places where the engine mounts things.

A container finds its own /etc/hosts and /dev; the empty files and directories that they are
mounted on belong neither to the image nor to what the container has changed, so they lie in a
layer of their own, which `docker diff` and `docker commit` do not look at.  Source: Docker's
overlay2 driver, which does the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lab.image.stack import Shown, Stack
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import open_beneath

_DIRECTORY = "directory"
_FILE = "file"
_PLACES = {
    b".dockerenv": _FILE,
    b"dev/console": _FILE,
    b"dev/pts": _DIRECTORY,
    b"dev/shm": _DIRECTORY,
    b"etc/hostname": _FILE,
    b"etc/hosts": _FILE,
    b"etc/mtab": "/proc/mounts",
    b"etc/resolv.conf": _FILE,
    b"proc": _DIRECTORY,
    b"sys": _DIRECTORY,
}
"""What is made where: a directory, an empty file, or a link to the given target."""

_MODE = 0o755


def furnish(upper: Path, lowers: Sequence[Path], ids: IdMap) -> None:
    """Make the places in `upper`, an empty overlay layer upon `lowers` (topmost first).

    Directories of the image stay as they are; files and links that are in the way are hidden.
    """
    with ExitStack() as opened:
        root = opened.enter_context(trees.opened(upper))
        stack = Stack([opened.enter_context(trees.opened(path)) for path in lowers])
        furnisher = _Furnisher(root, stack, ids.to_sandbox(0))
        for path, what in _PLACES.items():
            furnisher.add(path, what)


class _Furnisher:
    """Makes places in an upper layer, so that they show together with the layers below."""

    def __init__(self, root: int, stack: Stack, owner: int) -> None:
        self._root = root
        self._stack = stack
        self._owner = owner

    def add(self, path: bytes, what: str) -> None:
        """Make one place, unless the layers below show a directory there."""
        parent, _, name = path.rpartition(b"/")
        shown = self._shown(parent, path)
        if shown is not None and shown.node.is_directory:
            return
        folder = self._folder(parent)
        try:
            self._make(folder, name, what)
        finally:
            os.close(folder)

    def _shown(self, parent: bytes, path: bytes) -> Shown | None:
        """Return what the layers below show at `path`, which lies in the folder `parent`."""
        layers = self._stack.all
        if parent:
            above = self._stack.children(b"", layers).get(parent)
            layers = above.layers if above is not None and above.node.is_directory else ()
        return self._stack.children(parent, layers).get(path)

    def _folder(self, path: bytes) -> int:
        """Open a folder of the upper layer; make it, like the one below, if it is missing."""
        if path:
            try:
                os.mkdir(path, _MODE, dir_fd=self._root)
            except FileExistsError:
                pass
            else:
                self._describe(path, self._stack.children(b"", self._stack.all).get(path))
        return open_beneath(self._root, path, os.O_RDONLY | os.O_DIRECTORY)

    def _describe(self, path: bytes, below: Shown | None) -> None:
        """Give a merged directory the owner and mode that it has below."""
        uid = gid = self._owner
        mode = _MODE
        if below is not None and below.node.is_directory:
            status = below.node.stat
            uid, gid, mode = status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)
        os.chown(path, uid, gid, dir_fd=self._root)
        os.chmod(path, mode, dir_fd=self._root)

    def _make(self, folder: int, name: bytes, what: str) -> None:
        if what == _DIRECTORY:
            os.mkdir(name, _MODE, dir_fd=folder)
            os.chmod(name, _MODE, dir_fd=folder)
        elif what == _FILE:
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE, dir_fd=folder)
            os.fchmod(file, _MODE)
            os.close(file)
        else:
            os.symlink(what, name, dir_fd=folder)
        os.chown(name, self._owner, self._owner, dir_fd=folder, follow_symlinks=False)
