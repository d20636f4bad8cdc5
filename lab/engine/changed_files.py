"""What a layer changes of those below it, file by file, and a quick way to see that it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.image.changes import Change, ChangeKind, changes
from lab.image.explore import OPAQUE, WHITEOUT, layer_entries
from lab.image.tar import display
from lab.kernel import trees

_MARKED = 5000


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A path and what happened to it.

    `kind` is a value of tar.Kind (`file`, `directory`, ...), empty for a deletion; `size` is the
    file's bytes, `mode` its permission bits.
    """

    path: str
    change: ChangeKind
    kind: str = ""
    size: int = 0
    mode: int = 0


@dataclass(frozen=True, slots=True)
class LayerFiles:
    """What a layer changes: `total` paths, of which `files` are the first, sorted by path.

    `size` is the bytes of all files that the layer itself holds, hard links counted once.
    """

    files: tuple[ChangedFile, ...]
    total: int
    size: int

    @property
    def truncated(self) -> bool:
        return self.total > len(self.files)


def changed_files(
    upper: Path,
    lowers: Sequence[Path],
    limit: int,
    path: str = "/",
    skip: frozenset[str] = frozenset(),
) -> LayerFiles:
    """Return what the directory `upper` changes of `lowers` (topmost first) at and below `path`.

    `skip` names paths that are not the layer's own doing.  Raises FileNotFoundError if a layer
    is gone.
    """
    below = path.rstrip("/") + "/"
    found = [
        change
        for change in changes(upper, lowers)
        if (change.path == path or change.path.startswith(below)) and change.path not in skip
    ]
    listed = {change.path: change for change in found[:limit]}
    size = 0
    files: dict[str, ChangedFile] = {}
    for entry in layer_entries(upper):
        size += entry.size
        if entry.path in listed and entry.kind not in (WHITEOUT, OPAQUE):
            kind = listed[entry.path].kind
            files[entry.path] = ChangedFile(entry.path, kind, entry.kind, entry.size, entry.mode)
    shown = (files.get(change.path) or _vanished(change) for change in listed.values())
    return LayerFiles(tuple(shown), len(found), size)


@dataclass(frozen=True, slots=True)
class Marks:
    """How a layer stands: `digest` differs as soon as anything below it was changed.

    `times` tell two such states apart path by path; None where there are too many paths.
    """

    digest: bytes
    times: Mapping[str, int] | None

    def differences(self, earlier: Marks) -> list[str] | None:
        """Return the paths that are new, gone, or written since `earlier`; None if unknown."""
        if self.times is None or earlier.times is None:
            return None
        both = self.times.items() ^ earlier.times.items()
        return sorted({path for path, _ in both})


def fingerprint(upper: Path) -> Marks:
    """Return how the layer `upper` stands now.

    Every change, also of a file's content alone, moves an inode's change time (inode(7)).  That
    of a directory, which moves when something in it does, is no difference of its own.
    """
    running = hashlib.blake2b(digest_size=16)
    times: dict[str, int] = {}
    count = 0
    with trees.opened(upper) as root:
        for node in trees.walk(root):
            status = node.stat
            running.update(b"%s\0%d %d;" % (node.path, status.st_ino, status.st_ctime_ns))
            count += 1
            if count <= _MARKED:
                time = 0 if node.is_directory else status.st_ctime_ns
                times["/" + display(node.path)] = time
    return Marks(running.digest(), times if count <= _MARKED else None)


def _vanished(change: Change) -> ChangedFile:
    """Return a path that is deleted, or went away between two looks."""
    return ChangedFile(change.path, ChangeKind.DELETED if not change.kind else change.kind)
