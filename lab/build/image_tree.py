"""The file system of an image, as a source of COPY --from.

Unlike a context it is not known beforehand: entries are looked up, and files read, when they are
asked for.  Links are followed as if the image were the whole world.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from lab.build.context import Entry, Kind, forbidden
from lab.build.golang import clean
from lab.build.rootfs import RootFs
from lab.image import attributes

_CHUNK = 1 << 20


class ImageTree:
    """Implements Files upon an open root; entries are kept, since nothing changes in it."""

    def __init__(self, root: RootFs) -> None:
        self._root = root
        self._entries: dict[str, Entry | None] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._paths: list[str] = []

    def get(self, path: str) -> Entry | None:
        if path not in self._entries:
            self._entries[path] = self._look(path)
        return self._entries[path]

    def resolve(self, path: str) -> str:
        if clean(path).split("/")[0] == "..":
            raise forbidden(path)
        try:
            return self._root.resolve(path).lstrip("/")
        except OSError:
            raise forbidden(path) from None

    def walk(self, path: str = "") -> Iterator[str]:
        yield path
        entry = self.get(path)
        if entry is not None and entry.kind is Kind.DIRECTORY:
            for name in sorted(self._root.names(path)):
                inside = posixpath.join(path, name)
                if self.get(inside) is not None:
                    yield from self.walk(inside)

    def open(self, entry: Entry) -> BinaryIO:
        return self._root.open(self._paths[entry.content])

    def attributes(self, entry: Entry) -> Mapping[bytes, bytes]:
        with self.open(entry) as file:
            return attributes.read(file.fileno())

    def checksum(self, path: str) -> str:
        resolved = self.resolve(path)
        entry = self.get(resolved)
        if entry is None:
            return path
        uid, gid = entry.owner
        header = f"{resolved}\0{entry.kind.value}\0{entry.mode}\0{uid}\0{gid}\0{entry.target}\0"
        running = hashlib.sha256(header.encode("utf-8", "surrogateescape"))
        if entry.kind is Kind.FILE:
            for name, value in sorted(self.attributes(entry).items()):
                running.update(name + b"\0" + value + b"\0")
            with self.open(entry) as file:
                while piece := file.read(_CHUNK):
                    running.update(piece)
        return running.hexdigest()

    def _look(self, path: str) -> Entry | None:
        try:
            status = self._root.status(path)
        except OSError:
            return None
        kind = _KINDS.get(stat.S_IFMT(status.st_mode)) if status else None
        if status is None or kind is None:
            # devices cannot be made in a user namespace; rootless Docker leaves them out too
            return None
        return Entry(
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_mtime_ns,
            target=self._root.link(path) or "" if kind is Kind.LINK else "",
            content=self._number(path, status) if kind is Kind.FILE else -1,
            owner=self._root.owner(status),
        )

    def _number(self, path: str, status: os.stat_result) -> int:
        """Return the number of a file's content; names of one file share it."""
        same = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and same in self._numbers:
            return self._numbers[same]
        self._paths.append(path)
        self._numbers[same] = len(self._paths) - 1
        return self._numbers[same]


_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFIFO: Kind.FIFO,
}
