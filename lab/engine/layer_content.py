"""The content of one small file of a layer, before and after it, for showing a difference.

Layers are folders that containers may be writing to: no symbolic link is ever followed, and only
regular files are read, up to a limit.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InvalidParameter, NotFound
from lab.image.tar import KIND_OF_TYPE, Kind
from lab.kernel import trees
from lab.kernel.openat2 import open_beneath

MAX_BYTES = 1 << 16
"""The most of one file that is read."""

_LOOK = os.O_PATH | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Content:
    """What is at a path: a value of tar.Kind, and the bytes of a file.

    `text` is None for what is no text in UTF-8 and for what is no file; of a symbolic link it is
    the target.  `truncated` says that the file goes on.
    """

    kind: str
    size: int = 0
    mode: int = 0
    text: str | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ContentChange:
    """A path before a layer and with it; None where nothing is there."""

    path: str
    before: Content | None
    after: Content | None


def content_change(upper: Path, lowers: Sequence[Path], path: str) -> ContentChange:
    """Return what `upper` makes of `path` (absolute), which `lowers` (topmost first) may have too.

    Raises NotFound if the layer does nothing to it, InvalidParameter for a path that is none.
    """
    parts = _parts(path)
    found = _Sight(upper, parts)
    if found.content is None and not found.hides:
        raise NotFound(f"No such file in the layer: {path}")
    before = None
    for lower in lowers:
        sight = _Sight(lower, parts)
        if sight.content is not None or sight.hides:
            before = sight.content
            break
    if found.content is None and before is None:
        raise NotFound(f"No such file in the layer: {path}")
    return ContentChange(path, before, found.content)


def _parts(path: str) -> list[bytes]:
    parts = [os.fsencode(part) for part in path.split("/") if part]
    if not path.startswith("/"):
        raise InvalidParameter(f"path must be absolute: {path}")
    if not parts or b".." in parts or b"." in parts or "\0" in path:
        raise InvalidParameter(f"path must name a file, without . and ..: {path}")
    return parts


class _Sight:
    """What one layer has at a path; `hides` says that nothing below it shows through."""

    def __init__(self, layer: Path, parts: Sequence[bytes]) -> None:
        self.content: Content | None = None
        self.hides = False
        with trees.opened(layer) as root:
            self._walk(root, parts)

    def _walk(self, root: int, parts: Sequence[bytes]) -> None:
        for count in range(1, len(parts) + 1):
            path = b"/".join(parts[:count])
            status = _status(root, path)
            if status is None:
                return
            if trees.is_whiteout(status):
                self.hides = True
                return
            if count == len(parts):
                self.content = _content(root, path, status)
                return
            if not stat.S_ISDIR(status.st_mode):
                # what is no folder has nothing in it, whatever is below
                self.hides = True
                return
            self.hides = self.hides or trees.is_opaque(root, path)


def _status(root: int, path: bytes) -> os.stat_result | None:
    try:
        fd = open_beneath(root, path, _LOOK)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _content(root: int, path: bytes, status: os.stat_result) -> Content | None:
    kind = KIND_OF_TYPE.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    mode = stat.S_IMODE(status.st_mode)
    if kind is Kind.SYMLINK:
        return Content(kind.value, 0, mode, _target(root, path))
    if kind is not Kind.FILE:
        return Content(kind.value, 0, mode)
    data = _read(root, path)
    text = _text(data[:MAX_BYTES])
    return Content(kind.value, status.st_size, mode, text, len(data) > MAX_BYTES)


def _read(root: int, path: bytes) -> bytes:
    try:
        fd = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return b""  # replaced or removed since the look
    with open(fd, "rb") as file:
        return file.read(MAX_BYTES + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else b""


def _target(root: int, path: bytes) -> str | None:
    try:
        fd = open_beneath(root, path, _LOOK)
    except OSError:
        return None
    try:
        return os.readlink(b"", dir_fd=fd).decode(errors="replace")
    except OSError:
        return None
    finally:
        os.close(fd)


def _text(data: bytes) -> str | None:
    """Return text; a character that the limit cut in two is left out."""
    if b"\0" in data:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return None
