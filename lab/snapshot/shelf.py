"""What both snapshotters share: numbered folders, their records, and their removal.

ROOT/snapshots/NUMBER/    one snapshot's folders
ROOT/trash/               removed ones, until they are deleted
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.database import Database
from lab.errors import Conflict, SyscallError
from lab.kernel import trees
from lab.snapshot.base import Kind, Snapshot
from lab.snapshot.records import Records
from lab.snapshot.trash import Trash

_MODE = 0o711
"""Container root may pass through on its way to its own folders, and list nothing."""


class Shelf:
    """Keeps a folder for every record, and no folder without one."""

    def __init__(self, root: Path, database: Database, driver: str) -> None:
        self.base = root / "snapshots"
        self.records = Records(database, driver)
        self._trash = Trash(root / "trash")
        self.base.mkdir(parents=True, exist_ok=True)
        self.base.chmod(_MODE)
        self._discard_orphans()
        self._trash.wake()

    def folder(self, snapshot: Snapshot) -> Path:
        """Return the snapshot's folder."""
        return self.base / str(snapshot.number)

    def add(
        self, key: str, kind: Kind, parent: str | None, fill: Callable[[Path], None]
    ) -> Snapshot:
        """Make a snapshot whose folder `fill` furnishes; all of it or nothing."""
        with self.records.transaction():
            snapshot = self.records.add(key, kind, parent)
            folder = self.folder(snapshot)
            self.discard(folder)  # its record did not come to be
            try:
                folder.mkdir()
                folder.chmod(_MODE)
                fill(folder)
            except BaseException as error:
                self.discard(folder)
                if isinstance(error, OSError):
                    raise SyscallError(error.errno or errno.EIO, f"make snapshot {key}") from None
                raise
        return snapshot

    def require(self, key: str, *kinds: Kind) -> Snapshot:
        """Return the record of a snapshot that must be of one of `kinds`; NotFound, Conflict."""
        snapshot = self.records.get(key)
        if snapshot.kind not in kinds:
            raise Conflict(f"snapshot {key} is {snapshot.kind}")
        return snapshot

    def remove(self, key: str) -> None:
        """Remove record and folder; a crash between the two leaves an orphan for the next start."""
        self._trash.discard(self.folder(self.records.delete(key)))

    def discard(self, path: Path) -> None:
        """Make a directory of a snapshot vanish; nothing there is no error."""
        if path.exists():
            self._trash.discard(path)

    def walk(self) -> Iterator[Snapshot]:
        """Yield all records, oldest first."""
        return self.records.all()

    def sweep(self) -> None:
        """Delete what was removed; returns when that is done."""
        self._trash.sweep()

    def close(self) -> None:
        """Wait for the thread that deletes."""
        self._trash.close()

    def _discard_orphans(self) -> None:
        known = {str(snapshot.number) for snapshot in self.records.all()}
        for folder in self.base.iterdir():
            if folder.name not in known:
                self._trash.discard(folder)


def size_of(tree: Path) -> int:
    """Return the bytes of all files and links below `tree`, each inode counted once, as Docker."""
    total = 0
    counted: set[tuple[int, int]] = set()
    with trees.opened(tree) as root:
        for node in trees.walk(root):
            status = node.stat
            if stat.S_ISDIR(status.st_mode):
                continue
            if status.st_nlink > 1:
                inode = (status.st_dev, status.st_ino)
                if inode in counted:
                    continue
                counted.add(inode)
            total += status.st_size
    return total
