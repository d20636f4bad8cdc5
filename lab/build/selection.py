"""Which files of the context a COPY means, and the checksums that stand for them.

Source: Dockerfile reference, COPY; checksums and errors are those of Docker's classic builder.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from lab.build.context import Context, Kind
from lab.build.golang import match
from lab.errors import BuildError


@dataclass(frozen=True, slots=True)
class Source:
    """One file or directory to copy.

    `path` is where it is in the context, links followed; `name` is what a file is called at the
    destination; `checksum` is `file:...` or `dir:...`.
    """

    path: str
    name: str
    is_directory: bool
    checksum: str


def select(context: Context, patterns: Iterable[str]) -> list[Source]:
    """Return what the patterns mean, in their order.

    Raises BuildError: `COPY failed: ...` if one means nothing that is there.
    """
    try:
        found = [source for pattern in patterns for source in _matching(context, pattern)]
        if not found:
            raise BuildError("no source files were specified")
    except BuildError as error:
        raise BuildError(f"COPY failed: {error.message}") from None
    return found


def combined_checksum(sources: list[Source]) -> str:
    """Return the checksum that the history shows for a COPY of all `sources`."""
    if len(sources) == 1:
        return sources[0].checksum
    return _hash_of("multi", [source.checksum for source in sources])


def files_of(context: Context, sources: list[Source]) -> dict[str, str]:
    """Return path and checksum of everything below the sources, for the record of the step."""
    found: dict[str, str] = {}
    for source in sources:
        for path in context.walk(source.path):
            entry = context.get(path)
            if entry is not None and path:
                # names that are not UTF-8 could not be stored as text
                readable = path.encode("utf-8", "replace").decode()
                found[readable] = entry.checksum or "directory"
    return found


def _matching(context: Context, pattern: str) -> list[Source]:
    if pattern.startswith(("http://", "https://")):
        raise BuildError("source can't be a URL for COPY")
    path = pattern.removeprefix("/").removeprefix("./")
    if not _has_wildcards(path):
        return [_source(context, path)]
    return [_source(context, name) for name in context.walk() if name and _matches(path, name)]


def _source(context: Context, path: str) -> Source:
    resolved = context.resolve(path)
    entry = context.get(resolved)
    if entry is None:
        raise BuildError(
            "file not found in build context or excluded by .dockerignore:"
            f" stat {path}: file does not exist"
        )
    if entry.kind is Kind.DIRECTORY:
        below = [context.checksum(name) for name in context.walk(resolved) if name]
        return Source(resolved, "", True, _hash_of("dir", sorted(below)))
    name = posixpath.basename(path.rstrip("/"))
    return Source(resolved, name, False, f"file:{context.checksum(path)}")


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
