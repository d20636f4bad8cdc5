"""The host's folders that clients name in binds: resolved, made where missing, some refused.

The host's `/` need not be this process's: in a virtual machine it is a folder.  Links are followed
as the host would follow them, so that an absolute one stays below that folder.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from lab.errors import InvalidParameter, SyscallError
from lab.kernel.openat2 import Resolve, openat2

_MOST_LINKS = 40
"""As many links as the kernel follows in one path.  Source: path_resolution(7)."""


class HostFolders:
    """Looks at what binds show; blocks as long as the disk does.

    `root` is where the host's `/` lies; `own` are folders of the host, as the host names them,
    that nobody may bind: the engine's state.
    """

    def __init__(self, root: Path, own: Sequence[Path]) -> None:
        self._root = root
        self._own = own

    def check(self, source: str) -> None:
        """Raise InvalidParameter if `source`, existing or not, lies in the engine's own state."""
        found = self._real(source)
        for folder in self._own:
            state = self._real(str(folder))
            if found == state or state in found.parents:
                raise InvalidParameter(
                    f'invalid mount config for type "bind": {source} holds the engine\'s own state'
                )

    def provide(self, source: str) -> None:
        """Make the folder `source`, with those above it, if nothing is there, as Docker does.

        Raises InvalidParameter if that cannot be done.
        """
        try:
            os.close(self._made(os.path.normpath(source)))
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EXDEV):
                return  # a circle, or a link of /proc: the start refuses to follow these
            raise InvalidParameter(
                f"error while creating mount source path '{source}': {os.strerror(error.errno or 0)}"
            ) from None

    def require(self, source: str) -> None:
        """Raise InvalidParameter if nothing is at `source`."""
        try:
            os.close(self._open(os.path.normpath(source)))
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EXDEV):
                return  # the start refuses to follow these
            raise InvalidParameter(
                f'invalid mount config for type "bind": bind source path does not exist: {source}'
            ) from None

    def why_missing(self, source: str) -> str:
        """Return why nothing can be shown of `source`; empty if there is something."""
        try:
            os.close(self._open(os.path.normpath(source)))
        except OSError as error:
            return os.strerror(error.errno or 0).lower()
        return ""

    def _real(self, source: str) -> Path:
        """Return where a path of the host leads, as the host names it; what is missing is no link."""
        found: list[str] = []
        pending = source.split("/")[::-1]
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del found[-1:]
            elif part not in ("", "."):
                target = self._link([*found, part]) if links < _MOST_LINKS else None
                if target is None:
                    found.append(part)
                    continue
                links += 1
                if target.startswith("/"):
                    found.clear()
                pending += target.split("/")[::-1]
        return Path("/", *found)

    def _link(self, parts: Sequence[str]) -> str | None:
        try:
            return os.readlink(self._root.joinpath(*parts))
        except OSError:
            return None

    def _made(self, path: str) -> int:
        """Return a descriptor of `path`, which is made if it is not there."""
        try:
            return self._open(path)
        except FileNotFoundError:
            parent = self._made(os.path.dirname(path))
        try:
            os.mkdir(os.path.basename(path), dir_fd=parent)
        except FileExistsError:
            # made by somebody else meanwhile; or it is a link that leads nowhere
            pass
        finally:
            os.close(parent)
        return self._open(path)

    def _open(self, path: str) -> int:
        root = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return openat2(root, os.fsencode(path), os.O_PATH, 0, Resolve.IN_ROOT)
        except SyscallError as error:
            # by the names that Python has for the commoner errors
            raise OSError(error.errno, os.strerror(error.errno or 0)) from None
        finally:
            os.close(root)
