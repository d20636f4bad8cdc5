"""COPY, ADD and WORKDIR on a layer's file system, as Docker's classic builder does them.

* A directory is copied as its content; a file goes into the destination if that ends in a slash
  or is a directory, otherwise it becomes the destination.
* The destination's own path may lead through links of the image.  Below it none is followed: a
  file, link or directory of another kind that is in the way is replaced, directories are merged.
* Modes and times are those of the source.  Everything belongs to the owner, and by giving it to
  them Linux takes set-user-id bits off.  What comes out of an image or an archive keeps its own
  owners, bits and extended attributes (file capabilities) instead.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lab.build.context import Entry, Kind
from lab.build.files import Files
from lab.build.golang import clean
from lab.build.rootfs import ROOT, Owner, RootFs
from lab.build.selection import Source
from lab.errors import BuildError

_SECOND = 1_000_000_000
_SET_ID = 0o6000
_MAX_MODE = 0o7777

Checkpoint = Callable[[], None]
"""Called before each file; raises to stop."""


def make_workdir(root: RootFs, path: str) -> None:
    """Make the directory of a WORKDIR; it belongs to root, whatever USER says."""
    try:
        root.make_directories(root.resolve(path))
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            raise BuildError(f"Cannot mkdir: {clean(path)} is not a directory") from None
        raise BuildError(f"mkdir {path}: {_reason(error)}") from None


class Copier:
    """Copies files of contexts and images into a root file system.

    All gets this `owner`, or, for None, keeps the one that it had; and this `mode`, or its own.
    """

    def __init__(
        self, root: RootFs, owner: Owner | None, check: Checkpoint, mode: int | None = None
    ) -> None:
        self._root = root
        self._owner = owner
        self._check = check
        self._mode = mode

    def copy(self, sources: Sequence[Source], destination: str) -> None:
        """Copy all sources to `destination`, an absolute path.  Raises BuildError."""
        for source in sources:
            with _failing("lstat", destination):
                target = self._root.resolve(destination)
                into = destination.endswith("/") or self._root.is_directory(target)
            if source.is_directory:
                self._copy_directory(source.files, source.path, target)
            else:
                self._copy_file(source, posixpath.join(target, source.name) if into else target)

    def extract(self, files: Files, destination: str) -> None:
        """Put all of an archive into the directory `destination`.  Raises BuildError."""
        with _failing("lstat", destination):
            target = self._root.resolve(destination)
        self._copy_directory(files, "", target)

    def _copy_file(self, source: Source, target: str) -> None:
        parent = posixpath.dirname(target)
        with _failing("failed to create new directory: mkdir", parent):
            self._root.make_directories(parent, self._owner or ROOT)
        entry = source.files.get(source.path)
        if entry is not None:
            with _failing("failed to copy file: open", target):
                self._place(source.files, entry, target)

    def _copy_directory(self, files: Files, path: str, target: str) -> None:
        with _failing("failed to copy directory: mkdir", target):
            existed = self._root.is_directory(target)
            self._root.make_directories(target)
            if not existed:
                self._root.own(target, self._owner or ROOT)
        directories: list[tuple[str, Entry]] = []
        placed: dict[int, str] = {}
        for name in files.walk(path):
            entry = files.get(name)
            if entry is None or name == path:
                continue
            inside = posixpath.join(target, posixpath.relpath(name, path or "."))
            with _failing("failed to copy directory: open", inside):
                self._place(files, entry, inside, placed)
            if entry.kind is Kind.DIRECTORY:
                directories.append((inside, entry))
        self._date(directories)

    def _place(
        self, files: Files, entry: Entry, path: str, placed: dict[int, str] | None = None
    ) -> None:
        """Put one entry at `path`, whose parent is there.

        `placed` knows the files of this directory that have several names in their tree.
        """
        self._check()
        is_directory = entry.kind is Kind.DIRECTORY
        if not (is_directory and self._root.is_directory(path)):
            self._root.clear(path)
        if placed is not None and entry.content in placed:
            self._root.make_hard_link(path, placed[entry.content])
        else:
            self._make(files, entry, path)
            if placed is not None and entry.kind is Kind.FILE:
                placed[entry.content] = path
        self._give(entry, path)
        if entry.kind is Kind.FILE and self._owner is None:
            # after the owner, since Linux takes file capabilities off with a change of that
            self._bring_attributes(files, entry, path)
        if not is_directory:
            self._root.date(path, _whole_seconds(entry))

    def _make(self, files: Files, entry: Entry, path: str) -> None:
        mode = entry.mode if self._mode is None else self._mode
        if entry.kind is Kind.DIRECTORY:
            self._root.make_directory(path, mode)
        elif entry.kind is Kind.LINK:
            self._root.make_link(path, entry.target)
        elif entry.kind is Kind.FIFO:
            self._root.make_fifo(path, mode)
        else:
            with files.open(entry) as content:
                self._root.write(path, content, mode)

    def _give(self, entry: Entry, path: str) -> None:
        """Set the owner; Linux takes set-id bits off with that, which only a copy from us loses."""
        self._root.own(path, self._owner or entry.owner)
        mode = entry.mode if self._mode is None else self._mode
        keeps = self._owner is None or self._mode is not None
        if keeps and mode & _SET_ID and entry.kind in (Kind.FILE, Kind.DIRECTORY):
            self._root.set_mode(path, mode)

    def _bring_attributes(self, files: Files, entry: Entry, path: str) -> None:
        found = files.attributes(entry)
        if found:
            self._root.set_attributes(path, found)

    def _date(self, directories: list[tuple[str, Entry]]) -> None:
        # last, because making files in a directory changes its time
        for path, entry in directories:
            with _failing("failed to copy directory: chtimes", path):
                self._root.date(path, _whole_seconds(entry))


def owner_of(root: RootFs, chown: str) -> Owner:
    """Return the ids that `--chown=user[:group]` means in this image; root if it is empty.

    Raises BuildError with Docker's wording for names that the image does not have.
    """
    if not chown:
        return ROOT
    try:
        user, colon, group = chown.partition(":")
        if ":" in group:
            raise BuildError(f"invalid chown string format: {chown}")
        group = group if colon else user
        return (
            _lookup(root, "uid", "user", user, "/etc/passwd"),
            _lookup(root, "gid", "group", group, "/etc/group"),
        )
    except BuildError as error:
        raise BuildError(
            f"unable to convert uid/gid chown string to host mapping: {error.message}"
        ) from None


def mode_of(chmod: str) -> int | None:
    """Return the mode that `--chmod` means; None if it is empty.  Raises BuildError."""
    if not chmod:
        return None
    if not chmod.isascii() or not set(chmod) <= set("01234567") or int(chmod, 8) > _MAX_MODE:
        raise BuildError(
            f"invalid chmod parameter: '{chmod}'. it should be octal string and between 0 and 07777"
        )
    return int(chmod, 8)


def _lookup(root: RootFs, what: str, kind: str, name: str, path: str) -> int:
    try:
        number = int(name) if _is_number(name) else _named(root, name, path)
    except OSError as error:
        raise BuildError(
            f"can't find {what} for {kind} {name}: open {path}: {_reason(error)}"
        ) from None
    if number is None:
        raise BuildError(f"can't find {what} for {kind} {name}: no such {kind}: {name}")
    if not root.holds(number):
        raise BuildError(
            "unable to convert uid/gid to host mapping:"
            f" Container ID {number} cannot be mapped to a host ID"
        )
    return number


def _named(root: RootFs, name: str, path: str) -> int | None:
    """Return the third field of the line that begins with `name:`, or None."""
    for line in root.lines(path):
        fields = line.strip().split(":")
        if fields[0] == name and len(fields) > 2 and _is_number(fields[2]):
            return int(fields[2])
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10


def _whole_seconds(entry: Entry) -> int:
    return entry.mtime_ns // _SECOND * _SECOND


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


@contextmanager
def _failing(doing: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(f"failed to copy files: {doing} {path}: {_reason(error)}") from None
