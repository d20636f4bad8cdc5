"""The build context: a tree of names in memory, and the files' contents in a scratch folder.

Contents lie in the scratch folder under numbers (small ones, as far as there is room, in memory);
names, modes and links are only looked up in
the tree.  So nothing that a client sends, however it is named or linked, can touch a file that
is not its own.  Paths are relative, without a leading slash; the root is "".
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from lab.build.golang import clean
from lab.errors import BuildError

_MAX_LINKS = 255
_SMALL = 1 << 16
_MAX_HELD = 4 << 20
"""Bytes of small contents that one context has in memory."""


class Kind(Enum):
    """What a name in the context stands for."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the context.

    `mode` has the permission bits and set-id bits, `mtime_ns` is nanoseconds since the epoch;
    `checksum` covers header and content, empty for a directory that is only implied; `target`
    is where a link leads, `content` the number of a file's content; `attributes` are extended
    attributes by name.
    """

    kind: Kind
    mode: int
    mtime_ns: int = 0
    checksum: str = ""
    target: str = ""
    content: int = -1
    owner: tuple[int, int] = (0, 0)
    attributes: tuple[tuple[bytes, bytes], ...] = ()


class Context:
    """The tree.  It is filled by `unpack.py` and only read afterwards, except for `remove`."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.owned = scratch
        """What goes with the context when it is closed."""
        self._held: dict[int, bytes] = {}
        self._room = _MAX_HELD
        self._entries: dict[str, Entry] = {"": Entry(Kind.DIRECTORY, 0o755)}
        self._ordered: list[str] | None = None

    def close(self) -> None:
        """Delete the scratch folder."""
        shutil.rmtree(self.owned, ignore_errors=True)

    def get(self, path: str) -> Entry | None:
        """Return what has exactly this name, without following links."""
        return self._entries.get(path)

    def put(self, path: str, entry: Entry) -> None:
        """Add an entry, whose parent exists; what had the name is replaced, directories merge."""
        present = self._entries.get(path)
        if present and present.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
            self.remove(path)
        self._entries[path] = entry
        self._ordered = None

    def remove(self, path: str) -> None:
        """Take away an entry and all below it; nothing there is no error."""
        if path == "":
            return
        below = path + "/"
        for name in [name for name in self._entries if name == path or name.startswith(below)]:
            del self._entries[name]
        self._ordered = None

    def resolve(self, path: str) -> str:
        """Return the path without links, followed as if the context were the whole world.

        The end of the path need not exist.  Raises BuildError for a path that leads out as
        written, or has too many links.
        """
        if clean(path).split("/")[0] == "..":
            raise forbidden(path)
        ahead = clean(path).split("/")[::-1]
        walked: list[str] = []
        links = 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                del walked[-1:]
            elif part not in ("", "."):
                walked.append(part)
                entry = self._entries.get("/".join(walked))
                if entry is None or entry.kind is not Kind.LINK:
                    continue
                links += 1
                if links > _MAX_LINKS:
                    raise forbidden(path)
                del walked[0 if entry.target.startswith("/") else -1 :]
                ahead += entry.target.split("/")[::-1]
        return "/".join(walked)

    def walk(self, path: str = "") -> Iterator[str]:
        """Yield `path` and all below it, directories before their content, siblings by name."""
        ordered = self._order()
        below = path + "/" if path else ""
        for name in ordered[ordered.index(path) :] if path else ordered:
            if name != path and not name.startswith(below):
                return
            yield name

    def open(self, entry: Entry) -> BinaryIO:
        """Open a file's content for reading; what is held in memory is a BytesIO."""
        held = self._held.get(entry.content)
        if held is not None:
            return io.BytesIO(held)
        return open(self.scratch / str(entry.content), "rb")

    def attributes(self, entry: Entry) -> Mapping[bytes, bytes]:
        """Return a file's extended attributes, as the archive of the context has them."""
        return dict(entry.attributes)

    def takes(self, size: int) -> bool:
        """Return whether a content of `size` bytes is to be held in memory."""
        return size <= min(_SMALL, self._room)

    def hold(self, number: int, content: bytes) -> None:
        """Hold a content in memory that would otherwise lie in the scratch folder."""
        self._held[number] = content
        self._room -= len(content)

    def checksum(self, path: str) -> str:
        """Return the checksum of what `path` leads to; the path itself where there is none."""
        entry = self._entries.get(self.resolve(path))
        return entry.checksum if entry is not None and entry.checksum else path

    def _order(self) -> list[str]:
        if self._ordered is None:
            self._ordered = sorted(self._entries, key=lambda name: name.split("/"))
        return self._ordered


def forbidden(path: str) -> BuildError:
    """Return the error of a path that leads out of its tree."""
    return BuildError(f"forbidden path outside the build context: {path} ()")
