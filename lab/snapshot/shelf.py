"""What both snapshotters share: numbered folders, their records, and their removal.

ROOT/snapshots/NUMBER/    one snapshot's folders; of an adopted one, a link to where it lies
ROOT/trash/               removed ones, until they are deleted
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lab.database import Database
from lab.errors import Conflict, NotFound, SyscallError
from lab.kernel import trees
from lab.snapshot.base import Kind, Snapshot
from lab.snapshot.records import Records
from lab.snapshot.trash import Trash

_MODE = 0o711
"""Container root may pass through on its way to its own folders, and list nothing."""


class Shelf:
    """Keeps a folder for every record, and no folder without one."""

    def __init__(self, root: Path, database: Database, driver: str, content: str) -> None:
        """`content` is what the folder of a snapshot's own changes is called."""
        self.base = root / "snapshots"
        self._content = content
        self.records = Records(database, driver)
        self._trash = Trash(root / "trash")
        self.base.mkdir(parents=True, exist_ok=True)
        self.base.chmod(_MODE)
        self._discard_orphans()
        self._trash.wake()

    def folder(self, snapshot: Snapshot) -> Path:
        """Return the snapshot's folder."""
        return self.base / str(snapshot.number)

    def changes(self, snapshot: Snapshot) -> Path:
        """Return the folder of the snapshot's own changes."""
        return self.folder(snapshot) / self._content

    def add(
        self,
        key: str,
        kind: Kind,
        parent: str | None,
        fill: Callable[[Path], None],
        size: int | None = None,
    ) -> Snapshot:
        """Make a snapshot whose folder `fill` furnishes; all of it or nothing."""
        with self.records.transaction():
            snapshot = self.records.add(key, kind, parent, size)
            self.require_whole(self.records.with_ancestors(key)[1:])
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

    def adopt(self, name: str, parent: str | None, folder: Path, size: int) -> None:
        """Make a committed snapshot whose changes lie in `folder`; see Snapshotter.adopt."""
        with self.records.transaction():
            lost = self._lost(name)
            if lost is None:
                self.add(
                    name,
                    Kind.COMMITTED,
                    parent,
                    lambda own: (own / self._content).symlink_to(folder),
                    size,
                )
                return
            self.records.resize(name, size)
            new = self.folder(lost) / "new"
            new.unlink(missing_ok=True)
            new.symlink_to(folder)
            new.rename(self.changes(lost))

    def commit(self, name: str, key: str, size: int) -> None:
        """Make an active snapshot a committed one; one of that name that is lost is replaced."""
        with self.records.transaction():
            lost = self._lost(name)
            if lost is None:
                self.records.commit(name, key, size)
                return
            # what stands on the lost one knows it by its name; its number stays, too, so that
            # every snapshot has a larger one than its parent
            active = self.require(key, Kind.ACTIVE)
            self.records.resize(name, size)
            self.records.delete(key)
            self.discard(self.folder(lost))
            self.folder(active).rename(self.folder(lost))

    def is_whole(self, key: str) -> bool:
        """Return whether a snapshot exists, with its files and all those below it."""
        try:
            line = self.records.with_ancestors(key)
        except NotFound:
            return False
        return all(self.changes(each).exists() for each in line)

    def require_whole(self, line: Iterable[Snapshot]) -> None:
        """Raise NotFound if the files of one of these snapshots are missing."""
        for snapshot in line:
            if not self.changes(snapshot).exists():
                raise NotFound(
                    f"layer {snapshot.key} is missing: it lay on a disk that is not here any more",
                    hint="pull the image again, or build it again",
                )

    def require(self, key: str, *kinds: Kind) -> Snapshot:
        """Return the record of a snapshot that must be of one of `kinds`; NotFound, Conflict."""
        snapshot = self.records.get(key)
        if snapshot.kind not in kinds:
            raise Conflict(f"snapshot {key} is {snapshot.kind}")
        return snapshot

    def remove(self, key: str) -> None:
        """Remove record and folder; a crash between the two leaves an orphan for the next start."""
        self.discard(self.folder(self.records.delete(key)))

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

    def _lost(self, name: str) -> Snapshot | None:
        """Return the committed snapshot of this name if its files are missing."""
        try:
            snapshot = self.records.get(name)
        except NotFound:
            return None
        gone = snapshot.kind is Kind.COMMITTED and not self.changes(snapshot).exists()
        return snapshot if gone else None

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
