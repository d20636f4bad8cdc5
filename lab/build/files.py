"""Where COPY and ADD take files from: a build context, or the file system of an image.

Both are trees of entries; paths are relative, without a leading slash, and the root is "".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol

from lab.build.context import Entry


class Files(Protocol):
    """A tree that is only read.  No link in it leads out of it."""

    def get(self, path: str) -> Entry | None:
        """Return what has exactly this name, without following links; None for nothing."""

    def resolve(self, path: str) -> str:
        """Return the path without links; its end need not exist.

        Raises BuildError for a path that leads out as written, or has too many links.
        """

    def walk(self, path: str = "") -> Iterator[str]:
        """Yield `path` and all below it, directories before their content, siblings by name."""

    def open(self, entry: Entry) -> BinaryIO:
        """Open a file's content for reading; a real file, with a descriptor."""

    def attributes(self, entry: Entry) -> Mapping[bytes, bytes]:
        """Return the extended attributes that a file brings along, as a layer holds them."""

    def checksum(self, path: str) -> str:
        """Return the checksum of what `path` leads to; the path itself where there is none."""
