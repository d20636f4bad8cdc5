"""Which files of the context a COPY means, and the checksums that stand for them.

Source: Dockerfile reference, COPY; checksums and errors are those of Docker's classic builder.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from lab.build.context import Kind
from lab.build.files import Files
from lab.build.golang import match
from lab.errors import BuildError


@dataclass(frozen=True, slots=True)
class Source:
    """One file or directory to copy.

    `files` is the tree that it is in, and `path` where, links followed; `name` is what a file is
    called at the destination; `checksum` is `file:...` or `dir:...`.  ADD unpacks an archive only
    if it `extracts`.
    """

    files: Files
    path: str
    name: str
    is_directory: bool
    checksum: str
    extracts: bool = True


def select(files: Files, patterns: Iterable[str], is_context: bool = True) -> list[Source]:
    """Return what the patterns mean, in their order.

    Raises BuildError if one means nothing that is there.
    """
    return [source for pattern in patterns for source in _matching(files, pattern, is_context)]


def combined_checksum(sources: list[Source]) -> str:
    """Return the checksum that the history shows for a COPY of all `sources`."""
    if len(sources) == 1:
        return sources[0].checksum
    return _hash_of("multi", [source.checksum for source in sources])


def files_of(sources: list[Source]) -> dict[str, str]:
    """Return path and checksum of everything below the sources, for the record of the step."""
    found: dict[str, str] = {}
    for source in sources:
        for path in source.files.walk(source.path):
            entry = source.files.get(path)
            if entry is not None and path:
                # names that are not UTF-8 could not be stored as text
                readable = path.encode("utf-8", "replace").decode()
                found[readable] = entry.checksum or "directory"
    return found


def _matching(files: Files, pattern: str, is_context: bool) -> list[Source]:
    path = pattern.removeprefix("/").removeprefix("./")
    if not _has_wildcards(path):
        return [_source(files, path, is_context)]
    names = [name for name in files.walk() if name and _matches(path, name)]
    return [_source(files, name, is_context) for name in names]


def _source(files: Files, path: str, is_context: bool) -> Source:
    resolved = files.resolve(path)
    entry = files.get(resolved)
    if entry is None:
        where = "file not found in build context or excluded by .dockerignore: "
        raise BuildError(f"{where if is_context else ''}stat {path}: file does not exist")
    if entry.kind is Kind.DIRECTORY:
        below = [files.checksum(name) for name in files.walk(resolved) if name]
        return Source(files, resolved, "", True, _hash_of("dir", sorted(below)))
    name = posixpath.basename(path.rstrip("/"))
    return Source(files, resolved, name, False, f"file:{files.checksum(path)}")


def _has_wildcards(path: str) -> bool:
    at = 0
    while at < len(path):
        if path[at] in "*?[":
            return True
        at += 2 if path[at] == "\\" else 1
    return False


def _matches(pattern: str, name: str) -> bool:
    try:
        return match(pattern, name)
    except ValueError:
        return False


def _hash_of(kind: str, checksums: list[str]) -> str:
    joined = ",".join(checksums).encode("utf-8", "surrogateescape")
    return f"{kind}:{hashlib.sha256(joined).hexdigest()}"
